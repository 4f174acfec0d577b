/* frame_peer.h: a server that does what a test tells it and counts what it sees: GeeRPC's bin frames over plain
 * sockets, without any of the code under test.
 *
 *   Peer.Add {a, b}  answers a + b                      Peer.Fail  answers with the error "refused by the peer"
 *   Peer.Who         answers the peer's number          Peer.Drop  closes the connection without an answer
 *   Peer.Keep {a, b} answers a + b, but only when frame_peer_release() says so or release_at calls are kept
 *
 *   Peer.Drain       as Peer.Keep; asks before for no more calls on the connection, and for a pong, to see that heard
 *
 * With `keeps_all` it keeps calls of Peer.Who and Peer.Fail in the same way.
 *
 * It runs on a thread of its own; everything here may be used from any thread. */
#ifndef TEST_FRAME_PEER_H
#define TEST_FRAME_PEER_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FRAME_PEER_CONNECTIONS 64
#define FRAME_PEER_TIMES       64

typedef enum frame_peer_manner {
    FRAME_PEER_SERVES,
    FRAME_PEER_SILENT, /* reads and answers nothing, a CONNECT as little as a ping */
    FRAME_PEER_CLOSES  /* closes what it has, and what it accepts, at once */
} frame_peer_manner_t;

typedef struct frame_peer_held {
    unsigned connection; /* its number, counted by accepts */
    uint64_t seq;
    int64_t reply;
} frame_peer_held_t;

typedef struct frame_peer_connection {
    int descriptor;
    unsigned number;
    bool option_read;
    uint8_t *in, *out;
    size_t in_length, in_room, out_length, out_room;
} frame_peer_connection_t;

typedef struct frame_peer {
    char address[64];      /* tcp@127.0.0.1:PORT */
    char http_address[64]; /* http@127.0.0.1:PORT */
    int64_t number;

    atomic_uint accepted, open; /* connections: in all, and now */
    atomic_uint calls, cancels; /* requests and cancels that arrived */
    atomic_uint pings, pongs;   /* that arrived */
    atomic_uint kept;           /* calls that wait for a release now */
    atomic_uint release_at;     /* 0: never by itself */
    atomic_int manner;          /* frame_peer_manner_t */
    atomic_bool keeps_all;
    atomic_bool ignores_cancels; /* but counts them */
    atomic_bool ignores_pings;   /* the same */
    atomic_uint deaf;            /* connections with a smaller number: what comes on them is not looked at */

    /* The members below are the thread's own, but for the times of accepts that `accepted` has counted. */
    int64_t accepted_at[FRAME_PEER_TIMES]; /* monotonic ns */
    pthread_t thread;
    int listener, wake;
    atomic_bool stop, release;
    frame_peer_connection_t connections[FRAME_PEER_CONNECTIONS];
    size_t connection_count;
    frame_peer_held_t *held;
    size_t held_count, held_room;
} frame_peer_t;

frame_peer_t *frame_peer_start(int64_t number);
/* Closes everything. Leaves null; a null *peer is allowed. */
void frame_peer_stop(frame_peer_t **peer);
void frame_peer_behave(frame_peer_t *peer, frame_peer_manner_t manner);
/* Answers the calls that are kept, the latest first. */
void frame_peer_release(frame_peer_t *peer);

#endif
