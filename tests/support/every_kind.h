/* every_kind.h: a type with everything in it that a field can be, for the tests of codecs. (Where the other side's
 * program says what the fields are, as in codec_bin_fixture.h and codec_gob_go_test.c, tests have their own.) */
#ifndef TEST_SUPPORT_EVERY_KIND_H
#define TEST_SUPPORT_EVERY_KIND_H

#include <gee.h>

GEE_LIST_TYPE(bool);
GEE_LIST_TYPE(int64_t);
GEE_LIST_TYPE(double);
GEE_LIST_TYPE(gee_str_t);
GEE_LIST_TYPE(gee_bytes_t);
GEE_MAP_TYPE(int64_t);
GEE_OPTIONAL_TYPE(int64_t);
GEE_OPTIONAL_TYPE(gee_str_t);

typedef GEE_LIST_OF(double) row_t;
GEE_LIST_TYPE_AS(row_t, double);
GEE_LIST_TYPE(row_t);

typedef struct {
    gee_str_t name;
    int32_t count;
    GEE_LIST_OF(int64_t) sizes;
} item_t;
GEE_STRUCT(item_t, "Item", GEE_STRING(item_t, name, "Name", 1), GEE_INT32(item_t, count, "Count", 2),
           GEE_LIST(item_t, sizes, "Sizes", 3, int64_t, gee_list_of_int64_t));
GEE_LIST_TYPE(item_t);
GEE_MAP_TYPE(item_t);
GEE_OPTIONAL_TYPE(item_t);

typedef struct {
    bool flag;
    int32_t i32;
    int64_t i64;
    uint32_t u32;
    uint64_t u64;
    float f;
    double d;
    gee_str_t s;
    gee_bytes_t data;
    item_t item;
    GEE_LIST_OF(bool) flags;
    GEE_LIST_OF(double) numbers;
    GEE_LIST_OF(gee_str_t) names;
    GEE_LIST_OF(gee_bytes_t) blobs;
    GEE_LIST_OF(item_t) items;
    GEE_LIST_OF(row_t) matrix;
    GEE_MAP_OF(int64_t) prices;
    GEE_MAP_OF(item_t) stock;
    GEE_OPTIONAL_OF(int64_t) maybe;
    GEE_OPTIONAL_OF(gee_str_t) note;
    GEE_OPTIONAL_OF(item_t) other;
} all_t;
GEE_STRUCT(all_t, "All", GEE_BOOL(all_t, flag, "Flag", 1), GEE_INT32(all_t, i32, "I32", 2),
           GEE_INT64(all_t, i64, "I64", 3), GEE_UINT32(all_t, u32, "U32", 4), GEE_UINT64(all_t, u64, "U64", 5),
           GEE_FLOAT(all_t, f, "F", 6), GEE_DOUBLE(all_t, d, "D", 7), GEE_STRING(all_t, s, "S", 8),
           GEE_BYTES(all_t, data, "Data", 9), GEE_NESTED(all_t, item, "Item", 10, item_t),
           GEE_LIST(all_t, flags, "Flags", 11, bool, gee_list_of_bool),
           GEE_LIST(all_t, numbers, "Numbers", 12, double, gee_list_of_double),
           GEE_LIST(all_t, names, "Names", 13, gee_str_t, gee_list_of_gee_str_t),
           GEE_LIST(all_t, blobs, "Blobs", 14, gee_bytes_t, gee_list_of_gee_bytes_t),
           GEE_LIST(all_t, items, "Items", 15, item_t, gee_list_of_item_t),
           GEE_LIST(all_t, matrix, "Matrix", 16, row_t, gee_list_of_row_t),
           GEE_MAP(all_t, prices, "Prices", 17, int64_t, gee_map_of_int64_t),
           GEE_MAP(all_t, stock, "Stock", 18, item_t, gee_map_of_item_t),
           GEE_OPTIONAL(all_t, maybe, "Maybe", 19, int64_t, gee_optional_of_int64_t),
           GEE_OPTIONAL(all_t, note, "Note", 20, gee_str_t, gee_optional_of_gee_str_t),
           GEE_OPTIONAL(all_t, other, "Other", 536870911, item_t, gee_optional_of_item_t)); /* the greatest tag */

#endif
