/* dispatch_private.h: between dispatch.c, dispatch_streaming.c and streaming_thread.c. */
#ifndef GEE_RPC_DISPATCH_PRIVATE_H
#define GEE_RPC_DISPATCH_PRIVATE_H

#include "core/rpc/dispatch.h"
#include "core/rpc/service_table.h"
#include "core/rpc/session_private.h"

/* ---- dispatch.c ---- */
/* Session, peer, token, codec, timeout, metadata of a call. -1: out of memory. */
int gee_dispatch_fill(gee_session_t *session, gee_call_t *call, const gee_event_t *event);
/* Finds the method. False: the call was answered and released. */
bool gee_dispatch_identify(gee_call_t *call, gee_str_t method);
/* REFUSE: the call was answered and released. WAIT: gee_call_proceed() comes later. */
gee_verdict_t gee_dispatch_pass_filters(gee_call_t *call);
/* The call has no method, or its time was over when it came. True: the call was answered and released. */
bool gee_dispatch_refuse(gee_call_t *call);
void gee_dispatch_set_deadline(gee_call_t *call);
/* A unary method's arguments, and then its handler. -1: the call was answered and released. */
int gee_dispatch_take_arguments(gee_call_t *call, const gee_payload_t *payload);
void gee_dispatch_run(gee_call_t *call);
/* With that status and without a message: answers, and tells the filters; then releases. */
void gee_dispatch_end(gee_call_t *call, gee_code_t code, const char *text);
/* The same while a handler or a target may be at the call, which is told. */
void gee_dispatch_end_early(gee_call_t *call, gee_code_t code, const char *text);
/* The two halves of gee_dispatch_end(). */
void gee_dispatch_say_end(gee_call_t *call, gee_status_t status);
void gee_dispatch_release(gee_call_t *call);
/* The reply of a client streaming method, in call->reply. */
void gee_dispatch_say_reply(gee_call_t *call);

/* ---- dispatch_streaming.c ---- */
/* A call whose messages come one by one. */
void gee_streaming_begin(gee_session_t *session, const gee_event_t *event);
/* Filters let the call go on. */
void gee_streaming_proceed(gee_call_t *call);
/* Is a streaming handler of ours at this call? */
bool gee_streaming_is_ours(const gee_call_t *call);
/* Deadline over, cancelled, its peer gone: ends such a call now. */
void gee_streaming_end(gee_call_t *call, gee_code_t code, const char *text);
/* A unary request came for a streaming method: answers and releases. */
void gee_streaming_refuse_unary(gee_call_t *call);
/* The same as an error. */
void gee_streaming_explain_unary(const gee_call_t *call, gee_error_t *error);
/* Around a callback of the handler that is not called for a message: until the callback has returned, the memory of the
 * call waits. */
void gee_streaming_enter(gee_call_t *call);
void gee_streaming_leave(gee_call_t *call);
/* Frees what the handler has kept; calls what gee_call_set_data() left. */
void gee_streaming_clear(gee_call_t *call);

/* ---- streaming_thread.c: what a GEE_BLOCKING handler of a streaming call shares with the loop ---- */
typedef struct gee_streaming_thread gee_streaming_thread_t;
/* `sent(call)`, on the loop's thread: messages wait to be sent. Null: out of memory. */
gee_streaming_thread_t *gee_streaming_thread_create(gee_streaming_call_t *streaming, void (*sent)(gee_call_t *call));
void gee_streaming_thread_destroy(gee_streaming_thread_t **thread);
/* Loop thread: runs `run` on the pool; then `ran`, on the loop's thread. -1: the pool's queue is full. */
int gee_streaming_thread_run(gee_streaming_thread_t *thread, void (*run)(gee_call_t *call),
                             void (*ran)(gee_call_t *call));
/* Loop thread. True: the handler has not begun, and will not run. */
bool gee_streaming_thread_cancel(gee_streaming_thread_t *thread);
/* Loop thread: no message is sent any more, nobody waits. */
void gee_streaming_thread_over(gee_streaming_thread_t *thread);
/* A task is on its way that will look at the thread. */
bool gee_streaming_thread_is_posted(gee_streaming_thread_t *thread);
/* Loop thread: there is room again. */
void gee_streaming_thread_room(gee_streaming_thread_t *thread);
/* Loop thread: sends what handlers have sent so far. False: something waits for room. */
bool gee_streaming_thread_flush(gee_streaming_thread_t *thread);
/* A thread of the pool: waits while there is no room. */
gee_sent_t gee_streaming_thread_send(gee_streaming_thread_t *thread, const gee_type_t *type, const void *message);

#endif
