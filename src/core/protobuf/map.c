/* map.c: entries of a map as they are decoded, each key once.
 *
 * Protobuf lets a key come again: its last value counts. A few entries are compared one by one; from INDEXED on a hash
 * table of positions is kept, with a secret of its own, so that a peer who chooses the keys cannot choose
 * collisions. */
#include "core/base/clock.h"
#include "core/base/hash.h"
#include "core/protobuf/wire.h"
#include "core/type/key.h"

#include <string.h>
#include <sys/random.h>

#define INDEXED 16

struct gee_protobuf_keys {
    uint64_t secret[2];
    size_t mask;          /* slots - 1; a power of two, at least twice the entries */
    uint32_t positions[]; /* counted from 1; 0: free */
};

static inline gee_bytes_t key_at(const gee_list_value_t *map, const gee_type_t *type, size_t position) {
    return gee_key_bytes(gee_type_key(type), (const char *)map->items + position * type->entry_size);
}

static inline bool equal(gee_bytes_t a, gee_bytes_t b) {
    return a.length == b.length && gee_equal_short(a.data, b.data, a.length);
}

/* The slot of `key`, or the free slot where the key belongs. */
static uint32_t *slot_of(gee_protobuf_keys_t *keys, const gee_list_value_t *map, const gee_type_t *type,
                         gee_bytes_t key) {
    size_t slot = (size_t)gee_siphash(keys->secret, key.data, key.length) & keys->mask;
    while (keys->positions[slot] != 0 && !equal(key_at(map, type, keys->positions[slot] - 1), key))
        slot = (slot + 1) & keys->mask;
    return &keys->positions[slot];
}

static void draw_secret(uint64_t secret[2], const void *pool) {
    if (getrandom(secret, 2 * sizeof secret[0], GRND_NONBLOCK) == 2 * (ssize_t)sizeof secret[0])
        return;
    secret[0] = (uint64_t)gee_clock_monotonic(); /* early in the boot: values that a peer can hardly know */
    secret[1] = (uint64_t)(uintptr_t)pool ^ (uint64_t)gee_clock_wall();
}

/* Makes a table with four times as many slots as there are entries, and puts all entries in. */
static gee_protobuf_keys_t *make_keys(const gee_list_value_t *map, const gee_type_t *type, gee_pool_t *pool) {
    size_t slots = 4 * INDEXED;
    while (slots < 4 * map->count)
        slots *= 2;
    gee_protobuf_keys_t *keys = gee_pool_zalloc(pool, sizeof *keys + slots * sizeof keys->positions[0]);
    if (keys == NULL)
        return NULL;
    keys->mask = slots - 1;
    draw_secret(keys->secret, pool);
    for (size_t i = 0; i < map->count; i++)
        *slot_of(keys, map, type, key_at(map, type, i)) = (uint32_t)i + 1;
    return keys;
}

/* The position of the older entry with the new entry's key, or map->count after the new key is put in the table.
 * SIZE_MAX: out of memory. */
static size_t find_or_note(gee_list_value_t *map, const gee_type_t *type, gee_protobuf_store_t *store,
                           gee_pool_t *pool) {
    gee_bytes_t key = key_at(map, type, map->count);
    if (map->count < INDEXED) {
        size_t position = 0;
        while (position < map->count && !equal(key_at(map, type, position), key))
            position++;
        return position;
    }
    if (map->count >= UINT32_MAX / 8)
        return SIZE_MAX;
    if (store->keys == NULL || 2 * (map->count + 1) > store->keys->mask + 1)
        if ((store->keys = make_keys(map, type, pool)) == NULL)
            return SIZE_MAX;
    uint32_t *slot = slot_of(store->keys, map, type, key);
    if (*slot != 0)
        return *slot - 1;
    *slot = (uint32_t)map->count + 1;
    return map->count;
}

int gee_protobuf_map_add(gee_list_value_t *map, const gee_type_t *type, gee_pool_t *pool) {
    GEE_ASSERT(map->count < gee_protobuf_store(map)->capacity);
    size_t position = find_or_note(map, type, gee_protobuf_store(map), pool);
    if (position == SIZE_MAX)
        return -1;
    if (position == map->count) {
        map->count++;
        return 0;
    }
    char *items = map->items, *last = items + map->count * type->entry_size;
    memcpy(items + position * type->entry_size, last, type->entry_size);
    memset(last, 0, type->entry_size);
    return 0;
}
