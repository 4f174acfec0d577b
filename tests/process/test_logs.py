"""Log files: levels, and reopening after a rename."""
import re
import signal
import socket

import pytest

from conftest import CONF, eventually
from wire import OPTION_JSON, connect


def log_of(server, name="error.log"):
    return (server.root / "logs" / name).read_text()


@pytest.mark.parametrize("how", ["signal", "command"])
def test_reopen(stopped, how):
    """In the master and in the workers: both write to the new file, none to the old one."""
    stopped.conf += 'error_log = { level = "info"; };'
    stopped.start(daemon=True)
    logs = stopped.root / "logs"

    def workers_in_log():
        stopped.call("Foo.Sum", {"Num1": 1, "Num2": 2})
        return set(map(int, re.findall(r"\] (\d+): \S+ connected to", log_of(stopped))))

    eventually(lambda: workers_in_log() == set(stopped.worker_pids()), "lines of both workers")
    (logs / "error.log").rename(logs / "error.log.1")
    if how == "signal":
        stopped.send_signal(signal.SIGUSR1)
        eventually(lambda: (logs / "error.log").exists() and "reopened" in log_of(stopped), "the new file")
    else:
        assert stopped.ask("reopen").stdout == "log files reopened\n"
    eventually(lambda: workers_in_log() == set(stopped.worker_pids()), "lines of both workers in the new file")
    old = log_of(stopped, "error.log.1")
    for _ in range(20):
        workers_in_log()
    stopped.stop()
    assert "ended" in log_of(stopped)
    assert log_of(stopped, "error.log.1") == old


def test_a_log_that_cannot_be_opened_again_stays(stopped):
    stopped.start(daemon=True)
    logs = stopped.root / "logs"
    logs.rename(stopped.root / "moved")
    (stopped.root / "logs").write_text("in the way")
    done = stopped.ask("reopen", status=1)
    assert "cannot open the log file" in done.stderr
    moved = stopped.root / "moved/error.log"
    eventually(lambda: "cannot open the log file" in moved.read_text(), "the reason in the log that stays")
    (stopped.root / "logs").unlink()
    (stopped.root / "moved").rename(logs)


def test_level_changes_by_reload(stopped):
    stopped.start(daemon=True)
    stopped.call("Foo.Sum", {"Num1": 1, "Num2": 2})
    assert "connected to" not in log_of(stopped)
    stopped.reload(CONF + 'error_log = { level = "info"; };')
    stopped.call("Foo.Sum", {"Num1": 1, "Num2": 2})
    eventually(lambda: re.search(r"\[info\] \d+: tcp@\S+: connected to", log_of(stopped)), "a line of level info")
    stopped.reload(CONF + 'error_log = { level = "error"; };')
    lines = len(log_of(stopped).splitlines())
    stopped.call("Foo.Sum", {"Num1": 1, "Num2": 2})
    stopped.ask("reopen")
    assert "[notice]" not in "".join(log_of(stopped).splitlines()[lines:])


def test_another_file_by_reload(stopped):
    stopped.start(daemon=True)
    stopped.reload(CONF + 'error_log = { path = "logs/other.log"; level = "info"; };')
    stopped.call("Foo.Sum", {"Num1": 1, "Num2": 2})
    eventually(lambda: "connected to" in log_of(stopped, "other.log"), "the worker's line")
    eventually(lambda: "generation 1 has left" in log_of(stopped, "other.log"), "the master's line")
    assert "reloaded, generation 2" in log_of(stopped, "other.log")
    eventually(lambda: "reloading" in log_of(stopped), "the last line in the file of before")


def test_a_log_that_cannot_be_opened_refuses_start_and_reload(stopped):
    bad = CONF + 'error_log = { path = "none/where/error.log"; };'
    stopped.conf = bad
    assert "cannot open the log file" in stopped.run(status=1).stderr
    stopped.conf = CONF
    stopped.start(daemon=True)
    assert "none/where/error.log: No such file or directory" in stopped.reload(bad, status=1).stderr
    assert stopped.call("Foo.Sum", {"Num1": 1, "Num2": 2}) == ("", 3)


def test_logs_of_modules_are_reopened_too(make_server, extended_build):
    server = make_server(build=extended_build)
    server.conf += f'crash = {{ directory = "{server.root}"; }};'
    server.start()
    logs = server.root / "logs"
    (logs / "crash.log").rename(logs / "crash.log.1")
    server.ask("reopen")
    server.allow("was killed by signal 9")
    victim = server.worker_pids()[0]
    import os

    os.kill(victim, signal.SIGKILL)
    eventually(lambda: log_of(server, "crash.log") == "start 3 of worker 0\n", "the new worker's line in the new file")
    assert len(log_of(server, "crash.log.1").splitlines()) == 2


def test_the_access_log_counts_whole_messages(stopped):
    """From the first byte of a request to the last, header included, but not the bytes between messages."""
    stopped.conf += 'access_log = { path = "logs/access.log"; };'
    stopped.start()
    body = '{"A":7,"B":8}'
    header = '{"ServiceMethod":"Arith.Multiply","Seq":1}'
    rpc = '{"method":"Arith.Multiply","params":[%s],"id":0}' % body
    other = '{"jsonrpc":"2.0","method":"Arith.Divide","params":%s,"id":"x"}' % body
    conversations = [
        (
            OPTION_JSON.decode() + header + body,
            '{"ServiceMethod":"Arith.Multiply","Seq":1,"Error":""}\n56\n',
            [header + body],
        ),
        (" " + rpc + "\r\n  " + rpc, '{"id":0,"result":56,"error":null}\n' * 2, [rpc, rpc]),
        ("[ %s , %s ]" % (rpc, other), None, [rpc, other]),
    ]
    wanted = []
    for said, answer, requests in conversations:
        with connect(stopped.tcp) as sock:
            sock.sendall(said.encode())
            sock.shutdown(socket.SHUT_WR)
            got = b"".join(iter(lambda: sock.recv(4096), b"")).decode()
        assert answer in (None, got)
        out = len(got) // len(requests) if answer else 0
        wanted += [[str(len(request)), str(out)] for request in requests]
        eventually(lambda: len(log_of(stopped, "access.log").splitlines()) == len(wanted), "a line a call")
    assert [line.split(" ")[6:8] for line in log_of(stopped, "access.log").splitlines()] == wanted
