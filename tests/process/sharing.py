"""Several runs of pytest share the tests: each test runs in the process that reaches the test first.

run-process starts them with GEERPC_SHARED=FILE, where the number of the next test stands; all see the same tests in the
same order. The tests of a module with `pytestmark = pytest.mark.together` stay together, for what they share is dear.
"""
import fcntl
import itertools
import os

SHARED = os.environ.get("GEERPC_SHARED")


def pytest_configure(config):
    config.addinivalue_line("markers", "together: one run takes all of the module's tests (see sharing.py)")


def take_number():
    """0, 1, 2, ... over all runs."""
    with open(SHARED, "r+", encoding="ascii") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        number = int(file.read() or 0)
        file.seek(0)
        file.write(str(number + 1))
    return number


def units(items):
    """Lists of tests that one run takes as a whole; long lists first, so that none is left to the end."""

    def module_or_test(item):
        return item.module.__name__ if item.get_closest_marker("together") else item.nodeid

    return sorted((list(group) for _, group in itertools.groupby(items, module_or_test)), key=len, reverse=True)


def taken(items):
    """The tests of this run, each taken when the test before it is about to begin."""
    waiting = units(items)
    while (number := take_number()) < len(waiting):
        yield from waiting[number]


def pytest_runtestloop(session):
    """As pytest's own loop, except for the source of the next test."""
    if not SHARED or session.config.option.collectonly or session.testsfailed:
        return None
    tests = taken(session.items)
    test = next(tests, None)
    while test:
        following = next(tests, None)
        session.config.hook.pytest_runtest_protocol(item=test, nextitem=following)
        if session.shouldfail or session.shouldstop:
            raise session.Interrupted(session.shouldfail or session.shouldstop)
        test = following
    return True
