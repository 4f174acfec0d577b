/* stream_support.h: what the tests of streams share: transports that do short I/O, an owner that notes all it hears,
 * and an owned stream with its peer.
 *
 * Include it behind cmocka.h. */
#ifndef TESTS_STREAM_SUPPORT_H
#define TESTS_STREAM_SUPPORT_H

#include <errno.h>

#include "core/event/stream.h"
#include "event_support.h"

/* ---- transports over pairs of sockets ---- */

/* How the fakes cut what goes through them; one test at a time uses them. */
static struct {
    uint32_t seed;
    size_t most;      /* bytes of one call; 0: any */
    bool try_again;   /* every third call or so takes or gives nothing */
    bool refuse_send; /* the kernel would take it, we say no */
    int receives, sends;
    size_t send_entries; /* of the last vector */
} io;

static inline uint32_t io_random(void) {
    io.seed = io.seed * 1664525u + 1013904223u;
    return io.seed >> 8;
}

static inline size_t io_cut(size_t length) {
    if (io.most == 0 || length == 0)
        return length;
    size_t part = 1 + io_random() % io.most;
    return part < length ? part : length;
}

static ssize_t fake_receive(int descriptor, void *bytes, size_t capacity) {
    io.receives++;
    if (io.try_again && io_random() % 3 == 0) {
        errno = EAGAIN;
        return -1;
    }
    return gee_socket_receive(descriptor, bytes, io_cut(capacity));
}

static ssize_t fake_send(int descriptor, const struct iovec *vector, int count) {
    io.sends++;
    io.send_entries = (size_t)count;
    if (io.refuse_send || (io.try_again && io_random() % 3 == 0)) {
        errno = EAGAIN;
        return -1;
    }
    if (io.most == 0)
        return gee_socket_send(descriptor, vector, count);
    struct iovec cut = { .iov_base = vector[0].iov_base, .iov_len = io_cut(vector[0].iov_len) };
    return gee_socket_send(descriptor, &cut, 1);
}

static const gee_transport_t fake = { .scheme = "fake", .receive = fake_receive, .send = fake_send };

/* ---- an owner ---- */

typedef enum reaction { NOTE, DESTROY, CLOSE } reaction_t;

typedef struct owner {
    gee_stream_t *stream;
    uint8_t *bytes; /* all that was received */
    size_t length, capacity;
    int received, ended, drained, flushed, failed;
    gee_error_t reason;
    bool keep;  /* leaves the bytes in the inbox */
    size_t sip; /* consumes so many at a time, and asks for the rest again */
    reaction_t on_received, on_ended, on_drained, on_flushed, on_failed;

    const uint8_t *to_send; /* sent as far as the marks allow */
    size_t send_length, send_offset;
} owner_t;

static inline void react(owner_t *owner, reaction_t reaction) {
    if (reaction == DESTROY)
        gee_stream_destroy(&owner->stream);
    else if (reaction == CLOSE)
        gee_stream_close(&owner->stream, PATIENCE);
}

static inline void owner_send_more(owner_t *owner) {
    while (owner->send_offset < owner->send_length && !gee_stream_congested(owner->stream)) {
        size_t part = 1 + io_random() % 700;
        if (part > owner->send_length - owner->send_offset)
            part = owner->send_length - owner->send_offset;
        assert_int_equal(gee_chain_append(gee_stream_out(owner->stream), owner->to_send + owner->send_offset, part), 0);
        owner->send_offset += part;
        gee_stream_flush(owner->stream);
    }
}

static inline void owner_send(owner_t *owner, const void *bytes, size_t length) {
    owner->to_send = bytes;
    owner->send_length = length;
    owner->send_offset = 0;
    owner_send_more(owner);
}

static void on_received(gee_stream_t *stream, void *data) {
    owner_t *owner = data;
    gee_inbox_t *inbox = gee_stream_inbox(stream);
    size_t length = gee_inbox_length(inbox);
    owner->received++;
    assert_true(length > 0);
    if (!owner->keep) {
        size_t part = owner->sip && owner->sip < length ? owner->sip : length;
        if (owner->length + part > owner->capacity) {
            owner->capacity = (owner->length + part) * 2;
            owner->bytes = realloc(owner->bytes, owner->capacity);
            assert_non_null(owner->bytes);
        }
        memcpy(owner->bytes + owner->length, gee_inbox_bytes(inbox), part);
        owner->length += part;
        gee_inbox_consume(inbox, part);
        if (part < length)
            gee_stream_reread(stream);
    }
    react(owner, owner->on_received);
}
static void on_ended(gee_stream_t *stream, void *data) {
    owner_t *owner = data;
    assert_true(gee_stream_has_ended(stream));
    owner->ended++;
    react(owner, owner->on_ended);
}
static void on_drained(gee_stream_t *stream, void *data) {
    owner_t *owner = data;
    assert_false(gee_stream_congested(stream));
    owner->drained++;
    owner_send_more(owner);
    react(owner, owner->on_drained);
}
static void on_flushed(gee_stream_t *stream, void *data) {
    owner_t *owner = data;
    assert_int_equal(gee_stream_queued(stream), 0);
    owner->flushed++;
    react(owner, owner->on_flushed);
}
static void on_failed(gee_stream_t *stream, void *data, const gee_error_t *reason) {
    owner_t *owner = data;
    (void)stream;
    owner->failed++;
    owner->reason = *reason;
    react(owner, owner->on_failed);
}

static const gee_stream_events_t owner_events = {
    .received = on_received, .ended = on_ended, .drained = on_drained, .flushed = on_flushed, .failed = on_failed
};

static inline void own(owner_t *owner, gee_loop_t *loop, int descriptor, const gee_stream_options_t *options) {
    gee_error_t error;
    owner->stream = gee_stream_create(loop, &fake, descriptor, NULL, options, &error);
    assert_non_null(owner->stream);
    gee_stream_set_owner(owner->stream, &owner_events, owner);
}

static inline void disown(owner_t *owner) {
    gee_stream_destroy(&owner->stream);
    free(owner->bytes);
    memset(owner, 0, sizeof(*owner));
}

/* The pass finds nothing to do: it waits the whole time. */
static inline void assert_loop_sleeps(gee_loop_t *loop) {
    const int64_t wait = 20 * GEE_MILLISECOND;
    run_passes(loop, 3); /* what is still under way */
    int64_t before = gee_clock_monotonic();
    assert_int_equal(gee_loop_once(loop, wait), 0);
    assert_true(gee_clock_monotonic() - before >= wait);
}

/* Ends the test: everything must be gone. */
static inline void end_of_loop(gee_loop_t *loop) {
    assert_false(gee_loop_lingering(loop));
    assert_int_equal(gee_buf_cache_live(gee_loop_buffers(loop)), 0);
    assert_true(gee_loop_next_timer(loop) == -1);
    gee_loop_destroy(&loop);
    memset(&io, 0, sizeof(io));
}

static inline uint8_t *pattern(size_t length) {
    uint8_t *bytes = malloc(length);
    assert_non_null(bytes);
    for (size_t i = 0; i < length; i++)
        bytes[i] = (uint8_t)(io_random());
    return bytes;
}

/* Fills the kernel's buffer, so that the next write blocks. Returns how much it took. */
static inline size_t fill_kernel(int descriptor) {
    static const char zeros[4096];
    size_t total = 0;
    ssize_t count;
    while ((count = send(descriptor, zeros, sizeof(zeros), MSG_NOSIGNAL | MSG_DONTWAIT)) > 0)
        total += (size_t)count;
    return total;
}

/* Reads what there is; *end: the peer's end was seen. */
static inline size_t read_all(int descriptor, uint8_t *target, size_t capacity, bool *end) {
    size_t total = 0;
    while (total < capacity) {
        ssize_t count = recv(descriptor, target + total, capacity - total, MSG_DONTWAIT);
        if (count < 0)
            assert_true(errno == EAGAIN); /* no reset */
        if (end && count == 0)
            *end = true;
        if (count <= 0)
            break;
        total += (size_t)count;
    }
    return total;
}

/* ---- one stream ---- */

/* The owner's stream is on pair[0]; the peer reads and writes pair[1] itself. One test at a time uses them. */
static gee_loop_t *loop;
static int pair[2];
static owner_t owner;

/* new_ends: new_pair or new_tcp_pair. */
static inline void open_stream(void (*new_ends)(int ends[2]), const gee_stream_options_t *options) {
    memset(&owner, 0, sizeof(owner));
    loop = new_loop();
    new_ends(pair);
    own(&owner, loop, pair[0], options);
}

static inline void close_peer(void) {
    close(pair[1]);
    pair[1] = -1;
}

/* Closes with a reset (TCP). */
static inline void reset_peer(void) {
    struct linger hard = { .l_onoff = 1, .l_linger = 0 };
    assert_int_equal(setsockopt(pair[1], SOL_SOCKET, SO_LINGER, &hard, sizeof(hard)), 0);
    close_peer();
}

/* Ends the test, with whatever is still open. */
static inline void close_stream(void) {
    if (pair[1] >= 0)
        close_peer();
    disown(&owner);
    end_of_loop(loop);
}

#endif
