/* call_wait.h: what the handler of a call waits for: timers (call_wait.c) and other calls (call_other.c).
 *
 *   started -> in call->waits -> its event -> ended -> gee_call_wait_enter() -> the handler's callback
 *                     '-> the call is over, or released -> drop() */
#ifndef GEE_RPC_CALL_WAIT_H
#define GEE_RPC_CALL_WAIT_H

#include "core/rpc/call_private.h"

/* Preconditions: loop thread; the call is not finished; `call` and `drop` are set. -1: out of memory, or the call is
 * over. */
int gee_call_wait_start(gee_call_wait_t *wait);
static inline void gee_call_wait_end(gee_call_wait_t *wait) {
    gee_list_remove(&wait->link);
}

/* Around the handler's callback, as gee_call_enter(). Until gee_call_wait_leave() the memory of a streaming call waits,
 * too, and a report of a crash names the call. */
bool gee_call_wait_enter(gee_call_t *call);
void gee_call_wait_leave(gee_call_t *call);

#endif
