/* well_known.c: the types to which ProtoJSON gives a form of their own. */
#include <string.h>

#include "tools/protoc_gen_geerpc/generator.h"

static const struct {
    const char *name, *constant;
} well_known[] = {
    { "Any", "GEE_WELL_KNOWN_ANY" },
    { "BoolValue", "GEE_WELL_KNOWN_WRAPPER" },
    { "BytesValue", "GEE_WELL_KNOWN_WRAPPER" },
    { "DoubleValue", "GEE_WELL_KNOWN_WRAPPER" },
    { "Duration", "GEE_WELL_KNOWN_DURATION" },
    { "Empty", "GEE_WELL_KNOWN_EMPTY" },
    { "FieldMask", "GEE_WELL_KNOWN_FIELD_MASK" },
    { "FloatValue", "GEE_WELL_KNOWN_WRAPPER" },
    { "Int32Value", "GEE_WELL_KNOWN_WRAPPER" },
    { "Int64Value", "GEE_WELL_KNOWN_WRAPPER" },
    { "ListValue", "GEE_WELL_KNOWN_LIST_VALUE" },
    { "NullValue", "GEE_WELL_KNOWN_NULL_VALUE" },
    { "StringValue", "GEE_WELL_KNOWN_WRAPPER" },
    { "Struct", "GEE_WELL_KNOWN_STRUCT" },
    { "Timestamp", "GEE_WELL_KNOWN_TIMESTAMP" },
    { "UInt32Value", "GEE_WELL_KNOWN_WRAPPER" },
    { "UInt64Value", "GEE_WELL_KNOWN_WRAPPER" },
    { "Value", "GEE_WELL_KNOWN_VALUE" },
};

const char *gee_gen_well_known(const char *full_name) {
    static const char package[] = "google.protobuf.";
    if (strncmp(full_name, package, sizeof(package) - 1) == 0)
        for (size_t i = 0; i < sizeof(well_known) / sizeof(*well_known); i++)
            if (strcmp(full_name + sizeof(package) - 1, well_known[i].name) == 0)
                return well_known[i].constant;
    return "GEE_WELL_KNOWN_NONE";
}
