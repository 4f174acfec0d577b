/* symmetric.c: Noise's SymmetricState: the chaining key and the transcript hash, with HKDF over HMAC-BLAKE2b. */
#include "noise.h"

#include <sodium.h>
#include <string.h>

#define BLOCK 128u /* block size of BLAKE2b, to which HMAC pads its key */

typedef crypto_generichash_state hash_state_t;

static void hash_start(hash_state_t *state) {
    (void)crypto_generichash_init(state, NULL, 0, GEE_NOISE_HASH);
}
static void hash_add(hash_state_t *state, const void *bytes, size_t length) {
    if (length > 0)
        (void)crypto_generichash_update(state, bytes, length);
}
static void hash_end(hash_state_t *state, uint8_t hash[GEE_NOISE_HASH]) {
    (void)crypto_generichash_final(state, hash, GEE_NOISE_HASH);
}

/* ---- HMAC (RFC 2104), HKDF ---- */

/* HMAC is written out, as the keyed mode of BLAKE2b is another function. */
void gee_noise_hmac(const uint8_t key[GEE_NOISE_HASH], const void *first, size_t first_length, const void *second,
                    size_t second_length, uint8_t mac[GEE_NOISE_HASH]) {
    hash_state_t state;
    uint8_t pad[BLOCK];
    memset(pad, 0x36, sizeof(pad));
    for (size_t i = 0; i < GEE_NOISE_HASH; i++)
        pad[i] ^= key[i];
    hash_start(&state);
    hash_add(&state, pad, sizeof(pad));
    hash_add(&state, first, first_length);
    hash_add(&state, second, second_length);
    hash_end(&state, mac);
    for (size_t i = 0; i < sizeof(pad); i++)
        pad[i] ^= 0x36 ^ 0x5c;
    hash_start(&state);
    hash_add(&state, pad, sizeof(pad));
    hash_add(&state, mac, GEE_NOISE_HASH);
    hash_end(&state, mac);
    sodium_memzero(&state, sizeof(state));
    sodium_memzero(pad, sizeof(pad));
}

/* HKDF with two outputs. */
static void derive(const uint8_t chaining_key[GEE_NOISE_HASH], const uint8_t *secret, size_t length,
                   uint8_t first[GEE_NOISE_HASH], uint8_t second[GEE_NOISE_HASH]) {
    static const uint8_t one = 1, two = 2;
    uint8_t key[GEE_NOISE_HASH];
    gee_noise_hmac(chaining_key, secret, length, NULL, 0, key);
    gee_noise_hmac(key, &one, 1, NULL, 0, first);
    gee_noise_hmac(key, first, GEE_NOISE_HASH, &two, 1, second);
    sodium_memzero(key, sizeof(key));
}

/* ---- the state ---- */

void gee_noise_symmetric_start(gee_noise_symmetric_t *symmetric, const char *protocol_name) {
    size_t length = strlen(protocol_name);
    memset(symmetric, 0, sizeof(*symmetric));
    if (length <= GEE_NOISE_HASH)
        memcpy(symmetric->hash, protocol_name, length);
    else
        (void)crypto_generichash(symmetric->hash, GEE_NOISE_HASH, (const uint8_t *)protocol_name, length, NULL, 0);
    memcpy(symmetric->chaining_key, symmetric->hash, GEE_NOISE_HASH);
}

void gee_noise_mix_key(gee_noise_symmetric_t *symmetric, const uint8_t secret[GEE_NOISE_KEY]) {
    uint8_t next[GEE_NOISE_HASH], key[GEE_NOISE_HASH];
    derive(symmetric->chaining_key, secret, GEE_NOISE_KEY, next, key);
    memcpy(symmetric->chaining_key, next, GEE_NOISE_HASH);
    gee_noise_cipher_start(&symmetric->cipher, key); /* the first 32 bytes of the hash */
    sodium_memzero(next, sizeof(next));
    sodium_memzero(key, sizeof(key));
}

void gee_noise_mix_hash(gee_noise_symmetric_t *symmetric, const void *bytes, size_t length) {
    hash_state_t state;
    hash_start(&state);
    hash_add(&state, symmetric->hash, GEE_NOISE_HASH);
    hash_add(&state, bytes, length);
    hash_end(&state, symmetric->hash);
}

static size_t sealed_length(const gee_noise_symmetric_t *symmetric, size_t length) {
    return length + (symmetric->cipher.keyed ? GEE_NOISE_TAG : 0);
}

int gee_noise_encrypt_and_hash(gee_noise_symmetric_t *symmetric, const uint8_t *plain, size_t length, uint8_t *target) {
    if (gee_noise_encrypt(&symmetric->cipher, symmetric->hash, GEE_NOISE_HASH, plain, length, target) != 0)
        return -1;
    gee_noise_mix_hash(symmetric, target, sealed_length(symmetric, length));
    return 0;
}

int gee_noise_decrypt_and_hash(gee_noise_symmetric_t *symmetric, const uint8_t *sealed, size_t length,
                               uint8_t *target) {
    if (gee_noise_decrypt(&symmetric->cipher, symmetric->hash, GEE_NOISE_HASH, sealed, length, target) != 0)
        return -1;
    gee_noise_mix_hash(symmetric, sealed, length);
    return 0;
}

void gee_noise_symmetric_split(const gee_noise_symmetric_t *symmetric, gee_noise_cipher_t *first,
                               gee_noise_cipher_t *second) {
    uint8_t one[GEE_NOISE_HASH], two[GEE_NOISE_HASH];
    derive(symmetric->chaining_key, NULL, 0, one, two);
    gee_noise_cipher_start(first, one);
    gee_noise_cipher_start(second, two);
    sodium_memzero(one, sizeof(one));
    sodium_memzero(two, sizeof(two));
}
