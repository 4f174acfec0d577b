"""The last log lines of a worker that crashes, and the effects of its end."""
import os
import random
import re
import signal
import subprocess
import threading

import pytest

from conftest import SANITIZED, eventually
from gateway import page
from wires import WIRES


def crash(server, method):
    """Calls Crash; returns the address of the fault."""
    with server.peer() as peer:
        name = "tcp@%s:%d" % peer.sock.getsockname()
        peer.send(method, "now")
        assert peer.sock.recv(1) == b"", "the connection ends with the worker"
        return name


def frames(server):
    """The lines of the backtrace: (file, offset)."""
    return re.findall(r"^\S+ \[alert\] \d+: #\d+ (\S+)\+(0x[0-9a-f]+)$", server.log(), re.MULTILINE)


@pytest.fixture
def crashing(make_server, extended_build):
    server = make_server(build=extended_build)
    server.conf += f'crash = {{ directory = "{server.root}"; }};'
    return server.start()


CRASHES = {
    "Abort": ("SIGABRT", "SIGABRT", "on the loop's thread"),
    "Fault": ("SIGSEGV", "SIGSEGV at address 0x10", "on the loop's thread"),
    "FaultInPool": ("SIGSEGV", "SIGSEGV at address 0x10", "on a thread of the pool"),
    "Overflow": ("SIGSEGV", r"SIGSEGV at address 0x[0-9a-f]{6,}", "on the loop's thread"),
    "OverflowInPool": ("SIGSEGV", r"SIGSEGV at address 0x[0-9a-f]{6,}", "on a thread of the pool"),
}


@pytest.mark.parametrize("method", CRASHES)
def test_the_log_says_what_crashed(crashing, method):
    name, said, where = CRASHES[method]
    crashing.allow_crash(name)
    peer = crash(crashing, f"Crash.{method}")
    if SANITIZED and name == "SIGSEGV":
        # The sanitizer writes its own report.
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


# ---- unaffected by a death ----


class Caller(threading.Thread):
    """Calls on one wire until stop(), and dials again when a connection fails."""

    def __init__(self, server, wire):
        super().__init__()
        self.server, self.wire = server, wire
        self.stop = threading.Event()
        self.calls = 0
        self.losses = []  # the process that had served the connection; None: no answer yet
        self.failure = None

    def run(self):
        try:
            while not self.stop.is_set():
                self.converse()
        except Exception as failure:  # pylint: disable=broad-except
            self.failure = failure

    def converse(self):
        served = None
        try:
            conversation = WIRES[self.wire](self.server)
            try:
                served = conversation.greet(1)
                for token in range(2, 1 << 30):
                    assert conversation.ask(token) == served
                    self.calls += 1
                    if self.stop.is_set():
                        return
            finally:
                conversation.close()
        except (EOFError, ConnectionError):
            self.losses.append(served)


def totals(server):
    """{method: (calls, errors)} over all workers, including ended ones."""
    services = page(server)["services"]
    return {method["name"]: (method["calls"], method["errors"]) for each in services for method in each["methods"]}


def test_only_the_calls_of_a_killed_worker_fail(make_server, extended_build):
    server = make_server(build=extended_build)
    server.allow("was killed by signal 9")
    server.conf = server.conf.replace("workers = 2", "workers = 3")
    server.start()
    callers = [Caller(server, wire) for wire in ("json", "bin", "gob", "netrpc") for _ in range(3)]
    for caller in callers:
        caller.start()
    killed, before = set(), totals(server)
    for _ in range(6):
        counts = [caller.calls for caller in callers]
        eventually(lambda: all(caller.calls > count for caller, count in zip(callers, counts)), "all get answers")
        victim = random.choice(server.worker_pids())
        killed.add(victim)
        os.kill(victim, signal.SIGKILL)
        eventually(lambda: len(now := server.worker_pids()) == 3 and victim not in now, "a new worker")
        after = totals(server)
        assert all(after[name] >= counted for name, counted in before.items()), (before, after)
        before = after
    for caller in callers:
        caller.stop.set()
    for caller in callers:
        caller.join()
    assert [caller.failure for caller in callers if caller.failure] == []
    lost = [served for caller in callers for served in caller.losses]
    assert lost and {served for served in lost if served} <= killed
    assert sum(calls for calls, _ in totals(server).values()) >= sum(caller.calls for caller in callers)
    eventually(lambda: page(server)["in_flight"] == 0, "nothing of the dead is in flight")
