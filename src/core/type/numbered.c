/* numbered.c: copies of types, each made once, that refer to each other as the types do. */
#include "core/type/numbered.h"

#include <string.h>

#include "core/base/hash.h"

typedef struct copy {
    gee_type_t type;
    const gee_type_t *from;
    struct copy *next; /* in the walk */
    uint64_t walk;     /* the last that came here */
} copy_t;

struct gee_numbered {
    gee_pool_t *pool;
    gee_number_map_t *copies; /* by the address of the type */
    uint64_t walk;
    copy_t **last;
};

gee_numbered_t *gee_numbered_create(gee_pool_t *pool) {
    gee_numbered_t *numbered = gee_pool_zalloc(pool, sizeof *numbered);
    if (numbered == NULL || (numbered->copies = gee_number_map_create()) == NULL)
        return NULL;
    numbered->pool = pool;
    return numbered;
}

void gee_numbered_destroy(gee_numbered_t **numbered) {
    if (*numbered != NULL)
        gee_number_map_destroy(&(*numbered)->copies);
    *numbered = NULL;
}

/* Null: out of memory. A new copy still refers to what `from` refers to. */
static copy_t *find_or_add(gee_numbered_t *numbered, const gee_type_t *from) {
    copy_t *copy = gee_number_map_get(numbered->copies, (uintptr_t)from);
    if (copy != NULL)
        return copy;
    copy = gee_pool_zalloc(numbered->pool, sizeof *copy);
    gee_field_t *fields = gee_pool_array(numbered->pool, from->field_count, sizeof *fields);
    if (copy == NULL || fields == NULL || gee_number_map_put(numbered->copies, (uintptr_t)from, copy) != 0)
        return NULL;
    copy->from = from;
    copy->type = *from;
    if (from->kind == GEE_KIND_ENUM)
        copy->type = gee_type_of_int32_t;
    if (from->field_count > 0)
        copy->type.fields = memcpy(fields, from->fields, from->field_count * sizeof *fields);
    return copy;
}

/* The copy of what a copy refers to; visited in this walk, if not before. Null: out of memory. */
static const gee_type_t *refer(gee_numbered_t *numbered, const gee_type_t *from) {
    copy_t *copy = find_or_add(numbered, from);
    if (copy == NULL)
        return NULL;
    if (copy->walk != numbered->walk) {
        copy->walk = numbered->walk;
        copy->next = NULL;
        *numbered->last = copy;
        numbered->last = &copy->next;
    }
    return &copy->type;
}

static int visit(gee_numbered_t *numbered, copy_t *copy) {
    gee_field_t *fields = (gee_field_t *)(uintptr_t)copy->type.fields; /* the copy's own */
    if (copy->from->element != NULL && (copy->type.element = refer(numbered, copy->from->element)) == NULL)
        return -1;
    for (size_t i = 0; i < copy->type.field_count; i++)
        if ((fields[i].type = refer(numbered, copy->from->fields[i].type)) == NULL)
            return -1;
    return 0;
}

const gee_type_t *gee_numbered_type(gee_numbered_t *numbered, const gee_type_t *type) {
    copy_t *first = NULL;
    bool enums = false;
    numbered->walk++;
    numbered->last = &first;
    const gee_type_t *made = refer(numbered, type);
    if (made == NULL)
        return NULL;
    for (copy_t *copy = first; copy != NULL; copy = copy->next) {
        enums |= copy->from->kind == GEE_KIND_ENUM;
        if (visit(numbered, copy) != 0)
            return NULL;
    }
    return enums ? made : type;
}
