/* translate.c: a message's body from one codec to another. What is decoded here is encoded by the session that sends
 * it. */
#include "core/gateway/translate.h"

#include <string.h>

const gee_codec_t *gee_translate_choose(const gee_engine_t *engine, const gee_protocol_t *protocol,
                                        const gee_codec_t *session, const gee_codec_t *from, bool typed) {
    if (from == session)
        return session;
    const gee_codec_t *framed = NULL;
    bool takes_framed = !session->self_delimiting && protocol->framed_codec != NULL;
    if (takes_framed && from != NULL && strcmp(from->name, protocol->framed_codec) == 0)
        return from; /* as it mostly is: without a look-up */
    if (takes_framed)
        framed = gee_module_find(engine->modules, GEE_MODULE_CODEC, gee_str(protocol->framed_codec));
    bool is_opaque = from != NULL && from->decode_value == NULL; /* bytes that only their type can read */
    return framed == NULL || typed || session->encode_value != NULL || is_opaque ? session : framed;
}

/* Bytes that a value takes as JSON at least. As gob a value may take far fewer, where names stand once and a list
 * has many. */
static size_t least_size(const gee_value_t *value) {
    size_t size = 2;
    switch (value->kind) {
    case GEE_VALUE_STRING:
        return size + value->string.length;
    case GEE_VALUE_BYTES:
        return size + value->bytes.length;
    case GEE_VALUE_LIST:
        for (size_t i = 0; i < value->list.count; i++)
            size += least_size(&value->list.items[i]);
        return size;
    case GEE_VALUE_STRUCT:
    case GEE_VALUE_MAP:
        for (size_t i = 0; i < value->pairs.count; i++)
            size += 3 + value->pairs.items[i].key.length + least_size(value->pairs.items[i].value);
        return size;
    default:
        return 1;
    }
}

static int decode_typed(const gee_engine_t *engine, const gee_payload_t *from, const gee_type_t *type, gee_pool_t *pool,
                        gee_payload_t *result, gee_error_t *error) {
    const gee_codec_limits_t *limits = &engine->onward_limits;
    void *value = gee_pool_zalloc(pool, type->size);
    if (value == NULL)
        return gee_error_set(error, GEE_RESOURCE_EXHAUSTED, "no memory for the value, or over limits.call_memory");
    *result = (gee_payload_t){ .kind = GEE_PAYLOAD_TYPED, .type = type, .typed = value };
    return from->codec->decode(from->codec_state, type, from->bytes, from->length, limits, true, pool, value, error);
}

static int decode_tree(const gee_engine_t *engine, const gee_payload_t *from, const gee_codec_t *to, gee_pool_t *pool,
                       gee_payload_t *result, gee_error_t *error) {
    const gee_codec_limits_t *limits = &engine->onward_limits;
    gee_value_t *value = gee_pool_zalloc(pool, sizeof(*value));
    if (value == NULL)
        return gee_error_set(error, GEE_RESOURCE_EXHAUSTED, "no memory for the value, or over limits.call_memory");
    *result = (gee_payload_t){ .kind = GEE_PAYLOAD_VALUE, .value = value };
    if (from->codec->decode_value(from->codec_state, from->bytes, from->length, limits, pool, value, error) != 0)
        return -1;
    size_t size = least_size(value), limit = limits->message;
    return limit == 0 || size <= limit
               ? 0
               : gee_error_set(error, GEE_RESOURCE_EXHAUSTED,
                               "it would be %zu bytes or more as %s, over %zu (limits.message)", size, to->name, limit);
}

int gee_translate(const gee_engine_t *engine, const gee_payload_t *from, const gee_codec_t *to, const gee_type_t *type,
                  gee_pool_t *pool, gee_payload_t *result, gee_error_t *error) {
    if (from->kind != GEE_PAYLOAD_BYTES) {
        *result = *from;
        return 0;
    }
    if (type != NULL)
        return decode_typed(engine, from, type, pool, result, error);
    if (from->codec->decode_value != NULL && to->encode_value != NULL)
        return decode_tree(engine, from, to, pool, result, error);
    return gee_error_set(
        error, GEE_UNIMPLEMENTED,
        "a %s body cannot be sent as %s: %s carries no types; compile the service's declaration in, or give it "
        "descriptors, or use one codec on both sides",
        from->codec->name, to->name, from->codec->decode_value ? to->name : from->codec->name);
}
