/* engine_private.h: the engine's body, for the core's own files; modules see engine.h. */
#ifndef GEE_RPC_ENGINE_PRIVATE_H
#define GEE_RPC_ENGINE_PRIVATE_H

#include "core/base/meter.h"
#include "core/rpc/engine.h"

/* What a file keeps in an engine and frees with the engine. Each file registers itself, since it stands above
 * engine.c. */
typedef struct gee_engine_closer {
    gee_link_t link;
    void (*close)(gee_engine_t *engine); /* null: not registered yet */
} gee_engine_closer_t;

typedef enum gee_close_phase {
    GEE_CLOSE_CONNECTIONS, /* sessions and doors, in any order */
    GEE_CLOSE_STORES,      /* afterwards: memory that is kept for the next connection or call */
    GEE_CLOSE_PHASES
} gee_close_phase_t;

/* The members are for reading; call.c and session.c keep their free lists here. */
struct gee_engine {
    gee_loop_t *loop;
    gee_log_t *log;
    gee_buf_cache_t *buffers;
    const gee_module_entry_t *modules;
    void *const *module_conf;
    void **module_states; /* by index in modules; null where a module has none */
    gee_limits_t limits;
    gee_timeouts_t timeouts;
    gee_codec_limits_t codec_limits;
    gee_codec_limits_t header_limits; /* the same, and texts are repaired */
    /* Of forwarded values: the next protocol may put a value into a list in an object, and its reader has the same
     * limit. */
    gee_codec_limits_t onward_limits;
    gee_setting_names_t names; /* none is null */
    gee_thread_pool_t *threads, *resolver;
    gee_dispatch_t *dispatch;                /* null in a client */
    const struct gee_session_server *server; /* session.h; null in a client */
    unsigned worker_index;
    gee_helper_line_t *helper;
    const char *const *listeners;      /* null: nowhere */
    const atomic_bool *quitting;       /* may be null */
    const struct gee_gateway *gateway; /* where calls are forwarded to, for pages: gateway/gateway.h; null: nowhere */
    gee_list_t sessions;
    gee_list_t doors; /* streams that have not become sessions yet */
    size_t session_count;
    gee_meter_t arenas; /* of calls */
    struct {
        size_t limit;       /* limits.memory; 0: none */
        gee_list_t starved; /* sessions */
        gee_timer_t timer;
        struct gee_session *favoured; /* null: none */
        int64_t favoured_ns;
        uint64_t favoured_bytes;
        int64_t short_ns; /* when memory was short last */
        const struct gee_memory_events *events;
        gee_engine_closer_t closer;
    } memory;                    /* memory.c */
    struct gee_call *spare_call; /* the one that was free last; null: none. Most calls end before the next begins */
    gee_list_t free_calls;       /* the others */
    size_t free_call_count;
    gee_list_t free_flow_queues; /* call_flow.c */
    size_t free_flow_queue_count;
    gee_list_t free_streaming_calls;
    size_t free_streaming_call_count;
    gee_pool_t *message_pool;        /* of messages that handlers on the loop get; null: none, or in use */
    size_t live_calls;               /* calls whose memory is not back yet */
    size_t late_handlers;            /* handlers that still run though their call was answered (timed out, cancelled) */
    gee_codec_share_t *codec_shares; /* what codecs keep for all their states */
    struct gee_value_progress *spare_progress; /* value_stream.c; null: none */
    size_t spare_progress_count;
    gee_list_t closers[GEE_CLOSE_PHASES];
    gee_engine_closer_t doors_closer, sessions_closer, calls_closer, shares_closer, progress_closer, flow_queues_closer;
    gee_pool_t *scratch; /* for one message at a time: decoded headers; reset where a message begins */
    gee_pool_t *answers; /* for one answer at a time: what it is decoded into; reset when the answer was handed on */
};

/* `close` runs in gee_engine_destroy(), once however often it is registered here. */
static inline void gee_engine_at_close(gee_engine_t *engine, gee_close_phase_t phase, gee_engine_closer_t *closer,
                                       void (*close)(gee_engine_t *engine)) {
    if (closer->close != NULL)
        return;
    closer->close = close;
    gee_list_append(&engine->closers[phase], &closer->link);
}

#endif
