"""Sees quickly which operations are the same on both sides, components included."""

from typing import Any

from versions.diff.openapi.read import ApiDocument
from versions.diff.values import identical

Entry = tuple[str, dict[str, Any], dict[str, Any], str]
EVERYTHING = frozenset({"#/components", "#/definitions"})
"""What a part may reach that names other parts in another way than `$ref`."""
SECTIONS = ("components", "definitions", "parameters", "responses", "securityDefinitions")


class Unchanged:
    """Raw equality of an operation, its path item, and everything that its references reach."""

    def __init__(self, old: ApiDocument, new: ApiDocument) -> None:
        self._old, self._new = old, new
        outside = [name for name in {**old.root, **new.root} if name not in ("paths", "info", "tags", *SECTIONS)]
        self._root_same = all(identical(old.root.get(name), new.root.get(name)) for name in outside)
        several = [reader.resources.several for side in (old, new) for reader in side.readers.values()]
        self._by_pointer = not any(several)
        self._components_same = all(identical(old.root.get(name), new.root.get(name)) for name in SECTIONS)
        self._schemes_same = identical(_schemes(old), _schemes(new))
        self._settled: dict[str, bool] = {}
        self._reached: dict[str, set[str]] = {}

    def holds(self, old: Entry, new: Entry) -> bool:
        """Whether nothing about an operation changed."""
        if not self._root_same or not self._schemes_same or old[0] != new[0] or not identical(old[2], new[2]):
            return False
        if not all(identical(old[1].get(word), new[1].get(word)) for word in ("parameters", "servers")):
            return False
        if self._components_same or not self._by_pointer:
            return self._components_same
        return self._reach_same({"op": old[2], "item": old[1].get("parameters")})

    def _reach_same(self, raw: Any) -> bool:
        """Whether every component reached from here is the same on both sides."""
        pending, seen = references(raw), set[str]()
        while pending:
            ref = pending.pop()
            if ref in seen:
                continue
            seen.add(ref)
            if ref not in self._settled:
                left, right = self._resolve(ref)
                self._settled[ref] = identical(left, right)
            if not self._settled[ref]:
                return False
            if ref not in self._reached:
                self._reached[ref] = references(self._resolve(ref)[0])
            pending |= self._reached[ref] - seen
        return True

    def _resolve(self, ref: str) -> tuple[Any, Any]:
        left = next(iter(self._old.readers.values())).resolve(ref)
        right = next(iter(self._new.readers.values())).resolve(ref)
        return left[0], right[0]


def _schemes(document: ApiDocument) -> Any:
    components = document.root.get("components")
    inside = components.get("securitySchemes") if isinstance(components, dict) else None
    return inside, document.root.get("securityDefinitions")


def references(raw: Any) -> set[str]:
    """Every `$ref` inside a raw value."""
    found: set[str] = set()
    pending = [raw]
    while pending:
        value = pending.pop()
        if isinstance(value, dict):
            ref = value.get("$ref")
            if isinstance(ref, str):
                found.add(ref)
            if "discriminator" in value or "$dynamicRef" in value or "$recursiveRef" in value:
                found |= EVERYTHING
            pending.extend(value.values())
        elif isinstance(value, list):
            pending.extend(value)
    return found
