/* work.c: a job for the thread pool whose outcome comes back to the loop, unless the job was cancelled. */
#include "core/event/work.h"

#include <pthread.h>
#include <stdalign.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/defs.h"
#include "core/base/hash.h"
#include "core/event/loop_private.h"

/* Most programs never have more than one of these threads: a thread is started only when all others are busy. */
#define THREADS 16
#define WAITING 1000

struct gee_work {
    gee_job_t job;
    gee_task_t posted_task; /* to the loop */
    gee_loop_t *loop;
    gee_thread_pool_t *threads;
    gee_work_calls_t calls;
    void *data;
    bool started;

    pthread_mutex_t mutex; /* guards the members that the other thread looks at */
    bool cancelled;        /* written on the loop's thread */
    bool posted;
    atomic_int holders;
    gee_leftover_t leftover; /* of a work that was cancelled after its task was posted, before the task has run */
    alignas(max_align_t) unsigned char memory[];
};

gee_thread_pool_t *gee_work_threads(gee_error_t *error) {
    return gee_thread_pool_create(THREADS, WAITING, error);
}

static void release_work(gee_work_t *work) {
    if (atomic_fetch_sub(&work->holders, 1) != 1)
        return;
    if (work->calls.clear)
        work->calls.clear(work->memory);
    pthread_mutex_destroy(&work->mutex);
    free(work);
}

static void run_on_thread(gee_job_t *job) {
    gee_work_t *work = GEE_CONTAINER(job, gee_work_t, job);
    work->calls.run(work->memory);
    pthread_mutex_lock(&work->mutex);
    if (!work->cancelled) {
        work->posted = true;
        gee_loop_post(work->loop, &work->posted_task);
    }
    pthread_mutex_unlock(&work->mutex);
    release_work(work);
}

static void run_posted(gee_task_t *task) {
    gee_work_t *work = GEE_CONTAINER(task, gee_work_t, posted_task);
    gee_list_remove(&work->leftover.link);
    if (!work->cancelled)
        work->calls.done(work->memory, work->data);
    release_work(work);
}

static void left_over(gee_leftover_t *leftover) {
    gee_list_remove(&leftover->link);
    release_work(GEE_CONTAINER(leftover, gee_work_t, leftover));
}

/* Never 0. Two names with the same key only wait for each other. */
static uint64_t key_of(const gee_addr_t *addr) {
    static const uint64_t any[2] = { 0 };
    char host[256];
    uint16_t port;
    if (gee_addr_host_port(addr, host, &port, NULL) != 0)
        return gee_siphash(any, addr->place, strlen(addr->place)) | 1;
    return gee_siphash(any, host, strlen(host)) | 1;
}

gee_work_t *gee_work_create(gee_loop_t *loop, gee_thread_pool_t *threads, const gee_work_calls_t *calls, size_t size,
                            const gee_addr_t *host, gee_error_t *error) {
    gee_work_t *work = calloc(1, sizeof(*work) + size);
    if (!work || pthread_mutex_init(&work->mutex, NULL) != 0) {
        free(work);
        gee_error_set(error, GEE_RESOURCE_EXHAUSTED, "out of memory");
        return NULL;
    }
    work->job.run = run_on_thread;
    work->job.key = host ? key_of(host) : 0;
    work->posted_task.run = run_posted;
    work->leftover.end = left_over;
    work->loop = loop;
    work->threads = threads;
    work->calls = *calls;
    atomic_init(&work->holders, 1);
    return work;
}

void *gee_work_memory(gee_work_t *work) {
    return work->memory;
}

int gee_work_start(gee_work_t *work, void *data, gee_error_t *error) {
    GEE_ASSERT(!work->started && !work->cancelled);
    work->data = data;
    work->started = true;
    atomic_store(&work->holders, 2);
    if (gee_thread_pool_submit(work->threads, &work->job))
        return 0;
    work->started = false;
    atomic_store(&work->holders, 1);
    return gee_error_set(error, GEE_RESOURCE_EXHAUSTED, "too many jobs wait for the threads already");
}

/* After this the thread does not touch the loop any more. */
void gee_work_cancel(gee_work_t **slot) {
    gee_work_t *work = *slot;
    *slot = NULL;
    if (!work)
        return;
    bool waited = work->started && gee_thread_pool_cancel(work->threads, &work->job);
    pthread_mutex_lock(&work->mutex);
    work->cancelled = true;
    bool posted = work->posted;
    pthread_mutex_unlock(&work->mutex);
    if (waited)
        release_work(work); /* the reference of the thread, which will not run */
    if (posted)
        gee_loop_adopt(work->loop, &work->leftover); /* until the posted task has run, or the loop has ended */
    else
        release_work(work);
}
