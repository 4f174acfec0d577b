/* stream_test.c: streams without layers: reading, writing, water marks, pauses, ends, failures, closing. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <signal.h>

#include "stream_support.h"

/* ---- reading ---- */

static void test_bytes_arrive_and_no_buffer_stays(void **state) {
    (void)state;
    open_stream(new_pair, NULL);
    assert_string_equal(gee_stream_peer_text(owner.stream), "unix@");
    assert_int_equal(write(pair[1], "hello", 5), 5);
    RUN_UNTIL(loop, owner.received == 1);
    assert_int_equal(owner.length, 5);
    assert_memory_equal(owner.bytes, "hello", 5);
    assert_int_equal(gee_stream_bytes_received(owner.stream), 5);
    assert_int_equal(gee_buf_cache_live(gee_loop_buffers(loop)), 0);
    assert_loop_sleeps(loop);
    close_stream();
}

static void test_one_read_a_pass(void **state) {
    (void)state;
    const gee_stream_options_t options = { .read_size = 1000 };
    open_stream(new_pair, &options);
    size_t sent = fill_kernel(pair[1]);
    io.receives = 0;
    run_passes(loop, 1);
    assert_int_equal(io.receives, 1);
    assert_true(owner.length >= 1000); /* the room that was asked for */
    RUN_UNTIL(loop, owner.length == sent);
    close_stream();
}

static void test_unconsumed_bytes_come_again_with_more(void **state) {
    (void)state;
    open_stream(new_pair, NULL);
    owner.keep = true;
    assert_int_equal(write(pair[1], "ab", 2), 2);
    RUN_UNTIL(loop, owner.received == 1);
    assert_loop_sleeps(loop);
    assert_int_equal(owner.received, 1);
    assert_int_equal(write(pair[1], "c", 1), 1);
    RUN_UNTIL(loop, owner.received == 2);
    assert_int_equal(gee_inbox_length(gee_stream_inbox(owner.stream)), 3);
    owner.keep = false;
    gee_stream_reread(owner.stream);
    assert_int_equal(owner.received, 2); /* not from inside the call */
    run_passes(loop, 1);
    assert_int_equal(owner.received, 3);
    assert_memory_equal(owner.bytes, "abc", 3);
    gee_stream_reread(owner.stream); /* nothing there: not called */
    run_passes(loop, 2);
    assert_int_equal(owner.received, 3);
    close_stream();
}

static void test_the_next_owner_rereads(void **state) {
    (void)state;
    owner_t second = { 0 };
    open_stream(new_pair, NULL);
    owner.keep = true;
    assert_int_equal(write(pair[1], "abc", 3), 3);
    RUN_UNTIL(loop, owner.received == 1);
    second.stream = owner.stream;
    owner.stream = NULL;
    gee_stream_set_owner(second.stream, &owner_events, &second);
    gee_stream_reread(second.stream);
    RUN_UNTIL(loop, second.length == 3);
    assert_int_equal(owner.received, 1);
    disown(&second);
    close_stream();
}

static void test_without_an_owner_nothing_is_read(void **state) {
    (void)state;
    loop = new_loop();
    new_pair(pair);
    owner = (owner_t){ .stream = gee_stream_create(loop, &fake, pair[0], NULL, NULL, NULL) };
    assert_non_null(owner.stream);
    assert_int_equal(write(pair[1], "abc", 3), 3);
    close_peer();
    assert_loop_sleeps(loop);
    assert_int_equal(io.receives, 0);
    gee_stream_set_owner(owner.stream, &owner_events, &owner);
    RUN_UNTIL(loop, owner.ended == 1);
    assert_int_equal(owner.length, 3);
    close_stream();
}

static void test_inbox_limit(void **state) {
    (void)state;
    const gee_stream_options_t options = { .inbox_limit = 1000 };
    open_stream(new_pair, &options);
    owner.keep = true;
    uint8_t *bytes = pattern(5000);
    assert_int_equal(write(pair[1], bytes, 5000), 5000);
    RUN_UNTIL(loop, owner.received == 1);
    assert_loop_sleeps(loop);
    assert_int_equal(gee_inbox_length(gee_stream_inbox(owner.stream)), 1000);
    owner.keep = false;
    owner.sip = 300;
    gee_stream_reread(owner.stream);
    RUN_UNTIL(loop, owner.length == 5000);
    assert_memory_equal(owner.bytes, bytes, 5000);
    free(bytes);
    close_stream();
}

/* ---- the peer's end ---- */

static void test_the_end_comes_once_behind_the_last_bytes(void **state) {
    (void)state;
    open_stream(new_tcp_pair, NULL);
    assert_int_equal(write(pair[1], "last", 4), 4);
    assert_int_equal(shutdown(pair[1], SHUT_WR), 0);
    RUN_UNTIL(loop, owner.ended == 1);
    assert_int_equal(owner.length, 4);
    assert_loop_sleeps(loop); /* the end lasts, but is told once */
    assert_int_equal(owner.ended, 1);
    owner_send(&owner, "reply", 5);
    RUN_UNTIL(loop, owner.flushed == 1);
    uint8_t reply[8];
    assert_int_equal(read_all(pair[1], reply, sizeof(reply), NULL), 5);
    reset_peer();
    RUN_UNTIL(loop, owner.failed == 1);
    close_stream();
}

/* A Unix socket whose peer is gone reports a hang-up for ever. One whose peer only ended its side can be written to. */
static void test_a_hang_up_does_not_spin(void **state) {
    (void)state;
    open_stream(new_pair, NULL);
    shutdown(pair[1], SHUT_WR);
    RUN_UNTIL(loop, owner.ended == 1);
    assert_loop_sleeps(loop);
    owner_send(&owner, "x", 1);
    RUN_UNTIL(loop, owner.flushed == 1);
    assert_int_equal(owner.failed, 0);
    close_peer();
    RUN_UNTIL(loop, owner.failed == 1);
    assert_loop_sleeps(loop);
    assert_int_equal(gee_buf_cache_live(gee_loop_buffers(loop)), 0);
    assert_int_equal(owner.reason.code, GEE_UNAVAILABLE);
    assert_non_null(strstr(owner.reason.text, "connection: "));
    close_stream();
}

static void test_a_closed_peer_has_ended_and_gone(void **state) {
    (void)state;
    open_stream(new_pair, NULL);
    close_peer();
    RUN_UNTIL(loop, owner.failed == 1);
    assert_int_equal(owner.ended, 1);
    assert_string_equal(owner.reason.text, "connection: closed by the peer");
    assert_loop_sleeps(loop);
    close_stream();
}

/* gone() comes when the descriptor is closed: for a stream that is closed in order, not before its peer has ended. */
static void count_gone(void *data) {
    ++*(int *)data;
}

static void test_gone_is_told_when_the_descriptor_is_closed(void **state) {
    (void)state;
    int gone = 0;
    open_stream(new_pair, NULL);
    gee_stream_set_gone(owner.stream, count_gone, &gone);
    gee_stream_close(&owner.stream, 5 * GEE_SECOND);
    for (int i = 0; i < 5; i++)
        assert_int_equal(gee_loop_once(loop, 0), 0);
    assert_int_equal(gone, 0);
    close_peer();
    RUN_UNTIL(loop, gone == 1);

    new_pair(pair);
    own(&owner, loop, pair[0], NULL);
    gee_stream_set_gone(owner.stream, count_gone, &gone);
    gee_stream_destroy(&owner.stream);
    assert_int_equal(gone, 2);
    close_stream();
}

static void test_pause_and_resume(void **state) {
    (void)state;
    open_stream(new_pair, NULL);
    gee_stream_pause(owner.stream);
    assert_int_equal(write(pair[1], "abc", 3), 3);
    assert_loop_sleeps(loop);
    assert_int_equal(owner.received, 0);
    close_peer(); /* with a hang-up, still paused */
    assert_loop_sleeps(loop);
    assert_int_equal(owner.received + owner.ended + owner.failed, 0);
    gee_stream_resume(owner.stream);
    RUN_UNTIL(loop, owner.ended == 1);
    assert_int_equal(owner.length, 3);
    close_stream();
}

static void test_a_reset_is_noticed_while_paused(void **state) {
    (void)state;
    open_stream(new_tcp_pair, NULL);
    gee_stream_pause(owner.stream);
    run_passes(loop, 2);
    reset_peer();
    RUN_UNTIL(loop, owner.failed == 1);
    assert_string_equal(owner.reason.text, "connection: Connection reset by peer");
    assert_loop_sleeps(loop);
    assert_int_equal(owner.failed, 1);
    close_stream();
}

static void test_a_reset_while_reading(void **state) {
    (void)state;
    open_stream(new_tcp_pair, NULL);
    reset_peer();
    RUN_UNTIL(loop, owner.failed == 1);
    assert_string_equal(owner.reason.text, "read: Connection reset by peer");
    assert_int_equal(owner.ended, 0);
    owner_send(&owner, "x", 1); /* harmless */
    assert_loop_sleeps(loop);
    assert_int_equal(owner.failed, 1);
    close_stream();
}

/* ---- writing ---- */

static void test_one_write_a_pass(void **state) {
    (void)state;
    open_stream(new_pair, NULL);
    for (int i = 0; i < 100; i++) {
        assert_int_equal(gee_chain_append(gee_stream_out(owner.stream), "0123456789", 10), 0);
        gee_stream_flush(owner.stream);
    }
    assert_int_equal(gee_stream_queued(owner.stream), 1000);
    assert_int_equal(io.sends, 0);
    run_passes(loop, 1);
    assert_int_equal(io.sends, 1);
    assert_int_equal(owner.flushed, 1);
    assert_int_equal(gee_stream_bytes_sent(owner.stream), 1000);
    uint8_t bytes[2000];
    assert_int_equal(read_all(pair[1], bytes, sizeof(bytes), NULL), 1000);
    gee_stream_flush(owner.stream); /* nothing to write: not called, not told */
    assert_loop_sleeps(loop);
    assert_int_equal(io.sends, 1);
    assert_int_equal(owner.flushed, 1);
    close_stream();
}

/* More segments than one vector has entries: all still leave in one pass. */
static void test_many_segments(void **state) {
    (void)state;
    open_stream(new_pair, NULL);
    gee_buf_t *buf = gee_buf_take(gee_loop_buffers(loop), 1000);
    assert_non_null(buf);
    memset(buf->data, 'x', 1000);
    for (size_t i = 0; i < 200; i++)
        assert_int_equal(gee_chain_append_buf(gee_stream_out(owner.stream), buf, buf->data + (i * 2) % 900, 1), 0);
    gee_stream_flush(owner.stream);
    run_passes(loop, 1);
    assert_int_equal(owner.flushed, 1);
    assert_in_range(io.sends, 1, 4);
    uint8_t bytes[400];
    assert_int_equal(read_all(pair[1], bytes, sizeof(bytes), NULL), 200);
    assert_int_equal(buf->references, 1);
    gee_buf_release(&buf);
    close_stream();
}

static void test_congestion_stops_reading_until_drained(void **state) {
    (void)state;
    const gee_stream_options_t options = { .high_water = 100000, .low_water = 1000 };
    const size_t size = 3000000;
    open_stream(new_pair, &options);
    uint8_t *bytes = pattern(size), *got = malloc(size + 1);
    assert_non_null(got);
    owner_send(&owner, bytes, size);
    assert_true(gee_stream_congested(owner.stream));
    assert_true(owner.send_offset < size);
    assert_true(gee_stream_queued(owner.stream) < 100000 + 1000); /* told in time */
    run_passes(loop, 20);                                         /* fills the kernel */
    assert_true(gee_stream_congested(owner.stream));
    assert_int_equal(write(pair[1], "abc", 3), 3);
    assert_loop_sleeps(loop); /* neither the readable nor the blocked side wakes it */
    assert_int_equal(owner.received, 0);
    size_t total = 0;
    RUN_UNTIL(loop, (total += read_all(pair[1], got + total, size + 1 - total, NULL)) == size);
    assert_memory_equal(got, bytes, size);
    assert_true(owner.drained >= 2);
    RUN_UNTIL(loop, owner.length == 3);
    assert_int_equal(gee_buf_cache_live(gee_loop_buffers(loop)), 0);
    free(bytes);
    free(got);
    close_stream();
}

/* Over the high mark for a moment only, within one pass: who was told to stop is told to go on. */
static void test_drained_follows_a_short_congestion(void **state) {
    (void)state;
    const gee_stream_options_t options = { .high_water = 1, .low_water = 0 };
    open_stream(new_pair, &options);
    uint8_t *bytes = pattern(3000);
    owner_send(&owner, bytes, 3000);
    RUN_UNTIL(loop, owner.send_offset == 3000 && gee_stream_queued(owner.stream) == 0);
    assert_true(owner.drained > 0);
    free(bytes);
    close_stream();
}

static void test_write_timeout(void **state) {
    (void)state;
    const gee_stream_options_t options = { .write_timeout_ns = 30 * GEE_MILLISECOND };
    open_stream(new_pair, &options);
    fill_kernel(pair[0]);
    int64_t before = gee_clock_monotonic();
    owner_send(&owner, "x", 1);
    RUN_UNTIL(loop, owner.failed == 1);
    assert_true(gee_clock_monotonic() - before >= 30 * GEE_MILLISECOND);
    assert_int_equal(owner.reason.code, GEE_UNAVAILABLE);
    assert_non_null(strstr(owner.reason.text, "wrote nothing for 30ms"));
    assert_int_equal(gee_buf_cache_live(gee_loop_buffers(loop)), 0);
    close_stream();
}

/* A byte from time to time is progress, however long the whole takes. */
static void test_progress_holds_off_the_write_timeout(void **state) {
    (void)state;
    const gee_stream_options_t options = { .write_timeout_ns = 500 * GEE_MILLISECOND };
    open_stream(new_pair, &options);
    io.most = 1;
    owner_send(&owner, "0123456789012345678901234567890123456789", 40);
    int64_t start = gee_clock_monotonic();
    while (!owner.flushed && !owner.failed && gee_clock_monotonic() - start < PATIENCE) {
        uint64_t sent = gee_stream_bytes_sent(owner.stream);
        io.refuse_send = gee_clock_monotonic() - start < (int64_t)sent * 20 * GEE_MILLISECOND;
        assert_int_equal(gee_loop_once(loop, GEE_MILLISECOND), 0);
    }
    assert_int_equal(owner.flushed, 1);
    assert_true(gee_clock_monotonic() - start > options.write_timeout_ns);
    assert_loop_sleeps(loop);
    assert_true(gee_loop_next_timer(loop) == -1);
    close_stream();
}

/* ---- callbacks that take the stream away ---- */

static void test_destroy_in_every_callback(void **state) {
    (void)state;
    for (int which = 0; which < 10; which++) {
        const gee_stream_options_t options = { .high_water = 4 };
        reaction_t reaction = which % 2 ? CLOSE : DESTROY;
        reaction_t *reactions[] = { &owner.on_received, &owner.on_ended, &owner.on_drained, &owner.on_flushed,
                                    &owner.on_failed };
        open_stream(new_pair, &options);
        *reactions[which / 2] = reaction;
        assert_int_equal(write(pair[1], "abc", 3), 3);
        RUN_UNTIL(loop, !owner.stream || owner.received > 0);
        if (owner.stream)
            owner_send(&owner, "0123456789", 10);
        RUN_UNTIL(loop, !owner.stream || owner.flushed > 0);
        uint8_t ignored[20]; /* unread it would make the close a reset */
        read_all(pair[1], ignored, sizeof(ignored), NULL);
        close_peer();
        RUN_UNTIL(loop, !owner.stream || owner.ended > 0 || owner.failed > 0);
        if (owner.stream)
            owner_send(&owner, "0123456789", 10);
        RUN_UNTIL(loop, !owner.stream);
        RUN_UNTIL(loop, !gee_loop_lingering(loop));
        close_stream();
    }
}

static void test_destroy_in_a_reread(void **state) {
    (void)state;
    open_stream(new_pair, NULL);
    owner.keep = true;
    assert_int_equal(write(pair[1], "abc", 3), 3);
    RUN_UNTIL(loop, owner.received == 1);
    owner.on_received = DESTROY;
    gee_stream_flush(owner.stream);
    gee_stream_reread(owner.stream);
    RUN_UNTIL(loop, !owner.stream);
    close_stream();
}

/* ---- closing ---- */

/* Input that nobody read must not cost the peer our last bytes: closing at once would send a reset. */
static void test_close_delivers_the_last_reply_despite_unread_input(void **state) {
    (void)state;
    const size_t size = 2000000;
    open_stream(new_tcp_pair, &(gee_stream_options_t){ .high_water = 2 * size });
    gee_stream_pause(owner.stream);
    run_passes(loop, 1);
    assert_true(fill_kernel(pair[1]) > 0);
    uint8_t *bytes = pattern(size), *got = malloc(size + 1);
    assert_non_null(got);
    owner_send(&owner, bytes, size);
    assert_int_equal(owner.send_offset, size);
    gee_stream_close(&owner.stream, PATIENCE);
    assert_null(owner.stream);
    assert_true(gee_loop_lingering(loop));
    size_t total = 0;
    bool end = false;
    RUN_UNTIL(loop, (total += read_all(pair[1], got + total, size + 1 - total, &end), end));
    assert_int_equal(total, size);
    assert_memory_equal(got, bytes, size);
    assert_true(gee_loop_lingering(loop)); /* until the peer has ended too */
    close_peer();
    RUN_UNTIL(loop, !gee_loop_lingering(loop));
    assert_int_equal(owner.received + owner.flushed + owner.ended + owner.failed, 0);
    free(bytes);
    free(got);
    close_stream();
}

static void test_close_when_the_peer_has_ended_is_quick(void **state) {
    (void)state;
    open_stream(new_tcp_pair, NULL);
    assert_int_equal(shutdown(pair[1], SHUT_WR), 0);
    RUN_UNTIL(loop, owner.ended == 1);
    owner_send(&owner, "bye", 3);
    gee_stream_close(&owner.stream, PATIENCE);
    run_passes(loop, 1);
    assert_false(gee_loop_lingering(loop));
    uint8_t bytes[8];
    bool end = false;
    size_t total = 0;
    RUN_UNTIL(loop, (total += read_all(pair[1], bytes + total, sizeof(bytes) - total, &end), end));
    assert_memory_equal(bytes, "bye", 3);
    close_stream();
}

static void test_patience_ends(void **state) {
    (void)state;
    static const int64_t patience[] = { 0, 20 * GEE_MILLISECOND };
    for (int blocked = 0; blocked < 2; blocked++)
        for (size_t i = 0; i < GEE_LENGTH(patience); i++) {
            open_stream(new_pair, NULL);
            if (blocked)
                fill_kernel(pair[0]);
            owner_send(&owner, "bye", 3);
            int64_t before = gee_clock_monotonic();
            gee_stream_close(&owner.stream, patience[i]);
            RUN_UNTIL(loop, !gee_loop_lingering(loop));
            assert_true(gee_clock_monotonic() - before >= patience[i]);
            uint8_t bytes[8] = "";
            if (!blocked) /* what could be written was, patience or not */
                assert_int_equal(read_all(pair[1], bytes, sizeof(bytes), NULL), 3);
            close_stream();
        }
}

static void test_a_reset_ends_the_closing(void **state) {
    (void)state;
    for (int blocked = 0; blocked < 2; blocked++) {
        open_stream(new_tcp_pair, NULL);
        if (blocked)
            fill_kernel(pair[0]);
        owner_send(&owner, "bye", 3);
        gee_stream_close(&owner.stream, PATIENCE);
        run_passes(loop, 2);
        reset_peer();
        RUN_UNTIL(loop, !gee_loop_lingering(loop));
        close_stream();
    }
}

/* A peer that goes on sending is not listened to any more, but that must not grow. */
static void test_closing_discards_what_comes(void **state) {
    (void)state;
    open_stream(new_pair, NULL);
    gee_stream_close(&owner.stream, PATIENCE);
    size_t total = 0;
    while (total < 4 * GEE_MIB) {
        size_t sent = fill_kernel(pair[1]);
        assert_true(sent > 0); /* a pass reads some */
        total += sent;
        assert_int_equal(gee_loop_once(loop, 0), 0);
        assert_int_equal(gee_buf_cache_live(gee_loop_buffers(loop)), 0);
    }
    close_peer();
    RUN_UNTIL(loop, !gee_loop_lingering(loop));
    close_stream();
}

static void test_the_loop_takes_closing_streams_with_it(void **state) {
    (void)state;
    open_stream(new_pair, NULL);
    fill_kernel(pair[0]);
    owner_send(&owner, "bye", 3);
    gee_stream_close(&owner.stream, PATIENCE);
    run_passes(loop, 1);
    assert_true(gee_loop_lingering(loop));
    gee_loop_destroy(&loop);
    assert_int_equal(write(pair[1], "x", 1), -1); /* closed */
    close_peer();
    disown(&owner);
    memset(&io, 0, sizeof(io));
}

static void test_close_of_a_broken_stream(void **state) {
    (void)state;
    open_stream(new_tcp_pair, NULL);
    reset_peer();
    RUN_UNTIL(loop, owner.failed == 1);
    gee_stream_close(&owner.stream, PATIENCE);
    assert_false(gee_loop_lingering(loop));
    gee_stream_close(&owner.stream, PATIENCE); /* null is allowed */
    close_stream();
}

int main(void) {
    signal(SIGPIPE, SIG_IGN); /* the tests' own writes; streams' writes do not raise it (transport_contract) */
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bytes_arrive_and_no_buffer_stays),
        cmocka_unit_test(test_one_read_a_pass),
        cmocka_unit_test(test_unconsumed_bytes_come_again_with_more),
        cmocka_unit_test(test_the_next_owner_rereads),
        cmocka_unit_test(test_without_an_owner_nothing_is_read),
        cmocka_unit_test(test_inbox_limit),
        cmocka_unit_test(test_the_end_comes_once_behind_the_last_bytes),
        cmocka_unit_test(test_a_hang_up_does_not_spin),
        cmocka_unit_test(test_a_closed_peer_has_ended_and_gone),
        cmocka_unit_test(test_gone_is_told_when_the_descriptor_is_closed),
        cmocka_unit_test(test_pause_and_resume),
        cmocka_unit_test(test_a_reset_is_noticed_while_paused),
        cmocka_unit_test(test_a_reset_while_reading),
        cmocka_unit_test(test_one_write_a_pass),
        cmocka_unit_test(test_many_segments),
        cmocka_unit_test(test_congestion_stops_reading_until_drained),
        cmocka_unit_test(test_drained_follows_a_short_congestion),
        cmocka_unit_test(test_write_timeout),
        cmocka_unit_test(test_progress_holds_off_the_write_timeout),
        cmocka_unit_test(test_destroy_in_every_callback),
        cmocka_unit_test(test_destroy_in_a_reread),
        cmocka_unit_test(test_close_delivers_the_last_reply_despite_unread_input),
        cmocka_unit_test(test_close_when_the_peer_has_ended_is_quick),
        cmocka_unit_test(test_patience_ends),
        cmocka_unit_test(test_a_reset_ends_the_closing),
        cmocka_unit_test(test_closing_discards_what_comes),
        cmocka_unit_test(test_the_loop_takes_closing_streams_with_it),
        cmocka_unit_test(test_close_of_a_broken_stream),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
