/* field_index.c: fields of large structs by name.
 *
 *   "user_id", "userId", "UserId"  --without case and underscores-->  one hash  -->  positions with that hash
 *
 * The names in the index are the type's, not the peer's: no choice of names by the peer makes many positions alike. */
#include "core/type/field_index.h"

#include <stdlib.h>
#include <string.h>

typedef struct entry {
    uint32_t hash, position;
} entry_t;

struct gee_field_index {
    gee_field_index_t *next;
    const gee_field_t *fields; /* the fields of which this is the index */
    size_t count;
    uint32_t *positions; /* in the order of `entries` */
    entry_t entries[];   /* by hash, then by position */
};

static uint32_t hash_of(gee_str_t name) {
    uint32_t hash = 2166136261u;
    for (size_t i = 0; i < name.length; i++) {
        uint8_t c = (uint8_t)name.data[i];
        if (c != '_')
            hash = (hash ^ (c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c)) * 16777619u;
    }
    return hash;
}

static int compare(const void *a, const void *b) {
    const entry_t *left = a, *right = b;
    if (left->hash != right->hash)
        return left->hash < right->hash ? -1 : 1;
    return left->position < right->position ? -1 : left->position > right->position;
}

static void add(gee_field_index_t *index, gee_str_t name, size_t position) {
    index->entries[index->count++] = (entry_t){ .hash = hash_of(name), .position = (uint32_t)position };
}

static gee_field_index_t *make_index(const gee_type_t *type, gee_pool_t *pool) {
    size_t most = 2 * type->field_count; /* a name and a json_name each */
    gee_field_index_t *index = gee_pool_alloc(pool, sizeof(*index) + most * sizeof(entry_t));
    uint32_t *positions = gee_pool_array(pool, most, sizeof(*positions));
    if (index == NULL || positions == NULL)
        return NULL;
    *index = (gee_field_index_t){ .fields = type->fields, .positions = positions };
    for (size_t i = 0; i < type->field_count; i++) {
        const gee_field_more_t *more = type->fields[i].more;
        add(index, gee_field_name(&type->fields[i]), i);
        if (more != NULL && more->json_name != NULL &&
            hash_of(gee_str(more->json_name)) != index->entries[index->count - 1].hash)
            add(index, gee_str(more->json_name), i);
    }
    qsort(index->entries, index->count, sizeof(entry_t), compare);
    for (size_t i = 0; i < index->count; i++)
        positions[i] = index->entries[i].position;
    return index;
}

/* The index of this struct's fields, moved to the front of the list. */
static gee_field_index_t *index_of(gee_field_index_t **indices, const gee_type_t *type, gee_pool_t *pool) {
    gee_field_index_t **place = indices, *index;
    while (*place != NULL && (*place)->fields != type->fields)
        place = &(*place)->next;
    index = *place;
    if (index != NULL)
        *place = index->next;
    else if ((index = make_index(type, pool)) == NULL)
        return NULL;
    index->next = *indices;
    *indices = index;
    return index;
}

static size_t first_with(const gee_field_index_t *index, uint32_t hash) {
    size_t low = 0, high = index->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (index->entries[middle].hash < hash)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

const uint32_t *gee_field_candidates(gee_field_index_t **indices, const gee_type_t *type, gee_str_t name,
                                     gee_pool_t *pool, size_t *count) {
    const gee_field_index_t *index;
    *count = type->field_count;
    if (type->field_count <= GEE_FIELDS_FEW || pool == NULL || (index = index_of(indices, type, pool)) == NULL)
        return NULL;
    uint32_t hash = hash_of(name);
    size_t first = first_with(index, hash), end = first;
    while (end < index->count && index->entries[end].hash == hash)
        end++;
    *count = end - first;
    return index->positions + first;
}

static bool has_name(const gee_field_t *field, gee_str_t name) {
    return gee_str_equal(gee_field_name(field), name);
}

static bool has_json_name(const gee_field_t *field, gee_str_t name) {
    return field->more != NULL && field->more->json_name != NULL &&
           gee_str_equal(gee_str(field->more->json_name), name);
}

static bool has_name_in_another_case(const gee_field_t *field, gee_str_t name) {
    return gee_str_equal_ignoring_case(gee_field_name(field), name);
}

const gee_field_t *gee_field_by_name(gee_field_index_t **indices, const gee_type_t *type, gee_str_t name,
                                     gee_pool_t *pool) {
    static bool (*const ways[])(const gee_field_t *, gee_str_t) = { has_name, has_json_name, has_name_in_another_case };
    size_t count;
    const uint32_t *positions = gee_field_candidates(indices, type, name, pool, &count);
    if (positions == NULL)
        return gee_type_field_by_name(type, name);
    for (size_t way = 0; way < sizeof(ways) / sizeof(ways[0]); way++)
        for (size_t i = 0; i < count; i++)
            if (ways[way](&type->fields[positions[i]], name))
                return &type->fields[positions[i]];
    return NULL;
}
