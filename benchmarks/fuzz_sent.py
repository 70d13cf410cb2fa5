"""What callers send by the convention: no field that travels the other way, and no name that nobody declares.

Both are decided place by place: a name counts as declared if some schema that speaks of the very same object says
something about it.
"""

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

ABOUT_OTHERS = ("additionalProperties", "unevaluatedProperties", "propertyNames")
"""What is said about names that are not declared; a dialect may lack some of these words."""
TABLES = ("dependentRequired", "dependentSchemas", "dependencies")
"""What is said about names that bring others along; likewise."""
NOTHING: Any = object()
"""Stands for a value that nobody sends."""
BESIDE = ("not", "if", "then", "else")
SILENT: tuple[Any, ...] = (True, {})
Fits = Callable[[Any, Any], bool]


class Callers:
    """Those who send values by one schema. `hides`: the keyword of fields that they leave out ("" for none).

    `fits` is asked which alternatives a value fits, if only those shall count; without it all of them do.
    """

    def __init__(self, root: Any, hides: str, conventional: bool, fits: Fits | None = None) -> None:
        self.root = root
        self.hides = hides
        self.conventional = conventional
        self.fits = fits
        self.about_others: tuple[str, ...] = ABOUT_OTHERS
        self.tables: tuple[str, ...] = TABLES

    def settled(self, value: Any) -> Any:
        """What is sent in the end: without one field an alternative may fit by which another does not travel either."""
        while (left := self.sent(value)) is not NOTHING and left != value:
            value = left
        return left

    def sent(self, value: Any, schemas: list[Any] | None = None) -> Any:
        """The value without what does not travel; NOTHING if nobody would send it."""
        told = list(self._beside(value, [self.root] if schemas is None else schemas))
        if isinstance(value, dict):
            return self._object(value, told)
        if isinstance(value, list):
            found = [self.sent(item, list(_items(told, index))) for index, item in enumerate(value)]
            return NOTHING if any(item is NOTHING for item in found) else found
        return value

    def _object(self, value: dict[str, Any], told: list[dict[str, Any]]) -> Any:
        found = {}
        for name, part in value.items():
            own = [schema["properties"][name] for schema in told if name in _map(schema, "properties")]
            marks = [self._hidden(schema) for schema in own]
            if marks and all(mark is True for mark in marks):
                continue
            if any(mark is not False for mark in marks) or (self.conventional and not own and self._silent(told, name)):
                return NOTHING
            found[name] = self.sent(part, [*own, *_unnamed(told, name)])
            if found[name] is NOTHING:
                return NOTHING
        return found

    def _hidden(self, schema: Any) -> bool | None:
        """Whether a field does not travel; None if only a part of its schema says so."""
        if not self.hides:
            return False
        schema = meant(schema, self.root)
        if schema.get(self.hides) is True:
            return True
        return None if self.hides in json.dumps(schema) else False

    def _silent(self, told: list[dict[str, Any]], name: str) -> bool:
        """Whether no schema says anything about a name, or about names that it does not declare."""
        for schema in told:
            if name in schema.get("required", ()) or any(name in _map(schema, word) for word in self.tables):
                return False
            if any(re.search(pattern, name) for pattern in _map(schema, "patternProperties")):
                return False
            if any(schema.get(word, True) not in SILENT for word in self.about_others):
                return False
        return True

    def _beside(self, value: Any, schemas: list[Any], depth: int = 0) -> Iterator[dict[str, Any]]:
        """Every schema that speaks of a value, in whatever way it does."""
        for schema in schemas:
            if not isinstance(schema, dict) or depth > 12:
                continue
            yield schema
            inner = [*schema.get("allOf", ()), *(schema[word] for word in BESIDE if word in schema)]
            for word in ("anyOf", "oneOf"):
                members = schema.get(word, ())
                inner += [member for member in members if self.fits is None or self.fits(member, value)]
            for word in ("dependentSchemas", "dependencies"):
                names = value if isinstance(value, dict) else ()
                inner += [part for name, part in _map(schema, word).items() if name in names]
            if isinstance(schema.get("$ref"), str):
                inner.append(target(self.root, schema["$ref"]))
            yield from self._beside(value, inner, depth + 1)


def meant(schema: Any, root: Any) -> dict[str, Any]:
    """The schema behind a reference; an empty one for true and false."""
    held = target(root, schema["$ref"]) if isinstance(schema, dict) and isinstance(schema.get("$ref"), str) else schema
    return held if isinstance(held, dict) else {}


def target(root: Any, ref: str) -> Any:
    """What a local reference points to."""
    for part in ref.split("/")[1:]:
        root = root[part]
    return root


def expanded(schema: Any, root: Any, depth: int = 0) -> Any:
    """The schema with its references replaced by what they point to, a few levels deep."""
    if isinstance(schema, list):
        return [expanded(part, root, depth) for part in schema]
    if not isinstance(schema, dict):
        return schema
    if isinstance(schema.get("$ref"), str):
        held = {word: part for word, part in schema.items() if word != "$ref"}
        return (
            {**expanded(held, root, depth), **expanded(target(root, schema["$ref"]), root, depth + 1)}
            if depth < 5
            else {}
        )
    return {word: expanded(part, root, depth) for word, part in schema.items() if word not in ("$defs", "components")}


def _map(schema: dict[str, Any], word: str) -> dict[str, Any]:
    found = schema.get(word)
    return found if isinstance(found, dict) else {}


def _unnamed(told: list[dict[str, Any]], name: str) -> Iterator[Any]:
    """What the schemas say about a name by its pattern, or because they do not declare it."""
    for schema in told:
        hits = [part for pattern, part in _map(schema, "patternProperties").items() if re.search(pattern, name)]
        yield from hits
        if not hits and name not in _map(schema, "properties"):
            yield from (schema[word] for word in ("additionalProperties", "unevaluatedProperties") if word in schema)


def _items(told: list[dict[str, Any]], index: int) -> Iterator[Any]:
    for schema in told:
        items = schema.get("items")
        prefix = schema.get("prefixItems", items if isinstance(items, list) else [])
        if index < len(prefix):
            yield prefix[index]
        else:
            yield schema.get("additionalItems", {}) if isinstance(items, list) else items
        yield from (schema[word] for word in ("contains", "unevaluatedItems") if word in schema)
