/* balancers_test.c: what each of the balancers promises beyond the contract (tests/contract/balancer_contract.c): who
 * gets how many calls, in which order, and when that changes. All of it is computed: no socket, no clock. */
#include "support/balancing.h"

#include <math.h>

#define NEED(balancer, wanted)                                                                                         \
    const gee_balancer_t *balancer = gee_module_find(gee_modules, GEE_MODULE_BALANCER, gee_str(wanted));               \
    if (balancer == NULL)                                                                                              \
    skip()

/* ---- random ---- */

static void random_follows_the_weights(void **state) {
    (void)state;
    NEED(balancer, "random");
    static const uint32_t weights[] = { 1, 100, 20, 4, 300, 2, 50, 10, 7, 5 };
    size_t counts[10] = { 0 }, again[10] = { 0 };
    balancing_t balancing = balance(balancer, 42, weights, 0, 10);
    for (int i = 0; i < 100000; i++)
        counts[call_for(&balancing, 0)]++;
    assert_true(chi_square(counts, weights, 10) < CHI_SQUARE_9);
    assert_true(chi_square(counts, weights, 10) > 1.15); /* nor is it too even to be chance: p = 0.999 */
    for (size_t i = 0; i < 10; i++)
        balancing.list[i]->available = i % 2 == 0;
    for (int i = 0; i < 100000; i++)
        again[call_for(&balancing, 0)]++;
    const size_t open[] = { again[0], again[2], again[4], again[6], again[8] };
    assert_true(chi_square(open, (const uint32_t[]){ 1, 20, 300, 50, 7 }, 5) < CHI_SQUARE_4);
    assert_int_equal(again[1] + again[3] + again[5] + again[7] + again[9], 0);
    stop_balancing(&balancing);
}

/* ---- roundrobin ---- */

static void roundrobin_is_smooth(void **state) {
    (void)state;
    NEED(balancer, "roundrobin");
    static const uint32_t weights[] = { 5, 1, 1 };
    size_t counts[3] = { 0 };
    balancing_t balancing = balance(balancer, 0, weights, 0, 3);
    for (int i = 0; i < 700; i++) {
        size_t server = call_for(&balancing, 0);
        assert_int_equal("aabacaa"[i % 7], 'a' + (int)server);
        counts[server]++;
    }
    assert_int_equal(counts[0], 500);
    assert_int_equal(counts[1], 100);
    assert_int_equal(counts[2], 100);
    stop_balancing(&balancing);
}

static void roundrobin_goes_on_where_it_was(void **state) {
    (void)state;
    NEED(balancer, "roundrobin");
    balancing_t balancing = balance(balancer, 0, NULL, 1, 3);
    assert_int_equal(call_for(&balancing, 0), 0);
    set_weights(&balancing, NULL, 1, 4); /* the new one has its turn, those that were there keep theirs */
    assert_int_equal(call_for(&balancing, 0), 1);
    assert_int_equal(call_for(&balancing, 0), 2);
    assert_int_equal(call_for(&balancing, 0), 3);
    assert_int_equal(call_for(&balancing, 0), 0);
    stop_balancing(&balancing);
}

static void a_server_that_is_back_gets_its_share_and_no_more(void **state) {
    (void)state;
    NEED(balancer, "roundrobin");
    balancing_t balancing = balance(balancer, 0, NULL, 7, 3);
    size_t counts[3] = { 0 };
    call_for(&balancing, 0);
    balancing.list[1]->available = false;
    for (int i = 0; i < 1001; i++)
        call_for(&balancing, 0);
    balancing.list[1]->available = true;
    for (int i = 0; i < 30; i++)
        counts[call_for(&balancing, 0)]++;
    assert_in_range(counts[1], 9, 11);
    stop_balancing(&balancing);
}

/* Debts from a time of great weights, and of servers that are gone, are not worked off for thousands of calls. */
static void roundrobin_is_not_bound_by_old_weights(void **state) {
    (void)state;
    NEED(balancer, "roundrobin");
    static const uint32_t weights[] = { 65535, 40000, 65535, 1 };
    for (int before = 0; before < 20; before++) {
        balancing_t balancing = balance(balancer, 0, weights, 0, 4);
        size_t counts[3] = { 0 };
        for (int i = 0; i < before; i++)
            call_for(&balancing, 0);
        set_weights(&balancing, NULL, 2, 3);
        for (int i = 0; i < 30; i++)
            counts[call_for(&balancing, 0)]++;
        for (size_t i = 0; i < 3; i++)
            assert_in_range(counts[i], 6, 14);
        stop_balancing(&balancing);
    }
}

/* ---- least ---- */

/* Callers, each with one call at a time, and servers that take a fixed time, whatever their load. */
enum { CALLERS = 20 };
#define NEVER INT64_MAX

typedef struct simulation {
    balancing_t balancing;
    int64_t takes_ns[10];
    bool fails[10];
    size_t counts[10], most_in_flight[10];
    struct {
        gee_candidate_t *candidate;
        int64_t began_ns, ends_ns;
    } calls[CALLERS];
    size_t callers;
} simulation_t;

static size_t number_of(const simulation_t *simulation, const gee_candidate_t *candidate) {
    for (size_t i = 0; i < simulation->balancing.count; i++)
        if (simulation->balancing.list[i] == candidate)
            return i;
    fail();
    return 0;
}

static void begin(simulation_t *simulation, size_t caller) {
    gee_candidate_t *picked = pick_for(&simulation->balancing, 0);
    size_t server = number_of(simulation, picked);
    int64_t now = simulation->balancing.now_ns;
    simulation->counts[server]++;
    if (picked->in_flight > simulation->most_in_flight[server])
        simulation->most_in_flight[server] = picked->in_flight;
    simulation->calls[caller].candidate = picked;
    simulation->calls[caller].began_ns = now;
    simulation->calls[caller].ends_ns = gee_time_add(now, simulation->takes_ns[server]);
}

static void start_simulation(simulation_t *simulation, const gee_balancer_t *balancer, const uint32_t *weights,
                             size_t servers, size_t callers) {
    memset(simulation, 0, sizeof *simulation);
    simulation->balancing = balance(balancer, 7, weights, 1, servers);
    simulation->callers = callers;
    for (size_t i = 0; i < servers; i++)
        simulation->takes_ns[i] = GEE_MILLISECOND;
    for (size_t i = 0; i < callers; i++)
        begin(simulation, i);
}

/* Counts anew. */
static void run(simulation_t *simulation, int64_t duration_ns) {
    int64_t end_ns = simulation->balancing.now_ns + duration_ns;
    memset(simulation->counts, 0, sizeof simulation->counts);
    memset(simulation->most_in_flight, 0, sizeof simulation->most_in_flight);
    for (;;) {
        size_t next = 0;
        for (size_t i = 1; i < simulation->callers; i++)
            if (simulation->calls[i].ends_ns < simulation->calls[next].ends_ns)
                next = i;
        if (simulation->calls[next].ends_ns > end_ns)
            break;
        gee_candidate_t *candidate = simulation->calls[next].candidate;
        simulation->balancing.now_ns = simulation->calls[next].ends_ns;
        tell(&simulation->balancing, candidate,
             simulation->fails[number_of(simulation, candidate)] ? GEE_OUTCOME_FAILED : GEE_OUTCOME_REPLIED,
             simulation->balancing.now_ns - simulation->calls[next].began_ns);
        begin(simulation, next);
    }
    simulation->balancing.now_ns = end_ns;
}

static size_t total(const simulation_t *simulation) {
    size_t sum = 0;
    for (size_t i = 0; i < 10; i++)
        sum += simulation->counts[i];
    return sum;
}

static double share(const simulation_t *simulation, size_t server) {
    return (double)simulation->counts[server] / (double)total(simulation);
}

static void least_spares_the_slow_and_comes_back(void **state) {
    (void)state;
    NEED(balancer, "least");
    simulation_t simulation;
    start_simulation(&simulation, balancer, NULL, 5, 2);
    simulation.takes_ns[2] = 10 * GEE_MILLISECOND;
    run(&simulation, 2 * GEE_SECOND);
    run(&simulation, 200 * GEE_SECOND);
    print_message("least: a server 10x slower than four others has %.4f %% of the calls\n",
                  100 * share(&simulation, 2));
    assert_true(share(&simulation, 2) < 0.001);
    assert_in_range(simulation.counts[2], 5, 30); /* now and then it is looked at */
    simulation.takes_ns[2] = GEE_MILLISECOND;
    run(&simulation, 60 * GEE_SECOND);
    run(&simulation, 10 * GEE_SECOND);
    assert_true(share(&simulation, 2) > 0.15 && share(&simulation, 2) < 0.25);
    stop_balancing(&simulation.balancing);
}

/* While that call is under way, its server does not look better from second to second. */
static void least_looks_with_one_call_at_a_time(void **state) {
    (void)state;
    NEED(balancer, "least");
    simulation_t simulation;
    start_simulation(&simulation, balancer, NULL, 5, 10);
    simulation.takes_ns[2] = 10 * GEE_SECOND;
    run(&simulation, 60 * GEE_SECOND);
    run(&simulation, 600 * GEE_SECOND);
    assert_in_range(simulation.counts[2], 2, 20);
    assert_int_equal(simulation.most_in_flight[2], 1);
    stop_balancing(&simulation.balancing);
}

static void least_leaves_a_server_that_becomes_slow(void **state) {
    (void)state;
    NEED(balancer, "least");
    simulation_t simulation;
    start_simulation(&simulation, balancer, NULL, 4, 20);
    run(&simulation, 20 * GEE_SECOND);
    assert_true(share(&simulation, 0) > 0.2 && share(&simulation, 0) < 0.3);
    simulation.takes_ns[0] = 100 * GEE_MILLISECOND;
    run(&simulation, GEE_SECOND);
    assert_true(share(&simulation, 0) < 0.02);
    stop_balancing(&simulation.balancing);
}

/* A server of which nothing is known is neither avoided nor preferred: a newcomer gets about its share, also while it
 * does not answer at all. */
static void least_tries_a_newcomer_with_care(void **state) {
    (void)state;
    NEED(balancer, "least");
    for (int answers = 0; answers < 2; answers++) {
        simulation_t simulation;
        start_simulation(&simulation, balancer, NULL, 4, 20);
        run(&simulation, 5 * GEE_SECOND);
        set_weights(&simulation.balancing, NULL, 1, 5);
        simulation.takes_ns[4] = answers ? GEE_MILLISECOND : NEVER;
        run(&simulation, GEE_SECOND / 10);
        if (answers) {
            assert_true(share(&simulation, 4) > 0.15 && share(&simulation, 4) < 0.25);
        } else {
            assert_in_range(simulation.balancing.list[4]->in_flight, 1, 10); /* of 20 at 5 servers */
            run(&simulation, 60 * GEE_SECOND);
            assert_in_range(simulation.balancing.list[4]->in_flight, 1, 12);
        }
        stop_balancing(&simulation.balancing);
    }
}

static void least_takes_failures_for_slowness(void **state) {
    (void)state;
    NEED(balancer, "least");
    simulation_t simulation;
    start_simulation(&simulation, balancer, NULL, 4, 20);
    simulation.takes_ns[3] = GEE_MILLISECOND / 10; /* refused at once */
    simulation.fails[3] = true;
    run(&simulation, 60 * GEE_SECOND);
    assert_in_range(simulation.counts[3], 1, 50);
    simulation.fails[3] = false;
    simulation.takes_ns[3] = GEE_MILLISECOND;
    run(&simulation, 120 * GEE_SECOND);
    run(&simulation, 10 * GEE_SECOND);
    assert_true(share(&simulation, 3) > 0.2);
    /* Later, after thousands of good answers. */
    simulation.takes_ns[3] = GEE_MILLISECOND / 10;
    simulation.fails[3] = true;
    run(&simulation, GEE_SECOND);
    assert_in_range(simulation.counts[3], 1, 100);
    stop_balancing(&simulation.balancing);
}

static void least_is_fair_by_weight(void **state) {
    (void)state;
    NEED(balancer, "least");
    static const uint32_t weights[] = { 10, 20, 30, 40 };
    for (size_t callers = 1; callers <= CALLERS; callers += CALLERS - 1) {
        simulation_t simulation;
        start_simulation(&simulation, balancer, weights, 4, callers);
        run(&simulation, 20 * GEE_SECOND);
        for (size_t i = 0; i < 4; i++)
            assert_true(fabs(share(&simulation, i) - weights[i] / 100.0) < 0.05);
        stop_balancing(&simulation.balancing);
    }
}

static void what_callers_give_up_says_nothing(void **state) {
    (void)state;
    NEED(balancer, "least");
    balancing_t balancing = balance(balancer, 7, NULL, 1, 2);
    size_t counts[2] = { 0 };
    for (int i = 0; i < 100; i++)
        call_for(&balancing, 0);
    for (int i = 0; i < 1000; i++) {
        gee_candidate_t *picked = pick_for(&balancing, 0);
        bool second = picked == balancing.list[1];
        counts[second]++;
        balancing.now_ns += GEE_MILLISECOND;
        tell(&balancing, picked, second ? GEE_OUTCOME_ABANDONED : GEE_OUTCOME_REPLIED,
             second ? 30 * GEE_SECOND : GEE_MILLISECOND);
    }
    assert_in_range(counts[1], 400, 600);
    stop_balancing(&balancing);
}

/* ---- hash ---- */

enum { KEYS = 100000 };

static uint64_t server_of(balancing_t *balancing, uint64_t key) {
    return balancing->list[call_for(balancing, key)]->identity;
}

static uint64_t *map_keys(balancing_t *balancing) {
    uint64_t *owners = malloc(KEYS * sizeof *owners);
    assert_non_null(owners);
    for (uint64_t key = 0; key < KEYS; key++)
        owners[key] = server_of(balancing, key);
    return owners;
}

/* Share of the keys whose server is another one now; all of those were with, or are now with, `changed`. */
static double moved(const uint64_t *before, const uint64_t *after, uint64_t changed) {
    size_t count = 0;
    for (size_t key = 0; key < KEYS; key++)
        if (before[key] != after[key]) {
            assert_true(before[key] == changed || after[key] == changed);
            count++;
        }
    return (double)count / KEYS;
}

static void hash_moves_few_keys(void **state) {
    (void)state;
    NEED(balancer, "hash");
    balancing_t balancing = balance(balancer, 0, NULL, 100, 10);
    uint64_t *ten = map_keys(&balancing);
    set_weights(&balancing, NULL, 100, 11);
    uint64_t *eleven = map_keys(&balancing);
    set_weights(&balancing, NULL, 100, 9);
    uint64_t *nine = map_keys(&balancing);
    double added = moved(ten, eleven, identity_of(10)), removed = moved(ten, nine, identity_of(9));
    print_message("hash: of 10 servers one is added: %.2f %% of the keys move; one is removed: %.2f %%\n", 100 * added,
                  100 * removed);
    assert_true(added > 0.7 / 11 && added <= 1.3 / 11);
    assert_true(removed > 0.7 / 10 && removed <= 1.3 / 10);
    set_weights(&balancing, NULL, 100, 10);
    balancing.list[9]->available = false; /* as if it were gone */
    uint64_t *without = map_keys(&balancing);
    assert_memory_equal(nine, without, KEYS * sizeof *nine);
    balancing.list[9]->available = true;
    uint64_t *back = map_keys(&balancing);
    assert_memory_equal(ten, back, KEYS * sizeof *ten);
    free(ten), free(eleven), free(nine), free(without), free(back);
    stop_balancing(&balancing);
}

static void hash_spreads_keys_by_weight(void **state) {
    (void)state;
    NEED(balancer, "hash");
    static const uint32_t weights[] = { 1, 2, 3, 10, 1, 100, 7, 7, 50, 19 };
    size_t even[10] = { 0 }, weighted[10] = { 0 };
    balancing_t balancing = balance(balancer, 0, NULL, 65535, 10);
    uint64_t *before = map_keys(&balancing);
    for (uint64_t key = 0; key < KEYS; key++) /* keys that are no hashes at all */
        even[call_for(&balancing, key)]++;
    double off = chi_square(even, (const uint32_t[]){ 1, 1, 1, 1, 1, 1, 1, 1, 1, 1 }, 10);
    print_message("hash: 100000 keys over 10 servers, chi-square %.2f\n", off);
    assert_true(off < CHI_SQUARE_9);
    set_weights(&balancing, weights, 0, 10);
    for (uint64_t key = 0; key < KEYS; key++)
        weighted[call_for(&balancing, key)]++;
    assert_true(chi_square(weighted, weights, 10) < CHI_SQUARE_9);
    uint32_t lighter[10];
    for (size_t i = 0; i < 10; i++)
        lighter[i] = i == 4 ? 65535 / 2 : 65535;
    set_weights(&balancing, lighter, 0, 10); /* only keys of the one that became lighter move */
    uint64_t *after = map_keys(&balancing);
    double share_moved = moved(before, after, identity_of(4));
    assert_true(share_moved > 0.04 && share_moved < 0.06);
    free(before), free(after);
    stop_balancing(&balancing);
}

/* Every process and every version maps a key to the same server: these were computed once, on x86-64. */
static void hash_is_the_same_everywhere(void **state) {
    (void)state;
    NEED(balancer, "hash");
    static const uint64_t identities[] = { 11, 22, 33, 44, 55 }, shuffled[] = { 44, 22, 55, 11, 33 };
    static const uint32_t weights[] = { 1, 1, 2, 2, 300 }, shuffled_weights[] = { 2, 1, 300, 1, 2 };
    balancing_t one = start_balancing(balancer, 1), two = start_balancing(balancer, 2);
    set_servers(&one, identities, weights, 4);
    uint64_t known = 0;
    for (uint64_t key = 0; key < 16; key++)
        known = known * 10 + server_of(&one, key) / 11;
    assert_int_equal(known, 3341412121333332U);
    set_servers(&one, identities, weights, 5);
    set_servers(&two, shuffled, shuffled_weights, 5);
    for (uint64_t key = 0; key < 10000; key++)
        assert_int_equal(server_of(&one, key), server_of(&two, key));
    stop_balancing(&one);
    stop_balancing(&two);
}

static void hash_keeps_its_bound_under_a_hot_key(void **state) {
    (void)state;
    NEED(balancer, "hash");
    static const uint32_t weights[] = { 1, 2, 3, 4, 5, 5, 4, 3, 2, 1 };
    balancing_t balancing = balance(balancer, 0, weights, 0, 10);
    gee_candidate_t *calls[1000], *owner = pick_for(&balancing, 77);
    calls[0] = owner;
    for (size_t i = 1; i < 1000; i++) {
        gee_candidate_t *picked = calls[i] = pick_for(&balancing, 77);
        double fair = (double)(i + 1) * picked->weight / 30;
        assert_true(picked->in_flight <= 8 || (double)picked->in_flight <= ceil(1.25 * fair));
        assert_true(i >= 8 || picked == owner); /* as long as that is no load */
    }
    uint32_t idle = 0;
    for (size_t i = 0; i < 10; i++)
        idle += balancing.list[i]->in_flight == 0 ? weights[i] : 0;
    assert_true(idle <= 6); /* 24 of 30 take 1.25 of their share, and that is all there is */
    for (size_t i = 0; i < 1000; i++)
        tell(&balancing, calls[i], GEE_OUTCOME_REPLIED, GEE_MILLISECOND);
    assert_ptr_equal(pick_for(&balancing, 77), owner); /* it was overloaded, not left */
    stop_balancing(&balancing);
}

/* The keys of a server that is down or overloaded do not all go to one other. */
static void hash_spreads_what_another_cannot_take(void **state) {
    (void)state;
    NEED(balancer, "hash");
    balancing_t balancing = balance(balancer, 0, NULL, 1, 10);
    size_t counts[10] = { 0 };
    uint64_t *before = map_keys(&balancing);
    for (uint64_t key = 0; key < KEYS; key++) {
        balancing.list[3]->in_flight = 0;
        if (before[key] != balancing.list[3]->identity)
            continue;
        balancing.list[3]->in_flight = 1000;
        counts[call_for(&balancing, key)]++;
    }
    assert_int_equal(counts[3], 0);
    for (size_t i = 0; i < 10; i++)
        assert_true(i == 3 || (counts[i] > 950 && counts[i] < 1300)); /* a ninth of a tenth each */
    free(before);
    stop_balancing(&balancing);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_follows_the_weights),
        cmocka_unit_test(roundrobin_is_smooth),
        cmocka_unit_test(roundrobin_goes_on_where_it_was),
        cmocka_unit_test(a_server_that_is_back_gets_its_share_and_no_more),
        cmocka_unit_test(roundrobin_is_not_bound_by_old_weights),
        cmocka_unit_test(least_spares_the_slow_and_comes_back),
        cmocka_unit_test(least_looks_with_one_call_at_a_time),
        cmocka_unit_test(least_leaves_a_server_that_becomes_slow),
        cmocka_unit_test(least_tries_a_newcomer_with_care),
        cmocka_unit_test(least_takes_failures_for_slowness),
        cmocka_unit_test(least_is_fair_by_weight),
        cmocka_unit_test(what_callers_give_up_says_nothing),
        cmocka_unit_test(hash_moves_few_keys),
        cmocka_unit_test(hash_spreads_keys_by_weight),
        cmocka_unit_test(hash_is_the_same_everywhere),
        cmocka_unit_test(hash_keeps_its_bound_under_a_hot_key),
        cmocka_unit_test(hash_spreads_what_another_cannot_take),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
