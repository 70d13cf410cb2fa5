"""A real receiver of webhooks: checks signatures by the public algorithm, and keeps what it was sent."""

import base64
import hashlib
import hmac
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class ReceiverServer:
    """What came, in order: id, type and body of each, and the statuses to answer with (200 when there is none left)."""

    port: int = 0
    secret: str = ""
    came: list[tuple[str, Any]] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    bad: list[str] = field(default_factory=list)
    answers: list[int] = field(default_factory=list)
    slow: Callable[[], None] = lambda: None

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}/hooks/patchbay/"

    def types(self) -> list[str]:
        """The types of the messages, each id once."""
        return [body["type"] for body in dict(self.came).values()]


def verified(secret: str, headers: Any, body: bytes) -> bool:
    """As https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md has it."""
    key = base64.b64decode(secret.removeprefix("whsec_"))
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    expected = "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    return expected in headers["webhook-signature"].split(" ")


@contextmanager
def receiver_server() -> Iterator[ReceiverServer]:
    """Listens on a free port of this machine until the end."""
    state = ReceiverServer()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            state.slow()
            if state.secret and not verified(state.secret, self.headers, body):
                state.bad.append(str(self.headers))
            state.paths.append(self.path)
            state.came.append((self.headers.get("webhook-id", ""), json.loads(body)))
            self.send_response(state.answers.pop(0) if state.answers else 200)
            self.send_header("content-length", "5")
            self.end_headers()
            self.wfile.write(b"thank")

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    state.port = server.server_address[1]
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield state
    finally:
        server.shutdown()
        server.server_close()
