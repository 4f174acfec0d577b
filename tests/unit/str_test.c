/* str_test.c: counted strings, UTF-8, escaping, "did you mean". */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/defs.h"
#include "core/base/str.h"

static const gee_str_t empty = { .data = NULL, .length = 0 };

static void test_comparing(void **state) {
    (void)state;
    assert_true(gee_str_equal(gee_str(NULL), GEE_STR("")));
    assert_true(gee_str_equal(GEE_STR("a\0b"), GEE_STR("a\0b")));
    assert_false(gee_str_equal(GEE_STR("a\0b"), GEE_STR("a\0c")));
    assert_false(gee_str_equal(GEE_STR("a"), GEE_STR("ab")));
    assert_true(gee_str_equal_ignoring_case(GEE_STR("MagicNumber"), GEE_STR("magicnumbeR")));
    assert_false(gee_str_equal_ignoring_case(GEE_STR("@["), GEE_STR("`{"))); /* 0x20 apart, but no letters */
    assert_false(gee_str_equal_ignoring_case(GEE_STR("\xc4"), GEE_STR("\xe4")));
    assert_true(gee_str_starts_with(GEE_STR("tcp@host"), GEE_STR("tcp@")));
    assert_true(gee_str_starts_with(empty, empty));
    assert_false(gee_str_starts_with(GEE_STR("tcp"), GEE_STR("tcp@")));
    assert_true(gee_str_compare(GEE_STR("ab"), GEE_STR("abc")) < 0);
    assert_true(gee_str_compare(GEE_STR("\xff"), GEE_STR("a")) > 0);
    assert_int_equal(gee_str_compare(empty, GEE_STR("")), 0);
}

static void test_finding(void **state) {
    (void)state;
    assert_int_equal(gee_str_find(GEE_STR("a.b.c"), '.'), 1);
    assert_int_equal(gee_str_find_last(GEE_STR("a.b.c"), '.'), 3);
    assert_int_equal(gee_str_find(GEE_STR("abc"), '.'), -1);
    assert_int_equal(gee_str_find_last(empty, '.'), -1);
    assert_int_equal(gee_str_find(empty, '.'), -1);
}

static int precision_of(int precision, const char *data) {
    return data ? precision : -1;
}

static void test_trimming(void **state) {
    (void)state;
    assert_true(gee_str_equal(gee_str_trim(GEE_STR(" \t a b\t ")), GEE_STR("a b")));
    assert_true(gee_str_equal(gee_str_trim(GEE_STR("\na\r")), GEE_STR("\na\r"))); /* spaces and tabs only */
    assert_int_equal(gee_str_trim(GEE_STR(" \t ")).length, 0);
    assert_int_equal(gee_str_trim(empty).length, 0);
}

static void test_cutting(void **state) {
    (void)state;
    static const char *const pieces[] = { "a", "", "bc", "" };
    gee_str_t rest = GEE_STR("a,,bc,");
    for (size_t i = 0; i < GEE_LENGTH(pieces); i++)
        assert_true(gee_str_equal(gee_str_cut(&rest, ','), gee_str(pieces[i])));
    assert_true(rest.data == NULL && rest.length == 0);
    assert_int_equal(gee_str_cut(&rest, ',').length, 0);
    rest = GEE_STR("whole");
    assert_true(gee_str_equal(gee_str_cut(&rest, ','), GEE_STR("whole")));
    assert_int_equal(rest.length, 0);
}

static void test_printf_arguments(void **state) {
    (void)state;
    char text[32];
    snprintf(text, sizeof text, "[%.*s][%.*s]", GEE_STR_ARGUMENTS(GEE_STR("ab")), GEE_STR_ARGUMENTS(empty));
    assert_string_equal(text, "[ab][]");
    /* A length that does not fit an int must not become a negative precision, which would mean none. */
    gee_str_t huge = { .data = "xyz", .length = (size_t)UINT_MAX - 1 };
    assert_int_equal(precision_of(GEE_STR_ARGUMENTS(huge)), INT_MAX);
}

typedef struct utf8_case {
    const char *bytes;
    bool valid;
} utf8_case_t;

static void test_utf8(void **state) {
    (void)state;
    static const utf8_case_t cases[] = {
        { "plain", true },
        { "\x7f", true },
        { "\xc2\x80", true },
        { "\xdf\xbf", true },
        { "\xe0\xa0\x80", true },
        { "\xed\x9f\xbf", true },
        { "\xee\x80\x80", true },
        { "\xef\xbf\xbf", true },
        { "\xf0\x90\x80\x80", true },
        { "\xf4\x8f\xbf\xbf", true },
        { "\x80", false },             /* continuation alone */
        { "\xc0\x80", false },         /* overlong */
        { "\xc1\xbf", false },         /* overlong */
        { "\xe0\x9f\xbf", false },     /* overlong */
        { "\xf0\x8f\xbf\xbf", false }, /* overlong */
        { "\xed\xa0\x80", false },     /* surrogate */
        { "\xed\xbf\xbf", false },     /* surrogate */
        { "\xf4\x90\x80\x80", false }, /* past U+10FFFF */
        { "\xf5\x80\x80\x80", false },
        { "\xff", false },
        { "\xe2\x82", false }, /* cut */
        { "\xf0\x9f\x98", false },
        { "\xc3", false },
        { "\xe2\x28\xa1", false }, /* no continuation */
        { "\xe2\x82\x28", false },
    };
    for (size_t i = 0; i < GEE_LENGTH(cases); i++) {
        size_t length = strlen(cases[i].bytes);
        for (size_t before = 0; before < 20; before++) { /* at every place of the quick path's words */
            char text[64];
            memset(text, 'a', sizeof text);
            memcpy(text + before, cases[i].bytes, length);
            assert_int_equal(gee_utf8_valid(text, before + length), cases[i].valid);
            if (cases[i].valid)
                assert_true(gee_utf8_valid(text, before + length + 20));
        }
    }
    assert_true(gee_utf8_valid(NULL, 0));
    assert_true(gee_utf8_valid("a\0b", 3));
}

/* Every code point, encoded here by the rule, is taken; so the table of second bytes has no holes. */
static void test_utf8_takes_every_code_point(void **state) {
    (void)state;
    for (uint32_t code = 0; code <= 0x110010; code++) {
        uint8_t bytes[4];
        size_t length = code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
        static const uint8_t marks[] = { 0, 0, 0xc0, 0xe0, 0xf0 };
        uint32_t rest = code;
        for (size_t i = length - 1; i > 0; i--, rest >>= 6)
            bytes[i] = (uint8_t)(0x80 | (rest & 0x3f));
        bytes[0] = (uint8_t)(marks[length] | rest);
        bool valid = code <= 0x10ffff && !(code >= 0xd800 && code <= 0xdfff);
        if (gee_utf8_valid(bytes, length) != valid || gee_utf8_sequence(bytes, length) != (valid ? length : 0))
            fail_msg("U+%04X", code);
    }
}

static void test_utf8_cut(void **state) {
    (void)state;
    assert_int_equal(gee_utf8_cut("abc", 3), 3);
    assert_int_equal(gee_utf8_cut("ab\xe2\x82\xac", 5), 5);
    assert_int_equal(gee_utf8_cut("ab\xe2\x82\xac", 4), 2);
    assert_int_equal(gee_utf8_cut("ab\xe2\x82\xac", 3), 2);
    assert_int_equal(gee_utf8_cut("\xf0\x9f\x98\x80", 3), 0);
    assert_int_equal(gee_utf8_cut("\x80\x80\x80\x80\x80", 5), 5);
    assert_int_equal(gee_utf8_cut("", 0), 0);
}

/* A byte that is in no sequence becomes U+FFFD, each for itself, as in Go. */
static void test_utf8_repair(void **state) {
    (void)state;
    static const struct {
        const char *text, *wanted;
    } rows[] = {
        { "", "" },
        { "a\xc3\xa9", "a\xc3\xa9" },
        { "\xff", "\xef\xbf\xbd" },
        { "\xe2\x82|\xe2\x82\xac\xe2", "\xef\xbf\xbd\xef\xbf\xbd|\xe2\x82\xac\xef\xbf\xbd" },
        { "\xed\xa0\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd" },
    };
    for (size_t i = 0; i < GEE_LENGTH(rows); i++) {
        char target[64];
        size_t length = strlen(rows[i].text), wanted = strlen(rows[i].wanted);
        assert_int_equal(gee_utf8_repair(NULL, rows[i].text, length), wanted);
        assert_int_equal(gee_utf8_repair(target, rows[i].text, length), wanted);
        assert_memory_equal(target, rows[i].wanted, wanted);
    }
}

/* Wherever the room ends, no character is cut in two. */
static void test_texts_are_cut_between_characters(void **state) {
    (void)state;
    char target[64], long_text[302];
    for (size_t capacity = 1; capacity < sizeof target; capacity++) {
        size_t length = gee_str_format(
            target, capacity, "%s",
            "x\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80 and so on, and so on, and so on, and so on, and so on");
        assert_int_equal(strlen(target), length);
        assert_true(length < capacity && length + 4 >= capacity);
        assert_true(gee_utf8_valid(target, length));
    }
    for (size_t i = 0; i + 1 < sizeof long_text; i += 2)
        memcpy(long_text + i, "\xc3\xa9", 2);
    gee_str_t odd = { .data = long_text + 1, .length = 300 }, short_one = { .data = long_text, .length = 20 };
    assert_int_equal(gee_str_quoted((gee_str_t){ .data = long_text, .length = 300 }).length, 200);
    assert_int_equal(gee_str_quoted(odd).length, 199);
    assert_int_equal(gee_str_quoted(short_one).length, 20);
}

static void test_escape(void **state) {
    (void)state;
    char text[64];
    assert_string_equal(gee_str_escape(text, sizeof text, "a\"b\\\n\r\t\x1b\x7f\xc3\0'", 12),
                        "a\\\"b\\\\\\n\\r\\t\\x1b\\x7f\\xc3\\x00'");
    assert_string_equal(gee_str_escape(text, sizeof text, NULL, 0), "");
}

static void test_escape_in_every_capacity(void **state) {
    (void)state;
    static const char bytes[] = "ab\x01\x02"
                                "cdefgh\n";
    char whole[64];
    gee_str_escape(whole, sizeof whole, bytes, sizeof bytes - 1);
    for (size_t capacity = 0; capacity < 40; capacity++) {
        char *text = malloc(capacity + 1); /* of its exact size, for AddressSanitizer */
        assert_non_null(text);
        text[capacity] = '#';
        assert_ptr_equal(gee_str_escape(text, capacity, bytes, sizeof bytes - 1), text);
        assert_int_equal(text[capacity], '#');
        if (capacity > strlen(whole)) {
            assert_string_equal(text, whole);
        } else if (capacity >= 4) {
            size_t length = strlen(text);
            assert_true(length < capacity);
            assert_string_equal(text + length - 3, "...");
            assert_memory_equal(text, whole, length - 3);
        } else if (capacity > 0) {
            assert_true(strlen(text) == capacity - 1);
        }
        free(text);
    }
}

static void test_distance(void **state) {
    (void)state;
    assert_int_equal(gee_str_distance(GEE_STR("listen"), GEE_STR("listen")), 0);
    assert_int_equal(gee_str_distance(GEE_STR("lisen"), GEE_STR("listen")), 1);
    assert_int_equal(gee_str_distance(GEE_STR("listenn"), GEE_STR("listen")), 1);
    assert_int_equal(gee_str_distance(GEE_STR("lidten"), GEE_STR("listen")), 1);
    assert_int_equal(gee_str_distance(GEE_STR("litsen"), GEE_STR("listen")), 1); /* a swap is one */
    assert_int_equal(gee_str_distance(GEE_STR("kitten"), GEE_STR("sitting")), 3);
    assert_int_equal(gee_str_distance(empty, GEE_STR("abc")), 3);
    assert_int_equal(gee_str_distance(GEE_STR("abc"), empty), 3);
    char text[64];
    memset(text, 'a', sizeof text);
    assert_int_equal(gee_str_distance((gee_str_t){ text, 63 }, (gee_str_t){ text, 63 }), 0);
    assert_int_equal(gee_str_distance((gee_str_t){ text, 64 }, (gee_str_t){ text, 64 }), UINT_MAX);
}

static void test_nearest(void **state) {
    (void)state;
    static const char *const words[] = { "listen", "services", "pid", "user", "workers", "error_log", "access_log" };
    const size_t count = GEE_LENGTH(words);
    assert_string_equal(gee_str_nearest(GEE_STR("lisen"), words, count), "listen");
    assert_string_equal(gee_str_nearest(GEE_STR("Wrokers"), words, count), "workers");
    assert_string_equal(gee_str_nearest(GEE_STR("usr"), words, count), "user");
    assert_string_equal(gee_str_nearest(GEE_STR("acces_logs"), words, count), "access_log");
    assert_string_equal(gee_str_nearest(GEE_STR("pi"), words, count), "pid");
    assert_null(gee_str_nearest(GEE_STR("balance"), words, count));
    assert_null(gee_str_nearest(GEE_STR("x"), words, count));
    assert_null(gee_str_nearest(empty, words, count));
    assert_null(gee_str_nearest(GEE_STR("listen"), words, 0));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_comparing),
        cmocka_unit_test(test_finding),
        cmocka_unit_test(test_trimming),
        cmocka_unit_test(test_cutting),
        cmocka_unit_test(test_printf_arguments),
        cmocka_unit_test(test_utf8),
        cmocka_unit_test(test_utf8_takes_every_code_point),
        cmocka_unit_test(test_utf8_cut),
        cmocka_unit_test(test_utf8_repair),
        cmocka_unit_test(test_texts_are_cut_between_characters),
        cmocka_unit_test(test_escape),
        cmocka_unit_test(test_escape_in_every_capacity),
        cmocka_unit_test(test_distance),
        cmocka_unit_test(test_nearest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
