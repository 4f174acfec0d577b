"""One measurement: the load generator, or h2load, against one server."""
import json
import pathlib
import re
import statistics
import subprocess
import time

from conversations import WrongAnswer
from processes import LOAD_CPU, on_processor
from servers import BUILD, need

PATIENCE = 60


def load_command(server, **arguments):
    arguments = {"address": server.host, "port": server.port, "seal": server.key,
                 "allocations": server.allocations, "pids": ",".join(map(str, server.pids)), **arguments}
    return [str(BUILD / "bench/load")] + [f"{name}={value}" for name, value in arguments.items() if value != ""]


def run_load(server, conversation, connections, depth, seconds, warm=0):
    """The output of load.c, as a dictionary."""
    command = load_command(server, connections=connections, depth=depth, seconds=seconds, warm=warm,
                           compare=int(conversation.compare))
    done = subprocess.run(command, input=conversation.script(), stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          check=False, timeout=seconds + warm + PATIENCE, preexec_fn=on_processor(LOAD_CPU))
    if done.returncode != 0:
        raise WrongAnswer(done.stderr.decode().strip() or f"the load generator ended with status {done.returncode}")
    return json.loads(done.stdout)


def per_call(result, calls):
    """Where one call of the load generator stood for several."""
    return {**result, "calls": result["calls"] * calls, "rate": result["rate"] * calls,
            "cpu_us": result["cpu_us"] / calls}


class Held:
    """Connections that are open, each after one batch of calls, and silent."""

    def __init__(self, house, server, conversation, connections):
        self.house = house
        command = load_command(server, connections=connections, hold=1, compare=int(conversation.compare), pids="")
        self.process = house.start("held", command, LOAD_CPU)
        self.process.stdin.write(conversation.script())
        self.process.stdin.flush()
        if house.first_line("held", self.process) != "holding":
            raise WrongAnswer("connections could not be held")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.house.stop(self.process)


# ---- h2load, for gRPC ----


def cpu_seconds(pids):
    # The kernel's clock of another process, as clock_getcpuclockid() names it.
    return sum(time.clock_gettime(~pid << 3 | 2) for pid in pids)


GRPC_HEADERS = ("-H", "content-type: application/grpc", "-H", "te: trailers")


def probe_grpc(server, request, reply, directory):
    """A call and its answer: h2load looks at neither status nor reply."""
    path, body = request
    (directory / "body").write_bytes(body)
    done = subprocess.run(
        [need("nghttp", "nghttp2-client"), "-v", "-d", directory / "body", *GRPC_HEADERS,
         f"http://127.0.0.1:{server.port}{path}"],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False, timeout=PATIENCE)
    if b"grpc-status: 0" not in done.stdout or reply not in done.stdout:
        raise WrongAnswer("nghttp: %r" % done.stdout[-800:])


def run_h2load(server, request, connections, depth, seconds, directory):
    """request: (path, body). h2load counts by calls, so their number comes from a short run."""
    path, _ = request
    rate, calls = 20000, 0
    for share in (0.2, 1):
        calls = max(int(rate * seconds * share), 4 * connections * depth)
        result = h2load_once(server, path, calls, connections, depth, directory)
        rate = result["rate"]
    return result


def h2load_once(server, path, calls, connections, depth, directory):
    log = pathlib.Path(directory / "times")
    log.unlink(missing_ok=True)
    before = cpu_seconds(server.pids)
    done = subprocess.run(
        [need("h2load", "nghttp2-client"), "-n", str(calls), "-c", str(connections), "-m", str(depth),
         "-d", directory / "body", *GRPC_HEADERS, f"--log-file={log}", f"http://127.0.0.1:{server.port}{path}"],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False, timeout=PATIENCE,
        preexec_fn=on_processor(LOAD_CPU))
    spent = cpu_seconds(server.pids) - before
    if not re.search(rf"\b{calls} succeeded, 0 failed, 0 errored", done.stdout):
        raise WrongAnswer("h2load: " + done.stdout[-800:])
    times = [int(line.split()[2]) for line in log.read_text().splitlines()]
    quantiles = statistics.quantiles(times, n=100)
    return {"calls": calls, "rate": float(re.search(r"([\d.]+) req/s", done.stdout).group(1)),
            "cpu_us": spent * 1e6 / calls, "p50_us": quantiles[49], "p99_us": quantiles[98]}
