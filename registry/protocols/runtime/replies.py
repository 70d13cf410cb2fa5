"""Whole answers in the caller's format, for codecs to fill in. What an upstream did not send raises TypeError."""

import base64
from array import array
from collections.abc import Sequence
from typing import Any

from msgspec import DecodeError
from msgspec.json import decode, encode

from controlplane.base.messages import Sentence
from registry.canon import CallContext

Body = dict[str, Any]


def text_of(value: Any) -> str:
    """`value` as text; empty for null. Raises TypeError for anything else."""
    if value is None:
        return ""
    if not isinstance(value, str):
        raise TypeError(Sentence("expected text, got {name}", name=type(value).__name__))
    return value


def listed(value: Any) -> list[Any]:
    """`value` as a list with content. Raises TypeError for anything else."""
    if not isinstance(value, list) or not value:
        raise TypeError(Sentence("expected a list with content, got {name}", name=type(value).__name__))
    return value


def chat(
    context: CallContext,
    text: str,
    finish: str,
    tools: Sequence[Body] = (),
    reasoning: str = "",
    thinking: Sequence[Body] = (),
) -> Body:
    """A chat completion with one choice. `thinking` are blocks that have to be sent back as they came."""
    message: Body = {"role": "assistant", "content": text or (None if tools else "")}
    if reasoning:
        message["reasoning_content"] = reasoning
    if thinking:
        message["thinking_blocks"] = thinking
    if tools:
        message["tool_calls"] = tools
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": finish}
    return {**head(context, "chatcmpl", "chat.completion"), "choices": [choice]}


def completion(context: CallContext, text: str, finish: str) -> Body:
    """A text completion with one choice."""
    choice = {"index": 0, "text": text, "logprobs": None, "finish_reason": finish}
    return {**head(context, "cmpl", "text_completion"), "choices": [choice]}


def embeddings(context: CallContext, vectors: Any) -> Body:
    """Embeddings; as base64 of little-endian float32 if the caller asked for that."""
    data = []
    for index, vector in enumerate(listed(vectors)):
        numbers = array("f", vector)
        if not numbers:
            raise TypeError(Sentence("expected vectors that are not empty"))
        encoded = base64.b64encode(numbers.tobytes()).decode() if context.encoding_format == "base64" else vector
        data.append({"object": "embedding", "index": index, "embedding": encoded})
    return {"object": "list", "model": context.model, "data": data}


def ranking(context: CallContext, results: list[Body]) -> Body:
    """Documents by relevance: each {index, relevance_score} and perhaps the document."""
    return {"id": f"rerank-{context.request_id}", "model": context.model, "results": results}


def labels(context: CallContext, results: list[list[Body]]) -> Body:
    """For each input its labels with scores."""
    data = [{"index": index, "labels": found} for index, found in enumerate(results)]
    return {"object": "list", "model": context.model, "data": data}


def tool_call(identity: str, name: str, arguments: str) -> Body:
    """One call of a function by the model; `arguments` is JSON text."""
    return {"id": identity, "type": "function", "function": {"name": name, "arguments": arguments}}


def arguments(value: Any) -> str:
    """A call's arguments as JSON text: {} if there are none, and text that is JSON already is not encoded again."""
    if value is None or value == "":
        return "{}"
    if not isinstance(value, str):
        return encode(value).decode()
    try:
        inner = decode(value)
    except (DecodeError, RecursionError):
        return value
    return inner if isinstance(inner, str) and inner else value


def head(context: CallContext, prefix: str, kind: str) -> Body:
    """What every answer of OpenAI's starts with."""
    return {"id": f"{prefix}-{context.request_id}", "object": kind, "created": context.created, "model": context.model}
