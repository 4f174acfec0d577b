/* frame.c: messages of a codec that does not say where its values end (bin). Before each message stands a prefix:
 *
 *   0       1       2               6               10
 *   +-------+-------+---------------+---------------+--------------+------------+
 *   | body  | flags | header length | body length   | header       | body       |
 *   | codec | 0     | big endian    | big endian    | (always bin) |            |
 *   +-------+-------+---------------+---------------+--------------+------------+
 *
 * Body codec 0 is bin, 1 json; never 0x0a, so that the line feed after an Option cannot be taken for a frame. */
#include "geerpc.h"

#include <string.h>

#define PREFIX    10
#define BODY_BIN  0
#define BODY_JSON 1

static uint32_t read_be32(const uint8_t *bytes) {
    return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

static void write_be32(uint8_t *bytes, uint32_t number) {
    bytes[0] = (uint8_t)(number >> 24);
    bytes[1] = (uint8_t)(number >> 16);
    bytes[2] = (uint8_t)(number >> 8);
    bytes[3] = (uint8_t)number;
}

static const gee_codec_t *body_codec(const gee_session_t *session, uint8_t number, gee_error_t *error) {
    const char *name = number == BODY_BIN ? "bin" : number == BODY_JSON ? "json" : NULL;
    if (name == NULL) {
        gee_error_set(error, GEE_INVALID_ARGUMENT, "frame: unknown body codec %u", number);
        return NULL;
    }
    if (strcmp(session->codec->name, name) == 0)
        return session->codec;
    const gee_codec_t *codec = gee_codec_by_name(session->engine->modules, gee_str(name));
    if (codec == NULL)
        gee_error_set(error, GEE_UNIMPLEMENTED, "frame: body codec %s is not compiled in", name);
    return codec;
}

static int hand_on(gee_session_t *session, geerpc_state_t *state, const gee_codec_t *codec, const uint8_t *header_bytes,
                   size_t header_length, size_t body_length, gee_error_t *error) {
    gee_engine_t *engine = session->engine;
    geerpc_header_t header = { 0 };
    gee_pool_reset(engine->scratch);
    if (session->codec->decode(session->receive_state, geerpc_frame_header, header_bytes, header_length,
                               &engine->codec_limits, false, engine->scratch, &header, error) != 0)
        return gee_error_prefix(error, "header: ");
    gee_payload_t payload = { .kind = GEE_PAYLOAD_BYTES,
                              .codec = codec,
                              .codec_state = codec == session->codec ? session->receive_state : NULL,
                              .bytes = header_bytes + header_length,
                              .length = body_length,
                              .message_length = PREFIX + header_length + body_length,
                              .buf = gee_stream_inbox(session->stream)->buf };
    return geerpc_header_to_event(session, state, &header, &payload, error);
}

int geerpc_frame_receive(gee_session_t *session, geerpc_state_t *state, const uint8_t *bytes, size_t length,
                         size_t *consumed, gee_error_t *error) {
    state->frame_started = true;
    if (length < PREFIX)
        return 0;
    const gee_codec_t *codec = body_codec(session, bytes[0], error);
    if (codec == NULL)
        return -1;
    if (bytes[1] != 0)
        return gee_error_set(error, GEE_INVALID_ARGUMENT, "frame: flags %u, must be 0", bytes[1]);
    uint64_t header_length = read_be32(bytes + 2), body_length = read_be32(bytes + 6);
    uint64_t limit = session->engine->codec_limits.message;
    if (header_length + body_length > limit)
        return gee_error_set(error, GEE_RESOURCE_EXHAUSTED, "frame: %llu bytes, over %llu (%s)",
                             (unsigned long long)(header_length + body_length), (unsigned long long)limit,
                             session->engine->names.message);
    if (length - PREFIX < header_length + body_length)
        return 0;
    state->frame_started = false;
    if (hand_on(session, state, codec, bytes + PREFIX, (size_t)header_length, (size_t)body_length, error) != 0)
        return -1;
    *consumed = PREFIX + (size_t)(header_length + body_length);
    return 0;
}

static int append(gee_session_t *session, const gee_event_t *event, gee_error_t *error) {
    gee_chain_t *out = gee_session_out(session);
    const gee_codec_t *codec = event->codec ? event->codec : session->codec;
    geerpc_header_t header;
    uint8_t *prefix = gee_chain_reserve(out, PREFIX);
    if (prefix == NULL)
        return gee_error_set(error, GEE_RESOURCE_EXHAUSTED, "out of memory");
    memset(prefix, 0, PREFIX);
    prefix[0] = codec == session->codec ? BODY_BIN : BODY_JSON;
    gee_chain_commit(out, PREFIX);

    size_t start = out->length;
    geerpc_header_from_event(event, &header);
    if (session->codec->encode(session->send_state, geerpc_frame_header, &header, out, error) != 0)
        return gee_error_prefix(error, "header: ");
    size_t header_end = out->length;
    if (event->parts & GEE_EVENT_MESSAGE &&
        gee_payload_encode(&event->payload, codec, codec == session->codec ? session->send_state : NULL, out, error) !=
            0)
        return -1;
    size_t body_length = out->length - header_end;
    if (header_end - start > UINT32_MAX || body_length > UINT32_MAX)
        return gee_error_set(error, GEE_RESOURCE_EXHAUSTED, "a message over 4 GiB cannot be framed");
    write_be32(prefix + 2, (uint32_t)(header_end - start));
    write_be32(prefix + 6, (uint32_t)body_length);
    return 0;
}

int geerpc_frame_send(gee_session_t *session, const gee_event_t *event, gee_error_t *error) {
    gee_chain_t *out = gee_session_out(session);
    gee_mark_t mark = gee_chain_mark(out);
    if (append(session, event, error) == 0)
        return 0;
    gee_chain_rewind(out, mark);
    return -1;
}
