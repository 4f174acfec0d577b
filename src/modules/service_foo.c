/* service_foo: the example of GeeRPC's own main: Foo.Sum adds, Foo.Sleep waits Num1 seconds and then adds. */
#include <gee/service.h>

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <time.h>

typedef struct args {
    int64_t num1, num2;
} args_t;
GEE_STRUCT(args_t, "Args", GEE_INT64(args_t, num1, "Num1", 1), GEE_INT64(args_t, num2, "Num2", 2));

/* Fails the call when the sum does not fit. */
static bool add(gee_call_t *call, const args_t *args, int64_t *sum) {
    if (!__builtin_add_overflow(args->num1, args->num2, sum))
        return true;
    gee_failf(call, GEE_OUT_OF_RANGE, "%" PRId64 " + %" PRId64 " overflows int64", args->num1, args->num2);
    return false;
}

static void sum(gee_call_t *call, const args_t *args, int64_t *reply) {
    if (add(call, args, reply))
        gee_reply(call);
}

/* A wait that another thread can end. The alarm lies on the stack of the waiting handler: after gee_reply() or
 * gee_fail() the core does not call wake() any more, so the alarm may go. */
typedef struct alarm {
    pthread_mutex_t lock;
    pthread_cond_t rung;
    bool cancelled;
} alarm_t;

static int alarm_init(alarm_t *alarm) {
    pthread_condattr_t attributes;
    alarm->cancelled = false;
    if (pthread_condattr_init(&attributes) != 0)
        return -1;
    int failed = pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    if (failed == 0)
        failed = pthread_mutex_init(&alarm->lock, NULL);
    if (failed == 0 && (failed = pthread_cond_init(&alarm->rung, &attributes)) != 0)
        pthread_mutex_destroy(&alarm->lock);
    pthread_condattr_destroy(&attributes);
    return failed == 0 ? 0 : -1;
}

static void alarm_destroy(alarm_t *alarm) {
    pthread_cond_destroy(&alarm->rung);
    pthread_mutex_destroy(&alarm->lock);
}

static void wake(void *data) {
    alarm_t *alarm = data;
    pthread_mutex_lock(&alarm->lock);
    alarm->cancelled = true;
    pthread_cond_signal(&alarm->rung);
    pthread_mutex_unlock(&alarm->lock);
}

/* Waits on the monotonic clock; true when the whole time has passed. */
static bool sleep_until(alarm_t *alarm, const struct timespec *end) {
    int result = 0;
    pthread_mutex_lock(&alarm->lock);
    while (!alarm->cancelled && result != ETIMEDOUT)
        result = pthread_cond_timedwait(&alarm->rung, &alarm->lock, end);
    bool slept = !alarm->cancelled;
    pthread_mutex_unlock(&alarm->lock);
    return slept;
}

static void sleep_then_sum(gee_call_t *call, const args_t *args, int64_t *reply) {
    int64_t end_ns, seconds = args->num1;
    alarm_t alarm;
    if (seconds < 0) {
        gee_failf(call, GEE_INVALID_ARGUMENT, "Num1: cannot sleep for %" PRId64 " seconds", seconds);
        return;
    }
    if (!add(call, args, reply)) /* before the sleep: nobody should wait for a failure that is certain */
        return;
    if (__builtin_mul_overflow(seconds, GEE_SECOND, &end_ns))
        end_ns = INT64_MAX;
    end_ns = gee_time_add(gee_clock_monotonic(), end_ns);
    struct timespec end = { .tv_sec = (time_t)(end_ns / GEE_SECOND), .tv_nsec = (long)(end_ns % GEE_SECOND) };
    if (alarm_init(&alarm) != 0) {
        gee_fail(call, GEE_RESOURCE_EXHAUSTED, "out of memory");
        return;
    }
    gee_call_on_cancel(call, wake, &alarm);
    if (sleep_until(&alarm, &end))
        gee_reply(call);
    else
        gee_fail(call, GEE_CANCELLED, "the sleep was cancelled");
    alarm_destroy(&alarm);
}

GEE_SERVICE_WITH(service_foo, "Foo", (.abi = GEE_MODULE_ABI, .example = true),
                 GEE_METHOD("Sum", sum, args_t, int64_t, GEE_IDEMPOTENT),
                 GEE_METHOD("Sleep", sleep_then_sum, args_t, int64_t, GEE_IDEMPOTENT | GEE_BLOCKING));
