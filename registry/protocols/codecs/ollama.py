"""Ollama's own API: bare base64 images, tool arguments as objects, one JSON object a line."""

from collections.abc import Mapping
from typing import Any

from controlplane.base.messages import Sentence
from registry.canon import CallContext
from registry.protocols.runtime import content, replies
from registry.protocols.runtime.calls import ToolCalls
from registry.protocols.runtime.content import each_message, image_of, kind_of, parts_of, schema_of, text_of, unreadable
from registry.protocols.runtime.given import Given
from registry.protocols.runtime.losses import NO_PARAMETER
from registry.protocols.runtime.params import Draft
from registry.protocols.runtime.streams import Delta

__all__ = [
    "chat", "chat_delta", "completion", "completion_delta", "embeddings", "facts", "finish", "format", "messages",
    "prompt", "settings", "stop", "texts", "think", "tools",
]  # fmt: skip

FINISH = {"stop": "stop", "length": "length"}
EFFORTS = {"none": False, "minimal": "low", "low": "low", "medium": "medium", "high": "high", "xhigh": "high",
           "max": "high"}  # fmt: skip
NEAREST = Sentence("expected none, low, medium or high")
"""OpenAI's reasoning efforts and the value of `think` that comes nearest."""


def messages(value: Given) -> list[dict[str, Any]]:
    """Messages with text content, images apart, and tool arguments as objects."""
    calls = ToolCalls()
    found = []
    for role, given in each_message(value):
        turn: dict[str, Any] = {"role": {"developer": "system", "function": "tool"}.get(role, role)}
        turn |= content_of(given)
        if role == "assistant":
            turn |= assistant(given, calls)
        if turn["role"] == "tool":
            identity, name = calls.answered(role, given)
            turn |= {"tool_name": name or str(given.take("name") or ""), "tool_call_id": identity}
        found.append(turn)
    return found


def assistant(given: Given, calls: ToolCalls) -> dict[str, Any]:
    """What an assistant's message has besides content: thinking and tool calls."""
    found: dict[str, Any] = {}
    if isinstance(given.peek("reasoning_content"), str) and given.peek("reasoning_content"):
        found["thinking"] = given.take("reasoning_content")
    made = [{"id": call.id, "function": {"name": call.name, "arguments": call.arguments}} for call in calls.of(given)]
    return {**found, "tool_calls": made} if made else found


def content_of(given: Given) -> dict[str, Any]:
    """Text and images of a message's content."""
    text, images = "", []
    for part in parts_of(given):
        said = text_of(part)
        if said is not None:
            text += said
        elif kind_of(part) == "image_url":
            _, data, address = image_of(part)
            if address:
                raise unreadable(
                    Sentence("an image is given as a link"), Sentence("a data: address, because Ollama fetches nothing")
                )
            images.append(data)
        else:
            raise unreadable(
                Sentence("a message holds a part of type {part}", part=f"{kind_of(part)!r:.60}"),
                Sentence("text or image_url"),
            )
    return {"content": text, "images": images} if images else {"content": text}


def prompt(value: Given) -> str:
    """A completion's prompt."""
    return content.one_prompt(value)


def texts(value: Given) -> list[str]:
    """The texts to embed."""
    return content.texts(value)


def stop(value: Given) -> list[Any]:
    """One stop text or a list of them."""
    return content.stops(value)


def settings(value: Given) -> dict[str, Any]:
    """Ollama's own options, sent as they are."""
    return content.settings(value)


def format(value: Given) -> Any:
    """A response_format as a JSON Schema, or "json" for any object."""
    return schema_of(value) or "json"


def tools(value: Given) -> list[Any]:
    """Tools have OpenAI's form here too."""
    if not isinstance(value.value, list):
        raise unreadable(Sentence("'tools' is no list"), Sentence("a list of functions"))
    return list(value.whole())


def think(value: Given) -> Any:
    """Ollama's own `think` as it is; a reasoning effort as the nearest value of it, told where it differs."""
    given = value.whole()
    if value.path == "think" or isinstance(given, bool):
        return given
    if not isinstance(given, str) or given not in EFFORTS:
        raise unreadable(
            Sentence("{path} is {given}", path=repr(value.path), given=f"{given!r:.60}"),
            Sentence("one of {efforts}", efforts=list(EFFORTS)),
        )
    sent = EFFORTS[given]
    if given == "none":
        value.teller.note(value.path, "mapped", given, sent)
    elif sent != given:
        value.teller.lose(value.path, "clamped", given, sent, NEAREST)
    return sent


def finish(body: dict[str, Any], draft: Draft) -> None:
    """There is no tool choice here: auto is what Ollama does, none is a call without tools, any other is dropped."""
    given = draft.value("tool_choice")
    if given is None:
        return
    del draft.fields["tool_choice"]
    if given == "none" and body.get("tools"):
        draft.note("tool_choice", "mapped", given, "no tools")
        draft.note("tools", "mapped", body.pop("tools"), None)
    elif given != "auto" or not body.get("tools"):
        draft.lose("tool_choice", "dropped", given, None, NO_PARAMETER)


def finish_of(answer: dict[str, Any], called: bool) -> str:
    """The reason for the end in OpenAI's words."""
    return "tool_calls" if called else FINISH.get(answer.get("done_reason") or "stop", "stop")


def calls_of(message: dict[str, Any], identity: str, first: int) -> list[dict[str, Any]]:
    """The message's tool calls with ids, which older Ollamas do not give."""
    found = []
    for number, call in enumerate(message.get("tool_calls") or (), first):
        function = call["function"]
        known = call.get("id")
        own = known if isinstance(known, str) and known else f"call_{identity}_{number}"
        found.append(replies.tool_call(own, function["name"], replies.arguments(function.get("arguments"))))
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


def facts(card: Any, page: Any) -> dict[str, Any]:
    """What /api/show says of a model: its abilities, its context length and its own defaults."""
    said = page if isinstance(page, Mapping) else {}
    information = said.get("model_info")
    items = information.items() if isinstance(information, Mapping) else ()
    lengths = [value for key, value in items if str(key).endswith(".context_length")]
    found = {"context_length": lengths[0] if lengths else None, "defaults": numbers_in(said.get("parameters"))}
    return {**found, "abilities": said["capabilities"]} if isinstance(said.get("capabilities"), list) else found


def numbers_in(text: Any) -> dict[str, float]:
    """Numbers in /api/show's `parameters`, a text of lines "name   value"."""
    found = {}
    for line in text.splitlines()[:100] if isinstance(text, str) else ():
        name, _, value = line.strip().partition(" ")
        try:
            found[name] = float(value)
        except ValueError:
            continue
    return found
