/* encode_tree.c: a tree into gob, by the types that infer.c has found in it.
 *
 * In a struct only nulls are left out. Zeros are written, where Go would leave them out: a Go pointer that reads a zero
 * is then not nil, just as the value in the tree was not null. */
#include "gob.h"

#include <stdlib.h>

typedef struct tree_message {
    gee_gob_shape_t *shape;
    const gee_value_t *value;
    gee_pool_t *pool;
    uint64_t *structs; /* structs written so far */
} tree_message_t;

static int put_value(gee_gob_writer_t *writer, const tree_message_t *message, gee_gob_shape_t *shape,
                     const gee_value_t *value);

/* ---- structs ---- */

static int compare(const void *a, const void *b) {
    size_t left = *(const size_t *)a, right = *(const size_t *)b;
    return left < right ? -1 : left > right;
}

/* Writes the indices of the parts that this struct has to shape->order, sorted. The work is in proportion to the parts
 * that the struct has, not to the parts that structs of its shape may have. Of two values with one name the last
 * stays. */
static size_t arrange(const tree_message_t *message, gee_gob_shape_t *shape, const gee_value_t *value) {
    uint64_t number = ++*message->structs;
    size_t count = 0, guess = 0;
    bool sorted = true;
    for (size_t i = 0; i < value->pairs.count; i++) {
        gee_gob_part_t *part = gee_gob_find_part(shape, value->pairs.items[i].key, guess);
        if (part == NULL)
            continue;
        size_t index = (size_t)(part - shape->parts);
        guess = index + 1;
        part->value = value->pairs.items[i].value;
        if (part->written == number)
            continue;
        part->written = number;
        sorted = sorted && (count == 0 || shape->order[count - 1] < index);
        shape->order[count++] = index;
    }
    if (!sorted)
        qsort(shape->order, count, sizeof *shape->order, compare);
    return count;
}

static int put_struct(gee_gob_writer_t *writer, const tree_message_t *message, gee_gob_shape_t *shape,
                      const gee_value_t *value) {
    size_t last = 0;
    if (shape->order == NULL && shape->count > 0) {
        shape->order = gee_pool_array(message->pool, shape->count, sizeof *shape->order);
        if (shape->order == NULL)
            return GEE_GOB_FAIL(writer->error, GEE_RESOURCE_EXHAUSTED, "out of memory");
    }
    size_t count = arrange(message, shape, value);
    for (size_t i = 0; i < count; i++) {
        gee_gob_part_t *part = &shape->parts[shape->order[i]];
        if (part->number == 0 || part->value->kind == GEE_VALUE_NULL)
            continue;
        gee_gob_put_uint(writer, part->number - last);
        last = part->number;
        if (put_value(writer, message, part->shape, part->value) != 0) {
            gee_path_field(&writer->path, part->name);
            return -1;
        }
    }
    gee_gob_put_uint(writer, 0);
    return 0;
}

/* ---- lists and maps ---- */

static int put_list(gee_gob_writer_t *writer, const tree_message_t *message, const gee_gob_shape_t *shape,
                    const gee_value_t *value) {
    gee_gob_put_uint(writer, value->list.count);
    for (size_t i = 0; i < value->list.count; i++)
        if (put_value(writer, message, shape->element, &value->list.items[i]) != 0) {
            gee_path_index(&writer->path, i);
            return -1;
        }
    return 0;
}

static int put_map(gee_gob_writer_t *writer, const tree_message_t *message, const gee_gob_shape_t *shape,
                   const gee_value_t *value) {
    gee_gob_put_uint(writer, value->pairs.count);
    for (size_t i = 0; i < value->pairs.count; i++) {
        const gee_pair_t *pair = &value->pairs.items[i];
        if (gee_gob_put_string(writer, pair->key) != 0 ||
            put_value(writer, message, shape->element, pair->value) != 0) {
            gee_path_key(&writer->path, pair->key);
            return -1;
        }
    }
    return 0;
}

static int put_container(gee_gob_writer_t *writer, const tree_message_t *message, gee_gob_shape_t *shape,
                         const gee_value_t *value) {
    if (gee_gob_writer_enter(writer) != 0)
        return -1;
    int result = value->kind == GEE_VALUE_STRUCT ? put_struct(writer, message, shape, value)
                 : value->kind == GEE_VALUE_MAP  ? put_map(writer, message, shape, value)
                                                 : put_list(writer, message, shape, value);
    writer->levels++;
    return result;
}

static int put_value(gee_gob_writer_t *writer, const tree_message_t *message, gee_gob_shape_t *shape,
                     const gee_value_t *value) {
    switch (value->kind) {
    case GEE_VALUE_NULL:
        return GEE_GOB_FAIL(writer->error, GEE_INTERNAL, "null, which gob has in fields of structs only");
    case GEE_VALUE_BOOL:
        gee_gob_put_uint(writer, value->boolean ? 1 : 0);
        return 0;
    case GEE_VALUE_INT:
        gee_gob_put_int(writer, value->integer);
        return 0;
    case GEE_VALUE_UINT:
        gee_gob_put_uint(writer, value->unsigned_integer);
        return 0;
    case GEE_VALUE_DOUBLE:
        gee_gob_put_uint(writer, gee_gob_from_double(value->number));
        return 0;
    case GEE_VALUE_STRING:
        return gee_gob_put_string(writer, value->string);
    case GEE_VALUE_BYTES:
        gee_gob_put_uint(writer, value->bytes.length);
        gee_gob_put_bytes(writer, value->bytes.data, value->bytes.length);
        return 0;
    default:
        return put_container(writer, message, shape, value);
    }
}

static int put_message(gee_gob_writer_t *writer, const void *data) {
    const tree_message_t *message = data;
    if (message->value->kind != GEE_VALUE_STRUCT)
        gee_gob_put_uint(writer, 0);
    return put_value(writer, message, message->shape, message->value);
}

/* ---- the whole ---- */

static int put_inferred(gee_gob_state_t *state, gee_gob_shape_t *shape, const gee_value_t *value, gee_chain_t *out,
                        gee_error_t *error) {
    gee_gob_schema_t *schema = gee_gob_schema_of_shape(state->shared, shape, error);
    if (schema == NULL)
        return -1;
    uint64_t structs = 0;
    tree_message_t message = { .shape = shape, .value = value, .pool = state->shared->scratch, .structs = &structs };
    return gee_gob_send(state, schema, out, error, put_message, &message);
}

int gee_gob_encode_tree(void *data, const gee_value_t *value, gee_chain_t *out, gee_error_t *error) {
    gee_gob_state_t *state = data;
    gee_gob_shape_t shape = { .kind = GEE_VALUE_NULL };
    if (state == NULL || state->shared == NULL)
        return GEE_GOB_FAIL(error, GEE_INTERNAL, "gob cannot be written without its connection's state");
    gee_gob_inference_t inference = { .pool = state->shared->scratch, .levels = GEE_GOB_NESTING, .error = error };
    gee_path_init(&inference.path);
    gee_pool_reset(inference.pool);
    int result = gee_gob_infer(&inference, &shape, value);
    if (result != 0)
        (void)gee_path_apply(&inference.path, error);
    else
        result = put_inferred(state, &shape, value, out, error);
    gee_gob_inference_clear(&inference);
    gee_pool_reset(inference.pool);
    return result;
}
