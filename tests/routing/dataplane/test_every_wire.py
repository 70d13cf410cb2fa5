"""The unmodified openai client through our gateway to each practice wire, onboarded by the fleet's own specs."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import openai
import pytest
import yaml

from registry.emulators.answers import speak
from registry.emulators.fleet import start
from registry.emulators.latency import Latency
from registry.emulators.roster import emulated
from registry.emulators.specs import specs
from registry.specfile import file as spec_file
from tests.routing.serving import Running, gateway_for, model_row

SIZE = 32
LLM_WIRES = ("openai", "anthropic", "huggingface", "ollama")
ASK: list[Any] = [{"role": "user", "content": "what is the weather in Berlin"}]
WEATHER: list[Any] = [
    {
        "type": "function",
        "function": {
            "name": "get_weather",
            "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
        },
    }
]


@asynccontextmanager
async def plugged_in(suffix: str = "") -> AsyncIterator[Running]:
    """A gateway over 32 practice models; `suffix` is added to every endpoint, such as ~truncate."""
    server, _ = await start("127.0.0.1", 0, SIZE, Latency(0, 0))
    async with server:
        rows = []
        text = specs(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", SIZE)
        for document in yaml.safe_load(text)["models"]:
            document["endpoint"] += suffix
            normal = spec_file.document(spec_file.read(document))
            rows.append(model_row(normal.pop("name"), **{"upstream_model": document["name"], **normal}))
        async with gateway_for(rows) as gateway:
            yield gateway


def model_of(protocol: str, kind: str = "llm") -> str:
    return next(m.name for n in range(1, SIZE + 1) if ((m := emulated(n)).protocol, m.type) == (protocol, kind))


@pytest.mark.parametrize("protocol", LLM_WIRES)
async def test_a_chat_is_answered_whole_and_streamed_the_same_on_every_wire(protocol: str) -> None:
    model = model_of(protocol)
    async with plugged_in() as gateway:
        api = gateway.sdk()
        whole = await api.chat.completions.create(model=model, messages=ASK)
        chunks = [
            chunk
            async for chunk in await api.chat.completions.create(
                model=model, messages=ASK, stream=True, stream_options={"include_usage": True}
            )
        ]
        content = whole.choices[0].message.content
        assert content
        assert content.startswith(f"{model}: ")
        streamed = [choice for chunk in chunks for choice in chunk.choices]
        assert "".join(choice.delta.content or "" for choice in streamed) == content
        assert streamed[-1].finish_reason == whole.choices[0].finish_reason == "stop"
        assert len({chunk.id for chunk in chunks}) == 1
        assert {chunk.model for chunk in chunks} == {whole.model} == {model}
        usage = chunks[-1].usage
        assert usage
        assert whole.usage
        assert usage.completion_tokens == whole.usage.completion_tokens == len(content.split())
        if protocol != "huggingface":
            assert content == speak(model, ASK[0]["content"]).text


@pytest.mark.parametrize("protocol", LLM_WIRES)
async def test_the_limit_reaches_the_upstream_and_its_reason_comes_back(protocol: str) -> None:
    async with plugged_in() as gateway:
        reply = await gateway.sdk().chat.completions.create(model=model_of(protocol), messages=ASK, max_tokens=3)
        assert reply.choices[0].finish_reason == "length"
        assert len((reply.choices[0].message.content or "").split()) == 3
        words = (reply.choices[0].message.content or "").split()
        stopped = await gateway.sdk().chat.completions.create(
            model=model_of(protocol), messages=ASK, stop=[f" {words[2]}"]
        )
        assert (stopped.choices[0].message.content or "").split() == words[:2]
        assert stopped.choices[0].finish_reason == "stop"


@pytest.mark.parametrize("protocol", ["openai", "anthropic", "ollama"])
async def test_tools_are_called_and_answered_on_every_wire_that_has_them(protocol: str) -> None:
    model = model_of(protocol)
    async with plugged_in() as gateway:
        api = gateway.sdk()
        asked = await api.chat.completions.create(model=model, messages=ASK, tools=WEATHER)
        message = asked.choices[0].message
        assert asked.choices[0].finish_reason == "tool_calls"
        assert message.tool_calls
        call = message.tool_calls[0]
        assert call.type == "function"
        assert (call.function.name, call.function.arguments.replace(" ", "")) == ("get_weather", '{"city":"practice"}')
        arguments = ""
        async for chunk in await api.chat.completions.create(model=model, messages=ASK, tools=WEATHER, stream=True):
            for part in (chunk.choices[0].delta.tool_calls or ()) if chunk.choices else ():
                arguments += (part.function and part.function.arguments) or ""
        assert arguments.replace(" ", "") == '{"city":"practice"}'
        result = {"role": "tool", "tool_call_id": call.id, "content": "sunny"}
        turns: list[Any] = [*ASK, message.model_dump(exclude_none=True), result]
        told = await api.chat.completions.create(model=model, messages=turns, tools=WEATHER)
        assert told.choices[0].message.content


@pytest.mark.parametrize("protocol", ["openai", "huggingface", "ollama"])
async def test_completions_whole_and_streamed(protocol: str) -> None:
    async with plugged_in() as gateway:
        api, model = gateway.sdk(), model_of(protocol)
        whole = await api.completions.create(model=model, prompt="once", max_tokens=6)
        parts = [p async for p in await api.completions.create(model=model, prompt="once", max_tokens=6, stream=True)]
        assert "".join(part.choices[0].text for part in parts if part.choices) == whole.choices[0].text
        assert whole.choices[0].text == speak(model, "once", 6).text


@pytest.mark.parametrize("protocol", ["openai", "ollama"])
async def test_embeddings_in_the_clients_own_encoding(protocol: str) -> None:
    async with plugged_in() as gateway:
        api, model = gateway.sdk(), model_of(protocol, "embedding")
        packed = await api.embeddings.create(model=model, input=["a cat", "a dog"])
        plain = await api.embeddings.create(model=model, input="a cat", encoding_format="float")
        assert packed.data[0].embedding == pytest.approx(plain.data[0].embedding, abs=1e-6)
        assert [item.index for item in packed.data] == [0, 1]


async def test_tensors_are_predicted() -> None:
    async with plugged_in() as gateway, gateway.http() as http:
        model = model_of("kserve_v2", "tensor")
        width = emulated(int(model.rsplit("-", 1)[1])).size
        tensor = {"name": "FEATURES", "datatype": "FP32", "shape": [1, width], "data": [0.5] * width}
        reply = await http.post(f"/v1/models/{model}/predict", json={"inputs": [tensor]})
        assert reply.status_code == 200, reply.text
        scores = reply.json()["outputs"][0]
        assert (scores["name"], scores["shape"], sum(scores["data"])) == ("SCORES", [1, 3], pytest.approx(1, abs=1e-4))
        wrong = await http.post(
            f"/v1/models/{model}/predict", json={"inputs": [{**tensor, "shape": [1, 1], "data": [0.5]}]}
        )
        assert wrong.status_code == 400
        assert "unexpected shape for input 'FEATURES'" in wrong.json()["error"]["message"]


@pytest.mark.parametrize(
    "fault", ["401", "429", "500", "errorbody", "html200", "garbage", "wrongjson", "truncate", "redirect", "gzipbomb"]
)
async def test_no_wires_lie_becomes_an_answer(fault: str) -> None:
    expected = openai.RateLimitError if fault == "429" else openai.InternalServerError
    async with plugged_in(f"~{fault}") as gateway:
        api = gateway.sdk()
        for protocol in LLM_WIRES:
            with pytest.raises(expected, match=f"{model_of(protocol)}|The upstream says") as caught:
                await api.chat.completions.create(model=model_of(protocol), messages=ASK)
            assert caught.value.status_code in (429, 502, 503)


@pytest.mark.parametrize("fault", ["truncate", "midstream"])
async def test_a_broken_stream_ends_with_an_error_on_every_wire(fault: str) -> None:
    async with plugged_in(f"~{fault}") as gateway:
        api = gateway.sdk()
        for protocol in LLM_WIRES:
            told: list[str] = []
            with pytest.raises(openai.APIError):
                await hear(api, model_of(protocol), told)
            assert "".join(told).startswith(f"{model_of(protocol)}:")


async def hear(api: openai.AsyncOpenAI, model: str, told: list[str]) -> None:
    """Add every piece of a streamed answer to `told`."""
    async for chunk in await api.chat.completions.create(model=model, messages=ASK, stream=True):
        told.append(chunk.choices[0].delta.content or "")
