/* definition.c: the bytes of a type definition, read and written. A definition is itself a gob, of types that every
 * peer knows:
 *
 *   -id, struct { Array, Slice, Struct, Map, GobEncoder, BinaryMarshaler, TextMarshaler }     exactly one of these
 *
 *   Array   Common, Elem, Len       Common  Name, Id
 *   Slice   Common, Elem            Struct  Common, Field: list of { Name, Id }
 *   Map     Common, Key, Elem       the others: Common
 *
 * As in every struct, a member's number is written as the distance from the previous member's number (-1 at first), and
 * 0 ends the struct. */
#include "gob.h"

enum { ARRAY_MEMBER, SLICE_MEMBER, STRUCT_MEMBER, MAP_MEMBER };

/* ---- reading ---- */

static int malformed(gee_error_t *error) {
    return GEE_GOB_FAIL(error, GEE_INVALID_ARGUMENT, "a type definition is cut off or malformed");
}

/* 1: a further member of a struct of `count` members; 0: the end of the struct; -1: malformed. */
static int next_member(gee_gob_input_t *input, unsigned count, int *member, gee_error_t *error) {
    uint64_t delta;
    if (!gee_gob_read_uint(input, &delta))
        return malformed(error);
    if (delta == 0)
        return 0;
    if (delta >= (uint64_t)((int)count - *member))
        return malformed(error);
    *member += (int)delta;
    return 1;
}

static int read_name(gee_gob_input_t *input, gee_str_t *name, gee_error_t *error) {
    uint64_t length;
    if (!gee_gob_read_uint(input, &length) || length > gee_gob_left(input))
        return malformed(error);
    *name = (gee_str_t){ .data = (const char *)input->at, .length = (size_t)length };
    input->at += length;
    if (!gee_utf8_valid(name->data, name->length))
        return GEE_GOB_FAIL(error, GEE_INVALID_ARGUMENT, "a name in a type definition is not valid UTF-8");
    return 0;
}

static int read_reference(gee_gob_input_t *input, int64_t *id, gee_error_t *error) {
    if (!gee_gob_read_int(input, id))
        return malformed(error);
    if (*id < 1 || *id > INT32_MAX || (*id > GEE_GOB_BUILTIN_LAST && *id < GEE_GOB_FIRST_ID))
        return GEE_GOB_FAIL(error, GEE_INVALID_ARGUMENT, "a type definition refers to type id %lld, which cannot be",
                            (long long)*id);
    return 0;
}

/* Reads { Name, Id }: a Common, or an entry of Field. */
static int read_pair(gee_gob_input_t *input, gee_str_t *name, int64_t *id, gee_error_t *error) {
    int member = -1, more;
    *name = (gee_str_t){ 0 };
    *id = 0;
    while ((more = next_member(input, 2, &member, error)) > 0) {
        if (member == 0 && read_name(input, name, error) != 0)
            return -1;
        if (member == 1 && read_reference(input, id, error) != 0)
            return -1;
    }
    return more;
}

static int read_members(gee_gob_input_t *input, gee_gob_view_t *view, gee_error_t *error) {
    uint64_t count;
    if (!gee_gob_read_uint(input, &count) || count > gee_gob_left(input))
        return malformed(error);
    view->member_count = (size_t)count;
    view->members.at = input->at;
    for (size_t i = 0; i < count; i++) {
        gee_str_t name;
        int64_t id;
        if (read_pair(input, &name, &id, error) != 0)
            return -1;
        if (name.length == 0 || id == 0)
            return GEE_GOB_FAIL(error, GEE_INVALID_ARGUMENT, "field %zu of struct %.*s is defined without %s", i,
                                GEE_STR_ARGUMENTS(view->name), id == 0 ? "a type" : "a name");
    }
    view->members.end = input->at;
    return 0;
}

static int read_length(gee_gob_input_t *input, gee_gob_view_t *view, gee_error_t *error) {
    int64_t length;
    if (!gee_gob_read_int(input, &length) || length < 0)
        return malformed(error);
    view->length = (uint64_t)length;
    return 0;
}

static int read_member(gee_gob_input_t *input, gee_gob_view_t *view, int member, gee_error_t *error) {
    int64_t own_id; /* repeats the id before the definition */
    if (member == 0)
        return read_pair(input, &view->name, &own_id, error);
    if (view->kind == GEE_GOB_STRUCT)
        return read_members(input, view, error);
    if (view->kind == GEE_GOB_MAP && member == 1)
        return read_reference(input, &view->key, error);
    if (view->kind == GEE_GOB_ARRAY && member == 2)
        return read_length(input, view, error);
    return read_reference(input, &view->element, error);
}

static int read_body(gee_gob_input_t *input, gee_gob_view_t *view, gee_error_t *error) {
    static const unsigned counts[] = {
        [GEE_GOB_ARRAY] = 3, [GEE_GOB_SLICE] = 2, [GEE_GOB_STRUCT] = 2, [GEE_GOB_MAP] = 3, [GEE_GOB_OPAQUE] = 1
    };
    int member = -1, more;
    while ((more = next_member(input, counts[view->kind], &member, error)) > 0)
        if (read_member(input, view, member, error) != 0)
            return -1;
    if (more < 0)
        return -1;
    bool refers = view->kind == GEE_GOB_ARRAY || view->kind == GEE_GOB_SLICE || view->kind == GEE_GOB_MAP;
    if ((refers && view->element == 0) || (view->kind == GEE_GOB_MAP && view->key == 0))
        return GEE_GOB_FAIL(error, GEE_INVALID_ARGUMENT, "type id %lld is defined without the type of its elements",
                            (long long)view->id);
    return 0;
}

int gee_gob_definition_read(gee_gob_input_t *input, gee_gob_view_t *view, gee_error_t *error) {
    static const gee_gob_kind_t kinds[] = { GEE_GOB_ARRAY,  GEE_GOB_SLICE,  GEE_GOB_STRUCT, GEE_GOB_MAP,
                                            GEE_GOB_OPAQUE, GEE_GOB_OPAQUE, GEE_GOB_OPAQUE };
    int64_t id;
    int member = -1, more;
    *view = (gee_gob_view_t){ 0 };
    if (!gee_gob_read_int(input, &id))
        return malformed(error);
    if (id > -GEE_GOB_FIRST_ID || id < -INT32_MAX)
        return GEE_GOB_FAIL(error, GEE_INVALID_ARGUMENT, "a definition of type id %lld, which cannot be defined",
                            (long long)id);
    view->id = -id;
    if ((more = next_member(input, GEE_LENGTH(kinds), &member, error)) <= 0)
        return more < 0 ? -1 : malformed(error);
    view->kind = kinds[member];
    if (view->kind == GEE_GOB_OPAQUE)
        view->length = (uint64_t)member;
    if (read_body(input, view, error) != 0)
        return -1;
    more = next_member(input, GEE_LENGTH(kinds), &member, error);
    return more == 0 ? 0 : malformed(error);
}

void gee_gob_definition_next(gee_gob_input_t *members, gee_str_t *name, int64_t *id) {
    if (read_pair(members, name, id, NULL) != 0)
        members->at = members->end;
}

/* ---- writing ---- */

static int64_t reference(const gee_gob_node_t *node, int64_t first) {
    return node->kind <= GEE_GOB_BUILTIN_LAST ? (int64_t)node->kind : first + node->index;
}

static void put_name(gee_gob_writer_t *writer, gee_str_t name) {
    gee_gob_put_uint(writer, name.length);
    gee_gob_put_bytes(writer, name.data, name.length);
}

/* Writes a Common as the first member of a struct. An empty name is left out, as all zeros are. */
static void put_common(gee_gob_writer_t *writer, const gee_gob_node_t *node, int64_t first) {
    gee_gob_put_uint(writer, 1);
    if (node->name.length > 0) {
        gee_gob_put_uint(writer, 1);
        put_name(writer, node->name);
    }
    gee_gob_put_uint(writer, node->name.length > 0 ? 1 : 2);
    gee_gob_put_int(writer, first + node->index);
    gee_gob_put_uint(writer, 0);
}

static void put_members(gee_gob_writer_t *writer, const gee_gob_node_t *node, int64_t first) {
    if (node->member_count == 0)
        return;
    gee_gob_put_uint(writer, 1);
    gee_gob_put_uint(writer, node->member_count);
    for (size_t i = 0; i < node->member_count; i++) {
        gee_gob_put_uint(writer, 1);
        put_name(writer, node->members[i].name);
        gee_gob_put_uint(writer, 1);
        gee_gob_put_int(writer, reference(node->members[i].node, first));
        gee_gob_put_uint(writer, 0);
    }
}

static void put_reference(gee_gob_writer_t *writer, const gee_gob_node_t *node, int64_t first) {
    gee_gob_put_uint(writer, 1);
    gee_gob_put_int(writer, reference(node, first));
}

void gee_gob_put_definition(gee_gob_writer_t *writer, const gee_gob_node_t *node, int64_t first) {
    static const unsigned members[] = { [GEE_GOB_ARRAY] = ARRAY_MEMBER,
                                        [GEE_GOB_SLICE] = SLICE_MEMBER,
                                        [GEE_GOB_STRUCT] = STRUCT_MEMBER,
                                        [GEE_GOB_MAP] = MAP_MEMBER };
    uint64_t member = node->kind == GEE_GOB_OPAQUE ? node->length : members[node->kind];
    gee_gob_put_int(writer, -(first + node->index));
    gee_gob_put_uint(writer, member + 1);
    put_common(writer, node, first);
    if (node->kind == GEE_GOB_STRUCT)
        put_members(writer, node, first);
    if (node->kind == GEE_GOB_MAP)
        put_reference(writer, node->key, first);
    if (node->element != NULL)
        put_reference(writer, node->element, first);
    if (node->kind == GEE_GOB_ARRAY && node->length > 0) {
        gee_gob_put_uint(writer, 1);
        gee_gob_put_int(writer, (int64_t)node->length);
    }
    gee_gob_put_uint(writer, 0);
    gee_gob_put_uint(writer, 0);
}
