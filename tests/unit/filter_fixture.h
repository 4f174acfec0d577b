/* filter_fixture.h: one filter module behind dispatch, with settings of the test's, and a service whose calls a test
 * ends when it likes. */
#ifndef TEST_FILTER_FIXTURE_H
#define TEST_FILTER_FIXTURE_H

#include "call_fixture.h"

typedef struct item {
    int64_t number;
} item_t;
GEE_STRUCT(item_t, "Item", GEE_INT64(item_t, number, "Number", 1));

static inline void echo(gee_call_t *call, const item_t *item, int64_t *reply) {
    *reply = item->number;
    if (item->number < 0)
        gee_fail(call, GEE_OUT_OF_RANGE, "negative");
    else
        gee_reply(call);
}
static inline void hold(gee_call_t *call GEE_UNUSED, const item_t *item GEE_UNUSED, int64_t *reply GEE_UNUSED) {}
static const gee_method_t methods[] = {
    GEE_METHOD("Echo", echo, item_t, int64_t, 0),
    GEE_METHOD("Hold", hold, item_t, int64_t, 0),
    GEE_METHOD("Keep", hold, item_t, int64_t, 0),
};
static const gee_service_t service = { .name = "Test", .methods = methods, .method_count = GEE_LENGTH(methods) };

/* ---- settings ---- */

typedef union conf {
    int64_t aligned;
    char bytes[256];
} conf_t;

/* The module's defaults. */
static inline void configure(const gee_module_t *module, conf_t *conf, gee_pool_t *pool) {
    gee_error_t error;
    assert_true(module->conf_size <= sizeof conf->bytes);
    assert_int_equal(gee_options_check(module->options, &error), 0);
    memset(conf, 0, sizeof *conf);
    assert_int_equal(gee_options_default(module->options, conf->bytes, pool, &error), 0);
}

static inline void configure_one(const gee_module_t *module, conf_t *conf, gee_pool_t *pool, const char *name,
                                 const char *value) {
    gee_error_t error;
    if (gee_option_set(module->options, conf->bytes, name, value, pool, &error) != 0)
        fail_msg("%s", error.text);
}

/* As a cycle would prepare and start it. */
static inline fixture_t *filter_with(const gee_module_t *module, conf_t *conf, const gee_prepare_t *prepare) {
    gee_error_t error;
    if (module->prepare != NULL)
        assert_int_equal(module->prepare(conf->bytes, prepare, &error), 0);
    gee_filter_entry_t entry = { .module = module, .conf = conf->bytes };
    return fixture_create(&service, &entry);
}

static inline void finish(fixture_t *fixture, const outcome_t *outcome) {
    gee_reply(outcome->call);
    wait_released(fixture, outcome);
}

/* ---- a pool for each test, in *state ---- */

static inline int set_up(void **state) {
    *state = gee_pool_create(4096);
    return *state ? 0 : -1;
}
static inline int tear_down(void **state) {
    gee_pool_t *pool = *state;
    gee_pool_destroy(&pool);
    return 0;
}

#endif
