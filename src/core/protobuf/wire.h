/* wire.h: what the parts of the engine share.
 *
 *   encode.c   value -> bytes          decode.c  bytes -> value          check.c  bytes that go on undecoded
 *   lookup.c   tag -> field            map.c     entries of a map, each key once
 *   reader.h   keys, lengths           engine.h  what others see */
#ifndef GEE_PROTOBUF_WIRE_H
#define GEE_PROTOBUF_WIRE_H

#include "core/base/defs.h"
#include "core/protobuf/engine.h"
#include "core/type/path.h"

/* Protobuf's wire types. The types 3 and 4 began and ended groups; the codec refuses both. */
enum { GEE_WIRE_VARINT = 0, GEE_WIRE_FIXED64 = 1, GEE_WIRE_BYTES = 2, GEE_WIRE_FIXED32 = 5 };

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
static inline unsigned gee_protobuf_wire(gee_kind_t kind) {
    if (kind == GEE_KIND_DOUBLE)
        return GEE_WIRE_FIXED64;
    if (kind == GEE_KIND_FLOAT)
        return GEE_WIRE_FIXED32;
    return kind <= GEE_KIND_UINT64 ? GEE_WIRE_VARINT : GEE_WIRE_BYTES;
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

#endif
