"""Peers that mean harm: what they send costs them their connection or their call, and nobody else anything.

Each test watches the same things: the log says who and why, a well-behaved client beside them calls on, the workers'
memory stays where it was.
"""
import contextlib
import os
import pathlib
import random
import re
import resource
import select
import socket
import struct
import threading
import time

import pytest

from conftest import CONF, TIMEOUT, eventually
from wire import OPTION_BIN, OPTION_JSON, BinPeer, connect, field, fields, varint

SANITIZED = bool(os.environ.get("GEERPC_SANITIZE"))
SUM = {"Num1": 1, "Num2": 2}
HEADER = b'{"ServiceMethod":"Foo.Sum","Seq":1}'
MIB = 1 << 20


# ---- what is watched ----


def memory(server, row="VmRSS"):
    """Bytes of the workers together; "VmHWM" for the most there ever were."""
    total = 0
    for pid in server.worker_pids():
        text = pathlib.Path(f"/proc/{pid}/status").read_text()
        total += int(re.search(rf"^{row}:\s+(\d+) kB$", text, re.MULTILINE).group(1)) << 10
    return total


def assert_flat(server, before, growth=8 * MIB):
    """Sanitizers keep what is freed for a while: under them memory says nothing."""
    now = memory(server)
    assert SANITIZED or now < before + growth, f"memory grew from {before >> 10} to {now >> 10} KiB"


def processor_time(pid):
    """Seconds."""
    fields_behind_name = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return sum(map(int, fields_behind_name[11:13])) / os.sysconf("SC_CLK_TCK")


def connections(server):
    return sum(map(int, re.findall(r" connections (\d+),", server.status())))


@contextlib.contextmanager
def bystander(server):
    """A well-behaved client on each address calls until the block ends: no error, no wrong answer, no long wait."""
    stop = threading.Event()
    failures, counts = [], []

    def call_on(address):
        calls = 0
        longest = 0
        try:
            with server.peer(address) as peer:
                while not stop.is_set() or calls < 10:
                    start = time.monotonic()
                    header, body = peer.call("Arith.Multiply", {"A": calls, "B": 3}, seq=calls)
                    longest = max(longest, time.monotonic() - start)
                    assert (header["Seq"], header["Error"], body) == (calls, "", 3 * calls)
                    calls += 1
                    stop.wait(0.002)
            assert longest < (4 if not SANITIZED else 20), f"an answer took {longest} s"
        except Exception as failure:  # pylint: disable=broad-except
            failures.append(failure)
        counts.append(calls)

    threads = [threading.Thread(target=call_on, args=(address,)) for address in (server.tcp, server.unix)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert not failures, f"{failures} after {counts} calls"


@pytest.fixture
def one_worker(stopped):
    """Not started. What one worker does is told without guessing which one it was."""
    stopped.conf = CONF.replace("workers = 2", "workers = 1")
    return stopped


# ---- talking to the server ----


def send_all(sock, data):
    """False: the server had enough before the end."""
    try:
        sock.sendall(data)
        return True
    except (BrokenPipeError, ConnectionResetError):
        return False


def read_to_end(sock):
    """All that comes until the server closes; a reset is an end, too."""
    data = b""
    with contextlib.suppress(ConnectionResetError):
        while more := sock.recv(1 << 16):
            data += more
    return data


def is_closed(sock, patience):
    """By the server, within that time."""
    try:
        return bool(select.select([sock], [], [], patience)[0]) and sock.recv(1 << 16) == b""
    except ConnectionResetError:
        return True


def say(address, data, half_close=False):
    """(our address, what was answered) of a conversation that the server ends."""
    with connect(address, TIMEOUT) as sock:
        name = "tcp@%s:%d" % sock.getsockname() if sock.family == socket.AF_INET else "unix@"
        send_all(sock, data)
        if half_close:
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_WR)
        return name, read_to_end(sock)


def frame(header, body=b"", codec=0, flags=0, header_length=None, body_length=None):
    lengths = [len(part) if given is None else given for part, given in ((header, header_length), (body, body_length))]
    return struct.pack(">BBII", codec, flags, *lengths) + header + body


def option(**members):
    values = {"MagicNumber": "3927900", "CodecType": '"application/json"', **members}
    return ("{" + ",".join(f'"{name}":{value}' for name, value in values.items()) + "}").encode()


def bin_call(body=b"", method="Foo.Sum", extra=b""):
    return frame(field(1, method) + field(2, 1) + extra, body)


# (what is sent, what the log says behind the peer's address)
OPENINGS = {
    "wrong magic": (option(MagicNumber=3927901), "MagicNumber is 3927901, not 3927900"),
    "magic in words": (option(MagicNumber='"3927900"'), "no MagicNumber"),
    "unknown codec": (option(CodecType='"application/xml"'), r"codec application/xml is not compiled in \(here: "),
    "codec of control bytes": (option(CodecType=r'"\u0007\n"'), r"codec \\\\x07\\\\n is not compiled in|codec .*x07"),
    "no codec": (b'{"MagicNumber":3927900}', "no CodecType"),
    "negative timeout": (option(HandleTimeout=-1), "HandleTimeout is not a number of nanoseconds"),
    "oversized Option": (option(Note='"' + "x" * 5000 + '"'), "Option: longer than 4096 bytes"),
    "nested Option": (option(Note="[" * 2000 + "]" * 2000 + ',"a":1'), "Option: "),
    "Option that is not JSON": (b'{"MagicNumber":3927900,"CodecType":,}', "Option: not well-formed JSON"),
    "no known key": (b'{"hello":"world"}', 'its first bytes are no known protocol: ".*hello'),
    "endless white space": (b" " * 5000, "its first bytes are no known protocol"),
    "endless key": (b'{"' + b"k" * 5000, "its first bytes are no known protocol"),
    "zeros": (b"\0" * 100, "its first bytes are no known protocol"),
    "TLS": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", "it speaks TLS|first bytes are TLS"),
}
TRUNCATED = {
    "truncated Option": (option()[:-1], "closed by the peer in the middle of its handshake"),
    "one byte": (b"{", "refused: its first bytes are "),
    "header only": (OPTION_JSON + HEADER, "closed by the peer in the middle of a message"),
    "half a body": (OPTION_JSON + HEADER + b'{"Num1":', "closed by the peer in the middle of a message"),
    "half a prefix": (OPTION_BIN + b"\0\0\0", "closed by the peer in the middle of a message"),
    "half a frame": (OPTION_BIN + bin_call(b"x" * 99)[:-1], "closed by the peer in the middle of a message"),
}
MESSAGES = {
    "body over limits.message": (OPTION_JSON + HEADER + b'"' + b"x" * (4 * MIB), "body: .*limits.message"),
    "header over limits.message": (OPTION_JSON + b'{"x":"' + b"x" * (4 * MIB), "header: .*limits.message"),
    "4 MiB of [": (OPTION_JSON + HEADER + b"[" * (4 * MIB), r"body: .*nests deeper than 100 levels"),
    "4 MiB of {": (OPTION_JSON + HEADER + b'{"a":' * MIB, r"body: .*nests deeper than 100 levels"),
    "nesting in the header": (OPTION_JSON + b'{"x":' + b"[" * 101, r"header: .*nests deeper than 100 levels"),
    "UTF-8 in the header": (OPTION_JSON + b'{"ServiceMethod":"A.\xff","Seq":1}{}', "header: .*not valid UTF-8"),
    "header that is a number": (OPTION_JSON + b"7 {}", "header: "),
    "header with a wrong member": (OPTION_JSON + b'{"Seq":-1}{}', "header: Seq: -1"),
    "Seq over 64 bits": (OPTION_JSON + b'{"Seq":18446744073709551616}{}', "header: Seq: 18446744073709551616"),
    "closing bracket": (OPTION_JSON + b"]", "header: not JSON"),
    "mismatched bracket": (OPTION_JSON + HEADER + b'{"a":[}', "body: not JSON"),
    "control byte in a string": (OPTION_JSON + HEADER + b'"a\nb"', "body: not JSON"),
}
FRAMES = {
    "frame of 4 GB": (frame(b"", b"", body_length=0xFFFFFFFF), r"frame: 4294967295 bytes, over 4194304"),
    "frame of 8 GB": (frame(b"", b"", 0, 0, 0xFFFFFFFF, 0xFFFFFFFF), "frame: 8589934590 bytes, over 4194304"),
    "frame over limits.message": (frame(b"", b"", body_length=4 * MIB + 1), "frame: 4194305 bytes, over 4194304"),
    "unknown body codec": (frame(b"", codec=9), "frame: unknown body codec 9"),
    "flags": (frame(b"", flags=128), "frame: flags 128"),
    "unknown kind": (frame(field(4, 7)), "frame of unknown kind 7"),
    "kind over 32 bits": (frame(field(4, 1 << 32)), "header: kind: 4294967296"),
    "string longer than its header": (frame(b"\x0a\x7fx"), "header: .*truncated"),
    "string of 2 to the 63": (frame(b"\x0a" + varint(1 << 63)), "header: .*truncated"),
    "varint without end": (frame(b"\x10" + b"\xff" * 10), "header: .*varint"),
    "field 0": (frame(b"\x00\x00"), "header: .*field number 0"),
    "group": (frame(b"\x7b"), "header: .*group"),
    "UTF-8 in the header": (frame(field(1, b"A.\xff\xfe")), "header: service_method: .*not valid UTF-8"),
}


@pytest.mark.parametrize("scheme", ["tcp", "unix"])
@pytest.mark.parametrize(
    "conversations, half_close",
    [(OPENINGS, False), (TRUNCATED, True), (MESSAGES, False), (FRAMES, False)],
    ids=["openings", "truncated", "messages", "frames"],
)
def test_refused(stopped, conversations, half_close, scheme):
    """One by one: the connection is closed without an answer, the log names peer and reason."""
    stopped.conf += 'error_log = { level = "info"; };'
    stopped.start()
    with bystander(stopped):
        for name, (data, reason) in conversations.items():
            if conversations is FRAMES:
                data = OPTION_BIN + data
            peer, answer = say(getattr(stopped, scheme), data, half_close)
            assert answer == b"", name
            eventually(lambda: re.search(rf": {re.escape(peer)}.*: .*({reason})", stopped.log()), f"{name}: {reason}")
    eventually(lambda: connections(stopped) == 0, "all connections are gone")


REFUSED_CALLS = [
    (b'"\xff"', "not valid UTF-8|where .* is expected"),
    (b'{"\xc0\x80":1}', "not valid UTF-8"),
    (b'{"x":"\xed\xa0\x80"}', "not valid UTF-8"),
    (b'{"Num1":"\xf5"}', "Num1: "),
    (b'{"Num1":1e400}', "Num1: 1e400"),
    (b'{"Num1":' + b"9" * 100000 + b"}", "Num1: 9999"),
    (b'{"Num1":1,,}', "not JSON"),
    (b'{"Num1":tr}', "not JSON|expected"),
    (b"[" * 100 + b"]" * 100, "expected"),
    (b'{"x":"\\ud800"}', "surrogate"),
]
REFUSED_BIN_CALLS = [
    (field(1, b"\xff"), "Num1: "),
    (b"\x08" + b"\xff" * 10, "varint"),
    (b"\x08", "truncated"),
    (b"\x1a\xff\xff\xff\xff\x0f", "truncated"),
    (b"\x0b" * 1000, "group|cannot be read"),
]


@pytest.mark.parametrize("scheme", ["tcp", "unix"])
def test_refused_calls(server, scheme):
    """Where the server can still tell where messages begin, the conversation goes on."""
    address = getattr(server, scheme)
    with bystander(server), server.peer(address) as peer, BinPeer(address, TIMEOUT) as bin_peer:
        for body, reason in REFUSED_CALLS:
            peer.sock.sendall(HEADER + body + b"\n")
            header, reply = peer.reply()
            assert re.search(reason, header["Error"]) and reply == {}, (body[:40], header)
            assert peer.call("Foo.Sum", SUM)[1] == 3
        for body, reason in REFUSED_BIN_CALLS:
            bin_peer.sock.sendall(bin_call(body))
            header, reply = bin_peer.reply()
            assert re.search(reason, header[3].decode()), (body, header)
            assert fields(bin_peer.call("Foo.Sum", field(1, 1) + field(2, 2))[1]) == {1: 3}


# ---- memory ----


def hostile_rounds(server, rounds):
    """Every conversation above, several at a time."""
    conversations = [each[0] for each in (*OPENINGS.values(), *TRUNCATED.values(), *MESSAGES.values())]
    conversations += [OPTION_BIN + each[0] for each in FRAMES.values()]
    # Metadata: as much as goes into a header, with a key each, or one key again and again.
    entries = b",".join(b'"%x":""' % i for i in range(100000))
    conversations.append(OPTION_JSON + b'{"ServiceMethod":"a.b","Metadata":{' + entries + b"}}{}")
    conversations.append(OPTION_JSON + b'{"Metadata":{' + b'"":"",' * 600000 + b'"a":""}}{}')
    conversations.append(OPTION_BIN + frame(field(6, field(1, "a") + field(2, "b")) * 300000))
    # Large ones that are answered, and those that are called off: by their sender, by a reset.
    large = b'{"x":"' + b"x" * (3 * MIB) + b'"}'
    conversations += [OPTION_JSON + b'{"ServiceMethod":"%s"}' % name + large for name in (b"Foo.Sum", b"No.Such", b"x")]
    cancel = frame(field(2, 1) + field(4, 1))
    conversations.append(OPTION_BIN + bin_call(field(1, 60) + field(9, b"x" * (3 * MIB)), "Foo.Sleep") + cancel)
    for _ in range(rounds):
        for i, data in enumerate(conversations):
            say(server.tcp if i % 2 else server.unix, data, half_close=True)
        for data in (OPTION_JSON + HEADER + large[:-1], OPTION_JSON + HEADER + large, b" " * 4000):
            with connect(server.tcp, TIMEOUT) as sock:
                sock.sendall(data)
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def test_memory_is_flat(one_worker):
    """After some rounds the worker has what it ever needs. Each further one sends it 50 MiB: a leak of a twentieth of
    it would show."""
    server = one_worker.start()
    with bystander(server):
        hostile_rounds(server, 2)
        before, most = memory(server), memory(server, "VmHWM")
        hostile_rounds(server, 4)
        assert_flat(server, before)
        assert SANITIZED or memory(server, "VmHWM") < most + 8 * MIB
    assert SANITIZED or memory(server, "VmHWM") < 120 * MIB
    eventually(lambda: connections(server) == 0, "all connections are gone")


# (method, body in JSON, body in bin): few bytes that stand for many.
AMPLIFIERS = {
    "list of zeros": ("Kinds.Numbers", b"[" + b"0," * (MIB + 500000) + b"0]", field(1, b"\0" * (4 * MIB - 100))),
    "list of empty structs": (
        "Kinds.Echo",
        b'{"Items":[' + b"{}," * (MIB + 200000) + b"{}]}",
        field(12, b"") * (2 * MIB - 100),
    ),
    "list of empty lists": ("Kinds.Echo", b'{"Rows":[' + b"[]," * MIB + b"[]]}", field(13, b"") * (2 * MIB - 100)),
    "map of one key": (
        "Kinds.Echo",
        b'{"Named":{' + b'"":{},' * 600000 + b'"":{}}}',
        field(15, field(1, "") + field(2, b"")) * 650000,
    ),
    "map of many keys": (
        "Kinds.Counts",
        b"{" + b",".join(b'"%x":0' % i for i in range(350000)) + b"}",
        b"".join(field(1, field(1, "%x" % i) + field(2, 0)) for i in range(300000)),
    ),
    "optional again and again": (
        "Kinds.Echo",
        b"{" + b",".join([b'"Maybe":{}'] * 350000) + b"}",
        field(17, b"") * (1 * MIB),
    ),
    "escapes": ("Kinds.Text", b'"' + b"\\u0000" * 650000 + b'"', field(1, b"\0" * (4 * MIB - 100))),
}


def test_amplification_is_bounded(make_server, crashing_build):
    """Items of a byte or three are structs in memory: limits.call_memory, not the sender, says how much there is."""
    server = make_server(build=crashing_build)
    server.conf = CONF.replace("workers = 2", "workers = 1") + 'limits = { call_memory = "24m"; };'
    server.start()
    before, call_memory = memory(server), 24 * MIB
    refused = []

    def answers(name, method, body, bin_body):
        assert len(body) < 4 * MIB - 100 and len(bin_body) < 4 * MIB, name
        with server.peer() as peer:
            peer.sock.sendall(b'{"ServiceMethod":"%s","Seq":1}' % method.encode() + body + b"\n")
            yield peer.value()["Error"]
        with BinPeer(server.unix, TIMEOUT) as peer:
            peer.sock.sendall(bin_call(bin_body, method))
            yield peer.reply()[0].get(3, b"").decode()

    def send_all_of_them():
        for name, row in AMPLIFIERS.items():
            for error in answers(name, *row):
                assert re.search("^$|memory", error), (name, error)
                refused.extend([name] * (error != ""))
            # One call's memory, its message and what is read and written of it, and no second one.
            assert SANITIZED or memory(server, "VmHWM") < before + call_memory + 32 * MIB, name

    with bystander(server):
        send_all_of_them()
        after_once = memory(server)
        send_all_of_them()
        assert_flat(server, after_once)
    assert {"list of empty structs", "list of empty lists"} <= set(refused)


def test_requests_in_flight_are_bounded(one_worker):
    """Calls that wait hold their requests: one connection cannot fill the memory with them (limits.input)."""
    one_worker.start()
    body = b'{"Num1":60,"x":"' + b"y" * (3 * MIB) + b'"}'
    with bystander(one_worker):
        before = memory(one_worker)
        with one_worker.peer() as peer:
            sent = send_until_full(peer.sock, (b'{"ServiceMethod":"Foo.Sleep"}' + body) * 40, patience=0.3)
            assert sent < 40 * len(body)
            assert 1 <= int(re.search(r"in flight (\d+)", one_worker.status()).group(1)) <= 8
            assert_flat(one_worker, before, 48 * MIB)


# ---- time ----


def send_until_full(sock, data, patience=1.0):
    """How many bytes the other side took before it took nothing for that long."""
    view, sent = memoryview(data), 0
    while sent < len(data) and select.select([], [sock], [], patience)[1]:
        with contextlib.suppress(BlockingIOError):
            sent += sock.send(view[sent : sent + (1 << 16)], socket.MSG_DONTWAIT)
    return sent


def test_four_mebibytes_in_pieces(one_worker):
    """Were all of the body looked at with each piece, it would cost some 10 seconds. (With one byte a read:
    tests/unit/session_hostile_test.c. Here the kernel would gather bytes for a server that is slow.)"""
    one_worker.start()
    (pid,) = one_worker.worker_pids()
    body = b'{"Num1":1,"Num2":2,"x":[' + b"{},[]," * (4 * MIB // 6 - 30) + b"0]}"
    with bystander(one_worker), one_worker.peer(one_worker.unix) as peer:
        before = processor_time(pid)
        peer.sock.sendall(HEADER)
        for at in range(0, len(body), 200):
            peer.sock.sendall(body[at : at + 200])
        assert peer.reply()[1] == 3
        taken = processor_time(pid) - before
    assert taken < (2 if not SANITIZED else 20), f"{taken} s for 21,000 pieces"


def receive_queue(sock):
    """Bytes that wait in the kernel for the server to read them, by /proc/net/tcp."""
    client, server = sock.getsockname()[1], sock.getpeername()[1]
    text = pathlib.Path("/proc/net/tcp").read_text()
    found = re.search(rf": [0-9A-F]+:{server:04X} [0-9A-F]+:{client:04X} \w+ \w+:(\w+)", text)
    return int(found.group(1), 16)


@pytest.mark.parametrize("scheme", ["tcp", "unix"])
def test_a_client_that_never_reads(one_worker, scheme):
    """It is paused: the server reads no further, and what the client sends fills the kernel's buffers. Then it is
    dropped."""
    one_worker.conf += 'limits = { output = "64k"; }; timeouts = { write = "1s"; };'
    one_worker.start()
    with bystander(one_worker):
        before = memory(one_worker)
        sock = connect(getattr(one_worker, scheme), TIMEOUT)
        sock.sendall(OPTION_JSON)
        sent = send_until_full(sock, b"{}{}" * (8 * MIB), patience=0.3)  # each has an answer of a hundred bytes
        assert sent < 20 * MIB, "it was not paused"
        if scheme == "tcp":
            assert receive_queue(sock) > 0
        assert_flat(one_worker, before, 4 * MIB)
        (said,) = one_worker.wait_for_log(r"\[warn\] \d+: (\S+): write: the peer does not read: wrote nothing for 1s")
        if scheme == "tcp":
            assert said == "tcp@%s:%d" % sock.getsockname()
        eventually(lambda: connections(one_worker) == 2, "only the bystanders are left")
        assert_flat(one_worker, before, 4 * MIB)
        sock.close()


def test_clients_that_stall(stopped):
    """Silent ones, slow ones, and those that stop in the middle: each is told off in the log and dropped in time."""
    stopped.conf += 'timeouts = { handshake = "500ms"; read = "500ms"; };'
    stopped.start()
    stalls = [
        (b"", b"", "it has not said what it speaks within 0.5s .timeouts.handshake"),
        (b"", b" ", "it has not said what it speaks within 0.5s .timeouts.handshake"),
        (b'{"', b"a", "it has not said what it speaks within 0.5s .timeouts.handshake"),
        (OPTION_JSON[:20], b"1", "no complete Option .*within 0.5s .timeouts.handshake"),
        (OPTION_JSON + HEADER, b"", "a message was begun and not completed within 0.5s .timeouts.read"),
        (OPTION_JSON + HEADER + b'"', b"x", "a message was begun and not completed within 0.5s .timeouts.read"),
        (OPTION_JSON + HEADER + b'{"Num1":1}{', b" ", "a message was begun and not completed within 0.5s"),
        (OPTION_BIN + bin_call()[:-1], b"", "a message was begun and not completed within 0.5s .timeouts.read"),
        (OPTION_BIN + b"\0\0\0\0\0\xff", b"\0", "a message was begun and not completed within 0.5s .timeouts.read"),
    ]

    def stall(said, trickle, reason):
        """Sends a byte every 50 ms, which is no excuse."""
        start = time.monotonic()
        with connect(stopped.tcp, TIMEOUT) as sock:
            peer = "tcp@%s:%d" % sock.getsockname()
            sock.sendall(said)
            while not is_closed(sock, 0.05 if trickle else TIMEOUT):
                if not send_all(sock, trickle):
                    break
                assert time.monotonic() < start + TIMEOUT, reason
            taken = time.monotonic() - start
        assert 0.45 < taken < (3 if not SANITIZED else 15), (said, taken)
        stopped.wait_for_log(rf": {re.escape(peer)}: .*{reason}")

    failures = []

    def run(row):
        try:
            stall(*row)
        except Exception as failure:  # pylint: disable=broad-except
            failures.append((row, failure))

    with bystander(stopped):
        threads = [threading.Thread(target=run, args=(row,)) for row in stalls]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert not failures
        eventually(lambda: connections(stopped) == 2, "only the bystanders are left")


# ---- numbers ----


def limit_descriptors(count):
    resource.setrlimit(resource.RLIMIT_NOFILE, (count, count))


@pytest.fixture
def many_descriptors():
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 10200 if hard == resource.RLIM_INFINITY else min(hard, 10200)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, wanted), hard))
    yield wanted - 200
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_thousands_that_say_nothing(stopped, many_descriptors):
    """They cost next to nothing and are gone in time."""
    stopped.conf += 'timeouts = { handshake = "3s"; };'
    stopped.start(before=lambda: limit_descriptors(many_descriptors + 100))
    with bystander(stopped):
        before = memory(stopped)
        silent = [connect(stopped.unix if i % 4 else stopped.tcp, TIMEOUT) for i in range(many_descriptors)]
        assert_flat(stopped, before, 2 * 1024 * len(silent) + MIB)
        for sock in silent:
            assert read_to_end(sock) == b""
            sock.close()
        eventually(lambda: connections(stopped) == 2, "only the bystanders are left")


def test_connections_that_are_closed_count_while_they_linger(one_worker):
    """A refused peer that does not close its side keeps a descriptor for some seconds: limits.connections counts it."""
    one_worker.conf += "limits = { connections = 20; };"
    one_worker.start()
    (pid,) = one_worker.worker_pids()
    descriptors = len(os.listdir(f"/proc/{pid}/fd"))
    refused = []
    for _ in range(100):
        refused.append(connect(one_worker.tcp, TIMEOUT))
        refused[-1].sendall(option(MagicNumber=1))
    one_worker.wait_for_log(r"20 connections: further ones wait \(limits.connections\)")
    assert len(os.listdir(f"/proc/{pid}/fd")) <= descriptors + 20
    # Those that close their side make room.
    for sock in refused:
        assert read_to_end(sock) == b""
        sock.close()
    assert one_worker.call("Foo.Sum", SUM) == ("", 3)
    eventually(lambda: len(os.listdir(f"/proc/{pid}/fd")) == descriptors, "every descriptor is closed")


def test_silence_over_the_limit_of_connections(one_worker):
    """Those that hold all the places lose them in time; who waits behind them is served then."""
    one_worker.conf += 'limits = { connections = 30; }; timeouts = { handshake = "500ms"; };'
    one_worker.start()
    silent = [connect(one_worker.tcp, TIMEOUT) for _ in range(100)]
    one_worker.wait_for_log(r"30 connections: further ones wait \(limits.connections\)")
    assert one_worker.call("Foo.Sum", SUM) == ("", 3)
    for sock in silent:
        sock.close()


def test_no_descriptors_left(one_worker):
    """Refused peers that linger and silent ones take all of them: accepting pauses, and goes on when they are gone."""
    one_worker.conf += 'timeouts = { handshake = "700ms"; };'
    one_worker.start(before=lambda: limit_descriptors(48))
    with one_worker.peer() as early:
        hostile = [connect(one_worker.tcp, TIMEOUT) for _ in range(100)]
        for sock in hostile[::2]:
            send_all(sock, option(MagicNumber=1))
        one_worker.wait_for_log("no connection is accepted for 500ms: Too many open files")
        assert early.call("Foo.Sum", SUM)[1] == 3
        with one_worker.peer() as late:
            late.send("Foo.Sum", SUM)
            for sock in hostile:
                sock.close()
            assert late.reply()[1] == 3
        assert early.call("Foo.Sum", SUM)[1] == 3
    assert len(re.findall("no connection is accepted", one_worker.log())) < 40


def test_calls_over_the_limit_pause_their_connection(one_worker):
    """Further requests wait in the kernel. When calls end they are read and answered; then the peer's end is seen."""
    one_worker.conf += "limits = { calls = 10; }; thread_pool = { threads = 10; };"
    one_worker.start()
    call = b'{"ServiceMethod":"Foo.Sleep","Seq":%d,"Timeout":300000000}{"Num1":60,"Num2":0}'
    with bystander(one_worker), one_worker.peer() as peer:
        peer.sock.sendall(b"".join(call % i for i in range(30)))
        peer.sock.shutdown(socket.SHUT_WR)
        eventually(lambda: re.search(" in flight 10$", one_worker.status(), re.MULTILINE), "ten are in flight")
        for i in range(30):
            header, _ = peer.reply()
            assert header["Seq"] // 10 == i // 10 and "timeout" in header["Error"]
        assert peer.sock.recv(1) == b""


@pytest.mark.parametrize("scheme", ["tcp", "unix"])
def test_calls_of_those_who_left_end(server, scheme):
    """Nobody waits for them any more: the threads that they keep are free again. (Over TCP only a reset says that the
    peer is gone: one that closes its side in order may still be reading.)"""
    for _ in range(10):
        peer = server.peer(getattr(server, scheme))
        for i in range(30):
            peer.send("Foo.Sleep", {"Num1": 1 << 40, "Num2": 0}, seq=i)
        assert peer.call("Foo.Sum", SUM)[1] == 3
        if scheme == "tcp":
            peer.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        peer.sock.close()
    eventually(lambda: server.status().count(" in flight 0") == 2, "no call is left")
    assert connections(server) == 0
    assert server.call("Foo.Sleep", {"Num1": 0, "Num2": 4}) == ("", 4)


def test_refusals_do_not_flood_the_log(server):
    """10,000 of them: some lines and their number."""
    count = 10000 if not SANITIZED else 3000
    with bystander(server):
        for i in range(count):
            with connect(server.tcp if i % 2 else server.unix, TIMEOUT) as sock:
                send_all(sock, b"\x01\x02\x03\x04")
    # The last ones are told of though nothing else happens.

    def accounted():
        log = server.log()
        lines = len(re.findall(r"\[warn\] \d+: \S+: refused: its first bytes", log))
        held = sum(map(int, re.findall(r"\[warn\] \d+: held back (\d+) more lines like: \S+: refused", log)))
        return lines + held == count and lines

    lines = eventually(accounted, "every refusal is written or counted")
    assert lines < count / 10


# ---- anything ----


def conversation(rng):
    """A valid one, in pieces."""
    methods = ["Arith.Multiply", "Arith.Divide", "Foo.Sum", "Foo.Sleep", "Gee.Describe", "No.Such", "", "."]
    numbers = [0, 1, -1, 1 << 31, (1 << 63) - 1, -(1 << 63)]
    if rng.random() < 0.5:
        pieces = [OPTION_JSON]
        for i in range(rng.randrange(8)):
            pieces.append(b'{"ServiceMethod":"%s","Seq":%d,"Timeout":50000000}' % (rng.choice(methods).encode(), i))
            pieces.append(b'{"A":%d,"B":%d,"Num1":1,"x":["\\u00e9",null]}' % (rng.choice(numbers), rng.choice(numbers)))
        return pieces
    pieces = [OPTION_BIN + b"\n"]
    for i in range(rng.randrange(8)):
        kind = rng.choice([0, 0, 0, 1, 2, 3, 4])
        extra = field(4, kind) + field(5, 50000) + field(6, field(1, "k") + field(2, "v"))
        pieces.append(bin_call(field(1, rng.choice(numbers)) + field(2, 3), rng.choice(methods), extra))
    return pieces


def mutated(rng, data):
    data = bytearray(data)
    for _ in range(rng.randrange(4)):
        at = rng.randrange(len(data) + 1)
        end = min(len(data), at + rng.choice([1, 2, 8, 64]))
        data[at:end] = rng.choice(
            [b"", data[at:end] * 3, rng.randbytes(end - at), b"\xff" * 4, b"\0" * 4, b"[[{", b"9" * 30, b'"', b"\\u"]
        )
    return bytes(data)


def attack(server, seed, until):
    rng = random.Random(seed)
    count = 0
    while time.monotonic() < until:
        pieces = conversation(rng)
        opening = b"" if rng.random() < 0.1 else pieces[0]
        data = opening + (mutated(rng, b"".join(pieces[1:])) if rng.random() < 0.8 else rng.randbytes(300))
        with connect(rng.choice([server.tcp, server.unix]), TIMEOUT) as sock:
            cuts = sorted(rng.randrange(len(data) + 1) for _ in range(rng.randrange(4)))
            for start, end in zip([0, *cuts], [*cuts, len(data)]):
                send_all(sock, data[start:end])
            ending = rng.randrange(3)
            if ending == 0:
                with contextlib.suppress(OSError):
                    sock.shutdown(socket.SHUT_WR)
                read_to_end(sock)
            elif ending == 1 and sock.family == socket.AF_INET:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        count += 1
    return count


def test_random_and_mutated_bytes(server):
    """Four at a time, cut anywhere, ended in order, half closed or by a reset."""
    failures = []

    def run(seed):
        try:
            assert attack(server, seed, time.monotonic() + 2) > 20
        except Exception as failure:  # pylint: disable=broad-except
            failures.append(failure)

    workers = server.worker_pids()
    with bystander(server):
        threads = [threading.Thread(target=run, args=(seed,)) for seed in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert not failures
        eventually(lambda: connections(server) == 2, "only the bystanders are left")
        eventually(lambda: not re.search(r" in flight [3-9]| in flight \d\d", server.status()), "no call is left")
    assert server.worker_pids() == workers
