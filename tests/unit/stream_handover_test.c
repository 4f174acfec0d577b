/* stream_handover_test.c: a stream goes on in another loop: its bytes, its layers, its counts; what keeps it; what is
 * refused.
 *
 * The layer "pairs" changes bytes by a key that its state has, two at a time: one alone waits below it. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <signal.h>

#include "stream_support.h"

/* ---- the layer ---- */

typedef struct pairs_state {
    uint8_t key;
    bool waits; /* a handshake that is not over */
} pairs_state_t;

static int pairs_alive; /* states begun and not stopped */

static int pairs_start(void *data, gee_role_t role GEE_UNUSED, const void *setup, gee_chain_t *down GEE_UNUSED,
                       gee_error_t *error GEE_UNUSED) {
    pairs_state_t *state = data;
    pairs_alive++;
    state->key = *(const uint8_t *)setup;
    state->waits = state->key == 0;
    return 0;
}
static int pairs_receive(void *data, gee_inbox_t *from_wire, gee_inbox_t *up, gee_chain_t *down GEE_UNUSED,
                         gee_error_t *error GEE_UNUSED) {
    const pairs_state_t *state = data;
    size_t length = gee_inbox_length(from_wire) / 2 * 2;
    for (size_t i = 0; i < length; i++) {
        uint8_t byte = gee_inbox_bytes(from_wire)[i] ^ state->key;
        assert_int_equal(gee_inbox_append(up, &byte, 1), 0);
    }
    gee_inbox_consume(from_wire, length);
    return 0;
}
static int pairs_send(void *data GEE_UNUSED, gee_chain_t *from_above, gee_chain_t *down,
                      gee_error_t *error GEE_UNUSED) {
    gee_chain_move(down, from_above);
    return 0;
}
static bool pairs_established(const void *data) {
    return !((const pairs_state_t *)data)->waits;
}
static void pairs_stop(void *data GEE_UNUSED) {
    pairs_alive--;
}
static void pairs_export(const void *data, gee_record_t *out) {
    gee_record_put_u8(out, ((const pairs_state_t *)data)->key);
}
static int pairs_import(void *data, const void *setup, gee_record_reader_t *in, gee_error_t *error) {
    pairs_state_t *state = data;
    pairs_alive++;
    assert_string_equal(setup, "the setup");
    state->key = gee_record_take_u8(in);
    if (in->failed || state->key == 0)
        return gee_error_set(error, GEE_INVALID_ARGUMENT, "pairs: no key");
    return 0;
}
static const gee_layer_t pairs_layer = { .name = "pairs",
                                         .state_size = sizeof(pairs_state_t),
                                         .start = pairs_start,
                                         .receive = pairs_receive,
                                         .send = pairs_send,
                                         .established = pairs_established,
                                         .stop = pairs_stop,
                                         .export_state = pairs_export,
                                         .import_state = pairs_import };
static const gee_layer_t staying_layer = { .name = "staying",
                                           .state_size = sizeof(pairs_state_t),
                                           .start = pairs_start,
                                           .receive = pairs_receive,
                                           .send = pairs_send,
                                           .established = pairs_established,
                                           .stop = pairs_stop };
static const uint8_t key = 0x21, another_key = 0x42, no_key = 0;

static const gee_layer_t *find_layer(gee_str_t name, const void **setup, void *data) {
    const gee_layer_t *known = data;
    *setup = "the setup";
    return known && gee_str_equal(name, gee_str(known->name)) ? known : NULL;
}

static void push(const gee_layer_t *layer, const uint8_t *with) {
    gee_error_t error;
    assert_int_equal(gee_stream_push(owner.stream, layer, GEE_SERVING, with, &error), 0);
}

/* ---- the other side ---- */

static owner_t heir;
static gee_loop_t *other_loop;

static int import(int descriptor, const void *bytes, size_t length, const gee_layer_t *known, gee_error_t *error) {
    gee_record_reader_t in = gee_record_reader(bytes, length);
    memset(&heir, 0, sizeof(heir));
    heir.stream = gee_stream_create(other_loop, &fake, descriptor, NULL, NULL, error);
    assert_non_null(heir.stream);
    return gee_stream_import(heir.stream, &in, find_layer, (void *)(uintptr_t)known, error);
}

static void move(void) {
    gee_error_t error = { .text = "" };
    gee_record_t record = { 0 };
    other_loop = new_loop();
    assert_true(gee_stream_can_leave(owner.stream));
    gee_stream_freeze(owner.stream);
    gee_stream_export(owner.stream, &record);
    int descriptor = dup(gee_stream_descriptor(owner.stream));
    if (import(descriptor, record.bytes, record.length, &pairs_layer, &error) != 0)
        fail_msg("%s", error.text);
    gee_stream_destroy(&owner.stream);
    gee_stream_set_owner(heir.stream, &owner_events, &heir);
    gee_stream_reread(heir.stream);
    gee_record_clear(&record);
}

static void close_both(void) {
    disown(&heir);
    end_of_loop(other_loop);
    close_stream();
    assert_int_equal(pairs_alive, 0);
}

static void say(const char *text) {
    assert_int_equal(write(pair[1], text, strlen(text)), (ssize_t)strlen(text));
}

/* ---- moved ---- */

static void test_what_was_not_consumed_goes_along(void **state) {
    (void)state;
    open_stream(new_pair, NULL);
    owner.keep = true;
    say("half a ");
    RUN_UNTIL(loop, owner.received == 1);
    owner_send(&owner, "out", 3);
    RUN_UNTIL(loop, owner.flushed == 1);
    move();
    RUN_UNTIL(other_loop, heir.length == 7);
    say("message");
    RUN_UNTIL(other_loop, heir.length == 14);
    assert_memory_equal(heir.bytes, "half a message", 14);
    assert_int_equal(gee_stream_bytes_received(heir.stream), 14);
    assert_int_equal(gee_stream_bytes_sent(heir.stream), 3);
    close_both();
}

static void test_layers_go_along_with_what_waits_below_them(void **state) {
    (void)state;
    open_stream(new_pair, NULL);
    push(&pairs_layer, &key);
    push(&pairs_layer, &another_key);
    owner.keep = true;
    say("abcde"); /* of which one waits below */
    RUN_UNTIL(loop, owner.received == 1);
    move();
    say("f");
    RUN_UNTIL(other_loop, heir.length == 6);
    for (size_t i = 0; i < 6; i++)
        assert_int_equal(heir.bytes[i] ^ key ^ another_key, 'a' + i);
    close_both();
}

static void test_the_other_goes_on_with_its_end(void **state) {
    (void)state;
    open_stream(new_pair, NULL);
    move();
    close_peer();
    RUN_UNTIL(other_loop, heir.ended == 1);
    close_both();
}

/* ---- frozen ---- */

static void test_frozen_it_hears_nothing(void **state) {
    (void)state;
    open_stream(new_pair, NULL);
    owner.keep = true;
    say("be");
    RUN_UNTIL(loop, owner.received == 1);
    gee_stream_freeze(owner.stream);
    say("fore");
    gee_stream_reread(owner.stream); /* whatever its owner wants meanwhile */
    gee_stream_resume(owner.stream);
    assert_loop_sleeps(loop);
    assert_int_equal(owner.received, 1);
    owner.keep = false;
    gee_stream_thaw(owner.stream);
    RUN_UNTIL(loop, owner.length == 6);
    assert_memory_equal(owner.bytes, "before", 6);
    close_stream();
}

static void freeze_it(gee_stream_t *stream, void *data) {
    on_received(stream, data);
    gee_stream_freeze(stream);
}
static const gee_stream_events_t freezing_events = { .received = freeze_it };

/* The end of the event in which it was frozen does not ask for more. */
static void test_frozen_by_its_owner(void **state) {
    (void)state;
    open_stream(new_pair, NULL);
    gee_stream_set_owner(owner.stream, &freezing_events, &owner);
    say("first");
    RUN_UNTIL(loop, owner.length == 5);
    say("then");
    assert_loop_sleeps(loop);
    assert_int_equal(owner.received, 1);
    gee_stream_thaw(owner.stream);
    RUN_UNTIL(loop, owner.length == 9);
    close_stream();
}

static void test_a_reset_is_heard_when_it_is_thawed(void **state) {
    (void)state;
    open_stream(new_tcp_pair, NULL);
    gee_stream_freeze(owner.stream);
    reset_peer();
    assert_loop_sleeps(loop);
    assert_int_equal(owner.failed, 0);
    gee_stream_thaw(owner.stream);
    RUN_UNTIL(loop, owner.failed == 1);
    close_stream();
}

/* ---- what keeps it ---- */

static void test_what_waits_to_be_written_keeps_it(void **state) {
    (void)state;
    open_stream(new_pair, NULL);
    owner_send(&owner, "reply", 5);
    assert_false(gee_stream_can_leave(owner.stream));
    io.refuse_send = true;
    run_passes(loop, 3);
    assert_false(gee_stream_can_leave(owner.stream));
    io.refuse_send = false;
    RUN_UNTIL(loop, owner.flushed == 1);
    assert_true(gee_stream_can_leave(owner.stream));
    close_stream();
}

static void test_ends_keep_it(void **state) {
    (void)state;
    open_stream(new_pair, NULL);
    shutdown(pair[1], SHUT_WR);
    RUN_UNTIL(loop, owner.ended == 1);
    assert_false(gee_stream_can_leave(owner.stream));
    close_stream();
    open_stream(new_tcp_pair, NULL);
    reset_peer();
    RUN_UNTIL(loop, owner.failed == 1);
    assert_false(gee_stream_can_leave(owner.stream));
    close_stream();
}

static void test_layers_that_cannot_leave_keep_it(void **state) {
    (void)state;
    open_stream(new_pair, NULL);
    push(&pairs_layer, &no_key);
    assert_true(gee_stream_may_leave(owner.stream)); /* when its handshake is over */
    assert_false(gee_stream_can_leave(owner.stream));
    close_stream();
    open_stream(new_pair, NULL);
    push(&staying_layer, &key);
    push(&pairs_layer, &key);
    assert_false(gee_stream_may_leave(owner.stream));
    assert_false(gee_stream_can_leave(owner.stream));
    close_stream();
    assert_int_equal(pairs_alive, 0);
}

/* A layer that was pushed onto bytes has not seen them yet. */
static void test_a_fresh_layer_keeps_it(void **state) {
    (void)state;
    open_stream(new_pair, NULL);
    owner.keep = true;
    say("ab");
    RUN_UNTIL(loop, owner.received == 1);
    push(&pairs_layer, &key);
    assert_false(gee_stream_can_leave(owner.stream));
    RUN_UNTIL(loop, owner.received == 2);
    assert_true(gee_stream_can_leave(owner.stream));
    close_stream();
}

/* ---- refused ---- */

static void make_record(gee_record_t *record) {
    open_stream(new_pair, NULL);
    other_loop = new_loop();
    push(&pairs_layer, &key);
    owner.keep = true;
    say("abc");
    RUN_UNTIL(loop, owner.received == 1);
    gee_stream_freeze(owner.stream);
    gee_stream_export(owner.stream, record);
}

static void expect_refusal(const gee_record_t *record, size_t length, const gee_layer_t *known, const char *reason) {
    gee_error_t error = { .text = "" };
    int ends[2];
    new_pair(ends);
    assert_int_equal(import(ends[0], record->bytes, length, known, &error), -1);
    if (strstr(error.text, reason) == NULL)
        fail_msg("refused, but because of: %s", error.text);
    gee_stream_destroy(&heir.stream);
    assert_int_equal(pairs_alive, 1); /* of the one that is frozen */
    assert_int_equal(gee_buf_cache_live(gee_loop_buffers(other_loop)), 0);
    close(ends[1]);
}

static void test_refused(void **state) {
    (void)state;
    enum { LAYERS_AT = 16, KEY_AT = 17 + 8 + 5 + 8 };
    gee_record_t record = { 0 };
    make_record(&record);
    for (size_t cut = 0; cut < record.length; cut++)
        expect_refusal(&record, cut, &pairs_layer, "");
    expect_refusal(&record, record.length, NULL, "the layer \"pairs\" is not taken here");
    expect_refusal(&record, record.length, &staying_layer, "the layer \"pairs\" is not taken here");
    record.bytes[LAYERS_AT] = 200;
    expect_refusal(&record, record.length, &pairs_layer, "200 layers");
    record.bytes[LAYERS_AT] = 1;
    assert_int_equal(record.bytes[KEY_AT], key);
    record.bytes[KEY_AT] = 0;
    expect_refusal(&record, record.length, &pairs_layer, "pairs: no key");
    gee_record_clear(&record);
    gee_stream_thaw(owner.stream);
    close_both();
}

int main(void) {
    (void)signal(SIGPIPE, SIG_IGN);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_was_not_consumed_goes_along),
        cmocka_unit_test(test_layers_go_along_with_what_waits_below_them),
        cmocka_unit_test(test_the_other_goes_on_with_its_end),
        cmocka_unit_test(test_frozen_it_hears_nothing),
        cmocka_unit_test(test_frozen_by_its_owner),
        cmocka_unit_test(test_a_reset_is_heard_when_it_is_thawed),
        cmocka_unit_test(test_what_waits_to_be_written_keeps_it),
        cmocka_unit_test(test_ends_keep_it),
        cmocka_unit_test(test_layers_that_cannot_leave_keep_it),
        cmocka_unit_test(test_a_fresh_layer_keeps_it),
        cmocka_unit_test(test_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
