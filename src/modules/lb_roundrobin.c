/* lb_roundrobin: the servers in turn, a heavier one more often, its turns spread out: weights 5, 1, 1 give a a b a c a
 * a.
 *
 * Smooth weighted round robin, as nginx has it: with each call every server that may be picked earns credit by its
 * weight, the server with the most credit gets the call and pays the sum that all have earned. So the sum of all
 * credits stays 0, and credits stay small beside the sum of the weights. */
#include <gee/balancer.h>

typedef struct credit {
    int64_t amount;
} credit_t;

static int64_t *credit_of(const gee_candidate_t *candidate) {
    return &((credit_t *)candidate->state)->amount;
}

/* When servers leave or weights change, the remaining credits may be far beyond the credits that the new list can earn
 * in a few calls, and a server deep in debt would not be picked for long. This brings the credits back: each to within
 * the sum of the weights, their sum to about 0. Where nothing has changed the credits stay as they are. */
static void settle(gee_candidate_t *const *candidates, size_t count) {
    int64_t weights = 0, sum = 0;
    for (size_t i = 0; i < count; i++)
        weights += candidates[i]->weight;
    for (size_t i = 0; i < count; i++) {
        int64_t *credit = credit_of(candidates[i]);
        if (*credit > weights)
            *credit = weights;
        else if (*credit < -weights)
            *credit = -weights;
        sum += *credit;
    }
    int64_t surplus = count > 0 ? sum / (int64_t)count : 0;
    for (size_t i = 0; i < count; i++)
        *credit_of(candidates[i]) -= surplus;
}

static int changed(void *state, gee_candidate_t *const *candidates, size_t count, gee_error_t *error) {
    settle(candidates, count);
    return gee_candidates_changed(state, candidates, count, error);
}

static gee_candidate_t *pick(void *data, const gee_pick_t *pick) {
    const gee_candidates_t *list = data;
    gee_candidate_t *best = NULL;
    int64_t earned = 0;
    if (list->count == 1) /* a single server pays its own earnings */
        return gee_candidate_open(list->items[0], pick) ? list->items[0] : NULL;
    for (size_t i = 0; i < list->count; i++) {
        gee_candidate_t *candidate = list->items[i];
        if (!gee_candidate_open(candidate, pick))
            continue;
        *credit_of(candidate) += candidate->weight;
        earned += candidate->weight;
        if (best == NULL || *credit_of(candidate) > *credit_of(best))
            best = candidate;
    }
    if (best != NULL)
        *credit_of(best) -= earned;
    return best;
}

static const gee_balancer_t balancer = {
    .name = "roundrobin",
    .state_size = sizeof(gee_candidates_t),
    .candidate_state_size = sizeof(credit_t),
    .changed = changed,
    .pick = pick,
};

extern const gee_module_t gee_lb_roundrobin_module;
const gee_module_t gee_lb_roundrobin_module = {
    .abi = GEE_MODULE_ABI, .kind = GEE_MODULE_BALANCER, .name = "lb_roundrobin", .interface = &balancer
};
