/* describe.c: types into a flat table, the reply of Gee.Describe.
 *
 *   gee_type_t --refers to--> gee_type_t        =>        types[0], types[1], ... by index
 *
 * describe_type.c makes types of a table. */
#include "core/type/describe.h"

#include <string.h>

#include "core/base/defs.h"

/* ---- the descriptions' own types, also in docs/geerpc.proto ---- */

GEE_STRUCT(gee_field_description_t, "FieldDescription", GEE_STRING(gee_field_description_t, name, "Name", 1),
           GEE_UINT32(gee_field_description_t, tag, "Tag", 2), GEE_UINT32(gee_field_description_t, type, "Type", 3));
GEE_LIST_TYPE(gee_field_description_t);
GEE_STRUCT(gee_type_description_t, "TypeDescription", GEE_STRING(gee_type_description_t, kind, "Kind", 1),
           GEE_STRING(gee_type_description_t, name, "Name", 2),
           GEE_LIST(gee_type_description_t, fields, "Fields", 3, gee_field_description_t,
                    gee_list_of_gee_field_description_t),
           GEE_UINT32(gee_type_description_t, element, "Element", 4));
GEE_LIST_TYPE(gee_type_description_t);
GEE_STRUCT(gee_method_description_t, "MethodDescription", GEE_STRING(gee_method_description_t, name, "Name", 1),
           GEE_UINT32(gee_method_description_t, argument, "Argument", 2),
           GEE_UINT32(gee_method_description_t, reply, "Reply", 3),
           GEE_BOOL(gee_method_description_t, idempotent, "Idempotent", 4),
           GEE_BOOL(gee_method_description_t, blocking, "Blocking", 5),
           GEE_BOOL(gee_method_description_t, client_streaming, "ClientStreaming", 6),
           GEE_BOOL(gee_method_description_t, server_streaming, "ServerStreaming", 7));
GEE_LIST_TYPE(gee_method_description_t);

static const gee_field_t argument_fields[] = { GEE_STRING(gee_describe_arguments_t, method, "Method", 1) };
const gee_type_t gee_type_of_gee_describe_arguments_t = {
    .kind = GEE_KIND_STRUCT,
    .name = "DescribeArguments",
    .size = sizeof(gee_describe_arguments_t),
    .lasting = true,
    .fields = argument_fields,
    .field_count = GEE_LENGTH(argument_fields),
};

static const gee_field_t description_fields[] = {
    GEE_LIST(gee_description_t, methods, "Methods", 1, gee_method_description_t, gee_list_of_gee_method_description_t),
    GEE_LIST(gee_description_t, types, "Types", 2, gee_type_description_t, gee_list_of_gee_type_description_t),
};
const gee_type_t gee_type_of_gee_description_t = {
    .kind = GEE_KIND_STRUCT,
    .name = "Description",
    .size = sizeof(gee_description_t),
    .lasting = true,
    .fields = description_fields,
    .field_count = GEE_LENGTH(description_fields),
};

/* ---- building ---- */

#define FIRST_CAPACITY 8

/* The capacity of lists here is the next power of two, so that no member need keep it. */
static bool is_full(size_t count) {
    return count == 0 || (count >= FIRST_CAPACITY && (count & (count - 1)) == 0);
}

static size_t grown(size_t count) {
    return count == 0 ? FIRST_CAPACITY : 2 * count;
}

static size_t capacity_of(size_t count) {
    size_t capacity = FIRST_CAPACITY;
    while (capacity < count)
        capacity *= 2;
    return capacity;
}

/* Behind the room for the types' descriptions lie pointers to the types themselves, in the same order, by which a
 * type is found again. */
static const gee_type_t **origins(const gee_description_t *description) {
    return (const gee_type_t **)(void *)(description->types.items + capacity_of(description->types.count));
}

static int make_room_for_type(gee_description_t *description, gee_pool_t *pool) {
    size_t count = description->types.count, capacity = grown(count);
    if (!is_full(count))
        return 0;
    gee_type_description_t *items = gee_pool_array(pool, capacity, sizeof(*items) + sizeof(const gee_type_t *));
    if (items == NULL)
        return -1;
    if (count > 0) {
        memcpy(items, description->types.items, count * sizeof(*items));
        memcpy((void *)(items + capacity), (const void *)origins(description), count * sizeof(const gee_type_t *));
    }
    description->types.items = items;
    return 0;
}

static const char *kind_word(gee_kind_t kind) {
    static const char *const words[] = {
        [GEE_KIND_BOOL] = "bool",   [GEE_KIND_ENUM] = "int32",        [GEE_KIND_INT32] = "int32",
        [GEE_KIND_INT64] = "int64", [GEE_KIND_UINT32] = "uint32",     [GEE_KIND_UINT64] = "uint64",
        [GEE_KIND_FLOAT] = "float", [GEE_KIND_DOUBLE] = "double",     [GEE_KIND_STRING] = "string",
        [GEE_KIND_BYTES] = "bytes", [GEE_KIND_STRUCT] = "struct",     [GEE_KIND_LIST] = "list",
        [GEE_KIND_MAP] = "map",     [GEE_KIND_OPTIONAL] = "optional",
    };
    return words[kind];
}

static int add_type(gee_description_t *description, const gee_type_t *type, gee_pool_t *pool, uint32_t *index);

static int add_fields(gee_description_t *description, const gee_type_t *type, gee_pool_t *pool, uint32_t index) {
    gee_field_description_t *fields = gee_pool_array(pool, type->field_count, sizeof(*fields));
    if (fields == NULL)
        return -1;
    for (size_t i = 0; i < type->field_count; i++) {
        fields[i].name = gee_str(type->fields[i].name);
        fields[i].tag = type->fields[i].tag;
        if (add_type(description, type->fields[i].type, pool, &fields[i].type) != 0)
            return -1;
    }
    description->types.items[index].fields.items = fields; /* not earlier, as the items may have moved */
    description->types.items[index].fields.count = type->field_count;
    return 0;
}

/* The type has its index before the types that it refers to are added, so that recursion ends. */
static int add_type(gee_description_t *description, const gee_type_t *type, gee_pool_t *pool, uint32_t *index) {
    for (size_t i = 0; i < description->types.count; i++)
        if (origins(description)[i] == type) {
            *index = (uint32_t)i;
            return 0;
        }
    if (make_room_for_type(description, pool) != 0)
        return -1;
    *index = (uint32_t)description->types.count++;
    origins(description)[*index] = type;
    gee_type_description_t *described = &description->types.items[*index];
    described->kind = gee_str(kind_word(type->kind));
    if (type->kind == GEE_KIND_STRUCT) {
        described->name = gee_str(type->name);
        return add_fields(description, type, pool, *index);
    }
    if (type->element == NULL)
        return 0;
    uint32_t element;
    if (add_type(description, type->element, pool, &element) != 0)
        return -1;
    description->types.items[*index].element = element;
    return 0;
}

static gee_method_description_t *new_method(gee_description_t *description, gee_pool_t *pool) {
    size_t count = description->methods.count;
    if (is_full(count)) {
        gee_method_description_t *items = gee_pool_array(pool, grown(count), sizeof(*items));
        if (items == NULL)
            return NULL;
        if (count > 0)
            memcpy(items, description->methods.items, count * sizeof(*items));
        description->methods.items = items;
    }
    return &description->methods.items[count];
}

gee_method_description_t *gee_describe_method(gee_description_t *description, const char *service, const char *name,
                                              const gee_type_t *argument, const gee_type_t *reply, gee_pool_t *pool) {
    gee_method_description_t *described = new_method(description, pool);
    const char *whole_name = gee_pool_printf(pool, "%s.%s", service, name);
    if (described == NULL || whole_name == NULL)
        return NULL;
    *described = (gee_method_description_t){ .name = gee_str(whole_name) };
    if (add_type(description, argument, pool, &described->argument) != 0 ||
        add_type(description, reply, pool, &described->reply) != 0)
        return NULL;
    description->methods.count++;
    return described;
}
