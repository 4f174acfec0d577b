/* upstream_stream_test.c: streaming calls to an upstream: where they go, when they are tried again, how many there may
 * be. (What passes through one, both ways: forward_stream_test.c.) */
#include "upstream_fixture.h"

/* ---- the servers' service ---- */

static size_t held, cancelled;

static void on_over(void *data GEE_UNUSED) {
    cancelled++;
}

/* Says nothing before the half-close. */
static void hold(gee_call_t *call, const int64_t *number GEE_UNUSED) {
    held++;
    gee_call_set_data(call, &held, on_over);
}

static void answer_all(gee_call_t *call) {
    const int64_t number = 7;
    (void)GEE_SEND(call, int64_t, &number);
    gee_end(call);
}

/* Says one number at once. */
static void speak(gee_call_t *call, const int64_t *number) {
    hold(call, number);
    (void)GEE_SEND(call, int64_t, number);
}

static const gee_method_t methods[] = { GEE_BIDI_STREAM("Hold", hold, answer_all, int64_t, int64_t, 0),
                                        GEE_BIDI_STREAM("Speak", speak, gee_end, int64_t, int64_t, 0) };
static const gee_service_t service = { .name = "S", .methods = methods, .method_count = GEE_LENGTH(methods) };

static void streams_create(world_t *world, size_t servers, const gee_upstream_options_t *options) {
    gee_error_t error = { 0 };
    gee_filter_entry_t filter = { .module = &counting_module };
    const gee_service_entry_t entries[] = { { .service = &service }, { .service = &test_service } };
    held = cancelled = 0;
    world_create(world, servers, options);
    world->fixture->engine->limits.streams = 100;
    gee_dispatch_destroy(&world->fixture->dispatch);
    world->fixture->dispatch =
        gee_dispatch_create(world->fixture->engine, entries, GEE_LENGTH(entries), &filter, 1, true, &error);
    assert_non_null(world->fixture->dispatch);
}

/* ---- the caller ---- */

typedef struct streamed {
    gee_upstream_call_t call;
    gee_upstream_stream_t stream;
    int64_t number;
    size_t opened, closed, messages, ended;
    gee_code_t code;
    bool from_peer;
    unsigned tries;
    char address[GEE_ADDR_TEXT];
    gee_error_t error;
} streamed_t;

static streamed_t *streamed_of(gee_upstream_call_t *call) {
    return GEE_CONTAINER(call, streamed_t, call);
}

static void on_opened(gee_upstream_call_t *call) {
    assert_true(call->stream->open);
    streamed_of(call)->opened++;
}

static void on_closed(gee_upstream_call_t *call) {
    assert_false(call->stream->open);
    streamed_of(call)->closed++;
}

static void on_message(gee_upstream_call_t *call, const gee_payload_t *payload GEE_UNUSED) {
    streamed_of(call)->messages++;
    gee_flow_took(&call->stream->flow);
}

static void on_room(gee_upstream_call_t *call GEE_UNUSED) {}

static const gee_upstream_stream_events_t events = {
    .opened = on_opened, .closed = on_closed, .message = on_message, .room = on_room
};

static void on_streamed(gee_upstream_call_t *call, const gee_upstream_result_t *result) {
    streamed_t *streamed = streamed_of(call);
    assert_false(call->stream->open);
    streamed->ended++;
    streamed->code = result->status.code;
    streamed->from_peer = result->from_peer;
    streamed->tries = result->tries;
    snprintf(streamed->address, sizeof(streamed->address), "%s", result->address ? result->address : "");
    gee_upstream_error(result, &streamed->error);
}

static void open_stream(world_t *world, streamed_t *streamed, const char *method, bool idempotent) {
    *streamed =
        (streamed_t){ .number = 1, .stream = { .events = &events, .parts = GEE_EVENT_BEGIN | GEE_EVENT_MESSAGE } };
    streamed->call = (gee_upstream_call_t){
        .method = gee_str(method),
        .payload = { .kind = GEE_PAYLOAD_TYPED, .type = GEE_TYPE_OF(int64_t), .typed = &streamed->number },
        .deadline_ns = INT64_MAX,
        .stream = &streamed->stream,
        .idempotent = idempotent,
        .done = on_streamed
    };
    gee_upstream_call(world->upstream, &streamed->call);
    assert_int_equal(streamed->opened + streamed->ended, 0); /* never from inside */
    streamed->opened = streamed->stream.open;
}

static void expect_streamed(world_t *world, streamed_t *streamed, gee_code_t code) {
    TURN_UNTIL(world, streamed->ended > 0);
    if (streamed->ended != 1 || streamed->code != code)
        fail_msg("%zu times %d instead of %d: %s", streamed->ended, streamed->code, code, streamed->error.text);
}

static void half_close(world_t *world, streamed_t *streamed) {
    TURN_UNTIL(world, streamed->stream.open);
    gee_flow_half_close(&streamed->stream.flow);
}

/* ---- where it goes ---- */

static void a_call_that_no_server_has_seen_goes_to_another(void **state GEE_UNUSED) {
    world_t world;
    streamed_t streamed;
    gee_upstream_options_t options = options_of("bin");
    streams_create(&world, 2, &options);
    stop_listening(&world.listeners[0]);
    open_stream(&world, &streamed, "S.Hold", false);
    half_close(&world, &streamed);
    expect_streamed(&world, &streamed, GEE_OK);
    assert_int_equal(streamed.tries, 2);
    assert_int_equal(streamed.messages, 1);
    assert_string_equal(streamed.address, world.listeners[1].address);
    listen_again(&world.listeners[0]);
    world_destroy(&world);
}

/* It has accepted the connection, and was asked whether it has streaming calls: the call has not left. */
static void so_does_a_call_that_was_kept_back(void **state GEE_UNUSED) {
    world_t world;
    streamed_t streamed;
    gee_upstream_options_t options = options_of("bin");
    streams_create(&world, 2, &options);
    world.listeners[0].silent = true;
    open_stream(&world, &streamed, "S.Hold", false);
    TURN_UNTIL(&world, streamed.opened == 1 && world.listeners[0].accepted == 1);
    shutdown(world.listeners[0].silent_ends[0], SHUT_RDWR);
    TURN_UNTIL(&world, streamed.opened == 2);
    assert_int_equal(streamed.closed, 1);
    half_close(&world, &streamed);
    expect_streamed(&world, &streamed, GEE_OK);
    assert_int_equal(streamed.tries, 2);
    world_destroy(&world);
}

/* `goes_on`: the call is tried again. */
static void check_lost(const char *method, bool idempotent, size_t more, bool goes_on) {
    world_t world;
    streamed_t streamed;
    gee_error_t error = { 0 };
    gee_upstream_options_t options = options_of("bin");
    streams_create(&world, 2, &options);
    open_stream(&world, &streamed, method, idempotent);
    TURN_UNTIL(&world, held == 1);
    if (more > 0)
        assert_int_equal(gee_upstream_stream_send(&streamed.stream, &streamed.call.payload, &error), GEE_SENT);
    TURN_UNTIL(&world, held == 1 + more && (strcmp(method, "S.Speak") != 0 || streamed.messages > 0));
    kill_sessions(world.fixture);
    TURN_UNTIL(&world, streamed.closed == 1);
    if (goes_on) {
        TURN_UNTIL(&world, streamed.opened == 2);
        half_close(&world, &streamed);
        expect_streamed(&world, &streamed, GEE_OK);
        assert_int_equal(streamed.tries, 2);
        assert_int_equal(held, 2);
    } else {
        expect_streamed(&world, &streamed, GEE_UNAVAILABLE);
        assert_int_equal(streamed.tries, 1);
        assert_false(streamed.from_peer);
    }
    world_destroy(&world);
}

static void a_lost_call_is_tried_again_as_long_as_nothing_else_was_said(void **state GEE_UNUSED) {
    check_lost("S.Hold", true, 0, true);
    check_lost("S.Hold", false, 0, false); /* its server may have seen it */
    check_lost("S.Hold", true, 1, false);  /* what was sent is not there any more */
    check_lost("S.Speak", true, 0, false); /* the caller has heard something */
}

/* ---- how many ---- */

static void streams_are_limited_beside_unary_calls(void **state GEE_UNUSED) {
    world_t world;
    streamed_t streams[5];
    answer_t unary, second;
    gee_upstream_options_t options = options_of("bin");
    options.limits.streams = 2;
    options.limits.in_flight = 1;
    streams_create(&world, 2, &options);
    for (size_t i = 0; i < 5; i++)
        open_stream(&world, &streams[i], "S.Hold", false);
    expect_streamed(&world, &streams[4], GEE_RESOURCE_EXHAUSTED);
    assert_string_equal(streams[4].error.text, "2 streaming calls are open at each server (streams)");
    TURN_UNTIL(&world, held == 4);
    assert_int_equal(report_of(&world, 0).in_flight, 2);
    assert_int_equal(report_of(&world, 1).in_flight, 2);
    go(&world, &unary, "Test.Keep", 0); /* there is room for one at each */
    go(&world, &second, "Test.Multiply", 0);
    expect(&world, &second, GEE_OK);
    finish_kept();
    expect(&world, &unary, GEE_OK);
    half_close(&world, &streams[0]);
    expect_streamed(&world, &streams[0], GEE_OK);
    open_stream(&world, &streams[4], "S.Hold", false);
    TURN_UNTIL(&world, held == 5);
    gee_upstream_cancel(&streams[4].call);
    for (size_t i = 1; i < 4; i++)
        half_close(&world, &streams[i]);
    for (size_t i = 1; i < 4; i++)
        expect_streamed(&world, &streams[i], GEE_OK);
    TURN_UNTIL(&world, cancelled == 5);
    assert_int_equal(streams[4].ended, 0);
    world_destroy(&world);
}

/* A call in the queue that is a streaming call, and waits for none. */
static void a_cancelled_call_leaves_no_place_taken(void **state GEE_UNUSED) {
    world_t world;
    streamed_t before, kept_back;
    gee_upstream_options_t options = options_of("bin");
    streams_create(&world, 1, &options);
    open_stream(&world, &before, "S.Hold", false);
    gee_upstream_cancel(&before.call); /* while the connection is being made */
    world.listeners[0].silent = true;
    kill_sessions(world.fixture);
    open_stream(&world, &kept_back, "S.Hold", false);
    TURN_UNTIL(&world, kept_back.opened == 1);
    gee_upstream_cancel(&kept_back.call);
    assert_int_equal(report_of(&world, 0).in_flight, 0);
    assert_int_equal(before.ended + kept_back.ended, 0);
    world_destroy(&world);
}

/* How long a streaming call is open says nothing about the server. */
static void the_time_of_streams_is_no_latency(void **state GEE_UNUSED) {
    world_t world;
    streamed_t streamed;
    gee_upstream_options_t options = options_of("bin");
    streams_create(&world, 1, &options);
    open_stream(&world, &streamed, "S.Hold", false);
    half_close(&world, &streamed);
    expect_streamed(&world, &streamed, GEE_OK);
    assert_int_equal(report_of(&world, 0).latency_ns, 0);
    assert_int_equal(report_of(&world, 0).calls, 1);
    assert_int_equal(last_outcome, GEE_OUTCOME_ABANDONED);
    world_destroy(&world);
}

/* try_timeout is of unary calls; the deadline is of all. */
static void a_streaming_call_has_one_clock(void **state GEE_UNUSED) {
    world_t world;
    streamed_t streamed;
    gee_upstream_options_t options = options_of("bin");
    options.limits.try_timeout = 5 * GEE_MILLISECOND;
    streams_create(&world, 2, &options);
    open_stream(&world, &streamed, "S.Hold", true);
    int64_t begun = gee_clock_monotonic();
    TURN_UNTIL(&world, gee_clock_monotonic() - begun > 50 * GEE_MILLISECOND && held == 1);
    assert_int_equal(streamed.opened, 1);
    assert_int_equal(streamed.closed, 0);
    half_close(&world, &streamed);
    expect_streamed(&world, &streamed, GEE_OK);
    assert_int_equal(streamed.tries, 1);
    world_destroy(&world);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_call_that_no_server_has_seen_goes_to_another),
        cmocka_unit_test(so_does_a_call_that_was_kept_back),
        cmocka_unit_test(a_lost_call_is_tried_again_as_long_as_nothing_else_was_said),
        cmocka_unit_test(streams_are_limited_beside_unary_calls),
        cmocka_unit_test(a_cancelled_call_leaves_no_place_taken),
        cmocka_unit_test(the_time_of_streams_is_no_latency),
        cmocka_unit_test(a_streaming_call_has_one_clock),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
