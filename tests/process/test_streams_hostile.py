"""Streaming calls and held calls against peers that do what docs/protocol.md lets them do, and what it forbids."""
import pytest

from conftest import CONF, eventually
from wire import CALL, CANCEL, CLOSE, CREDIT, MESSAGE, PING, PONG, BinPeer, field, fields, signed

WAIT = 10  # seconds
LONG = field(1, 60) + field(2, 1)  # Foo.Sleep: 60 s, longer than any test


def number(value):
    return field(1, value)


def value_of(frame):
    return signed(fields(frame.body).get(1, 0))


@pytest.fixture
def make_full(make_server, extended_build):
    """make_full("setting = ...;"): a server for one call a connection, and a peer that has call 1 in flight."""
    peers = []

    def make(limits=""):
        server = make_server(build=extended_build)
        server.conf = CONF.replace("workers = 2;", "workers = 1;") + "limits = { calls = 1; %s };" % limits
        server.start()
        peers.append(BinPeer(server.tcp, WAIT))
        peers[0].send("Foo.Sleep", LONG, seq=1)
        return server, peers[0]

    yield make
    for peer in peers:
        peer.sock.close()


def reach(peer):
    """The server has seen all that was sent."""
    peer.say(PING, 99)
    pong = peer.hear()
    assert (pong.kind, pong.seq) == (PONG, 99), pong


def end_of(peer, seq):
    peer.say(CANCEL, seq)
    frame = peer.hear()
    assert (frame.kind, frame.seq, frame.code) == (CALL, seq, 1), frame


def test_messages_of_a_held_call_keep_their_order(make_full):
    """A message came while the call was held, a later one when the call had begun."""
    _, peer = make_full()
    peer.say(CREDIT, 5, method="Stream.Double")
    peer.send("Foo.Sleep", LONG, seq=2)
    peer.say(MESSAGE, 5, number(1))
    reach(peer)
    end_of(peer, 1)  # now call 5 has begun, and its first message is behind call 2
    peer.say(MESSAGE, 5, number(2))
    peer.say(CLOSE, 5)
    reach(peer)
    end_of(peer, 2)
    frames = [peer.hear() for _ in range(3)]
    assert [(frame.kind, frame.seq) for frame in frames] == [(MESSAGE, 5), (MESSAGE, 5), (CLOSE, 5)]
    assert [value_of(frame) for frame in frames[:2]] == [2, 4]


@pytest.mark.parametrize("kind", [MESSAGE, CLOSE, CREDIT])
def test_a_frame_over_the_limit_ends_its_held_call(make_full, kind):
    """Most of the bytes have not come when the server sees how long the frame is."""
    _, peer = make_full('message = "64k";')
    peer.say(CREDIT, 5, method="Stream.Double")
    peer.say(MESSAGE, 5, number(1))
    peer.say(kind, 5, b"x" * 5_000_000)
    end = peer.hear()
    assert (end.kind, end.seq, end.code) == (CALL, 5, 8) and b"limits.message" in end.error
    reach(peer)
    end_of(peer, 1)
    reach(peer)  # and nothing else was said of call 5


def test_credit_for_a_held_call_is_not_lost(make_full):
    _, peer = make_full()
    count = 6000  # messages: more than the credit with which a call begins lets go
    peer.say(MESSAGE, 5, field(1, 1) + field(2, count), method="Stream.List")
    peer.say(CREDIT, 5, credit=1 << 20)
    reach(peer)
    end_of(peer, 1)
    for expected in range(1, count + 1):
        assert value_of(peer.hear()) == expected
    assert peer.hear().kind == CLOSE


def test_held_calls_go_on_when_the_peer_reads_again(make_full):
    """An answer fills the connection, so that the calls behind it wait for the peer to read."""
    server, peer = make_full('output = "4k";')
    count, value = 12, "k" * 300_000
    for seq in range(2, 2 + count):
        peer.say(CALL, seq, field(1, "key"), method="Stream.MetadataUnary", metadata=[("key", value)])
    peer.say(CANCEL, 1)
    eventually(lambda: "in flight 0" in server.status(), "the end of call 1")
    assert [peer.hear().seq for _ in range(1 + count)] == list(range(1, 2 + count))


@pytest.mark.parametrize("first", [None, field(1, 2) + field(2, 3)])
def test_a_unary_call_in_parts_ends_in_time_without_its_half_close(make_full, first):
    _, peer = make_full("streams = 1;")
    end_of(peer, 1)
    peer.say(CREDIT, 2, method="Arith.Multiply", timeout_us=20_000)
    if first:
        peer.say(MESSAGE, 2, first)
    end = peer.hear()
    assert (end.kind, end.seq, end.code) == (CALL, 2, 4), end
    reach(peer)


def test_open_calls_do_not_take_all_of_limits_input(make_full):
    """The connection would not be read any more, so that the calls could not end."""
    _, peer = make_full('input = "64k";')
    end_of(peer, 1)
    for seq in range(2, 7):
        peer.say(CREDIT, seq, method="Stream.Double", metadata=[("key", "v" * 20_000)])
    refused = [peer.hear() for _ in range(2)]
    assert [(frame.kind, frame.seq, frame.code) for frame in refused] == [(CALL, 5, 8), (CALL, 6, 8)]
    assert all(b"limits.input" in frame.error for frame in refused)
    for seq in range(2, 5):
        peer.say(CLOSE, seq)
        assert peer.hear().kind == CLOSE
    reach(peer)


def test_a_late_cancel_beside_many_streaming_calls(make_full):
    """With many calls the server looks for a number in a map, in which a streaming call has no place."""
    _, peer = make_full()
    seqs = range(10, 110)
    for seq in seqs:
        peer.say(CREDIT, seq, method="Stream.Double")
    end_of(peer, 1)
    peer.say(CANCEL, 5)  # no call
    peer.send("Foo.Sleep", LONG, seq=2)
    end_of(peer, 2)
    for seq in seqs:
        end_of(peer, seq)
    reach(peer)
