"""What one caller does stays with that caller: honest ones on every wire share a gateway's connections with a hostile one."""
import pytest

from conftest import SANITIZED
from neighbours import Neighbourhood

REQUESTS = 500 if not SANITIZED else 125


@pytest.fixture
def street(make_server, extended_build, interop):
    with Neighbourhood(make_server(), make_server(build=extended_build), interop) as neighbourhood:
        yield neighbourhood


# What did harm once: (productions of tests/interop/go/evil.go, services that are called).
HARM = {
    "a decoder takes the next message for the content of a nil interface": ("nil-interfaces,values", "Net,Gob,CarelessGob"),
    "the body of an unknown method is the next header": ("typos,headers,ids", "CarelessGob,CarelessJson"),
    "a map says that it has 2^30 pairs": ("claims", "Net,CarelessGob"),
    "a list within a list within a list": ("nested", "Net,Rpc,CarelessGob,CarelessJson"),
    "a name comes back twice": ("names", "Net,Rpc"),
    "an error text is cut inside a character": ("texts", "Json,Bin,Gob"),
}


@pytest.mark.parametrize("harm", HARM)
def test_harm(street, harm):
    only, against = HARM[harm]
    street.check(street.run("-requests", REQUESTS, "-only", only, "-against", against, seed=1))
