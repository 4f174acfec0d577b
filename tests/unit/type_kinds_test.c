/* type_kinds_test: enums, oneofs, maps of any key, lists of a fixed length and unknown fields: found, zero, equal,
 * copied, as trees, and what gee_type_check() refuses of them. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <gee.h>

#include "core/type/key.h"
#include "core/type/type_copy.h"

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

/* The copy, in memory of just its size, in the place of the original, which is wiped. */
static void *moved(const gee_type_t *type, void *value) {
    size_t size = gee_type_copy_size(type, value);
    void *target = gee_pool_alloc(pool, size);
    assert_non_null(target);
    void *copy = gee_type_copy(type, value, target);
    assert_true(gee_type_equal(type, value, copy));
    assert_int_equal(gee_type_copy_size(type, copy), size);
    return copy;
}

/* ---- enums ---- */

typedef int32_t level_t;
GEE_ENUM_TYPE(level_t, "Level", 0, { "LEAST", INT32_MIN }, { "MINUS_TWO", -2 }, { "NONE", 0 }, { "NIL", 0 },
              { "NOTHING", 0 }, { "ONE", 1 }, { "SEVEN", 7 }, { "SIETE", 7 }, { "MOST", INT32_MAX });
typedef int32_t day_t;
GEE_ENUM_TYPE(day_t, "Day", GEE_TYPE_CLOSED, { "MONDAY", 3 }, { "TUESDAY", 4 }, { "MARDI", 4 }, { "WEDNESDAY", 5 });

/* What by_number must find: the first value of that number. */
static const gee_enum_value_t *first_of(const gee_type_t *type, int32_t number) {
    for (size_t i = 0; i < type->value_count; i++)
        if (type->values[i].number == number)
            return &type->values[i];
    return NULL;
}

static void an_enum_is_found_by_its_number(void **state) {
    (void)state;
    const int32_t far[] = { INT32_MIN, INT32_MIN + 1, INT32_MAX - 1, INT32_MAX };
    assert_null(gee_type_check(GEE_TYPE_OF(level_t)));
    assert_null(gee_type_check(GEE_TYPE_OF(day_t)));
    for (int32_t number = -20; number <= 20; number++) {
        assert_ptr_equal(gee_type_enum_by_number(GEE_TYPE_OF(level_t), number), first_of(GEE_TYPE_OF(level_t), number));
        assert_ptr_equal(gee_type_enum_by_number(GEE_TYPE_OF(day_t), number), first_of(GEE_TYPE_OF(day_t), number));
    }
    for (size_t i = 0; i < GEE_LENGTH(far); i++)
        assert_ptr_equal(gee_type_enum_by_number(GEE_TYPE_OF(level_t), far[i]), first_of(GEE_TYPE_OF(level_t), far[i]));
    gee_type_t empty = { .kind = GEE_KIND_ENUM, .name = "Empty", .size = 4 };
    assert_null(gee_type_enum_by_number(&empty, 0));
}

static void an_enum_is_found_by_its_name(void **state) {
    (void)state;
    static const uint32_t by_name[] = { 0, 1, 8, 3, 2, 4, 5, 6, 7 };
    gee_type_t indexed = gee_type_of_level_t;
    indexed.by_name = by_name;
    assert_null(gee_type_check(&indexed));
    const gee_type_t *types[] = { GEE_TYPE_OF(level_t), &indexed };
    for (size_t t = 0; t < GEE_LENGTH(types); t++) {
        for (size_t i = 0; i < types[t]->value_count; i++)
            assert_ptr_equal(gee_type_enum_by_name(types[t], gee_str(types[t]->values[i].name)), &types[t]->values[i]);
        assert_null(gee_type_enum_by_name(types[t], GEE_STR("")));
        assert_null(gee_type_enum_by_name(types[t], GEE_STR("one")));
        assert_null(gee_type_enum_by_name(types[t], GEE_STR("ONES")));
        assert_null(gee_type_enum_by_name(types[t], GEE_STR("ONE\0")));
        assert_null(gee_type_enum_by_name(types[t], GEE_STR("ZZZ")));
    }
}

static void a_tree_has_enums_by_number_and_takes_names(void **state) {
    (void)state;
    level_t level = 7, back = 0;
    gee_value_t tree, name = { .kind = GEE_VALUE_STRING, .string = GEE_STR("SIETE") };
    assert_int_equal(gee_value_from_type(GEE_TYPE_OF(level_t), &level, pool, &tree, &error), 0);
    assert_true(tree.kind == GEE_VALUE_INT && tree.integer == 7);
    assert_int_equal(gee_value_to_type(&name, GEE_TYPE_OF(level_t), &back, pool, &error), 0);
    assert_int_equal(back, 7);
    tree.integer = 12; /* without a name */
    assert_int_equal(gee_value_to_type(&tree, GEE_TYPE_OF(level_t), &back, pool, &error), 0);
    assert_int_equal(back, 12);
    name.string = GEE_STR("EIGHT");
    assert_int_equal(gee_value_to_type(&name, GEE_TYPE_OF(level_t), &back, pool, &error), -1);
    assert_string_equal(error.text, "Level has no value \"EIGHT\"");
}

/* ---- oneofs ---- */

typedef struct {
    int64_t id;
    uint32_t which;
    union {
        int64_t number;
        gee_str_t text;
        int64_t *far;
    } is;
} choice_t;
GEE_OPTIONAL_TYPE(int64_t);
GEE_STRUCT(choice_t, "Choice", GEE_INT64(choice_t, id, "Id", 1),
           GEE_ONEOF(choice_t, which, is.number, "Number", 2, int64_t),
           GEE_ONEOF(choice_t, which, is.text, "Text", 3, gee_str_t),
           GEE_ONEOF_OPTIONAL(choice_t, which, is.far, "Far", 4, int64_t, gee_optional_of_int64_t));
#define CHOICE GEE_TYPE_OF(choice_t)

static void of_a_oneof_one_member_is_set(void **state) {
    (void)state;
    choice_t choice = { .id = 1 };
    assert_null(gee_type_check(CHOICE));
    assert_true(gee_field_is_set(&CHOICE->fields[0], &choice));
    for (size_t i = 1; i < 4; i++)
        assert_false(gee_field_is_set(&CHOICE->fields[i], &choice));
    assert_ptr_equal(gee_field_choose(&CHOICE->fields[0], &choice), &choice.id);
    assert_int_equal(choice.id, 1);
    assert_ptr_equal(gee_field_choose(&CHOICE->fields[2], &choice), &choice.is.text);
    choice.is.text = GEE_STR("abc");
    gee_field_choose(&CHOICE->fields[2], &choice); /* once more: what is there stays */
    assert_true(choice.which == 3 && choice.is.text.length == 3);
    gee_field_choose(&CHOICE->fields[3], &choice); /* another: nothing of the text is taken for a pointer */
    assert_true(choice.which == 4 && choice.is.far == NULL);
    assert_false(gee_field_is_set(&CHOICE->fields[2], &choice));
}

static void a_oneof_is_zero_when_no_member_is_set(void **state) {
    (void)state;
    choice_t none = { .is.number = 77 }, zero = { .which = 2 }, text = { .which = 3 };
    assert_true(gee_type_is_zero(CHOICE, &none)); /* whatever lies in the union */
    assert_false(gee_type_is_zero(CHOICE, &zero));
    assert_false(gee_type_equal(CHOICE, &none, &zero));
    assert_false(gee_type_equal(CHOICE, &zero, &text));
    choice_t other = { .is.number = 78 }, seven = { .which = 2, .is.number = 7 };
    assert_true(gee_type_equal(CHOICE, &none, &other));
    assert_false(gee_type_equal(CHOICE, &zero, &seven));
}

static void the_set_member_of_a_oneof_is_copied(void **state) {
    (void)state;
    int64_t far = 5;
    char room[] = "text";
    choice_t number = { .which = 2, .is.number = 7 }, text = { .which = 3, .is.text = { room, 4 } };
    choice_t pointer = { .which = 4, .is.far = &far }, none = { .is.text = { room, 4 } };
    assert_int_equal(((choice_t *)moved(CHOICE, &number))->is.number, 7);
    assert_int_equal(gee_type_copy_size(CHOICE, &none), gee_type_copy_size(CHOICE, &number)); /* no text in it */
    choice_t *copy = moved(CHOICE, &text), *other = moved(CHOICE, &pointer);
    memset(room, 'x', 4);
    far = 6;
    assert_true(gee_str_equal(copy->is.text, GEE_STR("text")));
    assert_int_equal(*other->is.far, 5);
}

static void a_tree_has_the_set_member_only(void **state) {
    (void)state;
    choice_t choice = { .id = 1, .which = 2 }, back = { 0 };
    gee_value_t tree, null = { .kind = GEE_VALUE_NULL }, text = { .kind = GEE_VALUE_STRING, .string = GEE_STR("t") };
    assert_int_equal(gee_value_from_type(CHOICE, &choice, pool, &tree, &error), 0);
    assert_int_equal(tree.pairs.count, 2);
    assert_non_null(gee_value_get(&tree, GEE_STR("Number")));
    assert_int_equal(gee_value_to_type(&tree, CHOICE, &back, pool, &error), 0);
    assert_true(gee_type_equal(CHOICE, &choice, &back));
    gee_pair_t pairs[] = { { GEE_STR("Text"), &text }, { GEE_STR("Number"), &null }, { GEE_STR("Far"), &null } };
    tree.pairs.items = pairs, tree.pairs.count = 3;
    assert_int_equal(gee_value_to_type(&tree, CHOICE, &back, pool, &error), 0);
    assert_true(back.which == 3 && back.is.text.length == 1); /* a null chooses nothing */
    pairs[1] = (gee_pair_t){ GEE_STR("Number"), &(gee_value_t){ .kind = GEE_VALUE_INT, .integer = 9 } };
    assert_int_equal(gee_value_to_type(&tree, CHOICE, &back, pool, &error), 0);
    assert_true(back.which == 2 && back.is.number == 9); /* the last wins */
}

/* ---- maps of any key ---- */

GEE_KEYED_MAP_TYPE(bool, int64_t);
GEE_KEYED_MAP_TYPE(int32_t, int64_t);
GEE_KEYED_MAP_TYPE(int64_t, gee_str_t);
GEE_KEYED_MAP_TYPE(uint32_t, int64_t);
GEE_KEYED_MAP_TYPE(uint64_t, int64_t);
typedef struct {
    int64_t key;
    gee_str_t value;
} named_t;
typedef struct {
    bool key;
    int64_t value;
} flagged_t;
typedef struct {
    uint64_t key;
    int64_t value;
} numbered_t;

static const gee_type_t *const keyed[] = { &gee_map_of_bool_to_int64_t, &gee_map_of_int32_t_to_int64_t,
                                           &gee_map_of_int64_t_to_gee_str_t, &gee_map_of_uint32_t_to_int64_t,
                                           &gee_map_of_uint64_t_to_int64_t };

static void maps_are_equal_in_any_order(void **state) {
    (void)state;
    named_t entries[] = { { -1, GEE_STR("a") }, { INT64_MAX, GEE_STR("b") }, { 0, GEE_STR("") } };
    named_t other[] = { { 0, GEE_STR("") }, { -1, GEE_STR("a") }, { INT64_MAX, GEE_STR("b") } };
    gee_list_value_t a = { entries, 3 }, b = { other, 3 };
    for (size_t i = 0; i < GEE_LENGTH(keyed); i++)
        assert_null(gee_type_check(keyed[i]));
    assert_true(gee_type_equal(&gee_map_of_int64_t_to_gee_str_t, &a, &b));
    other[0].key = 1;
    assert_false(gee_type_equal(&gee_map_of_int64_t_to_gee_str_t, &a, &b));
    other[0] = (named_t){ 0, GEE_STR("x") };
    assert_false(gee_type_equal(&gee_map_of_int64_t_to_gee_str_t, &a, &b));
}

static void a_map_of_numbers_is_copied(void **state) {
    (void)state;
    char room[] = "far";
    named_t entries[] = { { -1, { room, 3 } }, { 1, { room, 2 } } };
    flagged_t flags[] = { { false, 1 }, { true, 2 } };
    gee_list_value_t map = { entries, 2 }, small = { flags, 2 };
    assert_false(gee_type_is_flat(&gee_map_of_bool_to_int64_t));
    gee_list_value_t *copy = moved(&gee_map_of_int64_t_to_gee_str_t, &map), *two = moved(keyed[0], &small);
    memset(room, 'x', 3);
    memset(flags, 0, sizeof(flags));
    assert_true(gee_str_equal(((named_t *)copy->items)[0].value, GEE_STR("far")));
    assert_int_equal(((flagged_t *)two->items)[1].value, 2);
}

/* More entries than are compared one by one, with keys whose order as unsigned numbers is another than as signed. */
static void of_equal_keys_the_last_stays(void **state) {
    (void)state;
    numbered_t entries[64];
    gee_list_value_t map = { entries, 64 };
    for (size_t i = 0; i < 64; i++)
        entries[i] = (numbered_t){ i % 20 < 10 ? UINT64_MAX - i % 10 : i % 10, (int64_t)i };
    assert_int_equal(gee_map_keep_last(&gee_map_of_uint64_t_to_int64_t, &map, pool), 0);
    assert_int_equal(map.count, 20);
    for (size_t i = 0; i < 20; i++)
        assert_int_equal(entries[i].value, 44 + i);
    flagged_t flags[] = { { true, 1 }, { false, 2 }, { true, 3 }, { true, 4 } };
    map = (gee_list_value_t){ flags, 4 };
    assert_int_equal(gee_map_keep_last(&gee_map_of_bool_to_int64_t, &map, pool), 0);
    assert_int_equal(map.count, 2);
    assert_true(!flags[0].key && flags[0].value == 2 && flags[1].key && flags[1].value == 4);
}

static void keys_are_in_order(void **state) {
    (void)state;
    int32_t minus = -1, one = 1;
    int64_t least = INT64_MIN, most = INT64_MAX;
    uint32_t wide = UINT32_MAX, narrow = 1;
    uint64_t high = UINT64_MAX, low = INT64_MAX;
    bool no = false, yes = true;
    assert_true(gee_key_compare(GEE_TYPE_OF(int32_t), &minus, &one) < 0);
    assert_true(gee_key_compare(GEE_TYPE_OF(int64_t), &least, &most) < 0);
    assert_true(gee_key_compare(GEE_TYPE_OF(uint32_t), &wide, &narrow) > 0);
    assert_true(gee_key_compare(GEE_TYPE_OF(uint64_t), &high, &low) > 0);
    assert_true(gee_key_compare(GEE_TYPE_OF(bool), &no, &yes) < 0);
    assert_int_equal(gee_key_compare(GEE_TYPE_OF(int64_t), &least, &least), 0);
}

/* ---- keys as text ---- */

static void key_is(const gee_type_t *type, const char *text) {
    char room[GEE_MAP_KEY_TEXT];
    max_align_t value = { 0 };
    if (!gee_key_from_text(type, gee_str(text), &value))
        fail_msg("\"%s\" is no key of %s", text, type->name);
    gee_str_t back = gee_key_to_text(type, &value, room);
    assert_true(gee_str_equal(back, gee_str(text)));
}

static void no_key_is(const gee_type_t *type, gee_str_t text) {
    max_align_t value;
    if (gee_key_from_text(type, text, &value))
        fail_msg("\"%.*s\" is a key of %s", GEE_STR_ARGUMENTS(text), type->name);
}

static void keys_go_to_text_and_back_at_their_limits(void **state) {
    (void)state;
    key_is(GEE_TYPE_OF(bool), "true");
    key_is(GEE_TYPE_OF(bool), "false");
    key_is(GEE_TYPE_OF(int32_t), "-2147483648");
    key_is(GEE_TYPE_OF(int32_t), "2147483647");
    key_is(GEE_TYPE_OF(int64_t), "-9223372036854775808");
    key_is(GEE_TYPE_OF(int64_t), "9223372036854775807");
    key_is(GEE_TYPE_OF(uint32_t), "0");
    key_is(GEE_TYPE_OF(uint32_t), "4294967295");
    key_is(GEE_TYPE_OF(uint64_t), "18446744073709551615");
    key_is(GEE_TYPE_OF(gee_str_t), "");
    key_is(GEE_TYPE_OF(gee_str_t), "-01");
}

static void what_is_no_key_is_refused(void **state) {
    (void)state;
    static const char *const no_number[] = { "",
                                             "-",
                                             "+1",
                                             " 1",
                                             "1 ",
                                             "01",
                                             "-01",
                                             "1.0",
                                             "1e3",
                                             "0x1",
                                             "--1",
                                             "a",
                                             "99999999999999999999",
                                             "18446744073709551616" };
    const gee_type_t *numbers[] = { GEE_TYPE_OF(int32_t), GEE_TYPE_OF(int64_t), GEE_TYPE_OF(uint32_t),
                                    GEE_TYPE_OF(uint64_t) };
    for (size_t t = 0; t < GEE_LENGTH(numbers); t++) {
        for (size_t i = 0; i < GEE_LENGTH(no_number); i++)
            no_key_is(numbers[t], gee_str(no_number[i]));
        no_key_is(numbers[t], GEE_STR("1\0"));
    }
    no_key_is(GEE_TYPE_OF(int32_t), GEE_STR("2147483648"));
    no_key_is(GEE_TYPE_OF(int32_t), GEE_STR("-2147483649"));
    no_key_is(GEE_TYPE_OF(int64_t), GEE_STR("9223372036854775808"));
    no_key_is(GEE_TYPE_OF(int64_t), GEE_STR("-9223372036854775809"));
    no_key_is(GEE_TYPE_OF(uint32_t), GEE_STR("4294967296"));
    no_key_is(GEE_TYPE_OF(uint32_t), GEE_STR("-1"));
    no_key_is(GEE_TYPE_OF(uint64_t), GEE_STR("-1"));
    no_key_is(GEE_TYPE_OF(bool), GEE_STR("1"));
    no_key_is(GEE_TYPE_OF(bool), GEE_STR("True"));
    no_key_is(GEE_TYPE_OF(bool), GEE_STR(""));
}

static void a_tree_has_keys_as_text(void **state) {
    (void)state;
    named_t entries[] = { { INT64_MIN, GEE_STR("a") }, { 5, GEE_STR("b") } };
    gee_list_value_t map = { entries, 2 }, back = { 0 };
    gee_value_t tree;
    assert_int_equal(gee_value_from_type(&gee_map_of_int64_t_to_gee_str_t, &map, pool, &tree, &error), 0);
    assert_true(gee_str_equal(tree.pairs.items[0].key, GEE_STR("-9223372036854775808")));
    assert_int_equal(gee_value_to_type(&tree, &gee_map_of_int64_t_to_gee_str_t, &back, pool, &error), 0);
    assert_true(gee_type_equal(&gee_map_of_int64_t_to_gee_str_t, &map, &back));
    tree.pairs.items[0].key = GEE_STR("5"); /* twice: the last stays */
    assert_int_equal(gee_value_to_type(&tree, &gee_map_of_int64_t_to_gee_str_t, &back, pool, &error), 0);
    assert_int_equal(back.count, 1);
    assert_true(gee_str_equal(((named_t *)back.items)[0].value, GEE_STR("b")));
    tree.pairs.items[0].key = GEE_STR("five");
    assert_int_equal(gee_value_to_type(&tree, &gee_map_of_int64_t_to_gee_str_t, &back, pool, &error), -1);
    assert_string_equal(error.text, "[\"five\"]: the key is not of type int64");
}

/* ---- lists of a fixed length ---- */

GEE_ARRAY_TYPE(int64_t, 3);

static void a_list_has_its_length(void **state) {
    (void)state;
    gee_value_t items[4] = { { .kind = GEE_VALUE_INT, .integer = 1 } }, tree = { .kind = GEE_VALUE_LIST };
    gee_list_value_t list;
    assert_null(gee_type_check(&gee_array_of_3_int64_t));
    for (size_t count = 0; count <= 4; count++) {
        tree.list.items = items, tree.list.count = count;
        assert_int_equal(gee_value_to_type(&tree, &gee_array_of_3_int64_t, &list, pool, &error), count == 3 ? 0 : -1);
    }
    assert_string_equal(error.text, "4 items where 3 are expected");
}

/* ---- unknown fields ---- */

typedef struct {
    int64_t id;
    gee_bytes_t rest;
} kept_t;
GEE_STRUCT_KEEPING(kept_t, "Kept", rest, GEE_INT64(kept_t, id, "Id", 1));

static void unknown_fields_are_part_of_the_value(void **state) {
    (void)state;
    uint8_t bytes[] = { 0x10, 0x01 }, others[] = { 0x10, 0x02 };
    kept_t kept = { .rest = { bytes, 2 } }, none = { 0 }, other = { .rest = { others, 2 } };
    assert_null(gee_type_check(GEE_TYPE_OF(kept_t)));
    assert_true(gee_type_is_zero(GEE_TYPE_OF(kept_t), &none));
    assert_false(gee_type_is_zero(GEE_TYPE_OF(kept_t), &kept));
    assert_false(gee_type_equal(GEE_TYPE_OF(kept_t), &kept, &none));
    assert_false(gee_type_equal(GEE_TYPE_OF(kept_t), &kept, &other));
    assert_false(gee_type_is_flat(GEE_TYPE_OF(kept_t)));
    kept_t *copy = moved(GEE_TYPE_OF(kept_t), &kept);
    memset(bytes, 0xff, 2);
    assert_memory_equal(copy->rest.data, "\x10\x01", 2);
    gee_value_t tree;
    assert_int_equal(gee_value_from_type(GEE_TYPE_OF(kept_t), &kept, pool, &tree, &error), 0);
    assert_int_equal(tree.pairs.count, 1); /* a tree has no place for them */
}

/* ---- what gee_type_check() refuses ---- */

static void is_flawed(const gee_type_t *type, const char *reason) {
    const char *flaw = gee_type_check(type);
    if (flaw == NULL || strstr(flaw, reason) == NULL)
        fail_msg("\"%s\" does not say \"%s\"", flaw ? flaw : "sound", reason);
}

static void is_flawed_enum(const gee_enum_value_t *values, size_t count, const uint32_t *by_name, const char *reason) {
    gee_type_t type = { .kind = GEE_KIND_ENUM, .name = "E", .size = 4, .values = values };
    type.value_count = count;
    type.by_name = by_name;
    is_flawed(&type, reason);
}

static void flaws_of_enums_are_named(void **state) {
    (void)state;
    static gee_enum_value_t many[GEE_ENUM_FEW + 1];
    const gee_enum_value_t sound[] = { { "B", 1 }, { "A", 2 }, { "C", 2 } }, falling[] = { { "B", 2 }, { "A", 1 } };
    const gee_enum_value_t quoted[] = { { "A\"", 1 } }, unnamed[] = { { "", 1 } }, null[] = { { NULL, 1 } };
    const gee_enum_value_t twice[] = { { "A", 1 }, { "A", 2 } };
    const uint32_t outside[] = { 1, 0, 3 }, unordered[] = { 0, 1, 2 }, right[] = { 1, 0, 2 }, both[] = { 0, 1 };
    gee_type_t sized = gee_type_of_level_t, unnamed_type = gee_type_of_level_t;
    for (size_t i = 0; i < GEE_LENGTH(many); i++)
        many[i] = (gee_enum_value_t){ "A", (int32_t)i };
    is_flawed_enum(NULL, 0, NULL, "no values");
    is_flawed_enum(NULL, 1, NULL, "no values");
    is_flawed_enum(falling, 2, NULL, "do not ascend");
    is_flawed_enum(quoted, 1, NULL, "no name, or one that JSON");
    is_flawed_enum(unnamed, 1, NULL, "no name");
    is_flawed_enum(null, 1, NULL, "no name");
    is_flawed_enum(many, GEE_LENGTH(many), NULL, "no by_name");
    is_flawed_enum(sound, 3, outside, "a position");
    is_flawed_enum(sound, 3, unordered, "do not ascend in by_name");
    is_flawed_enum(twice, 2, both, "a name comes twice");
    gee_type_t type = { .kind = GEE_KIND_ENUM, .name = "E", .size = 4, .values = sound, .value_count = 3 };
    type.by_name = right;
    assert_null(gee_type_check(&type));
    sized.size = 8;
    is_flawed(&sized, "size is not 4");
    unnamed_type.name = NULL;
    is_flawed(&unnamed_type, "null pointer");
}

static void is_flawed_choice(gee_field_t field, size_t size, const char *reason) {
    gee_type_t type = { .kind = GEE_KIND_STRUCT, .name = "T", .size = size, .fields = &field, .field_count = 1 };
    is_flawed(&type, reason);
}

static void flaws_of_oneofs_are_named(void **state) {
    (void)state;
    const gee_field_t sound = {
        .name = "A", .tag = 1, .flags = GEE_FIELD_ONEOF, .offset = 8, .type = &gee_type_of_int64_t
    };
    gee_field_t field = sound;
    gee_type_t type = { .kind = GEE_KIND_STRUCT, .name = "T", .size = 16, .fields = &field, .field_count = 1 };
    assert_null(gee_type_check(&type));
    field.selector = 2;
    is_flawed_choice(field, 16, "selector does not lie");
    field.selector = 16;
    is_flawed_choice(field, 16, "selector does not lie");
    field.selector = UINT32_MAX - 3;
    is_flawed_choice(field, 16, "selector does not lie");
    field.selector = 8;
    is_flawed_choice(field, 16, "selector lies in its member");
    field.selector = 12;
    is_flawed_choice(field, 16, "selector lies in its member");
    field = (gee_field_t){ .name = "A", .tag = 1, .flags = GEE_FIELD_ONEOF, .type = &gee_type_of_bool };
    is_flawed_choice(field, 1, "selector does not lie");
}

static void flaws_of_maps_are_named(void **state) {
    (void)state;
    gee_type_t map = gee_map_of_int64_t_to_gee_str_t, odd = gee_type_of_int64_t;
    const gee_type_t *const no_keys[] = { GEE_TYPE_OF(double), GEE_TYPE_OF(gee_bytes_t), GEE_TYPE_OF(level_t), CHOICE,
                                          &gee_array_of_3_int64_t };
    for (size_t i = 0; i < GEE_LENGTH(no_keys); i++) {
        map.key = no_keys[i];
        is_flawed(&map, "neither a bool, an integer nor a string");
    }
    odd.size = 4;
    map.key = &odd;
    is_flawed(&map, "neither a bool");
    map = gee_map_of_int64_t_to_gee_str_t;
    map.value_offset = 4; /* in the key */
    is_flawed(&map, "within its entry");
    map.value_offset = 16;
    is_flawed(&map, "within its entry");
    map = gee_map_of_int64_t_to_gee_str_t;
    map.entry_size = 28; /* the next key would not be aligned */
    is_flawed(&map, "within its entry");
    map = gee_map_of_bool_to_int64_t;
    map.value_offset = 4;
    is_flawed(&map, "not aligned");
}

static void flaws_of_required_and_unknown_fields_are_named(void **state) {
    (void)state;
    gee_field_t field = { .name = "A", .tag = 1, .flags = GEE_FIELD_REQUIRED, .type = &gee_optional_of_int64_t };
    gee_type_t type = { .kind = GEE_KIND_STRUCT, .name = "T", .size = 8, .fields = &field, .field_count = 1 };
    is_flawed(&type, "does not say so");
    type.flags = GEE_TYPE_REQUIRED;
    assert_null(gee_type_check(&type));
    field.type = &gee_type_of_int64_t;
    is_flawed(&type, "not an optional");
    gee_type_t kept = gee_type_of_kept_t;
    kept.unknown_offset = 12;
    is_flawed(&kept, "unknown fields");
    kept.unknown_offset = 16;
    is_flawed(&kept, "unknown fields");
    kept.unknown_offset = SIZE_MAX - 7;
    is_flawed(&kept, "unknown fields");
    kept = gee_type_of_kept_t;
    kept.size = 8;
    is_flawed(&kept, "unknown fields");
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(an_enum_is_found_by_its_number),
        TEST(an_enum_is_found_by_its_name),
        TEST(a_tree_has_enums_by_number_and_takes_names),
        TEST(of_a_oneof_one_member_is_set),
        TEST(a_oneof_is_zero_when_no_member_is_set),
        TEST(the_set_member_of_a_oneof_is_copied),
        TEST(a_tree_has_the_set_member_only),
        TEST(maps_are_equal_in_any_order),
        TEST(a_map_of_numbers_is_copied),
        TEST(of_equal_keys_the_last_stays),
        TEST(keys_are_in_order),
        TEST(keys_go_to_text_and_back_at_their_limits),
        TEST(what_is_no_key_is_refused),
        TEST(a_tree_has_keys_as_text),
        TEST(a_list_has_its_length),
        TEST(unknown_fields_are_part_of_the_value),
        TEST(flaws_of_enums_are_named),
        TEST(flaws_of_oneofs_are_named),
        TEST(flaws_of_maps_are_named),
        TEST(flaws_of_required_and_unknown_fields_are_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
