"""Streaming calls through a gateway: many messages, back-pressure at every hop, and every way in which a call may end.
The gateway has no declaration of the service: it does not know which methods stream."""
import os
import signal
import struct
import subprocess
import threading

import pytest

from conftest import BUILD, eventually
from gateway import gateway_conf, page, peers, wait_until_idle
from handover import FULL
from hostile import assert_flat, memory
from wire import CALL, CANCEL, CLOSE, CREDIT, DRAIN, MESSAGE, PING, PONG, BinPeer, field, fields

MESSAGES = 1000000 if FULL else 30000  # through one call, each way
WINDOW = 65536
COST = 16  # of a message, beside its body
WAIT = 10  # seconds


class Pair:
    """A gateway and the server behind it, one worker each."""

    def __init__(self, make_server, extended_build, more="", **upstream):
        self.server = make_server(build=extended_build)
        self.server.conf = self.server.conf.replace("workers = 2;", "workers = 1;")
        self.server.start()
        self.gateway = make_server()
        self.upstream = {"codec": "bin", "connections": 1, **upstream}
        self.more = more
        self.gateway.conf = self.conf()
        self.gateway.start()

    def conf(self, more=""):
        return gateway_conf([self.server.tcp], services=["Stream", "Arith"], **self.upstream) + self.more + more

    def at_server(self):
        return peers(self.gateway)[self.server.tcp]

    def kept(self):
        """How many calls at the server keep data, and how many have given theirs back."""
        with BinPeer(self.server.tcp, WAIT) as peer:
            kept = fields(peer.call("Stream.Count", b"")[1])
        return kept.get(1, 0), kept.get(2, 0)

    def log_of(self, method):
        """The lines of the gateway's access log about that method: code, server, tries, messages in and out."""
        lines = (self.gateway.root / "logs/access.log").read_text().splitlines()
        lines = [line.split(" ") for line in lines if f" {method} " in line]
        assert all(len(line) == 13 for line in lines), lines
        return [[line[5]] + line[9:] for line in lines]

    def expect_log(self, method, *lines):
        """Code, messages in and out; of calls that their callers gave up there is no server."""
        wanted = [[code, "-" if code == "1" else self.server.tcp, "0" if code == "1" else "1", sent, got]
                  for code, sent, got in lines]
        eventually(
            lambda: self.log_of(method) == wanted, f"{wanted} in the access log, not {self.log_of(method)}", WAIT
        )


@pytest.fixture
def pair(make_server, extended_build):
    return Pair(make_server, extended_build)


@pytest.fixture
def peer(pair):
    with BinPeer(pair.gateway.tcp, WAIT) as peer:
        yield peer


def number(value):
    return field(1, value) if value else b""


def range_of(first, last):
    return field(1, first) + field(2, last)


def value_of(frame):
    return fields(frame.body).get(1, 0)


def hold(peer, seq=1):
    """A call that is open until somebody ends it."""
    peer.say(MESSAGE, seq, number(1), method="Stream.Hold")
    frame = peer.hear()
    assert (frame.kind, frame.seq) == (MESSAGE, seq), frame


def ping(peer):
    """All that was said before has been handled at the gateway."""
    peer.say(PING, 99)
    frame = peer.hear()
    assert (frame.kind, frame.seq) == (PONG, 99), frame


def end_of(peer, seq=1):
    while (frame := peer.hear()).kind in (MESSAGE, CREDIT):
        assert frame.seq == seq
    assert frame.seq == seq
    return frame


# ---- many messages ----


class Writer(threading.Thread):
    """Writes the numbers from 1 on, as far as the credit goes."""

    def __init__(self, peer, count):
        super().__init__(daemon=True)
        self.peer, self.count, self.credit = peer, count, WINDOW
        self.changed = threading.Condition()

    def give(self, credit):
        with self.changed:
            self.credit += credit
            self.changed.notify()

    def take(self):
        with self.changed:
            if not self.changed.wait_for(lambda: self.credit > 0, WAIT):
                raise TimeoutError("no credit comes")
            return self.credit

    def run(self):
        header, value = field(2, 1) + field(4, MESSAGE), 2
        while value <= self.count:
            credit, frames = self.take(), []
            given = credit
            while credit > 0 and value <= self.count:
                body = number(value)
                frames.append(struct.pack(">BBII", 0, 0, len(header), len(body)) + header + body)
                credit -= len(body) + COST
                value += 1
            self.give(credit - given)
            self.peer.sock.sendall(b"".join(frames))
        self.peer.say(CLOSE, 1)


def frames_of(peer):
    """Kind, credit and body of each frame, quickly."""
    data, message = b"", field(2, 1) + field(4, MESSAGE)
    while True:
        at = 0
        while len(data) - at >= 10:
            header_length, body_length = struct.unpack_from(">II", data, at + 2)
            end = at + 10 + header_length + body_length
            if end > len(data):
                break
            header, body = data[at + 10:at + 10 + header_length], data[end - body_length:end]
            if header == message:
                yield MESSAGE, 0, body
            else:
                read = fields(header)
                yield read.get(4, 0), read.get(8, 0), body
            at = end
        more = peer.sock.recv(1 << 16)
        assert more, "the gateway closed the connection"
        data = data[at:] + more


def test_many_messages_each_way(pair, peer):
    """Every message once, in order; the memory of the gateway stays level."""
    writer = Writer(peer, MESSAGES)
    peer.say(MESSAGE, 1, number(1), method="Stream.Double")
    writer.give(-len(number(1)) - COST)
    writer.start()
    expected, taken, early = 1, 0, 0
    for kind, credit, body in frames_of(peer):
        if kind == CREDIT:
            writer.give(credit)
            continue
        if kind != MESSAGE:
            break
        assert body == number(2 * expected), f"at {expected}"
        expected += 1
        taken += len(body) + COST
        if taken > WINDOW // 2:
            peer.say(CREDIT, 1, credit=taken)
            taken = 0
        if expected == MESSAGES // 4:
            early = memory(pair.gateway)
    assert (kind, expected) == (CLOSE, MESSAGES + 1)
    assert_flat(pair.gateway, early, growth=2 << 20)
    pair.expect_log("Stream.Double", ("0", str(MESSAGES), str(MESSAGES)))
    wait_until_idle(pair.gateway)


def test_a_reader_that_stops_holds_the_server_and_nobody_else(pair, peer):
    """No more is on the way than the windows of both hops; other calls of the same connections go on."""
    before = memory(pair.gateway)
    for seq in range(1, 11):
        peer.say(MESSAGE, seq, range_of(1, 1 << 40), method="Stream.List")
    for turn in range(200):
        peer.send("Arith.Multiply", range_of(turn, 8), seq=1000 + turn)
    unary, streamed = 0, {seq: 0 for seq in range(1, 11)}
    while unary < 200:
        frame = peer.hear()
        if frame.kind == CALL:
            unary += 1
        elif frame.kind == MESSAGE:
            streamed[frame.seq] += len(frame.body) + COST
    assert all(count <= WINDOW + COST + 10 for count in streamed.values())
    assert_flat(pair.gateway, before, growth=10 * 4 * WINDOW + (1 << 20))
    for seq in range(1, 11):
        peer.say(CANCEL, seq)
    wait_until_idle(pair.gateway)
    eventually(lambda: pair.kept() == (0, 10), "no call is left at the server", WAIT)


# ---- how it ends ----


@pytest.mark.parametrize("how", ["text", "file", "stdin"])
def test_geectl_streams_through_a_gateway_that_does_not_know_who_streams(pair, tmp_path, how):
    (tmp_path / "values").write_text("1 2\n3")
    argument = {"text": "1 2 3", "file": f"@{tmp_path}/values", "stdin": "-"}[how]
    done = subprocess.run([str(BUILD / "geectl"), "call", pair.gateway.tcp, "Stream.Double", argument], text=True,
                          input="1 2 3", stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=WAIT, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "2\n4\n6\n", "")


def test_messages_wait_until_the_call_stands_at_the_server(pair, peer):
    """The call began without a message, and its server does not answer yet."""
    (worker,) = pair.server.worker_pids()
    os.kill(worker, signal.SIGSTOP)
    peer.say(CREDIT, 1, method="Stream.Double")
    ping(peer)
    for value in (1, 2, 3):
        peer.say(MESSAGE, 1, number(value))
    peer.say(CLOSE, 1)
    ping(peer)
    os.kill(worker, signal.SIGCONT)
    said = [peer.hear() for _ in range(4)]
    assert [(frame.kind, frame.body) for frame in said] == [
        (MESSAGE, number(2)), (MESSAGE, number(4)), (MESSAGE, number(6)), (CLOSE, b"")
    ]


def test_details_and_metadata_come_back(pair, peer):
    failure = field(1, 3) + field(2, 9) + field(3, "no") + field(4, b"\0\xff\n")
    peer.say(MESSAGE, 1, failure, method="Stream.Fail")
    end = end_of(peer)
    assert (end.kind, end.code, end.error, end.details) == (CALL, 9, b"no", b"\0\xff\n")
    assert end.trailing == [("reason", b"asked for")]
    peer.say(CALL, 2, failure, method="Stream.FailUnary")
    reply = peer.hear()
    assert (reply.code, reply.details, reply.trailing) == (9, b"\0\xff\n", [("reason", b"asked for")])
    peer.say(CALL, 3, field(1, "k"), method="Stream.MetadataUnary")
    reply = peer.hear()
    assert reply.metadata[:2] == [("color", b"red"), ("color", b"green")]
    assert reply.trailing[:2] == [("cost", b"1"), ("cost", b"2")]
    pair.expect_log("Stream.Fail", ("9", "1", "3"))
    pair.expect_log("Stream.FailUnary", ("9", "1", "0"))


def test_a_server_that_is_killed(pair, peer):
    """The call ends once, with code 14; its worker is replaced, and the next call is answered."""
    for seq in range(1, 6):
        hold(peer, seq)
    pair.server.allow(r"worker 0 .*killed by signal 9")
    os.kill(pair.server.worker_pids()[0], signal.SIGKILL)
    ends = [peer.hear() for _ in range(5)]
    assert sorted(end.seq for end in ends) == [1, 2, 3, 4, 5]
    assert all((end.kind, end.code) == (CALL, 14) and b"upstream back" in end.error for end in ends), ends
    wait_until_idle(pair.gateway)
    eventually(lambda: pair.server.worker_pids(), "a new worker", WAIT)

    def goes_on():
        peer.say(MESSAGE, 7, number(4), method="Stream.Double")
        return peer.hear().kind == MESSAGE

    eventually(goes_on, "a call that is answered", WAIT)


def test_a_gateway_that_is_killed(pair):
    with BinPeer(pair.gateway.tcp, WAIT) as peer:
        hold(peer)
        peer.say(MESSAGE, 2, range_of(1, 1 << 40), method="Stream.List")
        eventually(lambda: pair.kept()[0] == 2, "both calls at the server", WAIT)
        pair.gateway.allow(r"worker 0 .*killed by signal 9")
        os.kill(pair.gateway.worker_pids()[0], signal.SIGKILL)
        with pytest.raises((EOFError, ConnectionError)):
            while True:
                peer.hear()
    eventually(lambda: pair.kept() == (0, 2), "no call is left at the server", WAIT)


@pytest.mark.parametrize("credit", [0, 1 << 30])
def test_a_caller_that_goes_away(pair, credit):
    """Also when the server has nothing more to say, as there is no credit."""
    with BinPeer(pair.gateway.tcp, WAIT) as peer:
        hold(peer)
        peer.say(MESSAGE, 2, range_of(1, 1 << 40), method="Stream.List")
        eventually(lambda: pair.at_server()["in_flight"] == 2, "the calls at the server", WAIT)
        peer.say(CREDIT, 2, credit=credit)
    wait_until_idle(pair.gateway)
    eventually(lambda: pair.kept() == (0, 2), "no call is left at the server", WAIT)


def test_a_cancel_and_a_deadline(pair, peer):
    hold(peer)
    peer.say(CANCEL, 1)
    end = end_of(peer)
    assert (end.kind, end.code) == (CALL, 1)
    peer.say(MESSAGE, 2, number(1), method="Stream.Hold", timeout_us=100000)
    end = end_of(peer, 2)
    assert (end.kind, end.code) == (CALL, 4) and b"within 100ms" in end.error
    eventually(lambda: pair.kept() == (0, 2), "no call is left at the server", WAIT)
    pair.expect_log("Stream.Hold", ("1", "1", "1"), ("4", "1", "1"))
    wait_until_idle(pair.gateway)


def test_a_reload_leaves_open_calls(make_server, extended_build):
    """They go on where they are; calls on other connections go on, too, and new ones are served by the new worker."""
    pair = Pair(make_server, extended_build)
    with BinPeer(pair.gateway.tcp, WAIT) as peer, BinPeer(pair.gateway.tcp, WAIT) as other:
        peer.say(MESSAGE, 1, number(1), method="Stream.Double")
        assert value_of(peer.hear()) == 2
        assert other.call("Arith.Multiply", range_of(7, 8))[1] == number(56)
        pair.gateway.reload(pair.conf())
        for value in range(2, 200):
            peer.say(MESSAGE, 1, number(value))
            assert value_of(peer.hear()) == 2 * value
            assert other.call("Arith.Multiply", range_of(value, 8), seq=value)[1] == number(8 * value)
        peer.say(CLOSE, 1)
        assert end_of(peer).kind == CLOSE
    eventually(lambda: len(pair.gateway.worker_pids()) == 1, "the old worker has left", WAIT)


def test_an_old_worker_ends_open_calls_in_the_end(make_server, extended_build):
    pair = Pair(make_server, extended_build, more='shutdown_timeout = "1s";')
    with BinPeer(pair.gateway.tcp, WAIT) as peer:
        hold(peer)
        pair.gateway.reload(pair.conf())
        with pytest.raises((EOFError, ConnectionError)):
            while True:
                peer.hear()
    eventually(lambda: pair.kept() == (0, 1), "no call is left at the server", WAIT)


def message_of(peer):
    """The next message; credit may come before it."""
    while (frame := peer.hear()).kind == CREDIT:
        pass
    assert frame.kind == MESSAGE
    return frame


def test_an_open_call_goes_on_when_the_old_worker_hurries(make_server, extended_build):
    """In the second half of shutdown_timeout the old worker says that it takes no further calls; open calls go on."""
    pair = Pair(make_server, extended_build, more='shutdown_timeout = "5s";')
    with BinPeer(pair.gateway.tcp, WAIT) as peer:
        peer.say(MESSAGE, 1, number(1), method="Stream.Double")
        assert value_of(peer.hear()) == 2
        pair.gateway.reload(pair.conf())
        kind = None
        while kind != DRAIN:
            peer.say(MESSAGE, 1, number(1))
            peer.say(CREDIT, 1, credit=COST + len(number(2)))
            while (kind := peer.hear().kind) not in (MESSAGE, DRAIN):
                pass
        message_of(peer)  # the answer to the last one
        for value in range(1, 100):
            peer.say(MESSAGE, 1, number(value))
            assert value_of(message_of(peer)) == 2 * value
        peer.say(CLOSE, 1)
        assert end_of(peer).kind == CLOSE
    eventually(lambda: len(pair.gateway.worker_pids()) == 1, "the old worker has left", WAIT)


# ---- limits ----


def test_streams_at_a_server_are_limited_beside_unary_calls(make_server, extended_build):
    pair = Pair(make_server, extended_build, streams=2, in_flight=1)
    with BinPeer(pair.gateway.tcp, WAIT) as peer:
        hold(peer, 1)
        hold(peer, 2)
        peer.say(MESSAGE, 3, number(1), method="Stream.Hold")
        end = peer.hear()
        assert (end.kind, end.seq, end.code) == (CALL, 3, 8)
        assert b"upstream back: 2 streaming calls are open at each server (streams)" in end.error
        assert peer.call("Arith.Multiply", range_of(7, 8), seq=4)[1] == number(56)
        assert pair.at_server()["in_flight"] == 2
        peer.say(CANCEL, 1)
        assert peer.hear().code == 1
        hold(peer, 5)


def test_calls_in_flight_are_limited_and_counted(make_server, extended_build):
    pair = Pair(make_server, extended_build, more="limits = { in_flight = 2; };")
    with BinPeer(pair.gateway.tcp, WAIT) as peer:
        hold(peer, 1)
        hold(peer, 2)
        peer.say(MESSAGE, 3, number(1), method="Stream.Hold")
        end = peer.hear()
        assert (end.kind, end.seq, end.code) == (CALL, 3, 8) and b"limits.in_flight = 2" in end.error
        shown = page(pair.gateway)
        assert (shown["in_flight"], shown["errors"]) == (2, 1)
        for seq in (1, 2):
            peer.say(CLOSE, seq)
        peer.call("Stream.Release", b"", seq=9)
    wait_until_idle(pair.gateway)


def test_a_wire_without_streaming_calls(make_server, extended_build):
    pair = Pair(make_server, extended_build, protocol="jsonrpc", codec="json")
    with BinPeer(pair.gateway.tcp, WAIT) as peer:
        peer.say(MESSAGE, 1, b'"a"', method="Stream.Echo", codec=1)
        end = peer.hear()
        assert (end.kind, end.seq, end.code) == (CALL, 1, 12) and b"no streaming calls" in end.error
        wait_until_idle(pair.gateway)
