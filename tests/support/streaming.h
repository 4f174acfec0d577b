/* streaming.h: a server and a caller in one process, joined by a socket pair whose reads and writes a test may cut
 * short; and the caller's end of streaming calls, which notes what it hears.
 *
 *   caller_t <- flow <- calling session <- pair transport -> serving session -> flow -> handlers of `service`
 *
 * Everything but GEE_BLOCKING handlers runs on the test's own thread. Include it behind cmocka.h. */
#ifndef TESTS_SUPPORT_STREAMING_H
#define TESTS_SUPPORT_STREAMING_H

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <gee.h>
#include "core/rpc/door.h"
#include "core/rpc/engine_private.h"
#include "core/rpc/session_flows.h"

/* ---- a transport on socket pairs, with short reads and writes ---- */

static size_t receive_at_most, send_at_most; /* 0: any */

static ssize_t pair_receive(int descriptor, void *bytes, size_t capacity) {
    if (receive_at_most > 0 && capacity > receive_at_most)
        capacity = receive_at_most;
    return gee_socket_receive(descriptor, bytes, capacity);
}
static ssize_t pair_send(int descriptor, const struct iovec *vector, int count) {
    struct iovec first = vector[0];
    if (send_at_most == 0)
        return gee_socket_send(descriptor, vector, count);
    if (first.iov_len > send_at_most)
        first.iov_len = send_at_most;
    return gee_socket_send(descriptor, &first, 1);
}
static const gee_transport_t pair_transport = { .scheme = "pair", .receive = pair_receive, .send = pair_send };

/* ---- a filter that counts: each call that began ends once, and is released once, after that ---- */

static size_t filter_calls, filter_ends, filter_releases;
static gee_code_t last_code; /* of the call that ended last */
static gee_verdict_t filter_call(void *state GEE_UNUSED, gee_call_t *call GEE_UNUSED, gee_status_t *status GEE_UNUSED) {
    filter_calls++;
    return GEE_FILTER_PASS;
}
static void filter_end(void *state GEE_UNUSED, gee_call_t *call) {
    filter_ends++;
    last_code = call->status.code;
}
static void filter_release(void *state GEE_UNUSED, gee_call_t *call GEE_UNUSED) {
    filter_releases++;
    assert_true(filter_releases <= filter_ends);
}
static const gee_filter_t counting_filter = { .on_call = filter_call,
                                              .on_end = filter_end,
                                              .on_release = filter_release };
static const gee_module_t counting_module = {
    .abi = GEE_MODULE_ABI, .kind = GEE_MODULE_FILTER, .name = "filter_counting", .interface = &counting_filter
};

/* ---- the two ends ---- */

typedef struct world {
    gee_log_t *log;
    gee_loop_t *loop;
    gee_thread_pool_t *threads;
    gee_engine_t *engine;
    gee_dispatch_t *dispatch;
    gee_session_t *client; /* null: closed */
    int client_ends;
    char log_text[16384];
} world_t;

static inline void keep_log(void *data, gee_log_level_t level GEE_UNUSED, const char *text) {
    world_t *world = data;
    size_t length = strlen(world->log_text);
    snprintf(world->log_text + length, sizeof(world->log_text) - length, "%s\n", text);
}

static inline world_t *world_create(const gee_service_t *service, const gee_limits_t *limits,
                                    const gee_filter_entry_t *filter) {
    gee_error_t error = { 0 };
    world_t *world = calloc(1, sizeof(*world));
    assert_non_null(world);
    receive_at_most = send_at_most = 0;
    filter_calls = filter_ends = filter_releases = 0;
    world->log = gee_log_to_sink(keep_log, world, GEE_LOG_INFO);
    world->loop = gee_loop_create(world->log, &error);
    world->threads = gee_thread_pool_create(2, 100, &error);
    assert_true(world->log && world->loop && world->threads);
    gee_engine_options_t options = { .loop = world->loop,
                                     .log = world->log,
                                     .modules = gee_modules,
                                     .limits = { .message = 256 << 10,
                                                 .call_memory = 64 << 20,
                                                 .nesting = 100,
                                                 .calls = 1000,
                                                 .streams = 1000,
                                                 .output = 256 << 10 },
                                     .threads = world->threads };
    if (limits != NULL)
        options.limits = *limits;
    world->engine = gee_engine_create(&options, &error);
    assert_non_null(world->engine);
    const gee_service_entry_t entry = { .service = service };
    const gee_filter_entry_t filters[] = { { .module = &counting_module },
                                           filter ? *filter : (gee_filter_entry_t){ 0 } };
    world->dispatch = gee_dispatch_create(world->engine, &entry, 1, filters, filter ? 2 : 1, true, &error);
    assert_non_null(world->dispatch);
    return world;
}

static inline void turn(world_t *world, int passes) {
    for (int i = 0; i < passes; i++)
        assert_int_equal(gee_loop_once(world->loop, 0), 0);
}

/* Passes of the loop until the condition holds. */
#define TURN_UNTIL(world, condition)                                                                                   \
    do {                                                                                                               \
        int64_t give_up = gee_clock_monotonic() + 10 * GEE_SECOND;                                                     \
        while (!(condition)) {                                                                                         \
            if (gee_clock_monotonic() > give_up)                                                                       \
                fail_msg("%s:%d: waited in vain for: %s\n%s", __FILE__, __LINE__, #condition, (world)->log_text);      \
            assert_int_equal(gee_loop_once((world)->loop, 10 * GEE_MILLISECOND), 0);                                   \
        }                                                                                                              \
    } while (0)

static inline gee_stream_t *stream_on(world_t *world, int descriptor, size_t high_water) {
    gee_error_t error;
    gee_stream_options_t options = { .high_water = high_water };
    gee_stream_t *stream = gee_stream_create(world->loop, &pair_transport, descriptor, NULL, &options, &error);
    assert_non_null(stream);
    return stream;
}

/* A new connection to the server: the peer's end. */
static inline int world_accept(world_t *world) {
    int ends[2];
    gee_error_t error;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends), 0);
    gee_stream_t *stream = stream_on(world, ends[0], (size_t)world->engine->limits.output);
    assert_int_equal(gee_door_open(world->engine, &stream, &(gee_door_options_t){ 0 }, &error), 0);
    return ends[1];
}

static inline void on_client_closed(gee_session_t *session GEE_UNUSED, void *owner,
                                    const gee_error_t *reason GEE_UNUSED) {
    world_t *world = owner;
    world->client = NULL;
    world->client_ends++;
}
static const gee_session_events_t client_events = { .closed = on_client_closed };

static inline gee_session_t *world_connect(world_t *world, const gee_protocol_t *protocol, const gee_codec_t *codec) {
    gee_error_t error = { 0 };
    gee_session_setup_t setup = { .codec = codec };
    gee_stream_t *stream = stream_on(world, world_accept(world), 64 << 10);
    world->client = gee_session_create(world->engine, &stream, protocol, GEE_CALLING, &setup, gee_loop_now(world->loop),
                                       &client_events, world, &error);
    if (world->client == NULL)
        fail_msg("%s", error.text);
    return world->client;
}

static inline world_t *world_of_geerpc(const gee_service_t *service) {
    world_t *world = world_create(service, NULL, NULL);
    world_connect(world, gee_module_find(gee_modules, GEE_MODULE_PROTOCOL, GEE_STR("geerpc")),
                  gee_module_find(gee_modules, GEE_MODULE_CODEC, GEE_STR("bin")));
    return world;
}

/* The first serving session; null: none. */
static inline gee_session_t *server_of(const world_t *world) {
    GEE_LIST_EACH(&world->engine->sessions, link) {
        gee_session_t *session = GEE_CONTAINER(link, gee_session_t, link);
        if (session->role == GEE_SERVING)
            return session;
    }
    return NULL;
}

/* Whatever happened: every call ended and was released once, and all memory is back. */
static inline void world_destroy(world_t *world) {
    if (world->client != NULL)
        gee_session_close(world->client, NULL);
    TURN_UNTIL(world, world->engine->session_count == 0 && world->engine->live_calls == 0);
    gee_thread_pool_destroy(&world->threads);
    turn(world, 3);
    assert_int_equal(filter_ends, filter_calls);
    assert_int_equal(filter_releases, filter_calls);
    gee_dispatch_destroy(&world->dispatch);
    gee_engine_destroy(&world->engine);
    assert_int_equal(gee_buf_cache_live(gee_loop_buffers(world->loop)), 0);
    gee_loop_destroy(&world->loop);
    gee_log_destroy(&world->log);
    free(world);
}

/* ---- the caller's end of a call ---- */

#define HEARD_AT_MOST 4096

typedef struct caller {
    gee_outgoing_t outgoing;
    gee_flow_t flow;
    world_t *world;
    bool takes_late;        /* a message is taken by caller_take() */
    const gee_type_t *type; /* of the messages: int64_t or gee_str_t */
    size_t heard, heard_bytes;
    int64_t numbers[HEARD_AT_MOST]; /* of the first messages */
    char text[300];                 /* of the message heard last, its beginning */
    int rooms;
    int begun, ended;
    bool from_peer;
    gee_code_t code;
    char reason[300], initial[300], trailing[300], details[300];
} caller_t;

static inline void note_metadata(char *place, size_t room, const gee_metadata_t *metadata) {
    size_t length = strlen(place);
    for (size_t i = 0; i < metadata->count && length < room; i++) {
        gee_str_t value = metadata->items[i].value;
        length += (size_t)snprintf(place + length, room - length, "%.*s=", GEE_STR_ARGUMENTS(metadata->items[i].key));
        for (size_t j = 0; j < value.length && length < room; j++)
            length += (size_t)snprintf(place + length, room - length, value.data[j] >= ' ' ? "%c" : "\\x%02x",
                                       (unsigned char)value.data[j]);
        if (length < room)
            length += (size_t)snprintf(place + length, room - length, ";");
    }
}

static inline void note_message(caller_t *caller, const gee_payload_t *payload) {
    gee_error_t error = { 0 };
    gee_engine_t *engine = caller->world->engine;
    union {
        int64_t number;
        gee_str_t text;
    } value = { 0 };
    assert_int_equal(payload->kind, GEE_PAYLOAD_BYTES);
    if (payload->codec->decode(payload->codec_state, caller->type, payload->bytes, payload->length,
                               &engine->codec_limits, true, engine->answers, &value, &error) != 0)
        fail_msg("%s", error.text);
    if (caller->type == GEE_TYPE_OF(int64_t)) {
        if (caller->heard < HEARD_AT_MOST)
            caller->numbers[caller->heard] = value.number;
    } else {
        snprintf(caller->text, sizeof(caller->text), "%.*s", GEE_STR_ARGUMENTS(value.text));
    }
    gee_pool_reset(engine->answers);
    caller->heard++;
    caller->heard_bytes += payload->length;
}

static inline void caller_message(gee_flow_t *flow, const gee_payload_t *payload) {
    caller_t *caller = GEE_CONTAINER(flow, caller_t, flow);
    assert_int_equal(caller->ended, 0);
    note_message(caller, payload);
    if (!caller->takes_late)
        gee_flow_took(flow);
}
static inline void caller_began(gee_flow_t *flow, const gee_metadata_t *metadata) {
    caller_t *caller = GEE_CONTAINER(flow, caller_t, flow);
    caller->begun++;
    note_metadata(caller->initial, sizeof(caller->initial), metadata);
}
static inline void caller_ended(gee_flow_t *flow, const gee_event_t *end, bool from_peer) {
    caller_t *caller = GEE_CONTAINER(flow, caller_t, flow);
    assert_int_equal(++caller->ended, 1);
    caller->from_peer = from_peer;
    caller->code = end->status.code;
    snprintf(caller->reason, sizeof(caller->reason), "%.*s", GEE_STR_ARGUMENTS(end->status.text));
    note_metadata(caller->initial, sizeof(caller->initial), &end->metadata);
    if (end->more != NULL) {
        note_metadata(caller->trailing, sizeof(caller->trailing), &end->more->trailing);
        snprintf(caller->details, sizeof(caller->details), "%.*s", GEE_STR_ARGUMENTS(end->more->details));
    }
    if (end->parts & GEE_EVENT_MESSAGE && end->status.code == GEE_OK)
        note_message(caller, &end->payload);
}
static inline void caller_room(gee_flow_t *flow) {
    GEE_CONTAINER(flow, caller_t, flow)->rooms++;
}
static const gee_flow_events_t caller_events = {
    .message = caller_message, .began = caller_began, .ended = caller_ended, .room = caller_room
};

/* As `request` says, which has codec, timeout and metadata where they are wanted; the message is of `type` or of the
 * request's payload. */
static inline int caller_try(world_t *world, caller_t *caller, const char *method, unsigned parts,
                             const gee_type_t *type, const void *message, gee_event_t request, gee_error_t *error) {
    caller->world = world;
    if (caller->type == NULL)
        caller->type = GEE_TYPE_OF(int64_t);
    request.parts = GEE_EVENT_BEGIN | parts;
    request.method = gee_str(method);
    request.payload = (gee_payload_t){ .kind = GEE_PAYLOAD_TYPED, .type = type, .typed = message };
    return gee_session_open(world->client, &caller->outgoing, &caller->flow, &caller_events, &request, error);
}

static inline void caller_open_with(world_t *world, caller_t *caller, const char *method, unsigned parts,
                                    const gee_type_t *type, const void *message, gee_event_t request) {
    gee_error_t error = { 0 };
    if (caller_try(world, caller, method, parts, type, message, request, &error) != 0)
        fail_msg("%s", error.text);
}

/* With neither message nor half-close. */
static inline void caller_open(world_t *world, caller_t *caller, const char *method) {
    caller_open_with(world, caller, method, 0, NULL, NULL, (gee_event_t){ 0 });
}
/* With one message, and no further one. */
static inline void caller_ask(world_t *world, caller_t *caller, const char *method, const gee_type_t *type,
                              const void *message) {
    caller_open_with(world, caller, method, GEE_EVENT_MESSAGE | GEE_EVENT_HALF_CLOSE, type, message,
                     (gee_event_t){ 0 });
}

static inline gee_sent_t caller_send(caller_t *caller, const gee_type_t *type, const void *message) {
    gee_error_t error;
    const gee_payload_t payload = { .kind = GEE_PAYLOAD_TYPED, .type = type, .typed = message };
    return gee_flow_send(&caller->flow, &payload, &error);
}
static inline gee_sent_t caller_send_number(caller_t *caller, int64_t number) {
    return caller_send(caller, GEE_TYPE_OF(int64_t), &number);
}
static inline gee_sent_t caller_send_text(caller_t *caller, const char *text, size_t length) {
    const gee_str_t value = { .data = text, .length = length };
    return caller_send(caller, GEE_TYPE_OF(gee_str_t), &value);
}
static inline void caller_cancel(caller_t *caller) {
    gee_session_forget(caller->world->client, &caller->outgoing);
}

#define ASSERT_ENDED(caller, expected)                                                                                 \
    do {                                                                                                               \
        TURN_UNTIL((caller)->world, (caller)->ended > 0);                                                              \
        if ((caller)->code != (expected))                                                                              \
            fail_msg("%s:%d: code %d: %s", __FILE__, __LINE__, (int)(caller)->code, (caller)->reason);                 \
    } while (0)

/* ---- a unary call beside them ---- */

typedef struct asker {
    gee_outgoing_t outgoing;
    int count;
    gee_code_t code;
} asker_t;

static inline void asker_done(gee_outgoing_t *outgoing, const gee_event_t *reply) {
    asker_t *asker = GEE_CONTAINER(outgoing, asker_t, outgoing);
    asker->count++;
    asker->code = reply->status.code;
}

static inline void ask(world_t *world, asker_t *asker, const char *method, const gee_type_t *type,
                       const void *argument) {
    gee_error_t error = { 0 };
    gee_event_t request = { .method = gee_str(method),
                            .codec = world->client->codec,
                            .payload = { .kind = GEE_PAYLOAD_TYPED, .type = type, .typed = argument } };
    *asker = (asker_t){ .outgoing.done = asker_done };
    if (gee_session_call(world->client, &asker->outgoing, &request, &error) != 0)
        fail_msg("%s", error.text);
}

#endif
