/* channel.h: the socket pair between master and worker: small messages, a descriptor with some of them.
 *
 *   master --ADOPT, RELEASE, GIVE, TAKE, QUIT, REOPEN, STATUS--> worker   worker --READY, FAILED, STATUS--> master
 *   master --QUIT, REOPEN, LEAVE--> helper                                helper --READY, FAILED, LEFT--> master
 *
 * SOCK_SEQPACKET keeps messages apart. Sending never blocks: what does not fit waits here. */
#ifndef GEE_PROC_CHANNEL_H
#define GEE_PROC_CHANNEL_H

#include "core/event/loop.h"

typedef enum gee_message_type {
    GEE_MESSAGE_READY = 1, /* the worker has started; it serves what it is told to adopt */
    GEE_MESSAGE_FAILED,    /* it has not, and exits: text */
    GEE_MESSAGE_ADOPT,     /* serve this listening socket: number, slot, descriptor */
    GEE_MESSAGE_RELEASE,   /* stop serving: number, slot; value 1: accept first what waits */
    GEE_MESSAGE_QUIT,      /* stop accepting, leave when the last connection has */
    GEE_MESSAGE_REOPEN,    /* a log file: number is the descriptor to replace by the one that comes along */
    GEE_MESSAGE_STATUS,    /* asked, and answered: value connections, calls, in_flight */
    GEE_MESSAGE_LEAVE,     /* the server drains soon: other processes are to be told */
    GEE_MESSAGE_LEFT,      /* they were */
    GEE_MESSAGE_GIVE, /* pass your connections on over this socket (handover.h): descriptor. Before QUIT, or after */
    GEE_MESSAGE_TAKE  /* take those that come over this one: descriptor */
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
    gee_watch_t watch; /* its descriptor: -1 once closed */
    gee_list_t waiting;
    size_t waiting_count;
    /* `descriptor`, -1 when none came, is the callee's. */
    void (*received)(gee_channel_t *channel, const gee_message_t *message, int descriptor);
    /* The other side is gone, or talks nonsense; the channel is closed already. */
    void (*ended)(gee_channel_t *channel);
};

/* Takes the descriptor, an end of gee_rights_pair(). The structure is the caller's, with received and ended set. */
int gee_channel_open(gee_channel_t *channel, gee_loop_t *loop, int descriptor, gee_error_t *error);
/* Sends a copy of the message, and of the descriptor (-1: none). -1: the other side is gone or does not read. */
int gee_channel_send(gee_channel_t *channel, const gee_message_t *message, int descriptor);
/* Hands on what has arrived and was not read yet. */
void gee_channel_read(gee_channel_t *channel);
/* Whether everything has been handed to the kernel. */
static inline bool gee_channel_sent(const gee_channel_t *channel) {
    return channel->waiting_count == 0;
}
/* Allowed when it is closed. `ended` is not called. */
void gee_channel_close(gee_channel_t *channel);
/* In a process just forked: closes the descriptors that are the parent's business, those that wait to be sent among them
 * (one that stays open here would never seem to end to those who watch its other end). Its memory stays as it is. */
void gee_channel_forget(const gee_channel_t *channel);

#endif
