/* client.h: the parts of the client library, for each other.
 *
 *   program's threads                                  the loop's thread (runtime.h)
 *   client.c, xclient.c: the public functions
 *   caller.c:    options -> a caller                   upstream (core/rpc): servers, connections, retries
 *   call.c:      make an operation  -- post -->        operation.c: begin -> types.c: which types? -> upstream
 *   operation.c: wait for it        <- futex --        operation.c: end   <- reply.c, text.c <- answer
 *                cancel it          -- post -->        broadcast.c: one operation, a call to every server
 *                                                       follow.c: the servers of a registry
 *
 * A caller is what a client and an xclient are inside; a client has a list of one server. What threads share of an operation
 * is its two atomic words; everything else belongs to the loop's thread from posting to the end. */
#ifndef GEE_CLIENT_CLIENT_H
#define GEE_CLIENT_CLIENT_H

#include "client/gate.h"
#include "core/base/hash.h"
#include "core/rpc/describe.h"
#include "core/gateway/discovery.h"
#include "core/gateway/upstream.h"

typedef struct gee_caller gee_caller_t;

/* ---- types.c: the types of methods, as the server described them ---- */
typedef struct gee_method_types {
    unsigned references; /* the table's, and one for each operation in flight that uses them */
    gee_pool_t *pool;    /* this structure, too, is in it */
    gee_str_t method;
    const gee_type_t *argument, *reply;
    bool known;                         /* false while Gee.Describe is in flight */
    gee_upstream_call_t question;       /* that one */
    gee_describe_arguments_t arguments; /* of it */
    gee_caller_t *caller;
    gee_list_t waiting; /* operations, by their link */
    gee_link_t link;    /* in the table's all, while it is in the map */
} gee_method_types_t;

typedef struct gee_type_table {
    gee_string_map_t *by_method;
    gee_list_t all;
} gee_type_table_t;

void gee_type_table_init(gee_type_table_t *table);
/* Fails what waits, lets go of everything. */
void gee_type_table_clear(gee_caller_t *caller, const gee_error_t *reason);
/* Loop: sets operation->types and calls gee_call_send(), now or when the server has described the method; or fails the
 * operation. */
void gee_types_want(gee_pending_t *operation);
/* The operation has no more use for them. */
void gee_types_release(gee_pending_t *operation);

/* ---- follow.c: servers that are found ---- */
typedef struct gee_follow {
    gee_discovery_t *discovery;  /* null: the program sets the list */
    struct gee_pending *waiting; /* creates the caller, until there is a list */
    gee_timer_t timer;           /* for so long */
} gee_follow_t;

/* Loop: follows options->registry, and ends the operation, which creates the caller: at once when it has servers, else when the
 * first list is there or something is wrong with it. */
void gee_follow_begin(struct gee_pending *operation, const gee_server_t *servers, size_t count,
                      const gee_xclient_options_t *options);
void gee_follow_end(gee_caller_t *caller);

/* ---- caller.c ---- */
#define GEE_SOUND_TYPES 32

struct gee_caller {
    /* Does not change while it is in use. */
    gee_runtime_t *runtime;
    gee_runtime_t *own_runtime; /* the same, when nobody else has it */
    gee_seal_setup_t *seal;     /* null: connections are in clear */
    const gee_codec_t *codec;
    const gee_codec_t *json;
    gee_codec_limits_t codec_limits;
    gee_limits_t limits;
    gee_timeouts_t timeouts;
    gee_upstream_options_t upstream_options;
    char *address; /* of a client's only server, as it was dialled; null: an xclient */

    /* Of descriptions that were found sound, by their address: those that stay as they are. Any thread. */
    _Atomic(const gee_type_t *) sound_types[GEE_SOUND_TYPES];

    gee_gate_t gate;

    /* The loop's own. */
    gee_engine_t *engine;
    gee_upstream_t *upstream; /* null once it is closed */
    gee_follow_t follow;
    gee_list_t operations; /* that were begun and have not ended, but for those that wait for types */
    gee_type_table_t types;
    gee_list_t pings; /* operations that wait for the one whose ping is on its way */
    gee_task_t close_task;
    bool nobody_waits;  /* it was closed in a callback: who is the last frees it */
    atomic_uint closed; /* GEE_ENDED: the loop has let go of it */
};

/* Both are nothing but a caller; which functions a program may use with it is in the type of its pointer. */
struct gee_client {
    gee_caller_t caller;
};
struct gee_xclient {
    gee_caller_t caller;
};

/* ---- options.c ---- */
/* The options of an application that was built with an older or newer header. */
int gee_read_options(void *target, size_t target_size, const void *options, size_t size, const char *type,
                     gee_error_t *error);
#define GEE_READ_OPTIONS(type, target, given, error)                                                                   \
    gee_read_options(&(target), sizeof(target), given, (given) ? (given)->size : 0, #type, error)

/* Sets what a caller is made of. `address` is that of a client's only server; null: an xclient. */
int gee_caller_set_options(gee_caller_t *caller, const char *address, const gee_xclient_options_t *options,
                           gee_error_t *error);

/* ---- caller.c: its life ---- */
/* Its servers are set, nothing is dialled. `options` are whole; null fields take their defaults. With `client` the one
 * server is the only one that it ever has. */
gee_caller_t *gee_caller_create(const gee_server_t *servers, size_t count, const gee_xclient_options_t *options,
                                bool client, gee_error_t *error);
void gee_caller_close(gee_caller_t *caller);
int gee_caller_set_servers(gee_caller_t *caller, const gee_server_t *servers, size_t count, gee_error_t *error);
/* Waits until one of its servers can be called. */
int gee_caller_connect(gee_caller_t *caller, gee_error_t *error);
int gee_caller_ping(gee_caller_t *caller, int64_t timeout_ns, int64_t *elapsed_ns, gee_error_t *error);

/* ---- operation.c: one thing that is asked of the loop, from its start to the moment when its outcome is known ---- */

/* Where a program that waits has the outcome put. */
typedef struct gee_outcome_place {
    void *reply;       /* typed: of reply_type; null: not looked at */
    gee_pool_t *pool;  /* for what a typed reply points to; null where its type has no such thing */
    gee_error_t error; /* when it failed */
} gee_outcome_place_t;

struct gee_broadcast;

/* What an operation of one kind does on the loop. Only `begin` is required. */
typedef struct gee_operation_kind {
    void (*begin)(gee_pending_t *operation);
    /* gee_types_want(): operation->types are known. */
    void (*described)(gee_pending_t *operation);
    /* Gives up what is in flight, and fills *where, which is zero, with the place that the error is to name. */
    void (*cancel)(gee_pending_t *operation, gee_upstream_result_t *where);
    /* Gives back what the operation holds, before its end is told. */
    void (*release)(gee_pending_t *operation);
} gee_operation_kind_t;

struct gee_pending {
    gee_upstream_call_t call; /* its done() finds us here */
    gee_task_t task;          /* begins it, and later cancels it */
    atomic_uint references;   /* the program's and the loop's */
    atomic_uint state;        /* see operation.c */
    gee_caller_t *caller;
    gee_runtime_t *runtime; /* held: a program may look at this when the caller is gone */
    const gee_operation_kind_t *kind;
    union {
        void *argument;                  /* no call: what begin() is to know */
        struct gee_broadcast *broadcast; /* a call to all, on its way; else null */
    };
    gee_done_t done;
    void *data;
    gee_link_t link; /* in the caller's operations or pings, or in a gee_method_types_t's waiting */
    gee_method_types_t *types;
    gee_timer_t timer; /* while it waits for types, or a ping for its turn */
    gee_pool_t *pool;  /* arguments that were read from text; null: none */
    int64_t started_ns;
    const gee_type_t *reply_type; /* typed: null when the reply is not looked at */
    bool typed;
    bool to_all; /* a broadcast */
    bool failed;
    gee_outcome_place_t *place; /* null: here */
    gee_error_t *error;         /* when it failed; null: there was no memory for it */
    void *reply;                /* text, or a value with all that it points to, in one piece of memory */
};

/* The operation's memory is zeroed and allocated with malloc(); anything may stand behind it. */
void gee_operation_init(gee_pending_t *operation, gee_caller_t *caller, const gee_operation_kind_t *kind,
                        int64_t timeout_ns);
void gee_operation_discard(gee_pending_t **operation); /* one that was not posted */
/* Hands it to the loop. -1: the caller was closed; the operation is gone. */
int gee_operation_post(gee_pending_t *operation, gee_error_t *error);
/* The same; lends it a place for its outcome and waits. The operation is gone then; *reply is what it had, to be freed. */
int gee_operation_wait(gee_pending_t **operation, gee_outcome_place_t *place, void **reply, gee_error_t *error);
/* Makes one, posts it, waits for begin(operation) and what comes of it. -1 with the reason. */
int gee_operation_run(gee_caller_t *caller, const gee_operation_kind_t *kind, void *argument, int64_t timeout_ns,
                      gee_error_t *error);

/* Loop: ends it. */
void gee_operation_succeed(gee_pending_t *operation);
/* `error` as gee_upstream_error() makes it; the time is added. `tries`: servers that it was tried on. */
void gee_operation_fail(gee_pending_t *operation, const gee_error_t *error, unsigned tries);
/* Fails it as the result of a call says, or, with `reason`, for what is wrong with the answer. */
void gee_operation_fail_result(gee_pending_t *operation, const gee_upstream_result_t *result,
                               const gee_error_t *reason);
void gee_operation_fail_all(gee_list_t *operations, const gee_error_t *reason);

/* ---- call.c: operations that are calls ---- */
/* What is to be called, with what. Strings and values are those of the program. */
typedef struct gee_request {
    const char *method;
    const char *text;                /* JSON; null: typed */
    const gee_type_t *argument_type; /* typed */
    const void *arguments;
    const gee_type_t *reply_type;
    const gee_call_options_t *options; /* as the program gave them, or null */
    bool to_all;                       /* a broadcast */
} gee_request_t;

static inline gee_request_t gee_request_text(const char *method, const char *arguments_json,
                                             const gee_call_options_t *options) {
    return (gee_request_t){ .method = method, .text = arguments_json ? arguments_json : "{}", .options = options };
}
static inline gee_request_t gee_request_typed(const char *method, const gee_type_t *argument_type,
                                              const void *arguments, const gee_type_t *reply_type,
                                              const gee_call_options_t *options) {
    return (gee_request_t){ .method = method,
                            .argument_type = argument_type,
                            .arguments = arguments,
                            .reply_type = reply_type,
                            .options = options };
}

/* Any thread: starts a call. Null: not sent. */
gee_pending_t *gee_call_go(gee_caller_t *caller, const gee_request_t *request, gee_done_t done, void *data,
                           gee_error_t *error);
/* Start a call and wait for it. *reply: text, to be freed with gee_free(), or null; a value of the type. */
int gee_call_text(gee_caller_t *caller, const gee_request_t *request, char **reply, gee_error_t *error);
int gee_call_typed(gee_caller_t *caller, const gee_request_t *request, void *reply, gee_error_t *error);

/* ---- reply.c: what was answered, as the program wants it ---- */
/* Loop: into the operation's place, or its own. */
int gee_reply_take(gee_pending_t *operation, const gee_upstream_result_t *result, gee_error_t *error);

/* ---- broadcast.c ---- */
/* Loop: one call to every server, as the operation's own is set up. */
void gee_broadcast_send(gee_pending_t *operation);
/* Loop: gives up on what is in flight. */
void gee_broadcast_cancel(gee_pending_t *operation);

/* ---- text.c: JSON text to what is sent, what is received to JSON text ---- */
/* Any thread. Is it one JSON value? *text is cut to it, without white space around. */
int gee_text_check(const gee_caller_t *caller, gee_str_t *text, gee_error_t *error);
/* Any thread. A value of `type` in memory, in `pool`; strings may point into the text. Null: refused, with the reason. */
void *gee_text_read(const gee_caller_t *caller, gee_str_t text, const gee_type_t *type, gee_pool_t *pool,
                    gee_error_t *error);
/* Any thread. As a tree, for codecs that carry types of their own. */
gee_value_t *gee_text_read_value(const gee_caller_t *caller, gee_str_t text, gee_pool_t *pool, gee_error_t *error);
/* Loop. The payload of a reply as JSON, terminated, allocated with malloc. `type` is for payloads that do not say theirs. */
char *gee_text_write(const gee_caller_t *caller, const gee_payload_t *payload, const gee_type_t *type, gee_pool_t *pool,
                     gee_error_t *error);

#endif
