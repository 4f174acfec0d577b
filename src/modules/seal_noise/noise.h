/* noise.h: the Noise Protocol Framework, revision 34, with the primitives 25519, ChaChaPoly and BLAKE2b of libsodium.
 *
 *   handshake.c   patterns from a table, DH tokens, messages     <- pattern.c the table
 *        |
 *   symmetric.c   chaining key, transcript hash, HKDF, HMAC
 *        |
 *   cipher.c      AEAD with a counting nonce, REKEY
 *
 * Pure functions of their arguments: no sockets, no allocation. The owner of these structures zeroes their secrets with
 * sodium_memzero(); locals are zeroed here. -1 means that the conversation is over: nothing may be sent or accepted any
 * more. */
#ifndef GEE_SEAL_NOISE_NOISE_H
#define GEE_SEAL_NOISE_NOISE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define GEE_NOISE_KEY  32u    /* DHLEN, and a cipher's key */
#define GEE_NOISE_HASH 64u    /* HASHLEN */
#define GEE_NOISE_TAG  16u    /* of an AEAD */
#define GEE_NOISE_MOST 65535u /* bytes of one Noise message */

/* ---- cipher.c: CipherState ---- */

typedef struct gee_noise_cipher {
    uint8_t key[GEE_NOISE_KEY];
    uint64_t nonce;
    bool keyed; /* false: plaintext passes unchanged */
} gee_noise_cipher_t;

void gee_noise_cipher_start(gee_noise_cipher_t *cipher, const uint8_t key[GEE_NOISE_KEY]);
/* Writes length + GEE_NOISE_TAG bytes (without a key: length); `plain` may be `target`. -1: the nonces are used up. */
int gee_noise_encrypt(gee_noise_cipher_t *cipher, const void *bound, size_t bound_length, const uint8_t *plain,
                      size_t length, uint8_t *target);
/* `length` counts the tag; writes length - GEE_NOISE_TAG bytes. -1: not genuine, and `target` has none of the
 * plaintext. */
int gee_noise_decrypt(gee_noise_cipher_t *cipher, const void *bound, size_t bound_length, const uint8_t *sealed,
                      size_t length, uint8_t *target);
/* k = REKEY(k); the nonce goes on counting. */
void gee_noise_rekey(gee_noise_cipher_t *cipher);

/* ---- symmetric.c: SymmetricState ---- */

typedef struct gee_noise_symmetric {
    gee_noise_cipher_t cipher;
    uint8_t chaining_key[GEE_NOISE_HASH];
    uint8_t hash[GEE_NOISE_HASH];
} gee_noise_symmetric_t;

void gee_noise_symmetric_start(gee_noise_symmetric_t *symmetric, const char *protocol_name);
void gee_noise_mix_key(gee_noise_symmetric_t *symmetric, const uint8_t secret[GEE_NOISE_KEY]);
void gee_noise_mix_hash(gee_noise_symmetric_t *symmetric, const void *bytes, size_t length);
/* As gee_noise_encrypt() and gee_noise_decrypt(), bound to the transcript, to which the ciphertext is added. */
int gee_noise_encrypt_and_hash(gee_noise_symmetric_t *symmetric, const uint8_t *plain, size_t length, uint8_t *target);
int gee_noise_decrypt_and_hash(gee_noise_symmetric_t *symmetric, const uint8_t *sealed, size_t length, uint8_t *target);
void gee_noise_symmetric_split(const gee_noise_symmetric_t *symmetric, gee_noise_cipher_t *first,
                               gee_noise_cipher_t *second);
/* HMAC-BLAKE2b over the concatenation of two pieces. */
void gee_noise_hmac(const uint8_t key[GEE_NOISE_HASH], const void *first, size_t first_length, const void *second,
                    size_t second_length, uint8_t mac[GEE_NOISE_HASH]);

/* ---- pattern.c: handshake patterns ---- */

typedef enum gee_noise_token {
    GEE_NOISE_END, /* end of a message */
    GEE_NOISE_E,
    GEE_NOISE_S,
    GEE_NOISE_EE,
    GEE_NOISE_ES, /* the initiator's ephemeral, the responder's static */
    GEE_NOISE_SE,
    GEE_NOISE_SS
} gee_noise_token_t;

#define GEE_NOISE_MESSAGES 3 /* of the longest handshake */
#define GEE_NOISE_TOKENS   5 /* of the longest message, with the end */

typedef struct gee_noise_pattern {
    const char *name;               /* "XK" */
    const char *protocol;           /* "Noise_XK_25519_ChaChaPoly_BLAKE2b" */
    bool initiator_has_static;      /* the initiator needs a key pair of its own */
    bool responder_static_is_known; /* <- s before the first message */
    size_t messages;                /* the initiator writes the first message, then both in turn */
    gee_noise_token_t tokens[GEE_NOISE_MESSAGES][GEE_NOISE_TOKENS];
} gee_noise_pattern_t;

extern const gee_noise_pattern_t gee_noise_xk, gee_noise_nk, gee_noise_ik, gee_noise_xx;

/* Length of the nth message with an empty payload. */
size_t gee_noise_message_length(const gee_noise_pattern_t *pattern, size_t n);

/* ---- handshake.c: HandshakeState ---- */

typedef struct gee_noise_pair {
    uint8_t secret[GEE_NOISE_KEY];
    uint8_t public[GEE_NOISE_KEY];
} gee_noise_pair_t;

typedef struct gee_noise_handshake {
    gee_noise_symmetric_t symmetric;
    const gee_noise_pattern_t *pattern;
    const gee_noise_pair_t *own; /* the static pair; null: none */
    gee_noise_pair_t ephemeral;
    uint8_t peer_static[GEE_NOISE_KEY], peer_ephemeral[GEE_NOISE_KEY];
    bool initiator;
    bool has_ephemeral; /* set beforehand only by tests */
    size_t step;        /* messages written and read so far */
} gee_noise_handshake_t;

/* `own` stays the caller's. `peer_static`: the responder's key, when this is the initiator and the pattern has the key
 * known beforehand; else null. */
void gee_noise_begin(gee_noise_handshake_t *handshake, const gee_noise_pattern_t *pattern, bool initiator,
                     const void *prologue, size_t prologue_length, const gee_noise_pair_t *own,
                     const uint8_t peer_static[GEE_NOISE_KEY]);
/* Writes the next message: gee_noise_message_length() + length bytes. -1: a low-order point of the peer. */
int gee_noise_write(gee_noise_handshake_t *handshake, const uint8_t *payload, size_t length, uint8_t *target);
/* `payload` gets length - gee_noise_message_length() bytes. -1: too short, not genuine, or a low-order point. */
int gee_noise_read(gee_noise_handshake_t *handshake, const uint8_t *message, size_t length, uint8_t *payload);
static inline bool gee_noise_complete(const gee_noise_handshake_t *handshake) {
    return handshake->step == handshake->pattern->messages;
}
/* Precondition: the last message is done. Makes the ciphers of the two directions, as this end uses them. */
void gee_noise_split(const gee_noise_handshake_t *handshake, gee_noise_cipher_t *sending,
                     gee_noise_cipher_t *receiving);

#endif
