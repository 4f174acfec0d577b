"""geectl ping: its output for a person and its exit status for a script."""
import re
import signal
import subprocess

import pytest

from scripted import GEECTL, check_sanitizers, closed_port, geectl

SOON = ("--interval", "1ms")


def answers(address, text):
    """The sequence numbers of the answers; checks their times."""
    found = re.findall(r"^answer from %s: seq=(\d+) time=(\d+\.\d{3}) ms$" % re.escape(address), text, re.MULTILINE)
    assert all(0 < float(time) < 30000 for _, time in found)
    return [int(number) for number, _ in found]


def summary(text):
    """(sent, answered, lost in percent)"""
    return tuple(map(int, re.search(r"^(\d+) sent, (\d+) answered, (\d+)% lost$", text, re.MULTILINE).groups()))


@pytest.mark.parametrize(
    "options, wire",
    [
        ([], "geerpc, json, by calls of Gee.Ping"),
        (["--codec", "bin"], "geerpc, bin, by its pings"),
        (["--codec", "gob"], "geerpc, gob, by calls of Gee.Ping"),
        (["--protocol", "netrpc"], "netrpc, gob, by calls of Gee.Ping"),
        (["--protocol", "jsonrpc"], "jsonrpc, json, by calls of Gee.Ping"),
    ],
)
def test_the_real_server(server, options, wire):
    done = geectl("ping", *SOON, *options, server.tcp)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(f"PING {server.tcp} ({wire})\n")
    assert answers(server.tcp, done.stdout) == [1, 2, 3, 4]
    assert summary(done.stdout) == (4, 4, 0)
    least, mean, most = map(float, re.search(r"min/avg/max = ([\d.]+)/([\d.]+)/([\d.]+) ms", done.stdout).groups())
    assert 0 < least <= mean <= most


def test_any_answer_counts(serve):
    server = serve(lambda header, body: ({"Error": "rpc: can't find service Gee.Ping"}, "{}"))
    done = geectl("ping", *SOON, "--count", 2, server.address)
    assert done.returncode == 0
    assert [header["ServiceMethod"] for header, body in server.requests] == ["Gee.Ping"] * 2


def test_a_lost_answer(serve):
    count = iter(range(1, 10))
    server = serve(lambda header, body: None if next(count) == 2 else ({}, "{}"))
    done = geectl("ping", *SOON, "--timeout", "200ms", "--count", 3, server.address)
    assert done.returncode == 1
    assert answers(server.address, done.stdout) == [1, 3]
    assert re.search(r"^no answer: seq=2 %s: wait: no reply within " % re.escape(server.address), done.stdout, re.M)
    assert summary(done.stdout) == (3, 2, 33)


def test_a_lost_connection_is_dialled_anew(serve):
    count = iter(range(1, 10))

    def answer(header, body):
        if next(count) == 1:
            raise EOFError
        return {}, "{}"

    server = serve(answer)
    done = geectl("ping", *SOON, "--count", 3, server.address)
    assert done.returncode == 1
    assert "no answer: seq=1" in done.stdout
    assert answers(server.address, done.stdout) == [2, 3]


def test_no_connection():
    address = closed_port()
    done = geectl("ping", address)
    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr.startswith(f"geectl: {address}: connect: Connection refused")


def test_until_it_is_interrupted(server):
    process = subprocess.Popen(
        [GEECTL, "ping", "--count", "0", *SOON, server.tcp], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        lines = [process.stdout.readline() for _ in range(8)]
        assert lines[7].startswith(f"answer from {server.tcp}: seq=7 ")
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=30)
    finally:
        process.kill()
        process.wait()
    check_sanitizers(err)
    assert (process.returncode, err) == (0, "")
    sent, answered, lost = summary(out)
    assert sent == answered >= 7
    assert lost == 0


def test_an_interval_without_end(server):
    process = subprocess.Popen(
        [
            GEECTL, "ping", "--interval", "2562047h", server.tcp
        ], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        process.stdout.readline()
        assert process.stdout.readline().startswith(f"answer from {server.tcp}: seq=1 ")
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=30)
    finally:
        process.kill()
        process.wait()
    assert (process.returncode, err) == (0, "")
    assert summary(out) == (1, 1, 0)


@pytest.mark.parametrize(
    "options, said",
    [(["--count", "-1"], "a number from 0"), (["--interval", "1"], "unit"), (["--metadata", "a=b"], "unknown option")],
)
def test_usage(options, said):
    done = geectl("ping", *options, "tcp@127.0.0.1:1")
    assert (done.returncode, done.stdout) == (2, "")
    assert said in done.stderr
