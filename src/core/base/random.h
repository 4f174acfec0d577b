/* random.h: pseudo-random numbers from a seed (SplitMix64): for choices and jitter, never for secrets.
 *
 * The whole state is one word of the caller's; the same seed gives the same numbers everywhere. */
#ifndef GEE_BASE_RANDOM_H
#define GEE_BASE_RANDOM_H

#include <stdint.h>

/* One to one; every bit of the number reaches every bit of the result. */
static inline uint64_t gee_random_mix(uint64_t number) {
    number = (number ^ number >> 30) * 0xbf58476d1ce4e5b9U;
    number = (number ^ number >> 27) * 0x94d049bb133111ebU;
    return number ^ number >> 31;
}

static inline uint64_t gee_random_next(uint64_t *state) {
    *state += 0x9e3779b97f4a7c15U;
    return gee_random_mix(*state);
}

/* 0 to bound - 1; 0 when the bound is 0. The bias is below bound / 2^64. */
static inline uint64_t gee_random_below(uint64_t *state, uint64_t bound) {
    return (uint64_t)((unsigned __int128)gee_random_next(state) * bound >> 64);
}

#endif
