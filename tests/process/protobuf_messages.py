"""Random messages of the types in tests/interop/protobuf and tests/protos, made by google's protobuf for Python, which
is the oracle: what it reads, and what it refuses.

Each message depends on the seed and its number alone."""
import functools
import json
import math
import random
import struct
import warnings

from google.protobuf import descriptor_pb2, descriptor_pool, json_format, message_factory
from google.protobuf.descriptor import FieldDescriptor as Field
from google.protobuf.message import DecodeError

INTEGERS = {  # bits, signed
    Field.TYPE_INT32: (32, True), Field.TYPE_SINT32: (32, True), Field.TYPE_SFIXED32: (32, True),
    Field.TYPE_INT64: (64, True), Field.TYPE_SINT64: (64, True), Field.TYPE_SFIXED64: (64, True),
    Field.TYPE_UINT32: (32, False), Field.TYPE_FIXED32: (32, False),
    Field.TYPE_UINT64: (64, False), Field.TYPE_FIXED64: (64, False),
}
CHARACTERS = "".join(map(chr, range(0x20, 0x7f)))
CHARACTERS += "\0\t\n\x1f \"'/<>&\\\x7f\x80\xe9\u07ff\u0800\u2028\u2029\ufeff\uffff\U00010000\U0010ffff"
ROOTS = ["kinds.three.Three", "kinds.two.Two", "kinds.two.Strict", "everything.three.All", "everything.two.Legacy",
         "everything.three.Pong"]
TWICE = "everything.two.Legacy"  # two of its fields, class and class_, are one in JSON
GOOGLE = ["Any", "Duration", "Empty", "FieldMask", "Int64Value", "StringValue", "Struct", "Value"]
WIRES = [0, 1, 2, 3, 5]
UNKNOWN = range(3000, 3100)  # numbers that no type here has; for kinds.two.Two those of unknown extensions


def forget(message):
    """Groups and extensions: as geerpc has the type."""
    del message.extension[:]
    kept = [field for field in message.field if field.type != Field.TYPE_GROUP]
    del message.field[:]
    message.field.extend(kept)
    for inside in message.nested_type:
        forget(inside)


def settle(message, classes=None):
    """Of the entries of a map, which Python keeps as they came, those that count. `classes`, for ProtoJSON: what is in
    an Any, too, whose bytes can have maps in any order."""
    if classes and message.DESCRIPTOR.full_name == "google.protobuf.Any" and message.type_url:
        inside = classes[message.type_url.split("/")[1]].FromString(message.value)
        settle(inside, classes)
        message.value = canonical(inside)
    for field, value in message.ListFields():
        inside = field.message_type
        if inside and inside.GetOptions().map_entry:
            keys = [key for key in value if not isinstance(key, bytes)]  # not UTF-8, and not to be looked up
            value = [value[key] for key in keys] if inside.fields_by_name["value"].message_type else []
        elif inside and field.label != Field.LABEL_REPEATED:
            value = [value]
        for item in value if inside else ():
            settle(item, classes)


class Types:
    """Of a FileDescriptorSet. `own`: without what geerpc takes for unknown fields: groups and extensions."""

    def __init__(self, path, own=False):
        files = descriptor_pb2.FileDescriptorSet.FromString(path.read_bytes()).file
        for file in files if own else ():
            del file.extension[:]
            for message in file.message_type:
                forget(message)
        self.pool = descriptor_pool.DescriptorPool()
        for file in files:
            self.pool.Add(file)
        names = [file.name for file in files]
        if hasattr(message_factory, "GetMessageClassesForFiles"):
            self.classes = message_factory.GetMessageClassesForFiles(names, self.pool)
        else:
            self.classes = message_factory.MessageFactory(self.pool).GetMessages(names)

    @functools.lru_cache(maxsize=None)
    def fields(self, descriptor):
        """All, with extensions; those that are required; those of an enum that is closed."""
        fields = [*descriptor.fields, *self.pool.FindAllExtensions(descriptor)]
        enums = [field for field in descriptor.fields if field.enum_type and not field.containing_oneof]
        closed = [field for field in enums if field.enum_type.file.syntax == "proto2"]
        return fields, [field for field in fields if field.label == Field.LABEL_REQUIRED], closed

    def parse(self, name, data):
        """Null: what the oracle refuses; data may be a translator's text that says why the translator refuses."""
        if not isinstance(data, bytes):
            return None
        message = self.classes[name]()
        with warnings.catch_warnings(record=True) as warned:
            warnings.simplefilter("always")
            try:
                message.ParseFromString(data)
            except DecodeError:
                return None
        if warned:  # all that Python says of a group's end without a beginning
            return None
        settle(message)
        return message if message.IsInitialized() else None

    def canonical(self, name, data):
        """Null: what the oracle refuses."""
        message = self.parse(name, data)
        return canonical(message) if message is not None else None

    def meaning(self, name, data):
        """What ProtoJSON can say of a message; null: the oracle refuses the bytes."""
        message = self.parse(name, data)
        if message is None:
            return None
        message.DiscardUnknownFields()
        settle(message, self.classes)
        return canonical(message)

    def to_json(self, name, data):
        return json_format.MessageToJson(self.parse(name, data), indent=None, descriptor_pool=self.pool).encode()

    def from_json(self, name, text):
        """Bytes; null: what the oracle refuses."""
        message = self.classes[name]()
        try:
            json_format.Parse(text, message, descriptor_pool=self.pool)
        except Exception:  # pylint: disable=broad-except  # not only ParseError, as by its own account
            return None
        return message.SerializeToString() if message.IsInitialized() else None


def canonical(message):
    """Bytes that are equal for equal messages."""
    return message.SerializePartialToString(deterministic=True)


def varint(number, longer=0):
    """`longer`: by so many bytes than needed."""
    number &= (1 << 64) - 1
    data = bytearray()
    while number >= 0x80 or longer > 0:
        longer -= number < 0x80
        data.append(number & 0x7f | 0x80)
        number >>= 7
    return bytes(data) + bytes([number])


def record(number, wire, value):
    return varint(number << 3 | wire) + value


def counted(number, value):
    return record(number, 2, varint(len(value)) + value)


def group(number, inside):
    return record(number, 3, inside) + record(number, 4, b"")


class Maker:
    """`for_json`: only what ProtoJSON can say."""

    def __init__(self, types, seed, number, for_json=False):
        self.types = types
        self.json = for_json
        self.random = random.Random(f"{seed}/{number}")
        self.left = 25  # messages inside, so that no message becomes huge

    def message(self):
        """Its type's name, and the message."""
        name = self.random.choice([root for root in ROOTS if not self.json or root != TWICE])
        message = self.types.classes[name]()
        self.fill(message, 0)
        return name, message

    # ---- messages ----

    def fill(self, message, depth):
        descriptor = message.DESCRIPTOR
        if self.fill_well_known(message, depth):
            return
        fields, required, closed = self.types.fields(descriptor)
        most = self.random.choice([0, 1, 2, 5, 10, 30] if depth == 0 else [0, 1, 2, 3])
        for field in self.random.sample(fields, min(most, len(fields))):
            self.set(message, field, depth)
        for field in required:
            if not message.HasField(field.name):
                self.set(message, field, depth)
        if not self.json and self.random.random() < 0.15:
            message.MergeFromString(self.unknown(closed))
        if not self.json and depth > 0:
            message.SetInParent()

    def set(self, message, field, depth):
        inside = field.message_type
        if inside and field.label != Field.LABEL_REQUIRED:
            self.left -= 1
            if self.left < 0 or depth > 5:
                return
        if self.json and (field.is_extension or field.type == Field.TYPE_GROUP or inside and inside.full_name == TWICE):
            return
        place = message.Extensions if field.is_extension else None
        get = (lambda: place[field]) if field.is_extension else (lambda: getattr(message, field.name))
        if inside and inside.GetOptions().map_entry:
            self.set_map(get(), inside, depth)
        elif field.label == Field.LABEL_REPEATED:
            for _ in range(self.random.choice([1, 1, 2, 3, 20 if not inside else 2])):
                if inside:
                    self.fill(get().add(), depth + 1)
                else:
                    get().append(self.scalar(field))
        elif inside:
            get().SetInParent()
            self.fill(get(), depth + 1)
        elif field.is_extension:
            place[field] = self.scalar(field)
        else:
            setattr(message, field.name, self.scalar(field))

    def set_map(self, target, entry, depth):
        key, value = entry.fields_by_name["key"], entry.fields_by_name["value"]
        for _ in range(self.random.choice([1, 1, 2, 5, 30 if not value.message_type else 2])):
            if value.message_type:
                self.fill(target[self.scalar(key)], depth + 1)
            else:
                target[self.scalar(key)] = self.scalar(value)

    # ---- scalars ----

    def integer(self, bits, signed):
        lowest, highest = (-1 << bits - 1, (1 << bits - 1) - 1) if signed else (0, (1 << bits) - 1)
        number = self.random.getrandbits(self.random.randint(0, bits))
        choice = self.random.choice([0, 1, lowest, highest, number, number, -number])
        return min(max(choice, lowest), highest)

    def real(self, single):
        form, size = ("<f", 4) if single else ("<d", 8)
        number, = struct.unpack(form, self.random.getrandbits(8 * size).to_bytes(size, "little"))
        if self.json and math.isnan(number):
            number = math.nan
        plain = struct.unpack(form, struct.pack(form, self.random.uniform(-1000, 1000)))[0]
        whole = float(self.random.randint(-10**6, 10**6))
        smallest, = struct.unpack(form, b"\1" + bytes(size - 1))
        odd = [0.0, -0.0, math.inf, -math.inf, math.nan, smallest]
        return self.random.choice([*odd, number, number, number, plain, whole, 1.5])

    def text(self):
        return "".join(self.random.choices(CHARACTERS, k=self.random.choice([0, 1, 3, 3, 20, 100])))

    def scalar(self, field):
        if field.type in INTEGERS:
            return self.integer(*INTEGERS[field.type])
        if field.type in (Field.TYPE_FLOAT, Field.TYPE_DOUBLE):
            return self.real(field.type == Field.TYPE_FLOAT)
        if field.type == Field.TYPE_BOOL:
            return self.random.random() < 0.5
        if field.type == Field.TYPE_STRING:
            return self.text()
        if field.type == Field.TYPE_BYTES:
            return self.random.randbytes(self.random.choice([0, 1, 2, 3, 4, 50]))
        numbers = [value.number for value in field.enum_type.values]
        if field.enum_type.file.syntax != "proto2" and field.enum_type.name != "NullValue":
            numbers += [7, self.integer(32, True)]
        return self.random.choice(numbers)

    # ---- unknown fields ----

    def unknown(self, closed):
        """Fields that the type does not have, and numbers without a name in an enum that is closed."""
        data = b""
        for _ in range(self.random.randint(1, 4)):
            if closed and self.random.random() < 0.3:
                data += record(self.random.choice(closed).number, 0, varint(self.random.choice([77, -77])))
            else:
                data += self.unknown_field(self.random.choice(UNKNOWN), self.random.choice(WIRES))
        return data

    def unknown_field(self, number, wire, depth=0):
        if wire == 3:
            inside = b""
            for _ in range(self.random.randint(0, 3 if depth < 3 else 0)):
                inside += self.unknown_field(self.random.choice([1, 2, 100]), self.random.choice(WIRES), depth + 1)
            return group(number, inside)
        value = self.random.randbytes({1: 8, 5: 4}.get(wire, self.random.randint(0, 9)))
        if wire == 2:
            value = varint(len(value)) + value
        return record(number, wire, varint(self.integer(64, False)) if wire == 0 else value)

    # ---- google's types, whose values ProtoJSON restricts ----

    def fill_well_known(self, message, depth):
        """False: an ordinary type."""
        fill = getattr(self, "fill_" + message.DESCRIPTOR.name, None)
        if message.DESCRIPTOR.file.package != "google.protobuf" or fill is None:
            return False
        restricted = message.DESCRIPTOR.name in ("Any", "Duration", "FieldMask", "Timestamp")
        if not self.json and restricted and self.random.random() < 0.2:
            return False
        fill(message, depth)
        return True

    def fill_Timestamp(self, message, _):
        message.seconds = self.random.choice([0, -1, -62135596800, 253402300799, self.random.randint(-10**10, 10**11)])
        message.nanos = self.random.choice([0, 1, 999999999, 5 * 10**8, 120000, self.random.randrange(10**9)])

    def fill_Duration(self, message, _):
        message.seconds = self.random.choice([0, -1, 315576000000, -315576000000, self.integer(32, True)])
        message.nanos = self.random.choice([0, 1, 999999999, 5 * 10**8, 120000, self.random.randrange(10**9)])
        if abs(message.seconds) == 315576000000:
            message.nanos = 0
        if message.seconds < 0 or (message.seconds == 0 and self.random.random() < 0.3):
            message.nanos = -message.nanos

    def fill_FieldMask(self, message, _):
        words = ["a", "foo", "bar_baz", "x_y_z", "some_thing.inside", "long_name.of_a.field_name"]
        message.paths.extend(self.random.choice(words) for _ in range(self.random.randint(0, 4)))

    def fill_Any(self, message, depth):
        if self.random.random() < 0.1:
            return
        name = self.random.choice(ROOTS[:4] + ["google.protobuf." + name for name in GOOGLE])
        inside = self.types.classes[name]()
        self.fill(inside, depth + 1)
        message.type_url = "type.googleapis.com/" + name
        message.value = canonical(inside)

    def fill_Value(self, message, depth):
        kind = self.random.choice(["null_value", "number_value", "string_value", "bool_value"] +
                                  ["struct_value", "list_value"] * (depth < 5))
        if kind in ("struct_value", "list_value"):
            getattr(message, kind).SetInParent()
            self.fill(getattr(message, kind), depth + 1)
            return
        value = self.scalar(message.DESCRIPTOR.fields_by_name[kind])
        if self.json and kind == "number_value" and not math.isfinite(value):
            value = 0.25
        setattr(message, kind, value)

    def fill_Struct(self, message, depth):
        for _ in range(self.random.randint(0, 3)):
            self.fill(message.fields[self.text()], depth + 1)

    def fill_ListValue(self, message, depth):
        for _ in range(self.random.randint(0, 3)):
            self.fill(message.values.add(), depth + 1)


# ---- bytes that are not as a library writes them ----


def read_varint(data, at):
    """Number and place behind; null: there is none."""
    number = shift = 0
    while at < len(data) and shift < 70:
        number |= (data[at] & 0x7f) << shift
        shift += 7
        at += 1
        if data[at - 1] < 0x80:
            return number, at
    return None


def split(data):
    """The fields: (number, wire type, value as bytes, without a length); null: these bytes are no fields."""
    fields, at = [], 0
    while at < len(data):
        key = read_varint(data, at)
        if not key or key[0] & 7 in (6, 7) or key[0] >> 3 == 0:
            return None
        wire, start = key[0] & 7, key[1]
        if wire in (0, 2):
            number = read_varint(data, start)
            if not number:
                return None
            start, end = (start, number[1]) if wire == 0 else (number[1], number[1] + number[0])
        else:
            end = start + {1: 8, 5: 4}.get(wire, 0)
        if end > len(data):
            return None
        fields.append((key[0] >> 3, wire, data[start:end]))
        at = end
    return fields


def join(fields):
    return b"".join(counted(number, value) if wire == 2 else record(number, wire, value)
                    for number, wire, value in fields)


ENDINGS = [
    "00", "06", "07", "0000", "0b", "0c", "0b0c", "0b14", "0b08",  # no field, no wire type, groups
    "808080801000", "f8ffffff0f00", "f8ffffff1f00", "f8ffffffff0100", "888080800001", "88808080800001",  # keys
    "08ffffffffffffffffff01", "08ffffffffffffffffff02", "08ffffffffffffffffff7f", "0880808080808080808080" + "00",
    "c23effffffff0f", "c23effffffffffffffffff01", "ff" * 11,  # lengths
]


class Breaker:
    """Changes messages: most are then refused, others mean something else."""

    def __init__(self, seed, number):
        self.random = random.Random(f"{seed}/broken/{number}")

    def change(self, data):
        """How, and the bytes."""
        fields = split(data)
        if fields and self.random.random() < 0.5:
            inside = [place for place, (_, wire, value) in enumerate(fields) if wire == 2 and value]
            if inside:
                place = self.random.choice(inside)
                number, wire, value = fields[place]
                how, value = self.change(value)
                fields[place] = (number, wire, value)
                return how, join(fields)
        ways = self.OF_BYTES + (self.OF_FIELDS if fields else [])
        way = self.random.choice(ways)
        return way.__name__, way(self, fields if way in self.OF_FIELDS else data)

    def flipped(self, data):
        data = bytearray(data)
        for _ in range(self.random.choice([1, 1, 2, 5]) if data else 0):
            data[self.random.randrange(len(data))] ^= 1 << self.random.randrange(8)
        return bytes(data)

    def truncated(self, data):
        return data[:self.random.randint(0, len(data))]

    def inserted(self, data):
        at = self.random.randint(0, len(data))
        return data[:at] + self.random.randbytes(self.random.choice([1, 1, 2, 12])) + data[at:]

    def cut(self, data):
        at = self.random.randint(0, len(data))
        return data[:at] + data[at + self.random.randint(1, 4):]

    def appended(self, data):
        return data + bytes.fromhex(self.random.choice(ENDINGS))

    def longer_varints(self, fields):
        """Each number, key and length with more bytes than needed; ten are allowed, five for keys and lengths."""
        data = b""
        for number, wire, value in fields:
            key = varint(number << 3 | wire, self.longer())
            if wire == 0:
                value = varint(read_varint(value, 0)[0], self.longer())
            data += key + (varint(len(value), self.longer()) + value if wire == 2 else value)
        return data

    def longer(self):
        return self.random.choice([0, 0, 0, 0, 0, 0, 1, 2, 3, 4, 5, 8, 9])

    def other_wire(self, fields):
        place = self.random.randrange(len(fields))
        number, _, value = fields[place]
        wire = self.random.choice([0, 1, 2, 3, 4, 5, 6, 7])
        value = {0: varint(self.random.getrandbits(70)), 1: bytes(8), 5: bytes(4), 2: value}.get(wire, b"")
        return join(fields[:place] + [(number, wire, value)] + fields[place + 1:])

    def other_number(self, fields):
        place = self.random.randrange(len(fields))
        _, wire, value = fields[place]
        numbers = [0, 1, 2, 16, 81, 150, 3000, 19000, (1 << 29) - 1, 1 << 29, (1 << 32) - 1]
        number = self.random.choice(numbers + [self.random.randint(1, 150)])
        return join(fields[:place] + [(number, wire, value)] + fields[place + 1:])

    def shuffled(self, fields):
        return join(self.random.sample(fields, len(fields)))

    def doubled(self, fields):
        return join(fields + self.random.choices(fields, k=3))

    def without(self, fields):
        place = self.random.randrange(len(fields))
        return join(fields[:place] + fields[place + 1:])

    def in_group(self, fields):
        number = self.random.choice([98, 101, 102, 1, 17, 51, 52, 3000])
        end = number if self.random.random() < 0.8 else number + 1
        return record(number, 3, join(fields) + record(end, 4, b""))

    def nested(self, fields):
        """Around the depth that protobuf allows."""
        number, wire = self.random.choice([(17, 2), (17, 3), (57, 2), (87, 2), (3000, 3), (101, 3), (43, 2)])
        data = join(fields)
        for _ in range(self.random.choice([97, 98, 99, 100, 101, 102, 500])):
            data = counted(number, data) if wire == 2 else group(number, data)
        return data

    def not_utf8(self, fields):
        texts = [place for place, (_, wire, value) in enumerate(fields) if wire == 2]
        if not texts:
            return join(fields)
        place = self.random.choice(texts)
        number, wire, value = fields[place]
        bad = ["ff", "c080", "eda080", "f4908080", "e282", value.hex() + "c3"]
        value = bytes.fromhex(self.random.choice(bad))
        return join(fields[:place] + [(number, wire, value)] + fields[place + 1:])

    OF_BYTES = [flipped, truncated, inserted, cut, appended]
    OF_FIELDS = [longer_varints, other_wire, other_number, shuffled, doubled, without, in_group, nested, not_utf8]


# ---- ProtoJSON with other values than a message has ----

# Without those of which Python's library thinks otherwise than the others: " 1", "+1", "01", "-NaN" and "inf" are
# numbers to Python, "1.0" and "1e3" are none; booleans and any number are enums; "" and [] are messages; base64 may
# have strange characters; null may stand beside another member of its oneof, but not for a list of Value.
VALUES = [
    0, 1, -1, 1.0, -0.0, 1e3, 2147483647, "0", "1", "-1", "-0", "0x1", "NaN", "Infinity", "-Infinity", "nan",
    "true", "null", "RED", "red", "GREEN", "AA==", "AA", "AAA", "A", "-_-_", "+/+/", "1s", "315576000001s",
    "foo,barBaz", "foo_bar", [None], [1], ["a"],
    {}, {"a": 1}, {"a": None}, {"1": 1}, {"true": 1}, {"1": {}}, {"nope": 1},
]


def places(value):
    """(list or object, index or key) of everything inside."""
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [place for key, inside in pairs for place in [(value, key), *places(inside)]]


def change_json(types, seed, number, name, text):
    """The text with a value in the place of another, or with one more."""
    source = random.Random(f"{seed}/changed/{number}")
    message = json.loads(text)
    found = places(message)
    if found and source.random() < 0.7:
        target, key = source.choice(found)
    else:
        fields = types.classes[name].DESCRIPTOR.fields
        alone = [field for field in fields if not field.containing_oneof or len(field.containing_oneof.fields) == 1]
        field = source.choice([field for field in alone if field.type != Field.TYPE_GROUP])
        message.pop(field.json_name, None)
        target, key = message, source.choice([field.name, field.json_name, "nope"])
    target[key] = source.choice(VALUES)
    return json.dumps(message, ensure_ascii=source.random() < 0.5).encode()
