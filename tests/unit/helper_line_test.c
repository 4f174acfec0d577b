/* helper_line_test.c: messages from workers to the helper, wakes the other way, and that there is one helper at a
 * time. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/proc/helper_line.h"

static gee_server_state_t server;
static gee_pool_t *pool;
static gee_helper_wires_t *wires;
static gee_helper_message_t message;

static int set_up(void **state GEE_UNUSED) {
    gee_error_t error = { 0 };
    assert_int_equal(gee_server_init(&server, gee_modules, "/tmp", NULL, &error), 0);
    pool = gee_pool_create(4096);
    wires = gee_helper_line_open(&server, 3, pool, &error);
    if (wires == NULL)
        fail_msg("%s", error.text);
    return 0;
}

static int tear_down(void **state GEE_UNUSED) {
    gee_helper_line_close(&wires);
    gee_server_finish(&server);
    gee_pool_destroy(&pool);
    return 0;
}

static int tell(const char *module, const void *bytes, size_t length) {
    return wires->line.tell(&wires->line, module, bytes, length);
}

static void test_messages_keep_their_bounds(void **state GEE_UNUSED) {
    static char bytes[GEE_HELPER_MESSAGE + 1];
    wires->worker = 2;
    memset(bytes, 'x', sizeof(bytes));
    assert_int_equal(gee_helper_line_read(wires, &message), -1);
    assert_int_equal(tell("page_debug", "abc", 3), 0);
    assert_int_equal(tell("page_debug", NULL, 0), 0);
    assert_int_equal(tell("page_debug", bytes, GEE_HELPER_MESSAGE), 0);
    assert_int_equal(tell("page_debug", bytes, GEE_HELPER_MESSAGE + 1), -1);
    assert_int_equal(errno, EMSGSIZE);
    for (size_t i = 0; i < 3; i++) {
        static const size_t lengths[] = { 3, 0, GEE_HELPER_MESSAGE };
        assert_int_equal(gee_helper_line_read(wires, &message), 0);
        assert_string_equal(message.module->name, "page_debug");
        assert_ptr_equal(message.module, gee_modules[message.module_index].module);
        assert_int_equal(message.worker, 2);
        assert_int_equal(message.length, lengths[i]);
    }
    assert_memory_equal(message.bytes, bytes, GEE_HELPER_MESSAGE);
    assert_int_equal(gee_helper_line_read(wires, &message), -1);
}

static void test_what_is_no_message(void **state GEE_UNUSED) {
    /* Longer than any, with a good beginning: the version, a worker, the module. */
    static union {
        uint32_t version;
        char bytes[2 * GEE_HELPER_MESSAGE];
    } too_long = { .version = 1 };
    strcpy(too_long.bytes + 8, "page_debug");
    assert_int_equal(tell("module_of_another_build", "abc", 3), 0);
    assert_true(send(server.helper_requests[1], "short", 5, 0) == 5);
    assert_true(send(server.helper_requests[1], &too_long, sizeof(too_long), 0) == (ssize_t)sizeof(too_long));
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(gee_helper_line_read(wires, &message), 0);
        assert_null(message.module);
    }
    assert_int_equal(tell("page_debug", "abc", 3), 0);
    assert_int_equal(gee_helper_line_read(wires, &message), 0);
    assert_non_null(message.module);
}

static void test_a_helper_that_does_not_read(void **state GEE_UNUSED) {
    static char bytes[GEE_HELPER_MESSAGE];
    size_t sent = 0, read = 0;
    while (tell("page_debug", bytes, sizeof(bytes)) == 0)
        assert_true(++sent < 1000000);
    assert_int_equal(errno, EAGAIN);
    while (gee_helper_line_read(wires, &message) == 0)
        read++;
    assert_int_equal(read, sent);
}

static void test_wakes(void **state GEE_UNUSED) {
    uint64_t count;
    for (int i = 0; i < 3; i++)
        wires->line.wake(&wires->line);
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(read(wires->wakes[i], &count, sizeof(count)), sizeof(count));
        assert_int_equal(count, 3);
    }
}

/* The line of another cycle has the same requests and the same lock, and its own wakes. */
static void test_what_cycles_share(void **state GEE_UNUSED) {
    gee_error_t error = { 0 };
    gee_helper_wires_t *next = gee_helper_line_open(&server, 1, pool, &error);
    assert_non_null(next);
    assert_int_equal(tell("page_debug", "abc", 3), 0);
    assert_int_equal(gee_helper_line_read(next, &message), 0);
    assert_int_not_equal(next->wakes[0], wires->wakes[0]);
    gee_helper_line_close(&next);
    assert_int_equal(tell("page_debug", "abc", 3), 0);
    assert_int_equal(gee_helper_line_read(wires, &message), 0);
}

static void test_one_at_a_time(void **state GEE_UNUSED) {
    int ready[2], end[2];
    char byte;
    assert_int_equal(pipe(ready), 0);
    assert_int_equal(pipe(end), 0);
    pid_t first = fork();
    if (first == 0) {
        close(end[1]);
        byte = gee_helper_line_take(wires) ? 'y' : 'n';
        (void)!write(ready[1], &byte, 1);
        (void)!read(end[0], &byte, 1);
        _exit(0);
    }
    assert_int_equal(read(ready[0], &byte, 1), 1);
    assert_int_equal(byte, 'y');
    assert_false(gee_helper_line_take(wires));
    close(end[1]);
    waitpid(first, NULL, 0);
    assert_true(gee_helper_line_take(wires));
    close(end[0]);
    close(ready[0]);
    close(ready[1]);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_messages_keep_their_bounds, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_what_is_no_message, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_helper_that_does_not_read, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_wakes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_what_cycles_share, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_one_at_a_time, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
