/* Made by protoc-gen-geerpc from google/protobuf/any.proto: changes here are lost. */
#include "google/protobuf/any.gee.h"

static const gee_field_more_t more_of_google_protobuf_Any[] = {
    { "typeUrl", NULL, NULL },
};
static const gee_field_t fields_of_google_protobuf_Any[] = {
    GEE_FIELD_INITIALISER(google_protobuf_Any, type_url, "type_url", 1, 0, 0,
        &gee_type_of_gee_str_t, GEE_CHECKED(google_protobuf_Any, type_url, gee_str_t),
        &more_of_google_protobuf_Any[0]),
    GEE_FIELD_INITIALISER(google_protobuf_Any, value, "value", 2, 0, 0,
        &gee_type_of_gee_bytes_t, GEE_CHECKED(google_protobuf_Any, value, gee_bytes_t),
        NULL),
};
const gee_type_t gee_type_of_google_protobuf_Any = GEE_STRUCT_INITIALISER(google_protobuf_Any,
    "Any", "google.protobuf.Any",
    GEE_TYPE_KEEPS_UNKNOWN, GEE_WELL_KNOWN_ANY, offsetof(google_protobuf_Any, unknown_fields),
    fields_of_google_protobuf_Any, 2);

static const uint8_t bytes_of_gee_descriptor_of_google_protobuf_any[] = {
    10, 25, 103, 111, 111, 103, 108, 101, 47, 112, 114, 111, 116, 111, 98, 117, 102, 47, 97, 110,
    121, 46, 112, 114, 111, 116, 111, 18, 15, 103, 111, 111, 103, 108, 101, 46, 112, 114, 111, 116,
    111, 98, 117, 102, 34, 54, 10, 3, 65, 110, 121, 18, 25, 10, 8, 116, 121, 112, 101, 95,
    117, 114, 108, 24, 1, 32, 1, 40, 9, 82, 7, 116, 121, 112, 101, 85, 114, 108, 18, 20,
    10, 5, 118, 97, 108, 117, 101, 24, 2, 32, 1, 40, 12, 82, 5, 118, 97, 108, 117, 101,
    66, 118, 10, 19, 99, 111, 109, 46, 103, 111, 111, 103, 108, 101, 46, 112, 114, 111, 116, 111,
    98, 117, 102, 66, 8, 65, 110, 121, 80, 114, 111, 116, 111, 80, 1, 90, 44, 103, 111, 111,
    103, 108, 101, 46, 103, 111, 108, 97, 110, 103, 46, 111, 114, 103, 47, 112, 114, 111, 116, 111,
    98, 117, 102, 47, 116, 121, 112, 101, 115, 47, 107, 110, 111, 119, 110, 47, 97, 110, 121, 112,
    98, 162, 2, 3, 71, 80, 66, 170, 2, 30, 71, 111, 111, 103, 108, 101, 46, 80, 114, 111,
    116, 111, 98, 117, 102, 46, 87, 101, 108, 108, 75, 110, 111, 119, 110, 84, 121, 112, 101, 115,
    98, 6, 112, 114, 111, 116, 111, 51,
};
const gee_bytes_t gee_descriptor_of_google_protobuf_any = {
    bytes_of_gee_descriptor_of_google_protobuf_any, sizeof(bytes_of_gee_descriptor_of_google_protobuf_any)
};
