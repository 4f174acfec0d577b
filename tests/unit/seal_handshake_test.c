/* seal_handshake_test: the handshake of the sealed channel as a layer: who gets in and who does not. Both ends are
 * driven by hand; whatever is wrong, a server answers nothing. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "seal_fixture.h"

static gee_seal_setup_t *server_setup, *client_setup, *anonymous_setup;

static int open_all(void **state) {
    if (open_buffers(state) != 0 || open_keys(state) != 0)
        return -1;
    server_setup = listening(true);
    client_setup = dialling(keys.server, "client.key");
    anonymous_setup = dialling(keys.server, NULL);
    return 0;
}
static int close_all(void **state) {
    seal->close(&server_setup);
    seal->close(&client_setup);
    seal->close(&anonymous_setup);
    return close_keys(state) != 0 ? -1 : close_buffers(state);
}

/* Carries what `from` has to say to `to`. */
static int pass(end_t *from, end_t *to) {
    size_t length = end_take(from);
    return length > 0 ? end_hear(to, wire, length) : 0;
}

/* Until nobody has anything to say; -1 when one refused. */
static int shake_hands(end_t *client, end_t *server) {
    while (client->down.length + server->down.length > 0)
        if (pass(client, server) != 0 || pass(server, client) != 0)
            return -1;
    return 0;
}

static void expect_text(end_t *from, end_t *to, const char *text) {
    end_say(from, text, strlen(text));
    assert_int_equal(pass(from, to), 0);
    assert_int_equal(gee_inbox_length(&to->up), strlen(text));
    assert_memory_equal(gee_inbox_bytes(&to->up), text, strlen(text));
    gee_inbox_clear(&to->up);
}

/* ---- who gets in ---- */

static void check_works(gee_seal_setup_t *setup, const char *name) {
    end_t client, server;
    end_open(&client, GEE_CALLING, setup);
    end_open(&server, GEE_SERVING, server_setup);
    assert_false(end_is_open(&client));
    assert_int_equal(shake_hands(&client, &server), 0);
    assert_true(end_is_open(&client) && end_is_open(&server));
    const gee_identity_t *identity = seal->layer->identity(server.state);
    assert_non_null(identity);
    assert_false(atomic_load(identity->revoked));
    if (name == NULL) {
        assert_int_equal(identity->kind, GEE_IDENTITY_ANONYMOUS);
        assert_null(identity->name);
        assert_null(identity->services);
    } else {
        assert_int_equal(identity->kind, GEE_IDENTITY_KEY);
        assert_string_equal(identity->name, name);
        assert_string_equal(identity->services[0], "Arith");
        assert_string_equal(identity->services[1], "Foo.Sum");
        assert_null(identity->services[2]);
    }
    assert_null(seal->layer->identity(client.state));
    expect_text(&client, &server, "question");
    expect_text(&server, &client, "answer");
    end_close(&client);
    end_close(&server);
}

static void test_clients_with_and_without_a_key(void **state) {
    (void)state;
    check_works(client_setup, "billing");
    check_works(anonymous_setup, NULL);
}

static void test_two_server_keys(void **state) {
    (void)state;
    gee_seal_setup_t *keyed = dialling(keys.old_server, "client.key"), *anonymous = dialling(keys.old_server, NULL);
    check_works(keyed, "billing");
    check_works(anonymous, NULL);
    seal->close(&keyed);
    seal->close(&anonymous);
}

/* However the bytes are cut. */
static void test_byte_by_byte(void **state) {
    (void)state;
    end_t client, server;
    end_open(&client, GEE_CALLING, client_setup);
    end_open(&server, GEE_SERVING, server_setup);
    while (client.down.length + server.down.length > 0) {
        end_t *from = client.down.length > 0 ? &client : &server, *to = from == &client ? &server : &client;
        size_t length = end_take(from);
        for (size_t i = 0; i < length; i++) {
            assert_int_equal(end_hear(to, wire + i, 1), 0);
            assert_true(i + 1 == length || to->down.length == 0);
        }
    }
    assert_true(end_is_open(&client) && end_is_open(&server));
    end_close(&client);
    end_close(&server);
}

/* The client may say something in the very pass in which it completes the handshake; nothing before. */
static void test_the_last_message_and_a_record_together(void **state) {
    (void)state;
    end_t client, server;
    end_open(&client, GEE_CALLING, client_setup);
    end_open(&server, GEE_SERVING, server_setup);
    assert_int_equal(client.down.length, 8 + 2 + 48);
    assert_int_equal(pass(&client, &server), 0);
    assert_int_equal(server.down.length, 2 + 48);
    assert_int_equal(pass(&server, &client), 0);
    assert_int_equal(client.down.length, 2 + 64);
    end_say(&client, "at once", 7);
    assert_int_equal(pass(&client, &server), 0);
    assert_int_equal(gee_inbox_length(&server.up), 7);
    end_close(&client);
    end_close(&server);
}

/* ---- who does not ---- */

/* A server that refused: it says nothing, lets nothing through, and goes on refusing. */
static void expect_refused(end_t *server, const char *reason) {
    assert_int_equal(server->down.length, 0);
    assert_int_equal(gee_inbox_length(&server->up), 0);
    assert_false(end_is_open(server));
    if (strstr(server->error.text, reason) == NULL)
        fail_msg("\"%s\" is not in \"%s\"", reason, server->error.text);
    assert_int_equal(end_hear(server, "x", 1), -1);
}

static void check_preamble_refused(size_t at, uint8_t value, const char *reason) {
    end_t server;
    raw_t raw;
    uint8_t frame[128];
    raw_client(&raw, keys.server, "client.key");
    raw.preamble[at] = value;
    end_open(&server, GEE_SERVING, server_setup);
    memcpy(wire, raw.preamble, 8);
    memcpy(wire + 8, frame, raw_write(&raw, frame));
    assert_int_equal(end_hear(&server, wire, 58), -1);
    expect_refused(&server, reason);
    end_close(&server);
}

static void test_wrong_preambles(void **state) {
    (void)state;
    check_preamble_refused(1, 'g', "not the first bytes");
    check_preamble_refused(4, 0, "version 0");
    check_preamble_refused(4, 2, "version 2");
    check_preamble_refused(5, 0, "unknown pattern 0");
    check_preamble_refused(5, 3, "unknown pattern 3");
    check_preamble_refused(6, 1, "unknown flags 0100");
    check_preamble_refused(7, 0x80, "unknown flags 0080");
    check_preamble_refused(5, 2, "not genuine"); /* what was said for XK, read as NK */
}

static void test_what_a_listener_does_not_offer(void **state) {
    (void)state;
    gee_error_t error;
    end_t server, client;
    gee_seal_setup_t *strict = listening(false);
    end_open(&server, GEE_SERVING, strict);
    end_open(&client, GEE_CALLING, anonymous_setup);
    assert_int_equal(pass(&client, &server), -1);
    expect_refused(&server, "seal.anonymous");
    end_close(&server);
    end_close(&client);
    seal->close(&strict);
    gee_seal_listen_t options = { .key = key_path("server.key"), .anonymous = true };
    gee_seal_setup_t *open = seal->listen(&options, &error);
    assert_non_null(open);
    end_open(&server, GEE_SERVING, open);
    end_open(&client, GEE_CALLING, client_setup);
    assert_int_equal(pass(&client, &server), -1);
    expect_refused(&server, "seal.clients");
    end_close(&server);
    end_close(&client);
    seal->close(&open);
}

static void test_another_server(void **state) {
    (void)state;
    end_t server, client;
    gee_seal_setup_t *misled[] = { dialling(keys.stranger, "client.key"), dialling(keys.stranger, NULL) };
    for (size_t i = 0; i < 2; i++) {
        end_open(&server, GEE_SERVING, server_setup);
        end_open(&client, GEE_CALLING, misled[i]);
        assert_int_equal(pass(&client, &server), -1);
        expect_refused(&server, "means another server's key");
        assert_int_equal(end_sees_eof(&client), -1);
        assert_int_equal(client.error.code, GEE_UNAUTHENTICATED);
        end_close(&server);
        end_close(&client);
        seal->close(&misled[i]);
    }
}

static void test_an_unlisted_key(void **state) {
    (void)state;
    end_t server, client;
    gee_seal_setup_t *stranger = dialling(keys.server, "stranger.key");
    end_open(&server, GEE_SERVING, server_setup);
    end_open(&client, GEE_CALLING, stranger);
    assert_int_equal(shake_hands(&client, &server), -1);
    expect_refused(&server, "not in the list");
    assert_int_equal(end_sees_eof(&client), -1);
    assert_non_null(strstr(client.error.text, "our key may not be in its list"));
    end_close(&server);
    end_close(&client);
    seal->close(&stranger);
}

/* With NK the server's message says that the client is in: what ends behind it was cut off. */
static void test_an_anonymous_client_is_not_told_of_lists(void **state) {
    (void)state;
    end_t client, server;
    end_open(&client, GEE_CALLING, anonymous_setup);
    end_open(&server, GEE_SERVING, server_setup);
    assert_int_equal(shake_hands(&client, &server), 0);
    assert_int_equal(end_sees_eof(&client), -1);
    assert_int_equal(client.error.code, GEE_DATA_LOSS);
    assert_non_null(strstr(client.error.text, "truncated"));
    end_close(&client);
    end_close(&server);
}

/* ---- tampering ---- */

/* Runs a handshake in which bit `bit` of the nth message on the wire is another; false when there is no such bit. */
static bool flip(gee_seal_setup_t *setup, size_t message, size_t bit) {
    end_t client, server;
    bool flipped = false;
    int result = 0;
    end_open(&client, GEE_CALLING, setup);
    end_open(&server, GEE_SERVING, server_setup);
    for (size_t n = 0; result == 0 && client.down.length + server.down.length > 0; n++) {
        end_t *from = n % 2 == 0 ? &client : &server, *to = n % 2 == 0 ? &server : &client;
        size_t length = end_take(from);
        if (n == message && bit < 8 * length) {
            wire[bit / 8] ^= (uint8_t)(1u << bit % 8);
            flipped = true;
        }
        result = end_hear(to, wire, length);
        if (n == message && flipped) {
            assert_int_equal(result, -1);
            assert_false(end_is_open(to));
            assert_int_equal(to->down.length, 0);
            assert_int_equal(gee_inbox_length(&to->up), 0);
        }
    }
    end_close(&client);
    end_close(&server);
    return flipped;
}

static void test_every_bit_of_the_handshake(void **state) {
    (void)state;
    static const size_t keyed[] = { 58, 50, 66 }, anonymous[] = { 58, 50 };
    for (size_t message = 0; message < 3; message++) {
        size_t bits = 0;
        while (flip(client_setup, message, bits))
            bits++;
        assert_int_equal(bits, 8 * keyed[message]);
    }
    for (size_t message = 0; message < 2; message++) {
        size_t bits = 0;
        while (flip(anonymous_setup, message, bits))
            bits++;
        assert_int_equal(bits, 8 * anonymous[message]);
    }
}

/* Cut off behind each byte: with a stall nothing happens, at the end of the stream it is refused. */
static void test_truncated_at_every_byte(void **state) {
    (void)state;
    end_t client, server;
    raw_t raw;
    uint8_t all[8 + 50 + 66];
    for (size_t cut = 0; cut < sizeof(all); cut++) {
        raw_client(&raw, keys.server, "client.key");
        end_open(&server, GEE_SERVING, server_setup);
        memcpy(all, raw.preamble, 8);
        raw_write(&raw, all + 8);
        assert_int_equal(end_hear(&server, all, cut < 58 ? cut : 58), 0);
        if (cut >= 58) {
            size_t length = end_take(&server);
            assert_int_equal(raw_read(&raw, wire, length), 0);
            raw_write(&raw, all + 58);
            assert_int_equal(end_hear(&server, all + 58, cut - 58), 0);
        }
        assert_false(end_is_open(&server));
        assert_int_equal(server.down.length, 0);
        assert_int_equal(end_sees_eof(&server), -1);
        assert_int_equal(server.error.code, GEE_UNAUTHENTICATED);
        end_close(&server);
    }
    for (size_t cut = 0; cut < 50; cut++) {
        end_open(&client, GEE_CALLING, client_setup);
        end_open(&server, GEE_SERVING, server_setup);
        assert_int_equal(pass(&client, &server), 0);
        assert_int_equal(end_take(&server), 50);
        assert_int_equal(end_hear(&client, wire, cut), 0);
        assert_false(end_is_open(&client));
        assert_int_equal(client.down.length, 0);
        assert_int_equal(end_sees_eof(&client), -1);
        end_close(&client);
        end_close(&server);
    }
}

/* Points of low order (RFC 7748, section 6.1) in each place where a peer can put one. */
static void test_low_order_points(void **state) {
    (void)state;
    static const uint8_t zero[GEE_NOISE_KEY];
    end_t client, server;
    raw_t raw;
    uint8_t frame[128];
    end_open(&server, GEE_SERVING, server_setup); /* the client's ephemeral */
    raw_client(&raw, keys.server, "client.key");
    assert_int_equal(end_hear(&server, raw.preamble, 8), 0);
    size_t length = raw_write(&raw, frame);
    memcpy(frame + 2, zero, sizeof(zero));
    assert_int_equal(end_hear(&server, frame, length), -1);
    expect_refused(&server, "not genuine");
    end_close(&server);

    end_open(&server, GEE_SERVING, server_setup); /* the client's static key */
    raw_client(&raw, keys.server, "client.key");
    memcpy(raw.pair.public, zero, sizeof(zero));
    assert_int_equal(end_hear(&server, raw.preamble, 8), 0);
    assert_int_equal(end_hear(&server, frame, raw_write(&raw, frame)), 0);
    length = end_take(&server);
    assert_int_equal(raw_read(&raw, wire, length), 0);
    assert_int_equal(end_hear(&server, frame, raw_write(&raw, frame)), -1);
    expect_refused(&server, "not genuine");
    end_close(&server);

    end_open(&client, GEE_CALLING, client_setup); /* the server's ephemeral */
    memset(frame, 0, sizeof(frame));
    frame[1] = 48;
    assert_int_equal(end_hear(&client, frame, 50), -1);
    assert_false(end_is_open(&client));
    end_close(&client);
}

/* ---- other sessions ---- */

/* A replayed message 1 is read, and that is all: whoever replays it cannot read the answer, so cannot go on. */
static void test_message_1_replayed(void **state) {
    (void)state;
    end_t client, server, again;
    uint8_t first[58], third[66];
    end_open(&client, GEE_CALLING, client_setup);
    end_open(&server, GEE_SERVING, server_setup);
    assert_int_equal(end_take(&client), sizeof(first));
    memcpy(first, wire, sizeof(first));
    assert_int_equal(end_hear(&server, first, sizeof(first)), 0);
    assert_int_equal(pass(&server, &client), 0);
    assert_int_equal(end_take(&client), sizeof(third));
    memcpy(third, wire, sizeof(third));
    assert_int_equal(end_hear(&server, third, sizeof(third)), 0);
    assert_true(end_is_open(&server));

    end_open(&again, GEE_SERVING, server_setup);
    assert_int_equal(end_hear(&again, first, sizeof(first)), 0);
    assert_false(end_is_open(&again));
    assert_int_equal(end_take(&again), 50);
    assert_int_equal(end_hear(&again, third, sizeof(third)), -1);
    expect_refused(&again, "message 3");
    end_close(&again);
    end_close(&client);
    end_close(&server);
}

static void test_messages_of_another_session(void **state) {
    (void)state;
    end_t clients[2], servers[2];
    uint8_t second[50];
    for (size_t i = 0; i < 2; i++) {
        end_open(&clients[i], GEE_CALLING, client_setup);
        end_open(&servers[i], GEE_SERVING, server_setup);
        assert_int_equal(pass(&clients[i], &servers[i]), 0);
    }
    assert_int_equal(end_take(&servers[0]), sizeof(second));
    memcpy(second, wire, sizeof(second));
    assert_int_equal(end_hear(&clients[1], second, sizeof(second)), -1); /* the answer to another */
    assert_int_equal(end_hear(&clients[0], second, sizeof(second)), 0);
    assert_int_equal(end_take(&servers[1]), 50);
    assert_int_equal(pass(&clients[0], &servers[1]), -1); /* message 3 of another */
    expect_refused(&servers[1], "message 3");
    for (size_t i = 0; i < 2; i++) {
        end_close(&clients[i]);
        end_close(&servers[i]);
    }
}

static void test_a_setup_belongs_to_one_role(void **state) {
    (void)state;
    end_t end;
    end_open(&end, GEE_SERVING, server_setup);
    end_close(&end);
    void *data = calloc(1, seal->layer->state_size);
    gee_error_t error;
    assert_int_equal(seal->layer->start(data, GEE_SERVING, client_setup, NULL, &error), -1);
    seal->layer->stop(data);
    memset(data, 0, seal->layer->state_size);
    assert_int_equal(seal->layer->start(data, GEE_SERVING, NULL, NULL, &error), -1);
    seal->layer->stop(data);
    free(data);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_clients_with_and_without_a_key),
        cmocka_unit_test(test_two_server_keys),
        cmocka_unit_test(test_byte_by_byte),
        cmocka_unit_test(test_the_last_message_and_a_record_together),
        cmocka_unit_test(test_wrong_preambles),
        cmocka_unit_test(test_what_a_listener_does_not_offer),
        cmocka_unit_test(test_another_server),
        cmocka_unit_test(test_an_unlisted_key),
        cmocka_unit_test(test_an_anonymous_client_is_not_told_of_lists),
        cmocka_unit_test(test_every_bit_of_the_handshake),
        cmocka_unit_test(test_truncated_at_every_byte),
        cmocka_unit_test(test_low_order_points),
        cmocka_unit_test(test_message_1_replayed),
        cmocka_unit_test(test_messages_of_another_session),
        cmocka_unit_test(test_a_setup_belongs_to_one_role),
    };
    return cmocka_run_group_tests(tests, open_all, close_all);
}
