/* session_hostile_test.c: conversations that want too much: memory, time, or a connection that nobody ends. */
#include "rpc_fixture.h"

#include <time.h>
#include "core/rpc/session_private.h"

#define CALL_1  "{\"ServiceMethod\":\"Test.Multiply\",\"Seq\":1}{\"A\":7,\"B\":8}"
#define REPLY_1 "{\"ServiceMethod\":\"Test.Multiply\",\"Seq\":1,\"Error\":\"\"}\n56\n"
#define KEEP_1  "{\"ServiceMethod\":\"Test.Keep\",\"Seq\":1}{\"A\":1,\"B\":2}"

static const gee_limits_t usual = {
    .message = 4 << 20, .call_memory = 1 << 20, .nesting = 5, .calls = 10, .output = 65536
};

/* Reading paused when all that had come was parsed: the end of such a connection is seen all the same. */
static void test_end_behind_the_last_call_that_may_be_in_flight(void **state GEE_UNUSED) {
    gee_limits_t limits = usual;
    limits.calls = 1;
    fixture_t *fixture = fixture_create(&limits, NULL);
    int peer = fixture_connect(fixture);
    peer_says(fixture, peer, OPTION_JSON KEEP_1);
    shutdown(peer, SHUT_WR);
    pump(fixture);
    gee_reply(kept_call);
    wait_for(fixture, peer, sizeof(fixture->got));
    assert_string_equal(fixture->got, "{\"ServiceMethod\":\"Test.Keep\",\"Seq\":1,\"Error\":\"\"}\n3\n");
    assert_true(fixture->got_end);
    finish(fixture, peer);
}

/* A peer that only ended its side waits for its reply; when the peer goes altogether, its calls end. */
static void test_a_peer_that_leaves_behind_its_end(void **state GEE_UNUSED) {
    for (int with_end = 0; with_end < 2; with_end++) {
        fixture_t *fixture = fixture_create(NULL, NULL);
        int peer = fixture_connect(fixture);
        peer_says(fixture, peer, OPTION_JSON KEEP_1);
        if (with_end) {
            shutdown(peer, SHUT_WR);
            pump(fixture);
            assert_int_equal(kept_cancelled, 0);
        }
        close(peer);
        pump(fixture);
        assert_int_equal(kept_cancelled, 1);
        assert_int_equal(fixture->engine->session_count, 0);
        gee_reply(kept_call);
        pump(fixture);
        fixture_destroy(fixture);
    }
}

/* A text of `count` times that byte between two others; to be freed. */
static char *padded(const char *before, int byte, size_t count, const char *after) {
    char *text = malloc(strlen(before) + count + strlen(after) + 1), *at = text;
    assert_non_null(text);
    at = stpcpy(at, before);
    memset(at, byte, count);
    strcpy(at + count, after);
    return text;
}

static void test_end_behind_a_reply_over_the_high_water_mark(void **state GEE_UNUSED) {
    fixture_t *fixture = fixture_create(&usual, NULL);
    int peer = fixture_connect(fixture);
    char *text = padded(OPTION_JSON "{\"ServiceMethod\":\"", 'X', 200000, "\",\"Seq\":1}{}");
    peer_says(fixture, peer, text);
    wait_for(fixture, peer, 200000);
    shutdown(peer, SHUT_WR);
    wait_for(fixture, peer, sizeof(fixture->got));
    assert_true(fixture->got_end);
    free(text);
    finish(fixture, peer);
}

/* limits.output: tiny requests with larger replies, which nobody fetches. All that were read are not answered at
 * once. */
static void test_replies_that_nobody_fetches(void **state GEE_UNUSED) {
    fixture_t *fixture = fixture_create(&usual, NULL);
    int peer = fixture_connect(fixture);
    static const char calls[] = "{}{}{}{}{}{}{}{}{}{}{}{}{}{}{}{}";
    size_t most = 0;
    peer_says(fixture, peer, OPTION_JSON);
    gee_session_t *session = GEE_CONTAINER(gee_list_first(&fixture->engine->sessions), gee_session_t, link);
    for (int idle = 0; idle < 100; idle++) {
        if (write(peer, calls, strlen(calls)) > 0)
            idle = 0;
        assert_int_equal(gee_loop_once(fixture->loop, 0), 0);
        if (gee_stream_queued(session->stream) > most)
            most = gee_stream_queued(session->stream);
    }
    assert_in_range(most, usual.output, usual.output + 200);
    assert_true(session->pauses != 0);
    finish(fixture, peer);
}

/* A peer that is stuck with its own unread replies is not one that stalls in the middle of a message: timeouts.read
 * waits until it has fetched them. */
static void test_half_a_message_behind_replies_that_nobody_fetches(void **state GEE_UNUSED) {
    gee_limits_t limits = usual;
    gee_timeouts_t timeouts = { .read = 5 * GEE_MILLISECOND };
    limits.output = 4 * GEE_MIB;
    fixture_t *fixture = fixture_create(&limits, &timeouts);
    int peer = fixture_connect(fixture);
    peer_says(fixture, peer, OPTION_JSON);
    gee_session_t *session = GEE_CONTAINER(gee_list_first(&fixture->engine->sessions), gee_session_t, link);
    static char calls[20000]; /* 10,000 empty values are 5,000 calls, each answered with an error of some bytes */
    for (size_t i = 0; i < sizeof(calls); i += 2)
        memcpy(calls + i, "{}", 2);
    for (size_t sent = 0; sent < sizeof(calls);) {
        ssize_t n = write(peer, calls + sent, sizeof(calls) - sent);
        sent += n > 0 ? (size_t)n : 0;
        assert_int_equal(gee_loop_once(fixture->loop, 0), 0);
    }
    assert_int_equal(write(peer, "{\"", 2), 2);
    int64_t end = gee_clock_monotonic() + 50 * GEE_MILLISECOND;
    while (gee_clock_monotonic() < end)
        assert_int_equal(gee_loop_once(fixture->loop, GEE_MILLISECOND), 0);
    assert_true(gee_stream_queued(session->stream) > 0);
    assert_null(strstr(fixture->log_text, "timeouts.read"));
    wait_for(fixture, peer, sizeof(fixture->got));
    assert_true(fixture->got_end);
    assert_non_null(strstr(fixture->log_text, "timeouts.read"));
    finish(fixture, peer);
}

/* limits.input: what calls in flight hold pauses the connection, but never the first of them. */
static void test_memory_in_flight_pauses_the_peer(void **state GEE_UNUSED) {
    gee_limits_t limits = usual;
    limits.input = 10000;
    fixture_t *fixture = fixture_create(&limits, NULL);
    int peer = fixture_connect(fixture);
    char *big = padded("{\"ServiceMethod\":\"Test.Keep\",\"Seq\":1}{\"A\":1,\"B\":2,\"x\":\"", 'y', 20000, "\"}");
    peer_says(fixture, peer, OPTION_JSON);
    for (int round = 0; round < 3; round++) {
        fixture->got_length = 0;
        peer_says(fixture, peer, KEEP_1 CALL_1); /* what has been given back does not count */
        assert_string_equal(fixture->got, REPLY_1);
        gee_reply(kept_call);
        pump(fixture);
        peer_read(fixture, peer);
        fixture->got_length = 0;
        peer_says(fixture, peer, big);
        peer_says(fixture, peer, CALL_1);
        assert_int_equal(fixture->got_length, 0);
        assert_int_equal(fixture->engine->live_calls, 1);
        gee_reply(kept_call);
        wait_for(fixture, peer, strlen("{\"ServiceMethod\":\"Test.Keep\",\"Seq\":1,\"Error\":\"\"}\n3\n" REPLY_1));
        assert_string_equal(fixture->got, "{\"ServiceMethod\":\"Test.Keep\",\"Seq\":1,\"Error\":\"\"}\n3\n" REPLY_1);
    }
    free(big);
    finish(fixture, peer);
}

/* The limit holds for header and body together, when the header takes all of it too. */
static void test_no_body_behind_a_header_as_long_as_a_message(void **state GEE_UNUSED) {
    static const char before[] = "{\"Seq\":1,\"ServiceMethod\":\"Test.Echo\",\"x\":\"", after[] = "\"}";
    for (int shorter = 0; shorter < 4; shorter++) { /* an empty object is two bytes */
        gee_limits_t limits = usual;
        limits.message = 2000;
        fixture_t *fixture = fixture_create(&limits, NULL);
        int peer = fixture_connect(fixture);
        char *header = padded(before, 'X', 2000 - strlen(before) - strlen(after) - (size_t)shorter, after);
        char *text = padded(OPTION_JSON, ' ', 1, header), *whole = padded(text, '{', 1, "}");
        peer_says(fixture, peer, whole);
        assert_false(fixture->got_end);
        assert_int_equal(strstr(fixture->got, "body: over 2000 bytes (limits.message)") != NULL, shorter < 2);
        assert_int_equal(strstr(fixture->got, "\"Code\":8") != NULL, shorter < 2);
        assert_int_equal(strstr(fixture->got, "\"Error\":\"\"}\n{\"Text\":\"\"}") != NULL, shorter >= 2);
        free(header);
        free(text);
        free(whole);
        finish(fixture, peer);
    }
}

static int64_t processor_time(void) {
    struct timespec time;
    assert_int_equal(clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time), 0);
    return (int64_t)time.tv_sec * GEE_SECOND + time.tv_nsec;
}

/* The cost of one call whose body has that length, when every read brings one byte. */
static int64_t cost_of(const char *option, const char *before, size_t length, const char *after) {
    fixture_t *fixture = fixture_create(NULL, NULL);
    int peer = fixture_connect(fixture);
    char *text = padded(before, 'y', length, after);
    peer_says(fixture, peer, option);
    receive_at_most = 1;
    int64_t start = processor_time();
    peer_write(fixture, peer, text, strlen(text));
    while (!fixture->got_end && strstr(fixture->got, "\"Error\":\"\"}\n2\n") == NULL) {
        for (int i = 0; i < 1000; i++)
            assert_int_equal(gee_loop_once(fixture->loop, 0), 0);
        peer_read(fixture, peer);
    }
    int64_t taken = processor_time() - start;
    assert_false(fixture->got_end);
    free(text);
    finish(fixture, peer);
    return taken;
}

/* Four times the bytes cost about four times as much. Were each byte looked at again with every read, it would be
 * sixteen times: minutes. */
static void test_a_byte_at_a_time_costs_linear_work(void **state GEE_UNUSED) {
    static const char *const befores[] = { "{\"ServiceMethod\":\"Test.Multiply\"}{\"A\":1,\"B\":2,\"x\":\"",
                                           "{\"ServiceMethod\":\"Test.Multiply\",\"x\":\"" };
    static const char *const afters[] = { "\"}", "\"}{\"A\":1,\"B\":2}" };
    for (size_t i = 0; i < GEE_LENGTH(befores); i++) {
        int64_t little = cost_of(OPTION_JSON, befores[i], 64 << 10, afters[i]);
        int64_t much = cost_of(OPTION_JSON, befores[i], 256 << 10, afters[i]);
        if (much > 9 * little)
            fail_msg("%zu: 64 KiB cost %lld ns, 256 KiB %lld ns", i, (long long)little, (long long)much);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_end_behind_the_last_call_that_may_be_in_flight),
        cmocka_unit_test(test_a_peer_that_leaves_behind_its_end),
        cmocka_unit_test(test_end_behind_a_reply_over_the_high_water_mark),
        cmocka_unit_test(test_replies_that_nobody_fetches),
        cmocka_unit_test(test_half_a_message_behind_replies_that_nobody_fetches),
        cmocka_unit_test(test_memory_in_flight_pauses_the_peer),
        cmocka_unit_test(test_no_body_behind_a_header_as_long_as_a_message),
        cmocka_unit_test(test_a_byte_at_a_time_costs_linear_work),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
