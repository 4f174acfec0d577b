/* session_held.c: calls over limits.calls, on wires with control events: held whole, in the order in which they came,
 * so that a cancel, a ping or credit behind them is seen at once.
 *
 *   full? -> one message at a time -> begins a call -> its bytes wait in `held` -> a call has ended -> receive() again
 *                                |-> follows a call of which something is held -> waits behind
 *                                '-> anything else -> handled now; CANCEL of a held call -> answered now, bytes dropped
 *
 * Held bytes count against limits.input; over it the connection is not read. */
#include <stdlib.h>
#include <string.h>

#include "core/base/assert.h"
#include "core/rpc/engine_private.h"
#include "core/rpc/session_flows.h"

#define HELD_WITHOUT_LIMIT (16 * GEE_MIB) /* where limits.input is 0 */
#define FIRST_HELD         16

GEE_APART bool gee_session_may_hold(const gee_session_t *session) {
    uint64_t limit = session->engine->limits.input ? session->engine->limits.input : HELD_WITHOUT_LIMIT;
    size_t held = session->flows != NULL ? gee_inbox_length(&session->flows->held) : 0;
    return session->serving.call_bytes + held < limit && session->protocol->can != NULL &&
           (session->protocol->can(session, session->protocol_state) & GEE_EVENT_CANCEL) != 0;
}

/* ---- the line ---- */

static gee_held_call_t *held_at(const gee_session_flows_t *flows, size_t n) {
    return &flows->held_calls[n & (flows->held_room - 1)];
}

static int make_room(gee_session_flows_t *flows) {
    size_t room = flows->held_room ? 2 * flows->held_room : FIRST_HELD;
    if (flows->held_end - flows->held_begin < flows->held_room)
        return 0;
    gee_held_call_t *grown = malloc(room * sizeof(*grown));
    if (grown == NULL)
        return -1;
    for (size_t n = flows->held_begin; n < flows->held_end; n++)
        grown[n & (room - 1)] = *held_at(flows, n);
    free(flows->held_calls);
    flows->held_calls = grown;
    flows->held_room = room;
    return 0;
}

/* A cancel means the oldest call of its number. Without memory a cancel finds the call when the call begins. */
static void index_call(gee_session_flows_t *flows, size_t n) {
    uint64_t number = held_at(flows, n)->number;
    if (flows->held_by_number != NULL && gee_number_map_get(flows->held_by_number, number) == NULL)
        (void)gee_number_map_put(flows->held_by_number, number, (void *)(uintptr_t)(n + 1));
}

static void forget_index(gee_session_flows_t *flows, size_t n) {
    uint64_t number = held_at(flows, n)->number;
    if (flows->held_by_number != NULL &&
        gee_number_map_get(flows->held_by_number, number) == (void *)(uintptr_t)(n + 1))
        (void)gee_number_map_remove(flows->held_by_number, number);
}

static void free_held(gee_session_flows_t *flows) {
    gee_inbox_clear(&flows->held);
    gee_number_map_destroy(&flows->held_by_number);
    free(flows->held_calls);
    flows->held_calls = NULL;
    flows->held_room = 0; /* held_begin and held_end go on: gee_flow_t.held_until */
}

static bool end_held(gee_session_t *session, uint64_t number, const gee_status_t *status);

/* ---- in ---- */

static bool begins_or_follows_held(const gee_session_t *session, const gee_event_t *event, gee_flow_t *flow) {
    bool refused = event->payload.kind == GEE_PAYLOAD_REFUSED;
    if (event->parts & GEE_EVENT_BEGIN)
        return !refused; /* a refused call is answered at once, and takes nothing */
    if ((event->parts & (GEE_EVENT_MESSAGE | GEE_EVENT_HALF_CLOSE | GEE_EVENT_CREDIT)) == 0 ||
        !gee_session_has_held(session))
        return false;
    return flow == NULL || (!refused && flow->held_until > session->flows->held_begin);
}

/* The call of this event ends before its turn came. */
static void answer_held(gee_session_t *session, const gee_event_t *event) {
    gee_event_t answer = { .parts = event->parts == GEE_EVENT_REQUEST ? GEE_EVENT_REPLY : GEE_EVENT_END,
                           .token = event->token,
                           .method = gee_str_quoted(event->method),
                           .codec = event->codec,
                           .status = *session->flows->ending };
    gee_error_t error;
    if (session->flows->line->send(session, &answer, NULL, &error) != 0)
        session->flows->line->refuse(session, &error);
}

bool gee_session_hold_event(gee_session_t *session, const gee_event_t *event) {
    GEE_ASSERT(session->holding && session->flows != NULL);
    gee_session_flows_t *flows = session->flows;
    if (flows->ending != NULL) {
        if (event->parts & GEE_EVENT_BEGIN)
            answer_held(session, event);
        return true;
    }
    gee_flow_t *flow = gee_session_find_flow(session, event);
    if (!begins_or_follows_held(session, event, flow))
        return false;
    if (event->payload.kind == GEE_PAYLOAD_REFUSED) { /* of whose bytes most have not come */
        (void)end_held(session, event->token.number, event->payload.refusal);
        return true;
    }
    if (flow != NULL && (event->parts & GEE_EVENT_BEGIN) == 0)
        flow->held_until = flows->held_end + 1;
    flows->to_hold = true;
    flows->to_hold_number = event->token.number;
    return true;
}

void gee_session_hold_message(gee_session_t *session, const uint8_t *bytes, size_t length) {
    gee_session_flows_t *flows = session->flows;
    gee_error_t error;
    if (!flows->to_hold)
        return;
    flows->to_hold = false;
    if (length > UINT32_MAX || make_room(flows) != 0 || gee_inbox_append(&flows->held, bytes, length) != 0) {
        gee_error_set(&error, GEE_RESOURCE_EXHAUSTED, "out of memory for a call that waits (limits.calls)");
        flows->line->refuse(session, &error);
        return;
    }
    size_t n = flows->held_end++;
    *held_at(flows, n) =
        (gee_held_call_t){ .number = flows->to_hold_number, .offset = flows->held_bytes, .length = (uint32_t)length };
    flows->held_bytes += length;
    index_call(flows, n);
}

/* ---- out ---- */

/* receive() looks at bytes that lie in another buffer than the stream's: for that time it is the stream's inbox. */
static void receive_held(gee_session_t *session, gee_inbox_t *held, size_t offset, size_t length) {
    gee_inbox_t *inbox = gee_stream_inbox(session->stream), own = *inbox;
    size_t consumed = 0;
    gee_error_t error;
    *inbox = *held;
    int failed = session->protocol->receive(session, session->protocol_state, gee_inbox_bytes(held) + offset, length,
                                            &consumed, &error);
    *inbox = own;
    if (failed != 0)
        session->flows->line->refuse(session, &error);
}

static void start_first(gee_session_t *session, gee_session_flows_t *flows) {
    size_t n = flows->held_begin;
    gee_held_call_t call = *held_at(flows, n);
    gee_inbox_t held = flows->held;
    gee_buf_t *buf = gee_buf_hold(held.buf); /* the call may end others, which hold further messages */
    const gee_event_t event = { .token = { .number = call.number } };
    bool was_open = gee_session_find_flow(session, &event) != NULL;
    forget_index(flows, n);
    flows->held_begin++;
    gee_inbox_consume(&flows->held, call.length);
    if (!call.cancelled)
        receive_held(session, &held, 0, call.length);
    gee_flow_t *flow = gee_session_find_flow(session, &event);
    if (flow != NULL && !was_open)
        flow->held_until = flows->held_end;
    gee_buf_release(&buf);
}

void gee_session_start_held(gee_session_t *session) {
    bool outermost = !session->parsing;
    if (!gee_session_has_held(session) || session->holding)
        return;
    session->parsing = true;
    while (gee_session_has_held(session) && !gee_session_is_ending(session) && !gee_session_is_full(session) &&
           !gee_stream_congested_apart(session->stream))
        start_first(session, session->flows);
    if (!gee_session_has_held(session) && session->flows != NULL)
        free_held(session->flows);
    if (outermost) {
        session->parsing = false;
        gee_stream_flush(session->stream);
    }
}

/* ---- ended while it waits ---- */

static void index_all(gee_session_flows_t *flows) {
    flows->held_by_number = gee_number_map_create();
    for (size_t n = flows->held_begin; n < flows->held_end; n++)
        if (!held_at(flows, n)->cancelled)
            index_call(flows, n);
}

/* The room of ended calls at the front is for others. */
static void drop_ended(gee_session_flows_t *flows) {
    for (; flows->held_begin < flows->held_end && held_at(flows, flows->held_begin)->cancelled; flows->held_begin++)
        gee_inbox_consume(&flows->held, held_at(flows, flows->held_begin)->length);
}

static bool end_held(gee_session_t *session, uint64_t number, const gee_status_t *status) {
    gee_session_flows_t *flows = session->flows;
    if (!gee_session_has_held(session))
        return false;
    if (flows->held_by_number == NULL)
        index_all(flows);
    uintptr_t found = flows->held_by_number != NULL ? (uintptr_t)gee_number_map_get(flows->held_by_number, number) : 0;
    if (found == 0)
        return false;
    size_t n = found - 1;
    bool holding = session->holding;
    forget_index(flows, n);
    held_at(flows, n)->cancelled = true;
    gee_inbox_t held = flows->held;
    gee_buf_t *buf = gee_buf_hold(held.buf);
    session->holding = true;
    flows->ending = status;
    receive_held(session, &held, (size_t)(held_at(flows, n)->offset - held_at(flows, flows->held_begin)->offset),
                 held_at(flows, n)->length);
    flows->ending = NULL;
    session->holding = holding;
    gee_buf_release(&buf);
    drop_ended(flows);
    return true;
}

bool gee_session_cancel_held(gee_session_t *session, uint64_t number) {
    static const gee_status_t cancelled = { .code = GEE_CANCELLED,
                                            .text = GEE_STR("rpc server: call cancelled by its caller") };
    return end_held(session, number, &cancelled);
}
