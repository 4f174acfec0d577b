"""Hostile peers, for test_hostile_*.py: their bytes, and the checks of the server in the meantime.

Each test watches the same things: the log names the peer and the reason, a well-behaved client goes on calling, and the
workers' memory stays level."""
import contextlib
import os
import pathlib
import re
import select
import socket
import struct
import threading
import time

from conftest import SANITIZED, TIMEOUT
from wire import connect, field

SUM = {"Num1": 1, "Num2": 2}
HEADER = b'{"ServiceMethod":"Foo.Sum","Seq":1}'
MIB = 1 << 20


# ---- checks ----


def memory(server, row="VmRSS"):
    """Bytes of all workers together; "VmHWM": the largest size so far."""
    total = 0
    for pid in server.worker_pids():
        text = pathlib.Path(f"/proc/{pid}/status").read_text()
        total += int(re.search(rf"^{row}:\s+(\d+) kB$", text, re.MULTILINE).group(1)) << 10
    return total


def assert_flat(server, before, growth=8 * MIB):
    """Sanitizers keep freed memory for a while, so under a sanitizer nothing is checked."""
    now = memory(server)
    assert SANITIZED or now < before + growth, f"memory grew from {before >> 10} to {now >> 10} KiB"


def processor_time(pid):
    """Seconds."""
    fields_behind_name = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return sum(map(int, fields_behind_name[11:13])) / os.sysconf("SC_CLK_TCK")


def connections(server):
    return sum(map(int, re.findall(r" connections (\d+),", server.status())))


@contextlib.contextmanager
def bystander(server):
    """A well-behaved client on each address calls until the block ends: no error, no wrong answer, no long wait."""
    stop = threading.Event()
    failures, counts = [], []

    def call_on(address):
        calls = 0
        longest = 0
        try:
            with server.peer(address) as peer:
                while not stop.is_set() or calls < 10:
                    start = time.monotonic()
                    header, body = peer.call("Arith.Multiply", {"A": calls, "B": 3}, seq=calls)
                    longest = max(longest, time.monotonic() - start)
                    assert (header["Seq"], header["Error"], body) == (calls, "", 3 * calls)
                    calls += 1
                    stop.wait(0.002)
            assert longest < (4 if not SANITIZED else 20), f"an answer took {longest} s"
        except Exception as failure:  # pylint: disable=broad-except
            failures.append(failure)
        counts.append(calls)

    threads = [threading.Thread(target=call_on, args=(address,)) for address in (server.tcp, server.unix)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert not failures, f"{failures} after {counts} calls"


# ---- conversations ----


def send_all(sock, data):
    """False: the server closed before the end."""
    try:
        sock.sendall(data)
        return True
    except (BrokenPipeError, ConnectionResetError):
        return False


def read_to_end(sock):
    """Reads until the server closes; a reset counts as an end."""
    data = b""
    with contextlib.suppress(ConnectionResetError):
        while more := sock.recv(1 << 16):
            data += more
    return data


def is_closed(sock, patience):
    """True when the server closes within that time."""
    try:
        return bool(select.select([sock], [], [], patience)[0]) and sock.recv(1 << 16) == b""
    except ConnectionResetError:
        return True


def say(address, data, half_close=False):
    """(our address, the answer) of a conversation that the server ends."""
    with connect(address, TIMEOUT) as sock:
        name = "tcp@%s:%d" % sock.getsockname() if sock.family == socket.AF_INET else "unix@"
        send_all(sock, data)
        if half_close:
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_WR)
        return name, read_to_end(sock)


def frame(header, body=b"", codec=0, flags=0, header_length=None, body_length=None):
    lengths = [len(part) if given is None else given for part, given in ((header, header_length), (body, body_length))]
    return struct.pack(">BBII", codec, flags, *lengths) + header + body


def option(**members):
    values = {"MagicNumber": "3927900", "CodecType": '"application/json"', **members}
    return ("{" + ",".join(f'"{name}":{value}' for name, value in values.items()) + "}").encode()


def bin_call(body=b"", method="Foo.Sum", extra=b""):
    return frame(field(1, method) + field(2, 1) + extra, body)


def send_until_full(sock, data, patience=1.0):
    """The count of bytes that the other side took before it took none for that long."""
    view, sent = memoryview(data), 0
    while sent < len(data) and select.select([], [sock], [], patience)[1]:
        with contextlib.suppress(BlockingIOError):
            sent += sock.send(view[sent : sent + (1 << 16)], socket.MSG_DONTWAIT)
    return sent
