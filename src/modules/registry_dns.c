/* registry_dns: the addresses of a name, IPv4 and IPv6, as servers: dns@name:port.
 *
 *   getaddrinfo() on a thread -> tcp@ADDRESS:PORT, each -> a pause of `refresh` -> again
 *                     '-failed-> a pause that grows up to `refresh` -> again */
#include <gee/registry.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RETRY (250 * GEE_MILLISECOND) /* the first pause */
#define MOST  1024                    /* addresses of one name */

typedef struct watch {
    gee_engine_t *engine;
    char *source;
    gee_addr_t addr; /* tcp@name:port */
    int64_t refresh_ns;
    void (*changed)(void *data, const gee_snapshot_t *snapshot);
    void (*failed)(void *data, const gee_error_t *error);
    void *data;

    gee_work_t *work;
    gee_timer_t timer;
    gee_back_off_t back_off;
    uint64_t random;
} watch_t;

/* The part that the thread uses. */
typedef struct look {
    gee_addr_t addr;
    gee_sockaddr_t found[MOST];
    size_t count;
    int outcome;
    gee_error_t error;
} look_t;

/* As tcp@: dns@name:port takes the same places, except for an empty host. */
static int parse(const char *source, gee_addr_t *addr, gee_error_t *error) {
    gee_addr_t dns;
    char text[GEE_ADDR_TEXT + sizeof("tcp@")], host[256];
    uint16_t port;
    if (gee_addr_parse(source, &dns, error) != 0 || gee_addr_host_port(&dns, host, &port, error) != 0)
        return -1;
    if (host[0] == '\0' || port == 0)
        return gee_error_set(error, GEE_INVALID_ARGUMENT, "registry \"%s\": expected dns@name:port", dns.text);
    snprintf(text, sizeof(text), "tcp@%s", dns.place);
    return gee_addr_parse(text, addr, error);
}

static int dns_check(const char *source, gee_error_t *error) {
    gee_addr_t addr;
    return parse(source, &addr, error);
}

/* ---- one look ---- */

static void run_look(void *memory) {
    look_t *look = memory;
    look->outcome = gee_tcp_resolve(&look->addr, look->found, MOST, &look->count, &look->error);
}

static void look_in(watch_t *watch, int64_t delay_ns) {
    (void)gee_timer_start(gee_engine_loop(watch->engine), &watch->timer, delay_ns);
}

/* Callbacks come last: a callback may end the watch. */
static void dns_fail(watch_t *watch, const gee_error_t *error) {
    look_in(watch, gee_back_off_next(&watch->back_off, RETRY, watch->refresh_ns, &watch->random));
    watch->failed(watch->data, error);
}

/* A hash of the addresses, which a name server gives in any order. */
static uint64_t version_of(const gee_server_t *servers, size_t count) {
    static const uint64_t key[2] = { 1, 2 };
    uint64_t version = count;
    for (size_t i = 0; i < count; i++)
        version += gee_siphash(key, servers[i].address, strlen(servers[i].address));
    return version;
}

static int make_snapshot(const watch_t *watch, const look_t *look, gee_pool_t *pool, gee_snapshot_t *snapshot,
                         gee_error_t *error) {
    gee_server_t *servers = pool ? gee_pool_array(pool, look->count, sizeof(*servers)) : NULL;
    char text[GEE_ADDR_TEXT];
    for (size_t i = 0; servers != NULL && i < look->count; i++)
        if ((servers[i].address = gee_pool_strdup(pool, gee_sockaddr_text(&look->found[i], text))) == NULL)
            servers = NULL;
    if (servers == NULL)
        return gee_error_set(error, GEE_RESOURCE_EXHAUSTED, "%s: out of memory", watch->source);
    *snapshot = (gee_snapshot_t){ servers, look->count, version_of(servers, look->count) };
    return 0;
}

static void looked(void *memory, void *data) {
    watch_t *watch = data;
    look_t *look = memory;
    gee_snapshot_t snapshot;
    gee_pool_t *pool = gee_pool_create(GEE_KIB);
    watch->work = NULL;
    if (look->outcome != 0)
        gee_error_prefix(&look->error, "%s: ", watch->source);
    if (look->outcome != 0 || make_snapshot(watch, look, pool, &snapshot, &look->error) != 0) {
        dns_fail(watch, &look->error);
    } else {
        watch->back_off.last_ns = 0;
        look_in(watch, gee_jitter(watch->refresh_ns, &watch->random));
        watch->changed(watch->data, &snapshot);
    }
    gee_pool_destroy(&pool);
}

static int look(watch_t *watch, gee_error_t *error) {
    static const gee_work_calls_t calls = { .run = run_look, .done = looked };
    watch->work = gee_work_create(gee_engine_loop(watch->engine), gee_engine_resolver(watch->engine), &calls,
                                  sizeof(look_t), &watch->addr, error);
    if (watch->work == NULL)
        return -1;
    ((look_t *)gee_work_memory(watch->work))->addr = watch->addr;
    if (gee_work_start(watch->work, watch, error) == 0)
        return 0;
    gee_work_cancel(&watch->work);
    return -1;
}

static void dns_on_timer(gee_timer_t *timer) {
    watch_t *watch = GEE_CONTAINER(timer, watch_t, timer);
    gee_error_t error;
    if (look(watch, &error) == 0)
        return;
    gee_error_prefix(&error, "%s: ", watch->source);
    dns_fail(watch, &error);
}

/* ---- beginning and end ---- */

static void unwatch(void *state) {
    watch_t *watch = state;
    gee_work_cancel(&watch->work);
    gee_timer_stop(gee_engine_loop(watch->engine), &watch->timer);
    free(watch->source);
}

static int watch(void *state, gee_engine_t *engine, const char *source, const gee_watch_options_t *options,
                 void (*changed)(void *data, const gee_snapshot_t *snapshot),
                 void (*failed)(void *data, const gee_error_t *error), void *data, gee_error_t *error) {
    watch_t *watch = state;
    *watch = (watch_t){ .engine = engine, .refresh_ns = options->refresh_ns, .changed = changed, .failed = failed };
    watch->data = data;
    watch->timer.fire = dns_on_timer;
    watch->random = (uint64_t)gee_clock_wall() ^ (uint64_t)(uintptr_t)watch;
    if (parse(source, &watch->addr, error) != 0)
        return -1;
    if (gee_engine_resolver(engine) == NULL)
        return gee_error_set(error, GEE_FAILED_PRECONDITION,
                             "%s: names cannot be looked up here (there are no threads)", source);
    watch->source = strdup(source);
    if (watch->source != NULL && gee_timer_start(gee_engine_loop(engine), &watch->timer, 0) == 0)
        return 0;
    unwatch(watch);
    return gee_error_set(error, GEE_RESOURCE_EXHAUSTED, "%s: out of memory", source);
}

static const gee_registry_t registry = {
    .scheme = "dns",
    .watch_size = sizeof(watch_t),
    .check = dns_check,
    .watch = watch,
    .unwatch = unwatch,
};

extern const gee_module_t gee_registry_dns_module;
const gee_module_t gee_registry_dns_module = {
    .abi = GEE_MODULE_ABI, .kind = GEE_MODULE_REGISTRY, .name = "registry_dns", .interface = &registry
};
