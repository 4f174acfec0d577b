/* type_check.c: whether the description of a type is sound. A description from a peer may be recursive, and hostile.
 *
 *   gee_type_check:  found = { the type }     each of `found` is checked by itself, types that it refers to are added
 *                    then: no struct contains itself but through a list, a map or an optional
 *
 * Linear in the number of types and fields, with bounded stack. */
#include "core/type/type.h"

#include <stdlib.h>
#include <string.h>

#include "core/type/key.h"

#define TYPES_MAX  1024
#define SLOTS      2048 /* a power of two, above TYPES_MAX */
#define NESTING    64   /* of structs by value */
#define TAG_MAX    536870911u
#define FEW_FIELDS 64 /* up to here no memory is taken to find duplicate names */

typedef struct type_set {
    const gee_type_t *types[TYPES_MAX];
    uint8_t height[TYPES_MAX]; /* 0: not known yet */
    uint8_t alignment[TYPES_MAX];
    bool on_path[TYPES_MAX];
    size_t count;
    uint16_t slots[SLOTS]; /* index + 1 */
} type_set_t;

/* The type's index; a new type is added. -1: there are too many types. */
static int find_or_add(type_set_t *set, const gee_type_t *type) {
    size_t slot = ((uintptr_t)type >> 3) * (uintptr_t)0x9E3779B97F4A7C15u >> (sizeof(uintptr_t) * 8 - 11);
    for (;; slot++) {
        slot &= SLOTS - 1;
        if (set->slots[slot] == 0)
            break;
        if (set->types[set->slots[slot] - 1] == type)
            return set->slots[slot] - 1;
    }
    if (set->count == TYPES_MAX)
        return -1;
    set->types[set->count++] = type;
    set->slots[slot] = (uint16_t)set->count;
    return (int)set->count - 1;
}

static size_t scalar_size(gee_kind_t kind) {
    switch (kind) {
    case GEE_KIND_BOOL:
        return sizeof(bool);
    case GEE_KIND_ENUM:
    case GEE_KIND_INT32:
    case GEE_KIND_UINT32:
    case GEE_KIND_FLOAT:
        return 4;
    case GEE_KIND_INT64:
    case GEE_KIND_UINT64:
    case GEE_KIND_DOUBLE:
        return 8;
    case GEE_KIND_STRING:
        return sizeof(gee_str_t);
    case GEE_KIND_BYTES:
        return sizeof(gee_bytes_t);
    default:
        return 0;
    }
}

static size_t scalar_alignment(const gee_type_t *type) {
    size_t size = scalar_size(type->kind);
    return size == 0 || size > _Alignof(void *) ? _Alignof(void *) : size;
}

/* Can the name stand between quotes in JSON without escapes? */
static bool plain_name(const char *name) {
    for (const char *at = name; *at; at++) {
        if ((unsigned char)*at < 0x20 || *at == '"' || *at == '\\')
            return false;
    }
    return gee_utf8_valid(name, strlen(name));
}

static const char *check_oneof(const gee_type_t *type, const gee_field_t *field) {
    if (type->size < sizeof(uint32_t) || field->selector > type->size - sizeof(uint32_t) ||
        field->selector % sizeof(uint32_t) != 0)
        return "a oneof's selector does not lie within its struct";
    if (field->offset < field->selector + sizeof(uint32_t) && field->selector < field->offset + field->type->size)
        return "a oneof's selector lies in its member";
    return NULL;
}

static const char *check_field(const gee_type_t *type, const gee_field_t *field) {
    if (!field->name || !*field->name)
        return "a field has no name";
    if (field->name_length > 0 && field->name_length != strlen(field->name))
        return "a field's name_length is not that of its name";
    if (!plain_name(field->name))
        return "a field's name has a quote, a backslash, a control character or invalid UTF-8 in it";
    if (field->tag < 1 || field->tag > TAG_MAX || (field->tag >= 19000 && field->tag <= 19999))
        return "a field's tag is not from 1 to 18999 or 20000 to 536870911";
    if (!field->type)
        return "a field has no type";
    if (field->offset > type->size || field->type->size > type->size - field->offset)
        return "a field does not lie within its struct";
    if (field->flags & GEE_FIELD_REQUIRED && field->type->kind != GEE_KIND_OPTIONAL)
        return "a required field is not an optional";
    if (field->flags & GEE_FIELD_REQUIRED && !(type->flags & GEE_TYPE_REQUIRED))
        return "a struct has a required field and does not say so";
    return field->flags & GEE_FIELD_ONEOF ? check_oneof(type, field) : NULL;
}

static int compare_names(const void *a, const void *b) {
    return strcmp((*(const gee_field_t *const *)a)->name, (*(const gee_field_t *const *)b)->name);
}

static int compare_tags(const void *a, const void *b) {
    uint32_t left = (*(const gee_field_t *const *)a)->tag, right = (*(const gee_field_t *const *)b)->tag;
    return left < right ? -1 : left > right;
}

static bool has_equal_neighbours(const gee_field_t **fields, size_t count, int (*compare)(const void *, const void *)) {
    qsort(fields, count, sizeof(const gee_field_t *), compare);
    for (size_t i = 1; i < count; i++) {
        if (compare(&fields[i - 1], &fields[i]) == 0)
            return true;
    }
    return false;
}

static const char *check_unique(const gee_type_t *type) {
    const gee_field_t *few[FEW_FIELDS], **fields = few, **many = NULL;
    if (type->field_count > FEW_FIELDS) {
        many = calloc(type->field_count, sizeof(const gee_field_t *));
        if (!many)
            return "out of memory";
        fields = many;
    }
    for (size_t i = 0; i < type->field_count; i++)
        fields[i] = &type->fields[i];
    const char *flaw = NULL;
    if (has_equal_neighbours(fields, type->field_count, compare_names))
        flaw = "two fields of a struct have the same name";
    else if (has_equal_neighbours(fields, type->field_count, compare_tags))
        flaw = "two fields of a struct have the same tag";
    free(many);
    return flaw;
}

static const char *check_struct(type_set_t *set, const gee_type_t *type) {
    if (!type->name)
        return "a struct's name is a null pointer";
    if (type->size == 0 || type->size > UINT32_MAX)
        return "a struct's size is not from 1 to 4294967295";
    if (type->field_count > 0 && !type->fields)
        return "a struct's fields are a null pointer";
    if (type->flags & GEE_TYPE_KEEPS_UNKNOWN &&
        (type->size < sizeof(gee_bytes_t) || type->unknown_offset > type->size - sizeof(gee_bytes_t) ||
         type->unknown_offset % _Alignof(gee_bytes_t) != 0))
        return "the place for a struct's unknown fields does not lie within the struct";
    for (size_t i = 0; i < type->field_count; i++) {
        const char *flaw = check_field(type, &type->fields[i]);
        if (flaw)
            return flaw;
        if (find_or_add(set, type->fields[i].type) < 0)
            return "there are more than 1024 types in it";
    }
    return check_unique(type);
}

static const char *check_names(const gee_type_t *type) {
    for (size_t i = 0; i < type->value_count; i++) {
        if (!type->values[i].name || !*type->values[i].name || !plain_name(type->values[i].name))
            return "an enum's value has no name, or one that JSON cannot carry as it is";
        if (i > 0 && type->values[i].number < type->values[i - 1].number)
            return "an enum's numbers do not ascend";
    }
    return NULL;
}

static const char *check_enum(const gee_type_t *type) {
    if (type->size != sizeof(int32_t) || !type->name)
        return "an enum's size is not 4, or its name is a null pointer";
    if (type->value_count == 0 || !type->values)
        return "an enum has no values";
    if (!type->by_name)
        return type->value_count > GEE_ENUM_FEW ? "an enum of more than 64 values has no by_name" : check_names(type);
    for (size_t i = 0; i < type->value_count; i++)
        if (type->by_name[i] >= type->value_count)
            return "an enum's by_name has a position that is not in it";
    const char *flaw = check_names(type);
    for (size_t i = 1; i < type->value_count && flaw == NULL; i++)
        if (strcmp(type->values[type->by_name[i - 1]].name, type->values[type->by_name[i]].name) >= 0)
            flaw = "an enum's names do not ascend in by_name, or a name comes twice";
    return flaw;
}

static const char *check_map(const gee_type_t *type) {
    const gee_type_t *key = gee_type_key(type);
    if (!gee_key_is_allowed(key) || key->size != scalar_size(key->kind))
        return "a map's key is neither a bool, an integer nor a string";
    if (type->value_offset < key->size || type->value_offset > type->entry_size ||
        type->element->size > type->entry_size - type->value_offset || type->entry_size % scalar_alignment(key) != 0)
        return "a map's value does not lie within its entry";
    return NULL;
}

static const char *check_element(type_set_t *set, const gee_type_t *type) {
    const gee_type_t *element = type->element;
    if (!element)
        return "a list, map or optional has no element type";
    if (element->size == 0)
        return "an element type has no size";
    if (type->kind == GEE_KIND_OPTIONAL && element->kind == GEE_KIND_OPTIONAL)
        return "an optional's element is an optional";
    if (type->size != (type->kind == GEE_KIND_OPTIONAL ? sizeof(void *) : sizeof(gee_list_value_t)))
        return "a type's size is not that of its kind";
    const char *flaw = type->kind == GEE_KIND_MAP ? check_map(type) : NULL;
    if (flaw != NULL)
        return flaw;
    return find_or_add(set, element) < 0 ? "there are more than 1024 types in it" : NULL;
}

static const char *check_one(type_set_t *set, const gee_type_t *type) {
    switch (type->kind) {
    case GEE_KIND_STRUCT:
        return check_struct(set, type);
    case GEE_KIND_ENUM:
        return check_enum(type);
    case GEE_KIND_LIST:
    case GEE_KIND_MAP:
    case GEE_KIND_OPTIONAL:
        return check_element(set, type);
    default:
        if (scalar_size(type->kind) == 0)
            return "a type has an unknown kind";
        if (type->size != scalar_size(type->kind))
            return "a type's size is not that of its kind";
        return type->name ? NULL : "a type's name is a null pointer";
    }
}

static const char too_deep[] = "structs within structs are nested deeper than 64 levels";

/* Walks structs by value: finds the alignment of each struct, and how deep structs are nested inside. Each struct is
 * walked once. */
static const char *check_layout(type_set_t *set, const gee_type_t *type, unsigned level, size_t *alignment,
                                unsigned *height) {
    *height = 0;
    *alignment = scalar_alignment(type);
    if (type->kind != GEE_KIND_STRUCT)
        return NULL;
    int index = find_or_add(set, type);
    if (set->on_path[index])
        return "a struct contains itself";
    if (set->height[index] == 0) {
        size_t most = 1, inner;
        unsigned deepest = 0, inner_height;
        if (level > NESTING)
            return too_deep;
        set->on_path[index] = true;
        for (size_t i = 0; i < type->field_count; i++) {
            const gee_field_t *field = &type->fields[i];
            const char *flaw = check_layout(set, field->type, level + 1, &inner, &inner_height);
            if (flaw)
                return flaw;
            if (field->offset % inner != 0)
                return "a field is not aligned";
            most = inner > most ? inner : most;
            deepest = inner_height > deepest ? inner_height : deepest;
        }
        if (type->size % most != 0)
            return "a struct's size is not a multiple of its alignment";
        set->on_path[index] = false;
        set->alignment[index] = (uint8_t)most;
        set->height[index] = (uint8_t)(deepest + 1);
    }
    *height = set->height[index];
    *alignment = set->alignment[index];
    return level + *height > NESTING + 1 ? too_deep : NULL;
}

const char *gee_type_check(const gee_type_t *type) {
    type_set_t set;
    memset(&set, 0, sizeof(set));
    if (!type)
        return "there is no type";
    find_or_add(&set, type);
    for (size_t i = 0; i < set.count; i++) {
        const char *flaw = check_one(&set, set.types[i]);
        if (flaw)
            return flaw;
    }
    for (size_t i = 0; i < set.count; i++) {
        size_t alignment;
        unsigned height;
        const char *flaw = check_layout(&set, set.types[i], 1, &alignment, &height);
        if (flaw)
            return flaw;
        if (set.types[i]->kind == GEE_KIND_MAP) {
            flaw = check_layout(&set, set.types[i]->element, 1, &alignment, &height);
            if (!flaw && (set.types[i]->value_offset % alignment != 0 || set.types[i]->entry_size % alignment != 0))
                flaw = "a map's value is not aligned";
            if (flaw)
                return flaw;
        }
    }
    return NULL;
}
