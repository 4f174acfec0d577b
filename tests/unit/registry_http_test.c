/* registry_http_test.c: following a registry over HTTP: GeeRPC's, which is asked now and then, and ours, which is
 * waited for; and whatever a server that is none might answer. */
#include "support/web.h"

#define MOST_MODULES 64

typedef struct test {
    watching_t base;
    web_t *web;
} test_t;

static test_t *new_test_with(const gee_module_entry_t *modules) {
    test_t *test = calloc(1, sizeof(*test));
    assert_non_null(test);
    watching_open(&test->base, modules);
    test->web = web_create(test->base.loop);
    return test;
}

static test_t *new_test(void) {
    return new_test_with(gee_modules);
}

static void free_test(test_t *test) {
    unwatch(&test->base);
    run_passes(test->base.loop, 3);
    web_destroy(&test->web);
    watching_close(&test->base);
    free(test);
}

#define LIST_HEADER "X-Geerpc-Servers: tcp@10.0.0.1:9999,tcp@10.0.0.2:9999\r\n"

/* ---- GeeRPC's own ---- */

static void test_a_list_in_a_header(void **state GEE_UNUSED) {
    test_t *test = new_test();
    char expected[300];
    watch(&test->base, test->web->url, NULL, 10 * GEE_MILLISECOND);
    web_hear(test->web);
    snprintf(expected, sizeof(expected),
             "GET /_geerpc_/registry HTTP/1.1\r\nHost: 127.0.0.1:%u\r\nConnection: close\r\nAccept: "
             "application/json\r\n\r\n",
             test->web->port);
    assert_string_equal(test->web->heard, expected);
    web_say(test->web, "200 OK", LIST_HEADER, "");
    await_change(&test->base);
    assert_string_equal(listed(&test->base), "tcp@10.0.0.1:9999 0, tcp@10.0.0.2:9999 0");
    uint64_t version = test->base.version;

    web_hear(test->web); /* it has no version to wait for */
    assert_string_equal(test->web->heard, expected);
    web_say(test->web, "200 OK", LIST_HEADER, "");
    await_change(&test->base);
    assert_true(test->base.version == version);

    web_hear(test->web);
    web_say(test->web, "200 OK", "x-geerpc-servers:  tcp@a:1 ,, tcp@b:2,\t\r\n", "ignored");
    await_change(&test->base);
    assert_string_equal(listed(&test->base), "tcp@a:1 0, tcp@b:2 0");
    assert_true(test->base.version != version);

    web_hear(test->web);
    web_say(test->web, "200 OK", "X-Geerpc-Servers: \r\n", "");
    await_change(&test->base);
    assert_int_equal(test->base.count, 0);
    assert_int_equal(test->base.failures, 0);
    free_test(test);
}

static void test_the_refresh(void **state GEE_UNUSED) {
    test_t *test = new_test();
    const int64_t refresh = 200 * GEE_MILLISECOND;
    watch(&test->base, test->web->url, NULL, refresh);
    web_hear(test->web);
    int64_t first = gee_clock_monotonic();
    web_say(test->web, "200 OK", LIST_HEADER, "");
    web_hear(test->web);
    assert_true(test->web->heard_ns - first >= refresh * 9 / 10);
    free_test(test);
}

/* ---- ours ---- */

#define JSON_HEADERS(version) "X-Geerpc-Version: " version "\r\nContent-Type: application/json; charset=utf-8\r\n"

static void test_waiting_for_a_change(void **state GEE_UNUSED) {
    static const char body[] =
        "{\"version\":7,\"servers\":[{\"address\":\"tcp@a:1\",\"service\":\"Arith\",\"weight\":3,"
        "\"expires_in_ms\":12345},{\"address\":\"tcp@b:1\",\"more\":{\"later\":[]}}]}";
    test_t *test = new_test();
    watch(&test->base, test->web->url, NULL, LONG_REFRESH);
    web_hear(test->web);
    web_say(test->web, "200 OK", JSON_HEADERS("7"), body);
    await_change(&test->base);
    assert_string_equal(listed(&test->base), "tcp@a:1 3, tcp@b:1 0");
    assert_int_equal(test->base.version, 7);

    const char *request = web_hear(test->web);
    assert_non_null(strstr(request, "GET /_geerpc_/registry?version=7&wait=30s HTTP/1.1\r\n"));
    web_say(test->web, "200 OK", JSON_HEADERS("18446744073709551615"), "{\"servers\":[{\"address\":\"tcp@b:1\"}]}");
    await_change(&test->base);
    assert_string_equal(listed(&test->base), "tcp@b:1 0");

    request = web_hear(test->web); /* also when the list is in a header */
    assert_non_null(strstr(request, "?version=18446744073709551615&wait=30s HTTP"));
    web_say(test->web, "200 OK", "X-Geerpc-Version: 0\r\n" LIST_HEADER, "");
    await_change(&test->base);
    assert_int_equal(test->base.count, 2);
    assert_int_equal(test->base.version, 0);

    web_hear(test->web); /* what became of the registry that waited? The next request does not wait */
    web_hang_up(test->web);
    await_failure(&test->base);
    request = web_hear(test->web);
    assert_non_null(strstr(request, "GET /_geerpc_/registry HTTP/1.1\r\n"));
    free_test(test);
}

/* A build without that codec reads the header, so it must not ask for anything else. */
static void test_without_the_json_codec(void **state GEE_UNUSED) {
    gee_module_entry_t modules[MOST_MODULES] = { { .module = NULL } };
    size_t count = 0;
    for (size_t i = 0; gee_modules[i].module != NULL; i++) {
        if (strcmp(gee_modules[i].module->name, "codec_json") == 0)
            continue;
        assert_true(count < MOST_MODULES - 1);
        modules[count++] = gee_modules[i];
    }
    test_t *test = new_test_with(modules);
    watch(&test->base, test->web->url, NULL, LONG_REFRESH);
    assert_null(strstr(web_hear(test->web), "Accept"));
    web_say(test->web, "200 OK", "X-Geerpc-Version: 7\r\n" LIST_HEADER, "");
    await_change(&test->base);
    assert_int_equal(test->base.count, 2);
    assert_non_null(strstr(web_hear(test->web), "?version=7&wait=30s"));
    free_test(test);
}

static void test_a_service(void **state GEE_UNUSED) {
    test_t *test = new_test();
    char url[200];
    const char *request;
    watch(&test->base, test->web->url, "A/b c&d", LONG_REFRESH);
    request = web_hear(test->web);
    assert_non_null(strstr(request, "GET /_geerpc_/registry?service=A%2Fb%20c%26d HTTP"));
    web_say(test->web, "200 OK", JSON_HEADERS("5"),
            "{\"servers\":[{\"address\":\"tcp@a:1\",\"service\":\"A\"},{\"address\":\"tcp@b:1\"},"
            "{\"address\":\"tcp@c:1\",\"service\":\"A/b c&d\"}]}");
    await_change(&test->base);
    assert_string_equal(listed(&test->base), "tcp@c:1 0"); /* should the registry not know the parameter */
    request = web_hear(test->web);
    assert_non_null(strstr(request, "?service=A%2Fb%20c%26d&version=5&wait=30s HTTP"));
    unwatch(&test->base);

    snprintf(url, sizeof(url), "http://127.0.0.1:%u/r?key=1", test->web->port);
    watch(&test->base, url, "S", LONG_REFRESH);
    request = web_hear(test->web);
    assert_non_null(strstr(request, "GET /r?key=1&service=S HTTP"));
    free_test(test);
}

/* A registry under a storm of changes, and one that answers at once though nothing has changed, are not asked in a
 * loop. */
static void test_it_is_not_asked_in_a_hurry(void **state GEE_UNUSED) {
    test_t *test = new_test();
    int64_t before, wait = 0;
    watch(&test->base, test->web->url, NULL, LONG_REFRESH);
    web_hear(test->web);
    for (int version = 1; version <= 3; version++) {
        char headers[100];
        snprintf(headers, sizeof(headers), "X-Geerpc-Version: %d\r\n" LIST_HEADER, version);
        before = test->web->heard_ns;
        web_say(test->web, "200 OK", headers, "");
        web_hear(test->web);
        assert_true(test->web->heard_ns - before >= 90 * GEE_MILLISECOND);
    }
    for (int i = 0; i < 3; i++) {
        before = gee_clock_monotonic();
        web_say(test->web, "200 OK", "X-Geerpc-Version: 3\r\n" LIST_HEADER, "");
        web_hear(test->web);
        wait = test->web->heard_ns - before;
        assert_true(wait >= (125 << i) * GEE_MILLISECOND);
    }
    free_test(test);
}

/* ---- failures ---- */

static void test_answers_that_are_none(void **state GEE_UNUSED) {
    static const struct {
        const char *status, *headers, *body, *text;
    } cases[] = {
        { "503 Try \\ later", "", "", "the registry answers 503 Try \\\\ later" },
        { "404 Not Found", LIST_HEADER, "", "the registry answers 404 Not Found" },
        { "302 Found", "Location: /x\r\n", "", "the registry answers 302 Found" },
        { "200 OK", "", "<html>", "the answer is no registry's: it has no X-Geerpc-Servers" },
        { "200 OK", "Content-Type: application/json\r\n", "{}", "it has no X-Geerpc-Servers" },
        { "200 OK", "X-Geerpc-Version: x\r\n", "", "it has no X-Geerpc-Servers" },
        { "200 OK", JSON_HEADERS("1"), "", "" },
        { "200 OK", JSON_HEADERS("1"), "[]", "" },
        { "200 OK", JSON_HEADERS("1"), "{\"servers\":[{\"address\":\"tcp@a:1\"}", "" },
        { "200 OK", JSON_HEADERS("1"), "{\"servers\":[{\"address\":7}]}", "servers[0].address" },
        { "200 OK", JSON_HEADERS("1"), "{\"servers\":[{\"weight\":-1}]}", "servers[0].weight" },
        { "200 OK", JSON_HEADERS("1"), "{\"servers\":[{\"address\":\"a\\u0000b\"}]}", "zero byte" },
        { "200 OK", "X-Geerpc-Servers: a\x01b\r\n", "", "the response cannot be read" },
    };
    test_t *test = new_test();
    watch(&test->base, test->web->url, NULL, 5 * GEE_MILLISECOND);
    for (size_t i = 0; i < GEE_LENGTH(cases); i++) {
        web_hear(test->web);
        web_say(test->web, cases[i].status, cases[i].headers, cases[i].body);
        await_failure(&test->base);
        if (strncmp(test->base.error.text, test->web->url, strlen(test->web->url)) != 0 ||
            strstr(test->base.error.text, cases[i].text) == NULL)
            fail_msg("%zu: %s", i, test->base.error.text);
    }
    assert_int_equal(test->base.changes, 0);
    web_hear(test->web);
    web_say(test->web, "200 OK", LIST_HEADER, "");
    await_change(&test->base);
    assert_int_equal(test->base.count, 2);
    free_test(test);
}

/* `count` times the piece between two ends. */
static char *repeat(const char *start, const char *piece, size_t count, const char *end) {
    size_t length = strlen(piece);
    char *text = malloc(strlen(start) + count * length + strlen(end) + 1), *at = text;
    assert_non_null(text);
    at = stpcpy(at, start);
    for (size_t i = 0; i < count; i++)
        at = stpcpy(at, piece);
    stpcpy(at, end);
    return text;
}

static void answer_with(test_t *test, const char *headers, const char *body) {
    web_hear(test->web);
    web_say(test->web, "200 OK", headers, body);
}

static void test_long_lists(void **state GEE_UNUSED) {
    test_t *test = new_test();
    char *text;
    watch(&test->base, test->web->url, NULL, 5 * GEE_MILLISECOND);

    text = repeat("X-Geerpc-Servers: tcp@a:1", ",tcp@10.0.0.1:9999", GEE_SNAPSHOT_SERVERS - 1, "\r\n");
    answer_with(test, text, "");
    await_change(&test->base);
    assert_int_equal(test->base.count, GEE_SNAPSHOT_SERVERS);
    free(text);

    text = repeat("X-Geerpc-Servers: tcp@a:1",
                  ",tcp@a-name-that-is-as-long-as-those-of-clouds-are.eu-central-1.compute.internal.example.com:9999",
                  GEE_SNAPSHOT_SERVERS - 1, "\r\n"); /* 1.5 MiB */
    answer_with(test, text, "");
    await_change(&test->base);
    assert_int_equal(test->base.count, GEE_SNAPSHOT_SERVERS);
    free(text);

    text = repeat("X-Geerpc-Servers: tcp@a:1", ",tcp@10.0.0.1:9999", GEE_SNAPSHOT_SERVERS, "\r\n");
    answer_with(test, text, "");
    await_failure(&test->base);
    assert_non_null(strstr(test->base.error.text, "the list has more than 16384 servers"));
    free(text);

    text = repeat("X-Geerpc-Servers: ", "tcp@a:1,", 5 * GEE_MIB / 8, "\r\n");
    answer_with(test, text, "");
    await_failure(&test->base);
    if (strstr(test->base.error.text, "the response cannot be read") == NULL)
        fail_msg("%s", test->base.error.text);
    free(text);
    free_test(test);
}

static void test_long_bodies(void **state GEE_UNUSED) {
    test_t *test = new_test();
    char *text;
    watch(&test->base, test->web->url, NULL, 5 * GEE_MILLISECOND);

    text = repeat("{\"servers\":[{\"address\":\"tcp@a:1\"}",
                  ",{\"address\":\"tcp@10.0.0.1:9999\",\"service\":\"Arith\"}", GEE_SNAPSHOT_SERVERS - 1, "]}");
    answer_with(test, "X-Geerpc-Version: x\r\nX-Geerpc-Servers: \r\nContent-Type: application/json\r\n", text);
    await_change(&test->base);
    assert_int_equal(test->base.count, 0); /* without a version the body is not looked at */
    answer_with(test, JSON_HEADERS("1"), text);
    await_change(&test->base);
    assert_int_equal(test->base.count, GEE_SNAPSHOT_SERVERS);
    free(text);

    static const char *const pieces[] = { ",{\"address\":\"tcp@a:1\"}", ",{}", ",[[[[" };
    static const size_t counts[] = { GEE_SNAPSHOT_SERVERS, GEE_MIB, 10000 };
    for (size_t i = 0; i < GEE_LENGTH(pieces); i++) {
        text = repeat("{\"servers\":[{\"address\":\"tcp@a:1\"}", pieces[i], counts[i], "]}");
        answer_with(test, JSON_HEADERS("2"), text);
        await_failure(&test->base);
        free(text);
    }
    text = repeat("{\"servers\":[", "          ", GEE_MIB / 2, "]}"); /* 5 MiB */
    answer_with(test, JSON_HEADERS("3"), text);
    await_failure(&test->base);
    if (strstr(test->base.error.text, "the response cannot be read") == NULL)
        fail_msg("%s", test->base.error.text);
    free(text);
    free_test(test);
}

static void test_a_registry_that_is_down_and_back(void **state GEE_UNUSED) {
    test_t *test = new_test();
    char text[200];
    web_down(test->web);
    watch(&test->base, test->web->url, NULL, 20 * GEE_MILLISECOND);
    AWAIT(&test->base, test->base.failures == 3); /* each time is told */
    snprintf(text, sizeof(text), "%s: connect: Connection refused", test->web->url);
    assert_string_equal(test->base.error.text, text);
    web_up(test->web);
    web_hear(test->web);
    web_say(test->web, "200 OK", LIST_HEADER, "");
    await_change(&test->base);
    web_hear(test->web);
    web_hang_up(test->web); /* killed in the middle */
    await_failure(&test->base);
    web_hear(test->web);
    web_say(test->web, "200 OK", LIST_HEADER, "");
    await_change(&test->base);
    free_test(test);
}

/* The pauses grow, up to the refresh; the first failure is followed up soon. */
static void test_the_pauses_grow(void **state GEE_UNUSED) {
    test_t *test = new_test();
    int64_t before;
    watch(&test->base, test->web->url, NULL, LONG_REFRESH);
    web_hear(test->web);
    for (int i = 0; i < 3; i++) {
        before = gee_clock_monotonic();
        web_say(test->web, "500 No", "", "");
        web_hear(test->web);
        assert_true(test->web->heard_ns - before >= (125 << i) * GEE_MILLISECOND);
    }
    free_test(test);
}

static void test_unwatch_at_any_time(void **state GEE_UNUSED) {
    test_t *test = new_test();
    watch(&test->base, test->web->url, NULL, LONG_REFRESH);
    unwatch(&test->base); /* before anything */
    watch(&test->base, test->web->url, NULL, LONG_REFRESH);
    web_hear(test->web);
    unwatch(&test->base); /* while an answer is awaited */
    AWAIT(&test->base, test->web->heard_end);
    assert_int_equal(test->base.changes + test->base.failures, 0);
    test->base.unwatch_in_change = true;
    watch(&test->base, test->web->url, NULL, LONG_REFRESH);
    web_hear(test->web);
    web_say(test->web, "200 OK", LIST_HEADER, "");
    AWAIT(&test->base, test->base.state == NULL);
    free_test(test);
}

static void test_urls(void **state GEE_UNUSED) {
    static const char *const bad[] = { "http://",      "http://a:b/", "http:///x",  "http://a/x y",
                                       "http://a/x#y", "http://a?b",  "http://a/\n" };
    const gee_registry_t *registry = gee_module_find(gee_modules, GEE_MODULE_REGISTRY, GEE_STR("http"));
    gee_error_t error;
    for (size_t i = 0; i < GEE_LENGTH(bad); i++)
        if (registry->check(bad[i], &error) == 0)
            fail_msg("taken: %s", bad[i]);
    assert_int_equal(registry->check("http://[::1]:99/_geerpc_/registry?x=y", &error), 0);
    assert_int_equal(registry->check("http://registry.example", &error), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_list_in_a_header),
        cmocka_unit_test(test_the_refresh),
        cmocka_unit_test(test_waiting_for_a_change),
        cmocka_unit_test(test_without_the_json_codec),
        cmocka_unit_test(test_a_service),
        cmocka_unit_test(test_it_is_not_asked_in_a_hurry),
        cmocka_unit_test(test_answers_that_are_none),
        cmocka_unit_test(test_long_lists),
        cmocka_unit_test(test_long_bodies),
        cmocka_unit_test(test_a_registry_that_is_down_and_back),
        cmocka_unit_test(test_the_pauses_grow),
        cmocka_unit_test(test_unwatch_at_any_time),
        cmocka_unit_test(test_urls),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
