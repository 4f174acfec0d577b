/* service_process.c: which process serves a call, at once or after a while, for the tests of reloads and upgrades.
 *
 *   Process.Id       at once
 *   Process.Sleep    after Milliseconds, by a timer of the loop: any number of them wait at once
 *   Process.Block    after Milliseconds, on the thread pool
 *
 * Token comes back as it was sent, so that an answer cannot be taken for another's. */
#include <gee/service.h>

#include <errno.h>
#include <time.h>
#include <unistd.h>

#define LONGEST_MILLISECONDS 60000

typedef struct wait {
    int64_t token, milliseconds;
} wait_t;
GEE_STRUCT(wait_t, "Wait", GEE_INT64(wait_t, token, "Token", 1), GEE_INT64(wait_t, milliseconds, "Milliseconds", 2));

typedef struct served {
    int64_t token, pid;
} served_t;
GEE_STRUCT(served_t, "Served", GEE_INT64(served_t, token, "Token", 1), GEE_INT64(served_t, pid, "Pid", 2));

static void answer(gee_call_t *call, const wait_t *wait, served_t *reply) {
    *reply = (served_t){ .token = wait->token, .pid = getpid() };
    gee_reply(call);
}

/* Fails the call when it is to wait for too long. */
static bool can_wait(gee_call_t *call, const wait_t *wait) {
    if (wait->milliseconds >= 0 && wait->milliseconds <= LONGEST_MILLISECONDS)
        return true;
    gee_failf(call, GEE_INVALID_ARGUMENT, "Milliseconds: 0 to %d", LONGEST_MILLISECONDS);
    return false;
}

/* ---- on the loop ---- */

typedef struct alarm {
    gee_timer_t timer;
    gee_call_t *call;
    const wait_t *wait;
    served_t *reply;
} alarm_t;

static void on_time(gee_timer_t *timer) {
    const alarm_t *alarm = GEE_CONTAINER(timer, alarm_t, timer);
    answer(alarm->call, alarm->wait, alarm->reply);
}

static void on_cancel(void *data) {
    alarm_t *alarm = data;
    gee_timer_stop(gee_call_loop(alarm->call), &alarm->timer);
    gee_fail(alarm->call, GEE_CANCELLED, "the sleep was cancelled");
}

static void sleep_on_loop(gee_call_t *call, const wait_t *wait, served_t *reply) {
    if (!can_wait(call, wait))
        return;
    alarm_t *alarm = gee_call_alloc(call, sizeof *alarm);
    if (alarm != NULL)
        *alarm = (alarm_t){ .timer.fire = on_time, .call = call, .wait = wait, .reply = reply };
    if (alarm == NULL ||
        gee_timer_start(gee_call_loop(call), &alarm->timer, wait->milliseconds * GEE_MILLISECOND) != 0) {
        gee_fail(call, GEE_RESOURCE_EXHAUSTED, "out of memory");
        return;
    }
    gee_call_on_cancel(call, on_cancel, alarm);
}

/* ---- on a thread ---- */

static void block(gee_call_t *call, const wait_t *wait, served_t *reply) {
    if (!can_wait(call, wait))
        return;
    struct timespec left = { .tv_sec = wait->milliseconds / 1000, .tv_nsec = wait->milliseconds % 1000 * 1000000 };
    while (nanosleep(&left, &left) != 0 && errno == EINTR)
        continue;
    answer(call, wait, reply);
}

GEE_SERVICE(service_process, "Process", GEE_METHOD("Id", answer, wait_t, served_t, GEE_IDEMPOTENT),
            GEE_METHOD("Sleep", sleep_on_loop, wait_t, served_t, GEE_IDEMPOTENT),
            GEE_METHOD("Block", block, wait_t, served_t, GEE_IDEMPOTENT | GEE_BLOCKING));
