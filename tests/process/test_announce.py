"""A server that announces itself to registries: while the server runs, and not a moment longer."""
import os
import re
import signal

import pytest

from conftest import CONF, eventually
from registering import (
    Place,
    ask,
    entries,
    put,
    servers,
    start_registry,
    url,
    wait_for_helper,
    wait_for_servers,
)


def announce(registry_url, **settings):
    texts = {"registry": f'"{registry_url}"', **settings}
    return "announce = ( { " + " ".join(f"{name} = {value};" for name, value in texts.items()) + " } );\n"


@pytest.fixture
def registry(make_server):
    return start_registry(make_server())


@pytest.fixture
def announced(make_server, registry):
    """announced(ttl='"3s"'): a running server that announces itself, by default for so long that no entry times out."""

    def start(**settings):
        server = make_server()
        server.conf = CONF + announce(url(registry), **{"ttl": '"1h"', **settings})
        server.start()
        eventually(lambda: server.tcp in servers(registry), "the registry lists it")
        return server

    return start


def test_listeners_are_announced_and_refreshed(registry, announced):
    server = announced(service='"Arith"', weight=3, ttl='"1s"')
    entry = entries(registry)[server.tcp, "Arith"]  # and the Unix socket is not
    assert entry["weight"] == 3 and entry["expires_in_ms"] <= 1000
    server.wait_for_log(r"\[notice\] .*announce: tcp@\S+ is in the registry http://")
    # Longer than the entry's time, and the entry was never away: the version would tell.
    before = ask(registry).version
    answer = ask(registry, query=f"version={before}&wait=3s")
    assert (answer.version, answer.servers) == (before, [server.tcp])


def test_another_address(registry, make_server):
    server = make_server()
    server.conf = CONF + announce(url(registry), address='"http@10.0.0.1:80"')
    server.start()
    wait_for_servers(registry, ["http@10.0.0.1:80"])


def test_a_server_leaves_before_it_drains(registry, announced):
    server = announced()
    address = server.tcp
    with server.peer() as peer:
        peer.send("Foo.Sleep", {"Num1": 2, "Num2": 40})
        eventually(lambda: "in flight 1" in server.status(), "the call")
        server.send_signal(signal.SIGQUIT)
        wait_for_servers(registry, [])
        assert server.processes(), "it is still there"
        header, body = peer.reply()
        assert (header["Error"], body) == ("", 42)
    assert server.wait_for_end() == 0
    server.wait_for_log(rf"announce: {address} is out of the registry")


def test_a_fast_stop_leaves_too(registry, announced):
    assert announced().stop(signal.SIGTERM) == 0
    assert servers(registry) == []


def test_a_reload_withdraws_what_it_drops(registry, announced):
    server = announced()
    server.reload(CONF + announce(url(registry), address='"tcp@10.0.0.1:1"'))
    wait_for_servers(registry, ["tcp@10.0.0.1:1"])
    server.reload(CONF + announce(url(registry), address='"tcp@10.0.0.1:1"', service='"Foo"'))
    eventually(lambda: list(entries(registry)) == [("tcp@10.0.0.1:1", "Foo")], "the other entry")
    # Without announcements there is no helper, except to remove the last entry; the next reload needs none.
    server.reload(CONF)
    wait_for_servers(registry, [])
    server.reload(CONF)
    eventually(lambda: "helper" not in server.status(), "no helper")


def test_a_reload_keeps_what_it_does_not_drop(registry, announced):
    server = announced()
    version = ask(registry).version
    helper = wait_for_helper(server)
    server.reload(server.conf + "shutdown_timeout = \"5s\";")
    wait_for_helper(server, helper)
    server.wait_for_log(r"is in the registry", 2)
    assert ask(registry).version == version


def test_the_end_just_after_a_reload(registry, announced):
    """The new helper removes the entry of the helper before."""
    for number in (signal.SIGQUIT, signal.SIGTERM):
        server = announced()
        old = wait_for_helper(server)
        os.kill(old, signal.SIGSTOP)  # the registry hangs: the next helper waits for the end of this one
        try:
            server.reload()
            server.send_signal(number)
            eventually(lambda s=server: re.search("quitting|stopping", s.log()), "the beginning of the end")
        finally:
            os.kill(old, signal.SIGCONT)
        assert server.wait_for_end() == 0
        assert servers(registry) == []


def test_the_helper_dies(registry, announced):
    server = announced(ttl='"2s"')
    server.allow(r"helper .* was killed by signal 9")
    helper = wait_for_helper(server)
    os.kill(helper, signal.SIGKILL)
    wait_for_helper(server, helper)
    put(registry, "tcp@10.0.0.1:1")
    server.wait_for_log(r"is in the registry", 2)
    assert server.tcp in servers(registry)
    server.stop(signal.SIGQUIT)
    assert servers(registry) == ["tcp@10.0.0.1:1"]


def test_a_registry_that_comes_later(make_server):
    place = Place()
    server = make_server()
    server.conf = CONF + announce(place.url, ttl='"3s"')
    server.start()
    server.wait_for_log(r"\[warn\] .*announce: tcp@\S+ is not in the registry: .*Connection refused; it is tried again")
    registry = start_registry(make_server(), place, file='""')
    wait_for_servers(registry, [server.tcp])
    # The registry begins again, without a file: the server announces itself again.
    registry.stop()
    registry.start()
    wait_for_servers(registry, [server.tcp])


def test_a_registry_that_is_gone_does_not_hold_up_the_end(make_server):
    registry = start_registry(make_server())
    server = make_server()
    server.conf = CONF + announce(url(registry))
    server.start()
    wait_for_servers(registry, [server.tcp])
    for pid in registry.processes():
        os.kill(pid, signal.SIGSTOP)
    try:
        server.send_signal(signal.SIGQUIT)
        assert server.wait_for_end() == 0
        server.wait_for_log(r"may stay in the registry until its time is over")
    finally:
        for pid in registry.processes():
            os.kill(pid, signal.SIGCONT)


def test_a_registry_of_geerpcs(make_server, go_registry):
    """The registry knows no DELETE."""
    registry_url = go_registry()
    server = make_server()
    server.conf = CONF + announce(registry_url)
    server.start()
    server.wait_for_log(r"is in the registry http://")
    assert server.stop(signal.SIGQUIT) == 0
    server.wait_for_log(r"\[warn\] .*may stay in the registry until its time is over: .*takes no DELETE")


def test_settings_that_are_wrong(stopped):
    listen = 'listen = ( { address = "tcp@%s"; } );\n'
    good = 'registry = "http://127.0.0.1:9/r";'
    for place, wrong, said in (
        ("0.0.0.0:9999", good, 'announce[0]: it needs an address: listen[0] is "tcp@0.0.0.0:9999"'),
        ("[::]:9999", good, "which nobody can dial from elsewhere"),
        (":9999", good, 'add address = "tcp@10.0.0.1:9999";'),
        (
            "127.0.0.1:9999",
            good + ' address = "tcp@0.0.0.0:9999";',
            'announce[0].address: "tcp@0.0.0.0:9999" names every address',
        ),
        ("127.0.0.1:9999", good + ' address = "tcp@10.0.0.1:0";', "port 0"),
        ("127.0.0.1:9999", good + ' address = "nonsense";', "announce[0].address"),
        ("127.0.0.1:9999", good + ' address = "carrier@pigeon";', 'no transport for "carrier@"'),
        ("127.0.0.1:9999", 'address = "tcp@10.0.0.1:1";', 'announce[0] has no "registry"'),
        ("127.0.0.1:9999", 'registry = "file@/etc/servers";', "nothing can be entered there"),
        ("127.0.0.1:9999", 'registry = "etcd://127.0.0.1/x";', 'no module for "etcd"'),
        ("127.0.0.1:9999", good + ' ttl = "10ms";', "announce[0].ttl"),
    ):
        stopped.conf = listen % place + "announce = ( { " + wrong + " } );\n"
        done = stopped.run("-t", status=1)
        assert "geerpc.conf:2: " in done.stderr and said in done.stderr, done.stderr
    stopped.conf = 'listen = ( { address = "unix@run/x"; } );\nannounce = ( { ' + good + " } );\n"
    assert "Unix sockets only" in stopped.run("-t", status=1).stderr
