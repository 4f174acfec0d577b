/* http_guard_test.c: which requests a web page of somebody else cannot have sent. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include <gee.h>

static const char *const names[] = { "rpc.example.org", "Gate" };
static const gee_http_hosts_t hosts = { .items = names, .count = GEE_LENGTH(names) };

/* 0: it passes; 400: it cannot be read. */
static int answer_to(const char *request) {
    gee_http_limits_t limits = GEE_HTTP_LIMITS;
    gee_buf_cache_t *cache = gee_buf_cache_create(0);
    gee_http_reader_t *reader = gee_http_reader_create(GEE_HTTP_REQUEST, &limits, cache);
    gee_http_fault_t fault = { 0 };
    size_t used;
    int status = 0;
    if (gee_http_reader_take(reader, (const uint8_t *)request, strlen(request), &used, &fault) != GEE_HTTP_HEAD)
        status = fault.status;
    else if (!gee_http_guard(gee_http_reader_message(reader), hosts, &fault))
        status = fault.status;
    if (status == 421 || (status == 403 && strstr(fault.text, "Origin") == NULL))
        assert_non_null(strstr(fault.text, "http.hosts"));
    gee_http_reader_destroy(&reader);
    gee_buf_cache_destroy(&cache);
    return status;
}

typedef struct expectation {
    int status;
    const char *request; /* without the empty line */
} expectation_t;

static void check(const expectation_t *cases, size_t count) {
    char request[400];
    for (size_t i = 0; i < count; i++) {
        snprintf(request, sizeof(request), "%s\r\n\r\n", cases[i].request);
        int status = answer_to(request);
        if (status != cases[i].status)
            fail_msg("%s: %d, expected %d", cases[i].request, status, cases[i].status);
    }
}
#define CHECK(cases) check(cases, GEE_LENGTH(cases))

#define GET    "GET / HTTP/1.1\r\nHost: "
#define POST   "POST / HTTP/1.1\r\nHost: "
#define ORIGIN "\r\nOrigin: "

static void test_by_which_name(void **state GEE_UNUSED) {
    static const expectation_t cases[] = {
        { 0, GET "127.0.0.1" },
        { 0, GET "127.0.0.1:9999" },
        { 0, GET "203.0.113.9:80" },
        { 0, GET "[::1]" },
        { 0, GET "[::1]:9999" },
        { 0, GET "[2001:DB8::9]:1" },
        { 0, GET "localhost" },
        { 0, GET "LocalHost:9999" },
        { 0, GET "localhost.:9999" },
        { 0, GET "rpc.example.org" },
        { 0, GET "RPC.Example.org:443" },
        { 0, GET "rpc.example.org.:443" },
        { 0, GET "gate" },
        { 421, GET "evil.example" },
        { 421, GET "evil.example:9999" },
        { 421, GET "127.0.0.1.evil.example" },
        { 421, GET "127.0.0.1.:9999" }, /* a name: what the address is by then, nobody knows */
        { 421, GET "localhost.evil.example" },
        { 421, GET "evil.localhost" },
        { 421, GET "evil.rpc.example.org" },
        { 421, GET "rpc.example.org.evil.example" },
        { 421, GET "rpc.example.org.." },
        { 421, GET "xrpc.example.org" },
        { 421, GET "2130706433" },
        { 421, GET "0x7f.1" },
        { 421, GET "127.1" },
        { 421, "HEAD / HTTP/1.1\r\nHost: evil.example" },
        { 421, "GET / HTTP/1.0\r\nHost: evil.example" },
        { 403, POST "evil.example" },
        { 403, "DELETE / HTTP/1.1\r\nHost: evil.example" },
        { 0, POST "rpc.example.org" },
    };
    CHECK(cases);
}

static void test_absolute_targets(void **state GEE_UNUSED) {
    static const expectation_t cases[] = {
        { 0, "GET http://127.0.0.1:9999/ HTTP/1.1\r\nHost: 127.0.0.1:9999" },
        { 0, "GET https://rpc.example.org/ HTTP/1.1\r\nHost: rpc.example.org" },
        { 421, "GET http://evil.example/ HTTP/1.1\r\nHost: 127.0.0.1" },
        { 421, "GET https://evil.example/ HTTP/1.1\r\nHost: 127.0.0.1" },
        { 421, "GET HTTP://evil.example/ HTTP/1.1\r\nHost: 127.0.0.1" },
        { 421, "GET http://evil.example HTTP/1.0" },
        { 421, "GET http://evil.example?a HTTP/1.0" },
        { 421, "GET http://127.0.0.1/ HTTP/1.1\r\nHost: evil.example" },
        { 403, "POST http://evil.example/ HTTP/1.1\r\nHost: 127.0.0.1" },
        { 403, "POST http://127.0.0.1/ HTTP/1.1\r\nHost: localhost" ORIGIN "http://localhost" },
    };
    CHECK(cases);
}

static void test_without_a_host(void **state GEE_UNUSED) {
    static const expectation_t cases[] = {
        { 0, "GET / HTTP/1.0" },
        { 0, "POST / HTTP/1.0" },
        { 0, GET "" },
        { 403, "GET / HTTP/1.0" ORIGIN "http://evil.example" },
        { 403, "POST / HTTP/1.0" ORIGIN "http://127.0.0.1" }, /* nothing says that this is where it was sent */
        { 0, "CONNECT /_goRPC_ HTTP/1.0" },
        { 0, "CONNECT /_goRPC_ HTTP/1.0\r\nHost: rpc.internal:9999" }, /* no page can send it */
    };
    CHECK(cases);
}

static void test_from_which_site(void **state GEE_UNUSED) {
    static const expectation_t cases[] = {
        { 0, POST "127.0.0.1:9999" ORIGIN "http://127.0.0.1:9999" },
        { 0, POST "[::1]:9999" ORIGIN "http://[::1]:9999" },
        { 0, POST "rpc.example.org" ORIGIN "https://rpc.example.org" },
        { 0, POST "rpc.example.org" ORIGIN "http://RPC.example.org:80" },
        { 0, POST "rpc.example.org:443" ORIGIN "https://rpc.example.org" },
        { 403, POST "rpc.example.org:80" ORIGIN "https://rpc.example.org" },
        { 403, POST "127.0.0.1:9999" ORIGIN "http://127.0.0.1:3000" },
        { 403, POST "127.0.0.1:9999" ORIGIN "http://127.0.0.1" },
        { 403, POST "127.0.0.1:9999" ORIGIN "http://localhost:9999" },
        { 403, POST "127.0.0.1:9999" ORIGIN "http://evil.example" },
        { 403, POST "127.0.0.1:9999" ORIGIN "http://127.0.0.1:9999.evil.example" },
        { 403, POST "127.0.0.1:9999" ORIGIN "null" },
        { 403, POST "127.0.0.1:9999" ORIGIN "" },
        { 403, POST "127.0.0.1:9999" ORIGIN "file://" },
        { 403, POST "127.0.0.1:9999" ORIGIN "http://" },
        { 403, POST "127.0.0.1:9999" ORIGIN "http://127.0.0.1:9999" ORIGIN "http://127.0.0.1:9999" },
        { 403, GET "127.0.0.1:9999" ORIGIN "http://evil.example" },
        { 403, "OPTIONS / HTTP/1.1\r\nHost: 127.0.0.1" ORIGIN "http://evil.example" },
        { 0, GET "127.0.0.1\r\nSec-Fetch-Site: none" },
        { 0, GET "127.0.0.1\r\nSec-Fetch-Site: same-origin" },
        { 403, GET "127.0.0.1\r\nSec-Fetch-Site: cross-site" },
        { 403, GET "127.0.0.1\r\nsec-fetch-site: Cross-Site" },
        { 403, GET "127.0.0.1\r\nSec-Fetch-Site: none\r\nSec-Fetch-Site: cross-site" },
    };
    CHECK(cases);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_by_which_name),
        cmocka_unit_test(test_absolute_targets),
        cmocka_unit_test(test_without_a_host),
        cmocka_unit_test(test_from_which_site),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
