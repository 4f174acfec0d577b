/* shared_rates.h: how often something may happen, by name: buckets of tokens in memory that processes share.
 *
 *   name -> keyed hash -> set [ key full_ns | key full_ns | ... ] -> take: full_ns moves on by one interval, if that is near
 *
 * A bucket is one number: when it will be full again. One that is full is as one that was never there, so nothing is ever
 * counted back: a process that is killed leaves nothing behind, and each bucket can be taken for another name once its time
 * has come. Where all of a set are in use, the one that will be full first gives way. No locks; times are CLOCK_MONOTONIC. */
#ifndef GEE_BASE_SHARED_RATES_H
#define GEE_BASE_SHARED_RATES_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/base/str.h"

typedef struct gee_rate {
    int64_t interval_ns; /* in which one token comes back; 0: there is no limit */
    int64_t ahead_ns;    /* in which all but one of the burst do */
} gee_rate_t;

/* `burst` 0: as many as a second. */
gee_rate_t gee_rate(int64_t a_second, int64_t burst);

typedef _Atomic int64_t gee_bucket_t;
typedef struct gee_shared_rates gee_shared_rates_t;

/* For about so many names at a time. */
size_t gee_shared_rates_size(size_t names);
/* Zeroed memory of that size becomes buckets; what are such already stay as they are. Before other processes see it. -1 with
 * errno. */
int gee_shared_rates_open(gee_shared_rates_t *rates, size_t names);
gee_bucket_t *gee_shared_rates_find(gee_shared_rates_t *rates, gee_str_t name, int64_t now_ns);

/* False: there is no token. */
bool gee_rate_take(gee_bucket_t *bucket, const gee_rate_t *rate, int64_t now_ns);
/* The token was taken for nothing. */
void gee_rate_give(gee_bucket_t *bucket, const gee_rate_t *rate);

#endif
