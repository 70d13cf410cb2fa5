"""What a set of protobuf files declares, by full name."""

from dataclasses import dataclass, field
from typing import Any

Options = dict[str, Any]
Ranges = list[tuple[int, int]]


@dataclass(slots=True)
class ProtoField:
    """A field, also one of an extension. `label` is "", optional, required, repeated or map."""

    name: str
    number: int
    type: str
    label: str
    options: Options
    oneof: str = ""
    extendee: str = ""
    scope: str = ""


@dataclass(slots=True)
class ProtoMessage:
    """A message; its fields by number."""

    name: str
    file: str
    options: Options = field(default_factory=dict)
    fields: dict[int, ProtoField] = field(default_factory=dict)
    reserved: Ranges = field(default_factory=list)
    reserved_names: set[str] = field(default_factory=set)
    extensions: Ranges = field(default_factory=list)


@dataclass(slots=True)
class ProtoEnum:
    """An enum; its names by number, several if aliases are allowed."""

    name: str
    file: str
    options: Options = field(default_factory=dict)
    values: dict[int, list[str]] = field(default_factory=dict)
    reserved: Ranges = field(default_factory=list)
    reserved_names: set[str] = field(default_factory=set)


@dataclass(slots=True)
class ProtoMethod:
    """A method of a service."""

    name: str
    takes: str
    gives: str
    takes_stream: bool
    gives_stream: bool
    options: Options = field(default_factory=dict)


@dataclass(slots=True)
class ProtoService:
    """A service; its methods by name."""

    name: str
    file: str
    methods: dict[str, ProtoMethod] = field(default_factory=dict)
    options: Options = field(default_factory=dict)


@dataclass(slots=True)
class ProtoFile:
    """One file; `edition` is proto2, proto3 or a year."""

    name: str
    package: str = ""
    edition: str = "proto2"
    options: Options = field(default_factory=dict)


@dataclass(slots=True)
class ProtoSchema:
    """Everything that some files declare, and what could not be read."""

    files: dict[str, ProtoFile] = field(default_factory=dict)
    messages: dict[str, ProtoMessage] = field(default_factory=dict)
    enums: dict[str, ProtoEnum] = field(default_factory=dict)
    services: dict[str, ProtoService] = field(default_factory=dict)
    extensions: dict[tuple[str, int], ProtoField] = field(default_factory=dict)
    unread: list[str] = field(default_factory=list)
