/* call_private.h: the call's body, and what the core's own files do with a call; filters see call.h. */
#ifndef GEE_RPC_CALL_PRIVATE_H
#define GEE_RPC_CALL_PRIVATE_H

#include <pthread.h>
#include <stdatomic.h>

#include "core/base/assert.h"
#include "core/base/cache_line.h"
#include "core/base/list.h"
#include "core/event/thread_pool.h"
#include "core/rpc/call.h"
#include "core/rpc/call_flow.h"
#include "core/rpc/engine.h"
#include "core/rpc/identity.h"
#include "core/rpc/protocol.h"
#include "core/rpc/service.h"

#define GEE_CALL_FILTERS 16 /* most filters a program may have */

/* Something that the handler of a call waits for and that ends with the call: a timer, another call. call_wait.h */
typedef struct gee_call_wait gee_call_wait_t;
struct gee_call_wait {
    gee_link_t link; /* in the call's waits */
    gee_call_t *call;
    void (*drop)(gee_call_wait_t *wait); /* the call is over: nothing may be called any more. The wait is in no list */
};

typedef struct gee_call_waits {
    gee_list_t list;
    gee_list_t spare_timers; /* fired ones, to be used again: call_wait.c */
} gee_call_waits_t;

/* What few calls need: behind each unary call, and made for a streaming call that needs one of them. */
typedef struct gee_call_apart {
    gee_call_t *call;
    gee_payload_t payload;       /* while a filter makes the call wait */
    gee_job_t job;               /* while the call is queued */
    pthread_mutex_t cancel_lock; /* guards the next two and the callback's run; recursive */
    void (*on_cancel)(void *data);
    void *on_cancel_data;
    gee_link_t token_link;   /* in a ring, while its session has a map of tokens: session_tokens.c */
    gee_call_waits_t *waits; /* in the call's pool; null when the call is created. Loop thread */
    /* Of a call that a handler has made (depth above 0): the outcome (call->status) and the reply, once. Loop thread.
     * Null: the answer is not wanted any more. */
    void (*tell)(gee_call_t *call, const gee_payload_t *payload);
    void *tell_data;
} gee_call_apart_t;

/* What a handler has said beside its reply; in the arena of the call. */
typedef struct gee_call_said {
    gee_metadata_t initial;
    size_t initial_room;
    bool initial_sent;
    size_t trailing_room;
    gee_event_more_t more;
} gee_call_said_t;

/* Where the handler of a call runs, from its start (or its place in the queue) to the loop's seeing its finish. Set by
 * gee_call_enter_handler() and gee_call_leave_handler(). */
typedef enum gee_handler_state {
    GEE_HANDLER_NONE, /* not begun, or through */
    GEE_HANDLER_ON_LOOP,
    GEE_HANDLER_ON_POOL /* waits for a thread, or has one */
} gee_handler_state_t;

/* Members are in the order of their use, by cache lines: with a thousand calls on their way through a gateway each line
 * is fetched from memory twice. The first four lines have what all calls need, the others what calls with a handler
 * here need. */
struct gee_call {
    gee_link_t session_link; /* in the session's calls from gee_session_keep() to the answer or the session's end */
    gee_engine_t *engine;
    gee_pool_t *pool;
    gee_buf_t *held;       /* the bytes that arguments point into, or the payload's; null when it is created */
    gee_str_t method_name; /* as it came, in the pool */
    int64_t deadline_ns;   /* INT64_MAX: none */

    /* Zeroed by gee_call_create(), up to `method`: no more than a call needs, since that is done for each. */
    gee_session_t *session; /* null once the call was answered or the peer is gone */
    gee_token_t token;
    gee_metadata_t metadata;
    gee_flow_t *flow;      /* of a streaming call, which the call is a part of; null: unary */
    gee_call_said_t *said; /* null: nothing beside the reply */
    /* As the caller gave the timeout; later the timeout that made the deadline, for the error's text. 0: none;
     * negative: over. */
    int64_t timeout_ns;
    size_t charged;      /* of the session's call_bytes */
    gee_status_t status; /* once answered */
    gee_peer_record_t *peer;
    struct gee_forwarded *forwarded; /* forward.h: on its way to an upstream; stays when it is back */
    atomic_uint finish;              /* see call.c */
    uint32_t method_number;          /* as gee_dispatch_method_number(); UINT32_MAX: unknown */
    uint32_t filters_passed;         /* how many filters saw it, for on_end and on_release */
    bool name_cut;                   /* the method's name is longer than limits.method: refused */
    bool kept;                       /* by gee_session_keep(): others than its session's parser know of it */
    bool peer_held;                  /* a reference of the peer's record is its own */
    bool timed;                      /* its timer was started */
    bool answered;                   /* reply or error went out, or nobody wants one any more */
    atomic_bool replied;             /* by its handler's own invocation, before it has returned */
    gee_handler_state_t handler : 8;
    bool finished_late;  /* by somebody else than the handler's own invocation */
    atomic_bool watched; /* gee_call_on_cancel() was called */
    atomic_bool cancelled;
    uint8_t depth; /* 0: a session's call; else how many calls it is within, as a handler has made it: call_other.c */
    /* Of a streaming call alone. */
    bool called_back : 1; /* a timer's callback runs, or that of another call */
    bool held_back : 1;   /* a bidirectional handler hears nothing before there is room */
    bool task_comes : 1;  /* the handler has finished, which the loop has not seen yet */
    bool ending : 1;      /* the handler has finished; the answer goes out behind what waits */

    const gee_method_t *method; /* null: unknown */
    void *method_slot;          /* dispatch's own record of the method */
    const gee_codec_t *codec;   /* of its bodies */
    int64_t started_ns;         /* gee_loop_now() when the request was complete */
    size_t request_bytes, reply_bytes;

    const void *arguments;
    void *reply;
    gee_status_t handler_status;       /* what it said, if that was not gee_reply() */
    gee_timer_t timer;                 /* not started when the call is created */
    gee_task_t finished_task;          /* posted or deferred when the handler is through; set by dispatch */
    _Atomic(gee_call_apart_t *) apart; /* of a unary call always there; else made when needed: gee_call_get_apart() */
};
_Static_assert(offsetof(struct gee_call, arguments) <= 4 * GEE_CACHE_LINE, "what all calls need");

/* A call with several messages, and what its handler keeps between two of them: dispatch_stream.c. */
typedef struct gee_streaming_call {
    gee_call_t call;
    gee_flow_t flow;
    void *data;
    void (*release_data)(void *data);
    void (*room)(gee_call_t *call, void *data);
    void *room_data;
    gee_pool_t *message;                 /* the arena of the message that a handler is at; null: none */
    struct gee_kept_message *kept;       /* arenas of messages that gee_message_keep() holds */
    struct gee_streaming_thread *thread; /* a GEE_BLOCKING method's; null: all is on the loop */
} gee_streaming_call_t;

/* Loop thread. */
static inline void gee_call_enter_handler(gee_call_t *call, gee_handler_state_t state) {
    GEE_ASSERT(call->handler == GEE_HANDLER_NONE && state != GEE_HANDLER_NONE);
    call->handler = state;
}
static inline void gee_call_leave_handler(gee_call_t *call) {
    GEE_ASSERT(call->handler != GEE_HANDLER_NONE);
    call->handler = GEE_HANDLER_NONE;
}

static inline gee_streaming_call_t *gee_streaming_of(gee_flow_t *flow) {
    return GEE_CONTAINER(flow, gee_streaming_call_t, flow);
}

/* From the engine's free list, its pool empty, the members as struct gee_call says. Null: out of memory. */
gee_call_t *gee_call_create(gee_engine_t *engine);
/* The same for a streaming call: without a pool until gee_call_pool() wants one. */
gee_call_t *gee_call_create_streaming(gee_engine_t *engine);
/* Null: out of memory. Any thread. */
gee_call_apart_t *gee_call_get_apart(gee_call_t *call);
/* Loop thread. Back to the free list; the pool is reset. */
void gee_call_release(gee_call_t *call);

/* Loop thread: marks it cancelled and calls what gee_call_on_cancel() left. Once. */
void gee_call_cancel(gee_call_t *call);

/* Loop thread, around a callback of the handler that is not its invocation: a finish on another thread waits until the
 * callback has returned. False: the call is finished or over, the callback must not run, and there is nothing to
 * leave. */
bool gee_call_enter(gee_call_t *call);
void gee_call_leave(gee_call_t *call);

/* The handler's invocation has returned; true when the call is finished and nobody else will say so: the invoker must
 * see to it (dispatch.c). */
bool gee_call_returned(gee_call_t *call);

/* ---- of streaming calls, for dispatch_streaming.c ---- */
/* Each finish is told by finished_task, whether the handler has returned or not. */
void gee_call_finish_apart(gee_call_t *call);
/* From here on a finish by the handler has no effect, without a word in the log. False: the handler has finished. */
bool gee_call_claim(gee_call_t *call);
bool gee_call_has_finished(const gee_call_t *call);
/* Sends what gee_call_send_metadata() has collected. Precondition: call->said is there. */
void gee_call_write_metadata(gee_call_t *call);

#endif
