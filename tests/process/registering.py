"""Shared by tests of registries: requests on a registry's wire, a registry that comes and goes at the same place, and
load that counts failures.

    place = Place()                                      a port for a registry that comes and goes
    registry = start_registry(make_server(), place)
    put(registry, "tcp@10.0.0.1:9999", weight=3)         an Answer
    servers(registry)                                    ["tcp@10.0.0.1:9999"]
    with Load(gateway) as load: ...                      load.failures, load.count
"""
import http.client
import json
import socket
import threading
import time

from conftest import TIMEOUT, eventually
from wire import free_port

PATH = "/_geerpc_/registry"


class Place:
    """The place of a registry that comes and goes."""

    def __init__(self):
        self.place = f"127.0.0.1:{free_port()}"
        self.address = f"tcp@{self.place}"
        self.url = f"http://{self.place}{PATH}"


def registry_conf(address="tcp@127.0.0.1:0", workers=2, more="", **settings):
    texts = {"path": f'"{PATH}"', **settings}
    rows = " ".join(f"{name} = {value};" for name, value in texts.items())
    return f"""
workers = {workers};
listen = ( {{ address = "{address}"; }}, {{ address = "unix@run/geerpc.sock"; mode = "0666"; }} );
registry = {{ {rows} }};
{more}
"""


def start_registry(server, place=None, **options):
    server.conf = registry_conf(place.address if place else "tcp@127.0.0.1:0", **options)
    return server.start()


def url(server):
    return f"http://{server.tcp.split('@')[1]}{PATH}"


class Answer:
    def __init__(self, response):
        self.status = response.status
        self.headers = response.headers
        self.body = response.read().decode()

    @property
    def servers(self):
        text = self.headers["X-Geerpc-Servers"]
        return text.split(",") if text else []

    @property
    def version(self):
        return int(self.headers["X-Geerpc-Version"])

    @property
    def json(self):
        assert self.headers["Content-Type"] == "application/json"
        return json.loads(self.body)


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("localhost", timeout=TIMEOUT)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


def connect(address):
    scheme, place = address.split("@")
    return UnixConnection(place) if scheme == "unix" else http.client.HTTPConnection(place, timeout=TIMEOUT)


def ask(server, method="GET", query="", address=None, path=PATH, **headers):
    """A request on a connection of its own. Headers: Server="tcp@..." is X-Geerpc-Server; Accept is itself."""
    connection = connect(address or server.tcp)
    named = {name if name in ("Accept", "Connection") else f"X-Geerpc-{name}": value for name, value in headers.items()}
    try:
        connection.request(method, path + (f"?{query}" if query else ""), headers=named)
        return Answer(connection.getresponse())
    finally:
        connection.close()


def put(server, address, **headers):
    return ask(server, "POST", Server=address, **{name.capitalize(): str(value) for name, value in headers.items()})


def remove(server, address, **headers):
    return ask(server, "DELETE", Server=address, **{name.capitalize(): value for name, value in headers.items()})


def servers(server, query=""):
    answer = ask(server, query=query)
    assert answer.status == 200
    return answer.servers


def entries(server, query=""):
    """The JSON form: {(address, service): entry}"""
    listed = ask(server, query=query, Accept="application/json").json["servers"]
    return {(entry["address"], entry.get("service")): entry for entry in listed}


def wait_for_servers(server, wanted):
    return eventually(lambda: sorted(servers(server)) == sorted(wanted), f"the registry lists {wanted}")


class Load:
    """Calls Arith.Multiply repeatedly over several connections. redial: the end of a connection is no failure (leaving
    workers close quiet connections)."""

    def __init__(self, gateway, connections=4, redial=False):
        self.gateway = gateway
        self.redial = redial
        self.count = 0
        self.failures = []
        self.lock = threading.Lock()
        self.ending = threading.Event()
        self.threads = [threading.Thread(target=self._run, args=(i,)) for i in range(connections)]

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        self.wait_for(10)
        return self

    def __exit__(self, *_):
        self.ending.set()
        for thread in self.threads:
            thread.join()

    def wait_for(self, more):
        """Waits until so many further calls were answered."""
        goal = self.count + more
        eventually(lambda: self.count >= goal or self.failures, f"{more} calls")

    def last(self, seconds):
        end = time.monotonic() + seconds
        eventually(lambda: time.monotonic() > end or self.failures, "the end of the load", seconds + TIMEOUT)

    def _run(self, number):
        while not self.ending.is_set():
            try:
                self._call(number)
            except (OSError, EOFError, KeyError) as trouble:
                if not self.redial:
                    with self.lock:
                        self.failures.append(repr(trouble))
                    return

    def _call(self, number):
        with self.gateway.peer() as peer:
            turn = 0
            while not self.ending.is_set():
                turn += 1
                header, product = peer.call("Arith.Multiply", {"A": number, "B": turn})
                with self.lock:
                    self.count += 1
                    if header["Error"] or product != number * turn:
                        self.failures.append(header["Error"] or product)


def helper_pid(server):
    """The pid of the helper; 0: none."""
    for line in server.status().splitlines():
        if line.startswith("helper: pid ") and ", serving" in line:
            return int(line.split()[2].rstrip(","))
    return 0


def wait_for_helper(server, other_than=0):
    return eventually(lambda: (pid := helper_pid(server)) and pid != other_than and pid, "a helper")
