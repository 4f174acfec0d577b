/* reader.c: the rare and the long functions of reader.h. */
#include "core/protobuf/reader.h"

gee_protobuf_reader_t gee_protobuf_reader(const gee_codec_limits_t *limits, bool lax, gee_path_t *path,
                                          gee_error_t *error) {
    gee_path_init(path);
    unsigned nesting = limits->nesting;
    if (lax && nesting > GEE_PROTOBUF_DEEPEST)
        nesting = GEE_PROTOBUF_DEEPEST;
    return (gee_protobuf_reader_t){
        .path = path, .error = error, .nesting = nesting, .lax = lax, .repair = limits->repair
    };
}

void gee_protobuf_set_truncated(gee_protobuf_reader_t *reader) {
    gee_error_set(reader->error, GEE_INVALID_ARGUMENT, "truncated: the message ends inside a value");
}

void gee_protobuf_set_too_long(gee_protobuf_reader_t *reader) {
    gee_error_set(reader->error, GEE_INVALID_ARGUMENT, "a key or a length of more than %d bytes",
                  GEE_PROTOBUF_NARROW_LONGEST);
}

void gee_protobuf_set_no_memory(gee_protobuf_reader_t *reader) {
    gee_error_set(reader->error, GEE_RESOURCE_EXHAUSTED, "the value takes more memory than a call may have");
}

void gee_protobuf_set_too_deep(gee_protobuf_reader_t *reader) {
    if (reader->lax && reader->nesting == GEE_PROTOBUF_DEEPEST)
        gee_error_set(reader->error, GEE_RESOURCE_EXHAUSTED, "nested deeper than %d messages", GEE_PROTOBUF_DEEPEST);
    else
        gee_error_set(reader->error, GEE_RESOURCE_EXHAUSTED, "nested deeper than limits.nesting = %u", reader->nesting);
}

void gee_protobuf_set_bad_tag(gee_protobuf_reader_t *reader, uint64_t key) {
    gee_error_set(reader->error, GEE_INVALID_ARGUMENT, "field number %llu is out of range",
                  (unsigned long long)key >> 3);
}

const char *gee_protobuf_wire_name(unsigned wire) {
    static const char *const names[] = {
        "a varint", "64 bits", "counted bytes", "a group", "a group's end", "32 bits"
    };
    return wire < GEE_LENGTH(names) ? names[wire] : "nothing known";
}

/* Strictly, a tenth byte has the one bit that is left; protobuf's library drops the others. */
const uint8_t *gee_protobuf_read_long_varint(gee_protobuf_reader_t *reader, const uint8_t *at, const uint8_t *end,
                                             uint64_t *number) {
    bool is_short = end - at < GEE_PROTOBUF_VARINT_LONGEST;
    const uint8_t *limit = is_short ? end : at + GEE_PROTOBUF_VARINT_LONGEST;
    uint64_t result = 0;
    for (unsigned shift = 0; at < limit; shift += 7) {
        uint64_t byte = *at++;
        result |= (byte & 0x7f) << shift;
        if (byte >= 0x80)
            continue;
        if (shift == 63 && byte > 1 && !reader->lax)
            break;
        *number = result;
        return at;
    }
    if (is_short)
        return gee_protobuf_truncated(reader);
    gee_error_set(reader->error, GEE_INVALID_ARGUMENT, "a varint over 64 bits");
    return NULL;
}

/* Fields up to the group's own end. */
static const uint8_t *skip_group(gee_protobuf_reader_t *reader, const uint8_t *at, const uint8_t *end, uint32_t tag) {
    uint32_t key;
    if (gee_protobuf_enter(reader) != 0)
        return NULL;
    do {
        if (at == end)
            return gee_protobuf_truncated(reader);
        if ((at = gee_protobuf_read_key(reader, at, end, &key)) == NULL)
            return NULL;
        if (key == (tag << 3 | GEE_WIRE_GROUP_END)) {
            gee_protobuf_leave(reader);
            return at;
        }
    } while ((at = gee_protobuf_skip_value(reader, at, end, key)) != NULL);
    return NULL;
}

const uint8_t *gee_protobuf_skip_value(gee_protobuf_reader_t *reader, const uint8_t *at, const uint8_t *end,
                                       uint32_t key) {
    uint64_t number;
    size_t length;
    switch (key & 7) {
    case GEE_WIRE_VARINT:
        return gee_protobuf_read_varint(reader, at, end, &number);
    case GEE_WIRE_FIXED64:
        return gee_protobuf_skip_bytes(reader, at, end, sizeof(uint64_t));
    case GEE_WIRE_FIXED32:
        return gee_protobuf_skip_bytes(reader, at, end, sizeof(uint32_t));
    case GEE_WIRE_BYTES:
        at = gee_protobuf_read_length(reader, at, end, &length);
        return at != NULL ? at + length : NULL;
    case GEE_WIRE_GROUP:
        if (reader->lax)
            return skip_group(reader, at, end, key >> 3);
        break;
    case GEE_WIRE_GROUP_END:
        if (!reader->lax)
            break;
        gee_error_set(reader->error, GEE_INVALID_ARGUMENT, "field number %u ends a group that has not begun", key >> 3);
        return NULL;
    default:
        break;
    }
    gee_error_set(reader->error, GEE_INVALID_ARGUMENT, "field number %u is %s, which is not supported", key >> 3,
                  gee_protobuf_wire_name(key & 7));
    return NULL;
}
