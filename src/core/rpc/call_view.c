/* call_view.c: what filters read of a call. Link-time optimisation inlines the functions. */
#include "core/base/assert.h"
#include "core/rpc/call_private.h"

int64_t gee_call_started_ns(const gee_call_t *call) {
    return call->started_ns;
}

uint32_t gee_call_method_number(const gee_call_t *call) {
    return call->method_number;
}

const gee_codec_t *gee_call_codec(const gee_call_t *call) {
    return call->codec;
}

const gee_identity_t *gee_call_identity(const gee_call_t *call) {
    return call->peer->identity;
}

uint32_t gee_call_messages_in(const gee_call_t *call) {
    return call->flow != NULL ? call->flow->messages_in : 1;
}

uint32_t gee_call_messages_out(const gee_call_t *call) {
    return call->flow != NULL ? call->flow->messages_out : call->status.code == GEE_OK;
}

size_t gee_call_request_bytes(const gee_call_t *call) {
    return call->request_bytes;
}

size_t gee_call_reply_bytes(const gee_call_t *call) {
    return call->reply_bytes;
}

const gee_status_t *gee_call_status(const gee_call_t *call) {
    GEE_ASSERT(call->answered);
    return &call->status;
}

const struct gee_forwarded *gee_call_forwarded(const gee_call_t *call) {
    return call->forwarded;
}

const struct gee_flow *gee_call_flow(const gee_call_t *call) {
    return call->flow;
}
