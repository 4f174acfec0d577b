/* metadata_test.c: metadata on wires of bytes and on wires of texts. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/defs.h"
#include "core/rpc/metadata.h"

typedef __typeof__(*((gee_metadata_t *)0)->items) pair_t;
#define P(key, value)                                                                                                  \
    {                                                                                                                  \
        { key, sizeof(key) - 1 }, {                                                                                    \
            value, sizeof(value) - 1                                                                                   \
        }                                                                                                              \
    }

static gee_pool_t *pool;

static int setup(void **state GEE_UNUSED) {
    return (pool = gee_pool_create(4096)) != NULL ? 0 : -1;
}

static int teardown(void **state GEE_UNUSED) {
    gee_pool_destroy(&pool);
    return 0;
}

static gee_metadata_t of(pair_t *pairs, size_t count) {
    gee_metadata_t metadata = { .count = count };
    metadata.items = (void *)pairs;
    return metadata;
}
#define OF(pairs) of(pairs, GEE_LENGTH(pairs))

static void expect_pairs(const gee_metadata_t *metadata, const pair_t *expected, size_t count) {
    assert_int_equal(metadata->count, count);
    for (size_t i = 0; i < count; i++)
        if (!gee_str_equal(metadata->items[i].key, expected[i].key) ||
            !gee_str_equal(metadata->items[i].value, expected[i].value))
            fail_msg("pair %zu is %.*s: %.*s", i, GEE_STR_ARGUMENTS(metadata->items[i].key),
                     GEE_STR_ARGUMENTS(metadata->items[i].value));
}
#define EXPECT(metadata, ...)                                                                                          \
    do {                                                                                                               \
        const pair_t expected[] = { __VA_ARGS__ };                                                                     \
        expect_pairs(&(metadata), expected, GEE_LENGTH(expected));                                                     \
    } while (0)

static void a_binary_key_ends_in_bin(void **state GEE_UNUSED) {
    assert_true(gee_metadata_is_binary(GEE_STR("trace-bin")));
    assert_true(gee_metadata_is_binary(GEE_STR("-bin")));
    assert_false(gee_metadata_is_binary(GEE_STR("trace-BIN")));
    assert_false(gee_metadata_is_binary(GEE_STR("bin")));
    assert_false(gee_metadata_is_binary(GEE_STR("trace-bin-")));
    assert_false(gee_metadata_is_binary((gee_str_t){ 0 }));
}

static void texts_are_repaired_and_bytes_are_not(void **state GEE_UNUSED) {
    pair_t pairs[] = { P("a", "\xff"), P("b-bin", "\xff\0x"), P("c\xff", "ok"), P("d\xff-bin", "\xff") };
    gee_metadata_t metadata = OF(pairs);
    assert_false(gee_metadata_is_valid(&metadata));
    assert_int_equal(gee_metadata_repair(&metadata, pool), 0);
    EXPECT(metadata, P("a", "\xef\xbf\xbd"), P("b-bin", "\xff\0x"), P("c\xef\xbf\xbd", "ok"),
           P("d\xef\xbf\xbd-bin", "\xff"));
    assert_true(gee_metadata_is_valid(&metadata));
    assert_int_equal((unsigned char)pairs[0].value.data[0], 0xff); /* what was given stays */
}

static void what_is_well_formed_stays_where_it_is(void **state GEE_UNUSED) {
    pair_t pairs[] = { P("user", "\xc3\xa9"), P("a", ""), P("", "b") };
    gee_metadata_t metadata = OF(pairs), none = { 0 };
    size_t used = gee_pool_used(pool);
    assert_int_equal(gee_metadata_repair(&metadata, pool), 0);
    assert_int_equal(gee_metadata_to_texts(&metadata, pool), 0);
    assert_int_equal(gee_metadata_from_texts(&metadata, pool, NULL), 0);
    assert_ptr_equal(metadata.items, pairs);
    assert_int_equal(gee_metadata_to_texts(&none, pool), 0);
    assert_int_equal(gee_metadata_from_texts(&none, pool, NULL), 0);
    assert_int_equal(gee_metadata_repair(&none, pool), 0);
    assert_int_equal(gee_pool_used(pool), used);
}

static void values_of_a_key_are_joined_in_their_order(void **state GEE_UNUSED) {
    pair_t pairs[] = { P("b", "2"), P("a", "x"), P("b", ""), P("b", "1") };
    gee_metadata_t metadata = OF(pairs);
    assert_false(gee_metadata_is_texts(&metadata));
    assert_int_equal(gee_metadata_to_texts(&metadata, pool), 0);
    EXPECT(metadata, P("a", "x"), P("b", "2, , 1"));
}

/* Two ill-formed keys may be the same key when they are repaired. */
static void each_key_stands_once(void **state GEE_UNUSED) {
    pair_t pairs[] = { P("k\xff", "1"), P("k\xfe", "2") };
    gee_metadata_t metadata = OF(pairs);
    assert_int_equal(gee_metadata_to_texts(&metadata, pool), 0);
    EXPECT(metadata, P("k\xef\xbf\xbd", "1, 2"));
}

static void bytes_are_base64_and_come_back_one_by_one(void **state GEE_UNUSED) {
    pair_t pairs[] = { P("t-bin", "\0\xff,"), P("a", "b, c"), P("t-bin", ""), P("t-bin", "x") };
    gee_metadata_t metadata = OF(pairs);
    gee_error_t error = { 0 };
    assert_false(gee_metadata_is_texts(&metadata));
    assert_int_equal(gee_metadata_to_texts(&metadata, pool), 0);
    EXPECT(metadata, P("a", "b, c"), P("t-bin", "AP8s, , eA=="));
    assert_int_equal(gee_metadata_from_texts(&metadata, pool, &error), 0);
    EXPECT(metadata, P("a", "b, c"), P("t-bin", "\0\xff,"), P("t-bin", ""), P("t-bin", "x"));
}

static void what_is_not_base64_is_an_error_that_names_the_key(void **state GEE_UNUSED) {
    static const char *const values[] = { "eA", "e", "eA==, !", "\xc3\xa9", "eA==eA==" };
    for (size_t i = 0; i < GEE_LENGTH(values); i++) {
        pair_t pairs[] = { P("a", "!"), { GEE_STR("t-bin"), gee_str(values[i]) } };
        gee_metadata_t metadata = OF(pairs);
        gee_error_t error = { 0 };
        assert_int_equal(gee_metadata_from_texts(&metadata, pool, &error), -1);
        assert_int_equal(error.code, GEE_INVALID_ARGUMENT);
        assert_string_equal(error.text, "metadata: the value of t-bin is not base64");
    }
}

/* 100,000 pairs in a moment: compared each with each, they would take minutes. */
static void many_keys_take_no_long_time(void **state GEE_UNUSED) {
    enum { COUNT = 100000 };
    static char keys[COUNT][8];
    static pair_t pairs[COUNT];
    for (size_t i = 0; i < COUNT; i++) {
        snprintf(keys[i], sizeof(keys[i]), "%zu", i / 2);
        pairs[i].key = gee_str(keys[i]);
        pairs[i].value = GEE_STR("v");
    }
    gee_metadata_t metadata = OF(pairs);
    assert_false(gee_metadata_is_texts(&metadata));
    assert_int_equal(gee_metadata_to_texts(&metadata, pool), 0);
    assert_int_equal(metadata.count, COUNT / 2);
    for (size_t i = 0; i < metadata.count; i++)
        assert_true(gee_str_equal(metadata.items[i].value, GEE_STR("v, v")));
}

static void a_copy_outlives_what_was_copied(void **state GEE_UNUSED) {
    char key[] = "trace", value[] = "42";
    pair_t pairs[] = { { { key, 5 }, { value, 2 } }, P("trace", "") };
    gee_metadata_t metadata = OF(pairs), copy, nothing = { .count = 0 };
    assert_int_equal(gee_metadata_copy(&copy, &metadata, pool), 0);
    key[0] = value[0] = '?';
    EXPECT(copy, P("trace", "42"), P("trace", ""));
    assert_int_equal(gee_metadata_copy(&copy, &nothing, pool), 0);
    assert_int_equal(copy.count, 0);
}

static void without_memory_nothing_is_changed(void **state GEE_UNUSED) {
    pair_t pairs[] = { P("a\xff", "\xff"), P("t-bin", "eA==") };
    gee_pool_limit(pool, 16);
    gee_metadata_t metadata = OF(pairs);
    gee_error_t error = { 0 };
    assert_int_equal(gee_metadata_repair(&metadata, pool), -1);
    assert_int_equal(gee_metadata_to_texts(&metadata, pool), -1);
    assert_int_equal(gee_metadata_from_texts(&metadata, pool, &error), -1);
    assert_int_equal(error.code, GEE_RESOURCE_EXHAUSTED);
    assert_ptr_equal(metadata.items, pairs);
    gee_metadata_t copy;
    assert_int_equal(gee_metadata_copy(&copy, &metadata, pool), -1);
    assert_int_equal(copy.count, 0);
    assert_int_equal(gee_metadata_copy(&copy, &metadata, NULL), -1);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(a_binary_key_ends_in_bin),
        TEST(texts_are_repaired_and_bytes_are_not),
        TEST(what_is_well_formed_stays_where_it_is),
        TEST(values_of_a_key_are_joined_in_their_order),
        TEST(each_key_stands_once),
        TEST(bytes_are_base64_and_come_back_one_by_one),
        TEST(what_is_not_base64_is_an_error_that_names_the_key),
        TEST(many_keys_take_no_long_time),
        TEST(a_copy_outlives_what_was_copied),
        TEST(without_memory_nothing_is_changed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
