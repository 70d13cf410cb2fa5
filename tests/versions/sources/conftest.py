"""Fixtures: a guarded client, an emulated hub on a real socket, a plain server of bytes, and a reader of manifests."""

import asyncio
import hashlib
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from registry.emulators.hub import EmulatedHub
from registry.emulators.server import ServedConnection, listen
from registry.transports.egress import Egress
from versions import scan
from versions.reading.interface import SourceDoor, SourcePlace
from versions.reading.web import Web

LOOPBACK = Egress(("127.0.0.0/8",))


@pytest.fixture
def web() -> Iterator[Web]:
    """A client that may reach loopback."""
    client = Web(LOOPBACK)
    yield client
    client.close()


@dataclass
class RunningHub:
    """An emulated hub at `url`."""

    url: str
    hub: EmulatedHub


@contextmanager
def hub_on_a_socket() -> Iterator[RunningHub]:
    """An emulated hub in a thread."""
    hub = EmulatedHub()
    ready: list[str] = []
    started, stop = threading.Event(), threading.Event()

    async def serve() -> None:
        server = await listen(lambda: ServedConnection(hub), "127.0.0.1", 0)
        async with server:
            ready.append(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")
            started.set()
            await asyncio.to_thread(stop.wait)

    thread = threading.Thread(target=lambda: asyncio.run(serve()), daemon=True)
    thread.start()
    assert started.wait(20)
    yield RunningHub(ready[0], hub)
    stop.set()
    thread.join(10)


@pytest.fixture
def running_hub() -> Iterator[RunningHub]:
    with hub_on_a_socket() as running:
        yield running


Reply = tuple[int, dict[str, str], bytes]


@dataclass
class PlainServer:
    """Answers what `answers` says for a path, or what `answer` makes of a request; keeps what was asked."""

    url: str
    answers: dict[str, Reply] = field(default_factory=dict)
    answer: Callable[[str, dict[str, str]], Reply | None] = lambda path, headers: None
    asked: list[tuple[str, dict[str, str]]] = field(default_factory=list)

    def document(self, path: str, value: object, **headers: str) -> None:
        """Serve `value` as JSON with an ETag."""
        body = json.dumps(value).encode()
        self.bytes(path, body, **headers)

    def bytes(self, path: str, body: bytes, **headers: str) -> None:
        """Serve `body` with an ETag."""
        self.answers[path] = (200, {"etag": f'"{hashlib.sha256(body).hexdigest()[:16]}"', **headers}, body)


@pytest.fixture
def plain_server() -> Iterator[PlainServer]:
    served = PlainServer("")

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            headers = {name.lower(): value for name, value in self.headers.items()}
            served.asked.append((self.path, headers))
            found = served.answer(self.path, headers) or served.answers.get(self.path.partition("?")[0])
            status, given, body = found or (404, {}, b"nothing here")
            if headers.get("if-none-match") and headers["if-none-match"] == given.get("etag"):
                status, body = 304, b""
            self.send_response(status)
            declared = {"content-length": str(len(body)), **given}
            for name, value in declared.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    served.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield served
    server.shutdown()
    server.server_close()


def manifest_of(door: SourceDoor, place: SourcePlace, web: Web) -> scan.ManifestReading:
    """Look and read, as a scan does."""
    sighting = door.look(place, web)
    assert sighting is not None
    reading = scan.ManifestReading()
    with door.opened(place, sighting, web) as opened:
        scan.read(opened, reading, lambda _: None)
    return reading


def lines(reading: scan.ManifestReading) -> dict[str, tuple[int, str]]:
    """Size and SHA-256 by path."""
    return {line.path: (line.size, line.sha256) for line in reading.lines}


def sha256(data: bytes) -> str:
    """Of test data."""
    return hashlib.sha256(data).hexdigest()
