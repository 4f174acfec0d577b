"""Sealed channels on a running server: admission, refusals, reloads, and secrets that are never shown."""
import contextlib
import os
import pathlib
import re
import resource
import signal
import socket
import struct
import subprocess
import time

import pytest

from conftest import SANITIZED, TIMEOUT, eventually
from noise import Handshake, Sealed, SealedPeer, frame, public_in
from sealing import geectl, make_sealed, seal_conf, sealed_peer
from wire import OPTION_JSON, connect

SUM = {"Num1": 40, "Num2": 2}


@pytest.fixture
def sealed(stopped):
    return make_sealed(stopped).start()


def check_serves(server, address=None):
    with sealed_peer(server, address=address) as peer:
        assert peer.call("Foo.Sum", SUM) == ({"ServiceMethod": "Foo.Sum", "Seq": 1, "Error": ""}, 42)


def closed_without_a_word(sock):
    """The connection ends or is reset; not one byte comes."""
    sock.settimeout(20)
    with contextlib.suppress(ConnectionResetError):
        assert sock.recv(1) == b""
    sock.close()


# ---- admitted clients ----


def test_a_client_of_the_list(sealed):
    with sealed_peer(sealed) as peer:
        for i in range(50):
            assert peer.call("Arith.Multiply", {"A": i, "B": 7}, seq=i)[1] == 7 * i
    lines = sealed.wait_for_access(" Arith.Multiply ", 50).splitlines()
    assert all(re.match(r"\S+ tcp@127\.0\.0\.1:\d+ billing Arith\.Multiply json 0 ", line) for line in lines)
    sealed.wait_for_log("sealed, client billing")


def test_what_a_client_may_call(sealed):
    with sealed_peer(sealed, "metering") as peer:
        assert peer.call("Arith.Divide", {"A": 7, "B": 2})[1] == {"Quo": 3, "Rem": 1}
        assert peer.call("Foo.Sum", SUM)[1] == 42
        header, _ = peer.call("Foo.Sleep", SUM)
        assert header["Error"] == "rpc server: client metering may not call Foo.Sleep"
        header, _ = peer.call("Foo.Sum.Sleep", SUM)
        assert "can't find" in header["Error"]  # a method's name is a service's, too
        assert "may not call Gee.Describe" in peer.call("Gee.Describe", {})[0]["Error"]
        assert "may not call Nothing" in peer.call("Nothing", {})[0]["Error"]
        assert peer.call("Foo.Sum", SUM)[1] == 42


def test_anonymous_clients(stopped):
    server = make_sealed(stopped, "anonymous = true;").start()
    with sealed_peer(server, None) as peer:
        assert peer.call("Foo.Sum", SUM)[1] == 42
    check_serves(server)
    server.wait_for_access(" - Foo.Sum ")


def test_rekeying_both_ways(sealed):
    """More than twice 1024 records each way: every call is a record, and so is its reply."""
    with sealed_peer(sealed) as peer:
        for i in range(2100):
            assert peer.call("Arith.Multiply", {"A": i, "B": 3}, seq=i)[1] == 3 * i
        assert peer.sock.sending.nonce > 2048 and peer.sock.receiving.nonce > 2048


def test_messages_that_span_records(sealed):
    with sealed_peer(sealed) as peer:
        header, _ = peer.call("Foo.Sum", {**SUM, "Padding": "x" * 1_000_000})
        assert header["Error"] == ""
        assert peer.call("Foo.Sum", SUM)[1] == 42


def test_pages_and_tunnels_inside(sealed):
    """Inside the seal the door reads again: HTTP, and a conversation behind its CONNECT."""
    channel = Sealed(sealed.tcp, public_in(sealed.keys["server"]), sealed.keys.secret("billing"))
    channel.sendall(b"CONNECT /_geerpc_ HTTP/1.0\r\n\r\n")
    assert channel.recv().startswith(b"HTTP/1.0 200 ")
    channel.sendall(OPTION_JSON + b'{"ServiceMethod":"Foo.Sum","Seq":1}{"Num1":40,"Num2":2}')
    assert b"42" in channel.recv()
    channel.close()
    channel = Sealed(sealed.tcp, public_in(sealed.keys["server"]), sealed.keys.secret("billing"))
    channel.sendall(b"GET /debug/geerpc HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
    text = b""
    while more := channel.recv():
        text += more
    assert text.startswith(b"HTTP/1.1 200 ") and channel.ended  # with the end record
    channel.close()


def test_a_seal_inside_a_tunnel(stopped):
    server = make_sealed(stopped, 'mode = "optional";').start()
    sock = connect(server.tcp)
    sock.sendall(b"CONNECT /_geerpc_ HTTP/1.0\r\n\r\n")
    assert sock.recv(1000).startswith(b"HTTP/1.0 200 ")
    with SealedPeer(sock, public_in(server.keys["server"]), server.keys.secret("billing")) as peer:
        assert peer.call("Foo.Sum", SUM)[1] == 42
    server.wait_for_access(" billing Foo.Sum ")


def test_a_seal_inside_a_seal_is_refused(sealed):
    channel = Sealed(sealed.tcp, public_in(sealed.keys["server"]), sealed.keys.secret("billing"))
    handshake = Handshake(public_in(sealed.keys["server"]))
    channel.sendall(handshake.preamble + frame(handshake.message1()))
    with pytest.raises((EOFError, ConnectionResetError)):
        channel.recv()
    sealed.wait_for_log("a sealed channel, inside another one")
    check_serves(sealed)


def test_optional(stopped):
    server = make_sealed(stopped, 'mode = "optional";').start()
    check_serves(server)
    assert server.call("Foo.Sum", SUM) == ("", 42)


# ---- refused clients ----


def test_required_and_a_plain_client(sealed):
    for opening in (OPTION_JSON, b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", b"{", b"\x16\x03\x01"):
        sock = connect(sealed.tcp)
        sock.sendall(opening)
        closed_without_a_word(sock)
    sealed.wait_for_log(r"takes sealed channels only \(seal\.mode\)", 4)
    check_serves(sealed)


def test_a_sealed_client_on_a_plain_listener(sealed):
    handshake = Handshake(public_in(sealed.keys["server"]))
    sock = connect(sealed.unix)
    sock.sendall(handshake.preamble + frame(handshake.message1()))
    closed_without_a_word(sock)
    sealed.wait_for_log("a sealed channel, which this listener has no key for")
    assert sealed.call("Foo.Sum", SUM, sealed.unix) == ("", 42)


def start_handshake(server, key="server", client="billing", **options):
    handshake = Handshake(public_in(server.keys[key]), server.keys.secret(client) if client else None, **options)
    return connect(server.tcp), handshake


def refuse_beginning(server, key="server", client="billing", change=lambda data: data, **options):
    sock, handshake = start_handshake(server, key, client, **options)
    sock.sendall(change(handshake.preamble + frame(handshake.message1())))
    closed_without_a_word(sock)


def refuse_message_3(server, client="billing", change=lambda data: data):
    sock, handshake = start_handshake(server, client=client)
    sock.sendall(handshake.preamble + frame(handshake.message1()))
    handshake.message2(sock.recv(50, socket.MSG_WAITALL)[2:])
    sock.sendall(change(frame(handshake.message3())))
    closed_without_a_word(sock)


def flipped(at):
    return lambda data: data[:at] + bytes([data[at] ^ 0x10]) + data[at + 1:]


def test_handshakes_that_are_refused(sealed):
    refuse_message_3(sealed, client="stranger")
    sealed.wait_for_log(r"refused: seal: the client's key is not in the list \(seal\.clients\)")
    refuse_beginning(sealed, client=None)
    sealed.wait_for_log(r"refused: seal: a client without a key, which may not call here \(seal\.anonymous\)")
    refuse_beginning(sealed, key="stranger")
    sealed.wait_for_log("refused: seal: message 1 of the handshake is not genuine: it means another server's key")
    refuse_beginning(sealed, prefix=b"geerpc-seal-v2")
    for preamble in (
        b"\xc1GEE\2\1\0\0", b"\xc1GEE\0\1\0\0", b"\xc1GEE\1\3\0\0", b"\xc1GEE\1\1\0\1", b"\xc1gee\1\1\0\0"
    ):
        refuse_beginning(sealed, preamble=preamble)
    for at in (8, 9, 10, 41, 42, 57):
        refuse_beginning(sealed, change=flipped(at))
    refuse_beginning(sealed, change=lambda data: data[:10] + bytes(32) + data[42:])  # a point of low order
    for at in (0, 1, 2, 40, 50, 65):
        refuse_message_3(sealed, change=flipped(at))
    check_serves(sealed)


def test_an_unknown_key_looks_like_a_forged_message(sealed):
    """The same bytes (none) and the same way of closing."""
    endings = []
    for client, change in (("stranger", lambda data: data), ("billing", flipped(20)), ("billing", flipped(60))):
        sock, handshake = start_handshake(sealed, client=client)
        sock.sendall(handshake.preamble + frame(handshake.message1()))
        handshake.message2(sock.recv(50, socket.MSG_WAITALL)[2:])
        sock.sendall(change(frame(handshake.message3())))
        sock.settimeout(20)
        try:
            endings.append(sock.recv(100))
        except ConnectionResetError:
            endings.append("reset")
        sock.close()
    assert endings == [b"", b"", b""]


def test_truncated_handshakes(sealed):
    sock, handshake = start_handshake(sealed)
    whole = handshake.preamble + frame(handshake.message1())
    sock.close()
    for cut in (1, 7, 8, 9, 10, 30, len(whole) - 1):
        sock = connect(sealed.tcp)
        sock.sendall(whole[:cut])
        sock.shutdown(socket.SHUT_WR)
        closed_without_a_word(sock)
    sealed.wait_for_log("closed in the middle of the handshake", 7)
    check_serves(sealed)


def test_a_handshake_that_stalls(stopped):
    server = make_sealed(stopped, 'timeout = "300ms";').start()
    sock, handshake = start_handshake(server)
    whole = handshake.preamble + frame(handshake.message1())
    sock.close()
    for cut in (1, 8, len(whole) - 1, len(whole)):
        sock = connect(server.tcp)
        start = time.monotonic()
        sock.sendall(whole[:cut])
        if cut == len(whole):
            assert len(sock.recv(50, socket.MSG_WAITALL)) == 50
        closed_without_a_word(sock)
        assert time.monotonic() - start >= 0.29
    server.wait_for_log(r"handshake of the seal was not over within 0\.3s \(seal\.timeout\)", 4)
    check_serves(server)


def test_message_1_replayed_runs_nothing(sealed):
    """Message 1 and all bytes behind it, recorded and sent again to the same server."""
    sock, handshake = start_handshake(sealed)
    first = handshake.preamble + frame(handshake.message1())
    sock.sendall(first)
    handshake.message2(sock.recv(50, socket.MSG_WAITALL)[2:])
    rest = frame(handshake.message3())
    sending, _ = handshake.split()
    rest += frame(sending.seal(OPTION_JSON + b'{"ServiceMethod":"Foo.Sum","Seq":1}{"Num1":40,"Num2":2}'))
    sock.sendall(rest)
    assert len(sock.recv(1000)) > 2
    sock.close()
    sock = connect(sealed.tcp)
    sock.sendall(first)
    assert len(sock.recv(50, socket.MSG_WAITALL)) == 50
    sock.sendall(rest)
    closed_without_a_word(sock)
    check_serves(sealed)
    sealed.wait_for_access(" Foo.Sum ", 2)


# ---- records ----


def sealed_channel(server):
    return Sealed(server.tcp, public_in(server.keys["server"]), server.keys.secret("billing"))


def refuse_records(server, said):
    """said(channel): the bytes for the wire, behind a good Option."""
    channel = sealed_channel(server)
    channel.sendall(OPTION_JSON)
    channel.sock.sendall(said(channel))
    closed_without_a_word(channel.sock)


CALL = b'{"ServiceMethod":"Foo.Sum","Seq":1}{"Num1":1,"Num2":2}'


def test_records_that_are_refused(sealed):
    refuse_records(sealed, lambda channel: flipped(30)(channel.record(CALL)))
    refuse_records(sealed, lambda channel: [channel.record(CALL), channel.record(CALL)][1])  # one is lost
    refuse_records(sealed, lambda channel: channel.record(CALL)[:2] + bytes(70))
    refuse_records(sealed, lambda channel: struct.pack(">H", 0))
    refuse_records(sealed, lambda channel: struct.pack(">H", 15) + bytes(15))
    refuse_records(sealed, lambda channel: struct.pack(">H", 16) + bytes(16))
    refuse_records(sealed, lambda channel: struct.pack(">H", 65535) + bytes(65535))
    sealed.wait_for_log("record 1 is not genuine", 5)
    check_serves(sealed)
    assert sealed.wait_for_access(" Foo.Sum ").count("\n") == 1


def test_doubled_swapped_reflected(sealed):
    for spoil in (lambda one, two: one + one, lambda one, two: two + one):
        channel = sealed_channel(sealed)
        channel.sendall(OPTION_JSON)
        channel.sock.sendall(spoil(channel.record(CALL), channel.record(CALL)))
        with contextlib.suppress(ConnectionResetError, EOFError):
            while True:
                channel.recv()
        channel.close()
    channel = sealed_channel(sealed)
    channel.sendall(OPTION_JSON + CALL)
    reply = channel.sock.recv(1000)
    channel.sock.sendall(reply)
    closed_without_a_word(channel.sock)
    check_serves(sealed)


def test_an_end_without_its_record(sealed):
    channel = sealed_channel(sealed)
    channel.sendall(OPTION_JSON + CALL)
    assert channel.recv()
    channel.sock.shutdown(socket.SHUT_WR)
    closed_without_a_word(channel.sock)
    sealed.wait_for_log("truncated: the connection ended without the peer's end record")
    channel = sealed_channel(sealed)
    channel.sendall(OPTION_JSON + CALL)
    assert channel.recv()
    channel.end()
    channel.sock.shutdown(socket.SHUT_WR)
    assert channel.recv() == b"" and channel.ended
    assert len(re.findall("closed: seal: truncated", sealed.log())) == 1
    check_serves(sealed)


# ---- limits ----


def test_a_record_that_stalls(stopped):
    """A message that has begun must end within timeouts.read, and so must the record in which the message comes."""
    server = make_sealed(stopped, more='timeouts = { read = "300ms"; };').start()
    channel = sealed_channel(server)
    channel.sendall(OPTION_JSON + CALL)
    assert channel.recv()
    record = channel.record(CALL)
    start = time.monotonic()
    channel.sock.sendall(record[:30])
    assert channel.recv() == b"" and channel.ended  # closed in good order
    assert 0.29 <= time.monotonic() - start < 20
    channel.close()
    server.wait_for_log(r"a message was begun and not completed within 0\.3s \(timeouts\.read\)")
    check_serves(server)


def test_caps_on_the_unauthenticated(stopped):
    server = make_sealed(stopped, more='limits = { unauthenticated_per_address = 5; };').start()
    waiting = [connect(server.tcp) for _ in range(5)]
    eventually(lambda: "connections 5," in server.status(), "five connections")
    closed_without_a_word(connect(server.tcp))
    server.wait_for_log(r"too many connections \(limits\.unauthenticated, limits\.unauthenticated_per_address\)")
    assert server.call("Foo.Sum", SUM, server.unix) == ("", 42)
    waiting.pop().close()
    eventually(lambda: "connections 4," in server.status(), "four connections")
    with sealed_peer(server) as first, sealed_peer(server) as second:  # an authenticated client does not count
        assert first.call("Foo.Sum", SUM)[1] == second.call("Foo.Sum", SUM)[1] == 42
    for sock in waiting:
        sock.close()


def test_caps_where_the_seal_is_optional(stopped):
    server = make_sealed(stopped, 'mode = "optional";', "limits = { unauthenticated = 2; };").start()
    idle = [connect(server.tcp) for _ in range(4)]  # the server sees a connection in clear
    waiting = [connect(server.tcp) for _ in range(2)]
    for sock in waiting:
        sock.sendall(b"\xc1")
    sock = connect(server.tcp)
    eventually(lambda: "connections 7," in server.status(), "seven connections")
    sock.sendall(b"\xc1")
    closed_without_a_word(sock)
    server.wait_for_log("refused: seal: too many have not shown who they are yet")
    assert server.call("Foo.Sum", SUM) == ("", 42)
    for sock in idle + waiting:
        sock.close()


def test_old_sessions_are_drained(stopped):
    server = make_sealed(stopped, 'max_age = "300ms";').start()
    with sealed_peer(server) as peer:
        peer.send("Foo.Sleep", {"Num1": 1, "Num2": 2})
        assert peer.reply()[1] == 3  # drained, not cut
        assert peer.sock.recv() == b"" and peer.sock.ended
    server.wait_for_log(r"drained: the session is old enough \(seal\.max_age\)")
    check_serves(server)


# ---- configuration ----


def refused(server, wanted):
    """The configuration is refused at the start, by -t, and by a reload of a running server."""
    for arguments in ((), ("-t",)):
        done = server.run(*arguments, status=1)
        assert wanted in done.stderr, done.stderr


@pytest.mark.parametrize(
    "spoil, wanted",
    [
        (lambda keys: keys.path("server").chmod(0o644), "its mode is 0644"),
        (lambda keys: keys.path("server").chmod(0o640), "its mode is 0640"),
        (lambda keys: os.chown(keys.path("server"), 12345, 0), "it belongs to user 12345"),
        (lambda keys: keys.path("server").rename(keys.directory / "x") and
         keys.path("server").symlink_to(keys.directory / "x"), "a symbolic link"),
        (lambda keys: keys.path("server").unlink(), "No such file or directory: geectl keygen makes it"),
        (lambda keys: keys.path("server").write_text(keys["server"]), "this is a public key"),
        (lambda keys: keys.write_clients("nonsense billing"), "clients:1: not a public key"),
        (lambda keys: (keys.directory / "clients").chmod(0o666), "chmod go-w"),
        (lambda keys: (keys.directory / "clients").unlink(), "clients: No such file"),
    ],
)
def test_files_that_are_refused(stopped, spoil, wanted):
    if os.geteuid() != 0 and "belongs" in wanted:
        pytest.skip("only root can give files away")
    spoil(make_sealed(stopped).keys)
    refused(stopped, "geerpc.conf:6: listen[0].seal: ")
    refused(stopped, wanted)
    assert "gee-sec" not in stopped.log()


def test_settings_that_are_refused(stopped):
    make_sealed(stopped)
    stopped.conf = seal_conf().replace('clients = "keys/clients";', "")
    refused(stopped, "nobody could call: set clients")
    stopped.conf = seal_conf().replace('key = "keys/server.key";', "")
    refused(stopped, '"key"')
    stopped.conf = seal_conf('mode = "maybe";')
    refused(stopped, 'expected one of "required", "optional"')


def test_two_keys_while_they_are_changed(stopped):
    server = make_sealed(stopped)
    server.keys.make("next")
    server.start()
    check_serves(server)
    server.reload(
        seal_conf('old_key = "keys/server.key";').replace('key = "keys/server.key"; c', 'key = "keys/next.key"; c')
    )
    for key in ("server", "next"):
        with sealed_peer(server, key=key) as peer:
            assert peer.call("Foo.Sum", SUM)[1] == 42
    server.reload(seal_conf().replace("keys/server.key", "keys/next.key"))
    refuse_beginning(server)
    with sealed_peer(server, key="next") as peer:
        assert peer.call("Foo.Sum", SUM)[1] == 42


def test_a_key_removed_in_mid_session(sealed):
    """The call in flight of the removed client is cut; another client's is not."""
    with sealed_peer(sealed) as removed, sealed_peer(sealed, "metering") as kept:
        kept.send("Foo.Sum", SUM)
        assert kept.reply()[1] == 42
        removed.send("Foo.Sleep", {"Num1": 20, "Num2": 0})
        eventually(lambda: "in flight 1" in sealed.status(), "the call")
        start = time.monotonic()
        sealed.keys.write_clients(f"{sealed.keys['metering']} metering services=Arith,Foo.Sum")
        sealed.reload()
        with pytest.raises((EOFError, ConnectionResetError)):
            removed.reply()
        assert time.monotonic() - start < 10
    sealed.wait_for_log(r"closed: client billing may not call any more \(seal\.clients\)")
    assert "client metering may not call any more" not in sealed.log()
    refuse_message_3(sealed)
    with sealed_peer(sealed, "metering") as peer:
        assert peer.call("Foo.Sum", SUM)[1] == 42


def test_a_bad_list_changes_nothing(sealed):
    with sealed_peer(sealed) as peer:
        assert peer.call("Foo.Sum", SUM)[1] == 42
        sealed.keys.write_clients(f"{sealed.keys['metering']} metering", "gee-pub:rubbish x")
        done = sealed.reload(status=1)
        assert "clients:2: not a public key" in done.stderr
        assert peer.call("Foo.Sum", SUM)[1] == 42
    check_serves(sealed)


# ---- secrets ----


def dumpable_memory(pid):
    """The content of a core dump of the process: every readable mapping without the flag dd."""
    maps = pathlib.Path(f"/proc/{pid}/smaps").read_text()
    with open(f"/proc/{pid}/mem", "rb", buffering=0) as memory:
        for match in re.finditer(r"^([0-9a-f]+)-([0-9a-f]+) (r\S+) .*\n(?:[A-Z]\w+:.*\n)*?VmFlags: (.*)$", maps,
                                 re.MULTILINE):
            start, end = int(match[1], 16), int(match[2], 16)
            if "dd" in match[4].split() or "[v" in match[0].splitlines()[0]:
                continue
            memory.seek(start)
            with contextlib.suppress(OSError):
                yield memory.read(end - start)


def forms(secret):
    import base64
    return [secret, base64.b64encode(secret)[:40], base64.b64encode(secret)[:40].swapcase(), secret.hex().encode()]


@pytest.mark.skipif(SANITIZED, reason="a sanitizer's shadow is too much to read")
def test_keys_are_not_in_what_a_core_dump_shows(stopped):
    server = make_sealed(stopped, 'old_key = "keys/stranger.key";').start()
    with contextlib.ExitStack() as stack:
        peers = [stack.enter_context(sealed_peer(server)) for _ in range(5)]
        for peer in peers:
            assert peer.call("Foo.Sum", SUM)[1] == 42
        secrets = [server.keys.secret("server"), server.keys.secret("stranger")]
        for peer in peers:
            secrets += [peer.sock.sending.key, peer.sock.receiving.key]
        pids = [server.pid] + server.worker_pids()
        for pid in pids:
            size = 0
            for memory in dumpable_memory(pid):
                size += len(memory)
                for secret in secrets:
                    for form in forms(secret):
                        assert form not in memory, f"key {secrets.index(secret)} is in the memory of {pid}"
            assert size > 100_000


def test_keys_are_not_in_logs_and_arguments(stopped):
    server = make_sealed(stopped, more='error_log = { level = "debug"; };'.replace("error_log", "#"))
    server.conf = seal_conf().replace('level = "info"', 'level = "debug"')
    server.start()
    check_serves(server)
    refuse_message_3(server, client="stranger")
    server.wait_for_log("not in the list")
    pids = [server.pid] + server.worker_pids()
    text = server.log().encode() + (server.root / "logs/access.log").read_bytes() + server.status().encode()
    for pid in pids:
        text += pathlib.Path(f"/proc/{pid}/cmdline").read_bytes() + pathlib.Path(f"/proc/{pid}/environ").read_bytes()
    text += server.run("-T").stdout.encode()
    for name in ("server", "billing", "stranger"):
        for form in forms(server.keys.secret(name)) + forms(public_in(server.keys[name])):
            assert form not in text


def core_limit(pid):
    return re.search(r"^Max core file size +(\S+)", pathlib.Path(f"/proc/{pid}/limits").read_text(), re.MULTILINE)[1]


def allow_cores():
    resource.setrlimit(resource.RLIMIT_CORE, (resource.getrlimit(resource.RLIMIT_CORE)[1],) * 2)


@pytest.mark.skipif(SANITIZED, reason="a sanitizer takes core dumps away by itself")
@pytest.mark.skipif(resource.getrlimit(resource.RLIMIT_CORE)[1] == 0, reason="nobody may leave core dumps here")
def test_core_dumps(stopped):
    server = make_sealed(stopped).start(before=allow_cores)
    assert [core_limit(pid) for pid in server.worker_pids()] == ["0"]
    assert core_limit(server.pid) != "0"
    server.reload(seal_conf(more='core_dumps = "on";'))
    assert "0" not in [core_limit(pid) for pid in server.worker_pids()]
    server.reload('workers = 1; listen = ( { address = "unix@run/plain.sock"; } );')
    assert "0" not in [core_limit(pid) for pid in server.worker_pids()]


def readable_for_its_user(pid):
    """Could another process of the same user read the server's memory? The test asks as that user, where it may become
    that user."""
    owner = re.search(r"^Uid:\t(\d+)", pathlib.Path(f"/proc/{pid}/status").read_text(), re.MULTILINE)[1]
    options = {"user": int(owner), "group": int(owner), "extra_groups": []} if os.geteuid() == 0 else {}
    done = subprocess.run(["head", "-c", "1", f"/proc/{pid}/environ"], stdout=subprocess.DEVNULL,
                          stderr=subprocess.PIPE, env={"LC_ALL": "C"}, check=False, timeout=TIMEOUT, **options)
    assert done.returncode == 0 or b"Permission denied" in done.stderr
    return done.returncode == 0


def test_memory_with_keys_is_for_nobody(stopped):
    server = make_sealed(stopped).start(before=allow_cores)
    (worker,) = server.worker_pids()
    assert not readable_for_its_user(worker)
    with sealed_peer(server) as peer:
        assert peer.call("Foo.Sum", SUM)[1] == 42
    if not SANITIZED:  # there the report is the sanitizer's
        server.allow_crash("SIGSEGV")
        os.kill(worker, signal.SIGSEGV)  # the log still has the last words
        server.wait_for_log(r"worker 0 crashed: SIGSEGV from process \d+, in no call")
        server.wait_for_log(r"\[alert\] \d+: #0 ")
        eventually(lambda: server.worker_pids() not in ([], [worker]), "another worker")
        assert not readable_for_its_user(server.worker_pids()[0])
    server.reload(seal_conf(more='core_dumps = "on";'))
    assert readable_for_its_user(server.worker_pids()[0])
    server.reload('workers = 1; listen = ( { address = "unix@run/plain.sock"; } );')
    assert readable_for_its_user(server.worker_pids()[0])


# ---- geectl ----


def test_keygen_and_pubkey(tmp_path):
    path = tmp_path / "a.key"
    public = geectl("keygen", path).stdout
    assert re.fullmatch(r"gee-pub:[A-Za-z0-9+/]{43}=\n", public)
    assert path.stat().st_mode & 0o7777 == 0o600
    before = path.read_text()
    assert re.fullmatch(r"gee-sec:[A-Za-z0-9+/]{43}=\n", before)
    assert geectl("pubkey", path).stdout == public
    assert "there is such a file" in geectl("keygen", path, status=2).stderr
    assert path.read_text() == before
    path.chmod(0o604)
    done = geectl("pubkey", path, status=2)
    assert "its mode is 0604" in done.stderr and "chmod 600" in done.stderr
    assert before[8:20] not in done.stderr
    assert "usage" in geectl("keygen", "--help").stdout
