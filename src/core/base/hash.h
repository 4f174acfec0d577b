/* hash.h: two hash tables: from a 64-bit number, and from a string, to a pointer.
 *
 * Open addressing; grows, never shrinks by itself. String keys are hashed with a secret per table (SipHash-1-3), so
 * that a peer that chooses keys cannot choose collisions. Not thread-safe. */
#ifndef GEE_BASE_HASH_H
#define GEE_BASE_HASH_H

#include <stddef.h>
#include <stdint.h>

#include "core/base/str.h"

typedef struct gee_number_map gee_number_map_t;
typedef struct gee_string_map gee_string_map_t;

gee_number_map_t *gee_number_map_create(void); /* null: out of memory */
void gee_number_map_destroy(gee_number_map_t **map);
/* Adds or replaces. -1: out of memory, or the value is null. */
int gee_number_map_put(gee_number_map_t *map, uint64_t key, void *value);
void *gee_number_map_get(const gee_number_map_t *map, uint64_t key);
void *gee_number_map_remove(gee_number_map_t *map, uint64_t key); /* the value that was there, or null */
size_t gee_number_map_count(const gee_number_map_t *map);
/* Calls visit() for each entry, in no order; visit() must not change the map. */
void gee_number_map_each(const gee_number_map_t *map, void (*visit)(uint64_t key, void *value, void *data), void *data);
/* The first value at or behind *place, which begins with 0; *place is then where that value is. Null: no further
 * value. Between two calls entries may be removed, none added: a walk that goes on from *place + 1, or from *place
 * when the entry there was removed, sees all entries, some of them twice. */
void *gee_number_map_next(const gee_number_map_t *map, size_t *place);

gee_string_map_t *gee_string_map_create(void);
void gee_string_map_destroy(gee_string_map_t **map);
/* The map keeps the view, not the bytes: they must live as long as the entry. */
int gee_string_map_put(gee_string_map_t *map, gee_str_t key, void *value);
void *gee_string_map_get(const gee_string_map_t *map, gee_str_t key);
void *gee_string_map_remove(gee_string_map_t *map, gee_str_t key);
size_t gee_string_map_count(const gee_string_map_t *map);

/* The hash itself, keyed, for other tables and for balancers. */
uint64_t gee_siphash(const uint64_t key[2], const void *bytes, size_t length);

#endif
