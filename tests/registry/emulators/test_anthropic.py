"""The official Anthropic client against the practice fleet's messages wire."""

from typing import Any

import anthropic
import httpx
import pytest
from anthropic import AsyncAnthropic

from tests.registry.emulators.conftest import Practice

ASK: list[Any] = [{"role": "user", "content": "what is the weather in Berlin"}]
WEATHER: list[Any] = [
    {"name": "get_weather", "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}}}
]


def client(practice: Practice, suffix: str = "", key: str = "any") -> tuple[AsyncAnthropic, str]:
    url, model = practice.address("anthropic", suffix=suffix)
    return AsyncAnthropic(base_url=url, api_key=key, max_retries=0), model


async def test_a_streamed_message_is_the_whole_message(practice: Practice) -> None:
    api, model = client(practice)
    whole = await api.messages.create(model=model, messages=ASK, max_tokens=100, system="be brief")
    async with api.messages.stream(model=model, messages=ASK, max_tokens=100, system="be brief") as stream:
        text = "".join([part async for part in stream.text_stream])
        last = await stream.get_final_message()
    assert whole.content[0].type == "text"
    assert text == whole.content[0].text
    assert (last.id, last.stop_reason, last.usage.output_tokens) == (whole.id, "end_turn", whole.usage.output_tokens)
    counted = await api.messages.count_tokens(model=model, messages=ASK, system="be brief")
    assert counted.input_tokens == whole.usage.input_tokens


async def test_limits_and_stop_sequences_have_their_reasons(practice: Practice) -> None:
    api, model = client(practice)
    short = await api.messages.create(model=model, messages=ASK, max_tokens=2)
    assert (short.stop_reason, short.usage.output_tokens) == ("max_tokens", 2)
    assert short.content[0].type == "text"
    word = short.content[0].text.split()[1]
    stopped = await api.messages.create(model=model, messages=ASK, max_tokens=50, stop_sequences=[word])
    assert (stopped.stop_reason, stopped.stop_sequence) == ("stop_sequence", word)


async def test_tool_use_whole_and_streamed(practice: Practice) -> None:
    api, model = client(practice)
    whole = await api.messages.create(model=model, messages=ASK, max_tokens=100, tools=WEATHER)
    block = whole.content[0]
    assert block.type == "tool_use"
    assert (whole.stop_reason, block.name, block.input) == ("tool_use", "get_weather", {"city": "practice"})
    async with api.messages.stream(model=model, messages=ASK, max_tokens=100, tools=WEATHER) as stream:
        streamed = (await stream.get_final_message()).content[0]
    assert streamed.type == "tool_use"
    assert streamed.input == block.input
    result = {"role": "user", "content": [{"type": "tool_result", "tool_use_id": block.id, "content": "sunny"}]}
    turns: list[Any] = [*ASK, {"role": "assistant", "content": [block.model_dump(exclude_none=True)]}, result]
    told = await api.messages.create(model=model, messages=turns, max_tokens=100, tools=WEATHER)
    assert told.content[0].type == "text"


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"extra_body": {"temperature": 1.5}}, "temperature: range: 0..1"),
        ({"max_tokens": 0}, "max_tokens: Input should be greater than or equal to 1"),
        ({"messages": []}, "at least one message is required"),
        ({"messages": [{"role": "system", "content": "x"}]}, 'Unexpected role "system"'),
        ({"extra_body": {"n": 2}}, "n: Extra inputs are not permitted"),
    ],
)
async def test_wrong_calls_are_refused(practice: Practice, given: dict[str, Any], words: str) -> None:
    api, model = client(practice)
    with pytest.raises(anthropic.BadRequestError, match=words):
        await api.messages.create(**{"model": model, "messages": ASK, "max_tokens": 10, **given})


async def test_required_headers_and_fields(practice: Practice) -> None:
    url, model = practice.address("anthropic")
    body = {"model": model, "messages": ASK}
    async with httpx.AsyncClient(base_url=url) as raw:
        bare = await raw.post("/v1/messages", json={**body, "max_tokens": 5})
        unlimited = await raw.post("/v1/messages", json=body, headers={"anthropic-version": "2023-06-01"})
    assert (bare.status_code, bare.json()["error"]["message"]) == (400, "anthropic-version: header is required")
    assert bare.json()["type"] == "error"
    assert (unlimited.status_code, unlimited.json()["error"]["message"]) == (400, "max_tokens: Field required")


async def test_keys_and_faults_are_typed_as_the_client_types_them(practice: Practice) -> None:
    api, model = client(practice, "~key-right", "right")
    assert (await api.messages.create(model=model, messages=ASK, max_tokens=5)).content
    api, model = client(practice, "~key-right", "wrong")
    with pytest.raises(anthropic.AuthenticationError):
        await api.messages.create(model=model, messages=ASK, max_tokens=5)
    api, _ = client(practice)
    with pytest.raises(anthropic.NotFoundError):
        await api.messages.create(model="nobody", messages=ASK, max_tokens=5)
    api, model = client(practice, "~midstream")
    async with api.messages.stream(model=model, messages=ASK, max_tokens=50) as stream:
        with pytest.raises(anthropic.APIStatusError):
            await stream.get_final_message()
