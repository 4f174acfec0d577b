"""A reload or an upgrade passes every connection to a new worker: nothing is closed, no call is lost, and the old
worker leaves.

GEERPC_FULL=1 runs the long form for make chaos: 200 reloads, 20 upgrades, 20,000 idle connections."""
import contextlib
import threading

import pytest

from conftest import SANITIZED, eventually
from handover import (FULL, LISTEN, NO_SHARES, Crowd, Idle, descriptors, passing_conf, reload_and_move, start_passing,
                      wait_until_moved, wait_until_taken)
from wires import WIRES, ErrorReply, HalfSealed

RELOADS = 200 if FULL else 20
UPGRADES = 20 if FULL else 4
IDLE = 20000 if FULL else 2000


@pytest.fixture
def passing(make_server, extended_build):
    """passing(workers=1): a running server; see handover.py"""
    return lambda **options: start_passing(make_server(build=extended_build), **options)


@contextlib.contextmanager
def conversations(wires, server, count=1):
    """That many on each of the wires, in turn; the server has accepted all of them."""
    made = []
    try:
        for _ in range(count):
            for wire in wires:
                made.append(WIRES[wire](server))
        yield made
    finally:
        for conversation in made:
            conversation.close()


# ---- under load ----


def test_reloads_under_load_on_every_wire(passing, interop):
    """Reloads in quick succession: no call fails, no connection is closed; in the end the old workers have left."""
    server = passing()
    with Crowd(server, interop) as crowd:
        crowd.wait_for_calls(20)
        for number in range(RELOADS):
            old = server.worker_pids()
            server.reload()
            assert not crowd.take_events(), f"reload {number + 1}:\n{crowd.describe_events()}"
        wait_until_moved(server, old)
        crowd.wait_until_served_by(server.worker_pids())
        crowd.wait_for_calls(20)
        crowd.finish()
        assert not crowd.events, crowd.describe_events()


def test_each_reload_moves_every_client(passing, interop):
    server = passing()
    before = descriptors(server.pid)
    with Crowd(server, interop) as crowd:
        crowd.wait_for_calls(20)
        for number in range(RELOADS // 4):
            _, new = reload_and_move(server)
            crowd.wait_until_served_by(new)
            assert not crowd.events, f"reload {number + 1}:\n{crowd.describe_events()}"
        crowd.finish()
        assert not crowd.events, crowd.describe_events()
    eventually(lambda: descriptors(server.pid) == before, "the master has the descriptors that it had")


def test_worker_counts_change_under_load(passing, interop):
    server = passing(workers=1)
    with Crowd(server, interop) as crowd:
        crowd.wait_for_calls(20)
        for workers in (3, 1, 2, 1, 3):
            _, new = reload_and_move(server, passing_conf(workers=workers))
            assert len(new) == workers
            crowd.wait_until_served_by(new)
            assert not crowd.events, f"{workers} workers:\n{crowd.describe_events()}"
        crowd.finish()
        assert not crowd.events, crowd.describe_events()


def test_upgrades_under_load_on_every_wire(make_server, extended_build, interop):
    """Each time there is another master, and the master before ends with its workers."""
    server = start_passing(make_server(build=extended_build), daemon=True)
    with Crowd(server, interop) as crowd:
        crowd.wait_for_calls(20)
        for number in range(UPGRADES):
            old = [server.pid, *server.worker_pids()]
            server.ask("upgrade")
            wait_until_moved(server, old)
            crowd.wait_until_served_by(server.worker_pids())
            assert not crowd.events, f"upgrade {number + 1}:\n{crowd.describe_events()}"
        crowd.finish()
        assert not crowd.events, crowd.describe_events()


def test_reloads_of_a_gateway_under_load(passing, interop):
    """Forwarded calls are answered, too: in the client's own codec, and gob by types that were defined before."""
    back = passing()
    services = ", ".join(f'{{ name = "{name}"; upstream = "back"; }}' for name in ("Arith", "Foo", "Process"))
    upstream = f'{{ name = "back"; servers = ( {{ address = "{back.tcp}"; }} ); }}'
    gateway = passing(more=f"services = ( {services} );\nupstreams = ( {upstream} );")
    with Crowd(gateway, interop) as crowd:
        crowd.wait_for_calls(20)
        for number in range(RELOADS // 4):
            reload_and_move(gateway)
            crowd.wait_for_calls(20)
            assert not crowd.events, f"reload {number + 1}:\n{crowd.describe_events()}"
        crowd.finish()
        assert not crowd.events, crowd.describe_events()


# ---- in the middle of something ----


def cut(conversation, data, at):
    """Sends the bytes before the cut; returns the rest."""
    data = conversation.sealed(data)
    at %= len(data)
    conversation.send_raw(data[:at])
    return data[at:]


def finish_cut(conversation, rest, token):
    conversation.send_raw(rest)
    return conversation.answer(token)


def wait_until_all_taken(made):
    wait_until_taken(conversation.sock for conversation in made)


@pytest.mark.parametrize("wire", [wire for wire in WIRES if wire != "connect"])
def test_half_a_message(passing, wire):
    """A client's bytes, cut at every byte, with a reload in between; then the second request in the same way. A cut
    before the first byte is a client that has not sent anything yet."""
    server = passing(more=f"limits = {{ {NO_SHARES} }};")
    with conversations([wire], server) as (sample,):
        length = len(sample.sealed(sample.opening() + sample.request(1)))
    with conversations([wire], server, count=length) as made:
        rests = [cut(each, each.opening() + each.request(1), at) for at, each in enumerate(made)]
        wait_until_all_taken(made)
        _, new = reload_and_move(server)
        for each, rest in zip(made, rests):
            assert finish_cut(each, rest, 1) in new
        rests = [cut(each, each.request(2), at) for at, each in enumerate(made)]
        wait_until_all_taken(made)
        _, new = reload_and_move(server)
        for each, rest in zip(made, rests):
            assert finish_cut(each, rest, 2) in new


def test_half_a_connect(passing):
    """HTTP is not passed on: the old worker waits for the rest of the request. The conversation in the tunnel moves."""
    server = passing()
    with conversations(["connect"], server) as (sample,):
        length = len(sample.opening())
    with conversations(["connect"], server, count=length) as made:
        rests = [cut(each, each.opening(), at) for at, each in enumerate(made)]
        wait_until_all_taken(made)
        old = server.worker_pids()
        server.reload()
        for each, rest in zip(made, rests):
            each.send_raw(rest)
            each.opened()
            each.ask(1)
        wait_until_moved(server, old)
        for each in made:
            assert each.ask(2) in server.worker_pids()


def test_half_a_seal(passing):
    """A reload in the middle of a handshake, after each byte that matters."""
    server = passing()
    halves = [HalfSealed(server, count) for count in HalfSealed.CUTS]
    wait_until_taken(half.sock for half in halves)
    old = server.worker_pids()
    server.reload()
    for half in halves:
        half.finish_seal()
        half.greet()
    wait_until_moved(server, old)
    for half in halves:
        assert half.ask(2) in server.worker_pids()
        half.close()


@pytest.mark.parametrize("wire", WIRES)
def test_what_was_said_before_is_known_after(passing, wire):
    """Types that gob has defined, keys and counters of seals: over several moves, and more records than one key
    encrypts."""
    server = passing(workers=1)
    with conversations([wire], server) as (conversation,):
        served = [conversation.greet()]
        for move in range(3):
            for token in range(400):
                assert conversation.ask(move * 400 + token) == served[-1]
            _, (new,) = reload_and_move(server)
            served.append(new)
        assert conversation.ask(0) == served[-1]


@pytest.mark.parametrize("wire", WIRES)
def test_calls_in_flight_are_answered_and_the_connection_moves(passing, wire):
    server = passing()
    with conversations([wire], server) as (conversation,):
        old = conversation.greet()
        for token, method in ((2, "Process.Sleep"), (3, "Process.Block")):
            conversation.send(conversation.request(token, method, milliseconds=token * 200))
        wait_until_taken([conversation.sock])
        server.reload()
        for token in (2, 3):
            assert conversation.answer(token) == old
        wait_until_moved(server, [old])
        assert conversation.ask(4) in server.worker_pids()


@pytest.mark.parametrize("wire", WIRES)
def test_answers_that_are_not_fetched_are_not_lost(passing, wire):
    """Thousands of requests at once; the client reads the answers when the reload is over."""
    server = passing()
    count = 20000 if not SANITIZED else 5000
    with conversations([wire], server) as (conversation,):
        conversation.greet()
        asking = threading.Thread(target=lambda: [conversation.send(conversation.request(2 + n)) for n in range(count)])
        asking.start()
        for _ in range(2):
            server.reload()
        served = [conversation.answer(2 + n) for n in range(count)]
        asking.join()
        assert len(served) == count


def test_a_long_call_beside_calls_with_a_deadline(passing):
    """A call of 5 s, and on the same connection calls that each want their answer within 1 s."""
    server = passing()
    deadline = 1 if not SANITIZED else 3
    with server.peer() as peer:
        peer.send("Process.Sleep", {"Token": 0, "Milliseconds": 5000}, seq=0)
        long = None
        seq = 0
        while long is None:
            seq += 1
            if seq == 20:
                old = server.worker_pids()
                server.reload()
            peer.sock.settimeout(deadline)
            peer.send("Process.Sleep", {"Token": seq, "Milliseconds": 10}, seq=seq, Timeout=deadline * 10**9)
            for header, body in iter(peer.reply, None):
                assert (header["Error"], body["Token"]) == ("", header["Seq"])
                if header["Seq"] == 0:
                    long = body["Pid"]
                else:
                    assert header["Seq"] == seq
                    break
        assert long in old
        wait_until_moved(server, old)
        assert peer.call("Process.Id", {"Token": 1}, seq=1)[1]["Pid"] in server.worker_pids()


# ---- what changes with the configuration ----


def goes_on_after(server, conf, wires):
    """Connections that the new configuration would not take stay in the old worker until their clients leave."""
    with conversations(wires, server) as made:
        for each in made:
            each.greet()
        old = server.worker_pids()
        server.reload(conf)
        server.wait_for_log("stays until it ends: not taken over", len(wires))
        for token in range(2, 50):
            for each in made:
                assert each.ask(token) in old
    wait_until_moved(server, old)


def test_connections_of_a_listener_that_is_gone(passing):
    goes_on_after(passing(), passing_conf(listen=LISTEN[1:2]), ("json", "bin", "netrpc"))


def test_connections_of_a_protocol_that_is_not_taken_any_more(passing):
    narrow = LISTEN[0].replace("; }", '; protocols = ["jsonrpc"]; }')
    goes_on_after(passing(), passing_conf(listen=(narrow, *LISTEN[1:])), ("json", "bin", "netrpc"))


def test_connections_beyond_new_limits_move(passing):
    """They were admitted."""
    limits = "limits = { connections = 1; connections_per_address = 1; };"
    server = passing()
    with conversations(WIRES, server) as made:
        for each in made:
            each.greet()
        _, new = reload_and_move(server, passing_conf(workers=1, more=limits))
        for each in made:
            assert each.ask(2) in new


def test_a_new_configuration_is_in_force_for_connections_that_moved(passing):
    server = passing()
    with conversations(WIRES, server) as made:
        for conversation in made:
            conversation.greet()
        reload_and_move(server, passing_conf(more='services = ( { name = "Arith"; } );'))
        for conversation in made:
            with pytest.raises(ErrorReply, match="can't find service Process"):
                conversation.ask(2)


# ---- many ----


def test_idle_connections_are_moved(passing):
    """Each after one call on its wire."""
    server = passing(more=f"limits = {{ connections = 20000; {NO_SHARES} }};")
    with Idle(server, WIRES, IDLE) as idle:
        _, new = reload_and_move(server)
        spoken, served = idle.call()
        assert spoken == 0, "to whom nobody talks, nothing is said"
        assert served <= set(new)
