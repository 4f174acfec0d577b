/* upstream_send.c: a call is sent on a connection. */
#include "core/gateway/upstream_private.h"

static void note_asked(gee_backend_connection_t *connection) {
    uint64_t received = gee_stream_bytes_received(connection->session->stream);
    if (connection->asked_ns != 0 && connection->received == received)
        return;
    connection->received = received;
    connection->asked_ns = gee_upstream_now(connection->backend->upstream);
}

/* Without memory for the timer the call only waits longer. */
GEE_APART void gee_upstream_start_trying(gee_upstream_call_t *call) {
    if (call->fixed || !call->idempotent)
        return;
    call->try_timer = (gee_timer_t){ .fire = gee_upstream_try_over };
    call->trying =
        gee_timer_start(call->upstream->engine->loop, &call->try_timer, call->upstream->limits.try_timeout) == 0;
}

/* Of what the session sends, only the top level of the output grows meanwhile. */
static int send_on(gee_upstream_call_t *call, gee_backend_connection_t *connection, gee_event_t *request,
                   gee_error_t *error) {
    gee_session_t *session = connection->session;
    const gee_chain_t *out = gee_session_out(session);
    size_t before = out->length;
    call->request_begin = gee_stream_bytes_sent(session->stream) + gee_stream_queued(session->stream);
    if (gee_session_call(session, &call->outgoing, request, error) != 0)
        return -1;
    call->request_end = call->request_begin + (out->length - before);
    return 0;
}

/* False: the call has ended, as its time is over. */
GEE_ALWAYS_INLINE bool make_request(gee_upstream_call_t *call, gee_event_t *request, gee_error_t *error) {
    const gee_upstream_t *upstream = call->upstream;
    *request = (gee_event_t){ .method = call->method,
                              .codec = call->codec ? call->codec : upstream->settings.setup.codec,
                              .payload = call->payload };
    gee_upstream_stop_timer(call);
    if (call->metadata != NULL)
        request->metadata = *call->metadata;
    if (call->deadline_ns == INT64_MAX || (request->timeout_ns = call->deadline_ns - gee_upstream_now(upstream)) > 0)
        return true;
    gee_upstream_time_error(call, false, GEE_PHASE_SEND, error);
    gee_upstream_fail_at_backend(call, error);
    return false;
}

int gee_upstream_send(gee_upstream_call_t *call, gee_backend_connection_t *connection, gee_error_t *error) {
    const gee_upstream_t *upstream = call->upstream;
    gee_event_t request;
    if (!make_request(call, &request, error))
        return 0;
    if (send_on(call, connection, &request, error) != 0)
        return -1;
    note_asked(connection);
    call->at = connection;
    connection->calls++;
    if (call->choosy)
        gee_upstream_choosy_sent(call, connection);
    if (upstream->limits.try_timeout > 0)
        gee_upstream_start_trying(call);
    return 0;
}

/* What the backend will say to the call need not come soon: so its silence is not judged by streaming calls, and
 * note_asked() is not called. */
GEE_APART int gee_upstream_open(gee_upstream_call_t *call, gee_backend_connection_t *connection, gee_error_t *error) {
    gee_upstream_stream_t *stream = call->stream;
    gee_session_t *session = connection->session;
    const gee_chain_t *out = gee_session_out(session);
    gee_event_t request;
    if (!make_request(call, &request, error))
        return 0;
    request.parts = stream->parts | GEE_EVENT_BEGIN;
    size_t before = out->length;
    call->request_begin = gee_stream_bytes_sent(session->stream) + gee_stream_queued(session->stream);
    if (gee_session_open(session, &call->outgoing, &stream->flow, &gee_upstream_flow_events, &request, error) != 0)
        return -1;
    call->request_end = call->request_begin + (out->length - before);
    call->at = connection;
    connection->calls++;
    connection->streams++;
    if (call->choosy)
        gee_upstream_choosy_sent(call, connection);
    stream->sent = stream->heard = false;
    stream->open = true;
    if (!call->starting)
        stream->events->opened(call);
    return 0;
}
