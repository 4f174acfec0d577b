/* write_typed.c: a C value as JSON, by its type: fields in the order of the declaration, no spaces. */
#include "json.h"

static int write_any(gee_json_writer_t *writer, const gee_type_t *type, const void *value);

/* An array of a fixed length that was never filled is null, which readers take for zeros. */
static int write_unfilled(gee_json_writer_t *writer, const gee_type_t *type, const gee_list_value_t *list) {
    if (list->count == 0)
        return gee_json_put_text(writer, "null", 4);
    return gee_error_set(writer->error, GEE_INTERNAL, "%zu items in an array of %u", list->count, type->length);
}

static int write_list(gee_json_writer_t *writer, const gee_type_t *type, const gee_list_value_t *list) {
    size_t size = type->element->size;
    if (type->length > 0 && list->count != type->length)
        return write_unfilled(writer, type, list);
    if (gee_json_open(writer, '[') < 0)
        return -1;
    for (size_t i = 0; i < list->count; i++) {
        if (i > 0 && gee_json_put(writer, ',') < 0)
            return -1;
        if (write_any(writer, type->element, (const char *)list->items + i * size) < 0) {
            gee_path_index(&writer->path, i);
            return -1;
        }
    }
    return gee_json_close(writer, ']');
}

static int write_map(gee_json_writer_t *writer, const gee_type_t *type, const gee_list_value_t *map) {
    char room[GEE_MAP_KEY_TEXT];
    if (gee_json_open(writer, '{') < 0)
        return -1;
    for (size_t i = 0; i < map->count; i++) {
        const char *entry = (const char *)map->items + i * type->entry_size;
        gee_str_t key = gee_key_to_text(gee_type_key(type), entry, room);
        if (gee_json_put_key(writer, i == 0, key) < 0 ||
            write_any(writer, type->element, entry + type->value_offset) < 0) {
            gee_path_key(&writer->path, key);
            return -1;
        }
    }
    return gee_json_close(writer, '}');
}

static bool is_left_out(const gee_field_t *field, const void *value) {
    return !gee_field_is_set(field, value) || ((field->flags & GEE_FIELD_OMIT_EMPTY) &&
                                               gee_type_is_zero(field->type, (const char *)value + field->offset));
}

static int write_struct(gee_json_writer_t *writer, const gee_type_t *type, const void *value) {
    bool first = true;
    if (gee_json_open(writer, '{') < 0)
        return -1;
    for (size_t i = 0; i < type->field_count; i++) {
        const gee_field_t *field = &type->fields[i];
        const char *member = (const char *)value + field->offset;
        if (field->flags != 0 && is_left_out(field, value))
            continue;
        if (gee_json_put_key(writer, first, gee_field_name(field)) < 0 || write_any(writer, field->type, member) < 0) {
            gee_path_field(&writer->path, gee_str(field->name));
            return -1;
        }
        first = false;
    }
    return gee_json_close(writer, '}');
}

static int write_optional(gee_json_writer_t *writer, const gee_type_t *type, const void *value) {
    return value ? write_any(writer, type->element, value) : gee_json_put_text(writer, "null", 4);
}

static int write_bool(gee_json_writer_t *writer, bool value) {
    return value ? gee_json_put_text(writer, "true", 4) : gee_json_put_text(writer, "false", 5);
}

/* By name; a number without a name stays a number. */
static int write_enum(gee_json_writer_t *writer, const gee_type_t *type, int32_t number) {
    const gee_enum_value_t *named = gee_type_enum_by_number(type, number);
    return named ? gee_json_put_string(writer, gee_str(named->name)) : gee_json_put_signed(writer, number);
}

static int write_any(gee_json_writer_t *writer, const gee_type_t *type, const void *value) {
    switch (type->kind) {
    case GEE_KIND_BOOL:
        return write_bool(writer, *(const bool *)value);
    case GEE_KIND_ENUM:
        return write_enum(writer, type, *(const int32_t *)value);
    case GEE_KIND_INT32:
        return gee_json_put_signed(writer, *(const int32_t *)value);
    case GEE_KIND_INT64:
        return gee_json_put_signed(writer, *(const int64_t *)value);
    case GEE_KIND_UINT32:
        return gee_json_put_unsigned(writer, *(const uint32_t *)value);
    case GEE_KIND_UINT64:
        return gee_json_put_unsigned(writer, *(const uint64_t *)value);
    case GEE_KIND_FLOAT:
        return gee_json_put_float(writer, *(const float *)value);
    case GEE_KIND_DOUBLE:
        return gee_json_put_double(writer, *(const double *)value);
    case GEE_KIND_STRING:
        return gee_json_put_string(writer, *(const gee_str_t *)value);
    case GEE_KIND_BYTES:
        return gee_json_put_bytes(writer, *(const gee_bytes_t *)value);
    case GEE_KIND_STRUCT:
        return write_struct(writer, type, value);
    case GEE_KIND_LIST:
        return write_list(writer, type, value);
    case GEE_KIND_MAP:
        return write_map(writer, type, value);
    case GEE_KIND_OPTIONAL:
        return write_optional(writer, type, *(void *const *)value);
    }
    return gee_error_set(writer->error, GEE_INTERNAL, "a type has the unknown kind %d", (int)type->kind);
}

/* Writes an integer alone, the reply of many methods, straight into the chain, in half the instructions of the
 * writer. */
static bool encode_integer(const gee_type_t *type, const void *value, gee_chain_t *out) {
    bool is_signed = type->kind == GEE_KIND_INT64 || type->kind == GEE_KIND_INT32;
    int64_t number = type->kind == GEE_KIND_INT64    ? *(const int64_t *)value
                     : type->kind == GEE_KIND_INT32  ? *(const int32_t *)value
                     : type->kind == GEE_KIND_UINT32 ? *(const uint32_t *)value
                                                     : (int64_t) * (const uint64_t *)value;
    bool negative = is_signed && number < 0;
    uint8_t *room = gee_chain_reserve(out, 1 + GEE_JSON_DIGITS);
    if (room == NULL)
        return false;
    *room = '-';
    uint64_t magnitude = negative ? 0 - (uint64_t)number : (uint64_t)number;
    gee_chain_commit(out, negative + gee_json_format_unsigned((char *)room + negative, magnitude));
    return true;
}

static int encode_any(const gee_type_t *type, const void *value, gee_chain_t *out, gee_error_t *error) {
    gee_json_writer_t writer;
    gee_json_writer_init(&writer, out, error);
    return gee_json_writer_finish(&writer, write_any(&writer, type, value));
}

int gee_json_encode(void *state GEE_UNUSED, const gee_type_t *type, const void *value, gee_chain_t *out,
                    gee_error_t *error) {
    if (type->kind >= GEE_KIND_INT32 && type->kind <= GEE_KIND_UINT64 && encode_integer(type, value, out))
        return 0;
    return encode_any(type, value, out, error);
}
