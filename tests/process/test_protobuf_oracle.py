"""codec_proto's engine beside protobuf's own library: random messages of every form of a field go there and back
unchanged, unknown fields among them, and malformed messages are refused exactly where protobuf refuses them."""
import os
import random
import struct
import subprocess
import warnings

import pytest
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import DecodeError

from conftest import BUILD, ROOT, SANITIZED
from describing import message_classes

pytestmark = pytest.mark.skipif(SANITIZED, reason="this library has a sanitizer inside")
MESSAGES = int(os.environ.get("PROTOBUF_MESSAGES", "400"))
TYPES = ["everything.three.All", "everything.two.Legacy"]


class Echo:
    """Messages through proto_echo."""

    def __init__(self, program, descriptors, name):
        self.process = subprocess.Popen([program, descriptors, name], stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def __call__(self, data):
        self.process.stdin.write(struct.pack("=I", len(data)) + data)
        self.process.stdin.flush()
        taken, length = struct.unpack("=BI", self.process.stdout.read(5))
        return bool(taken), self.process.stdout.read(length)

    def close(self):
        self.process.stdin.close()
        assert self.process.wait(30) == 0
        self.process.stdout.close()


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    folder = tmp_path_factory.mktemp("oracle")
    subprocess.run(
        ["protoc", f"-I{ROOT / 'tests/protos'}", "-I/usr/include", "--include_imports",
         f"--descriptor_set_out={folder / 'set'}", "everything/proto3.proto"], check=True, timeout=60)
    subprocess.run(
        ["gcc", "-O1", f"-I{ROOT / 'src'}", f"-I{ROOT / 'src/core'}", ROOT / "tests/interop/proto_echo.c",
         BUILD / "libgeecore.a", "-o", folder / "proto_echo"], check=True, timeout=60)
    return folder


@pytest.fixture(params=TYPES)
def echo_and_class(request, built):
    echo = Echo(built / "proto_echo", built / "set", request.param)
    yield echo, message_classes(built / "set")[request.param]
    echo.close()


# ---- random messages ----

INTEGERS = {
    FieldDescriptor.CPPTYPE_INT32: (-2**31, 2**31 - 1), FieldDescriptor.CPPTYPE_INT64: (-2**63, 2**63 - 1),
    FieldDescriptor.CPPTYPE_UINT32: (0, 2**32 - 1), FieldDescriptor.CPPTYPE_UINT64: (0, 2**64 - 1),
}


def some_number(source, least, most):
    near = [0, 1, -1, 127, 128, 300, least, most, most - 1, most // 2, source.randint(least, most)]
    return min(max(source.choice(near), least), most)


def some_scalar(source, field):
    kind = field.cpp_type
    if kind in INTEGERS:
        return some_number(source, *INTEGERS[kind])
    if kind == FieldDescriptor.CPPTYPE_BOOL:
        return source.random() < 0.5
    if kind == FieldDescriptor.CPPTYPE_ENUM:
        return source.choice(field.enum_type.values).number
    if kind in (FieldDescriptor.CPPTYPE_FLOAT, FieldDescriptor.CPPTYPE_DOUBLE):
        return source.choice([0.0, -0.0, 1.5, -2.25, 2.0**100, float("inf"), source.randint(-1000, 1000) / 8])
    text = "".join(source.choice("ab \0é€😀") for _ in range(source.choice([0, 1, 5, 40, 200])))
    return text if field.type == FieldDescriptor.TYPE_STRING else text.encode()


def fill(source, message, depth=0):
    """Some of the fields; those that are required in any case."""
    fields = message.DESCRIPTOR.fields
    for field in fields:
        required = field.label == FieldDescriptor.LABEL_REQUIRED
        if required or (source.random() < (0.3, 0.15, 0.05)[min(depth, 2)] and depth < 5):
            fill_field(source, message, field, depth)


def fill_field(source, message, field, depth):
    value = getattr(message, field.name)
    if is_map(field):
        key, element = field.message_type.fields
        for _ in range(source.choice([1, 2, 20])):
            if element.message_type:
                fill(source, value[some_scalar(source, key)], depth + 2)
            else:
                value[some_scalar(source, key)] = some_scalar(source, element)
    elif field.label == FieldDescriptor.LABEL_REPEATED:
        for _ in range(source.choice([1, 3, 20])):
            if field.message_type:
                fill(source, value.add(), depth + 2)
            else:
                value.append(some_scalar(source, field))
    elif field.message_type:
        value.SetInParent()
        fill(source, value, depth + 1)
    else:
        setattr(message, field.name, some_scalar(source, field))


def parse(message_class, data):
    """None: protobuf refuses the bytes. (Of an end of a group that has not begun, or tag 0, Python only warns.)"""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            message = message_class.FromString(data)
    except (DecodeError, RuntimeWarning, SystemError):
        return None
    return message if message.IsInitialized() else None


def is_map(field):
    return field.message_type is not None and field.message_type.GetOptions().map_entry


def settle(message):
    """Messages of descriptors keep a map's entries as they came, keys that come twice too, until somebody looks."""
    for field, value in message.ListFields():
        if is_map(field):
            inner = [value[key] for key in value] if field.message_type.fields[1].message_type else list(value)[:0]
        elif field.message_type:
            inner = value if field.label == FieldDescriptor.LABEL_REPEATED else [value]
        else:
            inner = []
        for each in inner:
            settle(each)


def written(message):
    """In one form for equal messages; NaN equals NaN."""
    settle(message)
    return message.SerializePartialToString(deterministic=True)


def assert_same(echo, message_class, data):
    """Both take the bytes, as the same message, or both refuse them. True: taken."""
    expected = parse(message_class, data)
    taken, answer = echo(data)
    if expected is None:
        assert not taken, f"taken, but not by protobuf: {data.hex()}"
        return False
    if not taken and b"out of range" in answer:
        return False  # of a field number past 2^29 - 1 this library drops bits; others refuse the message
    assert taken, f"{answer.decode()}: {data.hex()}"
    again = parse(message_class, answer)
    assert again is not None and written(again) == written(expected), f"{data.hex()} became {answer.hex()}"
    return True


def test_random_messages_come_back_as_they_were(echo_and_class):
    echo, message_class = echo_and_class
    source = random.Random(17)
    for _ in range(MESSAGES):
        message = message_class()
        fill(source, message)
        assert assert_same(echo, message_class, message.SerializeToString())


def damage(source, data):
    data = bytearray(data)
    for _ in range(source.choice([1, 1, 1, 2, 4])):
        at = source.randrange(len(data) + 1)
        action = source.randrange(5)
        if action == 0:
            data[at:at + 1] = bytes([source.randrange(256)])
        elif action == 1:
            data[at:at] = bytes([source.choice([0, 1, 8, 0x0b, 0x0c, 0x7f, 0x80, 0xff])])
        elif action == 2:
            del data[at:at + source.randrange(3)]
        elif action == 3:
            del data[at:]
        else:
            data += data[:at]
    return bytes(data)


def test_damaged_messages_are_refused_where_protobuf_refuses_them(echo_and_class):
    echo, message_class = echo_and_class
    source = random.Random(18)
    taken = refused = 0
    for _ in range(MESSAGES):
        message = message_class()
        fill(source, message, depth=1)
        for _ in range(4):
            if assert_same(echo, message_class, damage(source, message.SerializeToString())):
                taken += 1
            else:
                refused += 1
    assert taken > MESSAGES / 2 and refused > MESSAGES / 2


def group(inner):
    return b"\xc3\x3e" + inner + b"\xc4\x3e"


def entry(inner):
    """Of the map alls_by_sfixed64: two messages deep."""
    value = b"\x12" + varint(len(inner)) + inner
    return b"\xa2\x04" + varint(len(value)) + value


def varint(number):
    return bytes([number]) if number < 0x80 else bytes([number & 0x7f | 0x80]) + varint(number >> 7)


@pytest.mark.parametrize("wrap, most", [(group, 100), (entry, 50)])
def test_messages_are_as_deep_as_protobuf_reads_them(built, wrap, most):
    echo, message_class = Echo(built / "proto_echo", built / "set", TYPES[0]), message_classes(built / "set")[TYPES[0]]
    data = b""
    for depth in range(1, most + 10):
        data = wrap(data)
        assert assert_same(echo, message_class, data) == (depth <= most)
    echo.close()
