"""Loopback ports: free ones, busy ones, and which of them this data folder used before."""

import json
import os
import socket
from pathlib import Path

from controlplane.services.files import read_note, write_private

LOOPBACK = "127.0.0.1"


def free_port() -> int:
    """A loopback TCP port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        port: int = probe.getsockname()[1]
        return port


def is_free(port: int) -> bool:
    """Whether a server could listen on `port` now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
    return True


def listen(port: int, backlog: int = 4096) -> socket.socket:
    """A socket that listens on loopback, for processes that inherit it. Raises OSError if the port is taken."""
    listener = socket.socket()
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((LOOPBACK, port))
        listener.listen(backlog)
        listener.setblocking(False)
    except OSError:
        listener.close()
        raise
    return listener


def listen_at(path: Path, backlog: int = 1024) -> socket.socket:
    """A socket that listens at a path which only this user reaches, in place of what an earlier run left there."""
    path.parent.mkdir(mode=0o700, exist_ok=True)
    folder = path.parent.stat()
    if folder.st_uid != os.geteuid() or folder.st_mode & 0o077:
        raise PermissionError(f"{path.parent} is open to others; expected a folder of this user alone")
    path.unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX)
    try:
        listener.bind(str(path))
        path.chmod(0o600)
        listener.listen(backlog)
    except OSError:
        listener.close()
        raise
    return listener


def answers(where: int | Path, question: bytes = b"", expected: bytes = b"") -> bool:
    """Whether a server on a port, or at a path, answers `question` with bytes that start with `expected`."""
    try:
        with _connected(where) as connection:
            connection.sendall(question)
            return _first(connection, len(expected)) == expected
    except OSError:
        return False


def _connected(where: int | Path) -> socket.socket:
    if isinstance(where, int):
        return socket.create_connection((LOOPBACK, where), timeout=2)
    connection = socket.socket(socket.AF_UNIX)
    connection.settimeout(2)
    try:
        connection.connect(str(where))
    except OSError:
        connection.close()
        raise
    return connection


def _first(connection: socket.socket, size: int) -> bytes:
    """The first `size` bytes that the other side sends; fewer if it ends."""
    received = b""
    while len(received) < size and (part := connection.recv(size - len(received))):
        received += part
    return received


class Ports:
    """The ports of one data folder, the same ones in every run as long as nobody else has taken them."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.known = {name: port for name, port in read_note(file).items() if port in range(1, 65536)}

    def take(self, name: str, wanted: int | None = None) -> int:
        """The port of `name`: last run's, else `wanted`, else any free one."""
        others = {port for known, port in self.known.items() if known != name}
        for port in (self.known.get(name), wanted):
            if port and port not in others and is_free(port):
                break
        else:
            port = free_port()
        self.known[name] = port
        write_private(self.file, json.dumps(self.known))
        return port
