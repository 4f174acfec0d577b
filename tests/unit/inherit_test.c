/* inherit_test.c: what one master hands to the next, and what the next makes of it when it makes no sense. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/event/rights.h"
#include "core/proc/inherit.h"
#include "core/proc/listener.h"
#include "core/proc/shm.h"

/* Both masters are this process: the second is asked whether the first is its parent, so parent it is. */
static gee_server_state_t before, after;
static char directory[64];
static gee_list_t references;

static int set_up(void **state GEE_UNUSED) {
    gee_error_t error;
    strcpy(directory, "/tmp/inherit_test.XXXXXX");
    assert_non_null(mkdtemp(directory));
    memset(&before, 0, sizeof(before));
    memset(&after, 0, sizeof(after));
    gee_list_init(&references);
    assert_int_equal(gee_server_init(&before, gee_modules, directory, NULL, &error), 0);
    assert_int_equal(gee_server_init(&after, gee_modules, directory, NULL, &error), 0);
    assert_int_equal(unsetenv("GEERPC_INHERIT"), 0);
    return 0;
}

static int tear_down(void **state GEE_UNUSED) {
    gee_zones_release(&references);
    gee_server_finish(&before);
    gee_server_finish(&after);
    return rmdir(directory);
}

static gee_listener_t *open_listener(gee_server_state_t *server, const char *address, unsigned workers) {
    gee_listen_settings_t settings = { .address = address };
    gee_error_t error;
    gee_listener_t *listener = gee_listener_open(server, &settings, workers, &error);
    if (!listener)
        fail_msg("%s", error.text);
    return listener;
}

static void set_text(const char *title, const char *lines) {
    char text[1000];
    (void)snprintf(text, sizeof(text), "%s\nmaster %d 1 %ld%s", title, 1000, (long)getppid(), lines);
    assert_int_equal(setenv("GEERPC_INHERIT", text, 1), 0);
    assert_int_equal(dup2(STDERR_FILENO, 1000), 1000); /* some descriptor, for a link */
}

static void close_link(void) {
    if (after.parent_socket >= 0)
        assert_int_equal(close(after.parent_socket), 0);
}

static bool is_open(int descriptor) {
    return fcntl(descriptor, F_GETFD) >= 0;
}

static void assert_refused(const char *title, const char *lines, const char *reason) {
    gee_error_t error;
    set_text(title, lines);
    assert_int_equal(gee_inherit_read(&after, &error), -1);
    if (!strstr(error.text, reason))
        fail_msg("%s: %s", lines, error.text);
    assert_null(getenv("GEERPC_INHERIT"));
    gee_inherit_finish(&after);
}

/* The text that a master writes, with another parent's id, as a child would find it. */
static void read_what_was_written(int link) {
    char *text = gee_inherit_describe(&before, link), ours[40], theirs[40], *found, *whole = NULL;
    gee_error_t error;
    assert_non_null(text);
    (void)snprintf(ours, sizeof(ours), " %u %ld\n", 1u, (long)getpid());
    (void)snprintf(theirs, sizeof(theirs), " %u %ld\n", 1u, (long)getppid());
    assert_non_null(found = strstr(text, ours));
    assert_true(asprintf(&whole, "%.*s%s%s", (int)(found - text), text, theirs, found + strlen(ours)) > 0);
    assert_int_equal(gee_inherit_hand_on(&before, link, whole), 0);
    free(whole);
    free(text);
    if (gee_inherit_read(&after, &error) != 0)
        fail_msg("%s", error.text);
}

static void test_sockets_and_memory_are_taken_over(void **state GEE_UNUSED) {
    gee_error_t error;
    int ends[2];
    char path[100];
    gee_listener_t *tcp = open_listener(&before, "tcp@127.0.0.1:0", 3);
    (void)snprintf(path, sizeof(path), "unix@%s/socket", directory);
    gee_listener_t *unused = open_listener(&before, path, 3);
    char *memory = gee_zone_share(&before, &references, "counters", 100, 7, &error);
    assert_non_null(memory);
    strcpy(memory, "kept");
    assert_int_equal(gee_rights_pair(ends, &error), 0);
    read_what_was_written(ends[1]);
    assert_int_equal(after.parent, getppid());
    assert_true(after.elsewhere);
    assert_int_equal(fcntl(tcp->sockets[0], F_GETFD), FD_CLOEXEC);

    gee_listener_t *again = open_listener(&after, "tcp@127.0.0.1:0", 4);
    assert_string_equal(again->bound, tcp->bound);
    assert_int_equal(again->slots, 4); /* three are the other one's */
    assert_int_equal(again->lent, 3);
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(again->sockets[i], tcp->sockets[i]);
    gee_list_t others;
    gee_list_init(&others);
    char *same = gee_zone_share(&after, &others, "counters", 100, 7, &error);
    assert_string_equal(same, "kept");
    strcpy(same, "one memory");
    assert_string_equal(memory, "one memory");
    char *other = gee_zone_share(&after, &others, "counters", 100, 8, &error);
    assert_string_equal(other, "");

    gee_inherit_finish(&after); /* with the socket that nobody took */
    assert_false(is_open(unused->sockets[0]));
    assert_int_equal(access(strchr(path, '@') + 1, F_OK), 0);
    unused->slots = 0; /* in truth they are numbers of two processes */
    assert_int_equal(unlink(strchr(path, '@') + 1), 0);
    tcp->slots = 0;
    gee_zone_t *zone = GEE_CONTAINER(gee_list_first(&before.zones), gee_zone_t, link);
    zone->descriptor = -1;
    gee_listener_release(&again);
    gee_listener_release(&tcp);
    gee_listener_release(&unused);
    gee_zones_release(&others);
    close_link();
    close(ends[0]);
}

static void test_kinds_not_known_are_passed_over(void **state GEE_UNUSED) {
    gee_error_t error;
    char lines[60];
    int descriptor = dup(STDERR_FILENO);
    (void)snprintf(lines, sizeof(lines), "\n\ntelepathy %d and so on", descriptor);
    set_text("geerpc-inherit 1", lines);
    assert_int_equal(gee_inherit_read(&after, &error), 0);
    assert_false(is_open(descriptor));
    assert_int_equal(after.parent_socket, 1000);
    close_link();
}

static void test_what_makes_no_sense_is_refused(void **state GEE_UNUSED) {
    assert_refused("geerpc-inherit 1", "\nlisten 2 0 own tcp@127.0.0.1:1",
                   "descriptor 2 is no listening stream socket");
    assert_refused("geerpc-inherit 1", "\nlisten 9999 0 own tcp@127.0.0.1:1", "descriptor 9999 is no listening");
    assert_refused("geerpc-inherit 1", "\nlisten", "a line without a descriptor");
    assert_refused("geerpc-inherit 1", "\nlisten -1 0 own x", "a line without a descriptor");
    assert_refused("geerpc-inherit 1", "\nhelper 2 3", "the line \"helper\" makes no sense");
    assert_refused("geerpc-inherit 1", "\nzone 2 many 1 counters", "the line \"zone\" makes no sense");
    assert_refused("geerpc-inherit 1", "\nzone 9999 100 1 counters", "the line \"zone\" makes no sense");
    close_link();
}

/* The other master can be told all the same. */
static void test_another_version_is_refused(void **state GEE_UNUSED) {
    assert_refused("geerpc-inherit 2", "\nlisten 9999 none of this is read", "hands over as \"geerpc-inherit 2\"");
    assert_int_equal(after.parent_socket, 1000);
    close_link();
}

static void test_what_is_meant_for_somebody_else_is_left_alone(void **state GEE_UNUSED) {
    gee_error_t error;
    assert_int_equal(setenv("GEERPC_INHERIT", "geerpc-inherit 1\nmaster 2 1 1234567\nlisten 2 0 own x", 1), 0);
    assert_int_equal(gee_inherit_read(&after, &error), 0);
    assert_null(after.inheritance);
    assert_int_equal(after.parent_socket, -1);
    assert_true(is_open(STDERR_FILENO));
    assert_null(getenv("GEERPC_INHERIT"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_sockets_and_memory_are_taken_over),
        TEST(test_kinds_not_known_are_passed_over),
        TEST(test_what_makes_no_sense_is_refused),
        TEST(test_another_version_is_refused),
        TEST(test_what_is_meant_for_somebody_else_is_left_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
