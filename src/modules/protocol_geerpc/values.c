/* values.c: messages of a codec that knows where its values end: header, body, header, body, … */
#include "geerpc.h"

static const gee_type_t *header_type(const gee_session_t *session) {
    return gee_session_codec(session)->types_on_wire ? geerpc_stock_header : geerpc_value_header;
}

/* Metadata that cannot be read cost their call only. */
GEE_APART static int take_metadata(gee_session_t *session, geerpc_header_t header, const gee_payload_t *body,
                                   gee_error_t *error) {
    gee_pool_t *pool = gee_engine_scratch(gee_session_engine(session));
    gee_error_t reason;
    if (gee_metadata_from_texts(&header.metadata, pool, &reason) == 0 &&
        gee_metadata_from_texts(&header.trailing, pool, &reason) == 0)
        return geerpc_header_to_event(session, &header, body, error);
    const gee_status_t status = { .code = reason.code, .text = gee_str(reason.text) };
    const gee_payload_t refused = { .kind = GEE_PAYLOAD_REFUSED, .codec = body->codec, .refusal = &status };
    header.metadata.count = header.trailing.count = 0;
    return geerpc_header_to_event(session, &header, &refused, error);
}

static int take(gee_session_t *session, void *state GEE_UNUSED, const void *data, const gee_payload_t *body,
                gee_error_t *error) {
    const geerpc_header_t *header = data;
    return header->metadata.count > 0 || header->trailing.count > 0
               ? take_metadata(session, *header, body, error)
               : geerpc_header_to_event(session, header, body, error);
}

int geerpc_values_receive(gee_session_t *session, geerpc_state_t *state, const uint8_t *bytes, size_t length,
                          size_t *consumed, gee_error_t *error) {
    const gee_value_form_t form = { .header = header_type(session), .take = take };
    return gee_value_stream_receive(session, &state->values, &form, state, bytes, length, consumed, error);
}

/* Has the event nothing to say but its method and its number? */
static bool is_plain(const gee_event_t *event) {
    return ((uint64_t)event->status.code | (uint64_t)event->timeout_ns | event->metadata.count |
            (uintptr_t)event->more) == 0;
}

GEE_APART static int send_other(gee_session_t *session, const gee_event_t *event, gee_error_t *error) {
    geerpc_header_t header;
    gee_pool_t *pool;
    int result = geerpc_header_from_event(session, event, &header, &pool, error);
    if (result == 0)
        result = gee_value_stream_send(session, header_type(session), &header, &event->payload, error);
    gee_pool_destroy(&pool);
    return result;
}

int geerpc_values_send(gee_session_t *session, const gee_event_t *event, gee_error_t *error) {
    if (!(event->parts & GEE_EVENT_MESSAGE))
        return 0; /* cancel, ping, drain: no form here */
    if (is_plain(event)) {
        int result = gee_value_stream_send_plain(session, header_type(session), event, error);
        if (result <= 0)
            return result;
    }
    return send_other(session, event, error);
}
