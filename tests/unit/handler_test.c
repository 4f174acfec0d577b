/* handler_test.c: what a handler may use beyond its arguments: its module's settings and state, timers, other calls of
 * this server. */
#include "call_fixture.h"

#include <gee/service.h>
#include "core/rpc/session_private.h"

typedef struct {
    int64_t a, b;
} pair_t;
GEE_STRUCT(pair_t, "Pair", GEE_INT64(pair_t, a, "A", 1), GEE_INT64(pair_t, b, "B", 2));

/* The same on the wires, declared by another author. */
typedef struct {
    int64_t b;
    gee_str_t more;
    int64_t a;
} other_pair_t;
GEE_STRUCT(other_pair_t, "OtherPair", GEE_INT64(other_pair_t, a, "A", 1), GEE_INT64(other_pair_t, b, "B", 2),
           GEE_STRING(other_pair_t, more, "More", 3));

typedef GEE_LIST_OF(gee_str_t) words_t;
typedef GEE_MAP_OF(int64_t) counts_t;
GEE_LIST_TYPE_AS(words_t, gee_str_t);
GEE_MAP_TYPE_AS(counts_t, int64_t);

/* What the handlers below have seen. */
static struct {
    int fired, done, cancelled, ran;
    gee_call_t *held;
    gee_call_t *holder; /* of the calling call */
    int64_t deadline;
    char metadata[40], peer[40];
    gee_code_t code;
    char text[300];
    size_t used; /* of a pool */
} seen;

static int forget(void **state GEE_UNUSED) {
    memset(&seen, 0, sizeof(seen));
    return 0;
}

static void keep_status(const gee_status_t *status) {
    seen.code = status->code;
    snprintf(seen.text, sizeof(seen.text), "%.*s", GEE_STR_ARGUMENTS(status->text));
}

/* ---- methods that are called by others ---- */

static void add(gee_call_t *call, const pair_t *pair, int64_t *sum) {
    seen.ran++;
    seen.deadline = gee_call_deadline(call);
    snprintf(seen.metadata, sizeof(seen.metadata), "%.*s", GEE_STR_ARGUMENTS(gee_call_metadata(call, GEE_STR("user"))));
    snprintf(seen.peer, sizeof(seen.peer), "%s", gee_call_peer(call).address);
    *sum = pair->a + pair->b;
    gee_reply(call);
}
static void refuse(gee_call_t *call, const pair_t *pair, int64_t *sum GEE_UNUSED) {
    gee_failf(call, GEE_NOT_FOUND, "no sum of %d", (int)pair->a);
}
static void is_cancelled(void *data) {
    seen.cancelled++;
    gee_fail(data, GEE_CANCELLED, "");
}
static void hold(gee_call_t *call, const pair_t *pair GEE_UNUSED, int64_t *sum GEE_UNUSED) {
    seen.held = call;
    gee_call_on_cancel(call, is_cancelled, call);
}
static void count(gee_call_t *call, const words_t *words, counts_t *counts) {
    counts->items = gee_call_alloc(call, sizeof(*counts->items));
    counts->items[0].key = gee_pool_str(gee_call_pool(call), words->items[0]);
    counts->items[0].value = (int64_t)words->count;
    counts->count = 1;
    gee_reply(call);
}

/* ---- methods that call others ---- */

static void got_sum(gee_call_t *call, const gee_status_t *status, const int64_t *sum, void *data) {
    assert_ptr_equal(call, seen.holder);
    assert_ptr_equal(gee_dispatch_running, call);
    assert_true((sum != NULL) == (status->code == GEE_OK));
    seen.done++;
    keep_status(status);
    if (status->code != GEE_OK) {
        gee_failf(call, status->code, "%.*s", GEE_STR_ARGUMENTS(status->text));
        return;
    }
    *(int64_t *)data = *sum;
    gee_reply(call);
}
static void call_or_fail(gee_call_t *call, gee_str_t method, const pair_t *pair, int64_t *sum) {
    gee_error_t error;
    seen.holder = call;
    if (GEE_CALL_OTHER(call, method, pair_t, pair, int64_t, got_sum, sum, &error) != 0)
        gee_fail(call, error.code, error.text);
    assert_int_equal(seen.done, 0); /* never from inside */
}
#define ASK(name, method)                                                                                              \
    static void name(gee_call_t *call, const pair_t *pair, int64_t *sum) {                                             \
        call_or_fail(call, GEE_STR(method), pair, sum);                                                                \
    }
ASK(ask_add, "T.Add")
ASK(ask_block, "T.Block")
ASK(ask_refuse, "T.Refuse")
ASK(ask_hold, "T.Hold")
ASK(ask_nobody, "T.Nobody")

static void ask_declared_apart(gee_call_t *call, const pair_t *pair, int64_t *sum) {
    other_pair_t other = { .a = pair->a, .b = pair->b, .more = GEE_STR("more") };
    seen.holder = call;
    assert_int_equal(GEE_CALL_OTHER(call, GEE_STR("T.Add"), other_pair_t, &other, int64_t, got_sum, sum, NULL), 0);
    other.a = 0; /* the argument was copied */
}

static void in_circle(gee_call_t *call, const gee_status_t *status, const int64_t *sum GEE_UNUSED,
                      void *data GEE_UNUSED) {
    gee_failf(call, status->code, "%.*s", GEE_STR_ARGUMENTS(status->text));
}
static void circle(gee_call_t *call, const pair_t *pair, int64_t *sum GEE_UNUSED) {
    gee_error_t error;
    seen.ran++;
    if (GEE_CALL_OTHER(call, GEE_STR("T.Circle"), pair_t, pair, int64_t, in_circle, NULL, &error) != 0)
        gee_fail(call, error.code, error.text);
}

static void reply_at_once(gee_call_t *call, const pair_t *pair, int64_t *sum) {
    assert_int_equal(GEE_CALL_OTHER(call, GEE_STR("T.Add"), pair_t, pair, int64_t, got_sum, sum, NULL), 0);
    *sum = -1;
    gee_reply(call);
}

static void got_counts(gee_call_t *call, const gee_status_t *status, const counts_t *counts, void *data) {
    assert_int_equal(status->code, GEE_OK);
    *(counts_t *)data = *counts; /* which lives as long as the call */
    gee_reply(call);
}
static void ask_count(gee_call_t *call, const words_t *words, counts_t *counts) {
    assert_int_equal(GEE_CALL_OTHER(call, GEE_STR("T.Count"), words_t, words, counts_t, got_counts, counts, NULL), 0);
}

/* ---- methods with timers ---- */

static void fired(gee_call_t *call, void *data) {
    assert_ptr_equal(gee_dispatch_running, call); /* for the report of a crash */
    seen.fired++;
    *(int64_t *)data = seen.fired;
    gee_reply(call);
}
static void later(gee_call_t *call, const pair_t *pair, int64_t *count) {
    assert_int_equal(gee_call_after(call, pair->a * GEE_MILLISECOND, fired, count), 0);
    assert_int_equal(seen.fired, 0);
}
/* Two timers, of which the first that fires finishes the call. */
static void twice(gee_call_t *call, const pair_t *pair, int64_t *count) {
    later(call, pair, count);
    later(call, pair, count);
}
static void reply_before(gee_call_t *call, const pair_t *pair, int64_t *count) {
    later(call, pair, count);
    gee_reply(call);
}
/* Cleans up by itself. */
static void later_watched(gee_call_t *call, const pair_t *pair, int64_t *count) {
    later(call, pair, count);
    gee_call_on_cancel(call, is_cancelled, call);
}
static void again(gee_call_t *call, void *data) {
    seen.fired++;
    if (seen.fired == 2)
        seen.used = gee_pool_used(gee_call_pool(call));
    if (seen.fired < 1000) {
        assert_int_equal(gee_call_after(call, 0, again, data), 0);
        return;
    }
    assert_int_equal(gee_pool_used(gee_call_pool(call)), seen.used);
    gee_reply(call);
}
static void often(gee_call_t *call, const pair_t *pair GEE_UNUSED, int64_t *count GEE_UNUSED) {
    assert_int_equal(gee_call_after(call, 0, again, NULL), 0);
}
static void too_late(void *data) {
    gee_error_t error;
    pair_t pair = { 1, 2 };
    assert_int_equal(gee_call_after(data, 0, fired, NULL), -1);
    assert_int_equal(GEE_CALL_OTHER(data, GEE_STR("T.Add"), pair_t, &pair, int64_t, got_sum, NULL, &error), -1);
    assert_int_equal(error.code, GEE_CANCELLED);
    is_cancelled(data);
}
static void go_on_when_cancelled(gee_call_t *call, const pair_t *pair GEE_UNUSED, int64_t *sum GEE_UNUSED) {
    gee_call_on_cancel(call, too_late, call);
}

#define NUMBERS(name, function, flags) GEE_METHOD(name, function, pair_t, int64_t, flags)
static const gee_method_t methods[] = {
    NUMBERS("Add", add, 0),
    NUMBERS("Block", add, GEE_BLOCKING),
    NUMBERS("Refuse", refuse, 0),
    NUMBERS("Hold", hold, 0),
    GEE_METHOD("Count", count, words_t, counts_t, 0),
    NUMBERS("AskAdd", ask_add, 0),
    NUMBERS("AskBlock", ask_block, 0),
    NUMBERS("AskRefuse", ask_refuse, 0),
    NUMBERS("AskHold", ask_hold, 0),
    NUMBERS("AskNobody", ask_nobody, 0),
    NUMBERS("AskApart", ask_declared_apart, 0),
    GEE_METHOD("AskCount", ask_count, words_t, counts_t, 0),
    NUMBERS("Circle", circle, 0),
    NUMBERS("ReplyAtOnce", reply_at_once, 0),
    NUMBERS("Later", later, 0),
    NUMBERS("Twice", twice, 0),
    NUMBERS("ReplyBefore", reply_before, 0),
    NUMBERS("LaterWatched", later_watched, 0),
    NUMBERS("Often", often, 0),
    NUMBERS("Cancelled", go_on_when_cancelled, 0),
};
static const gee_service_t service = { .name = "T", .methods = methods, .method_count = GEE_LENGTH(methods) };

static fixture_t *make(int64_t timeout_ns) {
    gee_service_entry_t entry = { .service = &service, .timeout_ns = timeout_ns };
    return fixture_create_with(gee_modules, NULL, &entry, 1, NULL);
}

/* Nothing is left that could run. */
static void settle(fixture_t *fixture) {
    for (int i = 0; i < 3; i++)
        pump(fixture);
    assert_int_equal(gee_loop_next_timer(fixture->loop), -1);
    fixture_destroy(fixture);
}

/* ---- timers ---- */

static void test_a_timer_fires_once_later_on_the_loop(void **state GEE_UNUSED) {
    fixture_t *fixture = make(0);
    int64_t begun = gee_clock_monotonic();
    assert_reply(fixture, "T.Later", "{\"A\":20}", "1");
    assert_true(gee_clock_monotonic() - begun >= 20 * GEE_MILLISECOND);
    settle(fixture);
}

static void test_no_timer_fires_after_the_finish(void **state GEE_UNUSED) {
    fixture_t *fixture = make(0);
    assert_reply(fixture, "T.Twice", "{\"A\":1}", "1");
    forget(NULL);
    assert_reply(fixture, "T.ReplyBefore", "{\"A\":0}", "0");
    settle(fixture);
    assert_int_equal(seen.fired, 0);
}

static void test_a_call_whose_time_is_over_waits_for_no_timer(void **state GEE_UNUSED) {
    fixture_t *fixture = make(5 * GEE_MILLISECOND);
    const outcome_t *outcome = start_call(fixture, "T.Later", "{\"A\":60000}");
    wait_released(fixture, outcome); /* finished by the core, as nothing of the handler is left */
    assert_int_equal(outcome->code, GEE_DEADLINE_EXCEEDED);
    assert_int_equal(outcome->handler_code, GEE_CANCELLED);
    settle(fixture);
    assert_int_equal(seen.fired, 0);
}

static void test_a_handler_that_watches_finishes_by_itself(void **state GEE_UNUSED) {
    fixture_t *fixture = make(5 * GEE_MILLISECOND);
    const outcome_t *outcome = start_call(fixture, "T.LaterWatched", "{\"A\":60000}");
    wait_released(fixture, outcome);
    assert_int_equal(seen.cancelled, 1);
    assert_int_equal(seen.fired, 0);
    assert_null(strstr(fixture->log_text, "twice"));
    settle(fixture);
}

static void test_timers_of_one_call_take_no_more_and_more_memory(void **state GEE_UNUSED) {
    fixture_t *fixture = make(0);
    assert_reply(fixture, "T.Often", "{}", "0");
    assert_int_equal(seen.fired, 1000);
    settle(fixture);
}

static void test_a_call_that_is_over_starts_nothing(void **state GEE_UNUSED) {
    fixture_t *fixture = make(GEE_MILLISECOND);
    wait_released(fixture, start_call(fixture, "T.Cancelled", "{}"));
    settle(fixture);
    assert_int_equal(seen.cancelled, 1);
    assert_int_equal(seen.ran + seen.done + seen.fired, 0);
}

/* ---- other calls ---- */

static void test_another_method_answers(void **state GEE_UNUSED) {
    fixture_t *fixture = make(0);
    assert_reply(fixture, "T.AskAdd", "{\"A\":2,\"B\":3}", "5");
    assert_int_equal(seen.done, 1);
    assert_int_equal(fixture->inner_ended, 1); /* filters have seen the other call */
    forget(NULL);
    assert_reply(fixture, "T.AskBlock", "{\"A\":2,\"B\":4}", "6");
    forget(NULL);
    assert_reply(fixture, "T.AskApart", "{\"A\":2,\"B\":5}", "7");
    settle(fixture);
}

static void test_bare_lists_and_maps_travel(void **state GEE_UNUSED) {
    fixture_t *fixture = make(0);
    assert_reply(fixture, "T.Count", "[\"a\",\"b\"]", "{\"a\":2}");
    assert_reply(fixture, "T.AskCount", "[\"c\",\"b\",\"a\"]", "{\"c\":3}");
    settle(fixture);
}

static void test_errors_come_with_their_code(void **state GEE_UNUSED) {
    fixture_t *fixture = make(0);
    assert_failure(fixture, "T.AskRefuse", "{\"A\":2}", GEE_NOT_FOUND, "no sum of 2");
    forget(NULL);
    assert_failure(fixture, "T.AskNobody", "{}", GEE_UNIMPLEMENTED, "rpc server: can't find method Nobody");
    settle(fixture);
}

static outcome_t *start_for(fixture_t *fixture, const char *method, int64_t timeout_ns) {
    static const char arguments[] = "{\"A\":2,\"B\":3}";
    gee_call_t *call = gee_call_create(fixture->engine);
    outcome_t *outcome = &fixture->outcomes[fixture->count];
    call->token.number = fixture->count++;
    call->codec = fixture->json;
    call->timeout_ns = timeout_ns;
    call->peer_held = (call->peer = gee_peer_record_create("tcp@127.0.0.1:40312")) != NULL;
    gee_metadata_t metadata = { .items = gee_pool_array(call->pool, 1, sizeof(*metadata.items)), .count = 1 };
    metadata.items[0].key = GEE_STR("user");
    metadata.items[0].value = GEE_STR("ada");
    call->metadata = metadata;
    gee_payload_t payload = { .kind = GEE_PAYLOAD_BYTES,
                              .codec = fixture->json,
                              .bytes = (const uint8_t *)arguments,
                              .length = sizeof(arguments) - 1 };
    gee_dispatch_request(call, gee_str(method), &payload);
    return outcome;
}

static void test_deadline_metadata_and_peer_are_the_callers(void **state GEE_UNUSED) {
    fixture_t *fixture = make(0);
    const outcome_t *outcome = start_for(fixture, "T.AskAdd", 3600 * GEE_SECOND);
    int64_t deadline = gee_call_deadline(seen.holder);
    wait_released(fixture, outcome);
    assert_string_equal(outcome->reply, "5");
    assert_int_equal(seen.deadline, deadline);
    assert_string_equal(seen.metadata, "ada");
    assert_string_equal(seen.peer, "tcp@127.0.0.1:40312");
    settle(fixture);
}

/* As filter_seal does. */
static gee_verdict_t may_call(void *state GEE_UNUSED, gee_call_t *call, gee_status_t *status GEE_UNUSED) {
    return gee_identity_lists(call->peer->identity, call->method_name) ? GEE_FILTER_PASS : GEE_FILTER_REFUSE;
}
static const gee_filter_t seal_filter = { .for_identified = true, .on_call = may_call };
static const gee_module_t seal_module = {
    .abi = GEE_MODULE_ABI, .kind = GEE_MODULE_FILTER, .name = "filter_sealing", .interface = &seal_filter
};

static void test_a_peer_reaches_nothing_more_by_way_of_a_handler(void **state GEE_UNUSED) {
    static const char *const services[] = { "T.AskAdd", NULL };
    static const gee_identity_t identity = { .kind = GEE_IDENTITY_KEY, .name = "ada", .services = services };
    gee_filter_entry_t filter = { .module = &seal_module };
    gee_service_entry_t entry = { .service = &service };
    fixture_t *fixture = fixture_create_with(gee_modules, NULL, &entry, 1, &filter);
    gee_call_t *call = gee_call_create(fixture->engine);
    outcome_t *outcome = &fixture->outcomes[fixture->count++];
    call->codec = fixture->json;
    call->peer_held = (call->peer = gee_peer_record_create("tcp@127.0.0.1:40312")) != NULL;
    gee_peer_record_set_identity(call->peer, &identity);
    gee_payload_t payload = {
        .kind = GEE_PAYLOAD_BYTES, .codec = fixture->json, .bytes = (const uint8_t *)"{}", .length = 2
    };
    gee_dispatch_request(call, GEE_STR("T.AskAdd"), &payload);
    wait_released(fixture, outcome);
    assert_int_equal(outcome->code, GEE_PERMISSION_DENIED);
    assert_int_equal(seen.code, GEE_PERMISSION_DENIED);
    assert_int_equal(seen.ran, 0);
    settle(fixture);
}

static void test_when_the_call_is_over_the_other_is_cancelled(void **state GEE_UNUSED) {
    fixture_t *fixture = make(0);
    const outcome_t *outcome = start_call(fixture, "T.AskHold", "{}");
    pump(fixture);
    assert_non_null(seen.held);
    fixture->engine->server->cancel(seen.holder, true);
    wait_released(fixture, outcome);
    assert_int_equal(outcome->code, GEE_CANCELLED);
    assert_int_equal(seen.cancelled, 1);
    settle(fixture);
    assert_int_equal(seen.done, 0);
}

static void test_a_deadline_ends_both(void **state GEE_UNUSED) {
    fixture_t *fixture = make(0);
    const outcome_t *outcome = start_for(fixture, "T.AskHold", 5 * GEE_MILLISECOND);
    wait_released(fixture, outcome);
    assert_int_equal(outcome->code, GEE_DEADLINE_EXCEEDED);
    assert_int_equal(seen.cancelled, 1);
    settle(fixture);
}

static void test_what_is_finished_before_asks_nobody(void **state GEE_UNUSED) {
    fixture_t *fixture = make(0);
    assert_reply(fixture, "T.ReplyAtOnce", "{}", "-1");
    settle(fixture);
    assert_int_equal(seen.ran + seen.done, 0);
}

static void test_a_late_answer_of_the_other_is_dropped(void **state GEE_UNUSED) {
    fixture_t *fixture = make(0);
    const outcome_t *outcome = start_call(fixture, "T.AskHold", "{}");
    pump(fixture);
    gee_fail(seen.holder, GEE_ABORTED, "had enough"); /* while the other call is answered in the same pass */
    gee_call_on_cancel(seen.held, NULL, NULL);
    gee_reply(seen.held);
    wait_released(fixture, outcome);
    assert_int_equal(outcome->code, GEE_ABORTED);
    settle(fixture);
    assert_int_equal(seen.done, 0);
}

static void test_a_circle_ends_at_the_depth_limit(void **state GEE_UNUSED) {
    fixture_t *fixture = make(0);
    assert_failure(fixture, "T.Circle", "{}", GEE_RESOURCE_EXHAUSTED,
                   "T.Circle: calls are 16 deep within each other: do methods call each other in a circle?");
    assert_int_equal(seen.ran, GEE_CALL_DEPTH + 1);
    settle(fixture);
}

/* ---- forwarded ---- */

static gee_call_t *forwarded;
static char forwarded_argument[100];
static bool target_cancelled;

static void target_start(gee_call_t *call, const gee_payload_t *payload) {
    forwarded = call;
    call->forwarded = (struct gee_forwarded *)&forwarded;
    call->codec = recording->json;
    gee_chain_t chain;
    gee_chain_init(&chain, recording->engine->buffers);
    assert_int_equal(gee_payload_encode(payload, recording->json, NULL, &chain, NULL), 0);
    forwarded_argument[gee_chain_copy(&chain, forwarded_argument, sizeof(forwarded_argument) - 1)] = '\0';
    gee_chain_clear(&chain);
}
static void target_cancel(gee_call_t *call GEE_UNUSED) {
    target_cancelled = true;
}
static const gee_target_t target = { .start = target_start, .cancel = target_cancel };

static const gee_method_t asking_methods[] = { NUMBERS("AskAdd", ask_add, 0) };
static const gee_service_t asking = { .name = "Asking", .methods = asking_methods, .method_count = 1 };

static fixture_t *make_forwarding(void) {
    gee_service_entry_t entries[] = { { .service = &asking }, { .name = "T", .target = &target } };
    return fixture_create_with(gee_modules, NULL, entries, 2, NULL);
}

static void answer_forwarded(const char *json) {
    gee_payload_t payload = {
        .kind = GEE_PAYLOAD_BYTES, .codec = recording->json, .bytes = (const uint8_t *)json, .length = strlen(json)
    };
    gee_dispatch_answer(forwarded, (gee_status_t){ .code = GEE_OK }, &payload);
}

static void test_a_forwarded_method_answers(void **state GEE_UNUSED) {
    fixture_t *fixture = make_forwarding();
    const outcome_t *outcome = start_call(fixture, "Asking.AskAdd", "{\"A\":4,\"B\":3}");
    pump(fixture);
    assert_string_equal(forwarded_argument, "{\"A\":4,\"B\":3}");
    answer_forwarded("70");
    wait_released(fixture, outcome);
    assert_string_equal(outcome->reply, "70");
    settle(fixture);
}

static void test_a_forwarded_reply_of_another_type_is_the_servers_fault(void **state GEE_UNUSED) {
    fixture_t *fixture = make_forwarding();
    const outcome_t *outcome = start_call(fixture, "Asking.AskAdd", "{}");
    pump(fixture);
    answer_forwarded("\"seventy\"");
    wait_released(fixture, outcome);
    assert_int_equal(outcome->code, GEE_INTERNAL);
    assert_non_null(strstr(outcome->text, "the reply of T.Add: "));
    settle(fixture);
}

static void test_a_forwarded_call_is_cancelled_with_its_caller(void **state GEE_UNUSED) {
    fixture_t *fixture = make_forwarding();
    target_cancelled = false;
    const outcome_t *outcome = start_call(fixture, "Asking.AskAdd", "{}");
    pump(fixture);
    fixture->engine->server->cancel(seen.holder, true);
    wait_released(fixture, outcome);
    assert_true(target_cancelled);
    settle(fixture);
    assert_int_equal(seen.done, 0);
}

/* ---- settings and state ---- */

typedef struct {
    int64_t step;
} steps_conf_t;
typedef struct {
    int64_t count;
} steps_state_t;

static void step(gee_call_t *call, const gee_empty_t *nothing GEE_UNUSED, int64_t *count) {
    const steps_conf_t *conf = gee_call_conf(call);
    steps_state_t *state = gee_call_state(call);
    *count = state->count += conf->step;
    gee_reply(call);
}
GEE_SERVICE_WITH(service_steps, "Steps",
                 (.abi = GEE_MODULE_ABI, .conf_size = sizeof(steps_conf_t), .worker_state_size = sizeof(steps_state_t)),
                 GEE_METHOD("Step", step, gee_empty_t, int64_t, 0));

static void unowned(gee_call_t *call, const gee_empty_t *nothing GEE_UNUSED, bool *none) {
    *none = gee_call_conf(call) == NULL && gee_call_state(call) == NULL;
    gee_reply(call);
}
static const gee_method_t unowned_methods[] = { GEE_METHOD("None", unowned, gee_empty_t, bool, 0) };
static const gee_service_t unowned_service = { .name = "Unowned", .methods = unowned_methods, .method_count = 1 };

static void test_a_handler_reaches_its_modules_settings_and_state(void **state GEE_UNUSED) {
    steps_conf_t conf = { .step = 3 };
    gee_module_entry_t modules[100];
    void *confs[100] = { NULL };
    size_t count = 0;
    for (; gee_modules[count].module != NULL; count++)
        modules[count] = gee_modules[count];
    confs[count] = &conf;
    modules[count++] = (gee_module_entry_t){ &gee_service_steps_module, "" };
    modules[count] = (gee_module_entry_t){ NULL, NULL };
    gee_service_entry_t entries[] = { { .service = &gee_service_of_service_steps }, { .service = &unowned_service } };
    fixture_t *fixture = fixture_create_with(modules, confs, entries, 2, NULL);
    steps_state_t *steps = gee_engine_state(fixture->engine, "service_steps");
    assert_non_null(steps);
    assert_int_equal(steps->count, 0);
    steps->count = 100; /* as worker_start may */
    assert_reply(fixture, "Steps.Step", "{}", "103");
    assert_reply(fixture, "Steps.Step", "{}", "106");
    assert_reply(fixture, "Unowned.None", "{}", "true");
    assert_null(gee_engine_state(fixture->engine, "service_nobody"));
    settle(fixture);
}

#define TEST(function) cmocka_unit_test_setup(function, forget)
int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_a_timer_fires_once_later_on_the_loop),
        TEST(test_no_timer_fires_after_the_finish),
        TEST(test_a_call_whose_time_is_over_waits_for_no_timer),
        TEST(test_a_handler_that_watches_finishes_by_itself),
        TEST(test_timers_of_one_call_take_no_more_and_more_memory),
        TEST(test_a_call_that_is_over_starts_nothing),
        TEST(test_another_method_answers),
        TEST(test_bare_lists_and_maps_travel),
        TEST(test_errors_come_with_their_code),
        TEST(test_deadline_metadata_and_peer_are_the_callers),
        TEST(test_a_peer_reaches_nothing_more_by_way_of_a_handler),
        TEST(test_when_the_call_is_over_the_other_is_cancelled),
        TEST(test_a_deadline_ends_both),
        TEST(test_what_is_finished_before_asks_nobody),
        TEST(test_a_late_answer_of_the_other_is_dropped),
        TEST(test_a_circle_ends_at_the_depth_limit),
        TEST(test_a_forwarded_method_answers),
        TEST(test_a_forwarded_reply_of_another_type_is_the_servers_fault),
        TEST(test_a_forwarded_call_is_cancelled_with_its_caller),
        TEST(test_a_handler_reaches_its_modules_settings_and_state),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
