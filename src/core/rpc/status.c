/* status.c: metadata by key. */
#include "core/rpc/status.h"

const gee_type_t gee_type_of_metadata = {
    .kind = GEE_KIND_MAP,
    .name = "",
    .size = sizeof(gee_metadata_t),
    .element = GEE_TYPE_OF(gee_str_t),
    .value_offset = offsetof(__typeof__(*((gee_metadata_t *)0)->items), value),
    .entry_size = sizeof(*((gee_metadata_t *)0)->items),
};

gee_str_t gee_metadata_get(const gee_metadata_t *metadata, gee_str_t key) {
    for (size_t i = 0; i < metadata->count; i++)
        if (gee_str_equal(metadata->items[i].key, key))
            return metadata->items[i].value;
    return (gee_str_t){ .data = NULL, .length = 0 };
}
