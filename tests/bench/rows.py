"""The rows of the table: which server is spoken to, on which wire, and what it must keep to.

    Row.measure(shape, seconds) ---> one result       Floor: the same byte counts, by the raw epoll echo
"""
import dataclasses

import servers
from conversations import Conversation, WrongAnswer, floor_for, multiply_wires, peer_wires, probe
from measure import per_call, probe_grpc, run_h2load, run_load

# connections, calls in flight on each
SHAPES = ((64, 1), (64, 16), (1, 1), (1, 64))
SEAL_BYTES = 2 + 16  # of a record: its length and its tag


@dataclasses.dataclass(frozen=True)
class Kind:
    """The facts about a row before anything runs."""

    title: str
    wire: str
    server: str
    ours: bool = True


KINDS = {
    "bin": Kind("geerpc, bin", "bin", "geerpc"),
    "json": Kind("geerpc, JSON (GeeRPC)", "json", "geerpc"),
    "netrpc": Kind("geerpc, gob (net/rpc)", "netrpc", "geerpc"),
    "gob": Kind("geerpc, gob (GeeRPC)", "gob", "geerpc"),
    "jsonrpc": Kind("geerpc, JSON-RPC", "jsonrpc", "geerpc"),
    "sealed": Kind("geerpc, bin, sealed", "bin", "sealed"),
    "gateway": Kind("geerpc, bin to bin", "bin", "gateway"),
    "nginx-stream": Kind("nginx, stream", "bin", "nginx-stream", ours=False),
    "haproxy": Kind("HAProxy, mode tcp", "bin", "haproxy", ours=False),
    "go-netrpc": Kind("Go net/rpc", "netrpc", "go-netrpc", ours=False),
    "go-jsonrpc": Kind("Go net/rpc/jsonrpc", "jsonrpc", "go-jsonrpc", ours=False),
    "redis": Kind("Redis, PING", "redis", "redis", ours=False),
    "nginx": Kind("nginx, return 200", "http", "nginx", ours=False),
    "grpc": Kind("gRPC C++ (h2load)", "grpc", "grpc", ours=False),
}


class Row:
    """A server that the load generator speaks to."""

    def __init__(self, server, conversation: Conversation):
        self.server = server
        self.conversation = conversation

    def measure(self, shape, seconds, warm=0):
        return run_load(self.server, self.conversation, *shape, seconds, warm)

    def measure_floor(self, floor, shape, seconds, warm=0):
        connections, depth = shape
        if not self.server.key:
            return run_load(floor, floor_for(self.conversation), connections, depth, seconds, warm)
        # Sealed, a batch is one record: one call of the floor is a batch.
        batch = floor_for(self.conversation, depth, SEAL_BYTES)
        return per_call(run_load(floor, batch, connections, 1, seconds, warm), depth)


class GrpcRow:
    """Arith.Multiply over gRPC: message of A = 7, B = 8, behind a flag and its length."""

    REQUEST = ("/bench.Arith/Multiply", b"\0\0\0\0\4\x08\7\x10\x08")
    REPLY = b"\0\0\0\0\2\x08\x38"

    def __init__(self, server, directory):
        self.server = server
        self.directory = directory
        probe_grpc(server, self.REQUEST, self.REPLY, directory)

    def measure(self, shape, seconds, warm=0):
        del warm
        return run_h2load(self.server, self.REQUEST, *shape, seconds, self.directory)

    @staticmethod
    def measure_floor(*_):
        return None  # h2load counts no bytes


class Rows:
    """Starts what the chosen rows need, each server once."""

    def __init__(self, house, names):
        self.house = house
        self.started = {}
        self.rows, self.missing = {}, {}
        self.floor = servers.start_floor(house)
        wires = {**multiply_wires(), **peer_wires()}
        for name in names:
            try:
                self.rows[name] = self._make(KINDS[name], wires)
            except servers.NotInstalled as missing:
                self.missing[name] = str(missing)
            except WrongAnswer as wrong:
                raise WrongAnswer(f"{name}: {wrong}") from None

    def _make(self, kind, wires):
        server = self._server(kind.server)
        if kind.wire == "grpc":
            return GrpcRow(server, self.house.directory("h2load"))
        # A sealed server says what the one in the clear says, which is the same process.
        asked = self._server("geerpc") if kind.server == "sealed" else server
        return Row(server, probe(wires[kind.wire], *asked.place))

    def _server(self, name):
        if name not in self.started:
            self._start(name)
        return self.started[name]

    def _start(self, name):
        house, started = self.house, self.started
        if name in ("geerpc", "sealed"):
            started["geerpc"], started["sealed"] = servers.start_geerpc(house)
            if name == "sealed" and started["sealed"] is None:
                raise servers.NotInstalled("this build has no seal")
        elif name == "backend":
            started[name] = servers.start_backend(house)
        elif name == "gateway":
            started[name] = servers.start_gateway(house, self._server("backend"))
        elif name == "nginx-stream":
            started[name] = servers.start_nginx(house, self._server("backend"))
        elif name == "haproxy":
            started[name] = servers.start_haproxy(house, self._server("backend"))
        elif name == "nginx":
            started[name] = servers.start_nginx(house)
        elif name.startswith("go-"):
            started[name] = servers.start_go(house, name[len("go-"):])
        elif name == "redis":
            started[name] = servers.start_redis(house)
        elif name == "grpc":
            started[name] = servers.start_grpc(house)
