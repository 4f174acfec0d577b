/* values.c: messages of a codec that knows where its values end: header, body, header, body, …
 *
 * Both are measured where they lie, each byte once; they are decoded when the body is whole. */
#include "geerpc.h"

static int measure(gee_session_t *session, geerpc_state_t *state, const uint8_t *bytes, size_t length, size_t *result,
                   const char *what, gee_error_t *error) {
    gee_codec_limits_t limits = session->engine->codec_limits;
    limits.message -= state->header_length;
    switch (session->codec->measure(session->receive_state, &state->measure, bytes, length, &limits, error)) {
    case GEE_MEASURE_DONE:
        *result = state->measure.length;
        state->measure = (gee_measure_t){ 0 };
        return 0;
    case GEE_MEASURE_ERROR:
        return gee_error_prefix(error, "%s: ", what);
    case GEE_MEASURE_MORE:
        break;
    }
    if (length >= limits.message)
        return gee_error_set(error, GEE_RESOURCE_EXHAUSTED, "%s: over %zu bytes (limits.message)", what,
                             session->engine->codec_limits.message);
    return 0;
}

static int hand_on(gee_session_t *session, geerpc_state_t *state, const uint8_t *bytes, size_t header_length,
                   size_t body_length, gee_error_t *error) {
    gee_engine_t *engine = session->engine;
    geerpc_header_t header = { 0 };
    gee_pool_reset(engine->scratch);
    if (session->codec->decode(session->receive_state, geerpc_value_header, bytes, header_length, &engine->codec_limits,
                               false, engine->scratch, &header, error) != 0)
        return gee_error_prefix(error, "header: ");
    gee_payload_t payload = { .kind = GEE_PAYLOAD_BYTES,
                              .codec = session->codec,
                              .codec_state = session->receive_state,
                              .bytes = bytes + header_length,
                              .length = body_length,
                              .buf = gee_stream_inbox(session->stream)->buf };
    return geerpc_header_to_event(session, state, &header, &payload, error);
}

int geerpc_values_receive(gee_session_t *session, geerpc_state_t *state, const uint8_t *bytes, size_t length,
                          size_t *consumed, gee_error_t *error) {
    size_t body_length = 0;
    if (!state->started) {
        /* What stands between messages is dropped at once, so that a quiet connection holds no buffer. */
        *consumed = session->codec->padding(bytes, length);
        if (*consumed > 0)
            return 0;
        state->started = true;
    }
    if (state->header_length == 0 &&
        measure(session, state, bytes, length, &state->header_length, "header", error) != 0)
        return -1;
    if (state->header_length == 0)
        return 0;
    if (measure(session, state, bytes + state->header_length, length - state->header_length, &body_length, "body",
                error) != 0)
        return -1;
    if (body_length == 0)
        return 0;
    size_t header_length = state->header_length;
    state->header_length = 0;
    state->started = false;
    if (hand_on(session, state, bytes, header_length, body_length, error) != 0)
        return -1;
    *consumed = header_length + body_length;
    return 0;
}

int geerpc_values_send(gee_session_t *session, const gee_event_t *event, gee_error_t *error) {
    gee_chain_t *out = gee_session_out(session);
    gee_str_t separator = gee_str(session->codec->separator);
    geerpc_header_t header;
    if (!(event->parts & GEE_EVENT_MESSAGE))
        return 0; /* cancel, ping, drain: no form here */
    geerpc_header_from_event(event, &header);
    if (session->codec->encode(session->send_state, geerpc_value_header, &header, out, error) != 0)
        return gee_error_prefix(error, "header: ");
    if (gee_chain_append(out, separator.data, separator.length) != 0 ||
        gee_payload_encode(&event->payload, session->codec, session->send_state, out, error) != 0)
        return -1;
    if (gee_chain_append(out, separator.data, separator.length) != 0)
        return gee_error_set(error, GEE_RESOURCE_EXHAUSTED, "out of memory");
    return 0;
}
