/* backend_service.c: connections of a backend come into service, and end; and so does the backend. */
#include "core/gateway/upstream_private.h"

void gee_backend_retire_silent(gee_backend_t *backend) {
    GEE_LIST_EACH(&backend->connections, entry) {
        gee_backend_connection_t *connection = GEE_CONTAINER(entry, gee_backend_connection_t, link);
        if (connection->silent)
            gee_backend_connection_retire(connection);
    }
}

static bool is_surplus(const gee_backend_connection_t *connection) {
    const gee_backend_t *backend = connection->backend;
    int64_t others = 0;
    GEE_LIST_EACH(&backend->connections, entry) {
        const gee_backend_connection_t *other = GEE_CONTAINER(entry, gee_backend_connection_t, link);
        others += other != connection && gee_backend_connection_is_usable(other);
    }
    return connection->calls == 0 && !connection->extra && !connection->spill &&
           others >= backend->upstream->limits.connections;
}

void gee_backend_end_dials(gee_backend_t *backend) {
    GEE_LIST_EACH(&backend->connections, entry) {
        gee_backend_connection_t *connection = GEE_CONTAINER(entry, gee_backend_connection_t, link);
        if (connection->session == NULL)
            gee_backend_connection_destroy(connection);
    }
}

void gee_backend_take_into_service(gee_backend_connection_t *connection) {
    gee_backend_t *backend = connection->backend;
    gee_backend_hold(backend);
    gee_backend_retire_silent(backend);
    if (is_surplus(connection))
        gee_backend_connection_destroy(connection);
    else
        connection->probe = false;
    if (backend->down)
        gee_backend_end_dials(backend);
    gee_backend_come_up(backend);
    gee_upstream_connect_ended(backend->upstream, backend, NULL);
    gee_backend_send_waiting(backend);
    gee_backend_trim(backend);
    gee_backend_release(backend);
}

void gee_backend_end_patience(gee_backend_t *backend) {
    backend->slow_to_connect = false;
    gee_timer_stop(backend->upstream->engine->loop, &backend->patience_timer);
}

void gee_backend_on_draining(gee_connection_t *inner GEE_UNUSED, void *owner) {
    gee_backend_connection_retire(owner);
}

void gee_backend_on_slot_freed(gee_connection_t *inner GEE_UNUSED, void *owner) {
    gee_backend_connection_t *connection = owner;
    GEE_ASSERT(connection->late > 0);
    connection->late--;
    gee_backend_freed(connection->backend);
    gee_backend_come_up(connection->backend);
    if (connection->alone || connection->extra || !gee_list_empty(&connection->backend->waiting))
        gee_backend_connection_answered_late(connection);
}

/* Did the connection end for want of an answer? */
static bool ended_by_silence(const gee_backend_connection_t *connection) {
    const gee_upstream_t *upstream = connection->backend->upstream;
    int64_t limit = upstream->limits.connect_timeout, taken = gee_upstream_now(upstream) - connection->opened_ns;
    return (connection->session == NULL || connection->probe) &&
           taken >= (limit > 0 && limit < GEE_SILENCE ? limit : GEE_SILENCE);
}

void gee_backend_on_closed(gee_connection_t *inner GEE_UNUSED, void *owner, const gee_error_t *reason) {
    gee_backend_connection_t *connection = owner;
    gee_backend_t *backend = connection->backend;
    gee_upstream_t *upstream = backend->upstream;
    bool was_ready = connection->session != NULL, silent = ended_by_silence(connection);
    bool counts =
        (!was_ready || connection->lost > 0 || connection->late > 0 || connection->probe) && !connection->given_up;
    bool for_good = upstream->once && !connection->retiring && !connection->spill;
    int64_t opened_ns = connection->opened_ns;
    gee_backend_hold(backend);
    gee_backend_connection_destroy(connection);
    if (!was_ready)
        gee_backend_end_patience(backend);
    if (for_good)
        backend->lost = true;
    if (counts || for_good)
        gee_backend_failed(backend, reason, silent);
    gee_backend_refresh(backend);
    gee_upstream_connect_ended(upstream, backend, reason);
    gee_error_t error = *reason;
    if (was_ready)
        error.phase = GEE_PHASE_SEND; /* of the calls that wait for the next connection */
    if (was_ready && !backend->lost)
        gee_backend_try_waiting(backend);
    else /* the calls that have waited since the dial began */
        gee_backend_fail_waiting(backend, &error, gee_backend_connecting(backend) ? opened_ns : INT64_MAX);
    gee_backend_release(backend);
}

void gee_backend_leave(gee_backend_t *backend) {
    gee_upstream_t *upstream = backend->upstream;
    GEE_ASSERT(!backend->leaving);
    gee_backend_hold(backend);
    backend->leaving = true;
    gee_list_append(&upstream->leaving, &backend->leaving_link);
    gee_timer_stop(upstream->engine->loop, &backend->retry_timer);
    gee_timer_stop(upstream->engine->loop, &backend->check_timer);
    gee_timer_stop(upstream->engine->loop, &backend->patience_timer);
    gee_backend_refresh(backend);
    gee_backend_reroute_waiting(backend);
    GEE_LIST_EACH(&backend->connections, entry) {
        gee_backend_connection_t *connection = GEE_CONTAINER(entry, gee_backend_connection_t, link);
        connection->retiring = true;
        if (connection->calls == 0)
            gee_backend_connection_destroy(connection);
    }
    gee_backend_release(backend);
}
