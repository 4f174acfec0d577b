"""Starts the real server in a private directory, and checks what the server leaves behind.

    server        running in the foreground, tcp on a free port and a Unix socket, two workers
    stopped       the same, not started: server.start(), server.start(daemon=True), server.run("-t")
    one_worker    the same, with one worker
    make_server   a function that makes further ones

However a test ends, its servers are stopped, and then: no [alert] and no [crit] in the log that the test did not
allow(), no report of a sanitizer, no process left, an exit status of 0.
"""
import contextlib
import os
import pathlib
import re
import shutil
import signal
import subprocess
import tempfile
import time
import uuid

import pytest

import sharing
from build_step import build_step
from go_programs import build_go
from installing import Installation
from scripted import ScriptedServer, product
from wire import JsonPeer

pytest.register_assert_rewrite("hostile")

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("GEERPC_BUILD", ROOT / "build"))
PEERS = pathlib.Path(os.environ.get("GEERPC_PEERS", BUILD))  # programs in other languages, built once for all builds
EXTENDED = BUILD / "tests/extended"
SERVICES = ["Arith", "Foo"]  # examples: served only when a configuration names them; then no other services are served
EXTENDED_SERVICES = [  # with those of tests/modules
    *SERVICES, "Bin", "CalculatorService", "Chat", "Clock", "Countdown", "Crash", "Gob", "Handler", "Json", "Kinds",
    "Later", "Process", "Shapes", "Stream", "Tally", "Total", "numbers.v1.Numbers", "shop.Shop"
]
SANITIZED = bool(os.environ.get("GEERPC_SANITIZE"))
TIMEOUT = 30 if not SANITIZED else 90

CONF = """
workers = 2;
listen = (
  { address = "tcp@127.0.0.1:0"; },
  { address = "unix@run/geerpc.sock"; mode = "0666"; }
);
"""

SANITIZER_REPORTS = ("ERROR: AddressSanitizer", "ERROR: LeakSanitizer", "WARNING: ThreadSanitizer", "runtime error:")


def eventually(check, what, timeout=TIMEOUT):
    """Waits until check() returns a true value, and returns that value."""
    end = time.monotonic() + timeout
    while True:
        result = check()
        if result:
            return result
        assert time.monotonic() < end, f"not within {timeout} s: {what}"
        time.sleep(0.01)


class Server:
    def __init__(self, build=BUILD):
        self.build = pathlib.Path(build)
        # A short path, as for Unix sockets; and open to workers, which run as nobody when the tests run as root.
        self.root = pathlib.Path(tempfile.mkdtemp(prefix="gee-", dir="/tmp"))
        self.root.chmod(0o755)
        self.reports = self.root / "sanitizer"
        for name in ("conf", "run", "logs", "sanitizer"):
            (self.root / name).mkdir()
        self.reports.chmod(0o777)
        self.conf = CONF
        self.mark = f"GEERPC_TEST={uuid.uuid4()}"
        self.environment = self._environment()
        self.process = None  # in the foreground
        self.daemonized = False
        self.allowed = []
        self.ready = ""
        self.output = ""

    def _environment(self):
        environment = {name: value for name, value in os.environ.items() if name != "GEERPC_TEST"}
        for name in ("ASAN_OPTIONS", "UBSAN_OPTIONS", "TSAN_OPTIONS", "LSAN_OPTIONS"):
            given = environment.get(name)
            path = f"log_path={self.reports}/{name[:4].lower()}"
            environment[name] = f"{given}:{path}" if given else path
        name, value = self.mark.split("=")
        environment[name] = value
        return environment

    # ---- starting and ending the server ----

    @property
    def conf(self):
        return (self.root / "conf/geerpc.conf").read_text()

    @conf.setter
    def conf(self, text):
        """The configuration serves the services that tests call, unless the text names others."""
        if not re.search(r"^services\s*=", text, re.MULTILINE):
            names = EXTENDED_SERVICES if self.build == EXTENDED else SERVICES
            text += "\nservices = ( %s );\n" % ", ".join(f'{{ name = "{name}"; }}' for name in names)
        self.write_conf(text)

    def write_conf(self, text):
        """Writes the text unchanged."""
        (self.root / "conf/geerpc.conf").write_text(text)

    def command(self, *arguments):
        return [str(self.build / "geerpc"), "-p", str(self.root), *map(str, arguments)]

    def run(self, *arguments, status=0, **options):
        """Runs geerpc with these arguments to its end; the test checks the output on both streams."""
        options = {"stdin": subprocess.DEVNULL, "cwd": self.root, **options}
        done = subprocess.run(
            self.command(*arguments),
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            timeout=TIMEOUT,
            check=False,
            **options,
        )
        if status is not None:
            assert done.returncode == status, f"exit status {done.returncode}\n{done.stdout}{done.stderr}"
        return done

    def start(self, *arguments, daemon=False, before=None):
        """before: called in the process that becomes the server."""
        if daemon:
            self.daemonized = True
            self.output = self.run(*arguments, preexec_fn=before).stdout
        else:
            with open(self.root / "stderr.log", "ab") as stderr:
                self.process = subprocess.Popen(
                    self.command("-F", *arguments),
                    env=self.environment,
                    cwd=self.root,
                    stdin=subprocess.DEVNULL,
                    stdout=open(self.root / "stdout.log", "wb"),
                    stderr=stderr,
                    start_new_session=True,
                    preexec_fn=before,
                )
            eventually(lambda: self.process.poll() is not None or "ready" in self._stdout(), "the ready line")
            self.output = self._stdout()
            assert self.process.poll() is None, "the server ended while it started\n" + self.log()
        self.ready = re.search(r"^geerpc \S+ ready: (.*), \d+ workers?$", self.output, re.MULTILINE).group(1)
        return self

    def _stdout(self):
        text = (self.root / "stdout.log").read_text()
        return text[: text.rfind("\n") + 1]

    def log(self):
        """Everything logged so far."""
        texts = []
        for path in (self.root / "stderr.log", self.root / "logs/error.log"):
            with contextlib.suppress(FileNotFoundError):
                texts.append(path.read_text(errors="replace"))
        return "".join(texts)

    def wait_for_log(self, pattern, count=1):
        return eventually(
            lambda: len(found := re.findall(pattern, self.log())) >= count and found, f"{pattern!r} in the log"
        )

    def wait_for_access(self, text, count=1):
        """Waits until the access log has the text that many times: a thread of its own writes the lines, after the
        reply."""
        path = self.root / "logs/access.log"
        return eventually(lambda: (log := path.read_text()).count(text) >= count and log, f"{text!r} in the access log")

    def allow(self, pattern):
        """Lines of level alert and crit that this test causes."""
        self.allowed.append(pattern)

    def allow_crash(self, name):
        """The lines about a deadly signal, of the worker and of the master."""
        self.allow(rf"(worker \d|helper) crashed: {name}\b")
        self.allow(r"\[alert\] \d+: #\d+ ")
        self.allow(rf"was killed by signal \d+ \({name}\)")

    # ---- commands to the server ----

    def ask(self, command, status=0):
        return self.run("-s", command, status=status)

    def reload(self, conf=None, status=0):
        """With status 1 the reasons are in the result's stderr."""
        if conf is not None:
            self.conf = conf
        return self.ask("reload", status)

    def status(self):
        return self.ask("status").stdout

    def addresses(self):
        return re.findall(r"^listening: (\S+)$", self.status(), re.MULTILINE)

    def worker_pids(self, state="serving"):
        return [int(pid) for pid in re.findall(rf"^worker \d+: pid (\d+), {state}", self.status(), re.MULTILINE)]

    def generation(self):
        return int(re.search(r"^geerpc .*, generation (\d+)", self.status(), re.MULTILINE).group(1))

    def _in_foreground(self):
        return self.process and self.process.poll() is None

    @property
    def pid(self):
        return self.process.pid if self._in_foreground() else int((self.root / "run/geerpc.pid").read_text())

    def send_signal(self, number):
        os.kill(self.pid, number)

    # ---- conversations with the server ----

    @property
    def tcp(self):
        return next(address for address in self.ready.split() if address.startswith("tcp@"))

    @property
    def unix(self):
        return next(address for address in self.ready.split() if address.startswith("unix@"))

    def peer(self, address=None, **options):
        """A conversation in JSON: with server.peer() as peer: peer.call("Foo.Sum", {"Num1": 1, "Num2": 2})"""
        return JsonPeer(address or self.tcp, timeout=TIMEOUT, **options)

    def call(self, method, arguments, address=None):
        """(error, reply) of one call on a connection of its own."""
        with self.peer(address) as peer:
            header, body = peer.call(method, arguments)
            return header["Error"], body

    # ---- the end ----

    def processes(self):
        """All processes that this server has started and that still live."""
        return [int(entry) for entry in os.listdir("/proc") if entry.isdigit() and self.has_started(entry)]

    def has_started(self, pid):
        """True when the server has started and lives."""
        with contextlib.suppress(OSError):
            return self.mark.encode() in pathlib.Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
        return False

    def wait_for_end(self):
        """The exit status, of a server in the foreground."""
        status = self.process.wait(TIMEOUT) if self.process else 0
        eventually(lambda: not self.processes(), "the end of all its processes")
        return status

    def stop(self, number=signal.SIGTERM):
        """The exit status; 0 when it was not running."""
        if self._in_foreground():
            self.process.send_signal(number)
        elif self.daemonized and self.processes():
            with contextlib.suppress(OSError, ValueError):
                self.send_signal(number)
        return self.wait_for_end()

    def problems(self):
        """Things that a server must not leave behind."""
        log = self.log()
        problems = [
            line
            for line in log.splitlines()
            if re.search(r"\[(alert|crit|emerg)\]", line) and not any(re.search(each, line) for each in self.allowed)
        ]
        problems += [report for report in SANITIZER_REPORTS if report in log]
        for path in self.reports.iterdir():
            # No finding: LeakSanitizer looked at a thread that ended just then.
            lines = path.read_text(errors="replace").splitlines()
            problems += [line for line in lines if not re.search(r"Unable to get registers from thread", line)]
        return problems

    def finish(self, failed):
        """Stops the server in any state, and returns its problems."""
        problems = []
        try:
            status = self.stop()
            if status != 0 and not self.allowed:
                problems.append(f"exit status {status}")
        except (AssertionError, subprocess.TimeoutExpired) as trouble:
            problems.append(f"it did not stop: {trouble}")
        for pid in self.processes():
            with contextlib.suppress(OSError):
                os.kill(pid, signal.SIGKILL)
                os.kill(pid, signal.SIGCONT)
        if self.process:
            self.process.wait(TIMEOUT)
        problems += self.problems()
        if not problems and not failed:
            shutil.rmtree(self.root, ignore_errors=True)
        return problems


def pytest_configure(config):
    config.pluginmanager.register(sharing)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    report = (yield).get_result()
    if call.when == "call":
        item.failed_call = report.failed
        for server in getattr(item, "servers", []):
            if report.failed:
                report.sections.append((f"log of {server.root}", server.log()))


@pytest.fixture
def make_server(request):
    servers = request.node.servers = []

    def make(**options):
        servers.append(Server(**options))
        return servers[-1]

    yield make
    failed = getattr(request.node, "failed_call", True)
    problems = [problem for server in servers for problem in server.finish(failed)]
    assert not problems, "\n".join(problems)


@pytest.fixture
def stopped(make_server):
    return make_server()


@pytest.fixture
def server(stopped):
    return stopped.start()


@pytest.fixture
def one_worker(stopped):
    """Not started. With one worker a test knows which worker acts."""
    stopped.conf = CONF.replace("workers = 2", "workers = 1")
    return stopped


@pytest.fixture
def serve():
    """A function that starts a server of a few lines: serve(answer)."""
    servers = []

    def start(answer=product, **options):
        servers.append(ScriptedServer(answer, **options))
        return servers[-1]

    yield start
    for server in servers:
        server.stop()


# ---- what is built for tests ----


@pytest.fixture(scope="session")
def extended_build():
    """The build with the services of tests/modules, which make check-process has made."""
    return EXTENDED


@pytest.fixture(scope="session")
def installation(tmp_path_factory):
    return Installation(tmp_path_factory.mktemp("installation"))


# ---- Go programs (tests/interop/go) ----


def build_interop():
    return build_go("tests/interop/go", "interop", PEERS)


@pytest.fixture(scope="session")
def interop():
    """The path of the Go program."""
    return build_interop()


SPEAKERS = {
    "netrpc": ["-protocol", "netrpc"],
    "jsonrpc": ["-protocol", "jsonrpc"],
    "geerpc-gob": ["-protocol", "geerpc", "-codec", "gob"],
    "geerpc-json": ["-protocol", "geerpc", "-codec", "json"],
}


@pytest.fixture
def client(interop):
    """client("netrpc", address, "load"): the output of the Go program, on one line."""

    def run(speaker, address, scenario, *options):
        done = subprocess.run(
            [str(interop), "client", *SPEAKERS[speaker], "-address", address, *map(str, options), scenario],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            timeout=6 * TIMEOUT,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    return run


@pytest.fixture
def go_program(interop):
    """go_program("server", "-protocol", ...): the place at which the program says that it is ready. The program runs
    until the test ends."""
    processes = []

    def start(*arguments):
        process = subprocess.Popen(
            [str(interop), *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        processes.append(process)
        said = process.stdout.readline().split()
        assert said[:1] == ["ready"], process.stderr.read()
        return said[1]

    yield start
    for process in processes:
        process.communicate(timeout=TIMEOUT)
        assert process.returncode == 0


@pytest.fixture
def go_server(go_program):
    """go_server("netrpc", "tcp"): the address of a Go server; registry: the URL at which the server announces
    itself."""

    def start(protocol, scheme, directory=None, registry=None):
        place = f"{scheme}@{directory}/go.sock" if scheme == "unix" else f"{scheme}@127.0.0.1:0"
        announcing = ["-registry", registry] if registry else []
        return go_program("server", "-protocol", protocol, "-address", place, *announcing)

    return start


@pytest.fixture
def go_registry(go_program):
    """go_registry(): the URL of a registry like GeeRPC's own."""
    return lambda: go_program("registry", "-address", "tcp@127.0.0.1:0")


@pytest.fixture
def go_xclient(interop):
    """go_xclient(url, "roundrobin", 100): the output, on one line, of a Go program that called the servers of a
    registry."""

    def run(registry, mode, calls):
        words = ["-protocol", "geerpc", "-registry", registry, "-mode", mode, "-calls", str(calls)]
        done = subprocess.run(
            [str(interop), "xclient", *words], capture_output=True, text=True, timeout=6 * TIMEOUT, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    return run
