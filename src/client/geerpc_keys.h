/* geerpc_keys.h: the keys of sealed channels: making a secret key, and the public key that belongs to a secret key.
 *
 * A secret key is a file with one line, "gee-sec:BASE64", that only its owner can read; no function here hands out the
 * secret. A public key is a text, "gee-pub:BASE64". Functions here read or write the disk and wait for nothing else. */
#ifndef GEERPC_KEYS_H
#define GEERPC_KEYS_H

#include "geerpc.h"

#ifdef __cplusplus
extern "C" {
#endif

#define GEE_PUBLIC_KEY_TEXT 56 /* bytes of a public key's text, with the zero at the end */

/* Makes a key pair and writes the secret key to the new file `path`, with mode 0600. 0: `public_key` is the public key.
 * -1: the file exists already, or cannot be written. */
GEE_EXPORT int gee_key_make(const char *path, char public_key[GEE_PUBLIC_KEY_TEXT], gee_error_t *error);
/* 0: `public_key` is the public key that belongs to the secret key in the file `path`. -1: the file cannot be read,
 * holds no key, or can be read by others than its owner. */
GEE_EXPORT int gee_key_public(const char *path, char public_key[GEE_PUBLIC_KEY_TEXT], gee_error_t *error);

#ifdef __cplusplus
}
#endif

#endif
