"""Streaming calls as docs/protocol.md has them, spoken by hand: frames out, frames in, and what must not be."""
import json
import socket
import struct

import pytest

from conftest import eventually
from wire import CALL, CANCEL, CLOSE, CREDIT, MESSAGE, PING, PONG, BinPeer, JsonPeer, field, fields, signed

WINDOW = 65536  # initial credit each way
COST = 16  # of a message, beside its body
WAIT = 10  # seconds
BYTES = b"\0\xff\n"
METADATA = [("color", b"red"), ("color", b"green"), ("trace-bin", BYTES)]
TRAILING = [("cost", b"1"), ("cost", b"2"), ("digest-bin", BYTES)]


@pytest.fixture
def streams(make_server, extended_build):
    server = make_server(build=extended_build)
    server.conf = server.conf.replace("workers = 2;", "workers = 1;")
    server.start()
    return server


@pytest.fixture
def peer(streams):
    with BinPeer(streams.tcp, WAIT) as peer:
        yield peer


def number(value):
    return field(1, value) if value else b""


def value_of(frame):
    return signed(fields(frame.body).get(1, 0))


def still_works(peer):
    """The connection goes on, and nothing else was said."""
    peer.say(PING, 999)
    pong = peer.hear()
    assert (pong.kind, pong.seq) == (PONG, 999), pong


def range_of(first, last):
    return field(1, first) + field(2, last)


# ---- the four kinds of calls ----


def test_a_server_says_in_its_pongs_that_it_has_streams(peer):
    peer.say(PING, 7)
    pong = peer.hear()
    assert (pong.kind, pong.seq, pong.credit) == (PONG, 7, WINDOW)


@pytest.mark.parametrize("method", ["Stream.List", "Stream.ListBlocking"])
def test_server_streaming(peer, method):
    peer.say(MESSAGE, 1, range_of(-3, 300), method=method)
    peer.say(CLOSE, 1)
    for expected in range(-3, 301):
        frame = peer.hear()
        assert (frame.kind, frame.seq, frame.method) == (MESSAGE, 1, b"")
        assert value_of(frame) == expected
    end = peer.hear()
    assert (end.kind, end.seq, end.code, end.body) == (CLOSE, 1, 0, b"")
    still_works(peer)


@pytest.mark.parametrize("method", ["Stream.Sum", "Stream.SumBlocking"])
def test_client_streaming(peer, method):
    peer.say(CREDIT, 1, method=method)  # begins without a message
    for value in range(100):
        peer.say(MESSAGE, 1, number(value))
    peer.say(CLOSE, 1)
    end = peer.hear()
    assert (end.kind, end.seq, end.error) == (CALL, 1, b"")
    assert value_of(end) == 4950
    still_works(peer)


def test_client_streaming_without_a_message(peer):
    peer.say(CLOSE, 1, method="Stream.Sum")
    end = peer.hear()
    assert (end.kind, end.seq, end.error, value_of(end)) == (CALL, 1, b"", 0)


@pytest.mark.parametrize("method", ["Stream.Double", "Stream.DoubleBlocking"])
def test_bidirectional(peer, method):
    peer.say(MESSAGE, 1, number(1), method=method)
    for value in range(2, 100):
        frame = peer.hear()  # answered before the next is asked
        assert (frame.kind, frame.seq, value_of(frame)) == (MESSAGE, 1, 2 * value - 2)
        peer.say(MESSAGE, 1, number(value))
    peer.say(CLOSE, 1)
    assert value_of(peer.hear()) == 198
    assert peer.hear().kind == CLOSE
    still_works(peer)


def test_in_json(peer):
    peer.say(MESSAGE, 1, b'"a"', method="Stream.Echo", codec=1)
    peer.say(MESSAGE, 1, json.dumps("b" * 1000).encode(), codec=1)
    peer.say(CLOSE, 1, codec=1)
    frames = [peer.hear() for _ in range(3)]
    assert [(frame.kind, frame.codec) for frame in frames] == [(MESSAGE, 1), (MESSAGE, 1), (CLOSE, 1)]
    assert [json.loads(frame.body) for frame in frames[:2]] == ["a", "b" * 1000]


def test_all_messages_of_a_call_have_one_codec(peer):
    for method in ("Stream.Double", "Stream.Hold"):  # heard at once; waits until the handler goes on
        peer.say(MESSAGE, 1, number(1), method=method)
        assert peer.hear().kind == MESSAGE
        peer.say(MESSAGE, 1, b"5", codec=1)
        end = peer.hear()
        assert (end.kind, end.code) == (CALL, 3) and b"in json of a call that began in bin" in end.error
        still_works(peer)


def test_a_unary_method_called_in_parts(peer):
    peer.say(CREDIT, 1, method="Arith.Multiply")
    peer.say(MESSAGE, 1, range_of(7, 8))
    peer.say(CLOSE, 1)
    end = peer.hear()
    assert (end.kind, end.seq, value_of(end)) == (CALL, 1, 56)


def test_a_streaming_method_is_not_called_by_one_frame(peer):
    header, body = peer.call("Stream.List", range_of(1, 2), seq=4)
    assert header[7] == 12 and b"is a streaming method" in header[3] and body == b""
    still_works(peer)


def test_many_at_once_and_unary_calls_between(peer):
    seqs = range(1, 51)
    for seq in seqs:
        peer.say(CREDIT, seq, method="Stream.Double")
    for turn in range(5):
        for seq in seqs:
            peer.say(MESSAGE, seq, number(100 * seq + turn))
        peer.send("Arith.Multiply", range_of(turn, 8), seq=1000 + turn)
    for seq in seqs:
        peer.say(CLOSE, seq)
    heard, unary = {seq: [] for seq in seqs}, []
    while len(unary) < 5 or any(values[-1:] != ["end"] for values in heard.values()):
        frame = peer.hear()
        if frame.kind == CALL:
            unary.append((frame.seq, value_of(frame)))
        else:
            heard[frame.seq].append("end" if frame.kind == CLOSE else value_of(frame))
    assert unary == [(1000 + turn, 8 * turn) for turn in range(5)]
    for seq in seqs:
        assert heard[seq] == [2 * (100 * seq + turn) for turn in range(5)] + ["end"]


def test_bytes_one_by_one(streams):
    with BinPeer(streams.tcp, WAIT) as peer:
        class Slow:
            def __init__(self, sock):
                self.sock = sock

            def sendall(self, data):
                for byte in data:
                    self.sock.sendall(bytes([byte]))

            def __getattr__(self, name):
                return getattr(self.sock, name)

        peer.sock = Slow(peer.sock)
        peer.say(MESSAGE, 1, number(5), method="Stream.Double", metadata=[("k", b"v")])
        peer.say(MESSAGE, 1, number(6))
        peer.say(CLOSE, 1)
        assert [value_of(peer.hear()) for _ in range(2)] == [10, 12]
        assert peer.hear().kind == CLOSE


# ---- credit ----


def messages_until_ping(peer, seq=77):
    """What comes before the answer to a ping: the server has said all that it may."""
    peer.say(PING, seq)
    frames = []
    while (frame := peer.hear()).kind != PONG:
        frames.append(frame)
    return frames


def test_a_server_sends_no_further_than_its_credit(peer):
    """And goes on with each credit, as far as that goes."""
    peer.say(MESSAGE, 1, range_of(1, 20000), method="Stream.List")
    peer.say(CLOSE, 1)
    expected, credit = 1, WINDOW
    for given in (0, 1, 1000, 20):
        if given:
            peer.say(CREDIT, 1, credit=given)
            credit += given
        for frame in messages_until_ping(peer):
            assert frame.kind == MESSAGE and value_of(frame) == expected
            assert credit > 0, "a message without credit"
            expected += 1
            credit -= len(frame.body) + COST
        assert credit <= 0, "credit was left, and nothing came"
    peer.say(CREDIT, 1, credit=1 << 30)
    while (frame := peer.hear()).kind == MESSAGE:
        assert value_of(frame) == expected
        expected += 1
    assert frame.kind == CLOSE and expected == 20001


def test_one_whole_message_may_go_with_any_credit(peer):
    """The credit is below 0 then. A bidirectional handler whose message has to wait hears no further one."""
    body = field(1, "x" * (3 * WINDOW))
    peer.say(MESSAGE, 1, body, method="Stream.Echo")
    assert peer.hear().body == body
    peer.say(CREDIT, 1, credit=2 * WINDOW)
    assert messages_until_ping(peer) == []
    peer.say(CREDIT, 1, credit=WINDOW)
    taken = peer.hear()
    assert (taken.kind, taken.credit) == (CREDIT, len(body) + COST)
    peer.say(MESSAGE, 1, field(1, "next"))
    assert fields(peer.hear().body)[1] == b"next"


def test_a_server_gives_back_what_was_taken(peer):
    """A hundred windows of messages, and never one without credit."""
    body, total, credit, count, back = field(1, 1) + field(9, b"x" * 1000), 0, WINDOW, 0, 0
    peer.say(CREDIT, 1, method="Stream.Sum")
    while total < 100 * WINDOW:
        while credit <= 0:
            frame = peer.hear()
            assert (frame.kind, frame.seq) == (CREDIT, 1)
            credit += frame.credit
            back += frame.credit
        peer.say(MESSAGE, 1, body)
        count += 1
        credit -= len(body) + COST
        total += len(body) + COST
    peer.say(CLOSE, 1)
    while (frame := peer.hear()).kind == CREDIT:
        back += frame.credit
    assert frame.kind == CALL and value_of(frame) == count
    assert total - WINDOW <= back <= total


def test_a_message_without_credit_ends_its_call_alone(peer):
    """A call whose handler hears nothing gives nothing back."""
    peer.say(MESSAGE, 1, number(1), method="Stream.Hold")
    peer.say(MESSAGE, 2, number(1), method="Stream.Hold")
    assert [value_of(peer.hear()) for _ in range(2)] == [1, 1]
    body = field(1, 1) + field(9, b"x" * (WINDOW // 2))
    for _ in range(2):
        peer.say(MESSAGE, 1, body)
    assert messages_until_ping(peer) == []
    peer.say(MESSAGE, 1, body)
    end = peer.hear()
    assert (end.kind, end.seq, end.code) == (CALL, 1, 8) and b"beyond the credit" in end.error, end
    peer.say(MESSAGE, 1, body)  # was under way
    peer.say(CREDIT, 1, credit=5)
    peer.say(CLOSE, 1)
    peer.say(CANCEL, 1)
    still_works(peer)
    peer.say(CANCEL, 2)
    assert (end := peer.hear()).seq == 2 and end.code == 1


@pytest.mark.parametrize("credit", [1 << 41, (1 << 64) - 1])
def test_more_credit_than_anybody_has_ends_its_call_alone(peer, credit):
    peer.say(CREDIT, 1, method="Stream.Echo")
    peer.say(CREDIT, 1, credit=credit)
    end = peer.hear()
    assert (end.kind, end.seq, end.code) == (CALL, 1, 3) and b"credit" in end.error
    still_works(peer)


def test_credit_does_not_wrap_when_given_again_and_again(peer):
    peer.say(CREDIT, 1, method="Stream.Echo")
    for _ in range(5):
        peer.say(CREDIT, 1, credit=1 << 40)
    end = peer.hear()
    assert (end.kind, end.seq, end.code) == (CALL, 1, 3)
    still_works(peer)


# ---- metadata, details ----


def test_metadata_of_the_call_and_of_the_answer(peer):
    """The first value of a key is what a handler asks for."""
    metadata = [("user", b"ann"), ("user", b"bob"), ("t-bin", BYTES)]
    peer.say(MESSAGE, 1, field(1, "user"), method="Stream.Metadata", metadata=metadata)
    peer.say(CLOSE, 1)
    first = peer.hear()
    assert (first.kind, first.credit, first.metadata, first.trailing) == (CREDIT, 0, METADATA, [])
    message = peer.hear()
    assert (message.kind, message.metadata, fields(message.body)) == (MESSAGE, [], {1: b"ann"})
    end = peer.hear()
    assert (end.kind, end.code, end.metadata, end.trailing) == (CLOSE, 0, [], TRAILING)


def test_metadata_of_a_unary_call(peer):
    peer.say(CALL, 1, field(1, "user"), method="Stream.MetadataUnary", metadata=[("user", b"\xffann")])
    reply = peer.hear()
    assert (reply.kind, reply.code, reply.method) == (CALL, 0, b"Stream.MetadataUnary")
    assert fields(reply.body)[1].decode() == "\ufffdann"  # what is not UTF-8 is repaired
    assert (reply.metadata, reply.trailing) == (METADATA, TRAILING)


def test_metadata_in_bare_json(streams):
    base64 = "AP8K"
    with JsonPeer(streams.tcp, timeout=WAIT) as peer:
        header, body = peer.call("Stream.MetadataUnary", "t", seq=5, Metadata={"t": "a, b", "t-bin": base64})
        assert body == "a, b"
        assert header["Metadata"] == {"color": "red, green", "trace-bin": base64}
        assert header["Trailing"] == {"cost": "1, 2", "digest-bin": base64}
        header, body = peer.call("Stream.MetadataUnary", "t", seq=6, Metadata={"t-bin": "?"})
        assert (header["Code"], header["Error"]) == (
            3, "rpc server: Stream.MetadataUnary: metadata: the value of t-bin is not base64")
        header, body = peer.call("Stream.FailUnary", {"Code": 9, "Text": "no", "Details": base64}, seq=7)
        assert (header["Code"], header["Error"], header["Details"], body) == (9, "no", base64, {})
        assert header["Trailing"] == {"reason": "asked for"}
        header, body = peer.call("Arith.Multiply", {"A": 7, "B": 8}, seq=8)
        assert header == {"ServiceMethod": "Arith.Multiply", "Seq": 8, "Error": ""} and body == 56


def test_an_error_behind_messages_has_details(peer):
    failure = field(1, 3) + field(2, 9) + field(3, "no") + field(4, BYTES)
    peer.say(MESSAGE, 1, failure, method="Stream.Fail")
    assert [value_of(peer.hear()) for _ in range(3)] == [1, 2, 3]
    end = peer.hear()
    assert (end.kind, end.seq, end.code, end.error, end.body) == (CALL, 1, 9, b"no", b"")
    assert (end.details, end.trailing) == (BYTES, [("reason", b"asked for")])
    still_works(peer)


# ---- the end ----


def test_a_cancel_ends_the_call_it_names(peer):
    for seq in (1, 2):
        peer.say(MESSAGE, seq, field(1, 1 << 20) + field(2, 1 << 40), method="Stream.List")
    messages_until_ping(peer)  # both wait for credit
    peer.say(CANCEL, 1)
    end = peer.hear()
    assert (end.kind, end.seq, end.code) == (CALL, 1, 1)
    peer.say(CREDIT, 2, credit=100)
    assert (frame := peer.hear()).kind == MESSAGE and frame.seq == 2
    peer.say(CANCEL, 2)
    while (end := peer.hear()).kind == MESSAGE:
        pass
    assert (end.kind, end.seq, end.code) == (CALL, 2, 1)
    peer.say(CANCEL, 2)  # twice
    still_works(peer)


def test_a_call_takes_no_longer_than_its_time(peer):
    peer.say(CREDIT, 1, method="Stream.Echo", timeout_us=50000)
    end = peer.hear()
    assert (end.kind, end.seq, end.code) == (CALL, 1, 4)
    still_works(peer)


def test_behind_the_half_close_comes_nothing(peer):
    for kind, text in ((MESSAGE, b"half-close"), (CLOSE, b"half-close")):
        peer.say(MESSAGE, 1, number(1), method="Stream.Hold")
        assert value_of(peer.hear()) == 1
        peer.say(CLOSE, 1)
        peer.say(kind, 1)
        end = peer.hear()
        assert (end.kind, end.seq, end.code) == (CALL, 1, 3) and text in end.error
        still_works(peer)


def test_a_second_call_with_the_number_of_an_open_one(peer):
    """Nobody could tell their frames apart: the call ends, and no other begins."""
    peer.say(CREDIT, 1, method="Stream.Echo")
    peer.say(MESSAGE, 1, field(1, "x"), method="Stream.Echo")
    end = peer.hear()
    assert (end.kind, end.seq, end.code) == (CALL, 1, 3) and b"the number of an open one" in end.error
    still_works(peer)
    peer.say(MESSAGE, 1, field(1, "y"), method="Stream.Echo")  # the number is free again
    assert fields(peer.hear().body)[1] == b"y"


def test_a_method_that_is_not_there(peer):
    peer.say(MESSAGE, 1, field(1, "x"), method="Stream.Nothing")
    end = peer.hear()
    assert (end.kind, end.seq, end.code, end.error) == (CALL, 1, 12, b"rpc server: can't find method Nothing")
    peer.say(MESSAGE, 1, field(1, "x"))
    peer.say(CLOSE, 1)
    still_works(peer)


def test_a_message_that_cannot_be_read_ends_its_call_alone(peer):
    peer.say(CREDIT, 1, method="Stream.Echo")
    peer.say(MESSAGE, 1, field(1, b"\xff"))
    end = peer.hear()
    assert (end.kind, end.seq, end.code) == (CALL, 1, 3) and b"Stream.Echo" in end.error
    still_works(peer)


def test_a_message_over_the_limit_ends_its_call_alone(peer):
    """The rest of it is skipped."""
    too_long = 5 << 20
    header = field(2, 1) + field(4, MESSAGE)
    peer.say(CREDIT, 1, method="Stream.Echo")
    peer.sock.sendall(struct.pack(">BBII", 0, 0, len(header), too_long) + header)
    end = peer.hear()  # as soon as the header is there
    assert (end.kind, end.seq, end.code) == (CALL, 1, 8) and b"limits.message" in end.error
    peer.sock.sendall(bytes(too_long))
    still_works(peer)


def test_messages_and_credit_of_no_call_are_dropped(peer):
    for kind in (MESSAGE, CLOSE, CREDIT, CANCEL):
        peer.say(kind, 4711, credit=1 << 62)
    still_works(peer)


def test_an_unknown_kind_ends_the_connection(streams, peer):
    peer.say(8, 1)
    with pytest.raises(EOFError):
        peer.hear()
    streams.wait_for_log(r"frame of unknown kind 8: connection closed")


def test_a_connection_that_breaks_ends_its_calls(streams):
    """And handlers give back what they keep for each."""
    with BinPeer(streams.tcp, WAIT) as other:

        def counts():
            kept = fields(other.call("Stream.Count", b"")[1])
            return kept.get(1, 0), kept.get(2, 0)

        with BinPeer(streams.tcp, WAIT) as peer:
            for seq in range(1, 21):
                peer.say(MESSAGE, seq, number(1), method="Stream.Hold")
            assert [peer.hear().seq for _ in range(20)] == list(range(1, 21))
            assert counts() == (20, 0)
            peer.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # a reset
        eventually(lambda: counts() == (0, 20), "the end of all calls", WAIT)
