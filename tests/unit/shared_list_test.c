/* shared_list_test.c: lists of servers that one process finds for others: whole, with their report, and the longest
 * fits. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <gee.h>

static gee_shared_list_t list;
static void *memory;
static gee_pool_t *pool;

static int set_up(void **state GEE_UNUSED) {
    memory = mmap(NULL, gee_shared_list_size(), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_ptr_not_equal(memory, MAP_FAILED);
    gee_shared_list_attach(&list, "http://registry", memory);
    pool = gee_pool_create(4096);
    return 0;
}

static int tear_down(void **state GEE_UNUSED) {
    gee_pool_destroy(&pool);
    return munmap(memory, gee_shared_list_size());
}

static void test_there_is_none_at_first(void **state GEE_UNUSED) {
    gee_server_t *servers;
    gee_shared_report_t report;
    size_t count = 9;
    uint64_t version = 9;
    assert_int_equal(gee_shared_list_version(&list), 0);
    assert_int_equal(gee_shared_list_read(&list, pool, &servers, &count, &version), 0);
    assert_int_equal(count, 0);
    assert_int_equal(version, 0);
    assert_int_equal(gee_shared_list_reported(&list, &report), 0);
    assert_int_equal(report.version, 0);
    assert_string_equal(report.trouble, "");
}

static void test_a_list_and_its_report(void **state GEE_UNUSED) {
    const gee_server_t written[] = { { "tcp@10.0.0.1:9999", 3 }, { "unix@/run/x", 65535 } };
    gee_error_t trouble;
    gee_discovery_report_t told = { .confirmed_ns = 77, .trouble = &trouble };
    gee_server_t *servers;
    gee_shared_report_t report;
    size_t count;
    uint64_t version;
    gee_shared_list_write(&list, written, 2);
    assert_int_equal(gee_shared_list_version(&list), 1);
    assert_int_equal(gee_shared_list_read(&list, pool, &servers, &count, &version), 0);
    assert_int_equal(count, 2);
    assert_int_equal(version, 1);
    for (size_t i = 0; i < 2; i++) {
        assert_string_equal(servers[i].address, written[i].address);
        assert_int_equal(servers[i].weight, written[i].weight);
    }
    gee_error_set(&trouble, GEE_UNAVAILABLE, "it is away");
    gee_shared_list_report(&list, &told);
    assert_int_equal(gee_shared_list_reported(&list, &report), 0);
    assert_int_equal(report.version, 1);
    assert_int_equal(report.count, 2);
    assert_int_equal(report.confirmed_ns, 77);
    assert_string_equal(report.trouble, "it is away");
}

static void test_the_longest_list(void **state GEE_UNUSED) {
    static char addresses[GEE_SNAPSHOT_SERVERS + 1][GEE_ADDR_TEXT];
    static gee_server_t written[GEE_SNAPSHOT_SERVERS + 1];
    static char too_long[GEE_ADDR_TEXT + 1];
    gee_server_t *servers;
    size_t count;
    uint64_t version;
    for (size_t i = 0; i < GEE_LENGTH(written); i++) {
        snprintf(addresses[i], sizeof(addresses[i]), "unix@/%0*zu", GEE_ADDR_TEXT - 7, i);
        written[i] = (gee_server_t){ .address = addresses[i], .weight = 1 };
    }
    memset(too_long, 'x', GEE_ADDR_TEXT);
    written[0].address = too_long;
    gee_shared_list_write(&list, written, GEE_LENGTH(written));
    assert_int_equal(gee_shared_list_read(&list, pool, &servers, &count, &version), 0);
    assert_int_equal(count, GEE_SNAPSHOT_SERVERS);
    assert_string_equal(servers[0].address, addresses[1]);
    assert_string_equal(servers[count - 1].address, addresses[GEE_SNAPSHOT_SERVERS]);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_there_is_none_at_first, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_list_and_its_report, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_the_longest_list, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
