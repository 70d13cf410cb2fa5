"""What some nodes say together about the names of an object or the items of an array."""

from collections.abc import Iterable, Iterator
from math import inf
from typing import Any, cast

from versions.diff.schema.reading.node import ANYTHING, NOTHING, Node, is_nothing
from versions.diff.schema.sets.automata import NotRegular, searched
from versions.diff.schema.sets.normal import Normal
from versions.diff.work import spend

MAX_DEPTH = 6


def matches(pattern: object, name: str) -> bool | None:
    """Whether a pattern is found in a name; None if the pattern is not understood."""
    try:
        return searched(pattern, name)
    except NotRegular:
        return None


def rest_of(node: Node) -> Node:
    """What undeclared names must fit."""
    rest: Node | Any = node.get("additionalProperties", node.get("unevaluatedProperties", ANYTHING))
    return cast(Node, rest)


ABOUT_OTHERS = ("additionalProperties", "patternProperties", "propertyNames", "unevaluatedProperties")


class ObjectNames:
    """Objects that fit every one of some plain nodes; `rivals` may describe the same objects otherwise."""

    def __init__(self, normal: Normal, parts: tuple[Node, ...], rivals: "tuple[ObjectNames, ...]" = ()) -> None:
        self.normal = normal
        self.parts = parts
        self.rivals = rivals
        self.heard: set[str] = set()
        self.others_heard = False
        spend(4 + sum(len(part.get(word, ())) for part in parts for word in ("properties", "required")))
        self.least = max(part.get("minProperties", 0) for part in parts)
        self.names = [part["propertyNames"] for part in parts if "propertyNames" in part]
        self.declared = dict.fromkeys(name for part in parts for name in part.get("properties", {}))
        self.patterns = dict.fromkeys(pattern for part in parts for pattern in part.get("patternProperties", {}))
        self.dependent = [part["dependentRequired"] for part in parts if "dependentRequired" in part]
        self.required = self.implied(name for part in parts for name in part.get("required", ()))
        self.most = min([part.get("maxProperties", inf) for part in parts])

    def implied(self, names: Iterable[str]) -> dict[str, None]:
        """Names that are there if some are, by `dependentRequired`."""
        found = dict.fromkeys(names)
        pending = list(found)
        while pending:
            name = pending.pop()
            for table in self.dependent:
                new = [item for item in table.get(name, ()) if item not in found]
                found.update(dict.fromkeys(new))
                pending += new
        return found

    def joined(self, nodes: Iterable[Node]) -> Node:
        """One node for values that fit all of some nodes."""
        result: Node = ANYTHING
        for node in nodes:
            result = self.normal.both(result, node)
        return result

    def value(self, name: str) -> Node:
        """What the value under a name must fit, as far as it is understood."""
        return self.joined(node for part in self.parts for node in said(part, name))

    def rest(self) -> Node:
        """What names must fit that no part declares and no pattern matches."""
        return self.joined(rest_of(part) for part in self.parts)

    def under(self, pattern: str) -> Node:
        """What names must fit that match a pattern of the parts."""
        return self.joined(
            part["patternProperties"][pattern] for part in self.parts if pattern in part.get("patternProperties", {})
        )

    def silent(self, name: str) -> bool:
        """Whether neither the parts nor their rivals declare a name or limit the names that they do not declare."""
        sides = (self, *self.rivals)
        if self.others_heard or name in self.heard or any(side.names or side.rest() for side in sides):
            return False
        return not any(side.mentions(name) for side in sides)

    def mentions(self, name: str) -> bool:
        """Whether the parts say something about this very name."""
        if name in self.declared or name in self.required or any(name in table for table in self.dependent):
            return True
        return any(matches(pattern, name) is not False for pattern in self.patterns)

    def highest(self) -> float:
        """The largest number of names that an object can have."""
        if not self.patterns and any(is_nothing(rest_of(part)) for part in self.parts):
            possible = [name for name in self.declared if not is_nothing(self.normal.form(self.value(name)))]
            return float(min(self.most, len(possible)))
        return float(self.most)


def spoken(node: Node) -> Iterator[str]:
    """Every name that a node says something about, in whatever way it applies to the same object."""
    for part in _applied(node):
        yield from (*part.get("properties", ()), *part.get("required", ()), *part.get("dependentRequired", ()))


def speaks_of_others(node: Node) -> bool:
    """Whether a node limits names that it does not declare, in whatever way it applies to the same object."""
    return any(part.get(word) for part in _applied(node) for word in ABOUT_OTHERS)


def _applied(node: Node, depth: int = 0) -> Iterator[Node]:
    spend()
    yield node
    if depth > MAX_DEPTH:
        return
    below = [node[word] for word in ("not", "if", "then", "else") if word in node]
    below += [member for word in ("allOf", "anyOf", "oneOf") for member in node.get(word, ())]
    for inner in (*below, *node.get("dependentSchemas", {}).values()):
        yield from _applied(inner, depth + 1)


def said(part: Node, name: str) -> Iterator[Node]:
    """What one plain node surely says about the value under a name."""
    found = [matches(pattern, name) for pattern in part.get("patternProperties", {})]
    if name in part.get("properties", {}):
        yield part["properties"][name]
    yield from (
        schema for hit, schema in zip(found, part.get("patternProperties", {}).values(), strict=True) if hit is True
    )
    if name not in part.get("properties", {}) and not any(hit is not False for hit in found):
        yield rest_of(part)


def asked(part: Node, name: str) -> Iterator[Node]:
    """What one plain node may say about the value under a name; a pattern that is not understood counts both ways."""
    hits = {pattern: matches(pattern, name) for pattern in part.get("patternProperties", {})}
    if name in part.get("properties", {}):
        yield part["properties"][name]
    yield from (part["patternProperties"][pattern] for pattern, hit in hits.items() if hit is not False)
    if name not in part.get("properties", {}) and not any(hit is True for hit in hits.values()):
        yield rest_of(part)


class ArrayItems:
    """Arrays that fit every one of some plain nodes."""

    def __init__(self, normal: Normal, parts: tuple[Node, ...]) -> None:
        self.normal = normal
        self.parts = parts
        self.fixed = max(len(part.get("prefixItems", ())) for part in parts)
        self.least: float = max(part.get("minItems", 0) for part in parts)
        for part in parts:
            if "contains" in part:
                self.least = max(self.least, part.get("minContains", 1))
        self.most: float = min(part.get("maxItems", inf) for part in parts)
        closed = [index for index in range(self.fixed + 1) if any(is_nothing(item_of(p, index)) for p in parts)]
        self.most = min([self.most, *closed])
        self.unique = any(part.get("uniqueItems") is True for part in parts)

    def at(self, index: int) -> Node:
        """What the item at an index must fit."""
        result: Node = ANYTHING
        for part in self.parts:
            result = self.normal.both(result, item_of(part, index))
        return result if index < self.most else NOTHING


def item_of(part: Node, index: int) -> Node:
    """What one plain node says about the item at an index."""
    spend()
    prefix = part.get("prefixItems", ())
    item: Node | Any = (
        prefix[index] if index < len(prefix) else part.get("items", part.get("unevaluatedItems", ANYTHING))
    )
    return cast(Node, item)
