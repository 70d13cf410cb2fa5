"""Operations of OpenAPI 3.0 and 3.1."""

import json
from typing import Any

from versions.diff.openapi import media as types
from versions.diff.openapi.form import ApiBody, ApiOperation, ApiParameter, ApiResponse, BodyContent, Raw
from versions.diff.openapi.read import ApiDocument
from versions.diff.values import join

STYLES = {"query": "form", "cookie": "form", "path": "simple", "header": "simple"}


def operation(document: ApiDocument, name: str, item: Raw, raw: Raw, pointer: str) -> ApiOperation:
    """One operation with everything that path and document add to it."""
    parameters: dict[tuple[str, str], ApiParameter] = {}
    for holder, base in ((item, pointer.rsplit("/", 1)[0]), (raw, pointer)):
        for parameter in _parameters(document, holder.get("parameters"), join(base, "parameters")):
            parameters[(parameter.where, parameter.name)] = parameter
    body = _body(document, raw.get("requestBody"), join(pointer, "requestBody"))
    responses = {}
    for status, value in document.mapping(raw.get("responses"), join(pointer, "responses"), "responses").items():
        if not str(status).startswith("x-"):
            responses[str(status).upper()] = _response(document, value, join(pointer, "responses", status))
    servers = raw.get("servers") or item.get("servers") or document.root.get("servers") or []
    urls = (
        tuple(_address(server) for server in servers if isinstance(server, dict)) if isinstance(servers, list) else ()
    )
    security = raw.get("security", document.root.get("security"))
    return ApiOperation(name, pointer, raw, tuple(parameters.values()), body, responses, security, urls)


def _address(server: Raw) -> str:
    """The URL of a server, with its variables if it has some."""
    url = str(server.get("url")).rstrip("/")
    variables = server.get("variables")
    return f"{url} {json.dumps(variables, sort_keys=True, default=str)}" if variables else url


def _parameters(document: ApiDocument, raw: Any, pointer: str) -> list[ApiParameter]:
    if raw is None:
        return []
    if not isinstance(raw, list):
        document.told(pointer, "parameters is no list", raw)
        return []
    found = []
    for index, entry in enumerate(raw):
        value, where = document.resolve(entry, join(pointer, index))
        if isinstance(value, dict) and isinstance(value.get("name"), str):
            found.append(parameter(document, value["name"], str(value.get("in", "")), value, where))
        elif value is not None:
            document.told(where, "a parameter without a name", value)
    return found


def parameter(document: ApiDocument, name: str, where: str, raw: Raw, pointer: str) -> ApiParameter:
    """A parameter, or a response header if `where` is "header"."""
    schema, at = raw.get("schema"), join(pointer, "schema")
    if schema is None and isinstance(raw.get("content"), dict) and raw["content"]:
        media, content = next(iter(raw["content"].items()))
        schema = content.get("schema") if isinstance(content, dict) else None
        at = join(pointer, "content", media, "schema")
    style = raw.get("style", STYLES.get(where))
    explode = raw.get("explode", style == "form")
    syntax = ", ".join(map(types.written, raw["content"])) if isinstance(raw.get("content"), dict) else None
    written = (syntax, style, explode, bool(raw.get("allowReserved")), bool(raw.get("allowEmptyValue")))
    shown = name.lower() if where == "header" else name
    return ApiParameter(shown, where, raw.get("required") is True or where == "path", schema, at, raw, written)


def _body(document: ApiDocument, raw: Any, pointer: str) -> ApiBody | None:
    if raw is None:
        return None
    value, where = document.resolve(raw, pointer)
    if not isinstance(value, dict):
        return None
    return ApiBody(
        value.get("required") is True, content_of(document, value.get("content"), join(where, "content")), where
    )


def content_of(document: ApiDocument, raw: Any, pointer: str) -> dict[str, BodyContent]:
    """Schemas by media type, written in lower case without parameters' spaces."""
    result = {}
    for media, value in document.mapping(raw, pointer, "content").items():
        entry = value if isinstance(value, dict) else {}
        encoding = document.written_out(entry.get("encoding"))
        result[types.written(media)] = BodyContent(entry.get("schema"), join(pointer, media, "schema"), encoding)
    return result


def _response(document: ApiDocument, raw: Any, pointer: str) -> ApiResponse:
    value, where = document.resolve(raw, pointer)
    if not isinstance(value, dict):
        return ApiResponse({}, {}, where)
    headers = {}
    for name, header in document.mapping(value.get("headers"), join(where, "headers"), "headers").items():
        entry, at = document.resolve(header, join(where, "headers", name))
        if isinstance(entry, dict):
            headers[name.lower()] = parameter(document, name, "header", entry, at)
    links = document.mapping(value.get("links"), join(where, "links"), "links")
    told = {name: document.written_out(link) for name, link in links.items()}
    return ApiResponse(content_of(document, value.get("content"), join(where, "content")), headers, where, told)
