/* engine.h: what all sessions on one loop share: buffers, calls, modules, limits, timeouts, the thread pool.
 *
 * The server has one a worker, the library one a loop thread. */
#ifndef GEE_RPC_ENGINE_H
#define GEE_RPC_ENGINE_H

#include <stdatomic.h>

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
    int64_t streams;      /* streaming calls open on one connection; a further one is refused */
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

/* The names of these settings in texts, for a program that is not the server; null: as in geerpc.conf. */
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

gee_engine_t *gee_engine_create(const gee_engine_options_t *options, gee_error_t *error);
/* Closes every session at once. Precondition: every handler has finished, since live calls hold the engine's memory. */
void gee_engine_destroy(gee_engine_t **engine);

/* ---- what modules read of an engine, whose body is in engine_private.h ---- */
gee_loop_t *gee_engine_loop(const gee_engine_t *engine);
gee_log_t *gee_engine_log(const gee_engine_t *engine);
gee_buf_cache_t *gee_engine_buffers(const gee_engine_t *engine);
const gee_module_entry_t *gee_engine_modules(const gee_engine_t *engine);
const gee_limits_t *gee_engine_limits(const gee_engine_t *engine);
const gee_timeouts_t *gee_engine_timeouts(const gee_engine_t *engine);
const gee_codec_limits_t *gee_engine_codec_limits(const gee_engine_t *engine);
const gee_codec_limits_t *gee_engine_header_limits(const gee_engine_t *engine); /* the same, and texts are repaired */
gee_thread_pool_t *gee_engine_resolver(const gee_engine_t *engine);             /* null: nothing may block */
gee_dispatch_t *gee_engine_dispatch(const gee_engine_t *engine);                /* null in a client */
/* For the decoded headers of one message at a time. Each message begins with a reset of the pool. */
gee_pool_t *gee_engine_scratch(const gee_engine_t *engine);
const char *const *gee_engine_listeners(const gee_engine_t *engine); /* ends with null; null: nowhere */
bool gee_engine_quitting(const gee_engine_t *engine);
unsigned gee_engine_worker_index(const gee_engine_t *engine); /* 0 ..., below gee_prepare_t's workers */

/* The settings of the nth entry of engine->modules; null when it has none. */
void *gee_engine_conf(const gee_engine_t *engine, size_t n);
/* The state (worker_state_size) of the module of that name, "service_clock"; null when it has none. */
void *gee_engine_state(const gee_engine_t *engine, const char *module);

/* A zeroed and started state of the codec, in *state; null when it has none. Freed by gee_codec_state_destroy. */
int gee_codec_state_create(gee_engine_t *engine, const gee_codec_t *codec, void **state, gee_error_t *error);
void gee_codec_state_destroy(const gee_codec_t *codec, void **state);

/* Sends bytes to the helper_message() of that module, from any process of the server. -1 with errno: EAGAIN when too
 * much waits, EMSGSIZE, ENOTCONN when there is no helper. */
int gee_engine_tell_helper(gee_engine_t *engine, const char *module, const void *bytes, size_t length);
/* Calls the workers' worker_wake(); for the helper. */
void gee_engine_wake_workers(gee_engine_t *engine);

#endif
