/* wires_test.c: names and texts of every kind, on every wire, between our two roles: what is wrong with one call is
 * that call's alone, and the connection goes on. */
#include "calling_fixture.h"
#include "core/rpc/session_private.h"

typedef struct wire {
    const char *protocol, *codec;
    bool go_words, has_codes, has_metadata;
} wire_t;

static const wire_t wires[] = {
    { "geerpc", "json", false, true, true },   { "geerpc", "bin", false, true, true },
    { "geerpc", "gob", false, false, false },  { "netrpc", "gob", true, false, false },
    { "jsonrpc", "json", true, false, false },
};

static const gee_limits_t limits = {
    .message = 4 << 20, .method = 1024, .call_memory = 64 << 20, .nesting = 100, .calls = 1000, .output = 256 << 10
};

static void await(fixture_t *fixture, const outcome_t *outcome) {
    for (int i = 0; i < 1000 && outcome->count == 0; i++)
        pump(fixture);
    assert_int_equal(outcome->count, 1);
    assert_true(outcome->answered);
}

static void still_works(fixture_t *fixture, gee_session_t *session) {
    pair_t pair = { .a = 7, .b = 8 };
    outcome_t product = { .reply = GEE_TYPE_OF(int64_t) };
    begin(session, "Test.Multiply", GEE_TYPE_OF(pair_t), &pair, &product);
    await(fixture, &product);
    assert_int_equal(product.number, 56);
}

/* A call whose error is `text` and, where the wire has codes, `code`. */
static void fails(fixture_t *fixture, gee_session_t *session, const wire_t *wire, gee_str_t method, gee_code_t code,
                  const char *text) {
    text_t nothing = { .text = GEE_STR("") };
    outcome_t outcome = { 0 };
    gee_event_t request = { .method = method,
                            .payload = { .kind = GEE_PAYLOAD_TYPED, .type = GEE_TYPE_OF(text_t), .typed = &nothing } };
    ask(session, request, &outcome);
    await(fixture, &outcome);
    if (strcmp(outcome.text, text) != 0)
        fail_msg("%s %s: %.*s\n gave %s\n not  %s", wire->protocol, wire->codec, GEE_STR_ARGUMENTS(method),
                 outcome.text, text);
    assert_int_equal(outcome.code, wire->has_codes ? code : GEE_UNKNOWN);
    still_works(fixture, session);
}

typedef void (*on_wire_t)(fixture_t *fixture, gee_session_t *session, const wire_t *wire);

static void on_each_wire(on_wire_t run) {
    for (size_t i = 0; i < GEE_LENGTH(wires); i++) {
        fixture_t *fixture = fixture_create(&limits, NULL);
        gee_session_t *session = make_caller(fixture, wires[i].protocol, wires[i].codec, fixture_connect(fixture));
        run(fixture, session, &wires[i]);
        gee_session_close(session, NULL);
        pump(fixture);
        fixture_destroy(fixture);
    }
}

/* ---- what is not there ---- */

/* Programs compare these words: Go's on Go's wires, GeeRPC's on GeeRPC's. */
static void unknown(fixture_t *fixture, gee_session_t *session, const wire_t *wire) {
    bool go = wire->go_words;
    fails(fixture, session, wire, GEE_STR("No.Way"), GEE_UNIMPLEMENTED,
          go ? "rpc: can't find service No.Way" : "rpc server: can't find service No");
    fails(fixture, session, wire, GEE_STR("A.b.c"), GEE_UNIMPLEMENTED,
          go ? "rpc: can't find service A.b.c" : "rpc server: can't find service A.b");
    fails(fixture, session, wire, GEE_STR("Test.Bad"), GEE_UNIMPLEMENTED,
          go ? "rpc: can't find method Test.Bad" : "rpc server: can't find method Bad");
    fails(fixture, session, wire, GEE_STR("Test"), GEE_INVALID_ARGUMENT,
          go ? "rpc: service/method request ill-formed: Test" : "rpc server: service/method request ill-formed: Test");
}

static void test_unknown_names(void **state GEE_UNUSED) {
    on_each_wire(unknown);
}

/* ---- long names ---- */

#define E10  "\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9"
#define E100 E10 E10 E10 E10 E10 E10 E10 E10 E10 E10

/* Quoted text ends between two characters. */
static void cut(fixture_t *fixture, gee_session_t *session, const wire_t *wire) {
    static const char *const names[] = { "X" E100 ".Y", "X" E100, "Test.X" E100, E100 ".Y", "Test." E100 E100 };
    for (size_t i = 0; i < GEE_LENGTH(names); i++) {
        text_t nothing = { .text = GEE_STR("") };
        outcome_t outcome = { 0 };
        begin(session, names[i], GEE_TYPE_OF(text_t), &nothing, &outcome);
        await(fixture, &outcome);
        assert_int_not_equal(outcome.code, GEE_OK);
        assert_true(gee_utf8_valid(outcome.text, strlen(outcome.text)));
        assert_non_null(strstr(outcome.text, wire->go_words ? "rpc: " : "rpc server: "));
        still_works(fixture, session);
    }
}

static void test_names_are_cut_between_characters(void **state GEE_UNUSED) {
    on_each_wire(cut);
}

/* A name over limits.method ends its call alone, and comes back no longer than a line. */
static void too_long(fixture_t *fixture, gee_session_t *session, const wire_t *wire) {
    static char name[3000000], text[400];
    text_t nothing = { .text = GEE_STR("") };
    memset(name, 'E', sizeof(name));
    memcpy(name, "Test.", 5);
    snprintf(text, sizeof(text), "rpc server: the method's name is over 1024 bytes (limits.method): %.200s...", name);
    fails(fixture, session, wire, (gee_str_t){ .data = name, .length = sizeof(name) }, GEE_RESOURCE_EXHAUSTED, text);
    fails(fixture, session, wire, (gee_str_t){ .data = name, .length = 1025 }, GEE_RESOURCE_EXHAUSTED, text);
    outcome_t outcome = { 0 };
    uint64_t before = gee_stream_bytes_received(session->stream);
    gee_event_t request = { .method = { .data = name, .length = sizeof(name) },
                            .payload = { .kind = GEE_PAYLOAD_TYPED, .type = GEE_TYPE_OF(text_t), .typed = &nothing } };
    ask(session, request, &outcome);
    await(fixture, &outcome);
    assert_in_range(gee_stream_bytes_received(session->stream) - before, 1, 1000);
    outcome = (outcome_t){ 0 };
    request.method.length = 1024;
    ask(session, request, &outcome);
    await(fixture, &outcome);
    assert_non_null(strstr(outcome.text, "can't find method"));
}

static void test_names_over_the_limit(void **state GEE_UNUSED) {
    on_each_wire(too_long);
}

/* ---- texts that are not UTF-8 ---- */

static void garbled(fixture_t *fixture, gee_session_t *session, const wire_t *wire) {
    pair_t pair = { 0 };
    outcome_t outcome = { 0 };
    begin(session, "Test.Garble", GEE_TYPE_OF(pair_t), &pair, &outcome);
    await(fixture, &outcome);
    assert_string_equal(outcome.text, "\xef\xbf\xbd and \xc3\xa9 and \xef\xbf\xbd");
    assert_int_equal(outcome.code, wire->has_codes ? GEE_INTERNAL : GEE_UNKNOWN);
    still_works(fixture, session);
}

static void test_an_error_that_is_not_utf8(void **state GEE_UNUSED) {
    on_each_wire(garbled);
}

/* Headers as a peer of another make may write them: \xff stands for U+FFFD, and \ud800 does. */
static void test_names_that_are_not_utf8(void **state GEE_UNUSED) {
    static const struct {
        const char *opening, *text, *wanted;
    } rows[] = {
        { OPTION_JSON, "{\"ServiceMethod\":\"N\xff.x\",\"Seq\":1}{}", "can't find service N\xef\xbf\xbd\"" },
        { OPTION_JSON, "{\"ServiceMethod\":\"N\\n\xff.x\",\"Seq\":1}{}", "can't find service N\\n\xef\xbf\xbd\"" },
        { OPTION_JSON, "{\"ServiceMethod\":\"N\\ud800.x\",\"Seq\":1}{}", "can't find service N\xef\xbf\xbd\"" },
        { OPTION_JSON, "{\"ServiceMethod\":\"N\\udc00\\ud800\\u0041.x\",\"Seq\":1}{}",
          "can't find service N\xef\xbf\xbd\xef\xbf\xbd"
          "A\"" },
        { OPTION_JSON,
          "{\"ServiceMethod\":\"Test.Multiply\",\"Seq\":1,\"Metadata\":{\"k\xff\":\"\xff\",\"\\udc00\":\"\"}}{}",
          "\"Error\":\"\"" },
        { "", "{\"method\":\"N\xff.x\",\"params\":[{}],\"id\":1}", "can't find service N\xef\xbf\xbd.x\"" },
        { "", "{\"method\":\"N\\ud800.x\",\"params\":[{}],\"id\":1}", "can't find service N\xef\xbf\xbd.x\"" },
        { "", "{\"method\":\"Test.Multiply\",\"params\":[{}],\"id\":\"i\xff\"}",
          "{\"id\":\"i\xef\xbf\xbd\",\"result\":0,\"error\":null}" },
        { "", "{\"method\":\"Test.Multiply\",\"params\":[{}],\"id\":\"\\ud800\"}",
          "{\"id\":\"\\ud800\",\"result\":0,\"error\":null}" },
        { "", "{\"method\":\"Test.Echo\",\"params\":[{\"Text\":\"\xff\"}],\"id\":1}", "Text: the string is not valid" },
        { "", "{\"jsonrpc\":\"2.0\",\"method\":\"Test.\xff\",\"id\":\"\xff\"}",
          "\"id\":\"\xef\xbf\xbd\",\"error\":{\"code\":-32601,\"message\":\"rpc: can't find method "
          "Test.\xef\xbf\xbd\"" },
    };
    for (size_t i = 0; i < GEE_LENGTH(rows); i++) {
        fixture_t *fixture = fixture_create(&limits, NULL);
        int peer = fixture_connect(fixture);
        peer_says(fixture, peer, rows[i].opening);
        for (int twice = 0; twice < 2; twice++) {
            fixture->got_length = 0;
            peer_says(fixture, peer, rows[i].text);
            if (strstr(fixture->got, rows[i].wanted) == NULL || fixture->got_end)
                fail_msg("%s\n gave %s\n without %s", rows[i].text, fixture->got, rows[i].wanted);
            assert_true(gee_utf8_valid(fixture->got, fixture->got_length));
        }
        finish(fixture, peer);
    }
}

/* In frames and in gob, by a header that our own writer would refuse to write. */
static void test_names_that_are_not_utf8_in_bytes(void **state GEE_UNUSED) {
    static const uint8_t frame[] = "\0\0\0\0\0\x0a\0\0\0\0"
                                   "\x0a\x06N\xff.way\x10\x01";
    fixture_t *fixture = fixture_create(&limits, NULL);
    int peer = fixture_connect(fixture);
    peer_says(fixture, peer, OPTION_BIN);
    peer_write(fixture, peer, frame, sizeof(frame) - 1);
    wait_for(fixture, peer, 20);
    assert_non_null(memmem(fixture->got, fixture->got_length, "can't find service N\xef\xbf\xbd", 23));
    finish(fixture, peer);
    for (int caller_first = 0; caller_first < 2; caller_first++) {
        /* A request of ours, in which the name is spoilt on its way. */
        char bytes[1000];
        int ours;
        fixture = fixture_create(&limits, NULL);
        gee_session_t *session = dial(fixture, caller_first ? "netrpc" : "geerpc", "gob", &ours);
        pair_t pair = { 0 };
        outcome_t lost = { 0 };
        begin(session, "No.Way", GEE_TYPE_OF(pair_t), &pair, &lost);
        pump(fixture);
        ssize_t length = read(ours, bytes, sizeof(bytes));
        assert_true(length > 0);
        char *name = memmem(bytes, (size_t)length, "No.Way", 6);
        assert_non_null(name);
        name[1] = '\xff';
        peer = fixture_connect(fixture);
        peer_write(fixture, peer, bytes, (size_t)length);
        wait_for(fixture, peer, 20);
        assert_false(fixture->got_end);
        const char *wanted =
            caller_first ? "rpc: can't find service N\xef\xbf\xbd.Way" : "can't find service N\xef\xbf\xbd";
        assert_non_null(memmem(fixture->got, fixture->got_length, wanted, strlen(wanted)));
        close(ours);
        pump(fixture);
        finish(fixture, peer);
    }
}

/* ---- time ---- */

/* A negative time is over, and not absent: Go writes a negative time.Duration when a time has passed. */
static void test_a_negative_timeout_is_over(void **state GEE_UNUSED) {
    fixture_t *fixture = fixture_create(&limits, NULL);
    int peer = fixture_connect(fixture);
    peer_says(fixture, peer, OPTION_JSON);
    peer_says(fixture, peer, "{\"ServiceMethod\":\"Test.Keep\",\"Seq\":1,\"Timeout\":-5}{}");
    assert_non_null(strstr(fixture->got, "\"Error\":\"rpc server: request handle timeout: expect within -5ns\""));
    assert_non_null(strstr(fixture->got, "\"Code\":4"));
    assert_null(kept_call); /* it did not run */
    fixture->got_length = 0;
    peer_says(fixture, peer, "{\"ServiceMethod\":\"Test.Multiply\",\"Seq\":1,\"Timeout\":0}{}");
    assert_non_null(strstr(fixture->got, "\"Error\":\"\""));
    finish(fixture, peer);
}

/* A server ends a unary call as it may end a streaming call alone: without a reply, though well. */
static void no_reply_is_no_success(void **state GEE_UNUSED) {
    static const char close[] = "\0\0\0\0\0\x04\0\0\0\0\x10\x01\x20\x06";
    static const pair_t pair = { .a = 7, .b = 8 };
    fixture_t *fixture = fixture_create(&limits, NULL);
    outcome_t outcome = { .reply = GEE_TYPE_OF(int64_t) };
    int peer;
    gee_session_t *session = dial(fixture, "geerpc", "bin", &peer);
    begin(session, "Test.Multiply", GEE_TYPE_OF(pair_t), &pair, &outcome);
    peer_write(fixture, peer, close, sizeof(close) - 1);
    await(fixture, &outcome);
    assert_int_equal(outcome.code, GEE_INTERNAL);
    assert_string_equal(outcome.text, "the call has ended without a reply");
    finish(fixture, peer);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_unknown_names),
        cmocka_unit_test(test_names_are_cut_between_characters),
        cmocka_unit_test(test_names_over_the_limit),
        cmocka_unit_test(test_an_error_that_is_not_utf8),
        cmocka_unit_test(test_names_that_are_not_utf8),
        cmocka_unit_test(test_names_that_are_not_utf8_in_bytes),
        cmocka_unit_test(test_a_negative_timeout_is_over),
        cmocka_unit_test(no_reply_is_no_success),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
