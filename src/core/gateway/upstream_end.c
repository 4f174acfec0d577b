/* upstream_end.c: the end of a call: its backend gets the slot back, and the caller hears of it once. */
#include <stdio.h>
#include <stdlib.h>

#include "core/gateway/upstream_private.h"

struct gee_upstream_failure {
    gee_error_t error;
    bool from_peer;
    char address[GEE_ADDR_TEXT]; /* empty: none */
};

/* ---- done() ---- */

static inline void finish(gee_upstream_call_t *call, const gee_upstream_result_t *result) {
    gee_list_remove(&call->link);
    gee_upstream_stop_timer(call);
    call->upstream = NULL;
    call->done(call, result);
}

static void finish_failed(gee_upstream_call_t *call, const gee_error_t *error, bool from_peer, const char *address) {
    gee_upstream_result_t result = { .status = { .code = error->code, .text = gee_str(error->text) },
                                     .from_peer = from_peer,
                                     .phase = error->phase,
                                     .address = address != NULL && *address != '\0' ? address : NULL,
                                     .tries = call->tried_count };
    finish(call, &result);
}

static void run_end(gee_task_t *task) {
    gee_upstream_call_t *call = GEE_CONTAINER(task, gee_upstream_call_t, end_task);
    static struct gee_upstream_failure no_memory = { .error = { .code = GEE_RESOURCE_EXHAUSTED,
                                                                .text = "out of memory" } };
    struct gee_upstream_failure *failure = call->failure;
    call->ending = false;
    if (failure == NULL)
        failure = &no_memory;
    finish_failed(call, &failure->error, failure->from_peer, failure->address);
    if (failure != &no_memory)
        free(failure);
}

GEE_APART void gee_upstream_end_without_reply(gee_upstream_call_t *call, const gee_error_t *error, bool from_peer,
                                              const char *address) {
    GEE_ASSERT(!gee_link_in_list(&call->link) && call->backend == NULL);
    if (!call->starting) {
        finish_failed(call, error, from_peer, address);
        return;
    }
    gee_upstream_stop_timer(call); /* of the wait, if that has begun */
    call->failure = malloc(sizeof(*call->failure));
    if (call->failure != NULL) {
        call->failure->error = *error;
        call->failure->from_peer = from_peer;
        (void)snprintf(call->failure->address, sizeof(call->failure->address), "%s", address ? address : "");
    }
    call->ending = true;
    call->end_task = (gee_task_t){ .run = run_end };
    gee_loop_defer(call->upstream->engine->loop, &call->end_task);
}

/* ---- the slot ---- */

GEE_APART static void stop_trying(gee_upstream_call_t *call) {
    call->trying = false;
    gee_timer_stop(call->upstream->engine->loop, &call->try_timer);
}

GEE_APART static void after_release(gee_backend_t *backend, gee_backend_connection_t *connection, bool kept) {
    gee_backend_hold(backend);
    if (connection != NULL)
        gee_backend_connection_left(connection, kept);
    gee_backend_release(backend);
}

GEE_ALWAYS_INLINE void release_slot_at(gee_upstream_call_t *call, gee_outcome_t outcome, bool kept, int64_t at) {
    gee_upstream_t *upstream = call->upstream;
    gee_backend_t *backend = call->backend;
    gee_backend_connection_t *connection = call->at;
    bool picked = !call->fixed;
    if (call->stream != NULL)
        gee_upstream_stream_released(backend, connection);
    call->backend = NULL;
    call->at = NULL;
    if (call->trying)
        stop_trying(call);
    if (backend->trial == call) {
        backend->trial = NULL;
        picked = false;
    }
    if (upstream->balancer != NULL && upstream->balancer->done != NULL && !backend->leaving && picked)
        upstream->balancer->done(upstream->balancer_state, &backend->candidate, outcome, at - call->picked_ns, at);
    if (outcome == GEE_OUTCOME_FAILED)
        backend->failed_calls++;
    if (kept)
        connection->late++;
    else
        gee_backend_freed(backend);
    if (connection != NULL)
        connection->calls--;
    if (backend->leaving || (connection != NULL && (connection->retiring || connection->alone || connection->extra ||
                                                    !gee_list_empty(&backend->waiting))))
        after_release(backend, connection, kept);
}

GEE_APART void gee_upstream_release_slot(gee_upstream_call_t *call, gee_outcome_t outcome, bool kept) {
    release_slot_at(call, outcome, kept, gee_upstream_now(call->upstream));
}

void gee_upstream_fail_at_backend(gee_upstream_call_t *call, const gee_error_t *error) {
    gee_backend_t *backend = call->backend;
    gee_backend_hold(backend);
    gee_upstream_release_slot(call, GEE_OUTCOME_ABANDONED, false);
    gee_upstream_fail(call, error, backend->addr.text);
    gee_backend_release(backend);
}

/* ---- for callers ---- */

void gee_upstream_answered(gee_upstream_call_t *call, const gee_event_t *reply) {
    gee_backend_t *backend = call->backend;
    gee_pool_t *pool = call->upstream->engine->answers;
    int64_t at = gee_upstream_now(call->upstream);
    gee_upstream_result_t result = { .status = reply->status,
                                     .from_peer = true,
                                     .payload = &reply->payload,
                                     .reply = reply,
                                     .pool = pool,
                                     .address = backend->addr.text,
                                     .tries = call->tried_count };
    if (call->outgoing.refused) {
        result.from_peer = false;
        result.phase = GEE_PHASE_WAIT;
    }
    gee_backend_hold(backend);
    call->at->silent = false;
    if (call->at->alone)
        gee_upstream_alone_answered(call, call->at, &reply->status);
    gee_backend_answered(backend, at - call->picked_ns);
    release_slot_at(call, GEE_OUTCOME_REPLIED, false, at);
    finish(call, &result);
    if (gee_pool_used(pool) > 0)
        gee_pool_reset(pool);
    gee_backend_release(backend);
}

GEE_APART void gee_upstream_stream_answered(gee_upstream_call_t *call, const gee_event_t *end) {
    gee_backend_t *backend = call->backend != NULL ? call->backend : call->stream->answered_by;
    gee_pool_t *pool = call->upstream->engine->answers;
    gee_upstream_result_t result = { .status = end->status,
                                     .from_peer = !call->outgoing.refused,
                                     .payload = &end->payload,
                                     .reply = end,
                                     .pool = pool,
                                     .phase = call->outgoing.refused ? GEE_PHASE_WAIT : GEE_PHASE_NONE,
                                     .address = backend->addr.text,
                                     .tries = call->tried_count };
    gee_backend_hold(backend);
    if (call->backend != NULL)
        gee_upstream_release_slot(call, GEE_OUTCOME_ABANDONED, false);
    gee_upstream_stream_drop(call);
    finish(call, &result);
    if (gee_pool_used(pool) > 0)
        gee_pool_reset(pool);
    gee_backend_release(backend);
}

void gee_upstream_cancel(gee_upstream_call_t *call) {
    gee_upstream_t *upstream = call->upstream;
    bool kept = false;
    if (upstream == NULL)
        return;
    if (call->outgoing.session != NULL) {
        gee_session_forget(call->outgoing.session, &call->outgoing);
        kept = call->outgoing.slot_kept;
    } else if (gee_link_in_list(&call->link)) {
        upstream->waiting--;
    }
    gee_list_remove(&call->link);
    gee_upstream_stop_timer(call);
    if (call->at != NULL && call->stream == NULL && call->at->calls - call->at->streams == 1)
        call->at->asked_ns = 0; /* nobody waits for the server's word any more */
    if (call->backend != NULL)
        gee_upstream_release_slot(call, GEE_OUTCOME_ABANDONED, kept);
    if (call->stream != NULL)
        gee_upstream_stream_drop(call);
    if (call->ending) {
        gee_loop_undefer(&call->end_task);
        free(call->failure);
    }
    call->upstream = NULL;
}
