/* seal_fixture.h: what the tests of the seal share: a directory with keys, setups of both ends, an end of a channel
 * that is driven by hand, and a peer that says whatever a test wants, over noise.h alone.
 *
 * Include it behind cmocka.h. */
#ifndef TESTS_SEAL_FIXTURE_H
#define TESTS_SEAL_FIXTURE_H

#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <gee.h>

#include "modules/seal_noise/noise.h"

/* ---- files ---- */

typedef struct keys {
    char directory[64];
    char server[GEE_KEY_TEXT], old_server[GEE_KEY_TEXT], client[GEE_KEY_TEXT], stranger[GEE_KEY_TEXT]; /* public */
} keys_t;

static keys_t keys;
static const gee_seal_t *seal;

GEE_UNUSED static const char *key_path(const char *name) {
    static char paths[4][128];
    static unsigned next;
    char *path = paths[next++ % GEE_LENGTH(paths)];
    snprintf(path, sizeof(paths[0]), "%s/%s", keys.directory, name);
    return path;
}

GEE_UNUSED static void write_file(const char *name, mode_t mode, const char *text) {
    const char *path = key_path(name);
    unlink(path);
    int descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL, mode);
    assert_true(descriptor >= 0);
    assert_int_equal(write(descriptor, text, strlen(text)), (ssize_t)strlen(text));
    assert_int_equal(fchmod(descriptor, mode), 0);
    close(descriptor);
}

GEE_UNUSED static int open_keys(void **state) {
    (void)state;
    gee_error_t error;
    char text[256];
    if (sodium_init() < 0)
        return -1;
    seal = gee_seal_find(gee_modules, &error);
    assert_non_null(seal);
    snprintf(keys.directory, sizeof(keys.directory), "/tmp/seal-XXXXXX");
    assert_non_null(mkdtemp(keys.directory));
    assert_int_equal(seal->make_key(key_path("server.key"), keys.server, &error), 0);
    assert_int_equal(seal->make_key(key_path("old.key"), keys.old_server, &error), 0);
    assert_int_equal(seal->make_key(key_path("client.key"), keys.client, &error), 0);
    assert_int_equal(seal->make_key(key_path("stranger.key"), keys.stranger, &error), 0);
    snprintf(text, sizeof(text), "# who may call\n\n%s  billing\tservices=Arith,Foo.Sum # both\n", keys.client);
    write_file("clients", 0644, text);
    return 0;
}

GEE_UNUSED static int close_keys(void **state) {
    (void)state;
    static const char *const names[] = { "server.key", "old.key", "client.key", "stranger.key", "clients", "other" };
    for (size_t i = 0; i < GEE_LENGTH(names); i++)
        unlink(key_path(names[i]));
    return rmdir(keys.directory);
}

GEE_UNUSED static gee_seal_setup_t *listening(bool anonymous) {
    gee_error_t error;
    gee_seal_listen_t options = { .key = key_path("server.key"),
                                  .old_key = key_path("old.key"),
                                  .clients = key_path("clients"),
                                  .anonymous = anonymous };
    gee_seal_setup_t *setup = seal->listen(&options, &error);
    if (setup == NULL)
        fail_msg("%s", error.text);
    return setup;
}

/* `key`: the name of a file; null: anonymous. */
GEE_UNUSED static gee_seal_setup_t *dialling(const char *server_key, const char *key) {
    gee_error_t error;
    gee_seal_dial_t options = { .server_key = server_key, .key = key ? key_path(key) : NULL };
    gee_seal_setup_t *setup = seal->dial(&options, &error);
    if (setup == NULL)
        fail_msg("%s", error.text);
    return setup;
}

/* ---- an end of a channel, without a stream ---- */

#define WIRE_MOST (4u * 1024 * 1024)

typedef struct end {
    void *state;
    gee_inbox_t wire, up;
    gee_chain_t above, down;
    gee_error_t error; /* of what failed last */
} end_t;

static gee_buf_cache_t *buffers;
static uint8_t wire[WIRE_MOST];

GEE_UNUSED static int open_buffers(void **state) {
    (void)state;
    buffers = gee_buf_cache_create(GEE_MIB);
    return buffers ? 0 : -1;
}
GEE_UNUSED static int close_buffers(void **state) {
    (void)state;
    assert_int_equal(gee_buf_cache_live(buffers), 0);
    gee_buf_cache_destroy(&buffers);
    return 0;
}

GEE_UNUSED static void end_open(end_t *end, gee_role_t role, gee_seal_setup_t *setup) {
    memset(end, 0, sizeof(*end));
    gee_inbox_init(&end->wire, buffers);
    gee_inbox_init(&end->up, buffers);
    gee_chain_init(&end->above, buffers);
    gee_chain_init(&end->down, buffers);
    end->state = calloc(1, seal->layer->state_size);
    assert_non_null(end->state);
    assert_int_equal(seal->layer->start(end->state, role, setup, &end->down, &end->error), 0);
}
GEE_UNUSED static void end_close(end_t *end) {
    seal->layer->stop(end->state);
    free(end->state);
    gee_inbox_clear(&end->wire);
    gee_inbox_clear(&end->up);
    gee_chain_clear(&end->above);
    gee_chain_clear(&end->down);
}
/* The channel's bytes for the wire, in `wire`; their length. */
GEE_UNUSED static size_t end_take(end_t *end) {
    size_t length = gee_chain_copy(&end->down, wire, sizeof(wire));
    assert_int_equal(length, end->down.length);
    gee_chain_clear(&end->down);
    return length;
}
GEE_UNUSED static int end_hear(end_t *end, const void *bytes, size_t length) {
    assert_int_equal(gee_inbox_append(&end->wire, bytes, length), 0);
    return seal->layer->receive(end->state, &end->wire, &end->up, &end->down, &end->error);
}
GEE_UNUSED static void end_say(end_t *end, const void *bytes, size_t length) {
    assert_int_equal(gee_chain_append(&end->above, bytes, length), 0);
    assert_int_equal(seal->layer->send(end->state, &end->above, &end->down, &end->error), 0);
}
GEE_UNUSED static bool end_is_open(const end_t *end) {
    return seal->layer->established(end->state);
}
GEE_UNUSED static int end_sees_eof(end_t *end) {
    return seal->layer->ended(end->state, &end->error);
}

/* ---- a peer that says what a test wants ---- */

typedef struct raw {
    gee_noise_handshake_t handshake;
    gee_noise_pair_t pair;
    gee_noise_cipher_t sending, receiving;
    uint8_t preamble[8];
    uint8_t server_key[GEE_NOISE_KEY];
} raw_t;

GEE_UNUSED static void key_of_text(const char *text, uint8_t key[GEE_NOISE_KEY]) {
    assert_int_equal(gee_base64_decode(key, gee_str(text + 8)), GEE_NOISE_KEY);
}
GEE_UNUSED static void pair_of_file(const char *name, gee_noise_pair_t *pair) {
    char text[128] = { 0 };
    uint8_t bytes[GEE_BASE64_DECODED(44)];
    int descriptor = open(key_path(name), O_RDONLY);
    assert_true(read(descriptor, text, sizeof(text) - 1) > 0);
    close(descriptor);
    assert_int_equal(gee_base64_decode(bytes, (gee_str_t){ text + 8, 44 }), GEE_NOISE_KEY);
    memcpy(pair->secret, bytes, GEE_NOISE_KEY);
    crypto_scalarmult_base(pair->public, pair->secret);
}

/* A client: `key` null for NK. */
GEE_UNUSED static void raw_client(raw_t *raw, const char *server_key, const char *key) {
    static const uint8_t preamble[8] = { 0xC1, 'G', 'E', 'E', 1, 1, 0, 0 };
    uint8_t prologue[14 + 8];
    memset(raw, 0, sizeof(*raw));
    memcpy(raw->preamble, preamble, sizeof(preamble));
    if (key == NULL)
        raw->preamble[5] = 2;
    memcpy(prologue, "geerpc-seal-v1", 14);
    memcpy(prologue + 14, raw->preamble, 8);
    key_of_text(server_key, raw->server_key);
    if (key != NULL)
        pair_of_file(key, &raw->pair);
    gee_noise_begin(&raw->handshake, key ? &gee_noise_xk : &gee_noise_nk, true, prologue, sizeof(prologue),
                    key ? &raw->pair : NULL, raw->server_key);
}
/* The next message with its length in front; the length of both. */
GEE_UNUSED static size_t raw_write(raw_t *raw, uint8_t *frame) {
    size_t length = gee_noise_message_length(raw->handshake.pattern, raw->handshake.step);
    assert_int_equal(gee_noise_write(&raw->handshake, NULL, 0, frame + 2), 0);
    frame[0] = (uint8_t)(length >> 8);
    frame[1] = (uint8_t)length;
    return 2 + length;
}
GEE_UNUSED static int raw_read(raw_t *raw, const uint8_t *frame, size_t length) {
    uint8_t nothing[1];
    return length < 2 ? -1 : gee_noise_read(&raw->handshake, frame + 2, length - 2, nothing);
}
GEE_UNUSED static void raw_split(raw_t *raw) {
    assert_true(gee_noise_complete(&raw->handshake));
    gee_noise_split(&raw->handshake, &raw->sending, &raw->receiving);
}
/* A record; its length on the wire. Never changes the key. */
GEE_UNUSED static size_t raw_record(raw_t *raw, const void *plain, size_t length, uint8_t *frame) {
    assert_int_equal(gee_noise_encrypt(&raw->sending, NULL, 0, plain, length, frame + 2), 0);
    frame[0] = (uint8_t)((length + GEE_NOISE_TAG) >> 8);
    frame[1] = (uint8_t)(length + GEE_NOISE_TAG);
    return 2 + length + GEE_NOISE_TAG;
}
/* The whole handshake with a serving end. */
GEE_UNUSED static void raw_shake_hands(raw_t *raw, end_t *end) {
    uint8_t frame[128];
    assert_int_equal(end_hear(end, raw->preamble, 8), 0);
    assert_int_equal(end_hear(end, frame, raw_write(raw, frame)), 0);
    size_t length = end_take(end);
    assert_int_equal(raw_read(raw, wire, length), 0);
    if (!gee_noise_complete(&raw->handshake))
        assert_int_equal(end_hear(end, frame, raw_write(raw, frame)), 0);
    raw_split(raw);
    assert_true(end_is_open(end));
}

#endif
