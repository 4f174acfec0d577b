/* Made by protoc-gen-geerpc from google/protobuf/struct.proto: changes here are lost. */
#ifndef GEE_PROTO_google_protobuf_struct_H
#define GEE_PROTO_google_protobuf_struct_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#ifdef __cplusplus
extern "C" {
#endif

#include "core/type/type.h"

typedef enum google_protobuf_NullValue {
    google_protobuf_NullValue_NULL_VALUE = 0,
    google_protobuf_NullValue_SIGNED_ = INT32_MIN /* makes the enum a signed one of 32 bits; no value */
} google_protobuf_NullValue;

typedef struct google_protobuf_Struct google_protobuf_Struct;
typedef struct google_protobuf_Struct_FieldsEntry google_protobuf_Struct_FieldsEntry;
typedef struct google_protobuf_Value google_protobuf_Value;
typedef struct google_protobuf_ListValue google_protobuf_ListValue;

struct google_protobuf_Struct {
    GEE_LIST_OF(google_protobuf_Struct_FieldsEntry) fields; /* a map */
    gee_bytes_t unknown_fields; /* as they came; written again */
};

typedef enum google_protobuf_Value_kind_case {
    google_protobuf_Value_kind_case_NOT_SET = 0,
    google_protobuf_Value_kind_case_null_value = 1,
    google_protobuf_Value_kind_case_number_value = 2,
    google_protobuf_Value_kind_case_string_value = 3,
    google_protobuf_Value_kind_case_bool_value = 4,
    google_protobuf_Value_kind_case_struct_value = 5,
    google_protobuf_Value_kind_case_list_value = 6,
} google_protobuf_Value_kind_case;

struct google_protobuf_Value {
    google_protobuf_Value_kind_case kind_case;
    union {
        google_protobuf_NullValue null_value;
        double number_value;
        gee_str_t string_value;
        bool bool_value;
        google_protobuf_Struct *struct_value;
        google_protobuf_ListValue *list_value;
    } kind;
    gee_bytes_t unknown_fields; /* as they came; written again */
};

struct google_protobuf_ListValue {
    GEE_LIST_OF(google_protobuf_Value) values;
    gee_bytes_t unknown_fields; /* as they came; written again */
};

struct google_protobuf_Struct_FieldsEntry {
    gee_str_t key;
    google_protobuf_Value value;
};

#pragma GCC visibility push(default)
extern const gee_type_t gee_type_of_google_protobuf_NullValue;
extern const gee_type_t gee_type_of_google_protobuf_Struct;
extern const gee_type_t gee_type_of_google_protobuf_Value;
extern const gee_type_t gee_type_of_google_protobuf_ListValue;
extern const gee_bytes_t gee_descriptor_of_google_protobuf_struct; /* a google.protobuf.FileDescriptorProto */
#pragma GCC visibility pop

#ifdef __cplusplus
}
#endif

#endif
