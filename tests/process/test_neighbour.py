"""One caller's actions affect no other caller: honest callers on every wire share a gateway's connections with a
hostile caller."""
import os
import time

import pytest

from conftest import SANITIZED
from neighbours import Neighbourhood

REQUESTS = 4000 if not SANITIZED else 1000
OF_ONE_KIND = 400 if not SANITIZED else 100


@pytest.fixture
def street(make_server, extended_build, interop):
    with Neighbourhood(make_server(), make_server(build=extended_build), interop) as neighbourhood:
        yield neighbourhood


def test_a_hostile_neighbour(street):
    """Other requests each time; the seed in a failure's text repeats them."""
    seed = int(os.environ.get("SEED") or time.time())
    street.check(street.run("-requests", REQUESTS, seed=seed))


# Kinds of requests that once did harm: (productions of tests/interop/go/evil.go, services that are called).
HARM = {
    "a decoder takes the next message for the content of a nil interface": (
        "nil-interfaces,values", "Net,Gob,CarelessGob"
    ),
    "the body of an unknown method is the next header": ("typos,headers,ids", "CarelessGob,CarelessJson"),
    "a map says that it has 2^30 pairs": ("claims", "Net,CarelessGob"),
    "a list within a list within a list": ("nested", "Net,Rpc,CarelessGob,CarelessJson"),
    "type definitions fill a connection": ("names", "Gob"),
    "a name comes back twice": ("names", "Net,Rpc"),
    "a request or its reply is too large": ("oversized", "Net,Rpc,Json,Bin,Gob"),
    "an error text is cut inside a character": ("texts", "Json,Bin,Gob"),
}


@pytest.mark.parametrize("harm", HARM)
def test_harm(street, harm):
    only, against = HARM[harm]
    street.check(street.run("-requests", OF_ONE_KIND, "-only", only, "-against", against, seed=1))
