/* reader.h: the wire, as decode.c and check.c read it: keys, numbers and counted bytes, with errors that name their
 * place. */
#ifndef GEE_PROTOBUF_READER_H
#define GEE_PROTOBUF_READER_H

#include "core/protobuf/wire.h"

typedef struct gee_protobuf_span {
    const uint8_t *at, *end;
} gee_protobuf_span_t;

typedef struct gee_protobuf_reader {
    gee_pool_t *pool;
    gee_path_t *path;
    gee_error_t *error;
    unsigned depth; /* structs, lists, maps (and messages that wrap optionals) around the value that is being read */
    unsigned nesting;
    bool copy;
    bool repair; /* limits->repair */
    gee_protobuf_indices_t indices;
} gee_protobuf_reader_t;

/* Set the error and return -1. */
int gee_protobuf_truncated(gee_protobuf_reader_t *reader);
int gee_protobuf_no_memory(gee_protobuf_reader_t *reader);

const char *gee_protobuf_wire_name(unsigned wire);
int gee_protobuf_read_long_varint(gee_protobuf_reader_t *reader, gee_protobuf_span_t *span, uint64_t *number);
int gee_protobuf_skip_value(gee_protobuf_reader_t *reader, gee_protobuf_span_t *span, uint32_t key);

static inline int gee_protobuf_read_varint(gee_protobuf_reader_t *reader, gee_protobuf_span_t *span, uint64_t *number) {
    if (span->at < span->end && *span->at < 0x80) {
        *number = *span->at++;
        return 0;
    }
    return gee_protobuf_read_long_varint(reader, span, number) == 0 ? 0 : -1;
}

static inline int gee_protobuf_read_key(gee_protobuf_reader_t *reader, gee_protobuf_span_t *span, uint32_t *key) {
    uint64_t number;
    if (gee_protobuf_read_varint(reader, span, &number) != 0)
        return -1;
    if (number > UINT32_MAX || number < 8)
        return GEE_PROTOBUF_FAIL(reader->error, GEE_INVALID_ARGUMENT, "field number %llu is out of range",
                                 (unsigned long long)number >> 3);
    *key = (uint32_t)number;
    return 0;
}

static inline int gee_protobuf_read_span(gee_protobuf_reader_t *reader, gee_protobuf_span_t *span,
                                         gee_protobuf_span_t *inner) {
    uint64_t length;
    if (gee_protobuf_read_varint(reader, span, &length) != 0)
        return -1;
    if (length > (size_t)(span->end - span->at))
        return (gee_protobuf_truncated(reader), -1); /* which the compiler must see */
    *inner = (gee_protobuf_span_t){ .at = span->at, .end = span->at + length };
    span->at = inner->end;
    return 0;
}

static inline int gee_protobuf_skip_bytes(gee_protobuf_reader_t *reader, gee_protobuf_span_t *span, size_t count) {
    if ((size_t)(span->end - span->at) < count)
        return (gee_protobuf_truncated(reader), -1); /* which the compiler must see */
    span->at += count;
    return 0;
}

static inline int gee_protobuf_enter(gee_protobuf_reader_t *reader) {
    if (++reader->depth <= reader->nesting)
        return 0;
    return GEE_PROTOBUF_FAIL(reader->error, GEE_RESOURCE_EXHAUSTED, "nested deeper than limits.nesting = %u",
                             reader->nesting);
}

static inline gee_protobuf_fields_t gee_protobuf_fields_of(const gee_type_t *type) {
    return (gee_protobuf_fields_t){ .fields = type->fields, .count = type->field_count };
}

/* Errors name their place: each level of an unwinding failure puts its own step before the inner steps. */
static inline int gee_protobuf_in_field(const gee_protobuf_reader_t *reader, const gee_field_t *field) {
    if (field->name[0] != '\0') /* a bare value's pseudo field has no name */
        gee_path_field(reader->path, gee_str(field->name));
    return -1;
}

#endif
