"""More calls than a server can take: calls end with an error at once or wait unread, and memory stays within its
bounds."""
import concurrent.futures
import contextlib
import os
import re
import resource
import select
import signal

import pytest

from conftest import CONF, SANITIZED, TIMEOUT, eventually
from hostile import MIB, memory
from test_limits import PeerFrom, hang_up

SUM = {"Num1": 1, "Num2": 2}
LONG = {"Num1": 3600}
MEMORY = 16 * MIB
# The worker's memory beside limits.memory: free buffers (8 MiB), an inbox that grows and is copied, the heap's own
# gaps.
BESIDE = 20 * MIB
TOO_MUCH = "rpc server: requests, calls and replies take too much memory: limits.memory"


def one_worker_with(server, limits, more="", **options):
    server.conf = CONF.replace("workers = 2", "workers = 1") + "limits = { " + limits + " };" + more
    return server.start(**options)


def begin_message(peer, size, end=b""):
    """A call whose last byte is missing."""
    text = b'{"ServiceMethod":"Foo.Sum","Seq":1}{"Num1":1,"Num2":2,"Pad":"' + b"x" * size + b'"' + end
    peer.sock.setblocking(False)
    return memoryview(text)


def push(waiting):
    """Sends as much as the server takes, until it takes nothing for a while. {peer: unsent bytes}"""
    while waiting:
        writable = select.select([], [peer.sock for peer in waiting], [], 0.3)[1]
        if not writable:
            return
        for peer in [peer for peer in waiting if peer.sock in writable]:
            with contextlib.suppress(ConnectionError):
                waiting[peer] = waiting[peer][peer.sock.send(waiting[peer]):]
                if waiting[peer]:
                    continue
            del waiting[peer]


def ask(peer, message):
    peer.sock.sendall(message)
    return peer.reply()[1]


def large_call(server):
    """The error of the call; None: the call cost its connection."""
    try:
        return server.call("Foo.Sum", {**SUM, "Pad": "x" * (2 * MIB - 1000)})[0]
    except (OSError, EOFError):
        return None


def test_unfinished_requests_of_many(stopped):
    """Large requests wait when there are too many; slow senders are ended. Meanwhile small calls are served, and large
    calls in time."""
    server = one_worker_with(stopped, 'memory = "16m"; message = "2m"; call_memory = "4m";')
    before = memory(server)
    with contextlib.ExitStack() as stack:
        small = stack.enter_context(server.peer())
        peers = [stack.enter_context(server.peer()) for _ in range(12)]
        push({peer: begin_message(peer, 2 * MIB - 1000) for peer in peers})
        server.wait_for_log(r"connections hold \d+ KiB: requests wait or are refused .* \(limits\.memory\)")
        for number in range(100):
            assert small.call("Foo.Sum", SUM, number)[1] == 3
        server.wait_for_log(r"\d+: memory was short, others waited, and its message .* came too slowly")
        assert small.call("Foo.Sum", SUM)[1] == 3
        eventually(lambda: large_call(server) == "", "a large one gets through")
        assert SANITIZED or memory(server, "VmHWM") < before + MEMORY + BESIDE
    assert len(re.findall("connections hold", server.log())) == 1


def test_large_requests_that_come_at_once_wait_for_each_other(stopped):
    server = one_worker_with(stopped, 'memory = "16m"; message = "2m"; call_memory = "4m";')
    before = memory(server)
    with contextlib.ExitStack() as stack:
        peers = [stack.enter_context(server.peer()) for _ in range(30)]
        messages = {peer: begin_message(peer, 2 * MIB - 1000, b"}") for peer in peers}
        for peer in peers:
            peer.sock.setblocking(True)
        with concurrent.futures.ThreadPoolExecutor(len(peers)) as pool:
            assert list(pool.map(lambda peer: ask(peer, messages[peer]), peers)) == [3] * len(peers)
    assert SANITIZED or memory(server, "VmHWM") < before + MEMORY + BESIDE


def test_calls_that_hold_too_much(stopped):
    """Each call refers to its request. New calls are refused at once, until others have ended."""
    server = one_worker_with(
        stopped, 'memory = "8m"; message = "1m"; input = "1g";', "thread_pool = { queue = 10000; };"
    )
    before = memory(server)
    arguments = {**LONG, "Pad": "x" * 60000}
    with server.peer() as holder, server.peer() as other:
        for number in range(400):
            holder.send("Foo.Sleep", arguments, number)
        header, _ = holder.reply()
        assert (header["Error"], header["Code"]) == (TOO_MUCH, 8)
        assert SANITIZED or memory(server, "VmHWM") < before + MEMORY // 2 + BESIDE
        hang_up(holder)
        eventually(lambda: other.call("Foo.Sum", SUM)[0]["Error"] == "", "there is room again")


@pytest.mark.skipif(SANITIZED, reason="a sanitizer ends a process that gets no memory")
def test_a_worker_that_gets_no_memory(stopped):
    """Calls that need memory fail, or cost their connection; other calls and the worker go on."""
    server = one_worker_with(
        stopped, 'memory = "0";', before=lambda: resource.setrlimit(resource.RLIMIT_DATA, (32 * MIB, 32 * MIB))
    )
    with contextlib.ExitStack() as stack:
        small = stack.enter_context(server.peer())
        assert small.call("Foo.Sum", SUM)[1] == 3
        (worker,) = server.worker_pids()
        peers = [stack.enter_context(server.peer()) for _ in range(20)]
        push({peer: begin_message(peer, 2 * MIB - 1000) for peer in peers})
        server.wait_for_log(r"tcp@127\.0\.0\.1:\d+: read: out of memory: connection closed")
        for number in range(50):
            assert small.call("Foo.Sum", SUM, number)[1] == 3
        for peer in peers:
            hang_up(peer)
        large = stack.enter_context(server.peer())
        eventually(lambda: "Error" in large.call("Foo.Sum", {**SUM, "Pad": "x" * MIB})[0], "a larger one is answered")
        assert server.worker_pids() == [worker]


# ---- connections, over all workers ----


def is_refused(server):
    try:
        return server.call("Foo.Sum", SUM) is None
    except (EOFError, ConnectionError):
        return True


def connections_by_worker(server):
    return list(map(int, re.findall(r", serving, .* connections (\d+),", server.status())))


def spread(server, count):
    """That many connections that have made a call, on more than one worker. More are dialled until they are spread."""
    peers = []
    while len(peers) < count:
        peers.append(server.peer())
        assert peers[-1].call("Foo.Sum", SUM)[1] == 3
        if len(peers) == count and 0 in connections_by_worker(server):
            peers.pop().sock.close()
            eventually(lambda: sum(connections_by_worker(server)) == count - 1, "it is gone")
    return peers


def dial_all_in_one_worker(server, count):
    """That many connections of the second worker that have made a call. More are dialled, and closed again."""
    peers = []
    while len(peers) < count:
        peers.append(server.peer())
        assert peers[-1].call("Foo.Sum", SUM)[1] == 3
        if connections_by_worker(server)[0] > 0:
            peers.pop().sock.close()
            eventually(lambda: connections_by_worker(server)[0] == 0, "it is gone")
    return peers


def dial_waiting(server, count):
    """That many connections with a call, while no further connection is accepted."""
    waiting = [server.peer() for _ in range(count)]
    for peer in waiting:
        peer.send("Foo.Sum", SUM)
    return waiting


def take_answered(waiting):
    """A peer whose reply has come. Each worker has a queue of its own: there is no order among peers."""
    answered = select.select([peer.sock for peer in waiting], [], [], TIMEOUT)[0]
    assert answered, f"{len(waiting)} wait and none is answered"
    peer = next(peer for peer in waiting if peer.sock is answered[0])
    assert peer.reply()[1] == 3
    waiting.remove(peer)
    return peer


def test_connections_of_all_workers_are_limited_by_waiting(server):
    server.reload(server.conf + "limits = { total_connections = 6; };")
    peers = spread(server, 6)
    waiting = dial_waiting(server, 10)
    server.wait_for_log(r"6 connections of all workers: further ones wait \(limits\.total_connections\)")
    assert not select.select([peer.sock for peer in waiting], [], [], 0.3)[0]
    assert sum(connections_by_worker(server)) == 6
    for peer in peers:
        peer.sock.close()
    while waiting:
        peer = take_answered(waiting)
        # Workers report one after the other: in between, a connection may have ended here and another begun there.
        eventually(lambda: sum(connections_by_worker(server)) <= 6, "there are no more than six")
        peer.sock.close()


def test_a_worker_with_many_waiting_leaves_room_for_others(server):
    """All connections are in one worker, and a queue is before each worker: the other one serves some, too, before the
    queue of the first is through."""
    server.reload(server.conf + "limits = { total_connections = 6; };")
    peers = dial_all_in_one_worker(server, 6)
    waiting = dial_waiting(server, 60)
    for _ in range(10):
        peers.pop(0).sock.close()
        peers.append(take_answered(waiting))
        if connections_by_worker(server)[0] > 0:
            break
    else:
        pytest.fail("the first ten all went to one worker")
    while waiting:
        peers.pop(0).sock.close()
        peers.append(take_answered(waiting))
    for peer in peers:
        peer.sock.close()


def test_connections_of_one_address_are_limited_over_all_workers(server):
    server.reload(server.conf + "limits = { connections_per_address = 6; };")
    peers = spread(server, 6)
    assert [is_refused(server) for _ in range(10)] == [True] * 10
    with PeerFrom(server, "127.0.0.2") as stranger:
        assert stranger.call("Foo.Sum", SUM)[1] == 3
    assert server.call("Foo.Sum", SUM, server.unix) == ("", 3)
    peers.pop().sock.close()
    eventually(lambda: not is_refused(server), "one is gone")
    for peer in peers:
        peer.sock.close()


@pytest.mark.parametrize("limit", ["total_connections", "connections_per_address"])
def test_what_a_killed_worker_had_is_not_counted(server, limit):
    server.allow("was killed by signal 9")
    server.reload(server.conf + f"limits = {{ {limit} = 6; }};")
    peers = spread(server, 6)
    victim = server.worker_pids()[0]
    lost = connections_by_worker(server)[0]
    os.kill(victim, signal.SIGKILL)
    eventually(lambda: len(now := server.worker_pids()) == 2 and victim not in now, "a new worker")
    further = [server.peer() for _ in range(lost)]
    for peer in further:
        assert peer.call("Foo.Sum", SUM)[1] == 3
    assert sum(connections_by_worker(server)) == 6
    for peer in peers + further:
        peer.sock.close()
