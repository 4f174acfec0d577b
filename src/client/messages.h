/* messages.h: a queue of messages from one thread to another: one thread puts, another thread takes.
 *
 *   put -> [ filling ]  -- exchanged, when the taker has taken all of -->  [ draining ] -> take
 *
 * A message is 4 bytes of length, the body, and a zero. The lock is held to put a message and to exchange the two
 * buffers, not to take one message of many. The buffers keep their memory: in steady state no message allocates. The
 * bodies in each buffer take GEE_MESSAGES_LIMIT bytes and one message at most. Of putter and taker one is the loop,
 * which never waits; the other is the program, which waits for `word`. */
#ifndef GEE_CLIENT_MESSAGES_H
#define GEE_CLIENT_MESSAGES_H

#include <pthread.h>
#include <stdatomic.h>

#include "core/base/buf.h"

#define GEE_MESSAGES_LIMIT (32 * 1024)

typedef struct gee_message_buffer {
    uint8_t *bytes;
    size_t length, capacity;
} gee_message_buffer_t;

typedef struct gee_messages {
    pthread_mutex_t lock;
    atomic_uint word; /* for gee_runtime_await(): GEE_ENDED unless the program was told to wait */
    gee_message_buffer_t filling;
    bool stalled; /* the putter found no room */
    bool closed;  /* no message is put any more */

    /* Owned by the taker. */
    gee_message_buffer_t draining;
    size_t at;
} gee_messages_t;

typedef enum gee_messages_result {
    GEE_MESSAGES_FAILED = -1, /* out of memory */
    GEE_MESSAGES_CLOSED,      /* and for the taker: empty */
    GEE_MESSAGES_DONE,
    GEE_MESSAGES_FULL,
    GEE_MESSAGES_EMPTY
} gee_messages_result_t;

/* `word`: GEE_ENDED, or 0: the program waits from the beginning. */
int gee_messages_init(gee_messages_t *messages, unsigned word);
void gee_messages_destroy(gee_messages_t *messages);

/* The program puts a message, from `chain`, or where that is null, from `bytes`. *first: the taker had nothing left.
 * FULL: not put, the word is cleared, and a later take says that there is room. */
gee_messages_result_t gee_messages_offer(gee_messages_t *messages, const gee_chain_t *chain, const void *bytes,
                                         size_t length, bool *first);
/* The loop puts a message. FULL: put, but the loop is to wait until a take says that there is room. */
gee_messages_result_t gee_messages_deliver(gee_messages_t *messages, const void *bytes, size_t length);
/* The next message, valid until the next take: the taker may change the bytes, and a zero stands behind them.
 * *made_room: the putter waits for room, which is there now; else unchanged. EMPTY, with `wait`: the word is
 * cleared. */
gee_messages_result_t gee_messages_take(gee_messages_t *messages, bool wait, uint8_t **bytes, size_t *length,
                                        bool *made_room);
/* Any thread. What was put can still be taken. */
void gee_messages_close(gee_messages_t *messages);

#endif
