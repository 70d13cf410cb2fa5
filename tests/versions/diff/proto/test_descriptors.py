"""Descriptor sets in JSON, binary and base64, and what an element means after editions have had their say."""

import base64
from typing import Any

import pytest

from versions.diff.proto.descriptors import read_any
from versions.diff.proto.features import cardinality, encoding, enum_type, json_name
from versions.diff.proto.form import ProtoField, ProtoSchema
from versions.diff.proto.wire import BadWire, decode


def number(field: int, value: int) -> bytes:
    """A number of the wire format, negative ones as 64 bits."""
    return varint(field << 3) + varint(value % (1 << 64))


def varint(value: int) -> bytes:
    low, rest = value & 127, value >> 7
    return bytes([low | 128]) + varint(rest) if rest else bytes([low])


def part(field: int, *held: str | bytes) -> bytes:
    """A text or a message of the wire format."""
    data = b"".join(one.encode() if isinstance(one, str) else one for one in held)
    return varint(field << 3 | 2) + varint(len(data)) + data


def described() -> bytes:
    """One file as protoc describes it; the numbers are those of descriptor.proto."""
    plain = part(2, part(1, "a"), number(3, 1), number(4, 1), number(5, 9))
    nested = part(2, part(1, "b"), number(3, 2), number(4, 3), number(5, 11), part(6, ".p.A.Inner"))
    inner = part(3, part(1, "Inner"), part(2, part(1, "x"), number(3, 1), number(4, 1), number(5, 5)))
    reserved = part(9, number(1, 5), number(2, 8)) + part(10, "old")
    message = part(4, part(1, "A"), plain, nested, inner, reserved)
    enum = part(5, part(1, "E"), part(2, part(1, "ZERO"), number(2, 0)), part(2, part(1, "LESS"), number(2, -1)))
    method = part(2, part(1, "M"), part(2, ".p.A"), part(3, ".p.A"), number(6, 1))
    service = part(6, part(1, "S"), method)
    return part(1, part(1, "a.proto"), part(2, "p"), message, enum, service, part(12, "proto3"))


def test_the_binary_form_is_read() -> None:
    found = read_any(described())
    assert found.unread == []
    assert {one.name: one.type for one in found.messages["p.A"].fields.values()} == {"a": "string", "b": "p.A.Inner"}
    assert found.messages["p.A"].reserved_names == {"old"}
    assert found.messages["p.A"].reserved == [(5, 7)]
    assert found.enums["p.E"].values == {0: ["ZERO"], -1: ["LESS"]}
    method = found.services["p.S"].methods["M"]
    assert (method.takes, method.gives_stream, method.takes_stream) == ("p.A", True, False)


def test_base64_is_the_same() -> None:
    data = described()
    assert read_any(base64.b64encode(data).decode()) == read_any(data)


@pytest.mark.parametrize("cut", [1, 5, 20])
def test_bytes_that_are_cut_off_are_told(cut: int) -> None:
    data = described()
    assert read_any(data[:-cut]).unread != []
    with pytest.raises(BadWire):
        decode(data[:-cut])


@pytest.mark.parametrize("data", [b"\xff\xff", b"\x0b", b"\x0a\x7f", b"\x80" * 12, b"\x59\x00", b"\x5d\x00"])
def test_bytes_that_are_no_descriptor_are_told(data: bytes) -> None:
    with pytest.raises(BadWire):
        decode(data)


def test_fields_that_are_not_known_are_skipped() -> None:
    fixed = b"\x59" + bytes(8) + b"\x5d" + bytes(4) + b"\x62\x03abc"
    assert decode(fixed) == {}
    assert decode(b"") == {}


@pytest.mark.parametrize("source", ["not base64 !", 7, ["a"], None])
def test_what_is_no_descriptor_at_all_is_told(source: Any) -> None:
    assert read_any(source).unread != []


def fields(text: str, head: str) -> tuple[ProtoSchema, dict[str, ProtoField]]:
    schema = read_any({"a.proto": f"{head} enum E {{ Z = 0; }} message M {{}} message A {{ {text} }}"})
    return schema, {field.name: field for field in schema.messages["A"].fields.values()}


@pytest.mark.parametrize(
    ("head", "text", "found"),
    [
        ('syntax = "proto3";', "string a = 1;", "implicit"),
        ('syntax = "proto3";', "optional string a = 1;", "optional"),
        ('syntax = "proto3";', "M a = 1;", "optional"),
        ('syntax = "proto3";', "oneof o { string a = 1; }", "optional"),
        ('syntax = "proto3";', "repeated string a = 1;", "repeated"),
        ('syntax = "proto3";', "map<string, M> a = 1;", "map"),
        ('syntax = "proto2";', "optional string a = 1;", "optional"),
        ('syntax = "proto2";', "required string a = 1;", "required"),
        ('edition = "2023";', "string a = 1;", "optional"),
        ('edition = "2023"; option features.field_presence = IMPLICIT;', "string a = 1;", "implicit"),
        ('edition = "2023";', "string a = 1 [features.field_presence = IMPLICIT];", "implicit"),
        ('edition = "2023";', "string a = 1 [features.field_presence = LEGACY_REQUIRED];", "required"),
    ],
)
def test_whether_a_field_is_there(head: str, text: str, found: str) -> None:
    schema, named = fields(text, head)
    assert cardinality(schema, schema.messages["A"], named["a"]) == found


@pytest.mark.parametrize(
    ("head", "text", "packed"),
    [
        ('syntax = "proto3";', "repeated int32 a = 1;", True),
        ('syntax = "proto3";', "repeated int32 a = 1 [packed = false];", False),
        ('syntax = "proto2";', "repeated int32 a = 1;", False),
        ('syntax = "proto2";', "repeated int32 a = 1 [packed = true];", True),
        ('edition = "2023";', "repeated int32 a = 1;", True),
        ('edition = "2023"; option features.repeated_field_encoding = EXPANDED;', "repeated int32 a = 1;", False),
        ('syntax = "proto3";', "repeated string a = 1;", None),
        ('syntax = "proto3";', "int32 a = 1;", None),
    ],
)
def test_whether_a_repeated_number_is_packed(head: str, text: str, packed: bool | None) -> None:
    schema, named = fields(text, head)
    assert encoding(schema, schema.messages["A"], named["a"]).get("packed") is packed


@pytest.mark.parametrize(
    ("head", "openness"),
    [
        ('syntax = "proto2";', "CLOSED"),
        ('syntax = "proto3";', "OPEN"),
        ('edition = "2023";', "OPEN"),
        ('edition = "2023"; option features.enum_type = CLOSED;', "CLOSED"),
    ],
)
def test_whether_an_enum_keeps_numbers_that_it_does_not_know(head: str, openness: str) -> None:
    schema, _named = fields("string a = 1;", head)
    assert enum_type(schema, schema.enums["E"]) == openness


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("string max_tokens = 1;", "maxTokens"),
        ("string a = 1;", "a"),
        ("string foo_2bar = 1;", "foo2bar"),
        ('string max_tokens = 1 [json_name = "max_tokens"];', "max_tokens"),
    ],
)
def test_the_name_of_a_field_in_json(text: str, name: str) -> None:
    _schema, named = fields(text, 'syntax = "proto3";')
    (field,) = named.values()
    assert json_name(field) == name
