/* stream_io.c: the bytes of a stream: one read a pass, one writev at the end of the pass.
 *
 *   event -> read -> layers up -> received()
 *   end of pass -> layers down -> writev -> blocked? -> EPOLLOUT and the write timer
 *                                        -> emptied? -> drained(), flushed(), or the next step of closing */
#include "core/event/stream_private.h"

#include <errno.h>
#include <string.h>

#include "core/base/clock.h"
#include "core/base/str.h"

#define VECTOR_LENGTH 64
#define WRITES_A_PASS 8               /* then the other streams have their turn */
#define READ_MOST     (256 * GEE_KIB) /* of one read, however much room there is */

static bool fail_with(gee_stream_t *stream, gee_code_t code, const char *what, const char *reason) {
    gee_error_t error;
    gee_error_set(&error, code, "%s: %s", what, reason);
    return gee_stream_fail(stream, &error);
}

/* ---- closing ---- */

/* The next step of a closing stream; false when the stream is gone. */
static bool step_of_closing(gee_stream_t *stream) {
    bool waits = gee_stream_queued(stream) > 0;
    if (waits && (stream->blocked || !stream->ended))
        return true; /* for the kernel, or for the rest of a handshake */
    if (!waits && !stream->shut_down) {
        stream->shut_down = true;
        shutdown(stream->watch.descriptor, SHUT_WR); /* fails when the peer is gone, which the next read sees */
    }
    if (!stream->ended)
        return true;
    gee_stream_t *own = stream;
    gee_stream_destroy(&own);
    return false;
}

/* ---- reading ---- */

static bool tell_received(gee_stream_t *stream) {
    if (gee_stream_closing(stream))
        gee_inbox_clear(gee_stream_top_inbox(stream));
    else if (stream->events && stream->events->received)
        stream->events->received(stream, stream->owner);
    return gee_stream_usable(stream);
}

static bool tell_established(gee_stream_t *stream) {
    if (stream->events && stream->events->established)
        stream->events->established(stream, stream->owner);
    return gee_stream_usable(stream);
}

static bool tell_partial(gee_stream_t *stream) {
    size_t below = 0;
    for (size_t i = 0; i < stream->layer_count; i++)
        below += gee_inbox_length(gee_stream_inbox_of(stream, i));
    if (below > 0 && stream->events && stream->events->partial)
        stream->events->partial(stream, stream->owner);
    return gee_stream_usable(stream);
}

/* New bytes are in inbox[from]: brings them through the layers to the owner. */
static bool deliver(gee_stream_t *stream, size_t from) {
    gee_error_t error;
    bool was_established = gee_stream_established(stream);
    if (stream->shut_down) { /* the bytes are discarded */
        gee_inbox_clear(gee_stream_inbox_of(stream, from));
        return true;
    }
    size_t before = from < stream->layer_count ? gee_stream_unconsumed(stream) : 0;
    if (gee_stream_layers_up(stream, from, &error) != 0)
        return gee_stream_fail(stream, &error);
    if (!was_established && gee_stream_established(stream) && !tell_established(stream))
        return false;
    if (gee_stream_unconsumed(stream) > before && !tell_received(stream))
        return false;
    return tell_partial(stream);
}

static bool end_of_input(gee_stream_t *stream) {
    gee_error_t error;
    stream->ended = true;
    if (!stream->shut_down && gee_stream_layers_ended(stream, 0, &error) != 0)
        return gee_stream_fail(stream, &error);
    if (gee_stream_closing(stream))
        return step_of_closing(stream);
    if (stream->events && stream->events->ended)
        stream->events->ended(stream, stream->owner);
    return gee_stream_usable(stream);
}

static size_t most_to_read(const gee_stream_t *stream, size_t space) {
    size_t most = gee_stream_options(stream)->read_size > READ_MOST ? gee_stream_options(stream)->read_size : READ_MOST;
    size_t limit = gee_stream_options(stream)->inbox_limit, held = gee_stream_unconsumed(stream);
    if (limit > held && limit - held < most && !gee_stream_closing(stream))
        most = limit - held;
    return space < most ? space : most;
}

/* *heard: bytes, or the peer's end, came. */
static bool read_once(gee_stream_t *stream, bool *heard) {
    gee_inbox_t *wire = &stream->wire.inbox;
    size_t space = 0;
    uint8_t *bytes = gee_inbox_space(wire, gee_stream_options(stream)->read_size, &space);
    if (!bytes)
        return fail_with(stream, GEE_RESOURCE_EXHAUSTED, "read", "out of memory");
    ssize_t count = stream->transport->receive(stream->watch.descriptor, bytes, most_to_read(stream, space));
    int reason = errno;
    *heard = count >= 0;
    if (count > 0) {
        gee_inbox_filled(wire, (size_t)count);
        stream->bytes_received += (uint64_t)count;
        return deliver(stream, 0);
    }
    if (gee_inbox_length(wire) == 0)
        gee_inbox_clear(wire); /* an idle stream holds no buffer */
    if (count == 0)
        return end_of_input(stream);
    if (reason == EAGAIN || reason == EWOULDBLOCK || reason == EINTR)
        return true;
    return fail_with(stream, GEE_UNAVAILABLE, "read", strerror(reason));
}

/* Bytes that the owner wants to see again, and bytes that freshly pushed layers have not seen yet. */
static bool reread(gee_stream_t *stream) {
    size_t fresh = stream->fresh_layer;
    if (fresh < stream->layer_count) {
        if (!deliver(stream, fresh))
            return false;
        gee_error_t error;
        if (stream->ended && gee_stream_layers_ended(stream, fresh, &error) != 0)
            return gee_stream_fail(stream, &error);
    }
    if (!stream->wants_reread)
        return true;
    stream->wants_reread = false;
    return gee_stream_unconsumed(stream) == 0 || tell_received(stream);
}

/* ---- writing ---- */

void gee_stream_write_timeout(gee_timer_t *timer) {
    gee_stream_t *stream = GEE_CONTAINER(timer, gee_stream_t, write_timer);
    int64_t limit = gee_stream_options(stream)->write_timeout_ns, due = gee_time_add(stream->progress_at, limit);
    gee_stream_enter(stream);
    if (gee_loop_now(stream->loop) < due) { /* something was written meanwhile */
        if (gee_timer_start_at(stream->loop, timer, due) != 0)
            fail_with(stream, GEE_RESOURCE_EXHAUSTED, "write", "out of memory");
    } else {
        char duration[GEE_DURATION_TEXT];
        gee_error_t error;
        stream->timed_out = true;
        gee_error_set(&error, GEE_UNAVAILABLE, "write: the peer does not read: wrote nothing for %s",
                      gee_format_duration(duration, limit));
        gee_stream_fail(stream, &error);
    }
    gee_stream_leave(stream);
}

static size_t vector_bytes(const struct iovec *vector, int count) {
    size_t bytes = 0;
    for (int i = 0; i < count; i++)
        bytes += vector[i].iov_len;
    return bytes;
}

/* Writes the chain of the wire until it is empty or the kernel takes no more. */
static bool write_wire(gee_stream_t *stream) {
    gee_chain_t *wire = &stream->wire.out;
    bool was_blocked = stream->blocked;
    stream->blocked = false;
    for (int writes = 0; wire->length > 0 && !stream->blocked; writes++) {
        struct iovec vector[VECTOR_LENGTH];
        int entries = gee_chain_iov(wire, vector, VECTOR_LENGTH);
        ssize_t count = stream->transport->send(stream->watch.descriptor, vector, entries);
        if (count < 0 && errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR)
            return fail_with(stream, GEE_UNAVAILABLE, "write", strerror(errno));
        size_t written = count > 0 ? (size_t)count : 0;
        stream->blocked = written < vector_bytes(vector, entries) || writes + 1 == WRITES_A_PASS;
        if (written == 0)
            break;
        gee_chain_consume(wire, written);
        stream->bytes_sent += written;
        stream->progress_at = gee_loop_now(stream->loop);
    }
    stream->blocked = stream->blocked && wire->length > 0;
    if (stream->blocked == was_blocked || gee_stream_options(stream)->write_timeout_ns <= 0)
        return true;
    if (!stream->blocked) {
        gee_timer_stop(stream->loop, &stream->write_timer);
        return true;
    }
    stream->progress_at = gee_loop_now(stream->loop);
    if (gee_timer_start(stream->loop, &stream->write_timer, gee_stream_options(stream)->write_timeout_ns) != 0)
        return fail_with(stream, GEE_RESOURCE_EXHAUSTED, "write", "out of memory");
    return true;
}

/* After a flush: drained() at the low-water mark, flushed() when the kernel has all output. */
static bool tell_written(gee_stream_t *stream, bool wrote) {
    const gee_stream_events_t *events = stream->events;
    if (stream->congested && gee_stream_queued(stream) < gee_stream_options(stream)->low_water) {
        stream->congested = false;
        if (events && events->drained)
            events->drained(stream, stream->owner);
        if (!gee_stream_usable(stream))
            return false;
        events = stream->events;
    }
    if (wrote && gee_stream_queued(stream) == 0 && events && events->flushed)
        events->flushed(stream, stream->owner);
    return gee_stream_usable(stream);
}

/* `writable`: the kernel takes bytes again. While a stream waits for that only the water marks are looked at. */
static bool flush(gee_stream_t *stream, bool writable) {
    gee_error_t error;
    uint64_t sent = stream->bytes_sent;
    if (gee_stream_queued(stream) > gee_stream_options(stream)->high_water)
        stream->congested = true;
    if (gee_stream_layers_down(stream, &error) != 0)
        return gee_stream_fail(stream, &error);
    if (stream->wire.out.length > 0 && (writable || !stream->blocked) && !write_wire(stream))
        return false;
    if (!tell_written(stream, stream->bytes_sent != sent))
        return false;
    return !gee_stream_closing(stream) || step_of_closing(stream);
}

/* ---- entry points ---- */

void gee_stream_ready(gee_watch_t *watch, uint32_t events) {
    gee_stream_t *stream = GEE_CONTAINER(watch, gee_stream_t, watch);
    const uint32_t trouble = EPOLLERR | EPOLLHUP;
    bool heard = false, going = true, had_ended = stream->ended;
    gee_stream_enter(stream);
    if (events & (EPOLLIN | trouble) && gee_stream_wants_bytes(stream))
        going = read_once(stream, &heard);
    if (going && events & (EPOLLOUT | trouble) && stream->blocked)
        going = flush(stream, true);
    if (going && events & EPOLLERR && !heard) {
        int reason = gee_socket_error(watch->descriptor); /* neither a read nor a write would tell the error */
        if (reason != 0)
            going = fail_with(stream, GEE_UNAVAILABLE, "connection", strerror(reason));
    }
    /* After the peer's end: the peer has closed its reading side, too. (Over TCP only a reset says so.) */
    if (going && events & EPOLLHUP && had_ended && !gee_stream_closing(stream))
        going = fail_with(stream, GEE_UNAVAILABLE, "connection", "closed by the peer");
    if (going)
        gee_stream_set_interest(stream);
    gee_stream_leave(stream);
}

void gee_stream_work(gee_task_t *task) {
    gee_stream_t *stream = GEE_CONTAINER(task, gee_stream_t, work);
    bool going = true;
    gee_stream_enter(stream);
    if (stream->wants_reread || stream->fresh_layer < stream->layer_count)
        going = reread(stream);
    if (going) {
        if (!stream->wants_reread && stream->fresh_layer == stream->layer_count)
            gee_loop_undefer(task); /* the work that received() has just asked for is done now */
        going = flush(stream, false);
    }
    if (going)
        gee_stream_set_interest(stream);
    gee_stream_leave(stream);
}
