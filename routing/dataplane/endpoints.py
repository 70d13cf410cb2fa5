"""The addresses under /v1, what is read of a request's head, and how answers and errors look. OpenAI's shapes."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import quote

from msgspec import Struct
from msgspec.json import encode

from controlplane.base.messages import Sentence
from registry.canon import Adaptation, Failure, FailureKind, Task
from routing.table import ServedModel

Headers = list[tuple[bytes, bytes]]

CALLS = {
    "/v1/chat/completions": Task.CHAT,
    "/v1/completions": Task.COMPLETION,
    "/v1/embeddings": Task.EMBEDDING,
    "/v1/moderations": Task.MODERATION,
    "/v1/images/generations": Task.IMAGE,
    "/v1/rerank": Task.RERANK,
}
BASE = "/v1"
MODELS = "/v1/models"
PREDICT = "/predict"
JSON = (b"content-type", b"application/json")
EVENT_STREAM: Headers = [(b"content-type", b"text/event-stream; charset=utf-8"), (b"cache-control", b"no-cache")]
ADAPTED_CHARS = 1000
MORE = "more"
NAME_CHARS, VALUE_CHARS = 64, 40

_SANE_ID = re.compile(rb"[A-Za-z0-9][A-Za-z0-9._:/+=@-]{0,127}")
_PLAIN = re.compile(r"[A-Za-z0-9_.~-]+").fullmatch
_READ = frozenset(
    (
        *(b"authorization", b"content-length", b"content-encoding", b"x-request-id"),
        *(b"x-patchbay-strict", b"prefer", b"idempotency-key"),
    )
)

STATUS: dict[FailureKind, tuple[int, str]] = {
    FailureKind.INVALID_REQUEST: (400, "invalid_request_error"),
    FailureKind.AUTHENTICATION: (401, "authentication_error"),
    FailureKind.PERMISSION: (403, "permission_error"),
    FailureKind.NOT_FOUND: (404, "invalid_request_error"),
    FailureKind.TOO_LARGE: (413, "invalid_request_error"),
    FailureKind.UNREADABLE: (415, "invalid_request_error"),
    FailureKind.RATE_LIMITED: (429, "rate_limit_error"),
    FailureKind.UNSUPPORTED: (400, "invalid_request_error"),
    FailureKind.UPSTREAM_REFUSED: (502, "upstream_error"),
    FailureKind.UPSTREAM_AUTHENTICATION: (502, "upstream_error"),
    FailureKind.UPSTREAM_RATE_LIMITED: (429, "rate_limit_error"),
    FailureKind.UPSTREAM_ERROR: (502, "upstream_error"),
    FailureKind.UPSTREAM_INVALID: (502, "upstream_error"),
    FailureKind.UPSTREAM_UNREACHABLE: (502, "upstream_error"),
    FailureKind.UPSTREAM_TIMEOUT: (504, "upstream_error"),
    FailureKind.UNAVAILABLE: (503, "unavailable_error"),
    FailureKind.INTERNAL: (500, "server_error"),
}
REPLICA_FAULTS = frozenset(
    (
        *(FailureKind.UPSTREAM_ERROR, FailureKind.UPSTREAM_INVALID, FailureKind.UPSTREAM_UNREACHABLE),
        *(FailureKind.UPSTREAM_TIMEOUT, FailureKind.UPSTREAM_AUTHENTICATION),
    )
)
"""Failures that count against a replica's circuit."""


class Head(Struct, frozen=True, gc=False):
    """What the gateway reads of a request's head."""

    request_id: bytes | None
    authorization: bytes
    length: int | None
    strict: bool
    respond_async: bool
    idempotency_key: str | None
    encoded: bool


@dataclass(frozen=True, slots=True)
class Address:
    """A known address: `task` None means the task is in the body (predict), `call` False a listing."""

    call: bool
    task: Task | None = None
    model: str | None = None

    @property
    def methods(self) -> tuple[str, ...]:
        """The methods it takes besides OPTIONS."""
        return ("POST",) if self.call else ("GET", "HEAD")


_CALL_ADDRESSES = {path: Address(True, task) for path, task in CALLS.items()}
_LISTING = Address(False)
_SLASHES = re.compile(r"/{2,}")
_KNOWN = frozenset(CALLS) | {
    *("/v1/responses", "/v1/messages", "/v1/images/edits", "/v1/images/variations"),
    *("/v1/audio/speech", "/v1/audio/transcriptions", "/v1/audio/translations"),
}
"""Addresses of OpenAI's API, those that are not served too, so that no program is answered with a page."""


def address(path: str) -> Address | None:
    """The address that `path` (percent-decoded) means, slashes too many or not. Model names may hold slashes."""
    found = _CALL_ADDRESSES.get(path)
    if found is not None:
        return found
    path = plain_path(path)
    if path == MODELS:
        return _LISTING
    if not path.startswith(f"{MODELS}/"):
        return _CALL_ADDRESSES.get(path)
    name = path[len(MODELS) + 1 :]
    if name.endswith(PREDICT) and len(name) > len(PREDICT):
        return Address(True, None, name[: -len(PREDICT)])
    return Address(False, None, name)


def plain_path(path: str) -> str:
    """`path` with one slash in place of several and none at its end."""
    return _SLASHES.sub("/", path).rstrip("/")


def is_ours(path: str, headers: Iterable[tuple[bytes, bytes]]) -> bool:
    """Whether a request belongs to the data plane: below /v1, or an address of it that was called without /v1.

    /models is a page of the console too; only a program brings a bearer's key there.
    """
    if path.startswith("/v1/"):
        return True
    path = plain_path(path.lower())
    if path == BASE or path.startswith("/v1/") or BASE + path in _KNOWN:
        return True
    if not f"{BASE}{path}/".startswith(f"{MODELS}/"):
        return False
    return any(name == b"authorization" and value[:7].lower() == b"bearer " for name, value in headers)


def unknown_address(method: str, path: str) -> Failure:
    """The failure for an address that is none, with the one that was meant if that can be told."""
    meant = plain_path(path)
    while meant.startswith("/v1/v1/"):
        meant = meant.removeprefix(BASE)
    meant = meant if meant.startswith("/v1/") else BASE + meant
    asked = f"{method} {path[:200]}"
    if meant != plain_path(path) and address(meant) is not None:
        words = Sentence(
            "{asked} is no address of this API. Its base URL ends with /v1, once: call {meant}.",
            asked=asked,
            meant=meant[:200],
        )
    else:
        known = ", ".join((*CALLS, MODELS, f"{MODELS}/NAME{PREDICT}"))
        words = Sentence("{asked} is no address of this API. It has {known}.", asked=asked, known=known)
    return Failure(FailureKind.NOT_FOUND, words, code="unknown_url")


def read_head(headers: Iterable[tuple[bytes, bytes]]) -> Head:
    """Read the headers that matter. Later ones win, except that two different lengths are refused by the server."""
    found = {name: value for name, value in headers if name in _READ}
    wanted_id = found.get(b"x-request-id")
    length = found.get(b"content-length", b"")
    key = found.get(b"idempotency-key")
    return Head(
        request_id=wanted_id if wanted_id and _SANE_ID.fullmatch(wanted_id) else None,
        authorization=found.get(b"authorization", b""),
        length=int(length) if length.isdigit() and len(length) < 16 else None,
        strict=found.get(b"x-patchbay-strict", b"").lower() in (b"true", b"1"),
        respond_async=b"respond-async" in found.get(b"prefer", b"").lower(),
        idempotency_key=key.decode("latin-1") if key else None,
        encoded=found.get(b"content-encoding", b"identity").lower() not in (b"identity", b""),
    )


def status_of(failure: Failure) -> tuple[int, str]:
    """HTTP status and OpenAI error type of a failure. An upstream's 400 and 422 are the caller's to correct.

    So is a call that is too long for the model, whatever status the upstream gave that.
    """
    if failure.kind is FailureKind.UPSTREAM_REFUSED and failure.code == "context_length_exceeded":
        return 400, "invalid_request_error"
    if failure.kind is FailureKind.UPSTREAM_REFUSED and failure.upstream_status in (400, 422):
        return failure.upstream_status, "invalid_request_error"
    return STATUS[failure.kind]


def error_body(failure: Failure) -> bytes:
    """`{"error": {...}}` as OpenAI's clients read it."""
    code = failure.code or failure.kind.value
    error = {"message": str(failure.message), "type": status_of(failure)[1], "param": failure.parameter, "code": code}
    return encode({"error": error})


def error_headers(failure: Failure) -> Headers:
    """Headers that belong to an error: when to retry, how to authenticate."""
    headers: Headers = []
    wait = failure.retry_after
    if wait is None and failure.kind is FailureKind.UNAVAILABLE:
        wait = 1.0
    if wait is not None:
        headers.append((b"retry-after", str(max(1, -int(-wait // 1))).encode()))
    if failure.kind is FailureKind.AUTHENTICATION:
        headers.append((b"www-authenticate", b'Bearer realm="patchbay"'))
    return headers


def error_event(failure: Failure) -> bytes:
    """The last event of a stream that failed after its first byte."""
    return b"data: " + error_body(failure) + b"\n\n"


def adapted_header(adapted: Sequence[Adaptation]) -> bytes:
    """Every changed parameter, as a structured-field list: `temperature;action=clamped;given=3;sent=2`.

    ASCII, percent-encoded, names cut at 64 characters and values at 40, the whole at 1,000; `more=n` counts the rest.
    """
    unnamed = sum(int(change.sent) for change in adapted if change.action == MORE)
    named = [change for change in adapted if change.action != MORE]
    parts: list[str] = []
    size = 0
    for change in named:
        text = _one(change)
        size += len(text) + 2
        if size > ADAPTED_CHARS:
            break
        parts.append(text)
    more = unnamed + len(named) - len(parts)
    if more:
        parts.append(f"more={more}")
    return ", ".join(parts).encode("ascii")


def _one(change: Adaptation) -> str:
    text = _named(change.parameter, change.action)
    if change.given is not None:
        text = f"{text};given={_shown(change.given)}"
    return text if change.sent is None else f"{text};sent={_shown(change.sent)}"


@lru_cache(maxsize=4096)
def _named(parameter: str, action: str) -> str:
    return f"{quote(parameter[:NAME_CHARS], safe='')};action={action}"


def _shown(value: object) -> str:
    if value.__class__ is int or value.__class__ is float:
        return repr(value)
    text = value if isinstance(value, str) else encode(value).decode()
    return text if len(text) <= VALUE_CHARS and _PLAIN(text) else quote(text[:VALUE_CHARS], safe="")


def listing(models: Iterable[ServedModel]) -> bytes:
    """What GET /v1/models answers: those that can be called."""
    return encode({"object": "list", "data": [model_object(served) for served in models if served.adapter is not None]})


def model_object(served: ServedModel) -> dict[str, object]:
    """A model as OpenAI's clients read it."""
    return {
        "id": served.name,
        "object": "model",
        "created": served.created,
        "owned_by": served.owner or "patchbay",
    }


def not_found(name: str) -> Failure:
    """The failure for a name that no model or alias has."""
    return Failure(
        FailureKind.NOT_FOUND,
        Sentence(
            "The model {name} does not exist. GET /v1/models lists the models that this key may call.",
            name=repr(name[:200]),
        ),
        parameter="model",
        code="model_not_found",
    )
