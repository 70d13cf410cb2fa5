"""OpenAI's wire: models, chat completions, completions and embeddings, streamed as data-only SSE that ends with [DONE].

Field names, the error object and the rules of `stream_options` follow OpenAI's API reference.
"""

from base64 import b64encode
from collections.abc import Iterator
from struct import pack
from typing import Any

from registry.emulators.answers import Speech, count, seed, vector
from registry.emulators.openai_chat import chat
from registry.emulators.openai_rules import (
    COMMON,
    CREATED,
    check,
    event,
    finish,
    refusal,
    said,
    stream_error,
    token_usage,
)
from registry.emulators.wire import (
    Emulated,
    FieldRule,
    ServedWire,
    Site,
    WireAnswer,
    WireCall,
    WireRefusal,
    body_object,
    to_json,
)

_COMPLETION = COMMON | frozenset(("prompt", "suffix", "echo", "best_of"))
_EMBEDDING = frozenset(("model", "input", "encoding_format", "dimensions", "user"))


def answer(site: Site, call: WireCall) -> WireAnswer:
    """The server's answer to `call`. Raises Refused."""
    path = call.path.rstrip("/")
    if path == "/v1/models" or path.startswith("/v1/models/"):
        return _models(site, call, path)
    handler = _OPERATIONS.get(path)
    if handler is None:
        raise WireRefusal(refusal(404, f"Invalid URL ({call.method} {call.path})"))
    if call.method != "POST":
        raise WireRefusal(refusal(405, f"Not allowed to {call.method} on {call.path}", code="method_not_supported"))
    body = body_object(call, refusal)
    name = body.get("model")
    if not isinstance(name, str) or not name:
        raise WireRefusal(refusal(400, "you must provide a model parameter"))
    model = site.by_name.get(name)
    if model is None:
        raise WireRefusal(
            refusal(
                404, f"The model `{name}` does not exist or you do not have access to it.", "model", "model_not_found"
            )
        )
    return handler(model, body)


def _models(site: Site, call: WireCall, path: str) -> WireAnswer:
    if call.method != "GET":
        raise WireRefusal(refusal(405, f"Not allowed to {call.method} on {call.path}", code="method_not_supported"))
    if path == "/v1/models":
        return WireAnswer(to_json({"object": "list", "data": [_card(model) for model in site.models]}))
    model = site.by_name.get(path.removeprefix("/v1/models/"))
    if model is None:
        raise WireRefusal(refusal(404, "The model does not exist", "model", "model_not_found"))
    return WireAnswer(to_json(_card(model)))


def _card(model: Emulated) -> dict[str, Any]:
    return {"id": model.name, "object": "model", "created": CREATED, "owned_by": "practice"}


def _completion(model: Emulated, body: dict[str, Any]) -> WireAnswer:
    check(body, _COMPLETION)
    if model.type != "llm":
        raise WireRefusal(refusal(404, "This model does not support the v1/completions endpoint.", "model"))
    prompts = [_prompt_text(part) for part in _prompts(body.get("prompt"))]
    limit = body.get("max_tokens") or 16
    texts = [
        (said(model, body, prompt, index, limit), prompt) for prompt in prompts for index in range(body.get("n") or 1)
    ]
    base = {
        "id": f"cmpl-{seed(model.name, *prompts):016x}",
        "object": "text_completion",
        "created": CREATED,
        "model": model.name,
    }
    tokens = (sum(map(count, prompts)), sum(len(speech.tokens) for speech, _ in texts))
    usage = token_usage(*tokens)
    echo = bool(body.get("echo"))
    if body.get("stream"):
        extra = bool((body.get("stream_options") or {}).get("include_usage"))
        frames = _completion_frames(
            base, [(speech, prompt if echo else "") for speech, prompt in texts], usage if extra else None
        )
        return WireAnswer(content_type="text/event-stream; charset=utf-8", frames=frames, tokens=tokens)
    choices = [
        {
            "index": index,
            "text": (prompt if echo else "") + speech.text,
            "logprobs": None,
            "finish_reason": finish(speech, None),
        }
        for index, (speech, prompt) in enumerate(texts)
    ]
    return WireAnswer(to_json({**base, "choices": choices, "usage": usage}), tokens=tokens)


def _prompts(prompt: Any) -> list[Any]:
    if prompt is None:
        raise WireRefusal(refusal(400, "Missing required parameter: 'prompt'.", "prompt", "missing_required_parameter"))
    return prompt if isinstance(prompt, list) and prompt and not isinstance(prompt[0], int) else [prompt]


def _prompt_text(prompt: Any) -> str:
    """A prompt is text or a list of token ids."""
    return (
        prompt if isinstance(prompt, str) else " ".join(map(str, prompt)) if isinstance(prompt, list) else str(prompt)
    )


def _completion_frames(
    base: dict[str, Any], texts: list[tuple[Speech, str]], usage: dict[str, int] | None
) -> Iterator[bytes]:
    extra = {} if usage is None else {"usage": None}
    for index, (speech, echoed) in enumerate(texts):
        for token in (*((echoed,) if echoed else ()), *speech.tokens):
            choice = {"index": index, "text": token, "logprobs": None, "finish_reason": None}
            yield event({**base, "choices": [choice], **extra})
        choice = {"index": index, "text": "", "logprobs": None, "finish_reason": finish(speech, None)}
        yield event({**base, "choices": [choice], **extra})
    if usage is not None:
        yield event({**base, "choices": [], "usage": usage})
    yield b"data: [DONE]\n\n"


def _embeddings(model: Emulated, body: dict[str, Any]) -> WireAnswer:
    check(body, _EMBEDDING, (FieldRule("dimensions", (int,), low=1, high=model.size or 64),))
    if model.type != "embedding":
        raise WireRefusal(refusal(400, f"The model `{model.name}` does not support the Embeddings API.", "model"))
    given = body.get("input")
    if given is None or given in ("", []):
        raise WireRefusal(refusal(400, "'$.input' is invalid. Please check the API reference.", "input"))
    texts = [_prompt_text(part) for part in _prompts(given)]
    coding = body.get("encoding_format") or "float"
    if coding not in ("float", "base64"):
        words = f"Invalid value: '{coding}'. Supported values are: 'float' and 'base64'."
        raise WireRefusal(refusal(400, words, "encoding_format", "invalid_value"))
    vectors = [vector(model.name, text, body.get("dimensions") or model.size) for text in texts]
    data = [{"object": "embedding", "index": index, "embedding": _coded(v, coding)} for index, v in enumerate(vectors)]
    tokens = sum(map(count, texts))
    usage = {"prompt_tokens": tokens, "total_tokens": tokens}
    reply = {"object": "list", "data": data, "model": model.name, "usage": usage}
    return WireAnswer(to_json(reply), tokens=(tokens, 0))


def _coded(values: list[float], coding: str) -> list[float] | str:
    """Floats as they are, or little-endian float32 in base64."""
    return values if coding == "float" else b64encode(pack(f"<{len(values)}f", *values)).decode()


_OPERATIONS = {"/v1/chat/completions": chat, "/v1/completions": _completion, "/v1/embeddings": _embeddings}
WIRE = ServedWire(answer, refusal, stream_error)
