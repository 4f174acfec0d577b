"""Messages over limits.message: the call ends with RESOURCE_EXHAUSTED, other calls on the connection go on, and the
worker keeps none of the bytes."""
import json
import re
import struct

import pytest

from conftest import SANITIZED, TIMEOUT
from hostile import MIB, SUM, assert_flat, bystander, memory
from wire import BinPeer, connect, field, fields

SKIPPED = 60 * MIB  # of JSON no more than 64 MiB are skipped
TEXT = rf"over {4 * MIB}.* \(limits.message\)"


def say_much(sock):
    for _ in range(SKIPPED // MIB):
        sock.sendall(b"x" * MIB)


# Conversations of a call, an oversized one, and a call; each returns the error of the oversized one.


def bin_conversation(server):
    """With a ping behind the oversized call."""
    with BinPeer(server.tcp, TIMEOUT) as peer:
        peer.send("Foo.Sum", field(1, 1) + field(2, 2), seq=1)
        header = field(1, "Foo.Sum") + field(2, 2)
        peer.sock.sendall(struct.pack(">BBII", 0, 0, len(header), SKIPPED) + header)
        say_much(peer.sock)
        ping = field(2, 3) + field(4, 3)
        peer.sock.sendall(struct.pack(">BBII", 0, 0, len(ping), 0) + ping)
        peer.send("Foo.Sum", field(1, 1) + field(2, 2), seq=4)
        first, oversized, pong, last = [peer.reply() for _ in range(4)]
    assert [header[2] for header, _ in (first, oversized, pong, last)] == [1, 2, 3, 4]
    assert fields(first[1])[1] == fields(last[1])[1] == 3
    assert pong[0][4] == 4 and oversized[0][7] == 8
    return oversized[0][3].decode()


def json_conversation(server):
    with server.peer(server.tcp) as peer:
        assert peer.call("Foo.Sum", SUM, seq=1)[1] == 3
        peer.sock.sendall(b'{"ServiceMethod":"Foo.Sum","Seq":2}{"x":"')
        say_much(peer.sock)
        peer.sock.sendall(b'"}')
        peer.send("Foo.Sum", SUM, seq=3)
        oversized, last = peer.reply(), peer.reply()
    assert (oversized[0]["Seq"], oversized[0]["Code"], oversized[1]) == (2, 8, {})
    assert (last[0]["Seq"], last[1]) == (3, 3)
    return oversized[0]["Error"]


def jsonrpc_conversation(server):
    """The id stands behind the skipped bytes, as Go writes it."""
    with connect(server.tcp, TIMEOUT) as sock:
        sock.sendall(b'{"method":"Foo.Sum","params":[{"x":"')
        say_much(sock)
        sock.sendall(b'"}],"id":2}{"method":"Foo.Sum","params":[{"Num1":1,"Num2":2}],"id":3}')
        lines = sock.makefile()
        oversized, last = (json.loads(lines.readline()) for _ in range(2))
    assert (oversized["id"], oversized["result"]) == (2, None)
    assert last == {"id": 3, "result": 3, "error": None}
    return oversized["error"]


GOB_REQUEST = bytes.fromhex(
    "2fff81030101075265717565737401ff82000102010d536572766963654d6574686f64010c0001035365710106000000"
)
GOB_ARGS = bytes.fromhex("1eff83030101044172677301ff8400010201014101040001014201040000" "00")


def gob_header(seq):
    message = b"\xff\x82\x01\x0eArith.Multiply\x01" + bytes([seq]) + b"\x00"
    return bytes([len(message)]) + message


def gob_conversation(server):
    call = bytes.fromhex("07ff84010e011000")  # 7 * 8
    with connect(server.tcp, TIMEOUT) as sock:
        sock.sendall(GOB_REQUEST + gob_header(1) + GOB_ARGS + call)
        sock.sendall(gob_header(2) + b"\xfc" + struct.pack(">I", SKIPPED + 2) + b"\xff\x84")
        say_much(sock)
        sock.sendall(gob_header(3) + call)
        data = b""
        while data.count(b"\x03\x04\x00\x70") < 2:  # the int 56
            more = sock.recv(1 << 16)
            assert more, data
            data += more
    return re.search(rb"rpc server: [^\0]*", data)[0].decode(errors="replace")


@pytest.mark.parametrize(
    "conversation",
    [bin_conversation, json_conversation, gob_conversation, jsonrpc_conversation],
    ids=["bin", "json", "gob", "jsonrpc"],
)
def test_skipped_without_being_kept(one_worker, conversation):
    server = one_worker.start()
    with bystander(server):
        before, most = memory(server), memory(server, "VmHWM")
        text = conversation(server)
        assert re.match(r"rpc server: \w+\.\w+: ", text) and re.search(TEXT, text), text
        assert_flat(server, before)
        assert SANITIZED or memory(server, "VmHWM") < most + 12 * MIB
