"""The server as a registry: GeeRPC's wire and the additions, the permission to register, and that no entry is lost with
a worker, with the helper, by a reload or a restart."""
import os
import signal
import socket
import threading
import time

import pytest

from conftest import TIMEOUT, eventually
from registering import (
    PATH,
    Place,
    ask,
    connect,
    entries,
    helper_pid,
    put,
    registry_conf,
    remove,
    servers,
    start_registry,
    wait_for_helper,
    wait_for_servers,
)

A, B, C = "tcp@10.0.0.1:9999", "tcp@10.0.0.2:9999", "http@10.0.0.3:80"


@pytest.fixture
def registry(make_server):
    return start_registry(make_server())


# ---- the wire ----


def test_the_wire_of_geerpc(registry):
    answer = ask(registry)
    assert (answer.status, answer.headers["X-Geerpc-Servers"], answer.body) == (200, "", "")
    assert ask(registry, "POST").status == 500
    assert ask(registry, "POST", Server="").status == 500
    for address in (B, C, A, "tcp@[::]:7001", A):
        assert put(registry, address).status == 200
    assert ask(registry).headers["X-Geerpc-Servers"] == f"{C},{A},{B},tcp@[::]:7001"
    for method in ("PUT", "PATCH", "OPTIONS"):
        answer = ask(registry, method, Server="tcp@10.0.0.9:1")
        assert (answer.status, answer.headers["Allow"]) == (405, "GET, POST, DELETE")
    assert len(servers(registry)) == 4


def test_every_worker_and_listener_answers_the_same(make_server):
    registry = start_registry(make_server(), workers=3)
    for number in range(30):
        assert put(registry, f"tcp@10.0.0.1:{1000 + number}").status == 200
        # The put was answered, so the entry is there, at every worker and listener.
        answers = [ask(registry), ask(registry), ask(registry, address=registry.unix)]
        assert {len(answer.servers) for answer in answers} == {number + 1}
        assert len({answer.version for answer in answers}) == 1


def test_leaving(registry):
    put(registry, A)
    put(registry, B)
    put(registry, B, service="Arith")
    answer = remove(registry, A)
    assert (answer.status, answer.headers["X-Geerpc-Removed"]) == (200, "1")
    assert servers(registry) == [B]
    assert remove(registry, B).status == 200  # the entry without a service
    assert list(entries(registry)) == [(B, "Arith")]
    assert remove(registry, B, service="Arith").status == 200
    assert servers(registry) == []
    answer = remove(registry, A)
    # no such entry: the desired state
    assert (answer.status, answer.headers["X-Geerpc-Removed"]) == (200, "0")
    assert ask(registry, "DELETE").status == 500


def test_services_and_weights(registry):
    put(registry, A, service="Foo", weight=3)
    put(registry, A, service="Arith")
    put(registry, B, service="Arith", weight=65535, ttl="90s")
    put(registry, C)
    assert servers(registry) == [C, A, B]  # each address once
    assert servers(registry, "service=Arith") == [A, B]
    assert servers(registry, "service=Nothing") == []
    listed = ask(registry, Accept="application/json")
    assert listed.headers["X-Geerpc-Servers"] is None  # a list is sent once
    assert [(each["address"], each.get("service"), each["weight"]) for each in listed.json["servers"]] == [
        (C, None, 1),
        (A, "Arith", 1),
        (A, "Foo", 3),
        (B, "Arith", 65535),
    ]
    assert listed.json["version"] == listed.version
    assert list(entries(registry, "service=Foo")) == [(A, "Foo")]
    assert 85000 < entries(registry)[B, "Arith"]["expires_in_ms"] <= 90000
    assert 295000 < entries(registry)[C, None]["expires_in_ms"] <= 300000


def test_what_a_post_answers(registry):
    assert put(registry, A).headers["X-Geerpc-Ttl"] == "5m"
    assert put(registry, A, ttl="1m30s").headers["X-Geerpc-Ttl"] == "90s"


@pytest.mark.parametrize(
    "headers",
    [
        {"Server": "10.0.0.1:9999"},
        {"Server": "@10.0.0.1:9999"},
        {"Server": "tcp@"},
        {"Server": "tcp@10.0.0.1"},
        {"Server": "tcp@10.0.0.1:99999"},
        {"Server": "http@10.0.0.1:"},
        {"Server": "tcp@10.0.0.1:0"},
        {"Server": "http@[::]:00"},
        {"Server": "tcp@10.0.0.1:1,tcp@10.0.0.2:2"},
        {"Server": "tcp@10.0.0.1:1 tcp@10.0.0.2:2"},
        {"Server": 'unix@/run/"quoted"'},
        {"Server": "unix@/run/back\\slash"},
        {"Server": "unix@/run/\x80\xff"},
        {"Server": "unix@/run/" + "x" * 300},
        {"Server": A, "Service": "a b"},
        {"Server": A, "Service": "a,b"},
        {"Server": A, "Service": "x" * 256},
        {"Server": A, "Weight": "0"},
        {"Server": A, "Weight": "65536"},
        {"Server": A, "Weight": "-1"},
        {"Server": A, "Weight": "3.5"},
        {"Server": A, "Ttl": "30"},
        {"Server": A, "Ttl": "0s"},
        {"Server": A, "Ttl": "10ms"},
        {"Server": A, "Ttl": "25h"},
        {"Server": A, "Ttl": "-30s"},
    ],
)
def test_garbage_is_refused(registry, headers):
    before = ask(registry).version
    answer = ask(registry, "POST", **headers)
    assert answer.status == 400 and len(answer.body) < 700
    assert (servers(registry), ask(registry).version) == ([], before)


def test_a_header_twice_and_control_bytes(registry):
    for header in (f"X-Geerpc-Server: {A}\r\nX-Geerpc-Server: {B}", "X-Geerpc-Server: tcp@10.0.0.1:1\x01"):
        with socket.create_connection(tuple(registry.tcp.split("@")[1].split(":")), TIMEOUT) as sock:
            sock.sendall(f"POST {PATH} HTTP/1.1\r\nHost: localhost\r\n{header}\r\n\r\n".encode())
            assert sock.recv(100).startswith(b"HTTP/1.1 400 ")
    assert servers(registry) == []


@pytest.mark.parametrize(
    "query",
    [
        "version=x",
        "version=-1",
        "version=1&wait=soon",
        "version=1&wait=5",
        "service=a%0d%0ab",
        "service=%00",
        "service=%zz",
        "service=%4",
        "%serv=Arith",
    ],
)
def test_a_question_that_is_none(registry, query):
    assert ask(registry, query=query).status == 400


# ---- bounds, and permissions ----


def test_a_full_list(make_server):
    registry = start_registry(make_server(), entries=3)
    for port in (1, 2, 3):
        assert put(registry, f"tcp@10.0.0.1:{port}").status == 200
    answer = put(registry, "tcp@10.0.0.1:4")
    assert answer.status == 503 and "entries = 3" in answer.body
    assert put(registry, "tcp@10.0.0.1:3", weight=5).status == 200  # servers in the list can stay
    assert remove(registry, "tcp@10.0.0.1:1").status == 200
    assert put(registry, "tcp@10.0.0.1:4").status == 200
    # Fewer by a reload: existing entries stay until their time is over.
    registry.reload(registry.conf.replace("entries = 3", "entries = 1"))
    assert len(servers(registry)) == 3
    assert put(registry, "tcp@10.0.0.1:5").status == 503


def test_who_may_register(make_server):
    registry = start_registry(make_server(), allow='( "10.0.0.0/8", "fd00::/8" )')
    for method in ("POST", "DELETE"):
        answer = ask(registry, method, Server=A)
        assert answer.status == 403 and "registry.allow" in answer.body
        assert ask(registry, method, address=registry.unix, Server=B).status == 200
    assert servers(registry) == []  # every client may read
    registry.wait_for_log(r"\[warn\] .*tcp@127\.0\.0\.1:\d+: registry: it may not register servers here")
    registry.reload(registry.conf.replace("10.0.0.0/8", "127.0.0.1"))
    eventually(lambda: put(registry, A).status == 200, "the old workers accept no more")


def test_the_default_is_this_machine(stopped):
    stopped.conf = registry_conf()
    assert 'allow = ( "127.0.0.0/8", "::1" )' in " ".join(stopped.run("-T").stdout.split())


def test_settings_that_are_wrong(stopped):
    for wrong, said in (
        ("registry = { timeout = \"5m\"; };", 'registry has no "path"'),
        ("registry = { path = \"here\"; };", "a path begins with /"),
        ("registry = { path = \"/r\"; allow = ( \"10.0.0.1/8\" ); };", "bits behind the prefix"),
        ("registry = { path = \"/r\"; allow = ( \"everybody\" ); };", "expected an address or a network"),
        ("registry = { path = \"/r\"; entries = 20000; };", "registry.entries"),
        ("registry = { path = \"/r\"; timeout = \"10ms\"; };", "registry.timeout"),
    ):
        stopped.conf = 'listen = ( { address = "tcp@127.0.0.1:0"; } );\n' + wrong
        done = stopped.run("-t", status=1)
        assert "geerpc.conf:2: " in done.stderr and said in done.stderr, done.stderr


def test_without_the_group_there_is_none(server):
    assert ask(server).status == 404
    assert helper_pid(server) == 0
    # With the group, after a reload, there is a registry; then at another path, and then none.
    for path in (PATH, "/elsewhere"):
        server.reload(registry_conf(server.tcp, path=f'"{path}"'))
        eventually(lambda p=path: ask(server, path=p).status == 200, "the old workers accept no more")
    eventually(lambda: ask(server).status == 404, "the old workers accept no more")
    server.reload(server.conf.split("registry = ")[0])
    eventually(lambda: ask(server, path="/elsewhere").status == 404, "the old workers accept no more")
    eventually(lambda: helper_pid(server) == 0, "no helper")


# ---- waiting for changes ----


class Waiting(threading.Thread):
    """A request that waits for another version."""

    def __init__(self, registry, version, wait="30s", query="", **headers):
        super().__init__(daemon=True)
        self.registry, self.headers = registry, headers
        self.query = f"version={version}&wait={wait}{query}"
        self.answer = self.ended = None
        self.start()

    def run(self):
        self.answer = ask(self.registry, query=self.query, **self.headers)
        self.ended = time.monotonic()

    def result(self):
        self.join(TIMEOUT)
        assert self.answer, "it still waits"
        return self.answer


def test_a_watch_ends_with_a_change(registry):
    put(registry, A)
    version = ask(registry).version
    waiting = [Waiting(registry, version), Waiting(registry, version, Accept="application/json")]
    put(registry, A)  # nothing new
    assert ask(registry).version == version
    for change in (lambda: put(registry, B), lambda: put(registry, B, weight=2), lambda: remove(registry, B)):
        assert all(each.is_alive() for each in waiting)
        change()
        after = ask(registry)
        assert after.version != version
        assert waiting[0].result().servers == after.servers
        assert waiting[1].result().json["version"] == waiting[0].result().version == after.version
        version = after.version
        waiting = [Waiting(registry, version), Waiting(registry, version, Accept="application/json")]
    put(registry, C)
    for each in waiting:
        each.result()


def test_a_watch_that_need_not_wait(registry):
    version = ask(registry).version
    began = time.monotonic()
    assert ask(registry, query=f"version={version - 1}&wait=30s").version == version
    assert ask(registry, query=f"version={version}").version == version
    assert ask(registry, query="wait=30s").version == version
    assert time.monotonic() - began < 5
    assert ask(registry, query=f"version={version}&wait=300ms").version == version
    assert time.monotonic() - began >= 0.3


def test_a_watch_of_one_service(registry):
    put(registry, A, service="Arith")
    waiting = Waiting(registry, ask(registry).version, query="&service=Foo")
    put(registry, B, service="Foo")
    assert waiting.result().servers == [B]


def test_a_watch_ends_when_its_worker_leaves(registry):
    version = ask(registry).version
    waiting = [Waiting(registry, version, wait="60s") for _ in range(8)]
    old = registry.worker_pids()
    registry.reload()
    for each in waiting:
        assert each.result().version == version
    eventually(lambda: not set(old) & set(registry.processes()), "the end of the old workers")


def test_who_goes_away_while_waiting(registry):
    version = ask(registry).version
    for _ in range(20):
        connection = connect(registry.tcp)
        connection.request("GET", f"{PATH}?version={version}&wait=30s")
        connection.close()
    put(registry, A)
    assert servers(registry) == [A]


# ---- time ----


def test_an_entry_is_forgotten_within_a_second_of_its_time(registry):
    put(registry, A, ttl="10s")
    for ttl in ("1s", "1500ms"):
        version = ask(registry).version
        began = time.monotonic()
        put(registry, B, ttl=ttl)
        waiting = Waiting(registry, ask(registry).version)
        assert waiting.result().servers == [A]
        late = waiting.ended - began - (1 if ttl == "1s" else 1.5)
        assert 0 <= late < 1, late
        assert ask(registry).version > version


def test_refreshing(registry):
    put(registry, A, ttl="1s")
    end = time.monotonic() + 2.5
    while time.monotonic() < end:
        assert put(registry, A, ttl="1s").status == 200
        assert servers(registry) == [A]
    wait_for_servers(registry, [])


def test_the_timeout_of_the_settings(make_server):
    registry = start_registry(make_server(), timeout='"1s"')
    assert put(registry, A).headers["X-Geerpc-Ttl"] == "1s"
    wait_for_servers(registry, [])


# ---- nothing is lost ----


def test_a_worker_dies(registry):
    registry.allow(r"was killed by signal 9")
    for _ in range(3):
        put(registry, A)
        for pid in registry.worker_pids():
            os.kill(pid, signal.SIGKILL)
        eventually(lambda: len(registry.worker_pids()) == 2, "two workers")
        assert servers(registry) == [A]
        remove(registry, A)
        assert servers(registry) == []


def test_the_helper_dies(registry):
    registry.allow(r"helper .* was killed by signal 9")
    put(registry, A)
    put(registry, B, ttl="1s")
    version = ask(registry).version
    waiting = Waiting(registry, version)
    helper = wait_for_helper(registry)
    os.kill(helper, signal.SIGKILL)
    assert A in servers(registry)  # answers need no helper
    assert put(registry, C).status == 200  # the next helper answers
    assert wait_for_helper(registry, helper) != helper
    assert waiting.result().version > version
    wait_for_servers(registry, [C, A])
    assert "helper: pid " in registry.status()


def test_requests_survive_the_helper(registry):
    """Requests in flight to the helper are sent again."""
    registry.allow(r"helper .* was killed by signal 9")
    helper = wait_for_helper(registry)
    os.kill(helper, signal.SIGSTOP)
    results = []
    threads = [
        threading.Thread(
            target=lambda n=n: results.append(put(registry, f"tcp@10.0.0.1:{n + 1}").status)
        ) for n in range(20)
    ]
    for thread in threads:
        thread.start()
    os.kill(helper, signal.SIGKILL)
    for thread in threads:
        thread.join()
    assert results == [200] * 20
    assert len(servers(registry)) == 20


def test_a_helper_that_hangs(registry):
    put(registry, A)
    helper = wait_for_helper(registry)
    os.kill(helper, signal.SIGSTOP)
    try:
        began = time.monotonic()
        answer = put(registry, B)
        assert answer.status == 503 and "helper" in answer.body
        assert 4 < time.monotonic() - began < TIMEOUT
        assert servers(registry) == [A]
    finally:
        os.kill(helper, signal.SIGCONT)
    assert put(registry, B).status == 200


def test_a_reload_keeps_it(registry):
    put(registry, A, service="Arith", weight=7)
    version = ask(registry).version
    for change in (lambda conf: conf, lambda conf: conf.replace("workers = 2", "workers = 3")):
        helper = wait_for_helper(registry)
        registry.reload(change(registry.conf))
        assert (list(entries(registry)), ask(registry).version) == ([(A, "Arith")], version)
        wait_for_helper(registry, helper)
        assert put(registry, B).status == 200
        assert remove(registry, B).status == 200
        version = ask(registry).version


def test_a_file_keeps_it_over_restarts(registry):
    put(registry, A, service="Arith", weight=7, ttl="1h")
    put(registry, B)
    version = ask(registry).version
    file = registry.root / "run/registry/servers"
    eventually(lambda: file.exists() and B in file.read_text(), "the file", 10)  # without being told to end
    registry.stop()
    registry.start()
    assert servers(registry) == [A, B]
    assert ask(registry).version > version
    kept = entries(registry)[A, "Arith"]
    assert kept["weight"] == 7 and kept["expires_in_ms"] > 3590000
    # The file also has changes made just before the end.
    remove(registry, B)
    registry.stop(signal.SIGQUIT)
    registry.start()
    assert servers(registry) == [A]
    assert not list(file.parent.glob("*.new"))


def test_a_file_that_is_none(stopped):
    file = stopped.root / "run/registry/servers"
    file.parent.mkdir()
    file.parent.chmod(0o777)
    for garbage in (
        b"hello", b"geerpc registry 2 5\n\xff\xfe", b"geerpc registry 2 5\ntcp@10.0.0.1:1 0 5m\n", b"\0" * 99
    ):
        file.write_bytes(garbage)
        start_registry(stopped)
        assert servers(stopped) == []
        stopped.wait_for_log(
            r"\[error\] .*registry: the list from before is not read: .*servers:\d+: .*; it begins empty"
        )
        stopped.wait_for_log(r"; the file is now \S+/servers\.bad")
        put(stopped, A)
        stopped.stop()
        assert (file.parent / "servers.bad").read_bytes() == garbage  # it could be any file, named by mistake
        assert A in file.read_text()


def test_a_file_that_cannot_be_written(make_server):
    registry = start_registry(make_server(), file='"/proc/servers"')
    assert put(registry, A).status == 200
    registry.wait_for_log(r"\[error\] .*the list cannot be kept over a restart: /proc/servers.*registry\.file")
    assert servers(registry) == [A]
    refused = registry.reload(registry.conf.replace("/proc/servers", "/proc/none/servers"), status=1)
    assert "/proc/none/servers: its directory is missing" in refused.stderr
    assert servers(registry) == [A]


def test_a_pipe_where_the_file_is_written(make_server):
    """No process reads the pipe: the helper must not wait for a reader."""
    registry = start_registry(make_server())
    pipe = registry.root / "run/registry/servers.new"
    os.mkfifo(pipe)
    pipe.chmod(0o666)  # the workers' user could open the pipe
    assert put(registry, A).status == 200
    registry.wait_for_log(r"\[error\] .*the list cannot be kept .*servers\.new: this is no regular file; remove it")
    assert put(registry, B).status == 200
    pipe.unlink()
    registry.wait_for_log(r"\[notice\] .*servers is written again")


def test_no_file(make_server):
    registry = start_registry(make_server(), Place(), file='""')
    put(registry, A)
    version = ask(registry).version
    registry.stop()
    registry.start()
    assert servers(registry) == []
    assert ask(registry).version > version
    assert not (registry.root / "run/registry").exists()


def test_status_shows_the_helper(registry):
    helper = wait_for_helper(registry)
    assert f"helper: pid {helper}, serving, generation 1, up " in registry.status()
    registry.reload()
    wait_for_helper(registry, helper)
    eventually(lambda: registry.status().count("helper: ") == 1, "one helper")
