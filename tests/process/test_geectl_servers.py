"""geectl call and geectl broadcast with several servers."""
import pytest

from scripted import closed_port, geectl

ARGUMENTS = '{"A":7,"B":8}'


def served(*servers):
    return [len(server.requests) for server in servers]


def test_one_of_several(serve):
    servers = [serve(), serve()]
    done = geectl("call", ",".join(each.address for each in servers), "Arith.Multiply", ARGUMENTS)
    assert (done.returncode, done.stdout, done.stderr) == (0, "56\n", "")
    assert sum(served(*servers)) == 1


def test_another_when_one_cannot_be_reached(serve):
    server = serve()
    for balance in ("random", "roundrobin"):
        addresses = f"{closed_port()},{closed_port()},{server.address}"
        done = geectl("call", "--balance", balance, addresses, "Arith.Multiply", ARGUMENTS)
        assert (done.returncode, done.stdout, done.stderr) == (0, "56\n", "")


def test_the_same_key_goes_to_the_same_server(serve):
    servers = [serve(), serve(), serve()]
    addresses = ",".join(each.address for each in servers)

    def call(key):
        before = served(*servers)
        done = geectl("call", "--balance=hash", "--balance-key", key, addresses, "Arith.Multiply", ARGUMENTS)
        assert done.returncode == 0, done.stderr
        return [now - then for now, then in zip(served(*servers), before)].index(1)

    assert len({call("ann") for _ in range(4)}) == 1
    assert len({call(f"key {number}") for number in range(20)}) > 1


def test_nobody_of_several_is_there():
    first, second = closed_port(), closed_port()
    done = geectl("call", f"{first},{second}", "X.Y")
    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr.startswith("geectl: ")
    assert first in done.stderr or second in done.stderr
    assert "connect: Connection refused" in done.stderr


def test_a_comma_may_be_part_of_an_address(serve, tmp_path):
    server, other = serve(path=tmp_path / "a,b.sock"), serve()
    assert geectl("call", server.address, "Arith.Multiply", ARGUMENTS).stdout == "56\n"
    assert geectl("broadcast", f"{server.address},{other.address}", "Arith.Multiply", ARGUMENTS).stdout == "56\n"
    assert served(server, other) == [2, 1]


def test_balance_with_one_server(serve):
    done = geectl("call", "--balance", "roundrobin", serve().address, "Arith.Multiply", ARGUMENTS)
    assert (done.returncode, done.stdout) == (0, "56\n")


def test_unknown_balance():
    done = geectl("call", "--balance", "psychic", "tcp@127.0.0.1:1", "X.Y")
    assert (done.returncode, done.stdout) == (2, "")
    assert "psychic" in done.stderr
    assert "random" in done.stderr


def test_broadcast_reaches_every_server(serve):
    servers = [serve(lambda header, body, number=number: ({}, str(number))) for number in range(3)]
    addresses = ",".join(each.address for each in servers)
    done = geectl("broadcast", "--metadata", "user=ann", addresses, "Cache.Clear", "-", stdin='{"All":true}')
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout in ("0\n", "1\n", "2\n")
    for server in servers:
        ((header, body),) = server.requests
        assert (header["ServiceMethod"], header["Metadata"], body) == ("Cache.Clear", {"user": "ann"}, {"All": True})


def test_broadcast_fails_with_the_first_failure_and_names_the_server(serve):
    servers = [serve(lambda header, body: None), serve(lambda header, body: ({"Error": "the disk is full"}, "{}"))]
    done = geectl("broadcast", ",".join(each.address for each in servers), "X.Y")
    assert (done.returncode, done.stdout, done.stderr) == (1, "", f"{servers[1].address}: the disk is full\n")


def test_broadcast_names_the_server_that_is_not_there(serve):
    server, nobody = serve(), closed_port()
    done = geectl("broadcast", f"{server.address},{nobody}", "Arith.Multiply", ARGUMENTS)
    assert (done.returncode, done.stdout) == (3, "")
    assert f"{nobody}: connect: Connection refused" in done.stderr


@pytest.mark.parametrize("addresses", ["tcp@127.0.0.1:1,nonsense", "tcp@127.0.0.1:1,pigeon@roof", "tcp@127.0.0.1:1,"])
def test_one_address_is_wrong(addresses):
    done = geectl("broadcast", addresses, "X.Y")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("geectl: ")
