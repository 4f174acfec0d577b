/* thread_pool.c: threads that take jobs from one bounded queue.
 *
 *   submit -> [ waiting, at most `queue` more than there are free threads ] -> a thread -> run()
 *
 * One mutex guards everything; a job's memory is not touched once its run() was called, as run() may free it. */
#include "core/event/thread_pool.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct gee_thread_pool {
    pthread_mutex_t mutex;
    pthread_cond_t work; /* a job waits, or the pool stops */
    gee_list_t jobs;
    size_t waiting, running, idle, queue;
    unsigned limit, started; /* threads: at most, so far */
    bool stopping;
    void (*enter)(void); /* by each thread, first and last; null: nothing */
    void (*leave)(void);
    pthread_t threads[];
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

static void *work(void *argument) {
    gee_thread_pool_t *pool = argument;
    if (pool->enter)
        pool->enter();
    pthread_mutex_lock(&pool->mutex);
    for (;;) {
        while (gee_list_empty(&pool->jobs) && !pool->stopping) {
            pool->idle++;
            pthread_cond_wait(&pool->work, &pool->mutex);
            pool->idle--;
        }
        if (pool->stopping)
            break;
        gee_job_t *job = GEE_CONTAINER(gee_list_pop(&pool->jobs), gee_job_t, link);
        pool->waiting--;
        pool->running++;
        pthread_mutex_unlock(&pool->mutex);
        job->run(job);
        pthread_mutex_lock(&pool->mutex);
        pool->running--;
    }
    pthread_mutex_unlock(&pool->mutex);
    if (pool->leave)
        pool->leave();
    return NULL;
}

void gee_thread_pool_set_hooks(gee_thread_pool_t *pool, void (*enter)(void), void (*leave)(void)) {
    pool->enter = enter;
    pool->leave = leave;
}

/* Signals are for the loops' threads. Faults are not blocked: they belong to the thread that makes them, and blocked
 * they would end the process without the report of a sanitizer or a crash handler. */
static void block_signals(sigset_t *before) {
    sigset_t all;
    sigfillset(&all);
    static const int faults[] = { SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS };
    for (size_t i = 0; i < GEE_LENGTH(faults); i++)
        sigdelset(&all, faults[i]);
    pthread_sigmask(SIG_SETMASK, &all, before);
}

/* With the mutex held. When no thread can be started the pool goes on with those that it has, and tries again with the
 * next job. */
static void start_thread(gee_thread_pool_t *pool) {
    sigset_t before;
    block_signals(&before); /* a new thread has its creator's mask */
    pthread_t *thread = &pool->threads[pool->started];
    int trouble = pthread_create(thread, NULL, work, pool);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (trouble != 0)
        return;
    char name[32];
    snprintf(name, sizeof(name), "geerpc-pool-%u", pool->started);
    name[15] = '\0'; /* the kernel's limit */
    pthread_setname_np(*thread, name);
    pool->started++;
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

void gee_thread_pool_destroy(gee_thread_pool_t **slot) {
    gee_thread_pool_t *pool = *slot;
    *slot = NULL;
    if (!pool)
        return;
    pthread_mutex_lock(&pool->mutex);
    pool->stopping = true;
    while (gee_list_pop(&pool->jobs))
        pool->waiting--;
    pthread_cond_broadcast(&pool->work);
    unsigned started = pool->started;
    pthread_mutex_unlock(&pool->mutex);
    for (unsigned i = 0; i < started; i++)
        pthread_join(pool->threads[i], NULL);
    pthread_cond_destroy(&pool->work);
    pthread_mutex_destroy(&pool->mutex);
    free(pool);
}
