/* text.c: JSON text as arguments and replies, whichever codec the connection speaks.
 *
 *   json:    text -> checked -> sent unchanged           received -> text
 *            with descriptors, where there are enums: as others, with numbers for enums on the wire
 *   gob:     text -> codec_json -> tree ->               received -> tree -> codec_json -> text
 *   others:  text -> codec_json, by type -> value ->     received -> value, by type -> codec_json -> text
 *
 * codec_json keeps no state between values: any thread uses the codec, with a null state. */
#include "client/client.h"

#include <stdlib.h>
#include <string.h>

/* The text without white space around the value. */
static gee_str_t trimmed(const gee_codec_t *json, gee_str_t text) {
    const uint8_t *bytes = (const uint8_t *)text.data;
    size_t padding = json->padding(bytes, text.length);
    size_t length = text.length - padding;
    bytes += padding;
    while (length > 0 && json->padding(bytes + length - 1, 1) == 1)
        length--;
    return (gee_str_t){ .data = (const char *)bytes, .length = length };
}

static int trim(const gee_codec_t *json, gee_str_t *text, gee_error_t *error) {
    *text = trimmed(json, *text);
    if (text->length == 0)
        return gee_error_set(error, GEE_INVALID_ARGUMENT, "a JSON value is needed, the text is empty");
    return 0;
}

int gee_text_check(const gee_codec_t *json, const gee_codec_limits_t *limits, gee_str_t *text, gee_error_t *error) {
    if (trim(json, text, error) != 0)
        return -1;
    /* Numbers are not converted: a number that no 64-bit integer or double can hold is sent as written. */
    return json->check(NULL, NULL, (const uint8_t *)text->data, text->length, limits, 0, error);
}

void *gee_text_read(const gee_caller_t *caller, gee_str_t text, const gee_type_t *type, gee_pool_t *pool,
                    gee_error_t *error) {
    gee_error_t reason;
    void *value = gee_pool_zalloc(pool, type->size);
    if (value == NULL) {
        gee_error_set(error, GEE_RESOURCE_EXHAUSTED, "out of memory");
        return NULL;
    }
    if (caller->json->decode(NULL, type, (const uint8_t *)text.data, text.length, &caller->codec_limits, false, pool,
                             value, &reason) != 0) {
        gee_error_set(error, reason.code, "arguments: %s", reason.text);
        return NULL;
    }
    return value;
}

gee_value_t *gee_text_read_value(const gee_caller_t *caller, gee_str_t text, gee_pool_t *pool, gee_error_t *error) {
    gee_value_t *tree = gee_pool_zalloc(pool, sizeof(*tree));
    if (tree == NULL) {
        gee_error_set(error, GEE_RESOURCE_EXHAUSTED, "out of memory");
        return NULL;
    }
    if (trim(caller->json, &text, error) != 0 ||
        caller->json->decode_value(NULL, (const uint8_t *)text.data, text.length, &caller->codec_limits, pool, tree,
                                   error) != 0)
        return NULL;
    return tree;
}

static char *copy_text(gee_str_t text, gee_error_t *error) {
    char *copy = malloc(text.length + 1);
    if (copy == NULL) {
        gee_error_set(error, GEE_RESOURCE_EXHAUSTED, "out of memory");
        return NULL;
    }
    memcpy(copy, text.data, text.length);
    copy[text.length] = '\0';
    return copy;
}

/* `type` null: `value` is a tree (gee_value_t). */
static char *text_of(const gee_caller_t *caller, const gee_type_t *type, const void *value, gee_error_t *error) {
    gee_chain_t chain;
    char *text = NULL;
    gee_chain_init(&chain, gee_loop_buffers(caller->runtime->loop));
    if ((type ? caller->json->encode(NULL, type, value, &chain, error)
              : caller->json->encode_value(NULL, value, &chain, error)) == 0) {
        text = malloc(chain.length + 1);
        if (text == NULL)
            gee_error_set(error, GEE_RESOURCE_EXHAUSTED, "out of memory");
        else
            text[gee_chain_copy(&chain, text, chain.length)] = '\0';
    }
    gee_chain_clear(&chain);
    return text;
}

char *gee_text_write(const gee_caller_t *caller, const gee_payload_t *payload, const gee_type_t *type, gee_pool_t *pool,
                     gee_error_t *error) {
    if (payload == NULL || payload->kind == GEE_PAYLOAD_EMPTY)
        return copy_text(GEE_STR("{}"), error);
    if (payload->kind == GEE_PAYLOAD_TYPED)
        return text_of(caller, payload->type, payload->typed, error);
    if (payload->kind == GEE_PAYLOAD_VALUE)
        return text_of(caller, NULL, payload->value, error);
    if (payload->codec == caller->json && type == NULL) {
        gee_str_t text = { .data = (const char *)payload->bytes, .length = payload->length };
        return copy_text(trimmed(caller->json, text), error);
    }
    void *value = gee_pool_zalloc(pool, type ? type->size : sizeof(gee_value_t));
    if (value == NULL) {
        gee_error_set(error, GEE_RESOURCE_EXHAUSTED, "out of memory");
        return NULL;
    }
    int result = type ? payload->codec->decode(payload->codec_state, type, payload->bytes, payload->length,
                                               &caller->codec_limits, false, pool, value, error)
                      : payload->codec->decode_value(payload->codec_state, payload->bytes, payload->length,
                                                     &caller->codec_limits, pool, value, error);
    return result == 0 ? text_of(caller, type, value, error) : NULL;
}
