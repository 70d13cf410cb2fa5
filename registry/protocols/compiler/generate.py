"""Builds the syntax tree of an adapter: a protocol document and a spec's parameters as straight-line Python.

The names that generated code uses are those of `registry.protocols.runtime`.
"""

import ast
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from registry.canon import Task
from registry.protocols.compiler.mapping import CONTENT, wire_path
from registry.protocols.document import Document, MappingStep, Operation, Rest
from registry.protocols.part import Part
from registry.spec import Constraint, Parameter, Spec
from registry.steering import steers

SYNONYMS = ("max_tokens", "max_completion_tokens")
STREAMS = {Task.CHAT: "ChatStream", Task.COMPLETION: "CompletionStream"}
FRAMINGS = {"sse": "SseFraming", "ndjson": "NdjsonFraming"}


def literal(value: Any) -> ast.expr:
    """A JSON-like value, or a part of a document, as an expression."""
    if isinstance(value, Part):
        given = {name: getattr(value, name) for name in value.__struct_fields__}
        kept = {key: item for key, item in given.items() if item not in ((), {}, "", None)}
        return call(type(value).__name__, [], {name: literal(item) for name, item in kept.items()})
    if isinstance(value, tuple):
        return ast.Tuple([literal(item) for item in value], ast.Load())
    if isinstance(value, list):
        return ast.List([literal(item) for item in value], ast.Load())
    if isinstance(value, dict):
        return ast.Dict([literal(key) for key in value], [literal(item) for item in value.values()])
    return ast.Constant(value)


def name(dotted: str) -> ast.expr:
    """A dotted name such as draft.put."""
    first, *rest = dotted.split(".")
    node: ast.expr = ast.Name(first, ast.Load())
    for part in rest:
        node = ast.Attribute(node, part, ast.Load())
    return node


def call(function: str, args: Sequence[ast.expr] = (), keywords: Mapping[str, ast.expr] | None = None) -> ast.Call:
    """A call."""
    return ast.Call(name(function), list(args), [ast.keyword(key, value) for key, value in (keywords or {}).items()])


def do(function: str, *args: Any, **keywords: Any) -> ast.stmt:
    """A call as a statement; arguments that are no expressions become literals."""
    values = [item if isinstance(item, ast.expr) else literal(item) for item in args]
    named = {key: item if isinstance(item, ast.expr) else literal(item) for key, item in keywords.items()}
    return ast.Expr(call(function, values, named))


def assign(target: str, value: ast.expr) -> ast.stmt:
    """An assignment to a plain name."""
    return ast.Assign([ast.Name(target, ast.Store())], value)


def function(title: str, parameters: Mapping[str, str], returns: str, body: Sequence[ast.stmt]) -> ast.FunctionDef:
    """A function with annotated parameters."""
    arguments = [ast.arg(key, ast.parse(kind, mode="eval").body) for key, kind in parameters.items()]
    signature = ast.arguments([], arguments, None, [], [], None, [])
    made = ast.FunctionDef(title, signature, list(body), [], ast.parse(returns, mode="eval").body)
    vars(made).setdefault("type_params", [])
    return made


def doc(text: str) -> ast.stmt:
    """A docstring."""
    return ast.Expr(ast.Constant(text))


def module(document: Document, spec: Spec, tasks: Sequence[Task]) -> ast.Module:
    """The whole adapter of `spec`'s type and parameters for the `tasks` that `document` serves."""
    intro = f"{document.title}, type {spec.type}: generated from the protocol document and the model's spec."
    body: list[ast.stmt] = []
    for task in tasks:
        operation = document.operations[task]
        body += [encoder(task, operation, spec), decoder(task, operation)]
        if operation.stream is not None:
            body.append(stream(task, operation))
    constants = [assign("ERRORS", literal(document.errors))]
    constants += [assign(f"{task.upper()}_USAGE", literal(document.operations[task].usage)) for task in tasks]
    head = [doc(intro), *imports([*constants, *body], document)]
    return ast.fix_missing_locations(ast.Module([*head, *constants, *body], []))


IMPORTS = {
    "collections.abc": ("Mapping",),
    "msgspec.json": ("encode",),
    "registry.canon": ("CallContext", "Reply", "Request"),
    "registry.protocols.runtime.params": ("Draft", "place"),
    "registry.protocols.adapter": ("Encoded", "Wire", "segment"),
    "registry.protocols.runtime.answers": (
        "ErrorRule",
        "UsagePaths",
        "fields",
        "read",
        "reply",
        "translate",
        "usage_of",
    ),
    "registry.protocols.runtime.framing": ("NdjsonFraming", "SseFraming"),
    "registry.protocols.runtime.own_format": ("same_reply",),
    "registry.protocols.runtime.splice": ("SpliceStream",),
    "registry.protocols.runtime.streams": ("ChatStream", "CompletionStream", "StreamRules"),
}


def imports(body: Sequence[ast.stmt], document: Document) -> list[ast.stmt]:
    """Imports of exactly the names that `body` uses."""
    used = {node.id for item in body for node in ast.walk(item) if isinstance(node, ast.Name)}
    found: list[ast.stmt] = [
        ast.ImportFrom(source, [ast.alias(item) for item in names if item in used], 0)
        for source, names in IMPORTS.items()
        if used & set(names)
    ]
    codecs = sorted({part.split(".")[0] for part in codec_names(document)} & used)
    if codecs:
        place = next(
            (i for i, item in enumerate(found) if getattr(item, "module", "") > "registry.protocols.codecs"), len(found)
        )
        found.insert(place, ast.ImportFrom("registry.protocols.codecs", [ast.alias(item) for item in codecs], 0))
    return found


def codec_names(document: Document) -> set[str]:
    """Every codec function that `document` names, such as ollama.messages."""
    found: set[str] = set()
    for operation in document.operations.values():
        found |= {operation.reply, operation.finish, operation.stream.codec if operation.stream else ""}
        found |= {step.convert for step in operation.body}
    return found - {""}


def encoder(task: Task, operation: Operation, spec: Spec) -> ast.FunctionDef:
    """`encode_<task>`: neutral request to wire."""
    declared = {item.name: item for item in spec.params}
    body: list[ast.stmt] = [
        doc(summary(operation)),
        assign("draft", call("Draft", [name("request")])),
        *checks(spec, declared),
        assign("body", ast.Dict([], [])),
    ]
    own = [item for item in operation.body if not item.sources or item.sources[0] in CONTENT]
    others = [item for item in operation.body if item not in own]
    for step in own:
        body.append(step_statement(step))
    for parameter in spec.params:
        body += placement(parameter, operation, declared)
    body += [do("draft.without_effect", key, values) for key, values in operation.without_effect.items()]
    for step in others:
        if step.range and not set(step.sources) & set(declared):
            body += [do("draft.number", source, "float", *step.range, "clamp") for source in step.sources]
        body.append(step_statement(step))
    if operation.stream is not None and operation.stream.body:
        body.append(do("draft.streaming", name("body"), name("request.stream"), operation.stream.body))
    if operation.finish:
        body.append(do(operation.finish, name("body"), name("draft")))
    body.append(rest_statement(operation, [key for key in declared if steers(key)]))
    body.append(ast.Return(call("Encoded", [wire(operation), call("tuple", [name("draft.adapted")])])))
    return function(f"encode_{task}", {"request": "Request", "upstream_model": "str"}, "Encoded", body)


def summary(operation: Operation) -> str:
    """Where an operation goes, in words."""
    streamed = f", {operation.stream_path} for a stream" if operation.stream_path else ""
    return f"{operation.method} {operation.path}{streamed}."


def rest_statement(operation: Operation, opened: Sequence[str]) -> ast.stmt:
    """What becomes of the fields that nothing named; `opened` are fields that no caller may send unless declared."""
    if operation.rest is Rest.DROP:
        return do("draft.drop_rest")
    home = (operation.home,) if operation.rest is Rest.HOME else ()
    declared = {"declared": tuple(opened)} if opened else {}
    return do("draft.send_rest", name("body"), *home, **declared)


def step_statement(step: MappingStep) -> ast.stmt:
    """One line of the document's body mapping."""
    if step.value is not msgspec.UNSET:
        value = {"$model": name("upstream_model"), "$stream": name("request.stream")}.get(str(step.value))
        target = ast.Subscript(name("body"), ast.Constant(step.put), ast.Store())
        if "." not in step.put:
            return ast.Assign([target], value or literal(step.value))
        return do("place", name("body"), step.put, value or step.value)
    extra: dict[str, Any] = {"convert": name(step.convert)} if step.convert else {}
    if step.required:
        if step.put == "*":
            return do("draft.spread", name("body"), *step.sources, name(step.convert))
        return do("draft.take", name("body"), step.put, *step.sources, **extra)
    if step.default is not msgspec.UNSET:
        extra["default"] = step.default
    return do("draft.put", name("body"), step.put, *step.sources, **extra)


def checks(spec: Spec, declared: Mapping[str, Parameter]) -> list[ast.stmt]:
    """The spec's own rules, in the caller's names and units."""
    found: list[ast.stmt] = []
    for parameter in spec.params:
        for other in SYNONYMS:
            if parameter.name in SYNONYMS and other not in declared:
                found.append(do("draft.synonym", other, parameter.name))
        found += rule(parameter)
    found += [condition(item) for item in spec.constraints if item.kind == "exclusive"]
    found += [do("draft.reserve", item.name) for item in spec.params if not item.sent]
    sent = [item for item in spec.params if item.sent]
    found += [default(item, spec.constraints) for item in sent if item.has_default]
    found += [condition(item) for item in spec.constraints if item.kind != "exclusive"]
    for parameter in sent:
        if parameter.values:
            found.append(do("draft.translate", parameter.name, parameter.values))
        if parameter.conversion and parameter.low is not None and parameter.high is not None:
            target = (parameter.conversion.upstream_low, parameter.conversion.upstream_high)
            found.append(do("draft.convert", parameter.name, parameter.type, (parameter.low, parameter.high), target))
    return found


def rule(item: Parameter) -> list[ast.stmt]:
    """Type, range, options, presence and default of one parameter."""
    found: list[ast.stmt] = []
    if item.required and item.sent and not item.has_default:
        found.append(do("draft.require", item.name))
    if item.type in ("float", "int"):
        limits = {"low": item.low, "high": item.high} if item.low is not None or item.high is not None else {}
        mode = {"outside": item.outside} if item.outside != "refuse" and limits else {}
        found.append(
            do("draft.number", item.name, item.type, **{k: v for k, v in limits.items() if v is not None}, **mode)
        )
    else:
        found.append(do("draft.typed", item.name, item.type))
    if item.options:
        fallback = (item.default,) if item.outside == "clamp" else ()
        found.append(do("draft.option", item.name, item.options, *fallback))
    return found


def default(item: Parameter, constraints: Sequence[Constraint]) -> ast.stmt:
    """The default of one parameter, not sent if the caller gave what it excludes."""
    groups = [group.parameters for group in constraints if group.kind == "exclusive" and item.name in group.parameters]
    others = tuple(dict.fromkeys(other for group in groups for other in group if other != item.name))
    extra = {"unless": others} if others else {}
    return do("draft.default", item.name, item.default, **extra)


def condition(item: Constraint) -> ast.stmt:
    """One constraint."""
    mode = {"outside": item.outside} if item.outside != "refuse" else {}
    if item.kind == "exclusive":
        return do("draft.exclusive", item.parameters, **mode)
    return do("draft.requires", item.when, item.above, item.parameters[0], (item.low, item.high), **mode)


def placement(item: Parameter, operation: Operation, declared: Mapping[str, Parameter]) -> list[ast.stmt]:
    """Where a declared parameter goes when no step of the document says so, or the spec says otherwise."""
    path = wire_path(item, operation)
    if not item.sent or not path or (path == item.name and operation.rest is Rest.SEND):
        return []
    if item.upstream is None and any(item.name in step.sources for step in operation.body):
        return []
    found: list[ast.stmt] = []
    last = path.rpartition(".")[2]
    if item.upstream is not None and last not in declared:
        found.append(do("draft.reserve", last, item.name))
    return [*found, do("draft.put", name("body"), path, item.name)]


def path_expression(path: str) -> ast.expr:
    """A path in which {model} stands for the upstream model's name, percent-encoded."""
    if "{model}" not in path:
        return ast.Constant(path)
    before, _, after = path.partition("{model}")
    inner = ast.FormattedValue(call("segment", [name("upstream_model")]), -1)
    parts = [ast.Constant(before), inner, *([ast.Constant(after)] if after else [])]
    return ast.JoinedStr(parts)


def wire(operation: Operation) -> ast.expr:
    """The Wire that is sent."""
    path = path_expression(operation.path)
    if operation.stream_path:
        path = ast.IfExp(name("request.stream"), path_expression(operation.stream_path), path)
    extra: dict[str, ast.expr] = {}
    if operation.headers:
        extra["headers"] = literal(tuple((key.encode(), value.encode()) for key, value in operation.headers.items()))
    if operation.query:
        extra["query"] = literal("&".join(f"{key}={value}" for key, value in operation.query.items()).encode())
    return call("Wire", [ast.Constant(operation.method), path, call("encode", [name("body")])], extra)


DECODER = {"status": "int", "headers": "Mapping[str, str]", "body": "bytes", "context": "CallContext"}


def decoder(task: Task, operation: Operation) -> ast.FunctionDef:
    """`decode_<task>`: a whole answer to a neutral reply."""
    arguments = [name("status"), name("headers"), name("body"), name("ERRORS")]
    usage = name(f"{task.upper()}_USAGE")
    if operation.same_format:
        values = [name("found"), literal(operation.same_format), literal(operation.each), name("context"), usage]
        empty = {"may_be_empty": literal(True)} if operation.may_be_empty else {}
        body = [
            doc("The answer is in the caller's format already."),
            assign("found", call("fields", arguments)),
            ast.Return(call("same_reply", values, empty)),
        ]
    else:
        counted = call("usage_of", [name("answer"), usage])
        body = [
            doc(f"{operation.reply} translates the answer."),
            assign("answer", call("read", arguments)),
            assign("translated", call("translate", [name(operation.reply), name("answer"), name("context")])),
            ast.Return(call("reply", [name("translated"), counted, name("context")])),
        ]
    return function(f"decode_{task}", DECODER, "Reply", body)


def stream(task: Task, operation: Operation) -> ast.FunctionDef:
    """`stream_<task>`: opens the decoder of one streamed answer."""
    rules = operation.stream
    assert rules is not None
    usage = name(f"{task.upper()}_USAGE")
    if rules.splice:
        made = call("SpliceStream", [name("context"), name("ERRORS"), usage])
        body = [doc("Events travel as they are; only the model's name is replaced."), ast.Return(made)]
        return function(f"stream_{task}", {"context": "CallContext"}, "SpliceStream", body)
    extra = {"end": literal(rules.end)} if rules.end else {}
    if rules.text == "cumulative":
        extra["cumulative"] = literal(True)
    values = call("StreamRules", [name(rules.codec), name("ERRORS"), usage], extra)
    kind = STREAMS[task]
    made = call(kind, [name("context"), call(FRAMINGS[rules.framing]), name("rules")])
    body = [doc(f"{rules.codec} translates each message."), assign("rules", values), ast.Return(made)]
    return function(f"stream_{task}", {"context": "CallContext"}, kind, body)
