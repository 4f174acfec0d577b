"""Conversations as bytes: an opening, then one request again and again; and the answers that a server must give.

    Wire            how to call a method of two integers on a protocol, and how to know its reply
    probe()         asks a server once, checks the answer, and gives the Conversation with it
    floor_for()     the conversation with the floor that has the same byte counts
    beside_stopped_reader()  the conversation, on connections with a streaming call that nobody reads
"""
import dataclasses
import socket
import struct

from wire import CLOSE, MESSAGE, field

PATIENCE = 10


class WrongAnswer(Exception):
    """A server said what it must not."""


@dataclasses.dataclass(frozen=True)
class Conversation:
    opening: bytes
    answer: bytes  # to the opening
    request: bytes
    reply: bytes
    compare: bool = True  # the first replies on each connection are compared, not only counted

    def script(self):
        """As load.c reads it."""
        return b"".join(struct.pack(">I", len(part)) + part
                        for part in (self.opening, self.answer, self.request, self.reply))


class Reader:
    """Bytes from a socket, piece by piece."""

    def __init__(self, sock):
        self.sock = sock
        self.taken = b""

    def take(self, count):
        taken = b""
        while len(taken) < count:
            more = self.sock.recv(count - len(taken))
            if not more:
                raise WrongAnswer("the connection was closed after %r" % (self.taken + taken)[-200:])
            taken += more
        self.taken += taken
        return taken

    def take_until(self, end):
        taken = b""
        while not taken.endswith(end):
            taken += self.take(1)
        return taken


@dataclasses.dataclass(frozen=True)
class Wire:
    opening: bytes
    request: bytes
    take_reply: object  # reads one whole reply from a Reader, and raises WrongAnswer when it is not right
    opening_is_call: bool = False  # the opening holds a first call, which is answered
    compare: bool = True


def probe(wire, host, port):
    with socket.create_connection((host, port), PATIENCE) as sock:
        sock.settimeout(PATIENCE)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            return talk(wire, sock)
        except socket.timeout:
            raise WrongAnswer("no whole reply within %d seconds" % PATIENCE) from None


def talk(wire, sock):
    def ask(request):
        sock.sendall(request)
        reader = Reader(sock)
        wire.take_reply(reader)
        return reader.taken

    sock.sendall(wire.opening)
    answer = ask(b"") if wire.opening_is_call else b""
    reply = ask(wire.request)
    if wire.compare and ask(wire.request) != reply:
        raise WrongAnswer("the same request has two answers")
    return Conversation(wire.opening, answer, wire.request, reply, wire.compare)


def floor_for(conversation, calls=1, extra=0):
    """That many calls as one, with `extra` bytes more each way (the head and tag of a sealed record)."""
    request = calls * len(conversation.request) + extra
    reply = calls * len(conversation.reply) + extra
    return Conversation(struct.pack(">II", request, reply), b"", bytes(request), bytes(reply), compare=False)


def exactly(expected):
    def take(reader):
        if reader.take(len(expected)) != expected:
            raise WrongAnswer("%r instead of %r" % (reader.taken[-len(expected):][:200], expected[:200]))

    return take


# ---- GeeRPC ----


def option(codec):
    return ('{"MagicNumber":3927900,"CodecType":"application/%s"}\n' % codec).encode()


def frame(header, body=b""):
    return struct.pack(">BBII", 0, 0, len(header), len(body)) + header + body


def call_frame(method, body):
    return frame(field(1, method) + field(2, 1), body)


CREDIT, MESSAGE_COST = 65536, 16  # docs/protocol.md: of a direction to begin with; of a message, beside its body


def beside_stopped_reader(conversation):
    """On each connection first a call of Stream.List (tests/modules/service_stream), whose caller gives no credit. The
    answer is every message that the first credit pays for; a byte more, then or later, is a wrong answer."""
    stream = field(2, 2)
    listing = frame(field(1, "Stream.List") + stream + field(4, MESSAGE), field(1, 1) + field(2, 1 << 40))
    messages, credit = [], CREDIT
    while credit > 0:
        body = field(1, len(messages) + 1)
        messages.append(frame(stream + field(4, MESSAGE), body))
        credit -= MESSAGE_COST + len(body)
    return dataclasses.replace(conversation, answer=b"".join(messages),
                               opening=conversation.opening + listing + frame(stream + field(4, CLOSE)))


def json_header(method, error=""):
    return ('{"ServiceMethod":"%s","Seq":1%s}' % (method, error)).encode()


# ---- gob: encoding/gob as its package documentation has it ----

GOB_INT, GOB_UINT, GOB_STRING = 2, 3, 6
FIRST_TYPE = 65


def gob_uint(number):
    if number < 128:
        return bytes([number])
    digits = number.to_bytes((number.bit_length() + 7) // 8, "big")
    return bytes([256 - len(digits)]) + digits


def gob_int(number):
    return gob_uint(~number << 1 | 1 if number < 0 else number << 1)


def gob_text(text):
    data = text.encode() if isinstance(text, str) else text
    return gob_uint(len(data)) + data


def gob_message(content):
    return gob_uint(len(content)) + content


def gob_definition(number, name, fields):
    """The message that defines a struct: wireType{StructT: structType{CommonType{Name, Id}, Field}}."""
    members = b"".join(b"\1" + gob_text(member) + b"\1" + gob_int(kind) + b"\0" for member, kind in fields)
    common = b"\1" + gob_text(name) + b"\1" + gob_int(number) + b"\0"
    return gob_message(gob_int(-number) + b"\3\1" + common + b"\1" + gob_uint(len(fields)) + members + b"\0\0")


def take_gob_messages(reader, values):
    """So many values, and the definitions of types between them. Returns the last one's bytes."""
    while values > 0:
        length = take_gob_uint(reader)
        message = reader.take(length)
        first = message[0] if message[0] < 128 else message[256 - message[0]]
        if first & 1 == 0:  # the number of a definition is negative
            values -= 1
    return message


def take_gob_uint(reader):
    first = reader.take(1)[0]
    return first if first < 128 else int.from_bytes(reader.take(256 - first), "big")


def gob_reply(expected):
    def take(reader):
        body = take_gob_messages(reader, 2)
        if body != expected:
            raise WrongAnswer("%r ends with %r instead of %r" % (reader.taken[:200], body[:200], expected[:200]))

    return take


def gob_wire(opening, header, method, definition, body, reply):
    """header: the struct in which the method's name comes. definition: of the body's type, or nothing."""
    definitions = {"Header": [("ServiceMethod", GOB_STRING), ("Seq", GOB_UINT), ("Error", GOB_STRING)],
                   "Request": [("ServiceMethod", GOB_STRING), ("Seq", GOB_UINT)]}
    head = gob_message(gob_int(FIRST_TYPE) + b"\1" + gob_text(method) + b"\1\1\0")
    first = gob_definition(FIRST_TYPE, header, definitions[header]) + head + definition + body
    return Wire(opening + first, head + body, gob_reply(reply), opening_is_call=True)


# ---- the wires ----


@dataclasses.dataclass(frozen=True)
class Value:
    """A value in the three codecs; for gob with the definition of its type, or nothing."""

    bin: bytes
    json: bytes
    gob: bytes
    definition: bytes = b""


def our_wires(method, argument, reply):
    """Calls of that method on each wire that geerpc speaks."""
    body, answer = gob_message(argument.gob), reply.gob
    name = method.encode()
    return {
        "bin": Wire(option("bin"), call_frame(method, argument.bin), exactly(call_frame(method, reply.bin))),
        "json": Wire(option("json"), json_header(method) + argument.json,
                     exactly(json_header(method, ',"Error":""') + b"\n" + reply.json + b"\n")),
        "netrpc": gob_wire(b"", "Request", method, argument.definition, body, answer),
        "gob": gob_wire(option("gob"), "Header", method, argument.definition, body, answer),
        "jsonrpc": Wire(b"", b'{"method":"%s","params":[%s],"id":1}\n' % (name, argument.json),
                        exactly(b'{"id":1,"result":%s,"error":null}\n' % reply.json)),
    }


def multiply_wires(method="Arith.Multiply"):
    """7 times 8."""
    number = FIRST_TYPE + 1
    args = Value(field(1, 7) + field(2, 8), b'{"A":7,"B":8}',
                 gob_int(number) + b"\1" + gob_int(7) + b"\1" + gob_int(8) + b"\0",
                 gob_definition(number, "Args", [("A", GOB_INT), ("B", GOB_INT)]))
    return our_wires(method, args, Value(field(1, 56), b"56", gob_int(GOB_INT) + b"\0" + gob_int(56)))


def echo_wires(size):
    """Kinds.Text of tests/modules/service_kinds, and of tests/interop/go: a text of so many bytes comes back."""
    text = b"x" * size
    value = Value(field(1, text), b'"' + text + b'"', gob_int(GOB_STRING) + b"\0" + gob_text(text))
    return our_wires("Kinds.Text", value, value)


def peer_wires():
    return {
        "redis": Wire(b"", b"*1\r\n$4\r\nPING\r\n", exactly(b"+PONG\r\n")),
        "http": Wire(b"", b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", take_http, compare=False),
    }


def joined(conversations):
    """Several calls as one, of conversations with the same opening that has no answer."""
    first = conversations[0]
    return Conversation(first.opening, first.answer, b"".join(each.request for each in conversations),
                        b"".join(each.reply for each in conversations))


def take_http(reader):
    """A response with a Content-Length; the Date in it changes."""
    head = reader.take_until(b"\r\n\r\n")
    if not head.startswith(b"HTTP/1.1 200 "):
        raise WrongAnswer("%r" % head[:200])
    lengths = [line.split(b":")[1] for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")]
    reader.take(int(lengths[0]))
