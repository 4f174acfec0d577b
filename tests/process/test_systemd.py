"""The server as a service of systemd: sockets that systemd has opened, and messages to systemd (sd_listen_fds(3),
sd_notify(3))."""
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import sys
import time

import pytest

from conftest import CONF, TIMEOUT
from upgrading import Calling, wait_for_master
from wire import free_port

HERE = pathlib.Path(__file__).resolve().parent
UNITS = HERE.parents[1] / "conf/systemd"


# ---- messages to systemd ----


class Manager:
    """Receives the messages of a service, as [{name: value}]."""

    def __init__(self, name):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind("\0" + name[1:] if name.startswith("@") else name)
        self.socket.settimeout(TIMEOUT)

    def hear(self):
        return dict(line.split("=", 1) for line in self.socket.recv(1 << 16).decode().splitlines())

    def wait_for(self, **wanted):
        """Waits for a message with these values; earlier messages are passed over."""
        while True:
            said = self.hear()
            if all(said.get(name) == str(value) for name, value in wanted.items()):
                return said

    def said_nothing(self):
        self.socket.setblocking(False)
        try:
            return self.socket.recv(1 << 16).decode()
        except BlockingIOError:
            return ""
        finally:
            self.socket.settimeout(TIMEOUT)


@pytest.fixture(params=["path", "abstract"])
def manager(request, stopped):
    name = f"{stopped.root}/notify" if request.param == "path" else f"@geerpc-test-{os.getpid()}-{time.monotonic_ns()}"
    listening = Manager(name)
    stopped.environment["NOTIFY_SOCKET"] = name
    yield listening
    listening.socket.close()


def test_start_reload_and_end_are_told(stopped, manager):
    stopped.start()
    ready = manager.hear()
    assert ready == {"READY": "1", "MAINPID": str(stopped.pid), "STATUS": f"{stopped.tcp} {stopped.unix}, 2 workers"}
    before = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
    stopped.reload()
    reloading = manager.hear()
    assert reloading["RELOADING"] == "1"
    assert before <= int(reloading["MONOTONIC_USEC"]) <= time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
    assert manager.hear()["READY"] == "1"
    stopped.reload("workers = ;", status=1)
    assert manager.hear()["RELOADING"] == "1"
    assert manager.hear()["READY"] == "1"
    assert stopped.stop(signal.SIGQUIT) == 0
    assert manager.hear()["STOPPING"] == "1"
    assert manager.said_nothing() == ""


def test_a_daemon_says_which_process_it_is(stopped, manager):
    stopped.start(daemon=True)
    assert manager.hear()["MAINPID"] == str(stopped.pid)


def test_why_it_does_not_start_is_told(stopped, manager):
    with socket.create_server(("127.0.0.1", 0)) as other:
        address = "tcp@127.0.0.1:%d" % other.getsockname()[1]
        stopped.conf = 'listen = ( { address = "%s"; } );' % address
        stopped.run("-F", status=1)
    said = manager.hear()
    assert "READY" not in said and f"cannot listen on {address}" in said["STATUS"]


def test_an_upgrade_names_the_new_main_process(stopped, manager):
    """systemd accepts messages only of the main process: the old master names the new one, which then says that it is
    ready."""
    stopped.start()
    stopped.daemonized = True
    old = stopped.pid
    manager.wait_for(READY="1")
    stopped.ask("upgrade")
    assert stopped.process.wait(TIMEOUT) == 0 and stopped.pid != old
    named = manager.hear()
    assert named["MAINPID"] == str(stopped.pid) and "READY" not in named
    assert manager.hear() == {
        "READY": "1", "MAINPID": str(stopped.pid), "STATUS": f"{stopped.tcp} {stopped.unix}, 2 workers"
    }
    stopped.ask("quit")
    assert manager.hear()["STOPPING"] == "1"


def test_an_upgrade_that_is_taken_back_is_no_news(stopped, manager):
    stopped.start(daemon=True)
    old = stopped.pid
    manager.wait_for(READY="1")
    stopped.send_signal(signal.SIGUSR2)
    stopped.wait_for_log("QUIT to this master")
    new = stopped.pid
    os.kill(new, signal.SIGQUIT)
    wait_for_master(stopped, old)
    assert manager.said_nothing() == ""


def test_nobody_listens(stopped):
    """There is no receiver: the server goes on, and logs that."""
    stopped.environment["NOTIFY_SOCKET"] = f"{stopped.root}/nobody"
    stopped.start()
    stopped.wait_for_log(r"\[warn\] .*systemd cannot be told \(NOTIFY_SOCKET \S+/nobody\): No such file")
    assert stopped.call("Foo.Sum", {"Num1": 1, "Num2": 2}) == ("", 3)


# ---- sockets from systemd ----


@pytest.fixture
def activated(stopped):
    """activated("web=tcp@...", listen=[...], arguments=[...]): a server that is started with these sockets."""
    command = stopped.command
    given = []

    def with_sockets(*arguments):
        if arguments[:1] not in ((), ("-F",)):
            return command(*arguments)
        return [sys.executable, str(HERE / "activate.py"), *given, "--", *command(*arguments)]

    def start(*sockets, listen=None, more="", **options):
        given[:] = sockets
        listed = listen or [word.rsplit("=", 1)[-1] for word in sockets]
        stopped.conf = "workers = 2;\nlisten = ( %s );\n%s" % (
            ", ".join('{ address = "%s"; }' % address for address in listed), more
        )
        stopped.command = with_sockets
        if options.pop("fails", False):
            return stopped.run("-F", status=1)
        return stopped.start(**options)

    return start


def addresses(server):
    return f"tcp@127.0.0.1:{free_port()}", f"unix@{server.root}/run/geerpc.sock"


@pytest.mark.parametrize("daemon", [False, True])
def test_sockets_are_taken_over(stopped, activated, daemon):
    """A single socket for both workers; clients that came before the server started are served."""
    tcp, unix = addresses(stopped)
    server = activated(f"web={tcp}", f"local={unix}", daemon=daemon)
    assert server.addresses() == [tcp, unix]
    with Calling(server) as calling:
        server.reload()
        calling.check()
    peers = [server.peer(address) for address in (tcp, unix) for _ in range(64)]
    for peer in peers:
        assert peer.call("Foo.Sum", {"Num1": 1, "Num2": 2})[1] == 3
    assert sum(int(count) for count in re.findall(r"serving, .*connections (\d+)", server.status())) == len(peers)
    for peer in peers:
        peer.sock.close()
    assert server.stop(signal.SIGQUIT) == 0
    assert (server.root / "run/geerpc.sock").exists(), "it is systemd's"


def test_an_upgrade_keeps_them(stopped, activated):
    server = activated(*addresses(stopped), daemon=True)
    with Calling(server) as calling:
        for _ in range(2):
            server.ask("upgrade")
            calling.check()
    assert server.stop() == 0
    assert (server.root / "run/geerpc.sock").exists()


def test_addresses_of_its_own_are_opened_beside_them(stopped, activated):
    tcp, unix = addresses(stopped)
    server = activated(tcp, listen=[tcp, unix, "tcp@127.0.0.1:0"])
    for address in server.addresses():
        assert server.call("Foo.Sum", {"Num1": 1, "Num2": 2}, address) == ("", 3)
    server.stop()
    assert not (server.root / "run/geerpc.sock").exists()


def test_any_host_is_any_host(activated):
    """systemd's ListenStream=9999 takes IPv4 by an IPv6 socket."""
    port = free_port()
    server = activated(f"tcp@[::]:{port}", listen=[f"tcp@:{port}"])
    assert server.call("Foo.Sum", {"Num1": 1, "Num2": 2}, f"tcp@127.0.0.1:{port}") == ("", 3)


def test_what_the_configuration_does_not_name_is_refused(stopped, activated):
    tcp, unix = addresses(stopped)
    said = activated(tcp, f"spare={unix}", listen=[tcp], fails=True).stderr
    assert re.search(rf"no listen\[\]\.address is that of descriptor 4 \(spare\), which listens on {unix}: ", said)
    assert "the addresses of socket unit and configuration must be the same" in said


def test_a_socket_of_a_wrong_kind_is_refused(stopped, activated):
    said = activated(f"odd=udp@127.0.0.1:{free_port()}", listen=[addresses(stopped)[0]], fails=True).stderr
    text = "socket activation: odd: (a socket unit says ListenStream=) descriptor 3 is no listening stream socket"
    assert text in said


def test_sockets_for_somebody_else_are_left_alone(stopped):
    """LISTEN_PID is the pid of a parent."""
    stopped.environment.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS="1")
    stopped.start()
    assert stopped.call("Foo.Sum", {"Num1": 1, "Num2": 2}) == ("", 3)


# ---- units ----


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd-analyze is not installed")
def test_the_units_are_sound(stopped):
    prefix = stopped.root
    (prefix / "sbin").mkdir()
    (prefix / "sbin/geerpc").symlink_to(stopped.build / "geerpc")
    for unit in UNITS.iterdir():
        (prefix / unit.name).write_text(unit.read_text().replace("@prefix@", str(prefix)))
    names = [str(prefix / unit.name) for unit in UNITS.iterdir()]
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *names], capture_output=True, text=True, check=False, timeout=TIMEOUT
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_the_socket_unit_is_that_of_the_configuration(stopped):
    """The files of make install fit together."""
    unit = (UNITS / "geerpc.socket").read_text().replace("@prefix@", str(stopped.root))
    streams = re.findall(r"^ListenStream=(.*)$", unit, re.MULTILINE)
    shipped = (HERE.parents[1] / "conf/geerpc.conf").read_text()
    listed = re.findall(r'^  \{ address = "(\S+)";', shipped, re.MULTILINE)
    wanted = [address.split("@")[1] if address.startswith("tcp") else f"{stopped.root}/{address.split('@')[1]}"
              for address in listed]
    assert streams == wanted
    assert CONF and listed
