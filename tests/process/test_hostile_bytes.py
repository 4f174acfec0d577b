"""Peers that send malformed bytes lose their connection or their call, and other peers lose nothing."""
import contextlib
import random
import re
import socket
import struct
import threading
import time

import pytest

from conftest import SANITIZED, TIMEOUT, eventually
from hostile import (
    HEADER,
    MIB,
    SUM,
    assert_flat,
    bin_call,
    bystander,
    connections,
    frame,
    memory,
    option,
    read_to_end,
    say,
    send_all,
)
from wire import OPTION_BIN, OPTION_JSON, BinPeer, connect, field, fields, varint

# (bytes sent, the text in the log behind the peer's address)
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
    "header over limits.message": (OPTION_JSON + b'{"x":"' + b"x" * (4 * MIB), "header: .*limits.message"),
    "nesting in the header": (OPTION_JSON + b'{"x":' + b"[" * 101, r"header: .*nests deeper than 100 levels"),
    "header that is a number": (OPTION_JSON + b"7 {}", "header: "),
    "header with a wrong member": (OPTION_JSON + b'{"Seq":-1}{}', "header: Seq: -1"),
    "Seq over 64 bits": (OPTION_JSON + b'{"Seq":18446744073709551616}{}', "header: Seq: 18446744073709551616"),
    "closing bracket": (OPTION_JSON + b"]", "header: not JSON"),
    "mismatched bracket": (OPTION_JSON + HEADER + b'{"a":[}', "body: not JSON"),
    "control byte in a string": (OPTION_JSON + HEADER + b'"a\nb"', "body: not JSON"),
}
FRAMES = {
    "header of 4 GB": (
        frame(b"\x1a" * 4000, b"", 0, 0, 0xFFFFFFFF, 0xFFFFFFFF),
        "header: a message of 8589934590 bytes, over 4194304 .*, and the call's number is not at its beginning",
    ),
    "unknown body codec": (frame(b"", codec=9), "frame: unknown body codec 9"),
    "flags": (frame(b"", flags=128), "frame: flags 128"),
    "unknown kind": (frame(field(4, 8)), "frame of unknown kind 8"),
    "kind over 32 bits": (frame(field(4, 1 << 32)), "header: kind: 4294967296"),
    "string longer than its header": (frame(b"\x0a\x7fx"), "header: .*truncated"),
    "string of 2 to the 63": (frame(b"\x0a" + varint(1 << 63)), "header: .*truncated"),
    "varint without end": (frame(b"\x10" + b"\xff" * 10), "header: .*varint"),
    "field 0": (frame(b"\x00\x00"), "header: .*field number 0"),
    "group": (frame(b"\x7b"), "header: .*group"),
}


# Malformed calls cost only themselves: [(bytes sent, the whole answer)] of a connection, the last of them a good call.
CALL_JSON = HEADER + b'{"Num1":1,"Num2":2}', b'{"ServiceMethod":"Foo.Sum","Seq":1,"Error":""}\n3\n'
CALL_BIN = bin_call(field(1, 1) + field(2, 2)), bin_call(field(1, 3))
CALL_JSONRPC = b'{"method":"Foo.Sum","params":[{"Num1":1,"Num2":2}],"id":7}', b'{"id":7,"result":3,"error":null}\n'
NO_METHOD = b'{"id":null,"result":null,"error":"rpc: service/method request ill-formed: "}\n'
ANSWERED = {
    "no known key": [(b'{"hello":"world"}', NO_METHOD), CALL_JSONRPC],
    "empty object": [(b"{}", NO_METHOD), (b"{}", NO_METHOD), CALL_JSONRPC],
    "UTF-8 in the header": [
        (
            OPTION_JSON + b'{"ServiceMethod":"A.\xff","Seq":1}{}',
            '{"ServiceMethod":"A.\ufffd","Seq":1,"Error":"rpc server: can\'t find service A","Code":12}\n{}\n'.encode(),
        ),
        CALL_JSON,
    ],
    "half of a surrogate pair in the header": [
        (
            OPTION_JSON + b'{"ServiceMethod":"A.\\ud800","Seq":1}{}',
            '{"ServiceMethod":"A.\ufffd","Seq":1,"Error":"rpc server: can\'t find service A","Code":12}\n{}\n'.encode(),
        ),
        CALL_JSON,
    ],
    "UTF-8 in a frame's header": [
        (
            OPTION_BIN + frame(field(1, b"A.\xff\xfe")),
            frame(field(1, "A.\ufffd\ufffd") + field(3, "rpc server: can't find service A") + field(7, 12)),
        ),
        CALL_BIN,
    ],
}


@pytest.mark.parametrize("scheme", ["tcp", "unix"])
@pytest.mark.parametrize(
    "conversations, half_close",
    [(OPENINGS, False), (TRUNCATED, True), (MESSAGES, False), (FRAMES, False)],
    ids=["openings", "truncated", "messages", "frames"],
)
def test_refused(stopped, conversations, half_close, scheme):
    """Each alone: the connection is closed without an answer, and the log names peer and reason."""
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


@pytest.mark.parametrize("scheme", ["tcp", "unix"])
def test_answered(server, scheme):
    """Each alone: an error reply with text and code, and the connection goes on with further calls."""
    with bystander(server):
        for name, exchanges in ANSWERED.items():
            with connect(getattr(server, scheme), TIMEOUT) as sock:
                for sent, wanted in exchanges:
                    sock.sendall(sent)
                    assert sock.recv(len(wanted), socket.MSG_WAITALL) == wanted, name
                sock.shutdown(socket.SHUT_WR)
                assert read_to_end(sock) == b"", name
    eventually(lambda: connections(server) == 0, "all connections are gone")


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
    (b"[" * 101 + b"]" * 101, "body: the JSON value nests deeper than 100 levels"),
    (b'{"a":' * MIB + b"1" + b"}" * MIB, "body: the JSON value nests deeper than 100 levels"),
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
    """As long as the server knows where messages begin, the conversation goes on."""
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


# ---- all of them, repeatedly ----


def hostile_rounds(server, rounds):
    """Every conversation above, several at a time."""
    conversations = [each[0] for each in (*OPENINGS.values(), *TRUNCATED.values(), *MESSAGES.values())]
    conversations += [OPTION_BIN + each[0] for each in FRAMES.values()]
    conversations += [b"".join(sent for sent, _ in exchanges) for exchanges in ANSWERED.values()]
    # Metadata: as many as fit into a header, each with its own key, or all with one key.
    entries = b",".join(b'"%x":""' % i for i in range(100000))
    conversations.append(OPTION_JSON + b'{"ServiceMethod":"a.b","Metadata":{' + entries + b"}}{}")
    conversations.append(OPTION_JSON + b'{"Metadata":{' + b'"":"",' * 600000 + b'"a":""}}{}')
    conversations.append(OPTION_BIN + frame(field(6, field(1, "a") + field(2, "b")) * 300000))
    # Large calls: answered ones, and calls that their sender cancels or resets.
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
    """After some rounds the worker has all the memory that it ever needs. Each further round sends 50 MiB: a leak of a
    twentieth of these would show."""
    server = one_worker.start()
    with bystander(server):
        hostile_rounds(server, 2)
        before, most = memory(server), memory(server, "VmHWM")
        hostile_rounds(server, 4)
        assert_flat(server, before)
        assert SANITIZED or memory(server, "VmHWM") < most + 8 * MIB
    assert SANITIZED or memory(server, "VmHWM") < 120 * MIB
    eventually(lambda: connections(server) == 0, "all connections are gone")


# ---- random bytes ----


def conversation(rng):
    """A valid conversation, in pieces."""
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
        kind = rng.choice([0, 0, 0, 1, 2, 3, 4, 5, 6, 7])
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
    """Four at a time, cut anywhere, ended in order, half closed or reset."""
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
