/* session_calls.c: the calling role: requests that wait for their replies, by a number of ours. */
#include <string.h>

#include "core/rpc/session.h"
#include "core/rpc/session_private.h"

/* Stands in `waiting` for a call that was given up while the peer works on it. */
static const char given_up;

static void unlink_call(gee_session_t *session, gee_call_t *call) {
    gee_list_remove(&call->session_link);
    gee_timer_stop(session->engine->loop, &call->timer);
    call->session = NULL;
    session->call_count--;
}

static void take_off(gee_session_t *session, gee_call_t *call) {
    gee_number_map_remove(session->calling.waiting, call->token.number);
    unlink_call(session, call);
}

static void fail(gee_call_t *call, const gee_error_t *reason) {
    call->status = (gee_status_t){ .code = reason->code, .text = gee_str(reason->text) };
    gee_payload_t empty = { .kind = GEE_PAYLOAD_EMPTY };
    call->done(call, &call->status, &empty, call->done_data);
}

void gee_session_fail_call(gee_session_t *session, gee_call_t *call, const gee_error_t *reason) {
    take_off(session, call);
    fail(call, reason);
}

static void drop_reply(gee_session_t *session, const gee_event_t *event, const void *waiting) {
    gee_log(session->engine->log, GEE_LOG_DEBUG, "%s: a reply that nobody waits for was dropped",
            gee_session_peer_text(session));
    if (waiting == NULL)
        return;
    gee_number_map_remove(session->calling.waiting, event->token.number);
    session->calling.abandoned--;
    session->events->slot_freed(session, session->owner);
}

/* Every wire wants UTF-8, but in Go an error may quote any bytes: that must cost neither this connection nor the caller's. */
static gee_str_t readable(gee_engine_t *engine, gee_str_t text) {
    if (gee_utf8_valid(text.data, text.length))
        return text;
    char *copy = gee_pool_alloc(engine->scratch, text.length);
    if (copy == NULL)
        return GEE_STR("an error whose text is not UTF-8");
    memcpy(copy, text.data, text.length);
    gee_utf8_repair(copy, text.length);
    return (gee_str_t){ .data = copy, .length = text.length };
}

void gee_session_on_reply(gee_session_t *session, const gee_event_t *event) {
    void *waiting = gee_number_map_get(session->calling.waiting, event->token.number);
    if (waiting == NULL || waiting == &given_up) {
        drop_reply(session, event, waiting);
        return;
    }
    gee_call_t *call = waiting;
    take_off(session, call);
    call->answered = true;
    call->reply_bytes = event->payload.length;
    call->status = event->status;
    call->status.text = readable(session->engine, event->status.text);
    call->done(call, &call->status, &event->payload, call->done_data);
}

static bool send_cancel(gee_session_t *session, const gee_call_t *call) {
    gee_event_t event = { .parts = GEE_EVENT_CANCEL, .token = call->token };
    gee_error_t error;
    if (!gee_session_can(session, GEE_EVENT_CANCEL) ||
        session->protocol->send(session, session->protocol_state, &event, &error) != 0)
        return false;
    gee_stream_flush(session->stream);
    return true;
}

/* Nobody waits for it any more. */
static void abandon(gee_session_t *session, gee_call_t *call) {
    if (session->closing || send_cancel(session, call) || session->events == NULL ||
        session->events->slot_freed == NULL ||
        gee_number_map_put(session->calling.waiting, call->token.number, (void *)(uintptr_t)&given_up) != 0) {
        take_off(session, call);
        return;
    }
    session->calling.abandoned++;
    call->slot_kept = true;
    unlink_call(session, call);
}

static void on_timeout(gee_timer_t *timer) {
    gee_call_t *call = GEE_CONTAINER(timer, gee_call_t, timer);
    gee_session_t *session = call->session;
    gee_error_t error;
    char text[GEE_DURATION_TEXT];
    gee_error_set(&error, GEE_DEADLINE_EXCEEDED, "no reply within %s", gee_format_duration(text, call->timeout_ns));
    abandon(session, call);
    fail(call, &error);
}

/* All of it or nothing: a peer ends the connection, which others share, at a message that is too long for it. */
static int send_request(gee_session_t *session, const gee_event_t *event, gee_error_t *error) {
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
    return gee_error_set(error, GEE_INVALID_ARGUMENT, "the message would be %zu bytes, over %zu (limits.message)",
                         length, limit);
}

int gee_session_call(gee_session_t *session, gee_call_t *call, const gee_payload_t *payload, gee_error_t *error) {
    if (session->closing || session->peer_ended || session->draining)
        return gee_error_set(error, GEE_UNAVAILABLE,
                             session->draining ? "the peer takes no new calls on this connection"
                                               : "the connection is closed");
    call->token = (gee_token_t){ .number = session->calling.next_number };
    gee_event_t event = { .parts = GEE_EVENT_REQUEST,
                          .token = call->token,
                          .method = call->method_name,
                          .codec = call->codec,
                          .timeout_ns = call->timeout_ns,
                          .metadata = call->metadata,
                          .payload = *payload };
    if (gee_number_map_put(session->calling.waiting, call->token.number, call) != 0)
        return gee_error_set(error, GEE_RESOURCE_EXHAUSTED, "out of memory");
    call->timer.fire = on_timeout;
    if ((call->timeout_ns > 0 && gee_timer_start(session->engine->loop, &call->timer, call->timeout_ns) != 0)) {
        gee_number_map_remove(session->calling.waiting, call->token.number);
        return gee_error_set(error, GEE_RESOURCE_EXHAUSTED, "out of memory");
    }
    if (send_request(session, &event, error) != 0) {
        gee_timer_stop(session->engine->loop, &call->timer);
        gee_number_map_remove(session->calling.waiting, call->token.number);
        return -1;
    }
    session->calling.next_number++;
    call->session = session;
    call->started_ns = gee_loop_now(session->engine->loop);
    gee_list_append(&session->calls, &call->session_link);
    session->call_count++;
    session->calls_total++;
    gee_stream_flush(session->stream);
    return 0;
}

void gee_session_forget(gee_session_t *session, gee_call_t *call) {
    abandon(session, call);
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
