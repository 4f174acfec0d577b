/* Made by protoc-gen-geerpc from google/protobuf/field_mask.proto: changes here are lost. */
#include "google/protobuf/field_mask.gee.h"

GEE_LIST_TYPE(gee_str_t);

static const gee_field_t fields_of_google_protobuf_FieldMask[] = {
    GEE_FIELD_INITIALISER(google_protobuf_FieldMask, paths, "paths", 1, 0, 0,
        &gee_list_of_gee_str_t, GEE_CHECKED_LIST(google_protobuf_FieldMask, paths., gee_str_t),
        NULL),
};
const gee_type_t gee_type_of_google_protobuf_FieldMask = GEE_STRUCT_INITIALISER(google_protobuf_FieldMask,
    "FieldMask", "google.protobuf.FieldMask",
    GEE_TYPE_KEEPS_UNKNOWN, GEE_WELL_KNOWN_FIELD_MASK, offsetof(google_protobuf_FieldMask, unknown_fields),
    fields_of_google_protobuf_FieldMask, 1);

static const uint8_t bytes_of_gee_descriptor_of_google_protobuf_field_mask[] = {
    10, 32, 103, 111, 111, 103, 108, 101, 47, 112, 114, 111, 116, 111, 98, 117, 102, 47, 102, 105,
    101, 108, 100, 95, 109, 97, 115, 107, 46, 112, 114, 111, 116, 111, 18, 15, 103, 111, 111, 103,
    108, 101, 46, 112, 114, 111, 116, 111, 98, 117, 102, 34, 33, 10, 9, 70, 105, 101, 108, 100,
    77, 97, 115, 107, 18, 20, 10, 5, 112, 97, 116, 104, 115, 24, 1, 32, 3, 40, 9, 82,
    5, 112, 97, 116, 104, 115, 66, 133, 1, 10, 19, 99, 111, 109, 46, 103, 111, 111, 103, 108,
    101, 46, 112, 114, 111, 116, 111, 98, 117, 102, 66, 14, 70, 105, 101, 108, 100, 77, 97, 115,
    107, 80, 114, 111, 116, 111, 80, 1, 90, 50, 103, 111, 111, 103, 108, 101, 46, 103, 111, 108,
    97, 110, 103, 46, 111, 114, 103, 47, 112, 114, 111, 116, 111, 98, 117, 102, 47, 116, 121, 112,
    101, 115, 47, 107, 110, 111, 119, 110, 47, 102, 105, 101, 108, 100, 109, 97, 115, 107, 112, 98,
    248, 1, 1, 162, 2, 3, 71, 80, 66, 170, 2, 30, 71, 111, 111, 103, 108, 101, 46, 80,
    114, 111, 116, 111, 98, 117, 102, 46, 87, 101, 108, 108, 75, 110, 111, 119, 110, 84, 121, 112,
    101, 115, 98, 6, 112, 114, 111, 116, 111, 51,
};
const gee_bytes_t gee_descriptor_of_google_protobuf_field_mask = {
    bytes_of_gee_descriptor_of_google_protobuf_field_mask, sizeof(bytes_of_gee_descriptor_of_google_protobuf_field_mask)
};
