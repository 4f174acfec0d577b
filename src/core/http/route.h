/* route.h: pages: which function answers which path, and the exchange that the function works with.
 *
 *   module's table of routes -> request -> handle(exchange): now, or later -> gee_exchange_answer()
 *                                      `-> upgrade: the connection is no longer HTTP, the door reads its next bytes
 *
 * A module of any kind lists its routes in gee_module_t's `routes`; a module that has only routes is of the kind
 * GEE_MODULE_PAGE. Everything here runs on the loop's thread. */
#ifndef GEE_HTTP_ROUTE_H
#define GEE_HTTP_ROUTE_H

#include "core/http/message.h"
#include "core/http/response.h"

struct gee_engine; /* rpc/engine.h */
struct gee_layer;  /* event/layer.h */

typedef struct gee_exchange gee_exchange_t;
typedef struct gee_route gee_route_t;

#define GEE_ROUTE_PREFIX 1u /* and all paths below: "/a" is also "/a/b" */
/* For people who run the server: answered on listeners whose setting `pages` allows that, by default on those that only
 * this machine can reach. */
#define GEE_ROUTE_GUARDED 2u
/* For programs that watch over the server: answered there, and where `pages` allows only health routes. */
#define GEE_ROUTE_HEALTH 4u

struct gee_route {
    const char *path;    /* "/debug/geerpc"; null ends a table */
    const char *methods; /* "GET", "GET POST"; HEAD goes with GET */
    unsigned flags;
    /* Optional: the path when settings choose it; null: the route does not exist. */
    const char *(*place)(const void *conf);
    /* One of handle and upgrade. handle() answers, or returns and answers later. */
    void (*handle)(gee_exchange_t *exchange);
    /* The response before the connection is handed back to the door, "HTTP/1.0 200 …\r\n\r\n". Refused inside a
     * connection that was upgraded already. */
    const char *upgrade;
    const struct gee_layer *layer; /* optional: pushed onto the stream after `upgrade` */
    const char *wrong_method;      /* optional: the body of a 405, whole */
};

struct gee_exchange {
    const gee_http_message_t *request; /* valid until the answer */
    gee_http_response_t response;      /* to be filled, 200 and empty at first */
    const gee_route_t *route;
    struct gee_engine *engine; /* of this worker */
    void *conf;                /* the module's settings, null when it has none */
    const char *peer;          /* "tcp@127.0.0.1:40312" */
    bool forbidden;            /* the peer's identity does not list the route */

    /* For a handler that answers later; null again for the next request. */
    void *data;
    /* Instead of an answer: the client is gone. The exchange is invalid once this returns. Not called from inside
     * handle() or gee_exchange_answer(). */
    void (*gone)(gee_exchange_t *exchange);
    /* The worker stops soon: a long wait should be answered now. */
    void (*hurry)(gee_exchange_t *exchange);
    void (*finish)(gee_exchange_t *exchange); /* the core's own */
};

/* The response is complete. Exactly once; the exchange is invalid afterwards. */
void gee_exchange_answer(gee_exchange_t *exchange);

/* The path of the route; null or empty: the route does not exist. */
const char *gee_route_path(const gee_route_t *route, const void *conf);
bool gee_route_has_path(const gee_route_t *route, const void *conf, gee_str_t path);
bool gee_route_has_method(const gee_route_t *route, gee_str_t method);

#endif
