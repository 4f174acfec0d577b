/* connection.h: the serving side of one HTTP connection over an owner's stream: requests in their order, one at a time.
 *
 *   bytes -> reader -> HEAD: route chosen, 100 Continue -> DONE: handle() -> answer -> out -> the next request
 *                                                                  '-> upgrade: no longer HTTP
 *
 * While a handler has not answered nothing is read: pipelined requests wait with their sender. */
#ifndef GEE_HTTP_CONNECTION_H
#define GEE_HTTP_CONNECTION_H

#include "core/event/loop.h"
#include "core/http/guard.h"
#include "core/http/reader.h"
#include "core/http/route.h"

typedef struct gee_http_connection gee_http_connection_t;

/* Callbacks to the owner. All mandatory. */
typedef struct gee_http_host {
    /* Which route? Sets exchange->route, conf, engine, peer, forbidden. False: no route takes the request. `allow`
     * (room for 64 bytes) then has the methods that the path takes, and exchange->route is one of these routes; or
     * `allow` is empty: there is no such path. */
    bool (*find)(void *owner, gee_exchange_t *exchange, char allow[64]);
    gee_chain_t *(*out)(void *owner);
    void (*written)(void *owner); /* out has grown */
    void (*begun)(void *owner);   /* the first request's head is there: this is HTTP */
    void (*resume)(void *owner);  /* answered: the connection takes further bytes */
    /* The owner closes the stream once the output is written. `reason` is null in good order; else why the request was
     * refused. */
    void (*end)(void *owner, const char *reason);
    /* May this connection be upgraded? And: it is upgraded; the output is written, the bytes not consumed belong to
     * the next protocol. */
    bool (*may_upgrade)(void *owner);
    void (*upgraded)(void *owner, const gee_route_t *route);
} gee_http_host_t;

typedef struct gee_http_connection_options {
    gee_http_limits_t limits;
    gee_http_hosts_t hosts; /* outlive the connection */
    /* From a request's first byte to its last; but the owner times the first request's head. 0: none. */
    int64_t read_timeout_ns;
    int64_t idle_timeout_ns; /* between an answer and the next request's first byte. 0: none */
} gee_http_connection_options_t;

gee_http_connection_t *gee_http_connection_create(gee_loop_t *loop, const gee_http_connection_options_t *options,
                                                  const gee_http_host_t *host, void *owner, gee_error_t *error);
/* Tells a handler that has not answered that its client is gone. */
void gee_http_connection_destroy(gee_http_connection_t **connection);

/* Consumes at most one request. 0 consumed: more bytes are needed, or the connection is busy or has ended. */
void gee_http_connection_take(gee_http_connection_t *connection, const uint8_t *bytes, size_t length, size_t *consumed);
bool gee_http_connection_busy(const gee_http_connection_t *connection);  /* a handler has not answered */
bool gee_http_connection_quiet(const gee_http_connection_t *connection); /* no answer due, nothing half read */
/* When the request that is being read, or was read last, began; 0: the first request. */
int64_t gee_http_connection_began(const gee_http_connection_t *connection);
/* Takes no new request: the connection closes after the answer that is due, or the next answer; a handler that has not
 * answered is hurried. */
void gee_http_connection_drain(gee_http_connection_t *connection);

#endif
