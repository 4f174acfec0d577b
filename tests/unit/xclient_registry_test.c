/* xclient_registry_test.c: a client whose servers are found: it waits for the first list, follows the changes, and
 * goes on with the last good list whatever happens to the source. */
#include "xclient_support.h"

#include <netinet/in.h>
#include <stdatomic.h>
#include <sys/socket.h>

static char directory[] = "/tmp/geerpc-follow-XXXXXX";
static char path[100], source[110];

static int make_directory(void **state GEE_UNUSED) {
    if (mkdtemp(directory) == NULL)
        return -1;
    snprintf(path, sizeof(path), "%s/servers", directory);
    snprintf(source, sizeof(source), "file@%s", path);
    return 0;
}

static int remove_directory(void **state GEE_UNUSED) {
    unlink(path);
    return rmdir(directory);
}

/* The peers of the row whose bit is set, and nothing of a half-written list. */
static void list_peers(const row_t *row, unsigned chosen) {
    char beside[120];
    snprintf(beside, sizeof(beside), "%s.new", path);
    FILE *file = fopen(beside, "w");
    assert_non_null(file);
    for (size_t i = 0; i < row->count; i++)
        if (chosen >> i & 1)
            fprintf(file, "%s\n", row->peers[i]->address);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(rename(beside, path), 0);
}

static const gee_xclient_options_t following = { .balance = "roundrobin", .registry = source };

/* A row of peers, of which the file has the chosen ones, and a client that follows the file. */
static void follow(row_t *row, size_t count, unsigned chosen, const gee_xclient_options_t *options) {
    *row = (row_t){ .count = count };
    for (size_t i = 0; i < count; i++) {
        row->peers[i] = frame_peer_start((int64_t)i);
        row->servers[i].address = row->peers[i]->address;
    }
    list_peers(row, chosen);
    row->xclient = create_xclient(NULL, 0, options);
}

/* The peers that answered eight calls. */
static unsigned answering(const row_t *row) {
    unsigned seen = 0;
    for (int i = 0; i < 8; i++)
        seen |= 1u << who(row);
    return seen;
}

/* They answer, and no others, while the file is looked at (20 ms after a change). */
static void stay(const row_t *row, unsigned chosen) {
    int64_t until = gee_clock_monotonic() + 60 * GEE_MILLISECOND;
    do
        assert_int_equal(answering(row), chosen);
    while (gee_clock_monotonic() < until);
}

/* ---- following ---- */

static void test_the_list_is_followed(void **state GEE_UNUSED) {
    row_t row;
    follow(&row, 3, 1 | 2, &following);
    assert_int_equal(answering(&row), 1 | 2); /* at once: it has waited for the list */
    list_peers(&row, 2 | 4);
    eventually(answering(&row) == (2 | 4));
    list_peers(&row, 1);
    eventually(answering(&row) == 1);
    row_stop(&row);
}

static void test_whatever_happens_to_the_source(void **state GEE_UNUSED) {
    static const gee_xclient_options_t cautious = { .balance = "roundrobin", .registry = source, .min_servers = 2 };
    row_t row;
    for (int careful = 0; careful < 2; careful++) {
        follow(&row, 3, 1 | 2, careful ? &cautious : &following);
        assert_int_equal(unlink(path), 0);
        stay(&row, 1 | 2);
        list_peers(&row, careful ? 4 : 0); /* too short; empty */
        stay(&row, 1 | 2);
        list_peers(&row, 1 | 4);
        eventually(answering(&row) == (1 | 4));
        row_stop(&row);
    }
}

/* ---- the beginning ---- */

static void refused(const gee_xclient_options_t *given, const char *text) {
    gee_error_t error = { 0 };
    gee_dial_options_t dial = { .size = sizeof(dial), .connect_timeout_ns = 50 * GEE_MILLISECOND };
    gee_xclient_options_t options = *given;
    options.size = sizeof(options);
    options.dial = &dial;
    if (gee_xclient_create(NULL, 0, &options, &error) != NULL)
        fail_msg("created, in spite of: %s", text);
    if (strstr(error.text, text) == NULL)
        fail_msg("%s", error.text);
}

static void test_what_cannot_be_followed(void **state GEE_UNUSED) {
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t length = sizeof(address);
    char silent[100];
    unlink(path);
    refused(&(gee_xclient_options_t){ .registry = "etcd://a/b" },
            "no module for \"etcd\" is compiled in; there are: http, dns, file");
    refused(&(gee_xclient_options_t){ .registry = "file@" }, "expected file@/path");
    refused(&following, "/servers: open: No such file or directory");
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs("tcp@127.0.0.1:1\n", file);
    fclose(file);
    refused(&(gee_xclient_options_t){ .registry = source, .min_servers = 2 },
            "the list has 1 server, min_servers is 2");

    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0); /* accepts, by the kernel, and says nothing */
    assert_int_equal(bind(listener, (struct sockaddr *)&address, length), 0);
    assert_int_equal(listen(listener, 5), 0);
    assert_int_equal(getsockname(listener, (struct sockaddr *)&address, &length), 0);
    snprintf(silent, sizeof(silent), "http://127.0.0.1:%u/registry", ntohs(address.sin_port));
    refused(&(gee_xclient_options_t){ .registry = silent }, "/registry: no list of servers in time");
    close(listener);
    refused(&(gee_xclient_options_t){ .registry = silent }, "/registry: connect: Connection refused");
}

static void test_an_empty_list_at_first(void **state GEE_UNUSED) {
    row_t row;
    gee_error_t error;
    int64_t number;
    follow(&row, 1, 0, &following);
    assert_int_equal(call_row(&row, "Peer.Who", 0, 0, &number, NULL, &error), -1);
    assert_int_equal(error.code, GEE_UNAVAILABLE);
    list_peers(&row, 1);
    eventually(call_row(&row, "Peer.Who", 0, 0, &number, NULL, &error) == 0);
    row_stop(&row);
}

/* Servers that are given are those to begin with: nothing is waited for, and no empty list replaces them. */
static void test_servers_to_begin_with(void **state GEE_UNUSED) {
    row_t row;
    follow(&row, 2, 0, &following);
    gee_xclient_close(&row.xclient);
    unlink(path);
    row.xclient = create_xclient(row.servers, 1, &following);
    assert_int_equal(answering(&row), 1);
    list_peers(&row, 0);
    stay(&row, 1);
    list_peers(&row, 2);
    eventually(answering(&row) == 2);
    row_stop(&row);
}

static void test_its_servers_cannot_be_set(void **state GEE_UNUSED) {
    row_t row;
    gee_error_t error;
    follow(&row, 2, 1, &following);
    assert_int_equal(gee_xclient_set_servers(row.xclient, row.servers, 2, &error), -1);
    assert_int_equal(error.code, GEE_FAILED_PRECONDITION);
    assert_int_equal(answering(&row), 1);
    row_stop(&row);
}

/* ---- the end ---- */

/* The list changes all the time, while calls are made and clients come and go. */
typedef struct storm {
    const row_t *row;
    atomic_bool over;
} storm_t;

static void *change_the_list(void *data) {
    storm_t *storm = data;
    for (unsigned i = 0; !atomic_load(&storm->over); i++) {
        list_peers(storm->row, 1 + i % 7);
        usleep(2000);
    }
    return NULL;
}

static void test_no_call_fails_in_a_storm_of_changes(void **state GEE_UNUSED) {
    row_t row;
    pthread_t thread;
    follow(&row, 3, 1, &following);
    storm_t storm = { .row = &row };
    assert_int_equal(pthread_create(&thread, NULL, change_the_list, &storm), 0);
    for (int round = 0; round < 20; round++) {
        row_t other = row;
        other.xclient = create_xclient(NULL, 0, &following);
        for (int i = 0; i < 50; i++) {
            (void)who(&row);
            (void)who(&other);
        }
        gee_xclient_close(&other.xclient);
    }
    atomic_store(&storm.over, true);
    pthread_join(thread, NULL);
    row_stop(&row);
}

/* Several clients on one runtime that the program drives itself. */
static void test_on_a_manual_runtime(void **state GEE_UNUSED) {
    gee_runtime_t *runtime = gee_runtime_create(GEE_RUNTIME_MANUAL, NULL);
    assert_non_null(runtime);
    gee_dial_options_t dial = { .size = sizeof(dial), .codec = "bin", .runtime = runtime };
    gee_xclient_options_t options = following;
    row_t row;
    options.dial = &dial;
    follow(&row, 2, 1, &options);
    row_t other = row;
    other.xclient = create_xclient(NULL, 0, &options);
    assert_int_equal(answering(&row), 1);
    list_peers(&row, 2);
    eventually(answering(&row) == 2 && answering(&other) == 2);
    gee_xclient_close(&other.xclient);
    row_stop(&row);
    gee_runtime_destroy(&runtime, NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_list_is_followed),
        cmocka_unit_test(test_whatever_happens_to_the_source),
        cmocka_unit_test(test_what_cannot_be_followed),
        cmocka_unit_test(test_an_empty_list_at_first),
        cmocka_unit_test(test_servers_to_begin_with),
        cmocka_unit_test(test_its_servers_cannot_be_set),
        cmocka_unit_test(test_no_call_fails_in_a_storm_of_changes),
        cmocka_unit_test(test_on_a_manual_runtime),
    };
    return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
