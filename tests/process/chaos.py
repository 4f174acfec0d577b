"""Chaos: clients on every wire call on and on while a server is disturbed in every way that an operating system and an
operator know. Each disturbance states its expected outcome and checks it.

    chaos = Chaos(server, interop, seconds=600, seed=7, say=print)
    chaos.run()          the unexpected outcomes: a list of texts

    ChaosServer          a server with its logs on a small file system, where the user may mount one
    Chaos                the clients, the configuration as it is just now, the figures, the end
    disturbances.py      the disturbances
"""
import contextlib
import ctypes
import os
import random
import re
import subprocess
import time

from conftest import SANITIZED, Server, eventually
from disturbances import DISTURBANCES, say_nonsense
from handover import (CLIENTS, LISTEN, LONGEST_MOVE, NO_SHARES, Crowd, descriptors, make_passing, passing_conf,
                      sealed_of, wait_until_moved)
from wires import WIRES

DISK = 16 << 20  # bytes, for logs
MOST_FAILURES = 5
WARM = 60  # seconds after which memory is level
LEVEL = {"master": 2 << 20, "workers": 8 << 20}  # bytes by which the memory may grow
LONGEST_CALL = 10 if not SANITIZED else 60  # seconds
CLONE_NEWNS, MS_REC, MS_PRIVATE = 0x20000, 0x4000, 1 << 18


def mount_small(directory):
    """Mounts a file system that only this process and its children see."""
    libc = ctypes.CDLL(None, use_errno=True)
    for result in (
        libc.unshare(CLONE_NEWNS),
        libc.mount(b"none", b"/", None, MS_REC | MS_PRIVATE, None),
        libc.mount(b"tmpfs", os.fsencode(directory), b"tmpfs", 0, b"size=%d" % DISK),
    ):
        if result != 0:
            raise OSError(ctypes.get_errno(), f"{directory}: {os.strerror(ctypes.get_errno())}")


def can_mount(directory):
    try:
        return subprocess.run(["true"], preexec_fn=lambda: mount_small(directory), check=False).returncode == 0
    except subprocess.SubprocessError:
        return False


class ChaosServer(Server):
    """A daemon: an upgrade changes its process. The texts of its logs stay known after a rotation."""

    def __init__(self, build):
        super().__init__(build)
        self.small_disk = can_mount(self.root)
        self.kept = ""
        self.directory = None  # the open log files: the server's view, while and after the server runs

    def start_daemon(self):
        logs = self.root / "logs"
        self.start(daemon=True, before=(lambda: mount_small(logs)) if self.small_disk else None)
        self.sealed = sealed_of(self)
        self.directory = os.open(f"/proc/{self.pid}/root{logs}", os.O_RDONLY | os.O_DIRECTORY)

    def log_file(self, name):
        return f"/proc/self/fd/{self.directory}/{name}" if self.directory is not None else self.root / "logs" / name

    def read_log(self, name):
        with contextlib.suppress(FileNotFoundError), open(self.log_file(name), errors="replace") as file:
            return file.read()
        return ""

    def log(self):
        return self.kept + self.read_log("error.log.1") + self.read_log("error.log")

    def rotate(self):
        """Rotates as logrotate does: the next rotation reads the lines that still come to the old file."""
        self.kept += self.read_log("error.log.1")
        for name in ("error.log", "access.log"):
            with contextlib.suppress(FileNotFoundError):
                os.rename(self.log_file(name), self.log_file(name + ".1"))
        self.ask("reopen")
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self.log_file("access.log.1"))

    def size_of_logs(self):
        return sum(entry.stat().st_size for entry in os.scandir(self.log_file(".")))

    def finish(self, failed):
        problems = super().finish(failed)
        if self.directory is not None:
            text = self.log()
            os.close(self.directory)
            self.directory = None
            if self.root.exists():
                (self.root / "logs").mkdir(exist_ok=True)
                (self.root / "logs/error.log").write_text(text)
        return problems


class Chaos:
    known = DISTURBANCES
    clients = CLIENTS
    more = ""  # of the configuration

    def __init__(self, server, interop, seconds, seed, say=print, only=None, connections=3, depth=4):
        self.server, self.interop, self.seconds, self.seed, self.say = server, interop, seconds, seed, say
        self.random = random.Random(seed)
        self.chosen = [each for each in self.known if not only or each.name in only]
        self.connections, self.depth = connections, depth
        self.workers, self.extra = 2, []
        self.failures, self.counts, self.figures = [], {}, []
        self.killed = 0  # connections that ended with their worker
        self.first_master, self.most_workers, self.master_descriptors = 0, 0, {}
        self.crowd = self.began = None

    # ---- the server ----

    def conf(self):
        more = ('access_log = { path = "logs/access.log"; };\n'
                f"limits = {{ connections = 20000; {NO_SHARES} }};\n{self.more}")
        return passing_conf(self.workers, [*LISTEN, *('{ address = "unix@%s"; }' % path for path in self.extra)], more)

    def start(self):
        make_passing(self.server)
        self.server.conf = self.conf()
        self.server.start_daemon()
        if not self.server.small_disk:
            self.say("no file system can be mounted here (that takes root): the log's disk is not filled")
            self.chosen = [each for each in self.chosen if each.name != "full disk"]
        self.first_master = self.server.pid

    def reload(self):
        self.server.reload(self.conf())

    def settle(self):
        """Waits until only workers of the running configuration are left, and one of them serves every client."""
        serving = eventually(self.all_serve, f"{self.workers} workers serve")
        others = set(self.server.processes()) - {self.server.pid, *serving}
        wait_until_moved(self.server, others)
        self.crowd.wait_until_served_by(serving)
        return serving

    def all_serve(self):
        serving = self.server.worker_pids()
        return len(serving) == self.workers and serving

    # ---- the clients ----

    def assert_undisturbed(self):
        """Since the last time there was no failed call, no wrong answer, no closed connection, and no failed dial."""
        events = self.crowd.take_events()
        assert not events, self.crowd.describe_events(events)
        assert self.crowd.oldest() < LONGEST_CALL, f"a call has been waiting for {self.crowd.oldest():.1f} s"

    # ---- figures ----

    def measure(self):
        """Measures when the server has settled."""
        pids = self.server.worker_pids()
        self.figures.append((self.elapsed(), resident(self.server.pid), max(map(resident, pids))))
        self.check_descriptors()

    def check_descriptors(self):
        """The master has no more descriptors than at any time before, in the first configuration. The master keeps a
        socket of each TCP port for the largest number of workers so far; a master after an upgrade has others than the
        first. The first look may come before the master has closed the descriptors of a worker that has just ended: the
        lowest count so far is the bound."""
        self.most_workers = max(self.most_workers, self.workers)
        if self.workers != 2 or self.extra:
            return
        key = (self.server.pid == self.first_master, self.most_workers)
        wanted = self.master_descriptors.get(key, descriptors(self.server.pid))
        with contextlib.suppress(AssertionError):
            eventually(lambda: descriptors(self.server.pid) <= wanted, "no more than ever", LONGEST_MOVE)
        now = descriptors(self.server.pid)
        self.master_descriptors[key] = min(wanted, now)
        assert now <= wanted, f"the master had {wanted} descriptors and has {now}"

    def descriptors_of_workers(self):
        return [descriptors(pid) for pid in self.server.worker_pids()]

    def elapsed(self):
        return time.monotonic() - self.began

    def check_level(self):
        warm = min(WARM, self.seconds / 2)
        for name, column in (("master", 1), ("workers", 2)):
            before = [figure[column] for figure in self.figures if figure[0] <= warm]
            after = [figure[column] for figure in self.figures if figure[0] > warm]
            if not before or not after:
                continue
            most = [max(figures) >> 10 for figures in (before, after)]
            text = f"{name}: {most[0]} KiB at most in the first {warm:.0f} s, {most[1]} KiB after that"
            self.say(text)
            if max(after) > max(before) + LEVEL[name] and not SANITIZED:
                self.failures.append(f"memory is not level: {text}")

    # ---- the course of a run ----

    def run(self):
        self.say(f"seed {self.seed}, {self.seconds:.0f} s, the server in {self.server.root}")
        self.start()
        self.began = time.monotonic()
        with Crowd(self.server, self.interop, self.connections, self.depth, self.clients) as self.crowd:
            self.crowd.wait_for_calls(10)
            while self.elapsed() < self.seconds and len(self.failures) < MOST_FAILURES:
                self.disturb(self.choose())
            self.attempt("the end", self.calm_down)
        self.check_level()
        self.say(self.summary())
        return self.failures

    def choose(self):
        return self.random.choices(self.chosen, [each.weight for each in self.chosen])[0]

    def disturb(self, disturbance):
        if self.server.size_of_logs() > DISK // 4:
            self.server.rotate()
        self.counts[disturbance.name] = self.counts.get(disturbance.name, 0) + 1
        self.attempt(disturbance.name, lambda: disturbance.act(self))

    def attempt(self, name, action):
        began = self.elapsed()
        try:
            said = action() or ""
            verdict = "as expected"
        except (AssertionError, OSError, EOFError, subprocess.SubprocessError) as failure:
            said = str(failure) or repr(failure)
            verdict = "NOT AS EXPECTED"
            self.failures.append(f"{began:.1f} s: {name}: {said}")
        self.say(f"{began:7.1f} s  {name:<18} {verdict}, {self.elapsed() - began:4.1f} s  {said}")

    def calm_down(self):
        """The first configuration again, and all clients leave. New workers, after clients have come and gone, then
        have as many descriptors as without clients."""
        self.workers, self.extra = 2, []
        self.reload()
        self.settle()
        self.crowd.wait_for_calls(200)
        self.assert_undisturbed()
        self.measure()
        events = self.crowd.finish()
        assert not events, self.crowd.describe_events(events)
        old = self.server.worker_pids()
        self.reload()
        wait_until_moved(self.server, old)
        before = self.descriptors_of_workers()
        self.come_and_go()
        with contextlib.suppress(AssertionError):
            eventually(lambda: self.descriptors_of_workers() == before, "as many as before", LONGEST_MOVE)
        now = self.descriptors_of_workers()
        assert now == before, f"without clients, the workers have {now} descriptors, and had {before}"
        return "every client has left"

    def come_and_go(self):
        for wire in list(WIRES) * 20:
            conversation = WIRES[wire](self.server)
            conversation.greet()
            conversation.close()
        for sock in [say_nonsense(self) for _ in range(200)]:
            if sock:
                sock.close()

    def summary(self):
        total = self.crowd.total
        disturbed = ", ".join(f"{count} {name}" for name, count in sorted(self.counts.items()))
        return (f"{sum(self.counts.values())} disturbances: {disturbed}\n"
                f"{total('calls')} calls answered, {total('failed')} failed, {total('wrong')} wrong; "
                f"{total('connects')} connections, {total('refused')} refused, {total('closed')} closed, "
                f"of which {self.killed} with a worker that was killed\n"
                f"{len(self.failures)} not as expected")


def resident(pid):
    with open(f"/proc/{pid}/status") as file:
        return int(re.search(r"^VmRSS:\s+(\d+) kB$", file.read(), re.MULTILINE).group(1)) << 10
