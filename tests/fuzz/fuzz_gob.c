/* fuzz_gob.c: values of encoding/gob, one behind the other on one connection, with their type definitions: where a
 * value ends does not depend on how it is cut, nor on whether it is read or skipped; a tree, a C type and a value
 * that was carried to another connection say the same. */
#include "fuzz.h"

extern const gee_module_t gee_codec_gob_module;
static const gee_codec_t *codec;
static gee_buf_cache_t *cache;
static void *shared; /* or null: each state has its own */

#define VALUES 16 /* of one input */

/* ---- types beside those of fuzz.h ---- */

typedef enum color { COLOR_RED, COLOR_GREEN } color_t;
GEE_ENUM_TYPE(color_t, "Color", 0, { "RED", COLOR_RED }, { "GREEN", COLOR_GREEN });
GEE_KEYED_MAP_TYPE(bool, color_t);
GEE_KEYED_MAP_TYPE(int32_t, gee_str_t);
GEE_KEYED_MAP_TYPE(int64_t, item_t);
GEE_KEYED_MAP_TYPE(uint32_t, int64_t);
GEE_KEYED_MAP_TYPE(uint64_t, double);
typedef struct keyed {
    color_t color;
    GEE_KEYED_MAP_OF(bool, color_t) flags;
    GEE_KEYED_MAP_OF(int32_t, gee_str_t) small;
    GEE_KEYED_MAP_OF(int64_t, item_t) items;
    GEE_KEYED_MAP_OF(uint32_t, int64_t) words;
    GEE_KEYED_MAP_OF(uint64_t, double) wide;
} keyed_t;
GEE_STRUCT(keyed_t, "Keyed", GEE_ENUM(keyed_t, color, "Color", 1, color_t),
           GEE_KEYED_MAP(keyed_t, flags, "ByFlag", 2, bool, color_t, gee_map_of_bool_to_color_t),
           GEE_KEYED_MAP(keyed_t, small, "BySmall", 3, int32_t, gee_str_t, gee_map_of_int32_t_to_gee_str_t),
           GEE_KEYED_MAP(keyed_t, items, "ByNumber", 4, int64_t, item_t, gee_map_of_int64_t_to_item_t),
           GEE_KEYED_MAP(keyed_t, words, "ByWord", 5, uint32_t, int64_t, gee_map_of_uint32_t_to_int64_t),
           GEE_KEYED_MAP(keyed_t, wide, "ByWide", 6, uint64_t, double, gee_map_of_uint64_t_to_double));

/* As made from a .proto. */
GEE_ARRAY_TYPE(double, 3);
typedef struct message {
    gee_str_t first_name;
    GEE_LIST_OF(double) point;
    uint32_t which;
    union {
        int64_t number;
        gee_str_t text;
        item_t *item;
    } is;
} message_t;
static const gee_field_t message_fields[] = {
    GEE_STRING(message_t, first_name, "first_name", 1),
    GEE_LIST(message_t, point, "point", 2, double, gee_array_of_3_double),
    GEE_ONEOF(message_t, which, is.number, "number", 3, int64_t),
    GEE_ONEOF(message_t, which, is.text, "string", 4, gee_str_t),
    GEE_ONEOF_OPTIONAL(message_t, which, is.item, "item_2", 5, item_t, gee_optional_of_item_t),
};
static const gee_type_t message_type = GEE_STRUCT_INITIALISER(
    message_t, "Message", "fuzz.Message", 0, GEE_WELL_KNOWN_NONE, 0, message_fields, GEE_LENGTH(message_fields));
_Static_assert(sizeof(keyed_t) <= sizeof(fuzz_value_t) && sizeof(message_t) <= sizeof(fuzz_value_t),
               "a value of any type fits");

static const gee_type_t *type_of(unsigned number) {
    number %= GEE_LENGTH(fuzz_types) + 2;
    return number < GEE_LENGTH(fuzz_types)    ? fuzz_types[number]
           : number == GEE_LENGTH(fuzz_types) ? GEE_TYPE_OF(keyed_t)
                                              : &message_type;
}

/* ---- states ---- */

static void *make_state(void) {
    gee_error_t error;
    void *state = calloc(1, codec->state_size);
    FUZZ_CHECK(state != NULL, "out of memory");
    if (shared != NULL)
        codec->attach(state, shared);
    FUZZ_CHECK(codec->start(state, &error) == 0, "%s", error.text);
    return state;
}

static void drop_state(void **state) {
    codec->stop(*state);
    free(*state);
    *state = NULL;
}

/* A connection: one that sends and one that receives. */
typedef struct fuzz_wire {
    void *send, *receive;
} fuzz_wire_t;

static gee_measured_t measure(void *state, const uint8_t *bytes, size_t length, unsigned seed,
                              const gee_codec_limits_t *limits, size_t *measured, gee_error_t *error) {
    fuzz_cuts_t cuts = fuzz_cuts(seed);
    gee_measure_t progress = { 0 };
    gee_measured_t result = GEE_MEASURE_MORE;
    for (size_t seen = 0; seen < length && result == GEE_MEASURE_MORE;) {
        seen += fuzz_next_cut(&cuts, length - seen);
        uint8_t *piece = length <= 512 ? fuzz_copy(bytes, seen) : NULL;
        result = codec->measure(state, &progress, piece ? piece : bytes, seen, limits, error);
        free(piece);
        FUZZ_CHECK(progress.scanned <= seen, "%zu of %zu", progress.scanned, seen);
    }
    *measured = progress.length;
    FUZZ_CHECK(result != GEE_MEASURE_DONE || (*measured > 0 && *measured <= length), "%zu of %zu", *measured, length);
    return result;
}

/* In pieces, each only from where it is wanted. What was passed; 0: the value does not end here. */
static size_t skip_over(void *state, const uint8_t *bytes, size_t length, unsigned seed) {
    fuzz_cuts_t cuts = fuzz_cuts(seed);
    gee_measure_t progress = { 0 };
    gee_measured_t result = GEE_MEASURE_MORE;
    gee_error_t error;
    size_t at = 0;
    for (size_t seen = 0; seen < length && result == GEE_MEASURE_MORE;) {
        size_t passed = 0;
        seen += fuzz_next_cut(&cuts, length - seen);
        if (at >= seen)
            continue;
        uint8_t *piece = fuzz_copy(bytes + at, seen - at);
        result = codec->skip_value(state, &progress, piece, seen - at, &passed, &fuzz_limits, &error);
        free(piece);
        at += passed;
    }
    return result == GEE_MEASURE_DONE && at <= length ? at : 0;
}

/* Bytes that our own side has written are read by the other: into `value` of that type, or into `tree`. */
static void receive_own(fuzz_wire_t *wire, gee_chain_t *chain, gee_pool_t *pool, const gee_type_t *type,
                        fuzz_value_t *value, gee_value_t *tree) {
    gee_codec_limits_t wide = { .message = 64 * fuzz_limits.message, .nesting = fuzz_limits.nesting };
    gee_error_t error;
    size_t length, measured;
    uint8_t *bytes = fuzz_take_chain(chain, &length);
    gee_measured_t measured_as = measure(wire->receive, bytes, length, 0, &wide, &measured, &error);
    FUZZ_CHECK(measured_as == GEE_MEASURE_DONE && measured == length, "%d, %zu of %zu: %s", measured_as, measured,
               length, measured_as == GEE_MEASURE_ERROR ? error.text : "");
    int result = type ? codec->decode(wire->receive, type, bytes, length, &wide, true, pool, value, &error)
                      : codec->decode_value(wire->receive, bytes, length, &wide, pool, tree, &error);
    FUZZ_CHECK(result == 0, "%s", error.text);
    free(bytes);
}

/* ---- what gob cannot tell: a field that is zero, empty or null from one that is not there ---- */

static bool is_nothing(const gee_value_t *value) {
    static const gee_value_t zero_number = { .kind = GEE_VALUE_INT };
    switch (value->kind) {
    case GEE_VALUE_NULL:
        return true;
    case GEE_VALUE_BOOL:
        return !value->boolean;
    case GEE_VALUE_STRING:
        return value->string.length == 0;
    case GEE_VALUE_BYTES:
        return value->bytes.length == 0;
    case GEE_VALUE_LIST:
        return value->list.count == 0;
    case GEE_VALUE_MAP:
        return value->pairs.count == 0;
    case GEE_VALUE_STRUCT:
        for (size_t i = 0; i < value->pairs.count; i++)
            if (!is_nothing(value->pairs.items[i].value))
                return false;
        return true;
    default:
        return gee_value_equal(value, &zero_number);
    }
}

static bool same(const gee_value_t *a, const gee_value_t *b);

static bool has_same_pairs(const gee_value_t *a, const gee_value_t *b) {
    for (size_t i = 0; i < a->pairs.count; i++) {
        const gee_pair_t *pair = &a->pairs.items[i];
        const gee_value_t *other = gee_value_get(b, pair->key);
        if (gee_value_get(a, pair->key) != pair->value) /* another of that name comes later */
            continue;
        if (other == NULL ? a->kind == GEE_VALUE_MAP || !is_nothing(pair->value) : !same(pair->value, other))
            return false;
    }
    return true;
}

static bool same(const gee_value_t *a, const gee_value_t *b) {
    if (is_nothing(a) && is_nothing(b))
        return true;
    if (a->kind == GEE_VALUE_LIST && b->kind == GEE_VALUE_LIST) {
        for (size_t i = 0; i < a->list.count && a->list.count == b->list.count; i++)
            if (!same(&a->list.items[i], &b->list.items[i]))
                return false;
        return a->list.count == b->list.count;
    }
    if ((a->kind == GEE_VALUE_STRUCT || a->kind == GEE_VALUE_MAP) && a->kind == b->kind)
        return has_same_pairs(a, b) && has_same_pairs(b, a);
    return gee_value_equal(a, b);
}

static void forget_nothing(const gee_type_t *type, fuzz_value_t *value) {
    if (type != GEE_TYPE_OF(all_t))
        return;
    if (value->all.maybe != NULL && *value->all.maybe == 0)
        value->all.maybe = NULL;
    if (value->all.note != NULL && value->all.note->length == 0)
        value->all.note = NULL;
}

/* Has it a field whose name is that of a C field but for its case? Those gob tells apart, as Go does, and trees do
 * not. */
static bool has_other_case(const gee_value_t *tree) {
    bool found = false, pairs = tree->kind == GEE_VALUE_STRUCT || tree->kind == GEE_VALUE_MAP;
    for (size_t i = 0; tree->kind == GEE_VALUE_LIST && i < tree->list.count && !found; i++)
        found = has_other_case(&tree->list.items[i]);
    for (size_t i = 0; pairs && i < tree->pairs.count && !found; i++) {
        gee_str_t key = tree->pairs.items[i].key;
        const gee_field_t *field = gee_type_field_by_name(GEE_TYPE_OF(all_t), key);
        if (field == NULL)
            field = gee_type_field_by_name(GEE_TYPE_OF(item_t), key);
        if (field == NULL)
            field = gee_type_field_by_name(GEE_TYPE_OF(keyed_t), key);
        found =
            (field != NULL && !gee_str_equal(gee_str(field->name), key)) || has_other_case(tree->pairs.items[i].value);
    }
    return found;
}

/* ---- trips ---- */

static void check_tree(fuzz_wire_t *wire, const gee_value_t *tree) {
    gee_chain_t chain;
    gee_error_t error;
    gee_pool_t *pool = gee_pool_create(4096);
    gee_value_t again = { 0 };
    gee_chain_init(&chain, cache);
    uint64_t mark = codec->mark(wire->send);
    if (codec->encode_value(wire->send, tree, &chain, &error) == 0) {
        gee_chain_clear(&chain); /* cut off, and written once more */
        codec->rewind(wire->send, mark);
        FUZZ_CHECK(codec->encode_value(wire->send, tree, &chain, &error) == 0, "%s", error.text);
        receive_own(wire, &chain, pool, NULL, NULL, &again);
        FUZZ_CHECK(same(tree, &again), "a tree is another after its trip");
    } else {
        codec->rewind(wire->send, mark);
    }
    gee_chain_clear(&chain);
    gee_pool_destroy(&pool);
}

static void check_carried(fuzz_wire_t *wire, const void *from, const uint8_t *bytes, size_t length,
                          const gee_value_t *tree) {
    gee_chain_t chain;
    gee_error_t error;
    gee_pool_t *pool = gee_pool_create(4096);
    gee_value_t again = { 0 };
    gee_chain_init(&chain, cache);
    uint64_t mark = codec->mark(wire->send);
    if (codec->check(from, NULL, bytes, length, &fuzz_limits, 0, &error) == 0 &&
        codec->carry(from, wire->send, bytes, length, &chain, &error) == 0) {
        receive_own(wire, &chain, pool, NULL, NULL, &again);
        FUZZ_CHECK(gee_value_equal(tree, &again), "a carried value is another");
    } else {
        codec->rewind(wire->send, mark);
    }
    gee_chain_clear(&chain);
    gee_pool_destroy(&pool);
}

static void check_type(fuzz_wire_t *wire, void *state, const gee_type_t *type, const uint8_t *bytes, size_t length,
                       const gee_value_t *tree) {
    gee_chain_t chain;
    gee_error_t error;
    fuzz_value_t value = { 0 }, again = { 0 }, from_tree = { 0 };
    gee_pool_t *pool = gee_pool_create(4096), *typed_pool = fuzz_pool();
    gee_chain_init(&chain, cache);
    if (codec->decode(state, type, bytes, length, &fuzz_limits, true, typed_pool, &value, &error) == 0) {
        FUZZ_CHECK(codec->encode(wire->send, type, &value, &chain, &error) == 0, "as %s: %s", gee_type_label(type),
                   error.text);
        receive_own(wire, &chain, pool, type, &again, NULL);
        FUZZ_CHECK(gee_type_equal(type, &value, &again), "as %s", gee_type_label(type));
        /* A tree has no names of Go for a .proto's, and a zero for each member of a oneof that was not sent. */
        if (tree != NULL && type != &message_type && !has_other_case(tree)) {
            FUZZ_CHECK(gee_value_to_type(tree, type, &from_tree, pool, &error) == 0, "as %s: %s", gee_type_label(type),
                       error.text);
            forget_nothing(type, &value);
            forget_nothing(type, &from_tree);
            FUZZ_CHECK(gee_type_equal(type, &value, &from_tree), "as %s", gee_type_label(type));
        }
    }
    gee_pool_destroy(&typed_pool);
    gee_pool_destroy(&pool);
}

static void check_value(fuzz_wire_t *wire, void *whole, void *cut, const gee_type_t *type, const uint8_t *bytes,
                        size_t length) {
    gee_pool_t *pool = fuzz_pool(), *other_pool = fuzz_pool();
    gee_value_t tree = { 0 }, other = { 0 };
    gee_error_t error, other_error;
    uint8_t *exact = fuzz_copy(bytes, length);
    int result = codec->decode_value(whole, exact, length, &fuzz_limits, pool, &tree, &error);
    int again = codec->decode_value(cut, exact, length, &fuzz_limits, other_pool, &other, &other_error);
    FUZZ_CHECK(result == again, "%s, %s", result ? error.text : "read", again ? other_error.text : "read");
    if (result == 0) {
        FUZZ_CHECK(gee_value_equal(&tree, &other), "read otherwise when it came in pieces");
        check_tree(wire, &tree);
        check_carried(wire, whole, exact, length, &tree);
    }
    check_type(wire, cut, type, exact, length, result == 0 ? &tree : NULL);
    free(exact);
    gee_pool_destroy(&other_pool);
    gee_pool_destroy(&pool);
}

/* Like a session, which gives up at the first error that leaves the place of the next value unknown. */
static void converse(const gee_type_t *type, unsigned seed, const uint8_t *bytes, size_t length) {
    void *whole = make_state(), *cut = make_state(), *skips = make_state(), *skips_cut = make_state();
    fuzz_wire_t wire = { .send = make_state(), .receive = make_state() };
    for (int i = 0; i < VALUES; i++) {
        size_t measured, cut_measured;
        gee_error_t error, cut_error;
        gee_measured_t result = measure(whole, bytes, length, 0, &fuzz_limits, &measured, &error);
        gee_measured_t other = measure(cut, bytes, length, seed, &fuzz_limits, &cut_measured, &cut_error);
        FUZZ_CHECK(result == other, "cut: %d, whole: %d", other, result);
        size_t skipped = skip_over(skips, bytes, length, 0), skipped_cut = skip_over(skips_cut, bytes, length, seed);
        FUZZ_CHECK(skipped == skipped_cut, "skipped %zu, in pieces %zu", skipped, skipped_cut);
        if (result != GEE_MEASURE_DONE)
            break;
        FUZZ_CHECK(skipped == measured, "skipped %zu, measured %zu", skipped, measured);
        FUZZ_CHECK(measured == cut_measured, "cut: %zu, whole: %zu", cut_measured, measured);
        check_value(&wire, whole, cut, type, bytes, measured);
        bytes += measured;
        length -= measured;
    }
    drop_state(&wire.receive);
    drop_state(&wire.send);
    drop_state(&skips_cut);
    drop_state(&skips);
    drop_state(&cut);
    drop_state(&whole);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    gee_error_t error;
    if (size < 2)
        return 0;
    codec = gee_codec_gob_module.interface;
    cache = gee_buf_cache_create(1 << 20);
    shared = data[1] & 1 ? codec->shared_create(&error) : NULL;
    uint8_t *bytes = fuzz_copy(data + 2, size - 2);
    converse(type_of(data[0]), 1 + data[1] / 2, bytes, size - 2);
    free(bytes);
    if (shared != NULL)
        codec->shared_destroy(shared);
    FUZZ_CHECK(gee_buf_cache_live(cache) == 0, "%zu buffers", gee_buf_cache_live(cache));
    gee_buf_cache_destroy(&cache);
    return 0;
}
