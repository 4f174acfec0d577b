"""A server of a few lines that speaks GeeRPC's JSON by hand, and closes on every other codec, for tests of geectl; and
geectl itself, run to its end.

    serve(answer)    a fixture of conftest: starts a server, which is stopped when the test has ended"""
import json
import os
import pathlib
import socket
import subprocess
import threading

from wire import free_port

BUILD = pathlib.Path(os.environ.get("GEERPC_BUILD", pathlib.Path(__file__).parents[2] / "build"))
GEECTL = BUILD / "geectl"


class ScriptedServer(threading.Thread):
    """Serves connections one after the other. `answer(header, body)` gives the reply's header fields and the body's
    JSON text; None: no reply. An EOFError closes the connection."""

    def __init__(self, answer, path=None):
        super().__init__(daemon=True)
        self.answer = answer
        if path:
            self.socket = socket.socket(socket.AF_UNIX)
            self.socket.bind(str(path))
            self.socket.listen()
            self.address = f"unix@{path}"
        else:
            self.socket = socket.create_server(("127.0.0.1", 0))
            self.address = "tcp@127.0.0.1:%d" % self.socket.getsockname()[1]
        self.first_bytes = b""  # the bytes of the first read: the part that Go's JSON decoder would see
        self.option, self.requests = None, []
        self.start()

    def run(self):
        while True:
            try:
                connection, _ = self.socket.accept()
            except OSError:
                return
            with connection:
                connection.settimeout(20)
                try:
                    self.serve(connection)
                except (OSError, EOFError):
                    pass

    def serve(self, connection):
        text = ""

        def next_value():
            nonlocal text
            decoder = json.JSONDecoder()
            while True:
                stripped = text.lstrip()
                try:
                    value, end = decoder.raw_decode(stripped)
                    if end < len(stripped) or isinstance(value, dict):
                        text = stripped[end:]
                        return value
                except json.JSONDecodeError:
                    pass
                received = connection.recv(65536)
                if not received:
                    raise EOFError
                self.first_bytes = self.first_bytes or received
                text += received.decode()

        self.option = next_value()
        if self.option["CodecType"] != "application/json":
            return
        while True:
            header, body = next_value(), next_value()
            self.requests.append((header, body))
            answer = self.answer(header, body)
            if answer is None:
                continue
            fields, reply = answer
            header = {"ServiceMethod": header["ServiceMethod"], "Seq": header["Seq"], "Error": "", **fields}
            connection.sendall((json.dumps(header) + "\n" + reply + "\n").encode())

    def stop(self):
        """May be called again."""
        if self.socket.fileno() < 0:
            return
        self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()
        self.join(20)


def product(header, body):
    return {}, str(body["A"] * body["B"])


def closed_port():
    return f"tcp@127.0.0.1:{free_port()}"


def check_sanitizers(text):
    for report in ("Sanitizer", "runtime error"):
        assert report not in text, text


def geectl(*arguments, stdin="", **options):
    done = subprocess.run(
        [GEECTL, *map(str, arguments)], input=stdin, capture_output=True, text=True, timeout=60, check=False, **options
    )
    check_sanitizers(done.stderr)
    return done
