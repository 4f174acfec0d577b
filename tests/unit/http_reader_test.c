/* http_reader_test.c: what the reader of HTTP messages takes, what it refuses, and that cuts change nothing. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/defs.h"
#include "core/http/reader.h"

static gee_buf_cache_t *cache;
static gee_http_reader_t *reader;
static gee_http_limits_t limits;

static void new_reader(gee_http_kind_t kind) {
    gee_http_reader_destroy(&reader);
    reader = gee_http_reader_create(kind, &limits, cache);
    assert_non_null(reader);
}

static int setup(void **state) {
    (void)state;
    cache = gee_buf_cache_create(0);
    limits = GEE_HTTP_LIMITS;
    reader = NULL;
    new_reader(GEE_HTTP_REQUEST);
    return 0;
}

static int teardown(void **state) {
    (void)state;
    gee_http_reader_destroy(&reader);
    assert_int_equal(gee_buf_cache_live(cache), 0);
    gee_buf_cache_destroy(&cache);
    return 0;
}

/* Feeds pieces of at most `piece` bytes, each from memory of its own that is gone afterwards, until the message is
 * whole or refused. */
static gee_http_progress_t feed(const char *bytes, size_t length, size_t piece, size_t *used, gee_http_fault_t *fault) {
    gee_http_progress_t progress = GEE_HTTP_MORE;
    int heads = 0;
    *used = 0;
    while (progress == GEE_HTTP_MORE || progress == GEE_HTTP_HEAD) {
        size_t count = length - *used < piece ? length - *used : piece, consumed = 0;
        if (count == 0 && progress == GEE_HTTP_MORE)
            return progress;
        uint8_t *copy = malloc(count ? count : 1);
        assert_non_null(copy);
        memcpy(copy, bytes + *used, count);
        progress = gee_http_reader_take(reader, copy, count, &consumed, fault);
        free(copy);
        assert_true(consumed <= count);
        *used += consumed;
        heads += progress == GEE_HTTP_HEAD;
    }
    assert_true(heads <= 1);
    return progress;
}

static const gee_http_message_t *take_all(const char *text, size_t length, size_t piece) {
    gee_http_fault_t fault = { 0 };
    size_t used;
    gee_http_progress_t progress = feed(text, length, piece, &used, &fault);
    if (progress != GEE_HTTP_DONE)
        fail_msg("not taken (%s) in pieces of %zu: %.60s", fault.text ? fault.text : "more wanted", piece, text);
    assert_int_equal(used, length);
    return gee_http_reader_message(reader);
}

static void assert_text(gee_str_t text, const char *expected) {
    if (!gee_str_equal(text, gee_str(expected)))
        fail_msg("\"%.*s\" is not \"%s\"", GEE_STR_ARGUMENTS(text), expected);
}

#define EACH_CUT(length) for (size_t piece = 1; piece <= (length); piece++, gee_http_reader_reset(reader))

static void test_a_request_in_every_cut(void **state) {
    (void)state;
    static const char text[] =
        "GET /debug/geerpc?format=json&a=%41+b HTTP/1.1\r\nHost: here\r\nAccept:  text/html \t\r\n"
        "X-Empty:\r\n\r\n";
    EACH_CUT(sizeof(text) - 1) {
        const gee_http_message_t *message = take_all(text, sizeof(text) - 1, piece);
        assert_text(message->method, "GET");
        assert_text(message->path, "/debug/geerpc");
        assert_text(message->query, "format=json&a=%41+b");
        assert_int_equal(message->minor, 1);
        assert_int_equal(message->header_count, 3);
        assert_text(gee_http_header(message, "accept"), "text/html");
        assert_text(gee_http_header(message, "X-EMPTY"), "");
        assert_null(gee_http_header(message, "X-Absent").data);
        assert_int_equal(message->body.length, 0);
        assert_true(message->keep_alive);
        gee_pool_t *pool = gee_pool_create(256);
        assert_text(gee_http_query(message, "format", pool), "json");
        assert_text(gee_http_query(message, "a", pool), "A b");
        assert_null(gee_http_query(message, "b", pool).data);
        gee_pool_destroy(&pool);
    }
}

static void test_a_body_by_length_in_every_cut(void **state) {
    (void)state;
    static const char text[] = "POST /a HTTP/1.1\r\nHost: x\r\nContent-Length:\t 11 \t\r\nX: \t\r\n\r\nhello\0world";
    EACH_CUT(sizeof(text) - 1) {
        const gee_http_message_t *message = take_all(text, sizeof(text) - 1, piece);
        assert_int_equal(message->body.length, 11);
        assert_memory_equal(message->body.data, "hello\0world", 11);
    }
}

static void test_a_chunked_body_in_every_cut(void **state) {
    (void)state;
    static const char text[] = "POST /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
                               "5;note=1\r\nhello\r\n1\r\n,\r\nA\r\n the world\r\n0\r\nX-Trailer: 1\t\r\nX: \r\n\r\n";
    EACH_CUT(sizeof(text) - 1) {
        const gee_http_message_t *message = take_all(text, sizeof(text) - 1, piece);
        assert_int_equal(message->body.length, 16);
        assert_memory_equal(message->body.data, "hello, the world", 16);
        assert_null(gee_http_header(message, "X-Trailer").data);
    }
}

static void test_a_message_ends_where_the_next_begins(void **state) {
    (void)state;
    static const char first[] = "POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nab",
                      next[] = "GET /b HTTP/1.1\r\n";
    char both[sizeof(first) + sizeof(next)];
    gee_http_fault_t fault;
    size_t used;
    snprintf(both, sizeof(both), "%s%s", first, next);
    for (size_t piece = 1; piece < sizeof(both); piece++, gee_http_reader_reset(reader)) {
        assert_int_equal(feed(both, strlen(both), piece, &used, &fault), GEE_HTTP_DONE);
        assert_int_equal(used, sizeof(first) - 1);
    }
}

static void test_an_empty_line_in_front_is_skipped(void **state) {
    (void)state;
    gee_http_fault_t fault;
    size_t used;
    take_all("\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n", 29, 100);
    gee_http_reader_reset(reader);
    assert_int_equal(feed("\r\n\r\nGET / HTTP/1.1\r\n", 20, 100, &used, &fault), GEE_HTTP_REFUSED);
    assert_int_equal(fault.status, 400);
}

static void test_connect_takes_bare_line_feeds(void **state) {
    (void)state;
    static const char *const requests[] = { "CONNECT /_geeprc_ HTTP/1.0\n\n", "CONNECT /_goRPC_ HTTP/1.0\r\n\r\n",
                                            "CONNECT /_goRPC_ HTTP/1.1\nHost: x\r\n\n" };
    for (size_t i = 0; i < GEE_LENGTH(requests); i++) {
        size_t length = strlen(requests[i]);
        EACH_CUT(length) {
            const gee_http_message_t *message = take_all(requests[i], length, piece);
            assert_text(message->method, "CONNECT");
            assert_true(gee_str_starts_with(message->path, GEE_STR("/_g")));
        }
    }
    /* The bytes behind the empty line are the tunnel's. */
    gee_http_fault_t fault;
    size_t used;
    const char *tunnel = "CONNECT /_geeprc_ HTTP/1.0\n\n{\"MagicNumber\"";
    assert_int_equal(feed(tunnel, strlen(tunnel), 100, &used, &fault), GEE_HTTP_DONE);
    assert_int_equal(used, 28);
}

static void test_versions_and_keeping_alive(void **state) {
    (void)state;
    static const struct {
        const char *text;
        bool keep_alive;
    } cases[] = { { "GET / HTTP/1.1\r\nHost: x\r\n\r\n", true },
                  { "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", false },
                  { "GET / HTTP/1.1\r\nHost: x\r\nConnection: x, Close\r\n\r\n", false },
                  { "GET / HTTP/1.0\r\n\r\n", false },
                  { "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", true } };
    for (size_t i = 0; i < GEE_LENGTH(cases); i++, gee_http_reader_reset(reader))
        assert_int_equal(take_all(cases[i].text, strlen(cases[i].text), 100)->keep_alive, cases[i].keep_alive);
}

static void test_targets(void **state) {
    (void)state;
    static const struct {
        const char *target, *path, *query;
    } cases[] = { { "/", "/", "" },
                  { "/a/b?c", "/a/b", "c" },
                  { "http://h", "/", "" },
                  { "http://h:80/a?b?c", "/a", "b?c" },
                  { "http://h?q", "/", "q" } };
    char text[200];
    for (size_t i = 0; i < GEE_LENGTH(cases); i++, gee_http_reader_reset(reader)) {
        int length = snprintf(text, sizeof(text), "GET %s HTTP/1.1\r\nHost: h\r\n\r\n", cases[i].target);
        const gee_http_message_t *message = take_all(text, (size_t)length, 1000);
        assert_text(message->path, cases[i].path);
        assert_text(message->query, cases[i].query);
    }
}

static void test_an_upgrade_header_changes_nothing(void **state) {
    (void)state;
    static const char text[] = "POST / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
                               "Content-Length: 2\r\n\r\nab";
    EACH_CUT(sizeof(text) - 1)
    assert_int_equal(take_all(text, sizeof(text) - 1, piece)->body.length, 2);
}

/* ---- refused ---- */

#define LINE "GET / HTTP/1.1\r\nHost: x\r\n"
#define POST "POST / HTTP/1.1\r\nHost: x\r\n"
#define TE   "Transfer-Encoding: chunked\r\n"

static const struct {
    int status;
    const char *text;
    size_t length; /* 0: up to the terminator */
} refused[] = {
    /* smuggling */
    { 400, POST "Content-Length: 3\r\n" TE "\r\nabc", 0 },
    { 400, POST TE "Content-Length: 3\r\n\r\nabc", 0 },
    { 400, POST "Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd", 0 },
    { 400, POST "Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc", 0 },
    { 400, POST "Content-Length: 3, 3\r\n\r\nabc", 0 },
    { 400, POST "Content-Length: +3\r\n\r\nabc", 0 },
    { 400, POST "Content-Length: -3\r\n\r\nabc", 0 },
    { 400, POST "Content-Length: 0x3\r\n\r\nabc", 0 },
    { 400, POST "Content-Length: 3 3\r\n\r\nabc", 0 },
    { 400, POST "Content-Length:\r\n\r\nabc", 0 },
    { 400, POST "Content-Length: 99999999999999999999999\r\n\r\nabc", 0 },
    { 400, POST "Content-Length : 3\r\n\r\nabc", 0 },
    { 400, POST " Content-Length: 3\r\n\r\nabc", 0 },
    { 400, POST "X: 1\r\n folded\r\n\r\n", 0 },
    { 400, POST "X: 1\r\n\tfolded\r\n\r\n", 0 },
    { 400, POST TE TE "\r\n0\r\n\r\n", 0 },
    { 400, POST "Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n", 0 },
    { 501, POST "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", 0 },
    { 501, POST "Transfer-Encoding: identity\r\n\r\n", 0 },
    { 501, POST "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 0 },
    { 400, "POST / HTTP/1.0\r\n" TE "\r\n0\r\n\r\n", 0 },
    /* line ends */
    { 400, "GET / HTTP/1.1\nHost: x\r\n\r\n", 0 },
    { 400, "GET / HTTP/1.1\r\nHost: x\n\r\n", 0 },
    { 400, LINE "\n", 0 },
    { 400, LINE "X: a\rb\r\n\r\n", 0 },
    { 400, LINE "X: a\r\r\n\r\n", 0 },
    { 400, LINE "X: a\0b\r\n\r\n", sizeof(LINE "X: a\0b\r\n\r\n") - 1 },
    { 400, LINE "X\0: a\r\n\r\n", sizeof(LINE "X\0: a\r\n\r\n") - 1 },
    { 400, "GET /\0 HTTP/1.1\r\nHost: x\r\n\r\n", sizeof("GET /\0 HTTP/1.1\r\nHost: x\r\n\r\n") - 1 },
    { 400, LINE "X: a\x7f\r\n\r\n", 0 },
    /* header names */
    { 400, LINE ": a\r\n\r\n", 0 },
    { 400, LINE "no colon\r\n\r\n", 0 },
    { 400, LINE "a\"b: c\r\n\r\n", 0 },
    { 400, LINE "\xc3\xa4: c\r\n\r\n", 0 },
    /* first lines */
    { 400, "GET /\r\n\r\n", 0 },
    { 400, "GET  / HTTP/1.1\r\nHost: x\r\n\r\n", 0 },
    { 400, "GET / HTTP/1.1 \r\nHost: x\r\n\r\n", 0 },
    { 400, "GET\t/ HTTP/1.1\r\nHost: x\r\n\r\n", 0 },
    { 400, " GET / HTTP/1.1\r\nHost: x\r\n\r\n", 0 },
    { 400, "GET /\xc3\xa4 HTTP/1.1\r\nHost: x\r\n\r\n", 0 },
    { 400, "GET a b HTTP/1.1\r\nHost: x\r\n\r\n", 0 },
    { 400, "GET / HTTP/11\r\nHost: x\r\n\r\n", 0 },
    { 400, "GET / ICE/1.0\r\nHost: x\r\n\r\n", 0 },
    { 501, "FROB / HTTP/1.1\r\nHost: x\r\n\r\n", 0 },
    { 501, "get / HTTP/1.1\r\nHost: x\r\n\r\n", 0 },
    { 505, "GET / HTTP/2.0\r\nHost: x\r\n\r\n", 0 },
    { 505, "GET / HTTP/0.9\r\nHost: x\r\n\r\n", 0 },
    { 505, "GET / HTTP/1.2\r\nHost: x\r\n\r\n", 0 },
    { 505, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 0 },
    { 400, "GET /a#b HTTP/1.1\r\nHost: x\r\n\r\n", 0 },
    { 400, "GET http://x/a#b HTTP/1.1\r\nHost: x\r\n\r\n", 0 },
    { 400, "CONNECT /_goRPC_#b HTTP/1.0\n\n", 0 },
    /* who is meant */
    { 400, "GET / HTTP/1.1\r\nHost: a b\r\n\r\n", 0 },
    { 400, "GET / HTTP/1.1\r\nHost: a\tb\r\n\r\n", 0 },
    { 400, "GET / HTTP/1.1\r\nHost: a, b\r\n\r\n", 0 },
    { 400, "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", 0 },
    { 400, "GET / HTTP/1.1\r\nHost: u@a\r\n\r\n", 0 },
    { 400, "GET / HTTP/1.1\r\nHost: a:b\r\n\r\n", 0 },
    { 400, "GET / HTTP/1.1\r\nHost: [::1\r\n\r\n", 0 },
    { 400, "GET / HTTP/1.1\r\nHost: [::1]x\r\n\r\n", 0 },
    { 400, "GET / HTTP/1.1\r\nHost: [x]\r\n\r\n", 0 },
    { 400, "GET / HTTP/1.1\r\nHost: ::1\r\n\r\n", 0 },
    { 400, "GET / HTTP/1.1\r\nHost: :80\r\n\r\n", 0 },
    { 400, "GET / HTTP/1.0\r\nHost: a b\r\n\r\n", 0 },
    { 400, "GET http://u@x/ HTTP/1.1\r\nHost: x\r\n\r\n", 0 },
    { 400, "GET / HTTP/1.1\r\n\r\n", 0 },
    { 400, LINE "Host: y\r\n\r\n", 0 },
    /* chunks */
    { 400, POST TE "\r\nxyz\r\n", 0 },
    { 400, POST TE "\r\n-1\r\na\r\n", 0 },
    { 400, POST TE "\r\n 1\r\na\r\n0\r\n\r\n", 0 },
    { 400, POST TE "\r\n1\r\nabc\r\n0\r\n\r\n", 0 },
    { 400, POST TE "\r\n1\na\r\n0\r\n\r\n", 0 },
    { 400, POST TE "\r\n1\r\na\n0\r\n\r\n", 0 },
    { 400, POST TE "\r\nfffffffffffffffff\r\na", 0 },
    { 413, POST TE "\r\nffffffffffffffff\r\na", 0 },
    { 413, POST "Content-Length: 1048577\r\n\r\n", 0 },
    /* trailers */
    { 400, POST TE "\r\n1\r\na\r\n0\r\nX: y\n\r\n", 0 },
    { 400, POST TE "\r\n1\r\na\r\n0\r\nX: y\r\n\n", 0 },
    { 400, POST TE "\r\n1\r\na\r\n0\r\n\n", 0 },
    { 400, POST TE "\r\n1\r\na\r\n0\r\nX: y\r\n z\r\n\r\n", 0 },
    { 400, POST TE "\r\n1\r\na\r\n0\r\nX: y\r\n\tz\r\n\r\n", 0 },
    { 400, POST TE "\r\n1\r\na\r\n0\r\n X: y\r\n\r\n", 0 },
    { 400, POST TE "\r\n1\r\na\r\n0\r\nGET / HTTP/1.1\r\n\r\n", 0 },
    { 400, POST TE "\r\n1\r\na\r\n0\r\nX : y\r\n\r\n", 0 },
    { 400, POST TE "\r\n1\r\na\r\n0\r\nX: a\rb\r\n\r\n", 0 },
    /* connect */
    { 400, "CONNECT /_goRPC_ HTTP/1.0\r\nContent-Length: 3\r\n\r\nabc", 0 },
    { 400, "CONNECT /_goRPC_ HTTP/1.0\n folded\n\n", 0 },
};

static void test_what_is_refused(void **state) {
    (void)state;
    for (size_t i = 0; i < GEE_LENGTH(refused); i++) {
        size_t length = refused[i].length ? refused[i].length : strlen(refused[i].text), used;
        EACH_CUT(length) {
            gee_http_fault_t fault = { 0 };
            gee_http_progress_t progress = feed(refused[i].text, length, piece, &used, &fault);
            if (progress != GEE_HTTP_REFUSED || fault.status != refused[i].status)
                fail_msg("case %zu in pieces of %zu: progress %d, %d %s, expected %d", i, piece, (int)progress,
                         fault.status, fault.text ? fault.text : "", refused[i].status);
            assert_non_null(fault.text);
        }
    }
}

static void assert_refused(const char *text, size_t length, int status) {
    gee_http_fault_t fault = { 0 };
    size_t used;
    gee_http_reader_reset(reader);
    assert_int_equal(feed(text, length, 1000, &used, &fault), GEE_HTTP_REFUSED);
    assert_int_equal(fault.status, status);
}

static void test_limits_hold_while_bytes_come(void **state) {
    (void)state;
    char *text = malloc(100000);
    memset(text, 'a', 100000);
    memcpy(text, "GET /", 5);
    assert_refused(text, 100000, 414); /* no line end ever comes */
    memcpy(text, LINE "X: ", sizeof(LINE "X: ") - 1);
    assert_refused(text, 100000, 431);
    size_t length = (size_t)sprintf(text, LINE);
    for (int i = 0; i < 101; i++)
        length += (size_t)sprintf(text + length, "A: b\r\n");
    assert_refused(text, length, 431);
    length = (size_t)sprintf(text, LINE);
    while (length < 40000)
        length += (size_t)sprintf(text + length, "A: %01000d\r\n", 1);
    assert_refused(text, length, 431);
    free(text);
}

static void test_the_body_may_be_as_long_as_the_limit(void **state) {
    (void)state;
    limits.body = 5;
    new_reader(GEE_HTTP_REQUEST);
    take_all(POST TE "\r\n5\r\nhello\r\n0\r\n\r\n", sizeof(POST TE "\r\n5\r\nhello\r\n0\r\n\r\n") - 1, 3);
    gee_http_reader_reset(reader);
    take_all(POST "Content-Length: 5\r\n\r\nhello", sizeof(POST "Content-Length: 5\r\n\r\nhello") - 1, 3);
    assert_refused(POST "Content-Length: 6\r\n\r\n", sizeof(POST "Content-Length: 6\r\n\r\n") - 1, 413);
    assert_refused(POST TE "\r\n3\r\nhel\r\n3\r\nlo,\r\n", sizeof(POST TE "\r\n3\r\nhel\r\n3\r\nlo,\r\n") - 1, 413);
}

static void test_endless_framing_is_refused(void **state) {
    (void)state;
    size_t used, length;
    gee_http_fault_t fault;
    static const char head[] = POST TE "\r\n";
    char *text = malloc(100000);
    memset(text, 'x', 100000);
    memcpy(text, POST TE "\r\n1;", sizeof(POST TE "\r\n1;") - 1); /* an extension without end */
    assert_int_equal(feed(text, 100000, 500, &used, &fault), GEE_HTTP_REFUSED);
    assert_true(used < 40000);
    gee_http_reader_reset(reader);
    length = (size_t)sprintf(text, "%s0\r\n", head); /* trailers without end */
    while (length < 90000)
        length += (size_t)sprintf(text + length, "A: b\r\n");
    assert_int_equal(feed(text, length, 500, &used, &fault), GEE_HTTP_REFUSED);
    /* But chunks of one byte are fine. */
    gee_http_reader_reset(reader);
    length = (size_t)sprintf(text, "%s", head);
    for (int i = 0; i < 10000; i++)
        length += (size_t)sprintf(text + length, "1\r\na\r\n");
    length += (size_t)sprintf(text + length, "0\r\n\r\n");
    assert_int_equal(take_all(text, length, 500)->body.length, 10000);
    free(text);
}

static void test_expectations(void **state) {
    (void)state;
    const gee_http_message_t *message = gee_http_reader_message(reader);
    size_t used;
    gee_http_fault_t fault;
    feed(POST "Expect: 100-continue\r\nContent-Length: 3\r\n\r\n",
         sizeof(POST "Expect: 100-continue\r\nContent-Length: 3\r\n\r\n") - 1, 100, &used, &fault);
    assert_true(message->wants_continue);
    gee_http_reader_reset(reader);
    take_all(LINE "Expect: 100-continue\r\n\r\n", sizeof(LINE "Expect: 100-continue\r\n\r\n") - 1, 100);
    assert_false(message->wants_continue); /* no body comes */
    gee_http_reader_reset(reader);
    take_all(LINE "Expect: tea\r\n\r\n", sizeof(LINE "Expect: tea\r\n\r\n") - 1, 100);
    assert_true(message->unknown_expectation);
}

static void test_a_discarded_body_is_counted_only(void **state) {
    (void)state;
    size_t used;
    gee_http_fault_t fault;
    static const char head[] = POST "Content-Length: 5\r\n\r\n";
    assert_int_equal(gee_http_reader_take(reader, (const uint8_t *)head, sizeof(head) - 1, &used, &fault),
                     GEE_HTTP_HEAD);
    gee_http_reader_discard_body(reader);
    assert_int_equal(gee_http_reader_take(reader, (const uint8_t *)"hello!", 6, &used, &fault), GEE_HTTP_DONE);
    assert_int_equal(used, 5);
    assert_int_equal(gee_http_reader_message(reader)->body.length, 0);
}

/* ---- responses ---- */

static void test_responses_in_every_cut(void **state) {
    (void)state;
    static const struct {
        const char *text;
        int status;
        const char *reason, *body;
    } cases[] = { { "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi", 200, "OK", "hi" },
                  { "HTTP/1.1 404 Not Found\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nno\r\n0\r\n\r\n", 404,
                    "Not Found", "no" },
                  { "HTTP/1.1 204 No Content\r\n\r\n", 204, "No Content", "" },
                  { "HTTP/1.0 500 \r\nContent-Length: 0\r\n\r\n", 500, "", "" },
                  { "HTTP/1.1 100 Continue\r\n\r\n", 100, "Continue", "" } };
    new_reader(GEE_HTTP_RESPONSE);
    for (size_t i = 0; i < GEE_LENGTH(cases); i++) {
        size_t length = strlen(cases[i].text);
        EACH_CUT(length) {
            const gee_http_message_t *message = take_all(cases[i].text, length, piece);
            assert_int_equal(message->status, cases[i].status);
            assert_text(message->reason, cases[i].reason);
            assert_text((gee_str_t){ (const char *)message->body.data, message->body.length }, cases[i].body);
        }
    }
}

static void test_a_response_that_only_the_end_ends(void **state) {
    (void)state;
    size_t used;
    gee_http_fault_t fault;
    const char *text = "HTTP/1.0 200 OK\r\n\r\nall of it";
    new_reader(GEE_HTTP_RESPONSE);
    assert_int_equal(feed(text, strlen(text), 4, &used, &fault), GEE_HTTP_MORE);
    assert_int_equal(gee_http_reader_end(reader, &fault), GEE_HTTP_DONE);
    assert_int_equal(gee_http_reader_message(reader)->body.length, 9);
    gee_http_reader_reset(reader);
    text = "HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\ncut";
    assert_int_equal(feed(text, strlen(text), 100, &used, &fault), GEE_HTTP_MORE);
    assert_int_equal(gee_http_reader_end(reader, &fault), GEE_HTTP_REFUSED);
    gee_http_reader_reset(reader);
    assert_int_equal(gee_http_reader_end(reader, &fault), GEE_HTTP_REFUSED);
}

static void test_responses_without_body_by_their_request(void **state) {
    (void)state;
    size_t used;
    gee_http_fault_t fault;
    const char *text = "HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n";
    new_reader(GEE_HTTP_RESPONSE);
    gee_http_reader_answers_head(reader);
    assert_int_equal(feed(text, strlen(text), 3, &used, &fault), GEE_HTTP_DONE);
    gee_http_reader_reset(reader);
    gee_http_reader_answers_connect(reader);
    text = "HTTP/1.0 200 Connected to Gee RPC\n\nrest";
    for (size_t piece = 1; piece < strlen(text); piece++) {
        assert_int_equal(feed(text, strlen(text), piece, &used, &fault), GEE_HTTP_DONE);
        assert_int_equal(used, strlen(text) - 4);
        assert_text(gee_http_reader_message(reader)->reason, "Connected to Gee RPC");
        gee_http_reader_reset(reader);
        gee_http_reader_answers_connect(reader);
    }
    gee_http_reader_reset(reader); /* and only then */
    assert_int_equal(feed(text, strlen(text), 100, &used, &fault), GEE_HTTP_REFUSED);
}

static void test_preferences(void **state) {
    (void)state;
    static const struct {
        const char *accept;
        bool json;
    } cases[] = { { "application/json", true },
                  { "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", false },
                  { "*/*", false },
                  { "application/json, text/plain, */*", true },
                  { "text/html, application/json", false },
                  { "text/html;q=0.5, application/json", true },
                  { "application/json;q=0", false },
                  { "APPLICATION/JSON; q=0.2", true },
                  { "", false } };
    char text[300];
    for (size_t i = 0; i < GEE_LENGTH(cases); i++, gee_http_reader_reset(reader)) {
        int length = snprintf(text, sizeof(text), LINE "Accept: %s\r\n\r\n", cases[i].accept);
        const gee_http_message_t *message = take_all(text, (size_t)length, 1000);
        if (gee_http_prefers(message, "application/json", "text/html") != cases[i].json)
            fail_msg("Accept: %s", cases[i].accept);
    }
    assert_false(
        gee_http_prefers(take_all(LINE "\r\n", sizeof(LINE "\r\n") - 1, 100), "application/json", "text/html"));
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(test_##name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(a_request_in_every_cut),
        TEST(a_body_by_length_in_every_cut),
        TEST(a_chunked_body_in_every_cut),
        TEST(a_message_ends_where_the_next_begins),
        TEST(an_empty_line_in_front_is_skipped),
        TEST(connect_takes_bare_line_feeds),
        TEST(versions_and_keeping_alive),
        TEST(targets),
        TEST(an_upgrade_header_changes_nothing),
        TEST(what_is_refused),
        TEST(limits_hold_while_bytes_come),
        TEST(the_body_may_be_as_long_as_the_limit),
        TEST(endless_framing_is_refused),
        TEST(expectations),
        TEST(a_discarded_body_is_counted_only),
        TEST(responses_in_every_cut),
        TEST(a_response_that_only_the_end_ends),
        TEST(responses_without_body_by_their_request),
        TEST(preferences),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
