/* worker_private.h: shared by the files of the worker process: worker.c, worker_accept.c, worker_count.c,
 * worker_leave.c, worker_upstreams.c, worker_give.c, worker_take.c, worker_end.c and others, named below. */
#ifndef GEE_PROC_WORKER_PRIVATE_H
#define GEE_PROC_WORKER_PRIVATE_H

#include "core/base/clock.h"
#include "core/base/hash.h"
#include "core/base/random.h"
#include "core/event/network.h"
#include "core/proc/channel.h"
#include "core/proc/connection_counts.h"
#include "core/proc/cycle.h"
#include "core/rpc/dispatch.h"
#include "core/rpc/door.h"
#include "core/rpc/engine.h"
#include "core/gateway/forward.h"
#include "core/gateway/gateway.h"
#include "core/rpc/handover.h"

/* worker_silent.c: connections that have not become sessions yet. */
typedef struct gee_worker_silent {
    struct gee_worker_connection **all;
    size_t count, capacity;
    uint64_t random; /* 0: not drawn yet */
} gee_worker_silent_t;

typedef struct gee_worker_process {
    gee_cycle_t *cycle;
    unsigned index;
    gee_log_t *log;
    gee_loop_t *loop;
    gee_channel_t channel;
    gee_thread_pool_t *threads, *resolver;
    gee_engine_t *engine;
    gee_dispatch_t *dispatch;
    size_t started; /* modules whose worker_start succeeded */
    bool ready;

    /* worker_upstreams.c: in the order of the settings */
    gee_forward_t *forwards;
    gee_upstream_t **upstreams;
    gee_gateway_t gateway; /* of these, for pages */

    /* worker_lists.c */
    uint64_t *list_versions; /* versions of the upstreams' lists; of upstreams with a registry */
    gee_timer_t lists_timer;

    /* worker_accept.c */
    gee_list_t acceptors;
    gee_string_map_t *addresses; /* bytes of an IP address -> gee_address_count_t */
    size_t connections;
    size_t unproven;         /* connections that are in the handshake of a seal (limits.unauthenticated) */
    size_t descriptors;      /* of connections, and of closed connections whose peer has not closed its side yet */
    uint64_t finished_calls; /* calls calls of sessions that are gone */
    bool full;               /* limits.connections or limits.total_connections is reached */
    bool waiting;            /* for descriptors or memory to become free */
    int64_t starved_ns;      /* when accepting last failed for want of resources; 0: never */
    int64_t full_ns;         /* when the worker last became full; 0: never */
    int64_t shed_ns;         /* when a silent connection was last closed for another; 0: never */
    gee_worker_silent_t silent;
    gee_connection_slot_t *slot; /* shared with the other workers; null: no limit needs counts */
    gee_timer_t total_timer;     /* full by the total: polls, since other workers do not tell when there is room */
    bool yielding;               /* a place that became free here is left to other workers until total_timer fires */
    gee_timer_t retry;

    /* worker_give.c, worker_take.c */
    gee_list_t givers; /* givers of the highest set take turns, the others only wait for answers */
    gee_list_t takers;
    uint32_t last_set, last_offer;
    gee_task_t offer;  /* at the end of a pass, when answers are written */
    bool handing_over; /* connections are passed on, not drained */
    int64_t alone_ns;  /* since when there has been no giver; 0: there is one */

    /* worker_leave.c */
    bool leaving;
    bool cutting;    /* connections are being closed, whatever they do */
    bool stopped;    /* the loop stops with this pass: a connection taken now would be lost */
    bool abandon;    /* handlers still run: exit without waiting for their threads */
    int64_t left_ns; /* since when the worker has been leaving */
    int64_t idle_ns; /* since when the leaving worker has had neither connection nor call; 0: it has one */
    gee_timer_t sweep;
    gee_timer_t deadline;

    gee_watch_t wake; /* in a worker: the helper has changed shared memory */

    /* helper.c, when this process is the helper: index is the number of workers, no dispatch, no sockets */
    bool failed;
    gee_watch_t helper_watch;
    bool leave_wanted;      /* leave as soon as the helper before is gone */
    size_t leaving_modules; /* modules that have not left yet */
    bool ending;            /* the loop stops when all modules have left, or at the deadline */
    struct gee_announcer *announcer;
    struct gee_followers *followers;
} gee_worker_process_t;

typedef struct gee_address_count {
    size_t length;
    char bytes[16];
    size_t count;
    size_t unproven;
    gee_connection_entry_t *entry; /* for the other workers; null: no limit needs counts, or no entry was free */
} gee_address_count_t;

/* The owner of a door, then of its session. Freed when both the conversation has ended and the descriptor is closed. */
typedef struct gee_worker_connection {
    gee_worker_process_t *process;
    gee_address_count_t *address; /* null: not counted */
    const gee_cycle_listener_t *entry;
    int64_t accepted_ns;
    bool served : 1, open : 1; /* the conversation goes on; the descriptor is open */
    bool unproven : 1;         /* and counted as unproven */
    bool refused : 1;          /* while leaving: a taker has refused the connection */
    uint8_t quiet_sweeps;      /* while leaving */
    uint16_t suspended_ms;     /* while leaving: length of the last suspension; 0: none so far */
    uint32_t silent_place;     /* index in process->silent, from 1; 0: not there */
    int descriptor;            /* valid while silent_place is not 0 */

    /* while leaving */
    uint32_t bytes_seen; /* bytes received at the last sweep, the lower half, which is enough to see new bytes */
    int64_t busy_ns;     /* since when the session has been busy, or suspended; 0: neither */
} gee_worker_connection_t;
_Static_assert(sizeof(gee_worker_connection_t) <= 56, "each idle connection has one");

/* worker_count.c */
/* Claims the worker's slot in the cycle's shared counts. Without a slot the worker counts alone. */
void gee_worker_count_start(gee_worker_process_t *process);
/* The counts of all workers if this worker has a slot; else its own counts. */
size_t gee_worker_count_total(const gee_worker_process_t *process);
size_t gee_worker_count_unproven_total(const gee_worker_process_t *process);
/* Have all workers together as many connections as they may have? */
bool gee_worker_count_full(const gee_worker_process_t *process);
/* Would this worker have more than its share of limits.total_connections with a further connection? */
bool gee_worker_count_exceeds_share(const gee_worker_process_t *process);
/* Counts a connection that is about to be accepted: of two workers that see one free place at most one gets it.
 * False: there is no place (or two workers came at once); nothing is counted. */
bool gee_worker_count_reserve(gee_worker_process_t *process);
/* Tells the other workers the new value of process->descriptors. */
void gee_worker_count_changed(gee_worker_process_t *process);
/* Counts the connection for its address. False: the address has more connections than allowed. `sealed`: the address
 * is needed to count unproven connections, even without limits.connections_per_address. Precondition: the connection
 * is not counted. */
bool gee_worker_count(gee_worker_connection_t *connection, const gee_sockaddr_t *peer, bool sealed);
/* Counts a connection that another worker has admitted, regardless of the limits. */
void gee_worker_count_admitted(gee_worker_connection_t *connection, const gee_sockaddr_t *peer, bool sealed,
                               bool unproven);
void gee_worker_uncount(gee_worker_connection_t *connection);
/* The connection begins the handshake of a seal. False: the limits allow no further unproven connection; nothing is
 * counted. */
bool gee_worker_count_unproven(gee_worker_connection_t *connection);
/* May the connection's address begin a handshake now (limits.handshakes_per_address)? */
bool gee_worker_count_handshake(const gee_worker_connection_t *connection, int64_t now_ns);
void gee_worker_count_proven(gee_worker_connection_t *connection);

#define GEE_WORKER_EPISODE (10 * GEE_SECOND) /* without an event: the next one is news again */

/* Is this the first event of its kind in an episode, worth a line of the log? *last_ns: when the last one was; 0:
 * never. A full server lets a connection in for each that ends, and is full again: without episodes each would be a
 * line. */
static inline bool gee_worker_is_news(const gee_worker_process_t *process, int64_t *last_ns) {
    int64_t now = gee_loop_now(process->loop), before = *last_ns;
    *last_ns = now;
    return before == 0 || now - before >= GEE_WORKER_EPISODE;
}

/* worker_accept.c */
void gee_worker_adopt(gee_worker_process_t *process, const gee_message_t *message, int descriptor);
void gee_worker_release(gee_worker_process_t *process, const gee_message_t *message);
void gee_worker_release_all(gee_worker_process_t *process);
void gee_worker_accept_finish(gee_worker_process_t *process);
const gee_cycle_listener_t *gee_worker_find_entry(const gee_worker_process_t *process, gee_str_t address);
/* Makes the connection's stream, and the options of its door or session. Null: closed, with the reason. Precondition:
 * the connection is neither served nor open. */
gee_stream_t *gee_worker_open_stream(gee_worker_connection_t *connection, int descriptor, const gee_sockaddr_t *peer,
                                     gee_door_options_t *options, gee_error_t *error);
/* The conversation has ended, or goes on in another worker. Frees the connection if its descriptor is closed, too.
 * Precondition: the connection is served. */
void gee_worker_conversation_ended(gee_worker_connection_t *connection);
void gee_worker_check_full(gee_worker_process_t *process);

/* worker_silent.c */
void gee_worker_silent_add(gee_worker_connection_t *connection, int descriptor);
/* The connection has spoken, or is gone. May be called again. */
void gee_worker_silent_remove(gee_worker_connection_t *connection);
/* A new connection comes: may close a silent connection. `unproven`: the count of unproven connections. */
void gee_worker_silent_make_room(gee_worker_process_t *process, size_t unproven);
void gee_worker_silent_finish(gee_worker_process_t *process);

/* worker_give.c: passing connections on; handover_packet.h has the packets. Takes the descriptor; `set` as in
 * pairs.h. */
void gee_worker_give_over(gee_worker_process_t *process, uint32_t set, int descriptor);
void gee_worker_offer_later(gee_worker_process_t *process);
/* Is there a giver? */
bool gee_worker_can_offer(const gee_worker_process_t *process);
/* Gives up every giver and offer: a taker that has a connection already keeps it. */
void gee_worker_give_finish(gee_worker_process_t *process);

/* worker_take.c; takes the descriptor */
void gee_worker_take_over(gee_worker_process_t *process, int descriptor);
void gee_worker_take_finish(gee_worker_process_t *process);

/* worker_upstreams.c */
int gee_worker_open_upstreams(gee_worker_process_t *process, gee_error_t *error);
const gee_target_t *gee_worker_target(const gee_worker_process_t *process, const char *upstream); /* null: none */
void gee_worker_close_upstreams(gee_worker_process_t *process);

/* worker_lists.c: after the upstreams */
int gee_worker_open_lists(gee_worker_process_t *process, gee_error_t *error);
void gee_worker_look_at_lists(gee_worker_process_t *process);

static inline bool gee_is_helper(const gee_worker_process_t *process) {
    return process->index == process->cycle->workers;
}

/* helper.c */
int gee_helper_start(gee_worker_process_t *process, gee_error_t *error); /* the start goes on in the loop */
void gee_helper_leave(gee_worker_process_t *process);
void gee_helper_end(gee_worker_process_t *process); /* leaves, in a short time, then exits */
void gee_helper_finish(gee_worker_process_t *process);

/* worker_leave.c */
void gee_worker_leave(gee_worker_process_t *process); /* in good order */
void gee_worker_cut(gee_worker_process_t *process);   /* at once */
void gee_worker_leave_finish(gee_worker_process_t *process);

/* worker_end.c */
void gee_worker_end(gee_worker_process_t *process);       /* the loop stops with this pass */
void gee_worker_check_end(gee_worker_process_t *process); /* a connection or a call has ended */

#endif
