"""A server with a sealed listener and a plain one, its keys and its clients, for test_seal*.py."""
import subprocess

from conftest import BUILD, TIMEOUT
from noise import SealedPeer, public_in, secret_in

CONF = """
workers = 1;
access_log = { path = "logs/access.log"; };
error_log = { level = "info"; };
listen = (
  { address = "tcp@127.0.0.1:0"; seal = { key = "keys/server.key"; clients = "keys/clients"; %(seal)s }; },
  { address = "unix@run/plain.sock"; mode = "0666"; }
);
%(more)s
"""


def geectl(*arguments, status=0):
    done = subprocess.run([str(BUILD / "geectl"), *map(str, arguments)], stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=TIMEOUT, check=False)
    assert done.returncode == status, done.stdout + done.stderr
    return done


class Keys:
    """Key files beside a server: keys["server"] is the text of a public key, keys.secret("server") the secret bytes."""

    def __init__(self, server):
        self.directory = server.root / "keys"
        self.directory.mkdir()
        self.public = {}
        for name in ("server", "billing", "metering", "stranger"):
            self.make(name)

    def __getitem__(self, name):
        return self.public[name]

    def path(self, name):
        return self.directory / f"{name}.key"

    def make(self, name):
        self.public[name] = geectl("keygen", self.path(name)).stdout.strip()

    def secret(self, name):
        return secret_in(self.path(name))

    def write_clients(self, *lines):
        (self.directory / "clients").write_text("".join(line + "\n" for line in lines))


def seal_conf(seal="", more=""):
    return CONF % {"seal": seal, "more": more}


def make_sealed(server, seal="", more=""):
    """Not started."""
    server.keys = Keys(server)
    server.keys.write_clients("# who may call", f"{server.keys['billing']} billing",
                              f"{server.keys['metering']} metering services=Arith,Foo.Sum")
    server.conf = seal_conf(seal, more)
    return server


def sealed_peer(server, client="billing", address=None, key="server"):
    """client None: an anonymous client."""
    secret = server.keys.secret(client) if client else None
    return SealedPeer(address or server.tcp, public_in(server.keys[key]), secret, timeout=TIMEOUT)
