/* balancing.h: a balancer and its list of servers, kept as the core keeps them: states of their own, the array new with
 * every change, and what left the list freed, so that a sanitizer sees who still looks there. No socket, no clock. */
#ifndef TEST_BALANCING_H
#define TEST_BALANCING_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include <gee.h>

typedef struct balancing {
    const gee_balancer_t *balancer;
    void *state;
    gee_candidate_t **list;
    size_t count;
    int64_t now_ns;
    uint64_t outcomes; /* that were told */
} balancing_t;

static inline void *zeroed(size_t size) {
    void *memory = calloc(1, size > 0 ? size : 1);
    assert_non_null(memory);
    return memory;
}

static inline gee_candidate_t *find_candidate(const balancing_t *balancing, uint64_t identity) {
    for (size_t i = 0; i < balancing->count; i++)
        if (balancing->list[i]->identity == identity)
            return balancing->list[i];
    return NULL;
}

static inline gee_candidate_t *new_candidate(const gee_balancer_t *balancer, uint64_t identity) {
    gee_candidate_t *candidate = zeroed(sizeof *candidate);
    candidate->identity = identity;
    candidate->available = true;
    candidate->state = zeroed(balancer->candidate_state_size);
    return candidate;
}

/* The whole list: servers by identity, each with its weight. Those that stay keep all that they have. */
static inline void set_servers(balancing_t *balancing, const uint64_t *identities, const uint32_t *weights,
                               size_t count) {
    gee_error_t error;
    gee_candidate_t **list = zeroed(count * sizeof(gee_candidate_t *)), **old = balancing->list;
    for (size_t i = 0; i < count; i++) {
        list[i] = find_candidate(balancing, identities[i]);
        if (list[i] == NULL)
            list[i] = new_candidate(balancing->balancer, identities[i]);
        list[i]->weight = weights[i];
    }
    if (balancing->balancer->changed(balancing->state, list, count, &error) != 0)
        fail_msg("%s: %s", balancing->balancer->name, error.text);
    size_t old_count = balancing->count;
    balancing->list = list;
    balancing->count = count;
    for (size_t i = 0; i < old_count; i++)
        if (find_candidate(balancing, old[i]->identity) == NULL) {
            free(old[i]->state);
            free(old[i]);
        }
    free(old);
}

static inline balancing_t start_balancing(const gee_balancer_t *balancer, uint64_t seed) {
    gee_error_t error;
    balancing_t balancing = { .balancer = balancer, .state = zeroed(balancer->state_size), .now_ns = GEE_SECOND };
    if (balancer->start != NULL && balancer->start(balancing.state, seed, &error) != 0)
        fail_msg("%s: %s", balancer->name, error.text);
    set_servers(&balancing, NULL, NULL, 0);
    return balancing;
}

/* Identities are hashes of addresses; these are those of servers 0, 1, 2 ... */
static inline uint64_t identity_of(size_t server) {
    return gee_siphash((const uint64_t[2]){ 0, 0 }, &server, sizeof server);
}

#define MOST_SERVERS 1000

/* Servers 0 to count - 1; their weights from an array, or all the same. */
static inline void set_weights(balancing_t *balancing, const uint32_t *weights, uint32_t weight, size_t count) {
    uint64_t identities[MOST_SERVERS];
    uint32_t copies[MOST_SERVERS];
    assert_true(count <= MOST_SERVERS);
    for (size_t i = 0; i < count; i++) {
        identities[i] = identity_of(i);
        copies[i] = weights ? weights[i] : weight;
    }
    set_servers(balancing, identities, copies, count);
}

static inline balancing_t balance(const gee_balancer_t *balancer, uint64_t seed, const uint32_t *weights,
                                  uint32_t weight, size_t count) {
    balancing_t balancing = start_balancing(balancer, seed);
    set_weights(&balancing, weights, weight, count);
    return balancing;
}

static inline void stop_balancing(balancing_t *balancing) {
    if (balancing->balancer->stop != NULL)
        balancing->balancer->stop(balancing->state);
    for (size_t i = 0; i < balancing->count; i++) {
        free(balancing->list[i]->state);
        free(balancing->list[i]);
    }
    free(balancing->list);
    free(balancing->state);
}

static inline gee_candidate_t *try_pick(balancing_t *balancing, uint64_t key, gee_candidate_t *const *tried,
                                        size_t tried_count) {
    const gee_pick_t pick = { .key = key, .tried = tried, .tried_count = tried_count, .now_ns = balancing->now_ns };
    gee_candidate_t *picked = balancing->balancer->pick(balancing->state, &pick);
    if (picked != NULL) {
        assert_ptr_equal(find_candidate(balancing, picked->identity), picked);
        assert_true(gee_candidate_open(picked, &pick));
        picked->in_flight++;
    }
    return picked;
}

static inline gee_candidate_t *pick_for(balancing_t *balancing, uint64_t key) {
    gee_candidate_t *picked = try_pick(balancing, key, NULL, 0);
    assert_non_null(picked);
    return picked;
}

static inline void tell(balancing_t *balancing, gee_candidate_t *candidate, gee_outcome_t outcome, int64_t latency_ns) {
    assert_true(candidate->in_flight > 0);
    candidate->in_flight--;
    balancing->outcomes++;
    if (balancing->balancer->done != NULL)
        balancing->balancer->done(balancing->state, candidate, outcome, latency_ns, balancing->now_ns);
}

/* A call that is answered in a millisecond; the number of the server that had it. */
static inline size_t call_for(balancing_t *balancing, uint64_t key) {
    gee_candidate_t *picked = pick_for(balancing, key);
    balancing->now_ns += GEE_MILLISECOND;
    tell(balancing, picked, GEE_OUTCOME_REPLIED, GEE_MILLISECOND);
    for (size_t i = 0; i < balancing->count; i++)
        if (balancing->list[i] == picked)
            return i;
    fail();
    return 0;
}

/* Pearson's, of counts against shares. With count - 1 degrees of freedom a right distribution is above the bound once
 * in a thousand seeds; those of the tests are fixed. */
static inline double chi_square(const size_t *counts, const uint32_t *weights, size_t count) {
    double total = 0, shares = 0, sum = 0;
    for (size_t i = 0; i < count; i++) {
        total += (double)counts[i];
        shares += weights[i];
    }
    for (size_t i = 0; i < count; i++) {
        double expected = total * weights[i] / shares, off = (double)counts[i] - expected;
        sum += off * off / expected;
    }
    return sum;
}
#define CHI_SQUARE_3 16.27 /* degrees of freedom; p = 0.001 */
#define CHI_SQUARE_4 18.47
#define CHI_SQUARE_9 27.88

#endif
