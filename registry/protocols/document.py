"""The schema of a protocol document: one YAML file that says how a wire format is spoken.

It has room for every difference that model APIs are known to have. What the compiler cannot build yet it refuses by
name. The mapping language is data only: no template, expression or regular expression of a person's making.
"""

from enum import StrEnum
from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from registry.canon import Task
from registry.protocols.part import Part
from registry.protocols.recognition import Discovery, Probe, Suggestion


class AuthKind(StrEnum):
    """How a secret travels."""

    NONE = "none"
    BEARER = "bearer"
    HEADER = "header"
    QUERY = "query"
    BASIC = "basic"
    OAUTH2 = "oauth2"
    SIGV4 = "sigv4"
    TC3 = "tc3"
    HMAC_URL = "hmac_url"
    JWT = "jwt"


class Framing(StrEnum):
    """How a stream is cut into messages."""

    SSE = "sse"
    NDJSON = "ndjson"
    JSON_ARRAY = "json_array"
    AWS_EVENT_STREAM = "aws_event_stream"
    WEBSOCKET = "websocket"
    GRPC = "grpc"


class Transport(StrEnum):
    """What carries the bytes."""

    HTTP = "http"
    WEBSOCKET = "websocket"
    GRPC = "grpc"


class Rest(StrEnum):
    """What becomes of a caller's field that no step names: sent as it is, put into `home`, or dropped and told."""

    SEND = "send"
    HOME = "home"
    DROP = "drop"


class Auth(Part, frozen=True):
    """`name` is the header or query key; `prefix` goes before the secret; the rest is for kinds that mint tokens.

    Those sign the `signed` parts of a request, or `claims`, and put the token in a header or query key: `carried_in`,
    `carried_as`. Times are in seconds.
    """

    kind: AuthKind = AuthKind.NONE
    name: str = ""
    prefix: str = ""
    token_url: str = ""
    scopes: tuple[str, ...] = ()
    service: str = ""
    region: str = ""
    action: str = ""
    version: str = ""
    signed: tuple[str, ...] = ()
    claims: dict[str, Any] = {}
    carried_in: str = "header"
    carried_as: str = ""
    lifetime_s: float = 3600.0


class ControlCall(Part, frozen=True):
    """An upstream call of init or terminate. `body` is sent as JSON; the value `$model` stands for its model."""

    path: str
    method: str = "POST"
    body: dict[str, Any] = {}
    status: tuple[int, ...] = (200,)


class MappingStep(Part, frozen=True):
    """One line of a body mapping.

    `get` names a caller's field, or several of which the first given is chosen; `put` is the dotted path in the
    upstream's body. `convert` names a codec function; `default` is sent if nothing was given; `value` is a
    constant, or `$model` or `$stream`.
    """

    put: str
    get: str | tuple[str, ...] = ()
    value: Any | UnsetType = UNSET
    convert: str = ""
    default: Any | UnsetType = UNSET
    required: bool = False
    range: tuple[float, float] | None = None

    @property
    def sources(self) -> tuple[str, ...]:
        """The caller's fields, in order of preference."""
        return (self.get,) if isinstance(self.get, str) else self.get


class ErrorRule(Part, frozen=True):
    """How an upstream says that something went wrong.

    `when` is a dotted path whose presence marks an error body, HTTP 200 included; with `equals` only if its value
    is among those, with `unless` only if it is not. `message`, `code` and `parameter` lead to the words; `kinds`
    maps a code to a failure kind. `says` holds, for a code of OpenAI's, plain words in lower case: a message of the
    protocol that has one of them, in any case, has that code instead of the upstream's own.
    """

    when: str
    equals: tuple[Any, ...] = ()
    unless: tuple[Any, ...] = ()
    message: tuple[str, ...] = ()
    code: tuple[str, ...] = ()
    parameter: tuple[str, ...] = ()
    kinds: dict[str, str] = {}
    says: dict[str, tuple[str, ...]] = {}


class UsagePaths(Part, frozen=True):
    """Dotted paths to token counts. Several paths are added up; of a list of paths the first that is there counts."""

    prompt: tuple[str | tuple[str, ...], ...] = ()
    completion: tuple[str | tuple[str, ...], ...] = ()
    cached: tuple[str, ...] = ()
    reasoning: tuple[str, ...] = ()


class DeltaMode(StrEnum):
    """Whether each message of a stream holds what is new or everything so far."""

    DELTA = "delta"
    CUMULATIVE = "cumulative"


class Stream(Part, frozen=True):
    """How a streamed answer arrives. `end` is the last message's text; without it the codec recognises the end.

    `splice` sends messages on as bytes, for upstreams that speak the caller's own format. `body` holds constants by
    dotted path that only a streaming call sends; those that are `optional` are left out if an upstream refuses them.
    """

    framing: Framing
    codec: str = ""
    end: str = ""
    splice: bool = False
    body: dict[str, Any] = {}
    optional: tuple[str, ...] = ()
    text: DeltaMode = DeltaMode.DELTA
    content_type: str = ""


class Polling(Part, frozen=True):
    """An asynchronous upstream job: its id, where to ask, what its states mean, where the result is. In seconds."""

    id: str
    poll: str
    state: str
    succeeded: tuple[Any, ...]
    failed: tuple[Any, ...]
    result: str = ""
    result_url: str = ""
    cancel: str = ""
    webhook: str = ""
    submit_headers: dict[str, str] = {}
    interval_s: float = 2.0
    deadline_s: float = 3600.0


class Media(StrEnum):
    """How bytes of images and sound travel."""

    RAW = "raw"
    BASE64 = "base64"
    HEX = "hex"
    URL = "url"
    MULTIPART = "multipart"
    FILE_ID = "file_id"


class Grpc(Part, frozen=True):
    """A gRPC method; the operation's path is /package.Service/Method. `proto` names the descriptor that is shipped."""

    proto: str
    request: str
    reply: str
    streaming: str = ""


class Websocket(Part, frozen=True):
    """Messages of a WebSocket call: constants of the first and last one, and the state that ends an answer."""

    start: dict[str, Any] = {}
    finish: dict[str, Any] = {}
    state: str = ""
    ended: tuple[Any, ...] = ()
    binary: str = ""


class Operation(Part, frozen=True):
    """One task: where it is sent, how its body is made and how the answer is read.

    `{model}` in a path stands for the upstream's model name, percent-encoded. `home` is the dotted path for
    parameters that a spec declares and no step names. `without_effect` lists values that mean nothing here and vanish
    silently (an empty list: any). `reply` is the codec that reads the answer; `same_format` instead says that the
    answer is in the caller's format already and names the list that it must have; `each` says which fields every item
    of the list must have and of what kind: object, text, boolean or vector. `finish` is a codec that completes the
    body.
    """

    path: str
    reply: str = ""
    same_format: str = ""
    each: dict[str, str] = {}
    may_be_empty: bool = False
    method: str = "POST"
    stream_path: str = ""
    transport: Transport = Transport.HTTP
    query: dict[str, str] = {}
    headers: dict[str, str] = {}
    body: tuple[MappingStep, ...] = ()
    rest: Rest = Rest.DROP
    home: str = ""
    without_effect: dict[str, tuple[Any, ...]] = {}
    finish: str = ""
    usage: UsagePaths = UsagePaths()
    stream: Stream | None = None
    polling: Polling | None = None
    grpc: Grpc | None = None
    websocket: Websocket | None = None
    request_media: Media | None = None
    reply_media: Media | None = None


class Control(Part, frozen=True):
    """Calls that load a model before use and unload it after."""

    init: tuple[ControlCall, ...] = ()
    terminate: tuple[ControlCall, ...] = ()


class Document(Part, frozen=True):
    """A whole protocol document. `base_path` is the protocol's own: an endpoint that ends with it is not doubled.

    `label` is what lists call it; the title if that is short enough.
    """

    name: str
    title: str
    types: tuple[str, ...]
    operations: dict[Task, Operation]
    label: str = ""
    description: str = ""
    aliases: tuple[str, ...] = ()
    base_path: str = ""
    auth: Auth = Auth()
    headers: dict[str, str] = {}
    detection: tuple[Probe, ...] = ()
    discovery: Discovery | None = None
    suggestion: Suggestion = Suggestion()
    health: tuple[Probe, ...] = ()
    control: Control = Control()
    errors: tuple[ErrorRule, ...] = ()


class DocumentInvalid(Exception):
    """A protocol document that does not fit the schema; the message names the path."""


def read(value: Any, file: str) -> Document:
    """The document in a parsed YAML `value`. Raises DocumentInvalid naming `file` and the path inside it."""
    try:
        return msgspec.convert(value, Document)
    except msgspec.ValidationError as error:
        raise DocumentInvalid(f"{file}: {error}") from error


def schema() -> dict[str, Any]:
    """JSON Schema 2020-12 of a protocol document."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **msgspec.json.schema(Document)}
