"""Two sets of protobuf files: callers on the wire, readers of JSON and users of generated code all count."""

import pytest

from versions.diff.classify import classify
from versions.diff.findings import Severity

Files = dict[str, str]


def proto(text: str, syntax: str = 'syntax = "proto3";', name: str = "a.proto") -> Files:
    return {name: f"{syntax} package p; {text}"}


def told(old: Files, new: Files) -> set[tuple[str, str]]:
    """Key and place of each finding."""
    return {(finding.key, finding.path) for finding in classify(old, new, "proto").findings}


def fields(old: str, new: str, syntax: str = 'syntax = "proto3";') -> set[str]:
    """The keys of what is said of a message with some fields."""
    other = "message B {} message C {} enum E { Z = 0; }"
    sides = (proto(f"message A {{ {text} }} {other}", syntax) for text in (old, new))
    before, after = sides
    return {key for key, _path in told(before, after)}


@pytest.mark.parametrize(
    ("old", "new", "keys"),
    [
        ("string a = 1;", "string a = 1;", set()),
        ("string a = 1;", "string a = 1; string b = 2;", {"optional-added"}),
        ("string a = 1;", "", {"response-required-removed"}),
        ("string a = 1;", 'reserved 1; reserved "a";', {"required-removed"}),
        ("string a = 1;", "reserved 1;", {"response-required-removed"}),
        ("string a = 1;", "string b = 1;", {"renamed"}),
        ("string a = 1;", "string a = 2;", {"response-required-removed", "optional-added"}),
        ("string a = 1;", "int32 a = 1;", {"type-swapped"}),
        ("int32 a = 1;", "int64 a = 1;", {"type-swapped"}),
        ("B a = 1;", "C a = 1;", {"type-swapped"}),
        ("B a = 1;", ".p.B a = 1;", set()),
        ("E a = 1;", "int32 a = 1;", {"type-swapped"}),
        ("string a = 1;", "optional string a = 1;", {"type-swapped"}),
        ("map<string, B> a = 1;", "map<string, C> a = 1;", {"type-swapped"}),
        ("repeated int32 a = 1;", "repeated int32 a = 1 [packed = false];", {"proto-code-only"}),
        ("repeated int32 a = 1;", "repeated int32 a = 1 [packed = true];", set()),
        ("int64 a = 1;", "int64 a = 1 [jstype = JS_NORMAL];", set()),
        ("int64 a = 1;", "int64 a = 1 [jstype = JS_STRING];", {"proto-code-only"}),
        ("string a = 1;", "string a = 1 [deprecated = true];", set()),
        ("string a = 1;", 'string a = 1 [json_name = "b"];', {"renamed"}),
        ("string a_b = 1;", 'string a_b = 1 [json_name = "aB"];', set()),
        ("oneof o { string a = 1; }", "oneof u { string a = 1; }", {"proto-code-only"}),
        ("reserved 5 to 9;", "reserved 5 to 7;", {"proto-removed"}),
        ("reserved 5;", "reserved 4 to 9;", set()),
        ('reserved "old";', "", {"proto-removed"}),
    ],
)
def test_what_is_said_of_fields(old: str, new: str, keys: set[str]) -> None:
    assert fields(old, new) == keys


@pytest.mark.parametrize(
    ("old", "new", "keys"),
    [
        ("optional string a = 1;", "required string a = 1;", {"type-swapped"}),
        ("required string a = 1;", "optional string a = 1;", {"type-swapped"}),
        ("optional string a = 1;", "optional string a = 1; required string b = 2;", {"type-swapped"}),
        ("optional int32 a = 1 [default = 1];", "optional int32 a = 1 [default = 2];", {"type-swapped"}),
        ("optional group G = 1 { }", "optional group G = 1 { optional string x = 1; }", {"optional-added"}),
        ("extensions 100 to 199;", "extensions 100 to 150;", {"proto-removed"}),
        ("extensions 100 to 199;", "extensions 100 to 250;", set()),
    ],
)
def test_what_is_said_of_fields_of_proto2(old: str, new: str, keys: set[str]) -> None:
    assert fields(old, new, 'syntax = "proto2";') == keys


@pytest.mark.parametrize(
    ("old", "new", "found"),
    [
        ("message A {}", "", {("proto-removed", "message p.A")}),
        ("", "message A {}", {("operation-added", "message p.A")}),
        ("enum E { Z = 0; }", "enum E { Z = 0; A = 1; }", {("enum-value-added", "p.E")}),
        ("enum E { Z = 0; A = 1; }", "enum E { Z = 0; }", {("proto-removed", "value of enum p.E")}),
        ("enum E { Z = 0; A = 1; }", "enum E { Z = 0; B = 1; }", {("renamed", "p.E = 1")}),
        (
            "enum E { Z = 0; A = 1; }",
            "enum E { option allow_alias = true; Z = 0; A = 1; B = 1; }",
            set(),
        ),
        ("message A {} service S {}", "message A {}", {("proto-removed", "service p.S")}),
    ],
)
def test_what_is_said_of_elements(old: str, new: str, found: set[tuple[str, str]]) -> None:
    assert told(proto(old), proto(new)) == found


METHOD = "message A {{}} message B {{}} service S {{ rpc M ({takes}) returns ({gives}) {body} }}"


def service(takes: str = "A", gives: str = "B", body: str = ";") -> Files:
    return proto(METHOD.format(takes=takes, gives=gives, body=body))


@pytest.mark.parametrize(
    ("new", "found"),
    [
        (service(), set()),
        (service(takes=".p.A"), set()),
        (service(takes="B"), {("type-swapped", "request of p.S.M")}),
        (service(gives="A"), {("type-swapped", "response of p.S.M")}),
        (service(takes="stream A"), {("streaming-changed", "request of p.S.M")}),
        (service(gives="stream B"), {("streaming-changed", "response of p.S.M")}),
        (
            service(body="{ option idempotency_level = IDEMPOTENT; }"),
            {("proto-code-only", "idempotency of p.S.M")},
        ),
        (
            service(body='{ option (google.api.http) = { get: "/v1" }; }'),
            {
                ("keyword-undecided", "(google.api.http) of p.S.M"),
                ("keyword-undecided", "(google.api.http).get of p.S.M"),
            },
        ),
    ],
)
def test_what_is_said_of_a_method(new: Files, found: set[tuple[str, str]]) -> None:
    assert told(service(), new) == found


def test_a_method_that_came_or_went() -> None:
    empty = proto("message A {} message B {} service S {}")
    assert told(service(), empty) == {("operation-removed", "method p.S.M")}
    assert told(empty, service()) == {("operation-added", "method p.S.M")}


@pytest.mark.parametrize(
    ("old", "new", "key"),
    [
        (proto(""), proto("", 'syntax = "proto2";'), "proto-code-only"),
        (proto('option go_package = "a";'), proto('option go_package = "b";'), "proto-code-only"),
        (proto("", name="a.proto"), proto("", name="b.proto"), "proto-removed"),
        ({"a.proto": "package p;"}, {"a.proto": "package q;"}, "proto-code-only"),
    ],
)
def test_what_is_said_of_a_file(old: Files, new: Files, key: str) -> None:
    assert key in {found for found, _path in told(old, new)}


def test_an_element_may_move_to_another_file() -> None:
    old = {**proto("message A {}"), **proto("", name="b.proto")}
    new = {**proto(""), **proto("message A {}", name="b.proto")}
    assert told(old, new) == {("proto-code-only", "file of message p.A")}


def test_an_extension_that_went_is_told() -> None:
    base = "message A { extensions 100 to max; }"
    old = proto(f"{base} extend A {{ optional string note = 100; }}", 'syntax = "proto2";')
    new = proto(base, 'syntax = "proto2";')
    assert told(old, new) == {("proto-removed", "extension A#100")}


def test_an_edition_that_says_what_the_syntax_said_changes_nothing() -> None:
    old = proto("message A { string a = 1; repeated int32 b = 2; }")
    new = proto(
        "option features.field_presence = IMPLICIT; message A { string a = 1; repeated int32 b = 2; }",
        'edition = "2023";',
    )
    assert told(old, new) == set()


def test_what_could_not_be_read_before_either_is_a_notice() -> None:
    broken = {"a.proto": "message A {"}
    report = classify(broken, broken, "proto")
    assert {finding.key for finding in report.findings} <= {"unreadable-unchanged"}
    assert classify(proto(""), broken, "proto").verdict is not Severity.COMPATIBLE
