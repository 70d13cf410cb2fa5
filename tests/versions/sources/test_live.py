"""A live model tried at the bounds of its parameters, and one whose bounds move although no document does."""

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from msgspec.json import encode

from controlplane.base import config
from registry.models import Model, Release
from tests.versions.sources.conftest import manifest_of
from tests.versions.watched import a_source, scanned
from versions.kinds import DOORS
from versions.models import Manifest, Source, Update
from versions.places import live_subject
from versions.reading.errors import SourceLimited, SourceRefused, SourceUnreachable
from versions.reading.interface import SourcePlace
from versions.reading.web import Web
from versions.sources import live

DOOR = DOORS["live"]


@dataclass
class Chat:
    """A chat model whose limits can be moved. `status` other than 200 is answered to every call."""

    url: str = ""
    most_tokens: int = 4096
    temperature: tuple[float, float] = (0, 2)
    unsupported: set[str] = field(default_factory=set)
    status: int = 200
    answer: str = "pong"
    tokens: int = 7
    calls: list[dict[str, Any]] = field(default_factory=list)

    def problem(self, body: dict[str, Any]) -> str:
        """What is wrong with a body, in words."""
        named = next((name for name in self.unsupported if name in body), "")
        if named:
            return f"Unsupported parameter: {named}"
        temperature, tokens = body.get("temperature", 1), body.get("max_tokens", 1)
        if not isinstance(temperature, int | float) or not self.temperature[0] <= temperature <= self.temperature[1]:
            return "temperature is out of range"
        if not isinstance(tokens, int) or not 1 <= tokens <= self.most_tokens:
            return "max_tokens is out of range"
        return ""

    def spec(self) -> dict[str, Any]:
        return {
            "name": "m",
            "type": "llm",
            "protocol": "openai",
            "endpoint": self.url,
            "params": {
                "temperature": {"type": "float", "default": 1, "range": [0, 2]},
                "max_tokens": {"type": "int", "range": [1, 4096]},
                "top_p": {"type": "float", "range": [0, 1]},
            },
        }

    def place(self, budget: int = 60) -> SourcePlace:
        model = Model(name="m", release=Release(spec=self.spec()))
        return SourcePlace("", budget=budget, subject=live_subject(Source(model=model)))


@pytest.fixture
def chat() -> Iterator[Chat]:
    made = Chat()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            made.calls.append(body)
            words = made.problem(body)
            status = made.status if made.status != 200 else 400 if words else 200
            message = {"role": "assistant", "content": made.answer}
            choice = {"index": 0, "message": message, "finish_reason": "stop"}
            usage = {"prompt_tokens": made.tokens, "completion_tokens": 1}
            good = {"id": "1", "object": "chat.completion", "created": 1, "model": "m", "choices": [choice]}
            good["usage"] = usage
            text = encode(good if status == 200 else {"error": {"message": words, "type": "invalid_request_error"}})
            self.send_response(status)
            for name, value in {"content-type": "application/json", "content-length": str(len(text)),
                                "sunset": "Wed, 30 Jun 2027 23:59:59 GMT"}.items():  # fmt: skip
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    made.url = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    yield made
    server.shutdown()
    server.server_close()


def accepted(chat: Chat, web: Web, budget: int = 60) -> dict[str, Any]:
    reading = manifest_of(DOOR, chat.place(budget), web)
    found: dict[str, Any] = json.loads(reading.texts["parameters.json"])["properties"]
    return found


def test_what_a_model_takes_is_a_schema(chat: Chat, web: Web) -> None:
    assert accepted(chat, web) == {
        "temperature": {"type": "number", "minimum": 0.0, "maximum": 2.0},
        "max_tokens": {"type": "integer", "minimum": 1, "maximum": 4096},
        "top_p": {"type": "number", "minimum": -1.0, "maximum": 2.0},
    }
    assert {"temperature", "max_tokens", "top_p"} <= {name for call in chat.calls for name in call}
    assert any(call.get("temperature") == "wrong" for call in chat.calls)


def test_a_bound_that_moved_is_found_near_where_it_is(chat: Chat, web: Web) -> None:
    chat.most_tokens = 1000
    chat.unsupported = {"top_p"}
    found = accepted(chat, web)
    assert 900 <= found["max_tokens"]["maximum"] <= 1000
    assert "top_p" not in found


def test_a_budget_is_kept_and_sees_every_parameter_first(chat: Chat, web: Web) -> None:
    accepted(chat, web, budget=4)
    assert len(chat.calls) == 4
    assert {name for call in chat.calls for name in call} >= {"temperature", "max_tokens", "top_p"}


def test_a_poll_costs_nothing(chat: Chat, web: Web) -> None:
    sighting = DOOR.look(chat.place(), web)
    assert sighting is not None
    before = len(chat.calls)
    assert DOOR.look(replace(chat.place(), cursor=sighting.cursor), web) is None
    assert len(chat.calls) == before
    assert sighting.cursor["lifecycle"] == {"sunset": "Wed, 30 Jun 2027 23:59:59 GMT"}


def test_failures_that_say_nothing_of_a_value_end_the_scan(chat: Chat, web: Web) -> None:
    chat.status = 429
    with pytest.raises(SourceLimited):
        DOOR.look(chat.place(), web)
    chat.status = 503
    with pytest.raises(SourceUnreachable):
        DOOR.look(chat.place(), web)
    chat.status = 400
    with pytest.raises(SourceUnreachable, match="smallest call"):
        DOOR.look(chat.place(), web)
    with pytest.raises(SourceRefused, match="no endpoint"):
        live.look(SourcePlace(""), web)


@pytest.mark.django_db(transaction=True)
def test_a_cut_limit_becomes_an_update_although_no_document_moved(chat: Chat) -> None:
    config.store_egress_allow(None, ["127.0.0.0/8"])
    model = Model.objects.create(name="m", type="llm", protocol="openai", endpoint=chat.url)
    model.release = Release.objects.create(model=model, number=1, spec=chat.spec(), digest="a" * 64)
    model.save()
    source: Source = a_source("live", "", model=model)
    job = scanned(source, full=True)
    assert job.state == "succeeded", job.error
    assert not Update.objects.exists()
    chat.most_tokens = 1024
    scanned(source, full=True)
    assert Manifest.objects.count() == 2
    assert Update.objects.get().origin == "scan"
