/* descriptor_proto: names and tags of descriptor.proto and plugin.proto, as protobuf publishes them. */
#include "core/protobuf/descriptor_proto.h"

/* As GEE_STRUCT, for a type that the header declares. */
#define PUBLIC_STRUCT(T, type_name, full_name, ...)                                                                    \
    static const gee_field_t fields_of_##T[] = { __VA_ARGS__ };                                                        \
    const gee_type_t gee_type_of_##T =                                                                                 \
        GEE_STRUCT_INITIALISER(T, type_name, full_name, 0, GEE_WELL_KNOWN_NONE, 0, fields_of_##T,                      \
                               sizeof(fields_of_##T) / sizeof(gee_field_t))

GEE_LIST_TYPE(int32_t);
GEE_LIST_TYPE(gee_str_t);
GEE_LIST_TYPE(gee_bytes_t);
GEE_OPTIONAL_TYPE(bool);
GEE_OPTIONAL_TYPE(int32_t);
GEE_OPTIONAL_TYPE(gee_str_t);

GEE_STRUCT(gee_field_options_t, "FieldOptions",
           GEE_OPTIONAL(gee_field_options_t, packed, "packed", 2, bool, gee_optional_of_bool),
           GEE_BOOL(gee_field_options_t, deprecated, "deprecated", 3));
GEE_STRUCT(gee_field_descriptor_proto_t, "FieldDescriptorProto",
           GEE_STRING(gee_field_descriptor_proto_t, name, "name", 1),
           GEE_STRING(gee_field_descriptor_proto_t, extendee, "extendee", 2),
           GEE_INT32(gee_field_descriptor_proto_t, number, "number", 3),
           GEE_INT32(gee_field_descriptor_proto_t, label, "label", 4),
           GEE_INT32(gee_field_descriptor_proto_t, type, "type", 5),
           GEE_STRING(gee_field_descriptor_proto_t, type_name, "type_name", 6),
           GEE_OPTIONAL(gee_field_descriptor_proto_t, default_value, "default_value", 7, gee_str_t,
                        gee_optional_of_gee_str_t),
           GEE_NESTED(gee_field_descriptor_proto_t, options, "options", 8, gee_field_options_t),
           GEE_OPTIONAL(gee_field_descriptor_proto_t, oneof_index, "oneof_index", 9, int32_t, gee_optional_of_int32_t),
           GEE_OPTIONAL(gee_field_descriptor_proto_t, json_name, "json_name", 10, gee_str_t, gee_optional_of_gee_str_t),
           GEE_BOOL(gee_field_descriptor_proto_t, proto3_optional, "proto3_optional", 17));
GEE_LIST_TYPE(gee_field_descriptor_proto_t);

GEE_STRUCT(gee_oneof_descriptor_proto_t, "OneofDescriptorProto",
           GEE_STRING(gee_oneof_descriptor_proto_t, name, "name", 1));
GEE_LIST_TYPE(gee_oneof_descriptor_proto_t);

GEE_STRUCT(gee_enum_value_descriptor_proto_t, "EnumValueDescriptorProto",
           GEE_STRING(gee_enum_value_descriptor_proto_t, name, "name", 1),
           GEE_INT32(gee_enum_value_descriptor_proto_t, number, "number", 2));
GEE_LIST_TYPE(gee_enum_value_descriptor_proto_t);
GEE_STRUCT(gee_enum_options_t, "EnumOptions", GEE_BOOL(gee_enum_options_t, allow_alias, "allow_alias", 2));
GEE_STRUCT(gee_enum_descriptor_proto_t, "EnumDescriptorProto", GEE_STRING(gee_enum_descriptor_proto_t, name, "name", 1),
           GEE_LIST(gee_enum_descriptor_proto_t, value, "value", 2, gee_enum_value_descriptor_proto_t,
                    gee_list_of_gee_enum_value_descriptor_proto_t),
           GEE_NESTED(gee_enum_descriptor_proto_t, options, "options", 3, gee_enum_options_t));
GEE_LIST_TYPE(gee_enum_descriptor_proto_t);

GEE_STRUCT(gee_message_options_t, "MessageOptions",
           GEE_BOOL(gee_message_options_t, message_set_wire_format, "message_set_wire_format", 1),
           GEE_BOOL(gee_message_options_t, map_entry, "map_entry", 7));
GEE_RECURSIVE(gee_descriptor_proto_t);
GEE_LIST_TYPE(gee_descriptor_proto_t);
GEE_STRUCT(gee_descriptor_proto_t, "DescriptorProto", GEE_STRING(gee_descriptor_proto_t, name, "name", 1),
           GEE_LIST(gee_descriptor_proto_t, field, "field", 2, gee_field_descriptor_proto_t,
                    gee_list_of_gee_field_descriptor_proto_t),
           GEE_LIST(gee_descriptor_proto_t, nested_type, "nested_type", 3, gee_descriptor_proto_t,
                    gee_list_of_gee_descriptor_proto_t),
           GEE_LIST(gee_descriptor_proto_t, enum_type, "enum_type", 4, gee_enum_descriptor_proto_t,
                    gee_list_of_gee_enum_descriptor_proto_t),
           GEE_LIST(gee_descriptor_proto_t, extension, "extension", 6, gee_field_descriptor_proto_t,
                    gee_list_of_gee_field_descriptor_proto_t),
           GEE_NESTED(gee_descriptor_proto_t, options, "options", 7, gee_message_options_t),
           GEE_LIST(gee_descriptor_proto_t, oneof_decl, "oneof_decl", 8, gee_oneof_descriptor_proto_t,
                    gee_list_of_gee_oneof_descriptor_proto_t));

GEE_STRUCT(gee_method_options_t, "MethodOptions",
           GEE_INT32(gee_method_options_t, idempotency_level, "idempotency_level", 34));
GEE_STRUCT(gee_method_descriptor_proto_t, "MethodDescriptorProto",
           GEE_STRING(gee_method_descriptor_proto_t, name, "name", 1),
           GEE_STRING(gee_method_descriptor_proto_t, input_type, "input_type", 2),
           GEE_STRING(gee_method_descriptor_proto_t, output_type, "output_type", 3),
           GEE_NESTED(gee_method_descriptor_proto_t, options, "options", 4, gee_method_options_t),
           GEE_BOOL(gee_method_descriptor_proto_t, client_streaming, "client_streaming", 5),
           GEE_BOOL(gee_method_descriptor_proto_t, server_streaming, "server_streaming", 6));
GEE_LIST_TYPE(gee_method_descriptor_proto_t);
GEE_STRUCT(gee_service_descriptor_proto_t, "ServiceDescriptorProto",
           GEE_STRING(gee_service_descriptor_proto_t, name, "name", 1),
           GEE_LIST(gee_service_descriptor_proto_t, method, "method", 2, gee_method_descriptor_proto_t,
                    gee_list_of_gee_method_descriptor_proto_t));
GEE_LIST_TYPE(gee_service_descriptor_proto_t);

GEE_STRUCT(gee_source_location_t, "Location",
           GEE_LIST(gee_source_location_t, path, "path", 1, int32_t, gee_list_of_int32_t),
           GEE_LIST(gee_source_location_t, span, "span", 2, int32_t, gee_list_of_int32_t),
           GEE_STRING(gee_source_location_t, leading_comments, "leading_comments", 3),
           GEE_STRING(gee_source_location_t, trailing_comments, "trailing_comments", 4),
           GEE_LIST(gee_source_location_t, leading_detached_comments, "leading_detached_comments", 6, gee_str_t,
                    gee_list_of_gee_str_t));
GEE_LIST_TYPE(gee_source_location_t);
GEE_STRUCT(gee_source_code_info_t, "SourceCodeInfo",
           GEE_LIST(gee_source_code_info_t, location, "location", 1, gee_source_location_t,
                    gee_list_of_gee_source_location_t));

PUBLIC_STRUCT(gee_file_descriptor_proto_t, "FileDescriptorProto", "google.protobuf.FileDescriptorProto",
              GEE_STRING(gee_file_descriptor_proto_t, name, "name", 1),
              GEE_STRING(gee_file_descriptor_proto_t, package, "package", 2),
              GEE_LIST(gee_file_descriptor_proto_t, dependency, "dependency", 3, gee_str_t, gee_list_of_gee_str_t),
              GEE_LIST(gee_file_descriptor_proto_t, message_type, "message_type", 4, gee_descriptor_proto_t,
                       gee_list_of_gee_descriptor_proto_t),
              GEE_LIST(gee_file_descriptor_proto_t, enum_type, "enum_type", 5, gee_enum_descriptor_proto_t,
                       gee_list_of_gee_enum_descriptor_proto_t),
              GEE_LIST(gee_file_descriptor_proto_t, service, "service", 6, gee_service_descriptor_proto_t,
                       gee_list_of_gee_service_descriptor_proto_t),
              GEE_LIST(gee_file_descriptor_proto_t, extension, "extension", 7, gee_field_descriptor_proto_t,
                       gee_list_of_gee_field_descriptor_proto_t),
              GEE_NESTED(gee_file_descriptor_proto_t, source_code_info, "source_code_info",
                         GEE_FILE_DESCRIPTOR_SOURCE_CODE_INFO, gee_source_code_info_t),
              GEE_LIST(gee_file_descriptor_proto_t, public_dependency, "public_dependency", 10, int32_t,
                       gee_list_of_int32_t),
              GEE_STRING(gee_file_descriptor_proto_t, syntax, "syntax", 12));
GEE_LIST_TYPE(gee_file_descriptor_proto_t);
PUBLIC_STRUCT(gee_file_descriptor_set_t, "FileDescriptorSet", "google.protobuf.FileDescriptorSet",
              GEE_LIST(gee_file_descriptor_set_t, file, "file", 1, gee_file_descriptor_proto_t,
                       gee_list_of_gee_file_descriptor_proto_t));

PUBLIC_STRUCT(gee_code_generator_request_t, "CodeGeneratorRequest", "google.protobuf.compiler.CodeGeneratorRequest",
              GEE_LIST(gee_code_generator_request_t, file_to_generate, "file_to_generate", 1, gee_str_t,
                       gee_list_of_gee_str_t),
              GEE_STRING(gee_code_generator_request_t, parameter, "parameter", 2),
              GEE_LIST(gee_code_generator_request_t, proto_file, "proto_file", 15, gee_bytes_t,
                       gee_list_of_gee_bytes_t));
GEE_STRUCT(gee_code_generator_file_t, "File", GEE_STRING(gee_code_generator_file_t, name, "name", 1),
           GEE_STRING(gee_code_generator_file_t, content, "content", 15));
GEE_LIST_TYPE(gee_code_generator_file_t);
PUBLIC_STRUCT(gee_code_generator_response_t, "CodeGeneratorResponse", "google.protobuf.compiler.CodeGeneratorResponse",
              GEE_OPTIONAL(gee_code_generator_response_t, error, "error", 1, gee_str_t, gee_optional_of_gee_str_t),
              GEE_UINT64(gee_code_generator_response_t, supported_features, "supported_features", 2),
              GEE_LIST(gee_code_generator_response_t, file, "file", 15, gee_code_generator_file_t,
                       gee_list_of_gee_code_generator_file_t));
