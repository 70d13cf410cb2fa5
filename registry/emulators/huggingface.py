"""Hugging Face's text-generation-inference (TGI) wire: /generate, /generate_stream, /info, /health, /tokenize.

Errors are {error, error_type} with 422 for validation, 429 overloaded, 424 generation; a body that does not
deserialise is 422 in plain text. A stream is data-only SSE without [DONE]: its last event carries generated_text and
details.
"""

from collections.abc import Iterator
from typing import Any

from registry.emulators.answers import Speech, count, seed, speak
from registry.emulators.wire import (
    Emulated,
    FieldRule,
    NotJson,
    ServedWire,
    Site,
    WireAnswer,
    WireCall,
    WireRefusal,
    breach,
    from_json,
    to_json,
)

MAX_TOTAL_TOKENS = 32_768
MAX_INPUT_TOKENS = 16_384
MAX_STOPS = 4
_TYPES = {401: "unauthorized", 404: "not_found", 422: "validation", 429: "overloaded", 503: "unhealthy"}
_POSITIVE = "`{}` must be strictly positive"
_OPEN_UNIT = "`{}` must be > 0.0 and < 1.0"
_RULES = (
    FieldRule("temperature", low=0, open_low=True),
    FieldRule("repetition_penalty", low=0, open_low=True),
    FieldRule("frequency_penalty", low=-2, high=2),
    FieldRule("top_k", (int,), low=0, open_low=True),
    FieldRule("top_p", low=0, high=1, open_low=True, open_high=True),
    FieldRule("typical_p", low=0, high=1, open_low=True, open_high=True),
    FieldRule("max_new_tokens", (int,), low=0, open_low=True),
    FieldRule("best_of", (int,), low=0, open_low=True),
    FieldRule("seed", (int,), low=0),
    FieldRule("truncate", (int,), low=0, open_low=True),
    FieldRule("do_sample", (bool,)),
    FieldRule("details", (bool,)),
    FieldRule("return_full_text", (bool,)),
    FieldRule("stop", (list,)),
)
_WORDS = {"top_p": _OPEN_UNIT, "typical_p": _OPEN_UNIT, "frequency_penalty": "`{}` must be >= -2.0 and <= 2.0"}


def refusal(status: int, words: str) -> WireAnswer:
    """TGI's error object; 500 is sent as 424, its status for a failed generation."""
    status = 424 if status == 500 else status
    body = {"error": words, "error_type": _TYPES.get(status, "generation")}
    return WireAnswer(to_json(body), status)


def stream_error(words: str) -> bytes:
    """An error event inside a stream."""
    return (
        b"data:"
        + to_json({"error": f"Request failed during generation: {words}", "error_type": "generation"})
        + b"\n\n"
    )


def answer(site: Site, call: WireCall) -> WireAnswer:
    """The server's answer to `call`. Raises Refused."""
    model = site.models[0]
    path = call.path.rstrip("/")
    if call.method == "GET" and path in ("/info", "/health", "/ping"):
        return WireAnswer(to_json(_info(model))) if path == "/info" else WireAnswer(b"", content_type="text/plain")
    if path not in ("", "/generate", "/generate_stream", "/tokenize"):
        raise WireRefusal(WireAnswer(b"", 404, "text/plain"))
    if call.method != "POST":
        raise WireRefusal(WireAnswer(b"", 405, "text/plain", (("allow", "POST"),)))
    body = _body(call)
    if path == "/tokenize":
        return _tokenized(body["inputs"])
    parameters = _parameters(body)
    streaming = path == "/generate_stream" or (path == "" and body.get("stream") is True)
    if streaming and (parameters.get("best_of") or 1) != 1:
        raise _invalid("`best_of` != 1 is not supported when streaming tokens")
    return _generated(model, body["inputs"], parameters, streaming, wrapped=path == "" and not streaming)


def _info(model: Emulated) -> dict[str, Any]:
    return {
        "model_id": model.name,
        "model_sha": f"{seed(model.name):016x}",
        "model_pipeline_tag": "text-generation",
        "max_concurrent_requests": 128,
        "max_best_of": 2,
        "max_stop_sequences": MAX_STOPS,
        "max_input_tokens": MAX_INPUT_TOKENS,
        "max_total_tokens": MAX_TOTAL_TOKENS,
        "validation_workers": 2,
        "max_client_batch_size": 4,
        "router": "text-generation-router",
        "version": "3.3.6",
        "sha": None,
        "docker_label": None,
    }


def _body(call: WireCall) -> dict[str, Any]:
    try:
        body = from_json(call.body)
    except NotJson as error:
        raise _undeserialised(400, f"Failed to parse the request body as JSON: {error}") from error
    inputs = body.get("inputs") if isinstance(body, dict) else None
    if not isinstance(inputs, str):
        found = (
            "missing field `inputs`"
            if inputs is None
            else f"inputs: invalid type: {type(inputs).__name__}, expected a string"
        )
        raise _undeserialised(422, f"Failed to deserialize the JSON body into the target type: {found}")
    return dict(body)


def _undeserialised(status: int, words: str) -> WireRefusal:
    return WireRefusal(WireAnswer(words.encode(), status, "text/plain; charset=utf-8"))


def _invalid(words: str) -> WireRefusal:
    return WireRefusal(refusal(422, f"Input validation error: {words}"))


def _parameters(body: dict[str, Any]) -> dict[str, Any]:
    parameters = body.get("parameters") or {}
    broken = breach(parameters, _RULES) if isinstance(parameters, dict) else None
    if not isinstance(parameters, dict) or (broken and broken.problem == "type"):
        place = f"parameters.{broken.rule.name}" if broken else "parameters"
        found = type(broken.value if broken else parameters).__name__
        raise _undeserialised(
            422, f"Failed to deserialize the JSON body into the target type: {place}: invalid type: {found}"
        )
    if broken:
        raise _invalid(_WORDS.get(broken.rule.name, _POSITIVE).format(broken.rule.name))
    _check_lengths(body["inputs"], parameters)
    return parameters


def _check_lengths(inputs: str, parameters: dict[str, Any]) -> None:
    if not inputs:
        raise _invalid("`inputs` cannot be empty")
    stops = parameters.get("stop") or []
    if len(stops) > MAX_STOPS:
        raise _invalid(f"`stop` supports up to {MAX_STOPS} stop sequences. Given: {len(stops)}")
    given, wanted = count(inputs), parameters.get("max_new_tokens") or 0
    if given > MAX_INPUT_TOKENS:
        raise _invalid(f"`inputs` must have less than {MAX_INPUT_TOKENS} tokens. Given: {given}")
    if given + wanted > MAX_TOTAL_TOKENS:
        words = (
            f"`inputs` tokens + `max_new_tokens` must be <= {MAX_TOTAL_TOKENS}. "
            f"Given: {given} `inputs` tokens and {wanted} `max_new_tokens`"
        )
        raise _invalid(words)


def _tokenized(inputs: str) -> WireAnswer:
    tokens, at = [], 0
    for word in inputs.split():
        start = inputs.index(word, at)
        at = start + len(word)
        tokens.append({"id": seed(word) % 32_000, "text": word, "start": start, "stop": at})
    return WireAnswer(to_json(tokens))


def _generated(
    model: Emulated, inputs: str, parameters: dict[str, Any], streaming: bool, *, wrapped: bool
) -> WireAnswer:
    stops = [stop for stop in parameters.get("stop") or () if isinstance(stop, str)]
    speech = speak(model.name, inputs, parameters.get("max_new_tokens"), stops)
    tokens = (count(inputs), len(speech.tokens))
    text = (inputs if parameters.get("return_full_text") else "") + speech.text
    if streaming:
        frames = _frames(speech, text, parameters, count(inputs))
        return WireAnswer(content_type="text/event-stream", frames=frames, tokens=tokens)
    reply: dict[str, Any] = {"generated_text": text}
    if parameters.get("details"):
        told = [_token(token) for token in speech.tokens]
        reply["details"] = {**_details(speech, parameters), "prefill": [], "tokens": told}
    return WireAnswer(to_json([reply] if wrapped else reply), tokens=tokens)


def _token(text: str) -> dict[str, Any]:
    return {"id": seed(text) % 32_000, "text": text, "logprob": -0.125, "special": False}


def _details(speech: Speech, parameters: dict[str, Any]) -> dict[str, Any]:
    finish = {"stop": "eos_token", "length": "length", "sequence": "stop_sequence"}[speech.finish]
    return {"finish_reason": finish, "generated_tokens": len(speech.tokens), "seed": parameters.get("seed")}


def _frames(speech: Speech, text: str, parameters: dict[str, Any], given: int) -> Iterator[bytes]:
    last = len(speech.tokens)
    for index, token in enumerate(speech.tokens, 1):
        event: dict[str, Any] = {"index": index, "token": _token(token), "generated_text": None, "details": None}
        if index == last:
            event |= {"generated_text": text, "details": {**_details(speech, parameters), "input_length": given}}
        yield b"data:" + to_json(event) + b"\n\n"


WIRE = ServedWire(answer, refusal, stream_error)
