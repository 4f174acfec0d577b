/* opening_test.c: what the first bytes of a connection are taken for. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <string.h>

#include <gee.h>

typedef struct row {
    const char *bytes;
    size_t length;
    gee_opening_t opening;
} row_t;
#define ROW(text, opening)                                                                                             \
    { text, sizeof(text) - 1, opening }

static const row_t rows[] = {
    ROW("\xc1", GEE_OPENING_SEAL),
    ROW("\xc1GEE", GEE_OPENING_SEAL),
    ROW("\x2f\xff\x81", GEE_OPENING_NETRPC), /* Go 1.19's first bytes */
    ROW("\x3a\xfe\x1f", GEE_OPENING_NETRPC), /* after many types */
    ROW("\x2e\x7f\x03", GEE_OPENING_NETRPC), /* newer Go */
    ROW("A\x7f", GEE_OPENING_NETRPC),        /* a letter is a length too */
    ROW("{\xff", GEE_OPENING_NETRPC),
    ROW("\xf8", GEE_OPENING_NETRPC),
    ROW("\xff\x81", GEE_OPENING_NETRPC),
    ROW("{\"MagicNumber\"", GEE_OPENING_GEERPC),
    ROW(" \r\n\t{ \"codectype\" :1", GEE_OPENING_GEERPC),
    ROW("{\"x\":{\"method\":[1,{}]},\"HANDLETIMEOUT\"", GEE_OPENING_GEERPC),
    ROW("{\"x\":\"}\\\"{\",\"ConnectTimeout\"", GEE_OPENING_GEERPC),
    ROW("{\"method\"", GEE_OPENING_JSONRPC),
    ROW("{\"id\"", GEE_OPENING_JSONRPC),
    ROW("{\"Method\"", GEE_OPENING_JSONRPC), /* as Go reads it */
    ROW("{\"jsonrpc\":\"2.0\"", GEE_OPENING_JSONRPC),
    ROW("[{", GEE_OPENING_JSONRPC),
    ROW("  [", GEE_OPENING_JSONRPC),
    ROW("{}", GEE_OPENING_JSONRPC), /* a request that names no method */
    ROW("{\"a\":{}}", GEE_OPENING_JSONRPC),
    ROW("{\"ServiceMethod\":\"Arith.Multiply\",\"Seq\":1}", GEE_OPENING_JSONRPC),
    ROW("{]", GEE_OPENING_UNKNOWN),
    ROW(" x", GEE_OPENING_UNKNOWN),
    ROW("GET / HTTP/1.1", GEE_OPENING_HTTP),
    ROW("CONNECT /_geerpc_", GEE_OPENING_HTTP),
    ROW("PRI * HTTP/2.0\r\n", GEE_OPENING_HTTP2),
    ROW("PRI * HTTP/1.1", GEE_OPENING_HTTP),
    ROW("PUT", GEE_OPENING_HTTP),
    ROW("\x16\x03\x01", GEE_OPENING_TLS),
    ROW("\x16\x04", GEE_OPENING_UNKNOWN),
    ROW("\x00\x00", GEE_OPENING_UNKNOWN),
    ROW("\x80", GEE_OPENING_UNKNOWN),
    ROW("\xf7", GEE_OPENING_UNKNOWN),
    ROW("get /", GEE_OPENING_UNKNOWN),
};

/* The whole gives the answer; every prefix gives it too or asks for more. */
static void test_rule(void **state GEE_UNUSED) {
    for (size_t i = 0; i < GEE_LENGTH(rows); i++) {
        const uint8_t *bytes = (const uint8_t *)rows[i].bytes;
        assert_int_equal(gee_opening_read(bytes, rows[i].length), rows[i].opening);
        for (size_t cut = 0; cut < rows[i].length; cut++) {
            gee_opening_t early = gee_opening_read(bytes, cut);
            if (early != GEE_OPENING_MORE)
                assert_int_equal(early, rows[i].opening);
        }
    }
}

static void test_limits(void **state GEE_UNUSED) {
    uint8_t bytes[GEE_OPENING_LIMIT + 16];
    memset(bytes, ' ', sizeof(bytes));
    assert_int_equal(gee_opening_read(bytes, GEE_OPENING_LIMIT - 1), GEE_OPENING_MORE);
    assert_int_equal(gee_opening_read(bytes, GEE_OPENING_LIMIT), GEE_OPENING_UNKNOWN);
    memset(bytes, 'x', sizeof(bytes));
    memcpy(bytes, "{\"x\":\"", 6);
    assert_int_equal(gee_opening_read(bytes, GEE_OPENING_LIMIT - 1), GEE_OPENING_MORE);
    assert_int_equal(gee_opening_read(bytes, sizeof(bytes)), GEE_OPENING_UNKNOWN);
}

static void test_object_scan(void **state GEE_UNUSED) {
    static const char text[] = " \n{\"a\":\"}\\\"\",\"b\":{\"c\":[1,2]}}{\"next\"";
    size_t end = strlen(text) - strlen("{\"next\"");
    for (size_t cut = 0; cut < end; cut++) {
        gee_object_scan_t scan = { 0 };
        assert_int_equal(gee_object_scan(&scan, (const uint8_t *)text, cut), 0);
        assert_int_equal(gee_object_scan(&scan, (const uint8_t *)text, strlen(text)), end);
    }
    gee_object_scan_t scan = { 0 };
    assert_int_equal(gee_object_scan(&scan, (const uint8_t *)" [", 2), -1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rule),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_object_scan),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
