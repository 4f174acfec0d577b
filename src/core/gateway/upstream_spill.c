/* upstream_spill.c: calls for which the connections that all share have no room any more: gob defines only so many
 * types on one.
 *
 *   call --no room for its types--> spill connection, beside the others --no room there--> given up for a new one
 *                                                                                 '-- not yet a second old: refused
 *
 * Calls that have a connection keep it: callers whose types are new again and again do not touch callers whose types
 * are known. There is one spill connection at a time, beside one more that ends; so however many types a caller has,
 * a server sees one new connection a second of each worker. Calls that are choosy (upstream_alone.c) must not go
 * where their method is not known; for such calls the shared connection itself is given up, as seldom. */
#include "core/gateway/upstream_private.h"
#define LEAST_AGE GEE_SECOND

/* Null: no spill connection takes calls or will. `ending`: looks among spill connections that take no calls any
 * more. */
static gee_backend_connection_t *find(const gee_backend_t *backend, bool ending) {
    GEE_LIST_EACH(&backend->connections, entry) {
        gee_backend_connection_t *connection = GEE_CONTAINER(entry, gee_backend_connection_t, link);
        if (connection->spill && connection->retiring == ending)
            return connection;
    }
    return NULL;
}

gee_backend_connection_t *gee_upstream_spill_connection(const gee_backend_t *backend) {
    gee_backend_connection_t *connection = find(backend, false);
    const gee_session_t *session = connection != NULL ? connection->session : NULL;
    return session != NULL && !gee_session_is_ending(session) && !session->peer_ended ? connection : NULL;
}

int gee_upstream_spill_connect(gee_backend_t *backend, gee_error_t *error) {
    if (find(backend, false) != NULL)
        return 0;
    if (gee_backend_dial(backend, false, error) != 0)
        return -1;
    gee_backend_connection_t *connection =
        GEE_CONTAINER(backend->connections.head.previous, gee_backend_connection_t, link);
    connection->spill = true;
    connection->extra = false;
    return 0;
}

/* The connection takes no more calls, in favour of a new one. False: too soon. */
static bool give_up(gee_backend_t *backend, gee_backend_connection_t *connection) {
    if ((backend->renewed_ns != 0 && gee_upstream_now(backend->upstream) - backend->renewed_ns < LEAST_AGE) ||
        find(backend, true) != NULL)
        return false;
    backend->renewed_ns = gee_upstream_now(backend->upstream);
    gee_backend_connection_retire(connection);
    return true;
}

bool gee_upstream_spill(gee_upstream_call_t *call, gee_backend_connection_t *connection) {
    gee_backend_t *backend = call->backend;
    if ((connection->spill || call->choosy) && !give_up(backend, connection))
        return false;
    call->spilled = !call->choosy;
    return true;
}
