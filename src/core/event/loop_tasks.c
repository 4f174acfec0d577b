/* loop_tasks.c: work at the end of a pass (deferred), and work that other threads hand to the loop (posted).
 *
 *   thread A --push--> [ stack of posted tasks ] --taken whole, turned round--> run on the loop's thread
 *   thread B --push-->        the first task in: writes the eventfd
 *
 * Only the thread that finds the stack empty writes, and the loop takes the stack only after that write. So the
 * eventfd is written once a batch, and no thread touches a loop whose owner has seen the task run and has destroyed
 * the loop. */
#include "core/event/loop_private.h"

#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

/* ---- deferred ---- */

/* A task that is deferred between two passes makes the loop's descriptor readable, for a caller that waits on it. */
static void wake_loop(gee_loop_t *loop) {
    if (loop->wake_posted)
        return;
    loop->wake_posted = true;
    gee_loop_post(loop, &loop->wake);
}

static void woken(gee_task_t *task) {
    GEE_CONTAINER(task, gee_loop_t, wake)->wake_posted = false;
}

void gee_loop_defer(gee_loop_t *loop, gee_task_t *task) {
    if (gee_link_in_list(&task->link))
        return;
    gee_list_append(&loop->deferred, &task->link);
    if (!loop->in_pass)
        wake_loop(loop);
}

void gee_loop_undefer(gee_task_t *task) {
    gee_list_remove(&task->link);
}

static void move_all(gee_list_t *to, gee_list_t *from) {
    gee_list_init(to);
    if (gee_list_empty(from))
        return;
    to->head = from->head;
    to->head.next->previous = to->head.previous->next = &to->head;
    gee_list_init(from);
}

/* Tasks that defer themselves again and again are left to the next pass in the end, so that they do not starve the
 * descriptors. */
void gee_loop_run_deferred(gee_loop_t *loop) {
    for (unsigned round = 0; round < GEE_LOOP_DEFER_ROUNDS && !gee_list_empty(&loop->deferred); round++) {
        gee_list_t tasks;
        move_all(&tasks, &loop->deferred);
        for (gee_link_t *link = gee_list_pop(&tasks); link; link = gee_list_pop(&tasks)) {
            gee_task_t *task = GEE_CONTAINER(link, gee_task_t, link);
            task->run(task);
        }
    }
    if (!gee_list_empty(&loop->deferred))
        wake_loop(loop);
}

/* ---- posted ---- */

void gee_loop_post(gee_loop_t *loop, gee_task_t *task) {
    GEE_ASSERT(!gee_link_in_list(&task->link));
    int descriptor = loop->posted_watch.descriptor;
    gee_link_t *newest = atomic_load_explicit(&loop->posted, memory_order_relaxed);
    do {
        task->link.next = newest;
    } while (!atomic_compare_exchange_weak_explicit(&loop->posted, &newest, &task->link, memory_order_release,
                                                    memory_order_relaxed));
    if (newest)
        return; /* the thread of the first task wakes the loop; from here on the task may be gone */
    uint64_t one = 1;
    while (write(descriptor, &one, sizeof(one)) < 0 && errno == EINTR)
        continue;
}

void gee_loop_run_posted(gee_loop_t *loop) {
    if (!loop->posted_due)
        return;
    loop->posted_due = false;
    gee_link_t *newest = atomic_exchange_explicit(&loop->posted, NULL, memory_order_acquire);
    gee_link_t *oldest = NULL;
    while (newest) {
        gee_link_t *next = newest->next;
        newest->next = oldest;
        oldest = newest;
        newest = next;
    }
    while (oldest) {
        gee_task_t *task = GEE_CONTAINER(oldest, gee_task_t, link);
        oldest = oldest->next;
        task->link.next = task->link.previous = NULL;
        task->run(task);
    }
}

static void posted_ready(gee_watch_t *watch, uint32_t events) {
    (void)events;
    uint64_t count;
    if (read(watch->descriptor, &count, sizeof(count)) == (ssize_t)sizeof(count))
        GEE_CONTAINER(watch, gee_loop_t, posted_watch)->posted_due = true;
}

static void stop_seen(gee_task_t *task) {
    atomic_store(&GEE_CONTAINER(task, gee_loop_t, stop)->stop_posted, false);
}

void gee_loop_stop(gee_loop_t *loop) {
    atomic_store(&loop->stopping, true);
    if (!atomic_exchange(&loop->stop_posted, true))
        gee_loop_post(loop, &loop->stop);
}

int gee_loop_tasks_open(gee_loop_t *loop, gee_error_t *error) {
    loop->wake.run = woken;
    loop->stop.run = stop_seen;
    loop->posted_watch.ready = posted_ready;
    loop->posted_watch.descriptor = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (loop->posted_watch.descriptor < 0)
        return gee_error_set(error, GEE_RESOURCE_EXHAUSTED, "event loop: eventfd: %s", strerror(errno));
    return gee_loop_watch(loop, &loop->posted_watch, EPOLLIN, error);
}

void gee_loop_tasks_close(gee_loop_t *loop) {
    if (loop->posted_watch.descriptor >= 0) {
        gee_loop_unwatch(loop, &loop->posted_watch);
        close(loop->posted_watch.descriptor);
        loop->posted_watch.descriptor = -1;
    }
    atomic_store(&loop->posted, NULL);
    gee_list_t forgotten;
    move_all(&forgotten, &loop->deferred);
    while (gee_list_pop(&forgotten))
        continue;
}
