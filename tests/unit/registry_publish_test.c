/* registry_publish_test.c: keeping an entry in a registry over HTTP: posted, posted again in time, whatever the
 * registry does, and deleted in the end. */
#include "support/web.h"

typedef struct test {
    watching_t base; /* the loop, the engine */
    web_t *web;
    const gee_registry_t *registry;
    void *state;
    bool abandon_when_told;

    int told, done;
    bool there; /* as told last */
    gee_error_t error;
} test_t;

static void abandon(test_t *test) {
    if (test->state == NULL)
        return;
    test->registry->abandon(test->state);
    free(test->state);
    test->state = NULL;
}

static void on_told(void *data, const gee_error_t *error) {
    test_t *test = data;
    assert_non_null(test->state);
    test->told++;
    test->there = error == NULL;
    if (error != NULL)
        test->error = *error;
    if (test->abandon_when_told)
        abandon(test);
}

static void on_done(void *data, const gee_error_t *error) {
    test_t *test = data;
    test->done++;
    test->error = error != NULL ? *error : (gee_error_t){ .code = GEE_OK };
    free(test->state); /* it is ours again */
    test->state = NULL;
}

static test_t *new_test(void) {
    test_t *test = calloc(1, sizeof(*test));
    assert_non_null(test);
    watching_open(&test->base, gee_modules);
    test->web = web_create(test->base.loop);
    test->registry = gee_module_find(gee_modules, GEE_MODULE_REGISTRY, GEE_STR("http"));
    assert_non_null(test->registry);
    return test;
}

static void free_test(test_t *test) {
    abandon(test);
    run_passes(test->base.loop, 3);
    web_destroy(&test->web);
    watching_close(&test->base);
    free(test);
}

static int try_publish(test_t *test, const gee_entry_t *entry, gee_error_t *error) {
    test->state = calloc(1, test->registry->publish_size);
    assert_non_null(test->state);
    int result = test->registry->publish(test->state, test->base.engine, test->web->url, entry, on_told, test, error);
    if (result != 0) {
        free(test->state);
        test->state = NULL;
    }
    return result;
}

static void publish(test_t *test, const gee_entry_t *entry) {
    gee_error_t error;
    if (try_publish(test, entry, &error) != 0)
        fail_msg("%s", error.text);
}

static const gee_entry_t plain = { .address = "tcp@10.0.0.1:9999" };

static void answer(test_t *test, const char *status, const char *headers) {
    web_hear(test->web);
    web_say(test->web, status, headers, "");
}

/* ---- posting ---- */

static void test_what_is_posted(void **state GEE_UNUSED) {
    const gee_entry_t whole = {
        .address = "tcp@[::]:7001", .service = "Arith", .weight = 3, .ttl_ns = 90 * GEE_SECOND
    };
    test_t *test = new_test();
    char expected[400];
    publish(test, &plain);
    snprintf(expected, sizeof(expected),
             "POST /_geerpc_/registry HTTP/1.1\r\nHost: 127.0.0.1:%u\r\nConnection: close\r\n"
             "X-Geerpc-Server: tcp@10.0.0.1:9999\r\nContent-Length: 0\r\n\r\n",
             test->web->port);
    assert_string_equal(web_hear(test->web), expected);
    assert_int_equal(test->told, 0);
    web_say(test->web, "200 OK", "", "");
    AWAIT(&test->base, test->told == 1);
    assert_true(test->there);
    abandon(test);
    publish(test, &whole);
    const char *request = web_hear(test->web);
    assert_non_null(strstr(request, "\r\nX-Geerpc-Server: tcp@[::]:7001\r\nX-Geerpc-Service: Arith\r\n"
                                    "X-Geerpc-Weight: 3\r\nX-Geerpc-Ttl: 90s\r\n"));
    free_test(test);
}

/* The registry says how long an entry lives; a third of that, or up to a tenth less, is the pause. */
static void test_it_is_posted_again_in_time(void **state GEE_UNUSED) {
    test_t *test = new_test();
    publish(test, &plain);
    answer(test, "200 OK", "X-Geerpc-Ttl: 1500ms\r\n");
    for (int i = 0; i < 2; i++) {
        int64_t before = test->web->heard_ns;
        web_hear(test->web);
        assert_true(test->web->heard_ns - before >= 450 * GEE_MILLISECOND);
        assert_true(test->web->heard_ns - before < 1500 * GEE_MILLISECOND);
        web_say(test->web, "204 No Content", "X-Geerpc-Ttl: 1500ms\r\n", "");
    }
    assert_int_equal(test->told, 1); /* it stands as it stood */
    free_test(test);
}

static void test_the_time_that_was_asked_for(void **state GEE_UNUSED) {
    static const char *const headers[] = { "", "X-Geerpc-Ttl: 1 fortnight\r\n", "X-Geerpc-Ttl: 0\r\n",
                                           "X-Geerpc-Ttl: 100000h\r\n" };
    test_t *test = new_test();
    gee_entry_t entry = plain;
    entry.ttl_ns = 600 * GEE_MILLISECOND;
    publish(test, &entry);
    web_hear(test->web);
    for (size_t i = 0; i < GEE_LENGTH(headers); i++) {
        int64_t before = test->web->heard_ns;
        web_say(test->web, "200 OK", headers[i], "");
        web_hear(test->web);
        assert_true(test->web->heard_ns - before >= 180 * GEE_MILLISECOND);
    }
    /* A registry that forgets at once does not make us ask in a loop. */
    web_say(test->web, "200 OK", "X-Geerpc-Ttl: 1ns\r\n", "");
    int64_t before = gee_clock_monotonic();
    web_hear(test->web);
    assert_true(test->web->heard_ns - before >= 80 * GEE_MILLISECOND);
    free_test(test);
}

static void test_a_registry_that_refuses_and_takes(void **state GEE_UNUSED) {
    static const char *const refusals[] = { "500 Internal Server Error", "405 Method Not Allowed", "301 Moved" };
    test_t *test = new_test();
    char text[200];
    publish(test, &plain);
    for (size_t i = 0; i < GEE_LENGTH(refusals); i++)
        answer(test, refusals[i], "");
    answer(test, "200 OK", "");
    AWAIT(&test->base, test->told == 2); /* once that it is not there, once that it is */
    assert_true(test->there);
    snprintf(text, sizeof(text), "%s: the registry answers 500 Internal Server Error", test->web->url);
    assert_string_equal(test->error.text, text);
    free_test(test);
}

static void test_a_registry_that_is_down_and_back(void **state GEE_UNUSED) {
    test_t *test = new_test();
    web_down(test->web);
    gee_entry_t entry = plain;
    entry.ttl_ns = 600 * GEE_MILLISECOND;
    publish(test, &entry);
    AWAIT(&test->base, test->told == 1);
    assert_non_null(strstr(test->error.text, ": connect: Connection refused"));
    web_up(test->web);
    answer(test, "200 OK", "");
    AWAIT(&test->base, test->told == 2);
    web_hear(test->web);
    web_hang_up(test->web); /* killed in the middle */
    AWAIT(&test->base, test->told == 3);
    answer(test, "200 OK", "");
    AWAIT(&test->base, test->told == 4);
    assert_true(test->there);
    free_test(test);
}

static void test_entries_that_are_none(void **state GEE_UNUSED) {
    static const gee_entry_t entries[] = { { .address = "10.0.0.1:9999" },
                                           { .address = "" },
                                           { .address = "tcp@a:1,tcp@b:1" },
                                           { .address = "tcp@a b:1" },
                                           { .address = "tcp@a:1\r\nX: y" },
                                           { .address = "tcp@a:1", .service = "A B" },
                                           { .address = "tcp@a:1", .service = "A\n" } };
    test_t *test = new_test();
    gee_error_t error;
    for (size_t i = 0; i < GEE_LENGTH(entries); i++)
        if (try_publish(test, &entries[i], &error) == 0)
            fail_msg("taken: %s", entries[i].address);
    free_test(test);
}

/* ---- leaving ---- */

static void withdraw(test_t *test, int64_t patience_ns) {
    test->registry->withdraw(test->state, patience_ns, on_done, test);
    assert_int_equal(test->done, 0);
}

/* Published, and the answer is there. */
static test_t *new_published(const char *service) {
    test_t *test = new_test();
    publish(test, &(gee_entry_t){ .address = "tcp@10.0.0.1:9999", .service = service });
    answer(test, "200 OK", "");
    AWAIT(&test->base, test->told == 1);
    return test;
}

static void test_leaving(void **state GEE_UNUSED) {
    test_t *test = new_published("Arith");
    withdraw(test, PATIENCE);
    const char *request = web_hear(test->web);
    assert_non_null(strstr(request, "DELETE /_geerpc_/registry HTTP/1.1\r\n"));
    assert_non_null(strstr(request, "\r\nX-Geerpc-Server: tcp@10.0.0.1:9999\r\nX-Geerpc-Service: Arith\r\n"));
    run_passes(test->base.loop, 3);
    assert_int_equal(test->done, 0);
    web_say(test->web, "200 OK", "", "");
    AWAIT(&test->base, test->done == 1);
    assert_int_equal(test->error.code, GEE_OK);
    free_test(test);
}

static void test_leaving_where_nothing_was(void **state GEE_UNUSED) {
    static const struct {
        const char *service, *header, *said;
    } cases[] = {
        { "Arith", "X-Geerpc-Removed: 0\r\n", ": there is no entry tcp@10.0.0.1:9999 of service Arith" },
        { NULL, "X-Geerpc-Removed: 0\r\n", ": there is no entry tcp@10.0.0.1:9999 without a service" },
        { NULL, "X-Geerpc-Removed: 1\r\n", NULL },
    };
    for (size_t i = 0; i < GEE_LENGTH(cases); i++) {
        test_t *test = new_published(cases[i].service);
        withdraw(test, PATIENCE);
        web_hear(test->web);
        web_say(test->web, "200 OK", cases[i].header, "");
        AWAIT(&test->base, test->done == 1);
        assert_int_equal(test->error.code, cases[i].said ? GEE_NOT_FOUND : GEE_OK);
        if (cases[i].said)
            assert_non_null(strstr(test->error.text, cases[i].said));
        free_test(test);
    }
}

/* How an entry is taken out that somebody has left there. */
static void test_leaving_at_once(void **state GEE_UNUSED) {
    test_t *test = new_test();
    publish(test, &plain);
    withdraw(test, PATIENCE);
    assert_non_null(strstr(web_hear(test->web), "DELETE "));
    web_say(test->web, "200 OK", "", "");
    AWAIT(&test->base, test->done == 1);
    assert_int_equal(test->web->requests, 1); /* it was not posted before */
    free_test(test);
}

static void test_a_registry_that_knows_no_leaving(void **state GEE_UNUSED) {
    test_t *test = new_published(NULL);
    withdraw(test, PATIENCE);
    answer(test, "405 Method Not Allowed", "");
    AWAIT(&test->base, test->done == 1);
    assert_int_equal(test->error.code, GEE_UNIMPLEMENTED);
    free_test(test);
}

static void test_leaving_a_registry_that_is_down(void **state GEE_UNUSED) {
    test_t *test = new_published(NULL);
    web_down(test->web);
    withdraw(test, PATIENCE);
    AWAIT(&test->base, test->done == 1);
    assert_non_null(strstr(test->error.text, "Connection refused"));
    free_test(test);
}

static void test_patience(void **state GEE_UNUSED) {
    test_t *test = new_published(NULL);
    int64_t before = gee_clock_monotonic();
    withdraw(test, 50 * GEE_MILLISECOND);
    web_hear(test->web); /* and says nothing */
    AWAIT(&test->base, test->done == 1);
    assert_int_equal(test->error.code, GEE_DEADLINE_EXCEEDED);
    assert_true(gee_clock_monotonic() - before >= 50 * GEE_MILLISECOND);
    free_test(test);
}

/* Were the DELETE sent at once, the registry could see the POST last. */
static void test_leaving_while_it_is_posted(void **state GEE_UNUSED) {
    test_t *test = new_test();
    publish(test, &plain);
    web_hear(test->web);
    withdraw(test, PATIENCE);
    run_passes(test->base.loop, 10);
    assert_false(test->web->heard_end);
    assert_int_equal(test->web->requests, 1);
    web_say(test->web, "200 OK", "", "");
    assert_non_null(strstr(web_hear(test->web), "DELETE "));
    web_say(test->web, "200 OK", "", "");
    AWAIT(&test->base, test->done == 1);
    assert_int_equal(test->told, 0); /* not told any more */
    free_test(test);
}

static void test_leaving_while_it_is_posted_in_vain(void **state GEE_UNUSED) {
    test_t *test = new_test();
    publish(test, &plain);
    web_hear(test->web);
    withdraw(test, 50 * GEE_MILLISECOND);
    AWAIT(&test->base, test->done == 1);
    assert_int_equal(test->error.code, GEE_DEADLINE_EXCEEDED);
    free_test(test);
}

static void test_abandoned_at_any_time(void **state GEE_UNUSED) {
    test_t *test = new_test();
    publish(test, &plain);
    abandon(test); /* before anything */
    publish(test, &plain);
    web_hear(test->web);
    abandon(test); /* while it is posted */
    AWAIT(&test->base, test->web->heard_end);
    publish(test, &plain);
    answer(test, "200 OK", "");
    AWAIT(&test->base, test->told == 1);
    withdraw(test, PATIENCE);
    abandon(test); /* before the DELETE */
    publish(test, &plain);
    answer(test, "200 OK", "");
    AWAIT(&test->base, test->told == 2);
    withdraw(test, PATIENCE);
    web_hear(test->web);
    abandon(test); /* while it is deleted */
    run_passes(test->base.loop, 10);
    assert_int_equal(test->done, 0);
    test->abandon_when_told = true;
    publish(test, &plain);
    answer(test, "503 No", "");
    AWAIT(&test->base, test->told == 3);
    assert_null(test->state);
    free_test(test);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_posted),
        cmocka_unit_test(test_it_is_posted_again_in_time),
        cmocka_unit_test(test_the_time_that_was_asked_for),
        cmocka_unit_test(test_a_registry_that_refuses_and_takes),
        cmocka_unit_test(test_a_registry_that_is_down_and_back),
        cmocka_unit_test(test_entries_that_are_none),
        cmocka_unit_test(test_leaving),
        cmocka_unit_test(test_leaving_where_nothing_was),
        cmocka_unit_test(test_leaving_at_once),
        cmocka_unit_test(test_a_registry_that_knows_no_leaving),
        cmocka_unit_test(test_leaving_a_registry_that_is_down),
        cmocka_unit_test(test_patience),
        cmocka_unit_test(test_leaving_while_it_is_posted),
        cmocka_unit_test(test_leaving_while_it_is_posted_in_vain),
        cmocka_unit_test(test_abandoned_at_any_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
