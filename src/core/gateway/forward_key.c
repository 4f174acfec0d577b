/* forward_key.c: keys of calls, as numbers. */
#include "core/gateway/forward_key.h"

#include <inttypes.h>
#include <stdio.h>

#include "core/base/hash.h"
#include "core/rpc/call_private.h"
#include "core/rpc/engine_private.h"

#define SCALAR_TEXT 40 /* of a number */

int gee_forward_key_parse(const char *text, gee_forward_key_t *key, gee_error_t *error) {
    static const gee_str_t metadata = { .data = "metadata.", .length = 9 },
                           arguments = { .data = "args.", .length = 5 };
    gee_str_t whole = gee_str(text);
    *key = (gee_forward_key_t){ .source = GEE_KEY_CLIENT };
    if (text == NULL || gee_str_equal(whole, GEE_STR("client")))
        return 0;
    if (gee_str_equal(whole, GEE_STR("method"))) {
        key->source = GEE_KEY_METHOD;
        return 0;
    }
    gee_str_t prefix = gee_str_starts_with(whole, metadata) ? metadata : arguments;
    if (!gee_str_starts_with(whole, prefix) || whole.length == prefix.length)
        return gee_error_set(error, GEE_INVALID_ARGUMENT,
                             "\"%s\" is no key; there is client, method, metadata.NAME and args.FIELD", text);
    key->source = prefix.data == metadata.data ? GEE_KEY_METADATA : GEE_KEY_ARGUMENT;
    key->name = (gee_str_t){ .data = whole.data + prefix.length, .length = whole.length - prefix.length };
    return 0;
}

static uint64_t hash(gee_str_t text) {
    static const uint64_t same_everywhere[2] = { 0x67656572706320, 0x6b657973 };
    return gee_siphash(same_everywhere, text.data, text.length);
}

/* "tcp@10.0.0.1:40312" without what changes from connection to connection. */
static gee_str_t client_of(const gee_call_t *call) {
    gee_str_t address = gee_str(gee_call_peer(call).address);
    ptrdiff_t colon = gee_str_starts_with(address, GEE_STR("unix@")) ? -1 : gee_str_find_last(address, ':');
    if (colon >= 0)
        address.length = (size_t)colon;
    return address;
}

/* A scalar as text, whichever codec it came by; data null: the value is no scalar. */
static gee_str_t text_of(const gee_value_t *value, char number[SCALAR_TEXT]) {
    switch (value->kind) {
    case GEE_VALUE_STRING:
        return value->string;
    case GEE_VALUE_BYTES:
        return (gee_str_t){ .data = (const char *)value->bytes.data, .length = value->bytes.length };
    case GEE_VALUE_INT:
        snprintf(number, SCALAR_TEXT, "%" PRId64, value->integer);
        return gee_str(number);
    case GEE_VALUE_UINT:
        snprintf(number, SCALAR_TEXT, "%" PRIu64, value->unsigned_integer);
        return gee_str(number);
    case GEE_VALUE_DOUBLE:
        snprintf(number, SCALAR_TEXT, "%.17g", value->number);
        return gee_str(number);
    case GEE_VALUE_BOOL:
        return value->boolean ? GEE_STR("true") : GEE_STR("false");
    default:
        return (gee_str_t){ 0 };
    }
}

/* The arguments as a tree; false: the arguments cannot be looked into. */
static bool decode(const gee_call_t *call, const gee_payload_t *payload, const gee_type_t *type, gee_pool_t *pool,
                   gee_value_t *tree) {
    const gee_codec_limits_t *limits = &call->engine->codec_limits;
    if (payload->kind == GEE_PAYLOAD_TYPED)
        return gee_value_from_type(payload->type, payload->typed, pool, tree, NULL) == 0;
    if (payload->kind != GEE_PAYLOAD_BYTES)
        return false;
    if (payload->codec->decode_value != NULL)
        return payload->codec->decode_value(payload->codec_state, payload->bytes, payload->length, limits, pool, tree,
                                            NULL) == 0;
    void *value = type ? gee_pool_zalloc(pool, type->size) : NULL;
    return value != NULL &&
           payload->codec->decode(payload->codec_state, type, payload->bytes, payload->length, limits, true, pool,
                                  value, NULL) == 0 &&
           gee_value_from_type(type, value, pool, tree, NULL) == 0;
}

static const gee_value_t *find(const gee_value_t *tree, gee_str_t path) {
    while (tree != NULL && path.length > 0) {
        ptrdiff_t dot = gee_str_find(path, '.');
        size_t length = dot < 0 ? path.length : (size_t)dot, step = dot < 0 ? length : length + 1;
        tree = gee_value_get(tree, (gee_str_t){ .data = path.data, .length = length });
        path = (gee_str_t){ .data = path.data + step, .length = path.length - step };
    }
    return tree;
}

uint64_t gee_forward_key_of(const gee_forward_key_t *key, const gee_call_t *call, const gee_payload_t *payload,
                            const gee_type_t *type, gee_pool_t *pool) {
    char number[SCALAR_TEXT];
    gee_value_t tree = { 0 };
    gee_str_t text = { 0 };
    if (key->source == GEE_KEY_METHOD)
        text = call->method_name;
    else if (key->source == GEE_KEY_METADATA)
        text = gee_metadata_get(&call->metadata, key->name);
    else if (key->source == GEE_KEY_ARGUMENT && decode(call, payload, type, pool, &tree)) {
        const gee_value_t *value = find(&tree, key->name);
        if (value != NULL)
            text = text_of(value, number);
    }
    return hash(text.length > 0 ? text : client_of(call));
}
