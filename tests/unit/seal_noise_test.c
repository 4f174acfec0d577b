/* seal_noise_test: the Noise machine against the published vectors, REKEY, and what it must refuse.
 *
 * The vectors are those of the Debian package golang-github-flynn-noise-dev, read from where it installs them: lines
 * NAME=HEX, a handshake= line begins a vector. GEERPC_NOISE_VECTORS names another file. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <gee.h>

#include "modules/seal_noise/noise.h"

#define VECTORS       "/usr/share/gocode/src/github.com/flynn/noise/vectors.txt"
#define MOST_BYTES    256
#define MOST_MESSAGES 10

static int setup_sodium(void **state) {
    (void)state;
    return sodium_init() < 0 ? -1 : 0;
}

static size_t from_hex(const char *hex, uint8_t *bytes, size_t capacity) {
    size_t length = 0;
    assert_int_equal(sodium_hex2bin(bytes, capacity, hex, strlen(hex), NULL, &length, NULL), 0);
    return length;
}

/* ---- the vectors ---- */

typedef struct text {
    size_t length;
    uint8_t bytes[MOST_BYTES];
} text_t;

typedef struct vector {
    char name[80];
    text_t prologue, init_static, resp_static, init_ephemeral, resp_ephemeral;
    text_t payloads[MOST_MESSAGES], ciphertexts[MOST_MESSAGES];
    size_t messages;
} vector_t;

static void take_line(vector_t *vector, const char *name, const char *value) {
    unsigned n;
    char what[16];
    text_t *text = NULL;
    if (strcmp(name, "prologue") == 0)
        text = &vector->prologue;
    else if (strcmp(name, "init_static") == 0)
        text = &vector->init_static;
    else if (strcmp(name, "resp_static") == 0)
        text = &vector->resp_static;
    else if (strcmp(name, "gen_init_ephemeral") == 0)
        text = &vector->init_ephemeral;
    else if (strcmp(name, "gen_resp_ephemeral") == 0)
        text = &vector->resp_ephemeral;
    else if (sscanf(name, "msg_%u_%15s", &n, what) == 2 && n < MOST_MESSAGES)
        text = strcmp(what, "payload") == 0 ? &vector->payloads[n] : &vector->ciphertexts[vector->messages++];
    if (text != NULL)
        text->length = from_hex(value, text->bytes, sizeof(text->bytes));
}

static const gee_noise_pair_t *make_pair(gee_noise_pair_t *pair, const text_t *secret) {
    if (secret->length == 0)
        return NULL;
    assert_int_equal(secret->length, GEE_NOISE_KEY);
    memcpy(pair->secret, secret->bytes, GEE_NOISE_KEY);
    assert_int_equal(crypto_scalarmult_base(pair->public, pair->secret), 0);
    return pair;
}

typedef struct side {
    gee_noise_handshake_t handshake;
    gee_noise_pair_t pair;
    gee_noise_cipher_t sending, receiving;
} side_t;

static void check_handshake_message(const vector_t *vector, side_t *from, side_t *to, size_t n) {
    const text_t *payload = &vector->payloads[n], *expected = &vector->ciphertexts[n];
    uint8_t message[2 * MOST_BYTES], received[2 * MOST_BYTES];
    size_t length = gee_noise_message_length(from->handshake.pattern, n) + payload->length;
    assert_int_equal(gee_noise_write(&from->handshake, payload->bytes, payload->length, message), 0);
    assert_int_equal(length, expected->length);
    assert_memory_equal(message, expected->bytes, length);
    assert_int_equal(gee_noise_read(&to->handshake, message, length, received), 0);
    assert_memory_equal(received, payload->bytes, payload->length);
    if (!gee_noise_complete(&from->handshake))
        return;
    assert_true(gee_noise_complete(&to->handshake));
    gee_noise_split(&from->handshake, &from->sending, &from->receiving);
    gee_noise_split(&to->handshake, &to->sending, &to->receiving);
}

static void check_transport_message(const vector_t *vector, side_t *from, side_t *to, size_t n) {
    const text_t *payload = &vector->payloads[n], *expected = &vector->ciphertexts[n];
    uint8_t message[2 * MOST_BYTES], received[2 * MOST_BYTES];
    size_t length = payload->length + GEE_NOISE_TAG;
    assert_int_equal(gee_noise_encrypt(&from->sending, NULL, 0, payload->bytes, payload->length, message), 0);
    assert_int_equal(length, expected->length);
    assert_memory_equal(message, expected->bytes, length);
    assert_int_equal(gee_noise_decrypt(&to->receiving, NULL, 0, message, length, received), 0);
    assert_memory_equal(received, payload->bytes, payload->length);
}

static void check_vector(const vector_t *vector, const gee_noise_pattern_t *pattern) {
    side_t sides[2] = { 0 };
    const gee_noise_pair_t *init = make_pair(&sides[0].pair, &vector->init_static);
    const gee_noise_pair_t *resp = make_pair(&sides[1].pair, &vector->resp_static);
    gee_noise_begin(&sides[0].handshake, pattern, true, vector->prologue.bytes, vector->prologue.length, init,
                    pattern->responder_static_is_known ? resp->public : NULL);
    gee_noise_begin(&sides[1].handshake, pattern, false, vector->prologue.bytes, vector->prologue.length, resp, NULL);
    memcpy(sides[0].handshake.ephemeral.secret, vector->init_ephemeral.bytes, GEE_NOISE_KEY);
    memcpy(sides[1].handshake.ephemeral.secret, vector->resp_ephemeral.bytes, GEE_NOISE_KEY);
    sides[0].handshake.has_ephemeral = sides[1].handshake.has_ephemeral = true;
    assert_true(vector->messages > pattern->messages);
    for (size_t n = 0; n < vector->messages; n++) {
        bool shaking = n < pattern->messages;
        /* Behind the handshake the initiator begins again, whoever wrote its last message. */
        size_t turn = (shaking ? n : n - pattern->messages) % 2;
        side_t *from = &sides[turn], *to = &sides[1 - turn];
        if (shaking)
            check_handshake_message(vector, from, to, n);
        else
            check_transport_message(vector, from, to, n);
    }
    if (pattern->initiator_has_static)
        assert_memory_equal(sides[1].handshake.peer_static, init->public, GEE_NOISE_KEY);
    assert_memory_equal(sides[0].handshake.peer_static, resp->public, GEE_NOISE_KEY);
}

static const gee_noise_pattern_t *const patterns[] = { &gee_noise_nk, &gee_noise_xk, &gee_noise_ik, &gee_noise_xx };
static size_t checked[GEE_LENGTH(patterns)];

static void finish_vector(vector_t *vector) {
    for (size_t i = 0; i < GEE_LENGTH(patterns); i++)
        if (strcmp(vector->name, patterns[i]->protocol) == 0) {
            check_vector(vector, patterns[i]);
            checked[i]++;
        }
    memset(vector, 0, sizeof(*vector));
}

static void test_every_published_vector(void **state) {
    (void)state;
    static vector_t vector;
    const char *path = getenv("GEERPC_NOISE_VECTORS");
    char line[1024];
    FILE *file = fopen(path ? path : VECTORS, "r");
    if (file == NULL)
        fail_msg("%s: it is in the Debian package golang-github-flynn-noise-dev: ./configure --install-deps",
                 path ? path : VECTORS);
    memset(checked, 0, sizeof(checked));
    while (fgets(line, sizeof(line), file) != NULL) {
        char *equals = strchr(line, '=');
        line[strcspn(line, "\r\n")] = '\0';
        if (equals == NULL || line[0] == '#')
            continue;
        *equals = '\0';
        if (strcmp(line, "handshake") != 0) {
            take_line(&vector, line, equals + 1);
            continue;
        }
        finish_vector(&vector);
        snprintf(vector.name, sizeof(vector.name), "%s", equals + 1);
    }
    finish_vector(&vector);
    fclose(file);
    for (size_t i = 0; i < GEE_LENGTH(patterns); i++) {
        print_message("%s: %zu vectors\n", patterns[i]->name, checked[i]);
        assert_true(checked[i] >= 3); /* with and without payloads and prologue */
    }
}

/* ---- the cipher ---- */

static void test_rekey(void **state) {
    (void)state;
    gee_noise_cipher_t cipher;
    uint8_t key[GEE_NOISE_KEY], expected[GEE_NOISE_KEY];
    for (size_t i = 0; i < sizeof(key); i++)
        key[i] = (uint8_t)i;
    from_hex("50835543a205b22c9323f2022bc4f67d838f90e61d5ccf33c4513e01f85b5042", expected, sizeof(expected));
    gee_noise_cipher_start(&cipher, key);
    cipher.nonce = 77;
    gee_noise_rekey(&cipher);
    assert_memory_equal(cipher.key, expected, sizeof(expected));
    assert_int_equal(cipher.nonce, 77);
}

static void test_the_last_nonce_is_refused(void **state) {
    (void)state;
    gee_noise_cipher_t sending, receiving;
    uint8_t key[GEE_NOISE_KEY] = { 1 }, sealed[GEE_NOISE_TAG + 1], plain[1] = { 7 };
    gee_noise_cipher_start(&sending, key);
    sending.nonce = UINT64_MAX - 1;
    receiving = sending;
    assert_int_equal(gee_noise_encrypt(&sending, NULL, 0, plain, 1, sealed), 0);
    assert_int_equal(gee_noise_decrypt(&receiving, NULL, 0, sealed, sizeof(sealed), plain), 0);
    assert_int_equal(gee_noise_encrypt(&sending, NULL, 0, plain, 1, sealed), -1);
    assert_int_equal(gee_noise_decrypt(&receiving, NULL, 0, sealed, sizeof(sealed), plain), -1);
}

static void test_nothing_of_a_forged_text_is_released(void **state) {
    (void)state;
    gee_noise_cipher_t cipher;
    uint8_t key[GEE_NOISE_KEY] = { 1 }, sealed[GEE_NOISE_TAG + 4], plain[4], again[4];
    gee_noise_cipher_start(&cipher, key);
    assert_int_equal(gee_noise_encrypt(&cipher, NULL, 0, (const uint8_t *)"text", 4, sealed), 0);
    for (size_t bit = 0; bit < 8 * sizeof(sealed); bit++) {
        cipher.nonce = 0;
        memset(plain, 0, sizeof(plain));
        sealed[bit / 8] ^= (uint8_t)(1u << bit % 8);
        assert_int_equal(gee_noise_decrypt(&cipher, NULL, 0, sealed, sizeof(sealed), plain), -1);
        assert_int_equal(cipher.nonce, 0); /* not used up */
        assert_true(sodium_is_zero(plain, sizeof(plain)));
        sealed[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    assert_int_equal(gee_noise_decrypt(&cipher, NULL, 0, sealed, GEE_NOISE_TAG - 1, plain), -1);
    assert_int_equal(gee_noise_decrypt(&cipher, NULL, 0, sealed, sizeof(sealed), again), 0);
    assert_memory_equal(again, "text", 4);
}

/* RFC 2104's construction, checked against what Python's hmac gives for BLAKE2b: hmac.digest(64 * b"k", b"ab",
 * "blake2b"). */
static void test_hmac(void **state) {
    (void)state;
    uint8_t key[GEE_NOISE_HASH], mac[GEE_NOISE_HASH], expected[GEE_NOISE_HASH];
    memset(key, 'k', sizeof(key));
    from_hex("3d1f1339129f2ebfb14e2cf652b6a38c320131ab6b91804305acf4ac9f83f1aed86d633b66d53eb2f43b0b1108d708bf0b695bf93"
             "971bd043b400931cbd82b00",
             expected, sizeof(expected));
    gee_noise_hmac(key, "a", 1, "b", 1, mac);
    assert_memory_equal(mac, expected, sizeof(expected));
}

/* ---- the handshake ---- */

/* The public points whose product with any secret is all zero: 0, 1, and two of order 8 (RFC 7748, section 6.1). */
static const char *const low_order[] = {
    "0000000000000000000000000000000000000000000000000000000000000000",
    "0100000000000000000000000000000000000000000000000000000000000000",
    "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
    "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
};

static void test_low_order_points_are_refused(void **state) {
    (void)state;
    gee_noise_pair_t pair;
    gee_noise_handshake_t handshake;
    uint8_t point[GEE_NOISE_KEY], message[128] = { 0 }, nothing[1];
    randombytes_buf(pair.secret, sizeof(pair.secret));
    crypto_scalarmult_base(pair.public, pair.secret);
    for (size_t i = 0; i < GEE_LENGTH(low_order); i++) {
        from_hex(low_order[i], point, sizeof(point));
        gee_noise_begin(&handshake, &gee_noise_xk, false, "", 0, &pair, NULL); /* as the ephemeral of a client */
        memcpy(message, point, sizeof(point));
        assert_int_equal(gee_noise_read(&handshake, message, 48, nothing), -1);
        gee_noise_begin(&handshake, &gee_noise_xk, true, "", 0, &pair, point); /* as the key of a server */
        assert_int_equal(gee_noise_write(&handshake, NULL, 0, message), -1);
    }
}

static void test_message_lengths(void **state) {
    (void)state;
    assert_int_equal(gee_noise_message_length(&gee_noise_xk, 0), 48);
    assert_int_equal(gee_noise_message_length(&gee_noise_xk, 1), 48);
    assert_int_equal(gee_noise_message_length(&gee_noise_xk, 2), 64);
    assert_int_equal(gee_noise_message_length(&gee_noise_nk, 0), 48);
    assert_int_equal(gee_noise_message_length(&gee_noise_nk, 1), 48);
    assert_int_equal(gee_noise_message_length(&gee_noise_xx, 0), 32);
    assert_int_equal(gee_noise_message_length(&gee_noise_ik, 0), 96);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_published_vector),
        cmocka_unit_test(test_rekey),
        cmocka_unit_test(test_the_last_nonce_is_refused),
        cmocka_unit_test(test_nothing_of_a_forged_text_is_released),
        cmocka_unit_test(test_hmac),
        cmocka_unit_test(test_low_order_points_are_refused),
        cmocka_unit_test(test_message_lengths),
    };
    return cmocka_run_group_tests(tests, setup_sodium, NULL);
}
