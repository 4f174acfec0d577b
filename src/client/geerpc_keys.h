/* geerpc_keys.h: the keys of sealed channels: making them, and the public key that belongs to a secret one.
 *
 * A secret key stands in a file of its own, one line "gee-sec:BASE64" that only its owner can read; nothing here shows a
 * byte of it. The public one is a text, "gee-pub:BASE64", for whoever is to know it. */
#ifndef GEERPC_KEYS_H
#define GEERPC_KEYS_H

#include "geerpc.h"

#ifdef __cplusplus
extern "C" {
#endif

#define GEE_PUBLIC_KEY_TEXT 56 /* room for a public key, terminated */

/* Makes a key and writes it to a new file with mode 0600. 0 with the public one in `public_key`; -1, with the reason: there
 * is a file of that name, or it cannot be written. Waits for the disk. */
GEE_EXPORT int gee_key_make(const char *path, char public_key[GEE_PUBLIC_KEY_TEXT], gee_error_t *error);
/* 0 with the public key that belongs to the secret one in a file; -1, with the reason: it cannot be read, it is no key, or
 * others than its owner could use it. */
GEE_EXPORT int gee_key_public(const char *path, char public_key[GEE_PUBLIC_KEY_TEXT], gee_error_t *error);

#ifdef __cplusplus
}
#endif

#endif
