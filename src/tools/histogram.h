/* histogram.h: counts of many durations in little memory, to three significant digits (log-linear, as in HdrHistogram).
 *
 *   0 .. 2047 ns: a bucket each;  then 1024 buckets for each power of two, up to 2^43 ns (2.4 hours) */
#ifndef GEE_TOOLS_HISTOGRAM_H
#define GEE_TOOLS_HISTOGRAM_H

#include <stdint.h>

#define HISTOGRAM_POWER   11 /* below 1 << HISTOGRAM_POWER, every value has a bucket */
#define HISTOGRAM_HALF    (1U << (HISTOGRAM_POWER - 1))
#define HISTOGRAM_BUCKETS (2 * HISTOGRAM_HALF + (43 - HISTOGRAM_POWER) * HISTOGRAM_HALF)

/* Zero-initialised by the owner. */
typedef struct histogram {
    uint64_t count, least, most; /* exact */
    double sum;
    uint64_t buckets[HISTOGRAM_BUCKETS];
} histogram_t;

/* A duration beyond the last bucket counts in the last bucket, a negative duration as 0. */
void gee_histogram_add(histogram_t *histogram, int64_t nanoseconds);
void gee_histogram_merge(histogram_t *histogram, const histogram_t *other);
/* The duration that `share` (0 to 1) of all do not exceed: the upper end of a bucket, at most a thousandth too long. */
uint64_t gee_histogram_quantile(const histogram_t *histogram, double share);
double gee_histogram_mean(const histogram_t *histogram);

#endif
