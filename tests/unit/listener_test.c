/* listener_test.c: the master's sockets: one a slot, one port for all, kept between configurations. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/proc/listener.h"
#include "core/proc/shm.h"

static gee_server_state_t server;
static char directory[64];

static int set_up(void **state GEE_UNUSED) {
    gee_error_t error;
    strcpy(directory, "/tmp/listener_test.XXXXXX");
    assert_non_null(mkdtemp(directory));
    memset(&server, 0, sizeof(server));
    assert_int_equal(gee_server_init(&server, gee_modules, directory, NULL, &error), 0);
    return 0;
}

static int tear_down(void **state GEE_UNUSED) {
    assert_true(gee_list_empty(&server.listeners));
    assert_true(gee_list_empty(&server.zones));
    gee_server_finish(&server);
    return rmdir(directory);
}

static gee_listener_t *open_listener(const char *address, unsigned workers) {
    gee_listen_settings_t settings = { .address = address };
    gee_error_t error;
    gee_listener_t *listener = gee_listener_open(&server, &settings, workers, &error);
    if (!listener)
        fail_msg("%s", error.text);
    return listener;
}

static in_port_t port_of(int descriptor) {
    struct sockaddr_in address;
    socklen_t length = sizeof(address);
    assert_int_equal(getsockname(descriptor, (struct sockaddr *)&address, &length), 0);
    return address.sin_port;
}

static void test_all_slots_have_the_port_of_the_first(void **state GEE_UNUSED) {
    char expected[64];
    gee_listener_t *listener = open_listener("tcp@127.0.0.1:0", 4);
    assert_int_equal(listener->slots, 4);
    in_port_t port = port_of(listener->sockets[0]);
    for (size_t i = 1; i < 4; i++)
        assert_int_equal(port_of(listener->sockets[i]), port);
    snprintf(expected, sizeof(expected), "tcp@127.0.0.1:%u", ntohs(port));
    assert_string_equal(listener->bound, expected);
    gee_listener_release(&listener);
    assert_null(listener);
}

static void test_it_is_kept_grows_and_never_shrinks(void **state GEE_UNUSED) {
    gee_listener_t *first = open_listener("tcp@127.0.0.1:0", 2);
    in_port_t port = port_of(first->sockets[0]);
    int socket = first->sockets[1];
    gee_listener_t *more = open_listener("tcp@127.0.0.1:0", 3);
    assert_ptr_equal(more, first);
    assert_int_equal(more->slots, 3);
    assert_int_equal(more->sockets[1], socket);
    assert_int_equal(port_of(more->sockets[2]), port);
    gee_listener_t *fewer = open_listener("tcp@127.0.0.1:0", 1);
    assert_int_equal(fewer->slots, 3);
    gee_listener_release(&first);
    gee_listener_release(&more);
    assert_int_equal(port_of(fewer->sockets[2]), port);
    gee_listener_release(&fewer);
}

static void test_an_address_of_somebody_else_is_refused(void **state GEE_UNUSED) {
    gee_server_state_t other = { 0 };
    gee_error_t error;
    assert_int_equal(gee_server_init(&other, gee_modules, directory, NULL, &error), 0);
    gee_listener_t *listener = open_listener("tcp@127.0.0.1:0", 2);
    gee_listen_settings_t settings = { .address = listener->bound };
    assert_null(gee_listener_open(&other, &settings, 1, &error));
    assert_non_null(strstr(error.text, "Address already in use"));
    assert_non_null(strstr(error.text, listener->bound));
    assert_true(gee_list_empty(&other.listeners));
    gee_listener_release(&listener);
    gee_server_finish(&other);
}

/* From one host to any host, in one reload. */
static void test_an_address_of_ours_on_the_same_port_is_taken(void **state GEE_UNUSED) {
    char any[64];
    gee_listener_t *listener = open_listener("tcp@127.0.0.1:0", 1);
    snprintf(any, sizeof(any), "tcp@0.0.0.0:%u", ntohs(port_of(listener->sockets[0])));
    gee_listener_t *wider = open_listener(any, 2);
    assert_int_equal(wider->slots, 2);
    gee_listener_release(&listener);
    gee_listener_release(&wider);
}

static void test_a_socket_file_comes_and_goes(void **state GEE_UNUSED) {
    char path[128];
    struct stat status;
    snprintf(path, sizeof(path), "%s/run/x.sock", directory);
    gee_listener_t *listener = open_listener("unix@run/x.sock", 4);
    assert_int_equal(listener->slots, 1);
    assert_int_equal(stat(path, &status), 0);
    assert_true(S_ISSOCK(status.st_mode));
    gee_listen_settings_t settings = { .address = "unix@run/x.sock", .mode = 0600, .backlog = 5 };
    gee_listener_adjust(&server, listener, &settings);
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_mode & 0777, 0600);
    gee_listener_retire(listener);
    assert_int_not_equal(stat(path, &status), 0);
    /* The address can be had again while the retired listener is still referred to. */
    gee_listener_t *again = open_listener("unix@run/x.sock", 1);
    assert_ptr_not_equal(again, listener);
    gee_listener_release(&listener);
    assert_int_equal(stat(path, &status), 0);
    gee_listener_release(&again);
    assert_int_not_equal(stat(path, &status), 0);
    snprintf(path, sizeof(path), "%s/run", directory);
    assert_int_equal(rmdir(path), 0);
}

static void test_a_name_that_does_not_fit(void **state GEE_UNUSED) {
    char address[400] = "unix@";
    gee_error_t error;
    memset(address + 5, 'x', 270);
    gee_listen_settings_t settings = { .address = address };
    assert_null(gee_listener_open(&server, &settings, 1, &error));
}

static void test_zones_are_shared_by_name_size_and_version(void **state GEE_UNUSED) {
    gee_list_t first, second;
    gee_error_t error;
    gee_list_init(&first);
    gee_list_init(&second);
    int *memory = gee_zone_share(&server, &first, "counters", sizeof(int), 1, &error);
    assert_non_null(memory);
    assert_int_equal(*memory, 0);
    *memory = 42;
    assert_ptr_equal(gee_zone_share(&server, &first, "counters", sizeof(int), 1, &error), memory);
    assert_ptr_equal(gee_zone_share(&server, &second, "counters", sizeof(int), 1, &error), memory);
    assert_ptr_not_equal(gee_zone_share(&server, &second, "counters", sizeof(int), 2, &error), memory);
    assert_ptr_not_equal(gee_zone_share(&server, &second, "other", sizeof(int), 1, &error), memory);
    gee_zones_release(&first);
    assert_int_equal(*memory, 42); /* the second still has it */
    gee_zones_release(&second);
    int *fresh = gee_zone_share(&server, &first, "counters", sizeof(int), 1, &error);
    assert_int_equal(*fresh, 0);
    gee_zones_release(&first);
}

int main(void) {
#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_all_slots_have_the_port_of_the_first),
        TEST(test_it_is_kept_grows_and_never_shrinks),
        TEST(test_an_address_of_somebody_else_is_refused),
        TEST(test_an_address_of_ours_on_the_same_port_is_taken),
        TEST(test_a_socket_file_comes_and_goes),
        TEST(test_a_name_that_does_not_fit),
        TEST(test_zones_are_shared_by_name_size_and_version),
    };
    return cmocka_run_group_tests_name("listener", tests, NULL, NULL);
}
