/* client_ping_test.c: pings, and what becomes of a connection on which the server wants no more calls. */
#include "client_support.h"

typedef struct pinger {
    pthread_t thread;
    gee_client_t *client;
    int64_t timeout_ns;
    int result;
    gee_error_t error;
} pinger_t;

static void *ping(void *data) {
    pinger_t *pinger = data;
    pinger->result = gee_client_ping(pinger->client, pinger->timeout_ns, NULL, &pinger->error);
    return NULL;
}

static void start_ping(pinger_t *pinger, gee_client_t *client, int64_t timeout_ns) {
    *pinger = (pinger_t){ .client = client, .timeout_ns = timeout_ns };
    assert_int_equal(pthread_create(&pinger->thread, NULL, ping, pinger), 0);
}

/* A single ping is on its way at a time; pings behind it have their own time all the same. */
static void test_a_ping_that_waits_for_another_has_its_time(void **state GEE_UNUSED) {
    frame_peer_t *peer = frame_peer_start(0);
    gee_client_t *client = dial_with(peer->address, NULL);
    gee_error_t error = { 0 };
    pinger_t first;
    atomic_store(&peer->ignores_pings, true);
    start_ping(&first, client, 0);
    eventually(atomic_load(&peer->pings) == 1);
    assert_int_equal(gee_client_ping(client, 50 * GEE_MILLISECOND, NULL, &error), -1);
    expect_place(&error, peer->address, GEE_PHASE_SEND);
    assert_int_equal(error.code, GEE_DEADLINE_EXCEEDED);
    assert_true(error.elapsed_ns >= 50 * GEE_MILLISECOND);
    assert_int_equal(atomic_load(&peer->pings), 1);
    gee_client_close(&client);
    pthread_join(first.thread, NULL);
    assert_int_equal(first.result, -1);
    assert_int_equal(first.error.code, GEE_CANCELLED);
    frame_peer_stop(&peer);
}

static void drain(frame_peer_t *peer, gee_client_t *client, tracked_t *call) {
    *call = (tracked_t){ .expected = 0 };
    assert_true(go_tracked(call, client, "Peer.Drain", 1, 2));
    eventually(atomic_load(&peer->pongs) == 1); /* which was asked for behind the drain */
}

/* The last call on a drained connection takes the connection with it, and the ping that waits on it. */
static void test_close_while_a_drained_connection_is_pinged(void **state GEE_UNUSED) {
    frame_peer_t *peer = frame_peer_start(0);
    gee_client_t *client = dial_with(peer->address, NULL);
    pinger_t pinger;
    tracked_t call;
    atomic_store(&peer->ignores_pings, true);
    start_ping(&pinger, client, 0);
    eventually(atomic_load(&peer->pings) == 1);
    drain(peer, client, &call);
    gee_client_close(&client);
    pthread_join(pinger.thread, NULL);
    assert_int_equal(pinger.result, -1);
    assert_int_equal(pinger.error.code, GEE_CANCELLED);
    assert_int_equal(call.error.code, GEE_CANCELLED);
    assert_int_equal(atomic_load(&call.ends), 1);
    gee_pending_release(&call.pending);
    frame_peer_stop(&peer);
}

/* A server that asks for no more calls is not lost: what it has it answers, and the next call dials. */
static void test_a_call_after_a_drain_dials(void **state GEE_UNUSED) {
    frame_peer_t *peer = frame_peer_start(0);
    gee_client_t *client = dial_with(peer->address, NULL);
    tracked_t call;
    drain(peer, client, &call);
    expect_sum(client, 3, 4);
    assert_int_equal(atomic_load(&peer->accepted), 2);
    assert_int_equal(atomic_load(&call.ends), 0);
    frame_peer_release(peer);
    assert_true(gee_pending_wait(call.pending, PATIENCE));
    assert_true(call.succeeded && call.right);
    gee_pending_release(&call.pending);
    eventually(atomic_load(&peer->open) == 1);
    expect_sum(client, 5, 6);
    assert_int_equal(atomic_load(&peer->accepted), 2);
    gee_client_close(&client);
    frame_peer_stop(&peer);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, before_each, after_each)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_a_ping_that_waits_for_another_has_its_time),
        TEST(test_close_while_a_drained_connection_is_pinged),
        TEST(test_a_call_after_a_drain_dials),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
