/* upstream.h: a named set of servers with a balancer, to which calls are sent: the gateway forwards to upstreams, and a
 * client calls one, with one server or many.
 *
 *   gee_upstream_call() -> queue? -> pick a backend -> a connection (dialled when there is none) -> session -> reply
 *          ^                             |  ^                    |                                         |
 *          |                     none: fail  '- another backend -+- failed: retry within budget            v
 *          '-------------------------------------------------------------------------------------------- done()
 *
 * A backend that fails is down for a while, which grows with each failure up to fail_timeout; then it is tried by
 * dialling (and a ping, where the wire has one), not by callers' calls. Only while all are down, each is tried by
 * calls, too, one call at a time. All on the loop's thread. */
#ifndef GEE_GATEWAY_UPSTREAM_H
#define GEE_GATEWAY_UPSTREAM_H

#include "core/gateway/balancer.h"
#include "core/gateway/connection.h"
#include "core/gateway/server_list.h"
#include "core/rpc/call_flow.h"

typedef struct gee_upstream gee_upstream_t;
typedef struct gee_backend gee_backend_t;

/* What can be set of one upstream, with its rows in upstream_settings.c. 0 means no limit where it says so. */
typedef struct gee_upstream_limits {
    int64_t connections;      /* to one server, at most */
    int64_t connect_timeout;  /* ns; resolving, connecting and the handshake together */
    int64_t in_flight;        /* calls at one server, at most; 0: no limit */
    int64_t streams;          /* streaming calls open at one server, at most; 0: no limit */
    int64_t queue;            /* calls that may wait for a free server or a connection, in all */
    int64_t retries;          /* further servers that a failed call may be tried on */
    int64_t retry_budget;     /* retries in percent of calls, beside a few that are always allowed */
    int64_t fails;            /* failures in a row that take a server down; 0: never */
    int64_t fail_timeout;     /* ns; the longest time until a server that is down is tried again */
    int64_t try_timeout;      /* ns; a call that may be repeated is tried elsewhere when no reply has come; 0: not */
    int64_t check_interval;   /* ns; a server is looked at so often, whatever calls say; 0: not */
    int64_t check;            /* gee_check_t */
    const char *check_method; /* of GEE_CHECK_CALL */
} gee_upstream_limits_t;

typedef enum gee_check { GEE_CHECK_PING, GEE_CHECK_CONNECT, GEE_CHECK_CALL } gee_check_t;

extern const gee_option_t gee_upstream_limits_options[];

typedef struct gee_upstream_options {
    const char *name; /* for texts and pages; copied */
    const gee_balancer_t *balancer;
    gee_dial_settings_t settings; /* connect_timeout_ns is taken from the limits */
    gee_upstream_limits_t limits;
    uint64_t seed;
    /* No dialling anew: the first connection that is lost is the last (a client of one server). One whose server has
     * asked for no more calls on it (a drain) is not lost: the next call dials. */
    bool once;
    /* The servers may leave the body of a call unread when they do not know its method: upstream_alone.c. */
    bool may_leave_unread;
    /* Shared knowledge of who is down; both optional. is_known_down() is asked for each server that comes into the
     * list: a backend that is known to be down begins so, and is tried soon. tell() hears of each backend that goes
     * down, once more with each further attempt that fails, and when it comes up again (`reason` null). */
    bool (*is_known_down)(void *owner, const char *address);
    void (*tell)(void *owner, const char *address, const gee_error_t *reason);
    void *owner;
} gee_upstream_options_t;

gee_upstream_t *gee_upstream_create(gee_engine_t *engine, const gee_upstream_options_t *options, gee_error_t *error);
/* Preconditions: every call was cancelled or has ended; the caller is not inside a done(). Connections close at the
 * end of this pass. Leaves null. */
void gee_upstream_destroy(gee_upstream_t **upstream);

/* The whole list: servers that are in it already keep their connections and state; those that are not any more get
 * no new calls, and their connections are closed when the calls on them have ended. An address twice counts once,
 * with the sum of the weights. Precondition: the caller is not inside a done(). -1: an address is wrong or there is
 * no memory; the list before stays. */
int gee_upstream_set_servers(gee_upstream_t *upstream, const gee_server_t *servers, size_t count, gee_error_t *error);

/* The text of failed calls while the list is empty, instead of "it has no servers". Copied; null: the usual text
 * again. */
void gee_upstream_explain(gee_upstream_t *upstream, const char *text);

/* ---- calls ---- */
#define GEE_UPSTREAM_TRIES 8 /* most servers that one call is tried on */

typedef struct gee_upstream_call gee_upstream_call_t;

typedef struct gee_upstream_result {
    gee_status_t status;
    bool from_peer;               /* the backend's own answer, error replies included */
    const gee_payload_t *payload; /* of an answer; valid until done() returns */
    const gee_event_t *reply;     /* of an answer: metadata and more; null: no answer */
    gee_pool_t *pool;             /* memory that lives until done() returns; null when nothing was answered */
    gee_phase_t phase;   /* where the call failed; NONE: answered, or no connection had part in that (a full queue) */
    const char *address; /* of the backend that answered or failed last; null when there was none */
    unsigned tries;      /* backends that the call was tried on */
} gee_upstream_result_t;

/* The caller's memory. Members that the caller sets before gee_upstream_call() stay, with all that they point to,
 * until done(): a retry needs them again. Members that the reply needs stand in front, as by then, with many calls
 * in flight, they have to be fetched from a far cache. */
struct gee_upstream_call {
    /* The caller's. Called exactly once, unless the call is cancelled; never from inside gee_upstream_call(). The
     * memory is the caller's again when done() begins. */
    void (*done)(gee_upstream_call_t *call, const gee_upstream_result_t *result);
    gee_upstream_t *upstream; /* null: not on its way, which the caller sets once */

    /* the upstream's own */
    gee_backend_t *backend;
    struct gee_backend_connection *at; /* the connection on which the call was sent; null: on none */
    int64_t picked_ns;                 /* when this attempt began */
    uint16_t tried_count;
    bool starting;           /* inside gee_upstream_call() */
    bool fixed;              /* for this backend alone */
    bool choosy;             /* not every connection will do: upstream_alone.c */
    bool suspect;            /* a connection has ended under the call: it goes alone now */
    bool condemned;          /* a second connection has ended under it */
    bool spilled;            /* no connection that others share has room for its types */
    bool ending;             /* end_task will call done() */
    bool trying;             /* try_timer runs */
    gee_outgoing_t outgoing; /* once the call is sent; its timer before that, too */

    /* The caller's */
    bool idempotent; /* may be tried again when its fate is unknown */
    gee_str_t method;
    const gee_metadata_t *metadata; /* null: none */
    gee_payload_t payload;
    const gee_codec_t *codec;           /* of the bodies; null: as the connections have it */
    struct gee_upstream_stream *stream; /* of a streaming call; null: unary */
    int64_t deadline_ns;                /* INT64_MAX: none; what is left of it travels with the call */
    int64_t timeout_ns;                 /* the whole time that was given, for texts; 0: none */
    uint64_t key;                       /* for a keyed balancer */
    uint64_t *kept_name_key;            /* where name_key is kept between calls, 0 before; null: nowhere */

    /* the upstream's own */
    uint64_t name_key;      /* with may_leave_unread: what stands for the method's name */
    gee_link_t link;        /* in the queue or in a backend's waiting */
    gee_timer_t try_timer;  /* of this attempt; limits.try_timeout */
    uint64_t request_begin; /* where in the stream of sent bytes the request is */
    uint64_t request_end;
    gee_candidate_t *tried[GEE_UPSTREAM_TRIES];
    gee_task_t end_task;                  /* calls done() for what failed inside gee_upstream_call() */
    struct gee_upstream_failure *failure; /* what end_task tells; null: there was no memory */
};

/* What the owner of a streaming call hears before done(). None is called from inside gee_upstream_call(). Inside each
 * but closed() the call may be cancelled, and its memory freed. */
typedef struct gee_upstream_stream_events {
    /* The call was begun at a backend: stream->open is set. */
    void (*opened)(gee_upstream_call_t *call);
    /* Optional. The connection was lost, stream->open is cleared: the call is tried again (opened() comes once more,
     * and the owner passes on its half-close anew), or done() comes. */
    void (*closed)(gee_upstream_call_t *call);
    /* Optional. The backend's initial metadata; valid until this returns. */
    void (*began)(gee_upstream_call_t *call, const gee_metadata_t *metadata);
    /* One message; valid until this returns. No other comes before gee_flow_took(&stream->flow). */
    void (*message)(gee_upstream_call_t *call, const gee_payload_t *payload);
    /* After GEE_SENT_FULL: there is room again. */
    void (*room)(gee_upstream_call_t *call);
} gee_upstream_stream_events_t;

/* What a streaming call has beside its gee_upstream_call_t; in memory of the caller, until done().
 *
 *   gee_upstream_call() -> opened() -> began()? -> message()* -> done(status, metadata, trailing, details, message?)
 *          |                  '-> gee_upstream_stream_send(), gee_flow_half_close(), _took(), _pause(), _resume()
 *          '- parts, payload: sent with the beginning, and again when the call is tried again
 *
 * The call is tried again under the rules of a unary call, as long as its owner has sent nothing since opened(), a
 * half-close aside, and nothing has come back. After opened() its only clock is the deadline. done() has what the END
 * says: result.status, result.reply->metadata (initial, where began() was not called), result.reply->more (may be null:
 * trailing, details), and in result.payload the message that came with the END (GEE_PAYLOAD_EMPTY where reply->parts
 * has no GEE_EVENT_MESSAGE). A wire without streaming calls: code GEE_UNIMPLEMENTED. */
typedef struct gee_upstream_stream {
    /* The caller's, set before gee_upstream_call(). */
    const gee_upstream_stream_events_t *events;
    unsigned parts; /* GEE_EVENT_BEGIN; with _MESSAGE (call->payload) and _HALF_CLOSE where these are there already */

    /* The upstream's own; the caller reads `open`. */
    bool open;  /* also set when gee_upstream_call() returns, without opened(), where a connection was there */
    bool sent;  /* by the owner, since opened() */
    bool heard; /* something of the backend's */
    gee_upstream_call_t *call;
    gee_backend_t
        *answered_by; /* the backend whose END has come, while messages before the END wait for the owner; held */
    gee_flow_t flow;
} gee_upstream_stream_t;

/* As gee_flow_send(). Precondition: stream->open. */
static inline gee_sent_t gee_upstream_stream_send(gee_upstream_stream_t *stream, const gee_payload_t *payload,
                                                  gee_error_t *error) {
    GEE_ASSERT(stream->open);
    stream->sent = true;
    return gee_flow_send(&stream->flow, payload, error);
}

void gee_upstream_call(gee_upstream_t *upstream, gee_upstream_call_t *call);
/* The same, for calls that are rare: with one caller in a server, the function above becomes a part of that caller. */
void gee_upstream_call_apart(gee_upstream_t *upstream, gee_upstream_call_t *call);
/* Gives up on the call: done() is not called. On a wire without cancel the place of the call at the server stays
 * taken until the late reply. */
void gee_upstream_cancel(gee_upstream_call_t *call);
/* To one backend, whatever the balancer thinks; no retry. For broadcasts. */
void gee_upstream_call_backend(gee_upstream_t *upstream, gee_backend_t *backend, gee_upstream_call_t *call);

/* Opens a connection to every server (with `once`: to the only one) and calls done() when one of them can be used,
 * or with the reason when all have failed. Precondition: no other gee_upstream_connect() waits. */
void gee_upstream_connect(gee_upstream_t *upstream, void (*done)(void *data, const gee_error_t *error), void *data);

/* One round trip to the first server of the list that has a connection which can be used. done() exactly once,
 * unless the upstream is destroyed; `error` null: answered in time (0: as long as it takes). Once at a time. -1: not
 * sent, done() will not be called (GEE_UNIMPLEMENTED: the wire has no pings). */
int gee_upstream_ping(gee_upstream_t *upstream, int64_t timeout_ns, void (*done)(void *data, const gee_error_t *error),
                      void *data, gee_error_t *error);
/* Gives up on a ping that is on its way: done() is not called. For the end: another ping may find that connection
 * busy. */
void gee_upstream_cancel_ping(gee_upstream_t *upstream);

/* "tcp@10.0.0.1:9999: connect: Connection refused": the text of a failure without the time, in `error`, with code and
 * phase. */
void gee_upstream_error(const gee_upstream_result_t *result, gee_error_t *error);
/* Where a call that is on its way is now: address, phase and tries, the rest of `result` zeroed; for the text when
 * the call is given up. */
void gee_upstream_where(const gee_upstream_call_t *call, gee_upstream_result_t *result);
/* "no reply within 50ms": that the time of this call is over, with code and phase. */
void gee_upstream_time_error(const gee_upstream_call_t *call, bool sent, gee_phase_t phase, gee_error_t *error);

/* ---- for pages ---- */
typedef enum gee_backend_state {
    GEE_BACKEND_IDLE,       /* no connection, none was needed or the last one was closed in good order */
    GEE_BACKEND_CONNECTING, /* the first one is being made */
    GEE_BACKEND_UP,
    GEE_BACKEND_DOWN,
    GEE_BACKEND_LEAVING /* not in the list any more; calls are still in flight */
} gee_backend_state_t;

const char *gee_upstream_name(const gee_upstream_t *upstream);
const gee_balancer_t *gee_upstream_balancer(const gee_upstream_t *upstream);
size_t gee_upstream_backend_count(const gee_upstream_t *upstream);
gee_backend_t *gee_upstream_backend(const gee_upstream_t *upstream, size_t n); /* in the list's order */
size_t gee_upstream_waiting(const gee_upstream_t *upstream);                   /* calls in the queue */

typedef struct gee_backend_report {
    const char *address;
    uint32_t weight;
    gee_backend_state_t state;
    size_t connections, in_flight;
    uint64_t calls, failures; /* failures: without an answer */
    int64_t latency_ns;       /* moving average of answers; 0: none yet */
} gee_backend_report_t;
void gee_backend_report(const gee_backend_t *backend, gee_backend_report_t *report);
const char *gee_backend_state_name(gee_backend_state_t state); /* "up" */

#endif
