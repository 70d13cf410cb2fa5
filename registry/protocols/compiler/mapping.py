"""Where a spec's parameters reach an upstream."""

from collections.abc import Mapping, Sequence

from registry.protocols.document import Operation
from registry.spec import Parameter, Spec

CONTENT = ("messages", "prompt", "input", "inputs", "query", "documents", "texts")


def wire_path(item: Parameter, operation: Operation) -> str:
    """The dotted path at which a parameter reaches the upstream."""
    return _path(item, operation, _put(operation))


def collision(params: Sequence[Parameter], operation: Operation) -> tuple[str, str, str] | None:
    """The first two parameters that would reach the upstream under one path, and the path; None if all differ."""
    put = _put(operation)
    taken: dict[str, str] = {}
    for item in params:
        if not item.sent:
            continue
        path = _path(item, operation, put)
        if path in taken:
            return taken[path], item.name, path
        taken[path] = item.name
    return None


def _put(operation: Operation) -> dict[str, str]:
    """Where the document puts each of the caller's fields that it names."""
    return {source: step.put for step in reversed(operation.body) for source in step.sources}


def _path(item: Parameter, operation: Operation, put: Mapping[str, str]) -> str:
    if item.upstream is None and item.name in put:
        return put[item.name]
    upstream = item.upstream or item.name
    return upstream if "." in upstream or not operation.home else f"{operation.home}.{upstream}"


def passed_on(operation: Operation, spec: Spec) -> tuple[str, ...]:
    """The content fields that an encoder passes on as they come; none if anything in it may look into one."""
    steps = [step for step in operation.body if step.sources and step.sources[0] in CONTENT]
    names = tuple(step.sources[0] for step in steps)
    read = {parameter.name for parameter in spec.params}
    read |= {source for step in operation.body if step not in steps for source in step.sources}
    plain = all(step.required and not step.convert and len(step.sources) == 1 for step in steps)
    return names if plain and not operation.finish and read.isdisjoint(names) else ()
