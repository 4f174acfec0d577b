/* gateway.c: from an engine to its upstreams. */
#include "core/gateway/gateway.h"

#include "core/rpc/engine_private.h"

const gee_gateway_t *gee_engine_gateway(const gee_engine_t *engine) {
    static const gee_gateway_t none;
    return engine->gateway != NULL ? engine->gateway : &none;
}
