/* worker_handover_test.c: two workers in one process, and what goes over the socket between them: connections that move, and
 * those that come back whatever the other side does, or is.
 *
 *   clients -- old: giver ==socket pair== taker :new        either can be played by the test, packet by packet */
#include "rpc_fixture.h"

#include <dirent.h>
#include <netinet/in.h>
#include <sys/resource.h>

#include "core/proc/handover_packet.h"
#include "core/proc/worker_private.h"

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

static void open_worker(worker_t *worker, const char *address) {
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

static void close_worker(worker_t *worker) {
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

static void turn(worker_t *one, worker_t *two) {
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

static int accept_descriptor(worker_t *worker, int descriptor, gee_sockaddr_t *peer) {
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

static int connect_to(worker_t *worker) {
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
static void expect_answer(worker_t *worker, int peer, const char *text) {
    worker->fixture->got_length = 0;
    peer_says(worker->fixture, peer, text);
    assert_string_equal(worker->fixture->got, ANSWER);
}

/* ---- the socket between them ---- */

static void open_ends(int ends[2]) {
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends), 0);
}

/* `old` leaves, and passes on to `new`, or to nobody but whoever has the other end, which is returned. */
static int start_handover(worker_t *old, worker_t *new) {
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

static bool receive_packet(int end, received_t *received) {
    return gee_packet_receive(end, &received->packet, received->bytes, &received->length, &received->descriptor) > 0;
}

/* What the taker has answered; its id and type. */
static void expect_answered(worker_t *new, int end, uint32_t id, gee_packet_type_t type, const char *text) {
    static received_t received;
    TURN_UNTIL(new, NULL, receive_packet(end, &received));
    assert_int_equal(received.packet.id, id);
    assert_int_equal(received.packet.type, type);
    received.bytes[received.length] = '\0';
    if (strstr((char *)received.bytes, text) == NULL)
        fail_msg("answered: %s", (char *)received.bytes);
}

static void expect_hung_up(worker_t *worker, int end) {
    char byte;
    turn(worker, NULL);
    assert_true(recv(end, &byte, 1, MSG_DONTWAIT) == 0 || errno == ECONNRESET);
}

static size_t open_descriptors(void) {
    size_t count = 0;
    DIR *directory = opendir("/proc/self/fd");
    assert_non_null(directory);
    while (readdir(directory) != NULL)
        count++;
    closedir(directory);
    return count;
}

/* ---- they move ---- */

static void test_more_than_a_window_moves(void **state GEE_UNUSED) {
    enum { MANY = 3 * GEE_HANDOVER_WINDOW };
    worker_t old, new;
    int peers[MANY];
    open_worker(&old, "pair@here");
    open_worker(&new, "pair@here");
    for (size_t i = 0; i < MANY; i++) {
        peers[i] = connect_to(&old);
        peer_says(old.fixture, peers[i], i % 3 == 0 ? "" : i % 3 == 1 ? CALL : CALL "{\"method\"");
    }
    (void)start_handover(&old, &new);
    TURN_UNTIL(&old, &new, new.process.connections == MANY);
    turn(&old, &new);
    assert_int_equal(old.process.connections, 0);
    assert_int_equal(old.process.descriptors, 0);
    for (size_t i = 0; i < MANY; i++) {
        expect_answer(&new, peers[i], i % 3 < 2 ? CALL : &CALL[strlen("{\"method\"")]);
        close(peers[i]);
    }
    turn(&new, NULL);
    assert_int_equal(new.process.connections, 0);
    close_worker(&old);
    close_worker(&new);
}

/* Its record comes in pieces; the socket is full meanwhile. */
static void test_half_a_long_message_moves(void **state GEE_UNUSED) {
    enum { LONG = 700 * 1024 };
    worker_t old, new;
    open_worker(&old, "pair@here");
    open_worker(&new, "pair@here");
    char *text = malloc(LONG + 200);
    assert_non_null(text);
    int head = sprintf(text, "{\"method\":\"Test.Echo\",\"params\":[{\"Text\":\"");
    memset(text + head, 'x', LONG);
    strcpy(text + head + LONG, "\"}],\"id\":1}");
    int peer = connect_to(&old);
    peer_write(old.fixture, peer, text, LONG - 5);
    (void)start_handover(&old, &new);
    TURN_UNTIL(&old, &new, new.process.connections == 1 && old.process.connections == 0);
    peer_write(new.fixture, peer, text + LONG - 5, strlen(text) - (LONG - 5));
    wait_for(new.fixture, peer, LONG + 40);
    assert_non_null(strstr(new.fixture->got, "xxx\"},\"error\":null}\n"));
    assert_true(new.fixture->got_length > LONG);
    close(peer);
    free(text);
    close_worker(&old);
    close_worker(&new);
}

static void test_several_takers_have_a_part_each(void **state GEE_UNUSED) {
    worker_t old, new, other;
    int peers[8], ends[2];
    open_worker(&old, "pair@here");
    open_worker(&new, "pair@here");
    open_worker(&other, "pair@here");
    for (size_t i = 0; i < GEE_LENGTH(peers); i++)
        peers[i] = connect_to(&old);
    open_ends(ends);
    gee_worker_take_over(&other.process, ends[1]);
    gee_worker_give_over(&old.process, 1, ends[0]);
    (void)start_handover(&old, &new);
    TURN_UNTIL(&old, &new, (pump(other.fixture), new.process.connections + other.process.connections == 8));
    assert_int_equal(new.process.connections, 4);
    for (size_t i = 0; i < GEE_LENGTH(peers); i++)
        close(peers[i]);
    close_worker(&old);
    close_worker(&new);
    close_worker(&other);
}

/* ---- they are counted where they come to be ---- */

static void test_limits_hold_for_those_that_come_then(void **state GEE_UNUSED) {
    enum { MOVED = 3 };
    worker_t old, new;
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), peers[MOVED];
    gee_sockaddr_t address = { .v4 = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) } };
    socklen_t length = sizeof(address.v4);
    assert_int_equal(bind(listener, &address.any, length), 0);
    assert_int_equal(listen(listener, MOVED), 0);
    assert_int_equal(getsockname(listener, &address.any, &length), 0);
    open_worker(&old, "tcp@here");
    open_worker(&new, "tcp@here");
    new.cycle.sections.settings.connections.connections_per_address = 2;
    new.cycle.sections.settings.connections.connections = MOVED;
    for (size_t i = 0; i < MOVED; i++) {
        gee_sockaddr_t peer = { 0 };
        socklen_t peer_length = sizeof(peer);
        peers[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        assert_int_equal(connect(peers[i], &address.any, length), 0);
        int accepted = accept4(listener, &peer.any, &peer_length, SOCK_NONBLOCK | SOCK_CLOEXEC);
        assert_int_equal(accept_descriptor(&old, accepted, &peer), 0);
    }
    (void)start_handover(&old, &new);
    TURN_UNTIL(&old, &new, new.process.connections == MOVED);
    assert_true(new.process.full); /* limits.connections: no further one is accepted */
    gee_worker_connection_t another = { .process = &new.process };
    assert_false(gee_worker_count(&another, &address, false));
    gee_worker_uncount(&another);
    close(peers[0]);
    TURN_UNTIL(&old, &new, new.process.connections == MOVED - 1);
    assert_false(new.process.full);
    assert_false(gee_worker_count(&another, &address, false)); /* two are left: as many as there may be */
    gee_worker_uncount(&another);
    close(peers[1]);
    TURN_UNTIL(&old, &new, new.process.connections == MOVED - 2);
    assert_true(gee_worker_count(&another, &address, false));
    gee_worker_uncount(&another);
    close(peers[2]);
    TURN_UNTIL(&old, &new, new.process.descriptors == 0);
    close(listener);
    close_worker(&old);
    close_worker(&new);
}

/* ---- the old worker keeps them ---- */

static void test_refused_it_stays(void **state GEE_UNUSED) {
    worker_t old, new;
    open_worker(&old, "pair@here");
    open_worker(&new, "pair@elsewhere");
    int peer = connect_to(&old);
    peer_says(old.fixture, peer, CALL "{\"method\"");
    (void)start_handover(&old, &new);
    TURN_UNTIL(&old, &new, strstr(old.fixture->log_text, "stays until it ends: not taken over") != NULL);
    assert_non_null(strstr(old.fixture->log_text, "the configuration has no listener pair@here any more"));
    assert_int_equal(new.process.descriptors, 0);
    expect_answer(&old, peer, &CALL[strlen("{\"method\"")]);
    turn(&old, &new);
    peer_read(old.fixture, peer);
    assert_false(old.fixture->got_end); /* its client may be in the middle of its calls */
    assert_int_equal(old.process.connections, 1);
    expect_answer(&old, peer, CALL);
    close(peer);
    TURN_UNTIL(&old, &new, old.process.connections == 0);
    close_worker(&old);
    close_worker(&new);
}

static void test_a_taker_that_dies(void **state GEE_UNUSED) {
    enum { SESSIONS = 3 };
    worker_t old;
    int peers[SESSIONS];
    open_worker(&old, "pair@here");
    for (size_t i = 0; i < SESSIONS; i++)
        peers[i] = connect_to(&old);
    int end = start_handover(&old, NULL);
    turn(&old, NULL);
    for (size_t i = 0; i < SESSIONS; i++)
        assert_int_equal(write(peers[i], CALL, strlen(CALL)), (ssize_t)strlen(CALL));
    turn(&old, NULL);
    peer_read(old.fixture, peers[0]);
    assert_int_equal(old.fixture->got_length, 0); /* it waits for the answer */
    close(end);
    TURN_UNTIL(&old, NULL, gee_list_empty(&old.process.givers));
    assert_true(old.process.alone_ns > 0);
    for (size_t i = 0; i < SESSIONS; i++) {
        old.fixture->got_length = 0;
        wait_for(old.fixture, peers[i], strlen(ANSWER));
        assert_string_equal(old.fixture->got, ANSWER);
        close(peers[i]);
    }
    close_worker(&old);
}

/* In the middle of a record, whose pieces do not all fit into the socket. */
static void test_a_taker_that_dies_in_the_middle(void **state GEE_UNUSED) {
    static char text[600 * 1024];
    worker_t old;
    received_t *received = malloc(sizeof(*received));
    open_worker(&old, "pair@here");
    memset(text, ' ', sizeof(text));
    memcpy(text, CALL, strlen(CALL) - 1);
    int peer = connect_to(&old);
    peer_write(old.fixture, peer, text, sizeof(text));
    int end = start_handover(&old, NULL);
    turn(&old, NULL);
    assert_true(receive_packet(end, received) && receive_packet(end, received));
    turn(&old, NULL);
    close(end);
    expect_answer(&old, peer, "}");
    close(peer);
    free(received);
    close_worker(&old);
}

/* What it has taken it may have talked on: that is lost with it, and only the others come back. */
static void test_a_taker_that_dies_with_some(void **state GEE_UNUSED) {
    worker_t old;
    received_t *received = malloc(sizeof(*received));
    open_worker(&old, "pair@here");
    int first = connect_to(&old), second = connect_to(&old);
    int end = start_handover(&old, NULL);
    turn(&old, NULL);
    assert_true(receive_packet(end, received));
    gee_packet_t taken = { .type = GEE_PACKET_TAKEN, .id = received->packet.id };
    assert_int_equal(gee_packet_send(end, &taken, NULL, 0, -1), 0);
    close(received->descriptor);
    close(end); /* the second offer is unread */
    TURN_UNTIL(&old, NULL, gee_list_empty(&old.process.givers));
    peer_read(old.fixture, first);
    assert_true(old.fixture->got_end);
    old.fixture->got_end = false;
    assert_int_equal(old.process.connections, 1);
    expect_answer(&old, second, CALL);
    close(first);
    close(second);
    free(received);
    close_worker(&old);
}

/* As above, but the old worker learns it when it offers the next one. */
static void test_a_taker_that_dies_before_the_next_offer(void **state GEE_UNUSED) {
    worker_t old;
    received_t *received = malloc(sizeof(*received));
    open_worker(&old, "pair@here");
    int first = connect_to(&old);
    int end = start_handover(&old, NULL);
    turn(&old, NULL);
    int second = connect_to(&old);
    assert_true(receive_packet(end, received));
    gee_packet_t taken = { .type = GEE_PACKET_TAKEN, .id = received->packet.id };
    assert_int_equal(gee_packet_send(end, &taken, NULL, 0, -1), 0);
    close(received->descriptor);
    close(end);
    gee_worker_offer_later(&old.process);
    old.process.offer.run(&old.process.offer); /* before the loop has looked */
    TURN_UNTIL(&old, NULL, gee_list_empty(&old.process.givers));
    assert_int_equal(old.process.connections, 1);
    peer_read(old.fixture, first);
    assert_true(old.fixture->got_end);
    old.fixture->got_end = false;
    expect_answer(&old, second, CALL);
    close(first);
    close(second);
    free(received);
    close_worker(&old);
}

static void test_answers_that_make_no_sense(void **state GEE_UNUSED) {
    static const struct {
        gee_packet_t packet;
        const char *text;
    } answers[] = {
        { { .type = GEE_PACKET_TAKEN, .id = 999 }, "" },
        { { .type = GEE_PACKET_OFFER, .id = 1, .total = 10 }, "0123456789" },
        { { .type = 77, .id = 1 }, "" },
    };
    for (size_t i = 0; i < GEE_LENGTH(answers); i++) {
        worker_t old;
        open_worker(&old, "pair@here");
        int peer = connect_to(&old);
        int end = start_handover(&old, NULL);
        turn(&old, NULL);
        assert_int_equal(gee_packet_send(end, &answers[i].packet, answers[i].text, strlen(answers[i].text), -1), 0);
        TURN_UNTIL(&old, NULL, gee_list_empty(&old.process.givers));
        expect_answer(&old, peer, CALL);
        close(end);
        close(peer);
        close_worker(&old);
    }
}

/* An answer to what has not been heard whole. */
static void test_an_answer_too_early(void **state GEE_UNUSED) {
    static char text[600 * 1024];
    worker_t old;
    open_worker(&old, "pair@here");
    memset(text, ' ', sizeof(text));
    memcpy(text, CALL, strlen(CALL) - 1);
    int peer = connect_to(&old);
    peer_write(old.fixture, peer, text, sizeof(text));
    int end = start_handover(&old, NULL);
    turn(&old, NULL);
    gee_packet_t refused = { .type = GEE_PACKET_REFUSED, .id = 1 };
    assert_int_equal(gee_packet_send(end, &refused, "no", 2, -1), 0);
    TURN_UNTIL(&old, NULL, gee_list_empty(&old.process.givers));
    expect_answer(&old, peer, "}");
    close(end);
    close(peer);
    close_worker(&old);
}

/* TERM: whoever has one already keeps it, the others are cut. */
static void test_cut_while_offers_are_out(void **state GEE_UNUSED) {
    worker_t old, new;
    size_t before = open_descriptors();
    open_worker(&old, "pair@here");
    open_worker(&new, "pair@here");
    int peer = connect_to(&old), ends[2];
    open_ends(ends);
    gee_worker_give_over(&old.process, 1, ends[0]);
    gee_worker_leave(&old.process);
    turn(&old, NULL);
    gee_worker_cut(&old.process);
    assert_int_equal(old.process.connections, 0);
    gee_worker_take_over(&new.process, ends[1]);
    turn(&new, &old);
    assert_int_equal(new.process.connections, 1);
    expect_answer(&new, peer, CALL);
    close(peer);
    turn(&new, NULL);
    close_worker(&old);
    close_worker(&new);
    assert_int_equal(open_descriptors(), before);
}

/* One that is being cut takes nothing any more: the old worker has them back at once. */
static void test_the_taker_is_cut(void **state GEE_UNUSED) {
    worker_t old, new;
    int ends[2];
    open_worker(&old, "pair@here");
    open_worker(&new, "pair@here");
    int peer = connect_to(&old);
    (void)start_handover(&old, &new);
    gee_worker_cut(&new.process);
    open_ends(ends);
    gee_worker_take_over(&new.process, ends[1]);
    TURN_UNTIL(&old, &new, gee_list_empty(&old.process.givers));
    assert_true(gee_list_empty(&new.process.takers));
    assert_int_equal(old.process.connections, 1);
    expect_answer(&old, peer, CALL);
    expect_hung_up(&new, ends[0]);
    close(ends[0]);
    close(peer);
    close_worker(&old);
    close_worker(&new);
}

/* ---- the new worker hears strange things ---- */

typedef struct stranger {
    worker_t new;
    int end, peer, descriptor; /* of a client's connection: the client's end, and the server's */
} stranger_t;

static void open_stranger(stranger_t *stranger) {
    int ends[2], pair[2];
    open_worker(&stranger->new, "pair@here");
    open_ends(ends);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair), 0);
    gee_worker_take_over(&stranger->new.process, ends[1]);
    stranger->end = ends[0];
    stranger->descriptor = pair[0];
    stranger->peer = pair[1];
}

static void close_stranger(stranger_t *stranger) {
    close(stranger->end);
    close(stranger->peer);
    if (stranger->descriptor >= 0)
        close(stranger->descriptor);
    turn(&stranger->new, NULL);
    assert_int_equal(stranger->new.process.connections, 0);
    close_worker(&stranger->new);
}

static void offer(const stranger_t *stranger, uint32_t id, uint64_t total, uint64_t offset, size_t length,
                  int descriptor) {
    static const char zeros[GEE_HANDOVER_PIECE];
    gee_packet_t packet = { .type = GEE_PACKET_OFFER, .id = id, .total = total, .offset = offset };
    assert_int_equal(gee_packet_send(stranger->end, &packet, zeros, length, descriptor), 0);
}

static void test_records_that_cannot_be_taken_are_refused_alone(void **state GEE_UNUSED) {
    stranger_t stranger;
    open_stranger(&stranger);
    stranger.new.cycle.sections.settings.limits.message = 1024;
    offer(&stranger, 1, 100, 0, 100, stranger.descriptor);
    expect_answered(&stranger.new, stranger.end, 1, GEE_PACKET_REFUSED, "no listener");
    offer(&stranger, 2, 100, 0, 60, -1);
    offer(&stranger, 2, 100, 60, 40, -1);
    expect_answered(&stranger.new, stranger.end, 2, GEE_PACKET_REFUSED, "raise the limit of open files");
    uint64_t total = 65 * GEE_MIB + 5;
    for (uint64_t at = 0; at < total; at += GEE_HANDOVER_PIECE) {
        size_t length = total - at < GEE_HANDOVER_PIECE ? (size_t)(total - at) : GEE_HANDOVER_PIECE;
        offer(&stranger, 3, total, at, length, at == 0 ? stranger.descriptor : -1);
        turn(&stranger.new, NULL);
    }
    expect_answered(&stranger.new, stranger.end, 3, GEE_PACKET_REFUSED, "limits.message");
    offer(&stranger, 4, 100, 0, 100, stranger.descriptor);
    expect_answered(&stranger.new, stranger.end, 4, GEE_PACKET_REFUSED, "no listener");
    close_stranger(&stranger);
}

static void test_nonsense_ends_the_talk(void **state GEE_UNUSED) {
    static const struct {
        uint64_t total, offset;
        size_t length;
        uint32_t id;
        bool descriptor, first; /* behind a good first piece: id 1, 50 of 100 bytes */
    } rows[] = {
        { .total = 0, .offset = 0, .length = 10, .descriptor = true },
        { .total = 100, .offset = 10, .length = 10 },
        { .total = 100, .offset = 0, .length = 0, .descriptor = true },
        { .total = 100, .offset = 0, .length = 101, .descriptor = true },
        { .total = 100, .offset = 10, .length = 10, .descriptor = true },
        { .first = true, .id = 1, .total = 100, .offset = 49, .length = 10 },
        { .first = true, .id = 1, .total = 100, .offset = 51, .length = 10 },
        { .first = true, .id = 1, .total = 100, .offset = UINT64_MAX, .length = 10 },
        { .first = true, .id = 1, .total = 101, .offset = 50, .length = 10 },
        { .first = true, .id = 1, .total = 100, .offset = 50, .length = 51 },
        { .first = true, .id = 2, .total = 100, .offset = 50, .length = 10 },
        { .first = true, .id = 1, .total = 100, .offset = 50, .length = 10, .descriptor = true },
        { .first = true, .id = 2, .total = 100, .offset = 0, .length = 10, .descriptor = true },
        { .first = true, .id = 2, .total = 100, .offset = 0, .length = 10 },
    };
    for (size_t i = 0; i < GEE_LENGTH(rows); i++) {
        stranger_t stranger;
        open_stranger(&stranger);
        size_t before = open_descriptors();
        if (rows[i].first)
            offer(&stranger, 1, 100, 0, 50, stranger.descriptor);
        offer(&stranger, rows[i].id, rows[i].total, rows[i].offset, rows[i].length,
              rows[i].descriptor ? stranger.descriptor : -1);
        expect_hung_up(&stranger.new, stranger.end);
        assert_int_equal(open_descriptors(), before - 1); /* its end; nothing that came */
        close_stranger(&stranger);
    }
}

static void test_packets_that_are_none(void **state GEE_UNUSED) {
    static const char zeros[GEE_HANDOVER_PIECE + 100];
    static const size_t lengths[] = { 1, sizeof(gee_packet_t) - 1, sizeof(gee_packet_t) + GEE_HANDOVER_PIECE + 1 };
    for (size_t i = 0; i < GEE_LENGTH(lengths); i++) {
        stranger_t stranger;
        open_stranger(&stranger);
        assert_int_equal(send(stranger.end, zeros, lengths[i], 0), (ssize_t)lengths[i]);
        expect_hung_up(&stranger.new, stranger.end);
        close_stranger(&stranger);
    }
}

/* Of which one, or both, would stay open for ever. */
static void test_two_descriptors(void **state GEE_UNUSED) {
    stranger_t stranger;
    open_stranger(&stranger);
    size_t before = open_descriptors();
    union {
        char bytes[CMSG_SPACE(2 * sizeof(int))];
        struct cmsghdr align;
    } control = { .bytes = { 0 } };
    gee_packet_t packet = { .type = GEE_PACKET_OFFER, .id = 1, .total = 100 };
    struct iovec part = { .iov_base = &packet, .iov_len = sizeof(packet) };
    struct msghdr header = {
        .msg_iov = &part, .msg_iovlen = 1, .msg_control = control.bytes, .msg_controllen = sizeof(control.bytes)
    };
    int both[] = { stranger.descriptor, stranger.peer };
    struct cmsghdr *rights = CMSG_FIRSTHDR(&header);
    rights->cmsg_level = SOL_SOCKET;
    rights->cmsg_type = SCM_RIGHTS;
    rights->cmsg_len = CMSG_LEN(sizeof(both));
    memcpy(CMSG_DATA(rights), both, sizeof(both));
    assert_true(sendmsg(stranger.end, &header, 0) > 0);
    expect_hung_up(&stranger.new, stranger.end);
    assert_int_equal(open_descriptors(), before - 1);
    close_stranger(&stranger);
}

static void test_a_giver_that_dies_in_the_middle(void **state GEE_UNUSED) {
    stranger_t stranger;
    open_stranger(&stranger);
    offer(&stranger, 1, 100, 0, 50, stranger.descriptor);
    turn(&stranger.new, NULL);
    close(stranger.descriptor);
    stranger.descriptor = -1;
    close(stranger.end);
    stranger.end = -1;
    turn(&stranger.new, NULL);
    assert_true(gee_list_empty(&stranger.new.process.takers));
    char byte;
    assert_int_equal(read(stranger.peer, &byte, 1), 0); /* nobody has it any more, and it is not left open */
    close_stranger(&stranger);
}

/* The new worker has as many files open as it may: the old one keeps its connection. */
static void test_no_descriptor_to_be_had(void **state GEE_UNUSED) {
    worker_t old, new;
    struct rlimit limit, none;
    open_worker(&old, "pair@here");
    open_worker(&new, "pair@here");
    int peer = connect_to(&old), other = connect_to(&old);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    none = limit;
    none.rlim_cur = 3;
    (void)start_handover(&old, &new);
    pump(old.fixture);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    pump(new.fixture);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
    pump(old.fixture);
    assert_non_null(strstr(old.fixture->log_text, "raise the limit of open files"));
    assert_int_equal(new.process.connections, 0);
    assert_false(gee_list_empty(&old.process.givers)); /* others may be taken later */
    expect_answer(&old, peer, CALL);
    expect_answer(&old, other, CALL);
    close(peer);
    close(other);
    close_worker(&old);
    close_worker(&new);
}

/* The message of the master that should have brought the socket came without it. */
static void test_told_without_a_socket(void **state GEE_UNUSED) {
    worker_t worker;
    open_worker(&worker, "pair@here");
    gee_worker_take_over(&worker.process, -1);
    assert_non_null(strstr(worker.fixture->log_text, "connections cannot be taken over: no descriptor to be had"));
    gee_worker_give_over(&worker.process, 1, -1);
    assert_non_null(strstr(worker.fixture->log_text, "connections are not passed on: no descriptor to be had"));
    assert_false(worker.process.handing_over);
    close_worker(&worker);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_more_than_a_window_moves),
        cmocka_unit_test(test_half_a_long_message_moves),
        cmocka_unit_test(test_several_takers_have_a_part_each),
        cmocka_unit_test(test_limits_hold_for_those_that_come_then),
        cmocka_unit_test(test_refused_it_stays),
        cmocka_unit_test(test_a_taker_that_dies),
        cmocka_unit_test(test_a_taker_that_dies_in_the_middle),
        cmocka_unit_test(test_a_taker_that_dies_with_some),
        cmocka_unit_test(test_a_taker_that_dies_before_the_next_offer),
        cmocka_unit_test(test_answers_that_make_no_sense),
        cmocka_unit_test(test_an_answer_too_early),
        cmocka_unit_test(test_cut_while_offers_are_out),
        cmocka_unit_test(test_the_taker_is_cut),
        cmocka_unit_test(test_records_that_cannot_be_taken_are_refused_alone),
        cmocka_unit_test(test_nonsense_ends_the_talk),
        cmocka_unit_test(test_packets_that_are_none),
        cmocka_unit_test(test_two_descriptors),
        cmocka_unit_test(test_a_giver_that_dies_in_the_middle),
        cmocka_unit_test(test_no_descriptor_to_be_had),
        cmocka_unit_test(test_told_without_a_socket),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
