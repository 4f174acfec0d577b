/* values.c: messages of a codec that knows where its values end: header, body, header, body, … */
#include "geerpc.h"

static const gee_type_t *header_type(const gee_session_t *session) {
    return session->codec->types_on_wire ? geerpc_stock_header : geerpc_value_header;
}

static int take(gee_session_t *session, void *state GEE_UNUSED, const void *header, const gee_payload_t *body,
                gee_error_t *error) {
    return geerpc_header_to_event(session, header, body, error);
}

int geerpc_values_receive(gee_session_t *session, geerpc_state_t *state, const uint8_t *bytes, size_t length,
                          size_t *consumed, gee_error_t *error) {
    const gee_value_form_t form = { .header = header_type(session), .take = take };
    return gee_value_stream_receive(session, &state->values, &form, state, bytes, length, consumed, error);
}

/* Has it nothing to say but its method and its number? */
static bool is_plain(const gee_event_t *event) {
    return event->status.code == GEE_OK && event->timeout_ns == 0 && event->metadata.count == 0;
}

int geerpc_values_send(gee_session_t *session, const gee_event_t *event, gee_error_t *error) {
    geerpc_header_t header;
    if (!(event->parts & GEE_EVENT_MESSAGE))
        return 0; /* cancel, ping, drain: no form here */
    if (is_plain(event)) {
        int result = gee_value_stream_send_plain(session, header_type(session), event, error);
        if (result <= 0)
            return result;
    }
    geerpc_header_from_event(event, &header);
    return gee_value_stream_send(session, header_type(session), &header, &event->payload, error);
}
