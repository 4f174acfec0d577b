/* session_flows.h: the streaming calls of one session, in either role: found by number, and those that wait for the
 * stream. Private to the session's files and call_flow.c. */
#ifndef GEE_RPC_SESSION_FLOWS_H
#define GEE_RPC_SESSION_FLOWS_H

#include "core/base/hash.h"
#include "core/rpc/engine_private.h"
#include "core/rpc/session_private.h"

/* A call that waits for its turn: session_held.c. */
typedef struct gee_held_call {
    uint64_t number;
    uint64_t offset; /* of its bytes among all that were ever held */
    uint32_t length;
    bool cancelled; /* was answered already */
} gee_held_call_t;

/* Calling: has the peer streaming calls? */
typedef enum gee_streams_known {
    GEE_STREAMS_UNKNOWN,
    GEE_STREAMS_ASKED, /* by a PING, whose PONG tells */
    GEE_STREAMS_YES,
    GEE_STREAMS_NO
} gee_streams_known_t;

/* What a flow asks of its session. */
typedef struct gee_flow_line {
    /* Writes one event of a flow. *length: of the body; `length` may be null. -1: the event cannot be written, and
     * nothing was written. */
    int (*send)(gee_session_t *session, const gee_event_t *event, size_t *length, gee_error_t *error);
    /* The flow waits for room in the stream: gee_flow_on_drained(). Precondition: the link is in no list. */
    void (*block)(gee_session_t *session, gee_link_t *blocked_link);
    /* From gee_flow_end(). */
    void (*forget)(gee_session_t *session, gee_flow_t *flow);
    /* What the flow has to say cannot be written: the conversation ends. */
    void (*refuse)(gee_session_t *session, const gee_error_t *error);
} gee_flow_line_t;

/* Made with a session's first streaming call. */
struct gee_session_flows {
    const gee_flow_line_t *line;
    gee_number_map_t *open; /* serving: the flow of each number */
    gee_list_t blocked;     /* flows that wait until the stream has room */
    size_t count;
    gee_flow_t *begun;  /* gee_session_begun() */
    size_t body_length; /* gee_session_set_body_length() */
    /* Serving: calls that wait because there are too many. A ring of held_room, a power of two. */
    gee_inbox_t held; /* their bytes, one behind the other */
    gee_held_call_t *held_calls;
    size_t held_room, held_begin, held_end;
    uint64_t held_bytes;              /* ever */
    gee_number_map_t *held_by_number; /* their places + 1; null until one is cancelled */
    uint64_t to_hold_number;
    bool to_hold;               /* the message that is looked at */
    const gee_status_t *ending; /* not null: the held call that is looked at is answered so at once */
    /* Calling. */
    gee_streams_known_t known;
    int64_t credit;     /* with YES: what a call begins with */
    gee_list_t opening; /* flows that wait for the answer, by blocked_link */
    gee_inbox_t begins; /* what begins these calls, as it goes over the wire */
};

/* The session's, made when needed; null: out of memory. */
gee_session_flows_t *gee_session_get_flows(gee_session_t *session);
void gee_session_free_flows(gee_session_t *session);

/* Serving: the streaming call of that number, or of event->flow; null: none is open. */
static inline gee_flow_t *gee_session_find_flow(const gee_session_t *session, const gee_event_t *event) {
    if (event->flow != NULL || session->flows == NULL)
        return event->flow;
    if (session->role == GEE_SERVING)
        return gee_number_map_get(session->flows->open, event->token.number);
    const gee_outgoing_t *outgoing = gee_waiting_find(&session->calling.waiting, event->token.number);
    return outgoing != NULL && outgoing->streaming ? outgoing->flow : NULL;
}
/* Serving. Precondition: no flow of that number is open. -1: out of memory. */
int gee_session_add_flow(gee_session_t *session, gee_flow_t *flow);
/* The stream has room again. */
void gee_session_flows_drained(gee_session_t *session);

/* Serving: for the access log. */
static inline void gee_session_count_message(gee_flow_t *flow, const gee_payload_t *payload) {
    gee_streaming_of(flow)->call.request_bytes += payload->message_length ? payload->message_length : payload->length;
}
/* Message, half-close, credit of a streaming call. */
void gee_session_on_flow_event(gee_session_t *session, const gee_event_t *event);
/* Calling: the end of one. */
void gee_session_on_flow_end(gee_session_t *session, gee_outgoing_t *outgoing, const gee_event_t *event);
/* Calling: an answer to the question whether the peer has streaming calls. */
void gee_session_flows_known(gee_session_t *session, const gee_event_t *pong);

void gee_session_cancel_later(gee_session_t *session, gee_flow_t *flow);

/* ---- session_held.c; serving ---- */
/* As many calls as limits.calls and limits.input let in. (Inline, as each message is asked about.) */
static inline bool gee_session_is_full(const gee_session_t *session) {
    const gee_limits_t *limits = &session->engine->limits;
    if (limits->input > 0 && session->serving.call_bytes >= limits->input)
        return true;
    if (session->call_count < (size_t)limits->calls)
        return false;
    size_t streaming = session->flows != NULL ? session->flows->count : 0;
    return session->call_count - streaming >= (size_t)limits->calls;
}
/* May further calls be held: has the wire control events, and is there room for their bytes? */
bool gee_session_may_hold(const gee_session_t *session);
static inline bool gee_session_has_held(const gee_session_t *session) {
    return session->flows != NULL && session->flows->held_end > session->flows->held_begin;
}
static inline bool gee_session_must_hold(const gee_session_t *session) {
    return gee_session_has_held(session) || gee_session_is_full(session);
}
/* True: the event belongs to a call that is held; its message goes to gee_session_hold_message(), when receive() has
 * returned. Precondition of both: session->holding, and so session->flows is there. */
bool gee_session_hold_event(gee_session_t *session, const gee_event_t *event);
void gee_session_hold_message(gee_session_t *session, const uint8_t *bytes, size_t length);
/* Starts calls that wait, as long as there is room. */
void gee_session_start_held(gee_session_t *session);
/* True: a call of that number waited, and is answered. */
bool gee_session_cancel_held(gee_session_t *session, uint64_t number);

/* ---- session_calls.c, for session_flows.c ---- */
int gee_session_put_outgoing(gee_session_t *session, gee_outgoing_t *outgoing, int64_t timeout_ns, gee_error_t *error);
void gee_session_take_outgoing(gee_session_t *session, gee_outgoing_t *outgoing);

#endif
