/* dial.c: from an address to a stream, step by step.
 *
 *   start -> resolve (here, or as a job on a thread) -> connect to candidate 1, 2, ... -> the transport's layer shakes
 *   hands -> stream, or the last reason
 *
 * The job has memory of its own with two holders, dial and thread: a dial can be cancelled while getaddrinfo() still
 * runs, and the thread then finds nobody to tell. */
#include "core/event/dial.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "core/event/loop_private.h"

#define CANDIDATES    16
#define LEAST_ATTEMPT GEE_SECOND /* a candidate's share of the time, if there is as much */

typedef struct candidates {
    gee_sockaddr_t list[CANDIDATES];
    size_t count;
} candidates_t;

typedef struct resolve_job {
    gee_job_t job;
    gee_task_t done; /* posted to the loop */
    gee_loop_t *loop;
    const gee_transport_t *transport;
    gee_addr_t addr;
    candidates_t found;
    int outcome;
    gee_error_t error;

    pthread_mutex_t mutex; /* guards the two flags */
    bool cancelled, posted;
    atomic_int holders;
    gee_dial_t *dial;        /* the loop's thread only; null once cancelled */
    gee_leftover_t leftover; /* cancelled between posted and run */
} resolve_job_t;

struct gee_dial {
    gee_loop_t *loop;
    gee_thread_pool_t *threads;
    const gee_transport_t *transport;
    gee_addr_t addr;
    gee_stream_options_t options;
    gee_dialled_t dialled;
    void *data;
    int64_t started, timeout;

    gee_task_t first_step;
    resolve_job_t *job; /* while a thread resolves */
    candidates_t candidates;
    size_t next;          /* the candidate after the one that is being tried */
    gee_watch_t watch;    /* the socket that is connecting; -1: none */
    gee_timer_t timer;    /* the end of the attempt, or of it all */
    gee_stream_t *stream; /* while its layer shakes hands */
    gee_phase_t phase;
    gee_error_t error; /* the last reason */
};

/* ---- the job ---- */

static void job_release(resolve_job_t *job) {
    if (atomic_fetch_sub(&job->holders, 1) != 1)
        return;
    pthread_mutex_destroy(&job->mutex);
    free(job);
}

static void resolve_on_thread(gee_job_t *base) {
    resolve_job_t *job = GEE_CONTAINER(base, resolve_job_t, job);
    job->outcome = job->transport->resolve(&job->addr, job->found.list, CANDIDATES, &job->found.count, &job->error);
    pthread_mutex_lock(&job->mutex);
    if (!job->cancelled) {
        job->posted = true;
        gee_loop_post(job->loop, &job->done);
    }
    pthread_mutex_unlock(&job->mutex);
    job_release(job);
}

static void job_left_over(gee_leftover_t *leftover) {
    gee_list_remove(&leftover->link);
    job_release(GEE_CONTAINER(leftover, resolve_job_t, leftover));
}

/* After this the thread does not touch the loop any more. */
static void job_cancel(resolve_job_t *job, gee_thread_pool_t *threads) {
    job->dial = NULL;
    bool waited = gee_thread_pool_cancel(threads, &job->job);
    pthread_mutex_lock(&job->mutex);
    job->cancelled = true;
    bool posted = job->posted;
    pthread_mutex_unlock(&job->mutex);
    if (waited)
        job_release(job); /* for the thread that never comes */
    if (posted)
        gee_loop_adopt(job->loop, &job->leftover); /* its task still comes, or the loop ends first */
    else
        job_release(job);
}

/* ---- the end ---- */

static void close_attempt(gee_dial_t *dial) {
    if (dial->watch.descriptor < 0)
        return;
    gee_loop_unwatch(dial->loop, &dial->watch);
    close(dial->watch.descriptor);
    dial->watch.descriptor = -1;
}

void gee_dial_cancel(gee_dial_t **slot) {
    gee_dial_t *dial = *slot;
    *slot = NULL;
    if (!dial)
        return;
    close_attempt(dial);
    gee_stream_destroy(&dial->stream);
    gee_timer_stop(dial->loop, &dial->timer);
    gee_loop_undefer(&dial->first_step);
    if (dial->job)
        job_cancel(dial->job, dial->threads);
    free(dial);
}

static void finish(gee_dial_t *dial, gee_stream_t *stream) {
    gee_dialled_t dialled = dial->dialled;
    void *data = dial->data;
    gee_error_t error = dial->error;
    error.phase = dial->phase;
    error.elapsed_ns = gee_loop_now(dial->loop) - dial->started;
    gee_dial_cancel(&dial);
    dialled(data, stream, stream ? NULL : &error);
}

static void finish_too_late(gee_dial_t *dial) {
    char duration[GEE_DURATION_TEXT];
    gee_error_set(&dial->error, GEE_DEADLINE_EXCEEDED, "%s: %s: no answer within %s", dial->addr.text,
                  gee_phase_name(dial->phase), gee_format_duration(duration, dial->timeout));
    finish(dial, NULL);
}

/* ---- connecting ---- */

static int64_t time_left(const gee_dial_t *dial) {
    return gee_time_add(dial->started, dial->timeout) - gee_loop_now(dial->loop);
}

/* The name is what the user wrote; which of its addresses refused helps as well. */
static void explain(gee_dial_t *dial, const gee_sockaddr_t *candidate) {
    char text[GEE_ADDR_TEXT];
    gee_sockaddr_text(candidate, text);
    const char *place = strchr(text, '@') + 1;
    if (dial->transport->numeric(&dial->addr))
        gee_error_prefix(&dial->error, "%s: connect: ", dial->addr.text);
    else
        gee_error_prefix(&dial->error, "%s (%s): connect: ", dial->addr.text, place);
}

static int start_attempt(gee_dial_t *dial, const gee_sockaddr_t *candidate) {
    dial->watch.descriptor = dial->transport->connect(candidate, &dial->error);
    if (dial->watch.descriptor < 0)
        return -1;
    if (gee_loop_watch(dial->loop, &dial->watch, EPOLLOUT, &dial->error) != 0)
        goto fail;
    if (dial->timeout <= 0)
        return 0;
    int64_t left = time_left(dial), share = left / (int64_t)(dial->candidates.count - dial->next + 1);
    if (share < LEAST_ATTEMPT)
        share = left < LEAST_ATTEMPT ? left : LEAST_ATTEMPT;
    if (gee_timer_start(dial->loop, &dial->timer, share) == 0)
        return 0;
    gee_error_set(&dial->error, GEE_RESOURCE_EXHAUSTED, "out of memory");
fail:
    close_attempt(dial);
    return -1;
}

static void try_next(gee_dial_t *dial) {
    while (dial->next < dial->candidates.count) {
        const gee_sockaddr_t *candidate = &dial->candidates.list[dial->next++];
        if (start_attempt(dial, candidate) == 0)
            return;
        explain(dial, candidate);
    }
    finish(dial, NULL);
}

/* ---- the transport's layer ---- */

static void handshake_done(gee_stream_t *stream, void *owner) {
    gee_dial_t *dial = owner;
    dial->stream = NULL;
    gee_stream_set_owner(stream, NULL, NULL);
    finish(dial, stream);
}

static void handshake_failed(gee_stream_t *stream GEE_UNUSED, void *owner, const gee_error_t *reason) {
    gee_dial_t *dial = owner;
    dial->error = *reason;
    gee_error_prefix(&dial->error, "%s: handshake: ", dial->addr.text);
    finish(dial, NULL);
}

static void handshake_ended(gee_stream_t *stream, void *owner) {
    gee_error_t error;
    gee_error_set(&error, GEE_UNAVAILABLE, "the peer closed the connection in the middle of it");
    handshake_failed(stream, owner, &error);
}

static void shake_hands(gee_dial_t *dial, gee_stream_t *stream) {
    static const gee_stream_events_t events = { .established = handshake_done,
                                                .ended = handshake_ended,
                                                .failed = handshake_failed };
    dial->phase = GEE_PHASE_HANDSHAKE;
    dial->stream = stream;
    if (dial->timeout > 0 &&
        gee_timer_start_at(dial->loop, &dial->timer, gee_time_add(dial->started, dial->timeout)) != 0) {
        gee_error_set(&dial->error, GEE_RESOURCE_EXHAUSTED, "%s: handshake: out of memory", dial->addr.text);
        finish(dial, NULL);
        return;
    }
    gee_stream_set_owner(stream, &events, dial);
}

static void connected(gee_dial_t *dial) {
    const gee_sockaddr_t *peer = &dial->candidates.list[dial->next - 1];
    const gee_layer_t *layer = dial->transport->dial_layer;
    int descriptor = dial->watch.descriptor;
    gee_loop_unwatch(dial->loop, &dial->watch);
    dial->watch.descriptor = -1;
    gee_stream_t *stream =
        gee_stream_create(dial->loop, dial->transport, descriptor, peer, &dial->options, &dial->error);
    if (stream && layer && gee_stream_push(stream, layer, GEE_CALLING, &dial->addr, &dial->error) != 0)
        gee_stream_destroy(&stream);
    if (!stream)
        explain(dial, peer);
    if (stream && !gee_stream_established(stream))
        shake_hands(dial, stream);
    else
        finish(dial, stream);
}

static void attempt_ready(gee_watch_t *watch, uint32_t events) {
    (void)events;
    gee_dial_t *dial = GEE_CONTAINER(watch, gee_dial_t, watch);
    if (dial->transport->connected(watch->descriptor, &dial->error) == 0) {
        connected(dial);
        return;
    }
    explain(dial, &dial->candidates.list[dial->next - 1]);
    close_attempt(dial);
    try_next(dial);
}

static void time_is_up(gee_timer_t *timer) {
    gee_dial_t *dial = GEE_CONTAINER(timer, gee_dial_t, timer);
    close_attempt(dial);
    if (dial->phase == GEE_PHASE_CONNECT && dial->next < dial->candidates.count && time_left(dial) > 0)
        try_next(dial);
    else
        finish_too_late(dial);
}

/* ---- resolving ---- */

static void resolved(gee_dial_t *dial, int outcome) {
    if (outcome != 0 || dial->candidates.count == 0) {
        finish(dial, NULL);
        return;
    }
    dial->phase = GEE_PHASE_CONNECT;
    try_next(dial);
}

static void resolve_here(gee_task_t *task) {
    gee_dial_t *dial = GEE_CONTAINER(task, gee_dial_t, first_step);
    candidates_t *found = &dial->candidates;
    resolved(dial, dial->transport->resolve(&dial->addr, found->list, CANDIDATES, &found->count, &dial->error));
}

static void job_done(gee_task_t *task) {
    resolve_job_t *job = GEE_CONTAINER(task, resolve_job_t, done);
    gee_dial_t *dial = job->dial;
    gee_list_remove(&job->leftover.link);
    if (dial) {
        int outcome = job->outcome;
        dial->job = NULL;
        dial->candidates = job->found;
        dial->error = job->error;
        job_release(job);
        resolved(dial, outcome);
        return;
    }
    job_release(job);
}

static int submit_job(gee_dial_t *dial, gee_error_t *error) {
    if (!dial->threads) {
        gee_error_set(error, GEE_FAILED_PRECONDITION,
                      "%s: resolve: names cannot be looked up here (there are no threads): give a numeric address",
                      dial->addr.text);
        goto fail;
    }
    resolve_job_t *job = calloc(1, sizeof(*job));
    if (!job || pthread_mutex_init(&job->mutex, NULL) != 0) {
        free(job);
        gee_error_set(error, GEE_RESOURCE_EXHAUSTED, "%s: resolve: out of memory", dial->addr.text);
        goto fail;
    }
    job->job.run = resolve_on_thread;
    job->done.run = job_done;
    job->leftover.end = job_left_over;
    job->loop = dial->loop;
    job->transport = dial->transport;
    job->addr = dial->addr;
    job->dial = dial;
    atomic_init(&job->holders, 2);
    if (!gee_thread_pool_submit(dial->threads, &job->job)) {
        job_release(job);
        job_release(job);
        gee_error_set(error, GEE_RESOURCE_EXHAUSTED, "%s: resolve: too many jobs wait for the threads already",
                      dial->addr.text);
        goto fail;
    }
    dial->job = job;
    return 0;
fail:
    if (error)
        error->phase = GEE_PHASE_RESOLVE;
    return -1;
}

gee_dial_t *gee_dial_start(gee_loop_t *loop, gee_thread_pool_t *threads, const gee_transport_t *transport,
                           const gee_addr_t *addr, const gee_stream_options_t *options, int64_t timeout_ns,
                           gee_dialled_t dialled, void *data, gee_error_t *error) {
    if (transport->check(addr, error) != 0)
        return NULL;
    gee_dial_t *dial = calloc(1, sizeof(*dial));
    if (!dial) {
        gee_error_set(error, GEE_RESOURCE_EXHAUSTED, "%s: out of memory", addr->text);
        return NULL;
    }
    *dial = (gee_dial_t){ .loop = loop, .threads = threads, .transport = transport, .dialled = dialled, .data = data };
    dial->addr = *addr;
    if (options)
        dial->options = *options;
    dial->options.read_while_congested = true;
    dial->started = gee_loop_now(loop);
    dial->timeout = timeout_ns;
    dial->phase = GEE_PHASE_RESOLVE;
    dial->watch.descriptor = -1;
    dial->watch.ready = attempt_ready;
    dial->timer.fire = time_is_up;
    dial->first_step.run = resolve_here;
    if (timeout_ns > 0 && gee_timer_start(loop, &dial->timer, timeout_ns) != 0) {
        gee_error_set(error, GEE_RESOURCE_EXHAUSTED, "%s: out of memory", addr->text);
        goto fail;
    }
    if (transport->numeric(addr))
        gee_loop_defer(loop, &dial->first_step);
    else if (submit_job(dial, error) != 0)
        goto fail;
    return dial;
fail:
    gee_dial_cancel(&dial);
    return NULL;
}
