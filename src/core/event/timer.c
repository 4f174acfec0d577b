/* timer.c: timers in a heap with four children a node: start, stop and fire cost a few comparisons, however many
 * there are.
 *
 *   heap[1] is due first; the children of heap[i] are heap[4i-2] to heap[4i+1]; each timer knows its position */
#include "core/event/loop_private.h"

#include <stdlib.h>

#include "core/base/clock.h"

static size_t parent_of(size_t position) {
    return (position + 2) / 4;
}
static size_t first_child_of(size_t position) {
    return 4 * position - 2;
}

static void place(gee_timers_t *timers, gee_timer_t *timer, size_t position) {
    timers->heap[position] = timer;
    timer->position = position;
}

static void sift_up(gee_timers_t *timers, gee_timer_t *timer, size_t position) {
    while (position > 1 && timers->heap[parent_of(position)]->deadline > timer->deadline) {
        place(timers, timers->heap[parent_of(position)], position);
        position = parent_of(position);
    }
    place(timers, timer, position);
}

static void sift_down(gee_timers_t *timers, gee_timer_t *timer, size_t position) {
    for (;;) {
        size_t child = first_child_of(position), least = 0;
        for (size_t end = child + 4; child < end && child <= timers->count; child++)
            if (least == 0 || timers->heap[child]->deadline < timers->heap[least]->deadline)
                least = child;
        if (least == 0 || timers->heap[least]->deadline >= timer->deadline)
            break;
        place(timers, timers->heap[least], position);
        position = least;
    }
    place(timers, timer, position);
}

static void settle(gee_timers_t *timers, gee_timer_t *timer, size_t position) {
    if (position > 1 && timers->heap[parent_of(position)]->deadline > timer->deadline)
        sift_up(timers, timer, position);
    else
        sift_down(timers, timer, position);
}

static int make_room(gee_timers_t *timers) {
    if (timers->count + 1 < timers->capacity)
        return 0;
    size_t capacity = timers->capacity ? timers->capacity * 2 : 64;
    gee_timer_t **heap = reallocarray(timers->heap, capacity, sizeof(*heap));
    if (!heap)
        return -1;
    timers->heap = heap;
    timers->capacity = capacity;
    return 0;
}

int gee_timer_start_at(gee_loop_t *loop, gee_timer_t *timer, int64_t deadline) {
    gee_timers_t *timers = &loop->timers;
    if (timer->position != 0) {
        timer->deadline = deadline;
        settle(timers, timer, timer->position);
        return 0;
    }
    if (make_room(timers) != 0)
        return -1;
    timer->deadline = deadline;
    sift_up(timers, timer, ++timers->count);
    return 0;
}

int gee_timer_start(gee_loop_t *loop, gee_timer_t *timer, int64_t delay_ns) {
    return gee_timer_start_at(loop, timer, gee_time_add(gee_loop_now(loop), delay_ns > 0 ? delay_ns : 0));
}

void gee_timer_stop(gee_loop_t *loop, gee_timer_t *timer) {
    gee_timers_t *timers = &loop->timers;
    size_t position = timer->position;
    if (position == 0)
        return;
    timer->position = 0;
    gee_timer_t *last = timers->heap[timers->count--];
    if (last != timer)
        settle(timers, last, position);
}

int64_t gee_loop_next_timer(const gee_loop_t *loop) {
    if (loop->timers.count == 0)
        return -1;
    int64_t wait = loop->timers.heap[1]->deadline - gee_loop_now(loop);
    return wait > 0 ? wait : 0;
}

/* Fires no more timers than there are at the start: a timer that starts itself anew without delay waits for the next
 * pass. */
void gee_timers_fire(gee_loop_t *loop) {
    gee_timers_t *timers = &loop->timers;
    for (size_t left = timers->count; left > 0 && timers->count > 0; left--) {
        gee_timer_t *timer = timers->heap[1];
        if (timer->deadline > loop->now)
            return;
        gee_timer_stop(loop, timer);
        timer->fire(timer);
    }
}

void gee_timers_free(gee_timers_t *timers) {
    free(timers->heap);
    timers->heap = NULL;
    timers->count = timers->capacity = 0;
}
