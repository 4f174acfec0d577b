/* codec_bin_refuse_test: what codec_bin refuses, with which words, and that no bytes do it harm. */
#include "codec_bin_fixture.h"

static void numbers_that_do_not_fit_are_refused(void **state) {
    (void)state;
    const gee_type_t *type = GEE_TYPE_OF(all_t);
    assert_refused(type, "108080808008", GEE_OUT_OF_RANGE, "Small: 2147483648 overflows int32");
    assert_refused(type, "10fffffffff7ffffffff01", GEE_OUT_OF_RANGE, "Small: -2147483649 overflows int32");
    assert_refused(type, "208080808010", GEE_OUT_OF_RANGE, "UnsignedSmall: 4294967296 overflows uint32");
    assert_refused(type, "0802", GEE_OUT_OF_RANGE, "Flag: 2 is neither false (0) nor true (1)");
    assert_refused(type, "18ffffffffffffffffff02", GEE_INVALID_ARGUMENT, "Large: a varint over 64 bits");
    assert_refused(type, "1880808080808080808080808000", GEE_INVALID_ARGUMENT, "Large: a varint over 64 bits");
    assert_refused(GEE_TYPE_OF(int32_t), "08ffffffff0f", GEE_OUT_OF_RANGE, "4294967295 overflows int32");
}

static void the_wrong_wire_type_is_refused(void **state) {
    (void)state;
    const gee_type_t *type = GEE_TYPE_OF(all_t);
    const gee_code_t code = GEE_INVALID_ARGUMENT;
    assert_refused(type, "120161", code, "Small: int32 cannot be read from counted bytes (wire type 2)");
    assert_refused(type, "3d00000000", code, "Wide: double cannot be read from 32 bits (wire type 5)");
    assert_refused(type, "4001", code, "Text: string cannot be read from a varint (wire type 0)");
    assert_refused(type, "5001", code, "Inner: Inner cannot be read from a varint");
    assert_refused(type, "6001", code, "Words: string cannot be read from a varint");
    assert_refused(type, "7001", code, "Counts: a map cannot be read from a varint");
    assert_refused(type, "980101", code, "Matrix: a list cannot be read from a varint");
    assert_refused(type, "13", code, "Small: int32 cannot be read from a group");
    assert_refused(type, "9b069c06", code, "field number 99 is a group, which is not supported");
    assert_refused(type, "9e06", code, "field number 99 is nothing known");
    assert_refused(type, "0001", code, "field number 0 is out of range");
    assert_refused(type, "808080801001", code, "field number 536870912 is out of range");
}

static void errors_name_the_place(void **state) {
    (void)state;
    const gee_type_t *type = GEE_TYPE_OF(all_t);
    const gee_code_t code = GEE_INVALID_ARGUMENT;
    assert_refused(type, "6a0208016a031201ff", code, "Inners[1].Label: the string is not valid UTF-8");
    assert_refused(type, "72060a016b120161", code, "Counts[\"k\"]: int64 cannot be read");
    assert_refused(type, "5a0c0102ffffffffffffffffff02", code, "Numbers[2]: a varint over 64 bits");
    assert_refused(type, "a201020102", GEE_OUT_OF_RANGE, "Flags[1]: 2 is neither");
    assert_refused(type, "9a01020801", code, "Matrix[0]: double cannot be read");
    assert_refused(type, "8a01021001", code, "MaybeInner.Label: string cannot be read");
    assert_refused(type, "4201ff", code, "Text: the string is not valid UTF-8");
}

static void truncated_messages_are_refused(void **state) {
    (void)state;
    const char *const inside[] = { "10",
                                   "1080",
                                   "4205616263",
                                   "42ffffffff0f",
                                   "3900000000",
                                   "3500",
                                   "52020801"
                                   "52",
                                   "42ffffffffffffffffff01",
                                   "5a020180",
                                   "92010100",
                                   "9a0602aa",
                                   "9906010203",
                                   "520a0801",
                                   "7203"
                                   "0a016b10",
                                   "5a0180" };
    for (size_t i = 0; i < GEE_LENGTH(inside); i++)
        assert_refused(GEE_TYPE_OF(all_t), inside[i], GEE_INVALID_ARGUMENT, "truncated");
}

typedef struct node {
    GEE_LIST_OF(struct node) children;
    struct node *next;
} node_t;
static const gee_type_t node_type;
static const gee_type_t node_list = { .kind = GEE_KIND_LIST, .name = "", .size = 16, .element = &node_type };
static const gee_type_t node_pointer = { .kind = GEE_KIND_OPTIONAL, .name = "", .size = 8, .element = &node_type };
static const gee_field_t node_fields[] = {
    { .name = "Children", .tag = 1, .offset = offsetof(node_t, children), .type = &node_list },
    { .name = "Next", .tag = 2, .offset = offsetof(node_t, next), .type = &node_pointer },
};
static const gee_type_t node_type = {
    .kind = GEE_KIND_STRUCT, .name = "Node", .size = sizeof(node_t), .fields = node_fields, .field_count = 2
};

static void nesting_is_limited(void **state) {
    (void)state;
    node_t nodes[101], back;
    char *hex;
    memset(nodes, 0, sizeof nodes);
    for (size_t i = 0; i < 100; i++)
        nodes[i].next = &nodes[i + 1];
    assert_int_equal(encode(&node_type, &nodes[1], &hex, NULL), 0);
    assert_int_equal(decode(&node_type, hex, &back, NULL), 0); /* 100 structs */
    assert_int_equal(encode(&node_type, &nodes[0], &hex, NULL), 0);
    assert_refused(&node_type, hex, GEE_RESOURCE_EXHAUSTED, "nested deeper than limits.nesting = 100");

    memset(nodes, 0, sizeof nodes);
    for (size_t i = 0; i < 50; i++) {
        nodes[i].children.items = &nodes[i + 1];
        nodes[i].children.count = 1;
    }
    assert_int_equal(encode(&node_type, &nodes[1], &hex, NULL), 0);
    assert_int_equal(decode(&node_type, hex, &back, NULL), 0); /* 50 structs, 49 lists */
    assert_int_equal(encode(&node_type, &nodes[0], &hex, NULL), 0);
    assert_refused(&node_type, hex, GEE_RESOURCE_EXHAUSTED, "nested deeper");
}

/* ---- what goes on undecoded ---- */

static int check(const gee_type_t *type, const char *hex, gee_error_t *error) {
    uint8_t *bytes;
    size_t length = from_hex(hex, &bytes);
    int result = codec->check(NULL, type, bytes, length, &limits, GEE_WAY_FRAMED, error);
    free(bytes);
    return result;
}

static void assert_checked(const gee_type_t *type, const char *hex, const char *reason) {
    gee_error_t error = { .text = "" };
    if (check(type, hex, &error) != (reason ? -1 : 0) || strcmp(error.text, reason ? reason : "") != 0)
        fail_msg("%s: \"%s\" instead of \"%s\"", hex, error.text, reason);
}

#define TRUNCATED "truncated: the message ends inside a value"

/* Whatever the type, which few gateways know. */
static void keys_and_lengths_are_checked(void **state) {
    (void)state;
    static const struct {
        const char *hex, *reason; /* null: nothing is wrong with it */
    } rows[] = {
        { "", NULL },
        { "08071008", NULL },
        { "087f78001d0000000039000000000000000042016180018080808010", NULL },
        { "08", TRUNCATED },
        { "0880", TRUNCATED },
        { "4205616263", TRUNCATED },
        { "42ffffffffffffffffff01", TRUNCATED },
        { "3900000000", TRUNCATED },
        { "0001", "field number 0 is out of range" },
        { "080100", "field number 0 is out of range" },
        { "808080801001", "field number 536870912 is out of range" },
        { "9b069c06", "field number 99 is a group, which is not supported" },
        { "18ffffffffffffffffff02", "a varint over 64 bits" },
    };
    for (size_t i = 0; i < GEE_LENGTH(rows); i++) {
        assert_checked(NULL, rows[i].hex, rows[i].reason);
        assert_checked(GEE_TYPE_OF(gee_empty_t), rows[i].hex, rows[i].reason);
    }
}

/* By the type, of messages within it too. What they mean is for the reader to say. */
static void messages_within_are_checked(void **state) {
    (void)state;
    static const struct {
        const char *hex, *reason;
    } rows[] = {
        { "5202080a", NULL },
        { "520108", "Inner.ID: " TRUNCATED },
        { "6a03120161"
          "6a0212"
          "05",
          "Inners.Label: " TRUNCATED },
        { "7a070a016b120212"
          "05",
          "ByName.Label: " TRUNCATED },
        { "7a030a05"
          "6b",
          "ByName: " TRUNCATED },
        { "9a010208"
          "01",
          NULL }, /* a varint for a list of numbers */
        { "9a01020a"
          "05",
          "Matrix: " TRUNCATED },
        { "ca01020a"
          "05",
          "MaybeRow: " TRUNCATED },
        { "8a01021001", NULL }, /* a number for a string */
        { "4202"
          "ffff",
          NULL },
        { "0802", NULL },
    };
    for (size_t i = 0; i < GEE_LENGTH(rows); i++)
        assert_checked(GEE_TYPE_OF(all_t), rows[i].hex, rows[i].reason);
    assert_checked(GEE_TYPE_OF(int64_t), "0807", NULL);
    assert_checked(&gee_list_of_inner_t, "0a020807", NULL);
    assert_checked(&gee_list_of_inner_t, "0a0108", "ID: " TRUNCATED);
}

/* Decoded descriptions are checked, and descriptions nested too deep for the check are refused. */
static void checking_goes_as_deep_as_decoding(void **state) {
    (void)state;
    node_t nodes[102], back;
    char *hex;
    gee_error_t error;
    for (size_t step = 1; step <= 2; step++) { /* by pointers, by lists */
        memset(nodes, 0, sizeof nodes);
        for (size_t i = 0; i < 100; i++) {
            nodes[i].next = step == 1 ? &nodes[i + 1] : NULL;
            nodes[i].children.items = &nodes[i + 1];
            nodes[i].children.count = step == 2 && i < 50;
        }
        for (size_t first = 0; first < 2; first++) {
            assert_int_equal(encode(&node_type, &nodes[first], &hex, NULL), 0);
            assert_int_equal(check(&node_type, hex, &error), decode(&node_type, hex, &back, NULL));
            assert_int_equal(check(NULL, hex, &error), 0);
        }
        assert_int_equal(encode(&node_type, &nodes[0], &hex, NULL), 0);
        assert_int_equal(check(&node_type, hex, &error), -1);
        assert_int_equal(error.code, GEE_RESOURCE_EXHAUSTED);
        assert_non_null(strstr(error.text, "nested deeper than limits.nesting = 100"));
    }
}

static void what_cannot_be_written_is_an_error(void **state) {
    (void)state;
    char *hex;
    gee_error_t error;
    gee_str_t words[] = { S("a"), S("\xff") };
    all_t value = { .words = { .items = words, .count = 2 } };
    assert_int_equal(encode(GEE_TYPE_OF(all_t), &value, &hex, &error), -1);
    assert_int_equal(error.code, GEE_INTERNAL);
    assert_string_equal(error.text, "Words[1]: the string is not valid UTF-8");
    node_t knot = { .children = { .count = 0 } };
    knot.next = &knot;
    assert_int_equal(encode(&node_type, &knot, &hex, &error), -1);
    assert_int_equal(error.code, GEE_INTERNAL);
    assert_non_null(strstr(error.text, "nested deeper than"));
    all_t hollow = { .numbers = { .items = NULL, .count = 3 } };
    assert_int_equal(encode(GEE_TYPE_OF(all_t), &hollow, &hex, &error), -1);
    assert_string_equal(error.text, "Numbers: a count of 3 without items");
}

static void memory_is_bounded_by_the_pool(void **state) {
    (void)state;
    gee_pool_t *small = gee_pool_create(4096);
    gee_error_t error;
    all_t value = { .flag = false };
    size_t length = 200000;
    uint8_t *bytes = malloc(length);
    assert_non_null(small);
    assert_non_null(bytes);
    gee_pool_limit(small, 1 << 20);
    for (size_t i = 0; i < length; i += 2)
        memcpy(bytes + i, "\x6a\x00", 2); /* an empty Inner: two bytes that become forty */
    assert_int_equal(codec->decode(NULL, GEE_TYPE_OF(all_t), bytes, length, &limits, false, small, &value, &error), -1);
    assert_int_equal(error.code, GEE_RESOURCE_EXHAUSTED);
    gee_codec_limits_t tight = { .message = length - 1, .nesting = 100 };
    assert_int_equal(codec->decode(NULL, GEE_TYPE_OF(all_t), bytes, length, &tight, false, small, &value, &error), -1);
    assert_int_equal(error.code, GEE_RESOURCE_EXHAUSTED);
    assert_non_null(strstr(error.text, "limits.message"));
    free(bytes);
    gee_pool_destroy(&small);
}

/* Lists whose items come in turns grow by doubling: memory in proportion to the bytes, whatever the order. */
static void interleaved_lists_cost_their_length(void **state) {
    (void)state;
    size_t length = 400000;
    uint8_t *bytes = malloc(length);
    all_t value;
    assert_non_null(bytes);
    for (size_t i = 0; i < length; i += 4)
        memcpy(bytes + i, "\x58\x01\x62\x00", 4);
    gee_pool_reset(pool);
    assert_int_equal(decode_bytes(GEE_TYPE_OF(all_t), bytes, length, &value, NULL), 0);
    assert_int_equal(value.numbers.count, length / 4);
    assert_int_equal(value.words.count, length / 4);
    assert_true(gee_pool_used(pool) < 40 * length);
    free(bytes);
}

static uint64_t next_random(uint64_t *random) {
    *random ^= *random << 13;
    *random ^= *random >> 7;
    *random ^= *random << 17;
    return *random;
}

/* Whatever comes, nothing breaks; and what is accepted is written and read to the same value again. */
static void damaged_messages_do_no_harm(void **state) {
    (void)state;
    static const char *const seeds[] = {
        "080110fbffffffffffffffff01188080808080808080800120ffffffff0f28ffffffffffffffffff01350000c03f3900000000",
        "420368c3a94a0200ff52150896011201781a0d01ffffffffffffffffff01ac02807d01",
        "5a0b0001ffffffffffffffffff0162016162006201626a006a020801920110000000000000f03f00000000000004c0a20103010001",
        "72050a016b10007a060a00120208057a050a016512008001008a0100c20100ca0100",
        "9a010a0a08000000000000f03f9a0100aa01080a060a0161120162aa0100b20100b201020800b201020809",
    };
    uint64_t random = 88172645463325252u;
    unsigned accepted = 0;
    for (unsigned i = 0; i < 20000; i++) {
        uint8_t *bytes;
        size_t length = from_hex(seeds[next_random(&random) % GEE_LENGTH(seeds)], &bytes);
        for (uint64_t changes = next_random(&random) % 4; changes > 0; changes--)
            bytes[next_random(&random) % length] = (uint8_t)next_random(&random);
        length -= next_random(&random) % 4 == 0 ? next_random(&random) % length : 0;
        uint8_t *exact = malloc(length);
        assert_non_null(exact);
        memcpy(exact, bytes, length);
        all_t value, back;
        gee_error_t error = { .text = "" };
        gee_pool_reset(pool);
        if (decode_bytes(GEE_TYPE_OF(all_t), exact, length, &value, &error) == 0) {
            char *hex;
            accepted++;
            assert_int_equal(codec->check(NULL, GEE_TYPE_OF(all_t), exact, length, &limits, 0, NULL), 0);
            assert_int_equal(codec->check(NULL, NULL, exact, length, &limits, 0, NULL), 0);
            assert_int_equal(encode(GEE_TYPE_OF(all_t), &value, &hex, NULL), 0);
            assert_decodes(hex, &back);
            assert_true(gee_type_equal(GEE_TYPE_OF(all_t), &value, &back));
        } else {
            assert_true(error.text[0] != '\0' && error.code != GEE_OK);
        }
        free(exact);
        free(bytes);
    }
    assert_true(accepted > 1000);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_that_do_not_fit_are_refused),
        cmocka_unit_test(the_wrong_wire_type_is_refused),
        cmocka_unit_test(errors_name_the_place),
        cmocka_unit_test(truncated_messages_are_refused),
        cmocka_unit_test(nesting_is_limited),
        cmocka_unit_test(keys_and_lengths_are_checked),
        cmocka_unit_test(messages_within_are_checked),
        cmocka_unit_test(checking_goes_as_deep_as_decoding),
        cmocka_unit_test(what_cannot_be_written_is_an_error),
        cmocka_unit_test(memory_is_bounded_by_the_pool),
        cmocka_unit_test(interleaved_lists_cost_their_length),
        cmocka_unit_test(damaged_messages_do_no_harm),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
