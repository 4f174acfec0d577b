/* crew.h: the workers of one cycle, seen from the master.
 *
 *   place 0 .. n-1: where a worker belongs; the place has a worker, or waits to start one (back-off)
 *   place n: the helper's, if the cycle wants a helper; started and replaced as a worker is, serves no socket
 *   worker: STARTING --READY--> SERVING --told to QUIT--> LEAVING --exit--> gone
 *   slot j of a TCP listener belongs to place j % n; while its worker is replaced, the next serving worker has the slot
 */
#ifndef GEE_PROC_CREW_H
#define GEE_PROC_CREW_H

#include <sys/types.h>

#include "core/proc/channel.h"
#include "core/proc/cycle.h"

typedef struct gee_crew gee_crew_t;

typedef enum gee_crew_state {
    GEE_CREW_STARTING, /* not all have been ready, or gee_crew_serve() was not called */
    GEE_CREW_SERVING,  /* a worker that dies is replaced */
    GEE_CREW_LEAVING   /* no worker is started any more: the crew was dismissed, or could not start */
} gee_crew_state_t;

typedef enum gee_worker_state { GEE_WORKER_STARTING, GEE_WORKER_SERVING, GEE_WORKER_LEAVING } gee_worker_state_t;

struct gee_worker {
    gee_link_t link; /* in crew->workers */
    gee_crew_t *crew;
    unsigned index;
    pid_t pid;
    gee_worker_state_t state;
    bool killed; /* by the master: the end is logged as info only */
    int64_t started_ns;
    gee_channel_t channel;
    gee_timer_t timer;             /* limits the time of the start, and of leaving */
    char reason[GEE_MESSAGE_TEXT]; /* why the worker cannot start; empty: not told */
    bool answered;                 /* gee_crew_ask_status() */
    uint64_t connections, calls, in_flight;
};

typedef struct gee_place {
    gee_crew_t *crew;
    unsigned index;
    gee_worker_t *worker; /* null: no process */
    int64_t delay_ns;     /* of the back-off; 0: the last worker lived long enough */
    gee_timer_t timer;    /* until the next start */
} gee_place_t;

typedef struct gee_crew_events {
    /* All workers are ready. Serving begins with gee_crew_serve(). Called at most once. */
    void (*ready)(gee_crew_t *crew, void *data);
    /* A worker cannot start, before all were ready. Called at most once. */
    void (*failed)(gee_crew_t *crew, const char *reason, void *data);
    /* The last worker is gone and none will be started: the crew may be destroyed. Called from the loop, never from
     * inside a function of the crew. */
    void (*gone)(gee_crew_t *crew, void *data);
    /* A worker serves in the place of one that died. */
    void (*joined)(gee_crew_t *crew, void *data);
    /* A worker has answered gee_crew_ask_status(), or is gone. */
    void (*status)(gee_crew_t *crew, void *data);
    /* In a child, right after fork: close the master's descriptors. */
    void (*forget)(void *data);
} gee_crew_events_t;

struct gee_crew {
    gee_link_t link; /* in master->crews */
    gee_loop_t *loop;
    gee_log_t *log;
    gee_cycle_t *cycle; /* owned */
    gee_list_t workers;
    gee_place_t *places;
    unsigned count;       /* of workers */
    unsigned place_count; /* with the helper */
    unsigned ready_count;
    uint32_t give_set;        /* pairs.h */
    void (*left)(void *data); /* callback of gee_crew_withdraw(); null: none */
    void *left_data;
    gee_timer_t left_timer;
    gee_crew_state_t state;
    gee_task_t gone_task;
    const gee_crew_events_t *events;
    void *data;
};

/* Takes the cycle (also on failure: then it is closed). */
gee_crew_t *gee_crew_create(gee_loop_t *loop, gee_cycle_t **cycle, const gee_crew_events_t *events, void *data,
                            gee_error_t *error);
/* Forks all workers. A fork that fails is reported by failed(). */
void gee_crew_start(gee_crew_t *crew);
/* Hands out the listening sockets. */
void gee_crew_serve(gee_crew_t *crew);
/* Assigns new slots after a listener has got more slots. */
void gee_crew_assign(gee_crew_t *crew);
/* The helper takes the server out of registries, before the crew quits for good. left() is called once: when the
 * helper has done so, cannot, or is too late, and at once when another master serves on. A second withdrawal replaces
 * the callback of the first. */
void gee_crew_withdraw(gee_crew_t *crew, void (*left)(void *data), void *data);
/* The workers stop accepting and exit when their connections have ended. Connections in the queue of each listener
 * for which emptied() is true (null: of all listeners) are accepted first. */
void gee_crew_quit(gee_crew_t *crew, bool (*emptied)(const gee_listener_t *listener, void *data), void *data);
void gee_crew_leave(gee_crew_t *crew);            /* the same, but no queue is emptied: later workers accept */
void gee_crew_return(gee_crew_t *crew);           /* a crew that is leaving serves again, with new workers */
void gee_crew_stop(gee_crew_t *crew, int signal); /* TERM: at once, but in order; KILL */
void gee_crew_reopen_log(gee_crew_t *crew, int descriptor);
void gee_crew_ask_status(gee_crew_t *crew);
/* True: the process was a worker of this crew, which is gone. */
bool gee_crew_reap(gee_crew_t *crew, pid_t pid, int status);
/* "worker 3", "helper"; static memory, overwritten by the next call. */
const char *gee_worker_name(const gee_crew_t *crew, unsigned index);
/* "was killed by signal 9 (SIGKILL)", "exited with status 1": waitpid()'s status as text. */
void gee_describe_end(int status, char *text, size_t capacity);
static inline bool gee_crew_empty(const gee_crew_t *crew) {
    return gee_list_empty(&crew->workers);
}
/* In a child: closes the other workers' channels. */
void gee_crew_forget(gee_crew_t *crew);
/* Closes the cycle too. Workers that are left notice that the master is gone. Leaves null. */
void gee_crew_destroy(gee_crew_t **crew);

#endif
