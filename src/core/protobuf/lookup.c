/* lookup.c: from a tag to its field, when the field is not the next in order.
 *
 * Small structs are searched from end to end. In a large struct a message with fields in the worst order would cost its
 * length times the number of fields; so an index sorted by tag is made, once for each type in a decoding, and searched
 * by halves. */
#include "core/protobuf/wire.h"

#include <stdlib.h>

typedef struct entry {
    uint32_t tag;
    uint32_t position;
} entry_t;

struct gee_protobuf_index {
    gee_protobuf_index_t *next;
    const gee_field_t *fields; /* the fields of which this is the index */
    entry_t entries[];
};

static int compare(const void *a, const void *b) {
    uint32_t left = ((const entry_t *)a)->tag, right = ((const entry_t *)b)->tag;
    return left < right ? -1 : left > right;
}

static gee_protobuf_index_t *make_index(const gee_protobuf_fields_t *fields, gee_pool_t *pool) {
    gee_protobuf_index_t *index = gee_pool_alloc(pool, sizeof *index + fields->count * sizeof(entry_t));
    if (index == NULL)
        return NULL;
    index->fields = fields->fields;
    for (size_t i = 0; i < fields->count; i++)
        index->entries[i] = (entry_t){ .tag = fields->fields[i].tag, .position = (uint32_t)i };
    qsort(index->entries, fields->count, sizeof(entry_t), compare);
    return index;
}

/* The index of this struct's fields, moved to the front of the list. */
static const gee_protobuf_index_t *index_of(const gee_protobuf_fields_t *fields, gee_protobuf_indices_t *indices,
                                            gee_pool_t *pool) {
    gee_protobuf_index_t **place = &indices->first, *index;
    while (*place != NULL && (*place)->fields != fields->fields)
        place = &(*place)->next;
    index = *place;
    if (index != NULL)
        *place = index->next;
    else if ((index = make_index(fields, pool)) == NULL)
        return NULL;
    index->next = indices->first;
    indices->first = index;
    return index;
}

static size_t search_index(const gee_protobuf_index_t *index, size_t count, uint32_t tag) {
    size_t low = 0, high = count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (index->entries[middle].tag < tag)
            low = middle + 1;
        else
            high = middle;
    }
    return low < count && index->entries[low].tag == tag ? index->entries[low].position : count;
}

int gee_protobuf_search(gee_protobuf_fields_t *fields, uint32_t tag, gee_protobuf_indices_t *indices, gee_pool_t *pool,
                        const gee_field_t **found) {
    size_t position = fields->next - 1; /* a repeated field comes as one run */
    *found = NULL;
    if (fields->next == 0 || fields->fields[position].tag != tag) {
        if (fields->count <= GEE_PROTOBUF_FEW) {
            for (position = 0; position < fields->count && fields->fields[position].tag != tag;)
                position++;
        } else {
            if (fields->index == NULL && (fields->index = index_of(fields, indices, pool)) == NULL)
                return -1;
            position = search_index(fields->index, fields->count, tag);
        }
        if (position == fields->count)
            return 0;
    }
    fields->next = position + 1;
    *found = &fields->fields[position];
    return 0;
}
