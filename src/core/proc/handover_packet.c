/* handover_packet.c: sending and receiving one packet. */
#include "core/proc/handover_packet.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

typedef union control_buffer {
    char bytes[CMSG_SPACE(sizeof(int))];
    struct cmsghdr align;
} control_buffer_t;

int gee_packet_send(int socket, const gee_packet_t *packet, const void *bytes, size_t length, int descriptor) {
    control_buffer_t control;
    struct iovec parts[] = { { .iov_base = (void *)(uintptr_t)packet, .iov_len = sizeof *packet },
                             { .iov_base = (void *)(uintptr_t)bytes, .iov_len = length } };
    struct msghdr header = { .msg_iov = parts, .msg_iovlen = 2 };
    ssize_t sent;
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
    do
        sent = sendmsg(socket, &header, MSG_DONTWAIT | MSG_NOSIGNAL);
    while (sent < 0 && errno == EINTR);
    return sent < 0 ? -1 : 0;
}

static int descriptor_of(struct msghdr *header) {
    int descriptor = -1;
    for (struct cmsghdr *part = CMSG_FIRSTHDR(header); part; part = CMSG_NXTHDR(header, part))
        if (part->cmsg_level == SOL_SOCKET && part->cmsg_type == SCM_RIGHTS && part->cmsg_len == CMSG_LEN(sizeof(int)))
            memcpy(&descriptor, CMSG_DATA(part), sizeof(int));
    return descriptor;
}

int gee_packet_receive(int socket, gee_packet_t *packet, void *bytes, size_t *length, int *descriptor) {
    control_buffer_t control;
    struct iovec parts[] = { { .iov_base = packet, .iov_len = sizeof *packet },
                             { .iov_base = bytes, .iov_len = GEE_HANDOVER_PIECE } };
    struct msghdr header = {
        .msg_iov = parts, .msg_iovlen = 2, .msg_control = control.bytes, .msg_controllen = sizeof control.bytes
    };
    ssize_t received;
    *descriptor = -1;
    /* ECONNRESET: the other side has closed with packets of ours unread. It comes once, before those that it sent. */
    do
        received = recvmsg(socket, &header, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    while (received < 0 && (errno == EINTR || errno == ECONNRESET));
    if (received < 0)
        return errno == EAGAIN || errno == EWOULDBLOCK ? 0 : -1;
    *descriptor = descriptor_of(&header);
    if ((size_t)received >= sizeof *packet && !(header.msg_flags & MSG_TRUNC)) {
        *length = (size_t)received - sizeof *packet;
        return 1;
    }
    if (*descriptor >= 0)
        (void)close(*descriptor);
    *descriptor = -1;
    return -1;
}
