/* loop_private.h: shared by the files of the loop: loop.c, timer.c, loop_tasks.c, loop_signals.c. Not for other
 * files, except gee_leftover_t, which stream.c and work.c use. */
#ifndef GEE_EVENT_LOOP_PRIVATE_H
#define GEE_EVENT_LOOP_PRIVATE_H

#include <pthread.h>
#include <stdatomic.h>

#include "core/event/loop.h"

#define GEE_LOOP_BATCH        128               /* events taken from the kernel at once */
#define GEE_LOOP_DEFER_ROUNDS 64                /* of deferred tasks that defer tasks, in one pass */
#define GEE_LOOP_BUFFERS_KEPT (8 * 1024 * 1024) /* bytes of free buffers */

/* An object without an owner that ends by itself (a stream that is still writing its last bytes). Destroying the loop
 * ends the leftovers that are still there. */
typedef struct gee_leftover gee_leftover_t;
struct gee_leftover {
    gee_link_t link;
    void (*end)(gee_leftover_t *leftover); /* takes the object out of the list and frees it */
};

typedef struct gee_timers {
    gee_timer_t **heap; /* from index 1 */
    size_t count, capacity;
} gee_timers_t;

struct gee_loop {
    int epoll;
    gee_log_t *log;
    gee_buf_cache_t *buffers;
    int64_t now;
    bool in_pass, without_pwait2;
    bool had_events; /* in the last pass */
    _Atomic(pthread_t) thread;

    /* The events of this pass; events from batch_next on were not handled yet. */
    struct epoll_event batch[GEE_LOOP_BATCH];
    int batch_next, batch_count;

    gee_timers_t timers;

    gee_list_t deferred;
    gee_task_t wake; /* an empty task that the loop posts for itself */
    bool wake_posted;

    /* Tasks of other threads, the newest first; the thread that finds the stack empty writes to the eventfd. */
    _Atomic(gee_link_t *) posted;
    gee_watch_t posted_watch; /* the eventfd */
    bool posted_due;          /* the eventfd was read in this pass */
    atomic_bool stopping, stop_posted;
    gee_task_t stop;

    gee_watch_t signal_watch; /* the signalfd; -1 while there is none */
    void (*caught)(int signal, void *data);
    void *caught_data;

    gee_list_t leftovers;
    gee_list_t stream_options; /* of its streams; stream_options.c */
};

/* timer.c */
void gee_timers_fire(gee_loop_t *loop);
void gee_timers_free(gee_timers_t *timers);

/* loop_tasks.c */
int gee_loop_tasks_open(gee_loop_t *loop, gee_error_t *error);
void gee_loop_tasks_close(gee_loop_t *loop);
void gee_loop_run_posted(gee_loop_t *loop);
void gee_loop_run_deferred(gee_loop_t *loop);

/* loop_signals.c */
void gee_loop_signals_close(gee_loop_t *loop);

static inline void gee_loop_adopt(gee_loop_t *loop, gee_leftover_t *leftover) {
    gee_list_append(&loop->leftovers, &leftover->link);
}

#endif
