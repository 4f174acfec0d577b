"""Sealed channels under attack, under load and at their end: the cost of peers before authentication, the permissions
of clients on every way in, the bytes that a proxy between both sides sees."""
import base64
import contextlib
import json
import os
import re
import socket
import subprocess
import threading
import time

import pytest

from conftest import BUILD, SANITIZED, TIMEOUT, eventually
from hostile import memory
from noise import Handshake, Sealed, frame, public_in
from sealing import geectl, make_sealed, seal_conf, sealed_peer
from wire import OPTION_JSON, connect

SUM = {"Num1": 40, "Num2": 2}
PAIR = '{"A":7,"B":8}'


@pytest.fixture
def sealed(stopped):
    return make_sealed(stopped).start()


def seal_options(server, client="billing"):
    return ["--server-key", server.keys["server"], "--key", server.keys.path(client)]


def closed_without_a_word(sock):
    sock.settimeout(TIMEOUT)
    with contextlib.suppress(ConnectionResetError):
        assert sock.recv(1) == b""
    sock.close()


def check_serves(server):
    with sealed_peer(server) as peer:
        assert peer.call("Foo.Sum", SUM)[1] == 42


# ---- before authentication ----


def test_who_says_nothing_has_the_time_of_a_handshake(stopped):
    """seal.timeout also bounds silence on a listener that takes only seals: timeouts.handshake may be long, or none."""
    server = make_sealed(stopped, 'timeout = "300ms";', 'timeouts = { handshake = "0"; };'
                         "limits = { unauthenticated_per_address = 3; };").start()
    start = time.monotonic()
    silent = [connect(server.tcp) for _ in range(3)]
    for sock in silent:
        closed_without_a_word(sock)
    assert time.monotonic() - start >= 0.29
    server.wait_for_log(r"handshake of the seal was not over within 0\.3s \(seal\.timeout\)", 3)
    check_serves(server)


def test_what_is_sealed_and_silent_is_not_hurried(stopped):
    server = make_sealed(stopped, 'timeout = "200ms";').start()
    with sealed_peer(server) as peer:
        time_is_over = time.monotonic() + 0.5
        eventually(lambda: time.monotonic() > time_is_over, "more than the timeout")
        assert peer.call("Foo.Sum", SUM)[1] == 42


@pytest.mark.skipif(SANITIZED, reason="sanitizers keep what is freed")
def test_memory_of_half_handshakes(stopped):
    """Handshakes have no large buffers: a thousand of them, each cut at its worst place, take a few MiB."""
    server = make_sealed(stopped, 'timeout = "60s";', 'timeouts = { handshake = "60s"; };'
                         "limits = { unauthenticated = 0; unauthenticated_per_address = 0;"
                         " handshakes_per_address = 0; };").start()
    check_serves(server)
    before = memory(server)
    handshake = Handshake(public_in(server.keys["server"]), server.keys.secret("billing"))
    whole = handshake.preamble + frame(handshake.message1())
    with contextlib.ExitStack() as stack:
        for i in range(900):
            sock = stack.enter_context(connect(server.tcp))
            sock.sendall(whole if i % 2 else whole[:-1])
        eventually(lambda: "connections 900," in server.status(), "900 connections")
        per_connection = (memory(server) - before) / 900
        assert per_connection < 8 << 10, f"{per_connection:.0f} bytes each"
        check_serves(server)


# ---- permissions ----


def test_services_hold_on_every_way_in(stopped):
    """The same for every way to call: HTTP, a batch, net/rpc, a service that is forwarded."""
    server = make_sealed(stopped)
    server.keys.write_clients(f"{server.keys['billing']} billing services=Arith,Gee.Describe")
    server.conf = seal_conf(more="""
services = ( { name = "Arith"; }, { name = "Foo"; }, { name = "Far"; upstream = "far"; } );
upstreams = ( { name = "far"; servers = ( { address = "tcp@127.0.0.1:1"; } ); } );
""")
    server.start()
    refused = "client billing may not call "
    for wire in (["--codec=bin"], ["--codec=gob"], ["--protocol=netrpc"], ["--protocol=jsonrpc"]):
        options = [*seal_options(server), *wire, server.tcp]
        assert geectl("call", *options, "Arith.Multiply", PAIR).stdout.strip() == "56"
        assert refused + "Foo.Sum" in geectl("call", *options, "Foo.Sum", '{"Num1":1,"Num2":2}', status=1).stderr
    with sealed_peer(server) as peer:
        assert refused + "Far.Away" in peer.call("Far.Away", {})[0]["Error"]
    calls = [{"jsonrpc": "2.0", "id": 1, "method": "Foo.Sum", "params": SUM},
             {"jsonrpc": "2.0", "id": 2, "method": "Arith.Multiply", "params": {"A": 7, "B": 8}}]
    channel = Sealed(server.tcp, public_in(server.keys["server"]), server.keys.secret("billing"))
    channel.sendall(json.dumps(calls).encode())
    text = b""
    while b"56" not in text or refused.encode() not in text:
        text += channel.recv()
    channel.close()


@pytest.mark.parametrize("reloads", [1, 2])
def test_a_key_removed_while_older_workers_finish(sealed, reloads):
    """The call of a revoked client ends in workers of every generation."""
    with sealed_peer(sealed) as removed:
        removed.send("Foo.Sleep", {"Num1": 20, "Num2": 0})
        eventually(lambda: "in flight 1" in sealed.status(), "the call")
        for _ in range(reloads):
            sealed.reload()
        sealed.keys.write_clients(f"{sealed.keys['metering']} metering")
        start = time.monotonic()
        sealed.reload()
        with pytest.raises((EOFError, ConnectionResetError)):
            removed.reply()
        assert time.monotonic() - start < 10
    sealed.wait_for_log(r"closed: client billing may not call any more \(seal\.clients\)")


def test_a_key_removed_before_a_word_is_said(stopped):
    """Sealed connections that have not sent anything yet are closed, too."""
    server = make_sealed(stopped, more='timeouts = { handshake = "0"; }; shutdown_timeout = "1h";').start()
    removed = Sealed(server.tcp, public_in(server.keys["server"]), server.keys.secret("billing"), timeout=TIMEOUT)
    kept = Sealed(server.tcp, public_in(server.keys["server"]), server.keys.secret("metering"), timeout=TIMEOUT)
    server.wait_for_log("sealed, client metering")
    server.keys.write_clients(f"{server.keys['metering']} metering services=Arith,Foo.Sum")
    server.reload()
    assert removed.recv() == b"" and removed.ended
    kept.sendall(OPTION_JSON + b'{"ServiceMethod":"Foo.Sum","Seq":1}{"Num1":40,"Num2":2}')
    assert b"42" in kept.recv()
    removed.close()
    kept.close()


def test_a_listener_that_is_not_sealed_any_more_revokes(sealed):
    """required -> none on the same address: no earlier session outlives the list that admitted it."""
    with sealed_peer(sealed) as peer:
        assert peer.call("Foo.Sum", SUM)[1] == 42
        address = sealed.tcp
        conf = re.sub(r"127\.0\.0\.1:0", address.split("@")[1], sealed.conf)
        sealed.reload(re.sub(r"seal = \{.*?\};", "", conf))
        with pytest.raises((EOFError, ConnectionResetError)):
            while True:
                peer.call("Foo.Sum", SUM)
    assert sealed.call("Foo.Sum", SUM, address) == ("", 42)
    sealed.reload(conf)
    with sealed_peer(sealed, address=address) as peer:
        assert peer.call("Foo.Sum", SUM)[1] == 42
    sock = connect(address)
    sock.sendall(OPTION_JSON)
    closed_without_a_word(sock)


# ---- files ----


def test_key_files_that_would_block(stopped):
    """A FIFO is refused at once, not waited for."""
    make_sealed(stopped)
    for name in ("server.key", "clients"):
        path = stopped.keys.directory / name
        kept = path.rename(path.with_name("kept"))
        os.mkfifo(path, 0o600)
        assert f"{path}: not a regular file" in stopped.run("-t", status=1).stderr
        path.unlink()
        kept.rename(path)
    os.mkfifo(stopped.root / "fifo", 0o600)
    assert "not a regular file" in geectl("pubkey", stopped.root / "fifo", status=2).stderr
    stopped.start()


@pytest.mark.skipif(SANITIZED, reason="with strict_string_checks each line is read to the end of the text")
def test_a_large_list_of_clients(stopped):
    """A list of 4 MiB: read at a reload without a long wait of other calls; one byte more is refused."""
    server = make_sealed(stopped).start()
    clients = server.keys.directory / "clients"
    ours = f"{server.keys['billing']} billing\r\n"
    lines = [ours]
    size = len(ours)
    while size < (4 << 20) - 100:
        key = base64.b64encode(os.urandom(32)).decode()
        lines.append(f"gee-pub:{key} c services=Arith,Foo.Sum\r\n")
        size += len(lines[-1])
    text = "".join(lines)
    text += "#" * ((4 << 20) - len(text))
    clients.write_text(text, newline="")
    assert clients.stat().st_size == 4 << 20
    server.reload()
    check_serves(server)
    clients.write_text(text + "#", newline="")
    assert "larger than 4 MiB" in server.reload(status=1).stderr
    check_serves(server)


# ---- the bytes between both sides ----


class Relay:
    """Carries one connection at a time, and keeps the bytes of each side."""

    def __init__(self, address, cut_after=None):
        """cut_after: bytes of the server, after which both sides see an end that neither side has sent."""
        self.cut_after = cut_after
        host, port = address.split("@")[1].rsplit(":", 1)
        self.target = (host, int(port))
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.address = "tcp@127.0.0.1:%d" % self.listener.getsockname()[1]
        self.said = {"client": b"", "server": b""}
        self.thread = threading.Thread(target=self._run)
        self.thread.start()

    def _carry(self, name, source, target):
        with contextlib.suppress(OSError):
            while data := source.recv(1 << 18):
                self.said[name] += data
                target.sendall(data)
                if self.cut_after is not None and len(self.said["server"]) >= self.cut_after:
                    source.shutdown(socket.SHUT_RDWR)
                    break
            target.shutdown(socket.SHUT_WR)

    def _run(self):
        near, _ = self.listener.accept()
        with near, socket.create_connection(self.target) as far:
            other = threading.Thread(target=self._carry, args=("server", far, near))
            other.start()
            self._carry("client", near, far)
            other.join()

    def frames(self, name):
        """Lengths of the frames behind the preamble, including the handshake."""
        data, at, lengths = self.said[name], 8 if name == "client" else 0, []
        while at < len(data):
            lengths.append(int.from_bytes(data[at:at + 2], "big"))
            at += 2 + lengths[-1]
        assert at == len(data)
        return lengths

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.thread.join(TIMEOUT)
        self.listener.close()


def test_small_calls_share_records(sealed):
    """Sixteen calls in flight need far fewer than sixteen records; the last record of each side is an end record."""
    with Relay(sealed.tcp) as relay:
        geectl("bench", *seal_options(sealed), "--codec=bin", "--connections=1", "--depth=16", "--count=4000",
               relay.address, "Arith.Multiply", PAIR)
    client, server = relay.frames("client"), relay.frames("server")
    assert client[:2] == [48, 64] and server[0] == 48
    assert client[-1] == 16 and server[-1] == 16
    assert 16 not in client[:-1] + server[:-1]
    assert len(client) < 4000 / 4 and len(server) < 4000 / 4


@pytest.mark.parametrize("command", [
    ["call", "{}", "Arith.Multiply", PAIR], ["call", "--codec=bin", "{}", "Foo.Sum", '{"Num1":1,"Num2":2}'],
    ["ping", "--count=1", "{}"], ["list", "{}"], ["broadcast", "{}", "Arith.Multiply", PAIR],
    ["bench", "--connections=3", "--count=300", "{}", "Arith.Multiply", PAIR],
    ["call", "{}", "Arith.Divide", '{"A":7,"B":0}'],
    ["call", "--timeout=50ms", "{}", "Foo.Sleep", '{"Num1":20,"Num2":0}'],
], ids=lambda command: " ".join(command[:2]))
def test_our_clients_end_what_they_say(sealed, command):
    """However a command ends, the server sees an end and no truncation."""
    line = [word.replace("{}", sealed.tcp) if word == "{}" else word for word in command]
    subprocess.run([str(BUILD / "geectl"), line[0], *map(str, seal_options(sealed)), *line[1:]], check=False,
                   stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, timeout=TIMEOUT)
    eventually(lambda: "connections 0," in sealed.status(), "no connection")
    sealed.wait_for_log("sealed, client billing")
    assert "truncated" not in sealed.log()


@pytest.mark.parametrize("ending", ["stop", "quit"])
def test_the_server_ends_what_it_says(sealed, ending):
    """Idle, and in the middle of a call, which is answered first when there is time: the last record is an end
    record."""
    with sealed_peer(sealed) as idle, sealed_peer(sealed) as busy:
        assert idle.call("Foo.Sum", SUM)[1] == 42
        busy.send("Foo.Sleep", {"Num1": 1, "Num2": 2})
        eventually(lambda: "in flight 1" in sealed.status(), "the call")
        sealed.ask(ending)
        assert idle.sock.recv() == b"" and idle.sock.ended
        if ending != "stop":
            assert busy.reply()[1] == 3
        assert busy.sock.recv() == b"" and busy.sock.ended


def test_a_connection_that_is_cut_on_the_way(sealed):
    """Both sides see that it is no end in order: the caller's call fails with that reason, and the server's log has
    it."""
    with Relay(sealed.tcp, cut_after=50 + 20) as relay:
        done = geectl("call", "--timeout=20s", *seal_options(sealed), "--codec=bin", relay.address, "Foo.Sleep",
                      '{"Num1":20,"Num2":0}', status=3)
    assert "seal: truncated" in done.stderr, done.stderr
    sealed.wait_for_log("seal: truncated: the connection ended without the peer's end record")
    check_serves(sealed)


def test_servers_of_a_registry_are_sealed(sealed, make_server):
    """The seal of an upstream holds for every server of the list, and a server without a seal gets no call."""
    gateway = make_server()
    found = gateway.root / "found"
    found.write_text(sealed.tcp + "\n")
    gateway.conf = """
workers = 1;
listen = ( { address = "tcp@127.0.0.1:0"; } );
services = ( { name = "Arith"; upstream = "back"; } );
upstreams = ( { name = "back"; seal = { server_key = "%s"; key = "%s"; }; registry = { url = "file@%s"; }; } );
""" % (sealed.keys["server"], sealed.keys.path("billing"), found)
    gateway.start()
    eventually(lambda: gateway.call("Arith.Multiply", {"A": 7, "B": 8}) == ("", 56), "an answer")
    sealed.wait_for_access(" billing Arith.Multiply ")
    (gateway.root / "next").write_text(sealed.unix + "\n")
    (gateway.root / "next").rename(found)
    eventually(lambda: ": handshake: seal: " in gateway.call("Arith.Multiply", {"A": 7, "B": 8})[0], "a refusal")
    assert "unix@" not in (sealed.root / "logs/access.log").read_text()


def test_a_gateway_ends_what_it_says(sealed, make_server):
    gateway = make_server()
    gateway.conf = """
workers = 1;
listen = ( { address = "tcp@127.0.0.1:0"; } );
services = ( { name = "Arith"; upstream = "back"; } );
upstreams = ( { name = "back"; seal = { server_key = "%s"; key = "%s"; }; servers = ( { address = "%s"; } ); } );
""" % (sealed.keys["server"], sealed.keys.path("billing"), sealed.tcp)
    gateway.start()
    assert gateway.call("Arith.Multiply", {"A": 7, "B": 8}) == ("", 56)
    gateway.reload()
    assert gateway.call("Arith.Multiply", {"A": 7, "B": 8}) == ("", 56)
    gateway.stop()
    eventually(lambda: "connections 0," in sealed.status(), "no connection")
    sealed.wait_for_log("sealed, client billing", 2)
    assert "truncated" not in sealed.log()


# ---- load ----


@pytest.mark.parametrize("codec", ["json", "bin"])
def test_an_old_session_loses_no_call(stopped, codec):
    """A connection that is too old is closed when it is quiet: not between a request and its reply, and not while
    requests are in flight."""
    server = make_sealed(stopped, 'max_age = "100ms";').start()
    result = json.loads(geectl("bench", "--json", *seal_options(server), f"--codec={codec}", "--connections=2",
                               "--depth=16", "--duration=1500ms", server.tcp, "Arith.Multiply", PAIR).stdout)
    assert result["replies"] == result["calls"] > 100 and result["errors"] == []
    with sealed_peer(server) as peer:
        over = time.monotonic() + 0.5
        while time.monotonic() < over:
            assert peer.call("Foo.Sum", SUM)[1] == 42
        assert peer.sock.recv() == b"" and peer.sock.ended
    server.wait_for_log(r"drained: the session is old enough \(seal\.max_age\)")


def test_keys_change_both_ways_under_load(sealed):
    """Many calls in flight, so that each side changes its key while the other side's records are in flight."""
    count = 20000 if SANITIZED else 100000
    result = json.loads(geectl("bench", "--json", *seal_options(sealed), "--codec=bin", "--connections=2", "--depth=16",
                               f"--count={count}", sealed.tcp, "Arith.Multiply", PAIR).stdout)
    assert (result["replies"], result["error_replies"], result["unanswered"], result["errors"]) == (count, 0, 0, [])
