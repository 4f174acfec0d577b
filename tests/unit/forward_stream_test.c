/* forward_stream_test.c: streaming calls that go through a gateway: what passes, what is held back, and how each end is
 * told once on both sides. Callers, gateway and server share one loop. */
#include "forward_fixture.h"

#include "core/rpc/memory.h"
#include "core/rpc/session_flows.h"

/* ---- the service behind the gateway ---- */

static struct {
    int64_t sent, heard; /* by and from handlers */
    size_t cancelled;    /* calls whose data was given back before they ended by themselves */
    gee_call_t *paused;
} server;

typedef struct {
    pair_t left;
    bool ended;
} listing_t;

static void listing_over(void *data) {
    const listing_t *listing = data;
    server.cancelled += !listing->ended;
}

static void list_on(gee_call_t *call, void *data) {
    listing_t *listing = data;
    while (listing->left.a <= listing->left.b) {
        gee_sent_t sent = GEE_SEND(call, int64_t, &listing->left.a);
        assert_int_not_equal(sent, GEE_SEND_ENDED);
        listing->left.a++;
        server.sent++;
        if (sent == GEE_SENT_FULL) {
            gee_call_on_room(call, list_on, listing);
            return;
        }
    }
    listing->ended = true;
    gee_end(call);
}

static void list(gee_call_t *call, const pair_t *range) {
    listing_t *listing = gee_call_alloc(call, sizeof(*listing));
    *listing = (listing_t){ .left = *range };
    gee_call_set_data(call, listing, listing_over);
    list_on(call, listing);
}

static void add(gee_call_t *call GEE_UNUSED, const int64_t *number, int64_t *sum) {
    server.heard++;
    *sum += *number;
}

static void added(gee_call_t *call, int64_t *sum GEE_UNUSED) {
    gee_reply(call);
}

static void say_again(gee_call_t *call, const text_t *text) {
    (void)GEE_SEND(call, text_t, text);
}

static void count_cancelled(void *data GEE_UNUSED) {
    server.cancelled++;
}

/* Hears one number, answers it, and no further number until the test says so. */
static void hold(gee_call_t *call, const int64_t *number) {
    gee_call_set_data(call, &server, count_cancelled);
    assert_int_equal(*number, ++server.heard);
    (void)GEE_SEND(call, int64_t, number);
    if (server.heard == 1) {
        server.paused = call;
        gee_call_pause(call);
    }
}

static void say_all(gee_call_t *call) {
    gee_call_send_metadata(call, GEE_STR("color"), GEE_STR("red"));
    gee_call_send_metadata(call, GEE_STR("color"), GEE_STR("blue"));
    gee_call_end_metadata(call, GEE_STR("cost"), GEE_STR("7"));
}

static void fail_after(gee_call_t *call, const int64_t *count) {
    say_all(call);
    for (int64_t number = 1; number <= *count; number++)
        (void)GEE_SEND(call, int64_t, &number);
    gee_fail_with(call, GEE_ABORTED, "enough", (gee_bytes_t){ .data = (const uint8_t *)"\0why", .length = 4 });
}

static void say_unary(gee_call_t *call, const int64_t *number, int64_t *reply) {
    *reply = *number;
    say_all(call);
    gee_reply(call);
}

static void fail_unary(gee_call_t *call, const int64_t *number GEE_UNUSED, int64_t *reply GEE_UNUSED) {
    say_all(call);
    gee_fail_with(call, GEE_ABORTED, "enough", (gee_bytes_t){ .data = (const uint8_t *)"\0why", .length = 4 });
}

static const gee_method_t methods[] = { GEE_SERVER_STREAM("List", list, pair_t, int64_t, GEE_IDEMPOTENT),
                                        GEE_CLIENT_STREAM("Sum", add, added, int64_t, int64_t, 0),
                                        GEE_BIDI_STREAM("Echo", say_again, gee_end, text_t, text_t, 0),
                                        GEE_BIDI_STREAM("Hold", hold, gee_end, int64_t, int64_t, 0),
                                        GEE_SERVER_STREAM("Fail", fail_after, int64_t, int64_t, 0),
                                        GEE_METHOD("Say", say_unary, int64_t, int64_t, 0),
                                        GEE_METHOD("FailUnary", fail_unary, int64_t, int64_t, 0) };
static const gee_service_t service = { .name = "S", .methods = methods, .method_count = GEE_LENGTH(methods) };

/* ---- the world ---- */

static const gee_limits_t limits = {
    .message = 1 << 20, .call_memory = 64 << 20, .nesting = 100, .calls = 1000, .streams = 100, .output = 256 << 10
};

static void streams_create(world_t *world, bool declared, int64_t handle_ns) {
    gee_error_t error = { 0 };
    gee_filter_entry_t filter = { .module = &counting_module };
    gee_service_entry_t entry = { .service = &service };
    memset(&server, 0, sizeof(server));
    world_create_for(world, &limits, "geerpc", "bin",
                     (gee_service_entry_t){ .service = declared ? &service : NULL, .name = "S" }, handle_ns);
    gee_dispatch_destroy(&world->fixture->dispatch);
    world->fixture->dispatch = gee_dispatch_create(world->fixture->engine, &entry, 1, &filter, 1, true, &error);
    assert_non_null(world->fixture->dispatch);
}

/* ---- the caller ---- */

typedef struct stream {
    gee_outgoing_t outgoing;
    gee_flow_t flow;
    world_t *world;
    bool stopped; /* does not take what comes */
    size_t rooms;
    int64_t count, last; /* of messages that came */
    gee_str_t text;      /* which each message has, instead of a number */
    size_t ended;
    bool from_peer;
    gee_code_t code;
    char error[GEE_ERROR_TEXT];
    int64_t result;   /* of an END with a message; -1: none */
    char beside[256]; /* metadata and details: "began color=red ... end ..." */
} stream_t;

static void note(stream_t *stream, const char *what, const gee_metadata_t *metadata) {
    size_t length = strlen(stream->beside);
    for (size_t i = 0; i < metadata->count; i++)
        length +=
            (size_t)snprintf(stream->beside + length, sizeof(stream->beside) - length, "%s %.*s=%.*s;", what,
                             GEE_STR_ARGUMENTS(metadata->items[i].key), GEE_STR_ARGUMENTS(metadata->items[i].value));
}

static int64_t number_in(stream_t *stream, const gee_payload_t *payload) {
    int64_t number = 0;
    gee_error_t error = { 0 };
    assert_int_equal(payload->codec->decode(payload->codec_state, GEE_TYPE_OF(int64_t), payload->bytes, payload->length,
                                            &stream->world->engine->codec_limits, true, stream->world->engine->scratch,
                                            &number, &error),
                     0);
    return number;
}

static void on_stream_message(gee_flow_t *flow, const gee_payload_t *payload) {
    stream_t *stream = GEE_CONTAINER(flow, stream_t, flow);
    stream->count++;
    if (stream->text.length > 0)
        assert_true(payload->length > stream->text.length);
    else
        assert_int_equal(number_in(stream, payload), ++stream->last); /* every message once, in order */
    if (!stream->stopped)
        gee_flow_took(flow);
}

static void on_stream_began(gee_flow_t *flow, const gee_metadata_t *metadata) {
    note(GEE_CONTAINER(flow, stream_t, flow), "began", metadata);
}

static void on_stream_ended(gee_flow_t *flow, const gee_event_t *end, bool from_peer) {
    stream_t *stream = GEE_CONTAINER(flow, stream_t, flow);
    stream->ended++;
    stream->from_peer = from_peer;
    stream->code = end->status.code;
    snprintf(stream->error, sizeof(stream->error), "%.*s", GEE_STR_ARGUMENTS(end->status.text));
    if (end->parts & GEE_EVENT_MESSAGE && end->payload.length > 0 && end->status.code == GEE_OK)
        stream->result = number_in(stream, &end->payload);
    note(stream, "initial", &end->metadata);
    if (end->more == NULL)
        return;
    note(stream, "end", &end->more->trailing);
    if (end->more->details.length == 4 && memcmp(end->more->details.data, "\0why", 4) == 0)
        strcat(stream->beside, "details;");
}

static void on_stream_room(gee_flow_t *flow) {
    GEE_CONTAINER(flow, stream_t, flow)->rooms++;
}

static const gee_flow_events_t stream_events = {
    .message = on_stream_message, .began = on_stream_began, .ended = on_stream_ended, .room = on_stream_room
};

static const gee_codec_t *codec_named(const char *name) {
    return gee_module_find(gee_modules, GEE_MODULE_CODEC, gee_str(name));
}

/* `type` null: begins without a message. */
static void open_with(world_t *world, gee_session_t *session, stream_t *stream, const char *method, const char *codec,
                      const gee_type_t *type, const void *message, int64_t timeout_ns) {
    gee_error_t error = { 0 };
    gee_event_t request = { .parts = GEE_EVENT_BEGIN | (type != NULL ? GEE_EVENT_MESSAGE : 0),
                            .method = gee_str(method),
                            .codec = codec_named(codec),
                            .timeout_ns = timeout_ns };
    *stream = (stream_t){ .world = world, .result = -1 };
    if (type != NULL)
        request.payload = (gee_payload_t){ .kind = GEE_PAYLOAD_TYPED, .type = type, .typed = message };
    if (gee_session_open(session, &stream->outgoing, &stream->flow, &stream_events, &request, &error) != 0)
        fail_msg("%s", error.text);
}

static void open_list(world_t *world, gee_session_t *session, stream_t *stream, int64_t to, int64_t timeout_ns) {
    const pair_t range = { 1, to };
    open_with(world, session, stream, "S.List", "bin", GEE_TYPE_OF(pair_t), &range, timeout_ns);
    gee_flow_half_close(&stream->flow);
}

static gee_sent_t send_number(stream_t *stream, int64_t number) {
    gee_error_t error = { 0 };
    const gee_payload_t payload = { .kind = GEE_PAYLOAD_TYPED, .type = GEE_TYPE_OF(int64_t), .typed = &number };
    gee_sent_t sent = gee_flow_send(&stream->flow, &payload, &error);
    if (error.code != GEE_OK)
        fail_msg("%s", error.text);
    return sent;
}

static void expect_end(world_t *world, stream_t *stream, gee_code_t code, const char *text) {
    TURN_UNTIL(world, stream->ended > 0);
    if (stream->ended != 1 || stream->code != code || (text != NULL && strstr(stream->error, text) == NULL))
        fail_msg("%zu times %d \"%s\" instead of %d \"%s\"", stream->ended, stream->code, stream->error, code,
                 text ? text : "");
}

/* A unary call on the same connections. */
static void expect_unary(world_t *world, gee_session_t *session) {
    const int64_t number = 5;
    outcome_t outcome = { .reply = GEE_TYPE_OF(int64_t) };
    begin(session, "S.Say", GEE_TYPE_OF(int64_t), &number, &outcome);
    await(world, &outcome, GEE_OK, NULL);
    assert_int_equal(outcome.number, 5);
}

/* ---- what passes ---- */

static void check_kinds(bool declared, const char *codec) {
    enum { MANY = 20000 };
    world_t world;
    stream_t all, sum, echo;
    const int64_t first = 1;
    const pair_t range = { 1, MANY };
    streams_create(&world, declared, 0);
    gee_session_t *session = call_gateway(&world, "geerpc", "bin");
    open_with(&world, session, &all, "S.List", codec, GEE_TYPE_OF(pair_t), &range, 0);
    gee_flow_half_close(&all.flow);
    open_with(&world, session, &sum, "S.Sum", codec, GEE_TYPE_OF(int64_t), &first, 0);
    open_with(&world, session, &echo, "S.Hold", codec, NULL, NULL, 0);
    for (int64_t number = 2; number <= MANY; number++)
        if (send_number(&sum, number) == GEE_SENT_FULL) {
            size_t rooms = sum.rooms;
            TURN_UNTIL(&world, sum.rooms > rooms);
        }
    gee_flow_half_close(&sum.flow);
    expect_end(&world, &sum, GEE_OK, NULL);
    assert_int_equal(sum.result, (int64_t)MANY * (MANY + 1) / 2);
    assert_int_equal(server.heard, MANY - 1 + 1);
    expect_end(&world, &all, GEE_OK, NULL);
    assert_int_equal(all.count, MANY);
    assert_int_equal(echo.ended, 0); /* no half of that was closed */
    gee_flow_half_close(&echo.flow);
    expect_end(&world, &echo, GEE_OK, NULL);
    assert_int_equal(server.cancelled, 0);
    world_destroy(&world);
}

static void every_kind_passes(void **state GEE_UNUSED) {
    check_kinds(true, "bin");
    check_kinds(false, "bin"); /* whose kinds are not known here */
    check_kinds(true, "json"); /* the gateway's connections carry JSON, too */
}

static void texts_come_back_one_by_one(void **state GEE_UNUSED) {
    world_t world;
    stream_t stream;
    gee_error_t error = { 0 };
    const text_t text = { GEE_STR("caf\xc3\xa9") };
    streams_create(&world, true, 0);
    gee_session_t *session = call_gateway(&world, "geerpc", "bin");
    open_with(&world, session, &stream, "S.Echo", "bin", NULL, NULL, 0);
    stream.text = text.text;
    for (int64_t i = 1; i <= 10; i++) {
        const gee_payload_t payload = { .kind = GEE_PAYLOAD_TYPED, .type = GEE_TYPE_OF(text_t), .typed = &text };
        assert_int_equal(gee_flow_send(&stream.flow, &payload, &error), GEE_SENT_FULL - (i > 1));
        TURN_UNTIL(&world, stream.count == i);
    }
    gee_flow_half_close(&stream.flow);
    expect_end(&world, &stream, GEE_OK, NULL);
    world_destroy(&world);
}

static void metadata_and_details_come_back(void **state GEE_UNUSED) {
    world_t world;
    stream_t stream;
    const int64_t count = 3, none = 0;
    streams_create(&world, false, 0);
    gee_session_t *session = call_gateway(&world, "geerpc", "bin");
    open_with(&world, session, &stream, "S.Fail", "bin", GEE_TYPE_OF(int64_t), &count, 0);
    expect_end(&world, &stream, GEE_ABORTED, "enough");
    assert_int_equal(stream.count, 3);
    assert_string_equal(stream.beside, "began color=red;began color=blue;end cost=7;details;");
    open_with(&world, session, &stream, "S.Fail", "bin", GEE_TYPE_OF(int64_t), &none, 0);
    expect_end(&world, &stream, GEE_ABORTED, "enough");
    assert_string_equal(stream.beside, "initial color=red;initial color=blue;end cost=7;details;");
    world_destroy(&world);
}

static char beside_unary[512];

static void unary_done(gee_outgoing_t *outgoing GEE_UNUSED, const gee_event_t *reply) {
    stream_t stream = { .result = -1 };
    on_stream_ended(&stream.flow,
                    &(gee_event_t){ .status = reply->status, .metadata = reply->metadata, .more = reply->more }, true);
    snprintf(beside_unary, sizeof(beside_unary), "%d %s", stream.code, stream.beside);
}

static void metadata_and_details_of_unary_replies_come_back(void **state GEE_UNUSED) {
    world_t world;
    const int64_t number = 4;
    gee_error_t error = { 0 };
    streams_create(&world, true, 0);
    gee_session_t *session = call_gateway(&world, "geerpc", "bin");
    const char *const named[] = { "S.Say", "S.FailUnary" };
    const char *const expected[] = { "0 initial color=red;initial color=blue;end cost=7;",
                                     "10 initial color=red;initial color=blue;end cost=7;details;" };
    for (size_t i = 0; i < 2; i++) {
        gee_outgoing_t outgoing = { .done = unary_done };
        gee_event_t request = { .method = gee_str(named[i]),
                                .payload = {
                                    .kind = GEE_PAYLOAD_TYPED, .type = GEE_TYPE_OF(int64_t), .typed = &number } };
        beside_unary[0] = '\0';
        assert_int_equal(gee_session_call(session, &outgoing, &request, &error), 0);
        TURN_UNTIL(&world, beside_unary[0] != '\0');
        assert_string_equal(beside_unary, expected[i]);
    }
    world_destroy(&world);
}

/* ---- what is held back ---- */

enum { COST = GEE_FLOW_MESSAGE_COST + 1, HOP = 2 * (GEE_FLOW_WINDOW / COST + 1) };

static void a_reader_that_stops_holds_the_server(void **state GEE_UNUSED) {
    enum { MANY = 50000 };
    world_t world;
    stream_t stream;
    streams_create(&world, true, 0);
    gee_session_t *session = call_gateway(&world, "geerpc", "bin");
    open_list(&world, session, &stream, MANY, 0);
    stream.stopped = true;
    TURN_UNTIL(&world, stream.count == 1);
    for (int i = 0; i < 50; i++)
        expect_unary(&world, session);
    int64_t sent = server.sent;
    assert_true(sent < HOP + 2);
    expect_unary(&world, session);
    assert_int_equal(server.sent, sent); /* whatever time goes by */
    assert_int_equal(stream.count, 1);
    assert_in_range(gee_memory_held(world.engine), GEE_FLOW_WINDOW / 2, 1 << 20); /* what waits counts */
    stream.stopped = false;
    gee_flow_took(&stream.flow);
    expect_end(&world, &stream, GEE_OK, NULL);
    assert_int_equal(stream.count, MANY);
    world_destroy(&world);
}

static void a_server_that_stops_holds_the_caller(void **state GEE_UNUSED) {
    world_t world;
    stream_t stream;
    const int64_t first = 1;
    int64_t sent = 1, rounds = 0;
    streams_create(&world, true, 0);
    gee_session_t *session = call_gateway(&world, "geerpc", "bin");
    open_with(&world, session, &stream, "S.Hold", "bin", GEE_TYPE_OF(int64_t), &first, 0);
    TURN_UNTIL(&world, server.paused != NULL);
    for (; rounds < 50; rounds++) { /* as long as there is room, and that is not for long */
        while (gee_flow_has_room(&stream.flow))
            (void)send_number(&stream, ++sent);
        expect_unary(&world, session);
    }
    assert_true(sent < HOP + 2);
    assert_false(gee_flow_has_room(&stream.flow));
    assert_int_equal(server.heard, 1);
    gee_call_resume(server.paused);
    TURN_UNTIL(&world, stream.count == sent);
    gee_flow_half_close(&stream.flow);
    expect_end(&world, &stream, GEE_OK, NULL);
    assert_int_equal(server.heard, sent);
    world_destroy(&world);
}

/* ---- how it ends ---- */

static void a_server_that_has_ended_may_go_while_its_messages_wait(void **state GEE_UNUSED) {
    enum { MANY = 3000 };
    world_t world;
    stream_t stream;
    streams_create(&world, true, 0);
    gee_session_t *session = call_gateway(&world, "geerpc", "bin");
    open_list(&world, session, &stream, MANY, 0);
    stream.stopped = true;
    TURN_UNTIL(&world, server.sent == MANY && stream.count == 1 && server_report(&world).in_flight == 0);
    GEE_LIST_EACH(&world.fixture->engine->sessions, link) {
        gee_session_t *each = GEE_CONTAINER(link, gee_session_t, link);
        if (each->role == GEE_SERVING)
            gee_session_close(each, NULL);
    }
    TURN_UNTIL(&world, server_report(&world).connections == 0);
    assert_int_equal(stream.ended, 0);
    stream.stopped = false;
    gee_flow_took(&stream.flow);
    expect_end(&world, &stream, GEE_OK, NULL);
    assert_int_equal(stream.count, MANY);
    world_destroy(&world);
}

static void a_caller_may_go_while_a_server_has_ended(void **state GEE_UNUSED) {
    world_t world;
    stream_t stream;
    streams_create(&world, true, 0);
    gee_session_t *session = call_gateway(&world, "geerpc", "bin");
    open_list(&world, session, &stream, 3000, 0);
    stream.stopped = true;
    TURN_UNTIL(&world, server.sent == 3000 && stream.count == 1 && server_report(&world).in_flight == 0);
    gee_session_close(session, NULL);
    TURN_UNTIL(&world, world.engine->live_calls == 0);
    world_destroy(&world);
}

static void a_server_that_dies_ends_the_call_once(void **state GEE_UNUSED) {
    world_t world;
    stream_t stream, list_of;
    const int64_t first = 1;
    streams_create(&world, true, 0);
    gee_session_t *session = call_gateway(&world, "geerpc", "bin");
    open_with(&world, session, &stream, "S.Hold", "bin", GEE_TYPE_OF(int64_t), &first, 0);
    open_list(&world, session, &list_of, 1000000, 0);
    list_of.stopped = true;
    TURN_UNTIL(&world, stream.count == 1 && list_of.count == 1);
    kill_sessions(world.fixture);
    TURN_UNTIL(&world, server.cancelled == 2); /* there, too */
    expect_end(&world, &stream, GEE_UNAVAILABLE, "rpc gateway: upstream test: tcp@127.0.0.1:");
    list_of.stopped = false;
    gee_flow_took(&list_of.flow);
    expect_end(&world, &list_of, GEE_UNAVAILABLE, "rpc gateway: upstream test: tcp@127.0.0.1:");
    world_destroy(&world);
}

static void a_cancel_reaches_the_server(void **state GEE_UNUSED) {
    world_t world;
    stream_t stream;
    streams_create(&world, true, 0);
    gee_session_t *session = call_gateway(&world, "geerpc", "bin");
    open_list(&world, session, &stream, 1000000, 0);
    stream.stopped = true;
    TURN_UNTIL(&world, stream.count == 1);
    gee_session_forget(session, &stream.outgoing);
    TURN_UNTIL(&world, server.cancelled == 1 && world.engine->live_calls == 0);
    assert_int_equal(stream.ended, 0);
    expect_unary(&world, session);
    world_destroy(&world);
}

static void a_caller_that_is_gone_cancels_the_call_at_the_server(void **state GEE_UNUSED) {
    world_t world;
    stream_t stream;
    streams_create(&world, true, 0);
    gee_session_t *session = call_gateway(&world, "geerpc", "bin");
    open_list(&world, session, &stream, 1000000, 0);
    stream.stopped = true;
    TURN_UNTIL(&world, stream.count == 1);
    gee_session_close(session, NULL);
    TURN_UNTIL(&world, server.cancelled == 1 && world.engine->live_calls == 0);
    assert_int_equal(stream.ended, 1);
    world_destroy(&world);
}

/* Whoever holds the call up. */
static void a_deadline_ends_the_call(void **state GEE_UNUSED) {
    for (int stopped = 0; stopped <= 1; stopped++) {
        world_t world;
        stream_t stream;
        const int64_t first = 1;
        streams_create(&world, true, 60 * GEE_MILLISECOND);
        gee_session_t *session = call_gateway(&world, "geerpc", "bin");
        open_with(&world, session, &stream, "S.Hold", "bin", GEE_TYPE_OF(int64_t), &first, 0);
        stream.stopped = stopped;
        TURN_UNTIL(&world, server.cancelled == 1 && world.engine->live_calls == 0);
        if (stopped)
            gee_flow_took(&stream.flow);
        expect_end(&world, &stream, GEE_DEADLINE_EXCEEDED, "expect within 60ms");
        expect_unary(&world, session);
        world_destroy(&world);
    }
}

/* The END has come, and the caller does not take what is in front of it. */
static void a_deadline_ends_a_call_whose_server_has_ended(void **state GEE_UNUSED) {
    enum { MANY = 3000 };
    world_t world;
    stream_t stream;
    streams_create(&world, true, 200 * GEE_MILLISECOND);
    gee_session_t *session = call_gateway(&world, "geerpc", "bin");
    open_list(&world, session, &stream, 2 * MANY, 0);
    stream.stopped = true;
    TURN_UNTIL(&world, stream.count == 1 && world.engine->live_calls == 1);
    TURN_UNTIL(&world, world.engine->live_calls == 0);
    stream.stopped = false;
    gee_flow_took(&stream.flow);
    expect_end(&world, &stream, GEE_DEADLINE_EXCEEDED, "expect within 200ms");
    world_destroy(&world);
}

static void a_message_over_the_limit_ends_its_call_alone(void **state GEE_UNUSED) {
    static char long_text[2 << 20];
    world_t world;
    stream_t stream, other;
    gee_error_t error = { 0 };
    const int64_t first = 1;
    memset(long_text, 'x', sizeof(long_text));
    streams_create(&world, true, 0);
    gee_session_t *session = call_gateway(&world, "geerpc", "bin");
    open_with(&world, session, &other, "S.Hold", "bin", GEE_TYPE_OF(int64_t), &first, 0);
    open_with(&world, session, &stream, "S.Echo", "bin", NULL, NULL, 0);
    const text_t text = { { long_text, sizeof(long_text) } };
    const gee_payload_t payload = { .kind = GEE_PAYLOAD_TYPED, .type = GEE_TYPE_OF(text_t), .typed = &text };
    TURN_UNTIL(&world, other.count == 1);
    assert_int_not_equal(gee_flow_send(&stream.flow, &payload, &error), GEE_SEND_ENDED);
    expect_end(&world, &stream, GEE_RESOURCE_EXHAUSTED, "limits.message");
    assert_int_equal(other.ended, 0);
    gee_call_resume(server.paused);
    gee_flow_half_close(&other.flow);
    expect_end(&world, &other, GEE_OK, NULL);
    world_destroy(&world);
}

static void what_cannot_be_translated_is_refused(void **state GEE_UNUSED) {
    world_t world;
    stream_t stream;
    const char broken[] = "{\"A\":";
    gee_error_t error = { 0 };
    streams_create(&world, true, 0);
    gee_session_t *session = call_gateway(&world, "geerpc", "bin");
    open_with(&world, session, &stream, "S.Echo", "json", NULL, NULL, 0);
    const gee_payload_t payload = { .kind = GEE_PAYLOAD_BYTES,
                                    .codec = codec_named("json"),
                                    .bytes = (const uint8_t *)broken,
                                    .length = sizeof(broken) - 1 };
    assert_int_not_equal(gee_flow_send(&stream.flow, &payload, &error), GEE_SEND_ENDED);
    expect_end(&world, &stream, GEE_INVALID_ARGUMENT, "rpc server: S.Echo: ");
    expect_unary(&world, session);
    world_destroy(&world);
}

static void a_wire_without_streaming_calls_says_so(void **state GEE_UNUSED) {
    static const char *const wires[][2] = { { "geerpc", "gob" }, { "jsonrpc", "json" }, { "netrpc", "gob" } };
    for (size_t i = 0; i < GEE_LENGTH(wires); i++) {
        world_t world;
        stream_t stream;
        const pair_t range = { 1, 2 };
        world_create_for(&world, &limits, wires[i][0], wires[i][1], (gee_service_entry_t){ .service = &service }, 0);
        gee_session_t *session = call_gateway(&world, "geerpc", "bin");
        open_with(&world, session, &stream, "S.List", "bin", GEE_TYPE_OF(pair_t), &range, 0);
        expect_end(&world, &stream, GEE_UNIMPLEMENTED, "no streaming calls");
        assert_non_null(strstr(stream.error, "rpc gateway: upstream test: tcp@127.0.0.1:"));
        world_destroy(&world);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kind_passes),
        cmocka_unit_test(texts_come_back_one_by_one),
        cmocka_unit_test(metadata_and_details_come_back),
        cmocka_unit_test(metadata_and_details_of_unary_replies_come_back),
        cmocka_unit_test(a_reader_that_stops_holds_the_server),
        cmocka_unit_test(a_server_that_stops_holds_the_caller),
        cmocka_unit_test(a_server_that_has_ended_may_go_while_its_messages_wait),
        cmocka_unit_test(a_caller_may_go_while_a_server_has_ended),
        cmocka_unit_test(a_server_that_dies_ends_the_call_once),
        cmocka_unit_test(a_cancel_reaches_the_server),
        cmocka_unit_test(a_caller_that_is_gone_cancels_the_call_at_the_server),
        cmocka_unit_test(a_deadline_ends_the_call),
        cmocka_unit_test(a_deadline_ends_a_call_whose_server_has_ended),
        cmocka_unit_test(a_message_over_the_limit_ends_its_call_alone),
        cmocka_unit_test(what_cannot_be_translated_is_refused),
        cmocka_unit_test(a_wire_without_streaming_calls_says_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
