/* module.c: registries over HTTP: the protocol of GeeRPC's registry, with this project's additions
 * (docs/registry.md). */
#include "http.h"

static const gee_registry_t registry = {
    .scheme = "http",
    .watch_size = sizeof(gee_http_watch_t),
    .publish_size = sizeof(gee_http_publish_t),
    .check = gee_http_source_check,
    .watch = gee_http_watch,
    .unwatch = gee_http_unwatch,
    .publish = gee_http_publish,
    .withdraw = gee_http_withdraw,
    .abandon = gee_http_abandon,
};

extern const gee_module_t gee_registry_http_module;
const gee_module_t gee_registry_http_module = {
    .abi = GEE_MODULE_ABI, .kind = GEE_MODULE_REGISTRY, .name = "registry_http", .interface = &registry
};
