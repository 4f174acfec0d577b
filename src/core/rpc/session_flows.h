/* session_flows.h: the streaming calls of one session, in either role: found by number, and those that wait for the stream.
 * Private to the session's files and call_flow.c. */
#ifndef GEE_RPC_SESSION_FLOWS_H
#define GEE_RPC_SESSION_FLOWS_H

#include "core/base/hash.h"
#include "core/rpc/session.h"

/* Calling: has the peer streaming calls? */
typedef enum gee_streams_known {
    GEE_STREAMS_UNKNOWN,
    GEE_STREAMS_ASKED, /* by a PING, whose PONG tells */
    GEE_STREAMS_YES,
    GEE_STREAMS_NO
} gee_streams_known_t;

/* What a flow asks of its session. */
typedef struct gee_flow_line {
    /* One message or another event of a flow. *length: of the body, may be null. -1: it cannot be written, nothing was. */
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
gee_flow_t *gee_session_find_flow(const gee_session_t *session, const gee_event_t *event);
/* Serving. Precondition: no flow of that number is open. -1: out of memory. */
int gee_session_add_flow(gee_session_t *session, gee_flow_t *flow);
/* The stream has room again. */
void gee_session_flows_drained(gee_session_t *session);

/* Message, half-close, credit of a streaming call. */
void gee_session_on_flow_event(gee_session_t *session, const gee_event_t *event);
/* Calling: the end of one. */
void gee_session_on_flow_end(gee_session_t *session, gee_outgoing_t *outgoing, const gee_event_t *event);
/* Calling: an answer to the question whether the peer has streaming calls. */
void gee_session_flows_known(gee_session_t *session, const gee_event_t *pong);

void gee_session_cancel_later(gee_session_t *session, gee_flow_t *flow);

/* ---- session_calls.c, for session_flows.c ---- */
int gee_session_put_outgoing(gee_session_t *session, gee_outgoing_t *outgoing, int64_t timeout_ns, gee_error_t *error);
void gee_session_take_outgoing(gee_session_t *session, gee_outgoing_t *outgoing);

#endif
