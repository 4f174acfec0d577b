/* board.h: where each worker writes how its upstreams do, for the page of any of them.
 *
 *   worker 0  slot [ foo: 3 waiting | tcp@10.0.0.1:9999 up 5 in flight ... | tcp@10.0.0.2:9999 down ... ]  --+
 *   worker 1  slot [ ... ]                                                                                --+--> sums
 *
 * A slot has one writer; nobody waits for anybody (double_buffer.h). Records are as long as their texts: a head, then
 * each upstream with its servers behind it. */
#ifndef PAGE_DEBUG_BOARD_H
#define PAGE_DEBUG_BOARD_H

#include <gee/page.h>

#define BOARD_NAME    "upstreams" /* what gee_prepare_t.shared() is asked for */
#define BOARD_VERSION 3u

/* A process's view of the memory, the same in all processes of one configuration. */
typedef struct board {
    uint8_t *memory;
    size_t slots;
    size_t capacity; /* bytes of what one worker says */
} board_t;

typedef struct board_slot board_slot_t;

typedef struct board_peer {
    uint32_t weight, state; /* gee_backend_state_t */
    uint64_t connections, in_flight, calls, failures, latency_us;
} board_peer_t;

/* How much the upstreams of that configuration need. What stands in it fits, whatever it is called; of lists that
 * registries tell, some 20,000 servers, and what does not fit is counted. */
void board_measure(board_t *board, const gee_prepare_t *prepare);
size_t board_size(const board_t *board);

/* ---- the writer ---- */
/* A slot for this process; null: all are taken. */
board_slot_t *board_claim(const board_t *board, int64_t process);
void board_yield(board_slot_t *slot);
/* How the engine's upstreams do now. */
void board_write(const board_t *board, board_slot_t *slot, const gee_engine_t *engine);

/* The same by hand: begin, each upstream with its servers, publish. */
typedef struct board_writer {
    gee_double_buffer_t buffer;
    uint8_t *bytes;
    size_t length;
    struct board_head *head;
    struct board_upstream *upstream; /* the last one; null: none, or there was no room for it */
} board_writer_t;

void board_begin(board_writer_t *writer, const board_t *board, board_slot_t *slot);
void board_put_upstream(board_writer_t *writer, const char *name, const char *balance, uint64_t waiting);
void board_put_peer(board_writer_t *writer, const char *address, const board_peer_t *peer);
void board_publish(const board_writer_t *writer);

/* ---- the reader ---- */

typedef struct debug_peer {
    const char *address;
    board_peer_t sums; /* over the workers; the state is the one to worry about most */
} debug_peer_t;

typedef struct debug_upstream {
    const char *name, *balance;
    uint64_t waiting;
    debug_peer_t *peers;
    size_t peer_count, peer_room;
    size_t next;               /* where the next peer of a worker's list is likely to be */
    const char *source;        /* of the list; null: it stands in the settings */
    gee_shared_report_t found; /* there */
} debug_upstream_t;

typedef struct debug_upstreams {
    debug_upstream_t *items;
    size_t count, room;
    size_t next;
    uint64_t left_out; /* servers that are not there for want of room; the most of any worker */
} debug_upstreams_t;

/* In `pool`, in the order in which they were met. -1: out of memory. */
int board_read(const board_t *board, gee_pool_t *pool, debug_upstreams_t *upstreams);
/* Null: there is none of that name. `next` is where it is likely to be, and then where the one behind is. */
debug_upstream_t *debug_find_upstream(const debug_upstreams_t *upstreams, const char *name, size_t *next);

#endif
