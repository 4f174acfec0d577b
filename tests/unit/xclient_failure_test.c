/* xclient_failure_test.c: a client of many servers when some of them are slow, die, and come back. */
#include "xclient_support.h"

static const gee_xclient_options_t roundrobin = { .balance = "roundrobin" };

/* ---- a server that cannot be reached holds up nobody else ---- */

#define CALLS 40

static void test_a_slow_dial_holds_up_nobody(void **state GEE_UNUSED) {
    row_t row;
    tracked_t calls[CALLS];
    memset(calls, 0, sizeof(calls));
    row_start(&row, 2, &roundrobin);
    frame_peer_behave(row.peers[1], FRAME_PEER_SILENT);
    row.servers[1].address = row.peers[1]->http_address; /* its CONNECT is never answered */
    assert_int_equal(gee_xclient_set_servers(row.xclient, row.servers, row.count, NULL), 0);
    for (unsigned i = 0; i < CALLS; i++)
        go_row(&row, &calls[i], "Peer.Add", i, 1, NULL);
    for (unsigned i = 0; i < CALLS; i++) {
        finish_tracked(&calls[i]);
        if (!calls[i].succeeded)
            fail_msg("call %u: %s", i, calls[i].error.text);
        assert_true(calls[i].right);
    }
    assert_int_equal(atomic_load(&row.peers[0]->calls), CALLS);
    assert_int_equal(atomic_load(&row.peers[1]->accepted), 1); /* one dial, which goes on */
    row_stop(&row);
}

static void test_a_dial_has_its_time(void **state GEE_UNUSED) {
    gee_dial_options_t dial = { .size = sizeof(dial), .codec = "bin", .connect_timeout_ns = 500 * GEE_MILLISECOND };
    gee_xclient_options_t options = { .dial = &dial };
    row_t row;
    gee_error_t error;
    int64_t reply;
    row_start(&row, 1, &options);
    frame_peer_behave(row.peers[0], FRAME_PEER_SILENT);
    row.servers[0].address = row.peers[0]->http_address;
    assert_int_equal(gee_xclient_set_servers(row.xclient, row.servers, 1, NULL), 0);
    assert_int_equal(call_row(&row, "Peer.Who", 0, 0, &reply, NULL, &error), -1);
    expect_place(&error, row.servers[0].address, GEE_PHASE_HANDSHAKE);
    assert_int_equal(error.code, GEE_UNAVAILABLE);
    assert_true(error.elapsed_ns >= 500 * GEE_MILLISECOND);
    row_stop(&row);
}

/* ---- a server that dies, and comes back ---- */

/* The connection and a call on it are lost. When that was, at the earliest. */
static int64_t kill_in_mid_call(row_t *row, size_t n) {
    tracked_t call = { .expected = 0 };
    go_row(row, &call, "Peer.Keep", 1, 2, NULL);
    eventually(atomic_load(&row->peers[n]->kept) == 1);
    int64_t killed_ns = gee_clock_monotonic();
    frame_peer_behave(row->peers[n], FRAME_PEER_CLOSES);
    finish_tracked(&call);
    assert_int_equal(call.error.code, GEE_UNAVAILABLE);
    expect_place(&call.error, row->peers[n]->address, GEE_PHASE_WAIT);
    return killed_ns;
}

static void expect_well_again(const row_t *row) {
    int64_t sum = 0;
    eventually(call_row(row, "Peer.Add", 1, 2, &sum, NULL, NULL) == 0);
    assert_int_equal(sum, 3);
}

/* The server is dialled after 100 ms, 200 ms, 400 ms, each up to a quarter shorter so that not all clients come at
 * once. A dial that is seen late is no mistake, one that is early is. */
static void test_dialled_anew_with_growing_pauses(void **state GEE_UNUSED) {
    static const int64_t earliest_ms[] = { 75, 225, 525, 1125 };
    row_t row;
    row_start(&row, 1, NULL);
    int64_t killed_ns = kill_in_mid_call(&row, 0);
    for (unsigned dials = 1; dials <= GEE_LENGTH(earliest_ms); dials++) {
        eventually(atomic_load(&row.peers[0]->accepted) > dials);
        int64_t after_ms = (row.peers[0]->accepted_at[dials] - killed_ns) / GEE_MILLISECOND;
        print_message("dial %u after %lld ms\n", dials, (long long)after_ms);
        assert_true(after_ms >= earliest_ms[dials - 1]);
    }
    frame_peer_behave(row.peers[0], FRAME_PEER_SERVES);
    expect_well_again(&row);
    unsigned accepted = atomic_load(&row.peers[0]->accepted);
    for (int i = 0; i < 100; i++)
        assert_int_equal(who(&row), 0);
    assert_int_equal(atomic_load(&row.peers[0]->accepted), accepted); /* and the connection is kept */
    row_stop(&row);
}

/* Whatever the pauses, the first call that comes when it is back succeeds. */
static void test_calls_try_a_server_that_is_the_last_hope(void **state GEE_UNUSED) {
    gee_xclient_options_t options = { .fail_timeout_ns = 3600 * GEE_SECOND };
    row_t row;
    int64_t sum;
    row_start(&row, 1, &options);
    (void)kill_in_mid_call(&row, 0);
    for (unsigned i = 0; i < 20; i++) /* each dials it, but those that come while another one does */
        assert_int_equal(call_row(&row, "Peer.Add", 1, 2, &sum, NULL, NULL), -1);
    assert_true(atomic_load(&row.peers[0]->accepted) >= 20);
    frame_peer_behave(row.peers[0], FRAME_PEER_SERVES);
    assert_int_equal(call_row(&row, "Peer.Add", 1, 2, &sum, NULL, NULL), 0);
    row_stop(&row);
}

/* fail_timeout is the longest pause. */
static void test_pauses_have_a_limit(void **state GEE_UNUSED) {
    gee_xclient_options_t options = { .fail_timeout_ns = 20 * GEE_MILLISECOND };
    row_t row;
    row_start(&row, 1, &options);
    int64_t killed_ns = kill_in_mid_call(&row, 0);
    eventually(atomic_load(&row.peers[0]->accepted) > 10);
    int64_t after_ms = (row.peers[0]->accepted_at[10] - killed_ns) / GEE_MILLISECOND;
    print_message("dial 10 after %lld ms\n", (long long)after_ms);
    assert_true(after_ms >= 10 * 15);
    /* Doubling, the tenth would come after 75 s; so it did not, or eventually() would have failed. */
    frame_peer_behave(row.peers[0], FRAME_PEER_SERVES);
    expect_well_again(&row);
    row_stop(&row);
}

/* Nobody called when it went: that is no failure, and the next call dials at once. */
static void test_a_connection_that_is_closed_while_idle(void **state GEE_UNUSED) {
    row_t row;
    row_start(&row, 1, NULL);
    who(&row);
    frame_peer_behave(row.peers[0], FRAME_PEER_CLOSES);
    eventually(atomic_load(&row.peers[0]->open) == 0);
    frame_peer_behave(row.peers[0], FRAME_PEER_SERVES);
    expect_well_again(&row);
    assert_in_range(atomic_load(&row.peers[0]->accepted), 2, 3);
    row_stop(&row);
}

/* ---- the others take over ---- */

static void test_calls_go_to_those_that_live(void **state GEE_UNUSED) {
    row_t row;
    row_start(&row, 3, &roundrobin);
    while (who(&row) != 2)
        continue;
    (void)kill_in_mid_call(&row, 0); /* its turn */
    for (int i = 0; i < 50; i++)
        assert_int_not_equal(who(&row), 0);
    frame_peer_behave(row.peers[0], FRAME_PEER_SERVES);
    eventually(who(&row) == 0);
    row_stop(&row);
}

/* A call of which nothing was sent is tried on another server, idempotent or not. */
static void test_a_server_that_is_not_there(void **state GEE_UNUSED) {
    row_t row;
    row_start(&row, 2, &roundrobin);
    char gone[64];
    frame_peer_t *peer = frame_peer_start(0);
    strcpy(gone, peer->address);
    frame_peer_stop(&peer);
    gee_server_t servers[3] = { { .address = gone }, row.servers[0], row.servers[1] };
    assert_int_equal(gee_xclient_set_servers(row.xclient, servers, 3, NULL), 0);
    for (int i = 0; i < 30; i++)
        who(&row);
    row_stop(&row);
}

static void test_nobody_is_there(void **state GEE_UNUSED) {
    row_t row;
    gee_error_t error;
    int64_t reply;
    char gone[2][64];
    gee_server_t servers[2];
    for (size_t i = 0; i < 2; i++) {
        frame_peer_t *peer = frame_peer_start(0);
        servers[i].address = strcpy(gone[i], peer->address);
        servers[i].weight = 1;
        frame_peer_stop(&peer);
    }
    row_start(&row, 0, NULL);
    assert_int_equal(gee_xclient_set_servers(row.xclient, servers, 2, NULL), 0);
    assert_int_equal(call_row(&row, "Peer.Who", 0, 0, &reply, NULL, &error), -1);
    assert_int_equal(error.code, GEE_UNAVAILABLE);
    expect_place(&error, strncmp(error.text, gone[0], strlen(gone[0])) == 0 ? gone[0] : gone[1], GEE_PHASE_CONNECT);
    assert_non_null(strstr(error.text, "Connection refused"));
    assert_non_null(strstr(error.text, "2 tries"));
    row_stop(&row);
}

/* Sent and not answered: its fate is unknown, and only a call that may happen twice is tried again. */
static void test_what_is_tried_again(void **state GEE_UNUSED) {
    gee_xclient_options_t never = { .balance = "roundrobin", .retries = -1 };
    const struct {
        const gee_xclient_options_t *options;
        bool idempotent, tried_again;
    } cases[] = { { &roundrobin, true, true }, { &roundrobin, false, false }, { &never, true, false } };
    for (size_t i = 0; i < GEE_LENGTH(cases); i++) {
        row_t row;
        tracked_t call = { .expected = 0 };
        gee_call_options_t options = { .size = sizeof(options), .idempotent = cases[i].idempotent };
        row_start(&row, 2, cases[i].options);
        size_t other = who(&row), next = who(&row);
        while (who(&row) != other)
            continue;
        go_row(&row, &call, "Peer.Keep", 20, 3, &options);
        eventually(atomic_load(&row.peers[next]->kept) == 1);
        frame_peer_behave(row.peers[next], FRAME_PEER_CLOSES);
        if (cases[i].tried_again) {
            eventually(atomic_load(&row.peers[other]->kept) == 1);
            assert_int_equal(atomic_load(&call.ends), 0);
            frame_peer_release(row.peers[other]);
        }
        finish_tracked(&call);
        assert_int_equal(call.succeeded, cases[i].tried_again);
        assert_true(call.right);
        if (!call.succeeded)
            expect_place(&call.error, row.peers[next]->address, GEE_PHASE_WAIT);
        row_stop(&row);
    }
}

/* A connection on which nothing comes any more, as when a firewall has forgotten it: the server answers on new ones. */
static void test_a_connection_that_is_dead_and_does_not_say_so(void **state GEE_UNUSED) {
    gee_xclient_options_t options = { .fail_timeout_ns = 20 * GEE_MILLISECOND };
    gee_call_options_t short_of_time = { .size = sizeof(short_of_time), .timeout_ns = 100 * GEE_MILLISECOND };
    row_t row;
    int64_t sum = 0;
    row_start(&row, 1, &options);
    who(&row);
    atomic_store(&row.peers[0]->deaf, 1);
    assert_int_equal(call_row(&row, "Peer.Add", 1, 2, &sum, &short_of_time, NULL), -1);
    eventually(call_row(&row, "Peer.Add", 1, 2, &sum, &short_of_time, NULL) == 0);
    for (int i = 0; i < 100; i++) /* and not now and then */
        assert_int_equal(who(&row), 0);
    eventually(atomic_load(&row.peers[0]->open) == 1);
    row_stop(&row);
}

/* ---- broadcasts, while the list changes ---- */

typedef struct broadcast {
    const row_t *row;
    int result;
    gee_error_t error;
} broadcast_t;

static void *call_all(void *data) {
    broadcast_t *broadcast = data;
    pair_t pair = { 1, 2 };
    int64_t reply;
    broadcast->result = gee_xclient_broadcast_typed(broadcast->row->xclient, "Peer.Add", GEE_ARGUMENT(pair_t, &pair),
                                                    GEE_REPLY(int64_t, &reply), NULL, &broadcast->error);
    return NULL;
}

/* The call that was for it goes to nobody else. */
static void test_a_server_leaves_before_a_broadcast_has_reached_it(void **state GEE_UNUSED) {
    row_t row;
    pthread_t thread;
    row_start(&row, 2, NULL);
    broadcast_t broadcast = { .row = &row };
    frame_peer_behave(row.peers[1], FRAME_PEER_SILENT);
    row.servers[1].address = row.peers[1]->http_address; /* its CONNECT is never answered */
    assert_int_equal(gee_xclient_set_servers(row.xclient, row.servers, 2, NULL), 0);
    assert_int_equal(pthread_create(&thread, NULL, call_all, &broadcast), 0);
    eventually(atomic_load(&row.peers[0]->calls) == 1 && atomic_load(&row.peers[1]->accepted) == 1);
    assert_int_equal(gee_xclient_set_servers(row.xclient, row.servers, 1, NULL), 0);
    pthread_join(thread, NULL);
    assert_int_equal(broadcast.result, -1);
    assert_int_equal(broadcast.error.code, GEE_UNAVAILABLE);
    expect_place(&broadcast.error, row.servers[1].address, GEE_PHASE_CONNECT);
    assert_int_equal(who(&row), 0);
    assert_int_equal(atomic_load(&row.peers[0]->calls), 2); /* that, and one of the broadcast */
    row_stop(&row);
}

/* ---- many threads, while servers come and go ---- */

#define THREADS        8
#define CALLS_A_THREAD 2000
#define CALLS_A_TURN   100

typedef struct worker {
    pthread_t thread;
    const row_t *row;
    unsigned succeeded, wrong;
    atomic_uint *ended;
} worker_t;

static void *call_always(void *data) {
    worker_t *worker = data;
    gee_call_options_t options = { .size = sizeof(options), .idempotent = true, .timeout_ns = PATIENCE };
    for (int64_t i = 0; i < CALLS_A_THREAD; i++) {
        gee_error_t error;
        int64_t sum = 0;
        if (call_row(worker->row, "Peer.Add", i, 1, &sum, &options, &error) == 0)
            sum == i + 1 ? worker->succeeded++ : worker->wrong++;
        else
            worker->wrong += error.code != GEE_UNAVAILABLE || error.from_peer;
        atomic_fetch_add(worker->ended, 1);
    }
    return NULL;
}

/* The first server is always there; the others die and come back every CALLS_A_TURN calls, and leave the list and
 * return. */
static void test_threads_while_servers_come_and_go(void **state GEE_UNUSED) {
    gee_xclient_options_t options = { .fail_timeout_ns = 5 * GEE_MILLISECOND };
    worker_t workers[THREADS];
    atomic_uint ended = 0;
    unsigned succeeded = 0;
    row_t row;
    row_start(&row, 3, &options);
    for (size_t n = 0; n < THREADS; n++) {
        workers[n] = (worker_t){ .row = &row, .ended = &ended };
        assert_int_equal(pthread_create(&workers[n].thread, NULL, call_always, &workers[n]), 0);
    }
    for (unsigned turn = 0; atomic_load(&ended) < THREADS * CALLS_A_THREAD; turn++) {
        frame_peer_behave(row.peers[1 + turn % 2], turn % 4 < 2 ? FRAME_PEER_CLOSES : FRAME_PEER_SERVES);
        assert_int_equal(gee_xclient_set_servers(row.xclient, row.servers, turn % 3 == 0 ? 2 : 3, NULL), 0);
        eventually(atomic_load(&ended) >= turn * CALLS_A_TURN);
    }
    for (size_t n = 0; n < THREADS; n++) {
        pthread_join(workers[n].thread, NULL);
        assert_int_equal(workers[n].wrong, 0);
        succeeded += workers[n].succeeded;
    }
    print_message("%u of %u calls succeeded\n", succeeded, THREADS * CALLS_A_THREAD);
    assert_int_equal(atomic_load(&ended), THREADS * CALLS_A_THREAD);
    assert_in_range(succeeded, THREADS * CALLS_A_THREAD * 9 / 10, THREADS * CALLS_A_THREAD);
    row_stop(&row);
}

static void test_close_in_mid_call(void **state GEE_UNUSED) {
    row_t row;
    tracked_t calls[CALLS];
    memset(calls, 0, sizeof(calls));
    row_start(&row, 2, &roundrobin);
    assert_int_equal(who(&row) + who(&row), 1);         /* both are connected */
    frame_peer_behave(row.peers[1], FRAME_PEER_SILENT); /* it takes calls and answers nothing */
    for (unsigned i = 0; i < CALLS; i++)
        go_row(&row, &calls[i], "Peer.Keep", i, 1, NULL);
    eventually(atomic_load(&row.peers[0]->kept) == CALLS / 2);
    gee_xclient_close(&row.xclient);
    for (unsigned i = 0; i < CALLS; i++) {
        assert_int_equal(atomic_load(&calls[i].ends), 1);
        assert_int_equal(calls[i].error.code, GEE_CANCELLED);
        finish_tracked(&calls[i]);
    }
    row_stop(&row);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, before_each, after_each)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_a_slow_dial_holds_up_nobody),
        TEST(test_a_dial_has_its_time),
        TEST(test_dialled_anew_with_growing_pauses),
        TEST(test_calls_try_a_server_that_is_the_last_hope),
        TEST(test_pauses_have_a_limit),
        TEST(test_a_connection_that_is_closed_while_idle),
        TEST(test_calls_go_to_those_that_live),
        TEST(test_a_server_that_is_not_there),
        TEST(test_nobody_is_there),
        TEST(test_what_is_tried_again),
        TEST(test_a_connection_that_is_dead_and_does_not_say_so),
        TEST(test_a_server_leaves_before_a_broadcast_has_reached_it),
        TEST(test_threads_while_servers_come_and_go),
        TEST(test_close_in_mid_call),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
