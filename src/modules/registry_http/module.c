/* module.c: registries over HTTP: the protocol of GeeRPC's registry, and what ours adds to it (docs/registry.md). */
#include "http.h"

static gee_registry_t registry = {
    .scheme = "http",
    .check = gee_http_source_check,
    .watch = gee_http_watch,
    .unwatch = gee_http_unwatch,
    .publish = gee_http_publish,
    .withdraw = gee_http_withdraw,
    .abandon = gee_http_abandon,
};
