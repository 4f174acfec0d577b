/* value_stream.c: messages of a header value and a body value in the session's codec.
 *
 * Both are measured where they lie, each byte once; the header is decoded when the body is whole. A plain header, of a
 * message that came in one piece, the codec reads at a glance: no header is made in memory for it, in either direction,
 * which saves over 200 instructions a call.
 *
 *   over a limit --the header, or its beginning--> event: refused; then header and body are skipped as they come */
#include "core/rpc/value_stream.h"

#include <stdlib.h>
#include <string.h>

#include "core/rpc/engine_private.h"
#include "core/rpc/session_private.h"

/* ---- progress: some are kept for the next messages that come in pieces ---- */

#define SPARE_KEPT 256

static void forget_progress(gee_engine_t *engine, gee_value_stream_t *stream) {
    gee_value_progress_t *progress = stream->progress;
    stream->progress = NULL;
    if (progress == NULL || engine->spare_progress_count >= SPARE_KEPT) {
        free(progress);
        return;
    }
    progress->next = engine->spare_progress;
    engine->spare_progress = progress;
    engine->spare_progress_count++;
}

static gee_value_progress_t *take_spare(gee_engine_t *engine) {
    gee_value_progress_t *progress = engine->spare_progress;
    engine->spare_progress = progress->next;
    engine->spare_progress_count--;
    return progress;
}

static void free_spare(gee_engine_t *engine) {
    while (engine->spare_progress != NULL)
        free(take_spare(engine));
}

static gee_value_progress_t *take_progress(gee_engine_t *engine) {
    if (engine->spare_progress != NULL)
        return take_spare(engine);
    gee_engine_at_close(engine, GEE_CLOSE_STORES, &engine->progress_closer, free_spare);
    return malloc(sizeof(gee_value_progress_t));
}

void gee_value_stream_stop(gee_session_t *session, gee_value_stream_t *stream) {
    forget_progress(session->engine, stream);
}

/* The message is not whole yet. */
static int keep_progress(gee_engine_t *engine, gee_value_stream_t *stream, const gee_value_progress_t *progress,
                         gee_error_t *error) {
    if (stream->progress == NULL)
        stream->progress = take_progress(engine);
    if (stream->progress == NULL)
        return gee_error_set(error, GEE_RESOURCE_EXHAUSTED, "out of memory");
    *stream->progress = *progress;
    return 0;
}

/* Header, then body. DONE: progress->measure.length is that of the body. */
static gee_measured_t measure(gee_session_t *session, gee_value_progress_t *progress, const uint8_t *bytes,
                              size_t length, gee_error_t *error) {
    for (;;) {
        size_t header_length = progress->header_length, left = length - header_length;
        gee_codec_limits_t limits = session->engine->codec_limits;
        limits.message -= header_length;
        if (limits.message == 0) /* to a codec that is no limit */
            return GEE_MEASURE_LONG;
        gee_measured_t measured = session->codec->measure(session->receive_state, &progress->measure,
                                                          bytes + header_length, left, &limits, error);
        if (measured == GEE_MEASURE_MORE)
            return left < limits.message ? GEE_MEASURE_MORE : GEE_MEASURE_LONG;
        if (measured != GEE_MEASURE_DONE || header_length > 0)
            return measured;
        progress->header_length = progress->measure.length;
        progress->measure = (gee_measure_t){ 0 };
    }
}

/* The content of a plain header. */
typedef struct plain {
    size_t length; /* 0: the header is not plain */
    gee_str_t method;
    uint64_t number;
} plain_t;

static void look_for_plain(gee_session_t *session, const gee_type_t *header, const uint8_t *bytes, size_t length,
                           plain_t *plain) {
    const gee_codec_t *codec = session->codec;
    size_t limit = session->engine->codec_limits.message;
    plain->length = 0;
    if (codec->read_plain == NULL)
        return;
    plain->length = codec->read_plain(session->receive_state, header, bytes, length, &plain->method, &plain->number);
    if (limit != 0 && plain->length >= limit)
        plain->length = 0;
}

static gee_payload_t body_of(gee_session_t *session, const uint8_t *bytes, size_t header_length, size_t body_length) {
    return (gee_payload_t){ .kind = GEE_PAYLOAD_BYTES,
                            .codec = session->codec,
                            .codec_state = session->receive_state,
                            .bytes = bytes + header_length,
                            .length = body_length,
                            .message_length = header_length + body_length,
                            .buf = gee_stream_inbox(session->stream)->buf };
}

static void hand_on_plain(gee_session_t *session, const plain_t *plain, const uint8_t *bytes, size_t body_length) {
    gee_event_t event = { .parts = session->role == GEE_SERVING ? GEE_EVENT_REQUEST : GEE_EVENT_REPLY,
                          .token = { .number = plain->number },
                          .method = plain->method,
                          .codec = session->codec,
                          .payload = body_of(session, bytes, plain->length, body_length) };
    gee_session_event(session, &event);
}

static int hand_on(gee_session_t *session, const gee_value_form_t *form, void *protocol_state, const uint8_t *bytes,
                   size_t header_length, const gee_payload_t *body, gee_error_t *error) {
    gee_engine_t *engine = session->engine;
    gee_pool_reset(engine->scratch);
    void *header = gee_pool_zalloc(engine->scratch, form->header->size);
    if (header == NULL)
        return gee_error_set(error, GEE_RESOURCE_EXHAUSTED, "out of memory");
    if (session->codec->decode(session->receive_state, form->header, bytes, header_length, &engine->header_limits,
                               false, engine->scratch, header, error) != 0)
        return gee_error_prefix(error, "header: ");
    return form->take(session, protocol_state, header, body, error);
}

/* Where a codec separates its values, the padding behind a message is consumed with the message: Go's encoder ends
 * each value with a line feed, which otherwise would cost a further look at the bytes. */
static size_t padding_behind(const gee_codec_t *codec, const uint8_t *bytes, size_t length) {
    bool may_be = length > 0 && *bytes <= ' ' && codec->separator[0] != '\0';
    return may_be ? codec->padding(bytes, length) : 0;
}

/* The arguments of gee_value_stream_receive(). */
typedef struct receiving {
    gee_value_stream_t *stream;
    const gee_value_form_t *form;
    void *protocol_state;
} receiving_t;

/* ---- over a limit ---- */

/* gee_value_stream_t.skips */
enum { NOTHING, HEADER, BODY };

static const char *name_of(const gee_value_progress_t *progress) {
    return progress->header_length == 0 ? "header" : "body";
}

/* Reports the refusal to the call: by the header, or, where the header itself is over the limit, by the header's first
 * fields. MORE: these are not there yet. */
static gee_measured_t tell_refused(gee_session_t *session, const receiving_t *receiving,
                                   const gee_value_progress_t *progress, const uint8_t *bytes, size_t length,
                                   const gee_status_t *reason, gee_error_t *error) {
    const gee_payload_t body = { .kind = GEE_PAYLOAD_REFUSED, .codec = session->codec, .refusal = reason };
    if (progress->header_length > 0)
        return hand_on(session, receiving->form, receiving->protocol_state, bytes, progress->header_length, &body,
                       error) == 0
                   ? GEE_MEASURE_DONE
                   : GEE_MEASURE_ERROR;
    gee_event_t event = { .parts = session->role == GEE_SERVING ? GEE_EVENT_REQUEST : GEE_EVENT_REPLY,
                          .codec = session->codec,
                          .payload = body };
    gee_measured_t read =
        session->codec->read_beginning(session->receive_state, &progress->measure, receiving->form->header, bytes,
                                       length, &event.method, &event.token.number);
    if (read == GEE_MEASURE_DONE)
        gee_session_event(session, &event);
    else if (read == GEE_MEASURE_ERROR)
        gee_error_set(error, reason->code, "%.*s", GEE_STR_ARGUMENTS(reason->text));
    return read;
}

/* On through the header, or through the body. */
static int skip_on(gee_session_t *session, gee_value_stream_t *stream, const uint8_t *bytes, size_t length,
                   size_t *consumed, gee_error_t *error) {
    gee_value_progress_t *progress = stream->progress;
    gee_measured_t measured = session->codec->skip_value(session->receive_state, &progress->measure, bytes, length,
                                                         consumed, &session->engine->codec_limits, error);
    if (measured == GEE_MEASURE_ERROR)
        return gee_error_prefix(error, "%s: ", stream->skips == HEADER ? "header" : "body");
    if (measured == GEE_MEASURE_MORE)
        return 0;
    if (stream->skips == HEADER) {
        stream->skips = BODY;
        progress->measure = (gee_measure_t){ 0 };
        return 0;
    }
    forget_progress(session->engine, stream);
    stream->skips = NOTHING;
    stream->started = false;
    gee_session_set_skipping(session, false);
    return 0;
}

static int refuse(gee_session_t *session, const receiving_t *receiving, gee_value_progress_t *progress,
                  gee_measured_t measured, const uint8_t *bytes, size_t length, size_t *consumed, gee_error_t *error) {
    gee_value_stream_t *stream = receiving->stream;
    gee_error_t reason = *error;
    if (measured == GEE_MEASURE_LONG)
        gee_error_set(&reason, GEE_RESOURCE_EXHAUSTED, "over %zu bytes (%s)", session->engine->codec_limits.message,
                      session->engine->names.message);
    gee_error_prefix(&reason, "%s: ", name_of(progress));
    const gee_status_t status = { .code = reason.code, .text = gee_str(reason.text) };
    gee_measured_t told = tell_refused(session, receiving, progress, bytes, length, &status, error);
    if (told == GEE_MEASURE_ERROR)
        return -1;
    if (keep_progress(session->engine, stream, progress, error) != 0)
        return -1;
    if (told == GEE_MEASURE_MORE)
        return 0;
    stream->skips = progress->header_length > 0 ? BODY : HEADER;
    gee_session_set_skipping(session, true);
    size_t passed = 0;
    if (skip_on(session, stream, bytes + progress->header_length, length - progress->header_length, &passed, error) !=
        0)
        return -1;
    *consumed = progress->header_length + passed;
    return 0;
}

/* Handles bytes that are not a whole message. */
GEE_APART static int receive_part(gee_session_t *session, const receiving_t *receiving, gee_value_progress_t *progress,
                                  gee_measured_t measured, const uint8_t *bytes, size_t length, size_t *consumed,
                                  gee_error_t *error) {
    if (measured == GEE_MEASURE_ERROR)
        return gee_error_prefix(error, "%s: ", name_of(progress));
    if (measured == GEE_MEASURE_MORE)
        return keep_progress(session->engine, receiving->stream, progress, error);
    return refuse(session, receiving, progress, measured, bytes, length, consumed, error);
}

/* ---- a message ---- */

/* Consumes a whole message, or padding before it. */
static int receive_one(gee_session_t *session, void *data, const uint8_t *bytes, size_t length, size_t *consumed,
                       gee_error_t *error) {
    const receiving_t *receiving = data;
    gee_value_stream_t *stream = receiving->stream;
    const gee_value_form_t *form = receiving->form;
    plain_t plain = { .length = 0 };
    gee_value_progress_t progress = { 0 };
    if (stream->progress != NULL)
        progress = *stream->progress;
    if (!stream->started) {
        look_for_plain(session, form->header, bytes, length, &plain);
        /* Bytes between messages are dropped at once, so that a quiet connection holds no buffer. */
        if (plain.length == 0 && (*consumed = session->codec->padding(bytes, length)) > 0)
            return 0;
        stream->started = true;
        progress.header_length = plain.length;
    } else if (stream->skips != NOTHING) {
        return skip_on(session, stream, bytes, length, consumed, error);
    }
    gee_measured_t measured = measure(session, &progress, bytes, length, error);
    if (measured != GEE_MEASURE_DONE)
        return receive_part(session, receiving, &progress, measured, bytes, length, consumed, error);
    if (stream->progress != NULL)
        forget_progress(session->engine, stream);
    stream->started = false;
    size_t body_length = progress.measure.length, message_length = progress.header_length + body_length;
    *consumed = message_length + padding_behind(session->codec, bytes + message_length, length - message_length);
    if (plain.length > 0) {
        hand_on_plain(session, &plain, bytes, body_length);
        return 0;
    }
    gee_payload_t body = body_of(session, bytes, progress.header_length, body_length);
    return hand_on(session, form, receiving->protocol_state, bytes, progress.header_length, &body, error);
}

int gee_value_stream_receive(gee_session_t *session, gee_value_stream_t *stream, const gee_value_form_t *form,
                             void *protocol_state, const uint8_t *bytes, size_t length, size_t *consumed,
                             gee_error_t *error) {
    receiving_t receiving = { .stream = stream, .form = form, .protocol_state = protocol_state };
    return gee_session_receive_each(session, &receiving, bytes, length, consumed, error, receive_one);
}

/* ---- sending ---- */

/* The stream's position, to return to when the rest cannot be written. */
typedef struct place {
    gee_mark_t mark;
    uint64_t codec_mark;
} place_t;

static place_t place_of(gee_session_t *session, gee_chain_t *out) {
    const gee_codec_t *codec = session->codec;
    return (place_t){ .mark = gee_chain_mark(out), .codec_mark = codec->mark ? codec->mark(session->send_state) : 0 };
}

static int go_back(gee_session_t *session, gee_chain_t *out, const place_t *place) {
    gee_chain_rewind(out, place->mark);
    if (session->codec->rewind != NULL)
        session->codec->rewind(session->send_state, place->codec_mark);
    return -1;
}

static int append_separator(const gee_codec_t *codec, gee_chain_t *out, gee_error_t *error) {
    for (const char *at = codec->separator; *at != '\0'; at++) { /* a separator has at most one byte */
        uint8_t *room = gee_chain_reserve(out, 1);
        if (room == NULL)
            return gee_error_set(error, GEE_RESOURCE_EXHAUSTED, "out of memory");
        *room = (uint8_t)*at;
        gee_chain_commit(out, 1);
    }
    return 0;
}

static int append_body(gee_session_t *session, const gee_payload_t *body, gee_chain_t *out, gee_error_t *error) {
    if (gee_payload_encode(body, session->codec, session->send_state, out, error) != 0)
        return -1;
    return append_separator(session->codec, out, error);
}

static int append_header(gee_session_t *session, const gee_type_t *type, const void *header, gee_chain_t *out,
                         gee_error_t *error) {
    if (session->codec->encode(session->send_state, type, header, out, error) != 0)
        return gee_error_prefix(error, "header: ");
    return append_separator(session->codec, out, error);
}

int gee_value_stream_send(gee_session_t *session, const gee_type_t *header_type, const void *header,
                          const gee_payload_t *body, gee_error_t *error) {
    gee_chain_t *out = gee_session_out(session);
    place_t place = place_of(session, out);
    if (append_header(session, header_type, header, out, error) == 0 && append_body(session, body, out, error) == 0)
        return 0;
    return go_back(session, out, &place);
}

int gee_value_stream_send_plain(gee_session_t *session, const gee_type_t *header_type, const gee_event_t *event,
                                gee_error_t *error) {
    gee_chain_t *out = gee_session_out(session);
    const gee_codec_t *codec = session->codec;
    if (codec->write_plain == NULL)
        return 1;
    place_t place = place_of(session, out);
    if (codec->write_plain(session->send_state, header_type, event->method, event->token.number, out) != 1)
        return 1;
    return append_body(session, &event->payload, out, error) == 0 ? 0 : go_back(session, out, &place);
}
