/* descriptor.h: types and methods that a program learns at run time, from a FileDescriptorSet
 * (protoc --include_imports --descriptor_set_out=FILE).
 *
 *   bytes -> gee_descriptors_read() -> types (gee_type_t) and services, which never change, until the last release
 *
 * Representation of messages: a singular message is an optional of its struct, a scalar with presence (`optional`,
 * proto2) an optional of the scalar, a repeated field a list, a map a map; messages in a oneof are optionals. Groups
 * and extensions have no field: they stay among the unknown fields, which every message keeps. Fields have the names
 * of the .proto.
 *
 * Nothing in a set is trusted: a set may be hostile. Bounds: GEE_DESCRIPTORS_MOST bytes, 256 MiB of memory, 64 levels
 * of messages declared in messages, 1 MiB for one message in memory. Time and memory are linear in the length. */
#ifndef GEE_PROTOBUF_DESCRIPTOR_H
#define GEE_PROTOBUF_DESCRIPTOR_H

#include "core/base/error.h"
#include "core/type/type.h"

#define GEE_DESCRIPTORS_MOST (16u * 1024 * 1024)

typedef struct gee_descriptors gee_descriptors_t;

typedef struct gee_described_method {
    const char *name; /* "Multiply" */
    const gee_type_t *argument, *reply;
    bool client_streaming, server_streaming;
    bool idempotent;      /* idempotency_level IDEMPOTENT or NO_SIDE_EFFECTS */
    bool no_side_effects; /* NO_SIDE_EFFECTS */
} gee_described_method_t;

typedef struct gee_described_service {
    const char *full_name; /* "package.Service" */
    const char *name;      /* "Service", the end of full_name */
    const char *file;      /* that declares the service: "api/users.proto" */
    const gee_described_method_t *methods;
    size_t method_count;
} gee_described_service_t;

/* With one reference. Null: the error names the .proto, and what in it cannot be used. `lasting`: the caller keeps the
 * reference as long as the program runs, so that codecs may remember things by the addresses of types. */
gee_descriptors_t *gee_descriptors_read(const void *bytes, size_t length, bool lasting, gee_error_t *error);
/* The same from a file; may block. The error begins with the path, and so do errors of what is looked up in the set. */
gee_descriptors_t *gee_descriptors_load(const char *path, bool lasting, gee_error_t *error);
/* From any thread. */
gee_descriptors_t *gee_descriptors_retain(gee_descriptors_t *set);
/* Null is allowed; leaves null. */
void gee_descriptors_release(gee_descriptors_t **set);

/* A message or an enum by its full name, "package.Outer.Name"; null: there is none. */
const gee_type_t *gee_descriptors_type(const gee_descriptors_t *set, gee_str_t full_name);
/* The nth message or enum, imports too; null after the last. */
const gee_type_t *gee_descriptors_type_at(const gee_descriptors_t *set, size_t n);
/* The nth service; null after the last. */
const gee_described_service_t *gee_descriptors_service_at(const gee_descriptors_t *set, size_t n);
/* A service by its full name; or by its name without package, when the set has one service of that name. Null:
 * GEE_NOT_FOUND, or GEE_FAILED_PRECONDITION where several have that name. */
const gee_described_service_t *gee_descriptors_service(const gee_descriptors_t *set, gee_str_t name,
                                                       gee_error_t *error);
/* A method by "package.Service.Method", or "Service.Method" by the same rule. */
const gee_described_method_t *gee_descriptors_method(const gee_descriptors_t *set, gee_str_t name, gee_error_t *error);

/* The full name of the first message, enum or service that both sets have and define differently; null: there is
 * none. */
const char *gee_descriptors_conflict(const gee_descriptors_t *set, const gee_descriptors_t *other);

#endif
