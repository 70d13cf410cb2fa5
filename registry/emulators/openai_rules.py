"""What the calls of OpenAI's wire share: the error object, the fields taken and their bounds, generation, usage and
events.

Sampling fields that self-hosted servers add (top_k, min_p, repetition_penalty) are taken too, as vLLM does; so is
`creative_level`, 0 to 10, the kind of field that an in-house dialect has instead of a temperature.
"""

from collections.abc import Mapping
from typing import Any

from registry.emulators.answers import Speech, speak
from registry.emulators.tools import MadeToolCall, example
from registry.emulators.wire import Breach, Emulated, FieldRule, WireAnswer, WireRefusal, breach, to_json

CREATED = 1_760_000_000
_TYPES = {401: "authentication_error", 403: "permission_error", 429: "rate_limit_error"}
_CODES = {401: "invalid_api_key", 429: "rate_limit_exceeded"}
SAMPLING = (
    FieldRule("temperature", low=0, high=2),
    FieldRule("top_p", low=0, high=1),
    FieldRule("n", (int,), low=1, high=128),
    FieldRule("max_tokens", (int,), low=1),
    FieldRule("max_completion_tokens", (int,), low=1),
    FieldRule("presence_penalty", low=-2, high=2),
    FieldRule("frequency_penalty", low=-2, high=2),
    FieldRule("seed", (int,)),
    FieldRule("stop", (str, list)),
    FieldRule("stream", (bool,)),
    FieldRule("stream_options", (dict,)),
    FieldRule("top_k", (int,), low=-1),
    FieldRule("min_p", low=0, high=1),
    FieldRule("repetition_penalty", low=0, open_low=True),
    FieldRule("creative_level", low=0, high=10),
)
COMMON = frozenset(rule.name for rule in SAMPLING) | frozenset(("model", "logit_bias", "logprobs", "user", "metadata"))


def refusal(status: int, words: str, parameter: str | None = None, code: str | None = None) -> WireAnswer:
    """OpenAI's error object."""
    kind = _TYPES.get(status, "invalid_request_error" if status < 500 else "server_error")
    error = {"message": words, "type": kind, "param": parameter, "code": code or _CODES.get(status)}
    headers = (("retry-after", "1"),) if status == 429 else ()
    return WireAnswer(to_json({"error": error}), status, headers=headers)


def stream_error(words: str) -> bytes:
    """An error event inside a stream, as self-hosted servers send it after HTTP 200."""
    return (
        event({"error": {"message": words, "type": "server_error", "param": None, "code": None}}) + b"data: [DONE]\n\n"
    )


def check(body: Mapping[str, Any], known: frozenset[str], rules: tuple[FieldRule, ...] = SAMPLING) -> None:
    unknown = next((name for name in body if name not in known), None)
    if unknown is not None:
        raise WireRefusal(refusal(400, f"Unrecognized request argument supplied: {unknown}"))
    broken = breach(body, rules)
    if broken:
        raise WireRefusal(_broken(broken))
    if body.get("stream_options") is not None and not body.get("stream"):
        words = "The 'stream_options' parameter is only allowed when 'stream' is enabled."
        raise WireRefusal(refusal(400, words, "stream_options"))
    stops = body.get("stop")
    if isinstance(stops, list) and len(stops) > 4:
        words = (
            "Invalid 'stop': array too long. Expected an array with maximum length 4, "
            f"but got an array with length {len(stops)} instead."
        )
        raise WireRefusal(refusal(400, words, "stop", "array_above_max_length"))


def _broken(broken: Breach) -> WireAnswer:
    name, kind = broken.rule.name, "decimal" if float in broken.rule.types else "integer"
    if broken.problem == "type":
        wanted = " or ".join(kind.__name__ for kind in broken.rule.types)
        words = f"Invalid type for '{name}': expected {wanted}, but got {type(broken.value).__name__} instead."
        return refusal(400, words, name, "invalid_type")
    side, bound = ("below minimum", broken.rule.low) if broken.problem == "low" else ("above maximum", broken.rule.high)
    order = ">=" if broken.problem == "low" else "<="
    words = f"Invalid '{name}': {kind} {side} value. Expected a value {order} {bound}, but got {broken.value} instead."
    return refusal(400, words, name, f"{kind}_{side.split()[0]}_{side.split()[1]}_value")


def said(model: Emulated, body: dict[str, Any], prompt: str, index: int, limit: int | None) -> Speech:
    wish = body.get("response_format") or {}
    if wish.get("type") == "json_schema":
        schema = (wish.get("json_schema") or {}).get("schema") or {}
        return Speech((to_json(example(schema)).decode(),), "stop")
    if wish.get("type") == "json_object":
        return Speech((to_json({"answer": speak(model.name, prompt).text}).decode(),), "stop")
    stops = body.get("stop") or ()
    return speak(
        model.name, f"{prompt}#{index}" if index else prompt, limit, (stops,) if isinstance(stops, str) else stops
    )


def finish(speech: Speech, wanted: MadeToolCall | None) -> str:
    return "tool_calls" if wanted else "length" if speech.finish == "length" else "stop"


def token_usage(prompt: int, written: int) -> dict[str, int]:
    return {"prompt_tokens": prompt, "completion_tokens": written, "total_tokens": prompt + written}


def event(value: Any) -> bytes:
    return b"data: " + to_json(value) + b"\n\n"
