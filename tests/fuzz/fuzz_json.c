/* fuzz_json.c: JSON texts: where a value ends does not depend on how it is cut, nor on whether it is read or skipped;
 * what is read and written again is the same; reading into a C type and reading into a tree agree. */
#include "fuzz.h"

#include <math.h>

extern const gee_module_t gee_codec_json_module;
static const gee_codec_t *codec;
static gee_buf_cache_t *cache;

static gee_measured_t measure(const uint8_t *bytes, size_t length, unsigned seed, gee_measure_t *progress,
                              gee_error_t *error) {
    fuzz_cuts_t cuts = fuzz_cuts(seed);
    gee_measured_t result = GEE_MEASURE_MORE;
    memset(progress, 0, sizeof(*progress));
    for (size_t seen = 0; seen < length && result == GEE_MEASURE_MORE;) {
        seen += fuzz_next_cut(&cuts, length - seen);
        uint8_t *piece = length <= 512 ? fuzz_copy(bytes, seen) : NULL;
        result = codec->measure(NULL, progress, piece ? piece : bytes, seen, &fuzz_limits, error);
        free(piece);
        FUZZ_CHECK(progress->scanned <= seen, "%zu of %zu", progress->scanned, seen);
    }
    return result;
}

/* In pieces, each only from where it is wanted. What was passed; 0: the value does not end here. */
static size_t skip_over(const uint8_t *bytes, size_t length, unsigned seed, gee_measured_t *result) {
    fuzz_cuts_t cuts = fuzz_cuts(seed);
    gee_measure_t progress = { 0 };
    gee_error_t error;
    size_t at = 0;
    *result = GEE_MEASURE_MORE;
    for (size_t seen = 0; seen < length && *result == GEE_MEASURE_MORE;) {
        size_t passed = 0;
        seen += fuzz_next_cut(&cuts, length - seen);
        uint8_t *piece = fuzz_copy(bytes + at, seen - at);
        *result = codec->skip_value(NULL, &progress, piece, seen - at, &passed, &fuzz_limits, &error);
        FUZZ_CHECK(passed <= seen - at, "%zu of %zu", passed, seen - at);
        free(piece);
        at += passed;
    }
    return *result == GEE_MEASURE_DONE ? at : 0;
}

/* The end is where it is measured, and found behind what is nested too deep. */
static void check_skipped(const uint8_t *bytes, size_t length, unsigned seed, gee_measured_t measured, size_t end) {
    gee_measured_t whole, cut;
    size_t skipped = skip_over(bytes, length, 0, &whole), skipped_cut = skip_over(bytes, length, seed, &cut);
    FUZZ_CHECK(whole == cut && skipped == skipped_cut, "%d %zu, in pieces %d %zu", whole, skipped, cut, skipped_cut);
    FUZZ_CHECK(measured == GEE_MEASURE_REFUSED || measured == GEE_MEASURE_LONG || whole == measured, "%d, measured %d",
               whole, measured);
    FUZZ_CHECK(measured != GEE_MEASURE_DONE || skipped == end, "skipped %zu, measured %zu", skipped, end);
}

/* Measured: it is DONE; otherwise it is the padding before the end, or what is refused or incomplete. */
static size_t measure_in_all_ways(const uint8_t *bytes, size_t length, unsigned seed) {
    gee_measure_t whole, cut;
    gee_error_t whole_error, cut_error;
    gee_measured_t result = measure(bytes, length, 0, &whole, &whole_error);
    for (unsigned i = 0; i < 2; i++) {
        gee_measured_t other = measure(bytes, length, i == 0 ? 1 : seed, &cut, &cut_error);
        FUZZ_CHECK(other == result, "cut %u: %d, whole %d", i, other, result);
        FUZZ_CHECK(result != GEE_MEASURE_DONE || cut.length == whole.length, "%zu, whole %zu", cut.length,
                   whole.length);
        FUZZ_CHECK(result != GEE_MEASURE_ERROR || cut_error.code == whole_error.code, "%s, whole: %s", cut_error.text,
                   whole_error.text);
    }
    check_skipped(bytes, length, seed, result, whole.length);
    FUZZ_CHECK(result != GEE_MEASURE_DONE || (whole.length > 0 && whole.length <= length), "%zu", whole.length);
    return result == GEE_MEASURE_DONE ? whole.length : 0;
}

/* ---- trees ---- */

static uint8_t *write_tree(const gee_value_t *tree, size_t *length) {
    gee_chain_t chain;
    gee_error_t error;
    gee_chain_init(&chain, cache);
    FUZZ_CHECK(codec->encode_value(NULL, tree, &chain, &error) == 0, "%s", error.text);
    return fuzz_take_chain(&chain, length);
}

/* Whole doubles are written as integers are, and come back as such: those past 2^53 as nearly that value, -0 as 0. */
static bool has_inexact_double(const gee_value_t *tree) {
    bool found = tree->kind == GEE_VALUE_DOUBLE &&
                 (fabs(tree->number) >= 0x1p53 || (tree->number == 0 && signbit(tree->number)));
    for (size_t i = 0; tree->kind == GEE_VALUE_LIST && i < tree->list.count && !found; i++)
        found = has_inexact_double(&tree->list.items[i]);
    for (size_t i = 0; tree->kind == GEE_VALUE_STRUCT && i < tree->pairs.count && !found; i++)
        found = has_inexact_double(tree->pairs.items[i].value);
    return found;
}

static bool check_tree(const uint8_t *bytes, size_t length, gee_pool_t *pool, gee_value_t *tree, gee_error_t *error) {
    gee_value_t again = { 0 };
    gee_error_t other;
    size_t written, rewritten;
    if (codec->decode_value(NULL, bytes, length, &fuzz_limits, pool, tree, error) != 0)
        return false;
    uint8_t *text = write_tree(tree, &written);
    gee_pool_t *second = gee_pool_create(4096); /* escapes may make it longer, but not without bound */
    gee_codec_limits_t wide = { .message = 6 * fuzz_limits.message, .nesting = fuzz_limits.nesting };
    FUZZ_CHECK(codec->decode_value(NULL, text, written, &wide, second, &again, &other) == 0, "%s: %.*s", other.text,
               (int)written, (const char *)text);
    FUZZ_CHECK(has_inexact_double(tree) || gee_value_equal(tree, &again), "%.*s", (int)written, (const char *)text);
    uint8_t *rewrite = write_tree(&again, &rewritten);
    FUZZ_CHECK(has_inexact_double(tree) || (written == rewritten && memcmp(text, rewrite, written) == 0),
               "%.*s, then %.*s", (int)written, (const char *)text, (int)rewritten, (const char *)rewrite);
    free(text);
    free(rewrite);
    gee_pool_destroy(&second);
    return true;
}

/* ---- C types ---- */

static void check_written(const gee_type_t *type, const fuzz_value_t *value) {
    gee_chain_t chain;
    gee_error_t error;
    fuzz_value_t again = { 0 };
    size_t length;
    gee_codec_limits_t wide = { .message = 64 * fuzz_limits.message, .nesting = fuzz_limits.nesting };
    gee_chain_init(&chain, cache);
    FUZZ_CHECK(codec->encode(NULL, type, value, &chain, &error) == 0, "%s", error.text);
    uint8_t *text = fuzz_take_chain(&chain, &length);
    gee_pool_t *pool = gee_pool_create(4096);
    FUZZ_CHECK(codec->decode(NULL, type, text, length, &wide, false, pool, &again, &error) == 0, "%s: %.*s", error.text,
               (int)length, (const char *)text);
    FUZZ_CHECK(gee_type_equal(type, value, &again), "%.*s", (int)length, (const char *)text);
    gee_pool_destroy(&pool);
    free(text);
}

/* A tree has doubles: what becomes a float is rounded twice there. */
static void forgive_rounding(const gee_type_t *type, const fuzz_value_t *value, fuzz_value_t *other) {
    size_t offset = type == GEE_TYPE_OF(all_t) ? offsetof(all_t, f) : 0;
    float a, b;
    if (type != GEE_TYPE_OF(all_t) && type != GEE_TYPE_OF(float))
        return;
    memcpy(&a, (const char *)value + offset, sizeof(a));
    memcpy(&b, (const char *)other + offset, sizeof(b));
    if (b == nextafterf(a, b))
        memcpy((char *)other + offset, &a, sizeof(a));
}

static void check_type(const gee_type_t *type, const uint8_t *bytes, size_t length, const gee_value_t *tree,
                       const gee_error_t *tree_error) {
    fuzz_value_t value = { 0 }, same = { 0 };
    gee_error_t error, same_error;
    gee_pool_t *pool = fuzz_pool();
    int result = codec->decode(NULL, type, bytes, length, &fuzz_limits, true, pool, &value, &error);
    if (tree == NULL) { /* it has integers of 64 bits only; a C type can have room for more, or skip the number */
        FUZZ_CHECK(result != 0 || tree_error->code == GEE_OUT_OF_RANGE, "read as %s, but not as a tree: %s",
                   gee_type_label(type), tree_error->text);
    } else {
        int other = gee_value_to_type(tree, type, &same, pool, &same_error);
        bool memory = (result != 0 && error.code == GEE_RESOURCE_EXHAUSTED) ||
                      (other != 0 && same_error.code == GEE_RESOURCE_EXHAUSTED);
        FUZZ_CHECK(memory || (result == 0) == (other == 0), "as %s: read %d %s, from the tree %d %s",
                   gee_type_label(type), result, result ? error.text : "", other, other ? same_error.text : "");
        if (result == 0 && other == 0) {
            forgive_rounding(type, &value, &same);
            FUZZ_CHECK(gee_type_equal(type, &value, &same), "as %s", gee_type_label(type));
        }
    }
    if (result == 0)
        check_written(type, &value);
    gee_pool_destroy(&pool);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 1)
        return 0;
    codec = gee_codec_json_module.interface;
    cache = gee_buf_cache_create(1 << 20);
    uint8_t *bytes = fuzz_copy(data + 1, size - 1);
    size_t padding = codec->padding(bytes, size - 1);
    FUZZ_CHECK(padding <= size - 1, "%zu of %zu", padding, size - 1);
    size_t length = measure_in_all_ways(bytes + padding, size - 1 - padding, data[0]);
    for (int i = 0; i < 2; i++) { /* what was measured, if it was; all of it */
        gee_pool_t *pool = fuzz_pool();
        gee_value_t tree = { 0 };
        gee_error_t error;
        size_t count = i == 0 ? length : size - 1;
        uint8_t *exact = fuzz_copy(i == 0 ? bytes + padding : bytes, count);
        bool read = check_tree(exact, count, pool, &tree, &error);
        check_type(fuzz_types[data[0] % GEE_LENGTH(fuzz_types)], exact, count, read ? &tree : NULL, &error);
        free(exact);
        gee_pool_destroy(&pool);
    }
    free(bytes);
    FUZZ_CHECK(gee_buf_cache_live(cache) == 0, "%zu buffers", gee_buf_cache_live(cache));
    gee_buf_cache_destroy(&cache);
    return 0;
}
