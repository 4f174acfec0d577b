"""/healthz, /readyz, and a server that reports "not ready" before closing its ports (drain_delay)."""
import http.client
import os
import re
import signal
import socket
import subprocess
import time

import pytest

from conftest import CONF, TIMEOUT, eventually
from upgrading import start_swapped, wait_for_master

SUM = ("Foo.Sum", {"Num1": 1, "Num2": 2})


@pytest.fixture
def stopped(stopped):
    if "page_health" not in stopped.run("-V").stdout:
        pytest.skip("this build has no page_health")
    return stopped


def get(address, path):
    """(status, text)"""
    host, port = address.split("@")[1].rsplit(":", 1)
    connection = http.client.HTTPConnection(host.replace("0.0.0.0", "127.0.0.1"), int(port), timeout=TIMEOUT)
    connection.request("GET", path, headers={"Connection": "close"})
    response = connection.getresponse()
    answer = response.status, response.read().decode()
    connection.close()
    return answer


def test_a_server_that_runs_is_healthy_and_ready(stopped):
    stopped.start()
    assert get(stopped.tcp, "/healthz") == (200, "ok\n")
    assert get(stopped.tcp, "/readyz") == (200, "ready\n")
    stopped.reload()
    assert get(stopped.tcp, "/readyz") == (200, "ready\n")


@pytest.mark.parametrize(
    "pages, health, status", [("auto", 404, 404), ("health", 200, 404), ("on", 200, 200), ("off", 404, 404)]
)
def test_where_others_can_reach_them(stopped, pages, health, status):
    stopped.conf = 'workers = 1; listen = ( { address = "tcp@0.0.0.0:0"; pages = "%s"; } );' % pages
    stopped.start()
    assert get(stopped.tcp, "/healthz")[0] == get(stopped.tcp, "/readyz")[0] == health
    assert get(stopped.tcp, "/debug/geerpc")[0] == status


def refused(address):
    host, port = address.split("@")[1].rsplit(":", 1)
    try:
        socket.create_connection((host, int(port)), timeout=TIMEOUT).close()
    except ConnectionRefusedError:
        return True
    return False


def test_quit_says_not_ready_first_and_closes_the_port_then(stopped):
    stopped.allow("was killed by signal 9")
    stopped.conf += 'drain_delay = "2s";'
    stopped.start()
    began = time.monotonic()
    asked = subprocess.Popen(
        stopped.command("-s", "quit"), env=stopped.environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    eventually(lambda: get(stopped.tcp, "/readyz") == (503, "not ready: the server is quitting\n"), "503")
    assert get(stopped.tcp, "/healthz") == (200, "ok\n")
    assert ", quitting, " in stopped.status() and f"listening: {stopped.tcp}" in stopped.status()
    victim = stopped.worker_pids()[0]
    os.kill(victim, signal.SIGKILL)  # also for a client that comes later
    eventually(lambda: len(now := stopped.worker_pids()) == 2 and victim not in now, "a new worker")
    for _ in range(20):
        assert get(stopped.tcp, "/readyz")[0] == 503
        assert stopped.call(*SUM) == ("", 3)
    assert time.monotonic() - began < 2
    eventually(lambda: refused(stopped.tcp), "a closed port")
    assert time.monotonic() - began >= 2
    assert stopped.wait_for_end() == 0
    assert asked.wait(TIMEOUT) == 0
    assert asked.stdout.read() == b""
    asked.stdout.close()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGQUIT])
def test_a_second_signal_ends_the_delay(stopped, number):
    stopped.conf += 'drain_delay = "10m";'
    stopped.start()
    stopped.send_signal(signal.SIGQUIT)
    stopped.wait_for_log(r"not ready any more; what comes is served for 10m \(drain_delay\)")
    stopped.send_signal(number)
    assert stopped.wait_for_end() == 0


def test_an_upgrade_does_not_wait_and_stays_ready(stopped):
    stopped.conf += 'drain_delay = "10m";'
    start_swapped(stopped)
    old = stopped.pid
    stopped.ask("upgrade")
    assert stopped.pid != old
    assert get(stopped.tcp, "/readyz") == (200, "ready\n")
    wait_for_master(stopped, stopped.pid)
    assert not re.search("not ready any more", stopped.log())
    stopped.ask("stop")
