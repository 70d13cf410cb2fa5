"""What the compiler produces: an Adapter, one Operation a task."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Self
from typing import Protocol as Interface
from urllib.parse import quote

from msgspec import Struct, structs
from msgspec.json import encode

from controlplane.base.messages import message_of
from registry.canon import Adaptation, CallContext, Fragment, Reply, Request, Task


class Wire(Struct, frozen=True, gc=False):
    """Bytes to send. `path` starts with "/", relative to the endpoint's base; `query` is already percent-encoded."""

    method: str
    path: str
    body: bytes = b""
    headers: tuple[tuple[bytes, bytes], ...] = ()
    query: bytes = b""


class Encoded(Struct, frozen=True):
    """A request on the wire and everything that was changed on the way.

    `memo` keeps what was worked out of a call's parameters, if calls with the same ones share it.
    """

    wire: Wire
    adapted: tuple[Adaptation, ...] = ()
    memo: dict[str, Any] | None = None


def segment(name: str) -> str:
    """A model's name as one path segment, percent-encoded, slashes too, so that it cannot lead elsewhere."""
    return quote(name, safe="") if name.strip(".") else "%2E" * len(name)


class StreamDecoder(Interface):
    """Turns upstream stream bytes into SSE for the caller. One instance a stream; memory is constant and capped."""

    def feed(self, data: bytes, parts: Sequence[bytes] = ()) -> Fragment:
        """Take the next upstream bytes, cut anywhere; `parts` are the same as the upstream cut them, if that is known.

        They only save work: nothing that is said of an answer may depend on them.
        """

    def close(self) -> Fragment:
        """Take the end of the upstream's body. Carries a failure if the end mark is missing."""


@dataclass(frozen=True, slots=True)
class BoundOperation:
    """One task of one protocol, bound to one spec's parameters.

    `encode(request, upstream_model)` raises Failure for a refused parameter. `decode(status, headers, body, context)`
    raises Failure for every upstream error, HTTP 200 with an error body included. `decoder(context)` opens a
    stream; None if the operation cannot stream. `optional` are dotted paths of fields that streaming calls send of
    our own and that an upstream may refuse.
    """

    task: Task
    encode: Callable[[Request, str], Encoded]
    decode: Callable[[int, Mapping[str, str], bytes, CallContext], Reply]
    decoder: Callable[[CallContext], StreamDecoder] | None = None
    optional: tuple[str, ...] = ()


class AuthScheme(Interface):
    """Turns a secret into request headers and a query suffix."""

    def __call__(self, secret: str) -> tuple[tuple[tuple[bytes, bytes], ...], bytes]:
        """Headers and percent-encoded query for `secret`."""


@dataclass(frozen=True, slots=True)
class Verb:
    """An upstream call of init, terminate, health or discovery; no body mapping.

    `{model}` in the path and `"$model"` in the body stand for the upstream's name of the model: send `wire_for(name)`.
    """

    wire: Wire
    expect_status: tuple[int, ...] = (200,)

    def wire_for(self, upstream_model: str) -> Wire:
        """The bytes to send for one model."""
        path = self.wire.path.replace("{model}", segment(upstream_model))
        return structs.replace(self.wire, path=path, body=self.wire.body.replace(b'"$model"', encode(upstream_model)))


class CompileError(Exception):
    """A protocol or spec that cannot be compiled; the message names the thing and what to do."""


@dataclass(frozen=True, slots=True)
class Code:
    """Generated code: the Python text that runs, its SHA-256 in hex, and the functions that it defines, by task."""

    source: str
    digest: str
    operations: Mapping[Task, BoundOperation]


@dataclass(frozen=True)
class Adapter:
    """Generated code for one protocol and one spec's type and parameters, made when it is first asked for.

    `base_path` is the path that belongs to the protocol (for example /v1) and comes before every wire's path, unless
    the endpoint ends with it, or with another version, itself. `init` and `terminate` are the wires of those verbs,
    empty if the protocol has none; `health` is used by probes and detection. `make` raises CompileError.
    """

    protocol: str
    base_path: str
    authorize: AuthScheme
    headers: tuple[tuple[bytes, bytes], ...]
    make: Callable[[], Code] = field(repr=False)
    init: tuple[Verb, ...] = ()
    terminate: tuple[Verb, ...] = ()
    health: tuple[Verb, ...] = ()
    describe: Verb | None = None

    @property
    def code(self) -> Code:
        """The code, made once; that takes milliseconds. Raises CompileError."""
        if isinstance(self._made, CompileError):
            raise CompileError(message_of(self._made)) from self._made
        return self._made

    @cached_property
    def _made(self) -> Code | CompileError:
        try:
            return self.make()
        except CompileError as error:
            return error

    def compile(self) -> Self:
        """This adapter, once its code is made. Raises CompileError."""
        _ = self.code
        return self

    @cached_property
    def operations(self) -> Mapping[Task, BoundOperation]:
        """The operations of `code`. Raises CompileError."""
        return self.code.operations

    @property
    def ready(self) -> bool:
        """Whether the code was made and has been used."""
        return "operations" in self.__dict__

    @property
    def compiled(self) -> bool:
        """Whether the code was made, or could not be made."""
        return "_made" in vars(self)

    @property
    def trouble(self) -> str:
        """Why the code could not be made; empty if it was made or never asked for."""
        made = vars(self).get("_made")
        return message_of(made) if isinstance(made, CompileError) else ""
