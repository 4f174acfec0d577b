/* rights.c: sendmsg and recvmsg with at most one descriptor. Neither ever waits. */
#include "core/event/rights.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

typedef union control_buffer {
    char bytes[CMSG_SPACE(sizeof(int))];
    struct cmsghdr align;
} control_buffer_t;

int gee_rights_pair(int ends[2], gee_error_t *error) {
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) != 0)
        return gee_error_set(error, GEE_UNAVAILABLE, "cannot make a socket pair: %s", strerror(errno));
    return 0;
}

int gee_rights_send(int socket, const struct iovec *parts, int count, int descriptor) {
    control_buffer_t control;
    struct msghdr header = { .msg_iov = (struct iovec *)(uintptr_t)parts, .msg_iovlen = (size_t)count };
    if (descriptor >= 0) {
        memset(&control, 0, sizeof control);
        header.msg_control = control.bytes;
        header.msg_controllen = sizeof control.bytes;
        struct cmsghdr *rights = CMSG_FIRSTHDR(&header);
        rights->cmsg_level = SOL_SOCKET;
        rights->cmsg_type = SCM_RIGHTS;
        rights->cmsg_len = CMSG_LEN(sizeof(int));
        memcpy(CMSG_DATA(rights), &descriptor, sizeof(int));
    }
    ssize_t sent;
    do
        sent = sendmsg(socket, &header, MSG_DONTWAIT | MSG_NOSIGNAL);
    while (sent < 0 && errno == EINTR);
    return sent < 0 ? -1 : 0;
}

/* The descriptor that came with a message, in *descriptor; -1: none. False: more than one came; all but the last are
 * closed. */
static bool take_descriptor(struct msghdr *header, int *descriptor) {
    size_t count = 0;
    *descriptor = -1;
    for (struct cmsghdr *part = CMSG_FIRSTHDR(header); part; part = CMSG_NXTHDR(header, part)) {
        if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS)
            continue;
        for (size_t at = CMSG_LEN(0); at + sizeof(int) <= part->cmsg_len; at += sizeof(int), count++) {
            int next;
            memcpy(&next, (const char *)part + at, sizeof next);
            if (*descriptor >= 0)
                (void)close(*descriptor);
            *descriptor = next;
        }
    }
    return count <= 1;
}

/* A side that dies with messages unread leaves an error in front of the messages that it has sent: the error is
 * passed over, once. */
static ssize_t receive(int socket, struct msghdr *header) {
    bool reset = false;
    for (;;) {
        ssize_t received = recvmsg(socket, header, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
        if (received >= 0 || (errno != EINTR && (errno != ECONNRESET || reset)))
            return received;
        reset = errno == ECONNRESET;
    }
}

ssize_t gee_rights_receive(int socket, const struct iovec *parts, int count, int *descriptor) {
    control_buffer_t control;
    struct msghdr header = { .msg_iov = (struct iovec *)(uintptr_t)parts,
                             .msg_iovlen = (size_t)count,
                             .msg_control = control.bytes,
                             .msg_controllen = sizeof control.bytes };
    *descriptor = -1;
    ssize_t length = receive(socket, &header);
    if (length < 0)
        return -1;
    bool one = take_descriptor(&header, descriptor);
    if (one && length > 0 && !(header.msg_flags & MSG_TRUNC))
        return length;
    if (*descriptor >= 0)
        (void)close(*descriptor);
    *descriptor = -1;
    if (one && length == 0)
        return 0;
    errno = EMSGSIZE;
    return -1;
}
