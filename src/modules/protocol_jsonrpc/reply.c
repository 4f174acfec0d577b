/* reply.c: the serving role: replies, one line each.
 *
 *   1.0   {"id":0,"result":56,"error":null}              {"id":0,"result":null,"error":"divide by zero"}
 *   2.0   {"jsonrpc":"2.0","id":0,"result":56}
 *         {"jsonrpc":"2.0","id":0,"error":{"code":…,"message":…,"data":…}}
 *
 * The replies of a batch are gathered in a chain of the batch, "[reply,reply", which is closed and sent when the last
 * call of the batch has ended. limits.message bounds the bytes in all batches of a session. */
#include "jsonrpc.h"

#include <stdio.h>
#include <stdlib.h>

static int put_str(gee_chain_t *out, gee_str_t string) {
    return gee_chain_append(out, string.data, string.length);
}

static int put_text(const gee_session_t *session, gee_chain_t *out, gee_str_t text, gee_error_t *error) {
    return gee_session_codec(session)->encode(gee_session_send_state(session), GEE_TYPE_OF(gee_str_t), &text, out,
                                              error);
}

/* ---- errors ---- */

/* Texts of errors that the server itself gives begin with "rpc server: ", except for an unknown method; texts of
 * services do not. The codes of a service are none of JSON-RPC's. */
static int code_of(const gee_event_t *event) {
    gee_code_t code = event->status.code;
    if (code == GEE_OK)
        return 0;
    if (gee_words_read(event->status.text, event->method) != GEE_MISSING_NOTHING)
        return JSONRPC_METHOD_NOT_FOUND;
    if (gee_str_starts_with(event->status.text, GEE_STR("rpc server: "))) {
        if (code == GEE_INVALID_ARGUMENT || code == GEE_OUT_OF_RANGE)
            return JSONRPC_INVALID_PARAMS;
        if (code == GEE_INTERNAL)
            return JSONRPC_INTERNAL_ERROR;
    }
    return JSONRPC_SERVER_ERROR - (int)code;
}

static int put_error_object(const gee_session_t *session, gee_chain_t *out, int code, const gee_status_t *status,
                            gee_error_t *error) {
    char number[64];
    int length = snprintf(number, sizeof(number), "{\"code\":%d,\"message\":", code);
    if (gee_chain_append(out, number, (size_t)length) != 0)
        return jsonrpc_no_memory(error);
    if (put_text(session, out, status->text, error) != 0)
        return -1;
    length = snprintf(number, sizeof(number), ",\"data\":{\"code\":%d,\"status\":\"", (int)status->code);
    if (gee_chain_append(out, number, (size_t)length) != 0 || put_str(out, gee_str(gee_code_name(status->code))) != 0 ||
        JSONRPC_PUT(out, "\"}}") != 0)
        return jsonrpc_no_memory(error);
    return 0;
}

/* A carried body may begin with the line feed that ended the header before it. */
GEE_APART static int put_trimmed(const gee_session_t *session, gee_chain_t *out, gee_payload_t payload,
                                 gee_error_t *error) {
    size_t padding = gee_session_codec(session)->padding(payload.bytes, payload.length);
    payload.bytes += padding;
    payload.length -= padding;
    return gee_payload_encode(&payload, gee_session_codec(session), gee_session_send_state(session), out, error);
}

static int put_result(const gee_session_t *session, gee_chain_t *out, const gee_payload_t *payload,
                      gee_error_t *error) {
    if (payload->kind == GEE_PAYLOAD_BYTES && payload->length > 0 && *payload->bytes <= ' ')
        return put_trimmed(session, out, *payload, error);
    return gee_payload_encode(payload, gee_session_codec(session), gee_session_send_state(session), out, error);
}

/* Writes `status` as an error in the form of the version or, where the status is good, the value. */
static int put_outcome(const gee_session_t *session, gee_chain_t *out, bool two, int code, const gee_status_t *status,
                       const gee_payload_t *payload, gee_error_t *error) {
    if (status->code != GEE_OK) {
        if (JSONRPC_PUT(out, "\"error\":") != 0)
            return jsonrpc_no_memory(error);
        return two ? put_error_object(session, out, code, status, error) : put_text(session, out, status->text, error);
    }
    if (JSONRPC_PUT(out, "\"result\":") != 0)
        return jsonrpc_no_memory(error);
    if (put_result(session, out, payload, error) != 0)
        return -1;
    return two || JSONRPC_PUT(out, ",\"error\":null") == 0 ? 0 : jsonrpc_no_memory(error);
}

static int put_reply(const gee_session_t *session, gee_chain_t *out, bool two, gee_str_t id, int code,
                     const gee_status_t *status, const gee_payload_t *payload, gee_error_t *error) {
    if ((two ? JSONRPC_PUT(out, "{\"jsonrpc\":\"2.0\",\"id\":") : JSONRPC_PUT(out, "{\"id\":")) != 0 ||
        put_str(out, id) != 0 || JSONRPC_PUT(out, ",") != 0 ||
        (!two && status->code != GEE_OK && JSONRPC_PUT(out, "\"result\":null,") != 0))
        return jsonrpc_no_memory(error);
    if (put_outcome(session, out, two, code, status, payload, error) != 0)
        return -1;
    return JSONRPC_PUT(out, "}") == 0 ? 0 : jsonrpc_no_memory(error);
}

/* ---- where replies go ---- */

/* Puts a reply into the chain of the batch, or out as a line; either all of it or nothing. */
static int put_in_place(gee_session_t *session, jsonrpc_batch_t *batch, bool two, gee_str_t id, int code,
                        const gee_status_t *status, const gee_payload_t *payload, gee_error_t *error) {
    gee_chain_t *out = batch ? &batch->replies : gee_session_out(session);
    gee_mark_t mark = gee_chain_mark(out);
    if (batch != NULL && (out->length == 0 ? JSONRPC_PUT(out, "[") : JSONRPC_PUT(out, ",")) != 0)
        goto no_memory;
    if (put_reply(session, out, two, id, code, status, payload, error) != 0)
        goto fail;
    if (batch == NULL && JSONRPC_PUT(out, "\n") != 0)
        goto no_memory;
    return 0;
no_memory:
    jsonrpc_no_memory(error);
fail:
    gee_chain_rewind(out, mark);
    return -1;
}

int jsonrpc_send_error(gee_session_t *session, jsonrpc_batch_t *batch, unsigned flags, gee_str_t id, int code,
                       const gee_status_t *status, gee_error_t *error) {
    return put_in_place(session, batch, flags & JSONRPC_TWO, id, code, status, NULL, error);
}

/* Brings `gathered` of the state up to date with this batch. */
static void count_batch(jsonrpc_state_t *state, jsonrpc_batch_t *batch) {
    state->gathered += batch->replies.length - batch->counted;
    batch->counted = batch->replies.length;
}

/* Puts a reply into the batch or, where the batch is full, an error that says so. */
static int gather_reply(gee_session_t *session, jsonrpc_state_t *state, jsonrpc_batch_t *batch,
                        const gee_event_t *event, gee_error_t *error) {
    const gee_status_t full = { .code = GEE_RESOURCE_EXHAUSTED,
                                .text = GEE_STR("rpc server: the replies of the batch are too long (limits.message)") };
    bool two = event->token.number & JSONRPC_TWO;
    gee_mark_t mark = gee_chain_mark(&batch->replies);
    if (put_in_place(session, batch, two, event->token.raw, code_of(event), &event->status, &event->payload, error) !=
        0)
        return -1;
    count_batch(state, batch);
    if (state->gathered > gee_engine_codec_limits(gee_session_engine(session))->message) {
        gee_chain_rewind(&batch->replies, mark);
        if (put_in_place(session, batch, two, event->token.raw, JSONRPC_SERVER_ERROR - (int)full.code, &full, NULL,
                         error) != 0)
            goto fail;
    }
    if (jsonrpc_batch_release(session, state, batch, error) == 0)
        return 0;
    gee_chain_rewind(&batch->replies, mark);
fail:
    count_batch(state, batch);
    return -1;
}

int jsonrpc_send_reply(gee_session_t *session, jsonrpc_state_t *state, const gee_event_t *event, gee_error_t *error) {
    uint64_t number = event->token.number;
    if (number & JSONRPC_NOTIFICATION)
        return 0;
    if (number >> JSONRPC_BATCH_SHIFT == 0)
        return put_in_place(session, NULL, number & JSONRPC_TWO, event->token.raw, code_of(event), &event->status,
                            &event->payload, error);
    jsonrpc_batch_t *batch = gee_number_map_get(state->batches, number >> JSONRPC_BATCH_SHIFT);
    if (batch == NULL)
        return gee_error_set(error, GEE_INTERNAL, "a reply to a batch that has ended");
    return gather_reply(session, state, batch, event, error);
}

/* ---- batches ---- */

jsonrpc_batch_t *jsonrpc_batch_create(gee_session_t *session, jsonrpc_state_t *state) {
    jsonrpc_batch_t *batch = calloc(1, sizeof(*batch));
    if (state->batches == NULL)
        state->batches = gee_number_map_create();
    if (batch == NULL || state->batches == NULL ||
        gee_number_map_put(state->batches, state->last_batch + 1, batch) != 0) {
        free(batch);
        return NULL;
    }
    batch->number = ++state->last_batch;
    batch->pending = 1;
    gee_chain_init(&batch->replies, gee_engine_buffers(gee_session_engine(session)));
    return batch;
}

int jsonrpc_batch_release(gee_session_t *session, jsonrpc_state_t *state, jsonrpc_batch_t *batch, gee_error_t *error) {
    GEE_ASSERT(batch->pending > 0);
    count_batch(state, batch);
    if (batch->pending > 1) {
        batch->pending--;
        return 0;
    }
    if (batch->replies.length > 0 && JSONRPC_PUT(&batch->replies, "]\n") != 0)
        return jsonrpc_no_memory(error);
    gee_chain_move(gee_session_out(session), &batch->replies);
    state->gathered -= batch->counted;
    gee_number_map_remove(state->batches, batch->number);
    free(batch);
    return 0;
}

static void destroy(uint64_t number GEE_UNUSED, void *value, void *data GEE_UNUSED) {
    jsonrpc_batch_t *batch = value;
    gee_chain_clear(&batch->replies);
    free(batch);
}

void jsonrpc_batches_destroy(jsonrpc_state_t *state) {
    if (state->batches != NULL)
        gee_number_map_each(state->batches, destroy, NULL);
    gee_number_map_destroy(&state->batches);
}
