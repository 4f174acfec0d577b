"""geectl status and geectl top: the server's page as tables, from the real server and from a fake server."""
import http.client
import http.server
import json
import os
import re
import select
import subprocess
import termios
import threading

import pytest

from conftest import CONF, eventually
from scripted import GEECTL, closed_port, geectl


@pytest.fixture(autouse=True)
def with_http(make_server):
    modules = make_server().run("-V").stdout
    if "page_debug" not in modules or "transport_http_connect" not in modules:
        pytest.skip("this build has no page_debug, or its library no HTTP")


def row(text, name):
    """The words of the line that begins with `name`."""
    return re.search(r"^%s +(.*)$" % re.escape(name), text, re.MULTILINE).group(1).split()


def call_some(server):
    for number in range(5):
        assert server.call("Arith.Multiply", {"A": number, "B": 2}) == ("", 2 * number)
    assert server.call("Arith.Divide", {"A": 1, "B": 0})[0] == "divide by zero"


def test_numbers_of_the_real_server(server):
    call_some(server)
    done = geectl("status", server.tcp)
    assert (done.returncode, done.stderr) == (0, "")
    assert re.match(
        r"geerpc \d+\.\d+\.\d+ at %s\n6 calls, 1 errors since the start; 0 in flight, 0 late\n" % re.escape(server.tcp),
        done.stdout,
    )
    assert f"\nlistening: {server.tcp} {server.unix}\n" in done.stdout
    assert row(done.stdout, "METHOD") == ["CALLS", "ERRORS", "IN", "FLIGHT", "LATE", "P50", "P99"]
    assert row(done.stdout, "Arith.Multiply")[:4] == ["5", "0", "0", "0"]
    assert row(done.stdout, "Arith.Multiply")[5] in ("us", "ms")
    assert row(done.stdout, "Arith.Divide")[:2] == ["1", "1"]
    assert row(done.stdout, "Foo.Sum") == ["0", "0", "0", "0", "-", "-"]
    calls = [int(row(done.stdout, str(pid))[0]) for pid in server.worker_pids()]
    assert sum(calls) == 6
    assert "\x1b" not in done.stdout


def test_as_json(server):
    """As the page has it: counts past 2^53 are exact."""
    call_some(server)
    done = geectl("status", "--json", server.tcp)
    assert (done.returncode, done.stderr) == (0, "")
    page = json.loads(done.stdout)
    assert page["calls"] == 6 and page["listeners"][0] == {"address": server.tcp}
    assert len(page["workers"]) == 2
    assert done.stdout.count("\n") == 1


def test_a_thousand_upstreams(one_worker):
    """Status, page and JSON show all backends, with names of any length."""
    long_name = "a-name-of-more-than-64-bytes-" + "x" * 70

    def upstream(number):
        servers = ", ".join(
            '{ address = "tcp@127.1.%d.%d:%d"; }' % (number // 250, number % 250, port) for port in range(9001, 9006)
        )
        return '{ name = "%s"; servers = ( %s ); }' % (name(number), servers)

    def name(number):
        return f"up{number}" if number else long_name

    services = ", ".join(f'{{ name = "S{n}"; upstream = "{name(n)}"; }}' for n in range(1000))
    one_worker.conf = CONF.replace("workers = 2", "workers = 1") + "\n".join(
        ["", "upstreams = ( %s );" % ", ".join(map(upstream, range(1000))), f"services = ( {services} );", ""]
    )
    one_worker.start()
    page = json.loads(geectl("status", "--json", one_worker.tcp).stdout)
    assert {each["name"] for each in page["upstreams"]} == set(map(name, range(1000)))
    wanted = {f"tcp@127.1.{n // 250}.{n % 250}:{port}" for n in range(1000) for port in range(9001, 9006)}
    assert {peer["address"] for each in page["upstreams"] for peer in each["peers"]} == wanted
    assert "left_out" not in page
    text = geectl("status", one_worker.tcp).stdout
    assert set(re.findall(r"^(tcp@127\.1\.\S+) ", text, re.MULTILINE)) == wanted
    assert len(re.findall(r"^upstream (\S+):", text, re.MULTILINE)) == 1000
    host, port = one_worker.tcp.split("@")[1].rsplit(":", 1)
    connection = http.client.HTTPConnection(host, int(port), timeout=10)
    connection.request("GET", "/debug/geerpc", headers={"Accept": "text/html"})
    html = connection.getresponse().read().decode()
    connection.close()
    assert set(re.findall(r"<td>(tcp@127\.1\.[^<]*)</td>", html)) == wanted


def test_every_way_to_name_the_page(server):
    call_some(server)
    place = server.tcp.split("@")[1]
    port = place.rsplit(":", 1)[1]
    for where in (
        server.unix, f"http@{place}", f"http://{place}", f"http://{place}/debug/rpc", f"tcp@localhost:{port}"
    ):
        done = geectl("status", where)
        assert done.returncode == 0, done.stderr
        assert row(done.stdout, "Arith.Multiply")[0] == "5"


def test_a_page_that_is_not_shown(make_server):
    server = make_server()
    server.conf = 'workers = 1; listen = ( { address = "tcp@127.0.0.1:0"; pages = "off"; } );'
    server.start()
    done = geectl("status", server.tcp)
    assert (done.returncode, done.stdout) == (1, "")
    assert 'pages = "on"' in done.stderr


@pytest.mark.parametrize("command", ["status", "top"])
def test_nobody_there(command):
    address = closed_port()
    done = geectl(command, address)
    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr == f"geectl: {address}: connect: Connection refused\n"


@pytest.mark.parametrize("where", ["nonsense", "pigeon@roof", "https://localhost", "http://", "tcp@localhost"])
def test_usage(where):
    done = geectl("status", where)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("geectl: ")


# ---- a fake page ----


@pytest.fixture
def page():
    """A function that serves these bodies one after the other, and the last body for ever; returns the address."""
    servers = []

    def start(*bodies, status=200):
        bodies = [body if isinstance(body, str) else json.dumps(body) for body in bodies]

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                body = (bodies.pop(0) if len(bodies) > 1 else bodies[0]).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        servers.append(server)
        return "tcp@127.0.0.1:%d" % server.server_address[1]

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def describe(calls, failures=0, busy="A.Quiet"):
    methods = [{"name": name, "calls": calls if f"A.{name}" == busy else 1} for name in ("Quiet", "Loud")]
    peer = {"address": "tcp@10.0.0.1:9999", "state": "up", "weight": 3, "connections": 2, "in_flight": 7}
    peers = [{**peer, "calls": calls, "failures": failures, "latency_us": 1234}, {"address": "tcp@10.0.0.2:9999"}]
    return {
        "version": "9.8.7",
        "counted": True,
        "calls": calls,
        "services": [{"name": "A", "methods": methods}],
        "others": [{"method": "Old.One", "calls": 5}],
        "workers": [{"process": 4711, "calls": calls, "errors": 2, "in_flight": 1}],
        "upstreams": [{"name": "foo", "balance": "least", "waiting": 12, "peers": peers}],
    }


def test_upstreams(page):
    done = geectl("status", page(describe(40)))
    assert (done.returncode, done.stderr) == (0, "")
    assert "upstream foo: least, 12 waiting\n" in done.stdout
    assert row(done.stdout, "tcp@10.0.0.1:9999") == ["up", "3", "2", "7", "40", "0", "1.23", "ms"]
    assert row(done.stdout, "Old.One")[0] == "5"
    assert row(done.stdout, "4711") == ["40", "2", "1"]


def test_top_prints_differences_once_when_it_is_no_terminal(page):
    address = page(describe(1000, busy="A.Loud"), describe(3000, failures=1000, busy="A.Loud"))
    done = geectl("top", "--interval", "200ms", address)
    assert (done.returncode, done.stderr) == (0, "")
    rate = float(row(done.stdout, "A.Loud")[0])
    assert 100 < rate <= 10000  # 2000 within 200 ms, or longer on a busy machine
    assert float(row(done.stdout, "4711")[0]) == rate
    assert row(done.stdout, "A.Quiet")[0] == "0"
    assert float(row(done.stdout, "tcp@10.0.0.1:9999")[4]) == rate
    assert float(row(done.stdout, "tcp@10.0.0.1:9999")[5]) == pytest.approx(rate / 2, abs=1)
    assert done.stdout.index("A.Loud") < done.stdout.index("A.Quiet")  # the busiest first
    assert row(done.stdout, "METHOD")[0] == "CALLS/S"


def test_a_server_that_was_started_anew(page):
    done = geectl("top", "--interval", "10ms", page(describe(1000), describe(3)))
    assert done.returncode == 0
    assert "-" not in row(done.stdout, "A.Quiet")[0]


@pytest.mark.parametrize("body", ["", "null", "[]", "{", '{"services":5}', "<html>", "x" * 100000])
def test_no_status_page(page, body):
    done = geectl("status", page(body))
    assert (done.returncode, done.stdout) == (3, "")
    assert "no status page" in done.stderr


def test_another_status(page):
    done = geectl("status", page("{}", status=503))
    assert (done.returncode, done.stdout) == (1, "")
    assert "503 Service Unavailable" in done.stderr


@pytest.mark.parametrize(
    "body",
    [
        {"services": [], "workers": 5, "upstreams": {"a": 1}},
        {"services": [1, None, "x", [], {"methods": 7}, {"name": 3, "methods": [1, None, {}]}]},
        {"services": [], "workers": [], "listeners": [7, {"address": ["x"]}, {"address": "\x1b[31mred"}]},
        {"services": [], "workers": [1, {"process": -1e300, "calls": "many"}], "others": [None, {"method": []}]},
        {"services": [], "upstreams": [7, {"peers": [1, None, {"calls": 1e300, "weight": []}]}]},
    ],
)
@pytest.mark.parametrize("command", ["status", "top"])
def test_a_page_of_a_hostile_server(page, command, body):
    options = ["--interval", "10ms"] if command == "top" else []
    assert geectl(command, *options, page(body)).returncode == 0


# ---- on a terminal ----


def test_top_on_a_terminal(page):
    bodies = [describe(1000 * number) for number in range(1, 100)]
    bodies[0]["version"] = "1.0\u001b]0;title\u0007"
    leader, follower = os.openpty()
    before = termios.tcgetattr(follower)
    shown = ""

    def read():
        nonlocal shown
        if select.select([leader], [], [], 0)[0]:
            shown += os.read(leader, 65536).decode()
        return shown

    process = subprocess.Popen(
        [GEECTL, "top", "--interval", "20ms", page(*bodies)],
        stdin=follower,
        stdout=follower,
        stderr=subprocess.PIPE,
        env={**os.environ, "TERM": "xterm", "NO_COLOR": ""},
    )
    try:
        eventually(lambda: read().count("CALLS/S") >= 6, "three pictures with rates")
        os.write(leader, b"xq")
        eventually(lambda: read() and process.poll() is not None, "the end")
        read()
        after = termios.tcgetattr(follower)
    finally:
        process.kill()
        process.wait()
        os.close(leader)
        os.close(follower)
    assert (process.returncode, process.stderr.read()) == (0, b"")
    assert shown.startswith("\x1b[?1049h")
    assert shown.endswith("\x1b[?1049l")
    assert after == before
    assert "\x1b]0;" not in shown
    assert "1.0\\u001b]0;title\\u0007" in shown
