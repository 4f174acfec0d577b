/* upstream_list.c: the list of an upstream's servers, which changes as a whole. */
#include <stdlib.h>
#include <string.h>

#include "core/base/hash.h"
#include "core/gateway/upstream_private.h"

static int out_of_memory(gee_error_t *error) {
    return gee_error_set(error, GEE_RESOURCE_EXHAUSTED, "out of memory");
}

/* By maps: a list may have ten thousand servers, and the loop waits meanwhile. */
typedef struct next_list {
    gee_backend_t **backends;
    gee_candidate_t **candidates;
    uint64_t *weights;
    size_t count;
    gee_string_map_t *places; /* address -> its index in the above, and 1 */
    gee_string_map_t *before; /* address -> backend of the list before */
} next_list_t;

/* 0: it is not there. */
static size_t place_of(const next_list_t *next, const char *address) {
    return (size_t)(uintptr_t)gee_string_map_get(next->places, gee_str(address));
}

static int add(gee_upstream_t *upstream, next_list_t *next, const gee_server_t *server, gee_error_t *error) {
    gee_addr_t addr;
    uint64_t weight = server->weight ? server->weight : 1;
    if (gee_addr_parse(server->address, &addr, error) != 0)
        return -1;
    size_t place = place_of(next, addr.text);
    if (place != 0) {
        next->weights[place - 1] += weight;
        return 0;
    }
    gee_backend_t *backend = gee_string_map_get(next->before, gee_str(addr.text));
    if (backend == NULL) {
        if ((backend = gee_backend_create(upstream, &addr, error)) == NULL)
            return -1;
        gee_backend_begin(backend);
    }
    next->weights[next->count] = weight;
    next->candidates[next->count] = &backend->candidate;
    next->backends[next->count++] = backend;
    return gee_string_map_put(next->places, gee_str(backend->addr.text), (void *)(uintptr_t)next->count) == 0
               ? 0
               : out_of_memory(error);
}

static void next_free(next_list_t *next) {
    gee_string_map_destroy(&next->places);
    gee_string_map_destroy(&next->before);
    free(next->backends);
    free(next->candidates);
    free(next->weights);
}

/* The balancer sees the new weights when it is told of the list; when it refuses, the old ones are put back. */
static int tell_balancer(gee_upstream_t *upstream, next_list_t *next, gee_error_t *error) {
    for (size_t i = 0; i < next->count; i++) {
        uint32_t before = next->candidates[i]->weight;
        next->candidates[i]->weight = (uint32_t)(next->weights[i] < UINT16_MAX ? next->weights[i] : UINT16_MAX);
        next->weights[i] = before;
    }
    if (upstream->balancer == NULL ||
        upstream->balancer->changed(upstream->balancer_state, next->candidates, next->count, error) == 0)
        return 0;
    for (size_t i = 0; i < next->count; i++)
        next->candidates[i]->weight = (uint32_t)next->weights[i];
    return -1;
}

static int make_next(gee_upstream_t *upstream, next_list_t *next, const gee_server_t *servers, size_t count,
                     gee_error_t *error) {
    *next = (next_list_t){ .backends = calloc(count + 1, sizeof(*next->backends)),
                           .candidates = calloc(count + 1, sizeof(*next->candidates)),
                           .weights = calloc(count + 1, sizeof(*next->weights)),
                           .places = gee_string_map_create(),
                           .before = gee_string_map_create() };
    if (next->backends == NULL || next->candidates == NULL || next->weights == NULL || next->places == NULL ||
        next->before == NULL)
        return out_of_memory(error);
    for (size_t i = 0; i < upstream->backend_count; i++)
        if (gee_string_map_put(next->before, gee_str(upstream->backends[i]->addr.text), upstream->backends[i]) != 0)
            return out_of_memory(error);
    for (size_t i = 0; i < count; i++)
        if (add(upstream, next, &servers[i], error) != 0)
            return -1;
    return tell_balancer(upstream, next, error);
}

int gee_upstream_set_servers(gee_upstream_t *upstream, const gee_server_t *servers, size_t count, gee_error_t *error) {
    next_list_t next;
    if (make_next(upstream, &next, servers, count, error) != 0) {
        for (size_t i = 0; i < next.count; i++)
            if (gee_string_map_get(next.before, gee_str(next.backends[i]->addr.text)) == NULL)
                gee_backend_destroy(&next.backends[i]);
        next_free(&next);
        return -1;
    }
    gee_backend_t **before = upstream->backends;
    gee_candidate_t **before_candidates = upstream->candidates;
    size_t before_count = upstream->backend_count;
    upstream->backends = next.backends;
    upstream->candidates = next.candidates;
    upstream->backend_count = next.count;
    for (size_t i = 0; i < next.count; i++)
        gee_backend_refresh(next.backends[i]);
    for (size_t i = 0; i < before_count; i++)
        if (place_of(&next, before[i]->addr.text) == 0)
            gee_backend_leave(before[i]);
    next.backends = before;
    next.candidates = before_candidates;
    next_free(&next);
    if (next.count == 0 && !gee_list_empty(&upstream->queue))
        gee_loop_defer(upstream->engine->loop, &upstream->queue_task);
    return 0;
}

void gee_upstream_explain(gee_upstream_t *upstream, const char *text) {
    if (text != NULL && upstream->explanation != NULL && strcmp(text, upstream->explanation) == 0)
        return;
    free(upstream->explanation);
    upstream->explanation = text != NULL ? strdup(text) : NULL;
}
