"""A gateway before three servers in Go, and an operator's actions on all of them while callers go on and on. The calls
may be repeated, so no call fails.

    with Backends(interop) as backends:      three processes; each can be killed, started again, stopped and continued
        BackendChaos(backends, server, interop, seconds=360, seed=7).run()      as chaos.py has it
"""
import signal
import subprocess
import time

from chaos import Chaos
from conftest import TIMEOUT, eventually
from disturbances import DISTURBANCES, Disturbance, settled
from gateway import page
from handover import STEADY

COUNT = 3
STOPPED = 4  # seconds
NAME = "back"


class Backend:
    """A Go program with net/rpc, at one address however often it is started."""

    def __init__(self, interop):
        self.interop = interop
        self.address = "tcp@127.0.0.1:0"
        self.process = None

    def start(self):
        words = [str(self.interop), "server", "-protocol", "netrpc", "-address", self.address]
        self.process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        said = self.process.stdout.readline().split()
        assert said[:1] == ["ready"], f"{self.address}: it does not start"
        self.address = said[1]

    def send_signal(self, number):
        self.process.send_signal(number)

    def kill(self):
        self.process.kill()
        self.process.wait(TIMEOUT)
        self.process.stdin.close()
        self.process.stdout.close()


class Backends:
    def __init__(self, interop, count=COUNT):
        self.all = [Backend(interop) for _ in range(count)]

    def __enter__(self):
        for backend in self.all:
            backend.start()
        return self

    def __exit__(self, *_):
        for backend in self.all:
            if backend.process is not None:
                backend.kill()

    def conf(self, **settings):
        servers = ", ".join(f'{{ address = "{backend.address}"; }}' for backend in self.all)
        words = " ".join(f'{name} = "{value}";' for name, value in settings.items())
        return f"""
services = ( {{ name = "Process"; }}, {{ name = "Foo"; }}, {{ name = "Arith"; upstream = "{NAME}"; }} );
upstreams = ( {{ name = "{NAME}"; protocol = "netrpc"; {words} servers = ( {servers} ); }} );
"""


def states(server, backend):
    """The worst state of the server that the asked worker, and the workers that it knows of, see."""
    for upstream in page(server)["upstreams"]:
        for peer in upstream["peers"]:
            if upstream["name"] == NAME and peer["address"] == backend.address:
                return peer["state"], peer["calls"]
    return None


def gets_calls(chaos, backend):
    """True when some worker uses the server again. The counts of a leaving worker end with the worker."""
    seen = []

    def used():
        seen.append(states(chaos.server, backend))
        return len(seen) > 1 and seen[-1][0] in ("up", "idle") and seen[-1][1] > seen[-2][1]

    try:
        eventually(used, f"{backend.address} gets calls again")
    except AssertionError as late:
        raise AssertionError(f"{late}: {seen[-1]}") from late


def kill_backend(chaos):
    """The calls in flight are repeated elsewhere, and no caller waits for the server, which is away for a moment or
    during a reload."""
    backend = chaos.random.choice(chaos.backends.all)
    backend.kill()
    chaos.crowd.wait_for_calls(100)
    reloaded = chaos.random.random() < 0.5
    if reloaded:
        chaos.reload()
        chaos.crowd.wait_for_calls(100)
    backend.start()
    gets_calls(chaos, backend)
    settled(chaos)
    return f"{backend.address}{', and a reload' if reloaded else ''}"


def stop_backend(chaos):
    """The server is stopped, while its system accepts connections: after try_timeout the calls go elsewhere."""
    backend = chaos.random.choice(chaos.backends.all)
    backend.send_signal(signal.SIGSTOP)
    until = time.monotonic() + STOPPED
    try:
        reloaded = chaos.random.random() < 0.3
        if reloaded:
            chaos.reload()
        while time.monotonic() < until:
            chaos.crowd.wait_for_calls(20)
            chaos.assert_undisturbed()
    finally:
        backend.send_signal(signal.SIGCONT)
    gets_calls(chaos, backend)
    settled(chaos)
    return f"{backend.address} for {STOPPED} s{', and a reload' if reloaded else ''}"


def all_backends_away(chaos):
    """No server is up. Calls in the meantime fail; once the servers are back no call fails."""
    for backend in chaos.backends.all:
        backend.kill()
    eventually(lambda: any(event.what == "failed" for event in chaos.crowd.take_events()), "calls fail")
    for backend in chaos.backends.all:
        backend.start()
    back = time.monotonic()
    chaos.crowd.wait_for_calls(10)
    chaos.crowd.take_events()
    taken = time.monotonic() - back
    assert taken < 1, f"calls succeed {taken:.1f} s after the return"
    chaos.crowd.wait_for_calls(100)
    settled(chaos)
    return f"calls succeed {taken:.2f} s after the return"


OPERATOR = ("reload", "reloads", "upgrade", "workers", "kill")


class BackendChaos(Chaos):
    known = [each for each in DISTURBANCES if each.name in OPERATOR] + [
        Disturbance("kill backend", 6, kill_backend),
        Disturbance("stop backend", 6, stop_backend),
        Disturbance("all backends away", 1, all_backends_away),
    ]
    clients = STEADY

    def __init__(self, backends, *arguments, **options):
        super().__init__(*arguments, **options)
        self.backends = backends
        self.more = backends.conf(try_timeout="300ms")
