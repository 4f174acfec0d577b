/* call_test.c: how handlers finish their calls: within their invocation or later, on its thread or another, once or
 * twice. */
#include <pthread.h>

#include "call_fixture.h"

static void *reply_elsewhere(void *call) {
    gee_reply(call);
    return NULL;
}

static void on_another_thread(gee_call_t *call) {
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, reply_elsewhere, call), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
}

static void once(gee_call_t *call, const gee_empty_t *nothing GEE_UNUSED, int64_t *reply) {
    *reply = 1;
    gee_reply(call);
}

/* A handler may write after its reply: the call goes on until the invocation has returned. */
static void going_on(gee_call_t *call, const gee_empty_t *nothing GEE_UNUSED, int64_t *reply) {
    gee_reply(call);
    *reply = 2;
}

static void twice(gee_call_t *call, const gee_empty_t *nothing GEE_UNUSED, int64_t *reply) {
    *reply = 3;
    gee_reply(call);
    gee_reply(call);
}

static void then_failing(gee_call_t *call, const gee_empty_t *nothing GEE_UNUSED, int64_t *reply) {
    *reply = 4;
    gee_reply(call);
    gee_fail(call, GEE_INTERNAL, "too late");
}

static void after_failing(gee_call_t *call, const gee_empty_t *nothing GEE_UNUSED, int64_t *reply GEE_UNUSED) {
    gee_fail(call, GEE_NOT_FOUND, "first");
    gee_reply(call);
}

static void elsewhere(gee_call_t *call, const gee_empty_t *nothing GEE_UNUSED, int64_t *reply) {
    *reply = 5;
    on_another_thread(call);
}

static void elsewhere_then_here(gee_call_t *call, const gee_empty_t *nothing GEE_UNUSED, int64_t *reply) {
    *reply = 6;
    on_another_thread(call);
    gee_reply(call);
}

static void here_then_elsewhere(gee_call_t *call, const gee_empty_t *nothing GEE_UNUSED, int64_t *reply) {
    *reply = 7;
    gee_reply(call);
    on_another_thread(call);
}

static void *fail_elsewhere(void *call) {
    gee_fail(call, GEE_INTERNAL, "second");
    return NULL;
}
static void here_then_failing_elsewhere(gee_call_t *call, const gee_empty_t *nothing GEE_UNUSED, int64_t *reply) {
    pthread_t thread;
    *reply = 11;
    gee_reply(call);
    assert_int_equal(pthread_create(&thread, NULL, fail_elsewhere, call), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
}

static bool told;

static void tell(void *data GEE_UNUSED) {
    told = true;
}

static void watching(gee_call_t *call, const gee_empty_t *nothing GEE_UNUSED, int64_t *reply) {
    *reply = 8;
    gee_call_on_cancel(call, tell, NULL);
    gee_reply(call);
}

/* Watches a call that another thread has finished meanwhile. */
static void watching_late(gee_call_t *call, const gee_empty_t *nothing GEE_UNUSED, int64_t *reply) {
    *reply = 9;
    on_another_thread(call);
    gee_call_on_cancel(call, tell, NULL);
}

static atomic_bool has_replied, may_return;
static void replied_and_busy(gee_call_t *call, const gee_empty_t *nothing GEE_UNUSED, int64_t *reply) {
    *reply = 10;
    gee_call_on_cancel(call, tell, NULL);
    gee_reply(call);
    atomic_store(&has_replied, true); /* here it may free what its callback looks at */
    while (!atomic_load(&may_return))
        continue;
}

#define METHODS(suffix, flags)                                                                                         \
    GEE_METHOD("Once" suffix, once, gee_empty_t, int64_t, flags),                                                      \
        GEE_METHOD("GoingOn" suffix, going_on, gee_empty_t, int64_t, flags),                                           \
        GEE_METHOD("Twice" suffix, twice, gee_empty_t, int64_t, flags),                                                \
        GEE_METHOD("ThenFailing" suffix, then_failing, gee_empty_t, int64_t, flags),                                   \
        GEE_METHOD("AfterFailing" suffix, after_failing, gee_empty_t, int64_t, flags),                                 \
        GEE_METHOD("Elsewhere" suffix, elsewhere, gee_empty_t, int64_t, flags),                                        \
        GEE_METHOD("ElsewhereThenHere" suffix, elsewhere_then_here, gee_empty_t, int64_t, flags),                      \
        GEE_METHOD("HereThenElsewhere" suffix, here_then_elsewhere, gee_empty_t, int64_t, flags),                      \
        GEE_METHOD("HereThenFailingElsewhere" suffix, here_then_failing_elsewhere, gee_empty_t, int64_t, flags),       \
        GEE_METHOD("WatchingLate" suffix, watching_late, gee_empty_t, int64_t, flags),                                 \
        GEE_METHOD("Busy" suffix, replied_and_busy, gee_empty_t, int64_t, flags),                                      \
        GEE_METHOD("Watching" suffix, watching, gee_empty_t, int64_t, flags)

static const gee_method_t methods[] = { METHODS("", 0), METHODS("OnPool", GEE_BLOCKING) };
static const gee_service_t service = { .name = "T", .methods = methods, .method_count = GEE_LENGTH(methods) };

#define SAID_TWICE "finished its call twice"

/* Once on the loop's thread, once on the pool's. */
static void expect_reply(const char *method, const char *reply, bool said_twice) {
    fixture_t *fixture = fixture_create(&service, NULL);
    char name[64];
    for (int pool = 0; pool < 2; pool++) {
        snprintf(name, sizeof name, "T.%s%s", method, pool ? "OnPool" : "");
        fixture->log_text[0] = '\0';
        for (int i = 0; i < 3; i++) /* the structure is used again, and knows nothing of the call before */
            assert_reply(fixture, name, "{}", reply);
        if ((strstr(fixture->log_text, SAID_TWICE) != NULL) != said_twice)
            fail_msg("%s: log: %s", name, fixture->log_text);
    }
    fixture_destroy(fixture);
}

static void a_reply_is_one(void **state GEE_UNUSED) {
    expect_reply("Once", "1", false);
    expect_reply("Elsewhere", "5", false);
}

static void a_handler_may_go_on_after_its_reply(void **state GEE_UNUSED) {
    expect_reply("GoingOn", "2", false);
}

static void the_first_finish_counts(void **state GEE_UNUSED) {
    expect_reply("Twice", "3", true);
    expect_reply("ThenFailing", "4", true);
    expect_reply("ElsewhereThenHere", "6", true);
    expect_reply("HereThenElsewhere", "7", true);
}

static void a_failure_is_not_made_good(void **state GEE_UNUSED) {
    fixture_t *fixture = fixture_create(&service, NULL);
    assert_failure(fixture, "T.AfterFailing", "{}", GEE_NOT_FOUND, "first");
    assert_failure(fixture, "T.AfterFailingOnPool", "{}", GEE_NOT_FOUND, "first");
    assert_non_null(strstr(fixture->log_text, SAID_TWICE));
    assert_reply(fixture, "T.Once", "{}", "1");
    fixture_destroy(fixture);
}

static void who_watched_a_call_is_not_told_of_the_next(void **state GEE_UNUSED) {
    told = false;
    fixture_t *fixture = fixture_create(&service, NULL);
    assert_reply(fixture, "T.Watching", "{}", "8");
    gee_call_t *next = gee_call_create(fixture->engine);
    gee_call_cancel(next);
    gee_call_release(next);
    assert_false(told);
    fixture_destroy(fixture);
}

static void who_watched_late_is_not_told_of_the_next(void **state GEE_UNUSED) {
    told = false;
    fixture_t *fixture = fixture_create(&service, NULL);
    assert_reply(fixture, "T.WatchingLate", "{}", "9");
    gee_call_t *next = gee_call_create(fixture->engine);
    gee_call_cancel(next);
    gee_call_release(next);
    assert_false(told);
    fixture_destroy(fixture);
}

static void the_first_finish_counts_whatever_the_second_says(void **state GEE_UNUSED) {
    expect_reply("HereThenFailingElsewhere", "11", true);
}

static void nobody_is_told_after_the_reply(void **state GEE_UNUSED) {
    told = false;
    atomic_store(&has_replied, false);
    atomic_store(&may_return, false);
    fixture_t *fixture = fixture_create(&service, NULL);
    outcome_t *outcome = start_call(fixture, "T.BusyOnPool", "{}");
    while (!atomic_load(&has_replied))
        continue;
    outcome->call->engine->server->cancel(outcome->call, false); /* its caller goes */
    bool was_told = told;
    atomic_store(&may_return, true);
    wait_released(fixture, outcome);
    fixture_destroy(fixture);
    assert_false(was_told);
}

GEE_UNUSED static void a_new_call_has_replied_nothing(void **state GEE_UNUSED) {
    fixture_t *fixture = fixture_create(&service, NULL);
    gee_call_t *call = gee_call_create(fixture->engine);
    call->reply_bytes = 77;
    gee_call_release(call);
    call = gee_call_create(fixture->engine);
    size_t bytes = call->reply_bytes;
    gee_call_release(call);
    fixture_destroy(fixture);
    assert_int_equal(bytes, 0);
}

/* A filter that has both in one is called for calls that end at once; for those that are answered early, twice. */
static int ends, releases, endings;

static void on_end(void *state GEE_UNUSED, gee_call_t *call GEE_UNUSED) {
    ends++;
}
static void on_release(void *state GEE_UNUSED, gee_call_t *call GEE_UNUSED) {
    releases++;
}
static void on_done(void *state GEE_UNUSED, gee_call_t *call GEE_UNUSED) {
    endings++;
}
static const gee_filter_t counting = { .on_end = on_end, .on_release = on_release, .on_done = on_done };
static const gee_module_t counting_module = {
    .abi = GEE_MODULE_ABI, .kind = GEE_MODULE_FILTER, .name = "filter_counting", .interface = &counting
};

static void endings_come_once(void **state GEE_UNUSED) {
    gee_filter_entry_t filter = { .module = &counting_module };
    gee_service_entry_t entry = { .service = &service };
    gee_error_t error;
    fixture_t *fixture = fixture_create(&service, NULL); /* for its engine; with a dispatch that has only this filter */
    gee_dispatch_destroy(&fixture->dispatch);
    fixture->dispatch = gee_dispatch_create(fixture->engine, &entry, 1, &filter, 1, false, &error);
    ends = releases = endings = 0;
    (void)start_call(fixture, "T.Once", "{}");
    assert_int_equal(fixture->engine->live_calls, 0);
    assert_true(ends == 0 && releases == 0 && endings == 1);
    gee_call_t *call = start_call(fixture, "T.OnceOnPool", "{}")->call;
    call->engine->server->cancel(call, false); /* while it waits for a thread, runs, or is on its way back */
    int64_t give_up = gee_clock_monotonic() + 10 * GEE_SECOND;
    while (fixture->engine->live_calls > 0 && gee_clock_monotonic() < give_up)
        assert_int_equal(gee_loop_once(fixture->loop, 10 * GEE_MILLISECOND), 0);
    assert_int_equal(ends, releases);
    assert_int_equal(ends + endings, 2);
    fixture_destroy(fixture);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_reply_is_one),
        cmocka_unit_test(a_handler_may_go_on_after_its_reply),
        cmocka_unit_test(the_first_finish_counts),
        cmocka_unit_test(a_failure_is_not_made_good),
        cmocka_unit_test(who_watched_a_call_is_not_told_of_the_next),
        cmocka_unit_test(endings_come_once),
        cmocka_unit_test(who_watched_late_is_not_told_of_the_next),
        cmocka_unit_test(the_first_finish_counts_whatever_the_second_says),
        cmocka_unit_test(nobody_is_told_after_the_reply),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
