/* balancer.h: the interface of balancer modules: which of several servers gets the next call.
 *
 *   changed(list) ... pick(key, tried, now) -> candidate --the call--> done(candidate, outcome, latency)
 *
 * A balancer is pure: it sees no socket, no clock and no request, and takes its random numbers from the seed that it
 * was given; the same calls in the same order give the same picks. Nothing blocks, nothing allocates but start and
 * changed. One thread. The core (upstream.c, backend.c) allocates all states. One suite,
 * tests/contract/balancer_contract.c, holds every balancer to this contract. */
#ifndef GEE_GATEWAY_BALANCER_H
#define GEE_GATEWAY_BALANCER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/error.h"

/* One server as a balancer sees it. The core writes all members, at any time between two calls; `state` is the
 * balancer's. */
typedef struct gee_candidate {
    uint64_t identity; /* of its address: the same in every process, list and run */
    uint32_t weight;   /* 1 to 65,535 */
    bool available;    /* may be picked now: not down, not full, not being drained */
    size_t in_flight;  /* its calls without an answer, those that their callers gave up included */
    void *state; /* candidate_state_size bytes: zeroed when the server came into the list, kept while it is in it */
} gee_candidate_t;

typedef enum gee_outcome {
    GEE_OUTCOME_REPLIED,  /* a reply came; an error reply is one */
    GEE_OUTCOME_FAILED,   /* no answer: it could not be reached, the connection was lost, the time was over */
    GEE_OUTCOME_ABANDONED /* the caller went away, which says nothing about the server */
} gee_outcome_t;

typedef struct gee_pick {
    uint64_t key;                  /* hash of the call's key; for a balancer with `keyed` */
    gee_candidate_t *const *tried; /* where this call has failed already: not to be picked again */
    size_t tried_count;
    int64_t now_ns; /* never goes back */
} gee_pick_t;

typedef struct gee_balancer {
    const char *name; /* "roundrobin" */
    size_t state_size;
    size_t candidate_state_size;
    bool keyed; /* pick() looks at the key, so the caller is to make one */

    /* Optional. The state is zeroed. */
    int (*start)(void *state, uint64_t seed, gee_error_t *error);
    /* Mandatory. The whole list, in its order, each identity once; also when only weights have changed. Candidates that
     * stay have the same address and state as before; of those that went, the balancer forgets everything. The array is
     * the core's and stays until the next changed() or stop(). -1: the list before stays in force, as it was. */
    int (*changed)(void *state, gee_candidate_t *const *candidates, size_t count, gee_error_t *error);
    /* Mandatory. One that is available and not among the tried; null when there is none. */
    gee_candidate_t *(*pick)(void *state, const gee_pick_t *pick);
    /* Optional. Exactly once for each pick that gave a candidate which is still in the list. `latency_ns`: from the
     * pick to the outcome. */
    void (*done)(void *state, gee_candidate_t *candidate, gee_outcome_t outcome, int64_t latency_ns, int64_t now_ns);
    /* Optional. Frees what the state holds. */
    void (*stop)(void *state);
} gee_balancer_t;

/* May this call go there? */
static inline bool gee_candidate_open(const gee_candidate_t *candidate, const gee_pick_t *pick) {
    for (size_t i = 0; i < pick->tried_count; i++)
        if (pick->tried[i] == candidate)
            return false;
    return candidate->available;
}

#endif
