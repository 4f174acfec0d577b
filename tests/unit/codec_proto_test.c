/* codec_proto_test: protobuf's bytes, as protoc --encode writes the text beside each, for every kind and form; and what
 * codec_proto, which reads as protobuf's own library, does where codec_bin refuses. tests/process/
 * test_interop_protobuf.py compares with that library itself. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <gee.h>

#include "support/every_form.h"

extern const gee_module_t gee_codec_proto_module, gee_codec_bin_module;
static const gee_codec_t *proto, *bin;
static gee_buf_cache_t *cache;
static gee_pool_t *pool;
static gee_error_t error;
static const gee_codec_limits_t limits = { .message = 64 << 20, .nesting = 100 };

static int decode(const gee_codec_t *codec, const gee_type_t *type, const char *hex, void *value) {
    size_t length = strlen(hex) / 2;
    uint8_t *bytes = malloc(length ? length : 1); /* exact, so that ASan sees a read behind the end */
    assert_non_null(bytes);
    for (size_t i = 0; i < length; i++) {
        const char digits[] = { hex[2 * i], hex[2 * i + 1], '\0' };
        bytes[i] = (uint8_t)strtoul(digits, NULL, 16);
    }
    memset(value, 0, type->size);
    int result = codec->decode(NULL, type, bytes, length, &limits, true, pool, value, &error);
    if (result == 0)
        assert_int_equal(codec->check(NULL, type, bytes, length, &limits, 0, NULL), 0);
    free(bytes);
    return result;
}

/* Null: the error is set. */
static char *encode(const gee_codec_t *codec, const gee_type_t *type, const void *value) {
    gee_chain_t chain;
    gee_chain_init(&chain, cache);
    char *hex = NULL;
    if (codec->encode(NULL, type, value, &chain, &error) == 0) {
        uint8_t *bytes = gee_pool_alloc(pool, chain.length);
        size_t length = gee_chain_copy(&chain, bytes, chain.length);
        hex = gee_pool_zalloc(pool, 2 * length + 1);
        for (size_t i = 0; i < length; i++)
            snprintf(hex + 2 * i, 3, "%02x", bytes[i]);
    }
    gee_chain_clear(&chain);
    return hex;
}

static void assert_becomes(const gee_type_t *type, const char *hex, const char *expected) {
    union {
        forms_t forms;
        legacy_t legacy;
        gee_list_value_t list;
    } value;
    if (decode(proto, type, hex, &value) != 0)
        fail_msg("%s: %s", hex, error.text);
    const char *written = encode(proto, type, &value);
    if (written == NULL)
        fail_msg("%s: %s", hex, error.text);
    assert_string_equal(written, expected);
}

static void assert_refused(const gee_codec_t *codec, const gee_type_t *type, const char *hex, const char *text) {
    union {
        forms_t forms;
        legacy_t legacy;
        gee_list_value_t list;
    } value;
    if (decode(codec, type, hex, &value) == 0)
        fail_msg("%s was taken", hex);
    if (strstr(error.text, text) == NULL)
        fail_msg("%s: \"%s\", not \"%s\"", hex, error.text, text);
}

#define FORMS  (&gee_type_of_forms_t)
#define LEGACY (&gee_type_of_legacy_t)

static const char *const golden[] = {
    /* zig32: -2 zig64: -9223372036854775808 fix32: 4294967295 fix64: 1 sfix32: -1 sfix64: -2 */
    "080310ffffffffffffffffff011dffffffff2101000000000000002dffffffff31feffffffffffffff",
    /* color: BLUE */
    "3805",
    /* color: 77 maybe: 0 next { maybe: -1 next {} } */
    "384d40004a0d40ffffffffffffffffff014a00",
    /* zigs: [0, -1, 1, -2147483648] fixes: [1, 65536] loose: [1, 0, -1] colors: [GREEN, BLUE, RED, 9] */
    "5208000102ffffffff0f5a0801000000000001006001600060ffffffffffffffffff016a0401050009",
    /* by_int { key: -1 value: "a" } by_bool { key: true value: GREEN } by_fixed { key: -3 value: -4 } */
    "720e08ffffffffffffffffff011201617a040801100182010b09fdffffffffffffff1007",
    /* number: 0 */
    "880100",
    /* text: "" */
    "920100",
    /* message { text: "x" } */
    "9a010492010178",
};

/* Both rules write and read what protobuf writes. */
static void every_form_is_written_as_protobuf_writes_it(void **state) {
    (void)state;
    for (size_t i = 0; i < GEE_LENGTH(golden); i++) {
        forms_t value, strict;
        assert_becomes(FORMS, golden[i], golden[i]);
        assert_int_equal(decode(proto, FORMS, golden[i], &value), 0);
        assert_int_equal(decode(bin, FORMS, golden[i], &strict), 0);
        assert_true(gee_type_equal(FORMS, &value, &strict));
        assert_string_equal(encode(bin, FORMS, &strict), golden[i]);
    }
    /* id: 0 */
    assert_becomes(LEGACY, "0800", "0800");
    /* id: 7 text: "\377" mood: SAD moods: [SAD, GLAD] packed: [GLAD, SAD] by_id { key: 2 value: GLAD }
     * child { id: 1 } children { id: 2 } children { id: 3 } */
    static const char all[] = "08071201ff1804200420012a020104320408021001"
                              "3a02080142020802"
                              "42020803";
    assert_becomes(LEGACY, all, all);
}

static void values_are_what_the_bytes_say(void **state) {
    (void)state;
    forms_t value;
    assert_int_equal(decode(proto, FORMS, golden[0], &value), 0);
    assert_true(value.zig32 == -2 && value.zig64 == INT64_MIN && value.fix32 == UINT32_MAX && value.fix64 == 1);
    assert_true(value.sfix32 == -1 && value.sfix64 == -2);
    assert_int_equal(decode(proto, FORMS, golden[3], &value), 0);
    assert_true(value.zigs.count == 4 && value.zigs.items[1] == -1 && value.zigs.items[3] == INT32_MIN);
    assert_true(value.fixes.items[1] == 65536 && value.loose.items[2] == -1 && value.colors.items[1] == COLOR_BLUE);
    assert_int_equal(decode(proto, FORMS, golden[4], &value), 0);
    assert_true(value.by_int.items[0].key == -1 && value.by_bool.items[0].key && value.by_fixed.items[0].key == -3);
    assert_true(value.by_fixed.items[0].value == -4 && value.by_bool.items[0].value == COLOR_GREEN);
}

static void packed_and_unpacked_are_both_read(void **state) {
    (void)state;
    assert_becomes(FORMS, "5000500162020102600368016a0105", "520200016001600260036a020105");
    assert_becomes(FORMS,
                   "5d01000000"
                   "5a0402000000",
                   "5a080100000002000000");
}

static void the_last_of_a_oneof_counts_and_messages_merge(void **state) {
    (void)state;
    assert_becomes(FORMS,
                   "880105"
                   "920101"
                   "78"
                   "880100",
                   "880100");
    assert_becomes(FORMS,
                   "880105"
                   "920101"
                   "78",
                   "92010178");
    assert_becomes(FORMS,
                   "9a01023805"
                   "9a01024003",
                   "9a010438054003");
    assert_becomes(FORMS,
                   "9a01023805"
                   "880101"
                   "9a01024003",
                   "9a01024003");
    assert_becomes(FORMS,
                   "4a023805"
                   "4a024003",
                   "4a0438054003");
}

/* In the order in which they came, behind the known ones; of whatever kind. */
static void unknown_fields_are_kept(void **state) {
    (void)state;
    assert_becomes(FORMS,
                   "a00601"
                   "3805"
                   "aa060161"
                   "b50601020304"
                   "b1060102030405060708"
                   "4000"
                   "a00602",
                   "3805"
                   "4000"
                   "a00601"
                   "aa060161"
                   "b50601020304"
                   "b1060102030405060708"
                   "a00602");
    assert_becomes(FORMS,
                   "a306a306a006"
                   "07a406a406"
                   "3801",
                   "3801"
                   "a306a306a00607a406a406"); /* groups */
    assert_becomes(FORMS,
                   "4a03a00601"
                   "4a03a00602",
                   "4a06a00601a00602");
    assert_becomes(FORMS, "72080801120161a00601", "72050801120161");
    forms_t value; /* bin keeps them, too, but no groups */
    assert_int_equal(decode(bin, FORMS,
                            "a0060138"
                            "05",
                            &value),
                     0);
    assert_string_equal(encode(bin, FORMS, &value), "3805a00601");
    assert_refused(bin, FORMS, "a306a406", "is a group, which is not supported");
}

static void what_does_not_fit_is_taken_as_protobuf_takes_it(void **state) {
    (void)state;
    assert_becomes(FORMS,
                   "08ffffffff1f"
                   "38ffffffff1f",
                   "08ffffffff0f"
                   "38ffffffffffffffffff01");                                  /* truncated */
    assert_becomes(FORMS, "7a0508ff011001", "7a0408011001");                   /* a bool of 255 */
    assert_becomes(FORMS, "10ffffffffffffffffff7f", "10ffffffffffffffffff01"); /* bits past 64 are dropped */
    assert_becomes(FORMS, "388500", "3805");                                   /* longer than need be */
    assert_becomes(FORMS,
                   "0d01000000"
                   "3a0161",
                   "0d010000003a0161"); /* another wire type: unknown */
    assert_refused(bin, FORMS, "08ffffffff1f", "zig32: ");
    assert_refused(bin, FORMS, "0d01000000", "zig32: int32 cannot be read from 32 bits");
}

static void numbers_without_a_name_of_closed_enums_are_unknown_fields(void **state) {
    (void)state;
    assert_becomes(LEGACY, "0801200420022001", "0801200420012002");
    assert_becomes(LEGACY,
                   "0801"
                   "1804"
                   "1802",
                   "0801"
                   "1804"
                   "1802");
    assert_becomes(LEGACY,
                   "0801"
                   "1802"
                   "1804",
                   "0801"
                   "1804"
                   "1802");
    assert_becomes(LEGACY,
                   "0801"
                   "2002"
                   "2004",
                   "0801"
                   "2004"
                   "2002");
    assert_becomes(LEGACY,
                   "0801"
                   "2a03010204",
                   "0801"
                   "2a020104"
                   "2802");
    assert_becomes(LEGACY,
                   "0801"
                   "320408011002"
                   "320408011001",
                   "0801"
                   "320408011001"
                   "320408011002");
}

static void required_fields_must_be_there(void **state) {
    (void)state;
    assert_refused(proto, LEGACY, "", "id: the required field is missing");
    assert_refused(proto, LEGACY, "1804", "id: the required field is missing");
    assert_int_equal(error.code, GEE_INVALID_ARGUMENT);
    assert_refused(proto, LEGACY, "08013a00", "child.id: the required field is missing");
    assert_refused(proto, LEGACY,
                   "08014202080142"
                   "00",
                   "children[1].id: the required field is missing");
    assert_becomes(LEGACY,
                   "3a001804"
                   "0801"
                   "3a020802",
                   "0801"
                   "1804"
                   "3a020802"); /* parts that are whole together */
    legacy_t none = { 0 };
    assert_null(encode(proto, LEGACY, &none));
    assert_string_equal(error.text, "id: the required field is missing");
    assert_string_equal(encode(bin, LEGACY, &none), "");
    assert_int_equal(decode(bin, LEGACY, "1804", &none), 0);
}

static void strings_of_proto2_may_hold_any_bytes(void **state) {
    (void)state;
    assert_becomes(LEGACY, "08011201ff", "08011201ff");
    assert_refused(bin, LEGACY, "08011201ff", "text: the string is not valid UTF-8");
    assert_refused(proto, FORMS, "920101ff", "text: the string is not valid UTF-8");
    assert_refused(proto, FORMS, "72041202c328", "by_int[\"0\"]: the string is not valid UTF-8");
}

static void malformed_messages_are_refused(void **state) {
    (void)state;
    static const struct {
        const char *hex, *text;
    } rows[] = {
        { "08", "truncated" },
        { "0880", "truncated" },
        { "1d0000", "truncated" },
        { "4a05"
          "3805",
          "truncated" },
        { "08ffffffffffffffffffff01", "a varint over 64 bits" },
        { "0001", "field number 0" },
        { "0600", "field number 0" },
        { "0e00", "nothing known" },
        { "0f00", "nothing known" },
        { "808080801000", "field number 536870912" },
        { "0c", "ends a group that has not begun" },
        { "a306a40e", "ends a group that has not begun" },
        { "a306"
          "3805",
          "truncated" },
        { "b88080808000"
          "01",
          "a key or a length of more than 5 bytes" },
    };
    for (size_t i = 0; i < GEE_LENGTH(rows); i++)
        assert_refused(proto, FORMS, rows[i].hex, rows[i].text);
}

/* The cost of unknown fields between known ones, and their memory, are linear. */
static void many_runs_of_unknown_fields_cost_their_length(void **state) {
    (void)state;
    enum { RUNS = 100000 };
    uint8_t *bytes = malloc(5 * RUNS);
    forms_t value = { 0 };
    assert_non_null(bytes);
    for (size_t i = 0; i < RUNS; i++)
        memcpy(bytes + 5 * i, "\xa0\x06\x01\x38\x05", 5);
    gee_pool_reset(pool);
    assert_int_equal(proto->decode(NULL, FORMS, bytes, 5 * RUNS, &limits, false, pool, &value, &error), 0);
    assert_int_equal(value.unknown.length, 3 * RUNS);
    assert_true(gee_pool_used(pool) < 8 * 3 * RUNS);
    free(bytes);
}

GEE_ARRAY_TYPE(gee_sint32_t, 3);

static void a_list_of_fixed_length_is_whole(void **state) {
    (void)state;
    const gee_type_t *array = &gee_array_of_3_gee_sint32_t;
    assert_becomes(array, "0a03000102", "0a03000102");
    assert_becomes(array, "", "");
    assert_refused(proto, array, "0a020001", "2 items, but the list has 3");
    assert_refused(bin, array, "0a0400010203", "4 items, but the list has 3");
    int32_t two[2] = { 1, 2 };
    gee_list_value_t value = { .items = two, .count = 2 };
    assert_null(encode(proto, array, &value));
}

static int set_up(void **state) {
    (void)state;
    proto = gee_codec_proto_module.interface;
    bin = gee_codec_bin_module.interface;
    cache = gee_buf_cache_create(1 << 20);
    pool = gee_pool_create(65536);
    assert_null(gee_type_check(FORMS));
    assert_null(gee_type_check(LEGACY));
    return cache && pool ? 0 : -1;
}

static int tear_down(void **state) {
    (void)state;
    gee_pool_destroy(&pool);
    size_t live = gee_buf_cache_live(cache);
    gee_buf_cache_destroy(&cache);
    return live == 0 ? 0 : -1;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_form_is_written_as_protobuf_writes_it),
        cmocka_unit_test(values_are_what_the_bytes_say),
        cmocka_unit_test(packed_and_unpacked_are_both_read),
        cmocka_unit_test(the_last_of_a_oneof_counts_and_messages_merge),
        cmocka_unit_test(unknown_fields_are_kept),
        cmocka_unit_test(what_does_not_fit_is_taken_as_protobuf_takes_it),
        cmocka_unit_test(numbers_without_a_name_of_closed_enums_are_unknown_fields),
        cmocka_unit_test(required_fields_must_be_there),
        cmocka_unit_test(strings_of_proto2_may_hold_any_bytes),
        cmocka_unit_test(malformed_messages_are_refused),
        cmocka_unit_test(many_runs_of_unknown_fields_cost_their_length),
        cmocka_unit_test(a_list_of_fixed_length_is_whole),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
