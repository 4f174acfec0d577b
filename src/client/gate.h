/* gate.h: the way of operations to the loop, and the end of a caller that closes.
 *
 *   any thread: gee_gate_post() -> task on the loop          until gee_gate_shut(), which waits for threads inside post
 *   loop:       an operation that has ended while its task is posted lingers, until the task has come
 *   loop:       gee_gate_end(): end_task runs at the end of the pass, as soon as no operation lingers */
#ifndef GEE_CLIENT_GATE_H
#define GEE_CLIENT_GATE_H

#include "client/runtime.h"

typedef struct gee_gate {
    gee_runtime_t *runtime;
    atomic_uint word; /* number of threads inside gee_gate_post(), and a bit that says that the gate is shut */

    /* The loop's own. */
    unsigned lingering; /* operations that have ended while their task is posted */
    bool ending;
    gee_task_t end_task; /* its `run` is set by the owner */
} gee_gate_t;

/* Any thread: hands a task to the loop. -1: the gate is shut; the loop never sees the task. */
int gee_gate_post(gee_gate_t *gate, gee_task_t *task, gee_error_t *error);
/* Once. When this returns every task that will ever be posted has been posted. May wait for other threads' posting. */
void gee_gate_shut(gee_gate_t *gate);

/* Loop: an operation ends before its posted task has come; that task has come. */
void gee_gate_linger(gee_gate_t *gate);
void gee_gate_relieve(gee_gate_t *gate);
/* Loop, once: defers end_task, now or when the last lingering operation is relieved. */
void gee_gate_end(gee_gate_t *gate);

#endif
