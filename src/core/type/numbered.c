/* numbered.c: copies of types, each made once, that refer to each other as the types do.
 *
 *   new copies in a row: each is visited: it refers to copies from then on, and these know who refers to them
 *   an enum: all that refer to it, and all that refer to those, may have enums in their values
 *
 * Linear in the number of types and fields, over all calls together. */
#include "core/type/numbered.h"

#include <string.h>

#include "core/base/hash.h"

typedef struct copy copy_t;

typedef struct user {
    copy_t *copy;
    struct user *next;
} user_t;

struct copy {
    gee_type_t type;
    const gee_type_t *from;
    copy_t *next;   /* made after it */
    copy_t *marked; /* the next, while users are marked */
    user_t *users;  /* copies that refer to this one */
    bool enums;     /* may be in its values */
};

struct gee_numbered {
    gee_pool_t *pool;         /* for the types */
    gee_pool_t *notes;        /* for users */
    gee_number_map_t *copies; /* by the address of the type */
    copy_t **last;            /* where the next new copy is put */
};

gee_numbered_t *gee_numbered_create(gee_pool_t *pool) {
    gee_numbered_t *numbered = gee_pool_zalloc(pool, sizeof *numbered);
    if (numbered == NULL)
        return NULL;
    numbered->pool = pool;
    numbered->notes = gee_pool_create(4096);
    numbered->copies = gee_number_map_create();
    if (numbered->notes == NULL || numbered->copies == NULL)
        gee_numbered_destroy(&numbered);
    return numbered;
}

void gee_numbered_destroy(gee_numbered_t **numbered) {
    if (*numbered == NULL)
        return;
    gee_number_map_destroy(&(*numbered)->copies);
    gee_pool_destroy(&(*numbered)->notes);
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
    copy->enums = from->kind == GEE_KIND_ENUM;
    copy->type = copy->enums ? gee_type_of_int32_t : *from;
    if (from->field_count > 0)
        copy->type.fields = memcpy(fields, from->fields, from->field_count * sizeof *fields);
    *numbered->last = copy;
    numbered->last = &copy->next;
    return copy;
}

/* Null: out of memory. */
static const gee_type_t *refer(gee_numbered_t *numbered, copy_t *user, const gee_type_t *from) {
    copy_t *copy = find_or_add(numbered, from);
    user_t *note = copy != NULL ? gee_pool_alloc(numbered->notes, sizeof *note) : NULL;
    if (note == NULL)
        return NULL;
    *note = (user_t){ .copy = user, .next = copy->users };
    copy->users = note;
    user->enums |= copy->enums;
    return &copy->type;
}

static int visit(gee_numbered_t *numbered, copy_t *copy) {
    gee_field_t *fields = (gee_field_t *)(uintptr_t)copy->type.fields; /* the copy's own */
    if (copy->from->element != NULL && (copy->type.element = refer(numbered, copy, copy->from->element)) == NULL)
        return -1;
    for (size_t i = 0; i < copy->type.field_count; i++)
        if ((fields[i].type = refer(numbered, copy, copy->from->fields[i].type)) == NULL)
            return -1;
    return 0;
}

/* The copy has enums, and so have its users, theirs, ... */
static void mark(copy_t *copy) {
    copy_t **last = &copy->marked;
    for (copy->marked = NULL; copy != NULL; copy = copy->marked)
        for (const user_t *user = copy->users; user != NULL; user = user->next)
            if (!user->copy->enums) {
                user->copy->enums = true;
                user->copy->marked = NULL;
                *last = user->copy;
                last = &user->copy->marked;
            }
}

const gee_type_t *gee_numbered_type(gee_numbered_t *numbered, const gee_type_t *type) {
    copy_t *first = NULL;
    numbered->last = &first;
    copy_t *root = find_or_add(numbered, type);
    if (root == NULL)
        return NULL;
    for (copy_t *copy = first; copy != NULL; copy = copy->next)
        if (visit(numbered, copy) != 0)
            return NULL;
    for (copy_t *copy = first; copy != NULL; copy = copy->next)
        if (copy->enums)
            mark(copy);
    return root->enums ? &root->type : type;
}
