/* metadata.c: metadata as texts and as bytes: keys once or repeated, base64, UTF-8. */
#include "core/rpc/metadata.h"

#include <stdlib.h>
#include <string.h>

#include "core/base/base64.h"
#include "core/base/defs.h"

typedef __typeof__(*((gee_metadata_t *)0)->items) pair_t;

bool gee_metadata_is_binary(gee_str_t key) {
    static const char end[4] = { '-', 'b', 'i', 'n' };
    return key.length >= sizeof(end) && memcmp(key.data + key.length - sizeof(end), end, sizeof(end)) == 0;
}

GEE_APART int gee_metadata_copy(gee_metadata_t *copy, const gee_metadata_t *metadata, gee_pool_t *pool) {
    *copy = (gee_metadata_t){ .count = 0 };
    if (metadata->count == 0)
        return 0;
    copy->items = pool != NULL ? gee_pool_array(pool, metadata->count, sizeof(*copy->items)) : NULL;
    if (copy->items == NULL)
        return -1;
    for (size_t i = 0; i < metadata->count; i++) {
        copy->items[i].key = gee_pool_str(pool, metadata->items[i].key);
        copy->items[i].value = gee_pool_str(pool, metadata->items[i].value);
        if (copy->items[i].key.data == NULL || copy->items[i].value.data == NULL)
            return -1;
    }
    copy->count = metadata->count;
    return 0;
}

/* ---- UTF-8 ---- */

static bool is_text(gee_str_t text) {
    return gee_utf8_valid(text.data, text.length);
}

static bool is_valid(const pair_t *pair) {
    return is_text(pair->key) && (gee_metadata_is_binary(pair->key) || is_text(pair->value));
}

bool gee_metadata_is_valid(const gee_metadata_t *metadata) {
    for (size_t i = 0; i < metadata->count; i++)
        if (!is_valid(&metadata->items[i]))
            return false;
    return true;
}

static int repair_text(gee_str_t *text, gee_pool_t *pool) {
    *text = gee_pool_utf8(pool, *text);
    return text->data != NULL || text->length == 0 ? 0 : -1;
}

int gee_metadata_repair(gee_metadata_t *metadata, gee_pool_t *pool) {
    if (gee_metadata_is_valid(metadata))
        return 0;
    pair_t *items = gee_pool_array(pool, metadata->count, sizeof(*items));
    if (items == NULL)
        return -1;
    for (size_t i = 0; i < metadata->count; i++) {
        items[i].key = metadata->items[i].key;
        items[i].value = metadata->items[i].value;
        bool binary = gee_metadata_is_binary(items[i].key);
        if (repair_text(&items[i].key, pool) != 0 || (!binary && repair_text(&items[i].value, pool) != 0))
            return -1;
    }
    metadata->items = (void *)items;
    return 0;
}

/* ---- to texts ---- */

enum { FEW = 16 }; /* pairs: comparing each with each costs less than sorting */

static bool repeats_a_key(const gee_metadata_t *metadata) {
    for (size_t i = 1; i < metadata->count; i++)
        for (size_t j = 0; j < i; j++)
            if (gee_str_equal(metadata->items[i].key, metadata->items[j].key))
                return true;
    return false;
}

bool gee_metadata_is_texts(const gee_metadata_t *metadata) {
    for (size_t i = 0; i < metadata->count; i++)
        if (gee_metadata_is_binary(metadata->items[i].key) || !is_valid(&metadata->items[i]))
            return false;
    return metadata->count <= FEW && !repeats_a_key(metadata);
}

/* By key; pairs of one key stay in their order. */
static int compare(const void *left, const void *right) {
    const pair_t *a = *(const pair_t *const *)left, *b = *(const pair_t *const *)right;
    int order = gee_str_compare(a->key, b->key);
    return order != 0 ? order : (a > b) - (a < b);
}

static const pair_t **sorted(const gee_metadata_t *metadata, gee_pool_t *pool) {
    const pair_t **pairs = gee_pool_array(pool, metadata->count, sizeof(*pairs));
    if (pairs == NULL)
        return NULL;
    for (size_t i = 0; i < metadata->count; i++)
        pairs[i] = (const pair_t *)&metadata->items[i];
    qsort(pairs, metadata->count, sizeof(*pairs), compare);
    return pairs;
}

static size_t count_of_key(const pair_t **pairs, size_t count) {
    size_t same = 1;
    while (same < count && gee_str_equal(pairs[same]->key, pairs[0]->key))
        same++;
    return same;
}

/* The values of `count` pairs with one key. Data null: out of memory. */
static gee_str_t join(const pair_t **pairs, size_t count, gee_pool_t *pool) {
    bool binary = gee_metadata_is_binary(pairs[0]->key);
    size_t room = 0;
    for (size_t i = 0; i < count; i++)
        room += 2 + (binary ? GEE_BASE64_ENCODED(pairs[i]->value.length) : pairs[i]->value.length);
    char *text = gee_pool_alloc(pool, room), *at = text;
    for (size_t i = 0; text != NULL && i < count; i++) {
        gee_str_t value = pairs[i]->value;
        if (i > 0) {
            *at++ = ',';
            *at++ = ' ';
        }
        if (binary) {
            at += gee_base64_encode(at, (const uint8_t *)value.data, value.length);
        } else if (value.length > 0) {
            memcpy(at, value.data, value.length);
            at += value.length;
        }
    }
    return (gee_str_t){ .data = text, .length = (size_t)(at - text) };
}

int gee_metadata_to_texts(gee_metadata_t *metadata, gee_pool_t *pool) {
    if (gee_metadata_is_texts(metadata))
        return 0;
    if (gee_metadata_repair(metadata, pool) != 0)
        return -1;
    const pair_t **pairs = sorted(metadata, pool);
    pair_t *items = gee_pool_array(pool, metadata->count, sizeof(*items));
    if (pairs == NULL || items == NULL)
        return -1;
    size_t count = 0;
    for (size_t i = 0, same; i < metadata->count; i += same) {
        same = count_of_key(pairs + i, metadata->count - i);
        items[count].key = pairs[i]->key;
        items[count].value = join(pairs + i, same, pool);
        if (items[count++].value.data == NULL)
            return -1;
    }
    metadata->items = (void *)items;
    metadata->count = count;
    return 0;
}

/* ---- from texts ---- */

static int no_memory(gee_error_t *error) {
    return gee_error_set(error, GEE_RESOURCE_EXHAUSTED, "metadata: out of memory");
}

/* In base64 is no comma. */
static size_t count_values(const pair_t *pair) {
    size_t count = 1;
    for (size_t i = 0; gee_metadata_is_binary(pair->key) && i < pair->value.length; i++)
        count += pair->value.data[i] == ',';
    return count;
}

/* Adds the pairs of one key to `items`. */
static int split(const pair_t *pair, pair_t *items, size_t *count, gee_pool_t *pool, gee_error_t *error) {
    gee_str_t rest = pair->value;
    do {
        gee_str_t text = gee_str_trim(gee_str_cut(&rest, ','));
        uint8_t *bytes = gee_pool_alloc(pool, GEE_BASE64_DECODED(text.length));
        if (bytes == NULL)
            return no_memory(error);
        ptrdiff_t length = gee_base64_decode(bytes, text);
        if (length < 0) {
            gee_str_t key = gee_str_quoted(pair->key);
            return gee_error_set(error, GEE_INVALID_ARGUMENT, "metadata: the value of %.*s is not base64",
                                 GEE_STR_ARGUMENTS(key));
        }
        items[*count].key = pair->key;
        items[(*count)++].value = (gee_str_t){ .data = (const char *)bytes, .length = (size_t)length };
    } while (rest.data != NULL);
    return 0;
}

int gee_metadata_from_texts(gee_metadata_t *metadata, gee_pool_t *pool, gee_error_t *error) {
    const pair_t *pairs = (const pair_t *)metadata->items;
    size_t total = 0, count = 0;
    bool binary = false;
    for (size_t i = 0; i < metadata->count; i++) {
        total += count_values(&pairs[i]);
        binary |= gee_metadata_is_binary(pairs[i].key);
    }
    if (!binary)
        return 0;
    pair_t *items = gee_pool_array(pool, total, sizeof(*items));
    if (items == NULL)
        return no_memory(error);
    for (size_t i = 0; i < metadata->count; i++) {
        if (!gee_metadata_is_binary(pairs[i].key))
            items[count++] = pairs[i];
        else if (split(&pairs[i], items, &count, pool, error) != 0)
            return -1;
    }
    metadata->items = (void *)items;
    metadata->count = count;
    return 0;
}
