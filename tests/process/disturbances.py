"""The disturbances of chaos.py, each with its expected outcome."""
import contextlib
import errno
import os
import re
import signal
import socket
import struct
import subprocess

from conftest import TIMEOUT, eventually
from handover import descriptors
from wire import OPTION_BIN, OPTION_JSON, connect
from wires import WIRES

DISTURBANCES = []


class Disturbance:
    def __init__(self, name, weight, act):
        self.name, self.weight, self.act = name, weight, act


def disturbance(name, weight):
    """act(chaos) raises AssertionError, or returns a text about its action."""

    def register(act):
        DISTURBANCES.append(Disturbance(name, weight, act))
        return act

    return register


def settled(chaos):
    """The end of nearly every disturbance: no client has noticed it."""
    chaos.settle()
    chaos.assert_undisturbed()
    chaos.measure()


# ---- what an operator does ----


@disturbance("reload", 6)
def reload(chaos):
    chaos.reload()
    settled(chaos)


@disturbance("reloads", 3)
def reloads_in_a_row(chaos):
    """Reloads without waiting for the old workers."""
    count = chaos.random.randint(2, 10)
    for _ in range(count):
        chaos.reload()
        chaos.assert_undisturbed()
    settled(chaos)
    return f"{count} in a row"


@disturbance("reload by signal", 1)
def reload_by_signal(chaos):
    before = chaos.server.generation()
    for _ in range(chaos.random.randint(1, 4)):
        chaos.server.send_signal(signal.SIGHUP)
    eventually(lambda: chaos.server.generation() > before, "a new generation")
    settled(chaos)


@disturbance("refused reload", 1)
def refused_reload(chaos):
    before = chaos.server.worker_pids()
    good = chaos.server.conf
    done = chaos.server.reload(good + "\nnonsense = 1;\n", status=1)
    chaos.server.conf = good
    assert "nonsense" in done.stderr
    assert chaos.server.worker_pids() == before
    chaos.assert_undisturbed()


@disturbance("upgrade", 3)
def upgrade(chaos):
    before = chaos.server.pid
    chaos.server.ask("upgrade")
    assert chaos.server.pid != before
    settled(chaos)


@disturbance("workers", 2)
def change_workers(chaos):
    chaos.workers = chaos.random.choice([count for count in (1, 2, 3, 4) if count != chaos.workers])
    chaos.reload()
    settled(chaos)
    return f"{chaos.workers} workers"


@disturbance("listeners", 3)
def change_listeners(chaos):
    """A listener comes, or goes; clients of a new listener are served, and no longer once it has gone."""
    if chaos.extra and chaos.random.random() < 0.5:
        path = chaos.extra.pop(chaos.random.randrange(len(chaos.extra)))
    else:
        path = f"run/extra-{chaos.random.randrange(1000)}.sock"
        if path not in chaos.extra:
            chaos.extra.append(path)
    chaos.reload()
    address = f"unix@{chaos.server.root}/{path}"
    if path in chaos.extra:
        assert chaos.server.call("Foo.Sum", {"Num1": 40, "Num2": 2}, address) == ("", 42)
    else:
        assert not (chaos.server.root / path).exists()
    settled(chaos)
    return f"{'+' if path in chaos.extra else '-'} {path}"


@disturbance("rotation", 1)
def rotate(chaos):
    chaos.server.rotate()
    chaos.assert_undisturbed()


# ---- what happens to a machine ----


def kill_one(chaos, serving):
    """(its process, the clients' events) once another worker is in its place and all clients are connected again."""
    chaos.server.allow(r"was killed by signal 9 \(SIGKILL\)")
    victim = chaos.random.choice(serving)
    os.kill(victim, signal.SIGKILL)
    eventually(lambda: victim not in chaos.server.worker_pids() and chaos.all_serve(), "another worker")
    chaos.settle()
    events = chaos.crowd.take_events()
    chaos.killed += sum(event.what == "closed" for event in events)
    return victim, events


@disturbance("kill", 2)
def kill(chaos):
    """Only the calls of the killed worker are lost; each of its clients learns so from the end of the connection."""
    serving = chaos.settle()
    chaos.assert_undisturbed()
    victim, events = kill_one(chaos, serving)
    wrong = [event for event in events if not chaos.crowd.is_loss(event, victim)]
    assert not wrong, f"process {victim} was killed\n{chaos.crowd.describe_events(wrong)}"
    chaos.measure()
    return f"{sum(event.what == 'closed' for event in events)} connections ended"


@disturbance("kill in a reload", 1)
def kill_in_a_reload(chaos):
    """While connections move, an observer cannot tell which worker has one: some are closed, none gets nonsense."""
    chaos.settle()
    chaos.assert_undisturbed()
    chaos.reload()
    for _ in range(chaos.random.randrange(80)):
        chaos.assert_undisturbed()
    _, events = kill_one(chaos, chaos.server.worker_pids())
    wrong = [event for event in events if not chaos.crowd.is_loss(event)]
    assert not wrong, chaos.crowd.describe_events(wrong)
    chaos.measure()
    return f"{sum(event.what == 'closed' for event in events)} connections ended"


@disturbance("stopped worker", 1)
def stopped_worker(chaos):
    """A worker is stopped while others take over from it."""
    victim = chaos.random.choice(chaos.settle())
    os.kill(victim, signal.SIGSTOP)
    try:
        chaos.reload()
        chaos.assert_undisturbed()
    finally:
        os.kill(victim, signal.SIGCONT)
    settled(chaos)


@disturbance("full disk", 2)
def full_disk(chaos):
    """Lines of logs are lost; calls are not, and a reload works."""
    ballast = chaos.server.log_file("ballast")
    with open(ballast, "wb", buffering=0) as file:
        try:
            fill(file)
            chaos.crowd.wait_for_calls(50)
            chaos.reload()
            chaos.settle()
            fill(file)
            chaos.crowd.wait_for_calls(50)
            chaos.assert_undisturbed()
        finally:
            os.unlink(ballast)
            file.truncate()
            os.ftruncate(file.fileno(), 0)
    chaos.server.rotate()
    before = len(re.findall("reloaded, generation", chaos.server.log()))
    chaos.reload()
    assert len(re.findall("reloaded, generation", chaos.server.log())) > before, "the log is not written again"
    settled(chaos)


def fill(file):
    with contextlib.suppress(BlockingIOError):
        for size in (1 << 20, 4096, 1):
            try:
                while True:
                    file.write(bytes(size))
            except OSError as full:
                assert full.errno == errno.ENOSPC, full


def limit_descriptors(pid, most):
    """Sets the limit of another process, as its user when it belongs to another user."""
    with open(f"/proc/{pid}/status") as file:
        text = file.read()
    user, group = (int(re.search(rf"^{name}:\s+(\d+)", text, re.MULTILINE).group(1)) for name in ("Uid", "Gid"))
    options = {"user": user, "group": group, "extra_groups": []} if os.geteuid() == 0 else {}
    subprocess.run(["prlimit", f"--pid={pid}", f"--nofile={most}:"], check=True, **options)


def descriptor_limit(pid):
    with open(f"/proc/{pid}/limits") as file:
        return int(re.search(r"^Max open files\s+(\d+)", file.read(), re.MULTILINE).group(1))


@disturbance("no descriptors", 2)
def no_descriptors(chaos):
    """Connected clients do not notice; new clients wait until there are descriptors again."""
    serving = chaos.settle()
    limits = {pid: descriptor_limit(pid) for pid in serving}
    peers = []
    try:
        for pid in serving:
            limit_descriptors(pid, descriptors(pid) + 2)
        for address in (chaos.server.tcp, chaos.server.unix) * 30:
            peers.append(chaos.server.peer(address))
            peers[-1].send("Foo.Sum", {"Num1": 1, "Num2": 2})
        chaos.crowd.wait_for_calls(50, only_staying=True)
    finally:
        for pid, limit in limits.items():
            limit_descriptors(pid, limit)
    for peer in peers:
        assert peer.reply()[1] == 3
        peer.sock.close()
    assert set(serving) <= set(chaos.server.worker_pids())
    settled(chaos)
    return f"{len(peers)} connections waited"


# ---- strangers ----


def nonsense(chaos):
    """Bytes with little meaning: noise, the beginnings of a wire, a conversation with some bytes changed."""
    choose = chaos.random
    noise = choose.randbytes(choose.randint(1, 4000))
    beginnings = (b"", OPTION_JSON, OPTION_BIN, OPTION_JSON[: choose.randint(1, 40)], b"\xc1GEE\1\1\0\0\0\x30",
                  b"CONNECT /_goRPC_ HTTP/1.0\n\n", b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", b'[{"jsonrpc":"2.0"',
                  OPTION_BIN + struct.pack(">BBII", 0, 0, 5, 0xFFFFFFFF), b"\x2f\xff\x81\3\1\1", b"\xf8\x7f\xff\xff")
    return choose.choice(beginnings) + noise[: choose.choice((0, 1, 10, 4000))]


def changed(chaos, data):
    data = bytearray(data)
    for _ in range(chaos.random.randint(1, 4)):
        data[chaos.random.randrange(len(data))] = chaos.random.randrange(256)
    return bytes(data)


def say_nonsense(chaos):
    """The connection with the nonsense, left open, or None."""
    server, choose = chaos.server, chaos.random
    with contextlib.suppress(OSError, EOFError):
        if choose.random() < 0.5:
            sock = connect(choose.choice((server.tcp, server.unix, server.sealed)), TIMEOUT)
            sock.sendall(nonsense(chaos))
        else:
            conversation = WIRES[choose.choice([wire for wire in WIRES if not wire.startswith("sealed")])](server)
            sock = conversation.sock
            sock.sendall(changed(chaos, conversation.opening() + conversation.request(1)))
        way = choose.random()
        if way < 0.3:
            return sock
        if way < 0.6 and sock.family == socket.AF_INET:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # a reset
        sock.close()
    return None


@disturbance("garbage", 3)
def garbage(chaos):
    """Some of these connections are still there when workers change."""
    left = [sock for _ in range(200) if (sock := say_nonsense(chaos))]
    if chaos.random.random() < 0.5:
        chaos.reload()
    chaos.assert_undisturbed()
    for sock in left:
        sock.close()
    settled(chaos)
    return f"200 connections, {len(left)} of them left open"
