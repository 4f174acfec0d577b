"""Builds the programs in Go that stand beside the tests, without network."""
import fcntl
import os
import pathlib
import shutil

from build_step import build_step

ROOT = pathlib.Path(__file__).resolve().parents[2]
GOCODE = "/usr/share/gocode"  # where Debian has libraries in Go


def build_go(source, name, build):
    """The path of a program made of the Go files in that folder of ours: in the build directory `build`."""
    go = shutil.which("go")
    assert go, "the interop tests need Go (Debian package golang-go): ./configure --install-deps"
    home = pathlib.Path(build) / "go"
    home.mkdir(exist_ok=True)
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("GO", "CGO"))}
    environment.update(GO111MODULE="off", CGO_ENABLED="0", GOFLAGS="", GOPROXY="off", GOPATH=f"{home}/path:{GOCODE}",
                       GOCACHE=f"{home}/cache", HOME=str(home))
    with open(home / "lock", "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # tests that run beside us want it too
        build_step([go, "build", "-o", str(home / name), "."], ROOT / source, environment)
    return home / name
