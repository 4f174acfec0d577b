/* type.h: the description of a C type, which every codec reads, as codecs in Go use reflection.
 *
 *   typedef struct { int64_t a, b; } args_t;
 *   GEE_STRUCT(args_t, "Args", GEE_INT64(args_t, a, "A", 1), GEE_INT64(args_t, b, "B", 2));
 *
 * makes gee_type_of_args_t. Each field row has C member, name on the wire (JSON, gob) and tag (bin: protobuf's field
 * number, 1 to 536870911, not 19000 to 19999). The C type of each member is checked at compile time.
 *
 * In memory: strings and bytes are views (gee_str_t, gee_bytes_t), lists { items, count }, maps the same with entries
 * { gee_str_t key; value }, optionals a pointer, null when absent. Decoded values point into the call's pool.
 * Public: geerpc.h includes it. */
#ifndef GEE_TYPE_TYPE_H
#define GEE_TYPE_TYPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/str.h"

typedef enum gee_kind {
    GEE_KIND_BOOL = 1, /* bool */
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
    GEE_KIND_MAP,     /* GEE_MAP_OF(T): string to element */
    GEE_KIND_OPTIONAL /* T *: element */
} gee_kind_t;

typedef struct gee_type gee_type_t;

#define GEE_FIELD_OMIT_EMPTY 1u /* not written when zero, empty or absent (JSON; bin and gob never write zeros) */

typedef struct gee_field {
    const char *name;
    uint32_t tag;
    uint16_t flags;
    uint16_t name_length; /* of the name; 0: not known. Read through gee_field_name() */
    size_t offset;
    const gee_type_t *type;
} gee_field_t;

struct gee_type {
    gee_kind_t kind;
    const char *name;          /* "int64", "Args"; "" for lists, maps and optionals */
    size_t size;               /* of the value in memory */
    const gee_field_t *fields; /* struct */
    size_t field_count;
    const gee_type_t *element; /* list, map, optional */
    size_t value_offset;       /* map: of the value inside an entry */
    size_t entry_size;         /* map: of one entry */
    /* This description, and all that it refers to, stay as long as the program runs: codecs may remember things by
     * its address (gob keeps decoding plans). Set by the macros below; not set in descriptions made at run time. */
    bool lasting;
};

static inline gee_str_t gee_field_name(const gee_field_t *field) {
    gee_str_t name;
    if (field->name_length == 0)
        return gee_str(field->name);
    name.data = field->name;
    name.length = field->name_length;
    return name;
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
#define GEE_OPTIONAL_OF(T) T *

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
#define GEE_STRUCT(T, type_name, ...)                                                                                  \
    static const gee_field_t gee_fields_of_##T[] = { __VA_ARGS__ };                                                    \
    GEE_MAYBE_UNUSED_TYPE gee_type_of_##T = { GEE_KIND_STRUCT,                                                         \
                                              type_name,                                                               \
                                              sizeof(T),                                                               \
                                              gee_fields_of_##T,                                                       \
                                              sizeof(gee_fields_of_##T) / sizeof(gee_field_t),                         \
                                              NULL,                                                                    \
                                              0,                                                                       \
                                              0,                                                                       \
                                              true }

/* GEE_CHECKED: zero, and a compile error when the member's type is not C. */
#ifdef __cplusplus
extern "C++" {
template <class Member, class C> struct gee_checked_type; /* no definition: the types differ */
template <class C> struct gee_checked_type<C, C> { static constexpr size_t zero = 0; };
template <class C> struct gee_checked_type<C &, C> { static constexpr size_t zero = 0; };
template <class C> struct gee_map_entry {
    gee_str_t key;
    C value;
};
}
#define GEE_CHECKED(T, member, C) (gee_checked_type<decltype(((T *)0)->member), C>::zero)
#define GEE_MAP_ENTRY(C)          gee_map_entry<C>
#else
#define GEE_MEMBER_TYPE(T, member) __typeof__(((T *)0)->member)
#define GEE_CHECKED(T, member, C)                                                                                      \
    (0 * sizeof(struct {                                                                                               \
         _Static_assert(__builtin_types_compatible_p(GEE_MEMBER_TYPE(T, member), C),                                   \
                        "member " #member " of " #T " is not declared " #C);                                           \
         char unused;                                                                                                  \
     }))
#define GEE_MAP_ENTRY(C)                                                                                               \
    struct {                                                                                                           \
        gee_str_t key;                                                                                                 \
        C value;                                                                                                       \
    }
#endif
#define GEE_FIELD_ROW(T, member, field_name, field_tag, field_type, check, field_flags)                                \
    { field_name, field_tag, field_flags, sizeof(field_name) - 1, offsetof(T, member) + (check), field_type }
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
/* A nested struct whose own GEE_STRUCT stands above. */
#define GEE_NESTED(T, member, name, tag, C) GEE_SCALAR(T, member, name, tag, C)

/* Lists, maps and optionals: `type` names a gee_type_t made by GEE_LIST_TYPE, GEE_MAP_TYPE or GEE_OPTIONAL_TYPE; C is
 * the element's C type. */
#define GEE_LIST(T, member, name, tag, C, type)                                                                        \
    GEE_FIELD_ROW(T, member, name, tag, &(type),                                                                       \
                  GEE_CHECKED(T, member.items[0], C) + GEE_CHECKED(T, member.count, size_t), 0)
#define GEE_MAP(T, member, name, tag, C, type)                                                                         \
    GEE_FIELD_ROW(T, member, name, tag, &(type),                                                                       \
                  GEE_CHECKED(T, member.items[0].value, C) + GEE_CHECKED(T, member.items[0].key, gee_str_t) +          \
                      GEE_CHECKED(T, member.count, size_t),                                                            \
                  0)
#define GEE_OPTIONAL(T, member, name, tag, C, type)                                                                    \
    GEE_FIELD_ROW(T, member, name, tag, &(type), GEE_CHECKED(T, member, C *), 0)

#define GEE_ELEMENT_TYPE(kind, size, C, value_offset, entry_size)                                                      \
    { kind, "", size, NULL, 0, &gee_type_of_##C, value_offset, entry_size, true }
/* GEE_LIST_TYPE(int64_t) makes static const gee_type_t gee_list_of_int64_t; gee_type_of_int64_t must be declared
 * above. */
#define GEE_LIST_TYPE(C)                                                                                               \
    GEE_MAYBE_UNUSED_TYPE gee_list_of_##C = GEE_ELEMENT_TYPE(GEE_KIND_LIST, sizeof(gee_list_value_t), C, 0, 0)
#define GEE_MAP_TYPE(C)                                                                                                \
    GEE_MAYBE_UNUSED_TYPE gee_map_of_##C = GEE_ELEMENT_TYPE(                                                           \
        GEE_KIND_MAP, sizeof(gee_list_value_t), C, offsetof(GEE_MAP_ENTRY(C), value), sizeof(GEE_MAP_ENTRY(C)))
#define GEE_OPTIONAL_TYPE(C)                                                                                           \
    GEE_MAYBE_UNUSED_TYPE gee_optional_of_##C = GEE_ELEMENT_TYPE(GEE_KIND_OPTIONAL, sizeof(void *), C, 0, 0)
/* A list or map type under a name of its own, so that a method can have the list or map itself as its argument or
 * reply, and the list can be an element again:
 *   typedef GEE_LIST_OF(double) row_t;  GEE_LIST_TYPE_AS(row_t, double);  GEE_METHOD("Sum", sum, row_t, double, 0)
 *   GEE_LIST_TYPE(row_t);  makes a matrix.
 *   typedef GEE_MAP_OF(int64_t) counts_t;  GEE_MAP_TYPE_AS(counts_t, int64_t); */
#define GEE_LIST_TYPE_AS(T, C)                                                                                         \
    GEE_MAYBE_UNUSED_TYPE gee_type_of_##T = GEE_ELEMENT_TYPE(GEE_KIND_LIST, sizeof(T) + GEE_CHECKED_LIST(T, C), C, 0, 0)
#define GEE_MAP_TYPE_AS(T, C)                                                                                          \
    GEE_MAYBE_UNUSED_TYPE gee_type_of_##T =                                                                            \
        GEE_ELEMENT_TYPE(GEE_KIND_MAP, sizeof(T) + GEE_CHECKED_MAP(T, C), C, offsetof(GEE_MAP_ENTRY(C), value),        \
                         sizeof(GEE_MAP_ENTRY(C)))
#define GEE_CHECKED_LIST(T, C) (GEE_CHECKED(T, items[0], C) + GEE_CHECKED(T, count, size_t))
#define GEE_CHECKED_MAP(T, C)                                                                                          \
    (GEE_CHECKED(T, items[0].value, C) + GEE_CHECKED(T, items[0].key, gee_str_t) + GEE_CHECKED(T, count, size_t))

#pragma GCC visibility push(default) /* libgeerpc exports what follows */

/* Checks a description that was not made by the macros (received from a peer): kinds, tags unique and in range, names
 * unique, offsets inside the size, depth. Also called for every service at start. Returns null, or a static text that
 * says what is wrong. */
const char *gee_type_check(const gee_type_t *type);
const gee_field_t *gee_type_field_by_name(const gee_type_t *type,
                                          gee_str_t name);        /* exact, then ignoring case (as Go) */
bool gee_type_is_zero(const gee_type_t *type, const void *value); /* false, 0, "", empty, absent; struct: all fields */
/* Equal in value, for tests of round trips. NaN equals NaN, the order of a map's entries does not count. */
bool gee_type_equal(const gee_type_t *type, const void *a, const void *b);
/* The name of the type in texts: "int64", "Args", "list". */
const char *gee_type_label(const gee_type_t *type);

#pragma GCC visibility pop

#endif
