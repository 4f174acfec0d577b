/* crew.h: the workers of one cycle, seen from the master.
 *
 *   place 0 .. n-1: where a worker belongs; it has one, or waits to start one again (back-off)
 *   place n: the helper's, where the cycle wants one; it is started and replaced alike, and serves no socket
 *   worker: STARTING --READY--> SERVING --told to QUIT--> LEAVING --exit--> gone
 *   slot j of a TCP listener belongs to place j % n; while that one is being replaced, the next serving worker has it
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
    gee_link_t link; /* in the crew's workers */
    gee_crew_t *crew;
    unsigned index;
    pid_t pid;
    gee_worker_state_t state;
    bool killed; /* by us: its end is no news */
    int64_t started_ns;
    gee_channel_t channel;
    gee_timer_t timer;             /* patience with a start, or with leaving */
    char reason[GEE_MESSAGE_TEXT]; /* why it could not start; empty: it did not say */
    bool answered;                 /* the status that was asked for */
    uint64_t connections, calls, in_flight;
};

typedef struct gee_place {
    gee_crew_t *crew;
    unsigned index;
    gee_worker_t *worker; /* null: none lives */
    int64_t delay_ns;     /* of the back-off; 0: the last one lived long enough */
    gee_timer_t timer;    /* until the next start */
} gee_place_t;

typedef struct gee_crew_events {
    /* All have said that they are ready. Serving begins with gee_crew_serve(). Once. */
    void (*ready)(gee_crew_t *crew, void *data);
    /* One cannot start, before all were ready. Once. */
    void (*failed)(gee_crew_t *crew, const char *reason, void *data);
    /* The last worker is gone and none will be started: the crew may be destroyed. Never called from inside a function
     * of the crew. */
    void (*gone)(gee_crew_t *crew, void *data);
    /* A worker serves in the place of one that died. */
    void (*joined)(gee_crew_t *crew, void *data);
    /* A worker has answered gee_crew_ask_status(), or is gone. */
    void (*status)(gee_crew_t *crew, void *data);
    /* In a child, right after fork: close the master's descriptors. */
    void (*forget)(void *data);
} gee_crew_events_t;

struct gee_crew {
    gee_link_t link; /* in the master's list of crews */
    gee_loop_t *loop;
    gee_log_t *log;
    gee_cycle_t *cycle; /* the crew's own */
    gee_list_t workers;
    gee_place_t *places;
    unsigned count;       /* of workers */
    unsigned place_count; /* with the helper */
    unsigned ready_count;
    uint32_t give_set;        /* pairs.h */
    void (*left)(void *data); /* who waits for gee_crew_withdraw(); null: nobody */
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
/* After the slots of a listener became more. */
void gee_crew_assign(gee_crew_t *crew);
/* The helper takes the server out of other processes' lists; left() is called once, when it has, or cannot, or takes too long,
 * or need not, because another master serves on. Before the crew quits for good. */
void gee_crew_withdraw(gee_crew_t *crew, void (*left)(void *data), void *data);
/* They stop accepting and leave when their connections have ended. What waits in the queue of a listener that `emptied`
 * names (or all, when it is null) is accepted first. */
void gee_crew_quit(gee_crew_t *crew, bool (*emptied)(const gee_listener_t *listener, void *data), void *data);
void gee_crew_leave(gee_crew_t *crew);            /* the same, and the queues stay for those who come after */
void gee_crew_return(gee_crew_t *crew);           /* one that has left serves again, with new workers */
void gee_crew_stop(gee_crew_t *crew, int signal); /* TERM: at once, but in order; KILL */
void gee_crew_reopen_log(gee_crew_t *crew, int descriptor);
void gee_crew_ask_status(gee_crew_t *crew);
/* True: it was one of this crew's, and is gone. */
bool gee_crew_reap(gee_crew_t *crew, pid_t pid, int status);
/* "worker 3", "helper"; static memory, overwritten by the next call. */
const char *gee_worker_name(const gee_crew_t *crew, unsigned index);
/* "was killed by signal 9 (SIGKILL)", "exited with status 1": what waitpid() said. */
void gee_describe_end(int status, char *text, size_t capacity);
static inline bool gee_crew_empty(const gee_crew_t *crew) {
    return gee_list_empty(&crew->workers);
}
/* In a child: the other workers' channels. */
void gee_crew_forget(gee_crew_t *crew);
/* Closes the cycle too. Workers that are left notice that the master is gone. Leaves null. */
void gee_crew_destroy(gee_crew_t **crew);

#endif
