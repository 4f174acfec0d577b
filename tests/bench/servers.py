"""The servers that are measured: geerpc, the floor, and the peers that are installed."""
import base64
import dataclasses
import os
import pathlib
import re
import subprocess

from go_programs import build_go
from processes import LOAD_CPU, SERVER_CPU, NotStarted, find_program, free_port, wait_for_port, wait_for_processes

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("GEERPC_BUILD", ROOT / "build"))


class NotInstalled(Exception):
    """A peer that this machine does not have: what is missing."""


@dataclasses.dataclass(frozen=True)
class Server:
    port: int
    pids: tuple  # whose CPU counts
    host: str = "127.0.0.1"
    key: str = ""  # public, in hexadecimal: it is spoken to sealed
    allocations: str = ""  # the counter of malloc_count.c

    @property
    def place(self):
        return self.host, self.port


def served(port, process, processes=1, **more):
    """processes: how many of them there must be before it is ready."""
    return Server(port, tuple(wait_for_processes(process, processes)), **more)


def run_make(target):
    """Programs that only some rows need are built when a row asks for them."""
    makefile = BUILD / "Makefile" if (BUILD / "Makefile").exists() else ROOT / "Makefile"
    of_make = ("MAKE", "MFLAGS", "GNUMAKE")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(of_make)}
    done = subprocess.run(["make", "--no-print-directory", "-f", makefile, target], cwd=ROOT, env=environment,
                          stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, check=False)
    if done.returncode != 0:
        raise NotStarted(f"make {target} failed, which this needs")


def start_floor(house):
    process = house.start("floor", [BUILD / "bench/floor"])
    return served(int(house.first_line("floor", process)), process)


# ---- geerpc ----


def make_key(path):
    """The public key in hexadecimal, of a secret one that is written; nothing where no seal is compiled in."""
    done = subprocess.run([BUILD / "geectl", "keygen", path], check=False, capture_output=True, text=True)
    return base64.b64decode(done.stdout.strip()[len("gee-pub:"):]).hex() if done.returncode == 0 else ""


def build_sweep_server():
    """The build directory of a geerpc with the services of the sweeps."""
    run_make("bench-server")
    return BUILD / "bench/server"


def build_stream_server():
    """The build directory of a geerpc with the services of tests/modules."""
    run_make("bench-streams")
    return BUILD / "tests/extended"


def start_geerpc(house, name="geerpc", settings="", processor=SERVER_CPU, build=BUILD, count=False, seal=True,
                 under=()):
    """Two servers in one: in the clear, and sealed (None without a seal). count: allocations. under: a command that
    runs it."""
    root = house.directory(name)
    for directory in ("conf", "run", "logs"):
        (root / directory).mkdir()
    if build == BUILD and "services =" not in settings:
        settings += 'services = ( { name = "Arith"; } );\n'
    key = make_key(root / "key") if seal else ""
    sealed = ', { address = "tcp@127.0.0.2:0"; seal = { key = "key"; anonymous = true; }; }' if key else ""
    (root / "conf/geerpc.conf").write_text(
        f'workers = 1;\nlisten = ( {{ address = "tcp@127.0.0.1:0"; }}{sealed} );\n{settings}')
    environment, counter = dict(os.environ), ""
    if count:
        counter = root / "allocations"
        counter.write_bytes(bytes(8))
        environment.update(LD_PRELOAD=str(BUILD / "bench/malloc_count.so"), MALLOC_COUNT=str(counter))
    process = house.start(name, [*under, build / "geerpc", "-F", "-p", root], processor, env=environment)
    ports = [int(port) for port in re.findall(r"tcp@[0-9.]+:(\d+)", house.first_line(name, process))]
    more = {"allocations": str(counter)}
    return served(ports[0], process, **more), (
        served(ports[1], process, host="127.0.0.2", key=key, **more) if key else None)


def start_backend(house, **options):
    return start_geerpc(house, "backend", processor=LOAD_CPU, **options)[0]


def start_gateway(house, backend, **options):
    return start_geerpc(house, "gateway", f"""
upstreams = ( {{ name = "backend"; codec = "bin"; in_flight = 0;
  servers = ( {{ address = "tcp@127.0.0.1:{backend.port}"; }} ); }} );
services = ( {{ name = "Arith"; upstream = "backend"; }}, {{ name = "Stream"; upstream = "backend"; }} );
""", **options)[0]


# ---- peers ----


def need(program, package):
    path = find_program(program)
    if path is None:
        raise NotInstalled(package)
    return path


def start_go(house, protocol):
    need("go", "golang-go")
    program = build_go("tests/interop/go", "interop", BUILD)
    process = house.start(f"go-{protocol}", [program, "server", "-protocol", protocol, "-address", "tcp@127.0.0.1:0"],
                          env={**os.environ, "GOMAXPROCS": "1"})
    return served(int(house.first_line(f"go-{protocol}", process).rsplit(":", 1)[1]), process)


def start_redis(house):
    port, program = free_port(), need("redis-server", "redis-server")
    process = house.start("redis", [program, "--port", port, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no",
                                    "--dir", house.directory("redis")], stdout=subprocess.DEVNULL)
    wait_for_port(port, process, house.log("redis"))
    return served(port, process)


NGINX = """
daemon off; worker_processes 1; pid {root}/pid; error_log stderr;
events {{ worker_connections 4096; multi_accept on; }}
"""
NGINX_HTTP = """
http {{ access_log off; keepalive_requests 1000000000;
{temporary}
server {{ listen 127.0.0.1:{port} backlog=1024; location / {{ return 200 "56"; }} }} }}
"""
NGINX_STREAM = """
stream {{ server {{ listen 127.0.0.1:{port} backlog=1024; proxy_pass 127.0.0.1:{backend}; tcp_nodelay on; }} }}
"""
NGINX_TEMPORARY = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")


def start_nginx(house, backend=None):
    """return 200, or with a backend the forwarding of TCP."""
    name, port, program = "nginx-stream" if backend else "nginx", free_port(), need("nginx", "nginx")
    root = house.directory(name)
    text = NGINX.format(root=root)
    if backend:
        module = pathlib.Path("/usr/lib/nginx/modules/ngx_stream_module.so")
        if module.exists():
            text = f"load_module {module};\n{text}"
        text += NGINX_STREAM.format(port=port, backend=backend.port)
    else:
        temporary = "\n".join(f"{kind}_temp_path {root}/{kind};" for kind in NGINX_TEMPORARY)
        text += NGINX_HTTP.format(temporary=temporary, port=port)
    (root / "nginx.conf").write_text(text)
    process = house.start(name, [program, "-p", root, "-e", "stderr", "-c", root / "nginx.conf"],
                          stdout=subprocess.DEVNULL)
    try:
        wait_for_port(port, process, house.log(name))
    except NotStarted as failure:
        if backend and 'unknown directive "stream"' in str(failure):
            raise NotInstalled("libnginx-mod-stream") from None
        raise
    return served(port, process, processes=2)


HAPROXY = """
global
    nbthread 1
    maxconn 4096
defaults
    mode tcp
    timeout connect 5s
    timeout client 1h
    timeout server 1h
listen bench
    bind 127.0.0.1:{port}
    server backend 127.0.0.1:{backend}
"""


def start_haproxy(house, backend):
    port, program = free_port(), need("haproxy", "haproxy")
    path = house.root / "haproxy.cfg"
    path.write_text(HAPROXY.format(port=port, backend=backend.port))
    process = house.start("haproxy", [program, "-db", "-f", path], stdout=subprocess.DEVNULL)
    wait_for_port(port, process, house.log("haproxy"))
    return served(port, process)


def start_grpc(house):
    run_make("bench-peers")
    program = BUILD / "bench/grpc_server"
    if not program.exists():
        raise NotInstalled("libgrpc++-dev, protobuf-compiler-grpc")
    need("h2load", "nghttp2-client")
    process = house.start("grpc", [program])
    return served(int(house.first_line("grpc", process)), process)
