/* stream_private.h: shared by the files of the stream: stream.c (its life), stream_io.c (reading, writing),
 * stream_layers.c (the stack of layers), stream_handover.c (to another process), stream_options.c. Not for other
 * files.
 *
 * Level 0 holds the bytes of the wire. Layer i reads the inbox of level i and fills the inbox of level i+1, empties
 * the chain of level i+1 and fills the chain of level i. The owner has the topmost level.
 *
 * A server has a stream for each idle connection: members that few streams need are allocated when needed. */
#ifndef GEE_EVENT_STREAM_PRIVATE_H
#define GEE_EVENT_STREAM_PRIVATE_H

#include "core/event/loop_private.h"
#include "core/event/stream.h"

#define GEE_STREAM_LAYERS 4

/* The input and the output between two layers. */
typedef struct gee_stream_level {
    gee_inbox_t inbox;
    gee_chain_t out;
} gee_stream_level_t;

/* Does not move while further layers are pushed. */
typedef struct gee_stream_layer {
    const gee_layer_t *layer;
    gee_stream_level_t above;
    bool finished; /* its finish() was called */
    _Alignas(max_align_t) uint8_t state[];
} gee_stream_layer_t;

/* Shared by all streams on the loop with equal options. */
typedef struct gee_shared_stream_options {
    gee_link_t link; /* in the loop */
    size_t references;
    gee_stream_options_t values;
} gee_shared_stream_options_t;

/* Members of a closing stream. */
typedef struct gee_stream_ending {
    gee_stream_t *stream;
    gee_timer_t patience;
    gee_leftover_t leftover;
} gee_stream_ending_t;

struct gee_stream {
    gee_loop_t *loop;
    const gee_transport_t *transport;
    const gee_stream_events_t *events; /* null: no owner yet, or no longer */
    void *owner;
    void (*gone)(void *data);
    void *gone_data;
    gee_shared_stream_options_t *shared_options;
    gee_watch_t watch;
    gee_task_t work; /* the end of the pass: reread, write, change the watched events */
    gee_timer_t write_timer;
    gee_stream_ending_t *ending; /* null: gee_stream_close() was not called */

    gee_stream_level_t wire;
    gee_stream_layer_t *layers[GEE_STREAM_LAYERS];
    uint8_t layer_count; /* of `layers`; the others are null, or stopped */
    uint8_t fresh_layer; /* the lowest layer that has not seen the bytes below; layer_count: none */

    bool wants_reread, paused, congested;
    bool blocked : 1;     /* the kernel takes no more: waiting for EPOLLOUT */
    bool ended : 1;       /* the peer's end was read */
    bool broken : 1;      /* failed() was called */
    bool timed_out : 1;   /* because nothing could be written for too long */
    bool shut_down : 1;   /* closing: our end is written */
    bool frozen : 1;      /* on its way to another process */
    bool destroyed : 1;   /* by a callback: the outermost frame frees the memory */
    uint16_t frames_deep; /* entry points of the stream that are on the stack */

    int64_t progress_at; /* when bytes were written last, or writing became blocked */
    uint64_t bytes_received, bytes_sent;
    char peer_text[];
};
_Static_assert(sizeof(struct gee_stream) <= 256, "each idle connection has one");

/* An entry point (an event, a task, a timer) encloses its work in enter and leave. Steps in between return false when
 * the stream is destroyed or broken: the caller then only leaves. */
static inline void gee_stream_enter(gee_stream_t *stream) {
    stream->frames_deep++;
}
void gee_stream_leave(gee_stream_t *stream);
static inline bool gee_stream_usable(const gee_stream_t *stream) {
    return !stream->destroyed && !stream->broken;
}
/* The owner has closed the stream, which now ends by itself. */
static inline bool gee_stream_closing(const gee_stream_t *stream) {
    return stream->ending != NULL;
}
static inline const gee_stream_options_t *gee_stream_options(const gee_stream_t *stream) {
    return &stream->shared_options->values;
}
static inline const gee_stream_level_t *gee_stream_see_level(const gee_stream_t *stream, size_t level) {
    return level == 0 ? &stream->wire : &stream->layers[level - 1]->above;
}
static inline size_t gee_stream_unconsumed(const gee_stream_t *stream) {
    return gee_inbox_length(&gee_stream_see_level(stream, stream->layer_count)->inbox);
}
static inline gee_stream_level_t *gee_stream_level(gee_stream_t *stream, size_t level) {
    return level == 0 ? &stream->wire : &stream->layers[level - 1]->above;
}
static inline gee_inbox_t *gee_stream_inbox_of(gee_stream_t *stream, size_t level) {
    return &gee_stream_level(stream, level)->inbox;
}
static inline gee_chain_t *gee_stream_out_of(gee_stream_t *stream, size_t level) {
    return &gee_stream_level(stream, level)->out;
}
static inline gee_inbox_t *gee_stream_top_inbox(gee_stream_t *stream) {
    return gee_stream_inbox_of(stream, stream->layer_count);
}

/* stream.c */
void gee_stream_level_init(gee_stream_level_t *level, gee_loop_t *loop);
bool gee_stream_fail(gee_stream_t *stream, const gee_error_t *reason); /* false */
bool gee_stream_wants_bytes(const gee_stream_t *stream);
void gee_stream_set_interest(gee_stream_t *stream);

/* stream_io.c */
void gee_stream_ready(gee_watch_t *watch, uint32_t events);
void gee_stream_work(gee_task_t *task);
void gee_stream_write_timeout(gee_timer_t *timer);

/* stream_layers.c; -1 with the reason */
/* A layer with a zeroed state, not in the stack yet, to be freed with free(). Null: out of memory. */
gee_stream_layer_t *gee_stream_layer_create(gee_stream_t *stream, const gee_layer_t *layer, gee_error_t *error);
int gee_stream_layers_up(gee_stream_t *stream, size_t from, gee_error_t *error);
int gee_stream_layers_down(gee_stream_t *stream, gee_error_t *error);
int gee_stream_layers_ended(gee_stream_t *stream, size_t from, gee_error_t *error);
/* Stops all layers. Their memory is freed with the stream: a function further up the call stack may use an inbox. */
void gee_stream_layers_stop(gee_stream_t *stream);

/* stream_options.c */
/* One more reference, with the defaults filled in. Null: out of memory. */
gee_shared_stream_options_t *gee_stream_options_share(gee_loop_t *loop, const gee_stream_options_t *wanted);
void gee_stream_options_release(gee_shared_stream_options_t **options);

#endif
