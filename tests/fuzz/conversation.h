/* conversation.h: a serving engine with a few methods, and a peer on the other end of a socket pair that says what
 * the fuzzer wants. One thread, no clock: calls wait until another call, or the end, lets them go.
 *
 *   input, cut into pieces --> peer's end --> stream -> door -> protocol -> Test.* --> peer's end --> the answers */
#ifndef TEST_FUZZ_CONVERSATION_H
#define TEST_FUZZ_CONVERSATION_H

#include "fuzz.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>
#include "core/rpc/door.h"
#include "core/rpc/engine_private.h"

/* ---- the services ---- */

typedef struct {
    int64_t a, b;
} pair_t;
GEE_STRUCT(pair_t, "Pair", GEE_INT64(pair_t, a, "A", 1), GEE_INT64(pair_t, b, "B", 2));
typedef struct {
    gee_str_t text;
} text_t;
GEE_STRUCT(text_t, "Text", GEE_STRING(text_t, text, "Text", 1));

#define KEPT_CALLS 64
static gee_call_t *kept[KEPT_CALLS]; /* by Test.Keep */
static size_t kept_count;
static bool kept_any; /* in this world */

static void multiply(gee_call_t *call, const pair_t *pair, int64_t *product) {
    if (__builtin_mul_overflow(pair->a, pair->b, product))
        gee_fail(call, GEE_OUT_OF_RANGE, "the product is too large");
    else
        gee_reply(call);
}
static void echo(gee_call_t *call, const text_t *argument, text_t *reply) {
    reply->text = argument->text;
    gee_reply(call);
}
static void echo_all(gee_call_t *call, const all_t *argument, all_t *reply) {
    *reply = *argument;
    gee_reply(call);
}
static void refuse(gee_call_t *call, const text_t *argument, text_t *reply GEE_UNUSED) {
    gee_failf(call, GEE_FAILED_PRECONDITION, "%.*s", GEE_STR_ARGUMENTS(argument->text));
}
static void not_a_number(gee_call_t *call, const gee_empty_t *argument GEE_UNUSED, double *reply) {
    *reply = __builtin_nan("");
    gee_reply(call);
}
static void keep(gee_call_t *call, const pair_t *pair, int64_t *sum) {
    *sum = pair->b;
    kept_any = true;
    if (kept_count == KEPT_CALLS)
        gee_fail(call, GEE_RESOURCE_EXHAUSTED, "too many are kept");
    else
        kept[kept_count++] = call;
}
static void let_go(void) {
    while (kept_count > 0)
        gee_reply(kept[--kept_count]);
}
static void release(gee_call_t *call, const pair_t *pair GEE_UNUSED, int64_t *count) {
    *count = (int64_t)kept_count;
    let_go();
    gee_reply(call);
}
static const gee_method_t fuzz_methods[] = {
    GEE_METHOD("Multiply", multiply, pair_t, int64_t, GEE_IDEMPOTENT),
    GEE_METHOD("Echo", echo, text_t, text_t, 0),
    GEE_METHOD("All", echo_all, all_t, all_t, 0),
    GEE_METHOD("Fail", refuse, text_t, text_t, 0),
    GEE_METHOD("NaN", not_a_number, gee_empty_t, double, 0),
    GEE_METHOD("Keep", keep, pair_t, int64_t, 0),
    GEE_METHOD("Release", release, pair_t, int64_t, 0),
};
static const gee_service_t fuzz_service = { .name = "Test",
                                            .methods = fuzz_methods,
                                            .method_count = GEE_LENGTH(fuzz_methods) };

/* ---- the pages ---- */

static void show_body(gee_exchange_t *exchange) {
    gee_http_set_type(&exchange->response, "text/plain");
    gee_http_escape(&exchange->response, exchange->request->path);
    gee_http_write(&exchange->response, exchange->request->body.data, exchange->request->body.length);
    gee_exchange_answer(exchange);
}
static const gee_route_t fuzz_routes[] = {
    { .path = "/echo", .methods = "GET POST", .flags = GEE_ROUTE_PREFIX, .handle = show_body },
    { .path = "/guarded", .methods = "GET", .flags = GEE_ROUTE_GUARDED, .handle = show_body },
    { .path = NULL },
};
static const gee_module_t fuzz_pages = {
    .abi = GEE_MODULE_ABI, .kind = GEE_MODULE_PAGE, .name = "page_fuzz", .interface = fuzz_routes
};

/* ---- the engine ---- */

typedef struct world {
    gee_loop_t *loop;
    gee_log_t *log;
    gee_engine_t *engine;
    gee_dispatch_t *dispatch;
    gee_module_entry_t modules[64];
    size_t memory; /* that was in use before */
} world_t;

/* A target may have more services, and other limits: it defines these before it includes this. */
#ifndef WORLD_SERVICES
#define WORLD_SERVICES                                                                                                 \
    {                                                                                                                  \
        { .service = &fuzz_service }                                                                                   \
    }
#endif
/* A message takes at most so much of the memory of this process; several are under way. */
#ifndef WORLD_LIMITS
#define WORLD_LIMITS                                                                                                   \
    { .message = 1024, .call_memory = 1024 * 1024, .nesting = 50, .calls = 8, .streams = 8, .output = 64 * 1024 }
#endif
#define WORLD_MEMORY (24u * 1024 * 1024)

/* ASan's, where it is there. */
size_t __sanitizer_get_current_allocated_bytes(void) __attribute__((weak));

static inline size_t memory_in_use(void) {
    return __sanitizer_get_current_allocated_bytes ? __sanitizer_get_current_allocated_bytes() : 0;
}

static inline void forget_log(void *data GEE_UNUSED, gee_log_level_t level, const char *text) {
    FUZZ_CHECK(level != GEE_LOG_ALERT, "%s", text);
}

static inline void world_open(world_t *world) {
    gee_error_t error;
    size_t count = 0;
    memset(world, 0, sizeof(*world));
    world->memory = memory_in_use();
    kept_any = false;
    for (; gee_modules[count].module != NULL; count++)
        world->modules[count] = gee_modules[count];
    FUZZ_CHECK(count + 1 < GEE_LENGTH(world->modules), "too many modules");
    world->modules[count] = (gee_module_entry_t){ &fuzz_pages, "pages of this test" };
    world->log = gee_log_to_sink(forget_log, NULL, GEE_LOG_DEBUG);
    world->loop = gee_loop_create(world->log, &error);
    FUZZ_CHECK(world->loop != NULL, "%s", error.text);
    gee_engine_options_t options = {
        .loop = world->loop, .log = world->log, .modules = world->modules, .limits = WORLD_LIMITS
    };
    world->engine = gee_engine_create(&options, &error);
    FUZZ_CHECK(world->engine != NULL, "%s", error.text);
    const gee_service_entry_t services[] = WORLD_SERVICES;
    world->dispatch = gee_dispatch_create(world->engine, services, GEE_LENGTH(services), NULL, 0, true, &error);
    FUZZ_CHECK(world->dispatch != NULL, "%s", error.text);
}

/* A pass of the loop. */
static inline void world_turn(const world_t *world) {
    FUZZ_CHECK(gee_loop_once(world->loop, 0) == 0, "the loop failed");
    size_t memory = memory_in_use();
    FUZZ_CHECK(memory < world->memory + WORLD_MEMORY, "%zu bytes more are in use", memory - world->memory);
}

/* Everything has come back. */
static inline void world_close(world_t *world) {
    let_go();
    for (int i = 0; i < 4; i++)
        world_turn(world);
    FUZZ_CHECK(world->engine->live_calls == 0, "%zu calls live on", world->engine->live_calls);
    FUZZ_CHECK(world->engine->late_handlers == 0, "%zu late handlers", world->engine->late_handlers);
    FUZZ_CHECK(world->engine->session_count == 0, "%zu sessions", world->engine->session_count);
    gee_dispatch_destroy(&world->dispatch);
    gee_engine_destroy(&world->engine);
    size_t live = gee_buf_cache_live(gee_loop_buffers(world->loop));
    FUZZ_CHECK(live == 0, "%zu buffers", live);
    gee_loop_destroy(&world->loop);
    gee_log_destroy(&world->log);
}

/* ---- the peer ---- */

/* Every read of the server gets a piece. What moves is counted. */
static fuzz_cuts_t cuts;
static size_t moved;

static ssize_t receive_piece(int descriptor, void *bytes, size_t capacity) {
    ssize_t count = gee_socket_receive(descriptor, bytes, fuzz_next_cut(&cuts, capacity));
    moved += count > 0 ? (size_t)count : 0;
    return count;
}
static ssize_t send_all(int descriptor, const struct iovec *vector, int count) {
    ssize_t sent = gee_socket_send(descriptor, vector, count);
    moved += sent > 0 ? (size_t)sent : 0;
    return sent;
}
static const gee_transport_t fuzz_transport = { .scheme = "pair", .receive = receive_piece, .send = send_all };

#define PEER_ROOM (1u << 20)
typedef struct peer {
    int descriptor;
    char *got; /* of PEER_ROOM bytes */
    size_t length;
    bool ended;
} peer_t;

static inline gee_stream_t *peer_connect(const world_t *world, peer_t *peer, char *room) {
    int ends[2];
    gee_error_t error;
    gee_stream_options_t options = { .high_water = (size_t)world->engine->limits.output };
    FUZZ_CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) == 0, "%s", strerror(errno));
    gee_stream_t *stream = gee_stream_create(world->loop, &fuzz_transport, ends[0], NULL, &options, &error);
    FUZZ_CHECK(stream != NULL, "%s", error.text);
    *peer = (peer_t){ .descriptor = ends[1], .got = room };
    return stream;
}

static inline void peer_open(const world_t *world, peer_t *peer, char *room, const gee_door_options_t *door) {
    gee_error_t error;
    gee_stream_t *stream = peer_connect(world, peer, room);
    FUZZ_CHECK(gee_door_open(world->engine, &stream, door, &error) == 0, "%s", error.text);
}

static inline void peer_read(peer_t *peer) {
    while (!peer->ended && peer->length < PEER_ROOM) {
        ssize_t count = read(peer->descriptor, peer->got + peer->length, PEER_ROOM - peer->length);
        if (count == 0 || (count < 0 && errno != EAGAIN))
            peer->ended = true;
        if (count <= 0)
            break;
        peer->length += (size_t)count;
    }
}

/* Until nothing moves any more. */
static inline void world_settle(const world_t *world) {
    for (unsigned quiet = 0, i = 0; quiet < 3; i++) {
        size_t before = moved;
        world_turn(world);
        quiet = moved == before ? quiet + 1 : 0;
        FUZZ_CHECK(i < 1000000, "it does not come to rest");
    }
}

/* Writes all, unless the server has ended the connection; reads meanwhile, or not (until nothing moves any more). */
static inline void peer_write(const world_t *world, peer_t *peer, const uint8_t *bytes, size_t length, bool reads) {
    unsigned stuck = 0;
    while (length > 0 && !peer->ended) {
        ssize_t count = send(peer->descriptor, bytes, length, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (count < 0 && errno != EAGAIN)
            break;
        if (count > 0) {
            bytes += count;
            length -= (size_t)count;
            stuck = 0;
        } else { /* it does not read: too many calls are kept, or too much output waits */
            reads = reads || kept_count == 0;
            let_go();
            FUZZ_CHECK(++stuck < 1000, "the server neither reads nor ends the connection");
        }
        world_settle(world);
        if (reads)
            peer_read(peer);
    }
}

/* Ends the conversation in good order, and waits for the server to do so too. */
static inline void peer_finish(const world_t *world, peer_t *peer) {
    shutdown(peer->descriptor, SHUT_WR);
    for (unsigned i = 0; !peer->ended && peer->length < PEER_ROOM; i++) {
        world_settle(world);
        let_go();
        peer_read(peer);
        FUZZ_CHECK(i < 1000, "the server does not end the connection");
    }
}

#endif
