"""Protobuf descriptors: the JSON form of FileDescriptorSet, and its binary form (also as base64)."""

import base64
import binascii
from typing import Any

from versions.diff.proto.form import (
    ProtoEnum,
    ProtoField,
    ProtoFile,
    ProtoMessage,
    ProtoMethod,
    ProtoSchema,
    ProtoService,
)
from versions.diff.proto.text import read_text
from versions.diff.proto.wire import BadWire, decode

TYPES = (
    "", "double", "float", "int64", "uint64", "int32", "fixed64", "fixed32", "bool", "string", "group", "message",
    "bytes", "uint32", "enum", "sfixed32", "sfixed64", "sint32", "sint64",
)  # fmt: skip
LABELS = ("", "optional", "required", "repeated")


def read_any(source: Any) -> ProtoSchema:
    """A schema from `{file name: text}`, from one text, or from a descriptor set in any form."""
    if isinstance(source, bytes):
        return _binary(source)
    if isinstance(source, str):
        if (
            "syntax" in source
            or "message" in source
            or "service" in source
            or "edition" in source
            or not source.strip()
        ):
            return read_text({"file.proto": source})
        try:
            return _binary(base64.b64decode(source, validate=True))
        except binascii.Error:
            return ProtoSchema(unread=["neither .proto text nor a base64 descriptor set"])
    if isinstance(source, dict) and isinstance(source.get("file"), list):
        return _from_json(source)
    if isinstance(source, dict):
        return read_text(source)
    return ProtoSchema(unread=[f"expected .proto files or a descriptor set, found {type(source).__name__}"])


def _binary(data: bytes) -> ProtoSchema:
    try:
        return _from_json(decode(data))
    except BadWire as error:
        return ProtoSchema(unread=[f"descriptor set: {error}"])


def _from_json(data: dict[str, Any]) -> ProtoSchema:
    schema = ProtoSchema()
    for raw in data.get("file", ()):
        if not isinstance(raw, dict):
            schema.unread.append("a file descriptor is no mapping")
            continue
        edition = str(raw.get("edition", "")).removeprefix("EDITION_") or str(raw.get("syntax") or "proto2")
        file = ProtoFile(str(raw.get("name", "")), str(raw.get("package", "")), edition, _options(raw.get("options")))
        schema.files[file.name] = file
        for message in raw.get("messageType", ()):
            _message(schema, message, file.package, file.name)
        for enum in raw.get("enumType", ()):
            _enum(schema, enum, file.package, file.name)
        for service in raw.get("service", ()):
            _service(schema, service, file.package, file.name)
        for extension in raw.get("extension", ()):
            _extension(schema, extension)
    return schema


def _message(schema: ProtoSchema, raw: dict[str, Any], scope: str, file: str) -> None:
    message = ProtoMessage(_full(scope, raw), file, _options(raw.get("options")))
    schema.messages[message.name] = message
    oneofs = [str(item.get("name", "")) for item in raw.get("oneofDecl", ())]
    for item in raw.get("field", ()):
        field = _field(item)
        index = item.get("oneofIndex")
        if index is not None and not item.get("proto3Optional") and int(index) < len(oneofs):
            field.oneof = oneofs[int(index)]
        message.fields[field.number] = field
    message.reserved = [(int(r.get("start", 0)), int(r.get("end", 0)) - 1) for r in raw.get("reservedRange", ())]
    message.extensions = [(int(r.get("start", 0)), int(r.get("end", 0)) - 1) for r in raw.get("extensionRange", ())]
    message.reserved_names = set(map(str, raw.get("reservedName", ())))
    for nested in raw.get("nestedType", ()):
        _message(schema, nested, message.name, file)
    for enum in raw.get("enumType", ()):
        _enum(schema, enum, message.name, file)
    for extension in raw.get("extension", ()):
        _extension(schema, extension)


def _field(raw: dict[str, Any]) -> ProtoField:
    kind = _word(raw.get("type"), TYPES, "TYPE_")
    name = str(raw.get("typeName", "")).lstrip(".")
    if name:
        kind = f"group {name}" if kind == "group" else name
    label = _word(raw.get("label"), LABELS, "LABEL_")
    if label == "optional" and not raw.get("proto3Optional"):
        label = ""
    options = _options(raw.get("options"))
    if raw.get("jsonName"):
        options["json_name"] = raw["jsonName"]
    if "defaultValue" in raw:
        options["default"] = raw["defaultValue"]
    return ProtoField(str(raw.get("name", "")), int(raw.get("number", 0)), kind, label, options)


def _extension(schema: ProtoSchema, raw: dict[str, Any]) -> None:
    field = _field(raw)
    field.extendee = str(raw.get("extendee", "")).lstrip(".")
    schema.extensions[(field.extendee, field.number)] = field


def _enum(schema: ProtoSchema, raw: dict[str, Any], scope: str, file: str) -> None:
    enum = ProtoEnum(_full(scope, raw), file, _options(raw.get("options")))
    schema.enums[enum.name] = enum
    for value in raw.get("value", ()):
        enum.values.setdefault(int(value.get("number", 0)), []).append(str(value.get("name", "")))
    enum.reserved = [(int(r.get("start", 0)), int(r.get("end", 0))) for r in raw.get("reservedRange", ())]
    enum.reserved_names = set(map(str, raw.get("reservedName", ())))


def _service(schema: ProtoSchema, raw: dict[str, Any], scope: str, file: str) -> None:
    service = ProtoService(_full(scope, raw), file, options=_options(raw.get("options")))
    schema.services[service.name] = service
    for item in raw.get("method", ()):
        takes, gives = str(item.get("inputType", "")).lstrip("."), str(item.get("outputType", "")).lstrip(".")
        streams = bool(item.get("clientStreaming")), bool(item.get("serverStreaming"))
        name = str(item.get("name", ""))
        service.methods[name] = ProtoMethod(name, takes, gives, *streams, _options(item.get("options")))


def _full(scope: str, raw: dict[str, Any]) -> str:
    name = str(raw.get("name", ""))
    return f"{scope}.{name}" if scope else name


def _word(value: Any, words: tuple[str, ...], prefix: str) -> str:
    if isinstance(value, int):
        return words[value] if 0 <= value < len(words) else str(value)
    return str(value or "").removeprefix(prefix).lower()


def _options(raw: Any) -> dict[str, Any]:
    """Options with snake-case names and features as dotted names."""
    result: dict[str, Any] = {}
    for name, value in raw.items() if isinstance(raw, dict) else ():
        snake = "".join(f"_{char.lower()}" if char.isupper() else char for char in name)
        if isinstance(value, dict):
            result.update({f"{snake}.{inner}": item for inner, item in _options(value).items()})
        else:
            result[snake] = str(value).lower() if isinstance(value, bool) else value
    return result
