/* connection.h: the serving side of one HTTP connection, whoever owns its stream: requests in their order, one at a time.
 *
 *   bytes -> reader -> HEAD: route chosen, 100 Continue -> DONE: handle() -> answer -> out -> the next request
 *                                                                  '-> upgrade: no longer HTTP
 *
 * While an answer is awaited nothing is read: pipelined requests wait with their sender. */
#ifndef GEE_HTTP_CONNECTION_H
#define GEE_HTTP_CONNECTION_H

#include "core/event/loop.h"
#include "core/http/guard.h"
#include "core/http/reader.h"
#include "core/http/route.h"

typedef struct gee_http_connection gee_http_connection_t;

/* What the connection asks of its owner. All mandatory. */
typedef struct gee_http_host {
    /* Which route? Sets exchange->route, conf, engine, peer, grant. Otherwise: false, and `allow` (room for 64 bytes) has the
     * methods that the path does take, exchange->route one of those routes; or it is empty: there is no such path. */
    bool (*find)(void *owner, gee_exchange_t *exchange, char allow[64]);
    gee_chain_t *(*out)(void *owner);
    void (*written)(void *owner); /* out has grown */
    void (*begun)(void *owner);   /* the first request's head is there: this is HTTP */
    void (*resume)(void *owner);  /* answered: shall be given further bytes */
    /* The end, when what was written is gone. `reason` is null in good order; else why it was refused. */
    void (*end)(void *owner, const char *reason);
    /* May this connection be upgraded? And: it is; everything was written, the bytes not consumed are for others. */
    bool (*may_upgrade)(void *owner);
    void (*upgraded)(void *owner, const gee_route_t *route);
} gee_http_host_t;

typedef struct gee_http_connection_options {
    gee_http_limits_t limits;
    gee_http_hosts_t hosts; /* outlive the connection */
    int64_t
        read_timeout_ns; /* a request's first byte to its last; but the first one's head is the owner's to time. 0: none */
    int64_t idle_timeout_ns; /* between an answer and the next request's first byte. 0: none */
} gee_http_connection_options_t;

gee_http_connection_t *gee_http_connection_create(gee_loop_t *loop, const gee_http_connection_options_t *options,
                                                  const gee_http_host_t *host, void *owner, gee_error_t *error);
/* Tells a handler that still works that its client is gone. */
void gee_http_connection_destroy(gee_http_connection_t **connection);

/* Consumes at most one request. 0 consumed: more bytes are needed, or it is busy. After end() it must not be called. */
void gee_http_connection_take(gee_http_connection_t *connection, const uint8_t *bytes, size_t length, size_t *consumed);
bool gee_http_connection_busy(const gee_http_connection_t *connection);  /* an answer is awaited */
bool gee_http_connection_quiet(const gee_http_connection_t *connection); /* nothing awaited, nothing half read */
/* When the request that is being read, or was read last, began; 0: it is the first. */
int64_t gee_http_connection_began(const gee_http_connection_t *connection);
/* Takes no new request: the answer that is awaited, or the next one, closes; a handler that waits is hurried. */
void gee_http_connection_drain(gee_http_connection_t *connection);

#endif
