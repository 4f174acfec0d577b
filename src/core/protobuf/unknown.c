/* unknown.c: fields that a type does not know, in the bytes in which they came.
 *
 *   gee_bytes_t --data--> [ capacity | kept bytes ......... room ]
 *
 * A message can come in parts, and each part have runs of unknown fields between known ones: room is doubled, so that
 * the cost is linear. */
#include "core/protobuf/wire.h"

#include <string.h>

#define HEAD 16 /* the capacity; keeps the bytes aligned as pieces of the pool are */

static size_t capacity_of(const gee_bytes_t *kept) {
    size_t capacity;
    memcpy(&capacity, kept->data - HEAD, sizeof capacity);
    return capacity;
}

static int make_room(gee_bytes_t *kept, size_t length, gee_pool_t *pool) {
    size_t needed;
    if (__builtin_add_overflow(kept->length, length, &needed) || needed > SIZE_MAX / 4)
        return -1;
    size_t capacity = kept->length > 0 ? 2 * needed : needed;
    uint8_t *room = gee_pool_alloc(pool, HEAD + capacity);
    if (room == NULL)
        return -1;
    memcpy(room, &capacity, sizeof capacity);
    if (kept->length > 0)
        memcpy(room + HEAD, kept->data, kept->length);
    kept->data = room + HEAD;
    return 0;
}

int gee_protobuf_keep(const gee_type_t *keeper, void *base, const uint8_t *bytes, size_t length, gee_pool_t *pool) {
    if (keeper == NULL || !(keeper->flags & GEE_TYPE_KEEPS_UNKNOWN))
        return 0;
    gee_bytes_t *kept = gee_protobuf_unknown(keeper, base);
    if ((kept->data == NULL || capacity_of(kept) - kept->length < length) && make_room(kept, length, pool) != 0)
        return -1;
    memcpy((uint8_t *)(uintptr_t)kept->data + kept->length, bytes, length);
    kept->length += length;
    return 0;
}
