"""geerpc's wire by hand, for tests: JSON values and bin frames over a plain socket, without the client library."""
import contextlib
import json
import random
import socket
import struct

OPTION_JSON = b'{"MagicNumber":3927900,"CodecType":"application/json"}'
OPTION_BIN = b'{"MagicNumber":3927900,"CodecType":"application/bin"}'
OPTION_PROTO = b'{"MagicNumber":3927900,"CodecType":"application/protobuf"}'


def free_port():
    """A port that the system never gives out as "any port": the port stays free while a server is down, and while other
    tests ask for ports."""
    low = int(open("/proc/sys/net/ipv4/ip_local_port_range", encoding="ascii").read().split()[0])
    while True:
        port = random.randrange(low // 2, low)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


def connect(address, timeout=20):
    """A socket to "tcp@host:port" or "unix@path"."""
    scheme, place = address.split("@", 1)
    if scheme == "unix":
        sock = socket.socket(socket.AF_UNIX)
        # This waits while the server's queue is full, where a socket with a timeout in Python would fail at once.
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack("ll", int(timeout), 0))
        sock.connect(place)
        sock.settimeout(timeout)
        return sock
    host, port = place.rsplit(":", 1)
    return socket.create_connection((host.strip("[]"), int(port)), timeout)


class JsonPeer:
    """A conversation in JSON. Calls are numbered by the caller; replies come as (header, body)."""

    def __init__(self, address, option=OPTION_JSON, timeout=20):
        self.sock = connect(address, timeout)
        self.sock.sendall(option)
        self.text = ""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.sock.close()

    def send(self, method, arguments, seq=1, **header):
        header = {"ServiceMethod": method, "Seq": seq, **header}
        self.sock.sendall((json.dumps(header) + json.dumps(arguments)).encode())

    def value(self):
        decoder = json.JSONDecoder()
        while True:
            stripped = self.text.lstrip()
            if stripped and not (stripped[0] in "-0123456789" and "\n" not in stripped):
                try:
                    value, end = decoder.raw_decode(stripped)
                    self.text = stripped[end:]
                    return value
                except json.JSONDecodeError:
                    pass
            more = self.sock.recv(1 << 20)
            if not more:
                raise EOFError("the server closed the connection; unread: %r" % self.text[:200])
            self.text += more.decode()

    def reply(self):
        header = self.value()
        return header, self.value()

    def call(self, method, arguments, seq=1, **header):
        self.send(method, arguments, seq, **header)
        return self.reply()


def varint(number):
    number &= (1 << 64) - 1
    out = bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    out.append(number)
    return bytes(out)


def field(tag, value):
    """A protobuf field: an int as varint, bytes or text with their length."""
    if isinstance(value, int):
        return varint(tag << 3) + varint(value)
    data = value.encode() if isinstance(value, str) else value
    return varint(tag << 3 | 2) + varint(len(data)) + data


def all_fields(data):
    """[(tag, value)] of a protobuf message of varints and byte strings."""
    result, at = [], 0

    def read_varint():
        nonlocal at
        number = shift = 0
        while True:
            byte = data[at]
            at += 1
            number |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return number

    while at < len(data):
        key = read_varint()
        if key & 7 == 0:
            result.append((key >> 3, read_varint()))
        elif key & 7 == 2:
            length = read_varint()
            result.append((key >> 3, data[at:at + length]))
            at += length
        else:
            raise ValueError("wire type %d" % (key & 7))
    return result


def fields(data):
    """{tag: last value} of such a message."""
    return dict(all_fields(data))


def signed(number):
    return number - (1 << 64) if number >= 1 << 63 else number


class BinPeer:
    """A conversation in frames. A header is {tag: value} as in docs/geerpc.proto."""

    def __init__(self, address, timeout=20, option=OPTION_BIN):
        self.sock = connect(address, timeout)
        self.sock.sendall(option)
        self.data = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.sock.close()

    def send(self, method, body, seq=1, codec=0, extra=b""):
        self.send_header(field(1, method) + field(2, seq) + extra, body, codec)

    def send_header(self, header, body=b"", codec=0):
        self.sock.sendall(struct.pack(">BBII", codec, 0, len(header), len(body)) + header + body)

    def take(self, count):
        while len(self.data) < count:
            more = self.sock.recv(1 << 20)
            if not more:
                raise EOFError("the server closed the connection")
            self.data += more
        taken, self.data = self.data[:count], self.data[count:]
        return taken

    def reply(self):
        codec, flags, header_length, body_length = struct.unpack(">BBII", self.take(10))
        assert flags == 0
        header = fields(self.take(header_length))
        return header, self.take(body_length)

    def call(self, method, body, seq=1, **options):
        self.send(method, body, seq, **options)
        return self.reply()

    # ---- streaming calls: docs/protocol.md ----

    def say(self, kind, seq, body=b"", *, method="", codec=0, credit=0, metadata=(), timeout_us=0):
        """Sends a frame; with a method the first frame of its call."""
        header = field(1, method) if method else b""
        header += field(2, seq) + field(4, kind)
        header += field(5, timeout_us) if timeout_us else b""
        header += b"".join(field(6, field(1, key) + field(2, value)) for key, value in metadata)
        header += field(8, credit) if credit else b""
        self.sock.sendall(struct.pack(">BBII", codec, 0, len(header), len(body)) + header + body)

    def hear(self):
        """Reads the next frame."""
        codec, flags, header_length, body_length = struct.unpack(">BBII", self.take(10))
        assert flags == 0
        header = self.take(header_length)
        return Frame(codec, all_fields(header), self.take(body_length))


CALL, CANCEL, DRAIN, PING, PONG, MESSAGE, CLOSE, CREDIT = range(8)


class Frame:
    """The fields of a frame; metadata is a list of (text, bytes)."""

    def __init__(self, codec, header, body):
        last = dict(header)
        self.codec, self.body = codec, body
        self.kind, self.seq, self.credit, self.code = (last.get(tag, 0) for tag in (4, 2, 8, 7))
        self.method, self.error, self.details = (last.get(tag, b"") for tag in (1, 3, 10))
        self.metadata, self.trailing = (self._pairs(header, tag) for tag in (6, 9))

    @staticmethod
    def _pairs(header, wanted):
        pairs = [fields(value) for tag, value in header if tag == wanted]
        return [(pair.get(1, b"").decode(), pair.get(2, b"")) for pair in pairs]

    def __repr__(self):
        return f"<frame {self.__dict__}>"
