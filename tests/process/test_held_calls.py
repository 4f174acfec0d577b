"""Calls over limits.calls wait whole and in order; a cancel or a ping among and behind these calls does not (wire
bin)."""
import socket
import struct

import pytest

from conftest import CONF
from wire import BinPeer, field

CANCEL, PING, PONG = 1, 3, 4
LONG = field(1, 60) + field(2, 1)  # Foo.Sleep: 60 s, longer than any test


def control(peer, kind, seq):
    header = field(2, seq) + field(4, kind)
    peer.sock.sendall(struct.pack(">BBII", 0, 0, len(header), 0) + header)


def answers(peer, count):
    """(seq, code, kind) of the next replies, in their order."""
    found = []
    for _ in range(count):
        header, _ = peer.reply()
        found.append((header[2], header.get(7, 0), header.get(4, 0)))
    return found


@pytest.fixture
def full(stopped):
    """A server for two calls a connection, and a peer that has two in flight."""
    stopped.conf = CONF + 'limits = { calls = 2; input = "16k"; };'
    stopped.start()
    with BinPeer(stopped.tcp) as peer:
        for seq in (1, 2):
            peer.send("Foo.Sleep", LONG, seq=seq)
        yield peer


def test_a_ping_and_a_cancel_pass_held_calls(full):
    for seq in range(3, 9):
        full.send("Foo.Sum", field(1, seq) + field(2, 1), seq=seq)
    control(full, PING, 77)
    assert answers(full, 1) == [(77, 0, PONG)]
    control(full, CANCEL, 2)
    assert answers(full, 1) == [(2, 1, 0)]  # and only then the calls that waited, in their order
    assert answers(full, 6) == [(seq, 0, 0) for seq in range(3, 9)]
    control(full, CANCEL, 1)
    assert answers(full, 1) == [(1, 1, 0)]


def test_a_held_call_is_cancelled_before_its_turn(full):
    for seq in (3, 4, 5, 5, 6):
        full.send("Foo.Sum", field(1, seq) + field(2, 1), seq=seq)
    for seq in (4, 5, 99):  # the first of the two calls 5 is cancelled; there is no call 99
        control(full, CANCEL, seq)
    control(full, PING, 77)
    assert answers(full, 3) == [(4, 1, 0), (5, 1, 0), (77, 0, PONG)]
    control(full, CANCEL, 1)
    assert answers(full, 4) == [(1, 1, 0), (3, 0, 0), (5, 0, 0), (6, 0, 0)]


def test_one_byte_at_a_time(full):
    full.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sent = b""
    for seq in (3, 4):
        header, body = field(1, "Foo.Sum") + field(2, seq), field(1, seq) + field(2, 1)
        sent += struct.pack(">BBII", 0, 0, len(header), len(body)) + header + body
    for kind, seq in ((PING, 77), (CANCEL, 4), (CANCEL, 1)):
        header = field(2, seq) + field(4, kind)
        sent += struct.pack(">BBII", 0, 0, len(header), 0) + header
    for byte in sent:
        full.sock.sendall(bytes([byte]))
    assert answers(full, 4) == [(77, 0, PONG), (4, 1, 0), (1, 1, 0), (3, 0, 0)]


def test_past_limits_input_the_connection_is_not_read(stopped):
    stopped.conf = CONF + 'limits = { calls = 1; input = "16k"; };'
    stopped.start()
    with BinPeer(stopped.tcp) as peer:
        peer.send("Foo.Sleep", field(1, 1) + field(2, 1), seq=1)
        control(peer, PING, 70)
        for seq in range(2, 6):
            peer.send("Foo.Sum", field(1, seq) + field(100, b"x" * 6000), seq=seq)
        control(peer, PING, 77)
        assert answers(peer, 2) == [(70, 0, PONG), (1, 0, 0)]
        found = answers(peer, 5)
        assert [each for each in found if each[2] == 0] == [(seq, 0, 0) for seq in range(2, 6)]
        assert (77, 0, PONG) in found


def test_many_wait_and_all_are_answered_in_order(full):
    count = 300  # of some 30 bytes each: within limits.input
    for seq in range(3, 3 + count):
        full.send("Foo.Sum", field(1, seq) + field(2, 1), seq=seq)
    control(full, CANCEL, 1)
    assert answers(full, 1) == [(1, 1, 0)]
    assert answers(full, count) == [(seq, 0, 0) for seq in range(3, 3 + count)]


def test_cancelled_calls_leave_their_room_to_others(full):
    """More bytes than limits.input has are held and cancelled, one call after another."""
    for seq in range(3, 300):
        full.send("Foo.Sum", field(1, seq) + field(100, b"x" * 1000), seq=seq)
        control(full, CANCEL, seq)
        assert answers(full, 1) == [(seq, 1, 0)]
