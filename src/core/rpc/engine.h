/* engine.h: what all sessions on one loop share: buffers, calls, modules, limits, timeouts, the thread pool.
 *
 * The server has one a worker, the library one a loop thread. */
#ifndef GEE_RPC_ENGINE_H
#define GEE_RPC_ENGINE_H

#include <stdatomic.h>

#include "core/base/meter.h"
#include "core/conf/module.h"
#include "core/event/loop.h"
#include "core/event/thread_pool.h"
#include "core/event/transport.h"
#include "core/rpc/codec.h"
#include "core/rpc/protocol.h"

/* Settings of sessions, with their option tables in engine.c: gee_limits_options, gee_timeouts_options. */
typedef struct gee_limits {
    uint64_t message;     /* bytes of one message, header and body together */
    uint64_t method;      /* bytes of a method's name; 0: no limit */
    uint64_t call_memory; /* bytes that one call's arena may take */
    int64_t nesting;      /* levels of structs, lists and maps in one value */
    int64_t calls;        /* in flight on one connection; past it reading pauses */
    uint64_t input;       /* bytes that those take, requests and arenas; past it reading pauses; 0: no limit */
    uint64_t output;      /* bytes waiting on one connection; past it reading pauses */
    uint64_t memory;      /* bytes that all connections hold: memory.h; 0: no limit */
} gee_limits_t;

typedef struct gee_timeouts { /* nanoseconds, 0: none */
    int64_t handshake;        /* from accept until a session stands: layers, first bytes, Option */
    int64_t read;             /* from a message's first byte to its last */
    int64_t write;            /* without any progress in writing */
    int64_t handle;           /* of one call */
    int64_t idle;             /* nothing in flight, nothing received */
    int64_t keep_alive;       /* HTTP: from an answer to the next request's first byte */
} gee_timeouts_t;

/* What somebody who is no server calls these, for texts; null: as geerpc.conf does. */
typedef struct gee_setting_names {
    const char *message; /* limits.message */
    const char *read;    /* timeouts.read */
} gee_setting_names_t;

extern const gee_option_t gee_limits_options[];
extern const gee_option_t gee_timeouts_options[];

/* How processes of a server reach its helper (conf/module.h), and that reaches them; proc/helper_line.c. */
typedef struct gee_helper_line gee_helper_line_t;
struct gee_helper_line {
    int (*tell)(gee_helper_line_t *line, const char *module, const void *bytes, size_t length);
    void (*wake)(gee_helper_line_t *line);
};

typedef struct gee_dispatch gee_dispatch_t;
typedef struct gee_codec_share gee_codec_share_t;
typedef struct gee_engine gee_engine_t;

/* What some file keeps in an engine and ends with the engine. The files register themselves, since they stand above engine.c. */
typedef struct gee_engine_closer {
    gee_link_t link;
    void (*close)(gee_engine_t *engine); /* null: not registered yet */
} gee_engine_closer_t;

typedef enum gee_close_phase {
    GEE_CLOSE_CONNECTIONS, /* what is alive; the order among these does not matter */
    GEE_CLOSE_STORES,      /* afterwards: what is kept for the next connection or call */
    GEE_CLOSE_PHASES
} gee_close_phase_t;

typedef struct gee_engine_options {
    gee_loop_t *loop;
    gee_log_t *log;
    const gee_module_entry_t *modules;
    void *const *module_conf; /* by index in modules: the settings of each; may be null */
    gee_limits_t limits;
    gee_timeouts_t timeouts;
    gee_setting_names_t names;
    gee_thread_pool_t *threads;  /* of blocking methods, which run on the loop where there is none */
    gee_thread_pool_t *resolver; /* looks up names and reads lists of servers; null: `threads` do, if there are any */
    unsigned worker_index;
    gee_helper_line_t *helper; /* null: there is none */
    const char *const
        *listeners;              /* where this program listens, for pages; ends with null; null: nowhere. Outlives it */
    const atomic_bool *quitting; /* the program is about to end and wants no further callers; null: that is not known */
} gee_engine_options_t;

/* The members are for reading; call.c and session.c keep their free lists here. */
struct gee_engine {
    gee_loop_t *loop;
    gee_log_t *log;
    gee_buf_cache_t *buffers;
    const gee_module_entry_t *modules;
    void *const *module_conf;
    gee_limits_t limits;
    gee_timeouts_t timeouts;
    gee_codec_limits_t codec_limits;
    gee_codec_limits_t header_limits; /* the same, and texts are repaired */
    /* Of values that go on: the next protocol may put one into a list in an object, and its reader has the same limit. */
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
        gee_engine_closer_t closer;
    } memory;                    /* memory.c */
    struct gee_call *spare_call; /* the one that was free last; null: none. Most calls end before the next begins */
    gee_list_t free_calls;       /* the others */
    size_t free_call_count;
    size_t live_calls;               /* calls whose memory is not back yet */
    size_t late_handlers;            /* handlers that still run though their call was answered (timed out, cancelled) */
    gee_codec_share_t *codec_shares; /* what codecs keep for all their states */
    struct gee_value_progress *spare_progress; /* value_stream.c; null: none */
    size_t spare_progress_count;
    gee_list_t closers[GEE_CLOSE_PHASES];
    gee_engine_closer_t doors_closer, sessions_closer, calls_closer, shares_closer, progress_closer;
    gee_pool_t *scratch; /* for one message at a time: decoded headers; reset by whoever starts a message */
    gee_pool_t *answers; /* for one answer at a time: what it is decoded into; reset by whoever handed it on */
};

/* `close` runs in gee_engine_destroy(), once however often it is registered here. */
static inline void gee_engine_at_close(gee_engine_t *engine, gee_close_phase_t phase, gee_engine_closer_t *closer,
                                       void (*close)(gee_engine_t *engine)) {
    if (closer->close != NULL)
        return;
    closer->close = close;
    gee_list_append(&engine->closers[phase], &closer->link);
}

gee_engine_t *gee_engine_create(const gee_engine_options_t *options, gee_error_t *error);
/* Closes every session at once; live calls must have been finished (their handlers hold the memory). */
void gee_engine_destroy(gee_engine_t **engine);

/* The settings of the nth entry of engine->modules; null when it has none. */
void *gee_engine_conf(const gee_engine_t *engine, size_t n);

/* A zeroed and started state of the codec, in *state; null when it has none. Freed by gee_codec_state_destroy. */
int gee_codec_state_create(gee_engine_t *engine, const gee_codec_t *codec, void **state, gee_error_t *error);
void gee_codec_state_destroy(const gee_codec_t *codec, void **state);

/* To the helper_message() of that module; any process of the server. -1 with errno: EAGAIN when too much waits, EMSGSIZE,
 * ENOTCONN when there is no helper. */
int gee_engine_tell_helper(gee_engine_t *engine, const char *module, const void *bytes, size_t length);
/* The workers' worker_wake(); for the helper. */
void gee_engine_wake_workers(gee_engine_t *engine);

#endif
