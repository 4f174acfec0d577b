/* seal.h: the interface of a seal: a layer that encrypts and authenticates, and beside it what concerns its keys.
 *
 *   key file, clients file --listen()--> setup --+
 *   server's key, key file --dial()----> setup --+--> gee_stream_push(stream, seal->layer, role, setup)
 *                                                          '-> gee_stream_identity(): who the peer has proven to be
 *
 * Keys as text: "gee-pub:" or "gee-sec:" and the base64 of 32 bytes. A secret key stands in a file of its own, which
 * only its owner can read; no other text, log line or error contains a byte of the key. Paths are absolute, or as
 * open(2) takes them. Functions that open files may block. */
#ifndef GEE_RPC_SEAL_H
#define GEE_RPC_SEAL_H

#include "core/conf/module.h"
#include "core/event/layer.h"

#define GEE_KEY_TEXT 56 /* room for a key as text, terminated */

/* One end's keys, and the clients that a listener admits. Belongs to one loop's thread, but for close(): streams keep
 * the setup until they are gone, so it may be closed before them, and on any thread. Identities end with the setup. */
typedef struct gee_seal_setup gee_seal_setup_t;

typedef struct gee_seal_listen {
    const char *key;     /* path of the secret key */
    const char *old_key; /* path of a second one that clients may still use, while keys are changed; null: none */
    const char *clients; /* path of the list of clients; null: none is known by its key */
    bool anonymous;      /* clients without a key are admitted too */
} gee_seal_listen_t;

typedef struct gee_seal_dial {
    const char *server_key; /* "gee-pub:...": of the server that is wanted, and no other */
    const char *key;        /* path of our secret key; null: we stay anonymous */
} gee_seal_dial_t;

typedef struct gee_seal {
    const gee_layer_t *layer;

    /* Null: refused, with file and reason. */
    gee_seal_setup_t *(*listen)(const gee_seal_listen_t *options, gee_error_t *error);
    gee_seal_setup_t *(*dial)(const gee_seal_dial_t *options, gee_error_t *error);
    void (*close)(gee_seal_setup_t **setup); /* leaves null; a null *setup is allowed */
    /* `next` takes the place of the listener's `setup` (null: nothing does). Revokes the identities of clients that
     * are not in `next` as they were, in this process and in processes forked since `setup` was made. */
    void (*replace)(gee_seal_setup_t *setup, const gee_seal_setup_t *next);

    /* Makes a secret key and writes it to a new file, which only its owner can read; gives the public one. -1: there is
     * such a file, or it cannot be written. */
    int (*make_key)(const char *path, char public_key[GEE_KEY_TEXT], gee_error_t *error);
    /* The public key that belongs to the secret one in a file. */
    int (*read_key)(const char *path, char public_key[GEE_KEY_TEXT], gee_error_t *error);
} gee_seal_t;

/* The seal that is compiled in; null, with a text that says how to get one. */
const gee_seal_t *gee_seal_find(const gee_module_entry_t *modules, gee_error_t *error);

#endif
