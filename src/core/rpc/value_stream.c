/* value_stream.c: messages of a header value and a body value in the session's codec.
 *
 * Both are measured where they lie, each byte once; the header is decoded when the body is whole. */
#include "core/rpc/value_stream.h"

static int too_long(const gee_session_t *session, const char *what, gee_error_t *error) {
    return gee_error_set(error, GEE_RESOURCE_EXHAUSTED, "%s: over %zu bytes (%s)", what,
                         session->engine->codec_limits.message, session->engine->names.message);
}

/* *result stays 0 while bytes are missing. */
static int measure(gee_session_t *session, gee_value_stream_t *stream, const uint8_t *bytes, size_t length,
                   size_t *result, const char *what, gee_error_t *error) {
    gee_codec_limits_t limits = session->engine->codec_limits;
    limits.message -= stream->header_length;
    if (limits.message == 0) /* to a codec that is no limit */
        return too_long(session, what, error);
    switch (session->codec->measure(session->receive_state, &stream->measure, bytes, length, &limits, error)) {
    case GEE_MEASURE_DONE:
        *result = stream->measure.length;
        stream->measure = (gee_measure_t){ 0 };
        return 0;
    case GEE_MEASURE_ERROR:
        return gee_error_prefix(error, "%s: ", what);
    case GEE_MEASURE_MORE:
        break;
    }
    return length < limits.message ? 0 : too_long(session, what, error);
}

static int hand_on(gee_session_t *session, const gee_value_form_t *form, void *protocol_state, const uint8_t *bytes,
                   size_t header_length, size_t body_length, gee_error_t *error) {
    gee_engine_t *engine = session->engine;
    gee_pool_reset(engine->scratch);
    void *header = gee_pool_zalloc(engine->scratch, form->header->size);
    if (header == NULL)
        return gee_error_set(error, GEE_RESOURCE_EXHAUSTED, "out of memory");
    if (session->codec->decode(session->receive_state, form->header, bytes, header_length, &engine->codec_limits, false,
                               engine->scratch, header, error) != 0)
        return gee_error_prefix(error, "header: ");
    gee_payload_t body = { .kind = GEE_PAYLOAD_BYTES,
                           .codec = session->codec,
                           .codec_state = session->receive_state,
                           .bytes = bytes + header_length,
                           .length = body_length,
                           .message_length = header_length + body_length,
                           .buf = gee_stream_inbox(session->stream)->buf };
    return form->take(session, protocol_state, header, &body, error);
}

int gee_value_stream_receive(gee_session_t *session, gee_value_stream_t *stream, const gee_value_form_t *form,
                             void *protocol_state, const uint8_t *bytes, size_t length, size_t *consumed,
                             gee_error_t *error) {
    size_t body_length = 0;
    *consumed = 0;
    if (!stream->started) {
        /* What stands between messages is dropped at once, so that a quiet connection holds no buffer. */
        *consumed = session->codec->padding(bytes, length);
        if (*consumed > 0)
            return 0;
        stream->started = true;
    }
    if (stream->header_length == 0 &&
        measure(session, stream, bytes, length, &stream->header_length, "header", error) != 0)
        return -1;
    if (stream->header_length == 0)
        return 0;
    if (measure(session, stream, bytes + stream->header_length, length - stream->header_length, &body_length, "body",
                error) != 0)
        return -1;
    if (body_length == 0)
        return 0;
    size_t header_length = stream->header_length;
    stream->header_length = 0;
    stream->started = false;
    if (hand_on(session, form, protocol_state, bytes, header_length, body_length, error) != 0)
        return -1;
    *consumed = header_length + body_length;
    return 0;
}

static int append(gee_session_t *session, const gee_type_t *header_type, const void *header, const gee_payload_t *body,
                  gee_error_t *error) {
    gee_chain_t *out = gee_session_out(session);
    const gee_codec_t *codec = session->codec;
    gee_str_t separator = gee_str(codec->separator);
    if (codec->encode(session->send_state, header_type, header, out, error) != 0)
        return gee_error_prefix(error, "header: ");
    if (gee_chain_append(out, separator.data, separator.length) != 0)
        return gee_error_set(error, GEE_RESOURCE_EXHAUSTED, "out of memory");
    if (gee_payload_encode(body, codec, session->send_state, out, error) != 0)
        return -1;
    if (gee_chain_append(out, separator.data, separator.length) != 0)
        return gee_error_set(error, GEE_RESOURCE_EXHAUSTED, "out of memory");
    return 0;
}

int gee_value_stream_send(gee_session_t *session, const gee_type_t *header_type, const void *header,
                          const gee_payload_t *body, gee_error_t *error) {
    gee_chain_t *out = gee_session_out(session);
    const gee_codec_t *codec = session->codec;
    gee_mark_t mark = gee_chain_mark(out);
    uint64_t codec_mark = codec->mark ? codec->mark(session->send_state) : 0;
    if (append(session, header_type, header, body, error) == 0)
        return 0;
    gee_chain_rewind(out, mark);
    if (codec->rewind != NULL)
        codec->rewind(session->send_state, codec_mark);
    return -1;
}
