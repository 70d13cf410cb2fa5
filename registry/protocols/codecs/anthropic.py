"""Anthropic's Messages API: system apart, content blocks, strict turns, named stream events."""

from typing import Any

from msgspec import DecodeError
from msgspec.json import decode, encode

from registry.canon import CallContext
from registry.protocols import replies
from registry.protocols.content import (
    INSTRUCTIONS,
    each_message,
    image_of,
    parts_of,
    schema_of,
    text_only,
    unreadable,
)
from registry.protocols.streams import NOTHING, Delta

__all__ = [
    "conversation", "delta", "finish", "message", "negated", "output_format", "stop_sequences", "tool_choice", "tools",
]  # fmt: skip

Block = dict[str, Any]
FINISH = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "pause_turn": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "tool_use": "tool_calls",
    "refusal": "content_filter",
}
CHOICES = {"auto": {"type": "auto"}, "none": {"type": "none"}, "required": {"type": "any"}}


def conversation(messages: Any) -> dict[str, Any]:
    """`system` and `messages`: instructions are lifted out, neighbours of one role become one turn."""
    system: list[str] = []
    turns: list[dict[str, Any]] = []
    for role, given in each_message(messages):
        if role in INSTRUCTIONS:
            system.append(text_only(given.get("content"), "instructions are text"))
            continue
        speaker = "assistant" if role == "assistant" else "user"
        found = tool_result(given) if role in ("tool", "function") else blocks(given)
        if turns and turns[-1]["role"] == speaker:
            turns[-1]["content"] += found
        elif found:
            turns.append({"role": speaker, "content": found})
    for turn in turns:
        if len(turn["content"]) == 1 and turn["content"][0]["type"] == "text":
            turn["content"] = turn["content"][0]["text"]
    lifted = {"system": "\n\n".join(system)} if system else {}
    return {**lifted, "messages": turns}


def blocks(given: Block) -> list[Block]:
    """A message's content and tool calls as content blocks."""
    found = [block(part) for part in parts_of(given.get("content"))]
    kept = [item for item in found if item.get("text") != ""]
    return kept + [tool_use(call) for call in given.get("tool_calls") or ()]


def block(part: Block) -> Block:
    """One part of a message as a content block."""
    kind = part.get("type")
    if kind in ("text", "refusal"):
        return {"type": "text", "text": str(part.get("text") or part.get("refusal") or "")}
    if kind == "image_url":
        media, data, address = image_of(part)
        source = {"type": "url", "url": address} if address else {"type": "base64", "media_type": media, "data": data}
        return {"type": "image", "source": source}
    if kind in ("image", "document", "thinking", "redacted_thinking"):
        return part
    raise unreadable(f"a message holds a part of type {kind!r:.60}", "text or image_url")


def tool_use(call: Block) -> Block:
    """An assistant's earlier tool call."""
    function = call.get("function") or {}
    try:
        arguments = decode(function.get("arguments") or "{}")
    except DecodeError as error:
        raise unreadable(f"the arguments of tool call {call.get('id')!r:.60} are not JSON", "a JSON object") from error
    return {"type": "tool_use", "id": call["id"], "name": function["name"], "input": arguments}


def tool_result(given: Block) -> list[Block]:
    """A tool's answer."""
    found = [block(part) for part in parts_of(given.get("content"))]
    plain = found[0]["text"] if len(found) == 1 and found[0]["type"] == "text" else found
    identity = given.get("tool_call_id") or given.get("name")
    if not isinstance(identity, str):
        raise unreadable("a tool message has no tool_call_id", "the id of the call that it answers")
    return [{"type": "tool_result", "tool_use_id": identity, "content": plain}]


def stop_sequences(value: Any) -> list[Any]:
    """One stop text or a list of them."""
    return value if isinstance(value, list) else [value]


def tools(value: Any) -> list[Block]:
    """Function tools; those already in Anthropic's form travel as they are."""
    found = []
    for tool in value:
        if tool.get("type") != "function":
            found.append(tool)
            continue
        function = tool["function"]
        schema = function.get("parameters") or {"type": "object", "properties": {}}
        described = {"description": function["description"]} if function.get("description") else {}
        found.append({"name": function["name"], **described, "input_schema": schema})
    return found


def tool_choice(value: Any) -> Block | None:
    """Which tool has to be called."""
    if isinstance(value, str):
        return CHOICES.get(value)
    return {"type": "tool", "name": value["function"]["name"]} if value.get("type") == "function" else value


def negated(value: Any) -> bool:
    """parallel_tool_calls as disable_parallel_tool_use."""
    return not value


def output_format(value: Any) -> Block | None:
    """A JSON Schema for the answer; a wish for any JSON cannot be said here."""
    schema = schema_of(value)
    return None if schema is None else {"type": "json_schema", "schema": schema}


def finish(body: Block) -> None:
    """A tool choice needs a type, and tools."""
    if "tools" not in body:
        body.pop("tool_choice", None)
    elif "tool_choice" in body:
        body["tool_choice"] = {"type": "auto", **body["tool_choice"]}


def message(answer: Any, context: CallContext) -> dict[str, Any]:
    """A whole message as a chat completion."""
    text, reasoning, calls = "", "", []
    for item in answer["content"]:
        kind = item["type"]
        if kind == "text":
            text += item["text"]
        elif kind == "thinking":
            reasoning += item["thinking"]
        elif kind == "tool_use":
            calls.append(replies.tool_call(item["id"], item["name"], encode(item["input"]).decode()))
    return replies.chat(context, text, finish_of(answer.get("stop_reason")), calls, reasoning)


def finish_of(reason: Any) -> str:
    """A stop reason in OpenAI's words."""
    return FINISH.get(reason, "stop") if isinstance(reason, str) else "stop"


def delta(state: dict[str, Any], event: str, data: Any) -> Delta:
    """One stream event. `state` counts the tool calls."""
    kind = data["type"]
    if kind == "content_block_start":
        return started(state, data["content_block"])
    if kind == "content_block_delta":
        return continued(state, data["delta"])
    if kind == "message_delta":
        reason = data["delta"].get("stop_reason")
        return Delta(finish=finish_of(reason) if reason else None)
    return Delta(done=True) if kind == "message_stop" else NOTHING


def started(state: dict[str, Any], item: Block) -> Delta:
    """The start of a content block; a tool's carries its id and name."""
    if item["type"] != "tool_use":
        return Delta(text=replies.text_of(item.get("text")))
    state["tools"] = state.get("tools", -1) + 1
    call = replies.tool_call(item["id"], item["name"], "")
    return Delta(tools=({"index": state["tools"], **call},))


def continued(state: dict[str, Any], item: Block) -> Delta:
    """More of a content block."""
    if item["type"] == "text_delta":
        return Delta(text=replies.text_of(item["text"]))
    if item["type"] == "thinking_delta":
        return Delta(reasoning=replies.text_of(item["thinking"]))
    if item["type"] == "input_json_delta":
        arguments = replies.text_of(item["partial_json"])
        return Delta(tools=({"index": state["tools"], "function": {"arguments": arguments}},)) if arguments else NOTHING
    return NOTHING
