/* scalar.c: the leaves of a value: bools, enums, numbers, strings, bytes. */
#include <math.h>

#include "protojson.h"

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
    ptrdiff_t length = gee_base64_decode_any(bytes, text);
    if (length < 0)
        return gee_error_set(reader->error, GEE_INVALID_ARGUMENT, "the string is not base64");
    *value = (gee_bytes_t){ .data = bytes, .length = (size_t)length };
    return 0;
}

/* A name; a number; a number in a string. */
static int read_enum(gee_protojson_reader_t *reader, const gee_type_t *type, int32_t *value) {
    gee_json_reader_t *json = &reader->json;
    const uint8_t *first = json->at;
    gee_str_t name;
    if (gee_json_peek(json) == '"') {
        if (gee_json_read_string(json, false, &name) < 0)
            return -1;
        const gee_enum_value_t *named = gee_type_enum_by_name(type, name);
        if (named != NULL) {
            *value = named->number;
            return 0;
        }
        if (name.length == 0 || (*name.data != '-' && (*name.data < '0' || *name.data > '9')))
            return reader->options->ignore_unknown ? GEE_PROTOJSON_PASSED : gee_json_no_enum_value(json, type, name);
        json->at = first;
    }
    if (gee_protojson_read_integer(json, type, value) < 0)
        return -1;
    if (!(type->flags & GEE_TYPE_CLOSED) || gee_type_enum_by_number(type, *value) != NULL)
        return 0;
    return reader->options->ignore_unknown ? GEE_PROTOJSON_PASSED
                                           : gee_error_set(json->error, GEE_INVALID_ARGUMENT, "%s has no value %d",
                                                           gee_type_label(type), (int)*value);
}

int gee_protojson_read_scalar(gee_protojson_reader_t *reader, const gee_type_t *type, void *value) {
    gee_json_reader_t *json = &reader->json;
    switch (type->kind) {
    case GEE_KIND_BOOL:
        return read_bool(json, type, value);
    case GEE_KIND_ENUM:
        return read_enum(reader, type, value);
    case GEE_KIND_FLOAT:
    case GEE_KIND_DOUBLE:
        return gee_protojson_read_floating(json, type, value);
    case GEE_KIND_STRING:
        return read_string(json, type, value);
    case GEE_KIND_BYTES:
        return read_bytes(json, type, value);
    default:
        return gee_protojson_read_integer(json, type, value);
    }
}

/* ---- back ---- */

static int write_bool(gee_json_writer_t *json, bool value) {
    return value ? gee_json_put_text(json, "true", 4) : gee_json_put_text(json, "false", 5);
}

static int write_word(gee_json_writer_t *json, double number) {
    return gee_json_put_string(json, isnan(number) ? GEE_STR("NaN")
                                     : number > 0  ? GEE_STR("Infinity")
                                                   : GEE_STR("-Infinity"));
}

/* Numbers of 64 bits stand in strings, as JavaScript's numbers have 53. */
static int write_wide(gee_json_writer_t *json, const gee_type_t *type, const void *value) {
    if (gee_json_put(json, '"') < 0 ||
        (type->kind == GEE_KIND_INT64 ? gee_json_put_signed(json, *(const int64_t *)value)
                                      : gee_json_put_unsigned(json, *(const uint64_t *)value)) < 0)
        return -1;
    return gee_json_put(json, '"');
}

static int write_enum(gee_protojson_writer_t *writer, const gee_type_t *type, int32_t number) {
    const gee_enum_value_t *named = writer->options->enum_numbers ? NULL : gee_type_enum_by_number(type, number);
    return named ? gee_json_put_string(&writer->json, gee_str(named->name))
                 : gee_json_put_signed(&writer->json, number);
}

static int write_floating(gee_json_writer_t *json, const gee_type_t *type, const void *value) {
    double number = type->kind == GEE_KIND_FLOAT ? (double)*(const float *)value : *(const double *)value;
    if (!isfinite(number))
        return write_word(json, number);
    if (number == 0 && signbit(number)) /* readers for which -0 is an integer would lose the sign */
        return gee_json_put_text(json, "-0.0", 4);
    return type->kind == GEE_KIND_FLOAT ? gee_json_put_float(json, *(const float *)value)
                                        : gee_json_put_double(json, number);
}

int gee_protojson_write_scalar(gee_protojson_writer_t *writer, const gee_type_t *type, const void *value) {
    gee_json_writer_t *json = &writer->json;
    switch (type->kind) {
    case GEE_KIND_BOOL:
        return write_bool(json, *(const bool *)value);
    case GEE_KIND_ENUM:
        return write_enum(writer, type, *(const int32_t *)value);
    case GEE_KIND_INT32:
        return gee_json_put_signed(json, *(const int32_t *)value);
    case GEE_KIND_UINT32:
        return gee_json_put_unsigned(json, *(const uint32_t *)value);
    case GEE_KIND_FLOAT:
    case GEE_KIND_DOUBLE:
        return write_floating(json, type, value);
    case GEE_KIND_STRING:
        return gee_json_put_string(json, *(const gee_str_t *)value);
    case GEE_KIND_BYTES:
        return gee_json_put_bytes(json, *(const gee_bytes_t *)value);
    default:
        return write_wide(json, type, value);
    }
}
