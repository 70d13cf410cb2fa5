"""Tool calls of a conversation: their arguments, and the answers that belong to them."""

from typing import Any

import pytest

from registry.protocols.runtime.calls import ToolCalls, arguments_of
from tests.registry.protocols.runtime.values import value, words


@pytest.mark.parametrize(
    ("arguments", "found"),
    [
        ('{"a":1}', {"a": 1}), ({"a": 1}, {"a": 1}), ("", {}), (" ", {}), (None, {}), ('""', {}), ("null", {}),
        ('"{\\"a\\":1}"', {"a": 1}),
    ],
)  # fmt: skip
def test_a_call_s_arguments_are_an_object(arguments: Any, found: Any) -> None:
    assert arguments_of(value({"arguments": arguments}, "f")) == found


@pytest.mark.parametrize("arguments", ["[1]", "7", [1], 7, '"a"'])
def test_arguments_that_are_no_object_are_refused(arguments: Any) -> None:
    assert "a JSON object as text" in words(arguments_of, value({"arguments": arguments}, "f"))


@pytest.mark.parametrize("arguments", ["{", "nul", "[" * 100_000])
def test_arguments_that_are_no_json_are_refused(arguments: str) -> None:
    sentence = words(arguments_of, value({"arguments": arguments}, "f"))
    assert sentence == "f.arguments is not JSON; expected a JSON object as text."


def call(identity: str = "c1", name: Any = "look", **more: Any) -> dict[str, Any]:
    """A tool call of an assistant."""
    return {"id": identity, "type": "function", "function": {"name": name, "arguments": "{}"}, **more}


def test_calls_and_their_answers_find_each_other() -> None:
    calls = ToolCalls()
    made = calls.of(value({"tool_calls": [call("c1", "look"), call("c2", "find")]}))
    assert [(item.id, item.name, item.arguments) for item in made] == [("c1", "look", {}), ("c2", "find", {})]
    assert calls.answered("tool", value({"tool_call_id": "c2"})) == ("c2", "find")
    assert calls.answered("tool", value({"tool_call_id": "c9"})) == ("c9", "")


def test_the_older_form_of_a_call() -> None:
    calls = ToolCalls()
    for _ in range(2):
        calls.of(value({"function_call": {"name": "look", "arguments": "{}"}}))
    assert calls.answered("function", value({"name": "look"})) == ("function_call_0", "look")
    assert calls.answered("function", value({"name": "look"})) == ("function_call_1", "look")
    assert "answers no function_call" in words(calls.answered, "function", value({"name": "look"}))


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        (call(""), "m.tool_calls[0] has no id; expected the id that its answer refers to."),
        (call(type="custom"), "m.tool_calls[0] is of type 'custom'; expected function."),
        (call(name=""), "m.tool_calls[0].function has no name; expected the name of the tool that is called."),
        (call(name=7), "m.tool_calls[0].function has no name; expected the name of the tool that is called."),
    ],
)
def test_a_call_that_cannot_be_read_is_refused(wrong: Any, sentence: str) -> None:
    assert words(ToolCalls().of, value({"tool_calls": [wrong]}, "m")) == sentence


def test_an_answer_needs_the_id_of_its_call() -> None:
    sentence = words(ToolCalls().answered, "tool", value({"content": "a"}))
    assert sentence == "a tool message has no tool_call_id; expected the id of the call that it answers."
