/* geerpc.h: the client library: dial an address, call a method, with JSON text in and out, whatever the wire speaks.
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
 * Threads: a client may be used by any number of threads at once. Each has one background thread, which has all signals
 * blocked. The library never exits, prints, or raises a signal.
 *
 * Errors: a function that fails returns -1 or null and fills *error (which may be null) with a code, a text for a person,
 * the phase in which it happened and the time spent. Trouble with the connection reads
 * "tcp@127.0.0.1:1: connect: Connection refused (0.2 ms)". The server's own error replies have from_peer set, and their
 * text is the server's, unchanged. What is wrong before anything was sent (an option, text that is not JSON) has the
 * phase GEE_PHASE_NONE.
 *
 * Fork: the background thread does not exist in a child. There a call on a client of the parent fails at once, with
 * GEE_FAILED_PRECONDITION; closing it touches neither the parent's connection nor the server. Dial anew in the child. */
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
#include "core/base/str.h"

/* Only these, and what the two headers declare, can be seen in the shared library. */
#define GEE_EXPORT __attribute__((visibility("default")))

typedef struct gee_client gee_client_t;

/* The version of the library that runs, "0.1.0". */
GEE_EXPORT const char *gee_version_text(void);

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
    uint64_t message_limit;     /* bytes of one reply, header and body together; 4 MiB */
} gee_dial_options_t;

/* Connects, and waits until the connection can be used. `options` may be null. Null: failed. */
GEE_EXPORT gee_client_t *gee_dial(const char *address, const gee_dial_options_t *options, gee_error_t *error);

/* Calls that are in flight on other threads fail with GEE_CANCELLED, and are through when this returns. No call may be
 * started any more. Leaves null; a null *client is allowed. */
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
} gee_call_options_t;

/* Calls `method` ("Arith.Multiply") and waits for its reply. `arguments_json`: one JSON value; null is "{}". On success
 * *reply_json is the reply, one JSON value, terminated, to be given to gee_free(); `reply_json` may be null. With the codec
 * bin, the client asks the server once for the types of the method (Gee.Describe) and keeps them. With gob, which has
 * types of its own, an object is sent as a struct, a number without a point or exponent as an integer, any other as
 * floating point; what the server's own types refuse comes back as its error reply.
 * 0, or -1 with the reason. */
GEE_EXPORT int gee_client_call(gee_client_t *client, const char *method, const char *arguments_json, char **reply_json,
                               const gee_call_options_t *options, gee_error_t *error);

GEE_EXPORT void gee_free(void *memory);

#ifdef __cplusplus
}
#endif

#endif
