"""geectl call, list, describe as a script sees them: standard output, standard error, exit status. The server here is a
few lines of Python, so the tests also check geectl's bytes on the wire; other files test with the real server."""
import json
import os
import re
import signal
import socket
import subprocess
import threading
import unicodedata

import pytest

from scripted import GEECTL, closed_port, geectl, product

TYPES = [
    {
        "Kind": "struct",
        "Name": "Args",
        "Fields": [{"Name": "A", "Tag": 1, "Type": 1}, {"Name": "Bs", "Tag": 2, "Type": 2}],
    },
    {"Kind": "int64"},
    {"Kind": "list", "Element": 3},
    {"Kind": "map", "Element": 1},
]
METHODS = [
    {"Name": "Arith.Multiply", "Argument": 0, "Reply": 1, "Idempotent": True},
    {"Name": "Arith.Divide", "Argument": 0, "Reply": 1, "Blocking": True},
]


def test_reply(serve):
    server = serve()
    done = geectl("call", server.address, "Arith.Multiply", '{"A":7,"B":8}')
    assert (done.returncode, done.stdout, done.stderr) == (0, "56\n", "")
    assert server.option["MagicNumber"] == 3927900
    assert server.option["CodecType"] == "application/json"
    header, body = server.requests[0]
    assert header["ServiceMethod"] == "Arith.Multiply"
    assert body == {"A": 7, "B": 8}


def test_option_is_padded(serve):
    """Stock GeeRPC servers lose what their JSON decoder has read beyond the Option, unless that has 512 bytes."""
    server = serve()
    assert geectl("call", server.address, "Arith.Multiply", '{"A":7,"B":8}').returncode == 0
    assert json.loads(server.first_bytes[:512])["MagicNumber"] == 3927900
    assert server.first_bytes[512:].lstrip()[:1] in (b"", b"{")


def test_reply_is_one_line(serve):
    server = serve(lambda header, body: ({}, '{ "A" : [ 1,\n\t2 ], "a b\\" c": " x  y " }'))
    done = geectl("call", server.address, "X.Y")
    assert (done.returncode, done.stdout) == (0, '{"A":[1,2],"a b\\" c":" x  y "}\n')
    assert server.requests[0][1] == {}


@pytest.mark.parametrize("text", ["-5", "[1,2]", '"a"', "null", " 9007199254740993 "])
def test_arguments_are_any_json_value(serve, text):
    server = serve(lambda header, body: ({}, json.dumps(body)))
    done = geectl("call", server.address, "X.Y", text)
    assert (done.returncode, done.stdout) == (0, text.strip() + "\n")


def test_arguments_from_standard_input(serve):
    """geectl asks before whether the method is a streaming method; this server does not know."""
    server = serve(lambda header, body: product(header, body) if "A" in body else ({"Error": "no Gee"}, "{}"))
    body = '{"A": 3,\n "Pad": "%s",\n "B": 4}\n' % ("x" * 100000)
    done = geectl("call", server.address, "Arith.Multiply", "-", stdin=body)
    assert (done.returncode, done.stdout) == (0, "12\n")
    assert [header["ServiceMethod"] for header, _ in server.requests] == ["Gee.Describe", "Arith.Multiply"]
    assert len(server.requests[1][1]["Pad"]) == 100000


def test_error_reply(serve):
    server = serve(lambda header, body: ({"Error": "100%s: divide by zero"}, "{}"))
    done = geectl("call", server.address, "Arith.Divide", '{"A":1,"B":0}')
    assert (done.returncode, done.stdout, done.stderr) == (1, "", "100%s: divide by zero\n")


def test_metadata_and_timeout_travel(serve):
    server = serve(lambda header, body: ({}, "1"))
    done = geectl(
        "call", "--metadata", "user=ann", server.address, "X.Y", "--metadata=path=a=b", "--timeout", "20s", "1"
    )
    assert done.returncode == 0, done.stderr
    header, body = server.requests[0]
    assert header["Metadata"] == {"user": "ann", "path": "a=b"}
    assert 0 < header["Timeout"] <= 20_000_000_000
    assert body == 1


def test_nobody_there():
    address = closed_port()
    done = geectl("call", address, "X.Y")
    assert (done.returncode, done.stdout) == (3, "")
    assert re.fullmatch(r"geectl: %s: connect: Connection refused \(\d+\.\d ms\)\n" % re.escape(address), done.stderr)


def test_no_socket_file(tmp_path):
    done = geectl("call", f"unix@{tmp_path}/none", "X.Y")
    assert done.returncode == 3
    assert done.stderr.startswith(f"geectl: unix@{tmp_path}/none: connect: No such file or directory (")


def test_no_answer(serve):
    gate = threading.Event()
    server = serve(lambda header, body: (gate.wait(20) and {}, "1"))
    done = geectl("call", "--timeout", "250ms", server.address, "X.Y")
    gate.set()
    assert (done.returncode, done.stdout) == (3, "")
    assert re.match(r"geectl: %s: wait: no reply within " % re.escape(server.address), done.stderr)


def test_server_goes_away(serve):
    def vanish(header, body):
        raise EOFError

    server = serve(vanish)
    done = geectl("call", server.address, "X.Y")
    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr.startswith(f"geectl: {server.address}: wait: the peer closed the connection (")


def test_peer_is_no_geerpc_server(serve):
    server = serve(lambda header, body: ({"ServiceMethod": 5}, "HTTP/1.1 400 Bad Request"))
    done = geectl("call", "--timeout", "20s", server.address, "X.Y")
    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr.startswith(f"geectl: {server.address}: wait: ")


def test_bin_needs_types(serve):
    """A server that closes on an unknown codec: the error has address and phase."""
    server = serve()
    done = geectl("call", "--codec", "bin", server.address, "X.Y")
    assert done.returncode == 3
    assert done.stderr.startswith(f"geectl: {server.address}: ")


@pytest.mark.parametrize(
    "arguments, said",
    [
        (["cal"], 'did you mean "call"'),
        (["xyzzy"], "--help"),
        (
            ["bench", "tcp@a:1,tcp@b:1", "X.Y"],
            "tcp@a:1,tcp@b:1: geectl bench takes one server; call and broadcast take several",
        ),
        (["ping", "tcp@a:1,unix@/b"], "takes one server"),
        (
            ["call", "quic@a:1", "X.Y"],
            'quic@a:1: no transport for "quic@" is compiled in; there are: tcp@, unix@, http@',
        ),
        (["call", "dns@a:1", "X.Y"], "http@; a registry stands in the place of a list of servers"),
        (["call", "--tmeout", "5s", "tcp@127.0.0.1:1", "X.Y"], 'did you mean "--timeout"'),
        (["list", "--metadata", "a=b", "tcp@127.0.0.1:1"], "unknown option"),
        (["call", "tcp@127.0.0.1:1"], "usage: geectl call"),
        (["call", "tcp@127.0.0.1:1", "X.Y", "{}", "{}"], "usage: geectl call"),
        (["call", "--timeout", "5", "tcp@127.0.0.1:1", "X.Y"], "unit"),
        (["call", "--timeout"], "needs a value"),
        (["call", "--metadata", "novalue", "tcp@127.0.0.1:1", "X.Y"], "KEY=VALUE"),
        (["call", "--codec", "xml", "tcp@127.0.0.1:1", "X.Y"], "json, bin"),
        (["call", "nonsense", "X.Y"], "nonsense"),
        (["call", "pigeon@roof", "X.Y"], "pigeon"),
    ],
)
def test_usage(arguments, said):
    done = geectl(*arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert said in done.stderr
    assert done.stderr.startswith("geectl: ")


@pytest.mark.parametrize("text", ["", "{", '{"A":1}}', "{'A':1}", "tru"])
def test_arguments_that_are_no_json(serve, text):
    done = geectl("call", serve().address, "X.Y", text)
    assert (done.returncode, done.stdout) == (2, "")
    assert "arguments: " in done.stderr


def test_no_words_at_all():
    done = geectl()
    assert (done.returncode, done.stdout) == (2, "")
    assert "usage: geectl" in done.stderr


@pytest.mark.parametrize("arguments", [["--help"], ["call", "--help"], ["list", "-h"], ["describe", "--help"]])
def test_help(arguments):
    done = geectl(*arguments)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("usage: geectl")


def test_version():
    done = geectl("--version")
    assert done.returncode == 0
    assert re.fullmatch(r"geectl \d+\.\d+\.\d+\n", done.stdout)


def describe(header, body):
    assert header["ServiceMethod"] == "Gee.Describe"
    methods = [method for method in METHODS if body["Method"] in ("", "Arith", method["Name"])]
    if not methods:
        return {"Error": "rpc server: nothing is called that"}, "{}"
    return {}, json.dumps({"Methods": methods, "Types": TYPES})


def test_list(serve):
    server = serve(describe)
    done = geectl("list", server.address)
    assert (done.returncode, done.stdout, done.stderr) == (0, "Arith.Multiply\nArith.Divide\n", "")
    assert server.requests[0][1] == {"Method": ""}


def test_list_one_service(serve):
    server = serve(describe)
    assert geectl("list", server.address, "Nothing").returncode == 1
    assert server.requests[0][1] == {"Method": "Nothing"}


def test_describe(serve):
    done = geectl("describe", serve(describe).address, "Arith.Multiply")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == (
        "Arith.Multiply  idempotent\n"
        "  arguments  Args\n"
        "  reply      int64\n"
        "\n"
        "Args {\n"
        "  A   int64  = 1\n"
        "  Bs  list of map of string to int64  = 2\n"
        "}\n"
    )


def test_describe_takes_a_service_or_the_whole_server(serve):
    server = serve(describe)
    for arguments in (["Arith"], []):
        done = geectl("describe", server.address, *arguments)
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout.startswith("Arith.Multiply  idempotent\n") and "\nArith.Divide  blocking\n" in done.stdout
    assert [body for _, body in server.requests] == [{"Method": "Arith"}, {"Method": ""}]
    assert geectl("describe", "--help").stdout.startswith("usage: geectl describe [OPTION]... ADDRESS [METHOD|SERVICE]")


def test_describe_shows_who_streams(serve):
    streams = [
        {"Name": "Number.List", "Argument": 0, "Reply": 1, "ServerStreaming": True},
        {"Name": "Number.Sum", "Argument": 1, "Reply": 1, "ClientStreaming": True, "Blocking": True},
        {"Name": "Number.Double", "Argument": 2, "Reply": 1, "ClientStreaming": True, "ServerStreaming": True},
    ]
    server = serve(lambda header, body: ({}, json.dumps({"Methods": streams, "Types": TYPES})))
    done = geectl("describe", server.address, "Number")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(
        "Number.List\n"
        "  arguments  Args\n"
        "  reply      stream of int64\n"
        "Number.Sum  blocking\n"
        "  arguments  stream of int64\n"
        "  reply      int64\n"
        "Number.Double\n"
        "  arguments  stream of list of map of string to int64\n"
        "  reply      stream of int64\n"
    )


KINDS = {
    "Methods": [
        {"Name": "shop.v1.Store.Put", "Argument": 0, "Reply": 1, "ClientStreaming": True},
        {"Name": "shop.v1.Store.Count", "Argument": 12, "Reply": 8},
    ],
    "Types": [
        {
            "Kind": "struct",
            "Name": "Item",
            "FullName": "shop.v1.Item",
            "Fields": [
                {"Name": "color", "Tag": 1, "Type": 2},
                {"Name": "unit_price", "Tag": 2, "Type": 3, "JsonName": "unitPrice"},
                {"Name": "other", "Tag": 3, "Type": 3, "JsonName": "else"},
                {"Name": "parts", "Tag": 4, "Type": 4},
                {"Name": "by_number", "Tag": 5, "Type": 5},
                {"Name": "text", "Tag": 6, "Type": 6, "Oneof": "what"},
                {"Name": "many", "Tag": 7, "Type": 11, "Oneof": "what"},
                {"Name": "maybe", "Tag": 8, "Type": 7},
                {"Name": "matrix", "Tag": 9, "Type": 9},
                {"Name": "unpacked", "Tag": 10, "Type": 11},
                {"Name": "not an identifier", "Tag": 11, "Type": 3},
                {"Name": "at", "Tag": 12, "Type": 14},
            ],
        },
        {"Kind": "struct", "Name": "Empty", "FullName": "shop.v1.Empty"},
        {
            "Kind": "enum",
            "Name": "Color",
            "FullName": "shop.v1.Item.Color",
            "Values": [{"Name": "RED", "Number": -1}, {"Name": "NONE"}, {"Name": "NIL"}, {"Name": "BLUE", "Number": 2}],
        },
        {"Kind": "sint64"},
        {"Kind": "list", "Element": 10, "Length": 3},
        {"Kind": "map", "Key": "sfixed32", "Element": 0},
        {"Kind": "string"},
        {"Kind": "optional", "Element": 3},
        {"Kind": "int64"},
        {"Kind": "list", "Element": 13},
        {"Kind": "struct", "Name": "Part", "FullName": "shop.v1.Lost.Part", "Fields": []},
        {"Kind": "list", "Element": 3, "Unpacked": True},
        {"Kind": "map", "Element": 8},
        {"Kind": "list", "Element": 8},
        {"Kind": "optional", "Element": 15},
        {"Kind": "struct", "Name": "Timestamp", "FullName": "google.protobuf.Timestamp", "Fields": []},
    ],
}


def as_proto(server, tmp_path, service):
    done = geectl("describe", "--proto", server.address, service)
    assert (done.returncode, done.stderr) == (0, "")
    (tmp_path / "made.proto").write_text(done.stdout)
    command = ["protoc", "-I", tmp_path, "--descriptor_set_out=/dev/null", "made.proto"]
    checked = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (checked.returncode, checked.stderr) == (0, ""), done.stdout
    return done.stdout


def test_description_as_proto(serve, tmp_path):
    text = as_proto(serve(lambda header, body: ({}, json.dumps(KINDS))), tmp_path, "shop.v1.Store")
    for line in (
        'syntax = "proto3";',
        "package shop.v1;",
        'import "google/protobuf/timestamp.proto";',
        "  rpc Put(stream Item) returns (Empty);",
        "  rpc Count(Int64Map) returns (Int64Value);",
        "  enum Color {",
        "    option allow_alias = true;",
        "  Item.Color color = 1;",
        "  sint64 unit_price = 2;",
        '  sint64 other = 3 [json_name = "else"];',
        "  repeated Lost.Part parts = 4; // exactly 3",
        "  map<sfixed32, Item> by_number = 5;",
        "  oneof what {",
        "    string text = 6;",
        "    Sint64List many = 7;",
        "  optional sint64 maybe = 8;",
        "  repeated Int64List matrix = 9;",
        "  repeated sint64 unpacked = 10 [packed = false];",
        "  sint64 not_an_identifier = 11;",
        "  google.protobuf.Timestamp at = 12;",
        "  message Part {",
        "  map<string, int64> value = 1;",
    ):
        assert line + "\n" in text, f"{line} is not in\n{text}"
    assert text.index("NONE = 0") < text.index("RED = -1")


SHOP = {
    "Methods": [
        {"Name": "Shop.Get", "Argument": 0, "Reply": 1, "Idempotent": True},
        {"Name": "Shop.Watch", "Argument": 0, "Reply": 1, "ServerStreaming": True},
    ],
    "Types": [
        {
            "Kind": "struct",
            "Name": "Query",
            "FullName": "shop.v2.Query",
            "Fields": [{"Name": "status", "Tag": 1, "Type": 2}, {"Name": "at", "Tag": 2, "Type": 3}],
        },
        {"Kind": "struct", "Name": "Item", "FullName": "shop.v2.Query.Item", "Fields": []},
        {"Kind": "enum", "Name": "Status", "FullName": "shop.v2.Status", "Values": [{"Name": "OPEN", "Number": 0}]},
        {"Kind": "struct", "Name": "Timestamp", "FullName": "google.protobuf.Timestamp", "Fields": []},
    ],
}


def test_proto_of_a_service_without_its_package(serve, tmp_path):
    """A gateway may call a service by another name than its .proto. The types keep theirs."""
    text = as_proto(serve(lambda header, body: ({}, json.dumps(SHOP))), tmp_path, "Shop")
    for line in (
        "package shop.v2;",
        '// The server\'s name of this service is "Shop".',
        "service Shop {",
        "  rpc Get(Query) returns (Query.Item) { option idempotency_level = IDEMPOTENT; }",
        "  rpc Watch(Query) returns (stream Query.Item);",
        "enum Status {",
    ):
        assert line + "\n" in text, f"{line} is not in\n{text}"
    assert "message shop" not in text and "message v2" not in text


def test_proto_of_types_of_several_packages(serve, tmp_path):
    """The file is in the package around theirs, or in none."""
    for other, package in (("shop.v3.Status", "package shop;\n"), ("stock.Status", "")):
        types = [dict(each) for each in SHOP["Types"]]
        types[2]["FullName"] = other
        reply = {**SHOP, "Types": types}
        text = as_proto(serve(lambda header, body, reply=reply: ({}, json.dumps(reply))), tmp_path, "Shop")
        assert re.findall("^package .*\n", text, re.MULTILINE) == ([package] if package else []), text


def test_proto_of_a_type_with_the_name_of_a_service(serve, tmp_path):
    """A .proto has one thing of a name. Callers need the service's."""
    chat = {"Methods": [{"Name": "Chat.Say", "Argument": 0, "Reply": 0}], "Types": [{"Kind": "struct", "Name": "Chat"}]}
    text = as_proto(serve(lambda header, body: ({}, json.dumps(chat))), tmp_path, "Chat")
    assert "service Chat {\n  rpc Say(Chat_2) returns (Chat_2);\n}\n\nmessage Chat_2 {\n}\n" in text


def test_proto_of_enums_with_the_same_names_of_values(serve, tmp_path):
    colors = [
        {"Kind": "enum", "Name": "Color", "Values": [{"Name": "NONE", "Number": 0}, {"Name": "RED", "Number": red}]}
        for red in (1, 2)
    ]
    colors[1]["Name"] = "Ink"
    fields = [{"Name": "one", "Tag": 1, "Type": 0}, {"Name": "other", "Tag": 2, "Type": 1}]
    types = colors + [{"Kind": "struct", "Name": "Said", "Fields": fields}]
    reply = {"Methods": [{"Name": "Chat.Say", "Argument": 2, "Reply": 2}], "Types": types}
    text = as_proto(serve(lambda header, body: ({}, json.dumps(reply))), tmp_path, "Chat")
    assert "enum Color {\n  NONE = 0;\n  RED = 1;\n}\n\nenum Ink {\n  Ink_NONE = 0;\n  Ink_RED = 2;\n}\n" in text


def test_description_as_proto2(serve, tmp_path):
    fields = [
        {"Name": "must", "Tag": 1, "Type": 1, "Required": True},
        {"Name": "usual", "Tag": 2, "Type": 1, "Default": 'say "a"\\'},
        {"Name": "color", "Tag": 3, "Type": 2, "Default": "RED"},
        {"Name": "packed", "Tag": 4, "Type": 5},
    ]
    types = [
        {"Kind": "struct", "Name": "Old", "Fields": fields},
        {"Kind": "optional", "Element": 3},
        {"Kind": "optional", "Element": 4},
        {"Kind": "string"},
        {"Kind": "enum", "Name": "Color", "Closed": True, "Values": [{"Name": "RED", "Number": 1}]},
        {"Kind": "list", "Element": 6},
        {"Kind": "fixed32"},
    ]
    reply = {"Methods": [{"Name": "Store.Put", "Argument": 0, "Reply": 0}], "Types": types}
    text = as_proto(serve(lambda header, body: ({}, json.dumps(reply))), tmp_path, "Store")
    assert "  required string must = 1;\n" in text
    assert "  optional string usual = 2 [default = \"say \\042a\\042\\134\"];\n" in text
    assert "  optional Color color = 3 [default = RED];\n" in text
    assert "  repeated fixed32 packed = 4 [packed = true];\n" in text


def test_description_shows_the_kinds(serve):
    done = geectl("describe", serve(lambda header, body: ({}, json.dumps(KINDS))).address, "shop.v1.Store")
    assert (done.returncode, done.stderr) == (0, "")
    for line in ("Color {\n  RED  = -1\n", "list of 3 Part  = 4\n", "map of sfixed32 to Item  = 5\n", "one of what\n"):
        assert line in done.stdout


def test_description_as_json(serve):
    done = geectl("describe", "--json", serve(describe).address, "Arith.Multiply")
    assert (done.returncode, done.stderr, done.stdout.count("\n")) == (0, "", 1)
    assert json.loads(done.stdout) == {"Methods": METHODS[:1], "Types": TYPES}


@pytest.mark.parametrize(
    "reply",
    [
        "null",
        "[]",
        '{"Methods":5,"Types":"x"}',
        '{"Methods":[1,{"Name":7,"Argument":-1,"Reply":1e300}],"Types":[null]}',
        '{"Methods":[{"Name":"X.Y","Argument":9,"Reply":0}],"Types":[{"Kind":"list","Element":0}]}',
        '{"Methods":[{"Name":"X.Y"}],"Types":[{"Kind":"struct","Fields":[{"Type":77}]}]}',
    ],
)
def test_description_of_a_hostile_server(serve, reply):
    """geectl ends without a crash."""
    server = serve(lambda header, body: ({}, reply))
    for options in ([], ["--json"]):
        assert geectl("describe", *options, server.address, "X.Y").returncode in (0, 3)


ORDERS = "\u001b]0;title\u0007 \u009b2J \u202elasrever\u2066 \n\r\t \u007f \u200f\u061c\u2028"
SHOWN = ("\\u001b]0;title\\u0007 \\u009b2J \\u202elasrever\\u2066 \\u000a\\u000d\\u0009 \\u007f "
         "\\u200f\\u061c\\u2028")


def orders_in(text):
    """The controls, C1, and marks that turn the direction of writing, except the end of the last line."""
    return {each for each in text if unicodedata.category(each) in ("Cc", "Cf", "Zl", "Zp")} - {"\n"}


def test_orders_to_terminals_are_shown(serve):
    """In errors, replies and names; also in a pipe, whose reader may show the text. A reply stays equivalent JSON."""
    server = serve(lambda header, body: ({"Error": "bad " + ORDERS}, "{}"))
    assert geectl("call", server.address, "X.Y").stderr == "bad " + SHOWN + "\n"
    server = serve(lambda header, body: ({}, json.dumps({ORDERS: ORDERS}, ensure_ascii=False)))
    done = geectl("call", server.address, "X.Y")
    assert json.loads(done.stdout) == {ORDERS: ORDERS}
    assert (orders_in(done.stdout), done.stdout.count("\n")) == (set(), 1)
    reply = {"Methods": [{"Name": "X." + ORDERS, "Argument": 64, "Reply": 64}],
             "Types": [{"Kind": "struct", "Name": ORDERS, "Fields": [{"Name": ORDERS, "Tag": 1, "Type": 64}]}]}
    for command in ("list", "describe"):
        done = geectl(command, serve(lambda header, body: ({}, json.dumps(reply))).address, "X")
        assert "X." + SHOWN in done.stdout and not orders_in(done.stdout)
    for address in ("tcp@\u009b\u202e", b"tcp@\x9b:1"):
        done = geectl("call", address, "X.Y")
        assert done.returncode != 0 and "tcp@\\" in done.stderr and not orders_in(done.stderr)


def test_terminal_is_not_ordered_about(serve):
    """On a terminal the text of a server is also red."""
    evil = "bad \u001b]0;title\u0007 \u009b2J news\u00e9"
    server = serve(lambda header, body: ({"Error": evil}, "{}"))
    leader, follower = os.openpty()
    try:
        subprocess.run(
            [GEECTL, "call", server.address, "X.Y"],
            stdin=subprocess.DEVNULL,
            stderr=follower,
            timeout=30,
            check=False,
            env={**os.environ, "TERM": "xterm", "NO_COLOR": ""},
        )
        shown = b""
        while b"\n" not in shown:  # a terminal delivers its bytes in pieces
            shown += os.read(leader, 4096)
    finally:
        os.close(leader)
        os.close(follower)
    assert shown.decode() == "\x1b[31mbad \\u001b]0;title\\u0007 \\u009b2J news\u00e9\x1b[0m\r\n"


def test_full_disk(serve):
    server = serve()
    with open("/dev/full", "wb") as full:
        done = subprocess.run(
            [GEECTL, "call", server.address, "X.Y", '{"A":1,"B":2}'], stdout=full, stderr=subprocess.PIPE, check=False
        )
    assert done.returncode == 2
    assert b"standard output" in done.stderr


def test_closed_standard_descriptors(serve):
    """The connection must not get the number of standard error, or errors would go to the server: this error reads like
    a request."""
    server = serve(lambda header, body: ({"Error": '{"ServiceMethod":"Written.Here","Seq":2}{}'}, "{}"))
    done = subprocess.run(
        ["sh", "-c", '"$0" call "$1" X.Y <&- >&- 2>&-', GEECTL, server.address], check=False, timeout=60
    )
    assert done.returncode == 1
    assert geectl("call", server.address, "X.Z").returncode == 1  # it is served when the first connection has ended
    assert [header["ServiceMethod"] for header, body in server.requests] == ["X.Y", "X.Z"]


def test_closed_standard_output(serve):
    server = serve()
    done = subprocess.run(
        ["sh", "-c", '"$0" call "$1" X.Y "{\\"A\\":1,\\"B\\":2}" >&-', GEECTL, server.address],
        stderr=subprocess.PIPE,
        check=False,
        timeout=60,
    )
    assert done.returncode == 2
    assert b"standard output" in done.stderr


@pytest.mark.parametrize(
    "words", [["ping", "http@"], ["bench", "http@", "X.Y"], ["top", "tcp@"]], ids=lambda words: words[0]
)
def test_interrupted_while_it_connects(words):
    """Nothing has been measured yet: geectl ends at once."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        words = [word + "127.0.0.1:%d" % listener.getsockname()[1] if word.endswith("@") else word for word in words]
        process = subprocess.Popen([GEECTL, *words, "--timeout", "10m"], stdout=subprocess.DEVNULL)
        try:
            listener.settimeout(30)
            connection, _ = listener.accept()
            with connection:
                assert connection.recv(1) != b""  # and never an answer
                process.send_signal(signal.SIGINT)
                assert process.wait(30) == -signal.SIGINT
        finally:
            process.kill()
            process.wait()


# ---- time ----

PATIENT_COMMANDS = [
    ["call", "{tcp}", "X.Y"],
    ["call", "--codec", "bin", "{tcp}", "X.Y"],
    ["call", "--registry", "{http}", "X.Y"],
    ["broadcast", "{tcp},{tcp}", "X.Y"],
    ["list", "{tcp}"],
    ["describe", "{tcp}", "X"],
    ["ping", "--count", "1", "{tcp}"],
    ["bench", "--count", "1", "--connections", "1", "{tcp}", "X.Y"],
    ["status", "{tcp}"],
    ["top", "{tcp}"],
    ["registry", "ls", "{http}"],
    ["registry", "watch", "{http}"],
    ["registry", "put", "{http}", "tcp@127.0.0.1:1"],
    ["registry", "rm", "{http}", "tcp@127.0.0.1:1"],
]


@pytest.mark.parametrize("words", PATIENT_COMMANDS, ids=" ".join)
def test_every_subcommand_gives_up_in_time(words):
    with socket.create_server(("127.0.0.1", 0)) as silent: # connections are made, and the server is silent
        port = silent.getsockname()[1]
        words = [word.format(tcp=f"tcp@127.0.0.1:{port}", http=f"http://127.0.0.1:{port}/registry") for word in words]
        done = subprocess.run(
            [GEECTL, *words, "--timeout", "200ms"], capture_output=True, text=True, check=False, timeout=20
        )
    assert done.returncode in (1, 3)
    assert str(port) in done.stdout + done.stderr
