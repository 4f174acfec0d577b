"""A server that ends with streaming calls open, whose handlers wait on the pool or hold what they keep."""
import re
import signal

import pytest

from conftest import CONF, eventually
from wire import BinPeer, field

MESSAGE = 5


@pytest.fixture
def busy(make_server, extended_build):
    """busy(patience): a server and a caller that takes nothing of two endless replies, one of a thread of the pool that
    waits for room; and a third call that waits for another caller."""
    peers = []

    def start(patience):
        server = make_server(build=extended_build)
        server.conf = CONF.replace("workers = 2", "workers = 1") + f'shutdown_timeout = "{patience}";\n'
        server.start()
        peer = BinPeer(server.tcp)
        peers.append(peer)
        endless = field(1, 1) + field(2, 1 << 40)
        peer.say(MESSAGE, 1, endless, method="Stream.List")
        peer.say(MESSAGE, 2, endless, method="Stream.ListBlocking")
        peer.say(MESSAGE, 3, field(1, 7), method="Stream.Hold")
        eventually(lambda: re.search(r"in flight 3\b", server.status()), "all three are open")
        return server, peer

    yield start
    for peer in peers:
        peer.sock.close()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGQUIT])
def test_the_server_ends(busy, number):
    server, _ = busy("200ms")
    assert server.stop(number) == 0
    assert "abandoned" not in server.log()


def test_the_caller_leaves_and_then_the_server(busy):
    server, peer = busy("30s")
    peer.sock.close()
    eventually(lambda: re.search(r"in flight 0\b", server.status()), "no call is left")
    assert server.stop() == 0
    assert "cut with" not in server.log()


def test_a_reload_leaves_open_calls_to_the_old_worker(busy):
    server, _ = busy("200ms")
    server.reload(server.conf)
    eventually(lambda: len(server.worker_pids()) == 1, "the old worker has ended, by shutdown_timeout")
    assert "abandoned" not in server.log()
