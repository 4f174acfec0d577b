"""Another binary in the place of the running one: geerpc -s upgrade, USR2, and back again."""
import contextlib
import os
import re
import signal
import socket
import subprocess
from concurrent.futures import ThreadPoolExecutor

import pytest

from conftest import CONF, SANITIZED, TIMEOUT, eventually
from gateway import page
from handover import Crowd, make_passing, sealed_of
from registering import ask, put, registry_conf, servers, start_registry, url, wait_for_servers
from upgrading import (
    Calling,
    ask_old,
    descriptors,
    install,
    old_pid,
    start_swapped,
    wait_for_master,
    wait_for_other_master,
)
from wire import CLOSE, CREDIT, DRAIN, MESSAGE, BinPeer, field

UPGRADES = 20 if not SANITIZED else 5


@pytest.fixture
def daemon(stopped):
    return stopped.start(daemon=True)


def sum_of(server, address=None):
    return server.call("Foo.Sum", {"Num1": 40, "Num2": 2}, address)


def names(server):
    return sorted(path.name for path in (server.root / "run").iterdir())


def tell(server, pid, number, pattern):
    """Sends a signal, and waits for what the process logs then."""
    pattern = rf"{pid}: {pattern}"
    before = len(re.findall(pattern, server.log()))
    os.kill(pid, number)
    server.wait_for_log(pattern, before + 1)


def signal_new(server):
    """Sends USR2; both masters serve: the pids of the old and the new master."""
    old = server.pid
    tell(server, old, signal.SIGUSR2, "QUIT to this master")
    assert old_pid(server) == old
    return old, server.pid


def wait_for_end(server, pid):
    eventually(lambda: pid not in server.processes(), f"the end of {pid}")


# ---- geerpc -s upgrade ----


def test_nobody_notices_an_upgrade(daemon):
    """Clients that stay keep their connections, clients that come are never refused, and no call is lost."""
    with Calling(daemon) as calling:
        for _ in range(3):
            before, workers = daemon.pid, daemon.worker_pids()
            said = daemon.ask("upgrade").stdout
            assert re.fullmatch(
                rf"upgraded: geerpc \S+, pid {daemon.pid}: {daemon.tcp} {daemon.unix}, 2 workers; "
                rf"the old one, pid {before}, has ended\n",
                said,
            )
            assert before not in daemon.processes() and daemon.pid != before
            assert not set(workers) & set(daemon.worker_pids())
            calling.check()
    assert names(daemon) == ["geerpc.control", "geerpc.pid", "geerpc.sock"]


def number(value):
    return field(1, value)


def double(peer, value):
    """One message each way of an open Stream.Double, with credit for the answer."""
    peer.say(MESSAGE, 1, number(value))
    peer.say(CREDIT, 1, credit=64)
    while (frame := peer.hear()).kind in (CREDIT, DRAIN):
        pass
    assert frame.kind == MESSAGE and frame.body == number(2 * value)


def test_open_streaming_calls_go_on_through_an_upgrade(make_server, extended_build):
    server = make_server(build=extended_build).start(daemon=True)
    old = server.pid
    with BinPeer(server.tcp) as peer, BinPeer(server.tcp) as other, ThreadPoolExecutor(1) as asking:
        peer.say(MESSAGE, 1, number(1), method="Stream.Double")
        assert peer.hear().body == number(2)
        said = asking.submit(server.ask, "upgrade")
        wait_for_other_master(server, old)
        for value in range(2, 200):
            double(peer, value)
            assert other.call("Foo.Sum", field(1, value) + field(2, 1), seq=value)[1] == number(value + 1)
        assert not said.done() and old in server.processes()
        peer.say(CLOSE, 1)
        while (frame := peer.hear()).kind != CLOSE:
            assert frame.kind in (CREDIT, DRAIN)
        assert said.result().stdout.startswith("upgraded: ")
        wait_for_end(server, old)


def held(server, rest):
    """A program that begins when the file "go" exists."""
    return f"#!/bin/sh\nwhile [ ! -e {server.root}/go ]; do sleep 0.02; done\n{rest}\n"


@pytest.mark.parametrize("command", ["status", "reload", "reopen", "quit"])
@pytest.mark.parametrize("fails", [False, True])
def test_a_command_in_the_moment_of_an_upgrade_waits(stopped, command, fails):
    """A moment without a control socket: the old master's has another name, the new master has not opened its own."""
    link = start_swapped(stopped)
    old = stopped.pid
    install(link, held(stopped, "exit 3" if fails else f'exec {stopped.build}/geerpc "$@"'))
    stopped.send_signal(signal.SIGUSR2)
    eventually(lambda: names(stopped)[:1] == ["geerpc.control.oldbin"], "a moment without the socket")
    asked = subprocess.Popen(
        stopped.command(
            "-s", command
        ), env=stopped.environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    with pytest.raises(subprocess.TimeoutExpired):
        asked.wait(0.5)
    (stopped.root / "go").touch()
    said, _ = asked.communicate(timeout=TIMEOUT)
    assert asked.returncode == 0, said
    if command == "status":
        assert (f"pid {old}, running" in said) == fails
    if command == "reload":
        assert "reloaded, generation 2" in said
    with contextlib.suppress(ProcessLookupError):
        os.kill(old, signal.SIGKILL)
    stopped.allow("the master is gone")
    if (stopped.root / "run/geerpc.control").exists():
        stopped.ask("stop", status=None)


def test_process_1_is_not_upgraded(stopped):
    """When process 1 ends, the system ends all processes with it."""
    alone = ["unshare", "--pid", "--fork", "--kill-child"]
    if subprocess.run([*alone, "true"], capture_output=True, check=False).returncode != 0:
        pytest.skip("no right to make a namespace of processes")
    log = open(stopped.root / "stderr.log", "ab")
    stopped.process = subprocess.Popen(
        [*alone, *stopped.command("-F")], env=stopped.environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log
    )
    log.close()
    eventually(lambda: "running" in stopped.run("-s", "status", status=None).stdout, "the server")
    address = stopped.addresses()[0]
    assert (stopped.root / "run/geerpc.pid").read_text() == "1\n"
    refused = stopped.ask("upgrade", status=1).stderr
    assert "upgrade refused: this server is process 1" in refused
    assert names(stopped) == ["geerpc.control", "geerpc.pid", "geerpc.sock"]
    assert sum_of(stopped, address) == ("", 42)
    stopped.ask("stop")
    assert stopped.process.wait(TIMEOUT) == 0


def wait_until_alone(server):
    """The answer to -s upgrade comes before the new master knows that the old master has ended."""
    eventually(lambda: "upgrade:" not in server.status(), "one master")


def test_descriptors_do_not_become_more(daemon):
    daemon.ask("upgrade")
    wait_until_alone(daemon)
    master, workers = descriptors(daemon.pid), [descriptors(pid) for pid in daemon.worker_pids()]
    with Calling(daemon, stay=1) as calling:
        for _ in range(UPGRADES):
            daemon.ask("upgrade")
        calling.check()
    eventually(lambda: len(daemon.processes()) == 3, "one master and two workers")
    wait_until_alone(daemon)
    assert descriptors(daemon.pid) == master
    assert [descriptors(pid) for pid in daemon.worker_pids()] == workers


def test_it_stays_in_the_background(daemon):
    daemon.ask("upgrade")
    assert os.getsid(daemon.pid) == daemon.pid
    for number in (0, 1, 2):
        assert os.readlink(f"/proc/{daemon.pid}/fd/{number}") == "/dev/null"


def test_in_the_foreground(server):
    old = server.pid
    server.daemonized = True
    server.ask("upgrade")
    assert server.process.wait(TIMEOUT) == 0
    assert server.pid != old and sum_of(server) == ("", 42)


def test_calls_in_flight_end_where_they_began(daemon):
    with daemon.peer() as peer:
        peer.send("Foo.Sleep", {"Num1": 1, "Num2": 2})
        eventually(lambda: "in flight 1" in daemon.status(), "the call in flight")
        daemon.ask("upgrade")
        assert peer.reply()[1] == 3
        assert peer.call("Foo.Sum", {"Num1": 1, "Num2": 2})[1] == 3


def test_who_stays_behind_is_said(stopped):
    """A call takes longer than the upgrade waits; another upgrade waits until the old master has ended."""
    stopped.conf += 'shutdown_timeout = "8s";'
    stopped.start(daemon=True)
    old = stopped.pid
    with stopped.peer() as peer:
        peer.send("Foo.Sleep", {"Num1": 600, "Num2": 2})
        eventually(lambda: "in flight 1" in stopped.status(), "the call in flight")
        said = stopped.ask("upgrade").stdout
        assert f"its last connections stay with the old one, pid {old}, for 8s at most (shutdown_timeout)" in said
        assert f"upgrade: pid {old}, which this one is to replace" in stopped.status()
        assert sum_of(stopped) == ("", 42)
        new = stopped.pid
        assert f"the old one, pid {new}, has ended" in stopped.ask("upgrade").stdout
        assert old not in stopped.processes()


def test_no_server_no_upgrade(stopped):
    assert "no server is running" in stopped.ask("upgrade", status=1).stderr


def test_the_configuration_changes_with_the_binary(daemon):
    new = f"unix@{daemon.root}/run/new.sock"
    with daemon.peer() as peer:
        assert peer.call("Foo.Sum", {"Num1": 1, "Num2": 2})[1] == 3
        for workers in (4, 1):
            daemon.conf = f"""
                workers = {workers};
                listen = ( {{ address = "tcp@127.0.0.1:0"; }}, {{ address = "{new}"; }} );
            """
            daemon.ask("upgrade")
            assert daemon.addresses() == [daemon.tcp, new]
            assert len(daemon.worker_pids()) == workers
            for _ in range(20):  # any worker may get the connection: each socket of the port is served
                assert sum_of(daemon) == ("", 42)
            assert sum_of(daemon, new) == ("", 42)
            assert not (daemon.root / "run/geerpc.sock").exists()
        assert peer.call("Foo.Sum", {"Num1": 3, "Num2": 4})[1] == 7


def test_connections_in_the_queue_are_not_reset(daemon):
    """The workers are stopped while connections come in, and while they are replaced."""
    old, frozen = daemon.pid, daemon.worker_pids()
    for pid in frozen:
        os.kill(pid, signal.SIGSTOP)
    peers = [daemon.peer(address) for address in (daemon.tcp, daemon.unix) for _ in range(100)]
    for peer in peers:
        peer.send("Foo.Sum", {"Num1": 1, "Num2": 2})
    daemon.ask("upgrade")
    for peer in peers:
        assert peer.reply()[1] == 3
    for pid in frozen:
        os.kill(pid, signal.SIGCONT)
    wait_for_end(daemon, old)
    for peer in peers:
        assert peer.call("Foo.Sum", {"Num1": 3, "Num2": 4})[1] == 7
        peer.sock.close()


# ---- under load, on every wire (those that are not taken back: test_handover.py) ----


@pytest.fixture
def passing(make_server, extended_build):
    server = make_passing(make_server(build=extended_build)).start(daemon=True)
    server.sealed = sealed_of(server)
    return server


def test_upgrades_that_are_taken_back_under_load(passing, interop):
    with Crowd(passing, interop) as crowd:
        crowd.wait_for_calls(20)
        for drained in (False, True, False, True):
            old, new = signal_new(passing)
            if drained:
                tell(passing, old, signal.SIGWINCH, "all workers have left")
                crowd.wait_until_served_by(passing.worker_pids())
            os.kill(new, signal.SIGQUIT)
            wait_for_master(passing, old)
            assert not crowd.take_events(), crowd.describe_events()
            crowd.wait_until_served_by(passing.worker_pids())
        crowd.finish()
        assert not crowd.events, crowd.describe_events()


# ---- what goes wrong ----

FAILURES = {
    "missing": (None, r"cannot run \S+/bin/geerpc: No such file or directory"),
    "dies": ("#!/bin/sh\nkill -9 $$\n", r"the new binary \(pid \d+\) was killed by signal 9 \(SIGKILL\) before"),
    "leaves": ("#!/bin/sh\nexit 3\n", r"the new binary \(pid \d+\) exited with status 3 before it was ready; \S+ -t"),
    "hangs": ("#!/bin/sh\nexec sleep 600\n", r"the new binary was not ready within 1s \(upgrade_timeout\)"),
    "will not end": (
        "#!/bin/sh\ntrap '' TERM\nwhile :; do sleep 0.1; done\n",
        r"the new binary was not ready within 1s \(upgrade_timeout\)",
    ),
}


def look_at(server):
    return server.pid, server.worker_pids(), descriptors(server.pid)


def check_untouched(server, before):
    assert look_at(server) == before
    eventually(lambda: len(server.processes()) == 3, "nothing is left of the new one")
    assert names(server) == ["geerpc.control", "geerpc.pid", "geerpc.sock"]
    assert sum_of(server) == sum_of(server, server.unix) == ("", 42)


@pytest.mark.parametrize("what", FAILURES)
def test_a_binary_that_does_not_start(stopped, what):
    script, reason = FAILURES[what]
    stopped.conf += 'upgrade_timeout = "1s";'
    link = start_swapped(stopped)
    before = look_at(stopped)
    install(link, script)
    with Calling(stopped, stay=1) as calling:
        said = stopped.ask("upgrade", status=1).stderr
        assert re.match("upgrade failed: " + reason, said), said
        assert stopped.wait_for_log(r"\[error\] \d+: upgrade failed: " + reason)
        check_untouched(stopped, before)
        calling.check()
        install(link, stopped.build / "geerpc")
        stopped.ask("upgrade")
        calling.check()


def test_a_configuration_that_is_refused(daemon):
    before = look_at(daemon)
    daemon.conf = CONF + "lisen = ( );\nworkesr = 3;\n"
    done = daemon.run("-s", "upgrade", status=1)
    assert 'unknown setting "lisen"' in done.stderr and 'did you mean "workers"?' in done.stderr
    check_untouched(daemon, before)
    with socket.create_server(("127.0.0.1", 0)) as other:
        address = "tcp@127.0.0.1:%d" % other.getsockname()[1]
        daemon.conf = CONF.replace("listen = (", f'listen = ( {{ address = "{address}"; }},')
        done = daemon.run("-s", "upgrade", status=1)
    assert f"cannot listen on {address}: Address already in use" in done.stderr
    check_untouched(daemon, before)
    daemon.conf = CONF
    daemon.ask("upgrade")


def test_the_server_ends_while_the_new_one_starts(stopped):
    install(start_swapped(stopped), "#!/bin/sh\nexec sleep 600\n")
    old = stopped.pid
    stopped.send_signal(signal.SIGUSR2)
    stopped.wait_for_log("upgrading to")
    os.kill(old, signal.SIGTERM)
    assert stopped.wait_for_end() == 0
    assert names(stopped) == []


# ---- USR2 and then ----


def test_both_serve_until_one_is_told_to_go(daemon):
    old, new = signal_new(daemon)
    assert names(daemon) == [
        "geerpc.control",
        "geerpc.control.oldbin",
        "geerpc.pid",
        "geerpc.pid.oldbin",
        "geerpc.sock",
    ]
    assert f"pid {new}, running" in daemon.status()
    assert f"pid {old}, running" in ask_old(daemon, "status").stdout
    for pid in (old, new):
        os.kill(pid, signal.SIGUSR2)
    daemon.wait_for_log(rf"{old}: upgrade refused: one is under way already: pid {new}")
    daemon.wait_for_log(rf"{new}: upgrade refused: pid {old}, which this server is to replace, is still there")
    assert f"another binary, pid {new}" in ask_old(daemon, "reload", status=1).stderr
    with Calling(daemon) as calling:
        os.kill(old, signal.SIGQUIT)
        wait_for_end(daemon, old)
        calling.check()
    assert names(daemon) == ["geerpc.control", "geerpc.pid", "geerpc.sock"]
    daemon.reload()


def test_the_old_one_is_stopped_at_once(daemon):
    """The connections of the old master are cut; the addresses are served on."""
    old, new = signal_new(daemon)
    os.kill(old, signal.SIGTERM)
    wait_for_end(daemon, old)
    assert daemon.pid == new
    for _ in range(10):
        assert sum_of(daemon) == sum_of(daemon, daemon.unix) == ("", 42)
    assert names(daemon) == ["geerpc.control", "geerpc.pid", "geerpc.sock"]


def test_back_at_once(daemon):
    """The new master has taken connections; they come back when it is told to end."""
    before = descriptors(daemon.pid)
    old, new = signal_new(daemon)
    with Calling(daemon) as calling:
        daemon.send_signal(signal.SIGQUIT)
        wait_for_master(daemon, old)
        calling.check()
        eventually(lambda: descriptors(old) == before, "the old master has the descriptors that it had")
        assert names(daemon) == ["geerpc.control", "geerpc.pid", "geerpc.sock"]
        daemon.ask("upgrade")
        calling.check()


@pytest.mark.parametrize("told", [True, False])
def test_back_after_winch(daemon, told):
    """The old workers have left and have passed their connections on; with or without HUP, the old master's workers
    serve again."""
    with Calling(daemon) as calling:
        old, new = signal_new(daemon)
        tell(daemon, old, signal.SIGWINCH, "all workers have left")
        calling.check()
        if told:
            tell(daemon, old, signal.SIGHUP, "worker 1 .* serves")
        os.kill(new, signal.SIGQUIT)
        wait_for_master(daemon, old)
        calling.check()
        daemon.ask("upgrade")
        calling.check()


def test_a_new_one_that_dies_leaves_the_old_one(daemon):
    old, new = signal_new(daemon)
    daemon.allow("the master is gone|was killed by signal 9")
    tell(daemon, old, signal.SIGWINCH, "all workers have left")
    os.kill(new, signal.SIGKILL)
    daemon.wait_for_log(rf"{old}: worker 1 .* serves")
    wait_for_master(daemon, old)
    assert sum_of(daemon) == sum_of(daemon, daemon.unix) == ("", 42)
    assert names(daemon) == ["geerpc.control", "geerpc.pid", "geerpc.sock"]


def test_an_old_one_that_dies_leaves_the_new_one(daemon):
    old, new = signal_new(daemon)
    daemon.allow("the master is gone")
    os.kill(old, signal.SIGKILL)
    daemon.wait_for_log(rf"the master before \(pid {old}\) is gone: this one is alone")
    assert daemon.pid == new
    for _ in range(10):
        assert sum_of(daemon) == sum_of(daemon, daemon.unix) == ("", 42)
    daemon.ask("upgrade")


STRANGER = """#!/usr/bin/env python3
import os, re, socket
text = os.environ["GEERPC_INHERIT"]
link = socket.socket(fileno=int(re.search(r"^master (\\d+) ", text, re.M)[1]))
link.setblocking(True)
link.send(b"keep 2 {tcp}")
link.send(b"ready 99 a stranger")
open("{path}", "w").write(text)
while link.recv(1000):
    pass
"""


def test_another_way_of_speaking(stopped):
    """A binary whose masters use other messages: it takes the sockets over, and connections end as their wires can."""
    link = start_swapped(stopped)
    install(link, STRANGER.replace("{path}", f"{stopped.root}/inherited").replace("{tcp}", stopped.tcp))
    with stopped.peer() as peer:
        assert peer.call("Foo.Sum", {"Num1": 1, "Num2": 2})[1] == 3
        old = stopped.pid
        assert "upgraded: a stranger; the old one" in stopped.ask("upgrade").stdout
        assert peer.sock.recv(100) == b""
    wait_for_end(stopped, old)
    stopped.wait_for_log("speaks another version: connections stay here until they end")
    lines = (stopped.root / "inherited").read_text().splitlines()
    assert lines[0] == "geerpc-inherit 1"
    assert len([line for line in lines if re.fullmatch(r"listen \d+ [01] own tcp@127\.0\.0\.1:0", line)]) == 2


# ---- the helper, and counts ----


def test_the_registry_is_kept(stopped):
    stopped.conf = registry_conf()
    stopped.start(daemon=True)
    for number in range(3):
        put(stopped, f"tcp@10.0.0.1:{9000 + number}", ttl="1h")
    listed = servers(stopped)
    assert len(listed) == 3
    old, _ = signal_new(stopped)
    assert servers(stopped) == listed
    put(stopped, "tcp@10.0.0.2:1", ttl="1h")  # for either of the two masters
    put(stopped, "tcp@10.0.0.2:2", ttl="1h")
    os.kill(old, signal.SIGQUIT)
    wait_for_end(stopped, old)
    assert servers(stopped) == listed + ["tcp@10.0.0.2:1", "tcp@10.0.0.2:2"]
    put(stopped, "tcp@10.0.0.2:3", ttl="1h")
    stopped.ask("upgrade")
    assert servers(stopped) == listed + ["tcp@10.0.0.2:1", "tcp@10.0.0.2:2", "tcp@10.0.0.2:3"]


def test_calls_are_counted_on(daemon):
    def counted():
        (service,) = [each for each in page(daemon)["services"] if each["name"] == "Foo"]
        return sum(method["calls"] for method in service["methods"])

    for _ in range(5):
        assert sum_of(daemon) == ("", 42)
    assert counted() == 5
    daemon.ask("upgrade")
    assert counted() == 5
    assert sum_of(daemon) == ("", 42)
    assert counted() == 6


def test_announcements_stay(make_server, stopped):
    """No client sees the server leave, whichever of the two masters ends."""
    registry = start_registry(make_server())
    stopped.conf = CONF + 'announce = ( { registry = "%s"; ttl = "1h"; } );' % url(registry)
    stopped.start(daemon=True)
    wait_for_servers(registry, [stopped.tcp])
    version = ask(registry).version
    stopped.ask("upgrade")
    for last in (signal.SIGQUIT, signal.SIGTERM):
        old, new = signal_new(stopped)
        tell(stopped, old, signal.SIGWINCH, "all workers have left")
        os.kill(new, last)
        wait_for_master(stopped, old)
    stopped.ask("upgrade")
    assert (ask(registry).version, servers(registry)) == (version, [stopped.tcp])
    stopped.ask("quit")
    wait_for_servers(registry, [])
