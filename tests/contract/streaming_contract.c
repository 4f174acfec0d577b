/* streaming_contract.c: what every protocol with streaming calls promises, with each codec and body that it carries: a
 * server and a caller of that wire talk to each other, handlers are those of tests/modules/service_stream.
 *
 * A protocol has streaming calls when its can() says GEE_EVENT_CREDIT of a serving session. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "support/streaming.h"

#include "modules/service_stream/service_stream.c"

/* ---- each wire with streaming calls ---- */

typedef struct wire {
    const gee_protocol_t *protocol;
    const gee_codec_t *codec; /* the session's */
    const gee_codec_t *body;  /* of the calls */
} wire_t;

static wire_t wires[16];
static size_t wire_count;
static const wire_t *wire; /* under test */

static int64_t nothing;

static world_t *open_world(void) {
    gee_error_t error;
    assert_int_equal(gee_service_stream_module.worker_start(NULL, NULL, &error), 0);
    world_t *world = world_create(gee_service_stream_module.interface, NULL, NULL);
    world_connect(world, wire->protocol, wire->codec);
    return world;
}

/* A unary call, so that either side has heard of the other. */
static gee_code_t settle(world_t *world) {
    asker_t asker;
    ask(world, &asker, "Stream.Count", GEE_TYPE_OF(int64_t), &nothing);
    TURN_UNTIL(world, asker.count == 1 || world->client == NULL);
    return asker.code;
}

static void open_call(world_t *world, caller_t *caller, const char *method) {
    caller_open_with(world, caller, method, 0, NULL, NULL, (gee_event_t){ .codec = wire->body });
}
static void open_asked(world_t *world, caller_t *caller, const char *method, const gee_type_t *type,
                       const void *message) {
    caller_open_with(world, caller, method, GEE_EVENT_MESSAGE | GEE_EVENT_HALF_CLOSE, type, message,
                     (gee_event_t){ .codec = wire->body });
}
static void open_list(world_t *world, caller_t *caller, const char *method, int64_t from, int64_t to) {
    const range_t range = { .from = from, .to = to };
    open_asked(world, caller, method, GEE_TYPE_OF(range_t), &range);
}

/* ---- what a wire promises ---- */

static void assert_numbers(const caller_t *caller, int64_t first, int64_t step, size_t count) {
    assert_int_equal(caller->heard, count);
    for (size_t i = 0; i < count && i < HEARD_AT_MOST; i++)
        assert_int_equal(caller->numbers[i], first + (int64_t)i * step);
}

static void talk_of_every_kind(world_t *world, int64_t count) {
    caller_t list = { 0 }, blocking = { 0 }, sum = { 0 }, doubled = { 0 };
    open_list(world, &list, "Stream.List", 1, count);
    open_list(world, &blocking, "Stream.ListBlocking", 1, count);
    open_call(world, &sum, "Stream.Sum");
    open_call(world, &doubled, "Stream.Double");
    for (int64_t number = 1; number <= count; number++) {
        assert_int_not_equal(caller_send_number(&sum, number), GEE_SEND_ENDED);
        assert_int_not_equal(caller_send_number(&doubled, number), GEE_SEND_ENDED);
        turn(world, 1);
    }
    gee_flow_half_close(&sum.flow);
    gee_flow_half_close(&doubled.flow);
    ASSERT_ENDED(&list, GEE_OK);
    ASSERT_ENDED(&blocking, GEE_OK);
    ASSERT_ENDED(&sum, GEE_OK);
    ASSERT_ENDED(&doubled, GEE_OK);
    assert_numbers(&list, 1, 1, (size_t)count);
    assert_numbers(&blocking, 1, 1, (size_t)count);
    assert_int_equal(sum.heard, 1);
    assert_int_equal(sum.numbers[0], count * (count + 1) / 2);
    assert_numbers(&doubled, 2, 2, (size_t)count);
}

static void test_every_kind_of_method(void **state GEE_UNUSED) {
    world_t *world = open_world();
    talk_of_every_kind(world, 3000);
    assert_int_equal(world->client_ends, 0);
    world_destroy(world);
}

static void test_blocking_handlers_keep_the_order(void **state GEE_UNUSED) {
    world_t *world = open_world();
    caller_t sum = { 0 }, doubled = { 0 };
    open_call(world, &sum, "Stream.SumBlocking");
    open_call(world, &doubled, "Stream.DoubleBlocking");
    for (int64_t number = 1; number <= 500; number++) {
        assert_int_not_equal(caller_send_number(&sum, number), GEE_SEND_ENDED);
        assert_int_not_equal(caller_send_number(&doubled, number), GEE_SEND_ENDED);
    }
    gee_flow_half_close(&sum.flow);
    gee_flow_half_close(&doubled.flow);
    ASSERT_ENDED(&sum, GEE_OK);
    ASSERT_ENDED(&doubled, GEE_OK);
    assert_int_equal(sum.numbers[0], 500 * 501 / 2);
    assert_numbers(&doubled, 2, 2, 500);
    world_destroy(world);
}

static void test_cut_into_bytes(void **state GEE_UNUSED) {
    world_t *world = open_world();
    receive_at_most = 1;
    talk_of_every_kind(world, 20);
    send_at_most = 1;
    talk_of_every_kind(world, 20);
    receive_at_most = 7;
    send_at_most = 3;
    talk_of_every_kind(world, 20);
    world_destroy(world);
}

/* A call without a message, and one with an empty sum. */
static void test_no_message(void **state GEE_UNUSED) {
    world_t *world = open_world();
    caller_t list = { 0 }, sum = { 0 }, doubled = { 0 };
    open_list(world, &list, "Stream.List", 1, 0);
    open_call(world, &sum, "Stream.Sum");
    open_call(world, &doubled, "Stream.Double");
    gee_flow_half_close(&sum.flow);
    gee_flow_half_close(&doubled.flow);
    ASSERT_ENDED(&list, GEE_OK);
    ASSERT_ENDED(&sum, GEE_OK);
    ASSERT_ENDED(&doubled, GEE_OK);
    assert_int_equal(list.heard + doubled.heard, 0);
    assert_int_equal(sum.heard, 1);
    assert_int_equal(sum.numbers[0], 0);
    world_destroy(world);
}

/* ---- back-pressure ---- */

#define TEXT_LENGTH 10000
static char long_text[200000];

/* A caller that takes nothing holds the server's handler within the window and a message; meanwhile others go on. */
static void test_a_reader_that_stops_holds_the_sender(void **state GEE_UNUSED) {
    world_t *world = open_world();
    caller_t *slow = calloc(1, sizeof(*slow)), *echo = calloc(1, sizeof(*echo)), quick = { 0 };
    assert_true(slow && echo);
    slow->takes_late = true;
    echo->takes_late = true;
    echo->type = GEE_TYPE_OF(gee_str_t);
    open_list(world, slow, "Stream.List", 1, 100000);
    open_call(world, echo, "Stream.Echo");
    size_t sent = 0;
    for (int i = 0; i < 100; i++) {
        if (gee_flow_has_room(&echo->flow) && caller_send_text(echo, long_text, TEXT_LENGTH) != GEE_SEND_ENDED)
            sent++;
        turn(world, 5);
    }
    /* Of the caller's window, the handler's and that of the way back no more than these lie anywhere. */
    assert_true(sent >= 1 && sent * TEXT_LENGTH <= 2 * (GEE_FLOW_WINDOW + TEXT_LENGTH) + 2 * TEXT_LENGTH);
    assert_int_equal(slow->heard, 1);
    assert_true(gee_flow_held(&slow->flow) <= GEE_FLOW_WINDOW + 100);
    open_list(world, &quick, "Stream.List", 1, 100);
    ASSERT_ENDED(&quick, GEE_OK);
    assert_int_equal(settle(world), GEE_OK);
    slow->takes_late = echo->takes_late = false;
    gee_flow_took(&slow->flow);
    gee_flow_took(&echo->flow);
    ASSERT_ENDED(slow, GEE_OK);
    assert_int_equal(slow->heard, 100000);
    assert_int_equal(slow->numbers[HEARD_AT_MOST - 1], HEARD_AT_MOST);
    gee_flow_half_close(&echo->flow);
    ASSERT_ENDED(echo, GEE_OK);
    assert_int_equal(echo->heard, sent);
    free(slow);
    free(echo);
    world_destroy(world);
}

/* A handler that pauses holds its caller. */
static void test_a_handler_that_pauses_holds_the_caller(void **state GEE_UNUSED) {
    world_t *world = open_world();
    caller_t hold = { 0 };
    asker_t release;
    size_t sent = 0;
    open_call(world, &hold, "Stream.Hold");
    for (int i = 0; i < 50000; i++)
        if (i < 10 || gee_flow_has_room(&hold.flow)) {
            assert_int_not_equal(caller_send_number(&hold, i), GEE_SEND_ENDED);
            sent++;
            if (i % 100 == 0)
                turn(world, 3);
        }
    assert_true(sent * GEE_FLOW_MESSAGE_COST <= GEE_FLOW_WINDOW + GEE_FLOW_MESSAGE_COST);
    assert_int_equal(hold.heard, 1);
    ask(world, &release, "Stream.Release", GEE_TYPE_OF(int64_t), &nothing);
    TURN_UNTIL(world, hold.heard == sent && release.count == 1);
    assert_numbers(&hold, 0, 1, sent);
    assert_true(hold.rooms > 0);
    gee_flow_half_close(&hold.flow);
    ASSERT_ENDED(&hold, GEE_OK);
    world_destroy(world);
}

static void test_a_handler_that_ignores_full(void **state GEE_UNUSED) {
    world_t *world = open_world();
    caller_t *flood = calloc(1, sizeof(*flood));
    assert_non_null(flood);
    flood->takes_late = true;
    open_list(world, flood, "Stream.Flood", 1, 1000000);
    TURN_UNTIL(world, flood->heard == 1);
    flood->takes_late = false;
    gee_flow_took(&flood->flow);
    ASSERT_ENDED(flood, GEE_RESOURCE_EXHAUSTED);
    assert_non_null(strstr(flood->reason, "limits.output"));
    assert_true(flood->heard > 0 && flood->heard < 1000000);
    free(flood);
    assert_int_equal(settle(world), GEE_OK);
    world_destroy(world);
}

/* ---- ends ---- */

static void test_failure_with_details_and_metadata(void **state GEE_UNUSED) {
    world_t *world = open_world();
    const uint8_t details[] = { 'd', 0xff, '!' };
    const failure_t failure = { .after = 3,
                                .code = GEE_DATA_LOSS,
                                .text = GEE_STR("half of it"),
                                .details = { .data = details, .length = sizeof(details) } };
    caller_t caller = { 0 };
    open_asked(world, &caller, "Stream.Fail", GEE_TYPE_OF(failure_t), &failure);
    ASSERT_ENDED(&caller, GEE_DATA_LOSS);
    assert_true(caller.from_peer);
    assert_numbers(&caller, 1, 1, 3);
    assert_string_equal(caller.reason, "half of it");
    assert_string_equal(caller.details, "d\xff!");
    assert_string_equal(caller.trailing, "reason=asked for;");
    world_destroy(world);
}

static void test_metadata(void **state GEE_UNUSED) {
    static __typeof__(*((gee_metadata_t *)0)->items) asked[] = { { .key = { "name", 4 }, .value = { "Anna", 4 } } };
    world_t *world = open_world();
    caller_t caller = { .type = GEE_TYPE_OF(gee_str_t) };
    gee_str_t key = GEE_STR("name");
    gee_event_t request = { .codec = wire->body, .metadata = { .items = asked, .count = 1 } };
    caller_open_with(world, &caller, "Stream.Metadata", GEE_EVENT_MESSAGE | GEE_EVENT_HALF_CLOSE,
                     GEE_TYPE_OF(gee_str_t), &key, request);
    ASSERT_ENDED(&caller, GEE_OK);
    assert_int_equal(caller.begun, 1);
    assert_string_equal(caller.text, "Anna");
    assert_string_equal(caller.initial, "color=red;color=green;trace-bin=\\x00\\xff\\x0a;");
    assert_string_equal(caller.trailing, "cost=1;cost=2;digest-bin=\\x00\\xff\\x0a;");
    world_destroy(world);
}

static void test_cancel(void **state GEE_UNUSED) {
    world_t *world = open_world();
    caller_t list = { .takes_late = true }, hold = { 0 };
    open_list(world, &list, "Stream.ListBlocking", 1, 1000000);
    open_call(world, &hold, "Stream.Hold");
    assert_int_not_equal(caller_send_number(&hold, 1), GEE_SEND_ENDED);
    TURN_UNTIL(world, list.heard == 1 && hold.heard == 1);
    assert_int_equal(world->engine->live_calls, 2);
    caller_cancel(&list);
    caller_cancel(&hold);
    TURN_UNTIL(world, world->engine->live_calls == 0);
    assert_int_equal(last_code, GEE_CANCELLED);
    assert_int_equal(list.ended + hold.ended, 0);
    assert_int_equal(settle(world), GEE_OK);
    world_destroy(world);
}

static void test_deadline(void **state GEE_UNUSED) {
    world_t *world = open_world();
    caller_t hold = { 0 };
    caller_open_with(world, &hold, "Stream.Hold", 0, NULL, NULL,
                     (gee_event_t){ .codec = wire->body, .timeout_ns = 20 * GEE_MILLISECOND });
    ASSERT_ENDED(&hold, GEE_DEADLINE_EXCEEDED);
    TURN_UNTIL(world, world->engine->live_calls == 0);
    assert_int_equal(settle(world), GEE_OK);
    world_destroy(world);
}

static void test_unknown_methods_and_the_wrong_kind(void **state GEE_UNUSED) {
    world_t *world = open_world();
    caller_t unknown = { 0 }, unary = { 0 }, two = { 0 }, none = { 0 };
    asker_t asker;
    open_call(world, &unknown, "Stream.Unknown");
    ASSERT_ENDED(&unknown, GEE_UNIMPLEMENTED);
    /* A unary method by parts is as good. */
    open_call(world, &unary, "Stream.Release");
    assert_int_not_equal(caller_send_number(&unary, 0), GEE_SEND_ENDED);
    gee_flow_half_close(&unary.flow);
    ASSERT_ENDED(&unary, GEE_OK);
    assert_int_equal(unary.heard, 1);
    open_call(world, &two, "Stream.Release");
    (void)caller_send_number(&two, 1);
    (void)caller_send_number(&two, 2);
    ASSERT_ENDED(&two, GEE_INVALID_ARGUMENT);
    open_call(world, &none, "Stream.List");
    gee_flow_half_close(&none.flow);
    ASSERT_ENDED(&none, GEE_INVALID_ARGUMENT);
    ask(world, &asker, "Stream.Double", GEE_TYPE_OF(int64_t), &nothing);
    TURN_UNTIL(world, asker.count == 1);
    assert_int_equal(asker.code, GEE_UNIMPLEMENTED);
    world_destroy(world);
}

/* A message over limits.message costs its call, a message that is none too; the others go on. */
static void test_a_message_that_is_refused(void **state GEE_UNUSED) {
    world_t *world = open_world();
    world->engine->codec_limits.message = 100000;
    caller_t other = { 0 }, echo = { .type = GEE_TYPE_OF(gee_str_t) }, wrong = { 0 };
    open_call(world, &other, "Stream.Double");
    open_call(world, &echo, "Stream.Echo");
    TURN_UNTIL(world, other.flow.opened);
    assert_int_equal(caller_send_number(&other, 1), GEE_SENT);
    assert_int_not_equal(caller_send_text(&echo, long_text, 150000), GEE_SEND_ENDED);
    assert_int_not_equal(caller_send_number(&other, 2), GEE_SEND_ENDED); /* the long message may fill the output */
    ASSERT_ENDED(&echo, GEE_RESOURCE_EXHAUSTED);
    if (strcmp(wire->body->name, "proto") != 0) { /* for protobuf a text is a field that the number's type lacks */
        open_call(world, &wrong, "Stream.Double");
        (void)caller_send_text(&wrong, "no number", 9);
        ASSERT_ENDED(&wrong, GEE_INVALID_ARGUMENT);
    }
    assert_int_equal(caller_send_number(&other, 3), GEE_SENT);
    gee_flow_half_close(&other.flow);
    ASSERT_ENDED(&other, GEE_OK);
    assert_numbers(&other, 2, 2, 3);
    assert_int_equal(world->client_ends, 0);
    world_destroy(world);
}

/* ---- many ---- */

static void test_interleaved_calls(void **state GEE_UNUSED) {
    enum { CALLS = 100, MESSAGES = 30 };
    world_t *world = open_world();
    caller_t *callers = calloc(CALLS, sizeof(*callers));
    asker_t asker;
    assert_non_null(callers);
    for (int i = 0; i < CALLS; i++)
        open_call(world, &callers[i], i % 2 == 0 ? "Stream.Double" : "Stream.DoubleBlocking");
    for (int message = 0; message < MESSAGES; message++)
        for (int i = 0; i < CALLS; i++) {
            assert_int_not_equal(caller_send_number(&callers[i], 1000 * i + message), GEE_SEND_ENDED);
            if (i == message) {
                ask(world, &asker, "Stream.Count", GEE_TYPE_OF(int64_t), &nothing);
                TURN_UNTIL(world, asker.count == 1);
            }
        }
    for (int i = 0; i < CALLS; i++)
        gee_flow_half_close(&callers[i].flow);
    for (int i = 0; i < CALLS; i++) {
        ASSERT_ENDED(&callers[i], GEE_OK);
        assert_numbers(&callers[i], 2000 * i, 2, MESSAGES);
    }
    free(callers);
    world_destroy(world);
}

/* What one says every other hears, in the order in which it was said; and who leaves is not spoken to. */
static void test_chat(void **state GEE_UNUSED) {
    world_t *world = open_world();
    caller_t anna = { .type = GEE_TYPE_OF(gee_str_t) }, ben = anna, carl = anna;
    open_call(world, &anna, "Stream.Chat");
    open_call(world, &ben, "Stream.Chat");
    open_call(world, &carl, "Stream.Chat");
    (void)caller_send_text(&anna, "anna", 4);
    (void)caller_send_text(&ben, "ben", 3);
    (void)caller_send_text(&carl, "carl", 4);
    TURN_UNTIL(world, anna.heard == 2 && ben.heard == 1);
    assert_string_equal(anna.text, "carl");
    assert_string_equal(ben.text, "carl");
    caller_cancel(&carl);
    TURN_UNTIL(world, world->engine->live_calls == 2);
    (void)caller_send_text(&ben, "hello", 5);
    TURN_UNTIL(world, anna.heard == 3);
    assert_string_equal(anna.text, "hello");
    gee_flow_half_close(&anna.flow);
    gee_flow_half_close(&ben.flow);
    ASSERT_ENDED(&anna, GEE_OK);
    ASSERT_ENDED(&ben, GEE_OK);
    world_destroy(world);
}

/* ---- either side goes ---- */

static void test_the_server_ends_the_connection(void **state GEE_UNUSED) {
    world_t *world = open_world();
    caller_t hold = { 0 }, list = { .takes_late = true };
    open_call(world, &hold, "Stream.Hold");
    open_list(world, &list, "Stream.ListBlocking", 1, 1000000);
    TURN_UNTIL(world, list.heard == 1);
    gee_session_close(server_of(world), NULL);
    ASSERT_ENDED(&hold, GEE_UNAVAILABLE);
    ASSERT_ENDED(&list, GEE_UNAVAILABLE);
    assert_false(hold.from_peer);
    world_destroy(world);
}

static void test_the_caller_ends_the_connection(void **state GEE_UNUSED) {
    world_t *world = open_world();
    caller_t hold = { 0 }, list = { .takes_late = true };
    open_call(world, &hold, "Stream.Hold");
    open_list(world, &list, "Stream.List", 1, 1000000);
    TURN_UNTIL(world, list.heard == 1);
    gee_session_close(world->client, NULL);
    ASSERT_ENDED(&hold, GEE_UNAVAILABLE);
    ASSERT_ENDED(&list, GEE_UNAVAILABLE);
    TURN_UNTIL(world, world->engine->live_calls == 0);
    assert_int_equal(last_code, GEE_CANCELLED);
    world_destroy(world);
}

/* The end has come, and the connection goes before the caller has taken all: nothing is lost. */
static void test_the_end_outlives_the_connection(void **state GEE_UNUSED) {
    world_t *world = open_world();
    caller_t list = { .takes_late = true }, forgotten = { .takes_late = true };
    open_list(world, &list, "Stream.List", 1, 10);
    open_list(world, &forgotten, "Stream.List", 1, 10);
    TURN_UNTIL(world, list.heard == 1 && forgotten.heard == 1 && world->engine->live_calls == 0);
    turn(world, 5);
    gee_session_close(world->client, NULL);
    TURN_UNTIL(world, world->client == NULL);
    assert_int_equal(list.ended, 0);
    gee_flow_end(&forgotten.flow);
    list.takes_late = false;
    gee_flow_took(&list.flow);
    ASSERT_ENDED(&list, GEE_OK);
    assert_numbers(&list, 1, 1, 10);
    assert_int_equal(forgotten.ended, 0);
    world_destroy(world);
}

/* Cancelled when the end has come already, and waits behind messages. */
static void test_cancel_behind_the_end(void **state GEE_UNUSED) {
    world_t *world = open_world();
    caller_t list = { .takes_late = true };
    open_list(world, &list, "Stream.List", 1, 10);
    TURN_UNTIL(world, list.heard == 1 && world->engine->live_calls == 0);
    turn(world, 5);
    caller_cancel(&list);
    assert_int_equal(settle(world), GEE_OK);
    assert_int_equal(world->client->call_count, 0);
    assert_int_equal(list.ended, 0);
    world_destroy(world);
}

/* ---- all wires ---- */

static bool has_streams(const gee_protocol_t *protocol, const gee_codec_t *codec) {
    const wire_t tried = { .protocol = protocol, .codec = codec };
    wire = &tried;
    world_t *world = open_world();
    (void)settle(world);
    const gee_session_t *server = server_of(world);
    bool can = server != NULL && server->established && gee_session_can(server, GEE_EVENT_CREDIT);
    world_destroy(world);
    return can;
}

static void add_wire(const gee_protocol_t *protocol, const gee_codec_t *codec, const gee_codec_t *body) {
    assert_true(wire_count < GEE_LENGTH(wires));
    wires[wire_count++] = (wire_t){ .protocol = protocol, .codec = codec, .body = body };
}

static void find_wires(const gee_protocol_t *protocol) {
    for (const gee_module_entry_t *entry = gee_modules; entry->module != NULL; entry++) {
        const gee_codec_t *codec = entry->module->interface;
        if (entry->module->kind != GEE_MODULE_CODEC ||
            (protocol->codec != NULL && strcmp(protocol->codec, codec->name) != 0) || !has_streams(protocol, codec))
            continue;
        add_wire(protocol, codec, codec);
        const gee_codec_t *framed = protocol->framed_codec != NULL ? gee_module_find(gee_modules, GEE_MODULE_CODEC,
                                                                                     gee_str(protocol->framed_codec))
                                                                   : NULL;
        if (framed != NULL && framed != codec && !codec->self_delimiting)
            add_wire(protocol, codec, framed);
    }
}

#define CONTRACT(function)                                                                                             \
    { #function, function, NULL, NULL, NULL }

int main(void) {
    const struct CMUnitTest tests[] = {
        CONTRACT(test_every_kind_of_method),
        CONTRACT(test_blocking_handlers_keep_the_order),
        CONTRACT(test_cut_into_bytes),
        CONTRACT(test_no_message),
        CONTRACT(test_a_reader_that_stops_holds_the_sender),
        CONTRACT(test_a_handler_that_pauses_holds_the_caller),
        CONTRACT(test_a_handler_that_ignores_full),
        CONTRACT(test_failure_with_details_and_metadata),
        CONTRACT(test_metadata),
        CONTRACT(test_cancel),
        CONTRACT(test_deadline),
        CONTRACT(test_unknown_methods_and_the_wrong_kind),
        CONTRACT(test_a_message_that_is_refused),
        CONTRACT(test_interleaved_calls),
        CONTRACT(test_chat),
        CONTRACT(test_the_server_ends_the_connection),
        CONTRACT(test_the_caller_ends_the_connection),
        CONTRACT(test_the_end_outlives_the_connection),
        CONTRACT(test_cancel_behind_the_end),
    };
    int failed = 0;
    memset(long_text, 'x', sizeof(long_text));
    for (const gee_module_entry_t *entry = gee_modules; entry->module != NULL; entry++) {
        const gee_protocol_t *protocol = entry->module->interface;
        if (entry->module->kind == GEE_MODULE_PROTOCOL && !protocol->serving_only)
            find_wires(protocol);
    }
    for (wire = wires; wire < wires + wire_count; wire++) {
        printf("# %s, codec %s, bodies %s\n", wire->protocol->name, wire->codec->name, wire->body->name);
        fflush(stdout);
        failed += cmocka_run_group_tests(tests, NULL, NULL);
    }
    return wire_count > 0 ? failed : 1; /* a build without any such wire would prove nothing */
}
