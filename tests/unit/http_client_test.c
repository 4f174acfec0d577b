/* http_client_test.c: the client side of HTTP: one request and its response, and dialling http@ (CONNECT), against a
 * server on loopback that says what a test wants. */
#include "rpc_fixture.h"

#include <netinet/in.h>

/* ---- a server that says what it is told ---- */

typedef struct server {
    fixture_t *fixture; /* its loop, and an engine for the real server */
    int listener, peer;
    gee_addr_t addr; /* tcp@127.0.0.1:PORT */
    char heard[8192];
    size_t heard_length;
    bool heard_end;
} server_t;

static void use_address(server_t *server, const char *format, unsigned port) {
    char text[100];
    gee_error_t error = { 0 };
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    snprintf(text, sizeof(text), format, port);
#pragma GCC diagnostic pop
    if (gee_addr_parse(text, &server->addr, &error) != 0)
        fail_msg("%s", error.text);
}

static unsigned port_of(const server_t *server) {
    struct sockaddr_in address;
    socklen_t length = sizeof(address);
    assert_int_equal(getsockname(server->listener, (struct sockaddr *)&address, &length), 0);
    return ntohs(address.sin_port);
}

static server_t *new_server(void) {
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    server_t *server = calloc(1, sizeof(*server));
    assert_non_null(server);
    server->fixture = fixture_create(NULL, NULL);
    server->listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    server->peer = -1;
    assert_int_equal(bind(server->listener, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(listen(server->listener, 10), 0);
    use_address(server, "tcp@127.0.0.1:%u", port_of(server));
    return server;
}

static void free_server(server_t *server) {
    close(server->listener);
    if (server->peer >= 0)
        close(server->peer);
    pump(server->fixture);
    fixture_destroy(server->fixture);
    free(server);
}

static void turn(server_t *server) {
    assert_int_equal(gee_loop_once(server->fixture->loop, GEE_MILLISECOND), 0);
    if (server->peer < 0)
        server->peer = accept4(server->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (server->peer < 0)
        return;
    ssize_t n =
        read(server->peer, server->heard + server->heard_length, sizeof(server->heard) - 1 - server->heard_length);
    server->heard_end = server->heard_end || n == 0;
    server->heard_length += n > 0 ? (size_t)n : 0;
    server->heard[server->heard_length] = '\0';
}

#define TURN_UNTIL(server, condition)                                                                                  \
    do {                                                                                                               \
        int64_t give_up = gee_clock_monotonic() + 10 * GEE_SECOND;                                                     \
        while (!(condition)) {                                                                                         \
            if (gee_clock_monotonic() > give_up)                                                                       \
                fail_msg("waited in vain for: %s", #condition);                                                        \
            turn(server);                                                                                              \
        }                                                                                                              \
    } while (0)

static void say(server_t *server, const char *text) {
    assert_int_equal(write(server->peer, text, strlen(text)), strlen(text));
}

/* ---- one request ---- */

typedef struct result {
    int answers;
    int status;
    char body[8192], type[100];
    gee_error_t error; /* code GEE_OK: none */
} result_t;

static void on_answer(void *data, const gee_http_message_t *response, const gee_error_t *error) {
    result_t *result = data;
    result->answers++;
    if (response == NULL) {
        result->error = *error;
        return;
    }
    result->status = response->status;
    snprintf(result->body, sizeof(result->body), "%.*s", (int)response->body.length, (const char *)response->body.data);
    snprintf(result->type, sizeof(result->type), "%.*s", GEE_STR_ARGUMENTS(gee_http_header(response, "Content-Type")));
}

static gee_http_call_t *start(server_t *server, const gee_http_ask_t *ask, result_t *result) {
    gee_error_t error = { 0 };
    memset(result, 0, sizeof(*result));
    gee_http_call_t *call = gee_http_start(
        server->fixture->loop, NULL, gee_module_find(gee_modules, GEE_MODULE_TRANSPORT, gee_str(server->addr.scheme)),
        &server->addr, ask, on_answer, result, &error);
    if (call == NULL)
        fail_msg("%s", error.text);
    return call;
}

static const gee_http_ask_t get = { .method = "GET", .target = "/a?b" };

static void test_what_a_request_looks_like(void **state GEE_UNUSED) {
    server_t *server = new_server();
    result_t result;
    char expected[300];
    gee_http_header_t headers[] = { { GEE_STR("Accept"), GEE_STR("application/json") } };
    gee_http_ask_t ask = { .method = "POST", .target = "/x", .headers = headers, .header_count = 1 };
    ask.body = (gee_bytes_t){ (const uint8_t *)"a\0b", 3 };
    start(server, &ask, &result);
    TURN_UNTIL(server, server->heard_length > 3 && server->heard[server->heard_length - 1] == 'b');
    int length = snprintf(expected, sizeof(expected),
                          "POST /x HTTP/1.1\r\nHost: 127.0.0.1:%u\r\nConnection: close\r\nAccept: application/json\r\n"
                          "Content-Length: 3\r\n\r\na%cb",
                          port_of(server), 0);
    assert_int_equal(server->heard_length, length);
    assert_memory_equal(server->heard, expected, (size_t)length);
    say(server, "HTTP/1.1 200 OK\r\nContent-Type: text/x\r\nContent-Length: 2\r\n\r\nhi");
    TURN_UNTIL(server, result.answers > 0);
    assert_int_equal(result.status, 200);
    assert_string_equal(result.body, "hi");
    assert_string_equal(result.type, "text/x");
    TURN_UNTIL(server, server->heard_end); /* it does not keep the connection */
    assert_int_equal(result.answers, 1);
    free_server(server);
}

static void test_responses_in_every_cut(void **state GEE_UNUSED) {
    static const struct {
        const char *method, *text;
        int status;
        const char *body;
        bool until_end;
    } cases[] = {
        { "GET", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n", 200, "abc", false },
        { "GET", "HTTP/1.0 200 OK\r\n\r\nall", 200, "all", true },
        { "GET", "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n", 204, "", false },
        { "HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n", 200, "", false },
        { "DELETE", "HTTP/1.1 500 Broken\r\nContent-Length: 1\r\n\r\n!", 500, "!", false },
    };
    for (size_t i = 0; i < GEE_LENGTH(cases); i++)
        for (size_t cut = 0; cut <= strlen(cases[i].text); cut++) {
            server_t *server = new_server();
            result_t result;
            char first[200];
            gee_http_ask_t ask = { .method = cases[i].method, .target = "/" };
            start(server, &ask, &result);
            TURN_UNTIL(server, server->heard_length > 0);
            snprintf(first, sizeof(first), "%.*s", (int)cut, cases[i].text);
            say(server, first);
            turn(server);
            if (result.answers == 0)
                say(server, cases[i].text + cut);
            if (cases[i].until_end)
                shutdown(server->peer, SHUT_WR);
            TURN_UNTIL(server, result.answers > 0);
            assert_int_equal(result.error.code, GEE_OK);
            assert_int_equal(result.status, cases[i].status);
            assert_string_equal(result.body, cases[i].body);
            free_server(server);
        }
}

static void assert_error(const result_t *result, gee_phase_t phase, const char *text) {
    assert_int_equal(result->answers, 1);
    assert_int_not_equal(result->error.code, GEE_OK);
    if (result->error.phase != phase || strstr(result->error.text, text) == NULL ||
        strstr(result->error.text, "@127.0.0.1:") == NULL)
        fail_msg("phase %d, \"%s\"", (int)result->error.phase, result->error.text);
}

static void test_responses_that_are_none(void **state GEE_UNUSED) {
    static const struct {
        const char *text, *reason;
    } cases[] = { { "", "without a response" },
                  { "HTTP/1.1 200 OK\r\nContent-Le", "in the middle" },
                  { "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabc", "in the middle" },
                  { "SSH-2.0-OpenSSH\r\n\r\n", "cannot be read" },
                  { "HTTP/1.1 200 OK\nContent-Length: 0\n\n", "bare line feed" },
                  { "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n", "cannot be read" },
                  { "HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n", "too long" } };
    for (size_t i = 0; i < GEE_LENGTH(cases); i++) {
        server_t *server = new_server();
        result_t result;
        start(server, &get, &result);
        TURN_UNTIL(server, server->heard_length > 0);
        say(server, cases[i].text);
        shutdown(server->peer, SHUT_WR);
        TURN_UNTIL(server, result.answers > 0);
        assert_error(&result, GEE_PHASE_WAIT, cases[i].reason);
        free_server(server);
    }
}

static void test_nobody_listens(void **state GEE_UNUSED) {
    server_t *server = new_server();
    result_t result;
    close(server->listener);
    server->listener = -1;
    start(server, &get, &result);
    TURN_UNTIL(server, result.answers > 0);
    assert_error(&result, GEE_PHASE_CONNECT, "Connection refused");
    server->listener = socket(AF_INET, SOCK_STREAM, 0);
    free_server(server);
}

static void test_a_server_that_says_nothing(void **state GEE_UNUSED) {
    server_t *server = new_server();
    result_t result;
    gee_http_ask_t ask = get;
    ask.timeout_ns = 30 * GEE_MILLISECOND;
    start(server, &ask, &result);
    TURN_UNTIL(server, result.answers > 0);
    assert_error(&result, GEE_PHASE_WAIT, "no response within 30ms");
    assert_true(result.error.elapsed_ns >= 30 * GEE_MILLISECOND);
    free_server(server);
}

static void test_cancelling(void **state GEE_UNUSED) {
    for (int turns = 0; turns < 6; turns++) {
        server_t *server = new_server();
        result_t result;
        gee_http_call_t *call = start(server, &get, &result);
        for (int i = 0; i < turns; i++)
            turn(server);
        gee_http_cancel(&call);
        assert_null(call);
        pump(server->fixture);
        assert_int_equal(result.answers, 0);
        free_server(server);
    }
}

static void test_requests_that_cannot_be_written(void **state GEE_UNUSED) {
    server_t *server = new_server();
    result_t result;
    gee_error_t error = { 0 };
    gee_http_header_t split = { GEE_STR("A"), GEE_STR("b\r\nC: d") };
    const gee_http_ask_t asks[] = { { .method = "GET", .target = "/a b" },
                                    { .method = "GET", .target = "/a\r\nX: y" },
                                    { .method = "GET", .target = "/", .host = "a\nb" },
                                    { .method = "GET", .target = "/", .headers = &split, .header_count = 1 } };
    for (size_t i = 0; i < GEE_LENGTH(asks); i++) {
        assert_null(gee_http_start(server->fixture->loop, NULL,
                                   gee_module_find(gee_modules, GEE_MODULE_TRANSPORT, GEE_STR("tcp")), &server->addr,
                                   &asks[i], on_answer, &result, &error));
        assert_int_equal(error.code, GEE_INVALID_ARGUMENT);
    }
    free_server(server);
}

static void test_urls(void **state GEE_UNUSED) {
    static const struct {
        const char *url, *address, *target;
    } good[] = { { "http://10.0.0.9:9999/_geerpc_/registry", "tcp@10.0.0.9:9999", "/_geerpc_/registry" },
                 { "http://example.org", "tcp@example.org:80", "/" },
                 { "http://[::1]:70/a?b", "tcp@[::1]:70", "/a?b" },
                 { "http://[::1]/", "tcp@[::1]:80", "/" } };
    static const char *const bad[] = { "https://a/",    "a",          "http://",         "http:///a", "http://a:b/",
                                       "http://u:p@a/", "http://a?b", "http://a:99999/", "" };
    gee_addr_t addr;
    gee_error_t error;
    const char *target;
    for (size_t i = 0; i < GEE_LENGTH(good); i++) {
        assert_int_equal(gee_http_parse_url(good[i].url, &addr, &target, &error), 0);
        assert_string_equal(addr.text, good[i].address);
        assert_string_equal(target, good[i].target);
    }
    for (size_t i = 0; i < GEE_LENGTH(bad); i++) {
        error.text[0] = '\0';
        if (gee_http_parse_url(bad[i], &addr, &target, &error) == 0)
            fail_msg("taken: %s", bad[i]);
        assert_true(strlen(error.text) > 0);
    }
}

/* ---- dialling http@ ---- */

typedef struct dialled {
    int count;
    gee_stream_t *stream;
    gee_error_t error;
    char received[100];
    size_t received_length;
} dialled_t;

static void on_bytes(gee_stream_t *stream, void *owner) {
    dialled_t *dialled = owner;
    gee_inbox_t *inbox = gee_stream_inbox(stream);
    size_t length = gee_inbox_length(inbox);
    assert_true(dialled->received_length + length < sizeof(dialled->received));
    memcpy(dialled->received + dialled->received_length, gee_inbox_bytes(inbox), length);
    dialled->received_length += length;
    gee_inbox_consume(inbox, length);
}
static void on_end(gee_stream_t *stream GEE_UNUSED, void *owner GEE_UNUSED) {}
static void on_failure(gee_stream_t *stream GEE_UNUSED, void *owner GEE_UNUSED, const gee_error_t *reason GEE_UNUSED) {}
static const gee_stream_events_t stream_events = { .received = on_bytes, .ended = on_end, .failed = on_failure };

static void on_dialled(void *data, gee_stream_t *stream, const gee_error_t *error) {
    dialled_t *dialled = data;
    dialled->count++;
    dialled->stream = stream;
    if (stream != NULL) {
        gee_stream_set_owner(stream, &stream_events, dialled);
        gee_stream_reread(stream);
    } else {
        dialled->error = *error;
    }
}

static gee_dial_t *dial(server_t *server, int64_t timeout_ns, dialled_t *dialled) {
    gee_error_t error = { 0 };
    memset(dialled, 0, sizeof(*dialled));
    gee_dial_t *started = gee_dial_start(
        server->fixture->loop, NULL, gee_module_find(gee_modules, GEE_MODULE_TRANSPORT, gee_str(server->addr.scheme)),
        &server->addr, NULL, timeout_ns, on_dialled, dialled, &error);
    if (started == NULL)
        fail_msg("%s", error.text);
    return started;
}

static void test_connect_as_a_client(void **state GEE_UNUSED) {
    static const struct {
        const char *format, *request;
    } addresses[] = { { "http@127.0.0.1:%u", "CONNECT /_geeprc_ HTTP/1.0\r\nHost: 127.0.0.1:%u\r\n\r\n" },
                      { "http@127.0.0.1:%u/_goRPC_", "CONNECT /_goRPC_ HTTP/1.0\r\nHost: 127.0.0.1:%u\r\n\r\n" } };
    static const char *const answers[] = { "HTTP/1.0 200 Connected to Gee RPC\n\n",
                                           "HTTP/1.0 200 Connected to Go RPC\r\n\r\n",
                                           "HTTP/1.1 200 OK\r\nVia: proxy\r\nContent-Length: 3\r\n\r\n" };
    for (size_t i = 0; i < GEE_LENGTH(answers); i++)
        for (size_t cut = 0; cut <= strlen(answers[i]) + 4; cut++) {
            server_t *server = new_server();
            dialled_t dialled;
            char answer[200], request[200];
            unsigned port = port_of(server);
            use_address(server, addresses[i % 2].format, port);
            dial(server, 10 * GEE_SECOND, &dialled);
            TURN_UNTIL(server, server->heard_length > 10);
            const char *host = strstr(addresses[i % 2].request, "%u");
            snprintf(request, sizeof(request), "%.*s%u%s", (int)(host - addresses[i % 2].request),
                     addresses[i % 2].request, port, host + 2);
            assert_string_equal(server->heard, request);
            assert_int_equal(dialled.count, 0); /* nothing is sent before the 200 */
            snprintf(answer, sizeof(answer), "%smore", answers[i]);
            assert_int_equal(write(server->peer, answer, cut), cut);
            turn(server);
            assert_int_equal(dialled.count, cut >= strlen(answers[i]));
            assert_int_equal(write(server->peer, answer + cut, strlen(answer) - cut), strlen(answer) - cut);
            TURN_UNTIL(server, dialled.received_length == 4);
            assert_int_equal(dialled.count, 1);
            assert_memory_equal(dialled.received, "more", 4);
            server->heard_length = 0;
            gee_chain_append(gee_stream_out(dialled.stream), "to you", 6);
            gee_stream_flush(dialled.stream);
            TURN_UNTIL(server, server->heard_length == 6);
            assert_string_equal(server->heard, "to you");
            gee_stream_destroy(&dialled.stream);
            free_server(server);
        }
}

static void test_connect_is_refused(void **state GEE_UNUSED) {
    static const struct {
        const char *answer, *reason;
    } cases[] = { { "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", "404 Not Found" },
                  { "HTTP/1.1 405 Method\x1bNot Allowed\r\n\r\n", "not HTTP" },
                  { "HTTP/1.0 407 Who are you\n\n", "407 Who are you" },
                  { "220 mail.example.org ESMTP\r\n", "closed the connection" },
                  { "220 mail.example.org ESMTP\r\n\r\n", "not HTTP" },
                  { "", "closed the connection" } };
    for (size_t i = 0; i < GEE_LENGTH(cases); i++) {
        server_t *server = new_server();
        dialled_t dialled;
        use_address(server, "http@127.0.0.1:%u", port_of(server));
        dial(server, 10 * GEE_SECOND, &dialled);
        TURN_UNTIL(server, server->heard_length > 10);
        say(server, cases[i].answer);
        shutdown(server->peer, SHUT_WR);
        TURN_UNTIL(server, dialled.count > 0);
        assert_null(dialled.stream);
        assert_int_equal(dialled.error.phase, GEE_PHASE_HANDSHAKE);
        if (strstr(dialled.error.text, cases[i].reason) == NULL ||
            strstr(dialled.error.text, "http@127.0.0.1:") != dialled.error.text)
            fail_msg("%s", dialled.error.text);
        free_server(server);
    }
}

static void test_connect_without_an_answer(void **state GEE_UNUSED) {
    server_t *server = new_server();
    dialled_t dialled;
    use_address(server, "http@127.0.0.1:%u", port_of(server));
    dial(server, 30 * GEE_MILLISECOND, &dialled);
    TURN_UNTIL(server, dialled.count > 0);
    assert_null(dialled.stream);
    assert_int_equal(dialled.error.phase, GEE_PHASE_HANDSHAKE);
    assert_int_equal(dialled.error.code, GEE_UNAVAILABLE);
    free_server(server);
}

static void test_a_dial_that_is_cancelled_in_its_handshake(void **state GEE_UNUSED) {
    server_t *server = new_server();
    dialled_t dialled;
    use_address(server, "http@127.0.0.1:%u", port_of(server));
    gee_dial_t *started = dial(server, 0, &dialled);
    TURN_UNTIL(server, server->heard_length > 10);
    gee_dial_cancel(&started);
    TURN_UNTIL(server, server->heard_end);
    assert_int_equal(dialled.count, 0);
    free_server(server);
}

static void test_addresses_with_paths(void **state GEE_UNUSED) {
    static const char *const bad[] = { "http@127.0.0.1", "http@127.0.0.1:99999/a", "http@127.0.0.1:80/a b",
                                       "http@127.0.0.1:80/\x7f", "http@/a" };
    const gee_transport_t *http = gee_module_find(gee_modules, GEE_MODULE_TRANSPORT, GEE_STR("http"));
    gee_addr_t addr;
    gee_error_t error;
    assert_int_equal(gee_addr_parse("http@[::1]:80/a/b", &addr, &error), 0);
    assert_int_equal(http->check(&addr, &error), 0);
    assert_true(http->numeric(&addr));
    assert_int_equal(gee_addr_parse("http@example.org:80/a", &addr, &error), 0);
    assert_int_equal(http->check(&addr, &error), 0);
    assert_false(http->numeric(&addr));
    for (size_t i = 0; i < GEE_LENGTH(bad); i++)
        if (gee_addr_parse(bad[i], &addr, &error) == 0 && http->check(&addr, &error) == 0)
            fail_msg("taken: %s", bad[i]);
}

static void test_the_path_that_a_protocol_wants(void **state GEE_UNUSED) {
    static const struct {
        const char *address, *place;
    } cases[] = { { "http@127.0.0.1:80", "127.0.0.1:80/_goRPC_" },
                  { "http@127.0.0.1:80/other", "127.0.0.1:80/other" },
                  { "tcp@127.0.0.1:80", "127.0.0.1:80" } };
    const gee_protocol_t protocol = { .name = "netrpc", .connect_path = "/_goRPC_" }, without = { .name = "geerpc" };
    for (size_t i = 0; i < GEE_LENGTH(cases); i++) {
        gee_addr_t addr;
        assert_int_equal(gee_addr_parse(cases[i].address, &addr, NULL), 0);
        gee_protocol_complete_address(&without, &addr);
        assert_string_equal(addr.place, strchr(cases[i].address, '@') + 1);
        gee_protocol_complete_address(&protocol, &addr);
        assert_string_equal(addr.place, cases[i].place);
        assert_string_equal(addr.text, cases[i].address);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_a_request_looks_like),
        cmocka_unit_test(test_responses_in_every_cut),
        cmocka_unit_test(test_responses_that_are_none),
        cmocka_unit_test(test_nobody_listens),
        cmocka_unit_test(test_a_server_that_says_nothing),
        cmocka_unit_test(test_cancelling),
        cmocka_unit_test(test_requests_that_cannot_be_written),
        cmocka_unit_test(test_urls),
        cmocka_unit_test(test_connect_as_a_client),
        cmocka_unit_test(test_connect_is_refused),
        cmocka_unit_test(test_connect_without_an_answer),
        cmocka_unit_test(test_a_dial_that_is_cancelled_in_its_handshake),
        cmocka_unit_test(test_addresses_with_paths),
        cmocka_unit_test(test_the_path_that_a_protocol_wants),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
