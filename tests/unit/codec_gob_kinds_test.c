/* codec_gob_kinds_test: enums, maps of any key, arrays, oneofs and messages of a .proto in gob: both ways, and what
 * does not go together. What Go says of them: codec_gob_go_test, tests/interop/go. */
#include "codec_gob_fixture.h"

typedef enum color { COLOR_RED, COLOR_GREEN, COLOR_FAR = -2000000000 } color_t;
GEE_ENUM_TYPE(color_t, "Color", 0, { "FAR", COLOR_FAR }, { "RED", COLOR_RED }, { "GREEN", COLOR_GREEN });
GEE_LIST_TYPE(color_t);
GEE_LIST_TYPE(double);
GEE_ARRAY_TYPE(double, 3);
GEE_ARRAY_TYPE(args_t, 2);
GEE_MAP_TYPE(int64_t);
GEE_OPTIONAL_TYPE(args_t);
GEE_KEYED_MAP_TYPE(bool, int64_t);
GEE_KEYED_MAP_TYPE(int32_t, int64_t);
GEE_KEYED_MAP_TYPE(int64_t, gee_str_t);
GEE_KEYED_MAP_TYPE(uint32_t, args_t);
GEE_KEYED_MAP_TYPE(uint64_t, color_t);

typedef struct {
    color_t color;
    GEE_LIST_OF(color_t) colors;
    GEE_KEYED_MAP_OF(bool, int64_t) flags;
    GEE_KEYED_MAP_OF(int32_t, int64_t) small;
    GEE_KEYED_MAP_OF(int64_t, gee_str_t) names;
    GEE_KEYED_MAP_OF(uint32_t, args_t) words;
    GEE_KEYED_MAP_OF(uint64_t, color_t) wide;
    GEE_LIST_OF(double) point;
    GEE_LIST_OF(args_t) pair;
    uint32_t which;
    union {
        int64_t number;
        gee_str_t text;
        args_t args;
        args_t *far;
    } is;
    int64_t last;
    gee_bytes_t rest;
} kinds_t;
GEE_STRUCT_KEEPING(kinds_t, "Kinds", rest, GEE_ENUM(kinds_t, color, "Color", 1, color_t),
                   GEE_LIST(kinds_t, colors, "Colors", 2, color_t, gee_list_of_color_t),
                   GEE_KEYED_MAP(kinds_t, flags, "Flags", 3, bool, int64_t, gee_map_of_bool_to_int64_t),
                   GEE_KEYED_MAP(kinds_t, small, "Small", 4, int32_t, int64_t, gee_map_of_int32_t_to_int64_t),
                   GEE_KEYED_MAP(kinds_t, names, "Names", 5, int64_t, gee_str_t, gee_map_of_int64_t_to_gee_str_t),
                   GEE_KEYED_MAP(kinds_t, words, "Words", 6, uint32_t, args_t, gee_map_of_uint32_t_to_args_t),
                   GEE_KEYED_MAP(kinds_t, wide, "Wide", 7, uint64_t, color_t, gee_map_of_uint64_t_to_color_t),
                   GEE_LIST(kinds_t, point, "Point", 8, double, gee_array_of_3_double),
                   GEE_LIST(kinds_t, pair, "Pair", 9, args_t, gee_array_of_2_args_t),
                   GEE_ONEOF(kinds_t, which, is.number, "Number", 10, int64_t),
                   GEE_ONEOF(kinds_t, which, is.text, "Text", 11, gee_str_t),
                   GEE_ONEOF(kinds_t, which, is.args, "Args", 12, args_t),
                   GEE_ONEOF_OPTIONAL(kinds_t, which, is.far, "Far", 13, args_t, gee_optional_of_args_t),
                   GEE_INT64(kinds_t, last, "Last", 14));
#define KINDS GEE_TYPE_OF(kinds_t)

/* Whatever the codec does by itself: over a connection; carried to a third; as a tree. */
static void goes_around(const kinds_t *kinds) {
    kinds_t back;
    gee_chain_t chain;
    gee_value_t tree;
    void *next = open_state(NULL), *first = receiver;
    passes(KINDS, kinds, &back);
    assert_int_equal(encode(KINDS, kinds), 0);
    assert_int_equal(read_wire(NULL, NULL, &tree), 0);
    assert_int_equal(codec->check(receiver, NULL, wire, wire_length, &limits, GEE_WAY_TO_SERVER, &error), 0);
    gee_chain_init(&chain, cache);
    assert_int_equal(take_chain(&chain, codec->carry(receiver, next, wire, wire_length, &chain, &error)), 0);
    receiver = open_state(NULL);
    if (read_wire(KINDS, &back, NULL) != 0)
        fail_msg("%s", error.text);
    assert_true(gee_type_equal(KINDS, kinds, &back));
    close_state(&receiver);
    close_state(&next);
    receiver = first;
}

static void all_kinds_go_around(void **state) {
    (void)state;
    color_t colors[] = { COLOR_GREEN, COLOR_RED, COLOR_FAR, (color_t)77 };
    struct {
        bool key;
        int64_t value;
    } flags[] = { { false, 0 }, { true, INT64_MIN } };
    struct {
        int32_t key;
        int64_t value;
    } small[] = { { INT32_MIN, 1 }, { 0, 0 }, { INT32_MAX, 2 } };
    struct {
        int64_t key;
        gee_str_t value;
    } names[] = { { INT64_MIN, GEE_STR("least") }, { -1, GEE_STR("") }, { INT64_MAX, GEE_STR("most") } };
    struct {
        uint32_t key;
        args_t value;
    } words[] = { { 0, { 1, 2 } }, { UINT32_MAX, { 0, 0 } } };
    struct {
        uint64_t key;
        color_t value;
    } wide[] = { { 0, COLOR_RED }, { UINT64_MAX, COLOR_FAR } };
    double point[] = { 0, -1.5, 1e300 };
    args_t pair[] = { { 0, 0 }, { 3, 4 } };
    kinds_t kinds = { .color = COLOR_FAR, .last = 9 };
    goes_around(&(kinds_t){ 0 });
    kinds.colors.items = colors, kinds.colors.count = 4;
    kinds.flags.items = (void *)flags, kinds.flags.count = 2;
    kinds.small.items = (void *)small, kinds.small.count = 3;
    kinds.names.items = (void *)names, kinds.names.count = 3;
    kinds.words.items = (void *)words, kinds.words.count = 2;
    kinds.wide.items = (void *)wide, kinds.wide.count = 2;
    kinds.point.items = point, kinds.point.count = 3;
    kinds.pair.items = pair, kinds.pair.count = 2;
    goes_around(&kinds);
}

/* ---- oneofs ---- */

static void the_set_member_goes_around_even_when_zero(void **state) {
    (void)state;
    args_t far = { 5, 0 }, zero = { 0, 0 };
    goes_around(&(kinds_t){ .which = 10, .last = 1 });
    goes_around(&(kinds_t){ .which = 10, .is.number = -1 });
    goes_around(&(kinds_t){ .which = 11 });
    goes_around(&(kinds_t){ .which = 11, .is.text = GEE_STR("text") });
    goes_around(&(kinds_t){ .which = 12 });
    goes_around(&(kinds_t){ .which = 12, .is.args = { 1, 2 }, .last = 2 });
    goes_around(&(kinds_t){ .which = 13, .is.far = &far });
    goes_around(&(kinds_t){ .which = 13, .is.far = &zero });
}

typedef struct {
    int64_t id;
    uint32_t which;
    union {
        int64_t number;
        gee_str_t text;
    } is;
    bool last;
} choice_t;
GEE_STRUCT(choice_t, "Choice", GEE_INT64(choice_t, id, "Id", 1),
           GEE_ONEOF(choice_t, which, is.number, "Number", 2, int64_t),
           GEE_ONEOF(choice_t, which, is.text, "Text", 3, gee_str_t), GEE_BOOL(choice_t, last, "Last", 4));

/* A struct of numbers and text goes a shorter way once its type is known. */
static void a_oneof_of_a_known_type_goes_around(void **state) {
    (void)state;
    const choice_t choices[] = { { .which = 2, .is.number = 7, .last = true },
                                 { .which = 3, .is.text = GEE_STR("text") },
                                 { .id = 1, .which = 2 },
                                 { .which = 3 },
                                 { .id = 2, .is.number = 9 } };
    choice_t back;
    for (size_t i = 0; i < 3 * GEE_LENGTH(choices); i++)
        passes(GEE_TYPE_OF(choice_t), &choices[i % GEE_LENGTH(choices)], &back);
}

static void a_set_member_that_is_absent_is_not_sent(void **state) {
    (void)state;
    kinds_t absent = { .which = 13, .last = 1 }, back;
    assert_int_equal(encode(KINDS, &absent), 0);
    assert_int_equal(read_wire(KINDS, &back, NULL), 0);
    assert_true(back.which == 0 && back.last == 1);
}

typedef struct {
    int64_t number;
    gee_str_t text;
    int64_t last;
} flat_t;
GEE_STRUCT(flat_t, "Kinds", GEE_INT64(flat_t, number, "Number", 1), GEE_STRING(flat_t, text, "Text", 2),
           GEE_INT64(flat_t, last, "Last", 3));

/* A Go program has a oneof's members as fields beside each other. */
static void of_several_members_the_last_is_set(void **state) {
    (void)state;
    flat_t flat = { .number = 7, .text = GEE_STR("text"), .last = 3 };
    kinds_t kinds;
    assert_int_equal(encode(GEE_TYPE_OF(flat_t), &flat), 0);
    assert_int_equal(read_wire(KINDS, &kinds, NULL), 0);
    assert_true(kinds.which == 11 && gee_str_equal(kinds.is.text, GEE_STR("text")) && kinds.last == 3);
    flat.text = GEE_STR("");
    assert_int_equal(encode(GEE_TYPE_OF(flat_t), &flat), 0);
    assert_int_equal(read_wire(KINDS, &kinds, NULL), 0);
    assert_true(kinds.which == 10 && kinds.is.number == 7);
}

static void unknown_fields_are_not_sent(void **state) {
    (void)state;
    kinds_t kinds = { .last = 5, .rest = { (const uint8_t *)"\x98\x06\x01", 3 } }, back;
    assert_int_equal(encode(KINDS, &kinds), 0);
    assert_int_equal(read_wire(KINDS, &back, NULL), 0);
    assert_true(back.last == 5 && back.rest.length == 0);
}

/* ---- maps and arrays that do not fit ---- */

#define MAP_INT_INT   "0e ff81 04 01 02 ff82 00 01 04 01 04 00 00"
#define MAP_UINT_INT  "0e ff81 04 01 02 ff82 00 01 06 01 04 00 00"
#define MAP_BOOL_INT  "0e ff81 04 01 02 ff82 00 01 02 01 04 00 00"
#define MAP_FLOAT_INT "0e ff81 04 01 02 ff82 00 01 08 01 04 00 00"
#define ARRAY_2_FLOAT "0e ff81 01 01 02 ff82 00 01 08 01 04 00 00"
#define SLICE_FLOAT   "0c ff81 02 01 02 ff82 00 01 08 00 00"

static void fresh_receiver(void) {
    close_state(&receiver);
    receiver = open_state(shared);
}

static void keys_of_another_kind_are_refused(void **state) {
    (void)state;
    static const struct {
        const gee_type_t *type;
        const char *hex, *reason;
    } rows[] = {
        { &gee_map_of_int64_t, MAP_INT_INT "06 ff82 00 01 02 04",
          "a map with keys of int is sent where keys of string are expected" },
        { &gee_map_of_bool_to_int64_t, MAP_INT_INT "06 ff82 00 01 02 04", "keys of int is sent where keys of bool" },
        { &gee_map_of_int32_t_to_int64_t, MAP_UINT_INT "06 ff82 00 01 02 04",
          "keys of uint is sent where keys of int" },
        { &gee_map_of_bool_to_int64_t, MAP_FLOAT_INT "06 ff82 00 01 02 04", "keys of float is sent where" },
        { &gee_map_of_int32_t_to_int64_t, MAP_INT_INT "0b ff82 00 01 fbffffffffff 00", "does not fit int32" },
        { &gee_map_of_int32_t_to_int64_t, MAP_INT_INT "07 ff82 00 01 fe0100", "truncated" },
        { &gee_map_of_int32_t_to_int64_t, MAP_INT_INT "06 ff82 00 02 02 04", "2 elements are announced" },
        { &gee_map_of_int32_t_to_int64_t, MAP_INT_INT "0e ff82 00 f8ffffffffffffffff 02 04", "are announced" },
    };
    for (size_t i = 0; i < GEE_LENGTH(rows); i++) {
        fresh_receiver();
        refuses(rows[i].type, rows[i].hex, rows[i].reason);
    }
}

static void arrays_of_another_length_are_refused(void **state) {
    (void)state;
    gee_list_value_t list, four = { (double[]){ 1, 2, 3, 4 }, 4 };
    refuses(&gee_array_of_3_double, ARRAY_2_FLOAT "0a ff82 00 02 fef03f fef03f",
            "an array of 2 is sent where 3 are expected");
    fresh_receiver();
    refuses(&gee_array_of_3_double, SLICE_FLOAT "0a ff82 00 02 fef03f fef03f",
            "2 elements are sent where 3 are expected");
    reads(&gee_array_of_3_double, "07 ff82 00 03 00 00 00", &list); /* a list, of the right length */
    assert_int_equal(list.count, 3);
    fresh_receiver();
    reads(&gee_list_of_double, ARRAY_2_FLOAT "0a ff82 00 02 fef03f fef03f", &list); /* an array where any length does */
    assert_true(list.count == 2 && ((const double *)list.items)[1] == 1);
    assert_int_equal(encode(&gee_array_of_3_double, &four), -1);
    assert_string_equal(error.text, "4 items in an array of 3");
}

static void an_array_that_was_never_filled_is_zeros(void **state) {
    (void)state;
    gee_list_value_t none = { NULL, 0 }, list;
    assert_int_equal(encode(&gee_array_of_3_double, &none), 0);
    assert_int_equal(read_wire(&gee_array_of_3_double, &list, NULL), 0);
    assert_true(list.count == 3 && ((const double *)list.items)[2] == 0);
    assert_int_equal(encode(&gee_array_of_2_args_t, &none), 0);
    assert_int_equal(read_wire(&gee_array_of_2_args_t, &list, NULL), 0);
    assert_true(list.count == 2 && ((const args_t *)list.items)[1].b == 0);
}

static void of_equal_keys_the_last_stays(void **state) {
    (void)state;
    struct {
        int32_t key;
        int64_t value;
    } * entries;
    gee_list_value_t map;
    reads(&gee_map_of_int32_t_to_int64_t, MAP_INT_INT "0a ff82 00 03 02 04 01 00 02 06", &map);
    assert_int_equal(map.count, 2);
    entries = map.items;
    assert_true(entries[0].key == -1 && entries[1].key == 1 && entries[1].value == 3);
    fresh_receiver();
    reads(&gee_map_of_bool_to_int64_t, MAP_BOOL_INT "0a ff82 00 03 01 02 02 04 00 06", &map); /* 2 is true, too */
    assert_int_equal(map.count, 2);
}

static void trees_have_keys_as_text(void **state) {
    (void)state;
    gee_value_t tree;
    from_hex(MAP_BOOL_INT "08 ff82 00 02 00 02 01 04");
    assert_int_equal(read_wire(NULL, NULL, &tree), 0);
    expect_tree(&tree, "{\"false\":1,\"true\":2}");
    fresh_receiver();
    from_hex(MAP_INT_INT "10 ff82 00 02 f8ffffffffffffffff 02 02 04");
    assert_int_equal(read_wire(NULL, NULL, &tree), 0);
    expect_tree(&tree, "{\"-9223372036854775808\":1,\"1\":2}");
    fresh_receiver();
    from_hex(MAP_UINT_INT "0e ff82 00 01 f8ffffffffffffffff 02");
    assert_int_equal(read_wire(NULL, NULL, &tree), 0);
    expect_tree(&tree, "{\"18446744073709551615\":1}");
    fresh_receiver();
    from_hex(MAP_FLOAT_INT "06 ff82 00 01 02 04");
    assert_int_equal(read_wire(NULL, NULL, &tree), -1);
    assert_string_equal(error.text, "a map with keys of float, where strings, integers or bools are expected");
}

/* ---- messages of a .proto ---- */

/* A struct of as many numbers as there are names; with a full name, as made from a .proto, or without. */
static void make_type(gee_type_t *type, gee_field_t *fields, const char *const *names, size_t count, bool message) {
    for (size_t i = 0; i < count; i++)
        fields[i] = (gee_field_t){ .name = names[i],
                                   .tag = (uint32_t)i + 1,
                                   .offset = (uint32_t)(i * sizeof(int64_t)),
                                   .type = &gee_type_of_int64_t };
    *type = (gee_type_t){ .kind = GEE_KIND_STRUCT, .name = "M", .fields = fields, .field_count = count };
    type->size = count * sizeof(int64_t);
    type->full_name = message ? "test.M" : NULL;
}

static const char *const proto_names[] = { "a",           "first_name", "_hidden", "line_2",  "v4addr",
                                           "twice__used", "trailing_",  "fooBar",  "foo_bar", "get_a",
                                           "string",      "Reset",      "ip_V6",   "x_y_z",   "my_9lives" };
static const char *const go_names[] = { "A",          "FirstName", "XHidden", "Line_2",  "V4Addr",
                                        "Twice_Used", "Trailing_", "FooBar",  "FooBar_", "GetA_",
                                        "String_",    "Reset_",    "Ip_V6",   "XYZ",     "My_9Lives" };
#define NAMES GEE_LENGTH(go_names)

static void a_message_has_the_names_that_go_gives_to_its_fields(void **state) {
    (void)state;
    gee_type_t message, structure;
    gee_field_t message_fields[NAMES], structure_fields[NAMES];
    int64_t values[NAMES], back[NAMES];
    make_type(&message, message_fields, proto_names, NAMES, true);
    make_type(&structure, structure_fields, go_names, NAMES, false);
    for (size_t i = 0; i < NAMES; i++)
        values[i] = (int64_t)i + 1;
    assert_int_equal(encode(&message, values), 0);
    assert_int_equal(read_wire(&structure, back, NULL), 0);
    assert_memory_equal(back, values, sizeof(values));
    assert_int_equal(encode(&structure, values), 0);
    assert_int_equal(read_wire(&message, back, NULL), 0);
    assert_memory_equal(back, values, sizeof(values));
    passes(&message, values, back);
}

/* Without others that want the same name. */
static void each_name_by_itself(void **state) {
    (void)state;
    static const char *const more[][2] = { { "foo_bar", "FooBar" },
                                           { "get_a", "GetA" },
                                           { "a1_b2", "A1B2" },
                                           { "a1b2", "A1B2" },
                                           { "x", "X" },
                                           { "get", "Get" },
                                           { "marshal", "Marshal_" },
                                           { "descriptor", "Descriptor_" } };
    gee_type_t message, structure;
    gee_field_t message_field, structure_field;
    for (size_t i = 0; i < NAMES + GEE_LENGTH(more); i++) {
        const char *const *proto = i < NAMES ? &proto_names[i] : &more[i - NAMES][0];
        const char *const *go = i < NAMES ? &go_names[i] : &more[i - NAMES][1];
        int64_t value = 5, back = 0;
        if (i < NAMES && (strcmp(*go, "FooBar_") == 0 || strcmp(*go, "GetA_") == 0))
            continue;
        make_type(&message, &message_field, proto, 1, true);
        make_type(&structure, &structure_field, go, 1, false);
        assert_int_equal(encode(&message, &value), 0);
        if (read_wire(&structure, &back, NULL) != 0)
            fail_msg("%s: %s", *proto, error.text);
        assert_int_equal(back, 5);
    }
}

static void a_name_is_not_that_of_a_getter(void **state) {
    (void)state;
    static const char *const proto[] = { "a", "get_a", "b2" }, *const go[] = { "A", "GetA_", "B2" };
    gee_type_t message, structure;
    gee_field_t message_fields[3], structure_fields[3];
    int64_t values[] = { 1, 2, 3 }, back[3];
    make_type(&message, message_fields, proto, 3, true);
    make_type(&structure, structure_fields, go, 3, false);
    assert_int_equal(encode(&message, values), 0);
    assert_int_equal(read_wire(&structure, back, NULL), 0);
    assert_memory_equal(back, values, sizeof(values));
}

/* As a gateway without types makes them of JSON. */
static void a_message_is_read_by_the_names_of_its_proto_too(void **state) {
    (void)state;
    static const char *const names[] = { "first_name", "string", "none" };
    gee_type_t message, structure;
    gee_field_t message_fields[NAMES], structure_fields[3];
    int64_t values[] = { 1, 2, 3 }, back[NAMES] = { 0 };
    make_type(&message, message_fields, proto_names, NAMES, true);
    make_type(&structure, structure_fields, names, 3, false);
    assert_int_equal(encode(&structure, values), 0);
    assert_int_equal(read_wire(&message, back, NULL), 0);
    assert_true(back[1] == 1 && back[10] == 2 && back[0] == 0);
}

/* Refused in bounded time: names that all become one, however many there are. */
static void names_that_become_one_are_bounded(void **state) {
    (void)state;
    enum { COUNT = 4096, WORDS = 12 };
    static char texts[COUNT][3 * WORDS + 1];
    static const char *names[COUNT];
    static gee_field_t fields[COUNT];
    static int64_t values[COUNT];
    gee_type_t message;
    for (size_t i = 0; i < COUNT; i++) {
        char *at = texts[i];
        for (unsigned word = 0; word < WORDS; word++) /* "Ab" or "_ab" */
            at += sprintf(at, i >> word & 1 ? "Ab" : word > 0 ? "_ab" : "ab");
        names[i] = texts[i];
    }
    make_type(&message, fields, names, 10, true);
    assert_int_equal(encode(&message, values), 0);
    make_type(&message, fields, names, COUNT, true);
    assert_int_equal(encode(&message, values), -1);
    assert_int_equal(error.code, GEE_RESOURCE_EXHAUSTED);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(all_kinds_go_around),
        TEST(the_set_member_goes_around_even_when_zero),
        TEST(a_oneof_of_a_known_type_goes_around),
        TEST(a_set_member_that_is_absent_is_not_sent),
        TEST(of_several_members_the_last_is_set),
        TEST(unknown_fields_are_not_sent),
        TEST(keys_of_another_kind_are_refused),
        TEST(arrays_of_another_length_are_refused),
        TEST(an_array_that_was_never_filled_is_zeros),
        TEST(of_equal_keys_the_last_stays),
        TEST(trees_have_keys_as_text),
        TEST(a_message_has_the_names_that_go_gives_to_its_fields),
        TEST(each_name_by_itself),
        TEST(a_name_is_not_that_of_a_getter),
        TEST(a_message_is_read_by_the_names_of_its_proto_too),
        TEST(names_that_become_one_are_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
