"""HTTP against the running server: the debug page, CONNECT by hand and by geectl, listeners with and without pages."""
import html.parser
import http.client
import json
import re
import socket
import subprocess

import pytest

from conftest import eventually
from wire import OPTION_JSON, JsonPeer, connect

PAGES = ("/debug/geerpc", "/debug/rpc")


@pytest.fixture(autouse=True)
def with_http(make_server):
    modules = make_server().run("-V").stdout
    if "protocol_http" not in modules:
        pytest.skip("this build has no protocol_http")


def place(server):
    host, port = server.tcp.split("@")[1].rsplit(":", 1)
    return host, int(port)


def ask(server, path, method="GET", address=None, **options):
    """(response, body) on a connection of its own."""
    connection = http.client.HTTPConnection(*(address or place(server)), timeout=20)
    connection.request(method, path, **options)
    response = connection.getresponse()
    body = response.read()
    connection.close()
    return response, body


def counts(server, path=PAGES[0]):
    response, body = ask(server, path, headers={"Accept": "application/json"})
    assert response.status == 200
    assert response.headers["Content-Type"] == "application/json"
    return json.loads(body)


def method_of(page, service, method):
    (found,) = [each for each in page["services"] if each["name"] == service]
    (row,) = [each for each in found["methods"] if each["name"] == method]
    return row


def test_true_counts_over_all_workers(server):
    for number in range(40):  # separate connections, which the kernel spreads over both workers
        assert server.call("Arith.Multiply", {"A": number, "B": 2}) == ("", 2 * number)
    assert server.call("Arith.Divide", {"A": 1, "B": 0})[0] == "divide by zero"
    assert "can't find method" in server.call("Arith.Nothing", {})[0]
    for path in PAGES:
        page = counts(server, path)
        multiply = method_of(page, "Arith", "Multiply")
        assert (multiply["calls"], multiply["errors"], multiply["in_flight"]) == (40, 0, 0)
        assert multiply["argument"] == "Args{A int64, B int64}"
        assert multiply["reply"] == "int64"
        assert 0 < multiply["p50_us"] <= multiply["p99_us"]
        divide = method_of(page, "Arith", "Divide")
        assert (divide["calls"], divide["errors"]) == (1, 1)
        assert divide["reply"] == "Quotient{Quo int64, Rem int64}"
        assert [other["calls"] for other in page["others"]] == [1]
        assert page["counted"] is True
        assert [each["address"] for each in page["listeners"]] == [server.tcp, server.unix]
        assert len(page["workers"]) == 2
        assert sum(worker["calls"] for worker in page["workers"]) == page["calls"] == 42
        assert all(worker["calls"] > 0 for worker in page["workers"])
        assert {worker["process"] for worker in page["workers"]} == set(server.worker_pids())


def test_in_flight(server):
    with server.peer() as peer:
        peer.send("Foo.Sleep", {"Num1": 2, "Num2": 1})
        eventually(lambda: method_of(counts(server), "Foo", "Sleep")["in_flight"] == 1, "a call in flight")
        assert peer.reply()[1] == 3
        assert method_of(counts(server), "Foo", "Sleep")["in_flight"] == 0
        assert method_of(counts(server), "Foo", "Sleep")["p50_us"] >= 2000000


class Tables(html.parser.HTMLParser):
    """The cells of every row, the tags that were opened and not closed, and all names of tags."""

    def __init__(self, text):
        super().__init__()
        self.rows, self.open, self.tags = [], [], set()
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.tags.add(tag)
        if tag not in ("meta", "br"):
            self.open.append(tag)
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.rows and self.open and self.open[-1] in ("td", "th"):
            self.rows[-1][-1] += data


def test_a_page_for_a_person(server):
    server.call("Arith.Multiply", {"A": 1, "B": 2})
    response, body = ask(server, PAGES[0])
    assert response.headers["Content-Type"] == "text/html; charset=utf-8"
    tables = Tables(body.decode())
    assert tables.open == []
    assert "script" not in tables.tags
    (row,) = [row for row in tables.rows if row[0] == "Multiply"]
    assert row[1:5] == ["1", "0", "0", "0"]
    assert re.fullmatch(r"\d+(\.\d)? (µs|ms|s)", row[5])
    assert "http" not in body.decode().replace("http-equiv", "")  # the page loads nothing from elsewhere


@pytest.mark.parametrize(
    "accept, query, kind",
    [
        (None, "", "text/html"),
        ("*/*", "", "text/html"),
        ("text/html,application/xhtml+xml,*/*;q=0.8", "", "text/html"),
        ("application/json", "", "application/json"),
        (None, "?format=json", "application/json"),
        ("application/json", "?format=html", "text/html"),
    ],
)
def test_which_form(server, accept, query, kind):
    response, _ = ask(server, PAGES[0] + query, headers={"Accept": accept} if accept else {})
    assert response.headers["Content-Type"].startswith(kind)


def test_head_and_other_methods(server):
    response, body = ask(server, PAGES[0], "HEAD")
    assert (response.status, body) == (200, b"")
    assert int(response.headers["Content-Length"]) > 500
    response, _ = ask(server, PAGES[0], "POST", body="x")
    assert (response.status, response.headers["Allow"]) == (405, "GET")
    assert ask(server, "/")[0].status == 404


@pytest.mark.parametrize("pages, status", [("auto", 404), ("on", 200), ("off", 404)])
def test_listeners_that_others_can_reach(stopped, pages, status):
    stopped.conf = f"""
        workers = 1;
        listen = ( {{ address = "tcp@0.0.0.0:0"; pages = "{pages}"; }}, {{ address = "tcp@127.0.0.1:0"; }},
                   {{ address = "unix@run/geerpc.sock"; }} );
    """
    stopped.start()
    everywhere, loopback, _ = [
        int(address.rsplit(":", 1)[1]) if ":" in address else 0 for address in stopped.ready.split()
    ]
    assert ask(stopped, PAGES[0], address=("127.0.0.1", everywhere))[0].status == status
    assert ask(stopped, PAGES[0], address=("127.0.0.1", loopback))[0].status == 200
    # CONNECT is no page.
    assert ask(stopped, "/_goRPC_", address=("127.0.0.1", everywhere))[1] == b"405 must CONNECT\n"
    with connect(stopped.unix) as sock:
        sock.sendall(b"GET /debug/geerpc HTTP/1.0\r\n\r\n")
        assert sock.makefile("rb").readline() == b"HTTP/1.1 200 OK\r\n"


def test_pages_can_be_switched_off_on_loopback(stopped):
    stopped.conf = 'workers = 1; listen = ( { address = "tcp@127.0.0.1:0"; pages = "off"; } );'
    stopped.start()
    assert ask(stopped, PAGES[0])[0].status == 404


def test_a_keep_alive_connection_serves_many_requests(server):
    connection = http.client.HTTPConnection(*place(server), timeout=20)
    for _ in range(100):
        connection.request("GET", PAGES[0])
        response = connection.getresponse()
        assert response.status == 200
        response.read()
    connection.close()


@pytest.mark.parametrize(
    "request_bytes, answer",
    [
        (b"CONNECT /_geeprc_ HTTP/1.0\n\n", b"HTTP/1.0 200 Connected to Gee RPC\r\n\r\n"),
        (b"CONNECT /_geerpc_ HTTP/1.0\r\n\r\n", b"HTTP/1.0 200 Connected to Gee RPC\r\n\r\n"),
        (b"CONNECT /_goRPC_ HTTP/1.0\n\n", b"HTTP/1.0 200 Connected to Go RPC\r\n\r\n"),
    ],
)
def test_connect_by_hand(server, request_bytes, answer):
    """Bytes behind the empty line of the request are the first bytes of the conversation."""
    with JsonPeer(server.tcp, option=request_bytes + OPTION_JSON) as peer:
        got = b""
        while len(got) < len(answer):
            got += peer.sock.recv(len(answer) - len(got))
        assert got == answer
        assert peer.call("Arith.Multiply", {"A": 7, "B": 8})[1] == 56


@pytest.mark.parametrize("path", ["", "/_geerpc_", "/_goRPC_"])
def test_geectl_over_connect(server, path):
    address = server.tcp.replace("tcp@", "http@") + path
    done = subprocess.run(
        [server.build / "geectl", "call", address, "Arith.Multiply", '{"A":7,"B":8}'],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (done.returncode, done.stdout) == (0, "56\n"), done.stderr


def test_geectl_says_what_a_server_answered_to_connect(server):
    done = subprocess.run(
        [server.build / "geectl", "call", server.tcp.replace("tcp@", "http@") + "/wrong", "Arith.Multiply", "{}"],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 3
    assert "handshake: CONNECT /wrong was answered: 404 Not Found" in done.stderr


def test_a_listener_may_be_called_http(stopped):
    stopped.conf = 'workers = 1; listen = ( { address = "http@127.0.0.1:0"; } );'
    stopped.start()
    port = stopped.ready.rsplit(":", 1)[1]
    with stopped.peer(f"tcp@127.0.0.1:{port}") as peer:
        assert peer.call("Foo.Sum", {"Num1": 1, "Num2": 2})[1] == 3
    assert ask(stopped, PAGES[0], address=("127.0.0.1", int(port)))[0].status == 200


def test_http_can_be_left_out_of_a_listener(stopped):
    stopped.conf = 'workers = 1; listen = ( { address = "tcp@127.0.0.1:0"; protocols = ( "geerpc" ); } );'
    stopped.start()
    with socket.create_connection(place(stopped), 20) as sock:
        sock.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        try:
            assert sock.recv(100) == b""
        except ConnectionResetError:
            pass
    stopped.wait_for_log("it speaks HTTP, which this listener does not take")


def test_smuggled_requests_are_refused_and_closed(server):
    with socket.create_connection(place(server), 20) as sock:
        sock.sendall(
            b"POST /debug/geerpc HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n"
            b"0\r\n\r\nGET /debug/geerpc HTTP/1.1\r\nHost: localhost\r\n\r\n"
        )
        answer = b""
        while more := sock.recv(65536):
            answer += more
    assert answer.startswith(b"HTTP/1.1 400 Bad Request\r\n")
    assert answer.count(b"HTTP/1.1") == 1
    server.wait_for_log("HTTP: .*Transfer-Encoding")


def test_a_slow_request_does_not_evade_the_handshake_timeout(stopped):
    stopped.conf = 'workers = 1; timeouts = { handshake = "300ms"; }; listen = ( { address = "tcp@127.0.0.1:0"; } );'
    stopped.start()
    with socket.create_connection(place(stopped), 20) as sock:
        sock.sendall(b"GET /debug/geerpc HTTP/1.1\r\n")
        sock.settimeout(0.02)

        def ended():
            try:
                sock.send(b"a")
                return sock.recv(100) == b""
            except socket.timeout:
                return False
            except OSError:
                return True

        eventually(ended, "the end of the connection")


def test_reload_and_stop_with_open_http_connections(stopped):
    stopped.start()
    kept = http.client.HTTPConnection(*place(stopped), timeout=20)
    kept.request("GET", PAGES[0])
    kept.getresponse().read()
    stopped.call("Arith.Multiply", {"A": 1, "B": 2})
    stopped.reload()
    assert method_of(counts(stopped), "Arith", "Multiply")["calls"] == 1  # counts outlive the workers
    kept.close()
