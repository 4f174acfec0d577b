"""Calls over the wire, by hand: what a client in any language meets."""
import socket
import threading
import time

import pytest

from conftest import CONF, ROOT
from wire import OPTION_BIN, OPTION_JSON, OPTION_PROTO, BinPeer, JsonPeer, connect, field, fields, signed

CALL = b'{"ServiceMethod":"Arith.Multiply","Seq":1}{"A":7,"B":8}'
REPLY = b'{"ServiceMethod":"Arith.Multiply","Seq":1,"Error":""}\n56\n'

LARGEST = 9223372036854775807
SMALLEST = -9223372036854775808


def read_exactly(sock, count):
    data = b""
    while len(data) < count:
        more = sock.recv(count - len(data))
        assert more, f"closed after {data!r}"
        data += more
    return data


@pytest.mark.parametrize("scheme", ["tcp", "unix"])
def test_json_by_hand(server, scheme):
    """The bytes of a conversation, in one segment and cut in two at every place."""
    whole = OPTION_JSON + CALL
    for cut in range(0, len(whole), 1 if scheme == "unix" else 7):
        with connect(getattr(server, scheme)) as sock:
            sock.sendall(whole[:cut])
            sock.sendall(whole[cut:])
            assert read_exactly(sock, len(REPLY)) == REPLY


def test_half_closed_client_gets_its_reply(server):
    """As by printf … | nc -N."""
    with connect(server.tcp) as sock:
        sock.sendall(OPTION_JSON + b"\n" + CALL + b"\n")
        sock.shutdown(socket.SHUT_WR)
        assert read_exactly(sock, len(REPLY)) == REPLY
        assert sock.recv(1) == b""


def test_ten_thousand_pipelined(server):
    calls = b"".join(
        b'{"ServiceMethod":"Arith.Multiply","Seq":%d}{"A":%d,"B":3}' % (i, i) for i in range(10000)
    )
    with server.peer() as peer:
        writer = threading.Thread(target=peer.sock.sendall, args=(calls,))
        writer.start()
        replies = [peer.reply() for _ in range(10000)]
        writer.join()
    assert [(header["Seq"], header["Error"], body) for header, body in replies] == [
        (i, "", 3 * i) for i in range(10000)
    ]


def test_calls_on_one_connection_are_concurrent(server):
    with server.peer() as peer:
        began = time.monotonic()
        peer.send("Foo.Sleep", {"Num1": 1, "Num2": 2}, seq=1)
        peer.send("Foo.Sum", {"Num1": 1, "Num2": 2}, seq=2)
        header, body = peer.reply()
        assert (header["Seq"], body) == (2, 3)
        header, body = peer.reply()
        assert (header["Seq"], body) == (1, 3)
        assert time.monotonic() - began >= 1


def test_blocked_pool(stopped):
    """Sleeping calls fill threads and queue: fast calls go on, queued calls time out while they wait, further calls are
    refused."""
    listen = 'listen = ( { address = "tcp@127.0.0.1:0"; } );'
    stopped.conf = "workers = 1; thread_pool = { threads = 4; queue = 96; };" + listen
    stopped.start()
    with stopped.peer() as peer:
        for i in range(100):
            peer.send("Foo.Sleep", {"Num1": 60, "Num2": 0}, seq=i, Timeout=1500000000 if i >= 50 else 0)
        peer.send("Foo.Sum", {"Num1": 20, "Num2": 22}, seq=1000)
        header, body = peer.reply()
        assert (header["Seq"], body) == (1000, 42)
        # Threads take their jobs from the queue a little later.
        refused = 0
        for i in range(2000, 2010):
            peer.send("Foo.Sleep", {"Num1": 60, "Num2": 0}, seq=i)
        while refused < 1:
            header, body = peer.reply()
            assert header["Seq"] >= 2000 and "queue" in header["Error"] and header["Code"] == 8
            refused += 1
        late = set()
        while len(late) < 50:
            header, body = peer.reply()
            if header["Seq"] >= 2000:
                assert "queue" in header["Error"]
                continue
            assert header["Error"] == "rpc server: request handle timeout: expect within 1.5s"
            late.add(header["Seq"])
        assert late == set(range(50, 100))


def test_handle_timeout_of_the_option(server):
    option = b'{"MagicNumber":3927900,"CodecType":"application/json","HandleTimeout":100000000}\n'
    with server.peer(option=option) as peer:
        peer.send("Foo.Sleep", {"Num1": 30, "Num2": 0}, seq=1)
        assert peer.call("Foo.Sum", {"Num1": 1, "Num2": 1}, seq=2)[1] == 2
        header, body = peer.reply()
        assert header["Error"] == "rpc server: request handle timeout: expect within 100ms"
        assert (header["Code"], body) == (4, {})
        assert peer.call("Foo.Sum", {"Num1": 1, "Num2": 1}, seq=3)[1] == 2


ARITHMETIC = [
    ("Arith.Multiply", {"A": 9007199254740993, "B": 1}, 9007199254740993),
    ("Arith.Multiply", {"A": LARGEST, "B": 1}, LARGEST),
    ("Arith.Multiply", {"A": SMALLEST, "B": 1}, SMALLEST),
    ("Arith.Multiply", {}, 0),
    ("Arith.Multiply", {"a": 3, "b": 4, "unknown": [1, {"x": None}]}, 12),
    ("Arith.Divide", {"A": 17, "B": 5}, {"Quo": 3, "Rem": 2}),
    ("Foo.Sum", {"Num1": 1, "Num2": 41}, 42),
]


@pytest.mark.parametrize("method, arguments, wanted", ARITHMETIC)
def test_arithmetic_in_json(server, method, arguments, wanted):
    assert server.call(method, arguments) == ("", wanted)


def test_arithmetic_in_bin(server):
    with BinPeer(server.unix) as peer:
        for a, b in [(9007199254740993, 1), (LARGEST, 1), (SMALLEST, 1), (-7, 8)]:
            header, body = peer.call("Arith.Multiply", field(1, a) + field(2, b), seq=9)
            assert header == {1: b"Arith.Multiply", 2: 9}
            assert signed(fields(body)[1]) == a * b
        header, body = peer.call("Arith.Divide", field(1, 17) + field(2, 5))
        assert fields(body) == {1: 3, 2: 2}
        header, body = peer.call("Arith.Divide", field(1, 17))
        assert (header[3], header[7], body) == (b"divide by zero", 3, b"")
        header, body = peer.call("Arith.Multiply", b'{"A":7,"B":8}', codec=1)
        assert body == b"56"


@pytest.mark.parametrize(
    "method, arguments, wanted",
    [
        ("Arith.Divide", {"A": 1, "B": 0}, "divide by zero"),
        ("Arith.Multiply", {"A": LARGEST, "B": 2}, "overflows int64"),
        ("Arith.Divide", {"A": SMALLEST, "B": -1}, "overflows int64"),
        ("Foo.Sum", {"Num1": LARGEST, "Num2": 1}, "overflows int64"),
        ("Arith.Multiply", {"A": 9223372036854775808}, "A: 9223372036854775808"),
        ("Arith.Multiply", {"A": "x"}, "A: "),
        ("Arith.Multiply", {"A": 1.5}, "A: "),
        ("Nobody.Multiply", {}, "rpc server: can't find service Nobody"),
        ("Arith.Nothing", {}, "rpc server: can't find method Nothing"),
        ("Multiply", {}, "rpc server: service/method request ill-formed: Multiply"),
        ("A.b.c", {}, "rpc server: can't find service A.b"),
    ],
)
def test_error_replies_leave_the_connection_usable(server, method, arguments, wanted):
    with server.peer() as peer:
        header, body = peer.call(method, arguments, seq=18446744073709551615)
        assert wanted in header["Error"]
        assert (header["Seq"], header["ServiceMethod"], body) == (18446744073709551615, method, {})
        assert peer.call("Arith.Multiply", {"A": 7, "B": 8})[1] == 56


def test_describe_tells_the_types(server):
    with server.peer() as peer:
        header, description = peer.call("Gee.Describe", {"Method": "Arith.Divide"})
        assert header["Error"] == ""
        (method,) = description["Methods"]
        assert method["Name"] == "Arith.Divide"
        types = description["Types"]
        argument, reply = types[method["Argument"]], types[method["Reply"]]
        assert [(each["Name"], each["Tag"]) for each in reply["Fields"]] == [("Quo", 1), ("Rem", 2)]
        assert types[argument["Fields"][0]["Type"]]["Kind"] == "int64"
        header, description = peer.call("Gee.Describe", {})
        assert {"Arith.Multiply", "Arith.Divide", "Foo.Sum", "Foo.Sleep"} <= {
            each["Name"] for each in description["Methods"]
        }


def test_bin_ping_and_cancel(server):
    with BinPeer(server.tcp) as peer:
        header, body = peer.call("", b"", seq=77, extra=field(4, 3))
        assert (header[2], header[4], body) == (77, 4, b"")
        peer.send("Foo.Sleep", field(1, 60), seq=5)
        header, body = peer.call("", b"", seq=5, extra=field(4, 1))
        assert (header[2], header[7]) == (5, 1)
        assert b"cancel" in header[3]


def test_many_clients_at_once(server):
    """Both workers, both codecs, answers that belong to their questions."""
    failures = []

    def talk(number):
        try:
            address = server.tcp if number % 2 else server.unix
            with JsonPeer(address) as peer:
                for i in range(200):
                    header, body = peer.call("Arith.Multiply", {"A": number, "B": i}, seq=i)
                    assert (header["Seq"], header["Error"], body) == (i, "", number * i)
        except Exception as failure:  # pylint: disable=broad-except
            failures.append(failure)

    threads = [threading.Thread(target=talk, args=(number,)) for number in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures


def test_examples_are_served_where_they_are_named(make_server, extended_build):
    server = make_server(build=extended_build)
    server.write_conf(CONF)
    server.start()
    assert server.call("Kinds.Text", "a") == ("", "a")
    for method, arguments in (("Arith.Multiply", {"A": 7, "B": 8}), ("Foo.Sum", {"Num1": 1, "Num2": 2})):
        assert server.call(method, arguments)[0].startswith("rpc server: can't find")
    server.write_conf(CONF + 'services = ( { name = "Foo"; } );')
    server.reload()
    assert server.call("Foo.Sum", {"Num1": 1, "Num2": 2}) == ("", 3)
    for method in ("Arith.Multiply", "Kinds.Text"):
        assert server.call(method, {})[0].startswith("rpc server: can't find")


def test_a_server_of_examples_alone_says_that_it_serves_nothing(make_server):
    server = make_server()
    server.write_conf(CONF)
    server.start()
    server.wait_for_log("no service is served")
    server.write_conf(CONF + 'limits = { services = ( { name = "Arith"; rate = 1; } ); };')
    assert 'no service "Arith" is served' in server.run("-t", status=1).stderr
    shipped = (ROOT / "conf/geerpc.conf").read_text()
    server.write_conf(CONF + shipped[shipped.index("services = ("):])
    server.reload()
    assert server.call("Arith.Multiply", {"A": 7, "B": 8}) == ("", 56)
    assert server.call("Foo.Sum", {"Num1": 1, "Num2": 2}) == ("", 3)


@pytest.mark.parametrize("option", [OPTION_BIN, OPTION_PROTO])
def test_the_body_of_a_frame_may_be_of_another_codec(server, option):
    """The reply is of the codec of the call; the codec of the Option is number 0."""
    arguments, result = field(1, 7) + field(2, 8), field(1, 56)
    bodies = {0: (arguments, result), 1: (b'{"A":7,"B":8}', b"56"),
              2: (arguments, result), 3: (b'{"A":"7","B":8}', b'"56"')}
    with BinPeer(server.tcp, option=option) as peer:
        for number, (body, expected) in bodies.items():
            peer.send("Arith.Multiply", body, seq=number + 1, codec=number)
            frame = peer.hear()
            assert frame.body == expected, frame
            assert frame.codec == number or (frame.codec, number, option) == (0, 2, OPTION_PROTO)
