/* plan.c: how to decode a received type into a C type, found out once.
 *
 *   struct Args { A int; X string; B int }  on the wire        plan for args_t { int64_t a, b }
 *                                                                slots[0]  int64 at the offset of a
 *                                                                slots[1]  skip
 *                                                                slots[2]  int64 at the offset of b
 *
 * Plans for types that live as long as the program are kept with the schema; other plans, and plans above the worker's
 * bound, are made in the call's pool each time. As strict as Go: two types that do not go together are refused even
 * when no value of them comes. Plans refer to plans (types are recursive), so they are filled from a queue, each (node,
 * type) once. */
#include "gob.h"

#include <stdio.h>

typedef struct compiler {
    gee_pool_t *pool, *scratch;
    const gee_type_t *named; /* the type of `names` */
    const gee_str_t *names;
    gee_gob_plan_t **by_node; /* plans made so far, by the node's index */
    gee_gob_plan_t *first, **last;
    size_t slots;
    gee_error_t *error;
    gee_path_t path;
} compiler_t;

static int no_memory(const compiler_t *compiler) {
    return GEE_GOB_FAIL(compiler->error, GEE_RESOURCE_EXHAUSTED, "out of memory for a decoding plan");
}

static bool goes_with(const gee_type_t *type, const gee_gob_node_t *node) {
    switch (type->kind) {
    case GEE_KIND_BOOL:
        return node->kind == GEE_GOB_BOOL;
    case GEE_KIND_ENUM:
    case GEE_KIND_INT32:
    case GEE_KIND_INT64:
        return node->kind == GEE_GOB_INT;
    case GEE_KIND_UINT32:
    case GEE_KIND_UINT64:
        return node->kind == GEE_GOB_UINT;
    case GEE_KIND_FLOAT:
    case GEE_KIND_DOUBLE:
        return node->kind == GEE_GOB_FLOAT;
    case GEE_KIND_STRING:
        return node->kind == GEE_GOB_STRING;
    case GEE_KIND_BYTES:
        return node->kind == GEE_GOB_BYTES;
    case GEE_KIND_STRUCT:
        return node->kind == GEE_GOB_STRUCT;
    case GEE_KIND_LIST:
        return node->kind == GEE_GOB_SLICE || node->kind == GEE_GOB_ARRAY;
    case GEE_KIND_MAP:
        return node->kind == GEE_GOB_MAP;
    case GEE_KIND_OPTIONAL:
        break;
    }
    return false;
}

static int mismatch(const compiler_t *compiler, const gee_gob_node_t *node, const gee_type_t *type) {
    char label[GEE_GOB_LABEL];
    return GEE_GOB_FAIL(compiler->error, GEE_INVALID_ARGUMENT, "%s is sent where %s is expected",
                        gee_gob_label(node, label, sizeof label), gee_type_label(type));
}

/* The plan for a pair; a new plan is filled later. Null: failed. */
static gee_gob_plan_t *plan_for(compiler_t *compiler, const gee_gob_node_t *node, const gee_type_t *type,
                                const gee_gob_plan_t *parent, const gee_gob_slot_t *parent_slot) {
    for (gee_gob_plan_t *plan = compiler->by_node[node->index]; plan != NULL; plan = plan->same_node)
        if (plan->type == type)
            return plan;
    gee_gob_plan_t *plan = gee_pool_zalloc(compiler->pool, sizeof *plan);
    if (plan == NULL) {
        (void)no_memory(compiler);
        return NULL;
    }
    plan->node = node;
    plan->type = type;
    plan->parent = parent;
    plan->parent_slot = parent_slot;
    plan->same_node = compiler->by_node[node->index];
    compiler->by_node[node->index] = plan;
    *compiler->last = plan;
    compiler->last = &plan->queued;
    return plan;
}

/* decode.c reads a struct's members of numbers and text in one loop. */
static void note_scalar(gee_gob_slot_t *slot) {
    const gee_field_t *field = slot->field;
    if (field == NULL || slot->optional || field->flags & GEE_FIELD_ONEOF)
        return;
    slot->offset = field->offset;
    slot->scalar = (uint8_t)slot->type->kind;
}

static int make_slot(compiler_t *compiler, gee_gob_slot_t *slot, const gee_gob_node_t *node, const gee_type_t *type,
                     const gee_gob_plan_t *parent) {
    slot->node = node;
    slot->type = type;
    if (type->kind == GEE_KIND_OPTIONAL) {
        slot->optional = true;
        slot->type = type->element;
    }
    if (!goes_with(slot->type, node))
        return mismatch(compiler, node, slot->type);
    if (node->kind == GEE_GOB_ARRAY && slot->type->length > 0 && node->length != slot->type->length)
        return GEE_GOB_FAIL(compiler->error, GEE_INVALID_ARGUMENT, "an array of %llu is sent where %u are expected",
                            (unsigned long long)node->length, slot->type->length);
    if (slot->type->kind < GEE_KIND_STRUCT) {
        note_scalar(slot);
        return 0;
    }
    slot->plan = plan_for(compiler, node, slot->type, parent, slot);
    return slot->plan ? 0 : -1;
}

/* Names must be equal, as in Go. Most often the fields are in the same order. `names`: in the place of the fields' own,
 * or null. */
static const gee_field_t *find_field(const gee_type_t *type, const gee_str_t *names, gee_str_t name, size_t *next) {
    for (size_t i = 0; i < type->field_count; i++) {
        size_t at = (*next + i) % type->field_count;
        if (gee_str_equal(names != NULL ? names[at] : gee_field_name(&type->fields[at]), name)) {
            *next = at + 1;
            return &type->fields[at];
        }
    }
    return NULL;
}

/* A message's fields have their names in Go. A gateway that knows no types sends the names of the .proto, as it has
 * them from JSON. */
static const gee_field_t *find_member(const compiler_t *compiler, const gee_type_t *type, gee_str_t name,
                                      size_t *next) {
    const gee_field_t *field = type->full_name != NULL ? find_field(type, compiler->names, name, next) : NULL;
    return field != NULL ? field : find_field(type, NULL, name, next);
}

/* compiler->names become those of the type. */
static int take_names(compiler_t *compiler, const gee_type_t *type) {
    if (type->full_name == NULL || compiler->named == type)
        return 0;
    compiler->named = type;
    compiler->names = gee_gob_go_names(type, compiler->scratch);
    return compiler->names != NULL ? 0 : no_memory(compiler);
}

static int fill_struct(compiler_t *compiler, gee_gob_plan_t *plan) {
    const gee_gob_node_t *node = plan->node;
    size_t next = 0, matched = 0;
    compiler->slots += node->member_count;
    if (compiler->slots > GEE_GOB_PLAN_SLOTS)
        return GEE_GOB_FAIL(compiler->error, GEE_RESOURCE_EXHAUSTED, "the types are too big to be decoded");
    if (take_names(compiler, plan->type) != 0)
        return -1;
    plan->count = node->member_count;
    plan->slots = gee_pool_array(compiler->pool, plan->count, sizeof *plan->slots);
    if (plan->slots == NULL)
        return no_memory(compiler);
    for (size_t i = 0; i < plan->count; i++) {
        gee_gob_slot_t *slot = &plan->slots[i];
        slot->node = node->members[i].node;
        slot->field = find_member(compiler, plan->type, node->members[i].name, &next);
        if (slot->field == NULL)
            continue;
        matched++;
        if (make_slot(compiler, slot, slot->node, slot->field->type, plan) != 0) {
            gee_path_field(&compiler->path, gee_str(slot->field->name));
            return -1;
        }
    }
    if (plan->parent == NULL && matched == 0 && plan->count > 0 && plan->type->field_count > 0) {
        char label[GEE_GOB_LABEL];
        return GEE_GOB_FAIL(compiler->error, GEE_INVALID_ARGUMENT, "%s is sent, which has no field of %s",
                            gee_gob_label(node, label, sizeof label), gee_type_label(plan->type));
    }
    return 0;
}

static int fill_key(compiler_t *compiler, gee_gob_plan_t *plan) {
    const gee_type_t *key = gee_type_key(plan->type);
    char label[GEE_GOB_LABEL];
    if (!goes_with(key, plan->node->key))
        return GEE_GOB_FAIL(compiler->error, GEE_INVALID_ARGUMENT,
                            "a map with keys of %s is sent where keys of %s are expected",
                            gee_gob_label(plan->node->key, label, sizeof label), gee_type_label(key));
    return make_slot(compiler, &plan->key, plan->node->key, key, plan);
}

static int fill(compiler_t *compiler, gee_gob_plan_t *plan) {
    if (plan->type->kind == GEE_KIND_STRUCT)
        return fill_struct(compiler, plan);
    if (plan->type->kind == GEE_KIND_MAP && fill_key(compiler, plan) != 0)
        return -1;
    if (make_slot(compiler, &plan->element, plan->node->element, plan->type->element, plan) == 0)
        return 0;
    gee_path_index(&compiler->path, 0);
    return -1;
}

/* Puts the path from the root's value to the plan's value into the error. */
static int locate(compiler_t *compiler, const gee_gob_plan_t *plan) {
    for (; plan->parent != NULL; plan = plan->parent) {
        if (plan->parent_slot->field != NULL)
            gee_path_field(&compiler->path, gee_str(plan->parent_slot->field->name));
        else
            gee_path_index(&compiler->path, 0);
    }
    return gee_path_apply(&compiler->path, compiler->error);
}

static int compile(gee_gob_shared_t *shared, const gee_gob_schema_t *schema, const gee_type_t *type, gee_pool_t *pool,
                   gee_gob_slot_t *slot, gee_error_t *error) {
    gee_pool_reset(shared->scratch);
    compiler_t compiler = { .pool = pool, .scratch = shared->scratch, .error = error };
    compiler.last = &compiler.first;
    compiler.by_node = gee_pool_array(shared->scratch, schema->node_count, sizeof(gee_gob_plan_t *));
    if (compiler.by_node == NULL)
        return no_memory(&compiler);
    gee_path_init(&compiler.path);
    if (make_slot(&compiler, slot, schema->root, type, NULL) != 0)
        return -1;
    for (gee_gob_plan_t *plan = compiler.first; plan != NULL; plan = plan->queued)
        if (fill(&compiler, plan) != 0)
            return locate(&compiler, plan);
    return 0;
}

/* Fails without a record when there is no memory for the record. */
static gee_gob_planned_t *compile_and_keep(gee_gob_shared_t *shared, gee_gob_schema_t *schema, const gee_type_t *type,
                                           gee_error_t *error) {
    gee_error_t reason;
    size_t before = gee_pool_used(schema->pool);
    gee_gob_planned_t *planned = gee_pool_zalloc(schema->pool, sizeof *planned);
    if (planned == NULL) {
        gee_error_set(error, GEE_RESOURCE_EXHAUSTED, "out of memory for a decoding plan");
        return NULL;
    }
    planned->type = type;
    if (compile(shared, schema, type, schema->pool, &planned->slot, &reason) != 0) {
        planned->failed = reason.code;
        planned->reason = gee_pool_strdup(schema->pool, reason.text);
    }
    shared->plan_bytes += gee_pool_used(schema->pool) - before;
    if (planned->failed == GEE_RESOURCE_EXHAUSTED) { /* the next try may succeed */
        gee_error_set(error, reason.code, "%s", reason.text);
        return NULL;
    }
    planned->next = schema->plans;
    schema->plans = planned;
    return planned;
}

const gee_gob_slot_t *gee_gob_plan(gee_gob_shared_t *shared, gee_gob_schema_t *schema, const gee_type_t *type,
                                   gee_pool_t *pool, gee_gob_slot_t *made, gee_error_t *error) {
    const gee_gob_planned_t *planned = type->lasting ? gee_gob_planned(schema, type) : NULL;
    if (planned == NULL) {
        if (!type->lasting || shared->plan_bytes > GEE_GOB_PLAN_BYTES) {
            *made = (gee_gob_slot_t){ 0 };
            return compile(shared, schema, type, pool, made, error) == 0 ? made : NULL;
        }
        planned = compile_and_keep(shared, schema, type, error);
        if (planned == NULL)
            return NULL;
    }
    if (planned->failed == GEE_OK)
        return &planned->slot;
    gee_error_set(error, planned->failed, "%s", planned->reason ? planned->reason : "the types differ");
    return NULL;
}
