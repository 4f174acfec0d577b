/* door.h: reads the first bytes of a new stream and chooses layer or protocol; after a layer is pushed, reads again. */
#ifndef GEE_RPC_DOOR_H
#define GEE_RPC_DOOR_H

#include "core/event/stream.h"
#include "core/rpc/engine.h"
#include "core/rpc/opening.h"
#include "core/rpc/session.h"

typedef struct gee_door gee_door_t;

/* A layer that a listener takes: a seal (rpc/seal.h). A connection has at most one of the list. */
typedef struct gee_door_layer {
    const gee_layer_t *layer; /* has claims(); null ends a list */
    const void *setup;
    bool required;        /* a connection that begins with no layer of the list is closed without a word */
    int64_t handshake_ns; /* for the whole handshake; 0: no limit but timeouts.handshake */
    int64_t max_age_ns;   /* after which a session within the layer is drained; 0: never */
} gee_door_layer_t;

/* The first of the list that is required; null: none is. */
const gee_door_layer_t *gee_door_required_layer(const gee_door_layer_t *layers);

typedef struct gee_door_options {
    const char *const *protocols;       /* names that this listener takes, ends with null; null: all compiled in */
    const gee_door_layer_t *layers;     /* null: connections have no layers */
    bool pages;                         /* guarded routes (http/route.h) are answered */
    bool health;                        /* those that say how the server is */
    const gee_session_events_t *events; /* of the sessions that come of it */
    void *owner;
    /* Optional. The handshake of a layer begins (false refuses the connection, with a line in the log), and is over. */
    bool (*sealing)(void *owner);
    void (*sealed)(void *owner);
    /* The stream was refused or failed before a session stood (it is closed and logged already), or became a session.
     * Optional. */
    void (*left)(void *owner, bool became_session);
} gee_door_options_t;

/* Takes the stream. Refusals, failures and the handshake timeout are logged with peer, reason and first bytes. */
int gee_door_open(gee_engine_t *engine, gee_stream_t **stream, const gee_door_options_t *options, gee_error_t *error);

/* What a session keeps of the door that it came through, when its protocol can give the stream back (session.h). */
typedef struct gee_way_back gee_way_back_t;
struct gee_way_back {
    /* Takes the stream again; the handshake began at way->next_started_ns. */
    void (*reopen)(gee_engine_t *engine, gee_stream_t **stream, const gee_way_back_t *way);
    gee_door_options_t options;
    int64_t started_ns;            /* when the connection was accepted */
    unsigned upgrades;             /* how often the stream was given back already */
    const gee_door_layer_t *layer; /* that was pushed; null: none */
    int64_t sealed_ns;             /* when the handshake of that layer was over; 0: it is not */
    /* as gee_session_hand_back() was told */
    const gee_layer_t *next_layer;
    int64_t next_started_ns;
};

/* Does a listener with these options take that protocol? */
bool gee_door_allows(const gee_door_options_t *options, const gee_protocol_t *protocol);

/* ---- handover (handover.h) ---- */
/* False in the middle of a layer's handshake. */
bool gee_door_can_leave(const gee_door_t *door);
void gee_door_freeze(gee_door_t *door);
void gee_door_thaw(gee_door_t *door);
/* Writes what the door knows beside its stream. */
void gee_door_export(const gee_door_t *door, gee_record_t *out);
/* Takes the stream; `layer`: of options->layers, that is on the stream; null: none. left() is not called on failure. */
int gee_door_import(gee_engine_t *engine, gee_stream_t **stream, const gee_door_options_t *options,
                    const gee_door_layer_t *layer, gee_record_reader_t *in, gee_error_t *error);
/* The stream goes on in another process. Leaves null. */
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
