/* connection.c: request after request: reads, chooses the route, calls its handler, writes, goes on or ends. */
#include "core/http/connection.h"

#include <stdlib.h>
#include <string.h>

#include "core/base/clock.h"

struct gee_http_connection {
    gee_loop_t *loop;
    gee_http_connection_options_t options;
    const gee_http_host_t *host;
    void *owner;
    gee_http_reader_t *reader;
    gee_timer_t timer; /* of the request that is being read, or of the time between two requests */
    int64_t began_ns;
    uint64_t requests;
    bool head_seen; /* of the request that is being read */
    bool busy;      /* handle() has not answered yet */
    bool handling;  /* handle() is on the stack */
    bool draining;
    bool ended;     /* end_connection() or upgraded() was called */
    char allow[64]; /* of a 405 */
    gee_exchange_t exchange;
};

static void end_connection(gee_http_connection_t *connection, const char *reason) {
    gee_timer_stop(connection->loop, &connection->timer);
    connection->ended = true;
    connection->host->end(connection->owner, reason);
}

/* False: out of memory; the connection has ended. */
static bool write_response(gee_http_connection_t *connection) {
    gee_exchange_t *exchange = &connection->exchange;
    bool head = gee_str_equal(exchange->request->method, GEE_STR("HEAD"));
    if (gee_http_response_send(&exchange->response, exchange->request->minor, head,
                               connection->host->out(connection->owner)) != 0) {
        end_connection(connection, "out of memory");
        return false;
    }
    connection->host->written(connection->owner);
    return true;
}

/* ---- time ---- */

static void start_timer(gee_http_connection_t *connection, int64_t duration) {
    if (duration <= 0)
        gee_timer_stop(connection->loop, &connection->timer);
    else if (gee_timer_start(connection->loop, &connection->timer, duration) != 0)
        end_connection(connection, "out of memory");
}

static void on_connection_timer(gee_timer_t *timer) {
    gee_http_connection_t *connection = GEE_CONTAINER(timer, gee_http_connection_t, timer);
    if (!gee_http_reader_begun(connection->reader)) {
        end_connection(connection, NULL);
        return;
    }
    gee_http_fail(&connection->exchange.response, 408, "the request did not become whole in time");
    connection->exchange.response.close = true;
    if (write_response(connection))
        end_connection(connection, "a request was begun and not completed in time (timeouts.read)");
}

/* ---- answering ---- */

static void forget_exchange(gee_http_connection_t *connection) {
    gee_http_response_clear(&connection->exchange.response);
    connection->exchange.route = NULL;
    connection->exchange.data = NULL;
    connection->exchange.gone = connection->exchange.hurry = NULL;
    gee_http_reader_reset(connection->reader);
    connection->head_seen = false;
}

/* The response is complete. Closes, or gets ready for the next request. */
static void conclude(gee_http_connection_t *connection) {
    gee_http_response_t *response = &connection->exchange.response;
    response->close = response->close || !connection->exchange.request->keep_alive || connection->draining;
    if (!write_response(connection))
        return;
    bool close = response->close;
    forget_exchange(connection);
    if (close)
        end_connection(connection, NULL);
    else
        start_timer(connection, connection->options.idle_timeout_ns);
}

static void finish_exchange(gee_exchange_t *exchange) {
    gee_http_connection_t *connection = GEE_CONTAINER(exchange, gee_http_connection_t, exchange);
    if (!connection->busy)
        return; /* a second answer: a defect of the handler, harmless */
    connection->busy = false;
    if (connection->handling)
        return; /* dispatch() goes on */
    conclude(connection);
    if (!connection->ended)
        connection->host->resume(connection->owner);
}

static void upgrade(gee_http_connection_t *connection) {
    const gee_route_t *route = connection->exchange.route;
    if (gee_chain_append(connection->host->out(connection->owner), route->upgrade, strlen(route->upgrade)) != 0) {
        end_connection(connection, "out of memory");
        return;
    }
    gee_timer_stop(connection->loop, &connection->timer);
    connection->ended = true;
    connection->host->written(connection->owner);
    connection->host->upgraded(connection->owner, route);
}

/* Precondition: the request is whole. */
static void dispatch(gee_http_connection_t *connection) {
    gee_exchange_t *exchange = &connection->exchange;
    gee_timer_stop(connection->loop, &connection->timer);
    if (exchange->response.status == 200 && exchange->route->upgrade != NULL) {
        upgrade(connection);
        return;
    }
    if (exchange->response.status == 200) {
        connection->busy = connection->handling = true;
        exchange->route->handle(exchange);
        connection->handling = false;
        if (connection->busy && connection->draining && exchange->hurry != NULL)
            exchange->hurry(exchange);
        if (connection->busy || connection->ended)
            return;
    }
    conclude(connection);
}

/* ---- reading ---- */

static void refuse_method(gee_exchange_t *exchange, const char *allow) {
    gee_http_response_t *response = &exchange->response;
    gee_http_fail(response, 405, NULL);
    if (exchange->route->wrong_method != NULL) {
        gee_inbox_clear(&response->body);
        gee_http_print(response, "%s", exchange->route->wrong_method);
    }
    gee_http_set_header(response, "Allow", gee_str(allow));
}

/* Chooses the route, before the body is there. A refusal sets the response's status, which then is no longer 200. */
static void choose(gee_http_connection_t *connection) {
    gee_exchange_t *exchange = &connection->exchange;
    gee_http_fault_t fault;
    connection->allow[0] = '\0';
    exchange->request = gee_http_reader_message(connection->reader);
    if (!gee_http_guard(exchange->request, connection->options.hosts, &fault)) {
        gee_http_fail(&exchange->response, fault.status, fault.text);
        return;
    }
    bool found = connection->host->find(connection->owner, exchange, connection->allow);
    if (!found && connection->allow[0] != '\0')
        refuse_method(exchange, connection->allow);
    else if (!found)
        gee_http_fail(&exchange->response, 404, "there is nothing here");
    else if (exchange->forbidden)
        gee_http_fail(&exchange->response, 403, "this client's line in seal.clients does not list the path");
    else if (exchange->request->unknown_expectation)
        gee_http_fail(&exchange->response, 417, "only 100-continue is known");
    else if (exchange->route->upgrade != NULL && !connection->host->may_upgrade(connection->owner))
        gee_http_fail(&exchange->response, 400, "this connection was upgraded already");
}

static void on_head(gee_http_connection_t *connection) {
    gee_exchange_t *exchange = &connection->exchange;
    connection->head_seen = true;
    if (connection->requests++ == 0)
        connection->host->begun(connection->owner);
    if (connection->requests == 1)
        start_timer(connection, connection->options.read_timeout_ns);
    if (connection->ended)
        return;
    choose(connection);
    if (exchange->response.status != 200) {
        gee_http_reader_discard_body(connection->reader);
        /* A client that waits for 100 Continue need not send a refused body: the next bytes may be that body or a new
         * request, so only closing is unambiguous. A refused tunnel ends, too: bytes for the tunnel may follow. */
        if (exchange->request->wants_continue || gee_str_equal(exchange->request->method, GEE_STR("CONNECT"))) {
            exchange->response.close = true;
            conclude(connection);
        }
    } else if (exchange->request->wants_continue) {
        static const char go_on[] = "HTTP/1.1 100 Continue\r\n\r\n";
        if (gee_chain_append(connection->host->out(connection->owner), go_on, sizeof(go_on) - 1) != 0)
            end_connection(connection, "out of memory");
        else
            connection->host->written(connection->owner);
    }
}

static void refuse_request(gee_http_connection_t *connection, const gee_http_fault_t *fault) {
    connection->exchange.request = gee_http_reader_message(connection->reader);
    gee_http_fail(&connection->exchange.response, fault->status, fault->text);
    connection->exchange.response.close = true;
    if (write_response(connection))
        end_connection(connection, fault->text);
}

/* The first byte of a later request than the first. */
static void note_beginning(gee_http_connection_t *connection) {
    connection->began_ns = connection->requests > 0 ? gee_loop_now(connection->loop) : 0;
    if (connection->requests > 0)
        start_timer(connection, connection->options.read_timeout_ns);
}

void gee_http_connection_take(gee_http_connection_t *connection, const uint8_t *bytes, size_t length,
                              size_t *consumed) {
    gee_http_progress_t progress = GEE_HTTP_HEAD;
    gee_http_fault_t fault;
    *consumed = 0;
    if (connection->busy || connection->ended)
        return;
    if (!gee_http_reader_begun(connection->reader))
        note_beginning(connection);
    while (!connection->ended && progress == GEE_HTTP_HEAD) {
        size_t taken = 0;
        progress = gee_http_reader_take(connection->reader, bytes + *consumed, length - *consumed, &taken, &fault);
        *consumed += taken;
        if (progress == GEE_HTTP_HEAD)
            on_head(connection);
    }
    if (connection->ended)
        return;
    if (progress == GEE_HTTP_REFUSED)
        refuse_request(connection, &fault);
    else if (progress == GEE_HTTP_DONE)
        dispatch(connection);
}

/* ---- its life ---- */

gee_http_connection_t *gee_http_connection_create(gee_loop_t *loop, const gee_http_connection_options_t *options,
                                                  const gee_http_host_t *host, void *owner, gee_error_t *error) {
    gee_http_connection_t *connection = calloc(1, sizeof(*connection));
    if (connection != NULL)
        connection->reader = gee_http_reader_create(GEE_HTTP_REQUEST, &options->limits, gee_loop_buffers(loop));
    if (connection == NULL || connection->reader == NULL) {
        free(connection);
        gee_error_set(error, GEE_RESOURCE_EXHAUSTED, "http: out of memory");
        return NULL;
    }
    connection->loop = loop;
    connection->options = *options;
    connection->host = host;
    connection->owner = owner;
    connection->timer.fire = on_connection_timer;
    connection->exchange.finish = finish_exchange;
    connection->exchange.request = gee_http_reader_message(connection->reader);
    gee_http_response_init(&connection->exchange.response, gee_loop_buffers(loop));
    return connection;
}

void gee_http_connection_destroy(gee_http_connection_t **slot) {
    gee_http_connection_t *connection = *slot;
    *slot = NULL;
    if (connection == NULL)
        return;
    if (connection->busy && connection->exchange.gone != NULL)
        connection->exchange.gone(&connection->exchange);
    gee_timer_stop(connection->loop, &connection->timer);
    gee_http_response_clear(&connection->exchange.response);
    gee_http_reader_destroy(&connection->reader);
    free(connection);
}

bool gee_http_connection_busy(const gee_http_connection_t *connection) {
    return connection->busy;
}

bool gee_http_connection_quiet(const gee_http_connection_t *connection) {
    return !connection->busy && !gee_http_reader_begun(connection->reader);
}

int64_t gee_http_connection_began(const gee_http_connection_t *connection) {
    return connection->began_ns;
}

void gee_http_connection_drain(gee_http_connection_t *connection) {
    connection->draining = true;
    if (connection->busy && connection->exchange.hurry != NULL)
        connection->exchange.hurry(&connection->exchange);
}
