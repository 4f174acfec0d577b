"""protoc-gen-geerpc: its output compiles in C and C++, has the defaults and names of the .proto, and is what the tree
has of google's types; the services of tests/modules that come from .proto files; docs/protobuf.md as a reader would
follow it."""
import json
import os
import pathlib
import re
import shutil
import subprocess

import pytest
from google.protobuf import text_format
from google.protobuf.compiler import plugin_pb2

from conftest import BUILD, CONF, ROOT, SANITIZED, TIMEOUT
from installing import WARNINGS, run
from scripted import GEECTL

PLUGIN = BUILD / "protoc-gen-geerpc"
OWN = ROOT / "tests/protos"
MODULES = ROOT / "tests/modules"
PAGE = (ROOT / "docs/protobuf.md").read_text()
INCLUDES = [f"-I{ROOT / path}" for path in ("src", "src/client", "src/core/protobuf")]
plain = pytest.mark.skipif(SANITIZED, reason="this library has a sanitizer inside")


def generate(folder, *protos, roots=(OWN,), options="", status=0):
    """protoc --geerpc_out=FOLDER; what protoc says."""
    words = [f"--plugin=protoc-gen-geerpc={PLUGIN}", f"--geerpc_out={options}{folder}"]
    return run(["protoc", *words, *(f"-I{root}" for root in roots), *protos], status=status)


SETS = {
    "own": (OWN, ["everything/proto2.proto", "everything/proto3.proto", "everything/shared.proto"]),
    "protoc": ("/usr/include", ["google/protobuf/descriptor.proto", "google/protobuf/compiler/plugin.proto"]),
    "grpc": ("/usr/share/grpc-proto", [f"grpc/testing/{name}.proto" for name in ("empty", "messages", "test")]),
    "reflection": ("/usr/share/grpc-proto", ["grpc/reflection/v1/reflection.proto"]),
}
COMPILERS = [("gcc", "c", "c11"), ("clang-14", "c", "c11"), ("g++", "c++", "c++17")]


@pytest.mark.parametrize("name", SETS)
def test_the_output_compiles_without_warnings(tmp_path, name):
    root, protos = SETS[name]
    if not (pathlib.Path(root) / protos[0]).exists():
        pytest.skip(f"{root} is not installed")
    generate(tmp_path, *protos, roots=(root,))
    for proto in protos:
        source = tmp_path / proto.replace(".proto", ".gee.c")
        for compiler, language, standard in COMPILERS:
            if shutil.which(compiler):
                flags = [f"-std={standard}", *WARNINGS, "-pedantic", f"-I{tmp_path}", *INCLUDES]
                assert run([compiler, "-x", language, *flags, "-fsyntax-only", source]) == ""


def test_google_s_types_are_what_the_generator_makes(tmp_path):
    run([ROOT / "auto/well-known", tmp_path], env={**os.environ, "GENERATOR": str(PLUGIN)})
    made = {path.relative_to(tmp_path): path.read_text() for path in tmp_path.rglob("*.gee.*")}
    kept = ROOT / "src/core/protobuf"
    assert made == {path.relative_to(kept): path.read_text() for path in (kept / "google").rglob("*.gee.*")}


def test_comments_come_along_and_can_be_left_out(tmp_path):
    generate(tmp_path, "everything/proto3.proto")
    header = (tmp_path / "everything/proto3.gee.h").read_text()
    assert "    /* one\n     * and two lines */\n    bool a_bool;\n    /* behind */\n    int32_t an_int32;\n" in header
    assert "/* One and one. */\nvoid everything_three_Everything_on_One(" in header
    generate(tmp_path, "everything/proto3.proto", options="comments=off:")
    assert "two lines" not in (tmp_path / "everything/proto3.gee.h").read_text()


# ---- refusals ----


@pytest.mark.parametrize("source, complaint", [
    ('package a; message b_c {} message b { message c {} }', "x.proto: a.b.c and a.b_c are both a_b_c in C"),
    ('enum E { A = 0; } message E_A {}', "x.proto: E_A and E.A are both E_A in C"),
    ('message M {} service S { rpc A(M) returns (M); rpc A_go(M) returns (M); }',
     "x.proto: method S.A_go and method S.A are both S_A_go in C"),
    ('import "google/protobuf/empty.proto"; message google_protobuf_Empty {}',
     "x.proto: google_protobuf_Empty and google.protobuf.Empty are both google_protobuf_Empty in C"),
])
def test_names_that_would_be_the_same_in_c_are_refused(tmp_path, source, complaint):
    (tmp_path / "x.proto").write_text(f'syntax = "proto3"; {source}')
    assert complaint in generate(tmp_path, "x.proto", roots=(tmp_path,), status=1)
    assert not list(tmp_path.glob("*.gee.*"))


def test_an_unknown_option_is_refused(tmp_path):
    said = generate(tmp_path, "everything/shared.proto", options="speed=fast:", status=1)
    assert 'unknown option "speed=fast"' in said


def test_help_version_and_input_that_is_no_request():
    assert run([PLUGIN, "--help"]).startswith("usage: protoc --geerpc_out=DIRECTORY")
    assert re.fullmatch(r"protoc-gen-geerpc \d+\.\d+\.\d+\n", run([PLUGIN, "--version"]))
    assert "unknown argument" in run([PLUGIN, "x.proto"], status=2)
    assert "is not a request of protoc" in run([PLUGIN], status=1, stdin=None, input="\377rubbish")


ENTRY = 'nested_type { name: "N" options { map_entry: true } } field { name: "f" number: 1 label: LABEL_REPEATED '
REQUESTS = {  # what protoc would not ask for: a FileDescriptorProto in text, and the complaint
    "import": ("public_dependency: 1000000", "a public import is not among the imports"),
    "oneof": ('message_type { name: "M" field { name: "f" number: 1 type: TYPE_INT32 label: LABEL_OPTIONAL '
              "oneof_index: 2000000000 } }", "f: there is no such oneof"),
    "enum": ('syntax: "proto2" enum_type { name: "E" } message_type { name: "M" field { name: "f" number: 1 '
             'type: TYPE_ENUM type_name: ".E" label: LABEL_OPTIONAL } }', "an enum without values"),
    "map": (f'message_type {{ name: "M" {ENTRY} type: TYPE_MESSAGE type_name: ".M.N" }} }}', "not the entry of a map"),
    "type": (
        'service { name: "S" method { name: "T" input_type: ".Q" output_type: ".Q" } }',
        'no message or enum ".Q"'
    ),
    "name": ('message_type { name: "M { } evil; struct Q" }', "is not a name"),
    "default": ('message_type { name: "M" field { name: "f" number: 1 type: TYPE_INT32 label: LABEL_OPTIONAL '
                'default_value: "0; evil()" } }', "the default of field f is neither a number nor a name"),
}


@pytest.mark.parametrize("case", REQUESTS)
def test_requests_that_are_not_protoc_s_are_refused(case):
    file, complaint = REQUESTS[case]
    request = text_format.Parse(f'file_to_generate: "x.proto" proto_file {{ name: "x.proto" {file} }}',
                                plugin_pb2.CodeGeneratorRequest())
    words = {"capture_output": True, "timeout": TIMEOUT, "check": False}
    done = subprocess.run([PLUGIN], input=request.SerializeToString(), **words)
    assert (done.returncode, done.stderr) == (0, b"")
    response = plugin_pb2.CodeGeneratorResponse.FromString(done.stdout)
    assert complaint in response.error and not response.file


def test_the_name_of_a_file_cannot_end_a_comment(tmp_path):
    folder = tmp_path / "x*"
    folder.mkdir()
    (folder / "int evil;.proto").write_text('syntax = "proto3";')
    said = generate(tmp_path, "x*/int evil;.proto", roots=(tmp_path,), status=1)
    assert "cannot be the name of a file in C" in said


# ---- values ----

DEFAULTS = r"""
#include <assert.h>
#include <math.h>
#include "everything/proto2.gee.h"
#include "everything/proto3.gee.h"

int main(void) {
    everything_two_Legacy none = { 0 };
    assert(everything_two_Legacy_flag(&none));
    assert(everything_two_Legacy_small(&none) == INT32_MIN && everything_two_Legacy_large(&none) == INT64_MIN);
    assert(everything_two_Legacy_natural(&none) == UINT32_MAX);
    assert(everything_two_Legacy_large_natural(&none) == UINT64_MAX);
    assert(everything_two_Legacy_single(&none) == 1.5f && isinf(everything_two_Legacy_infinite(&none)));
    assert(everything_two_Legacy_minus(&none) < -1e300 && isnan(everything_two_Legacy_not_a_number(&none)));
    assert(gee_str_equal(everything_two_Legacy_greeting(&none), GEE_STR("say \"hi\"?" "?/\n\xe2\x82\xac")));
    assert(everything_two_Legacy_raw(&none).length == 6);
    assert(memcmp(everything_two_Legacy_raw(&none).data, "a\0\377\"\\\n", 6) == 0);
    assert(everything_two_Legacy_mood(&none) == everything_two_Mood_SAD);
    assert(everything_two_Legacy_glad(&none) == everything_two_Mood_GLAD);
    assert(everything_two_Legacy_zigzag(&none) == -7 && everything_two_Legacy_fixed(&none) == 0);
    uint64_t fixed = 9;
    none.fixed = &fixed;
    assert(everything_two_Legacy_fixed(&none) == 9);
    const gee_type_t *types[] = { GEE_TYPE_OF(everything_two_Legacy), GEE_TYPE_OF(everything_three_All),
                                  GEE_TYPE_OF(everything_three_Pong), GEE_TYPE_OF(everything_shared_OfMany) };
    for (size_t i = 0; i < sizeof(types) / sizeof(*types); i++)
        assert(gee_type_check(types[i]) == NULL);
    const gee_type_t *many = GEE_TYPE_OF(everything_shared_Many), *color = GEE_TYPE_OF(everything_three_All_Color);
    assert(gee_type_enum_by_name(many, GEE_STR("V41"))->number == 41);
    assert(gee_type_enum_by_name(many, GEE_STR("B65"))->number == -65);
    assert(strcmp(gee_type_enum_by_number(color, 1)->name, "GREEN") == 0);
    assert(gee_type_enum_by_name(color, GEE_STR("VERDE"))->number == 1);
    assert(gee_type_enum_by_name(color, GEE_STR("ULTRAVIOLET"))->number == INT32_MIN);
    return 0;
}
"""


@plain
def test_defaults_and_descriptions(tmp_path, installation):
    generate(tmp_path, *SETS["own"][1])
    (tmp_path / "defaults.c").write_text(DEFAULTS)
    sources = [tmp_path / "defaults.c", *tmp_path.rglob("*.gee.c")]
    run(["cc", "-std=c11", *sources, "-o", tmp_path / "defaults", f"-I{tmp_path}", *installation.flags(), "-lm"])
    assert installation.run(tmp_path / "defaults") == ""


@plain
def test_descriptions_are_those_of_the_same_files_at_run_time(tmp_path):
    generate(tmp_path, *SETS["own"][1])
    run(["protoc", f"-I{OWN}", "--include_imports", f"--descriptor_set_out={tmp_path / 'set'}", SETS["own"][1][1]])
    sources = [ROOT / "tests/interop/same_types.c", *tmp_path.rglob("*.gee.c"), BUILD / "libgeecore.a"]
    run(["gcc", f"-I{ROOT / 'src/core'}", *INCLUDES, f"-I{tmp_path}", *sources, "-o", tmp_path / "same"])
    assert run([tmp_path / "same", tmp_path / "set"]) == ""


def test_the_serialized_descriptor_is_protoc_s(tmp_path):
    generate(tmp_path, "everything/proto3.proto")
    source = (tmp_path / "everything/proto3.gee.c").read_text()
    array = re.search(r"bytes_of_gee_descriptor_of_everything_proto3\[\] = \{([\d, \n]*)\}", source)[1]
    run(["protoc", f"-I{OWN}", f"--descriptor_set_out={tmp_path / 'set'}", "everything/proto3.proto"])
    single = (tmp_path / "set").read_bytes()
    assert single.endswith(bytes(int(number) for number in array.split(",") if number.strip()))
    assert len(single) - len(array.split(",")) < 8  # the key and length in front


# ---- services ----


@pytest.fixture
def served(make_server, extended_build):
    server = make_server(build=extended_build)
    server.conf = CONF
    return server.start()


def geectl(*arguments, given=""):
    command = [GEECTL, *arguments]
    done = subprocess.run(command, input=given, capture_output=True, text=True, timeout=TIMEOUT, check=True)
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.mark.parametrize("codec", ["json", "bin", "proto", "protojson", "gob"])
def test_the_calculator(served, codec):
    words = "--codec", codec, served.tcp, "CalculatorService.Multiply"
    result = "Result" if codec == "gob" else "result"  # gob has Go's names
    assert geectl("call", *words, '{"a": 3, "b": 4}') == [{result: 12}]
    assert geectl("call", *words, '{"a": -2147483648, "b": 1}') == [{result: -2147483648}]


@pytest.mark.parametrize("source", ["Gee.Describe", "descriptors"])
def test_all_four_kinds_of_methods(served, tmp_path, source):
    options = ["--codec", "proto"]
    if source == "descriptors":
        proto = MODULES / "service_numbers/numbers.proto"
        run(["protoc", f"-I{proto.parent}", "--include_imports", f"--descriptor_set_out={tmp_path / 'set'}", proto])
        options += ["--descriptors", tmp_path / "set"]

    def call(method, given):
        said = geectl("call", *options, served.tcp, f"numbers.v1.Numbers.{method}", "-", given=given)
        return [(reply["value"], reply.get("note")) for reply in said]

    assert call("Square", '{"value": -7, "note": ""}') == [(49, "")]
    assert call("CountDown", '{"value": 3}') == [(3, None), (2, None), (1, None)]
    assert call("Sum", '{"value": 40} {"value": 2}') == [(42, None)]
    assert call("Double", '{"value": 4} {"value": -5}') == [(8, None), (-10, None), (0, "end")]


def test_types_that_the_server_describes_have_protojson_s_forms(served):
    """made_at, a Timestamp, is a text there."""
    words = served.tcp, "shop.Shop.Get", '{"name": "Ada"}'
    order = geectl("call", *words)
    assert order[0]["made_at"] == {"seconds": 1700000000, "nanos": 0}
    assert geectl("call", "--codec", "protojson", *words) == order


STREAMS = r"""
#include <stdio.h>
#include "numbers.gee.h"

static void print(const numbers_v1_Number *number) {
    gee_str_t note = numbers_v1_Number_note(number);
    printf("%lld%s %.*s\n", (long long)number->value, number->parity == numbers_v1_Parity_ODD ? " odd" : "",
           GEE_STR_ARGUMENTS(note));
}

static void print_all(gee_client_stream_t *stream, gee_error_t *error) {
    numbers_v1_Number number;
    gee_streamed_t streamed;
    while ((streamed = numbers_v1_Numbers_Double_receive(stream, &number, -1, error)) == GEE_STREAM_DONE)
        print(&number);
    if (streamed != GEE_STREAM_END)
        printf("%s\n", error->text);
    gee_client_stream_release(&stream);
}

int main(int argc, char **argv) {
    gee_error_t error;
    gee_dial_options_t dial = { .size = sizeof(dial), .codec = "proto" };
    gee_client_t *client = gee_dial(argv[argc - 1], &dial, &error);
    gee_server_t servers[] = { { .address = argv[argc - 1] } };
    gee_xclient_options_t spread = { .size = sizeof(spread), .dial = &dial };
    gee_xclient_t *xclient = gee_xclient_create(servers, 1, &spread, &error);
    if (client == NULL || xclient == NULL)
        return 1;
    gee_pool_t *pool = gee_pool_create(4096);
    gee_call_options_t options = { .size = sizeof(options), .pool = pool };
    gee_str_t text = GEE_STR("hello");
    numbers_v1_Number number = { .value = 5, .note = &text }, reply;
    if (numbers_v1_Numbers_Square(client, &number, &reply, &options, &error) != 0)
        return 2;
    print(&reply);
    if (numbers_v1_Numbers_Square_spread(xclient, &reply, &reply, &options, &error) != 0)
        return 3;
    print(&reply);
    gee_pending_t *pending = numbers_v1_Numbers_Square_go(client, &number, NULL, NULL, NULL, &error);
    if (pending == NULL || !gee_pending_wait(pending, -1) || numbers_v1_Numbers_Square_reply(pending) == NULL)
        return 4;
    print(numbers_v1_Numbers_Square_reply(pending));
    gee_pending_release(&pending);

    gee_client_stream_t *stream = numbers_v1_Numbers_CountDown_open(client, NULL, NULL, NULL, &error);
    number = (numbers_v1_Number){ .value = 2 };
    numbers_v1_Numbers_CountDown_send(stream, &number, -1, &error);
    gee_client_stream_finish(stream, &error);
    print_all(stream, &error);
    stream = numbers_v1_Numbers_Double_open_spread(xclient, NULL, NULL, NULL, &error);
    numbers_v1_Numbers_Double_send(stream, &number, -1, &error);
    if (numbers_v1_Numbers_Double_receive(stream, &reply, -1, &error) == GEE_STREAM_DONE)
        print(&reply);
    gee_client_stream_finish(stream, &error);
    print_all(stream, &error);

    google_protobuf_Empty nothing = { { NULL, 0 } };
    printf("%d\n", numbers_v1_Numbers_Nothing(client, &nothing, &nothing, NULL, &error));
    number.value = INT64_MAX;
    if (numbers_v1_Numbers_Square(client, &number, &reply, &options, &error) != 0)
        printf("%s\n", error.text);
    gee_client_close(&client);
    gee_xclient_close(&xclient);
    gee_pool_destroy(&pool);
    return 0;
}
"""


@plain
def test_typed_calls_of_all_kinds(served, tmp_path, installation):
    module = MODULES / "service_numbers"
    generate(tmp_path, "numbers.proto", "kinds.proto", roots=(module,))
    (tmp_path / "streams.c").write_text(STREAMS)
    sources = [tmp_path / "streams.c", *tmp_path.rglob("*.gee.c")]
    run(["cc", "-std=c11", *WARNINGS, *sources, "-o", tmp_path / "streams", *installation.flags()])
    expected = ["25 odd hello", "625 odd hello", "25 odd hello", "2 ", "1 odd ", "4 ", "0 end", "0", "too large"]
    assert installation.run(tmp_path / "streams", served.tcp).splitlines() == expected


# A client with an older .proto: note and parity are unknown to it.
OLDER = """syntax = "proto3"; package numbers.v1;
message Number { sint64 value = 1; }
service Numbers { rpc Square(Number) returns (Number); }
"""
UNKNOWN = r"""
#include <stdio.h>
#include "older.gee.h"

int main(int argc, char **argv) {
    gee_error_t error;
    gee_dial_options_t dial = { .size = sizeof(dial), .codec = "proto" };
    gee_client_t *client = gee_dial(argv[argc - 1], &dial, &error);
    gee_pool_t *pool = gee_pool_create(4096);
    gee_call_options_t options = { .size = sizeof(options), .pool = pool };
    static const uint8_t note[] = { 0x12, 1, 'x' };
    numbers_v1_Number number = { .value = 7, .unknown_fields = { note, sizeof(note) } }, kept, dropped;
    if (client == NULL || numbers_v1_Numbers_Square(client, &number, &kept, &options, &error) != 0 ||
        numbers_v1_Numbers_Square(client, &number, &dropped, NULL, &error) != 0)
        return 1;
    printf("%lld:", (long long)kept.value);
    for (size_t i = 0; i < kept.unknown_fields.length; i++)
        printf(" %02x", kept.unknown_fields.data[i]);
    printf("\n%lld: %zu\n", (long long)dropped.value, dropped.unknown_fields.length);
    gee_client_close(&client);
    gee_pool_destroy(&pool);
    return 0;
}
"""


@plain
def test_unknown_fields_go_there_and_back_and_need_a_pool(served, tmp_path, installation):
    (tmp_path / "older.proto").write_text(OLDER)
    (tmp_path / "unknown.c").write_text(UNKNOWN)
    generate(tmp_path, "older.proto", roots=(tmp_path,))
    sources = [tmp_path / "unknown.c", tmp_path / "older.gee.c"]
    run(["cc", "-std=c11", *WARNINGS, *sources, "-o", tmp_path / "unknown", *installation.flags()])
    assert installation.run(tmp_path / "unknown", served.tcp) == "49: 12 01 78 18 01\n49: 0\n"


# ---- the page ----


def blocks(language=""):
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("place, name", enumerate(["calculator", "shop"]))
def test_the_files_of_the_page_are_those_of_the_module(place, name):
    module = MODULES / f"service_{name}"
    assert blocks("protobuf")[place] == (module / f"{name}.proto").read_text()
    assert blocks("c")[2 * place] == (module / f"service_{name}.c").read_text()
    assert place or f"```\n{(module / 'modules.list').read_text()}```\n" in PAGE


@plain
def test_the_page_says_what_happens(served, tmp_path, installation):
    client = tmp_path / "client"
    client.mkdir()
    for name, proto, program in zip(["calculator", "shop"], blocks("protobuf"), blocks("c")[1::2]):
        (tmp_path / name).mkdir()
        (tmp_path / name / f"{name}.proto").write_text(proto)
        (client / re.search(r"(\w+\.c): ", program)[1]).write_text(program)
    environment = installation.environment()
    environment["PATH"] = f"{installation.pkg_config.parents[1] / 'bin'}:{environment['PATH']}"
    sessions = re.findall(r"^```\n(\$ .*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    assert len(sessions) == 3
    for command, output in re.findall(r"^\$ (.*)\n((?:(?!\$ ).*\n)*)", "".join(sessions), re.MULTILINE):
        command = command.replace("tcp@127.0.0.1:9999", served.tcp)
        assert run(["sh", "-c", command], env=environment, cwd=client) == output, command
