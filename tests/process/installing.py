"""The files of make install, below a directory that is not the prefix, and programs built with them."""
import os
import pathlib
import re
import subprocess

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("GEERPC_BUILD", ROOT / "build"))
SANITIZED = bool(os.environ.get("GEERPC_SANITIZE"))
TIMEOUT = 180 if not SANITIZED else 540
WARNINGS = ["-Wall", "-Wextra", "-Wconversion", "-Werror"]


def environment(**more):
    """The environment without the variables of a make around this test."""
    ours = ("MAKE", "MFLAGS", "GNUMAKEFLAGS", "CC", "CFLAGS", "LDFLAGS", "DESTDIR")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    return {**kept, **more}


def run(command, status=0, **options):
    """The program's output on both streams."""
    done = subprocess.run(
        [str(word) for word in command],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        **{"stdin": subprocess.DEVNULL, "timeout": TIMEOUT, "env": environment(), **options},
    )
    assert done.returncode == status, done.stdout
    return done.stdout


class Installation:
    """The files of make install, below a directory that is not the prefix, and programs built with them."""

    def __init__(self, root):
        self.root = root
        makefile = ROOT / "Makefile" if BUILD == ROOT / "build" else BUILD / "Makefile"
        # With the flags of the make around this test, or everything would be rebuilt while other tests run.
        flags = {name: os.environ[name] for name in ("CC", "CFLAGS", "LDFLAGS") if name in os.environ}
        run(["make", "-f", makefile, "install", f"DESTDIR={root}"], cwd=ROOT, timeout=900, env=environment(**flags))
        # Sanitizers of two compilers do not mix.
        self.compiler = re.search(r"^CC +:= (.*)$", makefile.read_text(), re.MULTILINE)[1] if SANITIZED else "cc"
        self.pkg_config = next(root.rglob("geerpc.pc")).parent
        self.library = self.pkg_config.parent
        self.programs = root / "programs"
        self.programs.mkdir()

    def environment(self):
        return environment(
            PKG_CONFIG_PATH=str(self.pkg_config),
            PKG_CONFIG_SYSROOT_DIR=str(self.root),
            LD_LIBRARY_PATH=str(self.library),
        )

    def flags(self, *kind):
        return run(["pkg-config", "--cflags", "--libs", *kind, "geerpc"], env=self.environment()).split()

    def build(self, source):
        """cc NAME.c -o NAME $(pkg-config --cflags --libs geerpc), with the warnings of careful people. The path of
        it."""
        program = self.programs / pathlib.Path(source).stem
        if not program.exists():
            sanitize = [f"-fsanitize={os.environ['GEERPC_SANITIZE']}", "-g"] if SANITIZED else []
            run([self.compiler, *WARNINGS, source, "-o", program, *sanitize, *self.flags()])
        return program

    def run(self, program, *arguments, **options):
        return run([program, *arguments], env=self.environment(), cwd=self.programs, **options)
