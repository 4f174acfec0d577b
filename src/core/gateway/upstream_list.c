/* upstream_list.c: the servers of an upstream: the list changes as a whole, and who wants can have it dialled beforehand. */
#include <stdlib.h>
#include <string.h>

#include "core/base/hash.h"
#include "core/gateway/upstream_private.h"

/* ---- connecting beforehand ---- */

void gee_upstream_connect_ended(gee_upstream_t *upstream, const gee_upstream_peer_t *peer, const gee_error_t *error) {
    void (*connected)(void *, const gee_error_t *) = upstream->connected;
    gee_error_t located;
    if (connected == NULL)
        return;
    for (size_t i = 0; error != NULL && i < upstream->peer_count; i++)
        if (gee_upstream_peer_connecting(upstream->peers[i]))
            return;
    if (error != NULL)
        gee_upstream_locate(&located, peer ? peer->addr.text : NULL, error->phase, error->code, gee_str(error->text));
    upstream->connected = NULL;
    connected(upstream->connected_data, error ? &located : NULL);
}

static void run_connect(gee_task_t *task) {
    gee_upstream_t *upstream = GEE_CONTAINER(task, gee_upstream_t, connect_task);
    const gee_upstream_peer_t *failed = NULL;
    gee_error_t error;
    gee_error_set(&error, GEE_UNAVAILABLE, "there are no servers");
    for (size_t i = 0; i < upstream->peer_count; i++)
        if (gee_upstream_peer_connect(upstream->peers[i], &error) != 0)
            failed = upstream->peers[i];
    if (failed != NULL || upstream->peer_count == 0)
        gee_upstream_connect_ended(upstream, failed, &error);
}

void gee_upstream_connect(gee_upstream_t *upstream, void (*done)(void *data, const gee_error_t *error), void *data) {
    upstream->connected = done;
    upstream->connected_data = data;
    upstream->connect_task.run = run_connect;
    gee_loop_defer(upstream->engine->loop, &upstream->connect_task);
}

/* ---- the list ---- */

static int out_of_memory(gee_error_t *error) {
    return gee_error_set(error, GEE_RESOURCE_EXHAUSTED, "out of memory");
}

/* By maps: a list may have ten thousand servers, and the loop waits meanwhile. */
typedef struct next_list {
    gee_upstream_peer_t **peers;
    gee_candidate_t **candidates;
    uint64_t *weights;
    size_t count;
    gee_string_map_t *places; /* address -> its index in the above, and 1 */
    gee_string_map_t *before; /* address -> peer of the list before */
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
    gee_upstream_peer_t *peer = gee_string_map_get(next->before, gee_str(addr.text));
    if (peer == NULL && (peer = gee_upstream_peer_create(upstream, &addr, error)) == NULL)
        return -1;
    next->weights[next->count] = weight;
    next->candidates[next->count] = &peer->candidate;
    next->peers[next->count++] = peer;
    return gee_string_map_put(next->places, gee_str(peer->addr.text), (void *)(uintptr_t)next->count) == 0
               ? 0
               : out_of_memory(error);
}

static void next_free(next_list_t *next) {
    gee_string_map_destroy(&next->places);
    gee_string_map_destroy(&next->before);
    free(next->peers);
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
    *next = (next_list_t){ .peers = calloc(count + 1, sizeof(*next->peers)),
                           .candidates = calloc(count + 1, sizeof(*next->candidates)),
                           .weights = calloc(count + 1, sizeof(*next->weights)),
                           .places = gee_string_map_create(),
                           .before = gee_string_map_create() };
    if (next->peers == NULL || next->candidates == NULL || next->weights == NULL || next->places == NULL ||
        next->before == NULL)
        return out_of_memory(error);
    for (size_t i = 0; i < upstream->peer_count; i++)
        if (gee_string_map_put(next->before, gee_str(upstream->peers[i]->addr.text), upstream->peers[i]) != 0)
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
            if (gee_string_map_get(next.before, gee_str(next.peers[i]->addr.text)) == NULL)
                gee_upstream_peer_destroy(&next.peers[i]);
        next_free(&next);
        return -1;
    }
    gee_upstream_peer_t **before = upstream->peers;
    gee_candidate_t **before_candidates = upstream->candidates;
    size_t before_count = upstream->peer_count;
    upstream->peers = next.peers;
    upstream->candidates = next.candidates;
    upstream->peer_count = next.count;
    for (size_t i = 0; i < next.count; i++)
        gee_upstream_peer_refresh(next.peers[i]);
    for (size_t i = 0; i < before_count; i++)
        if (place_of(&next, before[i]->addr.text) == 0)
            gee_upstream_peer_leave(before[i]);
    next.peers = before;
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
