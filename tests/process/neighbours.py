"""Honest callers on every wire and a hostile caller, at one gateway with one connection to each backend.

    with Neighbourhood(server, back, interop) as street:     a Server for the gateway, one for geerpc behind it
        report = street.run("-requests", 3000, seed=7)        the counts of tests/interop/go/neighbours.go
        street.check(report)                                  asserts that no honest caller was affected

To repeat a run with the seed of a failure: SEED=7. To run the hostile sessions of an event alone: "-first", 1200,
"-requests", 1."""
import contextlib
import json
import os
import re
import resource
import subprocess
import threading
import time

from conftest import SANITIZED, TIMEOUT
from gateway import page, wait_until_idle

MEMORY = 3 << 30  # bytes, of a Go server: a server that allocates as much as a caller claims ends here
LEVEL = 8 << 20  # bytes that may be added to the gateway's memory in the second half of a run
MUCH = 128 << 20  # bytes that it may have at most
WARM = 200  # figures, ten a second, after which it is level
LIMITS = 'workers = 1; limits = { message = "256k"; };'  # of the gateway, and of the geerpc server
PATIENCE = 30 if not SANITIZED else 60  # seconds, where others take the processors

# upstream: for geerpc the codec only
GO = {
    "net": ["-protocol", "netrpc", "-service", "Net"],
    "rpc": ["-protocol", "jsonrpc", "-service", "Rpc"],
    "carelessgob": ["-protocol", "geerpc", "-careless", "-service", "CarelessGob"],
    "carelessjson": ["-protocol", "geerpc", "-careless", "-service", "CarelessJson"],
}
UPSTREAMS = {
    "net": 'protocol = "netrpc";',
    "rpc": 'protocol = "jsonrpc";',
    "carelessgob": 'codec = "gob";',
    "carelessjson": 'codec = "json";',
    "json": 'codec = "json"; reads_bodies = true;',
    "bin": 'codec = "bin";',
    "gob": 'codec = "gob";',
}
SERVICES = {
    "Net": "net",
    "Foo": "net",
    "Rpc": "rpc",
    "CarelessGob": "carelessgob",
    "CarelessJson": "carelessjson",
    "Json": "json",
    "Bin": "bin",
    "Arith": "bin",
    "Gob": "gob",
}
FORWARDED_TO_GEERPC = ("Json", "Bin", "Gob", "Arith")


class GoServer:
    """A Go server in a process of its own, so that the test sees its end and its output."""

    def __init__(self, interop, directory, name):
        self.name = name
        self.errors = open(directory / f"{name}.log", "w+", encoding="utf-8", errors="replace")
        self.process = subprocess.Popen(
            [str(interop), "work", "-address", "tcp@127.0.0.1:0", *GO[name]],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.errors,
            text=True,
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY)),
        )
        self.address = self.process.stdout.readline().split()[1]

    def said(self):
        self.errors.seek(0)
        return self.errors.read()

    def resets(self):
        """How often Admin.Reset was executed."""
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())["resets"]

    def is_alive(self):
        return self.process.poll() is None

    def end(self):
        with contextlib.suppress(OSError, subprocess.TimeoutExpired):
            self.process.communicate(timeout=TIMEOUT)
        self.process.kill()
        self.process.wait(TIMEOUT)
        self.errors.close()


def resident(pid):
    with open(f"/proc/{pid}/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * resource.getpagesize()


class Neighbourhood:
    def __init__(self, gateway, back, interop):
        self.gateway, self.back, self.interop = gateway, back, interop
        self.servers = {}
        self.worker = 0
        self.figures = []

    def __enter__(self):
        try:
            self._start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        for server in self.servers.values():
            server.end()

    def _start(self):
        self.back.conf = self.back.conf.replace("workers = 2;", LIMITS)
        self.back.start()
        for name in GO:
            self.servers[name] = GoServer(self.interop, self.gateway.root, name)
        self.gateway.conf = self._conf()
        self.gateway.start()
        (self.worker,) = self.gateway.worker_pids()

    def _conf(self):
        def address(name):
            return self.servers[name].address if name in self.servers else self.back.tcp

        def service(name):
            repeated = "" if name in ("Foo", "Arith") else 'idempotent = ( "Walk", "Count", "Open" );'
            return f'{{ name = "{name}"; upstream = "{SERVICES[name]}"; timeout = "{PATIENCE // 2}s"; {repeated} }}'

        services = ", ".join(map(service, SERVICES))
        upstreams = ",\n".join(
            f'{{ name = "{name}"; {how} connections = 1; servers = ( {{ address = "{address(name)}"; }} ); }}'
            for name, how in UPSTREAMS.items()
        )
        return f"""
{LIMITS}
listen = ( {{ address = "tcp@127.0.0.1:0"; }} );
services = ( {services} );
upstreams = ( {upstreams} );
"""

    def run(self, *options, seed):
        words = ["-address", self.gateway.tcp, "-seed", seed, "-patience", f"{PATIENCE}s", "-pause", "20ms", *options]
        with subprocess.Popen(
            [str(self.interop), "neighbours", *map(str, words)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as process:
            watcher = threading.Thread(target=self._watch, args=(process,))
            watcher.start()
            output, errors = process.communicate(timeout=900)
            watcher.join()
        assert process.returncode == 0, errors
        return json.loads(output)

    def _watch(self, process):
        """The gateway's memory, while the callers go on."""
        self.figures = []
        while process.poll() is None:
            with contextlib.suppress(OSError):
                self.figures.append(resident(self.worker))
            time.sleep(0.1)

    def problems(self, report):
        """The harm that the hostile caller has done to others."""
        problems = [json.dumps(event) for event in report["events"]]
        for name, server in self.servers.items():
            if not server.is_alive():
                problems.append(f"{name} has ended: {server.said()[:2000]}")
            elif count := server.resets():
                problems.append(f"{name}: Admin.Reset was executed {count} times")
        problems += self._strange_calls()
        if self.gateway.worker_pids() != [self.worker]:
            problems.append(f"the gateway's worker is not {self.worker} any more")
        problems += self._memory()
        return problems or self._busy()

    def _memory(self):
        """Level in the second half of a run, and never much."""
        half = len(self.figures) // 2
        before, after = max(self.figures[:half], default=0), max(self.figures[half:], default=0)
        if SANITIZED or after <= MUCH and (half < WARM or after <= before + LEVEL):
            return []
        return [f"the gateway's memory: {before >> 20} MiB at most in the first half, {after >> 20} MiB in the second"]

    def _busy(self):
        try:
            wait_until_idle(self.gateway)
        except AssertionError as trouble:
            return [f"the gateway is not idle: {trouble}"]
        return []

    def _strange_calls(self):
        """Calls of services of the geerpc server that are not forwarded."""
        return [
            f"{service['name']}.{method['name']} was executed {method['calls']} times"
            for service in page(self.back)["services"]
            for method in service["methods"]
            if service["name"] not in FORWARDED_TO_GEERPC and method["calls"]
        ]

    def check(self, report):
        problems = self.problems(report)
        again = f"again with SEED={report['seed']}"
        assert not problems, "\n".join([again, *problems])
