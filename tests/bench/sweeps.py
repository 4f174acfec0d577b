"""Sweeps: one thing varies, and what it costs is told. Each gives a Table of text and numbers.

    allocations   what the allocator is asked for per call, in steady state
"""
import dataclasses
import pathlib

import servers
from conversations import multiply_wires, probe
from measure import run_load
from processes import House, NotStarted

OUR_WIRES = ("bin", "json", "netrpc", "gob", "jsonrpc")


@dataclasses.dataclass
class Table:
    title: str
    columns: list
    rows: list = dataclasses.field(default_factory=list)
    failed: bool = False  # something is not as it must be, whatever the machine


def allocations(arguments, tell):
    """Warmed up, so that free lists have what they need; then not one call of malloc or mmap is right."""
    table = Table("Allocations in steady state, of all the server's processes",
                  ["server and wire", "shape", "calls", "allocations", "per call"])
    wires = multiply_wires()
    with House() as house:
        clear, sealed = servers.start_geerpc(house, count=True)
        gateway = servers.start_gateway(house, servers.start_backend(house), count=True)
        asked = [(f"geerpc, {wire}", wire, clear) for wire in OUR_WIRES]
        asked += [("geerpc, bin, sealed", "bin", sealed)] if sealed else []
        asked += [("gateway, bin to bin", "bin", gateway)]
        for title, wire, server in asked:
            conversation = probe(wires[wire], clear.host, clear.port)
            for shape in ((64, 1), (64, 16)):
                tell(f"{title} {shape[0]}x{shape[1]}")
                result = run_load(server, conversation, *shape, arguments.seconds, warm=arguments.seconds)
                table.rows.append([title, "%dx%d" % shape, result["calls"], result["allocations"],
                                   result["allocations"] / result["calls"]])
                table.failed |= result["allocations"] > 0
            if not any(pathlib.Path(server.allocations).read_bytes()):
                raise NotStarted("malloc_count.so counts nothing, not even the start of a server")
    return table


SWEEPS = {"allocations": allocations}
