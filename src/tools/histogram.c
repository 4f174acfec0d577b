/* histogram.c: buckets whose width grows with the value. */
#include "tools/histogram.h"

static unsigned bucket_of(uint64_t value) {
    if (value < 2 * HISTOGRAM_HALF)
        return (unsigned)value;
    unsigned power = 63 - (unsigned)__builtin_clzll(value); /* HISTOGRAM_POWER and up */
    unsigned within = (unsigned)(value >> (power - HISTOGRAM_POWER + 1)) & (HISTOGRAM_HALF - 1);
    unsigned bucket = 2 * HISTOGRAM_HALF + (power - HISTOGRAM_POWER) * HISTOGRAM_HALF + within;
    return bucket < HISTOGRAM_BUCKETS ? bucket : HISTOGRAM_BUCKETS - 1;
}

/* The last value that falls into a bucket. */
static uint64_t bucket_end(unsigned bucket) {
    if (bucket < 2 * HISTOGRAM_HALF)
        return bucket;
    unsigned power = (bucket - 2 * HISTOGRAM_HALF) / HISTOGRAM_HALF, within = bucket % HISTOGRAM_HALF;
    return ((uint64_t)(HISTOGRAM_HALF + within + 1) << (power + 1)) - 1;
}

void gee_histogram_add(histogram_t *histogram, int64_t nanoseconds) {
    uint64_t value = nanoseconds > 0 ? (uint64_t)nanoseconds : 0;
    if (histogram->count++ == 0 || value < histogram->least)
        histogram->least = value;
    if (value > histogram->most)
        histogram->most = value;
    histogram->sum += (double)value;
    histogram->buckets[bucket_of(value)]++;
}

void gee_histogram_merge(histogram_t *histogram, const histogram_t *other) {
    if (other->count == 0)
        return;
    if (histogram->count == 0 || other->least < histogram->least)
        histogram->least = other->least;
    if (other->most > histogram->most)
        histogram->most = other->most;
    histogram->count += other->count;
    histogram->sum += other->sum;
    for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++)
        histogram->buckets[i] += other->buckets[i];
}

uint64_t gee_histogram_quantile(const histogram_t *histogram, double share) {
    uint64_t seen = 0;
    for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++) {
        seen += histogram->buckets[i];
        if (seen > 0 && (double)seen >= share * (double)histogram->count)
            return i == HISTOGRAM_BUCKETS - 1 || bucket_end(i) > histogram->most ? histogram->most : bucket_end(i);
    }
    return histogram->most;
}

double gee_histogram_mean(const histogram_t *histogram) {
    return histogram->count ? histogram->sum / (double)histogram->count : 0;
}
