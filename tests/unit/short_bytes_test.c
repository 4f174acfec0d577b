/* short_bytes_test.c: a few bytes copied, compared and looked at, of every length, without a byte beyond. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdlib.h>

#include "core/base/short_bytes.h"

enum { LONGEST = 70 };

/* In a piece of the heap of just that length: a sanitizer sees what is read or written beyond it. */
static char *make(size_t length) {
    char *bytes = malloc(length > 0 ? length : 1);
    assert_non_null(bytes);
    for (size_t i = 0; i < length; i++)
        bytes[i] = (char)('!' + i);
    return bytes;
}

static void copies_are_the_same(void **state) {
    (void)state;
    for (size_t length = 0; length <= LONGEST; length++) {
        char *from = make(length), *to = calloc(1, length + 2);
        assert_non_null(to);
        gee_copy_short(to + 1, from, length);
        assert_memory_equal(to + 1, from, length);
        assert_true(to[0] == 0 && to[length + 1] == 0);
        free(from);
        free(to);
    }
}

static void every_byte_is_compared(void **state) {
    (void)state;
    for (size_t length = 0; length <= LONGEST; length++) {
        char *a = make(length), *b = make(length);
        assert_true(gee_equal_short(a, b, length));
        for (size_t i = 0; i < length; i++) {
            b[i] ^= 0x40;
            assert_false(gee_equal_short(a, b, length));
            b[i] ^= 0x40;
        }
        free(a);
        free(b);
    }
}

static void every_byte_is_looked_at(void **state) {
    (void)state;
    for (size_t length = 0; length <= LONGEST; length++) {
        char *bytes = make(length);
        assert_true(gee_is_short_ascii(bytes, length));
        for (size_t i = 0; i < length; i++) {
            char before = bytes[i];
            bytes[i] = (char)0x80;
            assert_false(gee_is_short_ascii(bytes, length));
            bytes[i] = before;
        }
        free(bytes);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(copies_are_the_same),
        cmocka_unit_test(every_byte_is_compared),
        cmocka_unit_test(every_byte_is_looked_at),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
