/* runtime.h: the thread on which the library works, and waiting for what happens there.
 *
 *   background:  program's threads -- post --> a thread of the runtime: gee_loop_run(), callbacks
 *   manual:      program's threads -- post --> whoever is in gee_runtime_process(), or waits: gee_loop_once(), callbacks
 *
 * "The loop's thread" is, in what follows, the one that does the work at that moment. */
#ifndef GEE_CLIENT_RUNTIME_H
#define GEE_CLIENT_RUNTIME_H

#include <pthread.h>
#include <stdatomic.h>
#include <sys/types.h>

#include "client/geerpc.h"
#include "core/event/loop.h"
#include "core/event/thread_pool.h"

struct gee_runtime {
    atomic_uint users;      /* clients that are not closed */
    atomic_uint references; /* the program's, the thread's, one for each pending: it outlives its loop for those */
    pid_t process;          /* that made it */
    char *birthmark;        /* not zero but in a child, whose kernel has wiped the page; null: it does not do that */
    gee_runtime_mode_t mode;
    gee_loop_t *loop;
    gee_thread_pool_t *resolver;
    pthread_t thread; /* background */

    /* The loop's own. */
    unsigned closing; /* callers that have begun to close and are not through */
    bool stopping;
    gee_task_t stop_task;

    /* Who is the loop's thread: `worker` means something while `working`. Written by that thread itself. */
    atomic_bool working;
    _Atomic(pthread_t) worker;

    /* Manual. */
    pthread_mutex_t turn; /* guards `working` */
    pthread_cond_t stepped_down;
    gee_watch_t alarm; /* a timerfd that makes the descriptor readable when a timer is due */
    bool alarm_set;
};

/* A word that gee_runtime_await() can wait for; other bits of it are its owner's. */
#define GEE_ENDED   1u
#define GEE_AWAITED 2u /* somebody waits for the first */

void gee_runtime_hold(gee_runtime_t *runtime);
void gee_runtime_release(gee_runtime_t *runtime);

/* Is the caller inside a callback of this runtime (or of the library's own on it)? */
bool gee_runtime_inside(const gee_runtime_t *runtime);
/* May this thread use it, and, with `waits`, wait for it? -1: in a child of the process that made it; inside a callback. */
int gee_runtime_check(const gee_runtime_t *runtime, bool waits, gee_error_t *error);

/* A caller is made on the runtime; and has been closed by its program, which may destroy the runtime from then on. */
void gee_runtime_enter(gee_runtime_t *runtime);
void gee_runtime_left(gee_runtime_t *runtime);

/* Loop: a caller begins to close, and is through. The loop does not end between. */
void gee_runtime_close_begins(gee_runtime_t *runtime);
void gee_runtime_close_ends(gee_runtime_t *runtime);

/* Any thread: hands a task to the loop. */
void gee_runtime_post(gee_runtime_t *runtime, gee_task_t *task);
/* Not from inside: until gee_runtime_ended(word), or the time is over (deadline_ns INT64_MAX: none). True: it has ended. A
 * manual runtime is processed meanwhile. */
bool gee_runtime_await(gee_runtime_t *runtime, atomic_uint *word, int64_t deadline_ns);
/* Loop: sets GEE_ENDED and wakes those who wait; the word's memory may be gone when it returns. The word as it was. */
unsigned gee_runtime_ended(atomic_uint *word);

#endif
