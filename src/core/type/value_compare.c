/* value_compare.c: finding and comparing in trees of values, and making the keys of a map unique. */
#include "core/type/value.h"

#include <string.h>

#include "core/type/key.h"

/* ---- find and compare ---- */

static bool has_pairs(const gee_value_t *tree) {
    return tree->kind == GEE_VALUE_STRUCT || tree->kind == GEE_VALUE_MAP;
}

const gee_value_t *gee_value_get(const gee_value_t *tree, gee_str_t name) {
    if (!tree || !has_pairs(tree))
        return NULL;
    for (size_t i = tree->pairs.count; i-- > 0;) {
        if (gee_str_equal(tree->pairs.items[i].key, name))
            return tree->pairs.items[i].value;
    }
    return NULL;
}

static bool is_number(const gee_value_t *value) {
    return value->kind == GEE_VALUE_INT || value->kind == GEE_VALUE_UINT || value->kind == GEE_VALUE_DOUBLE;
}

static bool is_negative(const gee_value_t *value) {
    return value->kind == GEE_VALUE_INT && value->integer < 0;
}

/* Compares an integer and a double: the limits are powers of two, which a double has exactly. */
static bool integer_is(const gee_value_t *integer, double number) {
    if (is_negative(integer))
        return number >= -0x1p63 && number < 0 && (int64_t)number == integer->integer &&
               (double)(int64_t)number == number;
    return number >= 0 && number < 0x1p64 && (uint64_t)number == integer->unsigned_integer &&
           (double)(uint64_t)number == number;
}

static bool numbers_equal(const gee_value_t *a, const gee_value_t *b) {
    if (a->kind == GEE_VALUE_DOUBLE && b->kind == GEE_VALUE_DOUBLE)
        return a->number == b->number || (a->number != a->number && b->number != b->number);
    if (a->kind == GEE_VALUE_DOUBLE)
        return integer_is(b, a->number);
    if (b->kind == GEE_VALUE_DOUBLE)
        return integer_is(a, b->number);
    return is_negative(a) == is_negative(b) && a->unsigned_integer == b->unsigned_integer;
}

static bool values_equal(const gee_value_t *a, const gee_value_t *b, unsigned levels);

static bool pairs_equal(const gee_value_t *a, const gee_value_t *b, unsigned levels) {
    if (a->pairs.count != b->pairs.count)
        return false;
    for (size_t i = 0; i < a->pairs.count; i++) {
        const gee_pair_t *left = &a->pairs.items[i], *right = &b->pairs.items[i];
        const gee_value_t *other = gee_str_equal(left->key, right->key) ? right->value : gee_value_get(b, left->key);
        if (!other || !values_equal(left->value, other, levels))
            return false;
    }
    return true;
}

static bool lists_equal(const gee_value_t *a, const gee_value_t *b, unsigned levels) {
    if (a->list.count != b->list.count)
        return false;
    for (size_t i = 0; i < a->list.count; i++) {
        if (!values_equal(&a->list.items[i], &b->list.items[i], levels))
            return false;
    }
    return true;
}

static bool values_equal(const gee_value_t *a, const gee_value_t *b, unsigned levels) {
    if (levels == 0)
        return false;
    if (is_number(a) && is_number(b))
        return numbers_equal(a, b);
    if (has_pairs(a) && has_pairs(b))
        return pairs_equal(a, b, levels - 1);
    if (a->kind != b->kind)
        return false;
    switch (a->kind) {
    case GEE_VALUE_BOOL:
        return a->boolean == b->boolean;
    case GEE_VALUE_STRING:
        return gee_str_equal(a->string, b->string);
    case GEE_VALUE_BYTES:
        return a->bytes.length == b->bytes.length &&
               (a->bytes.length == 0 || memcmp(a->bytes.data, b->bytes.data, a->bytes.length) == 0);
    case GEE_VALUE_LIST:
        return lists_equal(a, b, levels - 1);
    default:
        return true; /* null */
    }
}

bool gee_value_equal(const gee_value_t *a, const gee_value_t *b) {
    return values_equal(a, b, GEE_VALUE_NESTING);
}

/* ---- a map's keys ---- */

#define FEW 16 /* entries up to which every pair is compared */

static char *entry_at(const gee_type_t *type, const gee_list_value_t *map, size_t index) {
    return (char *)map->items + index * type->entry_size;
}

static int compare_keys(const gee_type_t *type, const gee_list_value_t *map, size_t a, size_t b) {
    return gee_key_compare(gee_type_key(type), entry_at(type, map, a), entry_at(type, map, b));
}

/* Go writes maps in order; such a map has no key twice. */
static bool strictly_ascending(const gee_type_t *type, const gee_list_value_t *map) {
    for (size_t i = 1; i < map->count; i++) {
        if (compare_keys(type, map, i - 1, i) >= 0)
            return false;
    }
    return true;
}

static bool comes_again(const gee_type_t *type, const gee_list_value_t *map, size_t index) {
    for (size_t i = index + 1; i < map->count; i++) {
        if (compare_keys(type, map, index, i) == 0)
            return true;
    }
    return false;
}

/* Moves the entries that stay together; `drop` has a flag for each entry; null: each entry is compared with all
 * behind. */
static void compact(const gee_type_t *type, gee_list_value_t *map, const bool *drop) {
    size_t kept = 0;
    for (size_t i = 0; i < map->count; i++) {
        if (drop ? drop[i] : comes_again(type, map, i))
            continue;
        if (kept != i)
            memcpy(entry_at(type, map, kept), entry_at(type, map, i), type->entry_size);
        kept++;
    }
    map->count = kept;
}

/* Merges order[low..middle) and order[middle..high), both sorted, by way of `spare`; stable. */
static void merge(const gee_type_t *type, const gee_list_value_t *map, size_t *order, size_t *spare, size_t low,
                  size_t middle, size_t high) {
    size_t left = low, right = middle;
    for (size_t i = low; i < high; i++) {
        if (left < middle && (right == high || compare_keys(type, map, order[left], order[right]) <= 0))
            spare[i] = order[left++];
        else
            spare[i] = order[right++];
    }
    memcpy(order + low, spare + low, (high - low) * sizeof(size_t));
}

static void sort(const gee_type_t *type, const gee_list_value_t *map, size_t *order, size_t *spare) {
    for (size_t i = 0; i < map->count; i++)
        order[i] = i;
    for (size_t width = 1; width < map->count; width *= 2) {
        for (size_t low = 0; low + width < map->count; low += 2 * width) {
            size_t high = map->count - low < 2 * width ? map->count : low + 2 * width;
            merge(type, map, order, spare, low, low + width, high);
        }
    }
}

int gee_map_keep_last(const gee_type_t *type, gee_list_value_t *map, gee_pool_t *pool) {
    if (strictly_ascending(type, map))
        return 0;
    if (map->count <= FEW) {
        compact(type, map, NULL);
        return 0;
    }
    size_t *order = gee_pool_array(pool, map->count, sizeof(size_t));
    size_t *spare = gee_pool_array(pool, map->count, sizeof(size_t));
    bool *drop = gee_pool_array(pool, map->count, sizeof(bool));
    if (!order || !spare || !drop)
        return -1;
    sort(type, map, order, spare);
    for (size_t i = 1; i < map->count; i++)
        drop[order[i - 1]] = compare_keys(type, map, order[i - 1], order[i]) == 0;
    compact(type, map, drop);
    return 0;
}
