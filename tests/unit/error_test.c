/* error_test.c: texts and codes of errors. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <string.h>

#include "core/base/error.h"
#include "core/base/str.h"

static void test_set_fills_every_field(void **state) {
    (void)state;
    gee_error_t error;
    memset(&error, 0xff, sizeof error);
    assert_int_equal(gee_error_set(&error, GEE_NOT_FOUND, "no %s at %d", "door", 7), -1);
    assert_int_equal(error.code, GEE_NOT_FOUND);
    assert_int_equal(error.phase, GEE_PHASE_NONE);
    assert_false(error.from_peer);
    assert_true(error.elapsed_ns == 0);
    assert_string_equal(error.text, "no door at 7");
}

static void test_null_error_is_allowed(void **state) {
    (void)state;
    assert_int_equal(gee_error_set(NULL, GEE_INTERNAL, "unheard"), -1);
    assert_int_equal(gee_error_prefix(NULL, "unheard"), -1);
}

static void test_own_text_as_argument(void **state) {
    (void)state;
    gee_error_t error;
    gee_error_set(&error, GEE_INTERNAL, "%s", "inner");
    gee_error_set(&error, GEE_UNAVAILABLE, "outer: %s", error.text);
    assert_string_equal(error.text, "outer: inner");
}

static void test_long_text_is_cut_between_characters(void **state) {
    (void)state;
    for (size_t ascii = 0; ascii < 4; ascii++) {
        char text[2 * GEE_ERROR_TEXT] = "";
        memset(text, 'a', ascii);
        while (strlen(text) + 4 < sizeof text)
            strcat(text, "\xe2\x82\xac");
        gee_error_t error;
        gee_error_set(&error, GEE_UNKNOWN, "%s", text);
        size_t length = strlen(error.text);
        assert_in_range(length, GEE_ERROR_TEXT - 3, GEE_ERROR_TEXT - 1);
        assert_true(gee_utf8_valid(error.text, length));
        assert_memory_equal(error.text, text, length);
    }
}

static void test_prefix_keeps_the_rest(void **state) {
    (void)state;
    gee_error_t error;
    gee_error_set(&error, GEE_OUT_OF_RANGE, "not a number");
    error.phase = GEE_PHASE_SEND;
    error.from_peer = true;
    assert_int_equal(gee_error_prefix(&error, "argument %c: ", 'A'), -1);
    assert_string_equal(error.text, "argument A: not a number");
    assert_int_equal(error.code, GEE_OUT_OF_RANGE);
    assert_int_equal(error.phase, GEE_PHASE_SEND);
    assert_true(error.from_peer);
}

static void test_prefix_of_a_full_text_cuts_the_end(void **state) {
    (void)state;
    char text[GEE_ERROR_TEXT];
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    gee_error_t error;
    gee_error_set(&error, GEE_UNKNOWN, "%s", text);
    gee_error_prefix(&error, "%s", "front: ");
    assert_int_equal(strlen(error.text), GEE_ERROR_TEXT - 1);
    assert_memory_equal(error.text, "front: xxx", 10);
    gee_error_prefix(&error, "%s%s", text, "more");
    assert_string_equal(error.text, text);
}

static void test_names(void **state) {
    (void)state;
    assert_string_equal(gee_code_name(GEE_OK), "ok");
    assert_string_equal(gee_code_name(GEE_DEADLINE_EXCEEDED), "deadline exceeded");
    assert_string_equal(gee_code_name(GEE_UNAUTHENTICATED), "unauthenticated");
    assert_string_equal(gee_code_name((gee_code_t)17), "unknown");
    assert_string_equal(gee_code_name((gee_code_t)-1), "unknown");
    assert_string_equal(gee_phase_name(GEE_PHASE_HANDSHAKE), "handshake");
    assert_string_equal(gee_phase_name(GEE_PHASE_NONE), "");
    assert_string_equal(gee_phase_name((gee_phase_t)99), "");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_set_fills_every_field),
        cmocka_unit_test(test_null_error_is_allowed),
        cmocka_unit_test(test_own_text_as_argument),
        cmocka_unit_test(test_long_text_is_cut_between_characters),
        cmocka_unit_test(test_prefix_keeps_the_rest),
        cmocka_unit_test(test_prefix_of_a_full_text_cuts_the_end),
        cmocka_unit_test(test_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
