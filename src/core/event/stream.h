/* stream.h: a non-blocking byte stream with a peer: inbox, outgoing chain, water marks, a stack of layers.
 *
 *   descriptor -> [wire inbox -> layer -> ]* inbox -> owner       owner -> out -> [layer -> ]* wire chain -> descriptor
 *
 * Reading: one read a pass. Writing: the bytes that the owner appends to gee_stream_out() leave in one writev at the
 * end of the pass. When more than `high_water` bytes wait to be written, the stream stops reading (a dialled stream
 * does not), and gee_stream_congested() tells the owner to stop producing; under `low_water` the stream reads again
 * and calls drained(). When nothing could be written for `write_timeout_ns`, the stream fails. A stream belongs to
 * one loop and is used on the loop's thread. An idle stream holds no buffers. */
#ifndef GEE_EVENT_STREAM_H
#define GEE_EVENT_STREAM_H

#include "core/event/loop.h"
#include "core/event/transport.h"

typedef struct gee_stream gee_stream_t;

/* Callbacks to the owner. None is called from inside a function that the owner calls. A callback may destroy or close
 * the stream. */
typedef struct gee_stream_events {
    /* The handshake of the last layer is over: gee_stream_established() is true now. Optional; comes before
     * received() for the bytes that came with the end of that handshake. Another owner may be set here. */
    void (*established)(gee_stream_t *stream, void *owner);
    /* New bytes are in gee_stream_inbox(); the owner consumes as many as it can use. */
    void (*received)(gee_stream_t *stream, void *owner);
    /* Bytes came that a layer cannot hand on before more bytes come (a record that has begun). Optional. */
    void (*partial)(gee_stream_t *stream, void *owner);
    /* The peer will send no more (all earlier bytes have been received). Writing is still possible. */
    void (*ended)(gee_stream_t *stream, void *owner);
    /* The waiting output fell under the low-water mark after having been over the high-water mark. Optional. */
    void (*drained)(gee_stream_t *stream, void *owner);
    /* The kernel has all output. Optional; called after each flush that empties the output. */
    void (*flushed)(gee_stream_t *stream, void *owner);
    /* The stream is broken (reset, write timeout, a layer's refusal); no further callback comes. The text does not
     * name the peer. */
    void (*failed)(gee_stream_t *stream, void *owner, const gee_error_t *reason);
} gee_stream_events_t;

typedef struct gee_stream_options {
    size_t high_water, low_water; /* 0: 256 KiB and a quarter of the high mark */
    size_t read_size;             /* room given to one read; 0: 16 KiB */
    size_t inbox_limit;           /* reading stops while the inbox holds this much; 0: no limit. An owner that consumes
                                   * outside of received() then calls gee_stream_resume(). */
    int64_t write_timeout_ns;     /* 0: none */
    /* The calling side of a conversation reads on while congested: if both sides stopped, they would wait for each
     * other for ever. gee_dial_start() sets this for every dialled stream. */
    bool read_while_congested;
} gee_stream_options_t;

/* Takes the descriptor (closed by destroy, and on failure). Reading starts with the first owner. `options` and `peer`
 * may be null. */
gee_stream_t *gee_stream_create(gee_loop_t *loop, const gee_transport_t *transport, int descriptor,
                                const gee_sockaddr_t *peer, const gee_stream_options_t *options, gee_error_t *error);
/* Closes at once; unwritten output is lost. Leaves null. */
void gee_stream_destroy(gee_stream_t **stream);
/* Writes the waiting output, ends our side in order (layers' finish, shutdown), discards bytes of the peer until the
 * peer ends, too (else the kernel would answer them with a reset, which can destroy our last bytes on their way),
 * then destroys, at the latest when `patience_ns` is over. Nothing is reported any more, and the caller does not own
 * the stream any longer. Leaves null. gee_loop_lingering() says whether such streams are left. */
void gee_stream_close(gee_stream_t **stream, int64_t patience_ns);

/* `gone` is called once, when the stream's descriptor was closed: after gee_stream_close() that is later, and may be
 * while the loop is destroyed. `gone` must not touch the stream. */
void gee_stream_set_gone(gee_stream_t *stream, void (*gone)(void *data), void *data);
void gee_stream_set_owner(gee_stream_t *stream, const gee_stream_events_t *events, void *owner);
/* Calls received() again at the end of this pass when the inbox is not empty (a new owner; reading resumed), paused or
 * not. */
void gee_stream_reread(gee_stream_t *stream);

gee_inbox_t *gee_stream_inbox(gee_stream_t *stream);
gee_chain_t *gee_stream_out(gee_stream_t *stream); /* after appending: gee_stream_flush() */
void gee_stream_flush(gee_stream_t *stream);       /* at the end of this pass */
bool gee_stream_congested(const gee_stream_t *stream);
/* The same, for what is rare: with few callers, the function above becomes a part of them. */
bool gee_stream_congested_apart(const gee_stream_t *stream);
size_t gee_stream_queued(const gee_stream_t *stream); /* bytes waiting to be written, all layers */
/* The owner wants no bytes for now; and again. Independent of the water marks. */
void gee_stream_pause(gee_stream_t *stream);
void gee_stream_resume(gee_stream_t *stream);
bool gee_stream_has_ended(const gee_stream_t *stream); /* the peer's end was seen */
bool gee_stream_timed_out(const gee_stream_t *stream); /* the stream failed because of write_timeout_ns */

/* Puts a layer on top, at most four in all. Bytes in the inbox are then below the layer, and so is the output that
 * waits in gee_stream_out(); inbox and out have other pointers from now on. `setup` goes to the layer's start(). When
 * start() fails the stream is as it was. */
int gee_stream_push(gee_stream_t *stream, const gee_layer_t *layer, gee_role_t role, const void *setup,
                    gee_error_t *error);
bool gee_stream_established(const gee_stream_t *stream); /* every layer's handshake is over */
/* The identity that the topmost layer which asks has proven; null: no layer asks. */
const struct gee_identity *gee_stream_identity(const gee_stream_t *stream);

/* ---- handover (rpc/handover.h): a stream without waiting output goes to another process ---- */
/* Does no output wait, and can all layers be exported? */
bool gee_stream_can_leave(const gee_stream_t *stream);
/* Can all layers be exported, whatever waits now? */
bool gee_stream_may_leave(const gee_stream_t *stream);
/* Precondition: gee_stream_can_leave(). Nothing is read or reported until the stream is thawed, or destroyed. */
void gee_stream_freeze(gee_stream_t *stream);
void gee_stream_thaw(gee_stream_t *stream);
int gee_stream_descriptor(const gee_stream_t *stream);
/* Layers, bytes received and not consumed, counts. Precondition: the stream is frozen. */
void gee_stream_export(const gee_stream_t *stream, gee_record_t *out);
/* Into a stream just created of the descriptor. `layer` finds a layer by its name, with the setup for import; null:
 * not here. Precondition: the stream has no owner and no layers yet. -1: the record does not make sense, or names a
 * layer that this process does not have. */
int gee_stream_import(gee_stream_t *stream, gee_record_reader_t *in,
                      const gee_layer_t *(*layer)(gee_str_t name, const void **setup, void *data), void *data,
                      gee_error_t *error);

const char *gee_stream_peer_text(const gee_stream_t *stream); /* for logs; lives as long as the stream */
uint64_t gee_stream_bytes_received(const gee_stream_t *stream);
uint64_t gee_stream_bytes_sent(const gee_stream_t *stream);

#endif
