/* door.h: reads the first bytes of a new stream and chooses layer or protocol; after a layer is pushed, reads again. */
#ifndef GEE_RPC_DOOR_H
#define GEE_RPC_DOOR_H

#include "core/event/stream.h"
#include "core/rpc/engine.h"
#include "core/rpc/session.h"

/* What the first bytes are, by the design's table; a pure function of the bytes. */
typedef enum gee_opening {
    GEE_OPENING_MORE,   /* not decided yet */
    GEE_OPENING_SEAL,   /* C1 */
    GEE_OPENING_NETRPC, /* gob without an Option */
    GEE_OPENING_GEERPC, /* a JSON Option */
    GEE_OPENING_JSONRPC,
    GEE_OPENING_HTTP,
    GEE_OPENING_HTTP2, /* "PRI * HTTP/2.0": kept */
    GEE_OPENING_TLS,   /* kept */
    GEE_OPENING_UNKNOWN
} gee_opening_t;

#define GEE_OPENING_LIMIT 4096 /* bytes of JSON within which a known key must stand */

gee_opening_t gee_opening_read(const uint8_t *bytes, size_t length);
/* "net/rpc (gob)", for log lines. */
const char *gee_opening_name(gee_opening_t opening);
/* For claims(): YES when the bytes are `wanted`, MORE while undecided, else NO. */
gee_claim_t gee_opening_claim(const uint8_t *bytes, size_t length, gee_opening_t wanted);

typedef struct gee_door gee_door_t;
typedef struct gee_door_options {
    const char *const *protocols;       /* names that this listener takes, ends with null; null: all compiled in */
    const gee_session_events_t *events; /* of the sessions that come of it */
    void *owner;
    /* The stream was refused or failed before a session stood (it is closed and logged already), or became a session.
     * Optional. */
    void (*left)(void *owner, bool became_session);
} gee_door_options_t;

/* Takes the stream. Refusals, failures and the handshake timeout are logged with peer, reason and first bytes. */
int gee_door_open(gee_engine_t *engine, gee_stream_t **stream, const gee_door_options_t *options, gee_error_t *error);
/* Closes all streams that are still in the doorway (the worker stops). They are linked in the engine. */
void gee_door_close_all(gee_engine_t *engine);

#endif
