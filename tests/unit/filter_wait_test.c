/* filter_wait_test.c: filters that make calls wait: what is kept of a call, who hears of it in which order, and all
 * that ends the wait: gee_call_proceed(), gee_call_refuse(), a peer that leaves, one that cancels. */
#include "calling_fixture.h"
#include "core/rpc/call_private.h"

/* ---- three filters: "a", "b" and "c" ---- */

#define HELD 4

static const char *holding;    /* the names of those that make calls wait */
static gee_call_t *held[HELD]; /* calls that wait, or did, as they came */
static size_t held_count;
static char heard[1024];      /* by all, in order: "a?" is on_call of a, "a!" on_end, "a." on_release */
static gee_code_t ended_code; /* what on_end was told last */
static char ended_text[200];

static void note(const char *name, const char *what) {
    assert_true(strlen(heard) + 3 < sizeof(heard));
    strcat(strcat(heard, name), what);
}

static int letter_start(void *state, const void *conf, gee_engine_t *engine GEE_UNUSED, gee_error_t *error GEE_UNUSED) {
    strcpy(state, conf);
    return 0;
}
static gee_verdict_t letter_call(void *state, gee_call_t *call, gee_status_t *status GEE_UNUSED) {
    note(state, "?");
    if (strstr(holding, state) == NULL)
        return GEE_FILTER_PASS;
    assert_true(held_count < HELD);
    held[held_count++] = call;
    return GEE_FILTER_WAIT;
}
static void letter_end(void *state, gee_call_t *call) {
    note(state, "!");
    ended_code = call->status.code;
    snprintf(ended_text, sizeof(ended_text), "%.*s", GEE_STR_ARGUMENTS(call->status.text));
}
static void letter_release(void *state, gee_call_t *call GEE_UNUSED) {
    note(state, ".");
}
static const gee_filter_t letter_filter = {
    .state_size = 2, .start = letter_start, .on_call = letter_call, .on_end = letter_end, .on_release = letter_release
};
static const gee_module_t letter_module = {
    .abi = GEE_MODULE_ABI, .kind = GEE_MODULE_FILTER, .name = "filter_letter", .interface = &letter_filter
};

/* `names`: of those that make calls wait from the beginning. */
static fixture_t *new_fixture(const gee_limits_t *limits, const char *names) {
    static const gee_service_entry_t service = { .service = &test_service };
    static const gee_filter_entry_t filters[] = { { .module = &counting_module },
                                                  { .module = &letter_module, .conf = "a" },
                                                  { .module = &letter_module, .conf = "b" },
                                                  { .module = &letter_module, .conf = "c" } };
    gee_error_t error;
    fixture_t *fixture = fixture_create(limits, NULL);
    gee_dispatch_destroy(&fixture->dispatch);
    fixture->dispatch = gee_dispatch_create(fixture->engine, &service, 1, filters, GEE_LENGTH(filters), false, &error);
    assert_non_null(fixture->dispatch);
    holding = names;
    held_count = 0;
    heard[0] = '\0';
    ended_code = GEE_OK;
    return fixture;
}

#define CALL_1  "{\"ServiceMethod\":\"Test.Multiply\",\"Seq\":1}{\"A\":7,\"B\":8}"
#define REPLY_1 "{\"ServiceMethod\":\"Test.Multiply\",\"Seq\":1,\"Error\":\"\"}\n56\n"
#define CALL_2  "{\"ServiceMethod\":\"Test.Multiply\",\"Seq\":2}{\"A\":2,\"B\":3}"
#define REPLY_2 "{\"ServiceMethod\":\"Test.Multiply\",\"Seq\":2,\"Error\":\"\"}\n6\n"
#define KEEP_1  "{\"ServiceMethod\":\"Test.Keep\",\"Seq\":1}{\"A\":1,\"B\":2}"

static void take_reply(fixture_t *fixture, int peer) {
    pump(fixture);
    peer_read(fixture, peer);
}

/* ---- what is kept ---- */

/* A text of its own for each number, of that length. */
static text_t make_text(char *room, size_t length, int number) {
    memset(room, 'a' + number % 26, length);
    return (text_t){ .text = { room, length } };
}

static void wait_outcome(fixture_t *fixture, const outcome_t *outcome) {
    for (int i = 0; i < 1000 && outcome->count == 0; i++)
        pump(fixture);
    if (outcome->count != 1 || outcome->code != GEE_OK)
        fail_msg("%d times: code %d, %.200s", outcome->count, (int)outcome->code, outcome->text);
}

/* A call waits while many others with as many bytes go over the same connection. */
static void echo_late(const char *protocol, const char *codec, size_t length) {
    static char room[8192], other_room[8192];
    outcome_t late = { .reply = GEE_TYPE_OF(text_t) };
    fixture_t *fixture = new_fixture(NULL, "b");
    gee_session_t *session = make_caller(fixture, protocol, codec, fixture_connect(fixture));
    text_t text = make_text(room, length, 0);
    begin(session, "Test.Echo", GEE_TYPE_OF(text_t), &text, &late);
    for (int i = 0; i < 1000 && held_count == 0; i++)
        pump(fixture);
    assert_int_equal(held_count, 1);
    holding = "";
    for (int i = 1; i <= 30; i++) {
        outcome_t outcome = { .reply = GEE_TYPE_OF(text_t) };
        text_t other = make_text(other_room, length, i);
        begin(session, "Test.Echo", GEE_TYPE_OF(text_t), &other, &outcome);
        wait_outcome(fixture, &outcome);
        assert_int_equal(strlen(outcome.text), length);
        assert_memory_equal(outcome.text, other_room, length);
    }
    assert_int_equal(late.count, 0);
    gee_call_proceed(held[0]);
    wait_outcome(fixture, &late);
    assert_int_equal(strlen(late.text), length);
    assert_memory_equal(late.text, room, length);
    gee_session_close(session, NULL);
    pump(fixture);
    fixture_destroy(fixture);
}

static void test_what_waits_is_kept_on_every_wire(void **state GEE_UNUSED) {
    static const char *const ways[][2] = {
        { "geerpc", "json" }, { "geerpc", "gob" }, { "geerpc", "bin" }, { "netrpc", "gob" }, { "jsonrpc", "json" }
    };
    for (size_t i = 0; i < GEE_LENGTH(ways); i++) {
        echo_late(ways[i][0], ways[i][1], 20);
        echo_late(ways[i][0], ways[i][1], 6000); /* arguments over 4 KiB are not copied */
    }
}

/* ---- proceeding ---- */

static void test_filters_are_asked_once_and_in_order(void **state GEE_UNUSED) {
    fixture_t *fixture = new_fixture(NULL, "b");
    int peer = fixture_connect(fixture);
    peer_says(fixture, peer, OPTION_JSON CALL_1);
    assert_string_equal(heard, "a?b?");
    holding = "c";
    gee_call_proceed(held[0]);
    take_reply(fixture, peer);
    assert_string_equal(heard, "a?b?c?"); /* waits once more */
    assert_int_equal(held_count, 2);
    assert_ptr_equal(held[1], held[0]);
    assert_int_equal(fixture->got_length, 0);
    gee_call_proceed(held[1]);
    take_reply(fixture, peer);
    assert_string_equal(fixture->got, REPLY_1);
    assert_string_equal(heard, "a?b?c?c!b!a!c.b.a.");
    assert_int_equal(ended_code, GEE_OK);
    finish(fixture, peer);
}

static void test_others_overtake_a_call_that_waits(void **state GEE_UNUSED) {
    fixture_t *fixture = new_fixture(NULL, "a");
    int peer = fixture_connect(fixture);
    peer_says(fixture, peer, OPTION_JSON CALL_1);
    assert_int_equal(held_count, 1);
    holding = "";
    peer_says(fixture, peer, CALL_2);
    assert_string_equal(fixture->got, REPLY_2);
    gee_call_proceed(held[0]);
    take_reply(fixture, peer);
    assert_string_equal(fixture->got, REPLY_2 REPLY_1);
    finish(fixture, peer);
}

static void test_an_unknown_method_is_said_after_the_wait(void **state GEE_UNUSED) {
    fixture_t *fixture = new_fixture(NULL, "b");
    int peer = fixture_connect(fixture);
    peer_says(fixture, peer, OPTION_JSON "{\"ServiceMethod\":\"Test.Nothing\",\"Seq\":1}{}");
    assert_int_equal(fixture->got_length, 0);
    assert_null(held[0]->method);
    gee_call_proceed(held[0]);
    take_reply(fixture, peer);
    assert_non_null(strstr(fixture->got, "\"Error\":\"rpc server: can't find method Nothing\""));
    assert_string_equal(heard, "a?b?c?c!b!a!c.b.a.");
    finish(fixture, peer);
}

/* A peer that has ended its side only has sent all it wants to; it may still read. */
static void test_a_half_closed_peer_gets_its_reply(void **state GEE_UNUSED) {
    fixture_t *fixture = new_fixture(NULL, "b");
    int peer = fixture_connect(fixture);
    peer_says(fixture, peer, OPTION_JSON CALL_1);
    shutdown(peer, SHUT_WR);
    take_reply(fixture, peer);
    assert_false(fixture->got_end);
    assert_string_equal(heard, "a?b?");
    gee_call_proceed(held[0]);
    wait_for(fixture, peer, sizeof(fixture->got));
    assert_string_equal(fixture->got, REPLY_1);
    assert_true(fixture->got_end);
    finish(fixture, peer);
}

/* Time is counted from the request: who has waited too long is told so, as soon as it proceeds. */
static void test_the_wait_counts_for_the_timeout(void **state GEE_UNUSED) {
    fixture_t *fixture = new_fixture(NULL, "b");
    int peer = fixture_connect(fixture);
    peer_says(fixture, peer, "{\"MagicNumber\":3927900,\"CodecType\":\"application/json\",\"HandleTimeout\":5000000}");
    peer_says(fixture, peer, KEEP_1);
    assert_int_equal(held_count, 1);
    while (gee_clock_monotonic() < held[0]->started_ns + 5 * GEE_MILLISECOND)
        assert_int_equal(gee_loop_once(fixture->loop, GEE_MILLISECOND), 0);
    gee_call_proceed(held[0]);
    take_reply(fixture, peer);
    assert_non_null(strstr(fixture->got, "\"Error\":\"rpc server: request handle timeout: expect within 5ms\""));
    assert_int_equal(kept_cancelled, 1);
    assert_string_equal(heard, "a?b?c?c!b!a!"); /* the handler still runs */
    gee_reply(kept_call);
    pump(fixture);
    assert_string_equal(heard, "a?b?c?c!b!a!c.b.a.");
    finish(fixture, peer);
}

/* limits.calls: those that wait count, so that they cannot pile up. */
static void test_calls_that_wait_are_in_flight(void **state GEE_UNUSED) {
    static const gee_limits_t limits = {
        .message = 4 << 20, .call_memory = 1 << 20, .nesting = 5, .calls = 1, .output = 65536
    };
    fixture_t *fixture = new_fixture(&limits, "b");
    int peer = fixture_connect(fixture);
    peer_says(fixture, peer, OPTION_JSON CALL_1 CALL_2);
    assert_int_equal(held_count, 1);
    gee_call_proceed(held[0]);
    take_reply(fixture, peer);
    assert_string_equal(fixture->got, REPLY_1);
    assert_int_equal(held_count, 2);
    gee_call_proceed(held[1]);
    take_reply(fixture, peer);
    assert_string_equal(fixture->got, REPLY_1 REPLY_2);
    finish(fixture, peer);
}

/* ---- refusing ---- */

static void test_a_call_that_waited_is_refused(void **state GEE_UNUSED) {
    char reason[] = "come back tomorrow";
    fixture_t *fixture = new_fixture(NULL, "b");
    int peer = fixture_connect(fixture);
    peer_says(fixture, peer, OPTION_JSON KEEP_1);
    gee_call_refuse(held[0], &(gee_status_t){ .code = GEE_RESOURCE_EXHAUSTED, .text = gee_str(reason) });
    memset(reason, 'x', sizeof(reason) - 1); /* it was the filter's */
    take_reply(fixture, peer);
    assert_non_null(strstr(fixture->got, "\"Seq\":1,\"Error\":\"come back tomorrow\""));
    assert_non_null(strstr(fixture->got, "\"Code\":8"));
    assert_null(kept_call);
    assert_string_equal(heard, "a?b?b!a!b.a."); /* c has never seen it */
    assert_int_equal(ended_code, GEE_RESOURCE_EXHAUSTED);
    assert_string_equal(ended_text, "come back tomorrow");
    assert_int_equal(fixture->engine->live_calls, 0);
    holding = "";
    fixture->got_length = 0;
    peer_says(fixture, peer, CALL_1);
    assert_string_equal(fixture->got, REPLY_1);
    finish(fixture, peer);
}

/* ---- nobody waits for it any more ---- */

static void test_the_peer_leaves_while_calls_wait(void **state GEE_UNUSED) {
    fixture_t *fixture = new_fixture(NULL, "b");
    int peer = fixture_connect(fixture);
    peer_says(fixture, peer, OPTION_JSON KEEP_1 KEEP_1);
    assert_string_equal(heard, "a?b?a?b?");
    close(peer);
    pump(fixture);
    assert_string_equal(heard, "a?b?a?b?b!a!b.a.b!a!b.a.");
    assert_int_equal(ended_code, GEE_CANCELLED);
    assert_null(kept_call);
    assert_int_equal(fixture->engine->live_calls, 0);
    assert_int_equal(fixture->engine->session_count, 0);
    fixture_destroy(fixture);
}

static void test_the_caller_cancels_a_call_that_waits(void **state GEE_UNUSED) {
    pair_t pair = { .a = 1, .b = 2 };
    outcome_t outcome = { 0 }, next = { .reply = GEE_TYPE_OF(int64_t) };
    fixture_t *fixture = new_fixture(NULL, "b");
    gee_session_t *session = make_caller(fixture, "geerpc", "bin", fixture_connect(fixture));
    question_t *question = begin(session, "Test.Keep", GEE_TYPE_OF(pair_t), &pair, &outcome);
    pump(fixture);
    assert_string_equal(heard, "a?b?");
    forget(session, question);
    pump(fixture);
    assert_string_equal(heard, "a?b?b!a!b.a.");
    assert_int_equal(ended_code, GEE_CANCELLED);
    assert_null(kept_call);
    assert_int_equal(outcome.count, 0);
    assert_int_equal(fixture->engine->live_calls, 0);
    holding = "";
    begin(session, "Test.Multiply", GEE_TYPE_OF(pair_t), &pair, &next);
    wait_outcome(fixture, &next);
    assert_int_equal(next.number, 2);
    gee_session_close(session, NULL);
    pump(fixture);
    fixture_destroy(fixture);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_waits_is_kept_on_every_wire),
        cmocka_unit_test(test_filters_are_asked_once_and_in_order),
        cmocka_unit_test(test_others_overtake_a_call_that_waits),
        cmocka_unit_test(test_an_unknown_method_is_said_after_the_wait),
        cmocka_unit_test(test_a_half_closed_peer_gets_its_reply),
        cmocka_unit_test(test_the_wait_counts_for_the_timeout),
        cmocka_unit_test(test_calls_that_wait_are_in_flight),
        cmocka_unit_test(test_a_call_that_waited_is_refused),
        cmocka_unit_test(test_the_peer_leaves_while_calls_wait),
        cmocka_unit_test(test_the_caller_cancels_a_call_that_waits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
