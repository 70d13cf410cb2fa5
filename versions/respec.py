"""A new spec out of how an upstream's own description of its interface changed: OpenAPI, JSON Schema, Dify, metadata.

Our spec may name parameters otherwise and hold less than the description; so only what moved in the description moves
in the spec, at the parameter that reaches the changed field.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from registry.canon import CONTENT
from registry.specfile import file as spec_file
from registry.specfile.rules import RESERVED
from versions.descriptions import Description, Schema, fields, home_of, reached
from versions.diff.findings import DiffFinding, Direction
from versions.diff.values import same

TYPES = {
    "number": "float", "integer": "int", "boolean": "bool", "string": "string", "array": "array", "object": "object",
}  # fmt: skip
SCALARS = {"float": (int, float), "int": (int,), "bool": (bool,), "string": (str,)}
MOST_NEW = 40
SETTLED = frozenset({
    "parameter-removed", "removed-closed", "optional-removed", "required-removed", "renamed", "optional-added",
    "optional-added-closed", "required-added", "required-added-with-default", "became-required",
    "became-required-with-default", "enum-value-removed", "enum-value-added", "open-enum-value-added", "enum-added",
    "enum-dropped", "default-changed", "type-swapped", "number-to-integer", "integer-to-number", "rewritten",
    "prose-changed",
})  # fmt: skip
"""Findings that the specs' own comparison makes as well."""
NOTHING: Mapping[str, str] = MappingProxyType({})
BOUNDS = frozenset({"bound-tightened", "bound-loosened", "bound-added", "bound-removed"})


@dataclass(frozen=True)
class Respec:
    """A base as it was in effect (with upstream defaults that moved since), and the spec that follows from a change."""

    base: dict[str, Any]
    proposed: dict[str, Any]


def respec(
    base: Mapping[str, Any],
    old: Description | None,
    new: Description,
    renamed: Mapping[str, str] = MappingProxyType({}),
) -> Respec:
    """Move in `base` what moved between two descriptions of one kind. Without an old one nothing is known to move.

    `renamed` are fields that the classifier found again under another name, by their dotted path.
    """
    before, after = _copied(base), _copied(base)
    if old is None or old.kind != new.kind or new.kind in ("proto", "spec", ""):
        return Respec(before, after)
    known, wanted = fields(old, base), fields(new, base)
    taken = reached(base)
    for path, name in taken.items():
        to = _renamed(path, name, renamed) or path
        was, now = _at(known, path, name), _at(wanted, to, name if to == path else to)
        if was is not None and now is None:
            del after["params"][name]
        elif was is not None and now is not None:
            _move(before["params"][name], after["params"][name], was, now)
            if to != path:
                after["params"][name]["upstream"] = _inner(to, home_of(base))
    last = {path.rpartition(".")[2] for path in taken} | set(taken.values())
    last |= {found.rpartition(".")[2] for path, name in taken.items() if (found := _renamed(path, name, renamed))}
    fresh = [path for path in wanted if path not in known and path.rpartition(".")[2] not in last]
    for path in fresh[:MOST_NEW]:
        _offer(after["params"], path, wanted[path], home_of(base))
    return Respec(_settled(before), _settled(after))


def _copied(document: Mapping[str, Any]) -> dict[str, Any]:
    return {**document, "params": {name: dict(body) for name, body in document.get("params", {}).items()}}


def _renamed(path: str, name: str, renamed: Mapping[str, str]) -> str | None:
    """Where the field of a parameter went; only if callers know it by another name, else the specs show the rename."""
    last = path.rpartition(".")[2]
    return (renamed.get(path) or renamed.get(last)) if last != name else None


def _inner(path: str, home: str) -> str:
    return path.removeprefix(f"{home}.") if home else path


def _settled(document: dict[str, Any]) -> dict[str, Any]:
    return document if document["params"] else {key: value for key, value in document.items() if key != "params"}


def _at(fields: Mapping[str, Schema], path: str, name: str) -> Schema | None:
    """The field that a parameter reaches; a flat description names it without the objects around it."""
    return fields.get(path) or fields.get(path.rpartition(".")[2]) or fields.get(name)


def _move(before: dict[str, Any], after: dict[str, Any], was: Schema, now: Schema) -> None:
    """Move one parameter as its field moved."""
    kind = _kind(now)
    if kind is not None and _kind(was) is not None and kind != _kind(was):
        after["type"] = kind
    if "convert" in after:
        _move_converted(after, now)
    else:
        _move_range(after, was, now)
    _move_options(after, was, now)
    if now.get("required") and not was.get("required"):
        after["required"] = True
    if "default" not in before and not same(was.get("default"), now.get("default")):
        for body, field in ((before, was), (after, now)):
            if field.get("default") is not None:
                body["default"] = field["default"]


def _move_range(after: dict[str, Any], was: Schema, now: Schema) -> None:
    if after["type"] not in ("float", "int"):
        after.pop("range", None)
        return
    low, high = after.get("range", (None, None))
    ends = []
    for end, keyword, tighter in ((low, "minimum", max), (high, "maximum", min)):
        old, new = _number(was.get(keyword)), _number(now.get(keyword))
        if old == new:
            ends.append(end)
        elif new is None or (end is not None and end == old):
            ends.append(new)
        else:
            ends.append(new if end is None else tighter(end, new))
    if ends != [low, high]:
        after.pop("range", None)
        if ends != [None, None]:
            after["range"] = ends


def _move_converted(after: dict[str, Any], now: Schema) -> None:
    """Cut both ranges to what the upstream still takes, so that each value keeps its meaning."""
    (low, high), (first, last) = after["range"], after["convert"]["range"]
    least, most = _number(now.get("minimum")), _number(now.get("maximum"))
    ends = [
        min(max(end, least if least is not None else end), most if most is not None else end) for end in (first, last)
    ]
    if ends == [first, last] or ends[0] == ends[1]:
        return
    after["range"] = [low + (end - first) / (last - first) * (high - low) for end in ends]
    after["convert"] = {"range": ends}


def _move_options(after: dict[str, Any], was: Schema, now: Schema) -> None:
    old, new = was.get("enum"), now.get("enum")
    if same(old, new) or after["type"] not in SCALARS:
        return
    if not isinstance(new, list):
        if not after.get("values"):
            after.pop("options", None)
        return
    sent = after.get("values", {})
    allowed = [value for value in new if _is(value, after["type"])]
    had = after.get("options") or (old if isinstance(old, list) else [])
    stay = [option for option in had if any(same(sent.get(spec_file.key_text(option), option), one) for one in allowed)]
    known = [sent.get(spec_file.key_text(option), option) for option in had]
    fresh = [value for value in allowed if not any(same(value, one) for one in known)]
    after["options"] = [*stay, *fresh] if had else allowed
    if sent:
        after["values"] = {spec_file.key_text(one): sent.get(spec_file.key_text(one), one) for one in after["options"]}


def _offer(params: dict[str, Any], path: str, field: Schema, home: str) -> None:
    """Offer a new field as a parameter, where a spec can say what it takes."""
    inner = _inner(path, home)
    name = inner.rpartition(".")[2]
    kind = _kind(field)
    if kind is None or name in (*RESERVED, *CONTENT) or name in params or isinstance(field.get("properties"), dict):
        return
    body: dict[str, Any] = {"type": kind}
    ends = [_number(field.get("minimum")), _number(field.get("maximum"))]
    if kind in ("float", "int") and ends != [None, None]:
        body["range"] = ends
    if isinstance(field.get("enum"), list) and kind in SCALARS:
        body["options"] = [value for value in field["enum"] if _is(value, kind)]
    if field.get("required"):
        body["required"] = True
        if field.get("default") is not None:
            body["default"] = field["default"]
    if inner != name:
        body["upstream"] = inner
    try:
        spec_file.read(
            {"name": "x", "type": "llm", "protocol": "openai", "endpoint": "http://x", "params": {name: body}}
        )
    except spec_file.SpecInvalid:
        return
    params[name] = body


def _kind(field: Schema) -> str | None:
    given = field.get("type")
    kinds = [kind for kind in (given if isinstance(given, list) else [given]) if kind != "null"]
    return TYPES.get(str(kinds[0])) if len(kinds) == 1 else None


def _number(value: Any) -> float | int | None:
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None


def _is(value: Any, kind: str) -> bool:
    return isinstance(value, SCALARS[kind]) and isinstance(value, bool) == (kind == "bool")


def named_fields(params: Collection[str], base: Mapping[str, Any]) -> set[str]:
    """Names under which a description may know the specs' parameters."""
    return {part for path in reached(base) for part in (path, path.rpartition(".")[2])} | set(params)


def settled_by_spec(finding: DiffFinding, known: Collection[str]) -> bool:
    """Whether a finding between descriptions is about a parameter of the specs, whose own comparison speaks of it."""
    bound = finding.key in BOUNDS and finding.keyword in ("minimum", "maximum")
    if finding.direction is not Direction.REQUEST or not (bound or finding.key in SETTLED):
        return False
    return any(part in known for part in finding.path.replace("[", ".").split("."))
