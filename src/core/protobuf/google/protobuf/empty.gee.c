/* Made by protoc-gen-geerpc from google/protobuf/empty.proto: changes here are lost. */
#include "google/protobuf/empty.gee.h"

const gee_type_t gee_type_of_google_protobuf_Empty = GEE_STRUCT_INITIALISER(google_protobuf_Empty,
    "Empty", "google.protobuf.Empty",
    GEE_TYPE_KEEPS_UNKNOWN, GEE_WELL_KNOWN_EMPTY, offsetof(google_protobuf_Empty, unknown_fields),
    NULL, 0);

static const uint8_t bytes_of_gee_descriptor_of_google_protobuf_empty[] = {
    10, 27, 103, 111, 111, 103, 108, 101, 47, 112, 114, 111, 116, 111, 98, 117, 102, 47, 101, 109,
    112, 116, 121, 46, 112, 114, 111, 116, 111, 18, 15, 103, 111, 111, 103, 108, 101, 46, 112, 114,
    111, 116, 111, 98, 117, 102, 34, 7, 10, 5, 69, 109, 112, 116, 121, 66, 125, 10, 19, 99,
    111, 109, 46, 103, 111, 111, 103, 108, 101, 46, 112, 114, 111, 116, 111, 98, 117, 102, 66, 10,
    69, 109, 112, 116, 121, 80, 114, 111, 116, 111, 80, 1, 90, 46, 103, 111, 111, 103, 108, 101,
    46, 103, 111, 108, 97, 110, 103, 46, 111, 114, 103, 47, 112, 114, 111, 116, 111, 98, 117, 102,
    47, 116, 121, 112, 101, 115, 47, 107, 110, 111, 119, 110, 47, 101, 109, 112, 116, 121, 112, 98,
    248, 1, 1, 162, 2, 3, 71, 80, 66, 170, 2, 30, 71, 111, 111, 103, 108, 101, 46, 80,
    114, 111, 116, 111, 98, 117, 102, 46, 87, 101, 108, 108, 75, 110, 111, 119, 110, 84, 121, 112,
    101, 115, 98, 6, 112, 114, 111, 116, 111, 51,
};
const gee_bytes_t gee_descriptor_of_google_protobuf_empty = {
    bytes_of_gee_descriptor_of_google_protobuf_empty, sizeof(bytes_of_gee_descriptor_of_google_protobuf_empty)
};
