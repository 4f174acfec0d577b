/* value_test: trees of values: from typed values and back, what does not fit, comparing, maps with keys twice; and the
 * path that an error gets on its way out. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <gee.h>

GEE_LIST_TYPE(int32_t);
GEE_MAP_TYPE(int64_t);
GEE_OPTIONAL_TYPE(int64_t);

typedef struct {
    gee_str_t name;
    GEE_LIST_OF(int32_t) sizes;
} item_t;
GEE_STRUCT(item_t, "Item", GEE_STRING(item_t, name, "Name", 1),
           GEE_LIST(item_t, sizes, "Sizes", 2, int32_t, gee_list_of_int32_t));
GEE_LIST_TYPE(item_t);

typedef struct {
    bool flag;
    int64_t i64;
    uint32_t u32;
    uint64_t u64;
    float f;
    double d;
    gee_bytes_t data;
    GEE_LIST_OF(item_t) items;
    GEE_MAP_OF(int64_t) prices;
    GEE_OPTIONAL_OF(int64_t) maybe;
} all_t;
GEE_STRUCT(all_t, "All", GEE_BOOL(all_t, flag, "Flag", 1), GEE_INT64(all_t, i64, "I64", 2),
           GEE_UINT32(all_t, u32, "U32", 3), GEE_UINT64(all_t, u64, "U64", 4), GEE_FLOAT(all_t, f, "F", 5),
           GEE_DOUBLE(all_t, d, "D", 6), GEE_BYTES(all_t, data, "Data", 7),
           GEE_LIST(all_t, items, "Items", 8, item_t, gee_list_of_item_t),
           GEE_MAP(all_t, prices, "Prices", 9, int64_t, gee_map_of_int64_t),
           GEE_OPTIONAL(all_t, maybe, "Maybe", 10, int64_t, gee_optional_of_int64_t));

typedef struct {
    gee_str_t key;
    int64_t value;
} price_t;

static gee_pool_t *pool;
static gee_error_t error;

static int set_up(void **state) {
    (void)state;
    pool = gee_pool_create(4096);
    memset(&error, 0, sizeof(error));
    return pool ? 0 : -1;
}

static int tear_down(void **state) {
    (void)state;
    gee_pool_destroy(&pool);
    return 0;
}

static void typed_to_tree_and_back_is_the_same(void **state) {
    (void)state;
    int32_t sizes[] = { 1, -2, INT32_MAX };
    item_t items[2] = { { .name = GEE_STR("a\0b") }, { .name = GEE_STR("") } };
    price_t prices[] = { { GEE_STR("apple"), 3 }, { GEE_STR("pear"), INT64_MIN } };
    int64_t maybe = 0;
    all_t value = { .flag = true,
                    .i64 = INT64_MIN,
                    .u32 = UINT32_MAX,
                    .u64 = UINT64_MAX,
                    .f = 0.1F,
                    .d = NAN,
                    .data = { (const uint8_t *)"\0\xff", 2 },
                    .maybe = &maybe };
    all_t back;
    gee_value_t tree;
    items[1].sizes.items = sizes, items[1].sizes.count = 3;
    value.items.items = items, value.items.count = 2;
    value.prices.items = (void *)prices, value.prices.count = 2;
    memset(&back, 0, sizeof(back));
    assert_int_equal(gee_value_from_type(&gee_type_of_all_t, &value, pool, &tree, &error), 0);
    assert_int_equal(tree.kind, GEE_VALUE_STRUCT);
    assert_int_equal(gee_value_get(&tree, GEE_STR("U64"))->kind, GEE_VALUE_UINT);
    assert_int_equal(gee_value_get(&tree, GEE_STR("U32"))->kind, GEE_VALUE_UINT);
    assert_int_equal(gee_value_to_type(&tree, &gee_type_of_all_t, &back, pool, &error), 0);
    assert_true(gee_type_equal(&gee_type_of_all_t, &value, &back));
    assert_true(back.prices.items[1].value == INT64_MIN);
}

static void number_is_refused(gee_value_t number, const gee_type_t *type, gee_code_t code, const char *text) {
    uint64_t target = 0;
    assert_int_equal(gee_value_to_type(&number, type, &target, pool, &error), -1);
    assert_int_equal(error.code, code);
    assert_string_equal(error.text, text);
}

static void numbers_fit_or_are_refused(void **state) {
    (void)state;
    gee_value_t big = { .kind = GEE_VALUE_UINT, .unsigned_integer = (uint64_t)INT64_MAX + 1 };
    gee_value_t minus = { .kind = GEE_VALUE_INT, .integer = -1 };
    gee_value_t wide = { .kind = GEE_VALUE_INT, .integer = (int64_t)UINT32_MAX + 1 };
    gee_value_t half = { .kind = GEE_VALUE_DOUBLE, .number = 0.5 };
    gee_value_t huge = { .kind = GEE_VALUE_DOUBLE, .number = DBL_MAX };
    gee_value_t infinite = { .kind = GEE_VALUE_DOUBLE, .number = -INFINITY };
    number_is_refused(big, &gee_type_of_int64_t, GEE_OUT_OF_RANGE, "9223372036854775808 does not fit int64");
    number_is_refused(minus, &gee_type_of_uint64_t, GEE_OUT_OF_RANGE, "-1 does not fit uint64");
    number_is_refused(wide, &gee_type_of_uint32_t, GEE_OUT_OF_RANGE, "4294967296 does not fit uint32");
    number_is_refused(wide, &gee_type_of_int32_t, GEE_OUT_OF_RANGE, "4294967296 does not fit int32");
    number_is_refused(half, &gee_type_of_int32_t, GEE_INVALID_ARGUMENT, "a number where int32 is expected");
    number_is_refused(half, &gee_type_of_bool, GEE_INVALID_ARGUMENT, "a number where bool is expected");
    number_is_refused(huge, &gee_type_of_float, GEE_OUT_OF_RANGE, "1.7976931348623157e+308 does not fit float");
    float narrow = 0;
    double d = 0;
    assert_int_equal(gee_value_to_type(&infinite, &gee_type_of_float, &narrow, pool, &error), 0);
    assert_true(isinf(narrow) && narrow < 0);
    assert_int_equal(gee_value_to_type(&big, &gee_type_of_double, &d, pool, &error), 0);
    assert_true(d == 0x1p63);
}

static void an_error_names_the_path(void **state) {
    (void)state;
    gee_value_t wrong = { .kind = GEE_VALUE_STRING, .string = GEE_STR("x") };
    gee_pair_t name = { GEE_STR("Name"), &(gee_value_t){ .kind = GEE_VALUE_INT, .integer = 5 } };
    gee_value_t items[2] = { { .kind = GEE_VALUE_NULL }, { .kind = GEE_VALUE_STRUCT } };
    items[1].pairs.items = &name, items[1].pairs.count = 1;
    gee_value_t list = { .kind = GEE_VALUE_LIST };
    list.list.items = items, list.list.count = 2;
    gee_pair_t price = { GEE_STR("a\"b"), &wrong };
    gee_value_t prices = { .kind = GEE_VALUE_STRUCT };
    prices.pairs.items = &price, prices.pairs.count = 1;
    gee_pair_t field = { GEE_STR("items"), &list };
    gee_value_t tree = { .kind = GEE_VALUE_STRUCT };
    tree.pairs.items = &field, tree.pairs.count = 1;
    all_t value;
    assert_int_equal(gee_value_to_type(&tree, &gee_type_of_all_t, &value, pool, &error), -1);
    assert_string_equal(error.text, "Items[1].Name: an integer where string is expected");
    field = (gee_pair_t){ GEE_STR("Prices"), &prices };
    assert_int_equal(gee_value_to_type(&tree, &gee_type_of_all_t, &value, pool, &error), -1);
    assert_string_equal(error.text, "Prices[\"a\\\"b\"]: a string where int64 is expected");
}

static void null_unknown_and_repeated_fields(void **state) {
    (void)state;
    gee_value_t null = { .kind = GEE_VALUE_NULL }, five = { .kind = GEE_VALUE_INT, .integer = 5 };
    gee_value_t text = { .kind = GEE_VALUE_STRING, .string = GEE_STR("AP8=") };
    gee_pair_t pairs[] = { { GEE_STR("I64"), &five },   { GEE_STR("Nobody"), &text }, { GEE_STR("I64"), &null },
                           { GEE_STR("Maybe"), &null }, { GEE_STR("U64"), &null },    { GEE_STR("U64"), &five },
                           { GEE_STR("Data"), &text } };
    gee_value_t tree = { .kind = GEE_VALUE_MAP };
    all_t value;
    memset(&value, 0xff, sizeof(value));
    tree.pairs.items = pairs, tree.pairs.count = GEE_LENGTH(pairs);
    assert_int_equal(gee_value_to_type(&tree, &gee_type_of_all_t, &value, pool, &error), 0);
    assert_int_equal(value.i64, 0);
    assert_int_equal(value.u64, 5);
    assert_null(value.maybe);
    assert_int_equal(value.data.length, 2); /* base64 */
    assert_memory_equal(value.data.data, "\0\xff", 2);
    assert_ptr_equal(gee_value_get(&tree, GEE_STR("I64")), &null);
    assert_null(gee_value_get(&tree, GEE_STR("X")));
    assert_null(gee_value_get(&five, GEE_STR("X")));
    text.string = GEE_STR("AP8");
    assert_int_equal(gee_value_to_type(&tree, &gee_type_of_all_t, &value, pool, &error), -1);
    assert_string_equal(error.text, "Data: the string is not base64");
}

static void values_that_contain_themselves_are_refused(void **state) {
    (void)state;
    gee_value_t tree = { .kind = GEE_VALUE_LIST };
    tree.list.items = &tree, tree.list.count = 1;
    gee_type_t list = { .kind = GEE_KIND_LIST, .name = "", .size = sizeof(gee_list_value_t), .element = &list };
    gee_list_value_t typed = { .items = &typed, .count = 1 };
    gee_value_t made;
    gee_list_value_t value;
    assert_int_equal(gee_value_to_type(&tree, &list, &value, pool, &error), -1);
    assert_int_equal(error.code, GEE_RESOURCE_EXHAUSTED);
    assert_int_equal(gee_value_from_type(&list, &typed, pool, &made, &error), -1);
    assert_non_null(strstr(error.text, "deeper than 1000"));
    assert_non_null(strstr(error.text, "...[0][0]"));
    assert_false(gee_value_equal(&tree, &tree)); /* it ends */
}

static void memory_that_runs_out_is_an_error(void **state) {
    (void)state;
    gee_value_t items[64] = { { .kind = GEE_VALUE_INT } };
    gee_value_t tree = { .kind = GEE_VALUE_LIST }, made;
    int32_t numbers[64] = { 0 };
    gee_list_value_t typed = { .items = numbers, .count = 64 }, value;
    tree.list.items = items, tree.list.count = 64;
    gee_pool_limit(pool, 128);
    assert_int_equal(gee_value_to_type(&tree, &gee_list_of_int32_t, &value, pool, &error), -1);
    assert_int_equal(error.code, GEE_RESOURCE_EXHAUSTED);
    assert_int_equal(gee_value_from_type(&gee_list_of_int32_t, &typed, pool, &made, &error), -1);
    assert_int_equal(error.code, GEE_RESOURCE_EXHAUSTED);
}

static void equal_compares_what_values_say(void **state) {
    (void)state;
    gee_value_t i = { .kind = GEE_VALUE_INT, .integer = 5 }, u = { .kind = GEE_VALUE_UINT, .unsigned_integer = 5 };
    gee_value_t d = { .kind = GEE_VALUE_DOUBLE, .number = 5 }, minus = { .kind = GEE_VALUE_INT, .integer = -1 };
    gee_value_t most = { .kind = GEE_VALUE_UINT, .unsigned_integer = UINT64_MAX };
    gee_value_t nan = { .kind = GEE_VALUE_DOUBLE, .number = NAN };
    gee_value_t two64 = { .kind = GEE_VALUE_DOUBLE, .number = 0x1p64 };
    gee_value_t big = { .kind = GEE_VALUE_INT, .integer = (INT64_C(1) << 53) + 1 };
    gee_value_t near = { .kind = GEE_VALUE_DOUBLE, .number = 0x1p53 };
    assert_true(gee_value_equal(&i, &u) && gee_value_equal(&u, &d) && gee_value_equal(&d, &i));
    assert_true(gee_value_equal(&nan, &nan));
    assert_false(gee_value_equal(&minus, &most)); /* the same bits */
    assert_false(gee_value_equal(&most, &two64));
    assert_false(gee_value_equal(&big, &near));
    gee_pair_t ab[] = { { GEE_STR("a"), &i }, { GEE_STR("b"), &nan } };
    gee_pair_t ba[] = { { GEE_STR("b"), &nan }, { GEE_STR("a"), &d } };
    gee_value_t structure = { .kind = GEE_VALUE_STRUCT }, map = { .kind = GEE_VALUE_MAP };
    structure.pairs.items = ab, structure.pairs.count = 2;
    map.pairs.items = ba, map.pairs.count = 2;
    assert_true(gee_value_equal(&structure, &map));
    ba[0].key = GEE_STR("c");
    assert_false(gee_value_equal(&structure, &map));
}

/* The specification of keep_last, done the slow way. */
static void check_keep_last(price_t *entries, size_t count) {
    static price_t expected[5000];
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        bool again = false;
        for (size_t j = i + 1; j < count && !again; j++)
            again = gee_str_equal(entries[i].key, entries[j].key);
        if (!again)
            expected[kept++] = entries[i];
    }
    gee_list_value_t map = { .items = entries, .count = count };
    assert_int_equal(gee_map_keep_last(&gee_map_of_int64_t, &map, pool), 0);
    assert_int_equal(map.count, kept);
    for (size_t i = 0; i < kept; i++) {
        assert_true(gee_str_equal(entries[i].key, expected[i].key));
        assert_int_equal(entries[i].value, expected[i].value);
    }
}

static void of_equal_keys_the_last_stays(void **state) {
    (void)state;
    static price_t entries[5000];
    static char keys[100][8];
    uint32_t seed = 12345;
    const size_t counts[] = { 0, 1, 2, 3, 16, 17, 18, 63, 500, 1999 };
    for (size_t i = 0; i < 100; i++)
        snprintf(keys[i], sizeof(keys[i]), "%zu", i * 7919 % 1000);
    for (size_t c = 0; c < GEE_LENGTH(counts); c++) {
        for (size_t i = 0; i < counts[c]; i++) {
            seed = seed * 1664525 + 1013904223;
            entries[i] = (price_t){ gee_str(keys[seed >> 16 & 63]), (int64_t)i };
        }
        check_keep_last(entries, counts[c]);
    }
}

static void a_path_too_long_is_cut_at_the_front(void **state) {
    (void)state;
    gee_path_t path;
    gee_path_init(&path);
    assert_string_equal(gee_path_text(&path), "");
    gee_path_field(&path, GEE_STR("Leaf"));
    for (size_t i = 0; i < 100; i++) {
        gee_path_index(&path, i);
        gee_path_field(&path, GEE_STR("A very long name of a field, which somebody has chosen so that it is cut"));
    }
    const char *text = gee_path_text(&path);
    assert_true(strlen(text) < GEE_PATH_TEXT);
    assert_memory_equal(text, "...", 3);
    assert_non_null(strstr(text, "[0].Leaf"));
    assert_int_equal(gee_error_set(&error, GEE_INTERNAL, "wrong"), -1);
    assert_int_equal(gee_path_apply(&path, &error), -1);
    assert_string_equal(error.text + strlen(error.text) - 13, "].Leaf: wrong");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(typed_to_tree_and_back_is_the_same, set_up, tear_down),
        cmocka_unit_test_setup_teardown(numbers_fit_or_are_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_error_names_the_path, set_up, tear_down),
        cmocka_unit_test_setup_teardown(null_unknown_and_repeated_fields, set_up, tear_down),
        cmocka_unit_test_setup_teardown(values_that_contain_themselves_are_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(memory_that_runs_out_is_an_error, set_up, tear_down),
        cmocka_unit_test_setup_teardown(equal_compares_what_values_say, set_up, tear_down),
        cmocka_unit_test_setup_teardown(of_equal_keys_the_last_stays, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_path_too_long_is_cut_at_the_front, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
