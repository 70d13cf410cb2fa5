"""Ollama's wire: /api/chat, /api/generate, /api/embed, /api/tags, /api/show and friends; NDJSON that streams unless
told not to.

Durations are nanoseconds. Errors are {error: string}; inside a stream the error is a line of its own under HTTP 200.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from registry.emulators.answers import Speech, count, seed, speak, vector
from registry.emulators.tools import MadeToolCall, Tool, example, tool_call
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

CONTEXT_LENGTH = 8192
_PARAMETERS = (
    'temperature                    0.7\nnum_ctx                        8192\nstop                           "</s>"'
)
_FLOAT, _INT = (int, float), (int,)
_OPTIONS = (
    *(
        FieldRule(name, _FLOAT)
        for name in (
            "temperature",
            "top_p",
            "min_p",
            "typical_p",
            "repeat_penalty",
            "presence_penalty",
            "frequency_penalty",
        )
    ),
    *(
        FieldRule(name, _INT)
        for name in (
            "num_predict",
            "num_ctx",
            "top_k",
            "seed",
            "repeat_last_n",
            "num_keep",
            "num_gpu",
            "num_batch",
            "num_thread",
        )
    ),
    FieldRule("stop", (list,)),
)


def refusal(status: int, words: str) -> WireAnswer:
    """Ollama's error object."""
    return WireAnswer(to_json({"error": words}), status, "application/json; charset=utf-8")


def stream_error(words: str) -> bytes:
    """An error line inside a stream."""
    return to_json({"error": words}) + b"\n"


def answer(site: Site, call: WireCall) -> WireAnswer:
    """The server's answer to `call`. Raises Refused."""
    path = call.path.rstrip("/")
    if call.method == "GET" and path in _READ:
        return _READ[path](site)
    handler = _CALLED.get(path)
    if handler is None or call.method != "POST":
        raise WireRefusal(WireAnswer(b"404 page not found", 404, "text/plain"))
    body = _body(call)
    return handler(_model(site, body), body)


def _body(call: WireCall) -> dict[str, Any]:
    if not call.body:
        raise WireRefusal(refusal(400, "missing request body"))
    try:
        body = from_json(call.body)
    except NotJson as error:
        raise WireRefusal(refusal(400, str(error))) from error
    if not isinstance(body, dict):
        raise WireRefusal(
            refusal(400, f"json: cannot unmarshal {type(body).__name__} into Go value of type api.ChatRequest")
        )
    return body


def _model(site: Site, body: dict[str, Any]) -> Emulated:
    name = body.get("model") or body.get("name")
    if not isinstance(name, str) or not name:
        raise WireRefusal(refusal(400, "model is required"))
    model = site.by_name.get(name.removesuffix(":latest"))
    if model is None:
        raise WireRefusal(refusal(404, f"model '{name}' not found"))
    return model


def _banner(site: Site) -> WireAnswer:
    return WireAnswer(b"Ollama is running", content_type="text/plain; charset=utf-8")


def _version(site: Site) -> WireAnswer:
    return WireAnswer(to_json({"version": "0.12.6"}))


def _tags(site: Site) -> WireAnswer:
    return WireAnswer(to_json({"models": [_tag(model) for model in site.models]}))


def _tag(model: Emulated) -> dict[str, Any]:
    return {
        "name": f"{model.name}:latest",
        "model": f"{model.name}:latest",
        "modified_at": "2025-10-09T08:53:20Z",
        "size": 4_100_000_000,
        "digest": f"{seed(model.name):016x}" * 4,
        "details": _details(),
    }


def _details() -> dict[str, Any]:
    return {
        "parent_model": "",
        "format": "gguf",
        "family": "practice",
        "families": ["practice"],
        "parameter_size": "7B",
        "quantization_level": "Q4_0",
    }


def _show(model: Emulated, body: dict[str, Any]) -> WireAnswer:
    capabilities = ["embedding"] if model.type == "embedding" else ["completion", "tools"]
    information = {
        "general.architecture": "practice",
        "practice.context_length": CONTEXT_LENGTH,
        "practice.embedding_length": model.size or 4096,
    }
    return WireAnswer(
        to_json(
            {
                "modelfile": f"FROM {model.name}\n",
                "parameters": _PARAMETERS,
                "template": "{{ .Prompt }}",
                "details": _details(),
                "model_info": information,
                "capabilities": capabilities,
                "modified_at": "2025-10-09T08:53:20Z",
            }
        )
    )


def _options(body: dict[str, Any]) -> dict[str, Any]:
    options = body.get("options") or {}
    if not isinstance(options, dict):
        raise WireRefusal(
            refusal(
                400, "json: cannot unmarshal into Go struct field ChatRequest.options of type map[string]interface {}"
            )
        )
    broken = breach(options, _OPTIONS)
    if broken:
        kind = "float32" if float in broken.rule.types else "integer" if int in broken.rule.types else "array"
        raise WireRefusal(refusal(400, f'option "{broken.rule.name}" must be of type {kind}'))
    return options


def _need(model: Emulated, capability: str) -> None:
    if (capability == "embed") != (model.type == "embedding"):
        raise WireRefusal(refusal(400, f'"{model.name}" does not support {capability}'))


def _chat(model: Emulated, body: dict[str, Any]) -> WireAnswer:
    _need(model, "chat")
    messages = body.get("messages") or []
    if not messages:
        return _loaded(model, body, {"message": {"role": "assistant", "content": ""}})
    if not isinstance(messages, list) or not all(
        isinstance(m, dict) and isinstance(m.get("content", ""), str) for m in messages
    ):
        raise WireRefusal(
            refusal(
                400, "json: cannot unmarshal array into Go struct field ChatRequest.messages.content of type string"
            )
        )
    prompt = "\n".join(message.get("content", "") for message in messages)
    asked = next((message.get("content", "") for message in reversed(messages) if message.get("role") == "user"), "")
    wanted = _wanted_tool(model, body, messages, asked)
    speech = Speech((), "stop") if wanted else _said(model, body, prompt)
    spoken: list[dict[str, Any]] = [{"message": {"role": "assistant", "content": token}} for token in speech.tokens]
    whole: dict[str, Any] = {"role": "assistant", "content": speech.text}
    if wanted:
        calls = [{"function": {"name": wanted.name, "arguments": wanted.arguments}}]
        whole["tool_calls"] = calls
        spoken = [{"message": {"role": "assistant", "content": "", "tool_calls": calls}}]
    ending = {"message": {"role": "assistant", "content": ""}}
    return _played(model, body, spoken, (ending, {"message": whole}), _statistics(speech, count(prompt)))


def _wanted_tool(model: Emulated, body: dict[str, Any], messages: list[Any], asked: str) -> MadeToolCall | None:
    if messages[-1].get("role") == "tool":
        return None
    functions = [tool.get("function") for tool in body.get("tools") or () if isinstance(tool, dict)]
    tools = [
        Tool(f["name"], f.get("parameters") or {})
        for f in functions
        if isinstance(f, dict) and isinstance(f.get("name"), str)
    ]
    return tool_call(tools, model.name, asked, None)


def _said(model: Emulated, body: dict[str, Any], prompt: str) -> Speech:
    options = _options(body)
    limit = options.get("num_predict", -1)
    if body.get("format"):
        wish = body["format"]
        value = example(wish) if isinstance(wish, dict) else {"answer": speak(model.name, prompt).text}
        return Speech((to_json(value).decode(),), "stop")
    stops = [stop for stop in options.get("stop") or () if isinstance(stop, str)]
    return speak(model.name, prompt, limit if limit is not None and limit >= 0 else None, stops)


def _generate(model: Emulated, body: dict[str, Any]) -> WireAnswer:
    _need(model, "generate")
    prompt = body.get("prompt") or ""
    if not isinstance(prompt, str):
        raise WireRefusal(
            refusal(400, "json: cannot unmarshal into Go struct field GenerateRequest.prompt of type string")
        )
    if not prompt:
        return _loaded(model, body, {"response": ""})
    system = body.get("system") or ""
    speech = _said(model, body, f"{system}\n{prompt}" if system else prompt)
    spoken = [{"response": token} for token in speech.tokens]
    return _played(
        model, body, spoken, ({"response": ""}, {"response": speech.text}), _statistics(speech, count(prompt))
    )


def _loaded(model: Emulated, body: dict[str, Any], content: dict[str, Any]) -> WireAnswer:
    """An empty prompt loads the model, or unloads it if keep_alive is 0."""
    reason = "unload" if body.get("keep_alive") == 0 else "load"
    return WireAnswer(to_json({**_stamp(model), **content, "done": True, "done_reason": reason}), tokens=(0, 0))


def _stamp(model: Emulated) -> dict[str, Any]:
    return {"model": model.name, "created_at": datetime.now(UTC).isoformat().replace("+00:00", "Z")}


def _statistics(speech: Speech, given: int) -> dict[str, Any]:
    written = len(speech.tokens)
    return {
        "done": True,
        "done_reason": "length" if speech.finish == "length" else "stop",
        "total_duration": 40_000_000 + written * 5_000_000,
        "load_duration": 10_000_000,
        "prompt_eval_count": given,
        "prompt_eval_duration": 30_000_000,
        "eval_count": written,
        "eval_duration": written * 5_000_000,
    }


def _played(
    model: Emulated,
    body: dict[str, Any],
    spoken: list[dict[str, Any]],
    endings: tuple[dict[str, Any], dict[str, Any]],
    last: dict[str, Any],
) -> WireAnswer:
    """Streamed lines and the last one with statistics, or all in one object; `endings` are the last line's content for
    each.
    """
    tokens = (last["prompt_eval_count"], last["eval_count"])
    if body.get("stream") is False:
        return WireAnswer(
            to_json({**_stamp(model), **endings[1], **last}),
            content_type="application/json; charset=utf-8",
            tokens=tokens,
        )
    frames = _lines(model, spoken, {**endings[0], **last})
    return WireAnswer(content_type="application/x-ndjson", frames=frames, tokens=tokens)


def _lines(model: Emulated, spoken: list[dict[str, Any]], last: dict[str, Any]) -> Iterator[bytes]:
    for part in spoken:
        yield to_json({**_stamp(model), **part, "done": False}) + b"\n"
    yield to_json({**_stamp(model), **last}) + b"\n"


def _texts(given: Any) -> list[str]:
    texts = given if isinstance(given, list) else [] if given is None else [given]
    if not all(isinstance(text, str) for text in texts):
        raise WireRefusal(refusal(400, "invalid input type"))
    return texts


def _embed(model: Emulated, body: dict[str, Any]) -> WireAnswer:
    _need(model, "embed")
    texts = _texts(body.get("input"))
    size = body.get("dimensions") or model.size
    reply = {
        "model": model.name,
        "embeddings": [vector(model.name, text, size) for text in texts],
        "total_duration": 14_000_000,
        "load_duration": 1_000_000,
        "prompt_eval_count": sum(map(count, texts)),
    }
    return WireAnswer(to_json(reply), tokens=(sum(map(count, texts)), 0))


def _embeddings(model: Emulated, body: dict[str, Any]) -> WireAnswer:
    """The older endpoint: one prompt, one vector."""
    _need(model, "embed")
    prompt = str(body.get("prompt") or "")
    return WireAnswer(to_json({"embedding": vector(model.name, prompt, model.size)}), tokens=(count(prompt), 0))


_READ = {"": _banner, "/api/version": _version, "/api/tags": _tags, "/api/ps": _tags}
_CALLED = {
    "/api/chat": _chat,
    "/api/generate": _generate,
    "/api/embed": _embed,
    "/api/embeddings": _embeddings,
    "/api/show": _show,
}
WIRE = ServedWire(answer, refusal, stream_error)
