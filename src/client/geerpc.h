/* geerpc.h: the client library: dial an address, call a method, whatever the wire speaks.
 *
 *   gee_error_t error;
 *   gee_client_t *client = gee_dial("tcp@127.0.0.1:9999", NULL, &error);
 *   char *reply;
 *   if (client != NULL && gee_client_call(client, "Arith.Multiply", "{\"A\":7,\"B\":8}", &reply, NULL, &error) == 0) {
 *       puts(reply);
 *       gee_free(reply);
 *   } else {
 *       fprintf(stderr, "%s\n", error.text);
 *   }
 *   gee_client_close(&client);
 *
 * Arguments and replies are JSON text, as here, or C structures that GEE_STRUCT describes (core/type/type.h):
 *
 *   args_t args = { 7, 8 };
 *   int64_t product;
 *   gee_client_call_typed(client, "Arith.Multiply", GEE_ARGUMENT(args_t, &args), GEE_REPLY(int64_t, &product), NULL,
 *                         &error);
 *
 * gee_client_call() waits for the reply. gee_client_go() returns at once: the program waits for the call later, or the
 * call ends in a callback. A gee_client_t talks to one server; a gee_xclient_t spreads its calls over a list of
 * servers.
 *
 * Threads: any number of threads may use a client at once. A client works on a runtime. A background runtime is a
 * thread, with all signals blocked; a client that is given no runtime has a background runtime of its own. A manual
 * runtime works in the threads that call gee_runtime_process(), for an application with a loop of its own. The library
 * never exits, prints, or raises a signal.
 *
 * Blocking: a function marked "May block" waits for a server or a name server. Called from a callback, such a function
 * fails at once with GEE_FAILED_PRECONDITION, where nothing else is said. Every other function returns without waiting
 * for a server.
 *
 * Errors: a function that fails returns -1 or null, and fills *error (which may be null) with a code, a text for a
 * person, the phase in which the call or dial failed, and the time spent. The text of a failed connection reads
 * "tcp@127.0.0.1:1: connect: Connection refused (0.2 ms)". An error reply of the server has from_peer set, and the
 * server's text, unchanged. An error before anything was sent (a wrong option, text that is not JSON) has the phase
 * GEE_PHASE_NONE.
 *
 * Memory: strings and structures that are passed in are copied or used up before the function returns, where nothing
 * else is said. Text that is handed out in a char ** belongs to the program, which frees the text with gee_free().
 *
 * Fork: the background thread does not exist in a child process. There every function on an object that the parent made
 * (client, xclient, pending, runtime) fails at once with GEE_FAILED_PRECONDITION; closing and releasing such an object
 * touches neither the parent's connections nor the server. A child dials anew. The child's copies of the parent's
 * descriptors stay open until the child ends or calls exec: a connection that the parent closes is closed all the same,
 * but a connection of a parent that was killed stays open. */
#ifndef GEERPC_H
#define GEERPC_H

#if !defined(__cplusplus) && __STDC_VERSION__ < 201112L
#error "geerpc.h needs C11 or later: cc -std=c11"
#endif

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#include "core/base/error.h"
#include "core/base/pool.h"
#include "core/base/str.h"
#include "core/gateway/server_list.h"
#include "core/type/type.h"

/* The shared library exports functions with this mark, here and in the headers above, and nothing else. */
#define GEE_EXPORT __attribute__((visibility("default")))

typedef struct gee_client gee_client_t;
typedef struct gee_xclient gee_xclient_t;
typedef struct gee_runtime gee_runtime_t;
typedef struct gee_pending gee_pending_t;

/* "0.1.0": the version of the library that is loaded, which may be another one than the header's. Static. */
GEE_EXPORT const char *gee_version_text(void);

/* ---- runtimes ---- */

typedef enum gee_runtime_mode {
    GEE_RUNTIME_BACKGROUND, /* a thread, which several clients may share */
    GEE_RUNTIME_MANUAL      /* works only inside gee_runtime_process() and inside functions that block */
} gee_runtime_mode_t;

/* The program's, until gee_runtime_destroy(). Null: failed. */
GEE_EXPORT gee_runtime_t *gee_runtime_create(gee_runtime_mode_t mode, gee_error_t *error);
/* Sets *runtime to null; a null *runtime is allowed. Waits for the end of the thread. Precondition: not called from a
 * callback. -1, with *runtime unchanged: a client on the runtime is not closed (GEE_FAILED_PRECONDITION). In a child of
 * the process that made the runtime only *runtime changes. */
GEE_EXPORT int gee_runtime_destroy(gee_runtime_t **runtime, gee_error_t *error);

/* Manual: a descriptor that is readable (poll, select, epoll with or without EPOLLET) when gee_runtime_process() has
 * work, timers included. -1: a background runtime. The runtime owns the descriptor: the program must not read or close
 * it. */
GEE_EXPORT int gee_runtime_descriptor(const gee_runtime_t *runtime);
/* Manual: waits for work at most `max_wait_ns` nanoseconds (0: not at all, negative: without limit), then works and
 * runs callbacks. Threads that call at the same time take turns. May block. -1: the runtime is a background runtime,
 * the calling thread is inside a callback (both GEE_FAILED_PRECONDITION), or epoll_wait failed (GEE_INTERNAL). */
GEE_EXPORT int gee_runtime_process(gee_runtime_t *runtime, int64_t max_wait_ns, gee_error_t *error);

/* ---- dialling ---- */

/* Every gee_..._options_t begins as { .size = sizeof(that type) }. A member that is zero takes its default; later
 * versions of the library may have more members. Times are in nanoseconds; a negative time means no limit. */
typedef struct gee_dial_options {
    size_t size;
    const char *codec;          /* "json" (default), "bin", "gob" (default, and only choice, with "netrpc") */
    const char *protocol;       /* "geerpc" (default), "netrpc" or "jsonrpc" as Go's net/rpc speaks them */
    int64_t connect_timeout_ns; /* for resolving, connecting and handshake together; default 10 s */
    int64_t handle_timeout_ns;  /* the server is asked to end the handling of each call by then; default none */
    int64_t write_timeout_ns;   /* without any byte sent, after which the connection is closed; default 60 s */
    int64_t read_timeout_ns;    /* from the first byte of a reply to the last; default 60 s */
    uint64_t message_limit;     /* bytes of one reply, header and body; default 4 MiB, 1 KiB to 2 GiB - 1. A call with a
                                 * longer reply fails with GEE_RESOURCE_EXHAUSTED */
    gee_runtime_t *runtime;     /* must outlive the client; null: a background runtime of the client's own */
    /* The server's public key, "gee-pub:...": connections are sealed (docs/seal.md), and dialling a server that cannot
     * prove to have the secret key fails. Null: connections are in clear. */
    const char *server_key;
    const char *key_file; /* file with the client's own secret key; needs server_key. Null: the client is anonymous */
    /* A file that protoc --include_imports --descriptor_set_out has written, read when the client is made: JSON text
     * becomes bin, proto or gob by its types, and no server is asked for types; toward a server that speaks JSON, names
     * of enums become numbers, which Go's servers want. Methods that the file lacks fail. Null: the server is asked
     * (Gee.Describe), except for gob. */
    const char *descriptors;
} gee_dial_options_t;

/* Dials "tcp@HOST:PORT", "unix@PATH" or "http@HOST:PORT[/PATH]" (HTTP CONNECT), and waits until the connection can be
 * used. May block. `options` may be null. The client is the program's, until gee_client_close(). Null: failed;
 * GEE_INVALID_ARGUMENT for a wrong address or option, GEE_UNAVAILABLE for a failed connection.
 *
 * A lost connection is not dialled anew: later calls fail with GEE_UNAVAILABLE. A server that is about to stop asks the
 * client to begin no more calls, on a wire that can say so ("geerpc" with "bin"): that connection is closed when its
 * calls have ended, and the next call (not a ping) dials anew. */
GEE_EXPORT gee_client_t *gee_dial(const char *address, const gee_dial_options_t *options, gee_error_t *error);

/* Ends the calls in flight with GEE_CANCELLED. When this function returns, their callbacks have returned, and so have
 * the functions that other threads waited in. Called from a callback, this function returns at once, and the calls in
 * flight end after that callback. No thread may use the client from then on. Pendings stay valid until they are
 * released. Sets *client to null; a null *client is allowed. */
GEE_EXPORT void gee_client_close(gee_client_t **client);

/* The address as the program dialled it. Lives as long as the client. */
GEE_EXPORT const char *gee_client_address(const gee_client_t *client);

/* ---- calling ---- */

typedef struct gee_metadata_pair {
    const char *key, *value;
} gee_metadata_pair_t;

/* Strings have a zero behind them, which their length does not count. The value of a key that ends in "-bin" may be any
 * bytes. Keys may repeat. */
typedef struct gee_received_pair {
    gee_str_t key, value;
} gee_received_pair_t;

/* What came with the messages of a reply, on a wire that has a place for metadata (docs/protocol.md). */
typedef struct gee_received {
    const gee_received_pair_t *initial; /* from the beginning of the reply */
    size_t initial_count;
    const gee_received_pair_t *trailing; /* from its end */
    size_t trailing_count;
    gee_str_t details; /* of an error reply: bytes; their meaning is a matter of the service */
} gee_received_t;

typedef struct gee_call_options {
    size_t size;
    int64_t timeout_ns; /* of the whole call; travels with the call, and bounds the handling too; default none */
    const gee_metadata_pair_t *metadata;
    size_t metadata_count;
    /* For typed calls that wait: strings, bytes, lists, maps and optionals of the reply are allocated here, and live as
     * long as the pool. Required when the reply's type has any of them. Without a pool unknown fields of protobuf are
     * left out. */
    gee_pool_t *pool;
    bool idempotent; /* an xclient may try another server when nobody knows whether the first one executed the call */
    const char *key; /* for an xclient with the balancer "hash": calls with the same key go to the same server */
    /* Fail with GEE_FAILED_PRECONDITION, before anything is sent, on a wire that has no place for metadata, a timeout
     * or a status code (docs/protocol.md has the table). Without `strict` such a wire carries no metadata, the timeout
     * is kept by the client alone, and error replies have the code GEE_UNKNOWN. */
    bool strict;
    /* For calls that wait for one reply: *received gets the metadata and the details of the reply, an error reply
     * included, for gee_free(); null when there are none. */
    gee_received_t **received;
    /* The lengths of the values of `metadata`, for values that are bytes (keys that end in "-bin"). Null: each value
     * ends with a zero. */
    const size_t *metadata_lengths;
} gee_call_options_t;

/* Calls `method` ("Arith.Multiply") and waits for the reply. May block. `arguments_json`: one JSON value; null means
 * "{}". 0: *reply_json is the reply, one JSON value with a zero at the end, for the program to free with gee_free().
 * -1: failed, *reply_json is null. `reply_json` may be null.
 *
 * With the codecs bin, proto and protojson, the client asks the server for the types of each method once (Gee.Describe)
 * and keeps them. With the codec gob, which carries types of its own, an object is sent as a struct, a number without a
 * point or exponent as an integer, any other number as floating point; a value that does not fit the server's types
 * comes back as an error reply. */
GEE_EXPORT int gee_client_call(gee_client_t *client, const char *method, const char *arguments_json, char **reply_json,
                               const gee_call_options_t *options, gee_error_t *error);

/* GEE_ARGUMENT(args_t, &args), GEE_REPLY(int64_t, &product): the description of a type, and a pointer to a value of
 * that type, as two arguments. The compiler warns when type and pointer do not fit. */
#define GEE_ARGUMENT(T, pointer) GEE_TYPE_OF(T), (1 ? (pointer) : (const T *)NULL)
#define GEE_REPLY(T, pointer)    GEE_TYPE_OF(T), (1 ? (pointer) : (T *)NULL)

/* As gee_client_call(), with C values. May block. *reply is written on success only. `reply_type` and `reply` may both
 * be null: the reply is not decoded. */
GEE_EXPORT int gee_client_call_typed(gee_client_t *client, const char *method, const gee_type_t *argument_type,
                                     const void *arguments, const gee_type_t *reply_type, void *reply,
                                     const gee_call_options_t *options, gee_error_t *error);

/* One round trip to the server, by a ping of the wire. May block. `timeout_ns` 0: no limit. `elapsed_ns` may be null;
 * *elapsed_ns is the duration, of a failed ping too. -1: GEE_UNIMPLEMENTED on a wire without pings ("geerpc" with "bin"
 * has them), GEE_DEADLINE_EXCEEDED, GEE_UNAVAILABLE. */
GEE_EXPORT int gee_client_ping(gee_client_t *client, int64_t timeout_ns, int64_t *elapsed_ns, gee_error_t *error);

/* ---- calling without waiting ---- */

/* Called once when the call has ended, on the runtime's thread, which must not be held up: a `done` calls no function
 * that may block. The pending is valid until `done` returns, also when the program has released the pending. */
typedef void (*gee_done_t)(gee_pending_t *pending, void *data);

/* Begins a call as gee_client_call() does, and returns at once. The arguments are copied or encoded before the return.
 * `done` may be null. The pending is the program's to release, also when `done` was called before this function
 * returns. Null: the call was not begun, `done` is never called. */
GEE_EXPORT gee_pending_t *gee_client_go(gee_client_t *client, const char *method, const char *arguments_json,
                                        const gee_call_options_t *options, gee_done_t done, void *data,
                                        gee_error_t *error);
/* `reply_type` null: the reply is not decoded. */
GEE_EXPORT gee_pending_t *gee_client_go_typed(gee_client_t *client, const char *method, const gee_type_t *argument_type,
                                              const void *arguments, const gee_type_t *reply_type,
                                              const gee_call_options_t *options, gee_done_t done, void *data,
                                              gee_error_t *error);

/* Waits at most `timeout_ns` nanoseconds (0: not at all, negative: without limit) until the call has ended and `done`
 * has returned. True: so. May block; inside a callback as with `timeout_ns` 0. Several threads may wait for one
 * pending. A manual runtime works meanwhile. */
GEE_EXPORT bool gee_pending_wait(gee_pending_t *pending, int64_t timeout_ns);
/* Why the call failed; null: the call succeeded. Before the call has ended: an error with GEE_FAILED_PRECONDITION. What
 * this function and the next two return is valid until the pending is released. */
GEE_EXPORT const gee_error_t *gee_pending_error(const gee_pending_t *pending);
/* The reply as JSON text with a zero at the end; null: not ended, failed, or a typed call. */
GEE_EXPORT const char *gee_pending_json(const gee_pending_t *pending);
/* The reply as a value of the call's reply type, with everything that the value points to; null: not ended, failed, a
 * call in JSON, or a call without a reply type. */
GEE_EXPORT const void *gee_pending_reply(const gee_pending_t *pending);
/* Metadata and details of the reply, an error reply included. Never null: empty before the call has ended, and when the
 * reply had none. */
GEE_EXPORT const gee_received_t *gee_pending_received(const gee_pending_t *pending);
/* Ends the call with GEE_CANCELLED, unless the call has ended before. The server is told on a wire that can say so. Any
 * thread; the call has not necessarily ended when this function returns. */
GEE_EXPORT void gee_pending_cancel(gee_pending_t *pending);
/* A call that has not ended goes on, and calls `done`. Any thread. Sets *pending to null; a null *pending is
 * allowed. */
GEE_EXPORT void gee_pending_release(gee_pending_t **pending);

/* ---- streaming calls ----
 *
 * A streaming call has any number of messages from the client, from the server, or both ways at the same time:
 *
 *   open -> send ... -> finish -> receive ... until 0 (the end) or -1 (an error) -> release
 *
 * A method that does not stream in a direction has one message in that direction. Only a wire with streaming calls
 * ("geerpc" with the codec "bin") can carry them. Messages are JSON text, or, in a stream that was opened with `typed`,
 * C values.
 *
 * A server that does not read holds back the sender, and a program that does not receive holds back the server: the
 * library keeps at most 128 KiB and three messages of each direction of a stream. So a program that sends much and
 * receives much on one stream receives while it sends: from two threads, or with `ready`.
 *
 * Threads: one thread at a time sends and finishes, one thread at a time receives; these may be two threads. Any thread
 * may cancel. In a child process a stream of the parent is as the parent's client is.
 *
 * Closing the client ends its streams with GEE_CANCELLED; a stream stays valid until the program releases the
 * stream. */
typedef struct gee_client_stream gee_client_stream_t;

typedef enum gee_streamed {
    GEE_STREAM_FAILED = -1,
    GEE_STREAM_END = 0,  /* receive: after the last message, the call has succeeded. send: the call is over */
    GEE_STREAM_DONE = 1, /* a message was received, or taken for sending */
    GEE_STREAM_LATER = 2 /* not within timeout_ns; nothing was received, or taken */
} gee_streamed_t;

enum {
    GEE_STREAM_READABLE = 1, /* a message can be received */
    GEE_STREAM_WRITABLE = 2, /* a message can be sent, after GEE_STREAM_LATER */
    GEE_STREAM_OVER = 4      /* the call is over: receive has the last messages, and then the outcome */
};

/* Called on the runtime's thread when something can be done that could not be done before: READABLE after the
 * beginning and after a receive with GEE_STREAM_LATER, WRITABLE after a send with GEE_STREAM_LATER, OVER once. So a
 * program receives until GEE_STREAM_LATER. Inside, all functions act as with `timeout_ns` 0. Not called once
 * gee_client_stream_release() has returned in a callback; after a release on another thread a call that has begun goes
 * on. */
typedef void (*gee_stream_ready_t)(gee_client_stream_t *stream, unsigned events, void *data);

typedef struct gee_client_stream_options {
    size_t size;
    const gee_call_options_t *call; /* may be null. The timeout is that of the whole stream; `pool` and `received` are
                                     * not used */
    bool typed;                     /* messages are C values */
    gee_stream_ready_t ready;       /* null: the program waits, or asks with `timeout_ns` 0 */
    void *data;                     /* for `ready` */
} gee_client_stream_options_t;

/* Opens a stream, and returns at once: what fails on the way to the server is the stream's outcome. The stream is the
 * program's, until gee_client_stream_release(). Null: not opened; GEE_UNIMPLEMENTED for a wire without streaming
 * calls. */
GEE_EXPORT gee_client_stream_t *gee_client_stream_open(gee_client_t *client, const char *method,
                                                       const gee_client_stream_options_t *options, gee_error_t *error);
/* At the server that the balancer picks. The stream stays there: only the beginning can be tried elsewhere. */
GEE_EXPORT gee_client_stream_t *gee_xclient_stream_open(gee_xclient_t *xclient, const char *method,
                                                        const gee_client_stream_options_t *options, gee_error_t *error);

/* Sends one JSON value, which is copied. Waits at most `timeout_ns` nanoseconds (0: not at all, negative: without
 * limit) for room. May block; inside a callback as with `timeout_ns` 0. GEE_STREAM_DONE does not say that the server
 * has the message. GEE_STREAM_FAILED: the value was refused here, and the stream goes on. */
GEE_EXPORT gee_streamed_t gee_client_stream_send(gee_client_stream_t *stream, const char *json, int64_t timeout_ns,
                                                 gee_error_t *error);
/* The same: gee_client_stream_send_typed(stream, GEE_ARGUMENT(number_t, &number), -1, &error). */
GEE_EXPORT gee_streamed_t gee_client_stream_send_typed(gee_client_stream_t *stream, const gee_type_t *type,
                                                       const void *message, int64_t timeout_ns, gee_error_t *error);
/* Tells the server that no further message comes, behind those that were sent. -1: in a child of the process that
 * opened the stream. */
GEE_EXPORT int gee_client_stream_finish(gee_client_stream_t *stream, gee_error_t *error);

/* The next message of the server. Waits as gee_client_stream_send(). GEE_STREAM_DONE (1): *json is the message, with a
 * zero at the end, valid until the next receive. GEE_STREAM_END (0): the call has ended well, and *json is null as for
 * the following. GEE_STREAM_FAILED (-1): the call has failed, or a message cannot be read, which cancels the call. */
GEE_EXPORT gee_streamed_t gee_client_stream_receive(gee_client_stream_t *stream, const char **json, int64_t timeout_ns,
                                                    gee_error_t *error);
/* The same: gee_client_stream_receive_typed(stream, GEE_REPLY(number_t, &number), -1, &error). What the value points to
 * is valid until the next receive. */
GEE_EXPORT gee_streamed_t gee_client_stream_receive_typed(gee_client_stream_t *stream, const gee_type_t *type,
                                                          void *message, int64_t timeout_ns, gee_error_t *error);

/* Metadata and details. Never null. The initial metadata are there with the first message at the latest, the rest with
 * the end. What this function returns is valid until the stream is released. */
GEE_EXPORT const gee_received_t *gee_client_stream_received(const gee_client_stream_t *stream);
/* Ends the call with GEE_CANCELLED, unless the call has ended before. The server is told. Messages that have come can
 * still be received. Any thread. */
GEE_EXPORT void gee_client_stream_cancel(gee_client_stream_t *stream);
/* Cancels a call that has not ended. Sets *stream to null; a null *stream is allowed. */
GEE_EXPORT void gee_client_stream_release(gee_client_stream_t **stream);

/* ---- many servers ---- */

typedef struct gee_xclient_options {
    size_t size;
    const char *balance;            /* "random" (default), "roundrobin", "least", "hash" */
    const gee_dial_options_t *dial; /* for each server; connect_timeout_ns bounds each attempt. May be null */
    int connections;                /* at most, to one server; 1 to 1000, default 1 */
    int retries;             /* how many more servers a failed call is tried on, when no byte of the call was sent
                                     * or the call is idempotent; default 2, negative: none */
    int64_t fail_timeout_ns; /* the longest pause before a server that failed is tried again; pauses begin with
                                     * 100 ms and double; default 10 s. While all servers have failed, calls try them */
    /* The source of the list, which is kept up to date: "http://10.0.0.9:9999/_geerpc_/registry", "dns@name:9999",
     * "file@/etc/servers" (docs/registry.md). While the source fails, the last good list stays in force. Null: the
     * program sets the list. */
    const char *registry;
    const char *service; /* only the servers that the registry has for this service; null: all */
    int64_t refresh_ns;  /* between two looks, where the registry does not tell of changes; default 10 s */
    size_t min_servers;  /* a shorter list is not taken; 0: an empty list is not taken after a longer one */
} gee_xclient_options_t;

/* Makes a client of several servers. Nothing is dialled yet: connections are made when calls need them, kept, and
 * dialled anew when they are lost. `servers` may be null with `count` 0. `options` may be null. With a registry,
 * `servers` are those to begin with; without any, this function waits for the first list, at most connect_timeout_ns,
 * and fails when the registry does. May block. The xclient is the program's, until gee_xclient_close(). Null: failed;
 * GEE_INVALID_ARGUMENT for an address that can never be dialled. */
GEE_EXPORT gee_xclient_t *gee_xclient_create(const gee_server_t *servers, size_t count,
                                             const gee_xclient_options_t *options, gee_error_t *error);
/* As gee_client_close(). */
GEE_EXPORT void gee_xclient_close(gee_xclient_t **xclient);
/* Replaces the list. A server in both lists keeps its connections. A server that is not in the new list gets no new
 * calls; its connections are closed when their calls have ended. May block, for the runtime's thread only. -1, and the
 * list stays as it was: an address is wrong, or the xclient follows a registry (GEE_FAILED_PRECONDITION). */
GEE_EXPORT int gee_xclient_set_servers(gee_xclient_t *xclient, const gee_server_t *servers, size_t count,
                                       gee_error_t *error);

/* As the functions of a client, for the server that the balancer picks. With an empty list: GEE_UNAVAILABLE. The first
 * two may block. */
GEE_EXPORT int gee_xclient_call(gee_xclient_t *xclient, const char *method, const char *arguments_json,
                                char **reply_json, const gee_call_options_t *options, gee_error_t *error);
GEE_EXPORT int gee_xclient_call_typed(gee_xclient_t *xclient, const char *method, const gee_type_t *argument_type,
                                      const void *arguments, const gee_type_t *reply_type, void *reply,
                                      const gee_call_options_t *options, gee_error_t *error);
GEE_EXPORT gee_pending_t *gee_xclient_go(gee_xclient_t *xclient, const char *method, const char *arguments_json,
                                         const gee_call_options_t *options, gee_done_t done, void *data,
                                         gee_error_t *error);
GEE_EXPORT gee_pending_t *gee_xclient_go_typed(gee_xclient_t *xclient, const char *method,
                                               const gee_type_t *argument_type, const void *arguments,
                                               const gee_type_t *reply_type, const gee_call_options_t *options,
                                               gee_done_t done, void *data, gee_error_t *error);
/* Calls every server of the list at once, and waits for all replies. May block. 0: every server has replied; the reply
 * is the one that came first. -1: the first failure, which cancels the other calls; a server that leaves the list
 * before the connection to it is made counts as a failure. The text of an error reply begins with the server's address.
 * With an empty list: GEE_UNAVAILABLE. */
GEE_EXPORT int gee_xclient_broadcast(gee_xclient_t *xclient, const char *method, const char *arguments_json,
                                     char **reply_json, const gee_call_options_t *options, gee_error_t *error);
GEE_EXPORT int gee_xclient_broadcast_typed(gee_xclient_t *xclient, const char *method, const gee_type_t *argument_type,
                                           const void *arguments, const gee_type_t *reply_type, void *reply,
                                           const gee_call_options_t *options, gee_error_t *error);

/* Frees what the library has handed out in a char **, and the body of a page (geerpc_http.h). Null is allowed. */
GEE_EXPORT void gee_free(void *memory);

#ifdef __cplusplus
}
#endif

#endif
