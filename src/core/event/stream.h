/* stream.h: a non-blocking byte stream with a peer: inbox, outgoing chain, water marks, a stack of layers.
 *
 *   descriptor -> [wire inbox -> layer -> ]* inbox -> owner          owner -> out -> [layer -> ]* wire chain -> descriptor
 *
 * Reading: one read a pass. Writing: what the owner appends to gee_stream_out() leaves in one writev at the end of the
 * pass. When more than `high_water` bytes wait to be written, the stream stops reading (a dialled one does not), and
 * gee_stream_congested() tells the owner to stop producing; under `low_water` it reads again and calls drained(). When
 * nothing could be written for `write_timeout_ns`, it fails. Any stream belongs to one loop. An idle stream holds no buffers. */
#ifndef GEE_EVENT_STREAM_H
#define GEE_EVENT_STREAM_H

#include "core/event/loop.h"
#include "core/event/transport.h"

typedef struct gee_stream gee_stream_t;

/* What the owner hears. None of them is called from inside a function that the owner calls. A callback may destroy or
 * close the stream. */
typedef struct gee_stream_events {
    /* The handshake of the last layer is over: gee_stream_established() is true now. Optional; comes before what that
     * handshake's end brought up is received. Another owner may be set here. */
    void (*established)(gee_stream_t *stream, void *owner);
    /* New bytes are in gee_stream_inbox(); the owner consumes what it can. */
    void (*received)(gee_stream_t *stream, void *owner);
    /* Bytes came of which a layer needs more before it can hand them on (a record that has begun). Optional. */
    void (*partial)(gee_stream_t *stream, void *owner);
    /* The peer will send no more (what it sent before has been received). Writing is still possible. */
    void (*ended)(gee_stream_t *stream, void *owner);
    /* The waiting output fell under the low-water mark after having been over the high one. Optional. */
    void (*drained)(gee_stream_t *stream, void *owner);
    /* Everything that was to be written is in the kernel. Optional; called after each flush that empties the output. */
    void (*flushed)(gee_stream_t *stream, void *owner);
    /* The stream is broken (reset, write timeout, a layer's refusal); nothing more will happen on it. The text does not
     * name the peer. */
    void (*failed)(gee_stream_t *stream, void *owner, const gee_error_t *reason);
} gee_stream_events_t;

typedef struct gee_stream_options {
    size_t high_water, low_water; /* 0: 256 KiB and a quarter of the high mark */
    size_t read_size;             /* room given to one read; 0: 16 KiB */
    size_t inbox_limit;           /* reading stops while the inbox holds this much; 0: no limit. Who consumes outside
                                   * of received() then calls gee_stream_resume(). */
    int64_t write_timeout_ns;     /* 0: none */
    /* The calling side of a conversation reads on while it is congested: if both sides stopped, they would wait for each
     * other for ever. gee_dial_start() sets it on every stream that it makes. */
    bool read_while_congested;
} gee_stream_options_t;

/* Takes the descriptor (closed by destroy, and on failure). Reading starts with the first owner. `options` and `peer` may
 * be null. */
gee_stream_t *gee_stream_create(gee_loop_t *loop, const gee_transport_t *transport, int descriptor,
                                const gee_sockaddr_t *peer, const gee_stream_options_t *options, gee_error_t *error);
/* Closes at once; what was not written is lost. Leaves null. */
void gee_stream_destroy(gee_stream_t **stream);
/* Writes what waits, ends our side in order (layers' finish, shutdown), discards what the peer still sends until it ends
 * too (else the kernel would answer that with a reset, which can destroy our last bytes on their way), then destroys, at
 * the latest when `patience_ns` is over. Nothing is reported any more; the stream is no longer the caller's. Leaves null.
 * With gee_loop_lingering() one sees that such streams are left. */
void gee_stream_close(gee_stream_t **stream, int64_t patience_ns);

/* `gone` is called once, when the stream's descriptor was closed: after gee_stream_close() that is later, and may be while
 * the loop is destroyed. It must not touch the stream. */
void gee_stream_set_gone(gee_stream_t *stream, void (*gone)(void *data), void *data);
void gee_stream_set_owner(gee_stream_t *stream, const gee_stream_events_t *events, void *owner);
/* Calls received() again at the end of this pass when the inbox is not empty (a new owner; reading resumed), paused or
 * not. */
void gee_stream_reread(gee_stream_t *stream);

gee_inbox_t *gee_stream_inbox(gee_stream_t *stream);
gee_chain_t *gee_stream_out(gee_stream_t *stream); /* after appending: gee_stream_flush() */
void gee_stream_flush(gee_stream_t *stream);       /* at the end of this pass */
bool gee_stream_congested(const gee_stream_t *stream);
size_t gee_stream_queued(const gee_stream_t *stream); /* bytes waiting to be written, all layers */
/* The owner wants no more bytes for now, and again. Independent of the water marks. */
void gee_stream_pause(gee_stream_t *stream);
void gee_stream_resume(gee_stream_t *stream);
bool gee_stream_has_ended(const gee_stream_t *stream); /* the peer's end was seen */
bool gee_stream_timed_out(const gee_stream_t *stream); /* it failed because of write_timeout_ns */

/* Puts a layer on top, at most four in all. What is in the inbox moves under it, what waits in gee_stream_out() is
 * written below it; both give other pointers from now on. `setup` goes to the layer's start(). When start() fails the
 * stream is as it was. */
int gee_stream_push(gee_stream_t *stream, const gee_layer_t *layer, gee_role_t role, const void *setup,
                    gee_error_t *error);
bool gee_stream_established(const gee_stream_t *stream); /* every layer's handshake is over */
/* What the peer has proven to the topmost layer that asks; null: nothing. */
const gee_grant_t *gee_stream_grant(const gee_stream_t *stream);

/* ---- handover (rpc/handover.h): a stream on which nothing waits to be written, to another process ---- */
/* Is it at such a point, and of layers that can be exported? */
bool gee_stream_can_leave(const gee_stream_t *stream);
/* Can these be, at any time? */
bool gee_stream_may_leave(const gee_stream_t *stream);
/* Nothing is read or reported until it is thawed, or destroyed. */
void gee_stream_freeze(gee_stream_t *stream);
void gee_stream_thaw(gee_stream_t *stream);
int gee_stream_descriptor(const gee_stream_t *stream);
/* Layers, bytes received and not consumed, counts. Of a frozen one. */
void gee_stream_export(const gee_stream_t *stream, gee_record_t *out);
/* Into a stream just made of the descriptor. `layer`: finds one by its name, with the setup for its import; null: not
 * here. The stream has no owner yet. -1: the record does not make sense, or has what this process has not. */
int gee_stream_import(gee_stream_t *stream, gee_record_reader_t *in,
                      const gee_layer_t *(*layer)(gee_str_t name, const void **setup, void *data), void *data,
                      gee_error_t *error);

const char *gee_stream_peer_text(const gee_stream_t *stream); /* for logs; lives as long as the stream */
uint64_t gee_stream_bytes_received(const gee_stream_t *stream);
uint64_t gee_stream_bytes_sent(const gee_stream_t *stream);

#endif
