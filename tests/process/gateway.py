"""Shared by tests of the gateway: its configuration, its page about its backends, and fake servers, which behave well
or badly.

    gateway = start_gateway(make_server(), [("tcp@127.0.0.1:9999", 5), ...], services=["Arith"], retries=1)
    peers(gateway)["tcp@127.0.0.1:9999"]["in_flight"]
    with PlayedServer("silent") as server: ...
"""
import json
import socket
import struct
import threading
import time
import urllib.request

from conftest import TIMEOUT, eventually
from wire import field, fields


# ---- a gateway ----


def value(setting):
    if isinstance(setting, bool):
        return str(setting).lower()
    return str(setting) if isinstance(setting, int) else f'"{setting}"'


def gateway_conf(servers, services=("Arith", "Foo"), workers=1, **upstream):
    """servers: addresses, or (address, weight). Services are names, or settings as text: 'name = "X"; timeout =
    "1s";'"""
    pairs = [server if isinstance(server, tuple) else (server, 1) for server in servers]
    listed = ", ".join(f'{{ address = "{address}"; weight = {weight}; }}' for address, weight in pairs)
    settings = " ".join(f"{name} = {value(setting)};" for name, setting in upstream.items())
    texts = [service if "=" in service else f'name = "{service}";' for service in services]
    forwarded = ", ".join(f'{{ {text} upstream = "back"; }}' for text in texts)
    return f"""
workers = {workers};
access_log = {{ path = "logs/access.log"; }};
listen = ( {{ address = "tcp@127.0.0.1:0"; }}, {{ address = "unix@run/geerpc.sock"; mode = "0666"; }} );
services = ( {forwarded} );
upstreams = ( {{ name = "back"; {settings} servers = ( {listed} ); }} );
"""


def start_gateway(server, servers, **options):
    server.conf = gateway_conf(servers, **options)
    return server.start()


def page(gateway):
    """/debug/geerpc as JSON."""
    place = gateway.tcp.split("@")[1]
    with urllib.request.urlopen(f"http://{place}/debug/geerpc?format=json", timeout=TIMEOUT) as answer:
        return json.load(answer)


def upstream(gateway):
    return next(each for each in page(gateway)["upstreams"] if each["name"] == "back")


def peers(gateway):
    return {peer["address"]: peer for peer in upstream(gateway)["peers"]}


def wait_until_idle(gateway):
    """Waits until all in-flight counts return to zero."""

    def idle():
        shown = page(gateway)
        return shown["in_flight"] == 0 and all(
            each["waiting"] == 0 and all(
                peer["in_flight"] == 0 for peer in each["peers"]
            ) for each in shown["upstreams"]
        )

    eventually(idle, "no call in flight")


def answered_by(gateway, count):
    """The server of each call, in order, from the access log."""
    path = gateway.root / "logs/access.log"
    lines = eventually(
        lambda: (lines := path.read_text().splitlines()) and len(lines) >= count and lines, "a line for each call"
    )
    return [line.split(" ")[9] for line in lines]


def at_once(works):
    """Runs each function on a thread; returns their results, or raises the first exception."""
    results = [None] * len(works)

    def run(i):
        try:
            results[i] = works[i]()
        except BaseException as trouble:  # pylint: disable=broad-except
            results[i] = trouble

    threads = [threading.Thread(target=run, args=(i,)) for i in range(len(works))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for result in results:
        if isinstance(result, BaseException):
            raise result
    return results


# ---- fake servers ----

CALL, PING, DRAIN = 0, 3, 2  # kinds of frames
MANNERS = ("good", "slow", "silent", "garbage", "reset", "smuggling")


class PlayedServer:
    """A fake server that speaks GeeRPC's frames with JSON bodies: the answer to every call is its argument. Manners:

    good       answers at once
    slow       after 100 ms
    silent     accepts, reads and says nothing
    garbage    answers with bytes that are no frame
    reset      sends half of a reply and resets the connection
    smuggling  has a second reply behind the value in its reply's frame
    """

    DELAY = 0.1

    def __init__(self, manner="good", listen=True):
        assert manner in MANNERS
        self.manner = manner
        self.socket = socket.socket()
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(("127.0.0.1", 0))  # until it listens, connections are refused
        self.address = "tcp@127.0.0.1:%d" % self.socket.getsockname()[1]
        self.connections = set()
        self.requests = 0
        self.kinds = set()  # of the received frames
        if listen:
            self.listen()

    def listen(self):
        self.socket.listen()
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        for each in [self.socket, *self.connections]:
            try:
                each.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            each.close()

    def _accept(self):
        while True:
            try:
                connection, _ = self.socket.accept()
            except OSError:
                return
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.connections.add(connection)
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection):
        stream = connection.makefile("rb")
        try:
            option = stream.read(512)
            assert b"application/bin" in option, option
            while True:
                prefix = stream.read(10)
                if len(prefix) < 10:
                    return
                codec, _, header_length, body_length = struct.unpack(">BBII", prefix)
                header, body = fields(stream.read(header_length)), stream.read(body_length)
                self.kinds.add(header.get(4, CALL))
                if header.get(4, CALL) == CALL:
                    self.requests += 1
                self._answer(connection, codec, header, body)
        except (OSError, ValueError):
            pass
        finally:
            self.connections.discard(connection)
            connection.close()

    def _answer(self, connection, codec, header, body):
        kind, seq = header.get(4, CALL), field(2, header.get(2, 0))
        if kind == PING and self.manner != "silent":  # a ping
            self._send(connection, 0, seq + field(4, 4), b"")
        if kind != CALL or self.manner == "silent":
            return
        if self.manner == "garbage":
            connection.sendall(b"\xde\xad\xbe\xef" * 8)
        elif self.manner == "reset":
            connection.sendall(struct.pack(">BBII", codec, 0, len(seq), len(body))[:7])
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            raise OSError
        elif self.manner == "smuggling":
            self._send(connection, codec, seq, body + b'\n{"ServiceMethod":"Odd.Echo","Seq":2,"Error":""}\n"smuggled"')
        elif self.manner == "slow":
            threading.Timer(self.DELAY, self._send, (connection, codec, seq, body)).start()
        else:
            self._send(connection, codec, seq, body)

    @staticmethod
    def _send(connection, codec, header, body):
        try:
            connection.sendall(struct.pack(">BBII", codec, 0, len(header), len(body)) + header + body)
        except OSError:
            pass


class Hole:
    """An address at which connecting never ends: the queue of the listener is full."""

    def __init__(self):
        self.socket = socket.socket()
        self.socket.bind(("127.0.0.1", 0))
        self.socket.listen(0)
        self.address = "tcp@127.0.0.1:%d" % self.socket.getsockname()[1]
        self.waiting = []
        for _ in range(4):
            filler = socket.socket()
            filler.setblocking(False)
            filler.connect_ex(self.socket.getsockname())
            self.waiting.append(filler)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for each in [self.socket, *self.waiting]:
            each.close()


def timed(function, *arguments, **options):
    """(seconds, result)"""
    began = time.monotonic()
    result = function(*arguments, **options)
    return time.monotonic() - began, result
