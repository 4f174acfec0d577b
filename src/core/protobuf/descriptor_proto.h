/* descriptor_proto.h: .proto files as data: the messages of google/protobuf/descriptor.proto that protoc writes, and of
 * google/protobuf/compiler/plugin.proto that its plugins speak, for the codecs proto and bin.
 *
 * Only what geerpc reads is here; the rest of a descriptor is skipped. A member that may be absent and then means
 * something else than zero is an optional. Enums are plain numbers. */
#ifndef GEE_PROTOBUF_DESCRIPTOR_PROTO_H
#define GEE_PROTOBUF_DESCRIPTOR_PROTO_H

#include "core/type/type.h"

enum { /* gee_field_descriptor_proto_t.type */
       GEE_PROTO_DOUBLE = 1,
       GEE_PROTO_FLOAT,
       GEE_PROTO_INT64,
       GEE_PROTO_UINT64,
       GEE_PROTO_INT32,
       GEE_PROTO_FIXED64,
       GEE_PROTO_FIXED32,
       GEE_PROTO_BOOL,
       GEE_PROTO_STRING,
       GEE_PROTO_GROUP,
       GEE_PROTO_MESSAGE,
       GEE_PROTO_BYTES,
       GEE_PROTO_UINT32,
       GEE_PROTO_ENUM,
       GEE_PROTO_SFIXED32,
       GEE_PROTO_SFIXED64,
       GEE_PROTO_SINT32,
       GEE_PROTO_SINT64
};
enum { /* gee_field_descriptor_proto_t.label */
       GEE_PROTO_OPTIONAL = 1,
       GEE_PROTO_REQUIRED,
       GEE_PROTO_REPEATED
};
enum { /* gee_method_options_t.idempotency_level */
       GEE_PROTO_IDEMPOTENCY_UNKNOWN,
       GEE_PROTO_NO_SIDE_EFFECTS,
       GEE_PROTO_IDEMPOTENT
};

typedef struct gee_field_options {
    bool *packed; /* null: as the syntax has it */
    bool deprecated;
} gee_field_options_t;

typedef struct gee_field_descriptor_proto {
    gee_str_t name;
    gee_str_t extendee;
    int32_t number;
    int32_t label;
    int32_t type;        /* 0: not known, message or enum by type_name */
    gee_str_t type_name; /* ".package.Outer.Name" */
    gee_str_t *default_value;
    gee_field_options_t options;
    int32_t *oneof_index;
    gee_str_t *json_name;
    bool proto3_optional;
} gee_field_descriptor_proto_t;

typedef struct gee_oneof_descriptor_proto {
    gee_str_t name;
} gee_oneof_descriptor_proto_t;

typedef struct gee_enum_value_descriptor_proto {
    gee_str_t name;
    int32_t number;
} gee_enum_value_descriptor_proto_t;

typedef struct gee_enum_options {
    bool allow_alias;
} gee_enum_options_t;

typedef struct gee_enum_descriptor_proto {
    gee_str_t name;
    GEE_LIST_OF(gee_enum_value_descriptor_proto_t) value;
    gee_enum_options_t options;
} gee_enum_descriptor_proto_t;

typedef struct gee_message_options {
    bool message_set_wire_format;
    bool map_entry;
} gee_message_options_t;

typedef struct gee_descriptor_proto {
    gee_str_t name;
    GEE_LIST_OF(gee_field_descriptor_proto_t) field;
    GEE_LIST_OF(struct gee_descriptor_proto) nested_type;
    GEE_LIST_OF(gee_enum_descriptor_proto_t) enum_type;
    GEE_LIST_OF(gee_field_descriptor_proto_t) extension;
    gee_message_options_t options;
    GEE_LIST_OF(gee_oneof_descriptor_proto_t) oneof_decl;
} gee_descriptor_proto_t;

typedef struct gee_method_options {
    int32_t idempotency_level;
} gee_method_options_t;

typedef struct gee_method_descriptor_proto {
    gee_str_t name;
    gee_str_t input_type; /* ".package.Name" */
    gee_str_t output_type;
    gee_method_options_t options;
    bool client_streaming;
    bool server_streaming;
} gee_method_descriptor_proto_t;

typedef struct gee_service_descriptor_proto {
    gee_str_t name;
    GEE_LIST_OF(gee_method_descriptor_proto_t) method;
} gee_service_descriptor_proto_t;

/* Where in the file something is: path: tags and positions from FileDescriptorProto down (4, 0, 2, 1: the second field
 * of the first message). */
typedef struct gee_source_location {
    GEE_LIST_OF(int32_t) path;
    GEE_LIST_OF(int32_t) span; /* line, column, line of the end if another, column of the end; from 0 */
    gee_str_t leading_comments;
    gee_str_t trailing_comments;
    GEE_LIST_OF(gee_str_t) leading_detached_comments;
} gee_source_location_t;

typedef struct gee_source_code_info {
    GEE_LIST_OF(gee_source_location_t) location;
} gee_source_code_info_t;

#define GEE_FILE_DESCRIPTOR_SOURCE_CODE_INFO 9 /* tag of FileDescriptorProto.source_code_info */

typedef struct gee_file_descriptor_proto {
    gee_str_t name;
    gee_str_t package;
    GEE_LIST_OF(gee_str_t) dependency;
    GEE_LIST_OF(gee_descriptor_proto_t) message_type;
    GEE_LIST_OF(gee_enum_descriptor_proto_t) enum_type;
    GEE_LIST_OF(gee_service_descriptor_proto_t) service;
    GEE_LIST_OF(gee_field_descriptor_proto_t) extension;
    gee_source_code_info_t source_code_info;
    GEE_LIST_OF(int32_t) public_dependency; /* positions in dependency */
    gee_str_t syntax;                       /* "": proto2 */
} gee_file_descriptor_proto_t;

/* protoc --descriptor_set_out */
typedef struct gee_file_descriptor_set {
    GEE_LIST_OF(gee_file_descriptor_proto_t) file;
} gee_file_descriptor_set_t;

typedef struct gee_code_generator_request {
    GEE_LIST_OF(gee_str_t) file_to_generate;
    gee_str_t parameter;
    /* Each a FileDescriptorProto, imports first. Bytes, because a generator may need them as protoc wrote them. */
    GEE_LIST_OF(gee_bytes_t) proto_file;
} gee_code_generator_request_t;

typedef struct gee_code_generator_file {
    gee_str_t name;
    gee_str_t content;
} gee_code_generator_file_t;

#define GEE_FEATURE_PROTO3_OPTIONAL 1u

typedef struct gee_code_generator_response {
    gee_str_t *error; /* null: none */
    uint64_t supported_features;
    GEE_LIST_OF(gee_code_generator_file_t) file;
} gee_code_generator_response_t;

#pragma GCC visibility push(default) /* libgeerpc exports what follows */
extern const gee_type_t gee_type_of_gee_file_descriptor_proto_t;
extern const gee_type_t gee_type_of_gee_file_descriptor_set_t;
extern const gee_type_t gee_type_of_gee_code_generator_request_t;
extern const gee_type_t gee_type_of_gee_code_generator_response_t;
#pragma GCC visibility pop

#endif
