/* call.c: the life of one call: its memory, its finish from any thread, its cancellation.
 *
 * Whose turn it is to tell the loop that a handler is through is decided by an atomic word. The handler's invocation
 * sets RETURNED when it is left, the finish sets FINISHED when the outcome is written; the second of the two hands the
 * call on. So a handler that replies and goes on working, or that replies from another thread before its invocation has
 * returned, is completed exactly once, after both. CLAIMED, set first, picks one of several finishes.
 *
 * Nearly all handlers reply within their invocation, on its thread. That is noted plainly, and becomes the finish when
 * the invocation returns: then all three are set at once, as a locked operation costs as much as forty others. */
#include "core/rpc/call_private.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/clock.h"
#include "core/rpc/dispatch.h"
#include "core/rpc/engine_private.h"
#include "core/rpc/session_private.h"

enum { CLAIMED = 1u, FINISHED = 2u, RETURNED = 4u, OVER = 8u }; /* OVER: claimed by gee_call_claim() */

#define CALL_POOL_SIZE  1024 /* what a small call's strings, arguments and reply take */
#define FREE_CALLS_KEPT 4096

static int init_recursive(pthread_mutex_t *mutex) {
    pthread_mutexattr_t attributes;
    if (pthread_mutexattr_init(&attributes) != 0)
        return -1;
    int failed = pthread_mutexattr_settype(&attributes, PTHREAD_MUTEX_RECURSIVE) != 0 ||
                 pthread_mutex_init(mutex, &attributes) != 0;
    pthread_mutexattr_destroy(&attributes);
    return failed ? -1 : 0;
}

static gee_call_apart_t *apart_of(gee_call_t *call) {
    return atomic_load_explicit(&call->apart, memory_order_acquire);
}

static void call_delete(gee_call_t *call) {
    pthread_mutex_destroy(&apart_of(call)->cancel_lock);
    gee_pool_destroy(&call->pool);
    free(call);
}

static void streaming_delete(gee_call_t *call) {
    gee_call_apart_t *apart = apart_of(call);
    if (apart != NULL)
        pthread_mutex_destroy(&apart->cancel_lock);
    free(apart);
    gee_pool_destroy(&call->pool);
    free(GEE_CONTAINER(call, gee_streaming_call_t, call));
}

static void destroy_free_calls(gee_engine_t *engine) {
    gee_link_t *link;
    if (engine->spare_call != NULL)
        call_delete(engine->spare_call);
    engine->spare_call = NULL;
    while ((link = gee_list_pop(&engine->free_calls)) != NULL)
        call_delete(GEE_CONTAINER(link, gee_call_t, session_link));
    engine->free_call_count = 0;
    while ((link = gee_list_pop(&engine->free_streaming_calls)) != NULL)
        streaming_delete(GEE_CONTAINER(link, gee_call_t, session_link));
    engine->free_streaming_call_count = 0;
}

static gee_pool_t *make_pool(gee_engine_t *engine) {
    gee_pool_t *pool = gee_pool_create(CALL_POOL_SIZE);
    if (pool == NULL)
        return NULL;
    gee_pool_limit(pool, (size_t)engine->limits.call_memory);
    gee_pool_set_meter(pool, &engine->arenas);
    return pool;
}

static gee_call_t *call_new(gee_engine_t *engine) {
    gee_call_t *call = gee_alloc_lines(sizeof(*call) + sizeof(gee_call_apart_t));
    if (call == NULL)
        return NULL;
    gee_call_apart_t *apart = (gee_call_apart_t *)(call + 1);
    memset(call, 0, sizeof(*call) + sizeof(*apart));
    call->pool = make_pool(engine);
    if (call->pool == NULL || init_recursive(&apart->cancel_lock) != 0) {
        gee_pool_destroy(&call->pool);
        free(call);
        return NULL;
    }
    gee_engine_at_close(engine, GEE_CLOSE_STORES, &engine->calls_closer, destroy_free_calls);
    call->engine = engine;
    apart->call = call;
    atomic_init(&call->apart, apart);
    return call;
}

static gee_call_t *streaming_new(gee_engine_t *engine) {
    gee_streaming_call_t *streaming = calloc(1, sizeof(*streaming));
    if (streaming == NULL)
        return NULL;
    gee_engine_at_close(engine, GEE_CLOSE_STORES, &engine->calls_closer, destroy_free_calls);
    streaming->call.engine = engine;
    return &streaming->call;
}

/* Null: the list is empty. A free call is no longer in the cache, and the next call will be wanted soon. */
static gee_call_t *take_free(gee_engine_t *engine) {
    enum { CALL_START = offsetof(gee_call_t, arguments), POOL_START = 5 * GEE_CACHE_LINE };
    gee_link_t *link = gee_list_pop(&engine->free_calls);
    if (link == NULL)
        return NULL;
    gee_call_t *call = GEE_CONTAINER(link, gee_call_t, session_link);
    engine->free_call_count--;
    gee_fetch_lines((uintptr_t)call->pool, POOL_START);
    link = gee_list_first(&engine->free_calls);
    if (link != NULL)
        gee_fetch_lines((uintptr_t)GEE_CONTAINER(link, gee_call_t, session_link), CALL_START);
    return call;
}

static gee_call_t *begin(gee_engine_t *engine, gee_call_t *call) {
    memset(&call->session, 0, offsetof(gee_call_t, method) - offsetof(gee_call_t, session));
    call->deadline_ns = INT64_MAX;
    engine->live_calls++;
    return call;
}

gee_call_t *gee_call_create(gee_engine_t *engine) {
    gee_call_t *call = engine->spare_call;
    if (call != NULL) {
        engine->spare_call = NULL;
        return begin(engine, call);
    }
    call = take_free(engine);
    return call != NULL || (call = call_new(engine)) != NULL ? begin(engine, call) : NULL;
}

gee_call_t *gee_call_create_streaming(gee_engine_t *engine) {
    gee_link_t *link = gee_list_pop(&engine->free_streaming_calls);
    gee_call_t *call = link != NULL ? GEE_CONTAINER(link, gee_call_t, session_link) : streaming_new(engine);
    if (call == NULL)
        return NULL;
    engine->free_streaming_call_count -= link != NULL;
    begin(engine, call);
    gee_streaming_call_t *streaming = GEE_CONTAINER(call, gee_streaming_call_t, call);
    memset(&streaming->flow, 0, sizeof(*streaming) - offsetof(gee_streaming_call_t, flow));
    call->flow = &streaming->flow;
    return call;
}

/* True: there were some. */
static bool drop_waits(gee_call_apart_t *apart) {
    gee_link_t *link;
    bool some = false;
    while (apart->waits != NULL && (link = gee_list_pop(&apart->waits->list)) != NULL) {
        gee_call_wait_t *wait = GEE_CONTAINER(link, gee_call_wait_t, link);
        some = true;
        wait->drop(wait);
    }
    return some;
}

/* Precondition: the call's pool was not reset yet. */
GEE_APART static void forget_all(gee_call_apart_t *apart) {
    drop_waits(apart);
    apart->waits = NULL;
    apart->on_cancel = NULL;
}

/* The on_cancel callback is forgotten, and the pool kept for the next call. */
GEE_APART static void put_free_streaming(gee_engine_t *engine, gee_call_t *call) {
    GEE_ASSERT(call->flow->session == NULL);
    engine->server->clear(call);
    gee_call_apart_t *apart = apart_of(call);
    if (apart != NULL)
        forget_all(apart);
    if (call->pool != NULL)
        gee_pool_reset(call->pool);
    engine->live_calls--;
    if (engine->free_streaming_call_count >= FREE_CALLS_KEPT) {
        streaming_delete(call);
        return;
    }
    engine->free_streaming_call_count++;
    gee_list_append(&engine->free_streaming_calls, &call->session_link);
}

/* The finish word stays as it is, so that a second finish of a call that lies here is seen for what it is. Calls that
 * others than their own handler finished go to the far end, to lie here as long as possible. */
GEE_APART static void put_free(gee_engine_t *engine, gee_call_t *call) {
    if (engine->free_call_count >= FREE_CALLS_KEPT) {
        call_delete(call);
        return;
    }
    engine->free_call_count++;
    if (call->finished_late)
        gee_list_append(&engine->free_calls, &call->session_link);
    else
        gee_list_prepend(&engine->free_calls, &call->session_link);
}

void gee_call_release(gee_call_t *call) {
    gee_engine_t *engine = call->engine;
    if (call->timed)
        gee_timer_stop(engine->loop, &call->timer);
    gee_list_remove(&call->session_link);
    if (call->peer_held)
        gee_peer_record_release(&call->peer);
    if (call->held != NULL)
        gee_buf_release(&call->held);
    if (call->flow != NULL) {
        put_free_streaming(engine, call);
        return;
    }
    if (atomic_load_explicit(&call->watched, memory_order_relaxed)) /* maybe since it was finished on another thread */
        forget_all(apart_of(call));
    gee_pool_reset(call->pool);
    engine->live_calls--;
    if (engine->spare_call == NULL && !call->finished_late) {
        engine->spare_call = call;
        return;
    }
    put_free(engine, call);
}

gee_call_apart_t *gee_call_get_apart(gee_call_t *call) {
    gee_call_apart_t *apart = apart_of(call), *none = NULL;
    if (apart != NULL || (apart = calloc(1, sizeof(*apart))) == NULL)
        return apart;
    apart->call = call;
    if (init_recursive(&apart->cancel_lock) != 0) {
        free(apart);
        return NULL;
    }
    if (atomic_compare_exchange_strong(&call->apart, &none, apart))
        return apart;
    pthread_mutex_destroy(&apart->cancel_lock); /* another thread was first */
    free(apart);
    return none;
}

/* ---- finishing ---- */

static void hand_on(gee_call_t *call) {
    call->finished_late = true;
    if (gee_loop_on_thread(call->engine->loop))
        gee_loop_defer(call->engine->loop, &call->finished_task);
    else
        gee_loop_post(call->engine->loop, &call->finished_task);
}

static void say_twice(const gee_call_t *call) {
    gee_log(call->engine->log, GEE_LOG_ERROR, "%.*s: a handler finished its call twice (the second has no effect)",
            GEE_STR_ARGUMENTS(call->method_name));
}

/* Does this run inside the invocation of the call's handler? */
static bool is_inside(const gee_call_t *call) {
    return gee_dispatch_running == call;
}

static bool has_replied(const gee_call_t *call) {
    return atomic_load_explicit(&call->replied, memory_order_acquire);
}

static void set_replied(gee_call_t *call, bool replied) {
    atomic_store_explicit(&call->replied, replied, memory_order_release);
}

static bool claim(gee_call_t *call) {
    unsigned before =
        has_replied(call) ? CLAIMED : atomic_fetch_or_explicit(&call->finish, CLAIMED, memory_order_acq_rel);
    if ((before & (CLAIMED | OVER)) == CLAIMED)
        say_twice(call);
    return (before & CLAIMED) == 0;
}

/* From here on the callback is not called any more, and it does not run just now. */
static void forget_callback(gee_call_t *call) {
    if (!atomic_load_explicit(&call->watched, memory_order_acquire))
        return;
    gee_call_apart_t *apart = apart_of(call);
    if (apart == NULL)
        return;
    pthread_mutex_lock(&apart->cancel_lock);
    apart->on_cancel = NULL;
    pthread_mutex_unlock(&apart->cancel_lock);
}

static void finish(gee_call_t *call, gee_code_t code, gee_str_t text) {
    call->handler_status = (gee_status_t){ .code = code, .text = text };
    forget_callback(call);
    if (atomic_fetch_or_explicit(&call->finish, FINISHED, memory_order_acq_rel) & RETURNED)
        hand_on(call);
}

void gee_reply(gee_call_t *call) {
    bool watched = atomic_load_explicit(&call->watched, memory_order_acquire);
    if (is_inside(call) && !has_replied(call) && !watched) /* who watches is not told any more once this has returned */
        set_replied(call, true);
    else if (claim(call))
        finish(call, GEE_OK, GEE_STR(""));
}

/* False: another thread has finished the call before. */
static bool finish_replied(gee_call_t *call) {
    unsigned nothing = 0;
    if (!atomic_compare_exchange_strong_explicit(&call->finish, &nothing, CLAIMED | FINISHED | RETURNED,
                                                 memory_order_acq_rel, memory_order_acquire)) {
        set_replied(call, false);
        say_twice(call);
        return false;
    }
    call->handler_status.code = GEE_OK;
    forget_callback(call);
    return true;
}

bool gee_call_returned(gee_call_t *call) {
    if (has_replied(call) && finish_replied(call))
        return true;
    return (atomic_fetch_or_explicit(&call->finish, RETURNED, memory_order_acq_rel) & FINISHED) != 0;
}

/* Memory of the call that is made with its first use. */
static gee_call_said_t *said_of(gee_call_t *call) {
    if (call->said == NULL && gee_call_pool(call) != NULL)
        call->said = gee_pool_zalloc(call->pool, sizeof(*call->said));
    return call->said;
}

static void add_pair(gee_call_t *call, gee_metadata_t *metadata, size_t *room, gee_str_t key, gee_str_t value) {
    if (metadata->count == *room) {
        size_t more = *room > 0 ? 2 * *room : 4;
        gee_metadata_t grown = { .items = gee_pool_array(call->pool, more, sizeof(*grown.items)) };
        if (grown.items == NULL)
            return;
        if (metadata->count > 0)
            memcpy(grown.items, metadata->items, metadata->count * sizeof(*grown.items));
        metadata->items = grown.items;
        *room = more;
    }
    gee_str_t key_copy = gee_pool_str(call->pool, key), value_copy = gee_pool_str(call->pool, value);
    if (key_copy.data == NULL || value_copy.data == NULL)
        return;
    metadata->items[metadata->count].key = key_copy;
    metadata->items[metadata->count++].value = value_copy;
}

void gee_call_send_metadata(gee_call_t *call, gee_str_t key, gee_str_t value) {
    gee_call_said_t *said = said_of(call);
    if (said != NULL && !said->initial_sent)
        add_pair(call, &said->initial, &said->initial_room, key, value);
}

void gee_call_end_metadata(gee_call_t *call, gee_str_t key, gee_str_t value) {
    gee_call_said_t *said = said_of(call);
    if (said != NULL)
        add_pair(call, &said->more.trailing, &said->trailing_room, key, value);
}

static void set_details(gee_call_t *call, gee_bytes_t details) {
    gee_call_said_t *said = said_of(call);
    if (said != NULL)
        said->more.details =
            gee_pool_str(call->pool, (gee_str_t){ .data = (const char *)details.data, .length = details.length });
}

void gee_call_write_metadata(gee_call_t *call) {
    GEE_ASSERT(call->said != NULL);
    gee_error_t error;
    call->said->initial_sent = true;
    if (call->said->initial.count > 0 && gee_flow_send_metadata(call->flow, &call->said->initial, &error) != 0)
        gee_log(call->engine->log, GEE_LOG_ERROR, "%.*s: its metadata cannot be sent: %s",
                GEE_STR_ARGUMENTS(call->method_name), error.text);
}

void gee_fail(gee_call_t *call, gee_code_t code, const char *text) {
    if (!claim(call))
        return;
    gee_pool_t *pool = gee_call_pool(call);
    char *copy = pool != NULL ? gee_pool_strdup(pool, text ? text : "") : NULL;
    finish(call, code == GEE_OK ? GEE_UNKNOWN : code, copy ? gee_str(copy) : GEE_STR("out of memory"));
}

void gee_fail_with(gee_call_t *call, gee_code_t code, const char *text, gee_bytes_t details) {
    set_details(call, details);
    gee_fail(call, code, text);
}

void gee_failf(gee_call_t *call, gee_code_t code, const char *format, ...) {
    char text[GEE_ERROR_TEXT];
    va_list arguments;
    va_start(arguments, format);
    (void)gee_str_vformat(text, sizeof(text), format, arguments);
    va_end(arguments);
    gee_fail(call, code, text);
}

/* ---- finishing a streaming call ---- */

/* The way of a reply within the handler's invocation is closed by `watched`. */
void gee_call_finish_apart(gee_call_t *call) {
    atomic_store_explicit(&call->watched, true, memory_order_release);
    atomic_fetch_or_explicit(&call->finish, RETURNED, memory_order_acq_rel);
    call->handler_status = (gee_status_t){ .code = GEE_OK };
}

bool gee_call_claim(gee_call_t *call) {
    return (atomic_fetch_or_explicit(&call->finish, CLAIMED | OVER, memory_order_acq_rel) & CLAIMED) == 0;
}

bool gee_call_has_finished(const gee_call_t *call) {
    return (atomic_load_explicit(&call->finish, memory_order_acquire) & CLAIMED) != 0;
}

/* ---- cancelling ---- */

bool gee_call_enter(gee_call_t *call) {
    gee_call_apart_t *apart = apart_of(call);
    GEE_ASSERT(gee_loop_on_thread(call->engine->loop) && apart != NULL);
    pthread_mutex_lock(&apart->cancel_lock);
    if (!gee_call_cancelled(call) && !gee_call_has_finished(call))
        return true;
    pthread_mutex_unlock(&apart->cancel_lock);
    return false;
}

void gee_call_leave(gee_call_t *call) {
    pthread_mutex_unlock(&apart_of(call)->cancel_lock);
}

/* The handler was to go on in a timer or at the end of another call, which now never happens: the handler is through.
 * (A streaming call is finished already.) */
static void finish_abandoned(gee_call_t *call) {
    unsigned returned = RETURNED;
    if (atomic_compare_exchange_strong_explicit(&call->finish, &returned, RETURNED | CLAIMED, memory_order_acq_rel,
                                                memory_order_acquire))
        finish(call, GEE_CANCELLED, GEE_STR("the call was over before its handler"));
}

void gee_call_cancel(gee_call_t *call) {
    bool already = atomic_exchange(&call->cancelled, true);
    gee_call_apart_t *apart = atomic_load(&call->apart);
    if (already || apart == NULL) /* who makes `apart` now sees that the call was cancelled */
        return;
    bool waited = drop_waits(apart);
    pthread_mutex_lock(&apart->cancel_lock);
    if (apart->on_cancel != NULL) {
        void (*callback)(void *) = apart->on_cancel;
        apart->on_cancel = NULL;
        /* Under the lock, so that a finish on another thread waits until the callback has returned. */
        callback(apart->on_cancel_data);
    } else if (waited) {
        finish_abandoned(call);
    }
    pthread_mutex_unlock(&apart->cancel_lock);
}

bool gee_call_cancelled(const gee_call_t *call) {
    return atomic_load_explicit(&call->cancelled, memory_order_acquire);
}

void gee_call_on_cancel(gee_call_t *call, void (*cancelled)(void *data), void *data) {
    gee_call_apart_t *apart = gee_call_get_apart(call);
    atomic_store_explicit(&call->watched, true, memory_order_release);
    if (apart == NULL) {
        gee_log(call->engine->log, GEE_LOG_ERROR, "out of memory: a handler will not hear that its call is over");
        return;
    }
    pthread_mutex_lock(&apart->cancel_lock);
    bool already = atomic_load(&call->cancelled);
    if (!already) {
        apart->on_cancel = cancelled;
        apart->on_cancel_data = data;
    }
    pthread_mutex_unlock(&apart->cancel_lock);
    if (already && cancelled != NULL)
        cancelled(data);
}

/* ---- what a handler asks ---- */

void *gee_call_alloc(gee_call_t *call, size_t size) {
    gee_pool_t *pool = gee_call_pool(call);
    return pool != NULL ? gee_pool_alloc(pool, size) : NULL;
}

gee_pool_t *gee_call_pool(gee_call_t *call) {
    if (call->pool == NULL)
        call->pool = make_pool(call->engine);
    return call->pool;
}

gee_loop_t *gee_call_loop(const gee_call_t *call) {
    return call->engine->loop;
}

int64_t gee_call_deadline(const gee_call_t *call) {
    return call->deadline_ns;
}

gee_str_t gee_call_metadata(const gee_call_t *call, gee_str_t key) {
    return gee_metadata_get(&call->metadata, key);
}

gee_str_t gee_call_method(const gee_call_t *call) {
    return call->method_name;
}

gee_peer_t gee_call_peer(const gee_call_t *call) {
    if (call->peer == NULL)
        return (gee_peer_t){ .address = "", .name = NULL };
    return call->peer->peer;
}
