/* worker_handover_test.c: two workers, and connections that move from the one to the other; or come back, whatever
 * the other does, or is.
 *
 *   clients -- old: giver ==socket pair== taker :new        either can be played by the test, packet by packet */
#include "worker_fixture.h"

#include <netinet/in.h>
#include <sys/resource.h>

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

/* A new worker may have used the connections that it has taken: these are lost with it, and only the others come
 * back. */
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

/* A new worker that is being cut takes nothing any more: the old worker has the connections back at once. */
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
        cmocka_unit_test(test_no_descriptor_to_be_had),
        cmocka_unit_test(test_told_without_a_socket),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
