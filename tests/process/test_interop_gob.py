"""codec_gob against Go's encoding/gob, without a server: Go writes values of every kind, our mirror reads and writes them,
Go reads and compares (tests/interop/gob_values)."""
import os
import shutil
import subprocess

import pytest

from conftest import BUILD, ROOT, TIMEOUT

MIRROR = BUILD / "tests/unit/codec_gob_go_test"


@pytest.fixture(scope="module")
def gob_values():
    """The path of the Go program; built without network."""
    go = shutil.which("go")
    assert go, "the interop tests need Go (Debian package golang-go): ./configure --install-deps"
    home = BUILD / "go"
    home.mkdir(exist_ok=True)
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("GO", "CGO"))}
    environment.update(
        GO111MODULE="off",
        CGO_ENABLED="0",
        GOFLAGS="",
        GOPROXY="off",
        GOPATH=f"{home}/path",
        GOCACHE=f"{home}/cache",
        HOME=str(home),
    )
    program = home / "gob_values"
    done = subprocess.run(
        [go, "build", "-o", str(program), "."],
        cwd=ROOT / "tests/interop/gob_values",
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    return program


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
