/* encode.c: a value into protobuf's bytes, written from the end to the front.
 *
 *        <------------------------------- writing
 *   [ room ........ | key | length | nested message ]
 *
 * The length of a message stands before the message and is known only when the message is complete. Written backwards,
 * the message is complete first: its bytes are counted, then length and key are put before them. So no length is
 * computed twice, kept or patched, however deep the nesting, and every varint is minimal.
 *
 * The first pass writes into FIRST_ROOM bytes, where most messages fit, and moves the bytes to the front of their
 * place. The rest of a longer message is counted, not written; a second pass writes the message into room of exactly
 * that size. The cost is linear in both cases, and nothing is allocated beside the chain.
 *
 * A small message that holds only numbers has no lengths, and is written forwards.
 *
 * Lax encoding differs in two things: required fields must be there, and strings of proto2 may hold any bytes. */
#include "core/protobuf/wire.h"

#include <endian.h>
#include <string.h>

#include "core/type/key.h"

#define FIRST_ROOM 512
/* Bounds the recursion: types may be recursive, and a service may make a value that contains itself. */
#define DEEPEST 500

typedef struct writer {
    uint8_t *end;    /* behind the last byte of the room */
    size_t capacity; /* of the room */
    size_t length;   /* bytes written so far; beyond the capacity: counted only */
    unsigned depth;
    bool checked; /* the pass before has found that the strings are UTF-8 */
    bool lax;
    gee_path_t *path;
    gee_error_t *error;
} writer_t;

static int write_element(writer_t *writer, uint32_t tag, const gee_type_t *type, const void *value);
static int put_contents(writer_t *writer, const gee_type_t *type, const void *value);

/* Errors name their place: each level of an unwinding failure puts its own step before the inner steps. */
static int in_field(const writer_t *writer, const gee_field_t *field) {
    gee_path_field(writer->path, gee_str(field->name));
    return -1;
}

static int in_item(const writer_t *writer, size_t index) {
    gee_path_index(writer->path, index);
    return -1;
}

static int in_entry(const writer_t *writer, const gee_type_t *map, const char *entry) {
    char room[GEE_MAP_KEY_TEXT];
    gee_path_key(writer->path, gee_key_to_text(gee_type_key(map), entry, room));
    return -1;
}

static int too_deep(const writer_t *writer) {
    return GEE_PROTOBUF_FAIL(writer->error, GEE_INTERNAL, "nested deeper than %d levels", DEEPEST);
}

/* The place for `count` bytes before the bytes written so far; null when bytes are only counted. */
static inline uint8_t *place_for(writer_t *writer, size_t count) {
    writer->length += count;
    return writer->length <= writer->capacity ? writer->end - writer->length : NULL;
}

static inline void put_varint(writer_t *writer, uint64_t number) {
    uint8_t *place = place_for(writer, number < 0x80 ? 1 : gee_protobuf_varint_size(number));
    if (place != NULL)
        gee_protobuf_put_varint(place, number);
}

static inline void put_key(writer_t *writer, uint32_t tag, unsigned wire) {
    put_varint(writer, (uint64_t)tag << 3 | wire);
}

static inline void put_bytes(writer_t *writer, const void *bytes, size_t count) {
    uint8_t *place = place_for(writer, count);
    if (place != NULL && count > 0)
        memcpy(place, bytes, count);
}

/* Puts the length and the key before the bytes written since `before`. */
static inline void close_message(writer_t *writer, uint32_t tag, size_t before) {
    put_varint(writer, writer->length - before);
    put_key(writer, tag, GEE_WIRE_BYTES);
}

/* The bits of a number on the wire: a varint's value, or those of a number of fixed size. Zero bits are not written;
 * -0.0 has bits, and is written. */
static inline uint64_t number_bits(const gee_type_t *type, const void *value) {
    uint32_t narrow;
    uint64_t wide;
    switch (type->kind) {
    case GEE_KIND_BOOL:
        return *(const bool *)value ? 1 : 0;
    case GEE_KIND_ENUM:
    case GEE_KIND_INT32:
        if (type->form == GEE_FORM_PLAIN)
            return (uint64_t)(int64_t) * (const int32_t *)value;
        memcpy(&narrow, value, sizeof narrow);
        return type->form == GEE_FORM_ZIGZAG ? narrow << 1 ^ -(narrow >> 31) : narrow;
    case GEE_KIND_UINT32:
    case GEE_KIND_FLOAT:
        memcpy(&narrow, value, sizeof narrow);
        return narrow;
    default:
        memcpy(&wide, value, sizeof wide);
        return type->form == GEE_FORM_ZIGZAG ? wide << 1 ^ -(wide >> 63) : wide;
    }
}

static inline void put_number(writer_t *writer, const gee_type_t *type, uint64_t bits) {
    if (!gee_protobuf_is_fixed(type)) {
        put_varint(writer, bits);
    } else {
        bits = htole64(bits);
        put_bytes(writer, &bits, type->size); /* of a narrow one the first half */
    }
}

static int put_string(writer_t *writer, const gee_type_t *type, const void *value) {
    gee_bytes_t bytes = *(const gee_bytes_t *)value; /* gee_str_t has the same shape */
    if (type->kind == GEE_KIND_STRING && !writer->checked && !gee_utf8_valid(bytes.data, bytes.length) &&
        !(writer->lax && type->form == GEE_FORM_UNCHECKED))
        return GEE_PROTOBUF_FAIL(writer->error, GEE_INTERNAL, "the string is not valid UTF-8");
    put_bytes(writer, bytes.data, bytes.length);
    return 0;
}

static int put_packed(writer_t *writer, uint32_t tag, const gee_type_t *element, const gee_list_value_t *list) {
    size_t before = writer->length;
    for (size_t i = list->count; i-- > 0;) {
        const void *item = (const char *)list->items + i * element->size;
        put_number(writer, element, number_bits(element, item));
    }
    close_message(writer, tag, before);
    return 0;
}

static int put_items(writer_t *writer, uint32_t tag, const gee_type_t *element, const gee_list_value_t *list) {
    for (size_t i = list->count; i-- > 0;)
        if (write_element(writer, tag, element, (const char *)list->items + i * element->size) != 0)
            return in_item(writer, i);
    return 0;
}

static int put_entries(writer_t *writer, uint32_t tag, const gee_type_t *type, const gee_list_value_t *map) {
    for (size_t i = map->count; i-- > 0;) {
        const char *entry = (const char *)map->items + i * type->entry_size;
        size_t before = writer->length;
        if (write_element(writer, 2, type->element, entry + type->value_offset) != 0 ||
            write_element(writer, 1, gee_type_key(type), entry) != 0)
            return in_entry(writer, type, entry);
        close_message(writer, tag, before);
    }
    return 0;
}

static int put_list(writer_t *writer, uint32_t tag, const gee_type_t *type, const gee_list_value_t *list) {
    if (list->count == 0)
        return 0;
    if (list->items == NULL)
        return GEE_PROTOBUF_FAIL(writer->error, GEE_INTERNAL, "a count of %zu without items", list->count);
    if (type->length != 0 && list->count != type->length)
        return GEE_PROTOBUF_FAIL(writer->error, GEE_INTERNAL, "%zu items, but the list has %u", list->count,
                                 type->length);
    if (++writer->depth > DEEPEST)
        return too_deep(writer);
    bool packed = gee_protobuf_is_number(type->element->kind) && type->form != GEE_FORM_UNPACKED;
    int result = type->kind == GEE_KIND_MAP ? put_entries(writer, tag, type, list)
                 : packed                   ? put_packed(writer, tag, type->element, list)
                                            : put_items(writer, tag, type->element, list);
    writer->depth--;
    return result;
}

/* Writes a field of a message: a zero, empty or absent value is not written. */
static inline int write_field(writer_t *writer, uint32_t tag, const gee_type_t *type, const void *value) {
    if (gee_protobuf_is_number(type->kind)) {
        uint64_t bits = number_bits(type, value);
        if (bits != 0) {
            put_number(writer, type, bits);
            put_key(writer, tag, gee_protobuf_wire(type));
        }
        return 0;
    }
    size_t before = writer->length;
    switch (type->kind) {
    case GEE_KIND_STRUCT:
        if (type->flags & GEE_TYPE_REQUIRED && gee_type_is_zero(type, value)) /* it is not there */
            return 0;
        /* fallthrough */
    case GEE_KIND_STRING:
    case GEE_KIND_BYTES:
        if (put_contents(writer, type, value) != 0)
            return -1;
        if (writer->length != before)
            close_message(writer, tag, before);
        return 0;
    case GEE_KIND_OPTIONAL: {
        const void *present = *(const void *const *)value;
        return present == NULL ? 0 : write_element(writer, tag, type->element, present);
    }
    default:
        return put_list(writer, tag, type, value);
    }
}

/* Writes an item of a list, a value of a map, or the content of an optional: also when zero. */
static int write_element(writer_t *writer, uint32_t tag, const gee_type_t *type, const void *value) {
    if (gee_protobuf_is_number(type->kind)) {
        put_number(writer, type, number_bits(type, value));
        put_key(writer, tag, gee_protobuf_wire(type));
        return 0;
    }
    size_t before = writer->length;
    if (put_contents(writer, type, value) != 0)
        return -1;
    close_message(writer, tag, before);
    return 0;
}

/* The set member of a oneof is written, zero or not. */
static int write_member(writer_t *writer, const gee_field_t *field, const void *base) {
    const void *value = (const char *)base + field->offset;
    if (!gee_field_is_set(field, base))
        return 0;
    return gee_protobuf_is_wrapped(field->type->kind) ? write_field(writer, field->tag, field->type, value)
                                                      : write_element(writer, field->tag, field->type, value);
}

static int write_required(writer_t *writer, const gee_field_t *field, const void *base) {
    const void *value = (const char *)base + field->offset;
    if (writer->lax && *(const void *const *)value == NULL)
        return GEE_PROTOBUF_FAIL(writer->error, GEE_INTERNAL, "the required field is missing");
    return write_field(writer, field->tag, field->type, value);
}

static int put_fields(writer_t *writer, const gee_type_t *type, const void *value) {
    if (++writer->depth > DEEPEST)
        return too_deep(writer);
    if (type->flags & GEE_TYPE_KEEPS_UNKNOWN) {
        const gee_bytes_t *unknown = gee_protobuf_unknown(type, value);
        put_bytes(writer, unknown->data, unknown->length);
    }
    for (size_t i = type->field_count; i-- > 0;) {
        const gee_field_t *field = &type->fields[i];
        int result = field->flags & GEE_FIELD_ONEOF ? write_member(writer, field, value)
                     : field->flags & GEE_FIELD_REQUIRED
                         ? write_required(writer, field, value)
                         : write_field(writer, field->tag, field->type, (const char *)value + field->offset);
        if (result != 0)
            return in_field(writer, field);
    }
    writer->depth--;
    return 0;
}

/* Writes the bytes between a length and the next key: the contents of a string, of a struct, or of the message that
 * wraps any other value. */
static int put_contents(writer_t *writer, const gee_type_t *type, const void *value) {
    if (type->kind == GEE_KIND_STRUCT)
        return put_fields(writer, type, value);
    if (type->kind == GEE_KIND_STRING || type->kind == GEE_KIND_BYTES)
        return put_string(writer, type, value);
    if (++writer->depth > DEEPEST)
        return too_deep(writer);
    int result = write_field(writer, 1, type, value);
    writer->depth--;
    return result;
}

/* Writes the outermost message: the fields of a struct, or any other value as field 1. */
static int write_message(writer_t *writer, const gee_type_t *type, const void *value) {
    return type->kind == GEE_KIND_STRUCT ? put_fields(writer, type, value) : write_field(writer, 1, type, value);
}

static int out_of_memory(gee_error_t *error, size_t length) {
    return GEE_PROTOBUF_FAIL(error, GEE_RESOURCE_EXHAUSTED, "out of memory for a message of %zu bytes", length);
}

/* The second pass, for a message that is too long for the room of the first. */
static int write_long(const writer_t *first, const gee_type_t *type, const void *value, gee_chain_t *out) {
    uint8_t *room = gee_chain_reserve(out, first->length);
    if (room == NULL)
        return out_of_memory(first->error, first->length);
    writer_t writer = { .end = room + first->length, .capacity = first->length, .checked = true, .lax = first->lax };
    writer.path = first->path;
    writer.error = first->error;
    if (write_message(&writer, type, value) != 0)
        return -1;
    if (writer.length != first->length)
        return GEE_PROTOBUF_FAIL(first->error, GEE_INTERNAL, "the value was changed while it was being encoded");
    gee_chain_commit(out, writer.length);
    return 0;
}

GEE_APART static int encode_backwards(bool lax, uint8_t *room, const gee_type_t *type, const void *value,
                                      gee_chain_t *out, gee_error_t *error) {
    gee_path_t path;
    gee_path_init(&path);
    writer_t writer = { .end = room + FIRST_ROOM, .capacity = FIRST_ROOM, .lax = lax, .path = &path, .error = error };
    if (write_message(&writer, type, value) != 0)
        return gee_path_apply(&path, error);
    if (writer.length > FIRST_ROOM)
        return write_long(&writer, type, value, out);
    memmove(room, writer.end - writer.length, writer.length);
    gee_chain_commit(out, writer.length);
    return 0;
}

/* ---- small messages of numbers: forwards, as no length stands before anything ---- */

#define NUMBER_LONGEST (5 + GEE_PROTOBUF_VARINT_LONGEST) /* key included */

static inline uint8_t *append_number(uint8_t *at, uint32_t tag, const gee_type_t *type, const void *value) {
    uint64_t bits = number_bits(type, value);
    if (bits == 0)
        return at;
    at = gee_protobuf_put_varint(at, (uint64_t)tag << 3 | gee_protobuf_wire(type));
    if (!gee_protobuf_is_fixed(type))
        return gee_protobuf_put_varint(at, bits);
    bits = htole64(bits);
    memcpy(at, &bits, sizeof bits); /* of a narrow number the first half is written */
    return at + type->size;
}

/* Returns the end of the message; null: the message holds something other than numbers, or a oneof. Precondition:
 * `room` has FIRST_ROOM bytes. */
static uint8_t *append_numbers(uint8_t *room, const gee_type_t *type, const void *value) {
    if (gee_protobuf_is_number(type->kind))
        return append_number(room, 1, type, value);
    if (type->kind != GEE_KIND_STRUCT || type->field_count > FIRST_ROOM / NUMBER_LONGEST ||
        type->flags & GEE_TYPE_KEEPS_UNKNOWN)
        return NULL;
    uint8_t *at = room;
    for (size_t i = 0; i < type->field_count; i++) { /* `fields` may be null */
        const gee_field_t *field = &type->fields[i];
        if (!gee_protobuf_is_number(field->type->kind) || field->flags & GEE_FIELD_ONEOF)
            return NULL;
        at = append_number(at, field->tag, field->type, (const char *)value + field->offset);
    }
    return at;
}

GEE_ALWAYS_INLINE int encode_by(bool lax, const gee_type_t *type, const void *value, gee_chain_t *out,
                                gee_error_t *error) {
    uint8_t *room = gee_chain_reserve(out, FIRST_ROOM);
    if (room == NULL)
        return out_of_memory(error, FIRST_ROOM);
    if (!(lax && type->flags & GEE_TYPE_REQUIRED)) {
        const uint8_t *end = append_numbers(room, type, value);
        if (end != NULL) {
            gee_chain_commit(out, (size_t)(end - room));
            return 0;
        }
    }
    return encode_backwards(lax, room, type, value, out, error);
}

int gee_protobuf_strict_encode(void *state GEE_UNUSED, const gee_type_t *type, const void *value, gee_chain_t *out,
                               gee_error_t *error) {
    return encode_by(false, type, value, out, error);
}

int gee_protobuf_lax_encode(void *state GEE_UNUSED, const gee_type_t *type, const void *value, gee_chain_t *out,
                            gee_error_t *error) {
    return encode_by(true, type, value, out, error);
}
