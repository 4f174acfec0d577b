"""Socket activation as systemd does it, for tests: opens sockets and becomes the command with them.

    activate.py [NAME=]ADDRESS ... -- COMMAND ...     addresses as geerpc writes them; "udp@..." for a wrong kind
"""
import os
import socket
import sys


def open_socket(address):
    scheme, place = address.split("@", 1)
    if scheme == "unix":
        opened = socket.socket(socket.AF_UNIX)
        opened.bind(place)
    else:
        host, port = place.rsplit(":", 1)
        family = socket.AF_INET6 if host.startswith("[") else socket.AF_INET
        opened = socket.socket(family, socket.SOCK_DGRAM if scheme == "udp" else socket.SOCK_STREAM)
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            opened.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        opened.bind((host.strip("[]"), int(port)))
    if scheme != "udp":
        opened.listen(4096)
    return opened


def main():
    end = sys.argv.index("--")
    words = [word if "=" in word else "=" + word for word in sys.argv[1:end]]
    sockets = [open_socket(word.split("=", 1)[1]) for word in words]
    # The sockets move away first: their numbers may be numbers that they shall have.
    spare = [os.dup2(opened.fileno(), 100 + index) for index, opened in enumerate(sockets)]
    for index, descriptor in enumerate(spare):
        os.dup2(descriptor, 3 + index, inheritable=True)
        os.close(descriptor)
    os.environ["LISTEN_PID"] = str(os.getpid())
    os.environ["LISTEN_FDS"] = str(len(sockets))
    os.environ["LISTEN_FDNAMES"] = ":".join(word.split("=", 1)[0] for word in words)
    os.execv(sys.argv[end + 1], sys.argv[end + 1:])


main()
