/* thread_pool.c: threads that take jobs from one bounded queue.
 *
 *   submit -> [ waiting, at most `queue` more than there are free threads ] -> a thread -> run()
 *
 * One mutex guards everything. A job's memory is not touched once its run() was called, as run() may free the job:
 * the key of a running job is kept with the thread. */
#include "core/event/thread_pool.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SAME_KEY_AT_ONCE 2

typedef struct pool_thread {
    gee_thread_pool_t *pool;
    pthread_t handle;
    uint64_t key; /* of the job that runs; 0: none, or a job without a key */
} pool_thread_t;

struct gee_thread_pool {
    pthread_mutex_t mutex;
    pthread_cond_t work; /* a job waits, or the pool stops */
    gee_list_t jobs;
    size_t waiting, running, idle, queue;
    unsigned limit, started, alive; /* threads: the most there may be, started so far, not ended yet */
    bool stopping;
    bool abandoned;      /* the last thread frees the pool */
    void (*enter)(void); /* by each thread, first and last; null: nothing */
    void (*leave)(void);
    pool_thread_t threads[];
};

gee_thread_pool_t *gee_thread_pool_create(unsigned threads, size_t queue, gee_error_t *error) {
    if (threads == 0) {
        gee_error_set(error, GEE_INVALID_ARGUMENT, "thread pool: needs at least one thread");
        return NULL;
    }
    gee_thread_pool_t *pool = calloc(1, sizeof(*pool) + threads * sizeof(pool->threads[0]));
    if (!pool) {
        gee_error_set(error, GEE_RESOURCE_EXHAUSTED, "thread pool: out of memory");
        return NULL;
    }
    pool->limit = threads;
    pool->queue = queue;
    gee_list_init(&pool->jobs);
    int trouble = pthread_mutex_init(&pool->mutex, NULL);
    if (trouble != 0)
        goto no_mutex;
    trouble = pthread_cond_init(&pool->work, NULL);
    if (trouble != 0)
        goto no_condition;
    return pool;
no_condition:
    pthread_mutex_destroy(&pool->mutex);
no_mutex:
    gee_error_set(error, GEE_RESOURCE_EXHAUSTED, "thread pool: %s", strerror(trouble));
    free(pool);
    return NULL;
}

static void free_pool(gee_thread_pool_t *pool) {
    pthread_cond_destroy(&pool->work);
    pthread_mutex_destroy(&pool->mutex);
    free(pool);
}

static bool may_run(const gee_thread_pool_t *pool, uint64_t key) {
    unsigned running = 0;
    for (unsigned i = 0; i < pool->started && key != 0; i++)
        running += pool->threads[i].key == key;
    return running < SAME_KEY_AT_ONCE;
}

/* The oldest job that may run now; null: none. With the mutex held. */
static gee_job_t *take_job(gee_thread_pool_t *pool) {
    GEE_LIST_EACH(&pool->jobs, link) {
        gee_job_t *job = GEE_CONTAINER(link, gee_job_t, link);
        if (!may_run(pool, job->key))
            continue;
        gee_list_remove(&job->link);
        pool->waiting--;
        return job;
    }
    return NULL;
}

/* With the mutex held. Null: the pool stops. */
static gee_job_t *wait_for_job(gee_thread_pool_t *pool) {
    gee_job_t *job = NULL;
    while (!pool->stopping && (job = take_job(pool)) == NULL) {
        pool->idle++;
        pthread_cond_wait(&pool->work, &pool->mutex);
        pool->idle--;
    }
    return job;
}

static void *work(void *argument) {
    pool_thread_t *thread = argument;
    gee_thread_pool_t *pool = thread->pool;
    gee_job_t *job;
    if (pool->enter)
        pool->enter();
    pthread_mutex_lock(&pool->mutex);
    while ((job = wait_for_job(pool)) != NULL) {
        thread->key = job->key;
        pool->running++;
        pthread_mutex_unlock(&pool->mutex);
        job->run(job);
        pthread_mutex_lock(&pool->mutex);
        pool->running--;
        thread->key = 0;
    }
    void (*leave)(void) = pool->leave;
    bool last = --pool->alive == 0 && pool->abandoned;
    pthread_mutex_unlock(&pool->mutex); /* from here on the pool may be gone */
    if (leave)
        leave();
    if (last)
        free_pool(pool);
    return NULL;
}

void gee_thread_pool_set_hooks(gee_thread_pool_t *pool, void (*enter)(void), void (*leave)(void)) {
    GEE_ASSERT(pool->started == 0);
    pool->enter = enter;
    pool->leave = leave;
}

/* Signals are for the loops' threads. Faults are not blocked: a blocked fault would end the process without the
 * report of a sanitizer or a crash handler. */
static void block_signals(sigset_t *before) {
    sigset_t all;
    sigfillset(&all);
    static const int faults[] = { SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS };
    for (size_t i = 0; i < GEE_LENGTH(faults); i++)
        sigdelset(&all, faults[i]);
    pthread_sigmask(SIG_SETMASK, &all, before);
}

/* With the mutex held. When no thread can be started the pool goes on with the threads that it has, and tries again
 * with the next job. */
static void start_thread(gee_thread_pool_t *pool) {
    sigset_t before;
    block_signals(&before); /* a new thread has its creator's mask */
    pool_thread_t *thread = &pool->threads[pool->started];
    thread->pool = pool;
    int trouble = pthread_create(&thread->handle, NULL, work, thread);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (trouble != 0)
        return;
    char name[32];
    snprintf(name, sizeof(name), "geerpc-pool-%u", pool->started);
    name[15] = '\0'; /* the kernel's limit */
    pthread_setname_np(thread->handle, name);
    pool->started++;
    pool->alive++;
}

bool gee_thread_pool_submit(gee_thread_pool_t *pool, gee_job_t *job) {
    bool taken = false;
    pthread_mutex_lock(&pool->mutex);
    size_t not_busy = pool->running < pool->limit ? pool->limit - pool->running : 0;
    if (pool->stopping || (pool->waiting >= not_busy && pool->waiting - not_busy >= pool->queue))
        goto done;
    if (pool->waiting >= pool->idle && pool->started < pool->limit)
        start_thread(pool);
    if (pool->started == 0)
        goto done;
    gee_list_append(&pool->jobs, &job->link);
    pool->waiting++;
    taken = true;
    pthread_cond_signal(&pool->work);
done:
    pthread_mutex_unlock(&pool->mutex);
    return taken;
}

bool gee_thread_pool_cancel(gee_thread_pool_t *pool, gee_job_t *job) {
    pthread_mutex_lock(&pool->mutex);
    bool waited = gee_link_in_list(&job->link);
    if (waited) {
        gee_list_remove(&job->link);
        pool->waiting--;
    }
    pthread_mutex_unlock(&pool->mutex);
    return waited;
}

size_t gee_thread_pool_waiting(gee_thread_pool_t *pool) {
    pthread_mutex_lock(&pool->mutex);
    size_t count = pool->waiting;
    pthread_mutex_unlock(&pool->mutex);
    return count;
}

size_t gee_thread_pool_running(gee_thread_pool_t *pool) {
    pthread_mutex_lock(&pool->mutex);
    size_t count = pool->running;
    pthread_mutex_unlock(&pool->mutex);
    return count;
}

/* ---- the end ---- */

/* With the mutex held. */
static void stop_pool(gee_thread_pool_t *pool) {
    pool->stopping = true;
    while (gee_list_pop(&pool->jobs))
        pool->waiting--;
    pthread_cond_broadcast(&pool->work);
}

static void end_pool(gee_thread_pool_t *pool, bool wait) {
    pthread_mutex_lock(&pool->mutex);
    stop_pool(pool);
    unsigned started = pool->started;
    bool abandoned = pool->abandoned = !wait && pool->running > 0;
    for (unsigned i = 0; abandoned && i < started; i++)
        pthread_detach(pool->threads[i].handle);
    pthread_mutex_unlock(&pool->mutex);
    if (abandoned)
        return; /* the pool may be gone already */
    for (unsigned i = 0; i < started; i++)
        pthread_join(pool->threads[i].handle, NULL);
    free_pool(pool);
}

void gee_thread_pool_destroy(gee_thread_pool_t **slot) {
    gee_thread_pool_t *pool = *slot;
    *slot = NULL;
    if (pool)
        end_pool(pool, true);
}

void gee_thread_pool_abandon(gee_thread_pool_t **slot) {
    gee_thread_pool_t *pool = *slot;
    *slot = NULL;
    if (pool)
        end_pool(pool, false);
}
