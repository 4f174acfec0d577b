/* write.c: a C value as ProtoJSON, by its type: fields in the order of the type, no spaces. */
#include "protojson.h"

static int write_any_type(gee_protojson_writer_t *writer, const gee_type_t *type, const void *value);

static int write_item(gee_protojson_writer_t *writer, const gee_type_t *type, const void *value) {
    bool null = (type->kind == GEE_KIND_OPTIONAL || type->length > 0) && gee_type_is_zero(type, value);
    return null ? gee_json_put_text(&writer->json, "null", 4) : write_any_type(writer, type, value);
}

static int write_list(gee_protojson_writer_t *writer, const gee_type_t *type, const gee_list_value_t *list) {
    gee_json_writer_t *json = &writer->json;
    if (type->length > 0 && list->count != type->length)
        return gee_error_set(json->error, GEE_INTERNAL, "%zu items in an array of %u", list->count, type->length);
    if (gee_json_open(json, '[') < 0)
        return -1;
    for (size_t i = 0; i < list->count; i++) {
        const char *item = (const char *)list->items + i * type->element->size;
        if ((i > 0 && gee_json_put(json, ',') < 0) || write_item(writer, type->element, item) < 0) {
            gee_path_index(&json->path, i);
            return -1;
        }
    }
    return gee_json_close(json, ']');
}

static int write_map(gee_protojson_writer_t *writer, const gee_type_t *type, const gee_list_value_t *map) {
    gee_json_writer_t *json = &writer->json;
    char room[GEE_MAP_KEY_TEXT];
    if (gee_json_open(json, '{') < 0)
        return -1;
    for (size_t i = 0; i < map->count; i++) {
        const char *entry = (const char *)map->items + i * type->entry_size;
        gee_str_t key = gee_key_to_text(gee_type_key(type), entry, room);
        if (gee_json_put_key(json, i == 0, key) < 0 ||
            write_item(writer, type->element, entry + type->value_offset) < 0) {
            gee_path_key(&json->path, key);
            return -1;
        }
    }
    return gee_json_close(json, '}');
}

/* ---- structs ---- */

/* Of protobuf's fields those without presence: emit_defaults writes them always. */
static bool has_presence(const gee_field_t *field) {
    return (field->flags & GEE_FIELD_ONEOF) || field->type->kind == GEE_KIND_OPTIONAL ||
           field->type->kind == GEE_KIND_STRUCT || field->type->length > 0;
}

/* A message of a oneof that is set, but null, is absent, as for codec_proto. */
static bool is_written(const gee_protojson_writer_t *writer, const gee_field_t *field, const void *value) {
    const void *member = (const char *)value + field->offset;
    if (field->flags & GEE_FIELD_ONEOF)
        return gee_field_is_set(field, value) &&
               (field->type->kind != GEE_KIND_OPTIONAL || !gee_type_is_zero(field->type, member));
    return !gee_type_is_zero(field->type, member) || (writer->options->emit_defaults && !has_presence(field));
}

static int write_members(gee_protojson_writer_t *writer, const gee_type_t *type, const void *value, bool first) {
    for (size_t i = 0; i < type->field_count; i++) {
        const gee_field_t *field = &type->fields[i];
        if (!is_written(writer, field, value)) {
            if ((field->flags & GEE_FIELD_REQUIRED) == 0)
                continue;
            return gee_error_set(writer->json.error, GEE_INTERNAL, "the required field %s is missing", field->name);
        }
        if (gee_protojson_put_key(writer, type, field, first) < 0 ||
            write_any_type(writer, field->type, (const char *)value + field->offset) < 0) {
            gee_path_field(&writer->json.path, gee_str(field->name));
            return -1;
        }
        first = false;
    }
    return 0;
}

static int write_struct(gee_protojson_writer_t *writer, const gee_type_t *type, const void *value) {
    gee_json_writer_t *json = &writer->json;
    gee_str_t type_name = writer->type_name;
    writer->type_name.data = NULL;
    if (gee_json_open(json, '{') < 0 ||
        (type_name.data != NULL &&
         (gee_json_put_key(json, true, GEE_STR("@type")) < 0 || gee_json_put_string(json, type_name) < 0)) ||
        write_members(writer, type, value, type_name.data == NULL) < 0)
        return -1;
    return gee_json_close(&writer->json, '}');
}

/* ---- any type ---- */

static int write_any_type(gee_protojson_writer_t *writer, const gee_type_t *type, const void *value) {
    if (gee_protojson_is_special(type))
        return gee_protojson_write_special(writer, type, value);
    switch (type->kind) {
    case GEE_KIND_STRUCT:
        return write_struct(writer, type, value);
    case GEE_KIND_LIST:
        return write_list(writer, type, value);
    case GEE_KIND_MAP:
        return write_map(writer, type, value);
    case GEE_KIND_OPTIONAL:
        return write_any_type(writer, type->element, *(void *const *)value);
    default:
        return gee_protojson_write_scalar(writer, type, value);
    }
}

int gee_protojson_encode(const gee_protojson_options_t *options, const gee_type_t *type, const void *value,
                         gee_chain_t *out, gee_error_t *error) {
    gee_protojson_writer_t writer = { .options = options, .write = write_any_type };
    gee_json_writer_init(&writer.json, out, error);
    return gee_json_writer_finish(&writer.json, write_item(&writer, type, value));
}
