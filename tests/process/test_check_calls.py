"""auto/check-calls over objects of a few lines each: what it refuses, and in which words."""
import pathlib
import shutil
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.together
BUILDS = {"debug": ["-O0", "-g"], "release": ["-O2", "-g", "-flto=auto", "-ffat-lto-objects"]}


@pytest.fixture(params=BUILDS)
def check(request, tmp_path):
    """check(status, {path below src/: text}): what check-calls prints about these files, compiled as that build
    does."""

    def run(status, files):
        objects = []
        for path, text in files.items():
            objects.append(tmp_path / "obj/src" / path.replace(".c", ".o"))
            objects[-1].parent.mkdir(parents=True, exist_ok=True)
            flags = ["-fPIC", "-fvisibility=hidden", *BUILDS[request.param]]
            command = [shutil.which("gcc") or "cc", *flags, "-c", "-x", "c", "-", "-o", objects[-1]]
            subprocess.run(command, input=text, text=True, check=True, timeout=10)
        done = subprocess.run(
            [ROOT / "auto/check-calls", *objects], stdout=subprocess.PIPE, text=True, check=False, timeout=10
        )
        assert done.returncode == status, done.stdout
        return done.stdout.splitlines()

    return run


def calling(name, callee):
    return f"int {callee}(void);\nint {name}(void);\nint {name}(void) {{ return {callee}() + 1; }}\n"


def leaf(name):
    return f"int {name}(void);\nint {name}(void) {{ return 1; }}\n"


def test_calls_that_point_down_are_fine(check):
    files = {"core/rpc/upper.c": calling("upper", "middle"), "core/event/middle.c": calling("middle", "lower")}
    assert check(0, {**files, "core/base/lower.c": leaf("lower")}) == []


def test_a_call_that_climbs_is_named_with_both_functions(check):
    files = {"core/rpc/lower.c": calling("lower", "upper"), "core/gateway/upper.c": leaf("upper")}
    assert check(1, files) == [
        "src/core/rpc/lower.c: lower() calls upper() of src/core/gateway/upper.c: rpc is below gateway"
    ]


def test_a_jump_at_a_function_s_end_is_a_call_too(check):
    text = "void upper(void);\nvoid lower(void);\nvoid lower(void) { upper(); }\n"
    lines = check(1, {"core/base/lower.c": text, "core/type/upper.c": "void upper(void);\nvoid upper(void) {}\n"})
    assert lines == ["src/core/base/lower.c: lower() calls upper() of src/core/type/upper.c: base is below type"]


def test_the_core_calls_no_module_and_modules_do_not_call_each_other(check):
    files = {
        "core/rpc/core.c": calling("core", "json"),
        "modules/codec_json/json.c": calling("json", "gob"),
        "modules/codec_gob/gob.c": calling("gob", "part"),
        "modules/codec_gob/part.c": leaf("part"),
    }
    assert check(1, files) == [
        "src/core/rpc/core.c: core() calls json() of src/modules/codec_json/json.c: rpc is below modules",
        "src/modules/codec_json/json.c: json() calls gob() of src/modules/codec_gob/gob.c: "
        "modules do not call each other",
    ]


def test_of_the_configuration_only_options_and_modules_are_called_from_the_rpc_core(check):
    files = {
        "core/rpc/user.c": calling("user", "option") + calling("reader", "conf"),
        "core/conf/option_check.c": leaf("option"),
        "core/conf/conf.c": leaf("conf"),
    }
    assert check(1, files) == ["src/core/rpc/user.c: reader() calls conf() of src/core/conf/conf.c: rpc is below conf"]


def test_a_circle_is_named_with_the_calls_that_close_it(check):
    files = {
        "core/base/a.c": calling("a", "b"),
        "core/base/b.c": calling("b", "c"),
        "core/base/c.c": calling("c", "a") + calling("more", "outside"),
        "core/base/outside.c": leaf("outside"),
    }
    assert check(1, files) == [
        "calls go in a circle between 3 files, which auto/check-calls does not list: "
        "src/core/base/a.c, src/core/base/b.c, src/core/base/c.c",
        "    src/core/base/a.c: a() calls b() of src/core/base/b.c",
        "    src/core/base/b.c: b() calls c() of src/core/base/c.c",
        "    src/core/base/c.c: c() calls a() of src/core/base/a.c",
    ]


def test_a_function_in_a_table_is_no_call(check):
    table = (
        "int upper(void);\nint (*const table[])(void) = { upper };\n"
        "int lower(void);\nint lower(void) { return 1; }\n"
    )
    assert check(0, {"core/base/lower.c": table, "core/event/upper.c": calling("upper", "lower")}) == []
    taken = "int upper(void);\nvoid *taken(void);\nvoid *taken(void) { return (void *)upper; }\n"
    assert check(0, {"core/base/lower.c": taken + leaf("lower"), "core/event/upper.c": calling("upper", "lower")}) == []


def test_a_listed_circle_may_be_but_not_with_a_file_more(check):
    files = {
        "core/event/stream.c": calling("stream", "io"),
        "core/event/stream_io.c": calling("io", "layers"),
        "core/event/stream_layers.c": calling("layers", "stream"),
    }
    assert check(0, files) == []
    files["core/event/stream_layers.c"] = calling("layers", "more")
    files["core/event/more.c"] = calling("more", "stream")
    assert "a circle between 4 files" in check(1, files)[0]


def test_a_listed_circle_that_was_untied_is_to_be_taken_off_the_list(check):
    files = {"core/event/stream.c": calling("stream", "io"), "core/event/stream_io.c": calling("io", "layers")}
    assert check(1, {**files, "core/event/stream_layers.c": leaf("layers")}) == [
        "auto/check-calls lists a circle that is none any more: "
        "core/event/stream.c core/event/stream_io.c core/event/stream_layers.c"
    ]
