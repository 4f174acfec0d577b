/* call_wait.c: the waits of a call, and gee_call_after(). */
#include "core/rpc/call_wait.h"

#include "core/rpc/dispatch_private.h"
#include "core/rpc/engine_private.h"

typedef struct call_timer {
    gee_call_wait_t wait; /* its link is among the spare ones, too */
    gee_timer_t timer;
    void (*callback)(gee_call_t *call, void *data);
    void *data;
} call_timer_t;

/* Null: out of memory. */
static gee_call_waits_t *waits_of(gee_call_t *call) {
    gee_call_apart_t *apart = gee_call_get_apart(call);
    if (apart == NULL || apart->waits != NULL)
        return apart != NULL ? apart->waits : NULL;
    gee_call_waits_t *waits = gee_call_alloc(call, sizeof(*waits));
    if (waits == NULL)
        return NULL;
    gee_list_init(&waits->list);
    gee_list_init(&waits->spare_timers);
    apart->waits = waits;
    atomic_store_explicit(&call->watched, true, memory_order_release);
    return waits;
}

bool gee_call_wait_enter(gee_call_t *call) {
    if (!gee_call_enter(call))
        return false;
    if (call->flow != NULL)
        gee_streaming_enter(call);
    gee_dispatch_running = call; /* `watched`, so that a finish does not wait for an invocation's return */
    return true;
}

void gee_call_wait_leave(gee_call_t *call) {
    gee_dispatch_running = NULL;
    gee_call_leave(call);
    if (call->flow != NULL)
        gee_streaming_leave(call);
}

int gee_call_wait_start(gee_call_wait_t *wait) {
    gee_call_t *call = wait->call;
    GEE_ASSERT(!atomic_load(&call->replied));
    gee_call_waits_t *waits = waits_of(call);
    if (waits == NULL || !gee_call_enter(call))
        return -1;
    gee_list_append(&waits->list, &wait->link);
    gee_call_leave(call);
    return 0;
}

/* ---- timers ---- */

/* A fired timer is used again, so that a call that goes on for days does not grow. Null: out of memory. */
static call_timer_t *take_timer(gee_call_t *call) {
    gee_call_waits_t *waits = waits_of(call);
    gee_link_t *link = waits != NULL ? gee_list_pop(&waits->spare_timers) : NULL;
    if (link != NULL)
        return GEE_CONTAINER(link, call_timer_t, wait.link);
    return gee_call_alloc(call, sizeof(call_timer_t));
}

static void call_timer_drop(gee_call_wait_t *wait) {
    call_timer_t *timer = GEE_CONTAINER(wait, call_timer_t, wait);
    gee_timer_stop(wait->call->engine->loop, &timer->timer);
}

static void call_timer_fire(gee_timer_t *fired) {
    call_timer_t *timer = GEE_CONTAINER(fired, call_timer_t, timer);
    call_timer_t copy = *timer;
    gee_call_t *call = timer->wait.call;
    gee_call_wait_end(&timer->wait);
    gee_list_prepend(&waits_of(call)->spare_timers, &timer->wait.link);
    if (!gee_call_wait_enter(call))
        return;
    copy.callback(call, copy.data);
    gee_call_wait_leave(call);
}

int gee_call_after(gee_call_t *call, int64_t nanoseconds, void (*callback)(gee_call_t *call, void *data), void *data) {
    call_timer_t *timer = take_timer(call);
    if (timer == NULL)
        return -1;
    *timer = (call_timer_t){ .wait = { .call = call, .drop = call_timer_drop },
                             .timer.fire = call_timer_fire,
                             .callback = callback,
                             .data = data };
    if (gee_call_wait_start(&timer->wait) != 0)
        return -1;
    if (gee_timer_start(call->engine->loop, &timer->timer, nanoseconds) == 0)
        return 0;
    gee_call_wait_end(&timer->wait);
    return -1;
}
