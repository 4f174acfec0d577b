/* work.h: methods whose answer is a function of their argument, for the test of callers that share connections. The Go
 * servers of tests/interop/go/work.go have the same.
 *
 *   Echo    the task comes back
 *   Wait    the same, after Number milliseconds (0 to 50), so that calls are in flight
 *   Fail    an error that quotes the task
 *   Grow    the task comes back with a text of Number bytes (0 to 1 MiB) */
#ifndef GEE_TEST_WORK_H
#define GEE_TEST_WORK_H

#include <gee/service.h>

#include <inttypes.h>
#include <string.h>

#define LONGEST_WAIT 50
#define LONGEST_TEXT (1 << 20)

typedef struct task {
    int64_t token;
    gee_str_t text;
    int64_t number;
} task_t;
GEE_STRUCT(task_t, "Task", GEE_INT64(task_t, token, "Token", 1), GEE_STRING(task_t, text, "Text", 2),
           GEE_INT64(task_t, number, "Number", 3));

static inline int64_t between(int64_t least, int64_t number, int64_t most) {
    return number < least ? least : number > most ? most : number;
}

static inline void echo(gee_call_t *call, const task_t *task, task_t *reply) {
    *reply = *task;
    gee_reply(call);
}

static inline void fail(gee_call_t *call, const task_t *task, task_t *reply) {
    (void)reply;
    gee_failf(call, GEE_FAILED_PRECONDITION, "task %" PRId64 ": %.*s", task->token, (int)task->text.length,
              task->text.data);
}

static inline void grow(gee_call_t *call, const task_t *task, task_t *reply) {
    size_t length = (size_t)between(0, task->number, LONGEST_TEXT);
    char *text = gee_call_alloc(call, length + 1);
    if (text == NULL) {
        gee_fail(call, GEE_RESOURCE_EXHAUSTED, "out of memory");
        return;
    }
    memset(text, 'x', length);
    *reply = (task_t){ .token = task->token, .text = { .data = text, .length = length }, .number = task->number };
    gee_reply(call);
}

/* ---- a while on the loop ---- */

typedef struct waiting {
    gee_timer_t timer;
    gee_call_t *call;
    const task_t *task;
    task_t *reply;
} waiting_t;

static inline void on_time(gee_timer_t *timer) {
    const waiting_t *waiting = GEE_CONTAINER(timer, waiting_t, timer);
    echo(waiting->call, waiting->task, waiting->reply);
}

static inline void on_cancel(void *data) {
    waiting_t *waiting = data;
    gee_timer_stop(gee_call_loop(waiting->call), &waiting->timer);
    gee_fail(waiting->call, GEE_CANCELLED, "the work was cancelled");
}

static inline void wait_on_loop(gee_call_t *call, const task_t *task, task_t *reply) {
    int64_t milliseconds = between(0, task->number, LONGEST_WAIT);
    waiting_t *waiting = gee_call_alloc(call, sizeof *waiting);
    if (waiting != NULL)
        *waiting = (waiting_t){ .timer.fire = on_time, .call = call, .task = task, .reply = reply };
    if (waiting == NULL || gee_timer_start(gee_call_loop(call), &waiting->timer, milliseconds * GEE_MILLISECOND) != 0) {
        gee_fail(call, GEE_RESOURCE_EXHAUSTED, "out of memory");
        return;
    }
    gee_call_on_cancel(call, on_cancel, waiting);
}

#define WORK_METHODS                                                                                                   \
    GEE_METHOD("Echo", echo, task_t, task_t, 0), GEE_METHOD("Wait", wait_on_loop, task_t, task_t, 0),                  \
        GEE_METHOD("Fail", fail, task_t, task_t, 0), GEE_METHOD("Grow", grow, task_t, task_t, 0)

#endif
