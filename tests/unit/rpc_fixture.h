/* rpc_fixture.h: a serving engine with a few methods, and a peer on the other end of a socket pair that writes and
 * reads raw bytes. Everything runs on the test's own thread; pump() turns the loop until there is something to
 * see. */
#ifndef TEST_RPC_FIXTURE_H
#define TEST_RPC_FIXTURE_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <gee.h>
#include "core/rpc/door.h"
#include "core/rpc/engine_private.h"

/* ---- the service under test ---- */

typedef struct {
    int64_t a, b;
} pair_t;
GEE_STRUCT(pair_t, "Pair", GEE_INT64(pair_t, a, "A", 1), GEE_INT64(pair_t, b, "B", 2));
typedef struct {
    gee_str_t text;
} text_t;
GEE_STRUCT(text_t, "Text", GEE_STRING(text_t, text, "Text", 1));
typedef struct {
    double number;
} number_t;
GEE_STRUCT(number_t, "Number", GEE_DOUBLE(number_t, number, "Number", 1));

static gee_call_t *kept_call; /* the call that Test.Keep left unfinished */
static int kept_cancelled;
static size_t released_count;

static void multiply(gee_call_t *call, const pair_t *pair, int64_t *product) {
    *product = pair->a * pair->b;
    gee_reply(call);
}
static void echo(gee_call_t *call, const text_t *argument, text_t *reply) {
    reply->text = argument->text;
    gee_reply(call);
}
static void grow(gee_call_t *call, const pair_t *pair, text_t *reply) {
    char *text = gee_call_alloc(call, (size_t)pair->a);
    assert_non_null(text);
    memset(text, 'x', (size_t)pair->a);
    reply->text = (gee_str_t){ text, (size_t)pair->a };
    gee_reply(call);
}
static void refuse(gee_call_t *call, const text_t *argument, text_t *reply GEE_UNUSED) {
    gee_failf(call, GEE_FAILED_PRECONDITION, "%.*s", GEE_STR_ARGUMENTS(argument->text));
}
static void garble(gee_call_t *call, const pair_t *pair GEE_UNUSED, int64_t *sum GEE_UNUSED) {
    gee_fail(call, GEE_INTERNAL, "\xff and \xc3\xa9 and \xc3");
}
static void twice(gee_call_t *call, const pair_t *pair, int64_t *sum) {
    *sum = pair->a + pair->b;
    gee_reply(call);
    gee_fail(call, GEE_INTERNAL, "the second finish");
}
static void on_kept_cancelled(void *data GEE_UNUSED) {
    kept_cancelled++;
}
static void keep(gee_call_t *call, const pair_t *pair, int64_t *sum) {
    *sum = pair->a + pair->b;
    kept_call = call;
    gee_call_on_cancel(call, on_kept_cancelled, NULL);
}
static void *reply_from_thread(void *data) {
    gee_reply(data);
    return NULL;
}
static void threaded(gee_call_t *call, const pair_t *pair, int64_t *sum) {
    pthread_t thread;
    *sum = pair->a + pair->b;
    assert_int_equal(pthread_create(&thread, NULL, reply_from_thread, call), 0);
    pthread_detach(thread);
}
static void not_a_number(gee_call_t *call, const pair_t *pair GEE_UNUSED, number_t *reply) {
    reply->number = __builtin_nan("");
    gee_reply(call);
}
static pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER; /* held by a test: Test.Block waits */
static void block(gee_call_t *call, const pair_t *pair, int64_t *sum) {
    pthread_mutex_lock(&gate);
    pthread_mutex_unlock(&gate);
    *sum = pair->a + pair->b;
    gee_reply(call);
}
static const gee_method_t test_methods[] = {
    GEE_METHOD("Multiply", multiply, pair_t, int64_t, GEE_IDEMPOTENT),
    GEE_METHOD("Echo", echo, text_t, text_t, 0),
    GEE_METHOD("Grow", grow, pair_t, text_t, 0),
    GEE_METHOD("Fail", refuse, text_t, text_t, 0),
    GEE_METHOD("Garble", garble, pair_t, int64_t, 0),
    GEE_METHOD("Twice", twice, pair_t, int64_t, 0),
    GEE_METHOD("Keep", keep, pair_t, int64_t, 0),
    GEE_METHOD("Threaded", threaded, pair_t, int64_t, 0),
    GEE_METHOD("NaN", not_a_number, pair_t, number_t, 0),
    GEE_METHOD("Block", block, pair_t, int64_t, GEE_BLOCKING),
};
static const gee_service_t test_service = { .name = "Test",
                                            .methods = test_methods,
                                            .method_count = GEE_LENGTH(test_methods) };

/* ---- a transport on socket pairs that counts writes and can cut reads short ---- */

static size_t sends, receive_at_most;

static ssize_t pair_receive(int descriptor, void *bytes, size_t capacity) {
    if (receive_at_most > 0 && capacity > receive_at_most)
        capacity = receive_at_most;
    return gee_socket_receive(descriptor, bytes, capacity);
}
static ssize_t pair_send(int descriptor, const struct iovec *vector, int count) {
    ssize_t sent = gee_socket_send(descriptor, vector, count);
    if (sent > 0)
        sends++;
    return sent;
}
static const gee_transport_t pair_transport = { .scheme = "pair", .receive = pair_receive, .send = pair_send };

/* ---- a filter that counts what it sees ---- */

static size_t filter_calls, filter_ends;
static gee_verdict_t count_call(void *state GEE_UNUSED, gee_call_t *call GEE_UNUSED, gee_status_t *status GEE_UNUSED) {
    filter_calls++;
    return GEE_FILTER_PASS;
}
static void count_end(void *state GEE_UNUSED, gee_call_t *call GEE_UNUSED) {
    filter_ends++;
}
static void count_release(void *state GEE_UNUSED, gee_call_t *call GEE_UNUSED) {
    released_count++;
}
static const gee_filter_t counting_filter = { .on_call = count_call, .on_end = count_end, .on_release = count_release };
static const gee_module_t counting_module = {
    .abi = GEE_MODULE_ABI, .kind = GEE_MODULE_FILTER, .name = "filter_counting", .interface = &counting_filter
};

/* ---- the fixture ---- */

typedef struct fixture {
    gee_loop_t *loop;
    gee_log_t *log;
    gee_thread_pool_t *threads;
    gee_engine_t *engine;
    gee_dispatch_t *dispatch;
    char log_text[65536];
    size_t log_length;
    char got[1 << 20]; /* what the peer has read */
    size_t got_length;
    bool got_end;
} fixture_t;

static inline void keep_log(void *data, gee_log_level_t level GEE_UNUSED, const char *text) {
    fixture_t *fixture = data;
    int n = snprintf(fixture->log_text + fixture->log_length, sizeof(fixture->log_text) - fixture->log_length, "%s\n",
                     text);
    if (n > 0 && fixture->log_length + (size_t)n < sizeof(fixture->log_text))
        fixture->log_length += (size_t)n;
}

static inline fixture_t *fixture_create(const gee_limits_t *limits, const gee_timeouts_t *timeouts) {
    gee_error_t error = { 0 };
    fixture_t *fixture = calloc(1, sizeof(*fixture));
    assert_non_null(fixture);
    fixture->log = gee_log_to_sink(keep_log, fixture, GEE_LOG_DEBUG);
    fixture->loop = gee_loop_create(fixture->log, &error);
    fixture->threads = gee_thread_pool_create(1, 2, &error);
    gee_engine_options_t options = {
        .loop = fixture->loop,
        .log = fixture->log,
        .modules = gee_modules,
        .limits = { .message = 4 << 20, .call_memory = 64 << 20, .nesting = 100, .calls = 1000, .output = 256 << 10 },
        .threads = fixture->threads
    };
    if (limits != NULL)
        options.limits = *limits;
    if (timeouts != NULL)
        options.timeouts = *timeouts;
    fixture->engine = gee_engine_create(&options, &error);
    assert_non_null(fixture->engine);
    gee_service_entry_t service = { .service = &test_service };
    gee_filter_entry_t filter = { .module = &counting_module };
    fixture->dispatch = gee_dispatch_create(fixture->engine, &service, 1, &filter, 1, true, &error);
    assert_non_null(fixture->dispatch);
    kept_call = NULL;
    kept_cancelled = 0;
    released_count = filter_calls = filter_ends = sends = receive_at_most = 0;
    return fixture;
}

static inline void pump(fixture_t *fixture) {
    for (int i = 0; i < 8; i++)
        assert_int_equal(gee_loop_once(fixture->loop, 0), 0);
}

static inline void fixture_destroy(fixture_t *fixture) {
    gee_thread_pool_destroy(&fixture->threads);
    pump(fixture);
    assert_int_equal(fixture->engine->live_calls, 0);
    assert_int_equal(filter_calls, filter_ends);
    assert_int_equal(filter_calls, released_count);
    gee_dispatch_destroy(&fixture->dispatch);
    gee_engine_destroy(&fixture->engine);
    assert_int_equal(gee_buf_cache_live(gee_loop_buffers(fixture->loop)), 0);
    gee_loop_destroy(&fixture->loop);
    gee_log_destroy(&fixture->log);
    free(fixture);
}

/* The end of a test: the peer goes, and its session with it. */
static inline void finish(fixture_t *fixture, int peer) {
    close(peer);
    pump(fixture);
    assert_int_equal(fixture->engine->session_count, 0);
    fixture_destroy(fixture);
}

/* The peer's end of a new connection through that door; `from`: where the peer is, null: it is not said. */
static inline int fixture_connect_from(fixture_t *fixture, const gee_door_options_t *door, const gee_sockaddr_t *from) {
    int ends[2];
    gee_error_t error = { 0 };
    gee_stream_options_t options = { .high_water = (size_t)fixture->engine->limits.output };
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends), 0);
    gee_stream_t *stream = gee_stream_create(fixture->loop, &pair_transport, ends[0], from, &options, &error);
    assert_non_null(stream);
    assert_int_equal(gee_door_open(fixture->engine, &stream, door, &error), 0);
    fixture->got_length = 0;
    fixture->got_end = false;
    return ends[1];
}

static inline int fixture_connect_to(fixture_t *fixture, const gee_door_options_t *door) {
    return fixture_connect_from(fixture, door, NULL);
}

static inline int fixture_connect(fixture_t *fixture) {
    return fixture_connect_to(fixture, &(gee_door_options_t){ 0 });
}

/* Writes all, turning the loop where the socket is full; takes in what comes meanwhile. */
static inline void peer_read(fixture_t *fixture, int peer) {
    while (fixture->got_length < sizeof(fixture->got) - 1) {
        ssize_t n = read(peer, fixture->got + fixture->got_length, sizeof(fixture->got) - 1 - fixture->got_length);
        if (n == 0 || (n < 0 && errno == ECONNRESET))
            fixture->got_end = true;
        if (n <= 0)
            break;
        fixture->got_length += (size_t)n;
    }
    fixture->got[fixture->got_length] = '\0';
}

static inline void peer_write(fixture_t *fixture, int peer, const void *bytes, size_t length) {
    const char *at = bytes;
    while (length > 0) {
        ssize_t n = write(peer, at, length);
        if (n < 0 && errno != EAGAIN)
            return; /* the server closed: the test looks at got_end */
        if (n > 0) {
            at += n;
            length -= (size_t)n;
        }
        pump(fixture);
        peer_read(fixture, peer);
    }
}

static inline void peer_says(fixture_t *fixture, int peer, const char *text) {
    peer_write(fixture, peer, text, strlen(text));
    pump(fixture);
    peer_read(fixture, peer);
}

/* Turns the loop until the peer has `length` bytes or the end, for at most five seconds. */
static inline void wait_for(fixture_t *fixture, int peer, size_t length) {
    int64_t give_up = gee_clock_monotonic() + 5 * GEE_SECOND;
    while (fixture->got_length < length && !fixture->got_end && gee_clock_monotonic() < give_up) {
        assert_int_equal(gee_loop_once(fixture->loop, 5 * GEE_MILLISECOND), 0);
        peer_read(fixture, peer);
    }
}

#define OPTION_JSON "{\"MagicNumber\":3927900,\"CodecType\":\"application/json\"}"
#define OPTION_BIN  "{\"MagicNumber\":3927900,\"CodecType\":\"application/bin\"}"

#endif
