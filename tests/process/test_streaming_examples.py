"""The streaming examples of docs/modules.md, called as that page says; and List at the end of what numbers can be."""
import json
import re
import select

import pytest

from conftest import CONF, eventually
from scripted import geectl
from test_geectl_streams import Talk


@pytest.fixture
def server(make_server, extended_build):
    """One worker, so that callers meet."""
    server = make_server(build=extended_build)
    server.conf = CONF.replace("workers = 2", "workers = 1")
    return server.start()


def call(server, *arguments, stdin=""):
    done = geectl("call", server.tcp, *arguments, stdin=stdin)
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize("method", ["Countdown.From", "Countdown.FromBlocking"])
def test_server_streaming(server, method):
    assert call(server, method, "3") == (0, "3\n2\n1\n", "")
    assert call(server, method, "0") == (0, "", "")
    assert call(server, method, "-1") == (0, "", "")
    status, out, _ = call(server, method, "50000")
    assert status == 0 and out.splitlines() == [str(number) for number in range(50000, 0, -1)]


def test_client_streaming(server):
    assert call(server, "Total.Of", stdin="1 2 3") == (0, '{"Count":3,"Sum":6}\n', "")
    assert call(server, "Total.Of", stdin="") == (0, '{"Count":0,"Sum":0}\n', "")
    status, out, error = call(server, "Total.Of", stdin=f"{2**63 - 1} 1 1")
    assert (status != 0, out) == (True, "") and "the sum is too large" in error


def test_a_chat(server):
    with Talk(server.tcp, "Chat.Talk") as ann, Talk(server.tcp, "Chat.Talk") as ben:
        ann.say('"hello"')
        eventually(lambda: ben.say('"are you there?"') or hears(ann), "ann has entered and hears ben")
        assert ann.hear() == '"are you there?"\n'
        ann.say('"good"')
        heard = ben.hear()
        if heard == '"hello"\n':  # Ben has entered before Ann's first word
            heard = ben.hear()
        assert heard == '"good"\n'
        assert ben.end() == (0, "", "")
        ann.say('"who is there?"')
        status, rest, error = ann.end()
        assert (status, rest.replace('"are you there?"\n', ""), error) == (0, "", "")
    eventually(lambda: re.search(r"in flight 0\b", server.status()), "all have left")


def hears(talk):
    return select.select([talk.process.stdout], [], [], 0.05)[0]


def test_the_last_number(server):
    last = json.dumps({"From": 2**63 - 2, "To": 2**63 - 1})
    for method in ("Stream.List", "Stream.ListBlocking"):
        assert call(server, method, last) == (0, f"{2**63 - 2}\n{2**63 - 1}\n", "")
