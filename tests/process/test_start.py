"""Starting and stopping the server."""
import os
import itertools
import pathlib
import pty
import re
import signal
import socket
import stat
import subprocess

import pytest

from conftest import eventually


def test_ready_line_and_a_call(server):
    assert re.fullmatch(
        rf"geerpc \d+\.\d+\.\d+ ready: tcp@127\.0\.0\.1:\d+ unix@{server.root}/run/geerpc\.sock, 2 workers",
        server.output.splitlines()[0],
    )
    assert server.call("Arith.Multiply", {"A": 7, "B": 8}) == ("", 56)
    assert server.call("Arith.Multiply", {"A": 7, "B": 8}, server.unix) == ("", 56)


def test_the_command_to_try_is_for_a_terminal(stopped):
    """The command runs in the foreground, and works."""
    if not (stopped.build / "geectl").exists():
        pytest.skip("this build has no geectl")
    server = stopped.start()
    assert "try: " not in server.output
    assert server.stop() == 0
    assert "try: " not in server.start(daemon=True).output
    assert server.stop() == 0
    leader, terminal = pty.openpty()
    server.process = subprocess.Popen(
        server.command("-F"), env=server.environment, cwd=server.root, stdin=subprocess.DEVNULL, stdout=terminal,
        stderr=subprocess.DEVNULL, start_new_session=True,
    )
    os.close(terminal)
    said = b""
    while b"\n" not in said.partition(b"try: ")[2]:
        said += os.read(leader, 4096)
    command = re.search(r"^try: (.*)$", said.decode().replace("\r", ""), re.MULTILINE).group(1)
    done = subprocess.run(command, shell=True, capture_output=True, text=True, check=False, timeout=60, cwd=server.root)
    assert (done.returncode, done.stdout) == (0, "56\n"), done.stderr
    assert server.stop() == 0
    os.close(leader)


def test_every_worker_serves(server):
    """Each worker has a socket of its own for TCP, and the kernel spreads connections over them."""
    peers = []
    try:
        for _ in range(64):
            peers.append(server.peer())
            assert peers[-1].call("Foo.Sum", {"Num1": 1, "Num2": 2})[1] == 3
        counts = [int(count) for count in re.findall(r"connections (\d+)", server.status())]
        assert sum(counts) == 64
        assert all(counts)
    finally:
        for peer in peers:
            peer.sock.close()


def test_daemon(stopped):
    stopped.start(daemon=True)
    assert stopped.call("Foo.Sum", {"Num1": 1, "Num2": 2}) == ("", 3)
    pid = int((stopped.root / "run/geerpc.pid").read_text())
    assert pid in stopped.processes()
    assert os.getsid(pid) == pid
    for number in (0, 1, 2):
        assert os.readlink(f"/proc/{pid}/fd/{number}") == "/dev/null"
    stopped.wait_for_log("ready: ")


CLOSED = [some for count in range(4) for some in itertools.combinations((0, 1, 2), count)]


def closing(descriptors):
    def close():
        for number in descriptors:
            os.close(number)

    return close


@pytest.mark.parametrize("closed", CLOSED)
def test_started_with_closed_standard_descriptors(stopped, closed):
    """The server runs, and opens nothing under these numbers; another binary starts from this server; failures are
    reported."""
    stopped.daemonized = True
    stopped.run(preexec_fn=closing(closed))
    for _ in range(2):
        for number in (0, 1, 2):
            assert os.readlink(f"/proc/{stopped.pid}/fd/{number}") == "/dev/null"
        assert stopped.call("Foo.Sum", {"Num1": 1, "Num2": 2}, stopped.addresses()[0]) == ("", 3)
        stopped.run("-s", "upgrade", preexec_fn=closing(closed))
    stopped.run("-s", "stop", preexec_fn=closing(closed))
    stopped.run("-s", "stop", preexec_fn=closing(closed), status=1)
    stopped.conf = "workers = ;"
    stopped.run(preexec_fn=closing(closed), status=1)


@pytest.mark.parametrize("closed", CLOSED)
def test_in_the_foreground_with_closed_standard_descriptors(stopped, closed):
    stopped.process = subprocess.Popen(
        stopped.command("-F"), env=stopped.environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL, preexec_fn=closing(closed), start_new_session=True,
    )
    eventually(lambda: "running" in stopped.run("-s", "status", status=None).stdout, "the server")
    assert stopped.call("Foo.Sum", {"Num1": 1, "Num2": 2}, stopped.addresses()[0]) == ("", 3)
    assert stopped.stop() == 0


@pytest.mark.parametrize("arguments", [["-v"], ["-V"], ["-h"], ["-T"], ["--document-configuration"]])
def test_what_cannot_be_printed_is_a_failure(stopped, arguments):
    assert "written" in stopped.run(*arguments, preexec_fn=closing([1]), status=1).stderr


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGQUIT])
@pytest.mark.parametrize("daemon", [False, True])
def test_stop_by_signal(stopped, number, daemon):
    stopped.start(daemon=daemon)
    assert stopped.stop(number) == 0
    assert list((stopped.root / "run").iterdir()) == []
    assert "ended" in stopped.log()


@pytest.mark.parametrize("command", ["stop", "quit"])
def test_stop_by_command(stopped, command):
    """The command returns when the server's process has ended."""
    stopped.start(daemon=True)
    pid = stopped.pid
    stopped.ask(command)
    assert not os.path.exists(f"/proc/{pid}") or b"\0geerpc" not in pathlib.Path(f"/proc/{pid}/cmdline").read_bytes()
    assert list((stopped.root / "run").iterdir()) == []


def test_stop_does_not_wait_for_calls(server):
    with server.peer() as peer:
        peer.send("Foo.Sleep", {"Num1": 600, "Num2": 0})
        eventually(lambda: "in flight 1" in server.status(), "the call in flight")
        assert server.stop() == 0


def test_quit_waits_for_calls(server):
    with server.peer() as peer:
        peer.send("Foo.Sleep", {"Num1": 1, "Num2": 2})
        eventually(lambda: "in flight 1" in server.status(), "the call in flight")
        server.send_signal(signal.SIGQUIT)
        server.wait_for_log("quitting")
        status = server.status()
        assert re.match(rf"geerpc \S+: pid {server.pid}, quitting, ", status)
        assert re.search(r"^worker \d: pid \d+, leaving, .* in flight 1$", status, re.M) and "listening" not in status
        assert peer.reply()[1] == 3
        assert peer.sock.recv(100) == b""
    assert server.wait_for_end() == 0


def test_quit_answers_what_is_on_its_way(server):
    """A worker that has been told to leave, but has not run since, has requests in its sockets and connections in its
    queues."""
    workers = server.worker_pids()
    with server.peer() as peer, server.peer() as other:
        for each in (peer, other):
            assert each.call("Foo.Sum", {"Num1": 1, "Num2": 2})[1] == 3
        for pid in workers:
            os.kill(pid, signal.SIGSTOP)
        peer.send("Foo.Sum", {"Num1": 3, "Num2": 4})
        late = [server.peer(address) for address in (server.tcp, server.unix) for _ in range(100)]
        for each in late:
            each.send("Foo.Sum", {"Num1": 5, "Num2": 6})
        server.send_signal(signal.SIGQUIT)
        server.wait_for_log("quitting")
        other.send("Foo.Sum", {"Num1": 7, "Num2": 8})
        for pid in workers:
            os.kill(pid, signal.SIGCONT)
        assert peer.reply()[1] == 7
        assert other.reply()[1] == 15
        for each in late:
            assert each.reply()[1] == 11
            each.sock.close()
    assert server.wait_for_end() == 0


def test_shutdown_timeout_cuts_and_says_so(stopped):
    stopped.conf += 'shutdown_timeout = "300ms";'
    stopped.start()
    with stopped.peer() as peer:
        peer.send("Foo.Sleep", {"Num1": 600, "Num2": 0})
        eventually(lambda: "in flight 1" in stopped.status(), "the call in flight")
        stopped.send_signal(signal.SIGQUIT)
        assert stopped.wait_for_end() == 0
        host, port = peer.sock.getsockname()
    assert re.search(
        rf"tcp@{host}:{port}: cut with 1 call in flight: Foo.Sleep: shutdown_timeout \(0.3s\) is over", stopped.log()
    )


def test_second_server_on_one_pid_file_is_refused(server):
    second = server.run(status=1)
    assert f"already running, pid {server.pid}" in second.stderr
    assert server.call("Foo.Sum", {"Num1": 1, "Num2": 2}) == ("", 3)


def test_address_of_another_server_is_refused(server, make_server):
    """SO_REUSEPORT would let two servers of one user share it."""
    other = make_server()
    other.conf = 'listen = ( { address = "%s"; } );' % server.tcp
    for arguments in ([], ["-F"]):
        assert f"cannot listen on {server.tcp}: Address already in use" in other.run(*arguments, status=1).stderr
    other.conf = 'listen = ( { address = "%s"; } );' % server.unix
    assert server.unix in other.run("-F", status=1).stderr
    assert server.call("Foo.Sum", {"Num1": 1, "Num2": 2}, server.unix) == ("", 3)


def test_kill_of_the_master_ends_the_workers(server):
    server.allow("the master is gone")
    server.process.kill()
    server.wait_for_end()
    # The files of the killed server, a pid file and sockets, do not prevent a start.
    server.start()
    assert server.call("Foo.Sum", {"Num1": 1, "Num2": 2}, server.unix) == ("", 3)


def test_missing_directories_are_made(stopped):
    for name in ("run", "logs"):
        (stopped.root / name).rmdir()
    stopped.start(daemon=True)
    assert stat.S_IMODE((stopped.root / "run").stat().st_mode) == 0o755
    assert (stopped.root / "logs/error.log").exists()


def test_modes_of_sockets(server):
    assert stat.S_IMODE((server.root / "run/geerpc.sock").stat().st_mode) == 0o666
    assert stat.S_IMODE((server.root / "run/geerpc.control").stat().st_mode) == 0o600


def test_stale_socket_files_are_replaced(stopped):
    for name in ("geerpc.sock", "geerpc.control"):
        with socket.socket(socket.AF_UNIX) as dead:
            dead.bind(str(stopped.root / "run" / name))
    stopped.start()
    assert stopped.call("Foo.Sum", {"Num1": 1, "Num2": 2}, stopped.unix) == ("", 3)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can change the user")
def test_workers_of_root_are_nobody(server):
    for pid in server.worker_pids():
        status = pathlib.Path(f"/proc/{pid}/status").read_text()
        assert re.search(r"^Uid:\s+(\d+)\s+\1\s+\1\s", status, re.MULTILINE).group(1) != "0"
        assert not re.search(r"^Groups:.*\b0\b", status, re.MULTILINE)
        assert re.search(r"^CapEff:\s+0+$", status, re.MULTILINE)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_an_ordinary_user_can_run_it(stopped):
    stopped.conf += 'user = "daemon";'
    for name in ("run", "logs"):
        (stopped.root / name).chmod(0o777)
    done = stopped.run("-t", user="nobody")
    assert done.returncode == 0
    done = stopped.run(user="nobody")
    assert "ready" in done.stdout, done.stderr
    assert 'user = "daemon" is ignored' in done.stderr + stopped.log()
    address = re.search(r"tcp@\S+", done.stdout).group().rstrip(",")
    assert stopped.call("Foo.Sum", {"Num1": 1, "Num2": 2}, address) == ("", 3)
    stopped.run("-s", "stop", user="nobody")


def test_worker_descriptors(server):
    """A worker holds the sockets that it serves and its own; no descriptors of the master or of other workers."""
    for pid in server.worker_pids():
        targets = [os.readlink(f"/proc/{pid}/fd/{name}") for name in os.listdir(f"/proc/{pid}/fd")]
        sockets = [target for target in targets if target.startswith("socket:")]
        assert len(sockets) == 3, targets  # TCP, Unix, channel
        assert not any("geerpc.pid" in target for target in targets)


@pytest.mark.parametrize("daemon", [False, True])
def test_what_is_inherited_about_signals_does_not_matter(stopped, daemon):
    """nohup ignores HUP; other parents ignore CHLD, or block what they like."""

    def inherit():
        for number in (signal.SIGHUP, signal.SIGCHLD, signal.SIGTERM, signal.SIGUSR1):
            signal.signal(number, signal.SIG_IGN)
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGCHLD, signal.SIGINT})

    stopped.start(daemon=daemon, before=inherit)
    stopped.allow("was killed by signal 9")
    stopped.send_signal(signal.SIGHUP)
    stopped.wait_for_log("reloaded, generation 2")
    victim = stopped.worker_pids()[0]
    os.kill(victim, signal.SIGKILL)
    eventually(lambda: len(now := stopped.worker_pids()) == 2 and victim not in now, "a new worker")
    assert stopped.stop(signal.SIGTERM) == 0
