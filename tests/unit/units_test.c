/* units_test.c: numbers, sizes and durations, read and written. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <string.h>

#include "core/base/defs.h"
#include "core/base/str.h"

#define MINUTE (60 * GEE_SECOND)
#define HOUR   (60 * MINUTE)
#define DAY    (24 * HOUR)

typedef struct signed_case {
    const char *text;
    int64_t value;
} signed_case_t;

typedef struct unsigned_case {
    const char *text;
    uint64_t value;
} unsigned_case_t;

static void test_durations_are_read(void **state) {
    (void)state;
    static const signed_case_t cases[] = {
        { "0", 0 },
        { "0s", 0 },
        { "7ns", 7 },
        { "7us", 7 * GEE_MICROSECOND },
        { "250ms", 250 * GEE_MILLISECOND },
        { "10s", 10 * GEE_SECOND },
        { "5m", 5 * MINUTE },
        { "1.5h", 90 * MINUTE },
        { "1h30m", 90 * MINUTE },
        { "1d", DAY },
        { "1d2h3m4s5ms6us7ns", DAY + 2 * HOUR + 3 * MINUTE + 4 * GEE_SECOND + 5006007 },
        { "0.000000001s", 1 },
        { "1.000000000000000000s", GEE_SECOND },
        { "9223372036854775807ns", INT64_MAX },
        { "9223372036.854775807s", INT64_MAX },
    };
    for (size_t i = 0; i < GEE_LENGTH(cases); i++) {
        int64_t value = -1;
        if (gee_parse_duration(gee_str(cases[i].text), &value) != 0 || value != cases[i].value)
            fail_msg("%s gives %lld", cases[i].text, (long long)value);
    }
}

static void test_durations_are_refused(void **state) {
    (void)state;
    static const char *const texts[] = {
        "",
        "1",
        "s",
        "1 s",
        " 1s",
        "1s ",
        "-1s",
        "+1s",
        "1x",
        "1sx",
        "1S",
        "00",
        "1.s",
        ".5s",
        "1..5s",
        "1.5",
        "1e3s",
        "1s,",
        "0x1s",
        "1m30",
        "0.5ns",
        "0.0000000001s",
        "1.0000000000000000000s", /* 19 places */
        "9223372036854775808ns",
        "9223372036854775807ns1ns",
        "18446744073709551615d",
        "18446744073709551616ns",
        "99999999999999999999999999999999s",
        "106752d",
    };
    for (size_t i = 0; i < GEE_LENGTH(texts); i++) {
        int64_t value = 4711;
        if (gee_parse_duration(gee_str(texts[i]), &value) != -1 || value != 4711)
            fail_msg("\"%s\" is taken as %lld", texts[i], (long long)value);
    }
    int64_t value;
    assert_int_equal(gee_parse_duration(GEE_STR("1s\0"), &value), -1);
    assert_int_equal(gee_parse_duration((gee_str_t){ NULL, 0 }, &value), -1);
}

static void test_durations_as_go_prints_them(void **state) {
    (void)state;
    static const signed_case_t cases[] = {
        { "0s", 0 },
        { "1ns", 1 },
        { "999ns", 999 },
        { "1\xc2\xb5s", 1000 },
        { "1.1\xc2\xb5s", 1100 },
        { "999.999\xc2\xb5s", 999999 },
        { "1ms", GEE_MILLISECOND },
        { "2.2ms", 2200 * GEE_MICROSECOND },
        { "1.000001ms", GEE_MILLISECOND + 1 },
        { "100ms", 100 * GEE_MILLISECOND },
        { "1s", GEE_SECOND },
        { "1.5s", 1500 * GEE_MILLISECOND },
        { "3.3s", 3300 * GEE_MILLISECOND },
        { "59.999999999s", MINUTE - 1 },
        { "1m0s", MINUTE },
        { "1m30s", 90 * GEE_SECOND },
        { "4m5s", 245 * GEE_SECOND },
        { "4m5.001s", 245 * GEE_SECOND + GEE_MILLISECOND },
        { "1h0m0s", HOUR },
        { "2h0m0s", 2 * HOUR },
        { "5h6m7.001s", 5 * HOUR + 6 * MINUTE + 7 * GEE_SECOND + GEE_MILLISECOND },
        { "8m0.000000001s", 8 * MINUTE + 1 },
        { "2562047h47m16.854775807s", INT64_MAX },
        { "-2562047h47m16.854775808s", INT64_MIN },
        { "-1.5s", -1500 * GEE_MILLISECOND },
        { "-1ns", -1 },
    };
    for (size_t i = 0; i < GEE_LENGTH(cases); i++) {
        char text[GEE_DURATION_TEXT];
        assert_ptr_equal(gee_format_duration_go(text, cases[i].value), text);
        assert_string_equal(text, cases[i].text);
    }
}

static void test_what_is_left_of_a_time_is_rounded(void **state) {
    (void)state;
    static const int64_t cases[][2] = { { 279999745795, 280 * GEE_SECOND },
                                        { 999999999, GEE_SECOND },
                                        { 1234567, 1230000 },
                                        { 1235000, 1240000 },
                                        { 999, 999 },
                                        { 0, 0 },
                                        { 3723 * GEE_SECOND, 3723 * GEE_SECOND },
                                        { 1999 * GEE_MILLISECOND, 1999 * GEE_MILLISECOND },
                                        { INT64_MAX, 9220000000000000000 } };
    for (size_t i = 0; i < GEE_LENGTH(cases); i++)
        assert_int_equal(gee_round_duration(cases[i][0]), cases[i][1]);
}

static void test_durations_are_written_short(void **state) {
    (void)state;
    static const signed_case_t cases[] = {
        { "0", 0 },
        { "0", -5 },
        { "1ns", 1 },
        { "250ms", 250 * GEE_MILLISECOND },
        { "1s", GEE_SECOND },
        { "1.5s", 1500 * GEE_MILLISECOND },
        { "90s", 90 * GEE_SECOND },
        { "1m", MINUTE },
        { "5m", 5 * MINUTE },
        { "90m", 90 * MINUTE },
        { "1h", HOUR },
        { "1h1s", HOUR + GEE_SECOND },
        { "1d", DAY },
        { "10s", 10 * GEE_SECOND },
        { "1d1ns", DAY + 1 },
    };
    for (size_t i = 0; i < GEE_LENGTH(cases); i++) {
        char text[GEE_DURATION_TEXT];
        assert_string_equal(gee_format_duration(text, cases[i].value), cases[i].text);
    }
}

/* A small generator of our own: the same numbers in every run. */
static uint64_t next_number(uint64_t *seed) {
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    return *seed;
}

static void test_what_is_written_reads_back(void **state) {
    (void)state;
    uint64_t seed = 88172645463325252U;
    for (int i = 0; i < 20000; i++) {
        uint64_t number = next_number(&seed) >> (next_number(&seed) % 64);
        if (i % 2)
            number -= number % 1000000;
        char text[GEE_DURATION_TEXT];
        int64_t duration = (int64_t)(number >> 1), read_duration = -1;
        assert_true(strlen(gee_format_duration(text, duration)) < sizeof text);
        assert_int_equal(gee_parse_duration(gee_str(text), &read_duration), 0);
        assert_true(read_duration == duration);
        uint64_t read_size = 1;
        assert_int_equal(gee_parse_size(gee_str(gee_format_size(text, number)), &read_size), 0);
        assert_true(read_size == number);
    }
    char text[GEE_DURATION_TEXT];
    int64_t longest;
    assert_int_equal(gee_parse_duration(gee_str(gee_format_duration(text, INT64_MAX)), &longest), 0);
    assert_true(longest == INT64_MAX);
}

static void test_sizes(void **state) {
    (void)state;
    static const unsigned_case_t good[] = {
        { "0", 0 },
        { "512", 512 },
        { "64k", 65536 },
        { "64K", 65536 },
        { "4m", 4 * GEE_MIB },
        { "1G", 1024 * GEE_MIB },
        { "18446744073709551615", UINT64_MAX },
        { "17179869183g", 17179869183U * 1024 * GEE_MIB },
    };
    for (size_t i = 0; i < GEE_LENGTH(good); i++) {
        uint64_t value = 1;
        if (gee_parse_size(gee_str(good[i].text), &value) != 0 || value != good[i].value)
            fail_msg("%s gives %llu", good[i].text, (unsigned long long)value);
    }
    static const char *const bad[] = { "",
                                       "k",
                                       "-1",
                                       "+1",
                                       "1.5m",
                                       "4mb",
                                       "4 m",
                                       " 4",
                                       "4t",
                                       "4\v",
                                       "0x10",
                                       "4mm",
                                       "1\xeb",
                                       "18446744073709551616",
                                       "17179869184g" };
    for (size_t i = 0; i < GEE_LENGTH(bad); i++) {
        uint64_t value = 4711;
        if (gee_parse_size(gee_str(bad[i]), &value) != -1 || value != 4711)
            fail_msg("\"%s\" is taken as %llu", bad[i], (unsigned long long)value);
    }
    char text[GEE_DURATION_TEXT];
    assert_string_equal(gee_format_size(text, 4 * GEE_MIB), "4m");
    assert_string_equal(gee_format_size(text, 65536), "64k");
    assert_string_equal(gee_format_size(text, 1000), "1000");
    assert_string_equal(gee_format_size(text, 0), "0");
    assert_string_equal(gee_format_size(text, UINT64_MAX), "18446744073709551615");
    assert_string_equal(gee_format_size(text, (uint64_t)1 << 63), "8589934592g");
}

static void test_whole_numbers(void **state) {
    (void)state;
    static const signed_case_t good[] = {
        { "0", 0 },
        { "-0", 0 },
        { "+7", 7 },
        { "-7", -7 },
        { "007", 7 },
        { "9223372036854775807", INT64_MAX },
        { "-9223372036854775808", INT64_MIN },
    };
    for (size_t i = 0; i < GEE_LENGTH(good); i++) {
        int64_t value = 1;
        assert_int_equal(gee_parse_int64(gee_str(good[i].text), &value), 0);
        assert_true(value == good[i].value);
    }
    static const char *const bad[] = {
        "",
        "-",
        "+",
        "--1",
        "+-1",
        "1-",
        "1 ",
        " 1",
        "1.0",
        "1e3",
        "0x1",
        "9223372036854775808",
        "-9223372036854775809",
    };
    for (size_t i = 0; i < GEE_LENGTH(bad); i++) {
        int64_t value = 4711;
        if (gee_parse_int64(gee_str(bad[i]), &value) != -1 || value != 4711)
            fail_msg("\"%s\" is taken", bad[i]);
    }
    uint64_t number = 0;
    assert_int_equal(gee_parse_uint64(GEE_STR("18446744073709551615"), &number), 0);
    assert_true(number == UINT64_MAX);
    assert_int_equal(gee_parse_uint64(GEE_STR("18446744073709551616"), &number), -1);
    assert_int_equal(gee_parse_uint64(GEE_STR("+1"), &number), -1);
    assert_int_equal(gee_parse_uint64(GEE_STR("1\0"), &number), -1);
    assert_int_equal(gee_parse_uint64((gee_str_t){ NULL, 0 }, &number), -1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_durations_are_read),
        cmocka_unit_test(test_durations_are_refused),
        cmocka_unit_test(test_durations_as_go_prints_them),
        cmocka_unit_test(test_what_is_left_of_a_time_is_rounded),
        cmocka_unit_test(test_durations_are_written_short),
        cmocka_unit_test(test_what_is_written_reads_back),
        cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_whole_numbers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
