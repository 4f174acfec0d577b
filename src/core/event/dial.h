/* dial.h: from an address to a connected stream, without blocking: resolve, connect to each candidate in turn, and let
 * the transport's layer, if it has one, shake hands.
 *
 * Names are resolved on a thread of the pool; numeric addresses and paths at once. One deadline covers the whole dial;
 * while several candidates are left each gets its share of the time, so that a dead host does not use up all of it. */
#ifndef GEE_EVENT_DIAL_H
#define GEE_EVENT_DIAL_H

#include "core/event/stream.h"
#include "core/event/thread_pool.h"

typedef struct gee_dial gee_dial_t;

/* `stream` is null on failure; error->phase says how far the dial came (resolve, connect, handshake) and the text
 * names the address. Called exactly once, never from inside gee_dial_start(). The dial is gone when this is
 * called. */
typedef void (*gee_dialled_t)(void *data, gee_stream_t *stream, const gee_error_t *error);

/* `threads` may be null: then a name that needs DNS fails with that reason. The threads outlive the dial.
 * `timeout_ns` 0: no limit. Null: the dial cannot even begin (a wrong address, a full queue), and dialled() is not
 * called. */
gee_dial_t *gee_dial_start(gee_loop_t *loop, gee_thread_pool_t *threads, const gee_transport_t *transport,
                           const gee_addr_t *addr, const gee_stream_options_t *options, int64_t timeout_ns,
                           gee_dialled_t dialled, void *data, gee_error_t *error);
/* One more layer, above the transport's own, whose handshake is part of the dial. Precondition: the loop has not run
 * on since gee_dial_start(), and no layer was added. `setup` goes to the layer's start() and outlives the stream. */
void gee_dial_add_layer(gee_dial_t *dial, const gee_layer_t *layer, const void *setup);
void gee_dial_cancel(gee_dial_t **dial); /* dialled() is not called */

#endif
