/* Made by protoc-gen-geerpc from google/protobuf/wrappers.proto: changes here are lost. */
#ifndef GEE_PROTO_google_protobuf_wrappers_H
#define GEE_PROTO_google_protobuf_wrappers_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#ifdef __cplusplus
extern "C" {
#endif

#include "core/type/type.h"

typedef struct google_protobuf_DoubleValue google_protobuf_DoubleValue;
typedef struct google_protobuf_FloatValue google_protobuf_FloatValue;
typedef struct google_protobuf_Int64Value google_protobuf_Int64Value;
typedef struct google_protobuf_UInt64Value google_protobuf_UInt64Value;
typedef struct google_protobuf_Int32Value google_protobuf_Int32Value;
typedef struct google_protobuf_UInt32Value google_protobuf_UInt32Value;
typedef struct google_protobuf_BoolValue google_protobuf_BoolValue;
typedef struct google_protobuf_StringValue google_protobuf_StringValue;
typedef struct google_protobuf_BytesValue google_protobuf_BytesValue;

struct google_protobuf_DoubleValue {
    double value;
    gee_bytes_t unknown_fields; /* as they came; written again */
};

struct google_protobuf_FloatValue {
    float value;
    gee_bytes_t unknown_fields; /* as they came; written again */
};

struct google_protobuf_Int64Value {
    int64_t value;
    gee_bytes_t unknown_fields; /* as they came; written again */
};

struct google_protobuf_UInt64Value {
    uint64_t value;
    gee_bytes_t unknown_fields; /* as they came; written again */
};

struct google_protobuf_Int32Value {
    int32_t value;
    gee_bytes_t unknown_fields; /* as they came; written again */
};

struct google_protobuf_UInt32Value {
    uint32_t value;
    gee_bytes_t unknown_fields; /* as they came; written again */
};

struct google_protobuf_BoolValue {
    bool value;
    gee_bytes_t unknown_fields; /* as they came; written again */
};

struct google_protobuf_StringValue {
    gee_str_t value;
    gee_bytes_t unknown_fields; /* as they came; written again */
};

struct google_protobuf_BytesValue {
    gee_bytes_t value;
    gee_bytes_t unknown_fields; /* as they came; written again */
};

#pragma GCC visibility push(default)
extern const gee_type_t gee_type_of_google_protobuf_DoubleValue;
extern const gee_type_t gee_type_of_google_protobuf_FloatValue;
extern const gee_type_t gee_type_of_google_protobuf_Int64Value;
extern const gee_type_t gee_type_of_google_protobuf_UInt64Value;
extern const gee_type_t gee_type_of_google_protobuf_Int32Value;
extern const gee_type_t gee_type_of_google_protobuf_UInt32Value;
extern const gee_type_t gee_type_of_google_protobuf_BoolValue;
extern const gee_type_t gee_type_of_google_protobuf_StringValue;
extern const gee_type_t gee_type_of_google_protobuf_BytesValue;
extern const gee_bytes_t gee_descriptor_of_google_protobuf_wrappers; /* a google.protobuf.FileDescriptorProto */
#pragma GCC visibility pop

#ifdef __cplusplus
}
#endif

#endif
