"""A service as small as in the documentation compiles; a service whose types do not fit together does not, nor does a
description of a type whose rows do not fit the C type."""
import pathlib
import re
import shutil
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
COMPILERS = [name for name in ("gcc", "clang") if shutil.which(name)]
FLAGS = [
    "-std=gnu11", "-Wall", "-Wextra", "-Wshadow", "-Wconversion", "-Werror", "-I", ROOT / "src", "-I", ROOT / "src/core"
]

EXAMPLE = """
#include <gee.h>

typedef struct { int64_t a, b; } args_t;
GEE_STRUCT(args_t, "Args", GEE_INT64(args_t, a, "A", 1), GEE_INT64(args_t, b, "B", 2));

typedef struct { int64_t quo, rem; } quotient_t;
GEE_STRUCT(quotient_t, "Quotient", GEE_INT64(quotient_t, quo, "Quo", 1), GEE_INT64(quotient_t, rem, "Rem", 2));

static void multiply(gee_call_t *call, const args_t *args, int64_t *product) {
    *product = args->a * args->b;
    gee_reply(call);
}
static void divide(gee_call_t *call, const args_t *args, quotient_t *q) {
    if (args->b == 0) { gee_fail(call, GEE_INVALID_ARGUMENT, "divide by zero"); return; }
    *q = (quotient_t){ args->a / args->b, args->a % args->b };
    gee_reply(call);
}
GEE_SERVICE(service_arith, "Arith",
    GEE_METHOD("Multiply", multiply, args_t, int64_t, GEE_IDEMPOTENT),
    GEE_METHOD("Divide", divide, args_t, quotient_t, GEE_IDEMPOTENT));
"""

# Bare lists and maps, timers, calls of other services.
LATER = """
#include <gee/service.h>

typedef GEE_LIST_OF(gee_str_t) words_t;
GEE_LIST_TYPE_AS(words_t, gee_str_t);
typedef GEE_MAP_OF(int64_t) counts_t;
GEE_MAP_TYPE_AS(counts_t, int64_t);

static void counted(gee_call_t *call, const gee_status_t *status, const counts_t *counts, void *data) {
    *(counts_t *)data = *counts;
    if (status->code == GEE_OK) gee_reply(call);
}
static void ring(gee_call_t *call, void *data) { (void)data; gee_reply(call); }
static void count(gee_call_t *call, const words_t *words, counts_t *counts) {
    if (GEE_CALL_OTHER(call, GEE_STR("Far.Count"), words_t, words, counts_t, counted, counts, NULL) != 0)
        (void)gee_call_after(call, GEE_SECOND, ring, counts);
}
GEE_SERVICE(service_later, "Later", GEE_METHOD("Count", count, words_t, counts_t, 0));
"""


def compile_with(compiler, tmp_path, source):
    path = tmp_path / "service.c"
    path.write_text(source)
    return subprocess.run(
        [compiler, *FLAGS, "-c", path, "-o", tmp_path / "service.o"], capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize("compiler", COMPILERS)
@pytest.mark.parametrize("source", [EXAMPLE, LATER])
def test_the_example_compiles(compiler, source, tmp_path):
    done = compile_with(compiler, tmp_path, source)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("compiler", COMPILERS)
@pytest.mark.parametrize(
    "right, wrong, complaint",
    [
        # The handler takes another reply, another argument, a writable argument; or returns a value.
        ("divide, args_t, quotient_t", "divide, args_t, int64_t", "handler divide must be"),
        ("divide, args_t, quotient_t", "divide, quotient_t, quotient_t", "handler divide must be"),
        ("const args_t *args, quotient_t", "args_t *args, quotient_t", "handler divide must be"),
        ("static void divide", "static int divide", "handler divide must be"),
        # A member is not of the type that its row says.
        ("{ int64_t a, b; }", "{ int64_t a; int32_t b; }", "member b of args_t is not declared int64_t"),
        ('GEE_INT64(quotient_t, rem, "Rem", 2)', 'GEE_STRING(quotient_t, rem, "Rem", 2)', "member rem of quotient_t"),
    ],
)
def test_types_that_do_not_fit_do_not_compile(compiler, tmp_path, right, wrong, complaint):
    assert right in EXAMPLE
    done = compile_with(compiler, tmp_path, EXAMPLE.replace(right, wrong))
    assert done.returncode != 0
    assert complaint in done.stderr


@pytest.mark.parametrize("compiler", COMPILERS)
@pytest.mark.parametrize(
    "right, wrong, complaint",
    [
        ("GEE_LIST_OF(gee_str_t)", "GEE_LIST_OF(gee_bytes_t)", "items\\[0\\] of words_t is not declared gee_str_t"),
        ("GEE_MAP_OF(int64_t)", "GEE_MAP_OF(int32_t)", "member items\\[0\\].value of counts_t is not declared int64_t"),
        ("GEE_MAP_OF(int64_t)", "GEE_LIST_OF(int64_t)", "counts_t|member"),
        ("words_t, words, counts_t", "words_t, counts, counts_t", "argument counts must be a pointer to words_t"),
        ("words_t, words, counts_t", "counts_t, words, counts_t", "argument words must be a pointer to counts_t"),
        ("words, counts_t, counted", "words, words_t, counted", "counted must be void \\(gee_call_t \\*, .*words_t"),
        ("const counts_t *counts, void", "counts_t *counts, void", "counted must be"),
        ("ring(gee_call_t *call, void *data) { (void)data; ", "ring(gee_call_t *call) { ", "ring"),
    ],
)
def test_what_goes_on_with_other_types_does_not_compile(compiler, tmp_path, right, wrong, complaint):
    assert right in LATER
    done = compile_with(compiler, tmp_path, LATER.replace(right, wrong))
    assert done.returncode != 0
    assert re.search(complaint, done.stderr), done.stderr


# Every macro of type.h, in C and in C++.
KINDS = """
#include "core/type/type.h"

typedef enum color { COLOR_RED, COLOR_GREEN } color_t;
GEE_ENUM_TYPE(color_t, "Color", 0, { "RED", COLOR_RED }, { "GREEN", COLOR_GREEN });
typedef struct side { double length; } side_t;
GEE_STRUCT(side_t, "Side", GEE_DOUBLE(side_t, length, "Length", 1));
GEE_LIST_TYPE(int64_t);
GEE_UNPACKED_LIST_TYPE(int32_t);
GEE_ARRAY_TYPE(double, 3);
GEE_MAP_TYPE(side_t);
GEE_KEYED_MAP_TYPE(uint32_t, color_t);
GEE_KEYED_MAP_TYPE(bool, gee_str_t);
GEE_OPTIONAL_TYPE(double);
GEE_OPTIONAL_TYPE(side_t);
typedef GEE_LIST_OF(float) row_t;
GEE_LIST_TYPE_AS(row_t, float);
typedef GEE_MAP_OF(uint64_t) counts_t;
GEE_MAP_TYPE_AS(counts_t, uint64_t);

typedef struct all {
    bool flag;
    color_t color;
    int32_t i32;
    int64_t i64;
    uint32_t u32;
    uint64_t u64;
    float f32;
    double f64;
    gee_str_t text;
    gee_bytes_t data;
    int32_t s32;
    int64_t s64;
    uint32_t fixed32;
    uint64_t fixed64;
    int32_t sfixed32;
    int64_t sfixed64;
    side_t side;
    GEE_LIST_OF(int64_t) list;
    GEE_LIST_OF(int32_t) unpacked;
    GEE_LIST_OF(double) array;
    GEE_MAP_OF(side_t) map;
    GEE_KEYED_MAP_OF(uint32_t, color_t) keyed;
    GEE_KEYED_MAP_OF(bool, gee_str_t) flags;
    GEE_OPTIONAL_OF(double) maybe;
    row_t row;
    uint32_t which;
    union {
        double radius;
        side_t *edge;
    } is;
    gee_bytes_t rest;
} all_t;
GEE_STRUCT_KEEPING(all_t, "All", rest,
    GEE_BOOL(all_t, flag, "Flag", 1), GEE_ENUM(all_t, color, "Color", 2, color_t), GEE_INT32(all_t, i32, "I32", 3),
    GEE_INT64(all_t, i64, "I64", 4), GEE_UINT32(all_t, u32, "U32", 5), GEE_UINT64(all_t, u64, "U64", 6),
    GEE_FLOAT(all_t, f32, "F32", 7), GEE_DOUBLE(all_t, f64, "F64", 8), GEE_STRING(all_t, text, "Text", 9),
    GEE_BYTES(all_t, data, "Data", 10), GEE_SINT32(all_t, s32, "S32", 11), GEE_SINT64(all_t, s64, "S64", 12),
    GEE_FIXED32(all_t, fixed32, "Fixed32", 13), GEE_FIXED64(all_t, fixed64, "Fixed64", 14),
    GEE_SFIXED32(all_t, sfixed32, "Sfixed32", 15), GEE_SFIXED64(all_t, sfixed64, "Sfixed64", 16),
    GEE_NESTED(all_t, side, "Side", 17, side_t), GEE_LIST(all_t, list, "List", 18, int64_t, gee_list_of_int64_t),
    GEE_LIST(all_t, unpacked, "Unpacked", 19, int32_t, gee_unpacked_list_of_int32_t),
    GEE_LIST(all_t, array, "Array", 20, double, gee_array_of_3_double),
    GEE_MAP(all_t, map, "Map", 21, side_t, gee_map_of_side_t),
    GEE_KEYED_MAP(all_t, keyed, "Keyed", 22, uint32_t, color_t, gee_map_of_uint32_t_to_color_t),
    GEE_KEYED_MAP(all_t, flags, "Flags", 23, bool, gee_str_t, gee_map_of_bool_to_gee_str_t),
    GEE_OPTIONAL(all_t, maybe, "Maybe", 24, double, gee_optional_of_double),
    GEE_NESTED(all_t, row, "Row", 25, row_t), GEE_ONEOF(all_t, which, is.radius, "Radius", 26, double),
    GEE_ONEOF_OPTIONAL(all_t, which, is.edge, "Edge", 27, side_t, gee_optional_of_side_t));
#ifndef __cplusplus
typedef struct node { GEE_LIST_OF(struct node) children; } node_t;
GEE_RECURSIVE(node_t);
GEE_LIST_TYPE(node_t);
GEE_STRUCT(node_t, "Node", GEE_LIST(node_t, children, "Children", 1, node_t, gee_list_of_node_t));
#endif
"""

LANGUAGES = {"gcc": "c", "clang": "c", "g++": "c++"}
LANGUAGES = [(name, language) for name, language in LANGUAGES.items() if shutil.which(name)]


def check_syntax(compiler, language, tmp_path, source):
    path = tmp_path / "kinds"
    path.write_text(source)
    standard = {"c": "-std=c11", "c++": "-std=c++11"}[language]
    flags = [standard, "-Wall", "-Wextra", "-Werror", "-fsyntax-only", "-I", ROOT / "src"]
    return subprocess.run([compiler, *flags, "-x", language, path], capture_output=True, text=True, check=False)


@pytest.mark.parametrize("compiler, language", LANGUAGES)
def test_every_kind_compiles(compiler, language, tmp_path):
    done = check_syntax(compiler, language, tmp_path, KINDS)
    assert done.returncode == 0, done.stderr


# What the C type says is replaced; the compiler must name the member, or what it is of.
@pytest.mark.parametrize(
    "right, wrong, named",
    [
        ("bool flag;", "int flag;", "flag"),
        ("color_t color;", "int64_t color;", "color"),
        ("COLOR_GREEN }", "COLOR_GREEN = 1L << 40 }", "color_t"),
        ("int32_t i32;", "uint32_t i32;", "i32"),
        ("int64_t i64;", "int32_t i64;", "i64"),
        ("uint32_t u32;", "int32_t u32;", "u32"),
        ("uint64_t u64;", "int64_t u64;", "u64"),
        ("float f32;", "double f32;", "f32"),
        ("double f64;", "float f64;", "f64"),
        ("gee_str_t text;", "gee_bytes_t text;", "text"),
        ("gee_bytes_t data;", "gee_str_t data;", "data"),
        ("int32_t s32;", "uint32_t s32;", "s32"),
        ("int64_t s64;", "uint64_t s64;", "s64"),
        ("uint32_t fixed32;", "int32_t fixed32;", "fixed32"),
        ("uint64_t fixed64;", "int64_t fixed64;", "fixed64"),
        ("int32_t sfixed32;", "uint32_t sfixed32;", "sfixed32"),
        ("int64_t sfixed64;", "uint64_t sfixed64;", "sfixed64"),
        ("side_t side;", "side_t *side;", "side"),
        ("GEE_LIST_OF(int64_t) list;", "GEE_LIST_OF(uint64_t) list;", "list"),
        ("GEE_LIST_OF(int64_t) list;", "int64_t list[2];", "list"),
        ("GEE_LIST_OF(int64_t) list;", "struct { int64_t *items; int count; } list;", "list"),
        ("GEE_LIST_OF(int32_t) unpacked;", "GEE_LIST_OF(int64_t) unpacked;", "unpacked"),
        ("GEE_LIST_OF(double) array;", "double array[3];", "array"),
        ("GEE_MAP_OF(side_t) map;", "GEE_MAP_OF(double) map;", "map"),
        ("GEE_MAP_OF(side_t) map;", "GEE_KEYED_MAP_OF(int32_t, side_t) map;", "map"),
        ("GEE_KEYED_MAP_OF(uint32_t, color_t) keyed;", "GEE_KEYED_MAP_OF(int32_t, color_t) keyed;", "keyed"),
        ("GEE_KEYED_MAP_OF(uint32_t, color_t) keyed;", "GEE_KEYED_MAP_OF(uint32_t, uint64_t) keyed;", "keyed"),
        ("GEE_KEYED_MAP_OF(uint32_t, color_t) keyed;", "GEE_MAP_OF(color_t) keyed;", "keyed"),
        ("GEE_KEYED_MAP_OF(bool, gee_str_t) flags;", "GEE_KEYED_MAP_OF(int, gee_str_t) flags;", "flags"),
        ("GEE_OPTIONAL_OF(double) maybe;", "double maybe;", "maybe"),
        ("GEE_OPTIONAL_OF(double) maybe;", "GEE_OPTIONAL_OF(float) maybe;", "maybe"),
        ("row_t row;", "counts_t row;", "row"),
        ("typedef GEE_LIST_OF(float) row_t;", "typedef GEE_LIST_OF(double) row_t;", "row_t"),
        ("typedef GEE_MAP_OF(uint64_t) counts_t;", "typedef GEE_MAP_OF(int64_t) counts_t;", "counts_t"),
        ("uint32_t which;", "uint64_t which;", "which"),
        ("double radius;", "float radius;", "radius"),
        ("side_t *edge;", "side_t edge;", "edge"),
        ("gee_bytes_t rest;", "gee_str_t rest;", "rest"),
    ],
)
@pytest.mark.parametrize("compiler, language", LANGUAGES)
def test_a_row_that_does_not_fit_its_member_does_not_compile(compiler, language, tmp_path, right, wrong, named):
    assert right in KINDS
    done = check_syntax(compiler, language, tmp_path, KINDS.replace(right, wrong))
    assert done.returncode != 0
    assert named in done.stderr
