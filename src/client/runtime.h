/* runtime.h: the thread on which the library works, and waiting for what happens there.
 *
 *   background:  program's threads -- post --> a thread of the runtime: gee_loop_run(), callbacks
 *   manual:      program's threads -- post --> a thread in gee_runtime_process(), or one that waits: gee_loop_once(),
 *                                              callbacks
 *
 * "The loop's thread" means the thread that works at the moment. Functions marked "Loop" run on that thread. */
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
    atomic_uint references; /* one each of the loop and of every pending; pendings may outlive the loop */
    pid_t process;          /* that made the runtime */
    char *birthmark;        /* a byte that the kernel sets to zero in a child; null: this kernel does not */
    gee_runtime_mode_t mode;
    gee_loop_t *loop;
    gee_thread_pool_t *resolver;
    pthread_t thread; /* background */

    /* Owned by the loop's thread. */
    unsigned closing; /* callers between the beginning and the end of their close */
    bool stopping;
    gee_task_t stop_task;

    /* The loop's thread, which sets both: `worker` is valid while `working`. */
    atomic_bool working;
    _Atomic(pthread_t) worker;

    /* Manual. */
    pthread_mutex_t turn; /* guards `working` */
    pthread_cond_t stepped_down;
    gee_watch_t alarm; /* a timerfd that makes the descriptor readable when a timer is due */
    bool alarm_set;
};

/* A word that gee_runtime_await() can wait for; the other bits belong to the owner of the word. */
#define GEE_ENDED   1u
#define GEE_AWAITED 2u /* a thread waits for GEE_ENDED */

void gee_runtime_hold(gee_runtime_t *runtime);
void gee_runtime_release(gee_runtime_t *runtime);

/* Is the calling thread the loop's thread, hence perhaps inside a callback? */
bool gee_runtime_inside(const gee_runtime_t *runtime);
/* May the calling thread use the runtime, and, with `waits`, wait for it? -1: no, as the process is a child of the
 * process that made the runtime, or as the thread is inside a callback. */
int gee_runtime_check(const gee_runtime_t *runtime, bool waits, gee_error_t *error);

/* A caller begins to use the runtime; the program has closed that caller, and may destroy the runtime from then on. */
void gee_runtime_enter(gee_runtime_t *runtime);
void gee_runtime_left(gee_runtime_t *runtime);

/* Loop: the close of a caller begins, and ends. The loop does not stop in between. */
void gee_runtime_close_begins(gee_runtime_t *runtime);
void gee_runtime_close_ends(gee_runtime_t *runtime);

/* Any thread: hands a task to the loop. */
void gee_runtime_post(gee_runtime_t *runtime, gee_task_t *task);
/* Precondition: not on the loop's thread. Waits until gee_runtime_ended(word) or until `deadline_ns` (INT64_MAX: none).
 * A manual runtime works meanwhile. True: the word has GEE_ENDED. */
bool gee_runtime_await(gee_runtime_t *runtime, atomic_uint *word, int64_t deadline_ns);
/* Any thread: sets GEE_ENDED and wakes a waiter, for a word that its waiter clears before waiting again. True: the word
 * did not have GEE_ENDED. */
bool gee_runtime_signal(atomic_uint *word);
/* Loop, once a word: sets GEE_ENDED and wakes the waiters, which may free the memory of the word before this function
 * returns. Returns the word as it was before. */
unsigned gee_runtime_ended(atomic_uint *word);

#endif
