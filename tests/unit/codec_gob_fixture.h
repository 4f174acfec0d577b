/* codec_gob_fixture.h: the types and helpers that the tests of codec_gob share. Bytes are written as hex; spaces in it
 * do not count. */
#ifndef TEST_CODEC_GOB_FIXTURE_H
#define TEST_CODEC_GOB_FIXTURE_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <gee.h>

extern const gee_module_t gee_codec_gob_module;

typedef struct {
    gee_str_t service_method;
    uint64_t seq;
    gee_str_t error;
} header_t;
GEE_STRUCT(header_t, "Header", GEE_STRING(header_t, service_method, "ServiceMethod", 1),
           GEE_UINT64(header_t, seq, "Seq", 2), GEE_STRING(header_t, error, "Error", 3));

typedef struct {
    int64_t a, b;
} args_t;
GEE_STRUCT(args_t, "Args", GEE_INT64(args_t, a, "A", 1), GEE_INT64(args_t, b, "B", 2));

static const gee_codec_t *codec;
static const gee_codec_limits_t limits = { .message = 4 << 20, .nesting = 100 };
static gee_pool_t *pool;
static gee_buf_cache_t *cache;
static gee_error_t error;
static void *shared, *sender, *receiver; /* states, on one shared object as in an engine */

static uint8_t wire[1 << 17]; /* bytes made last */
static size_t wire_length;

static inline void *open_state(void *of) {
    void *state = calloc(1, codec->state_size);
    assert_non_null(state);
    if (of)
        codec->attach(state, of);
    assert_int_equal(codec->start(state, &error), 0);
    return state;
}

static inline void close_state(void **state) {
    if (*state) {
        codec->stop(*state);
        free(*state);
    }
    *state = NULL;
}

static inline int set_up(void **state) {
    (void)state;
    codec = gee_codec_gob_module.interface;
    cache = gee_buf_cache_create(1 << 20);
    pool = gee_pool_create(4096);
    shared = codec->shared_create(&error);
    assert_true(cache && pool && shared);
    sender = open_state(shared);
    receiver = open_state(shared);
    memset(&error, 0, sizeof(error));
    return 0;
}

static inline int tear_down(void **state) {
    (void)state;
    close_state(&sender);
    close_state(&receiver);
    codec->shared_destroy(shared);
    gee_pool_destroy(&pool);
    size_t live = gee_buf_cache_live(cache);
    gee_buf_cache_destroy(&cache);
    return live == 0 ? 0 : -1;
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

/* ---- bytes ---- */

static inline void from_hex(const char *hex) {
    unsigned high = 16;
    wire_length = 0;
    for (; *hex; hex++) {
        if (*hex == ' ')
            continue;
        unsigned digit = (unsigned)(*hex <= '9' ? *hex - '0' : *hex - 'a' + 10);
        assert_true(digit < 16 && wire_length < sizeof(wire));
        if (high == 16) {
            high = digit;
        } else {
            wire[wire_length++] = (uint8_t)(high << 4 | digit);
            high = 16;
        }
    }
    assert_int_equal(high, 16);
}

GEE_UNUSED static inline void expect_wire(const char *hex) {
    static uint8_t made[sizeof(wire)];
    size_t length = wire_length;
    memcpy(made, wire, length);
    from_hex(hex);
    if (length == wire_length && memcmp(made, wire, length) == 0)
        return;
    for (size_t i = 0; i < length; i++)
        print_error("%02x", made[i]);
    fail_msg(" were made, not %s", hex);
}

/* ---- writing: to `wire` ---- */

static inline int take_chain(gee_chain_t *chain, int result) {
    if (result == 0) {
        assert_true(chain->length <= sizeof(wire));
        wire_length = gee_chain_copy(chain, wire, sizeof(wire));
    }
    gee_chain_clear(chain);
    return result;
}

GEE_UNUSED static inline int encode(const gee_type_t *type, const void *value) {
    gee_chain_t chain;
    gee_chain_init(&chain, cache);
    return take_chain(&chain, codec->encode(sender, type, value, &chain, &error));
}

GEE_UNUSED static inline int encode_tree(const gee_value_t *value) {
    gee_chain_t chain;
    gee_chain_init(&chain, cache);
    return take_chain(&chain, codec->encode_value(sender, value, &chain, &error));
}

/* ---- reading: of `wire`, at addresses that the address sanitizer watches on both sides ---- */

static inline int measure(void *state, const uint8_t *bytes, size_t length, size_t *result) {
    gee_measure_t progress = { 0 };
    gee_measured_t measured = codec->measure(state, &progress, bytes, length, &limits, &error);
    *result = progress.length;
    if (measured == GEE_MEASURE_MORE)
        gee_error_set(&error, GEE_INVALID_ARGUMENT, "(more)");
    return measured == GEE_MEASURE_DONE ? 0 : -1;
}

static inline int read_wire(const gee_type_t *type, void *value, gee_value_t *tree) {
    uint8_t *exact = malloc(wire_length ? wire_length : 1);
    size_t length;
    assert_non_null(exact);
    memcpy(exact, wire, wire_length);
    memset(&error, 0, sizeof(error));
    int result = measure(receiver, exact, wire_length, &length);
    if (result == 0 && length != wire_length)
        fail_msg("%zu of %zu bytes are the value", length, wire_length);
    if (result == 0 && type) {
        memset(value, 0, type->size);
        result = codec->decode(receiver, type, exact, length, &limits, true, pool, value, &error);
    }
    if (result == 0 && tree)
        result = codec->decode_value(receiver, exact, length, &limits, pool, tree, &error);
    free(exact);
    return result;
}

GEE_UNUSED static inline void reads(const gee_type_t *type, const char *hex, void *value) {
    from_hex(hex);
    if (read_wire(type, value, NULL) != 0)
        fail_msg("%s: %s", hex, error.text);
}

GEE_UNUSED static inline void refuses(const gee_type_t *type, const char *hex, const char *reason) {
    max_align_t value[64];
    assert_true(type->size <= sizeof(value));
    from_hex(hex);
    if (read_wire(type, value, NULL) == 0)
        fail_msg("%s was read", hex);
    if (strstr(error.text, reason) == NULL)
        fail_msg("%s: \"%s\" does not say \"%s\"", hex, error.text, reason);
}

GEE_UNUSED static inline void passes(const gee_type_t *type, const void *value, void *back) {
    if (encode(type, value) != 0 || read_wire(type, back, NULL) != 0)
        fail_msg("%s", error.text);
    assert_true(gee_type_equal(type, value, back));
}

/* A tree as JSON, for comparing with a text. */
GEE_UNUSED static inline void expect_tree(const gee_value_t *tree, const char *json) {
    static char text[1 << 16];
    const gee_codec_t *writer = gee_module_find(gee_modules, GEE_MODULE_CODEC, GEE_STR("json"));
    gee_chain_t chain;
    gee_chain_init(&chain, cache);
    assert_int_equal(writer->encode_value(NULL, tree, &chain, &error), 0);
    text[gee_chain_copy(&chain, text, sizeof(text) - 1)] = '\0';
    gee_chain_clear(&chain);
    assert_string_equal(text, json);
}

GEE_UNUSED static inline gee_value_t tree_of(const char *json) {
    const gee_codec_t *reader = gee_module_find(gee_modules, GEE_MODULE_CODEC, GEE_STR("json"));
    gee_value_t tree;
    assert_int_equal(reader->decode_value(NULL, (const uint8_t *)json, strlen(json), &limits, pool, &tree, &error), 0);
    return tree;
}

#endif
