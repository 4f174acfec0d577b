/* names.c: names in C: what a .proto may call things and C may not, and names that are taken. */
#include <ctype.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>

#include "tools/protoc_gen_geerpc/generator.h"

/* Keywords of C and C++, and what common headers or compilers define as macros: each between two spaces. */
static const char reserved[] =
    " BUFSIZ DIR EOF FALSE FILE INFINITY INT32_MAX INT32_MIN INT64_MAX INT64_MIN NAN NULL SIZE_MAX TRUE UINT32_MAX "
    "UINT64_MAX _Alignas _Alignof _Atomic _Bool _Complex _Generic _Imaginary _Noreturn _Static_assert "
    "_Thread_local alignas alignof and and_eq asm assert auto bitand bitor bool break case catch char char16_t "
    "char32_t char8_t class co_await co_return co_yield compl concept const const_cast consteval constexpr "
    "constinit continue decltype default delete do double dynamic_cast else enum errno explicit export extern "
    "false float for friend goto i386 if inline int int16_t int32_t int64_t int8_t linux long main mutable "
    "namespace new noexcept not not_eq nullptr offsetof operator or or_eq private protected public register "
    "reinterpret_cast requires restrict return short signed size_t sizeof static static_assert static_cast "
    "stderr stdin stdout struct switch template this thread_local throw true try typedef typeid typename "
    "typeof uint16_t uint32_t uint64_t uint8_t union unix unsigned using virtual void volatile wchar_t while "
    "xor xor_eq ";

bool gee_gen_is_reserved(const char *name) {
    return strstr(reserved, gee_gen_print(" %s ", name)) != NULL;
}

char *gee_gen_joined(gee_str_t name) {
    char *joined = gee_gen_print("%.*s", GEE_STR_ARGUMENTS(name));
    for (char *at = joined; *at; at++)
        if (!isalnum((unsigned char)*at))
            *at = '_';
    return joined;
}

/* ---- names of the file scope ---- */

typedef struct taken {
    const char *name, *by;
} taken_t;

static int compare_taken(const void *a, const void *b) {
    return strcmp(((const taken_t *)a)->name, ((const taken_t *)b)->name);
}

static const taken_t *find(const generator_t *generator, const char *name) {
    taken_t key = { .name = name, .by = NULL };
    taken_t *const *found = tfind(&key, &generator->taken, compare_taken);
    return found ? *found : NULL;
}

static void take(generator_t *generator, const char *name, const char *by) {
    taken_t *taken = gee_gen_alloc(sizeof(*taken));
    *taken = (taken_t){ .name = name, .by = by };
    if (tsearch(taken, &generator->taken, compare_taken) == NULL)
        abort(); /* out of memory */
}

const char *gee_gen_claim(generator_t *generator, const file_t *file, const char *full_name, char *name) {
    if (gee_gen_is_reserved(name))
        name = gee_gen_print("%s_", name);
    const taken_t *taken = find(generator, name);
    if (taken != NULL)
        gee_gen_fail(generator, file, "%s and %s are both %s in C: rename one of them", full_name, taken->by, name);
    else
        take(generator, name, full_name);
    return name;
}

const char *gee_gen_claim_free(generator_t *generator, char *name) {
    while (gee_gen_is_reserved(name) || find(generator, name) != NULL)
        name = gee_gen_print("%s_", name);
    take(generator, name, name);
    return name;
}

/* ---- names inside a struct ---- */

static bool is_member(const member_names_t *members, const char *name) {
    for (size_t i = 0; i < members->count; i++)
        if (strcmp(members->names[i], name) == 0)
            return true;
    return false;
}

/* C++ refuses a member with the name of its struct, or of a type that the struct uses: the names of those are among
 * the members' from the beginning. */
const char *gee_gen_member(member_names_t *members, gee_str_t name) {
    char *member = gee_gen_print("%.*s", GEE_STR_ARGUMENTS(name));
    while (gee_gen_is_reserved(member) || is_member(members, member))
        member = gee_gen_print("%s_", member);
    members->names[members->count++] = member;
    return member;
}

char *gee_gen_value_name(const symbol_t *enumeration, gee_str_t value) {
    return gee_gen_print("%s_%.*s", enumeration->c_name, GEE_STR_ARGUMENTS(value));
}

gee_str_t gee_gen_simple_name(const symbol_t *symbol) {
    return symbol->message ? symbol->message->name : symbol->enumeration->name;
}
