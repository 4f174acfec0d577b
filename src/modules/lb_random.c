/* lb_random: a server at random, as often as its weight says. */
#include <gee/balancer.h>

typedef struct state {
    gee_candidates_t list; /* first: gee_candidates_changed() */
    uint64_t random;
} state_t;

static int random_start(void *data, uint64_t seed, gee_error_t *error GEE_UNUSED) {
    state_t *state = data;
    state->random = seed;
    return 0;
}

static gee_candidate_t *pick(void *data, const gee_pick_t *pick) {
    state_t *state = data;
    return gee_candidates_draw(&state->list, pick, NULL, &state->random);
}

static const gee_balancer_t balancer = {
    .name = "random",
    .state_size = sizeof(state_t),
    .start = random_start,
    .changed = gee_candidates_changed,
    .pick = pick,
};

extern const gee_module_t gee_lb_random_module;
const gee_module_t gee_lb_random_module = {
    .abi = GEE_MODULE_ABI, .kind = GEE_MODULE_BALANCER, .name = "lb_random", .interface = &balancer
};
