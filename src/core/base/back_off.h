/* back_off.h: how long to wait before trying again: longer each time, and never in step with others who wait too. */
#ifndef GEE_BASE_BACK_OFF_H
#define GEE_BASE_BACK_OFF_H

#include "core/base/random.h"

/* Begins zeroed; success sets the state to zero again. */
typedef struct gee_back_off {
    int64_t last_ns;
} gee_back_off_t;

/* `delay_ns` or up to a tenth less. `random`: base/random.h. */
static inline int64_t gee_jitter(int64_t delay_ns, uint64_t *random) {
    return delay_ns - (int64_t)gee_random_below(random, (uint64_t)delay_ns / 10 + 1);
}

/* The time until the next attempt: `first_ns`, then double the last time, up to `longest_ns`; a random part, at most
 * half, is taken off. */
static inline int64_t gee_back_off_next(gee_back_off_t *back_off, int64_t first_ns, int64_t longest_ns,
                                        uint64_t *random) {
    int64_t next = back_off->last_ns == 0               ? first_ns
                   : back_off->last_ns < longest_ns / 2 ? 2 * back_off->last_ns
                                                        : longest_ns;
    back_off->last_ns = next < longest_ns ? next : longest_ns;
    return back_off->last_ns - (int64_t)gee_random_below(random, (uint64_t)back_off->last_ns / 2 + 1);
}

#endif
