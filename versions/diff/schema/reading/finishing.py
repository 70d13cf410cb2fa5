"""What needs the whole of a node once its keywords are read: access, nullability, who inherits from it."""

from typing import Any, Protocol

from versions.diff.findings import Direction
from versions.diff.schema.reading.dialect import Dialect
from versions.diff.schema.reading.node import Node

HEIRS = "x-heirs"
"""Where a node keeps the schemas that a discriminator chooses among; a name that no rule about sets looks at."""
COMBINED = ("allOf", "anyOf", "oneOf", "not", "if")
RESTRICTING = (*COMBINED, "enum", "const", "type")


class Finishing(Protocol):
    """What the functions below ask of a reader."""

    direction: Direction
    dialect: Dialect

    def marked(self, raw: Any, word: str) -> bool:
        """Whether a raw schema, or what it refers to, has a keyword set to true."""

    def schema(self, raw: Any, pointer: str) -> Node:
        """The node of a raw schema found at a pointer."""

    def heirs(self, pointer: str) -> dict[str, str]:
        """References to the named schemas that take a named schema into their `allOf`, by name."""


def finish(reader: Finishing, node: Node, raw: dict[str, Any], pointer: str) -> None:
    """Draft 3 `required`, exclusive bounds, access, nullability."""
    properties = raw.get("properties")
    if isinstance(properties, dict):
        demanded = [
            name for name, value in properties.items() if isinstance(value, dict) and value.get("required") is True
        ]
        if demanded:
            node["required"] = list(dict.fromkeys([*node.get("required", []), *demanded]))
    for exclusive, bound in (("exclusiveMinimum", "minimum"), ("exclusiveMaximum", "maximum")):
        if exclusive in node and node.get(bound) == node[exclusive]:
            del node[bound]
    hidden = "readOnly" if reader.direction is Direction.REQUEST else "writeOnly"
    if "required" in node and isinstance(properties, dict):
        absent = [name for name, value in properties.items() if reader.marked(value, hidden)]
        node["required"] = [name for name in node["required"] if name not in absent]
    if not node.get("required", True):
        del node["required"]
    if raw.get("nullable") is True or raw.get("x-nullable") is True:
        _allow_null(node, reader.dialect.knows_nullable or raw.get("x-nullable") is True)
    if reader.dialect.openapi and isinstance(raw.get("discriminator"), dict | str):
        node[HEIRS] = _inheriting(reader, raw, pointer)


def _inheriting(reader: Finishing, raw: dict[str, Any], pointer: str) -> dict[str, Node]:
    """What a value may be that names its own schema, by that name; alternatives are compared by themselves."""
    discriminator = raw["discriminator"]
    mapping = discriminator.get("mapping") if isinstance(discriminator, dict) else None
    targets = {str(value): str(ref) for value, ref in mapping.items()} if isinstance(mapping, dict) else {}
    members = [*(raw.get("oneOf") or ()), *(raw.get("anyOf") or ())]
    if members:
        named = [str(member.get("$ref", "")) for member in members if isinstance(member, dict)]
        return {ref.rpartition("/")[2]: {} for ref in named if ref and ref not in targets.values()}
    folder = pointer.rpartition("/")[0] or "/components/schemas"
    full = {value: ref if "/" in ref or "#" in ref else f"#{folder}/{ref}" for value, ref in targets.items()}
    for name, ref in reader.heirs(pointer).items():
        if ref not in full.values():
            full.setdefault(name, ref)
    return {value: reader.schema({"$ref": ref}, pointer) for value, ref in full.items() if ref != f"#{pointer}"}


def _allow_null(node: Node, known: bool) -> None:
    """`nullable: true` by the letter: beside `type` it lets null through, and what else is said still counts.

    Many servers let null through whatever is said; if that makes a difference, the node keeps `nullable`, and what
    is proved must hold for both readings (see scalars.py).
    """
    if known and "type" in node and "null" not in node["type"]:
        node["type"] = [*node["type"], "null"]
    refused = "enum" in node and None not in node["enum"]
    in_doubt = refused or "null" not in node.get("type", ()) or any(word in node for word in COMBINED)
    if in_doubt and any(word in node for word in RESTRICTING):
        node["nullable"] = True


def heirs_in(root: Any) -> dict[str, list[tuple[str, str]]]:
    """The named schemas of a document by what their `allOf` refers to: their names and references to them."""
    components = root.get("components")
    found: dict[str, list[tuple[str, str]]] = {}
    for folder, held in (
        ("components/schemas", components.get("schemas") if isinstance(components, dict) else None),
        ("definitions", root.get("definitions")),
    ):
        for name, raw in held.items() if isinstance(held, dict) else ():
            for ref in _taken_in(raw):
                found.setdefault(ref, []).append((str(name), f"#/{folder}/{name}"))
    return found


def _taken_in(raw: Any) -> list[str]:
    parts = raw.get("allOf") if isinstance(raw, dict) else None
    held = [part for part in parts if isinstance(part, dict)] if isinstance(parts, list) else []
    return [part["$ref"] for part in held if isinstance(part.get("$ref"), str)]
