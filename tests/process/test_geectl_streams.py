"""geectl and streaming calls of the real server: values in from arguments, files and pipes, lines out, metadata and
errors on standard error, exit status."""
import json
import os
import signal
import subprocess

import pytest

from conftest import CONF, TIMEOUT, eventually
from scripted import GEECTL, closed_port, geectl




@pytest.fixture
def one(make_server, extended_build):
    """A server with the service Stream; one worker, so that callers meet."""
    server = make_server(build=extended_build)
    server.conf = CONF.replace("workers = 2", "workers = 1")
    return server.start()


class Talk:
    """A geectl call that goes on, over pipes; ended with the test."""

    def __init__(self, *arguments):
        self.process = subprocess.Popen(
            [GEECTL, "call", *map(str, arguments)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            bufsize=1,
        )

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.communicate()

    def say(self, text):
        self.process.stdin.write(text)
        self.process.stdin.flush()

    def hear(self):
        return self.process.stdout.readline()

    def end(self):
        """(status, the rest of standard output, standard error)"""
        out, err = self.process.communicate(timeout=TIMEOUT)
        return self.process.returncode, out, err


def outcome(done):
    return done.returncode, done.stdout, done.stderr


# ---- each kind, with --codec and without ----


@pytest.mark.parametrize("options", [[], ["--codec", "bin"], ["--codec", "proto"]])
def test_each_kind(one, options):
    def call(*arguments, stdin=""):
        return outcome(geectl("call", *options, one.tcp, *arguments, stdin=stdin))

    for blocking in ("", "Blocking"):
        assert call(f"Stream.List{blocking}", '{"From":3,"To":5}') == (0, "3\n4\n5\n", "")
        assert call(f"Stream.List{blocking}", '{"From":3,"To":2}') == (0, "", "")
        assert call(f"Stream.Sum{blocking}", "1 2 3") == (0, "6\n", "")
        assert call(f"Stream.Sum{blocking}", stdin="1\n2\n30") == (0, "33\n", "")
        assert call(f"Stream.Sum{blocking}", "-", stdin="") == (0, "0\n", "")
        assert call(f"Stream.Double{blocking}", stdin="1 2\t3\n") == (0, "2\n4\n6\n", "")
    assert call("Stream.Echo", stdin='"a""b c" "\\"]"\n"{"') == (0, '"a"\n"b c"\n"\\"]"\n"{"\n', "")
    assert call("Stream.Count", "0") == (0, '{"Open":0,"Released":2}\n', ""), "a unary call of the same server"


def test_values_from_a_file(one, tmp_path):
    """More than a buffer of them, of every form."""
    path = tmp_path / "numbers"
    path.write_text("\n".join(map(str, range(100000))))
    assert outcome(geectl("call", one.tcp, "Stream.Sum", f"@{path}")) == (0, "%d\n" % sum(range(100000)), "")
    path.write_text('{"From":1,\n"To":2}')
    assert outcome(geectl("call", one.tcp, "Stream.List", f"@{path}")) == (0, "1\n2\n", "")
    path.write_text('{"A":7,"B":8}\n')
    assert outcome(geectl("call", one.tcp, "Arith.Multiply", f"@{path}")) == (0, "56\n", "")
    for method in ("Stream.Sum", "Arith.Multiply"):
        done = geectl("call", one.tcp, method, f"@{tmp_path}/none")
        assert outcome(done) == (2, "", f"geectl: {tmp_path}/none: No such file or directory\n")


def test_long_values_and_many(one):
    texts = [json.dumps("x" * length) for length in (0, 1, 70000, 300000, 65536)]
    done = geectl("call", one.tcp, "Stream.Echo", stdin="".join(texts))
    assert done.stderr == ""
    assert done.stdout.splitlines() == texts
    numbers = range(50000)
    done = geectl("call", one.tcp, "Stream.Double", stdin=" ".join(map(str, numbers)))
    assert [int(line) for line in done.stdout.splitlines()] == [2 * number for number in numbers]


def test_a_talk(one):
    """Each value is sent as soon as it is there, and each reply is a line at once; two callers hear each other."""
    with Talk(one.tcp, "Stream.Double") as talk:
        for number in range(20):
            talk.say(f"{number}\n")
            assert talk.hear() == f"{2 * number}\n"
        assert talk.end() == (0, "", "")
    with Talk(one.tcp, "Stream.Chat", "-") as ann, Talk("--codec", "bin", one.tcp, "Stream.Chat") as ben:
        ann.say('"hello"')
        eventually(lambda: '"Open":1' in geectl("call", one.tcp, "Stream.Count", "0").stdout, "ann in the chat")
        ben.say('"here I am"')
        assert ann.hear() == '"here I am"\n'
        ann.say('"good"')
        assert ben.hear() == '"good"\n'
        ben.process.send_signal(signal.SIGINT)
        ben.process.wait(TIMEOUT)
        eventually(lambda: '"Open":1' in geectl("call", one.tcp, "Stream.Count", "0").stdout, "ben has left")
        assert ann.end() == (0, "", "")


def test_the_call_ends_while_input_is_waited_for(one):
    """An error of the server ends geectl, though its input goes on."""
    with Talk(one.tcp, "Stream.Sum") as talk:
        talk.say('1 "two" ')
        talk.process.wait(TIMEOUT)
        assert talk.process.returncode == 1
        assert "int64" in talk.process.stderr.read()
    with Talk("--timeout", "300ms", one.tcp, "Stream.Echo") as talk:
        talk.process.wait(TIMEOUT)
        assert talk.process.returncode in (1, 3), "the server's clock, or ours, was first"
        assert "within" in talk.process.stderr.read()
    with Talk(one.tcp, "Stream.Echo") as talk:
        talk.say('"a"')
        assert talk.hear() == '"a"\n'
        one.allow(r"was killed by signal 9 \(SIGKILL\)")
        os.kill(one.worker_pids()[0], 9)
        talk.process.wait(TIMEOUT)
        assert talk.process.returncode == 3
        assert talk.process.stderr.read().startswith(f"geectl: {one.tcp}: wait: ")


def test_the_reader_of_the_output_leaves(one):
    """As with head: geectl ends, and the server hears of it."""
    command = f"{GEECTL} call {one.tcp} Stream.List '{{\"From\":1,\"To\":1000000000}}' | head -n 3"
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, timeout=TIMEOUT, check=False)
    assert done.stdout == "1\n2\n3\n"
    eventually(lambda: '"Open":0' in geectl("call", one.tcp, "Stream.Count", "0").stdout, "the call's end")


# ---- errors ----


def test_bad_values(one):
    done = geectl("call", one.tcp, "Stream.Sum", "1 nul 2")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("geectl: the arguments: message: ")
    done = geectl("call", one.tcp, "Stream.Sum", stdin='1 {"a')
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("geectl: standard input: message: ")
    done = geectl("call", one.tcp, "Stream.Sum", stdin="1 2\0")
    assert outcome(done) == (2, "", "geectl: standard input holds a zero byte: it is no JSON\n")
    done = geectl("call", one.tcp, "Stream.List", '{"From":1,"To":1} {"From":2,"To":2}')
    assert done.returncode == 2
    assert done.stderr == "geectl: the arguments: the method takes one message, and here are several\n"


@pytest.mark.parametrize(
    "options, wire",
    [
        (["--codec", "json"], "geerpc with json"),
        (["--codec", "protojson"], "geerpc with protojson"),
        (["--codec", "gob"], "geerpc with gob"),
        (["--protocol", "netrpc"], "netrpc with gob"),
        (["--protocol", "jsonrpc"], "jsonrpc with json"),
    ],
)
def test_wires_without_streams(one, options, wire):
    done = geectl("call", *options, one.tcp, "Stream.List", '{"From":1,"To":2}')
    assert outcome(done) == (2, "", f"geectl: {wire} has no streaming calls; geerpc with bin or proto has\n")
    done = geectl("call", *options, one.tcp, "Stream.Sum", "-", stdin="1 2")
    assert outcome(done) == (2, "", f"geectl: {wire} has no streaming calls; geerpc with bin or proto has\n")


def test_verbose(one):
    done = geectl("call", "-v", "--metadata", "who=ann", one.tcp, "Stream.Metadata", '"who"')
    assert (done.returncode, done.stdout) == (0, '"ann"\n')
    assert done.stderr == (
        "initial   color: red\n"
        "initial   color: green\n"
        "initial   trace-bin: 00ff0a\n"
        "trailing  cost: 1\n"
        "trailing  cost: 2\n"
        "trailing  digest-bin: 00ff0a\n"
    )
    failure = '{"After":2,"Code":10,"Text":"no more","Details":"d2h5"}'
    done = geectl("call", "--verbose", one.tcp, "Stream.Fail", failure)
    assert (done.returncode, done.stdout) == (1, "1\n2\n")
    assert done.stderr == 'trailing  reason: asked for\ndetails   "why"\nno more\n'
    done = geectl("call", "-v", "--codec", "bin", one.tcp, "Stream.FailUnary", failure)
    assert outcome(done) == (1, "", 'trailing  reason: asked for\ndetails   "why"\nno more\n')
    done = geectl("call", one.tcp, "Stream.Fail", failure)
    assert outcome(done) == (1, "1\n2\n", "no more\n")


def test_several_servers(one):
    """The stream goes to the server that is there."""
    servers = f"{closed_port()},{one.tcp}"
    done = geectl("call", "--balance", "roundrobin", servers, "Stream.Sum", stdin="1 2 3")
    assert outcome(done) == (0, "6\n", "")


def test_describe(one):
    done = geectl("describe", one.tcp, "Stream.Sum")
    assert outcome(done) == (0, "Stream.Sum\n  arguments  stream of int64\n  reply      int64\n", "")
    done = geectl("describe", one.tcp, "Stream.List")
    assert done.stdout.startswith("Stream.List\n  arguments  Range\n  reply      stream of int64\n")
    description = json.loads(geectl("describe", "--json", one.tcp, "Stream").stdout)
    methods = {each["Name"]: each for each in description["Methods"]}
    streaming = {name: (each["ClientStreaming"], each["ServerStreaming"]) for name, each in methods.items()}
    assert streaming["Stream.Double"] == (True, True)
    assert streaming["Stream.Sum"] == (True, False)
    assert streaming["Stream.List"] == (False, True)
    assert streaming["Stream.Count"] == (False, False)


# ---- bench ----


def bench(*arguments, status=0):
    done = geectl("bench", "--json", *arguments)
    assert done.returncode == status, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("depth", [1, 100])
def test_bench_both_ways(one, depth):
    result = bench("--stream", "--connections", 3, "--depth", depth, "--count", 3000, one.tcp, "Stream.Double", "7")
    assert (result["stream"], result["wire"], result["depth"]) == ("both", "geerpc, bin", depth)
    assert (result["messages"], result["replies"], result["errors"]) == (3000, 3000, [])
    assert 0 < result["latency_us"]["min"] <= result["latency_us"]["p50"] <= result["latency_us"]["max"]
    assert result["messages_per_second"] > 0


def test_bench_one_way(one):
    result = bench("--stream", "--connections", 2, "--count", 20000, one.tcp, "Stream.Sum", "7")
    assert (result["stream"], result["messages"], result["errors"]) == ("client", 20000, [])
    result = bench("--stream", "--connections", 2, "--count", 20000, one.tcp, "Stream.List", '{"From":1,"To":300}')
    assert (result["stream"], result["messages"], result["errors"]) == ("server", 20000, [])
    done = geectl("bench", "--stream", "--count", "1000", one.tcp, "Stream.List", '{"From":1,"To":300}')
    assert done.returncode == 0, done.stderr
    assert "streams from the server: 16 connections, 1 thread\n" in done.stdout
    assert "  messages  1000 in " in done.stdout


def test_bench_of_streams_that_fail(one):
    result = bench("--stream", "--count", 10, one.tcp, "Stream.Sum", '"seven"', status=1)
    assert "int64" in result["errors"][0]["text"]
    result = bench("--stream", "--connections", 1, "--count", 10, one.tcp, "Stream.List", '"seven"', status=1)
    assert (result["replies"], sum(error["count"] for error in result["errors"])) == (0, 10)
    done = geectl("bench", "--stream", one.tcp, "Stream.Sum", "7 nul")
    assert (done.returncode, done.stdout) == (2, "")
    done = geectl("bench", "--stream", one.tcp, "Arith.Multiply", "{}")
    assert outcome(done) == (2, "", "geectl: Arith.Multiply does not stream\n")
    done = geectl("bench", "--stream", "--rate", "10", one.tcp, "Stream.Sum", "7")
    assert done.returncode == 2
    done = geectl("bench", "--stream", "--codec", "json", one.tcp, "Stream.Sum", "7")
    assert done.returncode == 2
    assert "geerpc with json has no streaming calls; geerpc with bin or proto has" in done.stderr
