"""Peers with great numbers of connections, calls and refusals."""
import os
import re
import resource
import socket
import struct

import pytest

from conftest import SANITIZED, TIMEOUT, eventually
from hostile import MIB, SUM, assert_flat, bystander, connections, memory, option, read_to_end, send_all
from wire import connect


def limit_descriptors(count):
    resource.setrlimit(resource.RLIMIT_NOFILE, (count, count))


@pytest.fixture
def many_descriptors():
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 10200 if hard == resource.RLIM_INFINITY else min(hard, 10200)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, wanted), hard))
    yield wanted - 200
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_thousands_that_say_nothing(stopped, many_descriptors):
    """Silent connections cost little, and are closed in time."""
    stopped.conf += 'timeouts = { handshake = "3s"; };'
    stopped.start(before=lambda: limit_descriptors(many_descriptors + 100))
    with bystander(stopped):
        before = memory(stopped)
        silent = [connect(stopped.unix if i % 4 else stopped.tcp, TIMEOUT) for i in range(many_descriptors)]
        assert_flat(stopped, before, 2 * 1024 * len(silent) + MIB)
        for sock in silent:
            assert read_to_end(sock) == b""
            sock.close()
        eventually(lambda: connections(stopped) == 2, "only the bystanders are left")


def test_connections_that_are_closed_count_while_they_linger(one_worker):
    """A refused peer that does not close its side keeps a descriptor for some seconds: limits.connections counts it."""
    one_worker.conf += "limits = { connections = 20; };"
    one_worker.start()
    (pid,) = one_worker.worker_pids()
    descriptors = len(os.listdir(f"/proc/{pid}/fd"))
    refused = []
    for _ in range(100):
        refused.append(connect(one_worker.tcp, TIMEOUT))
        refused[-1].sendall(option(MagicNumber=1))
    one_worker.wait_for_log(r"20 connections: further ones wait \(limits.connections\)")
    assert len(os.listdir(f"/proc/{pid}/fd")) <= descriptors + 20
    # Clients that close their side make room.
    for sock in refused:
        assert read_to_end(sock) == b""
        sock.close()
    assert one_worker.call("Foo.Sum", SUM) == ("", 3)
    eventually(lambda: len(os.listdir(f"/proc/{pid}/fd")) == descriptors, "every descriptor is closed")


def test_silence_over_the_limit_of_connections(one_worker):
    """Silent clients that hold all places lose them in time; waiting clients are served then."""
    one_worker.conf += 'limits = { connections = 30; }; timeouts = { handshake = "500ms"; };'
    one_worker.start()
    silent = [connect(one_worker.tcp, TIMEOUT) for _ in range(100)]
    one_worker.wait_for_log(r"30 connections: further ones wait \(limits.connections\)")
    assert one_worker.call("Foo.Sum", SUM) == ("", 3)
    for sock in silent:
        sock.close()


def test_no_descriptors_left(one_worker):
    """Refused peers that linger, and silent peers, take all descriptors: accepting pauses, and goes on when they are
    gone."""
    one_worker.conf += 'timeouts = { handshake = "700ms"; };'
    one_worker.start(before=lambda: limit_descriptors(48))
    with one_worker.peer() as early:
        hostile = [connect(one_worker.tcp, TIMEOUT) for _ in range(100)]
        for sock in hostile[::2]:
            send_all(sock, option(MagicNumber=1))
        one_worker.wait_for_log("none can be accepted until another one ends: Too many open files")
        assert early.call("Foo.Sum", SUM)[1] == 3
        with one_worker.peer() as late:
            late.send("Foo.Sum", SUM)
            for sock in hostile:
                sock.close()
            assert late.reply()[1] == 3
        assert early.call("Foo.Sum", SUM)[1] == 3
    assert len(re.findall("none can be accepted", one_worker.log())) == 1


def test_calls_over_the_limit_pause_their_connection(one_worker):
    """Further requests wait in the kernel. When calls end, the requests are read and answered; then the end of the peer
    is seen."""
    one_worker.conf += "limits = { calls = 10; }; thread_pool = { threads = 10; };"
    one_worker.start()
    call = b'{"ServiceMethod":"Foo.Sleep","Seq":%d,"Timeout":300000000}{"Num1":60,"Num2":0}'
    with bystander(one_worker), one_worker.peer() as peer:
        peer.sock.sendall(b"".join(call % i for i in range(30)))
        peer.sock.shutdown(socket.SHUT_WR)
        eventually(lambda: re.search(" in flight 10$", one_worker.status(), re.MULTILINE), "ten are in flight")
        for i in range(30):
            header, _ = peer.reply()
            assert header["Seq"] // 10 == i // 10 and "timeout" in header["Error"]
        assert peer.sock.recv(1) == b""


@pytest.mark.parametrize("scheme", ["tcp", "unix"])
def test_calls_of_those_who_left_end(server, scheme):
    """Nobody waits for these calls any more: their threads are free again. (Over TCP only a reset says that the peer is
    gone: a peer that closes its side in order may still be reading.)"""
    for _ in range(10):
        peer = server.peer(getattr(server, scheme))
        for i in range(30):
            peer.send("Foo.Sleep", {"Num1": 1 << 40, "Num2": 0}, seq=i)
        assert peer.call("Foo.Sum", SUM)[1] == 3
        if scheme == "tcp":
            peer.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        peer.sock.close()
    eventually(lambda: server.status().count(" in flight 0") == 2, "no call is left")
    assert connections(server) == 0
    assert server.call("Foo.Sleep", {"Num1": 0, "Num2": 4}) == ("", 4)


def test_refusals_do_not_flood_the_log(server):
    """10,000 refusals: the log has some lines and their number."""
    count = 10000 if not SANITIZED else 3000
    with bystander(server):
        for i in range(count):
            with connect(server.tcp if i % 2 else server.unix, TIMEOUT) as sock:
                send_all(sock, b"\x01\x02\x03\x04")
    # The last refusals are reported although nothing else happens.

    def accounted():
        log = server.log()
        lines = len(re.findall(r"\[warn\] \d+: \S+: refused: its first bytes", log))
        held = sum(map(int, re.findall(r"\[warn\] \d+: held back (\d+) more lines like: \S+: refused", log)))
        return lines + held == count and lines

    lines = eventually(accounted, "every refusal is written or counted")
    assert lines < count / 10
