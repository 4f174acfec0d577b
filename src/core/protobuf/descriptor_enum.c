/* descriptor_enum.c: the values of an enum: by number, and by name. */
#include <string.h>

#include "core/protobuf/descriptor_private.h"
#include "core/type/enum.h"

static int sort(gee_descriptor_builder_t *builder, const gee_symbol_t *symbol, gee_enum_value_t *values) {
    size_t count = symbol->type->value_count;
    const uint32_t *by_name = gee_enum_sort(values, count, builder->scratch, builder->set->pool);
    if (by_name == NULL)
        return gee_descriptor_no_memory(builder);
    for (size_t i = 1; i < count; i++)
        if (strcmp(values[by_name[i - 1]].name, values[by_name[i]].name) == 0)
            return gee_descriptor_refuse(builder, symbol->file, symbol->full_name, "has two values %s",
                                         values[by_name[i]].name);
    symbol->type->by_name = by_name;
    return 0;
}

/* The names of all values in one piece, in their order. */
static char *room_for_names(gee_descriptor_builder_t *builder, const gee_symbol_t *symbol) {
    const gee_enum_descriptor_proto_t *from = symbol->from.enumeration;
    size_t length = 0;
    for (size_t i = 0; i < from->value.count; i++) {
        gee_str_t name = from->value.items[i].name;
        if (!gee_descriptor_is_name(name)) {
            gee_descriptor_refuse(builder, symbol->file, symbol->full_name, "value %zu has no name, or \"%.*s\"", i,
                                  GEE_STR_ARGUMENTS(gee_str_quoted(name)));
            return NULL;
        }
        length += name.length + 1;
    }
    char *room = gee_pool_zalloc(builder->set->pool, length);
    if (room == NULL)
        gee_descriptor_no_memory(builder);
    return room;
}

int gee_descriptor_fill_enum(gee_descriptor_builder_t *builder, gee_symbol_t *symbol) {
    const gee_enum_descriptor_proto_t *from = symbol->from.enumeration;
    gee_type_t *type = symbol->type;
    if (from->value.count == 0)
        return gee_descriptor_refuse(builder, symbol->file, symbol->full_name, "an enum without values");
    char *names = room_for_names(builder, symbol);
    if (names == NULL)
        return -1;
    gee_enum_value_t *values = gee_pool_array(builder->set->pool, from->value.count, sizeof *values);
    if (values == NULL)
        return gee_descriptor_no_memory(builder);
    for (size_t i = 0; i < from->value.count; i++) {
        gee_str_t name = from->value.items[i].name;
        memcpy(names, name.data, name.length);
        values[i] = (gee_enum_value_t){ .name = names, .number = from->value.items[i].number };
        names += name.length + 1;
    }
    type->values = values;
    type->value_count = from->value.count;
    type->flags = gee_descriptor_is_proto3(symbol->file) ? 0 : GEE_TYPE_CLOSED;
    return sort(builder, symbol, values);
}
