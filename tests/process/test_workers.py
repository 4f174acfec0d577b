"""Workers that die, and the workers that replace them."""
import os
import re
import resource
import signal
import time

import pytest

from conftest import SANITIZED, eventually


def crash_settings(server):
    return f'crash = {{ directory = "{server.root}"; }};'


def peers_of_all_workers(server):
    """A connection to each worker: {pid: peer}."""
    found = {}
    workers = server.worker_pids()
    for _ in range(500):
        peer = server.peer()
        assert peer.call("Foo.Sum", {"Num1": 1, "Num2": 2})[1] == 3
        for line in re.findall(r"pid (\d+), .* connections 1,", server.status()):
            if int(line) not in found:
                found[int(line)] = peer
                peer = None
                break
        if peer:
            peer.sock.close()
            expected = len(found)
            eventually(lambda: server.status().count(" connections 0,") == len(workers) - expected, "it is gone")
        if len(found) == len(workers):
            return found
    raise AssertionError("not every worker got a connection")


def test_a_killed_worker_is_replaced_within_a_second(server):
    server.allow(r"worker \d \(pid \d+\) was killed by signal 9 \(SIGKILL\)")
    peers = peers_of_all_workers(server)
    victim, survivor = peers
    killed = time.monotonic()
    os.kill(victim, signal.SIGKILL)
    workers = eventually(lambda: len(now := server.worker_pids()) == 2 and victim not in now and now, "a new worker")
    assert time.monotonic() - killed < (1 if not SANITIZED else 5)
    assert survivor in workers
    assert peers[survivor].call("Foo.Sum", {"Num1": 3, "Num2": 4})[1] == 7
    assert peers[victim].sock.recv(1) == b""
    for _ in range(20):
        assert server.call("Foo.Sum", {"Num1": 1, "Num2": 2}) == ("", 3)
    for peer in peers.values():
        peer.sock.close()


def test_connections_in_the_queue_of_a_killed_worker_are_served(server):
    server.allow("was killed by signal 9")
    workers = server.worker_pids()
    for pid in workers:
        os.kill(pid, signal.SIGSTOP)
    peers = [server.peer(address) for address in (server.tcp, server.unix) for _ in range(20)]
    for peer in peers:
        peer.send("Foo.Sum", {"Num1": 1, "Num2": 2})
    for pid in workers:
        os.kill(pid, signal.SIGKILL)
    for peer in peers:
        assert peer.reply()[1] == 3
        peer.sock.close()


def test_a_worker_that_is_told_to_stop_is_replaced(server):
    victim = server.worker_pids()[0]
    os.kill(victim, signal.SIGTERM)
    eventually(lambda: len(now := server.worker_pids()) == 2 and victim not in now, "a new worker")
    assert "exited with status 0" in server.log()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGHUP, signal.SIGQUIT, signal.SIGUSR1, signal.SIGWINCH])
def test_signals_of_a_terminal_are_the_masters_business(server, number):
    """A terminal sends signals to every process in the foreground."""
    workers = server.worker_pids()
    for pid in workers:
        os.kill(pid, number)
    assert server.call("Foo.Sum", {"Num1": 1, "Num2": 2}) == ("", 3)
    assert server.worker_pids() == workers


def test_a_crash_in_a_call_costs_one_worker(make_server, extended_build):
    server = make_server(build=extended_build)
    server.allow_crash("SIGABRT")
    server.conf += crash_settings(server)
    server.start()
    with server.peer() as peer:
        peer.send("Crash.Abort", "now")
        assert peer.sock.recv(1) == b""
    eventually(lambda: len(server.worker_pids()) == 2, "a new worker")
    assert server.call("Foo.Sum", {"Num1": 1, "Num2": 2}) == ("", 3)


def test_a_module_that_crashes_at_start_does_not_fork_on_and_on(make_server, extended_build):
    server = make_server(build=extended_build)
    server.allow("was killed by signal 9")
    server.allow_crash("SIGABRT")
    server.conf += crash_settings(server)
    server.start()
    (server.root / "abort").touch()
    started = time.monotonic()
    victim = server.worker_pids()[0]
    os.kill(victim, signal.SIGKILL)
    delays = server.wait_for_log(r"worker \d is started again in (\S+)", count=4)
    assert delays[:4] == ["0.1s", "0.2s", "0.4s", "0.8s"] or delays[:4] == ["100ms", "200ms", "400ms", "800ms"]
    assert time.monotonic() - started > 0.7
    # Meanwhile the other worker serves all the sockets of the port.
    for _ in range(30):
        assert server.call("Foo.Sum", {"Num1": 1, "Num2": 2}) == ("", 3)
    (server.root / "abort").unlink()
    eventually(lambda: len(server.worker_pids()) == 2, "the worker starts again")
    for _ in range(30):
        assert server.call("Foo.Sum", {"Num1": 1, "Num2": 2}) == ("", 3)
    # The memory that the module shares outlives its workers: the count of starts goes on.
    starts = [int(start) for start in re.findall(r"start (\d+)", (server.root / "logs/crash.log").read_text())]
    assert starts == list(range(1, len(starts) + 1))
    assert 6 <= len(starts) <= 8


@pytest.mark.parametrize("daemon", [False, True])
@pytest.mark.parametrize("name, said", [("abort", "SIGABRT"), ("refuse", 'there is a file "refuse"')])
def test_a_first_start_that_fails_says_why(make_server, extended_build, daemon, name, said):
    server = make_server(build=extended_build)
    server.allow_crash("SIGABRT")
    server.allow("does not start")
    server.conf += crash_settings(server)
    (server.root / name).touch()
    done = server.run(*([] if daemon else ["-F"]), status=1)
    assert re.search(r"^geerpc: worker \d \(pid \d+\) ", done.stderr, re.MULTILINE)
    assert said in done.stderr
    eventually(lambda: not server.processes(), "nothing is left")
    assert list((server.root / "run").iterdir()) == []


def test_workers_drain_and_come_back(stopped):
    """WINCH: connections wait in the queues until a reload."""
    stopped.start(daemon=True)
    stopped.send_signal(signal.SIGWINCH)
    stopped.wait_for_log("all workers have left")
    assert stopped.worker_pids() == []
    peers = [stopped.peer(address) for address in (stopped.tcp, stopped.unix) for _ in range(5)]
    for peer in peers:
        peer.send("Foo.Sum", {"Num1": 1, "Num2": 2})
    stopped.reload()
    for peer in peers:
        assert peer.reply()[1] == 3
        peer.sock.close()


def test_connections_are_limited_by_waiting(one_worker):
    one_worker.conf += "limits = { connections = 3; };"
    one_worker.start()
    first = [one_worker.peer() for _ in range(3)]
    for peer in first:
        assert peer.call("Foo.Sum", {"Num1": 1, "Num2": 2})[1] == 3
    with one_worker.peer() as further:
        further.send("Foo.Sum", {"Num1": 1, "Num2": 2})
        one_worker.wait_for_log("3 connections: further ones wait")
        assert re.search("connections 3,", one_worker.status())
        first[0].sock.close()
        assert further.reply()[1] == 3
    for peer in first[1:]:
        peer.sock.close()


def test_connections_of_one_address_are_limited(one_worker):
    one_worker.conf += "limits = { connections_per_address = 2; };"
    one_worker.start()
    first = [one_worker.peer() for _ in range(2)]
    for peer in first:
        assert peer.call("Foo.Sum", {"Num1": 1, "Num2": 2})[1] == 3
    with one_worker.peer(option=b"") as further:
        assert further.sock.recv(1) == b""
    one_worker.wait_for_log(r"tcp@127\.0\.0\.1:\d+: closed: too many connections")
    assert one_worker.call("Foo.Sum", {"Num1": 1, "Num2": 2}, one_worker.unix) == ("", 3)
    first[0].sock.close()
    eventually(lambda: re.search("connections 1,", one_worker.status()), "one is gone")
    assert one_worker.call("Foo.Sum", {"Num1": 1, "Num2": 2}) == ("", 3)
    first[1].sock.close()


def test_running_out_of_descriptors_is_survived(one_worker):
    """Without free descriptors, connections wait; they are served when others have ended."""
    one_worker.start(before=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (40, 40)))
    workers = one_worker.worker_pids()
    peers = [one_worker.peer() for _ in range(60)]
    for peer in peers:
        peer.send("Foo.Sum", {"Num1": 1, "Num2": 2})
    one_worker.wait_for_log("none can be accepted until another one ends: Too many open files")
    for peer in peers:
        assert peer.reply()[1] == 3
        peer.sock.close()
    assert one_worker.worker_pids() == workers
