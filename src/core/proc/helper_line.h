/* helper_line.h: how workers reach the helper and the helper reaches workers.
 *
 *   worker 0 --\                                          /--> eventfd 0 --> worker 0
 *   worker 1 ---+-- requests (one socket pair) --> helper ----> eventfd 1 --> worker 1
 *
 * The socket pair is the server's: it outlives helpers and cycles, so what was sent while none was there is read by the next
 * one. Both ends stay open in the master. The eventfds are the cycle's. */
#ifndef GEE_PROC_HELPER_LINE_H
#define GEE_PROC_HELPER_LINE_H

#include "core/proc/server.h"
#include "core/rpc/engine.h"

#define GEE_HELPER_MESSAGE 3000 /* bytes of one message, at most */

typedef struct gee_helper_wires {
    gee_helper_line_t line; /* for the engine */
    gee_server_state_t *server;
    unsigned worker; /* this process; `workers` is the helper */
    unsigned workers;
    int *wakes;
} gee_helper_wires_t;

/* In the master, for a cycle that is being opened; in `pool`. The structures that are the server's are made with the first. */
gee_helper_wires_t *gee_helper_line_open(gee_server_state_t *server, unsigned workers, gee_pool_t *pool,
                                         gee_error_t *error);
void gee_helper_line_close(gee_helper_wires_t **wires);  /* the cycle's part; leaves null */
void gee_helper_line_finish(gee_server_state_t *server); /* the server's */

/* In the helper: one message, from whichever cycle's worker. 0 with *module (null: none of ours), or -1: there is none. */
typedef struct gee_helper_message {
    const gee_module_t *module;
    size_t module_index;
    unsigned worker; /* of its own cycle */
    size_t length;
    uint8_t bytes[GEE_HELPER_MESSAGE];
} gee_helper_message_t;
int gee_helper_line_read(const gee_helper_wires_t *wires, gee_helper_message_t *message);

/* In the helper: is it the only one? While the one before lives, false. Held until the process ends. */
bool gee_helper_line_take(const gee_helper_wires_t *wires);

#endif
