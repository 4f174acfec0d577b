"""A gateway that knows the types of a forwarded service by descriptors alone, before servers that are written in Go."""
import json
import subprocess
import threading

import pytest

from conftest import BUILD, TIMEOUT, eventually
from describing import compile_proto, message_classes
from gateway import gateway_conf, start_gateway
from gob import INT, STRING, GobPeer, member, message, number, struct, text
from wire import CLOSE, CREDIT, MESSAGE, OPTION_BIN, OPTION_PROTO, BinPeer, field

EXACT = 9007199254740993  # no float64 is this number
USERS = 'name = "Users"; descriptors = "users.binpb";'
USER = {
    "user_id": EXACT,
    "display_name": "ann",
    "color": "GREEN",
    "home": {"street_name": "Elm", "colors": ["RED", "NONE", 7]},
    "scores": {"a": -EXACT},
    "picture": "AP8=",
    "friends": [{"user_id": 1}, {"color": 1}],
    "limit": 0,
}


def geectl(*arguments, status=0):
    done = subprocess.run(
        [str(BUILD / "geectl"), *map(str, arguments)], capture_output=True, text=True, timeout=TIMEOUT, check=False
    )
    assert done.returncode == status, done.stdout + done.stderr
    return done.stdout if status == 0 else done.stderr


@pytest.fixture(params=["netrpc", "jsonrpc"])
def gateway(request, make_server, go_server):
    """Before a server that speaks gob, and before a server that speaks JSON and knows enums by number only."""
    server = make_server()
    compile_proto("users.proto", server.root / "users.binpb")
    return start_gateway(server, [go_server(request.param, "tcp")], services=[USERS], protocol=request.param)


def test_json_has_exact_integers_and_names_of_enums(gateway):
    error, user = gateway.call("Users.Next", USER)
    assert error == ""
    assert user.pop("user_id") == EXACT + 1
    assert user.pop("display_name") == f"ann of {EXACT} in 5"
    assert (user["color"], user["home"], user["scores"]) == ("GREEN", USER["home"], USER["scores"])
    assert user["picture"] == "AP8="
    assert [friend.get("user_id", 0) for friend in user["friends"]] == [1, 0]
    assert user["friends"][1]["color"] == "RED"
    assert gateway.call("Users.Next", {"user_id": 3})[0] == "user 3 has no name"
    assert "PINK" in gateway.call("Users.Next", {"color": "PINK"})[0]


def test_protojson_has_its_own_form(gateway):
    """64-bit integers as strings, lowerCamelCase."""
    user = {"userId": str(EXACT), "displayName": "kim", "color": "GREEN", "home": {"colors": ["RED"]}, "limit": "1"}
    option = b'{"MagicNumber":3927900,"CodecType":"application/protojson"}'
    with gateway.peer(option=option) as peer:
        header, reply = peer.call("Users.Next", user)
    assert "Error" not in header
    name = f"kim of {EXACT} in 5"
    assert reply == {**user, "userId": str(EXACT + 1), "displayName": name}


def test_protojson_is_written_as_settings_say(gateway):
    gateway.reload(gateway.conf + "protojson = { emit_defaults = true; proto_names = true; enum_numbers = true; };")
    option = b'{"MagicNumber":3927900,"CodecType":"application/protojson"}'
    with gateway.peer(option=option) as peer:
        _, reply = peer.call("Users.Next", {"userId": "6", "displayName": "kim", "color": "GREEN"})
    assert (reply["user_id"], reply["color"], reply["picture"], reply["friends"]) == ("7", 5, "", [])
    assert "userId" not in reply and "limit" not in reply  # an optional is absent, not a default


def test_gob_has_the_names_of_protoc_gen_go(gateway):
    user = struct(70, "User", ("UserId", INT), ("DisplayName", STRING), ("Color", INT))
    value = message(70, member(1, number(EXACT)) + member(1, text("eve")) + member(1, number(5)) + b"\0")
    with GobPeer(gateway.tcp) as peer:
        error, reply = peer.call("Users.Next", user + value)
    assert error == ""
    assert number(EXACT + 1) + member(1, text(f"eve of {EXACT} in 5")) + member(1, number(5)) in reply.data


@pytest.mark.parametrize("option", [OPTION_BIN, OPTION_PROTO])
def test_protobuf_messages_are_answered_as_protobuf(gateway, option):
    user_type = message_classes(gateway.root / "users.binpb")["test.v1.User"]
    user = user_type(user_id=-EXACT, display_name="bob", color=5, scores={"x": EXACT}, picture=b"\0\xff")
    user.home.colors.extend([1, 7])
    user.friends.add(user_id=7)
    with BinPeer(gateway.tcp, option=option) as peer:
        header, body = peer.call("Users.Next", user.SerializeToString())
    assert 3 not in header, header
    reply = user_type.FromString(body)
    assert (reply.user_id, reply.display_name) == (1 - EXACT, f"bob of {-EXACT} in 5")
    assert (reply.color, list(reply.home.colors), dict(reply.scores)) == (5, [1, 7], {"x": EXACT})
    assert (reply.picture, reply.friends[0].user_id) == (b"\0\xff", 7)


def test_the_gateway_describes_what_its_descriptors_have(gateway):
    shown = geectl("describe", gateway.tcp, "Users.Next")
    assert "user_id" in shown and "street_name" in shown
    user = json.dumps(USER)
    called = json.loads(geectl("call", "--codec", "bin", gateway.tcp, "Users.Next", user))
    assert (called["user_id"], called["color"], called["home"]) == (EXACT + 1, "GREEN", USER["home"])
    assert gateway.call("Users.Other", {})[0] == "rpc server: can't find method Other"


STREAM = """syntax = "proto3";
message Range { int64 From = 1; int64 To = 2; }
message Number { int64 value = 1; }
service Stream { rpc List(Range) returns (stream Number); rpc Sum(stream Number) returns (Number); }
"""


def test_messages_of_streaming_calls_are_translated_by_descriptors(make_server, extended_build):
    """From a protobuf connection to one in bin, and back; without descriptors the gateway refuses that."""
    back, server = make_server(build=extended_build).start(), make_server()
    compile_proto("users.proto", server.root / "stream.binpb", lambda _: STREAM)
    start_gateway(server, [back.tcp], services=['name = "Stream"; descriptors = "stream.binpb";', "Total"],
                  codec="bin")
    with BinPeer(server.tcp, option=OPTION_PROTO) as peer:
        peer.say(MESSAGE, 1, field(1, 4) + field(2, 6), method="Stream.List", credit=1000)
        frames = []
        while not frames or frames[-1].kind != CLOSE:
            frames.append(peer.hear())
        assert [frame.body for frame in frames if frame.kind == MESSAGE] == [field(1, 4), field(1, 5), field(1, 6)]
        peer.say(MESSAGE, 3, field(1, 1), method="Total.Of", credit=1000)
        while (frame := peer.hear()).kind == CREDIT:
            pass
        assert frame.code == 12
        assert b"a proto body cannot be sent as bin: proto carries no types; compile" in frame.error
        peer.say(MESSAGE, 2, field(1, EXACT), method="Stream.Sum", credit=1000)
        peer.say(MESSAGE, 2, field(1, 1))
        peer.say(CLOSE, 2)
        while (frame := peer.hear()).kind == CREDIT:
            pass
        assert (frame.error, frame.body) == (b"", field(1, EXACT + 1))
    assert geectl("call", server.tcp, "Stream.List", '{"From": 1, "To": 3}').split() == ["1", "2", "3"]


def test_an_upstream_may_speak_protobuf(make_server, extended_build):
    """Unary and streaming calls in protobuf go on as they are, without types; JSON by descriptors."""
    back, server = make_server(build=extended_build).start(), make_server()
    compile_proto("users.proto", server.root / "stream.binpb", lambda _: STREAM)
    services = ['name = "Stream"; descriptors = "stream.binpb";', "Total", "numbers.v1.Numbers"]
    start_gateway(server, [back.tcp], services=services, codec="proto")
    assert geectl("call", server.tcp, "Stream.List", '{"From": 1, "To": 3}').split() == ["1", "2", "3"]
    with BinPeer(server.tcp, option=OPTION_PROTO) as peer:
        assert peer.call("numbers.v1.Numbers.Square", field(1, 14))[1].startswith(field(1, 98))  # zigzag: 7, 49
        peer.say(MESSAGE, 9, field(1, 4), method="Total.Of", credit=1000)
        peer.say(MESSAGE, 9, field(1, 5))
        peer.say(CLOSE, 9)
        while (frame := peer.hear()).kind == CREDIT:
            pass
        assert (frame.error, frame.body) == (b"", field(1, 2) + field(2, 9))


def test_geectl_knows_the_types_by_descriptors_alone(go_server, make_server, tmp_path):
    """Before a server in Go, which knows no Gee.Describe, and before a server that does not tell its types."""
    path = compile_proto("users.proto", tmp_path / "users.binpb")
    words = ["call", "--protocol", "netrpc", "--descriptors", path, go_server("netrpc", "tcp")]
    user = json.loads(geectl(*words, "Users.Next", json.dumps(USER)))
    assert (user["user_id"], user["color"], user["home"]) == (EXACT + 1, "GREEN", USER["home"])
    assert geectl(*words, "Users.Next", '{"color": "PINK"}', status=2) == (
        'geectl: arguments: color: Color has no value "PINK"\n'
    )
    assert geectl(*words, "Users.Nxt", status=2) == (
        f'geectl: descriptors: {path}: test.v1.Users has no method "Nxt"\n'
    )
    assert geectl(*words, "Usres.Next", status=2) == (
        f'geectl: descriptors: {path}: there is no service "Usres", there is test.v1.Users\n'
    )
    for words[4], reason in (
        (tmp_path / "users.proto", "it looks like a .proto itself; protoc --include_imports"),
        (tmp_path, "Is a directory"),
        (tmp_path / "none", "No such file or directory"),
    ):
        assert f"geectl: descriptors: {words[4]}: {reason}" in geectl(*words, "Users.Next", status=2)
    server = make_server()
    server.conf += "describe = false;\n"
    server.start()
    arith = 'syntax = "proto3"; message Args { int64 A = 1; int64 B = 2; } message Result { int64 value = 1; }' \
            "service Arith { rpc Multiply(Args) returns (Result); }"
    path = compile_proto("users.proto", tmp_path / "arith.binpb", lambda _: arith)
    words = ["call", "--codec", "bin", server.tcp, "Arith.Multiply", '{"A": 3, "B": 3002399751580331}']
    assert "has no Gee.Describe" in geectl(*words, status=2)
    assert json.loads(geectl(*words, "--descriptors", path)) == {"value": EXACT}


def test_geectl_sends_numbers_of_enums_to_a_server_that_speaks_json(go_server, tmp_path):
    """Go's encoding/json knows no names; the reply has names again. JSON without enums goes as it is."""
    path = compile_proto("users.proto", tmp_path / "users.binpb")
    words = ["call", "--protocol", "jsonrpc", "--descriptors", path, go_server("jsonrpc", "tcp")]
    user = json.loads(geectl(*words, "Users.Next", json.dumps(USER)))
    assert (user["user_id"], user["color"], user["home"]) == (EXACT + 1, "GREEN", USER["home"])
    assert geectl(*words, "Users.Next", '{"color": "PINK"}', status=2) == (
        'geectl: arguments: color: Color has no value "PINK"\n'
    )
    numbers = 'syntax = "proto3"; message Pair { int64 Num1 = 1; } service Foo { rpc Sum(Pair) returns (Pair); }'
    words[4] = compile_proto("users.proto", tmp_path / "foo.binpb", lambda _: numbers)
    assert geectl(*words, "Foo.Sum", '{"Num1": 1, "Num2": 2}') == "3\n"  # not a Pair, and Num2 is not in the file


def test_a_top_level_list_is_for_every_forwarded_service_that_it_has(make_server, go_server):
    server = make_server()
    compile_proto("users.proto", server.root / "users.binpb")
    conf = gateway_conf([go_server("netrpc", "tcp")], services=["Users", "Foo", "test.v1.Users"], protocol="netrpc")
    server.conf = conf + 'descriptors = ( "users.binpb" );\n'
    server.start()
    assert server.call("Users.Next", USER)[1]["color"] == "GREEN"
    assert server.call("Foo.Sum", {"Num1": 1, "Num2": 2}) == ("", 3)
    # Named in full, the service has its types; this server has no service of that name.
    assert "can't find service" in server.call("test.v1.Users.Next", USER)[0]


@pytest.mark.parametrize(
    "setting, reason",
    [
        ('descriptors = "none.binpb";', "services[0].descriptors: {root}/none.binpb: No such file or directory"),
        ('descriptors = "conf/geerpc.conf";', "geerpc.conf: it is no FileDescriptorSet"),
        ('descriptors = "users.proto";', "users.proto: it looks like a .proto itself; protoc --include_imports"),
        ('descriptors = "";', 'services[0].descriptors: "" is no path of a file'),
        ('descriptors = ( "users.binpb", "changed.binpb" );',
         ": users.binpb and changed.binpb define test.v1.Place differently; make both of the same .proto"),
        ('descriptors = "empty";', "empty: there is no file in it; protoc --include_imports"),
        ('descriptors = "broken.binpb";', "broken.binpb: users.proto: test.v1.Users: Next: there is no message"),
        ('descriptors = "foo.binpb";', '[0].descriptors: no service "Users" is in foo.binpb, did you mean "Usres"?'),
        ('descriptors = ( "foo.binpb", "shop.binpb" );',
         'no service "Users" is in foo.binpb, shop.binpb, did you mean "Usres"?'),
        ('descriptors = ( "users.binpb", "twice.binpb" );',
         '"Users" is test.v1.Users in users.binpb and other.Users in twice.binpb'),
        ('descriptors = "users.binpb"; idempotent = "Nxt";', 'Users, as its descriptors have it, has no method "Nxt"'),
    ],
)
def test_what_is_wrong_with_descriptors_is_said_with_file_and_reason(make_server, setting, reason):
    server = make_server()
    compile_proto("users.proto", server.root / "users.binpb")
    compile_proto("users.proto", server.root / "foo.binpb", lambda proto: proto.replace("Users", "Usres"))
    compile_proto("users.proto", server.root / "twice.binpb", lambda proto: proto.replace("test.v1", "other"))
    compile_proto("users.proto", server.root / "changed.binpb", lambda proto: proto.replace("street_name", "street"))
    compile_proto("users.proto", server.root / "shop.binpb",
                  lambda proto: proto.replace("service Users", "service Shop").replace("test.v1", "shop"))
    compile_proto("users.proto", server.root / "users.binpb")
    data = (server.root / "users.binpb").read_bytes()
    (server.root / "broken.binpb").write_bytes(data.replace(b".test.v1.User\x1a", b".test.v1.Usex\x1a"))
    (server.root / "empty").touch()
    server.conf = gateway_conf(["tcp@127.0.0.1:9"], services=['name = "Users"; ' + setting])
    said = server.run("-t", status=1).stderr
    assert "conf/geerpc.conf:5: services[0]" in said
    assert reason.format(root=server.root) in said


def test_descriptors_are_for_forwarded_services(make_server):
    server = make_server()
    server.conf = gateway_conf(["tcp@127.0.0.1:9"]).replace(
        "services = (", 'services = ( { name = "Arith"; descriptors = "x"; },'
    ).replace('{ name = "Arith"; upstream = "back"; },', "")
    assert "services[0].descriptors: is for services with an upstream" in server.run("-t", status=1).stderr


def test_a_reload_changes_the_types_without_failing_a_call(make_server, go_server):
    """Callers see GREEN or LIME, never an error; a reload with broken descriptors is refused, the old types stay."""
    server = make_server()
    path = compile_proto("users.proto", server.root / "users.binpb")
    start_gateway(server, [go_server("netrpc", "tcp")], services=[USERS], protocol="netrpc", workers=2)
    names, ending = set(), threading.Event()

    def call():
        with server.peer() as peer:
            while not ending.is_set():
                header, user = peer.call("Users.Next", {"user_id": EXACT, "display_name": "c", "color": 5})
                assert (header["Error"], user["user_id"]) == ("", EXACT + 1)
                names.add(user["color"])

    failures = []
    threads = [threading.Thread(target=lambda: failures.extend(trouble(call))) for _ in range(4)]
    for thread in threads:
        thread.start()
    try:
        for name in ("LIME", "GREEN", "LIME", "GREEN"):
            compile_proto("users.proto", path, lambda proto, name=name: proto.replace("GREEN", name))
            names.clear()
            server.reload()
            eventually(lambda name=name: names.issuperset({name}) or failures, "the new name")
        path.write_bytes(b"nothing")
        assert "users.binpb: it is no FileDescriptorSet" in server.reload(status=1).stderr
        assert server.call("Users.Next", {"display_name": "c", "color": 5})[1]["color"] == "GREEN"
    finally:
        ending.set()
        for thread in threads:
            thread.join()
    assert not failures


def trouble(work):
    try:
        work()
    except Exception as caught:  # pylint: disable=broad-except
        return [caught]
    return []
