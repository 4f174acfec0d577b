/* stream_layers_test.c: the stack of layers: every stack over every way of short I/O carries the same bytes;
 * handshakes, refusals and ends.
 *
 * Two layers: "xor" changes bytes and nothing else; "frame" has a handshake (a greeting each way), frames of at most
 * 100 bytes, and an end record without which the end of the stream is a truncation. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <signal.h>

#include "stream_support.h"

/* ---- xor ---- */

typedef struct xor_state {
    uint8_t key;
} xor_state_t;

static int xor_start(void *state, gee_role_t role, const void *setup, gee_chain_t *down, gee_error_t *error) {
    (void)role, (void)down, (void)error;
    ((xor_state_t *)state)->key = setup ? *(const uint8_t *)setup : 0x5a;
    return 0;
}
static int xor_receive(void *state, gee_inbox_t *from_wire, gee_inbox_t *up, gee_chain_t *down, gee_error_t *error) {
    (void)down, (void)error;
    size_t length = gee_inbox_length(from_wire);
    const uint8_t *bytes = gee_inbox_bytes(from_wire);
    for (size_t i = 0; i < length; i++) {
        uint8_t byte = bytes[i] ^ ((xor_state_t *)state)->key;
        assert_int_equal(gee_inbox_append(up, &byte, 1), 0);
    }
    gee_inbox_consume(from_wire, length);
    return 0;
}
static int xor_send(void *state, gee_chain_t *from_above, gee_chain_t *down, gee_error_t *error) {
    (void)error;
    assert_true(from_above->length > 0);
    while (from_above->length > 0) {
        uint8_t bytes[512];
        size_t length = gee_chain_copy(from_above, bytes, sizeof(bytes));
        for (size_t i = 0; i < length; i++)
            bytes[i] ^= ((xor_state_t *)state)->key;
        assert_int_equal(gee_chain_append(down, bytes, length), 0);
        gee_chain_consume(from_above, length);
    }
    return 0;
}
static bool xor_established(const void *state) {
    (void)state;
    return true;
}
static const gee_layer_t xor_layer = { .name = "xor",
                                       .state_size = sizeof(xor_state_t),
                                       .start = xor_start,
                                       .receive = xor_receive,
                                       .send = xor_send,
                                       .established = xor_established };

/* ---- frame ---- */

#define GREETING   "HELLO"
#define FRAME_MOST 100

typedef struct frame_state {
    bool greeted, ended;
} frame_state_t;

static int frames_alive; /* states started and not stopped */

static int frame_start(void *state, gee_role_t role, const void *setup, gee_chain_t *down, gee_error_t *error) {
    (void)state;
    frames_alive++;
    if (role == GEE_CALLING)
        assert_int_equal(gee_chain_append(down, GREETING, 5), 0);
    if (setup)
        return gee_error_set(error, GEE_INVALID_ARGUMENT, "frame: a bad setup");
    return 0;
}
static int frame_greeting(frame_state_t *frame, gee_inbox_t *from_wire, gee_chain_t *down, gee_error_t *error) {
    if (gee_inbox_length(from_wire) < 5)
        return 0;
    if (memcmp(gee_inbox_bytes(from_wire), GREETING, 4) != 0)
        return gee_error_set(error, GEE_UNAUTHENTICATED, "frame: this is no greeting");
    if (gee_inbox_bytes(from_wire)[4] == 'O') /* the caller's; the answer ends with A */
        assert_int_equal(gee_chain_append(down, "HELLA", 5), 0);
    gee_inbox_consume(from_wire, 5);
    frame->greeted = true;
    return 0;
}
static int frame_receive(void *state, gee_inbox_t *from_wire, gee_inbox_t *up, gee_chain_t *down, gee_error_t *error) {
    frame_state_t *frame = state;
    if (!frame->greeted && frame_greeting(frame, from_wire, down, error) != 0)
        return -1;
    while (frame->greeted && gee_inbox_length(from_wire) > 0) {
        const uint8_t *bytes = gee_inbox_bytes(from_wire);
        size_t length = bytes[0];
        if (length > FRAME_MOST || frame->ended)
            return gee_error_set(error, GEE_DATA_LOSS, "frame: not a frame");
        if (gee_inbox_length(from_wire) < 1 + length)
            break;
        frame->ended = length == 0;
        assert_int_equal(gee_inbox_append(up, bytes + 1, length), 0);
        gee_inbox_consume(from_wire, 1 + length);
    }
    return 0;
}
static int frame_send(void *state, gee_chain_t *from_above, gee_chain_t *down, gee_error_t *error) {
    (void)error;
    assert_true(((frame_state_t *)state)->greeted);
    while (from_above->length > 0) {
        uint8_t bytes[1 + FRAME_MOST];
        size_t length = gee_chain_copy(from_above, bytes + 1, FRAME_MOST);
        bytes[0] = (uint8_t)length;
        assert_int_equal(gee_chain_append(down, bytes, 1 + length), 0);
        gee_chain_consume(from_above, length);
    }
    return 0;
}
static bool frame_established(const void *state) {
    return ((const frame_state_t *)state)->greeted;
}
static int frame_finish(void *state, gee_chain_t *down, gee_error_t *error) {
    (void)state, (void)error;
    return gee_chain_append(down, "", 1);
}
static int frame_ended(void *state, gee_error_t *error) {
    if (((frame_state_t *)state)->ended)
        return 0;
    return gee_error_set(error, GEE_DATA_LOSS, "frame: the stream was cut short");
}
static void frame_stop(void *state) {
    (void)state;
    frames_alive--;
}
static const gee_layer_t frame_layer = { .name = "frame",
                                         .state_size = sizeof(frame_state_t),
                                         .start = frame_start,
                                         .receive = frame_receive,
                                         .send = frame_send,
                                         .established = frame_established,
                                         .finish = frame_finish,
                                         .ended = frame_ended,
                                         .stop = frame_stop };

static void push_stack(owner_t *on, const char *stack, gee_role_t role) {
    static const uint8_t keys[] = { 0x11, 0x22, 0x44, 0x88 };
    gee_error_t error;
    for (size_t i = 0; stack[i]; i++) {
        const gee_layer_t *layer = stack[i] == 'x' ? &xor_layer : &frame_layer;
        const void *setup = stack[i] == 'x' ? &keys[i] : NULL;
        assert_int_equal(gee_stream_push(on->stream, layer, role, setup, &error), 0);
    }
}

/* ---- every stack, every way of short I/O ---- */

static void exchange(const char *stack, size_t most, bool try_again, size_t size) {
    owner_t caller = { 0 }, server = { 0 };
    gee_stream_options_t options = { .high_water = 3000, .low_water = 1000, .read_size = 777 };
    loop = new_loop();
    new_pair(pair);
    options.read_while_congested = true; /* of the caller only; with both stopping, both would wait for ever */
    own(&caller, loop, pair[0], &options);
    options.read_while_congested = false;
    own(&server, loop, pair[1], &options);
    io.most = most;
    io.try_again = try_again;
    io.seed = (uint32_t)size;
    push_stack(&caller, stack, GEE_CALLING);
    push_stack(&server, stack, GEE_SERVING);
    uint8_t *there = pattern(size), *back = pattern(size);
    owner_send(&caller, there, size);
    owner_send(&server, back, size);
    RUN_UNTIL(loop, server.length >= size && caller.length >= size);
    assert_int_equal(server.length, size);
    assert_int_equal(caller.length, size);
    assert_memory_equal(server.bytes, there, size);
    assert_memory_equal(caller.bytes, back, size);
    assert_true(gee_stream_established(caller.stream) && gee_stream_established(server.stream));
    RUN_UNTIL(loop, gee_stream_queued(caller.stream) + gee_stream_queued(server.stream) == 0);
    assert_int_equal(gee_buf_cache_live(gee_loop_buffers(loop)), 0);
    gee_stream_close(&caller.stream, PATIENCE);
    RUN_UNTIL(loop, server.ended == 1);
    gee_stream_close(&server.stream, PATIENCE);
    RUN_UNTIL(loop, !gee_loop_lingering(loop));
    assert_int_equal(caller.failed + server.failed, 0);
    assert_int_equal(frames_alive, 0);
    free(there);
    free(back);
    disown(&caller);
    disown(&server);
    end_of_loop(loop);
}

static void test_every_stack_carries_the_same_bytes(void **state) {
    (void)state;
    static const char *const stacks[] = { "", "x", "f", "xf", "fx", "ff", "xfxf" };
    for (size_t i = 0; i < GEE_LENGTH(stacks); i++) {
        exchange(stacks[i], 0, false, 100000);
        exchange(stacks[i], 1, false, 3000);
        exchange(stacks[i], 1, true, 3000);
        exchange(stacks[i], 500, true, 50000);
    }
}

/* ---- pushing ---- */

static void test_push_moves_the_inbox_below(void **state) {
    (void)state;
    open_stream(new_pair, NULL);
    owner.keep = true;
    assert_int_equal(gee_chain_append(gee_stream_out(owner.stream), "200 OK", 6), 0);
    assert_int_equal(write(pair[1],
                           "HELLO\x03"
                           "abc",
                           9),
                     9);
    RUN_UNTIL(loop, owner.received == 1);
    owner.keep = false;
    push_stack(&owner, "f", GEE_SERVING);
    assert_int_equal(gee_inbox_length(gee_stream_inbox(owner.stream)), 0);
    assert_int_equal(gee_stream_out(owner.stream)->length, 0);
    assert_int_equal(owner.received, 1); /* not from inside the push */
    assert_int_equal(gee_chain_append(gee_stream_out(owner.stream), "x", 1), 0);
    RUN_UNTIL(loop, owner.received == 2);
    assert_int_equal(owner.length, 3);
    assert_memory_equal(owner.bytes, "abc", 3);
    RUN_UNTIL(loop, owner.flushed > 0);
    uint8_t wire[20];
    assert_int_equal(read_all(pair[1], wire, sizeof(wire), NULL), 13);
    assert_memory_equal(wire, "200 OKHELLA\x01x", 13); /* what was there before the push goes out as it is */
    close_stream();
}

/* As the door does it: reads first bytes, pushes a layer, reads again, pushes another. */
static int pushes;

static void door_received(gee_stream_t *stream, void *data) {
    if (pushes < 2 && gee_inbox_bytes(gee_stream_inbox(stream))[0] == '!') {
        pushes++;
        gee_inbox_consume(gee_stream_inbox(stream), 1);
        push_stack(data, "f", GEE_SERVING);
        return;
    }
    on_received(stream, data);
}

static void test_push_inside_received(void **state) {
    (void)state;
    /* In frames of the first layer: "!", the second's greeting, its frame "abc", cut across two. */
    static const char wire[] = "!HELLO\x08!HELLO\x03"
                               "a\x02"
                               "bc";
    for (size_t cut = 1; cut < sizeof(wire) - 1; cut++) {
        gee_stream_events_t events = owner_events;
        events.received = door_received;
        pushes = 0;
        open_stream(new_pair, NULL);
        gee_stream_set_owner(owner.stream, &events, &owner);
        assert_int_equal(write(pair[1], wire, cut), (ssize_t)cut);
        run_passes(loop, 2);
        assert_int_equal(write(pair[1], wire + cut, sizeof(wire) - 1 - cut), (ssize_t)(sizeof(wire) - 1 - cut));
        RUN_UNTIL(loop, owner.length == 3 || owner.failed);
        assert_memory_equal(owner.bytes, "abc", 3);
        close_stream();
    }
    assert_int_equal(frames_alive, 0);
}

static void test_a_push_that_fails_changes_nothing(void **state) {
    (void)state;
    gee_error_t error = { 0 };
    open_stream(new_pair, NULL);
    assert_int_equal(gee_chain_append(gee_stream_out(owner.stream), "plain", 5), 0);
    assert_int_equal(gee_stream_push(owner.stream, &frame_layer, GEE_CALLING, "bad", &error), -1);
    assert_string_equal(error.text, "frame: a bad setup");
    assert_int_equal(frames_alive, 0);
    gee_stream_flush(owner.stream);
    RUN_UNTIL(loop, owner.flushed == 1);
    uint8_t wire[20];
    assert_int_equal(read_all(pair[1], wire, sizeof(wire), NULL), 5); /* no greeting */
    push_stack(&owner, "xxxx", GEE_CALLING);
    assert_int_equal(gee_stream_push(owner.stream, &xor_layer, GEE_CALLING, NULL, &error), -1);
    assert_int_equal(error.code, GEE_FAILED_PRECONDITION);
    close_stream();
}

/* ---- handshakes ---- */

static void test_bytes_wait_for_the_handshake(void **state) {
    (void)state;
    const gee_stream_options_t options = { .high_water = 100 };
    open_stream(new_pair, &options);
    push_stack(&owner, "f", GEE_CALLING);
    uint8_t *bytes = pattern(5000), wire[6000];
    owner_send(&owner, bytes, 5000);
    assert_loop_sleeps(loop);
    assert_false(gee_stream_established(owner.stream));
    assert_true(gee_stream_congested(owner.stream)); /* and still it reads: else the handshake would never end */
    assert_int_equal(read_all(pair[1], wire, sizeof(wire), NULL), 5);
    assert_int_equal(owner.flushed, 0);
    assert_int_equal(write(pair[1], "HELLA", 5), 5);
    RUN_UNTIL(loop, owner.send_offset == 5000 && gee_stream_queued(owner.stream) == 0);
    size_t length = read_all(pair[1], wire, sizeof(wire), NULL), from = 0, total = 0;
    while (from < length) {
        assert_memory_equal(wire + from + 1, bytes + total, wire[from]);
        total += wire[from];
        from += 1u + wire[from];
    }
    assert_int_equal(total, 5000);
    assert_true(owner.drained > 0);
    free(bytes);
    close_stream();
}

static void test_close_during_the_handshake_waits_for_it(void **state) {
    (void)state;
    open_stream(new_pair, NULL);
    push_stack(&owner, "f", GEE_CALLING);
    owner_send(&owner, "bye", 3);
    gee_stream_close(&owner.stream, PATIENCE);
    run_passes(loop, 3);
    assert_true(gee_loop_lingering(loop));
    assert_int_equal(write(pair[1], "HELLA\x02no", 8), 8);
    uint8_t wire[20];
    size_t total = 0;
    bool end = false;
    RUN_UNTIL(loop, (total += read_all(pair[1], wire + total, sizeof(wire) - total, &end), end));
    assert_int_equal(total, 10);
    assert_memory_equal(wire,
                        "HELLO\x03"
                        "bye\x00",
                        10); /* with the end record */
    close_peer();
    RUN_UNTIL(loop, !gee_loop_lingering(loop));
    assert_int_equal(frames_alive, 0);
    close_stream();
}

static void test_close_when_the_handshake_cannot_end_any_more(void **state) {
    (void)state;
    open_stream(new_pair, NULL);
    push_stack(&owner, "xf", GEE_CALLING);
    owner_send(&owner, "bye", 3);
    gee_stream_close(&owner.stream, PATIENCE);
    assert_int_equal(shutdown(pair[1], SHUT_WR), 0);
    RUN_UNTIL(loop, !gee_loop_lingering(loop));
    close_stream();
}

/* ---- refusals and ends ---- */

static void fails_with(const char *wire, size_t length, bool shut, gee_code_t code, const char *text) {
    open_stream(new_pair, NULL);
    push_stack(&owner, "f", GEE_SERVING);
    assert_int_equal(write(pair[1], wire, length), (ssize_t)length);
    if (shut)
        assert_int_equal(shutdown(pair[1], SHUT_WR), 0);
    RUN_UNTIL(loop, owner.failed == 1);
    assert_int_equal(owner.reason.code, code);
    assert_string_equal(owner.reason.text, text);
    assert_int_equal(owner.ended, 0);
    assert_loop_sleeps(loop);
    close_stream();
    assert_int_equal(frames_alive, 0);
}

static void test_layers_refuse(void **state) {
    (void)state;
    fails_with("GET / HTTP/1.1", 14, false, GEE_UNAUTHENTICATED, "frame: this is no greeting");
    fails_with("HELLO\xffxxx", 9, false, GEE_DATA_LOSS, "frame: not a frame");
    fails_with("HEL", 3, true, GEE_DATA_LOSS, "frame: the stream was cut short");
    fails_with("HELLO\x03"
               "ab",
               8, true, GEE_DATA_LOSS, "frame: the stream was cut short");
}

static void test_an_orderly_end(void **state) {
    (void)state;
    open_stream(new_pair, NULL);
    push_stack(&owner, "f", GEE_SERVING);
    assert_int_equal(write(pair[1], "HELLO\x01x\x00", 8), 8);
    assert_int_equal(shutdown(pair[1], SHUT_WR), 0);
    RUN_UNTIL(loop, owner.ended == 1);
    assert_int_equal(owner.length, 1);
    close_stream();
}

int main(void) {
    signal(SIGPIPE, SIG_IGN);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_stack_carries_the_same_bytes),
        cmocka_unit_test(test_push_moves_the_inbox_below),
        cmocka_unit_test(test_push_inside_received),
        cmocka_unit_test(test_a_push_that_fails_changes_nothing),
        cmocka_unit_test(test_bytes_wait_for_the_handshake),
        cmocka_unit_test(test_close_during_the_handshake_waits_for_it),
        cmocka_unit_test(test_close_when_the_handshake_cannot_end_any_more),
        cmocka_unit_test(test_layers_refuse),
        cmocka_unit_test(test_an_orderly_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
