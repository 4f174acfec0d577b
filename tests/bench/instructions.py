"""Instructions of a worker per call, counted by callgrind: the same whatever else the machine does, so that a change
of a few per cent is a change of the code. tests/process/test_instructions.py holds them against instructions.json.

    connection 1: N calls     connection 2: 2 N calls     the difference by N: what one call costs
    callgrind closes a count whenever the server opens its door to a connection (--dump-before)

make instructions prints them, make record-instructions writes them down
"""
import json
import pathlib
import platform
import re
import socket
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "process")]

# pylint: disable=wrong-import-position
from conversations import Reader, multiply_wires, probe
from processes import House
from servers import BUILD, start_backend, start_gateway, start_geerpc

RECORDED = HERE / "instructions.json"
CALLS = 480
DEPTHS = (1, 16)
TOLERANCE = 1.03


def key():
    """Conditions of the counts, beside the code: the compiler and its flags, the C library, the processor (whose
    features choose among the library's functions)."""
    version = subprocess.run([BUILD / "geerpc", "-V"], check=True, capture_output=True, text=True).stdout
    compiler = re.search(r"^compiler: (.*)$", version, re.M).group(1)
    arguments = re.search(r"^configured with: (.*)$", version, re.M).group(1).split()
    harmless = ("--install-deps", "--with-bench", "--with-werror", "--prefix", "--builddir", "(no", "arguments)")
    flags = " ".join(argument for argument in arguments if not argument.startswith(harmless))
    model = re.search(r"^model name\s*: (.*)$", pathlib.Path("/proc/cpuinfo").read_text(), re.M)
    return " | ".join(filter(None, (compiler, flags, " ".join(platform.libc_ver()),
                                    model.group(1) if model else platform.machine())))


def converse(server, conversation, depth, calls):
    with socket.create_connection(server.place) as sock:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        reader = Reader(sock)
        sock.sendall(conversation.opening)
        assert reader.take(len(conversation.answer)) == conversation.answer
        for _ in range(calls // depth):
            sock.sendall(conversation.request * depth)
            assert reader.take(len(conversation.reply) * depth) == conversation.reply * depth


def counts(root, pid):
    parts = sorted(root.glob(f"count.{pid}.*"), key=lambda path: int(path.suffix[1:]))
    return [int(re.search(r"^totals: (\d+)", part.read_text(), re.M).group(1)) for part in parts]


def measure(server, root, prefix=""):
    """name of the row -> instructions per call."""
    worker = server.pids[-1]
    rows = []
    for name, wire in multiply_wires().items():
        conversation = probe(wire, *server.place)
        for depth in DEPTHS:
            before = len(counts(root, worker))
            converse(server, conversation, depth, CALLS)
            converse(server, conversation, depth, 2 * CALLS)
            rows.append((f"{prefix}{name}, {depth} in flight", before))
    probe(multiply_wires()["bin"], *server.place)  # closes the last count
    total = counts(root, worker)
    assert len(total) >= rows[-1][1] + 3, f"callgrind has counted {len(total)} times: is gee_door_open still there?"
    # At each door the count before it is closed: what the first connection cost is one further than what was there.
    return {name: round((total[before + 2] - total[before + 1]) / CALLS) for name, before in rows}


def measure_all():
    with House() as house:
        root = house.directory("counts")
        root.chmod(0o777)  # where workers write, as nobody
        callgrind = ["valgrind", "-q", "--tool=callgrind", "--trace-children=yes", "--dump-before=gee_door_open",
                     f"--callgrind-out-file={root}/count.%p"]
        result = measure(start_geerpc(house, under=callgrind, seal=False)[0], root)
        backend = start_backend(house)
        return {**result, **measure(start_gateway(house, backend, under=callgrind, seal=False), root, "gateway, ")}


def compare(measured):
    """Lines to print, and those rows that have become dearer."""
    recorded = json.loads(RECORDED.read_text()).get(key(), {})
    worse = [name for name, count in measured.items() if count > recorded.get(name, count) * TOLERANCE]
    lines = [f"{name:28}{count:8}" for name, count in measured.items()]
    for i, (name, count) in enumerate(measured.items()):
        if name in recorded:
            lines[i] += f"{recorded[name]:8} recorded {count / recorded[name]:6.2f}"
    if not recorded:
        lines.append(f"nothing is recorded for {key()}: make record-instructions")
    return lines, worse


def main():
    measured = measure_all()
    if "--record" in sys.argv:
        everything = json.loads(RECORDED.read_text()) if RECORDED.exists() else {}
        everything[key()] = measured
        RECORDED.write_text(json.dumps(everything, indent=1) + "\n")
    lines, worse = compare(measured)
    print("\n".join(lines))
    if worse:
        print(f"dearer by more than {TOLERANCE - 1:.0%}: {'; '.join(worse)}\n"
              "find out why (callgrind_annotate), or record what it costs now: make record-instructions")
    return 1 if worse else 0


if __name__ == "__main__":
    sys.exit(main())
