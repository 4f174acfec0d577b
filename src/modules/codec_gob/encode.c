/* encode.c: a C value into gob: its definitions where the peer does not have them yet, then the value.
 *
 * As Go writes it: of a struct's fields those that are zero are left out, nested structs are not; in lists and maps
 * everything is written. An optional that is there is written even when it is zero, where Go would leave it out: Go reads
 * it as a pointer to zero, and our peers see that it is there. */
#include "gob.h"

static int put_value(gee_gob_writer_t *writer, const gee_type_t *type, const void *value);

static int put_list(gee_gob_writer_t *writer, const gee_type_t *type, const gee_list_value_t *list) {
    gee_gob_put_uint(writer, list->count);
    for (size_t i = 0; i < list->count; i++)
        if (put_value(writer, type->element, (const char *)list->items + i * type->element->size) != 0) {
            gee_path_index(&writer->path, i);
            return -1;
        }
    return 0;
}

static int put_map(gee_gob_writer_t *writer, const gee_type_t *type, const gee_list_value_t *map) {
    gee_gob_put_uint(writer, map->count);
    for (size_t i = 0; i < map->count; i++) {
        const char *entry = (const char *)map->items + i * type->entry_size;
        gee_str_t key = *(const gee_str_t *)(const void *)entry;
        if (gee_gob_put_string(writer, key) != 0 || put_value(writer, type->element, entry + type->value_offset) != 0) {
            gee_path_key(&writer->path, key);
            return -1;
        }
    }
    return 0;
}

/* Left out as a struct's field? Only what Go leaves out too: not a struct, whatever is in it. */
static bool left_out(const gee_type_t *type, const void *value) {
    return type->kind != GEE_KIND_STRUCT && gee_type_is_zero(type, value);
}

static int put_struct(gee_gob_writer_t *writer, const gee_type_t *type, const void *value) {
    size_t last = 0; /* number of the field written last, + 1 */
    for (size_t i = 0; i < type->field_count; i++) {
        const gee_field_t *field = &type->fields[i];
        const void *member = (const char *)value + field->offset;
        if (left_out(field->type, member))
            continue;
        gee_gob_put_uint(writer, i + 1 - last);
        last = i + 1;
        if (put_value(writer, field->type, member) != 0) {
            gee_path_field(&writer->path, gee_str(field->name));
            return -1;
        }
    }
    gee_gob_put_uint(writer, 0);
    return 0;
}

static int put_container(gee_gob_writer_t *writer, const gee_type_t *type, const void *value) {
    const gee_list_value_t *list = value;
    if (gee_gob_writer_enter(writer) != 0)
        return -1;
    if (type->kind != GEE_KIND_STRUCT && list->items == NULL && list->count > 0)
        return GEE_GOB_FAIL(writer->error, GEE_INTERNAL, "a count of %zu without items", list->count);
    int result = type->kind == GEE_KIND_STRUCT ? put_struct(writer, type, value)
                 : type->kind == GEE_KIND_MAP  ? put_map(writer, type, list)
                                               : put_list(writer, type, list);
    writer->levels++;
    return result;
}

static int put_optional(gee_gob_writer_t *writer, const gee_type_t *type, const void *value) {
    if (value == NULL)
        return GEE_GOB_FAIL(writer->error, GEE_INTERNAL, "an absent value, which gob has in fields of structs only");
    return put_value(writer, type->element, value);
}

static int put_value(gee_gob_writer_t *writer, const gee_type_t *type, const void *value) {
    switch (type->kind) {
    case GEE_KIND_BOOL:
        gee_gob_put_uint(writer, *(const bool *)value ? 1 : 0);
        return 0;
    case GEE_KIND_INT32:
        gee_gob_put_int(writer, *(const int32_t *)value);
        return 0;
    case GEE_KIND_INT64:
        gee_gob_put_int(writer, *(const int64_t *)value);
        return 0;
    case GEE_KIND_UINT32:
        gee_gob_put_uint(writer, *(const uint32_t *)value);
        return 0;
    case GEE_KIND_UINT64:
        gee_gob_put_uint(writer, *(const uint64_t *)value);
        return 0;
    case GEE_KIND_FLOAT:
        gee_gob_put_uint(writer, gee_gob_from_double((double)*(const float *)value));
        return 0;
    case GEE_KIND_DOUBLE:
        gee_gob_put_uint(writer, gee_gob_from_double(*(const double *)value));
        return 0;
    case GEE_KIND_STRING:
        return gee_gob_put_string(writer, *(const gee_str_t *)value);
    case GEE_KIND_BYTES: {
        const gee_bytes_t *bytes = value;
        gee_gob_put_uint(writer, bytes->length);
        gee_gob_put_bytes(writer, bytes->data, bytes->length);
        return 0;
    }
    case GEE_KIND_OPTIONAL:
        return put_optional(writer, type, *(const void *const *)value);
    default:
        return put_container(writer, type, value);
    }
}

typedef struct message {
    bool bare; /* no struct: after a zero */
    const gee_type_t *type;
    const void *value;
} message_t;

static int put_message(gee_gob_writer_t *writer, const void *data) {
    const message_t *message = data;
    if (message->bare)
        gee_gob_put_uint(writer, 0);
    return put_value(writer, message->type, message->value);
}

int gee_gob_encode(void *data, const gee_type_t *type, const void *value, gee_chain_t *out, gee_error_t *error) {
    gee_gob_state_t *state = data;
    if (state == NULL || state->shared == NULL)
        return GEE_GOB_FAIL(error, GEE_INTERNAL, "gob cannot be written without its connection's state");
    gee_gob_schema_t *schema = gee_gob_schema_of(state->shared, type, error);
    if (schema == NULL)
        return -1;
    message_t message = { .bare = schema->root->kind != GEE_GOB_STRUCT, .type = type, .value = value };
    return gee_gob_send(state, schema, out, error, put_message, &message);
}
