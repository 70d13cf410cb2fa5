"""Two sets of protobuf files. Callers on the wire, readers of the JSON form and users of generated code all count."""

from collections.abc import Callable
from typing import Any

from versions.diff.findings import DiffFinding, Direction
from versions.diff.proto.descriptors import read_any
from versions.diff.proto.features import cardinality, encoding, enum_type, json_format, json_name
from versions.diff.proto.form import (
    Options,
    ProtoEnum,
    ProtoField,
    ProtoMessage,
    ProtoMethod,
    ProtoSchema,
    ProtoService,
    Ranges,
)
from versions.diff.rules import fact
from versions.diff.values import short

Say = Callable[[str, str, Any, Any], None]
CODE_OPTIONS = ("deprecated", "json_name", "ctype", "packed", "default", "lazy", "weak", "unverified_lazy")
FILE_OPTIONS = (
    "cc_enable_arenas", "cc_generic_services", "csharp_namespace", "go_package", "java_generic_services",
    "java_multiple_files", "java_outer_classname", "java_package", "java_string_check_utf8", "objc_class_prefix",
    "optimize_for", "php_class_prefix", "php_generic_services", "php_metadata_namespace", "php_namespace",
    "py_generic_services", "ruby_package", "swift_prefix",
)  # fmt: skip


def compare_protos(old: Any, new: Any) -> list[DiffFinding]:
    """The findings of two sets of `.proto` files or descriptors."""
    before, after = read_any(old), read_any(new)
    found: list[DiffFinding] = []

    def say(key: str, name: str, was: Any, now: Any) -> None:
        found.append(fact(key, Direction.RESPONSE, name.partition("#")[0], name, (was, now)))

    for text in before.unread + [text for text in after.unread if text not in before.unread]:
        known = text in before.unread and text in after.unread
        say("unreadable-unchanged" if known else "unreadable", "protobuf", None, text)
    _files(before, after, say)
    _elements(before, after, say)
    for key, left in before.extensions.items():
        right = after.extensions.get(key)
        name = f"extension {key[0]}#{key[1]}"
        if right is None:
            say("proto-removed", name, left.name, None)
        else:
            _shape(name, left, right, say)
    return found


def _files(old: ProtoSchema, new: ProtoSchema, say: Say) -> None:
    for name, before in old.files.items():
        after = new.files.get(name)
        if after is None:
            say("proto-removed", f"file {name}", name, None)
            continue
        if before.package != after.package:
            say("proto-code-only", f"package of {name}", before.package, after.package)
        if (
            before.edition in ("proto2", "proto3")
            and after.edition in ("proto2", "proto3")
            and before.edition != after.edition
        ):
            say("proto-code-only", f"syntax of {name}", before.edition, after.edition)
        _custom(name, before.options, after.options, say)
        for option in FILE_OPTIONS:
            if before.options.get(option) != after.options.get(option):
                say("proto-code-only", f"{option} of {name}", before.options.get(option), after.options.get(option))


def _elements(old: ProtoSchema, new: ProtoSchema, say: Say) -> None:
    for kind, before, after in (
        ("message", old.messages, new.messages), ("enum", old.enums, new.enums),
        ("service", old.services, new.services),
    ):  # fmt: skip
        for name, left in before.items():
            right: Any = after.get(name)
            if right is None:
                say("proto-removed", f"{kind} {name}", name, None)
                continue
            if left.file != right.file and left.file in new.files:
                say("proto-code-only", f"file of {kind} {name}", left.file, right.file)
            _element(old, new, left, right, say)
        for name in after:
            if name not in before:
                say("operation-added", f"{kind} {name}", None, name)


def _element(old: ProtoSchema, new: ProtoSchema, left: Any, right: Any, say: Say) -> None:
    _custom(left.name, left.options, right.options, say)
    if isinstance(left, ProtoMessage):
        _message(old, new, left, right, say)
    elif isinstance(left, ProtoEnum):
        _enum(old, new, left, right, say)
    elif isinstance(left, ProtoService):
        _service(left, right, say)


def _custom(name: str, before: Options, after: Options, say: Say) -> None:
    """Options of others' making: an HTTP path, a rule of validation; what they mean is not known here."""
    for option in {**before, **after}:
        was, now = before.get(option), after.get(option)
        if ("(" in option or "[" in option) and was != now:
            say("keyword-undecided", f"{option} of {name}", was, now)


def _message(old: ProtoSchema, new: ProtoSchema, left: ProtoMessage, right: ProtoMessage, say: Say) -> None:
    for number, before in left.fields.items():
        name = f"{left.name}#{number}"
        after = right.fields.get(number)
        if after is None:
            kept = _reserved(number, right.reserved) and before.name in right.reserved_names
            say("required-removed" if kept else "response-required-removed", f"{name} {before.name}", before.type, None)
            continue
        _shape(name, before, after, say)
        _meaning((old, left, before), (new, right, after), name, say)
    for number, after in right.fields.items():
        if number not in left.fields:
            required = cardinality(new, right, after) == "required"
            say(
                "type-swapped" if required else "optional-added",
                f"{right.name}#{number} {after.name}",
                None,
                after.type,
            )
    if json_format(old, left) != json_format(new, right):
        say("proto-code-only", f"JSON format of {left.name}", json_format(old, left), json_format(new, right))
    for option in ("message_set_wire_format", "no_standard_descriptor_accessor"):
        if left.options.get(option, "false") != right.options.get(option, "false"):
            say("proto-code-only", f"{option} of {left.name}", left.options.get(option), right.options.get(option))
    _ranges(left.name, left.reserved, right.reserved, left.reserved_names - right.reserved_names, say)
    _ranges(left.name, left.extensions, right.extensions, set(), say)


def _ranges(name: str, before: Ranges, after: Ranges, lost_names: set[str], say: Say) -> None:
    for low, high in before:
        if not any(first <= low and high <= last for first, last in after):
            say("proto-removed", f"number range of {name}", f"{low} to {high}", None)
    for lost in sorted(lost_names):
        say("proto-removed", f"reserved name of {name}", lost, None)


def _reserved(number: int, ranges: Ranges) -> bool:
    return any(low <= number <= high for low, high in ranges)


def _shape(name: str, before: ProtoField, after: ProtoField, say: Say) -> None:
    if before.name != after.name:
        say("renamed", name, before.name, after.name)
    if json_name(before) != json_name(after):
        say("renamed", f"JSON name of {name}", json_name(before), json_name(after))
    if (
        before.type.rsplit(".", 1)[-1] != after.type.rsplit(".", 1)[-1]
        or _family(before.type) != _family(after.type)
        or (before.type != after.type and "." in before.type and "." in after.type)
    ):
        say("type-swapped", name, before.type, after.type)
    if before.oneof != after.oneof:
        say("proto-code-only", f"oneof of {name}", before.oneof, after.oneof)
    if before.options.get("default") != after.options.get("default"):
        say("type-swapped", f"default of {name}", before.options.get("default"), after.options.get("default"))
    for option in {**before.options, **after.options}:
        if option not in CODE_OPTIONS and not option.startswith("features"):
            was, now = before.options.get(option), after.options.get(option)
            if was != now and not (option == "jstype" and {was, now} <= {None, "JS_NORMAL"}):
                say("proto-code-only", f"{option} of {name}", was, now)


def _family(kind: str) -> str:
    return kind.split(" ", 1)[0] if kind.startswith(("group ", "map<")) else ""


def _meaning(
    left: tuple[ProtoSchema, ProtoMessage, ProtoField],
    right: tuple[ProtoSchema, ProtoMessage, ProtoField],
    name: str,
    say: Say,
) -> None:
    before, after = cardinality(*left), cardinality(*right)
    if before != after:
        say("type-swapped", f"cardinality of {name}", before, after)
    written, now = encoding(*left), encoding(*right)
    for word in {**written, **now}:
        if word in written and word in now and written[word] != now[word]:
            say("proto-code-only", f"{word} of {name}", written[word], now[word])


def _enum(old: ProtoSchema, new: ProtoSchema, left: ProtoEnum, right: ProtoEnum, say: Say) -> None:
    for number, names in left.values.items():
        now = right.values.get(number)
        if now is None:
            say("proto-removed", f"value of enum {left.name}", f"{', '.join(names)} = {number}", None)
        elif not set(names) <= set(now):
            say("renamed", f"{left.name} = {number}", ", ".join(names), ", ".join(now))
    for number, names in right.values.items():
        if number not in left.values:
            say("enum-value-added", left.name, None, f"{', '.join(names)} = {number}")
    for what, read in (("JSON format", json_format), ("openness", enum_type)):
        was, now_is = read(old, left), read(new, right)
        if was != now_is:
            say("proto-code-only", f"{what} of {left.name}", was, now_is)
    _ranges(left.name, left.reserved, right.reserved, left.reserved_names - right.reserved_names, say)


def _service(left: ProtoService, right: ProtoService, say: Say) -> None:
    for name, before in left.methods.items():
        after = right.methods.get(name)
        path = f"{left.name}.{name}"
        if after is None:
            say("operation-removed", f"method {path}", None, None)
            continue
        _method(path, before, after, say)
    for name in right.methods:
        if name not in left.methods:
            say("operation-added", f"method {right.name}.{name}", None, None)


def _method(path: str, before: ProtoMethod, after: ProtoMethod, say: Say) -> None:
    _custom(path, before.options, after.options, say)
    for what, was, now in (("request", before.takes, after.takes), ("response", before.gives, after.gives)):
        if was.rsplit(".", 1)[-1] != now.rsplit(".", 1)[-1] or (was != now and "." in was and "." in now):
            say("type-swapped", f"{what} of {path}", was, now)
    for what, streams, now_streams in (
        ("request", before.takes_stream, after.takes_stream),
        ("response", before.gives_stream, after.gives_stream),
    ):
        if streams != now_streams:
            say("streaming-changed", f"{what} of {path}", short(streams), short(now_streams))
    if before.options.get("idempotency_level") != after.options.get("idempotency_level"):
        say(
            "proto-code-only",
            f"idempotency of {path}",
            before.options.get("idempotency_level"),
            after.options.get("idempotency_level"),
        )
