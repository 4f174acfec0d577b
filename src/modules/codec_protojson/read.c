/* read.c: one ProtoJSON value into C memory, by its type. */
#include "protojson.h"

static int read_any_type(gee_protojson_reader_t *reader, const gee_type_t *type, void *value);

/* ---- lists and maps ---- */

/* Null stands for no item, but where the items are optionals, or arrays of a fixed length (in types that are not
 * protobuf's), or have a null of their own. */
static int read_item(gee_protojson_reader_t *reader, const gee_type_t *type, void *value) {
    bool nullable = type->kind == GEE_KIND_OPTIONAL || type->length > 0;
    memset(value, 0, type->size);
    if (gee_json_peek(&reader->json) != 'n' || gee_protojson_has_null(type))
        return read_any_type(reader, type, value);
    if (gee_json_read_literal(&reader->json, "null") < 0)
        return -1;
    return nullable ? 0
                    : gee_error_set(reader->json.error, GEE_INVALID_ARGUMENT, "null where %s is expected",
                                    gee_type_label(type));
}

static int read_list(gee_protojson_reader_t *reader, const gee_type_t *type, gee_list_value_t *list) {
    size_t capacity = 0, count = 0, size = type->element->size;
    gee_json_reader_t *json = &reader->json;
    void *items = NULL;
    int more, result;
    if (gee_json_peek(json) != '[')
        return gee_json_mismatch(json, gee_type_label(type));
    if (gee_json_enter(json) < 0)
        return -1;
    for (bool first = true; (more = gee_json_next(json, first, ']')) > 0; first = false) {
        if (gee_json_grow(json, &items, count, &capacity, size) < 0)
            return -1;
        if ((result = read_item(reader, type->element, (char *)items + count * size)) < 0) {
            gee_path_index(&json->path, count);
            return -1;
        }
        count += result == 0;
    }
    *list = (gee_list_value_t){ .items = items, .count = count };
    return more == 0 && type->length > 0 ? gee_json_check_count(json, type, count) : more;
}

static int read_entry(gee_protojson_reader_t *reader, const gee_type_t *type, char *entry) {
    gee_str_t key;
    if (gee_json_read_key_as(&reader->json, gee_type_key(type), &key, entry) < 0)
        return -1;
    int result = read_item(reader, type->element, entry + type->value_offset);
    if (result < 0)
        gee_path_key(&reader->json.path, key);
    return result;
}

static int keep_unique(gee_json_reader_t *json, const gee_type_t *type, gee_list_value_t *map) {
    size_t count = map->count;
    if (gee_map_keep_last(type, map, json->pool) < 0)
        return gee_json_no_memory(json);
    return map->count == count ? 0 : gee_error_set(json->error, GEE_INVALID_ARGUMENT, "a key of the map comes twice");
}

static int read_map(gee_protojson_reader_t *reader, const gee_type_t *type, gee_list_value_t *map) {
    size_t capacity = 0, count = 0;
    gee_json_reader_t *json = &reader->json;
    void *items = NULL;
    int more, result;
    if (gee_json_peek(json) != '{')
        return gee_json_mismatch(json, gee_type_label(type));
    if (gee_json_enter(json) < 0)
        return -1;
    for (bool first = true; (more = gee_json_next(json, first, '}')) > 0; first = false) {
        if (gee_json_grow(json, &items, count, &capacity, type->entry_size) < 0 ||
            (result = read_entry(reader, type, (char *)items + count * type->entry_size)) < 0)
            return -1;
        count += result == 0;
    }
    *map = (gee_list_value_t){ .items = items, .count = count };
    return more < 0 ? -1 : keep_unique(json, type, map);
}

/* ---- structs ---- */

#define FEW_FIELDS 256

/* The members of one object so far: which fields were there, whatever their value. */
typedef struct members {
    uint64_t few[FEW_FIELDS / 64];
    uint64_t *seen; /* one bit a field */
    size_t expected;
} members_t;

static int members_init(members_t *members, gee_json_reader_t *json, const gee_type_t *type) {
    memset(members, 0, sizeof(*members));
    members->seen = type->field_count <= FEW_FIELDS
                        ? members->few
                        : gee_pool_array(json->pool, (type->field_count + 63) / 64, sizeof(uint64_t));
    return members->seen != NULL ? 0 : gee_json_no_memory(json);
}

static int twice(gee_json_reader_t *json, const gee_type_t *type, members_t *members, const gee_field_t *field) {
    size_t position = (size_t)(field - type->fields);
    uint64_t bit = (uint64_t)1 << position % 64;
    members->expected = position + 1;
    if (members->seen[position / 64] & bit)
        return gee_error_set(json->error, GEE_INVALID_ARGUMENT, "the field comes twice");
    members->seen[position / 64] |= bit;
    return 0;
}

static bool has_null(const gee_type_t *type) {
    return gee_protojson_has_null(type->kind == GEE_KIND_OPTIONAL ? type->element : type);
}

/* Of a oneof another member may have been set before. */
static int read_oneof(gee_protojson_reader_t *reader, const gee_field_t *field, char *value) {
    uint32_t *selector = (uint32_t *)(void *)(value + field->selector);
    if (*selector != 0)
        return gee_error_set(reader->json.error, GEE_INVALID_ARGUMENT, "another member of its oneof is set, too");
    int result = read_any_type(reader, field->type, gee_field_choose(field, value));
    if (result == GEE_PROTOJSON_PASSED)
        *selector = 0;
    return result;
}

static int read_field(gee_protojson_reader_t *reader, const gee_type_t *type, members_t *members,
                      const gee_field_t *field, char *value) {
    gee_json_reader_t *json = &reader->json;
    if (twice(json, type, members, field) < 0)
        return -1;
    if (gee_json_peek(json) == 'n' && !has_null(field->type))
        return gee_json_read_literal(json, "null");
    return field->flags & GEE_FIELD_ONEOF ? read_oneof(reader, field, value)
                                          : read_any_type(reader, field->type, value + field->offset);
}

static int read_unknown(gee_protojson_reader_t *reader, const gee_type_t *type, gee_str_t key) {
    if (reader->options->ignore_unknown)
        return gee_json_skip(&reader->json);
    return gee_error_set(reader->json.error, GEE_INVALID_ARGUMENT, "%s has no field \"%.*s\"", gee_type_label(type),
                         (int)(key.length < 64 ? key.length : 64), key.data);
}

static int read_member(gee_protojson_reader_t *reader, const gee_type_t *type, members_t *members, void *value,
                       bool type_name) {
    gee_str_t key;
    if (gee_json_read_key(&reader->json, false, &key) < 0)
        return -1;
    const gee_field_t *field = gee_protojson_field(&reader->json, type, key, members->expected);
    if (field == NULL)
        return type_name && gee_str_equal(key, GEE_STR("@type")) ? gee_json_skip(&reader->json)
                                                                 : read_unknown(reader, type, key);
    if (read_field(reader, type, members, field, value) >= 0)
        return 0;
    gee_path_field(&reader->json.path, gee_str(field->name));
    return -1;
}

static int check_required(gee_json_reader_t *json, const gee_type_t *type, const void *value) {
    for (size_t i = 0; (type->flags & GEE_TYPE_REQUIRED) && i < type->field_count; i++) {
        const gee_field_t *field = &type->fields[i];
        if ((field->flags & GEE_FIELD_REQUIRED) && gee_type_is_zero(field->type, (const char *)value + field->offset))
            return gee_error_set(json->error, GEE_INVALID_ARGUMENT, "the required field %s is missing", field->name);
    }
    return 0;
}

static int read_members(gee_protojson_reader_t *reader, const gee_type_t *type, void *value) {
    gee_json_reader_t *json = &reader->json;
    bool type_name = reader->has_type_name;
    reader->has_type_name = false;
    members_t members;
    int more;
    if (gee_json_peek(json) != '{')
        return gee_json_mismatch(json, gee_type_label(type));
    if (members_init(&members, json, type) < 0 || gee_json_enter(json) < 0)
        return -1;
    for (bool first = true; (more = gee_json_next(json, first, '}')) > 0; first = false) {
        if (read_member(reader, type, &members, value, type_name) < 0)
            return -1;
    }
    return more < 0 ? -1 : check_required(json, type, value);
}

/* ---- any type ---- */

static int read_optional(gee_protojson_reader_t *reader, const gee_type_t *type, void **value) {
    void *element = gee_pool_array(reader->json.pool, 1, type->element->size);
    if (element == NULL)
        return gee_json_no_memory(&reader->json);
    int result = read_any_type(reader, type->element, element);
    *value = result == 0 ? element : NULL;
    return result;
}

static int read_any_type(gee_protojson_reader_t *reader, const gee_type_t *type, void *value) {
    if (gee_protojson_is_special(type))
        return gee_protojson_read_special(reader, type, value);
    switch (type->kind) {
    case GEE_KIND_STRUCT:
        return read_members(reader, type, value);
    case GEE_KIND_LIST:
        return read_list(reader, type, value);
    case GEE_KIND_MAP:
        return read_map(reader, type, value);
    case GEE_KIND_OPTIONAL:
        return read_optional(reader, type, value);
    default:
        return gee_protojson_read_scalar(reader, type, value);
    }
}

/* A message is an object. Other types, which only methods of hand-written types have alone, are zero when null. */
static int read_whole(gee_protojson_reader_t *reader, const gee_type_t *type, void *value) {
    if (gee_json_peek(&reader->json) == 'n' && type->kind != GEE_KIND_STRUCT && !has_null(type))
        return gee_json_read_literal(&reader->json, "null");
    int result = read_any_type(reader, type, value);
    return result < 0 ? -1 : 0;
}

int gee_protojson_decode(const gee_protojson_options_t *options, const gee_type_t *type, const uint8_t *bytes,
                         size_t length, const gee_codec_limits_t *limits, bool copy, gee_pool_t *pool, void *value,
                         gee_error_t *error) {
    gee_protojson_reader_t reader = { .options = options, .read = read_any_type };
    gee_json_reader_init(&reader.json, bytes, length, limits, pool, error);
    reader.json.copy = copy;
    return gee_json_reader_finish(&reader.json, read_whole(&reader, type, value));
}
