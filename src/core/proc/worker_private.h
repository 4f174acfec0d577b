/* worker_private.h: what the files of the worker process share: worker.c, worker_accept.c, worker_count.c, worker_leave.c,
 * worker_upstreams.c, worker_give.c, worker_take.c, worker_end.c and others, named below. */
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

    /* worker_upstreams.c: in the order of the configuration */
    gee_forward_t *forwards;
    gee_upstream_t **upstreams;
    gee_gateway_t gateway; /* of these, for pages */

    /* worker_lists.c */
    uint64_t *list_versions; /* of the lists that the upstreams have, where they follow registries */
    gee_timer_t lists_timer;

    /* worker_accept.c */
    gee_list_t acceptors;
    gee_string_map_t *addresses; /* bytes of an IP address -> gee_address_count_t */
    size_t connections;
    size_t unproven;    /* of those, who they are is not known yet; their limit is that of all workers */
    size_t descriptors; /* of connections, and of those that are closed but whose peer has not closed its side yet */
    uint64_t finished_calls; /* of sessions that are gone */
    bool full;               /* limits.connections is reached */
    bool waiting;            /* for descriptors or memory to become free */
    int64_t starved_ns;      /* when there was none last; 0: never */
    int64_t full_ns;         /* when it became full last */
    int64_t shed_ns;         /* when a silent connection was closed for another last */
    gee_worker_silent_t silent;
    gee_connection_slot_t *slot; /* what the other workers see; null: no limit needs that */
    gee_timer_t total_timer;     /* full because of all: others do not say when it is over */
    gee_timer_t retry;

    /* worker_give.c, worker_take.c */
    gee_list_t givers; /* those of the highest set in turn, the others only wait for answers */
    gee_list_t takers;
    uint32_t last_set, last_offer;
    gee_task_t offer;  /* at the end of a pass, when what was answered is written */
    bool handing_over; /* connections are passed on, not drained */
    int64_t alone_ns;  /* since when there is nobody to pass them on to; 0: there is */

    /* worker_leave.c */
    bool leaving;
    bool cutting;    /* connections are being closed, whatever they do */
    bool stopped;    /* the loop stops with this pass: what came now would be lost */
    bool abandon;    /* handlers still run: exit without waiting for their threads */
    int64_t left_ns; /* since when it is leaving */
    int64_t idle_ns; /* since when it has no connection and no call, while leaving; 0: it has */
    gee_timer_t sweep;
    gee_timer_t deadline;

    gee_watch_t wake; /* a worker's: the helper has changed what is shared */

    /* helper.c, when this process is the helper: index is the number of workers, no dispatch, no sockets */
    bool failed;
    gee_watch_t helper_watch;
    bool leave_wanted;      /* as soon as it is the only one */
    size_t leaving_modules; /* that have not left yet */
    bool ending;            /* the loop stops when all have left, or at the deadline */
    struct gee_announcer *announcer;
    struct gee_followers *followers;
} gee_worker_process_t;

typedef struct gee_address_count {
    size_t length;
    char bytes[16];
    size_t count;
    size_t unproven;
    gee_connection_entry_t *entry; /* for the other workers; null: no limit needs it, or there was no room */
} gee_address_count_t;

/* The owner of doors and sessions. It ends twice: as a conversation, and when its descriptor is closed. */
typedef struct gee_worker_connection {
    gee_worker_process_t *process;
    gee_address_count_t *address; /* null: not counted */
    const gee_cycle_listener_t *entry;
    int64_t accepted_ns;
    bool served : 1, open : 1; /* it has not come to the one end, to the other */
    bool unproven : 1;         /* and counted as such */
    bool refused : 1;          /* while leaving: nobody takes it over */
    uint8_t quiet_sweeps;
    uint32_t silent_place; /* in process->silent, from 1; 0: it is not there */
    int descriptor;        /* while it is */

    /* while leaving */
    uint32_t bytes_seen; /* received when it was last looked at; the lower half tells whether there are more */
    int64_t busy_ns;     /* since when it was never quiet, or takes no requests */
    int64_t suspend_ns;  /* for so long it takes none, the next time; 0: never so far */
} gee_worker_connection_t;
_Static_assert(sizeof(gee_worker_connection_t) <= 64, "each idle connection has one");

/* worker_count.c */
/* After the cycle's shared memory is there; without a slot it counts for itself alone. */
void gee_worker_count_start(gee_worker_process_t *process);
/* Of all workers, where a limit needs that; else of this one. */
size_t gee_worker_count_total(const gee_worker_process_t *process);
size_t gee_worker_count_unproven_total(const gee_worker_process_t *process);
/* As many as all workers may have. */
bool gee_worker_count_full(const gee_worker_process_t *process);
/* Counts one connection more, which is about to be accepted: of two workers that see one place that is free, only one gets it.
 * False: there is none (or both have come at once); nothing is counted. */
bool gee_worker_count_reserve(gee_worker_process_t *process);
/* process->descriptors has changed. */
void gee_worker_count_changed(gee_worker_process_t *process);
/* False: this address has as many connections as it may have. `sealed`: those that are unproven are counted by address. */
bool gee_worker_count(gee_worker_connection_t *connection, const gee_sockaddr_t *peer, bool sealed);
/* Whatever the limits: another worker has admitted it. They hold for those that come then. */
void gee_worker_count_admitted(gee_worker_connection_t *connection, const gee_sockaddr_t *peer, bool sealed,
                               bool unproven);
void gee_worker_uncount(gee_worker_connection_t *connection);
/* It has to show who it is; false: as many as may have to do so already. And it has done so, or is gone. */
bool gee_worker_count_unproven(gee_worker_connection_t *connection);
/* The connection begins a handshake; false: its address has begun too many lately. */
bool gee_worker_count_handshake(const gee_worker_connection_t *connection, int64_t now_ns);
void gee_worker_count_proven(gee_worker_connection_t *connection);

#define GEE_WORKER_EPISODE (10 * GEE_SECOND) /* without an event: the next one is news again */

/* Is this the first event of its kind in an episode, worth a line of the log? *last_ns: when the last one was; 0: never. A full
 * server lets a connection in for each that ends, and is full again: without episodes each would be a line. */
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
/* A connection with its stream, counted, and the options of its door or session. Null: closed, with the reason. */
gee_stream_t *gee_worker_open_stream(gee_worker_connection_t *connection, int descriptor, const gee_sockaddr_t *peer,
                                     gee_door_options_t *options, gee_error_t *error);
/* The conversation is over, or goes on elsewhere; what is left is the descriptor, if it is open. */
void gee_worker_conversation_ended(gee_worker_connection_t *connection);
void gee_worker_check_full(gee_worker_process_t *process);

/* worker_silent.c */
void gee_worker_silent_add(gee_worker_connection_t *connection, int descriptor);
/* The connection has spoken, or is gone; once or more. */
void gee_worker_silent_remove(gee_worker_connection_t *connection);
/* Another one comes; `unproven`: so many have not shown who they are. */
void gee_worker_silent_make_room(gee_worker_process_t *process, size_t unproven);
void gee_worker_silent_finish(gee_worker_process_t *process);

/* worker_give.c: passing connections on; what goes over the socket is in handover_packet.h. Takes the descriptor; `set` as
 * in pairs.h. */
void gee_worker_give_over(gee_worker_process_t *process, uint32_t set, int descriptor);
void gee_worker_offer_later(gee_worker_process_t *process);
/* Is there somebody to pass connections on to? */
bool gee_worker_can_offer(const gee_worker_process_t *process);
/* What is on its way is given up: whoever has it already keeps it. */
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
int gee_helper_start(gee_worker_process_t *process, gee_error_t *error); /* goes on in the loop */
void gee_helper_leave(gee_worker_process_t *process);
void gee_helper_end(gee_worker_process_t *process); /* leaves, with little patience, then ends */
void gee_helper_finish(gee_worker_process_t *process);

/* worker_leave.c */
void gee_worker_leave(gee_worker_process_t *process); /* in good order */
void gee_worker_cut(gee_worker_process_t *process);   /* at once */
void gee_worker_leave_finish(gee_worker_process_t *process);

/* worker_end.c */
void gee_worker_end(gee_worker_process_t *process);       /* the loop stops with this pass */
void gee_worker_check_end(gee_worker_process_t *process); /* a connection or a call has ended */

#endif
