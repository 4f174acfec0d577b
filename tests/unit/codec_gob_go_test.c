/* codec_gob_go_test: what Go has written is read, and what we write is, byte for byte, what Go writes.
 *
 *   codec_gob_go_test mirror    reads values of All from standard input and writes them back, for
 *                               tests/interop/gob_values */
#include "codec_gob_captures.h"
#include "codec_gob_fixture.h"

#include <float.h>
#include <unistd.h>

/* ---- the types of gob_values ---- */

GEE_LIST_TYPE(int32_t);
GEE_LIST_TYPE(int64_t);
GEE_ARRAY_TYPE(int64_t, 3);
GEE_LIST_TYPE(double);
GEE_LIST_TYPE(bool);
GEE_LIST_TYPE(gee_str_t);
GEE_LIST_TYPE(gee_bytes_t);
GEE_MAP_TYPE(int64_t);
GEE_OPTIONAL_TYPE(int64_t);
GEE_OPTIONAL_TYPE(gee_str_t);

typedef struct {
    int64_t id;
    gee_str_t label;
    GEE_LIST_OF(int32_t) marks;
} inner_t;
GEE_STRUCT(inner_t, "Inner", GEE_INT64(inner_t, id, "ID", 1), GEE_STRING(inner_t, label, "Label", 2),
           GEE_LIST(inner_t, marks, "Marks", 3, int32_t, gee_list_of_int32_t));
GEE_LIST_TYPE(inner_t);
GEE_MAP_TYPE(inner_t);
GEE_OPTIONAL_TYPE(inner_t);
typedef GEE_LIST_OF(double) row_t;
GEE_LIST_TYPE_AS(row_t, double);
GEE_LIST_TYPE(row_t);

typedef struct {
    bool flag;
    int32_t i32;
    int64_t i64;
    uint32_t u32;
    uint64_t u64;
    float f32;
    double f64;
    gee_str_t s;
    gee_bytes_t b;
    inner_t in;
    GEE_LIST_OF(int64_t) list;
    GEE_LIST_OF(gee_str_t) words;
    GEE_LIST_OF(inner_t) inners;
    GEE_LIST_OF(int64_t) array;
    GEE_MAP_OF(int64_t) m;
    GEE_MAP_OF(inner_t) mi;
    GEE_OPTIONAL_OF(int64_t) p;
    GEE_OPTIONAL_OF(gee_str_t) pp;
    GEE_OPTIONAL_OF(inner_t) pi;
    GEE_LIST_OF(double) floats;
    GEE_LIST_OF(row_t) matrix;
    GEE_LIST_OF(bool) flags;
    GEE_LIST_OF(gee_bytes_t) blobs;
} all_t;
GEE_STRUCT(all_t, "All", GEE_BOOL(all_t, flag, "Flag", 1), GEE_INT32(all_t, i32, "I32", 2),
           GEE_INT64(all_t, i64, "I64", 3), GEE_UINT32(all_t, u32, "U32", 4), GEE_UINT64(all_t, u64, "U64", 5),
           GEE_FLOAT(all_t, f32, "F32", 6), GEE_DOUBLE(all_t, f64, "F64", 7), GEE_STRING(all_t, s, "S", 8),
           GEE_BYTES(all_t, b, "B", 9), GEE_NESTED(all_t, in, "In", 10, inner_t),
           GEE_LIST(all_t, list, "List", 11, int64_t, gee_list_of_int64_t),
           GEE_LIST(all_t, words, "Words", 12, gee_str_t, gee_list_of_gee_str_t),
           GEE_LIST(all_t, inners, "Inners", 13, inner_t, gee_list_of_inner_t),
           GEE_LIST(all_t, array, "Array", 14, int64_t, gee_array_of_3_int64_t),
           GEE_MAP(all_t, m, "M", 15, int64_t, gee_map_of_int64_t),
           GEE_MAP(all_t, mi, "MI", 16, inner_t, gee_map_of_inner_t),
           GEE_OPTIONAL(all_t, p, "P", 17, int64_t, gee_optional_of_int64_t),
           GEE_OPTIONAL(all_t, pp, "PP", 18, gee_str_t, gee_optional_of_gee_str_t),
           GEE_OPTIONAL(all_t, pi, "PI", 19, inner_t, gee_optional_of_inner_t),
           GEE_LIST(all_t, floats, "Floats", 20, double, gee_list_of_double),
           GEE_LIST(all_t, matrix, "Matrix", 21, row_t, gee_list_of_row_t),
           GEE_LIST(all_t, flags, "Flags", 22, bool, gee_list_of_bool),
           GEE_LIST(all_t, blobs, "Blobs", 23, gee_bytes_t, gee_list_of_gee_bytes_t));

typedef struct {
    int64_t before;
    gee_str_t after;
} odd_t;
GEE_STRUCT(odd_t, "Odd", GEE_INT64(odd_t, before, "Before", 1), GEE_STRING(odd_t, after, "After", 2));

/* ---- reading ---- */

static void go_header_and_arguments_are_read(void **state) {
    (void)state;
    header_t header;
    args_t args;
    reads(GEE_TYPE_OF(header_t), go_header_0, &header);
    assert_true(gee_str_equal(header.service_method, GEE_STR("Arith.Multiply")));
    assert_int_equal(header.seq, 1);
    reads(GEE_TYPE_OF(args_t), go_header_1, &args);
    assert_int_equal(args.a, 7);
    assert_int_equal(args.b, 8);
    reads(GEE_TYPE_OF(header_t), go_header_2, &header); /* the definitions came with the first */
    assert_int_equal(header.seq, 2);
    reads(GEE_TYPE_OF(args_t), go_header_3, &args);
    assert_int_equal(args.a, -1);
    assert_int_equal(args.b, 0);
}

static void high_ids_are_read(void **state) {
    (void)state;
    header_t header;
    args_t args;
    reads(GEE_TYPE_OF(header_t), go_late_header_0, &header);
    assert_int_equal(wire[1], 0xfe); /* an id of two bytes */
    reads(GEE_TYPE_OF(args_t), go_late_header_1, &args);
    assert_int_equal(args.a, 7);
    reads(GEE_TYPE_OF(header_t), go_late_header_2, &header);
    assert_int_equal(header.seq, 2);
    reads(GEE_TYPE_OF(args_t), go_late_header_3, &args);
    assert_int_equal(args.a, -1);
}

/* Newer Go begins with 64, whose negative takes one byte. */
static void id_64_is_read(void **state) {
    (void)state;
    args_t args;
    reads(GEE_TYPE_OF(args_t),
          "1d 7f 03 01 01 04 41 72 67 73 01 ff80 00 01 02 01 01 41 01 04 00 01 01 42 01 04 00 00 00"
          "07 ff80 01 0e 01 10 00",
          &args);
    assert_int_equal(args.a, 7);
    assert_int_equal(args.b, 8);
}

static void check_inner(const inner_t *inner, int64_t id, const char *label, size_t marks) {
    assert_int_equal(inner->id, id);
    assert_true(gee_str_equal(inner->label, gee_str(label)));
    assert_int_equal(inner->marks.count, marks);
}

static void check_numbers(const all_t *all) {
    assert_true(all->flag);
    assert_int_equal(all->i32, INT32_MIN);
    assert_true(all->i64 == INT64_MIN);
    assert_true(all->u32 == UINT32_MAX);
    assert_true(all->u64 == UINT64_MAX);
    assert_true(all->f32 == 0.1F);
    assert_true(all->f64 == -1e-7);
    assert_int_equal(all->list.count, 4);
    assert_true(all->list.items[1] == INT64_MAX && all->list.items[3] == 9007199254740993);
    assert_int_equal(all->floats.count, 5);
    assert_true(isinf(all->floats.items[1]) && all->floats.items[3] == DBL_MAX && all->floats.items[4] == 0x1p-1074);
    assert_int_equal(all->array.count, 3);
    assert_true(all->array.items[0] == 1 && all->array.items[2] == -1);
    assert_int_equal(*all->p, -5);
}

static void go_all_is_read(void **state) {
    (void)state;
    all_t all;
    reads(GEE_TYPE_OF(all_t), go_all_zero_0, &all);
    assert_int_equal(all.array.count, 3); /* arrays are sent whatever is in them */
    all.array.count = 0;
    assert_true(gee_type_is_zero(GEE_TYPE_OF(all_t), &all));
    close_state(&receiver);
    receiver = open_state(shared);
    reads(GEE_TYPE_OF(all_t), go_all_0, &all);
    check_numbers(&all);
    assert_true(gee_str_equal(all.s, GEE_STR("a\0\xc3\xa4")));
    assert_int_equal(all.b.length, 3);
    assert_memory_equal(all.b.data, "\0\xff\x80", 3);
    check_inner(&all.in, 1, "in", 3);
    assert_int_equal(all.in.marks.items[2], INT32_MAX);
    assert_int_equal(all.words.count, 2);
    assert_true(gee_str_equal(all.words.items[1], GEE_STR("x")));
    assert_int_equal(all.inners.count, 2);
    check_inner(&all.inners.items[0], 0, "", 0);
    check_inner(&all.inners.items[1], 2, "two", 0);
    assert_int_equal(all.m.count, 1);
    assert_int_equal(all.m.items[0].value, 7);
    assert_int_equal(all.mi.count, 1);
    assert_true(gee_str_equal(all.mi.items[0].key, GEE_STR("k")));
    check_inner(&all.mi.items[0].value, 3, "three", 1);
    assert_true(gee_str_equal(*all.pp, GEE_STR("pp")));
    check_inner(all.pi, 0, "pi", 0);
    assert_int_equal(all.matrix.count, 3);
    assert_true(all.matrix.items[0].items[1] == 2 && all.matrix.items[1].count == 0);
    assert_int_equal(all.flags.count, 3);
    assert_int_equal(all.blobs.count, 3);
    assert_memory_equal(all.blobs.items[2].data, "\2\3", 2);
}

/* Complex numbers, private encodings, maps from integers, interfaces within interfaces: what we have no field for is
 * passed, and what stands behind it is found. The value with interfaces goes over several messages. */
static void odd_values_are_passed(void **state) {
    (void)state;
    odd_t odd;
    reads(GEE_TYPE_OF(odd_t), go_odd_0, &odd);
    assert_int_equal(odd.before, 1);
    assert_true(gee_str_equal(odd.after, GEE_STR("x")));
    reads(GEE_TYPE_OF(odd_t), go_odd_1, &odd);
    assert_int_equal(odd.before, 2);
    assert_true(gee_str_equal(odd.after, GEE_STR("y")));
}

static void odd_values_are_measured_however_they_are_cut(void **state) {
    (void)state;
    size_t first, total, length;
    from_hex(go_odd_0);
    first = wire_length;
    uint8_t *bytes = malloc(sizeof(wire));
    memcpy(bytes, wire, first);
    from_hex(go_odd_1);
    memcpy(bytes + first, wire, wire_length);
    total = wire_length;
    for (size_t cut = 0; cut <= total; cut++) {
        void *state_of_cut = open_state(shared);
        gee_measure_t progress = { 0 };
        odd_t odd = { 0 };
        assert_int_equal(measure(state_of_cut, bytes, first, &length), 0);
        gee_measured_t measured = codec->measure(state_of_cut, &progress, bytes + first, cut, &limits, &error);
        assert_int_equal(measured, cut < total ? GEE_MEASURE_MORE : GEE_MEASURE_DONE);
        if (measured == GEE_MEASURE_MORE)
            measured = codec->measure(state_of_cut, &progress, bytes + first, total, &limits, &error);
        assert_int_equal(measured, GEE_MEASURE_DONE);
        assert_int_equal(progress.length, total);
        assert_int_equal(
            codec->decode(state_of_cut, GEE_TYPE_OF(odd_t), bytes + first, total, &limits, true, pool, &odd, &error),
            0);
        assert_int_equal(odd.before, 2);
        close_state(&state_of_cut);
    }
    free(bytes);
}

/* The value in `wire`, which is longer than `most`, in pieces that end at `cut` and at its end; the codec sees
 * exactly these. */
static void skip_wire(void *receiving, size_t most, size_t cut) {
    const gee_codec_limits_t small = { .message = most, .nesting = 100 };
    gee_measure_t progress = { 0 };
    gee_measured_t measured = GEE_MEASURE_MORE;
    size_t at = 0, ends[] = { cut, wire_length };
    bool skips = false;
    for (size_t i = 0; i < GEE_LENGTH(ends); i++)
        while (measured != GEE_MEASURE_DONE && at <= ends[i]) {
            size_t length = ends[i] - at, passed = 0;
            uint8_t *exact = malloc(length ? length : 1);
            assert_non_null(exact);
            memcpy(exact, wire + at, length);
            if (skips)
                measured = codec->skip_value(receiving, &progress, exact, length, &passed, &small, &error);
            else
                measured = codec->measure(receiving, &progress, exact, length, &small, &error);
            free(exact);
            at += passed;
            if (measured == GEE_MEASURE_MORE)
                break;
            assert_int_equal(measured, skips ? GEE_MEASURE_DONE : GEE_MEASURE_LONG);
            skips = true;
        }
    assert_int_equal(measured, GEE_MEASURE_DONE);
    assert_int_equal(at, wire_length);
}

/* Over a limit it is passed over, but for the definitions, also those in its interfaces: the next value is of these
 * types. */
static void odd_values_are_skipped_however_they_are_cut(void **state) {
    (void)state;
    from_hex(go_odd_0);
    size_t total = wire_length;
    const size_t mosts[] = { 10, 180, total - 50, total - 1 };
    for (size_t i = 0; i < GEE_LENGTH(mosts); i++)
        for (size_t cut = 0; cut <= total; cut++) {
            odd_t odd;
            close_state(&receiver);
            receiver = open_state(shared);
            from_hex(go_odd_0);
            skip_wire(receiver, mosts[i], cut);
            reads(GEE_TYPE_OF(odd_t), go_odd_1, &odd);
            assert_int_equal(odd.before, 2);
            assert_true(gee_str_equal(odd.after, GEE_STR("y")));
        }
}

static void bare_values_are_read(void **state) {
    (void)state;
    bool flag;
    int64_t number;
    uint64_t natural;
    double real;
    gee_str_t text;
    gee_bytes_t bytes;
    gee_list_value_t list;
    reads(GEE_TYPE_OF(bool), go_scalars_0, &flag);
    reads(GEE_TYPE_OF(int64_t), go_scalars_1, &number);
    reads(GEE_TYPE_OF(uint64_t), go_scalars_2, &natural);
    reads(GEE_TYPE_OF(double), go_scalars_3, &real);
    reads(GEE_TYPE_OF(gee_str_t), go_scalars_4, &text);
    reads(GEE_TYPE_OF(gee_bytes_t), go_scalars_5, &bytes);
    assert_true(flag && number == -129 && natural == 256 && real == 17);
    assert_true(gee_str_equal(text, GEE_STR("text")));
    assert_int_equal(bytes.length, 3);
    reads(&gee_list_of_int64_t, go_scalars_6, &list);
    assert_int_equal(list.count, 2);
    reads(&gee_map_of_int64_t, go_scalars_7, &list);
    assert_int_equal(list.count, 1);
    reads(&gee_list_of_bool, go_scalars_8, &list);
    assert_int_equal(list.count, 2);
    assert_true(((const bool *)list.items)[0]);
}

static void empty_structs_are_read(void **state) {
    (void)state;
    gee_empty_t nothing;
    args_t args;
    reads(GEE_TYPE_OF(gee_empty_t), go_empty_0, &nothing);
    reads(GEE_TYPE_OF(args_t), go_empty_1, &args);
    assert_true(args.a == 0 && args.b == 0);
}

/* Into a tree: all fields, with zeros where nothing came, null where a pointer to a struct was nil. */
static void go_trees_are_read(void **state) {
    (void)state;
    gee_value_t tree;
    from_hex(go_header_0);
    assert_int_equal(read_wire(NULL, NULL, &tree), 0);
    expect_tree(&tree, "{\"ServiceMethod\":\"Arith.Multiply\",\"Seq\":1,\"Error\":\"\"}");
    assert_true(gee_str_equal(tree.type_name, GEE_STR("Header")));
    from_hex(go_tree_0);
    if (read_wire(NULL, NULL, &tree) != 0)
        fail_msg("%s", error.text);
    expect_tree(&tree, "{\"Value\":1,\"Left\":{\"Value\":2,\"Left\":null,\"Right\":null,\"Others\":[]},\"Right\":null,"
                       "\"Others\":[{\"Value\":3,\"Left\":null,\"Right\":null,\"Others\":[]},"
                       "{\"Value\":4,\"Left\":null,\"Right\":{\"Value\":5,\"Left\":null,\"Right\":null,\"Others\":[]},"
                       "\"Others\":[]}]}");
    from_hex(go_scalars_7);
    assert_int_equal(read_wire(NULL, NULL, &tree), 0);
    expect_tree(&tree, "{\"a\":1}");
    close_state(&receiver); /* another connection */
    receiver = open_state(shared);
    from_hex(go_odd_0);
    assert_int_equal(read_wire(NULL, NULL, &tree), 0);
    expect_tree(&tree,
                "{\"Before\":1,\"Complex\":null,\"Complexs\":[],\"Time\":null,\"URL\":null,\"ByInt\":{},\"Nil\":null,"
                "\"Iface\":null,\"Deep\":null,\"Ifaces\":[],\"After\":\"x\"}");
    from_hex(go_odd_1);
    assert_int_equal(read_wire(NULL, NULL, &tree), -1);
    assert_memory_equal(error.text, "Complex: complex ", 17);
}

/* ---- writing ---- */

static void header_and_arguments_are_written_as_go_does(void **state) {
    (void)state;
    header_t header = { .service_method = GEE_STR("Arith.Multiply"), .seq = 1 };
    args_t args = { 7, 8 };
    assert_int_equal(encode(GEE_TYPE_OF(header_t), &header), 0);
    expect_wire(go_header_0);
    assert_int_equal(encode(GEE_TYPE_OF(args_t), &args), 0);
    expect_wire(go_header_1);
    header.seq = 2;
    assert_int_equal(encode(GEE_TYPE_OF(header_t), &header), 0);
    expect_wire(go_header_2);
    args = (args_t){ -1, 0 };
    assert_int_equal(encode(GEE_TYPE_OF(args_t), &args), 0);
    expect_wire(go_header_3);
}

static void bare_values_are_written_as_go_does(void **state) {
    (void)state;
    const bool flag = true;
    const int64_t number = -129;
    const uint64_t natural = 256;
    const double real = 17;
    const gee_str_t text = GEE_STR("text");
    assert_int_equal(encode(GEE_TYPE_OF(bool), &flag), 0);
    expect_wire(go_scalars_0);
    assert_int_equal(encode(GEE_TYPE_OF(int64_t), &number), 0);
    expect_wire(go_scalars_1);
    assert_int_equal(encode(GEE_TYPE_OF(uint64_t), &natural), 0);
    expect_wire(go_scalars_2);
    assert_int_equal(encode(GEE_TYPE_OF(double), &real), 0);
    expect_wire(go_scalars_3);
    assert_int_equal(encode(GEE_TYPE_OF(gee_str_t), &text), 0);
    expect_wire(go_scalars_4);
}

/* ---- the mirror ---- */

static int write_back(const all_t *all) {
    gee_chain_t chain;
    struct iovec vector[8];
    int count;
    gee_chain_init(&chain, cache);
    if (codec->encode(sender, GEE_TYPE_OF(all_t), all, &chain, &error) != 0)
        return -1;
    while ((count = gee_chain_iov(&chain, vector, 8)) > 0 && chain.length > 0) {
        ssize_t written = writev(STDOUT_FILENO, vector, count);
        if (written < 0)
            return gee_error_set(&error, GEE_UNAVAILABLE, "write failed");
        gee_chain_consume(&chain, (size_t)written);
    }
    gee_chain_clear(&chain);
    return 0;
}

static int mirror(void) {
    gee_measure_t progress = { 0 };
    gee_inbox_t inbox;
    void *unused = NULL;
    set_up(&unused);
    gee_inbox_init(&inbox, cache);
    for (;;) {
        size_t space;
        uint8_t *place = gee_inbox_space(&inbox, 4096, &space);
        ssize_t count = place ? read(STDIN_FILENO, place, space) : -1;
        if (count <= 0)
            break;
        gee_inbox_filled(&inbox, (size_t)count);
        gee_measured_t measured =
            codec->measure(receiver, &progress, gee_inbox_bytes(&inbox), gee_inbox_length(&inbox), &limits, &error);
        if (measured == GEE_MEASURE_MORE)
            continue;
        all_t all = { 0 };
        if (measured == GEE_MEASURE_ERROR ||
            codec->decode(receiver, GEE_TYPE_OF(all_t), gee_inbox_bytes(&inbox), progress.length, &limits, false, pool,
                          &all, &error) != 0 ||
            write_back(&all) != 0) {
            fprintf(stderr, "%s\n", error.text);
            return 1;
        }
        gee_inbox_consume(&inbox, progress.length);
        progress = (gee_measure_t){ 0 };
        gee_pool_reset(pool);
    }
    gee_inbox_clear(&inbox);
    return tear_down(&unused);
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        TEST(go_header_and_arguments_are_read),
        TEST(high_ids_are_read),
        TEST(id_64_is_read),
        TEST(go_all_is_read),
        TEST(odd_values_are_passed),
        TEST(odd_values_are_measured_however_they_are_cut),
        TEST(odd_values_are_skipped_however_they_are_cut),
        TEST(bare_values_are_read),
        TEST(empty_structs_are_read),
        TEST(go_trees_are_read),
        TEST(header_and_arguments_are_written_as_go_does),
        TEST(bare_values_are_written_as_go_does),
    };
    if (argc == 2 && strcmp(argv[1], "mirror") == 0)
        return mirror();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
