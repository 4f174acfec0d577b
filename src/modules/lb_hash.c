/* lb_hash: calls with the same key go to the same server, as long as that server is in the list and not overloaded.
 *
 * Weighted rendezvous hashing: a key gives every server a score, and the highest one takes the call. The score depends
 * on the key, the server's identity and its weight alone: so every process agrees without a table, whatever the order
 * of its list, and when one server of n comes or goes, one key in n moves.
 *
 * Bounded load: a server with more than LOAD times its share of the calls in flight is passed over, and the server with
 * the key's next score takes the call. That server differs from key to key, so the calls spread. */
#include <gee/balancer.h>

#include <math.h>

#define LOAD        1.25
#define NO_LOAD_YET 8 /* with so few calls at a time nobody is overloaded: keys keep to their server */

/* Weights and calls in flight, summed over the candidates that are open to this call. */
typedef struct load {
    double weights;
    double in_flight; /* this call included */
} load_t;

static load_t measure(const gee_candidates_t *list, const gee_pick_t *pick) {
    load_t load = { .in_flight = 1 };
    for (size_t i = 0; i < list->count; i++)
        if (gee_candidate_open(list->items[i], pick)) {
            load.weights += list->items[i]->weight;
            load.in_flight += (double)list->items[i]->in_flight;
        }
    return load;
}

/* At least one measured candidate is not overloaded: together the candidates may have LOAD times their calls. */
static bool overloaded(const gee_candidate_t *candidate, const load_t *load) {
    return candidate->in_flight >= NO_LOAD_YET &&
           (double)candidate->in_flight >= ceil(LOAD * load->in_flight * candidate->weight / load->weights);
}

/* Result: above 0, at most 1. */
static double draw(const gee_candidate_t *candidate, uint64_t key) {
    uint64_t bits = gee_random_mix(gee_random_mix(candidate->identity) ^ key);
    return ((double)(bits >> 11) + 0.5) * 0x1p-53;
}

/* Is the score of `drawn`, log(drawn) / weight, higher than *best? Sets *best when it is. Since log(x) < x - 1, no
 * logarithm is computed for most servers of a long list. */
static bool beats(double drawn, uint32_t weight, double *best) {
    if ((drawn - 1) / weight < *best)
        return false;
    double score = log(drawn) / weight;
    if (score < *best)
        return false;
    *best = score;
    return true;
}

static gee_candidate_t *pick(void *data, const gee_pick_t *pick) {
    const gee_candidates_t *list = data;
    gee_candidate_t *found = NULL;
    double best = -INFINITY;
    load_t load = measure(list, pick);
    for (size_t i = 0; i < list->count; i++) {
        gee_candidate_t *candidate = list->items[i];
        if (gee_candidate_open(candidate, pick) && !overloaded(candidate, &load) &&
            beats(draw(candidate, pick->key), candidate->weight, &best))
            found = candidate;
    }
    return found;
}

static const gee_balancer_t balancer = {
    .name = "hash",
    .state_size = sizeof(gee_candidates_t),
    .keyed = true,
    .changed = gee_candidates_changed,
    .pick = pick,
};

extern const gee_module_t gee_lb_hash_module;
const gee_module_t gee_lb_hash_module = {
    .abi = GEE_MODULE_ABI, .kind = GEE_MODULE_BALANCER, .name = "lb_hash", .interface = &balancer
};
