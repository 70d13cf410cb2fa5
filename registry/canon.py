"""The neutral form of a call: what every adapter translates from and to.

Chat, completion and embedding use OpenAI's field names; the generic predict uses KServe V2's typed tensors. Fields stay
raw JSON (`msgspec.Raw`) until something has to change them.
"""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from msgspec import DecodeError, Raw, Struct
from msgspec.json import Decoder

decode = Decoder().decode
ANSWER_BYTES = 32 * 1024 * 1024
"""The most bytes of one upstream answer, and of one message of a stream: pictures and sound come in one piece."""
MOST_CHOICES = 1024


class Task(StrEnum):
    """What a call asks for."""

    CHAT = "chat"
    COMPLETION = "completion"
    EMBEDDING = "embedding"
    RERANK = "rerank"
    IMAGE = "image"
    SPEECH = "speech"
    TRANSCRIPTION = "transcription"
    MODERATION = "moderation"
    CLASSIFICATION = "classification"
    DETECTION = "detection"
    TENSOR = "tensor"


class UsageBasis(StrEnum):
    """Where token counts come from."""

    REPORTED = "reported"
    ESTIMATED = "estimated"
    PARTIAL = "partial"


class Usage(Struct, frozen=True, gc=False):
    """Tokens of one call; None if the upstream did not say."""

    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    basis: UsageBasis = UsageBasis.REPORTED


class Adaptation(Struct, frozen=True):
    """One parameter that did not travel as given: it was renamed, converted, clamped, defaulted, mapped or dropped.

    The action "more" stands for further ones: `sent` is how many.
    """

    parameter: str
    action: str
    given: Any = None
    sent: Any = None


class Request(Struct, frozen=True):
    """A call in neutral form. `fields` holds the caller's top-level JSON fields without `model` and `stream`."""

    task: Task
    fields: dict[str, Raw]
    stream: bool = False
    strict: bool = False


class CallContext(Struct, frozen=True, gc=False):
    """What a decoder writes into replies: the model's public name, the request id and the time in Unix seconds.

    `usage_wanted` is the caller's `stream_options.include_usage`; `encoding_format` its wish for embeddings, float
    if it has none; `choices` is how many answers it asked for (`n`); `asked` its content, raw, of which tokens are
    estimated if an upstream does not count them. `context_of` reads them from the request.
    """

    model: str
    request_id: str
    created: int
    usage_wanted: bool = False
    encoding_format: str = "float"
    choices: int = 1
    asked: Raw | None = None


CONTENT = ("messages", "prompt", "input", "inputs")
"""Fields that hold what a call asks about; a call has one of them."""


def context_of(request: Request, model: str, request_id: str, created: int) -> CallContext:
    """The context in which `request` is answered. What cannot be read of its options counts as not given."""
    fields = request.fields
    options = plain(fields["stream_options"]) if "stream_options" in fields else None
    encoding = plain(fields["encoding_format"]) if "encoding_format" in fields else None
    wanted = plain(fields["n"]) if "n" in fields else 1
    asked = None
    for name in CONTENT:
        if name in fields:
            asked = fields[name]
            break
    return CallContext(
        model,
        request_id,
        created,
        isinstance(options, dict) and options.get("include_usage") is True,
        encoding if isinstance(encoding, str) else "float",
        wanted if isinstance(wanted, int) and 1 <= wanted <= MOST_CHOICES else 1,
        asked,
    )


def plain(raw: Raw | None) -> Any:
    """The value of a raw field; None if there is none or it is no JSON."""
    if raw is None:
        return None
    try:
        return decode(raw)
    except (DecodeError, UnicodeDecodeError, RecursionError):
        return None


class Reply(Struct, frozen=True, gc=False):
    """A whole answer: the JSON body for the caller, in neutral form, and its usage."""

    body: bytes
    usage: Usage | None = None


class Fragment(Struct, frozen=True):
    """Part of a streamed answer: complete SSE lines for the caller (perhaps empty) and what was learnt from them.

    `failure` ends the stream as an error; `finished` says that the upstream's own end mark was seen.
    """

    output: bytes = b""
    usage: Usage | None = None
    failure: "Failure | None" = None
    finished: bool = False
    tokens: int = 0


class FailureKind(StrEnum):
    """Why a call failed. The gateway maps each kind to one HTTP status and one OpenAI error type."""

    INVALID_REQUEST = "invalid_request"
    AUTHENTICATION = "authentication"
    PERMISSION = "permission"
    NOT_FOUND = "not_found"
    TOO_LARGE = "too_large"
    UNREADABLE = "unreadable"
    RATE_LIMITED = "rate_limited"
    UNSUPPORTED = "unsupported"
    UPSTREAM_REFUSED = "upstream_refused"
    UPSTREAM_AUTHENTICATION = "upstream_authentication"
    UPSTREAM_RATE_LIMITED = "upstream_rate_limited"
    UPSTREAM_ERROR = "upstream_error"
    UPSTREAM_INVALID = "upstream_invalid"
    UPSTREAM_UNREACHABLE = "upstream_unreachable"
    UPSTREAM_TIMEOUT = "upstream_timeout"
    UNAVAILABLE = "unavailable"
    INTERNAL = "internal"


@dataclass(slots=True)
class Failure(Exception):
    """A call that cannot be answered. `message` names the thing, the value, what was expected and what to do.

    `upstream_status` and `upstream_words` keep what the upstream itself said. `retryable` allows another replica.
    """

    kind: FailureKind
    message: str
    parameter: str | None = None
    code: str | None = None
    upstream_status: int | None = None
    upstream_words: str = ""
    retry_after: float | None = None
    retryable: bool = False
    detail: dict[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        return self.message
