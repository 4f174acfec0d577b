/* hash_test.c: the two maps, and SipHash-1-3. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <malloc.h>
#include <stdio.h>
#include <string.h>

#include "core/base/defs.h"
#include "core/base/hash.h"

enum { KEYS = 5000 };

static int values[KEYS];

static uint64_t next_number(uint64_t *seed) {
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    return *seed;
}

/* The results of CPython 3.11 for these bytes objects with PYTHONHASHSEED=0 (SipHash-1-3, both key words 0). */
static void test_siphash(void **state) {
    (void)state;
    static const struct {
        const char *text;
        uint64_t hash;
    } cases[] = {
        { "a", 0x407448d2b89b1813U },
        { "abcdefg", 0x6db12aae9070f506U },
        { "abcdefgh", 0x3f7b849c0b8e35eaU },
        { "Arith.Multiply", 0x03cf86252188db07U },
        { "0123456789abcdef0123456789abcdef", 0x508d775b6fd5229bU },
    };
    static const uint64_t zero[2] = { 0, 0 };
    for (size_t i = 0; i < GEE_LENGTH(cases); i++)
        assert_true(gee_siphash(zero, cases[i].text, strlen(cases[i].text)) == cases[i].hash);

    /* The published vectors' key; messages 00, 01, 02 ... of 0, 7, 8 and 63 bytes. */
    static const uint64_t key[2] = { 0x0706050403020100U, 0x0f0e0d0c0b0a0908U };
    uint8_t bytes[64];
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)i;
    assert_true(gee_siphash(key, NULL, 0) == 0xabac0158050fc4dcU);
    assert_true(gee_siphash(key, bytes, 7) == 0xd3927d989bb11140U);
    assert_true(gee_siphash(key, bytes, 8) == 0x369095118d299a8eU);
    assert_true(gee_siphash(key, bytes, 63) == 0x9d199062b7bbb3a8U);
}

static void test_numbers(void **state) {
    (void)state;
    gee_number_map_t *map = gee_number_map_create();
    assert_non_null(map);
    assert_null(gee_number_map_get(map, 0));
    assert_null(gee_number_map_remove(map, 0));
    assert_int_equal(gee_number_map_put(map, 0, &values[0]), 0);
    assert_int_equal(gee_number_map_put(map, UINT64_MAX, &values[1]), 0);
    assert_ptr_equal(gee_number_map_get(map, 0), &values[0]);
    assert_ptr_equal(gee_number_map_get(map, UINT64_MAX), &values[1]);
    assert_int_equal(gee_number_map_put(map, 0, &values[2]), 0);
    assert_int_equal(gee_number_map_count(map), 2);
    assert_ptr_equal(gee_number_map_remove(map, 0), &values[2]);
    assert_null(gee_number_map_get(map, 0));
    assert_null(gee_number_map_remove(map, 0));
    assert_int_equal(gee_number_map_put(map, 5, NULL), -1);
    assert_int_equal(gee_number_map_count(map), 1);
    gee_number_map_destroy(&map);
    assert_null(map);
    gee_number_map_destroy(&map);
}

static void count_visit(uint64_t key, void *value, void *data) {
    bool *seen = data;
    assert_true(key % 4096 == 0 && key / 4096 < KEYS);
    assert_ptr_equal(value, &values[key / 4096]);
    assert_false(seen[key / 4096]);
    seen[key / 4096] = true;
}

/* Random puts and removes beside an array of what should be there; keys that differ in high bits only. */
static void test_numbers_against_a_model(void **state) {
    (void)state;
    gee_number_map_t *map = gee_number_map_create();
    static bool present[KEYS], seen[KEYS];
    size_t count = 0;
    uint64_t seed = 2463534242U;
    for (int step = 0; step < 200000; step++) {
        size_t i = (size_t)(next_number(&seed) % KEYS);
        uint64_t key = i * 4096;
        bool fill_phase = step / 20000 % 2 == 0;
        if (next_number(&seed) % 4 < (fill_phase ? 3 : 1)) {
            assert_int_equal(gee_number_map_put(map, key, &values[i]), 0);
            count += !present[i];
            present[i] = true;
        } else {
            assert_ptr_equal(gee_number_map_remove(map, key), present[i] ? &values[i] : NULL);
            count -= present[i];
            present[i] = false;
        }
        assert_true(gee_number_map_count(map) == count);
        size_t other = (size_t)(next_number(&seed) % KEYS);
        assert_ptr_equal(gee_number_map_get(map, other * 4096), present[other] ? &values[other] : NULL);
    }
    gee_number_map_each(map, count_visit, seen);
    assert_memory_equal(seen, present, sizeof seen);
    gee_number_map_destroy(&map);
}

/* All are seen once, though every third is removed when it is. */
static void test_walking_while_entries_are_removed(void **state) {
    (void)state;
    for (int round = 0; round < 50;
         round++) { /* with other secrets each, so that some lie across the end of the table */
        gee_number_map_t *map = gee_number_map_create();
        int seen[23] = { 0 };
        size_t place = 0;
        assert_null(gee_number_map_next(map, &place));
        for (size_t i = 0; i < GEE_LENGTH(seen); i++)
            assert_int_equal(gee_number_map_put(map, i, &seen[i]), 0);
        for (int *value; (value = gee_number_map_next(map, &place)) != NULL; place += (value - seen) % 3 != 0) {
            ++*value;
            if ((value - seen) % 3 == 0)
                assert_ptr_equal(gee_number_map_remove(map, (uint64_t)(value - seen)), value);
        }
        for (size_t i = 0; i < GEE_LENGTH(seen); i++)
            assert_in_range(seen[i], 1, i % 3 == 0 ? 1 : 2);
        assert_int_equal(gee_number_map_count(map), GEE_LENGTH(seen) * 2 / 3);
        gee_number_map_destroy(&map);
    }
}

static void test_strings(void **state) {
    (void)state;
    gee_string_map_t *map = gee_string_map_create();
    assert_non_null(map);
    assert_null(gee_string_map_get(map, GEE_STR("Arith")));
    assert_int_equal(gee_string_map_put(map, GEE_STR("Arith"), &values[0]), 0);
    assert_int_equal(gee_string_map_put(map, GEE_STR(""), &values[1]), 0);
    assert_int_equal(gee_string_map_put(map, GEE_STR("a\0b"), &values[2]), 0);
    assert_int_equal(gee_string_map_put(map, GEE_STR("none"), NULL), -1);
    assert_ptr_equal(gee_string_map_get(map, GEE_STR("Arith")), &values[0]);
    assert_ptr_equal(gee_string_map_get(map, (gee_str_t){ NULL, 0 }), &values[1]);
    assert_ptr_equal(gee_string_map_get(map, GEE_STR("a\0b")), &values[2]);
    assert_null(gee_string_map_get(map, GEE_STR("a\0c")));
    assert_null(gee_string_map_get(map, GEE_STR("arith")));
    assert_ptr_equal(gee_string_map_remove(map, GEE_STR("")), &values[1]);
    assert_null(gee_string_map_remove(map, GEE_STR("")));
    assert_int_equal(gee_string_map_count(map), 2);
    gee_string_map_destroy(&map);
    assert_null(map);
    gee_string_map_destroy(&map);
}

/* A key often lives in its value; the old value's bytes may go away once it is replaced. */
static void test_replacing_takes_the_new_key(void **state) {
    (void)state;
    gee_string_map_t *map = gee_string_map_create();
    char first[] = "name", second[] = "name";
    assert_int_equal(gee_string_map_put(map, gee_str(first), &values[0]), 0);
    assert_int_equal(gee_string_map_put(map, gee_str(second), &values[1]), 0);
    assert_int_equal(gee_string_map_count(map), 1);
    memset(first, 'x', 4);
    assert_ptr_equal(gee_string_map_get(map, GEE_STR("name")), &values[1]);
    gee_string_map_destroy(&map);
}

static void test_strings_against_a_model(void **state) {
    (void)state;
    gee_string_map_t *map = gee_string_map_create();
    static char keys[KEYS][16];
    static bool present[KEYS];
    size_t count = 0;
    uint64_t seed = 362436069;
    for (size_t i = 0; i < KEYS; i++)
        snprintf(keys[i], sizeof keys[i], "Service.%zu", i);
    for (int step = 0; step < 100000; step++) {
        size_t i = (size_t)(next_number(&seed) % KEYS);
        gee_str_t key = gee_str(keys[i]);
        if (next_number(&seed) % 4 < (step / 20000 % 2 == 0 ? 3U : 1U)) {
            assert_int_equal(gee_string_map_put(map, key, &values[i]), 0);
            count += !present[i];
            present[i] = true;
        } else {
            assert_ptr_equal(gee_string_map_remove(map, key), present[i] ? &values[i] : NULL);
            count -= present[i];
            present[i] = false;
        }
        assert_true(gee_string_map_count(map) == count);
        size_t other = (size_t)(next_number(&seed) % KEYS);
        assert_ptr_equal(gee_string_map_get(map, gee_str(keys[other])), present[other] ? &values[other] : NULL);
    }
    gee_string_map_destroy(&map);
}

/* New keys for ever, a few at a time: what is in use must not grow. (Under a sanitizer mallinfo2 knows nothing, and
 * this only looks at the answers.) */
static void test_passing_keys_do_not_make_it_grow(void **state) {
    (void)state;
    gee_number_map_t *map = gee_number_map_create();
    size_t in_use = 0;
    for (uint64_t key = 0; key < 300000; key++) {
        assert_int_equal(gee_number_map_put(map, key, &values[0]), 0);
        if (key >= 10)
            assert_ptr_equal(gee_number_map_remove(map, key - 10), &values[0]);
        if (key == 20)
            in_use = mallinfo2().uordblks;
    }
    assert_true(mallinfo2().uordblks <= in_use);
    assert_int_equal(gee_number_map_count(map), 10);
    gee_number_map_destroy(&map);
}

/* Two tables do not place the same keys alike: each has its secret. Seen from the order in which entries are
 * visited. */
static void note_order(uint64_t key, void *value, void *data) {
    (void)value;
    uint64_t **at = data;
    *(*at)++ = key;
}

static void test_every_table_has_its_own_secret(void **state) {
    (void)state;
    uint64_t orders[2][64];
    for (size_t i = 0; i < 2; i++) {
        gee_number_map_t *map = gee_number_map_create();
        for (uint64_t key = 0; key < 64; key++)
            assert_int_equal(gee_number_map_put(map, key, &values[0]), 0);
        uint64_t *at = orders[i];
        gee_number_map_each(map, note_order, &at);
        gee_number_map_destroy(&map);
    }
    assert_memory_not_equal(orders[0], orders[1], sizeof orders[0]);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_siphash),
        cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_numbers_against_a_model),
        cmocka_unit_test(test_walking_while_entries_are_removed),
        cmocka_unit_test(test_strings),
        cmocka_unit_test(test_replacing_takes_the_new_key),
        cmocka_unit_test(test_strings_against_a_model),
        cmocka_unit_test(test_passing_keys_do_not_make_it_grow),
        cmocka_unit_test(test_every_table_has_its_own_secret),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
