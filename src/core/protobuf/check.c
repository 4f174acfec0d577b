/* check.c: may a message go on undecoded? The keys and lengths of the message must be right, and also the keys and
 * lengths of the messages in it, down to limits.nesting, as far as the type tells which of the counted bytes are
 * messages. The reader of the message checks the kind and the range of each field. */
#include "core/base/short_bytes.h"
#include "core/protobuf/reader.h"

#include <endian.h>

static int check_message(gee_protobuf_reader_t *reader, gee_protobuf_span_t span, gee_protobuf_fields_t fields);
static int check_field(gee_protobuf_reader_t *reader, gee_protobuf_span_t *span, uint32_t key, const gee_type_t *type);

/* The same cases as read_element() in decode.c. */
static int check_element(gee_protobuf_reader_t *reader, gee_protobuf_span_t *span, uint32_t key,
                         const gee_type_t *type) {
    const gee_field_t field = { .name = "", .tag = 1, .type = type };
    gee_protobuf_span_t inner;
    if (!gee_protobuf_is_wrapped(type->kind) || (key & 7) != GEE_WIRE_BYTES)
        return check_field(reader, span, key, type);
    if (gee_protobuf_read_span(reader, span, &inner) != 0 ||
        (type->kind == GEE_KIND_OPTIONAL && gee_protobuf_enter(reader) != 0))
        return -1;
    int result = check_message(reader, inner, (gee_protobuf_fields_t){ .fields = &field, .count = 1 });
    reader->depth -= type->kind == GEE_KIND_OPTIONAL;
    return result;
}

static int check_entry(gee_protobuf_reader_t *reader, gee_protobuf_span_t span, const gee_type_t *type) {
    while (span.at < span.end) {
        uint32_t key;
        if (gee_protobuf_read_key(reader, &span, &key) != 0 ||
            (key >> 3 == 2 ? check_element(reader, &span, key, type->element)
                           : gee_protobuf_skip_value(reader, &span, key)) != 0)
            return -1;
    }
    return 0;
}

/* Checks a list, a map or an optional in its counted bytes. */
static int check_container(gee_protobuf_reader_t *reader, gee_protobuf_span_t *span, uint32_t key,
                           const gee_type_t *type) {
    gee_protobuf_span_t inner;
    if (type->kind == GEE_KIND_LIST)
        return gee_protobuf_is_number(type->element->kind) ? gee_protobuf_skip_value(reader, span, key)
                                                           : check_element(reader, span, key, type->element);
    if (gee_protobuf_read_span(reader, span, &inner) != 0)
        return -1;
    return type->kind == GEE_KIND_MAP ? check_entry(reader, inner, type)
                                      : check_message(reader, inner, gee_protobuf_fields_of(type));
}

static int check_field(gee_protobuf_reader_t *reader, gee_protobuf_span_t *span, uint32_t key, const gee_type_t *type) {
    if (type->kind < GEE_KIND_STRUCT || (key & 7) != GEE_WIRE_BYTES)
        return gee_protobuf_skip_value(reader, span, key);
    if (type->kind == GEE_KIND_OPTIONAL)
        return check_element(reader, span, key, type->element);
    if (gee_protobuf_enter(reader) != 0)
        return -1;
    int result = check_container(reader, span, key, type);
    reader->depth--;
    return result;
}

static int find(gee_protobuf_reader_t *reader, gee_protobuf_fields_t *fields, uint32_t tag, const gee_field_t **field) {
    if (fields->count > GEE_PROTOBUF_FEW && reader->pool == NULL && (reader->pool = gee_pool_create(0)) == NULL)
        return gee_protobuf_no_memory(reader);
    return gee_protobuf_find(fields, tag, &reader->indices, reader->pool, field) == 0 ? 0
                                                                                      : gee_protobuf_no_memory(reader);
}

static int check_message(gee_protobuf_reader_t *reader, gee_protobuf_span_t span, gee_protobuf_fields_t fields) {
    while (span.at < span.end) {
        uint32_t key;
        const gee_field_t *field = NULL;
        if (gee_protobuf_read_key(reader, &span, &key) != 0 ||
            (fields.count > 0 && find(reader, &fields, key >> 3, &field) != 0))
            return -1;
        if (field == NULL) {
            if (gee_protobuf_skip_value(reader, &span, key) != 0)
                return -1;
        } else if (check_field(reader, &span, key, field->type) != 0) {
            return gee_protobuf_in_field(reader, field);
        }
    }
    return 0;
}

GEE_APART static int check(const gee_type_t *type, const uint8_t *bytes, size_t length,
                           const gee_codec_limits_t *limits, gee_error_t *error) {
    gee_path_t path;
    gee_path_init(&path);
    gee_protobuf_reader_t reader = { .path = &path, .error = error, .nesting = limits->nesting };
    const gee_field_t bare = { .name = "", .tag = 1, .type = type };
    gee_protobuf_fields_t fields = { .fields = &bare, .count = type != NULL };
    if (type != NULL && type->kind == GEE_KIND_STRUCT) {
        fields = gee_protobuf_fields_of(type);
        reader.depth = 1;
    }
    int result = check_message(&reader, (gee_protobuf_span_t){ .at = bytes, .end = bytes + length }, fields);
    gee_pool_destroy(&reader.pool);
    return result == 0 ? 0 : gee_path_apply(&path, error);
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

int gee_protobuf_strict_check(const void *state GEE_UNUSED, const gee_type_t *type, const uint8_t *bytes, size_t length,
                              const gee_codec_limits_t *limits, unsigned way GEE_UNUSED, gee_error_t *error) {
    return length == 0 || is_small(bytes, length) ? 0 : check(type, bytes, length, limits, error);
}
