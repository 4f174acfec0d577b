/* record_test.c: what is put into a record comes out again, whatever is cut off is not read, and nothing secret stays
 * behind. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "core/base/record.h"

#include "support/secrets.h"

static void put_all(gee_record_t *record) {
    gee_record_put_u8(record, 0xab);
    gee_record_put_u64(record, UINT64_MAX - 1);
    size_t part = gee_record_begin(record);
    gee_record_put_str(record, "within");
    gee_record_put_str(record, NULL);
    gee_record_end(record, part);
    gee_record_put_bytes(record, "\0\xff", 2);
    gee_record_put(record, "bare", 4);
}

static bool take_all(gee_record_reader_t *in) {
    bool same = gee_record_take_u8(in) == 0xab;
    same = gee_record_take_u64(in) == UINT64_MAX - 1 && same;
    gee_record_reader_t part = gee_record_take_part(in);
    same = gee_str_equal(gee_record_take_str(&part), GEE_STR("within")) && same;
    same = gee_record_take_str(&part).length == 0 && !part.failed && gee_record_left(&part) == 0 && same;
    same = gee_str_equal(gee_record_take_str(in), (gee_str_t){ "\0\xff", 2 }) && same;
    const void *bare = gee_record_take(in, 4);
    return bare != NULL && memcmp(bare, "bare", 4) == 0 && same;
}

static void test_there_and_back(void **state) {
    (void)state;
    gee_record_t record = { 0 };
    put_all(&record);
    gee_record_reader_t in = gee_record_reader(record.bytes, record.length);
    assert_true(take_all(&in));
    assert_false(in.failed);
    assert_int_equal(gee_record_left(&in), 0);
    gee_record_clear(&record);
    assert_null(record.bytes);
    assert_int_equal(record.length, 0);
}

/* From memory that ends where the record ends. */
static void test_cut_off_anywhere(void **state) {
    (void)state;
    gee_record_t record = { 0 };
    put_all(&record);
    for (size_t cut = 0; cut < record.length; cut++) {
        uint8_t *bytes = malloc(cut ? cut : 1);
        assert_non_null(bytes);
        memcpy(bytes, record.bytes, cut);
        gee_record_reader_t in = gee_record_reader(bytes, cut);
        assert_false(take_all(&in));
        assert_true(in.failed);
        assert_int_equal(gee_record_left(&in), 0);
        free(bytes);
    }
    gee_record_clear(&record);
}

static void test_after_a_failure_everything_is_zero(void **state) {
    (void)state;
    static const uint8_t bytes[] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1, 2, 3 };
    gee_record_reader_t in = gee_record_reader(bytes, sizeof(bytes));
    gee_record_reader_t part = gee_record_take_part(&in); /* of 2^64 - 1 bytes */
    assert_true(in.failed && part.failed);
    assert_int_equal(gee_record_left(&part), 0);
    assert_int_equal(gee_record_take_u8(&in), 0);
    assert_int_equal(gee_record_take_u8(&part), 0);
    assert_int_equal(gee_record_take_u64(&in), 0);
    assert_null(gee_record_take(&in, 0));
    assert_int_equal(gee_record_take_str(&in).length, 0);
    in = gee_record_reader(NULL, 0);
    assert_int_equal(gee_record_take_u8(&in), 0);
    assert_true(in.failed);
}

static void test_a_time_is_not_in_the_future(void **state) {
    (void)state;
    static const int64_t given[] = { 5, 100, 101, INT64_MAX, 0, -1, INT64_MIN };
    static const int64_t taken[] = { 5, 100, 100, 100, 0, 0, 0 };
    for (size_t i = 0; i < sizeof(given) / sizeof(given[0]); i++) {
        gee_record_reader_t in = gee_record_reader(&given[i], sizeof(given[i]));
        assert_true(gee_record_take_time(&in, 100) == taken[i]);
    }
}

/* Longer than any memory: said once, at the end; what comes then changes nothing. */
static void test_too_long_is_a_failure(void **state) {
    (void)state;
    gee_record_t record = { 0 };
    gee_record_put_u8(&record, 1);
    gee_record_put(&record, "", SIZE_MAX);
    assert_true(record.failed);
    gee_record_put_u8(&record, 2);
    size_t part = gee_record_begin(&record);
    gee_record_end(&record, part);
    assert_int_equal(record.length, 1);
    gee_record_clear(&record);
    assert_false(record.failed);
}

/* Neither where it was moved from as it grew, nor where it was in the end. */
static void test_nothing_stays_behind(void **state) {
    (void)state;
    uint8_t secret[32], masked[32];
    static uint8_t more[100000];
    gee_record_t record = { 0 };
    for (size_t i = 0; i < sizeof(secret); i++)
        secret[i] = (uint8_t)(0xc0 + 7 * i);
    secret_mask(masked, secret, sizeof(secret));
    gee_record_put(&record, more, 100);
    gee_record_put(&record, secret, sizeof(secret));
    explicit_bzero(secret, sizeof(secret));
    assert_int_equal(secret_count(masked, sizeof(masked)), 1);
    for (size_t grown = 0; grown < 10 * sizeof(more); grown += sizeof(more))
        gee_record_put(&record, more, sizeof(more));
    assert_int_equal(secret_count(masked, sizeof(masked)), 1);
    gee_record_clear(&record);
    assert_int_equal(secret_count(masked, sizeof(masked)), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_there_and_back),
        cmocka_unit_test(test_cut_off_anywhere),
        cmocka_unit_test(test_after_a_failure_everything_is_zero),
        cmocka_unit_test(test_a_time_is_not_in_the_future),
        cmocka_unit_test(test_too_long_is_a_failure),
        cmocka_unit_test(test_nothing_stays_behind),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
