/* channel.h: what the parts of the sealed channel share.
 *
 *   seal_noise.c  the layer: preamble, handshake, records        setup.c    what listener and dialer configure
 *   records.c     bytes to records and back, rekeying            clients.c  the list of clients
 *   vault.c       memory for session keys                        keys.c     keys as text, and in files
 *                                                                file.c     which files are trusted
 *
 * The wire, in both directions, all numbers big endian:
 *
 *   client: preamble, 8 bytes    C1 'G' 'E' 'E'   version 1   pattern   0 0
 *   both:   frames               length, 2 bytes   a Noise message of that length
 *           first the messages of the handshake, with empty payloads; then records, at most 65535 bytes each.
 *           After every 1024 records a direction's key is changed. A record without plaintext is the end.
 *
 * Noise's prologue is "geerpc-seal-v1" and the preamble. */
#ifndef GEE_SEAL_NOISE_CHANNEL_H
#define GEE_SEAL_NOISE_CHANNEL_H

#include <gee/layer.h>

#include "noise.h"

#define GEE_NOISE_FRAME 2u /* the length before each message */

/* ---- vault.c: memory that no core dump shows and that is zeroed when it comes back ---- */
typedef struct gee_noise_vault {
    size_t slot_bytes; /* set by its owner before the first is taken: a multiple of 8, at most 2048 */
    struct gee_noise_chunk *chunks;
    struct gee_noise_slot *free;
} gee_noise_vault_t;

void *gee_noise_vault_take(gee_noise_vault_t *vault); /* zeroed; null: out of memory */
void gee_noise_vault_give(gee_noise_vault_t *vault, void *slot);
void gee_noise_vault_close(gee_noise_vault_t *vault); /* everything must have come back */

/* The keys of an open channel, which takes a sixth of what its handshake took. */
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
    const char *danger;  /* "use the key": what others could do with it */
    const char *remedy;  /* "chmod 600" */
    const char *missing; /* put behind "No such file or directory" */
} gee_noise_file_rules_t;

/* The descriptor of a regular file of the right owner and mode, with its length. -1: refused, with path and reason. */
int gee_noise_file_open(const char *path, const gee_noise_file_rules_t *rules, size_t *length, gee_error_t *error);
/* What there is, at most `capacity` bytes. -1: errno says why not. */
ssize_t gee_noise_file_read(int descriptor, char *text, size_t capacity);

/* ---- keys.c ---- */
/* Reads "gee-pub:...". -1: it is something else, which the text does not show. */
int gee_noise_key_parse(gee_str_t text, uint8_t key[GEE_NOISE_KEY], gee_error_t *error);
/* Reads a secret key's file; `pair` is in memory of sodium_malloc(). */
int gee_noise_key_load(const char *path, gee_noise_pair_t *pair, gee_error_t *error);
int gee_noise_key_make(const char *path, char public_key[GEE_KEY_TEXT], gee_error_t *error);
int gee_noise_key_read(const char *path, char public_key[GEE_KEY_TEXT], gee_error_t *error);

/* ---- clients.c ---- */
typedef struct gee_noise_clients gee_noise_clients_t;

/* `path` null: a list of nobody. `anonymous`: admits those who show no key, too. */
gee_noise_clients_t *gee_noise_clients_load(const char *path, bool anonymous, gee_error_t *error);
void gee_noise_clients_free(gee_noise_clients_t **clients);
/* Null: not admitted. `key` null: anonymous. */
const gee_identity_t *gee_noise_clients_find(const gee_noise_clients_t *clients, const uint8_t *key);
/* The key by which that identity is found; null: the identity is that of clients who show no key. */
const uint8_t *gee_noise_clients_key(const gee_identity_t *identity);
/* Revokes the identities that `next` (null: an empty list) does not give in the same way. */
void gee_noise_clients_replace(gee_noise_clients_t *clients, const gee_noise_clients_t *next);

/* ---- setup.c ---- */
struct gee_seal_setup {
    gee_seal_setup_t *self; /* what streams hold: they are given it as const */
    atomic_size_t holders;  /* whoever opened it, until it is closed, and each stream */
    gee_role_t role;
    gee_noise_pair_t *pairs; /* our own: the one to begin with first; null: none */
    size_t pair_count;
    uint8_t server_key[GEE_NOISE_KEY]; /* calling */
    bool keyed_clients, anonymous;     /* serving: whom it admits */
    gee_noise_clients_t *clients;
    gee_noise_vaults_t *vaults;
};

gee_seal_setup_t *gee_noise_listen(const gee_seal_listen_t *options, gee_error_t *error);
gee_seal_setup_t *gee_noise_dial(const gee_seal_dial_t *options, gee_error_t *error);
gee_seal_setup_t *gee_noise_setup_hold(const gee_seal_setup_t *setup);
void gee_noise_setup_close(gee_seal_setup_t **setup); /* lets go of it; the last holder frees it, on any thread */
void gee_noise_setup_replace(gee_seal_setup_t *setup, const gee_seal_setup_t *next);

/* ---- records.c ---- */
#define GEE_NOISE_REKEY_AFTER 1024u /* records */

/* Takes all of `from` and appends it to `down` in as few records as will hold it. */
int gee_noise_records_write(gee_noise_cipher_t *cipher, gee_chain_t *from, gee_chain_t *down, gee_error_t *error);
int gee_noise_records_end(gee_noise_cipher_t *cipher, gee_chain_t *down, gee_error_t *error);
/* Takes the whole records off `from` and appends what is in them to `up`; *ended: the last one was the end. */
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
