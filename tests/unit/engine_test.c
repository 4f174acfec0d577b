/* engine_test.c: what files keep in an engine ends with the engine: connections first, then stores, each once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/rpc/engine_private.h"

static char closed[8];

static void note(const char *what) {
    strncat(closed, what, sizeof(closed) - strlen(closed) - 1);
}

static void close_store(gee_engine_t *engine GEE_UNUSED) {
    note("s");
}

static void close_connections(gee_engine_t *engine GEE_UNUSED) {
    note("c");
}

static void test_connections_end_before_stores_each_once(void **state GEE_UNUSED) {
    static const gee_module_entry_t none[] = { { NULL, NULL } };
    gee_error_t error = { .text = "" };
    gee_loop_t *loop = gee_loop_create(NULL, &error);
    assert_non_null(loop);
    gee_engine_t *engine = gee_engine_create(&(gee_engine_options_t){ .loop = loop, .modules = none }, &error);
    assert_non_null(engine);
    gee_engine_closer_t store = { .close = NULL }, connections = { .close = NULL };
    for (int i = 0; i < 2; i++) {
        gee_engine_at_close(engine, GEE_CLOSE_STORES, &store, close_store);
        gee_engine_at_close(engine, GEE_CLOSE_CONNECTIONS, &connections, close_connections);
    }
    gee_engine_destroy(&engine);
    assert_null(engine);
    assert_string_equal(closed, "cs");
    gee_loop_destroy(&loop);
}

int main(void) {
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_connections_end_before_stores_each_once) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
