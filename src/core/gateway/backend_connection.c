/* backend_connection.c: the connections of a backend: dialling, counting, closing. */
#include <stdlib.h>

#include "core/gateway/upstream_private.h"

void gee_upstream_end_ping(gee_backend_connection_t *connection, const gee_error_t *error) {
    gee_upstream_t *upstream = connection->backend->upstream;
    gee_error_t located;
    if (error != NULL)
        gee_upstream_locate(&located, connection->backend->addr.text, error->phase, error->code, gee_str(error->text));
    upstream->pinged = NULL;
    upstream->ponged(upstream->ponged_data, error ? &located : NULL);
}

void gee_backend_connection_destroy(gee_backend_connection_t *connection) {
    gee_backend_t *backend = connection->backend;
    GEE_ASSERT(connection->calls == 0);
    backend->candidate.in_flight -= connection->late;
    if (connection->check.session != NULL)
        gee_session_forget(connection->check.session, &connection->check);
    gee_list_remove(&connection->link);
    if (backend->recent == connection)
        backend->recent = NULL;
    if (backend->upstream->pinged == connection) {
        gee_error_t error;
        gee_error_set(&error, GEE_UNAVAILABLE, "the connection was closed");
        error.phase = GEE_PHASE_WAIT;
        gee_upstream_end_ping(connection, &error);
    }
    gee_timer_stop(backend->upstream->engine->loop, &connection->late_timer);
    gee_connection_destroy(&connection->inner);
    free(connection->known.keys);
    free(connection);
}

int gee_backend_dial(gee_backend_t *backend, bool probe, gee_error_t *error) {
    gee_upstream_t *upstream = backend->upstream;
    gee_backend_connection_t *connection = calloc(1, sizeof(*connection));
    if (connection == NULL)
        return gee_error_set(error, GEE_RESOURCE_EXHAUSTED, "%s: out of memory", backend->addr.text);
    connection->backend = backend;
    connection->probe = probe;
    connection->extra = !probe && (int64_t)gee_backend_in_service(backend) >= upstream->limits.connections;
    connection->opened_ns = gee_upstream_now(upstream);
    connection->inner = gee_connection_open(upstream->engine, backend->transport, &backend->addr, &upstream->settings,
                                            &gee_backend_connection_events, connection, error);
    if (connection->inner == NULL) {
        free(connection);
        return -1;
    }
    gee_list_append(&backend->connections, &connection->link);
    return 0;
}

bool gee_backend_connecting(const gee_backend_t *backend) {
    GEE_LIST_EACH(&backend->connections, link) {
        if (GEE_CONTAINER(link, gee_backend_connection_t, link)->session == NULL)
            return true;
    }
    return false;
}

/* With `once`: the only connection is about to end; gee_backend_on_closed() comes then. */
static bool about_to_be_lost(const gee_backend_t *backend) {
    GEE_LIST_EACH(&backend->connections, entry) {
        const gee_backend_connection_t *connection = GEE_CONTAINER(entry, gee_backend_connection_t, link);
        if (backend->upstream->once && connection->session != NULL && !connection->retiring)
            return true;
    }
    return false;
}

int gee_backend_connect(gee_backend_t *backend, gee_error_t *error) {
    return gee_backend_connecting(backend) || about_to_be_lost(backend) ? 0 : gee_backend_dial(backend, false, error);
}

size_t gee_backend_in_service(const gee_backend_t *backend) {
    size_t count = 0;
    GEE_LIST_EACH(&backend->connections, link) {
        const gee_backend_connection_t *each = GEE_CONTAINER(link, gee_backend_connection_t, link);
        count += !each->retiring && !each->spill;
    }
    return count;
}

gee_backend_connection_t *gee_backend_any_usable(const gee_backend_t *backend) {
    GEE_LIST_EACH(&backend->connections, entry) {
        gee_backend_connection_t *connection = GEE_CONTAINER(entry, gee_backend_connection_t, link);
        if (gee_backend_connection_is_usable(connection))
            return connection;
    }
    return NULL;
}

bool gee_backend_connection_is_silent(const gee_backend_connection_t *connection) {
    return connection->asked_ns != 0 &&
           gee_stream_bytes_received(connection->session->stream) == connection->received &&
           gee_upstream_now(connection->backend->upstream) - connection->asked_ns >= GEE_SILENCE;
}
