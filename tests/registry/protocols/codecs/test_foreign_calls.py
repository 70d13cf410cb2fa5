"""Tool calls and their answers on foreign wires: arguments, ids, pairs, the older function_call, and thinking."""

import json
from typing import Any

import pytest

from registry.canon import CallContext, Task
from registry.protocols.compiler.adapters import compile_adapter
from registry.specfile.file import read
from tests.registry.protocols.codecs.test_foreign_requests import RESULT, TEN, USER, call, refusal, send


@pytest.mark.parametrize("protocol", ["anthropic", "ollama"])
@pytest.mark.parametrize(
    ("arguments", "sent"),
    [
        ('{"hue": "teal"}', {"hue": "teal"}),
        ('"{\\"hue\\": \\"teal\\"}"', {"hue": "teal"}),
        ({"hue": "teal"}, {"hue": "teal"}),
        ("", {}),
        (" ", {}),
        (None, {}),
        ("{}", {}),
    ],
)
def test_arguments_reach_the_upstream_as_an_object(protocol: str, arguments: Any, sent: Any) -> None:
    body, _ = send(protocol, {"messages": [USER, call(arguments), RESULT]})
    turn = body["messages"][1]
    found = turn["content"][0]["input"] if protocol == "anthropic" else turn["tool_calls"][0]["function"]["arguments"]
    assert found == sent


@pytest.mark.parametrize("protocol", ["anthropic", "ollama"])
@pytest.mark.parametrize("arguments", ["[1]", "7", "{", '"x"', [1], 7, True])
def test_arguments_that_are_no_object_are_refused(protocol: str, arguments: Any) -> None:
    failure = refusal(protocol, {"messages": [USER, call(arguments), RESULT]})
    assert "messages[1].tool_calls[0].function.arguments" in failure.message


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ('{"hue": "teal"}', '{"hue": "teal"}'),
        ('"{\\"hue\\": 1}"', '{"hue": 1}'),
        ({"hue": 1}, '{"hue":1}'),
        ("", "{}"),
        (None, "{}"),
        ({}, "{}"),
        ("{broken", "{broken"),
    ],
)
def test_arguments_reach_the_caller_as_text_of_an_object(arguments: Any, told: str) -> None:
    context = CallContext("m", "r", 1)
    ollama = {"message": {"tool_calls": [{"function": {"name": "paint", "arguments": arguments}}]}, "done": True}
    claude = {"content": [{"type": "tool_use", "id": "t", "name": "paint", "input": arguments}]}
    for protocol, answer in (("ollama", ollama), ("anthropic", claude)):
        spec = read({"name": "m", "type": "llm", "protocol": protocol, "endpoint": "http://h"})
        reply = compile_adapter(spec).operations[Task.CHAT].decode(200, {}, json.dumps(answer).encode(), context)
        choice = json.loads(reply.body)["choices"][0]
        assert choice["message"]["tool_calls"][0]["function"]["arguments"] == told
        assert choice["finish_reason"] == "tool_calls"


def test_the_older_function_call_and_its_answer_are_a_pair() -> None:
    old = {"role": "assistant", "content": None, "function_call": {"name": "paint", "arguments": "{}"}}
    answered = {"role": "function", "name": "paint", "content": "ok"}
    body, _ = send("anthropic", {"messages": [USER, old, answered, old, answered]})
    pairs = [(body["messages"][at]["content"][0]["id"], body["messages"][at + 1]["content"][0]["tool_use_id"])
             for at in (1, 3)]  # fmt: skip
    assert pairs[0][0] == pairs[0][1] != pairs[1][0] == pairs[1][1]
    assert "answers no function_call" in refusal("anthropic", {"messages": [USER, answered]}).message
    assert "answers no function_call" in refusal("ollama", {"messages": [USER, old, answered, answered]}).message


def test_ids_that_anthropic_does_not_take_stay_pairs_and_apart() -> None:
    ids = ["functions.paint:0", "functions_paint_0", "functions.paint.0"]
    messages = [USER]
    for identity in ids:
        messages += [call("{}", identity), {**RESULT, "tool_call_id": identity}]
    body, _ = send("anthropic", {"messages": messages})
    sent = [block for turn in body["messages"] if isinstance(turn["content"], list) for block in turn["content"]]
    used, answered = [b["id"] for b in sent if "id" in b], [b["tool_use_id"] for b in sent if "tool_use_id" in b]
    assert used == answered
    assert len(set(used)) == 3
    assert all(set(identity) <= set("abcdefghijklmnopqrstuvwxyz0123456789_") for identity in used)


@pytest.mark.parametrize("protocol", ["anthropic", "ollama", "huggingface"])
def test_calls_and_thinking_that_are_no_assistants_are_told(protocol: str) -> None:
    odd = {**USER, "tool_calls": call("{}")["tool_calls"], "thinking_blocks": [{"type": "thinking"}]}
    _, told = send(protocol, {**TEN, "messages": [odd]})
    assert {"messages[0].tool_calls", "messages[0].thinking_blocks"} <= {item[0] for item in told}


@pytest.mark.parametrize("tool", ["paint", 7, None, {"type": "custom", "custom": {"name": "x"}}])
def test_tools_of_another_form_are_refused(tool: Any) -> None:
    assert refusal("anthropic", {"tools": [tool]}).parameter == "tools"


def test_the_message_that_an_answer_was_goes_back_in_a_strict_call() -> None:
    said = {
        "role": "assistant",
        "content": None,
        "refusal": None,
        "annotations": [],
        "reasoning_content": "ab",
        "thinking_blocks": [
            {"index": 0, "type": "thinking", "thinking": "a", "signature": "s"},
            {"index": 1, "type": "redacted_thinking", "data": "d"},
            {"index": 2, "type": "thinking", "thinking": "b", "signature": "t"},
        ],
        "tool_calls": call("{}")["tool_calls"],
    }
    body, told = send("anthropic", {**TEN, "messages": [USER, said, RESULT]}, strict=True)
    assert [block["type"] for block in body["messages"][1]["content"]] == [
        *("thinking", "redacted_thinking", "thinking", "tool_use")
    ]
    assert told == []
