"""Ollama's own API: bare base64 images, tool arguments as objects, one JSON object a line."""

from typing import Any

from msgspec import DecodeError
from msgspec.json import decode, encode

from registry.canon import CallContext
from registry.protocols import content, replies
from registry.protocols.content import each_message, image_of, one_prompt, parts_of, schema_of, unreadable
from registry.protocols.streams import Delta

__all__ = [
    "chat", "chat_delta", "completion", "completion_delta", "embeddings", "format", "messages", "prompt", "stop",
    "texts", "think",
]  # fmt: skip

FINISH = {"stop": "stop", "length": "length"}


def messages(value: Any) -> list[dict[str, Any]]:
    """Messages with text content, images apart, and tool arguments as objects."""
    names: dict[str, str] = {}
    found = []
    for role, given in each_message(value):
        turn: dict[str, Any] = {"role": {"developer": "system", "function": "tool"}.get(role, role)}
        turn |= content_of(given.get("content"))
        calls = [tool_call(call, names) for call in given.get("tool_calls") or ()]
        if calls:
            turn["tool_calls"] = calls
        if turn["role"] == "tool":
            turn["tool_name"] = given.get("name") or names.get(str(given.get("tool_call_id")), "")
        found.append(turn)
    return found


def content_of(value: Any) -> dict[str, Any]:
    """Text and images of a message's content."""
    text, images = "", []
    for part in parts_of(value):
        if part.get("type") in ("text", "refusal"):
            text += str(part.get("text") or part.get("refusal") or "")
        elif part.get("type") == "image_url":
            _, data, address = image_of(part)
            if address:
                raise unreadable("an image is given as a link", "a data: address, because Ollama fetches nothing")
            images.append(data)
        else:
            raise unreadable(f"a message holds a part of type {part.get('type')!r:.60}", "text or image_url")
    return {"content": text, "images": images} if images else {"content": text}


def tool_call(call: dict[str, Any], names: dict[str, str]) -> dict[str, Any]:
    """An assistant's earlier tool call; its name is kept for the answer that refers to it by id."""
    function = call["function"]
    names[str(call.get("id"))] = function["name"]
    try:
        arguments = decode(function.get("arguments") or "{}")
    except DecodeError as error:
        raise unreadable(f"the arguments of tool call {call.get('id')!r:.60} are not JSON", "a JSON object") from error
    return {"function": {"name": function["name"], "arguments": arguments}}


def prompt(value: Any) -> str:
    """A completion's prompt."""
    return one_prompt(value)


def texts(value: Any) -> list[str]:
    """The texts to embed."""
    return content.texts(value)


def stop(value: Any) -> list[Any]:
    """One stop text or a list of them."""
    return value if isinstance(value, list) else [value]


def format(value: Any) -> Any:
    """A response_format as a JSON Schema, or "json" for any object."""
    return schema_of(value) or "json"


def think(value: Any) -> Any:
    """A reasoning effort; none turns thinking off."""
    return False if value == "none" else value


def finish_of(answer: dict[str, Any], called: bool) -> str:
    """The reason for the end in OpenAI's words."""
    return "tool_calls" if called else FINISH.get(answer.get("done_reason") or "stop", "stop")


def calls_of(message: dict[str, Any], identity: str, first: int) -> list[dict[str, Any]]:
    """The message's tool calls with ids, which Ollama does not give."""
    found = []
    for number, call in enumerate(message.get("tool_calls") or (), first):
        function = call["function"]
        arguments = encode(function.get("arguments") or {}).decode()
        found.append(replies.tool_call(f"call_{identity}_{number}", function["name"], arguments))
    return found


def chat(answer: Any, context: CallContext) -> dict[str, Any]:
    """A whole answer as a chat completion."""
    message = answer["message"]
    calls = calls_of(message, context.request_id, 0)
    text = replies.text_of(message.get("content"))
    reasoning = replies.text_of(message.get("thinking"))
    return replies.chat(context, text, finish_of(answer, bool(calls)), calls, reasoning)


def completion(answer: Any, context: CallContext) -> dict[str, Any]:
    """A whole answer as a text completion."""
    return replies.completion(context, replies.text_of(answer["response"]), finish_of(answer, called=False))


def chat_delta(state: dict[str, Any], event: str, data: Any) -> Delta:
    """One line of a chat. `state` counts the tool calls."""
    message = data.get("message") or {}
    first = state.get("tools", 0)
    calls = calls_of(message, state.get("request_id", ""), first)
    state["tools"] = first + len(calls)
    done = data.get("done") is True
    return Delta(
        text=replies.text_of(message.get("content")),
        reasoning=replies.text_of(message.get("thinking")),
        tools=tuple({"index": number, **call} for number, call in enumerate(calls, first)),
        finish=finish_of(data, state["tools"] > 0) if done else None,
        done=done,
    )


def completion_delta(state: dict[str, Any], event: str, data: Any) -> Delta:
    """One line of a completion."""
    done = data.get("done") is True
    return Delta(replies.text_of(data["response"]), finish=finish_of(data, called=False) if done else None, done=done)


def embeddings(answer: Any, context: CallContext) -> dict[str, Any]:
    """A list of vectors."""
    return replies.embeddings(context, answer["embeddings"])
