"""Compiles a protocol document and a spec into an Adapter: plain Python source and the functions it defines."""

import hashlib
import importlib.abc
import importlib.util
import linecache
from collections.abc import Mapping
from types import MappingProxyType, ModuleType

import msgspec

from registry.canon import Task
from registry.protocols import codecs
from registry.protocols.adapter import Adapter, Operation, Verb, Wire
from registry.protocols.auth import MINTED, authorization
from registry.protocols.compiler import generate
from registry.protocols.compiler.catalog import PROTOCOLS
from registry.protocols.compiler.layout import layout
from registry.protocols.compiler.mapping import collision
from registry.protocols.document import Call, Document, Framing, Probe, Transport
from registry.protocols.document import Operation as Described
from registry.protocols.runtime.opening import opening
from registry.protocols.runtime.own_format import STARTS
from registry.spec import Constraint, Parameter, Spec

CACHED = 4096
ADAPTERS: dict[bytes, Adapter] = {}


class CompileError(Exception):
    """A protocol or spec that cannot be compiled; the message names the thing and what to do."""


class Shape(msgspec.Struct, frozen=True):
    """All of a spec that its adapter depends on. Specs of one shape share one adapter."""

    protocol: str
    type: str
    params: tuple[Parameter, ...]
    constraints: tuple[Constraint, ...]


def compile_adapter(spec: Spec) -> Adapter:
    """The adapter of `spec`, from the cache if its shape was compiled before. Raises CompileError."""
    shape = msgspec.json.encode(Shape(spec.protocol, spec.type, spec.params, spec.constraints))
    adapter = ADAPTERS.get(shape)
    if adapter is None:
        if spec.protocol not in PROTOCOLS:
            raise CompileError(f"protocol {spec.protocol!r} is unknown; expected one of {', '.join(PROTOCOLS)}")
        adapter = compile_document(PROTOCOLS[spec.protocol], spec)
        if len(ADAPTERS) >= CACHED:
            ADAPTERS.clear()
        ADAPTERS[shape] = adapter
    return adapter


def compile_document(document: Document, spec: Spec) -> Adapter:
    """The adapter of `spec` under `document`. Raises CompileError."""
    tasks = tuple(task for task in spec.tasks if task in document.operations)
    if not tasks or spec.type not in document.types:
        served = ", ".join(document.types)
        raise CompileError(f"protocol {document.name} does not serve type {spec.type}; it serves {served}")
    refuse_unbuilt(document, tasks)
    for task in tasks:
        refuse_collisions(document, document.operations[task], spec)
    document = below_base(document)
    source = layout(generate.module(document, spec, tasks))
    digest = hashlib.sha256(source.encode()).hexdigest()
    module = load(source, f"<adapter {document.name} {digest[:12]}>")
    return Adapter(
        protocol=document.name,
        digest=digest,
        source=source,
        base_path=document.base_path,
        authorize=authorization(document.auth),
        headers=tuple((key.lower().encode(), value.encode()) for key, value in document.headers.items()),
        operations=operations(module, document, tasks),
        init=tuple(verb(item) for item in document.control.init),
        terminate=tuple(verb(item) for item in document.control.terminate),
        health=tuple(verb(item) for item in document.health),
        describe=described_by(document),
    )


def below(document: Document, path: str) -> str:
    """`path` relative to the document's base path."""
    return path.removeprefix(document.base_path)


def below_base(document: Document) -> Document:
    """`document` with every path relative to its base path, which endpoints may replace by a version of their own."""

    def relative(part: Described | Probe | Call) -> Described | Probe | Call:
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


def operations(module: ModuleType, document: Document, tasks: tuple[Task, ...]) -> Mapping[Task, Operation]:
    """The generated functions, by task."""
    found = {}
    for task in tasks:
        opener, decode = getattr(module, f"stream_{task}", None), getattr(module, f"decode_{task}")
        rules = document.operations[task].stream
        if opener is not None and rules is not None and rules.framing is Framing.SSE:
            opener = opening(opener, decode)
        optional = rules.optional if rules is not None else ()
        found[task] = Operation(task, getattr(module, f"encode_{task}"), decode, opener, optional)
    return MappingProxyType(found)


def verb(described: Call | Probe) -> Verb:
    """An upstream call without a body mapping."""
    body = msgspec.json.encode(described.body) if isinstance(described, Call) and described.body else b""
    return Verb(Wire(described.method, described.path, body), described.status)


def described_by(document: Document) -> Verb | None:
    """The call that describes a model's tensors, if the protocol has one."""
    path = document.discovery.metadata_path if document.discovery else ""
    return Verb(Wire("GET", below(document, path))) if path else None


def refuse_unbuilt(document: Document, tasks: tuple[Task, ...]) -> None:
    """Raise CompileError for what the schema has and the compiler cannot build yet."""
    if document.auth.kind in MINTED:
        raise unbuilt(document, f"auth kind {document.auth.kind}", "none, bearer, header, query and basic")
    for task in tasks:
        operation = document.operations[task]
        where = f"operation {task}: "
        if operation.transport is not Transport.HTTP:
            raise unbuilt(document, f"{where}transport {operation.transport}", "http")
        if operation.polling is not None:
            raise unbuilt(document, f"{where}polling of asynchronous jobs", "answers in one exchange")
        if operation.request_media is not None or operation.reply_media is not None:
            raise unbuilt(document, f"{where}media {operation.request_media or operation.reply_media}", "JSON bodies")
        if operation.usage.cached or operation.usage.reasoning:
            raise unbuilt(document, f"{where}usage of cached or reasoning tokens", "prompt and completion")
        framing = operation.stream.framing if operation.stream else Framing.SSE
        if framing not in generate.FRAMINGS:
            raise unbuilt(document, f"{where}framing {framing}", "sse and ndjson")
        refuse_malformed(document, task, operation)


def refuse_malformed(document: Document, task: Task, operation: Described) -> None:
    """Raise CompileError for a document that contradicts itself or names unknown codecs."""
    where = f"protocol {document.name}, operation {task}"
    if bool(operation.reply) == bool(operation.same_format):
        raise CompileError(f"{where}: give either `reply` (a codec) or `same_format` (a field), not both or neither")
    unknown = sorted(set(operation.each.values()) - set(STARTS))
    if unknown:
        raise CompileError(f"{where}: unknown kind {unknown[0]!r} in `each`; known are {', '.join(STARTS)}")
    if operation.stream is not None and task not in generate.STREAMS:
        raise CompileError(f"{where}: only {', '.join(generate.STREAMS)} can stream")
    if operation.stream is not None and operation.stream.splice == bool(operation.stream.codec):
        raise CompileError(f"{where}: a stream needs either `splice: true` or a codec")
    for codec in sorted(generate.codec_names(document)):
        if not codecs.exists(codec):
            raise CompileError(f"{where}: unknown codec {codec!r}; known are {', '.join(codecs.known())}")


def unbuilt(document: Document, feature: str, available: str) -> CompileError:
    """The error for a feature that is not built yet."""
    return CompileError(f"protocol {document.name}: {feature} is not supported yet; supported: {available}")


def refuse_collisions(document: Document, operation: Described, spec: Spec) -> None:
    """Raise CompileError if two parameters of a spec would be sent under one name."""
    found = collision(spec.params, operation)
    if found is not None:
        first, second, path = found
        raise CompileError(
            f"parameters {first!r} and {second!r} would both reach {document.title} as {path!r}; "
            "remove one or give it another `upstream`"
        )


class GeneratedLoader(importlib.abc.InspectLoader):
    """Imports a module from source text held in memory."""

    def __init__(self, source: str, filename: str) -> None:
        self.source, self.filename = source, filename

    def get_source(self, fullname: str) -> str:
        """The module's text."""
        return self.source

    def is_package(self, fullname: str) -> bool:
        """Never a package."""
        return False


def load(source: str, filename: str) -> ModuleType:
    """The module that `source` defines. Tracebacks show its lines."""
    loader = GeneratedLoader(source, filename)
    described = importlib.util.spec_from_loader("registry.protocols.generated", loader, origin=filename)
    if described is None:
        raise CompileError(f"{filename} cannot be loaded")
    module = importlib.util.module_from_spec(described)
    loader.exec_module(module)
    linecache.cache[filename] = (len(source), None, source.splitlines(keepends=True), filename)
    return module
