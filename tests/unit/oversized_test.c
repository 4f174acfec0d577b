/* oversized_test.c: messages over a limit, on every wire and in both roles, however their bytes are cut: the call
 * ends with RESOURCE_EXHAUSTED, and those before and behind it on the same connection go on.
 *
 *   a session of ours, calling --bytes--> this test, which cuts them --> a session of ours, serving; and back */
#include "calling_fixture.h"

#include "core/rpc/session.h"
#include "core/rpc/session_private.h"

#define SMALL  1024 /* limits.message of the side under test */
#define MEDIUM 16384
#define LARGE  (4 << 20)

static const struct {
    const char *protocol, *codec;
} wires[] = {
    { "geerpc", "bin" }, { "geerpc", "gob" }, { "netrpc", "gob" }, { "geerpc", "json" }, { "jsonrpc", "json" },
};

/* ---- a conversation: all requests, then all replies, each way in two pieces or byte by byte ---- */

typedef struct talk {
    fixture_t *caller, *server; /* each with an engine of its own */
    gee_session_t *session;
    int client, service; /* the test's ends */
} talk_t;

static void talk_begin(talk_t *talk, size_t wire) {
    talk->session = dial(talk->caller, wires[wire].protocol, wires[wire].codec, &talk->client);
    talk->service = fixture_connect(talk->server);
}

static talk_t talk_open(size_t caller_limit, size_t server_limit) {
    gee_limits_t limits = { .call_memory = 1 << 20, .nesting = 20, .calls = 10, .output = 65536 };
    talk_t talk;
    limits.message = caller_limit;
    talk.caller = fixture_create(&limits, NULL);
    limits.message = server_limit;
    talk.server = fixture_create(&limits, NULL);
    return talk;
}

static void talk_end(talk_t *talk) {
    close(talk->client);
    close(talk->service);
    pump(talk->caller);
    pump(talk->server);
    assert_int_equal(talk->caller->engine->session_count, 0);
    assert_int_equal(talk->server->engine->session_count, 0);
}

static void talk_close(talk_t *talk) {
    fixture_destroy(talk->caller);
    fixture_destroy(talk->server);
}

/* Bytes that `from` has written to `from_end` go to `to`, in two pieces; returns how many. */
static size_t pass(fixture_t *from, int from_end, fixture_t *to, int to_end, size_t cut) {
    pump(from);
    peer_read(from, from_end);
    size_t length = from->got_length, first = cut < length ? cut : length;
    char *bytes = malloc(length + 1);
    assert_non_null(bytes);
    memcpy(bytes, from->got, length);
    from->got_length = 0;
    peer_write(to, to_end, bytes, first);
    pump(to);
    peer_write(to, to_end, bytes + first, length - first);
    for (size_t turns = 0; turns <= (receive_at_most > 0 ? length : 0); turns += 8)
        pump(to);
    free(bytes);
    return length;
}

typedef struct calls {
    outcome_t before, oversized, behind;
} calls_t;

static void begin_calls(const talk_t *talk, size_t length, calls_t *calls) {
    static const pair_t pair = { .a = 7, .b = 8 };
    text_t text = { .text = { .data = malloc(length), .length = length } };
    assert_non_null(text.text.data);
    memset((char *)(uintptr_t)text.text.data, 'x', length);
    *calls = (calls_t){ .before.reply = GEE_TYPE_OF(int64_t), .behind.reply = GEE_TYPE_OF(int64_t) };
    begin(talk->session, "Test.Multiply", GEE_TYPE_OF(pair_t), &pair, &calls->before);
    begin(talk->session, "Test.Echo", GEE_TYPE_OF(text_t), &text, &calls->oversized);
    begin(talk->session, "Test.Multiply", GEE_TYPE_OF(pair_t), &pair, &calls->behind);
    free((char *)(uintptr_t)text.text.data);
}

static void expect_outcomes(size_t wire, const calls_t *calls, const char *text, size_t cut) {
    assert_int_equal(calls->before.count, 1);
    assert_int_equal(calls->before.number, 56);
    assert_int_equal(calls->behind.count, 1);
    assert_int_equal(calls->behind.number, 56);
    assert_int_equal(calls->oversized.count, 1);
    assert_true(calls->oversized.answered);
    bool has_codes = strcmp(wires[wire].codec, "gob") != 0 && strcmp(wires[wire].protocol, "jsonrpc") != 0;
    if (calls->oversized.code != (has_codes ? GEE_RESOURCE_EXHAUSTED : GEE_UNKNOWN) &&
        calls->oversized.code != GEE_RESOURCE_EXHAUSTED)
        fail_msg("%s, cut at %zu: code %d", wires[wire].codec, cut, calls->oversized.code);
    if (strstr(calls->oversized.text, text) == NULL)
        fail_msg("%s, cut at %zu: \"%s\" is not in \"%s\"", wires[wire].codec, cut, text, calls->oversized.text);
}

enum { WHOLE = 1 << 20 };

/* How many bytes went the way that is cut. */
static size_t converse(talk_t *talk, size_t wire, bool request, size_t cut) {
    calls_t calls;
    talk_begin(talk, wire);
    begin_calls(talk, SMALL + 100, &calls);
    size_t asked = pass(talk->caller, talk->client, talk->server, talk->service, request ? cut : WHOLE);
    size_t answered = pass(talk->server, talk->service, talk->caller, talk->client, request ? WHOLE : cut);
    expect_outcomes(wire, &calls, request ? "rpc server: Test.Echo: " : "", cut);
    expect_outcomes(wire, &calls, "over 1024", cut);
    talk_end(talk);
    return request ? asked : answered;
}

static void cut_everywhere(bool request) {
    for (size_t wire = 0; wire < GEE_LENGTH(wires); wire++) {
        talk_t talk = talk_open(request ? LARGE : SMALL, request ? SMALL : LARGE);
        receive_at_most = 1;
        size_t length = converse(&talk, wire, request, WHOLE);
        assert_true(length > SMALL);
        receive_at_most = 0;
        for (size_t cut = 0; cut <= length; cut++)
            converse(&talk, wire, request, cut);
        talk_close(&talk);
    }
}

static void test_a_request_over_the_limit(void **state GEE_UNUSED) {
    cut_everywhere(true);
}

static void test_a_reply_over_the_limit(void **state GEE_UNUSED) {
    cut_everywhere(false);
}

/* ---- what is said while a message is skipped ---- */

static gee_session_t *only_session(const fixture_t *fixture) {
    return GEE_CONTAINER(gee_list_first(&fixture->engine->sessions), gee_session_t, link);
}

/* Of three pieces the second is skipped without the session being quiet, or holding any of it. */
static void test_nothing_is_kept_of_it(void **state GEE_UNUSED) {
    for (size_t wire = 0; wire < GEE_LENGTH(wires); wire++) {
        calls_t calls;
        talk_t talk = talk_open(LARGE, MEDIUM);
        talk_begin(&talk, wire);
        begin_calls(&talk, 200000, &calls);
        pump(talk.caller);
        peer_read(talk.caller, talk.client);
        for (size_t at = 0, piece; at < talk.caller->got_length; at += piece) {
            piece = talk.caller->got_length - at < 1000 ? talk.caller->got_length - at : 1000;
            peer_write(talk.server, talk.service, talk.caller->got + at, piece);
            pump(talk.server);
            const gee_session_t *session = only_session(talk.server);
            const gee_inbox_t *inbox = gee_stream_inbox(session->stream);
            assert_true(gee_inbox_length(inbox) <= MEDIUM + 1000);
            if (at > 20000 && at < 190000) {
                assert_int_equal(gee_inbox_length(inbox), 0);
                assert_false(gee_session_quiet(only_session(talk.server)));
                assert_false(gee_session_can_leave(session));
            }
        }
        assert_true(gee_session_quiet(only_session(talk.server)));
        assert_true(gee_session_can_leave(only_session(talk.server)));
        pass(talk.server, talk.service, talk.caller, talk.client, WHOLE);
        expect_outcomes(wire, &calls, "over 16384", 0);
        talk_end(&talk);
        talk_close(&talk);
    }
}

/* timeouts.read holds for what is skipped, too, from the first byte of the message on. */
static void test_the_clock_of_the_message_runs_on(void **state GEE_UNUSED) {
    gee_limits_t limits = { .message = MEDIUM, .call_memory = 1 << 20, .nesting = 20, .calls = 10, .output = 65536 };
    gee_timeouts_t timeouts = { .read = 50 * GEE_MILLISECOND };
    for (size_t wire = 0; wire < GEE_LENGTH(wires); wire++) {
        calls_t calls;
        talk_t talk = talk_open(LARGE, LARGE);
        talk_begin(&talk, wire);
        fixture_t *server = fixture_create(&limits, &timeouts);
        int peer = fixture_connect(server);
        begin_calls(&talk, 200000, &calls);
        pump(talk.caller);
        peer_read(talk.caller, talk.client);
        peer_write(server, peer, talk.caller->got, 20000);
        int64_t give_up = gee_clock_monotonic() + 5 * GEE_SECOND;
        for (size_t at = 20000; !server->got_end && gee_clock_monotonic() < give_up; at += at < 100000) {
            peer_write(server, peer, talk.caller->got + at, 1);
            assert_int_equal(gee_loop_once(server->loop, GEE_MILLISECOND), 0);
            peer_read(server, peer);
        }
        assert_true(server->got_end);
        assert_non_null(strstr(server->log_text, "was begun and not completed"));
        close(peer);
        pump(server);
        fixture_destroy(server);
        talk_end(&talk);
        talk_close(&talk);
    }
}

/* ---- bin ---- */

#define PING "\0\0\0\0\0\x04\0\0\0\0\x10\x09\x20\x03"
#define PONG "\0\0\0\0\0\x08\0\0\0\0\x10\x09\x20\x04\x40\x80\x80\x04"

/* A header over the limit: the call is known by its beginning. */
static void test_bin_header_over_the_limit(void **state GEE_UNUSED) {
    static const struct {
        const char *header;
        size_t length;
        const char *text;
    } rows[] = {
#define BYTES(text) text, sizeof(text) - 1
        { BYTES("\x0a\x08Test.Foo\x10\x05\x1a\xff\x7f"), "Test.Foo: a message of 5003 bytes, over 1024" },
        { BYTES("\x10\x05\x1a\xff\x7f"), ": a message of 5003 bytes, over 1024" },
    };
    for (size_t i = 0; i < GEE_LENGTH(rows); i++) {
        char message[10 + 5003] = "\0\0\0\0\x13\x88\0\0\0\x03";
        gee_limits_t limits = { .message = SMALL, .call_memory = 1 << 20, .nesting = 20, .calls = 10, .output = 65536 };
        memcpy(message + 10, rows[i].header, rows[i].length);
        for (size_t cut = 0; cut <= sizeof(message); cut += 7) {
            fixture_t *fixture = fixture_create(&limits, NULL);
            int peer = fixture_connect(fixture);
            peer_says(fixture, peer, OPTION_BIN);
            peer_write(fixture, peer, message, cut);
            pump(fixture);
            peer_write(fixture, peer, message + cut, sizeof(message) - cut);
            peer_write(fixture, peer, PING, sizeof(PING) - 1);
            pump(fixture);
            peer_read(fixture, peer);
            assert_non_null(memmem(fixture->got, fixture->got_length, rows[i].text, strlen(rows[i].text)));
            assert_non_null(memmem(fixture->got, fixture->got_length, "\x10\x05\x1a", 3)); /* its number, its error */
            assert_non_null(memmem(fixture->got, fixture->got_length, "\x38\x08", 2));     /* code 8 */
            assert_memory_equal(fixture->got + fixture->got_length - (sizeof(PONG) - 1), PONG, sizeof(PONG) - 1);
            finish(fixture, peer);
        }
    }
}

/* Of such a header without a number at its beginning the call is not known. */
static void test_bin_header_over_the_limit_without_a_number(void **state GEE_UNUSED) {
    static const char *const headers[] = { "\x1a\xff\x7f", "\x0a\xff\x7fxxx", "\x0a\x02\xff\xff\x10\x05",
                                           "\x10\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01" };
    for (size_t i = 0; i < GEE_LENGTH(headers); i++) {
        char message[10 + 5000] = "\0\0\0\0\x13\x88\0\0\0\0";
        gee_limits_t limits = { .message = SMALL, .call_memory = 1 << 20, .nesting = 20, .calls = 10, .output = 65536 };
        memcpy(message + 10, headers[i], strlen(headers[i]));
        fixture_t *fixture = fixture_create(&limits, NULL);
        int peer = fixture_connect(fixture);
        peer_says(fixture, peer, OPTION_BIN);
        peer_write(fixture, peer, message, sizeof(message));
        wait_for(fixture, peer, 1);
        assert_true(fixture->got_end);
        assert_int_equal(fixture->got_length, 0);
        assert_non_null(strstr(fixture->log_text,
                               "header: a message of 5000 bytes, over 1024 (limits.message), and the call's number"));
        finish(fixture, peer);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_request_over_the_limit),
        cmocka_unit_test(test_a_reply_over_the_limit),
        cmocka_unit_test(test_nothing_is_kept_of_it),
        cmocka_unit_test(test_the_clock_of_the_message_runs_on),
        cmocka_unit_test(test_bin_header_over_the_limit),
        cmocka_unit_test(test_bin_header_over_the_limit_without_a_number),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
