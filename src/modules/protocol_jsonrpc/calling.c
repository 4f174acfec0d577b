/* calling.c: the calling role: requests are of JSON-RPC 1.0, as Go's net/rpc/jsonrpc writes them; replies may be of
 * 2.0, too.
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
    if (gee_session_codec(session)->encode(gee_session_send_state(session), GEE_TYPE_OF(gee_str_t), &event->method, out,
                                           error) != 0)
        return gee_error_prefix(error, "method: ");
    if (JSONRPC_PUT(out, ",\"params\":[") != 0)
        return jsonrpc_no_memory(error);
    if (gee_payload_encode(&event->payload, gee_session_codec(session), gee_session_send_state(session), out, error) !=
        0)
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
        /* the numbers that servers of this project give (code_of() in reply.c) */
        return number < JSONRPC_SERVER_ERROR && number >= JSONRPC_SERVER_ERROR - GEE_UNAUTHENTICATED
                   ? (gee_code_t)(JSONRPC_SERVER_ERROR - number)
                   : GEE_UNKNOWN;
    }
}

/* Servers written in Go send a string, servers of 2.0 an object; of any other error the JSON is the text. */
static void read_error(const gee_session_t *session, gee_str_t value, gee_status_t *status) {
    gee_pool_t *pool = gee_engine_scratch(gee_session_engine(session));
    *status = (gee_status_t){ .code = GEE_UNKNOWN, .text = value };
    if (jsonrpc_first(value) == '{') {
        jsonrpc_slot_t slots[] = { { .name = GEE_STR("code") }, { .name = GEE_STR("message") } };
        int64_t number;
        jsonrpc_members(value, gee_session_codec(session), pool, slots, GEE_LENGTH(slots));
        if (gee_parse_int64(slots[0].value, &number) == 0)
            status->code = code_from(number);
        if (slots[1].value.data != NULL)
            value = slots[1].value;
    }
    if (jsonrpc_text(value, gee_session_codec(session), pool, &status->text) != 0)
        status->text = gee_pool_utf8(pool, value);
    if (status->text.length == 0)
        status->text = GEE_STR("unspecified error");
}

/* Reads an id that this side has chosen: a whole number. Some servers keep numbers as doubles and write 1.0. */
static bool read_id(const gee_session_t *session, gee_str_t id, uint64_t *number) {
    gee_codec_limits_t limits = { .message = id.length, .nesting = 1 };
    double value;
    if (gee_parse_uint64(id, number) == 0)
        return true;
    if (!jsonrpc_is_number(id) ||
        gee_session_codec(session)->decode(NULL, GEE_TYPE_OF(double), (const uint8_t *)id.data, id.length, &limits,
                                           false, gee_engine_scratch(gee_session_engine(session)), &value, NULL) != 0)
        return false;
    *number = value >= 0 && value <= 0x1p53 ? (uint64_t)value : 0;
    return *number > 0 && (double)*number == value;
}

/* A request from the server. Without an id the request concerns no call: 2.0 has notifications, 1.0 an id of null. A
 * request with the id of a call of ours counts as that call's reply, an error. */
GEE_APART static int take_request(gee_session_t *session, gee_str_t id, gee_error_t *error) {
    gee_event_t event = { .parts = GEE_EVENT_REPLY,
                          .status = { .code = GEE_INTERNAL,
                                      .text =
                                          GEE_STR("jsonrpc: the server sent a request in the place of the reply") } };
    if (is_null(id)) {
        gee_log(gee_engine_log(gee_session_engine(session)), GEE_LOG_DEBUG,
                "%s: a notification of the server was ignored", gee_session_peer_text(session));
        return 0;
    }
    if (!read_id(session, id, &event.token.number) || !gee_session_awaits(session, event.token.number))
        return gee_error_set(error, GEE_INVALID_ARGUMENT, "the server sent a request, and here is none who serves it");
    gee_session_event(session, &event);
    return 0;
}

/* A reply has either a result or an error: 1.0 writes both members, one of them null; 2.0 writes only one. Null is a
 * valid result. */
static void read_outcome(const gee_session_t *session, gee_str_t result, gee_str_t failure, gee_event_t *event) {
    if (!is_null(failure)) {
        read_error(session, failure, &event->status);
        if (is_null(result))
            return;
        const char *text = gee_pool_printf(gee_engine_scratch(gee_session_engine(session)),
                                           "jsonrpc: the reply has a result and an error: %.*s",
                                           GEE_STR_ARGUMENTS(event->status.text));
        event->status =
            (gee_status_t){ .code = GEE_INTERNAL,
                            .text = text ? gee_str(text) : GEE_STR("jsonrpc: the reply has a result and an error") };
    } else if (result.data == NULL) {
        event->status = (gee_status_t){ .code = GEE_INTERNAL,
                                        .text = GEE_STR("jsonrpc: the reply has neither a result nor an error") };
    }
}

int jsonrpc_take_reply(gee_session_t *session, gee_str_t message, const gee_status_t *refusal, gee_error_t *error) {
    jsonrpc_slot_t slots[] = { { .name = GEE_STR("jsonrpc") },
                               { .name = GEE_STR("id") },
                               { .name = GEE_STR("result") },
                               { .name = GEE_STR("error") },
                               { .name = GEE_STR("method") } };
    gee_event_t event = { .parts = GEE_EVENT_REPLY };
    if (!jsonrpc_check(message) || jsonrpc_first(message) != '{')
        return gee_error_set(error, GEE_INVALID_ARGUMENT, "reply: not a JSON object");
    gee_pool_t *pool = gee_engine_scratch(gee_session_engine(session));
    gee_pool_reset(pool);
    jsonrpc_members(message, gee_session_codec(session), pool, slots, GEE_LENGTH(slots));
    bool two = jsonrpc_version(slots[0].value, gee_session_codec(session), pool) == 2;
    gee_str_t id = two ? slots[1].value : slots[1].in_any_case;
    gee_str_t result = two ? slots[2].value : slots[2].in_any_case;
    gee_str_t failure = two ? slots[3].value : slots[3].in_any_case;
    gee_str_t method = two ? slots[4].value : slots[4].in_any_case;
    if (method.data != NULL && result.data == NULL && failure.data == NULL)
        return take_request(session, id, error);
    if (refusal == NULL)
        read_outcome(session, result, failure, &event);
    if (!read_id(session, id, &event.token.number)) {
        /* such as the server's answer to a request that the server could not read */
        if (refusal != NULL)
            return gee_error_set(error, refusal->code, "reply: %.*s, and its id is none of ours",
                                 GEE_STR_ARGUMENTS(refusal->text));
        if (!is_null(failure))
            return gee_error_set(error, event.status.code, "the peer says: %.*s", GEE_STR_ARGUMENTS(event.status.text));
        return gee_error_set(error, GEE_INVALID_ARGUMENT, "reply: its id is none of ours");
    }
    if (refusal != NULL)
        event.payload = (gee_payload_t){ .kind = GEE_PAYLOAD_REFUSED, .refusal = refusal };
    else if (event.status.code == GEE_OK)
        event.payload = (gee_payload_t){ .kind = GEE_PAYLOAD_BYTES,
                                         .codec = gee_session_codec(session),
                                         .codec_state = gee_session_receive_state(session),
                                         .bytes = (const uint8_t *)result.data,
                                         .length = result.length,
                                         .message_length = message.length,
                                         .buf = gee_stream_inbox(gee_session_stream(session))->buf };
    gee_session_event(session, &event);
    return 0;
}
