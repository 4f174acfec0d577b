"""codec_gob against Go's encoding/gob, without a server: Go writes values of every kind, a mirror program reads and
writes them, Go reads and compares (tests/interop/gob_values)."""
import subprocess

import pytest

from conftest import BUILD, PEERS, TIMEOUT
from go_programs import build_go

MIRROR = BUILD / "tests/unit/codec_gob_go_test"


@pytest.fixture(scope="module")
def gob_values():
    """The path of the Go program."""
    return build_go("tests/interop/gob_values", "gob_values", PEERS)


@pytest.mark.parametrize("types", [0, 8200])
def test_go_gets_its_values_back(gob_values, types):
    assert MIRROR.exists(), f"{MIRROR} is not there: make tests"
    done = subprocess.run(
        [str(gob_values), "mirror", "-types", str(types), str(MIRROR), "mirror"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=4 * TIMEOUT,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    assert "6 values came back as they were" in done.stdout
