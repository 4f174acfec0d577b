/* session_flows.c: where a session and its streaming calls meet: events find their flow, flows write through the
 * session.
 *
 *   serving: BEGIN -> dispatch -> gee_session_add_flow() ... event -> find by number -> flow
 *   calling: gee_session_open() -> known? -> BEGIN goes out
 *                                   '- not yet: PING, BEGIN waits -> PONG with credit -> all that waits goes out
 *                                                                     '- PONG without -> GEE_UNIMPLEMENTED */
#include "core/rpc/session_flows.h"

#include <stdlib.h>
#include <string.h>

#include "core/base/assert.h"
#include "core/rpc/engine_private.h"
#include "core/rpc/session_private.h"

/* The number of the PING that asks. A program's own pings have other numbers: gee_session_ping(). */
#define QUESTION UINT64_MAX

static const gee_flow_line_t line;

gee_session_flows_t *gee_session_get_flows(gee_session_t *session) {
    if (session->flows != NULL)
        return session->flows;
    gee_session_flows_t *flows = calloc(1, sizeof(*flows));
    if (flows == NULL)
        return NULL;
    if (session->role == GEE_SERVING && (flows->open = gee_number_map_create()) == NULL) {
        free(flows);
        return NULL;
    }
    flows->line = &line;
    gee_list_init(&flows->blocked);
    gee_list_init(&flows->opening);
    gee_inbox_init(&flows->begins, session->engine->buffers);
    gee_inbox_init(&flows->held, session->engine->buffers);
    session->flows = flows;
    return flows;
}

void gee_session_free_flows(gee_session_t *session) {
    gee_session_flows_t *flows = session->flows;
    if (flows == NULL)
        return;
    GEE_ASSERT(flows->count == 0);
    gee_inbox_clear(&flows->held);
    gee_number_map_destroy(&flows->held_by_number);
    free(flows->held_calls);
    gee_number_map_destroy(&flows->open);
    gee_inbox_clear(&flows->begins);
    free(flows);
    session->flows = NULL;
}

/* ---- the flows of a session ---- */

int gee_session_add_flow(gee_session_t *session, gee_flow_t *flow) {
    gee_session_flows_t *flows = gee_session_get_flows(session);
    if (flows == NULL || gee_number_map_put(flows->open, flow->number, flow) != 0)
        return -1;
    flows->count++;
    flows->begun = flow;
    return 0;
}

static void forget_flow(gee_session_t *session, gee_flow_t *flow) {
    gee_session_flows_t *flows = session->flows;
    if (session->protocol->ended != NULL)
        session->protocol->ended(session, session->protocol_state, flow);
    if (session->role == GEE_SERVING)
        (void)gee_number_map_remove(flows->open, flow->number);
    if (flows->begun == flow)
        flows->begun = NULL;
    flows->count--;
}

size_t gee_session_open_streams(const gee_session_t *session) {
    return session->flows != NULL ? session->flows->count : 0;
}

gee_flow_t *gee_session_begun(const gee_session_t *session) {
    return session->flows != NULL ? session->flows->begun : NULL;
}

/* ---- writing ---- */

void gee_session_set_body_length(gee_session_t *session, size_t length) {
    session->flows->body_length = length;
}

static int send_of_flow(gee_session_t *session, const gee_event_t *event, size_t *length, gee_error_t *error) {
    gee_chain_t *out = gee_session_out(session);
    size_t limit = session->role == GEE_CALLING ? session->calling.message_limit : 0, before = out->length;
    gee_mark_t mark = gee_chain_mark(out);
    if (session->protocol->send(session, session->protocol_state, event, error) != 0)
        return -1;
    if (limit > 0 && out->length - before > limit) {
        size_t too_long = out->length - before;
        gee_chain_rewind(out, mark);
        return gee_error_set(error, GEE_RESOURCE_EXHAUSTED, "the message would be %zu bytes, over %zu (limits.message)",
                             too_long, limit);
    }
    if (session->role == GEE_SERVING && event->parts & GEE_EVENT_MESSAGE && event->flow != NULL) /* else held */
        gee_streaming_of(event->flow)->call.reply_bytes += out->length - before;
    if (length != NULL)
        *length = session->flows->body_length;
    if (!session->parsing) /* else parse() sees to it, once for all that it was shown */
        gee_stream_flush(session->stream);
    return 0;
}

static void block(gee_session_t *session, gee_link_t *blocked_link) {
    GEE_ASSERT(!gee_link_in_list(blocked_link));
    gee_list_append(&session->flows->blocked, blocked_link);
}

static const gee_flow_line_t line = {
    .send = send_of_flow, .block = block, .forget = forget_flow, .refuse = gee_session_refuse
};

/* In turn, as long as the stream has room: a flow that waits anew is behind those that have not had theirs. */
void gee_session_flows_drained(gee_session_t *session) {
    gee_link_t *link;
    if (session->flows == NULL)
        return;
    for (size_t turns = session->flows->count; turns > 0 && !gee_session_is_ending(session); turns--) {
        if (gee_stream_congested_apart(session->stream) || (link = gee_list_pop(&session->flows->blocked)) == NULL)
            return;
        gee_flow_on_drained(GEE_CONTAINER(link, gee_flow_t, blocked_link));
    }
}

/* ---- events ---- */

/* The peer broke the rules of one call, which ends; the conversation goes on. */
static void refuse_flow(gee_session_t *session, gee_flow_t *flow, const gee_error_t *error) {
    if (session->role == GEE_SERVING) {
        session->engine->server->refuse(&gee_streaming_of(flow)->call, error);
        return;
    }
    gee_outgoing_t *outgoing = gee_waiting_find(&session->calling.waiting, flow->number);
    gee_event_t end = { .parts = GEE_EVENT_END, .status = { .code = error->code, .text = gee_str(error->text) } };
    gee_session_forget(session, outgoing);
    flow->events->ended(flow, &end, false);
}

/* A message over a limit ends its call. */
static int take_message(gee_flow_t *flow, const gee_event_t *event, gee_error_t *error) {
    if (event->payload.kind == GEE_PAYLOAD_REFUSED)
        return gee_error_set(error, event->payload.refusal->code, "%.*s",
                             GEE_STR_ARGUMENTS(event->payload.refusal->text));
    if (event->payload.codec != flow->codec) /* a message that waits does not say its codec */
        return gee_error_set(error, GEE_INVALID_ARGUMENT, "a message in %s of a call that began in %s",
                             event->payload.codec->name, flow->codec->name);
    return gee_flow_on_message(flow, &event->payload, error);
}

/* What was told before may have ended the call, and its flow's memory may be gone. */
static bool is_still_open(const gee_session_t *session, const gee_event_t *event, const gee_flow_t *flow) {
    const gee_event_t same = { .token = event->token };
    return gee_session_find_flow(session, &same) == flow;
}

static void tell_metadata(gee_flow_t *flow, const gee_event_t *event) {
    if (flow->calling && event->metadata.count > 0 && flow->events->began != NULL)
        flow->events->began(flow, &event->metadata);
}

void gee_session_on_flow_event(gee_session_t *session, const gee_event_t *event) {
    gee_error_t error;
    int failed = 0;
    gee_flow_t *flow = gee_session_find_flow(session, event);
    if (flow == NULL) { /* it has just ended, and its peer did not know when this was sent */
        gee_log(session->engine->log, GEE_LOG_DEBUG, "%s: an event of a call that is over was dropped",
                gee_session_peer_text(session));
        return;
    }
    if (event->metadata.count > 0) {
        tell_metadata(flow, event);
        if (!is_still_open(session, event, flow))
            return;
    }
    if (event->parts & GEE_EVENT_MESSAGE) {
        if (!flow->calling)
            gee_session_count_message(flow, &event->payload);
        failed = take_message(flow, event, &error);
    }
    if (failed == 0 && event->parts & GEE_EVENT_HALF_CLOSE && is_still_open(session, event, flow))
        failed = gee_flow_on_half_close(flow, &error);
    if (failed == 0 && event->parts & GEE_EVENT_CREDIT && event->more != NULL && event->more->credit > 0 &&
        (event->parts == GEE_EVENT_CREDIT || is_still_open(session, event, flow)))
        failed = gee_flow_on_credit(flow, event->more->credit, &error);
    if (failed != 0)
        refuse_flow(session, flow, &error);
}

/* ---- calling ---- */

void gee_session_on_flow_end(gee_session_t *session, gee_outgoing_t *outgoing, const gee_event_t *event) {
    gee_flow_t *flow = outgoing->flow;
    outgoing->answered = true;
    if (event->payload.kind == GEE_PAYLOAD_REFUSED && event->status.code == GEE_OK) {
        gee_event_t end = { .parts = GEE_EVENT_END, .status = *event->payload.refusal };
        outgoing->refused = true;
        gee_session_take_outgoing(session, outgoing);
        (void)gee_flow_on_end(flow, &end, false);
        return;
    }
    gee_session_take_outgoing(session, outgoing);
    if (gee_flow_on_end(flow, event, true) != 0) {
        const gee_event_t end = { .parts = GEE_EVENT_END,
                                  .status = { .code = GEE_RESOURCE_EXHAUSTED, .text = GEE_STR("out of memory") } };
        (void)gee_flow_on_end(flow, &end, false);
    }
}

static int send_question(gee_session_t *session, gee_error_t *error) {
    gee_event_t ping = { .parts = GEE_EVENT_PING, .token = { .number = QUESTION } };
    return session->protocol->send(session, session->protocol_state, &ping, error);
}

static int learn(gee_session_t *session, gee_session_flows_t *flows, gee_error_t *error) {
    if (flows->known == GEE_STREAMS_UNKNOWN && gee_session_can(session, GEE_EVENT_CREDIT)) {
        flows->known = GEE_STREAMS_YES;
        flows->credit = GEE_FLOW_WINDOW;
    }
    if (flows->known == GEE_STREAMS_UNKNOWN && gee_session_can(session, GEE_EVENT_PING)) {
        if (send_question(session, error) != 0)
            return -1;
        flows->known = GEE_STREAMS_ASKED;
    }
    if (flows->known == GEE_STREAMS_UNKNOWN || flows->known == GEE_STREAMS_NO)
        return gee_error_set(error, GEE_UNIMPLEMENTED, "%s: no streaming calls here (%s%s)",
                             gee_session_peer_text(session), session->protocol->name,
                             flows->known == GEE_STREAMS_NO ? "; the server has none" : "");
    return 0;
}

/* BEGIN has been written behind `mark`: to be kept back until the peer has said that it has streaming calls. */
static int keep_back(gee_session_t *session, gee_mark_t mark, gee_error_t *error) {
    gee_chain_t *out = gee_session_out(session);
    size_t length = out->length - mark.length, space;
    uint8_t *whole = malloc(out->length), *place = gee_inbox_space(&session->flows->begins, length, &space);
    int failed = whole == NULL || place == NULL;
    if (!failed) {
        gee_chain_copy(out, whole, out->length);
        memcpy(place, whole + mark.length, length);
        gee_inbox_filled(&session->flows->begins, length);
    }
    free(whole);
    gee_chain_rewind(out, mark);
    return failed ? gee_error_set(error, GEE_RESOURCE_EXHAUSTED, "out of memory") : 0;
}

/* The call may be cancelled before its BEGIN went out: the CANCEL goes behind that. */
void gee_session_cancel_later(gee_session_t *session, gee_flow_t *flow) {
    gee_event_t event = { .parts = GEE_EVENT_CANCEL, .token = { .number = flow->number } };
    gee_mark_t mark = gee_chain_mark(gee_session_out(session));
    gee_error_t error;
    if (session->protocol->send(session, session->protocol_state, &event, &error) != 0 ||
        keep_back(session, mark, &error) != 0)
        gee_session_refuse(session, &error);
}

int gee_session_open(gee_session_t *session, gee_outgoing_t *outgoing, gee_flow_t *flow,
                     const gee_flow_events_t *events, gee_event_t *request, gee_error_t *error) {
    GEE_ASSERT(session->role == GEE_CALLING && request->parts & GEE_EVENT_BEGIN);
    gee_session_flows_t *flows = gee_session_get_flows(session);
    gee_chain_t *out = gee_session_out(session);
    if (flows == NULL)
        return gee_error_set(error, GEE_RESOURCE_EXHAUSTED, "out of memory");
    if (learn(session, flows, error) != 0 ||
        gee_session_put_outgoing(session, outgoing, request->timeout_ns, error) != 0)
        return -1;
    gee_flow_init(flow, session, events, outgoing->number, request->codec ? request->codec : session->codec, true);
    flows->count++;
    outgoing->streaming = true;
    outgoing->flow = flow;
    request->token = (gee_token_t){ .number = outgoing->number };
    request->flow = flow;
    gee_mark_t mark = gee_chain_mark(out);
    size_t length = 0;
    if (send_of_flow(session, request, &length, error) != 0 ||
        (flows->known != GEE_STREAMS_YES && keep_back(session, mark, error) != 0)) {
        gee_session_take_outgoing(session, outgoing);
        gee_flow_end(flow);
        return -1;
    }
    if (request->parts & GEE_EVENT_MESSAGE)
        flow->credit -= (int64_t)(length + GEE_FLOW_MESSAGE_COST);
    if (request->parts & GEE_EVENT_HALF_CLOSE)
        flow->out = GEE_HALF_CLOSED;
    if (flows->known == GEE_STREAMS_YES) {
        flow->credit += flows->credit;
        flow->opened = true;
    } else {
        gee_list_append(&flows->opening, &flow->blocked_link);
    }
    return 0;
}

static void open_all(gee_session_t *session, gee_session_flows_t *flows) {
    gee_link_t *link;
    if (gee_chain_append(gee_session_out(session), gee_inbox_bytes(&flows->begins), gee_inbox_length(&flows->begins)) !=
        0) {
        gee_error_t error;
        gee_error_set(&error, GEE_RESOURCE_EXHAUSTED, "out of memory");
        gee_session_refuse(session, &error);
        return;
    }
    gee_inbox_clear(&flows->begins);
    gee_stream_flush(session->stream);
    while ((link = gee_list_pop(&flows->opening)) != NULL)
        gee_flow_opened(GEE_CONTAINER(link, gee_flow_t, blocked_link), flows->credit);
}

static void refuse_all(gee_session_t *session, gee_session_flows_t *flows) {
    static const gee_event_t end = { .parts = GEE_EVENT_END,
                                     .status = { .code = GEE_UNIMPLEMENTED,
                                                 .text = GEE_STR("the server has no streaming calls") } };
    gee_link_t *link;
    gee_inbox_clear(&flows->begins);
    while ((link = gee_list_pop(&flows->opening)) != NULL) {
        gee_flow_t *flow = GEE_CONTAINER(link, gee_flow_t, blocked_link);
        gee_session_take_outgoing(session, gee_waiting_find(&session->calling.waiting, flow->number));
        (void)gee_flow_on_end(flow, &end, false);
    }
}

void gee_session_flows_known(gee_session_t *session, const gee_event_t *pong) {
    gee_session_flows_t *flows = session->flows;
    if (flows == NULL || flows->known != GEE_STREAMS_ASKED || pong->token.number != QUESTION)
        return;
    flows->known = pong->more != NULL && pong->more->credit > 0 ? GEE_STREAMS_YES : GEE_STREAMS_NO;
    if (flows->known == GEE_STREAMS_YES) {
        flows->credit = pong->more->credit < INT32_MAX ? (int64_t)pong->more->credit : INT32_MAX;
        open_all(session, flows);
    } else {
        refuse_all(session, flows);
    }
}
