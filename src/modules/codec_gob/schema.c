/* schema.c: type definitions and schemas, which the connections of a worker share: each exists once and is found by its
 * key.
 *
 *   key --> object, counted references --0--> idle list --too many--> destroyed
 *
 * An object without references stays for a while, so that connections that come and go with the same types cost neither
 * memory nor compiling. */
#include "gob.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SCRATCH 4096

/* By id. */
static const gee_gob_node_t builtins[GEE_GOB_BUILTIN_LAST + 1] = {
    [GEE_GOB_BOOL] = { .kind = GEE_GOB_BOOL },       [GEE_GOB_INT] = { .kind = GEE_GOB_INT },
    [GEE_GOB_UINT] = { .kind = GEE_GOB_UINT },       [GEE_GOB_FLOAT] = { .kind = GEE_GOB_FLOAT },
    [GEE_GOB_BYTES] = { .kind = GEE_GOB_BYTES },     [GEE_GOB_STRING] = { .kind = GEE_GOB_STRING },
    [GEE_GOB_COMPLEX] = { .kind = GEE_GOB_COMPLEX }, [GEE_GOB_INTERFACE] = { .kind = GEE_GOB_INTERFACE },
};

char *gee_gob_label(const gee_gob_node_t *node, char *target, size_t capacity) {
    static const char *const names[] = {
        [GEE_GOB_BOOL] = "bool",
        [GEE_GOB_INT] = "int",
        [GEE_GOB_UINT] = "uint",
        [GEE_GOB_FLOAT] = "float",
        [GEE_GOB_BYTES] = "bytes",
        [GEE_GOB_STRING] = "string",
        [GEE_GOB_COMPLEX] = "complex",
        [GEE_GOB_ARRAY] = "array",
        [GEE_GOB_INTERFACE] = "an interface value",
        [GEE_GOB_SLICE] = "slice",
        [GEE_GOB_MAP] = "map",
        [GEE_GOB_STRUCT] = "struct",
        [GEE_GOB_OPAQUE] = "the private encoding (GobEncoder, BinaryMarshaler) of",
    };
    bool named = (node->kind == GEE_GOB_STRUCT && node->name.length > 0) || node->kind == GEE_GOB_OPAQUE;
    gee_str_t name = { .data = node->name.data, .length = gee_utf8_cut(node->name.data, node->name.length) };
    if (name.length > 40)
        name.length = gee_utf8_cut(name.data, 40);
    (void)gee_str_format(target, capacity, "%s%s%.*s", names[node->kind], named ? " " : "", GEE_STR_ARGUMENTS(name));
    return target;
}

/* ---- a table of interned objects ---- */

static void table_init(gee_gob_table_t *table, void (*destroy)(gee_gob_interned_t *thing)) {
    gee_list_init(&table->idle);
    table->destroy = destroy;
}

static gee_gob_interned_t *hold(gee_gob_table_t *table, gee_gob_interned_t *thing) {
    if (thing->references++ == 0 && gee_link_in_list(&thing->idle)) {
        gee_list_remove(&thing->idle);
        table->idle_count--;
    }
    return thing;
}

static gee_gob_interned_t *table_find(gee_gob_table_t *table, gee_str_t key) {
    gee_gob_interned_t *thing = table->by_key ? gee_string_map_get(table->by_key, key) : NULL;
    return thing ? hold(table, thing) : NULL;
}

/* Null, and the object destroyed: out of memory. */
static gee_gob_interned_t *table_add(gee_gob_table_t *table, gee_gob_interned_t *thing) {
    if (table->by_key == NULL)
        table->by_key = gee_string_map_create();
    if (table->by_key == NULL || gee_string_map_put(table->by_key, thing->key, thing) != 0) {
        table->destroy(thing);
        return NULL;
    }
    return hold(table, thing);
}

static void forget(gee_gob_table_t *table, gee_gob_interned_t *thing) {
    gee_string_map_remove(table->by_key, thing->key);
    table->destroy(thing);
}

static void release(gee_gob_table_t *table, gee_gob_interned_t *thing) {
    GEE_ASSERT(thing->references > 0);
    if (--thing->references > 0)
        return;
    if (thing->key.length > GEE_GOB_IDLE_BYTES) {
        forget(table, thing);
        return;
    }
    gee_list_append(&table->idle, &thing->idle);
    if (++table->idle_count <= GEE_GOB_IDLE)
        return;
    gee_link_t *oldest = gee_list_pop(&table->idle);
    table->idle_count--;
    forget(table, GEE_CONTAINER(oldest, gee_gob_interned_t, idle));
}

static void table_clear(gee_gob_table_t *table) {
    if (table->by_key != NULL)
        for (gee_link_t *link; (link = gee_list_pop(&table->idle)) != NULL;)
            forget(table, GEE_CONTAINER(link, gee_gob_interned_t, idle));
    gee_string_map_destroy(&table->by_key);
}

/* ---- definitions ---- */

static void destroy_definition(gee_gob_interned_t *thing) {
    free(GEE_CONTAINER(thing, gee_gob_definition_t, interned));
}

gee_gob_definition_t *gee_gob_definition_intern(gee_gob_shared_t *shared, const uint8_t *bytes, size_t length) {
    gee_str_t key = { .data = (const char *)bytes, .length = length };
    gee_gob_interned_t *thing = table_find(&shared->definitions, key);
    if (thing == NULL) {
        gee_gob_definition_t *definition = malloc(sizeof *definition + length);
        if (definition == NULL)
            return NULL;
        memcpy(definition->bytes, bytes, length);
        definition->interned = (gee_gob_interned_t){ .key = { (const char *)definition->bytes, length } };
        thing = table_add(&shared->definitions, &definition->interned);
    }
    return thing ? GEE_CONTAINER(thing, gee_gob_definition_t, interned) : NULL;
}

void gee_gob_definition_release(gee_gob_shared_t *shared, gee_gob_definition_t **definition) {
    if (*definition != NULL)
        release(&shared->definitions, &(*definition)->interned);
    *definition = NULL;
}

/* ---- schemas, from their keys ---- */

static void destroy_schema(gee_gob_interned_t *thing) {
    gee_gob_schema_t *schema = GEE_CONTAINER(thing, gee_gob_schema_t, interned);
    gee_pool_t *pool = schema->pool;
    *schema->plan_bytes -= gee_pool_used(pool) - schema->base_bytes;
    gee_pool_destroy(&pool);
}

/* Keys are only made by outline.c, so their form needs no check; only memory can fail. */
static uint64_t take_number(gee_gob_input_t *key) {
    uint64_t number = 0;
    (void)gee_gob_read_uint(key, &number);
    return number;
}

static gee_str_t take_string(gee_gob_input_t *key) {
    size_t length = (size_t)take_number(key);
    gee_str_t string = { .data = (const char *)key->at, .length = length };
    key->at += length;
    return string;
}

static const gee_gob_node_t *take_reference(const gee_gob_schema_t *schema, gee_gob_input_t *key) {
    uint64_t number = take_number(key);
    return number < GEE_GOB_REF ? &builtins[number] : &schema->nodes[number - GEE_GOB_REF];
}

static int build_members(gee_gob_schema_t *schema, gee_gob_node_t *node, gee_gob_input_t *key) {
    node->member_count = (size_t)take_number(key);
    node->members = gee_pool_array(schema->pool, node->member_count, sizeof *node->members);
    if (node->members == NULL)
        return -1;
    schema->units += node->member_count;
    for (size_t i = 0; i < node->member_count; i++) {
        node->members[i].name = take_string(key);
        node->members[i].node = take_reference(schema, key);
        schema->has_interface |= node->members[i].node->kind == GEE_GOB_INTERFACE;
    }
    return 0;
}

static int build_node(gee_gob_schema_t *schema, gee_gob_node_t *node, gee_gob_input_t *key) {
    node->kind = (gee_gob_kind_t)take_number(key);
    switch (node->kind) {
    case GEE_GOB_STRUCT:
        node->name = take_string(key);
        return build_members(schema, node, key);
    case GEE_GOB_OPAQUE:
        node->length = take_number(key);
        node->name = take_string(key);
        return 0;
    case GEE_GOB_ARRAY:
        node->length = take_number(key);
        break;
    case GEE_GOB_MAP:
        node->key = take_reference(schema, key);
        schema->has_interface |= node->key->kind == GEE_GOB_INTERFACE;
        break;
    default:
        break;
    }
    node->element = take_reference(schema, key);
    schema->has_interface |= node->element->kind == GEE_GOB_INTERFACE;
    return 0;
}

static bool is_leaf(const gee_gob_node_t *node) {
    return node->kind < GEE_GOB_INTERFACE || node->kind == GEE_GOB_OPAQUE;
}

static bool is_flat(const gee_gob_node_t *root) {
    for (size_t i = 0; i < root->member_count; i++)
        if (!is_leaf(root->members[i].node))
            return false;
    return root->kind == GEE_GOB_STRUCT || is_leaf(root);
}

/* Computed with the longest possible ids. */
static size_t definition_bytes(const gee_gob_schema_t *schema) {
    gee_gob_writer_t counting = { .capacity = 0 };
    for (size_t i = 0; i < schema->node_count; i++)
        gee_gob_put_definition(&counting, &schema->nodes[i], GEE_GOB_FIRST_ID + GEE_GOB_IDS);
    return counting.length;
}

/* The nodes get their places before they are filled: they refer to each other. */
static int build(gee_gob_schema_t *schema, gee_str_t text) {
    gee_str_t copy = gee_pool_str(schema->pool, text);
    if (copy.data == NULL)
        return -1;
    schema->interned.key = copy;
    gee_gob_input_t key = { .at = (const uint8_t *)copy.data, .end = (const uint8_t *)copy.data + copy.length };
    uint32_t count;
    memcpy(&count, key.at, sizeof count);
    key.at += sizeof count;
    schema->node_count = schema->units = count;
    schema->nodes = gee_pool_array(schema->pool, schema->node_count, sizeof *schema->nodes);
    if (schema->nodes == NULL)
        return -1;
    schema->root = take_reference(schema, &key);
    schema->has_interface = schema->root->kind == GEE_GOB_INTERFACE;
    for (size_t i = 0; i < schema->node_count; i++) {
        schema->nodes[i].index = (uint32_t)i;
        if (build_node(schema, &schema->nodes[i], &key) != 0)
            return -1;
    }
    schema->flat = is_flat(schema->root);
    schema->definition_bytes = definition_bytes(schema);
    schema->base_bytes = gee_pool_used(schema->pool);
    return 0;
}

gee_gob_schema_t *gee_gob_schema_intern(gee_gob_shared_t *shared, gee_str_t key) {
    gee_gob_interned_t *thing = table_find(&shared->schemas, key);
    if (thing != NULL)
        return GEE_CONTAINER(thing, gee_gob_schema_t, interned);
    gee_pool_t *pool = gee_pool_create(1024);
    gee_gob_schema_t *schema = pool ? gee_pool_zalloc(pool, sizeof *schema) : NULL;
    if (schema == NULL) {
        gee_pool_destroy(&pool);
        return NULL;
    }
    schema->pool = pool;
    schema->plan_bytes = &shared->plan_bytes;
    if (build(schema, key) != 0) {
        gee_pool_destroy(&pool);
        return NULL;
    }
    return table_add(&shared->schemas, &schema->interned) ? schema : NULL;
}

void gee_gob_schema_release(gee_gob_shared_t *shared, gee_gob_schema_t **schema) {
    if (*schema != NULL)
        release(&shared->schemas, &(*schema)->interned);
    *schema = NULL;
}

/* ---- the whole ---- */

gee_gob_shared_t *gee_gob_shared_create(gee_error_t *error) {
    gee_gob_shared_t *shared = calloc(1, sizeof *shared);
    if (shared == NULL)
        goto fail;
    table_init(&shared->definitions, destroy_definition);
    table_init(&shared->schemas, destroy_schema);
    shared->scratch = gee_pool_create(SCRATCH);
    shared->by_type = gee_number_map_create();
    shared->numbering = malloc(sizeof *shared->numbering);
    if (shared->scratch != NULL && shared->by_type != NULL && shared->numbering != NULL)
        return shared;
fail:
    gee_gob_shared_destroy(&shared);
    gee_error_set(error, GEE_RESOURCE_EXHAUSTED, "codec gob: out of memory");
    return NULL;
}

static void release_schema(uint64_t type GEE_UNUSED, void *value, void *data) {
    gee_gob_schema_t *schema = value;
    gee_gob_schema_release(data, &schema);
}

void gee_gob_shared_destroy(gee_gob_shared_t **handle) {
    gee_gob_shared_t *shared = *handle;
    if (shared == NULL)
        return;
    *handle = NULL;
    if (shared->by_type != NULL)
        gee_number_map_each(shared->by_type, release_schema, shared);
    gee_number_map_destroy(&shared->by_type);
    table_clear(&shared->schemas);
    table_clear(&shared->definitions);
    gee_pool_destroy(&shared->scratch);
    free(shared->numbering);
    free(shared->key.bytes);
    free(shared);
}
