/* response.h: writing a response: status, headers and body are collected, then written in one piece.
 *
 * Running out of memory is remembered and becomes a 500 when the response is written: callers need not check each
 * line. */
#ifndef GEE_HTTP_RESPONSE_H
#define GEE_HTTP_RESPONSE_H

#include <stdarg.h>
#include <stdbool.h>

#include "core/base/buf.h"
#include "core/base/defs.h"
#include "core/base/str.h"

typedef struct gee_http_response {
    int status;          /* 200 at first */
    bool close;          /* the connection ends after the response */
    bool failed;         /* out of memory, or a header that cannot be written */
    bool has_type;       /* a Content-Type was set */
    gee_inbox_t headers; /* lines with their CR LF */
    gee_inbox_t body;
    gee_buf_t *shared_headers, *shared_body; /* null: none */
    size_t shared_headers_length, shared_body_length;
} gee_http_response_t;

void gee_http_response_init(gee_http_response_t *response, gee_buf_cache_t *cache);
void gee_http_response_clear(gee_http_response_t *response);

/* A header line. The core writes Content-Length, Connection and Date. A name or value with control bytes is a defect
 * of the caller: the response becomes a 500. */
void gee_http_set_header(gee_http_response_t *response, const char *name, gee_str_t value);
void gee_http_set_type(gee_http_response_t *response, const char *content_type);

/* ---- the body ---- */
void gee_http_write(gee_http_response_t *response, const void *bytes, size_t length);
void gee_http_print(gee_http_response_t *response, const char *format, ...) GEE_PRINTF(2, 3);
/* The same bytes for many responses, without copies; each takes a reference. Header lines with their CR LF; a body
 * behind the bytes of gee_http_write(). At most one call of each per response. */
void gee_http_share_headers(gee_http_response_t *response, gee_buf_t *lines, size_t length);
void gee_http_share_body(gee_http_response_t *response, gee_buf_t *bytes, size_t length);
/* Writes the text with & < > " ' as entities, bytes that are no UTF-8 and control bytes as the replacement character:
 * safe in HTML text and in quoted attributes. */
void gee_http_escape(gee_http_response_t *response, gee_str_t text);
/* Replaces body and headers by a short text: "404 Not Found: there is no such page\n". `detail` may be null. */
void gee_http_fail(gee_http_response_t *response, int status, const char *detail);

/* Appends the whole response to `out`. `minor`: of the request's version; `head`: the answer to a HEAD request. -1:
 * out of memory, nothing is appended. */
int gee_http_response_send(gee_http_response_t *response, unsigned minor, bool head, gee_chain_t *out);

#endif
