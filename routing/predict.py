"""The neutral predict form of a call."""

from collections.abc import Callable

from msgspec import DecodeError, Raw, json

from registry.canon import Failure, FailureKind, Reply, Request
from registry.spec import Spec


def to_request(spec: Spec, fields: dict[str, Raw], strict: bool) -> tuple[Request, Callable[[Reply], bytes]]:
    """The request and what wraps its reply."""
    task = spec.tasks[0]
    try:
        parameters = json.decode(fields.pop("parameters", Raw(b"{}")), type=dict[str, Raw])
        stream = json.decode(fields.pop("stream", Raw(b"false")), type=bool)
    except DecodeError as error:
        raise Failure(FailureKind.INVALID_REQUEST, f"parameters or stream cannot be read: {error}") from error

    def wrap(reply: Reply) -> bytes:
        return json.encode({"model": spec.name, "task": task.value, "outputs": Raw(reply.body), "usage": None})

    return Request(task, {**fields, **parameters}, stream, strict), wrap
