/* upstream_connect.c: connecting to the servers of an upstream beforehand, and a ping to one of them. */
#include "core/gateway/upstream_private.h"

/* ---- connecting beforehand ---- */

void gee_upstream_connect_ended(gee_upstream_t *upstream, const gee_backend_t *backend, const gee_error_t *error) {
    void (*connected)(void *, const gee_error_t *) = upstream->connected;
    gee_error_t located;
    if (connected == NULL)
        return;
    for (size_t i = 0; error != NULL && i < upstream->backend_count; i++)
        if (gee_backend_connecting(upstream->backends[i]))
            return;
    if (error != NULL)
        gee_upstream_locate(&located, backend ? backend->addr.text : NULL, error->phase, error->code,
                            gee_str(error->text));
    upstream->connected = NULL;
    connected(upstream->connected_data, error ? &located : NULL);
}

static void run_connect(gee_task_t *task) {
    gee_upstream_t *upstream = GEE_CONTAINER(task, gee_upstream_t, connect_task);
    const gee_backend_t *failed = NULL;
    gee_error_t error;
    gee_error_set(&error, GEE_UNAVAILABLE, "there are no servers");
    for (size_t i = 0; i < upstream->backend_count; i++)
        if (gee_backend_connect(upstream->backends[i], &error) != 0)
            failed = upstream->backends[i];
    if (failed != NULL || upstream->backend_count == 0)
        gee_upstream_connect_ended(upstream, failed, &error);
}

void gee_upstream_connect(gee_upstream_t *upstream, void (*done)(void *data, const gee_error_t *error), void *data) {
    GEE_ASSERT(upstream->connected == NULL);
    upstream->connected = done;
    upstream->connected_data = data;
    upstream->connect_task.run = run_connect;
    gee_loop_defer(upstream->engine->loop, &upstream->connect_task);
}

/* ---- a ping ---- */

static void upstream_on_pong(gee_connection_t *inner GEE_UNUSED, void *owner, const gee_error_t *error) {
    gee_backend_connection_t *connection = owner;
    if (connection->backend->upstream->pinged == connection)
        gee_upstream_end_ping(connection, error);
}

static int no_connection(const gee_upstream_t *upstream, gee_error_t *error) {
    const gee_backend_t *backend = upstream->backend_count > 0 ? upstream->backends[0] : NULL;
    if (backend == NULL || backend->last_error == NULL)
        return gee_error_set(error, GEE_UNAVAILABLE, "there is no connection");
    gee_upstream_locate(error, backend->addr.text, GEE_PHASE_SEND, GEE_UNAVAILABLE, gee_str(backend->last_error->text));
    return -1;
}

int gee_upstream_ping(gee_upstream_t *upstream, int64_t timeout_ns, void (*done)(void *data, const gee_error_t *error),
                      void *data, gee_error_t *error) {
    gee_backend_connection_t *connection = NULL;
    for (size_t i = 0; i < upstream->backend_count && connection == NULL; i++)
        connection = gee_backend_any_usable(upstream->backends[i]);
    if (connection == NULL)
        return no_connection(upstream, error);
    if (upstream->pinged != NULL)
        return gee_error_set(error, GEE_FAILED_PRECONDITION, "a ping is on its way already");
    if (gee_connection_ping(connection->inner, timeout_ns, upstream_on_pong, error) != 0)
        return -1;
    upstream->pinged = connection;
    upstream->ponged = done;
    upstream->ponged_data = data;
    return 0;
}

void gee_upstream_cancel_ping(gee_upstream_t *upstream) {
    upstream->pinged = NULL;
}
