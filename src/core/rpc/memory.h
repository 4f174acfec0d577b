/* memory.h: limits.memory: what the connections of one engine hold together, and what is done when it is too much.
 *
 *   held = buffers (inboxes, outputs, requests that calls refer to) + what arenas have beyond their first chunk
 *
 *   at three quarters of the limit   large messages that are not whole yet are read on one at a time (GEE_SERVING)
 *   over the limit                   filter_limits refuses new calls; a streaming call ends when a message of its peer
 *                                    has to wait for the owner (call_flow.c); arenas, counted alone, get no more:
 *                                    decoding and gee_call_alloc() fail
 *   over it by a quarter             small messages are not read on either
 */
#ifndef GEE_RPC_MEMORY_H
#define GEE_RPC_MEMORY_H

#include "core/rpc/engine.h"
#include "core/rpc/protocol.h"

size_t gee_memory_held(const gee_engine_t *engine);
/* Is memory too short for a new call, or for a message that has to wait? The one large message that is read on does not
 * count. Logged once an episode. */
bool gee_memory_exhausted(gee_engine_t *engine);

/* What memory.c has done to sessions. */
typedef struct gee_memory_events {
    void (*close)(gee_session_t *session, const gee_error_t *reason); /* too slow while others wait */
    void (*read_on)(gee_session_t *session);                          /* there is memory for the rest of the message */
} gee_memory_events_t;

/* The session waits for the rest of a message. False: it is not to be read until events->read_on(). */
bool gee_memory_ration(gee_session_t *session, const gee_memory_events_t *events);
/* The session ends. */
void gee_memory_forget(gee_session_t *session);

#endif
