/* describe_type.c: from a description of a peer's to a type: checked, and laid out as a C compiler would.
 *
 *   check indices and words -> sizes and offsets of structs, innermost first -> entries of maps -> gee_type_check
 *
 * Nothing in a description is trusted: types may refer to themselves in any way, and be as large as the limits
 * allow. */
#include "core/type/describe.h"

#include <string.h>

#include "core/base/defs.h"

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

static const gee_type_t *const scalars[] = {
    &gee_type_of_bool,  &gee_type_of_int32_t, &gee_type_of_int64_t,   &gee_type_of_uint32_t,    &gee_type_of_uint64_t,
    &gee_type_of_float, &gee_type_of_double,  &gee_type_of_gee_str_t, &gee_type_of_gee_bytes_t,
};
static const char *const scalar_words[] = {
    "bool", "int32", "int64", "uint32", "uint64", "float", "double", "string", "bytes",
};
_Static_assert(GEE_LENGTH(scalars) == GEE_LENGTH(scalar_words), "one word a scalar");

static const struct {
    const char *word;
    gee_kind_t kind;
    size_t size;
} composites[] = {
    { "struct", GEE_KIND_STRUCT, 0 },
    { "list", GEE_KIND_LIST, sizeof(gee_list_value_t) },
    { "map", GEE_KIND_MAP, sizeof(gee_list_value_t) },
    { "optional", GEE_KIND_OPTIONAL, sizeof(void *) },
};

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

static int read_kind(layout_t *layout, size_t index) {
    gee_str_t kind = layout->description->types.items[index].kind;
    gee_type_t *type = &layout->types[index];
    for (size_t i = 0; i < GEE_LENGTH(scalars); i++)
        if (gee_str_equal(kind, gee_str(scalar_words[i]))) {
            *type = *scalars[i];
            layout->alignments[index] = type->size < sizeof(void *) ? type->size : sizeof(void *);
            layout->progress[index] = LAID_OUT;
            return 0;
        }
    for (size_t i = 0; i < GEE_LENGTH(composites); i++)
        if (gee_str_equal(kind, gee_str(composites[i].word))) {
            type->kind = composites[i].kind;
            type->size = composites[i].size;
            type->name = "";
            layout->alignments[index] = sizeof(void *);
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

static int read_struct(layout_t *layout, size_t index, gee_field_t *fields) {
    const gee_type_description_t *described = &layout->description->types.items[index];
    gee_type_t *type = &layout->types[index];
    type->fields = fields;
    type->field_count = described->fields.count;
    if ((type->name = copy_name(layout, index, described->name)) == NULL)
        return -1;
    for (size_t i = 0; i < type->field_count; i++) {
        const gee_field_description_t *row = &described->fields.items[i];
        if (row->type >= layout->description->types.count)
            return refuse(layout, index, "has a field whose type is not in the description");
        if ((fields[i].name = copy_name(layout, index, row->name)) == NULL)
            return -1;
        fields[i].tag = row->tag;
        fields[i].type = &layout->types[row->type];
    }
    return 0;
}

static int read_rows(layout_t *layout) {
    gee_field_t *fields = layout->fields;
    for (size_t i = 0; i < layout->description->types.count; i++) {
        const gee_type_description_t *described = &layout->description->types.items[i];
        gee_type_t *type = &layout->types[i];
        if (read_kind(layout, i) != 0)
            return -1;
        if (type->kind == GEE_KIND_STRUCT) {
            if (read_struct(layout, i, fields) != 0)
                return -1;
            fields += type->field_count;
        } else if (type->kind > GEE_KIND_STRUCT) {
            if (described->element >= layout->description->types.count)
                return refuse(layout, i, "has an element whose type is not in the description");
            type->element = &layout->types[described->element];
        }
    }
    return 0;
}

/* ---- memory ---- */

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
        fields[i].offset = (uint32_t)align(size, layout->alignments[inner]); /* below 2 * SIZE_MOST */
        size = fields[i].offset + fields[i].type->size;
        if (size > SIZE_MOST)
            return refuse(layout, index, "takes more than 1 MiB in memory");
        if (layout->alignments[inner] > alignment)
            alignment = layout->alignments[inner];
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
        /* { gee_str_t key; T value; }: no type is aligned more strictly than the key */
        type->value_offset = sizeof(gee_str_t);
        type->entry_size = align(type->value_offset + type->element->size, _Alignof(gee_str_t));
    }
    return 0;
}

static int count_fields(const gee_description_t *description, size_t *count, gee_error_t *error) {
    *count = 0;
    if (description->types.count > TYPES_MOST)
        return gee_error_set(error, GEE_RESOURCE_EXHAUSTED, "the description has %zu types, at most %d are taken",
                             description->types.count, TYPES_MOST);
    for (size_t i = 0; i < description->types.count; i++) {
        *count += description->types.items[i].fields.count;
        if (*count > FIELDS_MOST)
            return gee_error_set(error, GEE_RESOURCE_EXHAUSTED, "the description has more than %d fields", FIELDS_MOST);
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
    const char *flaw = gee_type_check(&layout.types[index]);
    if (flaw != NULL) {
        gee_error_set(error, GEE_INVALID_ARGUMENT, "the described type %u cannot be used: %s", index, flaw);
        return NULL;
    }
    return &layout.types[index];
}
