"""Reads JSON Schema of every draft, OpenAPI 3.0/3.1 and Swagger 2 schemas into one form: draft 2020-12 without `$ref`.

A reference becomes the very dict that it points to, so a recursive schema is a cyclic graph; `jsonschema` walks such a
graph along a value, and `Reader.where` remembers the pointer of every node. What cannot be read is repaired where its
meaning is plain, left out otherwise, and listed in `issues`.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from versions.diff.findings import Direction
from versions.diff.schema.dialect import Dialect, Issue
from versions.diff.schema.keywords import (
    COUNTS,
    IGNORED,
    NUMBERS,
    SCHEMA,
    SCHEMA_LIST,
    SCHEMA_MAP,
    TYPE_WORDS,
)  # fmt: skip
from versions.diff.values import join, parts_of, short
from versions.diff.work import spend

Node = dict[str, Any]
LARGEST = 10**300


@dataclass(slots=True)
class Reader:
    """One document, read for one direction: `readOnly` fields need not be sent, `writeOnly` ones not come back."""

    root: Any
    dialect: Dialect
    direction: Direction
    where: dict[int, str] = field(default_factory=dict)
    issues: list[Issue] = field(default_factory=list)
    _by_ref: dict[str, Node] = field(default_factory=dict)
    _memo: dict[int, Node] = field(default_factory=dict)
    _kept: list[Any] = field(default_factory=list)
    _resolving: list[str] = field(default_factory=list)
    _pending: list[tuple[Node, dict[str, Any], str]] = field(default_factory=list)
    _filling: bool = False

    def schema(self, raw: Any, pointer: str) -> Node:
        """The node of a raw schema found at a pointer."""
        if raw is True or raw is False:
            return self._remember({} if raw else {"type": []}, pointer)
        if not isinstance(raw, dict):
            self._issue(pointer, "not a schema", raw)
            return self._remember({}, pointer)
        known = self._memo.get(id(raw))
        if known is not None:
            return known
        if isinstance(raw.get("$ref"), str):
            return self._reference(raw, pointer)
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
        """The raw value at a local reference, and whether there is one."""
        if ref in ("#", ""):
            return self.root, True
        if not ref.startswith("#"):
            ref = "#" + ref.split("#", 1)[1] if "#/" in ref and ref.split("#", 1)[0] == self._own_id() else ref
        if not ref.startswith("#/"):
            return self._anchored(ref)
        value: Any = self.root
        for part in parts_of(ref[1:]):
            if isinstance(value, dict) and part in value:
                value = value[part]
            elif isinstance(value, list) and part.isdigit() and int(part) < len(value):
                value = value[int(part)]
            else:
                return None, False
        return value, True

    def marked(self, raw: Any, word: str) -> bool:
        """Whether a raw schema, or what it refers to, has a keyword set to true."""
        for _ in range(8):
            if not isinstance(raw, dict) or raw.get(word) is True:
                return isinstance(raw, dict)
            if not isinstance(raw.get("$ref"), str):
                return False
            raw = self.resolve(raw["$ref"])[0]
        return False

    def _own_id(self) -> str:
        return str(self.root.get("$id") or self.root.get("id") or "") if isinstance(self.root, dict) else ""

    def _anchored(self, ref: str) -> tuple[Any, bool]:
        for group in ("$defs", "definitions"):
            members = self.root.get(group) if isinstance(self.root, dict) else None
            for member in members.values() if isinstance(members, dict) else ():
                names = (member.get("$id"), member.get("id"), member.get("$anchor")) if isinstance(member, dict) else ()
                if ref in names or ref.lstrip("#") in names:
                    return member, True
        return None, False

    def _reference(self, raw: dict[str, Any], pointer: str) -> Node:
        ref = raw["$ref"]
        if len(raw) == 1 and ref in self._by_ref:
            return self._by_ref[ref]
        target, found = self.resolve(ref)
        circular = ref in self._resolving and id(target) not in self._memo
        if not found or circular:
            self._issue(pointer, f"reference {ref} leads nowhere", raw)
            return self._remember({"x-unresolved": ref}, pointer)
        siblings = {name: value for name, value in raw.items() if name != "$ref"}
        meaningful = [name for name in siblings if name not in IGNORED and not name.startswith("x-")]
        if not self.dialect.siblings or not meaningful:
            return self._target(ref, target, pointer)
        rest = self._remember({}, pointer)
        joined = self._remember({"allOf": [rest]}, pointer)
        self._kept += [raw, siblings]
        self._memo[id(raw)] = joined
        joined["allOf"] = [self._target(ref, target, pointer), rest]
        joined.update(
            {name: siblings[name] for name in ("readOnly", "writeOnly", "default", "deprecated") if name in siblings}
        )
        self._enter(rest, siblings, pointer)
        return joined

    def _target(self, ref: str, target: Any, pointer: str) -> Node:
        self._resolving.append(ref)
        node = self.schema(target, ref[1:] if ref.startswith("#/") else pointer)
        self._resolving.pop()
        self._by_ref[ref] = node
        return node

    def _fill(self, node: Node, raw: dict[str, Any], pointer: str) -> None:
        spend(1 + len(raw))
        for name, value in raw.items():
            handler = _HANDLERS.get(name)
            if handler:
                handler(self, node, raw, pointer)
            elif name in SCHEMA:
                self._fill_schema(node, name, value, pointer)
            elif name in SCHEMA_LIST:
                self._fill_list(node, name, value, pointer)
            elif name in SCHEMA_MAP:
                self._fill_map(node, name, value, pointer)
            elif name in NUMBERS:
                self._fill_number(node, name, value, pointer)
            elif name not in IGNORED:
                node[name] = value
        _finish(self, node, raw, pointer)

    def _fill_schema(self, node: Node, name: str, value: Any, pointer: str) -> None:
        node[name] = self.schema(value, join(pointer, name))

    def _fill_list(self, node: Node, name: str, value: Any, pointer: str) -> None:
        if not isinstance(value, list) or not value:
            self._issue(join(pointer, name), f"{name} is not a list of schemas", value)
            return
        node[name] = [self.schema(item, join(pointer, name, index)) for index, item in enumerate(value)]

    def _fill_map(self, node: Node, name: str, value: Any, pointer: str) -> None:
        if not isinstance(value, dict):
            self._issue(join(pointer, name), f"{name} is not a map of schemas", value)
            return
        node[name] = {key: self.schema(item, join(pointer, name, key)) for key, item in value.items()}

    def _fill_number(self, node: Node, name: str, value: Any, pointer: str) -> None:
        if isinstance(value, str):
            try:
                value = float(value)
            except ValueError:
                value = None
        usable = isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < LARGEST
        if usable and name in COUNTS:
            usable = value >= 0 and float(value).is_integer()
        if usable and name == "multipleOf":
            usable = value > 0
        if usable:
            node[name] = int(value) if value == int(value) else value
        elif value is not None:
            self._issue(join(pointer, name), f"{name} is no usable number", value)

    def _issue(self, pointer: str, text: str, raw: Any) -> None:
        self.issues.append(Issue(pointer, f"{text}: {short(raw)}", raw))

    def _remember(self, node: Node, pointer: str) -> Node:
        self.where[id(node)] = pointer
        self._kept.append(node)
        return node

    def read_type(self, node: Node, raw: dict[str, Any], pointer: str) -> None:
        """`type`: a word or a list of words; draft 3 `any` and Swagger's `file` are known, other words are issues."""
        words = raw["type"] if isinstance(raw["type"], list) else [raw["type"]]
        types: list[str] = []
        for word in words:
            if isinstance(word, str) and word in TYPE_WORDS:
                types += [name for name in TYPE_WORDS[word] if name not in types]
            elif word is None:
                types.append("null")
            else:
                self._issue(join(pointer, "type"), "unknown type", word)
                return
        if words and words != ["any"]:
            node["type"] = types

    def read_enum(self, node: Node, raw: dict[str, Any], pointer: str) -> None:
        """`enum`: a list of values."""
        if isinstance(raw["enum"], list):
            node["enum"] = list(raw["enum"])
        else:
            self._issue(join(pointer, "enum"), "enum is not a list", raw["enum"])

    def read_required(self, node: Node, raw: dict[str, Any], pointer: str) -> None:
        """`required`: a list of names; draft 3's boolean is read by the parent object and noted here."""
        value = raw["required"]
        if isinstance(value, list) and all(isinstance(name, str) for name in value):
            node["required"] = list(dict.fromkeys(value))
        elif not isinstance(value, bool):
            self._issue(join(pointer, "required"), "required is not a list of names", value)
        else:
            self._issue(join(pointer, "required"), "required is a boolean, not a list of names", value)

    def read_items(self, node: Node, raw: dict[str, Any], pointer: str) -> None:
        """`items`: a schema; a list of schemas (to draft 2019-09) becomes `prefixItems`, `additionalItems` behind."""
        value = raw["items"]
        if not isinstance(value, list):
            self._fill_schema(node, "items", value, pointer)
            return
        if self.dialect.openapi:
            self._issue(join(pointer, "items"), "items is a list", value)
        if value:
            node["prefixItems"] = [self.schema(item, join(pointer, "items", i)) for i, item in enumerate(value)]
        if "additionalItems" in raw:
            node["items"] = self.schema(raw["additionalItems"], join(pointer, "additionalItems"))

    def read_dependencies(self, node: Node, raw: dict[str, Any], pointer: str) -> None:
        """`dependencies` (to draft 7): lists of names or schemas."""
        if not isinstance(raw["dependencies"], dict):
            self._issue(join(pointer, "dependencies"), "dependencies is not a map", raw["dependencies"])
            return
        for name, value in raw["dependencies"].items():
            if isinstance(value, list):
                self._depend(node, name, value, join(pointer, "dependencies", name))
            else:
                schema = self.schema(value, join(pointer, "dependencies", name))
                node.setdefault("dependentSchemas", {})[name] = schema

    def read_dependent(self, node: Node, raw: dict[str, Any], pointer: str) -> None:
        """`dependentRequired`: lists of names by name."""
        if not isinstance(raw["dependentRequired"], dict):
            self._issue(join(pointer, "dependentRequired"), "dependentRequired is not a map", raw["dependentRequired"])
            return
        for name, value in raw["dependentRequired"].items():
            self._depend(node, name, value, join(pointer, "dependentRequired", name))

    def _depend(self, node: Node, name: str, value: Any, pointer: str) -> None:
        if isinstance(value, list) and all(isinstance(item, str) for item in value):
            node.setdefault("dependentRequired", {})[name] = list(dict.fromkeys(value))
        else:
            self._issue(pointer, f"what {name} depends on is no list of names", value)


def _exclusive(name: str, bound: str) -> Callable[[Reader, Node, dict[str, Any], str], None]:
    def read(reader: Reader, node: Node, raw: dict[str, Any], pointer: str) -> None:
        value = raw[name]
        if isinstance(value, bool):
            if value and isinstance(raw.get(bound), int | float):
                node[name] = raw[bound]
            elif value:
                reader._issue(join(pointer, name), f"{name} is true without a {bound}", value)
        else:
            reader._fill_number(node, name, value, pointer)

    return read


def _nothing(_reader: Reader, _node: Node, _raw: dict[str, Any], _pointer: str) -> None:
    """A keyword that another one reads."""


_HANDLERS: dict[str, Callable[[Reader, Node, dict[str, Any], str], None]] = {
    "type": Reader.read_type,
    "enum": Reader.read_enum,
    "required": Reader.read_required,
    "items": Reader.read_items,
    "dependencies": Reader.read_dependencies,
    "dependentRequired": Reader.read_dependent,
    "exclusiveMinimum": _exclusive("exclusiveMinimum", "minimum"),
    "exclusiveMaximum": _exclusive("exclusiveMaximum", "maximum"),
    "additionalItems": _nothing,
    "nullable": _nothing,
    "x-nullable": _nothing,
}


def _finish(reader: Reader, node: Node, raw: dict[str, Any], pointer: str) -> None:
    """What needs the whole node: draft 3 `required`, exclusive bounds, access, nullability."""
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
        _allow_null(reader, node, pointer)


def _allow_null(reader: Reader, node: Node, pointer: str) -> None:
    if "type" in node and not any(name in node for name in ("allOf", "anyOf", "oneOf", "not", "if", "$ref")):
        node["type"] = [*node["type"], *(["null"] if "null" not in node["type"] else [])]
        if "enum" in node and None not in node["enum"]:
            node["enum"] = [*node["enum"], None]
        return
    if not any(name in node for name in ("allOf", "anyOf", "oneOf", "not", "if", "enum", "const", "type")):
        return
    inner = reader.keep(
        {name: value for name, value in node.items() if name not in ("default", "x-unresolved")}, pointer
    )
    kept: Node = {name: node[name] for name in ("default", "readOnly", "writeOnly", "deprecated") if name in node}
    node.clear()
    node.update(kept)
    node["anyOf"] = [inner, reader.keep({"type": ["null"]}, pointer)]
