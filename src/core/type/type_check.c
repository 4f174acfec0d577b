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

#define FEW_TYPES  1024 /* a power of two; up to here no memory is taken for types */
#define MOST_TYPES (1u << 22)
#define NESTING    64 /* of structs by value */
#define TAG_MAX    536870911u
#define FEW_FIELDS 64 /* up to here no memory is taken to find duplicate names */

typedef struct found {
    const gee_type_t *type;
    uint8_t height; /* 0: not known yet */
    uint8_t alignment;
    bool on_path;
} found_t;

typedef struct type_set {
    found_t *found;
    size_t count, capacity; /* a power of two */
    uint32_t *slots;        /* index + 1; two for each place in `found` */
    found_t few[FEW_TYPES];
    uint32_t few_slots[2 * FEW_TYPES];
} type_set_t;

static const char too_many[] = "there are too many types in it, or there is no memory to check them";

static void begin_set(type_set_t *set) {
    set->found = set->few;
    set->slots = set->few_slots;
    set->count = 0;
    set->capacity = FEW_TYPES;
    memset(set->few_slots, 0, sizeof(set->few_slots));
}

static void end_set(type_set_t *set) {
    if (set->found != set->few) {
        free(set->found);
        free(set->slots);
    }
}

/* The slot of the type, or the free slot where the type belongs. */
static uint32_t *find_slot(const type_set_t *set, const gee_type_t *type) {
    size_t slot = (size_t)((uint64_t)((uintptr_t)type >> 3) * 0x9E3779B97F4A7C15u >> 32);
    for (;; slot++) {
        uint32_t *at = &set->slots[slot & (2 * set->capacity - 1)];
        if (*at == 0 || set->found[*at - 1].type == type)
            return at;
    }
}

static bool make_room(type_set_t *set) {
    if (set->count < set->capacity)
        return true;
    type_set_t larger = { .count = set->count, .capacity = 2 * set->capacity };
    larger.found = set->capacity < MOST_TYPES ? malloc(larger.capacity * sizeof(found_t)) : NULL;
    larger.slots = larger.found ? calloc(2 * larger.capacity, sizeof(uint32_t)) : NULL;
    if (!larger.slots) {
        free(larger.found);
        return false;
    }
    memcpy(larger.found, set->found, set->count * sizeof(found_t));
    for (size_t i = 0; i < set->count; i++)
        *find_slot(&larger, larger.found[i].type) = (uint32_t)i + 1;
    end_set(set);
    set->found = larger.found;
    set->slots = larger.slots;
    set->capacity = larger.capacity;
    return true;
}

/* Null: there are too many types. */
static found_t *find_or_add(type_set_t *set, const gee_type_t *type) {
    uint32_t *slot = find_slot(set, type);
    if (*slot != 0)
        return &set->found[*slot - 1];
    if (!make_room(set))
        return NULL;
    slot = find_slot(set, type);
    set->found[set->count] = (found_t){ .type = type };
    *slot = (uint32_t)++set->count;
    return &set->found[set->count - 1];
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
    if (!plain_name(field->name) || (field->more && field->more->json_name && !plain_name(field->more->json_name)))
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
        if (!find_or_add(set, type->fields[i].type))
            return too_many;
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
    return find_or_add(set, element) ? NULL : too_many;
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
 * walked once. Precondition: the type and all inside are in the set, which does not grow any more. */
static const char *check_layout(type_set_t *set, const gee_type_t *type, unsigned level, size_t *alignment,
                                unsigned *height) {
    *height = 0;
    *alignment = scalar_alignment(type);
    if (type->kind != GEE_KIND_STRUCT)
        return NULL;
    found_t *found = find_or_add(set, type);
    if (found->on_path)
        return "a struct contains itself";
    if (found->height == 0) {
        size_t most = 1, inner;
        unsigned deepest = 0, inner_height;
        if (level > NESTING)
            return too_deep;
        found->on_path = true;
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
        found->on_path = false;
        found->alignment = (uint8_t)most;
        found->height = (uint8_t)(deepest + 1);
    }
    *height = found->height;
    *alignment = found->alignment;
    return level + *height > NESTING + 1 ? too_deep : NULL;
}

static const char *check_layout_of(type_set_t *set, const gee_type_t *type) {
    size_t alignment;
    unsigned height;
    const char *flaw = check_layout(set, type, 1, &alignment, &height);
    if (flaw || type->kind != GEE_KIND_MAP)
        return flaw;
    flaw = check_layout(set, type->element, 1, &alignment, &height);
    if (!flaw && (type->value_offset % alignment != 0 || type->entry_size % alignment != 0))
        flaw = "a map's value is not aligned";
    return flaw;
}

static const char *check_set(type_set_t *set, const gee_type_t **flawed) {
    const char *flaw = NULL;
    for (size_t i = 0; i < set->count && !flaw; i++) {
        *flawed = set->found[i].type;
        flaw = check_one(set, *flawed);
    }
    for (size_t i = 0; i < set->count && !flaw; i++) {
        *flawed = set->found[i].type;
        flaw = check_layout_of(set, *flawed);
    }
    return flaw;
}

const char *gee_type_check_all(const gee_type_t *const *types, size_t count, const gee_type_t **flawed) {
    type_set_t set;
    const char *flaw = NULL;
    *flawed = NULL;
    begin_set(&set);
    for (size_t i = 0; i < count && !flaw; i++)
        if (!find_or_add(&set, types[i]))
            flaw = too_many;
    if (!flaw)
        flaw = check_set(&set, flawed);
    end_set(&set);
    return flaw;
}

const char *gee_type_check(const gee_type_t *type) {
    const gee_type_t *flawed;
    return type ? gee_type_check_all(&type, 1, &flawed) : "there is no type";
}
