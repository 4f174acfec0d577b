/* runtime.c: a loop on a thread of its own, or on the threads of the program in turns; waiting for the end of
 * something. */
#include "client/runtime.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "client/futex.h"
#include "core/base/assert.h"
#include "core/base/clock.h"
#include "core/event/work.h"

#define BIRTHMARK_SIZE 1 /* mmap() rounds up to a page */
#define AFTER_FAILURE                                                                                                  \
    (100 * GEE_MILLISECOND) /* epoll_wait fails when the program has closed the library's descriptor */

void gee_runtime_hold(gee_runtime_t *runtime) {
    atomic_fetch_add_explicit(&runtime->references, 1, memory_order_relaxed);
}

void gee_runtime_release(gee_runtime_t *runtime) {
    unsigned references = atomic_fetch_sub_explicit(&runtime->references, 1, memory_order_acq_rel);
    GEE_ASSERT(references > 0);
    if (references > 1)
        return;
    pthread_cond_destroy(&runtime->stepped_down);
    pthread_mutex_destroy(&runtime->turn);
    if (runtime->birthmark != NULL)
        munmap(runtime->birthmark, BIRTHMARK_SIZE);
    free(runtime);
}

/* ---- who may do what ---- */

/* Every call asks whether the process is a child. Linux 4.14 and later answers without a system call: the kernel sets
 * the page to zero in a child. */
static void set_birthmark(gee_runtime_t *runtime) {
    runtime->process = getpid();
    void *page = mmap(NULL, BIRTHMARK_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (page == MAP_FAILED)
        return;
    if (madvise(page, BIRTHMARK_SIZE, MADV_WIPEONFORK) != 0) {
        munmap(page, BIRTHMARK_SIZE);
        return;
    }
    runtime->birthmark = page;
    *runtime->birthmark = 1;
}

static bool is_ours(const gee_runtime_t *runtime) {
    return runtime->birthmark != NULL ? *runtime->birthmark != 0 : runtime->process == getpid();
}

bool gee_runtime_inside(const gee_runtime_t *runtime) {
    return atomic_load_explicit(&runtime->working, memory_order_acquire) &&
           pthread_equal(atomic_load_explicit(&runtime->worker, memory_order_relaxed), pthread_self()) != 0;
}

int gee_runtime_check(const gee_runtime_t *runtime, bool waits, gee_error_t *error) {
    if (!is_ours(runtime))
        return gee_error_set(error, GEE_FAILED_PRECONDITION,
                             "this belongs to process %d, which dialled; dial again after a fork",
                             (int)runtime->process);
    if (waits && gee_runtime_inside(runtime))
        return gee_error_set(error, GEE_FAILED_PRECONDITION,
                             "inside a callback nothing can be waited for: the thread that runs it does the work; use "
                             "gee_client_go() there, or another thread");
    return 0;
}

static void set_working(gee_runtime_t *runtime, bool working) {
    atomic_store_explicit(&runtime->worker, pthread_self(), memory_order_relaxed);
    atomic_store_explicit(&runtime->working, working, memory_order_release);
}

/* ---- the end ---- */

static void tear_down(gee_runtime_t *runtime) {
    gee_thread_pool_abandon(&runtime->resolver);
    if (runtime->loop != NULL) {
        /* Tasks that the resolver's threads have posted at the last moment free their memory. */
        (void)gee_loop_once(runtime->loop, 0);
        gee_loop_unwatch(runtime->loop, &runtime->alarm);
    }
    gee_loop_destroy(&runtime->loop);
    if (runtime->alarm.descriptor >= 0)
        close(runtime->alarm.descriptor);
    gee_runtime_release(runtime);
}

/* ---- threads ---- */

static void *run_background(void *argument) {
    gee_runtime_t *runtime = argument;
    pthread_setname_np(pthread_self(), "geerpc-client");
    set_working(runtime, true);
    while (gee_loop_run(runtime->loop) != 0)
        nanosleep(&(struct timespec){ .tv_nsec = AFTER_FAILURE }, NULL);
    set_working(runtime, false);
    tear_down(runtime);
    return NULL;
}

/* Signals go to the program's threads; but the kernel delivers a fault to the thread that has made the fault. */
static void signals_to_block(sigset_t *signals) {
    static const int faults[] = { SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS };
    sigfillset(signals);
    for (size_t i = 0; i < GEE_LENGTH(faults); i++)
        sigdelset(signals, faults[i]);
}

static int start_thread(pthread_t *thread, void *(*function)(void *), gee_runtime_t *runtime, gee_error_t *error) {
    sigset_t blocked, before;
    signals_to_block(&blocked);
    pthread_sigmask(SIG_SETMASK, &blocked, &before); /* a new thread has its creator's mask */
    int failure = pthread_create(thread, NULL, function, runtime);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (failure != 0)
        return gee_error_set(error, GEE_RESOURCE_EXHAUSTED, "cannot start the client's thread: %s", strerror(failure));
    return 0;
}

static void stop_when_through(gee_runtime_t *runtime) {
    if (runtime->stopping && runtime->closing == 0)
        gee_loop_stop(runtime->loop);
}

void gee_runtime_close_begins(gee_runtime_t *runtime) {
    GEE_ASSERT(gee_runtime_inside(runtime));
    runtime->closing++;
}

void gee_runtime_close_ends(gee_runtime_t *runtime) {
    GEE_ASSERT(gee_runtime_inside(runtime) && runtime->closing > 0);
    runtime->closing--;
    stop_when_through(runtime);
}

/* On the loop's thread: no other thread is then inside gee_loop_stop() when the loop ends. */
static void run_stop(gee_task_t *task) {
    gee_runtime_t *runtime = GEE_CONTAINER(task, gee_runtime_t, stop_task);
    runtime->stopping = true;
    stop_when_through(runtime);
}

/* ---- making one ---- */

static int init_turns(gee_runtime_t *runtime) {
    pthread_condattr_t attributes;
    if (pthread_mutex_init(&runtime->turn, NULL) != 0)
        return -1;
    if (pthread_condattr_init(&attributes) != 0)
        goto fail;
    bool made = pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC) == 0 &&
                pthread_cond_init(&runtime->stepped_down, &attributes) == 0;
    pthread_condattr_destroy(&attributes);
    if (made)
        return 0;
fail:
    pthread_mutex_destroy(&runtime->turn);
    return -1;
}

static void alarm_rang(gee_watch_t *watch, uint32_t events GEE_UNUSED) {
    uint64_t times;
    if (read(watch->descriptor, &times, sizeof(times)) == (ssize_t)sizeof(times))
        GEE_CONTAINER(watch, gee_runtime_t, alarm)->alarm_set = false;
}

static int make_alarm(gee_runtime_t *runtime, gee_error_t *error) {
    runtime->alarm.ready = alarm_rang;
    runtime->alarm.descriptor = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    if (runtime->alarm.descriptor < 0)
        return gee_error_set(error, GEE_RESOURCE_EXHAUSTED, "runtime: timerfd_create: %s", strerror(errno));
    return gee_loop_watch(runtime->loop, &runtime->alarm, EPOLLIN, error);
}

gee_runtime_t *gee_runtime_create(gee_runtime_mode_t mode, gee_error_t *error) {
    gee_runtime_t *runtime = calloc(1, sizeof(*runtime));
    if (runtime == NULL || init_turns(runtime) != 0) {
        free(runtime);
        gee_error_set(error, GEE_RESOURCE_EXHAUSTED, "out of memory");
        return NULL;
    }
    runtime->references = 1; /* the loop's */
    set_birthmark(runtime);
    runtime->mode = mode;
    runtime->alarm.descriptor = -1;
    runtime->stop_task.run = run_stop;
    runtime->loop = gee_loop_create(NULL, error);
    if (runtime->loop == NULL)
        goto fail;
    runtime->resolver = gee_work_threads(error);
    if (runtime->resolver == NULL)
        goto fail;
    if ((mode == GEE_RUNTIME_MANUAL ? make_alarm(runtime, error)
                                    : start_thread(&runtime->thread, run_background, runtime, error)) != 0)
        goto fail;
    return runtime;
fail:
    tear_down(runtime);
    return NULL;
}

/* ---- the manual kind ---- */

int gee_runtime_descriptor(const gee_runtime_t *runtime) {
    bool usable = runtime->mode == GEE_RUNTIME_MANUAL && is_ours(runtime);
    return usable ? gee_loop_descriptor(runtime->loop) : -1;
}

static void set_alarm(gee_runtime_t *runtime) {
    int64_t next = gee_loop_next_timer(runtime->loop);
    struct itimerspec when = { 0 };
    if (next < 0 && !runtime->alarm_set)
        return;
    if (next >= 0) {
        when.it_value.tv_sec = (time_t)(next / GEE_SECOND);
        when.it_value.tv_nsec = (long)(next % GEE_SECOND) + (next == 0); /* zero would disarm the alarm */
    }
    runtime->alarm_set = next >= 0;
    (void)timerfd_settime(runtime->alarm.descriptor, 0, &when, NULL);
}

static int64_t time_left(int64_t deadline_ns) {
    if (deadline_ns == INT64_MAX)
        return -1;
    int64_t left = deadline_ns - gee_clock_monotonic();
    return left > 0 ? left : 0;
}

/* Makes the descriptor readable at once, also for an application that hears of each change only once (EPOLLET). */
static void ring_alarm(gee_runtime_t *runtime) {
    struct itimerspec now = { .it_value.tv_nsec = 1 };
    runtime->alarm_set = true;
    (void)timerfd_settime(runtime->alarm.descriptor, 0, &now, NULL);
}

/* Precondition: `turn` is locked, as also at the return. When the time is over, another thread may still have the
 * turn. */
static void wait_for_turn(gee_runtime_t *runtime, int64_t deadline_ns) {
    struct timespec until = { .tv_sec = (time_t)(deadline_ns / GEE_SECOND),
                              .tv_nsec = (long)(deadline_ns % GEE_SECOND) };
    if (deadline_ns == INT64_MAX)
        pthread_cond_wait(&runtime->stepped_down, &runtime->turn);
    else
        (void)pthread_cond_timedwait(&runtime->stepped_down, &runtime->turn, &until);
}

/* One pass. Precondition: `turn` is locked, as also at the return; unlocked meanwhile. */
static int take_turn(gee_runtime_t *runtime, int64_t max_wait_ns) {
    set_working(runtime, true);
    pthread_mutex_unlock(&runtime->turn);
    int result = gee_loop_once(runtime->loop, max_wait_ns);
    set_alarm(runtime);
    pthread_mutex_lock(&runtime->turn);
    set_working(runtime, false);
    pthread_cond_broadcast(&runtime->stepped_down);
    return result;
}

/* Runs passes until a pass finds no events: an application that hears only of changes (EPOLLET) would not hear of
 * events that are left. When peers send on and events are left after PASSES, the alarm makes the change. */
static int work_off(gee_runtime_t *runtime, int64_t max_wait_ns) {
    enum { PASSES = 16 };
    int result = take_turn(runtime, max_wait_ns);
    for (int pass = 1; pass < PASSES && result == 0 && gee_loop_had_events(runtime->loop); pass++)
        result = take_turn(runtime, 0);
    if (result == 0 && gee_loop_had_events(runtime->loop))
        ring_alarm(runtime);
    return result;
}

static int64_t deadline_in(int64_t wait_ns) {
    return wait_ns < 0 ? INT64_MAX : gee_time_add(gee_clock_monotonic(), wait_ns);
}

int gee_runtime_process(gee_runtime_t *runtime, int64_t max_wait_ns, gee_error_t *error) {
    int cancellable, result = 0;
    if (gee_runtime_check(runtime, true, error) != 0)
        return -1;
    if (runtime->mode != GEE_RUNTIME_MANUAL)
        return gee_error_set(error, GEE_FAILED_PRECONDITION,
                             "gee_runtime_process: a background runtime has a thread of its own for that");
    int64_t deadline_ns = deadline_in(max_wait_ns);
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancellable); /* a thread must not end during its turn */
    pthread_mutex_lock(&runtime->turn);
    while (atomic_load(&runtime->working) && time_left(deadline_ns) != 0)
        wait_for_turn(runtime, deadline_ns);
    if (!atomic_load(&runtime->working))
        result = work_off(runtime, time_left(deadline_ns));
    pthread_mutex_unlock(&runtime->turn);
    pthread_setcancelstate(cancellable, NULL);
    return result == 0 ? 0 : gee_error_set(error, GEE_INTERNAL, "gee_runtime_process: epoll_wait failed");
}

/* ---- posting and waiting ---- */

void gee_runtime_post(gee_runtime_t *runtime, gee_task_t *task) {
    int cancellable;
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancellable); /* not to end between posting and waking */
    gee_loop_post(runtime->loop, task);
    pthread_setcancelstate(cancellable, NULL);
}

static bool has_ended(atomic_uint *word) {
    return (atomic_load_explicit(word, memory_order_acquire) & GEE_ENDED) != 0;
}

static bool await_processing(gee_runtime_t *runtime, atomic_uint *word, int64_t deadline_ns) {
    int cancellable;
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancellable);
    pthread_mutex_lock(&runtime->turn);
    while (!has_ended(word) && time_left(deadline_ns) != 0) {
        if (atomic_load(&runtime->working))
            wait_for_turn(runtime, deadline_ns);
        else if (take_turn(runtime, time_left(deadline_ns)) != 0)
            wait_for_turn(runtime, gee_time_add(gee_clock_monotonic(), AFTER_FAILURE));
    }
    pthread_mutex_unlock(&runtime->turn);
    pthread_setcancelstate(cancellable, NULL);
    return has_ended(word);
}

bool gee_runtime_await(gee_runtime_t *runtime, atomic_uint *word, int64_t deadline_ns) {
    GEE_ASSERT(!gee_runtime_inside(runtime));
    if (runtime->mode == GEE_RUNTIME_MANUAL)
        return await_processing(runtime, word, deadline_ns);
    unsigned now = atomic_load_explicit(word, memory_order_acquire);
    while (!(now & GEE_ENDED) && time_left(deadline_ns) != 0) {
        if (!(now & GEE_AWAITED))
            now = atomic_fetch_or_explicit(word, GEE_AWAITED, memory_order_acquire) | GEE_AWAITED;
        if (!(now & GEE_ENDED))
            gee_futex_wait(word, now, deadline_ns);
        now = atomic_load_explicit(word, memory_order_acquire);
    }
    return (now & GEE_ENDED) != 0;
}

bool gee_runtime_signal(atomic_uint *word) {
    unsigned before = atomic_fetch_or_explicit(word, GEE_ENDED, memory_order_acq_rel);
    if ((before & (GEE_ENDED | GEE_AWAITED)) == GEE_AWAITED)
        gee_futex_wake(word);
    return (before & GEE_ENDED) == 0;
}

unsigned gee_runtime_ended(atomic_uint *word) {
    unsigned before = atomic_fetch_or_explicit(word, GEE_ENDED, memory_order_acq_rel);
    GEE_ASSERT((before & GEE_ENDED) == 0);
    if (before & GEE_AWAITED)
        gee_futex_wake(word);
    return before;
}

/* ---- destroying one ---- */

static void destroy_manual(gee_runtime_t *runtime) {
    GEE_ASSERT(!gee_runtime_inside(runtime));
    pthread_mutex_lock(&runtime->turn);
    do { /* until closes that a callback has begun have ended */
        (void)take_turn(runtime, runtime->closing > 0 ? -1 : 0);
    } while (runtime->closing > 0);
    pthread_mutex_unlock(&runtime->turn);
    tear_down(runtime);
}

static void destroy_background(gee_runtime_t *runtime) {
    bool join = !gee_runtime_inside(runtime);
    pthread_t thread = runtime->thread;
    if (!join)
        pthread_detach(thread);
    gee_runtime_post(runtime, &runtime->stop_task);
    if (join)
        pthread_join(thread, NULL);
}

void gee_runtime_enter(gee_runtime_t *runtime) {
    atomic_fetch_add_explicit(&runtime->users, 1, memory_order_relaxed);
}

void gee_runtime_left(gee_runtime_t *runtime) {
    atomic_fetch_sub_explicit(&runtime->users, 1, memory_order_release);
}

int gee_runtime_destroy(gee_runtime_t **handle, gee_error_t *error) {
    gee_runtime_t *runtime = *handle;
    int cancellable;
    unsigned users =
        runtime != NULL && is_ours(runtime) ? atomic_load_explicit(&runtime->users, memory_order_acquire) : 0;
    if (users > 0)
        return gee_error_set(
            error, GEE_FAILED_PRECONDITION,
            "gee_runtime_destroy: %u %s this runtime; close with gee_client_close() or gee_xclient_close() "
            "first",
            users, users == 1 ? "client uses" : "clients use");
    *handle = NULL;
    if (runtime == NULL || !is_ours(runtime))
        return 0; /* in a child: the loop, and the kernel's objects in it, are the parent's */
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancellable); /* not to end between the two halves */
    (runtime->mode == GEE_RUNTIME_MANUAL ? destroy_manual : destroy_background)(runtime);
    pthread_setcancelstate(cancellable, NULL);
    return 0;
}
