"""A service as small as in the documentation compiles; a service whose types do not fit together does not."""
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
