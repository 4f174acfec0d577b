"""gob that goes through a gateway undecoded, before Go's own net/rpc: the bytes of one caller never reach another
caller's call."""
import pytest

from conftest import eventually
from gateway import peers, start_gateway
from gob import (INT, INTERFACE, STRING, UINT, GobPeer, array, map_of, member, message, natural, number, slice_of,
                 struct, text)
from neighbours import GoServer

NIL = message(INTERFACE, b"\0\0")
PAIR = {"Num1": 1, "Num2": 2}


@pytest.fixture(params=["netrpc", "geerpc"])
def go(request, make_server, go_server):
    """(gateway, a Go server behind it that speaks gob in GeeRPC's protocol or in net/rpc's); all callers share one
    connection."""
    address = go_server(request.param, "tcp")
    gateway = start_gateway(
        make_server(), [address], services=[
            'name = "Foo"; undeclared = true;', "Kinds"
        ], protocol=request.param, codec="gob", connections=1
    )
    return gateway, address


@pytest.fixture
def go_work(interop, tmp_path):
    """Another server, with the service Net, and Admin, which is not forwarded."""
    server = GoServer(interop, tmp_path, "net")
    yield server
    server.end()


def test_a_method_that_is_not_forwarded_cannot_be_reached(make_server, go_work):
    """When Go discards a nil interface value, it takes the next message for the content: it would take the second
    request's header for the content, its body for a header, and another caller's header for the body."""
    gateway = start_gateway(make_server(), [go_work.address], services=["Net"], protocol="netrpc", connections=1)
    header = struct(66, "Header", ("ServiceMethod", STRING), ("Seq", UINT))
    victims_number = 3
    smuggled = message(66, member(1, text("Admin.Reset")) + member(1, natural(victims_number)) + b"\0")
    with GobPeer(gateway.tcp) as attacker, gateway.peer() as victim:
        error, _ = attacker.call("Net.Nix", NIL)
        assert error == (
            "rpc gateway: upstream back: a nil interface value cannot be forwarded in gob: "
            "a Go server that discards it would take the next message for its content"
        )
        error, _ = attacker.call("Net.Nix", header + smuggled)
        assert error == "rpc: can't find method Net.Nix"
        reply, echo = victim.call("Net.Echo", {"Token": 1, "Text": "a"})
        assert (reply["Error"], echo["Token"]) == ("", 1)
    assert go_work.resets() == 0


# As the types of one connection.
BOX = struct(70, "Args", ("Num1", INT), ("Inside", INTERFACE), ("Num2", INT))
BOXES = slice_of(71, 70)
OUTER = struct(72, "Outer", ("Num1", INT), ("Boxes", 71))


def box(*members):
    return member(1, number(1)) + b"".join(members) + b"\0"


def test_interface_values_are_refused_wherever_they_are(go):
    """The same for methods that the server knows: Go discards a field that the receiving type lacks in the same way."""
    gateway, address = go
    five = text("int") + number(INT) + natural(2) + b"\0" + number(5)
    rows = [
        NIL,
        BOX + message(70, box(member(1, b"\0"), member(1, number(2)))),
        message(70, box(member(1, five), member(1, number(2)))),
        BOXES + message(71, b"\0" + natural(2) + box() + box(member(1, b"\0"))),
        OUTER + message(72, member(1, number(1)) + member(1, natural(1) + box(member(1, b"\0"))) + b"\0"),
        slice_of(73, INTERFACE) + message(73, b"\0" + natural(1) + b"\0"),
        array(74, INTERFACE, 1) + message(74, b"\0" + natural(1) + b"\0"),
        map_of(75, STRING, INTERFACE) + message(75, b"\0" + natural(1) + text("a") + b"\0"),
        map_of(76, INTERFACE, INT) + message(76, b"\0" + natural(1) + b"\0" + number(1)),
    ]
    with GobPeer(gateway.tcp) as peer:
        for method in ("Foo.Sum", "Foo.Nix"):
            for row in rows:
                error, _ = peer.call(method, row)
                assert "interface value cannot be forwarded in gob" in error
                rows = [message(INTERFACE, b"\0\0")]  # the others' types are defined once
        assert peers(gateway)[address]["calls"] == 0
        # Go leaves out a member that is not set, so there is nothing to mistake for content.
        error, total = peer.call("Foo.Sum", message(70, box(member(2, number(2)))))
        assert error == "" and total.data[-1:] == number(3)


def test_values_that_would_bring_a_server_down_are_refused(go):
    """The count alone makes a map of any size; a value with endless nesting takes the whole stack."""
    gateway, address = go
    node = struct(80, "Node", ("Next", 80), ("V", INT))
    rows = [
        (
            map_of(81, STRING, INT) + message(81, b"\0" + natural(1 << 30) + text("a") + number(1)),
            "1073741824 elements",
        ),
        (slice_of(82, INT) + message(82, b"\0" + natural(4) + 3 * number(1)), "4 elements are announced"),
        (node + message(80, 200 * b"\x01" + 201 * b"\0"), "nested deeper than"),
        (message(80, b"\x02" + number(1)), "truncated"),
        (message(80, b"\0\0"), "bytes behind the value"),
    ]
    with GobPeer(gateway.tcp) as peer:
        for body, reason in rows:
            error, _ = peer.call("Kinds.Text", body)
            assert error.startswith("rpc server: Kinds.Text: ") and reason in error
        assert peers(gateway)[address]["calls"] == 0
        error, _ = peer.call("Kinds.Text", message(STRING, b"\0" + text("x")))
        assert error == ""


def test_callers_may_get_nil_interfaces(go):
    """Callers may get nil interfaces from their own server, in types that they can read."""
    gateway, _ = go
    with GobPeer(gateway.tcp) as peer:
        error, value = peer.call("Kinds.Nils", slice_of(70, INT) + message(70, b"\0" + natural(3) + 3 * number(5)))
        assert error == "" and value.data[-5:] == b"\0" + natural(3) + 3 * b"\0"
    assert gateway.call("Kinds.Nils", [5, 6]) == ("", [None, None])


@pytest.mark.parametrize("many", ["bytes", "fields", "types"])
def test_types_of_one_caller_cost_the_others_nothing(make_server, many):
    """New types again and again soon use up the definitions of a connection: other callers keep theirs, with a call in
    flight on that connection."""
    server = make_server()
    server.conf = server.conf.replace("workers = 2", "workers = 1")
    server.start()
    gateway = start_gateway(make_server(), [server.tcp], services=["Foo"], codec="gob", connections=1)

    def body(turn):
        if many == "bytes":
            return struct(70, f"T{turn}" + 600_000 * "a", ("X", INT)) + message(70, b"\0")
        if many == "fields":
            return struct(70, f"T{turn}", *((f"F{i}", INT) for i in range(17_000))) + message(70, b"\0")
        chain = b"".join(slice_of(70 + i, 71 + i) for i in range(600)) + struct(670, f"T{turn}", ("X", INT))
        return chain + message(70, b"\0\0")

    with gateway.peer() as sleeper, gateway.peer() as other:
        assert other.call("Foo.Sum", PAIR)[1] == 3
        sleeper.send("Foo.Sleep", {"Num1": 1, "Num2": 2})
        eventually(lambda: peers(gateway)[server.tcp]["in_flight"] == 1, "the call at the server")
        errors = []
        for turn in range(20):
            with GobPeer(gateway.tcp) as peer:
                errors.append(peer.call("Foo.Nope", body(turn))[0])
            header, total = other.call("Foo.Sum", PAIR)
            assert (header["Error"], total) == ("", 3)
        header, total = sleeper.reply()
        assert (header["Error"], total) == ("", 3)
    assert all("can't find method" in error or "on one connection" in error for error in errors), errors
    assert "can't find method" in errors[0]
    assert peers(gateway)[server.tcp]["failures"] == 0
    assert peers(gateway)[server.tcp]["connections"] <= 3
