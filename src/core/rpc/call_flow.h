/* call_flow.h: the flow of a streaming call in either role: two half-streams with credit, what waits in each direction,
 * pause and room.
 *
 *   session (bytes of the peer) -> gee_flow_on_...() -> queue while the owner is busy or pauses -> events->message()
 *   owner -> gee_flow_send() -> protocol.send() at once -> the stream's output
 *                  '-> output while there is no credit or the stream is congested -> CREDIT, drained -> events->room()
 *
 * A half is OPEN, HALF_CLOSED or ENDED and only goes forward. Serving: `in` is what the caller sends, `out` the
 * replies. Credit: a message costs its body's bytes and GEE_FLOW_MESSAGE_COST; a sender with credit above 0 may send
 * one whole message, whatever its length, so credit may go negative. The receiver gives back what its owner has taken.
 * So a flow holds at most GEE_FLOW_WINDOW and one message in each direction, whatever its two ends do. A unary call has
 * no flow.
 *
 * All on the loop's thread. */
#ifndef GEE_RPC_CALL_FLOW_H
#define GEE_RPC_CALL_FLOW_H

#include "core/base/buf.h"
#include "core/base/list.h"
#include "core/rpc/protocol.h"
#include "core/rpc/service.h"

#define GEE_FLOW_WINDOW       (64 * 1024) /* initial credit each way: docs/protocol.md */
#define GEE_FLOW_MESSAGE_COST 16          /* so that empty messages are bounded, too */

typedef enum gee_half {
    GEE_HALF_OPEN,
    GEE_HALF_CLOSED, /* the sender has said that no further message comes */
    GEE_HALF_ENDED   /* the call is over in this direction */
} gee_half_t;

typedef struct gee_flow gee_flow_t;

/* What the owner of a flow (dispatch, the gateway, the client) hears. None is called from inside gee_session_open(). */
typedef struct gee_flow_events {
    /* One message of the peer; valid until this returns. The owner calls gee_flow_took() when the message is dealt
     * with, here or later; until then no other message comes. */
    void (*message)(gee_flow_t *flow, const gee_payload_t *payload);
    /* Serving: the caller's messages are all delivered, and no further one comes. */
    void (*half_closed)(gee_flow_t *flow);
    /* Calling: the peer's initial metadata; valid until this returns. Optional. */
    void (*began)(gee_flow_t *flow, const gee_metadata_t *metadata);
    /* Calling: the call is over: the peer's END (`from_peer`), or what happened here. After the last message, once; the
     * flow's memory is the owner's again. `end`: status, metadata, more; payload where the END came with a message,
     * which was not told by message(). Valid until this returns. */
    void (*ended)(gee_flow_t *flow, const gee_event_t *end, bool from_peer);
    /* Calling: the peer's END has come, and waits for ended() behind messages. From here on the flow is apart from its
     * session, which may end before the owner has taken all. Optional; `end` is valid until this returns. */
    void (*end_waits)(gee_flow_t *flow, const gee_event_t *end);
    /* After GEE_SENT_FULL: there is room again. */
    void (*room)(gee_flow_t *flow);
    /* Serving, after gee_flow_flushed() was false: everything that waited is written. */
    void (*flushed)(gee_flow_t *flow);
} gee_flow_events_t;

/* In memory of its owner. What an idle flow holds is this structure and nothing else. */
struct gee_flow {
    gee_session_t *session; /* null: the call is over, or its end waits in `queue` */
    const gee_flow_events_t *events;
    const gee_codec_t *codec;      /* of the messages */
    uint64_t number;               /* the token's, serving; ours, calling */
    int64_t credit;                /* what we may send; a message may be sent while above 0 */
    int64_t allowed;               /* what the peer may still send, by our account */
    size_t taken;                  /* taken by the owner and not yet given back as credit */
    size_t current;                /* cost of the message that the owner has; with `busy` */
    size_t held_until;             /* what the peer said waits before this place of the held calls: session_held.c */
    struct gee_flow_queue *queue;  /* messages, and the end, that wait for the owner; null: none */
    struct gee_flow_queue *output; /* messages that wait for credit or for the stream; null: none */
    gee_link_t blocked_link;       /* in the session's flows that wait for its stream */
    uint32_t messages_in, messages_out; /* they stop at UINT32_MAX */
    bool *over; /* while messages are delivered one after another: to be set by gee_flow_end() */
    gee_half_t in : 2, out : 2;
    bool calling : 1;
    bool busy : 1;           /* the owner has a message, and has not yet called gee_flow_took() */
    bool paused : 1;         /* by its owner */
    bool full : 1;           /* the owner was told GEE_SENT_FULL and waits for room() */
    bool close_waits : 1;    /* a half-close waits behind the output */
    bool awaits_flushed : 1; /* the owner waits for flushed() */
    bool opened : 1;         /* messages may go out: serving at once, calling when BEGIN went out */
    bool close_told : 1;     /* half_closed() was called */
};

/* ---- for the owner ---- */

/* Encodes at once: `payload` need not stay. A payload that the codec refuses: GEE_SEND_ENDED with the reason in
 * `error`, nothing was sent and the flow goes on; `error` code GEE_OK: the call is over, or `out` is closed. */
gee_sent_t gee_flow_send(gee_flow_t *flow, const gee_payload_t *payload, gee_error_t *error);
/* Calling: no further message; goes out behind what waits. Has no effect on a half that is closed or ended. */
void gee_flow_half_close(gee_flow_t *flow);
/* Serving: sends initial metadata, if nothing was sent so far; else without effect. -1: they cannot be written. */
int gee_flow_send_metadata(gee_flow_t *flow, const gee_metadata_t *metadata, gee_error_t *error);
/* Would gee_flow_send() be GEE_SENT now? */
bool gee_flow_has_room(const gee_flow_t *flow);
/* Precondition: message() was called, and this not since. The next message may come, also from inside this. */
void gee_flow_took(gee_flow_t *flow);
/* No message is delivered until gee_flow_resume(), which may deliver from inside. */
void gee_flow_pause(gee_flow_t *flow);
void gee_flow_resume(gee_flow_t *flow);
/* Nothing waits to be sent? Else flushed() is called once when nothing does. */
bool gee_flow_flushed(gee_flow_t *flow);
/* Bytes that wait in both directions. */
size_t gee_flow_held(const gee_flow_t *flow);

/* ---- for the session ---- */

void gee_flow_init(gee_flow_t *flow, gee_session_t *session, const gee_flow_events_t *events, uint64_t number,
                   const gee_codec_t *codec, bool calling);
/* What the peer says of this call. on_message: -1 when the peer sends beyond its credit, or after its half-close. */
int gee_flow_on_message(gee_flow_t *flow, const gee_payload_t *payload, gee_error_t *error);
int gee_flow_on_half_close(gee_flow_t *flow, gee_error_t *error);
int gee_flow_on_credit(gee_flow_t *flow, uint64_t credit, gee_error_t *error);
/* Calling: the end, which is told at once, or behind what waits where `from_peer`: then the session is done with the
 * flow, and may go before the owner has heard all. -1: no memory to keep the end. */
int gee_flow_on_end(gee_flow_t *flow, const gee_event_t *end, bool from_peer);
/* The stream has room again: sends what waits, as far as credit goes. */
void gee_flow_on_drained(gee_flow_t *flow);
/* Calling: BEGIN went out; with what credit the peer lets us begin. */
void gee_flow_opened(gee_flow_t *flow, int64_t credit);
/* The call is over: frees what waits, takes the flow off its session. Nothing is told. Has no effect on a flow that is
 * over. The owner of a calling flow whose end waits calls this to give up on what it has not taken. */
void gee_flow_end(gee_flow_t *flow);

/* What a session has of its streaming calls; made with the first of them. */
typedef struct gee_session_flows gee_session_flows_t;

#endif
