"""Names, texts, numbers and times of a call for which its wire, or the other side, has no place: that call fails, with
the text that programs compare, and the connection goes on. Servers are Go's, or fake."""
import json
import socketserver
import threading

import pytest

from conftest import TIMEOUT
from gateway import page, peers, start_gateway
from scripted import geectl
from wire import JsonPeer, connect

PAIR = '{"A":7,"B":8}'


class Lines:
    """A conversation in JSON-RPC, a line each way."""

    def __init__(self, address):
        self.sock = connect(address, TIMEOUT)
        self.lines = self.sock.makefile("rb")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.sock.close()

    def ask(self, text):
        self.sock.sendall(text if isinstance(text, bytes) else text.encode())
        line = self.lines.readline().decode()
        assert line, "the server closed the connection"
        return line

    def call(self, method, params="{}"):
        return json.loads(self.ask('{"method":"%s","params":[%s],"id":1}' % (method, params)))


class PlayedJsonRpc(socketserver.ThreadingTCPServer):
    """A fake JSON-RPC server that answers each line with answer(request), unchanged."""

    daemon_threads = True
    block_on_close = False

    def __init__(self, answer):
        class Conversation(socketserver.StreamRequestHandler):
            def handle(self):
                for line in self.rfile:
                    self.wfile.write(answer(json.loads(line)).encode() + b"\n")

        super().__init__(("127.0.0.1", 0), Conversation)
        self.address = "tcp@127.0.0.1:%d" % self.server_address[1]
        self.thread = threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.02})
        self.thread.start()

    def __exit__(self, *_):
        self.shutdown()
        self.server_close()
        self.thread.join(TIMEOUT)


# ---- missing methods ----


@pytest.mark.parametrize("behind", ["netrpc", "jsonrpc", "geerpc"])
def test_a_gateway_says_it_in_the_words_of_its_caller(make_server, go_server, behind):
    settings = {"protocol": behind, "codec": "gob"} if behind == "geerpc" else {"protocol": behind}
    gateway = start_gateway(make_server(), [go_server(behind, "tcp")], **settings)
    with gateway.peer() as ours, Lines(gateway.tcp) as theirs:
        for _ in range(2):
            header, _ = ours.call("Arith.Bad", {})
            assert (header["Error"], header["Code"]) == ("rpc server: can't find method Bad", 12)
            assert theirs.call("Arith.Bad")["error"] == "rpc: can't find method Arith.Bad"
            assert theirs.call("Nobody.Home")["error"] == "rpc: can't find service Nobody.Home"
            two = json.loads(theirs.ask('{"jsonrpc":"2.0","method":"Arith.Bad","params":{},"id":1}'))
            assert two["error"]["code"] == -32601
            assert ours.call("Arith.Multiply", {"A": 7, "B": 8})[1] == 56


@pytest.mark.parametrize("behind", ["netrpc", "jsonrpc"])
def test_a_long_name_reaches_no_server(make_server, go_server, behind):
    """A name that Go's server would return twice, in a reply over the limit, which once ended a connection of all
    callers."""
    back = go_server(behind, "tcp")
    gateway = start_gateway(make_server(), [back], protocol=behind, connections=1)
    with Lines(gateway.tcp) as bystander, Lines(gateway.tcp) as caller, gateway.peer() as other:
        assert bystander.call("Arith.Multiply", PAIR)["result"] == 56
        seen = peers(gateway)[back]
        for _ in range(3):
            line = caller.ask('{"method":"Arith.%s","params":[{}],"id":1}' % ("E" * 3_000_000))
            assert "over 1024 bytes (limits.method)" in line and len(line) < 500
            header, _ = other.call("Arith." + "E" * 1100, {})
            assert header["Code"] == 8 and len(header["ServiceMethod"]) <= 200
            assert bystander.call("Arith.Multiply", PAIR)["result"] == 56
            assert caller.call("Arith.Multiply", PAIR)["result"] == 56
        now = peers(gateway)[back]
    assert now["calls"] == seen["calls"] + 6  # only the bystanders' calls
    assert (now["connections"], now["failures"], now["state"]) == (1, 0, "up")
    assert "is down" not in gateway.log()


# ---- JSON-RPC, as Go and the specification have it ----


def test_first_messages_of_strangers(server):
    rows = {
        "{}": '{"id":null,"result":null,"error":"rpc: service/method request ill-formed: "}\n',
        '{"Method":"Arith.Multiply","Params":[%s],"ID":"\\u0000"}' % PAIR:
            '{"id":"\\u0000","result":56,"error":null}\n',
        '{"method":"Arith.\\ud800","params":[{}],"id":0}':
            '{"id":0,"result":null,"error":"rpc: can\'t find method Arith.\ufffd"}\n',
        '{"jsonrpc":"\\u0032.0","method":"Arith.Multiply","params":%s,"id":1.0}' % PAIR:
            '{"jsonrpc":"2.0","id":1.0,"result":56}\n',
    }
    for text, wanted in rows.items():
        with Lines(server.tcp) as lines:
            assert lines.ask(text) == wanted
            assert lines.ask(text) == wanted
            assert lines.call("Arith.Multiply", PAIR)["result"] == 56


def test_texts_that_are_not_utf8(server):
    with Lines(server.tcp) as lines:
        for method in (
            b"X" + "é".encode() * 100 + b".Y", b"X" + "é".encode() * 100, b"Arith.X" + "é".encode() * 100, b"Arith.\xff"
        ):
            answer = json.loads(lines.ask(b'{"method":"%s","params":[{}],"id":1}' % method))
            assert answer["error"].startswith("rpc: ")
        assert lines.call("Arith.Multiply", PAIR)["result"] == 56


@pytest.mark.parametrize(
    "reply, status, said",
    [
        ('{"jsonrpc":"2.0","method":"changed","params":[1]}\n{"id":%d,"result":56,"error":null}', 0, "56"),
        ('{"method":"changed","params":[1],"id":null}\n{"id":%d,"result":56,"error":null}', 0, "56"),
        ('{"id":%d.0,"result":56,"error":null}', 0, "56"),
        ('{"ID":%d,"Result":56,"Error":null}', 0, "56"),
        ('{"id":%d,"error":null}', 1, "jsonrpc: the reply has neither a result nor an error"),
        ('{"id":%d,"result":56,"error":"no"}', 1, "jsonrpc: the reply has a result and an error: no"),
        (
            '{"id":%d,"method":"Arith.Multiply","params":[]}',
            1,
            "jsonrpc: the server sent a request in the place of the reply",
        ),
        ('{"id":%d,"result":null,"error":"no \\ud800"}', 1, "no \ufffd"),
        (
            '{"id":%d,"result":[123456789012345678901234567890,-1e999],"error":null}',
            0,
            "[123456789012345678901234567890,-1e999]",
        ),
    ],
)
def test_replies_of_strangers(make_server, reply, status, said):
    """The same replies are errors for geectl and for a caller behind a gateway."""
    with PlayedJsonRpc(lambda request: reply.replace("%d", str(request["id"]))) as back:
        done = geectl("call", "--protocol", "jsonrpc", "--timeout", "5s", back.address, "Arith.Multiply", PAIR)
        assert (done.returncode, (done.stderr if status else done.stdout).strip()) == (status, said)
    with PlayedJsonRpc(lambda request: reply.replace("%d", str(request["id"]))) as back:
        gateway = start_gateway(make_server(), [back.address], protocol="jsonrpc")
        with Lines(gateway.tcp) as lines:
            for _ in range(2):
                line = lines.ask('{"method":"Foo.Sum","params":[%s],"id":1}' % PAIR)
                assert (json.loads(line)["error"] == said) if status else ('"result":%s,' % said in line)
        assert page(gateway)["upstreams"][0]["peers"][0]["connections"] == 1


def test_numbers_past_64_bits_are_kept_as_text(make_server, serve):
    """From JSON to JSON, in every protocol; also for the caller's own numbers."""
    number = "123456789012345678901234567890"
    back = serve(lambda header, body: ({}, "[%d,1e999]" % body["N"]))
    done = geectl("call", back.address, "Foo.Big", '{"N":%s}' % number)
    assert (done.returncode, done.stdout) == (0, f"[{number},1e999]\n")
    back = serve(lambda header, body: ({}, "[%d,1e999]" % body["N"]))
    gateway = start_gateway(make_server(), [back.address], protocol="geerpc", codec="json", services=["Big"])
    with Lines(gateway.tcp) as lines:
        assert f'"result":[{number},1e999],' in lines.ask('{"method":"Big.One","params":[{"N":%s}],"id":1}' % number)


# ---- times, and values without a place on the wire ----


def test_a_negative_timeout_is_over(server):
    with JsonPeer(server.tcp) as peer:
        header, _ = peer.call("Arith.Multiply", {"A": 7, "B": 8}, Timeout=-1_000_000)
        assert (header["Error"], header["Code"]) == ("rpc server: request handle timeout: expect within -1ms", 4)
        assert peer.call("Arith.Multiply", {"A": 7, "B": 8}, Timeout=1_000_000_000)[1] == 56


def test_strict_calls_go_only_where_nothing_is_left_out(server):
    for wire in (["--codec", "json"], ["--codec", "bin"]):
        done = geectl(
            "call", "--strict", "--timeout", "5s", "--metadata", "user=ann", *wire, server.tcp, "Arith.Multiply", PAIR
        )
        assert (done.returncode, done.stdout) == (0, "56\n")
    for wire in (["--codec", "gob"], ["--protocol", "netrpc"], ["--protocol", "jsonrpc"]):
        assert geectl("call", *wire, server.tcp, "Arith.Multiply", PAIR).stdout == "56\n"
        done = geectl("call", "--strict", *wire, server.tcp, "Arith.Multiply", PAIR)
        assert (done.returncode, done.stdout) == (2, "")
        assert "has no place for metadata, a timeout or a status code" in done.stderr
