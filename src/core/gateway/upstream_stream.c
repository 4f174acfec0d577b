/* upstream_stream.c: streaming calls are counted apart, and their flow is given back. What their flow says:
 * upstream_stream_events.c. */
#include "core/gateway/upstream_private.h"

void gee_upstream_stream_start(gee_upstream_call_t *call) {
    gee_upstream_stream_t *stream = call->stream;
    stream->call = call;
    stream->open = stream->sent = stream->heard = false;
    stream->answered_by = NULL;
    stream->flow = (gee_flow_t){ .session = NULL };
}

/* limits.in_flight is of unary calls. */
void gee_upstream_stream_assigned(const gee_upstream_call_t *call) {
    call->backend->streams++;
    call->backend->most++;
}

void gee_upstream_stream_released(gee_backend_t *backend, gee_backend_connection_t *connection) {
    GEE_ASSERT(backend->streams > 0);
    backend->streams--;
    backend->most--;
    if (connection != NULL)
        connection->streams--;
}

bool gee_upstream_streams_full(const gee_backend_t *backend) {
    int64_t most = backend->upstream->limits.streams;
    return most > 0 && (int64_t)backend->streams >= most;
}

bool gee_upstream_stream_is_repeatable(const gee_upstream_call_t *call) {
    return call->stream == NULL || !(call->stream->sent || call->stream->heard);
}

void gee_upstream_stream_drop(gee_upstream_call_t *call) {
    gee_upstream_stream_t *stream = call->stream;
    gee_backend_t *answered_by = stream->answered_by;
    stream->open = false;
    stream->answered_by = NULL;
    gee_flow_end(&stream->flow);
    if (answered_by != NULL)
        gee_backend_release(answered_by);
}
