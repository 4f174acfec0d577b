/* layer.h: the interface of layers, which are pushed onto a stream at run time and change its bytes (a seal, CONNECT).
 *
 *   wire bytes -> receive() -> bytes for the layer above        bytes from above -> send() -> wire bytes
 *
 * The core allocates the state by state_size, zeroed. Nothing here blocks; everything runs on the stream's loop. */
#ifndef GEE_EVENT_LAYER_H
#define GEE_EVENT_LAYER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/buf.h"
#include "core/base/error.h"
#include "core/base/record.h"

struct gee_identity; /* rpc/identity.h */

typedef enum gee_claim { GEE_CLAIM_NO, GEE_CLAIM_YES, GEE_CLAIM_MORE } gee_claim_t;
typedef enum gee_role { GEE_SERVING, GEE_CALLING } gee_role_t;

typedef struct gee_layer {
    const char *name;
    size_t state_size;
    const struct gee_seal *seal; /* rpc/seal.h, of a layer that encrypts; null: none */

    /* Optional (a layer that only a transport or a route pushes has none). Do these first bytes of a stream (1 or more)
     * belong to this layer? MORE only while further bytes can change the answer; the door bounds how many. */
    gee_claim_t (*claims)(const uint8_t *bytes, size_t length);

    /* Mandatory. `setup`: what the listener or dialler configured for the layer, or null. May write first bytes to
     * `down`. */
    int (*start)(void *state, gee_role_t role, const void *setup, gee_chain_t *down, gee_error_t *error);
    /* Mandatory. Consumes bytes of `from_wire` (the rest comes again with more), appends bytes for the layer above to
     * `up`, and answers of the handshake to `down`. -1 ends the stream with the reason. */
    int (*receive)(void *state, gee_inbox_t *from_wire, gee_inbox_t *up, gee_chain_t *down, gee_error_t *error);
    /* Mandatory. Takes all of `from_above` and appends its wire form to `down`. Called only once the layer is
     * established. */
    int (*send)(void *state, gee_chain_t *from_above, gee_chain_t *down, gee_error_t *error);
    /* Mandatory. Is the handshake over? Until then bytes from above wait. */
    bool (*established)(const void *state);
    /* Optional. The orderly end of our direction (an authenticated end record). */
    int (*finish)(void *state, gee_chain_t *down, gee_error_t *error);
    /* Optional. The peer ended the stream: was that an orderly end? -1 with the reason when it was a truncation. */
    int (*ended)(void *state, gee_error_t *error);
    /* Optional. Once established: who the peer has proven to be; null: the peer was not asked. */
    const struct gee_identity *(*identity)(const void *state);
    /* Optional. Frees what the state refers to; the core frees the state. */
    void (*stop)(void *state);
    /* Optional, both or none (rpc/handover.h): export_state writes an established, serving state for another process;
     * import_state reads a record into a zeroed state, instead of start(). The record may hold any bytes; -1 with the
     * reason. */
    void (*export_state)(const void *state, gee_record_t *out);
    int (*import_state)(void *state, const void *setup, gee_record_reader_t *in, gee_error_t *error);
} gee_layer_t;

#endif
