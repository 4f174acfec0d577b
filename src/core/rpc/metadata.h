/* metadata.h: metadata on the way to and from a wire.
 *
 * Keys may repeat. The value of a key that ends in "-bin" is any bytes; all other values, and the keys, are texts. On a
 * wire that has texts only (JSON, lines of HTTP) each key stands once: the values of one key are joined with ", ", and
 * bytes are written as base64. */
#ifndef GEE_RPC_METADATA_H
#define GEE_RPC_METADATA_H

#include "core/base/error.h"
#include "core/base/pool.h"
#include "core/rpc/status.h"

/* Ends the key in "-bin"? */
bool gee_metadata_is_binary(gee_str_t key);

/* A copy in the pool. -1: out of memory; so is a null pool. */
int gee_metadata_copy(gee_metadata_t *copy, const gee_metadata_t *metadata, gee_pool_t *pool);

/* False: gee_metadata_repair() has something to do. */
bool gee_metadata_is_valid(const gee_metadata_t *metadata);
/* Texts that are not UTF-8 are replaced by repaired copies. -1: out of memory. */
int gee_metadata_repair(gee_metadata_t *metadata, gee_pool_t *pool);

/* False: gee_metadata_to_texts() may have something to do. */
bool gee_metadata_is_texts(const gee_metadata_t *metadata);
/* The form of a wire that has texts only, repaired, in the order of the keys. -1: out of memory. */
int gee_metadata_to_texts(gee_metadata_t *metadata, gee_pool_t *pool);
/* And back: bytes are bytes again, each value on its own; texts stay as they are, joined or not. -1: a value is not
 * base64, or out of memory. */
int gee_metadata_from_texts(gee_metadata_t *metadata, gee_pool_t *pool, gee_error_t *error);

#endif
