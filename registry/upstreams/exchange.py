"""One call of one upstream outside the data plane (probes, detection, test calls), with all of it kept to be shown."""

import re
import time
from collections.abc import Iterable
from dataclasses import dataclass, replace

from msgspec import DecodeError, Raw, structs
from msgspec.json import decode, encode

from controlplane.base.messages import Sentence
from registry import reasons
from registry.canon import Adaptation, CallContext, Failure, FailureKind, Fragment, Reply, Request, Task, Usage
from registry.protocols.adapter import Adapter, BoundOperation, Verb, Wire
from registry.protocols.runtime.tensors import example_inputs
from registry.spec import Parameter, Spec, Timeouts
from registry.transports.http import Client
from registry.transports.masking import mask_failure, masked
from registry.upstreams.binding import Upstream
from registry.upstreams.offers import offered

KEPT = 64 * 1024
UNKNOWN = re.compile(
    r"model.*(not (been )?(found|exist|loaded|available)|unknown|no such)|(unknown|no such|invalid) model", re.I
)
PROBE_TIMEOUTS = Timeouts(connect=3.0, first_byte=20.0, idle=20.0, total=30.0)
_OPEN_HEADERS = frozenset({b"content-type", b"accept", b"user-agent"})

CONTENT: dict[Task, dict[str, object]] = {
    Task.CHAT: {"messages": [{"role": "user", "content": "ping"}]},
    Task.COMPLETION: {"prompt": "ping"},
    Task.EMBEDDING: {"input": "ping"},
    Task.RERANK: {"query": "ping", "documents": ["ping", "pong"]},
    Task.IMAGE: {"prompt": "a black dot"},
    Task.SPEECH: {"input": "ping"},
    Task.MODERATION: {"input": "ping"},
    Task.CLASSIFICATION: {"inputs": "ping"},
    Task.DETECTION: {"inputs": "ping"},
    Task.TENSOR: {"inputs": [{"name": "input", "shape": [1, 1], "datatype": "FP32", "data": [0.0]}]},
}


@dataclass(frozen=True, slots=True)
class Exchange:
    """What was sent and what came back. Secrets are masked; bodies are cut at 64 KiB.

    `reply` is the mapped answer; a streamed one is in `reply.body` as SSE. Exactly one of `reply` and `failure` is set.
    `example` are the inputs of a probe, as JSON, if they were made to fit what the upstream describes.
    """

    request_line: str
    request_headers: tuple[tuple[str, str], ...]
    request_body: bytes
    status: int | None
    response_headers: tuple[tuple[str, str], ...]
    response_body: bytes
    reply: Reply | None
    failure: Failure | None
    duration_ms: float
    adapted: tuple[Adaptation, ...] = ()
    example: bytes | None = None


async def exchange(
    client: Client, upstream: Upstream, request: Request, context: CallContext, timeouts: Timeouts | None = None
) -> Exchange:
    """Make one call and keep what can be shown of it. Never raises Failure: it is in the result, the model named.

    `timeouts` default to the spec's own.
    """
    begun = time.perf_counter()
    draft = Exchange("", (), b"", None, (), b"", None, None, 0.0)
    try:
        draft = await _perform(client, upstream, request, context, timeouts or upstream.spec.timeouts)
    except Failure as failure:
        draft = replace(draft, failure=failure)
    if draft.failure is not None:
        mask_failure(draft.failure, upstream.target.secret)
        name_model(draft.failure, upstream.spec.name)
    return replace(draft, duration_ms=round((time.perf_counter() - begun) * 1000, 2))


def name_model(failure: Failure, name: str) -> None:
    """Begin a failure's message with the model whose upstream it comes from: "Model 'x': the upstream says: ..."."""
    failure.message = reasons.of_model(name, failure.message)


async def _perform(
    client: Client, upstream: Upstream, request: Request, context: CallContext, timeouts: Timeouts
) -> Exchange:
    operation = operation_for(upstream.adapter, request)
    encoded = operation.encode(request, upstream.spec.upstream_model)
    sent = Exchange(
        request_line=f"{encoded.wire.method} {shown_path(upstream, encoded.wire)} HTTP/1.1",
        request_headers=shown_headers(upstream, encoded.wire),
        request_body=encoded.wire.body[:KEPT],
        status=None,
        response_headers=(),
        response_body=b"",
        reply=None,
        failure=None,
        duration_ms=0.0,
        adapted=encoded.adapted,
    )
    try:
        fetched = await client.fetch(upstream.target, encoded.wire, timeouts)
    except Failure as failure:
        return replace(sent, failure=failure)
    got = replace(
        sent,
        status=fetched.status,
        response_headers=tuple(fetched.headers.items()),
        response_body=fetched.body[:KEPT],
    )
    try:
        if request.stream and 200 <= fetched.status < 300:
            return replace(got, reply=_streamed(operation, fetched.body, context))
        return replace(got, reply=operation.decode(fetched.status, fetched.headers, fetched.body, context))
    except Failure as failure:
        return replace(got, failure=failure)


def operation_for(adapter: Adapter, request: Request) -> BoundOperation:
    """The adapter's operation for a request. Raises Failure if it has none or cannot stream."""
    operation = adapter.operations.get(request.task)
    if operation is None:
        known = ", ".join(sorted(task.value for task in adapter.operations)) or "nothing"
        raise Failure(
            FailureKind.UNSUPPORTED,
            Sentence(
                "this model does not answer {task} calls; over {protocol} it answers {known}",
                task=request.task.value,
                protocol=adapter.protocol,
                known=known,
            ),
            code="unsupported_task",
        )
    if request.stream and operation.decoder is None:
        words = Sentence(
            "{task} over {protocol} cannot stream; call it without stream",
            task=request.task.value,
            protocol=adapter.protocol,
        )
        raise Failure(FailureKind.UNSUPPORTED, words, parameter="stream", code="unsupported_stream")
    return operation


def _streamed(operation: BoundOperation, body: bytes, context: CallContext) -> Reply:
    """A whole streamed body, mapped. Raises the stream's own Failure."""
    if operation.decoder is None:
        raise Failure(FailureKind.UNSUPPORTED, Sentence("this operation cannot stream"), parameter="stream")
    decoder = operation.decoder(context)
    fragments = (decoder.feed(body), decoder.close())
    usage = _checked(fragments)
    return Reply(b"".join(fragment.output for fragment in fragments), usage)


def _checked(fragments: Iterable[Fragment]) -> Usage | None:
    usage = None
    for fragment in fragments:
        if fragment.failure is not None:
            raise fragment.failure
        usage = fragment.usage or usage
    return usage


def shown_path(upstream: Upstream, wire: Wire) -> str:
    """The request path with the values of the credential's query parameters masked."""
    names = (part.partition(b"=")[0] for part in upstream.target.query.split(b"&") if part)
    masked = replace(upstream.target, query=b"&".join(name + b"=***" for name in names))
    return masked.path(wire).decode("ascii", "replace")


def shown_headers(upstream: Upstream, wire: Wire) -> tuple[tuple[str, str], ...]:
    """The headers that are sent; those that authorise are masked."""
    target = upstream.target
    plain = {name for name, _ in upstream.adapter.headers} | {name for name, _ in wire.headers} | _OPEN_HEADERS
    found = [("host", target.origin.partition("://")[2])]
    for name, value in (*target.headers, *wire.headers):
        text = value.decode("latin-1") if name in plain else mask(value.decode("latin-1"))
        found.append((name.decode("latin-1"), text))
    return tuple(found)


def mask(value: str) -> str:
    """A secret reduced to its scheme, if any, and ***."""
    scheme, space, _ = value.partition(" ")
    return f"{scheme} ***" if space else "***"


async def init(client: Client, upstream: Upstream) -> None:
    """Run the protocol's init verbs (check credential, load the model). Raises Failure naming the verb that failed."""
    await _run(client, upstream, upstream.adapter.init)


async def terminate(client: Client, upstream: Upstream) -> None:
    """Run the protocol's terminate verbs (drain, unload). Raises Failure naming the verb that failed."""
    await _run(client, upstream, upstream.adapter.terminate)


async def health(client: Client, upstream: Upstream) -> None:
    """Run the protocol's health verbs. Raises Failure naming the one that failed."""
    await _run(client, upstream, upstream.adapter.health)


async def _run(client: Client, upstream: Upstream, verbs: tuple[Verb, ...]) -> None:
    for verb in verbs:
        wire = verb.wire_for(upstream.spec.upstream_model)
        fetched = await client.fetch(upstream.target, wire, PROBE_TIMEOUTS)
        if fetched.status not in verb.expect_status:
            words = masked(fetched.body[:500].decode("utf-8", "replace"), upstream.target.secret)
            raise Failure(
                FailureKind.UPSTREAM_ERROR,
                Sentence(
                    "{method} {path} answered {status}; expected {expected}: {words}",
                    method=wire.method,
                    path=shown_path(upstream, wire),
                    status=fetched.status,
                    expected=" or ".join(map(str, verb.expect_status)),
                    words=words[:200],
                ),
                upstream_status=fetched.status,
                upstream_words=words,
            )


def probe_request(spec: Spec, adapter: Adapter | None = None) -> Request:
    """The smallest real predict call for a model of this type, with a value for each parameter that must be given."""
    answered = [task for task in spec.tasks if adapter is None or task in adapter.operations]
    task = (answered or list(spec.tasks))[0]
    fields = {**CONTENT.get(task, {"inputs": "ping"})}
    for parameter in spec.params:
        if parameter.required and not parameter.has_default and parameter.name not in fields:
            fields[parameter.name] = _example(parameter)
    if task in (Task.CHAT, Task.COMPLETION):
        fields.update(_short(spec.params))
    return Request(task, {name: Raw(encode(value)) for name, value in fields.items()})


def _short(params: tuple[Parameter, ...]) -> dict[str, object]:
    """The parameter that keeps an answer short, if the spec declares one and allows it."""
    for parameter in params:
        if parameter.name in ("max_tokens", "max_completion_tokens") and not parameter.options:
            return {parameter.name: int(max(parameter.low or 1, min(8, parameter.high or 8)))}
    return {}


def _example(parameter: Parameter) -> object:
    """A value that the parameter accepts."""
    if parameter.options:
        return parameter.options[0]
    if parameter.low is not None:
        return int(parameter.low) if parameter.type == "int" else parameter.low
    return {"float": 0.5, "int": 1, "bool": False, "string": "ping", "array": [], "object": {}}[parameter.type]


def client_timeouts(timeouts: Timeouts, longest: float) -> Timeouts:
    """`timeouts` with no limit above `longest` seconds."""
    values = (min(limit, longest) for limit in (timeouts.connect, timeouts.first_byte, timeouts.idle, timeouts.total))
    return Timeouts(*values)


async def probe(client: Client, upstream: Upstream) -> Exchange:
    """One real predict call, with the spec's time limits but none above twenty seconds."""
    context = CallContext(upstream.spec.name, "probe", int(time.time()))
    timeouts = client_timeouts(upstream.spec.timeouts, PROBE_TIMEOUTS.first_byte)
    request = probe_request(upstream.spec, upstream.adapter)
    example = await _fitting(client, upstream, timeouts) if "inputs" in request.fields else None
    if example is not None:
        request = structs.replace(request, fields={**request.fields, "inputs": Raw(example)})
    shown = replace(await exchange(client, upstream, request, context, timeouts), example=example)
    if shown.failure is not None and _unknown_name(shown.failure):
        await _offer(client, upstream, shown.failure)
    return shown


def _unknown_name(failure: Failure) -> bool:
    """Whether an upstream seems to say that it has no model of the name that it was asked for."""
    if failure.kind is not FailureKind.UPSTREAM_REFUSED:
        return False
    return (
        failure.upstream_status == 404
        or failure.code == "model_not_found"
        or UNKNOWN.search(failure.message) is not None
    )


async def _offer(client: Client, upstream: Upstream, failure: Failure) -> None:
    """Add to a failure which names the upstream offers, if it lists some and ours is none of them."""
    names = await offered(client, upstream)
    asked = upstream.spec.upstream_model
    if names and asked not in names:
        message = reasons.offering(failure.message, asked, names)
        failure.detail["offer"] = str(message)[len(failure.message) :]
        failure.message = message


async def _fitting(client: Client, upstream: Upstream, timeouts: Timeouts) -> bytes | None:
    """Inputs of the names, types and shapes that the upstream itself describes, as JSON; None if it does not."""
    if upstream.adapter.describe is None:
        return None
    wire = upstream.adapter.describe.wire_for(upstream.spec.upstream_model)
    try:
        fetched = await client.fetch(upstream.target, wire, timeouts)
        inputs = example_inputs(decode(fetched.body)) if fetched.status == 200 else None
    except (Failure, DecodeError, RecursionError):
        return None
    return None if inputs is None else encode(inputs)
