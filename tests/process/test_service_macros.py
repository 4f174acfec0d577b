"""A service as small as the documentation shows it compiles; one whose types do not fit together does not."""
import pathlib
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


def compile_with(compiler, tmp_path, source):
    path = tmp_path / "service.c"
    path.write_text(source)
    return subprocess.run(
        [compiler, *FLAGS, "-c", path, "-o", tmp_path / "service.o"], capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize("compiler", COMPILERS)
def test_the_example_compiles(compiler, tmp_path):
    done = compile_with(compiler, tmp_path, EXAMPLE)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("compiler", COMPILERS)
@pytest.mark.parametrize(
    "right, wrong, complaint",
    [
        # The handler takes another reply, another argument, a writable argument; returns something.
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
