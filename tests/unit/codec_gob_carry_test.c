/* codec_gob_carry_test: values that go on undecoded: under the ids of the next connection, and only when no reader
 * can take harm from them or more than them. */
#include "codec_gob_captures.h"
#include "codec_gob_fixture.h"

static int carry_wire(void *from, void *to) {
    gee_chain_t chain;
    gee_chain_init(&chain, cache);
    return take_chain(&chain, codec->carry(from, to, wire, wire_length, &chain, &error));
}

/* Definitions once, then the same bytes under our id; to states that share the types' memory with ours, and others. */
static void values_are_carried(void **state) {
    (void)state;
    void *shares[2] = { shared, NULL };
    for (int i = 0; i < 2; i++) {
        void *to = open_state(shares[i]), *last = open_state(NULL), *first = open_state(shared);
        for (int round = 0; round < 3; round++) {
            args_t args;
            close_state(&receiver);
            receiver = first;
            reads(GEE_TYPE_OF(args_t), round == 0 ? go_late_header_1 : "08fe4094010e011000", &args);
            assert_int_equal(carry_wire(first, to), 0);
            expect_wire(round == 0 ? "1eff81030101044172677301ff82000102010141010400010142010400000007ff82010e011000"
                                   : "07ff82010e011000");
            receiver = last;
            assert_int_equal(read_wire(GEE_TYPE_OF(args_t), &args, NULL), 0);
            assert_true(args.a == 7 && args.b == 8);
            receiver = NULL;
        }
        close_state(&first);
        close_state(&last);
        close_state(&to);
    }
}

static void what_was_never_received_is_not_carried(void **state) {
    (void)state;
    void *to = open_state(shared);
    from_hex(go_header_1);
    assert_int_equal(carry_wire(receiver, to), -1);
    close_state(&to);
}

/* ---- what is refused ---- */

static int check_wire(unsigned way) {
    memset(&error, 0, sizeof(error));
    return codec->check(receiver, NULL, wire, wire_length, &limits, way, &error);
}

static void expect_checked(const char *hex, unsigned way, gee_code_t code, const char *text) {
    if (check_wire(way) != (code == GEE_OK ? 0 : -1) || error.code != code || strcmp(error.text, text) != 0)
        fail_msg("%s, way %u: %d \"%s\"", hex, way, error.code, error.text);
}

/* Measured, as by a session. */
static void receive_hex(const char *hex) {
    size_t length;
    from_hex(hex);
    if (measure(receiver, wire, wire_length, &length) != 0 || length != wire_length)
        fail_msg("%s: %s", hex, error.text);
}

#define NIL                                                                                                            \
    "a nil interface value cannot be forwarded in gob: a Go server that discards it would take the next message for "  \
    "its content"

/* Box { Before int; Inside interface{}; After int } and others, each defined once. */
#define BOX   "31ff8103010103426f7801ff8200010301064265666f72650104000106496e73696465011000010541667465720104000000"
#define OUTER "1eff8b030101054f7574657201ff8c0001010105426f78657301ff8e0000000dff8d020102ff8e0001ff820000"

/* Wherever it is; and a server discards as much of a method that it knows. Callers may get one from their server. */
static void interfaces_do_not_go_to_servers(void **state) {
    (void)state;
    static const struct {
        const char *hex, *reason; /* null: nothing is wrong with it */
    } rows[] = {
        { "03 10 00 00", NIL },
        { BOX "07 ff82 01 02 02 04 00", NULL }, /* left out, as Go does */
        { "09 ff82 01 02 01 00 01 04 00", "Inside: " NIL },
        { "0c ff83 02 01 02 ff84 00 01 10 00 00"
          "05 ff84 00 01 00",
          NIL },
        { "04 ff84 00 00", NULL }, /* a list without elements */
        { "0e ff85 04 01 02 ff86 00 01 0c 01 10 00 00"
          "07 ff86 00 01 01 61 00",
          NIL },
        { "0e ff87 04 01 02 ff88 00 01 10 01 04 00 00"
          "06 ff88 00 01 00 02",
          NIL }, /* a key */
        { "0e ff89 01 01 02 ff8a 00 01 10 01 04 00 00"
          "06 ff8a 00 02 00 00",
          NIL },
        { OUTER "0b ff8c 01 02 01 02 00 02 00 00 00", "Boxes.Inside: " NIL },
        { "0b ff8c 01 02 01 02 00 01 02 00 00", NULL },
    };
    for (size_t i = 0; i < GEE_LENGTH(rows); i++) {
        receive_hex(rows[i].hex);
        expect_checked(rows[i].hex, GEE_WAY_TO_SERVER, rows[i].reason ? GEE_UNIMPLEMENTED : GEE_OK,
                       rows[i].reason ? rows[i].reason : "");
        expect_checked(rows[i].hex, 0, GEE_OK, "");
    }
}

/* Its types have ids of the connection that it came on, in the middle of its bytes. */
static void what_is_in_an_interface_is_not_carried(void **state) {
    (void)state;
    static const char five[] = "10 ff82 01 02 01 03 696e74 04 02 00 0a 01 04 00";
    receive_hex(BOX "07 ff82 01 02 02 04 00");
    receive_hex(five);
    expect_checked(five, 0, GEE_UNIMPLEMENTED, "Inside: an interface value cannot be forwarded in gob");
    assert_int_equal(check_wire(GEE_WAY_TO_SERVER), -1);
    receive_hex(go_odd_0);
    expect_checked(go_odd_0, GEE_WAY_TO_SERVER, GEE_OK, "");
    receive_hex(go_odd_1);
    assert_int_equal(check_wire(0), -1);
    assert_int_equal(error.code, GEE_UNIMPLEMENTED);
}

/* As many elements as the count says are there; a server allocates by the count. */
static void values_that_are_not_well_formed_are_refused(void **state) {
    (void)state;
    static const struct {
        const char *hex, *reason;
    } rows[] = {
        { "0e ff8f 04 01 02 ff90 00 01 0c 01 04 00 00"
          "0b ff90 00 fc40000000 01 61 02",
          "1073741824 elements are announced, 3 bytes are left" },
        { "0c ff90 00 f8ffffffffffffffff", "18446744073709551615 elements are announced, 0 bytes are left" },
        { "0c ff91 02 01 02 ff92 00 01 04 00 00"
          "07 ff92 00 04 02 02 02",
          "4 elements are announced, 3 bytes are left" },
        { "0e ff93 01 01 02 ff94 00 01 04 01 04 00 00"
          "07 ff94 00 03 02 02 02",
          "3 elements in an array of 2" },
        { "1c ff95 03 01 01 01 53 01 ff96 00 01 02 01 01 4c 01 ff92 00 01 01 4e 01 04 00 00 00"
          "08 ff96 01 01 02 02 02 00",
          "L: a field number past the struct's 2 fields" },
        { "09 ff96 01 01 02 01 02 00 09", "bytes behind the value" },
        { "07 ff96 01 01 02 01 02", "N: truncated: the message ends inside a value" },
        { "0e ff97 04 01 02 ff98 00 01 0c 01 0c 00 00"
          "08 ff98 00 01 01 61 09 78",
          "truncated: the message ends inside a value" },
        { "13 ff9b 03 01 01 05 456d707479 01 ff9c 00 01 00 00 00"
          "0d ff9d 02 01 02 ff9e 00 01 ff9c 00 00"
          "07 ff9e 00 09 00 00 00",
          "9 elements are announced, 3 bytes are left" },
        { "04 ff98 01 00", "a value that is no struct does not begin with a zero" },
    };
    for (size_t i = 0; i < GEE_LENGTH(rows); i++) {
        receive_hex(rows[i].hex);
        expect_checked(rows[i].hex, 0, GEE_INVALID_ARGUMENT, rows[i].reason);
        expect_checked(rows[i].hex, GEE_WAY_TO_SERVER, GEE_INVALID_ARGUMENT, rows[i].reason);
    }
}

/* Node { Next *Node; V int }, that many in a row. */
static void put_nodes(size_t levels) {
    receive_hex("22 ff99 03 01 01 04 4e6f6465 01 ff9a 00 01 02 01 04 4e657874 01 ff9a 00 01 01 56 01 04 00 00 00"
                "03 ff9a 00");
    size_t length = 2 * levels + 1, at = 0;
    wire[at++] = 0xfd, wire[at++] = (uint8_t)(length >> 16), wire[at++] = (uint8_t)(length >> 8);
    wire[at++] = (uint8_t)length, wire[at++] = 0xff, wire[at++] = 0x9a;
    memset(wire + at, 1, levels - 1);
    memset(wire + at + levels - 1, 0, levels);
    wire_length = at + 2 * levels - 1;
}

static void deep_values_are_refused(void **state) {
    (void)state;
    static const size_t levels[] = { 100, 101, 60000 };
    for (size_t i = 0; i < GEE_LENGTH(levels); i++) {
        close_state(&receiver);
        receiver = open_state(shared);
        put_nodes(levels[i]);
        int result = check_wire(GEE_WAY_TO_SERVER);
        assert_int_equal(result, levels[i] <= 100 ? 0 : -1);
        if (result != 0) {
            assert_int_equal(error.code, GEE_RESOURCE_EXHAUSTED);
            assert_non_null(strstr(error.text, ".Next.Next: nested deeper than 100 levels (limits.nesting)"));
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(values_are_carried),
        TEST(what_was_never_received_is_not_carried),
        TEST(interfaces_do_not_go_to_servers),
        TEST(what_is_in_an_interface_is_not_carried),
        TEST(values_that_are_not_well_formed_are_refused),
        TEST(deep_values_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
