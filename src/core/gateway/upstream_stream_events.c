/* upstream_stream_events.c: what the flow of a streaming call says reaches the call's owner; the END may wait for the
 * owner when the backend has long done with the call.
 *
 *   gee_upstream_open() -> flow: began, message, room -> the owner's events
 *                            |-- END behind messages that wait -> the backend has the call no more -> ... -> done()
 *                            '-- END; connection lost, time over -> another attempt, or done() */
#include "core/gateway/upstream_private.h"

static gee_upstream_stream_t *stream_of(gee_flow_t *flow) {
    return GEE_CONTAINER(flow, gee_upstream_stream_t, flow);
}

/* The backend has said something: it lives, and the call stays there. */
static void hear(gee_upstream_stream_t *stream) {
    static const gee_status_t ok = { .code = GEE_OK };
    gee_upstream_call_t *call = stream->call;
    if (stream->heard)
        return;
    stream->heard = true;
    call->at->silent = false;
    if (call->at->alone) {
        gee_upstream_alone_answered(call, call->at, &ok);
        gee_backend_try_waiting(call->backend);
    }
    gee_backend_lives(call->backend);
}

static void on_began(gee_flow_t *flow, const gee_metadata_t *metadata) {
    gee_upstream_stream_t *stream = stream_of(flow);
    hear(stream);
    if (stream->events->began != NULL)
        stream->events->began(stream->call, metadata);
}

static void on_message(gee_flow_t *flow, const gee_payload_t *payload) {
    gee_upstream_stream_t *stream = stream_of(flow);
    if (stream->answered_by == NULL)
        hear(stream);
    stream->events->message(stream->call, payload);
}

static void on_room(gee_flow_t *flow) {
    gee_upstream_stream_t *stream = stream_of(flow);
    stream->events->room(stream->call);
}

/* The backend has done with the call, whose owner has not. */
static void on_end_waits(gee_flow_t *flow, const gee_event_t *end GEE_UNUSED) {
    gee_upstream_stream_t *stream = stream_of(flow);
    gee_upstream_call_t *call = stream->call;
    hear(stream);
    stream->answered_by = call->backend;
    gee_backend_hold(call->backend);
    gee_upstream_release_slot(call, GEE_OUTCOME_ABANDONED, false);
}

static void on_ended(gee_flow_t *flow, const gee_event_t *end, bool from_peer) {
    gee_upstream_stream_t *stream = stream_of(flow);
    gee_upstream_call_t *call = stream->call;
    stream->open = false;
    if (from_peer || call->outgoing.refused) {
        if (stream->answered_by == NULL)
            hear(stream);
        gee_upstream_stream_answered(call, end);
        return;
    }
    if (stream->events->closed != NULL)
        stream->events->closed(call);
    gee_upstream_stream_unanswered(call, &end->status);
}

const gee_flow_events_t gee_upstream_flow_events = {
    .began = on_began, .message = on_message, .room = on_room, .end_waits = on_end_waits, .ended = on_ended
};
