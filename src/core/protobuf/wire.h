/* wire.h: what the parts of the engine share.
 *
 *   encode.c   value -> bytes          decode.c   bytes -> value         check.c  bytes that go on undecoded
 *   lookup.c   tag -> field            map.c      entries of a map, each key once
 *   unknown.c  fields to be kept       verify.c   what can only be said of a whole value
 *   reader.h   keys, lengths           engine.h   what others see */
#ifndef GEE_PROTOBUF_WIRE_H
#define GEE_PROTOBUF_WIRE_H

#include "core/base/defs.h"
#include "core/base/short_bytes.h"
#include "core/protobuf/engine.h"
#include "core/type/path.h"

/* Protobuf's wire types. The rules of `bin` refuse groups. */
enum {
    GEE_WIRE_VARINT = 0,
    GEE_WIRE_FIXED64 = 1,
    GEE_WIRE_BYTES = 2,
    GEE_WIRE_GROUP = 3,
    GEE_WIRE_GROUP_END = 4,
    GEE_WIRE_FIXED32 = 5
};

#define GEE_PROTOBUF_VARINT_LONGEST 10

/* True for the kinds that a packed list may hold. */
static inline bool gee_protobuf_is_number(gee_kind_t kind) {
    return kind >= GEE_KIND_BOOL && kind <= GEE_KIND_DOUBLE;
}
/* True for the kinds that protobuf has only as fields. Inside a list, a map or an optional, a value of such a kind is
 * field 1 of a message that wraps the value. */
static inline bool gee_protobuf_is_wrapped(gee_kind_t kind) {
    return kind >= GEE_KIND_LIST;
}
/* Of a number: its bytes in memory are its bytes on the wire, least significant first. */
static inline bool gee_protobuf_is_fixed(const gee_type_t *number) {
    return number->kind >= GEE_KIND_FLOAT || number->form == GEE_FORM_FIXED;
}
static inline unsigned gee_protobuf_wire(const gee_type_t *type) {
    if (!gee_protobuf_is_number(type->kind))
        return GEE_WIRE_BYTES;
    if (!gee_protobuf_is_fixed(type))
        return GEE_WIRE_VARINT;
    return type->size == sizeof(uint32_t) ? GEE_WIRE_FIXED32 : GEE_WIRE_FIXED64;
}
static inline gee_bytes_t *gee_protobuf_unknown(const gee_type_t *keeper, const void *base) {
    return (gee_bytes_t *)(void *)((char *)(uintptr_t)base + keeper->unknown_offset);
}

static inline size_t gee_protobuf_varint_size(uint64_t number) {
    unsigned highest = 63 - (unsigned)__builtin_clzll(number | 1);
    return (highest * 9 + 73) / 64; /* one byte for each 7 bits begun */
}
/* Returns the end. */
static inline uint8_t *gee_protobuf_put_varint(uint8_t *at, uint64_t number) {
    for (; number >= 0x80; number >>= 7)
        *at++ = (uint8_t)(number | 0x80);
    *at++ = (uint8_t)number;
    return at;
}

/* Mostly texts are ASCII. */
static inline bool gee_protobuf_is_utf8(gee_bytes_t text) {
    return gee_is_short_ascii(text.data, text.length) || gee_utf8_valid(text.data, text.length);
}

/* Sets the error and is -1, so that the compiler sees the result, too. */
#define GEE_PROTOBUF_FAIL(...) (gee_error_set(__VA_ARGS__), -1)

/* ---- lookup.c ---- */
#define GEE_PROTOBUF_FEW 32 /* a struct of up to so many fields is searched from end to end */

typedef struct gee_protobuf_index gee_protobuf_index_t;

/* The fields in which those of a message are looked up. When a message begins, all but the first two members are
 * zero. */
typedef struct gee_protobuf_fields {
    const gee_field_t *fields;
    size_t count;
    size_t next; /* the field behind the last one found: in most messages the next to come */
    const gee_protobuf_index_t *index;
} gee_protobuf_fields_t;

/* The indices of one decoding, in the pool: an index is made when the fields of a large struct come out of order. */
typedef struct gee_protobuf_indices {
    gee_protobuf_index_t *first;
} gee_protobuf_indices_t;

/* The slow half of gee_protobuf_find(). Sets *found to null for an unknown tag. -1: out of memory. */
int gee_protobuf_search(gee_protobuf_fields_t *fields, uint32_t tag, gee_protobuf_indices_t *indices, gee_pool_t *pool,
                        const gee_field_t **found);

static inline int gee_protobuf_find(gee_protobuf_fields_t *fields, uint32_t tag, gee_protobuf_indices_t *indices,
                                    gee_pool_t *pool, const gee_field_t **found) {
    size_t next = fields->next;
    if (next < fields->count && fields->fields[next].tag == tag) {
        fields->next = next + 1;
        *found = &fields->fields[next];
        return 0;
    }
    return gee_protobuf_search(fields, tag, indices, pool, found);
}

/* ---- map.c: the block before the items of each list and map that the decoder makes ---- */
typedef struct gee_protobuf_keys gee_protobuf_keys_t;
typedef struct gee_protobuf_store {
    size_t capacity; /* items for which there is room */
    gee_protobuf_keys_t *keys;
} gee_protobuf_store_t;
_Static_assert(sizeof(gee_protobuf_store_t) <= 16, "items behind the store stay aligned");
#define GEE_PROTOBUF_STORE_SIZE 16

static inline gee_protobuf_store_t *gee_protobuf_store(const gee_list_value_t *list) {
    return (gee_protobuf_store_t *)(void *)((char *)list->items - GEE_PROTOBUF_STORE_SIZE);
}

/* Precondition: the entry at map->items[map->count] is complete. Counts the entry or, when the map has its key already,
 * gives its value to the older entry. -1: out of memory. */
int gee_protobuf_map_add(gee_list_value_t *map, const gee_type_t *type, gee_pool_t *pool);

/* ---- unknown.c ---- */
/* Appends to the unknown fields of the struct at `base`, if `keeper` has a place for them. Linear in all bytes that are
 * kept. -1: out of memory. */
int gee_protobuf_keep(const gee_type_t *keeper, void *base, const uint8_t *bytes, size_t length, gee_pool_t *pool);

/* ---- verify.c ---- */
/* What a message that may come in parts, or its fields, can only be asked when it is whole: required fields are there
 * (with `required`), lists of fixed length are full. */
int gee_protobuf_verify(const gee_type_t *type, const void *value, bool required, gee_path_t *path, gee_error_t *error);

#endif
