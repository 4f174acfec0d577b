"""Conversations on every wire, byte by byte: for tests that cut a client's bytes in two, and let time pass between the
parts.

    WIRES    {name: a Conversation}; each calls Process.Id of tests/modules/service_process

    conversation = WIRES["gob"](server)    connected, and through the handshake of a seal
    conversation.opening()                 the bytes that come before the first request
    conversation.request(7)                the bytes of a request with Token 7; also: method, milliseconds
    conversation.answer(7)                 reads the reply to it: the pid of the process that served
"""
import json
import struct

from conftest import TIMEOUT
from noise import Sealed, public_in
from wire import OPTION_BIN, OPTION_JSON, connect, field, fields

OPTION_GOB = b'{"MagicNumber":3927900,"CodecType":"application/gob"}\n'
METHOD = "Process.Id"


class ErrorReply(Exception):
    """An error in the server's own words."""


class Conversation:
    """A conversation in the JSON of GeeRPC's protocol, on TCP."""

    waits = False  # after the opening, for an answer to it

    def __init__(self, server):
        self.sock = self.connect(server)
        self.unread = b""

    def connect(self, server):
        return connect(server.tcp, TIMEOUT)

    def close(self):
        self.sock.close()

    def opening(self):
        return OPTION_JSON

    def opened(self):
        """Reads the answer to the opening, if the wire has one."""

    def request(self, token, method=METHOD, milliseconds=0):
        header = {"ServiceMethod": method, "Seq": token}
        return (json.dumps(header) + json.dumps({"Token": token, "Milliseconds": milliseconds})).encode()

    def answer(self, token):
        header, served = json.loads(self.line()), json.loads(self.line())
        return self.checked(token, header["Seq"], header["Error"], served.get("Token"), served.get("Pid"))

    def checked(self, token, seq, error, answered, pid):
        if error:
            raise ErrorReply(error)
        assert (seq, answered) == (token, token)
        return pid

    def greet(self, token=1):
        """A whole first call: the pid of the process that served it."""
        self.send(self.opening())
        self.opened()
        return self.ask(token)

    def ask(self, token):
        self.send(self.request(token))
        return self.answer(token)

    # ---- bytes ----

    def sealed(self, data):
        """The bytes on the network. Sealed bytes must be sent in the order of these calls."""
        return data

    def send(self, data):
        self.send_raw(self.sealed(data))

    def send_raw(self, data):
        self.sock.sendall(data)

    def receive(self):
        return self.sock.recv(1 << 16)

    def more(self):
        data = self.receive()
        if not data:
            raise EOFError(f"the server closed the connection; unread: {self.unread[:200]!r}")
        self.unread += data

    def take(self, count):
        while len(self.unread) < count:
            self.more()
        taken, self.unread = self.unread[:count], self.unread[count:]
        return taken

    def take_through(self, end):
        while end not in self.unread:
            self.more()
        return self.take(self.unread.index(end) + len(end))

    def line(self):
        return self.take_through(b"\n")


class Bin(Conversation):
    def opening(self):
        return OPTION_BIN

    def request(self, token, method=METHOD, milliseconds=0):
        header, body = field(1, method) + field(2, token), field(1, token) + field(2, milliseconds)
        return struct.pack(">BBII", 0, 0, len(header), len(body)) + header + body

    def answer(self, token):
        codec, _, header_length, body_length = struct.unpack(">BBII", self.take(10))
        header, body = fields(self.take(header_length)), fields(self.take(body_length))
        assert codec == 0 and 4 not in header, f"not a reply: {header}"
        return self.checked(token, header.get(2, 0), header.get(3, b"").decode(), body.get(1, 0), body.get(2))


class JsonRpc(Conversation):
    """As Go's net/rpc/jsonrpc."""

    def opening(self):
        return b""

    def request(self, token, method=METHOD, milliseconds=0):
        wait = {"Token": token, "Milliseconds": milliseconds}
        return json.dumps({"method": method, "params": [wait], "id": token}).encode()

    def answer(self, token):
        reply = json.loads(self.line())
        served = reply["result"] or {}
        return self.checked(token, reply["id"], reply["error"] or "", served.get("Token"), served.get("Pid"))


# ---- gob ----

INT, UINT, STRING = 2, 3, 6  # the ids of encoding/gob's own types


def gob_uint(number):
    if number < 128:
        return bytes([number])
    data = number.to_bytes((number.bit_length() + 7) // 8, "big")
    return bytes([256 - len(data)]) + data


def gob_int(number):
    return gob_uint(~number << 1 | 1 if number < 0 else number << 1)


def gob_text(text):
    return gob_uint(len(text)) + text.encode()


def gob_message(type_id, value):
    content = gob_int(type_id) + value
    return gob_uint(len(content)) + content


def gob_definition(type_id, name, **members):
    """The message that defines a struct."""
    value = b"\3\1\1" + gob_text(name) + b"\1" + gob_int(type_id) + b"\0\1" + gob_uint(len(members))
    for member, member_type in members.items():
        value += b"\1" + gob_text(member) + b"\1" + gob_int(member_type) + b"\0"
    return gob_message(-type_id, value + b"\0\0")


class GobReader:
    """The values of structs with ints, uints and strings, in the order in which the server declares their members."""

    def __init__(self, data):
        self.data, self.at = data, 0

    def uint(self):
        first = self.data[self.at]
        self.at += 1
        if first < 128:
            return first
        length = 256 - first
        self.at += length
        return int.from_bytes(self.data[self.at - length:self.at], "big")

    def int(self):
        number = self.uint()
        return ~(number >> 1) if number & 1 else number >> 1

    def text(self):
        length = self.uint()
        self.at += length
        return self.data[self.at - length:self.at].decode()

    def members(self, *kinds):
        """The values of members by position; a missing member is absent."""
        values, at = [0 if kind != "text" else "" for kind in kinds], -1
        while delta := self.uint():
            at += delta
            values[at] = getattr(self, kinds[at])()
        return values


class NetRpc(Conversation):
    """As Go's net/rpc: each side defines a type before its first use, and only once."""

    header = ("Request", {"ServiceMethod": STRING, "Seq": UINT})
    header_id, wait_id = 65, 66

    def __init__(self, server):
        super().__init__(server)
        self.own_types_said = False
        self.types = set()

    def opening(self):
        return b""

    def request(self, token, method=METHOD, milliseconds=0):
        header = gob_message(self.header_id, b"\1" + gob_text(method) + b"\1" + gob_uint(token) + b"\0")
        wait = gob_message(self.wait_id, b"\1" + gob_int(token) + b"\1" + gob_int(milliseconds) + b"\0")
        if not self.own_types_said:
            name, members = self.header
            header = gob_definition(self.header_id, name, **members) + header
            wait = gob_definition(self.wait_id, "Wait", Token=INT, Milliseconds=INT) + wait
        self.own_types_said = True
        return header + wait

    def message(self):
        """The content of one gob message: GobReader at its type's id."""
        first = self.take(1)
        if first[0] >= 128:
            first += self.take(256 - first[0])
        return GobReader(self.take(GobReader(first).uint()))

    def value(self):
        """The next value, behind its type's id; definitions are passed over."""
        while True:
            reader = self.message()
            type_id = reader.int()
            if type_id >= 0:
                assert type_id in self.types, f"type {type_id} is used and not defined"
                return reader
            assert -type_id not in self.types, f"type {-type_id} is defined twice"
            self.types.add(-type_id)

    def answer(self, token):
        _, seq, error = self.value().members("text", "uint", "text")
        body = self.value()
        answered, pid = body.members("int", "int") if not error else (None, None)
        return self.checked(token, seq, error, answered, pid)


class Gob(NetRpc):
    """The gob of GeeRPC's protocol."""

    header = ("Header", {"ServiceMethod": STRING, "Seq": UINT, "Error": STRING})

    def opening(self):
        return OPTION_GOB


# ---- the layers below ----


class Connect(NetRpc):
    """As Go's rpc.DialHTTP."""

    waits = True

    def opening(self):
        return b"CONNECT /_goRPC_ HTTP/1.0\n\n"

    def opened(self):
        said = self.line()
        assert said.startswith(b"HTTP/1.0 200 Connected to Go RPC"), said
        while self.line().strip():
            pass


class UnixBin(Bin):
    def connect(self, server):
        return connect(server.unix, TIMEOUT)


class UnixNetRpc(NetRpc):
    def connect(self, server):
        return connect(server.unix, TIMEOUT)


class Seal:
    """A mixin for a Conversation: seals it, to the sealed-only listener of handover.py."""

    cut = None

    def connect(self, server):
        key, secret = public_in(server.keys["server"]), server.keys.secret("billing")
        return Sealed(server.sealed, key, secret, TIMEOUT, self.cut)

    def sealed(self, data):
        return self.sock.record(data)

    def send_raw(self, data):
        self.sock.sock.sendall(data)


class SealedJson(Seal, Conversation):
    pass


class SealedGob(Seal, Gob):
    pass


class HalfSealed(SealedJson):
    """A seal of which only so many bytes of the handshake are sent at first. CUTS: in the preamble, in the first
    message, and behind it, before the answer is read."""

    CUTS = (0, 1, 2, 7, 8, 9, 10, 42, 57, 58)

    def __init__(self, server, cut):
        self.cut = cut
        super().__init__(server)

    def finish_seal(self):
        self.sock.finish()


WIRES = {
    "json": Conversation,
    "bin": Bin,
    "gob": Gob,
    "netrpc": NetRpc,
    "jsonrpc": JsonRpc,
    "connect": Connect,
    "unix-bin": UnixBin,
    "unix-netrpc": UnixNetRpc,
    "sealed-json": SealedJson,
    "sealed-gob": SealedGob,
}
