"""A gateway in front of servers: the choice of the server for a call; every wire in front with every wire behind."""
import threading

import pytest

from conftest import SANITIZED, SPEAKERS, TIMEOUT, eventually
from gateway import (DRAIN, PlayedServer, answered_by, at_once, gateway_conf, page, peers, start_gateway, upstream,
                     wait_until_idle)
from wire import BinPeer, field, fields

PAIR = {"A": 7, "B": 8}


@pytest.fixture
def back(make_server):
    """back(): a geerpc server with Arith and Foo, behind a gateway."""

    def start(**options):
        server = make_server(**options)
        server.conf = server.conf.replace("workers = 2", "workers = 1")
        return server.start()

    return start


# ---- the choice of the server ----


def test_weights_are_kept_exactly_and_in_smooth_order(make_server, back):
    servers = [back().tcp for _ in range(3)]
    gateway = start_gateway(make_server(), list(zip(servers, (5, 1, 1))), balance="roundrobin")
    with gateway.peer() as peer:
        for _ in range(700):
            header, product = peer.call("Arith.Multiply", PAIR)
            assert (header["Error"], product) == ("", 56)
    a, b, c = servers
    assert answered_by(gateway, 700) == [a, a, b, a, c, a, a] * 100
    assert [peers(gateway)[server]["calls"] for server in servers] == [500, 100, 100]
    assert [peers(gateway)[server]["weight"] for server in servers] == [5, 1, 1]
    wait_until_idle(gateway)


@pytest.mark.parametrize("key", ["metadata.user", "args.A"])
def test_a_key_keeps_its_server(make_server, back, key):
    servers = [back().tcp for _ in range(3)]
    gateway = start_gateway(make_server(), servers, balance="hash", key=key)
    with gateway.peer() as peer:
        for turn in range(3):
            for user in range(40):
                arguments = {"A": user if key == "args.A" else turn, "B": turn}
                header, product = peer.call("Arith.Multiply", arguments, Metadata={"user": str(user)})
                assert (header["Error"], product) == ("", arguments["A"] * turn)
    order = answered_by(gateway, 120)
    assert order[:40] == order[40:80] == order[80:]
    assert set(order) == set(servers)


def test_addresses_of_every_transport(make_server, back):
    server = back()
    places = [server.tcp, server.unix, server.tcp.replace("tcp@", "http@")]
    gateway = start_gateway(make_server(), places)
    for _ in range(6):
        assert gateway.call("Arith.Multiply", PAIR) == ("", 56)
    # The address of http@ is shown as it was written.
    assert sorted(answered_by(gateway, 6)) == sorted(places * 2)


# ---- every wire ----


@pytest.mark.parametrize("speaker", SPEAKERS)
@pytest.mark.parametrize("codec", ["json", "bin", "gob"])
def test_geerpc_behind_it(make_server, back, client, codec, speaker):
    """Go programs in front see no difference."""
    gateway = start_gateway(make_server(), [back().tcp], codec=codec)
    assert client(speaker, gateway.tcp, "document") == "Arith: 7*8=56, 7/8=0 rest 7"
    assert client(speaker, gateway.tcp, "errors") == "7 failures"
    assert client(speaker, gateway.tcp, "load", "-calls", 250) == "2000 calls"
    wait_until_idle(gateway)


@pytest.mark.parametrize(
    "protocol, codec", [("geerpc", "json"), ("geerpc", "bin"), ("geerpc", "gob"), ("netrpc", "gob")]
)
def test_bin_in_front(make_server, back, go_server, protocol, codec):
    """By the types of the declaration that is compiled into the gateway."""
    address = go_server("netrpc", "tcp") if protocol == "netrpc" else back().tcp
    gateway = start_gateway(make_server(), [address], protocol=protocol, codec=codec)
    with BinPeer(gateway.tcp) as peer:
        header, body = peer.call("Arith.Divide", field(1, 7) + field(2, 2))
        assert fields(body) == {1: 3, 2: 1}
        header, body = peer.call("Arith.Divide", field(1, 7) + field(2, 0))
        assert header[3] == b"divide by zero"
        assert header[7] == (3 if codec != "gob" else 2)  # gob's headers have no code: unknown


def test_what_is_not_well_formed_reaches_no_server(make_server):
    """In bin, the gateway checks keys and lengths. Values that the gateway knows to be numbers are for the server to
    read."""
    with PlayedServer() as server:
        gateway = start_gateway(make_server(), [server.address], services=["Odd"], codec="bin")
        with BinPeer(gateway.tcp) as peer:
            header, _ = peer.call("Odd.Echo", field(1, 7) + b"\x12\x05ab")
            assert header[7] == 3
            assert header[3].decode() == "rpc server: Odd.Echo: truncated: the message ends inside a value"
            assert server.requests == 0
            header, body = peer.call("Odd.Echo", field(1, 7) + field(2, b"\x12\x05ab"))
            assert (header.get(3), body) == (None, field(1, 7) + field(2, b"\x12\x05ab"))


def test_go_behind_it_serves_all_at_once(make_server, go_server, client):
    """net/rpc, GeeRPC in gob and in JSON, and JSON-RPC in front of one Go server: 100,000 calls and no error."""
    gateway = start_gateway(make_server(), [go_server("netrpc", "tcp")], workers=2, protocol="netrpc")
    calls = 3125 if not SANITIZED else 125

    def load(speaker):
        return lambda: client(speaker, gateway.tcp, "load", "-goroutines", 8, "-calls", calls)

    assert at_once([load(speaker) for speaker in SPEAKERS]) == [f"{8 * calls} calls"] * 4
    # A worker's page has figures of the other worker that are some 100 ms old.
    eventually(lambda: next(iter(peers(gateway).values()))["calls"] == 4 * 8 * calls, "all calls on the page")
    wait_until_idle(gateway)
    assert next(iter(peers(gateway).values()))["failures"] == 0
    # A quarter of the calls are divisions by zero, whose error is the server's answer.
    assert page(gateway)["errors"] == 8 * calls


def test_values_of_go_through_the_gateway(make_server, go_server, client):
    """Undecoded, with types that the gateway has no declaration of: NaN, every integer's ends, 1 MiB of text."""
    gateway = start_gateway(make_server(), [go_server("netrpc", "tcp")], protocol="netrpc", services=["Kinds"])
    assert client("netrpc", gateway.tcp, "kinds") == "6 samples"
    assert client("geerpc-gob", gateway.tcp, "kinds") == "6 samples"
    # From gob to JSON all is known but what JSON has no words for.
    item = {"Name": "one", "Count": -9223372036854775808}
    sent = {"Flag": True, "Int": 5, "Text": "a", "Numbers": [1, -2], "Items": [item], "Inner": item, "Maybe": item}
    error, got = gateway.call("Kinds.Echo", sent)
    assert error == "" and {name: got[name] for name in sent} == sent
    assert gateway.call("Kinds.Text", "x") == ("", "x")
    with gateway.peer() as peer:  # gob cannot express this: no fault of the gateway
        header, _ = peer.call("Kinds.Numbers", [1, "x"])
        assert header["Code"] == 3 and "arguments: [1]: a string beside an integer" in header["Error"]
    # And JSON says no types: Go refuses an integer for a float, and its words come back.
    error, _ = gateway.call("Kinds.Echo", {"Double": 2})
    assert "Double" in error and not error.startswith("rpc gateway")


def test_messages_of_a_proto_through_the_gateway(make_server, extended_build, client):
    """Undecoded: a zero that a oneof has set arrives as set."""
    server = make_server(build=extended_build).start()
    gateway = start_gateway(make_server(), [server.tcp], protocol="netrpc", services=["Kinds"])
    assert client("netrpc", gateway.tcp, "choices") == "9 choices"


@pytest.mark.parametrize("protocol", ["netrpc", "geerpc"])
def test_an_error_that_is_no_utf8_is_one_calls_own(make_server, go_server, protocol):
    """All callers share the connection, which goes on, and so does the caller's own connection."""
    address = go_server(protocol, "tcp")
    gateway = start_gateway(
        make_server(), [address], services=["Foo", "Kinds"], protocol=protocol, codec="gob", connections=1
    )
    with gateway.peer() as other, gateway.peer() as peer:
        other.send("Foo.Sleep", {"Num1": 1, "Num2": 2})
        eventually(lambda: peers(gateway)[address]["in_flight"] == 1, "the other's call at the server")
        header, _ = peer.call("Kinds.Refuse", "x")
        assert header["Error"] == "refused: \ufffd\ufffd x"
        header, text = peer.call("Kinds.Text", "y")
        assert (header["Error"], text) == ("", "y")
        header, total = other.reply()
        assert (header["Error"], total) == ("", 3)


# ---- while it runs ----


def test_what_the_page_shows(make_server, back):
    server = back()
    gateway = start_gateway(make_server(), [(server.tcp, 3)], services=["Arith", "Other"], balance="least")
    assert gateway.call("Arith.Multiply", PAIR) == ("", 56)
    assert gateway.call("Other.Thing", {}) == ("rpc server: can't find service Other", {})
    shown = page(gateway)
    services = {service["name"]: service for service in shown["services"]}
    assert services["Arith"]["upstream"] == services["Other"]["upstream"] == "back"
    assert {method["name"]: method["calls"] for method in services["Arith"]["methods"]} == {"Multiply": 1, "Divide": 0}
    assert [(method["name"], method["errors"]) for method in services["Other"]["methods"]] == [("*", 1)]
    assert upstream(gateway)["balance"] == "least"
    peer = peers(gateway)[server.tcp]
    assert peer.pop("latency_us") > 0
    assert peer == {
        "address": server.tcp,
        "state": "up",
        "weight": 3,
        "connections": 1,
        "in_flight": 0,
        "calls": 2,
        "failures": 0,
    }


def test_a_reload_lets_calls_that_are_forwarded_end(make_server, back):
    first, second = back(), back()
    gateway = start_gateway(make_server(), [first.tcp])
    with gateway.peer() as peer:
        peer.send("Foo.Sleep", {"Num1": 1, "Num2": 2})
        eventually(lambda: peers(gateway)[first.tcp]["in_flight"] == 1, "the call at the first server")
        gateway.reload(gateway_conf([second.tcp]).replace("tcp@127.0.0.1:0", gateway.tcp))

        def forwarded_anew():  # the old worker may still take a connection or two
            assert gateway.call("Arith.Multiply", PAIR) == ("", 56)
            return peers(gateway).get(second.tcp, {"calls": 0})["calls"] > 0

        eventually(forwarded_anew, "a call at the second server")
        header, total = peer.reply()
        assert (header["Error"], total) == ("", 3)


def test_a_worker_that_leaves_keeps_its_connections(make_server):
    """Connections to servers stay, for calls that may still come; busy connections of callers are cut at the
    deadline."""
    with PlayedServer("silent") as server:
        gateway = start_gateway(make_server(), [server.address], services=["Odd"], codec="bin")
        gateway.conf = gateway.conf.replace(
            "services = (", 'services = ( { name = "Foo"; },'
        ) + 'shutdown_timeout = "1500ms";'
        gateway.reload(gateway.conf.replace("tcp@127.0.0.1:0", gateway.tcp))
        with gateway.peer() as busy, gateway.peer() as idle:
            for seq in (1, 2):
                busy.send("Odd.Echo", {}, seq)
            eventually(lambda: peers(gateway)[server.address]["connections"] == 2, "a connection that is idle")
            gateway.reload()
            gateway.wait_for_log(r"cut with 2 calls in flight: Odd.Echo, Odd.Echo: shutdown_timeout \(1.5s\) is over")
            with pytest.raises(EOFError):
                busy.reply()
            assert idle.call("Foo.Sum", {"Num1": 1, "Num2": 2})[1] == 3  # the connection was passed on
        assert server.address + ": cut" not in gateway.log()
        assert DRAIN not in server.kinds


def test_a_deadline_travels_and_is_said(make_server, back):
    server = back()
    gateway = start_gateway(make_server(), [server.tcp], services=["Arith", 'name = "Foo"; timeout = "200ms";'])
    error, _ = gateway.call("Foo.Sleep", {"Num1": 5, "Num2": 2})
    # Whose deadline is over first, the server's or the gateway's, is not said: they have the same.
    assert error.startswith("rpc server: request handle timeout: expect within ")
    wait_until_idle(gateway)
    assert gateway.call("Arith.Multiply", PAIR) == ("", 56)


def test_many_callers_share_few_connections(make_server, back):
    server = back()
    gateway = start_gateway(make_server(), [server.tcp], connections=2)
    ready = threading.Barrier(20)

    def caller():
        with gateway.peer() as peer:
            ready.wait(TIMEOUT)
            return [peer.call("Arith.Multiply", {"A": n, "B": n})[1] for n in range(50)]

    assert at_once([caller] * 20) == [[n * n for n in range(50)]] * 20
    assert 1 <= peers(gateway)[server.tcp]["connections"] <= 2
