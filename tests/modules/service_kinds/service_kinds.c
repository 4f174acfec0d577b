/* service_kinds.c: echoes values of every kind, the same that tests/interop/go/services.go has in Go. */
#include <gee/service.h>

typedef struct item {
    gee_str_t name;
    int64_t count;
} item_t;
GEE_STRUCT(item_t, "Item", GEE_STRING(item_t, name, "Name", 1), GEE_INT64(item_t, count, "Count", 2));

typedef GEE_LIST_OF(double) row_t;
typedef GEE_LIST_OF(int64_t) numbers_t;
typedef GEE_MAP_OF(int64_t) counts_t;
GEE_LIST_TYPE_AS(row_t, double);
GEE_LIST_TYPE_AS(numbers_t, int64_t);
GEE_MAP_TYPE_AS(counts_t, int64_t);
GEE_LIST_TYPE(row_t);
GEE_LIST_TYPE(int64_t);
GEE_LIST_TYPE(gee_str_t);
GEE_LIST_TYPE(item_t);
GEE_MAP_TYPE(int64_t);
GEE_MAP_TYPE(item_t);
GEE_OPTIONAL_TYPE(item_t);

typedef struct everything {
    bool flag;
    int64_t integer;
    int32_t small;
    uint64_t uint;
    uint32_t word;
    double number;
    float half;
    gee_str_t text;
    gee_bytes_t bytes;
    GEE_LIST_OF(int64_t) numbers;
    GEE_LIST_OF(gee_str_t) texts;
    GEE_LIST_OF(item_t) items;
    GEE_LIST_OF(row_t) rows;
    GEE_MAP_OF(int64_t) counts;
    GEE_MAP_OF(item_t) named;
    item_t inner;
    item_t *maybe;
} everything_t;
GEE_STRUCT(everything_t, "Everything", GEE_BOOL(everything_t, flag, "Flag", 1),
           GEE_INT64(everything_t, integer, "Int", 2), GEE_INT32(everything_t, small, "Small", 3),
           GEE_UINT64(everything_t, uint, "Uint", 4), GEE_UINT32(everything_t, word, "Word", 5),
           GEE_DOUBLE(everything_t, number, "Double", 6), GEE_FLOAT(everything_t, half, "Float", 7),
           GEE_STRING(everything_t, text, "Text", 8), GEE_BYTES(everything_t, bytes, "Bytes", 9),
           GEE_LIST(everything_t, numbers, "Numbers", 10, int64_t, gee_list_of_int64_t),
           GEE_LIST(everything_t, texts, "Texts", 11, gee_str_t, gee_list_of_gee_str_t),
           GEE_LIST(everything_t, items, "Items", 12, item_t, gee_list_of_item_t),
           GEE_LIST(everything_t, rows, "Rows", 13, row_t, gee_list_of_row_t),
           GEE_MAP(everything_t, counts, "Counts", 14, int64_t, gee_map_of_int64_t),
           GEE_MAP(everything_t, named, "Named", 15, item_t, gee_map_of_item_t),
           GEE_NESTED(everything_t, inner, "Inner", 16, item_t),
           GEE_OPTIONAL(everything_t, maybe, "Maybe", 17, item_t, gee_optional_of_item_t));

/* Arguments live until the handler finishes, and with them the reply that points into them: the reply is written
 * then. */
static void echo(gee_call_t *call, const everything_t *everything, everything_t *reply) {
    *reply = *everything;
    gee_reply(call);
}
static void echo_text(gee_call_t *call, const gee_str_t *text, gee_str_t *reply) {
    *reply = *text;
    gee_reply(call);
}
static void echo_numbers(gee_call_t *call, const numbers_t *numbers, numbers_t *reply) {
    *reply = *numbers;
    gee_reply(call);
}
static void echo_counts(gee_call_t *call, const counts_t *counts, counts_t *reply) {
    *reply = *counts;
    gee_reply(call);
}

GEE_SERVICE(service_kinds, "Kinds", GEE_METHOD("Echo", echo, everything_t, everything_t, GEE_IDEMPOTENT),
            GEE_METHOD("Text", echo_text, gee_str_t, gee_str_t, GEE_IDEMPOTENT),
            GEE_METHOD("Numbers", echo_numbers, numbers_t, numbers_t, GEE_IDEMPOTENT),
            GEE_METHOD("Counts", echo_counts, counts_t, counts_t, GEE_IDEMPOTENT));
