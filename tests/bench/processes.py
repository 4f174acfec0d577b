"""Processes of a benchmark: pinned, in a directory of their own, and gone when it ends, however it ends."""
import contextlib
import ctypes
import os
import pathlib
import resource
import shutil
import signal
import socket
import subprocess
import tempfile
import time

PATIENCE = 15
PR_SET_PDEATHSIG = 1
DESCRIPTORS = 32768
LIBC = ctypes.CDLL(None, use_errno=True)
PROCESSORS = sorted(os.sched_getaffinity(0))
SERVER_CPU, LOAD_CPU = PROCESSORS[0], PROCESSORS[-1]


class NotStarted(Exception):
    """A server that should serve does not."""


def on_processor(number):
    """For preexec_fn: there, and ended when the benchmark is, even if that is killed."""

    def prepare():
        allow_descriptors()
        os.sched_setaffinity(0, {number})
        LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)

    return prepare


def allow_descriptors():
    """As many as the largest sweep needs, where we may: servers take what the hard limit allows."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < DESCRIPTORS:
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, 0), DESCRIPTORS))


def most_connections(wanted):
    """Of a process, with a reserve for what else it has open."""
    allow_descriptors()
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    return wanted if hard == resource.RLIM_INFINITY else min(wanted, hard - 100)


def find_program(name):
    return shutil.which(name) or shutil.which(name, path="/usr/sbin:/sbin:/usr/local/sbin")


def free_port():
    """For servers that cannot choose one themselves."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


def process_tree(pid):
    """The process and all that it forked."""
    pids = [pid]
    for parent in pids:
        with contextlib.suppress(OSError):
            pids += map(int, pathlib.Path(f"/proc/{parent}/task/{parent}/children").read_text().split())
    return pids


def wait_for_processes(process, count):
    """Its tree, when it has so many."""
    end = time.monotonic() + PATIENCE
    while len(tree := process_tree(process.pid)) < count:
        if process.poll() is not None or time.monotonic() > end:
            raise NotStarted(f"process {process.pid} has not forked")
        time.sleep(0.01)
    return tree


def wait_for_port(port, process, log):
    end = time.monotonic() + PATIENCE
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            if process.poll() is not None or time.monotonic() > end:
                raise NotStarted(f"port {port} is not served: {log.read_text(errors='replace')[-800:]}") from None
            time.sleep(0.01)


class House:
    """Where servers live. with House() as house: process = house.start("name", [command...])"""

    def __init__(self):
        self.root = pathlib.Path(tempfile.mkdtemp(prefix="gee-bench-"))
        self.root.chmod(0o755)  # workers run as nobody when this runs as root
        self.processes = []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for process in reversed(self.processes):
            if process.poll() is None:
                process.terminate()
        for process in reversed(self.processes):
            try:
                process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        shutil.rmtree(self.root, ignore_errors=True)

    def directory(self, name):
        path = self.root / name
        path.mkdir()
        return path

    def log(self, name):
        return self.root / f"{name}.log"

    def start(self, name, command, processor=SERVER_CPU, **options):
        """Its errors go to self.log(name); it has pipes for input and output."""
        with open(self.log(name), "wb") as log:
            process = subprocess.Popen(  # pylint: disable=consider-using-with
                list(map(str, command)), stdin=subprocess.PIPE, stderr=log, preexec_fn=on_processor(processor),
                cwd=self.root, **{"stdout": subprocess.PIPE, **options})
        self.processes.append(process)
        return process

    def stop(self, process):
        process.terminate()
        process.wait(PATIENCE)
        self.processes.remove(process)

    def first_line(self, name, process):
        """Of what it prints."""
        line = process.stdout.readline().decode()
        if not line:
            raise NotStarted(f"{name} did not start: {self.log(name).read_text(errors='replace')[-800:]}")
        return line.strip()
