"""A server whose connections are passed on by reloads, and clients that watch: for test_handover.py and chaos.py.

    make_passing(server)      its configuration: tcp, a Unix socket, tcp that takes sealed channels only
    Crowd(server, interop)    clients on every wire that call on and on
"""
import collections
import contextlib
import fcntl
import json
import multiprocessing
import os
import select
import socket
import struct
import subprocess
import termios

from conftest import BUILD, SANITIZED, TIMEOUT, eventually
from sealing import Keys
from wires import WIRES

NETLINK_SOCK_DIAG, SOCK_DIAG_BY_FAMILY, NLM_F_REQUEST, ALL_STATES = 4, 20, 1, 0xFFFFFFFF  # linux/sock_diag.h
FULL = bool(os.environ.get("GEERPC_FULL"))  # all that is promised, as make chaos does it; make check has less time
# Of the group limits: all clients of these tests share one address.
NO_SHARES = "connections_per_address = 0; handshakes_per_address = 0;"
LONGEST_MOVE = 5 if not SANITIZED else 30  # seconds within which no old worker remains
LISTEN = (
    '{ address = "tcp@127.0.0.1:0"; }',
    '{ address = "unix@run/geerpc.sock"; mode = "0666"; }',
    '{ address = "tcp@127.0.0.2:0"; seal = { key = "keys/server.key"; clients = "keys/clients"; }; }',
)


def passing_conf(workers=2, listen=LISTEN, more=""):
    return f"workers = {workers};\nlisten = (\n  " + ",\n  ".join(listen) + f"\n);\n{more}\n"


def make_passing(server, **options):
    """Not started."""
    server.keys = Keys(server)
    server.keys.write_clients(f"{server.keys['billing']} billing")
    server.conf = passing_conf(**options)
    return server


def start_passing(server, daemon=False, **options):
    make_passing(server, **options).start(daemon=daemon)
    server.sealed = sealed_of(server)
    return server


def sealed_of(server):
    return next(address for address in server.ready.split() if address.startswith("tcp@127.0.0.2"))


def wait_until_moved(server, old, timeout=LONGEST_MOVE):
    """Waits until these workers have ended."""
    eventually(lambda: not any(map(server.has_started, old)), f"the old workers {old} have left", timeout)


def reload_and_move(server, conf=None):
    """(old workers, new workers) once the old ones have left."""
    old = server.worker_pids()
    server.reload(conf)
    wait_until_moved(server, old)
    new = server.worker_pids()
    assert not set(old) & set(new)
    return old, new


def descriptors(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))


def plain_socket(sock):
    """The TCP socket below a seal."""
    return getattr(sock, "sock", sock)


def wait_until_taken(socks):
    """Waits until the server has read all bytes sent on these sockets, sealed or not."""
    waiting = [plain_socket(sock) for sock in socks]
    with socket.socket(socket.AF_NETLINK, socket.SOCK_DGRAM, NETLINK_SOCK_DIAG) as kernel:

        def all_taken():
            waiting[:] = [sock for sock in waiting if unread(kernel, sock) > 0]
            return not waiting

        eventually(all_taken, "the server has read what was sent")


def unread(kernel, sock):
    """Bytes in the receive queue of the other side."""
    if sock.family == socket.AF_UNIX:
        return unsent(sock)
    (host, port), (own_host, own_port) = sock.getpeername(), sock.getsockname()
    addresses = b"".join(socket.inet_aton(address).ljust(16, b"\0") for address in (host, own_host))
    identity = struct.pack(">HH", port, own_port) + addresses + struct.pack("=Iq", 0, -1)
    request = struct.pack("=BBBBI", socket.AF_INET, socket.IPPROTO_TCP, 0, 0, ALL_STATES) + identity
    kernel.send(struct.pack("=IHHII", 16 + len(request), SOCK_DIAG_BY_FAMILY, NLM_F_REQUEST, 0, 0) + request)
    answer = kernel.recv(4096)
    assert struct.unpack_from("=H", answer, 4)[0] == SOCK_DIAG_BY_FAMILY, "the other side has closed"
    return struct.unpack_from("=I", answer, 16 + 4 + len(identity) + 4)[0]


def unsent(sock):
    """Bytes that a Unix socket's peer has not read."""
    return struct.unpack("i", fcntl.ioctl(sock, termios.TIOCOUTQ, b"\0\0\0\0"))[0]


# ---- clients that go on and on ----

# name: program, listener, words. The first is tests/interop/go/soak.go, the second tests/chaos/soak.c.
FRESH = "-fresh -pause 20ms"  # each of its connections is a port that is taken for a minute
CLIENTS = {
    "json": ("go", "tcp", "-protocol geerpc -codec json"),
    "gob": ("go", "tcp", "-protocol geerpc -codec gob"),
    "netrpc": ("go", "tcp", "-protocol netrpc"),
    "jsonrpc": ("go", "tcp", "-protocol jsonrpc"),
    "connect": ("go", "http", "-protocol netrpc"),
    "unix": ("go", "unix", "-protocol netrpc"),
    "bin": ("library", "tcp", "-c bin"),
    "unix-bin": ("library", "unix", "-c bin"),
    "sealed-bin": ("library", "sealed", "-c bin"),
    "sealed-gob": ("library", "sealed", "-p netrpc"),
    "fresh": ("go", "tcp", f"{FRESH} -protocol geerpc -codec json"),
    "fresh-connect": ("go", "http", f"{FRESH} -protocol netrpc"),
    "fresh-unix": ("go", "unix", f"{FRESH} -protocol jsonrpc"),
}


# Clients of a gateway whose services may all be repeated: the calls a second on each connection.
STEADY = {
    "steady-netrpc": ("go", "tcp", "-protocol netrpc -plain -rate 100"),
    "steady-json": ("go", "tcp", "-protocol geerpc -codec json -plain -rate 100"),
}


class Event:
    """A failure, in the client's own words."""

    def __init__(self, client, what, pid, reason):
        self.client, self.what, self.pid, self.reason = client, what, pid, reason

    def __repr__(self):
        return f"{self.client}: {self.what}, process {self.pid}: {self.reason}"


class Client:
    """A program with several connections, all of one kind."""

    def __init__(self, name, server, interop, connections, depth):
        program, listener, words = CLIENTS.get(name) or STEADY[name]
        address = {"sealed": server.sealed, "unix": server.unix, "http": server.tcp.replace("tcp@", "http@")}
        address = address.get(listener, server.tcp)
        words = words.split()
        if program == "go":
            command = [interop, "soak", *words, "-connections", connections, "-depth", depth, "-address", address]
        else:
            keys = ["-k", server.keys["server"], "-f", server.keys.path("billing")] if listener == "sealed" else []
            command = [BUILD / "tests/chaos/soak", *words, *keys, "-n", connections, "-d", depth, address]
        self.name, self.connections, self.stays = name, connections, "-fresh" not in words
        self.last, self.redialled = {}, 0
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
        self.process = subprocess.Popen(list(map(str, command)), **pipes)

    def report(self):
        """(the report, events since the last one)"""
        self.process.stdin.write("report\n")
        self.process.stdin.flush()
        return self._read()

    def _read(self):
        assert select.select([self.process.stdout], [], [], TIMEOUT)[0], f"{self.name}: no report within {TIMEOUT} s"
        line = self.process.stdout.readline()
        assert line, f"{self.name}: it ended with status {self.process.wait(TIMEOUT)}"
        report = self.last = json.loads(line)
        events = [Event(self.name, event["what"], event["pid"], event["reason"]) for event in report["events"]]
        silently = report["connects"] - self.connections - report["closed"] - report["refused"] - self.redialled
        if self.stays and silently > 0:  # an address that a library chose
            events.append(Event(self.name, "closed", 0, f"{silently} times dialled anew without a word"))
            self.redialled += silently
        return report, events

    def finish(self):
        """The last report with its events, once the calls in flight have ended."""
        self.process.stdin.close()
        last = self._read()
        assert self.process.wait(TIMEOUT) == 0
        self.process.stdout.close()
        return last

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait(TIMEOUT)


class Crowd:
    """All clients. with Crowd(...) as crowd: they end with the block, and are killed when the block fails."""

    def __init__(self, server, interop, connections=3, depth=4, names=CLIENTS):
        self.clients = [Client(name, server, interop, connections, depth) for name in names]
        self.events, self.taken = [], 0

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for client in self.clients:
            client.kill()

    def look(self):
        """Asks every client for a report; failures are in self.events."""
        self.events += [event for client in self.clients for event in client.report()[1]]

    def take_events(self):
        """Failures since the last look."""
        self.look()
        events = self.events[self.taken:]
        self.taken = len(self.events)
        return events

    def total(self, counter):
        return sum(client.last.get(counter, 0) for client in self.clients)

    def oldest(self):
        return max(client.last["oldest"] for client in self.clients)

    def is_loss(self, event, victim=None):
        """A worker was killed: does the event fit? With `victim`, only clients of that worker may report one. A client
        that had just dialled may have been in the middle of a handshake."""
        stays = next(client.stays for client in self.clients if client.name == event.client)
        if stays:
            return event.what in ("lost", "closed") and victim in (None, event.pid)
        return event.what in ("lost", "closed") or event.what == "refused" and "connection refused" not in event.reason

    def describe_events(self, events=None, most=20):
        events = self.events if events is None else events
        counts = collections.Counter(f"{event.client}: {event.what}: {event.reason}" for event in events)
        lines = [f"{count} times {what}" for what, count in counts.most_common(most)]
        return "\n".join(lines + (["..."] if len(counts) > most else []))

    def wait_until_served_by(self, pids, timeout=LONGEST_MOVE):
        """Waits until these workers serve every connection that stays."""
        allowed = set(pids)

        def all_served():
            self.look()
            return all(set(client.last["pids"]) <= allowed for client in self.clients if client.stays)

        eventually(all_served, f"every client is served by one of {sorted(allowed)}", timeout)

    def wait_for_calls(self, count=1, only_staying=False):
        """Waits until each client has made that many further calls."""
        self.look()
        before = {client: client.last["calls"] for client in self.clients if client.stays or not only_staying}

        def all_called():
            self.look()
            return all(client.last["calls"] >= calls + count for client, calls in before.items())

        eventually(all_called, f"{count} more calls by each client")

    def finish(self):
        """Ends all calls. Returns the failures since take_events()."""
        self.events += [event for client in self.clients for event in client.finish()[1]]
        return self.events[self.taken:]


# ---- clients that are idle ----

MOST_IN_A_PROCESS = 5000  # connections: descriptors of one process are limited


def hold(server, wires, count, pipe):
    """Runs in a process of its own: `count` connections on these wires in turn, each after one call; then, at each
    command, a second call on each. Reports how many connections were closed or received bytes in the meantime, and
    which processes served."""
    try:
        made = []
        with select.epoll() as watched:
            for number in range(count):
                made.append(WIRES[wires[number % len(wires)]](server))
                made[-1].greet()
                watched.register(plain_socket(made[-1].sock), select.EPOLLIN)
            pipe.send("idle")
            while pipe.recv() == "call":
                spoken = len(watched.poll(0, count))
                pipe.send((spoken, {conversation.ask(2) for conversation in made} if spoken == 0 else set()))
        for conversation in made:
            conversation.close()
    except Exception as trouble:  # pylint: disable=broad-except
        pipe.send(repr(trouble))


class Idle:
    """with Idle(server, WIRES, 20000) as idle: that many idle connections."""

    def __init__(self, server, wires, count):
        fork = multiprocessing.get_context("fork")
        self.holders = []
        for begin in range(0, count, MOST_IN_A_PROCESS):
            own, other = fork.Pipe()
            words = (server, list(wires), min(MOST_IN_A_PROCESS, count - begin), other)
            process = fork.Process(target=hold, args=words, daemon=True)
            process.start()
            other.close()
            self.holders.append((process, own))

    def __enter__(self):
        assert self._hear() == ["idle"] * len(self.holders)
        return self

    def _hear(self):
        said = []
        for _, pipe in self.holders:
            assert pipe.poll(4 * TIMEOUT), "no word of idle connections"
            said.append(pipe.recv())
        return said

    def call(self):
        """(connections that were closed or received bytes since their last call, the processes that serve them now)"""
        for _, pipe in self.holders:
            pipe.send("call")
        said = self._hear()
        assert all(isinstance(each, tuple) for each in said), said
        return sum(spoken for spoken, _ in said), set().union(*(pids for _, pids in said))

    def __exit__(self, *_):
        for process, pipe in self.holders:
            with contextlib.suppress(OSError):
                pipe.send("end")
            process.join(TIMEOUT)
            if process.is_alive():
                process.kill()
                process.join()
