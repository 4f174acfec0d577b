/* registry_contract.c: one suite that every registry passes that is compiled in: src/core/gateway/registry.h,
 * sentence by sentence, what two of them share. What one of them promises beyond that is in
 * tests/unit/registry_*_test.c.
 *
 * A registry that a new scheme brings needs a stage below: a directory that it can follow. */
#include "support/web.h"
#include "core/gateway/modules.h"

/* ---- stages: where a list can be put, taken away, and spoilt ---- */

typedef struct stage {
    const char *scheme;
    watching_t base;
    web_t *web;
    char directory[40], path[60], source[200];
    const char *said; /* http: what is answered to everything; null: it is down */
} stage_t;

#define ONE_SERVER "tcp@127.0.0.1:9999"

static void set_up(stage_t *stage) {
    if (strcmp(stage->scheme, "http") == 0) {
        stage->web = web_create(stage->base.loop);
        snprintf(stage->source, sizeof(stage->source), "%s", stage->web->url);
    } else if (strcmp(stage->scheme, "file") == 0) {
        snprintf(stage->directory, sizeof(stage->directory), "/tmp/geerpc-contract-XXXXXX");
        assert_non_null(mkdtemp(stage->directory));
        snprintf(stage->path, sizeof(stage->path), "%s/servers", stage->directory);
        snprintf(stage->source, sizeof(stage->source), "file@%s", stage->path);
    } else if (strcmp(stage->scheme, "dns") == 0) {
        snprintf(stage->source, sizeof(stage->source), "dns@127.0.0.1:9999");
    } else {
        fail_msg("the suite knows no stage for the scheme %s", stage->scheme);
    }
}

/* The source has a list of one server from now on. */
static void give_list(stage_t *stage) {
    stage->said = "X-Geerpc-Servers: " ONE_SERVER "\r\n";
    if (stage->web != NULL && stage->web->listening.descriptor < 0)
        web_up(stage->web);
    if (stage->path[0] != '\0')
        replace_file(stage->path, ONE_SERVER "\n");
}

/* The directory has no entries. False: that cannot be staged. */
static bool take_away(stage_t *stage) {
    if (stage->web != NULL)
        web_down(stage->web);
    else if (stage->path[0] != '\0')
        unlink(stage->path);
    else
        return false;
    return true;
}

/* Turns the loop, and answers for the registry, until it is so. */
#define STAGE_UNTIL(stage, condition)                                                                                  \
    do {                                                                                                               \
        int64_t give_up = gee_clock_monotonic() + PATIENCE;                                                            \
        while (!(condition)) {                                                                                         \
            if (gee_clock_monotonic() > give_up)                                                                       \
                fail_msg("%s: waited in vain for: %s", (stage)->scheme, #condition);                                   \
            turn(stage);                                                                                               \
        }                                                                                                              \
    } while (0)

static void turn(stage_t *stage) {
    assert_int_equal(gee_loop_once(stage->base.loop, GEE_MILLISECOND), 0);
    web_t *web = stage->web;
    if (web == NULL || web->requests == web->requests_seen)
        return;
    web->requests_seen = web->requests;
    web_say(web, "200 OK", stage->said, "");
}

static void strike(stage_t *stage) {
    unwatch(&stage->base);
    take_away(stage);
    run_passes(stage->base.loop, 3);
    if (stage->web != NULL)
        web_destroy(&stage->web);
    if (stage->directory[0] != '\0')
        assert_int_equal(rmdir(stage->directory), 0);
    watching_close(&stage->base);
}

static void for_each(void (*test)(stage_t *stage)) {
    const gee_module_t *module;
    size_t i = 0;
    for (; (module = gee_module_next(gee_modules, GEE_MODULE_REGISTRY, i)) != NULL; i++) {
        stage_t *stage = calloc(1, sizeof(*stage));
        assert_non_null(stage);
        stage->scheme = ((const gee_registry_t *)module->interface)->scheme;
        watching_open(&stage->base, gee_modules);
        set_up(stage);
        test(stage);
        strike(stage);
        free(stage);
    }
    if (i == 0)
        skip();
}

/* ---- the suite ---- */

static void scheme_and_members(stage_t *stage) {
    const gee_registry_t *registry = gee_module_find(gee_modules, GEE_MODULE_REGISTRY, gee_str(stage->scheme));
    assert_int_equal(strspn(stage->scheme, "abcdefghijklmnopqrstuvwxyz0123456789+-"), strlen(stage->scheme));
    assert_true(strlen(stage->scheme) > 0);
    assert_ptr_equal(gee_registry_for(gee_modules, stage->source, NULL), registry); /* the only one of its scheme */
    assert_true(registry->check && registry->watch && registry->unwatch);
}
static void each_has_its_members_and_a_scheme_of_its_own(void **state GEE_UNUSED) {
    gee_error_t error;
    for_each(scheme_and_members);
    if (gee_gateway_check_modules(gee_modules, &error) != 0)
        fail_msg("%s", error.text);
}

static void texts(stage_t *stage) {
    const gee_registry_t *registry = gee_module_find(gee_modules, GEE_MODULE_REGISTRY, gee_str(stage->scheme));
    static const char *const rest[] = { "", "@", "://" };
    gee_error_t error;
    char text[100];
    assert_int_equal(registry->check(stage->source, &error), 0);
    for (size_t i = 0; i < GEE_LENGTH(rest); i++) {
        snprintf(text, sizeof(text), "%s%s", stage->scheme, rest[i]);
        error.text[0] = '\0';
        assert_int_equal(registry->check(text, &error), -1);
        assert_true(strlen(error.text) > 0);
        assert_int_equal(registry->check(text, NULL), -1);
    }
}
static void what_is_no_source_is_refused(void **state GEE_UNUSED) {
    for_each(texts);
}

static void list(stage_t *stage) {
    give_list(stage);
    watch(&stage->base, stage->source, NULL, 10 * GEE_MILLISECOND);
    assert_int_equal(stage->base.changes, 0); /* nothing is called from inside watch() */
    STAGE_UNTIL(stage, stage->base.changes > 0);
    assert_int_equal(stage->base.count, 1);
    assert_string_equal(stage->base.addresses[0], ONE_SERVER);
    uint64_t version = stage->base.version;
    int changes = stage->base.changes;
    STAGE_UNTIL(stage, stage->base.changes >= changes + 2); /* a look that found nothing new is told too */
    assert_true(stage->base.version == version);
    assert_int_equal(stage->base.failures, 0);
}
static void the_list_is_reported(void **state GEE_UNUSED) {
    for_each(list);
}

static void failures(stage_t *stage) {
    if (!take_away(stage))
        return;
    watch(&stage->base, stage->source, NULL, 10 * GEE_MILLISECOND);
    STAGE_UNTIL(stage, stage->base.failures >= 3); /* each is told; and it goes on trying */
    assert_non_null(strstr(stage->base.error.text, stage->source));
    assert_int_equal(stage->base.changes, 0);
    give_list(stage);
    STAGE_UNTIL(stage, stage->base.changes > 0);
    assert_string_equal(stage->base.addresses[0], ONE_SERVER);
    take_away(stage);
    int before = stage->base.failures;
    STAGE_UNTIL(stage, stage->base.failures > before);
    give_list(stage);
    before = stage->base.changes;
    STAGE_UNTIL(stage, stage->base.changes > before);
}
static void failures_are_reported_and_over_in_the_end(void **state GEE_UNUSED) {
    for_each(failures);
}

static void unwatched(stage_t *stage) {
    for (int passes = 0; passes < 20; passes++) {
        if (passes % 2 == 0)
            give_list(stage);
        else
            take_away(stage);
        watch(&stage->base, stage->source, "Arith", 10 * GEE_MILLISECOND);
        for (int i = 0; i < passes; i++)
            turn(stage);
        unwatch(&stage->base); /* after this no callback comes: on_snapshot() and on_failure() look */
        for (int i = 0; i < 3; i++)
            turn(stage);
    }
}
static void it_can_be_ended_at_any_time(void **state GEE_UNUSED) {
    for_each(unwatched);
}

static void ended_inside(stage_t *stage) {
    stage->base.unwatch_in_change = true;
    give_list(stage);
    watch(&stage->base, stage->source, NULL, 10 * GEE_MILLISECOND);
    STAGE_UNTIL(stage, stage->base.state == NULL);
    assert_int_equal(stage->base.changes, 1);
    if (!take_away(stage))
        return;
    watch(&stage->base, stage->source, NULL, 10 * GEE_MILLISECOND);
    STAGE_UNTIL(stage, stage->base.state == NULL);
    assert_int_equal(stage->base.failures, 1);
}
static void it_can_be_ended_by_what_it_calls(void **state GEE_UNUSED) {
    for_each(ended_inside);
}

/* Several watches of one source do not know of each other. */
static void two(stage_t *stage) {
    watching_t *other = &stage->base, *first = calloc(1, sizeof(*first));
    assert_non_null(first);
    give_list(stage);
    *first = *other; /* the same loop and engine, a state of its own */
    watch(first, stage->source, NULL, 10 * GEE_MILLISECOND);
    watch(other, stage->source, NULL, 10 * GEE_MILLISECOND);
    STAGE_UNTIL(stage, first->changes > 0 && other->changes > 0);
    unwatch(first);
    int changes = other->changes;
    STAGE_UNTIL(stage, other->changes > changes);
    free(first);
}
static void watches_are_independent(void **state GEE_UNUSED) {
    for_each(two);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_has_its_members_and_a_scheme_of_its_own),
        cmocka_unit_test(what_is_no_source_is_refused),
        cmocka_unit_test(the_list_is_reported),
        cmocka_unit_test(failures_are_reported_and_over_in_the_end),
        cmocka_unit_test(it_can_be_ended_at_any_time),
        cmocka_unit_test(it_can_be_ended_by_what_it_calls),
        cmocka_unit_test(watches_are_independent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
