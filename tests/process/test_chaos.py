"""Half a minute of make chaos, and workers that are killed again and again."""
import os
import random
import signal
import time

import pytest

from backends import BackendChaos, Backends
from chaos import Chaos, ChaosServer
from conftest import SANITIZED, eventually
from gateway import page
from handover import FULL, Crowd, start_passing
from registering import entries, put

SECONDS = 30
KILLS = 100 if FULL else 15
CLIENTS = {"connections": 3, "depth": 4} if not SANITIZED else {"connections": 1, "depth": 2}


def test_half_a_minute_of_chaos(extended_build, interop):
    """Other disturbances each time; the seed in the output repeats them."""
    server = ChaosServer(extended_build)
    failures = ["it did not come to an end"]
    try:
        seed = int(os.environ.get("SEED") or time.time())
        failures = Chaos(server, interop, SECONDS, seed, **CLIENTS).run()
    finally:
        failures = failures + server.finish(bool(failures))
    assert not failures, "\n".join(failures)


@pytest.mark.parametrize("name", ["kill backend", "stop backend", "all backends away"])
def test_backends_that_die_stop_and_come_back(extended_build, interop, name):
    """A few seconds of make chaos on the servers behind a gateway: no call that may be repeated fails."""
    server = ChaosServer(extended_build)
    failures = ["it did not come to an end"]
    try:
        with Backends(interop) as backends:
            failures = BackendChaos(
                backends, server, interop, 1, int(os.environ.get("SEED") or time.time()), only=[name]
            ).run()
    finally:
        failures = failures + server.finish(bool(failures))
    assert not failures, "\n".join(failures)


def test_killed_workers_take_only_their_own_calls(make_server, extended_build, interop):
    """The registry's list and the counters stay right."""
    server = make_server(build=extended_build)
    server.allow(r"was killed by signal 9 \(SIGKILL\)")
    start_passing(server, workers=3, more='registry = { path = "/_geerpc_/registry"; };')
    entered = [f"tcp@10.0.0.{number}:9999" for number in range(1, 40)]
    for address in entered:
        assert put(server, address, service="Arith").status == 200
    chosen = random.Random(7)
    with Crowd(server, interop, **CLIENTS) as crowd:
        crowd.wait_for_calls(10)
        crowd.wait_until_served_by(server.worker_pids())
        for _ in range(KILLS):
            victim = chosen.choice(server.worker_pids())
            os.kill(victim, signal.SIGKILL)
            eventually(lambda: victim not in (now := server.worker_pids()) and len(now) == 3, "another worker")
            crowd.wait_until_served_by(server.worker_pids())
            events = crowd.take_events()
            wrong = [event for event in events if not crowd.is_loss(event, victim)]
            assert not wrong, f"process {victim} was killed\n{crowd.describe_events(wrong)}"
            crowd.wait_for_calls(10)
        crowd.finish()
        assert sorted(address for address, _ in entries(server)) == sorted(entered)
        answered = crowd.total("calls")
        counted = eventually(lambda: (now := page(server))["in_flight"] == 0 and now, "no call in flight")["calls"]
        assert answered <= counted <= answered + crowd.total("lost") + crowd.total("closed")
