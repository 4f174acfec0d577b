"""Logs that no process reads, and standard descriptors of all kinds: the server waits for none of them."""
import contextlib
import fcntl
import os
import pty
import re
import signal
import socket
import subprocess
import termios

import pytest

from conftest import CONF, eventually

SUM = ("Foo.Sum", {"Num1": 1, "Num2": 2})
CHATTY = CONF + 'shutdown_timeout = "2s";'  # of level info a connection is two lines


def fill(descriptor):
    """Fills the pipe; its mode for others stays."""
    flags = fcntl.fcntl(descriptor, fcntl.F_GETFL)
    fcntl.fcntl(descriptor, fcntl.F_SETFL, flags | os.O_NONBLOCK)
    for size in (4096, 1):
        with contextlib.suppress(BlockingIOError):
            while True:
                os.write(descriptor, b"-" * (size - 1) + b"\n")
    fcntl.fcntl(descriptor, fcntl.F_SETFL, flags)


def drain(descriptor):
    """The bytes that can be read at once."""
    os.set_blocking(descriptor, False)
    text = b""
    with contextlib.suppress(BlockingIOError):
        while more := os.read(descriptor, 65536):
            text += more
    return text.decode()


class Foreground:
    """A server in the foreground, with the test's standard output and error."""

    def __init__(self, server, stdout, stderr, **options):
        self.server = server
        self.process = server.process = subprocess.Popen(
            server.command("-F"), env=server.environment, cwd=server.root, stdin=subprocess.DEVNULL,
            stdout=stdout, stderr=stderr, start_new_session=True, **options,
        )
        eventually(lambda: "running" in server.run("-s", "status", status=None).stdout, "the server")
        server.ready = " ".join(server.addresses())

    def do_everything(self):
        """Calls, a reload, log files opened again, by command and by signal."""
        server = self.server
        for _ in range(50):
            assert server.call(*SUM) == ("", 3)
        server.reload()
        server.ask("reopen")
        server.send_signal(signal.SIGHUP)
        eventually(lambda: server.generation() == 3, "the reload by signal")
        server.send_signal(signal.SIGUSR1)
        assert server.call(*SUM) == ("", 3)


def stalled_pipe():
    reader, writer = os.pipe()
    fill(writer)
    return reader, writer


def stalled_socket():
    reader, writer = socket.socketpair()
    fill(writer.fileno())
    return reader.detach(), writer.detach()


KINDS = {"pipe": stalled_pipe, "socket": stalled_socket}


@pytest.mark.parametrize("kind", KINDS)
def test_standard_output_and_error_that_nobody_reads(stopped, kind):
    stopped.conf = CHATTY + 'error_log = { level = "info"; };'
    reader, writer = KINDS[kind]()
    running = Foreground(stopped, writer, writer)
    running.do_everything()
    assert os.get_blocking(writer), "the mode of an open file that others have, too, was changed"
    drain(reader)
    said = ""

    def dropped():
        nonlocal said
        said += drain(reader)
        return re.search(r"\[error\] \d+: \d+ lines? (was|were) dropped: nobody reads them\n", said)

    eventually(dropped, "the count of what was dropped")
    fill(writer)
    assert stopped.stop() == 0
    os.close(reader)
    os.close(writer)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_a_pipe_of_another_user_that_nobody_reads(stopped):
    """The pipe cannot be opened again."""
    for name in ("run", "logs"):
        (stopped.root / name).chmod(0o777)
    stopped.conf = CHATTY + 'error_log = { level = "info"; };'
    reader, writer = os.pipe()
    running = Foreground(stopped, writer, writer, user="nobody")
    eventually(lambda: "ready" in drain(reader), "the lines of the start")
    fill(writer)
    running.do_everything()
    drain(reader)
    eventually(lambda: re.search(r"\d+ lines? (was|were) dropped", drain(reader)), "the count of what was dropped")
    fill(writer)
    assert stopped.stop() == 0
    os.close(reader)
    os.close(writer)


def test_a_terminal_that_is_stopped(stopped):
    """As by Ctrl-S."""
    stopped.conf = CHATTY + 'error_log = { level = "info"; };'
    leader, terminal = pty.openpty()
    running = Foreground(stopped, terminal, terminal)
    termios.tcflow(terminal, termios.TCOOFF)
    running.do_everything()
    assert stopped.stop() == 0
    os.close(terminal)
    os.close(leader)


@pytest.mark.parametrize("daemon", [True, False])
def test_a_named_pipe_without_a_reader(stopped, daemon):
    stopped.conf = CHATTY + 'error_log = { path = "logs/error.fifo"; level = "info"; };'
    stopped.conf += 'access_log = { path = "logs/access.fifo"; };'
    for name in ("error.fifo", "access.fifo"):
        os.mkfifo(stopped.root / "logs" / name)
    stopped.start(daemon=daemon)
    assert stopped.call(*SUM) == ("", 3)
    with open(stopped.root / "logs/access.fifo", encoding="utf-8") as access:
        assert "Foo.Sum json 0" in access.readline()
    if not daemon:
        return
    reader = os.open(stopped.root / "logs/error.fifo", os.O_RDONLY | os.O_NONBLOCK)
    first = eventually(lambda: drain(reader), "lines that were kept")
    assert "ready: " in first
    writer = os.open(stopped.root / "logs/error.fifo", os.O_WRONLY)
    fill(writer)
    for _ in range(30):
        assert stopped.call(*SUM) == ("", 3)
    stopped.reload()
    stopped.ask("reopen")
    eventually(lambda: re.search(r"\d+ lines? (was|were) dropped", drain(reader)), "the count of what was dropped")
    fill(writer)
    stopped.ask("quit")
    os.close(reader)
    os.close(writer)


def test_an_access_log_that_nobody_reads(stopped):
    stopped.conf = CHATTY + 'access_log = { path = "logs/access.fifo"; };'
    path = stopped.root / "logs/access.fifo"
    os.mkfifo(path)
    stopped.start()
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    writer = os.open(path, os.O_WRONLY)
    fill(writer)
    for _ in range(100):
        assert stopped.call(*SUM) == ("", 3)
    stopped.wait_for_log("access_log: lines are dropped: nobody reads them")
    drain(reader)
    eventually(
        lambda: stopped.call(*SUM) == ("", 3) and re.search(
            r"lines are written again, \d+ were dropped", stopped.log()
        ),
        "the count of what was dropped",
    )
    for line in drain(reader).splitlines():
        assert line == "" or len(line.split(" ")) == 13, line
    os.close(reader)
    os.close(writer)


@pytest.mark.parametrize("path", ["stdout", "/dev/stdout"])
@pytest.mark.parametrize("kind", ["socket", "pipe"])
def test_logs_to_standard_output(stopped, path, kind):
    """A socket cannot be opened by its path; systemd gives one to its services."""
    stopped.conf += f'error_log = {{ path = "{path}"; }}; access_log = {{ path = "{path}"; }};'
    if kind == "socket":
        ours, theirs = (end.detach() for end in socket.socketpair())
    else:
        ours, theirs = os.pipe()
    with open(stopped.root / "stderr.log", "wb") as stderr:
        Foreground(stopped, theirs, stderr)
    assert stopped.call(*SUM) == ("", 3)
    said = ""

    def has_both():
        nonlocal said
        said += drain(ours)
        return "[notice]" in said and re.search(r"Foo\.Sum json 0 .*\n", said)

    eventually(has_both, "lines of both logs")
    assert "[notice]" not in stopped.log()
    assert stopped.stop() == 0
    os.close(ours)
    os.close(theirs)


def test_logs_of_a_daemon_to_standard_error(stopped):
    """Descriptors that the logs need stay open; the others are closed."""
    stopped.conf += 'error_log = { path = "stderr"; };'
    with open(stopped.root / "stderr.log", "wb") as stderr:
        subprocess.run(
            stopped.command(), env=stopped.environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=stderr, check=True, timeout=30,
        )
    stopped.daemonized = True
    stopped.reload()
    stopped.wait_for_log("reloaded, generation 2")
    assert not (stopped.root / "logs/error.log").exists()
    refused = stopped.reload(
        CONF + 'access_log = { path = "stdout"; }; error_log = { path = "stderr"; };', status=1
    ).stderr
    assert "cannot log to stdout: this server has left its terminal" in refused
    stopped.conf = CONF + 'error_log = { path = "stderr"; };'
    stopped.ask("upgrade")
    stopped.wait_for_log("the master before .* is gone")


def test_no_log(stopped):
    stopped.conf += 'error_log = { path = "off"; }; access_log = { path = "off"; };'
    stopped.start()
    assert stopped.call(*SUM) == ("", 3)
    stopped.reload()
    assert stopped.log() == ""
    assert list((stopped.root / "logs").iterdir()) == []
    assert not (stopped.root / "off").exists()


def test_a_module_whose_log_takes_nothing_keeps_no_worker_from_serving(make_server, extended_build):
    server = make_server(build=extended_build)
    server.conf += f'crash = {{ directory = "{server.root}"; }};'
    (server.root / "logs/crash.log").symlink_to("/dev/full")
    server.start()
    assert server.call(*SUM) == ("", 3)
