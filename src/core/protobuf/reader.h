/* reader.h: the wire, as decode.c and check.c read it: keys, numbers and counted bytes, with errors that name their
 * place. What reads returns the place behind; null: the error is set. */
#ifndef GEE_PROTOBUF_READER_H
#define GEE_PROTOBUF_READER_H

#include "core/protobuf/wire.h"

#define GEE_PROTOBUF_DEEPEST 100 /* messages within messages that protobuf's own library reads */

typedef struct gee_protobuf_reader {
    gee_pool_t *pool;
    gee_path_t *path;
    gee_error_t *error;
    unsigned depth; /* levels around the value that is being read: engine.h says what counts */
    unsigned nesting;
    bool lax;
    bool copy;
    bool repair; /* limits->repair */
    bool verify; /* there is something for gee_protobuf_verify() */
    gee_protobuf_indices_t indices;
} gee_protobuf_reader_t;

gee_protobuf_reader_t gee_protobuf_reader(const gee_codec_limits_t *limits, bool lax, gee_path_t *path,
                                          gee_error_t *error);

void gee_protobuf_set_truncated(gee_protobuf_reader_t *reader);
void gee_protobuf_set_too_long(gee_protobuf_reader_t *reader);
void gee_protobuf_set_no_memory(gee_protobuf_reader_t *reader);
void gee_protobuf_set_too_deep(gee_protobuf_reader_t *reader);
void gee_protobuf_set_bad_tag(gee_protobuf_reader_t *reader, uint64_t key);

/* Inline, so that the compiler sees the result. */
static inline const uint8_t *gee_protobuf_truncated(gee_protobuf_reader_t *reader) {
    gee_protobuf_set_truncated(reader);
    return NULL;
}
static inline const uint8_t *gee_protobuf_no_memory(gee_protobuf_reader_t *reader) {
    gee_protobuf_set_no_memory(reader);
    return NULL;
}

const char *gee_protobuf_wire_name(unsigned wire);
const uint8_t *gee_protobuf_read_long_varint(gee_protobuf_reader_t *reader, const uint8_t *at, const uint8_t *end,
                                             uint64_t *number);
/* The value behind a key. */
const uint8_t *gee_protobuf_skip_value(gee_protobuf_reader_t *reader, const uint8_t *at, const uint8_t *end,
                                       uint32_t key);

static inline const uint8_t *gee_protobuf_read_varint(gee_protobuf_reader_t *reader, const uint8_t *at,
                                                      const uint8_t *end, uint64_t *number) {
    if (at < end && *at < 0x80) {
        *number = *at;
        return at + 1;
    }
    if (end - at >= 2 && at[1] < 0x80) {
        *number = (uint64_t)at[1] << 7 | (at[0] & 0x7f);
        return at + 2;
    }
    return gee_protobuf_read_long_varint(reader, at, end, number);
}

/* Protobuf's library takes longer forms of numbers, but not of keys and lengths. */
#define GEE_PROTOBUF_NARROW_LONGEST 5

static inline const uint8_t *gee_protobuf_read_narrow(gee_protobuf_reader_t *reader, const uint8_t *at,
                                                      const uint8_t *end, uint64_t *number) {
    if (at < end && *at < 0x80) {
        *number = *at;
        return at + 1;
    }
    if (end - at >= 2 && at[1] < 0x80) {
        *number = (uint64_t)at[1] << 7 | (at[0] & 0x7f);
        return at + 2;
    }
    const uint8_t *behind = gee_protobuf_read_long_varint(reader, at, end, number);
    if (behind != NULL && reader->lax && behind - at > GEE_PROTOBUF_NARROW_LONGEST)
        return (gee_protobuf_set_too_long(reader), NULL);
    return behind;
}

static inline const uint8_t *gee_protobuf_read_key(gee_protobuf_reader_t *reader, const uint8_t *at, const uint8_t *end,
                                                   uint32_t *key) {
    uint64_t number;
    if ((at = gee_protobuf_read_narrow(reader, at, end, &number)) == NULL)
        return NULL;
    *key = (uint32_t)number;
    if (*key < 8 || (*key != number && !reader->lax)) /* protobuf's library drops bits beyond 32 */
        return (gee_protobuf_set_bad_tag(reader, number), NULL);
    return at;
}

/* A length, and bytes of that length that are there. Returns the place where the bytes begin. */
static inline const uint8_t *gee_protobuf_read_length(gee_protobuf_reader_t *reader, const uint8_t *at,
                                                      const uint8_t *end, size_t *length) {
    uint64_t number;
    if ((at = gee_protobuf_read_narrow(reader, at, end, &number)) == NULL)
        return NULL;
    if (number > (size_t)(end - at))
        return gee_protobuf_truncated(reader);
    *length = (size_t)number;
    return at;
}

static inline const uint8_t *gee_protobuf_skip_bytes(gee_protobuf_reader_t *reader, const uint8_t *at,
                                                     const uint8_t *end, size_t count) {
    return (size_t)(end - at) >= count ? at + count : gee_protobuf_truncated(reader);
}

static inline int gee_protobuf_enter(gee_protobuf_reader_t *reader) {
    return ++reader->depth <= reader->nesting ? 0 : (gee_protobuf_set_too_deep(reader), -1);
}
static inline void gee_protobuf_leave(gee_protobuf_reader_t *reader) {
    reader->depth--;
}

static inline gee_protobuf_fields_t gee_protobuf_fields_of(const gee_type_t *type) {
    return (gee_protobuf_fields_t){ .fields = type->fields, .count = type->field_count };
}

/* Errors name their place: each level of an unwinding failure puts its own step before the inner steps. Null. */
static inline const uint8_t *gee_protobuf_in_field(const gee_protobuf_reader_t *reader, const gee_field_t *field) {
    if (field->name[0] != '\0') /* a bare value's pseudo field has no name */
        gee_path_field(reader->path, gee_str(field->name));
    return NULL;
}

#endif
