"""Servers behind a gateway that die, stay silent, send nonsense or are slow: the answers that callers get, and that
nothing is left over. Figures are printed."""
import os
import re
import signal
import statistics
import threading
import time

import pytest

from backends import Backends
from conftest import SANITIZED, TIMEOUT, eventually
from gateway import Hole, PlayedServer, at_once, peers, start_gateway, timed, upstream, wait_until_idle

PAIR = {"A": 7, "B": 8}


# ---- one of three dies under load ----


class Load:
    """Callers that call until stop(). Every call has one answer, the right one or an error."""

    def __init__(self, gateway, method, arguments):
        self.gateway, self.method, self.arguments = gateway, method, arguments
        self.right, self.errors, self.troubles = 0, [], []
        self.stopped = threading.Event()
        self.threads = [threading.Thread(target=self._call_on) for _ in range(3)]

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.stopped.set()
        for thread in self.threads:
            thread.join(TIMEOUT)

    def _call_on(self):
        seq = 0
        try:
            with self.gateway.peer() as peer:
                while not self.stopped.is_set():
                    seq += 1
                    arguments, expected = self.arguments(seq)
                    header, body = peer.call(self.method, arguments, seq=seq)
                    assert header["Seq"] == seq
                    if header["Error"]:
                        self.errors.append(header["Error"])
                    else:
                        assert body == expected
                        self.right += 1
        except Exception as trouble:  # pylint: disable=broad-except
            self.troubles.append(trouble)

    def wait_for(self, more):
        wanted = self.right + more
        eventually(lambda: self.right >= wanted or self.troubles, f"{more} more calls of {self.method}")
        assert not self.troubles, self.troubles


def kill_at_once(server):
    """Connections and listening sockets end together. If the processes were killed one after the other, the last
    process would take connections into its queue that it never serves, and each call on these would be lost, too."""
    (worker,) = server.worker_pids()
    os.kill(worker, signal.SIGSTOP)
    server.process.kill()
    server.process.wait(TIMEOUT)
    os.kill(worker, signal.SIGKILL)
    server.wait_for_end()


def test_one_is_killed_under_load_and_comes_back(make_server, extended_build, capsys):
    """Arith is declared idempotent: its calls are repeated elsewhere. The gateway has no declaration of Kinds: a call
    that a server may have begun is not repeated, and the error names the server."""
    servers = [make_server(build=extended_build) for _ in range(3)]
    for server in servers:
        server.conf = server.conf.replace("workers = 2", "workers = 1")
        server.start()
        server.conf = server.conf.replace("tcp@127.0.0.1:0", server.tcp)  # the address of the new server
    victim = servers[1]
    gateway = start_gateway(
        make_server(),
        [server.tcp for server in servers],
        services=["Arith", "Kinds"],
        fail_timeout="2s",
        retry_budget=100,
        connections=1,  # of several one could take a call between the ends of two
    )
    more = 500 if not SANITIZED else 50
    with Load(gateway, "Arith.Multiply", lambda n: ({"A": n, "B": 3}, 3 * n)) as arith, Load(
        gateway, "Kinds.Text", lambda n: (f"text {n}", f"text {n}")
    ) as kinds:
        arith.wait_for(more)
        kinds.wait_for(more)
        assert arith.errors == kinds.errors == []
        victim.allow("killed by this test")
        kill_at_once(victim)
        arith.wait_for(more)
        kinds.wait_for(more)
        eventually(lambda: peers(gateway)[victim.tcp]["state"] == "down", "the dead server is seen to be down")
        before = peers(gateway)[victim.tcp]["calls"]
        victim.start()
        seconds, _ = timed(
            lambda: eventually(lambda: peers(gateway)[victim.tcp]["calls"] >= before + 10, "calls at the server again")
        )
        arith.wait_for(more)
        kinds.wait_for(more)
    assert not arith.troubles and not kinds.troubles
    assert arith.errors == []
    pattern = rf"rpc gateway: upstream back: {re.escape(victim.tcp)}: (send|wait): .+ \(\d tr(y|ies), [\d.]+ ms\)"
    assert [error for error in kinds.errors if not re.fullmatch(pattern, error)] == []
    assert len(kinds.errors) <= 3  # one a caller was on its way
    assert seconds < 3 or SANITIZED, f"used again after {seconds} s, fail_timeout is 2 s"
    wait_until_idle(gateway)
    with capsys.disabled():
        print(
            f"\n  killed under load: {arith.right} idempotent calls, 0 errors; {kinds.right} others, "
            f"{len(kinds.errors)} errors: {kinds.errors[:1]}; used again after {seconds:.2f} s"
        )


# ---- a faulty server beside a good one ----


def call_often(gateway, threads=8, calls=50):
    """[(seconds, error)] of all calls."""

    def caller():
        results = []
        with gateway.peer() as peer:
            for n in range(calls):
                seconds, (header, body) = timed(peer.call, "Odd.Echo", {"N": n}, seq=n)
                assert header["Seq"] == n
                assert header["Error"] or body == {"N": n}
                results.append((seconds, header["Error"]))
        return results

    return sum(at_once([caller] * threads), [])


ERRORS = {
    "slow": None,
    "silent": r"rpc server: request handle timeout: expect within 500ms \(upstream back: ADDRESS\)"
    r"|rpc gateway: upstream back: ADDRESS: wait: the server says nothing any more, and is down \(1 try, [\d.]+ ms\)",
    "garbage": r"rpc gateway: upstream back: ADDRESS: wait: frame: unknown body codec 222 \(1 try, [\d.]+ ms\)",
    "reset": r"rpc gateway: upstream back: ADDRESS: wait: .*\b[Cc]onnection.* \(1 try, [\d.]+ ms\)",
}


LINES = {
    "silent": r"ADDRESS: Odd\.Echo: no reply within 0\.5s\n",
    "garbage": r"ADDRESS: .*unknown body codec 222: connection closed\n",
}


@pytest.mark.parametrize("balance", ["roundrobin", "least"])
@pytest.mark.parametrize("manner", ERRORS)
def test_bad_manners(make_server, capsys, manner, balance):
    with PlayedServer(manner) as odd, PlayedServer() as good:
        gateway = start_gateway(
            make_server(),
            [odd.address, good.address],
            services=['name = "Odd"; timeout = "500ms";'],
            codec="bin",
            balance=balance,
            fail_timeout="5s",
        )
        seconds, results = timed(call_often, gateway)
        shown = peers(gateway)
        wait_until_idle(gateway)
    errors = [error for _, error in results if error]
    times = sorted(1000 * taken for taken, _ in results)
    with capsys.disabled():
        print(
            f"\n  {manner:7} {balance:10} calls {shown[odd.address]['calls']:3} and {shown[good.address]['calls']:3}, "
            f"errors {len(errors):3}, median {statistics.median(times):6.1f} ms, "
            f"p99 {times[int(len(times) * 0.99)]:6.1f} ms, "
            f"{seconds:5.2f} s in all; {shown[odd.address]['state']}"
        )
    if ERRORS[manner] is None:
        assert errors == []
    else:
        pattern = ERRORS[manner].replace("ADDRESS", re.escape(odd.address))
        assert [error for error in errors if not re.fullmatch(pattern, error)] == []
        assert 1 <= len(errors) <= 60, "a server with bad manners is down soon"
        assert shown[odd.address]["failures"] >= len(errors)
    if manner in LINES:
        line = LINES[manner].replace("ADDRESS", re.escape(odd.address))
        assert re.search(rf"\[warn\] \d+: upstream back: {line}", gateway.log()), "the log names the upstream"
    share = shown[odd.address]["calls"] / len(results)
    if manner == "slow" and balance == "roundrobin":
        assert 0.45 < share < 0.55
    if manner == "slow" and balance == "least":
        assert share < 0.2


def test_a_server_cannot_answer_for_another(make_server):
    """The body of a frame need not be one value, and the caller's wire has no frames."""
    with PlayedServer("smuggling") as odd:
        gateway = start_gateway(make_server(), [odd.address], services=["Odd"], codec="bin")
        with gateway.peer() as peer:
            for seq in (1, 2, 3):
                header, _ = peer.call("Odd.Echo", {"N": seq}, seq=seq)
                assert header["Seq"] == seq and header["Code"] == 13
                assert header["Error"].startswith(f"rpc gateway: upstream back: {odd.address}: its reply: not JSON")


def test_idempotent_calls_are_repeated_elsewhere(make_server):
    """The same with methods that may be repeated: no caller notices."""
    with PlayedServer("reset") as odd, PlayedServer() as good:
        gateway = start_gateway(
            make_server(),
            [odd.address, good.address],
            services=['name = "Odd"; idempotent = ( "Echo" );'],
            codec="bin",
            retry_budget=100,
        )
        results = call_often(gateway, calls=20)
        assert [error for _, error in results if error] == []
        assert odd.requests > 0
        assert peers(gateway)[odd.address]["failures"] >= odd.requests
        wait_until_idle(gateway)


def test_a_caller_that_goes_away_leaves_nothing(make_server):
    with PlayedServer("silent") as server:
        gateway = start_gateway(make_server(), [server.address], services=["Odd"], codec="bin")
        with gateway.peer(gateway.unix) as peer:
            for n in range(5):
                peer.send("Odd.Echo", {"N": n}, seq=n)
            eventually(lambda: peers(gateway)[server.address]["in_flight"] == 5, "the calls at the server")
        wait_until_idle(gateway)


def test_a_place_is_taken_until_the_late_reply(make_server):
    """net/rpc has no cancel: a call on which the server still works counts as in flight."""
    server = make_server()
    server.conf = server.conf.replace("workers = 2", "workers = 1")
    server.start()
    gateway = start_gateway(
        make_server(), [server.tcp], services=['name = "Foo"; timeout = "100ms";'], protocol="netrpc", in_flight=1
    )
    error, _ = gateway.call("Foo.Sleep", {"Num1": 1, "Num2": 0})
    assert error == f"rpc server: request handle timeout: expect within 100ms (upstream back: {server.tcp})"
    assert peers(gateway)[server.tcp]["in_flight"] == 1
    error, _ = gateway.call("Foo.Sum", {"Num1": 1, "Num2": 0})
    assert error == "rpc server: request handle timeout: expect within 100ms (upstream back: no server was free)"
    wait_until_idle(gateway)
    assert gateway.call("Foo.Sum", {"Num1": 1, "Num2": 0}) == ("", 1)


# ---- no server is up ----


def test_all_are_down_and_come_back(make_server):
    with PlayedServer(listen=False) as first, PlayedServer(listen=False) as second:
        gateway = start_gateway(
            make_server(), [first.address, second.address], services=["Odd"], codec="bin", fail_timeout="1s"
        )
        worker = gateway.worker_pids()
        seconds, results = timed(call_often, gateway, calls=25)
        for _, error in results:
            assert re.fullmatch(
                r"rpc gateway: upstream back: tcp@[\d.:]+: connect: Connection refused "
                r"\((1 try, |2 tries, )?[\d.]+ ms\)", error
            ), error
        assert max(taken for taken, _ in results) < 3 and seconds < TIMEOUT
        assert any("(2 tries, " in error for _, error in results)
        assert upstream(gateway)["waiting"] == 0
        first.listen()
        second.listen()
        seconds, _ = timed(
            lambda: eventually(
                lambda: {peer["state"] for peer in peers(gateway).values()} == {"up"}, "both servers are up again"
            )
        )
        assert seconds < 2 or SANITIZED, f"up after {seconds} s, fail_timeout is 1 s"
        assert [error for _, error in call_often(gateway, calls=5) if error] == []
        assert gateway.worker_pids() == worker


def test_nobody_is_refused_from_memory_after_the_return(make_server):
    """However long the pauses between attempts have become: the next call finds out."""
    with PlayedServer(listen=False) as server:
        gateway = start_gateway(
            make_server(), [server.address], services=["Odd"], codec="bin", fails=1, fail_timeout="1h"
        )
        with gateway.peer() as peer:
            for n in range(50):
                assert "connect: Connection refused" in peer.call("Odd.Echo", {"N": n}, seq=n)[0]["Error"]
            assert peers(gateway)[server.address]["state"] == "down"
            server.listen()
            assert peer.call("Odd.Echo", {"N": 50}, seq=50)[1] == {"N": 50}
        assert peers(gateway)[server.address]["state"] == "up"


def test_a_reload_keeps_who_is_down(make_server):
    with PlayedServer(listen=False) as dead, PlayedServer() as good:
        gateway = start_gateway(
            make_server(), [dead.address, good.address], services=["Odd"], codec="bin", fails=1, fail_timeout="1h"
        )
        call_often(gateway, threads=1, calls=5)
        eventually(lambda: peers(gateway)[dead.address]["state"] == "down", "the dead server is seen to be down")
        gateway.reload(gateway.conf)
        with gateway.peer() as peer:
            for n in range(10):
                assert peer.call("Odd.Echo", {"N": n}, seq=n)[1] == {"N": n}
        shown = peers(gateway)
        assert (shown[dead.address]["state"], shown[dead.address]["calls"]) == ("down", 0)
        dead.listen()
        eventually(lambda: peers(gateway)[dead.address]["state"] == "up", "the server that is back is seen to be up")


def test_a_check_that_calls_sees_a_go_server_that_stands_still(make_server, interop):
    """net/rpc has no ping, and the system accepts connections for a stopped process."""
    with Backends(interop, count=2) as backends:
        stopped, other = backends.all
        gateway = start_gateway(
            make_server(),
            [stopped.address, other.address],
            services=["Arith"],
            protocol="netrpc",
            check="call",
            check_method="Arith.Multiply",
            check_interval="50ms",
            connect_timeout="200ms",
            fails=2,
            fail_timeout="500ms",
        )
        eventually(lambda: gateway.call("Arith.Multiply", PAIR) == ("", 56), "a call")
        stopped.send_signal(signal.SIGSTOP)
        eventually(lambda: peers(gateway)[stopped.address]["state"] == "down", "the stopped server is seen to be down")
        before = peers(gateway)[stopped.address]["calls"]
        for _ in range(10):
            assert gateway.call("Arith.Multiply", PAIR) == ("", 56)
        assert peers(gateway)[stopped.address]["calls"] == before
        stopped.send_signal(signal.SIGCONT)
        eventually(
            lambda: peers(gateway)[stopped.address]["state"] != "down", "the server that goes on is seen to be up"
        )


def test_connecting_has_an_end_and_so_has_the_queue(make_server):
    """Connecting to the server hangs: callers get an error within connect_timeout, and at once when the queue is
    full."""
    with Hole() as hole:
        gateway = start_gateway(
            make_server(), [hole.address], services=["Odd"], connect_timeout="400ms", queue=5, fail_timeout="500ms"
        )
        began = time.monotonic()
        with gateway.peer() as peer:
            for n in range(20):
                peer.send("Odd.Echo", {"N": n}, seq=n)
            answers = [(peer.reply()[0], time.monotonic() - began) for _ in range(20)]
        full = [(header, taken) for header, taken in answers if "calls wait already (queue)" in header["Error"]]
        waited = [(header, taken) for header, taken in answers if f"{hole.address}: connect: " in header["Error"]]
        assert len(full) == 15 and len(waited) == 5, [header["Error"] for header, _ in answers]
        assert sorted(header["Seq"] for header, _ in answers) == list(range(20))
        assert max(taken for _, taken in full) < 0.3 or SANITIZED
        assert 0.35 < min(taken for _, taken in waited)
        assert max(taken for _, taken in waited) < 1 or SANITIZED
        assert re.fullmatch(
            r"rpc gateway: upstream back: 5 calls wait already \(queue\) \([\d.]+ ms\)", full[0][0]["Error"]
        )
        wait_until_idle(gateway)
