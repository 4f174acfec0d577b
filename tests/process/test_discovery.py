"""A gateway whose servers are found in a registry: whatever happens to registry, helper or servers, its calls go on.

GEERPC_SOAK=60 make check-process T=discovery makes the registry's absence under load last that long; without it,
5 s."""
import os
import re
import signal

import pytest

from conftest import CONF, ROOT, SANITIZED, eventually
from gateway import page
from registering import (
    Load,
    Place,
    put,
    remove,
    servers,
    start_registry,
    url,
    wait_for_helper,
    wait_for_servers,
)
from test_announce import announce
from wire import free_port

SOAK = float(os.environ.get("GEERPC_SOAK", 5))
PAIR = {"A": 7, "B": 8}


def gateway_conf(source, workers=2, upstream="", **registry):
    rows = " ".join(f"{name} = {value};" for name, value in {"url": f'"{source}"', **registry}.items())
    return f"""
workers = {workers};
access_log = {{ path = "logs/access.log"; }};
listen = ( {{ address = "tcp@127.0.0.1:0"; }} );
services = ( {{ name = "Arith"; upstream = "back"; }} );
upstreams = ( {{ name = "back"; {upstream} registry = {{ {rows} }}; }} );
"""


@pytest.fixture
def place():
    return Place()


@pytest.fixture
def registry(make_server, place):
    return start_registry(make_server(), place)


@pytest.fixture
def gateway(make_server, place):
    """Follows the registry at `place`."""
    server = make_server()
    server.conf = gateway_conf(place.url)
    return server.start()


@pytest.fixture
def back(make_server, place):
    """back(): a server that announces itself at `place`."""

    def start(**options):
        server = make_server()
        server.conf = CONF + announce(place.url, **options)
        return server.start()

    return start


def upstream(gateway, name="back"):
    return next((each for each in page(gateway)["upstreams"] if each["name"] == name), None)


def listed(gateway):
    return sorted(peer["address"] for peer in upstream(gateway)["peers"] if peer["state"] != "leaving")


def wait_for_list(gateway, wanted):
    """Waits until every worker has the list."""

    def known():
        source = upstream(gateway)["registry"]
        return source["count"] == len(wanted) and listed(gateway) == sorted(wanted)

    eventually(known, f"the gateway knows {wanted}")


def told(gateway, found):
    return all(gateway.call("Arith.Multiply", PAIR)[0].find(found) >= 0 for _ in range(4))


# ---- finding servers ----


def test_servers_come_and_go(registry, gateway, back):
    first, second = back(), back()
    wait_for_list(gateway, [first.tcp, second.tcp])
    assert gateway.call("Arith.Multiply", PAIR) == ("", 56)
    third = back(weight=5)
    wait_for_list(gateway, [first.tcp, second.tcp, third.tcp])
    assert {peer["address"]: peer["weight"] for peer in upstream(gateway)["peers"]}[third.tcp] == 5
    first.stop(signal.SIGQUIT)
    wait_for_list(gateway, [second.tcp, third.tcp])
    assert sorted(servers(registry)) == sorted([second.tcp, third.tcp])
    assert gateway.generation() == 1  # without a reload


def test_one_service_of_many(registry, make_server, place):
    gateway = make_server()
    gateway.conf = gateway_conf(place.url, service='"Arith"')
    gateway.start()
    put(registry, "tcp@10.0.0.1:1", service="Foo")
    put(registry, "tcp@10.0.0.1:2")
    put(registry, "tcp@10.0.0.1:3", service="Arith")
    wait_for_list(gateway, ["tcp@10.0.0.1:3"])


def test_the_server_itself_is_left_out(registry, gateway, back):
    """Its calls would come back until all slots are taken."""
    put(registry, gateway.tcp)
    put(registry, gateway.tcp.replace("tcp@", "http@"), service="Arith")
    gateway.wait_for_log(
        r"\[warn\] .*upstream back: http://.*: (tcp|http)@127\.0\.0\.1:\d+ is this server itself: it is left out"
    )
    error, _ = gateway.call("Arith.Multiply", PAIR)
    assert "it has no servers" in error and "gives an empty list" in error
    server = back()
    eventually(lambda: listed(gateway) == [server.tcp], "the other one is found")
    assert gateway.call("Arith.Multiply", PAIR) == ("", 56)


def test_from_a_file_and_a_name(make_server):
    server = make_server().start()
    gateway = make_server()
    file = gateway.root / "servers"
    file.write_text(f"{server.tcp} 3 # the only one\n")
    gateway.conf = gateway_conf(f"file@{file}")
    gateway.start()
    wait_for_list(gateway, [server.tcp])
    (gateway.root / "servers.new").write_text(f"{server.tcp}\n{server.unix}\n")
    (gateway.root / "servers.new").rename(file)
    wait_for_list(gateway, [server.tcp, server.unix])
    assert gateway.call("Arith.Multiply", PAIR) == ("", 56)
    gateway.reload(gateway_conf("dns@localhost:" + server.tcp.split(":")[1], upstream="retries = 2;"))
    eventually(
        lambda: server.tcp in listed(gateway) and server.unix not in listed(gateway), "the addresses of localhost"
    )
    assert gateway.call("Arith.Multiply", PAIR) == ("", 56)


def test_a_registry_that_answers_later(make_server, gateway, back, place):
    """Until the registry answers there are no servers, and callers get the reason."""
    eventually(lambda: told(gateway, "Connection refused"), "the reason")
    reason = f"rpc gateway: upstream back: it has no servers: {place.url}: connect: Connection refused"
    eventually(lambda: gateway.call("Arith.Multiply", PAIR)[0].startswith(reason), "a worker says so, too")
    gateway.wait_for_log(r"\[warn\] .*upstream back: http://\S+: connect: Connection refused; there is no list yet")
    registry = start_registry(make_server(), place)
    eventually(lambda: told(gateway, "gives an empty list"), "the reason")
    server = back()
    wait_for_list(gateway, [server.tcp])
    eventually(lambda: gateway.call("Arith.Multiply", PAIR) == ("", 56), "both workers")
    assert servers(registry) == [server.tcp]


# ---- reports ----


def test_what_the_page_shows(registry, gateway, back, place):
    server = back()
    wait_for_list(gateway, [server.tcp])
    eventually(lambda: upstream(gateway)["registry"]["age_ms"] is not None, "its age")
    source = upstream(gateway)["registry"]
    assert source["url"] == place.url and source["trouble"] is None and source["version"] >= 1
    registry.stop()
    # The first report may be how the connection ended.
    eventually(lambda: "Connection refused" in (upstream(gateway)["registry"]["trouble"] or ""), "the trouble")
    source = upstream(gateway)["registry"]
    assert source["count"] == 1
    eventually(lambda: upstream(gateway)["registry"]["age_ms"] > source["age_ms"], "it ages")
    registry.start()
    eventually(lambda: upstream(gateway)["registry"]["trouble"] is None, "no trouble")
    assert len(gateway.wait_for_log(r"the list from before stays in force: 1 server")) == 1
    gateway.wait_for_log(r"gives a list again")


# ---- failures ----


def test_the_registry_is_away_under_load(registry, gateway, back):
    backs = [back(ttl='"2s"') for _ in range(2)]
    wait_for_list(gateway, [each.tcp for each in backs])
    with Load(gateway) as load:
        registry.stop()
        load.last(SOAK)
        assert listed(gateway) == sorted(each.tcp for each in backs)
        # The registry begins with an empty list: no file, and no server has announced itself again yet.
        (registry.root / "run/registry/servers").unlink()
        registry.start()
        wait_for_servers(registry, [each.tcp for each in backs])
        load.wait_for(1000)
    assert load.failures == []
    print(f"\n{load.count} calls, the registry was away for {SOAK:g} s: {len(load.failures)} failures")


def test_a_registry_that_stays_empty(registry, gateway, make_server, place):
    """The servers never announce themselves again: the last good list stays."""
    server = make_server().start()
    put(registry, server.tcp)
    wait_for_list(gateway, [server.tcp])
    with Load(gateway) as load:
        remove(registry, server.tcp)
        eventually(lambda: upstream(gateway)["registry"]["trouble"], "the trouble")
        assert "empty" in upstream(gateway)["registry"]["trouble"]
        load.wait_for(200)
        # A new helper, for which an empty list is the first list, does not accept it either.
        gateway.allow(r"helper .* was killed by signal 9")
        helper = wait_for_helper(gateway)
        os.kill(helper, signal.SIGKILL)
        wait_for_helper(gateway, helper)
        gateway.wait_for_log(r"the list is empty; the list from before stays in force: 1 server", 2)
        load.wait_for(200)
        # The workers of a reload do not begin without servers.
        gateway.reload()
        assert listed(gateway) == [server.tcp]
    assert load.failures == []


def test_a_list_that_collapses(registry, make_server, place):
    gateway = make_server()
    gateway.conf = gateway_conf(place.url, min_servers=2)
    gateway.start()
    addresses = [make_server().start().tcp for _ in range(3)]
    for address in addresses:
        put(registry, address)
    wait_for_list(gateway, addresses)
    remove(registry, addresses[0])
    wait_for_list(gateway, addresses[1:])
    remove(registry, addresses[1])
    gateway.wait_for_log(r"the list has 1 server, min_servers is 2; the list from before stays in force: 2 servers")
    assert listed(gateway) == sorted(addresses[1:])
    gateway.reload(gateway.conf.replace("min_servers = 2", "min_servers = 1"))
    wait_for_list(gateway, addresses[2:])


def test_the_helper_dies_under_load(registry, gateway, back):
    gateway.allow(r"helper .* was killed by signal 9")
    server = back()
    wait_for_list(gateway, [server.tcp])
    with Load(gateway) as load:
        for _ in range(3):
            helper = wait_for_helper(gateway)
            os.kill(helper, signal.SIGKILL)
            load.wait_for(100)
            assert listed(gateway) == [server.tcp]
            assert wait_for_helper(gateway, helper) != helper
        another = back()
        wait_for_list(gateway, [server.tcp, another.tcp])
        load.wait_for(100)
    assert load.failures == []


def test_the_registry_is_away_and_the_helper_dies(registry, gateway, back):
    """New workers also begin with the last good list."""
    server = back()
    wait_for_list(gateway, [server.tcp])
    registry.stop()
    gateway.allow(r"was killed by signal 9")
    for pid in [wait_for_helper(gateway), *gateway.worker_pids()]:
        os.kill(pid, signal.SIGKILL)
    eventually(lambda: len(gateway.worker_pids()) == 2, "two workers")
    with Load(gateway) as load:
        gateway.reload()
    assert load.failures == []
    assert listed(gateway) == [server.tcp]


def test_a_rolling_restart_under_load(registry, gateway, back):
    """A server that leaves gets no new calls before it closes."""
    backs = [back() for _ in range(3)]
    wait_for_list(gateway, [each.tcp for each in backs])
    with Load(gateway, connections=8) as load:
        for turn, server in enumerate(backs):
            assert server.stop(signal.SIGQUIT) == 0
            load.wait_for(100)
            backs[turn] = back()
            wait_for_list(gateway, [each.tcp for each in backs])
            load.wait_for(100)
    print(f"\n{load.count} calls while three servers were restarted one after the other: {len(load.failures)} failures")
    assert load.failures == []


def test_both_restart(registry, gateway, back):
    """The gateway is reloaded while its servers change."""
    backs = [back() for _ in range(2)]
    wait_for_list(gateway, [each.tcp for each in backs])
    with Load(gateway, redial=True) as load:
        for server in backs:
            gateway.reload()
            started = back()
            server.stop(signal.SIGQUIT)
            eventually(
                lambda s=server, t=started: s.tcp not in listed(gateway) and t.tcp in listed(gateway), "the change"
            )
            load.wait_for(100)
    assert load.failures == []


# ---- with Go ----


def test_go_servers_found_in_our_registry(registry, gateway, go_server, place):
    """They register as GeeRPC's do, and the gateway forwards to them."""
    address = go_server("geerpc", "tcp", registry=place.url)
    wait_for_servers(registry, [address])
    wait_for_list(gateway, [address])
    eventually(lambda: gateway.call("Arith.Multiply", PAIR) == ("", 56), "both workers")


@pytest.mark.parametrize("mode", ["random", "roundrobin"])
def test_a_go_xclient_finds_our_servers(registry, back, go_xclient, place, mode):
    backs = [back() for _ in range(3)]
    wait_for_servers(registry, [each.tcp for each in backs])
    calls = 100 if not SANITIZED else 10
    assert go_xclient(place.url, mode, calls) == f"{8 * calls} calls to 3 servers, a broadcast to 3"


def test_our_gateway_and_a_go_registry(make_server, go_registry, go_server):
    """A registry like GeeRPC's own, without versions: the gateway asks repeatedly."""
    source = go_registry()
    go = go_server("geerpc", "tcp", registry=source)
    server = make_server()
    server.conf = CONF + announce(source)
    server.start()
    server.wait_for_log(r"is in the registry")
    gateway = make_server()
    gateway.conf = gateway_conf(source, refresh='"100ms"', upstream='codec = "gob";')
    gateway.start()
    wait_for_list(gateway, [go, server.tcp])
    with Load(gateway) as load:
        load.wait_for(200)
    assert load.failures == []


def test_our_servers_a_go_registry_and_a_go_xclient(make_server, go_registry, go_xclient):
    source = go_registry()
    for _ in range(2):
        server = make_server()
        server.conf = CONF + announce(source)
        server.start()
        server.wait_for_log(r"is in the registry")
    assert go_xclient(source, "roundrobin", 50) == "400 calls to 2 servers, a broadcast to 2"


# ---- settings ----


def test_settings_that_are_wrong(stopped):
    for wrong, said in (
        ('registry = { refresh = "1s"; };', 'upstreams[0].registry has no "url"'),
        (
            'registry = { url = "etcd://x/y"; };',
            'upstreams[0].registry.url: registry "etcd://x/y": no module for "etcd"',
        ),
        ('registry = { url = "http://x y/"; };', "upstreams[0].registry.url"),
        ('registry = { url = "http://x/y"; refresh = "0"; };', "upstreams[0].registry.refresh"),
        (
            'registry = { url = "http://x/y"; }; servers = ( { address = "tcp@127.0.0.1:1"; } );',
            "servers and a registry",
        ),
    ):
        listen = 'listen = ( { address = "tcp@127.0.0.1:0"; } );\n'
        stopped.conf = listen + 'upstreams = ( { name = "back"; ' + wrong + " } );"
        done = stopped.run("-t", status=1)
        assert "geerpc.conf:2: " in done.stderr and said in done.stderr, done.stderr


# ---- the examples ----


def test_the_examples(make_server):
    """conf/examples/registry*.conf together, unchanged except for the ports."""
    ports = {port: str(free_port()) for port in ("9990", "9991", "9999")}
    started = {}
    for name in ("registry", "registry-server", "registry-gateway"):
        server = started[name] = make_server()
        server.conf = re.sub(
            "|".join(ports), lambda found: ports[found[0]], (ROOT / f"conf/examples/{name}.conf").read_text()
        )
        server.start()
    eventually(
        lambda: len(upstream(started["registry-gateway"], "arith")["peers"]) == 1, "the gateway finds the server"
    )
    assert started["registry-gateway"].call("Arith.Multiply", PAIR) == ("", 56)
    started["registry-server"].stop(signal.SIGQUIT)
    assert servers(started["registry"]) == []
