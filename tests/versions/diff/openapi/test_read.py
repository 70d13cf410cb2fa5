"""OpenAPI and Swagger documents become operations of one form; what cannot be read is told."""

from typing import Any

import pytest

from versions.diff.findings import Direction
from versions.diff.openapi.form import ApiOperation
from versions.diff.openapi.operations import operation
from versions.diff.openapi.read import ApiDocument, path_shape

TEXT = {"type": "string"}


def api(paths: dict[str, Any], **more: Any) -> ApiDocument:
    return ApiDocument({"openapi": "3.0.3", "paths": paths, **more})


def swagger(paths: dict[str, Any], **more: Any) -> ApiDocument:
    return ApiDocument({"swagger": "2.0", "paths": paths, **more})


def only(document: ApiDocument) -> ApiOperation:
    """The one operation of a document."""
    ((key, entry),) = document.operations.items()
    return operation(document, entry, key[1])


@pytest.mark.parametrize(
    ("path", "shape"),
    [("/a", "/a"), ("/a/", "/a/"), ("/a/{id}", "/a/{}"), ("/{x}/{y}.json", "/{}/{}.json"), ("/a/{id", "/a/{id")],
)
def test_the_names_of_path_parameters_do_not_matter(path: str, shape: str) -> None:
    assert path_shape(path) == shape


def test_operations_are_listed_by_shape_and_method() -> None:
    item = {"get": {}, "POST": {}, "summary": "s", "parameters": [], "x-get": {}}
    assert set(api({"/a/{id}": item, "x-paths": item}).operations) == {("/a/{}", "get"), ("/a/{}", "post")}


def test_webhooks_are_operations_by_name() -> None:
    document = ApiDocument({"openapi": "3.1.0", "webhooks": {"done": {"post": {}}}})
    assert set(document.operations) == {("webhook done", "post")}


def test_a_path_item_may_be_a_reference() -> None:
    document = api({"/a": {"$ref": "#/components/pathItems/A"}}, components={"pathItems": {"A": {"get": {}}}})
    assert set(document.operations) == {("/a", "get")}


@pytest.mark.parametrize(
    ("root", "texts"),
    [
        ("text", ["the document is no mapping"]),
        ({"openapi": "3.0.3", "paths": []}, ["paths is no mapping"]),
        ({"openapi": "3.0.3", "paths": {"/a": []}}, ["path item is no mapping"]),
        ({"openapi": "3.0.3", "paths": {"/a": {"get": 7}}}, ["operation is no mapping"]),
        ({"openapi": "3.0.3", "paths": {"/a": {"$ref": "#/b"}}}, ["reference #/b leads nowhere"]),
    ],
)
def test_what_cannot_be_read_is_told(root: Any, texts: list[str]) -> None:
    assert [issue.text.partition(": ")[0] for issue in ApiDocument(root).issues] == texts


def test_references_in_a_circle_are_told() -> None:
    parameters = {"A": {"$ref": "#/components/parameters/B"}, "B": {"$ref": "#/components/parameters/A"}}
    document = api({}, components={"parameters": parameters})
    assert document.resolve(parameters["A"], "/x")[0] is None
    assert "circle" in document.issues[0].text


def test_requests_and_responses_are_read_apart_only_if_a_field_travels_one_way() -> None:
    plain = api({}, components={"schemas": {"A": TEXT}})
    one_way = api({}, components={"schemas": {"A": {**TEXT, "readOnly": True}}})
    assert plain.readers[Direction.REQUEST] is plain.readers[Direction.RESPONSE]
    assert one_way.readers[Direction.REQUEST] is not one_way.readers[Direction.RESPONSE]


def test_a_parameter_of_an_operation_replaces_that_of_its_path() -> None:
    item = {
        "parameters": [{"name": "a", "in": "query", "schema": TEXT}, {"name": "b", "in": "query", "schema": TEXT}],
        "get": {"parameters": [{"name": "a", "in": "query", "required": True, "schema": {"type": "integer"}}]},
    }
    found = {one.name: one for one in only(api({"/x": item})).parameters}
    assert found["a"].required
    assert found["a"].schema == {"type": "integer"}
    assert not found["b"].required
    assert found["a"].pointer == "/paths/~1x/get/parameters/0/schema"


@pytest.mark.parametrize(
    ("raw", "style"),
    [
        ({"in": "query"}, (None, "form", True, False, False)),
        ({"in": "path"}, (None, "simple", False, False, False)),
        ({"in": "query", "style": "spaceDelimited"}, (None, "spaceDelimited", False, False, False)),
        ({"in": "query", "explode": False, "allowReserved": True}, (None, "form", False, True, False)),
        (
            {"in": "query", "content": {"Application/JSON": {"schema": TEXT}}},
            ("application/json", "form", True, False, False),
        ),
    ],
)
def test_a_parameter_has_the_style_that_its_place_implies(raw: dict[str, Any], style: tuple[Any, ...]) -> None:
    document = api({"/x": {"get": {"parameters": [{"name": "a", "schema": TEXT, **raw}]}}})
    (parameter,) = only(document).parameters
    assert parameter.style == style
    assert parameter.required is (raw["in"] == "path")


def test_a_header_has_no_case() -> None:
    (parameter,) = only(api({"/x": {"get": {"parameters": [{"name": "X-Id", "in": "header"}]}}})).parameters
    assert parameter.name == "x-id"


def test_a_parameter_may_hold_a_document() -> None:
    content = {"application/json": {"schema": {"type": "object"}}}
    (parameter,) = only(
        api({"/x": {"get": {"parameters": [{"name": "a", "in": "query", "content": content}]}}})
    ).parameters
    assert parameter.schema == {"type": "object"}
    assert parameter.pointer.endswith("/content/application~1json/schema")


@pytest.mark.parametrize(
    ("parameters", "text"),
    [
        ({}, "parameters is no list"),
        ([{"in": "query"}], "a parameter without a name"),
        ([7], "a parameter without a name"),
    ],
)
def test_parameters_that_cannot_be_read_are_told(parameters: Any, text: str) -> None:
    document = api({"/x": {"get": {"parameters": parameters}}})
    assert only(document).parameters == ()
    assert [issue.text.partition(": ")[0] for issue in document.issues] == [text]


def test_a_body_and_responses_behind_references() -> None:
    components = {
        "requestBodies": {"B": {"required": True, "content": {"application/json": {"schema": TEXT}}}},
        "responses": {"R": {"content": {"text/plain": {}}, "headers": {"X-Left": {"schema": TEXT}}}},
    }
    body, responses = {"$ref": "#/components/requestBodies/B"}, {"200": {"$ref": "#/components/responses/R"}}
    raw = {"requestBody": body, "responses": {**responses, "4xx": {}, "x-note": {}}}
    found = only(api({"/x": {"post": raw}}, components=components))
    assert found.body is not None
    assert found.body.required
    assert found.body.content["application/json"].pointer.startswith("/components/requestBodies/B")
    assert set(found.responses) == {"200", "4XX"}
    assert found.responses["200"].content["text/plain"].schema is None
    assert set(found.responses["200"].headers) == {"x-left"}


def test_servers_and_security_come_from_the_nearest() -> None:
    root: dict[str, Any] = {"servers": [{"url": "https://a/"}], "security": [{"key": []}]}
    assert only(api({"/x": {"get": {}}}, **root)).servers == ("https://a",)
    item = {"servers": [{"url": "https://b"}], "get": {"security": []}}
    found = only(api({"/x": item}, **root))
    assert found.servers == ("https://b",)
    assert found.security == []


def test_callbacks_are_calls_by_name_and_address() -> None:
    callbacks: dict[str, Any] = {"done": {"{$request.body#/url}": {"post": {}}, "x-note": {"post": {}}}}
    raw = {"callbacks": callbacks}
    assert set(api({}).called(raw, "/p")) == {("done {$request.body#/url}", "post")}


SWAGGER = {
    "parameters": [
        {"name": "q", "in": "query", "type": "array", "items": TEXT, "collectionFormat": "multi"},
        {"name": "b", "in": "body", "required": True, "schema": {"type": "object"}},
    ],
    "responses": {"200": {"schema": TEXT, "headers": {"X-Left": {"type": "integer"}}}, "default": {}},
}


def test_swagger_keeps_the_schema_of_a_parameter_beside_its_name() -> None:
    found = only(swagger({"/x": {"post": SWAGGER}}))
    (parameter,) = found.parameters
    assert parameter.schema == {"type": "array", "items": TEXT}
    assert parameter.style[1] == "multi"


@pytest.mark.parametrize(
    ("root", "raw", "media"),
    [
        ({}, {}, ["*/*"]),
        ({"consumes": ["application/json"]}, {}, ["application/json"]),
        ({"consumes": ["application/json"]}, {"consumes": ["text/plain", "a/b"]}, ["text/plain", "a/b"]),
        ({}, {"consumes": []}, ["*/*"]),
    ],
)
def test_swagger_says_once_which_media_types_are_read(root: Any, raw: Any, media: list[str]) -> None:
    found = only(swagger({"/x": {"post": {**SWAGGER, **raw}}}, **root))
    assert found.body is not None
    assert list(found.body.content) == media
    assert found.body.required


def test_swagger_responses() -> None:
    found = only(swagger({"/x": {"post": {**SWAGGER, "produces": ["application/json"]}}}))
    assert set(found.responses) == {"200", "DEFAULT"}
    assert found.responses["200"].content["application/json"].schema == TEXT
    assert found.responses["200"].headers["x-left"].schema == {"type": "integer"}
    assert found.responses["DEFAULT"].content == {}


def test_swagger_form_fields_are_one_object() -> None:
    fields = [
        {"name": "a", "in": "formData", "type": "string", "required": True},
        {"name": "f", "in": "formData", "type": "file"},
    ]
    found = only(swagger({"/x": {"post": {"parameters": fields, "consumes": ["multipart/form-data"]}}}))
    assert found.body is not None
    assert found.body.content["multipart/form-data"].schema == {
        "type": "object",
        "properties": {"a": TEXT, "f": {"type": "file"}},
        "required": ["a"],
    }


@pytest.mark.parametrize(
    ("root", "servers"),
    [
        ({"host": "a", "basePath": "/v1"}, ("//a/v1",)),
        ({"host": "a", "schemes": ["https", "http"]}, ("https://a", "http://a")),
        ({"basePath": "/v1/"}, ("/v1",)),
        ({}, ("",)),
    ],
)
def test_swagger_servers_are_host_path_and_schemes(root: Any, servers: tuple[str, ...]) -> None:
    assert only(swagger({"/x": {"get": {}}}, **root)).servers == servers
