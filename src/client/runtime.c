/* runtime.c: a loop on a thread of its own, with the engine and the resolver thread that its connections share. */
#include "client/client.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define RESOLVING_AT_ONCE  2
#define RESOLUTIONS_QUEUED 1000

struct gee_runtime_thread {
    gee_runtime_t runtime;
    pthread_mutex_t stopping; /* held while the loop is told to stop, which is done by another thread */
};

static void tear_down(struct gee_runtime_thread *self) {
    gee_runtime_t *runtime = &self->runtime;
    gee_thread_pool_destroy(&runtime->threads);
    /* What the pool's threads posted at the last moment lets go of its memory. */
    if (runtime->loop != NULL)
        (void)gee_loop_once(runtime->loop, 0);
    gee_engine_destroy(&runtime->engine);
    gee_loop_destroy(&runtime->loop);
    pthread_mutex_destroy(&self->stopping);
    free(self);
}

static void *run(void *argument) {
    struct gee_runtime_thread *self = argument;
    pthread_setname_np(pthread_self(), "geerpc-client");
    while (gee_loop_run(self->runtime.loop) !=
           0) /* it fails when the application closed descriptors that are not its own */
        nanosleep(&(struct timespec){ .tv_nsec = 100 * GEE_MILLISECOND }, NULL);
    /* Whoever stopped the loop may be inside gee_loop_stop() still. */
    pthread_mutex_lock(&self->stopping);
    pthread_mutex_unlock(&self->stopping);
    tear_down(self);
    return NULL;
}

/* Signals are for the application's threads; but a fault belongs to the thread that makes it. */
static void signals_to_block(sigset_t *signals) {
    static const int faults[] = { SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS };
    sigfillset(signals);
    for (size_t i = 0; i < GEE_LENGTH(faults); i++)
        sigdelset(signals, faults[i]);
}

static int start_thread(struct gee_runtime_thread *self, gee_error_t *error) {
    sigset_t blocked, before;
    signals_to_block(&blocked);
    pthread_sigmask(SIG_SETMASK, &blocked, &before); /* a new thread has its creator's mask */
    int failure = pthread_create(&self->runtime.thread, NULL, run, self);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (failure != 0)
        return gee_error_set(error, GEE_RESOURCE_EXHAUSTED, "cannot start the client's thread: %s", strerror(failure));
    return 0;
}

gee_runtime_t *gee_runtime_create(const gee_limits_t *limits, const gee_timeouts_t *timeouts, gee_error_t *error) {
    struct gee_runtime_thread *self = calloc(1, sizeof(*self));
    if (self == NULL || pthread_mutex_init(&self->stopping, NULL) != 0) {
        free(self);
        gee_error_set(error, GEE_RESOURCE_EXHAUSTED, "out of memory");
        return NULL;
    }
    gee_runtime_t *runtime = &self->runtime;
    runtime->loop = gee_loop_create(NULL, error);
    if (runtime->loop == NULL)
        goto fail;
    runtime->threads = gee_thread_pool_create(RESOLVING_AT_ONCE, RESOLUTIONS_QUEUED, error);
    if (runtime->threads == NULL)
        goto fail;
    gee_engine_options_t options = {
        .loop = runtime->loop,
        .modules = gee_modules,
        .limits = *limits,
        .timeouts = *timeouts,
        .threads = runtime->threads,
    };
    runtime->engine = gee_engine_create(&options, error);
    if (runtime->engine == NULL || start_thread(self, error) != 0)
        goto fail;
    return runtime;
fail:
    tear_down(self);
    return NULL;
}

void gee_runtime_destroy(gee_runtime_t **handle) {
    if (*handle == NULL)
        return;
    struct gee_runtime_thread *self = GEE_CONTAINER(*handle, struct gee_runtime_thread, runtime);
    *handle = NULL;
    pthread_t thread = self->runtime.thread;
    /* A name that is being looked up cannot be given up, and may take long: nobody waits for that. */
    bool wait = !self->runtime.resolution_abandoned || gee_thread_pool_running(self->runtime.threads) == 0;
    if (!wait)
        pthread_detach(thread);
    pthread_mutex_lock(&self->stopping);
    gee_loop_stop(self->runtime.loop);
    pthread_mutex_unlock(&self->stopping);
    if (wait)
        pthread_join(thread, NULL);
}
