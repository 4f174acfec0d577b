/* Made by protoc-gen-geerpc from google/protobuf/wrappers.proto: changes here are lost. */
#include "google/protobuf/wrappers.gee.h"

static const gee_field_t fields_of_google_protobuf_DoubleValue[] = {
    GEE_FIELD_INITIALISER(google_protobuf_DoubleValue, value, "value", 1, 0, 0,
        &gee_type_of_double, GEE_CHECKED(google_protobuf_DoubleValue, value, double),
        NULL),
};
const gee_type_t gee_type_of_google_protobuf_DoubleValue = GEE_STRUCT_INITIALISER(google_protobuf_DoubleValue,
    "DoubleValue", "google.protobuf.DoubleValue",
    GEE_TYPE_KEEPS_UNKNOWN, GEE_WELL_KNOWN_WRAPPER, offsetof(google_protobuf_DoubleValue, unknown_fields),
    fields_of_google_protobuf_DoubleValue, 1);

static const gee_field_t fields_of_google_protobuf_FloatValue[] = {
    GEE_FIELD_INITIALISER(google_protobuf_FloatValue, value, "value", 1, 0, 0,
        &gee_type_of_float, GEE_CHECKED(google_protobuf_FloatValue, value, float),
        NULL),
};
const gee_type_t gee_type_of_google_protobuf_FloatValue = GEE_STRUCT_INITIALISER(google_protobuf_FloatValue,
    "FloatValue", "google.protobuf.FloatValue",
    GEE_TYPE_KEEPS_UNKNOWN, GEE_WELL_KNOWN_WRAPPER, offsetof(google_protobuf_FloatValue, unknown_fields),
    fields_of_google_protobuf_FloatValue, 1);

static const gee_field_t fields_of_google_protobuf_Int64Value[] = {
    GEE_FIELD_INITIALISER(google_protobuf_Int64Value, value, "value", 1, 0, 0,
        &gee_type_of_int64_t, GEE_CHECKED(google_protobuf_Int64Value, value, int64_t),
        NULL),
};
const gee_type_t gee_type_of_google_protobuf_Int64Value = GEE_STRUCT_INITIALISER(google_protobuf_Int64Value,
    "Int64Value", "google.protobuf.Int64Value",
    GEE_TYPE_KEEPS_UNKNOWN, GEE_WELL_KNOWN_WRAPPER, offsetof(google_protobuf_Int64Value, unknown_fields),
    fields_of_google_protobuf_Int64Value, 1);

static const gee_field_t fields_of_google_protobuf_UInt64Value[] = {
    GEE_FIELD_INITIALISER(google_protobuf_UInt64Value, value, "value", 1, 0, 0,
        &gee_type_of_uint64_t, GEE_CHECKED(google_protobuf_UInt64Value, value, uint64_t),
        NULL),
};
const gee_type_t gee_type_of_google_protobuf_UInt64Value = GEE_STRUCT_INITIALISER(google_protobuf_UInt64Value,
    "UInt64Value", "google.protobuf.UInt64Value",
    GEE_TYPE_KEEPS_UNKNOWN, GEE_WELL_KNOWN_WRAPPER, offsetof(google_protobuf_UInt64Value, unknown_fields),
    fields_of_google_protobuf_UInt64Value, 1);

static const gee_field_t fields_of_google_protobuf_Int32Value[] = {
    GEE_FIELD_INITIALISER(google_protobuf_Int32Value, value, "value", 1, 0, 0,
        &gee_type_of_int32_t, GEE_CHECKED(google_protobuf_Int32Value, value, int32_t),
        NULL),
};
const gee_type_t gee_type_of_google_protobuf_Int32Value = GEE_STRUCT_INITIALISER(google_protobuf_Int32Value,
    "Int32Value", "google.protobuf.Int32Value",
    GEE_TYPE_KEEPS_UNKNOWN, GEE_WELL_KNOWN_WRAPPER, offsetof(google_protobuf_Int32Value, unknown_fields),
    fields_of_google_protobuf_Int32Value, 1);

static const gee_field_t fields_of_google_protobuf_UInt32Value[] = {
    GEE_FIELD_INITIALISER(google_protobuf_UInt32Value, value, "value", 1, 0, 0,
        &gee_type_of_uint32_t, GEE_CHECKED(google_protobuf_UInt32Value, value, uint32_t),
        NULL),
};
const gee_type_t gee_type_of_google_protobuf_UInt32Value = GEE_STRUCT_INITIALISER(google_protobuf_UInt32Value,
    "UInt32Value", "google.protobuf.UInt32Value",
    GEE_TYPE_KEEPS_UNKNOWN, GEE_WELL_KNOWN_WRAPPER, offsetof(google_protobuf_UInt32Value, unknown_fields),
    fields_of_google_protobuf_UInt32Value, 1);

static const gee_field_t fields_of_google_protobuf_BoolValue[] = {
    GEE_FIELD_INITIALISER(google_protobuf_BoolValue, value, "value", 1, 0, 0,
        &gee_type_of_bool, GEE_CHECKED(google_protobuf_BoolValue, value, bool),
        NULL),
};
const gee_type_t gee_type_of_google_protobuf_BoolValue = GEE_STRUCT_INITIALISER(google_protobuf_BoolValue,
    "BoolValue", "google.protobuf.BoolValue",
    GEE_TYPE_KEEPS_UNKNOWN, GEE_WELL_KNOWN_WRAPPER, offsetof(google_protobuf_BoolValue, unknown_fields),
    fields_of_google_protobuf_BoolValue, 1);

static const gee_field_t fields_of_google_protobuf_StringValue[] = {
    GEE_FIELD_INITIALISER(google_protobuf_StringValue, value, "value", 1, 0, 0,
        &gee_type_of_gee_str_t, GEE_CHECKED(google_protobuf_StringValue, value, gee_str_t),
        NULL),
};
const gee_type_t gee_type_of_google_protobuf_StringValue = GEE_STRUCT_INITIALISER(google_protobuf_StringValue,
    "StringValue", "google.protobuf.StringValue",
    GEE_TYPE_KEEPS_UNKNOWN, GEE_WELL_KNOWN_WRAPPER, offsetof(google_protobuf_StringValue, unknown_fields),
    fields_of_google_protobuf_StringValue, 1);

static const gee_field_t fields_of_google_protobuf_BytesValue[] = {
    GEE_FIELD_INITIALISER(google_protobuf_BytesValue, value, "value", 1, 0, 0,
        &gee_type_of_gee_bytes_t, GEE_CHECKED(google_protobuf_BytesValue, value, gee_bytes_t),
        NULL),
};
const gee_type_t gee_type_of_google_protobuf_BytesValue = GEE_STRUCT_INITIALISER(google_protobuf_BytesValue,
    "BytesValue", "google.protobuf.BytesValue",
    GEE_TYPE_KEEPS_UNKNOWN, GEE_WELL_KNOWN_WRAPPER, offsetof(google_protobuf_BytesValue, unknown_fields),
    fields_of_google_protobuf_BytesValue, 1);

static const uint8_t bytes_of_gee_descriptor_of_google_protobuf_wrappers[] = {
    10, 30, 103, 111, 111, 103, 108, 101, 47, 112, 114, 111, 116, 111, 98, 117, 102, 47, 119, 114,
    97, 112, 112, 101, 114, 115, 46, 112, 114, 111, 116, 111, 18, 15, 103, 111, 111, 103, 108, 101,
    46, 112, 114, 111, 116, 111, 98, 117, 102, 34, 35, 10, 11, 68, 111, 117, 98, 108, 101, 86,
    97, 108, 117, 101, 18, 20, 10, 5, 118, 97, 108, 117, 101, 24, 1, 32, 1, 40, 1, 82,
    5, 118, 97, 108, 117, 101, 34, 34, 10, 10, 70, 108, 111, 97, 116, 86, 97, 108, 117, 101,
    18, 20, 10, 5, 118, 97, 108, 117, 101, 24, 1, 32, 1, 40, 2, 82, 5, 118, 97, 108,
    117, 101, 34, 34, 10, 10, 73, 110, 116, 54, 52, 86, 97, 108, 117, 101, 18, 20, 10, 5,
    118, 97, 108, 117, 101, 24, 1, 32, 1, 40, 3, 82, 5, 118, 97, 108, 117, 101, 34, 35,
    10, 11, 85, 73, 110, 116, 54, 52, 86, 97, 108, 117, 101, 18, 20, 10, 5, 118, 97, 108,
    117, 101, 24, 1, 32, 1, 40, 4, 82, 5, 118, 97, 108, 117, 101, 34, 34, 10, 10, 73,
    110, 116, 51, 50, 86, 97, 108, 117, 101, 18, 20, 10, 5, 118, 97, 108, 117, 101, 24, 1,
    32, 1, 40, 5, 82, 5, 118, 97, 108, 117, 101, 34, 35, 10, 11, 85, 73, 110, 116, 51,
    50, 86, 97, 108, 117, 101, 18, 20, 10, 5, 118, 97, 108, 117, 101, 24, 1, 32, 1, 40,
    13, 82, 5, 118, 97, 108, 117, 101, 34, 33, 10, 9, 66, 111, 111, 108, 86, 97, 108, 117,
    101, 18, 20, 10, 5, 118, 97, 108, 117, 101, 24, 1, 32, 1, 40, 8, 82, 5, 118, 97,
    108, 117, 101, 34, 35, 10, 11, 83, 116, 114, 105, 110, 103, 86, 97, 108, 117, 101, 18, 20,
    10, 5, 118, 97, 108, 117, 101, 24, 1, 32, 1, 40, 9, 82, 5, 118, 97, 108, 117, 101,
    34, 34, 10, 10, 66, 121, 116, 101, 115, 86, 97, 108, 117, 101, 18, 20, 10, 5, 118, 97,
    108, 117, 101, 24, 1, 32, 1, 40, 12, 82, 5, 118, 97, 108, 117, 101, 66, 131, 1, 10,
    19, 99, 111, 109, 46, 103, 111, 111, 103, 108, 101, 46, 112, 114, 111, 116, 111, 98, 117, 102,
    66, 13, 87, 114, 97, 112, 112, 101, 114, 115, 80, 114, 111, 116, 111, 80, 1, 90, 49, 103,
    111, 111, 103, 108, 101, 46, 103, 111, 108, 97, 110, 103, 46, 111, 114, 103, 47, 112, 114, 111,
    116, 111, 98, 117, 102, 47, 116, 121, 112, 101, 115, 47, 107, 110, 111, 119, 110, 47, 119, 114,
    97, 112, 112, 101, 114, 115, 112, 98, 248, 1, 1, 162, 2, 3, 71, 80, 66, 170, 2, 30,
    71, 111, 111, 103, 108, 101, 46, 80, 114, 111, 116, 111, 98, 117, 102, 46, 87, 101, 108, 108,
    75, 110, 111, 119, 110, 84, 121, 112, 101, 115, 98, 6, 112, 114, 111, 116, 111, 51,
};
const gee_bytes_t gee_descriptor_of_google_protobuf_wrappers = {
    bytes_of_gee_descriptor_of_google_protobuf_wrappers, sizeof(bytes_of_gee_descriptor_of_google_protobuf_wrappers)
};
