/* well_known.c: types of google.protobuf that ProtoJSON writes in forms of their own. Who marks a type as one of them
 * (gee_type_t.well_known) has seen to it that its fields are those of google's file, in that order. */
#include <math.h>

#include "protojson.h"

static const void *member(const gee_type_t *type, size_t i, const void *value) {
    return (const char *)value + type->fields[i].offset;
}

static void *place(const gee_type_t *type, size_t i, void *value) {
    return gee_field_choose(&type->fields[i], value);
}

/* ---- Timestamp, Duration ---- */

static int read_time(gee_json_reader_t *json, const gee_type_t *type, void *value) {
    gee_str_t text;
    if (gee_json_peek(json) != '"')
        return gee_json_mismatch(json, gee_type_label(type));
    if (gee_json_read_string(json, false, &text) < 0)
        return -1;
    bool timestamp = type->well_known == GEE_WELL_KNOWN_TIMESTAMP;
    bool taken = (timestamp ? gee_protojson_parse_timestamp : gee_protojson_parse_duration)(text, place(type, 0, value),
                                                                                            place(type, 1, value));
    return taken ? 0
                 : gee_error_set(json->error, GEE_INVALID_ARGUMENT, "\"%.*s\" is not a %s of %s",
                                 (int)(text.length < 40 ? text.length : 40), text.data, gee_type_label(type),
                                 timestamp ? "the years 0001 to 9999, as 1972-01-01T10:00:20.021Z"
                                           : "at most 315576000000 seconds, as 1.5s");
}

static int write_time(gee_json_writer_t *json, const gee_type_t *type, const void *value) {
    char text[GEE_PROTOJSON_TIME_TEXT];
    const int64_t *seconds = member(type, 0, value);
    const int32_t *nanos = member(type, 1, value);
    size_t length =
        (type->well_known == GEE_WELL_KNOWN_TIMESTAMP ? gee_protojson_format_timestamp
                                                      : gee_protojson_format_duration)(text, *seconds, *nanos);
    return length > 0 ? gee_json_put_string(json, (gee_str_t){ text, length })
                      : gee_error_set(json->error, GEE_INTERNAL, "a %s out of range: %lld s, %d ns",
                                      gee_type_label(type), (long long)*seconds, (int)*nanos);
}

/* ---- FieldMask: "user.displayName,photo" ---- */

static gee_str_t next_path(gee_str_t *text) {
    const char *comma = memchr(text->data, ',', text->length);
    gee_str_t path = { text->data, comma != NULL ? (size_t)(comma - text->data) : text->length };
    size_t passed = path.length + (comma != NULL);
    *text = (gee_str_t){ text->data + passed, text->length - passed };
    return path;
}

static int read_paths(gee_json_reader_t *json, gee_str_t text, gee_list_value_t *list) {
    size_t count = 1;
    for (size_t i = 0; i < text.length; i++)
        count += text.data[i] == ',';
    gee_str_t *paths = gee_pool_array(json->pool, count, sizeof(*paths));
    char *target = gee_pool_alloc(json->pool, 2 * text.length);
    if (paths == NULL || target == NULL)
        return gee_json_no_memory(json);
    for (size_t i = 0; i < count; i++) {
        ptrdiff_t length = gee_protojson_path_from_camel(target, next_path(&text));
        if (length < 0)
            return gee_error_set(json->error, GEE_INVALID_ARGUMENT,
                                 "a path of the FieldMask is not of names in lowerCamelCase");
        paths[i] = (gee_str_t){ target, (size_t)length };
        target += length;
    }
    *list = (gee_list_value_t){ .items = paths, .count = count };
    return 0;
}

static int read_mask(gee_json_reader_t *json, const gee_type_t *type, void *value) {
    gee_str_t text;
    if (gee_json_peek(json) != '"')
        return gee_json_mismatch(json, gee_type_label(type));
    if (gee_json_read_string(json, false, &text) < 0)
        return -1;
    return text.length == 0 ? 0 : read_paths(json, text, place(type, 0, value));
}

static int write_path(gee_json_writer_t *json, gee_str_t path, bool first) {
    int c;
    if (!first && gee_json_put(json, ',') < 0)
        return -1;
    while ((c = gee_protojson_next_of_path(&path)) > 0)
        if (gee_json_put(json, (char)c) < 0)
            return -1;
    return c == 0 ? 0
                  : gee_error_set(json->error, GEE_INTERNAL,
                                  "a path of the FieldMask has no lowerCamelCase that leads back");
}

static int write_mask(gee_protojson_writer_t *writer, const gee_type_t *type, const void *value) {
    const gee_list_value_t *paths = member(type, 0, value);
    if (gee_json_put(&writer->json, '"') < 0)
        return -1;
    for (size_t i = 0; i < paths->count; i++)
        if (write_path(&writer->json, ((const gee_str_t *)paths->items)[i], i == 0) < 0)
            return -1;
    return gee_json_put(&writer->json, '"');
}

/* ---- Value, Struct, ListValue, wrappers: the field in place of the message ---- */

enum value_field { NULL_VALUE, NUMBER_VALUE, STRING_VALUE, BOOL_VALUE, STRUCT_VALUE, LIST_VALUE };

static int read_value(gee_protojson_reader_t *reader, const gee_type_t *type, void *value) {
    enum value_field i = NUMBER_VALUE;
    switch (gee_json_peek(&reader->json)) {
    case 'n':
        i = NULL_VALUE;
        break;
    case '"':
        i = STRING_VALUE;
        break;
    case 't':
    case 'f':
        i = BOOL_VALUE;
        break;
    case '{':
        i = STRUCT_VALUE;
        break;
    case '[':
        i = LIST_VALUE;
        break;
    default:
        break;
    }
    return reader->read(reader, type->fields[i].type, place(type, i, value));
}

static int write_value(gee_protojson_writer_t *writer, const gee_type_t *type, const void *value) {
    for (size_t i = NUMBER_VALUE; i <= LIST_VALUE; i++) {
        const gee_field_t *field = &type->fields[i];
        if (!gee_field_is_set(field, value))
            continue;
        if (i == NUMBER_VALUE && !isfinite(*(const double *)member(type, i, value)))
            return gee_error_set(writer->json.error, GEE_INTERNAL, "a Value that is not a finite number");
        if (i >= STRUCT_VALUE && gee_type_is_zero(field->type, member(type, i, value)))
            return gee_json_put_text(&writer->json, i == STRUCT_VALUE ? "{}" : "[]", 2);
        return writer->write(writer, field->type, member(type, i, value));
    }
    return gee_json_put_text(&writer->json, "null", 4);
}

static int read_null(gee_protojson_reader_t *reader, const gee_type_t *type, void *value) {
    return gee_json_peek(&reader->json) == 'n' ? gee_json_read_literal(&reader->json, "null")
                                               : gee_protojson_read_scalar(reader, type, value);
}

int gee_protojson_read_special(gee_protojson_reader_t *reader, const gee_type_t *type, void *value) {
    switch (type->well_known) {
    case GEE_WELL_KNOWN_TIMESTAMP:
    case GEE_WELL_KNOWN_DURATION:
        return read_time(&reader->json, type, value);
    case GEE_WELL_KNOWN_FIELD_MASK:
        return read_mask(&reader->json, type, value);
    case GEE_WELL_KNOWN_VALUE:
        return read_value(reader, type, value);
    case GEE_WELL_KNOWN_NULL_VALUE:
        return read_null(reader, type, value);
    case GEE_WELL_KNOWN_ANY:
        return gee_protojson_read_any(reader, place(type, 0, value), place(type, 1, value));
    default: /* Struct, ListValue, wrappers */
        return reader->read(reader, type->fields[0].type, place(type, 0, value));
    }
}

int gee_protojson_write_special(gee_protojson_writer_t *writer, const gee_type_t *type, const void *value) {
    switch (type->well_known) {
    case GEE_WELL_KNOWN_TIMESTAMP:
    case GEE_WELL_KNOWN_DURATION:
        return write_time(&writer->json, type, value);
    case GEE_WELL_KNOWN_FIELD_MASK:
        return write_mask(writer, type, value);
    case GEE_WELL_KNOWN_VALUE:
        return write_value(writer, type, value);
    case GEE_WELL_KNOWN_NULL_VALUE:
        return gee_json_put_text(&writer->json, "null", 4);
    case GEE_WELL_KNOWN_ANY:
        return gee_protojson_write_any(writer, *(const gee_str_t *)member(type, 0, value),
                                       *(const gee_bytes_t *)member(type, 1, value));
    default: /* Struct, ListValue, wrappers */
        return writer->write(writer, type->fields[0].type, member(type, 0, value));
    }
}
