"""geectl registry, and calls to servers from a source: GeeRPC's registry in a Go program, a registry with this
project's additions, files and DNS names. A C xclient (geectl's, and one under load) calls Go servers; Go's XClient
calls what geectl has put there."""
import ctypes
import http.server
import json
import os
import signal
import subprocess
import threading
import time

import pytest

from conftest import BUILD, SANITIZED, TIMEOUT, eventually
from registering import start_registry, url
from scripted import GEECTL, closed_port, geectl

ARGUMENTS = '{"A":7,"B":8}'


@pytest.fixture
def go(interop):
    """go("registry", "-address", "tcp@127.0.0.1:0"): the place that the Go program serves; go.stop(place) ends the
    program, go.run(...) waits for its end."""
    running = {}

    def start(*words):
        process = subprocess.Popen(
            [str(interop), *map(str, words)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        said = process.stdout.readline().split()
        assert said[:1] == ["ready"], process.stderr.read()
        running[said[1]] = process
        return said[1]

    def stop(place):
        process = running.pop(place)
        process.communicate(timeout=TIMEOUT)
        assert process.returncode == 0

    def run(*words):
        done = subprocess.run(
            [str(interop), *map(str, words)], capture_output=True, text=True, timeout=4 * TIMEOUT, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    start.stop, start.run = stop, run
    yield start
    for place in list(running):
        stop(place)


@pytest.fixture
def registry(go):
    return go("registry", "-address", "tcp@127.0.0.1:0")


def listed(source, *options):
    done = geectl("registry", "ls", *options, source)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.splitlines()


# ---- Go's registry ----


def test_put_list_and_what_go_makes_of_it(registry, go, serve):
    assert listed(registry) == []
    servers = sorted([serve().address, serve().address])
    for address in servers:
        done = geectl("registry", "put", registry, address)
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert listed(registry) == servers
    done = geectl("registry", "rm", registry, servers[0])
    assert done.returncode == 3
    assert "the registry takes no DELETE" in done.stderr
    assert listed(registry) == servers


@pytest.mark.parametrize("speaker", ["netrpc", "geerpc"])
def test_go_servers_found_in_a_go_registry(registry, go, speaker):
    options = ["--protocol", "netrpc"] if speaker == "netrpc" else ["--codec", "gob"]
    addresses = [
        go("server", "-protocol", speaker, "-address", place, "-registry", registry)
        for place in ("tcp@127.0.0.1:0", "tcp@:0")  # the second server announces tcp@[::]:PORT, as Go programs do
    ]
    assert sorted(listed(registry)) == sorted(addresses)
    for balance in ("random", "roundrobin"):
        for _ in range(6):
            done = geectl("call", *options, "--registry", registry, "--balance", balance, "Arith.Multiply", ARGUMENTS)
            assert (done.returncode, done.stdout, done.stderr) == (0, "56\n", "")
    done = geectl("broadcast", *options, "--registry", registry, "Arith.Multiply", ARGUMENTS)
    assert (done.returncode, done.stdout, done.stderr) == (0, "56\n", "")
    go.stop(addresses[0])  # the entry stays for five minutes: the call goes to the other server
    for _ in range(6):
        done = geectl("call", *options, "--registry", registry, "Arith.Multiply", ARGUMENTS)
        assert (done.returncode, done.stdout, done.stderr) == (0, "56\n", "")


def test_go_finds_our_server(registry, go, server):
    assert geectl("registry", "put", registry, server.tcp).returncode == 0
    for speaker in ("netrpc", "geerpc"):
        said = go.run("xclient", "-protocol", speaker, "-registry", registry, "-calls", 50, "-mode", "roundrobin")
        assert said == "400 calls to 1 servers, a broadcast to 1"


def test_nobody_is_there(registry):
    done = geectl("call", "--registry", registry, "Arith.Multiply", ARGUMENTS)
    assert (done.returncode, done.stdout) == (3, "")
    assert "no servers" in done.stderr


def test_the_registry_is_not_there():
    url = closed_port().replace("tcp@", "http://") + "/_geerpc_/registry"
    for words in (["call", "--registry", url, "X.Y"], ["registry", "ls", url], ["registry", "put", url, "tcp@a:1"]):
        done = geectl(*words)
        assert done.returncode == 3, words
        assert done.stderr.startswith(f"geectl: {url}: connect: Connection refused")


# ---- under load ----

SOAK = float(os.environ.get("GEERPC_SOAK", 1))  # seconds of each failure


class DialOptions(ctypes.Structure):
    """gee_dial_options_t of src/client/geerpc.h"""

    _fields_ = [("size", ctypes.c_size_t), ("codec", ctypes.c_char_p), ("protocol", ctypes.c_char_p)]


class XclientOptions(ctypes.Structure):
    """gee_xclient_options_t"""

    _fields_ = [
        ("size", ctypes.c_size_t),
        ("balance", ctypes.c_char_p),
        ("dial", ctypes.POINTER(DialOptions)),
        ("connections", ctypes.c_int),
        ("retries", ctypes.c_int),
        ("fail_timeout_ns", ctypes.c_int64),
        ("registry", ctypes.c_char_p),
        ("service", ctypes.c_char_p),
        ("refresh_ns", ctypes.c_int64),
    ]


class Load:
    """Four threads that call through one xclient until stop()."""

    def __init__(self, registry):
        self.library = ctypes.CDLL(str(BUILD / "libgeerpc.so"))
        self.library.gee_xclient_create.restype = ctypes.c_void_p
        self.library.gee_xclient_create.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_void_p, ctypes.c_void_p]
        self.library.gee_xclient_call.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_char_p]
        self.library.gee_xclient_call.argtypes += [ctypes.c_void_p] * 3
        self.library.gee_xclient_close.argtypes = [ctypes.c_void_p]
        dial = DialOptions(ctypes.sizeof(DialOptions), None, b"netrpc")
        options = XclientOptions(ctypes.sizeof(XclientOptions), b"roundrobin", ctypes.pointer(dial), retries=-1)
        options.registry = registry.encode()
        options.refresh_ns = 50_000_000
        self.xclient = self.library.gee_xclient_create(None, 0, ctypes.byref(options), None)
        assert self.xclient
        self.calls = self.failures = 0
        self.over = False
        self.threads = [threading.Thread(target=self.run) for _ in range(4)]
        for thread in self.threads:
            thread.start()

    def run(self):
        calls = failures = 0
        while not self.over:
            reply = ctypes.c_char_p()
            arguments = b'{"A":%d,"B":3}' % calls
            status = self.library.gee_xclient_call(
                self.xclient, b"Arith.Multiply", arguments, ctypes.byref(reply), None, None
            )
            failures += status != 0 or reply.value != b"%d" % (calls * 3)
            self.library.gee_free(reply)
            calls += 1
        self.calls += calls
        self.failures += failures

    def stop(self):
        self.over = True
        for thread in self.threads:
            thread.join()
        self.library.gee_xclient_close(ctypes.byref(ctypes.c_void_p(self.xclient)))


@pytest.mark.skipif(SANITIZED, reason="an instrumented library cannot be loaded into Python")
def test_no_call_fails_whatever_the_registry_does(go, capsys):
    """The registry is stopped, started empty, filled again with two of three servers; the third server is stopped when
    it has left the list. No call is tried twice."""
    registry = go("registry", "-address", "tcp@127.0.0.1:0")
    servers = [
        go("server", "-protocol", "netrpc", "-address", "tcp@127.0.0.1:0", "-registry", registry) for _ in range(3)
    ]
    load = Load(registry)
    try:
        time.sleep(SOAK)
        go.stop(registry)
        time.sleep(SOAK)
        place = registry.partition("//")[2].partition("/")[0]
        assert go("registry", "-address", f"tcp@{place}") == registry
        time.sleep(SOAK)
        for server in servers[:2]:
            assert geectl("registry", "put", registry, server).returncode == 0
        time.sleep(SOAK)  # 20 looks
        go.stop(servers[2])
        time.sleep(SOAK)
    finally:
        load.stop()
    with capsys.disabled():
        print(f" {load.calls} calls, {load.failures} failed ", end="")
    assert load.calls > 100
    assert load.failures == 0


# ---- this project's registry ----


def test_taking_out_what_is_not_there(make_server):
    """An address has an entry for each service, and perhaps an entry without a service."""
    source = url(start_registry(make_server()))
    assert geectl("registry", "put", "--service", "Arith", source, "tcp@10.0.0.1:1").returncode == 0
    for options, which in (([], "without a service"), (["--service", "Foo"], "of service Foo")):
        done = geectl("registry", "rm", *options, source, "tcp@10.0.0.1:1")
        assert (done.returncode, done.stdout) == (1, "")
        said = f"geectl: {source}: there is no entry tcp@10.0.0.1:1 {which}; ls shows what is there, "
        assert done.stderr == said + "--service names an entry's service\n"
    assert len(listed(source)) == 1
    done = geectl("registry", "rm", "--service", "Arith", source, "tcp@10.0.0.1:1")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert listed(source) == []


# ---- a registry with this project's additions ----


class Registry(http.server.ThreadingHTTPServer):
    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server_port}/registry"
        self.changed = threading.Condition()
        self.version = 1
        self.servers = []
        self.requests = []
        threading.Thread(target=self.serve_forever, args=(0.01,), daemon=True).start()

    def set(self, *servers):
        with self.changed:
            self.servers = list(servers)
            self.version += 1
            self.changed.notify_all()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def reply(self, status, headers=(), body=b""):
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        server = self.server
        server.requests.append(self.path)
        with server.changed:
            if f"version={server.version}&" in self.path:
                server.changed.wait(30)
            body = json.dumps({"version": server.version, "servers": server.servers}).encode()
            headers = [("X-Geerpc-Version", server.version), ("Content-Type", "application/json")]
        self.reply(200, headers, body)

    def note(self):
        self.server.requests.append((self.command, {n: v for n, v in self.headers.items() if n.startswith("X-")}))
        self.reply(200)

    do_POST = do_DELETE = note


@pytest.fixture
def scripted_registry():
    registry = Registry()
    yield registry
    registry.set()  # no client waits any more
    registry.shutdown()
    registry.server_close()


def test_details(scripted_registry):
    scripted_registry.set(
        {"address": "tcp@a:1", "service": "Arith", "weight": 3, "expires_in_ms": 12345},
        {"address": "tcp@a:1", "service": "Foo", "weight": 1, "expires_in_ms": 500},
        {"address": "tcp@b:1", "weight": 1, "expires_in_ms": 299000},
    )
    assert listed(scripted_registry.url) == [
        "tcp@a:1  weight 3  service Arith  expires in 12.3 s",
        "tcp@a:1  weight 1  service Foo  expires in 500 ms",
        "tcp@b:1  weight 1  expires in 299 s",
    ]
    assert listed(scripted_registry.url, "--service", "Foo") == ["tcp@a:1  weight 1  service Foo  expires in 500 ms"]


def test_what_is_put(scripted_registry):
    options = ["--service", "Arith", "--weight", "3", "--ttl", "90s"]
    assert geectl("registry", "put", *options, scripted_registry.url, "tcp@a:1").returncode == 0
    assert geectl("registry", "rm", "--service", "Arith", scripted_registry.url, "tcp@a:1").returncode == 0
    service = {"X-Geerpc-Server": "tcp@a:1", "X-Geerpc-Service": "Arith"}
    assert scripted_registry.requests == [
        ("POST", {**service, "X-Geerpc-Weight": "3", "X-Geerpc-Ttl": "90s"}),
        ("DELETE", service),
    ]


def test_watch(scripted_registry):
    """Servers that come, change and go are seen at once: the request waits at the registry."""
    scripted_registry.set({"address": "tcp@a:1", "weight": 1})
    watch = subprocess.Popen(
        [GEECTL, "registry", "watch", scripted_registry.url], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )

    def line():
        return watch.stdout.readline().split(" ", 1)[1].strip()

    assert line() == "+ tcp@a:1  weight 1"
    scripted_registry.set({"address": "tcp@a:1", "weight": 2}, {"address": "tcp@b:1", "weight": 1})
    assert [line(), line()] == ["~ tcp@a:1  weight 2", "+ tcp@b:1  weight 1"]
    scripted_registry.set({"address": "tcp@b:1", "weight": 1})
    assert line() == "- tcp@a:1  weight 2"
    eventually(lambda: "/registry?version=4&wait=30s" in scripted_registry.requests, "it waits for the next change")
    watch.send_signal(signal.SIGINT)
    assert watch.communicate(timeout=TIMEOUT) == ("", "")
    assert watch.returncode == 0


# ---- files and names ----


def test_a_file_and_a_name(serve, tmp_path):
    server = serve()
    servers = tmp_path / "servers"
    servers.write_text(f"{server.address} 3 # mine\n")
    assert listed(f"file@{servers}") == [f"{server.address}  weight 3"]
    port = server.address.rpartition(":")[2]
    assert f"tcp@127.0.0.1:{port}" in listed(f"dns@localhost:{port}")
    for source in (f"file@{servers}", f"dns@127.0.0.1:{port}"):
        done = geectl("call", "--registry", source, "Arith.Multiply", ARGUMENTS)
        assert (done.returncode, done.stdout) == (0, "56\n")
        done = geectl("registry", "put", source, "tcp@a:1")
        assert done.returncode == 2
        assert done.stderr == f"geectl: {source}: nothing can be put there or taken out\n"


def test_a_file_that_is_watched(tmp_path):
    servers = tmp_path / "servers"
    watch = subprocess.Popen(
        [GEECTL, "registry", "watch", f"file@{servers}"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert watch.stderr.readline() == f"geectl: file@{servers}: open: No such file or directory; trying again\n"
    servers.write_text("tcp@a:1\n")
    assert watch.stdout.readline().endswith(" + tcp@a:1  weight 1\n")
    (tmp_path / "new").write_text("tcp@b:1\n")
    (tmp_path / "new").rename(servers)
    assert watch.stdout.readline().endswith(" - tcp@a:1  weight 1\n")
    assert watch.stdout.readline().endswith(" + tcp@b:1  weight 1\n")
    watch.terminate()
    watch.communicate(timeout=TIMEOUT)
    assert watch.returncode == 0


# ---- wrong usage ----


@pytest.mark.parametrize(
    "words, said",
    [
        (["registry"], "too few arguments; usage: geectl registry ls|watch|put|rm SOURCE [ADDRESS]"),
        (["registry", "show", "x"], 'registry: unknown action "show"; it is one of ls, watch, put, rm'),
        (["registry", "ls", "x", "y"], "usage: geectl registry ls SOURCE"),
        (["registry", "put", "x"], "usage: geectl registry put SOURCE ADDRESS"),
        (["registry", "ls", "etcd://x"], 'registry "etcd://x": no module for "etcd" is compiled in; there are: '),
        (["registry", "put", "http://127.0.0.1:1/", "a"], 'address "a": expected scheme@place'),
        (
            ["registry", "put", "http://127.0.0.1:1/", "tcp@a:1", "--service", "A B"],
            '"A B": a registry\'s X-Geerpc-Service has',
        ),
        (
            ["registry", "put", "--weight", "0", "http://x/", "tcp@a:1"],
            "--weight 0: a number from 1 to 65535 is needed",
        ),
        (["call", "--registry", "file@/x", "tcp@a:1", "X.Y", "{}"], "one argument too many"),
        (["call", "--registry", "file@/x"], "too few arguments"),
        (["call", "--service", "X", "tcp@127.0.0.1:1", "X.Y"], "--service is for --registry"),
    ],
)
def test_wrong_usage(words, said):
    done = geectl(*words)
    assert (done.returncode, done.stdout) == (2, "")
    assert said in done.stderr
