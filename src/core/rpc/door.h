/* door.h: reads the first bytes of a new stream and chooses layer or protocol; after a layer is pushed, reads again. */
#ifndef GEE_RPC_DOOR_H
#define GEE_RPC_DOOR_H

#include "core/event/stream.h"
#include "core/rpc/engine.h"
#include "core/rpc/opening.h"
#include "core/rpc/session.h"

typedef struct gee_door gee_door_t;

/* How a listener takes sealed channels (rpc/seal.h). */
typedef struct gee_door_seal {
    const gee_layer_t *layer;
    const void *setup;
    bool required;        /* whoever begins with anything else is left without a word */
    int64_t handshake_ns; /* for the whole of its handshake */
    int64_t max_age_ns;   /* after which a sealed session is drained; 0: never */
} gee_door_seal_t;

typedef struct gee_door_options {
    const char *const *protocols;       /* names that this listener takes, ends with null; null: all compiled in */
    const gee_door_seal_t *seal;        /* null: sealed channels are refused */
    bool pages;                         /* guarded routes (http/route.h) are answered */
    bool health;                        /* those that say how the server is */
    const gee_session_events_t *events; /* of the sessions that come of it */
    void *owner;
    /* Optional. The peer begins the handshake of the seal: false refuses it, with a line in the log; and it is over. */
    bool (*sealing)(void *owner);
    void (*sealed)(void *owner);
    /* The stream was refused or failed before a session stood (it is closed and logged already), or became a session.
     * Optional. */
    void (*left)(void *owner, bool became_session);
} gee_door_options_t;

/* Takes the stream. Refusals, failures and the handshake timeout are logged with peer, reason and first bytes. */
int gee_door_open(gee_engine_t *engine, gee_stream_t **stream, const gee_door_options_t *options, gee_error_t *error);

/* What a session keeps of the door that it came through, when its protocol can give the stream back (session.h). */
typedef struct gee_way_back {
    gee_door_options_t options;
    int64_t started_ns; /* when the connection was accepted */
    unsigned upgrades;  /* how often the stream was given back already */
    int64_t sealed_ns;  /* when the seal's handshake was over; 0: the stream is not sealed */
    /* as gee_session_hand_back() was told */
    const gee_layer_t *next_layer;
    int64_t next_started_ns;
} gee_way_back_t;
/* Takes the stream again; the handshake began at way->next_started_ns. */
void gee_door_reopen(gee_engine_t *engine, gee_stream_t **stream, const gee_way_back_t *way);

/* Does a listener with these options take that protocol? */
bool gee_door_allows(const gee_door_options_t *options, const gee_protocol_t *protocol);

/* ---- handover (handover.h) ---- */
/* Not in the middle of the seal's handshake. */
bool gee_door_can_leave(const gee_door_t *door);
void gee_door_freeze(gee_door_t *door);
void gee_door_thaw(gee_door_t *door);
/* What is not in its stream. */
void gee_door_export(const gee_door_t *door, gee_record_t *out);
/* Takes the stream. left() is not called when it fails. */
int gee_door_import(gee_engine_t *engine, gee_stream_t **stream, const gee_door_options_t *options,
                    gee_record_reader_t *in, gee_error_t *error);
/* It goes on elsewhere. Leaves null. */
void gee_door_leave(gee_door_t **door);
gee_stream_t *gee_door_stream(const gee_door_t *door);
void *gee_door_owner(const gee_door_t *door);
/* The door of that link of engine->doors. */
gee_door_t *gee_door_of_link(gee_link_t *link);

/* Closes, in good order, those streams in the doorway whose peer's identity is revoked. */
void gee_door_close_revoked(gee_engine_t *engine);
/* Closes all streams that are still in the doorway (the worker stops). They are linked in the engine. */
void gee_door_close_all(gee_engine_t *engine);

#endif
