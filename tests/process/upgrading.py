"""Shared by tests of upgrades: a server whose binary can be exchanged, and clients that call all the time.

    link = start_swapped(server)    a daemon whose program is reached by a link
    install(link, "#!/bin/sh ...")  another program in its place; None: nothing
    with Calling(server) as calling: ...   calling.check(): every client has called again, without a failure
"""
import contextlib
import os
import pathlib
import threading

from conftest import TIMEOUT, eventually
from wire import JsonPeer

ARGUMENTS = {"Num1": 40, "Num2": 2}


def start_swapped(server):
    """Started by a link to the program, which is returned."""
    real, directory = server.build, server.root / "bin"
    directory.mkdir()
    link = directory / "geerpc"
    link.symlink_to(real / "geerpc")
    server.build = directory
    server.start(daemon=True)
    server.build = real
    return link


def install(link, program):
    """The text of a script, the path of another program, or None."""
    link.unlink(missing_ok=True)
    if isinstance(program, pathlib.Path):
        link.symlink_to(program)
    elif program:
        link.write_text(program)
        link.chmod(0o755)


def old_pid(server):
    return int((server.root / "run/geerpc.pid.oldbin").read_text())


def pid_in_file(server):
    """None: between two owners there is no such file, or nothing in the file."""
    with contextlib.suppress(FileNotFoundError, ValueError):
        return server.pid
    return None


def wait_for_master(server, pid):
    """The pid file and then the control socket have their usual names."""
    control = server.root / "run/geerpc.control"
    eventually(lambda: pid_in_file(server) == pid and control.exists(), f"master {pid} alone")


def wait_for_other_master(server, pid):
    eventually(lambda: pid_in_file(server) not in (None, pid), f"a master beside {pid}")


def ask_old(server, command, status=0):
    return server.run("-g", 'control = "run/geerpc.control.oldbin";', "-s", command, status=status)


def descriptors(pid):
    """The targets of the descriptors, without the numbers of sockets and pipes."""
    targets = []
    for name in os.listdir(f"/proc/{pid}/fd"):
        targets.append(os.readlink(f"/proc/{pid}/fd/{name}").split(":")[0])
    return sorted(targets)


class Calling:
    """Clients that stay connected, and clients that come and go, by every address."""

    def __init__(self, server, stay=2, pass_by=1):
        self.addresses = [server.tcp, server.unix]
        works = [self.stay] * stay + [self.pass_by] * pass_by
        self.counts = [0] * (len(works) * len(self.addresses))
        self.troubles = []
        self.finished = threading.Event()
        self.threads = [
            threading.Thread(target=self.run, args=(work, address, index * len(self.addresses) + at))
            for index, work in enumerate(works)
            for at, address in enumerate(self.addresses)
        ]

    def run(self, work, address, index):
        try:
            work(address, index)
        except Exception as trouble:  # pylint: disable=broad-except
            self.troubles.append(f"{work.__name__} {address}: {trouble!r}")

    def call(self, peer, index):
        header, body = peer.call("Foo.Sum", ARGUMENTS, seq=self.counts[index])
        assert (header["Error"], header["Seq"], body) == ("", self.counts[index], 42)
        self.counts[index] += 1

    def stay(self, address, index):
        with JsonPeer(address, timeout=TIMEOUT) as peer:
            while not self.finished.is_set():
                self.call(peer, index)

    def pass_by(self, address, index):
        while not self.finished.is_set():
            with JsonPeer(address, timeout=TIMEOUT) as peer:
                self.call(peer, index)

    def check(self):
        before = list(self.counts)
        eventually(
            lambda: self.troubles or all(now > then + 2 for now, then in zip(self.counts, before)), "calls by everyone"
        )
        assert not self.troubles

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        self.check()
        return self

    def __exit__(self, *_):
        self.finished.set()
        for thread in self.threads:
            thread.join()
