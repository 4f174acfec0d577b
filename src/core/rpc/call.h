/* call.h: what filters see of a call: one request of a peer's and its reply, from its first byte to the end of its
 * memory. Our own requests: outgoing.h.
 *
 *   session -> gee_call_create -> filters -> handler (loop or pool thread) -> finish -> reply -> release
 *
 * gee_call_method(), gee_call_peer(), gee_call_pool() and others of service.h are for filters, too. All here runs on
 * the loop's thread. */
#ifndef GEE_RPC_CALL_H
#define GEE_RPC_CALL_H

#include "core/rpc/codec.h"
#include "core/rpc/identity.h"
#include "core/rpc/service.h"
#include "core/rpc/status.h"

/* gee_loop_now() when the request was complete; of a streaming call, when the call began. */
int64_t gee_call_started_ns(const gee_call_t *call);
/* As gee_dispatch_method_number() says; UINT32_MAX: the method is unknown. */
uint32_t gee_call_method_number(const gee_call_t *call);
/* Of the bodies; null: the call has no body that is encoded. */
const gee_codec_t *gee_call_codec(const gee_call_t *call);
/* Null: the peer was not asked. */
const gee_identity_t *gee_call_identity(const gee_call_t *call);
size_t gee_call_request_bytes(const gee_call_t *call);
size_t gee_call_reply_bytes(const gee_call_t *call);
/* Messages each way; of a unary call 1, and 1 where it has succeeded. */
uint32_t gee_call_messages_in(const gee_call_t *call);
uint32_t gee_call_messages_out(const gee_call_t *call);
/* How the call ended, once it was answered. */
const gee_status_t *gee_call_status(const gee_call_t *call);
/* gateway/forward.h; null: the call was not forwarded. */
const struct gee_forwarded *gee_call_forwarded(const gee_call_t *call);
/* call_flow.h; null: the call is unary. */
const struct gee_flow *gee_call_flow(const gee_call_t *call);

/* For filters that made a call wait. */
void gee_call_proceed(gee_call_t *call);
void gee_call_refuse(gee_call_t *call, const gee_status_t *status);

#endif
