/* describe_type.c: from a description of a peer's to a type: checked, and laid out as a C compiler would.
 *
 *   check indices and words -> sizes and offsets of structs, innermost first -> entries of maps -> gee_type_check
 *
 * Nothing in a description is trusted: types may refer to themselves in any way, and be as large as the limits
 * allow. */
#include "core/type/describe.h"

#include <string.h>

#include "core/base/defs.h"
#include "core/type/enum.h"
#include "core/type/well_known.h"

#define TYPES_MOST  1000
#define FIELDS_MOST 10000
/* Structs by value double with each level (A has two B, B has two C), so their size is bounded, not only their
 * number. */
#define SIZE_MOST (1024 * 1024)

typedef enum progress { UNTOUCHED, STARTED, LAID_OUT } progress_t;

typedef struct layout {
    const gee_description_t *description;
    gee_type_t *types;
    gee_field_t *fields; /* the fields of all structs, struct by struct */
    size_t *alignments;
    progress_t *progress;
    gee_pool_t *pool;
    gee_error_t *error;
} layout_t;

static const struct {
    const char *word;
    const gee_type_t *type;
} scalars[] = {
    { "bool", &gee_type_of_bool },
    { "int32", &gee_type_of_int32_t },
    { "int64", &gee_type_of_int64_t },
    { "uint32", &gee_type_of_uint32_t },
    { "uint64", &gee_type_of_uint64_t },
    { "float", &gee_type_of_float },
    { "double", &gee_type_of_double },
    { "string", &gee_type_of_gee_str_t },
    { "bytes", &gee_type_of_gee_bytes_t },
    { "sint32", &gee_type_of_gee_sint32_t },
    { "sint64", &gee_type_of_gee_sint64_t },
    { "fixed32", &gee_type_of_gee_fixed32_t },
    { "fixed64", &gee_type_of_gee_fixed64_t },
    { "sfixed32", &gee_type_of_gee_sfixed32_t },
    { "sfixed64", &gee_type_of_gee_sfixed64_t },
};

static const struct {
    const char *word;
    gee_kind_t kind;
    size_t size;
} composites[] = {
    { "struct", GEE_KIND_STRUCT, 0 },
    { "list", GEE_KIND_LIST, sizeof(gee_list_value_t) },
    { "map", GEE_KIND_MAP, sizeof(gee_list_value_t) },
    { "optional", GEE_KIND_OPTIONAL, sizeof(void *) },
    { "enum", GEE_KIND_ENUM, sizeof(int32_t) },
};

static const gee_type_t *scalar_named(gee_str_t word) {
    for (size_t i = 0; i < GEE_LENGTH(scalars); i++)
        if (gee_str_equal(word, gee_str(scalars[i].word)))
            return scalars[i].type;
    return NULL;
}

static int refuse(const layout_t *layout, size_t index, const char *reason) {
    return gee_error_set(layout->error, GEE_INVALID_ARGUMENT, "the description's type %zu %s", index, reason);
}

static int out_of_memory(const layout_t *layout) {
    return gee_error_set(layout->error, GEE_RESOURCE_EXHAUSTED, "out of memory for the described types");
}

static size_t align(size_t size, size_t alignment) {
    return (size + alignment - 1) / alignment * alignment;
}

/* ---- each row by itself ---- */

static size_t alignment_of(const gee_type_t *type) {
    return type->size > 0 && type->size < sizeof(void *) ? type->size : sizeof(void *);
}

static int read_kind(layout_t *layout, size_t index) {
    gee_str_t kind = layout->description->types.items[index].kind;
    gee_type_t *type = &layout->types[index];
    const gee_type_t *scalar = scalar_named(kind);
    if (scalar != NULL) {
        *type = *scalar;
        layout->alignments[index] = alignment_of(type);
        layout->progress[index] = LAID_OUT;
        return 0;
    }
    for (size_t i = 0; i < GEE_LENGTH(composites); i++)
        if (gee_str_equal(kind, gee_str(composites[i].word))) {
            type->kind = composites[i].kind;
            type->size = composites[i].size;
            type->name = "";
            layout->alignments[index] = alignment_of(type);
            layout->progress[index] = type->kind == GEE_KIND_STRUCT ? UNTOUCHED : LAID_OUT;
            return 0;
        }
    return refuse(layout, index, "is of a kind that is not known here");
}

/* A terminated copy; null when the text cannot be a name. */
static const char *copy_name(layout_t *layout, size_t index, gee_str_t name) {
    if (name.length > 0 && memchr(name.data, 0, name.length) != NULL) {
        refuse(layout, index, "has a zero byte in a name");
        return NULL;
    }
    const char *copy = gee_pool_strndup(layout->pool, name.length > 0 ? name.data : "", name.length);
    if (copy == NULL)
        out_of_memory(layout);
    return copy;
}

static int name_type(layout_t *layout, size_t index) {
    const gee_type_description_t *described = &layout->description->types.items[index];
    gee_type_t *type = &layout->types[index];
    if ((type->name = copy_name(layout, index, described->name)) == NULL)
        return -1;
    if (described->full_name.length == 0)
        return 0;
    return (type->full_name = copy_name(layout, index, described->full_name)) != NULL ? 0 : -1;
}

/* The other members of the oneof, and the flag, are found when memory is laid out. */
static int read_field(layout_t *layout, size_t index, const gee_field_description_t *row, gee_field_t *field) {
    if (row->type >= layout->description->types.count)
        return refuse(layout, index, "has a field whose type is not in the description");
    if ((field->name = copy_name(layout, index, row->name)) == NULL)
        return -1;
    field->tag = row->tag;
    field->type = &layout->types[row->type];
    if (row->required) {
        field->flags |= GEE_FIELD_REQUIRED;
        layout->types[index].flags |= GEE_TYPE_REQUIRED;
    }
    if (row->oneof.length == 0 && row->json_name.length == 0)
        return 0;
    gee_field_more_t *more = gee_pool_zalloc(layout->pool, sizeof(*more));
    if (more == NULL)
        return out_of_memory(layout);
    field->more = more;
    if (row->json_name.length > 0 && (more->json_name = copy_name(layout, index, row->json_name)) == NULL)
        return -1;
    if (row->oneof.length == 0)
        return 0;
    field->flags |= GEE_FIELD_ONEOF;
    return (more->oneof = copy_name(layout, index, row->oneof)) != NULL ? 0 : -1;
}

static int read_enum(layout_t *layout, size_t index) {
    const gee_type_description_t *described = &layout->description->types.items[index];
    gee_type_t *type = &layout->types[index];
    size_t count = described->values.count;
    gee_enum_value_t *values = gee_pool_array(layout->pool, count, sizeof(*values));
    if (values == NULL)
        return out_of_memory(layout);
    for (size_t i = 0; i < count; i++) {
        values[i].number = described->values.items[i].number;
        if ((values[i].name = copy_name(layout, index, described->values.items[i].name)) == NULL)
            return -1;
    }
    type->flags = described->closed ? GEE_TYPE_CLOSED : 0;
    type->values = values;
    type->value_count = count;
    type->by_name = gee_enum_sort(values, count, layout->pool, layout->pool);
    return type->by_name != NULL ? name_type(layout, index) : out_of_memory(layout);
}

static int read_struct(layout_t *layout, size_t index, gee_field_t *fields) {
    const gee_type_description_t *described = &layout->description->types.items[index];
    gee_type_t *type = &layout->types[index];
    type->fields = fields;
    type->field_count = described->fields.count;
    if (name_type(layout, index) != 0)
        return -1;
    for (size_t i = 0; i < type->field_count; i++)
        if (read_field(layout, index, &described->fields.items[i], &fields[i]) != 0)
            return -1;
    return 0;
}

static int read_element(layout_t *layout, size_t index) {
    const gee_type_description_t *described = &layout->description->types.items[index];
    gee_type_t *type = &layout->types[index];
    if (described->element >= layout->description->types.count)
        return refuse(layout, index, "has an element whose type is not in the description");
    type->element = &layout->types[described->element];
    type->form = described->unpacked && type->kind == GEE_KIND_LIST ? GEE_FORM_UNPACKED : GEE_FORM_PLAIN;
    type->length = type->kind == GEE_KIND_LIST ? described->length : 0;
    if (type->kind == GEE_KIND_MAP && described->key.length > 0 && (type->key = scalar_named(described->key)) == NULL)
        return refuse(layout, index, "has keys of a kind that is not known here");
    return 0;
}

static int read_rows(layout_t *layout) {
    gee_field_t *fields = layout->fields;
    for (size_t i = 0; i < layout->description->types.count; i++) {
        gee_type_t *type = &layout->types[i];
        if (read_kind(layout, i) != 0)
            return -1;
        if (type->kind == GEE_KIND_STRUCT) {
            if (read_struct(layout, i, fields) != 0)
                return -1;
            fields += type->field_count;
        } else if (type->kind == GEE_KIND_ENUM ? read_enum(layout, i) != 0
                                               : type->kind > GEE_KIND_STRUCT && read_element(layout, i) != 0) {
            return -1;
        }
    }
    return 0;
}

/* ---- memory ---- */

static size_t larger(size_t a, size_t b) {
    return a > b ? a : b;
}

/* Places `bytes` behind what is placed, and returns the place. */
static uint32_t place(size_t *size, size_t bytes, size_t alignment) {
    size_t offset = align(*size, alignment);
    *size = offset + bytes;
    return (uint32_t)offset; /* below 2 * SIZE_MOST */
}

/* The selector of the field's oneof: that of an earlier member, or a new one. Members do not share a place: that
 * spares memory only, and few descriptions are kept. */
static uint32_t place_selector(const gee_type_t *type, const gee_field_t *field, size_t *size) {
    for (const gee_field_t *other = type->fields; other < field; other++)
        if (other->flags & GEE_FIELD_ONEOF && strcmp(other->more->oneof, field->more->oneof) == 0)
            return other->selector;
    return place(size, sizeof(uint32_t), sizeof(uint32_t));
}

/* Places the fields of a struct, after the fields of the structs inside. At most TYPES_MOST levels deep. */
static int lay_out(layout_t *layout, size_t index) {
    gee_type_t *type = &layout->types[index];
    size_t size = 0, alignment = 1;
    if (layout->progress[index] == LAID_OUT)
        return 0;
    gee_field_t *fields = &layout->fields[type->fields - layout->fields];
    if (layout->progress[index] == STARTED)
        return refuse(layout, index, "contains itself without a list, map or optional between");
    layout->progress[index] = STARTED;
    for (size_t i = 0; i < type->field_count; i++) {
        size_t inner = (size_t)(fields[i].type - layout->types);
        if (lay_out(layout, inner) != 0)
            return -1;
        if (fields[i].flags & GEE_FIELD_ONEOF) {
            fields[i].selector = place_selector(type, &fields[i], &size);
            alignment = larger(alignment, sizeof(uint32_t));
        }
        fields[i].offset = place(&size, fields[i].type->size, layout->alignments[inner]);
        if (size > SIZE_MOST)
            return refuse(layout, index, "takes more than 1 MiB in memory");
        alignment = larger(alignment, layout->alignments[inner]);
    }
    type->size = size > 0 ? align(size, alignment) : sizeof(gee_empty_t);
    layout->alignments[index] = alignment;
    layout->progress[index] = LAID_OUT;
    return 0;
}

static int lay_out_all(layout_t *layout) {
    size_t count = layout->description->types.count;
    for (size_t i = 0; i < count; i++)
        if (lay_out(layout, i) != 0)
            return -1;
    for (size_t i = 0; i < count; i++) {
        gee_type_t *type = &layout->types[i];
        if (type->kind != GEE_KIND_MAP)
            continue;
        /* { K key; T value; } */
        size_t key = alignment_of(gee_type_key(type));
        size_t value = layout->alignments[type->element - layout->types];
        type->value_offset = align(gee_type_key(type)->size, value);
        type->entry_size = align(type->value_offset + type->element->size, larger(key, value));
    }
    return 0;
}

static int count_fields(const gee_description_t *description, size_t *count, gee_error_t *error) {
    size_t values = 0;
    *count = 0;
    if (description->types.count > TYPES_MOST)
        return gee_error_set(error, GEE_RESOURCE_EXHAUSTED, "the description has %zu types, at most %d are taken",
                             description->types.count, TYPES_MOST);
    for (size_t i = 0; i < description->types.count; i++) {
        *count += description->types.items[i].fields.count;
        values += description->types.items[i].values.count;
        if (*count > FIELDS_MOST || values > FIELDS_MOST)
            return gee_error_set(error, GEE_RESOURCE_EXHAUSTED, "the description has more than %d fields or values",
                                 FIELDS_MOST);
    }
    return 0;
}

const gee_type_t *gee_describe_type(const gee_description_t *description, uint32_t index, gee_pool_t *pool,
                                    gee_error_t *error) {
    size_t count = description->types.count, field_count;
    layout_t layout = { .description = description, .pool = pool, .error = error };
    if (count_fields(description, &field_count, error) != 0)
        return NULL;
    if (index >= count) {
        gee_error_set(error, GEE_INVALID_ARGUMENT, "the description has no type %u", index);
        return NULL;
    }
    layout.types = gee_pool_array(pool, count, sizeof(gee_type_t));
    layout.fields = gee_pool_array(pool, field_count, sizeof(gee_field_t));
    layout.alignments = gee_pool_array(pool, count, sizeof(size_t));
    layout.progress = gee_pool_array(pool, count, sizeof(progress_t));
    if (layout.types == NULL || layout.fields == NULL || layout.alignments == NULL || layout.progress == NULL) {
        out_of_memory(&layout);
        return NULL;
    }
    if (read_rows(&layout) != 0 || lay_out_all(&layout) != 0)
        return NULL;
    for (size_t i = 0; i < count; i++)
        (void)gee_well_known_mark(&layout.types[i]); /* other fields: a struct as any */
    const char *flaw = gee_type_check(&layout.types[index]);
    if (flaw != NULL) {
        gee_error_set(error, GEE_INVALID_ARGUMENT, "the described type %u cannot be used: %s", index, flaw);
        return NULL;
    }
    return &layout.types[index];
}
