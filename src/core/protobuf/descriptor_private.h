/* descriptor_private.h: between the files that make types of a FileDescriptorSet. Calls go from descriptor.c down:
 *
 *   descriptor_fields.c       fields of messages, and their places in memory
 *   descriptor_enum.c         values of enums
 *   descriptor_services.c     services and methods
 *   descriptor_types.c        scalars, lists, optionals, maps
 *   descriptor_names.c        every message, enum and service by its full name
 *
 * Sets that are made: descriptor_conflict.c. */
#ifndef GEE_PROTOBUF_DESCRIPTOR_PRIVATE_H
#define GEE_PROTOBUF_DESCRIPTOR_PRIVATE_H

#include <stdatomic.h>

#include "core/base/hash.h"
#include "core/base/pool.h"
#include "core/protobuf/descriptor.h"
#include "core/protobuf/descriptor_proto.h"

typedef enum gee_symbol_kind {
    GEE_SYMBOL_MESSAGE,
    GEE_SYMBOL_MAP, /* a message that is an entry of a map field */
    GEE_SYMBOL_ENUM,
    GEE_SYMBOL_SERVICE
} gee_symbol_kind_t;

/* What repeated fields and fields with presence have; made when they are first needed. */
typedef struct gee_composites {
    gee_type_t *optional, *list, *unpacked;
} gee_composites_t;

typedef struct gee_symbol {
    struct gee_symbol *next; /* in the order of the files */
    gee_symbol_kind_t kind;
    const char *full_name;
    const gee_file_descriptor_proto_t *file;
    union {
        const gee_descriptor_proto_t *message; /* MESSAGE, MAP */
        const gee_enum_descriptor_proto_t *enumeration;
        const gee_service_descriptor_proto_t *service;
    } from;
    gee_type_t *type; /* MESSAGE, MAP, ENUM */
    gee_composites_t composites;
} gee_symbol_t;

struct gee_descriptors {
    atomic_int references;
    gee_pool_t *pool;
    const char *path;        /* of the file; null: from bytes */
    gee_string_map_t *types; /* by full name */
    const gee_type_t **list; /* messages and enums */
    size_t count;
    gee_described_service_t *service_list;
    gee_string_map_t *services; /* by full name */
    size_t service_count;
};

/* While a set is read. */
typedef struct gee_descriptor_builder {
    gee_descriptors_t *set;
    gee_pool_t *scratch; /* the decoded descriptors, symbols */
    gee_file_descriptor_set_t files;
    gee_string_map_t *symbols; /* by full name */
    gee_symbol_t *first, **last;
    gee_composites_t scalars[GEE_PROTO_SINT64 + 2]; /* by gee_field_descriptor_proto_t.type; last: strings of proto2 */
    bool lasting;
    gee_error_t *error;
} gee_descriptor_builder_t;

static inline bool gee_descriptor_is_proto3(const gee_file_descriptor_proto_t *file) {
    return gee_str_equal(file->syntax, GEE_STR("proto3"));
}

/* ---- descriptor_names.c ---- */
/* "FILE: NAME: reason". Returns -1. */
int gee_descriptor_refuse(gee_descriptor_builder_t *builder, const gee_file_descriptor_proto_t *file, const char *name,
                          const char *format, ...) __attribute__((format(printf, 4, 5)));
int gee_descriptor_no_memory(gee_descriptor_builder_t *builder);
/* May the text be a name in a .proto? */
bool gee_descriptor_is_name(gee_str_t text);
/* A copy in the set's memory; null: no memory, which is said. */
const char *gee_descriptor_copy(gee_descriptor_builder_t *builder, gee_str_t text);
/* Fills symbols, each with an empty type. */
int gee_descriptor_collect(gee_descriptor_builder_t *builder);
/* The message or enum that a field or method of `scope` refers to; null: refused. `what` is said in the error. */
gee_symbol_t *gee_descriptor_resolve(gee_descriptor_builder_t *builder, const gee_symbol_t *scope, gee_str_t what,
                                     gee_str_t type_name);

/* ---- descriptor_enum.c ---- */
int gee_descriptor_fill_enum(gee_descriptor_builder_t *builder, gee_symbol_t *symbol);

/* ---- descriptor_types.c ---- */
/* What a field refers to. */
typedef struct gee_element {
    const gee_type_t *type; /* BOOL ... BYTES, ENUM, STRUCT, or MAP for the entry of a map */
    gee_composites_t *composites;
    const gee_symbol_t *symbol; /* null: a scalar */
} gee_element_t;
int gee_descriptor_element(gee_descriptor_builder_t *builder, const gee_symbol_t *scope,
                           const gee_field_descriptor_proto_t *from, gee_element_t *element);
/* Null: no memory, which is said. */
const gee_type_t *gee_descriptor_optional_of(gee_descriptor_builder_t *builder, const gee_element_t *element);
const gee_type_t *gee_descriptor_list_of(gee_descriptor_builder_t *builder, const gee_element_t *element, bool packed);
/* Key and value of a map; then, when all messages have a size, their places. */
int gee_descriptor_fill_map(gee_descriptor_builder_t *builder, gee_symbol_t *symbol);
void gee_descriptor_lay_out_map(gee_type_t *map);

static inline size_t gee_descriptor_align(size_t size, size_t alignment) {
    return (size + alignment - 1) / alignment * alignment;
}
/* A struct begins with a gee_bytes_t; nothing else here is aligned more strictly than its size or a pointer. */
static inline size_t gee_descriptor_alignment(const gee_type_t *type) {
    return type->kind == GEE_KIND_STRUCT || type->size > sizeof(void *) ? sizeof(void *) : type->size;
}

/* ---- descriptor_fields.c ---- */
int gee_descriptor_fill_message(gee_descriptor_builder_t *builder, gee_symbol_t *symbol);

/* ---- descriptor_services.c ---- */
int gee_descriptor_fill_services(gee_descriptor_builder_t *builder);

#endif
