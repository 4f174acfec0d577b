"""geerpc -s reload: a reload succeeds or changes nothing, and loses no call and no waiting connection."""
import os
import re
import signal
import socket
import threading
import time

import pytest

from conftest import CONF, eventually

FREE = 'tcp@127.0.0.1:0'


def conf(*addresses, workers=2, more=""):
    """Port 0 keeps its port as long as it is configured."""
    listen = ",\n".join('  { address = "%s"; }' % address for address in addresses)
    return f"workers = {workers};\nlisten = (\n{listen}\n);\n{more}\n"


def sum_of(server, address):
    return server.call("Foo.Sum", {"Num1": 40, "Num2": 2}, address)


def test_bad_file_changes_nothing(server):
    workers = server.worker_pids()
    with server.peer() as peer:
        assert peer.call("Foo.Sum", {"Num1": 1, "Num2": 2})[1] == 3
        done = server.reload(CONF + 'lisen = ( );\nworkesr = 3;', status=1)
        assert 'unknown setting "lisen"' in done.stderr and 'did you mean "workers"?' in done.stderr
        assert done.stdout == ""
        assert peer.call("Foo.Sum", {"Num1": 3, "Num2": 4})[1] == 7
    assert server.worker_pids() == workers
    assert server.generation() == 1
    assert sum_of(server, server.tcp) == ("", 42)
    assert "unknown setting" in server.log()


def test_address_in_use_changes_nothing(server):
    workers = server.worker_pids()
    with socket.create_server(("127.0.0.1", 0)) as other:
        address = "tcp@127.0.0.1:%d" % other.getsockname()[1]
        done = server.reload(conf(FREE, f"unix@{server.root}/run/new.sock", address), status=1)
    assert re.search(rf"geerpc\.conf:5: listen\[2\]: cannot listen on {address}: Address already in use", done.stderr)
    assert server.worker_pids() == workers
    assert not (server.root / "run/new.sock").exists()
    assert sum_of(server, server.unix) == ("", 42)


def test_settings_that_need_a_restart_are_refused(server):
    done = server.reload(CONF + 'pid = "run/other.pid";', status=1)
    assert "pid" in done.stderr
    assert server.generation() == 1


def test_good_file_replaces_the_workers(server):
    before = server.worker_pids()
    done = server.reload()
    assert done.stdout.startswith("reloaded, generation 2: ")
    assert not set(before) & set(server.worker_pids())
    assert sum_of(server, server.tcp) == ("", 42)
    eventually(lambda: not set(before) & set(server.processes()), "the old workers have left")


def test_reload_by_signal(server):
    server.send_signal(signal.SIGHUP)
    server.wait_for_log("reloaded, generation 2")
    server.conf = "workers = "
    server.send_signal(signal.SIGHUP)
    server.wait_for_log("reload refused: ")
    assert server.generation() == 2


def test_addresses_come_and_go(server):
    """The first address stays, and keeps its port although the file says 0."""
    new = f"unix@{server.root}/run/new.sock"
    server.reload(conf(FREE, new))
    assert server.addresses() == [server.tcp, new]
    assert sum_of(server, server.tcp) == ("", 42)
    assert sum_of(server, new) == ("", 42)
    assert not (server.root / "run/geerpc.sock").exists()
    server.reload(conf(FREE, "unix@run/geerpc.sock"))
    assert sum_of(server, server.unix) == ("", 42)
    assert not (server.root / "run/new.sock").exists()
    server.reload(conf("unix@run/geerpc.sock"))
    host, port = server.tcp.removeprefix("tcp@").split(":")
    with pytest.raises(ConnectionRefusedError):
        eventually(lambda: socket.create_connection((host, int(port))).close(), "the port is closed")


@pytest.mark.parametrize("counts", [(1, 4, 1), (4, 1, 3)])
def test_worker_count_changes(stopped, counts):
    stopped.conf = conf(FREE, "unix@run/geerpc.sock", workers=counts[0])
    stopped.start()
    for count in (*counts[1:], counts[0]):
        stopped.reload(conf(FREE, "unix@run/geerpc.sock", workers=count))
        assert len(stopped.worker_pids()) == count
        for _ in range(20):  # any worker may get the connection: each socket of the port is served
            assert sum_of(stopped, stopped.tcp) == ("", 42)
        assert sum_of(stopped, stopped.unix) == ("", 42)


def test_calls_in_flight_finish(server):
    peers = [server.peer(address) for address in (server.tcp, server.unix) for _ in range(3)]
    for peer in peers:
        peer.send("Foo.Sleep", {"Num1": 1, "Num2": 2})
    eventually(lambda: sum(map(int, re.findall(r"in flight (\d+)", server.status()))) == 6, "the calls in flight")
    before = [int(pid) for pid in re.findall(r"pid (\d+), serving, .* in flight [1-6]", server.status())]
    server.reload(conf("unix@run/new.sock", workers=1))
    assert set(before) <= set(server.worker_pids("leaving"))
    for peer in peers:
        assert peer.reply()[1] == 3
        assert peer.sock.recv(100) == b""
        peer.sock.close()
    eventually(lambda: not set(before) & set(server.processes()), "the old workers have left")


def test_a_connection_that_has_not_spoken_yet_is_served(server):
    """The connection was accepted before the reload; its client sends later."""
    with server.peer(option=b"") as peer:
        eventually(lambda: "connections 1," in server.status(), "the connection")
        server.reload()
        time.sleep(0.2)  # longer than a leaving worker waits for a quiet session
        peer.sock.sendall(b'{"MagicNumber":3927900,"CodecType":"application/json"}')
        assert peer.call("Foo.Sum", {"Num1": 1, "Num2": 2})[1] == 3


@pytest.mark.parametrize("what", ["kept", "removed"])
@pytest.mark.parametrize("workers", [1, 4])
def test_connections_in_the_queue_are_not_reset(server, what, workers):
    """The workers are stopped while connections come in, by every socket of the port, and while they are replaced."""
    stopped = server.worker_pids()
    for pid in stopped:
        os.kill(pid, signal.SIGSTOP)
    # More connections than a worker accepts in one pass.
    peers = [server.peer(address) for address in (server.tcp, server.unix) for _ in range(100)]
    for peer in peers:
        peer.send("Foo.Sum", {"Num1": 1, "Num2": 2})
    addresses = [FREE, "unix@run/geerpc.sock"] if what == "kept" else ["unix@run/new.sock"]
    server.reload(conf(*addresses, workers=workers))
    if what == "kept":
        for peer in peers:
            assert peer.reply()[1] == 3
    for pid in stopped:
        os.kill(pid, signal.SIGCONT)
    for peer in peers:
        if what == "removed":
            assert peer.reply()[1] == 3
        peer.sock.close()


def test_no_call_is_lost_while_reloading_under_load(server):
    """Clients connect, call and leave, all the time, while the number of workers goes up and down."""
    finished = threading.Event()
    counts, troubles = [0] * 4, []

    def work(index):
        address = (server.tcp, server.unix)[index % 2]
        while not finished.is_set():
            try:
                assert sum_of(server, address) == ("", 42)
                counts[index] += 1
            except Exception as trouble:  # pylint: disable=broad-except
                troubles.append(repr(trouble))
                return

    threads = [threading.Thread(target=work, args=(index,)) for index in range(len(counts))]
    for thread in threads:
        thread.start()
    for workers in (1, 3, 2, 4, 1, 2):
        before = list(counts)
        server.reload(conf(FREE, "unix@run/geerpc.sock", workers=workers))
        eventually(
            lambda: troubles or all(now > then + 5 for now, then in zip(counts, before)), "calls by every thread"
        )
    finished.set()
    for thread in threads:
        thread.join()
    assert not troubles


def test_one_reload_at_a_time(server):
    """Each command gets an answer, and a reload that was requested during another one follows it."""
    results = []
    threads = [threading.Thread(target=lambda: results.append(server.reload())) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all("reloaded, generation" in result.stdout for result in results)
    server.reload()


def test_limits_and_services_change(server):
    server.reload(CONF + 'services = ( { name = "Arith"; } );')
    error, _ = sum_of(server, server.tcp)
    assert error == "rpc server: can't find service Foo"
    server.reload(CONF)
    assert sum_of(server, server.tcp) == ("", 42)


def test_a_refused_reload_with_more_workers_leaves_nobody_waiting(stopped):
    """Sockets that the refused reload had opened are served: the kernel sends connections to all of them."""
    stopped.conf = conf(FREE, workers=2)
    stopped.start()
    with socket.create_server(("127.0.0.1", 0)) as other:
        taken = "tcp@127.0.0.1:%d" % other.getsockname()[1]
        stopped.reload(conf(FREE, taken, workers=6), status=1)
    for _ in range(40):
        assert sum_of(stopped, stopped.tcp) == ("", 42)


def test_a_worker_that_refuses_to_start_rolls_back(make_server, extended_build):
    server = make_server(build=extended_build)
    crash = f'crash = {{ directory = "{server.root}"; }};'
    server.conf += crash
    server.start()
    workers = server.worker_pids()
    for name, said in (
        ("refuse", 'service_crash: there is a file "refuse"'),
        ("abort", "was killed by signal 6 (SIGABRT)"),
        ("refuse-prepare", 'service_crash: there is a file "refuse-prepare"'),
    ):
        server.allow_crash("SIGABRT")
        (server.root / name).touch()
        done = server.reload(conf(FREE, "unix@run/new.sock", workers=3, more=crash), status=1)
        assert said in done.stderr
        (server.root / name).unlink()
        assert server.worker_pids() == workers
        assert set(server.processes()) == {server.pid, *workers}
        assert not (server.root / "run/new.sock").exists()
        for _ in range(10):
            assert sum_of(server, server.tcp) == ("", 42)
    server.reload(conf(FREE, workers=3, more=crash))
    assert len(server.worker_pids()) == 3
