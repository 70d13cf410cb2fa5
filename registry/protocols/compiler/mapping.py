"""Where a spec's parameters reach an upstream."""

from collections.abc import Sequence

from registry.protocols.document import Operation
from registry.spec import Parameter


def wire_path(item: Parameter, operation: Operation) -> str:
    """The dotted path at which a parameter reaches the upstream."""
    if item.upstream is None:
        for step in operation.body:
            if item.name in step.sources:
                return step.put
    upstream = item.upstream or item.name
    return upstream if "." in upstream or not operation.home else f"{operation.home}.{upstream}"


def collision(params: Sequence[Parameter], operation: Operation) -> tuple[str, str, str] | None:
    """The first two parameters that would reach the upstream under one path, and the path; None if all differ."""
    taken: dict[str, str] = {}
    for item in params:
        path = wire_path(item, operation)
        if path in taken:
            return taken[path], item.name, path
        taken[path] = item.name
    return None
