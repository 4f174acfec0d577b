/* session_private.h: between session.c, session_calls.c and handover.c. */
#ifndef GEE_RPC_SESSION_PRIVATE_H
#define GEE_RPC_SESSION_PRIVATE_H

#include "core/rpc/session.h"

void gee_session_on_reply(gee_session_t *session, const gee_event_t *event);
/* Takes all that wait off the session; done() with `reason`. */
void gee_session_fail_calls(gee_session_t *session, const gee_error_t *reason);

/* What the handshake has chosen. */
void gee_session_take_setup(gee_session_t *session, const gee_session_setup_t *setup);

/* Ends everything of it but the stream and the memory itself. */
void gee_session_dismantle(gee_session_t *session, const gee_error_t *reason);

#endif
