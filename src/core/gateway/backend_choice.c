/* backend_choice.c: which connection of its backend a call gets. */
#include "core/gateway/upstream_private.h"

/* The connection with the fewest calls; opens a further one when each has some. */
GEE_APART static gee_backend_connection_t *least_busy(gee_backend_t *backend) {
    gee_backend_connection_t *best = NULL;
    int64_t count = 0;
    bool connecting = false;
    size_t least = SIZE_MAX; /* of calls on one */
    for (gee_link_t *entry = backend->connections.head.next; entry != &backend->connections.head; entry = entry->next) {
        gee_backend_connection_t *connection = GEE_CONTAINER(entry, gee_backend_connection_t, link);
        count += !connection->retiring && !connection->spill;
        connecting |= connection->session == NULL;
        if (connection->calls + connection->late < least && !connection->alone &&
            gee_backend_connection_is_usable(connection)) {
            best = connection;
            least = connection->calls + connection->late;
        }
    }
    if (best != NULL && least > 0 && !connecting && count < backend->upstream->limits.connections)
        (void)gee_backend_dial(backend, false, NULL); /* for later calls; without it they share */
    return best;
}

/* Where connections have BUSY calls, the calls of one pass go RUN by RUN to the same connection: so calls that one
 * caller wrote together mostly come back together, and need one write. */
enum { BUSY = 4, RUN = 32 };

static bool goes_on(const gee_backend_t *backend, int64_t pass_ns) {
    const gee_backend_connection_t *recent = backend->recent;
    return recent != NULL && backend->recent_pass_ns == pass_ns && backend->recent_calls < RUN &&
           recent->calls >= BUSY && gee_backend_connection_is_open(recent);
}

static gee_backend_connection_t *note_recent(gee_backend_t *backend, gee_backend_connection_t *connection,
                                             int64_t pass_ns) {
    backend->recent = connection;
    backend->recent_pass_ns = pass_ns;
    backend->recent_calls = 1;
    return connection;
}

/* For a call that not every connection suits. */
GEE_APART static gee_backend_connection_t *suitable(gee_backend_t *backend, const gee_upstream_call_t *call,
                                                    int64_t pass_ns) {
    if (call->spilled)
        return gee_upstream_spill_connection(backend);
    if (!goes_on(backend, pass_ns) || !gee_backend_connection_suits(backend->recent, call))
        return note_recent(backend, gee_upstream_choosy_connection(backend, call), pass_ns);
    backend->recent_calls++;
    return backend->recent;
}

gee_backend_connection_t *gee_backend_choose(gee_backend_t *backend, const gee_upstream_call_t *call, int64_t now_ns) {
    if (call->choosy || call->spilled)
        return suitable(backend, call, now_ns);
    if (!goes_on(backend, now_ns))
        return note_recent(backend, least_busy(backend), now_ns);
    backend->recent_calls++;
    return backend->recent;
}
