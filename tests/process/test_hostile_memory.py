"""Peers that make the server use memory: few bytes that become many, and many bytes that wait."""
import re

from conftest import CONF, SANITIZED, TIMEOUT, eventually
from hostile import MIB, assert_flat, bin_call, bystander, memory, send_until_full
from wire import CALL, CANCEL, MESSAGE, PING, PONG, BinPeer, field

# (method, body in JSON, body in bin): few bytes that become many.
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


def test_amplification_is_bounded(make_server, extended_build):
    """Items of a byte or three are structs in memory: limits.call_memory bounds the memory, not the sender."""
    server = make_server(build=extended_build)
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
            # The memory of one call, its message, input and output, but not a second call's.
            assert SANITIZED or memory(server, "VmHWM") < before + call_memory + 32 * MIB, name

    with bystander(server):
        send_all_of_them()
        # What glibc has seen freed is of its heap from then on, not mapped: its memory is level the second time.
        send_all_of_them()
        after_twice = memory(server)
        send_all_of_them()
        assert_flat(server, after_twice)
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


def test_messages_that_wait_are_bounded(make_server, extended_build):
    """Every streaming call has credit for a message of any length: together they are held to limits.memory."""
    server = make_server(build=extended_build)
    server.conf = CONF.replace("workers = 2", "workers = 1") + 'limits = { message = "1m"; memory = "16m"; };'
    server.start()
    before, calls, ended = memory(server), range(1, 101), []
    with BinPeer(server.tcp, TIMEOUT) as peer:
        for seq in calls:
            peer.say(MESSAGE, seq, field(1, 1), method="Stream.Hold")
            assert peer.hear().kind == MESSAGE  # and now the handler pauses
        for seq in calls:
            peer.say(MESSAGE, seq, field(1, 1) + field(9, bytes(MIB - 100)))
        peer.say(PING, 1000)
        while (frame := peer.hear()).kind != PONG:
            assert (frame.kind, frame.code) == (CALL, 8) and b"limits.memory" in frame.error, frame
            ended.append(frame.seq)
        assert 80 < len(ended) < 100
        assert_flat(server, before, 32 * MIB)
        for seq in set(calls) - set(ended):
            peer.say(CANCEL, seq)
        for _ in set(calls) - set(ended):
            assert peer.hear().code == 1
        eventually(lambda: peer.call("Arith.Multiply", field(1, 7) + field(2, 8))[1] == field(1, 56), "there is memory")
