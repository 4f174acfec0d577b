/* codec_bin_fixture.h: a type with everything in it, and hex in and out, for the tests of codec_bin. */
#ifndef TEST_CODEC_BIN_FIXTURE_H
#define TEST_CODEC_BIN_FIXTURE_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <gee.h>

extern const gee_module_t gee_codec_bin_module;
static const gee_codec_t *codec;
static gee_buf_cache_t *cache;
static gee_pool_t *pool;
static const gee_codec_limits_t limits = { .message = 64 << 20, .nesting = 100 };

/* ---- a type with everything in it; in proto3 it would be:
 * message Inner { int64 id = 1; string label = 2; repeated int32 marks = 3; }
 * message Row { repeated double v = 1; }  message Labels { map<string, string> v = 1; }
 * message MaybeInt { optional int64 v = 1; } ---- */
GEE_LIST_TYPE(int32_t);
GEE_LIST_TYPE(int64_t);
GEE_LIST_TYPE(uint64_t);
GEE_LIST_TYPE(float);
GEE_LIST_TYPE(double);
GEE_LIST_TYPE(bool);
GEE_LIST_TYPE(gee_str_t);
GEE_LIST_TYPE(gee_bytes_t);
GEE_MAP_TYPE(int64_t);
GEE_OPTIONAL_TYPE(int64_t);
GEE_OPTIONAL_TYPE(gee_str_t);

typedef struct inner {
    int64_t id;
    gee_str_t label;
    GEE_LIST_OF(int32_t) marks;
} inner_t;
GEE_STRUCT(inner_t, "Inner", GEE_INT64(inner_t, id, "ID", 1), GEE_STRING(inner_t, label, "Label", 2),
           GEE_LIST(inner_t, marks, "Marks", 3, int32_t, gee_list_of_int32_t));
GEE_LIST_TYPE(inner_t);
GEE_MAP_TYPE(inner_t);
GEE_OPTIONAL_TYPE(inner_t);

typedef GEE_LIST_OF(double) row_t;
GEE_LIST_TYPE_AS(row_t, double);
GEE_LIST_TYPE(row_t);
GEE_MAP_TYPE(row_t);
GEE_OPTIONAL_TYPE(row_t);
typedef GEE_MAP_OF(gee_str_t) labels_t;
#define gee_type_of_labels_t gee_type_of_metadata
GEE_LIST_TYPE(labels_t);
typedef int64_t *maybe_t;
#define gee_type_of_maybe_t gee_optional_of_int64_t
GEE_LIST_TYPE(maybe_t);

typedef struct all {
    bool flag;
    int32_t small;
    int64_t large;
    uint32_t unsigned_small;
    uint64_t unsigned_large;
    float single;
    double wide;
    gee_str_t text;
    gee_bytes_t raw;
    inner_t inner;
    GEE_LIST_OF(int64_t) numbers;
    GEE_LIST_OF(gee_str_t) words;
    GEE_LIST_OF(inner_t) inners;
    GEE_MAP_OF(int64_t) counts;
    GEE_MAP_OF(inner_t) by_name;
    int64_t *maybe;
    inner_t *maybe_inner;
    GEE_LIST_OF(double) doubles;
    GEE_LIST_OF(row_t) matrix;
    GEE_LIST_OF(bool) flags;
    GEE_LIST_OF(labels_t) label_sets;
    GEE_LIST_OF(maybe_t) maybes;
    GEE_MAP_OF(row_t) rows;
    gee_str_t *maybe_text;
    row_t *maybe_row;
    GEE_LIST_OF(gee_bytes_t) blobs;
    GEE_LIST_OF(uint64_t) unsigneds;
    GEE_LIST_OF(float) floats;
    bool late;
} all_t;
GEE_STRUCT(all_t, "All", GEE_BOOL(all_t, flag, "Flag", 1), GEE_INT32(all_t, small, "Small", 2),
           GEE_INT64(all_t, large, "Large", 3), GEE_UINT32(all_t, unsigned_small, "UnsignedSmall", 4),
           GEE_UINT64(all_t, unsigned_large, "UnsignedLarge", 5), GEE_FLOAT(all_t, single, "Single", 6),
           GEE_DOUBLE(all_t, wide, "Wide", 7), GEE_STRING(all_t, text, "Text", 8), GEE_BYTES(all_t, raw, "Raw", 9),
           GEE_NESTED(all_t, inner, "Inner", 10, inner_t),
           GEE_LIST(all_t, numbers, "Numbers", 11, int64_t, gee_list_of_int64_t),
           GEE_LIST(all_t, words, "Words", 12, gee_str_t, gee_list_of_gee_str_t),
           GEE_LIST(all_t, inners, "Inners", 13, inner_t, gee_list_of_inner_t),
           GEE_MAP(all_t, counts, "Counts", 14, int64_t, gee_map_of_int64_t),
           GEE_MAP(all_t, by_name, "ByName", 15, inner_t, gee_map_of_inner_t),
           GEE_OPTIONAL(all_t, maybe, "Maybe", 16, int64_t, gee_optional_of_int64_t),
           GEE_OPTIONAL(all_t, maybe_inner, "MaybeInner", 17, inner_t, gee_optional_of_inner_t),
           GEE_LIST(all_t, doubles, "Doubles", 18, double, gee_list_of_double),
           GEE_LIST(all_t, matrix, "Matrix", 19, row_t, gee_list_of_row_t),
           GEE_LIST(all_t, flags, "Flags", 20, bool, gee_list_of_bool),
           GEE_LIST(all_t, label_sets, "LabelSets", 21, labels_t, gee_list_of_labels_t),
           GEE_LIST(all_t, maybes, "Maybes", 22, maybe_t, gee_list_of_maybe_t),
           GEE_MAP(all_t, rows, "Rows", 23, row_t, gee_map_of_row_t),
           GEE_OPTIONAL(all_t, maybe_text, "MaybeText", 24, gee_str_t, gee_optional_of_gee_str_t),
           GEE_OPTIONAL(all_t, maybe_row, "MaybeRow", 25, row_t, gee_optional_of_row_t),
           GEE_LIST(all_t, blobs, "Blobs", 26, gee_bytes_t, gee_list_of_gee_bytes_t),
           GEE_LIST(all_t, unsigneds, "Unsigneds", 27, uint64_t, gee_list_of_uint64_t),
           GEE_LIST(all_t, floats, "Floats", 28, float, gee_list_of_float), GEE_BOOL(all_t, late, "Late", 2000));

/* ---- help ---- */

static inline size_t from_hex(const char *hex, uint8_t **bytes) {
    size_t length = strlen(hex) / 2;
    *bytes = malloc(length ? length : 1); /* exact, so that ASan sees a read behind the end */
    assert_non_null(*bytes);
    for (size_t i = 0; i < length; i++) {
        const char digits[] = { hex[2 * i], hex[2 * i + 1], '\0' };
        char *end;
        (*bytes)[i] = (uint8_t)strtoul(digits, &end, 16);
        assert_ptr_equal(end, digits + 2);
    }
    return length;
}

static inline int encode(const gee_type_t *type, const void *value, char **hex, gee_error_t *error) {
    gee_chain_t chain;
    gee_chain_init(&chain, cache);
    assert_int_equal(gee_chain_append(&chain, "before", 6), 0);
    int result = codec->encode(NULL, type, value, &chain, error);
    size_t length = chain.length - 6;
    uint8_t *bytes = malloc(chain.length);
    assert_non_null(bytes);
    assert_int_equal(gee_chain_copy(&chain, bytes, chain.length), chain.length);
    assert_memory_equal(bytes, "before", 6);
    *hex = gee_pool_zalloc(pool, 2 * length + 1);
    assert_non_null(*hex);
    for (size_t i = 0; i < length; i++)
        snprintf(*hex + 2 * i, 3, "%02x", bytes[6 + i]);
    free(bytes);
    gee_chain_clear(&chain);
    return result;
}

/* Copies, so that the bytes can go at once. */
static inline int decode_bytes(const gee_type_t *type, const uint8_t *bytes, size_t length, void *value,
                               gee_error_t *error) {
    memset(value, 0, type->size);
    return codec->decode(NULL, type, bytes, length, &limits, true, pool, value, error);
}

static inline int decode(const gee_type_t *type, const char *hex, void *value, gee_error_t *error) {
    uint8_t *bytes;
    size_t length = from_hex(hex, &bytes);
    int result = decode_bytes(type, bytes, length, value, error);
    free(bytes);
    return result;
}

static inline void assert_hex(const gee_type_t *type, const void *value, const char *expected) {
    char *hex;
    gee_error_t error = { .code = GEE_OK };
    if (encode(type, value, &hex, &error) != 0)
        fail_msg("encode: %s", error.text);
    assert_string_equal(hex, expected);
    void *back = gee_pool_zalloc(pool, type->size);
    if (decode(type, hex, back, &error) != 0)
        fail_msg("decode: %s", error.text);
    assert_true(gee_type_equal(type, value, back));
}

static inline void assert_all(const all_t *value, const char *expected) {
    assert_hex(GEE_TYPE_OF(all_t), value, expected);
}

static inline void assert_refused(const gee_type_t *type, const char *hex, gee_code_t code, const char *text) {
    void *value = gee_pool_zalloc(pool, type->size);
    gee_error_t error = { .code = GEE_OK };
    if (decode(type, hex, value, &error) == 0)
        fail_msg("%s was accepted", hex);
    if (code != error.code || strstr(error.text, text) == NULL)
        fail_msg("%s: code %d, \"%s\"; expected %d, \"%s\"", hex, error.code, error.text, code, text);
    assert_int_not_equal(decode(type, hex, value, NULL), 0); /* nobody wants the text */
}

static inline void assert_decodes(const char *hex, all_t *value) {
    gee_error_t error;
    if (decode(GEE_TYPE_OF(all_t), hex, value, &error) != 0)
        fail_msg("%s: %s", hex, error.text);
}

#define LIST(T, ...)                                                                                                   \
    { .items = (T[]){ __VA_ARGS__ }, .count = sizeof((T[]){ __VA_ARGS__ }) / sizeof(T) }
#define S(text) GEE_STR(text)

static inline int set_up(void **state) {
    (void)state;
    codec = gee_codec_bin_module.interface;
    cache = gee_buf_cache_create(1 << 20);
    pool = gee_pool_create(65536);
    return cache && pool ? 0 : -1;
}

static inline int tear_down(void **state) {
    (void)state;
    gee_pool_destroy(&pool);
    size_t live = gee_buf_cache_live(cache);
    gee_buf_cache_destroy(&cache);
    return live == 0 ? 0 : -1;
}

#endif
