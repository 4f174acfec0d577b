"""Sealed channels from the other side: geectl (which is the library) and the gateway dial a sealed listener."""
import re
import subprocess

import pytest

from conftest import BUILD, TIMEOUT
from sealing import make_sealed

ARGUMENTS = '{"A":7,"B":8}'


def call(*arguments):
    return subprocess.run([str(BUILD / "geectl"), "call", *map(str, arguments)], stdin=subprocess.DEVNULL, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=TIMEOUT, check=False)


def answer(done):
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.fixture
def sealed(stopped):
    return make_sealed(stopped).start()


def keys_of(server, client=None, key="server"):
    options = ["--server-key", server.keys[key]]
    return options + (["--key", server.keys.path(client)] if client else [])


@pytest.mark.parametrize("wire", [["--codec=json"], ["--codec=bin"], ["--codec=gob"], ["--protocol=netrpc"],
                                  ["--protocol=jsonrpc"]], ids=lambda wire: wire[0])
def test_every_wire_through_a_seal(sealed, wire):
    assert answer(call(*keys_of(sealed, "billing"), *wire, sealed.tcp, "Arith.Multiply", ARGUMENTS)) == "56"
    sealed.wait_for_access(" billing Arith.Multiply ")


def test_many_bytes_both_ways(sealed):
    text = "x" * 1_000_000
    done = subprocess.run([str(BUILD / "geectl"), "call", *keys_of(sealed, "billing"), sealed.tcp, "Gee.Describe", "-"],
                          input='{"Method":"Foo","More":"%s"}' % text, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          text=True, timeout=TIMEOUT, check=False)
    assert '"Foo.Sum"' in answer(done)


def test_inside_connect_and_on_a_unix_socket(stopped):
    server = make_sealed(stopped, 'mode = "optional";')
    server.conf = server.conf.replace('{ address = "unix@run/plain.sock"; mode = "0666"; }',
                                      '{ address = "unix@run/plain.sock"; mode = "0666"; '
                                      'seal = { key = "keys/server.key"; clients = "keys/clients"; }; }')
    server.start()
    through = server.tcp.replace("tcp@", "http@")
    assert answer(call(*keys_of(server, "billing"), through, "Arith.Multiply", ARGUMENTS)) == "56"
    assert answer(call(*keys_of(server, "billing"), f"unix@{server.root}/run/plain.sock", "Arith.Multiply",
                       ARGUMENTS)) == "56"
    server.wait_for_access(" billing Arith.Multiply ", 2)


# The last message of the handshake says who the client is, so the client hears of a refusal after its side is
# through. The server closes without having read the bytes behind that message, so the kernel may report a reset
# first.
@pytest.mark.parametrize("client, key, wrong", [
    ("stranger", "server", ": (our key may not be in its list of clients|.*Connection reset by peer)"),
    (None, "server", ": handshake: seal: "),
    ("billing", "stranger", ": handshake: seal: "),
])
def test_who_is_not_let_in_hears_where_it_ended(sealed, client, key, wrong):
    done = call(*keys_of(sealed, client, key), sealed.tcp, "Arith.Multiply", ARGUMENTS)
    assert done.returncode == 3 and re.search(wrong, done.stderr), done.stderr
    assert answer(call(*keys_of(sealed, "billing"), sealed.tcp, "Arith.Multiply", ARGUMENTS)) == "56"


def test_no_way_back_to_clear(sealed):
    """A client that wants a seal sends a server without a seal only the first bytes of a handshake."""
    plain = f"unix@{sealed.root}/run/plain.sock"
    done = call(*keys_of(sealed, "billing"), plain, "Arith.Multiply", ARGUMENTS)
    assert done.returncode == 3 and ": handshake: seal: " in done.stderr, done.stderr
    assert answer(call(plain, "Foo.Sum", '{"Num1":1,"Num2":2}')) == "3"
    assert "Arith.Multiply" not in sealed.wait_for_access("Foo.Sum")


def test_key_files_that_others_can_read_are_refused(sealed):
    sealed.keys.path("billing").chmod(0o644)
    done = call(*keys_of(sealed, "billing"), sealed.tcp, "Arith.Multiply", ARGUMENTS)
    assert done.returncode == 2 and str(sealed.keys.path("billing")) in done.stderr, done.stderr
    done = call("--key", sealed.keys.path("billing"), sealed.tcp, "Arith.Multiply", ARGUMENTS)
    assert done.returncode == 2 and "key_file needs server_key" in done.stderr, done.stderr


GATEWAY = """
workers = 1;
listen = ( { address = "tcp@127.0.0.1:0"; } );
services = ( { name = "Arith"; upstream = "arith"; }, { name = "Foo"; upstream = "foo"; } );
upstreams = (
  { name = "arith"; codec = "bin";
    servers = ( { address = "%(address)s"; seal = { server_key = "%(server)s"; key = "%(billing)s"; }; } ); },
  { name = "foo"; seal = { server_key = "%(server)s"; key = "%(metering)s"; };
    servers = ( { address = "%(address)s"; } ); }
);
"""


def conf_of(sealed, **other):
    return GATEWAY % {"address": sealed.tcp, "server": sealed.keys["server"], "billing": sealed.keys.path("billing"),
                      "metering": sealed.keys.path("metering"), **other}


def test_a_gateway_to_sealed_servers(sealed, make_server):
    gateway = make_server()
    gateway.conf = conf_of(sealed)
    gateway.start()
    assert answer(call(gateway.tcp, "Arith.Multiply", ARGUMENTS)) == "56"
    assert answer(call(gateway.tcp, "Foo.Sum", '{"Num1":1,"Num2":2}')) == "3"
    done = call(gateway.tcp, "Foo.Sleep", '{"Num1":0,"Num2":2}')
    assert done.returncode == 1 and "client metering may not call Foo.Sleep" in done.stderr
    sealed.wait_for_access(" billing Arith.Multiply json 0 ")
    sealed.wait_for_access(" metering Foo.Sum json 0 ")


def test_a_gateway_with_the_wrong_key_of_its_server(sealed, make_server):
    gateway = make_server()
    gateway.conf = conf_of(sealed, server=sealed.keys["stranger"])
    gateway.start()
    done = call(gateway.tcp, "Arith.Multiply", ARGUMENTS)
    assert done.returncode == 1
    assert "rpc gateway: upstream arith: " in done.stderr and ": handshake: seal: " in done.stderr


def test_the_keys_of_upstreams_are_checked_beforehand(sealed, make_server):
    gateway = make_server()
    gateway.conf = conf_of(sealed, server="gee-pub:rubbish", metering="/nowhere/to.key")
    checked = gateway.run("-t", status=1)
    assert "upstreams[0].servers[0].seal: " in checked.stderr and "upstreams[1].seal: " in checked.stderr
    assert "gee-sec" not in checked.stderr
