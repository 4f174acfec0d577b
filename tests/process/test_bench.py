"""make bench measures at all, and counts no wrong answer as a call. No test says how fast anything is."""
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading

import pytest

from conftest import BUILD, ROOT, TIMEOUT, eventually

RUN = [sys.executable, str(ROOT / "tests/bench/run")]
pytestmark = pytest.mark.together
FIGURES = ("cpu_us", "rate", "p50_us", "p99_us", "floor_cpu_us")


def make(*arguments):
    makefile = BUILD / "Makefile" if (BUILD / "Makefile").exists() else ROOT / "Makefile"
    of_make = ("MAKE", "MFLAGS", "GNUMAKE")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(of_make)}
    done = subprocess.run(["make", "-f", str(makefile), *map(str, arguments)], cwd=ROOT, env=environment,
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          timeout=10 * TIMEOUT, check=False)
    assert done.returncode == 0, done.stdout
    return done.stdout


@pytest.fixture(scope="module")
def programs():
    """The path of the load generator, which is built together with the floor."""
    make("bench-programs")
    return BUILD / "bench"


def test_a_short_run_has_a_figure_for_everything(tmp_path):
    text = make("bench", "ROUNDS=1", "SECONDS=0.2", "ROWS=bin,json", f"JSON={tmp_path / 'result.json'}")
    result = json.loads((tmp_path / "result.json").read_text())
    assert set(result["rows"]) == {"bin", "json"}
    for row, title in (("bin", "geerpc, bin"), ("json", "geerpc, JSON")):
        assert set(result["rows"][row]) == {"64x1", "64x16", "1x1", "1x64"}
        for cell in result["rows"][row].values():
            assert all(cell[figure]["min"] > 0 for figure in FIGURES)
            assert cell["ratio"] > 0
        assert len(re.findall(rf"^{title}.*\d$", text, re.MULTILINE)) == 4
    assert {(target["row"], target["shape"]) for target in result["targets"]} == {
        (row, shape) for row in ("bin", "json") for shape in ("64x1", "64x16")}
    assert max(map(len, text.splitlines())) <= 120
    markdown = subprocess.run(RUN + ["--markdown", tmp_path / "result.json"], check=True, stdout=subprocess.PIPE)
    assert b"| geerpc, bin |" in markdown.stdout


def test_a_short_run_beside_readers_that_have_stopped(tmp_path):
    """The load generator compares what comes of the streams, and takes any further byte for a wrong answer."""
    make("bench-sweeps", "SWEEPS=stopped", "ROUNDS=1", "SECONDS=0.1", f"JSON={tmp_path / 'result.json'}")
    rows = json.loads((tmp_path / "result.json").read_text())["sweeps"]["stopped"]["rows"]
    assert [row[:2] for row in rows] == [[title, shape] for title in ("geerpc, bin", "gateway, bin to bin")
                                         for shape in ("64x1", "64x16")]
    assert all(figure > 0 for row in rows for figure in row[2:])


@pytest.fixture
def short_directory():
    """A short path, for Unix sockets, which workers can enter."""
    path = pathlib.Path(tempfile.mkdtemp(prefix="gee-", dir="/tmp"))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path)


@pytest.mark.usefixtures("programs")
def test_it_leaves_nothing_behind_when_it_is_interrupted(programs, short_directory):
    assert programs.is_dir()
    environment = {**os.environ, "TMPDIR": str(short_directory)}
    process = subprocess.Popen(RUN + ["--rows", "bin", "--rounds", "1000"], env=environment, stdin=subprocess.DEVNULL,
                               stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, start_new_session=True)
    try:
        eventually(lambda: len(session(process.pid)) >= 4, "floor, master, worker and load generator run")
        os.kill(process.pid, signal.SIGINT)
        assert process.wait(TIMEOUT) == 130, process.stderr.read().decode()
        eventually(lambda: not session(process.pid), "its processes are gone")
        assert not list(short_directory.iterdir())
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()


def session(leader):
    """The processes of the session."""
    found = []
    for path in pathlib.Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[3]) == leader and fields[0] not in "ZX":
            found.append(int(path.parts[2]))
    return found


# ---- the load generator ----


class Answers:
    """A server that answers each request of four bytes with the next of these answers; None: closes the connection."""

    def __init__(self, *replies):
        self.replies = replies
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()

    def _serve(self):
        try:
            conn, _ = self.listener.accept()
        except OSError:  # no client came
            return
        with conn:
            for reply in self.replies:
                if not conn.recv(4, socket.MSG_WAITALL) or reply is None:
                    return
                conn.sendall(reply)
            conn.recv(1)

    def __enter__(self):
        return self.listener.getsockname()[1]

    def __exit__(self, *_):
        self.listener.shutdown(socket.SHUT_RDWR)  # wakes the thread in accept
        self.listener.close()
        self.thread.join(TIMEOUT)


def load(programs, port, request, reply, **arguments):
    script = b"".join(struct.pack(">I", len(part)) + part for part in (b"", b"", request, reply))
    arguments = {"port": port, "connections": 1, "seconds": 0.05, "pids": os.getpid(), **arguments}
    return subprocess.run([str(programs / "load")] + [f"{name}={value}" for name, value in arguments.items()],
                          input=script, capture_output=True, timeout=2 * TIMEOUT, check=False)


@pytest.mark.parametrize(
    "replies, complaint",
    [
        ([b"pung"], "not the expected one"),
        ([b"pong!"], "more bytes"),
        ([b"pong", b"pong!"], "more bytes"),
        ([b"pong", b"pon"], "less of one"),
        ([b"pong", None], "closed"),
    ],
)
def test_a_wrong_reply_ends_the_load(programs, replies, complaint):
    with Answers(*replies) as port:
        done = load(programs, port, b"ping", b"pong", patience=0.5)
    assert done.returncode == 1
    assert complaint in done.stderr.decode()
    assert done.stdout == b""
