"""The instructions of a call: not more than was recorded, for a machine like this one."""
import os
import shutil
import sys

import pytest

from conftest import ROOT

sys.path.insert(0, str(ROOT / "tests/bench"))

import instructions  # pylint: disable=wrong-import-position

RECORDED = {"bin, 1 in flight": 1000, "bin, 16 in flight": 600}


def test_dearer_rows_are_named(monkeypatch, tmp_path):
    monkeypatch.setattr(instructions, "RECORDED", tmp_path / "recorded.json")
    instructions.RECORDED.write_text(instructions.json.dumps({instructions.key(): RECORDED}))
    assert instructions.compare({"bin, 1 in flight": 1030, "bin, 16 in flight": 400})[1] == []
    assert instructions.compare({"bin, 1 in flight": 1031, "bin, 16 in flight": 619})[1] == list(RECORDED)
    assert instructions.compare({"new, 1 in flight": 9999})[1] == []


@pytest.mark.skipif(bool(os.environ.get("GEERPC_SANITIZE")), reason="counted as built for use")
def test_a_call_costs_what_it_did(capsys):
    assert shutil.which("valgrind"), "this needs valgrind (Debian package valgrind): ./configure --install-deps"
    lines, worse = instructions.compare(instructions.measure_all())
    with capsys.disabled():
        print("\n" + "\n".join(lines))
    assert not worse, "make instructions says by how much; make record-instructions, when it has to be"
