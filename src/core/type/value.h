/* value.h: a dynamic tree of values, for when no C type is at hand. The whole tree belongs to a pool. */
#ifndef GEE_TYPE_VALUE_H
#define GEE_TYPE_VALUE_H

#include "core/base/error.h"
#include "core/base/pool.h"
#include "core/type/type.h"

typedef enum gee_value_kind {
    GEE_VALUE_NULL = 0,
    GEE_VALUE_BOOL,
    GEE_VALUE_INT,  /* any integer that fits int64_t */
    GEE_VALUE_UINT, /* an integer above INT64_MAX, or any integer where a type says unsigned */
    GEE_VALUE_DOUBLE,
    GEE_VALUE_STRING, /* UTF-8 */
    GEE_VALUE_BYTES,
    GEE_VALUE_LIST,
    GEE_VALUE_STRUCT, /* named fields, in order (a JSON object too) */
    GEE_VALUE_MAP     /* string keys */
} gee_value_kind_t;

typedef struct gee_value gee_value_t;
typedef struct gee_pair {
    gee_str_t key;
    gee_value_t *value;
} gee_pair_t;

struct gee_value {
    gee_value_kind_t kind;
    gee_str_t type_name; /* struct: where the wire has one (gob); else empty */
    union {
        bool boolean;
        int64_t integer;
        uint64_t unsigned_integer;
        double number;
        gee_str_t string;
        gee_bytes_t bytes;
        struct {
            gee_value_t *items;
            size_t count;
        } list;
        struct {
            gee_pair_t *items;
            size_t count;
        } pairs; /* struct and map */
    };
};

/* Deeper values are refused wherever a value is walked without a limit of its own (cycles in memory, too). */
#define GEE_VALUE_NESTING 1000

/* From a typed value to a tree and back; the tree shares strings with the value. -1: memory, or (back) a mismatch, an
 * overflow, with the field's name in the text. A struct's missing fields stay zero, unknown fields are ignored, null
 * makes any value zero, and of two entries with one name the last wins. A tree from JSON has strings for bytes: on
 * the way back a string is taken for bytes as base64. Integers are taken for floating point; never the other way. */
int gee_value_from_type(const gee_type_t *type, const void *value, gee_pool_t *pool, gee_value_t *tree,
                        gee_error_t *error);
int gee_value_to_type(const gee_value_t *tree, const gee_type_t *type, void *value, gee_pool_t *pool,
                      gee_error_t *error);
/* The field or entry of that name (the last of several), or null. */
const gee_value_t *gee_value_get(const gee_value_t *tree, gee_str_t name);
/* Equal in meaning, which a trip through any codec keeps: 5, unsigned 5 and 5.0 are equal, NaN equals NaN, a struct
 * equals a map with the same entries in any order; type names do not count. */
bool gee_value_equal(const gee_value_t *a, const gee_value_t *b);

/* For decoders: of a map's entries with the same key only the last stays. O(n log n) without hashing, so that no
 * choice of keys makes this slow. -1: no memory in the pool, which is used for big unsorted maps only. */
int gee_map_keep_last(const gee_type_t *type, gee_list_value_t *map, gee_pool_t *pool);

#endif
