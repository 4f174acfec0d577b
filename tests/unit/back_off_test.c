/* back_off_test.c: pauses between attempts: they grow, end somewhere, and are not the same for two who wait. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "core/base/back_off.h"
#include "core/base/defs.h"

static void pauses_double_up_to_the_longest(void **data) {
    static const int64_t bases[] = { 100, 200, 400, 800, 1000, 1000, 1000 };
    (void)data;
    for (uint64_t seed = 0; seed < 100; seed++) {
        gee_back_off_t back_off = { 0 };
        uint64_t random = seed;
        for (size_t i = 0; i < GEE_LENGTH(bases); i++)
            assert_in_range(gee_back_off_next(&back_off, 100, 1000, &random), bases[i] / 2, bases[i]);
    }
}

static void the_extremes(void **data) {
    gee_back_off_t back_off = { 0 };
    uint64_t random = 1;
    (void)data;
    assert_in_range(gee_back_off_next(&back_off, 100, 10, &random), 5, 10); /* the longest is below the first */
    back_off.last_ns = 0;
    for (int i = 0; i < 100; i++)
        assert_true(gee_back_off_next(&back_off, 1, INT64_MAX, &random) >= 0);
    assert_true(back_off.last_ns == INT64_MAX);
    assert_int_equal(gee_jitter(0, &random), 0);
    for (int i = 0; i < 100; i++)
        assert_true(gee_jitter(INT64_MAX, &random) >= INT64_MAX / 10 * 9);
}

static void two_do_not_stay_in_step(void **data) {
    uint64_t one = 1, other = 2;
    int differ = 0;
    (void)data;
    for (int i = 0; i < 100; i++) {
        int64_t first = gee_jitter(1000, &one);
        assert_in_range(first, 900, 1000);
        differ += first != gee_jitter(1000, &other);
    }
    assert_true(differ > 50);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pauses_double_up_to_the_longest),
        cmocka_unit_test(the_extremes),
        cmocka_unit_test(two_do_not_stay_in_step),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
