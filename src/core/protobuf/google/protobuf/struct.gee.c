/* Made by protoc-gen-geerpc from google/protobuf/struct.proto: changes here are lost. */
#include "google/protobuf/struct.gee.h"

static const gee_enum_value_t values_of_google_protobuf_NullValue[] = {
    { "NULL_VALUE", google_protobuf_NullValue_NULL_VALUE },
};
const gee_type_t gee_type_of_google_protobuf_NullValue = GEE_ENUM_INITIALISER(google_protobuf_NullValue,
    "NullValue", "google.protobuf.NullValue", 0, GEE_WELL_KNOWN_NULL_VALUE,
    values_of_google_protobuf_NullValue, NULL, 1);

GEE_KEYED_MAP_TYPE(gee_str_t, google_protobuf_Value);
GEE_OPTIONAL_TYPE(google_protobuf_Struct);
GEE_OPTIONAL_TYPE(google_protobuf_ListValue);
GEE_LIST_TYPE(google_protobuf_Value);

static const gee_field_t fields_of_google_protobuf_Struct[] = {
    GEE_FIELD_INITIALISER(google_protobuf_Struct, fields, "fields", 1, 0, 0,
        &gee_map_of_gee_str_t_to_google_protobuf_Value, GEE_CHECKED_MAP(google_protobuf_Struct, fields., gee_str_t, google_protobuf_Value),
        NULL),
};
const gee_type_t gee_type_of_google_protobuf_Struct = GEE_STRUCT_INITIALISER(google_protobuf_Struct,
    "Struct", "google.protobuf.Struct",
    GEE_TYPE_KEEPS_UNKNOWN, GEE_WELL_KNOWN_STRUCT, offsetof(google_protobuf_Struct, unknown_fields),
    fields_of_google_protobuf_Struct, 1);

static const gee_field_more_t more_of_google_protobuf_Value[] = {
    { "nullValue", NULL, "kind" },
    { "numberValue", NULL, "kind" },
    { "stringValue", NULL, "kind" },
    { "boolValue", NULL, "kind" },
    { "structValue", NULL, "kind" },
    { "listValue", NULL, "kind" },
};
static const gee_field_t fields_of_google_protobuf_Value[] = {
    GEE_FIELD_INITIALISER(google_protobuf_Value, kind.null_value, "null_value", 1, GEE_FIELD_ONEOF, offsetof(google_protobuf_Value, kind_case),
        &gee_type_of_google_protobuf_NullValue, GEE_CHECKED(google_protobuf_Value, kind.null_value, google_protobuf_NullValue),
        &more_of_google_protobuf_Value[0]),
    GEE_FIELD_INITIALISER(google_protobuf_Value, kind.number_value, "number_value", 2, GEE_FIELD_ONEOF, offsetof(google_protobuf_Value, kind_case),
        &gee_type_of_double, GEE_CHECKED(google_protobuf_Value, kind.number_value, double),
        &more_of_google_protobuf_Value[1]),
    GEE_FIELD_INITIALISER(google_protobuf_Value, kind.string_value, "string_value", 3, GEE_FIELD_ONEOF, offsetof(google_protobuf_Value, kind_case),
        &gee_type_of_gee_str_t, GEE_CHECKED(google_protobuf_Value, kind.string_value, gee_str_t),
        &more_of_google_protobuf_Value[2]),
    GEE_FIELD_INITIALISER(google_protobuf_Value, kind.bool_value, "bool_value", 4, GEE_FIELD_ONEOF, offsetof(google_protobuf_Value, kind_case),
        &gee_type_of_bool, GEE_CHECKED(google_protobuf_Value, kind.bool_value, bool),
        &more_of_google_protobuf_Value[3]),
    GEE_FIELD_INITIALISER(google_protobuf_Value, kind.struct_value, "struct_value", 5, GEE_FIELD_ONEOF, offsetof(google_protobuf_Value, kind_case),
        &gee_optional_of_google_protobuf_Struct, GEE_CHECKED(google_protobuf_Value, kind.struct_value, google_protobuf_Struct *),
        &more_of_google_protobuf_Value[4]),
    GEE_FIELD_INITIALISER(google_protobuf_Value, kind.list_value, "list_value", 6, GEE_FIELD_ONEOF, offsetof(google_protobuf_Value, kind_case),
        &gee_optional_of_google_protobuf_ListValue, GEE_CHECKED(google_protobuf_Value, kind.list_value, google_protobuf_ListValue *),
        &more_of_google_protobuf_Value[5]),
};
const gee_type_t gee_type_of_google_protobuf_Value = GEE_STRUCT_INITIALISER(google_protobuf_Value,
    "Value", "google.protobuf.Value",
    GEE_TYPE_KEEPS_UNKNOWN, GEE_WELL_KNOWN_VALUE, offsetof(google_protobuf_Value, unknown_fields),
    fields_of_google_protobuf_Value, 6);

static const gee_field_t fields_of_google_protobuf_ListValue[] = {
    GEE_FIELD_INITIALISER(google_protobuf_ListValue, values, "values", 1, 0, 0,
        &gee_list_of_google_protobuf_Value, GEE_CHECKED_LIST(google_protobuf_ListValue, values., google_protobuf_Value),
        NULL),
};
const gee_type_t gee_type_of_google_protobuf_ListValue = GEE_STRUCT_INITIALISER(google_protobuf_ListValue,
    "ListValue", "google.protobuf.ListValue",
    GEE_TYPE_KEEPS_UNKNOWN, GEE_WELL_KNOWN_LIST_VALUE, offsetof(google_protobuf_ListValue, unknown_fields),
    fields_of_google_protobuf_ListValue, 1);

static const uint8_t bytes_of_gee_descriptor_of_google_protobuf_struct[] = {
    10, 28, 103, 111, 111, 103, 108, 101, 47, 112, 114, 111, 116, 111, 98, 117, 102, 47, 115, 116,
    114, 117, 99, 116, 46, 112, 114, 111, 116, 111, 18, 15, 103, 111, 111, 103, 108, 101, 46, 112,
    114, 111, 116, 111, 98, 117, 102, 34, 152, 1, 10, 6, 83, 116, 114, 117, 99, 116, 18, 59,
    10, 6, 102, 105, 101, 108, 100, 115, 24, 1, 32, 3, 40, 11, 50, 35, 46, 103, 111, 111,
    103, 108, 101, 46, 112, 114, 111, 116, 111, 98, 117, 102, 46, 83, 116, 114, 117, 99, 116, 46,
    70, 105, 101, 108, 100, 115, 69, 110, 116, 114, 121, 82, 6, 102, 105, 101, 108, 100, 115, 26,
    81, 10, 11, 70, 105, 101, 108, 100, 115, 69, 110, 116, 114, 121, 18, 16, 10, 3, 107, 101,
    121, 24, 1, 32, 1, 40, 9, 82, 3, 107, 101, 121, 18, 44, 10, 5, 118, 97, 108, 117,
    101, 24, 2, 32, 1, 40, 11, 50, 22, 46, 103, 111, 111, 103, 108, 101, 46, 112, 114, 111,
    116, 111, 98, 117, 102, 46, 86, 97, 108, 117, 101, 82, 5, 118, 97, 108, 117, 101, 58, 2,
    56, 1, 34, 178, 2, 10, 5, 86, 97, 108, 117, 101, 18, 59, 10, 10, 110, 117, 108, 108,
    95, 118, 97, 108, 117, 101, 24, 1, 32, 1, 40, 14, 50, 26, 46, 103, 111, 111, 103, 108,
    101, 46, 112, 114, 111, 116, 111, 98, 117, 102, 46, 78, 117, 108, 108, 86, 97, 108, 117, 101,
    72, 0, 82, 9, 110, 117, 108, 108, 86, 97, 108, 117, 101, 18, 35, 10, 12, 110, 117, 109,
    98, 101, 114, 95, 118, 97, 108, 117, 101, 24, 2, 32, 1, 40, 1, 72, 0, 82, 11, 110,
    117, 109, 98, 101, 114, 86, 97, 108, 117, 101, 18, 35, 10, 12, 115, 116, 114, 105, 110, 103,
    95, 118, 97, 108, 117, 101, 24, 3, 32, 1, 40, 9, 72, 0, 82, 11, 115, 116, 114, 105,
    110, 103, 86, 97, 108, 117, 101, 18, 31, 10, 10, 98, 111, 111, 108, 95, 118, 97, 108, 117,
    101, 24, 4, 32, 1, 40, 8, 72, 0, 82, 9, 98, 111, 111, 108, 86, 97, 108, 117, 101,
    18, 60, 10, 12, 115, 116, 114, 117, 99, 116, 95, 118, 97, 108, 117, 101, 24, 5, 32, 1,
    40, 11, 50, 23, 46, 103, 111, 111, 103, 108, 101, 46, 112, 114, 111, 116, 111, 98, 117, 102,
    46, 83, 116, 114, 117, 99, 116, 72, 0, 82, 11, 115, 116, 114, 117, 99, 116, 86, 97, 108,
    117, 101, 18, 59, 10, 10, 108, 105, 115, 116, 95, 118, 97, 108, 117, 101, 24, 6, 32, 1,
    40, 11, 50, 26, 46, 103, 111, 111, 103, 108, 101, 46, 112, 114, 111, 116, 111, 98, 117, 102,
    46, 76, 105, 115, 116, 86, 97, 108, 117, 101, 72, 0, 82, 9, 108, 105, 115, 116, 86, 97,
    108, 117, 101, 66, 6, 10, 4, 107, 105, 110, 100, 34, 59, 10, 9, 76, 105, 115, 116, 86,
    97, 108, 117, 101, 18, 46, 10, 6, 118, 97, 108, 117, 101, 115, 24, 1, 32, 3, 40, 11,
    50, 22, 46, 103, 111, 111, 103, 108, 101, 46, 112, 114, 111, 116, 111, 98, 117, 102, 46, 86,
    97, 108, 117, 101, 82, 6, 118, 97, 108, 117, 101, 115, 42, 27, 10, 9, 78, 117, 108, 108,
    86, 97, 108, 117, 101, 18, 14, 10, 10, 78, 85, 76, 76, 95, 86, 65, 76, 85, 69, 16,
    0, 66, 127, 10, 19, 99, 111, 109, 46, 103, 111, 111, 103, 108, 101, 46, 112, 114, 111, 116,
    111, 98, 117, 102, 66, 11, 83, 116, 114, 117, 99, 116, 80, 114, 111, 116, 111, 80, 1, 90,
    47, 103, 111, 111, 103, 108, 101, 46, 103, 111, 108, 97, 110, 103, 46, 111, 114, 103, 47, 112,
    114, 111, 116, 111, 98, 117, 102, 47, 116, 121, 112, 101, 115, 47, 107, 110, 111, 119, 110, 47,
    115, 116, 114, 117, 99, 116, 112, 98, 248, 1, 1, 162, 2, 3, 71, 80, 66, 170, 2, 30,
    71, 111, 111, 103, 108, 101, 46, 80, 114, 111, 116, 111, 98, 117, 102, 46, 87, 101, 108, 108,
    75, 110, 111, 119, 110, 84, 121, 112, 101, 115, 98, 6, 112, 114, 111, 116, 111, 51,
};
const gee_bytes_t gee_descriptor_of_google_protobuf_struct = {
    bytes_of_gee_descriptor_of_google_protobuf_struct, sizeof(bytes_of_gee_descriptor_of_google_protobuf_struct)
};
