"""The installed library: what it exports and needs, the programs of docs/client.md as a reader would build and run
them, one of them on every wire, and a program whose server is killed."""
import os
import re
import shutil
import subprocess

import pytest

from conftest import ROOT, SANITIZED, TIMEOUT, eventually
from installing import WARNINGS, run

PAGE = (ROOT / "docs/client.md").read_text()
pytestmark = pytest.mark.together
LANGUAGES = [("gcc", "c"), ("clang-14", "c"), ("g++", "c++"), ("clang++-14", "c++")]


# ---- the library as a file ----

plain = pytest.mark.skipif(SANITIZED, reason="this library has a sanitizer inside")


@plain
def test_it_exports_its_interface_and_nothing_else(installation):
    library = installation.library / "libgeerpc.so"
    exported = {line.split()[-1] for line in run(["nm", "-D", "--defined-only", library]).splitlines()}
    assert {name for name in exported if not name.startswith("gee_")} == set()
    headers = list((installation.pkg_config.parents[1] / "include/geerpc").glob("*.h"))
    assert {path.name for path in headers} == {path.name for path in (ROOT / "src/client").glob("geerpc*.h")}
    declared = {name for path in headers for name in re.findall(r"GEE_EXPORT[^;(]*?\b(gee_\w+)\(", path.read_text())}
    assert len(declared) > 25
    assert declared - exported == set()


@plain
def test_it_needs_libc_and_little_else(installation):
    dynamic = run(["readelf", "-d", installation.library / "libgeerpc.so"])
    needed = {re.sub(r"\.so.*", "", name) for name in re.findall(r"NEEDED.*\[(.*)\]", dynamic)}
    assert "libc" in needed
    assert needed <= {"libc", "libm", "libsodium", "libllhttp"}


@plain
def test_a_program_that_is_linked_statically_with_it(installation, server, tmp_path):
    program = tmp_path / "hello"
    archive = [flag if flag != "-lgeerpc" else "-l:libgeerpc.a" for flag in installation.flags("--static")]
    run(["cc", *WARNINGS, sources(installation)["hello"], "-o", program, *archive])
    assert "libgeerpc" not in run(["readelf", "-d", program])
    assert installation.run(program, server.tcp) == "56\n"


@pytest.mark.parametrize("compiler, language", LANGUAGES)
def test_a_program_without_warnings(installation, compiler, language):
    if not shutil.which(compiler):
        pytest.skip(f"{compiler} is not installed")
    flags = [*WARNINGS, "-Wpedantic", *installation.flags()[:1]]
    run([compiler, "-x", language, *flags, "-fsyntax-only", sources(installation)["hello"]])


# Every macro of types, as one source of C and of C++.
TYPED = r"""
#include <geerpc.h>
#include <stdio.h>

typedef struct { int64_t a, b; } args_t;
GEE_STRUCT(args_t, "Args", GEE_INT64(args_t, a, "A", 1), GEE_INT64(args_t, b, "B", 2));

GEE_LIST_TYPE(args_t);
GEE_MAP_TYPE(double);
GEE_OPTIONAL_TYPE(args_t);
typedef GEE_LIST_OF(double) row_t;
GEE_LIST_TYPE_AS(row_t, double);
GEE_LIST_TYPE(row_t);
typedef struct {
    bool yes;
    int32_t small;
    uint32_t large;
    uint64_t huge;
    float narrow;
    double wide;
    gee_str_t text;
    gee_bytes_t bytes;
    args_t inner;
    GEE_LIST_OF(args_t) list;
    GEE_MAP_OF(double) map;
    GEE_OPTIONAL_OF(args_t) maybe;
    GEE_LIST_OF(row_t) matrix;
} all_t;
GEE_STRUCT(all_t, "All", GEE_BOOL(all_t, yes, "Yes", 1), GEE_INT32(all_t, small, "Small", 2),
           GEE_UINT32(all_t, large, "Large", 3), GEE_UINT64(all_t, huge, "Huge", 4),
           GEE_FLOAT(all_t, narrow, "Narrow", 5),
           GEE_DOUBLE(all_t, wide, "Wide", 6), GEE_STRING(all_t, text, "Text", 7), GEE_BYTES(all_t, bytes, "Bytes", 8),
           GEE_NESTED(all_t, inner, "Inner", 9, args_t), GEE_LIST(all_t, list, "List", 10, args_t, gee_list_of_args_t),
           GEE_MAP(all_t, map, "Map", 11, double, gee_map_of_double),
           GEE_OPTIONAL(all_t, maybe, "Maybe", 12, args_t, gee_optional_of_args_t),
           GEE_LIST(all_t, matrix, "Matrix", 13, row_t, gee_list_of_row_t));

typedef struct { bool yes; } unused_t;
GEE_STRUCT(unused_t, "Unused", GEE_BOOL(unused_t, yes, "Yes", 1));

int main(int argc, char **argv) {
    gee_error_t error;
    args_t args = { 7, 8 };
    int64_t product = 0;
    if (gee_type_check(GEE_TYPE_OF(all_t)) != NULL || GEE_STR("four").length != 4)
        return 1;
    gee_client_t *client = gee_dial(argv[argc - 1], NULL, &error);
    if (client == NULL || gee_client_call_typed(client, "Arith.Multiply", GEE_ARGUMENT(args_t, &args),
                                                GEE_REPLY(int64_t, &product), NULL, &error) != 0) {
        fprintf(stderr, "%s\n", error.text);
        return 2;
    }
    printf("%lld\n", (long long)product);
    gee_client_close(&client);
    return 0;
}
"""

@plain
@pytest.mark.parametrize("compiler, language", LANGUAGES)
def test_types_in_c_and_in_cpp(installation, server, compiler, language, tmp_path):
    if not shutil.which(compiler):
        pytest.skip(f"{compiler} is not installed")
    standard = {"c": "-std=c11", "c++": "-std=c++11"}[language]
    flags = [standard, *WARNINGS, "-Wpedantic", "-Wunused"]
    source, wrong = tmp_path / "typed.c", tmp_path / "wrong.c"
    source.write_text(TYPED)
    run([compiler, "-x", language, source, "-x", "none", "-o", tmp_path / "typed", *flags, *installation.flags()])
    assert installation.run(tmp_path / "typed", server.tcp) == "56\n"
    wrong.write_text(TYPED.replace("int32_t small;", "int64_t small;"))
    said = run([compiler, "-x", language, "-fsyntax-only", wrong, *flags, *installation.flags()[:1]], status=1)
    assert "small" in said


UNLOADED = r"""
#include <dirent.h>
#include <dlfcn.h>
#include <netdb.h>
#include <stdatomic.h>
#include <unistd.h>
#include "geerpc.h"

static atomic_bool entered, open_gate, left;

/* In the place of the C library's: a name server that takes its time. */
int getaddrinfo(const char *name, const char *service, const struct addrinfo *hints, struct addrinfo **result) {
    (void)name, (void)service, (void)hints, (void)result;
    atomic_store(&entered, true);
    while (!atomic_load(&open_gate))
        usleep(200);
    atomic_store(&left, true);
    return EAI_AGAIN;
}

static int threads(void) {
    int count = 0;
    DIR *folder = opendir("/proc/self/task");
    for (struct dirent *entry; folder != NULL && (entry = readdir(folder)) != NULL;)
        count += entry->d_name[0] != '.';
    closedir(folder);
    return count;
}

int main(int argc, char **argv) {
    void *library = dlopen(argv[argc - 1], RTLD_NOW);
    if (library == NULL)
        return 1;
    gee_client_t *(*dial)(const char *, const gee_dial_options_t *, gee_error_t *) =
        (gee_client_t * (*)(const char *, const gee_dial_options_t *, gee_error_t *))dlsym(library, "gee_dial");
    gee_dial_options_t options = { .size = sizeof(options), .connect_timeout_ns = 50000000 };
    if (dial == NULL || dial("tcp@slow.test:1", &options, NULL) != NULL || !atomic_load(&entered))
        return 2;
    dlclose(library);
    atomic_store(&open_gate, true);
    while (!atomic_load(&left) || threads() > 1) /* a thread goes back into the library; without its code this dies */
        usleep(200);
    return 0;
}
"""


@plain
def test_the_library_is_unloaded_while_a_name_is_looked_up(installation, tmp_path):
    source, program = tmp_path / "unloaded.c", tmp_path / "unloaded"
    source.write_text(UNLOADED)
    run(["cc", source, "-o", program, "-rdynamic", *installation.flags()[:1], "-ldl", "-pthread"])
    installation.run(program, installation.library / "libgeerpc.so")


# ---- the page ----


def sources(installation):
    """{name: path} of the page's programs, each unchanged."""
    found = dict(re.findall(r"^```c\n(?=/\* (\w+)\.c: )(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL))
    paths = {}
    for name, text in found.items():
        paths[name] = installation.programs / f"{name}.c"
        if not paths[name].exists():
            paths[name].write_text(text)
    return paths


def sessions():
    """(command, what it prints) of every `$ ` line of the page."""
    found = []
    for block in re.findall(r"^```\n(\$ .*?)^```$", PAGE, re.MULTILINE | re.DOTALL):
        for command, output in re.findall(r"^\$ (.*)\n((?:(?!\$ ).*\n)*)", block, re.MULTILINE):
            found.append((command, output))
    return found


RUNS = [(command, output) for command, output in sessions() if not command.startswith("cc ")]


def test_every_program_of_the_page_is_built_and_run(installation):
    names = set(sources(installation))
    assert len(names) >= 8
    assert {re.search(r"\./(\w+)", command)[1] for command, _ in RUNS} == names
    for command, output in sessions():
        if command.startswith("cc "):
            name = command.split()[1].removesuffix(".c")
            assert command == f"cc {name}.c -o {name} $(pkg-config --cflags --libs geerpc)"
            assert output == ""
            names.discard(name)
    assert names == set()


def environment_of(installation, command):
    """LeakSanitizer, in a process that was forked while there were threads, does not find the memory to which these
    refer: its warning ("False leaks are possible") is about the parent's memory."""
    environment = installation.environment()
    if "./child" in command:
        environment["ASAN_OPTIONS"] = environment.get("ASAN_OPTIONS", "") + ":detect_leaks=0"
    return environment


def alike(text):
    """Replaces times, which differ from run to run."""
    return re.sub(r"\(([0-9.]+|\d+ tries, [0-9.]+) ms\)", "(... ms)", text)


@pytest.mark.parametrize("command, output", RUNS, ids=[command.replace("./", "") for command, _ in RUNS])
def test_the_page_says_what_happens(installation, make_server, extended_build, command, output):
    """A server of the test, with the service Stream, takes the place of each server of the page; no process listens at
    port 1."""
    places = {"127.0.0.1:1": "127.0.0.1:1"}

    def place(match):
        if match[0] not in places:
            places[match[0]] = make_server(build=extended_build).start().tcp.removeprefix("tcp@")
        return places[match[0]]

    command, output = [re.sub(r"127\.0\.0\.1:\d+", place, text) for text in (command, output)]
    installation.build(sources(installation)[re.search(r"\./(\w+)", command)[1]])
    done = subprocess.run(
        ["sh", "-c", command],
        cwd=installation.programs,
        env=environment_of(installation, command),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=TIMEOUT,
        check=False,
    )
    assert alike(done.stdout) == alike(output)


# ---- one program, every wire ----

ARITH = "7 * 8 = 56\n7 / 8 = 0, rest 7\n7 * 0 = 0\ndivide: divide by zero\n"
WIRES = [(scheme, codec, "geerpc") for scheme in ("tcp", "unix", "http") for codec in ("json", "bin", "gob")]
WIRES += [(scheme, "gob", "netrpc") for scheme in ("tcp", "unix", "http")]
WIRES += [(scheme, "json", "jsonrpc") for scheme in ("tcp", "unix")]


@pytest.mark.parametrize("scheme, codec, protocol", WIRES)
def test_the_same_program_on_every_wire(installation, server, scheme, codec, protocol):
    address = server.unix if scheme == "unix" else server.tcp.replace("tcp@", f"{scheme}@")
    program = installation.build(sources(installation)["arith"])
    assert installation.run(program, address, codec, protocol) == ARITH


@pytest.mark.parametrize("scheme, codec, protocol", [wire for wire in WIRES if wire[1] != "bin"])
def test_the_same_program_and_a_go_server(installation, go_server, tmp_path_factory, scheme, codec, protocol):
    program = installation.build(sources(installation)["arith"])
    address = go_server(protocol, scheme, tmp_path_factory.mktemp("go"))
    assert installation.run(program, address, codec, protocol) == ARITH


# ---- a server that is killed ----


@pytest.mark.parametrize("codec", ["json", "bin", "gob"])
def test_a_worker_is_killed_in_mid_call(installation, one_worker, codec):
    """Every call ends once, with the place of its failure; a client of many servers finds the new worker."""
    server = one_worker.start()
    server.allow(r"was killed by signal 9 \(SIGKILL\)")
    program = installation.build(ROOT / "tests/process/outlive.c")
    process = subprocess.Popen(
        [str(program), server.tcp, codec],
        env=installation.environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        assert process.stdout.readline() == "calling\n"
        os.kill(server.worker_pids()[0], 9)
        said = process.communicate(timeout=TIMEOUT)[0]
    finally:
        process.kill()
        process.wait()
    lost = r"unavailable, wait: tcp@127\.0\.0\.1:\d+: wait: [^(]+ \([0-9.]+ ms\)"
    # The call in the main thread may have been about to end.
    lost_last = r"unavailable, (wait|send): tcp@127\.0\.0\.1:\d+: (wait|send): [^(]+ \([0-9.]+ ms\)"
    assert re.fullmatch(rf"awake: {lost_last}\n(asleep: once, {lost}\n){{8}}again: 56\n", said), said
    assert process.returncode == 0
    eventually(server.worker_pids, "a new worker")
