/* board.h: where each worker writes the state of its upstreams, for the page of any worker.
 *
 *   worker 0  slot [ foo: 3 waiting | tcp@10.0.0.1:9999 up 5 in flight ... | tcp@10.0.0.2:9999 down ... ]  --+
 *   worker 1  slot [ ... ]                                                                                --+--> sums
 *
 * A slot has one writer; neither writers nor readers wait (double_buffer.h). Records are as long as their texts: a
 * head, then each upstream followed by its backends. */
#ifndef PAGE_DEBUG_BOARD_H
#define PAGE_DEBUG_BOARD_H

#include <gee/page.h>

#define BOARD_NAME    "upstreams" /* the name for gee_prepare_t.shared() */
#define BOARD_VERSION 3u

/* A process's view of the memory, the same in all processes of one configuration. */
typedef struct board {
    uint8_t *memory;
    size_t slots;
    size_t capacity; /* bytes of one worker's records */
} board_t;

typedef struct board_slot board_slot_t;

typedef struct board_backend {
    uint32_t weight, state; /* gee_backend_state_t */
    uint64_t connections, in_flight, calls, failures, latency_us;
} board_backend_t;

/* Computes the room for the upstreams of the configuration. There is room for all backends in the settings, whatever
 * their names, and for some 20,000 in the lists of registries; backends without room are counted. */
void board_measure(board_t *board, const gee_prepare_t *prepare);
size_t board_size(const board_t *board);

/* ---- the writer ---- */
/* Takes a slot for this process; null: all slots are taken. */
board_slot_t *board_claim(const board_t *board, int64_t process);
void board_yield(board_slot_t *slot);
/* Writes the state of the engine's upstreams. */
void board_write(const board_t *board, board_slot_t *slot, const gee_engine_t *engine);

/* The steps of board_write(): begin, each upstream followed by its backends, publish. */
typedef struct board_writer {
    gee_double_buffer_t buffer;
    uint8_t *bytes;
    size_t length;
    struct board_head *head;
    struct board_upstream *upstream; /* the last upstream; null: none, or no room for it */
} board_writer_t;

void board_begin(board_writer_t *writer, const board_t *board, board_slot_t *slot);
void board_put_upstream(board_writer_t *writer, const char *name, const char *balance, uint64_t waiting);
void board_put_backend(board_writer_t *writer, const char *address, const board_backend_t *backend);
void board_publish(const board_writer_t *writer);

/* ---- the reader ---- */

typedef struct debug_backend {
    const char *address;
    board_backend_t sums; /* over the workers; the state is the worst one */
} debug_backend_t;

typedef struct debug_upstream {
    const char *name, *balance;
    uint64_t waiting;
    debug_backend_t *backends;
    size_t backend_count, backend_room;
    size_t next;               /* where the next backend of a worker's list is likely to be */
    const char *source;        /* of the list; null: the list is in the settings */
    gee_shared_report_t found; /* by the follower of the source */
} debug_upstream_t;

typedef struct debug_upstreams {
    debug_upstream_t *items;
    size_t count, room;
    size_t next;
    uint64_t left_out; /* backends that are missing for want of room; the most of any worker */
} debug_upstreams_t;

/* Reads all slots, into `pool`, in the order in which upstreams and backends come. -1: out of memory. */
int board_read(const board_t *board, gee_pool_t *pool, debug_upstreams_t *upstreams);
/* Null: no upstream of this name. The search begins at *next, which becomes the index behind the upstream. */
debug_upstream_t *debug_find_upstream(const debug_upstreams_t *upstreams, const char *name, size_t *next);

#endif
