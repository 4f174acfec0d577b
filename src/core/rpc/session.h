/* session.h: one conversation, in either role: a stream, a protocol, the calls in flight.
 *
 *   stream's inbox -> protocol.receive -> gee_session_event -> dispatch (serving) | the waiting call (calling)
 *   answer -> protocol.send -> stream's out -> one writev at the end of the pass
 *
 * All on the loop's thread. */
#ifndef GEE_RPC_SESSION_H
#define GEE_RPC_SESSION_H

#include "core/event/stream.h"
#include "core/rpc/call_flow.h"
#include "core/rpc/engine.h"
#include "core/rpc/identity.h"
#include "core/rpc/outgoing.h"
#include "core/rpc/protocol.h"

/* Why a session is not read: any of these is enough. */
typedef enum gee_pause {
    GEE_PAUSE_PROTOCOL =
        1 << 0,                /* the protocol wants no bytes for now; inside receive(), which then consumes nothing */
    GEE_PAUSE_OWNER = 1 << 1,  /* calls in flight are to end before others begin */
    GEE_PAUSE_MOVING = 1 << 2, /* on its way to another process: frozen */
    GEE_PAUSE_MEMORY = 1 << 3, /* memory.c: all together hold too much */
    GEE_PAUSE_CALLS = 1 << 4,  /* limits.calls and limits.input, and no call may be held */
    GEE_PAUSE_OUTPUT = 1 << 5  /* limits.output: the peer does not fetch its replies */
} gee_pause_t;

typedef struct gee_session_events {
    /* The handshake is over (the Option was read; calling: the session may be used). Optional. */
    void (*established)(gee_session_t *session, void *owner);
    /* The session is gone after this returns; `reason` is null when it ended in good order. Optional. */
    void (*closed)(gee_session_t *session, void *owner, const gee_error_t *reason);

    /* Calling role, all optional. */
    /* The peer takes no new calls on this session; those in flight go on. */
    void (*draining)(gee_session_t *session, void *owner);
    /* A call that was given up, on a wire that could not say so, has been answered after all. An owner without this is
     * not interested: such calls are then forgotten at once. */
    void (*slot_freed)(gee_session_t *session, void *owner);
    void (*pong)(gee_session_t *session, void *owner, uint64_t number);
} gee_session_events_t;

/* Takes the stream. Bytes that are in its inbox already are the protocol's first. `handshake_started_ns`: when the
 * connection was made, for the handshake timeout; the door hands on its own. `setup`: calling role only. */
gee_session_t *gee_session_create(gee_engine_t *engine, gee_stream_t **stream, const gee_protocol_t *protocol,
                                  gee_role_t role, const gee_session_setup_t *setup, int64_t handshake_started_ns,
                                  const gee_session_events_t *events, void *owner, gee_error_t *error);

/* At the end of this pass: calls in flight end (serving: cancelled; calling: done() with GEE_UNAVAILABLE and `reason`),
 * what was written so far goes out, closed() is called, the session is freed. `reason` null: in good order. */
void gee_session_close(gee_session_t *session, const gee_error_t *reason);
/* Serving: takes no new calls, tells the peer where the wire can, closes when the last call was answered and a message
 * boundary is reached. */
void gee_session_drain(gee_session_t *session);
/* Drains the session at that time of gee_loop_now(), or a little later, when nothing is on its way. */
void gee_session_drain_at(gee_session_t *session, int64_t deadline_ns);

/* The session is not read for that reason (a GEE_PAUSE_ bit); reading goes on when no reason is left. Allowed at any
 * time; a reason given twice counts once. */
void gee_session_pause(gee_session_t *session, gee_pause_t reason);
void gee_session_unpause(gee_session_t *session, gee_pause_t reason);

/* ---- handover.c: a serving session on its way to another process; handover.h has the picture ---- */
/* Can the session be passed on now? False for a session that is ending. */
bool gee_session_can_leave(const gee_session_t *session);
/* Can the session be passed on, now or later? False: its protocol cannot be passed on, or the session is ending. */
bool gee_session_may_leave(const gee_session_t *session);
/* Nothing happens on the session any more, until the session is thawed or left. */
void gee_session_freeze(gee_session_t *session);
void gee_session_thaw(gee_session_t *session);
/* The session goes on in another process: frees the session here and closes the descriptor, without a word to peer or
 * owner. Leaves null. */
void gee_session_leave(gee_session_t **session);

/* Ends every session without ceremony. */
void gee_sessions_destroy(gee_engine_t *engine);

/* ---- for protocols ---- */
gee_engine_t *gee_session_engine(const gee_session_t *session);
gee_stream_t *gee_session_stream(const gee_session_t *session);
gee_role_t gee_session_role(const gee_session_t *session);
/* Null until the handshake has chosen the codec. */
const gee_codec_t *gee_session_codec(const gee_session_t *session);
/* The codec's states; may be the same: codec->one_state. */
void *gee_session_receive_state(const gee_session_t *session);
void *gee_session_send_state(const gee_session_t *session);
/* Null: the peer was not asked. */
const gee_identity_t *gee_session_identity(const gee_session_t *session);
/* No new calls are taken. */
bool gee_session_is_draining(const gee_session_t *session);
/* Calling: does a request of that number wait for its reply? */
bool gee_session_awaits(const gee_session_t *session, uint64_t number);
/* Serving: is there a method of that name, here or, as far as is known, behind an upstream? */
bool gee_session_knows_method(const gee_session_t *session, gee_str_t method);
/* Does the listener answer those routes (http/route.h)? */
bool gee_session_has_pages(const gee_session_t *session);
bool gee_session_has_health(const gee_session_t *session);
/* False: the stream was handed back before, or did not come through a door. */
bool gee_session_can_hand_back(const gee_session_t *session);
gee_chain_t *gee_session_out(gee_session_t *session);
const char *gee_session_peer_text(const gee_session_t *session);
/* The handshake chose the codec (null where a protocol has none) and timeouts: makes the codec's states. -1 when a
 * state cannot be made. */
int gee_session_establish(gee_session_t *session, const gee_session_setup_t *setup, gee_error_t *error);
/* Inside receive(): may a further message be handled? */
bool gee_session_reads_on(const gee_session_t *session);
/* A receive() of several messages: `one` handles one message, with the contract of receive(). (Inline, so that `one` is
 * inlined, too: through the session's own loop a small message would cost 70 instructions more.) */
static inline int gee_session_receive_each(gee_session_t *session, void *state, const uint8_t *bytes, size_t length,
                                           size_t *consumed, gee_error_t *error,
                                           int (*one)(gee_session_t *session, void *state, const uint8_t *bytes,
                                                      size_t length, size_t *consumed, gee_error_t *error)) {
    size_t taken;
    do {
        taken = 0;
        if (one(session, state, bytes + *consumed, length - *consumed, &taken, error) != 0)
            return -1;
        *consumed += taken;
    } while (taken > 0 && *consumed < length && gee_session_reads_on(session));
    return 0;
}
/* Inside receive(): the bytes consumed from now on are, or are no longer, part of a message that is not taken: the
 * message's clock runs on. */
void gee_session_set_skipping(gee_session_t *session, bool skipping);
/* At the end of this pass the session is dissolved, without closed(), and the door reads the bytes that were not
 * consumed as those of a new connection: of what is inside a tunnel, or above `layer`, which may be null. The handshake
 * timeout runs from `started_ns`; 0: from the accept. For a serving protocol with `upgrades`, with no call in flight.
 */
void gee_session_hand_back(gee_session_t *session, const gee_layer_t *layer, int64_t started_ns);
/* The protocol reports an event. Strings and payload need to live only until this returns. */
void gee_session_event(gee_session_t *session, const gee_event_t *event);
/* For protocols that know their calls without looking for a token: the flow of the streaming call that the last event
 * began; null: none, the event was a unary call or was refused. Valid until protocol->ended(). */
gee_flow_t *gee_session_begun(const gee_session_t *session);
/* Inside send() of a message with event->flow: what the body took, for the flow's credit. */
void gee_session_set_body_length(gee_session_t *session, size_t length);
/* What a payload is, as bytes of the session's (or the event's) codec, appended to `out`: typed, dynamic, carried. */
int gee_payload_encode(const gee_payload_t *payload, const gee_codec_t *codec, void *send_state, gee_chain_t *out,
                       gee_error_t *error);

/* ---- calling role ---- */
/* Sends the request: method, codec, timeout, metadata and payload of the event are set by the caller and need to live
 * only during the call. -1: not sent, outgoing->done() will not be called. */
int gee_session_call(gee_session_t *session, gee_outgoing_t *outgoing, gee_event_t *request, gee_error_t *error);
/* The same, for calls that are rare: with one caller, the function above becomes a part of that, which saves 26
 * instructions a call. */
int gee_session_call_apart(gee_session_t *session, gee_outgoing_t *outgoing, gee_event_t *request, gee_error_t *error);
/* Opens a streaming call: parts BEGIN, and MESSAGE and HALF_CLOSE as the caller has them; method, codec, timeout,
 * metadata and payload as above. On a wire that may have streaming calls but where that is not known yet, what is sent
 * waits until the peer has said so; without them the call ends with GEE_UNIMPLEMENTED. -1: not opened, no event will be
 * told. gee_session_forget() cancels the call; then nothing is told any more. */
int gee_session_open(gee_session_t *session, gee_outgoing_t *outgoing, gee_flow_t *flow,
                     const gee_flow_events_t *events, gee_event_t *request, gee_error_t *error);
/* Gives up on the request: done() is not called. The peer is told where the wire can say so; where the wire cannot, and
 * the owner wants to hear of freed slots, outgoing->slot_kept is set. A late reply is dropped. The same holds for a
 * call whose time is over. `session` may be null or gone when outgoing->session is null: the end of a streaming call
 * waits for its owner. */
void gee_session_forget(gee_session_t *session, gee_outgoing_t *outgoing);
/* The events->pong() that follows has the same number. -1: not sent; GEE_UNIMPLEMENTED: the wire has none. */
int gee_session_ping(gee_session_t *session, uint64_t number, gee_error_t *error);

/* Nothing in flight, nothing half received, nothing waiting to be written. */
bool gee_session_quiet(gee_session_t *session);
/* Streaming calls that are open. */
size_t gee_session_open_streams(const gee_session_t *session);
/* Has this session's wire a form for that kind of event (a GEE_EVENT_ bit)? */
bool gee_session_can(const gee_session_t *session, unsigned event);

#endif
