/* type_test: descriptions of types: what the check refuses, finding fields, zero and equal. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <gee.h>

GEE_LIST_TYPE(int64_t);
GEE_MAP_TYPE(gee_str_t);
GEE_MAP_TYPE(bool);
GEE_OPTIONAL_TYPE(double);

typedef struct {
    int32_t x, y;
} point_t;
GEE_STRUCT(point_t, "Point", GEE_INT32(point_t, x, "X", 1), GEE_INT32(point_t, y, "Y", 2));
GEE_LIST_TYPE(point_t);

typedef struct {
    bool flag;
    float small;
    double wide;
    gee_str_t name;
    gee_bytes_t data;
    point_t point;
    GEE_LIST_OF(point_t) points;
    GEE_MAP_OF(gee_str_t) labels;
    GEE_OPTIONAL_OF(double) maybe;
} all_t;
GEE_STRUCT(all_t, "All", GEE_BOOL(all_t, flag, "Flag", 1), GEE_FLOAT(all_t, small, "Small", 2),
           GEE_DOUBLE(all_t, wide, "Wide", 3), GEE_STRING(all_t, name, "Name", 4), GEE_BYTES(all_t, data, "Data", 5),
           GEE_NESTED(all_t, point, "Point", 6, point_t),
           GEE_LIST(all_t, points, "Points", 7, point_t, gee_list_of_point_t),
           GEE_MAP(all_t, labels, "Labels", 8, gee_str_t, gee_map_of_gee_str_t),
           GEE_OPTIONAL(all_t, maybe, "Maybe", 9, double, gee_optional_of_double));

static void sound_types_pass(void **state) {
    (void)state;
    assert_null(gee_type_check(&gee_type_of_all_t));
    assert_null(gee_type_check(&gee_type_of_int64_t));
    assert_null(gee_type_check(&gee_type_of_gee_empty_t));
    assert_null(gee_type_check(&gee_list_of_int64_t));
    assert_null(gee_type_check(&gee_map_of_bool));
    assert_non_null(gee_type_check(NULL));
}

/* A single flaw at a time in a struct of two fields. */
static const char *flaw_of(gee_field_t first, gee_field_t second, size_t size) {
    gee_field_t fields[] = { first, second };
    gee_type_t type = { .kind = GEE_KIND_STRUCT, .name = "T", .size = size, .fields = fields, .field_count = 2 };
    const char *flaw = gee_type_check(&type);
    return flaw ? flaw : "";
}

static void flaws_of_structs_are_named(void **state) {
    (void)state;
    gee_field_t a = { .name = "A", .tag = 1, .offset = 0, .type = &gee_type_of_int64_t };
    gee_field_t b = { .name = "B", .tag = 2, .offset = 8, .type = &gee_type_of_int64_t };
    gee_field_t bad;
    assert_string_equal(flaw_of(a, b, 16), "");
    bad = b, bad.name = "A";
    assert_non_null(strstr(flaw_of(a, bad, 16), "same name"));
    bad = b, bad.tag = 1;
    assert_non_null(strstr(flaw_of(a, bad, 16), "same tag"));
    bad = b, bad.tag = 0;
    assert_non_null(strstr(flaw_of(a, bad, 16), "tag"));
    bad = b, bad.tag = 19000;
    assert_non_null(strstr(flaw_of(a, bad, 16), "tag"));
    bad = b, bad.tag = 536870912;
    assert_non_null(strstr(flaw_of(a, bad, 16), "tag"));
    bad = b, bad.tag = 536870911;
    assert_string_equal(flaw_of(a, bad, 16), "");
    bad = b, bad.name = "";
    assert_non_null(strstr(flaw_of(a, bad, 16), "name"));
    bad = b, bad.name = "a\"b";
    assert_non_null(strstr(flaw_of(a, bad, 16), "quote"));
    bad = b, bad.name = "\xff";
    assert_non_null(strstr(flaw_of(a, bad, 16), "UTF-8"));
    bad = b, bad.type = NULL;
    assert_non_null(strstr(flaw_of(a, bad, 16), "no type"));
    bad = b, bad.offset = 9;
    assert_non_null(strstr(flaw_of(a, bad, 16), "within"));
    bad = b, bad.offset = UINT32_MAX;
    assert_non_null(strstr(flaw_of(a, bad, 16), "within"));
    bad = b, bad.offset = 12;
    assert_non_null(strstr(flaw_of(a, bad, 24), "aligned"));
    assert_non_null(strstr(flaw_of(a, b, 17), "alignment"));
    assert_string_equal(flaw_of(a, b, UINT32_MAX - 7), "");
    assert_non_null(strstr(flaw_of(a, b, (size_t)UINT32_MAX + 1), "size")); /* beyond what an offset can say */
    assert_non_null(strstr(flaw_of(a, b, 0), "size"));
}

static void flaws_of_other_kinds_are_named(void **state) {
    (void)state;
    gee_type_t wrong_kind = { .kind = (gee_kind_t)99, .name = "x", .size = 8 };
    gee_type_t wrong_size = { .kind = GEE_KIND_INT32, .name = "x", .size = 8 };
    gee_type_t no_element = { .kind = GEE_KIND_LIST, .name = "", .size = sizeof(gee_list_value_t) };
    gee_type_t twice = {
        .kind = GEE_KIND_OPTIONAL, .name = "", .size = sizeof(void *), .element = &gee_optional_of_double
    };
    gee_type_t narrow = gee_map_of_gee_str_t;
    narrow.entry_size = sizeof(gee_str_t);
    assert_non_null(gee_type_check(&wrong_kind));
    assert_non_null(gee_type_check(&wrong_size));
    assert_non_null(gee_type_check(&no_element));
    assert_non_null(gee_type_check(&twice));
    assert_non_null(gee_type_check(&narrow));
}

static void recursion_through_a_list_passes_by_value_not(void **state) {
    (void)state;
    gee_type_t node = { .kind = GEE_KIND_STRUCT, .name = "Node", .size = sizeof(gee_list_value_t) };
    gee_type_t list = { .kind = GEE_KIND_LIST, .name = "", .size = sizeof(gee_list_value_t), .element = &node };
    gee_field_t field = { .name = "Children", .tag = 1, .type = &list };
    node.fields = &field;
    node.field_count = 1;
    assert_null(gee_type_check(&node));
    field.type = &node;
    assert_non_null(strstr(gee_type_check(&node), "contains itself"));
}

/* A chain of structs, each twice in the next by value, in the same place as members of a union are: 2 to the 64 paths,
 * which must not be walked. */
static void deep_types_are_checked_in_linear_time(void **state) {
    (void)state;
    enum { LEVELS = 70 };
    static gee_type_t types[LEVELS];
    static gee_field_t fields[LEVELS][2];
    types[0] = gee_type_of_int64_t;
    for (size_t i = 1; i < LEVELS; i++) {
        fields[i][0] = (gee_field_t){ .name = "A", .tag = 1, .type = &types[i - 1] };
        fields[i][1] = (gee_field_t){ .name = "B", .tag = 2, .type = &types[i - 1] };
        types[i] = (gee_type_t){
            .kind = GEE_KIND_STRUCT, .name = "T", .size = sizeof(int64_t), .fields = fields[i], .field_count = 2
        };
    }
    assert_null(gee_type_check(&types[64]));
    assert_non_null(strstr(gee_type_check(&types[65]), "deeper than 64"));
}

static void very_many_types_and_fields_are_checked_in_linear_time(void **state) {
    (void)state;
    enum { TYPES = 50000, FIELDS = 10000 };
    static gee_type_t types[TYPES];
    for (size_t i = 0; i < TYPES; i++)
        types[i] = (gee_type_t){ .kind = GEE_KIND_LIST,
                                 .name = "",
                                 .size = sizeof(gee_list_value_t),
                                 .element = i ? &types[i - 1] : &gee_type_of_bool };
    assert_null(gee_type_check(&types[TYPES - 1]));
    types[0].element = NULL;
    assert_string_equal(gee_type_check(&types[TYPES - 1]), "a list, map or optional has no element type");

    static gee_field_t fields[FIELDS];
    static char names[FIELDS][8];
    for (size_t i = 0; i < FIELDS; i++) {
        snprintf(names[i], sizeof(names[i]), "F%zu", i);
        fields[i] =
            (gee_field_t){ .name = names[i], .tag = (uint32_t)i + 1, .offset = (uint32_t)i, .type = &gee_type_of_bool };
    }
    gee_type_t wide = { .kind = GEE_KIND_STRUCT, .name = "W", .size = FIELDS, .fields = fields, .field_count = FIELDS };
    assert_null(gee_type_check(&wide));
    fields[FIELDS - 1].name = names[17];
    assert_non_null(strstr(gee_type_check(&wide), "same name"));
}

static void a_field_is_found_by_its_json_name_when_no_field_has_the_name_itself(void **state) {
    (void)state;
    static const gee_field_more_t user = { .json_name = "userId" }, swapped = { .json_name = "first" };
    gee_field_t fields[] = { { .name = "USERID", .tag = 1, .type = &gee_type_of_bool, .offset = 0 },
                             { .name = "user_id", .tag = 2, .type = &gee_type_of_bool, .offset = 1, .more = &user },
                             { .name = "second", .tag = 3, .type = &gee_type_of_bool, .offset = 2, .more = &swapped },
                             { .name = "first", .tag = 4, .type = &gee_type_of_bool, .offset = 3 } };
    gee_type_t type = { .kind = GEE_KIND_STRUCT, .name = "T", .size = 4, .fields = fields, .field_count = 4 };
    assert_ptr_equal(gee_type_field_by_name(&type, GEE_STR("userId")), &fields[1]);
    assert_ptr_equal(gee_type_field_by_name(&type, GEE_STR("user_id")), &fields[1]);
    assert_ptr_equal(gee_type_field_by_name(&type, GEE_STR("userid")), &fields[0]);
    assert_ptr_equal(gee_type_field_by_name(&type, GEE_STR("first")), &fields[3]);
    assert_null(gee_type_field_by_name(&type, GEE_STR("userIdx")));
}

static void a_field_is_found_exactly_then_ignoring_case(void **state) {
    (void)state;
    gee_field_t fields[] = { { .name = "name", .tag = 1, .type = &gee_type_of_bool, .offset = 0 },
                             { .name = "Name", .tag = 2, .type = &gee_type_of_bool, .offset = 1 } };
    gee_type_t type = { .kind = GEE_KIND_STRUCT, .name = "T", .size = 2, .fields = fields, .field_count = 2 };
    assert_ptr_equal(gee_type_field_by_name(&type, GEE_STR("Name")), &fields[1]);
    assert_ptr_equal(gee_type_field_by_name(&type, GEE_STR("NAME")), &fields[0]);
    assert_null(gee_type_field_by_name(&type, GEE_STR("Nam")));
    assert_null(gee_type_field_by_name(&type, GEE_STR("Name\0")));
    assert_null(gee_type_field_by_name(&type, GEE_STR("Name\0x")));
    assert_null(gee_type_field_by_name(&type, GEE_STR("Names")));
    assert_null(gee_type_field_by_name(&type, GEE_STR("")));
}

static void zero_is_told_from_present(void **state) {
    (void)state;
    all_t value;
    double zero = 0;
    memset(&value, 0, sizeof(value));
    assert_true(gee_type_is_zero(&gee_type_of_all_t, &value));
    value.point.y = 1;
    assert_false(gee_type_is_zero(&gee_type_of_all_t, &value));
    value.point.y = 0;
    value.maybe = &zero;
    assert_false(gee_type_is_zero(&gee_type_of_all_t, &value));
    value.maybe = NULL;
    value.wide = -0.0;
    assert_false(gee_type_is_zero(&gee_type_of_all_t, &value));
}

static void equal_compares_all_kinds(void **state) {
    (void)state;
    double one = 1, other_one = 1;
    point_t points[] = { { 1, 2 }, { 3, 4 } }, other_points[] = { { 1, 2 }, { 3, 5 } };
    gee_str_t entries[][2] = { { GEE_STR("a"), GEE_STR("1") }, { GEE_STR("b"), GEE_STR("2") } };
    gee_str_t swapped[][2] = { { GEE_STR("b"), GEE_STR("2") }, { GEE_STR("a"), GEE_STR("1") } };
    all_t a, b;
    memset(&a, 0, sizeof(a));
    a = (all_t){ .flag = true, .small = 1.5F, .wide = NAN, .name = GEE_STR("n"), .maybe = &one };
    a.points.items = points, a.points.count = 2;
    a.labels.items = (void *)entries, a.labels.count = 2;
    b = a;
    b.maybe = &other_one;
    b.labels.items = (void *)swapped;
    assert_true(gee_type_equal(&gee_type_of_all_t, &a, &b));
    b.points.items = other_points;
    assert_false(gee_type_equal(&gee_type_of_all_t, &a, &b));
    b.points.count = 1;
    a.points.count = 1;
    assert_true(gee_type_equal(&gee_type_of_all_t, &a, &b));
    other_one = 2;
    assert_false(gee_type_equal(&gee_type_of_all_t, &a, &b));
    b.maybe = NULL;
    assert_false(gee_type_equal(&gee_type_of_all_t, &a, &b));
    b.maybe = &one;
    b.data = (gee_bytes_t){ .data = (const uint8_t *)"x", .length = 1 };
    assert_false(gee_type_equal(&gee_type_of_all_t, &a, &b));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sound_types_pass),
        cmocka_unit_test(flaws_of_structs_are_named),
        cmocka_unit_test(flaws_of_other_kinds_are_named),
        cmocka_unit_test(recursion_through_a_list_passes_by_value_not),
        cmocka_unit_test(deep_types_are_checked_in_linear_time),
        cmocka_unit_test(very_many_types_and_fields_are_checked_in_linear_time),
        cmocka_unit_test(a_field_is_found_by_its_json_name_when_no_field_has_the_name_itself),
        cmocka_unit_test(a_field_is_found_exactly_then_ignoring_case),
        cmocka_unit_test(zero_is_told_from_present),
        cmocka_unit_test(equal_compares_all_kinds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
