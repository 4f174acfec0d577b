/* fuzz_proto.c: protobuf by the rules of its own library, every kind and form: what is read is the same after it was
 * written and read again, and when strings are not copied; what can be read may be forwarded; and what bin takes, proto
 * takes as the same value. */
#include "fuzz.h"

#include "support/every_form.h"

extern const gee_module_t gee_codec_proto_module, gee_codec_bin_module;
static const gee_codec_t *codec;
static gee_buf_cache_t *cache;

typedef union forms_value {
    forms_t forms;
    legacy_t legacy;
    all_t all;
} forms_value_t;

static const gee_type_t *const types[] = { &gee_type_of_forms_t, &gee_type_of_legacy_t, &gee_type_of_all_t };

static int read_by(const gee_codec_t *rules, const gee_type_t *type, const uint8_t *bytes, size_t length, bool copy,
                   gee_pool_t *pool, forms_value_t *value, gee_error_t *error) {
    const gee_codec_limits_t wide = { .message = 64 * fuzz_limits.message, .nesting = fuzz_limits.nesting };
    memset(value, 0, sizeof(*value));
    return rules->decode(NULL, type, bytes, length, &wide, copy, pool, value, error);
}

static void check_written(const gee_type_t *type, const forms_value_t *value) {
    gee_chain_t chain;
    gee_error_t error;
    forms_value_t again;
    size_t length, rewritten;
    gee_chain_init(&chain, cache);
    FUZZ_CHECK(codec->encode(NULL, type, value, &chain, &error) == 0, "%s", error.text);
    uint8_t *bytes = fuzz_take_chain(&chain, &length);
    gee_pool_t *pool = gee_pool_create(4096);
    FUZZ_CHECK(read_by(codec, type, bytes, length, false, pool, &again, &error) == 0, "%s", error.text);
    FUZZ_CHECK(gee_type_equal(type, value, &again), "as %s", gee_type_label(type));
    FUZZ_CHECK(codec->encode(NULL, type, &again, &chain, &error) == 0, "%s", error.text);
    uint8_t *rewrite = fuzz_take_chain(&chain, &rewritten);
    FUZZ_CHECK(length == rewritten && memcmp(bytes, rewrite, length) == 0, "as %s", gee_type_label(type));
    gee_pool_destroy(&pool);
    free(rewrite);
    free(bytes);
}

/* Legacy has what bin takes otherwise: closed enums, required fields. Of keys and lengths bin takes longer forms. */
static void check_strict(const gee_type_t *type, const uint8_t *bytes, size_t length, int result,
                         const forms_value_t *value, const gee_error_t *refusal) {
    gee_pool_t *pool = fuzz_pool();
    forms_value_t strict;
    gee_error_t error;
    if (type != &gee_type_of_legacy_t &&
        read_by(gee_codec_bin_module.interface, type, bytes, length, false, pool, &strict, &error) == 0) {
        FUZZ_CHECK(result == 0 || strstr(refusal->text, "more than 5 bytes") != NULL, "bin takes it: %s",
                   refusal->text);
        FUZZ_CHECK(result != 0 || gee_type_equal(type, &strict, value), "as %s", gee_type_label(type));
    }
    gee_pool_destroy(&pool);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 1)
        return 0;
    codec = gee_codec_proto_module.interface;
    cache = gee_buf_cache_create(1 << 20);
    const gee_type_t *type = types[data[0] % GEE_LENGTH(types)];
    gee_pool_t *pool = fuzz_pool();
    uint8_t *bytes = fuzz_copy(data + 1, size - 1);
    forms_value_t viewed, value;
    gee_error_t viewed_error, error;
    int result = read_by(codec, type, bytes, size - 1, false, pool, &viewed, &viewed_error);
    int copied = read_by(codec, type, bytes, size - 1, true, pool, &value, &error);
    FUZZ_CHECK(result == copied || error.code == GEE_RESOURCE_EXHAUSTED, "%d, copied %d", result, copied);
    check_strict(type, bytes, size - 1, result, &viewed, &viewed_error);
    if (result == 0)
        FUZZ_CHECK(codec->check(NULL, type, bytes, size - 1, &fuzz_limits, 0, &error) == 0, "%s", error.text);
    if (result == 0 && copied == 0)
        FUZZ_CHECK(gee_type_equal(type, &viewed, &value), "as %s", gee_type_label(type));
    memset(bytes, 0xee, size - 1);
    free(bytes);
    if (copied == 0)
        check_written(type, &value);
    gee_pool_destroy(&pool);
    FUZZ_CHECK(gee_buf_cache_live(cache) == 0, "%zu buffers", gee_buf_cache_live(cache));
    gee_buf_cache_destroy(&cache);
    return 0;
}
