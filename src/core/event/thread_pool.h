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

/* Memory of the caller's, which must stay valid until run() is called or gee_thread_pool_cancel() has returned true. */
struct gee_job {
    gee_link_t link;
    void (*run)(gee_job_t *job); /* on a thread of the pool, all signals blocked */
    /* At most two jobs of the same key run at once: jobs that may all be slow for one reason (a name server that does
     * not answer) leave threads to the others. 0: any number. */
    uint64_t key;
};

/* Threads are started as jobs need them, at most `threads`. `queue`: jobs that may wait. */
gee_thread_pool_t *gee_thread_pool_create(unsigned threads, size_t queue, gee_error_t *error);
/* Forgets waiting jobs, and waits for running jobs. Leaves null. */
void gee_thread_pool_destroy(gee_thread_pool_t **pool);
/* The same without waiting for running jobs (a look-up of a name cannot be stopped): their threads end by themselves,
 * and the last frees the pool. The program's code must stay in memory until then. */
void gee_thread_pool_abandon(gee_thread_pool_t **pool);
/* Each thread calls `enter` before its first job and `leave` after its last. Precondition: no job was submitted yet. */
void gee_thread_pool_set_hooks(gee_thread_pool_t *pool, void (*enter)(void), void (*leave)(void));

/* False when the queue is full (or no thread could be started). */
bool gee_thread_pool_submit(gee_thread_pool_t *pool, gee_job_t *job);
/* True: the job was still waiting and will not run. False: the job runs or has run. */
bool gee_thread_pool_cancel(gee_thread_pool_t *pool, gee_job_t *job);
size_t gee_thread_pool_waiting(gee_thread_pool_t *pool);
size_t gee_thread_pool_running(gee_thread_pool_t *pool);

#endif
