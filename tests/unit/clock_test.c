/* clock_test.c: the timestamp form, and times that do not wrap. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "core/base/clock.h"
#include "core/base/defs.h"

static void test_timestamps(void **state) {
    (void)state;
    static const struct {
        int64_t ns;
        const char *text;
    } cases[] = {
        { 0, "1970-01-01T00:00:00.000Z" },
        { 1, "1970-01-01T00:00:00.000Z" },
        { -1, "1969-12-31T23:59:59.999Z" },
        { 951782400 * GEE_SECOND, "2000-02-29T00:00:00.000Z" },
        { 1795336713123456789, "2026-11-22T08:38:33.123Z" },
        { 4107542399999999999, "2100-02-28T23:59:59.999Z" },
        { 4107542400000000000, "2100-03-01T00:00:00.000Z" },
        { INT64_MAX, "2262-04-11T23:47:16.854Z" },
        { INT64_MIN, "1677-09-21T00:12:43.145Z" },
    };
    for (size_t i = 0; i < GEE_LENGTH(cases); i++) {
        char text[GEE_TIMESTAMP_TEXT];
        assert_ptr_equal(gee_format_timestamp(text, cases[i].ns), text);
        assert_string_equal(text, cases[i].text);
    }
}

/* The C library's calendar as the judge, a day at a time over the whole range. */
static void test_every_day(void **state) {
    (void)state;
    for (int64_t day = INT64_MIN / GEE_SECOND / 86400 + 1; day < INT64_MAX / GEE_SECOND / 86400; day++) {
        time_t seconds = day * 86400 + 45296;
        struct tm parts;
        assert_non_null(gmtime_r(&seconds, &parts));
        char expected[GEE_TIMESTAMP_TEXT], text[GEE_TIMESTAMP_TEXT];
        assert_true(strftime(expected, sizeof expected, "%Y-%m-%dT%H:%M:%S.000Z", &parts) > 0);
        assert_string_equal(gee_format_timestamp(text, seconds * GEE_SECOND), expected);
    }
}

static void test_adding(void **state) {
    (void)state;
    assert_true(gee_time_add(2, 3) == 5);
    assert_true(gee_time_add(INT64_MAX - 1, 1) == INT64_MAX);
    assert_true(gee_time_add(INT64_MAX - 1, 2) == INT64_MAX);
    assert_true(gee_time_add(INT64_MAX, INT64_MAX) == INT64_MAX);
}

static void test_clocks_read(void **state) {
    (void)state;
    int64_t first = gee_clock_monotonic();
    assert_true(gee_clock_monotonic() >= first);
    assert_true(first > 0);
    int64_t wall = gee_clock_wall() / GEE_SECOND, now = (int64_t)time(NULL);
    assert_true(wall - now <= 1 && now - wall <= 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_timestamps),
        cmocka_unit_test(test_every_day),
        cmocka_unit_test(test_adding),
        cmocka_unit_test(test_clocks_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
