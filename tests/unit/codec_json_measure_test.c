/* codec_json_measure_test: where does a JSON value end? In one piece, in every split, a byte at a time; what is refused
 * at once; and that the work is linear. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <gee.h>

extern const gee_module_t gee_codec_json_module;

static const gee_codec_t *codec;
static const gee_codec_limits_t limits = { .message = 1 << 20, .nesting = 100 };
static gee_error_t error;

static int set_up(void **state) {
    (void)state;
    codec = gee_codec_json_module.interface;
    return 0;
}

/* A copy that ends exactly where it ends, so that the address sanitizer sees a byte too many. */
static gee_measured_t measure_exact(gee_measure_t *progress, const char *text, size_t length) {
    uint8_t *copy = malloc(length ? length : 1);
    assert_non_null(copy);
    memcpy(copy, text, length);
    gee_measured_t result = codec->measure(NULL, progress, copy, length, &limits, &error);
    free(copy);
    return result;
}

/* `text` is a value of `value` bytes with something behind it, or (more) not a whole value. */
static void check_whole(const char *text, size_t length, gee_measured_t expected, size_t value) {
    gee_measure_t progress = { 0 };
    gee_measured_t result = measure_exact(&progress, text, length);
    if (result != expected || (result == GEE_MEASURE_DONE && progress.length != value))
        fail_msg("%.*s: measured %d, %zu bytes", (int)length, text, result, progress.length);
}

static void check_split(const char *text, size_t length, size_t split, gee_measured_t expected, size_t value) {
    gee_measure_t progress = { 0 };
    gee_measured_t result = measure_exact(&progress, text, split);
    if (result == GEE_MEASURE_MORE) {
        assert_int_equal(progress.scanned, split);
        result = measure_exact(&progress, text, length);
    }
    if (result != expected || (result == GEE_MEASURE_DONE && progress.length != value))
        fail_msg("%s cut at %zu: measured %d, %zu bytes", text, split, result, progress.length);
}

static void check_bytewise(const char *text, size_t length, gee_measured_t expected, size_t value) {
    gee_measure_t progress = { 0 };
    gee_measured_t result = GEE_MEASURE_MORE;
    for (size_t i = 0; i <= length && result == GEE_MEASURE_MORE; i++)
        result = measure_exact(&progress, text, i);
    if (result != expected || (result == GEE_MEASURE_DONE && progress.length != value))
        fail_msg("%s a byte at a time: measured %d, %zu bytes", text, result, progress.length);
}

static void check(const char *text, gee_measured_t expected, size_t value) {
    size_t length = strlen(text);
    check_whole(text, length, expected, value);
    for (size_t split = 0; split <= length; split++)
        check_split(text, length, split, expected, value);
    check_bytewise(text, length, expected, value);
}

static const char *const values[] = {
    "{}",
    "[]",
    "{\"ServiceMethod\":\"Arith.Multiply\",\"Seq\":1}",
    "{\"A\":7,\"B\":8}",
    "[1,[2,[3,{\"x\":[]}]],\"]\",\"}\"]",
    "\"\"",
    "\"a string of some length, with \\\"quotes\\\" and \\\\ and { [ in it\"",
    "\"\\u0041\\n\\\\\"",
    "\"\xc3\xa4\xc3\xb6\xc3\xbc\xe2\x82\xac\xf0\x9f\x98\x80\"",
    "true",
    "false",
    "null",
    "{ \"a\" : [ true , false , null , -1.5e+10 ] }",
    "{\"a\":\"0123456\\\"89abcdef\\\\\"}",
};

static void every_value_ends_where_it_ends(void **state) {
    (void)state;
    char text[256];
    static const char *const behind[] = { "", "\n", " ", "{}", "x", "\xff" };
    for (size_t i = 0; i < GEE_LENGTH(values); i++) {
        for (size_t j = 0; j < GEE_LENGTH(behind); j++) {
            snprintf(text, sizeof(text), "%s%s", values[i], behind[j]);
            check(text, GEE_MEASURE_DONE, strlen(values[i]));
        }
    }
}

static void a_value_that_is_cut_needs_more(void **state) {
    (void)state;
    char text[256];
    for (size_t i = 0; i < GEE_LENGTH(values); i++) {
        for (size_t length = 0; length < strlen(values[i]); length++) {
            snprintf(text, sizeof(text), "%.*s", (int)length, values[i]);
            check(text, GEE_MEASURE_MORE, 0);
        }
    }
}

static void a_number_ends_at_its_successor(void **state) {
    (void)state;
    check("56", GEE_MEASURE_MORE, 0);
    check("56\n", GEE_MEASURE_DONE, 2);
    check("56{", GEE_MEASURE_DONE, 2);
    check("-1.5e+10 1", GEE_MEASURE_DONE, 8);
    check("0x", GEE_MEASURE_DONE, 1);
}

static void padding_is_counted(void **state) {
    (void)state;
    check(" \t\r\n{}\n", GEE_MEASURE_DONE, 6);
    check(" \n", GEE_MEASURE_MORE, 0);
    assert_int_equal(codec->padding((const uint8_t *)" \t\r\n{} ", 7), 4);
    assert_int_equal(codec->padding((const uint8_t *)"  ", 2), 2);
    assert_int_equal(codec->padding((const uint8_t *)"{", 1), 0);
}

static void what_cannot_become_a_value_is_refused_at_once(void **state) {
    (void)state;
    static const char *const bad[] = { "x",     "\x01",   "\xff",      "}",        "]",     ",",      ":",
                                       "+1",    ".5",     "nulx",      "trux",     "falsx", "{\x80",  "[@",
                                       "{\x01", "\"\x1f", "\"a\nb",    "{\"a\t",   "\"\\x", "[\"\\q", "{]",
                                       "[}",    "[{]",    "{\"a\":[}", "\"\\\x01", "{'a'",  "[1;",    "\x7f" };
    for (size_t i = 0; i < GEE_LENGTH(bad); i++)
        check(bad[i], GEE_MEASURE_ERROR, 0);
    gee_measure_t progress = { 0 };
    assert_int_equal(measure_exact(&progress, "{\"a\":\x80", 6), GEE_MEASURE_ERROR);
    assert_int_equal(error.code, GEE_INVALID_ARGUMENT);
    assert_string_equal(error.text, "not JSON: '\\x80' at byte 5 stands outside a string");
    progress = (gee_measure_t){ 0 };
    assert_int_equal(measure_exact(&progress, "\"\\\0", 3), GEE_MEASURE_ERROR);
}

static void nesting_is_limited(void **state) {
    (void)state;
    char text[512];
    for (size_t i = 0; i < 100; i++)
        text[i] = i % 3 ? '[' : '{', text[199 - i] = i % 3 ? ']' : '}';
    text[200] = '\0';
    check(text, GEE_MEASURE_DONE, 200);
    text[99] = '\0';
    strcat(text, "[[");
    check(text, GEE_MEASURE_REFUSED, 0);
    gee_measure_t progress = { 0 };
    assert_int_equal(measure_exact(&progress, text, strlen(text)), GEE_MEASURE_REFUSED);
    assert_int_equal(error.code, GEE_RESOURCE_EXHAUSTED);
    assert_non_null(strstr(error.text, "100 levels"));
    assert_non_null(strstr(error.text, "limits.nesting"));
}

/* Deeper than brackets are matched, with a limit that allows it. */
static void very_deep_values_end_too(void **state) {
    (void)state;
    enum { DEPTH = 900 };
    const gee_codec_limits_t wide = { .message = 1 << 20, .nesting = 1000 };
    uint8_t text[2 * DEPTH];
    gee_measure_t progress = { 0 };
    for (size_t i = 0; i < DEPTH; i++)
        text[i] = '[', text[2 * DEPTH - 1 - i] = ']';
    for (size_t length = 1; length < sizeof(text); length += 7)
        assert_int_equal(codec->measure(NULL, &progress, text, length, &wide, &error), GEE_MEASURE_MORE);
    assert_int_equal(codec->measure(NULL, &progress, text, sizeof(text), &wide, &error), GEE_MEASURE_DONE);
    assert_int_equal(progress.length, sizeof(text));
}

static gee_measured_t measure_within(size_t most, const char *text) {
    const gee_codec_limits_t few = { .message = most, .nesting = 10 };
    gee_measure_t progress = { 0 };
    return codec->measure(NULL, &progress, (const uint8_t *)text, strlen(text), &few, &error);
}

static void length_is_limited(void **state) {
    (void)state;
    assert_int_equal(measure_within(7, "{\"a\":1}{"), GEE_MEASURE_DONE);
    assert_int_equal(measure_within(6, "{\"a\":1}{"), GEE_MEASURE_LONG);
    assert_int_equal(error.code, GEE_RESOURCE_EXHAUSTED);
    assert_non_null(strstr(error.text, "limits.message"));
    assert_int_equal(measure_within(3, "123\n"), GEE_MEASURE_DONE);
    assert_int_equal(measure_within(3, "1234\n"), GEE_MEASURE_LONG);
    assert_int_equal(measure_within(3, "[[["), GEE_MEASURE_MORE);
    assert_int_equal(measure_within(3, "[[[["), GEE_MEASURE_LONG);
    assert_int_equal(measure_within(3, "    "), GEE_MEASURE_LONG);
    assert_int_equal(measure_within(3, "\"ab\""), GEE_MEASURE_LONG);
    assert_int_equal(measure_within(4, "\"ab\""), GEE_MEASURE_DONE);
}

/* Each call must look at new bytes only: the old ones are made unreadable as JSON, so looking again would show. */
static void nothing_is_looked_at_twice(void **state) {
    (void)state;
    enum { LENGTH = 100000 };
    uint8_t *text = malloc(LENGTH);
    gee_measure_t progress = { 0 };
    gee_measured_t result = GEE_MEASURE_MORE;
    assert_non_null(text);
    for (size_t i = 0; i < LENGTH; i++) {
        text[i] = (uint8_t)(i == 0 ? '{' : i == LENGTH - 1 ? '}' : "\"k\\n\":[1,{}],"[(i - 1) % 13]);
        result = codec->measure(NULL, &progress, text, i + 1, &limits, &error);
        assert_int_not_equal(result, GEE_MEASURE_ERROR);
        assert_int_equal(progress.scanned, i + 1);
        text[i] = 0xff;
    }
    assert_int_equal((LENGTH - 2) % 13, 2); /* the last piece is cut within a string: not done */
    assert_int_equal(result, GEE_MEASURE_MORE);
    free(text);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_value_ends_where_it_ends),
        cmocka_unit_test(a_value_that_is_cut_needs_more),
        cmocka_unit_test(a_number_ends_at_its_successor),
        cmocka_unit_test(padding_is_counted),
        cmocka_unit_test(what_cannot_become_a_value_is_refused_at_once),
        cmocka_unit_test(nesting_is_limited),
        cmocka_unit_test(very_deep_values_end_too),
        cmocka_unit_test(length_is_limited),
        cmocka_unit_test(nothing_is_looked_at_twice),
    };
    return cmocka_run_group_tests(tests, set_up, NULL);
}
