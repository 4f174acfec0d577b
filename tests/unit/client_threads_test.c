/* client_threads_test.c: one client and many threads: every call ends exactly once, whatever happens to it
 * meanwhile. */
#include "client_support.h"

#define THREADS        16
#define CALLS          100000 /* in all */
#define CALLS_A_THREAD (CALLS / THREADS)

typedef struct worker {
    pthread_t thread;
    gee_client_t *client;
    int number;
    unsigned wrong, ends;
    int64_t calls;
    gee_error_t error;
} worker_t;

static void start_workers(worker_t *workers, gee_client_t *client, void *(*work)(void *)) {
    for (int n = 0; n < THREADS; n++) {
        workers[n] = (worker_t){ .client = client, .number = n };
        assert_int_equal(pthread_create(&workers[n].thread, NULL, work, &workers[n]), 0);
    }
}

static void join_workers(worker_t *workers) {
    for (int n = 0; n < THREADS; n++)
        pthread_join(workers[n].thread, NULL);
}

/* ---- calls of every sort at once ---- */

static void call_typed(worker_t *worker, int64_t a, int64_t b) {
    int64_t sum = 0;
    worker->ends++;
    if (call_peer(worker->client, "Test.Add", a, b, &sum, &worker->error) != 0 || sum != a + b)
        worker->wrong++;
}

static void call_json(worker_t *worker, int64_t a, int64_t b) {
    char arguments[96], *reply = NULL;
    snprintf(arguments, sizeof(arguments), "{\"A\":%lld,\"B\":%lld}", (long long)a, (long long)b);
    worker->ends++;
    if (gee_client_call(worker->client, "Test.Add", arguments, &reply, NULL, &worker->error) != 0 ||
        strtoll(reply, NULL, 10) != a + b)
        worker->wrong++;
    gee_free(reply);
}

static void call_tracked(worker_t *worker, int64_t a, int64_t b) {
    tracked_t call = { .expected = 0 };
    if (!go_tracked(&call, worker->client, "Test.Add", a, b) || !gee_pending_wait(call.pending, PATIENCE) ||
        !call.succeeded || !call.right)
        worker->wrong++;
    worker->ends += atomic_load(&call.ends);
    gee_pending_release(&call.pending);
}

/* An error finds its caller too. */
static void call_failing(worker_t *worker, int64_t a, int64_t b) {
    char expected[64];
    snprintf(expected, sizeof(expected), "%lld", (long long)(a + b));
    text_t text = { gee_str(expected) };
    worker->ends++;
    if (gee_client_call_typed(worker->client, "Test.Fail", GEE_ARGUMENT(text_t, &text), NULL, NULL, NULL,
                              &worker->error) != -1 ||
        strcmp(worker->error.text, expected) != 0 || !worker->error.from_peer)
        worker->wrong++;
}

static void *call_every_sort(void *data) {
    static void (*const sorts[])(worker_t *, int64_t, int64_t) = { call_typed, call_tracked, call_json, call_failing };
    worker_t *worker = data;
    for (int i = 0; i < CALLS_A_THREAD; i++)
        sorts[(i + worker->number) % (int)GEE_LENGTH(sorts)](worker, worker->number * (int64_t)1000000, i);
    return NULL;
}

static void test_a_hundred_thousand_calls_on_one_client(void **state GEE_UNUSED) {
    worker_t workers[THREADS];
    server_t *server = server_start("tcp@127.0.0.1:0", true);
    gee_client_t *client = dial_with(server->address, NULL);
    unsigned ends = 0;
    start_workers(workers, client, call_every_sort);
    join_workers(workers);
    for (int n = 0; n < THREADS; n++) {
        if (workers[n].wrong > 0)
            fail_msg("thread %d: %u calls went wrong, the last error: %s", n, workers[n].wrong, workers[n].error.text);
        ends += workers[n].ends;
    }
    assert_int_equal(ends, CALLS);
    gee_client_close(&client);
    server_stop(&server);
}

/* ---- waiting ---- */

static void *wait_for(void *data) {
    tracked_t *call = data;
    return gee_pending_wait(call->pending, PATIENCE) && atomic_load(&call->ends) == 1 ? call : NULL;
}

static void test_several_threads_wait_for_one_call(void **state GEE_UNUSED) {
    frame_peer_t *peer = frame_peer_start(0);
    gee_client_t *client = dial_with(peer->address, NULL);
    pthread_t threads[THREADS];
    tracked_t call = { .expected = 0 };
    void *waited;
    assert_true(go_tracked(&call, client, "Peer.Keep", 1, 2));
    assert_false(gee_pending_wait(call.pending, 0));
    assert_false(gee_pending_wait(call.pending, GEE_MILLISECOND));
    for (size_t i = 0; i < GEE_LENGTH(threads); i++)
        assert_int_equal(pthread_create(&threads[i], NULL, wait_for, &call), 0);
    eventually(atomic_load(&peer->kept) == 1);
    frame_peer_release(peer);
    for (size_t i = 0; i < GEE_LENGTH(threads); i++) {
        pthread_join(threads[i], &waited);
        assert_non_null(waited);
    }
    assert_true(gee_pending_wait(call.pending, 0));
    assert_null(gee_pending_error(call.pending));
    assert_int_equal(*(const int64_t *)gee_pending_reply(call.pending), 3);
    gee_pending_release(&call.pending);
    gee_client_close(&client);
    frame_peer_stop(&peer);
}

static void test_a_released_call_goes_on(void **state GEE_UNUSED) {
    frame_peer_t *peer = frame_peer_start(0);
    gee_client_t *client = dial_with(peer->address, NULL);
    tracked_t call = { .expected = 0 };
    assert_true(go_tracked(&call, client, "Peer.Keep", 20, 3));
    gee_pending_release(&call.pending);
    eventually(atomic_load(&peer->kept) == 1);
    assert_int_equal(atomic_load(&call.ends), 0);
    frame_peer_release(peer);
    eventually(atomic_load(&call.ends) == 1);
    assert_true(call.succeeded && call.right);
    assert_int_equal(atomic_load(&peer->cancels), 0);
    gee_client_close(&client);
    assert_int_equal(atomic_load(&call.ends), 1);
    frame_peer_stop(&peer);
}

/* ---- cancelling ---- */

static void test_cancel(void **state GEE_UNUSED) {
    frame_peer_t *peer = frame_peer_start(0);
    gee_client_t *client = dial_with(peer->address, NULL);
    tracked_t call = { .expected = 0 };
    assert_true(go_tracked(&call, client, "Peer.Keep", 1, 1));
    eventually(atomic_load(&peer->kept) == 1);
    gee_pending_cancel(call.pending);
    gee_pending_cancel(call.pending);
    assert_true(gee_pending_wait(call.pending, PATIENCE));
    assert_int_equal(call.error.code, GEE_CANCELLED);
    expect_place(&call.error, peer->address, GEE_PHASE_WAIT);
    eventually(atomic_load(&peer->cancels) == 1); /* the server was told */
    gee_pending_cancel(call.pending);
    gee_pending_release(&call.pending);
    assert_int_equal(atomic_load(&call.ends), 1);

    tracked_t answered = { .expected = 0 };
    assert_true(go_tracked(&answered, client, "Peer.Add", 2, 2));
    assert_true(gee_pending_wait(answered.pending, PATIENCE));
    gee_pending_cancel(answered.pending); /* too late */
    assert_null(gee_pending_error(answered.pending));
    gee_pending_release(&answered.pending);
    expect_sum(client, 3, 4);
    assert_int_equal(atomic_load(&peer->cancels), 1);
    assert_int_equal(atomic_load(&answered.ends), 1);
    gee_client_close(&client);
    frame_peer_stop(&peer);
}

#define RACES 3000

typedef struct canceller {
    tracked_t *calls;
    atomic_size_t started; /* calls that may be cancelled */
} canceller_t;

static void *cancel_all(void *data) {
    canceller_t *canceller = data;
    for (size_t i = 0; i < RACES; i++) {
        while (atomic_load(&canceller->started) <= i)
            sched_yield();
        gee_pending_cancel(canceller->calls[i].pending);
    }
    return NULL;
}

/* Another thread cancels each call at about the time when its reply comes. */
static void test_cancel_races_reply(void **state GEE_UNUSED) {
    frame_peer_t *peer = frame_peer_start(0);
    gee_client_t *client = dial_with(peer->address, NULL);
    canceller_t canceller = { .calls = calloc(RACES, sizeof(tracked_t)) };
    pthread_t thread;
    size_t cancelled = 0;
    assert_non_null(canceller.calls);
    assert_int_equal(pthread_create(&thread, NULL, cancel_all, &canceller), 0);
    for (size_t i = 0; i < RACES; i++) {
        tracked_t *call = &canceller.calls[i];
        assert_true(go_tracked(call, client, "Peer.Add", (int64_t)i, 1));
        if (i % 3 ==
            0) /* one is cancelled at once, the next when it has ended, the last by the other thread in between */
            gee_pending_cancel(call->pending);
        else if (i % 3 == 1)
            assert_true(gee_pending_wait(call->pending, PATIENCE));
        atomic_store(&canceller.started, i + 1);
    }
    pthread_join(thread, NULL);
    for (size_t i = 0; i < RACES; i++) {
        assert_true(gee_pending_wait(canceller.calls[i].pending, PATIENCE));
        if (!canceller.calls[i].succeeded) {
            assert_int_equal(canceller.calls[i].error.code, GEE_CANCELLED);
            assert_int_not_equal(i % 3, 1);
            cancelled++;
        }
    }
    print_message("%zu of %d calls were cancelled before their replies came\n", cancelled, RACES);
    assert_true(cancelled > 0);
    expect_sum(client, 5, 6);
    gee_client_close(&client);
    finish_many(canceller.calls, RACES);
    frame_peer_stop(&peer);
}

#define LATE 50

/* The caller has gone on, and uses the memory for something else. */
static void test_a_late_reply_touches_nothing(void **state GEE_UNUSED) {
    frame_peer_t *peer = frame_peer_start(0);
    gee_client_t *client = dial_with(peer->address, NULL);
    int64_t sums[LATE], give_up = gee_clock_monotonic() + PATIENCE;
    gee_error_t errors[LATE], nothing;
    pair_t pair = { 1, 2 };
    gee_call_options_t options = { .size = sizeof(options), .timeout_ns = GEE_MILLISECOND };
    memset(&nothing, 0, sizeof(nothing)); /* the bytes between members as well */
    atomic_store(&peer->ignores_cancels, true);
    for (size_t sent = 0; sent < LATE && gee_clock_monotonic() < give_up;) {
        assert_int_equal(gee_client_call_typed(client, "Peer.Keep", GEE_ARGUMENT(pair_t, &pair),
                                               GEE_REPLY(int64_t, &sums[sent]), &options, &errors[sent]),
                         -1);
        assert_int_equal(errors[sent].code, GEE_DEADLINE_EXCEEDED);
        sent += errors[sent].phase == GEE_PHASE_WAIT; /* else its time was over before it was sent */
    }
    eventually(atomic_load(&peer->kept) >= LATE);
    for (size_t i = 0; i < LATE; i++) {
        sums[i] = -7;
        memcpy(&errors[i], &nothing, sizeof(nothing));
    }
    frame_peer_release(peer);
    for (int64_t i = 0; i < LATE; i++)
        expect_sum(client, i, 1000); /* behind the late replies, and taken for none of them */
    for (size_t i = 0; i < LATE; i++) {
        assert_int_equal(sums[i], -7);
        assert_memory_equal(&errors[i], &nothing, sizeof(nothing));
    }
    gee_client_close(&client);
    frame_peer_stop(&peer);
}

/* ---- closing ---- */

#define KEPT 1000

static void *call_kept(void *data) {
    worker_t *worker = data;
    int64_t sum;
    worker->ends = call_peer(worker->client, "Peer.Keep", 1, 1, &sum, &worker->error) == -1;
    return NULL;
}

static void test_close_in_mid_call(void **state GEE_UNUSED) {
    worker_t workers[THREADS];
    size_t unended = 0;
    frame_peer_t *peer = frame_peer_start(0);
    gee_client_t *client = dial_with(peer->address, NULL);
    start_workers(workers, client, call_kept);
    tracked_t *calls = go_many(client, "Peer.Keep", KEPT);
    eventually(atomic_load(&peer->kept) == KEPT + THREADS);
    gee_client_close(&client);
    assert_null(client);
    for (size_t i = 0; i < KEPT; i++) /* when it returns, not some time later */
        unended += atomic_load(&calls[i].ends) != 1;
    join_workers(workers);
    assert_int_equal(unended, 0);
    for (size_t i = 0; i < KEPT; i++) {
        assert_int_equal(calls[i].error.code, GEE_CANCELLED);
        expect_place(&calls[i].error, peer->address, GEE_PHASE_WAIT);
    }
    for (int n = 0; n < THREADS; n++) {
        assert_int_equal(workers[n].ends, 1);
        assert_int_equal(workers[n].error.code, GEE_CANCELLED);
        expect_place(&workers[n].error, peer->address, GEE_PHASE_WAIT);
    }
    finish_many(calls, KEPT);
    frame_peer_stop(&peer);
}

/* Replies arrive and requests leave while it closes. */
static void test_close_under_fire(void **state GEE_UNUSED) {
    frame_peer_t *peer = frame_peer_start(0);
    size_t succeeded = 0, all = 0;
    for (size_t round = 0; round < 40; round++) {
        size_t count = 1 + round * 5, seen = round % 2 ? count / 2 : 0;
        gee_client_t *client = dial_with(peer->address, NULL);
        atomic_store(&peer->calls, 0);
        tracked_t *calls = go_many(client, "Peer.Add", count);
        eventually(atomic_load(&peer->calls) >= seen);
        gee_client_close(&client);
        for (size_t i = 0; i < count; i++) {
            assert_int_equal(atomic_load(&calls[i].ends), 1);
            succeeded += calls[i].succeeded;
            if (!calls[i].succeeded)
                assert_int_equal(calls[i].error.code, GEE_CANCELLED);
        }
        finish_many(calls, count);
        all += count;
        eventually(atomic_load(&peer->open) == 0);
    }
    print_message("%zu of %zu calls were answered before their client was closed\n", succeeded, all);
    frame_peer_stop(&peer);
}

static void close_client(gee_pending_t *pending GEE_UNUSED, void *data) {
    gee_client_close(data);
}

static void test_close_from_a_callback(void **state GEE_UNUSED) {
    frame_peer_t *peer = frame_peer_start(0);
    gee_client_t *client = dial_with(peer->address, NULL);
    tracked_t *calls = go_many(client, "Peer.Keep", KEPT);
    eventually(atomic_load(&peer->kept) == KEPT);
    pair_t pair = { 1, 2 };
    gee_pending_t *closing = gee_client_go_typed(client, "Peer.Add", GEE_ARGUMENT(pair_t, &pair), GEE_TYPE_OF(int64_t),
                                                 NULL, close_client, &client, NULL);
    assert_non_null(closing);
    assert_true(gee_pending_wait(closing, PATIENCE));
    assert_null(gee_pending_error(closing));
    assert_null(client);
    gee_pending_release(&closing);
    for (size_t i = 0; i < KEPT; i++) {
        assert_true(gee_pending_wait(calls[i].pending, PATIENCE));
        assert_int_equal(calls[i].error.code, GEE_CANCELLED);
    }
    finish_many(calls, KEPT);
    eventually(atomic_load(&peer->open) == 0);
    frame_peer_stop(&peer);
}

/* ---- the server goes away ---- */

static void test_server_dies_in_mid_call(void **state GEE_UNUSED) {
    worker_t workers[THREADS];
    frame_peer_t *peer = frame_peer_start(0);
    gee_client_t *client = dial_with(peer->address, NULL);
    start_workers(workers, client, call_kept);
    tracked_t *calls = go_many(client, "Peer.Keep", KEPT);
    eventually(atomic_load(&peer->kept) == KEPT + THREADS);
    frame_peer_behave(peer, FRAME_PEER_CLOSES);
    join_workers(workers);
    for (size_t i = 0; i < KEPT; i++) {
        assert_true(gee_pending_wait(calls[i].pending, PATIENCE));
        assert_int_equal(calls[i].error.code, GEE_UNAVAILABLE);
        expect_text(&calls[i].error, peer->address, "wait", "the peer closed the connection");
    }
    for (int n = 0; n < THREADS; n++) {
        assert_int_equal(workers[n].ends, 1);
        assert_int_equal(workers[n].error.code, GEE_UNAVAILABLE);
        expect_text(&workers[n].error, peer->address, "wait", "the peer closed the connection");
    }
    /* A client has one connection: it stays lost, and later calls hear of it. */
    int64_t sum;
    gee_error_t error;
    assert_int_equal(call_peer(client, "Peer.Add", 1, 2, &sum, &error), -1);
    expect_text(&error, peer->address, "send", "the peer closed the connection");
    tracked_t late = { .expected = 0 };
    if (go_tracked(&late, client, "Peer.Add", 1, 2)) {
        assert_true(gee_pending_wait(late.pending, PATIENCE));
        assert_int_equal(atomic_load(&late.ends), 1);
        gee_pending_release(&late.pending);
    }
    expect_text(&late.error, peer->address, "send", "the peer closed the connection");
    gee_client_close(&client);
    finish_many(calls, KEPT);
    assert_int_equal(atomic_load(&peer->accepted), 1);
    frame_peer_stop(&peer);
}

static void *call_until_it_fails(void *data) {
    worker_t *worker = data;
    int64_t sum;
    while (call_peer(worker->client, "Peer.Add", worker->number, worker->calls, &sum, &worker->error) == 0) {
        worker->wrong += sum != worker->number + worker->calls;
        worker->calls++;
    }
    return NULL;
}

static void test_server_dies_under_load(void **state GEE_UNUSED) {
    worker_t workers[THREADS];
    frame_peer_t *peer = frame_peer_start(0);
    gee_client_t *client = dial_with(peer->address, NULL);
    int64_t answered = 0;
    start_workers(workers, client, call_until_it_fails);
    eventually(atomic_load(&peer->calls) > 1000);
    frame_peer_behave(peer, FRAME_PEER_CLOSES);
    join_workers(workers);
    for (int n = 0; n < THREADS; n++) {
        answered += workers[n].calls;
        assert_int_equal(workers[n].wrong, 0);
        assert_int_equal(workers[n].error.code, GEE_UNAVAILABLE);
        assert_true(workers[n].error.phase == GEE_PHASE_WAIT || workers[n].error.phase == GEE_PHASE_SEND);
        expect_place(&workers[n].error, peer->address, workers[n].error.phase);
    }
    assert_in_range(answered, 1000 - THREADS, atomic_load(&peer->calls));
    gee_client_close(&client);
    frame_peer_stop(&peer);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, before_each, after_each)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_a_hundred_thousand_calls_on_one_client),
        TEST(test_several_threads_wait_for_one_call),
        TEST(test_a_released_call_goes_on),
        TEST(test_cancel),
        TEST(test_cancel_races_reply),
        TEST(test_a_late_reply_touches_nothing),
        TEST(test_close_in_mid_call),
        TEST(test_close_under_fire),
        TEST(test_close_from_a_callback),
        TEST(test_server_dies_in_mid_call),
        TEST(test_server_dies_under_load),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
