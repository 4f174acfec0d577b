/* codec_json_fixture.h: the types and helpers that the tests of codec_json share. */
#ifndef TEST_CODEC_JSON_FIXTURE_H
#define TEST_CODEC_JSON_FIXTURE_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <gee.h>

#include "support/every_kind.h"

extern const gee_module_t gee_codec_json_module;

GEE_LIST_TYPE(gee_empty_t);

/* GeeRPC's header, of which Error and Metadata are left out when there is none. */
typedef struct {
    gee_str_t method;
    uint64_t seq;
    gee_str_t error;
} header_t;
GEE_STRUCT(header_t, "Header", GEE_STRING(header_t, method, "ServiceMethod", 1), GEE_UINT64(header_t, seq, "Seq", 2),
           GEE_STRING(header_t, error, "Error", 3));

static const gee_codec_t *codec;
static const gee_codec_limits_t limits = { .message = 1 << 20, .nesting = 100 };
static gee_pool_t *pool;
static gee_buf_cache_t *cache;
static gee_error_t error;

static int start(void **state) {
    (void)state;
    codec = gee_codec_json_module.interface;
    cache = gee_buf_cache_create(1 << 20);
    return cache ? 0 : -1;
}

static int stop(void **state) {
    (void)state;
    assert_int_equal(gee_buf_cache_live(cache), 0);
    gee_buf_cache_destroy(&cache);
    return 0;
}

static int set_up(void **state) {
    (void)state;
    pool = gee_pool_create(4096);
    memset(&error, 0, sizeof(error));
    return pool ? 0 : -1;
}

static int tear_down(void **state) {
    (void)state;
    gee_pool_destroy(&pool);
    return 0;
}

/* ---- reading and writing ---- */

/* The bytes end exactly where they end, so that the address sanitizer sees a byte too many. */
static int decode_bytes(const gee_type_t *type, const void *bytes, size_t length, void *value) {
    uint8_t *exact = malloc(length ? length : 1);
    assert_non_null(exact);
    memcpy(exact, bytes, length);
    memset(value, 0, type->size);
    int result = codec->decode(NULL, type, exact, length, &limits, true, pool, value, &error);
    free(exact);
    return result;
}

GEE_UNUSED static void reads(const gee_type_t *type, const char *text, void *value) {
    if (decode_bytes(type, text, strlen(text), value) < 0)
        fail_msg("%s: %s", text, error.text);
}

GEE_UNUSED static void refuses(const gee_type_t *type, const char *text, gee_code_t code, const char *message) {
    union {
        all_t all;
        max_align_t any;
    } value;
    if (decode_bytes(type, text, strlen(text), &value) == 0)
        fail_msg("%s was read", text);
    if (!strstr(error.text, message))
        fail_msg("%s: \"%s\" does not say \"%s\"", text, error.text, message);
    assert_int_equal(error.code, code);
}

static char written[1 << 16];

GEE_UNUSED static int encode(const gee_type_t *type, const void *value) {
    gee_chain_t chain;
    gee_chain_init(&chain, cache);
    int result = codec->encode(NULL, type, value, &chain, &error);
    size_t length = gee_chain_copy(&chain, written, sizeof(written) - 1);
    assert_true(result < 0 || length == chain.length);
    written[length] = '\0';
    gee_chain_clear(&chain);
    return result;
}

GEE_UNUSED static void writes(const gee_type_t *type, const void *value, const char *expected) {
    if (encode(type, value) < 0)
        fail_msg("%s", error.text);
    assert_string_equal(written, expected);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

#endif
