"""What is said of operations, parameters, bodies, responses, security and servers."""

from typing import Any

import pytest

from versions.diff.classify import classify
from versions.diff.findings import Report, Severity
from versions.diff.openapi.security import ways

TEXT, WHOLE = {"type": "string"}, {"type": "integer"}
JSON = "application/json"


def api(operation: dict[str, Any] | None, method: str = "post", **more: Any) -> dict[str, Any]:
    paths = {"/x": {method: operation}} if operation is not None else {}
    return {"openapi": "3.0.3", "info": {"title": "t", "version": "1"}, "paths": paths, **more}


def report(old: dict[str, Any] | None, new: dict[str, Any] | None, **more: Any) -> Report:
    return classify(api(old, **more), api(new, **more), "openapi")


def told(old: dict[str, Any] | None, new: dict[str, Any] | None, **more: Any) -> set[tuple[str, str]]:
    """Key and severity of each finding."""
    return {(finding.key, finding.severity.value) for finding in report(old, new, **more).findings}


def query(name: str = "q", **words: Any) -> dict[str, Any]:
    return {"parameters": [{"name": name, "in": "query", "schema": TEXT, **words}]}


@pytest.mark.parametrize(
    ("old", "new", "found"),
    [
        ({}, {}, set()),
        ({}, None, {("operation-removed", "breaking")}),
        (None, {}, {("operation-added", "compatible")}),
        ({"operationId": "a"}, {"operationId": "b"}, {("operation-id-changed", "review")}),
        ({}, {"operationId": "b"}, {("operation-id-added", "compatible")}),
        ({"tags": ["a"]}, {"tags": ["b"]}, {("tags-changed", "review")}),
        ({"summary": "a"}, {"summary": "b"}, set()),
        ({}, {"deprecated": True}, {("deprecated", "compatible")}),
        ({}, query(), {("optional-added", "compatible")}),
        ({}, query(required=True), {("required-added", "breaking")}),
        (query(), {}, {("optional-removed", "breaking")}),
        (query(required=True), {}, {("required-removed", "review")}),
        (query(), query(required=True), {("became-required", "breaking")}),
        (query(required=True), query(), {("became-optional", "compatible")}),
        (query(), query(schema=WHOLE), {("type-swapped", "breaking")}),
        (query(), query(explode=False), {("parameter-style-changed", "breaking")}),
        (query(), query(allowReserved=True), {("parameter-style-loosened", "compatible")}),
    ],
)
def test_what_is_said_of_an_operation_and_its_parameters(old: Any, new: Any, found: set[tuple[str, str]]) -> None:
    assert told(old, new) == found


def test_a_parameter_that_moved_is_one_finding() -> None:
    header = {"parameters": [{"name": "Q", "in": "header", "schema": TEXT}]}
    assert told(query("q"), header) == {("parameter-moved", "breaking")}


def test_a_path_parameter_may_get_another_name() -> None:
    def document(name: str) -> dict[str, Any]:
        parameters = [{"name": name, "in": "path", "required": True, "schema": TEXT}]
        return {"openapi": "3.0.3", "paths": {f"/a/{{{name}}}": {"get": {"parameters": parameters}}}}

    found = classify(document("id"), document("key"), "openapi")
    assert {finding.key for finding in found.findings} == {"path-parameter-renamed"}
    assert found.verdict is not Severity.BREAKING


def body(schema: Any = None, required: bool = False, media: str = JSON) -> dict[str, Any]:
    return {"requestBody": {"required": required, "content": {media: {"schema": TEXT if schema is None else schema}}}}


@pytest.mark.parametrize(
    ("old", "new", "found"),
    [
        (body(), body(), set()),
        ({}, body(), {("body-optional", "compatible")}),
        ({}, body(required=True), {("body-required", "breaking")}),
        (body(), body(required=True), {("body-required", "breaking")}),
        (body(required=True), body(), {("body-optional", "compatible")}),
        (body(), body(WHOLE), {("type-swapped", "breaking")}),
        (body(WHOLE), body({"type": "number"}), {("integer-to-number", "compatible")}),
        (body(), body(media="*/*"), set()),
        (body(media="*/*"), body(), {("request-content-type-removed", "breaking")}),
    ],
)
def test_what_is_said_of_a_request_body(old: Any, new: Any, found: set[tuple[str, str]]) -> None:
    assert told(old, new) - {("request-content-type-added", "compatible")} == found


def answers(schema: Any = None, status: str = "200", media: str = JSON, **more: Any) -> dict[str, Any]:
    content = {media: {"schema": TEXT if schema is None else schema}}
    return {"responses": {status: {"description": "d", "content": content, **more}}}


@pytest.mark.parametrize(
    ("old", "new", "key", "severity"),
    [
        (answers(WHOLE), answers({"type": "number"}), "integer-to-number", "breaking"),
        (answers({"type": "number"}), answers(WHOLE), "number-to-integer", "compatible"),
        (answers(), answers(media="text/plain"), "response-content-type-removed", "breaking"),
        (answers(), answers(media="application/problem+json"), "response-content-type-specialised", "review"),
        (answers(), answers(status="201"), "success-status-removed", "breaking"),
        (answers(), answers(media="text/event-stream"), "streaming-changed", "breaking"),
        (
            answers(headers={"X-A": {"required": True, "schema": TEXT}}),
            answers(),
            "required-header-removed",
            "breaking",
        ),
        (answers(headers={"X-A": {"schema": TEXT}}), answers(), "optional-header-removed", "review"),
        (answers(), answers(headers={"X-A": {"schema": TEXT}}), "header-added", "compatible"),
        (
            answers(headers={"X-A": {"schema": TEXT}}),
            answers(headers={"x-a": {"schema": WHOLE}}),
            "type-swapped",
            "breaking",
        ),
        (answers(links={"next": {"operationId": "a"}}), answers(), "keyword-undecided", "review"),
    ],
)
def test_what_is_said_of_a_response(old: Any, new: Any, key: str, severity: str) -> None:
    assert (key, severity) in told(old, new)


def test_an_added_status_is_compatible_and_an_error_that_went_is_told() -> None:
    two = {"responses": {**answers()["responses"], "404": {"description": "d"}}}
    assert told(answers(), two) == {("status-added", "compatible")}
    assert {key for key, _severity in told(two, answers())} == {"error-status-removed"}


def test_a_status_is_compared_with_its_range() -> None:
    assert told(answers(), answers(status="2XX")) == {("status-added", "compatible")}
    assert ("type-swapped", "breaking") in told(answers(), answers(WHOLE, status="2XX"))


def secured(*ways_in: dict[str, list[str]]) -> dict[str, Any]:
    return {"security": list(ways_in)}


SCHEMES = {
    "components": {
        "securitySchemes": {
            "key": {"type": "apiKey", "in": "header", "name": "X"},
            "o": {"type": "oauth2", "flows": {}},
        }
    }
}


@pytest.mark.parametrize(
    ("old", "new", "found"),
    [
        (secured({"key": []}), secured({"key": []}), set()),
        ({}, secured({"key": []}), {("security-tightened", "breaking")}),
        (secured({"key": []}), {}, {("security-loosened", "compatible")}),
        (secured({"key": []}), secured({"key": []}, {"o": []}), {("security-loosened", "compatible")}),
        (secured({"key": []}, {"o": []}), secured({"key": []}), {("security-tightened", "breaking")}),
        (secured({"o": ["a"]}), secured({"o": ["a", "b"]}), {("security-tightened", "breaking")}),
        (secured({"o": ["a", "b"]}), secured({"o": ["a"]}), {("security-loosened", "compatible")}),
        (secured({"key": [], "o": []}), secured({"key": []}), {("security-loosened", "compatible")}),
        (secured({"key": []}), secured({"key": [], "o": []}), {("security-tightened", "breaking")}),
    ],
)
def test_every_way_to_authenticate_must_stay(old: Any, new: Any, found: set[tuple[str, str]]) -> None:
    assert told(old, new, **SCHEMES) == found


@pytest.mark.parametrize(
    ("raw", "found"),
    [(None, [{}]), ([], [{}]), ([{}], [{}]), ([{"a": ["x"]}], [{"a": frozenset({"x"})}]), (["a"], []), ("a", [{}])],
)
def test_ways_to_authenticate(raw: Any, found: list[Any]) -> None:
    assert ways(raw) == found


@pytest.mark.parametrize(
    ("old", "new", "keys"),
    [
        (["https://a"], ["https://a/"], set()),
        (["https://a"], ["https://b"], {"server-moved"}),
        (["https://a"], ["https://a", "https://b"], {"server-added"}),
        (["https://a", "https://b"], ["https://b"], {"server-moved"}),
    ],
)
def test_where_the_server_is(old: list[str], new: list[str], keys: set[str]) -> None:
    sides = (api({}, servers=[{"url": url} for url in urls]) for urls in (old, new))
    before, after = sides
    assert {finding.key for finding in classify(before, after, "openapi").findings} == keys


def test_an_unstable_operation_may_change() -> None:
    old = {**query(), "x-stability-level": "alpha"}
    found = report(old, {**query(schema=WHOLE), "x-stability-level": "alpha"})
    assert found.verdict is Severity.COMPATIBLE
    assert all(finding.notice for finding in found.findings)


def test_a_webhook_is_read_both_ways() -> None:
    def document(schema: Any) -> dict[str, Any]:
        return {"openapi": "3.1.0", "webhooks": {"done": {"post": body(schema)}}}

    for old, new in ((WHOLE, {"type": "number"}), ({"type": "number"}, WHOLE)):
        assert classify(document(old), document(new), "openapi").verdict is Severity.BREAKING


def test_a_finding_names_its_operation() -> None:
    (finding,) = report(body(WHOLE), body(TEXT)).findings
    assert finding.use == "POST /x"
    assert finding.path == "body"
    assert finding.new_pointer == "/paths/~1x/post/requestBody/content/application~1json/schema"


def test_a_swagger_document_beside_an_openapi_one() -> None:
    swagger = {"swagger": "2.0", "paths": {"/x": {"get": {"parameters": [{"name": "q", "in": "query", **TEXT}]}}}}
    found = classify(swagger, api(query(), "get"))
    assert "type-swapped" not in {finding.key for finding in found.findings}
