"""Ollama's own API: pictures apart, arguments as objects, efforts as its own words, one object a line."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.json import decode, encode

from registry.canon import CallContext, Failure
from registry.protocols.codecs import ollama
from tests.registry.protocols.runtime.drafts import draft
from tests.registry.protocols.runtime.drafts import told as told_by
from tests.registry.protocols.runtime.values import told, value

CONTEXT = CallContext("public", "r1", 0)
PNG = "data:image/png;base64,iVBORw0KGgoAAAA"
CALL = {"id": "c1", "type": "function", "function": {"name": "look", "arguments": '{"a":1}'}}


def messages(*given: dict[str, Any]) -> list[dict[str, Any]]:
    """Messages as Ollama takes them."""
    return ollama.messages(value(list(given)))


@pytest.mark.parametrize(
    ("role", "sent"), [("system", "system"), ("developer", "system"), ("user", "user"), ("assistant", "assistant")]
)
def test_roles(role: str, sent: str) -> None:
    assert messages({"role": role, "content": "a"}) == [{"role": sent, "content": "a"}]


def test_pictures_stand_apart_from_text() -> None:
    parts = [
        {"type": "text", "text": "What "},
        {"type": "image_url", "image_url": {"url": PNG}},
        {"type": "text", "text": "is it?"},
    ]
    assert messages({"role": "user", "content": parts}) == [
        {"role": "user", "content": "What is it?", "images": ["iVBORw0KGgoAAAA"]}
    ]


@pytest.mark.parametrize(
    ("part", "words"),
    [
        ({"type": "image_url", "image_url": {"url": "https://h/a.png"}}, "because Ollama fetches nothing"),
        ({"type": "input_audio", "input_audio": {}}, "a message holds a part of type 'input_audio'"),
    ],
)
def test_parts_that_cannot_be_said(part: dict[str, Any], words: str) -> None:
    with pytest.raises(Failure, match=words):
        messages({"role": "user", "content": [part]})


def test_calls_and_answers() -> None:
    assert messages(
        {"role": "assistant", "content": None, "reasoning_content": "hm", "tool_calls": [CALL]},
        {"role": "tool", "tool_call_id": "c1", "content": "7"},
    ) == [
        {
            "role": "assistant",
            "content": "",
            "thinking": "hm",
            "tool_calls": [{"id": "c1", "function": {"name": "look", "arguments": {"a": 1}}}],
        },
        {"role": "tool", "content": "7", "tool_name": "look", "tool_call_id": "c1"},
    ]


def test_an_answer_to_an_unknown_call_keeps_its_own_name() -> None:
    (turn,) = messages({"role": "tool", "tool_call_id": "c9", "name": "find", "content": "7"})
    assert (turn["tool_name"], turn["tool_call_id"]) == ("find", "c9")


def test_what_ollama_does_not_know_of_a_message_is_told() -> None:
    made = value([{"role": "user", "content": "a", "name": "Ann"}])
    ollama.messages(made)
    assert told(made) == [("messages[0].name", "dropped", "Ann", None)]


@pytest.mark.parametrize(
    ("effort", "sent", "action"),
    [
        ("none", False, "mapped"), ("minimal", "low", "clamped"), ("low", "low", None), ("medium", "medium", None),
        ("high", "high", None), ("xhigh", "high", "clamped"), ("max", "high", "clamped"), (True, True, None),
    ],
)  # fmt: skip
def test_efforts_are_the_nearest_of_its_own(effort: Any, sent: Any, action: str | None) -> None:
    made = value(effort, "reasoning_effort")
    assert ollama.think(made) == sent
    assert [item[1] for item in told(made)] == ([action] if action else [])


def test_its_own_setting_travels_as_it_is() -> None:
    assert ollama.think(value("max", "think")) == "max"


@pytest.mark.parametrize("effort", ["huge", 7, []])
def test_an_unknown_effort_is_refused(effort: Any) -> None:
    with pytest.raises(Failure, match="one of none, minimal, low, medium, high, xhigh, max"):
        ollama.think(value(effort, "reasoning_effort"))


@pytest.mark.parametrize(
    ("choice", "tools", "left", "actions"),
    [
        (None, [1], [1], []),
        ("auto", [1], [1], []),
        ("none", [1], None, ["mapped", "mapped"]),
        ("required", [1], [1], ["dropped"]),
        ({"type": "function"}, [1], [1], ["dropped"]),
        ("auto", None, None, ["dropped"]),
        ("none", None, None, ["dropped"]),
    ],
)
def test_a_choice_of_tools(choice: Any, tools: Any, left: Any, actions: list[str]) -> None:
    body: dict[str, Any] = {} if tools is None else {"tools": tools}
    made = draft(tool_choice=choice)
    ollama.finish(body, made)
    assert body.get("tools") == left
    assert [item[1] for item in told_by(made)] == actions


def test_formats_and_tools() -> None:
    assert ollama.format(value({"type": "json_object"})) == "json"
    schema = {"type": "object"}
    assert ollama.format(value({"type": "json_schema", "json_schema": {"schema": schema}})) == schema
    assert ollama.tools(value([CALL])) == [CALL]
    with pytest.raises(Failure, match="'tools' is no list"):
        ollama.tools(value({}))


@pytest.mark.parametrize(
    ("answer", "text", "finish"),
    [
        ({"message": {"content": "a"}, "done_reason": "stop"}, "a", "stop"),
        ({"message": {"content": "a"}, "done_reason": "length"}, "a", "length"),
        ({"message": {"content": "a"}, "done_reason": "load"}, "a", "stop"),
        ({"message": {"content": "a"}}, "a", "stop"),
        ({"message": {"content": None}}, "", "stop"),
        ({"message": {}}, "", "stop"),
    ],
)
def test_a_whole_chat(answer: Any, text: str, finish: str) -> None:
    choice = ollama.chat(answer, CONTEXT)["choices"][0]
    assert (choice["message"]["content"], choice["finish_reason"]) == (text, finish)


def test_calls_get_an_id_if_they_have_none() -> None:
    made = [{"function": {"name": "a", "arguments": {"x": 1}}}, {"id": "own", "function": {"name": "b"}}]
    choice = ollama.chat({"message": {"content": "", "tool_calls": made, "thinking": "hm"}}, CONTEXT)["choices"][0]
    calls = choice["message"]["tool_calls"]
    assert [call["id"] for call in calls] == ["call_r1_0", "own"]
    assert [call["function"]["arguments"] for call in calls] == ['{"x":1}', "{}"]
    assert (choice["finish_reason"], choice["message"]["reasoning_content"]) == ("tool_calls", "hm")


LINES = st.lists(
    st.fixed_dictionaries(
        {"content": st.text(max_size=4)},
        optional={
            "thinking": st.text(max_size=4),
            "tool_calls": st.just([{"function": {"name": "a", "arguments": {}}}]),
        },
    ),
    max_size=6,
)


@given(LINES)
def test_a_chat_by_lines_says_what_the_whole_chat_says(lines: list[dict[str, Any]]) -> None:
    whole = {
        "content": "".join(line["content"] for line in lines),
        "thinking": "".join(line.get("thinking", "") for line in lines),
        "tool_calls": [call for line in lines for call in line.get("tool_calls", [])],
    }
    choice = ollama.chat({"message": whole, "done_reason": "stop"}, CONTEXT)["choices"][0]
    state: dict[str, Any] = {"request_id": "r1"}
    deltas = [ollama.chat_delta(state, "", {"message": line, "done": False}) for line in lines]
    deltas.append(ollama.chat_delta(state, "", {"done": True, "done_reason": "stop"}))
    said = choice["message"]
    assert "".join(delta.text for delta in deltas) == (said["content"] or "")
    assert "".join(delta.reasoning for delta in deltas) == said.get("reasoning_content", "")
    calls = [call for delta in deltas for call in delta.tools]
    assert [call.pop("index") for call in calls] == list(range(len(calls)))
    assert calls == said.get("tool_calls", [])
    assert (deltas[-1].finish, deltas[-1].done) == (choice["finish_reason"], True)


def test_a_completion_whole_and_by_lines() -> None:
    choice = ollama.completion({"response": "hello", "done_reason": "length"}, CONTEXT)["choices"][0]
    assert (choice["text"], choice["finish_reason"]) == ("hello", "length")
    first = ollama.completion_delta({}, "", {"response": "hel"})
    last = ollama.completion_delta({}, "", {"response": "lo", "done": True, "done_reason": "length"})
    assert (first.text + last.text, first.finish, last.finish, last.done) == ("hello", None, "length", True)


@pytest.mark.parametrize(
    ("reader", "answer"),
    [
        (ollama.chat, {}), (ollama.chat, []), (ollama.chat, {"message": "a"}), (ollama.completion, {}),
        (ollama.chat, {"message": {"content": 7}}), (ollama.chat, {"message": {"tool_calls": [{}]}}),
        (ollama.embeddings, {}), (ollama.embeddings, {"embeddings": []}), (ollama.completion, {"response": []}),
    ],
)  # fmt: skip
def test_answers_of_another_form_raise(reader: Any, answer: Any) -> None:
    with pytest.raises((LookupError, TypeError, AttributeError)):
        reader(answer, CONTEXT)


@given(st.dictionaries(st.text(max_size=4), st.integers() | st.text(max_size=4), max_size=3))
def test_arguments_survive_the_way_there_and_back(arguments: dict[str, Any]) -> None:
    text = encode(arguments).decode()
    call = {**CALL, "function": {"name": "look", "arguments": text}}
    (turn,) = messages({"role": "assistant", "content": None, "tool_calls": [call]})
    back = ollama.chat({"message": {"content": "", "tool_calls": turn["tool_calls"]}}, CONTEXT)["choices"][0]
    (returned,) = back["message"]["tool_calls"]
    assert decode(returned["function"]["arguments"]) == arguments
    assert (returned["id"], returned["function"]["name"]) == ("c1", "look")
