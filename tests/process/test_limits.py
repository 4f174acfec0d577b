"""The limits of geerpc.conf on calls: in flight and a second, by service and by client address."""
import re
import socket
import struct
import time

import pytest

from conftest import CONF, TIMEOUT, eventually
from gateway import PlayedServer, gateway_conf
from wire import OPTION_JSON, JsonPeer

SUM = {"Num1": 1, "Num2": 2}
LONG = {"Num1": 3600}


class PeerFrom(JsonPeer):
    """A conversation from an address of this machine, such as 127.0.0.2."""

    def __init__(self, server, source):
        host, port = server.tcp.split("@")[1].rsplit(":", 1)
        self.sock = socket.create_connection((host, int(port)), TIMEOUT, (source, 0))
        self.sock.sendall(OPTION_JSON)
        self.text = ""


def limited(server, limits):
    """Not started. With one worker, as each worker counts by itself."""
    server.conf = CONF.replace("workers = 2", "workers = 1") + "limits = { " + limits + " };"
    return server


def error_of(peer, method="Foo.Sum", arguments=None):
    return peer.call(method, arguments or SUM)[0]["Error"]


def hang_up(peer):
    """Resets the connection, so that its calls are cancelled. (The end of a client's input is not the end of its
    calls.)"""
    if peer.sock.family != socket.AF_UNIX:
        peer.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    peer.sock.close()


def in_flight(server):
    return int(re.search(r"in flight (\d+)", server.status()).group(1))


def test_rate_of_an_address(stopped):
    limited(stopped, "rate_per_address = 1; burst_per_address = 5;").start()
    said = "rpc server: too many calls of this address a second: limits.rate_per_address = 1"
    started = time.monotonic()
    served = 0
    for _ in range(10):  # connections of one address share
        with PeerFrom(stopped, "127.0.0.1") as peer:
            errors = [error_of(peer) for _ in range(5)]
        assert set(errors) <= {"", said}
        served += errors.count("")
    assert 5 <= served <= 6 + time.monotonic() - started
    with PeerFrom(stopped, "127.0.0.2") as peer:
        assert [error_of(peer) for _ in range(5)] == [""] * 5
    with stopped.peer(stopped.unix) as peer:
        assert [error_of(peer) for _ in range(5)] == [""] * 5
    # Waiting clients are served again.
    with PeerFrom(stopped, "127.0.0.1") as peer:
        eventually(lambda: error_of(peer) == "", "a token")


def test_calls_in_flight_of_an_address(stopped):
    limited(stopped, "in_flight_per_address = 2;").start()
    said = "rpc server: too many calls of this address in flight: limits.in_flight_per_address = 2"
    for one, other in (("127.0.0.1", "127.0.0.2"), ("unix", "127.0.0.1")):

        def connect(source):
            return stopped.peer(stopped.unix) if source == "unix" else PeerFrom(stopped, source)

        with connect(one) as first, connect(one) as second, connect(one) as third, connect(other) as stranger:
            first.send("Foo.Sleep", LONG)
            second.send("Foo.Sleep", LONG)
            eventually(lambda: in_flight(stopped) == 2, "both calls are there")
            assert error_of(third) == said
            assert error_of(stranger) == ""
            hang_up(first)
            eventually(lambda: error_of(third) == "", "there is room for another call")
            hang_up(second)
            eventually(lambda: in_flight(stopped) == 0, "both calls are cancelled")


def test_a_service_has_limits_of_its_own(stopped):
    limited(stopped, 'services = ( { name = "Arith"; rate = 1000; }, { name = "Foo"; in_flight = 1; } );').start()
    with stopped.peer() as sleeper, stopped.peer() as peer:
        sleeper.send("Foo.Sleep", LONG)
        eventually(lambda: in_flight(stopped) == 1, "the call is there")
        said = "rpc server: too many calls of this service in flight: limits.services[1].in_flight = 1"
        assert error_of(peer) == said
        assert error_of(peer, "Arith.Multiply", {"A": 2, "B": 3}) == ""
        stopped.reload(stopped.conf.replace("in_flight = 1", "in_flight = 2"))
        with stopped.peer() as sleeper2, stopped.peer() as peer2:
            sleeper2.send("Foo.Sleep", LONG)
            eventually(lambda: error_of(peer2) == "", "the new limit counts")
            sleeper2.send("Foo.Sleep", LONG)
            eventually(lambda: error_of(peer2) == said.replace("= 1", "= 2"), "and is a limit")


def test_a_service_that_is_forwarded_has_them_too(stopped):
    """The service need not be compiled in."""
    with PlayedServer("silent") as server:
        stopped.conf = gateway_conf([server.address], services=["Odd", "Foo"], codec="bin")
        stopped.conf += 'limits = { services = ( { name = "Odd"; in_flight = 2; } ); };'
        stopped.start()
        with stopped.peer() as sleeper, stopped.peer() as peer:
            for method in ("Odd.Echo", "Odd.Other"):
                sleeper.send(method, {})
            eventually(lambda: in_flight(stopped) == 2, "the calls are there")
            said = "rpc server: too many calls of this service in flight: limits.services[0].in_flight = 2"
            assert error_of(peer, "Odd.Echo") == said
            peer.send("Foo.Sum", {})
            eventually(lambda: in_flight(stopped) == 3, "the other service has no limit")
            hang_up(sleeper)
            eventually(lambda: in_flight(stopped) == 1, "the calls of who is gone are cancelled")
            peer.send("Odd.Echo", {})
            eventually(lambda: in_flight(stopped) == 2, "there is room again")


@pytest.mark.parametrize("name", ["Fo", "Foo.Sum", ""])
def test_a_service_that_is_not_served(stopped, name):
    stopped.allow("no service")
    limited(stopped, f'services = ( {{ name = "Foo"; rate = 1; }}, {{ name = "{name}"; rate = 1; }} );')
    said = f'limits.services[1]: no service "{name}" is served'
    for words in (["-t"], ["-F"]):
        assert re.search(
            rf"geerpc\.conf:\d+: {re.escape(said)}, (did you mean|there is) ", stopped.run(*words, status=1).stderr
        )
    wrong = stopped.conf
    stopped.conf = CONF
    stopped.start()
    assert said in stopped.reload(wrong, status=1).stderr
    assert stopped.call("Foo.Sum", SUM) == ("", 3)


def test_mistakes_are_named_with_their_line(stopped):
    stopped.conf = CONF + (
        'limits = {\n  rate_per_adress = 1;\n  addresses = 0;\n  rate_per_address = 1000001;\n'
        '  services = ( { rate = 1; }, { name = "Foo"; }, { name = "Foo"; } );\n};\n'
    )
    first = CONF.count("\n") + 2
    said = stopped.run("-t", status=1).stderr
    for line, text in enumerate(
        (
            'unknown setting "rate_per_adress" in limits, did you mean "rate_per_address"?',
            "limits.addresses is 0, expected a number from 1",
            "limits.rate_per_address is 1000001, expected a number from 0",
            'limits.services: "Foo" is there twice',
        ),
        first,
    ):
        assert re.search(rf"geerpc\.conf:{line}: {re.escape(text)}", said), (line, text, said)
    assert f'geerpc.conf:{first + 3}: limits.services[0] has no "name"' in said
