/* modules.c: look-ups of modules by more than a name; checks of the kinds that core/rpc and the layers below define. */
#include "core/rpc/modules.h"

#include <stdio.h>
#include <string.h>

#include "core/base/defs.h"
#include "core/http/route.h"
#include "core/rpc/service.h"

/* As gee_module_find() has it. */
_Static_assert(offsetof(gee_transport_t, scheme) == 0 && offsetof(gee_layer_t, name) == 0 &&
                   offsetof(gee_protocol_t, name) == 0 && offsetof(gee_codec_t, name) == 0 &&
                   offsetof(gee_service_t, name) == 0,
               "an interface begins with the text by which it is found");

const gee_codec_t *gee_codec_by_content_type(const gee_module_entry_t *modules, gee_str_t content_type) {
    return gee_module_find_by(modules, GEE_MODULE_CODEC, offsetof(gee_codec_t, content_type), content_type);
}

/* "tcp@, unix@" */
static const char *transport_schemes(const gee_module_entry_t *modules, char *target, size_t capacity) {
    const gee_module_t *module;
    size_t used = 0;
    snprintf(target, capacity, "none");
    for (size_t i = 0; (module = gee_module_next(modules, GEE_MODULE_TRANSPORT, i)) != NULL && used < capacity; i++) {
        const gee_transport_t *transport = module->interface;
        int length = snprintf(target + used, capacity - used, "%s%s@", i > 0 ? ", " : "", transport->scheme);
        used += length > 0 ? (size_t)length : 0;
    }
    return target;
}

const gee_transport_t *gee_transport_for(const gee_module_entry_t *modules, const gee_addr_t *addr,
                                         gee_error_t *error) {
    char schemes[200];
    const gee_transport_t *transport = gee_module_find(modules, GEE_MODULE_TRANSPORT, gee_str(addr->scheme));
    if (transport == NULL)
        gee_error_set(error, GEE_INVALID_ARGUMENT, "%s: no transport for \"%s@\" is compiled in; there are: %s%s",
                      addr->text, addr->scheme, transport_schemes(modules, schemes, sizeof(schemes)),
                      gee_module_find(modules, GEE_MODULE_REGISTRY, gee_str(addr->scheme)) != NULL
                          ? "; a registry stands in the place of a list of servers"
                          : "");
    return transport;
}

void gee_protocol_complete_address(const gee_protocol_t *protocol, gee_addr_t *addr) {
    size_t length = strlen(addr->place);
    if (protocol->connect_path == NULL || strcmp(addr->scheme, "http") != 0 || strchr(addr->place, '/') != NULL ||
        strlen(protocol->connect_path) >= sizeof(addr->place) - length)
        return;
    memcpy(addr->place + length, protocol->connect_path, strlen(protocol->connect_path) + 1);
}

const gee_route_t *gee_module_routes(const gee_module_t *module) {
    if (module->routes != NULL)
        return module->routes;
    return module->kind == GEE_MODULE_PAGE ? module->interface : NULL;
}

/* ---- checks ---- */

static int check_routes(const gee_module_t *module, gee_error_t *error) {
    const gee_route_t *route = gee_module_routes(module);
    for (; route != NULL && route->path != NULL; route++) {
        const char *flaw = route->path[0] != '/' && route->place == NULL ? "its path does not begin with /"
                           : route->methods == NULL                      ? "member \"methods\" is missing"
                           : (route->handle == NULL) == (route->upgrade == NULL)
                               ? "it must have one of handle and upgrade"
                               : NULL;
        if (flaw != NULL)
            return gee_error_set(error, GEE_INTERNAL, "module %s: route %s: %s", module->name, route->path, flaw);
    }
    return 0;
}

/* A connection whose state cannot be exported stays; with only one of the two hooks a connection would be lost. */
static int check_hooks(const gee_module_t *module, bool exports, bool imports, gee_error_t *error) {
    return exports == imports
               ? 0
               : gee_error_set(error, GEE_INTERNAL, "module %s: has one of export_state and import_state, not both",
                               module->name);
}

static int check_codec(const gee_module_t *module, gee_error_t *error) {
    const gee_codec_t *codec = module->interface;
    if (codec->self_delimiting && (codec->measure == NULL || codec->padding == NULL))
        return gee_error_set(error, GEE_INTERNAL, "module %s: self-delimiting, but without measure or padding",
                             module->name);
    if (!codec->shared_create != !codec->shared_destroy || !codec->shared_create != !codec->attach)
        return gee_error_set(error, GEE_INTERNAL,
                             "module %s: has some of shared_create, shared_destroy and attach, not all", module->name);
    if (!codec->mark != !codec->rewind)
        return gee_error_set(error, GEE_INTERNAL, "module %s: has one of mark and rewind, not both", module->name);
    return check_hooks(module, codec->export_state != NULL, codec->import_state != NULL, error);
}

static int check_interface(const gee_module_t *module, gee_error_t *error) {
    const gee_protocol_t *protocol = module->interface;
    const gee_layer_t *layer = module->interface;
    switch (module->kind) {
    case GEE_MODULE_CODEC:
        return check_codec(module, error);
    case GEE_MODULE_PROTOCOL:
        return check_hooks(module, protocol->export_state != NULL, protocol->import_state != NULL, error);
    case GEE_MODULE_LAYER:
        return check_hooks(module, layer->export_state != NULL, layer->import_state != NULL, error);
    default:
        return 0;
    }
}

int gee_rpc_check_modules(const gee_module_entry_t *modules, gee_error_t *error) {
#define MEMBER(kind, type, member)                                                                                     \
    { kind, #member, offsetof(type, member) }
    static const gee_member_t members[] = {
        MEMBER(GEE_MODULE_TRANSPORT, gee_transport_t, scheme),
        MEMBER(GEE_MODULE_TRANSPORT, gee_transport_t, check),
        MEMBER(GEE_MODULE_TRANSPORT, gee_transport_t, resolve),
        MEMBER(GEE_MODULE_TRANSPORT, gee_transport_t, numeric),
        MEMBER(GEE_MODULE_TRANSPORT, gee_transport_t, listen),
        MEMBER(GEE_MODULE_TRANSPORT, gee_transport_t, accept),
        MEMBER(GEE_MODULE_TRANSPORT, gee_transport_t, connect),
        MEMBER(GEE_MODULE_TRANSPORT, gee_transport_t, connected),
        MEMBER(GEE_MODULE_TRANSPORT, gee_transport_t, receive),
        MEMBER(GEE_MODULE_TRANSPORT, gee_transport_t, send),
        MEMBER(GEE_MODULE_LAYER, gee_layer_t, name),
        MEMBER(GEE_MODULE_LAYER, gee_layer_t, start),
        MEMBER(GEE_MODULE_LAYER, gee_layer_t, receive),
        MEMBER(GEE_MODULE_LAYER, gee_layer_t, send),
        MEMBER(GEE_MODULE_LAYER, gee_layer_t, established),
        MEMBER(GEE_MODULE_PROTOCOL, gee_protocol_t, name),
        MEMBER(GEE_MODULE_PROTOCOL, gee_protocol_t, claims),
        MEMBER(GEE_MODULE_PROTOCOL, gee_protocol_t, start),
        MEMBER(GEE_MODULE_PROTOCOL, gee_protocol_t, receive),
        MEMBER(GEE_MODULE_PROTOCOL, gee_protocol_t, send),
        MEMBER(GEE_MODULE_PROTOCOL, gee_protocol_t, quiet),
        MEMBER(GEE_MODULE_CODEC, gee_codec_t, name),
        MEMBER(GEE_MODULE_CODEC, gee_codec_t, content_type),
        MEMBER(GEE_MODULE_CODEC, gee_codec_t, separator),
        MEMBER(GEE_MODULE_CODEC, gee_codec_t, decode),
        MEMBER(GEE_MODULE_CODEC, gee_codec_t, encode),
        MEMBER(GEE_MODULE_SERVICE, gee_service_t, name),
        MEMBER(GEE_MODULE_SERVICE, gee_service_t, methods),
    };
#undef MEMBER
    if (gee_modules_check(modules, error) != 0 ||
        gee_modules_check_members(modules, members, GEE_LENGTH(members), error) != 0)
        return -1;
    for (size_t i = 0; modules[i].module != NULL; i++)
        if (check_routes(modules[i].module, error) != 0 || check_interface(modules[i].module, error) != 0)
            return -1;
    return 0;
}
