/* session_calls.c: the calling role: requests that wait for their replies, by a number of ours. */
#include <string.h>

#include "core/rpc/engine_private.h"
#include "core/rpc/session_flows.h"
#include "core/rpc/session_private.h"

static void let_go(gee_session_t *session, gee_outgoing_t *outgoing) {
    if (gee_timer_started(&outgoing->timer))
        gee_timer_stop(session->engine->loop, &outgoing->timer);
    outgoing->session = NULL;
    session->call_count--;
}

static void take_off(gee_session_t *session, gee_outgoing_t *outgoing) {
    gee_waiting_remove(&session->calling.waiting, outgoing);
    let_go(session, outgoing);
}

static void fail(gee_outgoing_t *outgoing, const gee_error_t *reason) {
    gee_event_t end = { .parts = GEE_EVENT_END, .status = { .code = reason->code, .text = gee_str(reason->text) } };
    if (outgoing->streaming)
        (void)gee_flow_on_end(outgoing->flow, &end, false);
    else
        outgoing->done(outgoing, &end);
}

static void end(gee_outgoing_t *outgoing, void *reason) {
    take_off(outgoing->session, outgoing);
    fail(outgoing, reason);
}

void gee_session_fail_calls(gee_session_t *session, const gee_error_t *reason) {
    gee_waiting_end(&session->calling.waiting, session->calling.next_number, end, (void *)(uintptr_t)reason);
}

GEE_APART static void drop_reply(gee_session_t *session, const gee_event_t *event) {
    gee_log(session->engine->log, GEE_LOG_DEBUG, "%s: a reply that nobody waits for was dropped",
            gee_session_peer_text(session));
    if (!gee_waiting_was_given_up(&session->calling.waiting, event->token.number))
        return;
    session->calling.abandoned--;
    session->events->slot_freed(session, session->owner);
}

/* Replies mostly come in the order of their requests: what that one's owner looks at is on its way when it is there. */
static void fetch_later(const gee_waiting_t *waiting, uint64_t number) {
    enum { AHEAD = 2, AROUND = 2 * GEE_CACHE_LINE };
    uintptr_t later = (uintptr_t)waiting->slots[(number + AHEAD) & waiting->mask];
    if (later != 0)
        gee_fetch_lines(later - AROUND, 2 * AROUND);
}

/* There is a reply, which is not taken: the peer is not to be asked again. Or the call has ended as a streaming call
 * does, without a reply. */
GEE_APART static void refuse_reply(gee_session_t *session, gee_outgoing_t *outgoing, const gee_payload_t *reply) {
    gee_event_t end = { .parts = GEE_EVENT_END,
                        .status = { .code = GEE_INTERNAL, .text = GEE_STR("the call has ended without a reply") } };
    take_off(session, outgoing);
    outgoing->answered = true;
    outgoing->refused = reply->kind == GEE_PAYLOAD_REFUSED;
    if (outgoing->refused)
        end.status = *reply->refusal;
    outgoing->done(outgoing, &end);
}

GEE_APART void gee_session_on_reply(gee_session_t *session, const gee_event_t *event) {
    gee_outgoing_t *outgoing = gee_waiting_find(&session->calling.waiting, event->token.number);
    if (outgoing == NULL) {
        drop_reply(session, event);
        return;
    }
    if (outgoing->streaming) {
        gee_session_on_flow_end(session, outgoing, event);
        return;
    }
    if (event->payload.kind != GEE_PAYLOAD_BYTES && event->status.code == GEE_OK) {
        refuse_reply(session, outgoing, &event->payload);
        return;
    }
    fetch_later(&session->calling.waiting, event->token.number);
    take_off(session, outgoing);
    outgoing->answered = true;
    outgoing->done(outgoing, event);
}

static bool send_cancel(gee_session_t *session, const gee_outgoing_t *outgoing) {
    gee_event_t event = { .parts = GEE_EVENT_CANCEL, .token = { .number = outgoing->number } };
    gee_error_t error;
    if (!gee_session_can(session, GEE_EVENT_CANCEL) ||
        session->protocol->send(session, session->protocol_state, &event, &error) != 0)
        return false;
    gee_stream_flush(session->stream);
    return true;
}

/* Nobody waits for it any more. */
static void abandon(gee_session_t *session, gee_outgoing_t *outgoing) {
    if (outgoing->streaming && !outgoing->flow->opened && !gee_session_is_ending(session)) {
        gee_session_cancel_later(session, outgoing->flow);
        take_off(session, outgoing);
        return;
    }
    if (gee_session_is_ending(session) || send_cancel(session, outgoing) || session->events == NULL ||
        session->events->slot_freed == NULL || gee_waiting_give_up(&session->calling.waiting, outgoing) != 0) {
        take_off(session, outgoing);
        return;
    }
    session->calling.abandoned++;
    outgoing->slot_kept = true;
    let_go(session, outgoing);
}

static void on_timeout(gee_timer_t *timer) {
    gee_outgoing_t *outgoing = GEE_CONTAINER(timer, gee_outgoing_t, timer);
    gee_error_t error;
    char text[GEE_DURATION_TEXT];
    gee_error_set(&error, GEE_DEADLINE_EXCEEDED, "no reply within %s", gee_format_duration(text, outgoing->timeout_ns));
    abandon(outgoing->session, outgoing);
    fail(outgoing, &error); /* which ends the flow of a streaming call */
}

/* All of it or nothing: a peer ends the connection, which others share, at a message that is too long for it. */
GEE_ALWAYS_INLINE int send_request(gee_session_t *session, gee_outgoing_t *outgoing, const gee_event_t *event,
                                   gee_error_t *error) {
    gee_chain_t *out = gee_session_out(session);
    const gee_codec_t *codec = session->codec;
    gee_mark_t mark = gee_chain_mark(out);
    uint64_t codec_mark = codec->mark ? codec->mark(session->send_state) : 0;
    size_t before = out->length, limit = session->calling.message_limit;
    if (session->protocol->send(session, session->protocol_state, event, error) != 0)
        return -1;
    if (limit == 0 || out->length - before <= limit)
        return 0;
    size_t length = out->length - before;
    gee_chain_rewind(out, mark);
    if (codec->rewind != NULL)
        codec->rewind(session->send_state, codec_mark);
    outgoing->refused = true;
    return gee_error_set(error, GEE_RESOURCE_EXHAUSTED, "the message would be %zu bytes, over %zu (limits.message)",
                         length, limit);
}

/* The request waits from now on. */
GEE_ALWAYS_INLINE int put(gee_session_t *session, gee_outgoing_t *outgoing, int64_t timeout_ns, gee_error_t *error) {
    outgoing->session = session;
    outgoing->number = session->calling.next_number;
    outgoing->timeout_ns = timeout_ns;
    outgoing->timer = (gee_timer_t){ .fire = on_timeout };
    outgoing->answered = outgoing->slot_kept = outgoing->refused = outgoing->streaming = false;
    if (gee_waiting_put(&session->calling.waiting, outgoing) != 0) {
        outgoing->session = NULL;
        return gee_error_set(error, GEE_RESOURCE_EXHAUSTED, "out of memory");
    }
    session->call_count++;
    if (timeout_ns > 0 && gee_timer_start(session->engine->loop, &outgoing->timer, timeout_ns) != 0) {
        take_off(session, outgoing);
        return gee_error_set(error, GEE_RESOURCE_EXHAUSTED, "out of memory");
    }
    return 0;
}

GEE_APART static int refuse_call(const gee_session_t *session, gee_error_t *error) {
    return gee_error_set(error, GEE_UNAVAILABLE,
                         session->state == GEE_SESSION_DRAINING ? "the peer takes no new calls on this connection"
                                                                : "the connection is closed");
}

GEE_ALWAYS_INLINE int begin_call(gee_session_t *session, gee_outgoing_t *outgoing, gee_event_t *request,
                                 gee_error_t *error) {
    GEE_ASSERT(session->role == GEE_CALLING);
    if (session->state != GEE_SESSION_OPEN || session->peer_ended)
        return refuse_call(session, error);
    if (put(session, outgoing, request->timeout_ns, error) != 0)
        return -1;
    request->parts = GEE_EVENT_REQUEST;
    request->token = (gee_token_t){ .number = outgoing->number };
    if (send_request(session, outgoing, request, error) != 0) {
        take_off(session, outgoing);
        return -1;
    }
    session->calling.next_number++;
    session->calls_total++;
    gee_stream_flush(session->stream);
    return 0;
}

GEE_APART void gee_session_take_outgoing(gee_session_t *session, gee_outgoing_t *outgoing) {
    take_off(session, outgoing);
}

GEE_APART int gee_session_put_outgoing(gee_session_t *session, gee_outgoing_t *outgoing, int64_t timeout_ns,
                                       gee_error_t *error) {
    if (session->state != GEE_SESSION_OPEN || session->peer_ended)
        return refuse_call(session, error);
    if (put(session, outgoing, timeout_ns, error) != 0)
        return -1;
    session->calling.next_number++;
    session->calls_total++;
    return 0;
}

int gee_session_call(gee_session_t *session, gee_outgoing_t *outgoing, gee_event_t *request, gee_error_t *error) {
    return begin_call(session, outgoing, request, error);
}

GEE_APART int gee_session_call_apart(gee_session_t *session, gee_outgoing_t *outgoing, gee_event_t *request,
                                     gee_error_t *error) {
    return begin_call(session, outgoing, request, error);
}

void gee_session_forget(gee_session_t *session, gee_outgoing_t *outgoing) {
    if (outgoing->session != NULL) /* else the end of a streaming call has come, and waits behind messages */
        abandon(session, outgoing);
    if (outgoing->streaming)
        gee_flow_end(outgoing->flow);
}

int gee_session_ping(gee_session_t *session, uint64_t number, gee_error_t *error) {
    if (!gee_session_can(session, GEE_EVENT_PING))
        return gee_error_set(error, GEE_UNIMPLEMENTED, "%s has no ping", session->protocol->name);
    gee_event_t event = { .parts = GEE_EVENT_PING, .token = { .number = number } };
    if (session->protocol->send(session, session->protocol_state, &event, error) != 0)
        return -1;
    gee_stream_flush(session->stream);
    return 0;
}
