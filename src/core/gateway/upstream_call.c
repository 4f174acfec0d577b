/* upstream_call.c: the way of a call to a backend: which one, what when that fails, and when there is none.
 *
 *   new call -> place -> assign to a backend -> proceed: send on a connection
 *     ^           |            ^   |                '-> wait for a connection
 *     |         queue          |   '-- failed: retry on another backend
 *     '- a backend has room ---'
 *
 * A call that a backend holds (waiting, sent) counts in the candidate's in_flight, from assign_to() to
 * gee_upstream_release_slot(). */
#include "core/gateway/upstream_private.h"

/* ---- which backend ---- */

static bool only_full(const gee_backend_t *backend) {
    return !backend->down && !backend->lost && !backend->candidate.available;
}

/* Not among the first `tried_count` backends that the call was tried on. */
static inline gee_backend_t *pick_unary(const gee_upstream_call_t *call, size_t tried_count) {
    const gee_upstream_t *upstream = call->upstream;
    gee_pick_t choice = {
        .key = call->key, .tried = call->tried, .tried_count = tried_count, .now_ns = gee_upstream_now(upstream)
    };
    gee_candidate_t *candidate = NULL;
    if (upstream->balancer != NULL && upstream->backend_count > 0)
        candidate = upstream->balancer->pick(upstream->balancer_state, &choice);
    else if (upstream->backend_count > 0 && gee_candidate_open(upstream->candidates[0], &choice))
        candidate = upstream->candidates[0];
    return candidate ? GEE_CONTAINER(candidate, gee_backend_t, candidate) : NULL;
}

/* Not a backend that has limits.streams of them. */
GEE_APART static gee_backend_t *pick_for_stream(const gee_upstream_call_t *call, size_t tried_count) {
    const gee_upstream_t *upstream = call->upstream;
    for (size_t i = 0; i < upstream->backend_count; i++)
        if (gee_upstream_streams_full(upstream->backends[i]))
            upstream->candidates[i]->available = false;
    gee_backend_t *found = pick_unary(call, tried_count);
    for (size_t i = 0; i < upstream->backend_count; i++)
        upstream->candidates[i]->available = gee_backend_is_available(upstream->backends[i]);
    return found;
}

static inline gee_backend_t *pick_beside(const gee_upstream_call_t *call, size_t tried_count) {
    return call->stream != NULL ? pick_for_stream(call, tried_count) : pick_unary(call, tried_count);
}

static inline gee_backend_t *pick(const gee_upstream_call_t *call) {
    return pick_beside(call, call->tried_count);
}

/* Is there a backend that could take the call later, when other calls have ended? */
static bool worth_waiting(const gee_upstream_call_t *call) {
    const gee_upstream_t *upstream = call->upstream;
    for (size_t i = 0; i < upstream->backend_count; i++)
        if (only_full(upstream->backends[i]))
            return true;
    return false;
}

/* A backend with a connection, in the place of `unconnected`, which was picked; null: there is none. */
static gee_backend_t *pick_connected(const gee_upstream_call_t *call, gee_backend_t *unconnected) {
    gee_upstream_t *upstream = call->upstream;
    const gee_balancer_t *balancer = upstream->balancer;
    int64_t at = gee_upstream_now(upstream);
    for (size_t i = 0; i < upstream->backend_count; i++)
        if (!gee_backend_connected(upstream->backends[i]))
            upstream->candidates[i]->available = false;
    gee_backend_t *found = pick(call);
    for (size_t i = 0; i < upstream->backend_count; i++)
        gee_backend_refresh(upstream->backends[i]);
    if (found != NULL && balancer->done != NULL)
        balancer->done(upstream->balancer_state, &unconnected->candidate, GEE_OUTCOME_ABANDONED, 0, at);
    return found;
}

/* The call that dials first waits for the connection, as connecting takes no time where nothing is wrong; other
 * calls, too, wait for the backend of their key. */
static bool keeps_to(const gee_upstream_t *upstream, const gee_backend_t *backend) {
    if (upstream->balancer == NULL)
        return true;
    return backend->failures == 0 && !backend->slow_to_connect &&
           (upstream->balancer->keyed || !gee_backend_connecting(backend));
}

static bool was_tried(const gee_upstream_call_t *call, const gee_backend_t *backend) {
    for (size_t i = 0; i < call->tried_count; i++)
        if (call->tried[i] == &backend->candidate)
            return true;
    return false;
}

static bool may_be_tried(const gee_upstream_call_t *call, const gee_backend_t *backend) {
    return backend->down && backend->trial == NULL && !was_tried(call, backend) &&
           backend->candidate.in_flight < backend->most;
}

/* ---- no backend ---- */

/* No backend can take the call: why? */
static void fail_without_backend(gee_upstream_call_t *call) {
    const gee_upstream_t *upstream = call->upstream;
    const gee_backend_t *example = NULL;
    gee_error_t error;
    for (size_t i = 0; i < upstream->backend_count && example == NULL; i++)
        if (upstream->backends[i]->last_error != NULL)
            example = upstream->backends[i];
    if (example == NULL)
        gee_error_set(&error, GEE_UNAVAILABLE, "%s",
                      upstream->backend_count > 0 ? "no server is available"
                      : upstream->explanation     ? upstream->explanation
                                                  : "it has no servers");
    else
        error = *example->last_error;
    error.code = GEE_UNAVAILABLE;
    if (!upstream->once && error.phase == GEE_PHASE_WAIT)
        gee_error_prefix(&error, "it is down: ");
    if (upstream->once || error.phase == GEE_PHASE_WAIT) /* another call has waited: this call is not sent */
        error.phase = GEE_PHASE_SEND;
    gee_upstream_fail(call, &error, example ? example->addr.text : NULL);
}

static void fail_full(gee_upstream_call_t *call) {
    gee_error_t error;
    gee_error_set(&error, GEE_RESOURCE_EXHAUSTED, "%zu calls wait already (queue)", call->upstream->waiting);
    gee_upstream_fail(call, &error, NULL);
}

static void out_of_memory(gee_upstream_call_t *call) {
    gee_error_t error;
    gee_error_set(&error, GEE_RESOURCE_EXHAUSTED, "out of memory");
    gee_upstream_fail(call, &error, NULL);
}

/* All backends that could take a streaming call have their fill of them. */
static bool streams_full(const gee_upstream_call_t *call) {
    const gee_upstream_t *upstream = call->upstream;
    bool full = false;
    for (size_t i = 0; i < upstream->backend_count; i++)
        full = full || (!upstream->backends[i]->down && gee_upstream_streams_full(upstream->backends[i]));
    return call->stream != NULL && full;
}

static void fail_streams_full(gee_upstream_call_t *call) {
    gee_error_t error;
    gee_error_set(&error, GEE_RESOURCE_EXHAUSTED, "%lld streaming calls are open at each server (streams)",
                  (long long)call->upstream->limits.streams);
    gee_upstream_fail(call, &error, NULL);
}

/* The backend has refused that method a moment ago: the caller gets the same words. */
static void refuse(gee_upstream_call_t *call, const gee_error_t *error) {
    gee_backend_t *backend = call->backend;
    gee_backend_hold(backend);
    gee_upstream_release_slot(call, GEE_OUTCOME_ABANDONED, false);
    gee_upstream_end_without_reply(call, error, true, backend->addr.text);
    gee_backend_release(backend);
}

/* ---- waiting ---- */

/* While the call waited, in the queue or for a connection. */
static void wait_expired(gee_timer_t *timer) {
    gee_upstream_call_t *call = GEE_CONTAINER(timer, gee_upstream_call_t, outgoing.timer);
    gee_backend_t *backend = call->backend;
    gee_error_t error;
    gee_list_remove(&call->link);
    call->upstream->waiting--;
    gee_upstream_time_error(call, false, backend ? GEE_PHASE_CONNECT : GEE_PHASE_SEND, &error);
    gee_upstream_log_time_over(call, backend ? backend->addr.text : NULL, &error);
    if (backend == NULL) {
        gee_upstream_fail(call, &error, NULL);
        return;
    }
    gee_upstream_fail_at_backend(call, &error);
}

/* -1: no memory for the timer. */
static int wait_in(gee_upstream_call_t *call, gee_list_t *list) {
    gee_upstream_t *upstream = call->upstream;
    call->outgoing.timer.fire = wait_expired;
    if (call->deadline_ns != INT64_MAX && !gee_timer_started(&call->outgoing.timer) &&
        gee_timer_start_at(upstream->engine->loop, &call->outgoing.timer, call->deadline_ns) != 0)
        return -1;
    gee_list_append(list, &call->link);
    upstream->waiting++;
    return 0;
}

/* The call waits for its turn, not for want of a connection. */
static bool waits_its_turn(const gee_upstream_call_t *call, const gee_backend_t *backend) {
    return call->choosy && gee_backend_connected(backend);
}

static int connect_for(const gee_upstream_call_t *call, gee_error_t *error) {
    if (call->spilled)
        return gee_upstream_spill_connect(call->backend, error);
    return call->choosy ? gee_upstream_choosy_connect(call->backend, call, error)
                        : gee_backend_connect(call->backend, error);
}

GEE_APART static void wait_for_connection(gee_upstream_call_t *call) {
    gee_upstream_t *upstream = call->upstream;
    gee_backend_t *backend = call->backend;
    gee_error_t error;
    if (call->choosy && gee_upstream_refused(backend, call, &error)) {
        refuse(call, &error);
        return;
    }
    bool full = (int64_t)upstream->waiting >= upstream->limits.queue;
    if (full || wait_in(call, &backend->waiting) != 0) {
        gee_upstream_release_slot(call, GEE_OUTCOME_ABANDONED, false);
        (full ? fail_full : out_of_memory)(call);
    } else if (backend->lost || connect_for(call, &error) != 0) {
        gee_list_remove(&call->link);
        upstream->waiting--;
        if (backend->lost) {
            gee_upstream_release_slot(call, GEE_OUTCOME_FAILED, false);
            fail_without_backend(call);
        } else {
            gee_backend_failed(backend, &error, false);
            gee_upstream_attempt_failed(call, &error, true);
        }
    } else if (!waits_its_turn(call, backend)) {
        gee_backend_is_waited_for(backend);
    }
}

/* ---- sending ---- */

/* What others have sent on the connection before is in the way: gob can define only so many types on one. */
static bool used_up(const gee_backend_connection_t *connection, const gee_error_t *reason) {
    const gee_session_t *session = connection->session;
    return reason->code == GEE_RESOURCE_EXHAUSTED && session->codec->mark != NULL &&
           session->codec->mark(session->send_state) > 0;
}

/* The connection cannot take the call, though it looked so. */
GEE_APART static void not_sent(gee_upstream_call_t *call, gee_backend_connection_t *connection, gee_error_t *error) {
    if (error->code == GEE_UNAVAILABLE) {
        gee_backend_connection_retire(connection);
        wait_for_connection(call);
        return;
    }
    if (!call->outgoing.refused && used_up(connection, error) && gee_upstream_spill(call, connection)) {
        gee_upstream_proceed(call, call->spilled ? gee_upstream_spill_connection(call->backend) : NULL);
        return;
    }
    if (error->code == GEE_UNIMPLEMENTED && call->stream != NULL) { /* its wire has no streaming calls */
        error->phase = GEE_PHASE_NONE;
        gee_upstream_fail_at_backend(call, error);
        return;
    }
    /* The arguments, or memory: no other server would do better. To a codec INTERNAL is a value that cannot be
     * written: here that value is the caller's. */
    if (error->code == GEE_INTERNAL)
        error->code = GEE_INVALID_ARGUMENT;
    gee_error_prefix(error, "arguments: ");
    gee_upstream_release_slot(call, GEE_OUTCOME_ABANDONED, false);
    gee_upstream_fail(call, error, NULL);
}

/* Apart, so that gee_upstream_send() has one caller and is a part of this. */
GEE_APART void gee_upstream_proceed(gee_upstream_call_t *call, gee_backend_connection_t *connection) {
    gee_error_t error;
    GEE_ASSERT(call->backend != NULL && !gee_link_in_list(&call->link));
    if (connection == NULL)
        wait_for_connection(call);
    else if ((call->stream != NULL ? gee_upstream_open(call, connection, &error)
                                   : gee_upstream_send(call, connection, &error)) != 0)
        not_sent(call, connection, &error);
}

/* `connection` null: the call waits for one. */
static inline void assign_to(gee_upstream_call_t *call, gee_backend_t *backend, gee_backend_connection_t *connection,
                             int64_t at) {
    call->backend = backend;
    call->picked_ns = at;
    if (call->tried_count < GEE_UPSTREAM_TRIES)
        call->tried[call->tried_count++] = &backend->candidate;
    backend->calls++;
    if (call->stream != NULL)
        gee_upstream_stream_assigned(call);
    gee_backend_took(backend);
    gee_upstream_proceed(call, connection);
}

/* Unless the call keeps to its backend, it does not wait for a connection while another backend has one: dialling
 * may take long. */
GEE_APART static void assign_unconnected(gee_upstream_call_t *call, gee_backend_t *backend, int64_t at) {
    gee_backend_t *connected = keeps_to(call->upstream, backend) ? NULL : pick_connected(call, backend);
    gee_error_t error;
    if (connected == NULL) {
        assign_to(call, backend, NULL, at);
        return;
    }
    if (gee_backend_connect(backend, &error) != 0)
        gee_backend_failed(backend, &error, false);
    assign_to(call, connected, gee_backend_choose(connected, call, at), at);
}

static inline void assign(gee_upstream_call_t *call, gee_backend_t *backend) {
    int64_t at = gee_upstream_now(call->upstream);
    gee_backend_connection_t *connection = gee_backend_choose(backend, call, at);
    if (connection != NULL || call->fixed || waits_its_turn(call, backend))
        assign_to(call, backend, connection, at);
    else
        assign_unconnected(call, backend, at);
}

/* While no backend is up, calls find out which one is: each backend that is down has one call, and this call goes to
 * the backend whose last trial is the longest ago. False: to none. */
GEE_APART static bool assign_to_down(gee_upstream_call_t *call) {
    const gee_upstream_t *upstream = call->upstream;
    gee_backend_t *found = NULL;
    for (size_t i = 0; i < upstream->backend_count; i++) {
        gee_backend_t *backend = upstream->backends[i];
        if (backend->candidate.available)
            return false;
        if (may_be_tried(call, backend) && (found == NULL || backend->trial_ns < found->trial_ns))
            found = backend;
    }
    if (found == NULL)
        return false;
    found->trial = call;
    found->trial_ns = gee_upstream_now(upstream);
    assign_to(call, found, gee_backend_choose(found, call, found->trial_ns), found->trial_ns);
    return true;
}

/* The balancer has no backend for the call, and none is worth waiting for. */
static void assign_without_pick(gee_upstream_call_t *call) {
    if (streams_full(call))
        fail_streams_full(call);
    else if (!assign_to_down(call))
        fail_without_backend(call);
}

static inline void place(gee_upstream_call_t *call) {
    gee_upstream_t *upstream = call->upstream;
    gee_backend_t *backend = gee_list_empty(&upstream->queue) ? pick(call) : NULL;
    if (backend != NULL)
        assign(call, backend);
    else if (gee_list_empty(&upstream->queue) && !worth_waiting(call))
        assign_without_pick(call);
    else if ((int64_t)upstream->waiting >= upstream->limits.queue)
        fail_full(call);
    else if (wait_in(call, &upstream->queue) != 0)
        out_of_memory(call);
}

void gee_upstream_run_queue(gee_task_t *task) {
    gee_upstream_t *upstream = GEE_CONTAINER(task, gee_upstream_t, queue_task);
    gee_link_t *first;
    while ((first = gee_list_first(&upstream->queue)) != NULL) {
        gee_upstream_call_t *call = GEE_CONTAINER(first, gee_upstream_call_t, link);
        gee_backend_t *backend = pick(call);
        if (backend == NULL && worth_waiting(call))
            return;
        gee_list_remove(&call->link);
        upstream->waiting--;
        if (backend != NULL)
            assign(call, backend);
        else
            assign_without_pick(call);
    }
}

void gee_upstream_reroute(gee_upstream_call_t *call) {
    gee_backend_t *backend = call->backend;
    gee_error_t error;
    GEE_ASSERT(!gee_link_in_list(&call->link));
    if (call->fixed) {
        gee_error_set(&error, GEE_UNAVAILABLE, "it was taken off the list of servers");
        error.phase = GEE_PHASE_CONNECT;
        gee_upstream_fail_at_backend(call, &error);
        return;
    }
    gee_upstream_release_slot(call, GEE_OUTCOME_ABANDONED, false);
    if (call->tried_count > 0 && call->tried[call->tried_count - 1] == &backend->candidate)
        call->tried_count--;
    place(call);
}

/* ---- retries ---- */

/* A call of which no server has seen anything costs no server anything: it needs no budget. */
static bool may_retry(const gee_upstream_call_t *call, bool unsent) {
    const gee_upstream_t *upstream = call->upstream;
    if (call->fixed || call->condemned || !gee_upstream_stream_is_repeatable(call) ||
        call->tried_count >= GEE_UPSTREAM_TRIES || call->tried_count > upstream->limits.retries ||
        !(unsent || (call->idempotent && upstream->retry_tokens >= GEE_RETRY_TOKEN)))
        return false;
    return call->deadline_ns > gee_upstream_now(upstream);
}

/* A suspect may come back to its backend when there is no other: the connection has ended, but perhaps not the
 * server. */
static gee_backend_t *pick_next(const gee_upstream_call_t *call, bool unsent) {
    gee_backend_t *next = pick(call);
    return next == NULL && !unsent ? pick_beside(call, call->tried_count - 1u) : next;
}

/* False: there is no other backend. */
static bool retry(gee_upstream_call_t *call, bool unsent) {
    gee_backend_t *next;
    if (!may_retry(call, unsent))
        return false;
    if ((next = pick_next(call, unsent)) == NULL)
        return unsent && assign_to_down(call);
    if (!unsent)
        call->upstream->retry_tokens -= GEE_RETRY_TOKEN;
    assign(call, next);
    return true;
}

void gee_upstream_attempt_failed(gee_upstream_call_t *call, const gee_error_t *reason, bool unsent) {
    gee_backend_t *failed = call->backend;
    gee_error_t error = *reason;
    GEE_ASSERT(!gee_link_in_list(&call->link));
    gee_backend_hold(failed);
    gee_upstream_release_slot(call, GEE_OUTCOME_FAILED, false);
    if (!retry(call, unsent))
        gee_upstream_fail(call, &error, failed->addr.text);
    gee_backend_release(failed);
}

gee_backend_t *gee_upstream_another(const gee_upstream_call_t *call) {
    return may_retry(call, false) ? pick(call) : NULL;
}

void gee_upstream_go_to(gee_upstream_call_t *call, gee_backend_t *another) {
    GEE_ASSERT(call->backend == NULL);
    call->upstream->retry_tokens -= GEE_RETRY_TOKEN;
    assign(call, another);
}

/* ---- for callers ---- */

GEE_ALWAYS_INLINE void start_call(gee_upstream_t *upstream, gee_upstream_call_t *call) {
    GEE_ASSERT(call->upstream == NULL);
    call->upstream = upstream;
    call->backend = NULL;
    call->at = NULL;
    call->tried_count = 0;
    call->starting = true;
    call->ending = false;
    call->suspect = call->condemned = call->spilled = false;
    call->choosy = upstream->may_leave_unread;
    call->name_key = call->choosy ? gee_upstream_name_key(call) : 0;
    call->trying = false;
    call->outgoing.done = gee_upstream_on_done;
    call->outgoing.session = NULL;
    call->outgoing.timer.position = 0;
    call->link = (gee_link_t){ 0 };
    if (call->stream != NULL)
        gee_upstream_stream_start(call);
    if ((upstream->retry_tokens += upstream->limits.retry_budget) > GEE_RETRY_TOKENS_MOST)
        upstream->retry_tokens = GEE_RETRY_TOKENS_MOST;
}

GEE_ALWAYS_INLINE void begin_call(gee_upstream_t *upstream, gee_upstream_call_t *call) {
    start_call(upstream, call);
    call->fixed = false;
    place(call);
    call->starting = false;
}

void gee_upstream_call(gee_upstream_t *upstream, gee_upstream_call_t *call) {
    begin_call(upstream, call);
}

GEE_APART void gee_upstream_call_apart(gee_upstream_t *upstream, gee_upstream_call_t *call) {
    begin_call(upstream, call);
}

void gee_upstream_call_backend(gee_upstream_t *upstream, gee_backend_t *backend, gee_upstream_call_t *call) {
    start_call(upstream, call);
    call->fixed = true;
    assign(call, backend);
    call->starting = false;
}
