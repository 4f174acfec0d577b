/* opening.h: what the first bytes of a connection are. Pure functions of the bytes. */
#ifndef GEE_RPC_OPENING_H
#define GEE_RPC_OPENING_H

#include "core/event/layer.h"

/* Two bytes b0 b1 tell most of it:
 *   C1                                   a sealed channel
 *   b0 >= F8, or 01..7F then 7F or >= F8 net/rpc: gob begins with a length and a negative type id (encoding/gob)
 *   { [ or white space                   JSON: the first known top-level key decides, in upper or lower case; an object
 *                                        without a known key is JSON-RPC
 *   A..Z                                 HTTP; "PRI * HTTP/2.0" is HTTP/2's preface (RFC 9113, 3.4)
 *   16 03                                TLS (RFC 8446, 5.1) */
typedef enum gee_opening {
    GEE_OPENING_MORE,   /* not decided yet */
    GEE_OPENING_SEAL,   /* C1 */
    GEE_OPENING_NETRPC, /* gob without an Option */
    GEE_OPENING_GEERPC, /* a JSON Option */
    GEE_OPENING_JSONRPC,
    GEE_OPENING_HTTP,
    GEE_OPENING_HTTP2, /* "PRI * HTTP/2.0": kept */
    GEE_OPENING_TLS,   /* kept */
    GEE_OPENING_UNKNOWN
} gee_opening_t;

#define GEE_OPENING_LIMIT 4096 /* bytes of JSON within which a known key must stand */

gee_opening_t gee_opening_read(const uint8_t *bytes, size_t length);
/* "net/rpc (gob)", for log lines. */
const char *gee_opening_name(gee_opening_t opening);
/* For claims(): YES when the bytes are `wanted`, MORE while undecided, else NO. */
gee_claim_t gee_opening_claim(const uint8_t *bytes, size_t length, gee_opening_t wanted);

/* Finds the end of one JSON object that comes in pieces, by its brackets and strings alone; whether it is JSON is for
 * its reader to say. Zeroed before the first byte. */
typedef struct gee_object_scan {
    size_t scanned;
    unsigned depth;
    bool in_string, escaped;
} gee_object_scan_t;
/* The length up to and with the closing brace (leading white space counts), 0 while the brace is not there, -1 when
 * the first byte that is no white space is not `{`. `bytes` begins at the same byte in every call. */
ptrdiff_t gee_object_scan(gee_object_scan_t *scan, const uint8_t *bytes, size_t length);

#endif
