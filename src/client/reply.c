/* reply.c: a reply in the form that the program wants: text, or a value of its type.
 *
 *   text:   payload -> text.c -> operation->reply
 *   typed:  payload -> decode -> the waiting program's memory, with pointers into the program's pool
 *                             '-> or, copied deep, one piece of memory: operation->reply
 *
 * The first reply of a broadcast stays in operation->reply until all other servers have replied. */
#include "client/client.h"

#include <stdlib.h>
#include <string.h>

#include "core/type/type_copy.h"

/* Framing has found the end of a JSON reply, and checked nothing else. */
static int check_json(const gee_caller_t *caller, const gee_payload_t *payload, gee_error_t *error) {
    gee_str_t text = { .data = (const char *)payload->bytes, .length = payload->length };
    if (payload->kind != GEE_PAYLOAD_BYTES || payload->codec != caller->json ||
        gee_text_check(caller->json, &caller->codec_limits, &text, error) == 0)
        return 0;
    return gee_error_prefix(error, "the reply is not JSON: ");
}

static int take_text(gee_pending_t *operation, const gee_upstream_result_t *result, gee_error_t *error) {
    const gee_type_t *type = operation->types ? operation->types->reply : NULL;
    if (check_json(operation->caller, result->payload, error) != 0)
        return -1;
    operation->reply = gee_text_write(operation->caller, result->payload, type, result->pool, error);
    if (operation->reply != NULL)
        return 0;
    return gee_error_prefix(error, type ? "the reply is not what was described: " : "the reply has no form in JSON: ");
}

/* Without `copy` the pointers of the value may point into the payload. */
static int decode(const gee_caller_t *caller, const gee_payload_t *payload, const gee_type_t *type, bool copy,
                  gee_pool_t *pool, void *value, gee_error_t *error) {
    switch (payload->kind) {
    case GEE_PAYLOAD_BYTES:
        return payload->codec->decode(payload->codec_state, type, payload->bytes, payload->length,
                                      &caller->codec_limits, copy, pool, value, error);
    case GEE_PAYLOAD_VALUE:
        return gee_value_to_type(payload->value, type, value, pool, error);
    case GEE_PAYLOAD_TYPED:
    case GEE_PAYLOAD_EMPTY:
    case GEE_PAYLOAD_REFUSED:
        break;
    }
    return 0; /* an empty payload is a value with all fields zero */
}

/* Copies the value into operation->reply; `flat`: without what the value points to, which is in the program's pool. */
static int keep(gee_pending_t *operation, const void *value, bool flat, gee_error_t *error) {
    const gee_type_t *type = operation->reply_type;
    size_t size = flat ? type->size : gee_type_copy_size(type, value);
    operation->reply = size < SIZE_MAX ? malloc(size) : NULL;
    if (operation->reply == NULL)
        return gee_error_set(error, GEE_RESOURCE_EXHAUSTED, "out of memory");
    if (flat)
        memcpy(operation->reply, value, size);
    else
        (void)gee_type_copy(type, value, operation->reply);
    return 0;
}

static int take_typed(gee_pending_t *operation, const gee_upstream_result_t *result, gee_error_t *error) {
    const gee_type_t *type = operation->reply_type;
    const gee_outcome_place_t *place = operation->place;
    bool lent = place != NULL && place->pool != NULL;
    if (type == NULL || (place != NULL && place->reply == NULL))
        return 0;
    void *value = gee_pool_zalloc(result->pool, type->size);
    if (value == NULL)
        return gee_error_set(error, GEE_RESOURCE_EXHAUSTED, "out of memory");
    if (decode(operation->caller, result->payload, type, lent, lent ? place->pool : result->pool, value, error) != 0)
        return gee_error_prefix(error, "reply: ");
    if (place != NULL && !lent)
        gee_type_drop_unknown(type, value);
    if (place != NULL && !operation->to_all) {
        memcpy(place->reply, value, type->size);
        return 0;
    }
    return keep(operation, value, place != NULL, error);
}

int gee_reply_take(gee_pending_t *operation, const gee_upstream_result_t *result, gee_error_t *error) {
    return (operation->typed ? take_typed : take_text)(operation, result, error);
}
