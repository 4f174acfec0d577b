/* known_down_test.c: which servers are down, in memory that workers share. */
#include "core/gateway/known_down.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "core/base/defs.h"

static gee_known_down_t *new_memory(void) {
    gee_known_down_t *known = calloc(1, gee_known_down_size());
    assert_non_null(known);
    return known;
}

static void what_was_noted_is_known_until_it_is_forgotten_or_old(void **state GEE_UNUSED) {
    gee_known_down_t *known = new_memory();
    uint64_t key = gee_known_down_key("users", "tcp@10.0.0.1:9999");
    assert_false(gee_known_down_since(known, key, 0));
    gee_known_down_note(known, key, 100);
    assert_true(gee_known_down_since(known, key, 99));
    assert_false(gee_known_down_since(known, key, 100));
    gee_known_down_note(known, key, 200);
    assert_true(gee_known_down_since(known, key, 199));
    gee_known_down_forget(known, key);
    assert_false(gee_known_down_since(known, key, 0));
    free(known);
}

static void each_upstream_has_its_own_servers(void **state GEE_UNUSED) {
    assert_true(gee_known_down_key("users", "tcp@10.0.0.1:9999") != gee_known_down_key("user", "stcp@10.0.0.1:9999"));
    assert_true(gee_known_down_key("a", "tcp@10.0.0.1:9999") != gee_known_down_key("b", "tcp@10.0.0.1:9999"));
    assert_true(gee_known_down_key("a", "tcp@10.0.0.1:9999") == gee_known_down_key("a", "tcp@10.0.0.1:9999"));
}

/* However many there are: the latest are known. */
static void the_oldest_make_room(void **state GEE_UNUSED) {
    enum { SERVERS = 100000, LATEST = 200 };
    gee_known_down_t *known = new_memory();
    char address[40];
    for (int64_t i = 1; i <= SERVERS; i++) {
        snprintf(address, sizeof(address), "tcp@10.0.0.1:%d", (int)i);
        gee_known_down_note(known, gee_known_down_key("a", address), i);
    }
    for (int64_t i = SERVERS - LATEST + 1; i <= SERVERS; i++) {
        snprintf(address, sizeof(address), "tcp@10.0.0.1:%d", (int)i);
        assert_true(gee_known_down_since(known, gee_known_down_key("a", address), i - 1));
    }
    free(known);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_noted_is_known_until_it_is_forgotten_or_old),
        cmocka_unit_test(each_upstream_has_its_own_servers),
        cmocka_unit_test(the_oldest_make_room),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
