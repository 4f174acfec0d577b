"""Go programs as peers: on Go's own net/rpc and net/rpc/jsonrpc, and on GeeRPC's protocol made of encoding/gob and
encoding/json (tests/interop/go). First as clients of the server, then as servers for geectl and the library."""
import ctypes
import json
import pathlib
import subprocess
import threading

import pytest

from conftest import BUILD, SANITIZED, SPEAKERS, TIMEOUT

# ---- Go programs call the server ----


def http(address):
    return address.replace("tcp@", "http@")


@pytest.mark.parametrize("speaker", SPEAKERS)
def test_document(server, client, speaker):
    """The example of net/rpc's documentation."""
    for address in (server.tcp, server.unix):
        assert client(speaker, address, "document") == "Arith: 7*8=56, 7/8=0 rest 7"


@pytest.mark.parametrize("speaker", ["netrpc", "geerpc-gob", "geerpc-json"])
def test_document_through_connect(server, client, speaker):
    """rpc.DialHTTP, and GeeRPC's CONNECT with bare line feeds."""
    assert client(speaker, http(server.tcp), "document") == "Arith: 7*8=56, 7/8=0 rest 7"
    assert client(speaker, http(server.tcp), "load", "-calls", 50) == "400 calls"


def test_document_through_a_path_of_ones_own(stopped, client):
    """rpc.DialHTTPPath."""
    stopped.conf += 'connect = { path = "/my/rpc"; };\n'
    server = stopped.start()
    assert client("netrpc", http(server.tcp) + "/my/rpc", "document") == "Arith: 7*8=56, 7/8=0 rest 7"
    stopped.conf = stopped.conf.replace('"/my/rpc"', '"my/rpc"')
    assert 'connect.path is "my/rpc": a path begins with /' in stopped.run("-t", status=1).stderr


@pytest.mark.parametrize("speaker", SPEAKERS)
def test_errors(server, client, speaker):
    assert client(speaker, server.tcp, "errors") == "7 failures"


@pytest.mark.parametrize("speaker", SPEAKERS)
def test_many_goroutines_on_one_connection(server, client, speaker):
    for address in (server.tcp, server.unix):
        assert client(speaker, address, "load", "-goroutines", 8, "-calls", 2000) == "16000 calls"


@pytest.mark.parametrize("speaker", SPEAKERS)
def test_a_connection_for_each_call(server, client, speaker):
    assert client(speaker, server.tcp, "redial", "-goroutines", 8, "-calls", 500) == "4000 connections"


@pytest.mark.parametrize("speaker", SPEAKERS)
def test_close_in_mid_call(server, client, speaker):
    assert client(speaker, server.tcp, "close") == "20 closed"
    assert server.call("Foo.Sum", {"Num1": 1, "Num2": 2}) == ("", 3)


@pytest.mark.parametrize("speaker", ["netrpc", "geerpc-gob"])
def test_a_process_with_thousands_of_gob_types(server, client, speaker):
    assert client(speaker, server.tcp, "types") == "9000 types"


@pytest.mark.parametrize("speaker", ["geerpc-gob", "geerpc-json"])
def test_handle_timeout_of_the_option(server, client, speaker):
    assert client(speaker, server.tcp, "timeout") == "timed out"


@pytest.mark.parametrize("speaker", SPEAKERS)
def test_every_kind(make_server, extended_build, client, speaker):
    """Both extremes of every integer, NaN and infinities (gob), a text of 1 MiB, maps of any key (gob), enums, arrays,
    lists of lists and of structs."""
    server = make_server(build=extended_build).start()
    wanted = "6 samples" if speaker in ("netrpc", "geerpc-gob") else "3 samples"
    assert client(speaker, server.tcp, "kinds") == wanted


@pytest.mark.parametrize("speaker", ["netrpc", "geerpc-gob"])
def test_messages_of_a_proto(make_server, extended_build, client, speaker):
    """Services whose fields have the names of a .proto: Go has its own names for them. And a oneof."""
    server = make_server(build=extended_build).start()
    assert client(speaker, server.tcp, "choices") == "9 choices"
    assert client(speaker, server.tcp, "messages") == "3 messages"


# ---- geectl and the library call Go programs ----


CALLERS = {
    "netrpc": ["--protocol", "netrpc"],
    "jsonrpc": ["--protocol", "jsonrpc"],
    "geerpc-gob": ["--codec", "gob"],
    "geerpc-json": ["--codec", "json"],
}


def geectl(caller, address, method, arguments):
    """(exit status, output)"""
    done = subprocess.run(
        [str(BUILD / "geectl"), "call", *CALLERS[caller], address, method, arguments],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        timeout=TIMEOUT,
        check=False,
    )
    assert (done.stdout == "") == (done.returncode != 0), done.stderr
    assert "Sanitizer" not in done.stderr and "runtime error" not in done.stderr, done.stderr
    return done.returncode, (done.stdout or done.stderr).rstrip("\n")


WAYS = [(caller, scheme) for caller in CALLERS for scheme in ("tcp", "unix")]
WAYS += [(caller, "http") for caller in CALLERS if caller != "jsonrpc"]


@pytest.mark.parametrize("caller, scheme", WAYS)
def test_geectl_calls_go(go_server, tmp_path_factory, caller, scheme):
    directory = pathlib.Path(tmp_path_factory.mktemp("go"))
    address = go_server(caller.split("-")[0], scheme, directory)
    assert geectl(caller, address, "Arith.Multiply", '{"A":7,"B":8}') == (0, "56")
    assert geectl(caller, address, "Arith.Divide", '{"A":7,"B":2}') == (0, '{"Quo":3,"Rem":1}')
    assert geectl(caller, address, "Arith.Divide", '{"A":7,"B":0}') == (1, "divide by zero")
    assert geectl(caller, address, "Foo.Sum", '{"Num1":-5,"Num2":9223372036854775807}') == (0, "9223372036854775802")
    assert geectl(caller, address, "Nobody.Home", "{}") == (1, "rpc: can't find service Nobody.Home")
    assert geectl(caller, address, "Arith.Nothing", "{}") == (1, "rpc: can't find method Arith.Nothing")


@pytest.mark.parametrize("caller", CALLERS)
def test_values_to_go_and_back(go_server, caller):
    address = go_server(caller.split("-")[0], "tcp")
    assert geectl(caller, address, "Kinds.Text", '"a\\u0000\\u20ac"') == (0, '"a\\u0000\u20ac"')
    assert geectl(caller, address, "Kinds.Numbers", "[-9223372036854775808,0,9223372036854775807]") == (
        0,
        "[-9223372036854775808,0,9223372036854775807]",
    )
    sent = {
        "Flag": True,
        "Int": -9223372036854775808,
        "Double": 2.5,
        "Text": "text",
        "Numbers": [1, -2],
        "Texts": ["", "x"],
        "Items": [{"Name": "one", "Count": 1}, {"Name": "two", "Count": 2}],
        "Rows": [[1.5, 2.5], [0.5]],
        "Inner": {"Name": "inner", "Count": 3},
        "Maybe": {"Name": "maybe", "Count": 4},
    }
    status, said = geectl(caller, address, "Kinds.Echo", json.dumps(sent))
    assert status == 0, said
    assert {name: value for name, value in json.loads(said).items() if name in sent} == sent


@pytest.mark.parametrize("caller", ["netrpc", "geerpc-gob"])
def test_what_go_refuses(go_server, caller):
    """In Go's own words: a JSON object is a struct, a number with a point is no integer."""
    address = go_server(caller.split("-")[0], "tcp")
    for method, arguments, words in (
        ("Arith.Multiply", '{"A":"x","B":8}', "gob: wrong type (int) for received field"),
        ("Arith.Multiply", '{"A":1.0,"B":8}', "gob: wrong type (int) for received field"),
        ("Kinds.Echo", '{"Uint":-1}', "gob: wrong type (uint64) for received field"),
        ("Kinds.Counts", '{"a":1}', "gob: decoding into local type *map[string]int64"),
    ):
        status, said = geectl(caller, address, method, arguments)
        assert status == 1 and said.startswith(words), said


@pytest.mark.parametrize("caller", ["netrpc", "geerpc-gob"])
def test_what_gob_cannot_say(go_server, caller):
    """Refused before anything is sent, as wrong usage."""
    address = go_server(caller.split("-")[0], "tcp")
    for arguments, words in (
        ('[1,"x"]', "geectl: arguments: [1]: a string beside an integer"),
        ("null", "geectl: arguments: null"),
        ("{", "geectl: arguments: "),
    ):
        status, said = geectl(caller, address, "Arith.Multiply", arguments)
        assert status == 2 and said.startswith(words), said


def test_a_protocol_has_its_codec(go_server):
    address = go_server("netrpc", "tcp")
    done = subprocess.run(
        [str(BUILD / "geectl"), "call", "--protocol", "netrpc", "--codec", "json", address, "Arith.Multiply"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=TIMEOUT,
        check=False,
    )
    said = "geectl: the protocol netrpc carries the codec gob only, not json\n"
    assert (done.returncode, done.stdout) == (2, said)


class DialOptions(ctypes.Structure):
    """gee_dial_options_t of src/client/geerpc.h"""

    _fields_ = [("size", ctypes.c_size_t), ("codec", ctypes.c_char_p), ("protocol", ctypes.c_char_p)]


class Library:
    """libgeerpc, as another language sees it."""

    def __init__(self):
        self.library = ctypes.CDLL(str(BUILD / "libgeerpc.so"))
        self.library.gee_dial.restype = ctypes.c_void_p
        self.library.gee_dial.argtypes = [ctypes.c_char_p, ctypes.POINTER(DialOptions), ctypes.c_void_p]
        self.library.gee_client_call.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_char_p]
        self.library.gee_client_call.argtypes += [ctypes.POINTER(ctypes.c_char_p), ctypes.c_void_p, ctypes.c_void_p]
        self.library.gee_client_close.argtypes = [ctypes.POINTER(ctypes.c_void_p)]
        self.library.gee_free.argtypes = [ctypes.c_char_p]

    def dial(self, caller, address):
        options = DialOptions(ctypes.sizeof(DialOptions))
        for name, value in zip(CALLERS[caller][::2], CALLERS[caller][1::2]):
            setattr(options, name[2:], value.encode())
        client = self.library.gee_dial(address.encode(), ctypes.byref(options), None)
        assert client, f"cannot dial {address}"
        return client

    def call(self, client, method, arguments):
        reply = ctypes.c_char_p()
        status = self.library.gee_client_call(client, method, arguments, ctypes.byref(reply), None, None)
        text = reply.value
        self.library.gee_free(reply)
        return text if status == 0 else None

    def close(self, client):
        self.library.gee_client_close(ctypes.byref(ctypes.c_void_p(client)))


def one(library, client, n):
    """The nth of several calls, with a check of its result."""
    if n % 3 == 0:
        arguments, wanted = b'{"A":%d,"B":-3}' % n, b"%d" % (n * -3)
        assert library.call(client, b"Arith.Multiply", arguments) == wanted
    elif n % 3 == 1:
        arguments, wanted = b'{"Num1":%d,"Num2":1}' % n, b"%d" % (n + 1)
        assert library.call(client, b"Foo.Sum", arguments) == wanted
    else:
        assert library.call(client, b"Arith.Divide", b'{"A":1,"B":0}') is None


def at_once(threads, work):
    failures = []

    def run(number):
        try:
            work(number)
        except Exception as failure:  # pylint: disable=broad-except
            failures.append(failure)

    running = [threading.Thread(target=run, args=(number,)) for number in range(threads)]
    for thread in running:
        thread.start()
    for thread in running:
        thread.join()
    assert not failures, failures[0]


@pytest.mark.parametrize("caller", CALLERS)
def test_load_on_go(go_server, caller):
    """8 threads on one connection, and a connection for each call. An instrumented library cannot be loaded into
    Python, so a sanitizer build uses geectl here."""
    address = go_server(caller.split("-")[0], "tcp")
    if SANITIZED:
        at_once(4, lambda number: [check_by_geectl(caller, address, number * 25 + n) for n in range(25)])
        return
    library = Library()
    client = library.dial(caller, address)
    at_once(8, lambda number: [one(library, client, number * 2000 + n) for n in range(2000)])
    library.close(client)

    def redial(number):
        for n in range(500):
            client = library.dial(caller, address)
            one(library, client, number * 500 + n)
            library.close(client)

    at_once(8, redial)


def check_by_geectl(caller, address, n):
    assert geectl(caller, address, "Foo.Sum", '{"Num1":%d,"Num2":1}' % n) == (0, str(n + 1))
