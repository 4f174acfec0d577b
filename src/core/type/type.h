/* type.h: the description of a C type, which every codec reads, as codecs in Go use reflection.
 *
 *   typedef struct { int64_t a, b; } args_t;
 *   GEE_STRUCT(args_t, "Args", GEE_INT64(args_t, a, "A", 1), GEE_INT64(args_t, b, "B", 2));
 *
 * makes gee_type_of_args_t. Each field row has C member, name on the wire (JSON, gob) and tag (bin: protobuf's field
 * number, 1 to 536870911, not 19000 to 19999). The C type of each member is checked at compile time.
 *
 * In memory: strings and bytes are views (gee_str_t, gee_bytes_t), lists { items, count }, maps the same with entries
 * { key; value }, optionals a pointer, null when absent, a oneof a union and its selector. Decoded values point into
 * the call's pool.
 * Public: geerpc.h includes it. */
#ifndef GEE_TYPE_TYPE_H
#define GEE_TYPE_TYPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "core/base/str.h"

typedef enum gee_kind {
    GEE_KIND_BOOL = 1, /* bool */
    GEE_KIND_ENUM,     /* int32_t, or a C enum of that size: a number that may have a name */
    GEE_KIND_INT32,    /* int32_t */
    GEE_KIND_INT64,    /* int64_t */
    GEE_KIND_UINT32,   /* uint32_t */
    GEE_KIND_UINT64,   /* uint64_t */
    GEE_KIND_FLOAT,    /* float */
    GEE_KIND_DOUBLE,   /* double */
    GEE_KIND_STRING,   /* gee_str_t, UTF-8 */
    GEE_KIND_BYTES,    /* gee_bytes_t */
    GEE_KIND_STRUCT,
    GEE_KIND_LIST,    /* GEE_LIST_OF(T): element */
    GEE_KIND_MAP,     /* GEE_MAP_OF(T): string to element; GEE_KEYED_MAP_OF(K, T): scalar to element */
    GEE_KIND_OPTIONAL /* T *: element */
} gee_kind_t;

typedef struct gee_type gee_type_t;

/* How protobuf writes a value of the kind, where there is a choice. Only bin and proto look at the form. */
typedef enum gee_form {
    GEE_FORM_PLAIN = 0, /* varints; lists of numbers packed */
    GEE_FORM_ZIGZAG,    /* INT32, INT64: sint32, sint64 */
    GEE_FORM_FIXED,     /* INT32, UINT32, INT64, UINT64: sfixed32, fixed32, sfixed64, fixed64 */
    GEE_FORM_UNPACKED,  /* LIST of numbers: a key before each. Both forms are read, whatever the type says */
    GEE_FORM_UNCHECKED  /* STRING of proto2: proto takes bytes that are not UTF-8, too */
} gee_form_t;

/* Types to which ProtoJSON gives a form of their own (google.protobuf). */
typedef enum gee_well_known {
    GEE_WELL_KNOWN_NONE = 0,
    GEE_WELL_KNOWN_ANY,
    GEE_WELL_KNOWN_DURATION,
    GEE_WELL_KNOWN_EMPTY,
    GEE_WELL_KNOWN_FIELD_MASK,
    GEE_WELL_KNOWN_LIST_VALUE,
    GEE_WELL_KNOWN_NULL_VALUE, /* the enum */
    GEE_WELL_KNOWN_STRUCT,
    GEE_WELL_KNOWN_TIMESTAMP,
    GEE_WELL_KNOWN_VALUE,
    GEE_WELL_KNOWN_WRAPPER /* BoolValue, Int32Value, ... */
} gee_well_known_t;

#define GEE_FIELD_OMIT_EMPTY 1u /* not written when zero, empty or absent (JSON; bin and gob never write zeros) */
/* One of several members of which at most one is set: `selector` has the tag of the set member. */
#define GEE_FIELD_ONEOF    2u
#define GEE_FIELD_REQUIRED 4u /* proto2's required: an optional that proto and ProtoJSON refuse to leave out */

/* What few fields have. */
typedef struct gee_field_more {
    const char *json_name;    /* ProtoJSON's name; null: as gee_field_t has it */
    const char *default_text; /* proto2's default, as FieldDescriptorProto has it; null: none */
    const char *oneof;        /* name of the oneof; null: none */
} gee_field_more_t;

typedef struct gee_field {
    const char *name;
    uint32_t tag;
    uint16_t flags;
    uint16_t name_length; /* of the name; 0: not known. Read through gee_field_name() */
    uint32_t offset;
    uint32_t selector; /* GEE_FIELD_ONEOF: offset of the selector, four bytes that hold the tag of the set member */
    const gee_type_t *type;
    const gee_field_more_t *more; /* null: nothing */
} gee_field_t;

typedef struct gee_enum_value {
    const char *name;
    int32_t number;
} gee_enum_value_t;

#define GEE_TYPE_KEEPS_UNKNOWN 1u /* struct: fields that the type does not know are kept at unknown_offset (proto) */
#define GEE_TYPE_REQUIRED      2u /* struct: some field is GEE_FIELD_REQUIRED */
#define GEE_TYPE_CLOSED        4u /* enum of proto2: proto takes a number without a name for an unknown field */

struct gee_type {
    gee_kind_t kind;
    uint8_t form;       /* gee_form_t */
    uint8_t well_known; /* gee_well_known_t */
    uint16_t flags;
    const char *name;          /* "int64", "Args"; "" for lists, maps and optionals */
    size_t size;               /* of the value in memory */
    const gee_field_t *fields; /* struct */
    size_t field_count;
    const gee_type_t *element; /* list, map, optional */
    size_t value_offset;       /* map: of the value inside an entry; the key is at the entry's beginning */
    size_t entry_size;         /* map: of one entry */
    /* This description, and all that it refers to, stay as long as the program runs: codecs may remember things by
     * its address (gob keeps decoding plans). Set by the macros below; not set in descriptions made at run time. */
    bool lasting;
    uint32_t length;       /* list: exactly so many items, Go's array; 0: any number */
    const gee_type_t *key; /* map: BOOL, INT32, INT64, UINT32, UINT64 or STRING; null: gee_str_t */
    const char *full_name; /* struct, enum: protobuf's name, "package.Name"; null: the name */
    size_t unknown_offset; /* GEE_TYPE_KEEPS_UNKNOWN: of a gee_bytes_t, the unknown fields as they came */
    /* Enum: by number, ascending; of several names for one number the one to be written comes first. by_name: the
     * positions in `values` by name, ascending; may be null for up to GEE_ENUM_FEW values. */
    const gee_enum_value_t *values;
    const uint32_t *by_name;
    size_t value_count;
};

#define GEE_ENUM_FEW 64

static inline gee_str_t gee_field_name(const gee_field_t *field) {
    gee_str_t name;
    if (field->name_length == 0)
        return gee_str(field->name);
    name.data = field->name;
    name.length = field->name_length;
    return name;
}

/* ---- oneofs: members that share a place, and the selector that says which of them is set ---- */

/* True unless another member of the field's oneof is set, or none. Every reader of a struct asks before it looks at
 * the member. */
static inline bool gee_field_is_set(const gee_field_t *field, const void *base) {
    return !(field->flags & GEE_FIELD_ONEOF) ||
           *(const uint32_t *)(const void *)((const char *)base + field->selector) == field->tag;
}
/* For decoders: the member's place. Of a oneof the member becomes the set one, zeroed if it was not. */
static inline void *gee_field_choose(const gee_field_t *field, void *base) {
    void *member = (char *)base + field->offset;
    if (!gee_field_is_set(field, base)) {
        memset(member, 0, field->type->size);
        *(uint32_t *)(void *)((char *)base + field->selector) = field->tag;
    }
    return member;
}

/* The in-memory shape shared by every list, and by every map. */
typedef struct gee_list_value {
    void *items;
    size_t count;
} gee_list_value_t;

#define GEE_LIST_OF(T)                                                                                                 \
    struct {                                                                                                           \
        T *items;                                                                                                      \
        size_t count;                                                                                                  \
    }
#define GEE_MAP_OF(T)                                                                                                  \
    struct {                                                                                                           \
        struct {                                                                                                       \
            gee_str_t key;                                                                                             \
            T value;                                                                                                   \
        } * items;                                                                                                     \
        size_t count;                                                                                                  \
    }
#define GEE_KEYED_MAP_OF(K, T)                                                                                         \
    struct {                                                                                                           \
        struct {                                                                                                       \
            K key;                                                                                                     \
            T value;                                                                                                   \
        } * items;                                                                                                     \
        size_t count;                                                                                                  \
    }
#define GEE_OPTIONAL_OF(T) T *

/* Numbers and strings that protobuf writes in another form. The names stand in rows and in types of lists, maps and
 * optionals: GEE_LIST_TYPE(gee_sint32_t) describes GEE_LIST_OF(int32_t) as `repeated sint32`. */
typedef int32_t gee_sint32_t, gee_sfixed32_t;
typedef int64_t gee_sint64_t, gee_sfixed64_t;
typedef uint32_t gee_fixed32_t;
typedef uint64_t gee_fixed64_t;
typedef gee_str_t gee_proto2_str_t; /* GEE_FORM_UNCHECKED */

/* ---- the scalar types, by the name of their C type, for GEE_METHOD("…", f, args_t, int64_t, …) ---- */
#pragma GCC visibility push(default) /* libgeerpc exports what follows */
extern const gee_type_t gee_type_of_bool;
extern const gee_type_t gee_type_of_int32_t;
extern const gee_type_t gee_type_of_int64_t;
extern const gee_type_t gee_type_of_uint32_t;
extern const gee_type_t gee_type_of_uint64_t;
extern const gee_type_t gee_type_of_float;
extern const gee_type_t gee_type_of_double;
extern const gee_type_t gee_type_of_gee_str_t;
extern const gee_type_t gee_type_of_gee_bytes_t;
extern const gee_type_t gee_type_of_gee_sint32_t;
extern const gee_type_t gee_type_of_gee_sint64_t;
extern const gee_type_t gee_type_of_gee_fixed32_t;
extern const gee_type_t gee_type_of_gee_fixed64_t;
extern const gee_type_t gee_type_of_gee_sfixed32_t;
extern const gee_type_t gee_type_of_gee_sfixed64_t;
extern const gee_type_t gee_type_of_gee_proto2_str_t;
extern const gee_type_t gee_type_of_gee_empty_t; /* a struct without fields */
#pragma GCC visibility pop
#define gee_type_of__Bool gee_type_of_bool /* `bool` after macro expansion */

/* For a method without arguments or without a reply, as C has no empty structure. */
typedef struct gee_empty {
    char unused;
} gee_empty_t;

#define GEE_TYPE_OF(T) (&gee_type_of_##T)

/* ---- declaring a struct: in C, and in C++ for structs that C could have ---- */
/* Initialisers here name no members: C++ has designated initialisers since 2020 only. */
#define GEE_MAYBE_UNUSED_TYPE __attribute__((unused)) static const gee_type_t
#define GEE_STRUCT_INITIALISER(T, name, full_name, flags, well_known, unknown_offset, fields, count)                   \
    {                                                                                                                  \
        GEE_KIND_STRUCT, GEE_FORM_PLAIN, well_known, flags, name, sizeof(T), fields, count, NULL, 0, 0, true, 0, NULL, \
            full_name, unknown_offset, NULL, NULL, 0                                                                   \
    }
#define GEE_STRUCT(T, type_name, ...)                                                                                  \
    static const gee_field_t gee_fields_of_##T[] = { __VA_ARGS__ };                                                    \
    GEE_MAYBE_UNUSED_TYPE gee_type_of_##T =                                                                            \
        GEE_STRUCT_INITIALISER(T, type_name, NULL, 0, GEE_WELL_KNOWN_NONE, 0, gee_fields_of_##T,                       \
                               sizeof(gee_fields_of_##T) / sizeof(gee_field_t))
/* The same, and protobuf's fields that no row describes are kept in `member`, a gee_bytes_t, and written again. */
#define GEE_STRUCT_KEEPING(T, type_name, member, ...)                                                                  \
    static const gee_field_t gee_fields_of_##T[] = { __VA_ARGS__ };                                                    \
    GEE_MAYBE_UNUSED_TYPE gee_type_of_##T =                                                                            \
        GEE_STRUCT_INITIALISER(T, type_name, NULL, GEE_TYPE_KEEPS_UNKNOWN, GEE_WELL_KNOWN_NONE,                        \
                               offsetof(T, member) + GEE_CHECKED(T, member, gee_bytes_t), gee_fields_of_##T,           \
                               sizeof(gee_fields_of_##T) / sizeof(gee_field_t))
/* Before a GEE_STRUCT that refers to itself through a list, map or optional (in C only):
 *   typedef struct node { GEE_LIST_OF(struct node) children; } node_t;
 *   GEE_RECURSIVE(node_t);  GEE_LIST_TYPE(node_t);  GEE_STRUCT(node_t, "Node", GEE_LIST(node_t, children, ...)); */
#define GEE_RECURSIVE(T) GEE_MAYBE_UNUSED_TYPE gee_type_of_##T

/* ---- declaring an enum ----
 *   typedef enum color { COLOR_RED, COLOR_GREEN } color_t;
 *   GEE_ENUM_TYPE(color_t, "Color", 0, { "RED", COLOR_RED }, { "GREEN", COLOR_GREEN });
 * flags: GEE_TYPE_CLOSED or 0. Numbers ascend. A member may be color_t, or the type be made for int32_t's typedef. */
#define GEE_ENUM_INITIALISER(E, name, full_name, flags, well_known, values, by_name, count)                            \
    {                                                                                                                  \
        GEE_KIND_ENUM, GEE_FORM_PLAIN, well_known, flags, name, sizeof(E) + GEE_CHECKED_ENUM(E), NULL, 0, NULL, 0, 0,  \
            true, 0, NULL, full_name, 0, values, by_name, count                                                        \
    }
#define GEE_ENUM_TYPE(E, type_name, flags, ...)                                                                        \
    static const gee_enum_value_t gee_values_of_##E[] = { __VA_ARGS__ };                                               \
    GEE_MAYBE_UNUSED_TYPE gee_type_of_##E =                                                                            \
        GEE_ENUM_INITIALISER(E, type_name, NULL, flags, GEE_WELL_KNOWN_NONE, gee_values_of_##E, NULL,                  \
                             sizeof(gee_values_of_##E) / sizeof(gee_enum_value_t))

/* GEE_CHECKED: zero, and a compile error when the member's type is not C. */
#ifdef __cplusplus
extern "C++" {
template <class Member, class C> struct gee_checked_type; /* no definition: the types differ */
template <class C> struct gee_checked_type<C, C> { static constexpr size_t zero = 0; };
template <class C> struct gee_checked_type<C &, C> { static constexpr size_t zero = 0; };
template <bool holds> struct gee_condition; /* no definition: the condition does not hold */
template <> struct gee_condition<true> { static constexpr size_t zero = 0; };
template <class K, class C> struct gee_map_entry {
    K key;
    C value;
};
}
#define GEE_CHECKED(T, member, C) (gee_checked_type<decltype(((T *)0)->member), C>::zero)
#define GEE_MAP_ENTRY(K, C)       gee_map_entry<K, C>
#define GEE_HOLDS(condition)      (gee_condition<(condition)>::zero)
#else
#define GEE_MEMBER_TYPE(T, member) __typeof__(((T *)0)->member)
#define GEE_CHECKED(T, member, C)                                                                                      \
    (0 * sizeof(struct {                                                                                               \
         _Static_assert(__builtin_types_compatible_p(GEE_MEMBER_TYPE(T, member), C),                                   \
                        "member " #member " of " #T " is not declared " #C);                                           \
         char unused;                                                                                                  \
     }))
#define GEE_MAP_ENTRY(K, C)                                                                                            \
    struct {                                                                                                           \
        K key;                                                                                                         \
        C value;                                                                                                       \
    }
/* Zero, and a compile error when the condition does not hold. */
#define GEE_HOLDS(condition)                                                                                           \
    (0 * sizeof(struct {                                                                                               \
         _Static_assert(condition, #condition);                                                                        \
         char unused;                                                                                                  \
     }))
#endif
#define GEE_CHECKED_ENUM(E) GEE_HOLDS(sizeof(E) == sizeof(int32_t))
#define GEE_FIELD_ROW(T, member, field_name, field_tag, field_type, check, field_flags)                                \
    GEE_FIELD_INITIALISER(T, member, field_name, field_tag, field_flags, 0, field_type, check, NULL)
/* A whole row, for generated code. `selector`: the member's offset, with GEE_FIELD_ONEOF. */
#define GEE_FIELD_INITIALISER(T, member, name, tag, flags, selector, type, check, more)                                \
    { name, tag, flags, sizeof(name) - 1, offsetof(T, member) + (check), selector, type, more }
#define GEE_SCALAR(T, member, name, tag, C)                                                                            \
    GEE_FIELD_ROW(T, member, name, tag, &gee_type_of_##C, GEE_CHECKED(T, member, C), 0)

#define GEE_BOOL(T, member, name, tag)                                                                                 \
    GEE_FIELD_ROW(T, member, name, tag, &gee_type_of_bool, GEE_CHECKED(T, member, bool), 0)
#define GEE_INT32(T, member, name, tag)  GEE_SCALAR(T, member, name, tag, int32_t)
#define GEE_INT64(T, member, name, tag)  GEE_SCALAR(T, member, name, tag, int64_t)
#define GEE_UINT32(T, member, name, tag) GEE_SCALAR(T, member, name, tag, uint32_t)
#define GEE_UINT64(T, member, name, tag) GEE_SCALAR(T, member, name, tag, uint64_t)
#define GEE_FLOAT(T, member, name, tag)  GEE_SCALAR(T, member, name, tag, float)
#define GEE_DOUBLE(T, member, name, tag) GEE_SCALAR(T, member, name, tag, double)
#define GEE_STRING(T, member, name, tag) GEE_SCALAR(T, member, name, tag, gee_str_t)
#define GEE_BYTES(T, member, name, tag)  GEE_SCALAR(T, member, name, tag, gee_bytes_t)
/* An enum whose GEE_ENUM_TYPE stands above, and the same numbers in protobuf's other forms. */
#define GEE_ENUM(T, member, name, tag, E)  GEE_SCALAR(T, member, name, tag, E)
#define GEE_SINT32(T, member, name, tag)   GEE_SCALAR(T, member, name, tag, gee_sint32_t)
#define GEE_SINT64(T, member, name, tag)   GEE_SCALAR(T, member, name, tag, gee_sint64_t)
#define GEE_FIXED32(T, member, name, tag)  GEE_SCALAR(T, member, name, tag, gee_fixed32_t)
#define GEE_FIXED64(T, member, name, tag)  GEE_SCALAR(T, member, name, tag, gee_fixed64_t)
#define GEE_SFIXED32(T, member, name, tag) GEE_SCALAR(T, member, name, tag, gee_sfixed32_t)
#define GEE_SFIXED64(T, member, name, tag) GEE_SCALAR(T, member, name, tag, gee_sfixed64_t)
/* A nested struct whose own GEE_STRUCT stands above. */
#define GEE_NESTED(T, member, name, tag, C) GEE_SCALAR(T, member, name, tag, C)

/* A member of a union of which at most one member is set; `selector` is a member of T of four bytes that holds the tag
 * of the set one, 0: none.
 *   typedef struct shape { uint32_t which; union { double radius; side_t side; } is; } shape_t;
 *   GEE_STRUCT(shape_t, "Shape", GEE_ONEOF(shape_t, which, is.radius, "Radius", 1, double),
 *              GEE_ONEOF(shape_t, which, is.side, "Side", 2, side_t)); */
#define GEE_ONEOF(T, selector, member, name, tag, C)                                                                   \
    GEE_ONEOF_AS(T, selector, member, name, tag, &gee_type_of_##C, GEE_CHECKED(T, member, C))
/* An optional in a oneof, as recursive types need: the member is C *. */
#define GEE_ONEOF_OPTIONAL(T, selector, member, name, tag, C, type)                                                    \
    GEE_ONEOF_AS(T, selector, member, name, tag, &(type), GEE_CHECKED(T, member, C *))
#define GEE_ONEOF_AS(T, selector, member, name, tag, type, check)                                                      \
    {                                                                                                                  \
        name, tag, GEE_FIELD_ONEOF, sizeof(name) - 1, offsetof(T, member) + (check),                                   \
            offsetof(T, selector) + GEE_HOLDS(sizeof(((T *)0)->selector) == sizeof(uint32_t)), type, NULL              \
    }

/* Lists, maps and optionals: `type` names a gee_type_t made by GEE_LIST_TYPE, GEE_MAP_TYPE or GEE_OPTIONAL_TYPE; C is
 * the element's C type. */
#define GEE_LIST(T, member, name, tag, C, type)                                                                        \
    GEE_FIELD_ROW(T, member, name, tag, &(type), GEE_CHECKED_LIST(T, member., C), 0)
#define GEE_MAP(T, member, name, tag, C, type)                                                                         \
    GEE_FIELD_ROW(T, member, name, tag, &(type), GEE_CHECKED_MAP(T, member., gee_str_t, C), 0)
#define GEE_KEYED_MAP(T, member, name, tag, K, C, type)                                                                \
    GEE_FIELD_ROW(T, member, name, tag, &(type), GEE_CHECKED_MAP(T, member., K, C), 0)
#define GEE_OPTIONAL(T, member, name, tag, C, type)                                                                    \
    GEE_FIELD_ROW(T, member, name, tag, &(type), GEE_CHECKED(T, member, C *), 0)
#define GEE_CHECKED_LIST(T, prefix, C) (GEE_CHECKED(T, prefix items[0], C) + GEE_CHECKED(T, prefix count, size_t))
#define GEE_CHECKED_MAP(T, prefix, K, C)                                                                               \
    (GEE_CHECKED(T, prefix items[0].value, C) + GEE_CHECKED(T, prefix items[0].key, K) +                               \
     GEE_CHECKED(T, prefix count, size_t))

#define GEE_ELEMENT_INITIALISER(kind, form, size, element, value_offset, entry_size, length, key)                      \
    {                                                                                                                  \
        kind, form, GEE_WELL_KNOWN_NONE, 0, "", size, NULL, 0, element, value_offset, entry_size, true, length, key,   \
            NULL, 0, NULL, NULL, 0                                                                                     \
    }
#define GEE_LIST_INITIALISER(form, size, C, length)                                                                    \
    GEE_ELEMENT_INITIALISER(GEE_KIND_LIST, form, size, &gee_type_of_##C, 0, 0, length, NULL)
#define GEE_MAP_INITIALISER(size, K, C)                                                                                \
    GEE_ELEMENT_INITIALISER(GEE_KIND_MAP, GEE_FORM_PLAIN, size, &gee_type_of_##C,                                      \
                            offsetof(GEE_MAP_ENTRY(K, C), value), sizeof(GEE_MAP_ENTRY(K, C)), 0, &gee_type_of_##K)
/* GEE_LIST_TYPE(int64_t) makes static const gee_type_t gee_list_of_int64_t; gee_type_of_int64_t must be declared
 * above. */
#define GEE_LIST_TYPE(C)                                                                                               \
    GEE_MAYBE_UNUSED_TYPE gee_list_of_##C = GEE_LIST_INITIALISER(GEE_FORM_PLAIN, sizeof(gee_list_value_t), C, 0)
/* gee_unpacked_list_of_int64_t: numbers that protobuf writes with a key before each. */
#define GEE_UNPACKED_LIST_TYPE(C)                                                                                      \
    GEE_MAYBE_UNUSED_TYPE gee_unpacked_list_of_##C =                                                                   \
        GEE_LIST_INITIALISER(GEE_FORM_UNPACKED, sizeof(gee_list_value_t), C, 0)
/* gee_array_of_3_int64_t: a list of exactly 3, in gob Go's [3]int64. */
#define GEE_ARRAY_TYPE(C, length)                                                                                      \
    GEE_MAYBE_UNUSED_TYPE gee_array_of_##length##_##C =                                                                \
        GEE_LIST_INITIALISER(GEE_FORM_PLAIN, sizeof(gee_list_value_t), C, length)
#define GEE_MAP_TYPE(C)                                                                                                \
    GEE_MAYBE_UNUSED_TYPE gee_map_of_##C = GEE_MAP_INITIALISER(sizeof(gee_list_value_t), gee_str_t, C)
/* gee_map_of_int32_t_to_C */
#define GEE_KEYED_MAP_TYPE(K, C)                                                                                       \
    GEE_MAYBE_UNUSED_TYPE gee_map_of_##K##_to_##C = GEE_MAP_INITIALISER(sizeof(gee_list_value_t), K, C)
#define GEE_OPTIONAL_TYPE(C)                                                                                           \
    GEE_MAYBE_UNUSED_TYPE gee_optional_of_##C =                                                                        \
        GEE_ELEMENT_INITIALISER(GEE_KIND_OPTIONAL, GEE_FORM_PLAIN, sizeof(void *), &gee_type_of_##C, 0, 0, 0, NULL)
/* A list or map type under a name of its own, so that a method can have the list or map itself as its argument or
 * reply, and the list can be an element again:
 *   typedef GEE_LIST_OF(double) row_t;  GEE_LIST_TYPE_AS(row_t, double);  GEE_METHOD("Sum", sum, row_t, double, 0)
 *   GEE_LIST_TYPE(row_t);  makes a matrix.
 *   typedef GEE_MAP_OF(int64_t) counts_t;  GEE_MAP_TYPE_AS(counts_t, int64_t); */
#define GEE_LIST_TYPE_AS(T, C)                                                                                         \
    GEE_MAYBE_UNUSED_TYPE gee_type_of_##T =                                                                            \
        GEE_LIST_INITIALISER(GEE_FORM_PLAIN, sizeof(T) + GEE_CHECKED_LIST(T, , C), C, 0)
#define GEE_MAP_TYPE_AS(T, C)                                                                                          \
    GEE_MAYBE_UNUSED_TYPE gee_type_of_##T =                                                                            \
        GEE_MAP_INITIALISER(sizeof(T) + GEE_CHECKED_MAP(T, , gee_str_t, C), gee_str_t, C)

#pragma GCC visibility push(default) /* libgeerpc exports what follows */

/* Checks a description that was not made by the macros (received from a peer): kinds, tags unique and in range, names
 * unique, offsets inside the size, depth. Also called for every service at start. Returns null, or a static text that
 * says what is wrong. */
const char *gee_type_check(const gee_type_t *type);
/* The same for many types, each looked at once. *flawed: the type with the flaw, one of these or within; null: no
 * single type. */
const char *gee_type_check_all(const gee_type_t *const *types, size_t count, const gee_type_t **flawed);
/* Exact, then by json_name, then ignoring case (as Go). */
const gee_field_t *gee_type_field_by_name(const gee_type_t *type, gee_str_t name);
/* An enum's value by number (the name to be written) or by name (exact); null: there is none. */
const gee_enum_value_t *gee_type_enum_by_number(const gee_type_t *type, int32_t number);
const gee_enum_value_t *gee_type_enum_by_name(const gee_type_t *type, gee_str_t name);
/* The type of a map's keys. */
static inline const gee_type_t *gee_type_key(const gee_type_t *map) {
    return map->key ? map->key : &gee_type_of_gee_str_t;
}
bool gee_type_is_zero(const gee_type_t *type, const void *value); /* false, 0, "", empty, absent; struct: all fields */
/* Equal in value, for tests of round trips. NaN equals NaN, the order of a map's entries does not count. */
bool gee_type_equal(const gee_type_t *type, const void *a, const void *b);
/* The name of the type in texts: "int64", "Args", "list". */
const char *gee_type_label(const gee_type_t *type);

#pragma GCC visibility pop

#endif
