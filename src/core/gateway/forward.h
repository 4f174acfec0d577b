/* forward.h: calls that are answered by a server elsewhere: from dispatch to an upstream, and the answer back.
 *
 *   dispatch -> key, translate -> gee_upstream_call() ... done() -> translate -> gee_dispatch_answer()
 *      '------- caller gone, cancelled -> gee_upstream_cancel()
 *
 * Deadline and metadata of the call travel on. An error reply of the server passes unchanged, its code too where the
 * wires have one. A failure on the way reads
 *
 *   rpc gateway: upstream foo: tcp@10.0.0.1:9999: connect: Connection refused (2 tries, 3.1 ms)
 *
 * and a deadline that is over is told in GeeRPC's words, followed by the server that did not answer. */
#ifndef GEE_GATEWAY_FORWARD_H
#define GEE_GATEWAY_FORWARD_H

#include "core/gateway/forward_key.h"
#include "core/gateway/upstream.h"
#include "core/rpc/dispatch.h"

/* Where the calls of a service go. Outlives the dispatch. */
typedef struct gee_forward {
    gee_target_t target; /* gee_forward_target: what dispatch knows of it */
    gee_upstream_t *upstream;
    const gee_protocol_t *protocol;
    const gee_codec_t *codec; /* of its connections */
    gee_forward_key_t key;    /* for a balancer with `keyed` */
} gee_forward_t;
_Static_assert(offsetof(gee_forward_t, target) == 0, "gee_forward_of()");

/* One call on its way, in the arena of the call. */
typedef struct gee_forwarded {
    gee_call_t *caller;
    /* Set when the call is back, while filters see its end: the backend that answered or failed last, and on how
     * many the call was tried. */
    const char *address;
    unsigned tries;
    bool under_way; /* done() is still to come */
    gee_upstream_call_t call;
    uint8_t body[]; /* a copy of a short body */
} gee_forwarded_t;

extern const gee_target_t gee_forward_target;

/* What `target`, of a service or a method, is a part of. Precondition: `target` is not null. */
static inline const gee_forward_t *gee_forward_of(const gee_target_t *target) {
    return (const gee_forward_t *)target; /* its first member */
}

#endif
