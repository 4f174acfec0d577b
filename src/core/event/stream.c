/* stream.c: the life of a stream: made, owned, paused, failed, closed, destroyed.
 *
 *   create -> owned -> destroy
 *                   -> failed() -> destroy
 *                   -> close: write what waits -> shutdown -> discard until the peer's end, or patience -> destroy */
#include "core/event/stream_private.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void describe_peer(int descriptor, const gee_sockaddr_t *peer, char text[GEE_ADDR_TEXT]) {
    gee_sockaddr_t asked;
    socklen_t length = sizeof(asked);
    memset(&asked, 0, sizeof(asked)); /* the address where the kernel has none */
    if (!peer)
        getpeername(descriptor, &asked.any, &length);
    gee_sockaddr_text(peer ? peer : &asked, text);
}

static void patience_is_over(gee_timer_t *timer) {
    gee_stream_t *stream = GEE_CONTAINER(timer, gee_stream_ending_t, patience)->stream, *own = stream;
    gee_stream_enter(stream);
    /* Closed in this very pass: the waiting output is written once all the same. */
    if (gee_link_in_list(&stream->work.link)) {
        gee_loop_undefer(&stream->work);
        gee_stream_work(&stream->work);
    }
    gee_stream_destroy(&own);
    gee_stream_leave(stream);
}

static void loop_ends(gee_leftover_t *leftover) {
    gee_stream_t *stream = GEE_CONTAINER(leftover, gee_stream_ending_t, leftover)->stream;
    gee_stream_destroy(&stream);
}

void gee_stream_level_init(gee_stream_level_t *level, gee_loop_t *loop) {
    gee_inbox_init(&level->inbox, gee_loop_buffers(loop));
    gee_chain_init(&level->out, gee_loop_buffers(loop));
}

static void free_stream(gee_stream_t *stream) {
    gee_stream_options_release(&stream->shared_options);
    for (size_t i = 0; i < GEE_STREAM_LAYERS; i++)
        free(stream->layers[i]);
    free(stream->ending);
    free(stream);
}

static gee_stream_t *allocate(gee_loop_t *loop, const char *peer_text, const gee_stream_options_t *options) {
    size_t text_size = strlen(peer_text) + 1;
    gee_stream_t *stream = calloc(1, sizeof(*stream) + text_size);
    if (!stream)
        return NULL;
    stream->shared_options = gee_stream_options_share(loop, options);
    if (!stream->shared_options) {
        free(stream);
        return NULL;
    }
    memcpy(stream->peer_text, peer_text, text_size);
    return stream;
}

gee_stream_t *gee_stream_create(gee_loop_t *loop, const gee_transport_t *transport, int descriptor,
                                const gee_sockaddr_t *peer, const gee_stream_options_t *options, gee_error_t *error) {
    char peer_text[GEE_ADDR_TEXT];
    describe_peer(descriptor, peer, peer_text);
    gee_stream_t *stream = allocate(loop, peer_text, options);
    if (!stream) {
        gee_error_set(error, GEE_RESOURCE_EXHAUSTED, "stream: out of memory");
        close(descriptor);
        return NULL;
    }
    stream->loop = loop;
    stream->transport = transport;
    stream->watch.descriptor = descriptor;
    stream->watch.ready = gee_stream_ready;
    stream->work.run = gee_stream_work;
    stream->write_timer.fire = gee_stream_write_timeout;
    gee_stream_level_init(&stream->wire, loop);
    /* EPOLLIN already, as the owner usually comes within this pass: that spares a system call a connection. */
    if (gee_loop_watch(loop, &stream->watch, EPOLLIN, error) != 0)
        gee_stream_destroy(&stream);
    return stream;
}

static void let_go_of_output(gee_stream_t *stream) {
    for (size_t i = 0; i <= stream->layer_count; i++)
        gee_chain_clear(gee_stream_out_of(stream, i));
}

static void silence(gee_stream_t *stream) {
    gee_loop_unwatch(stream->loop, &stream->watch);
    gee_timer_stop(stream->loop, &stream->write_timer);
    gee_loop_undefer(&stream->work);
}

static void let_go_of_ending(gee_stream_t *stream) {
    if (!stream->ending)
        return;
    gee_timer_stop(stream->loop, &stream->ending->patience);
    gee_list_remove(&stream->ending->leftover.link);
}

void gee_stream_destroy(gee_stream_t **slot) {
    gee_stream_t *stream = *slot;
    *slot = NULL;
    if (!stream || stream->destroyed)
        return;
    stream->destroyed = true;
    silence(stream);
    let_go_of_ending(stream);
    let_go_of_output(stream);
    for (size_t i = 0; i <= stream->layer_count; i++)
        gee_inbox_clear(gee_stream_inbox_of(stream, i));
    gee_stream_layers_stop(stream);
    close(stream->watch.descriptor);
    if (stream->gone)
        stream->gone(stream->gone_data);
    if (stream->frames_deep == 0)
        free_stream(stream);
}

void gee_stream_leave(gee_stream_t *stream) {
    if (--stream->frames_deep == 0 && stream->destroyed)
        free_stream(stream);
}

bool gee_stream_fail(gee_stream_t *stream, const gee_error_t *reason) {
    if (gee_stream_closing(stream)) {
        gee_stream_t *own = stream;
        gee_stream_destroy(&own);
        return false;
    }
    stream->broken = true;
    silence(stream);
    let_go_of_output(stream);
    if (stream->events && stream->events->failed)
        stream->events->failed(stream, stream->owner, reason);
    return false;
}

/* Null: no memory. */
static gee_stream_ending_t *begin_ending(gee_stream_t *stream, int64_t patience_ns) {
    gee_stream_ending_t *ending = calloc(1, sizeof(*ending));
    if (!ending)
        return NULL;
    ending->stream = stream;
    ending->patience.fire = patience_is_over;
    ending->leftover.end = loop_ends;
    if (gee_timer_start(stream->loop, &ending->patience, patience_ns) != 0) {
        free(ending);
        return NULL;
    }
    gee_loop_adopt(stream->loop, &ending->leftover);
    return ending;
}

void gee_stream_close(gee_stream_t **slot, int64_t patience_ns) {
    gee_stream_t *stream = *slot;
    *slot = NULL;
    if (!stream)
        return;
    GEE_ASSERT(!gee_stream_closing(stream));
    stream->events = NULL;
    stream->owner = NULL;
    if (!stream->broken)
        stream->ending = begin_ending(stream, patience_ns);
    if (!stream->ending) {
        gee_stream_destroy(&stream);
        return;
    }
    stream->wants_reread = false;
    gee_inbox_clear(gee_stream_top_inbox(stream));
    gee_loop_defer(stream->loop, &stream->work);
}

/* ---- reading ---- */

bool gee_stream_wants_bytes(const gee_stream_t *stream) {
    if (stream->ended)
        return false;
    if (gee_stream_closing(stream))
        return true; /* to discard the bytes */
    if (!stream->events || stream->paused)
        return false;
    if (stream->congested && !gee_stream_options(stream)->read_while_congested && gee_stream_established(stream))
        return false; /* but during a handshake the waiting bytes can only leave when more is read */
    size_t limit = gee_stream_options(stream)->inbox_limit;
    return limit == 0 || gee_stream_unconsumed(stream) < limit;
}

/* A stream that waits for nothing must still hear of a reset, but only once: without EPOLLET the kernel reports
 * hang-ups and errors as long as they last, asked for or not. */
void gee_stream_set_interest(gee_stream_t *stream) {
    uint32_t events = 0;
    if (stream->frozen)
        return;
    if (gee_stream_wants_bytes(stream))
        events |= EPOLLIN;
    if (stream->blocked)
        events |= EPOLLOUT;
    gee_loop_rewatch(stream->loop, &stream->watch, events ? events : EPOLLET);
}

void gee_stream_set_gone(gee_stream_t *stream, void (*gone)(void *data), void *data) {
    stream->gone = gone;
    stream->gone_data = data;
}

void gee_stream_set_owner(gee_stream_t *stream, const gee_stream_events_t *events, void *owner) {
    stream->events = events;
    stream->owner = owner;
    if (!stream->broken)
        gee_stream_set_interest(stream);
}

/* The watched events change at the end of the pass: pausing and resuming within a pass costs no system call. */
static void work_later(gee_stream_t *stream) {
    if (gee_stream_usable(stream) && !stream->frozen)
        gee_loop_defer(stream->loop, &stream->work);
}

void gee_stream_pause(gee_stream_t *stream) {
    stream->paused = true;
    work_later(stream);
}
void gee_stream_resume(gee_stream_t *stream) {
    stream->paused = false;
    work_later(stream);
}
void gee_stream_reread(gee_stream_t *stream) {
    stream->wants_reread = true;
    work_later(stream);
}
void gee_stream_flush(gee_stream_t *stream) {
    work_later(stream);
}

/* ---- questions ---- */

gee_inbox_t *gee_stream_inbox(gee_stream_t *stream) {
    return gee_stream_top_inbox(stream);
}
gee_chain_t *gee_stream_out(gee_stream_t *stream) {
    return gee_stream_out_of(stream, stream->layer_count);
}
size_t gee_stream_queued(const gee_stream_t *stream) {
    size_t bytes = 0;
    for (size_t i = 0; i <= stream->layer_count; i++)
        bytes += gee_stream_see_level(stream, i)->out.length;
    return bytes;
}
GEE_ALWAYS_INLINE bool is_congested(const gee_stream_t *stream) {
    size_t queued = stream->layer_count == 0 ? stream->wire.out.length : gee_stream_queued(stream);
    return stream->congested || queued > gee_stream_options(stream)->high_water;
}
bool gee_stream_congested(const gee_stream_t *stream) {
    return is_congested(stream);
}
GEE_APART bool gee_stream_congested_apart(const gee_stream_t *stream) {
    return is_congested(stream);
}
bool gee_stream_has_ended(const gee_stream_t *stream) {
    return stream->ended;
}
bool gee_stream_timed_out(const gee_stream_t *stream) {
    return stream->timed_out;
}
const char *gee_stream_peer_text(const gee_stream_t *stream) {
    return stream->peer_text;
}
uint64_t gee_stream_bytes_received(const gee_stream_t *stream) {
    return stream->bytes_received;
}
uint64_t gee_stream_bytes_sent(const gee_stream_t *stream) {
    return stream->bytes_sent;
}
