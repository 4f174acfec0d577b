"""The headers of modules: each <gee/KIND.h> is complete by itself and has only what its kind needs."""
import os
import pathlib
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
KINDS = sorted(path.stem for path in (ROOT / "src/core/gee").glob("*.h"))
FLAGS = ["-std=gnu11", "-Wall", "-Wextra", "-Werror", "-fsyntax-only", "-I", ROOT / "src", "-I", ROOT / "src/core"]

# A kind, names that such modules use, and names that they must not see.
NEEDS = [
    ("balancer", "gee_candidates_draw", "gee_engine_create"),
    ("codec", "gee_chain_append", "gee_loop_now"),
    ("filter", "gee_call_proceed", "gee_value_stream_receive"),
    ("filter", "gee_call_status", "gee_call_create"),
    ("layer", "gee_inbox_consume", "gee_session_establish"),
    ("page", "gee_exchange_answer", "gee_value_stream_receive"),
    ("protocol", "gee_session_event", "gee_exchange_answer"),
    ("protocol", "gee_session_codec", "gee_dispatch_create"),
    ("protocol", "gee_session_has_pages", "gee_door_open"),
    ("registry", "gee_work_start", "gee_call_proceed"),
    ("service", "gee_reply", "gee_session_establish"),
    ("transport", "gee_tcp_check", "gee_session_establish"),
]


def compile_text(tmp_path, text):
    source = tmp_path / "module.c"
    source.write_text(text)
    environment = {**os.environ, "LC_ALL": "C"}
    return subprocess.run(["gcc", *FLAGS, source], env=environment, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("kind", KINDS)
def test_each_header_is_whole_by_itself(kind, tmp_path):
    done = compile_text(tmp_path, f"#include <gee/{kind}.h>\n#include <gee.h>\n")
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("kind, used, foreign", NEEDS)
def test_a_kind_sees_what_it_needs(kind, used, foreign, tmp_path):
    take = "#include <gee/{}.h>\nextern const void *const taken;\nconst void *const taken = (const void *)&{};\n"
    assert (done := compile_text(tmp_path, take.format(kind, used))).returncode == 0, done.stderr
    done = compile_text(tmp_path, take.format(kind, foreign))
    assert f"'{foreign}' undeclared" in done.stderr


# What modules may not reach into, so that the core can change it.
@pytest.mark.parametrize("body", ["gee_engine", "gee_session", "gee_call", "gee_stream", "gee_loop", "gee_upstream"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_body_of_the_core_is_not_seen(kind, body, tmp_path):
    done = compile_text(tmp_path, f"#include <gee/{kind}.h>\nint size = sizeof(struct {body});\n")
    assert f"incomplete type 'struct {body}'" in done.stderr
