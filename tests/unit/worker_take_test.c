/* worker_take_test.c: a worker that takes over, and somebody on the other end of the socket who says whatever a test
 * wants: nothing stays open, nothing is taken that is not whole, and what cannot be taken is refused alone. */
#include "worker_fixture.h"

/* ---- the other end ---- */

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

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_records_that_cannot_be_taken_are_refused_alone),
        cmocka_unit_test(test_nonsense_ends_the_talk),
        cmocka_unit_test(test_packets_that_are_none),
        cmocka_unit_test(test_two_descriptors),
        cmocka_unit_test(test_a_giver_that_dies_in_the_middle),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
