/* type_copy.c: deep copies of typed values: measure, then copy. */
#include "core/type/type_copy.h"

#include <stdint.h>
#include <string.h>

#include "core/base/assert.h"
#include "core/type/value.h"

static bool is_flat(const gee_type_t *type, unsigned keeps) {
    switch (type->kind) {
    case GEE_KIND_STRING:
    case GEE_KIND_BYTES:
    case GEE_KIND_LIST:
    case GEE_KIND_MAP:
    case GEE_KIND_OPTIONAL:
        return false;
    case GEE_KIND_STRUCT:
        for (size_t i = 0; i < type->field_count; i++)
            if (!is_flat(type->fields[i].type, keeps))
                return false;
        return !(type->flags & keeps);
    default:
        return true;
    }
}

bool gee_type_is_flat(const gee_type_t *type) {
    return is_flat(type, GEE_TYPE_KEEPS_UNKNOWN);
}

bool gee_type_is_flat_but_unknown(const gee_type_t *type) {
    return is_flat(type, 0);
}

void gee_type_drop_unknown(const gee_type_t *type, void *value) {
    if (type->kind != GEE_KIND_STRUCT)
        return;
    if (type->flags & GEE_TYPE_KEEPS_UNKNOWN)
        memset((char *)value + type->unknown_offset, 0, sizeof(gee_bytes_t));
    for (size_t i = 0; i < type->field_count; i++)
        if (gee_field_is_set(&type->fields[i], value))
            gee_type_drop_unknown(type->fields[i].type, (char *)value + type->fields[i].offset);
}

/* ---- measuring ---- */

/* SIZE_MAX stays. */
static size_t add(size_t total, size_t size) {
    if (__builtin_add_overflow(total, size, &total) || total > SIZE_MAX - GEE_TYPE_COPY_ALIGNMENT)
        return SIZE_MAX;
    return (total + GEE_TYPE_COPY_ALIGNMENT - 1) & ~(size_t)(GEE_TYPE_COPY_ALIGNMENT - 1);
}

static size_t behind(const gee_type_t *type, const void *value, unsigned levels);

/* The bytes behind `count` values, one every `stride` bytes; the values themselves are copied with the array. */
static size_t behind_array(const gee_type_t *type, const char *items, size_t count, size_t stride, unsigned levels) {
    size_t total = 0;
    for (size_t i = 0; i < count && total < SIZE_MAX; i++)
        total = add(total, behind(type, items + i * stride, levels));
    return total;
}

static size_t behind_list(const gee_type_t *type, const gee_list_value_t *list, unsigned levels) {
    size_t stride = type->kind == GEE_KIND_MAP ? type->entry_size : type->element->size, total;
    const char *items = list->items;
    if (__builtin_mul_overflow(list->count, stride, &total))
        return SIZE_MAX;
    if (type->kind == GEE_KIND_MAP && gee_type_key(type)->kind == GEE_KIND_STRING)
        for (size_t i = 0; i < list->count; i++)
            total = add(total, ((const gee_str_t *)(const void *)(items + i * stride))->length);
    size_t offset = type->kind == GEE_KIND_MAP ? type->value_offset : 0;
    if (list->count == 0 || (offset == 0 && gee_type_is_flat(type->element)))
        return add(total, 0);
    return add(total, behind_array(type->element, items + offset, list->count, stride, levels));
}

static size_t behind_struct(const gee_type_t *type, const void *value, unsigned levels) {
    size_t total = 0;
    for (size_t i = 0; i < type->field_count && total < SIZE_MAX; i++)
        if (gee_field_is_set(&type->fields[i], value))
            total = add(total, behind(type->fields[i].type, (const char *)value + type->fields[i].offset, levels));
    return type->flags & GEE_TYPE_KEEPS_UNKNOWN
               ? add(total, behind(GEE_TYPE_OF(gee_bytes_t), (const char *)value + type->unknown_offset, levels))
               : total;
}

/* The bytes of all that the value points to. */
static size_t behind(const gee_type_t *type, const void *value, unsigned levels) {
    if (levels == 0)
        return SIZE_MAX;
    switch (type->kind) {
    case GEE_KIND_STRING:
        return add(((const gee_str_t *)value)->length, 0);
    case GEE_KIND_BYTES:
        return add(((const gee_bytes_t *)value)->length, 0);
    case GEE_KIND_LIST:
    case GEE_KIND_MAP:
        return behind_list(type, value, levels - 1);
    case GEE_KIND_OPTIONAL: {
        const void *pointed = *(void *const *)value;
        return pointed ? add(type->element->size, behind(type->element, pointed, levels - 1)) : 0;
    }
    case GEE_KIND_STRUCT:
        return behind_struct(type, value, levels - 1);
    default:
        return 0;
    }
}

size_t gee_type_copy_size(const gee_type_t *type, const void *value) {
    return add(add(type->size, 0), behind(type, value, GEE_VALUE_NESTING));
}

/* ---- copying ---- */

static void *place(char **at, const void *bytes, size_t length) {
    char *placed = *at;
    if (length > 0)
        memcpy(placed, bytes, length);
    *at += add(length, 0);
    return placed;
}

/* `value` is a copy already; the values that it points to are not. */
static void follow(const gee_type_t *type, void *value, char **at);

static void follow_list(const gee_type_t *type, gee_list_value_t *list, char **at) {
    bool map = type->kind == GEE_KIND_MAP;
    size_t stride = map ? type->entry_size : type->element->size;
    list->items = place(at, list->items, list->count * stride);
    for (size_t i = 0; i < list->count; i++) {
        char *entry = (char *)list->items + i * stride;
        if (map)
            follow(gee_type_key(type), entry, at);
        follow(type->element, entry + (map ? type->value_offset : 0), at);
    }
}

static void follow_struct(const gee_type_t *type, char *value, char **at) {
    for (size_t i = 0; i < type->field_count; i++)
        if (gee_field_is_set(&type->fields[i], value))
            follow(type->fields[i].type, value + type->fields[i].offset, at);
    if (type->flags & GEE_TYPE_KEEPS_UNKNOWN)
        follow(GEE_TYPE_OF(gee_bytes_t), value + type->unknown_offset, at);
}

static void follow(const gee_type_t *type, void *value, char **at) {
    switch (type->kind) {
    case GEE_KIND_STRING: {
        gee_str_t *string = value;
        string->data = place(at, string->data, string->length);
        return;
    }
    case GEE_KIND_BYTES: {
        gee_bytes_t *bytes = value;
        bytes->data = place(at, bytes->data, bytes->length);
        return;
    }
    case GEE_KIND_LIST:
    case GEE_KIND_MAP:
        follow_list(type, value, at);
        return;
    case GEE_KIND_OPTIONAL: {
        void **pointer = value;
        if (*pointer == NULL)
            return;
        *pointer = place(at, *pointer, type->element->size);
        follow(type->element, *pointer, at);
        return;
    }
    case GEE_KIND_STRUCT:
        follow_struct(type, value, at);
        return;
    default:
        return;
    }
}

void *gee_type_copy(const gee_type_t *type, const void *value, void *target) {
    GEE_ASSERT((uintptr_t)target % GEE_TYPE_COPY_ALIGNMENT == 0);
    char *at = target;
    void *copy = place(&at, value, type->size);
    follow(type, copy, &at);
    return copy;
}
