/* log_test.c: lines as they come out of a pipe or a sink. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "core/base/defs.h"
#include "core/base/lines.h"
#include "core/base/log.h"
#include "core/base/str.h"

static char output[1 << 20];

/* A file without a name, and a log that writes to it. */
static gee_log_t *open_log(int *file, gee_log_level_t level) {
    char path[] = "/tmp/geerpc-log-test-XXXXXX";
    *file = mkostemp(path, O_APPEND | O_CLOEXEC);
    assert_true(*file >= 0);
    unlink(path);
    gee_log_t *log = gee_log_to_descriptor(*file, level);
    assert_non_null(log);
    return log;
}

static const char *written(int file) {
    ssize_t length = pread(file, output, sizeof output - 1, 0);
    assert_true(length >= 0);
    output[length] = '\0';
    return output;
}

static size_t count_lines(const char *text) {
    size_t lines = 0;
    for (; *text; text++)
        lines += *text == '\n';
    return lines;
}

/* The text of the one line that was written. */
static const char *only_text(int file) {
    const char *line = written(file);
    assert_int_equal(count_lines(line), 1);
    char *end = strrchr(output, '\n');
    *end = '\0';
    const char *text = strstr(line, ": ");
    assert_non_null(text);
    return text + 2;
}

static void test_form_of_a_line(void **state) {
    (void)state;
    int file;
    gee_log_t *log = open_log(&file, GEE_LOG_NOTICE);
    gee_log(log, GEE_LOG_NOTICE, "ready on %s", "tcp@127.0.0.1:9999");
    char expected[128];
    snprintf(expected, sizeof expected, " [notice] %ld: ready on tcp@127.0.0.1:9999\n", (long)getpid());
    const char *line = written(file);
    assert_int_equal(strlen(line), 24 + strlen(expected));
    assert_string_equal(line + 24, expected);
    assert_memory_equal(line, "20", 2);
    assert_int_equal(line[10], 'T');
    assert_int_equal(line[23], 'Z');
    gee_log_destroy(&log);
    assert_null(log);
    gee_log_destroy(&log);
    close(file);
}

static int evaluated;

static int evaluate(void) {
    return ++evaluated;
}

static void test_levels(void **state) {
    (void)state;
    int file;
    gee_log_t *log = open_log(&file, GEE_LOG_WARN);
    evaluated = 0;
    gee_log(log, GEE_LOG_NOTICE, "quiet %d", evaluate());
    gee_log_write(log, GEE_LOG_DEBUG, "quiet");
    assert_int_equal(evaluated, 0);
    assert_string_equal(written(file), "");
    gee_log_set_level(log, GEE_LOG_DEBUG);
    gee_log(log, GEE_LOG_DEBUG, "loud %d", evaluate());
    assert_string_equal(only_text(file), "loud 1");
    gee_log_destroy(&log);
    close(file);

    assert_string_equal(gee_log_level_names[GEE_LOG_EMERG], "emerg");
    assert_string_equal(gee_log_level_names[GEE_LOG_DEBUG], "debug");
    assert_null(gee_log_level_names[GEE_LOG_DEBUG + 1]);
}

static void test_null_log(void **state) {
    (void)state;
    assert_false(gee_log_enabled(NULL, GEE_LOG_EMERG));
    gee_log(NULL, GEE_LOG_EMERG, "nobody hears");
    gee_log_write(NULL, GEE_LOG_EMERG, "nobody hears");
    gee_log_set_level(NULL, GEE_LOG_DEBUG);
    gee_log_set_colour(NULL, true);
    gee_log_tick(NULL);
    assert_int_equal(gee_log_set_descriptor(NULL, 1), -1);
    assert_int_equal(gee_log_descriptor(NULL), -1);
}

/* A peer's bytes must not look like a line of ours, nor move the cursor. */
static void test_control_bytes_cannot_forge_lines(void **state) {
    (void)state;
    int file;
    gee_log_t *log = open_log(&file, GEE_LOG_WARN);
    gee_log_write(log, GEE_LOG_WARN, "%s",
                  "a\n2026 [emerg] 1: b\r\t\x1b[2J\x7f \xc2\x9b"
                  "1m \xff\xc3 gr\xc3\xbc\xc3\x9f \\n");
    assert_string_equal(only_text(file),
                        "a\\n2026 [emerg] 1: b\\r\\t\\x1b[2J\\x7f \\xc2\\x9b1m \\xff\\xc3 gr\xc3\xbc\xc3\x9f \\n");
    gee_log_destroy(&log);
    close(file);
}

static void test_long_texts_are_cut(void **state) {
    (void)state;
    static char text[10000];
    static const char *const pieces[] = { "x", "\x01y", "\xe2\x82\xac" };
    for (size_t i = 0; i < GEE_LENGTH(pieces); i++) {
        text[0] = '\0';
        for (size_t at = 0; at + 4 < sizeof text; at += strlen(pieces[i]))
            strcpy(text + at, pieces[i]);
        int file;
        gee_log_t *log = open_log(&file, GEE_LOG_WARN);
        gee_log_write(log, GEE_LOG_ERROR, "%s", text);
        const char *seen = only_text(file);
        assert_in_range(strlen(seen), 2044, 2048);
        assert_true(gee_utf8_valid(seen, strlen(seen)));
        gee_log_destroy(&log);
        close(file);
    }
}

static void test_errno_is_left_alone(void **state) {
    (void)state;
    gee_log_t *log = gee_log_to_descriptor(1000000, GEE_LOG_DEBUG); /* no such descriptor: write() fails */
    assert_non_null(log);
    errno = ENOENT;
    gee_log_write(log, GEE_LOG_ERROR, "unwritable");
    assert_int_equal(errno, ENOENT);
    gee_log_destroy(&log);
    int file;
    log = open_log(&file, GEE_LOG_DEBUG);
    errno = ENOENT;
    gee_log_write(log, GEE_LOG_WARN, "%m");
    assert_string_equal(only_text(file), "No such file or directory");
    gee_log_destroy(&log);
    close(file);
}

static void test_descriptor_is_replaced(void **state) {
    (void)state;
    int first, second;
    gee_log_t *log = open_log(&first, GEE_LOG_NOTICE), *other = open_log(&second, GEE_LOG_NOTICE);
    gee_log_write(log, GEE_LOG_NOTICE, "one");
    assert_int_equal(gee_log_descriptor(log), first);
    assert_int_equal(gee_log_set_descriptor(log, second), first);
    gee_log_write(log, GEE_LOG_NOTICE, "two");
    assert_string_equal(only_text(first), "one");
    assert_string_equal(only_text(second), "two");
    gee_log_destroy(&log);
    gee_log_destroy(&other);
    close(first);
    close(second);
}

/* ---- what cannot be written at once ---- */

static void assert_dropped(int descriptor, const char *reason) {
    char note[200];
    int file;
    gee_log_t *log = open_log(&file, GEE_LOG_NOTICE);
    gee_log_set_descriptor(log, descriptor);
    gee_log(log, GEE_LOG_ERROR, "one");
    gee_log(log, GEE_LOG_ERROR, "two");
    assert_true(gee_log_tick(log)); /* there is still something to say */
    gee_log_set_descriptor(log, file);
    assert_false(gee_log_tick(log));
    gee_log(log, GEE_LOG_ERROR, "three");
    gee_log_destroy(&log);
    assert_int_equal(count_lines(written(file)), 2);
    snprintf(note, sizeof note, ": 2 lines were dropped: %s\n", reason);
    assert_non_null(strstr(output, note));
    assert_non_null(strstr(output, ": three\n"));
    close(file);
}

static void test_a_full_disk_drops_lines_and_says_so(void **state) {
    (void)state;
    int full = open("/dev/full", O_WRONLY | O_CLOEXEC);
    assert_dropped(full, "No space left on device");
    close(full);
}

static void fill(int descriptor) {
    char bytes[4096] = { 0 };
    int flags = fcntl(descriptor, F_GETFL);
    fcntl(descriptor, F_SETFL, flags | O_NONBLOCK);
    while (write(descriptor, bytes, sizeof bytes) > 0)
        continue;
    while (write(descriptor, bytes, 1) > 0)
        continue;
    fcntl(descriptor, F_SETFL, flags);
}

/* Descriptors of other programs, too, are not made non-blocking. */
static void test_a_reader_that_stalls_is_not_waited_for(void **state) {
    (void)state;
    int ends[2];
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    fill(ends[1]);
    assert_dropped(ends[1], "nobody reads them");
    assert_int_equal(fcntl(ends[1], F_GETFL) & O_NONBLOCK, 0);
    close(ends[0]);
    close(ends[1]);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    fill(ends[1]);
    assert_dropped(ends[1], "nobody reads them");
    assert_int_equal(fcntl(ends[1], F_GETFL) & O_NONBLOCK, 0);
    close(ends[0]);
    close(ends[1]);
}

static void test_a_blocking_pipe_gets_whole_lines(void **state) {
    (void)state;
    int ends[2];
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    gee_log_t *log = gee_log_to_descriptor(ends[1], GEE_LOG_NOTICE);
    gee_log(log, GEE_LOG_ERROR, "one");
    gee_log(log, GEE_LOG_ERROR, "two");
    gee_log_destroy(&log);
    ssize_t length = read(ends[0], output, sizeof output - 1);
    assert_true(length > 0);
    output[length] = '\0';
    assert_int_equal(count_lines(output), 2);
    assert_non_null(strstr(output, ": one\n"));
    assert_non_null(strstr(output, ": two\n"));
    close(ends[0]);
    close(ends[1]);
}

static void test_a_line_that_was_torn_is_ended_before_the_next(void **state) {
    (void)state;
    gee_lines_t lines = { 0 };
    int file, ends[2];
    gee_log_t *log = open_log(&file, GEE_LOG_NOTICE);
    gee_log_destroy(&log);
    char big[128 * 1024];
    memset(big, 'x', sizeof big);
    big[sizeof big - 1] = '\n';
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0); /* 64 KiB of it fit */
    assert_false(gee_lines_write(&lines, ends[1], big, sizeof big));
    assert_int_equal(lines.dropped, 1);
    assert_true(gee_lines_write(&lines, file, "next\n", 5));
    assert_string_equal(written(file), "\nnext\n");
    close(file);
    close(ends[0]);
    close(ends[1]);
}

static void test_colour(void **state) {
    (void)state;
    int file;
    gee_log_t *log = open_log(&file, GEE_LOG_NOTICE);
    gee_log_set_colour(log, true);
    gee_log_write(log, GEE_LOG_ERROR, "red");
    assert_non_null(strstr(written(file), "\033[31m[error]\033[0m "));
    gee_log_destroy(&log);
    close(file);
}

/* ---- rates ---- */

typedef struct heard {
    size_t lines, notes;
    unsigned long held;
    gee_log_level_t level;
    char last[4096];
} heard_t;

static void hear(void *data, gee_log_level_t level, const char *text) {
    heard_t *heard = data;
    heard->level = level;
    if (strncmp(text, "held back ", 10) == 0) {
        heard->notes++;
        heard->held += strtoul(text + 10, NULL, 10);
    } else {
        heard->lines++;
    }
    snprintf(heard->last, sizeof heard->last, "%s", text);
}

static void test_sink_gets_texts(void **state) {
    (void)state;
    heard_t heard = { 0 };
    gee_log_t *log = gee_log_to_sink(hear, &heard, GEE_LOG_INFO);
    assert_non_null(log);
    gee_log_write(log, GEE_LOG_INFO, "a %d\n", 7);
    assert_string_equal(heard.last, "a 7\\n");
    assert_int_equal(heard.level, GEE_LOG_INFO);
    assert_int_equal(gee_log_descriptor(log), -1);
    gee_log_destroy(&log);
}

static void test_a_burst_is_held_back_and_counted(void **state) {
    (void)state;
    heard_t heard = { 0 };
    gee_log_t *log = gee_log_to_sink(hear, &heard, GEE_LOG_INFO);
    int64_t start = gee_clock_monotonic();
    for (int i = 0; i < 1000; i++)
        gee_log_write(log, GEE_LOG_WARN, "bad magic from %d", i);
    gee_log_write(log, GEE_LOG_WARN, "another matter");
    gee_log_tick(log);
    if (gee_clock_monotonic() - start < GEE_SECOND)
        assert_int_equal(heard.notes, 0); /* the second is not over */
    gee_log_destroy(&log);
    /* A slow machine may have let a second pass in between: then another burst was let through. */
    assert_true(heard.lines >= GEE_LOG_BURST + 1 && heard.lines < 200);
    assert_true(heard.notes >= 1);
    assert_int_equal(heard.lines - 1 + heard.held, 1000);
    assert_non_null(strstr(heard.last, "more lines like: bad magic from "));
    assert_int_equal(heard.level, GEE_LOG_WARN);
}

static void test_errors_are_never_held_back(void **state) {
    (void)state;
    heard_t heard = { 0 };
    gee_log_t *log = gee_log_to_sink(hear, &heard, GEE_LOG_INFO);
    for (int i = 0; i < 500; i++)
        gee_log_write(log, GEE_LOG_ERROR, "broken %d", i);
    assert_int_equal(heard.lines, 500);
    gee_log_destroy(&log);
    assert_int_equal(heard.notes, 0);
}

static void test_tick_tells_when_the_second_is_over(void **state) {
    (void)state;
    heard_t heard = { 0 };
    gee_log_t *log = gee_log_to_sink(hear, &heard, GEE_LOG_INFO);
    for (int i = 0; i < GEE_LOG_BURST + 5; i++)
        gee_log_write(log, GEE_LOG_NOTICE, "again %d", i);
    int64_t until = gee_clock_monotonic() + 10 * GEE_SECOND;
    while (heard.notes == 0 && gee_clock_monotonic() < until) {
        gee_log_tick(log);
        usleep(10000);
    }
    assert_int_equal(heard.notes, 1);
    gee_log_write(log, GEE_LOG_NOTICE, "again %d", 99); /* a new second, a new burst; the count is not told twice */
    gee_log_destroy(&log);
    assert_int_equal(heard.notes, 1);
    assert_int_equal(heard.lines + heard.held, GEE_LOG_BURST + 6);
}

/* More formats than the table has places: nothing is lost without being counted. */
static void test_many_formats(void **state) {
    (void)state;
    heard_t heard = { 0 };
    gee_log_t *log = gee_log_to_sink(hear, &heard, GEE_LOG_INFO);
    static char formats[300][8];
    for (size_t i = 0; i < GEE_LENGTH(formats); i++)
        snprintf(formats[i], sizeof formats[i], "f%zu", i);
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
#pragma GCC diagnostic ignored "-Wformat-security"
    for (int round = 0; round < 2; round++)
        for (size_t i = 0; i < GEE_LENGTH(formats); i++)
            for (int times = 0; times < 30; times++)
                gee_log_write(log, GEE_LOG_WARN, formats[i]);
#pragma GCC diagnostic pop
    gee_log_destroy(&log);
    assert_int_equal(heard.lines + heard.held, 2 * 30 * GEE_LENGTH(formats));
    assert_true(heard.lines >= GEE_LOG_BURST * GEE_LENGTH(formats)); /* none pays for what another did */
}

/* ---- threads ---- */

enum { THREADS = 4, LINES = 500 };

static void *chatter(void *data) {
    gee_log_t *log = data;
    for (int i = 0; i < LINES; i++) {
        gee_log(log, GEE_LOG_ERROR, "<%0100d>", i);
        gee_log(log, GEE_LOG_WARN, "<warn %0100d>", i);
        gee_log_tick(log);
    }
    return NULL;
}

static void test_lines_of_threads_do_not_mix(void **state) {
    (void)state;
    int file;
    gee_log_t *log = open_log(&file, GEE_LOG_WARN);
    pthread_t threads[THREADS];
    for (size_t i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, chatter, log), 0);
    for (int i = 0; i < 100; i++) { /* what a reload does meanwhile */
        gee_log_set_level(log, i % 2 ? GEE_LOG_WARN : GEE_LOG_ERROR);
        int before = gee_log_set_descriptor(log, dup(file));
        if (before != file)
            close(before);
    }
    for (size_t i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    gee_log_set_level(log, GEE_LOG_WARN);
    int last = gee_log_descriptor(log);
    gee_log_destroy(&log);
    size_t errors = 0;
    char *rest = NULL;
    (void)written(file);
    for (char *line = strtok_r(output, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
        assert_int_equal(line[23], 'Z');
        if (strstr(line, "held back"))
            continue;
        assert_int_equal(line[strlen(line) - 1], '>');
        errors += strstr(line, "[error]") != NULL;
    }
    assert_int_equal(errors, THREADS * LINES);
    close(last);
    close(file);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_form_of_a_line),
        cmocka_unit_test(test_levels),
        cmocka_unit_test(test_null_log),
        cmocka_unit_test(test_control_bytes_cannot_forge_lines),
        cmocka_unit_test(test_long_texts_are_cut),
        cmocka_unit_test(test_errno_is_left_alone),
        cmocka_unit_test(test_descriptor_is_replaced),
        cmocka_unit_test(test_a_full_disk_drops_lines_and_says_so),
        cmocka_unit_test(test_a_reader_that_stalls_is_not_waited_for),
        cmocka_unit_test(test_a_blocking_pipe_gets_whole_lines),
        cmocka_unit_test(test_a_line_that_was_torn_is_ended_before_the_next),
        cmocka_unit_test(test_colour),
        cmocka_unit_test(test_sink_gets_texts),
        cmocka_unit_test(test_a_burst_is_held_back_and_counted),
        cmocka_unit_test(test_errors_are_never_held_back),
        cmocka_unit_test(test_tick_tells_when_the_second_is_over),
        cmocka_unit_test(test_many_formats),
        cmocka_unit_test(test_lines_of_threads_do_not_mix),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
