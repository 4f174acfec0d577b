/* handover_packet.h: the packets on the socket between a worker that leaves and a worker that takes over its
 * connections.
 *
 *   leaving                                                          serving
 *     | OFFER id, total, offset 0, descriptor, first piece -------->  |
 *     | OFFER id, total, offset, further pieces ------------------->  |  import
 *     | <------------------------------- TAKEN id, or REFUSED id why  |  only then it reads from the descriptor
 *
 * SOCK_SEQPACKET keeps packets apart. Until the answer the old side neither reads from the descriptor nor writes to
 * it. When the socket ends without an answer, the other side has not read either, and the old side goes on. Records
 * are offered one after another; at most GEE_HANDOVER_WINDOW wait for an answer. A record that the other side cannot
 * take (too long, no free descriptor) is received to its end and then refused. The two workers may run different
 * versions of this program: the form of packets never changes, the form of records has a version (rpc/handover.h). */
#ifndef GEE_PROC_HANDOVER_PACKET_H
#define GEE_PROC_HANDOVER_PACKET_H

#include "core/base/record.h"

#define GEE_HANDOVER_WINDOW 64
#define GEE_HANDOVER_PIECE  (32UL * 1024) /* bytes of a record in one packet */
#define GEE_HANDOVER_TEXT   256

/* The reason when a descriptor that was sent has not arrived. */
#define GEE_HANDOVER_NO_DESCRIPTOR "no descriptor to be had (raise the limit of open files)"

typedef enum gee_packet_type { GEE_PACKET_OFFER = 1, GEE_PACKET_TAKEN, GEE_PACKET_REFUSED } gee_packet_type_t;

typedef struct gee_packet {
    uint32_t type;
    uint32_t id;
    uint64_t total, offset; /* of the record, in an OFFER */
} gee_packet_t;

/* Sends one packet with a descriptor (-1: none). Never blocks. 0, or -1 with errno. */
int gee_packet_send(int socket, const gee_packet_t *packet, const void *bytes, size_t length, int descriptor);
/* Receives one packet into `bytes`, which has room for GEE_HANDOVER_PIECE. Sets *length, and *descriptor, which the
 * caller owns; -1: none came, or this process may not open another descriptor. 1: a packet; 0: no packet now; -1: the
 * other side is gone (and all its packets were received), or sent a malformed packet. */
int gee_packet_receive(int socket, gee_packet_t *packet, void *bytes, size_t *length, int *descriptor);

#endif
