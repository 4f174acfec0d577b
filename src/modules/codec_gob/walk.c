/* walk.c: walks through a value that is not decoded, to find its end. The stack is explicit, so that a walk can stop
 * where a message ends and go on in the next.
 *
 * Only interfaces make a value go on. The value of an interface is the name of a type, its definitions if they are new,
 * its id, a count of bytes, the value; and Go sends each definition together with the bytes before it:
 *
 *   message 1   id, fields ..., name, -id' definition'
 *   message 2   -id'' definition''
 *   message 3   id', count, value, the remaining fields */
#include "gob.h"

#include <stdlib.h>

gee_gob_walk_t *gee_gob_walk_create(gee_gob_state_t *state, gee_error_t *error) {
    gee_gob_walk_t *walk = malloc(sizeof *walk + GEE_GOB_NESTING * sizeof walk->steps[0]);
    if (walk == NULL)
        gee_error_set(error, GEE_RESOURCE_EXHAUSTED, "out of memory");
    else
        *walk = (gee_gob_walk_t){ .state = state, .capacity = GEE_GOB_NESTING };
    return walk;
}

void gee_gob_walk_end(gee_gob_state_t *state) {
    free(state->walk);
    state->walk = NULL;
}

static gee_gob_walked_t truncated(gee_error_t *error) {
    gee_error_set(error, GEE_INVALID_ARGUMENT, "truncated: the message ends inside a value");
    return GEE_GOB_WALK_ERROR;
}

static gee_gob_walked_t push(gee_gob_walk_t *walk, const gee_gob_node_t *node, uint64_t at, gee_error_t *error) {
    if (walk->depth == walk->capacity) {
        gee_error_set(error, GEE_RESOURCE_EXHAUSTED, "nested deeper than %u levels (limits.nesting)", walk->capacity);
        return GEE_GOB_WALK_ERROR;
    }
    walk->steps[walk->depth++] = (gee_gob_step_t){ .node = node, .at = at };
    return GEE_GOB_WALK_DONE;
}

static gee_gob_walked_t pass_bytes(gee_gob_walk_t *walk, gee_gob_input_t *input, gee_error_t *error) {
    uint64_t length;
    if (!gee_gob_read_uint(input, &length) || length > gee_gob_left(input) + walk->behind)
        return truncated(error);
    size_t there = length < gee_gob_left(input) ? (size_t)length : gee_gob_left(input);
    input->at += there;
    walk->beyond = length - there;
    return GEE_GOB_WALK_DONE;
}

/* A value with interfaces cannot be carried. A nil member that Go leaves out of a struct has no bytes to refuse. */
static gee_gob_walked_t refuse_interface(const gee_gob_walk_t *walk, bool nil, gee_error_t *error) {
    gee_error_set(error, GEE_UNIMPLEMENTED, "%s interface value cannot be forwarded in gob%s", nil ? "a nil" : "an",
                  walk->nil_too ? ": a Go server that discards it would take the next message for its content" : "");
    return GEE_GOB_WALK_ERROR;
}

static gee_gob_walked_t begin_interface(gee_gob_walk_t *walk, gee_gob_input_t *input, const gee_gob_node_t *node,
                                        gee_error_t *error) {
    bool nil = input->at < input->end && *input->at == 0; /* no name follows */
    if (walk->state == NULL && (!nil || walk->nil_too))
        return refuse_interface(walk, nil, error);
    if (nil) {
        input->at++;
        return GEE_GOB_WALK_DONE;
    }
    return pass_bytes(walk, input, error) == GEE_GOB_WALK_DONE ? push(walk, node, 0, error) : GEE_GOB_WALK_ERROR;
}

/* Each element takes at least one byte; elements behind an interface that is not nil may be in later messages. */
static gee_gob_walked_t begin_elements(gee_gob_walk_t *walk, gee_gob_input_t *input, const gee_gob_node_t *node,
                                       gee_error_t *error) {
    uint64_t count, each = node->kind == GEE_GOB_MAP ? 2 : 1;
    if (!gee_gob_read_uint(input, &count))
        return truncated(error);
    if (count > (walk->state == NULL ? gee_gob_left(input) : UINT64_MAX) / each) {
        gee_error_set(error, GEE_INVALID_ARGUMENT, "%llu elements are announced, %zu bytes are left",
                      (unsigned long long)count, gee_gob_left(input));
        return GEE_GOB_WALK_ERROR;
    }
    if (node->kind == GEE_GOB_ARRAY && count != node->length) {
        gee_error_set(error, GEE_INVALID_ARGUMENT, "%llu elements in an array of %llu", (unsigned long long)count,
                      (unsigned long long)node->length);
        return GEE_GOB_WALK_ERROR;
    }
    return push(walk, node, each * count, error);
}

/* Passes a scalar at once, and begins anything else. */
static gee_gob_walked_t walk_into(gee_gob_walk_t *walk, gee_gob_input_t *input, const gee_gob_node_t *node,
                                  gee_error_t *error) {
    uint64_t number;
    switch (node->kind) {
    case GEE_GOB_BOOL:
    case GEE_GOB_INT:
    case GEE_GOB_UINT:
    case GEE_GOB_FLOAT:
        return gee_gob_read_uint(input, &number) ? GEE_GOB_WALK_DONE : truncated(error);
    case GEE_GOB_COMPLEX:
        return gee_gob_read_uint(input, &number) && gee_gob_read_uint(input, &number) ? GEE_GOB_WALK_DONE
                                                                                      : truncated(error);
    case GEE_GOB_BYTES:
    case GEE_GOB_STRING:
    case GEE_GOB_OPAQUE:
        return pass_bytes(walk, input, error);
    case GEE_GOB_INTERFACE:
        return begin_interface(walk, input, node, error);
    case GEE_GOB_STRUCT:
        return push(walk, node, 0, error);
    default:
        break;
    }
    return begin_elements(walk, input, node, error);
}

static gee_gob_walked_t step_struct(gee_gob_walk_t *walk, gee_gob_input_t *input, gee_gob_step_t *step,
                                    gee_error_t *error) {
    uint64_t delta;
    if (!gee_gob_read_uint(input, &delta))
        return truncated(error);
    if (delta == 0) {
        walk->depth--;
        return GEE_GOB_WALK_DONE;
    }
    if (delta > step->node->member_count - step->at) {
        gee_error_set(error, GEE_INVALID_ARGUMENT, "a field number past the struct's %zu fields",
                      step->node->member_count);
        return GEE_GOB_WALK_ERROR;
    }
    step->at += delta;
    return walk_into(walk, input, step->node->members[step->at - 1].node, error);
}

static gee_gob_walked_t step_elements(gee_gob_walk_t *walk, gee_gob_input_t *input, gee_gob_step_t *step,
                                      gee_error_t *error) {
    if (step->at == 0) {
        walk->depth--;
        return GEE_GOB_WALK_DONE;
    }
    bool is_key = step->node->kind == GEE_GOB_MAP && step->at % 2 == 0;
    step->at--;
    return walk_into(walk, input, is_key ? step->node->key : step->node->element, error);
}

/* Goes on behind the name, or behind a definition after the name. */
static gee_gob_walked_t step_interface(gee_gob_walk_t *walk, gee_gob_input_t *input, gee_error_t *error) {
    gee_gob_input_t ahead = *input;
    int64_t id;
    uint64_t number;
    if (input->at == input->end)
        return GEE_GOB_WALK_SUSPENDED;
    if (!gee_gob_read_int(&ahead, &id))
        return truncated(error);
    if (id < 0) {
        if (walk->behind > 0 && gee_gob_left(input) < GEE_GOB_DEFINITIONS)
            return GEE_GOB_WALK_STARVED; /* the end is not known before the definition is read */
        if (gee_gob_define(walk->state, input, walk->again, error) != 0)
            return GEE_GOB_WALK_ERROR;
        /* The parts of an interface within an interface are in one message, each after its count. */
        return input->at == input->end || gee_gob_read_uint(input, &number) ? GEE_GOB_WALK_DONE : truncated(error);
    }
    *input = ahead;
    const gee_gob_schema_t *schema = gee_gob_received(walk->state, id, error);
    if (schema == NULL)
        return GEE_GOB_WALK_ERROR;
    if (!gee_gob_read_uint(input, &number))
        return truncated(error);
    walk->depth--;
    return gee_gob_walk_begin(walk, input, schema->root, true, error);
}

gee_gob_walked_t gee_gob_walk_begin(gee_gob_walk_t *walk, gee_gob_input_t *input, const gee_gob_node_t *node, bool top,
                                    gee_error_t *error) {
    if (top && node->kind != GEE_GOB_STRUCT && (input->at == input->end || *input->at++ != 0)) {
        gee_error_set(error, GEE_INVALID_ARGUMENT, "a value that is no struct does not begin with a zero");
        return GEE_GOB_WALK_ERROR;
    }
    return walk_into(walk, input, node, error);
}

gee_gob_walked_t gee_gob_walk_on(gee_gob_walk_t *walk, gee_gob_input_t *input, gee_error_t *error) {
    gee_gob_walked_t result = GEE_GOB_WALK_DONE;
    while (walk->depth > 0 && result == GEE_GOB_WALK_DONE) {
        if (walk->behind > 0 && gee_gob_left(input) < GEE_GOB_STEP)
            return GEE_GOB_WALK_STARVED;
        gee_gob_step_t *step = &walk->steps[walk->depth - 1];
        if (step->node->kind == GEE_GOB_STRUCT)
            result = step_struct(walk, input, step, error);
        else if (step->node->kind == GEE_GOB_INTERFACE)
            result = step_interface(walk, input, error);
        else
            result = step_elements(walk, input, step, error);
    }
    return result;
}

int gee_gob_walk_locate(const gee_gob_walk_t *walk, gee_error_t *error) {
    gee_path_t path;
    gee_path_init(&path);
    for (unsigned i = walk->depth; i > 0; i--) {
        const gee_gob_step_t *step = &walk->steps[i - 1];
        if (step->node->kind == GEE_GOB_STRUCT && step->at > 0)
            gee_path_field(&path, step->node->members[step->at - 1].name);
    }
    return gee_path_apply(&path, error);
}
