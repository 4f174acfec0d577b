/* timer_test.c: timers fire once, in order, never early, and can be stopped and started from each other's callbacks. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "event_support.h"

typedef struct alarm {
    gee_timer_t timer;
    gee_loop_t *loop;
    int fired, place;
    int64_t fired_at, again; /* again: starts itself anew with this delay, -1: not */
    int *order;
    struct alarm *victim; /* stopped and freed by the callback */
} alarm_t;

static void ring(gee_timer_t *timer) {
    alarm_t *alarm = GEE_CONTAINER(timer, alarm_t, timer);
    alarm->fired++;
    alarm->fired_at = gee_clock_monotonic();
    if (alarm->order)
        alarm->place = ++*alarm->order;
    if (alarm->again >= 0)
        assert_int_equal(gee_timer_start(alarm->loop, timer, alarm->again), 0);
    if (alarm->victim) {
        gee_timer_stop(alarm->loop, &alarm->victim->timer);
        free(alarm->victim);
        alarm->victim = NULL;
    }
}

static void set_up_alarm(alarm_t *alarm, gee_loop_t *loop, int *order) {
    *alarm = (alarm_t){ .timer.fire = ring, .loop = loop, .again = -1, .order = order };
}

static void test_fires_once_and_never_early(void **state) {
    (void)state;
    gee_loop_t *loop = new_loop();
    alarm_t alarm;
    set_up_alarm(&alarm, loop, NULL);
    static const int64_t delays[] = { 0, 1, 300 * GEE_MICROSECOND, 1500 * GEE_MICROSECOND, 12 * GEE_MILLISECOND };
    for (size_t i = 0; i < GEE_LENGTH(delays); i++) {
        alarm.fired = 0;
        int64_t before = gee_clock_monotonic();
        assert_int_equal(gee_timer_start(loop, &alarm.timer, delays[i]), 0);
        assert_true(gee_timer_started(&alarm.timer));
        RUN_UNTIL(loop, alarm.fired > 0);
        assert_true(alarm.fired_at - before >= delays[i]);
        assert_false(gee_timer_started(&alarm.timer));
        run_passes(loop, 2);
        assert_int_equal(alarm.fired, 1);
    }
    gee_loop_destroy(&loop);
}

/* The wait for a timer is one sleep, not a spin of short ones. */
static void test_waiting_costs_few_passes(void **state) {
    (void)state;
    gee_loop_t *loop = new_loop();
    alarm_t alarm;
    set_up_alarm(&alarm, loop, NULL);
    assert_int_equal(gee_timer_start(loop, &alarm.timer, 30 * GEE_MILLISECOND + 1), 0);
    int passes = 0;
    while (!alarm.fired && passes < 1000) {
        assert_int_equal(gee_loop_once(loop, -1), 0);
        passes++;
    }
    assert_in_range(passes, 1, 5);
    gee_loop_destroy(&loop);
}

static void test_next_timer(void **state) {
    (void)state;
    gee_loop_t *loop = new_loop();
    alarm_t near, far;
    set_up_alarm(&near, loop, NULL);
    set_up_alarm(&far, loop, NULL);
    assert_true(gee_loop_next_timer(loop) == -1);
    assert_int_equal(gee_timer_start_at(loop, &far.timer, INT64_MAX), 0);
    assert_true(gee_loop_next_timer(loop) > 1000 * GEE_SECOND);
    assert_int_equal(gee_timer_start(loop, &near.timer, GEE_SECOND), 0);
    assert_true(gee_loop_next_timer(loop) > 0);
    assert_true(gee_loop_next_timer(loop) <= GEE_SECOND);
    assert_int_equal(gee_timer_start(loop, &near.timer, -5), 0);
    assert_true(gee_loop_next_timer(loop) == 0);
    RUN_UNTIL(loop, near.fired == 1);
    gee_timer_stop(loop, &far.timer);
    gee_timer_stop(loop, &far.timer);
    assert_true(gee_loop_next_timer(loop) == -1);
    gee_loop_destroy(&loop);
}

static void test_a_delay_that_overflows_is_for_ever(void **state) {
    (void)state;
    gee_loop_t *loop = new_loop();
    alarm_t alarm;
    set_up_alarm(&alarm, loop, NULL);
    assert_int_equal(gee_timer_start(loop, &alarm.timer, INT64_MAX), 0);
    run_passes(loop, 3);
    assert_int_equal(alarm.fired, 0);
    gee_timer_stop(loop, &alarm.timer);
    gee_loop_destroy(&loop);
}

static void test_a_timer_that_restarts_itself_does_not_hold_the_pass(void **state) {
    (void)state;
    gee_loop_t *loop = new_loop();
    alarm_t alarm;
    set_up_alarm(&alarm, loop, NULL);
    alarm.again = 0;
    assert_int_equal(gee_timer_start(loop, &alarm.timer, 0), 0);
    run_passes(loop, 10);
    assert_int_equal(alarm.fired, 10);
    gee_timer_stop(loop, &alarm.timer);
    gee_loop_destroy(&loop);
}

static void test_a_callback_frees_another_timer_that_is_due(void **state) {
    (void)state;
    gee_loop_t *loop = new_loop();
    int64_t now = gee_clock_monotonic();
    alarm_t killer, *victim = calloc(1, sizeof(*victim));
    assert_non_null(victim);
    set_up_alarm(&killer, loop, NULL);
    set_up_alarm(victim, loop, NULL);
    killer.victim = victim;
    assert_int_equal(gee_timer_start_at(loop, &killer.timer, now - 2), 0);
    assert_int_equal(gee_timer_start_at(loop, &victim->timer, now - 1), 0);
    run_passes(loop, 2);
    assert_int_equal(killer.fired, 1);
    assert_null(killer.victim);
    gee_loop_destroy(&loop);
}

static uint32_t next_random(uint32_t *seed) {
    *seed = *seed * 1664525u + 1013904223u;
    return *seed >> 8;
}

/* Many starts, restarts and stops; then those that are left fire in the order of their deadlines. */
static void test_the_heap_against_a_model(void **state) {
    (void)state;
    enum { COUNT = 3000 };
    gee_loop_t *loop = new_loop();
    alarm_t *alarms = calloc(COUNT, sizeof(*alarms));
    assert_non_null(alarms);
    int order = 0, started = 0;
    uint32_t seed = 7;
    int64_t base = gee_clock_monotonic() - GEE_SECOND;
    for (int i = 0; i < COUNT; i++)
        set_up_alarm(&alarms[i], loop, &order);
    for (int i = 0; i < 8 * COUNT; i++) {
        alarm_t *alarm = &alarms[next_random(&seed) % COUNT];
        if (next_random(&seed) % 3 == 0)
            gee_timer_stop(loop, &alarm->timer);
        else
            assert_int_equal(gee_timer_start_at(loop, &alarm->timer, base + (int64_t)(next_random(&seed) % 5000)), 0);
    }
    for (int i = 0; i < COUNT; i++)
        started += gee_timer_started(&alarms[i].timer);
    assert_in_range(started, COUNT / 2, COUNT);
    run_passes(loop, 1);
    assert_int_equal(order, started);
    alarm_t **by_place = calloc((size_t)COUNT + 1, sizeof(alarm_t *));
    assert_non_null(by_place);
    for (int i = 0; i < COUNT; i++)
        by_place[alarms[i].place] = &alarms[i];
    for (int i = 2; i <= order; i++)
        assert_true(by_place[i - 1]->timer.deadline <= by_place[i]->timer.deadline);
    free(by_place);
    free(alarms);
    gee_loop_destroy(&loop);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fires_once_and_never_early),
        cmocka_unit_test(test_waiting_costs_few_passes),
        cmocka_unit_test(test_next_timer),
        cmocka_unit_test(test_a_delay_that_overflows_is_for_ever),
        cmocka_unit_test(test_a_timer_that_restarts_itself_does_not_hold_the_pass),
        cmocka_unit_test(test_a_callback_frees_another_timer_that_is_due),
        cmocka_unit_test(test_the_heap_against_a_model),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
