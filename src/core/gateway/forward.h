/* forward.h: calls that are answered by a server elsewhere: from dispatch to an upstream, and the answer back.
 *
 *   dispatch -> key, translate -> gee_upstream_call() ... done() -> translate -> gee_dispatch_answer()
 *      '------- caller gone, cancelled -> gee_upstream_cancel()
 *
 * Deadline and metadata of the call travel on. An error reply of the server passes unchanged, its code too where the wires
 * have one. What goes wrong on the way is said as
 *
 *   rpc gateway: upstream foo: tcp@10.0.0.1:9999: connect: Connection refused (2 tries, 3.1 ms)
 *
 * and a deadline that is over in GeeRPC's words, with who did not answer behind them. */
#ifndef GEE_GATEWAY_FORWARD_H
#define GEE_GATEWAY_FORWARD_H

#include "core/gateway/forward_key.h"
#include "core/gateway/upstream.h"

/* Where the calls of a service go. Outlives the dispatch. */
typedef struct gee_forward {
    gee_upstream_t *upstream;
    const gee_protocol_t *protocol;
    const gee_codec_t *codec; /* of its connections */
    gee_forward_key_t key;    /* for a balancer with `keyed` */
} gee_forward_t;

/* One call on its way, in the arena of the call. */
typedef struct gee_forwarded {
    gee_call_t *caller;
    /* Once it is back, while filters see its end: who answered or failed last, on how many servers it was tried. */
    const char *address;
    unsigned tries;
    bool under_way; /* done() is still to come */
    gee_upstream_call_t call;
    uint8_t body[]; /* a copy of a short one */
} gee_forwarded_t;

/* Takes the call, whose method_slot has a forward and whose deadline is set; answers it in the end. */
void gee_forward_call(gee_call_t *call, const gee_payload_t *payload);
/* Nobody wants its answer any more: gee_dispatch_answer() will not be called. */
void gee_forward_cancel(gee_call_t *call);

#endif
