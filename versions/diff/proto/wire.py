"""Decodes a binary FileDescriptorSet (descriptor.proto, field numbers below) into its JSON form."""

from typing import Any


class BadWire(ValueError):
    """The bytes are no descriptor set."""


_RANGE = {1: ("start", "int"), 2: ("end", "int")}
_FIELD: dict[int, tuple[str, Any]] = {
    1: ("name", "text"), 2: ("extendee", "text"), 3: ("number", "int"), 4: ("label", "int"), 5: ("type", "int"),
    6: ("typeName", "text"), 7: ("defaultValue", "text"), 9: ("oneofIndex", "int"), 10: ("jsonName", "text"),
    17: ("proto3Optional", "bool"),
}  # fmt: skip
_ENUM: dict[int, tuple[str, Any]] = {
    1: ("name", "text"), 2: ("value[]", {1: ("name", "text"), 2: ("number", "signed")}), 4: ("reservedRange[]", _RANGE),
    5: ("reservedName[]", "text"),
}  # fmt: skip
_MESSAGE: dict[int, tuple[str, Any]] = {
    1: ("name", "text"), 2: ("field[]", _FIELD), 4: ("enumType[]", _ENUM), 5: ("extensionRange[]", _RANGE),
    6: ("extension[]", _FIELD), 8: ("oneofDecl[]", {1: ("name", "text")}), 9: ("reservedRange[]", _RANGE),
    10: ("reservedName[]", "text"),
}  # fmt: skip
_MESSAGE[3] = ("nestedType[]", _MESSAGE)
_SERVICE: dict[int, tuple[str, Any]] = {
    1: ("name", "text"),
    2: ("method[]", {1: ("name", "text"), 2: ("inputType", "text"), 3: ("outputType", "text"),
                     5: ("clientStreaming", "bool"),
                     6: ("serverStreaming", "bool")}),
}  # fmt: skip
_FILE: dict[int, tuple[str, Any]] = {
    1: ("name", "text"), 2: ("package", "text"), 4: ("messageType[]", _MESSAGE), 5: ("enumType[]", _ENUM),
    6: ("service[]", _SERVICE), 7: ("extension[]", _FIELD), 12: ("syntax", "text"),
}  # fmt: skip
_SET: dict[int, tuple[str, Any]] = {1: ("file[]", _FILE)}


def decode(data: bytes) -> dict[str, Any]:
    """The descriptor set as JSON data. Raises BadWire. Options other than those listed above are not read."""
    return _message(data, _SET, 0)


def _message(data: bytes, table: dict[int, tuple[str, Any]], depth: int) -> dict[str, Any]:
    if depth > 40:
        raise BadWire("nested too deeply")
    result: dict[str, Any] = {}
    at = 0
    while at < len(data):
        tag, at = _varint(data, at)
        raw, at = _value(data, at, tag & 7)
        known = table.get(tag >> 3)
        if known is not None:
            name, kind = known
            value = _typed(raw, kind, depth)
            if name.endswith("[]"):
                result.setdefault(name[:-2], []).append(value)
            else:
                result[name] = value
    return result


def _typed(raw: int | bytes, kind: Any, depth: int) -> Any:
    if isinstance(raw, bytes):
        return raw.decode("utf-8", errors="replace") if kind == "text" else _message(raw, kind, depth + 1)
    if kind == "signed" and raw >= 1 << 63:
        return raw - (1 << 64)
    return bool(raw) if kind == "bool" else raw


def _value(data: bytes, at: int, kind: int) -> tuple[int | bytes, int]:
    if kind == 0:
        return _varint(data, at)
    if kind == 2:
        length, at = _varint(data, at)
        if at + length > len(data):
            raise BadWire("cut off")
        return data[at : at + length], at + length
    if kind in (1, 5):
        width = 8 if kind == 1 else 4
        if at + width > len(data):
            raise BadWire("cut off")
        return int.from_bytes(data[at : at + width], "little"), at + width
    raise BadWire(f"wire type {kind}")


def _varint(data: bytes, at: int) -> tuple[int, int]:
    result = shift = 0
    while True:
        if at >= len(data) or shift > 63:
            raise BadWire("cut off")
        byte = data[at]
        at += 1
        result |= (byte & 127) << shift
        if byte < 128:
            return result, at
        shift += 7
