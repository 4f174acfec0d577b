/* assert_test.c: a precondition that does not hold ends a program that was built for tests, and says which. */
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <setjmp.h>
#include <cmocka.h>

#include "core/base/assert.h"

/* Runs a child that checks `count` < 3: its standard error, and its status. */
static int check_in_a_child(int count, char *said, size_t capacity) {
    int ends[2], status;
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        signal(SIGABRT, SIG_DFL); /* cmocka and sanitizers have handlers of their own */
        dup2(ends[1], STDERR_FILENO);
        GEE_ASSERT(count < 3);
        _exit(0);
    }
    close(ends[1]);
    ssize_t length = read(ends[0], said, capacity - 1);
    said[length > 0 ? length : 0] = '\0';
    close(ends[0]);
    assert_int_equal(waitpid(child, &status, 0), child);
    return status;
}

static void what_holds_goes_on(void **data) {
    char said[500];
    (void)data;
    int status = check_in_a_child(2, said, sizeof(said));
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    assert_string_equal(said, "");
}

static void what_does_not_hold_ends_the_program(void **data) {
    char said[500];
    (void)data;
    int status = check_in_a_child(3, said, sizeof(said));
#ifdef NDEBUG
    assert_true(WIFEXITED(status));
#else
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
    assert_non_null(strstr(said, "assert_test.c:"));
    assert_non_null(strstr(said, "check_in_a_child: does not hold: count < 3\n"));
#endif
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_holds_goes_on),
        cmocka_unit_test(what_does_not_hold_ends_the_program),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
