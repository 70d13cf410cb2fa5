"""The normal form: equal meanings get equal shapes if that is cheap.

`allOf` is merged into its node, `anyOf`/`oneOf` of one member disappears, nested `anyOf` is flat, alternatives that
only differ by type become one node with several types (which unites the three ways to write "or null"), and bounds of
integers are whole numbers. What cannot be merged exactly stays as it was written.
"""

from collections.abc import Callable
from typing import Any

from versions.diff.schema.reading.finishing import HEIRS
from versions.diff.schema.reading.keywords import ANNOTATIONS
from versions.diff.schema.reading.node import Node
from versions.diff.schema.sets.integers import whole_bounds
from versions.diff.schema.sets.owned import APPLICATORS, FORGOTTEN_WITH_ALTERNATIVES, OBJECT, looks_around
from versions.diff.values import TYPES, key_of
from versions.diff.work import spend

EVERY_TYPE = frozenset(TYPES) - {"integer"}
TYPE_KEYWORDS = {
    "minimum": "number", "maximum": "number", "exclusiveMinimum": "number", "exclusiveMaximum": "number",
    "multipleOf": "number", "minLength": "string", "maxLength": "string", "pattern": "string", "format": "string",
    "contentEncoding": "string", "contentMediaType": "string", "items": "array", "prefixItems": "array",
    "minItems": "array", "maxItems": "array", "uniqueItems": "array", "contains": "array", "minContains": "array",
    "maxContains": "array", "unevaluatedItems": "array", "properties": "object", "required": "object",
    "patternProperties": "object", "additionalProperties": "object", "minProperties": "object",
    "maxProperties": "object", "propertyNames": "object", "dependentRequired": "object", "dependentSchemas": "object",
    "unevaluatedProperties": "object", "contentSchema": "string",
}  # fmt: skip
_LARGER = ("minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties", "minContains")
_SMALLER = ("maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties", "maxContains")


def types_of(node: Node) -> frozenset[str]:
    """The types that `type` (not `enum`) allows; "number" includes "integer"."""
    declared = node.get("type")
    if declared is None:
        return EVERY_TYPE
    types = frozenset(declared)
    return types - {"integer"} if "number" in types else types


def finite(node: Node) -> list[Any] | None:
    """The values of `const` or `enum`, before other keywords; None if neither is there."""
    if "const" in node:
        return [node["const"]]
    values: list[Any] | None = node.get("enum")
    return values


class Normal:
    """Makes and remembers normal forms. One for a comparison: nodes are known by identity."""

    def __init__(self) -> None:
        self._memo: dict[int, Node] = {}
        self._pairs: dict[tuple[int, int], Node] = {}
        self._kept: list[Node] = []
        self.source: dict[int, Node] = {}
        self._joiners: dict[str, Callable[[Any, Any], Any]] = {
            "required": lambda left, right: list(dict.fromkeys([*left, *right])),
            "properties": self._maps,
            "patternProperties": self._maps,
            "items": self.both,
            "additionalProperties": self.both,
            "propertyNames": self.both,
            "enum": _common,
            "uniqueItems": lambda left, right: left or right,
            "allOf": _joined,
        }

    def form(self, node: Node) -> Node:
        """The normal form of a node; its children are normalised when they are visited."""
        spend()
        done = self._memo.get(id(node))
        if done is not None:
            return done
        self._memo[id(node)] = node
        result = self._simplify(node)
        self._memo[id(node)] = result
        self._memo[id(result)] = result
        self._kept += [node, result]
        if result is not node:
            self.source.setdefault(id(result), node)
        return result

    def both(self, left: Node, right: Node) -> Node:
        """A node for the values that fit both, always the same dict for the same pair."""
        if left is right or not right:
            return left
        if not left:
            return right
        pair = (id(left), id(right))
        if pair not in self._pairs:
            joined: Node = {"allOf": [left, right]}
            self._kept += [left, right, joined]
            self._pairs[pair] = joined
            self.source[id(joined)] = left
        return self._pairs[pair]

    def keep(self, node: Node) -> Node:
        """Keep a node that was made while comparing, so that its identity stays its own."""
        self._kept.append(node)
        return node

    def _simplify(self, node: Node) -> Node:
        result = node
        if "const" in result and "enum" in result:
            result = {name: value for name, value in result.items() if name != "const"}
            result["enum"] = _common([node["const"]], node["enum"])
        if any(looks_around(result, word) for word in FORGOTTEN_WITH_ALTERNATIVES) and not _merges_alone(node):
            return result
        if "allOf" in result:
            result = self._merge_all(result)
        for name in ("anyOf", "oneOf"):
            if name in result:
                result = self._simplify_union(result, name)
        if "not" in result:
            result = self._simplify_not(result)
        if types_of(result) == {"integer"}:
            result = whole_bounds(result)
        return result

    def _simplify_not(self, node: Node) -> Node:
        """Nothing if anything is forbidden; the inner node if the negation is negated."""
        inner = self.form(node["not"])
        words = set(inner) - ANNOTATIONS
        if not words:
            return {"type": []}
        if words != {"not"}:
            return node
        rest = {name: value for name, value in node.items() if name != "not"}
        merged = self._merge(rest, self.form(inner["not"]))
        return merged if merged is not None else node

    def _merge_all(self, node: Node) -> Node:
        result = {name: value for name, value in node.items() if name not in ("allOf", *FORGOTTEN_WITH_ALTERNATIVES)}
        residual: list[Node] = []
        for member in node["allOf"]:
            form = self.form(member)
            merged = None if form.get("allOf") is node["allOf"] else self._merge(result, form)
            if merged is None:
                residual.append(member)
            else:
                result = merged
        if HEIRS in result and HEIRS not in node and (len(node["allOf"]) > 1 or set(node) - {"allOf"} - ANNOTATIONS):
            del result[HEIRS]
        last = {name: node[name] for name in FORGOTTEN_WITH_ALTERNATIVES if name in node}
        if last and residual:
            return node
        if residual:
            result["allOf"] = residual
        elif last.get("unevaluatedProperties") == {"type": []}:
            result.setdefault("additionalProperties", last.pop("unevaluatedProperties"))
        return {**result, **last}

    def _merge(self, left: Node, right: Node) -> Node | None:
        """One node for both, or None if no single node says exactly that."""
        if not _mergeable_names(left, right) or not _mergeable_names(right, left):
            return None
        if "nullable" in right and "nullable" not in left:
            return None
        spend(len(left) + len(right))
        result = dict(left)
        for name, value in right.items():
            if name not in result:
                result[name] = value
                continue
            joined = self._join(name, result[name], value)
            if joined is None:
                return None
            result[name] = joined
        if "type" in left and "type" in right:
            result["type"] = _common_types(left["type"], right["type"])
        return result

    def _join(self, name: str, left: Any, right: Any) -> Any:
        """One value of a keyword that says what both say; None if there is none."""
        if name in ANNOTATIONS or name == "type" or name.startswith("x-") or left is right:
            return left
        if name in _LARGER or name in _SMALLER:
            return max(left, right) if name in _LARGER else min(left, right)
        joiner = self._joiners.get(name)
        if joiner is not None:
            return joiner(left, right)
        return left if key_of_plain(left) == key_of_plain(right) else None

    def _maps(self, left: dict[str, Node], right: dict[str, Node]) -> dict[str, Node]:
        spend(len(left) + len(right))
        joined = dict(left)
        for key, child in right.items():
            joined[key] = self.both(joined[key], child) if key in joined else child
        return joined

    def _simplify_union(self, node: Node, name: str) -> Node:
        members: list[Node] = []
        for member in node[name]:
            spend(1 + len(members) // 4)
            form = self.form(member)
            nested = form.get("anyOf") if name == "anyOf" and not (set(form) - {"anyOf"} - ANNOTATIONS) else None
            for item in nested or [form]:
                if name == "oneOf" or not any(item is known for known in members):
                    members.append(item)
        if name == "anyOf" and _says_nothing(members):
            return {key: value for key, value in node.items() if key != name}
        members = _united(members)
        rest = {key: value for key, value in node.items() if key != name}
        if len(members) == 1:
            merged = self._merge(rest, members[0])
            if merged is not None:
                return merged
            return self.form({**rest, "allOf": [*rest.get("allOf", []), members[0]]}) if "allOf" not in rest else node
        rest[name] = members
        return rest


def _says_nothing(members: list[Node]) -> bool:
    """Whether any value fits one of the alternatives, and no other one speaks of names.

    Names that an alternative speaks of are names that callers may send, though any value passes.
    """
    anything = any(not (set(member) - ANNOTATIONS) for member in members)
    return anything and not any((OBJECT | APPLICATORS) & set(member) for member in members)


def _joined(left: list[Any], right: list[Any]) -> list[Any]:
    spend(len(left) + len(right))
    return [*left, *right]


def _common(left: list[Any], right: list[Any]) -> list[Any]:
    known = {key_of(value) for value in right}
    return [value for value in left if key_of(value) in known]


def key_of_plain(value: Any) -> Any:
    """Equality for keyword values that may hold schema nodes: those are equal only if they are one node."""
    return id(value) if isinstance(value, dict | list) else key_of(value)


def _merges_alone(node: Node, depth: int = 0) -> bool:
    """Whether nothing but `allOf` stands beside `unevaluated*`, however deep: then all of it can become one node."""
    if depth > 8 or APPLICATORS & node.keys() - {"allOf"} or (depth and set(FORGOTTEN_WITH_ALTERNATIVES) & node.keys()):
        return False
    return all(_merges_alone(member, depth + 1) for member in node.get("allOf", ()))


def _mergeable_names(left: Node, right: Node) -> bool:
    """Whether joining the two keeps what `additionalProperties`, `items` and neighbours of `left` speak about."""
    if "additionalProperties" in left or "patternProperties" in left:
        own = left.get("properties", {})
        foreign = [name for name in right.get("properties", {}) if name not in own]
        if left.get("additionalProperties", {}) != {} and (foreign or "patternProperties" in right):
            return False
        if "patternProperties" in left and "additionalProperties" in right:
            return False
    if ("prefixItems" in left) and ("items" in right or "prefixItems" in right):
        return False
    if "unevaluatedProperties" in right or "unevaluatedItems" in right:
        return False
    if "contains" in left and ("contains" in right or "minContains" in right or "maxContains" in right):
        return False
    return not ("if" in left and ("if" in right or "then" in right or "else" in right))


def _common_types(left: list[str], right: list[str]) -> list[str]:
    common = [name for name in left if name in right or (name == "integer" and "number" in right)]
    if "number" in left and "integer" in right and "number" not in right:
        common.append("integer")
    return common


def _united(members: list[Node]) -> list[Node]:
    """Members that speak about different types, as one node."""
    members = _one_enum(members)
    plain = [member for member in members if _speaks_of_own_types(member)]
    taken: set[str] = set()
    for member in plain:
        types = set(types_of(member)) | ({"number"} if "integer" in types_of(member) else set())
        if types & taken:
            return members
        taken |= types
    if len(plain) < 2:
        return members
    united: Node = {}
    types_listed: list[str] = []
    for member in plain:
        for name, value in member.items():
            if name == "type":
                types_listed += [word for word in value if word not in types_listed]
            elif name in ANNOTATIONS or name.startswith("x-"):
                united.setdefault(name, value)
            else:
                united[name] = value
    united["type"] = types_listed
    rest = [member for member in members if not any(member is item for item in plain)]
    if len(rest) == 1 and set(rest[0]) <= {"enum", "type"} | ANNOTATIONS and set(united) <= {"type"} | ANNOTATIONS:
        values = rest[0].get("enum")
        if values is not None and types_listed == ["null"]:
            return [
                {
                    **rest[0],
                    **({"type": [*rest[0]["type"], "null"]} if "type" in rest[0] else {}),
                    "enum": [*values, None],
                }
            ]
    return [united, *rest]


def _one_enum(members: list[Node]) -> list[Node]:
    """`const` and bare `enum` members beside "null" as one enum that holds null."""
    nulls = [m for m in members if m.get("type") == ["null"] and not (set(m) - {"type"} - ANNOTATIONS)]
    others = [m for m in members if not any(m is null for null in nulls)]
    if len(nulls) != 1 or len(others) != 1:
        return members
    only = others[0]
    values = finite(only)
    if values is None or None in values or "null" in types_of(only) & frozenset(only.get("type", [])):
        return members
    joined: Node = {name: value for name, value in only.items() if name not in ("const", "enum", "type")}
    joined["enum"] = [*values, None]
    if "type" in only:
        joined["type"] = [*only["type"], "null"]
    return [joined] if not (set(only) & {"anyOf", "oneOf", "allOf", "not", "if"}) else members


def _speaks_of_own_types(member: Node) -> bool:
    if "type" not in member or "enum" in member or "const" in member:
        return False
    types = types_of(member)
    for name in member:
        if name == "type" or name in ANNOTATIONS or name.startswith("x-"):
            continue
        subject = TYPE_KEYWORDS.get(name)
        if subject is None:
            return False
        if subject not in types and not (subject == "number" and "integer" in types):
            return False
    return True
