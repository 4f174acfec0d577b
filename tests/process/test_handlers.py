"""What handlers may use: settings, state, timers, other calls, bare lists and maps; by the examples of docs/modules.md,
which are modules under tests/modules, and by a module of another source tree that uses all of these."""
import json
import pathlib
import re
import subprocess

import pytest

from conftest import CONF, TIMEOUT, eventually
from gateway import gateway_conf
from scripted import GEECTL
from wire import BinPeer, field, fields

ROOT = pathlib.Path(__file__).resolve().parents[2]
EXAMPLES = ("chat", "clock", "countdown", "later", "shapes", "tally", "total")
CODECS = ("json", "bin", "gob")
CANCEL, MESSAGE, CLOSE = 1, 5, 6  # kinds of frames: docs/geerpc.proto
CANCELLED = 1  # a code


@pytest.fixture
def one(make_server, extended_build):
    """one(lines): a server with one worker and these lines of configuration."""

    def start(lines=""):
        server = make_server(build=extended_build)
        server.conf = CONF.replace("workers = 2", "workers = 1") + lines
        return server.start()

    return start


def geectl(*arguments, status=0):
    done = subprocess.run([GEECTL, *arguments], capture_output=True, text=True, timeout=TIMEOUT, check=False)
    assert (done.returncode != 0) == (status != 0), done.stderr
    return done.stdout if status == 0 else done.stderr


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_examples_of_the_documentation_are_what_is_tested(name):
    blocks = re.findall(r"^```c\n(.*?)^```", (ROOT / "docs/modules.md").read_text(), re.MULTILINE | re.DOTALL)
    assert (ROOT / f"tests/modules/service_{name}/service_{name}.c").read_text() in blocks


def test_every_complete_service_of_the_documentation_is_tested():
    text = (ROOT / "docs/modules.md").read_text()
    blocks = [block for block in re.findall(r"^```c\n(.*?)^```", text, re.MULTILINE | re.DOTALL) if "#include" in block]
    served = re.findall(r"^GEE_SERVICE(?:_WITH)?\(service_(\w+)", "".join(blocks), re.MULTILINE)
    assert sorted(served) == sorted(EXAMPLES)


# ---- the examples ----


@pytest.mark.parametrize("codec", CODECS)
def test_bare_lists_and_maps(one, codec):
    server = one("tally = { most = 3; };\n")
    for calls in (1, 2):
        said = geectl("call", "--codec", codec, server.tcp, "Tally.Add", '["a", "b"]')
        assert json.loads(said) == {"these": 2, "all": 2 * calls}
    assert "4 words, over tally.most" in geectl("call", "--codec", codec, server.tcp, "Tally.Add", '["a","b","c","d"]',
                                                status=1)
    geectl("call", "--codec", codec, server.tcp, "Tally.Add", '{"a": 1}', status=1)


SHAPE = {
    "Color": "RED",
    "Center": [1, 2, 3],
    "Box": {"Width": 2, "Height": 3},
    "Labels": {"-1": "left", "7": ""},
    "Parts": [{"Radius": 1}],
    "Depth": -3,
}


@pytest.mark.parametrize("codec", ["json", "bin", "proto", "protojson"])
def test_enums_oneofs_arrays_and_maps_of_any_key(one, codec):
    server = one()
    shape = json.dumps(SHAPE)
    assert json.loads(geectl("call", "--codec", codec, server.tcp, "Shapes.Area", shape)) == 9
    painted = json.loads(geectl("call", "--codec", codec, server.tcp, "Shapes.Paint", shape))
    kept = ("Center", "Labels", "Depth")
    assert {name: painted[name] for name in kept} == {name: SHAPE[name] for name in kept}
    assert painted["Color"] == "GREEN" and "Box" not in painted and "Radius" not in painted
    for wrong, reason in (
        ('{"Center":[1,2]}', "2 items where 3 are expected"),
        ('{"Color":"BLUE"}', 'no value "BLUE"'),
        ('{"Labels":{"x":"y"}}', "the key is not of type int32"),
    ):
        assert reason in geectl("call", "--codec", codec, server.tcp, "Shapes.Area", wrong, status=1)


def test_bare_lists_and_maps_are_described(one):
    server = one()
    said = geectl("describe", server.tcp, "Tally.Add")
    assert re.search(r"list of string", said) and re.search(r"map of (string to )?int64", said), said


def test_a_reload_gives_handlers_the_new_settings_and_new_state(one):
    server = one()
    assert server.call("Tally.Add", ["a", "b"]) == ("", {"these": 2, "all": 2})
    server.reload(server.conf + "tally = { most = 1; };\n")
    assert server.call("Tally.Add", ["a", "b"])[0].endswith("2 words, over tally.most")
    assert server.call("Tally.Add", ["a"]) == ("", {"these": 1, "all": 1})


def test_timers(one):
    server = one()
    assert server.call("Later.Remind", {"Text": "tea", "Milliseconds": 20}) == ("", "tea")
    assert server.call("Later.Remind", {"Milliseconds": 1})[0] == "there was nothing to remember"
    assert server.call("Later.Remind", {"Milliseconds": 1 << 62})[0] == "Milliseconds: 0 to 60000"


def test_a_caller_that_leaves_ends_what_its_call_waits_for(one):
    server = one()
    with server.peer() as peer:
        peer.send("Later.Remind", {"Text": "x", "Milliseconds": 60000}, seq=1)
        peer.send("Handler.Ask", ["Foo.Sleep"], seq=2)
        eventually(lambda: in_flight(server) == 3, "both wait, and the call that Handler.Ask has made")
    eventually(lambda: in_flight(server) == 0, "nothing goes on")


def in_flight(server):
    return int(re.search(r"in flight (\d+)", server.status()).group(1))


def test_another_service(one):
    server = one()
    error, stamp = server.call("Later.Stamp", "UTC")
    assert error == "" and re.fullmatch(r"at \d+", stamp)
    assert server.call("Later.Stamp", "Mars")[0] == "no time: no zone Mars here"


# ---- all at once ----


def test_a_strangers_module_uses_them_all(one):
    server = one("handler = { first = 5; };\n")
    error, answers = server.call("Handler.Ask", ["Foo.Sum", "Nobody.Home", "Foo.Sum2"])
    assert error == ""
    assert answers == {
        "Foo.Sum": "1006",
        "Nobody.Home": "12 rpc server: can't find service Nobody",
        "Foo.Sum2": "12 rpc server: can't find method Sum2",
    }
    assert server.call("Handler.Ask", ["Foo.Sum"]) == ("", {"Foo.Sum": "1009"})
    assert server.call("Handler.Ask", []) == ("", {})


def test_a_handlers_own_patience(one):
    server = one('handler = { first = 1; patience = "30ms"; };\n')
    assert server.call("Handler.Ask", ["Foo.Sum", "Foo.Sleep"])[0] == "handler.patience is over after 1 answers"


def start_ticks(peer, count):
    peer.send("Handler.Tick", field(1, count), extra=field(4, MESSAGE))
    peer.send_header(field(2, 1) + field(4, CLOSE))


def test_timers_and_other_calls_of_a_streaming_call(one):
    server = one()
    with BinPeer(server.tcp) as peer:
        start_ticks(peer, 300)
        for number in [*range(1, 301), 599]:
            header, body = peer.reply()
            assert (header[4], fields(body)) == (MESSAGE, {1: number})
        header, _ = peer.reply()
        assert header[4] == CLOSE
    eventually(lambda: in_flight(server) == 0, "nothing goes on")


@pytest.mark.parametrize("way", ["cancel", "leave"])
def test_a_streaming_call_that_is_over_ticks_no_more(one, way):
    server = one()
    with BinPeer(server.tcp) as peer:
        start_ticks(peer, 1 << 40)
        header, body = peer.reply()
        assert (header[4], fields(body)) == (MESSAGE, {1: 1})
        if way == "cancel":
            peer.send_header(field(2, 1) + field(4, CANCEL))
            while header.get(4, 0) == MESSAGE:
                header, _ = peer.reply()
            assert header[7] == CANCELLED
            eventually(lambda: in_flight(server) == 0, "nothing goes on")
    eventually(lambda: in_flight(server) == 0, "nothing goes on")


@pytest.mark.parametrize("codec", CODECS)
def test_other_services_may_be_forwarded(one, make_server, extended_build, codec):
    back = one()
    front = make_server(build=extended_build)
    front.conf = gateway_conf([back.tcp], services=["Foo"], codec=codec).replace(
        "services = (", 'services = ( { name = "Handler"; },')
    front.start()
    assert front.call("Handler.Ask", ["Foo.Sum"]) == ("", {"Foo.Sum": "1002"})
    assert front.call("Handler.Ask", ["Foo.Nothing"])[1]["Foo.Nothing"].startswith("12 ")


def test_a_forwarded_service_may_be_undeclared(make_server, extended_build, serve):
    back = serve(lambda header, body: ({}, json.dumps(body["Num1"] + body["Num2"])))
    front = make_server(build=extended_build)
    front.conf = gateway_conf([back.address], services=["Far"]).replace(
        "services = (", 'services = ( { name = "Handler"; },')
    front.start()
    assert front.call("Handler.Ask", ["Far.Sum"]) == ("", {"Far.Sum": "1002"})
