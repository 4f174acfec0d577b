/* client_test.c: the client library against a serving engine: calls with every codec, from many threads, to their
 * end. */
#include "client_fixture.h"

#ifndef CALLS_A_THREAD
#define CALLS_A_THREAD 1500
#endif
#define THREADS 16

static const char *const codecs[] = { "json", "bin" };

static void test_calls(void **state GEE_UNUSED) {
    server_t *server = server_start("tcp@127.0.0.1:0", true);
    for (size_t i = 0; i < GEE_LENGTH(codecs); i++) {
        gee_client_t *client = dial(server->address, codecs[i]);
        assert_string_equal(gee_client_address(client), server->address);
        expect_reply(client, "Test.Add", "{\"A\":7,\"B\":8}", "15");
        expect_reply(client, "Test.Add", " \t\n{ \"A\" : 9007199254740992 , \"B\" : 1 }\r\n", "9007199254740993");
        expect_reply(client, "Test.Add", NULL, "0");
        expect_reply(client, "Test.Echo",
                     "{\"Yes\":true,\"Bytes\":\"AP8=\",\"Pairs\":[{\"A\":1,\"B\":-2},{\"A\":0,\"B\":0}],"
                     "\"Numbers\":{\"half\":0.5},\"Text\":{\"Text\":\"a\\u0000\xc3\xa9\"}}",
                     "{\"Yes\":true,\"Bytes\":\"AP8=\",\"Pairs\":[{\"A\":1,\"B\":-2},{\"A\":0,\"B\":0}],"
                     "\"Numbers\":{\"half\":0.5},\"Text\":{\"Text\":\"a\\u0000\xc3\xa9\"}}");
        gee_client_close(&client);
        assert_null(client);
    }
    server_stop(&server);
}

static void test_unix_socket(void **state GEE_UNUSED) {
    char folder[] = "/tmp/gee-client-XXXXXX", path[64], address[80];
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof(path), "%s/socket", folder);
    snprintf(address, sizeof(address), "unix@%s", path);
    server_t *server = server_start(address, true);
    gee_client_t *client = dial(address, "bin");
    expect_reply(client, "Test.Add", "{\"A\":1,\"B\":2}", "3");
    gee_client_close(&client);
    server_stop(&server);
    unlink(path);
    rmdir(folder);
}

/* The server's own words come back as they are, percent signs and all; the connection goes on. */
static void test_error_replies(void **state GEE_UNUSED) {
    server_t *server = server_start("tcp@127.0.0.1:0", true);
    for (size_t i = 0; i < GEE_LENGTH(codecs); i++) {
        gee_client_t *client = dial(server->address, codecs[i]);
        gee_error_t error = expect_error(client, "Test.Fail", "{\"Text\":\"100%s broken\"}", 0);
        assert_string_equal(error.text, "100%s broken");
        assert_true(error.from_peer);
        assert_true(error.elapsed_ns > 0);
        assert_int_not_equal(error.code, GEE_OK);
        error = expect_error(client, "Test.Nothing", "{}", 0);
        assert_true(error.from_peer);
        error = expect_error(client, "Nothing.Add", "{}", 0);
        assert_true(error.from_peer);
        expect_reply(client, "Test.Add", "{\"A\":1,\"B\":1}", "2");
        gee_client_close(&client);
    }
    server_stop(&server);
}

static void expect_refused(gee_client_t *client, const char *arguments, const char *part) {
    gee_error_t error = expect_error(client, "Test.Add", arguments, 0);
    if (strstr(error.text, part) == NULL)
        fail_msg("\"%s\" does not name \"%s\"", error.text, part);
    assert_int_equal(error.phase, GEE_PHASE_NONE);
    assert_false(error.from_peer);
}

/* Arguments that are no JSON, or do not fit the types, are refused here, and the connection goes on. */
static void test_bad_arguments(void **state GEE_UNUSED) {
    server_t *server = server_start("tcp@127.0.0.1:0", true);
    for (size_t i = 0; i < GEE_LENGTH(codecs); i++) {
        gee_client_t *client = dial(server->address, codecs[i]);
        expect_refused(client, "", "empty");
        expect_refused(client, "{\"A\" 1}", "arguments: ");
        expect_refused(client, "{\"A\":1}{\"B\":2}", "arguments: ");
        expect_refused(client, "{\"A\":1", "arguments: ");
        expect_refused(client, "nul", "arguments: ");
        expect_refused(client, "\"\xff\"", "arguments: ");
        expect_reply(client, "Test.Add", "{\"A\":2,\"B\":2}", "4");
        gee_client_close(&client);
    }
    gee_client_t *client = dial(server->address, "bin");
    expect_refused(client, "{\"A\":1,\"B\":\"two\"}", "B");
    expect_refused(client, "{\"A\":9223372036854775808}", "A");
    expect_reply(client, "Test.Add", "{\"A\":2,\"B\":3}", "5");
    gee_client_close(&client);
    server_stop(&server);
}

static void test_bin_needs_describe(void **state GEE_UNUSED) {
    server_t *server = server_start("tcp@127.0.0.1:0", false);
    gee_client_t *client = dial(server->address, "bin");
    gee_error_t error = expect_error(client, "Test.Add", "{}", 0);
    assert_int_equal(error.code, GEE_FAILED_PRECONDITION);
    assert_non_null(strstr(error.text, "Gee.Describe"));
    gee_client_close(&client);
    client = dial(server->address, "json");
    expect_reply(client, "Test.Add", "{\"A\":1,\"B\":2}", "3");
    gee_client_close(&client);
    server_stop(&server);
}

static void test_types_are_asked_for_once(void **state GEE_UNUSED) {
    server_t *server = server_start("tcp@127.0.0.1:0", true);
    gee_client_t *client = dial(server->address, "bin");
    for (int i = 0; i < 10; i++)
        expect_reply(client, "Test.Add", "{\"A\":1,\"B\":2}", "3");
    assert_int_equal(atomic_load(&calls_seen), 11);
    expect_reply(client, "Test.Left", "{}", "-1");
    assert_int_equal(atomic_load(&calls_seen), 13);
    gee_client_close(&client);
    server_stop(&server);
}

static void expect_pair(const gee_received_pair_t *pair, const char *key, gee_str_t value) {
    assert_string_equal(pair->key.data, key);
    assert_int_equal(pair->value.length, value.length);
    assert_memory_equal(pair->value.data, value.data, value.length + 1);
}

static void expect_more(const gee_received_t *received, const char *details, bool repeats) {
    assert_non_null(received);
    if (repeats) {
        assert_int_equal(received->initial_count, 2);
        expect_pair(&received->initial[0], "color", GEE_STR("red"));
        expect_pair(&received->initial[1], "color", GEE_STR("blue"));
    } else {
        assert_int_equal(received->initial_count, 1);
        expect_pair(&received->initial[0], "color", GEE_STR("red, blue"));
    }
    assert_int_equal(received->trailing_count, 1);
    expect_pair(&received->trailing[0], "mark-bin", GEE_STR("a\0\xff"));
    assert_string_equal(received->details.data, details);
    assert_int_equal(received->details.length, strlen(details));
}

/* Of replies and of error replies, to a program that waits and to a program that does not; none is null or empty. */
static void test_reply_metadata_and_details(void **state GEE_UNUSED) {
    server_t *server = server_start("tcp@127.0.0.1:0", true);
    for (size_t i = 0; i < GEE_LENGTH(codecs); i++) {
        gee_client_t *client = dial(server->address, codecs[i]);
        bool repeats = strcmp(codecs[i], "bin") == 0;
        gee_error_t error;
        gee_received_t *received = NULL;
        gee_call_options_t options = { .size = sizeof(options), .received = &received };
        assert_int_equal(gee_client_call(client, "Test.More", "{}", NULL, &options, &error), 0);
        expect_more(received, "", repeats);
        gee_free(received);
        assert_int_equal(gee_client_call(client, "Test.More", "{\"Text\":\"why\"}", NULL, &options, &error), -1);
        assert_int_equal(error.code, GEE_ABORTED);
        expect_more(received, "why", repeats);
        gee_free(received);
        assert_int_equal(gee_client_call(client, "Test.Add", "{}", NULL, &options, &error), 0);
        assert_null(received);
        gee_pending_t *pending = gee_client_go(client, "Test.More", "{\"Text\":\"x\"}", NULL, NULL, NULL, &error);
        assert_true(gee_pending_wait(pending, -1));
        expect_more(gee_pending_received(pending), "x", repeats);
        gee_pending_release(&pending);
        pending = gee_client_go(client, "Test.Add", "{}", NULL, NULL, NULL, &error);
        assert_true(gee_pending_wait(pending, -1));
        assert_int_equal(gee_pending_received(pending)->initial_count, 0);
        gee_pending_release(&pending);
        gee_client_close(&client);
    }
    server_stop(&server);
}

static void test_metadata_and_deadline_travel(void **state GEE_UNUSED) {
    server_t *server = server_start("tcp@127.0.0.1:0", true);
    for (size_t i = 0; i < GEE_LENGTH(codecs); i++) {
        gee_client_t *client = dial(server->address, codecs[i]);
        gee_metadata_pair_t pairs[] = { { "user", "ann" }, { "traceparent", "00-1-2-01" } };
        gee_call_options_t options = {
            .size = sizeof(options), .timeout_ns = 5 * GEE_SECOND, .metadata = pairs, .metadata_count = 2
        };
        gee_error_t error = { 0 };
        char *reply;
        assert_int_equal(
            gee_client_call(client, "Test.Metadata", "{\"Text\":\"traceparent\"}", &reply, &options, &error), 0);
        assert_string_equal(reply, "{\"Text\":\"00-1-2-01\"}");
        gee_free(reply);
        /* A value that is bytes, for a call that copies and for one that waits. */
        pairs[1] = (gee_metadata_pair_t){ "trace-bin", "a\0b" };
        options.metadata_lengths = (const size_t[]){ 3, 3 };
        gee_pending_t *pending =
            gee_client_go(client, "Test.Metadata", "{\"Text\":\"trace-bin\"}", &options, NULL, NULL, &error);
        assert_true(gee_pending_wait(pending, -1));
        assert_string_equal(gee_pending_json(pending), "{\"Text\":\"a\\u0000b\"}");
        gee_pending_release(&pending);
        assert_int_equal(gee_client_call(client, "Test.Metadata", "{\"Text\":\"trace-bin\"}", &reply, &options, &error),
                         0);
        assert_string_equal(reply, "{\"Text\":\"a\\u0000b\"}");
        gee_free(reply);
        assert_int_equal(gee_client_call(client, "Test.Left", "{}", &reply, &options, &error), 0);
        assert_in_range(strtoll(reply, NULL, 10), 1, 5 * GEE_SECOND);
        gee_free(reply);
        expect_reply(client, "Test.Left", "{}", "-1");
        gee_client_close(&client);
    }
    server_stop(&server);
}

/* A call that says strict is not sent where a part of it would be left out. */
static void test_strict(void **state GEE_UNUSED) {
    static const struct {
        const char *protocol, *codec;
        bool carries_all;
    } wires[] = { { "geerpc", "json", true },
                  { "geerpc", "bin", true },
                  { "geerpc", "gob", false },
                  { "netrpc", "gob", false },
                  { "jsonrpc", "json", false } };
    server_t *server = server_start("tcp@127.0.0.1:0", true);
    for (size_t i = 0; i < GEE_LENGTH(wires); i++) {
        gee_dial_options_t dialling = { .size = sizeof(dialling),
                                        .protocol = wires[i].protocol,
                                        .codec = wires[i].codec };
        gee_metadata_pair_t pair = { "user", "ann" };
        gee_call_options_t options = {
            .size = sizeof(options), .timeout_ns = 5 * GEE_SECOND, .metadata = &pair, .metadata_count = 1
        };
        gee_error_t error = { 0 };
        char *reply = NULL;
        gee_client_t *client = gee_dial(server->address, &dialling, &error);
        assert_non_null(client);
        expect_reply(client, "Test.Add", "{\"A\":1,\"B\":2}", "3");
        assert_int_equal(gee_client_call(client, "Test.Add", "{\"A\":1,\"B\":2}", NULL, &options, &error), 0);
        unsigned seen = atomic_load(&calls_seen);
        options.strict = true;
        int result = gee_client_call(client, "Test.Add", "{\"A\":1,\"B\":2}", &reply, &options, &error);
        assert_int_equal(result, wires[i].carries_all ? 0 : -1);
        assert_int_equal(atomic_load(&calls_seen), seen + wires[i].carries_all);
        if (result != 0) {
            char wanted[200];
            snprintf(
                wanted, sizeof(wanted),
                "strict: %s with %s has no place for metadata, a timeout or a status code; geerpc with json or bin has",
                wires[i].protocol, wires[i].codec);
            assert_string_equal(error.text, wanted);
            assert_int_equal(error.code, GEE_FAILED_PRECONDITION);
            assert_int_equal(error.phase, GEE_PHASE_NONE);
            assert_null(gee_client_go(client, "Test.Add", "{}", &options, NULL, NULL, &error));
        }
        gee_free(reply);
        gee_client_close(&client);
    }
    server_stop(&server);
}

static void test_call_timeout(void **state GEE_UNUSED) {
    server_t *server = server_start("tcp@127.0.0.1:0", true);
    for (size_t i = 0; i < GEE_LENGTH(codecs); i++) {
        gee_client_t *client = dial(server->address, codecs[i]);
        gee_error_t error = expect_error(client, "Test.Keep", "{}", 50 * GEE_MILLISECOND);
        assert_true(error.elapsed_ns >= 50 * GEE_MILLISECOND);
        /* Server and client have the same time: either may report the end first. */
        if (!error.from_peer)
            expect_text(&error, server->address, "wait", "no reply within 50ms");
        expect_reply(client, "Test.Add", "{\"A\":2,\"B\":2}", "4");
        gee_client_close(&client);
    }
    server_stop(&server);
}

static void test_long_replies(void **state GEE_UNUSED) {
    server_t *server = server_start("tcp@127.0.0.1:0", true);
    for (size_t i = 0; i < GEE_LENGTH(codecs); i++) {
        gee_client_t *client = dial(server->address, codecs[i]);
        gee_error_t error;
        char *reply;
        assert_int_equal(gee_client_call(client, "Test.Long", "{\"A\":3000000}", &reply, NULL, &error), 0);
        assert_int_equal(strlen(reply), 3000000 + strlen("{\"Text\":\"\"}"));
        gee_free(reply);
        gee_client_close(&client);
        gee_dial_options_t options = { .size = sizeof(options), .codec = codecs[i], .message_limit = 1 << 20 };
        client = gee_dial(server->address, &options, &error);
        assert_non_null(client);
        error = expect_error(client, "Test.Long", "{\"A\":3000000}", 0);
        assert_int_equal(error.phase, GEE_PHASE_WAIT);
        gee_client_close(&client);
    }
    server_stop(&server);
}

/* ---- threads ---- */

typedef struct caller {
    gee_client_t *client;
    pthread_t thread;
    int number;
    unsigned wrong;
    bool cancelled;
} caller_t;

static void *call_many(void *data) {
    caller_t *caller = data;
    for (int i = 0; i < CALLS_A_THREAD; i++) {
        char arguments[64], expected[32], *reply = NULL;
        gee_error_t error;
        snprintf(arguments, sizeof(arguments), "{\"A\":%d,\"B\":%d}", caller->number * 1000000, i);
        snprintf(expected, sizeof(expected), "%d", caller->number * 1000000 + i);
        if (i % 7 == 3) { /* errors find their callers too */
            snprintf(arguments, sizeof(arguments), "{\"Text\":\"%s\"}", expected);
            if (gee_client_call(caller->client, "Test.Fail", arguments, &reply, NULL, &error) != -1 ||
                strcmp(error.text, expected) != 0)
                caller->wrong++;
        } else if (gee_client_call(caller->client, "Test.Add", arguments, &reply, NULL, &error) != 0 ||
                   strcmp(reply, expected) != 0) {
            caller->wrong++;
        }
        gee_free(reply);
    }
    return NULL;
}

static void test_sixteen_threads(void **state GEE_UNUSED) {
    server_t *server = server_start("tcp@127.0.0.1:0", true);
    for (size_t i = 0; i < GEE_LENGTH(codecs); i++) {
        caller_t callers[THREADS];
        gee_client_t *client = dial(server->address, codecs[i]);
        for (int n = 0; n < THREADS; n++) {
            callers[n] = (caller_t){ .client = client, .number = n };
            assert_int_equal(pthread_create(&callers[n].thread, NULL, call_many, &callers[n]), 0);
        }
        for (int n = 0; n < THREADS; n++) {
            pthread_join(callers[n].thread, NULL);
            assert_int_equal(callers[n].wrong, 0);
        }
        gee_client_close(&client);
    }
    server_stop(&server);
}

#define BIG (1 << 20)

static void *echo_big(void *data) {
    caller_t *caller = data;
    char *arguments = malloc(BIG + 64), *reply = NULL;
    int start = snprintf(arguments, BIG, "{\"Yes\":false,\"Bytes\":\"");
    memset(arguments + start, 'A', BIG);
    strcpy(arguments + start + BIG, "\",\"Pairs\":[],\"Numbers\":{}}");
    for (int i = 0; i < 4; i++) {
        gee_error_t error;
        gee_call_options_t options = { .size = sizeof(options), .timeout_ns = 60 * GEE_SECOND };
        if (gee_client_call(caller->client, "Test.Echo", arguments, &reply, &options, &error) != 0 ||
            strlen(reply) < BIG || memcmp(reply, arguments, (size_t)start + BIG) != 0)
            caller->wrong++;
        gee_free(reply);
    }
    free(arguments);
    return NULL;
}

/* The server stops reading while its replies are not fetched. A client that did the same would wait for it for ever. */
static void test_big_both_ways(void **state GEE_UNUSED) {
    server_t *server = server_start("tcp@127.0.0.1:0", true);
    for (size_t i = 0; i < GEE_LENGTH(codecs); i++) {
        caller_t callers[THREADS];
        gee_client_t *client = dial(server->address, codecs[i]);
        for (int n = 0; n < THREADS; n++) {
            callers[n] = (caller_t){ .client = client };
            assert_int_equal(pthread_create(&callers[n].thread, NULL, echo_big, &callers[n]), 0);
        }
        for (int n = 0; n < THREADS; n++) {
            pthread_join(callers[n].thread, NULL);
            assert_int_equal(callers[n].wrong, 0);
        }
        gee_client_close(&client);
    }
    server_stop(&server);
}

static void *call_until_cancelled(void *data) {
    caller_t *caller = data;
    gee_error_t error = { 0 };
    char *reply;
    caller->cancelled = gee_client_call(caller->client, "Test.Keep", "{}", &reply, NULL, &error) == -1 &&
                        error.code == GEE_CANCELLED && !error.from_peer && strstr(error.text, "closed") != NULL;
    return NULL;
}

static void test_close_in_mid_call(void **state GEE_UNUSED) {
    server_t *server = server_start("tcp@127.0.0.1:0", true);
    for (size_t i = 0; i < GEE_LENGTH(codecs); i++) {
        caller_t callers[THREADS];
        gee_client_t *client = dial(server->address, codecs[i]);
        atomic_store(&kept_seen, 0);
        for (int n = 0; n < THREADS; n++) {
            callers[n] = (caller_t){ .client = client };
            assert_int_equal(pthread_create(&callers[n].thread, NULL, call_until_cancelled, &callers[n]), 0);
        }
        int64_t give_up = gee_clock_monotonic() + 20 * GEE_SECOND;
        while (atomic_load(&kept_seen) < THREADS && gee_clock_monotonic() < give_up)
            sched_yield();
        assert_int_equal(atomic_load(&kept_seen), THREADS);
        gee_client_close(&client);
        for (int n = 0; n < THREADS; n++) {
            pthread_join(callers[n].thread, NULL);
            assert_true(callers[n].cancelled);
        }
    }
    server_stop(&server);
}

static void test_fork(void **state GEE_UNUSED) {
    server_t *server = server_start("tcp@127.0.0.1:0", true);
    gee_client_t *client = dial(server->address, "json");
    expect_reply(client, "Test.Add", "{\"A\":1,\"B\":2}", "3");
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        gee_error_t error = { 0 };
        char *reply;
        alarm(20);
        int wrong = gee_client_call(client, "Test.Add", "{}", &reply, NULL, &error) != -1 ||
                    error.code != GEE_FAILED_PRECONDITION;
        gee_client_close(&client);
        _exit(wrong);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    expect_reply(client, "Test.Add", "{\"A\":2,\"B\":2}", "4");
    gee_client_close(&client);
    server_stop(&server);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, before_each, after_each)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_calls),
        TEST(test_unix_socket),
        TEST(test_error_replies),
        TEST(test_bad_arguments),
        TEST(test_bin_needs_describe),
        TEST(test_types_are_asked_for_once),
        TEST(test_reply_metadata_and_details),
        TEST(test_metadata_and_deadline_travel),
        TEST(test_strict),
        TEST(test_call_timeout),
        TEST(test_long_replies),
        TEST(test_sixteen_threads),
        TEST(test_big_both_ways),
        TEST(test_close_in_mid_call),
        TEST(test_fork),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
