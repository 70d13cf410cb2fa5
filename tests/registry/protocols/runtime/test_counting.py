"""Token counts: where they are found, how they add up, and what is estimated where an upstream is silent."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw
from msgspec.json import encode

from registry.canon import CallContext, Usage
from registry.protocols.document import UsagePaths
from registry.protocols.runtime.counting import Counted, counts, first, is_count, tokens_in, usage_body, usage_of

PATHS = UsagePaths(prompt=(("usage.input", "meta.input"), "usage.cached"), completion=("usage.output",))


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("a.b", 1), ("list.1.c", 3), ("list.0", 2), ("list.7", None), ("list.x", None), ("list.-1", None),
        ("a.b.c", None),
        ("missing", None), ("null", None), ("zero", 0), ("false", False), ("list.999999", None), ("", None),
    ],
)  # fmt: skip
def test_a_dotted_path_leads_into_objects_and_lists(path: str, value: Any) -> None:
    data = {"a": {"b": 1}, "list": [2, {"c": 3}], "null": None, "zero": 0, "false": False}
    assert first(data, (path,)) == value


def test_the_first_path_that_is_there_counts() -> None:
    data = {"a": None, "b": 2, "c": 3}
    assert first(data, ("a", "b", "c")) == 2
    assert first(data, ()) is None
    assert first(None, ("a",)) is first(7, ("a",)) is first("a", ("0",)) is None


@pytest.mark.parametrize("value", [0, 1, 12.0, 2**31 - 1])
def test_counts(value: Any) -> None:
    assert is_count(value)


@pytest.mark.parametrize("value", [True, -1, 1.5, 2**31, "7", None, [], float("nan"), float("inf")])
def test_what_is_no_count(value: Any) -> None:
    assert not is_count(value)


def test_each_place_is_counted_once() -> None:
    data = {"usage": {"input": 5, "cached": 2.0}, "meta": {"input": 9}}
    assert counts(data, PATHS.prompt) == {0: 5, 1: 2}
    assert counts({"meta": {"input": 9}}, PATHS.prompt) == {0: 9}
    assert counts({"usage": {"input": "five"}}, PATHS.prompt) == {}


@pytest.mark.parametrize(
    ("data", "usage"),
    [
        ({"usage": {"input": 5, "cached": 2, "output": 3}}, Usage(7, 3)),
        ({"usage": {"input": 5}}, Usage(5, None)),
        ({"usage": {"output": 0}}, Usage(None, 0)),
        ({}, None),
        ([], None),
        ({"usage": {"input": -1, "output": True}}, None),
    ],
)
def test_usage_of_an_answer(data: Any, usage: Usage | None) -> None:
    assert usage_of(data, PATHS) == usage


def test_a_later_message_keeps_what_it_does_not_tell() -> None:
    counted = Counted(PATHS)
    assert counted.usage() is None
    for told in (
        {"usage": {"input": 5, "output": 1}},
        {"usage": {"output": 4}},
        {"usage": {"input": 0, "output": 9}},
        {},
    ):
        counted.learn(told)
    assert counted.usage() == Usage(5, 9)


@given(st.lists(st.dictionaries(st.sampled_from(["input", "cached", "output"]), st.integers(-5, 50)), max_size=6))
def test_usage_of_a_stream_is_made_of_the_last_counts(messages: list[dict[str, int]]) -> None:
    counted = Counted(PATHS)
    last: dict[str, int] = {}
    for message in messages:
        counted.learn({"usage": message})
        last |= {key: value or last.get(key, 0) for key, value in message.items() if value >= 0}
    prompt = [last[key] for key in ("input", "cached") if key in last]
    expected = Usage(sum(prompt) if prompt else None, last.get("output")) if last else None
    assert counted.usage() == expected


def asked(content: Any) -> CallContext:
    """A call with this content."""
    return CallContext("m", "r", 0, asked=Raw(encode(content)))


@pytest.mark.parametrize(
    ("usage", "written", "told"),
    [
        (None, 5, None),
        (Usage(3, 4), 9, {"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7}),
        (Usage(3, None), None, {"prompt_tokens": 3, "total_tokens": 3}),
        (
            Usage(3, None),
            9,
            {"prompt_tokens": 3, "completion_tokens": 9, "total_tokens": 12, "estimated": ["completion_tokens"]},
        ),
        (
            Usage(None, 4),
            9,
            {"prompt_tokens": 2, "completion_tokens": 4, "total_tokens": 6, "estimated": ["prompt_tokens"]},
        ),
        (
            Usage(None, None),
            9,
            {
                "prompt_tokens": 2,
                "completion_tokens": 9,
                "total_tokens": 11,
                "estimated": ["prompt_tokens", "completion_tokens"],
            },
        ),
        (Usage(0, 0), 9, {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}),
    ],
)
def test_usage_as_openai_tells_it(usage: Usage | None, written: int | None, told: Any) -> None:
    assert usage_body(usage, asked("12345678"), written) == told


@pytest.mark.parametrize(
    ("content", "tokens"),
    [
        ("", 0), ("a", 1), ("abcd", 1), ("abcde", 2), ("名前名", 3), (["abcd", "abcd"], 2), (None, 0), (7, 0),
        ([{"role": "user", "content": "abcd"}], 1), ({"type": "text", "text": "abcdefgh", "id": "x" * 99}, 2),
        ({"image_url": {"url": "data:" + "x" * 999}}, 0), ("\ud800", 1),
    ],
)  # fmt: skip
def test_about_how_many_tokens_a_text_has(content: Any, tokens: int) -> None:
    assert tokens_in(content) == tokens


def test_a_call_has_at_least_one_token() -> None:
    told = usage_body(Usage(None, 1), CallContext("m", "r", 0), None)
    assert told is not None
    assert told["prompt_tokens"] == 1
