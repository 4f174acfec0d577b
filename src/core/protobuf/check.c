/* check.c: may a message go on undecoded? The keys and lengths of the message must be right, and also the keys and
 * lengths of the messages in it, down to limits.nesting, as far as the type tells which of the counted bytes are
 * messages. The reader of the message checks the kind and the range of each field. */
#include "core/protobuf/reader.h"

#include <endian.h>

typedef gee_protobuf_reader_t reader_t;

static const uint8_t *check_message(reader_t *reader, const uint8_t *at, const uint8_t *end,
                                    gee_protobuf_fields_t *fields);
static const uint8_t *check_field(reader_t *reader, const uint8_t *at, const uint8_t *end, uint32_t key,
                                  const gee_type_t *type);

static const uint8_t *check_struct(reader_t *reader, const uint8_t *at, const uint8_t *end, const gee_type_t *type) {
    gee_protobuf_fields_t fields = gee_protobuf_fields_of(type);
    return check_message(reader, at, end, &fields);
}

/* The same cases, and levels, as in read_element() in decode.c. */
static const uint8_t *check_element(reader_t *reader, const uint8_t *at, const uint8_t *end, uint32_t key,
                                    const gee_type_t *type) {
    const gee_field_t field = { .name = "", .tag = 1, .type = type };
    gee_protobuf_fields_t fields = { .fields = &field, .count = 1 };
    size_t length;
    if (!gee_protobuf_is_wrapped(type->kind) || (key & 7) != GEE_WIRE_BYTES)
        return check_field(reader, at, end, key, type);
    bool level = reader->lax || type->kind == GEE_KIND_OPTIONAL;
    if ((at = gee_protobuf_read_length(reader, at, end, &length)) == NULL || (level && gee_protobuf_enter(reader) != 0))
        return NULL;
    at = check_message(reader, at, at + length, &fields);
    reader->depth -= level;
    return at;
}

static const uint8_t *check_entry(reader_t *reader, const uint8_t *at, const uint8_t *end, const gee_type_t *type) {
    while (at != NULL && at < end) {
        uint32_t key;
        if ((at = gee_protobuf_read_key(reader, at, end, &key)) == NULL)
            return NULL;
        at = key >> 3 == 2 ? check_element(reader, at, end, key, type->element)
                           : gee_protobuf_skip_value(reader, at, end, key);
    }
    return at;
}

static const uint8_t *check_list(reader_t *reader, const uint8_t *at, const uint8_t *end, uint32_t key,
                                 const gee_type_t *type) {
    if (gee_protobuf_is_number(type->element->kind))
        return gee_protobuf_skip_value(reader, at, end, key);
    if (!reader->lax && gee_protobuf_enter(reader) != 0)
        return NULL;
    at = check_element(reader, at, end, key, type->element);
    reader->depth -= !reader->lax;
    return at;
}

static const uint8_t *check_field(reader_t *reader, const uint8_t *at, const uint8_t *end, uint32_t key,
                                  const gee_type_t *type) {
    size_t length;
    if (type->kind < GEE_KIND_STRUCT || (key & 7) != GEE_WIRE_BYTES)
        return gee_protobuf_skip_value(reader, at, end, key);
    if (type->kind == GEE_KIND_OPTIONAL)
        return check_element(reader, at, end, key, type->element);
    if (type->kind == GEE_KIND_LIST)
        return check_list(reader, at, end, key, type);
    if (gee_protobuf_enter(reader) != 0 || (at = gee_protobuf_read_length(reader, at, end, &length)) == NULL)
        return NULL;
    at = type->kind == GEE_KIND_MAP ? check_entry(reader, at, at + length, type)
                                    : check_struct(reader, at, at + length, type);
    gee_protobuf_leave(reader);
    return at;
}

static int find(reader_t *reader, gee_protobuf_fields_t *fields, uint32_t tag, const gee_field_t **field) {
    if (fields->count > GEE_PROTOBUF_FEW && reader->pool == NULL && (reader->pool = gee_pool_create(0)) == NULL)
        return -1;
    return gee_protobuf_find(fields, tag, &reader->indices, reader->pool, field);
}

static const uint8_t *check_message(reader_t *reader, const uint8_t *at, const uint8_t *end,
                                    gee_protobuf_fields_t *fields) {
    while (at < end) {
        uint32_t key;
        const gee_field_t *field = NULL;
        if ((at = gee_protobuf_read_key(reader, at, end, &key)) == NULL)
            return NULL;
        if (fields->count > 0 && find(reader, fields, key >> 3, &field) != 0)
            return gee_protobuf_no_memory(reader);
        at = field != NULL ? check_field(reader, at, end, key, field->type)
                           : gee_protobuf_skip_value(reader, at, end, key);
        if (at == NULL)
            return field != NULL ? gee_protobuf_in_field(reader, field) : NULL;
    }
    return at;
}

GEE_APART static int check(bool lax, const gee_type_t *type, const uint8_t *bytes, size_t length,
                           const gee_codec_limits_t *limits, gee_error_t *error) {
    gee_path_t path;
    reader_t reader = gee_protobuf_reader(limits, lax, &path, error);
    const gee_field_t bare = { .name = "", .tag = 1, .type = type };
    gee_protobuf_fields_t fields = { .fields = &bare, .count = type != NULL };
    if (type != NULL && type->kind == GEE_KIND_STRUCT) {
        fields = gee_protobuf_fields_of(type);
        reader.depth = !lax;
    }
    const uint8_t *end = check_message(&reader, bytes, bytes + length, &fields);
    gee_pool_destroy(&reader.pool);
    return end != NULL ? 0 : gee_path_apply(&path, error);
}

/* True when all fields are numbers below 128 with tags below 16, two bytes each, as in most small messages. */
static inline bool is_small(const uint8_t *at, size_t length) {
    const uint8_t *end = at + (length & ~(size_t)1);
    for (; at < end; at += 2) {
        uint16_t pair = gee_load_2(at);
        if ((pair & htole16(0x8087)) != 0 || (pair & htole16(0x78)) == 0)
            return false;
    }
    return length % 2 == 0;
}

GEE_ALWAYS_INLINE int check_by(bool lax, const gee_type_t *type, const uint8_t *bytes, size_t length,
                               const gee_codec_limits_t *limits, gee_error_t *error) {
    return length == 0 || is_small(bytes, length) ? 0 : check(lax, type, bytes, length, limits, error);
}

int gee_protobuf_strict_check(const void *state GEE_UNUSED, const gee_type_t *type, const uint8_t *bytes, size_t length,
                              const gee_codec_limits_t *limits, unsigned way GEE_UNUSED, gee_error_t *error) {
    return check_by(false, type, bytes, length, limits, error);
}

int gee_protobuf_lax_check(const void *state GEE_UNUSED, const gee_type_t *type, const uint8_t *bytes, size_t length,
                           const gee_codec_limits_t *limits, unsigned way GEE_UNUSED, gee_error_t *error) {
    return check_by(true, type, bytes, length, limits, error);
}
