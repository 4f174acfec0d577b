/* value_stream.c: messages of a header value and a body value in the session's codec.
 *
 * Both are measured where they lie, each byte once; the header is decoded when the body is whole. A plain header, of a
 * message that came in one piece, the codec reads at a glance. */
#include "core/rpc/value_stream.h"

#include <stdlib.h>
#include <string.h>

static int too_long(const gee_session_t *session, const char *what, gee_error_t *error) {
    return gee_error_set(error, GEE_RESOURCE_EXHAUSTED, "%s: over %zu bytes (%s)", what,
                         session->engine->codec_limits.message, session->engine->names.message);
}

/* ---- progress: one is kept for the next message that comes in pieces ---- */

static void forget_progress(gee_engine_t *engine, gee_value_stream_t *stream) {
    gee_value_progress_t *progress = stream->progress;
    stream->progress = NULL;
    if (engine->spare_progress == NULL)
        engine->spare_progress = progress;
    else
        free(progress);
}

void gee_value_stream_stop(gee_session_t *session, gee_value_stream_t *stream) {
    forget_progress(session->engine, stream);
}

/* There is more to come. */
static int keep_progress(gee_engine_t *engine, gee_value_stream_t *stream, const gee_value_progress_t *progress,
                         gee_error_t *error) {
    if (stream->progress == NULL) {
        stream->progress = engine->spare_progress != NULL ? engine->spare_progress : malloc(sizeof(*progress));
        engine->spare_progress = NULL;
    }
    if (stream->progress == NULL)
        return gee_error_set(error, GEE_RESOURCE_EXHAUSTED, "out of memory");
    *stream->progress = *progress;
    return 0;
}

/* *result stays 0 while bytes are missing. */
static int measure(gee_session_t *session, gee_value_progress_t *progress, const uint8_t *bytes, size_t length,
                   size_t *result, const char *what, gee_error_t *error) {
    gee_codec_limits_t limits = session->engine->codec_limits;
    limits.message -= progress->header_length;
    if (limits.message == 0) /* to a codec that is no limit */
        return too_long(session, what, error);
    switch (session->codec->measure(session->receive_state, &progress->measure, bytes, length, &limits, error)) {
    case GEE_MEASURE_DONE:
        *result = progress->measure.length;
        progress->measure = (gee_measure_t){ 0 };
        return 0;
    case GEE_MEASURE_ERROR:
        return gee_error_prefix(error, "%s: ", what);
    case GEE_MEASURE_MORE:
        break;
    }
    return length < limits.message ? 0 : too_long(session, what, error);
}

/* What a plain header says. */
typedef struct plain {
    size_t length; /* 0: it is not plain */
    gee_str_t text;
    uint64_t number;
} plain_t;

static void *field_of(const gee_type_t *type, void *value, size_t n) {
    return (char *)value + type->fields[n].offset;
}

static void look_for_plain(gee_session_t *session, const gee_value_form_t *form, const uint8_t *bytes, size_t length,
                           plain_t *plain) {
    const gee_codec_t *codec = session->codec;
    size_t limit = session->engine->codec_limits.message;
    if (codec->read_plain == NULL)
        return;
    plain->length =
        codec->read_plain(session->receive_state, form->header, bytes, length, &plain->text, &plain->number);
    if (limit != 0 && plain->length >= limit)
        plain->length = 0;
}

static int read_header(gee_session_t *session, const gee_type_t *type, const plain_t *plain, const uint8_t *bytes,
                       size_t length, void *header, gee_error_t *error) {
    gee_engine_t *engine = session->engine;
    if (plain->length > 0) {
        *(gee_str_t *)field_of(type, header, 0) = plain->text;
        *(uint64_t *)field_of(type, header, 1) = plain->number;
        return 0;
    }
    if (session->codec->decode(session->receive_state, type, bytes, length, &engine->codec_limits, false,
                               engine->scratch, header, error) != 0)
        return gee_error_prefix(error, "header: ");
    return 0;
}

static int hand_on(gee_session_t *session, const gee_value_form_t *form, void *protocol_state, const plain_t *plain,
                   const uint8_t *bytes, size_t header_length, size_t body_length, gee_error_t *error) {
    gee_engine_t *engine = session->engine;
    gee_pool_reset(engine->scratch);
    void *header = gee_pool_zalloc(engine->scratch, form->header->size);
    if (header == NULL)
        return gee_error_set(error, GEE_RESOURCE_EXHAUSTED, "out of memory");
    if (read_header(session, form->header, plain, bytes, header_length, header, error) != 0)
        return -1;
    gee_payload_t body = { .kind = GEE_PAYLOAD_BYTES,
                           .codec = session->codec,
                           .codec_state = session->receive_state,
                           .bytes = bytes + header_length,
                           .length = body_length,
                           .message_length = header_length + body_length,
                           .buf = gee_stream_inbox(session->stream)->buf };
    return form->take(session, protocol_state, header, &body, error);
}

/* Both lengths stay 0 while bytes are missing. */
static int measure_both(gee_session_t *session, gee_value_progress_t *progress, const uint8_t *bytes, size_t length,
                        size_t *body_length, gee_error_t *error) {
    if (progress->header_length == 0 &&
        measure(session, progress, bytes, length, &progress->header_length, "header", error) != 0)
        return -1;
    size_t header_length = progress->header_length;
    if (header_length == 0)
        return 0;
    return measure(session, progress, bytes + header_length, length - header_length, body_length, "body", error);
}

int gee_value_stream_receive(gee_session_t *session, gee_value_stream_t *stream, const gee_value_form_t *form,
                             void *protocol_state, const uint8_t *bytes, size_t length, size_t *consumed,
                             gee_error_t *error) {
    size_t body_length = 0;
    plain_t plain = { 0 };
    gee_value_progress_t progress = { 0 };
    *consumed = 0;
    if (stream->progress != NULL)
        progress = *stream->progress;
    if (!stream->started) {
        /* What stands between messages is dropped at once, so that a quiet connection holds no buffer. */
        *consumed = session->codec->padding(bytes, length);
        if (*consumed > 0)
            return 0;
        stream->started = true;
        look_for_plain(session, form, bytes, length, &plain);
        progress.header_length = plain.length;
    }
    if (measure_both(session, &progress, bytes, length, &body_length, error) != 0)
        return -1;
    if (body_length == 0)
        return keep_progress(session->engine, stream, &progress, error);
    if (stream->progress != NULL)
        forget_progress(session->engine, stream);
    stream->started = false;
    if (hand_on(session, form, protocol_state, &plain, bytes, progress.header_length, body_length, error) != 0)
        return -1;
    *consumed = progress.header_length + body_length;
    return 0;
}

/* Is there nothing in the header but its first two fields? They stand at its beginning, in this order. */
static bool is_plain(const gee_type_t *type, const void *header) {
    enum { FIRST_TWO = sizeof(gee_str_t) + sizeof(uint64_t) };
    const char *at = (const char *)header + FIRST_TWO, *end = (const char *)header + type->size;
    uint64_t word;
    if (type->fields[1].offset != sizeof(gee_str_t) || type->size % sizeof(word) != 0)
        return false;
    for (; at < end; at += sizeof(word)) {
        memcpy(&word, at, sizeof(word));
        if (word != 0)
            return false;
    }
    return true;
}

static int append_header(gee_session_t *session, const gee_type_t *type, const void *header, gee_chain_t *out,
                         gee_error_t *error) {
    const gee_codec_t *codec = session->codec;
    if (codec->write_plain != NULL && is_plain(type, header)) {
        gee_str_t text;
        uint64_t number;
        memcpy(&text, header, sizeof(text));
        memcpy(&number, (const char *)header + sizeof(text), sizeof(number));
        if (codec->write_plain(session->send_state, type, text, number, out) == 1)
            return 0;
    }
    if (codec->encode(session->send_state, type, header, out, error) != 0)
        return gee_error_prefix(error, "header: ");
    return 0;
}

static int append_separator(const gee_codec_t *codec, gee_chain_t *out, gee_error_t *error) {
    size_t length = strlen(codec->separator);
    if (length > 0 && gee_chain_append(out, codec->separator, length) != 0)
        return gee_error_set(error, GEE_RESOURCE_EXHAUSTED, "out of memory");
    return 0;
}

static int append(gee_session_t *session, const gee_type_t *header_type, const void *header, const gee_payload_t *body,
                  gee_error_t *error) {
    gee_chain_t *out = gee_session_out(session);
    const gee_codec_t *codec = session->codec;
    if (append_header(session, header_type, header, out, error) != 0 || append_separator(codec, out, error) != 0 ||
        gee_payload_encode(body, codec, session->send_state, out, error) != 0)
        return -1;
    return append_separator(codec, out, error);
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
