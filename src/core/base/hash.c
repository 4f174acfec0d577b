/* hash.c: the two hash tables, and SipHash-1-3 (Aumasson and Bernstein, 2012).
 *
 * Open addressing with linear probing, at most three quarters full. A removed entry leaves no tombstone: entries behind
 * the hole that would not be found any more move up. So a table through which keys pass for ever neither grows nor
 * slows down. Each table has its own secrets, drawn when its first entry comes. */
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

/* ---- the table of both ---- */

/* A number, or the hash of a text and the text itself. */
typedef struct slot {
    uint64_t number;
    void *value;      /* null: free */
    gee_str_t text[]; /* one element in a table of texts, else none */
} slot_t;

typedef struct table {
    char *slots;
    unsigned shift; /* a slot takes 1 << shift bytes */
    size_t mask;    /* slots - 1 */
    size_t count;
    uint64_t secret[2];
} table_t;

enum {
    NUMBER_SHIFT = 4,
    TEXT_SHIFT = 5,
};
_Static_assert(sizeof(slot_t) <= 1 << NUMBER_SHIFT && sizeof(slot_t) + sizeof(gee_str_t) <= 1 << TEXT_SHIFT,
               "slots have room for what they hold");

struct gee_number_map {
    table_t table;
};
struct gee_string_map {
    table_t table;
};

static table_t *create(unsigned shift) {
    table_t *table = calloc(1, sizeof *table);
    if (table != NULL)
        table->shift = shift;
    return table;
}

static void destroy(table_t *table) {
    if (table != NULL)
        free(table->slots);
    free(table);
}

static inline slot_t *slot_at(const table_t *table, size_t at) {
    return (slot_t *)(void *)(table->slots + (at << table->shift));
}

/* Every bit of the number reaches every bit of the place, by way of a secret, odd multiplier. */
static inline size_t home_of(const table_t *table, uint64_t number) {
    number ^= table->secret[0];
    number = (number ^ number >> 32) * (table->secret[1] | 1);
    number = (number ^ number >> 29) * 0xbf58476d1ce4e5b9U;
    return (size_t)(number ^ number >> 32) & table->mask;
}

/* Where this key is, or the free slot where it belongs. `text`: null in a table of numbers. */
static inline size_t find(const table_t *table, uint64_t number, const gee_str_t *text) {
    size_t at = home_of(table, number);
    for (const slot_t *slot; (slot = slot_at(table, at))->value; at = (at + 1) & table->mask)
        if (slot->number == number && (text == NULL || gee_str_equal(*slot->text, *text)))
            break;
    return at;
}

static int grow(table_t *table) {
    table_t old = *table;
    size_t old_slots = old.slots ? old.mask + 1 : 0, slots = old.slots ? old_slots * 2 : FIRST_SLOTS;
    table->slots = calloc(slots, (size_t)1 << table->shift);
    if (table->slots == NULL) {
        table->slots = old.slots;
        return -1;
    }
    if (old.slots == NULL)
        draw_secrets(table->secret, 2, table);
    table->mask = slots - 1;
    for (size_t i = 0; i < old_slots; i++) {
        const slot_t *slot = slot_at(&old, i);
        const gee_str_t *text = table->shift == TEXT_SHIFT ? slot->text : NULL;
        if (slot->value)
            memcpy(slot_at(table, find(table, slot->number, text)), slot, (size_t)1 << table->shift);
    }
    free(old.slots);
    return 0;
}

static inline int put(table_t *table, uint64_t number, const gee_str_t *text, void *value) {
    size_t at = find(table, number, text);
    if (slot_at(table, at)->value == NULL) {
        if (table->count >= (table->mask + 1) / 4 * 3) {
            if (grow(table) != 0)
                return -1;
            at = find(table, number, text);
        }
        table->count++;
    }
    slot_t *slot = slot_at(table, at);
    slot->number = number;
    slot->value = value;
    if (text != NULL)
        *slot->text = *text; /* also in an old entry: the bytes of its key may go away with the old value */
    return 0;
}

/* An entry behind the hole moves up where that does not lie before its home. */
static inline void *take_out(table_t *table, size_t hole) {
    void *value = slot_at(table, hole)->value;
    if (value == NULL)
        return NULL;
    const slot_t *slot;
    for (size_t at = (hole + 1) & table->mask; (slot = slot_at(table, at))->value; at = (at + 1) & table->mask)
        if (((at - home_of(table, slot->number)) & table->mask) >= ((at - hole) & table->mask)) {
            memcpy(slot_at(table, hole), slot, (size_t)1 << table->shift);
            hole = at;
        }
    slot_at(table, hole)->value = NULL;
    table->count--;
    return value;
}

/* ---- from numbers ---- */

gee_number_map_t *gee_number_map_create(void) {
    return (gee_number_map_t *)create(NUMBER_SHIFT);
}

void gee_number_map_destroy(gee_number_map_t **map) {
    destroy((table_t *)*map);
    *map = NULL;
}

int gee_number_map_put(gee_number_map_t *map, uint64_t key, void *value) {
    if (value == NULL || (map->table.slots == NULL && grow(&map->table) != 0))
        return -1;
    return put(&map->table, key, NULL, value);
}

void *gee_number_map_get(const gee_number_map_t *map, uint64_t key) {
    return map->table.count > 0 ? slot_at(&map->table, find(&map->table, key, NULL))->value : NULL;
}

void *gee_number_map_remove(gee_number_map_t *map, uint64_t key) {
    return map->table.count > 0 ? take_out(&map->table, find(&map->table, key, NULL)) : NULL;
}

size_t gee_number_map_count(const gee_number_map_t *map) {
    return map->table.count;
}

void gee_number_map_each(const gee_number_map_t *map, void (*visit)(uint64_t key, void *value, void *data),
                         void *data) {
    for (size_t i = 0; map->table.count > 0 && i <= map->table.mask; i++) {
        const slot_t *slot = slot_at(&map->table, i);
        if (slot->value)
            visit(slot->number, slot->value, data);
    }
}

void *gee_number_map_next(const gee_number_map_t *map, size_t *place) {
    for (; map->table.count > 0 && *place <= map->table.mask; ++*place)
        if (slot_at(&map->table, *place)->value)
            return slot_at(&map->table, *place)->value;
    return NULL;
}

/* ---- from strings ---- */

static size_t find_text(const table_t *table, gee_str_t key) {
    return find(table, gee_siphash(table->secret, key.data, key.length), &key);
}

gee_string_map_t *gee_string_map_create(void) {
    return (gee_string_map_t *)create(TEXT_SHIFT);
}

void gee_string_map_destroy(gee_string_map_t **map) {
    destroy((table_t *)*map);
    *map = NULL;
}

int gee_string_map_put(gee_string_map_t *map, gee_str_t key, void *value) {
    if (value == NULL || (map->table.slots == NULL && grow(&map->table) != 0))
        return -1;
    return put(&map->table, gee_siphash(map->table.secret, key.data, key.length), &key, value);
}

void *gee_string_map_get(const gee_string_map_t *map, gee_str_t key) {
    return map->table.count > 0 ? slot_at(&map->table, find_text(&map->table, key))->value : NULL;
}

void *gee_string_map_remove(gee_string_map_t *map, gee_str_t key) {
    return map->table.count > 0 ? take_out(&map->table, find_text(&map->table, key)) : NULL;
}

size_t gee_string_map_count(const gee_string_map_t *map) {
    return map->table.count;
}
