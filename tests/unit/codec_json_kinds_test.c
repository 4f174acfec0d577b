/* codec_json_kinds_test: enums, oneofs, maps of any key, arrays and unknown fields as JSON. */
#include "codec_json_fixture.h"

typedef int32_t color_t;
GEE_ENUM_TYPE(color_t, "Color", 0, { "RED", 0 }, { "GREEN", 1 }, { "VERDE", 1 }, { "BLUE", 5 });
GEE_LIST_TYPE(color_t);

typedef struct {
    int64_t x;
} point_t;
GEE_STRUCT(point_t, "Point", GEE_INT64(point_t, x, "X", 1));
GEE_OPTIONAL_TYPE(point_t);

typedef struct {
    uint32_t which;
    union {
        int64_t number;
        gee_str_t text;
        color_t color;
        point_t *point;
    } is;
    int64_t behind;
} choice_t;
GEE_STRUCT(choice_t, "Choice", GEE_ONEOF(choice_t, which, is.number, "Number", 1, int64_t),
           GEE_ONEOF(choice_t, which, is.text, "Text", 2, gee_str_t),
           GEE_ONEOF(choice_t, which, is.color, "Color", 3, color_t),
           GEE_ONEOF_OPTIONAL(choice_t, which, is.point, "Point", 4, point_t, gee_optional_of_point_t),
           GEE_INT64(choice_t, behind, "Behind", 5));

GEE_KEYED_MAP_TYPE(int32_t, int64_t);
GEE_KEYED_MAP_TYPE(uint64_t, color_t);
GEE_KEYED_MAP_TYPE(bool, int64_t);
GEE_ARRAY_TYPE(int64_t, 3);

typedef struct {
    color_t color;
    GEE_LIST_OF(color_t) colors;
    GEE_KEYED_MAP_OF(int32_t, int64_t) by_number;
    GEE_KEYED_MAP_OF(uint64_t, color_t) by_natural;
    GEE_KEYED_MAP_OF(bool, int64_t) by_bool;
    GEE_LIST_OF(int64_t) three;
} kinds_t;
GEE_STRUCT(kinds_t, "Kinds", GEE_ENUM(kinds_t, color, "Color", 1, color_t),
           GEE_LIST(kinds_t, colors, "Colors", 2, color_t, gee_list_of_color_t),
           GEE_KEYED_MAP(kinds_t, by_number, "ByNumber", 3, int32_t, int64_t, gee_map_of_int32_t_to_int64_t),
           GEE_KEYED_MAP(kinds_t, by_natural, "ByNatural", 4, uint64_t, color_t, gee_map_of_uint64_t_to_color_t),
           GEE_KEYED_MAP(kinds_t, by_bool, "ByBool", 5, bool, int64_t, gee_map_of_bool_to_int64_t),
           GEE_LIST(kinds_t, three, "Three", 6, int64_t, gee_array_of_3_int64_t));

static void enums_have_names_and_unnamed_numbers(void **state) {
    (void)state;
    color_t color = 1;
    writes(GEE_TYPE_OF(color_t), &color, "\"GREEN\"");
    color = -7;
    writes(GEE_TYPE_OF(color_t), &color, "-7");
    reads(GEE_TYPE_OF(color_t), "\"VERDE\"", &color);
    assert_int_equal(color, 1);
    reads(GEE_TYPE_OF(color_t), "\"BL\\u0055E\"", &color);
    assert_int_equal(color, 5);
    reads(GEE_TYPE_OF(color_t), "-2147483648", &color);
    assert_int_equal(color, INT32_MIN);
    refuses(GEE_TYPE_OF(color_t), "\"green\"", GEE_INVALID_ARGUMENT, "Color has no value \"green\"");
    refuses(GEE_TYPE_OF(color_t), "2147483648", GEE_OUT_OF_RANGE, "2147483648 does not fit Color");
    refuses(GEE_TYPE_OF(color_t), "1.0", GEE_INVALID_ARGUMENT, "1.0 where Color is expected");
    refuses(GEE_TYPE_OF(color_t), "true", GEE_INVALID_ARGUMENT, "a boolean where Color is expected");
}

static void of_a_oneof_the_set_member_is_written(void **state) {
    (void)state;
    point_t point = { 7 };
    choice_t choice = { .behind = 9 };
    writes(GEE_TYPE_OF(choice_t), &choice, "{\"Behind\":9}");
    choice.which = 1;
    writes(GEE_TYPE_OF(choice_t), &choice, "{\"Number\":0,\"Behind\":9}");
    choice = (choice_t){ .which = 3, .is.color = 5 };
    writes(GEE_TYPE_OF(choice_t), &choice, "{\"Color\":\"BLUE\",\"Behind\":0}");
    choice = (choice_t){ .which = 4, .is.point = &point };
    writes(GEE_TYPE_OF(choice_t), &choice, "{\"Point\":{\"X\":7},\"Behind\":0}");
}

static void of_a_oneof_the_last_member_is_set(void **state) {
    (void)state;
    choice_t choice;
    reads(GEE_TYPE_OF(choice_t), "{\"Number\":0,\"Behind\":9}", &choice);
    assert_true(choice.which == 1 && choice.is.number == 0 && choice.behind == 9);
    reads(GEE_TYPE_OF(choice_t), "{\"Number\":-1,\"Text\":\"t\",\"Behind\":9}", &choice);
    assert_true(choice.which == 2 && gee_str_equal(choice.is.text, GEE_STR("t")) && choice.behind == 9);
    reads(GEE_TYPE_OF(choice_t), "{ \"Text\":\"t\",\"Point\":{},\"Color\":\"BLUE\"}", &choice);
    assert_true(choice.which == 3 && choice.is.color == 5);
    reads(GEE_TYPE_OF(choice_t), "{\"Text\":\"a text\",\"Point\":{\"X\":7}}", &choice);
    assert_true(choice.which == 4 && choice.is.point->x == 7);
    reads(GEE_TYPE_OF(choice_t), "{\"Number\":null,\"Text\":null}", &choice);
    assert_int_equal(choice.which, 0);
    reads(GEE_TYPE_OF(choice_t), "{\"Color\":5,\"Text\":null}", &choice);
    assert_true(choice.which == 3 && choice.is.color == 5);
    refuses(GEE_TYPE_OF(choice_t), "{\"Color\":\"PINK\"}", GEE_INVALID_ARGUMENT, "Color: Color has no value \"PINK\"");
}

static void keys_are_texts(void **state) {
    (void)state;
    kinds_t v;
    const char *text = "{\"Color\":\"BLUE\",\"Colors\":[\"GREEN\",3],\"ByNumber\":{\"-2147483648\":1,\"0\":2},"
                       "\"ByNatural\":{\"18446744073709551615\":\"BLUE\"},\"ByBool\":{\"true\":1,\"false\":2},"
                       "\"Three\":[1,2,3]}";
    reads(GEE_TYPE_OF(kinds_t), text, &v);
    assert_int_equal(v.color, 5);
    assert_true(v.by_number.count == 2 && v.by_number.items[0].key == INT32_MIN && v.by_number.items[1].value == 2);
    assert_true(v.by_natural.items[0].key == UINT64_MAX && v.by_natural.items[0].value == 5);
    assert_true(v.by_bool.count == 2 && v.by_bool.items[0].key && !v.by_bool.items[1].key);
    writes(GEE_TYPE_OF(kinds_t), &v, text);
    reads(GEE_TYPE_OF(kinds_t), "{\"ByNumber\":{\"5\":1,\"6\":0,\"5\":2}}", &v);
    assert_true(v.by_number.count == 2);
    for (size_t i = 0; i < 2; i++)
        assert_true(v.by_number.items[i].value == (v.by_number.items[i].key == 5 ? 2 : 0));
    refuses(GEE_TYPE_OF(kinds_t), "{\"ByNumber\":{\"2147483648\":1}}", GEE_INVALID_ARGUMENT,
            "ByNumber[\"2147483648\"]: the key is not of type int32");
    refuses(GEE_TYPE_OF(kinds_t), "{\"ByNatural\":{\"-1\":1}}", GEE_INVALID_ARGUMENT, "not of type uint64");
    refuses(GEE_TYPE_OF(kinds_t), "{\"ByBool\":{\"True\":1}}", GEE_INVALID_ARGUMENT, "not of type bool");
    refuses(GEE_TYPE_OF(kinds_t), "{\"ByNumber\":{\"5\":\"x\"}}", GEE_INVALID_ARGUMENT, "ByNumber[\"5\"]: a string");
}

static void an_array_has_its_length(void **state) {
    (void)state;
    kinds_t v = { .color = 0 };
    int64_t items[4] = { 1, 2, 3, 4 };
    writes(GEE_TYPE_OF(kinds_t), &v,
           "{\"Color\":\"RED\",\"Colors\":[],\"ByNumber\":{},\"ByNatural\":{},\"ByBool\":{},\"Three\":null}");
    reads(GEE_TYPE_OF(kinds_t), written, &v);
    assert_int_equal(v.three.count, 0);
    v.three.items = items, v.three.count = 4;
    assert_int_equal(encode(GEE_TYPE_OF(kinds_t), &v), -1);
    assert_string_equal(error.text, "Three: 4 items in an array of 3");
    refuses(GEE_TYPE_OF(kinds_t), "{\"Three\":[1,2]}", GEE_INVALID_ARGUMENT, "Three: 2 items where 3 are expected");
    refuses(GEE_TYPE_OF(kinds_t), "{\"Three\":[1,2,3,4]}", GEE_INVALID_ARGUMENT, "Three: 4 items where 3 are expected");
}

typedef struct {
    int64_t known;
    gee_bytes_t unknown;
} keeper_t;
static const gee_field_t keeper_fields[] = { GEE_INT64(keeper_t, known, "Known", 1) };
static const gee_type_t keeper = { .kind = GEE_KIND_STRUCT,
                                   .flags = GEE_TYPE_KEEPS_UNKNOWN,
                                   .name = "Keeper",
                                   .size = sizeof(keeper_t),
                                   .fields = keeper_fields,
                                   .field_count = 1,
                                   .unknown_offset = offsetof(keeper_t, unknown) };

static void unknown_fields_are_not_written(void **state) {
    (void)state;
    keeper_t v = { .known = 1, .unknown = { (const uint8_t *)"\x10\x01", 2 } };
    writes(&keeper, &v, "{\"Known\":1}");
    reads(&keeper, "{\"Known\":2,\"Other\":3}", &v);
    assert_true(v.known == 2 && v.unknown.length == 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(enums_have_names_and_unnamed_numbers),
        TEST(of_a_oneof_the_set_member_is_written),
        TEST(of_a_oneof_the_last_member_is_set),
        TEST(keys_are_texts),
        TEST(an_array_has_its_length),
        TEST(unknown_fields_are_not_written),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
