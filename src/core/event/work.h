/* work.h: something that may block (a name, a file): done on a thread of the pool, its outcome told on the loop.
 *
 *   loop:    create -> fill memory -> start ------------------------> done(memory) -> clear(memory)
 *   thread:                            '-> run(memory) --posted--'
 *
 * It can be given up at any time, also while run() is running, which cannot be stopped: then the thread finds nobody to
 * tell. The memory has two holders for that, the loop and the thread. */
#ifndef GEE_EVENT_WORK_H
#define GEE_EVENT_WORK_H

#include "core/event/addr.h"
#include "core/event/loop.h"
#include "core/event/thread_pool.h"

typedef struct gee_work gee_work_t;

/* Threads for works; at the end gee_thread_pool_abandon(), as a name that is being looked up would be waited for. */
gee_thread_pool_t *gee_work_threads(gee_error_t *error);

typedef struct gee_work_calls {
    void (*run)(void *memory); /* on a thread; sees the memory and nothing else */
    void (*done)(void *memory,
                 void *data);    /* on the loop, never from inside gee_work_start(); not once it is cancelled */
    void (*clear)(void *memory); /* optional: frees what the memory points to; on any thread */
} gee_work_calls_t;

/* With `size` bytes of memory, zeroed, aligned for any type. `threads` ends after the work was done or cancelled. With `host`,
 * two works at most for the same host name run at once, so that a slow name server of one does not take all threads. Null:
 * out of memory. */
gee_work_t *gee_work_create(gee_loop_t *loop, gee_thread_pool_t *threads, const gee_work_calls_t *calls, size_t size,
                            const gee_addr_t *host, gee_error_t *error);
void *gee_work_memory(gee_work_t *work);
/* Once. It is gone when done() returns. -1: too many wait for the threads already; it is the caller's to cancel. */
int gee_work_start(gee_work_t *work, void *data, gee_error_t *error);
/* Started or not; done() is not called. Not from inside done(). Leaves null; a null *work is allowed. */
void gee_work_cancel(gee_work_t **work);

#endif
