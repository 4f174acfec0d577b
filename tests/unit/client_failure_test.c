/* client_failure_test.c: what a caller hears when there is nobody, when the peer is no server, or when it goes away. */
#include "client_fixture.h"

#include <fcntl.h>

static gee_error_t expect_no_dial(const char *address, const gee_dial_options_t *options) {
    gee_error_t error = { 0 };
    gee_client_t *client = gee_dial(address, options, &error);
    assert_null(client);
    assert_int_not_equal(error.code, GEE_OK);
    return error;
}

static void test_nobody_listens(void **state GEE_UNUSED) {
    peer_t *peer = peer_start(NULL);
    char address[64];
    strcpy(address, peer->address);
    peer_stop(&peer);
    gee_error_t error = expect_no_dial(address, NULL);
    assert_int_equal(error.code, GEE_UNAVAILABLE);
    expect_text(&error, address, "connect", "Connection refused");
    error = expect_no_dial("unix@/tmp/there/is/no/such/socket", NULL);
    expect_text(&error, "unix@/tmp/there/is/no/such/socket", "connect", "No such file or directory");
}

/* A label of more than 63 letters is no name, so no name server is asked. */
static void test_no_such_name(void **state GEE_UNUSED) {
    static const char address[] =
        "tcp@aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.invalid:1";
    gee_error_t error = expect_no_dial(address, NULL);
    assert_int_equal(error.phase, GEE_PHASE_RESOLVE);
    expect_text(&error, address, "resolve", "Name or service not known");
}

static void expect_usage_error(const char *address, const gee_dial_options_t *options, const char *part) {
    gee_error_t error = expect_no_dial(address, options);
    assert_int_equal(error.phase, GEE_PHASE_NONE);
    if (strstr(error.text, part) == NULL)
        fail_msg("\"%s\" does not say \"%s\"", error.text, part);
}

static void test_wrong_options(void **state GEE_UNUSED) {
    struct {
        gee_dial_options_t options;
        int of_a_later_version;
    } later = { .options = { .size = sizeof(later) }, .of_a_later_version = 1 };
    gee_dial_options_t sizeless = { .codec = "json" };
    gee_dial_options_t xml = { .size = sizeof(xml), .codec = "xml" };
    gee_dial_options_t soap = { .size = sizeof(soap), .protocol = "soap" };
    expect_usage_error("nonsense", NULL, "nonsense");
    expect_usage_error("pigeon@roof:1", NULL, "pigeon");
    expect_usage_error("tcp@127.0.0.1", NULL, "port");
    expect_usage_error("tcp@127.0.0.1:1", &xml, "json, bin");
    expect_usage_error("tcp@127.0.0.1:1", &soap, "geerpc");
    expect_usage_error("tcp@127.0.0.1:1", &sizeless, "size");
    expect_usage_error("tcp@127.0.0.1:1", &later.options, "version");
    expect_usage_error(NULL, NULL, "address");
    assert_null(gee_dial("nonsense", NULL, NULL));
}

/* A listener whose queue is full answers nothing: the connect hangs. */
static void test_connect_timeout(void **state GEE_UNUSED) {
    peer_t *peer = peer_start(NULL);
    gee_sockaddr_t address = { 0 };
    socklen_t length = sizeof(address);
    int fillers[8];
    assert_int_equal(getsockname(peer->listener, &address.any, &length), 0);
    for (size_t i = 0; i < GEE_LENGTH(fillers); i++) {
        fillers[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        (void)connect(fillers[i], &address.any, length);
    }
    gee_dial_options_t options = { .size = sizeof(options), .connect_timeout_ns = 100 * GEE_MILLISECOND };
    gee_error_t error = expect_no_dial(peer->address, &options);
    assert_int_equal(error.phase, GEE_PHASE_CONNECT);
    assert_int_equal(error.code, GEE_UNAVAILABLE);
    assert_in_range(error.elapsed_ns, 100 * GEE_MILLISECOND, 5 * GEE_SECOND);
    assert_memory_equal(error.text, peer->address, strlen(peer->address));
    for (size_t i = 0; i < GEE_LENGTH(fillers); i++)
        close(fillers[i]);
    peer_stop(&peer);
}

/* ---- peers that misbehave; all of them get Test.Add with {"A":1,"B":2} ---- */

static void behave_silent(int descriptor) {
    read_to_the_end(descriptor);
}
static void behave_close(int descriptor) {
    read_request(descriptor);
}
static void behave_reset(int descriptor) {
    struct linger linger = { .l_onoff = 1 };
    read_request(descriptor);
    setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
}
static void behave_half_reply(int descriptor) {
    read_request(descriptor);
    say(descriptor, "{\"ServiceMethod\":\"Test.Add\",\"Seq\":1,\"Error\":\"\"}\n{\"A\":");
}
static void behave_garbage(int descriptor) {
    read_request(descriptor);
    say(descriptor, "\x01\x02\x03 HTTP/1.1 400 Bad Request\r\n\r\n");
    read_to_the_end(descriptor);
}
static void behave_not_json(int descriptor) {
    read_request(descriptor);
    say(descriptor, "{\"ServiceMethod\":\"Test.Add\",\"Seq\":1,\"Error\":\"\"}\n{\"A\" 1,,}\n");
    read_to_the_end(descriptor);
}
static void behave_wrong_number(int descriptor) {
    read_request(descriptor);
    say(descriptor, "{\"ServiceMethod\":\"Test.Add\",\"Seq\":77,\"Error\":\"\"}\n1\n"
                    "{\"ServiceMethod\":\"Test.Add\",\"Seq\":1,\"Error\":\"\"}\n2\n"
                    "{\"ServiceMethod\":\"Test.Add\",\"Seq\":1,\"Error\":\"\"}\n3\n");
    read_to_the_end(descriptor);
}
static void behave_slow_letters(int descriptor) {
    static const char reply[] = "{\"ServiceMethod\":\"Test.Add\",\"Seq\":1,\"Error\":\"\"}\n{\"C\": [1, \"\\\"\"]}\n";
    read_request(descriptor);
    for (size_t i = 0; i + 1 < sizeof(reply); i++)
        (void)!send(descriptor, reply + i, 1, MSG_NOSIGNAL);
    read_to_the_end(descriptor);
}

static void expect_loss(void (*behave)(int), gee_code_t code, const char *reason) {
    peer_t *peer = peer_start(behave);
    gee_client_t *client = dial(peer->address, "json");
    gee_error_t error = expect_error(client, "Test.Add", "{\"A\":1,\"B\":2}", 0);
    if (code != GEE_OK)
        assert_int_equal(error.code, code);
    expect_text(&error, peer->address, "wait", reason);
    /* The connection is gone for good, and says why. */
    error = expect_error(client, "Test.Add", "{\"A\":1,\"B\":2}", 0);
    expect_text(&error, peer->address, "send", reason);
    gee_client_close(&client);
    peer_stop(&peer);
}

static void test_peer_goes_away(void **state GEE_UNUSED) {
    expect_loss(behave_close, GEE_UNAVAILABLE, "the peer closed the connection");
    expect_loss(behave_half_reply, GEE_UNAVAILABLE, "the peer closed the connection");
    expect_loss(behave_reset, GEE_UNAVAILABLE, "read: Connection reset by peer");
}

static void test_garbage_peer(void **state GEE_UNUSED) {
    peer_t *peer = peer_start(behave_garbage);
    gee_client_t *client = dial(peer->address, "json");
    gee_error_t error = expect_error(client, "Test.Add", "{\"A\":1,\"B\":2}", 5 * GEE_SECOND);
    assert_int_equal(error.phase, GEE_PHASE_WAIT);
    assert_int_not_equal(error.code, GEE_DEADLINE_EXCEEDED);
    gee_client_close(&client);
    peer_stop(&peer);
}

static void test_reply_is_not_json(void **state GEE_UNUSED) {
    peer_t *peer = peer_start(behave_not_json);
    gee_client_t *client = dial(peer->address, "json");
    gee_error_t error = expect_error(client, "Test.Add", "{\"A\":1,\"B\":2}", 5 * GEE_SECOND);
    assert_int_equal(error.phase, GEE_PHASE_WAIT);
    assert_non_null(strstr(error.text, "not JSON"));
    gee_client_close(&client);
    peer_stop(&peer);
}

static void test_silent_peer(void **state GEE_UNUSED) {
    static const char *const codecs[] = { "json", "bin" };
    for (size_t i = 0; i < GEE_LENGTH(codecs); i++) {
        peer_t *peer = peer_start(behave_silent);
        gee_client_t *client = dial(peer->address, codecs[i]);
        gee_error_t error = expect_error(client, "Test.Add", "{\"A\":1,\"B\":2}", 50 * GEE_MILLISECOND);
        assert_int_equal(error.code, GEE_DEADLINE_EXCEEDED);
        expect_text(&error, peer->address, "wait", "no reply within 50ms");
        gee_client_close(&client);
        peer_stop(&peer);
    }
}

/* Nobody reads: the request does not even leave, and the error says so. */
static void test_peer_does_not_read(void **state GEE_UNUSED) {
    peer_t *peer = peer_start(NULL);
    size_t length = 12 << 20;
    int small = 4096;
    setsockopt(peer->listener, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
    char *arguments = malloc(length + 3);
    assert_non_null(arguments);
    memset(arguments, ' ', length);
    strcpy(arguments + length - 1, "x\"");
    arguments[0] = '"';
    gee_dial_options_t options = { .size = sizeof(options), .message_limit = 128 << 20 };
    gee_error_t error = { 0 };
    gee_client_t *client = gee_dial(peer->address, &options, &error);
    assert_non_null(client);
    error = expect_error(client, "Test.Add", arguments, 500 * GEE_MILLISECOND);
    assert_int_equal(error.code, GEE_DEADLINE_EXCEEDED);
    expect_text(&error, peer->address, "send", "not sent within 0.5s");
    gee_client_close(&client);
    free(arguments);
    peer_stop(&peer);
}

/* The limit that a reply has passed is named as the option that sets it. */
static void expect_limit(const char *codec, const char *protocol, void (*behave)(int), gee_code_t code,
                         const char *name) {
    peer_t *peer = peer_start(behave);
    gee_dial_options_t options = { .size = sizeof(options),
                                   .codec = codec,
                                   .protocol = protocol,
                                   .message_limit = 1024,
                                   .read_timeout_ns = 50 * GEE_MILLISECOND };
    gee_client_t *client = gee_dial(peer->address, &options, NULL);
    pair_t pair = { 1, 2 };
    gee_error_t error = { 0 };
    assert_non_null(client);
    assert_int_equal(gee_client_call_typed(client, "Test.Add", GEE_ARGUMENT(pair_t, &pair), NULL, NULL, NULL, &error),
                     -1);
    assert_int_equal(error.phase, GEE_PHASE_WAIT);
    assert_int_equal(error.code, code);
    assert_false(error.from_peer);
    if (strstr(error.text, name) == NULL)
        fail_msg("\"%s\" does not name %s", error.text, name);
    gee_client_close(&client);
    peer_stop(&peer);
}

#define OPTION_PADDED 512

/* Something of the request has come behind the Option, if there is one: what is said now is an answer. */
static void await_request(int descriptor, size_t option) {
    char bytes[64];
    for (size_t got = 0; got <= option;) {
        ssize_t n = recv(descriptor, bytes, sizeof(bytes) < option + 1 - got ? sizeof(bytes) : option + 1 - got, 0);
        if (n <= 0)
            return;
        got += (size_t)n;
    }
}
static void say_endless(int descriptor) {
    static char text[4096];
    memset(text, 'x', sizeof(text) - 1);
    text[0] = '"';
    say(descriptor, text);
    read_to_the_end(descriptor);
}
static void behave_endless_line(int descriptor) {
    static char text[4096];
    await_request(descriptor, 0);
    memset(text, 'x', sizeof(text) - 1);
    memcpy(text, "{\"id\":1,\"result\":\"", 18);
    memcpy(text + sizeof(text) - 3, "\"}", 2);
    say(descriptor, text);
    read_to_the_end(descriptor);
}
static void behave_endless(int descriptor) {
    await_request(descriptor, OPTION_PADDED);
    say_endless(descriptor);
}
static void behave_endless_frame(int descriptor) {
    await_request(descriptor, OPTION_PADDED);
    (void)!send(descriptor, "\0\0\0\0\0\2\0\0\xff\xff\x10\x01", 12, MSG_NOSIGNAL);
    read_to_the_end(descriptor);
}
static void behave_endless_gob(int descriptor) {
    await_request(descriptor, OPTION_PADDED);
    (void)!send(descriptor, "\xfd\x10\0\0\0", 5, MSG_NOSIGNAL);
    read_to_the_end(descriptor);
}

static void behave_begun(int descriptor) {
    await_request(descriptor, OPTION_PADDED);
    say(descriptor, "{\"ServiceMethod\":");
    read_to_the_end(descriptor);
}

static void test_limits_have_the_names_of_options(void **state GEE_UNUSED) {
    expect_limit("json", NULL, behave_endless, GEE_UNAVAILABLE, "(message_limit)");
    expect_limit(NULL, "jsonrpc", behave_endless_line, GEE_RESOURCE_EXHAUSTED, "(message_limit)");
    expect_limit("bin", NULL, behave_endless_frame, GEE_RESOURCE_EXHAUSTED, "(message_limit)");
    expect_limit("gob", NULL, behave_endless_gob, GEE_UNAVAILABLE, "(message_limit)");
    expect_limit("json", NULL, behave_begun, GEE_UNAVAILABLE, "(read_timeout_ns)");
}

static void test_replies_find_their_call(void **state GEE_UNUSED) {
    peer_t *peer = peer_start(behave_wrong_number);
    gee_client_t *client = dial(peer->address, "json");
    expect_reply(client, "Test.Add", "{\"A\":1,\"B\":2}", "2");
    gee_client_close(&client);
    peer_stop(&peer);
    peer = peer_start(behave_slow_letters);
    client = dial(peer->address, "json");
    expect_reply(client, "Test.Add", "{\"A\":1,\"B\":2}", "{\"C\": [1, \"\\\"\"]}");
    gee_client_close(&client);
    peer_stop(&peer);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, before_each, after_each)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_nobody_listens),          TEST(test_no_such_name),
        TEST(test_wrong_options),           TEST(test_connect_timeout),
        TEST(test_peer_goes_away),          TEST(test_garbage_peer),
        TEST(test_reply_is_not_json),       TEST(test_silent_peer),
        TEST(test_peer_does_not_read),      TEST(test_limits_have_the_names_of_options),
        TEST(test_replies_find_their_call),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
