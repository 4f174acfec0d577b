/* codec_gob_test: what is strict, what is sent once, what is forgotten when a message is taken back, trees, forwarding,
 * plans that outlive their connections. */
#include "codec_gob_captures.h"
#include "codec_gob_fixture.h"

GEE_LIST_TYPE(int64_t);
GEE_LIST_TYPE(args_t);
GEE_MAP_TYPE(args_t);
GEE_OPTIONAL_TYPE(int64_t);
GEE_OPTIONAL_TYPE(args_t);
typedef int64_t *maybe_t;
#define gee_type_of_maybe_t gee_optional_of_int64_t
GEE_LIST_TYPE(maybe_t);

typedef struct {
    int32_t a;
    uint32_t b;
} unlike_t;
GEE_STRUCT(unlike_t, "Unlike", GEE_INT32(unlike_t, a, "A", 1), GEE_UINT32(unlike_t, b, "B", 2));
typedef struct {
    int32_t a;
} narrow_t;
GEE_STRUCT(narrow_t, "Narrow", GEE_INT32(narrow_t, a, "A", 1));
typedef struct {
    double a;
} real_t;
GEE_STRUCT(real_t, "Real", GEE_DOUBLE(real_t, a, "A", 1));
typedef struct {
    float a;
} single_t;
GEE_STRUCT(single_t, "Single", GEE_FLOAT(single_t, a, "A", 1));
typedef struct {
    int64_t a;
} lower_t;
GEE_STRUCT(lower_t, "Lower", GEE_INT64(lower_t, a, "a", 1));
typedef struct {
    GEE_LIST_OF(args_t) rows;
    GEE_MAP_OF(args_t) named;
    int64_t *maybe;
    args_t *other;
} nest_t;
GEE_STRUCT(nest_t, "Nest", GEE_LIST(nest_t, rows, "Rows", 1, args_t, gee_list_of_args_t),
           GEE_MAP(nest_t, named, "Named", 2, args_t, gee_map_of_args_t),
           GEE_OPTIONAL(nest_t, maybe, "Maybe", 3, int64_t, gee_optional_of_int64_t),
           GEE_OPTIONAL(nest_t, other, "Other", 4, args_t, gee_optional_of_args_t));
typedef struct {
    GEE_LIST_OF(unlike_t) rows;
} wrong_nest_t;
GEE_LIST_TYPE(unlike_t);
GEE_STRUCT(wrong_nest_t, "Nest", GEE_LIST(wrong_nest_t, rows, "Rows", 1, unlike_t, gee_list_of_unlike_t));

/* struct { A float; B string } with A 1e300, B empty */
#define FLOAT_1E300                                                                                                    \
    "1b ff81 0301 01 01 58 01ff82 00 01 02 0101 41 01 08 00 0101 42 01 0c 00 00 00"                                    \
    "0d ff82 01 f8 9c7500883ce4377e 00"

/* ---- what goes into what ---- */

static void types_are_as_strict_as_in_go(void **state) {
    (void)state;
    const args_t args = { 1, 2 };
    max_align_t value[8];
    assert_int_equal(encode(GEE_TYPE_OF(args_t), &args), 0);
    assert_int_equal(read_wire(GEE_TYPE_OF(unlike_t), value, NULL), -1);
    assert_string_equal(error.text, "B: int is sent where uint32 is expected");
    assert_int_equal(error.code, GEE_INVALID_ARGUMENT);
    assert_int_equal(encode(GEE_TYPE_OF(args_t), &args), 0);
    assert_int_equal(read_wire(GEE_TYPE_OF(real_t), value, NULL), -1);
    assert_string_equal(error.text, "A: int is sent where double is expected");
    assert_int_equal(encode(GEE_TYPE_OF(args_t), &args), 0);
    assert_int_equal(read_wire(GEE_TYPE_OF(int64_t), value, NULL), -1);
    assert_string_equal(error.text, "struct Args is sent where int64 is expected");
    /* A name in other letters is another name; and a struct of which nothing is known is a mistake, not a zero. */
    assert_int_equal(encode(GEE_TYPE_OF(args_t), &args), 0);
    assert_int_equal(read_wire(GEE_TYPE_OF(lower_t), value, NULL), -1);
    assert_string_equal(error.text, "struct Args is sent, which has no field of Lower");
    /* The connection is none the worse. */
    assert_int_equal(encode(GEE_TYPE_OF(args_t), &args), 0);
    assert_int_equal(read_wire(GEE_TYPE_OF(args_t), value, NULL), 0);
}

static void numbers_that_do_not_fit_are_refused(void **state) {
    (void)state;
    args_t args = { (int64_t)INT32_MAX + 1, 0 };
    narrow_t narrow;
    assert_int_equal(encode(GEE_TYPE_OF(args_t), &args), 0);
    assert_int_equal(read_wire(GEE_TYPE_OF(narrow_t), &narrow, NULL), -1);
    assert_string_equal(error.text, "A: 2147483648 does not fit int32");
    assert_int_equal(error.code, GEE_OUT_OF_RANGE);
    args.a = INT32_MIN;
    assert_int_equal(encode(GEE_TYPE_OF(args_t), &args), 0);
    assert_int_equal(read_wire(GEE_TYPE_OF(narrow_t), &narrow, NULL), 0);
    assert_int_equal(narrow.a, INT32_MIN);
    close_state(&receiver); /* another connection */
    receiver = open_state(shared);
    refuses(GEE_TYPE_OF(single_t), FLOAT_1E300, "A: 1");
    assert_int_equal(error.code, GEE_OUT_OF_RANGE);
}

static void errors_say_where(void **state) {
    (void)state;
    args_t rows[2] = { { 1, 2 }, { 3, 4 } };
    nest_t nest = { .maybe = NULL };
    wrong_nest_t wrong;
    gee_bytes_t bad = { (const uint8_t *)"\xff", 1 };
    nest.rows.items = rows;
    nest.rows.count = 2;
    assert_int_equal(encode(GEE_TYPE_OF(nest_t), &nest), 0);
    assert_int_equal(read_wire(GEE_TYPE_OF(wrong_nest_t), &wrong, NULL), -1);
    assert_string_equal(error.text, "Rows[0].B: int is sent where uint32 is expected");
    header_t header = { .error = { (const char *)bad.data, 1 } };
    assert_int_equal(encode(GEE_TYPE_OF(header_t), &header), -1);
    assert_string_equal(error.text, "Error: the string is not valid UTF-8");
    assert_int_equal(error.code, GEE_INTERNAL);
}

static void optionals_are_pointers(void **state) {
    (void)state;
    int64_t zero = 0;
    args_t other = { 0, 0 };
    nest_t nest = { .maybe = &zero, .other = &other }, back;
    passes(GEE_TYPE_OF(nest_t), &nest, &back);
    assert_non_null(back.maybe); /* written although it is zero */
    assert_non_null(back.other);
    nest = (nest_t){ .maybe = NULL };
    passes(GEE_TYPE_OF(nest_t), &nest, &back);
    assert_null(back.maybe);
    assert_null(back.other);
    maybe_t items[2] = { &zero, NULL };
    gee_list_value_t list = { items, 2 };
    assert_int_equal(encode(&gee_list_of_maybe_t, &list), -1);
    assert_string_equal(error.text, "[1]: an absent value, which gob has in fields of structs only");
}

/* ---- definitions ---- */

static size_t encoded_length(const gee_type_t *type, const void *value) {
    assert_int_equal(encode(type, value), 0);
    return wire_length;
}

static void definitions_are_sent_once(void **state) {
    (void)state;
    args_t args = { 7, 8 };
    nest_t nest = { .maybe = NULL };
    size_t first = encoded_length(GEE_TYPE_OF(args_t), &args);
    assert_int_equal(encoded_length(GEE_TYPE_OF(args_t), &args), 8);
    assert_true(first > 8);
    first = encoded_length(GEE_TYPE_OF(nest_t), &nest);
    assert_true(first > 100);
    assert_int_equal(encoded_length(GEE_TYPE_OF(nest_t), &nest), 4);
}

/* Bytes that are cut off again took their definitions with them. */
static void what_was_taken_back_is_sent_again(void **state) {
    (void)state;
    const args_t args = { 7, 8 };
    header_t header = { .service_method = GEE_STR("Arith.Multiply"), .seq = 1 };
    uint64_t mark = codec->mark(sender);
    size_t first = encoded_length(GEE_TYPE_OF(header_t), &header);
    assert_true(encoded_length(GEE_TYPE_OF(args_t), &args) > 8);
    codec->rewind(sender, mark);
    assert_int_equal(encoded_length(GEE_TYPE_OF(header_t), &header), first);
    expect_wire(go_header_0); /* and under the same id */
    mark = codec->mark(sender);
    assert_int_equal(encode(GEE_TYPE_OF(args_t), &args), 0);
    codec->rewind(sender, mark);
    assert_int_equal(encode(GEE_TYPE_OF(args_t), &args), 0);
    expect_wire(go_header_1);
    header.seq = 2; /* what was before the mark stays known */
    assert_int_equal(encode(GEE_TYPE_OF(header_t), &header), 0);
    expect_wire(go_header_2);
}

static void a_value_that_fails_leaves_no_definition(void **state) {
    (void)state;
    header_t header = { .service_method = { "\xff", 1 } };
    assert_int_equal(encode(GEE_TYPE_OF(header_t), &header), -1);
    header = (header_t){ .service_method = GEE_STR("Arith.Multiply"), .seq = 1 };
    assert_int_equal(encode(GEE_TYPE_OF(header_t), &header), 0);
    expect_wire(go_header_0);
}

/* Types of one structure are one type, whoever declares them and however often. */
static void types_made_at_run_time_are_known_again(void **state) {
    (void)state;
    for (int round = 0; round < 3; round++) {
        gee_type_t *type = malloc(sizeof(*type));
        gee_field_t *fields = malloc(2 * sizeof(*fields));
        *type = gee_type_of_args_t;
        type->lasting = false;
        type->fields = memcpy(fields, gee_fields_of_args_t, 2 * sizeof(*fields));
        args_t args = { round, 5 }, back;
        assert_int_equal(encode(type, &args), 0);
        assert_true(wire_length > 8 || round > 0);
        assert_int_equal(read_wire(type, &back, NULL), 0);
        assert_int_equal(back.a, round);
        /* The same address, another type: a plan kept by address would write past the value. */
        fields[0].offset = fields[1].offset;
        fields[1].name = "C";
        assert_int_equal(encode(GEE_TYPE_OF(args_t), &args), 0);
        assert_int_equal(read_wire(type, &back, NULL), 0);
        assert_int_equal(back.b, round);
        free(fields);
        free(type);
    }
}

/* A later connection finds the plans of an earlier one, whatever its ids. */
static void connections_share_what_they_know(void **state) {
    (void)state;
    for (int i = 0; i < 1000; i++) {
        args_t args;
        close_state(&receiver);
        receiver = open_state(shared);
        reads(GEE_TYPE_OF(args_t), i % 2 ? go_header_1 : go_late_header_1, &args);
        assert_int_equal(args.a, 7);
    }
}

static void too_many_types_are_not_sent(void **state) {
    (void)state;
    char name[16], names[2048][8];
    gee_field_t field = gee_fields_of_args_t[0];
    gee_type_t type = {
        .kind = GEE_KIND_STRUCT, .name = name, .size = sizeof(args_t), .fields = &field, .field_count = 1
    };
    const args_t args = { 1, 2 };
    size_t sent = 0;
    snprintf(name, sizeof(name), "T");
    field.name_length = 0;
    for (; sent < 2048; sent++) {
        snprintf(names[sent], sizeof(names[sent]), "F%zu", sent);
        field.name = names[sent];
        if (encode(&type, &args) != 0)
            break;
    }
    assert_int_equal(sent, 1024);
    assert_int_equal(error.code, GEE_RESOURCE_EXHAUSTED);
    field.name = names[0];
    assert_int_equal(encode(&type, &args), 0);
    assert_true(wire_length < 10);
}

/* A receiver of ours would end the connection, which others share. */
static void no_more_is_defined_than_a_receiver_takes(void **state) {
    (void)state;
    enum { LONG = 600000, WIDE = 17000 };
    gee_value_t item = { .kind = GEE_VALUE_INT, .integer = 1 };
    char *name = gee_pool_alloc(pool, LONG);
    gee_pair_t *pairs = gee_pool_array(pool, WIDE, sizeof(*pairs));
    gee_chain_t chain;
    gee_chain_init(&chain, cache);
    memset(name, 'a', LONG);
    for (size_t i = 0; i < WIDE; i++)
        pairs[i] = (gee_pair_t){ .key = gee_str(gee_pool_printf(pool, "F%zu", i)), .value = &item };
    for (int wide = 0; wide < 2; wide++) {
        gee_value_t tree = { .kind = GEE_VALUE_STRUCT, .pairs = { .items = pairs, .count = wide ? WIDE : 1 } };
        void *to = open_state(shared);
        for (int turn = 0; turn < 2; turn++) {
            name[0] = (char)('A' + turn);
            tree.type_name = (gee_str_t){ .data = name, .length = wide ? 1 : LONG };
            assert_int_equal(codec->encode_value(to, &tree, &chain, &error), turn == 0 ? 0 : -1);
            gee_chain_clear(&chain);
        }
        assert_int_equal(error.code, GEE_RESOURCE_EXHAUSTED);
        assert_string_equal(error.text, wide ? "types with over 32768 fields to be defined on one connection"
                                             : "over 1048576 bytes of type definitions to be sent on one connection");
        close_state(&to);
    }
}

/* ---- trees ---- */

static void json_becomes_gob_with_types(void **state) {
    (void)state;
    gee_value_t tree = tree_of("{\"A\":7,\"B\":8}");
    args_t args;
    assert_int_equal(encode_tree(&tree), 0);
    assert_int_equal(read_wire(GEE_TYPE_OF(args_t), &args, NULL), 0);
    assert_true(args.a == 7 && args.b == 8);
    tree = tree_of("{\"B\":-1,\"A\":2}"); /* another order is another type */
    assert_int_equal(encode_tree(&tree), 0);
    assert_int_equal(read_wire(GEE_TYPE_OF(args_t), &args, NULL), 0);
    assert_true(args.a == 2 && args.b == -1);
    assert_int_equal(encode_tree(&tree), 0);
    assert_int_equal(wire_length, 8); /* the same again is not */
    tree = tree_of("{\"A\":1.0}");
    real_t real;
    assert_int_equal(encode_tree(&tree), 0);
    assert_int_equal(read_wire(GEE_TYPE_OF(real_t), &real, NULL), 0);
    assert_true(real.a == 1);
}

static void trees_survive(void **state) {
    (void)state;
    static const char *const texts[] = {
        "{\"A\":[1,2],\"B\":[[1.5],[],[2.5,3.5]],\"C\":{\"D\":true,\"E\":\"x\"}}",
        "[{\"A\":1,\"B\":\"\"},{\"A\":0,\"B\":\"x\"}]",
        "5",
        "\"\"",
        "[]",
        "{}",
        "[[],[[],[true]]]",
        "-9223372036854775808",
        "18446744073709551615",
    };
    for (size_t i = 0; i < GEE_LENGTH(texts); i++) {
        gee_value_t tree = tree_of(texts[i]), back;
        if (encode_tree(&tree) != 0 || read_wire(NULL, NULL, &back) != 0)
            fail_msg("%s: %s", texts[i], error.text);
        expect_tree(&back, texts[i]);
    }
}

/* Elements with different fields: the type has all of them. */
static void fields_are_gathered_over_a_list(void **state) {
    (void)state;
    gee_value_t tree = tree_of("[{\"A\":1},{\"B\":[]},{\"B\":[\"x\"],\"A\":2},{}]"), back;
    assert_int_equal(encode_tree(&tree), 0);
    assert_int_equal(read_wire(NULL, NULL, &back), 0);
    expect_tree(&back, "[{\"A\":1,\"B\":[]},{\"A\":0,\"B\":[]},{\"A\":2,\"B\":[\"x\"]},{\"A\":0,\"B\":[]}]");
}

static void what_has_no_one_type_is_refused(void **state) {
    (void)state;
    static const struct {
        const char *json, *reason;
    } rows[] = {
        { "{\"X\":[1,\"a\"]}", "X[1]: a string beside an integer" },
        { "[1,2.5]", "write 1.0 for 1" },
        { "[1,null]", "[1]: null" },
        { "null", "null" },
        { "{\"X\":{\"\":1}}", "X: a field without a name" },
        { "[{\"A\":1},{\"A\":true}]", "[1].A: a boolean beside an integer" },
    };
    for (size_t i = 0; i < GEE_LENGTH(rows); i++) {
        gee_value_t tree = tree_of(rows[i].json);
        assert_int_equal(encode_tree(&tree), -1);
        assert_int_equal(error.code, GEE_INTERNAL);
        if (strstr(error.text, rows[i].reason) == NULL)
            fail_msg("%s: %s", rows[i].json, error.text);
    }
}

/* A list whose every element has fields of its own: the work must go with what is there, not with its square. */
static void wide_lists_are_linear(void **state) {
    (void)state;
    enum { COUNT = 30000 };
    gee_value_t list = { .kind = GEE_VALUE_LIST };
    gee_value_t *values = gee_pool_array(pool, 2 * COUNT, sizeof(*values));
    gee_pair_t *pairs = gee_pool_array(pool, COUNT, sizeof(*pairs));
    list.list.items = values;
    list.list.count = COUNT;
    for (size_t i = 0; i < COUNT; i++) {
        pairs[i].key = gee_str(gee_pool_printf(pool, "F%zu", (i * 7919) % COUNT));
        pairs[i].value = &values[COUNT + i];
        values[COUNT + i].kind = GEE_VALUE_INT;
        values[COUNT + i].integer = (int64_t)i;
        values[i].kind = GEE_VALUE_STRUCT;
        values[i].pairs.items = &pairs[i];
        values[i].pairs.count = 1;
    }
    gee_chain_t chain;
    gee_chain_init(&chain, cache);
    int64_t start = gee_clock_monotonic();
    assert_int_equal(codec->encode_value(sender, &list, &chain, &error), 0);
    assert_true(gee_clock_monotonic() - start < 5 * GEE_SECOND);
    assert_true(chain.length > COUNT * 10);
    gee_chain_clear(&chain);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(types_are_as_strict_as_in_go),
        TEST(numbers_that_do_not_fit_are_refused),
        TEST(errors_say_where),
        TEST(optionals_are_pointers),
        TEST(definitions_are_sent_once),
        TEST(what_was_taken_back_is_sent_again),
        TEST(a_value_that_fails_leaves_no_definition),
        TEST(types_made_at_run_time_are_known_again),
        TEST(connections_share_what_they_know),
        TEST(too_many_types_are_not_sent),
        TEST(no_more_is_defined_than_a_receiver_takes),
        TEST(json_becomes_gob_with_types),
        TEST(trees_survive),
        TEST(fields_are_gathered_over_a_list),
        TEST(what_has_no_one_type_is_refused),
        TEST(wide_lists_are_linear),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
