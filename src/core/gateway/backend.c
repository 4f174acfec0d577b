/* backend.c: one server of an upstream: beginning and end, whether the balancer may pick it, and what pages say of
 * it. */
#include <stdlib.h>
#include <string.h>

#include "core/base/hash.h"
#include "core/gateway/upstream_private.h"
#include "core/rpc/modules.h"

/* ---- beginning and end ---- */
/* The same in every process and every run. */
static uint64_t identity_of(const char *address) {
    static const uint64_t no_secret[2] = { 0, 0 };
    return gee_siphash(no_secret, address, strlen(address));
}

gee_backend_t *gee_backend_create(gee_upstream_t *upstream, const gee_addr_t *addr, gee_error_t *error) {
    const gee_transport_t *transport = gee_transport_for(upstream->engine->modules, addr, error);
    if (transport == NULL || transport->check(addr, error) != 0)
        return NULL;
    gee_backend_t *backend = calloc(1, sizeof(*backend));
    size_t state_size = upstream->balancer ? upstream->balancer->candidate_state_size : 0;
    if (backend == NULL || (backend->candidate.state = calloc(1, state_size ? state_size : 1)) == NULL) {
        free(backend);
        gee_error_set(error, GEE_RESOURCE_EXHAUSTED, "%s: out of memory", addr->text);
        return NULL;
    }
    backend->upstream = upstream;
    backend->addr = *addr;
    backend->transport = transport;
    backend->most = upstream->limits.in_flight > 0 ? (size_t)upstream->limits.in_flight : SIZE_MAX / 2;
    gee_protocol_complete_address(upstream->settings.protocol, &backend->addr);
    backend->candidate.identity = identity_of(addr->text);
    backend->waiting_task.run = gee_backend_run_waiting;
    backend->suspect_timer.fire = gee_backend_suspect_due;
    backend->retry_timer.fire = gee_backend_retry_due;
    backend->check_timer.fire = gee_backend_check_due;
    backend->patience_timer.fire = gee_backend_patience_over;
    gee_list_init(&backend->connections);
    gee_list_init(&backend->waiting);
    if (upstream->limits.check_interval > 0) /* not all at once */
        (void)gee_timer_start(upstream->engine->loop, &backend->check_timer,
                              (int64_t)((double)upstream->limits.check_interval * gee_upstream_random(upstream)));
    return backend;
}

void gee_backend_destroy(gee_backend_t **handle) {
    gee_backend_t *backend = *handle;
    *handle = NULL;
    if (backend == NULL)
        return;
    gee_loop_t *loop = backend->upstream->engine->loop;
    GEE_LIST_EACH(&backend->connections, link) {
        gee_backend_connection_destroy(GEE_CONTAINER(link, gee_backend_connection_t, link));
    }
    gee_timer_stop(loop, &backend->retry_timer);
    gee_timer_stop(loop, &backend->check_timer);
    gee_timer_stop(loop, &backend->patience_timer);
    gee_timer_stop(loop, &backend->suspect_timer);
    gee_loop_undefer(&backend->waiting_task);
    free(backend->verified.keys);
    free(backend->last_error);
    free(backend->candidate.state);
    free(backend);
}

void gee_backend_gone(gee_backend_t *backend) {
    if (gee_list_empty(&backend->connections) && gee_list_empty(&backend->waiting)) {
        gee_list_remove(&backend->leaving_link);
        gee_backend_destroy(&backend);
    }
}

/* ---- while it is there ---- */

bool gee_backend_is_available(const gee_backend_t *backend) {
    bool full = backend->candidate.in_flight >= backend->most;
    return !full && !backend->down && !backend->leaving && !backend->lost;
}

void gee_backend_refresh(gee_backend_t *backend) {
    gee_upstream_t *upstream = backend->upstream;
    backend->candidate.available = gee_backend_is_available(backend);
    /* Calls in the queue get the backend, or hear that no backend is left. */
    if (!gee_list_empty(&upstream->queue))
        gee_loop_defer(upstream->engine->loop, &upstream->queue_task);
}

void gee_backend_try_waiting(gee_backend_t *backend) {
    if (!gee_list_empty(&backend->waiting))
        gee_loop_defer(backend->upstream->engine->loop, &backend->waiting_task);
}

void gee_backend_connection_close_retired(gee_backend_connection_t *connection) {
    gee_backend_t *backend = connection->backend;
    if (!connection->retiring || connection->calls > 0)
        return;
    gee_backend_hold(backend);
    gee_backend_connection_destroy(connection);
    gee_backend_refresh(backend);
    gee_backend_release(backend);
}

void gee_backend_connection_retire(gee_backend_connection_t *connection) {
    connection->retiring = true;
    gee_backend_connection_close_retired(connection);
}

/* ---- for pages ---- */

static gee_backend_state_t state_of(const gee_backend_t *backend) {
    if (backend->leaving)
        return GEE_BACKEND_LEAVING;
    if (backend->down || backend->lost)
        return GEE_BACKEND_DOWN;
    if (gee_backend_connected(backend))
        return GEE_BACKEND_UP;
    return gee_backend_connecting(backend) ? GEE_BACKEND_CONNECTING : GEE_BACKEND_IDLE;
}

void gee_backend_report(const gee_backend_t *backend, gee_backend_report_t *report) {
    *report = (gee_backend_report_t){ .address = backend->addr.text,
                                      .weight = backend->candidate.weight,
                                      .state = state_of(backend),
                                      .in_flight = backend->candidate.in_flight,
                                      .calls = backend->calls,
                                      .failures = backend->failed_calls,
                                      .latency_ns = backend->latency_ns };
    GEE_LIST_EACH(&backend->connections, link) {
        report->connections += GEE_CONTAINER(link, gee_backend_connection_t, link)->session != NULL;
    }
}

const char *gee_backend_state_name(gee_backend_state_t state) {
    static const char *const names[] = { "idle", "connecting", "up", "down", "leaving" };
    return names[state];
}
