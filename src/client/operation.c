/* operation.c: a call, or another thing that the loop is asked to do, from its start on a program's thread to its end.
 *
 *   create -> post -> (loop) run -> begin -> types? -> send -> answer, failure, cancel, close -> end: done() -> waiters
 *
 * An operation has two references: the program's, which gee_pending_release() drops, and the loop's, which the end
 * drops. So nothing that the loop holds is on a program's stack, except for what a waiting program lends
 * (gee_outcome_place_t and the arguments): that program waits until the operation has ended.
 *
 * The task begins the operation, and is posted once more to cancel the operation or to go on with it. POSTED: the task
 * is on its way. An operation that ends meanwhile lingers, and keeps its caller from ending, until the task has
 * come. */
#include "client/client.h"

#include <stdlib.h>

#include "core/base/assert.h"
#include "core/base/clock.h"

/* Bits of `state`, beside GEE_ENDED and GEE_AWAITED. Bits are only set, but for POSTED. */
enum {
    KNOWN = 4u,     /* the outcome may be read; GEE_ENDED follows when done() has returned */
    POSTED = 8u,    /* the task is on its way to the loop */
    CANCELLED = 16u /* the program has cancelled the operation */
};

static void drop_reference(gee_pending_t *operation) {
    unsigned references = atomic_fetch_sub_explicit(&operation->references, 1, memory_order_acq_rel);
    GEE_ASSERT(references > 0);
    if (references > 1)
        return;
    if (operation->place == NULL)
        free(operation->error);
    if (operation->kind->destroy != NULL)
        operation->kind->destroy(operation);
    free(operation->reply);
    free(operation->received);
    gee_runtime_release(operation->runtime);
    free(operation);
}

static bool is_known(const gee_pending_t *operation) {
    return (atomic_load_explicit(&operation->state, memory_order_acquire) & KNOWN) != 0;
}

/* ---- on the loop's thread: the end ---- */

static void end_operation(gee_pending_t *operation) {
    gee_caller_t *caller = operation->caller;
    GEE_ASSERT(gee_runtime_inside(caller->runtime) && !is_known(operation));
    gee_list_remove(&operation->link);
    gee_timer_stop(caller->runtime->loop, &operation->timer);
    if (operation->kind->release != NULL)
        operation->kind->release(operation);
    atomic_fetch_or_explicit(&operation->state, KNOWN, memory_order_release);
    if (operation->done != NULL)
        operation->done(operation, operation->data);
    if (gee_runtime_ended(&operation->state) & POSTED)
        gee_gate_linger(&caller->gate);
    else
        drop_reference(operation);
}

void gee_operation_succeed(gee_pending_t *operation) {
    end_operation(operation);
}

/* "tcp@127.0.0.1:1: connect: Connection refused (0.2 ms)" */
static void add_time(gee_error_t *error, int64_t elapsed_ns, unsigned tries) {
    gee_error_t before = *error;
    double milliseconds = (double)elapsed_ns / (double)GEE_MILLISECOND;
    if (!before.from_peer && before.phase != GEE_PHASE_NONE) {
        if (tries > 1)
            gee_error_set(error, before.code, "%s (%u tries, %.1f ms)", before.text, tries, milliseconds);
        else
            gee_error_set(error, before.code, "%s (%.1f ms)", before.text, milliseconds);
        error->phase = before.phase;
    }
    error->elapsed_ns = elapsed_ns;
}

void gee_operation_fail(gee_pending_t *operation, const gee_error_t *error, unsigned tries) {
    operation->failed = true;
    free(operation->reply); /* of a broadcast: one server had replied, another failed */
    operation->reply = NULL;
    operation->error = operation->place ? &operation->place->error : malloc(sizeof(*operation->error));
    if (operation->error != NULL) {
        *operation->error = *error;
        add_time(operation->error, gee_clock_monotonic() - operation->started_ns, tries);
    }
    end_operation(operation);
}

void gee_operation_fail_result(gee_pending_t *operation, const gee_upstream_result_t *result,
                               const gee_error_t *reason) {
    gee_upstream_result_t failure = *result;
    gee_error_t error;
    if (reason != NULL) {
        failure.from_peer = false;
        failure.phase = GEE_PHASE_WAIT;
        failure.status = (gee_status_t){ .code = reason->code, .text = gee_str(reason->text) };
    }
    gee_upstream_error(&failure, &error);
    gee_operation_fail(operation, &error, failure.tries);
}

void gee_operation_abort(gee_pending_t *operation, const gee_error_t *reason) {
    gee_upstream_result_t where = { 0 };
    gee_error_t error;
    if (operation->kind->cancel != NULL)
        operation->kind->cancel(operation, &where);
    where.status = (gee_status_t){ .code = reason->code, .text = gee_str(reason->text) };
    gee_upstream_error(&where, &error);
    gee_operation_fail(operation, &error, where.tries);
}

void gee_operation_fail_all(gee_list_t *operations, const gee_error_t *reason) {
    gee_link_t *link;
    while ((link = gee_list_first(operations)) != NULL)
        gee_operation_abort(GEE_CONTAINER(link, gee_pending_t, link), reason);
}

/* ---- on the loop's thread: on its way ---- */

static void run_operation(gee_task_t *task) {
    gee_pending_t *operation = GEE_CONTAINER(task, gee_pending_t, task);
    gee_caller_t *caller = operation->caller;
    unsigned before = atomic_fetch_and_explicit(&operation->state, ~(unsigned)POSTED, memory_order_acq_rel);
    gee_error_t error;
    if (before & GEE_ENDED) {
        drop_reference(operation);
        gee_gate_relieve(&caller->gate);
    } else if (before & CANCELLED) {
        gee_error_set(&error, GEE_CANCELLED, "the call was cancelled");
        gee_operation_abort(operation, &error);
    } else if (gee_link_in_list(&operation->link)) {
        operation->kind->again(operation);
    } else {
        gee_list_append(&caller->operations, &operation->link);
        operation->kind->begin(operation);
    }
}

/* ---- on a program's thread: starting one ---- */

void gee_operation_init(gee_pending_t *operation, gee_caller_t *caller, const gee_operation_kind_t *kind,
                        int64_t timeout_ns) {
    operation->references = 2;
    operation->state = POSTED;
    operation->caller = caller;
    operation->runtime = caller->runtime;
    operation->kind = kind;
    operation->task.run = run_operation;
    operation->started_ns = gee_clock_monotonic();
    operation->call.timeout_ns = timeout_ns > 0 ? timeout_ns : 0;
    operation->call.deadline_ns = timeout_ns > 0 ? gee_time_add(operation->started_ns, timeout_ns) : INT64_MAX;
    gee_runtime_hold(caller->runtime);
}

void gee_operation_discard(gee_pending_t **operation) {
    gee_pool_destroy(&(*operation)->pool);
    drop_reference(*operation); /* the loop's reference */
    drop_reference(*operation);
    *operation = NULL;
}

int gee_operation_post(gee_pending_t *operation, gee_error_t *error) {
    if (gee_gate_post(&operation->caller->gate, &operation->task, error) == 0)
        return 0;
    gee_operation_discard(&operation);
    return -1;
}

int gee_operation_wait(gee_pending_t **handle, gee_outcome_place_t *place, void **reply, gee_error_t *error) {
    gee_pending_t *operation = *handle;
    *handle = NULL;
    operation->place = place;
    if (gee_operation_post(operation, error) != 0)
        return -1;
    (void)gee_runtime_await(operation->runtime, &operation->state, INT64_MAX);
    int result = operation->failed ? -1 : 0;
    if (result != 0 && error != NULL)
        *error = place->error;
    place->received = operation->received;
    operation->received = NULL;
    if (reply != NULL) {
        *reply = operation->reply;
        operation->reply = NULL;
    }
    drop_reference(operation);
    return result;
}

int gee_operation_run(gee_caller_t *caller, const gee_operation_kind_t *kind, void *argument, int64_t timeout_ns,
                      gee_error_t *error) {
    gee_outcome_place_t place = { 0 };
    if (gee_runtime_check(caller->runtime, true, error) != 0)
        return -1;
    gee_pending_t *operation = calloc(1, sizeof(*operation));
    if (operation == NULL)
        return gee_error_set(error, GEE_RESOURCE_EXHAUSTED, "out of memory");
    gee_operation_init(operation, caller, kind, timeout_ns);
    operation->argument = argument;
    return gee_operation_wait(&operation, &place, NULL, error);
}

/* ---- on a program's thread: pendings ---- */

static bool foreign(const gee_pending_t *pending) {
    return gee_runtime_check(pending->runtime, false, NULL) != 0;
}

bool gee_pending_wait(gee_pending_t *pending, int64_t timeout_ns) {
    if (foreign(pending))
        return false;
    if (timeout_ns == 0 || gee_runtime_inside(pending->runtime))
        return (atomic_load_explicit(&pending->state, memory_order_acquire) & GEE_ENDED) != 0;
    int64_t deadline_ns = timeout_ns < 0 ? INT64_MAX : gee_time_add(gee_clock_monotonic(), timeout_ns);
    return gee_runtime_await(pending->runtime, &pending->state, deadline_ns);
}

const gee_error_t *gee_pending_error(const gee_pending_t *pending) {
    static const gee_error_t not_ended = { .code = GEE_FAILED_PRECONDITION, .text = "the call has not ended yet" };
    static const gee_error_t of_another = { .code = GEE_FAILED_PRECONDITION,
                                            .text = "the call belongs to the process that this one was forked from" };
    static const gee_error_t no_memory = { .code = GEE_RESOURCE_EXHAUSTED, .text = "out of memory" };
    if (foreign(pending))
        return &of_another;
    if (!is_known(pending))
        return &not_ended;
    if (!pending->failed)
        return NULL;
    return pending->error ? pending->error : &no_memory;
}

static const void *reply_of(const gee_pending_t *pending, bool typed) {
    return !foreign(pending) && is_known(pending) && pending->typed == typed ? pending->reply : NULL;
}

const char *gee_pending_json(const gee_pending_t *pending) {
    return reply_of(pending, false);
}

const void *gee_pending_reply(const gee_pending_t *pending) {
    return reply_of(pending, true);
}

const gee_received_t *gee_pending_received(const gee_pending_t *pending) {
    static const gee_received_t nothing;
    return !foreign(pending) && is_known(pending) && pending->received != NULL ? pending->received : &nothing;
}

/* Posts the task, unless the task is on its way or the state has one of the bits `not_with`. The exchange is made in
 * any case, so that a task on its way sees what this thread has done before. */
static void post_task(gee_pending_t *pending, unsigned add, unsigned not_with) {
    unsigned now = atomic_load_explicit(&pending->state, memory_order_relaxed);
    do {
        if (now & not_with)
            return;
    } while (!atomic_compare_exchange_weak_explicit(&pending->state, &now, now | add | POSTED, memory_order_acq_rel,
                                                    memory_order_relaxed));
    if (!(now & POSTED)) /* keeps the operation, its caller and the loop until the task has come */
        gee_runtime_post(pending->runtime, &pending->task);
}

void gee_operation_post_again(gee_pending_t *operation) {
    post_task(operation, 0, KNOWN);
}

void gee_pending_cancel(gee_pending_t *pending) {
    if (!foreign(pending))
        post_task(pending, CANCELLED, KNOWN | CANCELLED);
}

void gee_pending_release(gee_pending_t **handle) {
    gee_pending_t *pending = *handle;
    *handle = NULL;
    if (pending != NULL && !foreign(pending))
        drop_reference(pending);
}
