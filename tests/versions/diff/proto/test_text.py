"""`.proto` texts: proto2, proto3 and editions; what is kept, and what is told."""

from typing import Any

import pytest

from versions.diff.proto.form import ProtoField, ProtoMessage, ProtoSchema
from versions.diff.proto.text import TOP, read_text


def schema(text: str, syntax: str = 'syntax = "proto3"; package p;') -> ProtoSchema:
    found = read_text({"a.proto": f"{syntax} {text}"})
    assert found.unread == []
    return found


def message(text: str, name: str = "p.A") -> ProtoMessage:
    return schema(text).messages[name]


def field(text: str) -> ProtoField:
    """The one field of a message that has some statements."""
    (found,) = message(f"message A {{ {text} }} message B {{}}").fields.values()
    return found


@pytest.mark.parametrize(
    ("text", "name", "number", "kind", "label"),
    [
        ("string a = 1;", "a", 1, "string", ""),
        ("optional int32 a_b = 0x10;", "a_b", 16, "int32", "optional"),
        ("repeated bytes c = 010;", "c", 8, "bytes", "repeated"),
        ("B b = 2;", "b", 2, "p.B", ""),
        (".p.B b = 2;", "b", 2, "p.B", ""),
        ("other.C c = 2;", "c", 2, "other.C", ""),
        ("map<string, B> m = 3;", "m", 3, "map<string,p.B>", "map"),
        ("map<int32, .p.B> m = 3;", "m", 3, "map<int32,p.B>", "map"),
        ("string optional = 4;", "optional", 4, "string", ""),
        ("optional group G = 5 { string x = 1; }", "g", 5, "group p.A.G", "optional"),
        ("oneof o { string a = 6; }", "a", 6, "string", ""),
    ],
)
def test_a_field(text: str, name: str, number: int, kind: str, label: str) -> None:
    found = field(text)
    assert (found.name, found.number, found.type, found.label) == (name, number, kind, label)


@pytest.mark.parametrize(
    ("text", "options"),
    [
        ("string a = 1 [deprecated = true];", {"deprecated": "true"}),
        ("string a = 1 [json_name = 'x', (my.rule) = \"y\"];", {"json_name": "x", "(my.rule)": "y"}),
        ("string a = 1 [(r).min = 3, (r).max = -5];", {"(r).min": "3", "(r).max": "-5"}),
        ('string a = 1 [default = "a" "b"];', {"default": "ab"}),
    ],
)
def test_options_of_a_field(text: str, options: dict[str, Any]) -> None:
    assert field(text).options == options


def test_an_aggregate_is_kept_by_its_names_and_as_a_whole() -> None:
    found = field("string a = 1 [(r) = { min: 3, name: 'x', deep { y: 1 } }];").options
    assert found["(r).min"] == "3"
    assert found["(r).name"] == "x"
    assert "deep" in found["(r)"]


def test_a_oneof_holds_its_fields() -> None:
    found = message("message A { oneof choice { string a = 1; int32 b = 2; } string c = 3; }")
    assert {one.name: one.oneof for one in found.fields.values()} == {"a": "choice", "b": "choice", "c": ""}


@pytest.mark.parametrize(
    ("text", "numbers", "names"),
    [
        ("reserved 1;", [(1, 1)], set()),
        ("reserved 1, 3 to 5, 9 to max;", [(1, 1), (3, 5), (9, TOP)], set()),
        ("reserved \"a\", 'b';", [], {"a", "b"}),
        ("reserved a, b;", [], {"a", "b"}),
    ],
)
def test_reserved_numbers_and_names(text: str, numbers: list[tuple[int, int]], names: set[str]) -> None:
    found = message(f"message A {{ {text} }}")
    assert (found.reserved, found.reserved_names) == (numbers, names)


def test_extension_ranges_may_have_options() -> None:
    found = message("message A { extensions 100 to 199, 300 [verification = UNVERIFIED]; string a = 1; }")
    assert found.extensions == [(100, 199), (300, 300)]
    assert found.fields[1].name == "a"


def test_types_are_resolved_from_the_inside_out() -> None:
    found = schema("message B {} message A { message B {} B b = 1; .p.B outer = 2; C c = 3; }")
    kinds = {one.name: one.type for one in found.messages["p.A"].fields.values()}
    assert kinds == {"b": "p.A.B", "outer": "p.B", "c": "C"}


def test_an_enum_may_have_aliases_and_negative_numbers() -> None:
    found = schema("enum E { option allow_alias = true; A = 0; B = 0 [deprecated = true]; C = -1; reserved 5, 7; }")
    enum = found.enums["p.E"]
    assert enum.values == {0: ["A", "B"], -1: ["C"]}
    assert enum.options["allow_alias"] == "true"
    assert enum.options["value B deprecated"] == "true"
    assert enum.reserved == [(5, 5), (7, 7)]


def test_a_service_and_its_methods() -> None:
    text = """
    message A {} message B {}
    service S {
      option deprecated = true;
      rpc One (A) returns (.p.B);
      rpc Two (stream A) returns (stream B) { option (google.api.http) = { get: "/v1/x" }; };
      rpc Three (stream) returns (B) {}
    }
    message stream {}
    """
    service = schema(text).services["p.S"]
    one, two, three = (service.methods[name] for name in ("One", "Two", "Three"))
    assert (one.takes, one.gives, one.takes_stream, one.gives_stream) == ("p.A", "p.B", False, False)
    assert (two.takes_stream, two.gives_stream) == (True, True)
    assert two.options["(google.api.http).get"] == "/v1/x"
    assert (three.takes, three.takes_stream) == ("p.stream", False)


def test_extensions_are_kept_by_what_they_extend() -> None:
    found = schema(
        "message A { extensions 100 to max; } extend A { optional string note = 100; }", 'syntax = "proto2"; package p;'
    )
    ((extendee, number),) = found.extensions
    assert (extendee, number) == ("A", 100)
    assert found.extensions["A", 100].name == "note"


def test_comments_and_strings_are_not_mixed_up() -> None:
    text = """
    // message Hidden {}
    /* message Hidden {
    } */
    message A { string a = 1 [json_name = "// no comment"]; string b = 2; } // end
    """
    found = schema(text)
    assert set(found.messages) == {"p.A"}
    assert found.messages["p.A"].fields[1].options["json_name"] == "// no comment"


@pytest.mark.parametrize(
    ("head", "edition"),
    [('syntax = "proto2";', "proto2"), ("syntax = 'proto3';", "proto3"), ('edition = "2023";', "2023"), ("", "proto2")],
)
def test_an_edition_is_named_at_the_top(head: str, edition: str) -> None:
    found = schema("message A {}", head)
    assert found.files["a.proto"].edition == edition


def test_options_of_a_file_and_imports() -> None:
    found = schema('import public "b.proto"; option go_package = "x/y"; option features.field_presence = IMPLICIT;')
    assert found.files["a.proto"].options == {"go_package": "x/y", "features.field_presence": "IMPLICIT"}
    assert found.files["a.proto"].package == "p"


@pytest.mark.parametrize(
    "text",
    [
        "message A {",
        "message A { string a 1; }",
        "message A { string a = x; }",
        "message A { map<string> m = 1; }",
        "service S { message A {} }",
        "nonsense A {}",
        "enum E { A }",
        "option",
        "message A { reserved 1 to; }",
    ],
)
def test_a_file_that_cannot_be_read_is_told(text: str) -> None:
    found = read_text({"bad.proto": text, "good.proto": "message G {}"})
    assert len(found.unread) == 1
    assert found.unread[0].startswith("bad.proto: ")
    assert "G" in found.messages
