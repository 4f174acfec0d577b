"""Slow peers: in pieces, without reading, stopping in the middle."""
import pathlib
import re
import threading
import time

import pytest

from conftest import SANITIZED, TIMEOUT, eventually
from hostile import (
    HEADER,
    MIB,
    assert_flat,
    bin_call,
    bystander,
    connections,
    is_closed,
    memory,
    processor_time,
    send_all,
    send_until_full,
)
from wire import OPTION_BIN, OPTION_JSON, connect


def test_four_mebibytes_in_pieces(one_worker):
    """If the whole body were scanned at each piece, the test would take some 10 seconds. (One byte a read is tested in
    tests/unit/session_hostile_test.c; here the kernel would gather bytes for a slow server.)"""
    one_worker.start()
    (pid,) = one_worker.worker_pids()
    body = b'{"Num1":1,"Num2":2,"x":[' + b"{},[]," * (4 * MIB // 6 - 30) + b"0]}"
    with bystander(one_worker), one_worker.peer(one_worker.unix) as peer:
        before = processor_time(pid)
        peer.sock.sendall(HEADER)
        for at in range(0, len(body), 200):
            peer.sock.sendall(body[at : at + 200])
        assert peer.reply()[1] == 3
        taken = processor_time(pid) - before
    assert taken < (2 if not SANITIZED else 20), f"{taken} s for 21,000 pieces"


def receive_queue(sock):
    """Bytes that wait in the kernel for the server to read them, by /proc/net/tcp."""
    client, server = sock.getsockname()[1], sock.getpeername()[1]
    text = pathlib.Path("/proc/net/tcp").read_text()
    found = re.search(rf": [0-9A-F]+:{server:04X} [0-9A-F]+:{client:04X} \w+ \w+:(\w+)", text)
    return int(found.group(1), 16)


@pytest.mark.parametrize("scheme", ["tcp", "unix"])
def test_a_client_that_never_reads(one_worker, scheme):
    """The client is paused: the server reads no further, and the client's bytes fill the kernel's buffers. Then the
    client is dropped."""
    one_worker.conf += 'limits = { output = "64k"; }; timeouts = { write = "1s"; };'
    one_worker.start()
    with bystander(one_worker):
        before = memory(one_worker)
        sock = connect(getattr(one_worker, scheme), TIMEOUT)
        sock.sendall(OPTION_JSON)
        sent = send_until_full(sock, b"{}{}" * (8 * MIB), patience=0.3)  # each has an answer of a hundred bytes
        assert sent < 20 * MIB, "it was not paused"
        if scheme == "tcp":
            assert receive_queue(sock) > 0
        assert_flat(one_worker, before, 4 * MIB)
        (said,) = one_worker.wait_for_log(r"\[warn\] \d+: (\S+): write: the peer does not read: wrote nothing for 1s")
        if scheme == "tcp":
            assert said == "tcp@%s:%d" % sock.getsockname()
        eventually(lambda: connections(one_worker) == 2, "only the bystanders are left")
        assert_flat(one_worker, before, 4 * MIB)
        sock.close()


def test_clients_that_stall(stopped):
    """Silent clients, slow clients, and clients that stop in the middle: the log names each, and each is dropped in
    time."""
    stopped.conf += 'timeouts = { handshake = "500ms"; read = "500ms"; };'
    stopped.start()
    stalls = [
        (b"", b"", "it has not said what it speaks within 0.5s .timeouts.handshake"),
        (b"", b" ", "it has not said what it speaks within 0.5s .timeouts.handshake"),
        (b'{"', b"a", "it has not said what it speaks within 0.5s .timeouts.handshake"),
        (OPTION_JSON[:20], b"1", "no complete Option .*within 0.5s .timeouts.handshake"),
        (OPTION_JSON + HEADER, b"", "a message was begun and not completed within 0.5s .timeouts.read"),
        (OPTION_JSON + HEADER + b'"', b"x", "a message was begun and not completed within 0.5s .timeouts.read"),
        (OPTION_JSON + HEADER + b'{"Num1":1}{', b" ", "a message was begun and not completed within 0.5s"),
        (OPTION_BIN + bin_call()[:-1], b"", "a message was begun and not completed within 0.5s .timeouts.read"),
        (OPTION_BIN + b"\0\0\0\0\0\xff", b"\0", "a message was begun and not completed within 0.5s .timeouts.read"),
    ]

    def stall(said, trickle, reason):
        """Sends a byte every 50 ms, which must not extend the deadline."""
        start = time.monotonic()
        with connect(stopped.tcp, TIMEOUT) as sock:
            peer = "tcp@%s:%d" % sock.getsockname()
            sock.sendall(said)
            while not is_closed(sock, 0.05 if trickle else TIMEOUT):
                if not send_all(sock, trickle):
                    break
                assert time.monotonic() < start + TIMEOUT, reason
            taken = time.monotonic() - start
        assert 0.45 < taken < (3 if not SANITIZED else 15), (said, taken)
        stopped.wait_for_log(rf": {re.escape(peer)}: .*{reason}")

    failures = []

    def run(row):
        try:
            stall(*row)
        except Exception as failure:  # pylint: disable=broad-except
            failures.append((row, failure))

    with bystander(stopped):
        threads = [threading.Thread(target=run, args=(row,)) for row in stalls]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert not failures
        eventually(lambda: connections(stopped) == 2, "only the bystanders are left")
