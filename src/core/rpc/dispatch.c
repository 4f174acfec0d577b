/* dispatch.c: from a request to its handler and back.
 *
 *                    +-- refuse --+            +-- times out, cancelled --+
 *                    |            v            |                          v
 *   request -> find, filters -> decode -> handler runs -> finished -> answer -> on_end -> on_release -> free
 *                 |  wait ^  \              loop | pool                  ^
 *                 +-------+   '---- gee_target_t: answered elsewhere ---'
 *
 * A call is answered once (on_end) and released once (on_release); when it is answered early, its handler goes on
 * running and the release waits for it. The table of methods is in service_table.c. */
#include "core/rpc/dispatch.h"

#include <stdlib.h>
#include <string.h>

#include "core/base/clock.h"
#include "core/rpc/dispatch_private.h"
#include "core/rpc/engine_private.h"
#include "core/rpc/metadata.h"
#include "core/rpc/session_private.h"

typedef struct filter_slot {
    const gee_filter_t *filter;
    void *state;
} filter_slot_t;

/* A filter's on_end and on_release in one. */
typedef struct ending {
    void (*run)(void *state, gee_call_t *call);
    void *state;
} ending_t;

struct gee_dispatch {
    gee_engine_t *engine;
    gee_service_table_t *table;
    filter_slot_t filters[GEE_CALL_FILTERS];
    size_t filter_count;
    filter_slot_t active[GEE_CALL_FILTERS]; /* those that have something to do */
    size_t active_count;
    ending_t endings[GEE_CALL_FILTERS]; /* of these, the last one's first */
    size_t ending_count;
    bool apart; /* one of them has on_end and on_release, and nothing that is both */
};

typedef void (*handler_t)(gee_call_t *call, const void *arguments, void *reply);

/* Up to this size arguments are decoded into copies, so that a call in flight does not keep a whole read buffer. */
#define COPY_UP_TO 4096

static void on_timeout(gee_timer_t *timer);
static void on_finished(gee_task_t *task);
static void run_job(gee_job_t *job);
static const gee_session_server_t dispatch_server;

/* ---- making and ending ---- */

static void activate(gee_dispatch_t *dispatch, const filter_slot_t *slot) {
    const gee_filter_t *filter = slot->filter;
    ending_t ending = { .run = filter->on_done  ? filter->on_done
                               : filter->on_end ? filter->on_end
                                                : filter->on_release,
                        .state = slot->state };
    dispatch->active[dispatch->active_count++] = *slot;
    dispatch->apart |= filter->on_done == NULL && filter->on_end != NULL && filter->on_release != NULL;
    if (ending.run == NULL)
        return;
    memmove(dispatch->endings + 1, dispatch->endings, dispatch->ending_count++ * sizeof(ending));
    dispatch->endings[0] = ending;
}

static int start_filters(gee_dispatch_t *dispatch, const gee_filter_entry_t *filters, size_t count,
                         gee_error_t *error) {
    if (count > GEE_CALL_FILTERS)
        return gee_error_set(error, GEE_INTERNAL, "%zu filters, at most %d are possible", count, GEE_CALL_FILTERS);
    for (size_t i = 0; i < count; i++) {
        filter_slot_t *slot = &dispatch->filters[i];
        slot->filter = filters[i].module->interface;
        slot->state = calloc(1, slot->filter->state_size ? slot->filter->state_size : 1);
        if (slot->state == NULL)
            return gee_error_set(error, GEE_RESOURCE_EXHAUSTED, "%s: out of memory", filters[i].module->name);
        if (slot->filter->start != NULL &&
            slot->filter->start(slot->state, filters[i].conf, dispatch->engine, error) != 0) {
            free(slot->state);
            return gee_error_prefix(error, "%s: ", filters[i].module->name);
        }
        dispatch->filter_count++;
        if (slot->filter->idle == NULL || !slot->filter->idle(slot->state))
            activate(dispatch, slot);
    }
    return 0;
}

gee_dispatch_t *gee_dispatch_create(gee_engine_t *engine, const gee_service_entry_t *services, size_t service_count,
                                    const gee_filter_entry_t *filters, size_t filter_count, bool describe,
                                    gee_error_t *error) {
    gee_dispatch_t *dispatch = calloc(1, sizeof(*dispatch));
    if (dispatch == NULL) {
        gee_error_set(error, GEE_RESOURCE_EXHAUSTED, "dispatch: out of memory");
        return NULL;
    }
    dispatch->engine = engine;
    engine->dispatch = dispatch;
    engine->server = &dispatch_server;
    dispatch->table = gee_service_table_create(engine, services, service_count, describe, error);
    if (dispatch->table == NULL || start_filters(dispatch, filters, filter_count, error) != 0)
        gee_dispatch_destroy(&dispatch);
    return dispatch;
}

void gee_dispatch_destroy(gee_dispatch_t **handle) {
    gee_dispatch_t *dispatch = *handle;
    if (dispatch == NULL)
        return;
    *handle = NULL;
    for (size_t i = dispatch->filter_count; i-- > 0;) {
        filter_slot_t *slot = &dispatch->filters[i];
        if (slot->filter->stop != NULL)
            slot->filter->stop(slot->state);
        free(slot->state);
    }
    gee_service_table_destroy(&dispatch->table);
    dispatch->engine->dispatch = NULL;
    dispatch->engine->server = NULL;
    free(dispatch);
}

gee_service_table_t *gee_dispatch_table(const gee_dispatch_t *dispatch) {
    return dispatch->table;
}

bool gee_dispatch_knows(const gee_dispatch_t *dispatch, gee_str_t method) {
    return gee_service_table_knows(dispatch->table, method);
}

size_t gee_dispatch_method_count(const gee_dispatch_t *dispatch) {
    return gee_service_table_method_count(dispatch->table);
}

size_t gee_dispatch_method_number(const gee_dispatch_t *dispatch GEE_UNUSED, const gee_call_t *call) {
    return call->method_number != UINT32_MAX ? call->method_number : SIZE_MAX;
}

gee_str_t gee_dispatch_method_name(const gee_dispatch_t *dispatch GEE_UNUSED, const gee_call_t *call) {
    const gee_method_slot_t *slot = call->method_slot;
    return slot ? slot->name : GEE_STR("");
}

const gee_service_entry_t *gee_dispatch_service(const gee_dispatch_t *dispatch, size_t n) {
    return gee_service_table_entry(dispatch->table, n);
}

static const gee_method_slot_t *slot_of(const gee_call_t *call) {
    return call->method_slot;
}

/* ---- the end of a call ---- */

static void stop_waiting(gee_call_t *call) {
    GEE_ASSERT(!call->answered);
    call->answered = true;
    if (call->timed)
        gee_timer_stop(call->engine->loop, &call->timer);
}

/* Tells the outcome to the call whose handler has made this call, if the outcome is still wanted. */
GEE_APART static void tell_caller(gee_call_t *call, const gee_payload_t *payload) {
    const gee_call_apart_t *apart = call->apart;
    if (apart->tell != NULL)
        apart->tell(call, payload);
}

/* The peer hears of the outcome (call->status) when it is still there. Apart: for outcomes that are rare. */
GEE_APART static void tell_peer_apart(gee_call_t *call, const gee_payload_t *payload) {
    stop_waiting(call);
    if (call->session != NULL)
        gee_session_answer_apart(call->session, call, payload);
    else if (call->depth > 0)
        tell_caller(call, payload);
}

static void tell_peer(gee_call_t *call, const gee_payload_t *payload) {
    stop_waiting(call);
    if (call->session != NULL)
        gee_session_answer(call->session, call, payload);
    else if (call->depth > 0)
        tell_caller(call, payload);
}

static void end(gee_call_t *call) {
    const gee_dispatch_t *dispatch = call->engine->dispatch;
    for (size_t i = call->filters_passed; i-- > 0;) {
        const filter_slot_t *slot = &dispatch->active[i];
        if (slot->filter->on_end != NULL)
            slot->filter->on_end(slot->state, call);
    }
    call->status.text = GEE_STR(""); /* may have been on somebody's stack */
}

static void release(gee_call_t *call) {
    const gee_dispatch_t *dispatch = call->engine->dispatch;
    for (size_t i = call->filters_passed; i-- > 0;) {
        const filter_slot_t *slot = &dispatch->active[i];
        if (slot->filter->on_release != NULL)
            slot->filter->on_release(slot->state, call);
    }
    gee_call_release(call);
}

static void end_and_release(gee_call_t *call) {
    const gee_dispatch_t *dispatch = call->engine->dispatch;
    if (dispatch->apart || call->filters_passed < dispatch->active_count) {
        end(call);
        release(call);
        return;
    }
    for (const ending_t *ending = dispatch->endings; ending < dispatch->endings + dispatch->ending_count; ending++)
        ending->run(ending->state, call);
    gee_call_release(call);
}

void gee_dispatch_answer(gee_call_t *call, gee_status_t status, const gee_payload_t *payload) {
    call->status = status;
    tell_peer(call, payload);
    end_and_release(call);
}

static void answer_and_release(gee_call_t *call, gee_code_t code, const char *text) {
    gee_payload_t empty = { .kind = GEE_PAYLOAD_EMPTY };
    gee_dispatch_answer(call, (gee_status_t){ .code = code, .text = gee_str(text) }, &empty);
}

GEE_APART static void finished_late(gee_call_t *call) {
    call->engine->late_handlers--;
    gee_log(call->engine->log, GEE_LOG_DEBUG, "%.*s finished after its call was answered",
            GEE_STR_ARGUMENTS(call->method_name));
    release(call);
}

GEE_APART static void failed(gee_call_t *call) {
    gee_payload_t empty = { .kind = GEE_PAYLOAD_EMPTY };
    gee_dispatch_answer(call, call->handler_status, &empty);
}

GEE_APART static void tell_reply(gee_call_t *call) {
    gee_payload_t reply = { .kind = GEE_PAYLOAD_TYPED, .type = call->method->reply, .typed = call->reply };
    tell_caller(call, &reply);
}

static void finished(gee_call_t *call) {
    gee_call_leave_handler(call);
    if (call->answered) {
        finished_late(call);
    } else if (call->handler_status.code != GEE_OK) {
        failed(call);
    } else {
        stop_waiting(call);
        if (call->session != NULL)
            gee_session_reply(call->session, call, call->method->reply, call->reply);
        else if (call->depth > 0)
            tell_reply(call);
        end_and_release(call);
    }
}

static void on_finished(gee_task_t *task) {
    finished(GEE_CONTAINER(task, gee_call_t, finished_task));
}

/* Answers while the handler may still run; then tells it that nobody waits any more. */
static void answer_early(gee_call_t *call, gee_code_t code, const char *text) {
    if (gee_streaming_is_ours(call)) {
        gee_streaming_end(call, code, text);
        return;
    }
    if (call->handler == GEE_HANDLER_ON_POOL && gee_thread_pool_cancel(call->engine->threads, &call->apart->job))
        gee_call_leave_handler(call);
    if (call->forwarded != NULL)
        slot_of(call)->target->cancel(call);
    if (call->handler == GEE_HANDLER_NONE) {
        answer_and_release(call, code, text);
        return;
    }
    gee_payload_t empty = { .kind = GEE_PAYLOAD_EMPTY };
    call->engine->late_handlers++;
    call->status = (gee_status_t){ .code = code, .text = gee_str(text) };
    tell_peer_apart(call, &empty);
    end(call);
    /* What the callback finishes is handed on by a task, so the call outlives this line. */
    gee_call_cancel(call);
}

/* GeeRPC's own words. The pool belongs to the handler's thread, so the text must not come from there. */
typedef struct timeout_text {
    char text[sizeof("rpc server: request handle timeout: expect within ") + GEE_DURATION_TEXT];
} timeout_text_t;

static const char *explain_timeout(int64_t timeout_ns, timeout_text_t *place) {
    char duration[GEE_DURATION_TEXT];
    (void)gee_str_format(place->text, sizeof(place->text), "rpc server: request handle timeout: expect within %s",
                         gee_format_duration_go(duration, gee_round_duration(timeout_ns)));
    return place->text;
}

static void on_timeout(gee_timer_t *timer) {
    gee_call_t *call = GEE_CONTAINER(timer, gee_call_t, timer);
    timeout_text_t place;
    answer_early(call, GEE_DEADLINE_EXCEEDED, explain_timeout(call->timeout_ns, &place));
}

static void cancel(gee_call_t *call, bool wanted) {
    GEE_ASSERT(!call->answered);
    if (!wanted) {
        gee_list_remove(&call->session_link);
        call->session = NULL;
        if (call->flow != NULL)
            gee_flow_end(call->flow);
    }
    answer_early(call, GEE_CANCELLED, wanted ? "rpc server: call cancelled by its caller" : "the caller is gone");
}

/* ---- running handlers ---- */

_Thread_local const gee_call_t *gee_dispatch_running;

static void run(gee_call_t *call) {
    handler_t handler = (handler_t)call->method->handler;
    gee_dispatch_running = call;
    handler(call, call->arguments, call->reply);
    gee_dispatch_running = NULL;
}

static void run_job(gee_job_t *job) {
    gee_call_apart_t *apart = GEE_CONTAINER(job, gee_call_apart_t, job);
    gee_call_t *call = apart->call;
    gee_loop_t *loop = call->engine->loop;
    run(call);
    if (gee_call_returned(call))
        gee_loop_post(loop, &call->finished_task);
}

static void start_deadline(gee_call_t *call) {
    if (call->deadline_ns == INT64_MAX)
        return;
    call->timed = true;
    if (gee_timer_start_at(call->engine->loop, &call->timer, call->deadline_ns) != 0)
        gee_log(call->engine->log, GEE_LOG_ERROR, "out of memory: a call runs without its deadline");
}

/* The call goes on beyond its request. */
static void keep(gee_call_t *call) {
    if (call->session != NULL)
        gee_session_keep(call->session, call);
}

GEE_APART static void run_on_pool(gee_call_t *call) {
    keep(call);
    gee_call_apart_t *apart = gee_call_get_apart(call); /* a unary call has it from the beginning */
    if (apart == NULL) {
        answer_and_release(call, GEE_RESOURCE_EXHAUSTED, "rpc server: out of memory");
        return;
    }
    apart->job.run = run_job;
    gee_call_enter_handler(call, GEE_HANDLER_ON_POOL);
    if (gee_thread_pool_submit(call->engine->threads, &apart->job)) {
        start_deadline(call);
        return;
    }
    gee_call_leave_handler(call);
    answer_and_release(call, GEE_RESOURCE_EXHAUSTED,
                       "rpc server: the queue for blocking methods is full (thread_pool.queue)");
}

GEE_ALWAYS_INLINE void run_on_loop(gee_call_t *call) {
    gee_call_enter_handler(call, GEE_HANDLER_ON_LOOP);
    run(call);
    if (gee_call_returned(call)) {
        finished(call);
        return;
    }
    keep(call);
    start_deadline(call);
}

static void set_deadline(gee_call_t *call) {
    const gee_method_slot_t *slot = call->method_slot;
    int64_t timeout = slot->policy->timeout_ns;
    if (call->session != NULL && call->session->handle_timeout_ns > 0 &&
        (timeout == 0 || call->session->handle_timeout_ns < timeout))
        timeout = call->session->handle_timeout_ns;
    if (call->timeout_ns > 0 && (timeout == 0 || call->timeout_ns < timeout))
        timeout = call->timeout_ns;
    call->timeout_ns = timeout;
    call->deadline_ns = timeout ? gee_time_add(call->started_ns, timeout) : INT64_MAX;
}

/* Mostly a few words. (The compiler sees a block of known size: no function is called.) */
static void *take_zeroed(gee_pool_t *pool, size_t size) {
    enum { BLOCK = 64 };
    if (size > BLOCK)
        return gee_pool_zalloc(pool, size);
    void *memory = gee_pool_alloc(pool, BLOCK);
    return memory ? memset(memory, 0, BLOCK) : NULL;
}

GEE_ALWAYS_INLINE int decode_arguments(gee_call_t *call, const gee_payload_t *payload, gee_error_t *error) {
    const gee_method_slot_t *slot = call->method_slot;
    char *arguments = take_zeroed(call->pool, slot->memory);
    if (arguments == NULL)
        return gee_error_set(error, GEE_RESOURCE_EXHAUSTED, "out of memory");
    call->arguments = arguments;
    call->reply = arguments + slot->reply_offset;
    if (payload->kind != GEE_PAYLOAD_BYTES)
        return gee_error_set(error, GEE_INTERNAL, "arguments are not bytes");
    bool copy = payload->length <= COPY_UP_TO;
    if (!copy && call->held == NULL && payload->buf != NULL)
        call->held = gee_buf_hold(payload->buf);
    return payload->codec->decode(payload->codec_state, slot->method->argument, payload->bytes, payload->length,
                                  &call->engine->codec_limits, copy || call->held == NULL, call->pool, arguments,
                                  error);
}

GEE_APART static void refuse_arguments(gee_call_t *call, gee_error_t *error) {
    gee_str_t shown = gee_str_quoted(call->method_name);
    if (call->method != NULL && (call->method->flags & GEE_STREAMING) != 0)
        gee_streaming_explain_unary(call, error); /* first things first: other arguments would not help */
    else
        gee_error_prefix(error, "rpc server: %.*s: ", GEE_STR_ARGUMENTS(shown));
    answer_and_release(call, error->code, error->text);
}

/* A method that is blocking, or that has no unary calls. */
GEE_APART static void run_apart(gee_call_t *call) {
    if ((call->method->flags & GEE_STREAMING) != 0) {
        gee_streaming_refuse_unary(call);
    } else if (call->engine->threads != NULL) {
        run_on_pool(call);
    } else {
        run_on_loop(call);
    }
}

GEE_ALWAYS_INLINE void run_decoded(gee_call_t *call) {
    call->finished_task.run = on_finished;
    call->timer.fire = on_timeout;
    if ((call->method->flags & (GEE_BLOCKING | GEE_STREAMING)) != 0)
        run_apart(call);
    else
        run_on_loop(call);
}

GEE_ALWAYS_INLINE void invoke(gee_call_t *call, const gee_payload_t *payload) {
    gee_error_t error;
    if (decode_arguments(call, payload, &error) != 0) {
        refuse_arguments(call, &error);
        return;
    }
    set_deadline(call);
    run_decoded(call);
}

/* ---- filters, then the method ---- */

GEE_APART static void refuse_unknown(gee_call_t *call) {
    gee_error_t error;
    bool go_words = call->session != NULL && call->session->protocol->go_words;
    if (call->name_cut)
        gee_error_set(&error, GEE_RESOURCE_EXHAUSTED,
                      "rpc server: the method's name is over %llu bytes (limits.method): %.*s...",
                      (unsigned long long)call->engine->limits.method, GEE_STR_ARGUMENTS(call->method_name));
    else
        gee_service_table_explain(call->engine->dispatch->table, call->method_name, go_words, &error);
    answer_and_release(call, error.code, error.text);
}

/* `reason` null: there was no memory to keep it. */
GEE_APART static void refuse_message(gee_call_t *call, const gee_status_t *reason) {
    static const gee_status_t forgotten = { .code = GEE_RESOURCE_EXHAUSTED, .text = GEE_STR("over a limit") };
    gee_error_t error;
    if (reason == NULL)
        reason = &forgotten;
    gee_error_set(&error, reason->code, "%.*s", GEE_STR_ARGUMENTS(reason->text));
    refuse_arguments(call, &error);
}

/* Null: no memory. */
static const gee_status_t *copy_status(const gee_call_t *call, const gee_status_t *status) {
    gee_status_t *copy = gee_pool_alloc(call->pool, sizeof(*copy));
    if (copy != NULL)
        *copy = (gee_status_t){ .code = status->code, .text = gee_pool_str(call->pool, status->text) };
    return copy != NULL && copy->text.data != NULL ? copy : NULL;
}

/* A name that is too long is cut, for filters and in the reply, too: the echo is no longer than the request. */
static gee_str_t cut_name(gee_call_t *call, gee_str_t method) {
    call->name_cut = true;
    return gee_str_quoted(method);
}

/* The name of a method that is not in the table goes into the call's memory, since the name may be made up. -1: no
 * room. */
GEE_APART static int keep_name(gee_call_t *call, gee_str_t method) {
    uint64_t longest = call->engine->limits.method;
    if (longest > 0 && method.length > longest)
        method = cut_name(call, method);
    gee_pool_t *pool = gee_call_pool(call);
    call->method_name = pool != NULL ? gee_pool_str(pool, method) : (gee_str_t){ .data = NULL };
    if (call->method_name.data != NULL)
        return 0;
    call->method_name = method;
    return -1;
}

static bool has_name(const gee_method_slot_t *slot, gee_str_t method) {
    return slot != NULL && slot->name.length == method.length && slot->name.data[method.length - 1] != '*';
}

/* Its caller's time was over before it was sent. */
GEE_APART static void refuse_late(gee_call_t *call) {
    timeout_text_t place;
    answer_and_release(call, GEE_DEADLINE_EXCEEDED, explain_timeout(call->timeout_ns, &place));
}

/* Keeps what the call needs while a filter makes it wait. */
GEE_APART static void keep_payload(gee_call_t *call, const gee_payload_t *payload) {
    gee_payload_t *kept = &call->apart->payload;
    *kept = *payload;
    if (payload->kind == GEE_PAYLOAD_REFUSED)
        kept->refusal = copy_status(call, payload->refusal);
    if (payload->buf != NULL && call->held == NULL)
        call->held = gee_buf_hold(payload->buf);
    keep(call);
}

static bool is_identified(const gee_call_t *call) {
    return call->peer != NULL && call->peer->identity != NULL;
}

/* REFUSE: the call was answered and released. */
GEE_ALWAYS_INLINE gee_verdict_t pass_filters(gee_call_t *call) {
    gee_dispatch_t *dispatch = call->engine->dispatch;
    while (call->filters_passed < dispatch->active_count) {
        const filter_slot_t *slot = &dispatch->active[call->filters_passed++];
        if (slot->filter->on_call == NULL || (slot->filter->for_identified && !is_identified(call)))
            continue;
        gee_status_t status = { .code = GEE_PERMISSION_DENIED, .text = GEE_STR("rpc server: refused") };
        gee_verdict_t verdict = slot->filter->on_call(slot->state, call, &status);
        if (verdict == GEE_FILTER_REFUSE)
            gee_call_refuse(call, &status);
        if (verdict != GEE_FILTER_PASS)
            return verdict;
    }
    return GEE_FILTER_PASS;
}

GEE_ALWAYS_INLINE void go_on(gee_call_t *call, const gee_payload_t *payload) {
    gee_verdict_t verdict = pass_filters(call);
    if (verdict != GEE_FILTER_PASS) {
        if (verdict == GEE_FILTER_WAIT)
            keep_payload(call, payload);
        return;
    }
    const gee_method_slot_t *method = call->method_slot;
    if (payload->kind == GEE_PAYLOAD_REFUSED) {
        refuse_message(call, payload->refusal);
    } else if (method == NULL) {
        refuse_unknown(call);
    } else if (call->timeout_ns < 0) {
        refuse_late(call);
    } else if (method->target != NULL) {
        set_deadline(call);
        method->target->start(call, payload);
    } else {
        invoke(call, payload);
    }
}

/* False: the call was answered and released. */
GEE_ALWAYS_INLINE bool identify(gee_call_t *call, gee_str_t method, const gee_method_slot_t *slot) {
    call->started_ns = gee_loop_now(call->engine->loop);
    if (has_name(slot, method)) {
        call->method_name = slot->name; /* which stays */
    } else if (keep_name(call, method) != 0) {
        answer_and_release(call, GEE_RESOURCE_EXHAUSTED, "rpc server: out of memory");
        return false;
    } else if (call->name_cut) {
        slot = NULL;
    }
    call->reply_bytes = 0; /* unless an answer is written */
    call->method_number = slot != NULL ? (uint32_t)slot->number : UINT32_MAX;
    call->method_slot = (void *)(uintptr_t)slot;
    call->method = slot != NULL ? slot->method : NULL;
    return true;
}

GEE_ALWAYS_INLINE void begin_request(gee_call_t *call, gee_str_t method, const gee_payload_t *payload) {
    call->request_bytes = payload->message_length ? payload->message_length : payload->length;
    if (identify(call, method, gee_service_table_find(call->engine->dispatch->table, method)))
        go_on(call, payload);
}

/* For what is rare. */
GEE_APART static void go_on_apart(gee_call_t *call, const gee_payload_t *payload) {
    go_on(call, payload);
}

void gee_dispatch_request(gee_call_t *call, gee_str_t method, const gee_payload_t *payload) {
    call->request_bytes = payload->message_length ? payload->message_length : payload->length;
    if (gee_dispatch_identify(call, method))
        go_on_apart(call, payload);
}

/* ---- from a session ---- */

static int fill_call(gee_session_t *session, gee_call_t *call, const gee_event_t *event) {
    call->session = session;
    call->peer = session->peer;
    call->token.number = event->token.number;
    call->codec = event->codec ? event->codec : session->codec;
    call->timeout_ns = event->timeout_ns;
    if (event->token.raw.data != NULL) {
        call->token.raw = gee_pool_str(call->pool, event->token.raw);
        if (call->token.raw.data == NULL)
            return -1;
    }
    if (event->metadata.count == 0)
        return 0;
    return gee_metadata_copy(&call->metadata, &event->metadata, gee_call_pool(call));
}

/* There is not even memory for a call: its caller is told by hand. */
GEE_APART static void refuse_for_memory(gee_session_t *session, const gee_event_t *event) {
    gee_event_t reply = { .parts = GEE_EVENT_REPLY,
                          .token = event->token,
                          .method = gee_str_quoted(event->method),
                          .codec = event->codec,
                          .status = { .code = GEE_RESOURCE_EXHAUSTED, .text = GEE_STR("rpc server: out of memory") } };
    gee_session_send_event(session, &reply);
}

static void begin(gee_session_t *session, const gee_event_t *event) {
    if (event->parts != GEE_EVENT_REQUEST) {
        gee_streaming_begin(session, event);
        return;
    }
    gee_call_t *call = gee_call_create(session->engine);
    if (call == NULL || fill_call(session, call, event) != 0) {
        if (call != NULL)
            gee_call_release(call);
        refuse_for_memory(session, event);
        return;
    }
    session->calls_total++;
    begin_request(call, event->method, &event->payload);
}

/* The peer broke the rules of a streaming call. */
static void refuse(gee_call_t *call, const gee_error_t *error) {
    gee_dispatch_end_early(call, error->code, error->text);
}

static const gee_session_server_t dispatch_server = {
    .begin = begin, .refuse = refuse, .clear = gee_streaming_clear, .cancel = cancel
};

/* ---- for dispatch_streaming.c ---- */

GEE_APART int gee_dispatch_fill(gee_session_t *session, gee_call_t *call, const gee_event_t *event) {
    return fill_call(session, call, event);
}

GEE_APART bool gee_dispatch_identify(gee_call_t *call, gee_str_t method) {
    return identify(call, method, gee_service_table_find_apart(call->engine->dispatch->table, method));
}

GEE_APART gee_verdict_t gee_dispatch_pass_filters(gee_call_t *call) {
    return pass_filters(call);
}

GEE_APART bool gee_dispatch_refuse(gee_call_t *call) {
    if (call->method_slot == NULL)
        refuse_unknown(call);
    else if (call->timeout_ns < 0)
        refuse_late(call);
    else
        return false;
    return true;
}

GEE_APART void gee_dispatch_set_deadline(gee_call_t *call) {
    set_deadline(call);
}

GEE_APART void gee_dispatch_start_deadline(gee_call_t *call) {
    call->timer.fire = on_timeout;
    start_deadline(call);
}

GEE_APART int gee_dispatch_take_arguments(gee_call_t *call, const gee_payload_t *payload) {
    gee_error_t error;
    if (gee_call_pool(call) != NULL && decode_arguments(call, payload, &error) == 0)
        return 0;
    refuse_arguments(call, &error);
    return -1;
}

GEE_APART void gee_dispatch_run(gee_call_t *call) {
    run_decoded(call);
}

GEE_APART void gee_dispatch_end(gee_call_t *call, gee_code_t code, const char *text) {
    answer_and_release(call, code, text);
}

GEE_APART void gee_dispatch_end_early(gee_call_t *call, gee_code_t code, const char *text) {
    answer_early(call, code, text);
}

GEE_APART void gee_dispatch_say_end(gee_call_t *call, gee_status_t status) {
    call->status = status;
    tell_peer_apart(call, NULL);
    end(call);
}

GEE_APART void gee_dispatch_release(gee_call_t *call) {
    release(call);
}

GEE_APART void gee_dispatch_say_reply(gee_call_t *call) {
    stop_waiting(call);
    const gee_payload_t reply = { .kind = GEE_PAYLOAD_TYPED, .type = call->method->reply, .typed = call->reply };
    call->status = (gee_status_t){ .code = GEE_OK };
    if (call->session != NULL)
        gee_session_answer_apart(call->session, call, &reply);
    end(call);
}

void gee_dispatch_end_streaming(gee_call_t *call, gee_status_t status, const gee_payload_t *payload) {
    call->status = status;
    tell_peer_apart(call, payload);
    end_and_release(call);
}

/* ---- for filters ---- */

void gee_call_proceed(gee_call_t *call) {
    if (call->flow != NULL) {
        gee_streaming_proceed(call);
        return;
    }
    gee_payload_t payload = call->apart->payload;
    go_on_apart(call, &payload);
}

void gee_call_refuse(gee_call_t *call, const gee_status_t *status) {
    gee_payload_t empty = { .kind = GEE_PAYLOAD_EMPTY };
    gee_dispatch_answer(call, *status, &empty);
}
