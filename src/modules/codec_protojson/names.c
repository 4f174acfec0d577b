/* names.c: the names of fields in ProtoJSON, and the paths of a FieldMask, which are such names. */
#include "protojson.h"

static bool is_lower(char c) {
    return c >= 'a' && c <= 'z';
}

static bool is_upper(char c) {
    return c >= 'A' && c <= 'Z';
}

/* The next character of the lowerCamelCase of a name, as protoc makes json_name: a letter behind underscores becomes a
 * capital, underscores go. 0: the end. */
static char next_camel(const char **at, const char *end) {
    bool capital = false;
    for (; *at < end && **at == '_'; (*at)++)
        capital = true;
    if (*at == end)
        return 0;
    char c = *(*at)++;
    return capital && is_lower(c) ? (char)(c - 'a' + 'A') : c;
}

static bool is_camel_of(gee_str_t name, gee_str_t key) {
    const char *at = name.data, *end = name.data + name.length;
    for (size_t i = 0; i < key.length; i++)
        if (key.data[i] == '\0' || next_camel(&at, end) != key.data[i])
            return false;
    return next_camel(&at, end) == 0;
}

/* Null: the name that ProtoJSON writes must be made of the field's. */
static const char *json_name(const gee_type_t *type, const gee_field_t *field) {
    if (field->more != NULL && field->more->json_name != NULL)
        return field->more->json_name;
    return type->full_name == NULL || memchr(field->name, '_', gee_field_name(field).length) == NULL ? field->name
                                                                                                     : NULL;
}

static bool has_name(const gee_type_t *type, const gee_field_t *field, gee_str_t key) {
    gee_str_t name = gee_field_name(field);
    if (gee_str_equal(name, key))
        return true;
    const char *json = json_name(type, field);
    return json != NULL ? json != field->name && gee_str_equal(gee_str(json), key) : is_camel_of(name, key);
}

const gee_field_t *gee_protojson_field(gee_json_reader_t *reader, const gee_type_t *type, gee_str_t key,
                                       size_t expected) {
    size_t count;
    if (expected < type->field_count && has_name(type, &type->fields[expected], key))
        return &type->fields[expected];
    const uint32_t *positions = gee_field_candidates(&reader->indices, type, key, reader->pool, &count);
    for (size_t i = 0; i < count; i++) {
        const gee_field_t *field = &type->fields[positions != NULL ? positions[i] : i];
        if (has_name(type, field, key))
            return field;
    }
    return NULL;
}

static int put_camel(gee_json_writer_t *json, gee_str_t name) {
    const char *at = name.data, *end = name.data + name.length;
    if (gee_json_put(json, '"') < 0)
        return -1;
    for (char c; (c = next_camel(&at, end)) != 0;)
        if (gee_json_put(json, c) < 0)
            return -1;
    return gee_json_put_text(json, "\":", 2);
}

int gee_protojson_put_key(gee_protojson_writer_t *writer, const gee_type_t *type, const gee_field_t *field,
                          bool first) {
    const char *name = writer->options->proto_names ? field->name : json_name(type, field);
    if (name == field->name)
        return gee_json_put_key(&writer->json, first, gee_field_name(field));
    if (name != NULL)
        return gee_json_put_key(&writer->json, first, gee_str(name));
    if (!first && gee_json_put(&writer->json, ',') < 0)
        return -1;
    return put_camel(&writer->json, gee_field_name(field));
}

/* ---- paths ---- */

int gee_protojson_next_of_path(gee_str_t *path) {
    if (path->length == 0)
        return 0;
    char c = *path->data;
    bool underscore = c == '_';
    if (underscore && (path->length == 1 || !is_lower(path->data[1])))
        return -1;
    if (underscore)
        c = (char)(path->data[1] - 'a' + 'A');
    else if (is_upper(c) || (uint8_t)c <= ' ' || (uint8_t)c >= 0x7f || c == '"' || c == '\\' || c == ',')
        return -1;
    *path = (gee_str_t){ path->data + 1 + underscore, path->length - 1 - underscore };
    return c;
}

ptrdiff_t gee_protojson_path_from_camel(char *target, gee_str_t path) {
    char *at = target;
    for (size_t i = 0; i < path.length; i++) {
        char c = path.data[i];
        if (c == '_' || (uint8_t)c <= ' ' || (uint8_t)c >= 0x7f || c == '"' || c == '\\')
            return -1;
        if (is_upper(c))
            *at++ = '_';
        *at++ = is_upper(c) ? (char)(c - 'A' + 'a') : c;
    }
    return at - target;
}
