"""Foreign web pages in the browser of somebody who can reach the server: by a name that resolves to the server, or
across origins. And the pages that a sealed client may read."""
import http.client

import pytest

from conftest import TIMEOUT
from noise import Sealed, public_in
from registering import PATH, registry_conf, servers
from sealing import make_sealed

PAGE = "/debug/geerpc"
ATTACKER = "tcp@198.51.100.66:9999"


@pytest.fixture
def registry(make_server):
    server = make_server()
    if "protocol_http" not in server.run("-V").stdout:
        pytest.skip("this build has no protocol_http")
    server.conf = registry_conf()
    return server.start()


def ask(server, method, path, host, **headers):
    """(status, body), with the port that the browser would add in place of PORT."""
    place, port = server.tcp.split("@")[1].rsplit(":", 1)
    connection = http.client.HTTPConnection(place, int(port), timeout=TIMEOUT)
    connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
    for name, value in {"Host": host, **headers}.items():
        connection.putheader(name.replace("_", "-"), value.replace("PORT", port))
    connection.endheaders()
    response = connection.getresponse()
    answer = response.status, response.read().decode()
    connection.close()
    return answer


@pytest.mark.parametrize("path", [PAGE, "/debug/rpc", PATH, "/nothing"])
def test_a_name_that_was_made_to_point_here(registry, path):
    status, body = ask(registry, "GET", path, "evil.example:PORT")
    assert status == 421 and "http.hosts" in body and "Arith" not in body
    for host in ("127.0.0.1:PORT", "localhost:PORT", "[::1]:PORT", "203.0.113.9"):
        assert ask(registry, "GET", path, host)[0] == (404 if path == "/nothing" else 200)


def test_a_page_of_another_origin(registry):
    own = {"Origin": "http://127.0.0.1:PORT", "Sec_Fetch_Site": "same-origin"}
    assert ask(registry, "GET", PAGE, "127.0.0.1:PORT", **own)[0] == 200
    for foreign in ({"Origin": "http://evil.example"}, {"Sec_Fetch_Site": "cross-site"}, {"Origin": "null"}):
        assert ask(registry, "GET", PAGE, "127.0.0.1:PORT", **foreign)[0] == 403
        assert ask(registry, "OPTIONS", PATH, "127.0.0.1:PORT", **foreign)[0] == 403  # a preflight learns nothing


def test_nobody_registers_through_a_browser(registry):
    entry = {"X_Geerpc_Server": ATTACKER, "X_Geerpc_Weight": "65535", "X_Geerpc_Ttl": "24h"}
    rebound = {"Origin": "http://evil.example:PORT", "Sec_Fetch_Site": "same-origin"}
    for method in ("POST", "DELETE"):
        assert ask(registry, method, PATH, "evil.example:PORT", **entry, **rebound)[0] == 403
        assert ask(registry, method, PATH, "evil.example:PORT", **entry)[0] == 403
        assert ask(registry, method, PATH, "127.0.0.1:PORT", **entry, Origin="http://evil.example")[0] == 403
    assert servers(registry) == []
    assert ask(registry, "POST", PATH, "127.0.0.1:PORT", **entry)[0] == 200  # a program
    assert servers(registry) == [ATTACKER]


def test_names_that_are_listed(registry):
    assert ask(registry, "GET", PATH, "rpc.internal:PORT")[0] == 421
    registry.reload(registry.conf + 'http = { hosts = ( "rpc.internal" ); };\n')
    assert ask(registry, "GET", PATH, "RPC.internal:PORT")[0] == 200
    assert ask(registry, "GET", PATH, "evil.example:PORT")[0] == 421
    registry.conf = registry.conf.replace("rpc.internal", "rpc.internal:80")
    refused = registry.run("-t", status=1).stderr
    assert "http.hosts" in refused and "without port" in refused


def test_a_sealed_client_reads_what_it_may(stopped):
    """metering may call Arith and Foo.Sum; pages are forbidden until the client's line lists them."""
    server = make_sealed(stopped, more=f'registry = {{ path = "{PATH}"; }};').start()

    def status(client, path, method="GET", more=""):
        channel = Sealed(server.tcp, public_in(server.keys["server"]), server.keys.secret(client))
        channel.sendall(f"{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{more}\r\n".encode())
        text = b""
        while more := channel.recv():
            text += more
        channel.close()
        return int(text.split()[1])

    entry = f"X-Geerpc-Server: {ATTACKER}\r\n"
    assert status("billing", PAGE) == 200
    assert status("metering", PAGE) == status("metering", PATH) == 403
    assert status("metering", PATH, "POST", entry) == status("metering", PATH, "DELETE", entry) == 403
    server.keys.write_clients(f"{server.keys['metering']} metering services=Arith,{PAGE}")
    server.reload()
    assert status("metering", PAGE) == 200
    assert status("metering", "/debug/rpc") == status("metering", PATH, "POST", entry) == 403
