/* gate.h: the way of operations to the loop, and the end of a caller that closes.
 *
 *   any thread: gee_gate_post() -> the task runs on the loop;  refused from gee_gate_shut() on
 *   loop:       an operation that has ended while its task is posted lingers, until the task has come
 *   loop:       gee_gate_end(): end_task runs at the end of the pass, as soon as no operation lingers */
#ifndef GEE_CLIENT_GATE_H
#define GEE_CLIENT_GATE_H

#include "client/runtime.h"

typedef struct gee_gate {
    gee_runtime_t *runtime;
    atomic_uint word; /* how many threads are inside gee_gate_post(), and a bit: shut */

    /* Owned by the loop's thread. */
    unsigned lingering; /* operations that have ended while their task is posted */
    bool ending;
    gee_task_t end_task; /* the owner of the gate sets `run` */
} gee_gate_t;

/* Any thread: hands a task to the loop. -1: the gate is shut; the task never runs. */
int gee_gate_post(gee_gate_t *gate, gee_task_t *task, gee_error_t *error);
/* Once. Waits for threads that are inside gee_gate_post(): no task is posted after the return. */
void gee_gate_shut(gee_gate_t *gate);

/* Loop: an operation has ended before its posted task has come; and that task has come now. */
void gee_gate_linger(gee_gate_t *gate);
void gee_gate_relieve(gee_gate_t *gate);
/* Loop, once: defers end_task, now or when the last lingering operation is relieved. */
void gee_gate_end(gee_gate_t *gate);

#endif
