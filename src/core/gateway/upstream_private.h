/* upstream_private.h: between the files of an upstream. Each calls only those below:
 *
 *   upstream.c           beginning and end of an upstream
 *   upstream_list.c      its list of servers
 *   backend_probe.c      finds out whether a backend lives
 *   backend_service.c    connections of a backend come into service, and end
 *   upstream_waiting.c   calls that wait for a connection of their backend
 *   upstream_stream_events.c    what the flow of a streaming call says
 *   upstream_reply.c     what becomes of a call that was sent
 *   upstream_call.c      the way of a call to a backend; retries
 *   upstream_send.c      sends a call
 *   upstream_end.c       the end of a call
 *   upstream_stream.c    streaming calls are counted apart
 *   backend_choice.c     which connection of a backend a call gets
 *   upstream_alone.c, upstream_spill.c    of these, connections for special calls
 *   backend_health.c     up and down
 *   upstream_connect.c   connecting beforehand, and pings
 *   backend.c            beginning and end of a backend
 *   backend_connection.c its connections
 *   upstream_error.c     texts of failures
 *
 * From below, timers, tasks and the events of a connection reach what is above.
 *
 *   upstream -- backends --> backend -- connections --> connection --> session
 *      |                        |                                         |
 *    queue                   waiting                                   waiting
 *
 * A call is in one of the three: in the first two lists by its `link`, in the session's by its `outgoing`. */
#ifndef GEE_GATEWAY_UPSTREAM_PRIVATE_H
#define GEE_GATEWAY_UPSTREAM_PRIVATE_H

#include "core/base/assert.h"
#include "core/base/random.h"
#include "core/gateway/upstream.h"
#include "core/rpc/engine_private.h"
#include "core/rpc/session_private.h"

#define GEE_SILENCE GEE_SECOND /* of a backend that was asked something: from then on the silence counts as a failure */
/* While a backend is down and calls wait for it, a dial that has hung for so long gets another one beside it, as the
 * system repeats its question less and less often. */
#define GEE_REDIAL (500 * GEE_MILLISECOND)

/* Retries beyond limits.retry_budget: at once, and saved up at most. In hundredths of a retry. */
#define GEE_RETRY_TOKENS_FIRST 10000
#define GEE_RETRY_TOKENS_MOST  100000
#define GEE_RETRY_TOKEN        100

/* Names of methods, by what stands for them (gee_upstream_call_t.name_key). Bounded: forgets all when full. */
typedef struct gee_name_set {
    uint64_t *keys; /* 0: free; null: nothing was added yet */
    size_t mask;    /* places - 1 */
    size_t count;
} gee_name_set_t;

static inline bool gee_name_set_has(const gee_name_set_t *set, uint64_t key) {
    for (size_t at = key & set->mask; set->keys != NULL && set->keys[at] != 0; at = (at + 1) & set->mask)
        if (set->keys[at] == key)
            return true;
    return false;
}
void gee_name_set_add(gee_name_set_t *set, uint64_t key);

/* One connection of a backend. */
typedef struct gee_backend_connection {
    gee_link_t link; /* in the backend's connections */
    gee_backend_t *backend;
    gee_connection_t *inner;
    gee_session_t *session; /* of `inner`; null until it is ready */
    size_t calls, late;     /* sent and not answered; given up and not answered */
    size_t streams;         /* of `calls`, those that are streaming calls */
    size_t lost;            /* calls that the connection's end has failed */
    bool retiring;          /* no new calls: the backend asked for that, or the list has changed */
    bool probe;             /* made to see whether the backend lives, whatever happens to calls */
    bool alone;             /* has one call, which is to be alone, and is not answered */
    bool suspect;           /* that call is a suspect */
    bool extra;             /* opened beyond limits.connections */
    bool spill;             /* for calls that no other connection has room for: upstream_spill.c */
    bool silent;            /* a call here got no answer in time, and nothing at all has come for a second */
    bool given_up;          /* closed because the backend is down: its end is no further failure */
    int64_t opened_ns;      /* when dialling began */
    gee_outgoing_t check;   /* the call that shows whether the backend lives: GEE_CHECK_CALL */
    uint64_t received;      /* bytes that had come when `asked_ns` was noted */
    int64_t asked_ns;       /* when the first call was sent after those bytes; 0: none yet */
    gee_name_set_t known;   /* with may_leave_unread: methods of which a call was answered here */
    uint64_t alone_key;     /* what stands for the method of the call that is, or was last, alone */
    gee_timer_t late_timer; /* alone, and given up: until when the late reply is waited for */
} gee_backend_connection_t;

struct gee_backend {
    gee_candidate_t candidate;
    gee_upstream_t *upstream;
    gee_addr_t addr;
    const gee_transport_t *transport;
    size_t most;    /* candidate.in_flight at which the backend is full: limits.in_flight, which is of unary calls */
    size_t streams; /* of candidate.in_flight, the streaming calls */
    bool down;
    bool leaving; /* not in the list any more */
    gee_link_t leaving_link;
    unsigned holds;                   /* references that keep the memory of a backend that has left */
    bool lost;                        /* with `once`: the connection is gone for good */
    const gee_upstream_call_t *trial; /* the call that tries the backend while all are down; null: none does */
    int64_t trial_ns;                 /* when the last trial began */
    unsigned failures;                /* in a row */
    int64_t back_off_ns;              /* of the last time that the backend went down; 0: it has answered since */
    gee_timer_t retry_timer;
    gee_timer_t check_timer;
    gee_timer_t patience_timer; /* while calls wait for a connection */
    bool slow_to_connect;       /* patience_timer has run out, and the dial goes on */
    gee_list_t connections;
    gee_backend_connection_t *recent; /* the connection that was chosen last; null: it is gone */
    int64_t recent_pass_ns;           /* in which pass of the loop */
    unsigned recent_calls;            /* how often since then */
    gee_list_t waiting;               /* calls that wait for a connection */
    gee_task_t waiting_task;          /* a call in `waiting` may find a connection now */
    int64_t renewed_ns;               /* when a connection was last given up because it was used up */
    gee_timer_t suspect_timer;        /* when a further suspect may go */
    int64_t suspect_ns;               /* when the last suspect went */
    gee_name_set_t verified;          /* with may_leave_unread: methods that were answered on whatever connection */
    gee_error_t *last_error;          /* null: none yet */
    uint64_t calls, failed_calls;
    int64_t latency_ns;
};

struct gee_upstream {
    gee_engine_t *engine;
    char *name;
    const gee_balancer_t *balancer; /* null: the first of the list */
    void *balancer_state;
    gee_dial_settings_t settings;
    gee_upstream_limits_t limits;
    bool once;
    bool may_leave_unread;
    uint64_t name_secret[2];
    struct gee_upstream_refusal *refusals; /* null: none yet */
    bool (*is_known_down)(void *owner, const char *address);
    void (*tell)(void *owner, const char *address, const gee_error_t *reason);
    void *owner;
    gee_backend_t **backends;
    gee_candidate_t **candidates; /* the same, as the balancer sees them */
    size_t backend_count;
    char *explanation;  /* why there are no backends; null: not known */
    gee_list_t leaving; /* backends that are not in the list any more, by their leaving_link */
    gee_list_t queue;   /* calls that wait for a backend */
    size_t waiting;     /* in the queue and in the backends' waiting */
    gee_task_t queue_task;
    gee_task_t connect_task;
    uint64_t random;
    int64_t retry_tokens;
    void (*connected)(void *data, const gee_error_t *error);
    void *connected_data;
    gee_backend_connection_t *pinged; /* where the ping of gee_upstream_ping() is on its way */
    void (*ponged)(void *data, const gee_error_t *error);
    void *ponged_data;
};

static inline int64_t gee_upstream_now(const gee_upstream_t *upstream) {
    return gee_loop_now(upstream->engine->loop);
}
/* [0, 1) */
static inline double gee_upstream_random(gee_upstream_t *upstream) {
    return (double)(gee_random_next(&upstream->random) >> 11) / (double)(1ull << 53);
}

/* ---- upstream_error.c ---- */
/* The text with address and phase in front, unless it has them or they do not matter. */
void gee_upstream_locate(gee_error_t *error, const char *address, gee_phase_t phase, gee_code_t code, gee_str_t text);
/* `address` null: the call was at no backend. */
void gee_upstream_log_time_over(const gee_upstream_call_t *call, const char *address, const gee_error_t *error);

/* ---- backend_connection.c ---- */
int gee_backend_dial(gee_backend_t *backend, bool probe, gee_error_t *error);
/* Precondition: the connection has no calls. */
void gee_backend_connection_destroy(gee_backend_connection_t *connection);
/* Connections that are to be kept, with those that are being made. */
size_t gee_backend_in_service(const gee_backend_t *backend);
static inline bool gee_backend_connection_is_open(const gee_backend_connection_t *connection) {
    const gee_session_t *session = connection->session;
    return session != NULL && !connection->retiring && !connection->probe && !gee_session_is_ending(session) &&
           !session->peer_ended;
}
static inline bool gee_backend_connection_is_usable(const gee_backend_connection_t *connection) {
    return gee_backend_connection_is_open(connection) && !connection->spill;
}
static inline uint64_t gee_backend_connection_bytes_sent(const gee_backend_connection_t *connection) {
    return connection->session ? gee_stream_bytes_sent(connection->session->stream) : UINT64_MAX;
}
/* Of a call that was sent: whether its request has left. */
static inline gee_phase_t gee_upstream_phase_of(const gee_upstream_call_t *call) {
    return gee_backend_connection_bytes_sent(call->at) < call->request_end ? GEE_PHASE_SEND : GEE_PHASE_WAIT;
}
/* Something was asked here, and since then nothing at all has come, for longer than a network takes. How long a call
 * waits is its caller's decision, and an impatient caller must not bring a backend down. */
bool gee_backend_connection_is_silent(const gee_backend_connection_t *connection);
/* Sees to it that a connection is there or being made. -1: dialling cannot even begin. */
int gee_backend_connect(gee_backend_t *backend, gee_error_t *error);
bool gee_backend_connecting(const gee_backend_t *backend);
/* A connection that takes calls, or null. */
gee_backend_connection_t *gee_backend_any_usable(const gee_backend_t *backend);
static inline bool gee_backend_connected(const gee_backend_t *backend) {
    return gee_backend_any_usable(backend) != NULL;
}
/* Tells the caller of gee_upstream_ping(). */
void gee_upstream_end_ping(gee_backend_connection_t *connection, const gee_error_t *error);

/* ---- backend.c ---- */
gee_backend_t *gee_backend_create(gee_upstream_t *upstream, const gee_addr_t *addr, gee_error_t *error);
void gee_backend_destroy(gee_backend_t **backend);
/* May the balancer pick the backend? */
bool gee_backend_is_available(const gee_backend_t *backend);
/* The backend's availability may have changed. */
void gee_backend_refresh(gee_backend_t *backend);
/* The backend has one call more, or one less: what refresh() would make of that. */
static inline void gee_backend_took(gee_backend_t *backend) {
    if (++backend->candidate.in_flight >= backend->most)
        backend->candidate.available = false;
}
static inline void gee_backend_freed(gee_backend_t *backend) {
    GEE_ASSERT(backend->candidate.in_flight > 0);
    backend->candidate.in_flight--;
    if (!backend->candidate.available || !gee_list_empty(&backend->upstream->queue))
        gee_backend_refresh(backend);
}
/* The backend has left the list, and nothing holds it; of the next two. */
void gee_backend_gone(gee_backend_t *backend);
static inline void gee_backend_hold(gee_backend_t *backend) {
    backend->holds++;
}
static inline void gee_backend_release(gee_backend_t *backend) {
    GEE_ASSERT(backend->holds > 0);
    if (--backend->holds == 0 && backend->leaving)
        gee_backend_gone(backend);
}
/* No new calls for that connection, which is closed when it has none any more. May destroy the connection. */
void gee_backend_connection_retire(gee_backend_connection_t *connection);
/* A call has left the connection: closes it if it was waiting for that. */
void gee_backend_connection_close_retired(gee_backend_connection_t *connection);
/* A waiting call may find a connection now: the waiting calls are looked through at the end of this pass. */
void gee_backend_try_waiting(gee_backend_t *backend);

/* ---- upstream_connect.c ---- */
/* gee_upstream_connect() has got an answer from that backend, should somebody wait for one. */
void gee_upstream_connect_ended(gee_upstream_t *upstream, const gee_backend_t *backend, const gee_error_t *error);

/* ---- backend_health.c ---- */
/* The backend begins down when others know that it is. */
void gee_backend_begin(gee_backend_t *backend);
/* The backend lives. */
void gee_backend_come_up(gee_backend_t *backend);
void gee_backend_answered(gee_backend_t *backend, int64_t latency_ns);
/* The same where the time says nothing. */
void gee_backend_lives(gee_backend_t *backend);
/* The backend failed in a way that counts. `silent`: by saying nothing, and not by a refusal: when it goes down,
 * calls on connections that are silent, too, wait no longer. */
void gee_backend_failed(gee_backend_t *backend, const gee_error_t *reason, bool silent);
/* A call waits for a connection: not for long while another backend has one; and a backend that is down is dialled
 * anew soon, should the dial that is under way hang. */
void gee_backend_is_waited_for(gee_backend_t *backend);
void gee_backend_retry_soon(gee_backend_t *backend);

/* ---- upstream_spill.c ---- */
/* The connection cannot take the call, as others have used it up: gob defines only so many types on one. True: the
 * call has another way, by a spill connection (call->spilled) or a new one. */
bool gee_upstream_spill(gee_upstream_call_t *call, gee_backend_connection_t *connection);
/* For calls with `spilled`: the connection that takes them, or null. */
gee_backend_connection_t *gee_upstream_spill_connection(const gee_backend_t *backend);
int gee_upstream_spill_connect(gee_backend_t *backend, gee_error_t *error);

/* ---- upstream_alone.c: for calls that are choosy ---- */
/* What stands for the name of the call's method. */
uint64_t gee_upstream_name_key(gee_upstream_call_t *call);
/* The connection for the call, which goes alone where it must; null: the call has to wait. */
gee_backend_connection_t *gee_upstream_choosy_connection(gee_backend_t *backend, const gee_upstream_call_t *call);
/* May the call go where others are in flight? */
static inline bool gee_backend_connection_suits(const gee_backend_connection_t *connection,
                                                const gee_upstream_call_t *call) {
    return !call->suspect && gee_name_set_has(&connection->known, call->name_key);
}
/* The call waits: sees to it that its time comes, be it by dialling. -1: dialling cannot even begin. */
int gee_upstream_choosy_connect(gee_backend_t *backend, const gee_upstream_call_t *call, gee_error_t *error);
/* The call was sent there. */
void gee_upstream_choosy_sent(const gee_upstream_call_t *call, gee_backend_connection_t *connection);
/* The call that has the connection for itself was answered. */
void gee_upstream_alone_answered(const gee_upstream_call_t *call, gee_backend_connection_t *connection,
                                 const gee_status_t *status);
/* A call has left the connection, on which the backend may still be at work (`kept`). May destroy the connection. */
void gee_backend_connection_left(gee_backend_connection_t *connection, bool kept);
/* Closes a connection that was opened for calls that go alone, and is one too many. */
void gee_backend_trim(gee_backend_t *backend);
/* The late reply to a call that was given up has come. May destroy the connection. */
void gee_backend_connection_answered_late(gee_backend_connection_t *connection);
/* Has the backend refused that method a moment ago? Then with these words. */
bool gee_upstream_refused(const gee_backend_t *backend, const gee_upstream_call_t *call, gee_error_t *error);

/* ---- backend_choice.c ---- */
/* The connection to send that call on, or null; opens a further one where that helps. */
gee_backend_connection_t *gee_backend_choose(gee_backend_t *backend, const gee_upstream_call_t *call, int64_t now_ns);

/* ---- upstream_end.c ---- */
/* Of a call that is not sent. */
static inline void gee_upstream_stop_timer(gee_upstream_call_t *call) {
    if (gee_timer_started(&call->outgoing.timer))
        gee_timer_stop(call->upstream->engine->loop, &call->outgoing.timer);
}
/* The backend has the call no more. `kept`: it goes on working on the call, though nobody waits. */
void gee_upstream_release_slot(gee_upstream_call_t *call, gee_outcome_t outcome, bool kept);
/* The call has ended without a reply of its own. Precondition: the call is in no list and at no backend. */
void gee_upstream_end_without_reply(gee_upstream_call_t *call, const gee_error_t *error, bool from_peer,
                                    const char *address);
static inline void gee_upstream_fail(gee_upstream_call_t *call, const gee_error_t *error, const char *address) {
    gee_upstream_end_without_reply(call, error, false, address);
}
/* The call's backend is not to blame. */
void gee_upstream_fail_at_backend(gee_upstream_call_t *call, const gee_error_t *error);
void gee_upstream_answered(gee_upstream_call_t *call, const gee_event_t *reply);
/* The END of a streaming call has come, from the backend that has the call, or that stream->answered_by says. */
void gee_upstream_stream_answered(gee_upstream_call_t *call, const gee_event_t *end);

/* ---- upstream_stream.c ---- */
/* Before the first attempt. */
void gee_upstream_stream_start(gee_upstream_call_t *call);
/* A backend has the call, or has it no more. */
void gee_upstream_stream_assigned(const gee_upstream_call_t *call);
void gee_upstream_stream_released(gee_backend_t *backend, gee_backend_connection_t *connection);
/* The call was given up. */
void gee_upstream_stream_drop(gee_upstream_call_t *call);
/* May no further streaming call go there? */
bool gee_upstream_streams_full(const gee_backend_t *backend);
/* Always true of a unary call. */
bool gee_upstream_stream_is_repeatable(const gee_upstream_call_t *call);

/* ---- upstream_stream_events.c ---- */
extern const gee_flow_events_t gee_upstream_flow_events;

/* ---- upstream_send.c ---- */
/* 0: the call is sent, or has ended as its time is over. -1: the connection cannot take it, though it looked so. */
int gee_upstream_send(gee_upstream_call_t *call, gee_backend_connection_t *connection, gee_error_t *error);
/* The same for a streaming call, which is begun. */
int gee_upstream_open(gee_upstream_call_t *call, gee_backend_connection_t *connection, gee_error_t *error);
/* limits.try_timeout, for a call that may go elsewhere. */
void gee_upstream_start_trying(gee_upstream_call_t *call);

/* ---- upstream_call.c ---- */
/* The call, which has a backend, is sent on that connection, or (null) waits for one, which is dialled where that
 * helps; or it fails, or finds another way. Precondition of the first three: the call is in no list. */
void gee_upstream_proceed(gee_upstream_call_t *call, gee_backend_connection_t *connection);
/* This attempt has failed. `unsent`: the backend cannot have seen any of the call. */
void gee_upstream_attempt_failed(gee_upstream_call_t *call, const gee_error_t *reason, bool unsent);
/* The call waited for a connection of a backend that has left: another one is found, unless the call is for that one
 * only. */
void gee_upstream_reroute(gee_upstream_call_t *call);
/* Another backend for a call that has waited long for a reply; null: there is none, or the call may not be repeated. */
gee_backend_t *gee_upstream_another(const gee_upstream_call_t *call);
/* To which the call goes, at the cost of a retry. Precondition: the call is at no backend. */
void gee_upstream_go_to(gee_upstream_call_t *call, gee_backend_t *another);
void gee_upstream_run_queue(gee_task_t *task);

/* ---- upstream_reply.c ---- */
void gee_upstream_on_done(gee_outgoing_t *outgoing, const gee_event_t *reply);
/* The same for a streaming call that has ended otherwise than by its backend's word. */
void gee_upstream_stream_unanswered(gee_upstream_call_t *call, const gee_status_t *status);
void gee_upstream_try_over(gee_timer_t *timer);

/* ---- upstream_waiting.c ---- */
/* Sends the waiting calls that have a connection: of choosy calls these need not be the first. */
void gee_backend_send_waiting(gee_backend_t *backend);
/* Ends the attempts of calls that have waited since then; not of calls that come to wait meanwhile. */
void gee_backend_fail_waiting(gee_backend_t *backend, const gee_error_t *reason, int64_t since_ns);
/* Waiting calls go to other backends; calls for this backend alone stay, or end when the backend leaves. */
void gee_backend_reroute_waiting(gee_backend_t *backend);
void gee_backend_run_waiting(gee_task_t *task);
void gee_backend_suspect_due(gee_timer_t *timer);

/* ---- backend_service.c ---- */
/* The backend lives; the connection carries calls from now on, unless there are enough. May destroy the connection. */
void gee_backend_take_into_service(gee_backend_connection_t *connection);
/* The backend lives; so connections on which it did not answer are dead, and nobody has said so (a firewall forgot
 * them). */
void gee_backend_retire_silent(gee_backend_t *backend);
/* Dials from when the backend was down: their failures say nothing about what the backend is now. */
void gee_backend_end_dials(gee_backend_t *backend);
/* A dial has ended, with a connection or without. */
void gee_backend_end_patience(gee_backend_t *backend);
/* The backend is not in the list any more. It is destroyed when its last call has ended. */
void gee_backend_leave(gee_backend_t *backend);
void gee_backend_on_draining(gee_connection_t *inner, void *owner);
void gee_backend_on_slot_freed(gee_connection_t *inner, void *owner);
void gee_backend_on_closed(gee_connection_t *inner, void *owner, const gee_error_t *reason);

/* ---- backend_probe.c ---- */
extern const gee_connection_events_t gee_backend_connection_events;
void gee_backend_retry_due(gee_timer_t *timer);
void gee_backend_check_due(gee_timer_t *timer);
void gee_backend_patience_over(gee_timer_t *timer);

#endif
