/* gateway.h: the upstreams that an engine's calls are forwarded to, as pages show them. */
#ifndef GEE_GATEWAY_GATEWAY_H
#define GEE_GATEWAY_GATEWAY_H

#include "core/gateway/shared_list.h"
#include "core/gateway/upstream.h"

/* Belongs to the worker that made the upstreams, and hangs in engine->gateway while they are there. */
typedef struct gee_gateway {
    gee_upstream_t *const *upstreams;
    size_t count;
    const gee_shared_list_t *lists; /* one each: where its servers come from; null: not known yet */
} gee_gateway_t;

/* Never null: of an engine without upstreams an empty one. */
const gee_gateway_t *gee_engine_gateway(const gee_engine_t *engine);

#endif
