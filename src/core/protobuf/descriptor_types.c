/* descriptor_types.c: types that need no name: scalars, lists, optionals, maps. Lists and optionals are made once for
 * each element. */
#include "core/protobuf/descriptor_private.h"

#include "core/base/defs.h"
#include "core/type/key.h"

static const gee_type_t *const scalars[] = {
    [GEE_PROTO_DOUBLE] = &gee_type_of_double,           [GEE_PROTO_FLOAT] = &gee_type_of_float,
    [GEE_PROTO_INT64] = &gee_type_of_int64_t,           [GEE_PROTO_UINT64] = &gee_type_of_uint64_t,
    [GEE_PROTO_INT32] = &gee_type_of_int32_t,           [GEE_PROTO_FIXED64] = &gee_type_of_gee_fixed64_t,
    [GEE_PROTO_FIXED32] = &gee_type_of_gee_fixed32_t,   [GEE_PROTO_BOOL] = &gee_type_of_bool,
    [GEE_PROTO_STRING] = &gee_type_of_gee_str_t,        [GEE_PROTO_BYTES] = &gee_type_of_gee_bytes_t,
    [GEE_PROTO_UINT32] = &gee_type_of_uint32_t,         [GEE_PROTO_SFIXED32] = &gee_type_of_gee_sfixed32_t,
    [GEE_PROTO_SFIXED64] = &gee_type_of_gee_sfixed64_t, [GEE_PROTO_SINT32] = &gee_type_of_gee_sint32_t,
    [GEE_PROTO_SINT64] = &gee_type_of_gee_sint64_t,
};

/* Null: a message, an enum or a group, or no type at all. */
static const gee_type_t *scalar(const gee_file_descriptor_proto_t *file, int32_t type) {
    if (type < 0 || (size_t)type >= GEE_LENGTH(scalars))
        return NULL;
    if (type == GEE_PROTO_STRING && !gee_descriptor_is_proto3(file))
        return &gee_type_of_gee_proto2_str_t;
    return scalars[type];
}

/* ---- lists and optionals ---- */

static gee_composites_t *composites_of_scalar(gee_descriptor_builder_t *builder, const gee_type_t *element,
                                              int32_t type) {
    return &builder->scalars[element == &gee_type_of_gee_proto2_str_t ? GEE_PROTO_SINT64 + 1 : type];
}

/* *made null: the type is made. Null: no memory, which is said. */
static const gee_type_t *composite(gee_descriptor_builder_t *builder, gee_type_t **made, gee_kind_t kind,
                                   gee_form_t form, const gee_type_t *element) {
    if (*made != NULL)
        return *made;
    gee_type_t *type = gee_pool_zalloc(builder->set->pool, sizeof *type);
    if (type == NULL) {
        gee_descriptor_no_memory(builder);
        return NULL;
    }
    *type = (gee_type_t){ .kind = kind,
                          .form = (uint8_t)form,
                          .name = "",
                          .size = kind == GEE_KIND_LIST ? sizeof(gee_list_value_t) : sizeof(void *),
                          .element = element,
                          .lasting = builder->lasting };
    return *made = type;
}

const gee_type_t *gee_descriptor_optional_of(gee_descriptor_builder_t *builder, const gee_element_t *element) {
    return composite(builder, &element->composites->optional, GEE_KIND_OPTIONAL, GEE_FORM_PLAIN, element->type);
}

const gee_type_t *gee_descriptor_list_of(gee_descriptor_builder_t *builder, const gee_element_t *element, bool packed) {
    return packed || element->type->kind >= GEE_KIND_STRING
               ? composite(builder, &element->composites->list, GEE_KIND_LIST, GEE_FORM_PLAIN, element->type)
               : composite(builder, &element->composites->unpacked, GEE_KIND_LIST, GEE_FORM_UNPACKED, element->type);
}

/* ---- references ---- */

int gee_descriptor_element(gee_descriptor_builder_t *builder, const gee_symbol_t *scope,
                           const gee_field_descriptor_proto_t *from, gee_element_t *element) {
    *element = (gee_element_t){ .type = scalar(scope->file, from->type) };
    if (element->type != NULL) {
        element->composites = composites_of_scalar(builder, element->type, from->type);
        return 0;
    }
    if (from->type != 0 && from->type != GEE_PROTO_MESSAGE && from->type != GEE_PROTO_ENUM)
        return gee_descriptor_refuse(builder, scope->file, scope->full_name, "%.*s: its type %d is not known here",
                                     GEE_STR_ARGUMENTS(gee_str_quoted(from->name)), (int)from->type);
    gee_symbol_t *symbol = gee_descriptor_resolve(builder, scope, from->name, from->type_name);
    if (symbol == NULL)
        return -1;
    if (from->type != 0 && (from->type == GEE_PROTO_ENUM) != (symbol->kind == GEE_SYMBOL_ENUM))
        return gee_descriptor_refuse(builder, scope->file, scope->full_name, "%.*s: %s is %s",
                                     GEE_STR_ARGUMENTS(gee_str_quoted(from->name)), symbol->full_name,
                                     from->type == GEE_PROTO_ENUM ? "no enum" : "no message");
    *element = (gee_element_t){ .type = symbol->type, .composites = &symbol->composites, .symbol = symbol };
    return 0;
}

/* ---- maps ---- */

static int refuse_map(gee_descriptor_builder_t *builder, const gee_symbol_t *symbol, const char *reason) {
    return gee_descriptor_refuse(builder, symbol->file, symbol->full_name, "is not the entry of a map: %s", reason);
}

int gee_descriptor_fill_map(gee_descriptor_builder_t *builder, gee_symbol_t *symbol) {
    const gee_descriptor_proto_t *from = symbol->from.message;
    gee_element_t key, value;
    if (from->field.count != 2 || from->field.items[0].number != 1 || from->field.items[1].number != 2)
        return refuse_map(builder, symbol, "its fields are not a key, 1, and a value, 2");
    for (size_t i = 0; i < 2; i++)
        if (from->field.items[i].label == GEE_PROTO_REPEATED || from->field.items[i].oneof_index != NULL)
            return refuse_map(builder, symbol, "its key or value is repeated, or in a oneof");
    if (gee_descriptor_element(builder, symbol, &from->field.items[0], &key) != 0 ||
        gee_descriptor_element(builder, symbol, &from->field.items[1], &value) != 0)
        return -1;
    if (key.symbol != NULL || !gee_key_is_allowed(key.type))
        return refuse_map(builder, symbol, "its key is neither a bool, an integer nor a string");
    if (value.type->kind == GEE_KIND_MAP)
        return refuse_map(builder, symbol, "its value is another entry");
    symbol->type->name = "";
    symbol->type->full_name = NULL;
    symbol->type->key = key.type;
    symbol->type->element = value.type;
    return 0;
}

void gee_descriptor_lay_out_map(gee_type_t *map) {
    size_t key = map->key->size, value = map->element->size;
    size_t value_alignment = gee_descriptor_alignment(map->element), alignment = gee_descriptor_alignment(map->key);
    map->value_offset = gee_descriptor_align(key, value_alignment);
    map->entry_size =
        gee_descriptor_align(map->value_offset + value, value_alignment > alignment ? value_alignment : alignment);
}
