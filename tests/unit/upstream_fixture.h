/* upstream_fixture.h: an upstream with up to three servers. Servers and caller share one loop, on the test's thread. */
#ifndef TEST_UPSTREAM_FIXTURE_H
#define TEST_UPSTREAM_FIXTURE_H

#include "listener_fixture.h"

#include "core/gateway/upstream.h"
#include "core/rpc/engine_private.h"

/* ---- a balancer that takes the first that is open ---- */

typedef struct first_state {
    gee_candidate_t *const *candidates;
    size_t count;
} first_state_t;
static size_t picks, dones;
static gee_outcome_t last_outcome;

static inline int first_changed(void *state, gee_candidate_t *const *candidates, size_t count,
                                gee_error_t *error GEE_UNUSED) {
    *(first_state_t *)state = (first_state_t){ candidates, count };
    return 0;
}
static inline gee_candidate_t *first_pick(void *state, const gee_pick_t *pick) {
    first_state_t *first = state;
    for (size_t i = 0; i < first->count; i++)
        if (gee_candidate_open(first->candidates[i], pick)) {
            picks++;
            return first->candidates[i];
        }
    return NULL;
}
static inline void first_done(void *state GEE_UNUSED, gee_candidate_t *candidate GEE_UNUSED, gee_outcome_t outcome,
                              int64_t latency_ns GEE_UNUSED, int64_t now_ns GEE_UNUSED) {
    dones++;
    last_outcome = outcome;
}
static const gee_balancer_t first_balancer = { .name = "first",
                                               .state_size = sizeof(first_state_t),
                                               .changed = first_changed,
                                               .pick = first_pick,
                                               .done = first_done };

/* ---- the caller ---- */

typedef struct world {
    fixture_t *fixture;
    listener_t listeners[3];
    gee_upstream_t *upstream;
    size_t changes;
} world_t;

typedef struct answer {
    gee_upstream_call_t call;
    pair_t pair;
    size_t ended;
    gee_code_t code;
    bool from_peer;
    unsigned tries;
    gee_error_t error; /* as gee_upstream_error() has it */
} answer_t;

static inline void on_done(gee_upstream_call_t *call, const gee_upstream_result_t *result) {
    answer_t *answer = GEE_CONTAINER(call, answer_t, call);
    answer->ended++;
    answer->code = result->status.code;
    answer->from_peer = result->from_peer;
    answer->tries = result->tries;
    gee_upstream_error(result, &answer->error);
}

static inline gee_upstream_options_t options_of(const char *codec) {
    return (gee_upstream_options_t){
        .name = "test",
        .balancer = &first_balancer,
        .settings = { .protocol = gee_module_find(gee_modules, GEE_MODULE_PROTOCOL, GEE_STR("geerpc")),
                      .setup = { .codec = gee_module_find(gee_modules, GEE_MODULE_CODEC, gee_str(codec)) } },
        .limits = { .connections = 1,
                    .connect_timeout = 5 * GEE_SECOND,
                    .queue = 10,
                    .retries = 2,
                    .retry_budget = 20,
                    .fails = 1,
                    .fail_timeout = 10 * GEE_SECOND },
        .seed = 7,
    };
}

static inline void world_create(world_t *world, size_t servers, const gee_upstream_options_t *options) {
    gee_error_t error = { 0 };
    gee_server_t list[3] = { 0 };
    memset(world, 0, sizeof(*world));
    picks = dones = 0;
    world->fixture = fixture_create(NULL, NULL);
    for (size_t i = 0; i < 3; i++)
        listen_on(&world->listeners[i], world->fixture);
    for (size_t i = 0; i < servers; i++)
        list[i].address = world->listeners[i].address;
    world->upstream = gee_upstream_create(world->fixture->engine, options, &error);
    assert_non_null(world->upstream);
    assert_int_equal(gee_upstream_set_servers(world->upstream, list, servers, &error), 0);
}

#define TURN_UNTIL(world, condition)                                                                                   \
    do {                                                                                                               \
        int64_t give_up = gee_clock_monotonic() + 5 * GEE_SECOND;                                                      \
        while (!(condition) && gee_clock_monotonic() < give_up)                                                        \
            assert_int_equal(gee_loop_once((world)->fixture->loop, GEE_MILLISECOND), 0);                               \
        assert_true(condition);                                                                                        \
    } while (0)

static inline void world_destroy(world_t *world) {
    assert_int_equal(gee_upstream_waiting(world->upstream), 0);
    for (size_t i = 0; i < gee_upstream_backend_count(world->upstream); i++) {
        gee_backend_report_t report;
        gee_backend_report(gee_upstream_backend(world->upstream, i), &report);
        assert_int_equal(report.in_flight, 0);
    }
    assert_int_equal(picks, dones);
    gee_upstream_destroy(&world->upstream);
    for (size_t i = 0; i < 3; i++) {
        stop_listening(&world->listeners[i]);
        for (size_t j = 0; world->listeners[i].silent && j < world->listeners[i].accepted; j++)
            close(world->listeners[i].silent_ends[j]);
    }
    kill_sessions(world->fixture);
    TURN_UNTIL(world, world->fixture->engine->session_count == 0 && !gee_loop_lingering(world->fixture->loop));
    fixture_destroy(world->fixture);
}

static inline void begin(world_t *world, answer_t *answer, const char *method, int64_t timeout_ns) {
    *answer = (answer_t){ .pair = { 6, 7 } };
    answer->call = (gee_upstream_call_t){
        .method = gee_str(method),
        .payload = { .kind = GEE_PAYLOAD_TYPED, .type = GEE_TYPE_OF(pair_t), .typed = &answer->pair },
        .deadline_ns = timeout_ns ? gee_loop_now(world->fixture->loop) + timeout_ns : INT64_MAX,
        .timeout_ns = timeout_ns,
        .done = on_done
    };
}

static inline void go(world_t *world, answer_t *answer, const char *method, int64_t timeout_ns) {
    begin(world, answer, method, timeout_ns);
    gee_upstream_call(world->upstream, &answer->call);
    assert_int_equal(answer->ended, 0); /* never from inside */
}

static inline void expect(world_t *world, answer_t *answer, gee_code_t code) {
    TURN_UNTIL(world, answer->ended > 0);
    assert_int_equal(answer->ended, 1);
    if (answer->code != code)
        fail_msg("%d instead of %d: %s", answer->code, code, answer->error.text);
}

static inline gee_backend_report_t report_of(const world_t *world, size_t n) {
    gee_backend_report_t report;
    gee_backend_report(gee_upstream_backend(world->upstream, n), &report);
    return report;
}

static inline void finish_kept(void) {
    assert_non_null(kept_call);
    gee_reply(kept_call);
    kept_call = NULL;
}

#endif
