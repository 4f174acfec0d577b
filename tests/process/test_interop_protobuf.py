"""Random messages of every kind of field between geerpc's codecs for protobuf and other implementations: google's for
Python, which makes the messages and compares, and @bufbuild/protobuf of npm. SEED=7 repeats a run; MESSAGES=100000: so
many each way."""
import functools
import os
import random
import struct
import subprocess

import pytest

from conftest import BUILD, ROOT, SANITIZED, TIMEOUT
from handover import FULL
from installing import run
from npm_programs import npm_program

pytest.importorskip("google.protobuf", reason="python3-protobuf is not installed: ./configure --install-deps")
import google.protobuf  # noqa: E402
from google.protobuf.internal import api_implementation  # noqa: E402

import protobuf_messages as messages  # noqa: E402

pytestmark = pytest.mark.together
TRANSLATE = BUILD / "tests/interop/protobuf/translate"
MESSAGES = int(os.environ.get("MESSAGES") or (100000 if FULL else 200 if SANITIZED else 600))
SEED = os.environ.get("SEED") or str(random.SystemRandom().randrange(1 << 32))
PIECE = 2000  # messages that a translator is asked at once


@pytest.fixture(scope="module", name="path")
def descriptor_set(tmp_path_factory):
    path = tmp_path_factory.mktemp("protobuf") / "kinds.set"
    roots = [ROOT / "tests/interop/protobuf", ROOT / "tests/protos"]
    run(["protoc", *(f"-I{root}" for root in roots), "--include_imports", f"--descriptor_set_out={path}",
         "kinds2.proto", "kinds3.proto", "everything/proto3.proto"])
    return path


@pytest.fixture(scope="module", name="types")
def types_of_set(path):
    return messages.Types(path)


@pytest.fixture(scope="module", name="own_types")
def types_without_groups_and_extensions(path):
    return messages.Types(path, own=True)


class Translator:
    """A program that reads messages in one form, and writes them in another (tests/interop/protobuf/translate.c)."""

    def __init__(self, *command):
        self.command = list(map(str, command))

    def ask(self, way, questions):
        """way: "bj": binary to JSON. Of each (name, bytes) the bytes, or a text that says why they are refused."""
        asked = b"".join(struct.pack("<I", len(name) + 3 + len(data)) + way.encode() + bytes([len(name)]) +
                         name.encode() + data for name, data in questions)
        done = subprocess.run(self.command, input=asked, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              timeout=10 * TIMEOUT, check=False)
        assert done.returncode == 0, f"seed {SEED}: {done.stderr.decode(errors='replace')}"
        answers, at = [], 0
        while at < len(done.stdout):
            length, = struct.unpack_from("<I", done.stdout, at)
            answer = done.stdout[at + 4:at + 4 + length]
            answers.append(answer[1:] if answer[:1] == b"+" else answer[1:].decode(errors="replace"))
            at += 4 + length
        assert len(answers) == len(questions)
        return answers


@pytest.fixture(scope="module", name="geerpc")
def translator(path):
    return Translator(TRANSLATE, path)


@pytest.fixture(scope="module", name="npm")
def translator_of_npm(path):
    return Translator(*npm_program("protobuf_js", "translate.mjs"), path)


def pieces():
    for first in range(0, MESSAGES, PIECE):
        yield range(first, min(first + PIECE, MESSAGES))


@functools.lru_cache(maxsize=2)
def make(types, piece, for_json=False):
    """(name, message, bytes) of each number."""
    made = [messages.Maker(types, SEED, number, for_json).message() for number in piece]
    return [(name, message, message.SerializeToString()) for name, message in made]


def explain(number, name, data, what):
    implementation = f"Python's protobuf {google.protobuf.__version__} ({api_implementation.Type()})"
    return f"SEED={SEED}, message {number}, {name}: {what}\n{data.hex()}\n{implementation}"


def test_binary_messages_come_back_equal(types, geerpc):
    """Unknown fields, groups and extensions, too."""
    for piece in pieces():
        made = make(types, piece)
        answers = geerpc.ask("bb", [(name, data) for name, _, data in made])
        for number, (name, message, data), got in zip(piece, made, answers):
            assert isinstance(got, bytes), explain(number, name, data, got)
            assert types.canonical(name, got) == messages.canonical(message), \
                explain(number, name, data, f"came back as {got.hex()}")


def test_what_is_refused_is_what_protobuf_refuses(types, own_types, geerpc):
    """Broken bytes: both take them, and as the same message, or neither does."""
    taken = refused = 0
    for piece in pieces():
        broken = [(name, *messages.Breaker(SEED, number).change(data))
                  for number, (name, _, data) in zip(piece, make(types, piece))]
        answers = geerpc.ask("bb", [(name, data) for name, _, data in broken])
        for number, (name, how, data), got in zip(piece, broken, answers):
            wanted = own_types.parse(name, data)
            if wanted is None:
                assert isinstance(got, str), explain(number, name, data, f"{how}: protobuf refuses this")
                refused += 1
                continue
            assert isinstance(got, bytes), explain(number, name, data, f"{how}: protobuf takes this; {got}")
            # Read once more: what is left of an unknown number of an enum depends on its form.
            assert own_types.canonical(name, got) == own_types.canonical(name, messages.canonical(wanted)), \
                explain(number, name, data, f"{how}: came back as {got.hex()}")
            taken += 1
    assert taken > MESSAGES / 5 and refused > MESSAGES / 5


def entry(inside):
    """Of the map alls_by_sfixed64: two messages deep."""
    return messages.counted(68, messages.counted(2, inside))


@pytest.mark.parametrize("wrap, most", [(functools.partial(messages.group, 3000), 100), (entry, 50)])
def test_messages_are_as_deep_as_protobuf_reads_them(types, geerpc, wrap, most):
    data = [("everything.three.All", b"")]
    for _ in range(most + 5):
        data.append((data[0][0], wrap(data[-1][1])))
    for depth, (question, got) in enumerate(zip(data, geerpc.ask("bb", data))):
        assert isinstance(got, bytes) == (types.parse(*question) is not None) == (depth <= most)


def test_json_both_ways(types, geerpc):
    """What we write of a message is read as the message that was meant, and what the oracle writes, too."""
    for piece in pieces():
        made = make(types, piece, for_json=True)
        stranger = messages.Maker(types, SEED, piece[0]).unknown([])  # unknown fields have no form in JSON
        written = geerpc.ask("bj", [(name, data + stranger) for name, _, data in made])
        texts = [types.to_json(name, data) for name, _, data in made]
        read = geerpc.ask("jb", [(name, text) for (name, _, _), text in zip(made, texts)])
        for number, (name, _, data), ours, text, got in zip(piece, made, written, texts, read):
            wanted = types.meaning(name, data)
            assert isinstance(ours, bytes) and types.meaning(name, types.from_json(name, ours)) == wanted, \
                explain(number, name, data, f"is {ours} in JSON")
            assert isinstance(got, bytes) and types.meaning(name, got) == wanted, \
                explain(number, name, text, f"{text} came back as {got}")


def test_json_is_taken_where_protobuf_takes_it(types, geerpc):
    """With the same meaning."""
    taken = 0
    for piece in pieces():
        texts = [(name, messages.change_json(types, SEED, number, name, types.to_json(name, data)))
                 for number, (name, _, data) in zip(piece, make(types, piece, for_json=True))]
        for number, (name, text), got in zip(piece, texts, geerpc.ask("jb", texts)):
            wanted = types.from_json(name, text)
            assert isinstance(got, str) == (wanted is None), explain(number, name, text, f"{text}: {got}")
            assert types.meaning(name, got) == types.meaning(name, wanted), \
                explain(number, name, text, f"{text}: {got}")
            taken += wanted is not None
    assert 0.05 < taken / MESSAGES < 0.95


def test_json_of_npm(types, geerpc, npm):
    """As above; what npm's library writes is compared with what that library reads of it: to it, -0 is 0."""
    for piece in pieces():
        made = make(types, piece, for_json=True)
        names = [name for name, _, _ in made]
        data = [(name, data) for name, _, data in made]
        read = npm.ask("jb", list(zip(names, geerpc.ask("bj", data))))
        texts = npm.ask("bj", data)
        pairs = zip(geerpc.ask("jb", list(zip(names, texts))), npm.ask("jb", list(zip(names, texts))))
        for number, (name, sent), got, text, (ours, theirs) in zip(piece, data, read, texts, pairs):
            assert types.meaning(name, got) == types.meaning(name, sent), \
                explain(number, name, sent, f"was read as {got}")
            assert types.meaning(name, ours) == types.meaning(name, theirs), \
                explain(number, name, sent, f"{text} came back as {ours}")


def test_binary_messages_of_npm(types, geerpc, npm):
    """What npm's library writes comes back equal, and that library reads what we write as what it was. The library does
    not keep everything, hence it is only compared with itself."""
    for piece in pieces():
        made = make(types, piece)
        names = [name for name, _, _ in made]
        written = npm.ask("bb", list(zip(names, [data for _, _, data in made])))
        assert all(isinstance(answer, bytes) for answer in written)
        back = geerpc.ask("bb", list(zip(names, written)))
        ours = geerpc.ask("bb", [(name, data) for name, _, data in made])
        read = npm.ask("bb", list(zip(names, ours)))
        for number, (name, _, data), *answers in zip(piece, made, written, back, read):
            first, second, third = [types.canonical(name, answer) for answer in answers]
            assert first is not None and first == second == third, explain(number, name, data, f"{answers}")
