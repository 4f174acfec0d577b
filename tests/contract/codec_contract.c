/* codec_contract: what every compiled-in codec promises (core/rpc/codec.h), and that a value passes from any codec to
 * any other unchanged. A codec is used as sessions use it: a sending and a receiving state, measure before decode. */
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

/* ---- types ---- */

/* The same names and tags, other types: what an older or wrong peer has. */
typedef struct {
    int32_t i64;
    gee_str_t s;
} narrow_t;
GEE_STRUCT(narrow_t, "All", GEE_INT32(narrow_t, i64, "I64", 3), GEE_STRING(narrow_t, s, "S", 8));
typedef struct {
    int64_t s;
} wrong_t;
GEE_STRUCT(wrong_t, "All", GEE_INT64(wrong_t, s, "S", 8));

/* ---- kinds that a .proto has, and others beside those of every_kind.h ---- */

typedef enum { LEVEL_LOW = -5, LEVEL_NONE = 0, LEVEL_HIGH = 9 } level_t;
GEE_ENUM_TYPE(level_t, "Level", 0, { "LOW", LEVEL_LOW }, { "NONE", LEVEL_NONE }, { "HIGH", LEVEL_HIGH });
GEE_LIST_TYPE(level_t);
GEE_ARRAY_TYPE(double, 3);
GEE_KEYED_MAP_TYPE(bool, level_t);
GEE_KEYED_MAP_TYPE(int32_t, gee_str_t);
GEE_KEYED_MAP_TYPE(int64_t, item_t);
GEE_KEYED_MAP_TYPE(uint32_t, double);
GEE_KEYED_MAP_TYPE(uint64_t, int64_t);
typedef struct {
    level_t level;
    GEE_LIST_OF(level_t) levels;
    GEE_LIST_OF(double) point;
    GEE_KEYED_MAP_OF(bool, level_t) by_flag;
    GEE_KEYED_MAP_OF(int32_t, gee_str_t) by_small;
    GEE_KEYED_MAP_OF(int64_t, item_t) by_number;
    GEE_KEYED_MAP_OF(uint32_t, double) by_word;
    GEE_KEYED_MAP_OF(uint64_t, int64_t) by_natural;
    int32_t zigzag;
    uint64_t fixed;
    uint32_t which;
    union {
        int64_t number;
        gee_str_t text;
        level_t level;
        item_t item;
        item_t *other;
    } is;
} kinds_t;
GEE_STRUCT(kinds_t, "Kinds", GEE_ENUM(kinds_t, level, "Level", 1, level_t),
           GEE_LIST(kinds_t, levels, "Levels", 2, level_t, gee_list_of_level_t),
           GEE_LIST(kinds_t, point, "Point", 3, double, gee_array_of_3_double),
           GEE_KEYED_MAP(kinds_t, by_flag, "ByFlag", 4, bool, level_t, gee_map_of_bool_to_level_t),
           GEE_KEYED_MAP(kinds_t, by_small, "BySmall", 5, int32_t, gee_str_t, gee_map_of_int32_t_to_gee_str_t),
           GEE_KEYED_MAP(kinds_t, by_number, "ByNumber", 6, int64_t, item_t, gee_map_of_int64_t_to_item_t),
           GEE_KEYED_MAP(kinds_t, by_word, "ByWord", 7, uint32_t, double, gee_map_of_uint32_t_to_double),
           GEE_KEYED_MAP(kinds_t, by_natural, "ByNatural", 8, uint64_t, int64_t, gee_map_of_uint64_t_to_int64_t),
           GEE_SINT32(kinds_t, zigzag, "Zigzag", 9), GEE_FIXED64(kinds_t, fixed, "Fixed", 10),
           GEE_ONEOF(kinds_t, which, is.number, "Number", 11, int64_t),
           GEE_ONEOF(kinds_t, which, is.text, "Text", 12, gee_str_t),
           GEE_ONEOF(kinds_t, which, is.level, "OneLevel", 13, level_t),
           GEE_ONEOF(kinds_t, which, is.item, "Item", 14, item_t),
           GEE_ONEOF_OPTIONAL(kinds_t, which, is.other, "Other", 15, item_t, gee_optional_of_item_t));

/* ---- values ---- */

static int64_t some_sizes[] = { 0, 1, -1, INT64_MIN, INT64_MAX, 9007199254740993 };
static item_t some_items[] = { { .name = { "", 0 } },
                               { .name = { "\xc3\xa4\xf0\x9f\x98\x80 \"\\/\n", 11 }, .count = INT32_MIN },
                               { .name = { "a\0b", 3 }, .count = INT32_MAX } };
static double some_numbers[] = { 0, 1, -1.5, DBL_MAX, DBL_MIN, 0x1p-1074, 0.1, 1e23, -1e-7 };
static bool some_flags[] = { true, false, true };
static gee_str_t some_names[] = { { "", 0 }, { "x", 1 }, { "\0", 1 } };
static gee_bytes_t some_blobs[] = { { NULL, 0 }, { (const uint8_t *)"\0\xff\x80", 3 }, { (const uint8_t *)"", 0 } };
static row_t some_rows[3];
static struct {
    gee_str_t key;
    int64_t value;
} some_prices[] = { { { "", 0 }, 0 }, { { "pear", 4 }, INT64_MIN }, { { "a\0b\"", 4 }, 7 } };
static struct {
    gee_str_t key;
    item_t value;
} some_stock[2];
static int64_t zero, minus = -5;
static gee_str_t empty_note;

static all_t zeros, full, sparse;
static level_t some_levels[] = { LEVEL_HIGH, LEVEL_NONE, LEVEL_LOW, (level_t)77 };
static __typeof__(*((kinds_t *)0)->by_flag.items) some_flagged[] = { { false, LEVEL_NONE }, { true, LEVEL_LOW } };
static __typeof__(*((kinds_t *)0)->by_small.items) some_small[] = { { INT32_MIN, { "least", 5 } },
                                                                    { 0, { "", 0 } },
                                                                    { INT32_MAX, { "most", 4 } } };
static __typeof__(*((kinds_t *)0)->by_number.items) some_numbered[] = { { .key = INT64_MIN }, { .key = INT64_MAX } };
static __typeof__(*((kinds_t *)0)->by_word.items) some_words[] = { { 0, 0 }, { UINT32_MAX, -0.5 } };
static __typeof__(*((kinds_t *)0)->by_natural.items) some_naturals[] = { { 0, -1 }, { UINT64_MAX, INT64_MIN } };
static kinds_t kinds[11];

static void make_kinds(void) {
    kinds[1] = (kinds_t){ .level = LEVEL_LOW, .zigzag = INT32_MIN, .fixed = UINT64_MAX };
    kinds[1].levels.items = some_levels, kinds[1].levels.count = GEE_LENGTH(some_levels);
    kinds[1].point.items = some_numbers, kinds[1].point.count = 3;
    kinds[1].by_flag.items = (void *)some_flagged, kinds[1].by_flag.count = GEE_LENGTH(some_flagged);
    kinds[1].by_small.items = (void *)some_small, kinds[1].by_small.count = GEE_LENGTH(some_small);
    kinds[1].by_number.items = (void *)some_numbered, kinds[1].by_number.count = GEE_LENGTH(some_numbered);
    kinds[1].by_word.items = (void *)some_words, kinds[1].by_word.count = GEE_LENGTH(some_words);
    kinds[1].by_natural.items = (void *)some_naturals, kinds[1].by_natural.count = GEE_LENGTH(some_naturals);
    kinds[2] = (kinds_t){ .level = (level_t)INT32_MAX, .which = 11 }; /* zero, but set */
    kinds[3] = (kinds_t){ .which = 11, .is.number = INT64_MIN };
    kinds[4] = (kinds_t){ .which = 12 };
    kinds[5] = (kinds_t){ .which = 12, .is.text = { "text", 4 } };
    kinds[6] = (kinds_t){ .which = 13 };
    kinds[7] = (kinds_t){ .which = 13, .is.level = LEVEL_HIGH };
    kinds[8] = (kinds_t){ .which = 14 };
    kinds[9] = (kinds_t){ .which = 14, .is.item = some_items[1] };
    kinds[10] = (kinds_t){ .which = 15, .is.other = &some_items[2] };
}

static void make_values(void) {
    some_items[1].sizes.items = some_sizes, some_items[1].sizes.count = GEE_LENGTH(some_sizes);
    some_rows[0].items = some_numbers, some_rows[0].count = 3;
    some_rows[2].items = some_numbers, some_rows[2].count = GEE_LENGTH(some_numbers);
    some_stock[0].key = GEE_STR("none");
    some_stock[1].key = GEE_STR("some"), some_stock[1].value = some_items[1];
    full = (all_t){ .flag = true,
                    .i32 = INT32_MIN,
                    .i64 = 9007199254740993,
                    .u32 = UINT32_MAX,
                    .u64 = UINT64_MAX,
                    .f = 0.1F,
                    .d = -1e-7,
                    .s = { "a\0b", 3 },
                    .data = some_blobs[1],
                    .item = some_items[1],
                    .maybe = &minus,
                    .note = &some_names[1],
                    .other = &some_items[2] };
    full.flags.items = some_flags, full.flags.count = GEE_LENGTH(some_flags);
    full.numbers.items = some_numbers, full.numbers.count = GEE_LENGTH(some_numbers);
    full.names.items = some_names, full.names.count = GEE_LENGTH(some_names);
    full.blobs.items = some_blobs, full.blobs.count = GEE_LENGTH(some_blobs);
    full.items.items = some_items, full.items.count = GEE_LENGTH(some_items);
    full.matrix.items = some_rows, full.matrix.count = GEE_LENGTH(some_rows);
    full.prices.items = (void *)some_prices, full.prices.count = GEE_LENGTH(some_prices);
    full.stock.items = (void *)some_stock, full.stock.count = GEE_LENGTH(some_stock);
    sparse = (all_t){ .i64 = INT64_MIN, .f = -FLT_MAX, .maybe = &zero, .note = &empty_note, .other = &some_items[0] };
    sparse.items.items = some_items, sparse.items.count = 1;
    make_kinds();
}

static const int64_t integers[] = { 0, 1, -1, 127, 128, -128, INT32_MAX, 9007199254740993, INT64_MIN, INT64_MAX };
static const uint64_t naturals[] = { 0, 1, 255, UINT32_MAX, (uint64_t)INT64_MAX + 1, UINT64_MAX };
static const bool booleans[] = { false, true };
static const gee_list_value_t integer_list = { .items = some_sizes, .count = GEE_LENGTH(some_sizes) };
static const gee_list_value_t price_map = { .items = some_prices, .count = GEE_LENGTH(some_prices) };
static const gee_list_value_t no_items;
static const gee_empty_t nothing;

typedef struct {
    const gee_type_t *type;
    const void *values;
    size_t count;
} sample_t;
static const sample_t samples[] = {
    { &gee_type_of_all_t, &zeros, 1 },
    { &gee_type_of_all_t, &full, 1 },
    { &gee_type_of_all_t, &sparse, 1 },
    { &gee_type_of_int64_t, integers, GEE_LENGTH(integers) },
    { &gee_type_of_uint64_t, naturals, GEE_LENGTH(naturals) },
    { &gee_type_of_double, some_numbers, GEE_LENGTH(some_numbers) },
    { &gee_type_of_bool, booleans, GEE_LENGTH(booleans) },
    { &gee_type_of_gee_str_t, some_names, GEE_LENGTH(some_names) },
    { &gee_type_of_gee_bytes_t, some_blobs, GEE_LENGTH(some_blobs) },
    { &gee_type_of_item_t, some_items, GEE_LENGTH(some_items) },
    { &gee_list_of_int64_t, &integer_list, 1 },
    { &gee_list_of_int64_t, &no_items, 1 },
    { &gee_map_of_int64_t, &price_map, 1 },
    { &gee_map_of_int64_t, &no_items, 1 },
    { &gee_type_of_gee_empty_t, &nothing, 1 },
};

/* ---- a conversation ---- */

typedef struct {
    const gee_codec_t *codec;
    void *send, *receive;
} wire_t;

static const gee_codec_limits_t limits = { .message = 1 << 20, .nesting = 100 };
static gee_buf_cache_t *cache;
static gee_pool_t *pool;
static gee_error_t error;
static uint8_t bytes[1 << 17]; /* what was encoded last, separator excluded */
static size_t length;

static void *make_state(const gee_codec_t *codec) {
    void *state = calloc(1, codec->state_size ? codec->state_size : 1);
    assert_non_null(state);
    if (codec->start)
        assert_int_equal(codec->start(state, &error), 0);
    return state;
}

static wire_t open_wire(const gee_codec_t *codec) {
    return (wire_t){ .codec = codec, .send = make_state(codec), .receive = make_state(codec) };
}

static void close_wire(wire_t *wire) {
    if (wire->codec->stop) {
        wire->codec->stop(wire->send);
        wire->codec->stop(wire->receive);
    }
    free(wire->send);
    free(wire->receive);
}

/* Into `bytes`; what stands in the chain before must stay. */
static int encode(wire_t *wire, const gee_type_t *type, const void *value) {
    gee_chain_t chain;
    gee_chain_init(&chain, cache);
    assert_int_equal(gee_chain_append(&chain, "before", 6), 0);
    gee_mark_t mark = gee_chain_mark(&chain);
    memset(&error, 0, sizeof(error));
    int result = wire->codec->encode(wire->send, type, value, &chain, &error);
    if (result < 0)
        gee_chain_rewind(&chain, mark);
    assert_true(chain.length <= sizeof(bytes));
    gee_chain_copy(&chain, bytes, sizeof(bytes));
    assert_memory_equal(bytes, "before", 6);
    gee_chain_consume(&chain, 6);
    length = gee_chain_copy(&chain, bytes, sizeof(bytes));
    gee_chain_clear(&chain);
    return result;
}

/* As a session does: measures first, with a separator or white space behind it where the codec has that. */
static int decode(wire_t *wire, const gee_type_t *type, size_t count, void *value) {
    size_t total = count + strlen(wire->codec->separator), value_length = count;
    uint8_t *exact = malloc(total ? total : 1);
    int result = 0;
    assert_non_null(exact);
    memcpy(exact, bytes, count);
    memcpy(exact + count, wire->codec->separator, total - count);
    memset(value, 0, type->size);
    memset(&error, 0, sizeof(error));
    if (wire->codec->self_delimiting) {
        gee_measure_t progress = { 0 };
        gee_measured_t measured = wire->codec->measure(wire->receive, &progress, exact, total, &limits, &error);
        value_length = progress.length;
        if (measured == GEE_MEASURE_MORE)
            gee_error_set(&error, GEE_INVALID_ARGUMENT, "the value is cut");
        if (measured != GEE_MEASURE_DONE)
            result = -1;
    }
    if (result == 0)
        result = wire->codec->decode(wire->receive, type, exact, value_length, &limits, true, pool, value, &error);
    memset(exact, 0xee, total); /* copied means copied */
    free(exact);
    return result;
}

/* Encodes, decodes, compares. */
static void pass_through(const gee_codec_t *codec, const gee_type_t *type, const void *value, void *back) {
    wire_t wire = open_wire(codec);
    if (encode(&wire, type, value) < 0)
        fail_msg("%s cannot write %s: %s", codec->name, gee_type_label(type), error.text);
    if (decode(&wire, type, length, back) < 0)
        fail_msg("%s cannot read its own %s: %s", codec->name, gee_type_label(type), error.text);
    if (!gee_type_equal(type, value, back))
        fail_msg("%s has changed a %s", codec->name, gee_type_label(type));
    close_wire(&wire);
}

/* A failure: has a code, a text, and the code is one of those that the interface names. */
static void check_error(const gee_codec_t *codec) {
    bool known = error.code == GEE_INVALID_ARGUMENT || error.code == GEE_OUT_OF_RANGE ||
                 error.code == GEE_RESOURCE_EXHAUSTED || error.code == GEE_INTERNAL;
    if (!known || error.text[0] == '\0')
        fail_msg("%s fails with code %d and text \"%s\"", codec->name, (int)error.code, error.text);
}

typedef union {
    all_t all;
    kinds_t kinds;
    item_t item;
    gee_list_value_t list;
    double number;
    max_align_t any;
} any_t;

#define EACH_CODEC(codec)                                                                                              \
    const gee_codec_t *codec = NULL;                                                                                   \
    for (size_t codec_index = 0; (codec = nth_codec(codec_index)) != NULL; codec_index++)

static const gee_codec_t *nth_codec(size_t n) {
    size_t seen = 0;
    for (const gee_module_entry_t *entry = gee_modules; entry->module; entry++) {
        if (entry->module->kind == GEE_MODULE_CODEC && seen++ == n)
            return entry->module->interface;
    }
    return NULL;
}

/* ---- what is promised ---- */

static void the_table_is_complete(void **state) {
    (void)state;
    assert_non_null(nth_codec(0));
    EACH_CODEC(codec) {
        assert_true(codec->name && *codec->name);
        assert_true(codec->content_type && strchr(codec->content_type, '/'));
        assert_non_null(codec->separator);
        assert_true(codec->decode && codec->encode);
        assert_true(codec->self_delimiting == (codec->measure != NULL));
        assert_true(codec->self_delimiting == (codec->padding != NULL));
        assert_true((codec->read_plain != NULL) == (codec->write_plain != NULL));
        for (size_t other = 0; nth_codec(other) != codec; other++) {
            assert_string_not_equal(nth_codec(other)->name, codec->name);
            assert_string_not_equal(nth_codec(other)->content_type, codec->content_type);
        }
    }
}

static void every_value_survives(void **state) {
    (void)state;
    any_t back;
    EACH_CODEC(codec) {
        for (size_t i = 0; i < GEE_LENGTH(samples); i++) {
            const sample_t *sample = &samples[i];
            for (size_t n = 0; n < sample->count; n++)
                pass_through(codec, sample->type, (const char *)sample->values + n * sample->type->size, &back);
        }
        gee_pool_reset(pool);
    }
}

/* Every ordered pair of codecs, and round once more. */
static void values_pass_between_all_codecs(void **state) {
    (void)state;
    EACH_CODEC(from) {
        for (size_t j = 0; nth_codec(j); j++) {
            for (size_t i = 0; i < GEE_LENGTH(samples); i++) {
                any_t first, second, third;
                pass_through(from, samples[i].type, samples[i].values, &first);
                pass_through(nth_codec(j), samples[i].type, &first, &second);
                pass_through(from, samples[i].type, &second, &third);
                assert_true(gee_type_equal(samples[i].type, samples[i].values, &third));
            }
            gee_pool_reset(pool);
        }
    }
}

static void kinds_of_protos_pass_between_all_codecs(void **state) {
    (void)state;
    EACH_CODEC(from) {
        for (size_t j = 0; nth_codec(j); j++) {
            for (size_t i = 0; i < GEE_LENGTH(kinds); i++) {
                any_t first, second;
                pass_through(from, GEE_TYPE_OF(kinds_t), &kinds[i], &first);
                pass_through(nth_codec(j), GEE_TYPE_OF(kinds_t), &first, &second);
                assert_true(gee_type_equal(GEE_TYPE_OF(kinds_t), &kinds[i], &second));
            }
            gee_pool_reset(pool);
        }
    }
}

static void write_tree(wire_t *wire, const gee_value_t *tree) {
    gee_chain_t chain;
    gee_chain_init(&chain, cache);
    if (wire->codec->encode_value(wire->send, tree, &chain, &error) < 0)
        fail_msg("%s: %s", wire->codec->name, error.text);
    length = gee_chain_copy(&chain, bytes, sizeof(bytes));
    assert_int_equal(length, chain.length);
    gee_chain_clear(&chain);
}

static void forget_zeros(all_t *value) {
    if (value->maybe && *value->maybe == 0)
        value->maybe = NULL;
    if (value->note && value->note->length == 0)
        value->note = NULL;
}

/* A codec with types on the wire leaves out what is zero and what is absent alike, and the tree shows zero for both. */
static bool same_from_tree(const gee_codec_t *codec, const gee_type_t *type, const void *value, any_t *back) {
    if (!codec->types_on_wire || type != &gee_type_of_all_t)
        return gee_type_equal(type, value, back);
    all_t expected = *(const all_t *)value;
    forget_zeros(&expected);
    forget_zeros(&back->all);
    return gee_type_equal(type, &expected, &back->all);
}

/* typed -> tree -> bytes -> typed, and typed -> bytes -> tree -> typed */
static void trees_and_typed_values_agree(void **state) {
    (void)state;
    EACH_CODEC(codec) {
        if (!codec->encode_value || !codec->decode_value)
            continue;
        for (size_t i = 0; i < GEE_LENGTH(samples); i++) {
            const gee_type_t *type = samples[i].type;
            wire_t one = open_wire(codec), two = open_wire(codec);
            gee_value_t tree, read;
            any_t back;
            assert_int_equal(gee_value_from_type(type, samples[i].values, pool, &tree, &error), 0);
            write_tree(&one, &tree);
            if (decode(&one, type, length, &back) < 0)
                fail_msg("%s cannot read the tree of %s: %s", codec->name, gee_type_label(type), error.text);
            assert_true(gee_type_equal(type, samples[i].values, &back));
            assert_int_equal(encode(&two, type, samples[i].values), 0);
            if (codec->self_delimiting) {
                gee_measure_t progress = { 0 };
                bytes[length] = '\n';
                codec->measure(two.receive, &progress, bytes, length + 1, &limits, &error);
            }
            assert_int_equal(codec->decode_value(two.receive, bytes, length, &limits, pool, &read, &error), 0);
            memset(bytes, 0xee, length);
            if (gee_value_to_type(&read, type, &back, pool, &error) < 0)
                fail_msg("%s: %s", codec->name, error.text);
            assert_true(same_from_tree(codec, type, samples[i].values, &back));
            close_wire(&one);
            close_wire(&two);
        }
    }
}

/* In bytes of exactly the lengths that it was given so far: every split of a value with the next one behind it. */
static void a_value_is_measured_however_it_is_cut(void **state) {
    (void)state;
    EACH_CODEC(codec) {
        if (!codec->self_delimiting)
            continue;
        wire_t wire = open_wire(codec);
        assert_int_equal(encode(&wire, &gee_type_of_all_t, &sparse), 0);
        size_t first = length, total;
        memcpy(bytes + first, codec->separator, strlen(codec->separator));
        total = first + strlen(codec->separator);
        memmove(bytes + total, bytes, first);
        total += first;
        for (size_t split = 0; split <= total; split++) {
            gee_measure_t progress = { 0 };
            void *receive = make_state(codec);
            gee_measured_t measured = codec->measure(receive, &progress, bytes, split, &limits, &error);
            assert_true(measured != GEE_MEASURE_ERROR);
            assert_true(split >= first || measured == GEE_MEASURE_MORE);
            if (measured == GEE_MEASURE_MORE)
                measured = codec->measure(receive, &progress, bytes, total, &limits, &error);
            assert_int_equal(measured, GEE_MEASURE_DONE);
            assert_int_equal(progress.length, first);
            if (codec->stop)
                codec->stop(receive);
            free(receive);
        }
        close_wire(&wire);
    }
}

static void a_value_over_the_limit_is_not_measured(void **state) {
    (void)state;
    const gee_codec_limits_t small = { .message = 100, .nesting = 100 };
    EACH_CODEC(codec) {
        if (!codec->self_delimiting)
            continue;
        wire_t wire = open_wire(codec);
        gee_measure_t progress = { 0 };
        assert_int_equal(encode(&wire, &gee_type_of_all_t, &full), 0);
        assert_true(length > 100);
        assert_int_equal(codec->measure(wire.receive, &progress, bytes, length, &small, &error), GEE_MEASURE_LONG);
        assert_int_equal(error.code, GEE_RESOURCE_EXHAUSTED);
        close_wire(&wire);
    }
}

/* Shows the skipping codec no more than it has not passed, in two pieces. Returns what was passed; 0: it is not at
 * its end. */
static size_t skip_in_pieces(const gee_codec_t *codec, void *receive, gee_measure_t *progress, size_t cut) {
    const gee_codec_limits_t small = { .message = 100, .nesting = 100 };
    size_t at = 0, ends[] = { cut, length };
    for (size_t i = 0; i < GEE_LENGTH(ends); i++) {
        size_t passed = 0;
        if (at >= ends[i])
            continue; /* it has told us not to show that */
        gee_measured_t measured =
            codec->skip_value(receive, progress, bytes + at, ends[i] - at, &passed, &small, &error);
        if (measured == GEE_MEASURE_ERROR)
            fail_msg("%s, cut at %zu: %s", codec->name, cut, error.text);
        at += passed;
        if (measured == GEE_MEASURE_DONE)
            return at;
    }
    return 0;
}

/* The next value is read as if the one before had been, whose types it needs not define again. */
static void a_value_over_the_limit_is_skipped(void **state) {
    (void)state;
    const gee_codec_limits_t small = { .message = 100, .nesting = 100 };
    EACH_CODEC(codec) {
        size_t whole = 1000;
        for (size_t cut = 0; codec->self_delimiting && cut < 2 * whole; cut++) {
            wire_t wire = open_wire(codec);
            gee_measure_t progress = { 0 };
            assert_int_equal(encode(&wire, &gee_type_of_all_t, &full), 0);
            whole = length;
            bool measured = cut >= whole; /* before; and wherever it is cut */
            if (measured)
                assert_int_equal(codec->measure(wire.receive, &progress, bytes, length, &small, &error),
                                 GEE_MEASURE_LONG);
            assert_int_equal(skip_in_pieces(codec, wire.receive, &progress, cut % whole), length);
            assert_int_equal(encode(&wire, &gee_type_of_all_t, &full), 0);
            progress = (gee_measure_t){ 0 };
            if (codec->measure(wire.receive, &progress, bytes, length, &limits, &error) != GEE_MEASURE_DONE)
                fail_msg("%s, cut at %zu: %s", codec->name, cut, error.text);
            close_wire(&wire);
        }
    }
}

static void unknown_fields_are_skipped_and_missing_ones_zero(void **state) {
    (void)state;
    EACH_CODEC(codec) {
        all_t old = full, wide;
        narrow_t narrow;
        wire_t wire = open_wire(codec), other = open_wire(codec);
        old.i64 = -7;
        assert_int_equal(encode(&wire, &gee_type_of_all_t, &old), 0);
        if (decode(&wire, &gee_type_of_narrow_t, length, &narrow) < 0)
            fail_msg("%s: %s", codec->name, error.text);
        assert_int_equal(narrow.i64, -7);
        assert_true(gee_str_equal(narrow.s, full.s));
        assert_int_equal(encode(&other, &gee_type_of_narrow_t, &narrow), 0);
        assert_int_equal(decode(&other, &gee_type_of_all_t, length, &wide), 0);
        assert_int_equal(wide.i64, -7);
        wide.i64 = 0;
        wide.s = (gee_str_t){ 0 };
        assert_true(gee_type_is_zero(&gee_type_of_all_t, &wide));
        close_wire(&wire);
        close_wire(&other);
    }
}

/* What does not fit is truncated or an unknown field by protobuf's rules, and refused by all others. */
static void what_does_not_fit_names_the_field(void **state) {
    (void)state;
    EACH_CODEC(codec) {
        if (strcmp(codec->name, "proto") == 0)
            continue;
        narrow_t narrow;
        wrong_t wrong;
        wire_t one = open_wire(codec), two = open_wire(codec);
        assert_int_equal(encode(&one, &gee_type_of_all_t, &full), 0);
        assert_int_equal(decode(&one, &gee_type_of_narrow_t, length, &narrow), -1);
        assert_int_equal(error.code, GEE_OUT_OF_RANGE);
        assert_memory_equal(error.text, "I64: ", 5);
        assert_non_null(strstr(error.text, "9007199254740993"));
        assert_int_equal(encode(&two, &gee_type_of_all_t, &full), 0);
        assert_int_equal(decode(&two, &gee_type_of_wrong_t, length, &wrong), -1);
        assert_int_equal(error.code, GEE_INVALID_ARGUMENT);
        assert_memory_equal(error.text, "S: ", 3);
        close_wire(&one);
        close_wire(&two);
    }
}

static void check_refused_or_same(const gee_codec_t *codec, const all_t *value, const char *field) {
    wire_t wire = open_wire(codec);
    all_t back;
    if (encode(&wire, &gee_type_of_all_t, value) < 0) {
        assert_int_equal(error.code, GEE_INTERNAL);
        if (strncmp(error.text, field, strlen(field)) != 0)
            fail_msg("%s does not name %s: %s", codec->name, field, error.text);
    } else {
        assert_int_equal(decode(&wire, &gee_type_of_all_t, length, &back), 0);
        assert_true(gee_type_equal(&gee_type_of_all_t, value, &back));
    }
    close_wire(&wire);
}

/* NaN and infinities, and strings that are no UTF-8: kept, or refused with the field's name; never changed. */
static void what_a_codec_cannot_express_it_refuses(void **state) {
    (void)state;
    EACH_CODEC(codec) {
        all_t value = zeros;
        item_t item = { .name = { "\xff", 1 } };
        value.d = NAN;
        check_refused_or_same(codec, &value, "D: ");
        value.d = 0, value.f = -INFINITY;
        check_refused_or_same(codec, &value, "F: ");
        value.f = 0, value.items.items = &item, value.items.count = 1;
        check_refused_or_same(codec, &value, "Items[0].Name: ");
    }
}

typedef struct {
    gee_list_value_t children;
} node_t;

static int pass_nested(const gee_codec_t *codec, size_t levels, size_t nesting) {
    gee_type_t node = { .kind = GEE_KIND_STRUCT, .name = "Node", .size = sizeof(node_t), .field_count = 1 };
    gee_type_t list = { .kind = GEE_KIND_LIST, .name = "", .size = sizeof(gee_list_value_t), .element = &node };
    gee_field_t field = { .name = "Children", .tag = 1, .type = &list };
    const gee_codec_limits_t few = { .message = 1 << 20, .nesting = (unsigned)nesting };
    node_t nodes[300], back = { { NULL, 0 } };
    wire_t wire = open_wire(codec);
    node.fields = &field;
    for (size_t i = 0; i < levels; i++)
        nodes[i].children = (gee_list_value_t){ .items = &nodes[i + 1], .count = i + 1 < levels };
    assert_int_equal(encode(&wire, &node, &nodes[0]), 0);
    int result = codec->decode(wire.receive, &node, bytes, length, &few, true, pool, &back, &error);
    assert_true(result < 0 || gee_type_equal(&node, &nodes[0], &back));
    close_wire(&wire);
    return result;
}

/* A level is a struct or a list: codecs may count one or both. */
static void nesting_is_limited(void **state) {
    (void)state;
    EACH_CODEC(codec) {
        if (pass_nested(codec, 40, 100) < 0)
            fail_msg("%s: %s", codec->name, error.text);
        assert_int_equal(pass_nested(codec, 250, 100), -1);
        assert_int_equal(error.code, GEE_RESOURCE_EXHAUSTED);
    }
}

static void memory_is_limited(void **state) {
    (void)state;
    EACH_CODEC(codec) {
        gee_pool_t *small = gee_pool_create(256), *usual = pool;
        wire_t wire = open_wire(codec);
        all_t back;
        assert_int_equal(encode(&wire, &gee_type_of_all_t, &full), 0);
        gee_pool_limit(small, 256);
        pool = small;
        assert_int_equal(decode(&wire, &gee_type_of_all_t, length, &back), -1);
        assert_int_equal(error.code, GEE_RESOURCE_EXHAUSTED);
        assert_true(gee_pool_used(small) <= 256);
        pool = usual;
        gee_pool_destroy(&small);
        close_wire(&wire);
    }
}

/* ---- to another process ---- */

/* Leaves one that was made of its record, in its place. */
static void move_state(const gee_codec_t *codec, void **state) {
    gee_record_t record = { 0 };
    codec->export_state(*state, &record);
    assert_false(record.failed);
    gee_record_reader_t in = gee_record_reader(record.bytes, record.length);
    void *next = make_state(codec);
    if (codec->import_state(next, &in, &error) != 0)
        fail_msg("%s does not take its own record: %s", codec->name, error.text);
    if (codec->stop)
        codec->stop(*state);
    free(*state);
    *state = next;
    gee_record_clear(&record);
}

/* A peer sees no difference to a state that stays, byte by byte; and types that the peer has sent before still
 * count. */
static void a_state_goes_on_elsewhere(void **state) {
    (void)state;
    static uint8_t wanted[sizeof(bytes)];
    EACH_CODEC(codec) {
        assert_true(!codec->export_state == !codec->import_state);
        assert_true(!codec->export_state == (codec->state_size == 0));
        if (!codec->export_state)
            continue;
        wire_t moving = open_wire(codec), staying = open_wire(codec);
        move_state(codec, &moving.send); /* before the first word */
        move_state(codec, &moving.receive);
        for (size_t i = 0; i < 2 * GEE_LENGTH(samples); i++) {
            const sample_t *sample = &samples[i % GEE_LENGTH(samples)];
            any_t back;
            assert_int_equal(encode(&staying, sample->type, sample->values), 0);
            size_t wanted_length = length;
            memcpy(wanted, bytes, length);
            assert_int_equal(encode(&moving, sample->type, sample->values), 0);
            assert_int_equal(length, wanted_length);
            assert_memory_equal(bytes, wanted, length);
            if (decode(&moving, sample->type, length, &back) < 0)
                fail_msg("%s: %s: %s", codec->name, gee_type_label(sample->type), error.text);
            assert_true(gee_type_equal(sample->type, sample->values, &back));
            move_state(codec, &moving.send);
            move_state(codec, &moving.receive);
        }
        close_wire(&moving);
        close_wire(&staying);
    }
}

/* The value is measured here up to any byte, and there from its first byte on. */
static void a_value_may_be_on_its_way(void **state) {
    (void)state;
    EACH_CODEC(codec) {
        if (!codec->export_state || !codec->self_delimiting)
            continue;
        wire_t wire = open_wire(codec);
        assert_int_equal(encode(&wire, &gee_type_of_all_t, &full), 0);
        for (size_t cut = 0; cut < length; cut++) {
            wire_t reader = open_wire(codec);
            gee_measure_t progress = { 0 };
            any_t back;
            assert_int_equal(codec->measure(reader.receive, &progress, bytes, cut, &limits, &error), GEE_MEASURE_MORE);
            move_state(codec, &reader.receive);
            if (decode(&reader, &gee_type_of_all_t, length, &back) < 0)
                fail_msg("%s, cut after %zu bytes: %s", codec->name, cut, error.text);
            assert_true(gee_type_equal(&gee_type_of_all_t, &full, &back));
            close_wire(&reader);
            gee_pool_reset(pool);
        }
        close_wire(&wire);
    }
}

/* ---- damage ---- */

static void cut_input_is_refused_or_a_value(void **state) {
    (void)state;
    EACH_CODEC(codec) {
        size_t whole = SIZE_MAX;
        for (size_t cut = 0; cut <= whole; cut++) {
            wire_t wire = open_wire(codec);
            all_t back;
            assert_int_equal(encode(&wire, &gee_type_of_all_t, &full), 0);
            whole = length;
            int result = decode(&wire, &gee_type_of_all_t, cut, &back);
            assert_true(cut < whole || result == 0);
            if (codec->self_delimiting && cut < whole)
                assert_int_equal(result, -1);
            if (result < 0)
                check_error(codec);
            close_wire(&wire);
            gee_pool_reset(pool);
        }
    }
}

static uint64_t seed = 88172645463325252u;
static size_t next_random(size_t below) {
    seed ^= seed << 13, seed ^= seed >> 7, seed ^= seed << 17;
    return (size_t)(seed >> 11) % below;
}

static void damage(void) {
    for (size_t changes = 1 + next_random(4); changes > 0 && length > 0; changes--) {
        size_t at = next_random(length);
        if (next_random(3) == 0)
            bytes[at] ^= (uint8_t)(1u << next_random(8));
        else if (next_random(2) == 0)
            bytes[at] = (uint8_t)next_random(256);
        else
            memmove(bytes + at, bytes + at / 2, (length - at) / 2);
    }
}

/* No crash, no memory beyond the limit; and what was accepted is a value that can be written. */
static void damaged_input_is_refused_or_a_value(void **state) {
    (void)state;
    EACH_CODEC(codec) {
        size_t accepted = 0;
        for (int round = 0; round < 3000; round++) {
            wire_t wire = open_wire(codec), again = open_wire(codec);
            all_t value, back;
            assert_int_equal(encode(&wire, &gee_type_of_all_t, round % 2 ? &full : &sparse), 0);
            damage();
            gee_pool_limit(pool, 1 << 20);
            if (decode(&wire, &gee_type_of_all_t, length, &value) < 0) {
                check_error(codec);
            } else {
                accepted++;
                if (encode(&again, &gee_type_of_all_t, &value) == 0) {
                    assert_int_equal(decode(&again, &gee_type_of_all_t, length, &back), 0);
                    assert_true(gee_type_equal(&gee_type_of_all_t, &value, &back));
                } else {
                    assert_int_equal(error.code, GEE_INTERNAL);
                }
            }
            close_wire(&wire);
            close_wire(&again);
            gee_pool_reset(pool);
        }
        assert_true(accepted > 0 && accepted < 3000);
    }
}

/* ---- headers at a glance ---- */

typedef struct {
    gee_str_t method;
    uint64_t seq;
    gee_str_t error;
} header_t;
GEE_STRUCT(header_t, "Header", GEE_STRING(header_t, method, "ServiceMethod", 1), GEE_UINT64(header_t, seq, "Seq", 2),
           GEE_STRING(header_t, error, "Error", 3));

/* Into `bytes`, with the separator; false: it must be encoded. */
static bool write_plain(wire_t *wire, gee_str_t method, uint64_t seq) {
    gee_chain_t chain;
    gee_chain_init(&chain, cache);
    int result = wire->codec->write_plain(wire->send, GEE_TYPE_OF(header_t), method, seq, &chain);
    length = gee_chain_copy(&chain, bytes, sizeof(bytes));
    assert_int_equal(result, length > 0);
    gee_chain_clear(&chain);
    return result == 1;
}

/* Of `count` of the bytes, behind which nothing may be looked at. */
static size_t read_plain(wire_t *wire, size_t count, gee_str_t *method, uint64_t *seq) {
    uint8_t *exact = malloc(count ? count : 1);
    assert_non_null(exact);
    memcpy(exact, bytes, count);
    size_t plain = wire->codec->read_plain(wire->receive, GEE_TYPE_OF(header_t), exact, count, method, seq);
    if (plain > 0)
        method->data = (const char *)bytes + (method->data - (const char *)exact);
    free(exact);
    return plain;
}

static void a_plain_header_is_as_any_other(void **state) {
    (void)state;
    static const gee_str_t methods[] = { GEE_STR("Arith.Multiply"), GEE_STR("a.B"), GEE_STR(""),
                                         GEE_STR("Of.Some.Length.That.Is.More.Than.Sixteen.And.ThirtyTwo"),
                                         GEE_STR("\xc3\xa4.\"") };
    static const uint64_t numbers[] = { 0, 1, 127, 128, 1000, UINT32_MAX, INT64_MAX, UINT64_MAX };
    EACH_CODEC(codec) {
        if (codec->write_plain == NULL)
            continue;
        wire_t wire = open_wire(codec);
        header_t header = { .method = methods[0], .seq = 1 }, back;
        size_t written = 0, read = 0;
        assert_int_equal(encode(&wire, GEE_TYPE_OF(header_t), &header),
                         0); /* with its type, where a codec sends that */
        assert_int_equal(decode(&wire, GEE_TYPE_OF(header_t), length, &back), 0);
        for (size_t i = 0; i < GEE_LENGTH(methods) * GEE_LENGTH(numbers); i++) {
            uint8_t expected[256];
            gee_str_t method;
            uint64_t seq;
            header.method = methods[i % GEE_LENGTH(methods)];
            header.seq = numbers[i / GEE_LENGTH(methods)];
            assert_int_equal(encode(&wire, GEE_TYPE_OF(header_t), &header), 0);
            size_t expected_length = length;
            assert_true(length <= sizeof(expected));
            memcpy(expected, bytes, length);
            if (!write_plain(&wire, header.method, header.seq))
                continue;
            assert_int_equal(length, expected_length + strlen(codec->separator));
            assert_memory_equal(bytes, expected, expected_length);
            assert_memory_equal(bytes + expected_length, codec->separator, length - expected_length);
            for (size_t cut = 0; cut < expected_length; cut++)
                assert_int_equal(read_plain(&wire, cut, &method, &seq), 0);
            size_t plain = read_plain(&wire, length, &method, &seq);
            assert_true(plain == 0 || plain == expected_length);
            assert_true(plain == 0 || (gee_str_equal(method, header.method) && seq == header.seq));
            written++;
            read += plain > 0;
        }
        assert_true(written > 8 && read > 8);
        close_wire(&wire);
    }
}

static int set_up(void **state) {
    (void)state;
    cache = gee_buf_cache_create(1 << 20);
    pool = gee_pool_create(64 << 10);
    make_values();
    return cache && pool ? 0 : -1;
}

static int tear_down(void **state) {
    (void)state;
    size_t live = gee_buf_cache_live(cache);
    gee_pool_destroy(&pool);
    gee_buf_cache_destroy(&cache);
    return live == 0 ? 0 : -1;
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(the_table_is_complete),
        TEST(every_value_survives),
        TEST(values_pass_between_all_codecs),
        TEST(kinds_of_protos_pass_between_all_codecs),
        TEST(trees_and_typed_values_agree),
        TEST(a_value_is_measured_however_it_is_cut),
        TEST(a_value_over_the_limit_is_not_measured),
        TEST(a_value_over_the_limit_is_skipped),
        TEST(unknown_fields_are_skipped_and_missing_ones_zero),
        TEST(what_does_not_fit_names_the_field),
        TEST(what_a_codec_cannot_express_it_refuses),
        TEST(nesting_is_limited),
        TEST(memory_is_limited),
        TEST(a_state_goes_on_elsewhere),
        TEST(a_value_may_be_on_its_way),
        TEST(cut_input_is_refused_or_a_value),
        TEST(damaged_input_is_refused_or_a_value),
        TEST(a_plain_header_is_as_any_other),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
