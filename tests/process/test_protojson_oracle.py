"""codec_protojson beside protobuf's own library: random messages pass both ways unchanged, and texts are refused where
protobuf refuses them."""
import json
import os
import random
import struct
import subprocess

import pytest
from google.protobuf import descriptor_pb2, descriptor_pool, json_format, message_factory
from google.protobuf.descriptor import FieldDescriptor

from conftest import BUILD, ROOT, SANITIZED
from test_protobuf_oracle import fill, is_map, written

pytestmark = pytest.mark.skipif(SANITIZED, reason="this library has a sanitizer inside")
MESSAGES = int(os.environ.get("PROTOBUF_MESSAGES", "100"))
TYPES = ["everything.three.All", "everything.two.Legacy"]


class Echo:
    """Messages through protojson_echo."""

    def __init__(self, program, descriptors, name):
        self.process = subprocess.Popen([program, descriptors, name], stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def __call__(self, way, data):
        self.process.stdin.write(way + struct.pack("=I", len(data)) + data)
        self.process.stdin.flush()
        taken, length = struct.unpack("=BI", self.process.stdout.read(5))
        return bool(taken), self.process.stdout.read(length)

    def close(self):
        self.process.stdin.close()
        assert self.process.wait(30) == 0
        self.process.stdout.close()


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    folder = tmp_path_factory.mktemp("protojson")
    subprocess.run(
        ["protoc", f"-I{ROOT / 'tests/protos'}", "-I/usr/include", "--include_imports",
         f"--descriptor_set_out={folder / 'set'}", "everything/proto3.proto"], check=True, timeout=60)
    subprocess.run(
        ["gcc", "-O1", f"-I{ROOT / 'src'}", f"-I{ROOT / 'src/core'}", ROOT / "tests/interop/protojson_echo.c",
         "-Wl,--start-group", BUILD / "libgeeserver.a", BUILD / "libgeecore.a", "-Wl,--end-group", "-lm", "-o",
         folder / "protojson_echo"], check=True, timeout=60)
    return folder


@pytest.fixture(scope="module")
def pool(built):
    pool = descriptor_pool.DescriptorPool()
    for file in descriptor_pb2.FileDescriptorSet.FromString((built / "set").read_bytes()).file:
        pool.Add(file)
    return pool


@pytest.fixture(params=TYPES)
def echo_and_class(request, built, pool):
    echo = Echo(built / "protojson_echo", built / "set", request.param)
    yield echo, message_factory.MessageFactory(pool).GetPrototype(pool.FindMessageTypeByName(request.param))
    echo.close()


# ---- random messages ----


def some_value(source, message, depth):
    """google.protobuf.Value; one that is not set would come back as null."""
    kind = source.randrange(6 if depth < 3 else 4)
    if kind == 0:
        message.null_value = 0
    elif kind == 1:
        message.number_value = source.choice([0, -1, 2.5, 1e300, 123456789012])
    elif kind == 2:
        message.string_value = source.choice(["", "1", "null", "\n\"é"])
    elif kind == 3:
        message.bool_value = source.random() < 0.5
    elif kind == 4:
        message.struct_value.SetInParent()
        some_value(source, message.struct_value.fields["key"], depth + 1)
    else:
        message.list_value.SetInParent()
        some_value(source, message.list_value.values.add(), depth + 1)


def tidy(source, pool, message):
    """Gives messages of google.protobuf values that JSON has a form for. Groups have none: they are unknown fields; in
    JSON, class_ and class have the same name."""
    names_twice = (21, 22) if message.DESCRIPTOR.full_name == "everything.two.Legacy" else ()
    for field, value in message.ListFields():
        if field.type == FieldDescriptor.TYPE_GROUP or field.number in names_twice:
            message.ClearField(field.name)
        elif is_map(field):
            for key in value:
                if field.message_type.fields[1].message_type:
                    tidy_one(source, pool, value[key])
        elif field.message_type and field.label == FieldDescriptor.LABEL_REPEATED:
            for each in value:
                tidy_one(source, pool, each)
        elif field.message_type:
            tidy_one(source, pool, value)


def tidy_one(source, pool, message):
    name = message.DESCRIPTOR.full_name
    if name in ("google.protobuf.Timestamp", "google.protobuf.Duration"):
        long = 253402300799 if name.endswith("Timestamp") else 315576000000
        message.seconds = source.choice([0, 1, source.randint(0, long), long])
        message.nanos = source.choice([0, 1, 1000, 500000000, 999999999]) if message.seconds < long else 0
        if name.endswith("Duration") and source.random() < 0.5:
            message.seconds, message.nanos = -message.seconds, -message.nanos
        elif name.endswith("Timestamp") and source.random() < 0.5:
            message.seconds = source.randint(-62135596800, 0)
    elif name == "google.protobuf.FieldMask":
        message.paths[:] = source.sample(["a", "foo_bar", "foo.bar_baz", "a1.b2"], source.randrange(4))
    elif name == "google.protobuf.Value":
        message.Clear()
        some_value(source, message, 0)
    elif name == "google.protobuf.Any":
        message.Clear()
        inner = source.choice(["google.protobuf.Duration", "everything.three.All.Inner", ""])
        if inner:
            packed = message_factory.MessageFactory(pool).GetPrototype(pool.FindMessageTypeByName(inner))()
            fill(source, packed, 1)
            tidy_one(source, pool, packed)
            message.type_url, message.value = "type.googleapis.com/" + inner, packed.SerializeToString()
    else:
        tidy(source, pool, message)


def test_random_messages_pass_both_ways(echo_and_class, pool):
    echo, message_class = echo_and_class
    source = random.Random(19)
    for i in range(MESSAGES):
        message = message_class()
        fill(source, message, i % 2)
        tidy(source, pool, message)
        taken, text = echo(b"b", message.SerializeToString())
        assert taken, f"{text.decode()}: {message}"
        back = json_format.Parse(text, message_class(), descriptor_pool=pool)
        assert written(back) == written(message), text
        theirs = json_format.MessageToJson(message, descriptor_pool=pool)
        assert set(json.loads(text)) == set(json.loads(theirs))
        taken, data = echo(b"j", theirs.encode())
        assert taken, f"{data.decode()}: {theirs}"
        assert written(message_class.FromString(data)) == written(message), theirs
        taken, data = echo(b"j", text)
        assert taken, f"{data.decode()}: {text}"
        assert written(message_class.FromString(data)) == written(message), text
