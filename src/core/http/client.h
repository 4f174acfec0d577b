/* client.h: one HTTP request and its response, over a connection of its own.
 *
 *   start -> dial -> request -> response whole, or the reason -> answered()
 *
 * One deadline covers everything. For registries and other cold paths: connections are not kept. */
#ifndef GEE_HTTP_CLIENT_H
#define GEE_HTTP_CLIENT_H

#include "core/event/dial.h"
#include "core/http/message.h"
#include "core/http/reader.h"

typedef struct gee_http_call gee_http_call_t;

typedef struct gee_http_ask {
    const char *method;               /* "GET", "POST", "DELETE" */
    const char *host;                 /* the Host header; null: the place of the address */
    const char *target;               /* "/_geerpc_/registry?a=b" */
    const gee_http_header_t *headers; /* besides Host, Connection and Content-Length */
    size_t header_count;
    gee_bytes_t body;
    gee_http_limits_t limits; /* of the response; all 0: GEE_HTTP_LIMITS */
    int64_t timeout_ns;       /* 0: none */
} gee_http_ask_t;

/* `response` is null on failure: error->phase says how far the request came (resolve, connect, handshake, send, wait)
 * and the text names the address. Every status is a response. Views and response live during this call only. Called
 * exactly once, never from inside gee_http_start(). */
typedef void (*gee_http_answered_t)(void *data, const gee_http_message_t *response, const gee_error_t *error);

/* All of `ask` is copied. `threads` may be null: then names cannot be resolved. Null: the request cannot even begin,
 * and answered() is not called. */
gee_http_call_t *gee_http_start(gee_loop_t *loop, gee_thread_pool_t *threads, const gee_transport_t *transport,
                                const gee_addr_t *addr, const gee_http_ask_t *ask, gee_http_answered_t answered,
                                void *data, gee_error_t *error);
void gee_http_cancel(gee_http_call_t **call); /* answered() is not called */

/* "http://10.0.0.9:9999/_geerpc_/registry" to tcp@10.0.0.9:9999 and the target "/_geerpc_/registry", which points
 * into `url` or is "/". The port is 80 where none is given. Other schemes are refused with a text that says which is
 * taken. */
int gee_http_parse_url(const char *url, gee_addr_t *addr, const char **target, gee_error_t *error);

#endif
