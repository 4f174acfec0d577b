/* http_server_test.c: HTTP on a listener: routes, keeping alive, later answers, refusals, time, and CONNECT. */
#include "rpc_fixture.h"
#include "core/rpc/modules.h"
#include "core/rpc/door.h"
#include "core/rpc/session_private.h"

/* ---- a module with pages ---- */

static gee_exchange_t *waiting; /* what /wait left unanswered */
static int gone_count, hurried_count;

static void say_hello(gee_exchange_t *exchange) {
    gee_http_set_type(&exchange->response, "text/plain");
    gee_http_print(&exchange->response, "hello %.*s", GEE_STR_ARGUMENTS(exchange->request->query));
    gee_exchange_answer(exchange);
}
static void echo_body(gee_exchange_t *exchange) {
    exchange->response.status = 201;
    gee_http_write(&exchange->response, exchange->request->body.data, exchange->request->body.length);
    gee_exchange_answer(exchange);
}
static void show_path(gee_exchange_t *exchange) {
    gee_http_escape(&exchange->response, exchange->request->path);
    gee_exchange_answer(exchange);
}
static void on_gone(gee_exchange_t *exchange) {
    assert_ptr_equal(exchange, waiting);
    waiting = NULL;
    gone_count++;
}
static void on_hurry(gee_exchange_t *exchange) {
    hurried_count++;
    waiting = NULL;
    gee_http_print(&exchange->response, "in a hurry");
    gee_exchange_answer(exchange);
}
static void wait_long(gee_exchange_t *exchange) {
    waiting = exchange;
    exchange->gone = on_gone;
    exchange->hurry = on_hurry;
}
static void break_header(gee_exchange_t *exchange) {
    gee_http_print(&exchange->response, "secret");
    gee_http_set_header(&exchange->response, "X-Broken", GEE_STR("a\r\nSet-Cookie: b"));
    gee_exchange_answer(exchange);
}
static void say_nothing(gee_exchange_t *exchange) {
    exchange->response.status = 204;
    gee_exchange_answer(exchange);
}
static const char *chosen_place;
static const char *place(const void *conf GEE_UNUSED) {
    return chosen_place;
}

static const gee_route_t test_routes[] = {
    { .path = "/hello", .methods = "GET", .handle = say_hello },
    { .path = "/echo", .methods = "POST PUT", .handle = echo_body },
    { .path = "/echo", .methods = "DELETE", .handle = say_nothing },
    { .path = "/tree", .methods = "GET", .flags = GEE_ROUTE_PREFIX, .handle = show_path },
    { .path = "/guarded", .methods = "GET", .flags = GEE_ROUTE_GUARDED, .handle = say_hello },
    { .path = "/wait", .methods = "GET", .handle = wait_long },
    { .path = "/broken", .methods = "GET", .handle = break_header },
    { .path = "chosen by settings", .methods = "GET", .place = place, .handle = say_hello },
    { .path = NULL },
};
static const gee_module_t test_pages = {
    .abi = GEE_MODULE_ABI, .kind = GEE_MODULE_PAGE, .name = "page_test", .interface = test_routes
};
static gee_module_entry_t table[64];

/* ---- the fixture, with that module ---- */

static int closed_count, left_count;

static void on_closed(gee_session_t *session GEE_UNUSED, void *owner GEE_UNUSED, const gee_error_t *reason GEE_UNUSED) {
    closed_count++;
}
static void on_left(void *owner GEE_UNUSED, bool became_session) {
    left_count += !became_session;
}
static const gee_session_events_t events = { .closed = on_closed };
static const gee_door_options_t door = { .events = &events, .left = on_left, .pages = true };

static fixture_t *new_fixture(const gee_limits_t *limits, const gee_timeouts_t *timeouts) {
    size_t count = 0;
    fixture_t *fixture = fixture_create(limits, timeouts);
    for (; gee_modules[count].module != NULL; count++)
        table[count] = gee_modules[count];
    assert_true(count + 2 <= GEE_LENGTH(table));
    table[count] = (gee_module_entry_t){ &test_pages, "pages of this test" };
    table[count + 1] = (gee_module_entry_t){ NULL, NULL };
    fixture->engine->modules = table;
    waiting = NULL;
    gone_count = hurried_count = closed_count = left_count = 0;
    chosen_place = NULL;
    return fixture;
}

/* The connection has ended, once, and nobody was told twice. */
static void finish_told_once(fixture_t *fixture, int peer) {
    close(peer);
    pump(fixture);
    assert_int_equal(closed_count + left_count, 1);
    fixture_destroy(fixture);
}

/* The bytes received, without the lines "Date: ...". */
static const char *without_dates(fixture_t *fixture) {
    char *date;
    while ((date = strstr(fixture->got, "Date: ")) != NULL) {
        char *end = strstr(date, "\r\n") + 2;
        assert_int_equal(end - date, strlen("Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n"));
        memmove(date, end, strlen(end) + 1);
    }
    return fixture->got;
}
#define assert_got(fixture, text) assert_string_equal(without_dates(fixture), text)

static void assert_starts(fixture_t *fixture, const char *text) {
    if (strncmp(fixture->got, text, strlen(text)) != 0)
        fail_msg("\"%.100s\" does not start with \"%s\"", fixture->got, text);
}

#define GET(target) "GET " target " HTTP/1.1\r\nHost: localhost\r\n\r\n"

static const char three[] =
    GET("/hello?a") "POST /echo HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
                    "3\r\none\r\n4\r\n two\r\n0\r\n\r\n" GET("/tree/%3Cb%3E?x");
#define THREE                                                                                                          \
    "HTTP/1.1 200 OK\r\nContent-Length: 7\r\nContent-Type: text/plain\r\n\r\nhello a"                                  \
    "HTTP/1.1 201 Created\r\nContent-Length: 7\r\n\r\none two"                                                         \
    "HTTP/1.1 200 OK\r\nContent-Length: 13\r\n\r\n/tree/%3Cb%3E"

static void test_pipelined_requests_in_every_cut(void **state GEE_UNUSED) {
    for (size_t cut = 0; cut < sizeof(three); cut++) {
        fixture_t *fixture = new_fixture(NULL, NULL);
        int peer = fixture_connect_to(fixture, &door);
        peer_write(fixture, peer, three, cut);
        peer_write(fixture, peer, three + cut, sizeof(three) - 1 - cut);
        pump(fixture);
        peer_read(fixture, peer);
        assert_got(fixture, THREE);
        assert_false(fixture->got_end);
        finish_told_once(fixture, peer);
    }
}

static void test_byte_by_byte(void **state GEE_UNUSED) {
    fixture_t *fixture = new_fixture(NULL, NULL);
    int peer = fixture_connect_to(fixture, &door);
    for (size_t i = 0; i < sizeof(three) - 1; i++)
        peer_write(fixture, peer, three + i, 1);
    assert_got(fixture, THREE);
    finish_told_once(fixture, peer);
}

static void test_answers_and_whether_the_connection_stays(void **state GEE_UNUSED) {
    static const struct {
        const char *request, *response;
        bool end;
    } cases[] = {
        { "HEAD /hello HTTP/1.1\r\nHost: localhost\r\n\r\n",
          "HTTP/1.1 200 OK\r\nContent-Length: 6\r\nContent-Type: text/plain\r\n\r\n", false },
        { GET("/nowhere"),
          "HTTP/1.1 404 Not Found\r\nContent-Length: 37\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n"
          "404 Not Found: there is nothing here\n",
          false },
        { GET("/echo"),
          "HTTP/1.1 405 Method Not Allowed\r\nContent-Length: 23\r\nContent-Type: text/plain; charset=utf-8\r\n"
          "Allow: POST, PUT, DELETE\r\n\r\n405 Method Not Allowed\n",
          false },
        { "HEAD /nowhere HTTP/1.1\r\nHost: localhost\r\n\r\n",
          "HTTP/1.1 404 Not Found\r\nContent-Length: 37\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n", false },
        { "POST /nowhere HTTP/1.1\r\nHost: localhost\r\nContent-Length: 39\r\n\r\nGET /hello "
          "HTTP/1.1\r\nHost:localhost\r\n\r\n",
          "HTTP/1.1 404 Not Found\r\nContent-Length: 37\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n"
          "404 Not Found: there is nothing here\n",
          false },
        { "DELETE /echo HTTP/1.1\r\nHost: localhost\r\n\r\n", "HTTP/1.1 204 No Content\r\n\r\n", false },
        { GET("/tree"), "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n/tree", false },
        { GET("/trees"),
          "HTTP/1.1 404 Not Found\r\nContent-Length: 37\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n"
          "404 Not Found: there is nothing here\n",
          false },
        { "GET /tree HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
          "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\n/tree", true },
        { "GET /tree HTTP/1.0\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\n/tree",
          true },
        { "GET /tree HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
          "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: keep-alive\r\n\r\n/tree", false },
        { GET("/broken"),
          "HTTP/1.1 500 Internal Server Error\r\nContent-Length: 26\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n"
          "500 Internal Server Error\n",
          false },
    };
    for (size_t i = 0; i < GEE_LENGTH(cases); i++) {
        fixture_t *fixture = new_fixture(NULL, NULL);
        int peer = fixture_connect_to(fixture, &door);
        peer_says(fixture, peer, cases[i].request);
        assert_got(fixture, cases[i].response);
        assert_int_equal(fixture->got_end, cases[i].end);
        if (!cases[i].end) { /* and the next request is understood */
            fixture->got_length = 0;
            peer_says(fixture, peer, GET("/tree/next"));
            assert_got(fixture, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n/tree/next");
        }
        finish_told_once(fixture, peer);
    }
}

/* A request that may be understood in two ways is answered and ends the connection, with a line in the log; bytes
 * behind it are not taken for a request. */
static void test_what_ends_the_connection(void **state GEE_UNUSED) {
    static const struct {
        const char *request;
        int status;
    } cases[] = {
        { "POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n", 400 },
        { "GET /hello HTTP/1.1\nHost: x\n\n", 400 },
        { "GET /hello HTTP/1.1\r\nHost: localhost\r\nA: b\r\n c\r\n\r\n", 400 },
        { "GET /hello HTTP/1.1\r\n\r\n", 400 },
        { "GET /hello HTTP/3.0\r\nHost: localhost\r\n\r\n", 505 },
        { "FROB /hello HTTP/1.1\r\nHost: localhost\r\n\r\n", 501 },
        { "POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5000000\r\n\r\n", 413 },
        { "POST /echo HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", 400 },
        { "POST /nowhere HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", 400 },
    };
    for (size_t i = 0; i < GEE_LENGTH(cases); i++) {
        fixture_t *fixture = new_fixture(NULL, NULL);
        int peer = fixture_connect_to(fixture, &door);
        char text[400], status[32];
        snprintf(text, sizeof(text), "%s" GET("/hello?smuggled"), cases[i].request);
        snprintf(status, sizeof(status), "HTTP/1.1 %d ", cases[i].status);
        peer_says(fixture, peer, text);
        assert_starts(fixture, status);
        assert_non_null(strstr(fixture->got, "Connection: close\r\n"));
        assert_null(strstr(fixture->got, "smuggled"));
        assert_non_null(strstr(fixture->log_text, "HTTP: "));
        assert_true(fixture->got_end);
        finish_told_once(fixture, peer);
    }
}

static void test_endless_lines_are_answered(void **state GEE_UNUSED) {
    static const int statuses[] = { 414, 431 };
    static const char *const starts[] = { "GET /", "GET / HTTP/1.1\r\nHost: localhost\r\nA: " };
    for (size_t i = 0; i < GEE_LENGTH(starts); i++) {
        fixture_t *fixture = new_fixture(NULL, NULL);
        int peer = fixture_connect_to(fixture, &door);
        char status[32], filler[1000];
        memset(filler, 'a', sizeof(filler));
        snprintf(status, sizeof(status), "HTTP/1.1 %d ", statuses[i]);
        peer_says(fixture, peer, starts[i]);
        for (int j = 0; j < 9; j++)
            peer_write(fixture, peer, filler, sizeof(filler));
        pump(fixture);
        peer_read(fixture, peer);
        assert_starts(fixture, status);
        finish_told_once(fixture, peer);
    }
}

static void test_expect_continue(void **state GEE_UNUSED) {
    fixture_t *fixture = new_fixture(NULL, NULL);
    int peer = fixture_connect_to(fixture, &door);
    peer_says(fixture, peer,
              "POST /echo HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n");
    assert_string_equal(fixture->got, "HTTP/1.1 100 Continue\r\n\r\n");
    fixture->got_length = 0;
    peer_says(fixture, peer, "abc");
    assert_got(fixture, "HTTP/1.1 201 Created\r\nContent-Length: 3\r\n\r\nabc");
    assert_false(fixture->got_end);
    /* A refusal comes before the body, which then may come or not. */
    fixture->got_length = 0;
    peer_says(fixture, peer,
              "POST /nowhere HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n");
    assert_starts(fixture, "HTTP/1.1 404 Not Found\r\n");
    assert_non_null(strstr(fixture->got, "Connection: close\r\n"));
    assert_true(fixture->got_end);
    finish_told_once(fixture, peer);
}

static void test_an_unknown_expectation(void **state GEE_UNUSED) {
    fixture_t *fixture = new_fixture(NULL, NULL);
    int peer = fixture_connect_to(fixture, &door);
    peer_says(fixture, peer, "GET /hello HTTP/1.1\r\nHost: localhost\r\nExpect: tea\r\n\r\n");
    assert_starts(fixture, "HTTP/1.1 417 Expectation Failed\r\n");
    finish_told_once(fixture, peer);
}

/* ---- later ---- */

static void test_an_answer_later_keeps_the_order(void **state GEE_UNUSED) {
    fixture_t *fixture = new_fixture(NULL, NULL);
    int peer = fixture_connect_to(fixture, &door);
    peer_says(fixture, peer, GET("/wait") GET("/tree/a"));
    assert_int_equal(fixture->got_length, 0);
    assert_non_null(waiting);
    peer_says(fixture, peer, GET("/tree/b"));
    assert_int_equal(fixture->got_length, 0);
    assert_string_equal(waiting->peer, "unix@");
    gee_http_print(&waiting->response, "done");
    gee_exchange_answer(waiting);
    pump(fixture);
    peer_read(fixture, peer);
    assert_got(fixture, "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ndone"
                        "HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n/tree/a"
                        "HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n/tree/b");
    assert_int_equal(gone_count, 0);
    finish_told_once(fixture, peer);
}

static void test_a_client_that_leaves_is_told_to_the_handler(void **state GEE_UNUSED) {
    fixture_t *fixture = new_fixture(NULL, NULL);
    int peer = fixture_connect_to(fixture, &door);
    peer_says(fixture, peer, GET("/wait"));
    assert_non_null(waiting);
    close(peer);
    pump(fixture);
    assert_int_equal(gone_count, 1);
    assert_int_equal(closed_count, 1);
    fixture_destroy(fixture);
}

static gee_session_t *only_session(fixture_t *fixture) {
    assert_int_equal(fixture->engine->session_count, 1);
    return GEE_CONTAINER(gee_list_first(&fixture->engine->sessions), gee_session_t, link);
}

static void test_a_drain_hurries_what_waits(void **state GEE_UNUSED) {
    fixture_t *fixture = new_fixture(NULL, NULL);
    int peer = fixture_connect_to(fixture, &door);
    peer_says(fixture, peer, GET("/wait"));
    gee_session_drain(only_session(fixture));
    pump(fixture);
    peer_read(fixture, peer);
    assert_int_equal(hurried_count, 1);
    assert_got(fixture, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\nConnection: close\r\n\r\nin a hurry");
    assert_true(fixture->got_end);
    finish_told_once(fixture, peer);
}

static void test_a_drain_closes_what_is_idle_and_answers_what_was_begun(void **state GEE_UNUSED) {
    fixture_t *fixture = new_fixture(NULL, NULL);
    int peer = fixture_connect_to(fixture, &door);
    peer_says(fixture, peer, "GET /tree HTTP/1.1\r\nHo");
    gee_session_drain(only_session(fixture));
    peer_says(fixture, peer, "st: localhost\r\n\r\n");
    assert_got(fixture, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\n/tree");
    assert_true(fixture->got_end);
    finish_told_once(fixture, peer);
    fixture = new_fixture(NULL, NULL);
    peer = fixture_connect_to(fixture, &door);
    peer_says(fixture, peer, GET("/tree"));
    gee_session_drain(only_session(fixture));
    pump(fixture);
    peer_read(fixture, peer);
    assert_true(fixture->got_end);
    finish_told_once(fixture, peer);
}

static void test_a_client_that_does_not_read_is_not_read(void **state GEE_UNUSED) {
    gee_limits_t limits = { .message = 1 << 20, .call_memory = 1 << 20, .nesting = 10, .calls = 10, .output = 65536 };
    fixture_t *fixture = new_fixture(&limits, NULL);
    int peer = fixture_connect_to(fixture, &door);
    static const char request[] = GET("/hello");
    size_t sent = 0;
    for (int i = 0; i < 200000; i++) { /* never reads: the socket fills in both directions */
        ssize_t n = write(peer, request, sizeof(request) - 1);
        if (n != (ssize_t)sizeof(request) - 1)
            break;
        sent += (size_t)n;
        assert_int_equal(gee_loop_once(fixture->loop, 0), 0);
    }
    assert_true(sent < 20000 * sizeof(request));
    assert_true(gee_stream_queued(only_session(fixture)->stream) < 4 * limits.output);
    finish_told_once(fixture, peer);
}

/* ---- time ---- */

static gee_timeouts_t short_times(int64_t handshake, int64_t read, int64_t keep_alive) {
    return (gee_timeouts_t){ .handshake = handshake, .read = read, .keep_alive = keep_alive };
}

static void test_a_first_request_that_never_ends(void **state GEE_UNUSED) {
    gee_timeouts_t times = short_times(50 * GEE_MILLISECOND, 0, 0);
    fixture_t *fixture = new_fixture(NULL, &times);
    int peer = fixture_connect_to(fixture, &door);
    int64_t give_up = gee_clock_monotonic() + 5 * GEE_SECOND;
    peer_says(fixture, peer, "GET /hello HTTP/1.1\r\nHost: localhost\r\nA: ");
    while (!fixture->got_end && gee_clock_monotonic() < give_up) { /* a byte now and then does not help */
        gee_loop_once(fixture->loop, 5 * GEE_MILLISECOND);
        peer_write(fixture, peer, "a", 1);
    }
    assert_true(fixture->got_end);
    assert_non_null(strstr(fixture->log_text, "timeouts.handshake"));
    finish_told_once(fixture, peer);
}

static void test_a_body_that_never_ends(void **state GEE_UNUSED) {
    gee_timeouts_t times = short_times(5 * GEE_SECOND, 50 * GEE_MILLISECOND, 0);
    fixture_t *fixture = new_fixture(NULL, &times);
    int peer = fixture_connect_to(fixture, &door);
    int64_t give_up = gee_clock_monotonic() + 5 * GEE_SECOND;
    peer_says(fixture, peer, "POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000\r\n\r\n");
    while (!fixture->got_end && gee_clock_monotonic() < give_up) {
        gee_loop_once(fixture->loop, 5 * GEE_MILLISECOND);
        peer_write(fixture, peer, "a", 1);
    }
    assert_true(fixture->got_end);
    assert_starts(fixture, "HTTP/1.1 408 Request Timeout\r\n");
    assert_non_null(strstr(fixture->log_text, "timeouts.read"));
    finish_told_once(fixture, peer);
}

static void test_an_idle_connection_is_closed(void **state GEE_UNUSED) {
    gee_timeouts_t times = short_times(5 * GEE_SECOND, 5 * GEE_SECOND, 20 * GEE_MILLISECOND);
    fixture_t *fixture = new_fixture(NULL, &times);
    int peer = fixture_connect_to(fixture, &door);
    peer_says(fixture, peer, GET("/tree"));
    wait_for(fixture, peer, SIZE_MAX);
    assert_true(fixture->got_end);
    assert_starts(fixture, "HTTP/1.1 200 OK\r\n");
    finish_told_once(fixture, peer);
}

static void test_a_waiting_answer_is_not_idle(void **state GEE_UNUSED) {
    gee_timeouts_t times = short_times(5 * GEE_SECOND, 10 * GEE_MILLISECOND, 10 * GEE_MILLISECOND);
    times.idle = 10 * GEE_MILLISECOND;
    fixture_t *fixture = new_fixture(NULL, &times);
    int peer = fixture_connect_to(fixture, &door);
    int64_t end = gee_clock_monotonic() + 60 * GEE_MILLISECOND;
    peer_says(fixture, peer, GET("/wait") "GET /he"); /* what was begun behind it does not count either */
    while (gee_clock_monotonic() < end)
        gee_loop_once(fixture->loop, 5 * GEE_MILLISECOND);
    peer_read(fixture, peer);
    assert_false(fixture->got_end);
    assert_non_null(waiting);
    gee_exchange_answer(waiting);
    finish_told_once(fixture, peer);
}

/* ---- guarded, chosen ---- */

static void test_guarded_routes_and_listeners(void **state GEE_UNUSED) {
    gee_door_options_t elsewhere = door;
    elsewhere.pages = false;
    fixture_t *fixture = new_fixture(NULL, NULL);
    int peer = fixture_connect_to(fixture, &elsewhere);
    peer_says(fixture, peer, GET("/guarded"));
    assert_starts(fixture, "HTTP/1.1 404 ");
    fixture->got_length = 0;
    peer_says(fixture, peer, "POST /guarded HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n");
    assert_starts(fixture, "HTTP/1.1 404 "); /* not 405: that would tell */
    fixture->got_length = 0;
    peer_says(fixture, peer, GET("/hello"));
    assert_starts(fixture, "HTTP/1.1 200 ");
    finish_told_once(fixture, peer);
    fixture = new_fixture(NULL, NULL);
    peer = fixture_connect_to(fixture, &door);
    peer_says(fixture, peer, GET("/guarded"));
    assert_starts(fixture, "HTTP/1.1 200 ");
    finish_told_once(fixture, peer);
}

static void test_a_path_that_settings_choose(void **state GEE_UNUSED) {
    fixture_t *fixture = new_fixture(NULL, NULL);
    int peer = fixture_connect_to(fixture, &door);
    peer_says(fixture, peer, GET("/here"));
    assert_starts(fixture, "HTTP/1.1 404 ");
    chosen_place = "/here";
    fixture->got_length = 0;
    peer_says(fixture, peer, GET("/here"));
    assert_starts(fixture, "HTTP/1.1 200 ");
    finish_told_once(fixture, peer);
}

static void test_routes_are_checked_at_start(void **state GEE_UNUSED) {
    static const gee_route_t defects[][2] = {
        { { .path = "/a", .methods = "GET" }, { .path = NULL } },
        { { .path = "/a", .handle = say_hello }, { .path = NULL } },
        { { .path = "a", .methods = "GET", .handle = say_hello }, { .path = NULL } },
        { { .path = "/a", .methods = "GET", .handle = say_hello, .upgrade = "x" }, { .path = NULL } },
    };
    gee_error_t error;
    assert_int_equal(gee_rpc_check_modules((gee_module_entry_t[]){ { &test_pages, "" }, { NULL, NULL } }, &error), 0);
    for (size_t i = 0; i < GEE_LENGTH(defects); i++) {
        gee_module_t module = test_pages;
        module.interface = defects[i];
        assert_int_equal(gee_rpc_check_modules((gee_module_entry_t[]){ { &module, "" }, { NULL, NULL } }, &error), -1);
        assert_non_null(strstr(error.text, "module page_test: route"));
    }
}

/* ---- CONNECT ---- */

#define CALL_1  "{\"ServiceMethod\":\"Test.Multiply\",\"Seq\":1}{\"A\":7,\"B\":8}"
#define REPLY_1 "{\"ServiceMethod\":\"Test.Multiply\",\"Seq\":1,\"Error\":\"\"}\n56\n"
#define GEE_200 "HTTP/1.0 200 Connected to Gee RPC\r\n\r\n"
#define GO_200  "HTTP/1.0 200 Connected to Go RPC\r\n\r\n"

static void test_connect_in_every_cut(void **state GEE_UNUSED) {
    static const struct {
        const char *request, *answer;
    } cases[] = { { "CONNECT /_geeprc_ HTTP/1.0\n\n", GEE_200 },
                  { "CONNECT /_geerpc_ HTTP/1.0\r\n\r\n", GEE_200 },
                  { "CONNECT /_goRPC_ HTTP/1.1\r\nHost: localhost\r\n\r\n", GO_200 } };
    for (size_t i = 0; i < GEE_LENGTH(cases); i++) {
        char text[400], answer[400];
        int length = snprintf(text, sizeof(text), "%s" OPTION_JSON CALL_1, cases[i].request);
        snprintf(answer, sizeof(answer), "%s" REPLY_1, cases[i].answer);
        for (int cut = 0; cut <= length; cut++) {
            fixture_t *fixture = new_fixture(NULL, NULL);
            int peer = fixture_connect_to(fixture, &door);
            peer_write(fixture, peer, text, (size_t)cut);
            peer_write(fixture, peer, text + cut, (size_t)(length - cut));
            pump(fixture);
            peer_read(fixture, peer);
            assert_string_equal(fixture->got, answer);
            assert_int_equal(closed_count + left_count, 0); /* still one connection */
            finish_told_once(fixture, peer);
        }
    }
}

static void test_a_client_that_waits_for_the_200(void **state GEE_UNUSED) {
    fixture_t *fixture = new_fixture(NULL, NULL);
    int peer = fixture_connect_to(fixture, &door);
    peer_says(fixture, peer, "CONNECT /_geeprc_ HTTP/1.0\n\n");
    assert_string_equal(fixture->got, GEE_200);
    peer_says(fixture, peer, OPTION_JSON);
    assert_string_equal(fixture->got, GEE_200); /* a server never speaks first */
    peer_says(fixture, peer, CALL_1);
    assert_string_equal(fixture->got, GEE_200 REPLY_1);
    finish_told_once(fixture, peer);
}

static void test_connect_behind_other_requests(void **state GEE_UNUSED) {
    fixture_t *fixture = new_fixture(NULL, NULL);
    int peer = fixture_connect_to(fixture, &door);
    peer_says(fixture, peer, GET("/tree") "CONNECT /_goRPC_ HTTP/1.0\r\n\r\n" OPTION_JSON CALL_1);
    assert_got(fixture, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n/tree" GO_200 REPLY_1);
    finish_told_once(fixture, peer);
}

static void test_a_client_that_ends_its_side_at_once(void **state GEE_UNUSED) {
    fixture_t *fixture = new_fixture(NULL, NULL);
    int peer = fixture_connect_to(fixture, &door);
    static const char text[] = "CONNECT /_geeprc_ HTTP/1.0\n\n" OPTION_JSON CALL_1;
    assert_int_equal(write(peer, text, sizeof(text) - 1), sizeof(text) - 1);
    shutdown(peer, SHUT_WR);
    wait_for(fixture, peer, SIZE_MAX);
    assert_string_equal(fixture->got, GEE_200 REPLY_1);
    assert_true(fixture->got_end);
    finish_told_once(fixture, peer);
}

static void test_other_methods_on_those_paths(void **state GEE_UNUSED) {
    static const char *const paths[] = { "/_geeprc_", "/_geerpc_", "/_goRPC_" };
    for (size_t i = 0; i < GEE_LENGTH(paths); i++) {
        fixture_t *fixture = new_fixture(NULL, NULL);
        int peer = fixture_connect_to(fixture, &door);
        char request[100];
        snprintf(request, sizeof(request), "GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n", paths[i]);
        peer_says(fixture, peer, request);
        assert_got(fixture, "HTTP/1.1 405 Method Not Allowed\r\nContent-Length: 17\r\n"
                            "Content-Type: text/plain; charset=utf-8\r\nAllow: CONNECT\r\n\r\n405 must CONNECT\n");
        finish_told_once(fixture, peer);
    }
}

static void test_connect_elsewhere_is_refused_and_closed(void **state GEE_UNUSED) {
    static const char *const requests[] = { "CONNECT /nowhere HTTP/1.0\n\n",
                                            "CONNECT example.org:443 HTTP/1.1\r\nHost: example.org:443\r\n\r\n",
                                            "CONNECT /hello HTTP/1.0\r\n\r\n" };
    static const int statuses[] = { 404, 404, 405 };
    for (size_t i = 0; i < GEE_LENGTH(requests); i++) {
        fixture_t *fixture = new_fixture(NULL, NULL);
        int peer = fixture_connect_to(fixture, &door);
        char text[200], status[32];
        snprintf(text, sizeof(text), "%s" GET("/tree"), requests[i]);
        snprintf(status, sizeof(status), "HTTP/1.1 %d ", statuses[i]);
        peer_says(fixture, peer, text);
        assert_starts(fixture, status);
        assert_null(strstr(fixture->got, "200"));
        assert_true(fixture->got_end);
        finish_told_once(fixture, peer);
    }
}

static void test_a_tunnel_in_a_tunnel_is_refused(void **state GEE_UNUSED) {
    fixture_t *fixture = new_fixture(NULL, NULL);
    int peer = fixture_connect_to(fixture, &door);
    peer_says(fixture, peer, "CONNECT /_geeprc_ HTTP/1.0\n\nCONNECT /_geeprc_ HTTP/1.0\n\n");
    assert_starts(fixture, GEE_200 "HTTP/1.1 400 Bad Request\r\n");
    assert_true(fixture->got_end);
    finish_told_once(fixture, peer);
}

static void test_rubbish_in_a_tunnel(void **state GEE_UNUSED) {
    fixture_t *fixture = new_fixture(NULL, NULL);
    int peer = fixture_connect_to(fixture, &door);
    peer_says(fixture, peer, "CONNECT /_geeprc_ HTTP/1.0\n\n\x05\x05");
    assert_true(fixture->got_end);
    assert_non_null(strstr(fixture->log_text, "refused"));
    finish_told_once(fixture, peer);
}

/* The handshake runs from the accept: CONNECT does not give it more time. */
static void test_the_handshake_goes_on_in_a_tunnel(void **state GEE_UNUSED) {
    gee_timeouts_t times = short_times(60 * GEE_MILLISECOND, 0, 0);
    fixture_t *fixture = new_fixture(NULL, &times);
    int peer = fixture_connect_to(fixture, &door);
    int64_t begun = gee_clock_monotonic();
    while (gee_clock_monotonic() < begun + 40 * GEE_MILLISECOND)
        gee_loop_once(fixture->loop, GEE_MILLISECOND);
    peer_says(fixture, peer, "CONNECT /_geeprc_ HTTP/1.0\n\n");
    assert_true(gee_loop_next_timer(fixture->loop) <= 20 * GEE_MILLISECOND);
    wait_for(fixture, peer, SIZE_MAX);
    assert_true(fixture->got_end);
    assert_string_equal(fixture->got, GEE_200);
    assert_non_null(strstr(fixture->log_text, "timeouts.handshake"));
    assert_int_equal(left_count, 1);
    finish_told_once(fixture, peer);
}

/* But a connection that was HTTP for long has its handshake before it. */
static void test_a_tunnel_after_a_long_life(void **state GEE_UNUSED) {
    gee_timeouts_t times = short_times(300 * GEE_MILLISECOND, 0, 0);
    fixture_t *fixture = new_fixture(NULL, &times);
    int peer = fixture_connect_to(fixture, &door);
    peer_says(fixture, peer, GET("/tree"));
    int64_t end = gee_clock_monotonic() + 310 * GEE_MILLISECOND;
    while (gee_clock_monotonic() < end)
        gee_loop_once(fixture->loop, 5 * GEE_MILLISECOND);
    fixture->got_length = 0;
    peer_says(fixture, peer, "CONNECT /_geeprc_ HTTP/1.0\n\n");
    peer_says(fixture, peer, OPTION_JSON CALL_1);
    assert_string_equal(fixture->got, GEE_200 REPLY_1);
    finish_told_once(fixture, peer);
}

static void test_the_engine_ends_with_tunnels_and_waiting_answers(void **state GEE_UNUSED) {
    fixture_t *fixture = new_fixture(NULL, NULL);
    int tunnel = fixture_connect_to(fixture, &door), waiter = fixture_connect_to(fixture, &door);
    peer_says(fixture, tunnel, "CONNECT /_geeprc_ HTTP/1.0\n\n");
    peer_says(fixture, waiter, GET("/wait"));
    fixture_destroy(fixture);
    assert_int_equal(gone_count, 1);
    close(tunnel);
    close(waiter);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pipelined_requests_in_every_cut),
        cmocka_unit_test(test_byte_by_byte),
        cmocka_unit_test(test_answers_and_whether_the_connection_stays),
        cmocka_unit_test(test_what_ends_the_connection),
        cmocka_unit_test(test_endless_lines_are_answered),
        cmocka_unit_test(test_expect_continue),
        cmocka_unit_test(test_an_unknown_expectation),
        cmocka_unit_test(test_an_answer_later_keeps_the_order),
        cmocka_unit_test(test_a_client_that_leaves_is_told_to_the_handler),
        cmocka_unit_test(test_a_drain_hurries_what_waits),
        cmocka_unit_test(test_a_drain_closes_what_is_idle_and_answers_what_was_begun),
        cmocka_unit_test(test_a_client_that_does_not_read_is_not_read),
        cmocka_unit_test(test_a_first_request_that_never_ends),
        cmocka_unit_test(test_a_body_that_never_ends),
        cmocka_unit_test(test_an_idle_connection_is_closed),
        cmocka_unit_test(test_a_waiting_answer_is_not_idle),
        cmocka_unit_test(test_guarded_routes_and_listeners),
        cmocka_unit_test(test_a_path_that_settings_choose),
        cmocka_unit_test(test_routes_are_checked_at_start),
        cmocka_unit_test(test_connect_in_every_cut),
        cmocka_unit_test(test_a_client_that_waits_for_the_200),
        cmocka_unit_test(test_connect_behind_other_requests),
        cmocka_unit_test(test_a_client_that_ends_its_side_at_once),
        cmocka_unit_test(test_other_methods_on_those_paths),
        cmocka_unit_test(test_connect_elsewhere_is_refused_and_closed),
        cmocka_unit_test(test_a_tunnel_in_a_tunnel_is_refused),
        cmocka_unit_test(test_rubbish_in_a_tunnel),
        cmocka_unit_test(test_the_handshake_goes_on_in_a_tunnel),
        cmocka_unit_test(test_a_tunnel_after_a_long_life),
        cmocka_unit_test(test_the_engine_ends_with_tunnels_and_waiting_answers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
