/* candidates.h: what several balancers need: the list that they keep, and a weighted draw from it. */
#ifndef GEE_GATEWAY_CANDIDATES_H
#define GEE_GATEWAY_CANDIDATES_H

#include "core/gateway/balancer.h"

typedef struct gee_candidates {
    gee_candidate_t *const *items;
    size_t count;
} gee_candidates_t;

/* The member `changed` of a balancer that need only know the list: its state begins with a gee_candidates_t. */
int gee_candidates_changed(void *state, gee_candidate_t *const *candidates, size_t count, gee_error_t *error);

/* A candidate that is open to the call and is not `except` (which may be null), with a probability in proportion to
 * its weight; null when there is none. One number is taken from `random` (base/random.h). Linear. */
gee_candidate_t *gee_candidates_draw(const gee_candidates_t *list, const gee_pick_t *pick,
                                     const gee_candidate_t *except, uint64_t *random);

#endif
