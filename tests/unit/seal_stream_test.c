/* seal_stream_test: the seal on streams: the same bytes however they are cut, what goes into one write, orderly ends
 * and truncations, no buffers left behind.
 *
 *   seal_stream_test converse ADDRESS SERVER-KEY KEY-FILE|- COUNT    for tests/process: says things to another
 *   implementation, which sends them back: COUNT records, one after another, and a message that spans many */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <signal.h>

#include "seal_fixture.h"
#include "stream_support.h"

#include "core/event/dial.h"

static gee_seal_setup_t *server_setup, *client_setup;

static int open_all(void **state) {
    if (open_keys(state) != 0)
        return -1;
    server_setup = listening(true);
    client_setup = dialling(keys.server, "client.key");
    return 0;
}
static int close_all(void **state) {
    seal->close(&server_setup);
    seal->close(&client_setup);
    return close_keys(state);
}

static owner_t client, server;

static void open_channel(const gee_stream_options_t *given) {
    gee_error_t error;
    gee_stream_options_t options = given ? *given : (gee_stream_options_t){ 0 };
    memset(&client, 0, sizeof(client));
    memset(&server, 0, sizeof(server));
    loop = new_loop();
    new_pair(pair);
    own(&server, loop, pair[1], &options);
    options.read_while_congested = true;
    own(&client, loop, pair[0], &options);
    assert_int_equal(gee_stream_push(client.stream, seal->layer, GEE_CALLING, client_setup, &error), 0);
    assert_int_equal(gee_stream_push(server.stream, seal->layer, GEE_SERVING, server_setup, &error), 0);
}
static void close_channel(void) {
    disown(&client);
    disown(&server);
    end_of_loop(loop);
}
static void shake_hands(void) {
    RUN_UNTIL(loop, gee_stream_established(client.stream) && gee_stream_established(server.stream));
}

static void exchange(size_t most, bool try_again, size_t size) {
    gee_stream_options_t options = { .high_water = 30000, .low_water = 10000, .read_size = 777 };
    open_channel(&options);
    io.most = most;
    io.try_again = try_again;
    io.seed = (uint32_t)size;
    uint8_t *there = pattern(size), *back = pattern(size);
    owner_send(&client, there, size);
    owner_send(&server, back, size);
    RUN_UNTIL(loop, server.length >= size && client.length >= size);
    assert_int_equal(server.length, size);
    assert_int_equal(client.length, size);
    assert_memory_equal(server.bytes, there, size);
    assert_memory_equal(client.bytes, back, size);
    RUN_UNTIL(loop, gee_stream_queued(client.stream) + gee_stream_queued(server.stream) == 0);
    assert_int_equal(gee_buf_cache_live(gee_loop_buffers(loop)), 0); /* a sealed stream that waits holds none either */
    gee_stream_close(&client.stream, PATIENCE);
    RUN_UNTIL(loop, server.ended == 1);
    gee_stream_close(&server.stream, PATIENCE);
    RUN_UNTIL(loop, !gee_loop_lingering(loop));
    assert_int_equal(client.failed + server.failed, 0);
    free(there);
    free(back);
    close_channel();
}

static void test_the_same_bytes_however_they_are_cut(void **state) {
    (void)state;
    exchange(0, false, 100);
    exchange(0, false, 3000000);
    exchange(1, false, 3000);
    exchange(1, true, 3000);
    exchange(500, true, 200000);
}

/* The client's last handshake message and what it says first. */
static void test_one_write(void **state) {
    (void)state;
    open_channel(NULL);
    owner_send(&client, "waits for the handshake", 23);
    RUN_UNTIL(loop, server.length == 23);
    assert_int_equal(io.sends, 3); /* message 1; message 2; message 3 and a record */
    assert_int_equal(gee_stream_bytes_sent(client.stream), 58 + 66 + 2 + 23 + 16);
    close_channel();
}

static void test_replies_of_one_pass_are_one_record(void **state) {
    (void)state;
    open_channel(NULL);
    shake_hands();
    uint64_t before = gee_stream_bytes_sent(server.stream);
    for (int i = 0; i < 16; i++) {
        assert_int_equal(gee_chain_append(gee_stream_out(server.stream), "reply", 5), 0);
        gee_stream_flush(server.stream);
    }
    io.sends = 0;
    RUN_UNTIL(loop, client.length == 80);
    assert_int_equal(io.sends, 1);
    assert_int_equal(gee_stream_bytes_sent(server.stream) - before, 2 + 80 + 16);
    close_channel();
}

static void test_the_identity_shows_when_it_is_proven(void **state) {
    (void)state;
    open_channel(NULL);
    assert_null(gee_stream_identity(server.stream));
    shake_hands();
    assert_string_equal(gee_stream_identity(server.stream)->name, "billing");
    assert_null(gee_stream_identity(client.stream));
    close_channel();
}

static void test_a_cut_connection_is_a_truncation(void **state) {
    (void)state;
    open_channel(NULL);
    shake_hands();
    owner_send(&client, "half of it", 10);
    RUN_UNTIL(loop, server.length == 10);
    gee_stream_destroy(&client.stream); /* without its end record */
    RUN_UNTIL(loop, server.failed == 1);
    assert_int_equal(server.ended, 0);
    assert_int_equal(server.reason.code, GEE_DATA_LOSS);
    assert_non_null(strstr(server.reason.text, "truncated"));
    close_channel();
}

/* As when a client is freed whose connections still write their last bytes. */
static void test_setups_that_are_closed_before_their_streams(void **state) {
    (void)state;
    open_channel(NULL);
    seal->close(&server_setup);
    seal->close(&client_setup);
    shake_hands();
    owner_send(&client, "said all the same", 17);
    RUN_UNTIL(loop, server.length == 17);
    close_channel();
    server_setup = listening(true);
    client_setup = dialling(keys.server, "client.key");
}

static void test_a_plain_peer_is_refused(void **state) {
    (void)state;
    gee_error_t error;
    uint8_t answer[16];
    bool end = false;
    open_stream(new_pair, NULL);
    assert_int_equal(gee_stream_push(owner.stream, seal->layer, GEE_SERVING, server_setup, &error), 0);
    assert_int_equal(write(pair[1], "GET / HTTP/1.1\r\n\r\n", 18), 18);
    RUN_UNTIL(loop, owner.failed == 1);
    gee_stream_destroy(&owner.stream);
    assert_int_equal(read_all(pair[1], answer, sizeof(answer), &end), 0);
    close_stream();
}

/* A client that is answered in clear does not go on in clear. */
static void test_a_plain_server_is_refused(void **state) {
    (void)state;
    gee_error_t error;
    uint8_t said[256];
    open_stream(new_pair, NULL);
    assert_int_equal(gee_stream_push(owner.stream, seal->layer, GEE_CALLING, client_setup, &error), 0);
    owner_send(&owner, "a secret", 8);
    RUN_UNTIL(loop, gee_stream_bytes_sent(owner.stream) == 58);
    assert_int_equal(write(pair[1], "HTTP/1.1 400 Bad Request\r\n\r\n", 28), 28);
    RUN_UNTIL(loop, owner.failed == 1);
    gee_stream_destroy(&owner.stream);
    assert_int_equal(read_all(pair[1], said, sizeof(said), NULL), 58);
    close_stream();
}

/* ---- with another implementation ---- */

static void dialled(void *data, gee_stream_t *stream, const gee_error_t *error) {
    if (stream == NULL)
        fail_msg("%s", error->text);
    *(gee_stream_t **)data = stream;
}

static void say_and_hear(const void *bytes, size_t length) {
    owner.length = 0;
    owner_send(&owner, bytes, length);
    RUN_UNTIL(loop, owner.length == length || owner.failed || owner.ended);
    if (owner.failed)
        fail_msg("%s", owner.reason.text);
    assert_int_equal(owner.length, length);
    assert_memory_equal(owner.bytes, bytes, length);
}

static int converse(char **words) {
    gee_error_t error;
    gee_addr_t addr;
    gee_stream_options_t options = { .read_while_congested = true };
    gee_seal_dial_t dial = { .server_key = words[1], .key = words[2][0] == '-' ? NULL : words[2] };
    const gee_transport_t *tcp = gee_module_find(gee_modules, GEE_MODULE_TRANSPORT, GEE_STR("tcp"));
    seal = gee_seal_find(gee_modules, &error);
    assert_true(seal != NULL && tcp != NULL);
    client_setup = seal->dial(&dial, &error);
    if (client_setup == NULL || gee_addr_parse(words[0], &addr, &error) != 0)
        fail_msg("%s", error.text);
    loop = new_loop();
    assert_non_null(gee_dial_start(loop, NULL, tcp, &addr, &options, PATIENCE, dialled, &owner.stream, &error));
    RUN_UNTIL(loop, owner.stream != NULL);
    gee_stream_set_owner(owner.stream, &owner_events, &owner);
    assert_int_equal(gee_stream_push(owner.stream, seal->layer, GEE_CALLING, client_setup, &error), 0);
    for (int i = atoi(words[3]); i > 0; i--) {
        char text[32];
        snprintf(text, sizeof(text), "message %d", i);
        say_and_hear(text, strlen(text));
    }
    uint8_t *large = pattern(3000000);
    say_and_hear(large, 3000000);
    free(large);
    gee_stream_close(&owner.stream, PATIENCE);
    RUN_UNTIL(loop, !gee_loop_lingering(loop));
    disown(&owner);
    end_of_loop(loop);
    seal->close(&client_setup);
    puts("all came back");
    return 0;
}

int main(int count, char **words) {
    signal(SIGPIPE, SIG_IGN);
    if (count == 6 && strcmp(words[1], "converse") == 0)
        return converse(words + 2);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_same_bytes_however_they_are_cut),
        cmocka_unit_test(test_one_write),
        cmocka_unit_test(test_replies_of_one_pass_are_one_record),
        cmocka_unit_test(test_the_identity_shows_when_it_is_proven),
        cmocka_unit_test(test_a_cut_connection_is_a_truncation),
        cmocka_unit_test(test_setups_that_are_closed_before_their_streams),
        cmocka_unit_test(test_a_plain_peer_is_refused),
        cmocka_unit_test(test_a_plain_server_is_refused),
    };
    return cmocka_run_group_tests(tests, open_all, close_all);
}
