/* buf_test.c: buffers and their cache, the inbox, the chain. Long random runs are compared with a plain array of bytes;
 * their numbers are the same in every run. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/buf.h"
#include "core/base/defs.h"

static uint64_t seed;

static size_t below(size_t bound) {
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return (size_t)(seed >> 11) % bound;
}

/* A size: small mostly, sometimes about a buffer, sometimes many buffers. */
static size_t some_size(void) {
    switch (below(8)) {
    case 0:
        return 4000 + below(200);
    case 1:
        return below(40000);
    case 2:
        return 0;
    default:
        return 1 + below(100);
    }
}

static void fill(uint8_t *target, size_t length) {
    for (size_t i = 0; i < length; i++)
        target[i] = (uint8_t)below(256);
}

static int setup(void **state) {
    seed = 88172645463325252U;
    *state = gee_buf_cache_create(256 * GEE_KIB);
    return *state ? 0 : -1;
}

/* Whatever a test did: nothing may be left out. */
static int teardown(void **state) {
    gee_buf_cache_t *cache = *state;
    assert_true(gee_buf_cache_live(cache) == 0);
    gee_buf_cache_destroy(&cache);
    assert_null(cache);
    gee_buf_cache_destroy(&cache);
    return 0;
}

/* ---- cache ---- */

static void test_capacities(void **state) {
    gee_buf_cache_t *cache = *state;
    for (size_t capacity = 0; capacity < 4 * GEE_MIB; capacity += capacity < 9000 ? 1 : capacity / 7) {
        gee_buf_t *buf = gee_buf_take(cache, capacity);
        assert_non_null(buf);
        assert_true(buf->capacity >= capacity);
        memset(buf->data, 1, buf->capacity); /* for AddressSanitizer */
        gee_buf_release(&buf);
        assert_null(buf);
    }
    gee_buf_t *smallest = gee_buf_take(cache, 1);
    assert_int_equal(smallest->capacity + sizeof *smallest, GEE_BUF_SMALL);
    gee_buf_release(&smallest);
    gee_buf_release(&smallest);
    for (size_t less = 0; less < 4096; less += 8)
        assert_null(gee_buf_take(cache, SIZE_MAX - less));
    assert_null(gee_buf_take(cache, PTRDIFF_MAX));
}

static void test_holders(void **state) {
    gee_buf_cache_t *cache = *state;
    gee_buf_t *buf = gee_buf_take(cache, 100), *again = gee_buf_hold(buf);
    assert_ptr_equal(again, buf);
    gee_buf_release(&buf);
    assert_true(gee_buf_cache_live(cache) == 1);
    again->data[0] = 1;
    gee_buf_release(&again);
    assert_true(gee_buf_cache_live(cache) == 0);
}

#if !GEE_ASAN
static void test_steady_state_reuses(void **state) {
    gee_buf_cache_t *cache = *state;
    gee_buf_t *small = gee_buf_take(cache, 100), *big = gee_buf_take(cache, 60000);
    const gee_buf_t *known_small = small, *known_big = big;
    for (int round = 0; round < 100; round++) {
        gee_buf_release(&small);
        gee_buf_release(&big);
        small = gee_buf_take(cache, 1000);
        big = gee_buf_take(cache, 40000);
        assert_ptr_equal(small, known_small);
        assert_ptr_equal(big, known_big);
    }
    gee_buf_release(&small);
    gee_buf_release(&big);
}

static void test_no_more_is_kept_than_asked_for(void **state) {
    gee_buf_cache_t *cache = *state; /* keeps 256 KiB */
    enum { COUNT = 500 };
    gee_buf_t *bufs[COUNT];
    size_t before = mallinfo2().uordblks;
    for (int round = 0; round < 3; round++) {
        size_t capacity = (size_t[]){ 1000, 10000, 60000 }[round];
        for (size_t i = 0; i < COUNT; i++)
            assert_non_null(bufs[i] = gee_buf_take(cache, capacity));
        for (size_t i = 0; i < COUNT; i++)
            gee_buf_release(&bufs[i]);
        assert_true(mallinfo2().uordblks <= before + 257 * GEE_KIB);
    }
}

static void test_big_free_buffers_make_way_for_small_ones(void **state) {
    gee_buf_cache_t *cache = *state;
    gee_buf_t *small = gee_buf_take(cache, 100), *big = gee_buf_take(cache, 250 * GEE_KIB);
    const gee_buf_t *known = small;
    gee_buf_release(&big); /* fills what may be kept */
    gee_buf_release(&small);
    void *volatile other = malloc(4096); /* takes the place, had it been given back to the system */
    small = gee_buf_take(cache, 100);
    assert_ptr_equal(small, known);
    free(other);
    gee_buf_release(&small);
}
#endif

/* ---- inbox ---- */

static void test_inbox_holds_no_buffer_when_empty(void **state) {
    gee_buf_cache_t *cache = *state;
    gee_inbox_t inbox;
    gee_inbox_init(&inbox, cache);
    assert_true(gee_inbox_length(&inbox) == 0);
    assert_null(gee_inbox_bytes(&inbox));
    size_t space = 0;
    uint8_t *room = gee_inbox_space(&inbox, 10, &space);
    assert_true(room && space >= 10);
    gee_inbox_filled(&inbox, 0); /* a read that found nothing */
    assert_true(gee_buf_cache_live(cache) == 0);

    assert_int_equal(gee_inbox_append(&inbox, "abcdef", 6), 0);
    gee_inbox_consume(&inbox, 2);
    assert_memory_equal(gee_inbox_bytes(&inbox), "cdef", 4);
    gee_inbox_consume(&inbox, 4);
    assert_true(gee_inbox_length(&inbox) == 0);
    assert_true(gee_buf_cache_live(cache) == 0);
    gee_inbox_clear(&inbox);
}

static void test_inbox_hostile_sizes(void **state) {
    gee_inbox_t inbox;
    gee_inbox_init(&inbox, *state);
    size_t space;
    assert_null(gee_inbox_space(&inbox, SIZE_MAX, &space));
    assert_int_equal(gee_inbox_append(&inbox, "abc", 3), 0);
    for (size_t less = 0; less < 64; less++)
        assert_null(gee_inbox_space(&inbox, SIZE_MAX - less, &space));
    assert_null(gee_inbox_space(&inbox, PTRDIFF_MAX, &space));
    assert_int_equal(gee_inbox_append(&inbox, "x", SIZE_MAX), -1);
    assert_int_equal(gee_inbox_length(&inbox), 3); /* still what it was */
    assert_memory_equal(gee_inbox_bytes(&inbox), "abc", 3);
    gee_inbox_clear(&inbox);
}

/* Counts the bytes that moving costs: an inbox whose first byte stands elsewhere than before was moved as a whole. */
typedef struct mover {
    const uint8_t *first;
    size_t moved;
} mover_t;

static void watch(mover_t *mover, const gee_inbox_t *inbox, size_t length_before) {
    if (length_before > 0 && gee_inbox_bytes(inbox) != mover->first)
        mover->moved += length_before;
    mover->first = gee_inbox_bytes(inbox);
}

static void put_one(gee_inbox_t *inbox, size_t wanted, mover_t *mover) {
    size_t space, length = gee_inbox_length(inbox);
    mover->first = gee_inbox_bytes(inbox);
    uint8_t *room = gee_inbox_space(inbox, wanted, &space);
    assert_true(room && space >= wanted);
    *room = 'x';
    gee_inbox_filled(inbox, 1);
    watch(mover, inbox, length);
}

static void test_inbox_byte_by_byte_is_linear(void **state) {
    static const size_t wanted[] = { 1, 100, 4000, 16384, 65536 };
    for (size_t i = 0; i < GEE_LENGTH(wanted); i++) {
        gee_inbox_t inbox;
        gee_inbox_init(&inbox, *state);
        mover_t mover = { 0 };
        const size_t total = 4 * GEE_MIB;
        for (size_t count = 0; count < total; count++)
            put_one(&inbox, wanted[i], &mover);
        assert_true(mover.moved <= 2 * total);
        assert_true(inbox.buf->capacity <= 3 * total);
        gee_inbox_clear(&inbox);
    }
}

/* A partial message behind consumed bytes: each byte that comes, one goes. */
static void test_inbox_sliding_is_linear(void **state) {
    for (size_t behind = 1; behind < 40000; behind = behind * 3 + 5) {
        static const size_t wanted[] = { 1, 1000, 16384 };
        for (size_t i = 0; i < GEE_LENGTH(wanted); i++) {
            gee_inbox_t inbox;
            gee_inbox_init(&inbox, *state);
            mover_t mover = { 0 };
            size_t count = 0;
            for (; count < behind; count++)
                put_one(&inbox, wanted[i], &mover);
            for (; count < 300000; count++) {
                put_one(&inbox, wanted[i], &mover);
                gee_inbox_consume(&inbox, 1);
            }
            if (mover.moved > 2 * count)
                fail_msg("%zu behind, %zu wanted: %zu moved for %zu", behind, wanted[i], mover.moved, count);
            assert_true(inbox.buf->capacity <= 8 * (behind + wanted[i] + GEE_BUF_SMALL));
            gee_inbox_clear(&inbox);
        }
    }
}

static void test_inbox_gives_a_huge_buffer_back(void **state) {
    gee_inbox_t inbox;
    gee_inbox_init(&inbox, *state);
    size_t space;
    assert_non_null(gee_inbox_space(&inbox, 4 * GEE_MIB, &space));
    memset(inbox.buf->data, 'x', space);
    gee_inbox_filled(&inbox, space);
    gee_inbox_consume(&inbox, space - 10); /* never quite empty again */
    assert_int_equal(gee_inbox_append(&inbox, "more", 4), 0);
    assert_true(inbox.buf->capacity < GEE_MIB);
    assert_int_equal(gee_inbox_length(&inbox), 14);
    assert_memory_equal(gee_inbox_bytes(&inbox), "xxxxxxxxxxmore", 14);
    gee_inbox_clear(&inbox);
}

enum { MODEL = 1 << 20, HOLDERS = 8 };

typedef struct holder {
    gee_buf_t *buf;
    const uint8_t *bytes;
    uint8_t *copy;
    size_t length;
} holder_t;

static void hold_some(holder_t *holder, const gee_inbox_t *inbox) {
    if (holder->buf) {
        assert_memory_equal(holder->bytes, holder->copy, holder->length);
        free(holder->copy);
        gee_buf_release(&holder->buf);
    }
    if (gee_inbox_length(inbox) == 0)
        return;
    size_t offset = below(gee_inbox_length(inbox));
    holder->length = 1 + below(gee_inbox_length(inbox) - offset);
    holder->buf = gee_buf_hold(inbox->buf);
    holder->bytes = gee_inbox_bytes(inbox) + offset;
    holder->copy = malloc(holder->length);
    assert_non_null(holder->copy);
    memcpy(holder->copy, holder->bytes, holder->length);
}

static void test_inbox_against_a_model(void **state) {
    gee_inbox_t inbox, none;
    gee_inbox_init(&inbox, *state);
    gee_inbox_init(&none, *state);
    uint8_t *model = malloc(MODEL);
    assert_non_null(model);
    size_t start = 0, end = 0;
    holder_t holders[HOLDERS] = { 0 };
    for (int step = 0; step < 30000; step++) {
        size_t count = some_size();
        if (end + count > MODEL) {
            memmove(model, model + start, end - start);
            end -= start;
            start = 0;
        }
        if (below(2) == 0 && end + count <= MODEL) {
            size_t space = 0;
            uint8_t *room = gee_inbox_space(&inbox, count, &space);
            assert_true(room && space >= count);
            memset(room, 0xee, space); /* all of the room is ours to write to */
            fill(model + end, count);
            memcpy(room, model + end, count);
            gee_inbox_filled(&inbox, count);
            end += count;
        } else {
            count = below(3) == 0 ? end - start : count < end - start ? count : end - start;
            gee_inbox_consume(&inbox, count);
            start += count;
        }
        assert_true(gee_inbox_length(&inbox) == end - start);
        if (end > start)
            assert_memory_equal(gee_inbox_bytes(&inbox), model + start, end - start);
        if (below(4) == 0)
            hold_some(&holders[below(HOLDERS)], &inbox);
    }
    for (size_t i = 0; i < HOLDERS; i++)
        hold_some(&holders[i], &none);
    gee_inbox_clear(&inbox);
    free(model);
}

/* ---- chain ---- */

static void assert_chain_is(const gee_chain_t *chain, const uint8_t *bytes, size_t length) {
    assert_true(chain->length == length);
    uint8_t *copy = malloc(length + 1);
    assert_non_null(copy);
    assert_true(gee_chain_copy(chain, copy, length + 1) == length);
    assert_memory_equal(copy, bytes, length);
    static struct iovec vector[4096];
    int entries = gee_chain_iov(chain, vector, (int)GEE_LENGTH(vector));
    size_t at = 0;
    for (int i = 0; i < entries; i++) {
        assert_true(vector[i].iov_len > 0 && at + vector[i].iov_len <= length);
        assert_memory_equal(vector[i].iov_base, bytes + at, vector[i].iov_len);
        at += vector[i].iov_len;
    }
    assert_true(at == length);
    free(copy);
}

static void test_chain_holds_no_buffer_when_empty(void **state) {
    gee_buf_cache_t *cache = *state;
    gee_chain_t chain;
    gee_chain_init(&chain, cache);
    assert_non_null(gee_chain_reserve(&chain, 100));
    gee_chain_commit(&chain, 0);
    assert_true(gee_buf_cache_live(cache) == 0);
    assert_int_equal(gee_chain_append(&chain, "abc", 3), 0);
    gee_chain_consume(&chain, 2);
    assert_chain_is(&chain, (const uint8_t *)"c", 1);
    gee_chain_consume(&chain, 1);
    assert_true(gee_buf_cache_live(cache) == 0);
    assert_null(chain.first);
    gee_mark_t mark = gee_chain_mark(&chain);
    assert_int_equal(gee_chain_append(&chain, "abc", 3), 0);
    gee_chain_rewind(&chain, mark);
    assert_true(gee_buf_cache_live(cache) == 0);
}

static void test_chain_length_is_patched_later(void **state) {
    gee_chain_t chain;
    gee_chain_init(&chain, *state);
    uint8_t *prefix = gee_chain_reserve(&chain, 4);
    gee_chain_commit(&chain, 4);
    uint8_t *body = malloc(100000);
    assert_non_null(body);
    memset(body, 'b', 100000);
    assert_int_equal(gee_chain_append(&chain, body, 100000), 0);
    memcpy(prefix, "\0\1\x86\xa0", 4);
    uint8_t head[5];
    assert_true(gee_chain_copy(&chain, head, 5) == 5);
    assert_memory_equal(head,
                        "\0\1\x86\xa0"
                        "b",
                        5);
    gee_chain_clear(&chain);
    free(body);
}

static void test_small_writes_share_a_buffer(void **state) {
    gee_buf_cache_t *cache = *state;
    gee_chain_t chain;
    gee_chain_init(&chain, cache);
    for (int i = 0; i < 400; i++)
        assert_int_equal(gee_chain_append(&chain, "0123456789", 10), 0);
    assert_true(gee_buf_cache_live(cache) == 1);
    for (int i = 0; i < 100000; i++)
        assert_int_equal(gee_chain_append(&chain, "0123456789", 10), 0);
    assert_true(gee_buf_cache_live(cache) < 30); /* 1 MB: bigger buffers by then */
    gee_chain_clear(&chain);
}

static void test_neighbouring_pieces_make_one_segment(void **state) {
    gee_buf_cache_t *cache = *state;
    gee_chain_t chain;
    gee_chain_init(&chain, cache);
    gee_buf_t *buf = gee_buf_take(cache, 100);
    memcpy(buf->data, "abcdefghij", 10);
    assert_int_equal(gee_chain_append_buf(&chain, buf, buf->data, 4), 0);
    assert_int_equal(gee_chain_append_buf(&chain, buf, buf->data + 4, 4), 0);
    struct iovec vector[4];
    assert_int_equal(gee_chain_iov(&chain, vector, 4), 1);
    assert_int_equal(gee_chain_append_buf(&chain, buf, buf->data + 9, 1), 0);
    assert_int_equal(gee_chain_iov(&chain, vector, 4), 2);
    assert_int_equal(gee_chain_iov(&chain, vector, 1), 1);
    assert_int_equal(gee_chain_iov(&chain, vector, 0), 0);
    /* Somebody else holds the buffer: what lies behind is not ours to write to. */
    uint8_t *room = gee_chain_reserve(&chain, 1);
    assert_true(room < buf->data || room > buf->data + buf->capacity);
    gee_buf_release(&buf);
    assert_chain_is(&chain, (const uint8_t *)"abcdefghj", 9);
    gee_chain_clear(&chain);
}

static void test_chain_hostile_sizes(void **state) {
    gee_chain_t chain;
    gee_chain_init(&chain, *state);
    assert_null(gee_chain_reserve(&chain, SIZE_MAX));
    assert_int_equal(gee_chain_append(&chain, "abc", 3), 0);
    for (size_t less = 0; less < 64; less++)
        assert_null(gee_chain_reserve(&chain, SIZE_MAX - less));
    assert_null(gee_chain_reserve(&chain, PTRDIFF_MAX));
    assert_chain_is(&chain, (const uint8_t *)"abc", 3);
    gee_chain_clear(&chain);
}

/* A chain beside the bytes that it should hold. */
typedef struct checked {
    gee_chain_t chain;
    uint8_t *model;
    size_t length;
} checked_t;

static void checked_init(checked_t *checked, gee_buf_cache_t *cache) {
    gee_chain_init(&checked->chain, cache);
    checked->model = malloc(MODEL);
    assert_non_null(checked->model);
    checked->length = 0;
}

static void checked_free(checked_t *checked) {
    gee_chain_clear(&checked->chain);
    free(checked->model);
}

/* Writes in one of the three ways; the inbox is where bytes without copying come from. */
static void write_some(checked_t *checked, gee_inbox_t *inbox) {
    size_t count = some_size();
    if (checked->length + count > MODEL)
        return;
    uint8_t *model = checked->model + checked->length, *room;
    switch (below(3)) {
    case 0:
        room = gee_chain_reserve(&checked->chain, count);
        assert_non_null(room);
        memset(room, 0xdd, count);
        count = below(4) == 0 ? 0 : below(count + 1); /* in part, or not at all */
        fill(model, count);
        memcpy(room, model, count);
        if (count > 0 || below(2) == 0)
            gee_chain_commit(&checked->chain, count);
        break;
    case 1:
        fill(model, count);
        assert_int_equal(gee_chain_append(&checked->chain, model, count), 0);
        break;
    default:
        if (gee_inbox_length(inbox) < count)
            count = gee_inbox_length(inbox);
        if (count > 0)
            memcpy(model, gee_inbox_bytes(inbox), count);
        assert_int_equal(gee_chain_append_buf(&checked->chain, inbox->buf, gee_inbox_bytes(inbox), count), 0);
        if (below(3) > 0)
            gee_inbox_consume(inbox, count);
    }
    checked->length += count;
}

static void consume_some(checked_t *checked, size_t count) {
    gee_chain_consume(&checked->chain, count);
    memmove(checked->model, checked->model + count, checked->length - count);
    checked->length -= count;
}

static void receive_some(gee_inbox_t *inbox) {
    uint8_t bytes[3000];
    size_t count = below(sizeof bytes);
    fill(bytes, count);
    assert_int_equal(gee_inbox_append(inbox, bytes, count), 0);
}

static void move_all(checked_t *to, checked_t *from) {
    if (to->length + from->length > MODEL)
        return;
    gee_chain_move(&to->chain, &from->chain);
    memcpy(to->model + to->length, from->model, from->length);
    to->length += from->length;
    from->length = 0;
}

static void test_chain_against_a_model(void **state) {
    checked_t main_chain, side;
    gee_inbox_t inbox;
    gee_inbox_init(&inbox, *state);
    checked_init(&main_chain, *state);
    checked_init(&side, *state);
    for (int step = 0; step < 4000; step++) {
        receive_some(&inbox);
        if (gee_inbox_length(&inbox) > 20000)
            gee_inbox_consume(&inbox, gee_inbox_length(&inbox) - below(100));
        checked_t *chain = below(3) == 0 ? &side : &main_chain;
        size_t before = chain->length;
        gee_mark_t mark = gee_chain_mark(&chain->chain);
        for (size_t writes = below(6); writes > 0; writes--)
            write_some(chain, &inbox);
        if (below(3) == 0) {
            gee_chain_rewind(&chain->chain, mark);
            chain->length = before;
        }
        assert_chain_is(&chain->chain, chain->model, chain->length);
        if (below(4) == 0)
            move_all(&main_chain, &side);
        if (chain->length > 200000 || below(20) == 0)
            consume_some(chain, chain->length);
        else
            consume_some(chain, below(chain->length + 1));
        assert_chain_is(&main_chain.chain, main_chain.model, main_chain.length);
        assert_chain_is(&side.chain, side.model, side.length);
    }
    gee_inbox_clear(&inbox);
    checked_free(&main_chain);
    checked_free(&side);
}

#define BUF_TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        BUF_TEST(test_capacities),
        BUF_TEST(test_holders),
#if !GEE_ASAN
        BUF_TEST(test_steady_state_reuses),
        BUF_TEST(test_no_more_is_kept_than_asked_for),
        BUF_TEST(test_big_free_buffers_make_way_for_small_ones),
#endif
        BUF_TEST(test_inbox_holds_no_buffer_when_empty),
        BUF_TEST(test_inbox_hostile_sizes),
        BUF_TEST(test_inbox_byte_by_byte_is_linear),
        BUF_TEST(test_inbox_sliding_is_linear),
        BUF_TEST(test_inbox_gives_a_huge_buffer_back),
        BUF_TEST(test_inbox_against_a_model),
        BUF_TEST(test_chain_holds_no_buffer_when_empty),
        BUF_TEST(test_chain_length_is_patched_later),
        BUF_TEST(test_small_writes_share_a_buffer),
        BUF_TEST(test_neighbouring_pieces_make_one_segment),
        BUF_TEST(test_chain_hostile_sizes),
        BUF_TEST(test_chain_against_a_model),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
