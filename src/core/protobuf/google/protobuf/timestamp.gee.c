/* Made by protoc-gen-geerpc from google/protobuf/timestamp.proto: changes here are lost. */
#include "google/protobuf/timestamp.gee.h"

static const gee_field_t fields_of_google_protobuf_Timestamp[] = {
    GEE_FIELD_INITIALISER(google_protobuf_Timestamp, seconds, "seconds", 1, 0, 0,
        &gee_type_of_int64_t, GEE_CHECKED(google_protobuf_Timestamp, seconds, int64_t),
        NULL),
    GEE_FIELD_INITIALISER(google_protobuf_Timestamp, nanos, "nanos", 2, 0, 0,
        &gee_type_of_int32_t, GEE_CHECKED(google_protobuf_Timestamp, nanos, int32_t),
        NULL),
};
const gee_type_t gee_type_of_google_protobuf_Timestamp = GEE_STRUCT_INITIALISER(google_protobuf_Timestamp,
    "Timestamp", "google.protobuf.Timestamp",
    GEE_TYPE_KEEPS_UNKNOWN, GEE_WELL_KNOWN_TIMESTAMP, offsetof(google_protobuf_Timestamp, unknown_fields),
    fields_of_google_protobuf_Timestamp, 2);

static const uint8_t bytes_of_gee_descriptor_of_google_protobuf_timestamp[] = {
    10, 31, 103, 111, 111, 103, 108, 101, 47, 112, 114, 111, 116, 111, 98, 117, 102, 47, 116, 105,
    109, 101, 115, 116, 97, 109, 112, 46, 112, 114, 111, 116, 111, 18, 15, 103, 111, 111, 103, 108,
    101, 46, 112, 114, 111, 116, 111, 98, 117, 102, 34, 59, 10, 9, 84, 105, 109, 101, 115, 116,
    97, 109, 112, 18, 24, 10, 7, 115, 101, 99, 111, 110, 100, 115, 24, 1, 32, 1, 40, 3,
    82, 7, 115, 101, 99, 111, 110, 100, 115, 18, 20, 10, 5, 110, 97, 110, 111, 115, 24, 2,
    32, 1, 40, 5, 82, 5, 110, 97, 110, 111, 115, 66, 133, 1, 10, 19, 99, 111, 109, 46,
    103, 111, 111, 103, 108, 101, 46, 112, 114, 111, 116, 111, 98, 117, 102, 66, 14, 84, 105, 109,
    101, 115, 116, 97, 109, 112, 80, 114, 111, 116, 111, 80, 1, 90, 50, 103, 111, 111, 103, 108,
    101, 46, 103, 111, 108, 97, 110, 103, 46, 111, 114, 103, 47, 112, 114, 111, 116, 111, 98, 117,
    102, 47, 116, 121, 112, 101, 115, 47, 107, 110, 111, 119, 110, 47, 116, 105, 109, 101, 115, 116,
    97, 109, 112, 112, 98, 248, 1, 1, 162, 2, 3, 71, 80, 66, 170, 2, 30, 71, 111, 111,
    103, 108, 101, 46, 80, 114, 111, 116, 111, 98, 117, 102, 46, 87, 101, 108, 108, 75, 110, 111,
    119, 110, 84, 121, 112, 101, 115, 98, 6, 112, 114, 111, 116, 111, 51,
};
const gee_bytes_t gee_descriptor_of_google_protobuf_timestamp = {
    bytes_of_gee_descriptor_of_google_protobuf_timestamp, sizeof(bytes_of_gee_descriptor_of_google_protobuf_timestamp)
};
