/* dispatch_streaming.c: streaming calls that handlers of this process serve: from BEGIN to END.
 *
 *   BEGIN -> find, filters -> message -> decode into an arena of its own -> handler on the loop, or on the pool
 *                                 ^                                              | GEE_SEND -> flow
 *                                 '------------------ gee_flow_took() <----------'
 *            half-close -> `last` -> gee_end(), gee_reply(), gee_fail() -> behind what waits: END -> filters -> release
 *            deadline, cancel, peer gone, a rule broken -> END now
 *
 * A unary method may be called like this, too (a wire sends the parts of its request one after another): the message is
 * decoded when it comes, and the handler runs at the half-close. */
#include <stdlib.h>
#include <string.h>

#include "core/base/assert.h"
#include "core/rpc/engine_private.h"
#include "core/rpc/dispatch_private.h"
#include "core/rpc/session_flows.h"
#include "core/rpc/session_private.h"

#define MESSAGE_POOL_SIZE 1024

typedef void (*message_handler_t)(gee_call_t *call, const void *message, void *reply);
typedef void (*last_handler_t)(gee_call_t *call, void *reply);

typedef struct gee_kept_message {
    struct gee_kept_message *next;
    gee_pool_t *pool; /* in which this lies */
} gee_kept_message_t;

static gee_streaming_call_t *streaming_of(gee_call_t *call) {
    return gee_streaming_of(call->flow);
}

static unsigned kind_of(const gee_call_t *call) {
    return call->method->flags & GEE_STREAMING;
}

bool gee_streaming_is_ours(const gee_call_t *call) {
    const gee_method_slot_t *slot = call->method_slot;
    return call->flow != NULL && slot != NULL && slot->target == NULL && call->method != NULL && kind_of(call) != 0;
}

/* ---- arenas of messages ---- */

static gee_pool_t *take_message_pool(gee_engine_t *engine) {
    gee_pool_t *pool = engine->message_pool;
    engine->message_pool = NULL;
    if (pool != NULL || (pool = gee_pool_create(MESSAGE_POOL_SIZE)) == NULL)
        return pool;
    gee_pool_limit(pool, (size_t)engine->limits.call_memory);
    gee_pool_set_meter(pool, &engine->arenas);
    return pool;
}

static void give_message_pool(gee_engine_t *engine, gee_pool_t **pool) {
    if (*pool == NULL)
        return;
    gee_pool_reset(*pool);
    if (engine->message_pool == NULL)
        engine->message_pool = *pool;
    else
        gee_pool_destroy(pool);
    *pool = NULL;
}

void gee_message_keep(gee_call_t *call) {
    gee_streaming_call_t *streaming = streaming_of(call);
    gee_pool_t *pool = streaming->message;
    gee_kept_message_t *kept = pool != NULL ? gee_pool_alloc(pool, sizeof(*kept)) : NULL;
    if (kept == NULL)
        return;
    *kept = (gee_kept_message_t){ .next = streaming->kept, .pool = pool };
    streaming->kept = kept;
    streaming->message = NULL;
}

void gee_streaming_clear(gee_call_t *call) {
    gee_streaming_call_t *streaming = GEE_CONTAINER(call, gee_streaming_call_t, call);
    gee_streaming_thread_destroy(&streaming->thread);
    gee_call_set_data(&streaming->call, NULL, NULL);
    give_message_pool(streaming->call.engine, &streaming->message);
    while (streaming->kept != NULL) {
        gee_kept_message_t *kept = streaming->kept;
        gee_pool_t *pool = kept->pool;
        streaming->kept = kept->next;
        gee_pool_destroy(&pool);
    }
}

/* ---- the end ---- */

/* A handler still runs, or has finished and the loop does not know yet: the memory waits. */
static void release_when_through(gee_call_t *call) {
    const gee_streaming_call_t *streaming = streaming_of(call);
    if (call->handler != GEE_HANDLER_NONE || streaming->call.called_back || streaming->call.task_comes ||
        (streaming->thread != NULL && gee_streaming_thread_is_posted(streaming->thread)))
        return;
    gee_dispatch_release(call);
}

void gee_streaming_enter(gee_call_t *call) {
    GEE_ASSERT(!call->called_back);
    call->called_back = true;
}

void gee_streaming_leave(gee_call_t *call) {
    call->called_back = false;
    if (call->answered)
        release_when_through(call);
}

void gee_streaming_end(gee_call_t *call, gee_code_t code, const char *text) {
    gee_streaming_call_t *streaming = streaming_of(call);
    if (call->answered)
        return;
    if (!gee_call_claim(call) && !streaming->call.ending) /* else from here on gee_end() and the like have no effect */
        streaming->call.task_comes = true;
    gee_dispatch_say_end(call, (gee_status_t){ .code = code, .text = gee_str(text) });
    gee_call_cancel(call);
    if (streaming->thread != NULL) {
        gee_streaming_thread_over(streaming->thread);
        if (call->handler != GEE_HANDLER_NONE && gee_streaming_thread_cancel(streaming->thread))
            gee_call_leave_handler(call);
    }
    release_when_through(call);
}

static void streaming_refuse(gee_call_t *call, const gee_error_t *error) {
    GEE_ASSERT(call->flow != NULL && !call->answered);
    if (gee_streaming_is_ours(call))
        gee_streaming_end(call, error->code, error->text);
    else
        gee_dispatch_end_early(call, error->code, error->text);
}

/* Sends the handler's outcome behind the messages that wait. */
static void finish_answer(gee_call_t *call) {
    gee_streaming_call_t *streaming = streaming_of(call);
    streaming->call.ending = true;
    if (streaming->thread != NULL && !gee_streaming_thread_flush(streaming->thread))
        return;
    if (call->flow->session != NULL && !gee_flow_flushed(call->flow))
        return;
    if (call->handler_status.code == GEE_OK && kind_of(call) == GEE_CLIENT_STREAMING)
        gee_dispatch_say_reply(call);
    else
        gee_dispatch_say_end(call, call->handler_status);
    if (streaming->thread != NULL)
        gee_streaming_thread_over(streaming->thread);
    release_when_through(call);
}

/* Messages of a handler on the pool wait to be sent. */
static void send_waiting(gee_call_t *call) {
    gee_streaming_call_t *streaming = streaming_of(call);
    if (!call->answered)
        (void)gee_streaming_thread_flush(streaming->thread);
    if (call->answered)
        release_when_through(call);
    else if (streaming->call.ending)
        finish_answer(call);
}

/* gee_end(), gee_reply() or gee_fail() was called. */
static void on_streaming_finished(gee_task_t *task) {
    gee_call_t *call = GEE_CONTAINER(task, gee_call_t, finished_task);
    call->task_comes = false;
    if (call->answered)
        release_when_through(call);
    else
        finish_answer(call);
}

/* ---- running handlers ---- */

static void run_message(gee_call_t *call) {
    message_handler_t handler = (message_handler_t)call->method->handler;
    gee_dispatch_running = call;
    handler(call, call->arguments, call->reply);
    gee_dispatch_running = NULL;
}

static void run_last(gee_call_t *call) {
    last_handler_t handler = (last_handler_t)call->method->last;
    gee_dispatch_running = call;
    handler(call, call->reply);
    gee_dispatch_running = NULL;
}

/* A handler has returned, on the loop's thread or on another. A bidirectional handler hears no further message while
 * there is no room for its own. */
static void ran_message(gee_call_t *call) {
    gee_streaming_call_t *streaming = streaming_of(call);
    give_message_pool(call->engine, &streaming->message);
    gee_call_leave_handler(call);
    if (call->answered) {
        release_when_through(call);
        return;
    }
    streaming->call.held_back = kind_of(call) == GEE_STREAMING && call->flow->full;
    if (!streaming->call.held_back)
        gee_flow_took(call->flow);
}

static void ran_last(gee_call_t *call) {
    gee_call_leave_handler(call);
    if (call->answered)
        release_when_through(call);
}

static void run_handler(gee_call_t *call, void (*run)(gee_call_t *call), void (*ran)(gee_call_t *call)) {
    gee_streaming_call_t *streaming = streaming_of(call);
    gee_call_enter_handler(call, streaming->thread != NULL ? GEE_HANDLER_ON_POOL : GEE_HANDLER_ON_LOOP);
    if (streaming->thread == NULL) {
        run(call);
        ran(call);
    } else if (gee_streaming_thread_run(streaming->thread, run, ran) != 0) {
        gee_call_leave_handler(call);
        gee_streaming_end(call, GEE_RESOURCE_EXHAUSTED,
                          "rpc server: the queue for blocking methods is full (thread_pool.queue)");
    }
}

/* ---- messages ---- */

static void refuse_message(gee_call_t *call, gee_error_t *error) {
    gee_error_prefix(error, "rpc server: %.*s: ", GEE_STR_ARGUMENTS(call->method_name));
    gee_streaming_end(call, error->code, error->text);
}

static int decode_message(gee_call_t *call, const gee_payload_t *payload, gee_error_t *error) {
    gee_streaming_call_t *streaming = streaming_of(call);
    streaming->message = take_message_pool(call->engine);
    void *message =
        streaming->message != NULL ? gee_pool_zalloc(streaming->message, call->method->argument->size) : NULL;
    if (message == NULL)
        return gee_error_set(error, GEE_RESOURCE_EXHAUSTED, "out of memory");
    call->arguments = message;
    return payload->codec->decode(payload->codec_state, call->method->argument, payload->bytes, payload->length,
                                  &call->engine->codec_limits, true, streaming->message, message, error);
}

static void on_message(gee_flow_t *flow, const gee_payload_t *payload) {
    gee_call_t *call = &gee_streaming_of(flow)->call;
    gee_error_t error;
    if (gee_call_has_finished(call)) {
        gee_flow_took(flow); /* nobody hears what comes while the end waits behind messages */
    } else if (kind_of(call) == GEE_SERVER_STREAMING && flow->messages_in > 1) {
        gee_streaming_end(call, GEE_INVALID_ARGUMENT, "rpc server: a second message for a method that takes one");
    } else if (decode_message(call, payload, &error) != 0) {
        give_message_pool(call->engine, &streaming_of(call)->message);
        refuse_message(call, &error);
    } else {
        run_handler(call, run_message, ran_message);
    }
}

static void on_half_closed(gee_flow_t *flow) {
    gee_call_t *call = &gee_streaming_of(flow)->call;
    if (gee_call_has_finished(call))
        return;
    if ((kind_of(call) & GEE_CLIENT_STREAMING) != 0)
        run_handler(call, run_last, ran_last);
    else if (flow->messages_in == 0)
        gee_streaming_end(call, GEE_INVALID_ARGUMENT, "rpc server: no message for a method that takes one");
}

static void on_room(gee_flow_t *flow) {
    gee_streaming_call_t *streaming = gee_streaming_of(flow);
    gee_call_t *call = &streaming->call;
    void (*room)(gee_call_t * call, void *data) = streaming->room;
    if (streaming->thread != NULL) {
        gee_streaming_thread_room(streaming->thread);
        send_waiting(call);
        return;
    }
    streaming->room = NULL;
    gee_streaming_enter(call); /* gee_call_resume() in the callback may deliver what ends the call */
    if (room != NULL && !gee_call_has_finished(call)) {
        gee_dispatch_running = call;
        room(call, streaming->room_data);
        gee_dispatch_running = NULL;
    }
    if (call->held_back && !flow->full && !call->answered) {
        call->held_back = false;
        gee_flow_took(flow);
    }
    gee_streaming_leave(call);
}

static void on_flushed(gee_flow_t *flow) {
    finish_answer(&gee_streaming_of(flow)->call);
}

static const gee_flow_events_t handler_events = {
    .message = on_message, .half_closed = on_half_closed, .room = on_room, .flushed = on_flushed
};

/* ---- a unary method whose request comes in parts ---- */

static void on_unary_message(gee_flow_t *flow, const gee_payload_t *payload) {
    gee_call_t *call = &gee_streaming_of(flow)->call;
    if (flow->messages_in > 1)
        gee_dispatch_end(call, GEE_INVALID_ARGUMENT, "rpc server: a second message for a method that takes one");
    else if (gee_dispatch_take_arguments(call, payload) == 0)
        gee_flow_took(flow);
}

static void on_unary_half_closed(gee_flow_t *flow) {
    gee_call_t *call = &gee_streaming_of(flow)->call;
    if (flow->messages_in == 0)
        gee_dispatch_end(call, GEE_INVALID_ARGUMENT, "rpc server: no message for a method that takes one");
    else
        gee_dispatch_run(call);
}

static void on_nothing(gee_flow_t *flow GEE_UNUSED) {}

static const gee_flow_events_t unary_events = {
    .message = on_unary_message, .half_closed = on_unary_half_closed, .room = on_nothing, .flushed = on_nothing
};

/* ---- beginning ---- */

static int make_reply(gee_call_t *call) {
    gee_pool_t *pool = gee_call_pool(call);
    call->reply = pool != NULL ? gee_pool_zalloc(pool, call->method->reply->size) : NULL;
    return call->reply != NULL ? 0 : -1;
}

/* Filters have let the call pass, and its method is one of ours. -1: answered and released. */
static int start_handler(gee_call_t *call) {
    gee_streaming_call_t *streaming = streaming_of(call);
    call->flow->events = &handler_events;
    call->finished_task.run = on_streaming_finished;
    gee_call_finish_apart(call);
    if (kind_of(call) == GEE_CLIENT_STREAMING && make_reply(call) != 0) {
        gee_dispatch_end(call, GEE_RESOURCE_EXHAUSTED, "rpc server: out of memory");
        return -1;
    }
    if ((call->method->flags & GEE_BLOCKING) != 0 && call->engine->threads != NULL &&
        (streaming->thread = gee_streaming_thread_create(streaming, send_waiting)) == NULL) {
        gee_dispatch_end(call, GEE_RESOURCE_EXHAUSTED, "rpc server: out of memory");
        return -1;
    }
    gee_dispatch_start_deadline(call);
    return 0;
}

static int start(gee_call_t *call) {
    const gee_method_slot_t *slot = call->method_slot;
    if (gee_dispatch_refuse(call))
        return -1;
    gee_dispatch_set_deadline(call);
    if (slot->target != NULL)
        return slot->target->open(call);
    if (kind_of(call) != 0)
        return start_handler(call);
    call->flow->events = &unary_events;
    gee_dispatch_start_deadline(call); /* the rest of the request may never come */
    return 0;
}

/* The session looks for the flow again, as what was told before may have ended the call. */
static bool is_alive(const gee_session_t *session, const gee_event_t *event, const gee_flow_t *flow) {
    const gee_event_t same = { .token = event->token };
    return !gee_session_is_ending(session) && gee_session_find_flow(session, &same) == flow;
}

static void tell_parts(gee_session_t *session, const gee_event_t *event, gee_flow_t *flow) {
    gee_call_t *call = &gee_streaming_of(flow)->call;
    gee_error_t error;
    int failed = 0;
    if (event->parts & GEE_EVENT_MESSAGE) {
        gee_session_count_message(flow, &event->payload);
        failed = gee_flow_on_message(flow, &event->payload, &error);
    }
    if (failed == 0 && event->parts & GEE_EVENT_HALF_CLOSE && is_alive(session, event, flow))
        failed = gee_flow_on_half_close(flow, &error);
    if (failed != 0)
        streaming_refuse(call, &error);
}

/* There is no call: its caller is told by hand. */
static void refuse_begin(gee_session_t *session, const gee_event_t *event, gee_code_t code, const char *text) {
    gee_event_t end = { .parts = GEE_EVENT_END,
                        .token = event->token,
                        .method = gee_str_quoted(event->method),
                        .codec = event->codec,
                        .status = { .code = code, .text = gee_str(text) } };
    gee_session_send_event(session, &end);
}

static bool refuses(gee_session_t *session, const gee_event_t *event) {
    gee_flow_t *open = gee_session_find_flow(session, event);
    gee_error_t error;
    if (open != NULL) {
        gee_error_set(&error, GEE_INVALID_ARGUMENT,
                      "rpc server: a second streaming call with the number of an open one");
        streaming_refuse(&gee_streaming_of(open)->call, &error);
        return true;
    }
    if (session->flows != NULL && session->flows->count >= (size_t)session->engine->limits.streams) {
        gee_error_set(&error, GEE_RESOURCE_EXHAUSTED,
                      "rpc server: %zu streaming calls are open on this connection (limits.streams)",
                      session->flows->count);
        refuse_begin(session, event, error.code, error.text);
        return true;
    }
    return false;
}

/* Streaming calls that took all of limits.input would stop the reading, and so could never end. */
static bool refuses_for_input(const gee_session_t *session, gee_error_t *error) {
    uint64_t limit = session->engine->limits.input;
    if (limit == 0 || session->serving.call_bytes < limit)
        return false;
    gee_error_set(error, GEE_RESOURCE_EXHAUSTED,
                  "rpc server: the calls of this connection take %llu bytes (limits.input)",
                  (unsigned long long)session->serving.call_bytes);
    return true;
}

static gee_call_t *create(gee_session_t *session, const gee_event_t *event) {
    gee_call_t *call = gee_call_create_streaming(session->engine);
    if (call == NULL)
        return NULL;
    gee_flow_init(call->flow, session, NULL, event->token.number, event->codec ? event->codec : session->codec, false);
    if (gee_session_add_flow(session, call->flow) != 0) {
        call->flow->session = NULL;
        gee_call_release(call);
        return NULL;
    }
    if (gee_dispatch_fill(session, call, event) != 0) {
        gee_flow_end(call->flow);
        gee_call_release(call);
        return NULL;
    }
    return call;
}

void gee_streaming_begin(gee_session_t *session, const gee_event_t *event) {
    if (refuses(session, event))
        return;
    gee_call_t *call = create(session, event);
    if (call == NULL) {
        refuse_begin(session, event, GEE_RESOURCE_EXHAUSTED, "rpc server: out of memory");
        return;
    }
    gee_flow_t *flow = call->flow;
    call->request_bytes = 0;
    session->calls_total++;
    if (!gee_dispatch_identify(call, event->method))
        return;
    gee_session_keep(session, call);
    gee_error_t error;
    if (refuses_for_input(session, &error)) {
        streaming_refuse(call, &error);
        return;
    }
    if (event->payload.kind == GEE_PAYLOAD_REFUSED) {
        gee_error_set(&error, event->payload.refusal->code, "%.*s", GEE_STR_ARGUMENTS(event->payload.refusal->text));
        streaming_refuse(call, &error);
        return;
    }
    gee_verdict_t verdict = gee_dispatch_pass_filters(call);
    if (verdict == GEE_FILTER_WAIT)
        gee_flow_pause(flow);
    else if (verdict == GEE_FILTER_REFUSE || start(call) != 0)
        return;
    if (is_alive(session, event, flow))
        tell_parts(session, event, flow);
}

void gee_streaming_proceed(gee_call_t *call) {
    gee_flow_t *flow = call->flow;
    gee_verdict_t verdict = gee_dispatch_pass_filters(call);
    if (verdict == GEE_FILTER_PASS && start(call) == 0)
        gee_flow_resume(flow);
}

void gee_streaming_explain_unary(const gee_call_t *call, gee_error_t *error) {
    gee_error_set(error, GEE_UNIMPLEMENTED, "rpc server: %.*s is a streaming method: call it as one",
                  GEE_STR_ARGUMENTS(gee_str_quoted(call->method_name)));
}

void gee_streaming_refuse_unary(gee_call_t *call) {
    gee_error_t error;
    gee_streaming_explain_unary(call, &error);
    gee_dispatch_end(call, error.code, error.text);
}

/* ---- what a handler asks ---- */

/* Each file of a service has its own description of a struct. */
static bool is_same_type(const gee_type_t *one, const gee_type_t *other) {
    return one == other ||
           (one->kind == other->kind && one->size == other->size && strcmp(one->name, other->name) == 0);
}

gee_sent_t gee_send(gee_call_t *call, const gee_type_t *type, const void *message) {
    if (!is_same_type(type, call->method->reply)) {
        gee_failf(call, GEE_INTERNAL, "rpc server: %.*s sends %s, its row says %s",
                  GEE_STR_ARGUMENTS(call->method_name), type->name, call->method->reply->name);
        return GEE_SEND_ENDED;
    }
    gee_streaming_call_t *streaming = streaming_of(call);
    const gee_payload_t payload = { .kind = GEE_PAYLOAD_TYPED, .type = type, .typed = message };
    gee_error_t error;
    if (streaming->thread != NULL && !gee_loop_on_thread(call->engine->loop))
        return gee_streaming_thread_send(streaming->thread, type, message);
    if (gee_call_has_finished(call) || call->answered)
        return GEE_SEND_ENDED;
    if (call->said != NULL && !call->said->initial_sent)
        gee_call_write_metadata(call);
    gee_sent_t sent = gee_flow_send(call->flow, &payload, &error);
    if (sent == GEE_SEND_ENDED && error.code != GEE_OK)
        gee_fail(call, error.code == GEE_RESOURCE_EXHAUSTED ? error.code : GEE_INTERNAL, error.text);
    return sent;
}

void gee_end(gee_call_t *call) {
    gee_reply(call);
}

void gee_call_on_room(gee_call_t *call, void (*room)(gee_call_t *call, void *data), void *data) {
    gee_streaming_call_t *streaming = streaming_of(call);
    streaming->room = room;
    streaming->room_data = data;
}

void gee_call_pause(gee_call_t *call) {
    gee_flow_pause(call->flow);
}

void gee_call_resume(gee_call_t *call) {
    if (!call->answered)
        gee_flow_resume(call->flow);
}

void gee_call_set_data(gee_call_t *call, void *data, void (*release)(void *data)) {
    gee_streaming_call_t *streaming = streaming_of(call);
    void (*before)(void *) = streaming->release_data;
    void *old = streaming->data;
    streaming->data = data;
    streaming->release_data = release;
    if (before != NULL && old != NULL)
        before(old);
}

void *gee_call_data(const gee_call_t *call) {
    return gee_streaming_of(call->flow)->data;
}
