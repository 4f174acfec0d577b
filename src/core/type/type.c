/* type.c: the descriptions of scalars, and questions to a type: a field by name, whether a value is zero, whether two
 * values are equal. */
#include "core/type/type.h"

#include <stdlib.h>
#include <string.h>

#include "core/base/defs.h"
#include "core/type/key.h"

#define SCALAR(c_type, the_kind, wire_name) FORMED(c_type, the_kind, GEE_FORM_PLAIN, wire_name)
#define FORMED(c_type, the_kind, the_form, wire_name)                                                                  \
    const gee_type_t gee_type_of_##c_type = {                                                                          \
        .kind = the_kind, .form = the_form, .name = wire_name, .size = sizeof(c_type), .lasting = true                 \
    }

const gee_type_t gee_type_of_bool = { .kind = GEE_KIND_BOOL, .name = "bool", .size = sizeof(bool), .lasting = true };
SCALAR(int32_t, GEE_KIND_INT32, "int32");
SCALAR(int64_t, GEE_KIND_INT64, "int64");
SCALAR(uint32_t, GEE_KIND_UINT32, "uint32");
SCALAR(uint64_t, GEE_KIND_UINT64, "uint64");
SCALAR(float, GEE_KIND_FLOAT, "float");
SCALAR(double, GEE_KIND_DOUBLE, "double");
SCALAR(gee_str_t, GEE_KIND_STRING, "string");
SCALAR(gee_bytes_t, GEE_KIND_BYTES, "bytes");
FORMED(gee_sint32_t, GEE_KIND_INT32, GEE_FORM_ZIGZAG, "int32");
FORMED(gee_sint64_t, GEE_KIND_INT64, GEE_FORM_ZIGZAG, "int64");
FORMED(gee_fixed32_t, GEE_KIND_UINT32, GEE_FORM_FIXED, "uint32");
FORMED(gee_fixed64_t, GEE_KIND_UINT64, GEE_FORM_FIXED, "uint64");
FORMED(gee_sfixed32_t, GEE_KIND_INT32, GEE_FORM_FIXED, "int32");
FORMED(gee_sfixed64_t, GEE_KIND_INT64, GEE_FORM_FIXED, "int64");
FORMED(gee_proto2_str_t, GEE_KIND_STRING, GEE_FORM_UNCHECKED, "string");
const gee_type_t gee_type_of_gee_empty_t = {
    .kind = GEE_KIND_STRUCT, .name = "Empty", .size = sizeof(gee_empty_t), .lasting = true
};

const char *gee_type_label(const gee_type_t *type) {
    switch (type->kind) {
    case GEE_KIND_LIST:
        return "list";
    case GEE_KIND_MAP:
        return "map";
    case GEE_KIND_OPTIONAL:
        return gee_type_label(type->element);
    default:
        return type->name && *type->name ? type->name : type->kind == GEE_KIND_ENUM ? "enum" : "struct";
    }
}

/* A name ends with a zero byte; a wanted string may contain zero bytes. */
static bool name_is(const char *name, gee_str_t wanted) {
    for (size_t i = 0; i < wanted.length; i++) {
        if (name[i] != wanted.data[i] || name[i] == '\0')
            return false;
    }
    return name[wanted.length] == '\0';
}

/* Apart, so that a name that is found at once costs nothing more. */
GEE_APART static const gee_field_t *field_by_other_name(const gee_type_t *type, gee_str_t name) {
    for (size_t i = 0; i < type->field_count; i++) {
        const gee_field_more_t *more = type->fields[i].more;
        if (more && more->json_name && name_is(more->json_name, name))
            return &type->fields[i];
    }
    for (size_t i = 0; i < type->field_count; i++) {
        if (gee_str_equal_ignoring_case(gee_str(type->fields[i].name), name))
            return &type->fields[i];
    }
    return NULL;
}

const gee_field_t *gee_type_field_by_name(const gee_type_t *type, gee_str_t name) {
    for (size_t i = 0; i < type->field_count; i++) {
        if (name_is(type->fields[i].name, name))
            return &type->fields[i];
    }
    return field_by_other_name(type, name);
}

/* ---- enums ---- */

const gee_enum_value_t *gee_type_enum_by_number(const gee_type_t *type, int32_t number) {
    size_t low = 0, high = type->value_count;
    if (high == 0)
        return NULL;
    int64_t guess = (int64_t)number - type->values[0].number; /* most enums count up from their first number */
    if (guess >= 0 && guess < (int64_t)high && type->values[guess].number == number &&
        (guess == 0 || type->values[guess - 1].number != number))
        return &type->values[guess];
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (type->values[middle].number < number)
            low = middle + 1;
        else
            high = middle;
    }
    return low < type->value_count && type->values[low].number == number ? &type->values[low] : NULL;
}

static const gee_enum_value_t *find_by_name(const gee_type_t *type, gee_str_t name) {
    size_t low = 0, high = type->value_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const gee_enum_value_t *value = &type->values[type->by_name[middle]];
        int order = gee_str_compare(gee_str(value->name), name);
        if (order == 0)
            return value;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

const gee_enum_value_t *gee_type_enum_by_name(const gee_type_t *type, gee_str_t name) {
    if (type->by_name)
        return find_by_name(type, name);
    for (size_t i = 0; i < type->value_count; i++)
        if (name_is(type->values[i].name, name))
            return &type->values[i];
    return NULL;
}

/* ---- zero, equal ---- */

static const void *member(const gee_field_t *field, const void *value) {
    return (const char *)value + field->offset;
}

static const gee_bytes_t *unknown_fields(const gee_type_t *type, const void *value) {
    return (const void *)((const char *)value + type->unknown_offset);
}

/* The set member of a oneof is something, whatever its value. */
static bool field_is_zero(const gee_field_t *field, const void *value) {
    return field->flags & GEE_FIELD_ONEOF ? !gee_field_is_set(field, value)
                                          : gee_type_is_zero(field->type, member(field, value));
}

static bool all_fields_zero(const gee_type_t *type, const void *value) {
    for (size_t i = 0; i < type->field_count; i++)
        if (!field_is_zero(&type->fields[i], value))
            return false;
    return !(type->flags & GEE_TYPE_KEEPS_UNKNOWN) || unknown_fields(type, value)->length == 0;
}

/* Floating-point numbers are compared by their bits: -0.0 is not zero, so that its sign is not lost. */
bool gee_type_is_zero(const gee_type_t *type, const void *value) {
    static const uint64_t zero = 0;
    switch (type->kind) {
    case GEE_KIND_BOOL:
    case GEE_KIND_ENUM:
    case GEE_KIND_INT32:
    case GEE_KIND_UINT32:
    case GEE_KIND_INT64:
    case GEE_KIND_UINT64:
    case GEE_KIND_FLOAT:
    case GEE_KIND_DOUBLE:
        return memcmp(value, &zero, type->size) == 0;
    case GEE_KIND_STRING:
        return ((const gee_str_t *)value)->length == 0;
    case GEE_KIND_BYTES:
        return ((const gee_bytes_t *)value)->length == 0;
    case GEE_KIND_LIST:
    case GEE_KIND_MAP:
        return ((const gee_list_value_t *)value)->count == 0;
    case GEE_KIND_OPTIONAL:
        return *(void *const *)value == NULL;
    case GEE_KIND_STRUCT:
        return all_fields_zero(type, value);
    }
    return true;
}

static bool doubles_equal(double a, double b) {
    return a == b || (a != a && b != b);
}

static bool lists_equal(const gee_type_t *type, const gee_list_value_t *a, const gee_list_value_t *b) {
    size_t size = type->element->size;
    if (a->count != b->count)
        return false;
    for (size_t i = 0; i < a->count; i++) {
        if (!gee_type_equal(type->element, (const char *)a->items + i * size, (const char *)b->items + i * size))
            return false;
    }
    return true;
}

/* The entry with that key; the search begins at `guess`, where the entry is when both maps have the same order. */
static const char *map_entry(const gee_type_t *type, const gee_list_value_t *map, const void *key, size_t guess) {
    for (size_t i = 0; i < map->count; i++) {
        const char *entry = (const char *)map->items + (guess + i) % map->count * type->entry_size;
        if (gee_key_compare(gee_type_key(type), entry, key) == 0)
            return entry;
    }
    return NULL;
}

static bool maps_equal(const gee_type_t *type, const gee_list_value_t *a, const gee_list_value_t *b) {
    if (a->count != b->count)
        return false;
    for (size_t i = 0; i < a->count; i++) {
        const char *entry = (const char *)a->items + i * type->entry_size;
        const char *other = map_entry(type, b, entry, i);
        if (!other || !gee_type_equal(type->element, entry + type->value_offset, other + type->value_offset))
            return false;
    }
    return true;
}

static bool bytes_equal(const gee_bytes_t *a, const gee_bytes_t *b) {
    return a->length == b->length && (a->length == 0 || memcmp(a->data, b->data, a->length) == 0);
}

static bool structs_equal(const gee_type_t *type, const void *a, const void *b) {
    for (size_t i = 0; i < type->field_count; i++) {
        const gee_field_t *field = &type->fields[i];
        bool is_set = gee_field_is_set(field, a);
        if (is_set != gee_field_is_set(field, b) ||
            (is_set && !gee_type_equal(field->type, member(field, a), member(field, b))))
            return false;
    }
    return !(type->flags & GEE_TYPE_KEEPS_UNKNOWN) || bytes_equal(unknown_fields(type, a), unknown_fields(type, b));
}

static bool optionals_equal(const gee_type_t *type, const void *a, const void *b) {
    if (!a || !b)
        return a == b;
    return gee_type_equal(type->element, a, b);
}

bool gee_type_equal(const gee_type_t *type, const void *a, const void *b) {
    switch (type->kind) {
    case GEE_KIND_BOOL:
    case GEE_KIND_ENUM:
    case GEE_KIND_INT32:
    case GEE_KIND_UINT32:
    case GEE_KIND_INT64:
    case GEE_KIND_UINT64:
        return memcmp(a, b, type->size) == 0;
    case GEE_KIND_FLOAT:
        return doubles_equal((double)*(const float *)a, (double)*(const float *)b);
    case GEE_KIND_DOUBLE:
        return doubles_equal(*(const double *)a, *(const double *)b);
    case GEE_KIND_STRING:
        return gee_str_equal(*(const gee_str_t *)a, *(const gee_str_t *)b);
    case GEE_KIND_BYTES:
        return bytes_equal(a, b);
    case GEE_KIND_LIST:
        return lists_equal(type, a, b);
    case GEE_KIND_MAP:
        return maps_equal(type, a, b);
    case GEE_KIND_OPTIONAL:
        return optionals_equal(type, *(void *const *)a, *(void *const *)b);
    case GEE_KIND_STRUCT:
        return structs_equal(type, a, b);
    }
    return false;
}
