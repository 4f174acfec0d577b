"""A registry with its largest numbers of entries and watchers: 10,000 and 1,000. Figures are printed."""
import re
import resource
import selectors
import socket
import time

import pytest

from conftest import SANITIZED, TIMEOUT, eventually
from registering import PATH, ask, put, remove, start_registry, url, wait_for_helper
from test_discovery import gateway_conf, upstream

ENTRIES = 10000 if not SANITIZED else 1000
WATCHERS = 1000 if not SANITIZED else 100


def cpu_seconds(pids):
    """Seconds of the processors so far, of all these processes."""
    ticks = 0
    for pid in pids:
        with open(f"/proc/{pid}/stat", encoding="ascii") as stat:
            ticks += sum(int(field) for field in stat.read().rsplit(")", 1)[1].split()[11:13])
    return ticks / 100


def resident_kib(pid):
    with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as smaps:
        text = smaps.read()
    return sum(
        int(re.search(rf"^{name}:\s+(\d+)", text, re.MULTILINE).group(1)) for name in ("Private_Clean", "Private_Dirty")
    )


def addresses():
    return [f"tcp@10.{n >> 16}.{n >> 8 & 255}.{n & 255}:9999" for n in range(ENTRIES)]


def place_of(server):
    host, port = server.tcp.split("@")[1].split(":")
    return host, int(port)


class Requests:
    """Many connections that each send requests and take one answer after the other."""

    def __init__(self, server, connections, buffer=0):
        """buffer: bytes that the kernel takes for a client that does not read; 0: the kernel's default."""
        self.selector = selectors.DefaultSelector()
        self.connections = []
        for _ in range(connections):
            connection = socket.socket()
            if buffer:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
            connection.settimeout(TIMEOUT)
            connection.connect(place_of(server))
            connection.setblocking(False)
            self.connections.append(connection)
            self.selector.register(connection, selectors.EVENT_READ, bytearray())

    def close(self):
        for connection in self.connections:
            connection.close()

    def send(self, connection, method, target, headers=""):
        connection.setblocking(True)
        connection.sendall(f"{method} {target} HTTP/1.1\r\nHost: localhost\r\n{headers}\r\n".encode())
        connection.setblocking(False)

    def answers(self, count):
        """(connection, bytes) of so many complete answers without a body."""
        end = time.monotonic() + 2 * TIMEOUT
        while count > 0:
            assert time.monotonic() < end, f"{count} answers are missing"
            for key, _ in self.selector.select(1):
                more = key.fileobj.recv(1 << 20)
                assert more, "the connection was closed"
                key.data.extend(more)
                if key.data.endswith(b"\r\n\r\n"):
                    yield key.fileobj, bytes(key.data)
                    key.data.clear()
                    count -= 1


def register(server, names, connections=50, service="Arith"):
    requests = Requests(server, connections)
    waiting = list(reversed(names))

    def send(connection):
        requests.send(connection, "POST", PATH, f"X-Geerpc-Server: {waiting.pop()}\r\nX-Geerpc-Service: {service}\r\n")

    for connection in requests.connections:
        send(connection)
    for connection, answer in requests.answers(len(names)):
        assert answer.startswith(b"HTTP/1.1 200 "), answer
        if waiting:
            send(connection)
    requests.close()


@pytest.fixture(autouse=True)
def many_descriptors():
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 8192), hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_ten_thousand_entries_and_a_thousand_watchers(make_server, capsys):
    registry = start_registry(make_server(), more="limits = { connections_per_address = 0; };")
    names = addresses()
    helper = wait_for_helper(registry)
    processes = [helper, *registry.worker_pids()]
    figures = []

    began, cpu = time.monotonic(), cpu_seconds(processes)
    register(registry, names)
    figures.append(
        f"{ENTRIES} registrations in {time.monotonic() - began:.2f} s, CPU {cpu_seconds(processes) - cpu:.2f} s"
    )
    assert put(registry, "tcp@10.200.0.1:1").status == (503 if ENTRIES == 10000 else 200)  # registry.entries
    if ENTRIES != 10000:
        remove(registry, "tcp@10.200.0.1:1")

    began, cpu = time.monotonic(), cpu_seconds(processes)
    register(registry, names)
    figures.append(f"{ENTRIES} refreshes in {time.monotonic() - began:.2f} s, CPU {cpu_seconds(processes) - cpu:.2f} s")

    began = time.monotonic()
    listed = ask(registry, Accept="application/json").json["servers"]
    figures.append(f"the list as JSON in {1000 * (time.monotonic() - began):.0f} ms")
    assert [entry["address"] for entry in listed] == sorted(names)
    assert all(entry["service"] == "Arith" for entry in listed)

    watch(registry, names, figures, processes)

    # A restart reads all of it.
    registry.stop()
    registry.start()
    assert len(ask(registry, Accept="application/json").json["servers"]) == ENTRIES - 1
    with capsys.disabled():
        print("\n" + "\n".join(figures))


def watch(registry, names, figures, processes):
    """Every watcher gets one change, complete and at once."""
    version = ask(registry, Accept="application/json").version
    requests = Requests(registry, WATCHERS)
    for connection in requests.connections:
        requests.send(connection, "GET", f"{PATH}?version={version}&wait=60s")
    before = [resident_kib(pid) for pid in processes]
    began, cpu = time.monotonic(), cpu_seconds(processes)
    assert remove(registry, names[0], service="Arith").status == 200
    answers = {}
    for connection, answer in requests.answers(WATCHERS):
        answers[connection] = answer.split(b"\r\n", 2)[0], answer[answer.index(b"X-Geerpc-Servers: "):]
    spent = cpu_seconds(processes) - cpu
    figures.append(
        f"{WATCHERS} watchers of {ENTRIES} entries told in {time.monotonic() - began:.2f} s, CPU {spent:.2f} s "
        f"({1e6 * spent / WATCHERS:.0f} us each), workers' private memory {max(before[1:]) / 1024:.1f} MiB before, "
        f"{max(resident_kib(pid) for pid in processes[1:]) / 1024:.1f} MiB after"
    )
    wanted = b"X-Geerpc-Servers: " + ",".join(sorted(names[1:])).encode() + b"\r\n\r\n"
    assert set(answers.values()) == {(b"HTTP/1.1 200 OK", wanted)} and len(answers) == WATCHERS
    requests.close()


def test_the_longest_list_can_be_followed(make_server):
    """With the longest texts, the list is full before it is too long for followers."""
    registry = start_registry(make_server(), entries=16384)
    names = [f"tcp@{'h' * 243}{n:06}:1" for n in range(7500)]
    service = "s" * 255
    register(registry, names[:7000], service=service)
    taken = 7000
    while (answer := put(registry, names[taken], service=service)).status == 200:
        taken += 1
    assert answer.status == 503 and "4096 KiB of addresses" in answer.body
    gateway = make_server()
    gateway.conf = gateway_conf(url(registry))
    gateway.start()
    report = eventually(lambda: (found := upstream(gateway)["registry"])["count"] and found, "a list", 2 * TIMEOUT)
    assert report["count"] == taken
    assert report.get("trouble") is None


def test_watchers_that_never_read(make_server):
    """Watchers that do not read do not delay the others."""
    registry = start_registry(make_server(), workers=1)
    register(registry, addresses())
    version = ask(registry, Accept="application/json").version
    sleepers = Requests(registry, 200, buffer=4096)
    for connection in sleepers.connections:
        sleepers.send(connection, "GET", f"{PATH}?version={version}&wait=60s")
    for turn in range(3):
        assert put(registry, addresses()[0], service="Arith", weight=turn + 2).status == 200
        assert ask(registry, Accept="application/json").version > version
    sleepers.close()
