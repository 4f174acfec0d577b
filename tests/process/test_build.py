"""The build system: configure, make, install. All in a copy of the tree, so that the tree itself is left alone.

The copy is built once, without optimisation; a test configures it the way it wants, which compiles only what differs.
"""
import os
import pathlib
import re
import shutil
import subprocess

import pytest

from conftest import CONF
from sealing import make_sealed
from wire import OPTION_BIN, connect

ROOT = pathlib.Path(__file__).resolve().parents[2]
STRANGER = "tests/modules/service_stranger"
pytestmark = pytest.mark.together
TIMEOUT_SECONDS = 600


def clean_environment(**more):
    """The environment without what a make around us has put there."""
    ours = ("MAKE", "MFLAGS", "GNUMAKEFLAGS", "GEERPC_", "CC", "CFLAGS", "LDFLAGS")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    return {**kept, **more}


class Tree:
    def __init__(self, root):
        self.root = root

    def run(self, *command, status=0, **environment):
        """The command's output on both streams; the command must end with `status`."""
        done = subprocess.run(
            [str(word) for word in command],
            cwd=self.root,
            env=clean_environment(**environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=TIMEOUT_SECONDS,
            check=False,
        )
        assert done.returncode == status, done.stdout
        return done.stdout

    def configure(self, *arguments, **rest):
        return self.run("./configure", "--with-debug", *arguments, **rest)

    def make(self, *arguments, **rest):
        return self.run("make", "-j2", *arguments, **rest)

    def compiled(self, *arguments):
        """The sources that make would compile now."""
        return set(re.findall(r"^ +CC +(\S+)$", self.make(*arguments), re.MULTILINE))

    def files(self):
        return {
            path.relative_to(self.root)
            for path in self.root.rglob("*")
            if path.relative_to(self.root).parts[0] not in ("build", "Makefile")
        }

    def symbols(self, file, *arguments):
        return {line.split()[-1] for line in self.run("nm", *arguments, file).splitlines() if len(line.split()) > 1}

    def modules(self):
        """The names in the module table of geerpc -V."""
        table = self.run("build/geerpc", "-V").partition("modules:\n")[2]
        return {line.split()[1] for line in table.splitlines()}


def copy_tree(target):
    shutil.copytree(
        ROOT, target, ignore=shutil.ignore_patterns(".git", "build", "Makefile", "__pycache__", ".pytest_cache")
    )
    return Tree(target)


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    return copy_tree(tmp_path_factory.mktemp("build") / "tree")


@pytest.fixture(scope="module")
def unbuilt(tmp_path_factory):
    return copy_tree(tmp_path_factory.mktemp("configure") / "tree")


@pytest.fixture
def stand_ins(tmp_path):
    """A directory for programs that stand in for the system's: stand_ins(name, script) makes one."""
    directory = tmp_path / "bin"
    directory.mkdir()

    def add(name, script):
        path = directory / name
        path.write_text("#!/bin/sh\n" + script)
        path.chmod(0o755)
        return path

    add.path = f"{directory}:{os.environ['PATH']}"
    return add


# ---- modules ----


def test_every_module_of_the_list_is_in_the_server(tree):
    tree.configure()
    tree.make()
    listed = {
        line.split()[1]
        for line in (tree.root / "modules.list").read_text().splitlines()
        if line and not line.startswith("#") and line.split()[3] == "on"
    }
    assert tree.modules() == listed


def test_a_module_can_be_left_out_and_come_back(tree):
    tree.configure("--without-codec_bin")
    tree.make()
    assert "codec_bin" not in tree.modules()
    assert "codec_json" in tree.modules()
    assert "gee_codec_bin_module" not in tree.symbols("build/geerpc")
    assert "gee_codec_bin_module" not in tree.symbols("build/libgeerpc.a")
    tree.configure()
    tree.make()
    assert "codec_bin" in tree.modules()


def test_a_server_without_a_codec_refuses_it_with_a_word(tree, make_server):
    tree.configure("--without-codec_bin")
    tree.make()
    server = make_server(build=tree.root / "build").start()
    with connect(server.tcp) as peer:
        peer.sendall(OPTION_BIN)
        assert peer.recv(1) == b""
    assert server.wait_for_log(r"127\.0\.0\.1:\d+.*application/bin")
    assert server.call("Arith.Multiply", {"A": 7, "B": 8}) == ("", 56)


def test_a_list_of_clients_needs_the_filter_that_holds_them_to_it(tree, make_server):
    tree.configure("--without-filter_seal")
    tree.make()
    server = make_sealed(make_server(build=tree.root / "build"))
    assert "./configure --with-filter_seal" in server.run("-t", status=1).stderr


def test_a_module_from_elsewhere_in_the_tree(tree, make_server):
    tree.configure(f"--add-module={STRANGER}")
    tree.make()
    server = make_server(build=tree.root / "build")
    server.conf = CONF + 'services = ( { name = "Stranger"; } );\n'
    server.start()
    assert server.call("Stranger.Greet", {"Name": "Ada"}) == ("", "Hello, Ada")
    assert "service_stranger" in tree.modules()
    assert "a stranger's service" in tree.run("build/geerpc", "-V")
    assert "gee_service_stranger_module" not in tree.symbols("build/libgeerpc.a")


def test_a_module_from_outside_the_tree_that_is_a_folder(tree, tmp_path):
    folder = tmp_path / "service_visitor"
    folder.mkdir()
    (tmp_path / "modules.list").write_text("service service_visitor server on - says \"how do you do\"\n")
    source = (tree.root / STRANGER / "service_stranger.c").read_text()
    source = source.replace("service_stranger", "service_visitor").replace('"Stranger"', '"Visitor"')
    extra = '#if __has_include("extra.h")\n#include "extra.h"\n#endif\n'
    (folder / "visitor.c").write_text('#include "visitor.h"\n' + extra + source)
    for name in ("visitor.h", "extra.h"):
        (folder / name).write_text("/* nothing yet */\n")
    tree.configure(f"--add-module={tmp_path}", "--without-service_foo")
    tree.make()
    assert "service_visitor" in tree.modules()
    assert 'says "how do you do"' in tree.run("build/geerpc", "-V")
    assert tree.compiled() == set()
    (folder / "visitor.h").write_text("/* something */\n")
    assert tree.compiled() == {str(folder / "visitor.c")}
    (folder / "extra.h").unlink()
    assert tree.compiled() == {str(folder / "visitor.c")}


def test_the_proto_of_a_module_from_outside_is_compiled_anew_when_it_changes(tree, tmp_path):
    folder = tmp_path / "service_calculator"
    shutil.copytree(tree.root / "tests/modules/service_calculator", folder)
    (folder / "modules.list").rename(tmp_path / "modules.list")
    tree.configure(f"--add-module={tmp_path}")
    tree.make()
    assert "service_calculator" in tree.modules()
    assert tree.compiled() == set()
    proto, source = folder / "calculator.proto", folder / "service_calculator.c"
    proto.write_text(proto.read_text().replace("int32 result", "int64 product"))
    source.write_text(source.read_text().replace("reply->result = ", "reply->product = (int64_t)"))
    assert tree.compiled() == {str(source), f"build/proto/{folder}/calculator.gee.c"}
    proto.touch()
    assert f"PROTOC {proto}" in tree.make()
    (folder / "calculator.proto").write_text("nonsense")
    assert "calculator.proto:1:1: " in tree.make(status=2)


def test_a_header_that_would_be_taken_in_place_of_the_generated_one_is_refused(tree, tmp_path):
    module = tmp_path / "service_calculator"
    shutil.copytree(tree.root / "tests/modules/service_calculator", tmp_path, dirs_exist_ok=True)
    module.mkdir()
    (module / "more.c").write_text('#include "calculator.gee.h"\n')
    tree.configure(f"--add-module={tmp_path}")
    tree.make("build/geerpc")
    generated = (tree.root / f"build/proto/{tmp_path}/calculator.gee.h").read_text()
    proto = tmp_path / "calculator.proto"
    proto.write_text(proto.read_text().replace("int32 a = 1;", "int64 c = 3; int32 a = 1;"))
    for folder in (tmp_path, module):
        copy = folder / "calculator.gee.h"
        copy.write_text(generated)
        assert f"{copy}: sources beside this file include it in place of" in tree.make("build/geerpc", status=2)
        copy.unlink()
    assert str(tmp_path / "service_calculator.c") in tree.compiled("build/geerpc")


def test_a_module_that_needs_protoc_says_which_package_has_it(unbuilt, tmp_path):
    programs = tmp_path / "bin"
    programs.mkdir()
    for path in pathlib.Path("/usr/bin").iterdir():
        if path.name != "protoc":
            (programs / path.name).symlink_to(path)
    module = "--add-module=tests/modules/service_calculator"
    said = unbuilt.configure(module, status=1, PATH=str(programs))
    assert "module service_calculator needs protoc: install the Debian package protobuf-compiler" in said
    unbuilt.configure(module, "--without-service_calculator", PATH=str(programs))


def test_bad_lines_of_a_modules_list_are_named(unbuilt, tmp_path):
    file = tmp_path / "modules.list"
    cases = {
        "servise service_x server on - x": 'unknown kind "servise", did you mean service?',
        "service service_x lib on - x": 'unknown where "lib"',
        "service service_x server maybe - x": 'unknown default "maybe"',
        "service service_x server on sodum x": 'unknown needs "sodum", did you mean sodium?',
        "service service-x server on - x": '"service-x" is not a module\'s name',
        "service service_foo server on - x": 'there is a module "service_foo" already',
        "service service_x server on - x": "module service_x has no sources",
    }
    for line, message in cases.items():
        file.write_text("# the line below is wrong\n" + line + "\n")
        output = unbuilt.configure(f"--add-module={tmp_path}", status=1)
        assert message in output
        assert "no sources" in message or f"{file}:2:" in output


# ---- options ----


def test_help_lists_options_and_modules(unbuilt):
    text = unbuilt.run("./configure", "--help", f"--add-module={STRANGER}")
    for option in ("--prefix=", "--with-NAME", "--without-NAME", "--add-module=", "--with-debug", "--with-werror",
                   "--with-sanitize=", "--with-cc=", "--with-cc-opt=", "--with-ld-opt=", "--install-deps",
                   "--with-bench"):
        assert option in text
    assert re.search(r"codec_json +on +JSON", text)
    assert re.search(r"^ +registry +on +a registry of servers", text, re.MULTILINE)
    assert re.search(r"service_stranger +on +a stranger's service", text)


@pytest.mark.parametrize(
    "option, meant",
    [
        ("--with-debgu", "--with-debug"),
        ("--whit-debug", "--with-debug"),
        ("--prefx=/x", "--prefix="),
        ("--without-codec_bim", "--without-codec_bin"),
        ("--with-codecjson", "--with-codec_json"),
        ("--without-registri", "--without-registry"),
        ("--with-sanitise=thread", "--with-sanitize="),
    ],
)
def test_an_unknown_option_is_an_error_that_says_what_was_meant(unbuilt, option, meant):
    output = unbuilt.run("./configure", option, status=2)
    assert f"unknown option {option}" in output
    assert f"did you mean {meant}?" in output


def test_an_option_like_no_other_gets_no_guess(unbuilt):
    assert "did you mean" not in unbuilt.run("./configure", "--builddir=pot", "--teapot", status=2)
    assert not (unbuilt.root / "pot").exists()


def test_a_missing_library_is_named_with_its_debian_package(unbuilt, stand_ins):
    compiler = stand_ins("cc-without", 'case " $* " in *" -l$ABSENT "*) exit 1 ;; esac\nexec cc "$@"\n')
    hidden = {"PKG_CONFIG_LIBDIR": "/nonexistent", "PKG_CONFIG_PATH": ""}
    for library, package in (("config", "libconfig-dev"), ("cjson", "libcjson-dev"), ("sodium", "libsodium-dev")):
        output = unbuilt.configure(f"--with-cc={compiler}", status=1, ABSENT=library, **hidden)
        assert package in output
    assert "--without-seal_noise" in output


@pytest.mark.skipif(not os.path.exists("/usr/share/llhttp/llhttp.c"), reason="node-llhttp is not installed")
def test_llhttp_is_compiled_from_debians_sources(tree, tmp_path):
    (tmp_path / "modules.list").write_text("service service_stranger server on llhttp x\n")
    shutil.copy(tree.root / STRANGER / "service_stranger.c", tmp_path)
    tree.configure(f"--add-module={tmp_path}", "--builddir=build/llhttp")
    compiled = "build/llhttp/obj/llhttp/api.o"
    tree.make("-f", "build/llhttp/Makefile", compiled)
    assert "llhttp_execute" in tree.symbols(compiled)
    archive = tree.make("-n", "-f", "build/llhttp/Makefile", "build/llhttp/libgeecore.a")
    assert re.search(rf" qcs build/llhttp/libgeecore.a .*{compiled}", archive)


# ---- --install-deps ----


def apt_stand_ins(stand_ins, tmp_path, user, missing=()):
    """apt-get notes its arguments in the returned file; dpkg-query knows all packages but `missing`."""
    log = tmp_path / "apt.log"
    stand_ins("id", f"echo {user}\n")
    stand_ins("apt-get", f'echo "$*" >>{log}\n')
    stand_ins("dpkg-query", 'for last; do :; done\ncase " %s " in\n*" $last "*) exit 1 ;;\n*) echo installed ;;\nesac\n'
              % " ".join(missing))
    return log


def test_install_deps_with_everything_there_asks_for_nothing(unbuilt, stand_ins, tmp_path):
    log = apt_stand_ins(stand_ins, tmp_path, user=1000)
    unbuilt.configure("--install-deps", PATH=stand_ins.path)
    assert not log.exists()


def test_install_deps_as_an_ordinary_user_says_what_to_type(unbuilt, stand_ins, tmp_path):
    log = apt_stand_ins(stand_ins, tmp_path, user=1000, missing=("libconfig-dev", "libcmocka-dev"))
    output = unbuilt.configure("--install-deps", status=1, PATH=stand_ins.path)
    assert re.search(r"sudo apt-get install .*libconfig-dev libcmocka-dev$", output, re.MULTILINE)
    assert not log.exists()


def test_install_deps_as_root_installs_what_is_missing(unbuilt, stand_ins, tmp_path):
    log = apt_stand_ins(stand_ins, tmp_path, user=0, missing=("libcmocka-dev", "python3-pytest"))
    unbuilt.configure("--install-deps", PATH=stand_ins.path)
    update, install = log.read_text().splitlines()
    assert "update" in update
    assert re.search(r"install -y --no-install-recommends libcmocka-dev python3-pytest$", install)


def test_the_other_servers_of_make_bench_are_installed_when_asked_for(unbuilt, stand_ins, tmp_path):
    log = apt_stand_ins(stand_ins, tmp_path, user=0, missing=("libgrpc++-dev",))
    unbuilt.configure("--install-deps", PATH=stand_ins.path)
    assert not log.exists()
    unbuilt.configure("--install-deps", "--with-bench", PATH=stand_ins.path)
    assert "libgrpc++-dev" in log.read_text()


def test_who_installs_services_by_hand_is_told_how_to_stop_them(unbuilt, stand_ins, tmp_path):
    apt_stand_ins(stand_ins, tmp_path, user=1000, missing=("libnginx-mod-stream", "redis-server"))
    for name in os.listdir("/usr/bin"):  # but for redis-server
        if name != "redis-server" and not (tmp_path / "bin" / name).exists():
            (tmp_path / "bin" / name).symlink_to(f"/usr/bin/{name}")
    output = unbuilt.configure("--install-deps", "--with-bench", status=1, PATH=str(tmp_path / "bin"))
    assert "install --no-install-recommends redis-server libnginx-mod-stream" in output
    assert "sudo systemctl disable --now redis-server" in output


def test_the_makefile_does_not_install_again(unbuilt, stand_ins, tmp_path):
    apt_stand_ins(stand_ins, tmp_path, user=1000)
    unbuilt.configure("--install-deps", "--without-codec_bin", PATH=stand_ins.path)
    makefile = (unbuilt.root / "Makefile").read_text()
    assert "--install-deps" not in makefile
    assert "--without-codec_bin" in makefile


# ---- incremental builds ----


def test_nothing_changed_nothing_built(tree):
    tree.configure()
    tree.make()
    assert "Nothing to be done" in tree.make()
    tree.configure()  # the same again
    assert tree.compiled() == set()


def test_a_header_rebuilds_its_users_only(tree):
    tree.configure()
    tree.make()
    os.utime(tree.root / "src/core/conf/conf.h")
    compiled = tree.compiled()
    assert "src/core/conf/conf.c" in compiled
    assert "src/core/base/str.c" not in compiled
    assert not any(source.startswith("src/core/rpc/") for source in compiled)
    assert tree.compiled() == set()


def test_sources_that_come_and_go_need_no_configure(tree):
    tree.configure()
    tree.make()
    source = tree.root / "src/core/base/newcomer.c"
    source.write_text("int gee_newcomer(void);\nint gee_newcomer(void) {\n    return 1;\n}\n")
    try:
        assert tree.compiled() == {"src/core/base/newcomer.c"}
        assert "gee_newcomer" in tree.symbols("build/libgeecore.a")
    finally:
        source.unlink()
    tree.make()
    assert "gee_newcomer" not in tree.symbols("build/libgeecore.a")


def test_other_flags_rebuild_everything(tree):
    tree.configure()
    tree.make()
    objects = {path.name for path in (tree.root / "build/obj/src").rglob("*.o")}
    commands = tree.make("-n", "CFLAGS=-DOTHER")
    rebuilt = {os.path.basename(name) for name in re.findall(r" -c -o (\S+)", commands)}
    assert {name for name in objects if name.startswith(("str.", "conf.", "main."))} <= rebuilt
    assert len(rebuilt) >= len(objects) / 2


def test_a_changed_modules_list_configures_again(tree):
    tree.configure("--without-service_foo")
    tree.make()
    modules_list = tree.root / "modules.list"
    before = modules_list.read_text()
    modules_list.write_text(before.replace("example: Arith", "exemplar: Arith"))
    try:
        assert "configuring again" in tree.make()
        assert "exemplar: Arith" in tree.run("build/geerpc", "-V")
        assert "service_foo" not in tree.modules()
    finally:
        modules_list.write_text(before)


def test_a_lost_build_directory_comes_back(tree):
    tree.configure("--builddir=build/second")
    for name in ("gee_features.h", "modules.c"):
        (tree.root / "build/second" / name).unlink()
    tree.make("-f", "build/second/Makefile", "build/second/modules.c")
    assert (tree.root / "build/second/gee_features.h").exists()


# ---- the results of a build, and their places ----


def test_the_library_exports_only_its_own_names(tree):
    tree.configure()
    tree.make()
    exported = tree.symbols("build/libgeerpc.so.0", "-D", "--defined-only")
    assert exported
    assert {name for name in exported if not name.startswith("gee_")} == set()
    assert "gee_modules" not in exported
    assert "config_read" not in tree.symbols("build/libgeerpc.a")
    assert "libgeerpc.so.0" in tree.run("readelf", "-d", "build/libgeerpc.so")


def test_install_under_a_prefix_and_build_a_client(tree, tmp_path):
    prefix = tmp_path / "there"
    tree.configure(f"--prefix={prefix}")
    tree.make("install")
    for name in ("sbin/geerpc", "bin/geectl", "conf/geerpc.conf", "logs", "run", "include/geerpc/geerpc.h",
                 "share/man/man8/geerpc.8", "bin/protoc-gen-geerpc", "include/geerpc/google/protobuf/any.gee.h"):
        assert (prefix / name).exists(), name
    for name in (
        "lib/systemd/system/geerpc.service", "lib/systemd/system/geerpc.socket", "share/geerpc/logrotate/geerpc"
    ):
        text = (prefix / name).read_text()
        assert f"{prefix}/run" in text and "@prefix@" not in text, name
    (tmp_path / "client.c").write_text(
        '#include <geerpc.h>\n#include <stdio.h>\nint main(void) { return printf("%p\\n", (void *)gee_dial) < 0; }\n'
    )
    pkg_config = {"PKG_CONFIG_PATH": str(prefix / "lib/pkgconfig")}
    for kind in ([], ["--static"]):
        flags = tree.run("pkg-config", "--cflags", "--libs", *kind, "geerpc", **pkg_config).split()
        tree.run("cc", "-Wall", "-Wextra", "-Werror", tmp_path / "client.c", "-o", tmp_path / "client", *flags)
        tree.run(tmp_path / "client", LD_LIBRARY_PATH=str(prefix / "lib"))


def test_another_prefix_than_the_configured_one_is_refused(tree, tmp_path):
    """The server and geerpc.pc would look under the one, the files for systemd under the other."""
    tree.configure("--prefix=/opt/geerpc")
    said = tree.make("install", "prefix=/usr", f"DESTDIR={tmp_path}", status=2)
    assert "prefix=/usr: the programs are made for /opt/geerpc: ./configure --prefix=/usr" in said
    assert list(tmp_path.iterdir()) == []
    tree.make("same-prefix", "prefix=/opt/geerpc/")


def test_uninstall_leaves_the_configuration_alone(tree, tmp_path):
    tree.configure("--prefix=/opt/geerpc")
    destination = f"DESTDIR={tmp_path}"
    tree.make("install", destination)
    conf = tmp_path / "opt/geerpc/conf/geerpc.conf"
    conf.write_text("# mine\n")
    tree.make("install", destination)
    assert conf.read_text() == "# mine\n"
    assert (conf.parent / "geerpc.conf.default").exists()
    tree.make("uninstall", destination)
    assert [path for path in (tmp_path / "opt").rglob("*") if not path.is_dir()] == [conf]
    assert {path.name for path in (tmp_path / "opt/geerpc").iterdir()} == {"conf"}


def test_nothing_is_left_outside_build(tree):
    tree.configure()
    before = tree.files()
    tree.make()
    tree.make("check-layers")
    assert re.search(r"[1-9]\d* passed, 0 failed", tree.make("check-unit", "T=str_test"))
    assert tree.files() == before


def test_clean_keeps_the_configuration(tree):
    tree.configure("--builddir=build/second")
    (tree.root / "build/second/obj").mkdir()
    (tree.root / "build/second/libgeerpc.so.0").touch()
    tree.make("-f", "build/second/Makefile", "clean")
    left = {path.name for path in (tree.root / "build/second").iterdir()}
    assert left == {"Makefile", "gee_features.h", "modules.c", "modules_lib.c", "geerpc.pc"}


# ---- auto/check-lines, auto/check-layers ----


@pytest.mark.parametrize(
    "path", ["src/core/base/wrong.c", "tests/unit/wrong.h", "tests/process/wrong.py", "auto/wrong"]
)
def test_a_line_that_is_too_long_is_named(unbuilt, path):
    file = unbuilt.root / path
    try:
        file.write_text("é" * 120 + "\n" + "#" * 121 + "\n")
        assert unbuilt.run("auto/check-lines", status=1) == f"{path}:2: longer than 120 characters\n"
    finally:
        file.unlink()
    unbuilt.run("auto/check-lines")


@pytest.mark.parametrize(
    "path, line",
    [
        ("src/core/base/wrong.c", '#include "core/event/loop.h"'),
        ("src/core/rpc/wrong.c", '#include "core/conf/conf.h"'),
        ("src/core/rpc/wrong.c", '#include "core/gateway/upstream.h"'),
        ("src/core/type/wrong.c", '#include "core/rpc/codec.h"'),
        ("src/core/conf/wrong.c", "#include <libconfig.h>"),
        ("src/modules/wrong.c", '#include "core/rpc/call.h"'),
        ("src/client/wrong.c", '#include "core/conf/conf.h"'),
        ("src/tools/wrong.c", "#include <gee.h>"),
    ],
)
def test_an_include_that_points_up_is_named(unbuilt, path, line):
    file = unbuilt.root / path
    file.write_text(f"/* wrong */\n{line}\n")
    try:
        assert f"{path}:2:" in unbuilt.run("auto/check-layers", status=1)
    finally:
        file.unlink()
    unbuilt.run("auto/check-layers")
