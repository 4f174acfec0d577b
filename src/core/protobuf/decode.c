/* decode.c: protobuf's bytes into a value in memory.
 *
 *   [ key | value ] [ key | value ] ...      key = tag * 8 + wire type
 *
 * A field that comes again follows protobuf's rules: the last number or string counts, structs are merged, lists and
 * maps go on. A field of another kind than its type's is refused; only fields that the type does not know are skipped.
 * All memory is from the pool. The items of a run are counted before room is made for them; further runs double the
 * room, so that the cost of a list is linear in its length. */
#include "core/protobuf/reader.h"

#include <endian.h>
#include <string.h>

static int read_field(gee_protobuf_reader_t *reader, gee_protobuf_span_t *span, uint32_t key, const gee_type_t *type,
                      void *place);

static const char *type_name(const gee_type_t *type) {
    switch (type->kind) {
    case GEE_KIND_LIST:
        return "a list";
    case GEE_KIND_MAP:
        return "a map";
    case GEE_KIND_OPTIONAL:
        return "an optional";
    default:
        return type->name;
    }
}

static int in_item(const gee_protobuf_reader_t *reader, size_t index) {
    gee_path_index(reader->path, index);
    return -1;
}

static int in_entry(const gee_protobuf_reader_t *reader, gee_str_t key) {
    gee_path_key(reader->path, key);
    return -1;
}

/* ---- the wire ---- */

static int wrong_wire(gee_protobuf_reader_t *reader, uint32_t key, const gee_type_t *type) {
    return GEE_PROTOBUF_FAIL(reader->error, GEE_INVALID_ARGUMENT, "%s cannot be read from %s (wire type %u)",
                             type_name(type), gee_protobuf_wire_name(key & 7), key & 7);
}

static inline int expect(gee_protobuf_reader_t *reader, uint32_t key, const gee_type_t *type, unsigned wire) {
    return (key & 7) == wire ? 0 : wrong_wire(reader, key, type);
}

/* ---- numbers ---- */

static int out_of_range(gee_protobuf_reader_t *reader, gee_kind_t kind, uint64_t number) {
    if (kind == GEE_KIND_BOOL)
        return GEE_PROTOBUF_FAIL(reader->error, GEE_OUT_OF_RANGE, "%llu is neither false (0) nor true (1)",
                                 (unsigned long long)number);
    if (kind == GEE_KIND_INT32)
        return GEE_PROTOBUF_FAIL(reader->error, GEE_OUT_OF_RANGE, "%lld overflows int32", (long long)number);
    return GEE_PROTOBUF_FAIL(reader->error, GEE_OUT_OF_RANGE, "%llu overflows uint32", (unsigned long long)number);
}

static inline int store_varint(gee_protobuf_reader_t *reader, gee_kind_t kind, uint64_t number, void *place) {
    switch (kind) {
    case GEE_KIND_BOOL:
        if (number > 1)
            return out_of_range(reader, kind, number);
        *(bool *)place = number != 0;
        return 0;
    case GEE_KIND_ENUM:
    case GEE_KIND_INT32:
        if ((int64_t)number < INT32_MIN || (int64_t)number > INT32_MAX)
            return out_of_range(reader, kind, number);
        *(int32_t *)place = (int32_t)(int64_t)number;
        return 0;
    case GEE_KIND_UINT32:
        if (number > UINT32_MAX)
            return out_of_range(reader, kind, number);
        *(uint32_t *)place = (uint32_t)number;
        return 0;
    default:
        memcpy(place, &number, sizeof number);
        return 0;
    }
}

/* Stores a float or double from its bytes, least significant first. */
static inline void store_fixed(gee_kind_t kind, const uint8_t *bytes, void *place) {
    if (kind == GEE_KIND_FLOAT) {
        uint32_t narrow;
        memcpy(&narrow, bytes, sizeof narrow);
        narrow = le32toh(narrow);
        memcpy(place, &narrow, sizeof narrow);
    } else {
        uint64_t wide;
        memcpy(&wide, bytes, sizeof wide);
        wide = le64toh(wide);
        memcpy(place, &wide, sizeof wide);
    }
}

static inline int read_number(gee_protobuf_reader_t *reader, gee_protobuf_span_t *span, uint32_t key,
                              const gee_type_t *type, void *place) {
    if (expect(reader, key, type, gee_protobuf_wire(type->kind)) != 0)
        return -1;
    if (type->kind <= GEE_KIND_UINT64) {
        uint64_t number;
        return gee_protobuf_read_varint(reader, span, &number) == 0 ? store_varint(reader, type->kind, number, place)
                                                                    : -1;
    }
    const uint8_t *bytes = span->at;
    if (gee_protobuf_skip_bytes(reader, span, type->size) != 0)
        return -1;
    store_fixed(type->kind, bytes, place);
    return 0;
}

/* ---- strings ---- */

/* Replaces the bytes of a string that are not UTF-8, or refuses the string. */
GEE_APART static int repair(gee_protobuf_reader_t *reader, gee_bytes_t *bytes) {
    if (!reader->repair)
        return GEE_PROTOBUF_FAIL(reader->error, GEE_INVALID_ARGUMENT, "the string is not valid UTF-8");
    gee_str_t text =
        gee_pool_utf8(reader->pool, (gee_str_t){ .data = (const char *)bytes->data, .length = bytes->length });
    *bytes = (gee_bytes_t){ .data = (const uint8_t *)text.data, .length = text.length };
    return text.data != NULL ? 0 : gee_protobuf_no_memory(reader);
}

static int read_string(gee_protobuf_reader_t *reader, gee_protobuf_span_t *span, uint32_t key, const gee_type_t *type,
                       void *place) {
    gee_protobuf_span_t inner;
    if (expect(reader, key, type, GEE_WIRE_BYTES) != 0 || gee_protobuf_read_span(reader, span, &inner) != 0)
        return -1;
    gee_bytes_t bytes = { .data = inner.at, .length = (size_t)(inner.end - inner.at) };
    if (type->kind == GEE_KIND_STRING && !gee_utf8_valid(bytes.data, bytes.length) && repair(reader, &bytes) != 0)
        return -1;
    if (reader->copy) {
        gee_str_t text = { .data = (const char *)bytes.data, .length = bytes.length };
        text = gee_pool_str(reader->pool, text);
        if (text.data == NULL)
            return gee_protobuf_no_memory(reader);
        bytes.data = (const uint8_t *)text.data;
    }
    *(gee_bytes_t *)place = bytes; /* gee_str_t has the same shape */
    return 0;
}

/* ---- messages ---- */

/* Reads fields as long as each is the next in order and a 64-bit number below 128: most fields of small messages, in a
 * fifth of the instructions. *next is the index of the next field. Returns the place where the other fields begin. */
static inline const uint8_t *read_small(const gee_field_t *fields, size_t count, size_t *next, gee_protobuf_span_t span,
                                        void *base) {
    if (count == 0) /* `fields` may be null then */
        return span.at;
    const gee_field_t *field = fields + *next, *end = fields + count;
    const uint8_t *at = span.at;
    while (span.end - at >= 2 && field < end && at[0] < 0x80 && at[0] == field->tag << 3 && at[1] < 0x80 &&
           (field->type->kind == GEE_KIND_INT64 || field->type->kind == GEE_KIND_UINT64)) {
        uint64_t number = at[1];
        memcpy((char *)base + field->offset, &number, sizeof number);
        at += 2;
        field++;
    }
    *next = (size_t)(field - fields);
    return at;
}

/* Reads the fields of one message up to its end. Fields that do not come stay as they are, so that a second message is
 * merged. */
static int read_message(gee_protobuf_reader_t *reader, gee_protobuf_span_t span, gee_protobuf_fields_t fields,
                        void *base) {
    while ((span.at = read_small(fields.fields, fields.count, &fields.next, span, base)) < span.end) {
        uint32_t key;
        const gee_field_t *field;
        if (gee_protobuf_read_key(reader, &span, &key) != 0)
            return -1;
        if (gee_protobuf_find(&fields, key >> 3, &reader->indices, reader->pool, &field) != 0)
            return gee_protobuf_no_memory(reader);
        if (field == NULL) {
            if (gee_protobuf_skip_value(reader, &span, key) != 0)
                return -1;
            continue;
        }
        void *place = (char *)base + field->offset;
        if ((gee_protobuf_is_number(field->type->kind) ? read_number(reader, &span, key, field->type, place)
                                                       : read_field(reader, &span, key, field->type, place)) != 0)
            return gee_protobuf_in_field(reader, field);
    }
    return 0;
}

static int read_struct(gee_protobuf_reader_t *reader, gee_protobuf_span_t inner, gee_protobuf_fields_t fields,
                       void *place) {
    if (gee_protobuf_enter(reader) != 0)
        return -1;
    int result = read_message(reader, inner, fields, place);
    reader->depth--;
    return result;
}

/* Reads a message with the value as field 1. */
static int read_wrapped(gee_protobuf_reader_t *reader, gee_protobuf_span_t inner, const gee_type_t *type, void *place) {
    const gee_field_t field = { .name = "", .tag = 1, .type = type };
    return read_message(reader, inner, (gee_protobuf_fields_t){ .fields = &field, .count = 1 }, place);
}

/* Reads an item of a list, a value of a map, or the content of an optional. */
static int read_element(gee_protobuf_reader_t *reader, gee_protobuf_span_t *span, uint32_t key, const gee_type_t *type,
                        void *place) {
    gee_protobuf_span_t inner;
    if (!gee_protobuf_is_wrapped(type->kind))
        return read_field(reader, span, key, type, place);
    if (expect(reader, key, type, GEE_WIRE_BYTES) != 0 || gee_protobuf_read_span(reader, span, &inner) != 0)
        return -1;
    if (type->kind != GEE_KIND_OPTIONAL)
        return read_wrapped(reader, inner, type, place);
    if (gee_protobuf_enter(reader) != 0)
        return -1;
    int result = read_wrapped(reader, inner, type, place);
    reader->depth--;
    return result;
}

static int read_optional(gee_protobuf_reader_t *reader, gee_protobuf_span_t *span, uint32_t key, const gee_type_t *type,
                         void *place) {
    void **present = place;
    if (*present == NULL && (*present = gee_pool_zalloc(reader->pool, type->element->size)) == NULL)
        return gee_protobuf_no_memory(reader);
    return read_element(reader, span, key, type->element, *present);
}

/* ---- lists and maps ---- */

/* Makes room for `wanted` more items, zeroed. */
static int grow(gee_protobuf_reader_t *reader, gee_list_value_t *list, size_t item_size, size_t wanted) {
    gee_protobuf_store_t *old = list->items ? gee_protobuf_store(list) : NULL, *store;
    size_t capacity, size;
    if (__builtin_add_overflow(list->count, wanted, &capacity))
        return gee_protobuf_no_memory(reader);
    if (old != NULL && capacity < 2 * old->capacity)
        capacity = 2 * old->capacity;
    if (__builtin_mul_overflow(capacity, item_size, &size) ||
        __builtin_add_overflow(size, GEE_PROTOBUF_STORE_SIZE, &size) ||
        (store = gee_pool_zalloc(reader->pool, size)) == NULL)
        return gee_protobuf_no_memory(reader);
    store->capacity = capacity;
    store->keys = old ? old->keys : NULL;
    char *items = (char *)store + GEE_PROTOBUF_STORE_SIZE;
    if (list->count > 0)
        memcpy(items, list->items, list->count * item_size);
    list->items = items;
    return 0;
}

/* Counts the values with this key that follow each other, the value at `span` being the first. A malformed value ends
 * the count; reading it reports the error. */
static size_t run_length(const gee_protobuf_reader_t *reader, gee_protobuf_span_t span, uint32_t key) {
    gee_protobuf_reader_t silent = { .nesting = reader->nesting };
    uint32_t next = key;
    size_t count = 0;
    while (next == key && gee_protobuf_skip_value(&silent, &span, key) == 0) {
        count++;
        if (span.at == span.end || gee_protobuf_read_key(&silent, &span, &next) != 0)
            break;
    }
    return count > 0 ? count : 1;
}

static inline int room_for_run(gee_protobuf_reader_t *reader, gee_list_value_t *list, size_t item_size,
                               const gee_protobuf_span_t *span, uint32_t key) {
    if (list->items != NULL && list->count < gee_protobuf_store(list)->capacity)
        return 0;
    return grow(reader, list, item_size, run_length(reader, *span, key));
}

static size_t packed_count(gee_protobuf_span_t inner, const gee_type_t *element) {
    size_t length = (size_t)(inner.end - inner.at), count = 0;
    if (element->kind > GEE_KIND_UINT64)
        return length / element->size;
    for (size_t i = 0; i < length; i++)
        count += inner.at[i] < 0x80; /* the last byte of a varint */
    return count;
}

static int read_packed(gee_protobuf_reader_t *reader, gee_protobuf_span_t *span, const gee_type_t *element,
                       gee_list_value_t *list) {
    gee_protobuf_span_t inner;
    if (gee_protobuf_read_span(reader, span, &inner) != 0)
        return -1;
    size_t more = packed_count(inner, element);
    if (more == 0)
        return inner.at == inner.end ? 0 : gee_protobuf_truncated(reader);
    if ((list->items == NULL || gee_protobuf_store(list)->capacity - list->count < more) &&
        grow(reader, list, element->size, more) != 0)
        return -1;
    char *place = (char *)list->items + list->count * element->size;
    for (; inner.at < inner.end; place += element->size) {
        /* When the last varint has no end, the count is too low by one; the read fails before the value is stored. */
        if (read_number(reader, &inner, gee_protobuf_wire(element->kind), element, place) != 0)
            return in_item(reader, list->count);
        list->count++;
    }
    return 0;
}

static int read_list(gee_protobuf_reader_t *reader, gee_protobuf_span_t *span, uint32_t key, const gee_type_t *type,
                     gee_list_value_t *list) {
    const gee_type_t *element = type->element;
    if (gee_protobuf_enter(reader) != 0)
        return -1;
    if (gee_protobuf_is_number(element->kind) && (key & 7) == GEE_WIRE_BYTES) {
        if (read_packed(reader, span, element, list) != 0)
            return -1;
    } else {
        if (expect(reader, key, element, gee_protobuf_wire(element->kind)) != 0 ||
            room_for_run(reader, list, element->size, span, key) != 0)
            return -1;
        if (read_element(reader, span, key, element, (char *)list->items + list->count * element->size) != 0)
            return in_item(reader, list->count);
        list->count++;
    }
    reader->depth--;
    return 0;
}

static int read_entry_fields(gee_protobuf_reader_t *reader, gee_protobuf_span_t span, const gee_type_t *type,
                             char *entry) {
    while (span.at < span.end) {
        uint32_t key;
        int result;
        if (gee_protobuf_read_key(reader, &span, &key) != 0)
            return -1;
        if (key >> 3 == 1)
            result = read_string(reader, &span, key, GEE_TYPE_OF(gee_str_t), entry);
        else if (key >> 3 == 2)
            result = read_element(reader, &span, key, type->element, entry + type->value_offset);
        else
            result = gee_protobuf_skip_value(reader, &span, key);
        if (result != 0)
            return in_entry(reader, *(const gee_str_t *)(const void *)entry);
    }
    return 0;
}

static int read_entry(gee_protobuf_reader_t *reader, gee_protobuf_span_t *span, uint32_t key, const gee_type_t *type,
                      gee_list_value_t *map) {
    gee_protobuf_span_t inner;
    if (gee_protobuf_enter(reader) != 0 || expect(reader, key, type, GEE_WIRE_BYTES) != 0 ||
        room_for_run(reader, map, type->entry_size, span, key) != 0 ||
        gee_protobuf_read_span(reader, span, &inner) != 0)
        return -1;
    if (read_entry_fields(reader, inner, type, (char *)map->items + map->count * type->entry_size) != 0)
        return -1;
    if (gee_protobuf_map_add(map, type, reader->pool) != 0)
        return gee_protobuf_no_memory(reader);
    reader->depth--;
    return 0;
}

/* ---- a field of a message ---- */

static int read_field(gee_protobuf_reader_t *reader, gee_protobuf_span_t *span, uint32_t key, const gee_type_t *type,
                      void *place) {
    gee_protobuf_span_t inner;
    if (gee_protobuf_is_number(type->kind))
        return read_number(reader, span, key, type, place);
    switch (type->kind) {
    case GEE_KIND_STRING:
    case GEE_KIND_BYTES:
        return read_string(reader, span, key, type, place);
    case GEE_KIND_STRUCT:
        if (expect(reader, key, type, GEE_WIRE_BYTES) != 0 || gee_protobuf_read_span(reader, span, &inner) != 0)
            return -1;
        return read_struct(reader, inner, gee_protobuf_fields_of(type), place);
    case GEE_KIND_LIST:
        return read_list(reader, span, key, type, place);
    case GEE_KIND_MAP:
        return read_entry(reader, span, key, type, place);
    default:
        return read_optional(reader, span, key, type, place);
    }
}

static int decode(const gee_type_t *type, gee_protobuf_span_t span, size_t next, const gee_codec_limits_t *limits,
                  bool copy, gee_pool_t *pool, void *value, gee_error_t *error) {
    gee_path_t path;
    gee_path_init(&path);
    gee_protobuf_reader_t reader = {
        .pool = pool, .path = &path, .error = error, .nesting = limits->nesting, .copy = copy, .repair = limits->repair
    };
    gee_protobuf_fields_t fields = gee_protobuf_fields_of(type);
    fields.next = next;
    int result = type->kind == GEE_KIND_STRUCT ? read_struct(&reader, span, fields, value)
                                               : read_wrapped(&reader, span, type, value);
    return result == 0 ? 0 : gee_path_apply(&path, error);
}

int gee_protobuf_strict_decode(void *state, const gee_type_t *type, const uint8_t *bytes, size_t length,
                               const gee_codec_limits_t *limits, bool copy, gee_pool_t *pool, void *value,
                               gee_error_t *error) {
    (void)state;
    if (limits->message != 0 && length > limits->message)
        return GEE_PROTOBUF_FAIL(error, GEE_RESOURCE_EXHAUSTED, "a message of %zu bytes is over limits.message = %zu",
                                 length, limits->message);
    if (length == 0) /* `bytes` may be null then */
        return 0;
    gee_protobuf_span_t span = { .at = bytes, .end = bytes + length };
    size_t next = 0;
    if (type->kind == GEE_KIND_STRUCT && limits->nesting > 0) {
        span.at = read_small(type->fields, type->field_count, &next, span, value);
        if (span.at == span.end) /* most small messages end here, and need no reader */
            return 0;
    }
    return decode(type, span, next, limits, copy, pool, value, error);
}
