/* Made by protoc-gen-geerpc from google/protobuf/duration.proto: changes here are lost. */
#ifndef GEE_PROTO_google_protobuf_duration_H
#define GEE_PROTO_google_protobuf_duration_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#ifdef __cplusplus
extern "C" {
#endif

#include "core/type/type.h"

typedef struct google_protobuf_Duration google_protobuf_Duration;

struct google_protobuf_Duration {
    int64_t seconds;
    int32_t nanos;
    gee_bytes_t unknown_fields; /* as they came; written again */
};

#pragma GCC visibility push(default)
extern const gee_type_t gee_type_of_google_protobuf_Duration;
extern const gee_bytes_t gee_descriptor_of_google_protobuf_duration; /* a google.protobuf.FileDescriptorProto */
#pragma GCC visibility pop

#ifdef __cplusplus
}
#endif

#endif
