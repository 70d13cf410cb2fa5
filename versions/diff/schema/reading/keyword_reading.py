"""Keywords whose values need more than a schema, a list or a map of schemas, or a number."""

from collections.abc import Callable
from typing import Any, Protocol

from versions.diff.schema.reading.dialect import Dialect
from versions.diff.schema.reading.keywords import TYPE_WORDS
from versions.diff.schema.reading.node import Node
from versions.diff.values import join

NOT_HERE = " (no keyword here)"
"""Behind a keyword that the dialect has not: it means nothing there, and somebody wrote it."""


class KeywordReading(Protocol):
    """What the functions below ask of a reader."""

    dialect: Dialect

    def schema(self, raw: Any, pointer: str) -> Node:
        """The node of a raw schema found at a pointer."""

    def issue(self, pointer: str, text: str, raw: Any) -> None:
        """Note what could not be read."""

    def number(self, node: Node, name: str, value: Any, pointer: str) -> None:
        """A keyword with a number."""


def read_type(reader: KeywordReading, node: Node, raw: Node, pointer: str) -> None:
    """`type`: a word or a list of words; draft 3 `any` and Swagger's `file` are known, other words are issues."""
    words = raw["type"] if isinstance(raw["type"], list) else [raw["type"]]
    types: list[str] = []
    for word in words:
        if isinstance(word, str) and word in TYPE_WORDS:
            types += [name for name in TYPE_WORDS[word] if name not in types]
            if word == "file":
                node.setdefault("format", "file")
        elif word is None:
            types.append("null")
        else:
            reader.issue(join(pointer, "type"), "unknown type", word)
            return
    if not words:
        reader.issue(join(pointer, "type"), "type names no type", raw["type"])
    elif words != ["any"]:
        node["type"] = types


def read_enum(reader: KeywordReading, node: Node, raw: Node, pointer: str) -> None:
    """`enum`: a list of values."""
    if isinstance(raw["enum"], list):
        node["enum"] = list(raw["enum"])
    else:
        reader.issue(join(pointer, "enum"), "enum is not a list", raw["enum"])


def read_required(reader: KeywordReading, node: Node, raw: Node, pointer: str) -> None:
    """`required`: a list of names; draft 3's boolean is read by the parent object and noted here."""
    value = raw["required"]
    if isinstance(value, list) and all(isinstance(name, str) for name in value):
        node["required"] = list(dict.fromkeys(value))
    elif not isinstance(value, bool):
        reader.issue(join(pointer, "required"), "required is not a list of names", value)
    else:
        reader.issue(join(pointer, "required"), "required is a boolean, not a list of names", value)


def read_items(reader: KeywordReading, node: Node, raw: Node, pointer: str) -> None:
    """`items`: a schema; a list of schemas (to 2019-09) becomes `prefixItems`, `additionalItems` behind."""
    value = raw["items"]
    if not isinstance(value, list):
        node["items"] = reader.schema(value, join(pointer, "items"))
        return
    if reader.dialect.openapi:
        reader.issue(join(pointer, "items"), "items is a list", value)
    elif reader.dialect.generation == 2020:
        node["items" + NOT_HERE] = value
        return
    if value:
        node["prefixItems"] = [reader.schema(item, join(pointer, "items", i)) for i, item in enumerate(value)]
    if "additionalItems" in raw:
        node["items"] = reader.schema(raw["additionalItems"], join(pointer, "additionalItems"))


def read_dependencies(reader: KeywordReading, node: Node, raw: Node, pointer: str) -> None:
    """`dependencies` (to draft 7): lists of names or schemas."""
    if not isinstance(raw["dependencies"], dict):
        reader.issue(join(pointer, "dependencies"), "dependencies is not a map", raw["dependencies"])
        return
    for name, value in raw["dependencies"].items():
        if isinstance(value, list):
            _depend(reader, node, name, value, join(pointer, "dependencies", name))
        else:
            schema = reader.schema(value, join(pointer, "dependencies", name))
            node.setdefault("dependentSchemas", {})[name] = schema


def read_dependent(reader: KeywordReading, node: Node, raw: Node, pointer: str) -> None:
    """`dependentRequired`: lists of names by name."""
    if not isinstance(raw["dependentRequired"], dict):
        reader.issue(join(pointer, "dependentRequired"), "dependentRequired is not a map", raw["dependentRequired"])
        return
    for name, value in raw["dependentRequired"].items():
        _depend(reader, node, name, value, join(pointer, "dependentRequired", name))


def _depend(reader: KeywordReading, node: Node, name: str, value: Any, pointer: str) -> None:
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        node.setdefault("dependentRequired", {})[name] = list(dict.fromkeys(value))
    else:
        reader.issue(pointer, f"what {name} depends on is no list of names", value)


def _exclusive(name: str, bound: str) -> Callable[[KeywordReading, Node, Node, str], None]:
    """`true` beside a bound (draft 4), a number of its own (since draft 6)."""

    def read(reader: KeywordReading, node: Node, raw: Node, pointer: str) -> None:
        value, generation = raw[name], reader.dialect.generation
        if isinstance(value, bool) is (generation == 4) or not generation:
            _read_exclusive(reader, node, raw, (name, bound, pointer))
        elif value is not False:
            node[name + NOT_HERE] = value

    return read


def _read_exclusive(reader: KeywordReading, node: Node, raw: Node, where: tuple[str, str, str]) -> None:
    name, bound, pointer = where
    value = raw[name]
    if not isinstance(value, bool):
        reader.number(node, name, value, pointer)
    elif value and isinstance(raw.get(bound), int | float):
        node[name] = raw[bound]
    elif value:
        reader.issue(join(pointer, name), f"{name} is true without a {bound}", value)


def _nothing(_reader: KeywordReading, _node: Node, _raw: Node, _pointer: str) -> None:
    """A keyword that another one reads."""


HANDLERS: dict[str, Callable[[Any, Node, Node, str], None]] = {
    "type": read_type,
    "enum": read_enum,
    "required": read_required,
    "items": read_items,
    "dependencies": read_dependencies,
    "dependentRequired": read_dependent,
    "exclusiveMinimum": _exclusive("exclusiveMinimum", "minimum"),
    "exclusiveMaximum": _exclusive("exclusiveMaximum", "maximum"),
    "additionalItems": _nothing,
    "nullable": _nothing,
    "x-nullable": _nothing,
}
