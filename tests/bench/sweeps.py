"""Sweeps: one thing varies, and what it costs is told. Each gives a Table of text and numbers.

    allocations   what the allocator is asked for per call, in steady state
    payload       an echo of 16 bytes to 1 MiB, on every wire
    connections   memory of an idle connection, 1 to 20,000 of them, on every wire
    idle          64 busy connections beside 10,000 idle ones
    stopped       calls on connections that also have a streaming call whose reader has stopped
    methods       1 to 10,000 of them
"""
import dataclasses
import pathlib
import re
import statistics

import servers
from conversations import beside_stopped_reader, echo_wires, joined, multiply_wires, probe
from measure import Held, per_call, run_load
from processes import House, NotStarted, most_connections, process_tree
from report import paired
from rows import Row

OUR_WIRES = ("bin", "json", "netrpc", "gob", "jsonrpc")
WARM = 1
ROOM = ("limits = { connections = 100000; connections_per_address = 0; unauthenticated = 0; "
        "handshakes_per_address = 0; };\n")


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
            conversation = probe(wires[wire], *clear.place)
            for shape in ((64, 1), (64, 16)):
                tell(f"{title} {shape[0]}x{shape[1]}")
                result = run_load(server, conversation, *shape, arguments.seconds, warm=WARM)
                table.rows.append([title, "%dx%d" % shape, result["calls"], result["allocations"],
                                   result["allocations"] / result["calls"]])
                table.failed |= result["allocations"] > 0
            if not any(pathlib.Path(server.allocations).read_bytes()):
                raise NotStarted("malloc_count.so counts nothing, not even the start of a server")
    return table


# ---- payload ----

PAYLOADS = (16, 256, 4096, 65536, 1 << 20)
PAYLOAD_CONNECTIONS = 16


def payload(arguments, tell):
    table = Table(f"An echo of a text, {PAYLOAD_CONNECTIONS} connections, 1 in flight on each; medians",
                  ["server and wire", "bytes", "us CPU/call", "floor", "x floor", "calls/s", "allocations/call"])
    shape = (PAYLOAD_CONNECTIONS, 1)
    with House() as house:
        measured, counted = payload_servers(house, "measured"), payload_servers(house, "counted", count=True)
        clear = measured["geerpc, bin"][1]
        try:
            measured["Go net/rpc"] = ("netrpc", servers.start_go(house, "netrpc"))
        except servers.NotInstalled as missing:
            table.rows.append(["Go net/rpc: not installed", str(missing)] + ["-"] * 5)
        floor = servers.start_floor(house)
        for size in PAYLOADS:
            wires = echo_wires(size)
            rows = {title: Row(server, probe(wires[wire], *(clear if server.key else server).place))
                    for title, (wire, server) in measured.items()}
            for title, own, beside in interleaved(rows, floor, shape, arguments,
                                                  lambda text, size=size: tell(f"{size} bytes: {text}")):
                asked = "-"
                if title in counted:
                    result = run_load(counted[title][1], rows[title].conversation, *shape, arguments.seconds, WARM)
                    asked = result["allocations"] / result["calls"]
                table.rows.append([title, size, *beside_floor(own, beside), asked])
    return table


def payload_servers(house, name, **options):
    """{title: (wire, server)} of one geerpc."""
    clear, sealed = servers.start_geerpc(house, name, build=servers.build_sweep_server(), **options)
    asked = {f"geerpc, {wire}": (wire, clear) for wire in OUR_WIRES}
    if sealed:
        asked["geerpc, bin, sealed"] = ("bin", sealed)
    return asked


def interleaved(rows, floor, shape, arguments, tell):
    """(name, results, the floor's results) of each row, after all rounds."""
    own, beside = {name: [] for name in rows}, {name: [] for name in rows}
    for number in range(arguments.rounds):
        for name, row in rows.items():
            tell(f"{name}, round {number + 1} of {arguments.rounds}")
            beside[name].append(row.measure_floor(floor, shape, arguments.seconds))
            own[name].append(row.measure(shape, arguments.seconds))
    return [(name, own[name], beside[name]) for name in rows]


def median(results, figure):
    return statistics.median(result[figure] for result in results)


def beside_floor(own, beside):
    return [median(own, "cpu_us"), median(beside, "cpu_us"), paired(own, beside, "cpu_us"), round(median(own, "rate"))]


# ---- what must not rise with the number of something ----

FLAT = 1.1
FLAT_TITLE = f"at most {FLAT:g}"


def flat(ratio):
    return [ratio, "met" if ratio <= FLAT else "MISSED"]


# ---- connections ----

CONNECTIONS = (1, 10, 100, 1000, 10000, most_connections(20000))


def private_bytes(pids):
    """The private dirty memory of the processes; None where that may not be read."""
    total = 0
    for pid in pids:
        try:
            text = pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text()
        except PermissionError:
            return None
        total += 1024 * int(re.search(r"^Private_Dirty: +(\d+) kB$", text, re.MULTILINE).group(1))
    return total


def connections(arguments, tell):
    """Each was opened and made one call. A server for each wire, so that nobody finds what another has left."""
    del arguments
    table = Table("Memory per idle connection after one call: growth of Private_Dirty of the worker, in bytes",
                  ["server and wire"] + [f"{count:,}" for count in CONNECTIONS])
    wires = multiply_wires()
    for title, wire, with_seal in [(f"geerpc, {wire}", wire, False) for wire in OUR_WIRES] + [
            ("geerpc, bin, sealed", "bin", True)]:
        with House() as house:
            clear, sealed = servers.start_geerpc(house, settings=ROOM, seal=with_seal)
            if with_seal and sealed is None:
                continue
            conversation = probe(wires[wire], *clear.place)
            table.rows.append([title] + idle_memory(house, sealed or clear, conversation,
                                                    lambda text, title=title: tell(f"{title}: {text}")))
    return table


def idle_memory(house, server, conversation, tell):
    workers = process_tree(server.pids[0])[1:]
    with Held(house, server, conversation, 1):
        pass  # the first connection takes what all share
    before = private_bytes(workers)
    figures = []
    for count in CONNECTIONS:
        tell(f"{count} connections")
        with Held(house, server, conversation, count):
            during = private_bytes(workers)
        figures.append("-" if during is None or before is None else round((during - before) / count))
    return figures


# ---- busy beside idle ----

BUSY, IDLE = 64, most_connections(10000)


def idle(arguments, tell):
    table = Table(f"us CPU/call of {BUSY} busy connections, alone and beside {IDLE:,} that made one call; medians",
                  ["server and wire", "alone", "beside idle", "ratio", FLAT_TITLE])
    wires = multiply_wires()
    with House() as house:
        alone, _ = servers.start_geerpc(house, "alone", seal=False)
        crowded, _ = servers.start_geerpc(house, "crowded", ROOM, seal=False)
        for wire in OUR_WIRES:
            conversation = probe(wires[wire], *alone.place)
            own, beside = [], []
            with Held(house, crowded, conversation, IDLE):
                for number in range(arguments.rounds):
                    tell(f"{wire}, round {number + 1} of {arguments.rounds}")
                    own.append(run_load(alone, conversation, BUSY, 1, arguments.seconds))
                    beside.append(run_load(crowded, conversation, BUSY, 1, arguments.seconds))
            table.rows.append([f"geerpc, {wire}", median(own, "cpu_us"), median(beside, "cpu_us"),
                               *flat(paired(beside, own, "cpu_us"))])
    return table


# ---- a reader that has stopped ----

STREAMING = 'services = ( { name = "Arith"; }, { name = "Stream"; } );\n'


def stopped(arguments, tell):
    """The server, or each hop, holds a streaming call of every connection while the calls go on. Of times on the clock
    the least says most: other load of the machine only adds."""
    table = Table("us until the reply, alone and with a streaming call on each connection whose reader has stopped; "
                  "least of the rounds", ["server and wire", "shape", "p50, alone", "stopped", "p99, alone", "stopped",
                                          "p99 ratio, median"])
    with House() as house:
        options = {"settings": STREAMING, "build": servers.build_stream_server(), "seal": False}
        asked = {"geerpc, bin": servers.start_geerpc(house, **options)[0],
                 "gateway, bin to bin": servers.start_gateway(house, servers.start_backend(house, **options))}
        cells = {(title, shape): ([], []) for title in asked for shape in ((64, 1), (64, 16))}
        for number in range(arguments.rounds):
            for (title, shape), (own, beside) in cells.items():
                tell(f"{title} {shape[0]}x{shape[1]}, round {number + 1} of {arguments.rounds}")
                conversation = probe(multiply_wires()["bin"], *asked[title].place)
                own.append(run_load(asked[title], conversation, *shape, arguments.seconds))
                beside.append(run_load(asked[title], beside_stopped_reader(conversation), *shape, arguments.seconds))
    for (title, shape), (own, beside) in cells.items():
        figures = [min(result[figure] for result in results) for figure in ("p50_us", "p99_us")
                   for results in (own, beside)]
        table.rows.append([title, "%dx%d" % shape, *figures, paired(beside, own, "p99_us")])
    return table


# ---- methods ----

METHODS = (1, 10, 100, 1000, 10000)  # as tests/bench/generate_methods has them
DIFFERENT = 16


class Spread(Row):
    """A batch is calls of different methods, spread over all registered methods."""

    def measure(self, shape, seconds, warm=0):
        return per_call(super().measure(shape, seconds, warm), DIFFERENT)


def methods(arguments, tell):
    table = Table(f"Registered methods; 64 connections, {DIFFERENT} calls of different methods in flight; us CPU/call, "
                  "medians", ["server and wire"] + [f"{count:,}" for count in METHODS] + ["10,000 : 1", FLAT_TITLE])
    with House() as house:
        build = servers.build_sweep_server()
        rows = {}
        for count in METHODS:
            server, _ = servers.start_geerpc(house, f"methods-{count}", build=build, seal=False,
                                             settings=f'services = ( {{ name = "Bench{count:05}"; }} );\n')
            names = [f"Bench{count:05}.M{i * count // DIFFERENT:05}" for i in range(DIFFERENT)]
            for wire in ("bin", "json", "jsonrpc"):
                asked = joined([probe(multiply_wires(name)[wire], *server.place) for name in names])
                rows[wire, count] = Spread(server, asked)
            asked = probe(multiply_wires(names[-1])["netrpc"], *server.place)
            rows["netrpc", count] = Row(server, asked)
        results = {name: [] for name in rows}
        for number in range(arguments.rounds):
            for (wire, count), row in rows.items():
                tell(f"{wire}, {count} methods, round {number + 1} of {arguments.rounds}")
                shape = (64, 1) if isinstance(row, Spread) else (64, DIFFERENT)
                results[wire, count].append(row.measure(shape, arguments.seconds))
    for wire in dict.fromkeys(wire for wire, _ in rows):
        table.rows.append([f"geerpc, {wire}"] + [median(results[wire, count], "cpu_us") for count in METHODS]
                          + flat(paired(results[wire, METHODS[-1]], results[wire, METHODS[0]], "cpu_us")))
    return table


SWEEPS = {"allocations": allocations, "payload": payload, "connections": connections, "idle": idle, "stopped": stopped,
          "methods": methods}
