/* decode.c: protobuf's bytes into a value in memory.
 *
 *   [ key | value ] [ key | value ] ...      key = tag * 8 + wire type
 *
 * A field that comes again follows protobuf's rules: the last number or string counts, structs are merged, lists and
 * maps go on. All memory is from the pool. The items of a run are counted before room is made for them; further runs
 * double the room, so that the cost of a list is linear in its length.
 *
 * The two sets of rules (engine.h) differ where something does not fit: reader->lax is asked there, and nowhere on the
 * way of a value that fits. What reads returns the place behind the value; null: the error is set. */
#include "core/protobuf/reader.h"

#include <endian.h>
#include <string.h>

#include "core/type/key.h"

#define FIXED_AS_IN_MEMORY (__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__)

typedef gee_protobuf_reader_t reader_t;

static const uint8_t *read_field(reader_t *reader, const uint8_t *at, const uint8_t *end, uint32_t key,
                                 const gee_type_t *type, void *place);

static const char *type_name(const gee_type_t *type) {
    switch (type->kind) {
    case GEE_KIND_LIST:
        return "a list";
    case GEE_KIND_MAP:
        return "a map";
    case GEE_KIND_OPTIONAL:
        return "an optional";
    default:
        return type->name;
    }
}

static const uint8_t *in_item(const reader_t *reader, size_t index) {
    gee_path_index(reader->path, index);
    return NULL;
}

static const uint8_t *in_entry(const reader_t *reader, const gee_type_t *map, const char *entry) {
    char room[GEE_MAP_KEY_TEXT];
    gee_path_key(reader->path, gee_key_to_text(gee_type_key(map), entry, room));
    return NULL;
}

/* ---- wire types ---- */

/* The type whose wire type the values of a field have. */
static inline const gee_type_t *leaf_of(const gee_type_t *type) {
    return type->kind == GEE_KIND_LIST || type->kind == GEE_KIND_OPTIONAL ? type->element : type;
}

static inline bool fits(const gee_type_t *type, uint32_t key) {
    unsigned wire = key & 7;
    return wire == gee_protobuf_wire(leaf_of(type)) || (wire == GEE_WIRE_BYTES && type->kind == GEE_KIND_LIST);
}

static const uint8_t *wrong_wire(reader_t *reader, uint32_t key, const gee_type_t *type) {
    gee_error_set(reader->error, GEE_INVALID_ARGUMENT, "%s cannot be read from %s (wire type %u)",
                  type_name(leaf_of(type)), gee_protobuf_wire_name(key & 7), key & 7);
    return NULL;
}

/* ---- numbers ---- */

static int out_of_range(reader_t *reader, const gee_type_t *type, uint64_t number) {
    if (type->kind == GEE_KIND_BOOL)
        return GEE_PROTOBUF_FAIL(reader->error, GEE_OUT_OF_RANGE, "%llu is neither false (0) nor true (1)",
                                 (unsigned long long)number);
    if (type->kind == GEE_KIND_UINT32)
        return GEE_PROTOBUF_FAIL(reader->error, GEE_OUT_OF_RANGE, "%llu overflows uint32", (unsigned long long)number);
    if (type->form == GEE_FORM_ZIGZAG)
        number = number >> 1 ^ -(number & 1);
    return GEE_PROTOBUF_FAIL(reader->error, GEE_OUT_OF_RANGE, "%lld overflows int32", (long long)number);
}

/* Zigzag: 0, -1, 1, -2, ... are 0, 1, 2, 3, ... */
static inline int store_narrow(reader_t *reader, const gee_type_t *type, uint64_t number, void *place) {
    bool natural = type->kind == GEE_KIND_UINT32 || type->form == GEE_FORM_ZIGZAG;
    uint32_t narrow = (uint32_t)number;
    if (number != (natural ? narrow : (uint64_t)(int64_t)(int32_t)narrow) && !reader->lax)
        return out_of_range(reader, type, number);
    if (type->form == GEE_FORM_ZIGZAG)
        narrow = narrow >> 1 ^ -(narrow & 1);
    memcpy(place, &narrow, sizeof narrow);
    return 0;
}

static inline int store_varint(reader_t *reader, const gee_type_t *type, uint64_t number, void *place) {
    switch (type->kind) {
    case GEE_KIND_BOOL:
        if (number > 1 && !reader->lax)
            return out_of_range(reader, type, number);
        *(bool *)place = number != 0;
        return 0;
    case GEE_KIND_ENUM:
    case GEE_KIND_INT32:
    case GEE_KIND_UINT32:
        return store_narrow(reader, type, number, place);
    default:
        if (type->form == GEE_FORM_ZIGZAG)
            number = number >> 1 ^ -(number & 1);
        memcpy(place, &number, sizeof number);
        return 0;
    }
}

/* Numbers of fixed size, least significant byte first. */
static inline void store_fixed(size_t size, const uint8_t *bytes, void *place) {
    if (size == sizeof(uint32_t)) {
        uint32_t narrow;
        memcpy(&narrow, bytes, sizeof narrow);
        narrow = le32toh(narrow);
        memcpy(place, &narrow, sizeof narrow);
    } else {
        uint64_t wide;
        memcpy(&wide, bytes, sizeof wide);
        wide = le64toh(wide);
        memcpy(place, &wide, sizeof wide);
    }
}

GEE_ALWAYS_INLINE const uint8_t *read_number(reader_t *reader, const uint8_t *at, const uint8_t *end,
                                             const gee_type_t *type, void *place) {
    uint64_t number;
    if (!gee_protobuf_is_fixed(type)) {
        at = gee_protobuf_read_varint(reader, at, end, &number);
        return at != NULL && store_varint(reader, type, number, place) == 0 ? at : NULL;
    }
    const uint8_t *behind = gee_protobuf_skip_bytes(reader, at, end, type->size);
    if (behind != NULL)
        store_fixed(type->size, at, place);
    return behind;
}

/* Of a closed enum: numbers without a name are unknown fields. */
static inline bool is_closed(const reader_t *reader, const gee_type_t *type) {
    return type->kind == GEE_KIND_ENUM && type->flags & GEE_TYPE_CLOSED && reader->lax;
}

static bool has_name(const gee_type_t *type, int32_t number) {
    return gee_type_enum_by_number(type, number) != NULL;
}

/* Is the varint that comes a number without a name? */
GEE_APART static bool is_nameless(const reader_t *reader, const uint8_t *at, const uint8_t *end,
                                  const gee_type_t *type) {
    reader_t silent = { .lax = reader->lax };
    uint64_t number;
    return gee_protobuf_read_varint(&silent, at, end, &number) != NULL && !has_name(type, (int32_t)number);
}

/* ---- strings ---- */

/* Replaces the bytes of a string that are not UTF-8, or refuses the string. */
GEE_APART static int repair(reader_t *reader, const gee_type_t *type, gee_bytes_t *bytes) {
    if (reader->lax && type->form == GEE_FORM_UNCHECKED)
        return 0;
    if (!reader->repair)
        return GEE_PROTOBUF_FAIL(reader->error, GEE_INVALID_ARGUMENT, "the string is not valid UTF-8");
    gee_str_t text =
        gee_pool_utf8(reader->pool, (gee_str_t){ .data = (const char *)bytes->data, .length = bytes->length });
    *bytes = (gee_bytes_t){ .data = (const uint8_t *)text.data, .length = text.length };
    return text.data != NULL ? 0 : (gee_protobuf_no_memory(reader), -1);
}

static const uint8_t *read_string(reader_t *reader, const uint8_t *at, const uint8_t *end, const gee_type_t *type,
                                  void *place) {
    gee_bytes_t bytes;
    if ((at = gee_protobuf_read_length(reader, at, end, &bytes.length)) == NULL)
        return NULL;
    bytes.data = at;
    at += bytes.length;
    if (type->kind == GEE_KIND_STRING && !gee_protobuf_is_utf8(bytes) && repair(reader, type, &bytes) != 0)
        return NULL;
    if (reader->copy) {
        gee_str_t text = { .data = (const char *)bytes.data, .length = bytes.length };
        text = gee_pool_str(reader->pool, text);
        if (text.data == NULL)
            return gee_protobuf_no_memory(reader);
        bytes.data = (const uint8_t *)text.data;
    }
    *(gee_bytes_t *)place = bytes; /* gee_str_t has the same shape */
    return at;
}

/* ---- messages ---- */

/* Reads fields as long as each is the next in order and a 64-bit number below 128: most fields of small messages, in a
 * fifth of the instructions. *next is the index of the next field. Returns the place where the other fields begin. */
static inline const uint8_t *read_small(const gee_field_t *fields, size_t count, size_t *next, const uint8_t *at,
                                        const uint8_t *end, void *base) {
    if (count == 0) /* `fields` may be null then */
        return at;
    const gee_field_t *field = fields + *next, *last = fields + count;
    while (end - at >= 2 && field < last && at[0] < 0x80 && at[0] == field->tag << 3 && at[1] < 0x80 &&
           (field->type == &gee_type_of_int64_t || field->type == &gee_type_of_uint64_t) &&
           !(field->flags & GEE_FIELD_ONEOF)) {
        uint64_t number = at[1];
        memcpy((char *)base + field->offset, &number, sizeof number);
        at += 2;
        field++;
    }
    *next = (size_t)(field - fields);
    return at;
}

/* A field that the type does not know, or knows as another kind. `start`: of its key. */
GEE_APART static const uint8_t *read_unknown(reader_t *reader, const uint8_t *start, const uint8_t *at,
                                             const uint8_t *end, uint32_t key, const gee_type_t *keeper, void *base) {
    if ((at = gee_protobuf_skip_value(reader, at, end, key)) == NULL)
        return NULL;
    if (gee_protobuf_keep(keeper, base, start, (size_t)(at - start), reader->pool) != 0)
        return gee_protobuf_no_memory(reader);
    return at;
}

static const uint8_t *read_closed_list(reader_t *reader, const uint8_t *at, const uint8_t *end, uint32_t tag,
                                       const gee_type_t *element, const gee_type_t *keeper, void *base,
                                       gee_list_value_t *list);
static const uint8_t *read_closed_entry(reader_t *reader, const uint8_t *start, const uint8_t *at, const uint8_t *end,
                                        uint32_t key, const gee_type_t *type, const gee_type_t *keeper, void *base,
                                        gee_list_value_t *map);

/* A field with numbers of a closed enum: those without a name go to the unknown fields. */
GEE_APART static const uint8_t *read_closed(reader_t *reader, const uint8_t *start, const uint8_t *at,
                                            const uint8_t *end, uint32_t key, const gee_field_t *field,
                                            const gee_type_t *keeper, void *base) {
    const gee_type_t *type = field->type, *leaf = leaf_of(type);
    void *place = (char *)base + field->offset;
    if (type->kind == GEE_KIND_MAP)
        return read_closed_entry(reader, start, at, end, key, type, keeper, base, place);
    if (type->kind == GEE_KIND_LIST && (key & 7) == GEE_WIRE_BYTES)
        return read_closed_list(reader, at, end, field->tag, leaf, keeper, base, place);
    if (is_nameless(reader, at, end, leaf))
        return read_unknown(reader, start, at, end, key, keeper, base);
    return read_field(reader, at, end, key, type, gee_field_choose(field, base));
}

static inline bool has_closed(const reader_t *reader, const gee_type_t *type) {
    return is_closed(reader, type->kind == GEE_KIND_MAP ? type->element : leaf_of(type));
}

/* Reads the fields of one message up to its end. Fields that do not come stay as they are, so that a second message is
 * merged. `keeper`: the struct's type; null: unknown fields are dropped. */
static const uint8_t *read_message(reader_t *reader, const uint8_t *at, const uint8_t *end,
                                   gee_protobuf_fields_t *fields, const gee_type_t *keeper, void *base) {
    at = read_small(fields->fields, fields->count, &fields->next, at, end, base);
    while (at < end) {
        uint32_t key;
        const gee_field_t *field;
        const uint8_t *start = at;
        if ((at = gee_protobuf_read_key(reader, at, end, &key)) == NULL)
            return NULL;
        if (gee_protobuf_find(fields, key >> 3, &reader->indices, reader->pool, &field) != 0)
            return gee_protobuf_no_memory(reader);
        if (field == NULL)
            at = read_unknown(reader, start, at, end, key, keeper, base);
        else if (!fits(field->type, key))
            at = reader->lax ? read_unknown(reader, start, at, end, key, keeper, base)
                             : wrong_wire(reader, key, field->type);
        else if (has_closed(reader, field->type))
            at = read_closed(reader, start, at, end, key, field, keeper, base);
        else if (gee_protobuf_is_number(field->type->kind))
            at = read_number(reader, at, end, field->type, gee_field_choose(field, base));
        else if (field->type->kind <= GEE_KIND_BYTES)
            at = read_string(reader, at, end, field->type, gee_field_choose(field, base));
        else
            at = read_field(reader, at, end, key, field->type, gee_field_choose(field, base));
        if (at == NULL)
            return field != NULL ? gee_protobuf_in_field(reader, field) : NULL;
    }
    return at;
}

static const uint8_t *read_struct(reader_t *reader, const uint8_t *at, const uint8_t *end, const gee_type_t *type,
                                  void *place) {
    if (gee_protobuf_enter(reader) != 0)
        return NULL;
    gee_protobuf_fields_t fields = gee_protobuf_fields_of(type);
    reader->verify |= (type->flags & GEE_TYPE_REQUIRED) != 0;
    at = read_message(reader, at, end, &fields, type, place);
    gee_protobuf_leave(reader);
    return at;
}

/* Reads a message with the value as field 1. */
static const uint8_t *read_wrapped(reader_t *reader, const uint8_t *at, const uint8_t *end, const gee_type_t *type,
                                   void *place) {
    const gee_field_t field = { .name = "", .tag = 1, .type = type };
    gee_protobuf_fields_t fields = { .fields = &field, .count = 1 };
    return read_message(reader, at, end, &fields, NULL, place);
}

/* Reads an item of a list, a value of a map, or the content of an optional. */
static inline const uint8_t *read_element(reader_t *reader, const uint8_t *at, const uint8_t *end, uint32_t key,
                                          const gee_type_t *type, void *place) {
    size_t length;
    if (!gee_protobuf_is_wrapped(type->kind))
        return read_field(reader, at, end, key, type, place);
    if ((at = gee_protobuf_read_length(reader, at, end, &length)) == NULL)
        return NULL;
    bool level = reader->lax || type->kind == GEE_KIND_OPTIONAL;
    if (level && gee_protobuf_enter(reader) != 0)
        return NULL;
    at = read_wrapped(reader, at, at + length, type, place);
    reader->depth -= level;
    return at;
}

static const uint8_t *read_optional(reader_t *reader, const uint8_t *at, const uint8_t *end, uint32_t key,
                                    const gee_type_t *type, void *place) {
    void **present = place;
    if (*present == NULL && (*present = gee_pool_zalloc(reader->pool, type->element->size)) == NULL)
        return gee_protobuf_no_memory(reader);
    return read_element(reader, at, end, key, type->element, *present);
}

/* ---- lists ---- */

/* Makes room for `wanted` more items, zeroed. */
static int grow(reader_t *reader, gee_list_value_t *list, size_t item_size, size_t wanted) {
    gee_protobuf_store_t *old = list->items ? gee_protobuf_store(list) : NULL, *store;
    size_t capacity, size;
    if (__builtin_add_overflow(list->count, wanted, &capacity))
        return (gee_protobuf_no_memory(reader), -1);
    if (old != NULL && capacity < 2 * old->capacity)
        capacity = 2 * old->capacity;
    if (__builtin_mul_overflow(capacity, item_size, &size) ||
        __builtin_add_overflow(size, GEE_PROTOBUF_STORE_SIZE, &size) ||
        (store = gee_pool_zalloc(reader->pool, size)) == NULL)
        return (gee_protobuf_no_memory(reader), -1);
    store->capacity = capacity;
    store->keys = old ? old->keys : NULL;
    char *items = (char *)store + GEE_PROTOBUF_STORE_SIZE;
    if (list->count > 0)
        memcpy(items, list->items, list->count * item_size);
    list->items = items;
    return 0;
}

/* Counts the values with this key that follow each other, the value at `at` being the first. A malformed value ends
 * the count; reading it reports the error. */
static size_t run_length(const reader_t *reader, const uint8_t *at, const uint8_t *end, uint32_t key) {
    reader_t silent = { .nesting = reader->nesting, .depth = reader->depth, .lax = reader->lax };
    uint32_t next = key;
    size_t count = 0;
    while (next == key && (at = gee_protobuf_skip_value(&silent, at, end, key)) != NULL) {
        count++;
        if (at == end || (at = gee_protobuf_read_key(&silent, at, end, &next)) == NULL)
            break;
    }
    return count > 0 ? count : 1;
}

static inline int room_for_run(reader_t *reader, gee_list_value_t *list, size_t item_size, const uint8_t *at,
                               const uint8_t *end, uint32_t key) {
    if (list->items != NULL && list->count < gee_protobuf_store(list)->capacity)
        return 0;
    return grow(reader, list, item_size, run_length(reader, at, end, key));
}

static size_t packed_count(const uint8_t *at, size_t length, const gee_type_t *element) {
    size_t count = 0;
    if (gee_protobuf_is_fixed(element))
        return length / element->size;
    size_t i = 0;
    for (; i + sizeof(uint64_t) <= length; i += sizeof(uint64_t)) /* the top bits of eight bytes, added */
        count += (size_t)((~gee_load_8(at + i) >> 7 & 0x0101010101010101u) * 0x0101010101010101u >> 56);
    for (; i < length; i++)
        count += at[i] < 0x80; /* the last byte of a varint */
    return count;
}

/* Room for the numbers in `length` bytes. */
static int room_for_packed(reader_t *reader, const uint8_t *at, size_t length, const gee_type_t *element,
                           gee_list_value_t *list) {
    size_t more = packed_count(at, length, element);
    if (more == 0)
        return length == 0 ? 0 : (gee_protobuf_truncated(reader), -1);
    if (list->items != NULL && gee_protobuf_store(list)->capacity - list->count >= more)
        return 0;
    return grow(reader, list, element->size, more);
}

static const uint8_t *read_packed(reader_t *reader, const uint8_t *at, const uint8_t *end, const gee_type_t *element,
                                  gee_list_value_t *list) {
    size_t length;
    if ((at = gee_protobuf_read_length(reader, at, end, &length)) == NULL ||
        room_for_packed(reader, at, length, element, list) != 0)
        return NULL;
    if (length == 0)
        return at; /* there may be no items yet */
    char *place = (char *)list->items + list->count * element->size;
    if (FIXED_AS_IN_MEMORY && gee_protobuf_is_fixed(element) && length % element->size == 0 && length > 0) {
        memcpy(place, at, length);
        list->count += length / element->size;
        return at + length;
    }
    for (end = at + length; at < end; place += element->size) {
        /* When the last varint has no end, the count is too low by one; the read fails before the value is stored. */
        if ((at = read_number(reader, at, end, element, place)) == NULL)
            return in_item(reader, list->count);
        list->count++;
    }
    return at;
}

/* Packed numbers of a closed enum. */
static const uint8_t *read_closed_list(reader_t *reader, const uint8_t *at, const uint8_t *end, uint32_t tag,
                                       const gee_type_t *element, const gee_type_t *keeper, void *base,
                                       gee_list_value_t *list) {
    uint8_t field[2 * GEE_PROTOBUF_VARINT_LONGEST], *behind_key = gee_protobuf_put_varint(field, (uint64_t)tag << 3);
    size_t length;
    if ((at = gee_protobuf_read_length(reader, at, end, &length)) == NULL ||
        room_for_packed(reader, at, length, element, list) != 0)
        return NULL;
    for (end = at + length; at < end;) {
        uint64_t number;
        if ((at = gee_protobuf_read_varint(reader, at, end, &number)) == NULL)
            return in_item(reader, list->count);
        size_t size = (size_t)(gee_protobuf_put_varint(behind_key, number) - field);
        if (has_name(element, (int32_t)number))
            ((int32_t *)list->items)[list->count++] = (int32_t)number;
        else if (gee_protobuf_keep(keeper, base, field, size, reader->pool) != 0)
            return gee_protobuf_no_memory(reader);
    }
    return at;
}

/* Passes the key of the next value of a run, where keys have one byte. */
static inline bool goes_on(const uint8_t **at, const uint8_t *end, uint32_t key) {
    if (key >= 0x80 || *at >= end || **at != key)
        return false;
    ++*at;
    return true;
}

static const uint8_t *read_list(reader_t *reader, const uint8_t *at, const uint8_t *end, uint32_t key,
                                const gee_type_t *type, gee_list_value_t *list) {
    const gee_type_t *element = type->element;
    if (!reader->lax && gee_protobuf_enter(reader) != 0)
        return NULL;
    if (gee_protobuf_is_number(element->kind) && (key & 7) == GEE_WIRE_BYTES) {
        at = read_packed(reader, at, end, element, list);
    } else {
        do {
            if (room_for_run(reader, list, element->size, at, end, key) != 0)
                return NULL;
            at = read_element(reader, at, end, key, element, (char *)list->items + list->count * element->size);
            if (at == NULL)
                return in_item(reader, list->count);
            list->count++;
        } while (!is_closed(reader, element) && goes_on(&at, end, key));
    }
    reader->verify |= type->length != 0;
    reader->depth -= !reader->lax;
    return at;
}

/* ---- maps ---- */

static const uint8_t *read_entry_field(reader_t *reader, const uint8_t *at, const uint8_t *end, uint32_t key,
                                       const gee_type_t *type, char *entry) {
    uint32_t tag = key >> 3;
    const gee_type_t *side = tag == 1 ? gee_type_key(type) : type->element;
    if (tag > 2)
        return gee_protobuf_skip_value(reader, at, end, key);
    if ((key & 7) != gee_protobuf_wire(side))
        return reader->lax ? gee_protobuf_skip_value(reader, at, end, key) : wrong_wire(reader, key, side);
    return read_element(reader, at, end, key, side, tag == 1 ? entry : entry + type->value_offset);
}

/* Reads an entry into the place behind the map's last entry. */
static const uint8_t *read_entry_fields(reader_t *reader, const uint8_t *at, const uint8_t *end, const gee_type_t *type,
                                        char *entry) {
    while (at < end) {
        uint32_t key;
        if ((at = gee_protobuf_read_key(reader, at, end, &key)) == NULL)
            return NULL;
        if ((at = read_entry_field(reader, at, end, key, type, entry)) == NULL)
            return in_entry(reader, type, entry);
    }
    return at;
}

static const uint8_t *read_entry(reader_t *reader, const uint8_t *at, const uint8_t *end, uint32_t key,
                                 const gee_type_t *type, gee_list_value_t *map) {
    size_t length;
    if (gee_protobuf_enter(reader) != 0 || room_for_run(reader, map, type->entry_size, at, end, key) != 0 ||
        (at = gee_protobuf_read_length(reader, at, end, &length)) == NULL ||
        (at = read_entry_fields(reader, at, at + length, type, (char *)map->items + map->count * type->entry_size)) ==
            NULL)
        return NULL;
    gee_protobuf_leave(reader);
    return at;
}

static const uint8_t *add_entry(reader_t *reader, const uint8_t *at, const gee_type_t *type, gee_list_value_t *map) {
    if (at == NULL)
        return NULL;
    return gee_protobuf_map_add(map, type, reader->pool) == 0 ? at : gee_protobuf_no_memory(reader);
}

/* An entry whose value is a number of a closed enum. `start`: of the field's key. */
static const uint8_t *read_closed_entry(reader_t *reader, const uint8_t *start, const uint8_t *at, const uint8_t *end,
                                        uint32_t key, const gee_type_t *type, const gee_type_t *keeper, void *base,
                                        gee_list_value_t *map) {
    if ((at = read_entry(reader, at, end, key, type, map)) == NULL)
        return NULL;
    char *entry = (char *)map->items + map->count * type->entry_size;
    if (has_name(type->element, *(const int32_t *)(const void *)(entry + type->value_offset)))
        return add_entry(reader, at, type, map);
    memset(entry, 0, type->entry_size);
    if (gee_protobuf_keep(keeper, base, start, (size_t)(at - start), reader->pool) != 0)
        return gee_protobuf_no_memory(reader);
    return at;
}

/* ---- a field of a message ---- */

static const uint8_t *read_field(reader_t *reader, const uint8_t *at, const uint8_t *end, uint32_t key,
                                 const gee_type_t *type, void *place) {
    size_t length;
    if (gee_protobuf_is_number(type->kind))
        return read_number(reader, at, end, type, place);
    switch (type->kind) {
    case GEE_KIND_STRING:
    case GEE_KIND_BYTES:
        return read_string(reader, at, end, type, place);
    case GEE_KIND_STRUCT:
        at = gee_protobuf_read_length(reader, at, end, &length);
        return at != NULL ? read_struct(reader, at, at + length, type, place) : NULL;
    case GEE_KIND_LIST:
        return read_list(reader, at, end, key, type, place);
    case GEE_KIND_MAP:
        return add_entry(reader, read_entry(reader, at, end, key, type, place), type, place);
    default:
        return read_optional(reader, at, end, key, type, place);
    }
}

/* `next`: the first field that has not been read yet, of a struct. */
static int decode(const gee_type_t *type, const uint8_t *at, const uint8_t *end, size_t next, reader_t *reader,
                  void *value) {
    gee_protobuf_fields_t fields = gee_protobuf_fields_of(type);
    fields.next = next;
    if (type->kind == GEE_KIND_STRUCT) {
        reader->verify = (type->flags & GEE_TYPE_REQUIRED) != 0;
        if (!reader->lax && gee_protobuf_enter(reader) != 0)
            return -1;
        if (read_message(reader, at, end, &fields, type, value) == NULL)
            return -1;
    } else if (read_wrapped(reader, at, end, type, value) == NULL) {
        return -1;
    }
    return reader->verify ? gee_protobuf_verify(type, value, reader->lax, reader->path, reader->error) : 0;
}

GEE_APART static int decode_whole(const gee_type_t *type, const uint8_t *at, const uint8_t *end, size_t next,
                                  const gee_codec_limits_t *limits, bool lax, bool copy, gee_pool_t *pool, void *value,
                                  gee_error_t *error) {
    gee_path_t path;
    reader_t reader = gee_protobuf_reader(limits, lax, &path, error);
    reader.pool = pool;
    reader.copy = copy;
    return decode(type, at, end, next, &reader, value) == 0 ? 0 : gee_path_apply(&path, error);
}

static int over_limit(size_t length, const gee_codec_limits_t *limits, gee_error_t *error) {
    return GEE_PROTOBUF_FAIL(error, GEE_RESOURCE_EXHAUSTED, "a message of %zu bytes is over %s = %zu", length,
                             gee_message_limit_name(limits), limits->message);
}

GEE_ALWAYS_INLINE int decode_by(bool lax, const gee_type_t *type, const uint8_t *bytes, size_t length,
                                const gee_codec_limits_t *limits, bool copy, gee_pool_t *pool, void *value,
                                gee_error_t *error) {
    static const uint8_t nothing[1];
    if (limits->message != 0 && length > limits->message)
        return over_limit(length, limits, error);
    size_t next = 0;
    if (length == 0) { /* `bytes` may be null then */
        if (!(lax && type->flags & GEE_TYPE_REQUIRED))
            return 0;
        bytes = nothing;
    }
    const uint8_t *at = bytes, *end = bytes + length;
    if (type->kind == GEE_KIND_STRUCT && limits->nesting > 0 && !(lax && type->flags & GEE_TYPE_REQUIRED)) {
        at = read_small(type->fields, type->field_count, &next, at, end, value);
        if (at == end) /* most small messages end here, and need no reader */
            return 0;
    }
    return decode_whole(type, at, end, next, limits, lax, copy, pool, value, error);
}

int gee_protobuf_strict_decode(void *state GEE_UNUSED, const gee_type_t *type, const uint8_t *bytes, size_t length,
                               const gee_codec_limits_t *limits, bool copy, gee_pool_t *pool, void *value,
                               gee_error_t *error) {
    return decode_by(false, type, bytes, length, limits, copy, pool, value, error);
}

int gee_protobuf_lax_decode(void *state GEE_UNUSED, const gee_type_t *type, const uint8_t *bytes, size_t length,
                            const gee_codec_limits_t *limits, bool copy, gee_pool_t *pool, void *value,
                            gee_error_t *error) {
    return decode_by(true, type, bytes, length, limits, copy, pool, value, error);
}
