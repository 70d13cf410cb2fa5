"""The door of the classifier: kinds, inputs as they are published, findings, plans, boundaries, recursion, size."""

import base64
import json
import time
from typing import Any

import pytest

from tests.versions.operation_cases import api, body
from versions.diff.boundaries import matrix
from versions.diff.classify import UnknownKind, classify, recognised
from versions.diff.findings import Severity
from versions.diff.lines import answers
from versions.diff.loading import Unreadable, load
from versions.diff.plan import apply
from versions.diff.policy import DiffPolicy, from_mapping

OPEN: dict[str, Any] = {
    "type": "object",
    "properties": {"max_tokens": {"type": "integer", "minimum": 1, "maximum": 100}},
}


def keys(report: Any) -> list[str]:
    return [finding.key for finding in report.findings]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("a: &x 1e-8\nb: &x [1, 2]\nc: *x", {"a": 1e-8, "b": [1, 2], "c": [1, 2]}),
        ("200: ok\non: yes\nday: 2024-01-01", {"200": "ok", "on": "yes", "day": "2024-01-01"}),
        ("base: &b {x: 1, y: 2}\nmore: {<<: *b, y: 3}", {"base": {"x": 1, "y": 2}, "more": {"x": 1, "y": 3}}),
        ('{"a": [1, null, true]}', {"a": [1, None, True]}),
        ("- 0x10\n- .5\n- ~\n- 'null'\n- |\n  text\n", [16, 0.5, None, "null", "text\n"]),
    ],
)
def test_texts_are_read_as_they_are_published(text: str, value: Any) -> None:
    assert load(text) == value


@pytest.mark.parametrize("text", ["a: *nowhere", "{a: [1", "[" * 900])
def test_an_unreadable_text_is_told(text: str) -> None:
    with pytest.raises(Unreadable):
        load(text)
    report = classify("{}", text, "jsonschema")
    assert report.verdict is Severity.REVIEW
    assert keys(report) == ["unreadable"]


def test_kinds_are_recognised() -> None:
    assert recognised(api()) == "openapi"
    assert recognised({"swagger": "2.0", "paths": {}}) == "swagger2"
    assert recognised({"model": "m", "model_type": "llm"}) == "dify"
    assert recognised({"name": "m", "protocol": "openai", "endpoint": "http://a"}) == "spec"
    assert recognised({"context_length": 1}) == "model"
    assert recognised({"a.proto": ""}) == "proto"
    assert recognised({"type": "object"}) == "jsonschema"
    with pytest.raises(UnknownKind, match="openapi"):
        classify({}, {}, "wsdl")


def test_our_own_specs_are_compared_parameter_by_parameter() -> None:
    old = {
        "name": "m",
        "type": "llm",
        "protocol": "openai",
        "endpoint": "http://a",
        "params": {"t": {"type": "float", "range": [0, 2]}},
    }
    new = {**old, "endpoint": "http://b", "params": {"t": {"type": "float", "range": [0, 1]}}}
    report = classify(old, new)
    assert [(finding.key, finding.path, finding.new_pointer) for finding in report.findings] == [
        ("bound-tightened", "t", "/params/t")
    ]
    clamped = {**old, "params": {"t": {"type": "float", "range": [0, 1], "outside": "clamp"}}}
    assert classify(old, clamped).verdict is Severity.COMPATIBLE


@pytest.mark.parametrize(
    "published",
    [
        {"type": "object", "properties": {"a": None}},
        {"type": "array", "items": [{"type": "string"}, {"type": "integer"}]},
        {"type": "object", "properties": {"a": {"type": "string", "required": True}}},
        {"type": "float"},
        {"enum": "a"},
        {"properties": ["a"]},
        {"anyOf": {}},
        {"$ref": "#/nowhere"},
        {"$ref": "#"},
        {"minimum": "low", "required": "a", "multipleOf": 0},
        {"pattern": "(", "type": "string"},
        {"pattern": 3},
        None,
        [],
    ],
)
def test_no_published_schema_stops_the_classifier(published: Any) -> None:
    for kind, wrap in (("jsonschema", lambda schema: schema), ("openapi", wrapped)):
        for pair in ((published, {"type": "string"}), ({"type": "string"}, published), (published, published)):
            report = classify(wrap(pair[0]), wrap(pair[1]), kind)
            assert report.verdict in Severity
            json.dumps(report.data())


def wrapped(schema: Any) -> dict[str, Any]:
    document = body("application/json")
    document["paths"]["/a"]["post"]["requestBody"]["content"]["application/json"]["schema"] = schema
    return document


@pytest.mark.parametrize(
    "broken",
    [
        {"paths": []},
        {"paths": {"/a": None}},
        {"paths": {"/a": {"get": []}}},
        {"openapi": 3, "paths": {"/a": {"get": {"parameters": {}, "responses": []}}}},
        "text",
        7,
    ],
)
def test_no_published_document_stops_the_classifier(broken: Any) -> None:
    for old, new in ((broken, api(("get /a", {}))), (api(("get /a", {})), broken), (broken, broken)):
        assert classify(old, new, "openapi").verdict in Severity


def test_recursive_schemas_are_compared() -> None:
    def tree(limit: int) -> dict[str, Any]:
        node = {
            "type": "object",
            "properties": {"value": {"type": "integer", "maximum": limit}, "next": {"$ref": "#/$defs/n"}},
        }
        return {"$ref": "#/$defs/n", "$defs": {"n": node}}

    assert classify(tree(5), tree(5), "jsonschema").verdict is Severity.COMPATIBLE
    report = classify(tree(5), tree(4), "jsonschema", "request")
    assert keys(report) == ["bound-tightened"]
    assert report.findings[0].witness is not None
    assert report.findings[0].witness.value == {"value": 5}


def test_a_long_chain_of_references_is_read() -> None:
    count = 3000
    chain = {f"s{n}": {"type": "object", "properties": {"next": {"$ref": f"#/$defs/s{n + 1}"}}} for n in range(count)}
    old = {"$ref": "#/$defs/s0", "$defs": {**chain, f"s{count}": {"type": "string"}}}
    new = {"$ref": "#/$defs/s0", "$defs": {**chain, f"s{count}": {"type": "integer"}}}
    assert classify(old, new, "jsonschema", "request").verdict is Severity.BREAKING


def test_a_shared_component_is_judged_where_it_is_used() -> None:
    def document(maximum: int, where: str) -> dict[str, Any]:
        content = {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/A"}}}}
        operation = (
            {"requestBody": content} if where == "request" else {"responses": {"200": {"description": "d", **content}}}
        )
        return api(("post /a", operation), components={"schemas": {"A": {"type": "integer", "maximum": maximum}}})

    assert classify(document(5, "request"), document(4, "request")).verdict is Severity.BREAKING
    assert classify(document(5, "response"), document(4, "response")).verdict is Severity.COMPATIBLE


def test_a_fingerprint_carries_over_to_the_next_revision() -> None:
    first = classify(OPEN, {"type": "object", "properties": {}}, "jsonschema", "request")
    later = classify({**OPEN, "title": "second"}, {"type": "object", "properties": {"z": {}}}, "jsonschema", "request")
    assert first.findings[0].fingerprint in {finding.fingerprint for finding in later.findings}


def test_a_plan_adapts_an_old_request() -> None:
    old = {
        "type": "object",
        "properties": {
            "max_tokens": {"type": "integer"},
            "t": {"type": "number", "default": 1},
            "m": {"enum": ["A", "b"]},
        },
    }
    new = {
        "type": "object",
        "properties": {
            "maxTokens": {"type": "integer"},
            "t": {"type": "number", "maximum": 1, "default": 0.5},
            "m": {"enum": ["a", "b"]},
            "k": {"type": "integer", "default": 3},
        },
        "required": ["k"],
    }
    report = classify(old, new, "jsonschema", "request")
    assert report.adaptable
    assert apply(report.plan, {"max_tokens": 5, "t": 2, "m": "A"}) == {"maxTokens": 5, "t": 1, "m": "a", "k": 3}
    assert apply(report.plan, {}) == {"t": 1, "k": 3}


def test_the_boundary_matrix_holds_each_limit_and_its_neighbours() -> None:
    schema = {
        **OPEN,
        "properties": {**OPEN["properties"], "mode": {"enum": ["a", "b"]}},
        "required": ["mode"],
        "additionalProperties": False,
    }
    tried = {(case.pointer, case.what): (case.value, case.valid) for case in matrix(schema)}
    assert tried["/max_tokens", "min-1"] == ({"mode": "a", "max_tokens": 0}, False)
    assert tried["/max_tokens", "maximum"] == ({"mode": "a", "max_tokens": 100}, True)
    assert tried["/max_tokens", "max+1"][1] is False
    assert tried["/mode", "missing"] == ({}, False)
    assert tried["/mode", "option 'b'"][1] is True
    assert tried["", "unknown name"][1] is False


def test_policy_knobs_move_verdicts() -> None:
    def verdict(old: Any, new: Any, direction: str, **knobs: Any) -> Severity:
        return classify(old, new, "jsonschema", direction, from_mapping(knobs)).verdict

    wider = {"type": "integer", "maximum": 4}, {"type": "integer", "maximum": 5}
    assert verdict(*wider, "response") is Severity.BREAKING
    assert verdict(*wider, "response", readers_depend_on_bounds=False) is Severity.COMPATIBLE
    enums = {"enum": ["a"], "type": "string"}, {"enum": ["a", "b"], "type": "string"}
    assert verdict(*enums, "response") is Severity.REVIEW
    assert verdict(*enums, "response", open_enums=["/x", ""]) is Severity.COMPATIBLE
    added = {"type": "object"}, {"type": "object", "properties": {"a": {"type": "string"}}}
    assert verdict(*added, "request", unknown_fields_tolerated=False) is Severity.REVIEW
    with pytest.raises(ValueError, match="strictness"):
        from_mapping({"strictness": 1})


def test_descriptors_are_read_in_json_and_binary() -> None:
    def descriptor(kind: int) -> dict[str, Any]:
        field = {"name": "a", "number": 1, "label": 1, "type": kind}
        return {
            "file": [
                {
                    "name": "a.proto",
                    "package": "p",
                    "syntax": "proto3",
                    "messageType": [{"name": "A", "field": [field]}],
                }
            ]
        }

    def text(number: int, value: str) -> bytes:
        return bytes([number << 3 | 2, len(value)]) + value.encode()

    def nested(number: int, value: bytes) -> bytes:
        return bytes([number << 3 | 2, len(value)]) + value

    def binary(kind: int) -> str:
        field = text(1, "a") + bytes([3 << 3, 1, 4 << 3, 1, 5 << 3, kind])
        file = text(1, "a.proto") + text(2, "p") + nested(4, text(1, "A") + nested(2, field)) + text(12, "proto3")
        return base64.b64encode(nested(1, file)).decode()

    assert "type-swapped" in keys(classify(descriptor(9), descriptor(5), "proto"))
    assert "type-swapped" in keys(classify(binary(9), binary(5), "proto"))
    assert classify(descriptor(9), binary(9), "proto").verdict is Severity.COMPATIBLE
    assert classify(b"\xff\xff\xff", binary(9), "proto").verdict is not Severity.COMPATIBLE


def test_a_bad_line_does_not_stop_the_stream() -> None:
    good = json.dumps(
        {"id": 1, "kind": "jsonschema", "direction": "request", "old": {"type": "string"}, "new": "type: integer"}
    )
    lines = [good, "nonsense", "", "[]", '{"id": 2, "old": {}}', '{"id": 3, "kind": "x", "old": {}, "new": {}}', good]
    found = [json.loads(line) for line in answers(lines, DiffPolicy())]
    assert [answer["id"] for answer in found] == [1, None, None, 2, 3, 1]
    assert [answer["verdict"] for answer in found] == ["breaking", "review", "review", "review", "review", "breaking"]
    assert all("error" in answer for answer in found[1:5])


def test_small_cases_are_quick() -> None:
    line = json.dumps(
        {
            "id": 1,
            "kind": "jsonschema",
            "direction": "request",
            "old": OPEN,
            "new": {**OPEN, "required": ["max_tokens"]},
        }
    )
    list(answers([line] * 20, DiffPolicy()))
    began = time.process_time()
    list(answers([line] * 150, DiffPolicy()))
    assert (time.process_time() - began) / 150 < 1 / 300
