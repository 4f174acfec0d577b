/* fuzz_bin.c: protobuf wire format: what is read is the same after it was written and read again, after a trip through
 * a tree, and when strings are not copied. */
#include "fuzz.h"

extern const gee_module_t gee_codec_bin_module;
static const gee_codec_t *codec;
static gee_buf_cache_t *cache;

static int read_value(const gee_type_t *type, const uint8_t *bytes, size_t length, bool copy, gee_pool_t *pool,
                      fuzz_value_t *value, gee_error_t *error) {
    memset(value, 0, sizeof(*value));
    return codec->decode(NULL, type, bytes, length, &fuzz_limits, copy, pool, value, error);
}

static void check_written(const gee_type_t *type, const fuzz_value_t *value) {
    gee_chain_t chain;
    gee_error_t error;
    fuzz_value_t again = { 0 };
    size_t length, rewritten;
    gee_codec_limits_t wide = { .message = 64 * fuzz_limits.message, .nesting = fuzz_limits.nesting };
    gee_chain_init(&chain, cache);
    FUZZ_CHECK(codec->encode(NULL, type, value, &chain, &error) == 0, "%s", error.text);
    uint8_t *bytes = fuzz_take_chain(&chain, &length);
    gee_pool_t *pool = gee_pool_create(4096);
    FUZZ_CHECK(codec->decode(NULL, type, bytes, length, &wide, false, pool, &again, &error) == 0, "%s", error.text);
    FUZZ_CHECK(gee_type_equal(type, value, &again), "as %s", gee_type_label(type));
    FUZZ_CHECK(codec->encode(NULL, type, &again, &chain, &error) == 0, "%s", error.text);
    uint8_t *rewrite = fuzz_take_chain(&chain, &rewritten);
    FUZZ_CHECK(length == rewritten && memcmp(bytes, rewrite, length) == 0, "as %s", gee_type_label(type));
    gee_pool_destroy(&pool);
    free(rewrite);
    free(bytes);
}

static void check_tree(const gee_type_t *type, const fuzz_value_t *value, gee_pool_t *pool) {
    gee_value_t tree = { 0 };
    fuzz_value_t again = { 0 };
    gee_error_t error;
    int result = gee_value_from_type(type, value, pool, &tree, &error);
    if (result == 0)
        result = gee_value_to_type(&tree, type, &again, pool, &error);
    FUZZ_CHECK(result == 0 || error.code == GEE_RESOURCE_EXHAUSTED, "%s", error.text);
    FUZZ_CHECK(result != 0 || gee_type_equal(type, value, &again), "as %s", gee_type_label(type));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 1)
        return 0;
    codec = gee_codec_bin_module.interface;
    cache = gee_buf_cache_create(1 << 20);
    const gee_type_t *type = fuzz_types[data[0] % GEE_LENGTH(fuzz_types)];
    gee_pool_t *pool = fuzz_pool();
    uint8_t *bytes = fuzz_copy(data + 1, size - 1);
    fuzz_value_t viewed, value;
    gee_error_t viewed_error, error;
    int result = read_value(type, bytes, size - 1, false, pool, &viewed, &viewed_error);
    int copied = read_value(type, bytes, size - 1, true, pool, &value, &error);
    FUZZ_CHECK(result == copied || error.code == GEE_RESOURCE_EXHAUSTED, "%d, copied %d", result, copied);
    if (result == 0 && copied == 0)
        FUZZ_CHECK(gee_type_equal(type, &viewed, &value), "as %s", gee_type_label(type));
    memset(bytes, 0xee, size - 1);
    free(bytes);
    if (copied == 0) {
        check_written(type, &value);
        check_tree(type, &value, pool);
    }
    gee_pool_destroy(&pool);
    FUZZ_CHECK(gee_buf_cache_live(cache) == 0, "%zu buffers", gee_buf_cache_live(cache));
    gee_buf_cache_destroy(&cache);
    return 0;
}
