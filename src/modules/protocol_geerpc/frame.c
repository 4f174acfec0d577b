/* frame.c: messages of a codec that does not say where its values end (bin). Before each message stands a prefix:
 *
 *   0       1       2               6               10
 *   +-------+-------+---------------+---------------+--------------+------------+
 *   | body  | flags | header length | body length   | header       | body       |
 *   | codec | 0     | big endian    | big endian    | (always bin) |            |
 *   +-------+-------+---------------+---------------+--------------+------------+
 *
 * Body codec 0 is that of the Option (bin), 1 json, 2 proto, 3 protojson; never 0x0a, so that the line feed after an
 * Option cannot be taken for a frame.
 *
 * Nearly every header has two fields: method and number of a call, or of a reply without an error; number and kind of a
 * message of a streaming call. These headers are read and written here, byte for byte as the codec would, which saves a
 * quarter of what a small call costs. */
#include "geerpc.h"

#include <endian.h>
#include <string.h>

#define PREFIX   10
#define BODY_OWN 0 /* the session's */

static const char *const body_codecs[] = { "", "json", "proto", "protojson" };

static uint32_t read_be32(const uint8_t *bytes) {
    uint32_t number;
    memcpy(&number, bytes, sizeof(number));
    return be32toh(number);
}

static void write_be32(uint8_t *bytes, uint32_t number) {
    number = htobe32(number);
    memcpy(bytes, &number, sizeof(number));
}

/* ---- plain headers: 0A length method 10 number ---- */

enum { METHOD_KEY = 1 << 3 | 2, SEQ_KEY = 2 << 3, KIND_KEY = 4 << 3, SHORT_METHOD = 127, LONGEST_NUMBER = 10 };

/* False: it is not plain, or not well-formed; the codec will say. */
static bool read_plain(const uint8_t *header, size_t length, gee_str_t *method, uint64_t *seq) {
    if (length < 4 || header[0] != METHOD_KEY || header[1] > SHORT_METHOD || header[1] == 0)
        return false;
    size_t at = 2u + header[1];
    if (at + 2 > length || header[at] != SEQ_KEY)
        return false;
    *method = (gee_str_t){ .data = (const char *)header + 2, .length = header[1] };
    uint64_t number = 0;
    unsigned shift = 0;
    for (at++; at < length && shift < 63; shift += 7) { /* at most nine bytes: no overflow */
        number |= (uint64_t)(header[at] & 0x7f) << shift;
        if (header[at++] < 0x80) {
            *seq = number;
            return at == length && gee_is_short_ascii(header + 2, header[1]);
        }
    }
    return false;
}

/* The method of a reply is the request's, which was found to be well-formed. */
static bool is_plain(const gee_session_t *session, const gee_event_t *event) {
    if (event->method.length - 1 >= SHORT_METHOD || event->token.number == 0 ||
        ((uint64_t)event->status.code | event->metadata.count | (uintptr_t)event->more | (uintptr_t)event->flow) != 0)
        return false;
    return gee_session_role(session) == GEE_SERVING ? event->parts == GEE_EVENT_REPLY
                                                    : event->parts == GEE_EVENT_REQUEST && event->timeout_ns == 0 &&
                                                          gee_is_short_ascii(event->method.data, event->method.length);
}

#define PLAIN_LONGEST (2 + SHORT_METHOD + 1 + LONGEST_NUMBER)

/* Returns the end. */
static inline uint8_t *write_number(uint8_t *at, uint64_t number) {
    *at++ = SEQ_KEY;
    for (; number >= 0x80; number >>= 7)
        *at++ = (uint8_t)(number | 0x80);
    *at++ = (uint8_t)number;
    return at;
}

/* Returns the end. */
static uint8_t *write_plain(uint8_t *at, gee_str_t method, uint64_t number) {
    *at++ = METHOD_KEY;
    *at++ = (uint8_t)method.length;
    gee_copy_short(at, method.data, method.length);
    return write_number(at + method.length, number);
}

/* ---- headers of messages: 10 number 20 05 ---- */

enum { MESSAGE_LONGEST = 1 + LONGEST_NUMBER + 2 };

static bool read_varint(const uint8_t **at, const uint8_t *end, uint64_t *number) {
    *number = 0;
    for (unsigned shift = 0; *at < end && shift < 63; shift += 7) { /* at most nine bytes: no overflow */
        *number |= (uint64_t)(**at & 0x7f) << shift;
        if (*(*at)++ < 0x80)
            return true;
    }
    return false;
}

static bool read_message(const uint8_t *header, size_t length, uint64_t *seq) {
    if (length < 4 || header[0] != SEQ_KEY)
        return false;
    const uint8_t *at = header + 1, *end = header + length - 2;
    return end[0] == KIND_KEY && end[1] == KIND_MESSAGE && read_varint(&at, end, seq) && at == end;
}

static bool is_message(const gee_event_t *event) {
    return event->parts == GEE_EVENT_MESSAGE && event->metadata.count == 0 && event->token.number != 0;
}

/* Returns the end. */
static uint8_t *write_message(uint8_t *at, uint64_t number) {
    at = write_number(at, number);
    *at++ = KIND_KEY;
    *at++ = KIND_MESSAGE;
    return at;
}

/* ---- messages ---- */

static const gee_codec_t *body_codec(const gee_session_t *session, uint8_t number, gee_error_t *error) {
    if (number == BODY_OWN)
        return gee_session_codec(session);
    if (number >= GEE_LENGTH(body_codecs)) {
        gee_error_set(error, GEE_INVALID_ARGUMENT, "frame: unknown body codec %u", number);
        return NULL;
    }
    const gee_codec_t *codec = gee_module_find(gee_engine_modules(gee_session_engine(session)), GEE_MODULE_CODEC,
                                               gee_str(body_codecs[number]));
    if (codec == NULL)
        gee_error_set(error, GEE_UNIMPLEMENTED, "frame: body codec %s is not compiled in", body_codecs[number]);
    return codec;
}

/* Negative: a frame cannot carry it. */
static inline int body_number(const gee_session_t *session, const gee_codec_t *codec) {
    if (codec == gee_session_codec(session))
        return BODY_OWN;
    int number = GEE_LENGTH(body_codecs) - 1;
    while (number > BODY_OWN && strcmp(body_codecs[number], codec->name) != 0)
        number--;
    return number > BODY_OWN ? number : -1;
}

/* Levels of a header: the header, a list, a pair in the list. What limits.nesting says is about bodies. */
#define HEADER_NESTING 3

static int decode_header(gee_session_t *session, const uint8_t *bytes, size_t length, geerpc_header_t *header,
                         gee_error_t *error) {
    gee_pool_t *pool = gee_engine_scratch(gee_session_engine(session));
    gee_codec_limits_t limits = *gee_engine_header_limits(gee_session_engine(session));
    limits.nesting = HEADER_NESTING;
    gee_pool_reset(pool);
    if (gee_session_codec(session)->decode(gee_session_receive_state(session), geerpc_frame_header, bytes, length,
                                           &limits, false, pool, header, error) != 0)
        return gee_error_prefix(error, "header: ");
    if (gee_metadata_repair(&header->metadata, pool) != 0 || gee_metadata_repair(&header->trailing, pool) != 0)
        return gee_error_set(error, GEE_RESOURCE_EXHAUSTED, "header: metadata: out of memory");
    return 0;
}

GEE_APART static int read_other(gee_session_t *session, geerpc_state_t *state, const uint8_t *bytes, size_t length,
                                const gee_payload_t *body, gee_error_t *error) {
    geerpc_header_t header = { 0 };
    if (decode_header(session, bytes, length, &header, error) != 0)
        return -1;
    if (header.kind == KIND_PONG && header.credit > 0)
        state->peer_streams = true;
    return geerpc_header_to_event(session, &header, body, error);
}

static int hand_on(gee_session_t *session, geerpc_state_t *state, const gee_codec_t *codec, const uint8_t *header_bytes,
                   size_t header_length, size_t body_length, gee_error_t *error) {
    gee_event_t plain = {
        .parts = gee_session_role(session) == GEE_SERVING ? GEE_EVENT_REQUEST : GEE_EVENT_REPLY,
        .codec = codec,
        .payload = { .kind = GEE_PAYLOAD_BYTES,
                     .codec = codec,
                     .codec_state = codec == gee_session_codec(session) ? gee_session_receive_state(session) : NULL,
                     .bytes = header_bytes + header_length,
                     .length = body_length,
                     .message_length = PREFIX + header_length + body_length,
                     .buf = gee_stream_inbox(gee_session_stream(session))->buf }
    };
    if (read_plain(header_bytes, header_length, &plain.method, &plain.token.number)) {
        gee_session_event(session, &plain);
        return 0;
    }
    if (read_message(header_bytes, header_length, &plain.token.number)) {
        plain.parts = GEE_EVENT_MESSAGE;
        gee_session_event(session, &plain);
        return 0;
    }
    return read_other(session, state, header_bytes, header_length, &plain.payload, error);
}

/* ---- messages over the limit ---- */

/* A header that is over the limit itself is looked at so far: there is the call, whatever is behind. */
#define BEGINNING 2048

/* Method, number and, where there is no error between them, kind, if these are the first fields, as every encoder
 * writes. */
static bool read_beginning(const uint8_t *at, const uint8_t *end, gee_str_t *method, uint64_t *seq, uint64_t *kind) {
    uint64_t length;
    *method = GEE_STR("");
    *seq = *kind = 0;
    if (at < end && *at == METHOD_KEY) {
        at++;
        if (!read_varint(&at, end, &length) || length >= (uint64_t)(end - at) ||
            !gee_utf8_valid((const char *)at, (size_t)length))
            return false;
        *method = (gee_str_t){ .data = (const char *)at, .length = (size_t)length };
        at += length;
    }
    if (at >= end || *at++ != SEQ_KEY || !read_varint(&at, end, seq))
        return false;
    return at >= end || *at++ != KIND_KEY || read_varint(&at, end, kind);
}

/* Of the header the beginning is there. */
static int hand_on_beginning(gee_session_t *session, const uint8_t *header, size_t length, const gee_payload_t *body,
                             gee_error_t *error) {
    gee_event_t event = { .codec = body->codec, .payload = *body };
    uint64_t kind;
    if (!read_beginning(header, header + length, &event.method, &event.token.number, &kind))
        return gee_error_set(error, GEE_RESOURCE_EXHAUSTED,
                             "header: %.*s, and the call's number is not at its beginning",
                             GEE_STR_ARGUMENTS(body->refusal->text));
    event.parts = geerpc_parts(gee_session_role(session), kind, event.method.length > 0);
    if (event.parts == 0)
        return geerpc_unknown_kind(kind, error);
    gee_session_event(session, &event);
    return 0;
}

/* Its call alone ends, as soon as it is known; the session drops *consumed bytes, most of which have not come yet. */
GEE_APART static int refuse(gee_session_t *session, geerpc_state_t *state, const gee_codec_t *codec,
                            const uint8_t *header, size_t length, size_t header_length, size_t *consumed,
                            gee_error_t *error) {
    size_t limit = gee_engine_codec_limits(gee_session_engine(session))->message;
    bool whole = header_length <= limit;
    size_t wanted = whole || header_length < BEGINNING ? header_length : BEGINNING;
    gee_error_t reason;
    gee_error_set(&reason, GEE_RESOURCE_EXHAUSTED, "a message of %zu bytes, over %zu (%s)", *consumed - PREFIX, limit,
                  gee_message_limit_name(gee_engine_codec_limits(gee_session_engine(session))));
    const gee_status_t status = { .code = reason.code, .text = gee_str(reason.text) };
    const gee_payload_t body = { .kind = GEE_PAYLOAD_REFUSED, .codec = codec, .refusal = &status };
    if (length < wanted) {
        *consumed = 0;
        return 0;
    }
    state->frame_started = false;
    return whole ? read_other(session, state, header, header_length, &body, error)
                 : hand_on_beginning(session, header, wanted, &body, error);
}

static int receive_one(gee_session_t *session, void *data, const uint8_t *bytes, size_t length, size_t *consumed,
                       gee_error_t *error) {
    geerpc_state_t *state = data;
    state->frame_started = true;
    if (length < PREFIX)
        return 0;
    const gee_codec_t *codec = body_codec(session, bytes[0], error);
    if (codec == NULL)
        return -1;
    if (bytes[1] != 0)
        return gee_error_set(error, GEE_INVALID_ARGUMENT, "frame: flags %u, must be 0", bytes[1]);
    uint64_t header_length = read_be32(bytes + 2), body_length = read_be32(bytes + 6);
    if (header_length + body_length > gee_engine_codec_limits(gee_session_engine(session))->message) {
        *consumed = PREFIX + (size_t)(header_length + body_length);
        return refuse(session, state, codec, bytes + PREFIX, length - PREFIX, (size_t)header_length, consumed, error);
    }
    if (length - PREFIX < header_length + body_length)
        return 0;
    state->frame_started = false;
    if (hand_on(session, state, codec, bytes + PREFIX, (size_t)header_length, (size_t)body_length, error) != 0)
        return -1;
    *consumed = PREFIX + (size_t)(header_length + body_length);
    return 0;
}

int geerpc_frame_receive(gee_session_t *session, geerpc_state_t *state, const uint8_t *bytes, size_t length,
                         size_t *consumed, gee_error_t *error) {
    return gee_session_receive_each(session, state, bytes, length, consumed, error, receive_one);
}

static int append_header(const gee_session_t *session, const gee_event_t *event, gee_chain_t *out, gee_error_t *error) {
    geerpc_header_t header;
    gee_pool_t *pool;
    int result = geerpc_header_from_event(session, event, &header, &pool, error);
    if (result == 0)
        result = gee_session_codec(session)->encode(gee_session_send_state(session), geerpc_frame_header, &header, out,
                                                    error);
    gee_pool_destroy(&pool);
    return result == 0 ? 0 : gee_error_prefix(error, "header: ");
}

static int no_memory(gee_error_t *error) {
    return gee_error_set(error, GEE_RESOURCE_EXHAUSTED, "out of memory");
}

/* The prefix, whose lengths are filled in later, and the header. Null: the error is set. */
static uint8_t *begin_plain(const gee_event_t *event, gee_chain_t *out, gee_error_t *error) {
    uint8_t *prefix = gee_chain_reserve(out, PREFIX + PLAIN_LONGEST);
    if (prefix == NULL) {
        no_memory(error);
        return NULL;
    }
    const uint8_t *end = write_plain(prefix + PREFIX, event->method, event->token.number);
    gee_chain_commit(out, (size_t)(end - prefix));
    return prefix;
}

static uint8_t *begin_message(const gee_event_t *event, gee_chain_t *out, gee_error_t *error) {
    uint8_t *prefix = gee_chain_reserve(out, PREFIX + MESSAGE_LONGEST);
    if (prefix == NULL) {
        no_memory(error);
        return NULL;
    }
    const uint8_t *end = write_message(prefix + PREFIX, event->token.number);
    gee_chain_commit(out, (size_t)(end - prefix));
    return prefix;
}

static uint8_t *begin_other(const gee_session_t *session, const gee_event_t *event, gee_chain_t *out,
                            gee_error_t *error) {
    uint8_t *prefix = gee_chain_reserve(out, PREFIX);
    if (prefix == NULL) {
        no_memory(error);
        return NULL;
    }
    gee_chain_commit(out, PREFIX);
    return append_header(session, event, out, error) == 0 ? prefix : NULL;
}

static void fill_prefix(uint8_t *prefix, int body, size_t header_length, size_t body_length) {
    prefix[0] = (uint8_t)body;
    prefix[1] = 0;
    write_be32(prefix + 2, (uint32_t)header_length);
    write_be32(prefix + 6, (uint32_t)body_length);
}

/* A short body that is bytes already, as gateways pass bodies on: in one piece with the header, which is that of a
 * message where it is not `plain`. False: the body is another one, or out of memory. */
static bool append_short(gee_session_t *session, const gee_event_t *event, const gee_codec_t *codec, bool plain,
                         gee_chain_t *out) {
    const gee_payload_t *body = &event->payload;
    int number;
    if (body->kind != GEE_PAYLOAD_BYTES || body->length > GEE_SHORT_BYTES || body->codec != codec ||
        codec->carry != NULL || (number = body_number(session, codec)) < 0)
        return false;
    uint8_t *prefix = gee_chain_reserve(out, PREFIX + PLAIN_LONGEST + GEE_SHORT_BYTES);
    if (prefix == NULL)
        return false;
    uint8_t *at = plain ? write_plain(prefix + PREFIX, event->method, event->token.number)
                        : write_message(prefix + PREFIX, event->token.number);
    fill_prefix(prefix, number, (size_t)(at - prefix) - PREFIX, body->length);
    gee_copy_short(at, body->bytes, body->length);
    gee_chain_commit(out, (size_t)(at - prefix) + body->length);
    if (!plain)
        gee_session_set_body_length(session, body->length);
    return true;
}

/* The body behind a header that ends the chain; `start`: of the header. */
GEE_ALWAYS_INLINE int append_body(gee_session_t *session, const gee_event_t *event, const gee_codec_t *codec,
                                  gee_chain_t *out, uint8_t *prefix, size_t start, size_t *body_length,
                                  gee_error_t *error) {
    int number = body_number(session, codec);
    size_t header_end = out->length;
    if (number < 0)
        return gee_error_set(error, GEE_UNIMPLEMENTED, "a frame cannot have a body of the codec %s", codec->name);
    if (event->parts & GEE_EVENT_MESSAGE &&
        gee_payload_encode(&event->payload, codec, number == BODY_OWN ? gee_session_send_state(session) : NULL, out,
                           error) != 0)
        return -1;
    size_t header_length = header_end - start;
    *body_length = out->length - header_end;
    if (header_length > UINT32_MAX || *body_length > UINT32_MAX)
        return gee_error_set(error, GEE_RESOURCE_EXHAUSTED, "a message over 4 GiB cannot be framed");
    fill_prefix(prefix, number, header_length, *body_length);
    return 0;
}

static int append_plain(gee_session_t *session, const gee_event_t *event, const gee_codec_t *codec, gee_chain_t *out,
                        gee_error_t *error) {
    size_t start = out->length + PREFIX, body_length;
    uint8_t *prefix = begin_plain(event, out, error);
    return prefix != NULL ? append_body(session, event, codec, out, prefix, start, &body_length, error) : -1;
}

/* A frame has a message or says that no further one comes: an event with both, which is no unary call, takes two. */
static int append_other(gee_session_t *session, const gee_event_t *event, const gee_codec_t *codec, gee_chain_t *out,
                        gee_error_t *error) {
    const unsigned both = GEE_EVENT_MESSAGE | GEE_EVENT_HALF_CLOSE;
    size_t start = out->length + PREFIX, body_length = 0;
    uint8_t *prefix = is_message(event) ? begin_message(event, out, error) : begin_other(session, event, out, error);
    if (prefix == NULL || append_body(session, event, codec, out, prefix, start, &body_length, error) != 0)
        return -1;
    if (event->parts & GEE_EVENT_MESSAGE && event->flow != NULL)
        gee_session_set_body_length(session, body_length);
    if ((event->parts & both) != both || geerpc_is_unary_request(session, event))
        return 0;
    const gee_event_t close = { .parts = GEE_EVENT_HALF_CLOSE, .token = event->token, .flow = event->flow };
    return append_other(session, &close, codec, out, error);
}

GEE_APART static int send_other(gee_session_t *session, const gee_event_t *event, const gee_codec_t *codec,
                                gee_error_t *error) {
    gee_chain_t *out = gee_session_out(session);
    gee_mark_t mark = gee_chain_mark(out);
    if (append_other(session, event, codec, out, error) == 0)
        return 0;
    gee_chain_rewind(out, mark);
    return -1;
}

int geerpc_frame_send(gee_session_t *session, const gee_event_t *event, gee_error_t *error) {
    gee_chain_t *out = gee_session_out(session);
    const gee_codec_t *codec = event->codec ? event->codec : gee_session_codec(session);
    bool plain = is_plain(session, event);
    if ((plain || is_message(event)) && append_short(session, event, codec, plain, out))
        return 0;
    if (!plain)
        return send_other(session, event, codec, error);
    gee_mark_t mark = gee_chain_mark(out);
    if (append_plain(session, event, codec, out, error) == 0)
        return 0;
    gee_chain_rewind(out, mark);
    return -1;
}
