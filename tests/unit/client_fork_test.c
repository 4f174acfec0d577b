/* client_fork_test.c: after a fork. The parent's clients are of no use to a child, and the child is no danger to
 * them. */
#include "client_support.h"

/* Objects that the parent has made. */
typedef struct family {
    frame_peer_t *peer;
    gee_runtime_t *runtime;
    gee_client_t *client;
    gee_xclient_t *xclient;
    tracked_t call; /* outstanding */
} family_t;

static bool refused(int result, const gee_error_t *error) {
    return result == -1 && error->code == GEE_FAILED_PRECONDITION && strstr(error->text, "fork") != NULL;
}

/* The number of the first function that does not fail, or not as it should; 0: none. In a child, where nothing can be
 * asserted. */
static int try_everything(family_t *family) {
    gee_error_t error = { 0 };
    pair_t pair = { 1, 2 };
    int64_t sum;
    char *reply = NULL;
    if (!refused(gee_client_call(family->client, "Peer.Add", "{}", &reply, NULL, &error), &error))
        return 1;
    if (!refused(call_peer(family->client, "Peer.Add", 1, 2, &sum, &error), &error))
        return 2;
    if (gee_client_go(family->client, "Peer.Add", "{}", NULL, NULL, NULL, &error) != NULL || !refused(-1, &error))
        return 3;
    if (!refused(gee_client_ping(family->client, 0, NULL, &error), &error))
        return 4;
    if (!refused(gee_xclient_call_typed(family->xclient, "Peer.Add", GEE_ARGUMENT(pair_t, &pair),
                                        GEE_REPLY(int64_t, &sum), NULL, &error),
                 &error))
        return 5;
    if (!refused(gee_xclient_broadcast(family->xclient, "Peer.Add", "{}", &reply, NULL, &error), &error))
        return 6;
    if (!refused(gee_xclient_set_servers(family->xclient, NULL, 0, &error), &error))
        return 7;
    gee_dial_options_t options = { .size = sizeof(options), .codec = "bin", .runtime = family->runtime };
    if (gee_dial(family->peer->address, &options, &error) != NULL || !refused(-1, &error))
        return 8;
    if (gee_pending_wait(family->call.pending, GEE_SECOND)) /* it has not ended here and never will */
        return 9;
    gee_pending_cancel(family->call.pending);
    return 0;
}

static int let_go_of_everything(family_t *family) {
    gee_pending_release(&family->call.pending);
    gee_client_close(&family->client);
    gee_xclient_close(&family->xclient);
    gee_runtime_destroy(&family->runtime, NULL);
    return family->call.pending || family->client || family->xclient || family->runtime ? 10 : 0;
}

static int dial_anew(const char *address) {
    gee_error_t error;
    int64_t sum = 0;
    gee_dial_options_t options = { .size = sizeof(options), .codec = "bin" };
    gee_client_t *client = gee_dial(address, &options, &error);
    int failed = client == NULL || call_peer(client, "Peer.Add", 20, 3, &sum, &error) != 0 || sum != 23;
    gee_client_close(&client);
    return failed ? 11 : 0;
}

static int live_as_a_child(family_t *family) {
    alarm(60);
    int failed = try_everything(family);
    if (failed == 0)
        failed = let_go_of_everything(family);
    return failed ? failed : dial_anew(family->peer->address);
}

static void fork_and_check(family_t *family, int (*live)(family_t *family)) {
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0)
        _exit(live(family));
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
        fail_msg("the child: status 0x%x", (unsigned)status);
}

static void expect_sum_of_xclient(gee_xclient_t *xclient) {
    pair_t pair = { 5, 6 };
    int64_t sum = 0;
    gee_error_t error;
    if (gee_xclient_call_typed(xclient, "Peer.Add", GEE_ARGUMENT(pair_t, &pair), GEE_REPLY(int64_t, &sum), NULL,
                               &error) != 0)
        fail_msg("%s", error.text);
    assert_int_equal(sum, 11);
}

static void start_family(family_t *family, gee_runtime_mode_t mode) {
    gee_error_t error;
    family->peer = frame_peer_start(0);
    family->runtime = gee_runtime_create(mode, &error);
    assert_non_null(family->runtime);
    family->client = dial_with(family->peer->address, family->runtime);
    gee_dial_options_t dial = { .size = sizeof(dial), .codec = "bin", .runtime = family->runtime };
    gee_xclient_options_t options = { .size = sizeof(options), .dial = &dial };
    gee_server_t server = { .address = family->peer->address };
    family->xclient = gee_xclient_create(&server, 1, &options, &error);
    if (family->xclient == NULL)
        fail_msg("%s", error.text);
    expect_sum_of_xclient(family->xclient);
    assert_true(go_tracked(&family->call, family->client, "Peer.Keep", 1, 2));
    int64_t give_up = gee_clock_monotonic() + PATIENCE;
    while (atomic_load(&family->peer->kept) == 0 && gee_clock_monotonic() < give_up)
        if (mode == GEE_RUNTIME_MANUAL)
            assert_int_equal(gee_runtime_process(family->runtime, GEE_MILLISECOND, NULL), 0);
    assert_int_equal(atomic_load(&family->peer->kept), 1);
}

/* Nothing of what the child did is to be seen: the call is still outstanding, and both connections carry on. */
static void end_family(family_t *family, unsigned connections) {
    assert_int_equal(atomic_load(&family->peer->accepted), connections);
    assert_int_equal(atomic_load(&family->peer->cancels), 0);
    assert_int_equal(atomic_load(&family->call.ends), 0);
    expect_sum(family->client, 1, 2);
    expect_sum_of_xclient(family->xclient);
    frame_peer_release(family->peer);
    assert_true(gee_pending_wait(family->call.pending, PATIENCE));
    assert_true(family->call.succeeded && family->call.right);
    assert_int_equal(atomic_load(&family->call.ends), 1);
    assert_int_equal(atomic_load(&family->peer->accepted), connections); /* nothing had to be dialled anew */
    gee_pending_release(&family->call.pending);
    gee_client_close(&family->client);
    gee_xclient_close(&family->xclient);
    gee_runtime_destroy(&family->runtime, NULL);
    frame_peer_stop(&family->peer);
}

static void test_fork_with_a_background_runtime(void **state GEE_UNUSED) {
    family_t family = { .peer = NULL };
    start_family(&family, GEE_RUNTIME_BACKGROUND);
    fork_and_check(&family, live_as_a_child);
    end_family(&family, 3);
}

static void test_fork_with_a_manual_runtime(void **state GEE_UNUSED) {
    family_t family = { .peer = NULL };
    start_family(&family, GEE_RUNTIME_MANUAL);
    fork_and_check(&family, live_as_a_child);
    end_family(&family, 3);
}

static int process(family_t *family) {
    gee_error_t error = { 0 };
    return refused(gee_runtime_process(family->runtime, 0, &error), &error) ? 0 : 12;
}

static void test_a_child_does_not_process_the_parents_runtime(void **state GEE_UNUSED) {
    family_t family = { .peer = NULL };
    start_family(&family, GEE_RUNTIME_MANUAL);
    fork_and_check(&family, process);
    end_family(&family, 2);
}

static int leave_without_a_word(family_t *family) {
    (void)family;
    return 0;
}

/* A child that ends without closing anything, as one does that executes another program. */
static void test_a_child_that_does_nothing(void **state GEE_UNUSED) {
    family_t family = { .peer = NULL };
    start_family(&family, GEE_RUNTIME_BACKGROUND);
    fork_and_check(&family, leave_without_a_word);
    end_family(&family, 2);
}

/* The child's copies of the descriptors keep no connection open that the parent has closed. */
static void test_the_parent_closes_while_the_child_lives(void **state GEE_UNUSED) {
    for (int child_closes = 0; child_closes < 2; child_closes++) {
        int both[2];
        char byte;
        frame_peer_t *peer = frame_peer_start(0);
        gee_client_t *client = dial_with(peer->address, NULL);
        expect_sum(client, 1, 2);
        assert_int_equal(pipe(both), 0);
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0) {
            alarm(100);
            close(both[1]);
            if (child_closes)
                gee_client_close(&client);
            _exit(read(both[0], &byte, 1) != 0); /* until the parent has seen enough */
        }
        close(both[0]);
        gee_client_close(&client);
        eventually(atomic_load(&peer->open) == 0);
        close(both[1]);
        int status;
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_int_equal(status, 0);
        frame_peer_stop(&peer);
    }
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, before_each, after_each)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_fork_with_a_background_runtime),
        TEST(test_fork_with_a_manual_runtime),
        TEST(test_a_child_does_not_process_the_parents_runtime),
        TEST(test_a_child_that_does_nothing),
        TEST(test_the_parent_closes_while_the_child_lives),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
