"""Messages over limits.message: the call ends with RESOURCE_EXHAUSTED, whoever else is on the connection notices nothing, and
the worker keeps none of the bytes."""
import re
import struct

import pytest

from conftest import TIMEOUT
from hostile import MIB, SUM, assert_flat, bystander, memory
from wire import BinPeer, field, fields

SKIPPED = 64 * MIB
TEXT = rf"rpc server: Foo.Sum: .*over {4 * MIB}.* \(limits.message\)"


def bin_conversation(server):
    """Yields the numbers and codes of replies to: a call, an oversized one, a ping, a call."""
    with BinPeer(server.tcp, TIMEOUT) as peer:
        slow = field(1, "Foo.Sleep") + field(2, 1)
        peer.sock.sendall(struct.pack(">BBII", 0, 0, len(slow), 2) + slow + field(1, 0))
        header = field(1, "Foo.Sum") + field(2, 2)
        peer.sock.sendall(struct.pack(">BBII", 0, 0, len(header), SKIPPED) + header)
        for _ in range(SKIPPED // MIB):
            peer.sock.sendall(b"x" * MIB)
        ping = field(2, 3) + field(4, 3)
        peer.sock.sendall(struct.pack(">BBII", 0, 0, len(ping), 0) + ping)
        peer.send("Foo.Sum", field(1, 1) + field(2, 2), seq=4)
        replies = [peer.reply() for _ in range(4)]
    for header, _ in replies:
        if header.get(2) == 2:
            assert header[7] == 8
            yield header[3].decode()
    assert [header[2] for header, _ in replies if header.get(4) == 4] == [3]
    assert [fields(body)[1] for header, body in replies if header[2] == 4] == [3]


@pytest.mark.parametrize("conversation", [bin_conversation], ids=["bin"])
def test_skipped_without_being_kept(one_worker, conversation):
    server = one_worker.start()
    with bystander(server):
        before, most = memory(server), memory(server, "VmHWM")
        texts = list(conversation(server))
        assert len(texts) == 1 and re.search(TEXT, texts[0]), texts
        assert_flat(server, before)
        assert memory(server, "VmHWM") < most + 8 * MIB
