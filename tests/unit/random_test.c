/* random_test.c: the numbers are those of SplitMix64, the same on every machine, and stay below their bound. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "core/base/random.h"

static void the_numbers_are_known(void **data) {
    static const uint64_t known[] = { 6457827717110365317U, 3203168211198807973U, 9817491932198370423U,
                                      4593380528125082431U, 16408922859458223821U };
    uint64_t state = 1234567;
    (void)data;
    for (int i = 0; i < 5; i++)
        assert_int_equal(gee_random_next(&state), known[i]);
}

static void they_stay_below_their_bound(void **data) {
    static const uint64_t bounds[] = { 1, 2, 3, 1000, 1ull << 32, UINT64_MAX };
    uint64_t state = 0;
    (void)data;
    assert_int_equal(gee_random_below(&state, 0), 0);
    for (size_t i = 0; i < sizeof bounds / sizeof *bounds; i++)
        for (int times = 0; times < 1000; times++)
            assert_true(gee_random_below(&state, bounds[i]) < bounds[i]);
    unsigned seen = 0;
    for (int times = 0; times < 100; times++)
        seen |= 1u << gee_random_below(&state, 3);
    assert_int_equal(seen, 7);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_numbers_are_known),
        cmocka_unit_test(they_stay_below_their_bound),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
