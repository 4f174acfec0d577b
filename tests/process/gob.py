"""encoding/gob by hand, for bytes that no Go program sends: type definitions and values, right and wrong, and net/rpc
on them.

    with GobPeer(gateway.tcp) as peer:
        peer.send("Foo.Sum", message(INTERFACE, b"\0\0"))                           # a nil interface value
        peer.send("Foo.Sum", struct(70, "Args", ("A", INT)) + message(70, member(1, number(7)) + b"\0"))
        seq, error, value = peer.reply()
"""
from wire import connect

BOOL, INT, UINT, FLOAT, BYTES, STRING, COMPLEX, INTERFACE = range(1, 9)


# ---- writing ----


def natural(value):
    if value < 128:
        return bytes([value])
    digits = value.to_bytes((value.bit_length() + 7) // 8, "big")
    return bytes([256 - len(digits)]) + digits


def number(value):
    return natural(~value << 1 | 1 if value < 0 else value << 1)


def text(value):
    data = value.encode() if isinstance(value, str) else value
    return natural(len(data)) + data


def member(distance, value):
    """A member of a struct, `distance` behind the member before."""
    return natural(distance) + value


def framed(content):
    return natural(len(content)) + content


def message(type_id, value):
    return framed(number(type_id) + value)


def definition(type_id, kind, name, rest):
    common = (member(1, text(name)) + member(1, number(type_id)) if name else member(2, number(type_id))) + b"\0"
    return framed(number(-type_id) + natural(kind) + member(1, common) + rest + b"\0\0")


def array(type_id, element, length):
    return definition(type_id, 1, "", member(1, number(element)) + member(1, number(length)))


def slice_of(type_id, element):
    return definition(type_id, 2, "", member(1, number(element)))


def struct(type_id, name, *members):
    listed = b"".join(member(1, text(each)) + member(1, number(kind)) + b"\0" for each, kind in members)
    return definition(type_id, 3, name, member(1, natural(len(members)) + listed) if members else b"")


def map_of(type_id, key, element):
    return definition(type_id, 4, "", member(1, number(key)) + member(1, number(element)))


# ---- reading ----


class Reader:
    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, count):
        self.at += count
        return self.data[self.at - count:self.at]

    def natural(self):
        first = self.take(1)[0]
        return first if first < 128 else int.from_bytes(self.take(256 - first), "big")

    def number(self):
        bits = self.natural()
        return ~(bits >> 1) if bits & 1 else bits >> 1


class GobPeer:
    """A conversation in net/rpc's protocol. Requests are numbered as they are sent, from 1."""

    HEADER = 65

    def __init__(self, address, timeout=10):
        self.sock = connect(address, timeout)
        self.stream = self.sock.makefile("rb")
        self.seq = 0

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stream.close()
        self.sock.close()

    def send(self, method, body):
        header = b"" if self.seq else struct(self.HEADER, "Request", ("ServiceMethod", STRING), ("Seq", UINT))
        self.seq += 1
        header += message(self.HEADER, member(1, text(method)) + member(1, natural(self.seq)) + b"\0")
        self.sock.sendall(header + body)

    def _take(self, count):
        data = self.stream.read(count)
        if len(data) < count:
            raise EOFError("the server closed the connection")
        return data

    def _value(self):
        """The next value, behind its type's id."""
        while True:
            first = self._take(1)[0]
            length = first if first < 128 else int.from_bytes(self._take(256 - first), "big")
            value = Reader(self._take(length))
            if value.number() >= 0:
                return value

    def reply(self):
        """(number of the request, error, value)"""
        header, seq, error, at = self._value(), 0, b"", 0
        while (distance := header.natural()) != 0:
            at += distance
            if at == 2:
                seq = header.natural()
            else:
                error = header.take(header.natural())
        return seq, error.decode() if at == 3 else "", self._value()

    def call(self, method, body):
        """(error, value)"""
        self.send(method, body)
        seq, error, value = self.reply()
        assert seq == self.seq
        return error, value
