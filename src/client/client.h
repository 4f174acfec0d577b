/* client.h: the parts of the client library, for each other.
 *
 *   program's threads                                   the loop's thread (runtime.h)
 *   client.c, xclient.c: the public functions
 *   options.c, caller.c: options -> a caller            upstream (core/gateway): servers, connections, retries
 *   call.c:      make an operation  -- gate.h -->       operation.c: begin -> types.c: which types? -> upstream
 *   operation.c: wait for it        <- futex ---        operation.c: end   <- reply.c, text.c <- answer
 *                cancel it          -- post -->         broadcast.c: one operation, a call to every server
 *                                                       follow.c: the servers of a registry
 *   stream.c:    a call of many messages  <- messages.h ->  stream.c, on the loop
 *
 * A client and an xclient are each a caller; a client's list has one server. An operation is a call, or another thing
 * that the loop is asked to do (open, connect, ping); operation.c calls the kind's functions, so that the files above
 * do not call each other in a circle. Threads share two atomic words of an operation; the rest of the operation belongs
 * to the loop's thread from posting to the end. */
#ifndef GEE_CLIENT_CLIENT_H
#define GEE_CLIENT_CLIENT_H

#include "client/gate.h"
#include "core/base/hash.h"
#include "core/gateway/discovery.h"
#include "core/gateway/upstream.h"
#include "core/protobuf/descriptor.h"
#include "core/type/describe.h"

typedef struct gee_caller gee_caller_t;

/* ---- types.c: the types of methods, as descriptors have them, or as the server has described them ---- */
typedef struct gee_method_types {
    unsigned references; /* the table's, and one for each operation in flight that uses them */
    gee_pool_t *pool;    /* holds the types, and this structure */
    gee_str_t method;
    const gee_type_t *argument, *reply; /* null: known, and JSON text goes as it is */
    const gee_type_t *sent;             /* for values of `argument`: the same, or with numbers in place of enums */
    bool streams;                       /* the method has no unary calls */
    bool known;                         /* false while `question` is in flight */
    gee_upstream_call_t question;       /* Gee.Describe */
    gee_describe_arguments_t arguments; /* of the question */
    gee_caller_t *caller;
    gee_list_t waiting; /* operations, by their link, until the types are known */
    gee_link_t link;    /* in the table's `all`, while the table has an entry for the method */
} gee_method_types_t;

typedef struct gee_type_table {
    gee_string_map_t *by_method;
    gee_list_t all;
} gee_type_table_t;

void gee_type_table_init(gee_type_table_t *table);
/* Loop: fails the operations that wait, and releases all types. */
void gee_type_table_clear(gee_caller_t *caller, const gee_error_t *reason);
/* Loop: sets operation->types and calls the kind's described(), now or when the server has described the method; or
 * fails the operation. Precondition: the operation is in no list and has no types. */
void gee_types_want(gee_pending_t *operation);
/* Loop: releases operation->types, if any; a question that no operation waits for any more is cancelled. */
void gee_types_release(gee_pending_t *operation);

/* ---- follow.c: servers of a registry ---- */
typedef struct gee_follow {
    gee_discovery_t *discovery;  /* null: the program sets the list */
    struct gee_pending *waiting; /* the operation that opens the caller, until there is a list */
    gee_timer_t timer;           /* bounds that wait */
} gee_follow_t;

/* Loop, once a caller: follows options->registry, and ends the operation, which opens the caller: at once when there
 * are `servers`, else when the first list has come or the registry has failed. */
void gee_follow_begin(struct gee_pending *operation, const gee_server_t *servers, size_t count,
                      const gee_xclient_options_t *options);
/* Loop. Also allowed when nothing is followed. */
void gee_follow_end(gee_caller_t *caller);

/* ---- caller.c ---- */
#define GEE_SOUND_TYPES 32

struct gee_caller {
    /* Constant once the caller is made. */
    gee_runtime_t *runtime;
    gee_runtime_t *own_runtime; /* the same, when this caller owns the runtime; else null */
    gee_seal_setup_t *seal;     /* null: connections are in clear */
    const gee_codec_t *codec;
    const gee_codec_t *json;
    gee_descriptors_t *descriptors; /* null: types come from the server */
    gee_codec_limits_t codec_limits;
    gee_limits_t limits;
    gee_timeouts_t timeouts;
    gee_upstream_options_t upstream_options;
    char *address; /* of a client's only server, as it was dialled; null: an xclient */

    /* A cache of lasting descriptions that gee_type_check() has accepted, by a hash of their address. Any thread. */
    _Atomic(const gee_type_t *) sound_types[GEE_SOUND_TYPES];

    gee_gate_t gate;

    /* Owned by the loop's thread. */
    gee_engine_t *engine;
    gee_upstream_t *upstream; /* null once the caller is closed */
    gee_follow_t follow;
    gee_list_t operations; /* begun and not ended, without those that wait for types or for a ping */
    gee_type_table_t types;
    gee_list_t pings; /* operations: the ping of the first is on its way, the others wait */
    gee_task_t close_task;
    bool nobody_waits;  /* closed in a callback: the loop frees the caller */
    atomic_uint closed; /* GEE_ENDED: the loop does not touch the caller any more */
};

/* Two types, so that the compiler holds each public function to its kind of client. */
struct gee_client {
    gee_caller_t caller;
};
struct gee_xclient {
    gee_caller_t caller;
};

/* ---- options.c ---- */
/* Copies the options of a program that was built with an older or newer header: members that the program does not have
 * are zero. -1: the program has set a member that this library does not have. */
int gee_read_options(void *target, size_t target_size, const void *options, size_t size, const char *type,
                     gee_error_t *error);
#define GEE_READ_OPTIONS(type, target, given, error)                                                                   \
    gee_read_options(&(target), sizeof(target), given, (given) ? (given)->size : 0, #type, error)

/* Sets what a caller is made of. `address` is that of a client's only server; null: an xclient. */
int gee_caller_set_options(gee_caller_t *caller, const char *address, const gee_xclient_options_t *options,
                           gee_error_t *error);

/* ---- caller.c: its life ---- */
/* May wait, for the loop, and for the first list of a registry. Nothing is dialled. `options` have all members; null
 * members take their defaults. `client`: the one server is the only server that the caller ever has. */
gee_caller_t *gee_caller_create(const gee_server_t *servers, size_t count, const gee_xclient_options_t *options,
                                bool client, gee_error_t *error);
/* Once. Frees the caller, at once or, inside a callback, later. */
void gee_caller_close(gee_caller_t *caller);
int gee_caller_set_servers(gee_caller_t *caller, const gee_server_t *servers, size_t count, gee_error_t *error);
/* Waits until one of the servers can be called. */
int gee_caller_connect(gee_caller_t *caller, gee_error_t *error);
int gee_caller_ping(gee_caller_t *caller, int64_t timeout_ns, int64_t *elapsed_ns, gee_error_t *error);

/* ---- operation.c: one thing that the loop is asked to do, from its start until its outcome is known ---- */

/* Where the outcome is put for a program that waits. */
typedef struct gee_outcome_place {
    void *reply;              /* typed: of reply_type; null: the reply is not decoded */
    gee_pool_t *pool;         /* for what a typed reply points to; null when reply_type has no pointers */
    gee_error_t error;        /* set when the operation failed */
    gee_received_t *received; /* of the reply, for free(); null: no metadata and no details */
} gee_outcome_place_t;

struct gee_broadcast;

/* What operations of one kind do on the loop. Only `begin` is required. */
typedef struct gee_operation_kind {
    void (*begin)(gee_pending_t *operation);
    /* gee_types_want(): operation->types are known. */
    void (*described)(gee_pending_t *operation);
    /* Gives up what is in flight. *where, which is zero before, gets the place that the error is to name. */
    void (*cancel)(gee_pending_t *operation, gee_upstream_result_t *where);
    /* gee_operation_post_again(): the program has something for an operation that has begun and has not ended. */
    void (*again)(gee_pending_t *operation);
    /* Releases what the operation holds, before `done` is called. */
    void (*release)(gee_pending_t *operation);
    /* Any thread: the memory of the operation is about to be freed. */
    void (*destroy)(gee_pending_t *operation);
} gee_operation_kind_t;

struct gee_pending {
    gee_upstream_call_t call; /* call.done() finds the operation by this member */
    gee_task_t task;          /* begins the operation, and later cancels it */
    atomic_uint references;   /* the program's and the loop's */
    atomic_uint state;        /* see operation.c */
    gee_caller_t *caller;
    gee_runtime_t *runtime; /* held: a program may use a pending after the caller is gone */
    const gee_operation_kind_t *kind;
    union {
        void *argument;                  /* not a call: for begin() */
        struct gee_broadcast *broadcast; /* a broadcast on its way; else null */
    };
    gee_done_t done;
    void *data;
    gee_link_t link; /* in the caller's `operations` or `pings`, or in `waiting` of gee_method_types_t */
    gee_method_types_t *types;
    gee_timer_t timer; /* bounds the wait for types, or of a ping for its turn */
    gee_pool_t *pool;  /* holds arguments that were read from text; null: none */
    int64_t started_ns;
    const gee_type_t *reply_type; /* typed; null: the reply is not decoded */
    bool typed;
    bool to_all; /* a broadcast */
    bool failed;
    gee_outcome_place_t *place; /* lent by a program that waits; null: the outcome stays here */
    gee_error_t *error;         /* when failed; null: no memory for the error */
    void *reply;                /* text, or a value with everything that the value points to, in one piece of memory */
    gee_received_t *received;   /* null: no metadata and no details */
};

/* Precondition: the memory of the operation is zeroed and comes from malloc(). More memory may follow the structure. */
void gee_operation_init(gee_pending_t *operation, gee_caller_t *caller, const gee_operation_kind_t *kind,
                        int64_t timeout_ns);
/* Frees an operation that was not posted. */
void gee_operation_discard(gee_pending_t **operation);
/* Hands the operation to the loop. -1: the caller was closed; the operation is freed. */
int gee_operation_post(gee_pending_t *operation, gee_error_t *error);
/* The same; lends a place for the outcome, waits, and frees the operation. *reply is the operation's reply, for
 * free(). */
int gee_operation_wait(gee_pending_t **operation, gee_outcome_place_t *place, void **reply, gee_error_t *error);
/* Makes an operation of this kind, posts it and waits for its outcome. -1 with the reason. */
int gee_operation_run(gee_caller_t *caller, const gee_operation_kind_t *kind, void *argument, int64_t timeout_ns,
                      gee_error_t *error);

/* Loop, one of these once an operation: ends the operation. */
void gee_operation_succeed(gee_pending_t *operation);
/* `error` as gee_upstream_error() makes it; the elapsed time is added. `tries`: how many servers were tried. */
void gee_operation_fail(gee_pending_t *operation, const gee_error_t *error, unsigned tries);
/* Fails with the error in `result`; or, with `reason`, because the answer in `result` is wrong. */
void gee_operation_fail_result(gee_pending_t *operation, const gee_upstream_result_t *result,
                               const gee_error_t *reason);
/* Gives the operation up; the error says where the operation was. */
void gee_operation_abort(gee_pending_t *operation, const gee_error_t *reason);
/* Any thread, with a reference: lets the kind's again() run on the loop, unless the operation ends before. */
void gee_operation_post_again(gee_pending_t *operation);
/* Loop: gives up all operations of the list. */
void gee_operation_fail_all(gee_list_t *operations, const gee_error_t *reason);

/* ---- call.c: operations that are calls ---- */
/* What is called, with which arguments. Strings and values belong to the program. */
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

/* Any thread: begins a call. Null: not begun; `done` is never called. */
gee_pending_t *gee_call_go(gee_caller_t *caller, const gee_request_t *request, gee_done_t done, void *data,
                           gee_error_t *error);
/* A call without arguments, not posted, in `size` bytes of memory that begin with the operation and are zero behind it:
 * for streaming calls. Null: refused, with the reason. */
gee_pending_t *gee_call_prepare(gee_caller_t *caller, size_t size, const gee_operation_kind_t *kind, const char *method,
                                const gee_call_options_t *options, gee_error_t *error);
/* Begin a call and wait for its end. *reply: text for gee_free(), or null; a value of request->reply_type. */
int gee_call_text(gee_caller_t *caller, const gee_request_t *request, char **reply, gee_error_t *error);
int gee_call_typed(gee_caller_t *caller, const gee_request_t *request, void *reply, gee_error_t *error);

/* ---- reply.c: a reply, in the form that the program wants ---- */
/* Loop: puts the reply into operation->place, or into operation->reply. */
int gee_reply_take(gee_pending_t *operation, const gee_upstream_result_t *result, gee_error_t *error);

/* ---- received.c: metadata and details of a reply ---- */
/* Copies, for free(). Null: out of memory. */
gee_received_t *gee_received_create(const gee_metadata_t *initial, const gee_metadata_t *trailing, gee_str_t details);
gee_received_t *gee_received_of(const gee_event_t *reply);

/* ---- broadcast.c ---- */
/* Loop: sends a copy of operation->call to every server. */
void gee_broadcast_send(gee_pending_t *operation);
/* Loop: gives up the calls in flight. Does nothing for an operation that is no broadcast on its way. */
void gee_broadcast_cancel(gee_pending_t *operation);

/* ---- text.c: JSON text to a payload, a payload to JSON text ---- */
/* Any thread. 0: the text is one JSON value; *text is cut to the value, without white space around. */
int gee_text_check(const gee_codec_t *json, const gee_codec_limits_t *limits, gee_str_t *text, gee_error_t *error);
/* Any thread. Decodes a value of `type` into `pool`; strings may point into the text. Null: refused, with the
 * reason. */
void *gee_text_read(const gee_caller_t *caller, gee_str_t text, const gee_type_t *type, gee_pool_t *pool,
                    gee_error_t *error);
/* Any thread. The same as a tree, for codecs that carry types of their own. */
gee_value_t *gee_text_read_value(const gee_caller_t *caller, gee_str_t text, gee_pool_t *pool, gee_error_t *error);
/* Loop. The payload of a reply as JSON text with a zero at the end, for free(). `type`: of a payload that does not
 * carry its type. */
char *gee_text_write(const gee_caller_t *caller, const gee_payload_t *payload, const gee_type_t *type, gee_pool_t *pool,
                     gee_error_t *error);

#endif
