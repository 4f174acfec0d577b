/* engine.c: what the sessions of one loop share, and the look-up of modules by name. */
#include "core/rpc/engine.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/http/route.h"
#include "core/rpc/call.h"
#include "core/rpc/door.h"
#include "core/rpc/filter.h"
#include "core/rpc/memory.h"
#include "core/gateway/registry.h"
#include "core/rpc/session.h"
#include "core/rpc/value_stream.h"

#define SCRATCH_SIZE 4096
#define ANSWERS_SIZE 1024

const gee_option_t gee_limits_options[] = {
    { .name = "message",
      .type = GEE_OPTION_SIZE,
      .offset = offsetof(gee_limits_t, message),
      .fallback = "4m",
      .flags = GEE_OPTION_RELOADABLE,
      .minimum = 1024,
      .maximum = 1LL << 31,
      .doc = "Largest message, header and body together; a larger one ends its call with code 8" },
    { .name = "method",
      .type = GEE_OPTION_SIZE,
      .offset = offsetof(gee_limits_t, method),
      .fallback = "1k",
      .flags = GEE_OPTION_RELOADABLE,
      .minimum = 64,
      .maximum = 65536,
      .doc = "Longest name of a method; a call with a longer one is refused, and forwarded nowhere" },
    { .name = "call_memory",
      .type = GEE_OPTION_SIZE,
      .offset = offsetof(gee_limits_t, call_memory),
      .fallback = "64m",
      .flags = GEE_OPTION_RELOADABLE,
      .minimum = 65536,
      .maximum = 1LL << 40,
      .doc = "Memory that the arguments and the handler of one call may take; past it the call fails" },
    { .name = "nesting",
      .type = GEE_OPTION_INT,
      .offset = offsetof(gee_limits_t, nesting),
      .fallback = "100",
      .flags = GEE_OPTION_RELOADABLE,
      .minimum = 1,
      .maximum = 1000,
      .doc = "Levels of structs, lists and maps in one value" },
    { .name = "calls",
      .type = GEE_OPTION_INT,
      .offset = offsetof(gee_limits_t, calls),
      .fallback = "1000",
      .flags = GEE_OPTION_RELOADABLE,
      .minimum = 1,
      .maximum = 1000000,
      .doc = "Calls in flight on one connection; past it the connection is not read until one ends" },
    { .name = "input",
      .type = GEE_OPTION_SIZE,
      .offset = offsetof(gee_limits_t, input),
      .fallback = "16m",
      .flags = GEE_OPTION_RELOADABLE,
      .minimum = 4096,
      .maximum = 1LL << 40,
      .doc = "Memory of the calls in flight on one connection; past it the connection is not read until one ends" },
    { .name = "output",
      .type = GEE_OPTION_SIZE,
      .offset = offsetof(gee_limits_t, output),
      .fallback = "256k",
      .flags = GEE_OPTION_RELOADABLE,
      .minimum = 4096,
      .maximum = 1LL << 31,
      .doc = "Reply bytes waiting on one connection; past it the connection is not read until they have gone" },
    { .name = "memory",
      .type = GEE_OPTION_SIZE,
      .offset = offsetof(gee_limits_t, memory),
      .fallback = "1g",
      .flags = GEE_OPTION_RELOADABLE,
      .minimum = 0,
      .maximum = 1LL << 44,
      .doc = "Memory that requests, calls and replies of one worker take together; past it new calls are refused, and "
             "large "
             "requests wait before that; less than eight times message counts as that; 0 for no limit" },
    { .name = NULL }
};

#define TIMEOUT_ROW(member, text, documentation)                                                                       \
    {                                                                                                                  \
        .name = #member, .type = GEE_OPTION_DURATION, .offset = offsetof(gee_timeouts_t, member), .fallback = text,    \
        .flags = GEE_OPTION_RELOADABLE, .doc = documentation                                                           \
    }

const gee_option_t gee_timeouts_options[] = {
    TIMEOUT_ROW(handshake, "10s",
                "From accepting a connection until it has said what it speaks and its Option is whole"),
    TIMEOUT_ROW(read, "60s", "From the first byte of a message to its last"),
    TIMEOUT_ROW(write, "60s",
                "Without any progress in writing to a client that does not read; to a server of an upstream, also "
                "until its host acknowledges"),
    TIMEOUT_ROW(handle, "0", "For one call, where neither its service nor its caller says less; 0: none"),
    TIMEOUT_ROW(idle, "0", "Nothing received and no call in flight; 0: none"),
    TIMEOUT_ROW(keep_alive, "75s", "Between two requests of an HTTP connection; 0: none"),
    { .name = NULL }
};

gee_engine_t *gee_engine_create(const gee_engine_options_t *options, gee_error_t *error) {
    gee_engine_t *engine = calloc(1, sizeof(*engine));
    gee_pool_t *scratch = gee_pool_create(SCRATCH_SIZE), *answers = gee_pool_create(ANSWERS_SIZE);
    if (engine == NULL || scratch == NULL || answers == NULL) {
        free(engine);
        gee_pool_destroy(&scratch);
        gee_pool_destroy(&answers);
        gee_error_set(error, GEE_RESOURCE_EXHAUSTED, "engine: out of memory");
        return NULL;
    }
    engine->loop = options->loop;
    engine->log = options->log;
    engine->buffers = gee_loop_buffers(options->loop);
    engine->modules = options->modules;
    engine->module_conf = options->module_conf;
    engine->limits = options->limits;
    engine->timeouts = options->timeouts;
    engine->codec_limits.message = (size_t)options->limits.message;
    engine->codec_limits.nesting = (unsigned)options->limits.nesting;
    engine->names.message = options->names.message ? options->names.message : "limits.message";
    engine->names.read = options->names.read ? options->names.read : "timeouts.read";
    engine->codec_limits.message_name = engine->names.message;
    engine->header_limits = engine->codec_limits;
    engine->header_limits.repair = true;
    engine->onward_limits = engine->codec_limits;
    if (engine->onward_limits.nesting > 2)
        engine->onward_limits.nesting -= 2;
    engine->threads = options->threads;
    engine->resolver = options->resolver ? options->resolver : options->threads;
    engine->worker_index = options->worker_index;
    engine->helper = options->helper;
    engine->listeners = options->listeners;
    engine->quitting = options->quitting;
    engine->scratch = scratch;
    engine->answers = answers;
    gee_pool_limit(scratch, (size_t)options->limits.call_memory);
    gee_pool_limit(answers, (size_t)options->limits.call_memory);
    gee_list_init(&engine->sessions);
    gee_list_init(&engine->doors);
    gee_list_init(&engine->free_calls);
    gee_memory_start(engine);
    return engine;
}

/* ---- codecs' states ---- */

struct gee_codec_share {
    gee_codec_share_t *next;
    const gee_codec_t *codec;
    void *shared;
};

static void destroy_codec_shares(gee_engine_t *engine) {
    for (gee_codec_share_t *share = engine->codec_shares, *next; share != NULL; share = next) {
        next = share->next;
        share->codec->shared_destroy(share->shared);
        free(share);
    }
    engine->codec_shares = NULL;
}

static void *shared_of(gee_engine_t *engine, const gee_codec_t *codec, gee_error_t *error) {
    for (const gee_codec_share_t *share = engine->codec_shares; share != NULL; share = share->next)
        if (share->codec == codec)
            return share->shared;
    gee_codec_share_t *share = calloc(1, sizeof(*share));
    if (share == NULL) {
        gee_error_set(error, GEE_RESOURCE_EXHAUSTED, "codec %s: out of memory", codec->name);
        return NULL;
    }
    share->codec = codec;
    share->shared = codec->shared_create(error);
    if (share->shared == NULL) {
        free(share);
        return NULL;
    }
    share->next = engine->codec_shares;
    engine->codec_shares = share;
    return share->shared;
}

int gee_codec_state_create(gee_engine_t *engine, const gee_codec_t *codec, void **state, gee_error_t *error) {
    void *shared = NULL;
    *state = NULL;
    if (codec->state_size == 0)
        return 0;
    if (codec->shared_create != NULL && (shared = shared_of(engine, codec, error)) == NULL)
        return -1;
    void *made = calloc(1, codec->state_size);
    if (made == NULL)
        return gee_error_set(error, GEE_RESOURCE_EXHAUSTED, "codec %s: out of memory", codec->name);
    if (shared != NULL)
        codec->attach(made, shared);
    if (codec->start != NULL && codec->start(made, error) != 0) {
        free(made);
        return -1;
    }
    *state = made;
    return 0;
}

void gee_codec_state_destroy(const gee_codec_t *codec, void **state) {
    if (*state == NULL)
        return;
    if (codec->stop != NULL)
        codec->stop(*state);
    free(*state);
    *state = NULL;
}

void gee_engine_destroy(gee_engine_t **handle) {
    gee_engine_t *engine = *handle;
    if (engine == NULL)
        return;
    *handle = NULL;
    gee_door_close_all(engine);
    gee_sessions_destroy(engine);
    gee_memory_stop(engine);
    gee_calls_destroy(engine);
    destroy_codec_shares(engine);
    gee_value_progress_free_spare(engine);
    gee_pool_destroy(&engine->scratch);
    gee_pool_destroy(&engine->answers);
    free(engine);
}

void *gee_engine_conf(const gee_engine_t *engine, size_t n) {
    return engine->module_conf ? engine->module_conf[n] : NULL;
}

int gee_engine_tell_helper(gee_engine_t *engine, const char *module, const void *bytes, size_t length) {
    if (engine->helper != NULL)
        return engine->helper->tell(engine->helper, module, bytes, length);
    errno = ENOTCONN;
    return -1;
}

void gee_engine_wake_workers(gee_engine_t *engine) {
    if (engine->helper != NULL)
        engine->helper->wake(engine->helper);
}

const gee_codec_t *gee_codec_by_name(const gee_module_entry_t *modules, gee_str_t name) {
    const gee_module_t *module;
    for (size_t i = 0; (module = gee_module_next(modules, GEE_MODULE_CODEC, i)) != NULL; i++) {
        const gee_codec_t *codec = module->interface;
        if (gee_str_equal(gee_str(codec->name), name))
            return codec;
    }
    return NULL;
}

const gee_codec_t *gee_codec_by_content_type(const gee_module_entry_t *modules, gee_str_t content_type) {
    const gee_module_t *module;
    for (size_t i = 0; (module = gee_module_next(modules, GEE_MODULE_CODEC, i)) != NULL; i++) {
        const gee_codec_t *codec = module->interface;
        if (gee_str_equal(gee_str(codec->content_type), content_type))
            return codec;
    }
    return NULL;
}

const gee_transport_t *gee_transport_by_scheme(const gee_module_entry_t *modules, const char *scheme) {
    const gee_module_t *module;
    for (size_t i = 0; (module = gee_module_next(modules, GEE_MODULE_TRANSPORT, i)) != NULL; i++) {
        const gee_transport_t *transport = module->interface;
        if (strcmp(transport->scheme, scheme) == 0)
            return transport;
    }
    return NULL;
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
    const gee_transport_t *transport = gee_transport_by_scheme(modules, addr->scheme);
    if (transport == NULL)
        gee_error_set(error, GEE_INVALID_ARGUMENT, "%s: no transport for \"%s@\" is compiled in; there are: %s%s",
                      addr->text, addr->scheme, transport_schemes(modules, schemes, sizeof(schemes)),
                      gee_registry_by_scheme(modules, gee_str(addr->scheme)) != NULL
                          ? "; a registry stands in the place of a list of servers"
                          : "");
    return transport;
}

const gee_protocol_t *gee_protocol_by_name(const gee_module_entry_t *modules, const char *name) {
    const gee_module_t *module;
    for (size_t i = 0; (module = gee_module_next(modules, GEE_MODULE_PROTOCOL, i)) != NULL; i++) {
        const gee_protocol_t *protocol = module->interface;
        if (strcmp(protocol->name, name) == 0)
            return protocol;
    }
    return NULL;
}

const gee_balancer_t *gee_balancer_by_name(const gee_module_entry_t *modules, const char *name) {
    const gee_module_t *module;
    for (size_t i = 0; (module = gee_module_next(modules, GEE_MODULE_BALANCER, i)) != NULL; i++) {
        const gee_balancer_t *balancer = module->interface;
        if (strcmp(balancer->name, name) == 0)
            return balancer;
    }
    return NULL;
}

const gee_registry_t *gee_registry_by_scheme(const gee_module_entry_t *modules, gee_str_t scheme) {
    const gee_module_t *module;
    for (size_t i = 0; (module = gee_module_next(modules, GEE_MODULE_REGISTRY, i)) != NULL; i++) {
        const gee_registry_t *registry = module->interface;
        if (gee_str_equal(gee_str(registry->scheme), scheme))
            return registry;
    }
    return NULL;
}

const gee_route_t *gee_module_routes(const gee_module_t *module) {
    if (module->routes != NULL)
        return module->routes;
    return module->kind == GEE_MODULE_PAGE ? module->interface : NULL;
}

void gee_protocol_complete_address(const gee_protocol_t *protocol, gee_addr_t *addr) {
    size_t length = strlen(addr->place);
    if (protocol->connect_path == NULL || strcmp(addr->scheme, "http") != 0 || strchr(addr->place, '/') != NULL ||
        strlen(protocol->connect_path) >= sizeof(addr->place) - length)
        return;
    memcpy(addr->place + length, protocol->connect_path, strlen(protocol->connect_path) + 1);
}

/* A module's name without the kind in front: "json" of codec_json. */
static const char *short_name(const gee_module_t *module) {
    const char *underscore = strchr(module->name, '_');
    return underscore ? underscore + 1 : module->name;
}

char *gee_module_names(const gee_module_entry_t *modules, gee_module_kind_t kind, char *target, size_t capacity) {
    const gee_module_t *module;
    size_t used = 0;
    if (capacity == 0)
        return target;
    target[0] = '\0';
    for (size_t i = 0; (module = gee_module_next(modules, kind, i)) != NULL && used < capacity; i++) {
        int n = snprintf(target + used, capacity - used, "%s%s", i ? ", " : "", short_name(module));
        if (n < 0)
            break;
        used += (size_t)n;
    }
    if (target[0] == '\0')
        snprintf(target, capacity, "none");
    return target;
}

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

static int check_hooks(const gee_module_t *module, bool exports, bool imports, gee_error_t *error) {
    return exports == imports
               ? 0
               : gee_error_set(error, GEE_INTERNAL, "module %s: has one of export_state and import_state, not both",
                               module->name);
}

/* What cannot be passed on stays; what could only go, or only come, would be lost. */
static int check_handover(const gee_module_t *module, gee_error_t *error) {
    const gee_codec_t *codec = module->interface;
    const gee_protocol_t *protocol = module->interface;
    const gee_layer_t *layer = module->interface;
    switch (module->kind) {
    case GEE_MODULE_CODEC:
        return check_hooks(module, codec->export_state != NULL, codec->import_state != NULL, error);
    case GEE_MODULE_PROTOCOL:
        return check_hooks(module, protocol->export_state != NULL, protocol->import_state != NULL, error);
    case GEE_MODULE_LAYER:
        return check_hooks(module, layer->export_state != NULL, layer->import_state != NULL, error);
    default:
        return 0;
    }
}

int gee_engine_check_modules(const gee_module_entry_t *modules, gee_error_t *error) {
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
        MEMBER(GEE_MODULE_BALANCER, gee_balancer_t, name),
        MEMBER(GEE_MODULE_BALANCER, gee_balancer_t, changed),
        MEMBER(GEE_MODULE_BALANCER, gee_balancer_t, pick),
        MEMBER(GEE_MODULE_REGISTRY, gee_registry_t, scheme),
        MEMBER(GEE_MODULE_REGISTRY, gee_registry_t, check),
        MEMBER(GEE_MODULE_REGISTRY, gee_registry_t, watch),
        MEMBER(GEE_MODULE_REGISTRY, gee_registry_t, unwatch),
        MEMBER(GEE_MODULE_SERVICE, gee_service_t, name),
        MEMBER(GEE_MODULE_SERVICE, gee_service_t, methods),
    };
#undef MEMBER
    if (gee_modules_check(modules, error) != 0 ||
        gee_modules_check_members(modules, members, GEE_LENGTH(members), error) != 0)
        return -1;
    const gee_module_t *module;
    for (size_t i = 0; (module = gee_module_next(modules, GEE_MODULE_CODEC, i)) != NULL; i++) {
        const gee_codec_t *codec = module->interface;
        if (codec->self_delimiting && (codec->measure == NULL || codec->padding == NULL))
            return gee_error_set(error, GEE_INTERNAL, "module %s: self-delimiting, but without measure or padding",
                                 module->name);
        if (!codec->shared_create != !codec->shared_destroy || !codec->shared_create != !codec->attach)
            return gee_error_set(error, GEE_INTERNAL,
                                 "module %s: has some of shared_create, shared_destroy and attach, not all",
                                 module->name);
        if (!codec->mark != !codec->rewind)
            return gee_error_set(error, GEE_INTERNAL, "module %s: has one of mark and rewind, not both", module->name);
    }
    if (check_registries(modules, error) != 0)
        return -1;
    for (size_t i = 0; modules[i].module != NULL; i++)
        if (check_routes(modules[i].module, error) != 0 || check_handover(modules[i].module, error) != 0)
            return -1;
    return 0;
}
