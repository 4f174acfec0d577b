/* web.h: an HTTP server on loopback that says what a test tells it to, one connection at a time. */
#ifndef TEST_WEB_H
#define TEST_WEB_H

#include "support/watching.h"

#include <errno.h>
#include <sys/socket.h>

typedef struct web {
    gee_watch_t listening; /* -1: it is down */
    gee_watch_t connection;
    gee_loop_t *loop;
    unsigned port;
    char url[100];
    char heard[16384]; /* the request */
    size_t heard_length;
    bool heard_end;              /* the client has closed */
    int requests, requests_seen; /* whole ones so far; and by web_hear() */
    int64_t heard_ns;            /* when the last one was whole */
} web_t;

static inline void web_hang_up(web_t *web) {
    if (web->connection.descriptor < 0)
        return;
    gee_loop_unwatch(web->loop, &web->connection);
    close(web->connection.descriptor);
    web->connection.descriptor = -1;
}

static inline void web_readable(gee_watch_t *watch, uint32_t events) {
    web_t *web = GEE_CONTAINER(watch, web_t, connection);
    (void)events;
    ssize_t n = read(watch->descriptor, web->heard + web->heard_length, sizeof(web->heard) - 1 - web->heard_length);
    if (n <= 0) {
        web->heard_end = true;
        gee_loop_unwatch(web->loop, watch);
        return;
    }
    web->heard_length += (size_t)n;
    web->heard[web->heard_length] = '\0';
    if (strstr(web->heard, "\r\n\r\n") == NULL)
        return;
    web->requests++;
    web->heard_ns = gee_clock_monotonic();
}

/* The next one waits in the queue until this one has hung up. */
static inline void web_accept(gee_watch_t *watch, uint32_t events) {
    web_t *web = GEE_CONTAINER(watch, web_t, listening);
    (void)events;
    if (web->connection.descriptor >= 0 && !web->heard_end)
        return;
    web_hang_up(web);
    web->connection.descriptor = accept4(watch->descriptor, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    web->heard_length = 0;
    web->heard[0] = '\0';
    web->heard_end = false;
    if (web->connection.descriptor >= 0)
        assert_int_equal(gee_loop_watch(web->loop, &web->connection, EPOLLIN, NULL), 0);
}

static inline void web_up(web_t *web) {
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons((uint16_t)web->port) };
    socklen_t length = sizeof(address);
    int on = 1;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    web->listening.descriptor = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    setsockopt(web->listening.descriptor, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    assert_int_equal(bind(web->listening.descriptor, (struct sockaddr *)&address, length), 0);
    assert_int_equal(listen(web->listening.descriptor, 10), 0);
    assert_int_equal(getsockname(web->listening.descriptor, (struct sockaddr *)&address, &length), 0);
    web->port = ntohs(address.sin_port);
    assert_int_equal(gee_loop_watch(web->loop, &web->listening, EPOLLIN, NULL), 0);
}

/* Nobody listens, but the port stays known. */
static inline void web_down(web_t *web) {
    web_hang_up(web);
    if (web->listening.descriptor < 0)
        return;
    gee_loop_unwatch(web->loop, &web->listening);
    close(web->listening.descriptor);
    web->listening.descriptor = -1;
}

static inline web_t *web_create(gee_loop_t *loop) {
    web_t *web = calloc(1, sizeof(*web));
    assert_non_null(web);
    web->loop = loop;
    web->connection = (gee_watch_t){ .descriptor = -1, .ready = web_readable };
    web->listening = (gee_watch_t){ .descriptor = -1, .ready = web_accept };
    web_up(web);
    snprintf(web->url, sizeof(web->url), "http://127.0.0.1:%u/_geerpc_/registry", web->port);
    return web;
}

static inline void web_destroy(web_t **web) {
    web_down(*web);
    free(*web);
    *web = NULL;
}

/* Until there is a whole request that was not heard yet; its text. */
static inline const char *web_hear(web_t *web) {
    RUN_UNTIL(web->loop, web->requests > web->requests_seen);
    web->requests_seen = web->requests;
    return web->heard;
}

/* All of it, however much, and the end. */
static inline void web_say_bytes(web_t *web, const char *bytes, size_t length) {
    int64_t give_up = gee_clock_monotonic() + PATIENCE;
    while (length > 0 && !web->heard_end) {
        ssize_t n = send(web->connection.descriptor, bytes, length, MSG_NOSIGNAL);
        if (n > 0) {
            bytes += n;
            length -= (size_t)n;
            continue;
        }
        if (errno != EAGAIN)
            break; /* the client has had enough */
        assert_true(gee_clock_monotonic() < give_up);
        assert_int_equal(gee_loop_once(web->loop, GEE_MILLISECOND), 0);
    }
    web_hang_up(web);
}

/* A response with these header lines (each with its CR LF) and this body. */
static inline void web_say(web_t *web, const char *status, const char *headers, const char *body) {
    size_t size = strlen(status) + strlen(headers) + strlen(body) + 100;
    char *text = malloc(size);
    assert_non_null(text);
    int length =
        snprintf(text, size, "HTTP/1.1 %s\r\n%sContent-Length: %zu\r\n\r\n%s", status, headers, strlen(body), body);
    web_say_bytes(web, text, (size_t)length);
    free(text);
}

#endif
