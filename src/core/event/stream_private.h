/* stream_private.h: what the files of the stream share: stream.c (its life), stream_io.c (reading, writing),
 * stream_layers.c (the stack of layers), stream_handover.c (to another process). Not for others.
 *
 * inbox[0] and out[0] hold the bytes of the wire; layer i reads inbox[i] and fills inbox[i+1], empties out[i+1] and fills
 * out[i]; the owner has the topmost pair. */
#ifndef GEE_EVENT_STREAM_PRIVATE_H
#define GEE_EVENT_STREAM_PRIVATE_H

#include "core/event/loop_private.h"
#include "core/event/stream.h"

#define GEE_STREAM_LAYERS 4

typedef struct gee_stream_layer {
    const gee_layer_t *layer;
    void *state;
    bool finished; /* its finish() was called */
} gee_stream_layer_t;

struct gee_stream {
    gee_loop_t *loop;
    const gee_transport_t *transport;
    const gee_stream_events_t *events; /* null: no owner yet, or not any more */
    void *owner;
    void (*gone)(void *data);
    void *gone_data;
    gee_stream_options_t options;
    gee_watch_t watch;
    gee_task_t work; /* the end of the pass: reread, write, change what is waited for */
    gee_timer_t write_timer, patience_timer;
    gee_leftover_t leftover; /* while closing */

    gee_inbox_t inbox[GEE_STREAM_LAYERS + 1];
    gee_chain_t out[GEE_STREAM_LAYERS + 1];
    gee_stream_layer_t layers[GEE_STREAM_LAYERS];
    size_t layer_count;
    size_t fresh_layer; /* the lowest one that was pushed onto bytes and has not seen them; layer_count: none */

    int64_t progress_at; /* when something was written last, or writing became blocked */
    uint64_t bytes_received, bytes_sent;

    bool wants_reread, paused, congested;
    bool blocked;         /* the kernel takes no more: waiting for EPOLLOUT */
    bool ended;           /* the peer's end was read */
    bool broken;          /* failed() was called */
    bool timed_out;       /* because nothing could be written for too long */
    bool closing;         /* gee_stream_close(): no owner, lives on its own */
    bool shut_down;       /* closing: our end is written */
    bool frozen;          /* on its way to another process */
    bool destroyed;       /* by a callback: the memory goes when the outermost frame leaves */
    unsigned frames_deep; /* entry points of the stream that are on the stack */

    char peer_text[GEE_ADDR_TEXT];
};

/* An entry point (an event, a task, a timer) encloses its work in enter and leave. Steps in between return false when the
 * stream is of no use any more (destroyed or broken): the caller then only leaves. */
static inline void gee_stream_enter(gee_stream_t *stream) {
    stream->frames_deep++;
}
void gee_stream_leave(gee_stream_t *stream);
static inline bool gee_stream_usable(const gee_stream_t *stream) {
    return !stream->destroyed && !stream->broken;
}
static inline gee_inbox_t *gee_stream_top_inbox(gee_stream_t *stream) {
    return &stream->inbox[stream->layer_count];
}

/* stream.c */
bool gee_stream_fail(gee_stream_t *stream, const gee_error_t *reason); /* false */
bool gee_stream_wants_bytes(const gee_stream_t *stream);
void gee_stream_set_interest(gee_stream_t *stream);

/* stream_io.c */
void gee_stream_ready(gee_watch_t *watch, uint32_t events);
void gee_stream_work(gee_task_t *task);
void gee_stream_write_timeout(gee_timer_t *timer);

/* stream_layers.c; -1 with the reason */
int gee_stream_layers_up(gee_stream_t *stream, size_t from, gee_error_t *error);
int gee_stream_layers_down(gee_stream_t *stream, gee_error_t *error);
int gee_stream_layers_ended(gee_stream_t *stream, size_t from, gee_error_t *error);
void gee_stream_layers_free(gee_stream_t *stream);

#endif
