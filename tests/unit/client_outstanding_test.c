/* client_outstanding_test.c: a hundred thousand calls without an answer on one connection, and what each of them
 * takes. */
#include "client_support.h"

#include <malloc.h>

#define OUTSTANDING 100000
/* The promise of docs/client.md. */
#define BYTES_A_CALL_MOST 1024

/* Of the C library's heap; 0 where a sanitizer has its own. */
static size_t heap_bytes(void) {
    struct mallinfo2 info = mallinfo2();
    return info.uordblks + info.hblkhd;
}

static size_t resident_bytes(void) {
    unsigned long all = 0, resident = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    assert_non_null(file);
    assert_int_equal(fscanf(file, "%lu %lu", &all, &resident), 2);
    fclose(file);
    return resident * (size_t)sysconf(_SC_PAGESIZE);
}

static atomic_uint ended, right;

static void check_sum(gee_pending_t *pending, void *data) {
    const int64_t *sum = gee_pending_reply(pending);
    atomic_fetch_add(&right, sum != NULL && *sum == (int64_t)(uintptr_t)data + 1);
    atomic_fetch_add(&ended, 1);
}

/* The pending is released at once when `kept` is null. */
static void go(gee_client_t *client, size_t n, gee_pending_t **kept) {
    pair_t pair = { (int64_t)n, 1 };
    gee_error_t error;
    gee_pending_t *pending = gee_client_go_typed(client, "Peer.Keep", GEE_ARGUMENT(pair_t, &pair), GEE_TYPE_OF(int64_t),
                                                 NULL, check_sum, (void *)(uintptr_t)n, &error);
    if (pending == NULL)
        fail_msg("call %zu: %s", n, error.text);
    if (kept != NULL)
        *kept = pending;
    else
        gee_pending_release(&pending);
}

/* All outstanding, then all answered. Bytes of heap that they took together. */
static size_t one_round(frame_peer_t *peer, gee_pending_t **kept) {
    gee_client_t *client = dial_with(peer->address, NULL);
    expect_sum(client, 1, 2);
    atomic_store(&ended, 0);
    atomic_store(&right, 0);
    size_t heap = heap_bytes(), resident = resident_bytes();
    int64_t started_ns = gee_clock_monotonic();
    for (size_t i = 0; i < OUTSTANDING; i++)
        go(client, i, kept == NULL ? NULL : &kept[i]);
    eventually(atomic_load(&peer->kept) == OUTSTANDING);
    int64_t sent_ns = gee_clock_monotonic();
    assert_int_equal(atomic_load(&ended), 0);
    heap = heap_bytes() - heap;
    resident = resident_bytes() - resident;
    frame_peer_release(peer);
    eventually(atomic_load(&ended) == OUTSTANDING);
    print_message("%d calls: sent in %.2f s, answered in %.2f s; bytes a call: resident %zu, heap %zu%s\n", OUTSTANDING,
                  (double)(sent_ns - started_ns) / GEE_SECOND, (double)(gee_clock_monotonic() - sent_ns) / GEE_SECOND,
                  resident / OUTSTANDING, heap / OUTSTANDING, heap ? "" : " (not measured)");
    for (size_t i = 0; kept != NULL && i < OUTSTANDING; i++) {
        assert_true(gee_pending_wait(kept[i], 0));
        gee_pending_release(&kept[i]);
    }
    assert_int_equal(atomic_load(&right), OUTSTANDING);
    assert_int_equal(atomic_load(&ended), OUTSTANDING);
    expect_sum(client, 3, 4);
    gee_client_close(&client);
    return heap;
}

/* Once so that the peer has its own memory; then it counts. */
static void test_a_hundred_thousand_outstanding_calls(void **state GEE_UNUSED) {
    frame_peer_t *peer = frame_peer_start(0);
    gee_pending_t **kept = calloc(OUTSTANDING, sizeof(gee_pending_t *));
    assert_non_null(kept);
    one_round(peer, kept);
    assert_in_range(one_round(peer, NULL) / OUTSTANDING, 0, BYTES_A_CALL_MOST);
    assert_in_range(one_round(peer, kept) / OUTSTANDING, 0, BYTES_A_CALL_MOST);
    free(kept);
    assert_int_equal(atomic_load(&peer->accepted), 3);
    frame_peer_stop(&peer);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, before_each, after_each)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_a_hundred_thousand_outstanding_calls),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
