/* handshake.c: Noise's HandshakeState: walks the tokens of a pattern, writing and reading in turn. */
#include "noise.h"

#include <gee/layer.h>

#include <sodium.h>
#include <string.h>

_Static_assert(GEE_NOISE_KEY == crypto_scalarmult_BYTES && GEE_NOISE_KEY == crypto_scalarmult_SCALARBYTES, "25519");

void gee_noise_begin(gee_noise_handshake_t *handshake, const gee_noise_pattern_t *pattern, bool initiator,
                     const void *prologue, size_t prologue_length, const gee_noise_pair_t *own,
                     const uint8_t peer_static[GEE_NOISE_KEY]) {
    sodium_memzero(handshake, sizeof(*handshake));
    handshake->pattern = pattern;
    handshake->initiator = initiator;
    handshake->own = own;
    if (peer_static != NULL)
        memcpy(handshake->peer_static, peer_static, GEE_NOISE_KEY);
    gee_noise_symmetric_start(&handshake->symmetric, pattern->protocol);
    gee_noise_mix_hash(&handshake->symmetric, prologue, prologue_length);
    if (pattern->responder_static_is_known)
        gee_noise_mix_hash(&handshake->symmetric, initiator ? handshake->peer_static : own->public, GEE_NOISE_KEY);
}

static const gee_noise_token_t *next_tokens(const gee_noise_handshake_t *handshake) {
    GEE_ASSERT(handshake->step < handshake->pattern->messages);
    return handshake->pattern->tokens[handshake->step];
}

/* Mixes one DH result in. -1: the result is all zero, from a low-order point: anybody could know it. */
static int agree(gee_noise_handshake_t *handshake, const uint8_t secret[GEE_NOISE_KEY],
                 const uint8_t public[GEE_NOISE_KEY]) {
    uint8_t shared[GEE_NOISE_KEY];
    int result = crypto_scalarmult(shared, secret, public);
    if (result == 0)
        gee_noise_mix_key(&handshake->symmetric, shared);
    sodium_memzero(shared, sizeof(shared));
    return result == 0 ? 0 : -1;
}

/* A DH token names the initiator's key first. */
static int agree_by_token(gee_noise_handshake_t *handshake, gee_noise_token_t token) {
    bool initiator = handshake->initiator;
    bool own_static = token == GEE_NOISE_SS || (initiator ? token == GEE_NOISE_SE : token == GEE_NOISE_ES);
    bool peer_static = token == GEE_NOISE_SS || (initiator ? token == GEE_NOISE_ES : token == GEE_NOISE_SE);
    return agree(handshake, own_static ? handshake->own->secret : handshake->ephemeral.secret,
                 peer_static ? handshake->peer_static : handshake->peer_ephemeral);
}

static void make_ephemeral(gee_noise_handshake_t *handshake) {
    gee_noise_pair_t *pair = &handshake->ephemeral;
    if (!handshake->has_ephemeral)
        randombytes_buf(pair->secret, sizeof(pair->secret));
    (void)crypto_scalarmult_base(pair->public, pair->secret);
    handshake->has_ephemeral = true;
}

int gee_noise_write(gee_noise_handshake_t *handshake, const uint8_t *payload, size_t length, uint8_t *target) {
    gee_noise_symmetric_t *symmetric = &handshake->symmetric;
    for (const gee_noise_token_t *token = next_tokens(handshake); *token != GEE_NOISE_END; token++) {
        if (*token == GEE_NOISE_E) {
            make_ephemeral(handshake);
            memcpy(target, handshake->ephemeral.public, GEE_NOISE_KEY);
            gee_noise_mix_hash(symmetric, target, GEE_NOISE_KEY);
            target += GEE_NOISE_KEY;
        } else if (*token == GEE_NOISE_S) {
            if (gee_noise_encrypt_and_hash(symmetric, handshake->own->public, GEE_NOISE_KEY, target) != 0)
                return -1;
            target += GEE_NOISE_KEY + (symmetric->cipher.keyed ? GEE_NOISE_TAG : 0);
        } else if (agree_by_token(handshake, *token) != 0) {
            return -1;
        }
    }
    if (gee_noise_encrypt_and_hash(symmetric, payload, length, target) != 0)
        return -1;
    handshake->step++;
    return 0;
}

int gee_noise_read(gee_noise_handshake_t *handshake, const uint8_t *message, size_t length, uint8_t *payload) {
    gee_noise_symmetric_t *symmetric = &handshake->symmetric;
    const uint8_t *end = message + length;
    if (length < gee_noise_message_length(handshake->pattern, handshake->step))
        return -1;
    for (const gee_noise_token_t *token = next_tokens(handshake); *token != GEE_NOISE_END; token++) {
        if (*token == GEE_NOISE_E) {
            memcpy(handshake->peer_ephemeral, message, GEE_NOISE_KEY);
            gee_noise_mix_hash(symmetric, message, GEE_NOISE_KEY);
            message += GEE_NOISE_KEY;
        } else if (*token == GEE_NOISE_S) {
            size_t sealed = GEE_NOISE_KEY + (symmetric->cipher.keyed ? GEE_NOISE_TAG : 0);
            if (gee_noise_decrypt_and_hash(symmetric, message, sealed, handshake->peer_static) != 0)
                return -1;
            message += sealed;
        } else if (agree_by_token(handshake, *token) != 0) {
            return -1;
        }
    }
    if (gee_noise_decrypt_and_hash(symmetric, message, (size_t)(end - message), payload) != 0)
        return -1;
    handshake->step++;
    return 0;
}

void gee_noise_split(const gee_noise_handshake_t *handshake, gee_noise_cipher_t *sending,
                     gee_noise_cipher_t *receiving) {
    GEE_ASSERT(handshake->step == handshake->pattern->messages);
    bool initiator = handshake->initiator;
    gee_noise_symmetric_split(&handshake->symmetric, initiator ? sending : receiving, initiator ? receiving : sending);
}
