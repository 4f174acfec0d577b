/* pool.h: the arena. Memory is taken in pieces and given back all at once; each call and each cycle has a pool.
 *
 * Not thread-safe: one thread at a time. A pool that is reset keeps its first chunk, so that in steady state a call
 * allocates nothing from the system. Public: geerpc.h includes it. */
#ifndef GEE_BASE_POOL_H
#define GEE_BASE_POOL_H

#include <stddef.h>

#include "core/base/str.h"

typedef struct gee_pool gee_pool_t;

#pragma GCC visibility push(default) /* libgeerpc exports what follows */

/* `first_chunk`: usable bytes of the chunk that a reset keeps. Null when out of memory. */
gee_pool_t *gee_pool_create(size_t first_chunk);
void gee_pool_destroy(gee_pool_t **pool); /* a null *pool is allowed; leaves null */

/* Refuses (null) pieces that would take the pool past `bytes` in all; 0: no limit. Bounds what a peer's message makes
 * us hold. */
void gee_pool_limit(gee_pool_t *pool, size_t bytes);
/* Forgets everything that was handed out; chunks beyond the first go back to the system. The limit stays. */
void gee_pool_reset(gee_pool_t *pool);
/* Bytes handed out since the last reset, rounding included. */
size_t gee_pool_used(const gee_pool_t *pool);

/* Aligned for any type (16). Null when out of memory, past the limit, or when count * size overflows. size 0 gives a
 * valid pointer that must not be read. */
void *gee_pool_alloc(gee_pool_t *pool, size_t size);
void *gee_pool_zalloc(gee_pool_t *pool, size_t size);
void *gee_pool_array(gee_pool_t *pool, size_t count, size_t size); /* zeroed */
/* A terminated copy. */
char *gee_pool_strdup(gee_pool_t *pool, const char *string);
char *gee_pool_strndup(gee_pool_t *pool, const char *bytes, size_t length);
/* A copy as a view; its data is null only when out of memory (an empty string gets a valid pointer). Terminated too. */
gee_str_t gee_pool_str(gee_pool_t *pool, gee_str_t string);
/* The string itself where it is well-formed UTF-8, else a copy that gee_utf8_repair() has made: every wire wants
 * UTF-8, and an ill-formed text must not cost a connection. Data null, of a string that is not empty: out of
 * memory. */
gee_str_t gee_pool_utf8(gee_pool_t *pool, gee_str_t string);
char *gee_pool_printf(gee_pool_t *pool, const char *format, ...) __attribute__((format(printf, 2, 3)));

#pragma GCC visibility pop

struct gee_meter; /* base/meter.h */
/* The meter counts chunks beyond the first, and refuses those past its limit. Precondition: the pool has no such
 * chunk. The meter outlives the pool. */
void gee_pool_set_meter(gee_pool_t *pool, struct gee_meter *meter);

#endif
