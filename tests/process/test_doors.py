"""Limits that hold for the server, however many workers it has; and silent connections, which lock no client out."""
import contextlib
import os
import re
import signal
import time

import pytest

from conftest import CONF, TIMEOUT, eventually
from handover import reload_and_move
from sealing import make_sealed, sealed_peer
from test_limits import PeerFrom, error_of
from wire import connect

SUM = {"Num1": 1, "Num2": 2}
FOUR = CONF.replace("workers = 2", "workers = 4")


def spread(server, source="127.0.0.1"):
    """Connections to every worker."""
    peers = []

    def everywhere():
        peers.append(PeerFrom(server, source))
        counts = [int(count) for count in re.findall(r"serving.*connections (\d+)", server.status())]
        return len(peers) >= 12 and len(counts) == 4 and 0 not in counts

    eventually(everywhere, "connections to every worker")
    return peers


@pytest.mark.parametrize("limit", ['rate_per_address = 20; burst_per_address = 20;',
                                   'services = ( { name = "Foo"; rate = 20; burst = 20; } );'])
def test_a_rate_is_the_servers(stopped, limit):
    stopped.conf = FOUR + "limits = { " + limit + " };"
    stopped.start()
    peers = spread(stopped)
    started = time.monotonic()
    served = 0
    while time.monotonic() < started + 2:
        served += [error_of(peer) for peer in peers].count("")
    took = time.monotonic() - started
    assert 20 + 20 * took * 0.8 <= served <= 20 + 20 * took + 1
    for peer in peers:
        peer.sock.close()


def test_who_has_not_shown_who_he_is_counts_for_the_server(stopped):
    """The connections of a killed worker no longer count."""
    server = make_sealed(stopped, more="limits = { unauthenticated = 0; unauthenticated_per_address = 8; };")
    server.conf = server.conf.replace("workers = 1", "workers = 4")
    server.start()
    server.allow("was killed by signal 9")

    def counts():
        return [int(count) for count in re.findall(r"serving.*connections (\d+)", server.status())]

    def fill():
        silent = [connect(server.tcp, TIMEOUT) for _ in range(60)]
        eventually(lambda: sum(counts()) == 8, "eight are left")
        return silent

    silent = fill()
    assert sum(counts()) == 8
    victim = max(range(4), key=lambda index: counts()[index])
    before = server.worker_pids()
    os.kill(before[victim], signal.SIGKILL)
    eventually(lambda: len(now := server.worker_pids()) == 4 and before[victim] not in now, "a new worker")
    silent += fill()
    for sock in silent:
        sock.close()

    def is_served():
        with contextlib.suppress(EOFError, ConnectionError), sealed_peer(server) as peer:
            return peer.call("Foo.Sum", SUM)[1] == 3

    eventually(is_served, "a place of one who is gone")


def test_handshakes_have_a_rate(stopped):
    server = make_sealed(stopped, more="limits = { handshakes_per_address = 5; };").start()
    peers = []
    with pytest.raises((EOFError, ConnectionError, AssertionError)):
        for _ in range(20):
            peers.append(sealed_peer(server))
            assert peers[-1].call("Foo.Sum", SUM)[1] == 3
    assert 5 <= len(peers) <= 8
    server.wait_for_log(r"limits\.handshakes_per_address")
    for peer in peers[:5]:  # established connections stay
        assert peer.call("Foo.Sum", SUM)[1] == 3
        peer.sock.close()


@pytest.mark.parametrize("opening", [b"", b"{", b"G", b"{\"MagicNumber\":"])
def test_silence_locks_nobody_out(one_worker, opening):
    """All places are taken by silent clients and by clients that stop in the middle: a client that speaks gets a place
    at once, repeatedly."""
    one_worker.conf += 'limits = { connections = 64; }; timeouts = { handshake = "1h"; };'
    one_worker.start()
    with one_worker.peer() as early:
        assert early.call("Foo.Sum", SUM)[1] == 3
        silent = []
        for _ in range(300):
            silent.append(connect(one_worker.tcp, TIMEOUT))
            silent[-1].sendall(opening)
            if len(silent) % 100 == 0:
                assert one_worker.call("Foo.Sum", SUM) == ("", 3)
        for _ in range(5):
            assert one_worker.call("Foo.Sum", SUM) == ("", 3)
        assert early.call("Foo.Sum", SUM)[1] == 3  # a connection that has spoken is not closed for a new one
    one_worker.wait_for_log("those that are silent are closed for others")
    for sock in silent:
        sock.close()


def test_an_address_has_a_share_of_the_connections_by_default(one_worker):
    one_worker.start()
    lines = one_worker.run("-T").stdout
    assert re.search(r"connections_per_address = 1000\b", lines)
    assert re.search(r"handshakes_per_address = 100\b", lines)


def test_counts_of_addresses_take_memory_by_the_address(server):
    """The counts of an ended worker are cleared: that touches the used part of the shared memory, not all of it."""
    with server.peer() as peer:
        assert peer.call("Foo.Sum", SUM)[1] == 3
        before = shared_kib(server.pid)
        for _ in range(4):
            reload_and_move(server)
            assert peer.call("Foo.Sum", SUM)[1] == 3
        assert shared_kib(server.pid) < before + 1024


def shared_kib(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as status:
        return int(re.search(r"^RssShmem:\s+(\d+) kB$", status.read(), re.MULTILINE).group(1))
