/* infer.c: finds the types of a tree, since gob sends no value without its type.
 *
 *   [ {A: 1}, {A: 2, B: "x"} ]    =>    []struct { A int; B string }
 *
 * An integer is an int, or a uint where the tree says unsigned; a number with a point a float; null and empty lists
 * take the type of their neighbours. A list with elements of two types is refused. */
#include "gob.h"

#define WIDE 16 /* from so many parts on, names are looked up in a table */

static int no_memory(const gee_gob_inference_t *inference) {
    return GEE_GOB_FAIL(inference->error, GEE_RESOURCE_EXHAUSTED, "out of memory for the types of a value");
}

static const char *noun(gee_value_kind_t kind) {
    static const char *const nouns[] = {
        [GEE_VALUE_NULL] = "null",
        [GEE_VALUE_BOOL] = "a boolean",
        [GEE_VALUE_INT] = "an integer",
        [GEE_VALUE_UINT] = "an unsigned integer",
        [GEE_VALUE_DOUBLE] = "a floating-point number",
        [GEE_VALUE_STRING] = "a string",
        [GEE_VALUE_BYTES] = "bytes",
        [GEE_VALUE_LIST] = "a list",
        [GEE_VALUE_STRUCT] = "a struct",
        [GEE_VALUE_MAP] = "a map",
    };
    return (unsigned)kind < GEE_LENGTH(nouns) ? nouns[kind] : "something unknown";
}

static int mixed(const gee_gob_inference_t *inference, gee_value_kind_t before, gee_value_kind_t now) {
    bool point =
        (before == GEE_VALUE_INT && now == GEE_VALUE_DOUBLE) || (before == GEE_VALUE_DOUBLE && now == GEE_VALUE_INT);
    return GEE_GOB_FAIL(inference->error, GEE_INTERNAL, "%s beside %s: in gob the elements of a list have one type%s",
                        noun(now), noun(before), point ? " (write 1.0 for 1)" : "");
}

/* ---- structs ---- */

gee_gob_part_t *gee_gob_find_part(const gee_gob_shape_t *shape, gee_str_t name, size_t guess) {
    if (guess < shape->count && gee_str_equal(shape->parts[guess].name, name))
        return &shape->parts[guess];
    if (shape->by_name != NULL) {
        uintptr_t place = (uintptr_t)gee_string_map_get(shape->by_name, name);
        return place ? &shape->parts[place - 1] : NULL;
    }
    for (size_t i = 0; i < shape->count; i++)
        if (gee_str_equal(shape->parts[i].name, name))
            return &shape->parts[i];
    return NULL;
}

static int note_name(gee_gob_shape_t *shape, size_t index) {
    return gee_string_map_put(shape->by_name, shape->parts[index].name, (void *)(index + 1));
}

static int make_table(gee_gob_inference_t *inference, gee_gob_shape_t *shape) {
    shape->by_name = gee_string_map_create();
    if (shape->by_name == NULL)
        return -1;
    shape->next_wide = inference->wide;
    inference->wide = shape;
    for (size_t i = 0; i < shape->count; i++)
        if (note_name(shape, i) != 0)
            return -1;
    return 0;
}

static gee_gob_part_t *add_part(gee_gob_inference_t *inference, gee_gob_shape_t *shape, gee_str_t name) {
    if (shape->count == shape->capacity) {
        size_t capacity = shape->capacity ? 2 * shape->capacity : 8;
        gee_gob_part_t *parts = gee_pool_array(inference->pool, capacity, sizeof *parts);
        if (parts == NULL)
            return NULL;
        if (shape->count > 0)
            memcpy(parts, shape->parts, shape->count * sizeof *parts);
        shape->parts = parts;
        shape->capacity = capacity;
    }
    gee_gob_part_t *part = &shape->parts[shape->count];
    part->name = name;
    part->shape = gee_pool_zalloc(inference->pool, sizeof *part->shape);
    if (part->shape == NULL)
        return NULL;
    shape->count++;
    if (shape->by_name != NULL ? note_name(shape, shape->count - 1) != 0
                               : shape->count == WIDE && make_table(inference, shape) != 0)
        return NULL;
    return part;
}

static int infer_struct(gee_gob_inference_t *inference, gee_gob_shape_t *shape, const gee_value_t *value) {
    size_t guess = 0;
    if (shape->name.length == 0)
        shape->name = value->type_name;
    for (size_t i = 0; i < value->pairs.count; i++) {
        const gee_pair_t *pair = &value->pairs.items[i];
        if (pair->key.length == 0 || !gee_utf8_valid(pair->key.data, pair->key.length))
            return GEE_GOB_FAIL(inference->error, GEE_INTERNAL, "a field without a name, or with one that is no UTF-8");
        gee_gob_part_t *part = gee_gob_find_part(shape, pair->key, guess);
        if (part == NULL)
            part = add_part(inference, shape, pair->key);
        if (part == NULL)
            return no_memory(inference);
        guess = (size_t)(part - shape->parts) + 1;
        if (gee_gob_infer(inference, part->shape, pair->value) != 0) {
            gee_path_field(&inference->path, pair->key);
            return -1;
        }
    }
    return 0;
}

/* ---- lists and maps ---- */

static int infer_elements(gee_gob_inference_t *inference, gee_gob_shape_t *shape, const gee_value_t *value) {
    if (shape->element == NULL)
        shape->element = gee_pool_zalloc(inference->pool, sizeof *shape->element);
    if (shape->element == NULL)
        return no_memory(inference);
    for (size_t i = 0; value->kind == GEE_VALUE_LIST && i < value->list.count; i++)
        if (gee_gob_infer(inference, shape->element, &value->list.items[i]) != 0) {
            gee_path_index(&inference->path, i);
            return -1;
        }
    for (size_t i = 0; value->kind == GEE_VALUE_MAP && i < value->pairs.count; i++)
        if (gee_gob_infer(inference, shape->element, value->pairs.items[i].value) != 0) {
            gee_path_key(&inference->path, value->pairs.items[i].key);
            return -1;
        }
    return 0;
}

int gee_gob_infer(gee_gob_inference_t *inference, gee_gob_shape_t *shape, const gee_value_t *value) {
    int result = 0;
    if (value->kind == GEE_VALUE_NULL)
        return 0;
    if (shape->kind != GEE_VALUE_NULL && shape->kind != value->kind)
        return mixed(inference, shape->kind, value->kind);
    shape->kind = value->kind;
    if (value->kind < GEE_VALUE_LIST)
        return 0;
    if (inference->levels == 0)
        return GEE_GOB_FAIL(inference->error, GEE_INTERNAL, "nested deeper than %u levels", GEE_GOB_NESTING);
    inference->levels--;
    result = value->kind == GEE_VALUE_STRUCT ? infer_struct(inference, shape, value)
                                             : infer_elements(inference, shape, value);
    inference->levels++;
    return result;
}

void gee_gob_inference_clear(gee_gob_inference_t *inference) {
    for (gee_gob_shape_t *shape = inference->wide; shape != NULL; shape = shape->next_wide)
        gee_string_map_destroy(&shape->by_name);
    inference->wide = NULL;
}

/* ---- a shape as a key ---- */

static bool is_known(const gee_gob_shape_t *shape) {
    while (shape->kind == GEE_VALUE_LIST || shape->kind == GEE_VALUE_MAP)
        shape = shape->element;
    return shape->kind != GEE_VALUE_NULL;
}

/* A type that only nulls and empty lists could tell becomes an arbitrary one; no value of it is ever sent. */
static void refer(gee_gob_shared_t *shared, const gee_gob_shape_t *shape) {
    static const gee_gob_kind_t kinds[] = {
        [GEE_VALUE_NULL] = GEE_GOB_INT,    [GEE_VALUE_BOOL] = GEE_GOB_BOOL,    [GEE_VALUE_INT] = GEE_GOB_INT,
        [GEE_VALUE_UINT] = GEE_GOB_UINT,   [GEE_VALUE_DOUBLE] = GEE_GOB_FLOAT, [GEE_VALUE_STRING] = GEE_GOB_STRING,
        [GEE_VALUE_BYTES] = GEE_GOB_BYTES,
    };
    if (shape->kind < GEE_VALUE_LIST)
        gee_gob_key_builtin(shared, kinds[shape->kind]);
    else
        gee_gob_key_refer(shared, (uintptr_t)shape);
}

static void put_struct(gee_gob_shared_t *shared, gee_gob_shape_t *shape) {
    size_t count = 0;
    for (size_t i = 0; i < shape->count; i++)
        if (is_known(shape->parts[i].shape))
            shape->parts[i].number = ++count;
    gee_gob_key_number(&shared->key, GEE_GOB_STRUCT);
    gee_gob_key_string(&shared->key, shape->name);
    gee_gob_key_number(&shared->key, count);
    for (size_t i = 0; i < shape->count; i++) {
        if (shape->parts[i].number == 0)
            continue;
        gee_gob_key_string(&shared->key, shape->parts[i].name);
        refer(shared, shape->parts[i].shape);
    }
}

static void put_shape(gee_gob_shared_t *shared, gee_gob_shape_t *shape) {
    if (shape->kind == GEE_VALUE_STRUCT) {
        put_struct(shared, shape);
        return;
    }
    if (shape->kind == GEE_VALUE_MAP) {
        gee_gob_key_number(&shared->key, GEE_GOB_MAP);
        gee_gob_key_builtin(shared, GEE_GOB_STRING);
    } else {
        gee_gob_key_number(&shared->key, GEE_GOB_SLICE);
    }
    refer(shared, shape->element);
}

gee_gob_schema_t *gee_gob_schema_of_shape(gee_gob_shared_t *shared, gee_gob_shape_t *shape, gee_error_t *error) {
    gee_gob_key_begin(shared);
    refer(shared, shape);
    for (size_t i = 0; i < shared->numbering->count; i++)
        put_shape(shared, (gee_gob_shape_t *)(uintptr_t)shared->numbering->types[i]);
    return gee_gob_key_end(shared, error);
}
