/* policy.h: how calls of one method are treated: declaration and settings together, resolved once, when a
 * configuration is loaded (service_table.c). */
#ifndef GEE_RPC_POLICY_H
#define GEE_RPC_POLICY_H

#include <stdbool.h>
#include <stdint.h>

typedef struct gee_method_policy {
    int64_t timeout_ns; /* services[].timeout, else timeouts.handle; 0: none */
    bool idempotent;    /* declared so, or in services[].idempotent: may be tried again when a call's fate is unknown */
} gee_method_policy_t;

#endif
