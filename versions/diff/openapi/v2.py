"""Operations of Swagger 2.0."""

from typing import Any

from versions.diff.openapi import media as types
from versions.diff.openapi.form import ApiBody, ApiOperation, ApiParameter, ApiResponse, BodyContent, Raw
from versions.diff.openapi.read import ApiDocument
from versions.diff.values import join

PARAMETER_WORDS = (
    "name",
    "in",
    "required",
    "description",
    "collectionFormat",
    "allowEmptyValue",
    "x-sunset",
    "deprecated",
)


def operation(document: ApiDocument, name: str, item: Raw, raw: Raw, pointer: str) -> ApiOperation:
    """One operation with everything that path and document add to it."""
    found: dict[tuple[str, str], tuple[Raw, str]] = {}
    for holder, base in ((item, pointer.rsplit("/", 1)[0]), (raw, pointer)):
        entries = holder.get("parameters")
        for index, entry in enumerate(entries if isinstance(entries, list) else ()):
            value, where = document.resolve(entry, join(base, "parameters", index))
            if isinstance(value, dict):
                found[(str(value.get("in")), str(value.get("name")))] = (value, where)
    parameters = tuple(
        _parameter(value, where) for (kind, _name), (value, where) in found.items() if kind not in ("body", "formData")
    )
    consumes = _media(raw.get("consumes", document.root.get("consumes")))
    body = _body([entry for (kind, _n), entry in found.items() if kind == "body"], consumes)
    forms = [entry for (kind, _n), entry in found.items() if kind == "formData"]
    if forms and body is None:
        body = _form(document, forms, consumes, pointer)
    produces = _media(raw.get("produces", document.root.get("produces")))
    responses = {}
    for status, value in document.mapping(raw.get("responses"), join(pointer, "responses"), "responses").items():
        if not str(status).startswith("x-"):
            responses[str(status).upper()] = _response(document, value, produces, join(pointer, "responses", status))
    root = document.root
    place = f"{'//' if root.get('host') else ''}{root.get('host') or ''}{root.get('basePath') or ''}".rstrip("/")
    schemes = raw.get("schemes", root.get("schemes"))
    servers: tuple[str, ...] = (place,)
    if root.get("host") and isinstance(schemes, list) and schemes:
        servers = tuple(f"{scheme}:{place}" for scheme in schemes)
    return ApiOperation(
        name, pointer, raw, parameters, body, responses, raw.get("security", root.get("security")), servers
    )


def _media(raw: Any) -> list[str]:
    return [types.written(media) for media in raw] if isinstance(raw, list) and raw else ["*/*"]


def _parameter(raw: Raw, pointer: str) -> ApiParameter:
    kind = str(raw.get("in"))
    name = str(raw.get("name"))
    written = _style(raw)
    required = raw.get("required") is True or kind == "path"
    return ApiParameter(name.lower() if kind == "header" else name, kind, required, _schema(raw), pointer, raw, written)


def _style(raw: Raw) -> tuple[Any, ...]:
    return None, raw.get("collectionFormat", "csv"), False, False, bool(raw.get("allowEmptyValue"))


def _schema(raw: Raw) -> Raw:
    return {word: value for word, value in raw.items() if word not in PARAMETER_WORDS}


def _body(entries: list[tuple[Raw, str]], consumes: list[str]) -> ApiBody | None:
    if not entries:
        return None
    raw, pointer = entries[0]
    content = {media: BodyContent(raw.get("schema"), join(pointer, "schema")) for media in consumes}
    return ApiBody(raw.get("required") is True, content, pointer)


def _form(document: ApiDocument, entries: list[tuple[Raw, str]], consumes: list[str], pointer: str) -> ApiBody:
    """Form fields as the properties of an object."""
    schema: Raw = {"type": "object", "properties": {}, "required": []}
    for raw, _where in entries:
        name = str(raw.get("name"))
        schema["properties"][name] = _schema(raw)
        if raw.get("required") is True:
            schema["required"].append(name)
    document.keep(schema)
    content = {media: BodyContent(schema, join(pointer, "parameters")) for media in consumes}
    return ApiBody(bool(schema["required"]), content, pointer)


def _response(document: ApiDocument, raw: Any, produces: list[str], pointer: str) -> ApiResponse:
    value, where = document.resolve(raw, pointer)
    if not isinstance(value, dict):
        return ApiResponse({}, {}, where)
    content = (
        {media: BodyContent(value["schema"], join(where, "schema")) for media in produces} if "schema" in value else {}
    )
    headers = {}
    for name, header in document.mapping(value.get("headers"), join(where, "headers"), "headers").items():
        if isinstance(header, dict):
            at = join(where, "headers", name)
            headers[name.lower()] = ApiParameter(
                name.lower(), "header", False, _schema(header), at, header, _style(header)
            )
    return ApiResponse(content, headers, where)
