/* session_serving.c: the serving role: a request becomes a call, which is answered.
 *
 *   request -> call -> dispatch -> answered at once -> written; parse() flushes it, once for all that it was shown
 *                         '-> kept: on the session's list -> answered some time -> written, flushed */
#include <stdlib.h>

#include "core/rpc/engine_private.h"
#include "core/rpc/session_flows.h"
#include "core/rpc/session_private.h"

/* Tokens may repeat: the oldest call is meant. */
void gee_session_on_cancel(gee_session_t *session, const gee_event_t *event) {
    const gee_flow_t *flow = gee_session_find_flow(session, event);
    gee_call_t *call = flow != NULL ? &gee_streaming_of((gee_flow_t *)(uintptr_t)flow)->call
                                    : gee_session_find_token(session, &event->token);
    if (call != NULL)
        session->engine->server->cancel(call, true);
    else
        (void)gee_session_cancel_held(session, event->token.number);
}

/* A reply that its codec refuses becomes an error reply that says so. */
GEE_APART static int send_refused(gee_session_t *session, gee_call_t *call, gee_event_t *event, gee_error_t *error) {
    if (call->status.code != GEE_OK)
        return -1;
    char text[GEE_ERROR_TEXT];
    gee_log(session->engine->log, GEE_LOG_ERROR, "%.*s: its reply cannot be written as %s: %s",
            GEE_STR_ARGUMENTS(call->method_name), call->codec->name, error->text);
    (void)gee_str_format(text, sizeof(text), "rpc server: reply: %s", error->text);
    gee_code_t code = error->code == GEE_RESOURCE_EXHAUSTED ? error->code : GEE_INTERNAL;
    call->status = (gee_status_t){ .code = code, .text = gee_str(text) };
    event->payload = (gee_payload_t){ .kind = GEE_PAYLOAD_EMPTY };
    event->metadata = (gee_metadata_t){ .count = 0 }; /* may be what cannot be written */
    event->more = NULL;
    event->status = call->status;
    int result = session->protocol->send(session, session->protocol_state, event, error);
    call->status.text = GEE_STR("rpc server: the reply could not be written");
    return result;
}

void gee_session_keep(gee_session_t *session, gee_call_t *call) {
    GEE_ASSERT(session->role == GEE_SERVING && call->session == session);
    size_t bytes = call->request_bytes + (call->pool != NULL ? gee_pool_used(call->pool) : 0);
    session->serving.call_bytes += bytes - call->charged;
    call->charged = bytes;
    if (call->kept)
        return;
    call->kept = call->peer_held = true;
    session->peer->references++;
    gee_list_append(&session->calls, &call->session_link);
    session->call_count++;
    if (session->serving.by_token != NULL)
        gee_session_add_token(session, call);
}

static void take_off(gee_session_t *session, gee_call_t *call) {
    gee_list_remove(&call->session_link);
    session->call_count--;
    if (session->serving.by_token != NULL)
        gee_session_remove_token(session, call);
    session->serving.call_bytes -= call->charged;
    call->charged = 0;
}

GEE_APART static void refuse_reply(gee_session_t *session, const gee_call_t *call, gee_error_t *error) {
    gee_error_prefix(error, "reply to %.*s: ", GEE_STR_ARGUMENTS(call->method_name));
    gee_session_refuse(session, error);
}

/* Adds the metadata and details that the handler has said beside its reply. */
GEE_APART static void add_said(const gee_call_t *call, gee_event_t *event) {
    if (!call->said->initial_sent)
        event->metadata = call->said->initial;
    event->more = &call->said->more;
}

static void end_flow(gee_call_t *call) {
    if (call->flow != NULL)
        gee_flow_end(call->flow);
}

/* The answer of a streaming call may be its last message. */
GEE_APART static void end_answered_flow(gee_call_t *call, const gee_event_t *event) {
    call->flow->messages_out += (event->parts & GEE_EVENT_MESSAGE) != 0 && event->status.code == GEE_OK;
    gee_flow_end(call->flow);
}

/* A call was answered that was in flight while others were read. Most sessions have nothing to go on with. */
static inline void go_on(gee_session_t *session) {
    gee_stream_flush(session->stream);
    if (session->flows != NULL || session->pauses != 0 || session->peer_ended || session->state == GEE_SESSION_DRAINING)
        gee_session_go_on(session);
}

/* Each call is answered here: in a function of its own this would cost a call 20 instructions more. */
GEE_ALWAYS_INLINE void send_answer(gee_session_t *session, gee_call_t *call, gee_event_t *event) {
    gee_error_t error;
    const gee_chain_t *out = gee_session_out(session);
    size_t before = out->length;
    call->session = NULL;
    if (call->kept)
        take_off(session, call);
    if (call->said != NULL)
        add_said(call, event);
    if (gee_session_is_ending(session)) {
        end_flow(call);
        return;
    }
    if (session->protocol->send(session, session->protocol_state, event, &error) != 0 &&
        send_refused(session, call, event, &error) != 0) {
        end_flow(call);
        refuse_reply(session, call, &error);
        return;
    }
    call->reply_bytes += out->length - before;
    if (call->flow != NULL)
        end_answered_flow(call, event);
    if (call->kept || !session->parsing) /* else parse() sees to it, once for all that it was shown */
        go_on(session);
}

/* Every wire wants UTF-8; a service that quotes other bytes in its error must not cost its caller the connection. Not
 * in the call's pool, in which its handler may still be at work on another thread. */
GEE_APART static void send_repaired(gee_session_t *session, gee_call_t *call, gee_event_t *event) {
    gee_str_t given = event->status.text;
    char *text = malloc(gee_utf8_repair(NULL, given.data, given.length));
    event->status.text = GEE_STR("rpc server: out of memory for the text of an error");
    if (text != NULL)
        event->status.text = (gee_str_t){ .data = text, .length = gee_utf8_repair(text, given.data, given.length) };
    send_answer(session, call, event);
    free(text);
}

GEE_ALWAYS_INLINE void answer(gee_session_t *session, gee_call_t *call, const gee_payload_t *payload) {
    static const gee_payload_t empty = { .kind = GEE_PAYLOAD_EMPTY };
    if (call->status.code != GEE_OK && call->status.text.length == 0)
        call->status.text = gee_str(gee_code_name(call->status.code)); /* an empty text would read as success */
    gee_event_t event = { .parts = payload != NULL ? GEE_EVENT_REPLY : GEE_EVENT_END,
                          .token = call->token,
                          .method = call->method_name,
                          .codec = call->codec,
                          .flow = call->flow,
                          .payload = payload != NULL ? *payload : empty,
                          .status = call->status };
    if (event.status.text.length == 0 || gee_utf8_valid(event.status.text.data, event.status.text.length))
        send_answer(session, call, &event);
    else
        send_repaired(session, call, &event);
}

void gee_session_answer(gee_session_t *session, gee_call_t *call, const gee_payload_t *payload) {
    answer(session, call, payload);
}

GEE_APART void gee_session_answer_apart(gee_session_t *session, gee_call_t *call, const gee_payload_t *payload) {
    answer(session, call, payload);
}

void gee_session_reply(gee_session_t *session, gee_call_t *call, const gee_type_t *type, const void *value) {
    gee_event_t event = { .parts = GEE_EVENT_REPLY,
                          .token = call->token,
                          .method = call->method_name,
                          .codec = call->codec,
                          .payload = { .kind = GEE_PAYLOAD_TYPED, .type = type, .typed = value } };
    send_answer(session, call, &event);
}
