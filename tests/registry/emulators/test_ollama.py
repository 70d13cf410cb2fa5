"""The official Ollama client against the practice fleet's Ollama wire."""

from typing import Any

import httpx
import pytest
from ollama import AsyncClient, ResponseError

from tests.registry.emulators.conftest import Practice

ASK = [{"role": "user", "content": "what is the weather in Berlin"}]
WEATHER: list[Any] = [
    {
        "type": "function",
        "function": {
            "name": "get_weather",
            "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
        },
    }
]


def client(practice: Practice, kind: str = "llm", suffix: str = "") -> tuple[AsyncClient, str]:
    url, model = practice.address("ollama", kind, suffix)
    return AsyncClient(host=url), model


async def test_a_streamed_chat_says_what_the_whole_answer_says(practice: Practice) -> None:
    api, model = client(practice)
    whole = await api.chat(model=model, messages=ASK, options={"num_predict": 6})
    parts = [part async for part in await api.chat(model=model, messages=ASK, options={"num_predict": 6}, stream=True)]
    assert "".join(part.message.content or "" for part in parts) == whole.message.content
    assert [part.done for part in parts] == [False] * 6 + [True]
    assert (parts[-1].done_reason, parts[-1].eval_count, whole.eval_count) == ("length", 6, 6)


async def test_generate_and_its_stream_by_default(practice: Practice) -> None:
    api, model = client(practice)
    whole = await api.generate(model=model, prompt="once")
    parts = [part async for part in await api.generate(model=model, prompt="once", stream=True)]
    assert "".join(part.response or "" for part in parts) == whole.response
    url, _ = practice.address("ollama")
    async with httpx.AsyncClient() as raw:
        unasked = await raw.post(f"{url}/api/generate", json={"model": model, "prompt": "once"})
    assert unasked.headers["content-type"] == "application/x-ndjson"
    assert (await api.generate(model=model, prompt="")).done_reason == "load"


async def test_tools_and_structure(practice: Practice) -> None:
    api, model = client(practice)
    asked = await api.chat(model=model, messages=ASK, tools=WEATHER)
    assert asked.message.tool_calls
    assert asked.message.tool_calls[0].function.arguments == {"city": "practice"}
    schema = {"type": "object", "properties": {"sure": {"type": "boolean"}}}
    assert (await api.chat(model=model, messages=ASK, format=schema)).message.content == '{"sure":true}'


async def test_embeddings_tags_and_show(practice: Practice) -> None:
    api, model = client(practice, "embedding")
    found = await api.embed(model=model, input=["a cat", "a dog"])
    assert len(found.embeddings) == 2
    assert sum(value * value for value in found.embeddings[0]) == pytest.approx(1, abs=1e-4)
    assert [tag.model for tag in (await api.list()).models] == [f"{model}:latest"]
    assert (await api.show(model)).capabilities == ["embedding"]


@pytest.mark.parametrize(
    ("given", "status", "words"),
    [
        ({"model": "nobody"}, 404, "model 'nobody' not found"),
        ({"options": {"temperature": "hot"}}, 400, 'option "temperature" must be of type float32'),
        ({"options": {"num_predict": 1.5}}, 400, 'option "num_predict" must be of type integer'),
    ],
)
async def test_wrong_calls_are_refused(practice: Practice, given: dict[str, Any], status: int, words: str) -> None:
    url, model = practice.address("ollama")
    async with httpx.AsyncClient() as raw:
        reply = await raw.post(f"{url}/api/chat", json={"model": model, "messages": ASK, **given})
    assert (reply.status_code, reply.json()) == (status, {"error": words})


async def test_an_embedding_model_does_not_chat_and_streams_may_break(practice: Practice) -> None:
    api, model = client(practice, "embedding")
    with pytest.raises(ResponseError, match="does not support chat"):
        await api.chat(model=model, messages=ASK)
    api, model = client(practice, suffix="~midstream")
    with pytest.raises(ResponseError, match="asked to fail"):
        [part async for part in await api.chat(model=model, messages=ASK, stream=True)]
