/* limits_test.c: the filter limits: calls in flight and rates, by method, service and client address. The clock
 * stands still unless a test moves it. */
#include "filter_fixture.h"

#include <malloc.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

extern const gee_module_t gee_filter_limits_module;

/* ---- time ---- */

static int64_t now_ns = 1000 * GEE_SECOND;

int clock_gettime(clockid_t id, struct timespec *time) {
    if (id != CLOCK_MONOTONIC)
        return (int)syscall(SYS_clock_gettime, id, time);
    *time = (struct timespec){ .tv_sec = (time_t)(now_ns / GEE_SECOND), .tv_nsec = (long)(now_ns % GEE_SECOND) };
    return 0;
}

/* ---- settings, and calls by address ---- */

static void *lend_shared(const gee_prepare_t *prepare, const char *name GEE_UNUSED, size_t size,
                         uint32_t version GEE_UNUSED, gee_error_t *error GEE_UNUSED) {
    return gee_pool_zalloc(prepare->pool, size);
}

static fixture_t *filter_in(gee_pool_t *pool, conf_t *conf) {
    const gee_prepare_t prepare = { .pool = pool, .workers = 1, .shared = lend_shared };
    return filter_with(&gee_filter_limits_module, conf, &prepare);
}

/* Name, value, name, value ... null */
static fixture_t *limited(gee_pool_t *pool, ...) {
    conf_t conf;
    va_list arguments;
    const char *name;
    configure(&gee_filter_limits_module, &conf, pool);
    va_start(arguments, pool);
    while ((name = va_arg(arguments, const char *)) != NULL)
        configure_one(&gee_filter_limits_module, &conf, pool, name, va_arg(arguments, const char *));
    va_end(arguments);
    return filter_in(pool, &conf);
}

/* Elements of limits.services, each with its name. */
static void name_services(conf_t *conf, gee_pool_t *pool, const char *const *names, size_t count) {
    const gee_option_t *row = gee_option_find(gee_filter_limits_module.options, "services");
    gee_groups_t *services = (gee_groups_t *)(void *)(conf->bytes + row->offset);
    gee_error_t error;
    services->items = gee_pool_zalloc(pool, count * row->element_size);
    services->count = count;
    assert_non_null(services->items);
    for (size_t i = 0; i < count; i++) {
        char *element = (char *)services->items + i * row->element_size;
        assert_int_equal(gee_options_default(row->table, element, pool, &error), 0);
        assert_int_equal(gee_option_set(row->table, element, "name", names[i], pool, &error), 0);
    }
}

/* The defaults, and one setting of the service Test. */
static fixture_t *limited_service(gee_pool_t *pool, const char *setting, const char *value) {
    conf_t conf;
    gee_error_t error;
    const gee_option_t *row = gee_option_find(gee_filter_limits_module.options, "services");
    configure(&gee_filter_limits_module, &conf, pool);
    name_services(&conf, pool, (const char *[]){ "Test" }, 1);
    const gee_groups_t *services = (gee_groups_t *)(void *)(conf.bytes + row->offset);
    if (gee_option_set(row->table, services->items, setting, value, pool, &error) != 0)
        fail_msg("%s", error.text);
    return filter_in(pool, &conf);
}

static void assert_passes(fixture_t *fixture, const char *peer) {
    const outcome_t *outcome = start_call_from(fixture, peer, "Test.Echo", "{\"Number\":3}");
    assert_true(outcome->released);
    if (outcome->code != GEE_OK)
        fail_msg("%s: %s", peer, outcome->text);
    fixture->count--;
    memset(&fixture->outcomes[fixture->count], 0, sizeof *outcome);
}

static void assert_refused(fixture_t *fixture, const char *peer, const char *text) {
    const outcome_t *outcome = start_call_from(fixture, peer, "Test.Echo", "{\"Number\":3}");
    assert_true(outcome->released);
    assert_string_equal(outcome->text, text);
    assert_int_equal(outcome->code, GEE_RESOURCE_EXHAUSTED);
    fixture->count--;
    memset(&fixture->outcomes[fixture->count], 0, sizeof *outcome);
}

static outcome_t *hold_from(fixture_t *fixture, const char *peer) {
    outcome_t *held = start_call_from(fixture, peer, "Test.Hold", "{}");
    if (held->ended)
        fail_msg("%s: %s", peer, held->text);
    return held;
}

/* ---- in all, by method ---- */

static void calls_past_the_limit_are_refused(void **state) {
    fixture_t *fixture = limited(*state, "in_flight", "2", NULL);
    const char *text = "rpc server: too many calls in flight: limits.in_flight = 2";
    outcome_t *first = start_call(fixture, "Test.Hold", "{}"), *second = start_call(fixture, "Test.Keep", "{}");
    for (int i = 0; i < 5; i++) /* refusals take no places */
        assert_failure(fixture, "Test.Echo", "{}", GEE_RESOURCE_EXHAUSTED, text);
    assert_failure(fixture, "No.Method", "{}", GEE_RESOURCE_EXHAUSTED, text);
    finish(fixture, first);
    assert_reply(fixture, "Test.Echo", "{\"Number\":3}", "3");
    /* Answered, but its handler is not through: it still takes its place. */
    second->call->engine->server->cancel(second->call, false);
    first = start_call(fixture, "Test.Hold", "{}");
    assert_false(first->ended);
    assert_failure(fixture, "Test.Echo", "{}", GEE_RESOURCE_EXHAUSTED, text);
    finish(fixture, second);
    assert_reply(fixture, "Test.Echo", "{\"Number\":4}", "4");
    finish(fixture, first);
    fixture_destroy(fixture);
}

static void a_method_past_its_limit_holds_up_no_other(void **state) {
    fixture_t *fixture = limited(*state, "in_flight_per_method", "1", NULL);
    outcome_t *held = start_call(fixture, "Test.Hold", "{}");
    assert_failure(fixture, "Test.Hold", "{}", GEE_RESOURCE_EXHAUSTED,
                   "rpc server: too many calls of this method in flight: limits.in_flight_per_method = 1");
    outcome_t *kept = start_call(fixture, "Test.Keep", "{}");
    assert_false(kept->ended);
    assert_reply(fixture, "Test.Echo", "{\"Number\":3}", "3");
    finish(fixture, held);
    finish(fixture, kept);
    fixture_destroy(fixture);
}

/* ---- by address ---- */

static void an_address_past_its_limit_holds_up_no_other(void **state) {
    static const struct {
        const char *first, *second, *third;
    } clients[] = { { "tcp@10.0.0.1:4000", "tcp@10.0.0.1:4001", "tcp@10.0.0.1:9" },
                    { "tcp@[::1]:4000", "tcp@[::1]:4001", "tcp@[::1]:9" },
                    { "tcp@[::1%eth0]:4000", "tcp@[::1%eth0]:4001", "tcp@[::1%eth0]:9" },
                    { "unix@", "unix@/run/client:7", "unix@/run/other" } };
    const char *text = "rpc server: too many calls of this address in flight: limits.in_flight_per_address = 2";
    fixture_t *fixture = limited(*state, "in_flight_per_address", "2", NULL);
    for (size_t i = 0; i < GEE_LENGTH(clients); i++) {
        outcome_t *first = hold_from(fixture, clients[i].first), *second = hold_from(fixture, clients[i].second);
        for (int j = 0; j < 5; j++)
            assert_refused(fixture, clients[i].third, text);
        for (size_t j = 0; j < GEE_LENGTH(clients); j++)
            if (j != i)
                assert_passes(fixture, clients[j].third);
        for (int j = 0; j < 5; j++)
            assert_passes(fixture, NULL);                          /* from within */
        second->call->engine->server->cancel(second->call, false); /* its handler goes on, and counts */
        assert_refused(fixture, clients[i].third, text);
        finish(fixture, first);
        assert_passes(fixture, clients[i].third);
        finish(fixture, second);
    }
    fixture_destroy(fixture);
}

static void a_rate_is_held_over_any_time(void **state) {
    const char *text = "rpc server: too many calls of this address a second: limits.rate_per_address = 10";
    fixture_t *fixture = limited(*state, "rate_per_address", "10", "burst_per_address", "3", NULL);
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < 3; i++)
            assert_passes(fixture, "tcp@10.0.0.1:1");
        for (int i = 0; i < 100; i++) /* refusals cost nothing */
            assert_refused(fixture, "tcp@10.0.0.1:2", text);
        assert_passes(fixture, "tcp@10.0.0.2:1");
        for (int i = 0; i < 5; i++) {
            now_ns += 99 * GEE_MILLISECOND;
            assert_refused(fixture, "tcp@10.0.0.1:3", text);
            now_ns += GEE_MILLISECOND;
            assert_passes(fixture, "tcp@10.0.0.1:3");
            assert_refused(fixture, "tcp@10.0.0.1:3", text);
        }
        now_ns += 3600 * GEE_SECOND; /* what was not used for long is not more than a burst */
    }
    fixture_destroy(fixture);
}

static void a_burst_is_as_large_as_the_rate(void **state) {
    fixture_t *fixture = limited(*state, "rate_per_address", "100", NULL);
    for (int i = 0; i < 100; i++)
        assert_passes(fixture, "unix@");
    assert_refused(fixture, "unix@",
                   "rpc server: too many calls of this address a second: limits.rate_per_address = 100");
    fixture_destroy(fixture);
}

static void what_another_limit_refuses_takes_no_token(void **state) {
    fixture_t *fixture = limited(*state, "rate_per_address", "1", "burst_per_address", "2", "in_flight", "1", NULL);
    outcome_t *held = hold_from(fixture, "tcp@10.0.0.2:1");
    for (int i = 0; i < 5; i++)
        assert_refused(fixture, "tcp@10.0.0.1:1", "rpc server: too many calls in flight: limits.in_flight = 1");
    finish(fixture, held);
    assert_passes(fixture, "tcp@10.0.0.1:1");
    assert_passes(fixture, "tcp@10.0.0.1:1");
    fixture_destroy(fixture);
}

/* ---- many addresses ---- */

static void others_do_not_make_an_address_forgotten(void **state) {
    const char *text = "rpc server: too many calls of this address a second: limits.rate_per_address = 1";
    char peer[64];
    fixture_t *fixture = limited(*state, "rate_per_address", "1", "addresses", "100", NULL);
    for (int i = 0; i < 2; i++) {
        now_ns += 3600 * GEE_SECOND;
        assert_passes(fixture, "tcp@10.0.0.1:1");
        for (int other = 0; other < 100; other++) {
            snprintf(peer, sizeof peer, "tcp@10.1.0.%d:1", other);
            assert_passes(fixture, peer);
            assert_refused(fixture, peer, text);
        }
        assert_refused(fixture, "tcp@10.0.0.1:1", text);
    }
    fixture_destroy(fixture);
}

static void a_client_of_ipv6_is_its_network(void **state) {
    const char *text = "rpc server: too many calls of this address a second: limits.rate_per_address = 1";
    fixture_t *fixture = limited(*state, "rate_per_address", "1", NULL);
    assert_passes(fixture, "tcp@[2001:db8:0:1::1]:1");
    assert_refused(fixture, "tcp@[2001:db8:0:1:ffff::2]:1", text);
    assert_passes(fixture, "tcp@[2001:db8:0:2::1]:1");
    assert_passes(fixture, "tcp@[fe80::1%2]:1"); /* one link: neighbours */
    assert_passes(fixture, "tcp@[fe80::2%2]:1");
    assert_passes(fixture, "tcp@[::ffff:10.0.0.1]:1");
    assert_passes(fixture, "tcp@[::ffff:10.0.0.2]:1");
    fixture_destroy(fixture);
}

/* Two filters with one memory, as two workers have it. */
static void workers_share_a_rate(void **state) {
    conf_t conf;
    const char *text = "rpc server: too many calls of this address a second: limits.rate_per_address = 10";
    configure(&gee_filter_limits_module, &conf, *state);
    configure_one(&gee_filter_limits_module, &conf, *state, "rate_per_address", "10");
    fixture_t *one = filter_in(*state, &conf);
    gee_filter_entry_t entry = { .module = &gee_filter_limits_module, .conf = conf.bytes };
    fixture_t *other = fixture_create(&service, &entry);
    for (int i = 0; i < 10; i++) {
        recording = i % 2 ? one : other;
        assert_passes(recording, "tcp@10.0.0.1:1");
    }
    assert_refused(recording = one, "tcp@10.0.0.1:1", text);
    assert_refused(recording = other, "tcp@10.0.0.1:1", text);
    now_ns += 100 * GEE_MILLISECOND;
    assert_passes(recording = one, "tcp@10.0.0.1:1");
    assert_refused(recording = other, "tcp@10.0.0.1:1", text);
    fixture_destroy(other);
    recording = one;
    fixture_destroy(one);
}

static void an_address_with_calls_in_flight_is_not_forgotten(void **state) {
    const char *text = "rpc server: too many calls of so many addresses in flight: limits.addresses = 2";
    fixture_t *fixture = limited(*state, "in_flight_per_address", "1", "addresses", "2", NULL);
    outcome_t *first = hold_from(fixture, "tcp@10.0.0.1:1"), *second = hold_from(fixture, "tcp@10.0.0.2:1");
    for (int i = 0; i < 5; i++) {
        assert_refused(fixture, "tcp@10.0.0.3:1", text);
        assert_refused(fixture, "tcp@10.0.0.1:1",
                       "rpc server: too many calls of this address in flight: limits.in_flight_per_address = 1");
    }
    finish(fixture, first);
    first = hold_from(fixture, "tcp@10.0.0.3:1");
    assert_refused(fixture, "tcp@10.0.0.1:1", text);
    finish(fixture, second);
    assert_passes(fixture, "tcp@10.0.0.1:1");
    finish(fixture, first);
    fixture_destroy(fixture);
}

/* (Under a sanitizer mallinfo2 knows nothing, and this shows only that nobody is refused.) */
static void new_addresses_for_ever_take_no_more_memory(void **state) {
    char peer[64];
    size_t in_use = 0;
    fixture_t *fixture =
        limited(*state, "rate_per_address", "1", "in_flight_per_address", "1", "addresses", "100", NULL);
    for (unsigned i = 0; i < 20000; i++) {
        snprintf(peer, sizeof peer, i % 2 ? "tcp@10.%u.%u.1:1" : "tcp@[2001:db8:%x:%x::1]:1", i >> 8, i & 255);
        assert_passes(fixture, peer);
        if (i == 500)
            in_use = mallinfo2().uordblks;
    }
    assert_true(mallinfo2().uordblks <= in_use);
    fixture_destroy(fixture);
}

/* ---- by service ---- */

static void a_service_past_its_limit_is_refused(void **state) {
    fixture_t *fixture = limited_service(*state, "in_flight", "1");
    const char *text = "rpc server: too many calls of this service in flight: limits.services[0].in_flight = 1";
    outcome_t *held = hold_from(fixture, "tcp@10.0.0.1:1");
    assert_refused(fixture, "tcp@10.0.0.2:1", text);
    assert_refused(fixture, NULL, text);
    assert_failure(fixture, "Test.NoSuch", "{}", GEE_RESOURCE_EXHAUSTED, text);
    assert_failure(fixture, "Tes.t", "{}", GEE_UNIMPLEMENTED, "rpc server: can't find service Tes");
    assert_failure(fixture, "Test", "{}", GEE_INVALID_ARGUMENT, "rpc server: service/method request ill-formed: Test");
    finish(fixture, held);
    assert_passes(fixture, NULL);
    fixture_destroy(fixture);
}

static void a_service_has_its_rate(void **state) {
    fixture_t *fixture = limited_service(*state, "rate", "2");
    const char *text = "rpc server: too many calls of this service a second: limits.services[0].rate = 2";
    assert_passes(fixture, "tcp@10.0.0.1:1");
    assert_passes(fixture, "tcp@10.0.0.2:1");
    assert_refused(fixture, "tcp@10.0.0.3:1", text);
    now_ns += GEE_SECOND / 2;
    assert_passes(fixture, NULL);
    assert_refused(fixture, "tcp@10.0.0.1:1", text);
    fixture_destroy(fixture);
}

static void a_service_twice_is_a_mistake(void **state) {
    conf_t conf;
    gee_error_t error;
    const gee_option_t *row = gee_option_find(gee_filter_limits_module.options, "services");
    configure(&gee_filter_limits_module, &conf, *state);
    name_services(&conf, *state, (const char *[]){ "A", "B", "C" }, 3);
    assert_int_equal(row->check(conf.bytes + row->offset, &error), 0);
    name_services(&conf, *state, (const char *[]){ "A", "B", "A" }, 3);
    assert_int_equal(row->check(conf.bytes + row->offset, &error), -1);
    assert_string_equal(error.text, "\"A\" is there twice: leave one of them out");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(calls_past_the_limit_are_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_method_past_its_limit_holds_up_no_other, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_address_past_its_limit_holds_up_no_other, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_rate_is_held_over_any_time, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_burst_is_as_large_as_the_rate, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_another_limit_refuses_takes_no_token, set_up, tear_down),
        cmocka_unit_test_setup_teardown(others_do_not_make_an_address_forgotten, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_client_of_ipv6_is_its_network, set_up, tear_down),
        cmocka_unit_test_setup_teardown(workers_share_a_rate, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_address_with_calls_in_flight_is_not_forgotten, set_up, tear_down),
        cmocka_unit_test_setup_teardown(new_addresses_for_ever_take_no_more_memory, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_service_past_its_limit_is_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_service_has_its_rate, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_service_twice_is_a_mistake, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
