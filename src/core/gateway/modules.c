/* modules.c: the checks of balancers and registries, beside those of the floors below. */
#include "core/gateway/modules.h"

#include "core/base/defs.h"
#include "core/gateway/balancer.h"
#include "core/gateway/registry.h"
#include "core/rpc/modules.h"

/* As gee_module_find() has it. */
_Static_assert(offsetof(gee_balancer_t, name) == 0 && offsetof(gee_registry_t, scheme) == 0,
               "an interface begins with the text by which it is found");

static int check_registries(const gee_module_entry_t *modules, gee_error_t *error) {
    const gee_module_t *module;
    for (size_t i = 0; (module = gee_module_next(modules, GEE_MODULE_REGISTRY, i)) != NULL; i++) {
        const gee_registry_t *registry = module->interface;
        if (!registry->publish != !registry->withdraw || !registry->publish != !registry->abandon)
            return gee_error_set(error, GEE_INTERNAL, "module %s: has some of publish, withdraw and abandon, not all",
                                 module->name);
    }
    return 0;
}

int gee_gateway_check_modules(const gee_module_entry_t *modules, gee_error_t *error) {
#define MEMBER(kind, type, member)                                                                                     \
    { kind, #member, offsetof(type, member) }
    static const gee_member_t members[] = {
        MEMBER(GEE_MODULE_BALANCER, gee_balancer_t, name),    MEMBER(GEE_MODULE_BALANCER, gee_balancer_t, changed),
        MEMBER(GEE_MODULE_BALANCER, gee_balancer_t, pick),    MEMBER(GEE_MODULE_REGISTRY, gee_registry_t, scheme),
        MEMBER(GEE_MODULE_REGISTRY, gee_registry_t, check),   MEMBER(GEE_MODULE_REGISTRY, gee_registry_t, watch),
        MEMBER(GEE_MODULE_REGISTRY, gee_registry_t, unwatch),
    };
#undef MEMBER
    return gee_rpc_check_modules(modules, error) != 0 ||
                   gee_modules_check_members(modules, members, GEE_LENGTH(members), error) != 0 ||
                   check_registries(modules, error) != 0
               ? -1
               : 0;
}
