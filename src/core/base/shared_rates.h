/* shared_rates.h: how often something may happen, by name: buckets of tokens in memory that processes share.
 *
 *   name -> keyed hash -> set [ key full_ns | key full_ns | ... ] -> take: full_ns += interval, if that is near
 *
 * A bucket is one number: when it will be full again. A full bucket is the same as no bucket, so nothing is ever
 * counted back: a killed process leaves nothing behind, and each bucket can be taken for another name once it is
 * full. Where all buckets of a set are in use, the bucket that will be full first gives way. No locks; times are
 * CLOCK_MONOTONIC. */
#ifndef GEE_BASE_SHARED_RATES_H
#define GEE_BASE_SHARED_RATES_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/base/str.h"

typedef struct gee_rate {
    int64_t interval_ns; /* in which one token comes back; 0: no limit */
    int64_t ahead_ns;    /* in which all tokens of the burst but one come back */
} gee_rate_t;

/* `burst` 0: as many tokens as come back in a second. */
gee_rate_t gee_rate(int64_t a_second, int64_t burst);

typedef _Atomic int64_t gee_bucket_t;
typedef struct gee_shared_rates gee_shared_rates_t;

/* Bytes for about `names` names at a time. */
size_t gee_shared_rates_size(size_t names);
/* Zeroed memory of that size becomes buckets; memory that has buckets stays as it is. Precondition: no other process
 * uses the memory yet. -1 with errno. */
int gee_shared_rates_open(gee_shared_rates_t *rates, size_t names);
gee_bucket_t *gee_shared_rates_find(gee_shared_rates_t *rates, gee_str_t name, int64_t now_ns);

/* False: no token is left. */
bool gee_rate_take(gee_bucket_t *bucket, const gee_rate_t *rate, int64_t now_ns);
/* Gives a token back that was taken for nothing. */
void gee_rate_give(gee_bucket_t *bucket, const gee_rate_t *rate);

#endif
