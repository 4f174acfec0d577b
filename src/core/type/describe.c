/* describe.c: types into a flat table, the reply of Gee.Describe.
 *
 *   gee_type_t --refers to--> gee_type_t        =>        types[0], types[1], ... by index
 *
 * describe_type.c makes types of a table. */
#include "core/type/describe.h"

#include <string.h>

#include "core/base/defs.h"

/* ---- the descriptions' own types, also in docs/geerpc.proto ---- */

/* What few types have is left out of JSON elsewhere. */
#define TEXT(T, member, name, tag)                                                                                     \
    { name, tag, GEE_FIELD_OMIT_EMPTY, sizeof(name) - 1, offsetof(T, member), 0, GEE_TYPE_OF(gee_str_t), NULL }
#define MARK(T, member, name, tag)                                                                                     \
    { name, tag, GEE_FIELD_OMIT_EMPTY, sizeof(name) - 1, offsetof(T, member), 0, GEE_TYPE_OF(bool), NULL }

GEE_STRUCT(gee_field_description_t, "FieldDescription", GEE_STRING(gee_field_description_t, name, "Name", 1),
           GEE_UINT32(gee_field_description_t, tag, "Tag", 2), GEE_UINT32(gee_field_description_t, type, "Type", 3),
           TEXT(gee_field_description_t, json_name, "JsonName", 4), TEXT(gee_field_description_t, oneof, "Oneof", 5),
           TEXT(gee_field_description_t, default_text, "Default", 6),
           MARK(gee_field_description_t, required, "Required", 7));
GEE_LIST_TYPE(gee_field_description_t);
GEE_STRUCT(gee_value_description_t, "ValueDescription", GEE_STRING(gee_value_description_t, name, "Name", 1),
           GEE_INT32(gee_value_description_t, number, "Number", 2));
GEE_LIST_TYPE(gee_value_description_t);
GEE_STRUCT(gee_type_description_t, "TypeDescription", GEE_STRING(gee_type_description_t, kind, "Kind", 1),
           GEE_STRING(gee_type_description_t, name, "Name", 2),
           GEE_LIST(gee_type_description_t, fields, "Fields", 3, gee_field_description_t,
                    gee_list_of_gee_field_description_t),
           GEE_UINT32(gee_type_description_t, element, "Element", 4),
           TEXT(gee_type_description_t, full_name, "FullName", 5), TEXT(gee_type_description_t, key, "Key", 6),
           { "Length", 7, GEE_FIELD_OMIT_EMPTY, 6, offsetof(gee_type_description_t, length), 0, GEE_TYPE_OF(uint32_t),
             NULL },
           MARK(gee_type_description_t, unpacked, "Unpacked", 8), MARK(gee_type_description_t, closed, "Closed", 9),
           { "Values", 10, GEE_FIELD_OMIT_EMPTY, 6, offsetof(gee_type_description_t, values), 0,
             &gee_list_of_gee_value_description_t, NULL });
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

static const char *kind_word(const gee_type_t *type) {
    static const char *const words[][GEE_FORM_FIXED + 1] = {
        [GEE_KIND_BOOL] = { "bool" },
        [GEE_KIND_ENUM] = { "enum" },
        [GEE_KIND_INT32] = { "int32", "sint32", "sfixed32" },
        [GEE_KIND_INT64] = { "int64", "sint64", "sfixed64" },
        [GEE_KIND_UINT32] = { "uint32", "uint32", "fixed32" },
        [GEE_KIND_UINT64] = { "uint64", "uint64", "fixed64" },
        [GEE_KIND_FLOAT] = { "float" },
        [GEE_KIND_DOUBLE] = { "double" },
        [GEE_KIND_STRING] = { "string" },
        [GEE_KIND_BYTES] = { "bytes" },
        [GEE_KIND_STRUCT] = { "struct" },
        [GEE_KIND_LIST] = { "list" },
        [GEE_KIND_MAP] = { "map" },
        [GEE_KIND_OPTIONAL] = { "optional" },
    };
    bool has_forms = type->kind >= GEE_KIND_INT32 && type->kind <= GEE_KIND_UINT64;
    return words[type->kind][has_forms && type->form <= GEE_FORM_FIXED ? type->form : GEE_FORM_PLAIN];
}

static gee_str_t text(const char *word) {
    return word ? gee_str(word) : GEE_STR("");
}

static int add_type(gee_description_t *description, const gee_type_t *type, gee_pool_t *pool, uint32_t *index);

/* The oneof's name. A oneof that the macros made has none: the tag of its first member
 * tells it from the other oneofs. */
static int name_oneof(const gee_type_t *type, const gee_field_t *field, gee_pool_t *pool, gee_str_t *name) {
    size_t first = 0;
    if (!(field->flags & GEE_FIELD_ONEOF))
        return 0;
    if (field->more && field->more->oneof) {
        *name = gee_str(field->more->oneof);
        return 0;
    }
    while (!(type->fields[first].flags & GEE_FIELD_ONEOF) || type->fields[first].selector != field->selector)
        first++;
    const char *made = gee_pool_printf(pool, "oneof_%u", type->fields[first].tag);
    *name = text(made);
    return made ? 0 : -1;
}

static int add_field(gee_description_t *description, const gee_type_t *type, const gee_field_t *field, gee_pool_t *pool,
                     gee_field_description_t *described) {
    described->name = gee_str(field->name);
    described->tag = field->tag;
    described->required = field->flags & GEE_FIELD_REQUIRED;
    if (field->more) {
        described->json_name = text(field->more->json_name);
        described->default_text = text(field->more->default_text);
    }
    return name_oneof(type, field, pool, &described->oneof) != 0
               ? -1
               : add_type(description, field->type, pool, &described->type);
}

static int add_fields(gee_description_t *description, const gee_type_t *type, gee_pool_t *pool, uint32_t index) {
    gee_field_description_t *fields = gee_pool_array(pool, type->field_count, sizeof(*fields));
    if (fields == NULL)
        return -1;
    for (size_t i = 0; i < type->field_count; i++)
        if (add_field(description, type, &type->fields[i], pool, &fields[i]) != 0)
            return -1;
    description->types.items[index].fields.items = fields; /* not earlier, as the items may have moved */
    description->types.items[index].fields.count = type->field_count;
    return 0;
}

static int add_values(gee_type_description_t *described, const gee_type_t *type, gee_pool_t *pool) {
    gee_value_description_t *values = gee_pool_array(pool, type->value_count, sizeof(*values));
    if (values == NULL)
        return -1;
    for (size_t i = 0; i < type->value_count; i++)
        values[i] =
            (gee_value_description_t){ .name = gee_str(type->values[i].name), .number = type->values[i].number };
    described->closed = type->flags & GEE_TYPE_CLOSED;
    described->values.items = values;
    described->values.count = type->value_count;
    return 0;
}

/* What the kind alone says. */
static void describe_by_itself(const gee_type_t *type, gee_type_description_t *described) {
    described->kind = gee_str(kind_word(type));
    if (type->kind == GEE_KIND_STRUCT || type->kind == GEE_KIND_ENUM) {
        described->name = gee_str(type->name);
        described->full_name = text(type->full_name);
    }
    if (type->kind == GEE_KIND_MAP && gee_type_key(type)->kind != GEE_KIND_STRING)
        described->key = gee_str(kind_word(gee_type_key(type)));
    described->length = type->kind == GEE_KIND_LIST ? type->length : 0;
    described->unpacked = type->kind == GEE_KIND_LIST && type->form == GEE_FORM_UNPACKED;
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
    describe_by_itself(type, described);
    if (type->kind == GEE_KIND_STRUCT)
        return add_fields(description, type, pool, *index);
    if (type->kind == GEE_KIND_ENUM)
        return add_values(described, type, pool);
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
