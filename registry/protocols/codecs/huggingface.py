"""Hugging Face's text-generation-inference and text-embeddings-inference."""

from typing import Any

from controlplane.base.messages import Sentence
from registry.canon import CallContext
from registry.protocols.runtime import replies
from registry.protocols.runtime.content import each_message, one_prompt, schema_of, stops, text_only
from registry.protocols.runtime.given import Given
from registry.protocols.runtime.params import Draft
from registry.protocols.runtime.streams import Delta

__all__ = [
    "chat", "completion", "delta", "embeddings", "finish", "grammar", "labels", "prompt", "ranking", "stop",
    "transcript",
]  # fmt: skip

PLAIN_TEXT = Sentence("this upstream takes plain text")
FINISH = {"length": "length", "eos_token": "stop", "stop_sequence": "stop"}
SPEAKERS = {"user": "User", "assistant": "Assistant", "tool": "Tool", "function": "Tool"}


def transcript(messages: Given) -> str:
    """A chat as plain text that ends where the assistant is to speak: this wire has no messages and no template."""
    lines = []
    for role, message in each_message(messages):
        text = text_only(message, PLAIN_TEXT)
        lines.append(f"{SPEAKERS[role]}: {text}" if role in SPEAKERS else text)
    return "\n\n".join([*lines, "Assistant:"])


def prompt(value: Given) -> str:
    """A completion's prompt."""
    return one_prompt(value)


def stop(value: Given) -> list[Any]:
    """One stop text or a list of them."""
    return stops(value)


def grammar(value: Given) -> dict[str, Any]:
    """A response_format as a grammar."""
    return {"type": "json", "value": schema_of(value) or {"type": "object"}}


def finish(body: dict[str, Any], draft: Draft) -> None:
    """A temperature means nothing to TGI until sampling is on; without one it is greedy, as temperature 0 is."""
    parameters = body["parameters"]
    if "temperature" in parameters or "top_p" in parameters or "top_k" in parameters:
        parameters.setdefault("do_sample", True)


def generated(answer: Any) -> tuple[str, str]:
    """Text and finish reason of a whole answer; the wrapping list of the root path is taken off."""
    body = answer[0] if isinstance(answer, list) else answer
    text = replies.text_of(body["generated_text"])
    details = body.get("details") or {}
    return text, FINISH.get(str(details.get("finish_reason")), "stop")


def chat(answer: Any, context: CallContext) -> dict[str, Any]:
    """A generation as a chat completion."""
    text, reason = generated(answer)
    return replies.chat(context, text, reason)


def completion(answer: Any, context: CallContext) -> dict[str, Any]:
    """A generation as a text completion."""
    text, reason = generated(answer)
    return replies.completion(context, text, reason)


def delta(state: dict[str, Any], event: str, data: Any) -> Delta:
    """One token; the last one carries the whole text and details."""
    token = data["token"]
    text = "" if token.get("special") else replies.text_of(token["text"])
    details = data.get("details")
    last = details is not None or data.get("generated_text") is not None
    reason = FINISH.get(str((details or {}).get("finish_reason")), "stop") if last else None
    return Delta(text=text, finish=reason, done=last)


def embeddings(answer: Any, context: CallContext) -> dict[str, Any]:
    """/embed answers with a bare list of vectors."""
    return replies.embeddings(context, answer)


def ranking(answer: Any, context: CallContext) -> dict[str, Any]:
    """/rerank answers with {index, score, text}, best first."""
    results = []
    for item in replies.listed(answer):
        found = {"index": item["index"], "relevance_score": item["score"]}
        if item.get("text") is not None:
            found["document"] = {"text": item["text"]}
        results.append(found)
    return replies.ranking(context, results)


def labels(answer: Any, context: CallContext) -> dict[str, Any]:
    """/predict answers with labels, or with a list of them for each input."""
    nested = answer if isinstance(replies.listed(answer)[0], list) else [answer]
    found = [[{"label": item["label"], "score": item["score"]} for item in row] for row in nested]
    return replies.labels(context, found)
