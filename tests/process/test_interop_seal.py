"""The sealed channel against other implementations of Noise, both ways, through changes of keys: flynn/noise in Go, and
noise-protocol of npm."""
import re
import subprocess

import pytest

from conftest import BUILD, PEERS, TIMEOUT
from go_programs import build_go
from npm_programs import npm_program
from sealing import Keys, make_sealed

pytestmark = pytest.mark.together
SEAL = BUILD / "tests/unit/seal_stream_test"


@pytest.fixture(scope="module")
def go_seal():
    return build_go("tests/interop/seal", "seal", PEERS)


@pytest.fixture(scope="module")
def js_seal():
    return npm_program("seal_js", "seal.js")


def run(*command):
    done = subprocess.run(list(map(str, command)), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True, timeout=6 * TIMEOUT, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize("client", ["billing", None])
def test_go_calls(stopped, go_seal, client):
    """net/rpc through XK and NK: each call is a record, and so is its reply."""
    server = make_sealed(stopped, "anonymous = true;").start()
    key = ["-key", server.keys.path(client)] if client else []
    said = run(go_seal, "call", "-server", server.keys["server"], *key, server.tcp.split("@")[1], 2100)
    sent, received = map(int, re.search(r"2100 calls, (\d+) records sent, (\d+) received", said).groups())
    assert sent > 2100 and received > 2100
    server.wait_for_access(f" {client or '-'} Arith.Multiply gob 0 ")


@pytest.mark.parametrize("client", ["billing", None])
def test_javascript_calls(stopped, js_seal, client):
    server = make_sealed(stopped, "anonymous = true;").start()
    said = run(*js_seal, "call", server.keys["server"], server.keys.path(client) if client else "-",
               *server.tcp.split("@")[1].split(":"), 2100)
    sent, received = map(int, re.search(r"2100 calls, (\d+) records sent, (\d+) received", said).groups())
    assert sent > 2100 and received > 2100
    server.wait_for_access(f" {client or '-'} Arith.Multiply json 0 ")


class Echo:
    """A program that sends a client's bytes back."""

    def __init__(self, *command):
        self.process = subprocess.Popen(list(map(str, command)), stdin=subprocess.DEVNULL,
                                        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.address = "tcp@" + self.process.stdout.readline().strip()

    def finish(self):
        said, complaints = self.process.communicate(timeout=TIMEOUT)
        assert self.process.returncode == 0, complaints
        return said

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.communicate()


def converse(echo, keys, client):
    assert SEAL.exists(), f"{SEAL} is not there: make tests"
    key = keys.path(client) if client else "-"
    assert "all came back" in run(SEAL, "converse", echo.address, keys["server"], key, 2100)
    total, received = map(int, re.search(r"(\d+) bytes, (\d+) records received", echo.finish()).groups())
    assert total > 3000000 and received > 2100 + 3000000 // 65519


@pytest.mark.parametrize("client", ["billing", None])
def test_we_call_go(stopped, go_seal, client):
    keys = Keys(stopped)
    wanted = ["-client", keys["billing"]] if client else []
    with Echo(go_seal, "echo", "-key", keys.path("server"), *wanted) as echo:
        converse(echo, keys, client)


@pytest.mark.parametrize("client", ["billing", None])
def test_we_call_javascript(stopped, js_seal, client):
    keys = Keys(stopped)
    with Echo(*js_seal, "echo", keys.path("server")) as echo:
        converse(echo, keys, client)
