"""Compiles a protocol document and a spec into an Adapter: plain Python source and the functions it defines."""

import hashlib
import importlib.abc
import importlib.util
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache, partial
from types import CodeType, MappingProxyType, ModuleType
from weakref import WeakValueDictionary

import msgspec

from controlplane.base.messages import Sentence
from registry.canon import Task
from registry.protocols import codecs
from registry.protocols.adapter import Adapter, BoundOperation, Code, CompileError, Verb, Wire
from registry.protocols.auth import MINTED, authorization
from registry.protocols.compiler import generate
from registry.protocols.compiler.catalog import PROTOCOLS
from registry.protocols.compiler.layout import layout
from registry.protocols.compiler.mapping import collision, passed_on
from registry.protocols.document import ControlCall, Document, Framing, Transport
from registry.protocols.document import Operation as Described
from registry.protocols.recognition import Probe
from registry.protocols.runtime.moulds import with_moulds
from registry.protocols.runtime.opening import opening
from registry.protocols.runtime.own_format import STARTS
from registry.spec import TASKS_BY_TYPE, Constraint, Parameter, Spec

RECENT = 256
"""Adapters that are kept although nobody holds them: an import of many models compiles each shape once."""


class Shape(msgspec.Struct, frozen=True):
    """All of a spec that its adapter depends on. Specs of one shape share one adapter."""

    protocol: str
    type: str
    params: tuple[Parameter, ...]
    constraints: tuple[Constraint, ...]


@dataclass(frozen=True, slots=True)
class Ground:
    """What the adapters of one protocol for one type of model share. `document` has paths below its base path."""

    document: Document
    tasks: tuple[Task, ...]
    blank: Adapter


_adapters: WeakValueDictionary[bytes, Adapter] = WeakValueDictionary()
_recent: deque[Adapter] = deque(maxlen=RECENT)

AUTH = Sentence("none, bearer, header, query and basic")
ONE_EXCHANGE = Sentence("answers in one exchange")
JSON_BODIES = Sentence("JSON bodies")
USAGE = Sentence("prompt and completion")
FRAMINGS = Sentence("sse and ndjson")


def compile_adapter(spec: Spec) -> Adapter:
    """The adapter of `spec` with its code, shared by all specs of its shape. Raises CompileError."""
    return adapter_of(spec).compile()


def adapter_of(spec: Spec) -> Adapter:
    """The adapter of `spec`, shared by all specs of its shape; its code is made when it is first asked for.

    Raises CompileError for all that a person can do wrong in a document or spec.
    """
    shape = msgspec.json.encode(Shape(spec.protocol, spec.type, spec.params, spec.constraints))
    key = hashlib.blake2b(shape, digest_size=16).digest()
    adapter = _adapters.get(key)
    if adapter is None:
        adapter = _adapters[key] = unmade(ground_of(spec.protocol, spec.type), spec)
    _recent.append(adapter)
    return adapter


@cache
def ground_of(protocol: str, kind: str) -> Ground:
    """The ground of a protocol that we speak. Raises CompileError."""
    if protocol not in PROTOCOLS:
        raise CompileError(
            Sentence(
                "protocol {protocol} is unknown; expected one of {protocols}",
                protocol=repr(protocol),
                protocols=", ".join(PROTOCOLS),
            )
        )
    return ground(PROTOCOLS[protocol], kind)


def compile_document(document: Document, spec: Spec) -> Adapter:
    """The adapter of `spec` under `document`, with its code. Raises CompileError."""
    return unmade(ground(document, spec.type), spec).compile()


def ground(document: Document, kind: str) -> Ground:
    """What `document` says for models of type `kind`, checked. Raises CompileError."""
    tasks = tuple(task for task in TASKS_BY_TYPE[kind] if task in document.operations)
    if not tasks or kind not in document.types:
        served = ", ".join(document.types)
        raise CompileError(
            Sentence(
                "protocol {document} does not serve type {kind}; it serves {served}",
                document=document.name,
                kind=kind,
                served=served,
            )
        )
    refuse_unbuilt(document, tasks)
    document = below_base(document)
    blank = Adapter(
        protocol=document.name,
        base_path=document.base_path,
        authorize=authorization(document.auth),
        headers=tuple((key.lower().encode(), value.encode()) for key, value in document.headers.items()),
        make=not_bound,
        init=tuple(verb(item) for item in document.control.init),
        terminate=tuple(verb(item) for item in document.control.terminate),
        health=tuple(verb(item) for item in document.health),
        describe=described_by(document),
    )
    return Ground(document, tasks, blank)


def not_bound() -> Code:
    """The code of an adapter without a spec. Always raises CompileError."""
    raise CompileError(Sentence("an adapter needs a spec before it can be compiled"))


def unmade(found: Ground, spec: Spec) -> Adapter:
    """The adapter of `spec` without its code. Raises CompileError if two parameters would be sent under one name."""
    for task in found.tasks:
        refuse_collisions(found.document, found.document.operations[task], spec)
    return replace(found.blank, make=partial(compiled, found, spec))


def compiled(found: Ground, spec: Spec) -> Code:
    """The code of `spec`'s shape. Raises CompileError, which nothing that passed the checks should cause."""
    document, tasks = found.document, found.tasks
    try:
        source = layout(generate.module(document, spec, tasks))
        digest = hashlib.sha256(source.encode()).hexdigest()
        module = load(source, f"adapter {document.name} {digest[:12]}")
    except (SyntaxError, ValueError, RecursionError, ImportError) as error:
        raise CompileError(
            Sentence("protocol {protocol}: its code does not load: {error}", protocol=document.name, error=error)
        ) from error
    return Code(source, digest, operations(module, document, tasks, spec))


def below(document: Document, path: str) -> str:
    """`path` relative to the document's base path."""
    return path.removeprefix(document.base_path)


def below_base(document: Document) -> Document:
    """`document` with every path relative to its base path, which endpoints may replace by a version of their own."""

    def relative(part: Described | Probe | ControlCall) -> Described | Probe | ControlCall:
        paths = [name for name in ("path", "stream_path") if hasattr(part, name)]
        return msgspec.structs.replace(part, **{name: below(document, getattr(part, name)) for name in paths})

    return msgspec.structs.replace(
        document,
        operations={task: relative(operation) for task, operation in document.operations.items()},
        health=tuple(relative(item) for item in document.health),
        control=msgspec.structs.replace(
            document.control,
            init=tuple(relative(item) for item in document.control.init),
            terminate=tuple(relative(item) for item in document.control.terminate),
        ),
    )


def operations(
    module: ModuleType, document: Document, tasks: tuple[Task, ...], spec: Spec
) -> Mapping[Task, BoundOperation]:
    """The generated functions, by task."""
    found = {}
    for task in tasks:
        opener, decode = getattr(module, f"stream_{task}", None), getattr(module, f"decode_{task}")
        rules = document.operations[task].stream
        if opener is not None and rules is not None and rules.framing is Framing.SSE:
            opener = opening(opener, decode)
        optional = rules.optional if rules is not None else ()
        encode, content = getattr(module, f"encode_{task}"), passed_on(document.operations[task], spec)
        if content:
            encode = with_moulds(encode, content)
        found[task] = BoundOperation(task, encode, decode, opener, optional)
    return MappingProxyType(found)


def verb(described: ControlCall | Probe) -> Verb:
    """An upstream call without a body mapping."""
    body = msgspec.json.encode(described.body) if isinstance(described, ControlCall) and described.body else b""
    return Verb(Wire(described.method, described.path, body), described.status)


def described_by(document: Document) -> Verb | None:
    """The call that describes a model's tensors, if the protocol has one."""
    path = document.discovery.metadata_path if document.discovery else ""
    return Verb(Wire("GET", below(document, path))) if path else None


def refuse_unbuilt(document: Document, tasks: tuple[Task, ...]) -> None:
    """Raise CompileError for what the schema has and the compiler cannot build yet."""
    if document.auth.kind in MINTED:
        raise unbuilt(document, Sentence("auth kind {kind}", kind=document.auth.kind), AUTH)
    for task in tasks:
        operation = document.operations[task]
        where = {"task": task}
        if operation.transport is not Transport.HTTP:
            raise unbuilt(
                document, Sentence("operation {task}: transport {kind}", **where, kind=operation.transport), "http"
            )
        if operation.polling is not None:
            raise unbuilt(document, Sentence("operation {task}: polling of asynchronous jobs", **where), ONE_EXCHANGE)
        media = operation.request_media or operation.reply_media
        if media is not None:
            raise unbuilt(document, Sentence("operation {task}: media {media}", **where, media=media), JSON_BODIES)
        if operation.usage.cached or operation.usage.reasoning:
            raise unbuilt(document, Sentence("operation {task}: usage of cached or reasoning tokens", **where), USAGE)
        framing = operation.stream.framing if operation.stream else Framing.SSE
        if framing not in generate.FRAMINGS:
            raise unbuilt(document, Sentence("operation {task}: framing {kind}", **where, kind=framing), FRAMINGS)
        refuse_malformed(document, task, operation)


def refuse_malformed(document: Document, task: Task, operation: Described) -> None:
    """Raise CompileError for a document that contradicts itself or names unknown codecs."""
    where = Sentence("protocol {protocol}, operation {task}", protocol=document.name, task=task)
    if bool(operation.reply) == bool(operation.same_format):
        raise CompileError(
            Sentence(
                "{where}: give either `reply` (a codec) or `same_format` (a field), not both or neither", where=where
            )
        )
    unknown = sorted(set(operation.each.values()) - set(STARTS))
    if unknown:
        raise CompileError(
            Sentence(
                "{where}: unknown kind {kind} in `each`; known are {known}",
                where=where,
                kind=repr(unknown[0]),
                known=list(STARTS),
            )
        )
    if operation.stream is not None and task not in generate.STREAMS:
        raise CompileError(Sentence("{where}: only {known} can stream", where=where, known=list(generate.STREAMS)))
    if operation.stream is not None and operation.stream.splice == bool(operation.stream.codec):
        raise CompileError(Sentence("{where}: a stream needs either `splice: true` or a codec", where=where))
    for codec in sorted(generate.codec_names(document)):
        if not codecs.exists(codec):
            raise CompileError(
                Sentence(
                    "{where}: unknown codec {codec}; known are {known}",
                    where=where,
                    codec=repr(codec),
                    known=list(codecs.known()),
                )
            )


def unbuilt(document: Document, feature: str, available: str) -> CompileError:
    """The error for a feature that is not built yet."""
    return CompileError(
        Sentence(
            "protocol {document}: {feature} is not supported yet; supported: {available}",
            document=document.name,
            feature=feature,
            available=available,
        )
    )


def refuse_collisions(document: Document, operation: Described, spec: Spec) -> None:
    """Raise CompileError if two parameters of a spec would be sent under one name."""
    found = collision(spec.params, operation)
    if found is not None:
        first, second, path = found
        raise CompileError(
            Sentence(
                "parameters {first} and {second} would both reach {title} as {path};"
                " remove one or give it another `upstream`",
                first=repr(first),
                second=repr(second),
                title=document.title,
                path=repr(path),
            )
        )


class GeneratedLoader(importlib.abc.InspectLoader):
    """Imports a module from source text held in memory."""

    def __init__(self, source: str, filename: str) -> None:
        self.source, self.filename = source, filename

    def get_source(self, fullname: str) -> str:
        """The module's text."""
        return self.source

    def get_code(self, fullname: str) -> CodeType:
        """The module's code under a name of its own, by which tracebacks ask for the text."""
        return self.source_to_code(self.source, self.filename)

    def is_package(self, fullname: str) -> bool:
        """Never a package."""
        return False


def load(source: str, filename: str) -> ModuleType:
    """The module that `source` defines. Tracebacks show its lines: they ask its loader for them."""
    loader = GeneratedLoader(source, filename)
    described = importlib.util.spec_from_loader("registry.protocols.generated", loader, origin=filename)
    if described is None:
        raise CompileError(Sentence("{filename} cannot be loaded", filename=filename))
    module = importlib.util.module_from_spec(described)
    loader.exec_module(module)
    return module
