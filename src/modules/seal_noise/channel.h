/* channel.h: what the parts of the sealed channel share.
 *
 *   seal_noise.c  the layer: preamble, handshake, records        setup.c    settings of listener and dialer, opened
 *   records.c     bytes to records and back, rekeying            clients.c  the list of clients
 *   vault.c       memory for session keys                        keys.c     keys as text, and in files
 *                                                                file.c     which files are trusted
 *
 * The wire, in both directions, all numbers big endian:
 *
 *   client: preamble, 8 bytes    C1 'G' 'E' 'E'   version 1   pattern   0 0
 *   both:   frames               length, 2 bytes   a Noise message of that length
 *           first the messages of the handshake, with empty payloads; then records of at most 65535 bytes.
 *           After every 1024 records a direction's key is changed. A record without plaintext is the end.
 *
 * Noise's prologue is "geerpc-seal-v1" and the preamble. */
#ifndef GEE_SEAL_NOISE_CHANNEL_H
#define GEE_SEAL_NOISE_CHANNEL_H

#include <gee/layer.h>

#include "noise.h"

#define GEE_NOISE_FRAME 2u /* the length before each message */

/* ---- vault.c: memory that core dumps leave out and that is zeroed when it comes back ---- */
typedef struct gee_noise_vault {
    size_t slot_bytes; /* set by the owner before the first slot is taken: a multiple of 8, at most 2048 */
    struct gee_noise_chunk *chunks;
    struct gee_noise_slot *free;
} gee_noise_vault_t;

void *gee_noise_vault_take(gee_noise_vault_t *vault); /* zeroed; null: out of memory */
void gee_noise_vault_give(gee_noise_vault_t *vault, void *slot);
void gee_noise_vault_close(gee_noise_vault_t *vault); /* precondition: all slots have come back */

/* The keys of an open channel, in a sixth of the memory of the handshake. */
typedef struct gee_noise_records {
    gee_noise_cipher_t sending, receiving;
} gee_noise_records_t;

typedef struct gee_noise_vaults {
    gee_noise_vault_t handshakes, records;
} gee_noise_vaults_t;

/* ---- file.c ---- */
typedef struct gee_noise_file_rules {
    bool follow_links;
    unsigned forbidden;  /* permission bits that the file must not have */
    const char *danger;  /* "use the key": the harm that others could do */
    const char *remedy;  /* "chmod 600" */
    const char *missing; /* follows "No such file or directory" */
} gee_noise_file_rules_t;

/* Opens a regular file of the right owner and mode, and tells its length. -1: refused, with path and reason. */
int gee_noise_file_open(const char *path, const gee_noise_file_rules_t *rules, size_t *length, gee_error_t *error);
/* Reads the file, at most `capacity` bytes. -1: errno has the reason. */
ssize_t gee_noise_file_read(int descriptor, char *text, size_t capacity);

/* ---- keys.c ---- */
/* Reads "gee-pub:...". -1: not a public key; the error does not show the text. */
int gee_noise_key_parse(gee_str_t text, uint8_t key[GEE_NOISE_KEY], gee_error_t *error);
/* Reads the file of a secret key. Precondition: `pair` is in memory of sodium_malloc(). */
int gee_noise_key_load(const char *path, gee_noise_pair_t *pair, gee_error_t *error);
int gee_noise_key_make(const char *path, char public_key[GEE_KEY_TEXT], gee_error_t *error);
int gee_noise_key_read(const char *path, char public_key[GEE_KEY_TEXT], gee_error_t *error);

/* ---- clients.c ---- */
typedef struct gee_noise_clients gee_noise_clients_t;

/* `path` null: an empty list. `anonymous`: clients without a key are admitted, too. */
gee_noise_clients_t *gee_noise_clients_load(const char *path, bool anonymous, gee_error_t *error);
void gee_noise_clients_free(gee_noise_clients_t **clients);
/* Null: not admitted. `key` null: an anonymous client. */
const gee_identity_t *gee_noise_clients_find(const gee_noise_clients_t *clients, const uint8_t *key);
/* The key by which gee_noise_clients_find() finds the identity; null: the identity of anonymous clients. */
const uint8_t *gee_noise_clients_key(const gee_identity_t *identity);
/* Revokes the identities that `next` (null: an empty list) does not list with the same name and services. */
void gee_noise_clients_replace(gee_noise_clients_t *clients, const gee_noise_clients_t *next);

/* ---- setup.c ---- */
struct gee_seal_setup {
    gee_seal_setup_t *self; /* for streams, which get the setup as const and hold it */
    atomic_size_t holders;  /* the opener, until it closes the setup, and each stream */
    gee_role_t role;
    gee_noise_pair_t *pairs; /* own key pairs, the current one first; null: none */
    size_t pair_count;
    uint8_t server_key[GEE_NOISE_KEY]; /* calling */
    bool keyed_clients, anonymous;     /* serving: which clients the listener admits */
    gee_noise_clients_t *clients;
    gee_noise_vaults_t *vaults;
};

gee_seal_setup_t *gee_noise_listen(const gee_seal_listen_t *options, gee_error_t *error);
gee_seal_setup_t *gee_noise_dial(const gee_seal_dial_t *options, gee_error_t *error);
gee_seal_setup_t *gee_noise_setup_hold(const gee_seal_setup_t *setup);
void gee_noise_setup_close(
    gee_seal_setup_t **setup); /* drops one reference; the last one frees the setup, on any thread */
void gee_noise_setup_replace(gee_seal_setup_t *setup, const gee_seal_setup_t *next);

/* ---- records.c ---- */
#define GEE_NOISE_REKEY_AFTER 1024u /* records */

/* Takes all bytes of `from` and appends them to `down` in as few records as possible. */
int gee_noise_records_write(gee_noise_cipher_t *cipher, gee_chain_t *from, gee_chain_t *down, gee_error_t *error);
int gee_noise_records_end(gee_noise_cipher_t *cipher, gee_chain_t *down, gee_error_t *error);
/* Takes the complete records off `from` and appends their plaintext to `up`; *ended: the last record was the end. */
int gee_noise_records_read(gee_noise_cipher_t *cipher, gee_inbox_t *from, gee_inbox_t *up, bool *ended,
                           gee_error_t *error);

static inline size_t gee_noise_get_length(const uint8_t *frame) {
    return (size_t)frame[0] << 8 | frame[1];
}
static inline void gee_noise_put_length(uint8_t *frame, size_t length) {
    frame[0] = (uint8_t)(length >> 8);
    frame[1] = (uint8_t)length;
}

#endif
