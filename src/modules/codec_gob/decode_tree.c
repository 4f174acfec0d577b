/* decode_tree.c: gob into a tree. Types are on the wire, so nothing is guessed:
 *
 *   bool, int, uint, float, string, []byte   the same kind; a uint is unsigned even when small
 *   slice, array                             list
 *   struct                                   struct with all fields of its definition, in their order
 *   map                                      map; keys that are numbers or bools become texts: "-12", "true"
 *
 * A missing field was zero or a nil pointer: gob does not tell which. A scalar, slice or map becomes zero or empty, as
 * the sending Go program sees it; a struct or an array, which Go leaves out only when nil, becomes null. */
#include "gob.h"

/* The definitions belong to the connection, the tree to the call: names are copied, once a decoding. */
typedef struct tree_reader {
    gee_gob_reader_t base;
    gee_str_t **names; /* by the node's index: null, or the names of the members */
} tree_reader_t;

static int read_any(tree_reader_t *reader, const gee_gob_node_t *node, gee_value_t *value);

static int cannot(tree_reader_t *reader, const gee_gob_node_t *node) {
    char label[GEE_GOB_LABEL];
    return GEE_GOB_FAIL(reader->base.error, GEE_INVALID_ARGUMENT, "%s is sent, which only a Go program can take",
                        gee_gob_label(node, label, sizeof label));
}

/* ---- structs ---- */

static void set_zero(const gee_gob_node_t *node, gee_value_t *value) {
    static const gee_value_kind_t kinds[] = {
        [GEE_GOB_BOOL] = GEE_VALUE_BOOL,      [GEE_GOB_INT] = GEE_VALUE_INT,     [GEE_GOB_UINT] = GEE_VALUE_UINT,
        [GEE_GOB_FLOAT] = GEE_VALUE_DOUBLE,   [GEE_GOB_BYTES] = GEE_VALUE_BYTES, [GEE_GOB_STRING] = GEE_VALUE_STRING,
        [GEE_GOB_COMPLEX] = GEE_VALUE_NULL,   [GEE_GOB_ARRAY] = GEE_VALUE_NULL,  [GEE_GOB_SLICE] = GEE_VALUE_LIST,
        [GEE_GOB_INTERFACE] = GEE_VALUE_NULL, [GEE_GOB_MAP] = GEE_VALUE_MAP,     [GEE_GOB_STRUCT] = GEE_VALUE_NULL,
        [GEE_GOB_OPAQUE] = GEE_VALUE_NULL,
    };
    value->kind = kinds[node->kind];
}

static gee_str_t *names_of(tree_reader_t *reader, const gee_gob_node_t *node) {
    gee_pool_t *pool = reader->base.pool;
    if (reader->names == NULL)
        reader->names = gee_pool_array(pool, reader->base.schema->node_count, sizeof(gee_str_t *));
    if (reader->names == NULL || reader->names[node->index] != NULL)
        return reader->names ? reader->names[node->index] : NULL;
    gee_str_t *names = gee_pool_array(pool, node->member_count + 1, sizeof *names);
    if (names == NULL)
        return NULL;
    names[node->member_count] = gee_pool_str(pool, node->name);
    for (size_t i = 0; i < node->member_count; i++) {
        names[i] = gee_pool_str(pool, node->members[i].name);
        if (names[i].data == NULL)
            return NULL;
    }
    return reader->names[node->index] = names;
}

static int make_pairs(tree_reader_t *reader, size_t count, gee_value_t *value) {
    if (count == 0)
        return 0;
    gee_pair_t *pairs = gee_pool_array(reader->base.pool, count, sizeof *pairs);
    gee_value_t *values = gee_pool_array(reader->base.pool, count, sizeof *values);
    if (pairs == NULL || values == NULL)
        return gee_gob_no_memory(&reader->base);
    for (size_t i = 0; i < count; i++)
        pairs[i].value = &values[i];
    value->pairs.items = pairs;
    value->pairs.count = count;
    return 0;
}

static int read_members(tree_reader_t *reader, const gee_gob_node_t *node, const gee_value_t *value) {
    size_t next = 0;
    for (bool more = true; more;) {
        if (gee_gob_read_member(&reader->base, node, &next, &more) != 0)
            return -1;
        if (more && read_any(reader, node->members[next - 1].node, value->pairs.items[next - 1].value) != 0) {
            gee_path_field(&reader->base.path, node->members[next - 1].name);
            return -1;
        }
    }
    return 0;
}

static int read_struct(tree_reader_t *reader, const gee_gob_node_t *node, gee_value_t *value) {
    const gee_str_t *names = names_of(reader, node);
    value->kind = GEE_VALUE_STRUCT;
    if (names == NULL || make_pairs(reader, node->member_count, value) != 0)
        return gee_gob_no_memory(&reader->base);
    value->type_name = names[node->member_count];
    for (size_t i = 0; i < node->member_count; i++) {
        value->pairs.items[i].key = names[i];
        set_zero(node->members[i].node, value->pairs.items[i].value);
    }
    return read_members(reader, node, value);
}

/* ---- lists and maps ---- */

static int read_list(tree_reader_t *reader, const gee_gob_node_t *node, gee_value_t *value) {
    size_t count;
    value->kind = GEE_VALUE_LIST;
    if (gee_gob_read_count(&reader->base, node, 1, &count) != 0)
        return -1;
    gee_value_t *items = count > 0 ? gee_pool_array(reader->base.pool, count, sizeof *items) : NULL;
    if (items == NULL && count > 0)
        return gee_gob_no_memory(&reader->base);
    for (size_t i = 0; i < count; i++)
        if (read_any(reader, node->element, &items[i]) != 0) {
            gee_path_index(&reader->base.path, i);
            return -1;
        }
    value->list.items = items;
    value->list.count = count;
    return 0;
}

static gee_str_t number_text(gee_gob_kind_t kind, uint64_t number, char room[GEE_MAP_KEY_TEXT]) {
    int64_t integer = gee_gob_to_int(number);
    bool flag = number != 0;
    if (kind == GEE_GOB_BOOL)
        return gee_key_to_text(GEE_TYPE_OF(bool), &flag, room);
    return kind == GEE_GOB_INT ? gee_key_to_text(GEE_TYPE_OF(int64_t), &integer, room)
                               : gee_key_to_text(GEE_TYPE_OF(uint64_t), &number, room);
}

static int read_key(tree_reader_t *reader, const gee_gob_node_t *node, gee_str_t *key) {
    uint64_t number;
    gee_bytes_t text;
    char room[GEE_MAP_KEY_TEXT];
    if (node->kind == GEE_GOB_STRING) {
        if (gee_gob_read_text(&reader->base, true, true, &text) != 0)
            return -1;
        *key = (gee_str_t){ .data = (const char *)text.data, .length = text.length };
        return 0;
    }
    if (node->kind != GEE_GOB_BOOL && node->kind != GEE_GOB_INT && node->kind != GEE_GOB_UINT) {
        char label[GEE_GOB_LABEL];
        return GEE_GOB_FAIL(reader->base.error, GEE_INVALID_ARGUMENT,
                            "a map with keys of %s, where strings, integers or bools are expected",
                            gee_gob_label(node, label, sizeof label));
    }
    if (gee_gob_take_uint(&reader->base, &number) != 0)
        return -1;
    *key = gee_pool_str(reader->base.pool, number_text(node->kind, number, room));
    return key->data != NULL ? 0 : gee_gob_no_memory(&reader->base);
}

static int read_map(tree_reader_t *reader, const gee_gob_node_t *node, gee_value_t *value) {
    size_t count;
    value->kind = GEE_VALUE_MAP;
    if (gee_gob_read_count(&reader->base, node, 2, &count) != 0 || make_pairs(reader, count, value) != 0)
        return -1;
    for (size_t i = 0; i < count; i++) {
        gee_pair_t *pair = &value->pairs.items[i];
        if (read_key(reader, node->key, &pair->key) != 0)
            return -1;
        if (read_any(reader, node->element, pair->value) != 0) {
            gee_path_key(&reader->base.path, pair->key);
            return -1;
        }
    }
    return 0;
}

/* ---- any ---- */

static int read_scalar(tree_reader_t *reader, const gee_gob_node_t *node, gee_value_t *value) {
    uint64_t number;
    if (gee_gob_take_uint(&reader->base, &number) != 0)
        return -1;
    set_zero(node, value);
    if (node->kind == GEE_GOB_BOOL)
        value->boolean = number != 0;
    else if (node->kind == GEE_GOB_INT)
        value->integer = gee_gob_to_int(number);
    else if (node->kind == GEE_GOB_UINT)
        value->unsigned_integer = number;
    else
        value->number = gee_gob_to_double(number);
    return 0;
}

static int read_text(tree_reader_t *reader, const gee_gob_node_t *node, gee_value_t *value) {
    set_zero(node, value);
    gee_bytes_t text;
    if (gee_gob_read_text(&reader->base, node->kind == GEE_GOB_STRING, true, &text) != 0)
        return -1;
    if (node->kind == GEE_GOB_STRING)
        value->string = (gee_str_t){ .data = (const char *)text.data, .length = text.length };
    else
        value->bytes = text;
    return 0;
}

static int read_container(tree_reader_t *reader, const gee_gob_node_t *node, gee_value_t *value) {
    if (gee_gob_enter(&reader->base) != 0)
        return -1;
    int result = node->kind == GEE_GOB_STRUCT ? read_struct(reader, node, value)
                 : node->kind == GEE_GOB_MAP  ? read_map(reader, node, value)
                                              : read_list(reader, node, value);
    reader->base.levels++;
    return result;
}

static int read_any(tree_reader_t *reader, const gee_gob_node_t *node, gee_value_t *value) {
    switch (node->kind) {
    case GEE_GOB_BOOL:
    case GEE_GOB_INT:
    case GEE_GOB_UINT:
    case GEE_GOB_FLOAT:
        return read_scalar(reader, node, value);
    case GEE_GOB_BYTES:
    case GEE_GOB_STRING:
        return read_text(reader, node, value);
    case GEE_GOB_INTERFACE:
        if (reader->base.in.at < reader->base.in.end && *reader->base.in.at == 0) {
            reader->base.in.at++; /* nil */
            return 0;
        }
        return cannot(reader, node);
    case GEE_GOB_COMPLEX:
    case GEE_GOB_OPAQUE:
        return cannot(reader, node);
    default:
        return read_container(reader, node, value);
    }
}

int gee_gob_decode_tree(void *state, const uint8_t *bytes, size_t length, const gee_codec_limits_t *limits,
                        gee_pool_t *pool, gee_value_t *value, gee_error_t *error) {
    tree_reader_t reader = { .names = NULL };
    *value = (gee_value_t){ 0 };
    if (gee_gob_reader_open(&reader.base, state, bytes, length, limits, pool, error) != 0)
        return -1;
    return gee_gob_reader_close(&reader.base, read_any(&reader, reader.base.schema->root, value));
}
