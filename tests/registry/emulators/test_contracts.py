"""Contracts that change while the fleet runs: versions beside each other, refusals, and the published description."""

import json
from typing import Any

import pytest

from registry.emulators.fleet import EmulatedFleet
from registry.emulators.roster import emulated
from registry.emulators.wire import WireAnswer, WireCall
from tests.registry.emulators.test_fleet import INFERENCES

RULES = {
    "temperature": {"type": "float", "min": 0, "max": 1},
    "style": {"type": "string", "options": ["plain", "rich"]},
    "user_tier": {"type": "int", "required": True},
}


def ask(fleet: EmulatedFleet, method: str, path: str, body: Any = None, **headers: str) -> WireAnswer:
    data = body.encode() if isinstance(body, str) else b"" if body is None else json.dumps(body).encode()
    return fleet.respond(WireCall(method, path, headers, data))[0]


def chat(fleet: EmulatedFleet, address: str, **parameters: Any) -> WireAnswer:
    body = {"model": "practice-chat-001", "messages": [{"role": "user", "content": "ping"}], **parameters}
    return ask(fleet, "POST", f"/m/{address}/v1/chat/completions", body)


@pytest.fixture
def fleet() -> EmulatedFleet:
    made = EmulatedFleet(16)
    assert ask(made, "PUT", "/control/m/1/v1", {"parameters": RULES, "current": "v1"}).status == 200
    return made


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        ({"user_tier": 1, "guidance": 3}, "Unsupported parameter: 'guidance'"),
        ({"user_tier": 1, "temperature": 1.5}, "Invalid 'temperature': above maximum value"),
        ({"user_tier": 1, "temperature": -1}, "Invalid 'temperature': below minimum value"),
        ({"user_tier": 1, "style": "loud"}, "Supported values are: 'plain', 'rich'"),
        ({"user_tier": "x"}, "Invalid type for 'user_tier'"),
        ({"user_tier": True}, "Invalid type for 'user_tier'"),
        ({}, "Missing required parameter: 'user_tier'"),
    ],
)
def test_a_version_refuses_what_its_contract_does_not_take(
    fleet: EmulatedFleet, parameters: dict[str, Any], words: str
) -> None:
    answer = chat(fleet, "1", **parameters)
    assert answer.status == 400
    assert words in json.loads(answer.body)["error"]["message"]


def test_what_fits_is_answered_though_the_wire_does_not_know_it(fleet: EmulatedFleet) -> None:
    answer = chat(fleet, "1", user_tier=2, style="rich", temperature=0.5)
    assert answer.status == 200, answer.body


def test_versions_stand_beside_each_other_and_end(fleet: EmulatedFleet) -> None:
    ask(fleet, "PUT", "/control/m/1/v2", {"parameters": {"guidance": {"type": "float"}}})
    assert chat(fleet, "1@v2", guidance=3.0).status == 200
    assert chat(fleet, "1", guidance=3.0).status == 400
    ask(fleet, "PUT", "/control/m/1", {"current": "v2"})
    assert chat(fleet, "1", guidance=3.0).status == 200
    assert chat(fleet, "1@v1", user_tier=1).status == 200
    ask(fleet, "DELETE", "/control/m/1/v1")
    assert chat(fleet, "1@v1", user_tier=1).status == 404


def test_the_description_is_published_with_an_etag(fleet: EmulatedFleet) -> None:
    assert ask(fleet, "GET", "/m/1/spec.yaml").status == 404
    ask(fleet, "PUT", "/control/m/1", {"spec": "models: []\n"})
    first = ask(fleet, "GET", "/m/1/spec.yaml")
    assert first.body == b"models: []\n"
    etag = dict(first.headers)["etag"]
    again = ask(fleet, "GET", "/m/1/spec.yaml", **{"if-none-match": etag})
    assert (again.status, again.body) == (304, b"")


@pytest.mark.parametrize("number", [number for number in range(1, 17) if emulated(number).protocol != "kserve_v2"])
def test_every_wire_refuses_in_its_own_shape(number: int) -> None:
    fleet = EmulatedFleet(16)
    model = emulated(number)
    path, example = INFERENCES[model.protocol, model.type]
    body = {**example, "model": model.name, "guidance": 1}
    ask(fleet, "PUT", f"/control/m/{number}/v1", {"parameters": {"max_tokens": {"type": "int"}}, "current": "v1"})
    answer = ask(fleet, "POST", f"/m/{number}{path}", body)
    assert answer.status == 400
    assert b"guidance" in answer.body


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("PUT", "/control/m/99/v1", {}, 404),
        ("PUT", "/control/x", {}, 404),
        ("GET", "/control/m/1", {}, 405),
        ("PUT", "/control/m/1", "{", 400),
        ("PUT", "/control/m/1", [1], 405),
    ],
)
def test_wrong_orders_are_refused_in_words(method: str, path: str, body: Any, status: int) -> None:
    assert ask(EmulatedFleet(16), method, path, body).status == status
