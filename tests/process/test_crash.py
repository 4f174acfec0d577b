"""The last words of a worker that dies of a fault, and what its death leaves alone."""
import os
import re
import signal
import subprocess

import pytest

from conftest import SANITIZED, eventually


def crash(server, method):
    """Calls it; the address that it was called from."""
    with server.peer() as peer:
        name = "tcp@%s:%d" % peer.sock.getsockname()
        peer.send(method, "now")
        assert peer.sock.recv(1) == b"", "the connection ends with the worker"
        return name


def frames(server):
    """The lines of the backtrace: (file, offset)."""
    return re.findall(r"^\S+ \[alert\] \d+: #\d+ (\S+)\+(0x[0-9a-f]+)$", server.log(), re.MULTILINE)


@pytest.fixture
def crashing(make_server, crashing_build):
    server = make_server(build=crashing_build)
    server.conf += f'crash = {{ directory = "{server.root}"; }};'
    return server.start()


CRASHES = {
    "Abort": ("SIGABRT", "SIGABRT", "on the loop's thread"),
    "Fault": ("SIGSEGV", "SIGSEGV at address 0x0", "on the loop's thread"),
    "FaultInPool": ("SIGSEGV", "SIGSEGV at address 0x0", "on a thread of the pool"),
    "Overflow": ("SIGSEGV", r"SIGSEGV at address 0x[0-9a-f]{6,}", "on the loop's thread"),
    "OverflowInPool": ("SIGSEGV", r"SIGSEGV at address 0x[0-9a-f]{6,}", "on a thread of the pool"),
}


@pytest.mark.parametrize("method", CRASHES)
def test_the_log_says_what_crashed(crashing, method):
    name, said, where = CRASHES[method]
    crashing.allow_crash(name)
    peer = crash(crashing, f"Crash.{method}")
    if SANITIZED and name == "SIGSEGV":
        # The sanitizer keeps its own report of it.
        report = eventually(
            lambda: [path for path in crashing.reports.iterdir() if re.search("SEGV|overflow", path.read_text())],
            "the sanitizer's report",
        )
        report[0].unlink()
        assert not re.search("crashed: ", crashing.log())
    else:
        line = rf"^\S+ \[alert\] \d+: worker \d crashed: {said}, in Crash\.{method}, called by {peer}, {where}$"
        crashing.wait_for_log(f"(?m){line}")
        crashing.wait_for_log(rf"worker \d \(pid \d+\) was killed by signal \d+ \({name}\)")
        assert len(frames(crashing)) > 3
    eventually(lambda: len(crashing.worker_pids()) == 2, "a new worker")
    assert crashing.call("Foo.Sum", {"Num1": 1, "Num2": 2}) == ("", 3)


@pytest.mark.skipif(SANITIZED, reason="the report is the sanitizer's")
def test_the_backtrace_begins_at_the_fault(crashing):
    crashing.allow_crash("SIGSEGV")
    crash(crashing, "Crash.Fault")
    crashing.wait_for_log("was killed by signal 11")
    places = [
        subprocess.run(["addr2line", "-fe", file, offset], capture_output=True, text=True, check=True).stdout
        for file, offset in frames(crashing)[:2]
    ]
    assert re.match(r"fault\n.*service_crash\.c:\d+", places[0])
    assert re.match(r"\w+\n.*dispatch\.c:\d+", places[1])


def test_a_signal_from_outside(server):
    server.allow_crash("SIGBUS")
    victim = server.worker_pids()[0]
    os.kill(victim, signal.SIGBUS)
    if not SANITIZED:
        line = rf"worker \d crashed: SIGBUS from process {os.getpid()}, in no call, on the loop's thread\n"
        server.wait_for_log(line)
    eventually(lambda: len(now := server.worker_pids()) == 2 and victim not in now, "a new worker")
    for path in server.reports.iterdir():
        path.unlink()
