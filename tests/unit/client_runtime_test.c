/* client_runtime_test.c: where a client's work is done: on a thread of its own, on one that several share, or in the
 * hands of an application with a loop. */
#include "client_support.h"

#include <poll.h>
#include <signal.h>
#include <sys/epoll.h>

static size_t threads_now(void) {
    size_t count = 0;
    DIR *folder = opendir("/proc/self/task");
    assert_non_null(folder);
    for (struct dirent *entry; (entry = readdir(folder)) != NULL;)
        count += entry->d_name[0] != '.';
    closedir(folder);
    return count;
}

static gee_runtime_t *create_runtime(gee_runtime_mode_t mode) {
    gee_error_t error;
    gee_runtime_t *runtime = gee_runtime_create(mode, &error);
    if (runtime == NULL)
        fail_msg("%s", error.text);
    return runtime;
}

/* ---- background ---- */

typedef struct place {
    pthread_t thread;
    bool signals_blocked;
} place_t;

static void note_place(gee_pending_t *pending GEE_UNUSED, void *data) {
    static const int numbers[] = { SIGTERM, SIGINT, SIGHUP, SIGALRM, SIGCHLD, SIGUSR1, SIGPIPE };
    place_t *place = data;
    sigset_t blocked;
    place->thread = pthread_self();
    place->signals_blocked = pthread_sigmask(SIG_BLOCK, NULL, &blocked) == 0;
    for (size_t i = 0; i < GEE_LENGTH(numbers); i++)
        place->signals_blocked &= sigismember(&blocked, numbers[i]) == 1;
}

static place_t find_place(gee_client_t *client) {
    place_t place = { .signals_blocked = false };
    pair_t pair = { 1, 2 };
    gee_pending_t *pending = gee_client_go_typed(client, "Peer.Add", GEE_ARGUMENT(pair_t, &pair), GEE_TYPE_OF(int64_t),
                                                 NULL, note_place, &place, NULL);
    assert_non_null(pending);
    assert_true(gee_pending_wait(pending, PATIENCE));
    gee_pending_release(&pending);
    return place;
}

static void test_clients_share_a_runtime(void **state GEE_UNUSED) {
    frame_peer_t *peers[] = { frame_peer_start(0), frame_peer_start(1) };
    size_t before = threads_now();
    gee_runtime_t *runtime = create_runtime(GEE_RUNTIME_BACKGROUND);
    gee_client_t *first = dial_with(peers[0]->address, runtime), *second = dial_with(peers[1]->address, runtime);
    assert_int_equal(threads_now(), before + 1);
    expect_sum(first, 1, 2);
    expect_sum(second, 3, 4);
    place_t place = find_place(first), other = find_place(second);
    assert_true(pthread_equal(place.thread, other.thread));
    assert_false(pthread_equal(place.thread, pthread_self()));
    assert_true(place.signals_blocked);
    gee_client_close(&first);
    expect_sum(second, 5, 6); /* goes on without the first */
    first = dial_with(peers[0]->address, runtime);
    expect_sum(first, 7, 8);
    gee_client_close(&second);
    gee_client_close(&first);
    gee_runtime_destroy(&runtime, NULL);
    assert_null(runtime);
    gee_runtime_destroy(&runtime, NULL);
    eventually(threads_now() == before);
    frame_peer_stop(&peers[1]);
    frame_peer_stop(&peers[0]);
}

static void test_a_client_has_a_thread_of_its_own(void **state GEE_UNUSED) {
    frame_peer_t *peer = frame_peer_start(0);
    size_t before = threads_now();
    gee_client_t *first = dial_with(peer->address, NULL), *second = dial_with(peer->address, NULL);
    assert_int_equal(threads_now(), before + 2);
    place_t place = find_place(first), other = find_place(second);
    assert_false(pthread_equal(place.thread, other.thread));
    assert_true(place.signals_blocked);
    gee_client_close(&first);
    gee_client_close(&second);
    eventually(threads_now() == before);
    frame_peer_stop(&peer);
}

static void test_a_background_runtime_is_not_processed(void **state GEE_UNUSED) {
    gee_runtime_t *runtime = create_runtime(GEE_RUNTIME_BACKGROUND);
    gee_error_t error = { 0 };
    assert_int_equal(gee_runtime_process(runtime, 0, &error), -1);
    assert_int_equal(error.code, GEE_FAILED_PRECONDITION);
    assert_true(error.text[0] != '\0');
    gee_runtime_destroy(&runtime, NULL);
}

/* ---- a thread that is cancelled while it closes ---- */

typedef struct closer {
    pthread_t thread;
    gee_client_t *client;
    atomic_bool cancelled, closed;
} closer_t;

static void *close_cancelled(void *data) {
    closer_t *closer = data;
    int before;
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &before);
    while (!atomic_load(&closer->cancelled))
        usleep(500);
    pthread_setcancelstate(before, NULL);
    gee_client_close(&closer->client);
    atomic_store(&closer->closed, true);
    pthread_testcancel();
    return NULL;
}

/* The runtime vanishes afterwards, not half way, where nobody could close the rest. */
static void test_close_is_no_cancellation_point(void **state GEE_UNUSED) {
    frame_peer_t *peer = frame_peer_start(0);
    closer_t closer = { .client = dial_with(peer->address, NULL) };
    void *result;
    assert_int_equal(pthread_create(&closer.thread, NULL, close_cancelled, &closer), 0);
    assert_int_equal(pthread_cancel(closer.thread), 0);
    atomic_store(&closer.cancelled, true);
    assert_int_equal(pthread_join(closer.thread, &result), 0);
    assert_true(result == PTHREAD_CANCELED);
    assert_true(atomic_load(&closer.closed));
    assert_null(closer.client);
    frame_peer_stop(&peer);
}

/* ---- callbacks must not wait ---- */

typedef struct attempts {
    gee_client_t *client;
    gee_runtime_t *runtime;
    gee_pending_t *other; /* has not ended */
    tracked_t started;
    gee_error_t call, dial, ping, process;
    bool waited;
} attempts_t;

static void attempt_everything(gee_pending_t *pending, void *data) {
    attempts_t *attempts = data;
    int64_t sum;
    (void)call_peer(attempts->client, "Peer.Add", 1, 2, &sum, &attempts->call);
    gee_dial_options_t options = { .size = sizeof(options), .runtime = attempts->runtime };
    gee_client_t *second = gee_dial(gee_client_address(attempts->client), &options, &attempts->dial);
    gee_client_close(&second);
    (void)gee_client_ping(attempts->client, 0, NULL, &attempts->ping);
    (void)gee_runtime_process(attempts->runtime, 0, &attempts->process);
    attempts->waited = gee_pending_wait(attempts->other, GEE_SECOND);
    (void)go_tracked(&attempts->started, attempts->client, "Peer.Add", 20, 2); /* this one may be */
    gee_pending_release(&pending);
}

static void expect_refused_in_callback(const gee_error_t *error) {
    assert_int_equal(error->code, GEE_FAILED_PRECONDITION);
    if (strstr(error->text, "callback") == NULL)
        fail_msg("\"%s\" does not say that it was a callback", error->text);
}

static void attempt_from_a_callback(gee_runtime_t *runtime) {
    frame_peer_t *peer = frame_peer_start(0);
    attempts_t attempts = { .client = dial_with(peer->address, runtime), .runtime = runtime };
    tracked_t other = { .expected = 0 };
    pair_t pair = { 1, 2 };
    assert_true(go_tracked(&other, attempts.client, "Peer.Keep", 1, 1));
    attempts.other = other.pending;
    assert_non_null(gee_client_go_typed(attempts.client, "Peer.Add", GEE_ARGUMENT(pair_t, &pair), GEE_TYPE_OF(int64_t),
                                        NULL, attempt_everything, &attempts, NULL));
    expect_sum(attempts.client, 2, 2); /* its reply comes behind that of the call above */
    expect_refused_in_callback(&attempts.call);
    expect_refused_in_callback(&attempts.dial);
    expect_refused_in_callback(&attempts.ping);
    expect_refused_in_callback(&attempts.process);
    assert_false(attempts.waited);
    assert_true(gee_pending_wait(attempts.started.pending, PATIENCE));
    assert_true(attempts.started.right && attempts.started.succeeded);
    gee_pending_release(&attempts.started.pending);
    gee_client_close(&attempts.client);
    assert_int_equal(atomic_load(&other.ends), 1);
    gee_pending_release(&other.pending);
    frame_peer_stop(&peer);
}

static void test_a_callback_on_a_background_runtime_cannot_wait(void **state GEE_UNUSED) {
    gee_runtime_t *runtime = create_runtime(GEE_RUNTIME_BACKGROUND);
    attempt_from_a_callback(runtime);
    gee_runtime_destroy(&runtime, NULL);
}

static void test_a_callback_on_a_manual_runtime_cannot_wait(void **state GEE_UNUSED) {
    gee_runtime_t *runtime = create_runtime(GEE_RUNTIME_MANUAL);
    attempt_from_a_callback(runtime);
    gee_runtime_destroy(&runtime, NULL);
}

/* ---- manual ---- */

static bool readable(const gee_runtime_t *runtime, int timeout_ms) {
    struct pollfd watched = { .fd = gee_runtime_descriptor(runtime), .events = POLLIN };
    return poll(&watched, 1, timeout_ms) == 1;
}

/* An application's loop. */
static void process_until(gee_runtime_t *runtime, atomic_uint *ends, unsigned count) {
    gee_error_t error;
    int64_t give_up = gee_clock_monotonic() + PATIENCE;
    while (atomic_load(ends) < count && gee_clock_monotonic() < give_up)
        if (readable(runtime, 1000) && gee_runtime_process(runtime, 0, &error) != 0)
            fail_msg("%s", error.text);
    assert_int_equal(atomic_load(ends), count);
}

static void process_until_quiet(gee_runtime_t *runtime) {
    for (int i = 0; i < 100 && readable(runtime, 0); i++)
        assert_int_equal(gee_runtime_process(runtime, 0, NULL), 0);
    assert_false(readable(runtime, 0)); /* or the application's loop spins */
}

static void test_a_loop_of_ones_own(void **state GEE_UNUSED) {
    frame_peer_t *peer = frame_peer_start(0);
    size_t before = threads_now();
    gee_runtime_t *runtime = create_runtime(GEE_RUNTIME_MANUAL);
    gee_client_t *client = dial_with(peer->address, runtime);
    assert_int_equal(threads_now(), before);
    process_until_quiet(runtime);

    tracked_t call = { .expected = 0 };
    assert_true(go_tracked(&call, client, "Peer.Add", 40, 2));
    process_until(runtime, &call.ends, 1);
    assert_true(call.succeeded && call.right);
    gee_pending_release(&call.pending);

    /* A reply that is there makes it readable; its callback waits for process(). */
    tracked_t kept = { .expected = 0 };
    assert_true(go_tracked(&kept, client, "Peer.Keep", 1, 2));
    int64_t give_up = gee_clock_monotonic() + PATIENCE;
    while (atomic_load(&peer->kept) < 1 && gee_clock_monotonic() < give_up)
        assert_int_equal(gee_runtime_process(runtime, GEE_MILLISECOND, NULL), 0);
    process_until_quiet(runtime);
    frame_peer_release(peer);
    assert_true(readable(runtime, 60000));
    assert_int_equal(atomic_load(&kept.ends), 0);
    process_until(runtime, &kept.ends, 1);
    gee_pending_release(&kept.pending);
    gee_client_close(&client);
    gee_runtime_destroy(&runtime, NULL);
    assert_int_equal(threads_now(), before);
    frame_peer_stop(&peer);
}

/* A timer makes the descriptor readable as well. */
static void test_deadlines_in_a_loop_of_ones_own(void **state GEE_UNUSED) {
    frame_peer_t *peer = frame_peer_start(0);
    gee_runtime_t *runtime = create_runtime(GEE_RUNTIME_MANUAL);
    gee_client_t *client = dial_with(peer->address, runtime);
    tracked_t call = { .expected = 0 };
    pair_t pair = { 1, 2 };
    gee_call_options_t options = { .size = sizeof(options), .timeout_ns = 100 * GEE_MILLISECOND };
    int64_t started_ns = gee_clock_monotonic();
    call.pending = gee_client_go_typed(client, "Peer.Keep", GEE_ARGUMENT(pair_t, &pair), GEE_TYPE_OF(int64_t), &options,
                                       note_end, &call, NULL);
    assert_non_null(call.pending);
    process_until(runtime, &call.ends, 1);
    assert_true(gee_clock_monotonic() - started_ns >= 100 * GEE_MILLISECOND);
    assert_int_equal(call.error.code, GEE_DEADLINE_EXCEEDED);
    expect_place(&call.error, peer->address, call.error.phase);
    gee_pending_release(&call.pending);
    process_until_quiet(runtime);
    gee_client_close(&client);
    gee_runtime_destroy(&runtime, NULL);
    frame_peer_stop(&peer);
}

/* Functions that wait do the work themselves meanwhile. */
static void test_waiting_on_a_manual_runtime(void **state GEE_UNUSED) {
    frame_peer_t *peer = frame_peer_start(0);
    gee_runtime_t *runtime = create_runtime(GEE_RUNTIME_MANUAL);
    gee_client_t *client = dial_with(peer->address, runtime);
    tracked_t call = { .expected = 0 };
    expect_sum(client, 1, 2);
    assert_int_equal(gee_client_ping(client, PATIENCE, NULL, NULL), 0);
    assert_true(go_tracked(&call, client, "Peer.Keep", 3, 4));
    assert_false(gee_pending_wait(call.pending, 10 * GEE_MILLISECOND));
    eventually(gee_runtime_process(runtime, 0, NULL) == 0 && atomic_load(&peer->kept) == 1);
    frame_peer_release(peer);
    assert_true(gee_pending_wait(call.pending, PATIENCE));
    assert_true(call.succeeded && call.right);
    assert_int_equal(atomic_load(&call.ends), 1);
    gee_pending_release(&call.pending);
    tracked_t *calls = go_many(client, "Peer.Keep", 100);
    gee_client_close(&client);
    for (size_t i = 0; i < 100; i++)
        assert_int_equal(calls[i].error.code, GEE_CANCELLED);
    finish_many(calls, 100);
    gee_runtime_destroy(&runtime, NULL);
    frame_peer_stop(&peer);
}

typedef struct thread_call {
    pthread_t thread;
    gee_client_t *client;
    int64_t sums;
} thread_call_t;

static void *call_and_wait(void *data) {
    thread_call_t *call = data;
    for (int64_t i = 0; i < 200; i++) {
        int64_t sum = 0;
        if (call_peer(call->client, "Peer.Add", i, 1, &sum, NULL) == 0)
            call->sums += sum;
    }
    return NULL;
}

/* Only one thread at a time can process; the others wait for it, or for their turn. */
static void test_many_threads_wait_on_a_manual_runtime(void **state GEE_UNUSED) {
    frame_peer_t *peer = frame_peer_start(0);
    gee_runtime_t *runtime = create_runtime(GEE_RUNTIME_MANUAL);
    gee_client_t *client = dial_with(peer->address, runtime);
    thread_call_t calls[8];
    for (size_t i = 0; i < GEE_LENGTH(calls); i++) {
        calls[i] = (thread_call_t){ .client = client };
        assert_int_equal(pthread_create(&calls[i].thread, NULL, call_and_wait, &calls[i]), 0);
    }
    for (size_t i = 0; i < GEE_LENGTH(calls); i++) {
        pthread_join(calls[i].thread, NULL);
        assert_int_equal(calls[i].sums, 200 * 201 / 2);
    }
    gee_client_close(&client);
    gee_runtime_destroy(&runtime, NULL);
    frame_peer_stop(&peer);
}

static void test_a_runtime_is_not_destroyed_under_its_clients(void **state GEE_UNUSED) {
    static const gee_runtime_mode_t modes[] = { GEE_RUNTIME_BACKGROUND, GEE_RUNTIME_MANUAL };
    for (size_t i = 0; i < GEE_LENGTH(modes); i++) {
        frame_peer_t *peer = frame_peer_start(0);
        gee_runtime_t *runtime = create_runtime(modes[i]);
        gee_client_t *first = dial_with(peer->address, runtime), *second = dial_with(peer->address, runtime);
        gee_error_t error;
        gee_client_close(&first);
        assert_int_equal(gee_runtime_destroy(&runtime, &error), -1);
        assert_int_equal(error.code, GEE_FAILED_PRECONDITION);
        assert_non_null(strstr(error.text, "1 client uses this runtime"));
        expect_sum(second, 1, 2);
        gee_client_close(&second);
        assert_int_equal(gee_runtime_destroy(&runtime, &error), 0);
        assert_null(runtime);
        frame_peer_stop(&peer);
    }
}

/* An application that hears of each change once, and processes once for each. */
static void process_changes_until(gee_runtime_t *runtime, tracked_t *calls, size_t count) {
    int epoll = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event event = { .events = EPOLLIN | EPOLLET };
    size_t ended = 0;
    assert_int_equal(epoll_ctl(epoll, EPOLL_CTL_ADD, gee_runtime_descriptor(runtime), &event), 0);
    while (ended < count) {
        if (epoll_wait(epoll, &event, 1, 5000) != 1)
            fail_msg("nothing to hear, though %zu of %zu calls have not ended", count - ended, count);
        assert_int_equal(gee_runtime_process(runtime, 0, NULL), 0);
        for (ended = 0; ended < count && atomic_load(&calls[ended].ends) == 1;)
            ended++;
    }
    close(epoll);
}

static void test_edges_in_a_loop_of_ones_own(void **state GEE_UNUSED) {
    enum { PEERS = 5, CLIENTS = PEERS * 60 }; /* more descriptors than one pass handles */
    frame_peer_t *peers[PEERS];
    gee_runtime_t *runtime = create_runtime(GEE_RUNTIME_MANUAL);
    gee_client_t *clients[CLIENTS];
    tracked_t calls[CLIENTS];
    for (size_t i = 0; i < PEERS; i++)
        peers[i] = frame_peer_start((unsigned)i);
    for (size_t i = 0; i < CLIENTS; i++)
        clients[i] = dial_with(peers[i % PEERS]->address, runtime);
    for (size_t i = 0; i < CLIENTS; i++) {
        calls[i] = (tracked_t){ .expected = 0 };
        assert_true(go_tracked(&calls[i], clients[i], "Peer.Keep", (int64_t)i, 1));
    }
    for (size_t i = 0; i < PEERS; i++)
        eventually(gee_runtime_process(runtime, 0, NULL) == 0 && atomic_load(&peers[i]->kept) == CLIENTS / PEERS);
    for (size_t i = 0; i < PEERS; i++)
        frame_peer_release(peers[i]);
    process_changes_until(runtime, calls, CLIENTS);
    for (size_t i = 0; i < CLIENTS; i++) {
        assert_true(calls[i].right);
        gee_pending_release(&calls[i].pending);
        gee_client_close(&clients[i]);
    }
    gee_runtime_destroy(&runtime, NULL);
    for (size_t i = 0; i < PEERS; i++)
        frame_peer_stop(&peers[i]);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, before_each, after_each)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_clients_share_a_runtime),
        TEST(test_a_client_has_a_thread_of_its_own),
        TEST(test_a_background_runtime_is_not_processed),
        TEST(test_close_is_no_cancellation_point),
        TEST(test_a_callback_on_a_background_runtime_cannot_wait),
        TEST(test_a_callback_on_a_manual_runtime_cannot_wait),
        TEST(test_a_loop_of_ones_own),
        TEST(test_deadlines_in_a_loop_of_ones_own),
        TEST(test_waiting_on_a_manual_runtime),
        TEST(test_many_threads_wait_on_a_manual_runtime),
        TEST(test_a_runtime_is_not_destroyed_under_its_clients),
        TEST(test_edges_in_a_loop_of_ones_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
