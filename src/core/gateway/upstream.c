/* upstream.c: beginning and end of an upstream. */
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "core/gateway/upstream_private.h"

static int start_balancer(gee_upstream_t *upstream, const gee_upstream_options_t *options, gee_error_t *error) {
    const gee_balancer_t *balancer = options->balancer;
    if (balancer == NULL)
        return 0;
    upstream->balancer_state = calloc(1, balancer->state_size ? balancer->state_size : 1);
    if (upstream->balancer_state == NULL)
        return gee_error_set(error, GEE_RESOURCE_EXHAUSTED, "upstream %s: out of memory", upstream->name);
    if (balancer->start != NULL && balancer->start(upstream->balancer_state, options->seed, error) != 0)
        return -1;
    upstream->balancer = balancer;
    return balancer->changed(upstream->balancer_state, upstream->candidates, 0, error);
}

gee_upstream_t *gee_upstream_create(gee_engine_t *engine, const gee_upstream_options_t *options, gee_error_t *error) {
    gee_upstream_t *upstream = calloc(1, sizeof(*upstream));
    if (upstream == NULL || (upstream->name = strdup(options->name)) == NULL ||
        (upstream->candidates = calloc(1, sizeof(*upstream->candidates))) == NULL) {
        gee_error_set(error, GEE_RESOURCE_EXHAUSTED, "upstream %s: out of memory", options->name);
        goto fail;
    }
    upstream->engine = engine;
    upstream->settings = options->settings;
    upstream->settings.setup.upstream = upstream->name;
    upstream->settings.connect_timeout_ns = options->limits.connect_timeout;
    upstream->limits = options->limits;
    upstream->once = options->once;
    upstream->may_leave_unread = options->may_leave_unread;
    if (getrandom(upstream->name_secret, sizeof(upstream->name_secret), 0) < 0)
        upstream->name_secret[0] = options->seed; /* a kernel without getrandom */
    upstream->is_known_down = options->is_known_down;
    upstream->tell = options->tell;
    upstream->owner = options->owner;
    upstream->random = options->seed;
    upstream->retry_tokens = GEE_RETRY_TOKENS_FIRST;
    upstream->queue_task.run = gee_upstream_run_queue;
    gee_list_init(&upstream->queue);
    gee_list_init(&upstream->leaving);
    if (start_balancer(upstream, options, error) == 0)
        return upstream;
fail:
    gee_upstream_destroy(&upstream);
    return NULL;
}

void gee_upstream_destroy(gee_upstream_t **handle) {
    gee_upstream_t *upstream = *handle;
    gee_link_t *link;
    *handle = NULL;
    if (upstream == NULL)
        return;
    GEE_ASSERT(upstream->waiting == 0);
    gee_loop_undefer(&upstream->queue_task);
    gee_loop_undefer(&upstream->connect_task);
    gee_upstream_cancel_ping(upstream);
    for (size_t i = 0; i < upstream->backend_count; i++)
        gee_backend_destroy(&upstream->backends[i]);
    while (upstream->engine != NULL && (link = gee_list_pop(&upstream->leaving)) != NULL) {
        gee_backend_t *backend = GEE_CONTAINER(link, gee_backend_t, leaving_link);
        gee_backend_destroy(&backend);
    }
    if (upstream->balancer != NULL && upstream->balancer->stop != NULL)
        upstream->balancer->stop(upstream->balancer_state);
    free(upstream->balancer_state);
    free(upstream->backends);
    free(upstream->candidates);
    free(upstream->name);
    free(upstream->explanation);
    free(upstream->refusals);
    free(upstream);
}

/* ---- for pages ---- */

const char *gee_upstream_name(const gee_upstream_t *upstream) {
    return upstream->name;
}

const gee_balancer_t *gee_upstream_balancer(const gee_upstream_t *upstream) {
    return upstream->balancer;
}

size_t gee_upstream_backend_count(const gee_upstream_t *upstream) {
    return upstream->backend_count;
}

gee_backend_t *gee_upstream_backend(const gee_upstream_t *upstream, size_t n) {
    return n < upstream->backend_count ? upstream->backends[n] : NULL;
}

size_t gee_upstream_waiting(const gee_upstream_t *upstream) {
    return upstream->waiting;
}
