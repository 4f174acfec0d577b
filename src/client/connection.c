/* connection.c: the client's one connection, on the loop's thread: dial, handshake, ready, loss, close.
 *
 *   NEW -> DIALLING -> HANDSHAKE -> READY -> CLOSED (for good: who wants another dials anew)
 *             `------------`----------------> CLOSED */
#include "client/client.h"

#include "core/base/clock.h"

/* Never congested: a client that stopped reading replies because requests wait to be written could wait for a server
 * that stopped reading requests because replies wait. What waits is bounded by the callers, each of whom waits too. */
#define HIGH_WATER (SIZE_MAX / 4)

static void mark_closed(gee_client_t *client) {
    pthread_mutex_lock(&client->lock);
    client->closed = true;
    pthread_cond_broadcast(&client->changed);
    pthread_mutex_unlock(&client->lock); /* the client may be gone from here on */
}

/* Nothing will happen on the connection any more. */
static void lose(gee_client_t *client, const gee_error_t *reason) {
    if (client->state == GEE_CONNECTION_CLOSED)
        return;
    gee_phase_t phase = client->state == GEE_CONNECTION_DIALLING    ? GEE_PHASE_CONNECT
                        : client->state == GEE_CONNECTION_HANDSHAKE ? GEE_PHASE_HANDSHAKE
                                                                    : GEE_PHASE_WAIT;
    client->state = GEE_CONNECTION_CLOSED;
    client->close_reason = *reason;
    client->close_reason.phase = GEE_PHASE_NONE; /* of a later call it will be the sending that fails */
    client->dial_operation = NULL;
    gee_timer_stop(client->runtime->loop, &client->handshake_timer);
    gee_operation_fail_all(client, phase, reason);
    gee_type_table_clear(client);
}

/* ---- a session ---- */

static void on_established(gee_session_t *session, void *owner) {
    gee_client_t *client = owner;
    gee_operation_t *operation = client->dial_operation;
    if (client->state != GEE_CONNECTION_HANDSHAKE)
        return;
    client->session = session;
    client->state = GEE_CONNECTION_READY;
    client->dial_operation = NULL;
    gee_timer_stop(client->runtime->loop, &client->handshake_timer);
    gee_operation_succeed(operation, NULL);
}

static void on_closed(gee_session_t *session GEE_UNUSED, void *owner, const gee_error_t *reason) {
    gee_client_t *client = owner;
    gee_error_t error;
    client->session = NULL;
    if (reason == NULL)
        gee_error_set(&error, GEE_UNAVAILABLE, "the connection was closed");
    else
        error = *reason;
    bool asked_for = client->state == GEE_CONNECTION_CLOSED;
    lose(client, &error);
    if (asked_for)
        mark_closed(client);
}

static const gee_session_events_t session_events = { .established = on_established, .closed = on_closed };

static void handshake_over(gee_timer_t *timer) {
    gee_client_t *client = GEE_CONTAINER(timer, gee_client_t, handshake_timer);
    gee_error_t error;
    char text[GEE_DURATION_TEXT];
    gee_error_set(&error, GEE_DEADLINE_EXCEEDED, "not complete within %s",
                  gee_format_duration(text, client->connect_timeout_ns));
    if (client->session != NULL)
        gee_session_close(client->session, &error);
}

/* ---- dialling ---- */

static int start_handshake(gee_client_t *client, gee_stream_t **stream, gee_error_t *error) {
    gee_loop_t *loop = client->runtime->loop;
    int64_t started = client->dial_operation->started_ns;
    client->state = GEE_CONNECTION_HANDSHAKE;
    client->handshake_timer.fire = handshake_over;
    if (client->connect_timeout_ns > 0 &&
        gee_timer_start_at(loop, &client->handshake_timer, gee_time_add(started, client->connect_timeout_ns)) != 0) {
        gee_stream_destroy(stream);
        return gee_error_set(error, GEE_RESOURCE_EXHAUSTED, "out of memory");
    }
    gee_session_t *session = gee_session_create(client->runtime->engine, stream, client->protocol, GEE_CALLING,
                                                &client->setup, started, &session_events, client, error);
    if (session == NULL)
        return -1;
    client->session = session;
    return 0;
}

static void dialled(void *data, gee_stream_t *stream, const gee_error_t *reason) {
    gee_client_t *client = data;
    gee_error_t error;
    client->dial = NULL;
    if (stream == NULL && reason->phase == GEE_PHASE_RESOLVE)
        client->runtime->resolution_abandoned |= reason->code == GEE_DEADLINE_EXCEEDED;
    if (stream == NULL)
        lose(client, reason);
    else if (start_handshake(client, &stream, &error) != 0)
        lose(client, &error);
}

void gee_connection_open(gee_client_t *client, gee_operation_t *operation) {
    gee_error_t error;
    gee_stream_options_t options = { .high_water = HIGH_WATER, .write_timeout_ns = client->write_timeout_ns };
    client->state = GEE_CONNECTION_DIALLING;
    client->dial_operation = operation;
    client->dial = gee_dial_start(client->runtime->loop, client->runtime->threads, client->transport, &client->addr,
                                  &options, client->connect_timeout_ns, dialled, client, &error);
    if (client->dial == NULL)
        lose(client, &error);
}

void gee_connection_close(gee_client_t *client) {
    gee_error_t error;
    gee_error_set(&error, GEE_CANCELLED, "the client was closed");
    if (client->dial != NULL) {
        client->runtime->resolution_abandoned = true;
        gee_dial_cancel(&client->dial);
    }
    if (client->state == GEE_CONNECTION_NEW)
        client->state = GEE_CONNECTION_DIALLING;
    lose(client, &error);
    if (client->session != NULL)
        gee_session_close(client->session, NULL); /* on_closed() comes */
    else
        mark_closed(client);
}

gee_phase_t gee_connection_phase(const gee_client_t *client, uint64_t request_end) {
    if (client->session == NULL || client->session->stream == NULL)
        return GEE_PHASE_WAIT;
    return gee_stream_bytes_sent(client->session->stream) < request_end ? GEE_PHASE_SEND : GEE_PHASE_WAIT;
}
