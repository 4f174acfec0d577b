/* socket.c: the calls that every transport over sockets makes in the same way. */
#include "core/event/transport.h"

#include <errno.h>
#include <string.h>

#include "core/base/defs.h"

#define ACCEPT_ATTEMPTS 16 /* dead connections passed over in one call */

ssize_t gee_socket_receive(int descriptor, void *bytes, size_t capacity) {
    return recv(descriptor, bytes, capacity, 0);
}

ssize_t gee_socket_send(int descriptor, const struct iovec *vector, int count) {
    if (count == 1)
        return send(descriptor, vector[0].iov_base, vector[0].iov_len, MSG_NOSIGNAL);
    struct iovec *writable =
        (struct iovec *)(uintptr_t)vector; /* sendmsg does not write to the vector, though its type is not const */
    struct msghdr message = { .msg_iov = writable, .msg_iovlen = (size_t)count };
    return sendmsg(descriptor, &message, MSG_NOSIGNAL);
}

int gee_socket_error(int descriptor) {
    int reason = 0;
    socklen_t length = sizeof(reason);
    if (getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &reason, &length) != 0)
        return errno;
    return reason;
}

int gee_socket_connected(int descriptor, gee_error_t *error) {
    int reason = gee_socket_error(descriptor);
    return reason == 0 ? 0 : gee_error_set(error, gee_socket_code(reason), "%s", strerror(reason));
}

/* Does accept(2) report a connection that is gone already, or the network below? */
static bool connection_died(int reason) {
    switch (reason) {
    case EINTR:
    case ECONNABORTED:
    case EPROTO:
    case EPERM:
    case ENETDOWN:
    case ENOPROTOOPT:
    case EHOSTDOWN:
    case ENONET:
    case EHOSTUNREACH:
    case EOPNOTSUPP:
    case ENETUNREACH:
        return true;
    default:
        return false;
    }
}

int gee_socket_accept(int listener, gee_sockaddr_t *peer) {
    for (int attempt = 0; attempt < ACCEPT_ATTEMPTS; attempt++) {
        gee_sockaddr_t address;
        memset(&address, 0, sizeof(address));
        socklen_t length = sizeof(address);
        int descriptor = accept4(listener, &address.any, &length, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (descriptor >= 0) {
            if (peer)
                *peer = address;
            return descriptor;
        }
        if (!connection_died(errno))
            return -1;
    }
    errno = EAGAIN;
    return -1;
}

gee_code_t gee_socket_code(int reason) {
    switch (reason) {
    case EACCES:
    case EPERM:
        return GEE_PERMISSION_DENIED;
    case EADDRINUSE:
        return GEE_ALREADY_EXISTS;
    case EADDRNOTAVAIL:
    case EAFNOSUPPORT:
    case EINVAL:
        return GEE_INVALID_ARGUMENT;
    case EMFILE:
    case ENFILE:
    case ENOBUFS:
    case ENOMEM:
        return GEE_RESOURCE_EXHAUSTED;
    default:
        return GEE_UNAVAILABLE;
    }
}
