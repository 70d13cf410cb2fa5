"""The neutral predict call, the same for every type of model: POST /v1/models/{name}/predict.

A call is `{"inputs": ..., "parameters": {...}, "task": ..., "stream": ...}`; only `inputs` is needed. For an LLM it is
text or a list of messages, for embeddings and moderation text or a list of texts, for images the prompt, for rerank an
object with `query` and `documents`, for tensors KServe V2's list of `{name, shape, datatype, data}`. An answer is
`{"model", "task", "outputs", "usage"}`; its outputs are messages (chat), texts (completion), vectors (embedding), or
what the task's own answer lists. A stream's events are the chunks of `/v1/chat/completions` or `/v1/completions`.
"""

from typing import Any

from msgspec import DecodeError, Raw
from msgspec.json import Decoder, encode

from controlplane.base.messages import Sentence
from registry.canon import Failure, FailureKind, Reply, Request, Task
from registry.spec import Spec

decode = Decoder().decode
decode_fields = Decoder(dict[str, Raw]).decode

KEYS = ("task", "inputs", "parameters", "stream", "model")
FIELD = {
    Task.CHAT: "messages",
    Task.COMPLETION: "prompt",
    Task.EMBEDDING: "input",
    Task.IMAGE: "prompt",
    Task.SPEECH: "input",
    Task.TRANSCRIPTION: "input",
    Task.MODERATION: "input",
}
OUTPUTS = {
    Task.CHAT: "choices",
    Task.COMPLETION: "choices",
    Task.RERANK: "results",
    Task.MODERATION: "results",
    Task.TENSOR: "outputs",
    Task.DETECTION: "outputs",
}
PART = {Task.CHAT: "message", Task.COMPLETION: "text", Task.EMBEDDING: "embedding"}


def to_request(spec: Spec, body: dict[str, Raw], *, strict: bool = False) -> Request:
    """The call that `body` describes for a model. Raises Failure naming the key that is wrong."""
    for key in body:
        if key not in KEYS:
            known = ", ".join(KEYS)
            raise refused(
                key,
                Sentence(
                    "{key} is no part of a predict call; expected {known}. Parameters go inside parameters.",
                    key=f"{key!r:.80}",
                    known=known,
                ),
            )
    if "inputs" not in body:
        raise refused("inputs", Sentence("'inputs' is missing; give what the model is to work on."))
    task = task_of(spec, value_of(body, "task"))
    stream = value_of(body, "stream")
    if stream not in (None, True, False):
        raise refused("stream", Sentence("'stream' is {stream}; expected true or false.", stream=f"{stream!r:.60}"))
    fields = parameters_of(body)
    fields.update(inputs_of(task, body["inputs"]))
    return Request(task, fields, stream is True, strict or spec.strict)


def task_of(spec: Spec, given: Any) -> Task:
    """The task that is asked for, or the type's first."""
    if given is None:
        return spec.tasks[0]
    if given not in [task.value for task in spec.tasks]:
        known = ", ".join(task.value for task in spec.tasks)
        raise refused(
            "task",
            Sentence(
                "'task' is {given}; a model of type {type} answers {known}.",
                given=f"{given!r:.60}",
                type=spec.type,
                known=known,
            ),
        )
    return Task(given)


def parameters_of(body: dict[str, Raw]) -> dict[str, Raw]:
    """The call's parameters, their values still raw."""
    given = body.get("parameters")
    if given is None or given == Raw(b"null"):
        return {}
    try:
        return decode_fields(given)
    except (DecodeError, RecursionError) as error:
        raise refused("parameters", Sentence("'parameters' is not an object ({error}).", error=error)) from error


def inputs_of(task: Task, raw: Raw) -> dict[str, Raw]:
    """The task's content fields."""
    if task is Task.CHAT:
        value = value_of({"inputs": raw}, "inputs")
        if isinstance(value, str):
            return {"messages": Raw(encode([{"role": "user", "content": value}]))}
    if task is Task.RERANK:
        value = value_of({"inputs": raw}, "inputs")
        if not isinstance(value, dict) or set(value) != {"query", "documents"}:
            raise refused("inputs", Sentence("'inputs' of a rerank call is an object with query and documents."))
        return {"query": Raw(encode(value["query"])), "documents": Raw(encode(value["documents"]))}
    return {FIELD.get(task, "inputs"): raw}


def value_of(body: dict[str, Raw], key: str) -> Any:
    """A key's value; None if it is absent."""
    raw = body.get(key)
    try:
        return None if raw is None else decode(raw)
    except (DecodeError, RecursionError) as error:
        raise refused(key, Sentence("{key} is not valid JSON ({error}).", key=repr(key), error=error)) from error


def refused(key: str, words: str) -> Failure:
    """The failure for a predict body that is not in the neutral form."""
    return Failure(FailureKind.INVALID_REQUEST, words, parameter=key, code="invalid_predict_body")


def to_reply(task: Task, model: str, reply: Reply) -> Reply:
    """A whole answer in the neutral form."""
    try:
        answer = decode(reply.body)
    except (DecodeError, RecursionError) as error:
        raise Failure(
            FailureKind.UPSTREAM_INVALID, Sentence("The upstream's answer is not JSON ({error}).", error=error)
        ) from error
    found = answer.get(OUTPUTS.get(task, "data"), answer.get("outputs"))
    part = PART.get(task)
    outputs = found if isinstance(found, list) else []
    if part:
        outputs = [item.get(part) for item in outputs if isinstance(item, dict)]
    body = {"model": model, "task": task.value, "outputs": outputs, "usage": answer.get("usage")}
    return Reply(encode(body), reply.usage)
