/* candidates.c: keeping the list of candidates, and drawing one by weight. */
#include "core/gateway/candidates.h"

#include "core/base/defs.h"
#include "core/base/random.h"

int gee_candidates_changed(void *state, gee_candidate_t *const *candidates, size_t count,
                           gee_error_t *error GEE_UNUSED) {
    *(gee_candidates_t *)state = (gee_candidates_t){ candidates, count };
    return 0;
}

/* Its share of the draw: 0 when it takes no part. */
static uint32_t tickets(const gee_candidate_t *candidate, const gee_pick_t *pick, const gee_candidate_t *except) {
    return candidate != except && gee_candidate_open(candidate, pick) ? candidate->weight : 0;
}

gee_candidate_t *gee_candidates_draw(const gee_candidates_t *list, const gee_pick_t *pick,
                                     const gee_candidate_t *except, uint64_t *random) {
    uint64_t total = 0;
    for (size_t i = 0; i < list->count; i++)
        total += tickets(list->items[i], pick, except);
    if (total == 0)
        return NULL;
    uint64_t drawn = gee_random_below(random, total);
    for (size_t i = 0;; i++) {
        uint32_t share = tickets(list->items[i], pick, except);
        if (drawn < share)
            return list->items[i];
        drawn -= share;
    }
}
