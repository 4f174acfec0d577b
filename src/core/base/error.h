/* error.h: how a call or an operation ends: a code (gRPC's numbers) and a text for a person.
 *
 * Public: geerpc.h includes this file. A gee_error_t is plain memory that the caller owns, usually on its stack; a
 * function that can fail takes a pointer to one as its last argument, fills it when it fails, and leaves the
 * structure alone when it succeeds. A null pointer is allowed everywhere: the caller does not want the text. */
#ifndef GEE_BASE_ERROR_H
#define GEE_BASE_ERROR_H

#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>

/* The numbers of gRPC's status codes (grpc/grpc doc/statuscodes.md), on every wire that carries a code. */
typedef enum gee_code {
    GEE_OK = 0,
    GEE_CANCELLED = 1,
    GEE_UNKNOWN = 2,
    GEE_INVALID_ARGUMENT = 3,
    GEE_DEADLINE_EXCEEDED = 4,
    GEE_NOT_FOUND = 5,
    GEE_ALREADY_EXISTS = 6,
    GEE_PERMISSION_DENIED = 7,
    GEE_RESOURCE_EXHAUSTED = 8,
    GEE_FAILED_PRECONDITION = 9,
    GEE_ABORTED = 10,
    GEE_OUT_OF_RANGE = 11,
    GEE_UNIMPLEMENTED = 12,
    GEE_INTERNAL = 13,
    GEE_UNAVAILABLE = 14,
    GEE_DATA_LOSS = 15,
    GEE_UNAUTHENTICATED = 16
} gee_code_t;

/* Where in a client's work a failure happened. */
typedef enum gee_phase {
    GEE_PHASE_NONE = 0,  /* not the failure of a connection */
    GEE_PHASE_RESOLVE,   /* turning a name into addresses */
    GEE_PHASE_CONNECT,   /* the kernel's connect */
    GEE_PHASE_HANDSHAKE, /* CONNECT, seal, Option */
    GEE_PHASE_SEND,      /* writing the request */
    GEE_PHASE_WAIT       /* waiting for the reply */
} gee_phase_t;

#define GEE_ERROR_TEXT 512

typedef struct gee_error {
    gee_code_t code;
    gee_phase_t phase;
    bool from_peer;            /* the peer's own error reply; otherwise something failed on the way */
    int64_t elapsed_ns;        /* time spent on the operation, where it was measured; else 0 */
    char text[GEE_ERROR_TEXT]; /* always terminated; cut at the end when too long, at a UTF-8 boundary */
} gee_error_t;

#pragma GCC visibility push(default) /* libgeerpc exports what follows */

/* Sets code and text, clears the rest. Returns -1, so that `return gee_error_set(error, …)` fails the caller. */
int gee_error_set(gee_error_t *error, gee_code_t code, const char *format, ...) __attribute__((format(printf, 3, 4)));
int gee_error_vset(gee_error_t *error, gee_code_t code, const char *format, va_list arguments)
    __attribute__((format(printf, 3, 0)));

/* Puts text before the text that is there ("argument A: " before "not a number"); keeps the code. Returns -1. */
int gee_error_prefix(gee_error_t *error, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* "not found", "deadline exceeded"; "unknown" for a number that is no code. Static memory. */
const char *gee_code_name(gee_code_t code);
/* "connect", "handshake"; "" for GEE_PHASE_NONE. Static memory. */
const char *gee_phase_name(gee_phase_t phase);

#pragma GCC visibility pop

#endif
