/* loop.c: the pass of the loop, and the descriptors that it watches.
 *
 *   wait_time -> epoll -> handle_batch -> gee_timers_fire -> gee_loop_run_posted -> gee_loop_run_deferred -> wait_time
 */
#include "core/event/loop_private.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "core/base/clock.h"

gee_loop_t *gee_loop_create(gee_log_t *log, gee_error_t *error) {
    gee_loop_t *loop = calloc(1, sizeof(*loop));
    if (!loop) {
        gee_error_set(error, GEE_RESOURCE_EXHAUSTED, "event loop: out of memory");
        return NULL;
    }
    loop->log = log;
    loop->posted_watch.descriptor = loop->signal_watch.descriptor = -1;
    gee_list_init(&loop->deferred);
    gee_list_init(&loop->leftovers);
    gee_list_init(&loop->stream_options);
    atomic_store(&loop->thread, pthread_self());
    loop->epoll = epoll_create1(EPOLL_CLOEXEC);
    if (loop->epoll < 0) {
        gee_error_set(error, GEE_RESOURCE_EXHAUSTED, "event loop: epoll_create1: %s", strerror(errno));
        goto fail;
    }
    loop->buffers = gee_buf_cache_create(GEE_LOOP_BUFFERS_KEPT);
    if (!loop->buffers) {
        gee_error_set(error, GEE_RESOURCE_EXHAUSTED, "event loop: out of memory");
        goto fail;
    }
    if (gee_loop_tasks_open(loop, error) != 0)
        goto fail;
    return loop;
fail:
    gee_loop_destroy(&loop);
    return NULL;
}

void gee_loop_destroy(gee_loop_t **slot) {
    gee_loop_t *loop = *slot;
    *slot = NULL;
    if (!loop)
        return;
    GEE_ASSERT(!loop->in_pass);
    gee_loop_tasks_close(loop);
    GEE_LIST_EACH(&loop->leftovers, link) {
        gee_leftover_t *leftover = GEE_CONTAINER(link, gee_leftover_t, link);
        leftover->end(leftover);
    }
    gee_loop_signals_close(loop);
    if (loop->epoll >= 0)
        close(loop->epoll);
    if (loop->buffers)
        gee_buf_cache_destroy(&loop->buffers);
    GEE_ASSERT(loop->timers.count == 0);
    gee_timers_free(&loop->timers);
    free(loop);
}

bool gee_loop_lingering(const gee_loop_t *loop) {
    return !gee_list_empty(&loop->leftovers);
}

/* ---- the pass ---- */

static int64_t wait_time(const gee_loop_t *loop, int64_t max_wait_ns) {
    if (!gee_list_empty(&loop->deferred))
        return 0;
    int64_t next_timer = gee_loop_next_timer(loop);
    if (max_wait_ns < 0)
        return next_timer;
    if (next_timer < 0)
        return max_wait_ns;
    return next_timer < max_wait_ns ? next_timer : max_wait_ns;
}

/* Milliseconds are rounded up: a timer that is nearly due must not make the loop spin. */
static int wait_in_milliseconds(gee_loop_t *loop, int64_t wait_ns) {
    int64_t milliseconds = wait_ns < 0 ? -1 : wait_ns / GEE_MILLISECOND + (wait_ns % GEE_MILLISECOND != 0);
    int timeout = milliseconds > INT_MAX ? INT_MAX : (int)milliseconds;
    return epoll_wait(loop->epoll, loop->batch, GEE_LOOP_BATCH, timeout);
}

static int wait_for_events(gee_loop_t *loop, int64_t wait_ns) {
    if (wait_ns <= 0 || loop->without_pwait2)
        return wait_in_milliseconds(loop, wait_ns);
    struct timespec timeout = { .tv_sec = (time_t)(wait_ns / GEE_SECOND), .tv_nsec = (long)(wait_ns % GEE_SECOND) };
    int count = epoll_pwait2(loop->epoll, loop->batch, GEE_LOOP_BATCH, &timeout, NULL);
    if (count >= 0 || (errno != ENOSYS && errno != EPERM))
        return count;
    loop->without_pwait2 = true; /* a kernel before 5.11, or a sandbox that does not know the call */
    return wait_in_milliseconds(loop, wait_ns);
}

static void handle_batch(gee_loop_t *loop) {
    while (loop->batch_next < loop->batch_count) {
        const struct epoll_event *event = &loop->batch[loop->batch_next++];
        gee_watch_t *watch = event->data.ptr;
        if (!watch)
            continue; /* unwatched by an earlier callback of this pass; the memory of the watch may be gone */
        uint32_t events = event->events & (watch->events | EPOLLERR | EPOLLHUP);
        if (events)
            watch->ready(watch, events);
    }
    loop->batch_next = loop->batch_count = 0;
}

int gee_loop_once(gee_loop_t *loop, int64_t max_wait_ns) {
    if (loop->in_pass)
        return -1; /* called from a callback: that pass must end first */
    atomic_store_explicit(&loop->thread, pthread_self(), memory_order_relaxed);
    int64_t wait_ns = wait_time(loop, max_wait_ns);
    if (wait_ns != 0 && gee_log_tick(loop->log) && (wait_ns < 0 || wait_ns > GEE_SECOND))
        wait_ns = GEE_SECOND;
    int count = wait_for_events(loop, wait_ns);
    if (count < 0 && errno != EINTR) {
        gee_log(loop->log, GEE_LOG_ALERT, "event loop: epoll_wait: %s", strerror(errno));
        return -1;
    }
    loop->now = gee_clock_monotonic();
    loop->in_pass = true;
    loop->batch_count = count < 0 ? 0 : count;
    loop->had_events = loop->batch_count > 0;
    handle_batch(loop);
    gee_timers_fire(loop);
    gee_loop_run_posted(loop);
    gee_loop_run_deferred(loop);
    loop->in_pass = false;
    return 0;
}

int gee_loop_run(gee_loop_t *loop) {
    int outcome = 0;
    while (outcome == 0 && !atomic_load(&loop->stopping))
        outcome = gee_loop_once(loop, -1);
    atomic_store(&loop->stopping, false);
    return outcome;
}

bool gee_loop_had_events(const gee_loop_t *loop) {
    return loop->had_events;
}
int gee_loop_descriptor(const gee_loop_t *loop) {
    return loop->epoll;
}
/* Between passes the time of the last pass is of no use: a timer that is started then means the real time. */
int64_t gee_loop_now(const gee_loop_t *loop) {
    return loop->in_pass ? loop->now : gee_clock_monotonic();
}
gee_buf_cache_t *gee_loop_buffers(const gee_loop_t *loop) {
    return loop->buffers;
}
bool gee_loop_on_thread(const gee_loop_t *loop) {
    return pthread_equal(atomic_load_explicit(&loop->thread, memory_order_relaxed), pthread_self()) != 0;
}

/* ---- descriptors ---- */

static int control(gee_loop_t *loop, int operation, gee_watch_t *watch, uint32_t events) {
    struct epoll_event event = { .events = events, .data.ptr = watch };
    return epoll_ctl(loop->epoll, operation, watch->descriptor, &event);
}

int gee_loop_watch(gee_loop_t *loop, gee_watch_t *watch, uint32_t events, gee_error_t *error) {
    GEE_ASSERT(watch->events == 0);
    if (control(loop, EPOLL_CTL_ADD, watch, events) != 0)
        return gee_error_set(error, GEE_RESOURCE_EXHAUSTED, "epoll: cannot watch descriptor %d: %s", watch->descriptor,
                             strerror(errno));
    watch->events = events;
    return 0;
}

void gee_loop_rewatch(gee_loop_t *loop, gee_watch_t *watch, uint32_t events) {
    if (events == watch->events)
        return;
    if (events == 0) {
        gee_loop_unwatch(loop, watch);
        return;
    }
    int operation = watch->events == 0 ? EPOLL_CTL_ADD : EPOLL_CTL_MOD;
    if ((events | watch->events) & EPOLLEXCLUSIVE && watch->events != 0) {
        control(loop, EPOLL_CTL_DEL, watch, 0); /* the kernel cannot modify an exclusive watch */
        operation = EPOLL_CTL_ADD;
    }
    if (control(loop, operation, watch, events) != 0) {
        gee_log(loop->log, GEE_LOG_ALERT, "epoll: cannot watch descriptor %d: %s", watch->descriptor, strerror(errno));
        return;
    }
    watch->events = events;
}

void gee_loop_unwatch(gee_loop_t *loop, gee_watch_t *watch) {
    if (watch->events == 0)
        return;
    control(loop, EPOLL_CTL_DEL, watch, 0);
    watch->events = 0;
    for (int i = loop->batch_next; i < loop->batch_count; i++)
        if (loop->batch[i].data.ptr == watch)
            loop->batch[i].data.ptr = NULL;
}
