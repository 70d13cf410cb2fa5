"""A node: a schema as it is read, and the two that need no reading."""

from typing import Any

Node = dict[str, Any]
NOTHING: Node = {"type": []}
ANYTHING: Node = {}


def is_nothing(node: Node) -> bool:
    """Whether a node visibly accepts no value."""
    return node.get("type") == []
