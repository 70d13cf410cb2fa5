"""The official OpenAI client against the practice fleet's OpenAI wire."""

from typing import Any

import openai
import pytest
from openai import AsyncOpenAI

from tests.registry.emulators.conftest import Practice

ASK: list[Any] = [{"role": "user", "content": "what is the weather in Berlin"}]
WEATHER: list[Any] = [
    {
        "type": "function",
        "function": {
            "name": "get_weather",
            "parameters": {
                "type": "object",
                "properties": {"city": {"type": "string"}, "unit": {"enum": ["celsius", "kelvin"]}},
                "required": ["city"],
            },
        },
    }
]


def client(practice: Practice, kind: str = "llm", suffix: str = "") -> tuple[AsyncOpenAI, str]:
    url, model = practice.address("openai", kind, suffix)
    return AsyncOpenAI(base_url=f"{url}/v1", api_key="any", max_retries=0), model


async def test_models_are_listed_and_retrieved(practice: Practice) -> None:
    api, model = client(practice)
    assert [card.id async for card in api.models.list()] == [model]
    assert (await api.models.retrieve(model)).owned_by == "practice"
    everything = AsyncOpenAI(base_url=f"{practice.url}/all/openai/v1", api_key="any")
    assert len([card async for card in everything.models.list()]) == 12


async def test_a_streamed_chat_says_what_the_whole_answer_says(practice: Practice) -> None:
    api, model = client(practice)
    whole = await api.chat.completions.create(model=model, messages=ASK)
    text, usage, finish = "", None, None
    stream = await api.chat.completions.create(
        model=model, messages=ASK, stream=True, stream_options={"include_usage": True}
    )
    async for chunk in stream:
        usage = chunk.usage or usage
        for choice in chunk.choices:
            text += choice.delta.content or ""
            finish = choice.finish_reason or finish
    assert whole.usage
    assert usage
    assert (text, finish) == (whole.choices[0].message.content, whole.choices[0].finish_reason)
    assert usage == whole.usage
    assert usage.completion_tokens == len(text.split())


async def test_usage_comes_only_when_asked_for(practice: Practice) -> None:
    api, model = client(practice)
    chunks = [chunk async for chunk in await api.chat.completions.create(model=model, messages=ASK, stream=True)]
    assert all(chunk.usage is None and chunk.choices for chunk in chunks)
    with pytest.raises(openai.BadRequestError, match="only allowed when 'stream' is enabled"):
        await api.chat.completions.create(model=model, messages=ASK, stream_options={"include_usage": True})


async def test_a_tool_is_called_where_the_prompt_asks_and_its_result_is_answered(practice: Practice) -> None:
    api, model = client(practice)
    asked = await api.chat.completions.create(model=model, messages=ASK, tools=WEATHER)
    message = asked.choices[0].message
    assert asked.choices[0].finish_reason == "tool_calls"
    assert message.tool_calls
    call = message.tool_calls[0]
    assert call.type == "function"
    assert (call.function.name, call.function.arguments) == ("get_weather", '{"city":"practice","unit":"celsius"}')
    arguments = ""
    async for chunk in await api.chat.completions.create(model=model, messages=ASK, tools=WEATHER, stream=True):
        for part in chunk.choices[0].delta.tool_calls or ():
            arguments += (part.function and part.function.arguments) or ""
    assert arguments == call.function.arguments
    result = {"role": "tool", "tool_call_id": call.id, "content": "sunny"}
    turns: list[Any] = [*ASK, message.model_dump(exclude_none=True), result]
    told = await api.chat.completions.create(model=model, messages=turns, tools=WEATHER)
    assert told.choices[0].message.content
    small_talk: list[Any] = [{"role": "user", "content": "hello"}]
    plain = await api.chat.completions.create(model=model, messages=small_talk, tools=WEATHER)
    assert plain.choices[0].message.tool_calls is None
    forced = await api.chat.completions.create(model=model, messages=small_talk, tools=WEATHER, tool_choice="required")
    assert forced.choices[0].message.tool_calls


async def test_limits_stops_choices_and_structure(practice: Practice) -> None:
    api, model = client(practice)
    short = await api.chat.completions.create(model=model, messages=ASK, max_tokens=2)
    assert short.choices[0].finish_reason == "length"
    assert short.usage
    assert short.usage.completion_tokens == 2
    whole = await api.chat.completions.create(model=model, messages=ASK)
    words = (whole.choices[0].message.content or "").split()
    stopped = await api.chat.completions.create(model=model, messages=ASK, stop=[f" {words[2]}"])
    assert (stopped.choices[0].message.content or "").split() == words[:2]
    two = await api.chat.completions.create(model=model, messages=ASK, n=2)
    assert len({choice.message.content for choice in two.choices}) == 2
    schema = {"type": "object", "properties": {"mood": {"type": "string", "enum": ["calm", "wild"]}}}
    wish: Any = {"type": "json_schema", "json_schema": {"name": "m", "schema": schema}}
    shaped = await api.chat.completions.create(model=model, messages=ASK, response_format=wish)
    assert shaped.choices[0].message.content == '{"mood":"calm"}'


async def test_completions_whole_streamed_echoed_and_several(practice: Practice) -> None:
    api, model = client(practice)
    whole = await api.completions.create(model=model, prompt="once", max_tokens=5)
    streamed = [
        part async for part in await api.completions.create(model=model, prompt="once", max_tokens=5, stream=True)
    ]
    assert "".join(part.choices[0].text for part in streamed) == whole.choices[0].text
    echoed = await api.completions.create(model=model, prompt="once", max_tokens=5, echo=True)
    assert echoed.choices[0].text == f"once{whole.choices[0].text}"
    several = await api.completions.create(model=model, prompt=["once", "twice"], n=2)
    assert [choice.index for choice in several.choices] == [0, 1, 2, 3]


async def test_embeddings_in_both_encodings(practice: Practice) -> None:
    api, model = client(practice, "embedding")
    packed = await api.embeddings.create(model=model, input=["a cat", "a cat sat", "stocks fell"])
    plain = await api.embeddings.create(model=model, input="a cat", encoding_format="float")
    assert packed.data[0].embedding == pytest.approx(plain.data[0].embedding, abs=1e-6)
    cat, sat, stocks = (item.embedding for item in packed.data)
    assert sum(a * b for a, b in zip(cat, sat, strict=True)) > sum(a * b for a, b in zip(cat, stocks, strict=True))
    small = await api.embeddings.create(model=model, input="a cat", dimensions=8)
    assert len(small.data[0].embedding) == 8


@pytest.mark.parametrize(
    ("given", "kind", "words"),
    [
        ({"temperature": 2.5}, openai.BadRequestError, "decimal above maximum value"),
        ({"temperature": "hot"}, openai.BadRequestError, "Invalid type for 'temperature'"),
        ({"max_tokens": 0}, openai.BadRequestError, "integer below minimum value"),
        ({"messages": []}, openai.BadRequestError, "empty array"),
        ({"messages": [{"role": "wizard", "content": "x"}]}, openai.BadRequestError, "Supported values are"),
        ({"extra_body": {"sparkle": 1}}, openai.BadRequestError, "Unrecognized request argument supplied: sparkle"),
        ({"model": "gpt-nothing"}, openai.NotFoundError, "does not exist"),
        ({"stop": list("abcde")}, openai.BadRequestError, "maximum length 4"),
    ],
)
async def test_wrong_calls_are_refused_in_openais_words(
    practice: Practice, given: dict[str, Any], kind: type[openai.APIStatusError], words: str
) -> None:
    api, model = client(practice)
    with pytest.raises(kind, match=words) as caught:
        await api.chat.completions.create(**{"model": model, "messages": ASK, **given})
    assert isinstance(caught.value.body, dict)
    assert set(caught.value.body) == {"message", "type", "param", "code"}


async def test_an_address_with_a_key_refuses_any_other(practice: Practice) -> None:
    url, model = practice.address("openai", suffix="~key-s3cret")
    good = AsyncOpenAI(base_url=f"{url}/v1", api_key="s3cret", max_retries=0)
    assert (await good.chat.completions.create(model=model, messages=ASK)).choices
    with pytest.raises(openai.AuthenticationError, match=r"Incorrect API key provided: bad\*\*\*") as caught:
        await AsyncOpenAI(base_url=f"{url}/v1", api_key="bad-key", max_retries=0).models.list()
    assert "bad-key" not in str(caught.value)


@pytest.mark.parametrize(
    ("fault", "kind"),
    [("429", openai.RateLimitError), ("500", openai.InternalServerError), ("reset", openai.APIConnectionError)],
)
async def test_faults_are_typed_as_the_client_types_them(
    practice: Practice, fault: str, kind: type[openai.APIError]
) -> None:
    api, model = client(practice, suffix=f"~{fault}")
    with pytest.raises(kind):
        await api.chat.completions.create(model=model, messages=ASK)
