/* helper_line.h: how workers reach the helper and the helper reaches workers.
 *
 *   worker 0 --\                                          /--> eventfd 0 --> worker 0
 *   worker 1 ---+-- requests (one socket pair) --> helper ----> eventfd 1 --> worker 1
 *
 * The server owns the socket pair, which outlives helpers and cycles: a message sent while no helper runs is read by
 * the next helper. Both ends stay open in the master. The cycle owns the eventfds. */
#ifndef GEE_PROC_HELPER_LINE_H
#define GEE_PROC_HELPER_LINE_H

#include "core/proc/server.h"
#include "core/rpc/engine.h"

#define GEE_HELPER_MESSAGE 3000 /* bytes of one message, at most */

typedef struct gee_helper_wires {
    gee_helper_line_t line; /* for the engine */
    gee_server_state_t *server;
    unsigned worker; /* index of this process; equal to `workers`: the helper */
    unsigned workers;
    int *wakes;
} gee_helper_wires_t;

/* In the master, for a cycle that is being opened; in `pool`. The first call makes the server's socket pair and lock.
 * Null: failed. */
gee_helper_wires_t *gee_helper_line_open(gee_server_state_t *server, unsigned workers, gee_pool_t *pool,
                                         gee_error_t *error);
void gee_helper_line_close(gee_helper_wires_t **wires);  /* the cycle's eventfds; leaves null */
void gee_helper_line_finish(gee_server_state_t *server); /* the server's sockets and lock */

/* In the helper: reads one message of a worker of any cycle. 0: a message; its module is null if the module is not
 * compiled in. -1: no message. */
typedef struct gee_helper_message {
    const gee_module_t *module;
    size_t module_index;
    unsigned worker; /* index in the sender's own cycle */
    size_t length;
    uint8_t bytes[GEE_HELPER_MESSAGE];
} gee_helper_message_t;
int gee_helper_line_read(const gee_helper_wires_t *wires, gee_helper_message_t *message);

/* In the helper: takes the helper's lock, which this process holds until its end. False: the helper before still
 * runs. */
bool gee_helper_line_take(const gee_helper_wires_t *wires);

#endif
