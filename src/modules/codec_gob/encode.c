/* encode.c: a C value into gob: its definitions where the peer does not have them yet, then the value.
 *
 * As in Go, fields of a struct that are zero are left out, nested structs are not; in lists and maps every element is
 * written. An optional that is present is written even when zero, where Go would leave the field out: Go reads a
 * pointer to zero, and peers of this project see that the optional is present. So is the set member of a oneof. */
#include "gob.h"

static int put_value(gee_gob_writer_t *writer, const gee_type_t *type, const void *value);

/* The number on the wire: a number's value, or the length of a text. False: `kind` is neither. A zero is left out. */
static inline bool scalar_of(gee_kind_t kind, const void *value, uint64_t *number) {
    switch (kind) {
    case GEE_KIND_BOOL:
        *number = *(const bool *)value ? 1 : 0;
        return true;
    case GEE_KIND_ENUM:
    case GEE_KIND_INT32:
        *number = gee_gob_from_int(*(const int32_t *)value);
        return true;
    case GEE_KIND_INT64:
        *number = gee_gob_from_int(*(const int64_t *)value);
        return true;
    case GEE_KIND_UINT32:
        *number = *(const uint32_t *)value;
        return true;
    case GEE_KIND_UINT64:
        *number = *(const uint64_t *)value;
        return true;
    case GEE_KIND_FLOAT:
        *number = gee_gob_from_double((double)*(const float *)value);
        return true;
    case GEE_KIND_DOUBLE:
        *number = gee_gob_from_double(*(const double *)value);
        return true;
    case GEE_KIND_STRING:
    case GEE_KIND_BYTES:
        *number = ((const gee_bytes_t *)value)->length;
        return true;
    default:
        return false;
    }
}

/* An array that was never filled is zeros, where there has to be an array. */
static int put_unfilled(gee_gob_writer_t *writer, const gee_type_t *type, const gee_list_value_t *list) {
    const gee_type_t *element = type->element;
    if (list->count > 0 || element->kind == GEE_KIND_OPTIONAL || element->length > 0)
        return GEE_GOB_FAIL(writer->error, GEE_INTERNAL, "%zu items in an array of %u", list->count, type->length);
    gee_gob_put_uint(writer, type->length);
    for (uint32_t i = 0; i < type->length; i++)
        gee_gob_put_uint(writer, 0); /* of a list or a map the count, of a struct the end */
    return 0;
}

static int put_list(gee_gob_writer_t *writer, const gee_type_t *type, const gee_list_value_t *list) {
    if (type->length > 0 && list->count != type->length)
        return put_unfilled(writer, type, list);
    gee_gob_put_uint(writer, list->count);
    for (size_t i = 0; i < list->count; i++)
        if (put_value(writer, type->element, (const char *)list->items + i * type->element->size) != 0) {
            gee_path_index(&writer->path, i);
            return -1;
        }
    return 0;
}

static int put_map(gee_gob_writer_t *writer, const gee_type_t *type, const gee_list_value_t *map) {
    const gee_type_t *key = gee_type_key(type);
    gee_gob_put_uint(writer, map->count);
    for (size_t i = 0; i < map->count; i++) {
        const char *entry = (const char *)map->items + i * type->entry_size;
        if (put_value(writer, key, entry) != 0 || put_value(writer, type->element, entry + type->value_offset) != 0) {
            char room[GEE_MAP_KEY_TEXT];
            gee_path_key(&writer->path, gee_key_to_text(key, entry, room));
            return -1;
        }
    }
    return 0;
}

/* Is a struct's field left out? As in Go, a nested struct is never left out. Of a oneof the set member is written even
 * when zero, but for an absent optional, which gob cannot write. */
static bool left_out(const gee_field_t *field, const void *value) {
    const gee_type_t *type = field->type;
    if (!gee_field_is_set(field, value))
        return true;
    if (type->kind == GEE_KIND_STRUCT || (field->flags & GEE_FIELD_ONEOF && type->kind != GEE_KIND_OPTIONAL))
        return false;
    return gee_type_is_zero(type, (const char *)value + field->offset);
}

/* A place in a struct: behind the last byte written, the index of the next field, and the index of the last written
 * field, + 1. */
typedef struct spot {
    uint8_t *at;
    uint32_t next, last;
} spot_t;

/* Writes fields of numbers and text, as most are, with all state in registers. Stops at a field that is of another
 * kind or in a oneof, may not fit into the room, or is not valid, which the general way handles. */
static spot_t put_scalars(spot_t spot, const uint8_t *end, const gee_type_t *type, const char *value) {
    for (; spot.next < type->field_count; spot.next++) {
        const gee_field_t *field = &type->fields[spot.next];
        const void *member = value + field->offset;
        uint64_t number;
        if (field->flags & GEE_FIELD_ONEOF || !scalar_of(field->type->kind, member, &number))
            break;
        if (number == 0)
            continue;
        size_t left = (size_t)(end - spot.at);
        if (left <= 1 + GEE_GOB_UINT_LONGEST || spot.next + 1 - spot.last >= 0x80)
            break;
        if (field->type->kind >= GEE_KIND_STRING) {
            const gee_bytes_t *text = member;
            if (text->length > left - 1 - GEE_GOB_UINT_LONGEST ||
                (field->type->kind == GEE_KIND_STRING && !gee_utf8_valid(text->data, text->length)))
                break;
        }
        *spot.at++ = (uint8_t)(spot.next + 1 - spot.last);
        spot.at = gee_gob_store_uint(spot.at, number);
        spot.last = spot.next + 1;
        if (field->type->kind >= GEE_KIND_STRING) {
            memcpy(spot.at, ((const gee_bytes_t *)member)->data, (size_t)number);
            spot.at += number;
        }
    }
    return spot;
}

static int put_struct(gee_gob_writer_t *writer, const gee_type_t *type, const void *value) {
    size_t last = 0; /* index of the field written last, + 1 */
    for (size_t i = 0; i < type->field_count; i++) {
        const gee_field_t *field = &type->fields[i];
        const void *member = (const char *)value + field->offset;
        if (left_out(field, value))
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
    uint64_t number;
    if (!scalar_of(type->kind, value, &number))
        return type->kind == GEE_KIND_OPTIONAL ? put_optional(writer, type, *(const void *const *)value)
                                               : put_container(writer, type, value);
    if (type->kind == GEE_KIND_STRING)
        return gee_gob_put_string(writer, *(const gee_str_t *)value);
    gee_gob_put_uint(writer, number);
    if (type->kind == GEE_KIND_BYTES)
        gee_gob_put_bytes(writer, ((const gee_bytes_t *)value)->data, (size_t)number);
    return 0;
}

/* ---- a message ---- */

#define SHORT 127 /* a length of one byte */

/* Writes a number, or a struct of numbers and text, in one go: 80 instructions for an int, where the general way takes
 * 340. False: another kind of value, or too long. */
static inline bool put_short(int64_t id, const gee_type_t *type, const void *value, gee_chain_t *out) {
    uint64_t number = 0;
    if (type->kind != GEE_KIND_STRUCT && (type->kind >= GEE_KIND_STRING || !scalar_of(type->kind, value, &number)))
        return false;
    uint8_t *room = gee_chain_reserve(out, 1 + SHORT);
    if (room == NULL)
        return false;
    uint8_t *at = gee_gob_store_uint(room + 1, gee_gob_from_int(id));
    if (type->kind == GEE_KIND_STRUCT) {
        spot_t spot = put_scalars((spot_t){ .at = at }, room + SHORT, type, value);
        if (spot.next < type->field_count)
            return false;
        at = spot.at;
        *at++ = 0;
    } else {
        *at++ = 0;
        at = gee_gob_store_uint(at, number);
    }
    room[0] = (uint8_t)(at - room - 1);
    gee_chain_commit(out, (size_t)(at - room));
    return true;
}

typedef struct message {
    int64_t id; /* of the type; 0: already written */
    bool bare;  /* not a struct: the value comes after a zero */
    const gee_type_t *type;
    const void *value;
} message_t;

static int put_message(gee_gob_writer_t *writer, const void *data) {
    const message_t *message = data;
    if (message->id != 0)
        gee_gob_put_int(writer, message->id);
    if (message->bare)
        gee_gob_put_uint(writer, 0);
    return put_value(writer, message->type, message->value);
}

/* Writes a value of any length. `id` is the peer's id of the type, or 0 when the peer does not know the type. */
GEE_APART static int put_long(gee_gob_state_t *state, int64_t id, const gee_type_t *type, const void *value,
                              gee_chain_t *out, gee_error_t *error) {
    gee_gob_schema_t *schema = gee_gob_schema_of(state->shared, type, error);
    if (schema == NULL)
        return -1;
    message_t message = { .id = id, .bare = schema->root->kind != GEE_GOB_STRUCT, .type = type, .value = value };
    if (id == 0)
        return gee_gob_send(state, schema, out, error, put_message, &message);
    gee_gob_schema_release(state->shared, &schema);
    return gee_gob_put_message(out, error, put_message, &message);
}

int gee_gob_encode(void *data, const gee_type_t *type, const void *value, gee_chain_t *out, gee_error_t *error) {
    gee_gob_state_t *state = data;
    if (state == NULL || state->shared == NULL)
        return GEE_GOB_FAIL(error, GEE_INTERNAL, "gob cannot be written without its connection's state");
    const gee_gob_schema_t *schema = gee_gob_recent_schema(state->shared, type);
    int64_t id = schema != NULL ? gee_gob_known_id(state, schema) : 0;
    return id != 0 && put_short(id, type, value, out) ? 0 : put_long(state, id, type, value, out, error);
}
