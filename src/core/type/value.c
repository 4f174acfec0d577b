/* value.c: the dynamic tree: from a typed value, and back to a typed value.
 *
 *   C memory + gee_type_t  --gee_value_from_type-->  tree  --gee_value_to_type-->  C memory + gee_type_t */
#include "core/type/value.h"

#include <float.h>
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "core/base/base64.h"
#include "core/type/field_index.h"
#include "core/type/key.h"
#include "core/type/path.h"

typedef struct walk {
    gee_pool_t *pool;
    gee_error_t *error;
    unsigned levels; /* left */
    gee_path_t path; /* of a failure */
    gee_field_index_t *indices;
} walk_t;

static void walk_init(walk_t *walk, gee_pool_t *pool, gee_error_t *error) {
    walk->pool = pool;
    walk->error = error;
    walk->levels = GEE_VALUE_NESTING;
    walk->indices = NULL;
    gee_path_init(&walk->path);
}

static int no_memory(walk_t *walk) {
    return gee_error_set(walk->error, GEE_RESOURCE_EXHAUSTED, "no memory for the value, or over limits.call_memory");
}

static int too_deep(walk_t *walk) {
    return gee_error_set(walk->error, GEE_RESOURCE_EXHAUSTED, "the value nests deeper than %d levels",
                         GEE_VALUE_NESTING);
}

/* ---- typed to tree ---- */

static int from_any(walk_t *walk, const gee_type_t *type, const void *value, gee_value_t *tree);

static void set_unsigned(gee_value_t *tree, uint64_t number) {
    tree->kind = GEE_VALUE_UINT; /* however small: gob tells signed and unsigned apart */
    tree->unsigned_integer = number;
}

static int from_list(walk_t *walk, const gee_type_t *type, const gee_list_value_t *list, gee_value_t *tree) {
    tree->kind = GEE_VALUE_LIST;
    if (list->count == 0)
        return 0;
    tree->list.items = gee_pool_array(walk->pool, list->count, sizeof(gee_value_t));
    if (!tree->list.items)
        return no_memory(walk);
    tree->list.count = list->count;
    for (size_t i = 0; i < list->count; i++) {
        const char *item = (const char *)list->items + i * type->element->size;
        if (from_any(walk, type->element, item, &tree->list.items[i]) < 0) {
            gee_path_index(&walk->path, i);
            return -1;
        }
    }
    return 0;
}

/* Memory for `count` pairs and their values. */
static int make_pairs(walk_t *walk, gee_value_t *tree, size_t count) {
    if (count == 0)
        return 0;
    tree->pairs.items = gee_pool_array(walk->pool, count, sizeof(gee_pair_t));
    gee_value_t *values = gee_pool_array(walk->pool, count, sizeof(gee_value_t));
    if (!tree->pairs.items || !values)
        return no_memory(walk);
    for (size_t i = 0; i < count; i++)
        tree->pairs.items[i].value = &values[i];
    return 0;
}

/* Keys of a tree are texts. */
static int from_key(walk_t *walk, const gee_type_t *type, const void *value, gee_str_t *key) {
    char room[GEE_MAP_KEY_TEXT];
    *key = gee_key_to_text(type, value, room);
    if (key->data == room)
        *key = gee_pool_str(walk->pool, *key);
    return key->data != NULL || key->length == 0 ? 0 : no_memory(walk);
}

static int from_map(walk_t *walk, const gee_type_t *type, const gee_list_value_t *map, gee_value_t *tree) {
    tree->kind = GEE_VALUE_MAP;
    if (make_pairs(walk, tree, map->count) < 0)
        return -1;
    tree->pairs.count = map->count;
    for (size_t i = 0; i < map->count; i++) {
        const char *entry = (const char *)map->items + i * type->entry_size;
        gee_pair_t *pair = &tree->pairs.items[i];
        if (from_key(walk, gee_type_key(type), entry, &pair->key) < 0)
            return -1;
        if (from_any(walk, type->element, entry + type->value_offset, pair->value) < 0) {
            gee_path_key(&walk->path, pair->key);
            return -1;
        }
    }
    return 0;
}

static int from_struct(walk_t *walk, const gee_type_t *type, const void *value, gee_value_t *tree) {
    tree->kind = GEE_VALUE_STRUCT;
    tree->type_name = gee_str(type->name);
    if (make_pairs(walk, tree, type->field_count) < 0)
        return -1;
    for (size_t i = 0; i < type->field_count; i++) {
        const gee_field_t *field = &type->fields[i];
        const char *member = (const char *)value + field->offset;
        if (!gee_field_is_set(field, value))
            continue;
        if ((field->flags & GEE_FIELD_OMIT_EMPTY) && gee_type_is_zero(field->type, member))
            continue;
        gee_pair_t *pair = &tree->pairs.items[tree->pairs.count++];
        pair->key = gee_str(field->name);
        if (from_any(walk, field->type, member, pair->value) < 0) {
            gee_path_field(&walk->path, pair->key);
            return -1;
        }
    }
    return 0;
}

static int from_optional(walk_t *walk, const gee_type_t *type, const void *value, gee_value_t *tree) {
    if (!value)
        return 0;
    return from_any(walk, type->element, value, tree);
}

/* `tree` is zeroed: null. */
static int from_container(walk_t *walk, const gee_type_t *type, const void *value, gee_value_t *tree) {
    int result = -1;
    if (walk->levels == 0)
        return too_deep(walk);
    walk->levels--;
    if (type->kind == GEE_KIND_LIST)
        result = from_list(walk, type, value, tree);
    else if (type->kind == GEE_KIND_MAP)
        result = from_map(walk, type, value, tree);
    else if (type->kind == GEE_KIND_STRUCT)
        result = from_struct(walk, type, value, tree);
    else
        result = from_optional(walk, type, *(void *const *)value, tree);
    walk->levels++;
    return result;
}

static int from_any(walk_t *walk, const gee_type_t *type, const void *value, gee_value_t *tree) {
    switch (type->kind) {
    case GEE_KIND_BOOL:
        tree->kind = GEE_VALUE_BOOL;
        tree->boolean = *(const bool *)value;
        return 0;
    case GEE_KIND_ENUM:
    case GEE_KIND_INT32:
        tree->kind = GEE_VALUE_INT;
        tree->integer = *(const int32_t *)value;
        return 0;
    case GEE_KIND_INT64:
        tree->kind = GEE_VALUE_INT;
        tree->integer = *(const int64_t *)value;
        return 0;
    case GEE_KIND_UINT32:
        set_unsigned(tree, *(const uint32_t *)value);
        return 0;
    case GEE_KIND_UINT64:
        set_unsigned(tree, *(const uint64_t *)value);
        return 0;
    case GEE_KIND_FLOAT:
        tree->kind = GEE_VALUE_DOUBLE;
        tree->number = (double)*(const float *)value;
        return 0;
    case GEE_KIND_DOUBLE:
        tree->kind = GEE_VALUE_DOUBLE;
        tree->number = *(const double *)value;
        return 0;
    case GEE_KIND_STRING:
        tree->kind = GEE_VALUE_STRING;
        tree->string = *(const gee_str_t *)value;
        return 0;
    case GEE_KIND_BYTES:
        tree->kind = GEE_VALUE_BYTES;
        tree->bytes = *(const gee_bytes_t *)value;
        return 0;
    default:
        return from_container(walk, type, value, tree);
    }
}

int gee_value_from_type(const gee_type_t *type, const void *value, gee_pool_t *pool, gee_value_t *tree,
                        gee_error_t *error) {
    walk_t walk;
    walk_init(&walk, pool, error);
    memset(tree, 0, sizeof(*tree));
    return from_any(&walk, type, value, tree) < 0 ? gee_path_apply(&walk.path, error) : 0;
}

/* ---- tree to typed ---- */

static int to_any(walk_t *walk, const gee_value_t *tree, const gee_type_t *type, void *value);

static const char *describe(const gee_value_t *tree) {
    static const char *const names[] = {
        [GEE_VALUE_NULL] = "null",       [GEE_VALUE_BOOL] = "a boolean",  [GEE_VALUE_INT] = "an integer",
        [GEE_VALUE_UINT] = "an integer", [GEE_VALUE_DOUBLE] = "a number", [GEE_VALUE_STRING] = "a string",
        [GEE_VALUE_BYTES] = "bytes",     [GEE_VALUE_LIST] = "a list",     [GEE_VALUE_STRUCT] = "a struct",
        [GEE_VALUE_MAP] = "a map",
    };
    return (unsigned)tree->kind < sizeof(names) / sizeof(names[0]) ? names[tree->kind] : "something unknown";
}

static int mismatch(walk_t *walk, const gee_value_t *tree, const gee_type_t *type) {
    return gee_error_set(walk->error, GEE_INVALID_ARGUMENT, "%s where %s is expected", describe(tree),
                         gee_type_label(type));
}

static int to_signed(walk_t *walk, const gee_value_t *tree, const gee_type_t *type, int64_t low, int64_t high,
                     int64_t *number) {
    if (tree->kind == GEE_VALUE_UINT && tree->unsigned_integer > INT64_MAX)
        return gee_error_set(walk->error, GEE_OUT_OF_RANGE, "%" PRIu64 " does not fit %s", tree->unsigned_integer,
                             gee_type_label(type));
    if (tree->kind != GEE_VALUE_INT && tree->kind != GEE_VALUE_UINT)
        return mismatch(walk, tree, type);
    *number = tree->integer; /* the same bits, when an unsigned number is not above INT64_MAX */
    if (*number < low || *number > high)
        return gee_error_set(walk->error, GEE_OUT_OF_RANGE, "%" PRId64 " does not fit %s", *number,
                             gee_type_label(type));
    return 0;
}

static int to_unsigned(walk_t *walk, const gee_value_t *tree, const gee_type_t *type, uint64_t high, uint64_t *number) {
    if (tree->kind == GEE_VALUE_INT && tree->integer < 0)
        return gee_error_set(walk->error, GEE_OUT_OF_RANGE, "%" PRId64 " does not fit %s", tree->integer,
                             gee_type_label(type));
    if (tree->kind != GEE_VALUE_INT && tree->kind != GEE_VALUE_UINT)
        return mismatch(walk, tree, type);
    *number = tree->unsigned_integer;
    if (*number > high)
        return gee_error_set(walk->error, GEE_OUT_OF_RANGE, "%" PRIu64 " does not fit %s", *number,
                             gee_type_label(type));
    return 0;
}

static int to_integer(walk_t *walk, const gee_value_t *tree, const gee_type_t *type, void *value) {
    int64_t number = 0;
    uint64_t natural = 0;
    int result;
    if (type->kind == GEE_KIND_INT32 || type->kind == GEE_KIND_ENUM) {
        result = to_signed(walk, tree, type, INT32_MIN, INT32_MAX, &number);
        *(int32_t *)value = (int32_t)number;
    } else if (type->kind == GEE_KIND_INT64) {
        result = to_signed(walk, tree, type, INT64_MIN, INT64_MAX, &number);
        *(int64_t *)value = number;
    } else if (type->kind == GEE_KIND_UINT32) {
        result = to_unsigned(walk, tree, type, UINT32_MAX, &natural);
        *(uint32_t *)value = (uint32_t)natural;
    } else {
        result = to_unsigned(walk, tree, type, UINT64_MAX, &natural);
        *(uint64_t *)value = natural;
    }
    return result;
}

static int to_enum(walk_t *walk, const gee_value_t *tree, const gee_type_t *type, void *value) {
    if (tree->kind != GEE_VALUE_STRING)
        return to_integer(walk, tree, type, value);
    const gee_enum_value_t *named = gee_type_enum_by_name(type, tree->string);
    if (named == NULL)
        return gee_error_set(walk->error, GEE_INVALID_ARGUMENT, "%s has no value \"%.*s\"", gee_type_label(type),
                             (int)(tree->string.length < 64 ? tree->string.length : 64), tree->string.data);
    *(int32_t *)value = named->number;
    return 0;
}

static int to_double(walk_t *walk, const gee_value_t *tree, const gee_type_t *type, double *number) {
    if (tree->kind == GEE_VALUE_INT)
        *number = (double)tree->integer;
    else if (tree->kind == GEE_VALUE_UINT)
        *number = (double)tree->unsigned_integer;
    else if (tree->kind == GEE_VALUE_DOUBLE)
        *number = tree->number;
    else
        return mismatch(walk, tree, type);
    return 0;
}

static int to_float(walk_t *walk, const gee_value_t *tree, const gee_type_t *type, float *number) {
    double wide = 0;
    if (tree->kind == GEE_VALUE_INT || tree->kind == GEE_VALUE_UINT) { /* rounded once */
        *number = tree->kind == GEE_VALUE_INT ? (float)tree->integer : (float)tree->unsigned_integer;
        return 0;
    }
    if (to_double(walk, tree, type, &wide) < 0)
        return -1;
    if (!isinf(wide) && isinf((float)wide))
        return gee_error_set(walk->error, GEE_OUT_OF_RANGE, "%.17g does not fit float", wide);
    *number = (float)wide;
    return 0;
}

static int to_string(walk_t *walk, const gee_value_t *tree, const gee_type_t *type, gee_str_t *string) {
    if (tree->kind != GEE_VALUE_STRING)
        return mismatch(walk, tree, type);
    *string = tree->string;
    return 0;
}

static int to_bytes(walk_t *walk, const gee_value_t *tree, const gee_type_t *type, gee_bytes_t *bytes) {
    if (tree->kind == GEE_VALUE_BYTES) {
        *bytes = tree->bytes;
        return 0;
    }
    if (tree->kind != GEE_VALUE_STRING)
        return mismatch(walk, tree, type);
    uint8_t *target = gee_pool_alloc(walk->pool, GEE_BASE64_DECODED(tree->string.length));
    if (!target)
        return no_memory(walk);
    ptrdiff_t length = gee_base64_decode(target, tree->string);
    if (length < 0)
        return gee_error_set(walk->error, GEE_INVALID_ARGUMENT, "the string is not base64");
    *bytes = (gee_bytes_t){ .data = target, .length = (size_t)length };
    return 0;
}

static int to_list(walk_t *walk, const gee_value_t *tree, const gee_type_t *type, gee_list_value_t *list) {
    if (tree->kind != GEE_VALUE_LIST)
        return mismatch(walk, tree, type);
    if (type->length != 0 && tree->list.count != type->length)
        return gee_error_set(walk->error, GEE_INVALID_ARGUMENT, "%zu items where %u are expected", tree->list.count,
                             type->length);
    if (tree->list.count == 0)
        return 0;
    char *items = gee_pool_array(walk->pool, tree->list.count, type->element->size);
    if (!items)
        return no_memory(walk);
    for (size_t i = 0; i < tree->list.count; i++) {
        if (to_any(walk, &tree->list.items[i], type->element, items + i * type->element->size) < 0) {
            gee_path_index(&walk->path, i);
            return -1;
        }
    }
    *list = (gee_list_value_t){ .items = items, .count = tree->list.count };
    return 0;
}

static bool has_pairs(const gee_value_t *tree) {
    return tree->kind == GEE_VALUE_STRUCT || tree->kind == GEE_VALUE_MAP;
}

static int bad_key(walk_t *walk, const gee_type_t *type, gee_str_t key) {
    gee_path_key(&walk->path, key);
    return gee_error_set(walk->error, GEE_INVALID_ARGUMENT, "the key is not of type %s",
                         gee_type_label(gee_type_key(type)));
}

static int to_map(walk_t *walk, const gee_value_t *tree, const gee_type_t *type, gee_list_value_t *map) {
    if (!has_pairs(tree))
        return mismatch(walk, tree, type);
    if (tree->pairs.count == 0)
        return 0;
    char *entries = gee_pool_array(walk->pool, tree->pairs.count, type->entry_size);
    if (!entries)
        return no_memory(walk);
    for (size_t i = 0; i < tree->pairs.count; i++) {
        char *entry = entries + i * type->entry_size;
        if (!gee_key_from_text(gee_type_key(type), tree->pairs.items[i].key, entry))
            return bad_key(walk, type, tree->pairs.items[i].key);
        if (to_any(walk, tree->pairs.items[i].value, type->element, entry + type->value_offset) < 0) {
            gee_path_key(&walk->path, tree->pairs.items[i].key);
            return -1;
        }
    }
    *map = (gee_list_value_t){ .items = entries, .count = tree->pairs.count };
    return gee_map_keep_last(type, map, walk->pool) < 0 ? no_memory(walk) : 0;
}

static int to_struct(walk_t *walk, const gee_value_t *tree, const gee_type_t *type, void *value) {
    if (!has_pairs(tree))
        return mismatch(walk, tree, type);
    for (size_t i = 0; i < tree->pairs.count; i++) {
        const gee_pair_t *pair = &tree->pairs.items[i];
        const gee_field_t *field = gee_field_by_name(&walk->indices, type, pair->key, walk->pool);
        if (field == NULL || (pair->value->kind == GEE_VALUE_NULL && !gee_field_is_set(field, value)))
            continue;
        if (to_any(walk, pair->value, field->type, gee_field_choose(field, value)) < 0) {
            gee_path_field(&walk->path, gee_str(field->name));
            return -1;
        }
    }
    return 0;
}

static int to_optional(walk_t *walk, const gee_value_t *tree, const gee_type_t *type, void **value) {
    void *element = gee_pool_alloc(walk->pool, type->element->size);
    if (!element)
        return no_memory(walk);
    *value = element;
    return to_any(walk, tree, type->element, element);
}

static int to_container(walk_t *walk, const gee_value_t *tree, const gee_type_t *type, void *value) {
    int result;
    if (walk->levels == 0)
        return too_deep(walk);
    walk->levels--;
    if (type->kind == GEE_KIND_LIST)
        result = to_list(walk, tree, type, value);
    else if (type->kind == GEE_KIND_MAP)
        result = to_map(walk, tree, type, value);
    else if (type->kind == GEE_KIND_STRUCT)
        result = to_struct(walk, tree, type, value);
    else
        result = to_optional(walk, tree, type, value);
    walk->levels++;
    return result;
}

/* Overwrites the whole of `value`, which may hold an earlier entry of the same name. */
static int to_any(walk_t *walk, const gee_value_t *tree, const gee_type_t *type, void *value) {
    memset(value, 0, type->size);
    if (tree->kind == GEE_VALUE_NULL)
        return 0;
    switch (type->kind) {
    case GEE_KIND_BOOL:
        if (tree->kind != GEE_VALUE_BOOL)
            return mismatch(walk, tree, type);
        *(bool *)value = tree->boolean;
        return 0;
    case GEE_KIND_ENUM:
        return to_enum(walk, tree, type, value);
    case GEE_KIND_INT32:
    case GEE_KIND_INT64:
    case GEE_KIND_UINT32:
    case GEE_KIND_UINT64:
        return to_integer(walk, tree, type, value);
    case GEE_KIND_FLOAT:
        return to_float(walk, tree, type, value);
    case GEE_KIND_DOUBLE:
        return to_double(walk, tree, type, value);
    case GEE_KIND_STRING:
        return to_string(walk, tree, type, value);
    case GEE_KIND_BYTES:
        return to_bytes(walk, tree, type, value);
    default:
        return to_container(walk, tree, type, value);
    }
}

int gee_value_to_type(const gee_value_t *tree, const gee_type_t *type, void *value, gee_pool_t *pool,
                      gee_error_t *error) {
    walk_t walk;
    walk_init(&walk, pool, error);
    return to_any(&walk, tree, type, value) < 0 ? gee_path_apply(&walk.path, error) : 0;
}
