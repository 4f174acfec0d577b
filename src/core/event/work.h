/* work.h: a function that may block (a name, a file): it runs on a thread of the pool, and the loop hears of its
 * outcome.
 *
 *   loop:    create -> fill memory -> start ------------------------> done(memory) -> clear(memory)
 *   thread:                            '-> run(memory) --posted--'
 *
 * A work can be cancelled at any time, also while run() is running, which cannot be stopped: done() is then not
 * called. The loop and the thread each hold a reference to the memory. */
#ifndef GEE_EVENT_WORK_H
#define GEE_EVENT_WORK_H

#include "core/event/addr.h"
#include "core/event/loop.h"
#include "core/event/thread_pool.h"

typedef struct gee_work gee_work_t;

/* Threads for works. Ended by gee_thread_pool_abandon(), as destroying the pool would wait for a name that is looked
 * up. */
gee_thread_pool_t *gee_work_threads(gee_error_t *error);

typedef struct gee_work_calls {
    void (*run)(void *memory); /* on a thread; sees the memory and nothing else */
    void (*done)(void *memory,
                 void *data);    /* on the loop, never from inside gee_work_start(); not after gee_work_cancel() */
    void (*clear)(void *memory); /* optional: frees what the memory points to; on any thread */
} gee_work_calls_t;

/* With `size` bytes of memory, zeroed, aligned for any type. `threads` outlives the work. With `host`, at most two
 * works for the same host name run at once, so that a slow name server does not take all threads. Null: out of
 * memory. */
gee_work_t *gee_work_create(gee_loop_t *loop, gee_thread_pool_t *threads, const gee_work_calls_t *calls, size_t size,
                            const gee_addr_t *host, gee_error_t *error);
void *gee_work_memory(gee_work_t *work);
/* Precondition: not started yet. The work is gone when done() returns. -1: too many jobs wait for the threads
 * already; the caller cancels the work. */
int gee_work_start(gee_work_t *work, void *data, gee_error_t *error);
/* Started or not; done() is not called. Must not be called from inside done(). Leaves null; a null *work is allowed. */
void gee_work_cancel(gee_work_t **work);

#endif
