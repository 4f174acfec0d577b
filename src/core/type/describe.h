/* describe.h: types as values: Gee.Describe tells a caller the types of a method, so that the caller can make bin
 * from JSON.
 *
 * A description is a flat table of types that refer to each other by index, so that recursive types have a bounded
 * description. */
#ifndef GEE_TYPE_DESCRIBE_H
#define GEE_TYPE_DESCRIBE_H

#include "core/base/error.h"
#include "core/base/pool.h"
#include "core/type/type.h"

typedef struct gee_field_description {
    gee_str_t name;
    uint32_t tag;
    uint32_t type;                            /* index */
    gee_str_t json_name, oneof, default_text; /* empty: none */
    bool required;
} gee_field_description_t;

typedef struct gee_value_description {
    gee_str_t name;
    int32_t number;
} gee_value_description_t;

/* A number's word is protobuf's, so that its form is known: "int32", "sint32", "sfixed32". */
typedef struct gee_type_description {
    gee_str_t kind;                              /* "int64", "string", "enum", "struct", "list", "map", "optional" */
    gee_str_t name;                              /* struct, enum */
    GEE_LIST_OF(gee_field_description_t) fields; /* struct */
    uint32_t element;                            /* index; list, map, optional */
    gee_str_t full_name;                         /* struct, enum: "package.Outer.Name"; empty: of no .proto */
    gee_str_t key;                               /* map: the keys' kind; empty: "string" */
    uint32_t length;                             /* list: exactly so many items; 0: any number */
    bool unpacked;                               /* list */
    bool closed;                                 /* enum */
    GEE_LIST_OF(gee_value_description_t) values; /* enum, by number */
} gee_type_description_t;

typedef struct gee_method_description {
    gee_str_t name;           /* "Arith.Multiply" */
    uint32_t argument, reply; /* indices */
    bool idempotent, blocking;
    bool client_streaming, server_streaming; /* who sends any number of messages in a call */
} gee_method_description_t;

typedef struct gee_describe_arguments {
    gee_str_t method; /* "Arith.Multiply"; "Arith" for a whole service; empty for everything */
} gee_describe_arguments_t;

typedef struct gee_description {
    GEE_LIST_OF(gee_method_description_t) methods;
    GEE_LIST_OF(gee_type_description_t) types;
} gee_description_t;

extern const gee_type_t gee_type_of_gee_describe_arguments_t;
extern const gee_type_t gee_type_of_gee_description_t;

/* Adds the method "service.name", and its types where the description lacks them. All memory is taken from `pool`.
 * Null: out of memory. The caller sets the method's properties in the result, which is valid until the next call. */
gee_method_description_t *gee_describe_method(gee_description_t *description, const char *service, const char *name,
                                              const gee_type_t *argument, const gee_type_t *reply, gee_pool_t *pool);
/* The type at `index` of a description that came from a peer: checked, laid out in memory, in `pool`. Null: refused,
 * with the reason. At most 1,000 types, and 10,000 fields and as many values of enums; a struct that contains itself by
 * value, without a list, map or optional between, is refused. */
const gee_type_t *gee_describe_type(const gee_description_t *description, uint32_t index, gee_pool_t *pool,
                                    gee_error_t *error);

#endif
