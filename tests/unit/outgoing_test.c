/* outgoing_test.c: which request waits for the reply with that number: in order, out of order, overtaken, given up. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <string.h>

#include "core/base/defs.h"
#include "core/base/random.h"
#include "core/rpc/outgoing.h"

enum { MANY = 4096 };

static gee_outgoing_t requests[MANY];

static gee_outgoing_t *put(gee_waiting_t *waiting, uint64_t number) {
    gee_outgoing_t *request = &requests[number % MANY];
    *request = (gee_outgoing_t){ .number = number };
    assert_int_equal(gee_waiting_put(waiting, request), 0);
    return request;
}

static void test_in_order_and_out_of_it(void **state GEE_UNUSED) {
    gee_waiting_t waiting = { 0 };
    assert_null(gee_waiting_find(&waiting, 1));
    for (uint64_t number = 1; number <= 100; number++)
        put(&waiting, number);
    for (uint64_t i = 1; i <= 100; i++) { /* each once */
        uint64_t number = i * 37 % 101;
        assert_ptr_equal(gee_waiting_find(&waiting, number), &requests[number]);
        gee_waiting_remove(&waiting, &requests[number]);
        assert_null(gee_waiting_find(&waiting, number));
    }
    /* Numbers that nobody has, with last bits that somebody has. */
    put(&waiting, 101);
    assert_null(gee_waiting_find(&waiting, 101 + ((uint64_t)1 << 32)));
    assert_null(gee_waiting_find(&waiting, UINT64_MAX));
    gee_waiting_free(&waiting);
    assert_null(gee_waiting_find(&waiting, 101));
}

/* However many pass one that waits, the ring stays as small as what waits at once; and it is found. */
static void test_one_that_is_overtaken(void **state GEE_UNUSED) {
    gee_waiting_t waiting = { 0 };
    gee_outgoing_t slow[2] = { { .number = 1 }, { .number = 2 } };
    assert_int_equal(gee_waiting_put(&waiting, &slow[0]), 0);
    assert_int_equal(gee_waiting_put(&waiting, &slow[1]), 0);
    for (uint64_t number = 3; number < 100000; number++) {
        gee_waiting_remove(&waiting, put(&waiting, number));
        assert_ptr_equal(gee_waiting_find(&waiting, 1), &slow[0]);
        assert_ptr_equal(gee_waiting_find(&waiting, 2), &slow[1]);
    }
    assert_true(waiting.mask < 16);
    assert_int_equal(waiting.count, 0);
    assert_int_equal(gee_number_map_count(waiting.others), 2);
    gee_waiting_remove(&waiting, &slow[0]);
    assert_null(gee_waiting_find(&waiting, 1));
    assert_ptr_equal(gee_waiting_find(&waiting, 2), &slow[1]);
    gee_waiting_free(&waiting);
}

static void test_against_a_model(void **state GEE_UNUSED) {
    gee_waiting_t waiting = { 0 };
    static uint64_t there[MANY]; /* by number % MANY; 0: none */
    uint64_t random = 1, next = 1;
    size_t count = 0, most = 0;
    for (int step = 0; step < 300000; step++) {
        size_t fill = step / 30000 % 2 == 0 ? 3 : 1;
        if (gee_random_below(&random, 4) < fill && there[next % MANY] == 0) {
            put(&waiting, next);
            there[next % MANY] = next;
            next++;
            count++;
        } else if (there[next % MANY] != 0) {
            gee_waiting_remove(&waiting, &requests[next % MANY]);
            there[next % MANY] = 0;
            count--;
        }
        size_t i = (size_t)gee_random_below(&random, gee_random_below(&random, 2) ? MANY : 8);
        uint64_t number = there[(next - i) % MANY];
        if (number != 0) {
            assert_ptr_equal(gee_waiting_find(&waiting, number), &requests[number % MANY]);
            assert_null(gee_waiting_find(&waiting, number + MANY));
            gee_waiting_remove(&waiting, &requests[number % MANY]);
            there[number % MANY] = 0;
            count--;
        }
        most = count > most ? count : most;
    }
    assert_true(waiting.mask < 4 * most);
    assert_int_equal(waiting.count + (waiting.others ? gee_number_map_count(waiting.others) : 0), count);
    gee_waiting_free(&waiting);
}

static void test_given_up(void **state GEE_UNUSED) {
    gee_waiting_t waiting = { 0 };
    gee_outgoing_t slow = { .number = 1 };
    assert_false(gee_waiting_was_given_up(&waiting, 1));
    assert_int_equal(gee_waiting_put(&waiting, &slow), 0);
    for (uint64_t number = 2; number < 40; number++)
        gee_waiting_remove(&waiting, put(&waiting, number));
    assert_int_equal(gee_waiting_give_up(&waiting, &slow), 0); /* overtaken before */
    assert_int_equal(gee_waiting_give_up(&waiting, put(&waiting, 40)), 0);
    put(&waiting, 41);
    assert_int_equal(waiting.count, 1);
    for (uint64_t number = 1; number <= 40; number += 39) {
        assert_null(gee_waiting_find(&waiting, number));
        assert_true(gee_waiting_was_given_up(&waiting, number));
        assert_false(gee_waiting_was_given_up(&waiting, number));
    }
    assert_false(gee_waiting_was_given_up(&waiting, 41));
    assert_non_null(gee_waiting_find(&waiting, 41));
    gee_waiting_free(&waiting);
}

typedef struct end {
    gee_waiting_t waiting;
    uint64_t order[MANY];
    size_t count;
    bool with_next; /* each takes the one that was put behind it with it */
} end_t;

static void on_end(gee_outgoing_t *request, void *data) {
    end_t *end = data;
    end->order[end->count++] = request->number;
    gee_waiting_remove(&end->waiting, request);
    gee_outgoing_t *next = end->with_next ? gee_waiting_find(&end->waiting, request->number + 1) : NULL;
    if (next != NULL)
        gee_waiting_remove(&end->waiting, next);
}

static void test_the_end_of_all(void **state GEE_UNUSED) {
    static end_t end;
    for (int with_next = 0; with_next < 2; with_next++) {
        end = (end_t){ .with_next = with_next };
        gee_waiting_end(&end.waiting, 1, on_end, &end);
        assert_int_equal(end.count, 0);
        for (uint64_t number = 1; number <= 20; number++)
            put(&end.waiting, number);
        for (uint64_t number = 21; number <= 300; number++) /* overtakes those */
            gee_waiting_remove(&end.waiting, put(&end.waiting, number));
        assert_int_equal(gee_number_map_count(end.waiting.others), 20);
        assert_int_equal(gee_waiting_give_up(&end.waiting, put(&end.waiting, 301)), 0);
        for (uint64_t number = 302; number <= 309; number++)
            put(&end.waiting, number);
        gee_waiting_end(&end.waiting, 310, on_end, &end);
        if (!with_next)
            assert_int_equal(end.count, 28);
        for (size_t i = 0; i < 4; i++) /* the oldest first */
            assert_int_equal(end.order[end.count - 4 + i], with_next ? 302 + 2 * i : 306 + i);
        assert_int_equal(end.waiting.count, 0);
        assert_int_equal(gee_number_map_count(end.waiting.others), 1);
        assert_true(gee_waiting_was_given_up(&end.waiting, 301));
        gee_waiting_free(&end.waiting);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_in_order_and_out_of_it), cmocka_unit_test(test_one_that_is_overtaken),
        cmocka_unit_test(test_against_a_model),        cmocka_unit_test(test_given_up),
        cmocka_unit_test(test_the_end_of_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
