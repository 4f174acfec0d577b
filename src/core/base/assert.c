/* assert.c: the end of a program whose precondition does not hold. */
#include "core/base/assert.h"

#include <stdio.h>
#include <stdlib.h>

_Noreturn void gee_assert_failed(const char *condition, const char *file, int line, const char *function) {
    (void)fprintf(stderr, "%s:%d: %s: does not hold: %s\n", file, line, function, condition);
    abort();
}
