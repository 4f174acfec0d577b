/* worker_upstreams.c: the upstreams of a worker, from the settings: each worker has its own connections to all
 * backends, and begins with the other workers' notes of backends that are down. */
#include <stdlib.h>
#include <sys/random.h>
#include <unistd.h>

#include "core/base/assert.h"
#include "core/base/clock.h"
#include "core/proc/seals.h"
#include "core/proc/worker_private.h"
#include "core/gateway/known_down.h"
#include "core/rpc/engine_private.h"

/* The owner of an upstream's callbacks about backends that are down. */
typedef struct memory {
    gee_known_down_t *known;
    const gee_upstream_settings_t *settings;
} memory_t;

static uint64_t make_seed(void) {
    uint64_t seed = 0;
    if (getrandom(&seed, sizeof seed, GRND_NONBLOCK) != (ssize_t)sizeof seed)
        seed = (uint64_t)gee_clock_monotonic() ^ (uint64_t)getpid() << 32;
    return seed;
}

static int set_servers(gee_upstream_t *upstream, const gee_upstream_settings_t *settings, gee_pool_t *pool,
                       gee_error_t *error) {
    gee_server_t *servers = gee_pool_array(pool, settings->servers.count, sizeof *servers);
    if (!servers)
        return gee_error_set(error, GEE_RESOURCE_EXHAUSTED, "out of memory");
    for (size_t i = 0; i < settings->servers.count; i++) {
        const gee_server_settings_t *server = gee_upstream_settings_server(settings, i);
        servers[i] = (gee_server_t){ .address = server->address, .weight = (uint32_t)server->weight };
    }
    return gee_upstream_set_servers(upstream, servers, settings->servers.count, error);
}

/* A worker that sees a backend down renews the note with each attempt: an older note has no worker behind it any
 * more. */
static bool is_known_down(void *owner, const char *address) {
    const memory_t *memory = owner;
    const gee_upstream_limits_t *limits = &memory->settings->limits;
    int64_t since_ns = gee_clock_monotonic() - 2 * (limits->fail_timeout + limits->connect_timeout);
    return gee_known_down_since(memory->known, gee_known_down_key(memory->settings->name, address), since_ns);
}

static void tell(void *owner, const char *address, const gee_error_t *reason) {
    const memory_t *memory = owner;
    uint64_t key = gee_known_down_key(memory->settings->name, address);
    if (reason)
        gee_known_down_note(memory->known, key, gee_clock_monotonic());
    else
        gee_known_down_forget(memory->known, key);
}

/* Precondition: the settings were checked, so all names exist. */
static int open_upstream(gee_worker_process_t *process, size_t index, memory_t *memory, gee_error_t *error) {
    const gee_settings_t *settings = gee_cycle_settings(process->cycle);
    const gee_upstream_settings_t *upstream = gee_settings_upstream(settings, index);
    const gee_module_entry_t *modules = process->cycle->server->modules;
    gee_forward_t *forward = &process->forwards[index];
    const char *codec;
    forward->target = gee_forward_target;
    forward->protocol = gee_module_find(modules, GEE_MODULE_PROTOCOL, gee_str(upstream->protocol));
    codec = gee_upstream_settings_codec(upstream, forward->protocol);
    forward->codec = gee_module_find(modules, GEE_MODULE_CODEC, gee_str(codec));
    GEE_ASSERT(forward->protocol && forward->codec);
    forward->target.numbers = forward->codec->enum_names;
    if (gee_forward_key_parse(upstream->key, &forward->key, error) != 0)
        return -1;
    gee_upstream_options_t options = {
        .name = upstream->name,
        .balancer = gee_module_find(modules, GEE_MODULE_BALANCER, gee_str(upstream->balance)),
        .settings = { .protocol = forward->protocol,
                      .setup = { .codec = forward->codec, .message_limit = (size_t)settings->limits.message },
                      .write_timeout_ns = settings->timeouts.write,
                      .seal_setup = gee_seals_of_server,
                      .seal_data = &process->cycle->upstream_seals[index] },
        .limits = upstream->limits,
        .may_leave_unread =
            forward->protocol->may_leave_unread && forward->codec->self_delimiting && !upstream->reads_bodies,
        .seed = make_seed(),
        .is_known_down = is_known_down,
        .tell = tell,
        .owner = memory
    };
    *memory = (memory_t){ .known = process->cycle->known_down, .settings = upstream };
    forward->upstream = process->upstreams[index] = gee_upstream_create(process->engine, &options, error);
    if (!forward->upstream || set_servers(forward->upstream, upstream, process->cycle->pool, error) != 0)
        return gee_error_prefix(error, "upstream %s: ", upstream->name);
    return 0;
}

int gee_worker_open_upstreams(gee_worker_process_t *process, gee_error_t *error) {
    size_t count = gee_cycle_settings(process->cycle)->upstreams.count;
    gee_pool_t *pool = process->cycle->pool;
    process->forwards = gee_pool_array(pool, count, sizeof *process->forwards);
    process->upstreams = gee_pool_array(pool, count, sizeof(gee_upstream_t *));
    memory_t *memories = gee_pool_array(pool, count, sizeof *memories);
    if (!process->forwards || !process->upstreams || !memories)
        return gee_error_set(error, GEE_RESOURCE_EXHAUSTED, "out of memory");
    for (size_t i = 0; i < count; i++)
        if (open_upstream(process, i, &memories[i], error) != 0)
            return -1;
    process->gateway = (gee_gateway_t){ .upstreams = process->upstreams, .count = count };
    process->engine->gateway = &process->gateway;
    return 0;
}

const gee_target_t *gee_worker_target(const gee_worker_process_t *process, const char *upstream) {
    return upstream
               ? &process->forwards[gee_settings_find_upstream(gee_cycle_settings(process->cycle), upstream)].target
               : NULL;
}

void gee_worker_close_upstreams(gee_worker_process_t *process) {
    if (!process->upstreams || !process->engine)
        return;
    process->engine->gateway = NULL;
    for (size_t i = 0; i < gee_cycle_settings(process->cycle)->upstreams.count; i++)
        gee_upstream_destroy(&process->upstreams[i]);
    (void)gee_loop_once(process->loop, 0); /* their connections close at the end of a pass */
}
