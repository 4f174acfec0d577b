/* encode.c: a value into protobuf's bytes, written from the end to the front.
 *
 *        <------------------------------- writing
 *   [ room ........ | key | length | nested message ]
 *
 * The length of a message stands before the message and is known only when the message is complete. Written backwards,
 * the message is complete first: its bytes are counted, then length and key are put before them. So no length is
 * computed twice, kept or patched, however deep the nesting, and every varint is minimal.
 *
 * The room is what the chain's last segment has, at least FIRST_ROOM bytes, where most messages fit; the bytes are
 * moved to the front of their place. A longer message goes on in a buffer of its own of twice the size, and so on,
 * which the chain takes over: linear, and nothing is allocated beside buffers of the chain.
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
    uint8_t *start, *at; /* room, and where the bytes written so far begin */
    uint8_t *end;        /* of the room, and of these bytes */
    gee_buf_t *buf;      /* the buffer that the room is in; null: the chain's last segment */
    gee_chain_t *out;
    unsigned depth;
    bool lax;
    bool failed; /* there is no memory for more room */
    gee_path_t *path;
    gee_error_t *error;
} writer_t;

static int write_element(writer_t *writer, uint32_t tag, const gee_type_t *type, const void *value);
static int put_fields(writer_t *writer, const gee_type_t *type, const void *value);

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

static inline size_t length_of(const writer_t *writer) {
    return (size_t)(writer->end - writer->at);
}

/* Moves what is written to the end of a new buffer with room for `count` bytes more. Without memory all that is written
 * is forgotten, so that writing can go on, to no end. Precondition: `count` is at most FIRST_ROOM, or of a string. */
GEE_APART static bool grow(writer_t *writer, size_t count) {
    size_t length = length_of(writer), wanted = 2 * (size_t)(writer->end - writer->start) + count;
    gee_buf_t *buf = gee_buf_take(writer->out->cache, wanted);
    if (buf == NULL) {
        writer->failed = true;
        writer->at = writer->end;
        return (size_t)(writer->end - writer->start) >= count;
    }
    uint8_t *end = buf->data + buf->capacity;
    memcpy(end - length, writer->at, length);
    gee_buf_release(&writer->buf);
    writer->buf = buf;
    writer->start = buf->data;
    writer->end = end;
    writer->at = end - length;
    return true;
}

/* False: there is not so much memory. */
static inline bool has_room(writer_t *writer, size_t count) {
    return (size_t)(writer->at - writer->start) >= count || grow(writer, count);
}

#define NUMBER_LONGEST (5 + GEE_PROTOBUF_VARINT_LONGEST) /* key included */

/* Before `at`, where there is room; returns the beginning. */
static inline uint8_t *put_varint(uint8_t *at, uint64_t number) {
    if (number < 0x80) {
        *--at = (uint8_t)number;
        return at;
    }
    at -= gee_protobuf_varint_size(number);
    gee_protobuf_put_varint(at, number);
    return at;
}

static inline uint8_t *put_key(uint8_t *at, uint32_t tag, unsigned wire) {
    return put_varint(at, (uint64_t)tag << 3 | wire);
}

/* Puts the length and the key before the bytes that came after the first `before` bytes from the end. */
static inline void close_message(writer_t *writer, uint32_t tag, size_t before) {
    size_t length = length_of(writer) - before;
    if (has_room(writer, NUMBER_LONGEST))
        writer->at = put_key(put_varint(writer->at, length), tag, GEE_WIRE_BYTES);
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

static inline uint8_t *put_number(uint8_t *at, const gee_type_t *type, uint64_t bits) {
    if (!gee_protobuf_is_fixed(type))
        return put_varint(at, bits);
    bits = htole64(bits);
    at -= type->size;
    if (type->size == sizeof(uint32_t))
        memcpy(at, &bits, sizeof(uint32_t));
    else
        memcpy(at, &bits, sizeof bits);
    return at;
}

static inline void write_number(writer_t *writer, uint32_t tag, const gee_type_t *type, uint64_t bits) {
    if (has_room(writer, NUMBER_LONGEST))
        writer->at = put_key(put_number(writer->at, type, bits), tag, gee_protobuf_wire(type));
}

static int not_utf8(const writer_t *writer) {
    return GEE_PROTOBUF_FAIL(writer->error, GEE_INTERNAL, "the string is not valid UTF-8");
}

/* Key and length included. */
static inline int write_string(writer_t *writer, uint32_t tag, const gee_type_t *type, const void *value) {
    gee_bytes_t bytes = *(const gee_bytes_t *)value; /* gee_str_t has the same shape */
    if (type->kind == GEE_KIND_STRING && !gee_protobuf_is_utf8(bytes) &&
        !(writer->lax && type->form == GEE_FORM_UNCHECKED))
        return not_utf8(writer);
    if (bytes.length > SIZE_MAX / 4 || !has_room(writer, bytes.length + NUMBER_LONGEST)) {
        writer->failed = true;
        return 0;
    }
    uint8_t *at = writer->at - bytes.length;
    gee_copy_short(at, bytes.data, bytes.length);
    writer->at = put_key(put_varint(at, bytes.length), tag, GEE_WIRE_BYTES);
    return 0;
}

static int put_packed(writer_t *writer, uint32_t tag, const gee_type_t *element, const gee_list_value_t *list) {
    size_t before = length_of(writer);
    for (size_t i = list->count; i-- > 0;) {
        const void *item = (const char *)list->items + i * element->size;
        if (!has_room(writer, NUMBER_LONGEST))
            return 0;
        writer->at = put_number(writer->at, element, number_bits(element, item));
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
        size_t before = length_of(writer);
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

static int write_struct(writer_t *writer, uint32_t tag, const gee_type_t *type, const void *value, bool always) {
    size_t before = length_of(writer);
    if (put_fields(writer, type, value) != 0)
        return -1;
    if (always || length_of(writer) != before)
        close_message(writer, tag, before);
    return 0;
}

GEE_ALWAYS_INLINE void write_number_field(writer_t *writer, uint32_t tag, const gee_type_t *type, const void *value) {
    uint64_t bits = number_bits(type, value);
    if (bits != 0)
        write_number(writer, tag, type, bits);
}

/* Writes a field of a message: a zero, empty or absent value is not written. */
static inline int write_field(writer_t *writer, uint32_t tag, const gee_type_t *type, const void *value) {
    if (gee_protobuf_is_number(type->kind)) {
        write_number_field(writer, tag, type, value);
        return 0;
    }
    switch (type->kind) {
    case GEE_KIND_STRING:
    case GEE_KIND_BYTES:
        return ((const gee_bytes_t *)value)->length == 0 ? 0 : write_string(writer, tag, type, value);
    case GEE_KIND_STRUCT:
        if (type->flags & GEE_TYPE_REQUIRED && gee_type_is_zero(type, value)) /* it is not there */
            return 0;
        return write_struct(writer, tag, type, value, false);
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
        write_number(writer, tag, type, number_bits(type, value));
        return 0;
    }
    if (type->kind == GEE_KIND_STRING || type->kind == GEE_KIND_BYTES)
        return write_string(writer, tag, type, value);
    if (type->kind == GEE_KIND_STRUCT)
        return write_struct(writer, tag, type, value, true);
    size_t before = length_of(writer);
    if (++writer->depth > DEEPEST)
        return too_deep(writer);
    if (write_field(writer, 1, type, value) != 0)
        return -1;
    writer->depth--;
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

static inline void put_unknown(writer_t *writer, const gee_bytes_t *unknown) {
    if (unknown->length == 0)
        return;
    if (unknown->length > SIZE_MAX / 4 || !has_room(writer, unknown->length)) {
        writer->failed = true;
        return;
    }
    writer->at -= unknown->length;
    memcpy(writer->at, unknown->data, unknown->length);
}

static int put_fields(writer_t *writer, const gee_type_t *type, const void *value) {
    if (++writer->depth > DEEPEST)
        return too_deep(writer);
    if (type->flags & GEE_TYPE_KEEPS_UNKNOWN)
        put_unknown(writer, gee_protobuf_unknown(type, value));
    for (size_t i = type->field_count; i-- > 0;) {
        const gee_field_t *field = &type->fields[i];
        const void *member = (const char *)value + field->offset;
        int result = 0;
        if (field->flags & GEE_FIELD_ONEOF)
            result = write_member(writer, field, value);
        else if (field->flags & GEE_FIELD_REQUIRED)
            result = write_required(writer, field, value);
        else if (gee_protobuf_is_number(field->type->kind))
            write_number_field(writer, field->tag, field->type, member);
        else
            result = write_field(writer, field->tag, field->type, member);
        if (result != 0)
            return in_field(writer, field);
    }
    writer->depth--;
    return 0;
}

/* Writes the outermost message: the fields of a struct, or any other value as field 1. */
static int write_message(writer_t *writer, const gee_type_t *type, const void *value) {
    return type->kind == GEE_KIND_STRUCT ? put_fields(writer, type, value) : write_field(writer, 1, type, value);
}

static int out_of_memory(gee_error_t *error) {
    return GEE_PROTOBUF_FAIL(error, GEE_RESOURCE_EXHAUSTED, "out of memory for a message");
}

/* Gives the bytes to the chain. */
static int hand_over(writer_t *writer) {
    size_t length = length_of(writer);
    if (writer->failed)
        return out_of_memory(writer->error);
    if (writer->buf != NULL)
        return gee_chain_append_buf(writer->out, writer->buf, writer->at, length) == 0 ? 0
                                                                                       : out_of_memory(writer->error);
    memmove(writer->start, writer->at, length);
    gee_chain_commit(writer->out, length);
    return 0;
}

GEE_APART static int encode_backwards(bool lax, uint8_t *room, const gee_type_t *type, const void *value,
                                      gee_chain_t *out, gee_error_t *error) {
    gee_path_t path;
    gee_path_init(&path);
    uint8_t *end = room + gee_segment_room(out->last);
    writer_t writer = { .start = room, .at = end, .end = end, .out = out, .lax = lax, .path = &path, .error = error };
    int result = write_message(&writer, type, value);
    if (result == 0)
        result = hand_over(&writer);
    gee_buf_release(&writer.buf);
    return result == 0 ? 0 : gee_path_apply(&path, error);
}

/* ---- small messages of numbers: forwards, as no length stands before anything ---- */

static inline uint8_t *append_number(uint8_t *at, uint32_t tag, const gee_type_t *type, const void *value) {
    uint64_t bits = number_bits(type, value), key = (uint64_t)tag << 3;
    if (bits == 0)
        return at;
    if (!gee_protobuf_is_fixed(type))
        return gee_protobuf_put_varint(gee_protobuf_put_varint(at, key | GEE_WIRE_VARINT), bits);
    at = gee_protobuf_put_varint(at, key | gee_protobuf_wire(type));
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
        return out_of_memory(error);
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
