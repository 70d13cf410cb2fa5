"""Test calls of specs that need not be saved: how much of an answer they take."""

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from controlplane.base import config
from controlplane.base.models import User
from registry.canon import FailureKind
from registry.detection import trying

Person = Callable[..., User]


class Talker(BaseHTTPRequestHandler):
    """Answers a chat call with as many bytes as the path says."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        message = {"role": "assistant", "content": "@"}
        head, tail = json.dumps({"choices": [{"index": 0, "message": message, "finish_reason": "stop"}]}).split("@")
        body = (head + "x" * (int(self.path.split("/")[1]) - len(head) - len(tail)) + tail).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def talker(db: None) -> Iterator[str]:
    """The address of a server of `Talker`, allowed by the egress guard."""
    config.store_egress_allow(None, ["127.0.0.0/8"])
    server = ThreadingHTTPServer(("127.0.0.1", 0), Talker)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join(10)
    server.server_close()


def test_a_test_call_takes_an_answer_of_a_megabyte_and_no_more(talker: str, person: Person) -> None:
    engineer = person("engineer")
    document = {"name": "m", "type": "llm", "protocol": "openai"}
    fits, larger = (
        trying.try_call(engineer, {**document, "endpoint": f"{talker}/{size}/v1"})
        for size in (1024 * 1024, 1024 * 1024 + 1)
    )
    assert fits.failure is None
    assert fits.reply is not None
    assert larger.reply is None
    assert larger.failure is not None
    assert larger.failure.kind is FailureKind.UPSTREAM_INVALID
    assert "sent more than 1048576 bytes" in larger.failure.message
