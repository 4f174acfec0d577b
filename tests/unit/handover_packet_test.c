/* handover_packet_test.c: packets between a worker that leaves and one that takes over: whole, with their
 * descriptors, and to the last one when the other side is gone. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/proc/handover_packet.h"

typedef struct ends {
    int give, take;
} ends_t;

static ends_t make_ends(void) {
    int ends[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends), 0);
    return (ends_t){ .give = ends[0], .take = ends[1] };
}

static void send_packet(int socket, gee_packet_type_t type, uint32_t id, const char *text, int descriptor) {
    gee_packet_t packet = { .type = type, .id = id, .total = strlen(text) };
    assert_int_equal(gee_packet_send(socket, &packet, text, strlen(text), descriptor), 0);
}

/* The result of gee_packet_receive(); the packet's number, when a packet came, in *id. */
static int receive_packet(int socket, uint32_t *id, int *descriptor) {
    static char text[GEE_HANDOVER_PIECE];
    gee_packet_t packet = { 0 };
    size_t length;
    int outcome = gee_packet_receive(socket, &packet, text, &length, descriptor);
    *id = outcome > 0 ? packet.id : 0;
    return outcome;
}

static void test_packets_and_descriptors(void **state) {
    (void)state;
    ends_t ends = make_ends();
    uint32_t id;
    int descriptor, own = open("/dev/null", O_RDONLY | O_CLOEXEC);
    assert_int_equal(receive_packet(ends.take, &id, &descriptor), 0);
    send_packet(ends.give, GEE_PACKET_OFFER, 1, "first", own);
    send_packet(ends.give, GEE_PACKET_OFFER, 2, "second", -1);
    assert_int_equal(receive_packet(ends.take, &id, &descriptor), 1);
    assert_int_equal(id, 1);
    assert_true(descriptor >= 0 && descriptor != own);
    assert_int_equal(close(descriptor), 0);
    assert_int_equal(receive_packet(ends.take, &id, &descriptor), 1);
    assert_int_equal(id, 2);
    assert_int_equal(descriptor, -1);
    assert_int_equal(receive_packet(ends.take, &id, &descriptor), 0);
    assert_int_equal(close(own) + close(ends.give), 0);
    assert_int_equal(receive_packet(ends.take, &id, &descriptor), -1);
    assert_int_equal(close(ends.take), 0);
}

/* The taker leaves with an offer unread. Connections already taken stay taken: a giver that did not hear of that
 * would serve them, too. */
static void test_answers_of_one_that_left_are_heard(void **state) {
    (void)state;
    ends_t ends = make_ends();
    uint32_t id;
    int descriptor;
    for (uint32_t i = 1; i <= 3; i++)
        send_packet(ends.give, GEE_PACKET_OFFER, i, "record", -1);
    for (uint32_t i = 1; i <= 2; i++) {
        assert_int_equal(receive_packet(ends.take, &id, &descriptor), 1);
        send_packet(ends.take, GEE_PACKET_TAKEN, id, "", -1);
    }
    assert_int_equal(close(ends.take), 0);
    for (uint32_t i = 1; i <= 2; i++) {
        assert_int_equal(receive_packet(ends.give, &id, &descriptor), 1);
        assert_int_equal(id, i);
    }
    assert_int_equal(receive_packet(ends.give, &id, &descriptor), -1);
    gee_packet_t packet = { .type = GEE_PACKET_OFFER };
    assert_int_equal(gee_packet_send(ends.give, &packet, "", 0, -1), -1);
    assert_int_equal(errno, EPIPE);
    assert_int_equal(close(ends.give), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_packets_and_descriptors),
        cmocka_unit_test(test_answers_of_one_that_left_are_heard),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
