/* connection.h: one connection that we dial: resolve, connect, handshake, then a session in the calling role, until it
 * is lost or closed.
 *
 *   gee_connection_open -> DIALLING -> HANDSHAKE -> ready() -> ... -> closed()
 *                             '------------'----------------------> closed()
 *
 * All on the loop's thread. */
#ifndef GEE_GATEWAY_CONNECTION_H
#define GEE_GATEWAY_CONNECTION_H

#include "core/event/dial.h"
#include "core/rpc/seal.h"
#include "core/rpc/session.h"

typedef struct gee_connection gee_connection_t;

/* How one client or upstream talks to its servers. Outlives the connections. */
typedef struct gee_dial_settings {
    const gee_protocol_t *protocol;
    gee_session_setup_t setup;
    int64_t connect_timeout_ns; /* resolving, connecting and the handshake together; 0: none */
    int64_t write_timeout_ns;   /* without any progress in sending; 0: none */
    /* Optional: the seal of connections to that address; null: they have none. */
    const gee_seal_setup_t *(*seal_setup)(void *seal_data, const char *address);
    void *seal_data;
} gee_dial_settings_t;

/* No event comes from inside gee_connection_open() or after gee_connection_destroy(). */
typedef struct gee_connection_events {
    /* Calls may be made on gee_connection_session(). */
    void (*ready)(gee_connection_t *connection, void *owner);
    /* Optional. The peer takes no new calls; those in flight go on. */
    void (*draining)(gee_connection_t *connection, void *owner);
    /* Optional. A call that was given up on the way (gee_session_forget) has been answered after all: its place at the
     * server is free. */
    void (*slot_freed)(gee_connection_t *connection, void *owner);
    /* Could not be made, or was lost: every call on it has been told. The text of `reason` begins with address and
     * phase only where the dial made it; reason->phase says how far it came. The owner destroys the connection, here
     * or later. */
    void (*closed)(gee_connection_t *connection, void *owner, const gee_error_t *reason);
} gee_connection_events_t;

/* `addr` is copied. Null: dialling cannot even begin (out of memory, a full queue); no event comes then. */
gee_connection_t *gee_connection_open(gee_engine_t *engine, const gee_transport_t *transport, const gee_addr_t *addr,
                                      const gee_dial_settings_t *settings, const gee_connection_events_t *events,
                                      void *owner, gee_error_t *error);
/* Gives up dialling, or closes the session at the end of this pass (its calls' done() is called then, unless they were
 * forgotten). Leaves null; a null *connection is allowed. */
void gee_connection_destroy(gee_connection_t **connection);

/* Null until the connection is ready. */
gee_session_t *gee_connection_session(const gee_connection_t *connection);
/* Calls without an answer, those that were given up included. */
size_t gee_connection_in_flight(const gee_connection_t *connection);

/* Sends a ping and calls pong() once: `error` null when the answer came in time. -1: not sent, and pong() is not
 * called (the connection is not ready; another ping is on its way; GEE_UNIMPLEMENTED: the wire has no pings). */
int gee_connection_ping(gee_connection_t *connection, int64_t timeout_ns,
                        void (*pong)(gee_connection_t *connection, void *owner, const gee_error_t *error),
                        gee_error_t *error);

#endif
