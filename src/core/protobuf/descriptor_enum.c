/* descriptor_enum.c: the values of an enum: by number, and by name. */
#include <stdlib.h>
#include <string.h>

#include "core/protobuf/descriptor_private.h"

/* Of several names for one number the first in the .proto is the one to be written; the names lie in memory in that
 * order. */
static int compare_numbers(const void *left, const void *right) {
    const gee_enum_value_t *a = left, *b = right;
    if (a->number != b->number)
        return a->number < b->number ? -1 : 1;
    return a->name < b->name ? -1 : a->name > b->name;
}

typedef struct named {
    const char *name;
    uint32_t place;
} named_t;

static int compare_names(const void *left, const void *right) {
    return strcmp(((const named_t *)left)->name, ((const named_t *)right)->name);
}

static int order_by_name(gee_descriptor_builder_t *builder, const gee_symbol_t *symbol,
                         const gee_enum_value_t *values) {
    size_t count = symbol->type->value_count;
    named_t *names = gee_pool_array(builder->scratch, count, sizeof *names);
    uint32_t *by_name = gee_pool_array(builder->set->pool, count, sizeof *by_name);
    if (names == NULL || by_name == NULL)
        return gee_descriptor_no_memory(builder);
    for (size_t i = 0; i < count; i++)
        names[i] = (named_t){ .name = values[i].name, .place = (uint32_t)i };
    qsort(names, count, sizeof *names, compare_names);
    for (size_t i = 0; i < count; i++) {
        if (i > 0 && strcmp(names[i - 1].name, names[i].name) == 0)
            return gee_descriptor_refuse(builder, symbol->file, symbol->full_name, "has two values %s", names[i].name);
        by_name[i] = names[i].place;
    }
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
    qsort(values, from->value.count, sizeof *values, compare_numbers);
    type->values = values;
    type->value_count = from->value.count;
    type->flags = gee_descriptor_is_proto3(symbol->file) ? 0 : GEE_TYPE_CLOSED;
    return order_by_name(builder, symbol, values);
}
