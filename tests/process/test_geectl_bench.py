"""geectl bench counts every call once, and shows how long a server lets its callers wait."""
import json
import os
import re
import signal
import subprocess
import threading
import threading
import urllib.request

import pytest

from conftest import eventually
from scripted import GEECTL, check_sanitizers, closed_port, geectl

MULTIPLY = ("Arith.Multiply", '{"A":7,"B":8}')
WIRES = [
    ["--codec", "json"], ["--codec", "bin"], ["--codec", "gob"], ["--protocol", "netrpc"], ["--protocol", "jsonrpc"]
]


def bench(*arguments, status=0):
    done = geectl("bench", "--json", *arguments)
    assert done.returncode == status, done.stderr
    assert done.stderr == ""
    return json.loads(done.stdout)


def counted(server, method="Arith.Multiply"):
    """The calls of a method as the server counts them."""
    url = "http://" + server.tcp.split("@")[1] + "/debug/geerpc?format=json"
    with urllib.request.urlopen(url, timeout=20) as page:
        services = json.load(page)["services"]
    return {
        f"{service['name']}.{each['name']}": each["calls"] for service in services for each in service["methods"]
    }[method]


@pytest.mark.parametrize("wire", WIRES, ids=lambda wire: wire[1])
def test_the_count_is_exact(server, wire):
    result = bench("--count", 1003, "--connections", 3, "--threads", 2, "--depth", 5, *wire, server.tcp, *MULTIPLY)
    assert (result["calls"], result["replies"], result["unanswered"], result["errors"]) == (1003, 1003, 0, [])
    assert (result["loop"], result["connections"], result["depth"], result["threads"]) == ("closed", 3, 5, 2)
    assert counted(server) == 1003
    latency = result["latency_us"]
    quantiles = [latency[name] for name in ("min", "p50", "p90", "p99", "p99_9", "max")]
    assert quantiles[0] > 0 and quantiles == sorted(quantiles)
    assert latency["min"] <= latency["mean"] <= latency["max"]
    assert result["calls_per_second"] == pytest.approx(1003 / result["seconds"])


def test_a_warmup_does_not_count(server):
    result = bench("--count", 100, "--connections", 1, "--warmup", "50ms", server.tcp, *MULTIPLY)
    assert result["calls"] == 100
    assert counted(server) > 100


def test_for_a_person(server):
    done = geectl("bench", "--count", 100, "--connections", 2, server.tcp, *MULTIPLY)
    assert (done.returncode, done.stderr) == (0, "")
    assert f"Arith.Multiply of {server.tcp} (geerpc, json)\n" in done.stdout
    assert re.search(r"^  calls     100 in \d+\.\d\d s: \d+ calls/s$", done.stdout, re.MULTILINE)
    assert re.search(r"^ +p50 [\d.]+ [num]?s  p90 [\d.]+ [num]?s  p99 ", done.stdout, re.MULTILINE)
    assert re.search(r"^  errors    0$", done.stdout, re.MULTILINE)


def test_error_replies_are_counted_by_their_text(server):
    result = bench("--count", 50, server.tcp, "Arith.Divide", '{"A":1,"B":0}', status=1)
    assert (result["calls"], result["replies"], result["error_replies"]) == (50, 0, 50)
    assert result["errors"] == [{"count": 50, "text": "divide by zero"}]


@pytest.mark.parametrize("arrivals", ["fixed", "poisson"])
def test_an_open_loop_keeps_its_rate(server, arrivals):
    options = ["--rate", 2000, "--arrivals", arrivals, "--duration", "500ms", "--threads", 2, "--connections", 4]
    result = bench(*options, server.tcp, *MULTIPLY)
    assert (result["loop"], result["rate"], result["arrivals"]) == ("open", 2000, arrivals)
    assert result["replies"] == result["calls"] == counted(server)
    # Of random arrivals the standard deviation is the root of the number: 32.
    assert abs(result["calls"] - 1000) <= (1 if arrivals == "fixed" else 200)


def stalling(at, seconds):
    """An answer() that stalls once: with its call number `at`."""
    count = iter(range(1 << 30))

    def answer(header, body):
        if next(count) == at:
            threading.Event().wait(seconds)
        return {}, "56"

    return answer


def test_a_stall_is_charged_with_the_calls_that_had_to_wait(serve):
    """The server stalls half of the time: half of the due calls have waited, on average half of the stall."""
    server = serve(stalling(10, 1))
    options = ["--arrivals", "fixed", "--rate", 100, "--duration", "2s", "--connections", 1]
    result = bench(*options, server.address, *MULTIPLY)
    assert result["calls"] == result["replies"] == 200
    assert result["latency_us"]["max"] > 900_000
    assert result["latency_us"]["p90"] > 600_000
    assert result["latency_us"]["mean"] > 200_000
    # The same when there is room for one call at a time: calls that could not be sent have waited, too.
    server = serve(stalling(10, 1))
    result = bench(*options, "--depth", 1, server.address, *MULTIPLY)
    assert result["calls"] == 200
    assert result["latency_us"]["p90"] > 600_000
    # A closed loop does not show the stall: one call was slow.
    server = serve(stalling(10, 1))
    result = bench("--count", 200, "--connections", 1, server.address, *MULTIPLY)
    assert result["latency_us"]["max"] > 900_000
    assert result["latency_us"]["p90"] < 500_000


def test_calls_without_an_answer_count(serve):
    server = serve(lambda header, body: None if body["A"] else ({}, "1"))
    result = bench(
        "--count", 3, "--connections", 1, "--depth", 3, "--timeout", "100ms", server.address, *MULTIPLY, status=3
    )
    assert (result["calls"], result["unanswered"], result["replies"]) == (3, 3, 0)
    assert result["latency_us"]["min"] >= 100_000
    assert all("no reply within" in error["text"] for error in result["errors"])
    assert sum(error["count"] for error in result["errors"]) == 3


def test_a_lost_connection_is_dialled_anew(serve):
    count = iter(range(1 << 30))

    def answer(header, body):
        if next(count) == 100:
            raise EOFError
        return {}, "56"

    server = serve(answer)
    result = bench("--count", 200, "--connections", 1, server.address, *MULTIPLY, status=1)
    assert (result["replies"], result["unanswered"], result["redialled"]) == (199, 1, 1)
    (error,) = result["errors"]
    assert error["text"] == f"{server.address}: wait: the peer closed the connection"


def test_the_server_goes_away(serve):
    gone = threading.Event()

    def answer(header, body):
        if gone.is_set():
            raise EOFError
        return {}, "56"

    server = serve(answer)
    process = subprocess.Popen(
        [GEECTL, "bench", "--json", "--duration", "60s", "--connections", "2", server.address, *MULTIPLY],
        stdout=subprocess.PIPE,
        text=True,
    )
    eventually(lambda: len(server.requests) > 10, "calls")
    server.stop()
    gone.set()
    result = json.loads(process.communicate(timeout=30)[0])
    assert process.returncode == 1
    assert result["replies"] > 10 and result["unanswered"] >= 1 and result["redialled"] == 0


def interrupted(server, *options, number=signal.SIGINT, **streams):
    """A run of a minute, interrupted after it has begun."""
    process = subprocess.Popen(
        [GEECTL, "bench", "--duration", "60s", *options, server.tcp, *MULTIPLY],
        **{"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, **streams},
    )
    try:
        eventually(lambda: counted(server) > 100, "calls")
        process.send_signal(number)
        out, err = process.communicate(timeout=30)
    finally:
        process.kill()
        process.wait()
    assert process.returncode == 0
    return out, err


@pytest.mark.parametrize("options", [[], ["--rate", "1000"]], ids=["closed", "open"])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_ends_it_with_the_result_so_far(server, options, number):
    out, err = interrupted(server, "--json", *options, number=number)
    check_sanitizers(err)
    result = json.loads(out)
    assert result["calls"] == result["replies"] == counted(server)
    assert 0 < result["seconds"] < 30


def test_progress_on_a_terminal(server):
    leader, follower = os.openpty()
    shown = ""
    process = subprocess.Popen(
        [
            GEECTL, "bench", "--duration", "60s", server.tcp, *MULTIPLY
        ], stdout=subprocess.PIPE, stderr=follower, text=True
    )
    try:
        os.close(follower)
        while not re.search(r"\r1 s  \d+ calls/s", shown):
            shown += os.read(leader, 4096).decode()
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=30)
    finally:
        os.close(leader)
        process.kill()
        process.wait()
    assert process.returncode == 0
    assert "calls/s" in out


def test_nobody_there():
    address = closed_port()
    done = geectl("bench", address, *MULTIPLY)
    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr.startswith(f"geectl: {address}: connect: Connection refused")


@pytest.mark.parametrize(
    "arguments, said",
    [
        (["X.Y", "{"], "arguments: "),
        (["--rate", "0", "X.Y"], "a number from 1"),
        (["--arrivals", "never", "X.Y"], "poisson|fixed"),
        (["--connections", "many", "X.Y"], "a number from 1 to 10000"),
        (["--duration", "5", "X.Y"], "unit"),
        (["--json=yes", "X.Y"], "takes no value"),
    ],
)
def test_usage(server, arguments, said):
    done = geectl("bench", server.tcp, *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert said in done.stderr
