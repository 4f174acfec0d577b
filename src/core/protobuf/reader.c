/* reader.c: the rare and the long functions of reader.h. */
#include "core/protobuf/reader.h"

int gee_protobuf_truncated(gee_protobuf_reader_t *reader) {
    return GEE_PROTOBUF_FAIL(reader->error, GEE_INVALID_ARGUMENT, "truncated: the message ends inside a value");
}

int gee_protobuf_no_memory(gee_protobuf_reader_t *reader) {
    return GEE_PROTOBUF_FAIL(reader->error, GEE_RESOURCE_EXHAUSTED, "the value takes more memory than a call may have");
}

const char *gee_protobuf_wire_name(unsigned wire) {
    static const char *const names[] = {
        "a varint", "64 bits", "counted bytes", "a group", "a group's end", "32 bits"
    };
    return wire < GEE_LENGTH(names) ? names[wire] : "nothing known";
}

int gee_protobuf_read_long_varint(gee_protobuf_reader_t *reader, gee_protobuf_span_t *span, uint64_t *number) {
    bool is_short = span->end - span->at < GEE_PROTOBUF_VARINT_LONGEST;
    const uint8_t *at = span->at, *limit = is_short ? span->end : at + GEE_PROTOBUF_VARINT_LONGEST;
    uint64_t result = 0;
    for (unsigned shift = 0; at < limit; shift += 7) {
        uint64_t byte = *at++;
        result |= (byte & 0x7f) << shift;
        if (byte >= 0x80)
            continue;
        if (shift == 63 && byte > 1)
            break;
        span->at = at;
        *number = result;
        return 0;
    }
    if (is_short)
        return gee_protobuf_truncated(reader);
    return GEE_PROTOBUF_FAIL(reader->error, GEE_INVALID_ARGUMENT, "a varint over 64 bits");
}

int gee_protobuf_skip_value(gee_protobuf_reader_t *reader, gee_protobuf_span_t *span, uint32_t key) {
    uint64_t number;
    gee_protobuf_span_t inner;
    switch (key & 7) {
    case GEE_WIRE_VARINT:
        return gee_protobuf_read_varint(reader, span, &number);
    case GEE_WIRE_FIXED64:
        return gee_protobuf_skip_bytes(reader, span, 8);
    case GEE_WIRE_FIXED32:
        return gee_protobuf_skip_bytes(reader, span, 4);
    case GEE_WIRE_BYTES:
        return gee_protobuf_read_span(reader, span, &inner);
    default:
        return GEE_PROTOBUF_FAIL(reader->error, GEE_INVALID_ARGUMENT, "field number %u is %s, which is not supported",
                                 key >> 3, gee_protobuf_wire_name(key & 7));
    }
}
