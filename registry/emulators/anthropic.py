"""Anthropic's messages wire: event-named SSE, content blocks, tool_use, and its error object.

`anthropic-version` is required, as at Anthropic. `x-api-key` is asked for only at an address with a key
(/m/<n>~key-<key>): servers that people run themselves (llama.cpp, vLLM) speak this wire without one, and a fleet of
hundreds needs no secrets set up by hand.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from registry.emulators.answers import Speech, count, seed, speak
from registry.emulators.tools import MadeToolCall, Tool, tool_call
from registry.emulators.wire import (
    Breach,
    Emulated,
    FieldRule,
    ServedWire,
    Site,
    WireAnswer,
    WireCall,
    WireRefusal,
    bearer,
    body_object,
    breach,
    to_json,
)

_TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    405: "invalid_request_error",
    413: "request_too_large",
    429: "rate_limit_error",
    503: "overloaded_error",
    529: "overloaded_error",
}
_RULES = (
    FieldRule("max_tokens", (int,), low=1),
    FieldRule("temperature", low=0, high=1),
    FieldRule("top_p", low=0, high=1),
    FieldRule("top_k", (int,), low=0),
    FieldRule("stop_sequences", (list,)),
    FieldRule("stream", (bool,)),
    FieldRule("system", (str, list)),
    FieldRule("tools", (list,)),
    FieldRule("tool_choice", (dict,)),
    FieldRule("metadata", (dict,)),
    FieldRule("thinking", (dict,)),
)
_KNOWN = frozenset(rule.name for rule in _RULES) | frozenset(
    (
        "model",
        "messages",
        "service_tier",
        "container",
        "mcp_servers",
        "context_management",
        "output_config",
        "cache_control",
    )
)
_NAMES = {int: "integer", float: "number", str: "string", list: "list", dict: "dictionary", bool: "boolean"}


def refusal(status: int, words: str) -> WireAnswer:
    """Anthropic's error object; 503 is sent as 529, its own status for "overloaded"."""
    kind = _TYPES.get(status, "api_error")
    body = {"type": "error", "error": {"type": kind, "message": words}, "request_id": "req_practice"}
    headers = (("request-id", "req_practice"), *((("retry-after", "1"),) if status == 429 else ()))
    return WireAnswer(to_json(body), 529 if status == 503 else status, headers=headers)


def stream_error(words: str) -> bytes:
    """An error event inside a stream."""
    return _event("error", {"error": {"type": "overloaded_error", "message": words}})


def key(headers: Mapping[str, str]) -> str:
    """The key that a caller sent: x-api-key, or a bearer token."""
    return headers.get("x-api-key", "") or bearer(headers)


def answer(site: Site, call: WireCall) -> WireAnswer:
    """The server's answer to `call`. Raises Refused."""
    if not call.headers.get("anthropic-version"):
        raise WireRefusal(refusal(400, "anthropic-version: header is required"))
    path = call.path.rstrip("/")
    if path == "/v1/models" and call.method == "GET":
        return _models(site)
    if path not in ("/v1/messages", "/v1/messages/count_tokens"):
        raise WireRefusal(refusal(404, "Not Found"))
    if call.method != "POST":
        raise WireRefusal(refusal(405, "Method Not Allowed"))
    body = body_object(call, refusal)
    counting = path.endswith("count_tokens")
    _check(body, counting)
    model = site.by_name.get(body["model"])
    if model is None:
        raise WireRefusal(refusal(404, f"model: {body['model']}"))
    prompt, asked = _conversation(body)
    if counting:
        return WireAnswer(to_json({"input_tokens": count(prompt)}), tokens=(count(prompt), 0))
    return _message(model, body, prompt, asked)


def _models(site: Site) -> WireAnswer:
    cards = [
        {"type": "model", "id": model.name, "display_name": model.name, "created_at": "2025-10-09T08:53:20Z"}
        for model in site.models
    ]
    return WireAnswer(
        to_json({"data": cards, "has_more": False, "first_id": cards[0]["id"], "last_id": cards[-1]["id"]})
    )


def _check(body: dict[str, Any], counting: bool) -> None:
    required = ("model", "messages") if counting else ("model", "messages", "max_tokens")
    for name in required:
        if body.get(name) is None:
            raise WireRefusal(refusal(400, f"{name}: Field required"))
    unknown = next((name for name in body if name not in _KNOWN), None)
    if unknown is not None:
        raise WireRefusal(refusal(400, f"{unknown}: Extra inputs are not permitted"))
    if not isinstance(body["model"], str):
        raise WireRefusal(refusal(400, "model: Input should be a valid string"))
    broken = breach(body, _RULES)
    if broken:
        raise WireRefusal(refusal(400, _broken_words(broken)))


def _broken_words(broken: Breach) -> str:
    rule = broken.rule
    if broken.problem == "type":
        return f"{rule.name}: Input should be a valid {_NAMES[rule.types[-1]]}"
    if rule.name in ("temperature", "top_p"):
        return f"{rule.name}: range: 0..1"
    return f"{rule.name}: Input should be greater than or equal to {rule.low}"


def _conversation(body: dict[str, Any]) -> tuple[str, str]:
    """All text of the conversation with the system prompt, and the last user turn's."""
    messages = body["messages"]
    if not isinstance(messages, list) or not messages:
        raise WireRefusal(refusal(400, "messages: at least one message is required"))
    texts, asked = [_text(body.get("system"), "system")], ""
    for index, message in enumerate(messages):
        role = message.get("role") if isinstance(message, dict) else None
        if role == "system":
            words = (
                'messages: Unexpected role "system". The Messages API accepts a top-level `system` parameter, '
                'not "system" as an input message role.'
            )
            raise WireRefusal(refusal(400, words))
        if role not in ("user", "assistant"):
            raise WireRefusal(refusal(400, f"messages.{index}.role: Input should be 'user' or 'assistant'"))
        text = _text(message.get("content"), f"messages.{index}.content")
        if not text:
            raise WireRefusal(
                refusal(
                    400,
                    f"messages.{index}: all messages must have non-empty content except for the optional final "
                    "assistant message",
                )
            )
        texts.append(text)
        asked = text if role == "user" else asked
    return "\n".join(text for text in texts if text), asked


def _text(content: Any, place: str) -> str:
    if content is None or isinstance(content, str):
        return content or ""
    if not isinstance(content, list):
        raise WireRefusal(refusal(400, f"{place}: Input should be a valid list"))
    parts = []
    for index, block in enumerate(content):
        if not isinstance(block, dict) or "type" not in block:
            raise WireRefusal(refusal(400, f"{place}.{index}.type: Field required"))
        inner = (
            block.get("text") if block["type"] == "text" else f"[{block['type']}] {_text(block.get('content'), place)}"
        )
        parts.append(str(inner).strip())
    return " ".join(parts)


def _message(model: Emulated, body: dict[str, Any], prompt: str, asked: str) -> WireAnswer:
    wanted = _wanted_tool(model, body, asked)
    speech = speak(
        model.name,
        prompt,
        body["max_tokens"],
        [stop for stop in body.get("stop_sequences") or () if isinstance(stop, str)],
    )
    written = count(str(wanted.arguments)) + 1 if wanted else len(speech.tokens)
    message = {
        "id": f"msg_{seed(model.name, prompt):016x}",
        "type": "message",
        "role": "assistant",
        "model": model.name,
        "content": [_block(speech, wanted)],
        "stop_reason": _stop_reason(speech, wanted),
        "stop_sequence": None if wanted else speech.stopped_by,
        "usage": _usage(count(prompt), written),
    }
    tokens = (count(prompt), written)
    headers = (("request-id", f"req_{seed(prompt):016x}"),)
    if body.get("stream"):
        frames = _frames(message, speech, wanted)
        return WireAnswer(
            content_type="text/event-stream; charset=utf-8", headers=headers, frames=frames, tokens=tokens
        )
    return WireAnswer(to_json(message), headers=headers, tokens=tokens)


def _wanted_tool(model: Emulated, body: dict[str, Any], asked: str) -> MadeToolCall | None:
    choice = body.get("tool_choice") or {}
    last = body["messages"][-1].get("content")
    answered = isinstance(last, list) and any(
        isinstance(block, dict) and block.get("type") == "tool_result" for block in last
    )
    if choice.get("type") == "none" or answered:
        return None
    offered = [tool for tool in body.get("tools") or () if isinstance(tool, dict) and isinstance(tool.get("name"), str)]
    tools = [Tool(tool["name"], tool.get("input_schema") or {}) for tool in offered]
    forced = {"any": "any", "tool": choice.get("name")}.get(str(choice.get("type")))
    return tool_call(tools, model.name, asked, forced)


def _block(speech: Speech, wanted: MadeToolCall | None) -> dict[str, Any]:
    if wanted:
        return {"type": "tool_use", "id": f"toolu_{wanted.number:016x}", "name": wanted.name, "input": wanted.arguments}
    return {"type": "text", "text": speech.text}


def _stop_reason(speech: Speech, wanted: MadeToolCall | None) -> str:
    return (
        "tool_use"
        if wanted
        else {"stop": "end_turn", "length": "max_tokens", "sequence": "stop_sequence"}[speech.finish]
    )


def _usage(prompt: int, written: int) -> dict[str, int]:
    return {
        "input_tokens": prompt,
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": 0,
        "output_tokens": written,
    }


def _event(name: str, fields: dict[str, Any]) -> bytes:
    return f"event: {name}\n".encode() + b"data: " + to_json({"type": name, **fields}) + b"\n\n"


def _frames(message: dict[str, Any], speech: Speech, wanted: MadeToolCall | None) -> Iterator[bytes]:
    """message_start, one content block with its deltas, message_delta with the stop reason and usage, message_stop."""
    opening = {**message, "content": [], "stop_reason": None, "stop_sequence": None}
    opening["usage"] = {**message["usage"], "output_tokens": 1}
    yield _event("message_start", {"message": opening})
    block = message["content"][0]
    empty = {**block, "input": {}} if wanted else {"type": "text", "text": ""}
    yield _event("content_block_start", {"index": 0, "content_block": empty})
    yield _event("ping", {})
    for delta in _deltas(speech, wanted):
        yield _event("content_block_delta", {"index": 0, "delta": delta})
    yield _event("content_block_stop", {"index": 0})
    ending = {"stop_reason": message["stop_reason"], "stop_sequence": message["stop_sequence"]}
    yield _event("message_delta", {"delta": ending, "usage": {"output_tokens": message["usage"]["output_tokens"]}})
    yield _event("message_stop", {})


def _deltas(speech: Speech, wanted: MadeToolCall | None) -> Iterator[dict[str, str]]:
    if wanted is None:
        for token in speech.tokens:
            yield {"type": "text_delta", "text": token}
        return
    arguments = to_json(wanted.arguments).decode()
    half = len(arguments) // 2
    for part in ("", arguments[:half], arguments[half:]):
        yield {"type": "input_json_delta", "partial_json": part}


WIRE = ServedWire(answer, refusal, stream_error, key)
