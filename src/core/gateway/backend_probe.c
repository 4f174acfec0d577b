/* backend_probe.c: finds out whether a backend lives: a new connection and a ping, at the end of the back-off while
 * the backend is down, and every check_interval. With GEE_CHECK_CALL a probe is a call, for there are servers whose
 * system accepts connections while they stand still. */
#include "core/gateway/upstream_private.h"

#define PING_TIMEOUT (5 * GEE_SECOND) /* where connecting has no limit */
#define DIALS        4                /* beside each other, at most: see GEE_REDIAL */

/* ---- a connection is made, and proven ---- */

static void on_probe_answer(gee_connection_t *inner, void *owner, const gee_error_t *error) {
    gee_backend_connection_t *connection = owner;
    gee_session_t *session = gee_connection_session(inner);
    if (error == NULL) {
        gee_backend_take_into_service(connection);
    } else if (session != NULL) {
        connection->lost++; /* so that the end counts as a failure */
        gee_session_close(session, error);
    } /* else gee_backend_on_closed() comes */
}

static int64_t probe_timeout(const gee_upstream_t *upstream) {
    return upstream->limits.connect_timeout ? upstream->limits.connect_timeout : PING_TIMEOUT;
}

static int ping(gee_backend_connection_t *connection, gee_error_t *error) {
    return gee_connection_ping(connection->inner, probe_timeout(connection->backend->upstream), on_probe_answer, error);
}

/* Any answer shows that the backend lives. The connection is of no further use: a server that does not know the
 * method may leave the arguments unread. */
static void on_check_answer(gee_outgoing_t *outgoing, const gee_event_t *reply) {
    gee_backend_connection_t *connection = GEE_CONTAINER(outgoing, gee_backend_connection_t, check);
    gee_backend_t *backend = connection->backend;
    gee_error_t error;
    if (!outgoing->answered) {
        gee_error_set(&error, GEE_UNAVAILABLE, "%s: %.*s (check)", backend->upstream->limits.check_method,
                      GEE_STR_ARGUMENTS(reply->status.text));
        gee_session_close(connection->session, &error); /* counts as a failure, as this is a probe */
        return;
    }
    gee_backend_hold(backend);
    gee_backend_connection_destroy(connection);
    gee_backend_retire_silent(backend);
    if (backend->down)
        gee_backend_end_dials(backend);
    gee_backend_come_up(backend);
    gee_backend_try_waiting(backend);
    gee_backend_release(backend);
}

static void start_check(gee_backend_connection_t *connection) {
    const gee_upstream_t *upstream = connection->backend->upstream;
    gee_event_t request = { .method = gee_str(upstream->limits.check_method),
                            .codec = upstream->settings.setup.codec,
                            .timeout_ns = probe_timeout(upstream),
                            .payload = { .kind = GEE_PAYLOAD_EMPTY } };
    gee_error_t error;
    connection->check.done = on_check_answer;
    if (gee_session_call_apart(connection->session, &connection->check, &request, &error) != 0)
        gee_session_close(connection->session, &error);
}

/* Of a backend that is down, or may be. Calls that wait for the backend, as all are down, are sent at once: their
 * answers count, too. */
static void prove(gee_backend_connection_t *connection) {
    bool calls = connection->backend->upstream->limits.check == GEE_CHECK_CALL;
    gee_error_t error;
    if (calls && connection->probe)
        start_check(connection);
    else if (!calls && ping(connection, &error) != 0)
        gee_backend_take_into_service(connection);
    else if (!connection->probe)
        gee_backend_send_waiting(connection->backend);
}

static void on_ready(gee_connection_t *inner, void *owner) {
    gee_backend_connection_t *connection = owner;
    gee_backend_end_patience(connection->backend);
    connection->session = gee_connection_session(inner);
    if (connection->backend->leaving)
        gee_backend_connection_destroy(connection);
    else if (connection->probe || connection->backend->down)
        prove(connection);
    else
        gee_backend_take_into_service(connection);
}

const gee_connection_events_t gee_backend_connection_events = { .ready = on_ready,
                                                                .draining = gee_backend_on_draining,
                                                                .slot_freed = gee_backend_on_slot_freed,
                                                                .closed = gee_backend_on_closed };

/* ---- when to look ---- */

/* No dial is under way that may still be answered soon. */
static bool worth_dialling(const gee_backend_t *backend) {
    int64_t recently = gee_upstream_now(backend->upstream) - GEE_REDIAL;
    unsigned under_way = 0;
    GEE_LIST_EACH(&backend->connections, entry) {
        const gee_backend_connection_t *connection = GEE_CONTAINER(entry, gee_backend_connection_t, link);
        if (connection->session != NULL && !connection->probe)
            continue;
        if (++under_way == DIALS || connection->opened_ns > recently)
            return false;
    }
    return true;
}

static void probe(gee_backend_t *backend) {
    gee_error_t error;
    if (worth_dialling(backend) && gee_backend_dial(backend, true, &error) != 0)
        gee_backend_failed(backend, &error, false);
}

void gee_backend_retry_due(gee_timer_t *timer) {
    gee_backend_t *backend = GEE_CONTAINER(timer, gee_backend_t, retry_timer);
    probe(backend);
    if (backend->down && !gee_list_empty(&backend->waiting))
        gee_backend_retry_soon(backend);
}

static bool another_has_a_connection(const gee_backend_t *backend) {
    const gee_upstream_t *upstream = backend->upstream;
    for (size_t i = 0; i < upstream->backend_count; i++) {
        const gee_backend_t *other = upstream->backends[i];
        if (other != backend && other->candidate.available && gee_backend_connected(other))
            return true;
    }
    return false;
}

void gee_backend_patience_over(gee_timer_t *timer) {
    gee_backend_t *backend = GEE_CONTAINER(timer, gee_backend_t, patience_timer);
    if (gee_list_empty(&backend->waiting))
        return;
    if (!another_has_a_connection(backend)) {
        gee_backend_is_waited_for(backend);
        return;
    }
    backend->slow_to_connect = true;
    gee_backend_hold(backend);
    gee_backend_reroute_waiting(backend);
    gee_backend_release(backend);
}

void gee_backend_check_due(gee_timer_t *timer) {
    gee_backend_t *backend = GEE_CONTAINER(timer, gee_backend_t, check_timer);
    const gee_upstream_limits_t *limits = &backend->upstream->limits;
    gee_backend_connection_t *connection = limits->check == GEE_CHECK_PING ? gee_backend_any_usable(backend) : NULL;
    gee_error_t error;
    (void)gee_timer_start(backend->upstream->engine->loop, timer, limits->check_interval);
    if (backend->down)
        return; /* the retry timer probes */
    if (connection == NULL || (ping(connection, &error) != 0 && error.code == GEE_UNIMPLEMENTED))
        probe(backend);
}
