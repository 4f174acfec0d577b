/* loop.h: the epoll loop: descriptors, timers, work at the end of a pass, work from other threads.
 *
 *   epoll_wait -> watches fire -> timers fire -> posted tasks -> deferred tasks (flush of every stream) -> epoll_wait
 *
 * One thread runs a loop; only gee_loop_post() and gee_loop_stop() may be called from others. The structures belong to
 * the caller and are linked in, so nothing is allocated per watch or timer. Callbacks must not block. */
#ifndef GEE_EVENT_LOOP_H
#define GEE_EVENT_LOOP_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/epoll.h>

#include "core/base/buf.h"
#include "core/base/error.h"
#include "core/base/list.h"
#include "core/base/log.h"

typedef struct gee_loop gee_loop_t;

/* `log` may be null and must outlive the loop. */
gee_loop_t *gee_loop_create(gee_log_t *log, gee_error_t *error);
/* Precondition: no pass is on the stack, nothing is watched, and no timer runs. Tasks that were posted and not run are
 * forgotten; streams that are still closing (gee_stream_close) are cut. */
void gee_loop_destroy(gee_loop_t **loop);
/* Are there streams that were closed and are still writing their last bytes, or waiting for their peer's end? A
 * program that stops in good order runs the loop until there are none, or its patience is over. */
bool gee_loop_lingering(const gee_loop_t *loop);
/* Runs until gee_loop_stop(). 0, or -1 when epoll itself failed. */
int gee_loop_run(gee_loop_t *loop);
/* One pass; waits at most `max_wait_ns` (0: not at all; -1: as long as timers allow). 0 or -1 (epoll failed, or the
 * call came from inside a pass). */
int gee_loop_once(gee_loop_t *loop, int64_t max_wait_ns);
/* Has the last pass found ready descriptors? Then more may be ready. */
bool gee_loop_had_events(const gee_loop_t *loop);
void gee_loop_stop(gee_loop_t *loop); /* any thread; gee_loop_run returns after the pass */
/* For a caller that has a loop of its own: readable when a pass has work to do; gee_loop_next_timer() says how long
 * to wait for timers. */
int gee_loop_descriptor(const gee_loop_t *loop);
int64_t gee_loop_next_timer(const gee_loop_t *loop); /* nanoseconds from now, 0 when due, -1 when there is none */

/* Monotonic time, read once a pass, after its wait; between passes the time of the call. */
int64_t gee_loop_now(const gee_loop_t *loop);
gee_buf_cache_t *gee_loop_buffers(const gee_loop_t *loop); /* everything on the loop takes its buffers here */
bool gee_loop_on_thread(const gee_loop_t *loop); /* is the caller the thread that runs (or last ran) the loop */

/* ---- descriptors (level-triggered) ---- */
typedef struct gee_watch gee_watch_t;
struct gee_watch {
    int descriptor;  /* the caller's; unwatch before closing the descriptor */
    uint32_t events; /* EPOLLIN | EPOLLOUT | EPOLLEXCLUSIVE as asked for; 0 while not watched */
    void (*ready)(gee_watch_t *watch, uint32_t events);
};
int gee_loop_watch(gee_loop_t *loop, gee_watch_t *watch, uint32_t events, gee_error_t *error);
/* No system call when nothing changes. 0 unwatches; a watch that is not watched is watched. EPOLLET alone: only
 * errors and hang-ups are reported, once each. */
void gee_loop_rewatch(gee_loop_t *loop, gee_watch_t *watch, uint32_t events);
/* After this `ready` is not called any more, not even for events of this pass. Allowed when nothing is watched. */
void gee_loop_unwatch(gee_loop_t *loop, gee_watch_t *watch);

/* ---- timers ---- */
typedef struct gee_timer gee_timer_t;
struct gee_timer {
    void (*fire)(gee_timer_t *timer);
    int64_t deadline; /* of gee_loop_now()'s clock */
    size_t position;  /* in the heap, counted from 1; 0 while not started */
};
/* (Re)starts: fires once when the clock has reached `deadline`. Never early. -1: out of memory. */
int gee_timer_start_at(gee_loop_t *loop, gee_timer_t *timer, int64_t deadline);
int gee_timer_start(gee_loop_t *loop, gee_timer_t *timer, int64_t delay_ns); /* from gee_loop_now() */
void gee_timer_stop(gee_loop_t *loop, gee_timer_t *timer);                   /* allowed when not started */
static inline bool gee_timer_started(const gee_timer_t *timer) {
    return timer->position != 0;
}

/* ---- tasks ---- */
typedef struct gee_task gee_task_t;
struct gee_task {
    gee_link_t link;
    void (*run)(gee_task_t *task);
};
/* Runs the task at the end of this pass, before the loop sleeps; tasks deferred by deferred tasks run in the same pass.
 * Allowed when the task is deferred already: it runs once. */
void gee_loop_defer(gee_loop_t *loop, gee_task_t *task);
void gee_loop_undefer(gee_task_t *task);
/* Any thread: the task runs on the loop's thread soon. Precondition: the task is neither posted nor deferred. One
 * eventfd write wakes the loop for any number of tasks. */
void gee_loop_post(gee_loop_t *loop, gee_task_t *task);

/* ---- signals ---- */
/* Blocks the signals for the calling thread and reads them by signalfd. Precondition: the loop reads no signals yet. */
int gee_loop_signals(gee_loop_t *loop, const int *signals, size_t count, void (*caught)(int signal, void *data),
                     void *data, gee_error_t *error);

#endif
