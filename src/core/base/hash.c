/* hash.c: the two hash tables, and SipHash-1-3 (Aumasson and Bernstein, 2012).
 *
 * Open addressing with linear probing, at most three quarters full. An entry that is removed leaves no tombstone: those
 * behind it that would not be found any more move up. So a table through which keys pass for ever neither grows nor
 * slows down. Each table has secrets of its own, drawn when its first entry comes. */
#include "core/base/hash.h"

#include <endian.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "core/base/clock.h"

enum { FIRST_SLOTS = 16 };

static void draw_secrets(uint64_t *secrets, size_t count, const void *table) {
    size_t bytes = count * sizeof *secrets;
    if (getrandom(secrets, bytes, 0) == (ssize_t)bytes)
        return;
    for (size_t i = 0; i < count; i++) /* a kernel without getrandom: better something than nothing */
        secrets[i] = (uint64_t)gee_clock_wall() * 0x9e3779b97f4a7c15U ^ (uint64_t)(uintptr_t)table << i;
}

/* Is the table too full for one more? */
static bool is_full(size_t count, size_t slots) {
    return count >= slots / 4 * 3;
}

/* May the entry at `at`, whose place is `home`, move up to the `hole`? Yes, when that does not lie before its home. */
static bool may_fill(size_t hole, size_t at, size_t home, size_t mask) {
    return ((at - home) & mask) >= ((at - hole) & mask);
}

/* ---- SipHash ---- */

typedef struct sip {
    uint64_t a, b, c, d;
} sip_t;

static inline uint64_t rotate(uint64_t word, unsigned bits) {
    return word << bits | word >> (64 - bits);
}

static inline void sip_round(sip_t *s) {
    s->a += s->b;
    s->c += s->d;
    s->b = rotate(s->b, 13) ^ s->a;
    s->d = rotate(s->d, 16) ^ s->c;
    s->a = rotate(s->a, 32);
    s->c += s->b;
    s->a += s->d;
    s->b = rotate(s->b, 17) ^ s->c;
    s->d = rotate(s->d, 21) ^ s->a;
    s->c = rotate(s->c, 32);
}

static inline void sip_word(sip_t *s, uint64_t word) {
    s->d ^= word;
    sip_round(s);
    s->a ^= word;
}

uint64_t gee_siphash(const uint64_t key[2], const void *bytes, size_t length) {
    sip_t s = { key[0] ^ 0x736f6d6570736575U, key[1] ^ 0x646f72616e646f6dU, key[0] ^ 0x6c7967656e657261U,
                key[1] ^ 0x7465646279746573U };
    const uint8_t *at = bytes;
    size_t left = length;
    for (; left >= 8; left -= 8, at += 8) {
        uint64_t word;
        memcpy(&word, at, sizeof word);
        sip_word(&s, le64toh(word));
    }
    uint64_t last = (uint64_t)length << 56;
    for (size_t i = 0; i < left; i++)
        last |= (uint64_t)at[i] << (8 * i);
    sip_word(&s, last);
    s.c ^= 0xff;
    sip_round(&s);
    sip_round(&s);
    sip_round(&s);
    return s.a ^ s.b ^ s.c ^ s.d;
}

/* ---- from numbers ---- */

typedef struct number_slot {
    uint64_t key;
    void *value; /* null: free */
} number_slot_t;

struct gee_number_map {
    number_slot_t *slots;
    size_t mask; /* slots - 1 */
    size_t count;
    uint64_t secret[2];
};

gee_number_map_t *gee_number_map_create(void) {
    return calloc(1, sizeof(gee_number_map_t));
}

void gee_number_map_destroy(gee_number_map_t **map) {
    if (*map == NULL)
        return;
    free((*map)->slots);
    free(*map);
    *map = NULL;
}

/* Every bit of the key reaches every bit of the place, by way of a secret, odd multiplier. */
static size_t number_home(const gee_number_map_t *map, uint64_t key) {
    key ^= map->secret[0];
    key = (key ^ key >> 32) * (map->secret[1] | 1);
    key = (key ^ key >> 29) * 0xbf58476d1ce4e5b9U;
    return (size_t)(key ^ key >> 32) & map->mask;
}

/* The slot with this key, or the free one where it belongs. */
static number_slot_t *number_slot(const gee_number_map_t *map, uint64_t key) {
    size_t at = number_home(map, key);
    while (map->slots[at].value && map->slots[at].key != key)
        at = (at + 1) & map->mask;
    return &map->slots[at];
}

static int number_map_grow(gee_number_map_t *map) {
    number_slot_t *old = map->slots;
    size_t old_slots = old ? map->mask + 1 : 0, slots = old ? old_slots * 2 : FIRST_SLOTS;
    number_slot_t *fresh = calloc(slots, sizeof *fresh);
    if (fresh == NULL)
        return -1;
    if (old == NULL)
        draw_secrets(map->secret, 2, map);
    map->slots = fresh;
    map->mask = slots - 1;
    for (size_t i = 0; i < old_slots; i++)
        if (old[i].value)
            *number_slot(map, old[i].key) = old[i];
    free(old);
    return 0;
}

int gee_number_map_put(gee_number_map_t *map, uint64_t key, void *value) {
    if (value == NULL)
        return -1;
    number_slot_t *slot = map->slots ? number_slot(map, key) : NULL;
    if (slot == NULL || slot->value == NULL) {
        if (slot == NULL || is_full(map->count, map->mask + 1)) {
            if (number_map_grow(map) != 0)
                return -1;
            slot = number_slot(map, key);
        }
        map->count++;
    }
    *slot = (number_slot_t){ .key = key, .value = value };
    return 0;
}

void *gee_number_map_get(const gee_number_map_t *map, uint64_t key) {
    return map->count > 0 ? number_slot(map, key)->value : NULL;
}

void *gee_number_map_remove(gee_number_map_t *map, uint64_t key) {
    if (map->count == 0)
        return NULL;
    number_slot_t *slot = number_slot(map, key);
    void *value = slot->value;
    if (value == NULL)
        return NULL;
    size_t hole = (size_t)(slot - map->slots);
    for (size_t at = (hole + 1) & map->mask; map->slots[at].value; at = (at + 1) & map->mask)
        if (may_fill(hole, at, number_home(map, map->slots[at].key), map->mask)) {
            map->slots[hole] = map->slots[at];
            hole = at;
        }
    map->slots[hole] = (number_slot_t){ 0 };
    map->count--;
    return value;
}

size_t gee_number_map_count(const gee_number_map_t *map) {
    return map->count;
}

void gee_number_map_each(const gee_number_map_t *map, void (*visit)(uint64_t key, void *value, void *data),
                         void *data) {
    if (map->count == 0)
        return;
    for (size_t i = 0; i <= map->mask; i++)
        if (map->slots[i].value)
            visit(map->slots[i].key, map->slots[i].value, data);
}

/* ---- from strings ---- */

typedef struct string_slot {
    gee_str_t key;
    uint64_t hash;
    void *value; /* null: free */
} string_slot_t;

struct gee_string_map {
    string_slot_t *slots;
    size_t mask;
    size_t count;
    uint64_t secret[2];
};

gee_string_map_t *gee_string_map_create(void) {
    return calloc(1, sizeof(gee_string_map_t));
}

void gee_string_map_destroy(gee_string_map_t **map) {
    if (*map == NULL)
        return;
    free((*map)->slots);
    free(*map);
    *map = NULL;
}

static string_slot_t *string_slot(const gee_string_map_t *map, gee_str_t key, uint64_t hash) {
    size_t at = (size_t)hash & map->mask;
    while (map->slots[at].value && (map->slots[at].hash != hash || !gee_str_equal(map->slots[at].key, key)))
        at = (at + 1) & map->mask;
    return &map->slots[at];
}

static int string_map_grow(gee_string_map_t *map) {
    string_slot_t *old = map->slots;
    size_t old_slots = old ? map->mask + 1 : 0, slots = old ? old_slots * 2 : FIRST_SLOTS;
    string_slot_t *fresh = calloc(slots, sizeof *fresh);
    if (fresh == NULL)
        return -1;
    if (old == NULL)
        draw_secrets(map->secret, 2, map);
    map->slots = fresh;
    map->mask = slots - 1;
    for (size_t i = 0; i < old_slots; i++)
        if (old[i].value)
            *string_slot(map, old[i].key, old[i].hash) = old[i];
    free(old);
    return 0;
}

int gee_string_map_put(gee_string_map_t *map, gee_str_t key, void *value) {
    if (value == NULL || (map->slots == NULL && string_map_grow(map) != 0))
        return -1;
    uint64_t hash = gee_siphash(map->secret, key.data, key.length);
    string_slot_t *slot = string_slot(map, key, hash);
    if (slot->value == NULL) {
        if (is_full(map->count, map->mask + 1)) {
            if (string_map_grow(map) != 0)
                return -1;
            slot = string_slot(map, key, hash);
        }
        map->count++;
    }
    /* The key too: the bytes of the old one may go away with the old value. */
    *slot = (string_slot_t){ .key = key, .hash = hash, .value = value };
    return 0;
}

void *gee_string_map_get(const gee_string_map_t *map, gee_str_t key) {
    if (map->count == 0)
        return NULL;
    return string_slot(map, key, gee_siphash(map->secret, key.data, key.length))->value;
}

void *gee_string_map_remove(gee_string_map_t *map, gee_str_t key) {
    if (map->count == 0)
        return NULL;
    string_slot_t *slot = string_slot(map, key, gee_siphash(map->secret, key.data, key.length));
    void *value = slot->value;
    if (value == NULL)
        return NULL;
    size_t hole = (size_t)(slot - map->slots);
    for (size_t at = (hole + 1) & map->mask; map->slots[at].value; at = (at + 1) & map->mask)
        if (may_fill(hole, at, (size_t)map->slots[at].hash & map->mask, map->mask)) {
            map->slots[hole] = map->slots[at];
            hole = at;
        }
    map->slots[hole] = (string_slot_t){ 0 };
    map->count--;
    return value;
}

size_t gee_string_map_count(const gee_string_map_t *map) {
    return map->count;
}
