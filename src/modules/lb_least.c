/* lb_least: of two servers drawn at random by weight, the server that is likely to answer sooner.
 *
 *   cost = latency x (1 + calls in flight / weight)
 *
 * Two choices suffice to spread the load nearly as evenly as asking all of them, and leave no server that everybody
 * runs to at once. The server drawn first has the call unless the second is clearly cheaper: among servers that are
 * about equal the weights decide, not chance. The latency is a moving average over AVERAGED. While a server is neither
 * picked nor answers, its average counts for less and less: so a slow server is tried again, by one call at a time,
 * since a pick restores the average. A server that has not answered yet is compared by calls in flight alone, and so
 * gets its share, but no more. A failure counts as an answer that took FAILURE longer. */
#include <gee/balancer.h>

#include <math.h>

#define AVERAGED    (10.0 * GEE_SECOND)
#define FAILURE     (1.0 * GEE_SECOND)
#define LONGEST     (60.0 * GEE_SECOND) /* an answer that took longer counts as this */
#define LEAST_SHARE (1.0 / 256)         /* of one answer in the average, however many answers come at once */
#define WORTH_IT    0.75                /* a second server below this times the first one's cost is taken */

typedef struct state {
    gee_candidates_t list; /* first: gee_candidates_changed() */
    uint64_t random;
} state_t;

typedef struct record {
    double average_ns; /* 0: not known yet */
    int64_t heard_ns;  /* the last outcome */
    int64_t used_ns;   /* the last pick or outcome */
} record_t;

static int least_start(void *data, uint64_t seed, gee_error_t *error GEE_UNUSED) {
    state_t *state = data;
    state->random = seed;
    return 0;
}

static double latency(const gee_candidate_t *candidate, int64_t now_ns) {
    const record_t *record = candidate->state;
    return record->average_ns * exp(-(double)(now_ns - record->used_ns) / AVERAGED);
}

static double crowding(const gee_candidate_t *candidate) {
    return 1 + (double)candidate->in_flight / candidate->weight;
}

static bool clearly_cheaper(const gee_candidate_t *other, const gee_candidate_t *first, int64_t now_ns) {
    double others = latency(other, now_ns), firsts = latency(first, now_ns);
    if (others <= 0 || firsts <= 0)
        others = firsts = 1;
    return others * crowding(other) < WORTH_IT * firsts * crowding(first);
}

static gee_candidate_t *pick(void *data, const gee_pick_t *pick) {
    state_t *state = data;
    gee_candidate_t *best = gee_candidates_draw(&state->list, pick, NULL, &state->random);
    if (best == NULL)
        return NULL;
    gee_candidate_t *other = gee_candidates_draw(&state->list, pick, best, &state->random);
    if (other != NULL && clearly_cheaper(other, best, pick->now_ns))
        best = other;
    ((record_t *)best->state)->used_ns = pick->now_ns;
    return best;
}

static void done(void *state GEE_UNUSED, gee_candidate_t *candidate, gee_outcome_t outcome, int64_t latency_ns,
                 int64_t now_ns) {
    record_t *record = candidate->state;
    double took = fmax((double)latency_ns, 1);
    if (outcome == GEE_OUTCOME_ABANDONED)
        return;
    if (outcome == GEE_OUTCOME_FAILED) /* a server that refuses at once must not look fast */
        took = fmax(took, record->average_ns) + FAILURE;
    took = fmin(took, LONGEST);
    /* Answers of long ago weigh little beside this answer. */
    double share = fmax(1 - exp(-(double)(now_ns - record->heard_ns) / AVERAGED), LEAST_SHARE);
    record->average_ns += record->average_ns > 0 ? share * (took - record->average_ns) : took;
    record->heard_ns = record->used_ns = now_ns;
}

static const gee_balancer_t balancer = {
    .name = "least",
    .state_size = sizeof(state_t),
    .candidate_state_size = sizeof(record_t),
    .start = least_start,
    .changed = gee_candidates_changed,
    .pick = pick,
    .done = done,
};

extern const gee_module_t gee_lb_least_module;
const gee_module_t gee_lb_least_module = {
    .abi = GEE_MODULE_ABI, .kind = GEE_MODULE_BALANCER, .name = "lb_least", .interface = &balancer
};
