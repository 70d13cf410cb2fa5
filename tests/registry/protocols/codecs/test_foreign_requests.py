"""What OpenAI takes and a foreign upstream is known to refuse: put right and told, or refused in strict calls."""

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw
from msgspec.json import encode

from registry.canon import Failure, FailureKind, Request, Task
from registry.protocols.compiler.adapters import compile_adapter
from registry.protocols.runtime.media import data_address
from registry.specfile.file import read

USER: dict[str, Any] = {"role": "user", "content": "Name a colour."}
PAINT: dict[str, Any] = {"type": "function", "function": {"name": "paint", "parameters": {"type": "object"}}}
THINKING = {"type": "enabled", "budget_tokens": 8000}
TEN = {"max_tokens": 10}


def send(protocol: str, fields: dict[str, Any], *, strict: bool = False, **spec: Any) -> tuple[Any, list[list[Any]]]:
    """The body on the wire of a chat call, and what was adapted."""
    made = read({"name": "m", "type": "llm", "protocol": protocol, "endpoint": "http://h", **spec})
    raw = {key: Raw(encode(value)) for key, value in {"messages": [USER], **fields}.items()}
    encoded = compile_adapter(made).operations[Task.CHAT].encode(Request(Task.CHAT, raw, strict=strict), "up")
    told = [[item.parameter, item.action, item.given, item.sent] for item in encoded.adapted]
    return json.loads(encoded.wire.body), told


def refusal(protocol: str, fields: dict[str, Any], *, strict: bool = False) -> Failure:
    """The failure of a chat call that is refused."""
    with pytest.raises(Failure) as caught:
        send(protocol, fields, strict=strict)
    assert caught.value.kind is FailureKind.INVALID_REQUEST
    return caught.value


def call(arguments: Any, identity: str = "c1") -> dict[str, Any]:
    """An assistant's message with one tool call."""
    function = {"name": "paint", "arguments": arguments}
    return {
        "role": "assistant",
        "content": None,
        "tool_calls": [{"id": identity, "type": "function", "function": function}],
    }


RESULT = {"role": "tool", "tool_call_id": "c1", "content": "ok"}


@pytest.mark.parametrize(
    ("given", "sent", "lost"),
    [
        (["\n", "END"], ["END"], ["stop[0]"]),
        ("\n\n", [], ["stop"]),
        ([" ", "\t"], [], ["stop[0]", "stop[1]"]),
        ("END", ["END"], []),
        (" END", [" END"], []),
    ],
)
def test_blank_stop_texts(given: Any, sent: list[str], lost: list[str]) -> None:
    body, told = send("anthropic", {**TEN, "stop": given})
    assert body["stop_sequences"] == sent
    assert [item[0] for item in told if item[1] == "dropped"] == lost
    if lost:
        assert refusal("anthropic", {"stop": given}, strict=True).parameter == lost[0]


@pytest.mark.parametrize(
    ("messages", "sent", "lost"),
    [
        ([USER, {"role": "assistant", "content": "\n\n"}, USER], 1, ["messages[1].content"]),
        ([USER, {"role": "assistant", "content": ""}, USER], 1, []),
        ([{"role": "system", "content": "  "}, USER], 1, ["messages[0].content"]),
        ([{"role": "user", "content": [{"type": "text", "text": "\t"}]}, USER], 1, ["messages[0].content[0]"]),
        ([USER, {"role": "assistant", "content": None, "refusal": " "}, USER], 1, ["messages[1].refusal"]),
    ],
)
def test_blank_text_is_dropped_and_told(messages: list[Any], sent: int, lost: list[str]) -> None:
    body, told = send("anthropic", {**TEN, "messages": messages})
    assert len(body["messages"]) == sent
    assert not str(body.get("system", "x")).isspace()
    assert [item[0] for item in told] == lost
    if lost:
        assert refusal("anthropic", {"messages": messages}, strict=True).parameter == lost[0]


@pytest.mark.parametrize("content", ["  ", "", None, []])
def test_a_conversation_without_anything_to_answer_is_refused(content: Any) -> None:
    failure = refusal("anthropic", {"messages": [{"role": "user", "content": content}]})
    assert "nothing to answer" in failure.message
    assert "nothing to answer" in refusal("anthropic", {"messages": [{"role": "system", "content": "x"}]}).message


def test_spaces_at_the_end_of_an_answer_to_go_on_with() -> None:
    messages = [USER, {"role": "assistant", "content": "The colour is \n"}]
    body, told = send("anthropic", {**TEN, "messages": messages})
    assert body["messages"][-1]["content"] == "The colour is"
    assert told == [["messages[1].content", "clamped", "The colour is \n", "The colour is"]]
    assert refusal("anthropic", {"messages": messages}, strict=True).parameter == "messages[1].content"
    assert send("anthropic", {**TEN, "messages": [*messages, USER]})[1] == []


@pytest.mark.parametrize(
    ("schema", "sent"),
    [
        (None, {"type": "object", "properties": {}}),
        ({}, {"type": "object", "properties": {}}),
        ({"properties": {"a": {}}}, {"type": "object", "properties": {"a": {}}}),
        ({"type": ["object", "null"]}, {"type": "object"}),
        ({"type": "object", "$defs": {}}, {"type": "object", "$defs": {}}),
    ],
)
def test_a_tools_schema_says_that_it_is_an_object(schema: Any, sent: Any) -> None:
    tool = {"type": "function", "function": {"name": "paint", "parameters": schema}}
    assert send("anthropic", {"tools": [tool]})[0]["tools"][0]["input_schema"] == sent


@pytest.mark.parametrize("schema", [{"type": "string"}, {"type": ["string", "null"]}, [], "object"])
def test_a_tools_schema_of_another_type_is_refused(schema: Any) -> None:
    tool = {"type": "function", "function": {"name": "paint", "parameters": schema}}
    assert "tools[0].function.parameters" in refusal("anthropic", {"tools": [tool]}).message


@pytest.mark.parametrize(
    ("fields", "sent", "told"),
    [
        ({}, {"max_tokens": 12_096, "thinking": THINKING}, ["max_tokens"]),
        ({"max_tokens": 9000}, {"max_tokens": 9000, "thinking": THINKING}, []),
        (
            {"max_tokens": 6000},
            {"max_tokens": 6000, "thinking": {**THINKING, "budget_tokens": 3000}},
            ["thinking.budget_tokens"],
        ),
        ({"max_tokens": 900}, {"max_tokens": 900, "thinking": None}, ["thinking"]),
        ({"temperature": 0.2, "top_k": 4, "top_p": 0.5}, {"temperature": None, "top_k": None, "top_p": None},
         ["max_tokens", "temperature", "top_p", "top_k"]),
        ({"temperature": 1, "top_p": 0.97}, {"temperature": 1, "top_p": 0.97}, ["max_tokens"]),
        ({"tools": [PAINT], "tool_choice": "required"}, {"thinking": None}, ["thinking", "max_tokens"]),
        ({"messages": [USER, call("{}"), RESULT]}, {"thinking": None}, ["thinking", "max_tokens"]),
        ({"messages": [USER, {"role": "assistant", "content": "It is"}]}, {"thinking": None},
         ["thinking", "max_tokens"]),
        ({"reasoning_effort": "none"}, {"thinking": THINKING, "output_config": None},
         ["reasoning_effort", "reasoning_effort", "max_tokens"]),
    ],
)  # fmt: skip
def test_thinking_and_what_it_excludes(fields: dict[str, Any], sent: dict[str, Any], told: list[str]) -> None:
    body, adapted = send("anthropic", {"thinking": THINKING, **fields})
    assert {name: body.get(name) for name in sent} == sent
    assert [item[0] for item in adapted] == told


def test_thinking_that_a_spec_sends_under_another_name() -> None:
    params = {"think": {"type": "object", "upstream": "thinking"}}
    body, _ = send("anthropic", {"think": THINKING}, params=params)
    assert (body["thinking"], body["max_tokens"]) == (THINKING, 12_096)


@pytest.mark.parametrize(
    ("protocol", "effort", "sent", "actions"),
    [
        ("ollama", "none", False, ["mapped"]),
        ("ollama", "minimal", "low", ["clamped"]),
        ("ollama", "low", "low", []),
        ("ollama", "medium", "medium", []),
        ("ollama", "high", "high", []),
        ("ollama", "xhigh", "high", ["clamped"]),
        ("anthropic", "minimal", "low", ["clamped"]),
        ("anthropic", "xhigh", "xhigh", []),
        ("anthropic", "none", None, ["mapped"]),
    ],
)
def test_reasoning_effort_is_one_that_the_upstream_has(
    protocol: str, effort: str, sent: Any, actions: list[str]
) -> None:
    body, told = send(protocol, {**TEN, "reasoning_effort": effort})
    found = body["think"] if protocol == "ollama" else body.get("output_config", {}).get("effort")
    assert found == sent
    assert [item[1] for item in told if item[0] == "reasoning_effort" and item[1] != "renamed"] == actions
    if "clamped" in actions:
        assert refusal(protocol, {"reasoning_effort": effort}, strict=True).parameter == "reasoning_effort"
    else:
        send(protocol, {"reasoning_effort": effort}, strict=True)


@pytest.mark.parametrize("protocol", ["ollama", "anthropic"])
@pytest.mark.parametrize("effort", ["turbo", 3, ["low"]])
def test_an_unknown_effort_is_refused(protocol: str, effort: Any) -> None:
    failure = refusal(protocol, {"reasoning_effort": effort})
    assert failure.parameter == "reasoning_effort"
    assert "medium" in failure.message


def test_ollamas_own_think_travels_as_it_is() -> None:
    for value in (True, False, "max"):
        assert send("ollama", {"think": value})[0]["think"] == value


@pytest.mark.parametrize(
    ("address", "media"),
    [
        ("data:image/jpg;base64,/9j/4AAQ", "image/jpeg"),
        ("data:IMAGE/JPEG;base64,/9j/4AAQ", "image/jpeg"),
        ("DATA:image/pjpeg;BASE64,/9j/4AAQ", "image/jpeg"),
        ("data:image/png;charset=utf-8;base64,/9j/4AAQ", "image/png"),
        ("data: image/png ; base64,/9j/4AAQ", "image/png"),
        ("data:image/x-png;name=a.png;base64,/9j/4AAQ", "image/png"),
        ("data:;base64,/9j/4AAQ", "image/jpeg"),
        ("data:application/octet-stream;base64,/9j/4AAQ", "image/jpeg"),
        ("data:image/webp;base64,/9j/\n 4AAQ", "image/webp"),
        ("data:image/gif;base64,%2F9j%2F4AAQ", "image/gif"),
    ],
)
def test_a_picture_has_a_registered_type(address: str, media: str) -> None:
    parts = [{"type": "image_url", "image_url": {"url": address}}]
    body, _ = send("anthropic", {"messages": [{"role": "user", "content": parts}]})
    source = body["messages"][0]["content"][0]["source"]
    assert source == {"type": "base64", "media_type": media, "data": "/9j/4AAQ"}


@given(st.sampled_from(["image/png", "image/jpeg", "image/gif", "image/webp"]), st.binary(min_size=1), st.data())
def test_any_spelling_of_a_type_is_the_same_type(media: str, picture: bytes, data: st.DataObject) -> None:
    spelt = "".join(data.draw(st.sampled_from([letter, letter.upper()])) for letter in media)
    space, more = data.draw(st.sampled_from(["", " "])), data.draw(st.sampled_from(["", ";charset=utf-8", ";q=1"]))
    encoded = base64.b64encode(picture).decode()
    found = data_address(f"data:{space}{spelt}{space}{more};base64,{space}{encoded}")
    assert found is not None
    assert found[1:] == (media, encoded)


def test_a_data_address_that_is_not_base64_is_refused() -> None:
    for address in ("data:image/png,abc", "data:image/png;base64", "data:base64,abc"):
        parts = [{"type": "image_url", "image_url": {"url": address}}]
        assert "not base64" in refusal("anthropic", {"messages": [{"role": "user", "content": parts}]}).message


@pytest.mark.parametrize(("marks", "own", "kept"), [(3, 0, 3), (4, 0, 4), (6, 0, 4), (4, 1, 3)])
def test_no_more_marks_for_caching_than_anthropic_takes(marks: int, own: int, kept: int) -> None:
    mark = {"cache_control": {"type": "ephemeral"}}
    parts = [{"type": "text", "text": str(number), **mark} for number in range(marks - 1)]
    fields = {
        **TEN,
        "tools": [{**PAINT, **mark}],
        "messages": [{"role": "user", "content": parts}],
        **(mark if own else {}),
    }
    body, told = send("anthropic", fields)
    assert json.dumps({**body, "cache_control": None}).count('"cache_control": {') == kept
    assert ("cache_control" in [item[0] for item in told]) == (kept < marks)
    if kept < marks:
        assert "cache_control" not in body["tools"][0]
        assert refusal("anthropic", fields, strict=True).parameter == "cache_control"


@pytest.mark.parametrize("protocol", ["ollama", "huggingface"])
def test_an_encoding_of_vectors_that_is_not_made_here_is_told(protocol: str) -> None:
    spec = read({"name": "m", "type": "embedding", "protocol": protocol, "endpoint": "http://h"})
    operation = compile_adapter(spec).operations[Task.EMBEDDING]
    for wanted, told in (("float", []), ("base64", []), ("int8", ["encoding_format"])):
        fields = {"input": Raw(b'["x"]'), "encoding_format": Raw(encode(wanted))}
        adapted = operation.encode(Request(Task.EMBEDDING, fields), "up").adapted
        assert [item.parameter for item in adapted] == told
