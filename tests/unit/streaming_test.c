/* streaming_test.c: handlers of streaming methods, on the loop and on the pool: when they run, what they may keep and
 * for how long, and that all of it comes back however a call ends. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <malloc.h>
#include <pthread.h>
#include <stdatomic.h>

#include "support/streaming.h"

/* ---- the service under test ---- */

static atomic_int heards, half_closes, rooms, sends, after_end, releases;
static atomic_bool inside; /* a handler of the watched call */
static gee_call_t *held_call;
static const gee_str_t *kept_text;

static void note_release(void *data) {
    assert_false(atomic_load(&inside));
    releases++;
    if (data != &releases)
        free(data);
}

/* Messages of one call never run at once. */
static void enter(void) {
    assert_false(atomic_exchange(&inside, true));
    heards++;
}
static void leave(void) {
    atomic_store(&inside, false);
}

static void hear(gee_call_t *call, const int64_t *number) {
    enter();
    if (*number == 0)
        gee_call_set_data(call, malloc(1), note_release);
    if (*number >= 0)
        (void)GEE_SEND(call, int64_t, number);
    held_call = call;
    leave();
}
static void no_more(gee_call_t *call) {
    half_closes++;
    gee_end(call);
}
static void stay(gee_call_t *call GEE_UNUSED) {
    half_closes++;
}

/* Ends its call at 3 and goes on all the same. */
static void end_at_three(gee_call_t *call, const int64_t *number) {
    heards++;
    if (*number < 3)
        return;
    gee_end(call);
    assert_int_equal(GEE_SEND(call, int64_t, number), GEE_SEND_ENDED);
}

static void fail_at_three(gee_call_t *call, const int64_t *number) {
    heards++;
    (void)GEE_SEND(call, int64_t, number);
    if (*number == 3)
        gee_fail(call, GEE_ABORTED, "at three");
}

static void keep_first(gee_call_t *call, const gee_str_t *text) {
    if (heards++ == 0) {
        gee_message_keep(call);
        kept_text = text;
    }
    (void)GEE_SEND(call, gee_str_t, kept_text);
}

static void sum_up(gee_call_t *call GEE_UNUSED, const int64_t *number, int64_t *sum) {
    enter();
    *sum += *number;
    leave();
}
static void summed(gee_call_t *call, int64_t *sum GEE_UNUSED) {
    gee_reply(call);
}

/* Sends until it may not. */
static void send_on(gee_call_t *call, const int64_t *number) {
    int64_t next = *number;
    gee_call_set_data(call, &releases, note_release);
    heards++;
    while (GEE_SEND(call, int64_t, &next) != GEE_SEND_ENDED) {
        next++;
        sends++;
    }
    after_end++;
}

static pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER; /* held by a test: Wait waits */
static void wait_for_gate(gee_call_t *call, const int64_t *number) {
    heards++;
    gee_call_set_data(call, &releases, note_release);
    pthread_mutex_lock(&gate);
    pthread_mutex_unlock(&gate);
    if (GEE_SEND(call, int64_t, number) == GEE_SEND_ENDED)
        after_end++;
    gee_end(call);
}

static void note_room(gee_call_t *call GEE_UNUSED, void *data) {
    assert_ptr_equal(data, &rooms);
    rooms++;
}
/* Messages that came in the pause are delivered now, and may end the call. */
static void resume_at_room(gee_call_t *call, void *data GEE_UNUSED) {
    enter();
    gee_call_resume(call);
    rooms++;
    leave();
}
static void pause_at_first(gee_call_t *call, const int64_t *number GEE_UNUSED) {
    gee_call_set_data(call, &releases, note_release);
    gee_call_pause(call);
    held_call = call;
}
static void fill(gee_call_t *call, const int64_t *count) {
    for (int64_t i = 0; i < *count; i++)
        if (GEE_SEND(call, int64_t, &i) == GEE_SENT_FULL) {
            gee_call_on_room(call, note_room, &rooms);
            held_call = call;
            return;
        }
    gee_end(call);
}

static void set_twice(gee_call_t *call, const int64_t *number) {
    gee_call_set_data(call, malloc(1), note_release);
    gee_call_set_data(call, malloc(1), note_release);
    assert_int_equal(releases, 1);
    assert_non_null(gee_call_data(call));
    (void)GEE_SEND(call, int64_t, number);
    gee_end(call);
}

/* From a thread of its own, while the handler has returned. */
static void *end_from_thread(void *data) {
    int64_t number = 7;
    (void)GEE_SEND(data, int64_t, &number);
    gee_end(data);
    return NULL;
}
static void end_elsewhere(gee_call_t *call, const int64_t *number GEE_UNUSED) {
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, end_from_thread, call), 0);
    pthread_detach(thread);
}

static const gee_method_t methods[] = {
    GEE_BIDI_STREAM("Hear", hear, no_more, int64_t, int64_t, 0),
    GEE_BIDI_STREAM("HearBlocking", hear, no_more, int64_t, int64_t, GEE_BLOCKING),
    GEE_BIDI_STREAM("Stay", hear, stay, int64_t, int64_t, 0),
    GEE_BIDI_STREAM("EndAtThree", end_at_three, stay, int64_t, int64_t, 0),
    GEE_BIDI_STREAM("EndAtThreeBlocking", end_at_three, stay, int64_t, int64_t, GEE_BLOCKING),
    GEE_BIDI_STREAM("FailAtThree", fail_at_three, stay, int64_t, int64_t, 0),
    GEE_BIDI_STREAM("FailAtThreeBlocking", fail_at_three, stay, int64_t, int64_t, GEE_BLOCKING),
    GEE_BIDI_STREAM("KeepFirst", keep_first, no_more, gee_str_t, gee_str_t, 0),
    GEE_BIDI_STREAM("KeepFirstBlocking", keep_first, no_more, gee_str_t, gee_str_t, GEE_BLOCKING),
    GEE_CLIENT_STREAM("Sum", sum_up, summed, int64_t, int64_t, 0),
    GEE_CLIENT_STREAM("SumBlocking", sum_up, summed, int64_t, int64_t, GEE_BLOCKING),
    GEE_SERVER_STREAM("SendOn", send_on, int64_t, int64_t, GEE_BLOCKING),
    GEE_SERVER_STREAM("Wait", wait_for_gate, int64_t, int64_t, GEE_BLOCKING),
    GEE_BIDI_STREAM("Pause", pause_at_first, stay, int64_t, int64_t, 0),
    GEE_SERVER_STREAM("Fill", fill, int64_t, int64_t, 0),
    GEE_SERVER_STREAM("SetTwice", set_twice, int64_t, int64_t, 0),
    GEE_SERVER_STREAM("EndElsewhere", end_elsewhere, int64_t, int64_t, GEE_BLOCKING),
};
static const gee_service_t service = { .name = "Test", .methods = methods, .method_count = GEE_LENGTH(methods) };

static const char *const on_loop_and_pool[][2] = { { "Test.Hear", "Test.HearBlocking" },
                                                   { "Test.EndAtThree", "Test.EndAtThreeBlocking" },
                                                   { "Test.FailAtThree", "Test.FailAtThreeBlocking" },
                                                   { "Test.KeepFirst", "Test.KeepFirstBlocking" },
                                                   { "Test.Sum", "Test.SumBlocking" } };

static world_t *open_world(void) {
    heards = half_closes = rooms = sends = after_end = releases = 0;
    inside = false;
    held_call = NULL;
    kept_text = NULL;
    return world_of_geerpc(&service);
}

/* The peer has said that it has streams: what is sent goes out at once. */
static void settle(world_t *world) {
    caller_t caller = { 0 };
    caller_open(world, &caller, "Test.Sum");
    gee_flow_half_close(&caller.flow);
    ASSERT_ENDED(&caller, GEE_OK);
}

static void ask_number(world_t *world, caller_t *caller, const char *method, int64_t number) {
    caller_ask(world, caller, method, GEE_TYPE_OF(int64_t), &number);
}

/* ---- when handlers run ---- */

static void test_nothing_is_heard_behind_the_end(void **state GEE_UNUSED) {
    for (int where = 0; where < 2; where++) {
        world_t *world = open_world();
        caller_t caller = { 0 };
        settle(world);
        caller_open(world, &caller, on_loop_and_pool[1][where]);
        for (int64_t number = 1; number <= 6; number++)
            assert_int_equal(caller_send_number(&caller, number), GEE_SENT);
        gee_flow_half_close(&caller.flow);
        ASSERT_ENDED(&caller, GEE_OK);
        TURN_UNTIL(world, world->engine->live_calls == 0);
        assert_int_equal(heards, 3);
        assert_int_equal(half_closes, 0);
        assert_int_equal(caller.heard, 0);
        assert_null(strstr(world->log_text, "twice"));
        world_destroy(world);
    }
}

static void test_a_failure_in_mid_stream(void **state GEE_UNUSED) {
    for (int where = 0; where < 2; where++) {
        world_t *world = open_world();
        caller_t caller = { 0 };
        settle(world);
        caller_open(world, &caller, on_loop_and_pool[2][where]);
        for (int64_t number = 1; number <= 6; number++)
            assert_int_equal(caller_send_number(&caller, number), GEE_SENT);
        ASSERT_ENDED(&caller, GEE_ABORTED);
        assert_string_equal(caller.reason, "at three");
        TURN_UNTIL(world, world->engine->live_calls == 0);
        assert_int_equal(heards, 3);
        assert_int_equal(caller.heard, 3);
        world_destroy(world);
    }
}

static void test_a_message_that_is_kept(void **state GEE_UNUSED) {
    for (int where = 0; where < 2; where++) {
        world_t *world = open_world();
        caller_t caller = { .type = GEE_TYPE_OF(gee_str_t) };
        settle(world);
        caller_open(world, &caller, on_loop_and_pool[3][where]);
        (void)caller_send_text(&caller, "the first", 9);
        (void)caller_send_text(&caller, "xxxxxxxxx", 9);
        (void)caller_send_text(&caller, "yyyyyyyyy", 9);
        TURN_UNTIL(world, caller.heard == 3);
        assert_string_equal(caller.text, "the first");
        gee_flow_half_close(&caller.flow);
        ASSERT_ENDED(&caller, GEE_OK);
        world_destroy(world);
    }
}

static void test_the_reply_is_the_accumulator(void **state GEE_UNUSED) {
    for (int where = 0; where < 2; where++) {
        world_t *world = open_world();
        for (int round = 0; round < 2; round++) { /* zeroed in memory that is used again, too */
            caller_t caller = { 0 };
            caller_open(world, &caller, on_loop_and_pool[4][where]);
            for (int64_t number = 1; number <= 4; number++)
                (void)caller_send_number(&caller, number);
            gee_flow_half_close(&caller.flow);
            ASSERT_ENDED(&caller, GEE_OK);
            assert_int_equal(caller.numbers[0], 10);
        }
        world_destroy(world);
    }
}

static void test_a_call_ended_by_another_thread(void **state GEE_UNUSED) {
    world_t *world = open_world();
    caller_t caller = { 0 };
    ask_number(world, &caller, "Test.EndElsewhere", 1);
    ASSERT_ENDED(&caller, GEE_OK);
    assert_int_equal(caller.heard, 1);
    assert_int_equal(caller.numbers[0], 7);
    world_destroy(world);
}

static void test_room_is_told_once(void **state GEE_UNUSED) {
    world_t *world = open_world();
    caller_t caller = { .takes_late = true };
    ask_number(world, &caller, "Test.Fill", 1000000);
    TURN_UNTIL(world, held_call != NULL && caller.heard == 1);
    assert_int_equal(rooms, 0);
    caller.takes_late = false;
    gee_flow_took(&caller.flow);
    TURN_UNTIL(world, rooms > 0);
    turn(world, 10);
    assert_int_equal(rooms, 1);
    gee_end(held_call);
    ASSERT_ENDED(&caller, GEE_OK);
    world_destroy(world);
}

/* The callback for room goes on reading, and what waited ends the call: its memory waits for the callback. */
static void test_a_call_that_ends_under_its_callback_for_room(void **state GEE_UNUSED) {
    world_t *world = open_world();
    caller_t caller = { .takes_late = true };
    settle(world);
    caller_open(world, &caller, "Test.Pause");
    (void)caller_send_number(&caller, 1);
    TURN_UNTIL(world, held_call != NULL);
    int64_t number = 2;
    while (GEE_SEND(held_call, int64_t, &number) != GEE_SENT_FULL)
        continue;
    gee_call_on_room(held_call, resume_at_room, NULL);
    (void)caller_send_text(&caller, "no number", 9);
    TURN_UNTIL(world, caller.heard == 1);
    turn(world, 10);
    assert_int_equal(rooms + releases, 0);
    caller.takes_late = false;
    gee_flow_took(&caller.flow);
    ASSERT_ENDED(&caller, GEE_INVALID_ARGUMENT);
    TURN_UNTIL(world, releases == 1);
    assert_int_equal(rooms, 1);
    world_destroy(world);
}

/* ---- the owner of a caller's flow gives up in a callback ---- */

/* And has no flow any more when that returns. */
static void give_up(gee_flow_t *flow) {
    caller_t *caller = GEE_CONTAINER(flow, caller_t, flow);
    caller->begun++;
    caller_cancel(caller);
    memset(flow, 0xa5, sizeof(*flow));
}
static void give_up_at_metadata(gee_flow_t *flow, const gee_metadata_t *metadata GEE_UNUSED) {
    give_up(flow);
}
static void give_up_at_message(gee_flow_t *flow, const gee_payload_t *payload GEE_UNUSED) {
    give_up(flow);
}
static const gee_flow_events_t giving_up[] = { { .began = give_up_at_metadata }, { .message = give_up_at_message } };

/* Metadata, message and credit may come as one event. */
static void test_a_caller_gives_up_in_the_middle_of_an_event(void **state GEE_UNUSED) {
    static __typeof__(*((gee_metadata_t *)0)->items) pair = { .key = GEE_STR("key"), .value = GEE_STR("value") };
    for (size_t where = 0; where < GEE_LENGTH(giving_up); where++) {
        world_t *world = open_world();
        caller_t caller = { 0 };
        const gee_event_more_t more = { .credit = 100 };
        settle(world);
        caller_open(world, &caller, "Test.Hear");
        caller.flow.events = &giving_up[where];
        const gee_event_t event = { .parts = GEE_EVENT_MESSAGE | GEE_EVENT_CREDIT,
                                    .token = { .number = caller.outgoing.number },
                                    .metadata = { .items = &pair, .count = 1 },
                                    .codec = world->client->codec,
                                    .payload = { .kind = GEE_PAYLOAD_BYTES, .codec = world->client->codec },
                                    .more = &more };
        gee_session_event(world->client, &event);
        assert_int_equal(caller.begun, 1);
        TURN_UNTIL(world, world->engine->live_calls == 0);
        world_destroy(world);
    }
}

/* ---- what handlers keep ---- */

static void test_data_that_is_set_again(void **state GEE_UNUSED) {
    world_t *world = open_world();
    caller_t caller = { 0 };
    ask_number(world, &caller, "Test.SetTwice", 1);
    ASSERT_ENDED(&caller, GEE_OK);
    TURN_UNTIL(world, releases == 2);
    world_destroy(world);
}

typedef enum ending { HALF_CLOSE, CANCEL, DEADLINE, RULE_BROKEN, PEER_GONE, SERVER_GONE, ENDINGS } ending_t;

static void end_so(world_t *world, caller_t *caller, ending_t ending) {
    const gee_event_t again = { .parts = GEE_EVENT_HALF_CLOSE,
                                .token = { .number = caller->outgoing.number },
                                .flow = &caller->flow };
    gee_session_t *session = world->client;
    gee_error_t error;
    switch (ending) {
    case HALF_CLOSE:
        gee_flow_half_close(&caller->flow);
        break;
    case CANCEL:
        caller_cancel(caller);
        break;
    case RULE_BROKEN: /* a message behind the half-close */
        gee_flow_half_close(&caller->flow);
        assert_int_equal(session->protocol->send(session, session->protocol_state, &again, &error), 0);
        gee_stream_flush(session->stream);
        break;
    case PEER_GONE:
        gee_session_close(world->client, NULL);
        break;
    case SERVER_GONE:
        gee_session_close(server_of(world), NULL);
        break;
    case DEADLINE:
    case ENDINGS:
        break;
    }
}

static void test_data_is_released_once_however_a_call_ends(void **state GEE_UNUSED) {
    static const gee_code_t codes[] = { GEE_OK,        GEE_CANCELLED, GEE_DEADLINE_EXCEEDED, GEE_INVALID_ARGUMENT,
                                        GEE_CANCELLED, GEE_CANCELLED };
    for (int where = 0; where < 2; where++)
        for (ending_t ending = 0; ending < ENDINGS; ending++) {
            world_t *world = open_world();
            caller_t caller = { 0 };
            const char *method = where == 1 ? "Test.HearBlocking" : ending == RULE_BROKEN ? "Test.Stay" : "Test.Hear";
            caller_open_with(world, &caller, method, 0, NULL, NULL,
                             (gee_event_t){ .timeout_ns = ending == DEADLINE ? 20 * GEE_MILLISECOND : 0 });
            (void)caller_send_number(&caller, 0);
            TURN_UNTIL(world, heards == 1);
            end_so(world, &caller, ending);
            TURN_UNTIL(world, world->engine->live_calls == 0);
            assert_int_equal(releases, 1);
            /* The caller's own clock may be faster than the server's, and on the pool the handler faster than the
             * broken rule. */
            if (ending != DEADLINE ? where == 0 || ending != RULE_BROKEN : last_code != GEE_CANCELLED)
                assert_int_equal(last_code, codes[ending]);
            world_destroy(world);
            assert_int_equal(caller.ended, ending != CANCEL);
        }
}

/* ---- handlers that wait on the pool ---- */

/* GEE_SEND waits on the pool until the caller takes, and no longer than the call lasts. */
static void test_a_handler_that_waits_for_room_is_told_the_end(void **state GEE_UNUSED) {
    for (ending_t ending = CANCEL; ending < ENDINGS; ending++) {
        if (ending == RULE_BROKEN)
            continue;
        world_t *world = open_world();
        caller_t caller = { .takes_late = true };
        int64_t number = 1;
        caller_open_with(world, &caller, "Test.SendOn", GEE_EVENT_MESSAGE | GEE_EVENT_HALF_CLOSE, GEE_TYPE_OF(int64_t),
                         &number, (gee_event_t){ .timeout_ns = ending == DEADLINE ? 100 * GEE_MILLISECOND : 0 });
        TURN_UNTIL(world, caller.heard == 1);
        int before;
        do { /* until the handler waits */
            before = sends;
            assert_int_equal(gee_loop_once(world->loop, 20 * GEE_MILLISECOND), 0);
        } while (sends != before);
        assert_true(sends * GEE_FLOW_MESSAGE_COST <= 2 * GEE_FLOW_WINDOW * 10);
        end_so(world, &caller, ending);
        TURN_UNTIL(world, world->engine->live_calls == 0);
        assert_int_equal(after_end, 1);
        assert_int_equal(releases, 1);
        world_destroy(world);
    }
}

/* The memory of a call waits for its handler, whose outcome nobody hears. */
static void test_the_call_ends_while_its_handler_runs(void **state GEE_UNUSED) {
    for (ending_t ending = CANCEL; ending < ENDINGS; ending++) {
        if (ending == RULE_BROKEN)
            continue;
        world_t *world = open_world();
        caller_t caller = { 0 };
        int64_t number = 1;
        pthread_mutex_lock(&gate);
        caller_open_with(world, &caller, "Test.Wait", GEE_EVENT_MESSAGE | GEE_EVENT_HALF_CLOSE, GEE_TYPE_OF(int64_t),
                         &number, (gee_event_t){ .timeout_ns = ending == DEADLINE ? 20 * GEE_MILLISECOND : 0 });
        TURN_UNTIL(world, heards == 1);
        end_so(world, &caller, ending);
        TURN_UNTIL(world, filter_ends == 1);
        turn(world, 3);
        assert_int_equal(world->engine->live_calls, 1);
        assert_int_equal(releases, 0);
        pthread_mutex_unlock(&gate);
        TURN_UNTIL(world, world->engine->live_calls == 0);
        assert_int_equal(after_end, 1);
        assert_int_equal(releases, 1);
        assert_null(strstr(world->log_text, "twice"));
        world_destroy(world);
    }
}

/* A cancelled call whose handler was not run yet does not run it. */
static void test_a_call_cancelled_in_the_queue_of_the_pool(void **state GEE_UNUSED) {
    world_t *world = open_world();
    caller_t busy[2] = { { .heard = 0 } }, queued = { 0 };
    settle(world);
    pthread_mutex_lock(&gate);
    ask_number(world, &busy[0], "Test.Wait", 1);
    TURN_UNTIL(world, heards == 1);
    ask_number(world, &busy[1], "Test.Wait", 2);
    TURN_UNTIL(world, heards == 2);
    ask_number(world, &queued, "Test.EndElsewhere", 3);
    TURN_UNTIL(world, gee_thread_pool_waiting(world->threads) == 1);
    caller_cancel(&queued);
    TURN_UNTIL(world, world->engine->live_calls == 2);
    assert_int_equal(gee_thread_pool_waiting(world->threads), 0);
    pthread_mutex_unlock(&gate);
    ASSERT_ENDED(&busy[0], GEE_OK);
    ASSERT_ENDED(&busy[1], GEE_OK);
    world_destroy(world);
}

static void test_the_queue_of_the_pool_is_full(void **state GEE_UNUSED) {
    enum { CALLS = 110 }; /* two run, a hundred wait */
    world_t *world = open_world();
    caller_t *callers = calloc(CALLS, sizeof(*callers));
    int refused = 0;
    assert_non_null(callers);
    settle(world);
    for (int i = 0; i < CALLS; i++)
        ask_number(world, &callers[i], "Test.SendOn", i);
    for (int i = 0; i < CALLS; i++)
        callers[i].takes_late = true;
    TURN_UNTIL(world, callers[CALLS - 1].ended == 1);
    for (int i = 0; i < CALLS; i++)
        if (callers[i].ended) {
            refused++;
            assert_int_equal(callers[i].code, GEE_RESOURCE_EXHAUSTED);
            assert_non_null(strstr(callers[i].reason, "thread_pool.queue"));
        } else {
            caller_cancel(&callers[i]);
        }
    assert_true(refused >= 8);
    free(callers);
    world_destroy(world);
}

/* ---- filters ---- */

static gee_call_t *filtered;
static gee_verdict_t make_wait(void *state GEE_UNUSED, gee_call_t *call, gee_status_t *status GEE_UNUSED) {
    filtered = call;
    return GEE_FILTER_WAIT;
}
static const gee_filter_t waiting_filter = { .on_call = make_wait };
static const gee_module_t waiting_module = {
    .abi = GEE_MODULE_ABI, .kind = GEE_MODULE_FILTER, .name = "filter_waiting", .interface = &waiting_filter
};

static world_t *open_waiting_world(void) {
    world_destroy(open_world()); /* sets what is counted */
    const gee_filter_entry_t filter = { .module = &waiting_module };
    world_t *world = world_create(&service, NULL, &filter);
    world_connect(world, gee_module_find(gee_modules, GEE_MODULE_PROTOCOL, GEE_STR("geerpc")),
                  gee_module_find(gee_modules, GEE_MODULE_CODEC, GEE_STR("bin")));
    filtered = NULL;
    return world;
}

static void test_messages_wait_while_a_filter_does(void **state GEE_UNUSED) {
    world_t *world = open_waiting_world();
    caller_t caller = { 0 };
    caller_open(world, &caller, "Test.Hear");
    for (int64_t number = 0; number < 5; number++)
        (void)caller_send_number(&caller, number);
    gee_flow_half_close(&caller.flow);
    TURN_UNTIL(world, filtered != NULL);
    turn(world, 5);
    assert_int_equal(heards, 0);
    gee_call_proceed(filtered);
    ASSERT_ENDED(&caller, GEE_OK);
    assert_int_equal(caller.heard, 5);
    assert_int_equal(half_closes, 1);
    world_destroy(world);
}

static void test_a_call_refused_by_a_filter_that_had_it_wait(void **state GEE_UNUSED) {
    static const gee_status_t no = { .code = GEE_PERMISSION_DENIED, .text = GEE_STR("no") };
    world_t *world = open_waiting_world();
    caller_t caller = { 0 };
    caller_open(world, &caller, "Test.Hear");
    (void)caller_send_number(&caller, 1);
    TURN_UNTIL(world, filtered != NULL);
    turn(world, 5);
    gee_call_refuse(filtered, &no);
    ASSERT_ENDED(&caller, GEE_PERMISSION_DENIED);
    assert_int_equal(heards, 0);
    world_destroy(world);
}

/* ---- limits ---- */

static void test_streams_of_a_connection_are_bounded(void **state GEE_UNUSED) {
    world_t *world = open_world();
    caller_t first = { 0 }, second = { 0 }, third = { 0 };
    world->engine->limits.streams = 2;
    caller_open(world, &first, "Test.Hear");
    caller_open(world, &second, "Test.Hear");
    caller_open(world, &third, "Test.Hear");
    ASSERT_ENDED(&third, GEE_RESOURCE_EXHAUSTED);
    assert_non_null(strstr(third.reason, "limits.streams"));
    (void)caller_send_number(&first, 1);
    TURN_UNTIL(world, first.heard == 1);
    caller_cancel(&first);
    TURN_UNTIL(world, world->engine->live_calls == 1);
    third = (caller_t){ 0 };
    caller_open(world, &third, "Test.Hear");
    (void)caller_send_number(&third, 1);
    TURN_UNTIL(world, third.heard == 1);
    world_destroy(world);
    assert_int_equal(second.code, GEE_UNAVAILABLE);
}

/* Open streams are beside limits.calls: messages and further calls go on. */
static void test_open_streams_do_not_count_as_calls_in_flight(void **state GEE_UNUSED) {
    enum { STREAMS = 10 };
    world_t *world = open_world();
    caller_t callers[STREAMS] = { { .heard = 0 } };
    world->engine->limits.calls = 3;
    for (int i = 0; i < STREAMS; i++)
        caller_open(world, &callers[i], "Test.Hear");
    for (int i = 0; i < STREAMS; i++)
        (void)caller_send_number(&callers[i], i + 1);
    for (int i = 0; i < STREAMS; i++)
        TURN_UNTIL(world, callers[i].heard == 1);
    settle(world);
    world_destroy(world);
}

/* ---- the worker ends ---- */

static void test_the_engine_ends_with_open_calls(void **state GEE_UNUSED) {
    world_t *world = open_world();
    caller_t hear = { 0 }, fill_up = { .takes_late = true }, opening = { 0 };
    caller_open(world, &hear, "Test.Hear");
    (void)caller_send_number(&hear, 0);
    ask_number(world, &fill_up, "Test.Fill", 1000000);
    TURN_UNTIL(world, hear.heard == 1 && fill_up.heard == 1);
    caller_open(world, &opening, "Test.Hear");
    gee_thread_pool_destroy(&world->threads);
    gee_sessions_destroy(world->engine);
    assert_int_equal(world->engine->live_calls, 0);
    assert_int_equal(releases, 1);
    assert_int_equal(hear.ended + fill_up.ended + opening.ended, 3);
    world->client = NULL;
    gee_error_t error;
    world->threads = gee_thread_pool_create(1, 1, &error);
    world_destroy(world);
}

/* ---- memory ---- */

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define MEASURED false /* other allocators */
#else
#define MEASURED true
#endif

enum { CONNECTIONS = 100, STREAMS = 100 };

static size_t bytes_in_use(void) {
    struct mallinfo2 info = mallinfo2();
    return info.uordblks + info.hblkhd;
}

/* BEGIN of Test.Hear, and a message, by hand: a caller of ours would be measured, too. */
static void write_frame(int peer, uint8_t number, uint8_t kind, bool begins, const uint8_t *message, uint8_t length) {
    static const char method[] = "Test.Hear";
    uint8_t frame[64] = { 0 };
    size_t at = 10;
    if (begins) {
        frame[at++] = 0x0a;
        frame[at++] = sizeof(method) - 1;
        memcpy(frame + at, method, sizeof(method) - 1);
        at += sizeof(method) - 1;
    }
    const uint8_t rest[] = { 0x10, number, 0x20, kind };
    memcpy(frame + at, rest, sizeof(rest));
    at += sizeof(rest);
    frame[5] = (uint8_t)(at - 10);
    frame[9] = length;
    if (length > 0)
        memcpy(frame + at, message, length);
    at += length;
    assert_int_equal(write(peer, frame, at), at);
}

static void read_all(int peer) {
    char bytes[4096];
    while (read(peer, bytes, sizeof(bytes)) > 0)
        continue;
}

static void test_memory_of_an_idle_stream(void **state GEE_UNUSED) {
    static const char option[] = "{\"MagicNumber\":3927900,\"CodecType\":\"application/bin\"}";
    static const uint8_t one[] = { 0x08, 0x02 }; /* an int64_t: zigzag or not, it is not 0 */
    world_t *world = open_world();
    int peers[CONNECTIONS];
    for (int i = 0; i < CONNECTIONS; i++) {
        peers[i] = world_accept(world);
        assert_int_equal(write(peers[i], option, sizeof(option) - 1), sizeof(option) - 1);
    }
    TURN_UNTIL(world, world->engine->session_count == CONNECTIONS + 1);
    turn(world, 5);
    size_t before = bytes_in_use();
    for (int i = 0; i < CONNECTIONS; i++) {
        for (uint8_t number = 1; number <= STREAMS; number++) {
            write_frame(peers[i], number, 7, true, NULL, 0);
            write_frame(peers[i], number, 5, false, one, sizeof(one));
        }
        turn(world, 2);
        read_all(peers[i]);
    }
    TURN_UNTIL(world, heards == CONNECTIONS * STREAMS);
    turn(world, 5);
    for (int i = 0; i < CONNECTIONS; i++)
        read_all(peers[i]);
    turn(world, 5);
    assert_int_equal(gee_buf_cache_live(world->engine->buffers), 0);
    assert_int_equal(world->engine->live_calls, CONNECTIONS * STREAMS);
    size_t each = (bytes_in_use() - before) / (CONNECTIONS * STREAMS);
    print_message("%zu bytes for each of %d idle streams on %d connections\n", each, CONNECTIONS * STREAMS,
                  CONNECTIONS);
    if (MEASURED)
        assert_true(each > 0 && each <= 600);
    for (int i = 0; i < CONNECTIONS; i++)
        close(peers[i]);
    TURN_UNTIL(world, world->engine->live_calls == 0);
    world_destroy(world);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nothing_is_heard_behind_the_end),
        cmocka_unit_test(test_a_failure_in_mid_stream),
        cmocka_unit_test(test_a_message_that_is_kept),
        cmocka_unit_test(test_the_reply_is_the_accumulator),
        cmocka_unit_test(test_a_call_ended_by_another_thread),
        cmocka_unit_test(test_room_is_told_once),
        cmocka_unit_test(test_a_call_that_ends_under_its_callback_for_room),
        cmocka_unit_test(test_a_caller_gives_up_in_the_middle_of_an_event),
        cmocka_unit_test(test_data_that_is_set_again),
        cmocka_unit_test(test_data_is_released_once_however_a_call_ends),
        cmocka_unit_test(test_a_handler_that_waits_for_room_is_told_the_end),
        cmocka_unit_test(test_the_call_ends_while_its_handler_runs),
        cmocka_unit_test(test_a_call_cancelled_in_the_queue_of_the_pool),
        cmocka_unit_test(test_the_queue_of_the_pool_is_full),
        cmocka_unit_test(test_messages_wait_while_a_filter_does),
        cmocka_unit_test(test_a_call_refused_by_a_filter_that_had_it_wait),
        cmocka_unit_test(test_streams_of_a_connection_are_bounded),
        cmocka_unit_test(test_open_streams_do_not_count_as_calls_in_flight),
        cmocka_unit_test(test_the_engine_ends_with_open_calls),
        cmocka_unit_test(test_memory_of_an_idle_stream),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
