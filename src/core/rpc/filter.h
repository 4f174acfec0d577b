/* filter.h: the interface of filters, which see every call before its handler and after its end.
 *
 * They run on the loop's thread, in the order of modules.list (on_end and on_release in the opposite one). The core
 * allocates one state a worker by state_size, zeroed. Nothing here may block. */
#ifndef GEE_RPC_FILTER_H
#define GEE_RPC_FILTER_H

#include "core/rpc/call.h"
#include "core/rpc/engine.h"

typedef enum gee_verdict {
    GEE_FILTER_PASS,
    GEE_FILTER_REFUSE, /* *status says why; the call is answered with it */
    /* gee_call_proceed() or gee_call_refuse() will be called later, on the loop's thread, unless on_end() is called
     * before: the peer went away meanwhile. */
    GEE_FILTER_WAIT
} gee_verdict_t;

typedef struct gee_filter {
    size_t state_size;
    /* Optional. `conf` is the module's settings of this cycle; `index` tells workers apart. */
    int (*start)(void *state, const void *conf, gee_engine_t *engine, gee_error_t *error);
    void (*stop)(void *state);
    /* Optional, asked once, after start: with these settings the filter has nothing to do, and is not called. */
    bool (*idle)(const void *state);
    /* on_call is for calls only whose peer has an identity (rpc/identity.h). */
    bool for_identified;
    /* Optional. The method is known (call->method may be null: unknown method, or one that is forwarded and not
     * declared here), the arguments are not decoded yet. */
    gee_verdict_t (*on_call)(void *state, gee_call_t *call, gee_status_t *status);
    /* Optional. Exactly once for every call that on_call saw, this filter's refusals included: the call was answered
     * (call->status) or its peer went away (GEE_CANCELLED). The handler may still be running. */
    void (*on_end)(void *state, gee_call_t *call);
    /* Optional. Exactly once, after on_end: the handler has finished too; what the call occupied is free. */
    void (*on_release)(void *state, gee_call_t *call);
    /* Optional, with on_end and on_release: both in one, which may be called instead of the two for a call that is
     * answered when its handler has finished, as nearly all are. */
    void (*on_done)(void *state, gee_call_t *call);
} gee_filter_t;

#endif
