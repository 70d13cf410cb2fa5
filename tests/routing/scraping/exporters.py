"""An exporter on a real socket, which says what a test wants, in the manner that it wants."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

EXPOSITIONS = Path(__file__).parent.parent / "telemetry" / "expositions"
Answer = Callable[[socket.socket], None]


def exposition(name: str) -> bytes:
    """The text of one version of an exporter."""
    return (EXPOSITIONS / f"{name}.txt").read_bytes()


def body(text: bytes | str, headers: str = "", length: int | None = None) -> Answer:
    """Answer 200 with this text; `length` is what Content-Length says."""
    given = text if isinstance(text, bytes) else text.encode()
    size = len(given) if length is None else length
    head = f"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: {size}\r\n{headers}\r\n"
    return lambda peer: peer.sendall(head.encode() + given)


class Exporter:
    """Listens until it is closed; `answer` may be changed at any time. Connections are kept, as exporters do."""

    def __init__(self, answer: Answer, port: int = 0) -> None:
        self.answer = answer
        self.asked, self.asked_at = 0, time.monotonic()
        self._peers: set[socket.socket] = set()
        self._listener = socket.create_server(("127.0.0.1", port))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def url(self) -> str:
        """Where its metrics are."""
        return f"http://127.0.0.1:{self.port}/metrics"

    def close(self) -> None:
        """Vanish: the port is closed, and so is every connection."""
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for peer in list(self._peers):
            with suppress(OSError):
                peer.shutdown(socket.SHUT_RDWR)

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                peer, _ = self._listener.accept()
                threading.Thread(target=self._serve, args=(peer,), daemon=True).start()

    def _serve(self, peer: socket.socket) -> None:
        self._peers.add(peer)
        with peer, suppress(OSError):
            request = b""
            while piece := peer.recv(65536):
                request += piece
                if request.endswith(b"\r\n\r\n"):
                    request, self.asked, self.asked_at = b"", self.asked + 1, time.monotonic()
                    self.answer(peer)
        self._peers.discard(peer)


@contextmanager
def exporting(answer: Answer, port: int = 0) -> Iterator[Exporter]:
    """An exporter for as long as the block runs."""
    exporter = Exporter(answer, port)
    try:
        yield exporter
    finally:
        with suppress(OSError):
            exporter.close()
