/* thread_pool.h: a fixed number of threads and a bounded queue, for work that may block. */
#ifndef GEE_EVENT_THREAD_POOL_H
#define GEE_EVENT_THREAD_POOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/error.h"
#include "core/base/list.h"

typedef struct gee_thread_pool gee_thread_pool_t;
typedef struct gee_job gee_job_t;

/* The memory is the caller's and stays valid until run() has returned or gee_thread_pool_cancel() said true. */
struct gee_job {
    gee_link_t link;
    void (*run)(gee_job_t *job); /* on a thread of the pool, all signals blocked */
    /* Of jobs that may all be slow for one reason (a name server that does not answer): at most two of the same key run at
     * once, so that the others find threads. 0: any number. */
    uint64_t key;
};

/* Threads are started with the first job, all `threads` of them as they are needed. `queue`: jobs that may wait. */
gee_thread_pool_t *gee_thread_pool_create(unsigned threads, size_t queue, gee_error_t *error);
/* Jobs that wait are forgotten; waits for those that run. Leaves null. */
void gee_thread_pool_destroy(gee_thread_pool_t **pool);
/* The same without waiting for jobs that run (a name that is being looked up cannot be given up): their threads end by themselves
 * and free what is left. The program's code must stay in memory for so long. */
void gee_thread_pool_abandon(gee_thread_pool_t **pool);
/* Each thread calls `enter` before its first job and `leave` after its last. To be set before the first job. */
void gee_thread_pool_set_hooks(gee_thread_pool_t *pool, void (*enter)(void), void (*leave)(void));

/* False when the queue is full (or no thread could be started). */
bool gee_thread_pool_submit(gee_thread_pool_t *pool, gee_job_t *job);
/* True: it was still waiting and will not run. False: it runs or has run. */
bool gee_thread_pool_cancel(gee_thread_pool_t *pool, gee_job_t *job);
size_t gee_thread_pool_waiting(gee_thread_pool_t *pool);
size_t gee_thread_pool_running(gee_thread_pool_t *pool);

#endif
