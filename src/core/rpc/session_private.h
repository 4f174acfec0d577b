/* session_private.h: between session.c, session_serving.c, session_calls.c and handover.c. */
#ifndef GEE_RPC_SESSION_PRIVATE_H
#define GEE_RPC_SESSION_PRIVATE_H

#include "core/rpc/session.h"

/* The peer did what it must not, or cannot be told what it must be: said in the log, then closed. */
void gee_session_refuse(gee_session_t *session, const gee_error_t *error);
/* What is no reply of a call's own; without it the conversation cannot go on. */
void gee_session_send_event(gee_session_t *session, const gee_event_t *event);

/* ---- serving ---- */
void gee_session_on_cancel(gee_session_t *session, const gee_event_t *event);

/* session_tokens.c: the oldest call in flight of that token; null: none. */
gee_call_t *gee_session_find_token(gee_session_t *session, const gee_token_t *token);
/* Precondition of both: there is a map, and the call came to, or went from, the session's list. */
GEE_APART void gee_session_add_token(gee_session_t *session, gee_call_t *call);
GEE_APART void gee_session_remove_token(gee_session_t *session, gee_call_t *call);
void gee_session_drop_tokens(gee_session_t *session);
/* A call was answered that was in flight while others were read. */
void gee_session_answered(gee_session_t *session);

/* ---- calling ---- */
void gee_session_on_reply(gee_session_t *session, const gee_event_t *event);
/* Takes all that wait off the session; done() with `reason`. */
void gee_session_fail_calls(gee_session_t *session, const gee_error_t *reason);

/* ---- both ---- */
/* What the handshake has chosen. */
void gee_session_take_setup(gee_session_t *session, const gee_session_setup_t *setup);

/* Ends everything of it but the stream and the memory itself. */
void gee_session_dismantle(gee_session_t *session, const gee_error_t *reason);

#endif
