/* pool_test.c: the arena. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <malloc.h>
#include <string.h>

#include "core/base/defs.h"
#include "core/base/pool.h"

#if GEE_ASAN
#include <sanitizer/asan_interface.h>
#endif

static void test_pieces_are_aligned_and_apart(void **state) {
    (void)state;
    gee_pool_t *pool = gee_pool_create(512);
    assert_non_null(pool);
    enum { PIECES = 400 };
    uint8_t *pieces[PIECES];
    for (size_t i = 0; i < PIECES; i++) {
        pieces[i] = gee_pool_alloc(pool, i);
        assert_non_null(pieces[i]);
        assert_int_equal((uintptr_t)pieces[i] % 16, 0);
        if (i > 0)
            memset(pieces[i], (int)(i & 0xff), i);
    }
    for (size_t i = 0; i < PIECES; i++)
        for (size_t j = 0; j < i; j++)
            if (pieces[i][j] != (uint8_t)(i & 0xff))
                fail_msg("piece %zu was written over", i);
    gee_pool_destroy(&pool);
    assert_null(pool);
    gee_pool_destroy(&pool);
}

static void test_big_piece_leaves_the_chunk_in_use(void **state) {
    (void)state;
    gee_pool_t *pool = gee_pool_create(4096);
    uint8_t *before = gee_pool_alloc(pool, 16);
    assert_non_null(gee_pool_alloc(pool, 1024 * 1024));
    uint8_t *after = gee_pool_alloc(pool, 16);
    assert_ptr_equal(after, before + 16);
    gee_pool_destroy(&pool);
}

static void test_reset_keeps_the_first_chunk(void **state) {
    (void)state;
    gee_pool_t *pool = gee_pool_create(1024);
    uint8_t *first = gee_pool_alloc(pool, 100);
    for (int round = 0; round < 100; round++) {
        gee_pool_reset(pool);
        assert_true(gee_pool_used(pool) == 0);
        assert_ptr_equal(gee_pool_alloc(pool, 100), first);
        uint8_t *whole = gee_pool_alloc(pool, 1024 - 112); /* `first_chunk` bytes are usable */
        assert_ptr_equal(whole, first + 112);
        assert_non_null(gee_pool_alloc(pool, 5000));
    }
    gee_pool_destroy(&pool);
}

/* (Under a sanitizer mallinfo2 knows nothing, and this shows nothing.) */
static void test_reset_gives_the_other_chunks_back(void **state) {
    (void)state;
    gee_pool_t *pool = gee_pool_create(1024);
    size_t before = 0;
    for (int round = 0; round < 50; round++) {
        for (int i = 0; i < 100; i++)
            assert_non_null(gee_pool_alloc(pool, 1000));
        assert_non_null(gee_pool_alloc(pool, 1024 * 1024));
        gee_pool_reset(pool);
        size_t in_use = mallinfo2().uordblks + mallinfo2().hblkhd;
        if (round == 0)
            before = in_use;
        assert_true(in_use <= before);
    }
    gee_pool_destroy(&pool);
}

static void test_limit(void **state) {
    (void)state;
    gee_pool_t *pool = gee_pool_create(256);
    gee_pool_limit(pool, 10000);
    assert_null(gee_pool_alloc(pool, 10001));
    assert_true(gee_pool_used(pool) == 0);
    size_t pieces = 0;
    while (gee_pool_alloc(pool, 0))
        pieces++;
    assert_int_equal(pieces, 10000 / 16); /* pieces of nothing are not free of charge */
    assert_true(gee_pool_used(pool) <= 10000);
    gee_pool_reset(pool);
    assert_non_null(gee_pool_alloc(pool, 9984));
    assert_null(gee_pool_alloc(pool, 9984)); /* the limit outlives a reset */
    gee_pool_limit(pool, 5000);              /* below what is used already */
    assert_null(gee_pool_alloc(pool, 1));
    gee_pool_limit(pool, 0);
    assert_non_null(gee_pool_alloc(pool, 20000));
    gee_pool_destroy(&pool);
}

static void test_hostile_sizes(void **state) {
    (void)state;
    assert_null(gee_pool_create(SIZE_MAX));
    gee_pool_t *pool = gee_pool_create(0);
    assert_non_null(pool);
    for (size_t less = 0; less < 64; less++) {
        assert_null(gee_pool_alloc(pool, SIZE_MAX - less));
        assert_null(gee_pool_zalloc(pool, SIZE_MAX - less));
        assert_null(gee_pool_strndup(pool, "", SIZE_MAX - less));
    }
    assert_null(gee_pool_alloc(pool, (size_t)PTRDIFF_MAX));
    assert_null(gee_pool_array(pool, SIZE_MAX / 2 + 1, 2));
    assert_null(gee_pool_array(pool, (size_t)1 << 32, (size_t)1 << 32));
    assert_null(gee_pool_str(pool, (gee_str_t){ "", SIZE_MAX }).data);
    assert_true(gee_pool_used(pool) == 0);
    gee_pool_destroy(&pool);
}

static void test_zeroed_after_use(void **state) {
    (void)state;
    static const uint8_t zeros[512];
    gee_pool_t *pool = gee_pool_create(1024);
    memset(gee_pool_alloc(pool, 1000), 0xaa, 1000);
    gee_pool_reset(pool);
    assert_memory_equal(gee_pool_zalloc(pool, 400), zeros, 400);
    assert_memory_equal(gee_pool_array(pool, 50, 8), zeros, 400);
    assert_non_null(gee_pool_array(pool, 0, 8));
    gee_pool_destroy(&pool);
}

static void test_copies(void **state) {
    (void)state;
    gee_pool_t *pool = gee_pool_create(256);
    char source[] = "text";
    char *copy = gee_pool_strdup(pool, source);
    char *part = gee_pool_strndup(pool, source, 2);
    gee_str_t view = gee_pool_str(pool, (gee_str_t){ "a\0b", 3 });
    source[0] = 'n';
    assert_string_equal(copy, "text");
    assert_string_equal(part, "te");
    assert_int_equal(view.length, 3);
    assert_memory_equal(view.data, "a\0b", 4); /* terminated too */
    view = gee_pool_str(pool, (gee_str_t){ NULL, 0 });
    assert_non_null(view.data);
    assert_int_equal(view.length, 0);
    gee_pool_destroy(&pool);
}

static void test_printf_of_any_length(void **state) {
    (void)state;
    gee_pool_t *pool = gee_pool_create(256);
    char digits[1200];
    memset(digits, '7', sizeof digits);
    for (int length = 0; length<(int)sizeof digits; length += length> 250 && length < 260 ? 1 : 50) {
        char *text = gee_pool_printf(pool, "%.*s!", length, digits);
        assert_non_null(text);
        assert_int_equal(strlen(text), length + 1);
        assert_int_equal(text[length], '!');
    }
    gee_pool_limit(pool, 1);
    assert_null(gee_pool_printf(pool, "%s", "x"));
    assert_null(gee_pool_printf(pool, "%500d", 1));
    gee_pool_destroy(&pool);
}

#if GEE_ASAN
static void test_sanitizer_sees_what_was_not_handed_out(void **state) {
    (void)state;
    gee_pool_t *pool = gee_pool_create(256);
    char *piece = gee_pool_alloc(pool, 20);
    assert_false(__asan_address_is_poisoned(piece + 19));
    assert_true(__asan_address_is_poisoned(piece + 20));
    gee_pool_reset(pool);
    assert_true(__asan_address_is_poisoned(piece));
    gee_pool_destroy(&pool);
}
#endif

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pieces_are_aligned_and_apart),
        cmocka_unit_test(test_big_piece_leaves_the_chunk_in_use),
        cmocka_unit_test(test_reset_keeps_the_first_chunk),
        cmocka_unit_test(test_reset_gives_the_other_chunks_back),
        cmocka_unit_test(test_limit),
        cmocka_unit_test(test_hostile_sizes),
        cmocka_unit_test(test_zeroed_after_use),
        cmocka_unit_test(test_copies),
        cmocka_unit_test(test_printf_of_any_length),
#if GEE_ASAN
        cmocka_unit_test(test_sanitizer_sees_what_was_not_handed_out),
#endif
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
