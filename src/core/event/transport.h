/* transport.h: the interface of transport modules: how streams of one scheme are listened for, dialled, read,
 * written.
 *
 * A transport is stateless: the descriptor is all that it knows of a connection. All descriptors are non-blocking and
 * close-on-exec. The error texts of check, resolve and listen name the address; the texts of connect and connected
 * are the bare reason ("Connection refused"), which the caller puts behind address and phase. One suite,
 * tests/contract/transport_contract.c, holds every transport to this contract. */
#ifndef GEE_EVENT_TRANSPORT_H
#define GEE_EVENT_TRANSPORT_H

#include <stdbool.h>
#include <sys/types.h>
#include <sys/uio.h>

#include "core/event/addr.h"
#include "core/event/layer.h"

typedef struct gee_listen_options {
    int backlog;     /* <= 0: the system's maximum */
    unsigned mode;   /* permission bits of a socket file; 0: as the umask leaves them */
    bool reuse_port; /* several sockets on one address: the kernel spreads connections (TCP) */
} gee_listen_options_t;

typedef struct gee_transport {
    const char *scheme; /* "tcp": the part before @; [a-z]+, at most 15 */

    /* One socket a worker (SO_REUSEPORT) when true; one for all workers when false. */
    bool socket_per_worker;

    /* Mandatory. Is the place well-formed for this scheme? Never blocks, resolves nothing. */
    int (*check)(const gee_addr_t *addr, gee_error_t *error);

    /* Mandatory. Candidates for `addr`, in the order to try; *count says how many there are (at most `capacity`, at
     * least one on success). May block on DNS when the host is a name: the core calls resolve() on a pool thread
     * unless numeric() is true. */
    int (*resolve)(const gee_addr_t *addr, gee_sockaddr_t *candidates, size_t capacity, size_t *count,
                   gee_error_t *error);
    /* Mandatory. True when resolve() of this address does not block. */
    bool (*numeric)(const gee_addr_t *addr);

    /* Mandatory. A bound, listening socket for an address that resolve() gave, or -1. The first socket on port 0 gets
     * a free port; the caller reads it back. A stale socket file (nobody accepts there) is replaced; a live socket is
     * an error. */
    int (*listen)(const gee_sockaddr_t *address, const gee_listen_options_t *options, gee_error_t *error);
    /* Optional. Removes what listen() left outside the descriptor (the socket file). Does not close the descriptor. */
    void (*unlisten)(const gee_sockaddr_t *address);
    /* Mandatory. The next connection, or -1 with errno (EAGAIN when there is none). Sets the socket's options. */
    int (*accept)(int listener, gee_sockaddr_t *peer);

    /* Mandatory. A socket whose connect has been started, or -1. The socket is writable when the outcome is known. */
    int (*connect)(const gee_sockaddr_t *address, gee_error_t *error);
    /* Mandatory. The outcome, once writable: 0, or -1 with the reason. */
    int (*connected)(int descriptor, gee_error_t *error);

    /* Mandatory. As recv(2) and writev(2): bytes, 0 at the end of the stream (receive), or -1 with errno. Never raises
     * SIGPIPE. */
    ssize_t (*receive)(int descriptor, void *bytes, size_t capacity);
    ssize_t (*send)(int descriptor, const struct iovec *vector, int count);

    /* Optional. For a dialled socket: bytes that the peer's host does not acknowledge for so long end the connection.
     * Otherwise a host that vanishes without a word would keep the connection for a quarter of an hour. */
    void (*limit_unacknowledged)(int descriptor, int64_t timeout_ns);

    /* Optional. A layer that is pushed onto every stream that this transport dials (http@: the CONNECT handshake). */
    const gee_layer_t *dial_layer; /* `setup` of its start(): the const gee_addr_t that is dialled */
} gee_transport_t;

/* ---- socket.c: for transports over sockets ---- */
ssize_t gee_socket_receive(int descriptor, void *bytes, size_t capacity);
ssize_t gee_socket_send(int descriptor, const struct iovec *vector, int count);
/* Takes the pending error of a socket: an errno, or 0. */
int gee_socket_error(int descriptor);
/* The outcome of a connect, as gee_transport_t's connected(). */
int gee_socket_connected(int descriptor, gee_error_t *error);
/* accept4, non-blocking and close-on-exec; connections that died in the queue are passed over. */
int gee_socket_accept(int listener, gee_sockaddr_t *peer);
/* The code that goes with an errno of a socket call. */
gee_code_t gee_socket_code(int reason);

/* ---- tcp.c: for transports over TCP: members of gee_transport_t for a place of the form host:port ---- */
int gee_tcp_check(const gee_addr_t *addr, gee_error_t *error);
bool gee_tcp_numeric(const gee_addr_t *addr);
int gee_tcp_resolve(const gee_addr_t *addr, gee_sockaddr_t *candidates, size_t capacity, size_t *count,
                    gee_error_t *error);
int gee_tcp_listen(const gee_sockaddr_t *address, const gee_listen_options_t *options, gee_error_t *error);
int gee_tcp_accept(int listener, gee_sockaddr_t *peer);
int gee_tcp_connect(const gee_sockaddr_t *address, gee_error_t *error);
int gee_tcp_connected(int descriptor, gee_error_t *error);
void gee_tcp_limit_unacknowledged(int descriptor, int64_t timeout_ns);

#endif
