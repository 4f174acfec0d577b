/* pidfile_test.c: one server on one pid file. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/proc/pidfile.h"

static char directory[64], path[80];

static int set_up(void **state) {
    (void)state;
    strcpy(directory, "/tmp/pidfile_test.XXXXXX");
    assert_non_null(mkdtemp(directory));
    snprintf(path, sizeof(path), "%s/pid", directory);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    (void)unlink(path);
    return rmdir(directory);
}

/* The result in another process: 0, or 1 with the text. fcntl locks work between processes only. */
static int take_elsewhere(char *text, size_t capacity) {
    int ends[2], status;
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        gee_pidfile_t pidfile;
        gee_error_t error = { .text = "" };
        int outcome = gee_pidfile_take(&pidfile, path, &error);
        ssize_t written = write(ends[1], error.text, strlen(error.text));
        _exit(outcome == 0 && written >= 0 ? 0 : 1);
    }
    close(ends[1]);
    ssize_t length = read(ends[0], text, capacity - 1);
    text[length > 0 ? length : 0] = '\0';
    close(ends[0]);
    assert_int_equal(waitpid(child, &status, 0), child);
    return WEXITSTATUS(status);
}

static void test_the_file_says_who_runs_and_refuses_others(void **state) {
    (void)state;
    gee_pidfile_t pidfile;
    gee_error_t error;
    char text[GEE_ERROR_TEXT], expected[64];
    assert_int_equal(gee_pidfile_take(&pidfile, path, &error), 0);
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    assert_non_null(fgets(text, sizeof(text), file));
    assert_int_equal(atoi(text), getpid());
    /* Closing any descriptor of the file would let the lock go: the file stays open here. */
    snprintf(expected, sizeof(expected), "already running, pid %d", (int)getpid());
    assert_int_equal(take_elsewhere(text, sizeof(text)), 1);
    assert_non_null(strstr(text, expected));
    gee_pidfile_release(&pidfile);
    fclose(file);
    assert_int_not_equal(access(path, F_OK), 0);
    assert_int_equal(take_elsewhere(text, sizeof(text)), 0);
}

static void test_a_stale_file_is_taken_over(void **state) {
    (void)state;
    gee_pidfile_t pidfile;
    gee_error_t error;
    char text[64];
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fputs("4711 and more text of old\n", file) >= 0);
    fclose(file);
    assert_int_equal(gee_pidfile_take(&pidfile, path, &error), 0);
    ssize_t length = pread(pidfile.descriptor, text, sizeof(text) - 1, 0);
    assert_true(length > 0);
    text[length] = '\0';
    char expected[32];
    snprintf(expected, sizeof(expected), "%d\n", (int)getpid());
    assert_string_equal(text, expected);
    gee_pidfile_release(&pidfile);
}

static void test_a_path_that_cannot_be(void **state) {
    (void)state;
    gee_pidfile_t pidfile;
    gee_error_t error;
    assert_int_equal(gee_pidfile_take(&pidfile, "/nonexistent/pid", &error), -1);
    assert_non_null(strstr(error.text, "/nonexistent/pid"));
    gee_pidfile_release(&pidfile);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_the_file_says_who_runs_and_refuses_others, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_stale_file_is_taken_over, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_path_that_cannot_be, set_up, tear_down),
    };
    return cmocka_run_group_tests_name("pidfile", tests, NULL, NULL);
}
