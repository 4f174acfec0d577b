/* channel.h: the socket pair between master and worker: small messages, a descriptor with some of them.
 *
 *   master --ADOPT, RELEASE, GIVE, TAKE, QUIT, REOPEN, STATUS--> worker   worker --READY, FAILED, STATUS--> master
 *   master --QUIT, REOPEN, LEAVE--> helper                                helper --READY, FAILED, LEFT--> master
 *
 * SOCK_SEQPACKET keeps messages apart. Sending never blocks: messages that do not fit wait in the sender's channel. */
#ifndef GEE_PROC_CHANNEL_H
#define GEE_PROC_CHANNEL_H

#include "core/event/loop.h"

typedef enum gee_message_type {
    GEE_MESSAGE_READY = 1, /* the worker has started and can adopt sockets */
    GEE_MESSAGE_FAILED,    /* the worker cannot start and exits: text says why */
    GEE_MESSAGE_ADOPT,     /* serve this listening socket: number, slot, descriptor */
    GEE_MESSAGE_RELEASE,   /* stop serving a socket: number, slot; value 1: accept the connections that wait first */
    GEE_MESSAGE_QUIT,      /* stop accepting, exit after the last connection */
    GEE_MESSAGE_REOPEN,    /* a log file: number is the descriptor to replace by the one that comes along */
    GEE_MESSAGE_STATUS,    /* request and answer: value (connections), calls, in_flight */
    GEE_MESSAGE_LEAVE,     /* the server drains soon: take the server out of registries */
    GEE_MESSAGE_LEFT,      /* LEAVE is done */
    GEE_MESSAGE_GIVE, /* pass connections on over this socket (handover_packet.h): descriptor. Before or after QUIT */
    GEE_MESSAGE_TAKE  /* take over the connections that come over this socket: descriptor */
} gee_message_type_t;

#define GEE_MESSAGE_TEXT 600

typedef struct gee_message {
    uint32_t type;
    uint32_t number;
    uint32_t slot;
    uint32_t length; /* of text */
    uint64_t value;
    uint64_t calls;
    uint64_t in_flight;
    char text[GEE_MESSAGE_TEXT]; /* terminated once received */
} gee_message_t;

typedef struct gee_channel gee_channel_t;
struct gee_channel {
    gee_loop_t *loop;
    gee_watch_t watch; /* descriptor -1: the channel is closed */
    gee_list_t waiting;
    size_t waiting_count;
    /* The callee takes the descriptor (-1: none came). */
    void (*received)(gee_channel_t *channel, const gee_message_t *message, int descriptor);
    /* The other side is gone, or sent a malformed message. The channel is closed already. */
    void (*ended)(gee_channel_t *channel);
};

/* Takes the descriptor, an end of gee_rights_pair(). Precondition: `received` and `ended` are set. */
int gee_channel_open(gee_channel_t *channel, gee_loop_t *loop, int descriptor, gee_error_t *error);
/* Sends a copy of the message, and of the descriptor (-1: none). -1: the other side is gone or does not read. */
int gee_channel_send(gee_channel_t *channel, const gee_message_t *message, int descriptor);
/* Reports the messages that have arrived and were not read yet. */
void gee_channel_read(gee_channel_t *channel);
/* Has the kernel taken every message? */
static inline bool gee_channel_sent(const gee_channel_t *channel) {
    return channel->waiting_count == 0;
}
/* A closed channel stays closed. `ended` is not called. */
void gee_channel_close(gee_channel_t *channel);
/* In a process just forked: closes the parent's descriptors, those of waiting messages too: while a copy is open
 * here, the other end of its socket would not see the end. The memory stays as it is. */
void gee_channel_forget(const gee_channel_t *channel);

#endif
