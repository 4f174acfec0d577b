/* session_private.h: between session.c and session_calls.c. */
#ifndef GEE_RPC_SESSION_PRIVATE_H
#define GEE_RPC_SESSION_PRIVATE_H

#include "core/rpc/session.h"

/* Has this session's wire a form for that kind of event (a GEE_EVENT_ bit)? */
bool gee_session_can(const gee_session_t *session, unsigned event);
void gee_session_on_reply(gee_session_t *session, const gee_event_t *event);
/* Takes it off the session; done() with `reason`. */
void gee_session_fail_call(gee_session_t *session, gee_call_t *call, const gee_error_t *reason);

#endif
