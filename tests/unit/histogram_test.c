/* histogram_test.c: geectl's histogram: every value to three digits, exact ends, sums of several. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <cmocka.h>

#include "tools/histogram.h"

static histogram_t *new_histogram(void) {
    histogram_t *histogram = calloc(1, sizeof(*histogram));
    assert_non_null(histogram);
    return histogram;
}

/* The quantile of a value that a longer one follows: what its bucket makes of it. */
static uint64_t seen_as(int64_t value) {
    histogram_t *histogram = new_histogram();
    gee_histogram_add(histogram, value);
    gee_histogram_add(histogram, INT64_MAX);
    uint64_t seen = gee_histogram_quantile(histogram, 0.5);
    free(histogram);
    return seen;
}

static void test_three_digits(void **state) {
    (void)state;
    for (int64_t value = 0; value < 2048; value++)
        assert_int_equal(seen_as(value), value);
    for (int64_t value = 2048; value < (int64_t)1 << 43; value += value / 500 + 1) {
        uint64_t seen = seen_as(value);
        assert_true(seen >= (uint64_t)value);
        assert_true((double)(seen - (uint64_t)value) <= (double)value / 1000);
    }
}

/* Neighbours on both sides of each power of two. */
static void test_order_is_kept(void **state) {
    (void)state;
    for (unsigned power = 1; power < 43; power++) {
        int64_t value = (int64_t)1 << power;
        assert_true(seen_as(value - 1) <= seen_as(value));
        assert_true(seen_as(value) <= seen_as(value + 1));
        assert_true(seen_as(value - 1) < (uint64_t)value);
    }
}

static void test_quantiles(void **state) {
    (void)state;
    histogram_t *histogram = new_histogram();
    assert_int_equal(gee_histogram_quantile(histogram, 0.5), 0);
    for (int64_t value = 1000; value >= 1; value--)
        gee_histogram_add(histogram, value);
    assert_int_equal(gee_histogram_quantile(histogram, 0), 1);
    assert_int_equal(gee_histogram_quantile(histogram, 0.5), 500);
    assert_int_equal(gee_histogram_quantile(histogram, 0.999), 999);
    assert_int_equal(gee_histogram_quantile(histogram, 1), 1000);
    assert_true(gee_histogram_mean(histogram) == 500.5);
    free(histogram);
}

static void test_beyond_the_ends(void **state) {
    (void)state;
    histogram_t *histogram = new_histogram();
    gee_histogram_add(histogram, INT64_MIN);
    gee_histogram_add(histogram, INT64_MAX);
    assert_int_equal(histogram->least, 0);
    assert_int_equal(histogram->most, INT64_MAX);
    assert_int_equal(gee_histogram_quantile(histogram, 0.5), 0);
    assert_int_equal(gee_histogram_quantile(histogram, 1), INT64_MAX);
    free(histogram);
}

static void test_merge(void **state) {
    (void)state;
    histogram_t *sum = new_histogram(), *one = new_histogram(), *empty = new_histogram();
    gee_histogram_add(one, 5000000);
    gee_histogram_add(one, 30);
    gee_histogram_merge(sum, empty);
    gee_histogram_merge(sum, one);
    gee_histogram_merge(sum, empty);
    gee_histogram_merge(sum, one);
    assert_int_equal(sum->count, 4);
    assert_int_equal(sum->least, 30);
    assert_int_equal(sum->most, 5000000);
    assert_int_equal(gee_histogram_quantile(sum, 0.5), 30);
    assert_int_equal(gee_histogram_quantile(sum, 0.75), 5000000);
    assert_true(gee_histogram_mean(sum) == 2500015.0);
    free(sum);
    free(one);
    free(empty);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_three_digits),    cmocka_unit_test(test_order_is_kept), cmocka_unit_test(test_quantiles),
        cmocka_unit_test(test_beyond_the_ends), cmocka_unit_test(test_merge),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
