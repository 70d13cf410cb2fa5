"""One pair at least for each rule about operations: what changes, and the verdict of its finding."""

from typing import Any

from tests.versions.words import TEXT, WHOLE, B, C, R


def api(*operations: tuple[str, dict[str, Any]], **document: Any) -> dict[str, Any]:
    """An OpenAPI document; an operation is ("post /a", {...})."""
    paths: dict[str, Any] = {}
    for name, operation in operations:
        method, path = name.split(" ")
        paths.setdefault(path, {})[method] = {"responses": {"200": {"description": "ok"}}, **operation}
    return {"openapi": "3.1.0", "info": {"title": "t", "version": "1"}, "paths": paths, **document}


def one(**operation: Any) -> dict[str, Any]:
    """A document with one operation."""
    return api(("post /a", operation))


def query(**words: Any) -> dict[str, Any]:
    """An operation with one query parameter."""
    return one(parameters=[{"name": "limit", "in": "query", "schema": WHOLE, **words}])


def body(*media: str, required: bool = False) -> dict[str, Any]:
    """An operation with a request body."""
    return one(requestBody={"required": required, "content": {name: {"schema": TEXT} for name in media}})


def reply(*media: str, status: str = "200", **words: Any) -> dict[str, Any]:
    """An operation with one response."""
    return one(responses={status: {"description": "d", "content": {name: {"schema": TEXT} for name in media}, **words}})


def statuses(*found: str) -> dict[str, Any]:
    """An operation with some response statuses."""
    return one(responses={status: {"description": "d"} for status in found})


def secured(security: list[Any], scheme: str = "header") -> dict[str, Any]:
    """A document with one security scheme."""
    schemes = {"key": {"type": "apiKey", "in": scheme, "name": "k"}, "other": {"type": "http", "scheme": "basic"}}
    return api(("post /a", {"security": security}), components={"securitySchemes": schemes})


GONE = api(("get /b", {}))
OPERATIONS: list[tuple[int, str, Any, Any, str]] = [
    (1, "operation-removed", api(("get /b", {}), ("get /c", {})), GONE, B),
    (
        2,
        "operation-removed-after-sunset",
        api(("get /b", {}), ("get /c", {"deprecated": True, "x-sunset": "2020-01-01"})),
        GONE,
        R,
    ),
    (2, "unstable-removed", api(("get /b", {}), ("get /c", {"x-stability-level": "alpha"})), GONE, C),
    (
        3,
        "operation-removed-before-sunset",
        api(("get /b", {}), ("get /c", {"deprecated": True, "x-sunset": "9999-01-01"})),
        GONE,
        B,
    ),
    (
        3,
        "sunset-moved-earlier",
        one(deprecated=True, **{"x-sunset": "9999-05-01"}),
        one(deprecated=True, **{"x-sunset": "9998-05-01"}),
        B,
    ),
    (
        3,
        "sunset-moved-later",
        one(deprecated=True, **{"x-sunset": "9998-05-01"}),
        one(deprecated=True, **{"x-sunset": "9999-05-01"}),
        C,
    ),
    (3, "sunset-deleted", one(deprecated=True, **{"x-sunset": "9999-05-01"}), one(deprecated=True), B),
    (3, "sunset-unreadable", one(), one(deprecated=True, **{"x-sunset": "soon"}), B),
    (4, "operation-added", GONE, api(("get /b", {}), ("get /c", {})), C),
    (5, "deprecated", one(), one(deprecated=True, **{"x-sunset": "9999-05-01"}), C),
    (5, "reactivated", one(deprecated=True), one(), C),
    (6, "stability-lowered", one(**{"x-stability-level": "stable"}), one(**{"x-stability-level": "beta"}), B),
    (6, "stability-raised", one(**{"x-stability-level": "beta"}), one(**{"x-stability-level": "stable"}), C),
    (6, "stability-unknown", one(), one(**{"x-stability-level": "shaky"}), R),
    (7, "operation-id-changed", one(operationId="a"), one(operationId="b"), R),
    (7, "operation-id-added", one(), one(operationId="b"), C),
    (7, "tags-changed", one(tags=["a"]), one(tags=["b"]), R),
    (
        8,
        "path-parameter-renamed",
        api(("get /b/{id}", {"parameters": [{"name": "id", "in": "path", "schema": TEXT}]})),
        api(("get /b/{key}", {"parameters": [{"name": "key", "in": "path", "schema": TEXT}]})),
        C,
    ),
    (13, "optional-removed", query(), one(), B),
    (15, "required-removed", query(required=True), one(), R),
    (11, "required-added", one(), query(required=True), B),
    (54, "body-required", one(), body("application/json", required=True), B),
    (54, "body-optional", one(), body("application/json"), C),
    (54, "body-removed", body("application/json"), one(), B),
    (55, "request-content-type-removed", body("application/json", "text/plain"), body("application/json"), B),
    (55, "request-content-type-added", body("application/json"), body("application/json", "text/plain"), C),
    (56, "response-content-type-removed", reply("application/json", "text/plain"), reply("application/json"), B),
    (56, "response-content-type-added", reply("application/json"), reply("application/json", "text/plain"), R),
    (56, "response-content-type-specialised", reply("application/json"), reply("application/problem+json"), R),
    (57, "success-status-removed", statuses("200", "201"), statuses("200"), B),
    (57, "error-status-removed", statuses("200", "404"), statuses("200"), R),
    (57, "status-added", statuses("200"), statuses("200", "429"), C),
    (58, "required-header-removed", reply(headers={"X-A": {"required": True, "schema": TEXT}}), reply(), B),
    (58, "optional-header-removed", reply(headers={"X-A": {"schema": TEXT}}), reply(), R),
    (
        58,
        "header-became-required",
        reply(headers={"X-A": {"schema": TEXT}}),
        reply(headers={"X-A": {"required": True, "schema": TEXT}}),
        R,
    ),
    (
        58,
        "header-became-optional",
        reply(headers={"X-A": {"required": True, "schema": TEXT}}),
        reply(headers={"X-A": {"schema": TEXT}}),
        B,
    ),
    (58, "header-added", reply(), reply(headers={"X-A": {"schema": TEXT}}), C),
    (59, "parameter-moved", query(), one(parameters=[{"name": "limit", "in": "header", "schema": WHOLE}]), B),
    (59, "parameter-style-changed", query(explode=True), query(explode=False), B),
    (59, "parameter-style-loosened", query(), query(allowReserved=True), C),
    (60, "security-tightened", secured([{}]), secured([{"key": []}]), B),
    (60, "security-loosened", secured([{"key": []}]), secured([{"key": []}, {"other": []}]), C),
    (60, "security-scheme-changed", secured([{"key": []}]), secured([{"key": []}], "query"), B),
    (
        61,
        "server-moved",
        api(("get /b", {}), servers=[{"url": "https://a/v1"}]),
        api(("get /b", {}), servers=[{"url": "https://a/v2"}]),
        B,
    ),
    (
        61,
        "server-added",
        api(("get /b", {}), servers=[{"url": "https://a"}]),
        api(("get /b", {}), servers=[{"url": "https://a"}, {"url": "https://b"}]),
        C,
    ),
    (62, "streaming-changed", reply("application/json"), reply("text/event-stream"), B),
    (63, "keyword-undecided", one(), one(callbacks={"done": {}}), R),
]
