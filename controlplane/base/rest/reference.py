"""The API reference as rows for a page, read from the OpenAPI document. Drawn once: it cannot change while running."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from itertools import groupby
from typing import Any

from drf_spectacular.generators import SchemaGenerator

from controlplane.base.rest.describing import ANYONE, ROLE, SCOPES

Shape = Mapping[str, Any]
DEEPEST = 3
"""Fields within fields are told this far down."""
BOUNDS = {
    "minimum": "at least {}",
    "maximum": "at most {}",
    "maxLength": "at most {} characters",
    "default": "default {}",
}
METHODS = ("get", "post", "put", "patch", "delete")


@dataclass(frozen=True, slots=True)
class Field:
    """A parameter, or a field of a body or an answer; a field within another has a dotted name."""

    name: str
    type: str
    required: bool
    place: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class ReferenceAnswer:
    """What an operation answers under one status."""

    status: str
    type: str
    fields: tuple[Field, ...]


@dataclass(frozen=True, slots=True)
class ReferenceOperation:
    """One method of an address. `curl` is empty where no API key is let in."""

    method: str
    anchor: str
    sentence: str
    role: str
    scopes: tuple[str, ...]
    parameters: tuple[Field, ...]
    body_types: tuple[str, ...]
    body: tuple[Field, ...]
    answers: tuple[ReferenceAnswer, ...]
    errors: tuple[str, ...]
    curl: str


@dataclass(frozen=True, slots=True)
class ReferenceAddress:
    """A path, what it is for, and its methods."""

    path: str
    anchor: str
    sentence: str
    operations: tuple[ReferenceOperation, ...]


@dataclass(frozen=True, slots=True)
class Reference:
    """Every address by group, and what the error statuses mean that all share."""

    groups: tuple[tuple[str, tuple[ReferenceAddress, ...]], ...]
    errors: tuple[tuple[str, str], ...]
    error_fields: tuple[Field, ...]


@cache
def drawn() -> Reference:
    """The reference of this process."""
    # The generator has no types.
    generator: Any = SchemaGenerator
    return read(generator().get_schema(request=None, public=True))


def read(document: Shape) -> Reference:
    """The reference that an OpenAPI document holds."""
    shapes = Shapes(document["components"]["schemas"])
    addresses = [address(path, methods, shapes) for path, methods in sorted(document["paths"].items())]
    grouped = groupby(addresses, lambda one: one.path.split("/")[2])
    operations = [methods[name] for methods in document["paths"].values() for name in METHODS if name in methods]
    errors = {code: said["description"] for one in operations for code, said in one["responses"].items() if code >= "4"}
    return Reference(
        groups=tuple((name, tuple(rows)) for name, rows in grouped),
        errors=tuple(sorted(errors.items())),
        error_fields=tuple(shapes.fields({"$ref": "#/components/schemas/ErrorBody"})),
    )


def address(path: str, methods: Shape, shapes: "Shapes") -> ReferenceAddress:
    """One path of the document."""
    anchor = "at-" + path.removeprefix("/api/").replace("/", "-").translate({ord(sign): None for sign in "{}"})
    there = [name for name in METHODS if name in methods]
    operations = tuple(
        operation(path, name, f"{name}-{anchor.removeprefix('at-')}", methods[name], shapes) for name in there
    )
    return ReferenceAddress(path, anchor, methods[there[0]].get("summary", ""), operations)


def operation(path: str, method: str, anchor: str, found: Shape, shapes: "Shapes") -> ReferenceOperation:
    """One method of a path."""
    bodies = found.get("requestBody", {}).get("content", {})
    body: Shape = next((content.get("schema", {}) for content in bodies.values()), {})
    role, scopes = found.get(ROLE, ""), tuple(found.get(SCOPES, ()))
    return ReferenceOperation(
        method=method.upper(),
        anchor=anchor,
        sentence=found.get("description", ""),
        role=role,
        scopes=scopes,
        parameters=tuple(shapes.parameter(one) for one in found.get("parameters", ())),
        body_types=tuple(bodies),
        body=tuple(shapes.fields(body)),
        answers=tuple(shapes.answer(*one) for one in found["responses"].items() if one[0] < "4"),
        errors=tuple(code for code in found["responses"] if code >= "4"),
        curl=curl(path, method, shapes.example(body) if bodies else None, role) if scopes else "",
    )


def curl(path: str, method: str, example: Any, role: str) -> str:
    """A command to paste; PATCHBAY_URL and PATCHBAY_KEY are set beforehand, and {parts} of the path are filled in."""
    lines = ["curl " + ("" if method == "get" else f"-X {method.upper()} ") + f'"$PATCHBAY_URL{path}"']
    if role != ANYONE:
        lines.append('-H "Authorization: Bearer $PATCHBAY_KEY"')
    if example is not None:
        lines += ["-H 'Content-Type: application/json'", f"-d '{json.dumps(example, ensure_ascii=False)}'"]
    return " \\\n  ".join(lines)


class Shapes:
    """The named schemas of a document, and the words for what refers to them."""

    def __init__(self, named: Mapping[str, Shape]) -> None:
        self._named = named

    def whole(self, shape: Shape) -> Shape:
        """`shape` with its references followed."""
        for one in [shape] if "$ref" in shape else [*shape.get("allOf", ()), *shape.get("oneOf", ())]:
            if "$ref" in one:
                rest = {name: value for name, value in shape.items() if name not in ("$ref", "allOf", "oneOf")}
                return {**self.whole(self._named[one["$ref"].rsplit("/", 1)[1]]), **rest}
        return shape

    def words(self, given: Shape) -> str:
        """The type of `given` in words."""
        shape = self.whole(given)
        if shape.get("type") == "array":
            return f"array of {self.words(shape.get('items', {}))}"
        kind = str(shape.get("type", "any JSON"))
        kind += f" ({shape['format']})" if shape.get("format") in ("uuid", "date-time", "uri") else ""
        return f"{kind} or null" if shape.get("nullable") else kind

    def note(self, given: Shape) -> str:
        """What is said of a value beside its type: the description, the values that there are, the bounds."""
        shape = self.whole(given)
        shape = self.whole(shape["items"]) if shape.get("type") == "array" and "items" in shape else shape
        told = [str(given["description"])] if given.get("description") else []
        if values := [value for value in shape.get("enum", ()) if value not in ("", None)]:
            told.append("one of " + ", ".join(map(str, values)))
        told += [words.format(json.dumps(shape[name])) for name, words in BOUNDS.items() if name in shape]
        return "; ".join(told)

    def parameter(self, found: Shape) -> Field:
        """A parameter of a path, a query or the head."""
        given = found.get("schema", {})
        note = self.note({**given, "description": found.get("description", "")})
        return Field(found["name"], self.words(given), bool(found.get("required")), found["in"], note)

    def answer(self, status: str, found: Shape) -> ReferenceAnswer:
        """What is answered under `status`; a status without a body has the type ""."""
        content = next((one.get("schema", {}) for one in found.get("content", {}).values()), None)
        return (
            ReferenceAnswer(status, "", ())
            if content is None
            else ReferenceAnswer(status, self.words(content), tuple(self.fields(content)))
        )

    def fields(self, given: Shape, before: str = "", depth: int = 1) -> Iterator[Field]:
        """The fields of an object, or of an array's objects, those within them after them."""
        shape = self.whole(given)
        if shape.get("type") == "array":
            yield from self.fields(shape.get("items", {}), f"{before}[]", depth)
            return
        required = shape.get("required", ())
        for name, inner in shape.get("properties", {}).items():
            called = f"{before}.{name}" if before else name
            yield Field(called, self.words(inner), name in required, note=self.note(inner))
            if depth < DEEPEST:
                yield from self.fields(inner, called, depth + 1)

    def example(self, given: Shape) -> Any:
        """A smallest value to start from: of an object its required fields, or its first."""
        shape = self.whole(given)
        if values := shape.get("enum"):
            return values[0]
        if shape.get("type") == "array":
            return [self.example(shape.get("items", {}))]
        if properties := shape.get("properties"):
            wanted = shape.get("required") or list(properties)[:1]
            return {name: self.example(properties[name]) for name in wanted}
        number = shape.get("minimum", 1)
        return {"integer": number, "number": number, "boolean": True, "string": "…"}.get(str(shape.get("type")), {})
