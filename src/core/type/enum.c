/* enum.c: the values of an enum in order. */
#include "core/type/enum.h"

#include <stdlib.h>
#include <string.h>

typedef struct placed {
    gee_enum_value_t value;
    uint32_t position;
} placed_t;

static int compare_numbers(const void *a, const void *b) {
    const placed_t *left = a, *right = b;
    if (left->value.number != right->value.number)
        return left->value.number < right->value.number ? -1 : 1;
    return left->position < right->position ? -1 : left->position > right->position;
}

static int compare_names(const void *a, const void *b) {
    return strcmp(((const placed_t *)a)->value.name, ((const placed_t *)b)->value.name);
}

const uint32_t *gee_enum_sort(gee_enum_value_t *values, size_t count, gee_pool_t *scratch, gee_pool_t *pool) {
    placed_t *placed = gee_pool_array(scratch, count, sizeof(*placed));
    uint32_t *by_name = gee_pool_array(pool, count, sizeof(*by_name));
    if (placed == NULL || by_name == NULL)
        return NULL;
    for (size_t i = 0; i < count; i++)
        placed[i] = (placed_t){ .value = values[i], .position = (uint32_t)i };
    qsort(placed, count, sizeof(*placed), compare_numbers);
    for (size_t i = 0; i < count; i++) {
        values[i] = placed[i].value;
        placed[i].position = (uint32_t)i;
    }
    qsort(placed, count, sizeof(*placed), compare_names);
    for (size_t i = 0; i < count; i++)
        by_name[i] = placed[i].position;
    return by_name;
}
