/* upstream.c: calls to a set of servers: which server, what when it fails, and when there is none.
 *
 *   new call -> place -> assign to a peer -> send on a connection -> answered -> done()
 *     ^           |            ^   |                                    |
 *     |         queue          |   '-> waits for a connection           '-> lost -> retry: place again
 *     '-- a peer has room -----'
 *
 * A call that the peer holds (waiting, sent) counts in the candidate's in_flight, from assign() to release_slot(). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "core/base/clock.h"
#include "core/base/random.h"
#include "core/gateway/upstream_private.h"

/* Retries beyond limits.retry_budget: at once, and saved up at most. In hundredths. */
#define TOKENS_FIRST 10000
#define TOKENS_MOST  100000
#define TOKEN        100

struct gee_upstream_failure {
    gee_error_t error;
    bool from_peer;
    char address[GEE_ADDR_TEXT]; /* empty: none */
};

double gee_upstream_random(gee_upstream_t *upstream) {
    return (double)(gee_random_next(&upstream->random) >> 11) / (double)(1ull << 53);
}

static int64_t now(const gee_upstream_t *upstream) {
    return gee_loop_now(upstream->engine->loop);
}

/* ---- the end of a call ---- */

/* Of one that is not sent. */
static void stop_timer(gee_upstream_call_t *call) {
    if (gee_timer_started(&call->outgoing.timer))
        gee_timer_stop(call->upstream->engine->loop, &call->outgoing.timer);
}

static inline void finish(gee_upstream_call_t *call, const gee_upstream_result_t *result) {
    gee_list_remove(&call->link);
    stop_timer(call);
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

/* The call has ended without a reply of its own; it is in no list and holds no slot. */
static void end_without_reply(gee_upstream_call_t *call, const gee_error_t *error, bool from_peer,
                              const char *address) {
    if (!call->starting) {
        finish_failed(call, error, from_peer, address);
        return;
    }
    stop_timer(call); /* of its wait, if that has begun */
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

GEE_APART static void stop_trying(gee_upstream_call_t *call) {
    call->trying = false;
    gee_timer_stop(call->upstream->engine->loop, &call->try_timer);
}

/* For good, as above. */
static void fail(gee_upstream_call_t *call, const gee_error_t *error, const char *address) {
    end_without_reply(call, error, false, address);
}

GEE_APART static void after_release(gee_upstream_peer_t *peer, gee_upstream_link_t *link, bool kept) {
    gee_upstream_peer_hold(peer);
    if (link != NULL)
        gee_upstream_link_released(link, kept);
    gee_upstream_peer_let_go(peer);
}

/* The peer has the call no more. `kept`: it goes on working on it, though nobody waits. */
static inline void release_slot_at(gee_upstream_call_t *call, gee_outcome_t outcome, bool kept, int64_t at) {
    gee_upstream_t *upstream = call->upstream;
    gee_upstream_peer_t *peer = call->peer;
    gee_upstream_link_t *link = call->at;
    bool picked = !call->fixed;
    call->peer = NULL;
    call->at = NULL;
    if (call->trying)
        stop_trying(call);
    if (peer->trial == call) {
        peer->trial = NULL;
        picked = false;
    }
    if (upstream->balancer != NULL && upstream->balancer->done != NULL && !peer->leaving && picked)
        upstream->balancer->done(upstream->balancer_state, &peer->candidate, outcome, at - call->picked_ns, at);
    if (outcome == GEE_OUTCOME_FAILED)
        peer->failed_calls++;
    if (kept)
        link->late++;
    else
        gee_upstream_peer_freed(peer);
    if (link != NULL)
        link->calls--;
    if (peer->leaving ||
        (link != NULL && (link->retiring || link->alone || link->extra || !gee_list_empty(&peer->waiting))))
        after_release(peer, link, kept);
}

GEE_APART static void release_slot(gee_upstream_call_t *call, gee_outcome_t outcome, bool kept) {
    release_slot_at(call, outcome, kept, now(call->upstream));
}

/* ---- time ---- */

void gee_upstream_time_error(const gee_upstream_call_t *call, bool sent, gee_phase_t phase, gee_error_t *error) {
    char text[GEE_DURATION_TEXT];
    gee_error_set(error, GEE_DEADLINE_EXCEEDED, sent ? "no reply within %s" : "not sent within %s",
                  gee_format_duration(text, gee_round_duration(call->timeout_ns)));
    error->phase = phase;
}

/* Calls that get no reply are what an operator looks for when a server is slow. */
GEE_APART static void log_time_over(const gee_upstream_call_t *call, const char *address, const gee_error_t *error) {
    const gee_upstream_t *upstream = call->upstream;
    gee_log(upstream->engine->log, GEE_LOG_WARN, "upstream %s: %s%s%.*s: %s", upstream->name, address ? address : "",
            address ? ": " : "", GEE_STR_ARGUMENTS(call->method), error->text);
}

/* Its peer is not to blame. */
static void fail_at_peer(gee_upstream_call_t *call, const gee_error_t *error) {
    gee_upstream_peer_t *peer = call->peer;
    gee_upstream_peer_hold(peer);
    release_slot(call, GEE_OUTCOME_ABANDONED, false);
    fail(call, error, peer->addr.text);
    gee_upstream_peer_let_go(peer);
}

/* While it waited, in the queue or for a connection. */
static void expired(gee_timer_t *timer) {
    gee_upstream_call_t *call = GEE_CONTAINER(timer, gee_upstream_call_t, outgoing.timer);
    gee_upstream_peer_t *peer = call->peer;
    gee_error_t error;
    gee_list_remove(&call->link);
    call->upstream->waiting--;
    gee_upstream_time_error(call, false, peer ? GEE_PHASE_CONNECT : GEE_PHASE_SEND, &error);
    log_time_over(call, peer ? peer->addr.text : NULL, &error);
    if (peer == NULL) {
        fail(call, &error, NULL);
        return;
    }
    fail_at_peer(call, &error);
}

/* -1: no memory for the timer. */
static int wait_in(gee_upstream_call_t *call, gee_list_t *list) {
    gee_upstream_t *upstream = call->upstream;
    call->outgoing.timer.fire = expired;
    if (call->deadline_ns != INT64_MAX && !gee_timer_started(&call->outgoing.timer) &&
        gee_timer_start_at(upstream->engine->loop, &call->outgoing.timer, call->deadline_ns) != 0)
        return -1;
    gee_list_append(list, &call->link);
    upstream->waiting++;
    return 0;
}

/* ---- which peer ---- */

static bool only_full(const gee_upstream_peer_t *peer) {
    return !peer->down && !peer->lost && !peer->candidate.available;
}

/* Not among the first `tried_count` servers that it was tried on. */
static inline gee_upstream_peer_t *pick_beside(const gee_upstream_call_t *call, size_t tried_count) {
    const gee_upstream_t *upstream = call->upstream;
    gee_pick_t choice = { .key = call->key, .tried = call->tried, .tried_count = tried_count, .now_ns = now(upstream) };
    gee_candidate_t *candidate = NULL;
    if (upstream->balancer != NULL && upstream->peer_count > 0)
        candidate = upstream->balancer->pick(upstream->balancer_state, &choice);
    else if (upstream->peer_count > 0 && gee_candidate_open(upstream->candidates[0], &choice))
        candidate = upstream->candidates[0];
    return candidate ? GEE_CONTAINER(candidate, gee_upstream_peer_t, candidate) : NULL;
}

static inline gee_upstream_peer_t *pick(const gee_upstream_call_t *call) {
    return pick_beside(call, call->tried_count);
}

/* Is there a peer that could take it later, when others' calls have ended? */
static bool worth_waiting(const gee_upstream_call_t *call) {
    const gee_upstream_t *upstream = call->upstream;
    for (size_t i = 0; i < upstream->peer_count; i++)
        if (only_full(upstream->peers[i]))
            return true;
    return false;
}

/* Nobody can take it: why? */
static void fail_without_peer(gee_upstream_call_t *call) {
    const gee_upstream_t *upstream = call->upstream;
    const gee_upstream_peer_t *example = NULL;
    gee_error_t error;
    for (size_t i = 0; i < upstream->peer_count && example == NULL; i++)
        if (upstream->peers[i]->last_error != NULL)
            example = upstream->peers[i];
    if (example == NULL)
        gee_error_set(&error, GEE_UNAVAILABLE, "%s",
                      upstream->peer_count > 0 ? "no server is available"
                      : upstream->explanation  ? upstream->explanation
                                               : "it has no servers");
    else
        error = *example->last_error;
    error.code = GEE_UNAVAILABLE;
    if (!upstream->once && error.phase == GEE_PHASE_WAIT)
        gee_error_prefix(&error, "it is down: ");
    if (upstream->once || error.phase == GEE_PHASE_WAIT) /* it was another call that waited: this one is not sent */
        error.phase = GEE_PHASE_SEND;
    fail(call, &error, example ? example->addr.text : NULL);
}

static void fail_full(gee_upstream_call_t *call) {
    gee_error_t error;
    gee_error_set(&error, GEE_RESOURCE_EXHAUSTED, "%zu calls wait already (queue)", call->upstream->waiting);
    fail(call, &error, NULL);
}

static void out_of_memory(gee_upstream_call_t *call) {
    gee_error_t error;
    gee_error_set(&error, GEE_RESOURCE_EXHAUSTED, "out of memory");
    fail(call, &error, NULL);
}

/* Its peer has refused that method a moment ago, which is said once more. */
static void refuse(gee_upstream_call_t *call, const gee_error_t *error) {
    gee_upstream_peer_t *peer = call->peer;
    gee_upstream_peer_hold(peer);
    release_slot(call, GEE_OUTCOME_ABANDONED, false);
    end_without_reply(call, error, true, peer->addr.text);
    gee_upstream_peer_let_go(peer);
}

/* The call waits for its turn, not for want of a connection. */
static bool waits_its_turn(const gee_upstream_call_t *call, const gee_upstream_peer_t *peer) {
    return call->choosy && gee_upstream_peer_connected(peer);
}

static int connect_for(const gee_upstream_call_t *call, gee_error_t *error) {
    if (call->spilled)
        return gee_upstream_spill_connect(call->peer, error);
    return call->choosy ? gee_upstream_choosy_connect(call->peer, call, error)
                        : gee_upstream_peer_connect(call->peer, error);
}

void gee_upstream_wait(gee_upstream_call_t *call) {
    gee_upstream_t *upstream = call->upstream;
    gee_upstream_peer_t *peer = call->peer;
    gee_error_t error;
    if (call->choosy && gee_upstream_refused(peer, call, &error)) {
        refuse(call, &error);
        return;
    }
    bool full = (int64_t)upstream->waiting >= upstream->limits.queue;
    if (full || wait_in(call, &peer->waiting) != 0) {
        release_slot(call, GEE_OUTCOME_ABANDONED, false);
        (full ? fail_full : out_of_memory)(call);
    } else if (peer->lost || connect_for(call, &error) != 0) {
        gee_list_remove(&call->link);
        upstream->waiting--;
        if (peer->lost) {
            release_slot(call, GEE_OUTCOME_FAILED, false);
            fail_without_peer(call);
        } else {
            gee_upstream_peer_failed(peer, &error, false);
            gee_upstream_attempt_failed(call, &error, true);
        }
    } else if (!waits_its_turn(call, peer)) {
        gee_upstream_peer_is_waited_for(peer);
    }
}

/* `link` null: it waits for a connection. */
static inline void assign_to(gee_upstream_call_t *call, gee_upstream_peer_t *peer, gee_upstream_link_t *link,
                             int64_t at) {
    call->peer = peer;
    call->picked_ns = at;
    if (call->tried_count < GEE_UPSTREAM_TRIES)
        call->tried[call->tried_count++] = &peer->candidate;
    peer->calls++;
    gee_upstream_peer_took(peer);
    if (link != NULL)
        gee_upstream_send(call, link);
    else
        gee_upstream_wait(call);
}

/* A server with a connection, in the place of `unconnected`, which was picked; null: there is none. */
static gee_upstream_peer_t *pick_connected(const gee_upstream_call_t *call, gee_upstream_peer_t *unconnected) {
    gee_upstream_t *upstream = call->upstream;
    const gee_balancer_t *balancer = upstream->balancer;
    int64_t at = now(upstream);
    for (size_t i = 0; i < upstream->peer_count; i++)
        if (!gee_upstream_peer_connected(upstream->peers[i]))
            upstream->candidates[i]->available = false;
    gee_upstream_peer_t *found = pick(call);
    for (size_t i = 0; i < upstream->peer_count; i++)
        gee_upstream_peer_refresh(upstream->peers[i]);
    if (found != NULL && balancer->done != NULL)
        balancer->done(upstream->balancer_state, &unconnected->candidate, GEE_OUTCOME_ABANDONED, 0, at);
    return found;
}

/* The call that dials first waits for that, as connecting takes no time where nothing is wrong; a key's server is worth waiting
 * for by others, too. */
static bool keeps_to(const gee_upstream_t *upstream, const gee_upstream_peer_t *peer) {
    if (upstream->balancer == NULL)
        return true;
    return peer->failures == 0 && !peer->slow_to_connect &&
           (upstream->balancer->keyed || !gee_upstream_peer_connecting(peer));
}

/* Else no call waits for a connection while another server has one: it may be long in coming. */
GEE_APART static void assign_unconnected(gee_upstream_call_t *call, gee_upstream_peer_t *peer, int64_t at) {
    gee_upstream_peer_t *connected = keeps_to(call->upstream, peer) ? NULL : pick_connected(call, peer);
    gee_error_t error;
    if (connected == NULL) {
        assign_to(call, peer, NULL, at);
        return;
    }
    if (gee_upstream_peer_connect(peer, &error) != 0)
        gee_upstream_peer_failed(peer, &error, false);
    assign_to(call, connected, gee_upstream_peer_link(connected, call, at), at);
}

static inline void assign(gee_upstream_call_t *call, gee_upstream_peer_t *peer) {
    int64_t at = now(call->upstream);
    gee_upstream_link_t *link = gee_upstream_peer_link(peer, call, at);
    if (link != NULL || call->fixed || waits_its_turn(call, peer))
        assign_to(call, peer, link, at);
    else
        assign_unconnected(call, peer, at);
}

static bool was_tried(const gee_upstream_call_t *call, const gee_upstream_peer_t *peer) {
    for (size_t i = 0; i < call->tried_count; i++)
        if (call->tried[i] == &peer->candidate)
            return true;
    return false;
}

static bool may_be_tried(const gee_upstream_call_t *call, const gee_upstream_peer_t *peer) {
    int64_t most = call->upstream->limits.in_flight;
    return peer->down && peer->trial == NULL && !was_tried(call, peer) &&
           (most == 0 || (int64_t)peer->candidate.in_flight < most);
}

/* While nothing is up, calls find out what is: each server that is down has one of them, and the call goes to the one that has
 * waited longest for that. False: it goes to none. */
GEE_APART static bool assign_to_down(gee_upstream_call_t *call) {
    const gee_upstream_t *upstream = call->upstream;
    gee_upstream_peer_t *found = NULL;
    for (size_t i = 0; i < upstream->peer_count; i++) {
        gee_upstream_peer_t *peer = upstream->peers[i];
        if (peer->candidate.available)
            return false;
        if (may_be_tried(call, peer) && (found == NULL || peer->trial_ns < found->trial_ns))
            found = peer;
    }
    if (found == NULL)
        return false;
    found->trial = call;
    found->trial_ns = now(upstream);
    assign_to(call, found, gee_upstream_peer_link(found, call, found->trial_ns), found->trial_ns);
    return true;
}

/* The balancer has nobody for it, and there is nobody to wait for. */
static void assign_without_pick(gee_upstream_call_t *call) {
    if (!assign_to_down(call))
        fail_without_peer(call);
}

static inline void place(gee_upstream_call_t *call) {
    gee_upstream_t *upstream = call->upstream;
    gee_upstream_peer_t *peer = gee_list_empty(&upstream->queue) ? pick(call) : NULL;
    if (peer != NULL)
        assign(call, peer);
    else if (gee_list_empty(&upstream->queue) && !worth_waiting(call))
        assign_without_pick(call);
    else if ((int64_t)upstream->waiting >= upstream->limits.queue)
        fail_full(call);
    else if (wait_in(call, &upstream->queue) != 0)
        out_of_memory(call);
}

static void run_queue(gee_task_t *task) {
    gee_upstream_t *upstream = GEE_CONTAINER(task, gee_upstream_t, queue_task);
    gee_link_t *first;
    while ((first = gee_list_first(&upstream->queue)) != NULL) {
        gee_upstream_call_t *call = GEE_CONTAINER(first, gee_upstream_call_t, link);
        gee_upstream_peer_t *peer = pick(call);
        if (peer == NULL && worth_waiting(call))
            return;
        gee_list_remove(&call->link);
        upstream->waiting--;
        if (peer != NULL)
            assign(call, peer);
        else
            assign_without_pick(call);
    }
}

void gee_upstream_peer_refresh(gee_upstream_peer_t *peer) {
    gee_upstream_t *upstream = peer->upstream;
    int64_t most = upstream->limits.in_flight;
    peer->candidate.available =
        !peer->down && !peer->leaving && !peer->lost && (most == 0 || (int64_t)peer->candidate.in_flight < most);
    /* Those in the queue get it, or hear that nobody is left who could. */
    if (!gee_list_empty(&upstream->queue))
        gee_loop_defer(upstream->engine->loop, &upstream->queue_task);
}

void gee_upstream_reroute(gee_upstream_call_t *call) {
    gee_upstream_peer_t *peer = call->peer;
    gee_error_t error;
    if (call->fixed) {
        gee_error_set(&error, GEE_UNAVAILABLE, "it was taken off the list of servers");
        error.phase = GEE_PHASE_CONNECT;
        fail_at_peer(call, &error);
        return;
    }
    release_slot(call, GEE_OUTCOME_ABANDONED, false);
    if (call->tried_count > 0 && call->tried[call->tried_count - 1] == &peer->candidate)
        call->tried_count--;
    place(call);
}

/* ---- an attempt ---- */

/* What no server has seen any of costs none of them anything: it has no budget. */
static bool may_retry(const gee_upstream_call_t *call, bool unsent) {
    const gee_upstream_t *upstream = call->upstream;
    if (call->fixed || call->condemned || call->tried_count >= GEE_UPSTREAM_TRIES ||
        call->tried_count > upstream->limits.retries ||
        !(unsent || (call->idempotent && upstream->retry_tokens >= TOKEN)))
        return false;
    return call->deadline_ns > now(upstream);
}

/* A suspect may come back to where it was when there is no other server: the connection ended, which need not be the server's
 * end. */
static gee_upstream_peer_t *pick_next(const gee_upstream_call_t *call, bool unsent) {
    gee_upstream_peer_t *next = pick(call);
    return next == NULL && !unsent ? pick_beside(call, call->tried_count - 1u) : next;
}

/* False: there is nobody else. */
static bool retry(gee_upstream_call_t *call, bool unsent) {
    gee_upstream_peer_t *next;
    if (!may_retry(call, unsent))
        return false;
    if ((next = pick_next(call, unsent)) == NULL)
        return unsent && assign_to_down(call);
    if (!unsent)
        call->upstream->retry_tokens -= TOKEN;
    assign(call, next);
    return true;
}

void gee_upstream_attempt_failed(gee_upstream_call_t *call, const gee_error_t *reason, bool unsent) {
    gee_upstream_peer_t *failed = call->peer;
    gee_error_t error = *reason;
    gee_upstream_peer_hold(failed);
    release_slot(call, GEE_OUTCOME_FAILED, false);
    if (!retry(call, unsent))
        fail(call, &error, failed->addr.text);
    gee_upstream_peer_let_go(failed);
}

static uint64_t bytes_sent(const gee_upstream_link_t *link) {
    return link->session ? gee_stream_bytes_sent(link->session->stream) : UINT64_MAX;
}

void gee_upstream_where(const gee_upstream_call_t *call, gee_upstream_result_t *result) {
    *result = (gee_upstream_result_t){ 0 };
    if (call->upstream == NULL)
        return;
    result->tries = call->tried_count;
    result->address = call->peer ? call->peer->addr.text : NULL;
    result->phase = call->at == NULL                           ? GEE_PHASE_CONNECT
                    : bytes_sent(call->at) < call->request_end ? GEE_PHASE_SEND
                                                               : GEE_PHASE_WAIT;
}

bool gee_upstream_link_is_silent(const gee_upstream_link_t *link) {
    return gee_stream_bytes_received(link->session->stream) == link->received &&
           now(link->peer->upstream) - link->asked_ns >= GEE_SILENCE;
}

static void note_asked(gee_upstream_link_t *link) {
    uint64_t received = gee_stream_bytes_received(link->session->stream);
    if (link->asked_ns != 0 && link->received == received)
        return;
    link->received = received;
    link->asked_ns = now(link->peer->upstream);
}

/* A connection has ended under it: it may be what ended it. So it may try that with one more, which has no other calls. */
static void accuse(gee_upstream_call_t *call, gee_error_t *error) {
    if (call->suspect)
        gee_error_prefix(error, "for the second time a connection has ended under this call: ");
    call->condemned = call->suspect;
    call->suspect = call->choosy = true;
}

/* No answer: the time is over, or the connection was lost. */
static void lost(gee_upstream_call_t *call, const gee_status_t *status) {
    gee_upstream_link_t *link = call->at;
    gee_upstream_peer_t *peer = call->peer;
    uint64_t sent = bytes_sent(link);
    gee_phase_t phase = sent < call->request_end ? GEE_PHASE_SEND : GEE_PHASE_WAIT;
    gee_error_t error;
    if (status->code != GEE_DEADLINE_EXCEEDED) {
        gee_error_set(&error, status->code, "%.*s", GEE_STR_ARGUMENTS(status->text));
        error.phase = phase;
        link->lost++;
        if (sent > call->request_begin)
            accuse(call, &error);
        gee_upstream_attempt_failed(call, &error, sent <= call->request_begin);
        return;
    }
    bool silent = link->silent = gee_upstream_link_is_silent(link);
    gee_upstream_time_error(call, phase == GEE_PHASE_WAIT, phase, &error);
    log_time_over(call, peer->addr.text, &error);
    gee_upstream_peer_hold(peer);
    release_slot(call, GEE_OUTCOME_FAILED, call->outgoing.slot_kept);
    if (silent) /* not this call is slow, the server is */
        gee_upstream_peer_failed(peer, &error, true);
    fail(call, &error, peer->addr.text);
    gee_upstream_peer_let_go(peer);
}

/* ---- limits.try_timeout ---- */

static void try_over(gee_timer_t *timer);

/* For a call that may go elsewhere. That there is no memory for the timer only makes it wait longer. */
GEE_APART static void start_trying(gee_upstream_call_t *call) {
    if (call->fixed || !call->idempotent)
        return;
    call->try_timer = (gee_timer_t){ .fire = try_over };
    call->trying =
        gee_timer_start(call->upstream->engine->loop, &call->try_timer, call->upstream->limits.try_timeout) == 0;
}

/* The call has a better place to go; its peer may go on working on the call. */
static void leave_attempt(gee_upstream_call_t *call) {
    gee_session_forget(call->outgoing.session, &call->outgoing);
    release_slot(call, GEE_OUTCOME_FAILED, call->outgoing.slot_kept);
}

static void try_over(gee_timer_t *timer) {
    gee_upstream_call_t *call = GEE_CONTAINER(timer, gee_upstream_call_t, try_timer);
    gee_upstream_t *upstream = call->upstream;
    gee_upstream_peer_t *peer = call->peer, *next = may_retry(call, false) ? pick(call) : NULL;
    bool silent = gee_upstream_link_is_silent(call->at);
    char text[GEE_DURATION_TEXT];
    gee_error_t error;
    gee_error_set(&error, GEE_DEADLINE_EXCEEDED, "no reply within %s (try_timeout)",
                  gee_format_duration(text, upstream->limits.try_timeout));
    error.phase = GEE_PHASE_WAIT;
    log_time_over(call, peer->addr.text, &error);
    call->at->silent |= silent;
    gee_upstream_peer_hold(peer);
    if (next != NULL)
        leave_attempt(call);
    else
        start_trying(call); /* a late reply is better than none */
    if (silent)
        gee_upstream_peer_failed(peer, &error, true);
    if (next != NULL) {
        upstream->retry_tokens -= TOKEN;
        assign(call, next);
    }
    gee_upstream_peer_let_go(peer);
}

static void answered(gee_upstream_call_t *call, const gee_status_t *status, const gee_payload_t *payload) {
    gee_upstream_peer_t *peer = call->peer;
    gee_pool_t *pool = call->upstream->engine->answers;
    int64_t at = now(call->upstream);
    gee_upstream_result_t result = { .status = *status,
                                     .from_peer = true,
                                     .payload = payload,
                                     .pool = pool,
                                     .address = peer->addr.text,
                                     .tries = call->tried_count };
    if (call->outgoing.refused) {
        result.from_peer = false;
        result.phase = GEE_PHASE_WAIT;
    }
    gee_upstream_peer_hold(peer);
    call->at->silent = false;
    if (call->at->alone)
        gee_upstream_alone_answered(call, call->at, status);
    gee_upstream_peer_answered(peer, at - call->picked_ns);
    release_slot_at(call, GEE_OUTCOME_REPLIED, false, at);
    finish(call, &result);
    if (gee_pool_used(pool) > 0)
        gee_pool_reset(pool);
    gee_upstream_peer_let_go(peer);
}

static void on_done(gee_outgoing_t *outgoing, const gee_status_t *status, const gee_payload_t *payload) {
    gee_upstream_call_t *call = GEE_CONTAINER(outgoing, gee_upstream_call_t, outgoing);
    if (outgoing->answered)
        answered(call, status, payload);
    else
        lost(call, status);
}

/* What others have sent on it before is in the way: gob can define only so many types on one connection. */
static bool used_up(const gee_upstream_link_t *link, const gee_error_t *reason) {
    const gee_session_t *session = link->session;
    return reason->code == GEE_RESOURCE_EXHAUSTED && session->codec->mark != NULL &&
           session->codec->mark(session->send_state) > 0;
}

/* The connection cannot take it, though it looked so. */
static void not_sent(gee_upstream_call_t *call, gee_upstream_link_t *link, const gee_error_t *reason) {
    if (reason->code == GEE_UNAVAILABLE) {
        link->retiring = true;
        gee_upstream_link_relieved(link);
        gee_upstream_wait(call);
        return;
    }
    if (!call->outgoing.refused && used_up(link, reason) && gee_upstream_spill(call, link))
        return;
    gee_error_t error = *reason;    /* the arguments, or memory: no other server would do better */
    if (error.code == GEE_INTERNAL) /* to a codec it is a value that cannot be written; here it is the caller's */
        error.code = GEE_INVALID_ARGUMENT;
    gee_error_prefix(&error, "arguments: ");
    release_slot(call, GEE_OUTCOME_ABANDONED, false);
    fail(call, &error, NULL);
}

/* Only the top level of the stream's out grows in it. */
static int send_on(gee_upstream_call_t *call, gee_upstream_link_t *link, gee_event_t *request, gee_error_t *error) {
    gee_session_t *session = link->session;
    const gee_chain_t *out = gee_session_out(session);
    size_t before = out->length;
    call->request_begin = gee_stream_bytes_sent(session->stream) + gee_stream_queued(session->stream);
    if (gee_session_call(session, &call->outgoing, request, error) != 0)
        return -1;
    call->request_end = call->request_begin + (out->length - before);
    return 0;
}

void gee_upstream_send(gee_upstream_call_t *call, gee_upstream_link_t *link) {
    gee_upstream_t *upstream = call->upstream;
    gee_error_t error;
    gee_event_t request = { .method = call->method,
                            .codec = call->codec ? call->codec : upstream->manner.setup.codec,
                            .payload = call->payload };
    stop_timer(call);
    if (call->metadata != NULL)
        request.metadata = *call->metadata;
    if (call->deadline_ns != INT64_MAX && (request.timeout_ns = call->deadline_ns - now(upstream)) <= 0) {
        gee_upstream_time_error(call, false, GEE_PHASE_SEND, &error);
        fail_at_peer(call, &error);
        return;
    }
    if (send_on(call, link, &request, &error) != 0) {
        not_sent(call, link, &error);
        return;
    }
    note_asked(link);
    call->at = link;
    link->calls++;
    if (call->choosy)
        gee_upstream_choosy_sent(call, link);
    if (upstream->limits.try_timeout > 0)
        start_trying(call);
}

/* ---- for callers ---- */

static void start(gee_upstream_t *upstream, gee_upstream_call_t *call) {
    call->upstream = upstream;
    call->peer = NULL;
    call->at = NULL;
    call->tried_count = 0;
    call->starting = true;
    call->ending = false;
    call->suspect = call->condemned = call->spilled = false;
    call->choosy = upstream->may_leave_unread;
    call->name_key = call->choosy ? gee_upstream_name_key(call) : 0;
    call->trying = false;
    call->outgoing.done = on_done;
    call->outgoing.session = NULL;
    call->outgoing.timer.position = 0;
    call->link = (gee_link_t){ 0 };
    if ((upstream->retry_tokens += upstream->limits.retry_budget) > TOKENS_MOST)
        upstream->retry_tokens = TOKENS_MOST;
}

void gee_upstream_call(gee_upstream_t *upstream, gee_upstream_call_t *call) {
    start(upstream, call);
    call->fixed = false;
    place(call);
    call->starting = false;
}

void gee_upstream_call_peer(gee_upstream_t *upstream, gee_upstream_peer_t *peer, gee_upstream_call_t *call) {
    start(upstream, call);
    call->fixed = true;
    assign(call, peer);
    call->starting = false;
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
    stop_timer(call);
    if (call->at != NULL && call->at->calls == 1)
        call->at->asked_ns = 0; /* nobody waits for what the server does not say any more */
    if (call->peer != NULL)
        release_slot(call, GEE_OUTCOME_ABANDONED, kept);
    if (call->ending) {
        gee_loop_undefer(&call->end_task);
        free(call->failure);
    }
    call->upstream = NULL;
}

void gee_upstream_locate(gee_error_t *error, const char *address, gee_phase_t phase, gee_code_t code, gee_str_t text) {
    if (address == NULL || phase == GEE_PHASE_NONE || gee_str_starts_with(text, gee_str(address)))
        gee_error_set(error, code, "%.*s", GEE_STR_ARGUMENTS(text));
    else
        gee_error_set(error, code, "%s: %s: %.*s", address, gee_phase_name(phase), GEE_STR_ARGUMENTS(text));
    if (error != NULL)
        error->phase = phase;
}

void gee_upstream_error(const gee_upstream_result_t *result, gee_error_t *error) {
    gee_upstream_locate(error, result->from_peer ? NULL : result->address, result->phase, result->status.code,
                        result->status.text);
    if (error != NULL)
        error->from_peer = result->from_peer;
}

/* ---- beginning and end ---- */

static int start_balancer(gee_upstream_t *upstream, const gee_upstream_options_t *options, gee_error_t *error) {
    const gee_balancer_t *balancer = options->balancer;
    if (balancer == NULL)
        return 0;
    upstream->balancer_state = calloc(1, balancer->state_size ? balancer->state_size : 1);
    if (upstream->balancer_state == NULL)
        return gee_error_set(error, GEE_RESOURCE_EXHAUSTED, "upstream %s: out of memory", upstream->name);
    if (balancer->start != NULL && balancer->start(upstream->balancer_state, options->seed, error) != 0)
        return -1;
    upstream->balancer = balancer;
    return balancer->changed(upstream->balancer_state, upstream->candidates, 0, error);
}

gee_upstream_t *gee_upstream_create(gee_engine_t *engine, const gee_upstream_options_t *options, gee_error_t *error) {
    gee_upstream_t *upstream = calloc(1, sizeof(*upstream));
    if (upstream == NULL || (upstream->name = strdup(options->name)) == NULL ||
        (upstream->candidates = calloc(1, sizeof(*upstream->candidates))) == NULL) {
        gee_error_set(error, GEE_RESOURCE_EXHAUSTED, "upstream %s: out of memory", options->name);
        goto fail;
    }
    upstream->engine = engine;
    upstream->manner = options->manner;
    upstream->manner.setup.upstream = upstream->name;
    upstream->manner.connect_timeout_ns = options->limits.connect_timeout;
    upstream->limits = options->limits;
    upstream->once = options->once;
    upstream->may_leave_unread = options->may_leave_unread;
    if (getrandom(upstream->name_secret, sizeof(upstream->name_secret), 0) < 0)
        upstream->name_secret[0] = options->seed; /* a kernel without getrandom */
    upstream->is_known_down = options->is_known_down;
    upstream->tell = options->tell;
    upstream->owner = options->owner;
    upstream->random = options->seed;
    upstream->retry_tokens = TOKENS_FIRST;
    upstream->queue_task.run = run_queue;
    gee_list_init(&upstream->queue);
    gee_list_init(&upstream->leaving);
    if (start_balancer(upstream, options, error) == 0)
        return upstream;
fail:
    gee_upstream_destroy(&upstream);
    return NULL;
}

void gee_upstream_destroy(gee_upstream_t **handle) {
    gee_upstream_t *upstream = *handle;
    gee_link_t *link;
    *handle = NULL;
    if (upstream == NULL)
        return;
    gee_loop_undefer(&upstream->queue_task);
    gee_loop_undefer(&upstream->connect_task);
    gee_upstream_cancel_ping(upstream);
    for (size_t i = 0; i < upstream->peer_count; i++)
        gee_upstream_peer_destroy(&upstream->peers[i]);
    while (upstream->engine != NULL && (link = gee_list_pop(&upstream->leaving)) != NULL) {
        gee_upstream_peer_t *peer = GEE_CONTAINER(link, gee_upstream_peer_t, leaving_link);
        gee_upstream_peer_destroy(&peer);
    }
    if (upstream->balancer != NULL && upstream->balancer->stop != NULL)
        upstream->balancer->stop(upstream->balancer_state);
    free(upstream->balancer_state);
    free(upstream->peers);
    free(upstream->candidates);
    free(upstream->name);
    free(upstream->explanation);
    free(upstream->refusals);
    free(upstream);
}

/* ---- for pages ---- */

const char *gee_upstream_name(const gee_upstream_t *upstream) {
    return upstream->name;
}

const gee_balancer_t *gee_upstream_balancer(const gee_upstream_t *upstream) {
    return upstream->balancer;
}

size_t gee_upstream_peer_count(const gee_upstream_t *upstream) {
    return upstream->peer_count;
}

gee_upstream_peer_t *gee_upstream_peer(const gee_upstream_t *upstream, size_t n) {
    return n < upstream->peer_count ? upstream->peers[n] : NULL;
}

size_t gee_upstream_waiting(const gee_upstream_t *upstream) {
    return upstream->waiting;
}
