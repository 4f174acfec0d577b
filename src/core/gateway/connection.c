/* connection.c: one connection that we dial, from its address to its end. */
#include "core/gateway/connection.h"

#include <stdlib.h>

#include "core/base/clock.h"
#include "core/rpc/engine_private.h"
#include "core/rpc/session_private.h"

/* Never congested: a client that stops reading replies because requests wait to be written could wait for a server
 * that stopped reading requests because replies wait. The waiting bytes are bounded by the calls that are allowed. */
#define HIGH_WATER (SIZE_MAX / 4)

typedef void (*pong_t)(gee_connection_t *connection, void *owner, const gee_error_t *error);

struct gee_connection {
    gee_engine_t *engine;
    const gee_dial_settings_t *settings;
    const gee_connection_events_t *events;
    void *owner;
    int64_t opened_ns;
    gee_dial_t *dial;
    gee_session_t *session;
    bool ready;
    bool starting; /* inside gee_session_create() */
    gee_timer_t handshake_timer;
    gee_timer_t ping_timer;
    uint64_t ping_number;
    int64_t ping_timeout_ns;
    pong_t pong; /* null: no ping is on its way */
};

/* ---- pings ---- */

static void connection_end_ping(gee_connection_t *connection, const gee_error_t *error) {
    pong_t pong = connection->pong;
    connection->pong = NULL;
    gee_timer_stop(connection->engine->loop, &connection->ping_timer);
    if (pong != NULL)
        pong(connection, connection->owner, error);
}

static void connection_on_pong(gee_session_t *session GEE_UNUSED, void *owner, uint64_t number) {
    gee_connection_t *connection = owner;
    if (connection->pong != NULL && number == connection->ping_number)
        connection_end_ping(connection, NULL);
}

static void connection_ping_expired(gee_timer_t *timer) {
    gee_connection_t *connection = GEE_CONTAINER(timer, gee_connection_t, ping_timer);
    gee_error_t error;
    char text[GEE_DURATION_TEXT];
    gee_error_set(&error, GEE_DEADLINE_EXCEEDED, "no answer to a ping within %s",
                  gee_format_duration(text, connection->ping_timeout_ns));
    error.phase = GEE_PHASE_WAIT;
    connection_end_ping(connection, &error);
}

int gee_connection_ping(gee_connection_t *connection, int64_t timeout_ns, pong_t pong, gee_error_t *error) {
    if (connection->pong != NULL)
        return gee_error_set(error, GEE_FAILED_PRECONDITION, "a ping is on its way already");
    if (!connection->ready || gee_session_is_ending(connection->session))
        return gee_error_set(error, GEE_UNAVAILABLE, "the connection is closed");
    connection->ping_timer.fire = connection_ping_expired;
    connection->ping_timeout_ns = timeout_ns;
    if (timeout_ns > 0 && gee_timer_start(connection->engine->loop, &connection->ping_timer, timeout_ns) != 0)
        return gee_error_set(error, GEE_RESOURCE_EXHAUSTED, "out of memory");
    if (gee_session_ping(connection->session, ++connection->ping_number, error) != 0) {
        gee_timer_stop(connection->engine->loop, &connection->ping_timer);
        return -1;
    }
    connection->pong = pong;
    return 0;
}

/* ---- the session ---- */

static void on_established(gee_session_t *session, void *owner) {
    gee_connection_t *connection = owner;
    connection->session = session;
    connection->ready = true;
    gee_timer_stop(connection->engine->loop, &connection->handshake_timer);
    if (!connection->starting)
        connection->events->ready(connection, connection->owner);
}

static void on_draining(gee_session_t *session GEE_UNUSED, void *owner) {
    gee_connection_t *connection = owner;
    if (connection->events->draining != NULL)
        connection->events->draining(connection, connection->owner);
}

static void on_slot_freed(gee_session_t *session GEE_UNUSED, void *owner) {
    gee_connection_t *connection = owner;
    connection->events->slot_freed(connection, connection->owner);
}

static void lose(gee_connection_t *connection, const gee_error_t *reason) {
    gee_error_t error = *reason; /* `reason` may lie in an object that the owner destroys */
    connection->session = NULL;
    connection->ready = false;
    gee_timer_stop(connection->engine->loop, &connection->handshake_timer);
    connection_end_ping(connection, &error);
    connection->events->closed(connection, connection->owner, &error);
}

static void on_closed(gee_session_t *session, void *owner, const gee_error_t *reason) {
    gee_error_t error;
    if (reason == NULL) {
        gee_error_set(&error, GEE_UNAVAILABLE, "the connection was closed");
        error.phase = session->established ? GEE_PHASE_WAIT : GEE_PHASE_HANDSHAKE;
        reason = &error;
    }
    lose(owner, reason);
}

static const gee_session_events_t session_events = {
    .established = on_established, .closed = on_closed, .draining = on_draining, .pong = connection_on_pong
};
static const gee_session_events_t session_events_with_slots = { .established = on_established,
                                                                .closed = on_closed,
                                                                .draining = on_draining,
                                                                .slot_freed = on_slot_freed,
                                                                .pong = connection_on_pong };

static void handshake_over(gee_timer_t *timer) {
    gee_connection_t *connection = GEE_CONTAINER(timer, gee_connection_t, handshake_timer);
    gee_error_t error;
    char text[GEE_DURATION_TEXT];
    gee_error_set(&error, GEE_DEADLINE_EXCEEDED, "not complete within %s",
                  gee_format_duration(text, connection->settings->connect_timeout_ns));
    gee_session_close(connection->session, &error);
}

/* ---- dialling ---- */

static int start_session(gee_connection_t *connection, gee_stream_t **stream, gee_error_t *error) {
    const gee_dial_settings_t *settings = connection->settings;
    gee_engine_t *engine = connection->engine;
    connection->starting = true;
    connection->session = gee_session_create(
        engine, stream, settings->protocol, GEE_CALLING, &settings->setup, connection->opened_ns,
        connection->events->slot_freed ? &session_events_with_slots : &session_events, connection, error);
    connection->starting = false;
    if (connection->session == NULL)
        return -1;
    connection->handshake_timer.fire = handshake_over;
    if (!connection->ready && settings->connect_timeout_ns > 0 &&
        gee_timer_start_at(engine->loop, &connection->handshake_timer,
                           gee_time_add(connection->opened_ns, settings->connect_timeout_ns)) != 0) {
        gee_error_t reason;
        gee_error_set(&reason, GEE_RESOURCE_EXHAUSTED, "out of memory");
        gee_session_close(connection->session, &reason); /* on_closed() comes */
    }
    return 0;
}

static void dialled(void *data, gee_stream_t *stream, const gee_error_t *reason) {
    gee_connection_t *connection = data;
    gee_error_t error;
    connection->dial = NULL;
    if (stream == NULL) {
        lose(connection, reason);
    } else if (start_session(connection, &stream, &error) != 0) {
        error.phase = GEE_PHASE_HANDSHAKE;
        lose(connection, &error);
    } else if (connection->ready) {
        connection->events->ready(connection, connection->owner); /* which may destroy the connection */
    }
}

/* Where a seal is configured, no connection goes without. */
static int add_seal(gee_connection_t *connection, const char *address, gee_error_t *error) {
    const gee_dial_settings_t *settings = connection->settings;
    const gee_seal_setup_t *setup =
        settings->seal_setup != NULL ? settings->seal_setup(settings->seal_data, address) : NULL;
    if (setup == NULL)
        return 0;
    const gee_seal_t *seal = gee_seal_find(connection->engine->modules, error);
    if (seal == NULL)
        return -1;
    gee_dial_add_layer(connection->dial, seal->layer, setup);
    return 0;
}

gee_connection_t *gee_connection_open(gee_engine_t *engine, const gee_transport_t *transport, const gee_addr_t *addr,
                                      const gee_dial_settings_t *settings, const gee_connection_events_t *events,
                                      void *owner, gee_error_t *error) {
    gee_connection_t *connection = calloc(1, sizeof(*connection));
    if (connection == NULL) {
        gee_error_set(error, GEE_RESOURCE_EXHAUSTED, "%s: out of memory", addr->text);
        return NULL;
    }
    gee_stream_options_t options = { .high_water = HIGH_WATER, .write_timeout_ns = settings->write_timeout_ns };
    connection->engine = engine;
    connection->settings = settings;
    connection->events = events;
    connection->owner = owner;
    connection->opened_ns = gee_loop_now(engine->loop);
    connection->dial = gee_dial_start(engine->loop, engine->resolver, transport, addr, &options,
                                      settings->connect_timeout_ns, dialled, connection, error);
    if (connection->dial == NULL || add_seal(connection, addr->text, error) != 0) {
        gee_dial_cancel(&connection->dial);
        free(connection);
        return NULL;
    }
    return connection;
}

void gee_connection_destroy(gee_connection_t **handle) {
    gee_connection_t *connection = *handle;
    *handle = NULL;
    if (connection == NULL)
        return;
    gee_dial_cancel(&connection->dial);
    gee_timer_stop(connection->engine->loop, &connection->handshake_timer);
    gee_timer_stop(connection->engine->loop, &connection->ping_timer);
    if (connection->session != NULL) {
        connection->session->events = NULL;
        gee_session_close(connection->session, NULL);
    }
    free(connection);
}

gee_session_t *gee_connection_session(const gee_connection_t *connection) {
    return connection->ready ? connection->session : NULL;
}

size_t gee_connection_in_flight(const gee_connection_t *connection) {
    return connection->session ? connection->session->call_count + connection->session->calling.abandoned : 0;
}
