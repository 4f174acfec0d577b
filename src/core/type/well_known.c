/* well_known.c: types of google.protobuf that ProtoJSON writes in forms of their own, by their names and fields: who
 * writes a Timestamp relies on its fields. */
#include "core/type/well_known.h"

#include <string.h>

#include "core/base/defs.h"

#define FIELDS_MOST 6
#define PACKAGE     "google.protobuf."

typedef struct shape {
    const char *name; /* without the package */
    gee_well_known_t well_known;
    /* Of each field, numbered from 1: the kind; an optional or a list of messages by the name of its element. */
    struct {
        gee_kind_t kind;
        const char *element;
    } fields[FIELDS_MOST];
} shape_t;

#define WRAPPER(name, kind)                                                                                            \
    {                                                                                                                  \
        name "Value", GEE_WELL_KNOWN_WRAPPER, {                                                                        \
            { kind, NULL }                                                                                             \
        }                                                                                                              \
    }

static const shape_t shapes[] = {
    { "Any", GEE_WELL_KNOWN_ANY, { { GEE_KIND_STRING, NULL }, { GEE_KIND_BYTES, NULL } } },
    { "Duration", GEE_WELL_KNOWN_DURATION, { { GEE_KIND_INT64, NULL }, { GEE_KIND_INT32, NULL } } },
    { "Empty", GEE_WELL_KNOWN_EMPTY, { { (gee_kind_t)0, NULL } } },
    { "FieldMask", GEE_WELL_KNOWN_FIELD_MASK, { { GEE_KIND_LIST, "string" } } },
    { "ListValue", GEE_WELL_KNOWN_LIST_VALUE, { { GEE_KIND_LIST, PACKAGE "Value" } } },
    { "Struct", GEE_WELL_KNOWN_STRUCT, { { GEE_KIND_MAP, PACKAGE "Value" } } },
    { "Timestamp", GEE_WELL_KNOWN_TIMESTAMP, { { GEE_KIND_INT64, NULL }, { GEE_KIND_INT32, NULL } } },
    { "Value",
      GEE_WELL_KNOWN_VALUE,
      { { GEE_KIND_ENUM, NULL },
        { GEE_KIND_DOUBLE, NULL },
        { GEE_KIND_STRING, NULL },
        { GEE_KIND_BOOL, NULL },
        { GEE_KIND_OPTIONAL, PACKAGE "Struct" },
        { GEE_KIND_OPTIONAL, PACKAGE "ListValue" } } },
    WRAPPER("Double", GEE_KIND_DOUBLE),
    WRAPPER("Float", GEE_KIND_FLOAT),
    WRAPPER("Int64", GEE_KIND_INT64),
    WRAPPER("UInt64", GEE_KIND_UINT64),
    WRAPPER("Int32", GEE_KIND_INT32),
    WRAPPER("UInt32", GEE_KIND_UINT32),
    WRAPPER("Bool", GEE_KIND_BOOL),
    WRAPPER("String", GEE_KIND_STRING),
    WRAPPER("Bytes", GEE_KIND_BYTES),
};

static bool has_form(const gee_type_t *type, gee_kind_t kind, const char *element) {
    if (type->kind != kind)
        return false;
    if (element == NULL)
        return type->form == GEE_FORM_PLAIN;
    const char *name = type->element->full_name ? type->element->full_name : type->element->name;
    return strcmp(name, element) == 0 && (kind != GEE_KIND_MAP || gee_type_key(type)->kind == GEE_KIND_STRING);
}

static bool has_shape(const gee_type_t *type, const shape_t *shape) {
    size_t count = 0;
    while (count < FIELDS_MOST && shape->fields[count].kind != 0)
        count++;
    if (type->kind != GEE_KIND_STRUCT || type->field_count != count || (type->flags & GEE_TYPE_REQUIRED))
        return false;
    for (size_t i = 0; i < count; i++) {
        const gee_field_t *field = &type->fields[i];
        bool oneof = (field->flags & GEE_FIELD_ONEOF) != 0;
        if (field->tag != i + 1 || !has_form(field->type, shape->fields[i].kind, shape->fields[i].element) ||
            oneof != (shape->well_known == GEE_WELL_KNOWN_VALUE) || field->selector != type->fields[0].selector)
            return false;
    }
    return true;
}

bool gee_well_known_mark(gee_type_t *type) {
    size_t package = strlen(PACKAGE);
    if (type->full_name == NULL || strncmp(type->full_name, PACKAGE, package) != 0)
        return true;
    const char *name = type->full_name + package;
    if (strcmp(name, "NullValue") == 0) {
        if (type->kind != GEE_KIND_ENUM || type->value_count != 1 || type->values[0].number != 0)
            return false;
        type->well_known = GEE_WELL_KNOWN_NULL_VALUE;
    }
    for (size_t i = 0; i < GEE_LENGTH(shapes); i++)
        if (strcmp(name, shapes[i].name) == 0) {
            if (!has_shape(type, &shapes[i]))
                return false;
            type->well_known = (uint8_t)shapes[i].well_known;
        }
    return true;
}
