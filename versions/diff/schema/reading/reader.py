"""Reads JSON Schema of every draft, OpenAPI 3.0/3.1 and Swagger 2 schemas into one form: draft 2020-12 without `$ref`.

A reference becomes the very dict that it points to, so a recursive schema is a cyclic graph; `jsonschema` walks such a
graph along a value, and `SchemaReader.where` remembers the pointer of every node. What cannot be read is repaired if
its meaning is plain, left out otherwise, and listed in `issues`.
"""

from dataclasses import dataclass, field
from typing import Any

from versions.diff.findings import Direction
from versions.diff.schema.reading.dialect import Dialect, differs
from versions.diff.schema.reading.finishing import finish, heirs_in
from versions.diff.schema.reading.keyword_reading import HANDLERS, NOT_HERE
from versions.diff.schema.reading.keywords import (
    COUNTS,
    IGNORED,
    NUMBERS,
    REFERENCES,
    SCHEMA,
    SCHEMA_LIST,
    SCHEMA_MAP,
    SWITCHES,
)  # fmt: skip
from versions.diff.schema.reading.node import Node
from versions.diff.schema.reading.resources import NOWHERE, Found, SchemaResources
from versions.diff.unreadable import Issue
from versions.diff.values import join, short
from versions.diff.work import spend

LARGEST = 10**300
SEEN_OUTSIDE = ("readOnly", "writeOnly", "default", "deprecated")
"""Siblings of a reference that also speak of the whole."""


@dataclass(slots=True)
class SchemaReader:
    """One document, read for one direction: `readOnly` fields need not be sent, `writeOnly` ones not come back.

    `exact` is false if servers let pass what fits several members of `oneOf`: then it is read as `anyOf`.
    """

    root: Any
    dialect: Dialect
    direction: Direction
    exact: bool = True
    where: dict[int, str] = field(default_factory=dict)
    issues: list[Issue] = field(default_factory=list)
    resources: SchemaResources = field(init=False)
    references: tuple[str, ...] = field(init=False)
    _by_ref: dict[tuple[str, str], Node] = field(default_factory=dict)
    _memo: dict[int, Node] = field(default_factory=dict)
    _kept: list[Any] = field(default_factory=list)
    _resolving: list[tuple[str, str]] = field(default_factory=list)
    _pending: list[tuple[Node, dict[str, Any], str]] = field(default_factory=list)
    _filling: bool = False
    _parents: dict[str, list[tuple[str, str]]] | None = None

    def __post_init__(self) -> None:
        self.resources = SchemaResources(self.root, self.dialect)
        self.references = tuple(word for word in REFERENCES if word not in self.dialect.absent)

    def schema(self, raw: Any, pointer: str) -> Node:
        """The node of a raw schema found at a pointer."""
        if raw is True or raw is False:
            return self._remember({} if raw else {"type": []}, pointer)
        if not isinstance(raw, dict):
            self.issue(pointer, "not a schema", raw)
            return self._remember({}, pointer)
        known = self._memo.get(id(raw))
        if known is not None:
            return known
        for word in self.references:
            if isinstance(raw.get(word), str):
                return self._reference(raw, pointer, word)
        node = self._remember({}, pointer)
        self._memo[id(raw)] = node
        self._kept.append(raw)
        self._enter(node, raw, pointer)
        return node

    def _enter(self, node: Node, raw: dict[str, Any], pointer: str) -> None:
        """Fill a node, and everything below it afterwards: depth costs no stack."""
        self._pending.append((node, raw, pointer))
        if len(self._pending) > 1 or self._filling:
            return
        self._filling = True
        while self._pending:
            self._fill(*self._pending.pop())
        self._filling = False

    def keep(self, node: Node, pointer: str) -> Node:
        """Remember a node that was made while comparing."""
        return self._remember(node, pointer)

    def resolve(self, ref: str) -> tuple[Any, bool]:
        """The raw value at a reference of the document, and whether there is one."""
        found = self.resources.find(ref)
        return found.raw, found.there

    def marked(self, raw: Any, word: str) -> bool:
        """Whether a raw schema, or what it refers to, has a keyword set to true."""
        for _ in range(8):
            if not isinstance(raw, dict):
                return False
            refers = isinstance(raw.get("$ref"), str)
            if raw.get(word) is True and (self.dialect.siblings or not refers):
                return True
            if not refers:
                return False
            raw = self.resources.find(raw["$ref"], raw).raw
        return False

    def heirs(self, pointer: str) -> dict[str, str]:
        """References to the named schemas that take a named schema into their `allOf`, by name, however far."""
        if self._parents is None:
            self._parents = heirs_in(self.root)
        found: dict[str, str] = {}
        pending = [f"#{pointer}"]
        while pending:
            for name, ref in self._parents.get(pending.pop(), ()):
                if name not in found:
                    found[name] = ref
                    pending.append(ref)
        return found

    def _reference(self, raw: dict[str, Any], pointer: str, word: str) -> Node:
        key = self.resources.base_of(raw), raw[word]
        if len(raw) == 1 and word == "$ref" and key in self._by_ref:
            return self._by_ref[key]
        target = self._found(raw, word)
        if not target.there or (key in self._resolving and id(target.raw) not in self._memo):
            self.issue(pointer, f"reference {raw[word]} leads nowhere", raw)
            return self._remember({"x-unresolved": self._lost(raw, word)}, pointer)
        siblings = {name: value for name, value in raw.items() if name != word}
        if not self.dialect.siblings:
            return self._alone(siblings, self._target(key, target), pointer)
        if not any(name not in IGNORED and not name.startswith("x-") for name in siblings):
            return self._target(key, target)
        rest = self._remember({}, pointer)
        joined = self._remember({"allOf": [rest]}, pointer)
        self._kept += [raw, siblings]
        self._memo[id(raw)] = joined
        joined["allOf"] = [self._target(key, target), rest]
        joined.update({name: siblings[name] for name in SEEN_OUTSIDE if name in siblings})
        self._enter(rest, siblings, pointer)
        return joined

    def _found(self, raw: dict[str, Any], word: str) -> Found:
        if sum(isinstance(raw.get(name), str) for name in self.references) > 1:
            return NOWHERE
        if word == "$ref":
            return self.resources.find(raw[word], raw)
        return self.resources.find_dynamic(word, raw[word], raw)

    def _lost(self, raw: dict[str, Any], word: str) -> str:
        """What stands for an unknown target: equal only if it must mean the same on both sides."""
        inside = word != "$ref" or self.resources.several
        return f"{raw[word]} in {self.resources.whole()}" if inside else str(raw[word])

    def _alone(self, siblings: dict[str, Any], target: Node, pointer: str) -> Node:
        """The target of a reference beside which nothing counts, and what some servers mind all the same."""
        told: Node = {word + NOT_HERE: True for word in ("readOnly", "writeOnly") if siblings.get(word) is True}
        if siblings.get("nullable") is True or siblings.get("x-nullable") is True:
            told["nullable"] = True
        return self._remember({"allOf": [target], **told}, pointer) if told else target

    def _target(self, key: tuple[str, str], target: Found) -> Node:
        self._resolving.append(key)
        node = self.schema(target.raw, target.pointer)
        self._resolving.pop()
        self._by_ref[key] = node
        return node

    def _fill(self, node: Node, raw: dict[str, Any], pointer: str) -> None:
        spend(1 + len(raw))
        for name, value in raw.items():
            handler = HANDLERS.get(name)
            if name in self.dialect.absent:
                node[name + NOT_HERE] = value
            elif handler:
                handler(self, node, raw, pointer)
            elif name in SCHEMA:
                self._fill_schema(node, name, value, pointer)
            elif name in SCHEMA_LIST:
                self._fill_list(node, name, value, pointer)
            elif name in SCHEMA_MAP:
                self._fill_map(node, name, value, pointer)
            elif name in NUMBERS:
                self.number(node, name, value, pointer)
            elif name in SWITCHES and not isinstance(value, bool):
                self.issue(join(pointer, name), f"{name} is neither true nor false", value)
            elif name not in IGNORED:
                node[name] = value
        if "$schema" in raw and raw is not self.root and differs(raw, self.dialect):
            node["$schema" + NOT_HERE] = raw["$schema"]
        if not self.exact and "oneOf" in node:
            self._loosen(node, pointer)
        finish(self, node, raw, pointer)

    def _loosen(self, node: Node, pointer: str) -> None:
        """Write `oneOf` as `anyOf`, as a part of its own if that is there already."""
        members = {"anyOf": node.pop("oneOf")}
        if "anyOf" in node:
            node["allOf"] = [*node.get("allOf", ()), self._remember(members, pointer)]
        else:
            node.update(members)

    def _fill_schema(self, node: Node, name: str, value: Any, pointer: str) -> None:
        node[name] = self.schema(value, join(pointer, name))

    def _fill_list(self, node: Node, name: str, value: Any, pointer: str) -> None:
        if not isinstance(value, list) or not value:
            self.issue(join(pointer, name), f"{name} is not a list of schemas", value)
            return
        node[name] = [self.schema(item, join(pointer, name, index)) for index, item in enumerate(value)]

    def _fill_map(self, node: Node, name: str, value: Any, pointer: str) -> None:
        if not isinstance(value, dict):
            self.issue(join(pointer, name), f"{name} is not a map of schemas", value)
            return
        node[name] = {key: self.schema(item, join(pointer, name, key)) for key, item in value.items()}

    def number(self, node: Node, name: str, value: Any, pointer: str) -> None:
        """A keyword with a number; one that is written as a text is read and noted."""
        if isinstance(value, str):
            self.issue(join(pointer, name), f"{name} is a text", value)
            try:
                value = float(value)
            except ValueError:
                return
        usable = isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < LARGEST
        if usable and name in COUNTS:
            usable = value >= 0 and float(value).is_integer()
        if usable and name == "multipleOf":
            usable = value > 0
        if usable:
            node[name] = int(value) if value == int(value) else value
        elif value is not None:
            self.issue(join(pointer, name), f"{name} is no usable number", value)

    def issue(self, pointer: str, text: str, raw: Any) -> None:
        """Note what could not be read."""
        self.issues.append(Issue(pointer, f"{text}: {short(raw)}", raw))

    def _remember(self, node: Node, pointer: str) -> Node:
        self.where[id(node)] = pointer
        self._kept.append(node)
        return node
