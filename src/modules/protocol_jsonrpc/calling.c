/* calling.c: the calling role: 1.0, as Go's net/rpc/jsonrpc speaks it; replies of 2.0 are understood too.
 *
 *   {"method":"Arith.Multiply","params":[{"A":7,"B":8}],"id":1}  -->  {"id":1,"result":56,"error":null} */
#include "jsonrpc.h"

#include <inttypes.h>
#include <stdio.h>

static int put_request(gee_session_t *session, const gee_event_t *event, gee_error_t *error) {
    gee_chain_t *out = gee_session_out(session);
    char end[40];
    if (JSONRPC_PUT(out, "{\"method\":") != 0)
        return jsonrpc_no_memory(error);
    if (session->codec->encode(session->send_state, GEE_TYPE_OF(gee_str_t), &event->method, out, error) != 0)
        return gee_error_prefix(error, "method: ");
    if (JSONRPC_PUT(out, ",\"params\":[") != 0)
        return jsonrpc_no_memory(error);
    if (gee_payload_encode(&event->payload, session->codec, session->send_state, out, error) != 0)
        return -1;
    int length = snprintf(end, sizeof(end), "],\"id\":%" PRIu64 "}\n", event->token.number);
    return gee_chain_append(out, end, (size_t)length) == 0 ? 0 : jsonrpc_no_memory(error);
}

int jsonrpc_send_request(gee_session_t *session, const gee_event_t *event, gee_error_t *error) {
    gee_chain_t *out = gee_session_out(session);
    gee_mark_t mark = gee_chain_mark(out);
    if (put_request(session, event, error) == 0)
        return 0;
    gee_chain_rewind(out, mark);
    return -1;
}

/* ---- replies ---- */

static bool is_null(gee_str_t value) {
    return value.data == NULL || jsonrpc_first(value) == 'n';
}

static gee_code_t code_from(int64_t number) {
    switch (number) {
    case JSONRPC_PARSE_ERROR:
    case JSONRPC_INVALID_REQUEST:
    case JSONRPC_INVALID_PARAMS:
        return GEE_INVALID_ARGUMENT;
    case JSONRPC_METHOD_NOT_FOUND:
        return GEE_UNIMPLEMENTED;
    case JSONRPC_INTERNAL_ERROR:
        return GEE_INTERNAL;
    default:
        /* As our own servers number them. */
        return number < JSONRPC_SERVER_ERROR && number >= JSONRPC_SERVER_ERROR - GEE_UNAUTHENTICATED
                   ? (gee_code_t)(JSONRPC_SERVER_ERROR - number)
                   : GEE_UNKNOWN;
    }
}

/* Go's servers send a string, 2.0's an object; of anything else the JSON is the text. */
static void read_error(const gee_session_t *session, gee_str_t value, gee_status_t *status) {
    gee_pool_t *pool = session->engine->scratch;
    *status = (gee_status_t){ .code = GEE_UNKNOWN, .text = value };
    if (jsonrpc_first(value) == '{') {
        jsonrpc_slot_t slots[] = { { .name = "code" }, { .name = "message" } };
        int64_t number;
        jsonrpc_members(value, session->codec, pool, slots, GEE_LENGTH(slots));
        if (gee_parse_int64(slots[0].value, &number) == 0)
            status->code = code_from(number);
        if (slots[1].value.data != NULL)
            value = slots[1].value;
    }
    if (jsonrpc_text(value, session->codec, pool, &status->text) != 0)
        status->text = value;
    if (status->text.length == 0)
        status->text = GEE_STR("unspecified error");
}

int jsonrpc_take_reply(gee_session_t *session, gee_str_t message, gee_error_t *error) {
    jsonrpc_slot_t slots[] = { { .name = "id" }, { .name = "result" }, { .name = "error" } };
    gee_event_t event = { .parts = GEE_EVENT_REPLY };
    if (!jsonrpc_check(message) || jsonrpc_first(message) != '{')
        return gee_error_set(error, GEE_INVALID_ARGUMENT, "reply: not a JSON object");
    gee_pool_reset(session->engine->scratch);
    jsonrpc_members(message, session->codec, session->engine->scratch, slots, GEE_LENGTH(slots));
    gee_str_t result = slots[1].value.data ? slots[1].value : GEE_STR("null");
    if (!is_null(slots[2].value))
        read_error(session, slots[2].value, &event.status);
    if (gee_parse_uint64(slots[0].value, &event.token.number) != 0) {
        /* Such as what a server says to a request that it could not read. */
        if (event.status.code != GEE_OK)
            return gee_error_set(error, event.status.code, "the peer says: %.*s", GEE_STR_ARGUMENTS(event.status.text));
        return gee_error_set(error, GEE_INVALID_ARGUMENT, "reply: its id is none of ours");
    }
    if (event.status.code == GEE_OK)
        event.payload = (gee_payload_t){ .kind = GEE_PAYLOAD_BYTES,
                                         .codec = session->codec,
                                         .codec_state = session->receive_state,
                                         .bytes = (const uint8_t *)result.data,
                                         .length = result.length,
                                         .message_length = message.length };
    if (event.status.code == GEE_OK && slots[1].value.data != NULL)
        event.payload.buf = gee_stream_inbox(session->stream)->buf;
    gee_session_event(session, &event);
    return 0;
}
