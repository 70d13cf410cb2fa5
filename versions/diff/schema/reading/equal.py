"""Whether two nodes are written alike, references followed; recursion is taken for equal."""

from typing import Any

from versions.diff.schema.reading.finishing import HEIRS
from versions.diff.schema.reading.node import Node

MAX_STEPS = 1500


def alike(left: Node, right: Node) -> bool:
    """Whether two nodes say the same in the same words; false also where that takes too long to see.

    Numbers are alike if they are written alike: 1 and 1.0 are not, and neither are 1 and true.
    """
    pending: list[tuple[Any, Any]] = [(left, right)]
    assumed: set[tuple[int, int]] = set()
    steps = 0
    while pending:
        a, b = pending.pop()
        if a is b:
            continue
        steps += 1
        if steps > MAX_STEPS or type(a) is not type(b):
            return False
        if not isinstance(a, dict | list):
            if a != b:
                return False
            continue
        if len(a) != len(b) or (isinstance(a, dict) and a.keys() != b.keys()):
            return False
        if (id(a), id(b)) not in assumed:
            assumed.add((id(a), id(b)))
            pending += (
                [(value, b[name]) for name, value in a.items() if name != HEIRS]
                if isinstance(a, dict)
                else zip(a, b, strict=True)
            )
    return True
