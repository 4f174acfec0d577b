/* no_memory_test.c: the heap fails, at each allocation in turn, while a connection is made and a call is served or
 * made: the call gets an error or the connection ends; nothing leaks, and the next call is as good as ever. */
#include "calling_fixture.h"
#include "support/failing_memory.h"
#include "listener_fixture.h"

#include "core/gateway/upstream.h"

#define MOST_ALLOCATIONS 1000 /* of one round: more are a loop */

typedef struct bytes {
    char data[65536];
    size_t length;
} bytes_t;

typedef struct wire {
    const char *name;
    void (*open)(bytes_t *bytes);             /* what a connection begins with */
    void (*call)(bytes_t *bytes, unsigned n); /* Test.Multiply{7,8}, or Test.Echo of a long text, for the nth time */
    const char *product;                      /* how the reply ends */
    size_t product_length;
} wire_t;

static void add(bytes_t *bytes, const void *data, size_t length) {
    assert_true(length <= sizeof(bytes->data) - bytes->length);
    memcpy(bytes->data + bytes->length, data, length);
    bytes->length += length;
}

static void add_text(bytes_t *bytes, const char *text) {
    add(bytes, text, strlen(text));
}

/* ---- the wires ---- */

static void open_json(bytes_t *bytes) {
    add_text(bytes, OPTION_JSON);
}
static void call_json(bytes_t *bytes, unsigned n GEE_UNUSED) {
    add_text(bytes, "{\"ServiceMethod\":\"Test.Multiply\",\"Seq\":1,\"Metadata\":{\"a\":\"b\"}}{\"A\":7,\"B\":8}");
}
/* Over what buffers and arenas begin with. */
static void call_json_long(bytes_t *bytes, unsigned n GEE_UNUSED) {
    char text[20000];
    memset(text, 'x', sizeof(text));
    add_text(bytes, "{\"ServiceMethod\":\"Test.Echo\",\"Seq\":1}{\"Text\":\"\\u00e9");
    add(bytes, text, sizeof(text));
    add_text(bytes, "\"}");
}

static void open_bin(bytes_t *bytes) {
    add_text(bytes, OPTION_BIN "\n");
}
static void call_bin(bytes_t *bytes, unsigned n GEE_UNUSED) {
    static const char frame[] = "\0\0\0\0\0\x11\0\0\0\x04\x0a\x0dTest.Multiply\x10\x01\x08\x07\x10\x08";
    add(bytes, frame, sizeof(frame) - 1);
}

static void open_nothing(bytes_t *bytes GEE_UNUSED) {}
static void call_jsonrpc(bytes_t *bytes, unsigned n GEE_UNUSED) {
    add_text(bytes, "{\"method\":\"Test.Multiply\",\"params\":[{\"A\":7,\"B\":8}],\"id\":\"one\"}");
}

/* As Go's net/rpc sent them: protocol_netrpc_test.c. The first call defines its types. */
static void call_netrpc(bytes_t *bytes, unsigned n) {
    static const char first[] = "\x2f\xff\x81\x03\x01\x01\x07Request\x01\xff\x82\x00\x01\x02\x01\x0dServiceMethod"
                                "\x01\x0c\x00\x01\x03Seq\x01\x06\x00\x00\x00\x12\xff\x82\x01\x0dTest.Multiply\x00"
                                "\x1e\xff\x83\x03\x01\x01\x04Pair\x01\xff\x84\x00\x01\x02\x01\x01\x41\x01\x04\x00"
                                "\x01\x01\x42\x01\x04\x00\x00\x00\x07\xff\x84\x01\x0e\x01\x10\x00";
    static const char next[] = "\x14\xff\x82\x01\x0dTest.Multiply\x01\x01\x00\x07\xff\x84\x01\x0e\x01\x10\x00";
    if (n == 0)
        add(bytes, first, sizeof(first) - 1);
    else
        add(bytes, next, sizeof(next) - 1);
}

static const wire_t wires[] = {
    { "json", open_json, call_json, "\n56\n", 4 },
    { "json, long", open_json, call_json_long, "xxx\"}\n", 6 },
    { "bin", open_bin, call_bin, "\x08\x38", 2 },
    { "jsonrpc", open_nothing, call_jsonrpc, "56", 2 },
    { "netrpc", open_nothing, call_netrpc, "\x03\x04\x00\x70", 4 },
};

/* ---- serving ---- */

static bool got(const fixture_t *fixture, const void *bytes, size_t length) {
    return memmem(fixture->got, fixture->got_length, bytes, length) != NULL;
}

static bool got_product(const fixture_t *fixture, const wire_t *wire) {
    return got(fixture, wire->product, wire->product_length);
}

static void say(fixture_t *fixture, int peer, const bytes_t *bytes) {
    peer_write(fixture, peer, bytes->data, bytes->length);
    pump(fixture);
    peer_read(fixture, peer);
}

/* A call; the first one opens the conversation. */
static void say_call(fixture_t *fixture, int peer, const wire_t *wire, unsigned *calls) {
    bytes_t bytes = { .length = 0 };
    if (*calls == 0)
        wire->open(&bytes);
    wire->call(&bytes, (*calls)++);
    fixture->got_length = 0;
    say(fixture, peer, &bytes);
}

static void expect_product(fixture_t *fixture, const wire_t *wire, const char *when, size_t nth) {
    if (!got_product(fixture, wire))
        fail_msg("%s: %s (allocation %zu): %.*s\n%s", wire->name, when, nth, (int)fixture->got_length, fixture->got,
                 fixture->log_text);
}

/* `warm`: the connection has had a call before. False: so many allocations were not needed. */
static bool serve(const wire_t *wire, bool warm, size_t nth, bool onwards) {
    size_t blocks = memory_blocks();
    fixture_t *fixture = fixture_create(NULL, NULL);
    int peer = fixture_connect(fixture);
    unsigned calls = 0;
    if (warm) {
        say_call(fixture, peer, wire, &calls);
        expect_product(fixture, wire, "before anything failed", nth);
    }
    memory_fail(nth, onwards);
    say_call(fixture, peer, wire, &calls);
    bool failed = memory_mend() > 0;
    if (!fixture->got_end && !got(fixture, "memory", 6))
        expect_product(fixture, wire, "neither an answer nor an error nor an end", nth);
    if (fixture->got_end) {
        if (strstr(fixture->log_text, "memory") == NULL)
            fail_msg("%s: the end has no reason (allocation %zu): %s", wire->name, nth, fixture->log_text);
        close(peer);
        peer = fixture_connect(fixture);
        calls = 0;
    }
    say_call(fixture, peer, wire, &calls);
    expect_product(fixture, wire, "the next call", nth);
    finish(fixture, peer);
    if (memory_blocks() != blocks)
        fail_msg("%s: %zu blocks have leaked (allocation %zu)", wire->name, memory_blocks() - blocks, nth);
    return failed;
}

static void each_allocation_fails_once(bool warm, bool onwards) {
    for (size_t i = 0; i < GEE_LENGTH(wires); i++) {
        size_t nth = 1;
        while (serve(&wires[i], warm, nth, onwards))
            assert_true(nth++ < MOST_ALLOCATIONS);
    }
}

static void test_serving_a_new_connection(void **state GEE_UNUSED) {
    each_allocation_fails_once(false, false);
}
static void test_serving_a_new_connection_and_all_behind_it(void **state GEE_UNUSED) {
    each_allocation_fails_once(false, true);
}
static void test_serving(void **state GEE_UNUSED) {
    each_allocation_fails_once(true, false);
}
static void test_serving_and_all_behind_it(void **state GEE_UNUSED) {
    each_allocation_fails_once(true, true);
}

/* ---- calling ---- */

static void call_once(gee_session_t *session, const gee_str_t *text, outcome_t *outcome) {
    gee_error_t error = { 0 };
    text_t argument = { .text = *text };
    gee_payload_t payload = { .kind = GEE_PAYLOAD_TYPED, .type = GEE_TYPE_OF(text_t), .typed = &argument };
    gee_event_t request = { .method = GEE_STR("Test.Echo"), .timeout_ns = 60 * GEE_SECOND, .payload = payload };
    *outcome = (outcome_t){ 0 };
    if (try_to_ask(session, request, outcome, &error) != NULL)
        return;
    outcome->count = -1;
    assert_int_equal(error.code, GEE_RESOURCE_EXHAUSTED);
}

/* Both sides are ours, and both have no memory. */
static bool call_and_serve(const char *protocol, const char *codec, size_t nth, bool onwards) {
    static char long_text[6000];
    static outcome_t outcome;
    size_t blocks = memory_blocks();
    gee_str_t text = { .data = memset(long_text, 'x', sizeof(long_text)), .length = sizeof(long_text) };
    fixture_t *fixture = fixture_create(NULL, NULL);
    gee_session_t *session = make_caller(fixture, protocol, codec, fixture_connect(fixture));
    call_once(session, &text, &outcome);
    pump(fixture);
    assert_int_equal(outcome.count, 1);
    assert_int_equal(outcome.code, GEE_OK);
    memory_fail(nth, onwards);
    call_once(session, &text, &outcome);
    pump(fixture);
    bool failed = memory_mend() > 0;
    if (outcome.count != -1 && outcome.count != 1)
        fail_msg("%s, %s: done() was called %d times when allocation %zu failed\n%s", protocol, codec, outcome.count,
                 nth, fixture->log_text);
    if (fixture->engine->session_count == 2) {
        call_once(session, &text, &outcome);
        pump(fixture);
        assert_int_equal(outcome.count, 1);
        assert_int_equal(outcome.code, GEE_OK);
        gee_session_close(session, NULL);
    }
    pump(fixture);
    assert_int_equal(fixture->engine->session_count, 0);
    fixture_destroy(fixture);
    assert_int_equal(memory_blocks(), blocks);
    return failed;
}

static void test_calling(void **state GEE_UNUSED) {
    static const char *const pairs[][2] = {
        { "geerpc", "json" }, { "geerpc", "bin" }, { "geerpc", "gob" }, { "netrpc", "gob" }, { "jsonrpc", "json" }
    };
    for (size_t i = 0; i < GEE_LENGTH(pairs); i++)
        for (int onwards = 0; onwards < 2; onwards++) {
            size_t nth = 1;
            while (call_and_serve(pairs[i][0], pairs[i][1], nth, onwards != 0))
                assert_true(nth++ < MOST_ALLOCATIONS);
        }
}

/* ---- requests of ours: a call that finds no memory, sent behind others that wait ---- */

#define MOST_BEFORE 16

static int ended;

static void on_ended(gee_upstream_call_t *call GEE_UNUSED, const gee_upstream_result_t *result GEE_UNUSED) {
    ended++;
}

static void on_connected(void *data, const gee_error_t *error) {
    assert_null(error);
    *(bool *)data = true;
}

/* With a connection that is ready. */
static gee_upstream_t *connect_upstream(fixture_t *fixture, listener_t *listener, const char *protocol,
                                        const char *codec) {
    gee_error_t error = { 0 };
    bool connected = false;
    listen_on(listener, fixture);
    gee_upstream_options_t options = {
        .name = "test",
        .settings = { .protocol = gee_module_find(gee_modules, GEE_MODULE_PROTOCOL, gee_str(protocol)),
                      .setup = { .codec = gee_module_find(gee_modules, GEE_MODULE_CODEC, gee_str(codec)) } },
        .limits = { .connections = 1, .queue = 100, .retries = 2, .fails = 1 }
    };
    gee_server_t server = { .address = listener->address };
    gee_upstream_t *upstream = gee_upstream_create(fixture->engine, &options, &error);
    assert_non_null(upstream);
    assert_int_equal(gee_upstream_set_servers(upstream, &server, 1, &error), 0);
    gee_upstream_connect(upstream, on_connected, &connected);
    for (int i = 0; i < 1000 && !connected; i++)
        assert_int_equal(gee_loop_once(fixture->loop, GEE_MILLISECOND), 0);
    assert_true(connected);
    return upstream;
}

static void start_calling(gee_upstream_t *upstream, gee_upstream_call_t *call) {
    static text_t argument = { .text = { .data = "abc", .length = 3 } };
    *call = (gee_upstream_call_t){
        .method = GEE_STR("Test.Echo"),
        .payload = { .kind = GEE_PAYLOAD_TYPED, .type = GEE_TYPE_OF(text_t), .typed = &argument },
        .deadline_ns = INT64_MAX,
        .done = on_ended,
    };
    gee_upstream_call(upstream, call);
}

static void expect_nothing_in_flight(fixture_t *fixture, gee_upstream_t *upstream) {
    gee_backend_report_t report;
    GEE_LIST_EACH(&fixture->engine->sessions, link) {
        assert_int_equal(GEE_CONTAINER(link, gee_session_t, link)->call_count, 0);
    }
    gee_backend_report(gee_upstream_backend(upstream, 0), &report);
    assert_int_equal(report.in_flight, 0);
}

static void finish_upstream(fixture_t *fixture, listener_t *listener, gee_upstream_t *upstream) {
    gee_upstream_destroy(&upstream);
    stop_listening(listener);
    kill_sessions(fixture);
    for (int i = 0; i < 1000 && (fixture->engine->session_count || gee_loop_lingering(fixture->loop)); i++)
        assert_int_equal(gee_loop_once(fixture->loop, GEE_MILLISECOND), 0);
    fixture_destroy(fixture);
}

/* `before`: calls that wait already, so that the table of those has to grow. False: so many allocations were not
 * needed. */
static bool call_upstream(const char *protocol, const char *codec, int before, size_t nth, bool cancelled) {
    static listener_t listener;
    static gee_upstream_call_t calls[MOST_BEFORE + 1];
    fixture_t *fixture = fixture_create(NULL, NULL);
    gee_upstream_t *upstream = connect_upstream(fixture, &listener, protocol, codec);
    ended = 0;
    for (int i = 0; i < before; i++)
        start_calling(upstream, &calls[i]);
    memory_fail(nth, false);
    start_calling(upstream, &calls[before]);
    bool failed = memory_mend() > 0;
    if (cancelled)
        gee_upstream_cancel(&calls[before]);
    int expected = before + (cancelled ? 0 : 1);
    for (int i = 0; i < 1000 && ended < expected; i++)
        assert_int_equal(gee_loop_once(fixture->loop, GEE_MILLISECOND), 0);
    assert_int_equal(ended, expected);
    if (!cancelled)
        expect_nothing_in_flight(fixture, upstream);
    finish_upstream(fixture, &listener, upstream);
    return failed;
}

static void test_calling_an_upstream(void **state GEE_UNUSED) {
    static const char *const wires_of_upstreams[][2] = {
        { "geerpc", "json" }, { "geerpc", "bin" }, { "geerpc", "gob" }, { "netrpc", "gob" }
    };
    for (size_t i = 0; i < GEE_LENGTH(wires_of_upstreams); i++)
        for (int before = 0; before <= MOST_BEFORE; before += MOST_BEFORE)
            for (int cancelled = 0; cancelled < 2; cancelled++) {
                size_t nth = 1;
                while (call_upstream(wires_of_upstreams[i][0], wires_of_upstreams[i][1], before, nth, cancelled != 0))
                    assert_true(nth++ < 100);
                assert_true(nth > 1 || before > 0); /* the first needs memory */
            }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_serving_a_new_connection),
        cmocka_unit_test(test_serving_a_new_connection_and_all_behind_it),
        cmocka_unit_test(test_serving),
        cmocka_unit_test(test_serving_and_all_behind_it),
        cmocka_unit_test(test_calling),
        cmocka_unit_test(test_calling_an_upstream),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
