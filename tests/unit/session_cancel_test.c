/* session_cancel_test.c: a cancel finds its call: the oldest of its token, and at a cost that many in flight do not
 * change. */
#include <time.h>

#include "rpc_fixture.h"
#include "core/rpc/session_private.h"

#define MOST 4096

static fixture_t *fixture;
static int peer;
static gee_session_t *session;
static gee_call_t *calls[MOST];
static size_t count;

static void begin(void) {
    gee_limits_t limits = {
        .message = 4 << 20, .call_memory = 64 << 20, .nesting = 100, .calls = 2 * MOST, .output = 4 << 20
    };
    fixture = fixture_create(&limits, NULL);
    peer = fixture_connect(fixture);
    peer_says(fixture, peer, OPTION_JSON);
    session = GEE_CONTAINER(gee_list_first(&fixture->engine->sessions), gee_session_t, link);
    count = 0;
}

/* A call that stays in flight. */
static gee_call_t *keep_one(unsigned token) {
    char text[100];
    int length = snprintf(text, sizeof(text), "{\"ServiceMethod\":\"Test.Keep\",\"Seq\":%u}{\"A\":1,\"B\":2}", token);
    kept_call = NULL;
    peer_write(fixture, peer, text, (size_t)length);
    while (kept_call == NULL)
        pump(fixture);
    return calls[count++] = kept_call;
}

static void cancel(uint64_t token) {
    gee_event_t event = { .parts = GEE_EVENT_CANCEL, .token = { .number = token } };
    gee_session_event(session, &event);
}

static void end(void) {
    for (size_t i = 0; i < count; i++)
        if (calls[i] != NULL)
            gee_reply(calls[i]);
    finish(fixture, peer);
}

static void expect_cancelled(size_t index) {
    for (size_t i = 0; i < count; i++)
        if (calls[i] != NULL && gee_call_cancelled(calls[i]) != (i == index))
            fail_msg("call %zu of %zu is %scancelled, and %zu was meant", i, count, i == index ? "not " : "", index);
    gee_fail(calls[index], GEE_CANCELLED, "stopped");
    calls[index] = NULL;
}

static void test_the_oldest_of_a_token(void **state GEE_UNUSED) {
    begin();
    for (unsigned i = 0; i < 100; i++)
        keep_one(i < 50 ? 7 : i % 10); /* 7: 0 to 49, then 57, 67, ... */
    cancel(7);
    expect_cancelled(0);
    cancel(7);
    expect_cancelled(1);
    gee_reply(calls[2]); /* the oldest goes, then one in the middle, then the newest */
    gee_reply(calls[4]);
    gee_reply(calls[97]);
    calls[2] = calls[4] = calls[97] = NULL;
    pump(fixture);
    cancel(7);
    expect_cancelled(3);
    keep_one(7);
    for (size_t i = 5; i < 50; i++) {
        cancel(7);
        expect_cancelled(i);
    }
    for (size_t i = 57; i < 97; i += 10) {
        cancel(7);
        expect_cancelled(i);
    }
    cancel(7);
    expect_cancelled(100);
    cancel(7); /* none is left: nobody's */
    cancel(1000);
    cancel(3);
    expect_cancelled(53);
    end();
}

/* All calls have ended, and others follow. */
static void test_again_and_again(void **state GEE_UNUSED) {
    begin();
    for (int round = 0; round < 3; round++) {
        size_t first = count;
        for (unsigned i = 0; i < 40; i++)
            keep_one(i / 2);
        for (size_t i = first; i < count; i += 2) {
            cancel((i - first) / 2);
            expect_cancelled(i);
        }
        for (size_t i = first + 1; i < count; i += 2) {
            gee_reply(calls[i]);
            calls[i] = NULL;
        }
        pump(fixture);
        assert_int_equal(session->call_count, 0);
    }
    end();
}

/* Of a cancel that finds nothing, in nanoseconds: the best of several. */
static double cost_of_a_cancel(void) {
    enum { TIMES = 1000, ROUNDS = 20 };
    double best = 1e18;
    for (int round = 0; round < ROUNDS; round++) {
        struct timespec before, after;
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &before);
        for (unsigned i = 0; i < TIMES; i++)
            cancel(1000000 + i);
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &after);
        double cost = ((double)(after.tv_sec - before.tv_sec) * 1e9 + (double)(after.tv_nsec - before.tv_nsec)) / TIMES;
        best = cost < best ? cost : best;
    }
    return best;
}

/* Looking at each would cost a hundred times as much; a map, as much within what caches make of it. */
static void test_many_in_flight_cost_nothing(void **state GEE_UNUSED) {
    begin();
    while (count < MOST / 100)
        keep_one((unsigned)count);
    double few = cost_of_a_cancel();
    while (count < MOST)
        keep_one((unsigned)count);
    double many = cost_of_a_cancel();
    print_message("a cancel: %.0f ns beside %d calls, %.0f ns beside %d\n", few, MOST / 100, many, MOST);
    assert_true(many < 10 * few + 100);
    end();
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_oldest_of_a_token),
        cmocka_unit_test(test_again_and_again),
        cmocka_unit_test(test_many_in_flight_cost_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
