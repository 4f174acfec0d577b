/* session_private.h: the session's body, and what the files of the session call of each other; modules see session.h.
 */
#ifndef GEE_RPC_SESSION_PRIVATE_H
#define GEE_RPC_SESSION_PRIVATE_H

#include "core/base/assert.h"
#include "core/rpc/call_private.h"
#include "core/rpc/outgoing.h"
#include "core/rpc/session.h"

/* Answers the calls of an engine's serving sessions: dispatch. All functions run on the loop's thread. */
typedef struct gee_session_server {
    /* A peer's call begins, by an event with GEE_EVENT_BEGIN. */
    void (*begin)(gee_session_t *session, const gee_event_t *event);
    /* Precondition: the call is a streaming call, and was not answered: the peer broke the rules of the call, which
     * ends. */
    void (*refuse)(gee_call_t *call, const gee_error_t *error);
    /* The memory of a streaming call is about to be used anew. */
    void (*clear)(gee_call_t *call);
    /* Precondition: the call is kept, and was not answered. The call ends now: with GEE_CANCELLED where `answer`, else
     * without a word, as the peer is gone. */
    void (*cancel)(gee_call_t *call, bool answer);
} gee_session_server_t;

/* What only a session of that role has. */
typedef struct gee_serving_part {
    size_t call_bytes; /* what its calls take, see gee_session_keep() */
    gee_timer_t idle_timer;
    gee_timer_t age_timer;         /* when it is drained */
    struct gee_way_back *way_back; /* door.h; null where the protocol has no use for it */
    gee_number_map_t *by_token;    /* session_tokens.c; null: none */
} gee_serving_part_t;

typedef struct gee_calling_part {
    gee_waiting_t waiting; /* by our own number */
    size_t abandoned;      /* given up, but the peer was not told and works on them */
    uint64_t next_number;
    size_t message_limit; /* a longer request is refused before it is sent; 0: any */
    const char *upstream; /* for the log; null: none */
} gee_calling_part_t;

/* Only goes forward, by gee_session_enter(). */
typedef enum gee_session_state {
    GEE_SESSION_OPEN,
    GEE_SESSION_DRAINING,     /* no new calls; calling: as the peer has said */
    GEE_SESSION_HANDING_BACK, /* ends with this pass; the stream goes back to the door */
    GEE_SESSION_CLOSING       /* ends with this pass, or has ended */
} gee_session_state_t;

struct gee_session {
    gee_link_t link; /* in the engine's sessions */
    gee_engine_t *engine;
    gee_stream_t *stream;
    const gee_protocol_t *protocol;
    const gee_codec_t *codec;         /* null until the handshake has chosen it */
    void *receive_state, *send_state; /* may be the same: codec->one_state */
    int64_t handle_timeout_ns;        /* as the Option carries it: 0 no limit */
    const gee_session_events_t *events;
    void *owner;
    gee_peer_record_t *peer;
    gee_session_flows_t *flows; /* session_flows.h; null: no streaming call so far */
    gee_list_t calls;           /* serving */
    uint64_t calls_total;
    gee_role_t role : 8;
    gee_session_state_t state : 8;
    bool established; /* the handshake is over; true for a session that ends after its handshake, too */
    bool peer_ended;  /* nothing further comes from the peer */
    uint8_t pauses;   /* GEE_PAUSE_ bits: why the session is not read; 0: it is */
    bool holding;     /* the message that is looked at is held if it begins a call: session_held.c */
    bool unparsed;    /* bytes may be waiting that the parser was not shown yet */
    bool skipping;    /* what was consumed last is not the end of a message: gee_session_set_skipping() */
    bool parsing;
    /* Timers that wait while the session is on its way to another process. */
    bool frozen_peer_timer : 1, frozen_idle_timer : 1, frozen_age_timer : 1;
    bool failed : 1;         /* close_reason says why */
    uint8_t age_checks;      /* how often age_timer has found the session too old, and not quiet */
    uint32_t call_count;     /* that wait for their answers */
    gee_timer_t peer_timer;  /* what the peer has begun must come to its end: handshake, message */
    int64_t active_ns;       /* when bytes came last */
    uint64_t to_skip;        /* bytes to come of a message that is not taken */
    gee_link_t starved_link; /* while it is not read on because memory is short: memory.c */
    gee_task_t close_task;
    char *close_reason;
    union {
        gee_serving_part_t serving;
        gee_calling_part_t calling;
    };
    uint64_t protocol_state[]; /* of protocol->state_size bytes */
};
_Static_assert(sizeof(struct gee_session) <= 304, "each idle connection has one");

static inline void gee_session_enter(gee_session_t *session, gee_session_state_t state) {
    GEE_ASSERT(state > session->state);
    session->state = state;
}
static inline bool gee_session_is_ending(const gee_session_t *session) {
    return session->state >= GEE_SESSION_HANDING_BACK;
}
static inline bool gee_session_is_paused(const gee_session_t *session, gee_pause_t reason) {
    return (session->pauses & reason) != 0;
}

/* The peer broke the protocol, or cannot be told what the peer has to be told: the reason is logged, the session
 * closed. */
void gee_session_refuse(gee_session_t *session, const gee_error_t *error);
/* Sends an event that is no call's reply, such as a PONG. When the event cannot be written, the session ends. */
void gee_session_send_event(gee_session_t *session, const gee_event_t *event);

/* ---- serving: dispatch and the gateway answer through this ---- */
/* The call is not answered within its request's event, as most are: puts it on the list of those in flight, and notes
 * what it takes by now (its message, which it may hold, and its arena). May be called again, when it takes more. */
void gee_session_keep(gee_session_t *session, gee_call_t *call);
/* Writes reply or error (call->status), takes the call off the session, ends its flow. `payload` null: a streaming call
 * ends without a further message. */
void gee_session_answer(gee_session_t *session, gee_call_t *call, const gee_payload_t *payload);
/* The same, for answers that are rare: with one caller, the function above becomes a part of that caller. */
void gee_session_answer_apart(gee_session_t *session, gee_call_t *call, const gee_payload_t *payload);
/* The same for what is most often said: success, with a value in memory. */
void gee_session_reply(gee_session_t *session, gee_call_t *call, const gee_type_t *type, const void *value);

/* ---- serving ---- */
void gee_session_on_cancel(gee_session_t *session, const gee_event_t *event);

/* session_tokens.c: the oldest call in flight of that token; null: none. */
gee_call_t *gee_session_find_token(gee_session_t *session, const gee_token_t *token);
/* Precondition of both: there is a map, and the call came to, or went from, the session's list. */
GEE_APART void gee_session_add_token(gee_session_t *session, gee_call_t *call);
GEE_APART void gee_session_remove_token(gee_session_t *session, gee_call_t *call);
void gee_session_drop_tokens(gee_session_t *session);
/* A call was answered: held calls may begin, the session may be read on, or is through. */
void gee_session_go_on(gee_session_t *session);

/* ---- calling ---- */
void gee_session_on_reply(gee_session_t *session, const gee_event_t *event);
/* Takes all that wait off the session; done() with `reason`. */
void gee_session_fail_calls(gee_session_t *session, const gee_error_t *reason);

/* ---- both ---- */
/* What the handshake has chosen. */
void gee_session_take_setup(gee_session_t *session, const gee_session_setup_t *setup);

/* Ends everything of the session but the stream and the session's memory. */
void gee_session_dismantle(gee_session_t *session, const gee_error_t *reason);

#endif
