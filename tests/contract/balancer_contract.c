/* balancer_contract.c: one suite that every balancer passes that is compiled in: src/core/gateway/balancer.h,
 * sentence by sentence. What one of them promises beyond that is in tests/unit/balancers_test.c. */
#include "support/balancing.h"
#include "core/gateway/modules.h"

/* ---- counting what is taken from the system ---- */

static size_t allocations;

#if GEE_ASAN || defined(__SANITIZE_THREAD__)
#define COUNTS_ALLOCATIONS false /* they have their own malloc */
#else
#define COUNTS_ALLOCATIONS true
extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *memory, size_t size);
void *malloc(size_t size) {
    allocations++;
    return __libc_malloc(size);
}
void *calloc(size_t count, size_t size) {
    allocations++;
    return __libc_calloc(count, size);
}
void *realloc(void *memory, size_t size) {
    allocations++;
    return __libc_realloc(memory, size);
}
#endif

static void for_each(void (*test)(const gee_balancer_t *balancer)) {
    const gee_module_t *module;
    size_t i = 0;
    for (; (module = gee_module_next(gee_modules, GEE_MODULE_BALANCER, i)) != NULL; i++)
        test(module->interface);
    if (i == 0)
        skip();
}

/* ---- names ---- */

static void name_and_members(const gee_balancer_t *balancer) {
    size_t length = strlen(balancer->name);
    assert_in_range(length, 1, 31);
    assert_int_equal(strspn(balancer->name, "abcdefghijklmnopqrstuvwxyz0123456789_"), length);
    assert_ptr_equal(gee_module_find(gee_modules, GEE_MODULE_BALANCER, gee_str(balancer->name)),
                     balancer); /* the only one of its name */
    assert_true(balancer->changed && balancer->pick);
}
static void each_has_its_members_and_a_name_of_its_own(void **state) {
    (void)state;
    for_each(name_and_members);
    assert_null(gee_module_find(gee_modules, GEE_MODULE_BALANCER, GEE_STR("no such")));
    gee_error_t error;
    if (gee_gateway_check_modules(gee_modules, &error) != 0)
        fail_msg("%s", error.text);
}

static void a_missing_member_is_named(void **state) {
    (void)state;
    const gee_balancer_t lame = { .name = "lame", .changed = gee_candidates_changed };
    const gee_module_t module = {
        .abi = GEE_MODULE_ABI, .kind = GEE_MODULE_BALANCER, .name = "lb_lame", .interface = &lame
    };
    const gee_module_entry_t table[] = { { &module, "lame" }, { NULL, NULL } };
    gee_error_t error;
    assert_int_equal(gee_gateway_check_modules(table, &error), -1);
    assert_string_equal(error.text, "module lb_lame: member \"pick\" is missing, which every balancer must have");
}

/* ---- nobody ---- */

static void empty_list(const gee_balancer_t *balancer) {
    balancing_t balancing = start_balancing(balancer, 1);
    assert_null(try_pick(&balancing, 7, NULL, 0));
    set_weights(&balancing, NULL, 1, 3);
    call_for(&balancing, 7);
    set_weights(&balancing, NULL, 1, 0);
    assert_null(try_pick(&balancing, 7, NULL, 0));
    set_weights(&balancing, NULL, 1, 3);
    call_for(&balancing, 7);
    stop_balancing(&balancing);
}
static void an_empty_list_gives_nobody(void **state) {
    (void)state;
    for_each(empty_list);
}

static void nobody_open(const gee_balancer_t *balancer) {
    balancing_t balancing = balance(balancer, 1, NULL, 10, 5);
    for (uint64_t key = 0; key < 100; key++) {
        assert_null(try_pick(&balancing, key, balancing.list, 5));
        for (size_t i = 0; i < 3; i++)
            balancing.list[i]->available = false;
        assert_null(try_pick(&balancing, key, balancing.list + 3, 2));
        assert_null(try_pick(&balancing, key, balancing.list, 5));
        for (size_t i = 0; i < 5; i++)
            balancing.list[i]->available = false;
        assert_null(try_pick(&balancing, key, NULL, 0));
        for (size_t i = 0; i < 5; i++)
            balancing.list[i]->available = true;
        call_for(&balancing, key);
    }
    stop_balancing(&balancing);
}
static void nobody_when_all_are_unavailable_or_tried(void **state) {
    (void)state;
    for_each(nobody_open);
}

/* ---- somebody ---- */

static const gee_outcome_t outcomes[] = { GEE_OUTCOME_REPLIED, GEE_OUTCOME_FAILED, GEE_OUTCOME_ABANDONED };
static const int64_t latencies[] = { 0, 1, GEE_MILLISECOND, 3600 * GEE_SECOND, INT64_MAX };

static void only_one(const gee_balancer_t *balancer) {
    balancing_t balancing = balance(balancer, 1, NULL, 65535, 1);
    for (size_t i = 0; i < GEE_LENGTH(outcomes); i++)
        for (size_t j = 0; j < GEE_LENGTH(latencies); j++)
            for (int times = 0; times < 20; times++)
                tell(&balancing, pick_for(&balancing, i), outcomes[i], latencies[j]);
    balancing.now_ns += 1000LL * 86400 * GEE_SECOND;
    for (int i = 0; i < 1000; i++) /* nothing is said to be too much for it but by `available` */
        pick_for(&balancing, 1);
    assert_null(try_pick(&balancing, 1, balancing.list, 1));
    balancing.list[0]->available = false;
    assert_null(try_pick(&balancing, 1, NULL, 0));
    stop_balancing(&balancing);
}
static void the_only_one_is_picked_whatever_it_did(void **state) {
    (void)state;
    for_each(only_one);
}

/* The rest is unavailable or has been tried. */
static void only_one_open(const gee_balancer_t *balancer) {
    balancing_t balancing = balance(balancer, 1, NULL, 3, MOST_SERVERS);
    gee_candidate_t *tried[8];
    for (size_t i = 0; i < MOST_SERVERS; i++)
        balancing.list[i]->available = false;
    for (size_t at = 0; at < MOST_SERVERS; at++) {
        balancing.list[at]->available = true;
        balancing.list[at]->in_flight = at;
        assert_ptr_equal(pick_for(&balancing, at), balancing.list[at]);
        tell(&balancing, balancing.list[at], outcomes[at % 3], GEE_SECOND);
        for (size_t i = 0; i < 8; i++) {
            tried[i] = balancing.list[(at + i + 1) % MOST_SERVERS];
            tried[i]->available = true;
        }
        assert_ptr_equal(try_pick(&balancing, at, tried, 8), balancing.list[at]);
        for (size_t i = 0; i < 8; i++)
            tried[i]->available = false;
        balancing.list[at]->available = false;
    }
    stop_balancing(&balancing);
}
static void the_only_open_one_among_a_thousand_is_found(void **state) {
    (void)state;
    for_each(only_one_open);
}

static void heaviest(const gee_balancer_t *balancer) {
    balancing_t balancing = balance(balancer, 1, NULL, 65535, MOST_SERVERS);
    bool seen[MOST_SERVERS] = { false };
    size_t count = 0;
    for (uint64_t key = 0; count < MOST_SERVERS && key < 100 * MOST_SERVERS; key++) {
        size_t server = call_for(&balancing, key);
        count += !seen[server];
        seen[server] = true;
    }
    assert_int_equal(count, MOST_SERVERS);
    stop_balancing(&balancing);
}
static void each_of_a_thousand_has_its_turn(void **state) {
    (void)state;
    for_each(heaviest);
}

/* Servers that are alike but for their weight. */
static void shares(const gee_balancer_t *balancer) {
    static const uint32_t weights[] = { 1, 2, 3, 4 };
    size_t counts[4] = { 0 };
    balancing_t balancing = balance(balancer, 20261123, weights, 0, 4);
    for (uint64_t key = 0; key < 40000; key++)
        counts[call_for(&balancing, key)]++;
    double off = chi_square(counts, weights, 4);
    print_message("%s: weights 1 2 3 4 had %zu %zu %zu %zu of 40000 calls, chi-square %.2f\n", balancer->name,
                  counts[0], counts[1], counts[2], counts[3], off);
    assert_true(off < CHI_SQUARE_3);
    stop_balancing(&balancing);
}
static void shares_follow_the_weights(void **state) {
    (void)state;
    for_each(shares);
}

static void extreme_weights(const gee_balancer_t *balancer) {
    static const uint32_t weights[] = { 1, 65535, 1 };
    size_t light = 0;
    balancing_t balancing = balance(balancer, 5, weights, 0, 3);
    for (uint64_t key = 0; key < 10000; key++)
        light += call_for(&balancing, key) != 1;
    assert_true(light < 20);
    balancing.list[1]->available = false;
    for (uint64_t key = 0; key < 100; key++)
        light += call_for(&balancing, key) == 0;
    assert_in_range(light, 20, 90);
    stop_balancing(&balancing);
}
static void the_lightest_beside_the_heaviest(void **state) {
    (void)state;
    for_each(extreme_weights);
}

/* ---- the same again ---- */

enum { STEPS = 3000 };

/* Weights, availability, outcomes and time as a seed has them. Notes who was picked. */
static void play(balancing_t *balancing, uint64_t seed, uint64_t picked[STEPS], void (*between)(balancing_t *)) {
    for (size_t i = 0; i < STEPS; i++) {
        gee_candidate_t *flipped = balancing->list[gee_random_below(&seed, balancing->count)];
        flipped->available = gee_random_below(&seed, 4) > 0;
        gee_candidate_t *tried = balancing->list[gee_random_below(&seed, balancing->count)];
        gee_candidate_t *candidate = try_pick(balancing, gee_random_next(&seed), &tried, 1);
        picked[i] = candidate ? candidate->identity : 0;
        balancing->now_ns += (int64_t)gee_random_below(&seed, GEE_SECOND);
        gee_outcome_t outcome = outcomes[gee_random_below(&seed, 3)];
        int64_t latency = (int64_t)gee_random_below(&seed, GEE_SECOND);
        if (candidate != NULL && gee_random_below(&seed, 20) > 0) /* else it stays in flight */
            tell(balancing, candidate, outcome, latency);
        if (between != NULL)
            between(balancing);
    }
}

static const uint32_t mixed_weights[] = { 1, 7, 65535, 300, 300, 2, 5000, 1 };

static void replay(const gee_balancer_t *balancer, uint64_t seed, uint64_t picked[STEPS],
                   void (*between)(balancing_t *)) {
    balancing_t balancing = balance(balancer, seed, mixed_weights, 0, GEE_LENGTH(mixed_weights));
    play(&balancing, 99, picked, between);
    stop_balancing(&balancing);
}

static balancing_t other; /* of the same balancer, in other use */
static void call_other(balancing_t *balancing GEE_UNUSED) {
    call_for(&other, other.outcomes);
}
static void same_list_again(balancing_t *balancing) {
    set_weights(balancing, mixed_weights, 0, GEE_LENGTH(mixed_weights));
}

static void determined(const gee_balancer_t *balancer) {
    uint64_t first[STEPS], second[STEPS];
    other = balance(balancer, 4, NULL, 10, 20);
    replay(balancer, 31, first, NULL);
    replay(balancer, 31, second, NULL);
    assert_memory_equal(first, second, sizeof first);
    replay(balancer, 31, second, call_other);
    assert_memory_equal(first, second, sizeof first);
    stop_balancing(&other);
}
static void the_same_seed_gives_the_same_picks(void **state) {
    (void)state;
    for_each(determined);
}

static void same_list(const gee_balancer_t *balancer) {
    uint64_t first[STEPS], second[STEPS];
    replay(balancer, 31, first, NULL);
    replay(balancer, 31, second, same_list_again);
    assert_memory_equal(first, second, sizeof first);
}
static void a_list_that_is_the_same_again_changes_nothing(void **state) {
    (void)state;
    for_each(same_list);
}

/* ---- everything at once ---- */

enum { SERVERS = 24, CALLS = 200, MOST_TRIED = 8 };

typedef struct model {
    balancing_t balancing;
    uint64_t random;
    struct {
        gee_candidate_t *candidate;
        uint64_t identity;
    } calls[CALLS];
    size_t count;
    size_t picks, gone; /* calls whose server left the list while they were in flight */
} model_t;

static uint64_t any(model_t *model, uint64_t bound) {
    return gee_random_below(&model->random, bound);
}

static size_t draw_tried(model_t *model, gee_candidate_t *tried[MOST_TRIED]) {
    size_t count = any(model, MOST_TRIED + 1);
    if (model->balancing.count == 0)
        return 0;
    for (size_t i = 0; i < count; i++)
        tried[i] = model->balancing.list[any(model, model->balancing.count)];
    return count;
}

static bool somebody_is_open(const balancing_t *balancing, gee_candidate_t *const *tried, size_t count) {
    const gee_pick_t pick = { .tried = tried, .tried_count = count };
    for (size_t i = 0; i < balancing->count; i++)
        if (gee_candidate_open(balancing->list[i], &pick))
            return true;
    return false;
}

static void begin_call(model_t *model) {
    gee_candidate_t *tried[MOST_TRIED];
    size_t count = draw_tried(model, tried);
    gee_candidate_t *picked = try_pick(&model->balancing, gee_random_next(&model->random), tried, count);
    assert_int_equal(picked != NULL, somebody_is_open(&model->balancing, tried, count)); /* whom: try_pick() */
    if (picked == NULL)
        return;
    model->picks++;
    model->calls[model->count].candidate = picked;
    model->calls[model->count++].identity = picked->identity;
}

static void end_call(model_t *model) {
    size_t which = any(model, model->count);
    gee_candidate_t *candidate = model->calls[which].candidate;
    int64_t latency = any(model, 10) ? (int64_t)any(model, GEE_SECOND) : latencies[any(model, GEE_LENGTH(latencies))];
    if (candidate != NULL)
        tell(&model->balancing, candidate, outcomes[any(model, 3)], latency);
    model->calls[which] = model->calls[--model->count];
}

static void change_list(model_t *model) {
    uint64_t identities[SERVERS];
    uint32_t weights[SERVERS];
    size_t count = 0, offset = any(model, SERVERS);
    for (size_t i = 0; i < SERVERS; i++)
        if (any(model, 4) > 0) {
            identities[count] = identity_of((i + offset) % SERVERS);
            weights[count++] = (uint32_t)(any(model, 2) ? 1 + any(model, 65535) : 1);
        }
    if (any(model, 20) == 0)
        count = 0;
    set_servers(&model->balancing, identities, weights, count);
    for (size_t i = 0; i < model->count; i++) { /* one that comes back later is a new one */
        gee_candidate_t *before = model->calls[i].candidate;
        if (before != NULL && find_candidate(&model->balancing, model->calls[i].identity) != before) {
            model->calls[i].candidate = NULL;
            model->gone++;
        }
    }
}

static void everything(const gee_balancer_t *balancer) {
    model_t *model = zeroed(sizeof *model);
    model->balancing = start_balancing(balancer, 8);
    model->random = 2026;
    for (int step = 0; step < 50000; step++) {
        uint64_t what = any(model, 100);
        if (what < 50 && model->count < CALLS)
            begin_call(model);
        else if (what < 90 && model->count > 0)
            end_call(model);
        else if (what < 97 && model->balancing.count > 0)
            model->balancing.list[any(model, model->balancing.count)]->available = any(model, 3) > 0;
        else if (what < 98)
            change_list(model);
        model->balancing.now_ns += (int64_t)any(model, GEE_SECOND / 10);
    }
    while (model->count > 0)
        end_call(model);
    assert_true(model->picks > 10000 && model->gone > 100);
    assert_int_equal(model->balancing.outcomes, model->picks - model->gone);
    for (size_t i = 0; i < model->balancing.count; i++)
        assert_int_equal(model->balancing.list[i]->in_flight, 0);
    stop_balancing(&model->balancing);
    free(model);
}
static void picks_are_open_whatever_happens(void **state) {
    (void)state;
    for_each(everything);
}

static void newcomers(const gee_balancer_t *balancer) {
    balancing_t balancing = balance(balancer, 8, NULL, 65535, 3);
    size_t counts[4] = { 0 };
    for (uint64_t key = 0; key < 3000; key++)
        call_for(&balancing, key);
    set_weights(&balancing, NULL, 1, 4);
    for (uint64_t key = 0; key < 400; key++)
        counts[call_for(&balancing, key)]++;
    for (size_t i = 0; i < 4; i++) /* nobody lives on what was */
        assert_in_range(counts[i], 60, 140);
    set_servers(&balancing, (const uint64_t[]){ identity_of(3), identity_of(0) }, (const uint32_t[]){ 1, 1 }, 2);
    for (uint64_t key = 0; key < 100; key++)
        call_for(&balancing, key); /* try_pick() sees that it is one of the two */
    stop_balancing(&balancing);
}
static void a_new_list_is_in_force_at_once(void **state) {
    (void)state;
    for_each(newcomers);
}

static void frugal(const gee_balancer_t *balancer) {
    balancing_t balancing = balance(balancer, 8, NULL, 3, 100);
    size_t before = allocations;
    for (uint64_t key = 0; key < 2000; key++) {
        gee_candidate_t *first = pick_for(&balancing, key), *second = try_pick(&balancing, key, &first, 1);
        tell(&balancing, first, GEE_OUTCOME_FAILED, GEE_SECOND);
        tell(&balancing, second, outcomes[key % 3], GEE_SECOND);
    }
    assert_int_equal(allocations, before);
    stop_balancing(&balancing);
}
static void calls_allocate_nothing(void **state) {
    (void)state;
    if (!COUNTS_ALLOCATIONS)
        skip();
    size_t before = allocations;
    free(zeroed(1));
    assert_true(allocations > before); /* they are counted */
    for_each(frugal);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_has_its_members_and_a_name_of_its_own),
        cmocka_unit_test(a_missing_member_is_named),
        cmocka_unit_test(an_empty_list_gives_nobody),
        cmocka_unit_test(nobody_when_all_are_unavailable_or_tried),
        cmocka_unit_test(the_only_one_is_picked_whatever_it_did),
        cmocka_unit_test(the_only_open_one_among_a_thousand_is_found),
        cmocka_unit_test(each_of_a_thousand_has_its_turn),
        cmocka_unit_test(shares_follow_the_weights),
        cmocka_unit_test(the_lightest_beside_the_heaviest),
        cmocka_unit_test(the_same_seed_gives_the_same_picks),
        cmocka_unit_test(a_list_that_is_the_same_again_changes_nothing),
        cmocka_unit_test(picks_are_open_whatever_happens),
        cmocka_unit_test(a_new_list_is_in_force_at_once),
        cmocka_unit_test(calls_allocate_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
