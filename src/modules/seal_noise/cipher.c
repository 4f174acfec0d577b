/* cipher.c: Noise's CipherState: ChaCha20-Poly1305 with a nonce that counts, and REKEY. */
#include "noise.h"

#include <sodium.h>
#include <string.h>

_Static_assert(GEE_NOISE_KEY == crypto_aead_chacha20poly1305_ietf_KEYBYTES, "the AEAD's key");
_Static_assert(GEE_NOISE_TAG == crypto_aead_chacha20poly1305_ietf_ABYTES, "the AEAD's tag");

#define NONCE_BYTES    crypto_aead_chacha20poly1305_ietf_NPUBBYTES
#define RESERVED_NONCE UINT64_MAX /* only for REKEY */

/* Four zero bytes, then the counter with its lowest byte first. */
static void write_nonce(uint8_t bytes[NONCE_BYTES], uint64_t nonce) {
    memset(bytes, 0, 4);
    for (unsigned i = 0; i < 8; i++)
        bytes[4 + i] = (uint8_t)(nonce >> (8 * i));
}

void gee_noise_cipher_start(gee_noise_cipher_t *cipher, const uint8_t key[GEE_NOISE_KEY]) {
    memcpy(cipher->key, key, GEE_NOISE_KEY);
    cipher->nonce = 0;
    cipher->keyed = true;
}

int gee_noise_encrypt(gee_noise_cipher_t *cipher, const void *bound, size_t bound_length, const uint8_t *plain,
                      size_t length, uint8_t *target) {
    uint8_t nonce[NONCE_BYTES];
    if (!cipher->keyed) {
        if (length > 0)
            memmove(target, plain, length);
        return 0;
    }
    if (cipher->nonce == RESERVED_NONCE)
        return -1;
    write_nonce(nonce, cipher->nonce);
    (void)crypto_aead_chacha20poly1305_ietf_encrypt_detached(target, target + length, NULL, plain, length, bound,
                                                             bound_length, NULL, nonce, cipher->key);
    cipher->nonce++;
    return 0;
}

int gee_noise_decrypt(gee_noise_cipher_t *cipher, const void *bound, size_t bound_length, const uint8_t *sealed,
                      size_t length, uint8_t *target) {
    uint8_t nonce[NONCE_BYTES];
    if (!cipher->keyed) {
        if (length > 0)
            memmove(target, sealed, length);
        return 0;
    }
    if (length < GEE_NOISE_TAG || cipher->nonce == RESERVED_NONCE)
        return -1;
    size_t plain = length - GEE_NOISE_TAG;
    write_nonce(nonce, cipher->nonce);
    if (crypto_aead_chacha20poly1305_ietf_decrypt_detached(target, NULL, sealed, plain, sealed + plain, bound,
                                                           bound_length, nonce, cipher->key) != 0)
        return -1;
    cipher->nonce++;
    return 0;
}

/* The new key: the first bytes of 32 zeros encrypted under the reserved nonce. */
void gee_noise_rekey(gee_noise_cipher_t *cipher) {
    uint8_t nonce[NONCE_BYTES], key[GEE_NOISE_KEY] = { 0 }, tag[GEE_NOISE_TAG];
    write_nonce(nonce, RESERVED_NONCE);
    (void)crypto_aead_chacha20poly1305_ietf_encrypt_detached(key, tag, NULL, key, sizeof(key), NULL, 0, NULL, nonce,
                                                             cipher->key);
    memcpy(cipher->key, key, sizeof(key));
    sodium_memzero(key, sizeof(key));
}
