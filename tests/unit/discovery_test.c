/* discovery_test.c: which lists are taken and which are not, what is said about it, and how it stands then. The
 * registry is a fake, which reports what a test wants. */
#include "support/watching.h"
#include "core/gateway/modules.h"

/* ---- the fake ---- */

static struct {
    void (*changed)(void *data, const gee_snapshot_t *snapshot);
    void (*failed)(void *data, const gee_error_t *error);
    void *data; /* null: nobody watches */
    char service[32];
    int64_t refresh_ns;
    bool refuses;
} fake;

static int fake_check(const char *source, gee_error_t *error) {
    return strcmp(source, "fake@wrong") != 0 ? 0 : gee_error_set(error, GEE_INVALID_ARGUMENT, "%s: wrong", source);
}
static int fake_watch(void *state, gee_engine_t *engine GEE_UNUSED, const char *source,
                      const gee_watch_options_t *options, void (*changed)(void *data, const gee_snapshot_t *snapshot),
                      void (*failed)(void *data, const gee_error_t *error), void *data, gee_error_t *error) {
    if (fake.refuses)
        return gee_error_set(error, GEE_RESOURCE_EXHAUSTED, "%s: not today", source);
    *(int *)state = 1;
    fake.changed = changed;
    fake.failed = failed;
    fake.data = data;
    fake.refresh_ns = options->refresh_ns;
    snprintf(fake.service, sizeof(fake.service), "%s", options->service ? options->service : "(all)");
    return 0;
}
static void fake_unwatch(void *state) {
    assert_int_equal(*(int *)state, 1);
    assert_non_null(fake.data);
    fake.data = NULL;
}
static const gee_registry_t fake_registry = {
    .scheme = "fake", .watch_size = sizeof(int), .check = fake_check, .watch = fake_watch, .unwatch = fake_unwatch
};
static const gee_module_t fake_module = {
    .abi = GEE_MODULE_ABI, .kind = GEE_MODULE_REGISTRY, .name = "registry_fake", .interface = &fake_registry
};

/* ---- the fixture ---- */

typedef struct test {
    watching_t base; /* the loop, the engine, the log */
    gee_module_entry_t modules[3];
    gee_discovery_t *discovery;
    int changes;
    char list[1000]; /* "tcp@a:1 3, tcp@b:2 1" */
    bool destroy_in_change;
    int troubles, recoveries;
} test_t;

static void on_list(void *data, const gee_server_t *servers, size_t count) {
    test_t *test = data;
    test->changes++;
    test->list[0] = '\0';
    for (size_t i = 0; i < count; i++) {
        size_t used = strlen(test->list);
        snprintf(test->list + used, sizeof(test->list) - used, "%s%s %u", i ? ", " : "", servers[i].address,
                 servers[i].weight);
    }
    if (test->destroy_in_change)
        gee_discovery_destroy(&test->discovery);
}

static void on_trouble(void *data, const gee_error_t *reason) {
    test_t *test = data;
    test->troubles += reason != NULL;
    test->recoveries += reason == NULL;
}

static const gee_module_t *tcp_module(void) {
    const gee_module_t *module;
    for (size_t i = 0; (module = gee_module_next(gee_modules, GEE_MODULE_TRANSPORT, i)) != NULL; i++)
        if (strcmp(module->name, "transport_tcp") == 0)
            return module;
    fail_msg("no tcp");
    return NULL;
}

static test_t *new_test(size_t min_servers) {
    gee_error_t error;
    gee_discovery_options_t options = {
        .source = "fake@x", .min_servers = min_servers, .name = "upstream foo", .troubled = on_trouble
    };
    test_t *test = calloc(1, sizeof(*test));
    assert_non_null(test);
    memset(&fake, 0, sizeof(fake));
    test->modules[0] = (gee_module_entry_t){ &fake_module, "" };
    test->modules[1] = (gee_module_entry_t){ tcp_module(), "" };
    watching_open(&test->base, test->modules);
    test->discovery = gee_discovery_create(test->base.engine, &options, on_list, test, &error);
    if (test->discovery == NULL)
        fail_msg("%s", error.text);
    return test;
}

static void free_test(test_t *test) {
    gee_discovery_destroy(&test->discovery);
    assert_null(fake.data);
    watching_close(&test->base);
    free(test);
}

static void report(const gee_server_t *servers, size_t count) {
    gee_snapshot_t snapshot = { servers, count, 1 };
    fake.changed(fake.data, &snapshot);
}
#define REPORT(...)                                                                                                    \
    do {                                                                                                               \
        const gee_server_t servers[] = { __VA_ARGS__ };                                                                \
        report(servers, GEE_LENGTH(servers));                                                                          \
    } while (0)
static void report_failure(const char *text) {
    gee_error_t error;
    gee_error_set(&error, GEE_UNAVAILABLE, "%s", text);
    fake.failed(fake.data, &error);
}

static gee_discovery_report_t standing(const test_t *test) {
    gee_discovery_report_t report;
    gee_discovery_report(test->discovery, &report);
    return report;
}

static size_t count_in_log(const test_t *test, const char *text) {
    size_t count = 0;
    for (const char *at = test->base.log_text; (at = strstr(at, text)) != NULL; at++)
        count++;
    return count;
}

/* ---- sources ---- */

static void test_sources(void **state GEE_UNUSED) {
    static const struct {
        const char *source, *text; /* null: taken */
    } cases[] = { { "fake@x", NULL },
                  { "fake@wrong", "fake@wrong: wrong" },
                  { "http://a/b", "registry \"http://a/b\": no module for \"http\" is compiled in; there are: fake" },
                  { "etcd+v3://a/b", "no module for \"etcd+v3\" is compiled in; there are: fake" },
                  { "", "registry \"\": expected something like http://" },
                  { "x", "expected something like http://host:port/_geerpc_/registry, dns@name:port or file@/path" },
                  { "@x", "expected something like" },
                  { "/a/b@c", "expected something like" },
                  { "fake:x", "compiled in: fake" } };
    test_t *test = new_test(0);
    for (size_t i = 0; i < GEE_LENGTH(cases); i++) {
        gee_error_t error = { 0 };
        int outcome = gee_discovery_check(test->modules, cases[i].source, &error);
        assert_int_equal(outcome, cases[i].text ? -1 : 0);
        if (cases[i].text != NULL && strstr(error.text, cases[i].text) == NULL)
            fail_msg("%s: %s", cases[i].source, error.text);
        gee_discovery_options_t options = { .source = cases[i].source };
        if (outcome != 0)
            assert_null(gee_discovery_create(test->base.engine, &options, on_list, test, &error));
    }
    free_test(test);
}

static void test_what_is_asked_for(void **state GEE_UNUSED) {
    gee_error_t error;
    gee_discovery_options_t options = { .source = "fake@x", .service = "Arith", .refresh_ns = 7 };
    test_t *test = new_test(0);
    assert_string_equal(fake.service, "(all)");
    assert_int_equal(fake.refresh_ns, 10 * GEE_SECOND);
    gee_discovery_destroy(&test->discovery);
    test->discovery = gee_discovery_create(test->base.engine, &options, on_list, test, &error);
    assert_string_equal(fake.service, "Arith");
    assert_int_equal(fake.refresh_ns, 7);
    gee_discovery_destroy(&test->discovery);
    fake.refuses = true;
    assert_null(gee_discovery_create(test->base.engine, &options, on_list, test, &error));
    assert_string_equal(error.text, "fake@x: not today");
    free_test(test);
}

/* ---- good lists ---- */

static void test_a_list_is_taken_once(void **state GEE_UNUSED) {
    test_t *test = new_test(0);
    assert_int_equal(standing(test).version, 0);
    assert_int_equal(standing(test).confirmed_ns, 0);
    assert_null(standing(test).trouble);
    int64_t before = gee_clock_wall();
    REPORT({ "tcp@b:2", 0 }, { "tcp@a:1", 3 });
    assert_string_equal(test->list, "tcp@a:1 3, tcp@b:2 1");
    assert_int_equal(standing(test).version, 1);
    assert_int_equal(standing(test).count, 2);
    assert_in_range(standing(test).confirmed_ns, before, gee_clock_wall());
    assert_string_equal(standing(test).source, "fake@x");
    int64_t first = standing(test).confirmed_ns;
    while (gee_clock_wall() == first)
        continue;
    REPORT({ "tcp@a:1", 3 }, { "tcp@b:2", 1 }); /* the order, and what an absent weight is, make no difference */
    assert_int_equal(test->changes, 1);
    assert_true(standing(test).confirmed_ns > first);
    REPORT({ "tcp@a:1", 4 }, { "tcp@b:2", 1 });
    assert_int_equal(test->changes, 2);
    REPORT({ "tcp@a:1", 4 });
    assert_string_equal(test->list, "tcp@a:1 4");
    REPORT({ "tcp@c:1", 4 });
    assert_string_equal(test->list, "tcp@c:1 4");
    assert_int_equal(standing(test).version, 4);
    free_test(test);
}

/* An operator wants to know what happened, not only how many there are now. */
static void test_the_log_says_who_came_and_who_went(void **state GEE_UNUSED) {
    test_t *test = new_test(0);
    REPORT({ "tcp@a:1", 1 }, { "tcp@b:1", 1 });
    assert_int_equal(count_in_log(test, "[info] upstream foo: fake@x: 2 servers\n"), 1);
    REPORT({ "tcp@b:1", 1 }, { "tcp@c:1", 1 });
    assert_int_equal(count_in_log(test, "[notice] upstream foo: fake@x: 2 servers; came: tcp@c:1; went: tcp@a:1\n"), 1);
    REPORT({ "tcp@b:1", 7 }, { "tcp@c:1", 1 });
    assert_int_equal(count_in_log(test, "[notice] upstream foo: fake@x: 2 servers; of another weight: tcp@b:1\n"), 1);
    gee_server_t many[300];
    char addresses[GEE_LENGTH(many)][300];
    memset(addresses, 'x', sizeof(addresses));
    for (size_t i = 0; i < GEE_LENGTH(many); i++) {
        size_t length = i < 10 ? 20 : 200; /* few of those fit into a line */
        memcpy(addresses[i], "tcp@h", 5);
        snprintf(addresses[i] + length, 20, ".%zu:1", i);
        many[i] = (gee_server_t){ addresses[i], 1 };
    }
    report(many, 8);
    assert_int_equal(count_in_log(test, ".7:1; went: tcp@b:1, tcp@c:1\n"), 1); /* all of them */
    report(many, 10);
    report(many, 8);
    assert_int_equal(count_in_log(test, "8 servers; went: tcp@hxxx"), 1);
    report(many, GEE_LENGTH(many));
    assert_int_equal(count_in_log(test, " and 289 more\n"), 1);
    free_test(test);
}

static void test_what_is_made_of_a_list(void **state GEE_UNUSED) {
    char longest[400];
    memset(longest, 'a', sizeof(longest));
    memcpy(longest, "tcp@", 4);
    memcpy(longest + sizeof(longest) - 3, ":1", 3);
    test_t *test = new_test(0);
    REPORT({ "tcp@a:1", 1 }, { "tcp@a:1", 100000 }, { "tcp@a:1", 7 }, { "tcp@[::]:7001", 0 });
    assert_string_equal(test->list, "tcp@[::]:7001 1, tcp@a:1 65535");
    assert_int_equal(count_in_log(test, "left out"), 0);
    REPORT({ "quic@a:1", 1 }, { "tcp@b:2", 1 }, { "", 1 }, { "tcp@a", 1 }, { "tcp@a\n:1", 1 }, { longest, 1 },
           { "tcp@a:0", 1 });
    assert_string_equal(test->list, "tcp@b:2 1");
    assert_int_equal(count_in_log(test, "[warn] upstream foo: fake@x: 6 servers are left out: quic@a:1: no "
                                        "transport for \"quic@\" is compiled in"),
                     1);
    REPORT({ "tcp@b:2", 1 }, { "quic@a:1", 1 }, { "", 1 }, { "tcp@a", 1 }, { "tcp@a\n:1", 1 }, { longest, 1 },
           { "tcp@a:0", 1 });
    assert_int_equal(count_in_log(test, "left out"), 1); /* as many as before: said already */
    REPORT({ "tcp@b:2", 1 }, { "tcp@x", 1 });
    assert_int_equal(count_in_log(test, "1 server is left out"), 1);
    free_test(test);
}

/* ---- lists that are not taken ---- */

static void test_a_failing_source_leaves_the_list(void **state GEE_UNUSED) {
    test_t *test = new_test(0);
    report_failure("fake@x: no route to host");
    assert_string_equal(standing(test).trouble->text, "fake@x: no route to host");
    assert_int_equal(standing(test).version, 0);
    assert_int_equal(count_in_log(test, "[warn] upstream foo: fake@x: no route to host; there is no list yet"), 1);
    REPORT({ "tcp@a:1", 1 }, { "tcp@b:1", 1 });
    assert_null(standing(test).trouble);
    assert_int_equal(count_in_log(test, "[notice] upstream foo: fake@x gives a list again"), 1);
    int64_t confirmed = standing(test).confirmed_ns;
    for (int i = 0; i < 5; i++)
        report_failure(i < 4 ? "fake@x: refused" : "fake@x: reset");
    assert_int_equal(count_in_log(test, "fake@x: refused; the list from before stays in force: 2 servers"), 1);
    assert_int_equal(count_in_log(test, "[warn]"), 2);
    assert_string_equal(standing(test).trouble->text, "fake@x: reset"); /* the latest */
    assert_int_equal(standing(test).confirmed_ns, confirmed);
    assert_int_equal(standing(test).count, 2);
    assert_int_equal(test->changes, 1);
    REPORT({ "tcp@b:1", 1 }, { "tcp@a:1", 1 });
    assert_int_equal(test->changes, 1);
    assert_null(standing(test).trouble);
    assert_int_equal(count_in_log(test, "gives a list again"), 2);
    assert_int_equal(test->troubles, 2);
    assert_int_equal(test->recoveries, 2);
    free_test(test);
}

static void test_an_empty_list(void **state GEE_UNUSED) {
    test_t *test = new_test(0);
    report(NULL, 0); /* nobody is there: that is how it is */
    assert_int_equal(test->changes, 1);
    assert_string_equal(test->list, "");
    assert_int_equal(standing(test).version, 1);
    report(NULL, 0);
    assert_int_equal(test->changes, 1);
    assert_null(standing(test).trouble);
    REPORT({ "tcp@a:1", 1 });
    report(NULL, 0); /* everybody is gone? */
    assert_string_equal(test->list, "tcp@a:1 1");
    assert_int_equal(test->changes, 2);
    assert_string_equal(standing(test).trouble->text, "fake@x: the list is empty");
    REPORT({ "wrong", 1 }); /* nobody of any use */
    assert_int_equal(test->changes, 2);
    assert_int_equal(count_in_log(test, "fake@x: the list is empty; the list from before stays in force: 1 server\n"),
                     1);
    report_failure("fake@x: gone"); /* another trouble is another line */
    assert_int_equal(count_in_log(test, "fake@x: gone; the list from before"), 1);
    REPORT({ "tcp@b:1", 1 });
    assert_string_equal(test->list, "tcp@b:1 1");
    assert_null(standing(test).trouble);
    free_test(test);
}

static void test_a_list_that_collapses(void **state GEE_UNUSED) {
    test_t *test = new_test(2);
    REPORT({ "tcp@a:1", 1 });
    assert_int_equal(test->changes, 0);
    assert_int_equal(count_in_log(test, "fake@x: the list has 1 server, min_servers is 2; there is no list yet"), 1);
    REPORT({ "tcp@a:1", 1 }, { "tcp@a:1", 1 }); /* twice the same is one */
    assert_int_equal(test->changes, 0);
    REPORT({ "tcp@a:1", 1 }, { "tcp@b:1", 1 }, { "tcp@c:1", 1 });
    assert_int_equal(test->changes, 1);
    REPORT({ "tcp@c:1", 1 }, { "wrong", 1 });
    assert_int_equal(test->changes, 1);
    assert_string_equal(standing(test).trouble->text, "fake@x: the list has 1 server, min_servers is 2");
    assert_int_equal(standing(test).count, 3);
    report(NULL, 0);
    assert_int_equal(test->changes, 1);
    REPORT({ "tcp@b:1", 1 }, { "tcp@c:1", 1 });
    assert_string_equal(test->list, "tcp@b:1 1, tcp@c:1 1");
    assert_null(standing(test).trouble);
    free_test(test);
}

/* A new process that goes on with the list of the one before. */
static void test_a_list_to_begin_with(void **state GEE_UNUSED) {
    static const gee_server_t before[] = { { "tcp@b:1", 2 }, { "tcp@a:1", 0 } };
    gee_discovery_options_t options = { .source = "fake@x", .servers = before, .count = 2, .confirmed_ns = 7 };
    gee_error_t error;
    test_t *test = new_test(0);
    gee_discovery_destroy(&test->discovery);
    test->discovery = gee_discovery_create(test->base.engine, &options, on_list, test, &error);
    assert_non_null(test->discovery);
    assert_int_equal(standing(test).version, 1);
    assert_int_equal(standing(test).count, 2);
    assert_int_equal(standing(test).confirmed_ns, 7);
    report(NULL, 0);
    assert_non_null(standing(test).trouble);
    REPORT({ "tcp@a:1", 1 }, { "tcp@b:1", 2 });
    assert_null(standing(test).trouble);
    assert_int_equal(test->changes, 0); /* it is the same */
    REPORT({ "tcp@a:1", 1 });
    assert_string_equal(test->list, "tcp@a:1 1");
    free_test(test);
}

/* ---- the end ---- */

static void test_destroyed_by_its_own_change(void **state GEE_UNUSED) {
    test_t *test = new_test(0);
    test->destroy_in_change = true;
    REPORT({ "tcp@a:1", 1 });
    assert_null(test->discovery);
    assert_int_equal(test->changes, 1);
    free_test(test);
}

static void test_members_that_are_missing(void **state GEE_UNUSED) {
    gee_error_t error;
    gee_registry_t lame = fake_registry;
    gee_module_t module = fake_module;
    const gee_module_entry_t table[] = { { &module, "" }, { NULL, NULL } };
    module.interface = &lame;
    assert_int_equal(gee_gateway_check_modules(table, &error), 0);
    lame.unwatch = NULL;
    assert_int_equal(gee_gateway_check_modules(table, &error), -1);
    assert_string_equal(error.text,
                        "module registry_fake: member \"unwatch\" is missing, which every registry must have");
    lame = fake_registry;
    lame.abandon = fake_unwatch;
    assert_int_equal(gee_gateway_check_modules(table, &error), -1);
    assert_string_equal(error.text, "module registry_fake: has some of publish, withdraw and abandon, not all");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sources),
        cmocka_unit_test(test_what_is_asked_for),
        cmocka_unit_test(test_a_list_is_taken_once),
        cmocka_unit_test(test_the_log_says_who_came_and_who_went),
        cmocka_unit_test(test_what_is_made_of_a_list),
        cmocka_unit_test(test_a_failing_source_leaves_the_list),
        cmocka_unit_test(test_an_empty_list),
        cmocka_unit_test(test_a_list_that_collapses),
        cmocka_unit_test(test_a_list_to_begin_with),
        cmocka_unit_test(test_destroyed_by_its_own_change),
        cmocka_unit_test(test_members_that_are_missing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
