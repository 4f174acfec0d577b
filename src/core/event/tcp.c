/* tcp.c: sockets of TCP: how every transport over TCP (tcp@, http@) treats addresses and descriptors.
 *
 * A listener on an IPv6 address takes IPv6 connections only, [::] too: tcp@:port stands for 0.0.0.0 and [::], each a
 * candidate of its own. TCP_NODELAY is on (replies leave in one write anyway), keepalive finds peers that vanished. */
#include "core/event/transport.h"

#include <arpa/inet.h>
#include <errno.h>
#include <limits.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/base/defs.h"

/* A vanished peer is noticed after about two minutes without traffic. */
#define KEEPALIVE_IDLE     60 /* seconds */
#define KEEPALIVE_INTERVAL 15
#define KEEPALIVE_PROBES   4

int gee_tcp_check(const gee_addr_t *addr, gee_error_t *error) {
    char host[256];
    uint16_t port;
    return gee_addr_host_port(addr, host, &port, error);
}

static bool host_is_numeric(const char *host) {
    uint8_t ignored[sizeof(struct in6_addr)];
    return host[0] == '\0' || inet_pton(AF_INET, host, ignored) == 1 || inet_pton(AF_INET6, host, ignored) == 1;
}

bool gee_tcp_numeric(const gee_addr_t *addr) {
    char host[256];
    uint16_t port;
    return gee_addr_host_port(addr, host, &port, NULL) == 0 && host_is_numeric(host);
}

/* ---- resolve ---- */

static bool has_v6(void) {
    int descriptor = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (descriptor < 0)
        return false;
    close(descriptor);
    return true;
}

static size_t any_host(uint16_t port, gee_sockaddr_t *candidates, size_t capacity) {
    memset(candidates, 0, capacity * sizeof(*candidates));
    candidates[0].v4 = (struct sockaddr_in){ .sin_family = AF_INET, .sin_port = htons(port) };
    if (capacity < 2 || !has_v6())
        return 1;
    candidates[1].v6 = (struct sockaddr_in6){ .sin6_family = AF_INET6, .sin6_port = htons(port) };
    return 2;
}

static size_t take_results(const struct addrinfo *results, gee_sockaddr_t *candidates, size_t capacity) {
    size_t count = 0;
    for (const struct addrinfo *result = results; result && count < capacity; result = result->ai_next) {
        if (result->ai_addrlen > sizeof(candidates[count]))
            continue;
        memset(&candidates[count], 0, sizeof(candidates[count]));
        memcpy(&candidates[count], result->ai_addr, result->ai_addrlen);
        count++;
    }
    return count;
}

int gee_tcp_resolve(const gee_addr_t *addr, gee_sockaddr_t *candidates, size_t capacity, size_t *count,
                    gee_error_t *error) {
    char host[256], service[8];
    uint16_t port;
    if (gee_addr_host_port(addr, host, &port, error) != 0)
        return -1;
    if (host[0] == '\0') {
        *count = any_host(port, candidates, capacity);
        return 0;
    }
    snprintf(service, sizeof(service), "%u", (unsigned)port);
    struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV }, *results = NULL;
    hints.ai_flags |= host_is_numeric(host) ? AI_NUMERICHOST : AI_ADDRCONFIG;
    int outcome = getaddrinfo(host, service, &hints, &results);
    if (outcome != 0 && hints.ai_flags & AI_ADDRCONFIG) { /* a machine with loopback only has no family "configured" */
        hints.ai_flags &= ~AI_ADDRCONFIG;
        outcome = getaddrinfo(host, service, &hints, &results);
    }
    if (outcome != 0)
        return gee_error_set(error, GEE_UNAVAILABLE, "%s: resolve: %s", addr->text,
                             outcome == EAI_SYSTEM ? strerror(errno) : gai_strerror(outcome));
    *count = take_results(results, candidates, capacity);
    freeaddrinfo(results);
    return *count > 0 ? 0 : gee_error_set(error, GEE_UNAVAILABLE, "%s: resolve: the name has no address", addr->text);
}

/* ---- sockets ---- */

static int set(int descriptor, int level, int option, int value) {
    return setsockopt(descriptor, level, option, &value, sizeof(value));
}

/* Errors are ignored: these options make no difference to correctness. */
static void tune(int descriptor) {
    set(descriptor, IPPROTO_TCP, TCP_NODELAY, 1);
    set(descriptor, SOL_SOCKET, SO_KEEPALIVE, 1);
    set(descriptor, IPPROTO_TCP, TCP_KEEPIDLE, KEEPALIVE_IDLE);
    set(descriptor, IPPROTO_TCP, TCP_KEEPINTVL, KEEPALIVE_INTERVAL);
    set(descriptor, IPPROTO_TCP, TCP_KEEPCNT, KEEPALIVE_PROBES);
}

static int open_socket(const gee_sockaddr_t *address) {
    return socket(address->any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP);
}

static int listen_failed(const gee_sockaddr_t *address, int descriptor, const char *call, gee_error_t *error) {
    int reason = errno;
    char text[GEE_ADDR_TEXT];
    if (descriptor >= 0)
        close(descriptor);
    return gee_error_set(error, gee_socket_code(reason), "%s: %s: %s", gee_sockaddr_text(address, text), call,
                         strerror(reason));
}

int gee_tcp_listen(const gee_sockaddr_t *address, const gee_listen_options_t *options, gee_error_t *error) {
    int descriptor = open_socket(address);
    if (descriptor < 0)
        return listen_failed(address, descriptor, "socket", error);
    if (set(descriptor, SOL_SOCKET, SO_REUSEADDR, 1) != 0)
        return listen_failed(address, descriptor, "SO_REUSEADDR", error);
    if (options && options->reuse_port && set(descriptor, SOL_SOCKET, SO_REUSEPORT, 1) != 0)
        return listen_failed(address, descriptor, "SO_REUSEPORT", error);
    if (address->any.sa_family == AF_INET6 && set(descriptor, IPPROTO_IPV6, IPV6_V6ONLY, 1) != 0)
        return listen_failed(address, descriptor, "IPV6_V6ONLY", error);
    if (bind(descriptor, &address->any, gee_sockaddr_length(address)) != 0)
        return listen_failed(address, descriptor, "bind", error);
    /* The kernel lowers this to its maximum. */
    int backlog = options && options->backlog > 0 ? options->backlog : INT_MAX;
    if (listen(descriptor, backlog) != 0)
        return listen_failed(address, descriptor, "listen", error);
    return descriptor;
}

int gee_tcp_accept(int listener, gee_sockaddr_t *peer) {
    int descriptor = gee_socket_accept(listener, peer);
    if (descriptor >= 0)
        tune(descriptor);
    return descriptor;
}

int gee_tcp_connect(const gee_sockaddr_t *address, gee_error_t *error) {
    int descriptor = open_socket(address);
    if (descriptor < 0)
        return gee_error_set(error, gee_socket_code(errno), "socket: %s", strerror(errno));
    tune(descriptor);
    if (connect(descriptor, &address->any, gee_sockaddr_length(address)) == 0 || errno == EINPROGRESS || errno == EINTR)
        return descriptor;
    int reason = errno;
    close(descriptor);
    return gee_error_set(error, gee_socket_code(reason), "%s", strerror(reason));
}

/* Dialling a port of this machine on which nobody listens can connect a socket to itself: the kernel chooses that
 * very port as our own, and the two ends of the connection are one socket. */
static bool is_self(int descriptor) {
    gee_sockaddr_t here, there;
    socklen_t here_length = sizeof(here), there_length = sizeof(there);
    memset(&here, 0, sizeof(here));
    memset(&there, 0, sizeof(there));
    if (getsockname(descriptor, &here.any, &here_length) != 0 ||
        getpeername(descriptor, &there.any, &there_length) != 0 || here.any.sa_family != there.any.sa_family)
        return false;
    if (here.any.sa_family == AF_INET)
        return here.v4.sin_port == there.v4.sin_port && here.v4.sin_addr.s_addr == there.v4.sin_addr.s_addr;
    return here.v6.sin6_port == there.v6.sin6_port &&
           memcmp(&here.v6.sin6_addr, &there.v6.sin6_addr, sizeof(here.v6.sin6_addr)) == 0;
}

int gee_tcp_connected(int descriptor, gee_error_t *error) {
    if (gee_socket_connected(descriptor, error) != 0)
        return -1;
    return is_self(descriptor) ? gee_error_set(error, GEE_UNAVAILABLE, "%s", strerror(ECONNREFUSED)) : 0;
}

void gee_tcp_limit_unacknowledged(int descriptor, int64_t timeout_ns) {
    int64_t milliseconds = timeout_ns / GEE_MILLISECOND;
    set(descriptor, IPPROTO_TCP, TCP_USER_TIMEOUT, milliseconds < INT_MAX ? (int)milliseconds : INT_MAX);
}
