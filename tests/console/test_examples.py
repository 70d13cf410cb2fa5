"""Examples of a model page and the playground: tensors that the model takes, and how much of an answer shows."""

import json
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import pytest

from controlplane.base import config, engine
from controlplane.base.models import User
from registry import importing, snippets, trying
from registry.models import Model
from tests.upstreams import Upstreams

pytestmark = pytest.mark.django_db(transaction=True)
TENSORS = "tensor"


@pytest.fixture
def engineer(person: Callable[..., User]) -> User:
    """Somebody who may test and import."""
    return person("engineer")


@pytest.fixture
def wordy(db: None) -> Iterator[Callable[[int], str]]:
    """Serves chat answers of a given length: `wordy(2000)` gives the address of one whose body has 2,000 bytes."""
    config.store_egress_allow(None, ["127.0.0.0/8"])
    lengths: list[int] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["content-length"]))
            answer = {"choices": [{"index": 0, "message": {"role": "assistant", "content": "@"}}]}
            head, tail = json.dumps(answer).split("@")
            body = (head + "a" * (lengths[-1] - len(head) - len(tail)) + tail).encode()
            self.send_response(200)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Keep quiet."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=server.serve_forever, daemon=True).start()

    def serve(length: int) -> str:
        lengths.append(length)
        return f"http://127.0.0.1:{server.server_port}/v1"

    yield serve
    server.shutdown()
    server.server_close()


def test_example_of_a_proven_tensor_model_is_answered(upstreams: Upstreams, engineer: User) -> None:
    importing.start(engineer, upstreams.yaml(12), "fleet.yaml")
    engine.work({"import": importing.run})
    models = list(Model.objects.filter(type=TENSORS).select_related("release"))
    assert len(models) == 2
    for model in models:
        path, body = snippets.example(model.name, model.type, model.example)
        assert path == f"models/{model.name}/predict"
        assert model.release is not None
        shown = trying.try_call(engineer, model.release.spec, body={"inputs": body["inputs"]})
        assert (shown.status, shown.failure) == (200, None)
        assert json.dumps(body["inputs"]) in snippets.snippets(model.name, TENSORS, "http://x", model.example)["curl"]


@pytest.mark.parametrize(("more", "shown"), [(0, True), (1, False)])
def test_test_call_shows_a_megabyte_and_says_what_is_more(
    wordy: Callable[[int], str], engineer: User, more: int, shown: bool
) -> None:
    address = wordy(trying.ANSWER_BYTES + more)
    found = trying.try_call(engineer, {"name": "m", "type": "llm", "protocol": "openai", "endpoint": address})
    assert trying.ANSWER_BYTES == 1024 * 1024
    assert (found.failure is None) is shown
    if found.failure is not None:
        assert "sent more than 1048576 bytes" in found.failure.message
