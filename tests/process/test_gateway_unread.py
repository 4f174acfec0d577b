"""A Go server behind a gateway that is as careless as GeeRPC's own: the server does not read the body of a call to an
unknown method, and takes that body for the next header."""
import threading

import pytest

from conftest import eventually
from gateway import page, peers, start_gateway
from gob import STRING, UINT, GobPeer, member, message, natural, struct, text
from neighbours import GoServer

HEADER = struct(66, "Header", ("ServiceMethod", STRING), ("Seq", UINT))


@pytest.fixture(params=["json", "gob"])
def careless(request, interop, tmp_path):
    """(codec, service, server)"""
    server = GoServer(interop, tmp_path, f"careless{request.param}")
    yield request.param, f"Careless{request.param.capitalize()}", server
    assert server.is_alive()
    server.end()


def smuggle(gateway, codec, method, number):
    """Returns the error for a call whose body is a header: of a method that is not forwarded, with another caller's
    number."""
    if codec == "json":
        with gateway.peer() as attacker:
            return attacker.call(method, {"ServiceMethod": "Admin.Reset", "Seq": number})[0]["Error"]
    with GobPeer(gateway.tcp) as attacker:
        body = message(66, member(1, text("Admin.Reset")) + member(1, natural(number)) + b"\0")
        return attacker.call(method, HEADER + body)[0]


def test_a_body_is_never_taken_for_a_header(make_server, careless):
    """All callers share one connection, and others call in the meantime."""
    codec, service, server = careless
    gateway = start_gateway(make_server(), [server.address], services=[service], codec=codec, connections=1)
    stopped, answered, wrong = threading.Event(), [0], []

    def call_on():
        with gateway.peer() as honest:
            while not stopped.is_set():
                token = answered[0] + 1
                header, reply = honest.call(f"{service}.Echo", {"Token": token, "Text": "a", "Number": 3})
                if header["Error"] or reply["Token"] != token:
                    wrong.append((header, reply))
                answered[0] = token

    thread = threading.Thread(target=call_on)
    thread.start()
    try:
        eventually(lambda: answered[0] > 0, "an answer")
        for number in range(50):
            before = answered[0]
            error = smuggle(gateway, codec, f"{service}.Nix{number}", number)
            assert error.startswith(("rpc server: can't find method", "rpc: can't find method"))
            eventually(lambda: answered[0] > before + 2, "answers to others")  # pylint: disable=cell-var-from-loop
    finally:
        stopped.set()
        thread.join()
    assert wrong == []
    assert server.resets() == 0
    assert "Admin.Reset" not in server.said()
    assert peers(gateway)[server.address]["failures"] == 0


def test_a_name_that_was_refused_is_not_asked_for_again_at_once(make_server, careless):
    codec, service, server = careless
    gateway = start_gateway(make_server(), [server.address], services=[service], codec=codec, connections=1)
    with gateway.peer() as peer:
        errors = {peer.call(f"{service}.Nix", {"Token": n})[0]["Error"] for n in range(200)}
        header, reply = peer.call(f"{service}.Echo", {"Token": 7, "Text": "", "Number": 0})
    assert errors == {f"rpc server: can't find method {service}.Nix"}
    assert (header["Error"], reply["Token"]) == ("", 7)
    assert peers(gateway)[server.address]["connections"] <= 2
    assert server.resets() == 0


def test_names_that_a_declaration_lacks_do_not_get_there(make_server, go_server):
    """Arith is compiled in."""
    address = go_server("geerpc", "tcp")
    gateway = start_gateway(make_server(), [address], services=["Arith"], codec="gob")
    with gateway.peer() as peer:
        header, _ = peer.call("Arith.Nix", {"A": 1, "B": 2})
        assert header["Error"] == "rpc server: can't find method Nix"
        header, product = peer.call("Arith.Multiply", {"A": 7, "B": 8})
        assert (header["Error"], product) == ("", 56)
    assert peers(gateway)[address]["calls"] == 1
    assert page(gateway)["errors"] == 1
