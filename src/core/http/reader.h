/* reader.h: from bytes to HTTP messages, strictly; for both roles.
 *
 *   bytes -> head.c: lines, checked and collected -> llhttp: the whole head at once -> HEAD
 *         -> llhttp: the body as it comes -> DONE
 *
 * Refused, because two readers could understand it differently (request smuggling): line feeds without carriage return
 * (but for CONNECT), folded lines, white space before a colon, control bytes, Content-Length twice or beside
 * Transfer-Encoding, codings other than a single "chunked". The connection must then be closed. */
#ifndef GEE_HTTP_READER_H
#define GEE_HTTP_READER_H

#include "core/base/buf.h"
#include "core/http/message.h"

typedef struct gee_http_limits {
    size_t line;      /* bytes of the first line, and of any other */
    size_t head;      /* bytes of all lines before the body */
    unsigned headers; /* lines of headers */
    size_t body;      /* bytes, decoded */
} gee_http_limits_t;

#define GEE_HTTP_LIMITS ((gee_http_limits_t){ .line = 8192, .head = 32768, .headers = 100, .body = 1024 * 1024 })

typedef enum gee_http_kind { GEE_HTTP_REQUEST, GEE_HTTP_RESPONSE } gee_http_kind_t;

typedef enum gee_http_progress {
    GEE_HTTP_MORE,   /* the bytes do not end the message */
    GEE_HTTP_HEAD,   /* once a message: everything but the body is there */
    GEE_HTTP_DONE,   /* the message is whole */
    GEE_HTTP_REFUSED /* *fault says why; nothing more can be read */
} gee_http_progress_t;

typedef struct gee_http_fault {
    int status;       /* what a server answers: 400, 413, 414, 431, 501, 505 */
    const char *text; /* what is wrong; static, holds nothing of the peer's */
} gee_http_fault_t;

typedef struct gee_http_reader gee_http_reader_t;

/* Null: out of memory. */
gee_http_reader_t *gee_http_reader_create(gee_http_kind_t kind, const gee_http_limits_t *limits,
                                          gee_buf_cache_t *cache);
void gee_http_reader_destroy(gee_http_reader_t **reader);
/* Forgets the message; the next bytes begin another. An idle reader holds no buffers. */
void gee_http_reader_reset(gee_http_reader_t *reader);

/* The response answers a HEAD request (no body follows, whatever the head says), or a CONNECT request (the same, and
 * lines may end with a bare line feed). Precondition: no byte of the response was taken yet. */
void gee_http_reader_answers_head(gee_http_reader_t *reader);
void gee_http_reader_answers_connect(gee_http_reader_t *reader);
/* The body is counted and checked, not kept. */
void gee_http_reader_discard_body(gee_http_reader_t *reader);

/* Takes *consumed of the bytes. HEAD and DONE leave the rest for the next call, which is allowed with length 0, and
 * must come after HEAD: a message without body is DONE then. The bytes need not stay. */
gee_http_progress_t gee_http_reader_take(gee_http_reader_t *reader, const uint8_t *bytes, size_t length,
                                         size_t *consumed, gee_http_fault_t *fault);
/* The peer ended its stream: DONE when that ends a response's body, else REFUSED. */
gee_http_progress_t gee_http_reader_end(gee_http_reader_t *reader, gee_http_fault_t *fault);
/* Has a message begun: were bytes consumed since the last reset? */
bool gee_http_reader_begun(const gee_http_reader_t *reader);
/* Valid from HEAD until the reset. */
const gee_http_message_t *gee_http_reader_message(const gee_http_reader_t *reader);

#endif
