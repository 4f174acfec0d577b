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
 *   gee_client_call_typed(client, "Arith.Multiply", GEE_ARGUMENT(args_t, &args), GEE_REPLY(int64_t, &product), NULL, &error);
 *
 * A call is waited for (gee_client_call), or goes its way and is waited for later or ends in a callback (gee_client_go). A
 * client talks to one server; a gee_xclient_t has a list of them and spreads its calls.
 *
 * Threads: a client may be used by any number of threads at once. Its work is done on a runtime: a background thread, of
 * which each client has its own unless it is given one, which has all signals blocked; or whatever thread calls
 * gee_runtime_process(), in an application with a loop of its own. The library never exits, prints, or raises a signal.
 *
 * Errors: a function that fails returns -1 or null and fills *error (which may be null) with a code, a text for a person,
 * the phase in which it happened and the time spent. Trouble with the connection reads
 * "tcp@127.0.0.1:1: connect: Connection refused (0.2 ms)". The server's own error replies have from_peer set, and their
 * text is the server's, unchanged. What is wrong before anything was sent (an option, text that is not JSON) has the
 * phase GEE_PHASE_NONE.
 *
 * Fork: the background thread does not exist in a child. There every function on what the parent made (client, xclient,
 * pending, runtime) fails at once, with GEE_FAILED_PRECONDITION; closing and releasing it touches neither the parent's
 * connections nor the server. The child's copies of the parent's descriptors stay open until the child ends or calls exec: they
 * do not keep a connection that the parent closes, but that of a parent which was killed. Dial anew in the child. */
#ifndef GEERPC_H
#define GEERPC_H

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

/* Only these, and what those headers declare, can be seen in the shared library. */
#define GEE_EXPORT __attribute__((visibility("default")))

typedef struct gee_client gee_client_t;
typedef struct gee_xclient gee_xclient_t;
typedef struct gee_runtime gee_runtime_t;
typedef struct gee_pending gee_pending_t;

/* The version of the library that runs, "0.1.0". */
GEE_EXPORT const char *gee_version_text(void);

/* ---- runtimes ---- */

typedef enum gee_runtime_mode {
    GEE_RUNTIME_BACKGROUND, /* a thread of its own, for several clients to share */
    GEE_RUNTIME_MANUAL      /* nothing happens but in gee_runtime_process() and in functions that wait */
} gee_runtime_mode_t;

GEE_EXPORT gee_runtime_t *gee_runtime_create(gee_runtime_mode_t mode, gee_error_t *error);
/* Leaves null; a null *runtime is allowed. -1, with *runtime unchanged: clients on the runtime are not closed. In a child of
 * the process that made the runtime only *runtime is changed. Not from a callback. */
GEE_EXPORT int gee_runtime_destroy(gee_runtime_t **runtime, gee_error_t *error);

/* Manual: readable (poll, select, epoll with or without EPOLLET) when gee_runtime_process() has something to do, timers
 * included. The descriptor is the runtime's: not to be read or closed. */
GEE_EXPORT int gee_runtime_descriptor(const gee_runtime_t *runtime);
/* Manual: does what there is to do, callbacks included, after waiting for it at most `max_wait_ns` (0: not at all, negative:
 * as long as it takes). One thread at a time. -1: a background runtime, from inside a callback, or the kernel refused. */
GEE_EXPORT int gee_runtime_process(gee_runtime_t *runtime, int64_t max_wait_ns, gee_error_t *error);

/* ---- dialling ---- */

/* Begin with { .size = sizeof(gee_dial_options_t) }: what is zero takes its default, also in later versions of the
 * library, which may have more members. Times are in nanoseconds; a negative one means no limit. Strings are copied. */
typedef struct gee_dial_options {
    size_t size;
    const char *codec;          /* "json" (the default), "bin", "gob" (with "netrpc" the only one, and the default) */
    const char *protocol;       /* "geerpc" (the default), "netrpc" and "jsonrpc" as Go's net/rpc speaks them */
    int64_t connect_timeout_ns; /* resolving, connecting and the handshake together; 10 s */
    int64_t handle_timeout_ns;  /* what the server is asked to bound the handling of each call by; none */
    int64_t write_timeout_ns;   /* without any progress in sending; then the connection is given up; 60 s */
    int64_t read_timeout_ns;    /* from the first byte of a reply to its last; 60 s */
    uint64_t message_limit;     /* bytes of one reply, header and body together, past which its call fails with
                                 * GEE_RESOURCE_EXHAUSTED; 4 MiB */
    gee_runtime_t *runtime;     /* outlives the client; a background thread of its own */
    /* The server's public key, "gee-pub:...": connections are sealed (docs/seal.md), and to a server that cannot prove to
     * have the secret key there is none. Null: they are in clear. */
    const char *server_key;
    const char *key_file; /* our own secret key, with server_key; null: we stay anonymous */
} gee_dial_options_t;

/* Connects, and waits until the connection can be used. `options` may be null. Null: failed. Not from a callback.
 *
 * A connection that is lost is not dialled anew: what is called afterwards fails with GEE_UNAVAILABLE. But a server that is
 * about to stop asks for no more calls on it, where the wire can say that (geerpc with the codec bin). It is closed then when
 * its calls have ended, and the next call dials; a ping does not. */
GEE_EXPORT gee_client_t *gee_dial(const char *address, const gee_dial_options_t *options, gee_error_t *error);

/* Calls that are in flight fail with GEE_CANCELLED; their callbacks, and the functions that wait on other threads, are through
 * when this returns. No call may be started any more; pendings stay valid until they are released. From a callback it returns
 * at once, and what is in flight ends after the callback has returned. Leaves null; a null *client is allowed. */
GEE_EXPORT void gee_client_close(gee_client_t **client);

/* The address as it was dialled. Lives as long as the client. */
GEE_EXPORT const char *gee_client_address(const gee_client_t *client);

/* ---- calling ---- */

typedef struct gee_metadata_pair {
    const char *key, *value;
} gee_metadata_pair_t;

/* Begin with { .size = sizeof(gee_call_options_t) }, as above. */
typedef struct gee_call_options {
    size_t size;
    int64_t timeout_ns; /* of the whole call; it travels with the call and bounds the handling too; none */
    const gee_metadata_pair_t *metadata;
    size_t metadata_count;
    /* Typed calls that are waited for: where strings, bytes, lists, maps and optionals of the reply are put, so that they live
     * as long as the pool. Needed only when the reply's type has such. */
    gee_pool_t *pool;
    bool idempotent; /* an xclient may try it on another server when its fate is unknown */
    const char *key; /* for an xclient that balances by "hash": calls with the same key go to the same server */
    /* Refuse the call, with GEE_FAILED_PRECONDITION and before anything is sent, on a wire that has no place for metadata, a
     * timeout or a status code (docs/protocol.md has the table). Otherwise what has no place is left out: the timeout is kept here
     * only, and error replies have the code GEE_UNKNOWN. */
    bool strict;
} gee_call_options_t;

/* Calls `method` ("Arith.Multiply") and waits for its reply. `arguments_json`: one JSON value; null is "{}". On success
 * *reply_json is the reply, one JSON value, terminated, to be given to gee_free(); `reply_json` may be null. With the codec
 * bin, the client asks the server once for the types of the method (Gee.Describe) and keeps them. With gob, which has
 * types of its own, an object is sent as a struct, a number without a point or exponent as an integer, any other as
 * floating point; what the server's own types refuse comes back as its error reply.
 * 0, or -1 with the reason. Not from a callback. */
GEE_EXPORT int gee_client_call(gee_client_t *client, const char *method, const char *arguments_json, char **reply_json,
                               const gee_call_options_t *options, gee_error_t *error);

/* GEE_ARGUMENT(args_t, &args), GEE_REPLY(int64_t, &product): a type's description and a pointer to a value of it; the
 * compiler warns when they do not belong together. */
#define GEE_ARGUMENT(T, pointer) GEE_TYPE_OF(T), (1 ? (pointer) : (const T *)NULL)
#define GEE_REPLY(T, pointer)    GEE_TYPE_OF(T), (1 ? (pointer) : (T *)NULL)

/* The same with values in memory. *reply is written on success only. `reply_type` and `reply` may be null: the reply is not
 * looked at. */
GEE_EXPORT int gee_client_call_typed(gee_client_t *client, const char *method, const gee_type_t *argument_type,
                                     const void *arguments, const gee_type_t *reply_type, void *reply,
                                     const gee_call_options_t *options, gee_error_t *error);

/* One round trip to the server, on a wire that has pings (geerpc with the codec bin); on others it fails with
 * GEE_UNIMPLEMENTED. `timeout_ns` 0: none. *elapsed_ns, which may be null, is the time that it took. Not from a callback. */
GEE_EXPORT int gee_client_ping(gee_client_t *client, int64_t timeout_ns, int64_t *elapsed_ns, gee_error_t *error);

/* ---- calling without waiting ---- */

/* Called once, on the runtime's thread: it must not wait for anything. Everything that does not wait may be called from it,
 * gee_client_go() and gee_pending_release() included. */
typedef void (*gee_done_t)(gee_pending_t *pending, void *data);

/* As gee_client_call(), but returns at once. The arguments are copied or encoded before it returns. `done` may be null: then
 * somebody waits, or nobody wants to know. The pending is the caller's, to be released, also when `done` was called before
 * this returns. Null: not sent, `done` will not be called. */
GEE_EXPORT gee_pending_t *gee_client_go(gee_client_t *client, const char *method, const char *arguments_json,
                                        const gee_call_options_t *options, gee_done_t done, void *data,
                                        gee_error_t *error);
/* `reply_type` null: the reply is not looked at. */
GEE_EXPORT gee_pending_t *gee_client_go_typed(gee_client_t *client, const char *method, const gee_type_t *argument_type,
                                              const void *arguments, const gee_type_t *reply_type,
                                              const gee_call_options_t *options, gee_done_t done, void *data,
                                              gee_error_t *error);

/* Waits at most `timeout_ns` (0: not at all, negative: as long as it takes) until it has ended and its `done` has returned.
 * True: it has ended. Several threads may wait. On a manual runtime it processes meanwhile. Not from a callback. */
GEE_EXPORT bool gee_pending_wait(gee_pending_t *pending, int64_t timeout_ns);
/* Null when it succeeded; else why not. These three: once it has ended, and valid until it is released. */
GEE_EXPORT const gee_error_t *gee_pending_error(const gee_pending_t *pending);
/* The reply as JSON, terminated; null when it failed or is typed. */
GEE_EXPORT const char *gee_pending_json(const gee_pending_t *pending);
/* The reply as a value of its type, with all that it points to; null when it failed, is JSON or was not looked at. */
GEE_EXPORT const void *gee_pending_reply(const gee_pending_t *pending);
/* It ends with GEE_CANCELLED, unless it has ended before; the server is told where the wire can. Any thread. */
GEE_EXPORT void gee_pending_cancel(gee_pending_t *pending);
/* The call goes on if it has not ended, and calls `done`, whose argument is valid until that returns. Any thread. Leaves null;
 * a null *pending is allowed. */
GEE_EXPORT void gee_pending_release(gee_pending_t **pending);

/* ---- many servers ---- */

/* Begin with { .size = sizeof(gee_xclient_options_t) }, as above. */
typedef struct gee_xclient_options {
    size_t size;
    const char *balance;            /* "random" (the default), "roundrobin", "least", "hash" */
    const gee_dial_options_t *dial; /* how each server is dialled; connect_timeout_ns bounds each attempt */
    int connections;                /* to one server, at most; 1 */
    int retries;             /* further servers that a failed call is tried on, when nothing of it was sent or it is
                                     * idempotent; 2, negative: none */
    int64_t fail_timeout_ns; /* a server that failed is tried again after a while, which doubles from 100 ms up to
                                     * this; 10 s; while all have failed, by the next call */
    /* Where the list comes from, and is kept up to date: "http://10.0.0.9:9999/_geerpc_/registry", "dns@name:9999",
     * "file@/etc/servers" (docs/registry.md). Whatever happens there, the last good list stays in force. Null: it is set by
     * the program. */
    const char *registry;
    const char *service; /* only servers that the registry has for this service; null: all */
    int64_t refresh_ns;  /* between two looks, where the registry cannot tell of changes; 10 s */
    size_t min_servers;  /* a shorter list is not taken; 0: an empty one is not, once there was another */
} gee_xclient_options_t;

/* Dials nothing yet; connections are made when calls need them, kept, and made anew when they are lost. The list may be
 * empty. Null: failed; an address that can never be dialled is a failure too. With a registry the given servers are those to
 * begin with; without any it waits for the first list, at most connect_timeout_ns, and fails when the registry does. Not from a
 * callback. */
GEE_EXPORT gee_xclient_t *gee_xclient_create(const gee_server_t *servers, size_t count,
                                             const gee_xclient_options_t *options, gee_error_t *error);
/* As gee_client_close(). */
GEE_EXPORT void gee_xclient_close(gee_xclient_t **xclient);
/* The whole new list. Servers that are in both keep their connections; those that are not in it any more get no new calls, and
 * their connections are closed when the calls on them have ended. -1: the list stays as it was. Not of a client that follows a
 * registry. Not from a callback. */
GEE_EXPORT int gee_xclient_set_servers(gee_xclient_t *xclient, const gee_server_t *servers, size_t count,
                                       gee_error_t *error);

/* As those of a client, to the server that the balancer picks. While the list is empty they fail with GEE_UNAVAILABLE. */
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
/* To every server of the list at once. Succeeds when all have, with the reply that came first; the first failure fails it,
 * with that reason, and cancels the others; so does a server that leaves the list before it could be connected. The text of an
 * error reply has its server's address in front here. Without servers it fails with GEE_UNAVAILABLE. Not from a callback. */
GEE_EXPORT int gee_xclient_broadcast(gee_xclient_t *xclient, const char *method, const char *arguments_json,
                                     char **reply_json, const gee_call_options_t *options, gee_error_t *error);
GEE_EXPORT int gee_xclient_broadcast_typed(gee_xclient_t *xclient, const char *method, const gee_type_t *argument_type,
                                           const void *arguments, const gee_type_t *reply_type, void *reply,
                                           const gee_call_options_t *options, gee_error_t *error);

GEE_EXPORT void gee_free(void *memory);

#ifdef __cplusplus
}
#endif

#endif
