"""A synthetic OpenAPI document of about 3 MB: 2,600 recursive schemas that reach each other, 700 operations."""

from copy import deepcopy
from typing import Any

SCHEMAS, OPERATIONS, FIELDS = 2600, 700, 12


def large() -> tuple[dict[str, Any], dict[str, Any]]:
    """The document and a later version in which one schema of forty changed."""
    schemas = {f"S{number}": _schema(number) for number in range(SCHEMAS)}
    paths = {f"/r{number}/{{id}}": {"post": _operation(number)} for number in range(OPERATIONS)}
    old: dict[str, Any] = {
        "openapi": "3.1.0",
        "info": {"title": "large", "version": "1"},
        "paths": paths,
        "components": {"schemas": schemas},
    }
    new = deepcopy(old)
    changed: dict[str, Any] = new["components"]["schemas"]
    for number in range(0, SCHEMAS, 40):
        changed[f"S{number}"]["properties"]["field_1"]["maximum"] = 0
        del changed[f"S{number}"]["properties"]["field_5"]
        changed[f"S{number + 1}"]["properties"]["added"] = {"type": "string"}
    return old, new


def _reference(number: int) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/S{number % SCHEMAS}"}


def _schema(number: int) -> dict[str, Any]:
    properties = {}
    for index in range(FIELDS):
        target = number * 7 + index * 13
        kinds: list[dict[str, Any]] = [
            {"type": "string", "maxLength": 100 + index, "description": "A field of some importance, in one line."},
            {"type": "integer", "minimum": 0, "maximum": 10 * index + 1, "default": 1},
            _reference(target),
            {"type": "array", "items": _reference(target * 3 + 1)},
            {"anyOf": [_reference(target + 5), {"type": "null"}]},
            {"type": "string", "enum": ["a", "b", f"c{index}"]},
        ]
        properties[f"field_{index}"] = kinds[index % len(kinds)]
    return {"type": "object", "properties": properties, "required": ["field_0"]}


def _operation(number: int) -> dict[str, Any]:
    return {
        "operationId": f"op{number}",
        "parameters": [{"name": "id", "in": "path", "required": True, "schema": {"type": "string"}}],
        "requestBody": {"content": {"application/json": {"schema": _reference(number)}}},
        "responses": {
            "200": {"description": "ok", "content": {"application/json": {"schema": _reference(number * 3)}}}
        },
    }
