"""Red team M3: fields that would steer an upstream gateway are refused, at any place and in any spelling."""

import json
from typing import Any

import pytest

from registry.steering import AT_TOP, ENDS, STARTS, steers
from tests.registry.transports.faults import serving
from tests.routing.serving import gateway_for, model_row
from tests.routing.upstreams import answering, body_of

CHAT: dict[str, Any] = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}
NAMES = [
    *("api_base", "base_url", "api_key", "extra_headers", "extra_body", "extra_query", "headers", "Authorization"),
    *("API_BASE", "apiBase", "api-base", "Api Base", " api_base ", "BaseURL", "x.api_base", "api_base.x"),
    *("litellm_params", "custom_llm_provider", "user_config", "model_list", "fallbacks", "models", "api\\u005fbase"),
    *(
        "aws_secret_access_key",
        "vertex_credentials",
        "openai_api_key",
        "x-api-key",
        "proxy",
        "apiVersion",
        "server_url",
    ),
]
WIRES = ["openai", "anthropic", "ollama", "huggingface"]


def body(**more: Any) -> bytes:
    return json.dumps({**CHAT, **more}).encode()


@pytest.mark.parametrize("wire", WIRES)
async def test_fields_that_steer_are_refused_on_every_wire(wire: str) -> None:
    async with (
        serving(answering()) as upstream,
        gateway_for([model_row("m", upstream.port, protocol=wire)]) as g,
        g.http() as http,
    ):
        for name in NAMES:
            for value in (b'"http://evil"', b'{"x": 1}'):
                content = body()[:-1] + b', "' + name.encode() + b'": ' + value + b"}"
                answer = await http.post("/v1/chat/completions", content=content)
                assert answer.status_code == 400, name
                error = answer.json()["error"]
                assert (error["code"], "evil" in answer.text) == ("parameter_not_allowed", False)
        assert upstream.accepted == 0


@pytest.mark.parametrize(
    "more",
    [
        {"options": {"api_base": "http://evil"}},
        {"extra": {"deep": [{"API-KEY": "x"}]}},
        {"stream_options": {"extra_headers": {}}},
        {"chat_template_kwargs": {"base_url": "http://evil"}},
    ],
)
async def test_they_are_refused_inside_objects_too(more: dict[str, Any]) -> None:
    async with (
        serving(answering()) as upstream,
        gateway_for([model_row("m", upstream.port)]) as g,
        g.http() as http,
    ):
        answer = await http.post("/v1/chat/completions", content=body(**more))
        assert (answer.status_code, answer.json()["error"]["code"]) == (400, "parameter_not_allowed")
        predicted = {"inputs": "hi", "parameters": more}
        assert (await http.post("/v1/models/m/predict", json=predicted)).status_code == 400
        direct = {"inputs": "hi", "parameters": {"api_base": "http://evil"}}
        assert (await http.post("/v1/models/m/predict", json=direct)).json()["error"]["param"] == "api_base"
        assert upstream.accepted == 0


def test_every_name_is_found_also_at_the_end_and_start_of_others() -> None:
    for name in (*AT_TOP, *(f"x_{end}" for end in ENDS), *(f"{start}_x" for start in STARTS)):
        for spelling in (name, name.upper(), f"{name[:4]}_{name[4:]}".title(), f"x.{name}", f"{name}.{'x' * 99}"):
            assert steers(spelling), spelling
    for name in ("temperature", "top_k", "max_tokens", "model_kwargs", "keywords", "baseline", "query", "use_auth"):
        assert not steers(name), name


async def test_content_and_ordinary_fields_travel() -> None:
    seen: list[bytes] = []
    schema = {"type": "object", "properties": {"api_key": {"type": "string"}, "base_url": {"type": "string"}}}
    more: dict[str, Any] = {
        "tools": [{"type": "function", "function": {"name": "f", "parameters": schema}}],
        "response_format": {"type": "json_schema", "json_schema": {"name": "x", "schema": schema}},
        "metadata": {"headers": "x-1", "api_key": "the second of our app"},
        "top_k": 5,
        "chat_template_kwargs": {"enable_thinking": False},
        "provider": {"order": ["a"]},
        "logit_bias": {"50256": -100},
        "vertices": 3,
        "awsome": True,
    }
    async with (
        serving(answering(seen=seen)) as upstream,
        gateway_for([model_row("m", upstream.port)]) as g,
        g.http() as http,
    ):
        assert (await http.post("/v1/chat/completions", content=body(**more))).status_code == 200
        sent = body_of(seen[0])
        assert {name: sent[name] for name in more} == more


async def test_a_spec_can_open_one() -> None:
    seen: list[bytes] = []
    params = {"models": {"type": "array"}, "api_version": {"type": "string"}}
    async with (
        serving(answering(seen=seen)) as upstream,
        gateway_for([model_row("m", upstream.port, params=params)]) as g,
        g.http() as http,
    ):
        content = body(models=["a", "b"], api_version="2")
        assert (await http.post("/v1/chat/completions", content=content)).status_code == 200
        assert body_of(seen[0])["models"] == ["a", "b"]
