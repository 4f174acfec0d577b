/* board.h: where each worker writes how its upstreams do, for the page of any of them.
 *
 *   worker 0  slot [ foo: 3 waiting | tcp@10.0.0.1:9999 up 5 in flight ... | tcp@10.0.0.2:9999 down ... ]  --+
 *   worker 1  slot [ ... ]                                                                               --+--> sums by name
 *
 * A slot has one writer; nobody waits for anybody (double_buffer.h). */
#ifndef PAGE_DEBUG_BOARD_H
#define PAGE_DEBUG_BOARD_H

#include <gee.h>

#define BOARD_NAME      "upstreams" /* what gee_prepare_t.shared() is asked for */
#define BOARD_VERSION   2u
#define BOARD_UPSTREAMS 64  /* of one worker; further ones are not shown */
#define BOARD_PEERS     256 /* of all its upstreams together; likewise */
#define BOARD_TEXT      64  /* bytes of a name; a longer one is cut */

typedef struct board_upstream {
    char name[BOARD_TEXT], balance[BOARD_TEXT];
    uint64_t waiting;
    uint32_t peers; /* of the slot's, from where those of the upstream before end */
} board_upstream_t;

typedef struct board_peer {
    char address[GEE_ADDR_TEXT];
    uint32_t weight, state; /* gee_peer_state_t */
    uint64_t connections, in_flight, calls, failures, latency_us;
} board_peer_t;

typedef struct board_content {
    uint32_t upstream_count, peer_count;
    board_upstream_t upstreams[BOARD_UPSTREAMS];
    board_peer_t peers[BOARD_PEERS];
} board_content_t;

typedef struct board_slot board_slot_t;
typedef struct board board_t;

size_t board_size(unsigned workers);
/* A slot for this process; null: all are taken. */
board_slot_t *board_claim(board_t *board, size_t size, int64_t process);
void board_yield(board_slot_t *slot);
/* To be filled, all of it, and then published. */
board_content_t *board_begin(board_slot_t *slot);
void board_publish(board_slot_t *slot, const board_content_t *content);
/* Both: how the engine's upstreams do now. */
void board_write(board_slot_t *slot, const gee_engine_t *engine);

/* ---- the reader ---- */

typedef struct debug_upstream {
    const char *name, *balance;
    uint64_t waiting;
    board_peer_t *peers; /* sums over the workers; the state is the one to worry about most */
    size_t peer_count;
    const char *source;        /* of the list; null: it stands in the settings */
    gee_shared_report_t found; /* there */
} debug_upstream_t;

/* In `pool`, in the order in which they were met. -1: out of memory. */
int board_read(const board_t *board, gee_pool_t *pool, debug_upstream_t **upstreams, size_t *count);

#endif
