/* read_typed.c: one JSON value into C memory, by its type.
 *
 * Every value overwrites the whole of its memory, so of two members with one name the last wins. null means zero, as in
 * Go. An unwinding failure adds the names of the fields (gee_path_t). */
#include "json.h"

static int read_any(gee_json_reader_t *reader, const gee_type_t *type, void *value);

static bool at_number(const gee_json_reader_t *reader) {
    uint8_t c = gee_json_peek(reader);
    return c == '-' || (c >= '0' && c <= '9');
}

/* ---- numbers ---- */

/* Reads an integer of up to 18 digits, as nearly every number is, and returns the place behind it. Null: another
 * number, or malformed. Precondition: there is a byte at `at`. */
static inline const uint8_t *short_integer(const uint8_t *at, const uint8_t *end, bool *negative, uint64_t *magnitude) {
    GEE_ASSERT(at < end);
    const uint8_t *limit = end;
    uint64_t value = 0;
    *negative = *at == '-';
    at += *negative;
    if (end - at > 18)
        limit = at + 18;
    const uint8_t *first = at;
    for (; at < limit && *at >= '0' && *at <= '9'; at++)
        value = value * 10 + (uint64_t)(*at - '0');
    if (at == first || (*first == '0' && at - first > 1))
        return NULL;
    /* Another byte is a further digit, the beginning of a fraction or exponent, or not JSON. */
    if (at<end && * at> ',' && *at != '}' && *at != ']')
        return NULL;
    *magnitude = value;
    return at;
}

static int read_magnitude(gee_json_reader_t *reader, const gee_type_t *type, bool *negative, uint64_t *magnitude,
                          gee_str_t *text) {
    gee_json_number_t number;
    const uint8_t *first = reader->at;
    if (!at_number(reader))
        return gee_json_mismatch(reader, gee_type_label(type));
    const uint8_t *behind = short_integer(first, reader->end, negative, magnitude);
    if (behind != NULL) {
        *text = (gee_str_t){ .data = (const char *)first, .length = (size_t)(behind - first) };
        reader->at = behind;
        return 0;
    }
    if (gee_json_read_number(reader, &number) < 0)
        return -1;
    *text = number.text;
    *negative = number.negative;
    if (!number.integral)
        return gee_json_not_integer(reader, number.text, gee_type_label(type));
    if (!gee_json_number_magnitude(&number, magnitude))
        return gee_json_does_not_fit(reader, number.text, gee_type_label(type));
    return 0;
}

static int read_signed(gee_json_reader_t *reader, const gee_type_t *type, uint64_t most, int64_t *value) {
    bool negative;
    uint64_t magnitude;
    gee_str_t text;
    if (read_magnitude(reader, type, &negative, &magnitude, &text) < 0)
        return -1;
    if (magnitude > most + negative) /* in two's complement the least number has a magnitude of one more */
        return gee_json_does_not_fit(reader, text, gee_type_label(type));
    *value = (int64_t)(negative ? 0 - magnitude : magnitude);
    return 0;
}

static int read_unsigned(gee_json_reader_t *reader, const gee_type_t *type, uint64_t most, uint64_t *value) {
    bool negative;
    gee_str_t text;
    if (read_magnitude(reader, type, &negative, value, &text) < 0)
        return -1;
    if (*value > most || (negative && *value > 0))
        return gee_json_does_not_fit(reader, text, gee_type_label(type));
    return 0;
}

static int read_integer(gee_json_reader_t *reader, const gee_type_t *type, void *value) {
    int64_t number = 0;
    uint64_t natural = 0;
    int result;
    if (type->kind == GEE_KIND_INT64) {
        result = read_signed(reader, type, INT64_MAX, value);
    } else if (type->kind == GEE_KIND_UINT64) {
        result = read_unsigned(reader, type, UINT64_MAX, value);
    } else if (type->kind == GEE_KIND_UINT32) {
        result = read_unsigned(reader, type, UINT32_MAX, &natural);
        *(uint32_t *)value = (uint32_t)natural;
    } else {
        result = read_signed(reader, type, INT32_MAX, &number);
        *(int32_t *)value = (int32_t)number;
    }
    return result;
}

static int read_floating(gee_json_reader_t *reader, const gee_type_t *type, void *value) {
    gee_json_number_t number;
    if (!at_number(reader))
        return gee_json_mismatch(reader, gee_type_label(type));
    if (gee_json_read_number(reader, &number) < 0)
        return -1;
    bool fits =
        type->kind == GEE_KIND_DOUBLE ? gee_json_number_double(&number, value) : gee_json_number_float(&number, value);
    return fits ? 0 : gee_json_does_not_fit(reader, number.text, gee_type_label(type));
}

/* ---- the other scalars ---- */

static int read_bool(gee_json_reader_t *reader, const gee_type_t *type, bool *value) {
    uint8_t c = gee_json_peek(reader);
    if (c != 't' && c != 'f')
        return gee_json_mismatch(reader, gee_type_label(type));
    *value = c == 't';
    return gee_json_read_literal(reader, c == 't' ? "true" : "false");
}

static int read_string(gee_json_reader_t *reader, const gee_type_t *type, gee_str_t *value) {
    if (gee_json_peek(reader) != '"')
        return gee_json_mismatch(reader, gee_type_label(type));
    return gee_json_read_string(reader, reader->copy, value);
}

static int read_bytes(gee_json_reader_t *reader, const gee_type_t *type, gee_bytes_t *value) {
    gee_str_t text;
    if (gee_json_peek(reader) != '"')
        return gee_json_mismatch(reader, gee_type_label(type));
    if (gee_json_read_string(reader, false, &text) < 0)
        return -1;
    uint8_t *bytes = gee_pool_alloc(reader->pool, GEE_BASE64_DECODED(text.length));
    if (!bytes)
        return gee_json_no_memory(reader);
    ptrdiff_t length = gee_base64_decode(bytes, text);
    if (length < 0)
        return gee_error_set(reader->error, GEE_INVALID_ARGUMENT, "the string is not base64");
    *value = (gee_bytes_t){ .data = bytes, .length = (size_t)length };
    return 0;
}

/* By name or by number. */
static int read_enum(gee_json_reader_t *reader, const gee_type_t *type, int32_t *value) {
    gee_str_t name;
    if (gee_json_peek(reader) != '"')
        return read_integer(reader, type, value);
    if (gee_json_read_string(reader, false, &name) < 0)
        return -1;
    const gee_enum_value_t *named = gee_type_enum_by_name(type, name);
    if (named == NULL)
        return gee_json_no_enum_value(reader, type, name);
    *value = named->number;
    return 0;
}

/* ---- lists, maps, optionals ---- */

static int read_list(gee_json_reader_t *reader, const gee_type_t *type, gee_list_value_t *list) {
    size_t capacity = 0, count = 0, size = type->element->size;
    void *items = NULL;
    int more;
    if (gee_json_peek(reader) != '[')
        return gee_json_mismatch(reader, gee_type_label(type));
    if (gee_json_enter(reader) < 0)
        return -1;
    for (; (more = gee_json_next(reader, count == 0, ']')) > 0; count++) {
        if (gee_json_grow(reader, &items, count, &capacity, size) < 0)
            return -1;
        if (read_any(reader, type->element, (char *)items + count * size) < 0) {
            gee_path_index(&reader->path, count);
            return -1;
        }
    }
    *list = (gee_list_value_t){ .items = items, .count = count };
    return more == 0 && type->length > 0 ? gee_json_check_count(reader, type, count) : more;
}

static int read_entry(gee_json_reader_t *reader, const gee_type_t *type, char *entry) {
    gee_str_t key;
    if (gee_json_read_key_as(reader, gee_type_key(type), &key, entry) < 0)
        return -1;
    if (read_any(reader, type->element, entry + type->value_offset) < 0) {
        gee_path_key(&reader->path, key);
        return -1;
    }
    return 0;
}

static int read_map(gee_json_reader_t *reader, const gee_type_t *type, gee_list_value_t *map) {
    size_t capacity = 0, count = 0;
    void *items = NULL;
    int more;
    if (gee_json_peek(reader) != '{')
        return gee_json_mismatch(reader, gee_type_label(type));
    if (gee_json_enter(reader) < 0)
        return -1;
    for (; (more = gee_json_next(reader, count == 0, '}')) > 0; count++) {
        if (gee_json_grow(reader, &items, count, &capacity, type->entry_size) < 0 ||
            read_entry(reader, type, (char *)items + count * type->entry_size) < 0)
            return -1;
    }
    if (more < 0)
        return -1;
    *map = (gee_list_value_t){ .items = items, .count = count };
    return gee_map_keep_last(type, map, reader->pool) < 0 ? gee_json_no_memory(reader) : 0;
}

static int read_optional(gee_json_reader_t *reader, const gee_type_t *type, void **value) {
    *value = gee_pool_alloc(reader->pool, type->element->size);
    return *value ? read_any(reader, type->element, *value) : gee_json_no_memory(reader);
}

/* ---- structs ---- */

/* At a key: moves behind the key and returns true when the key is this field's name, written without escapes. */
static bool take_key(gee_json_reader_t *reader, const gee_field_t *field) {
    gee_str_t name = gee_field_name(field);
    const uint8_t *at = reader->at;
    if ((size_t)(reader->end - at) < name.length + 2 || *at != '"' ||
        !gee_equal_short(at + 1, name.data, name.length) || at[1 + name.length] != '"')
        return false;
    reader->at = at + name.length + 2;
    return true;
}

/* Finds the field of the next member, null for an unknown one. Afterwards the reader is at the value of the member. */
static int read_field_key(gee_json_reader_t *reader, const gee_type_t *type, size_t expected,
                          const gee_field_t **field) {
    gee_str_t key;
    *field = NULL;
    if (expected < type->field_count && take_key(reader, &type->fields[expected])) {
        *field = &type->fields[expected];
        return gee_json_read_colon(reader);
    }
    if (gee_json_read_key(reader, false, &key) < 0)
        return -1;
    *field = gee_field_by_name(&reader->indices, type, key, reader->pool);
    return 0;
}

/* Null is no member of a oneof. */
static int read_field(gee_json_reader_t *reader, const gee_field_t *field, char *value) {
    if (gee_json_peek(reader) == 'n' && !gee_field_is_set(field, value))
        return gee_json_read_literal(reader, "null");
    if (read_any(reader, field->type, gee_field_choose(field, value)) == 0)
        return 0;
    gee_path_field(&reader->path, gee_str(field->name));
    return -1;
}

/* Reads an integer of its type, when the integer is short and fits. Null: another number. */
static inline const uint8_t *quick_integer(const uint8_t *at, const uint8_t *end, const gee_type_t *type, void *value) {
    uint64_t magnitude;
    bool negative;
    at = short_integer(at, end, &negative, &magnitude);
    if (at == NULL)
        return NULL;
    int64_t number = negative ? -(int64_t)magnitude : (int64_t)magnitude; /* 18 digits fit into 64 bits */
    if (type->kind == GEE_KIND_INT64)
        *(int64_t *)value = number;
    else if (type->kind == GEE_KIND_UINT64 && number >= 0)
        *(uint64_t *)value = magnitude;
    else if (type->kind == GEE_KIND_INT32 && number >= INT32_MIN && number <= INT32_MAX)
        *(int32_t *)value = (int32_t)number;
    else if (type->kind == GEE_KIND_UINT32 && number >= 0 && number <= UINT32_MAX)
        *(uint32_t *)value = (uint32_t)number;
    else
        return NULL;
    return at;
}

/* At a key, or at the comma before the key: when the key is this field's name, with neither escapes in it nor white
 * space around it, returns the place where the value begins, else null. */
static inline const uint8_t *behind_key(const uint8_t *at, const uint8_t *end, bool comma, const gee_field_t *field) {
    gee_str_t name = gee_field_name(field);
    if ((size_t)(end - at) < comma + name.length + 4 || (comma && *at++ != ','))
        return NULL;
    if (*at != '"' || !gee_equal_short(at + 1, name.data, name.length))
        return NULL;
    at += 1 + name.length;
    return at[0] == '"' && at[1] == ':' && at[2] > ' ' ? at + 2 : NULL;
}

/* Behind the '{': reads members as long as they come in the struct's order and without white space, in a third of the
 * instructions. Afterwards the reader is behind the last such member; *count is their number. */
static int read_in_order(gee_json_reader_t *reader, const gee_type_t *type, char *value, size_t *count) {
    const uint8_t *behind = reader->at, *end = reader->end;
    size_t i = 0;
    for (; i < type->field_count; i++) {
        const gee_field_t *field = &type->fields[i];
        const uint8_t *at = behind_key(behind, end, i > 0, field);
        if (at == NULL)
            break;
        bool integer = field->type->kind >= GEE_KIND_INT32 && field->type->kind <= GEE_KIND_UINT64 &&
                       (field->flags & GEE_FIELD_ONEOF) == 0;
        behind = integer ? quick_integer(at, end, field->type, value + field->offset) : NULL;
        if (behind != NULL)
            continue;
        reader->at = at;
        if (read_field(reader, field, value) < 0)
            return -1;
        behind = reader->at;
    }
    reader->at = behind;
    *count = i;
    return 0;
}

static int read_member(gee_json_reader_t *reader, const gee_type_t *type, size_t *expected, char *value) {
    const gee_field_t *field;
    if (read_field_key(reader, type, *expected, &field) < 0)
        return -1;
    if (!field)
        return gee_json_skip(reader);
    *expected = (size_t)(field - type->fields) + 1;
    return read_field(reader, field, value);
}

static int read_members(gee_json_reader_t *reader, const gee_type_t *type, char *value) {
    size_t expected;
    int more;
    if (gee_json_enter(reader) < 0 || read_in_order(reader, type, value, &expected) < 0)
        return -1;
    if (expected > 0 && gee_json_peek(reader) == '}')
        return gee_json_leave(reader);
    for (bool first = expected == 0; (more = gee_json_next(reader, first, '}')) > 0; first = false) {
        if (read_member(reader, type, &expected, value) < 0)
            return -1;
    }
    return more;
}

static int read_struct(gee_json_reader_t *reader, const gee_type_t *type, void *value) {
    if (gee_json_peek(reader) != '{')
        return gee_json_mismatch(reader, gee_type_label(type));
    memset(value, 0, type->size);
    return read_members(reader, type, value);
}

static int read_any(gee_json_reader_t *reader, const gee_type_t *type, void *value) {
    if (gee_json_peek(reader) == 'n') {
        memset(value, 0, type->size);
        return gee_json_read_literal(reader, "null");
    }
    switch (type->kind) {
    case GEE_KIND_BOOL:
        return read_bool(reader, type, value);
    case GEE_KIND_ENUM:
        return read_enum(reader, type, value);
    case GEE_KIND_INT32:
    case GEE_KIND_INT64:
    case GEE_KIND_UINT32:
    case GEE_KIND_UINT64:
        return read_integer(reader, type, value);
    case GEE_KIND_FLOAT:
    case GEE_KIND_DOUBLE:
        return read_floating(reader, type, value);
    case GEE_KIND_STRING:
        return read_string(reader, type, value);
    case GEE_KIND_BYTES:
        return read_bytes(reader, type, value);
    case GEE_KIND_STRUCT:
        return read_struct(reader, type, value);
    case GEE_KIND_LIST:
        return read_list(reader, type, value);
    case GEE_KIND_MAP:
        return read_map(reader, type, value);
    case GEE_KIND_OPTIONAL:
        return read_optional(reader, type, value);
    }
    return gee_error_set(reader->error, GEE_INTERNAL, "a type has the unknown kind %d", (int)type->kind);
}

int gee_json_decode(void *state GEE_UNUSED, const gee_type_t *type, const uint8_t *bytes, size_t length,
                    const gee_codec_limits_t *limits, bool copy, gee_pool_t *pool, void *value, gee_error_t *error) {
    gee_json_reader_t reader;
    gee_json_reader_init(&reader, bytes, length, limits, pool, error);
    reader.copy = copy;
    int result = type->kind == GEE_KIND_STRUCT && gee_json_peek(&reader) == '{'
                     ? read_members(&reader, type, value) /* `value` is zeroed already */
                     : read_any(&reader, type, value);
    return gee_json_reader_finish(&reader, result);
}
