/* worker_fixture.h: workers in the test's own process, as far as connections are concerned: a configuration of one
 * listener, an engine with the methods of rpc_fixture.h, clients over socket pairs; and the socket between two of
 * them, of which the test may play either end packet by packet. */
#ifndef TEST_WORKER_FIXTURE_H
#define TEST_WORKER_FIXTURE_H

#include "rpc_fixture.h"

#include <dirent.h>

#include "core/proc/handover_packet.h"
#include "core/proc/worker_private.h"
#include "core/rpc/engine_private.h"

/* ---- workers ---- */

typedef struct worker {
    fixture_t *fixture;
    gee_cycle_t cycle;
    gee_listener_t listener;
    gee_listen_settings_t listen;
    gee_cycle_listener_t entry;
    gee_worker_process_t process;
} worker_t;

static gee_transport_t transport; /* over pairs, of which each worker has its own socket */

static inline void open_worker(worker_t *worker, const char *address) {
    memset(worker, 0, sizeof(*worker));
    transport = pair_transport;
    transport.socket_per_worker = true;
    worker->fixture = fixture_create(NULL, NULL);
    gee_settings_t *settings = &worker->cycle.sections.settings;
    settings->connections.connections = 1000;
    settings->limits = worker->fixture->engine->limits;
    settings->shutdown_timeout = 60 * GEE_SECOND;
    settings->handover_patience = GEE_SECOND;
    snprintf(worker->listener.bound, sizeof(worker->listener.bound), "%s", address);
    worker->listener.transport = &transport;
    worker->listen.pages = GEE_PAGES_OFF;
    worker->entry = (gee_cycle_listener_t){ .listener = &worker->listener, .settings = &worker->listen };
    worker->cycle.listeners = &worker->entry;
    worker->cycle.listener_count = 1;
    worker->cycle.workers = 1;
    worker->process = (gee_worker_process_t){ .cycle = &worker->cycle,
                                              .log = worker->fixture->log,
                                              .loop = worker->fixture->loop,
                                              .engine = worker->fixture->engine,
                                              .dispatch = worker->fixture->dispatch,
                                              .addresses = gee_string_map_create() };
    assert_non_null(worker->process.addresses);
    gee_list_init(&worker->process.acceptors);
    gee_list_init(&worker->process.givers);
    gee_list_init(&worker->process.takers);
}

static inline void close_worker(worker_t *worker) {
    gee_worker_process_t *process = &worker->process;
    pump(worker->fixture); /* clients have closed */
    gee_worker_leave_finish(process);
    gee_worker_give_finish(process);
    gee_worker_take_finish(process);
    gee_worker_accept_finish(process);
    gee_door_close_all(process->engine);
    gee_sessions_destroy(process->engine);
    assert_int_equal(process->descriptors, 0);
    fixture_destroy(worker->fixture);
}

static inline void turn(worker_t *one, worker_t *two) {
    pump(one->fixture);
    if (two)
        pump(two->fixture);
}

#define TURN_UNTIL(one, two, condition)                                                                                \
    do {                                                                                                               \
        int64_t give_up = gee_clock_monotonic() + 20 * GEE_SECOND;                                                     \
        while (!(condition)) {                                                                                         \
            if (gee_clock_monotonic() > give_up)                                                                       \
                fail_msg("waited in vain for: %s", #condition);                                                        \
            turn(one, two);                                                                                            \
        }                                                                                                              \
    } while (0)

/* ---- clients ---- */

static inline int accept_descriptor(worker_t *worker, int descriptor, gee_sockaddr_t *peer) {
    gee_error_t error;
    gee_door_options_t options;
    gee_worker_connection_t *connection = calloc(1, sizeof(*connection));
    assert_non_null(connection);
    connection->process = &worker->process;
    connection->entry = &worker->entry;
    connection->accepted_ns = gee_loop_now(worker->process.loop);
    assert_true(gee_worker_count(connection, peer, false));
    gee_stream_t *stream = gee_worker_open_stream(connection, descriptor, peer, &options, &error);
    assert_non_null(stream);
    return gee_door_open(worker->process.engine, &stream, &options, &error);
}

static inline int connect_to(worker_t *worker) {
    int ends[2];
    gee_sockaddr_t peer = { .any.sa_family = AF_UNIX };
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends), 0);
    assert_int_equal(accept_descriptor(worker, ends[0], &peer), 0);
    worker->fixture->got_length = 0;
    worker->fixture->got_end = false;
    return ends[1];
}

#define CALL   "{\"method\":\"Test.Multiply\",\"params\":[{\"A\":7,\"B\":8}],\"id\":0}"
#define ANSWER "{\"id\":0,\"result\":56,\"error\":null}\n"

/* Somebody is there who knows what was said so far. */
static inline void expect_answer(worker_t *worker, int peer, const char *text) {
    worker->fixture->got_length = 0;
    peer_says(worker->fixture, peer, text);
    assert_string_equal(worker->fixture->got, ANSWER);
}

/* ---- the socket between them ---- */

static inline void open_ends(int ends[2]) {
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends), 0);
}

/* `old` leaves, and passes on to `new`, or to nobody but whoever has the other end, which is returned. */
static inline int start_handover(worker_t *old, worker_t *new) {
    int ends[2];
    open_ends(ends);
    if (new)
        gee_worker_take_over(&new->process, ends[1]);
    gee_worker_give_over(&old->process, 1, ends[0]);
    gee_worker_leave(&old->process);
    return ends[1];
}

typedef struct received {
    gee_packet_t packet;
    uint8_t bytes[GEE_HANDOVER_PIECE];
    size_t length;
    int descriptor;
} received_t;

static inline bool receive_packet(int end, received_t *received) {
    return gee_packet_receive(end, &received->packet, received->bytes, &received->length, &received->descriptor) > 0;
}

/* The taker's answer: id and type. */
static inline void expect_answered(worker_t *new, int end, uint32_t id, gee_packet_type_t type, const char *text) {
    static received_t received;
    TURN_UNTIL(new, NULL, receive_packet(end, &received));
    assert_int_equal(received.packet.id, id);
    assert_int_equal(received.packet.type, type);
    received.bytes[received.length] = '\0';
    if (strstr((char *)received.bytes, text) == NULL)
        fail_msg("answered: %s", (char *)received.bytes);
}

static inline void expect_hung_up(worker_t *worker, int end) {
    char byte;
    turn(worker, NULL);
    assert_true(recv(end, &byte, 1, MSG_DONTWAIT) == 0 || errno == ECONNRESET);
}

static inline size_t open_descriptors(void) {
    size_t count = 0;
    DIR *directory = opendir("/proc/self/fd");
    assert_non_null(directory);
    while (readdir(directory) != NULL)
        count++;
    closedir(directory);
    return count;
}

#endif
