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
typedef enum color { COLOR_RED, COLOR_GREEN = 5, COLOR_FAR = -2000000000 } color_t;
GEE_ENUM_TYPE(color_t, "Color", 0, { "FAR", COLOR_FAR }, { "RED", COLOR_RED }, { "GREEN", COLOR_GREEN });
GEE_KEYED_MAP_TYPE(int64_t, gee_str_t);
GEE_KEYED_MAP_TYPE(uint32_t, item_t);
GEE_KEYED_MAP_TYPE(bool, color_t);
GEE_ARRAY_TYPE(double, 3);
GEE_ARRAY_TYPE(item_t, 2);

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
    color_t color;
    GEE_KEYED_MAP_OF(int64_t, gee_str_t) by_number;
    GEE_KEYED_MAP_OF(uint32_t, item_t) by_word;
    GEE_KEYED_MAP_OF(bool, color_t) by_flag;
    GEE_LIST_OF(double) point;
    GEE_LIST_OF(item_t) pair;
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
           GEE_OPTIONAL(everything_t, maybe, "Maybe", 17, item_t, gee_optional_of_item_t),
           GEE_ENUM(everything_t, color, "Color", 18, color_t),
           GEE_KEYED_MAP(everything_t, by_number, "ByNumber", 19, int64_t, gee_str_t, gee_map_of_int64_t_to_gee_str_t),
           GEE_KEYED_MAP(everything_t, by_word, "ByWord", 20, uint32_t, item_t, gee_map_of_uint32_t_to_item_t),
           GEE_KEYED_MAP(everything_t, by_flag, "ByFlag", 21, bool, color_t, gee_map_of_bool_to_color_t),
           GEE_LIST(everything_t, point, "Point", 22, double, gee_array_of_3_double),
           GEE_LIST(everything_t, pair, "Pair", 23, item_t, gee_array_of_2_item_t));

/* As made from a .proto: with a full name, the names of the .proto, a oneof. */
typedef struct choice {
    gee_str_t first_name;
    int64_t line_2;
    uint32_t which;
    union {
        int64_t number;
        gee_str_t text;
        item_t *item;
    } is;
} choice_t;
static const gee_field_t gee_fields_of_choice_t[] = {
    GEE_STRING(choice_t, first_name, "first_name", 1),
    GEE_INT64(choice_t, line_2, "line_2", 2),
    GEE_ONEOF(choice_t, which, is.number, "number", 3, int64_t),
    GEE_ONEOF(choice_t, which, is.text, "string", 4, gee_str_t),
    GEE_ONEOF_OPTIONAL(choice_t, which, is.item, "_item", 5, item_t, gee_optional_of_item_t),
};
static const gee_type_t gee_type_of_choice_t =
    GEE_STRUCT_INITIALISER(choice_t, "Choice", "test.Choice", 0, GEE_WELL_KNOWN_NONE, 0, gee_fields_of_choice_t,
                           sizeof(gee_fields_of_choice_t) / sizeof(gee_field_t));

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
/* Of a choice in which nothing is set, the member of that name comes back, zero. */
static void choose(gee_call_t *call, const choice_t *choice, choice_t *reply) {
    *reply = *choice;
    for (size_t i = 0; reply->which == 0 && i < GEE_TYPE_OF(choice_t)->field_count; i++) {
        const gee_field_t *field = &gee_fields_of_choice_t[i];
        if (field->flags & GEE_FIELD_ONEOF && gee_str_equal(gee_field_name(field), choice->first_name))
            gee_field_choose(field, reply);
    }
    gee_reply(call);
}

GEE_SERVICE(service_kinds, "Kinds", GEE_METHOD("Echo", echo, everything_t, everything_t, GEE_IDEMPOTENT),
            GEE_METHOD("Text", echo_text, gee_str_t, gee_str_t, GEE_IDEMPOTENT),
            GEE_METHOD("Numbers", echo_numbers, numbers_t, numbers_t, GEE_IDEMPOTENT),
            GEE_METHOD("Counts", echo_counts, counts_t, counts_t, GEE_IDEMPOTENT),
            GEE_METHOD("Choose", choose, choice_t, choice_t, GEE_IDEMPOTENT));
