/* handover_packet.h: what goes over the socket between a worker that leaves and one that takes its connections over.
 *
 *   leaving                                                          serving
 *     | OFFER id, total, offset 0, descriptor, first piece -------->  |
 *     | OFFER id, total, offset, further pieces ------------------->  |  import
 *     | <------------------------------- TAKEN id, or REFUSED id why  |  only then it reads from the descriptor
 *
 * SOCK_SEQPACKET keeps packets apart. Until the answer the old side neither reads nor writes; when the socket ends without
 * one, the other side has not read either, and the old side goes on. Records are offered one behind the other; at most
 * GEE_HANDOVER_WINDOW wait for their answer. One that the other side cannot take (too long, no descriptor to be had) is
 * received to its end all the same, and then refused. The two may be of different versions of this program: the form of packets
 * never changes, that of records has a version (rpc/handover.h). */
#ifndef GEE_PROC_HANDOVER_PACKET_H
#define GEE_PROC_HANDOVER_PACKET_H

#include "core/base/record.h"

#define GEE_HANDOVER_WINDOW 64
#define GEE_HANDOVER_PIECE  (32UL * 1024) /* bytes of a record in one packet */
#define GEE_HANDOVER_TEXT   256

/* Why a descriptor that was sent has not come. */
#define GEE_HANDOVER_NO_DESCRIPTOR "no descriptor to be had (raise the limit of open files)"

typedef enum gee_packet_type { GEE_PACKET_OFFER = 1, GEE_PACKET_TAKEN, GEE_PACKET_REFUSED } gee_packet_type_t;

typedef struct gee_packet {
    uint32_t type;
    uint32_t id;
    uint64_t total, offset; /* of the record, in an OFFER */
} gee_packet_t;

/* One packet, with the descriptor (-1: none). Never blocks. 0, or -1 with errno. */
int gee_packet_send(int socket, const gee_packet_t *packet, const void *bytes, size_t length, int descriptor);
/* One packet into `bytes`, which has room for GEE_HANDOVER_PIECE; *length says how many bytes came, *descriptor is the
 * caller's or -1, also when this process may not open another one. 1: a packet; 0: none now; -1: the other side is gone
 * (and everything that it had sent was received), or talks nonsense. */
int gee_packet_receive(int socket, gee_packet_t *packet, void *bytes, size_t *length, int *descriptor);

#endif
