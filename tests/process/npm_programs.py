"""Fetches what the programs for node that stand beside the tests need from npm, into the build directory."""
import os
import shutil

import pytest

from build_step import build_step
from conftest import PEERS, ROOT


def npm_program(folder, script):
    """The command. The packages of tests/interop/FOLDER are fetched once a build, at the versions of its
    package-lock.json; where the registry does not have them, the test is skipped."""
    source, home = ROOT / "tests/interop" / folder, PEERS / "npm" / folder
    assert shutil.which("npm"), "this test needs npm (Debian packages npm, nodejs): ./configure --install-deps"
    home.mkdir(parents=True, exist_ok=True)
    lock = (source / "package-lock.json").read_text()
    fetched = home / "fetched"
    if not fetched.exists() or fetched.read_text() != lock:
        for name in ("package.json", "package-lock.json"):
            shutil.copy(source / name, home)
        try:
            build_step(["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"], home, os.environ)
        except AssertionError as failure:
            if "E404" in str(failure):
                pytest.skip(f"npm's registry does not have the packages of tests/interop/{folder}")
            raise
        fetched.write_text(lock)
    shutil.copy(source / script, home)
    return ["node", home / script]
