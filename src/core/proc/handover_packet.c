/* handover_packet.c: sending and receiving one packet. */
#include "core/proc/handover_packet.h"

#include <errno.h>
#include <unistd.h>

#include "core/event/rights.h"

int gee_packet_send(int socket, const gee_packet_t *packet, const void *bytes, size_t length, int descriptor) {
    const struct iovec parts[] = { { .iov_base = (void *)(uintptr_t)packet, .iov_len = sizeof *packet },
                                   { .iov_base = (void *)(uintptr_t)bytes, .iov_len = length } };
    return gee_rights_send(socket, parts, 2, descriptor);
}

int gee_packet_receive(int socket, gee_packet_t *packet, void *bytes, size_t *length, int *descriptor) {
    const struct iovec parts[] = { { .iov_base = packet, .iov_len = sizeof *packet },
                                   { .iov_base = bytes, .iov_len = GEE_HANDOVER_PIECE } };
    *length = 0;
    ssize_t received = gee_rights_receive(socket, parts, 2, descriptor);
    if (received < 0)
        return errno == EAGAIN || errno == EWOULDBLOCK ? 0 : -1;
    if ((size_t)received >= sizeof *packet) {
        *length = (size_t)received - sizeof *packet;
        return 1;
    }
    if (*descriptor >= 0)
        (void)close(*descriptor);
    *descriptor = -1;
    return -1;
}
