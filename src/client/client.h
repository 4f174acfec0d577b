/* client.h: the parts of the client library, for each other.
 *
 *   caller's threads                         the loop's thread
 *   client.c: make an operation -- post -->  operation.c: begin -> (types.c: which types) -> text.c -> session
 *             wait for it      <- signal --  operation.c: end  <- text.c <- the call's done, a timer, close
 *                                            connection.c: dial, handshake, loss
 *
 * What callers and loop share is in the operation, which both hold a reference to, and in the client under its lock. */
#ifndef GEE_CLIENT_H
#define GEE_CLIENT_H

#include <pthread.h>
#include <stdatomic.h>
#include <sys/types.h>

#include "client/geerpc.h"
#include "core/base/hash.h"
#include "core/event/dial.h"
#include "core/rpc/describe.h"
#include "core/rpc/session.h"

/* ---- runtime.c: a loop on a thread of its own, with what sessions on it share ---- */
typedef struct gee_runtime {
    gee_loop_t *loop;
    gee_thread_pool_t *threads; /* resolves names */
    gee_engine_t *engine;
    pthread_t thread;
    bool resolution_abandoned; /* the loop's own: a name was given up on while it was being looked up */
} gee_runtime_t;

gee_runtime_t *gee_runtime_create(const gee_limits_t *limits, const gee_timeouts_t *timeouts, gee_error_t *error);
/* Every session on it is closed already. Not from its own thread. Leaves null. */
void gee_runtime_destroy(gee_runtime_t **runtime);

/* ---- types.c: the types of methods, as the server described them ---- */
typedef struct gee_method_types {
    unsigned references; /* the table's, and one for each operation in flight that uses them */
    gee_pool_t *pool;    /* this structure, too, is in it */
    gee_str_t method;
    const gee_type_t *argument, *reply;
    bool known;       /* false while Gee.Describe is in flight */
    gee_call_t *call; /* that one */
    gee_client_t *client;
    gee_list_t waiting; /* operations, by their types_link */
    gee_link_t link;    /* in the table's all, while it is in the map */
} gee_method_types_t;

typedef struct gee_type_table {
    gee_string_map_t *by_method;
    gee_list_t all;
} gee_type_table_t;

/* ---- operation.c: a dial or a call, from its start to the moment when its caller has the outcome ---- */
typedef struct gee_operation {
    atomic_uint references; /* the caller's and the loop's */
    gee_client_t *client;
    gee_task_t begin;

    /* Set by the caller before it is posted. The strings stand behind the structure. */
    gee_str_t method; /* data null: the dial */
    gee_str_t arguments;
    gee_metadata_t metadata;
    int64_t started_ns;
    int64_t timeout_ns; /* 0: none */

    /* The loop's own. */
    gee_link_t link;       /* in the client's operations */
    gee_link_t types_link; /* in a gee_method_types_t's waiting */
    gee_method_types_t *types;
    gee_timer_t timer;    /* while it waits for types; then the call has one */
    gee_call_t *call;     /* in flight */
    uint64_t request_end; /* where in the stream of sent bytes its request ends */

    pthread_mutex_t lock; /* guards `ended` and what follows */
    pthread_cond_t changed;
    bool ended;
    bool failed;
    char *reply;
    gee_error_t error;
} gee_operation_t;

/* `method` null: the dial. */
gee_operation_t *gee_operation_create(gee_client_t *client, const char *method, const char *arguments,
                                      const gee_call_options_t *options, gee_error_t *error);
void gee_operation_release(gee_operation_t **operation);
/* Any thread: hands it to the loop. */
void gee_operation_post(gee_operation_t *operation);
/* The caller's thread: until it has ended. 0 with the reply (which becomes the caller's), or -1 with the reason. */
int gee_operation_wait(gee_operation_t *operation, char **reply, gee_error_t *error);

/* Was this the server's own answer? Otherwise the connection was lost, or the time was over. In a call's done(). */
static inline bool gee_from_peer(const gee_call_t *call) {
    return call->answered;
}
/* Loop: the types are known now. */
void gee_operation_send(gee_operation_t *operation);
/* Loop: ends it. `reply` is taken. */
void gee_operation_succeed(gee_operation_t *operation, char *reply);
/* `phase`: where, when the cause does not say; GEE_PHASE_NONE for what is no matter of the connection. */
void gee_operation_fail(gee_operation_t *operation, gee_phase_t phase, const gee_error_t *cause);
/* Fills `error` in as the caller is to see it: with address, phase and time. */
void gee_operation_error(const gee_operation_t *operation, gee_phase_t phase, const gee_error_t *cause,
                         gee_error_t *error);
void gee_operation_fail_all(gee_client_t *client, gee_phase_t phase, const gee_error_t *cause);

/* ---- connection.c: the client's one connection ---- */
typedef enum gee_connection_state {
    GEE_CONNECTION_NEW,
    GEE_CONNECTION_DIALLING,
    GEE_CONNECTION_HANDSHAKE,
    GEE_CONNECTION_READY,
    GEE_CONNECTION_CLOSED /* for good; close_reason says why */
} gee_connection_state_t;

struct gee_client {
    /* Does not change while there are callers. */
    gee_runtime_t *runtime;
    pid_t process; /* that dialled */
    gee_addr_t addr;
    const gee_transport_t *transport;
    const gee_protocol_t *protocol;
    const gee_codec_t *codec;
    const gee_codec_t *json; /* null when it is not compiled in */
    gee_session_setup_t setup;
    gee_codec_limits_t codec_limits;
    int64_t connect_timeout_ns; /* 0: none */
    int64_t write_timeout_ns;

    pthread_mutex_t lock; /* guards the next three */
    pthread_cond_t changed;
    bool closing;
    bool closed;     /* the loop has let go of it */
    unsigned inside; /* callers */
    gee_task_t close_task;

    /* The loop's own. */
    gee_connection_state_t state;
    gee_dial_t *dial;
    gee_session_t *session;
    gee_operation_t *dial_operation;
    gee_timer_t handshake_timer;
    gee_list_t operations;
    gee_type_table_t types;
    gee_error_t close_reason;
};

/* Loop: begins to connect for that operation, which ends when the connection can be used or has failed. */
void gee_connection_open(gee_client_t *client, gee_operation_t *operation);
/* Loop: everything in flight fails with GEE_CANCELLED; client->closed once the session is gone. */
void gee_connection_close(gee_client_t *client);
/* Where a call is whose request ends at that byte of what is sent. */
gee_phase_t gee_connection_phase(const gee_client_t *client, uint64_t request_end);

void gee_type_table_init(gee_type_table_t *table);
/* Fails what waits, lets go of everything. */
void gee_type_table_clear(gee_client_t *client);
/* Loop: sets operation->types and calls gee_operation_send(), now or when the server has described the method; or
 * fails the operation. */
void gee_types_want(gee_operation_t *operation);
/* The operation has no more use for them. */
void gee_types_let_go(gee_operation_t *operation);

/* ---- text.c: JSON text to what is sent, what is received to JSON text ---- */
/* Any thread. Is it one JSON value? *text is cut to it, without white space around. */
int gee_text_check(const gee_client_t *client, gee_str_t *text, gee_error_t *error);
/* A value of `type` in memory, in `pool`; strings may point into the text. Null: refused, with the reason. */
void *gee_text_read(const gee_client_t *client, gee_str_t text, const gee_type_t *type, gee_pool_t *pool,
                    gee_error_t *error);
/* As a tree, for codecs that carry types of their own. */
gee_value_t *gee_text_read_value(const gee_client_t *client, gee_str_t text, gee_pool_t *pool, gee_error_t *error);
/* The payload of a reply as JSON, terminated, allocated with malloc. `type` is for payloads that do not say theirs. */
char *gee_text_write(const gee_client_t *client, const gee_payload_t *payload, const gee_type_t *type, gee_pool_t *pool,
                     gee_error_t *error);

#endif
