/* service_arith_test: the example services, Arith and Foo, called as dispatch calls them. */
#include "call_fixture.h"

extern const gee_module_t gee_service_arith_module;
extern const gee_module_t gee_service_foo_module;

static void arith_multiplies_and_divides(void **state) {
    (void)state;
    fixture_t *fixture = fixture_create(gee_service_arith_module.interface, NULL);
    assert_reply(fixture, "Arith.Multiply", "{\"A\":7,\"B\":8}", "56");
    assert_reply(fixture, "Arith.Multiply", "{\"A\":9007199254740993,\"B\":1}", "9007199254740993");
    assert_reply(fixture, "Arith.Multiply", "{\"A\":-9223372036854775808,\"B\":1}", "-9223372036854775808");
    assert_reply(fixture, "Arith.Divide", "{\"A\":17,\"B\":5}", "{\"Quo\":3,\"Rem\":2}");
    assert_reply(fixture, "Arith.Divide", "{\"A\":-17,\"B\":5}", "{\"Quo\":-3,\"Rem\":-2}");
    fixture_destroy(fixture);
}

static void arith_refuses_what_has_no_result(void **state) {
    (void)state;
    fixture_t *fixture = fixture_create(gee_service_arith_module.interface, NULL);
    assert_failure(fixture, "Arith.Multiply", "{\"A\":9223372036854775807,\"B\":2}", GEE_OUT_OF_RANGE,
                   "9223372036854775807 * 2 overflows int64");
    assert_failure(fixture, "Arith.Multiply", "{\"A\":-9223372036854775808,\"B\":-1}", GEE_OUT_OF_RANGE,
                   "-9223372036854775808 * -1 overflows int64");
    assert_failure(fixture, "Arith.Divide", "{\"A\":1}", GEE_INVALID_ARGUMENT, "divide by zero");
    assert_failure(fixture, "Arith.Divide", "{\"A\":-9223372036854775808,\"B\":-1}", GEE_OUT_OF_RANGE,
                   "-9223372036854775808 / -1 overflows int64");
    fixture_destroy(fixture);
}

static void foo_sums(void **state) {
    (void)state;
    fixture_t *fixture = fixture_create(gee_service_foo_module.interface, NULL);
    assert_reply(fixture, "Foo.Sum", "{\"Num1\":1,\"Num2\":-4}", "-3");
    assert_failure(fixture, "Foo.Sum", "{\"Num1\":9223372036854775807,\"Num2\":1}", GEE_OUT_OF_RANGE,
                   "9223372036854775807 + 1 overflows int64");
    fixture_destroy(fixture);
}

static void foo_sleeps_then_sums_and_holds_up_nobody(void **state) {
    (void)state;
    fixture_t *fixture = fixture_create(gee_service_foo_module.interface, NULL);
    int64_t begin = gee_clock_monotonic();
    const outcome_t *sleeper = start_call(fixture, "Foo.Sleep", "{\"Num1\":1,\"Num2\":2}");
    assert_reply(fixture, "Foo.Sum", "{\"Num1\":1,\"Num2\":1}", "2");
    assert_false(sleeper->ended);
    wait_released(fixture, sleeper);
    assert_string_equal(sleeper->reply, "3");
    assert_true(gee_clock_monotonic() - begin >= GEE_SECOND);
    assert_reply(fixture, "Foo.Sleep", "{\"Num2\":5}", "5");
    fixture_destroy(fixture);
}

static void foo_refuses_impossible_sleeps_at_once(void **state) {
    (void)state;
    fixture_t *fixture = fixture_create(gee_service_foo_module.interface, NULL);
    assert_failure(fixture, "Foo.Sleep", "{\"Num1\":-1}", GEE_INVALID_ARGUMENT, "Num1: cannot sleep for -1 seconds");
    assert_failure(fixture, "Foo.Sleep", "{\"Num1\":9223372036854775807,\"Num2\":1}", GEE_OUT_OF_RANGE,
                   "9223372036854775807 + 1 overflows int64");
    fixture_destroy(fixture);
}

/* Two sleep, one more waits for a thread: all three are gone soon after they are cancelled. */
static void foo_wakes_when_cancelled(void **state) {
    (void)state;
    fixture_t *fixture = fixture_create(gee_service_foo_module.interface, NULL);
    int64_t give_up = gee_clock_monotonic() + 10 * GEE_SECOND;
    outcome_t *sleepers[3];
    for (size_t i = 0; i < 3; i++)
        sleepers[i] = start_call(fixture, "Foo.Sleep", "{\"Num1\":9223372036854775807}");
    while (gee_thread_pool_running(fixture->threads) < 2 && gee_clock_monotonic() < give_up)
        pump(fixture);
    for (size_t i = 0; i < 3; i++)
        sleepers[i]->call->engine->server->cancel(sleepers[i]->call, i == 0);
    for (size_t i = 0; i < 3; i++) {
        wait_released(fixture, sleepers[i]);
        assert_int_equal(sleepers[i]->code, GEE_CANCELLED);
    }
    assert_int_equal(sleepers[0]->handler_code, GEE_CANCELLED);
    assert_int_equal(sleepers[1]->handler_code, GEE_CANCELLED);
    assert_reply(fixture, "Foo.Sleep", "{\"Num2\":5}", "5"); /* the threads are free again */
    fixture_destroy(fixture);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(arith_multiplies_and_divides),
        cmocka_unit_test(arith_refuses_what_has_no_result),
        cmocka_unit_test(foo_sums),
        cmocka_unit_test(foo_sleeps_then_sums_and_holds_up_nobody),
        cmocka_unit_test(foo_refuses_impossible_sleeps_at_once),
        cmocka_unit_test(foo_wakes_when_cancelled),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
