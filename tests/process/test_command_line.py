"""geerpc's options: output and exit status."""
import os
import re
import socket

import pytest

from conftest import CONF

MISTAKES = """workers = 2;
lisen = ( );
listen = (
  { address = "tcp@127.0.0.1:0"; backlgo = 5; },
  { address = "tpc@127.0.0.1:0"; },
  { address = "unix@run/geerpc.sock"; protocols = ( "geerp" ); }
);
services = ( { name = "Arit"; } );
shutdown_timeout = "5 parsecs";
"""


def test_every_mistake_is_reported_with_its_line(stopped):
    stopped.conf = MISTAKES
    lines = stopped.run("-t", status=1).stderr.splitlines()
    expected = [
        (2, 'unknown setting "lisen"', 'did you mean "listen"?'),
        (4, "backlgo", 'did you mean "backlog"?'),
        (5, 'no transport for "tpc@"', 'did you mean "tcp"?'),
        (6, 'no protocol "geerp"', 'did you mean "geerpc"?'),
        (8, 'no service "Arit"', 'did you mean "Arith"?'),
        (9, "shutdown_timeout", "duration"),
    ]
    for number, what, hint in expected:
        found = [line for line in lines if re.match(rf"\S*geerpc\.conf:{number}: ", line) and what in line]
        assert found and hint in found[0], (number, what, lines)
    assert len(lines) == len(expected)


@pytest.mark.parametrize(
    "text, said",
    [
        ("listen = ( { address = \"tcp@127.0.0.1:0\"; } )\nworkers = 12345678901;", ":2: "),
        ("listen = ( { address = ", ":1: "),
        ("workers = 2;", "there is no address to listen on"),
        ("listen = ( { mode = \"0660\"; } );", "address"),
        (
            'listen = ( { address = "tcp@127.0.0.1:7"; }, { address = "tcp@127.0.0.1:7"; } );',
            "stands in listen[0] already",
        ),
        ('listen = ( { address = "tcp@127.0.0.1"; } );', "listen[0].address"),
        (CONF + "workers = 3;", "workers"),
        (CONF + 'services = ( { name = "Foo"; }, { name = "Foo"; } );', "stands in services[0] already"),
    ],
)
def test_mistakes(stopped, text, said):
    stopped.write_conf(text)
    done = stopped.run("-t", status=1)
    assert said in done.stderr
    assert done.stdout == ""
    assert stopped.run(status=1).stderr == done.stderr  # a start reports the same


def test_missing_file(stopped):
    assert "conf/none.conf" in stopped.run("-t", "-c", "conf/none.conf", status=1).stderr


def test_a_relative_file_is_under_the_prefix_or_here(stopped, tmp_path):
    here = tmp_path / "here.conf"
    here.write_text("workers = 2;\n" + CONF)
    assert f"{here}:3: " in stopped.run("-t", "-c", "here.conf", status=1, cwd=tmp_path).stderr
    (stopped.root / "here.conf").write_text(CONF)
    assert f"{stopped.root}/here.conf is good" in stopped.run("-t", "-c", "here.conf", cwd=tmp_path).stdout


def test_good_file(stopped):
    assert f"{stopped.root}/conf/geerpc.conf is good" in stopped.run("-t").stdout


def test_dump_parses_to_the_same_again(stopped):
    stopped.conf += 'timeouts = { idle = "90s"; };'
    text = stopped.run("-T", "-g", 'limits = { message = "64k"; };').stdout
    assert re.search(r'idle = "(90s|1m30s)"', text)
    assert 'message = "64k"' in text
    (stopped.root / "dump").write_text(text)
    with open(stopped.root / "dump", encoding="utf-8") as file:
        stopped.run("-t", "-c", "/dev/stdin", stdin=file)
    with open(stopped.root / "dump", encoding="utf-8") as file:
        assert stopped.run("-T", "-c", "/dev/stdin", stdin=file).stdout == text


def test_the_shipped_files_are_good(stopped):
    from conftest import ROOT

    for path in [ROOT / "conf/geerpc.conf", *(ROOT / "conf/examples").iterdir()]:
        stopped.run("-t", "-c", path)


def test_settings_on_the_command_line(stopped):
    stopped.start("-g", "workers = 1;")
    assert ", 1 worker" in stopped.output
    assert len(stopped.worker_pids()) == 1


def test_a_mistake_on_the_command_line(stopped):
    assert "wokers" in stopped.run("-t", "-g", "wokers = 1;", status=1).stderr


def test_version(stopped):
    short = stopped.run("-v").stdout
    assert re.fullmatch(r"geerpc \d+\.\d+\.\d+\n", short)
    long = stopped.run("-V").stdout
    assert long.startswith(short)
    assert "compiler: " in long and "configured with: " in long
    assert re.search(r"^  codec +codec_json +JSON", long, re.MULTILINE)


@pytest.mark.parametrize("option", ["-h", "--help"])
def test_help(stopped, option):
    done = stopped.run(option)
    assert done.stdout.startswith("usage: geerpc ")
    assert done.stderr == ""


@pytest.mark.parametrize(
    "arguments, said",
    [
        (["--tset"], "tset"),
        (["-x"], "x"),
        (["-c"], "c"),
        (["start"], '"start" is not an option'),
        (["-s", "relaod"], 'did you mean "reload"?'),
        (["-t", "-s", "stop"], "only one of"),
    ],
)
def test_wrong_usage(stopped, arguments, said):
    done = stopped.run(*arguments, status=2)
    assert said in done.stderr
    assert done.stdout == ""


@pytest.mark.parametrize("command", ["stop", "quit", "reload", "reopen", "status"])
def test_no_server_is_running(stopped, command):
    done = stopped.ask(command, status=1)
    path = stopped.root / "run/geerpc.control"
    assert done.stderr == f"geerpc: no server is running ({path}: No such file or directory)\n"


def test_status(server):
    text = server.status()
    assert re.match(rf"geerpc \S+: pid {server.pid}, running, generation 1, up \S+\n", text)
    assert f"listening: {server.tcp}\n" in text
    assert len(re.findall(r"^worker \d: pid \d+, serving, .* connections 0, calls 0, in flight 0$", text, re.M)) == 2


def test_commands_work_when_the_file_is_broken(server):
    """The control socket is found nevertheless."""
    server.conf = "listen = ( { address ="
    assert "running" in server.status()
    server.ask("stop")
    assert server.wait_for_end() == 0


def test_unknown_commands_of_the_control_socket(server):
    for line, answer in ((b"dance\n", b"this server does not know that command\nfailed\n"), (b"x" * 1000, b"")):
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(20)
            client.connect(str(server.root / "run/geerpc.control"))
            client.sendall(line)
            received = b""
            try:
                while more := client.recv(1000):
                    received += more
            except ConnectionResetError:
                pass
            assert received == answer
    assert "running" in server.status()


def snapshot(root):
    return sorted((str(path), path.stat().st_ino) for path in root.rglob("*"))


def test_what_cannot_be_opened_is_found_and_named_with_its_line(stopped, server_elsewhere):
    """Directories, ports, sockets: all errors at once; and no files are left behind."""
    (stopped.root / "run/no.sock").write_text("a file")
    stopped.conf = f"""pid = "none/geerpc.pid/x";
control = "none/control/x";
error_log = {{ path = "none/where/error.log"; }};
listen = (
  {{ address = "{server_elsewhere}"; }},
  {{ address = "tcp@127.0.0.1:0"; }},
  {{ address = "unix@run/no.sock"; }},
  {{ address = "tcp@192.0.2.1:9999"; }}
);
access_log = {{ path = "none/other/access.log"; }};
"""
    before = snapshot(stopped.root)
    assert "is good\n" in stopped.run("-t").stdout
    lines = stopped.run("-t", "--open", status=1).stderr.splitlines()
    for number, said in (
        (1, "cannot open the pid file .*none/geerpc.pid/x: No such file or directory"),
        (2, "cannot open the control socket .*none/control/x: No such file or directory"),
        (3, "cannot open the log file .*none/where/error.log: No such file or directory"),
        (5, rf"cannot listen on {server_elsewhere}: Address already in use"),
        (7, "no.sock"),
        (8, "cannot listen on tcp@192.0.2.1:9999: Cannot assign requested address"),
        (10, "cannot open the log file .*none/other/access.log: No such file or directory"),
    ):
        assert [line for line in lines if re.match(rf"\S*geerpc\.conf:{number}: .*{said}", line)], (number, said, lines)
    assert snapshot(stopped.root) == before


@pytest.mark.skipif(os.geteuid() != 0, reason="only root changes the user of workers, or becomes somebody else")
def test_users_and_rights_are_tried(stopped):
    stopped.conf = CONF + 'user = "nobody-of-that-name";'
    assert re.match(r'\S*geerpc\.conf:7: .*nobody-of-that-name', stopped.run("-t", "--open", status=1).stderr)
    stopped.conf = CONF + 'pid = "run/geerpc.pid";\nerror_log = { path = "logs/error.log"; };'
    lines = stopped.run("-t", "--open", status=1, user="nobody").stderr
    for number, what in ((7, "pid file"), (8, "log file")):
        assert re.search(rf"geerpc\.conf:{number}: .*{what}.*: Permission denied$", lines, re.MULTILINE), lines


@pytest.fixture
def server_elsewhere():
    with socket.create_server(("127.0.0.1", 0)) as other:
        yield "tcp@127.0.0.1:%d" % other.getsockname()[1]


def test_what_can_be_opened_leaves_no_trace(stopped):
    stopped.conf += 'access_log = { path = "logs/access.log"; };'
    stopped.conf += 'registry = { path = "/r"; file = "run/registry/servers"; };'
    for name in ("run", "logs"):
        (stopped.root / name).rmdir()
    before = snapshot(stopped.root)
    assert stopped.run("-t", "--open").stdout.endswith("is good, and what it names can be opened\n")
    assert snapshot(stopped.root) == before


def test_what_a_running_server_has_is_left_to_it(server):
    """A running server is known by its control socket. No connection goes to another place, and a second server gets
    the error that its address is in use."""
    server.conf = server.conf.replace("tcp@127.0.0.1:0", server.tcp) + 'access_log = { path = "logs/access.log"; };'
    before = snapshot(server.root)
    with server.peer() as peer:
        for _ in range(5):
            done = server.run("-t", "--open")
            assert done.stdout.endswith("can be opened; what the running server has was left alone\n")
            assert peer.call("Foo.Sum", {"Num1": 1, "Num2": 2})[1] == 3
            for address in (server.tcp, server.unix):
                assert server.call("Foo.Sum", {"Num1": 1, "Num2": 2}, address) == ("", 3)
    assert snapshot(server.root) == before
    server.reload()
    other = server.run("-t", "--open", "-g", 'control = "run/other.control";', status=1).stderr
    assert f"already running, pid {server.pid}" in other
    assert f"cannot listen on {server.tcp}: Address already in use" in other


def test_open_goes_with_t(stopped):
    assert "--open goes with -t" in stopped.run("--open", status=2).stderr
