"""YAML text to plain values, in one pass over the parser's events and within the bounds of a dialect.

Scalars follow YAML 1.2's core schema (yes, no, on and 2026-01-01 stay text), and every key is text. What else a file
may hold differs from one kind of file to another: a `YamlDialect` says it.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import yaml

from controlplane.base.messages import Sentence

PathInside = tuple[str | int, ...]
LinesOf = dict[int, dict[str | int, int]]
"""The line of every key and item, by the id of the container that holds it."""

A_FILE = Sentence("a YAML file")
LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
INTEGER = re.compile(r"[-+]?(0|[1-9][0-9]*)")
ZEROS_AND_INTEGER = re.compile(r"[-+]?[0-9]+")
HEXADECIMAL = re.compile(r"0x[0-9a-fA-F]{1,16}")
DECIMAL = re.compile(r"[-+]?([0-9]+\.[0-9]*|\.[0-9]+|[0-9]+(?=[eE]))([eE][-+]?[0-9]{1,3})?")
CONSTANTS: dict[str, Any] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
MERGE = "<<"
NO_KEY = object()


@dataclass(frozen=True, slots=True)
class YamlDialect:
    """What a kind of YAML file may hold, beyond plain mappings, lists and scalars; without an entry it is refused.

    `aliases`: anchors, aliases and merge keys; an alias counts as many values as what it stands for. `tags`: tags,
    whose values stay text. `later_documents`: documents after the first, which are left out. `complex_keys`: lists and
    mappings as keys, each read as the empty text. `repeated_keys`: a key twice, of which the last counts; otherwise
    the first counts and the others are told. `leading_zeros`: 007 is 7, otherwise text. `lines`: lines are noted.
    """

    most_values: int
    most_levels: int
    most_digits: int
    """The longest number, in characters: a longer one stays text."""
    aliases: bool = False
    tags: bool = False
    later_documents: bool = False
    complex_keys: bool = False
    repeated_keys: bool = False
    leading_zeros: bool = False
    lines: bool = False


class YamlInvalid(Exception):
    """Text that is not acceptable YAML. `line` counts from 1, 0 if unknown."""

    def __init__(self, message: str, line: int = 0, given: str = "", expected: str = A_FILE) -> None:
        super().__init__(message)
        self.line, self.given, self.expected = line, given, expected


@dataclass(frozen=True, slots=True)
class RepeatedKey:
    """A key that occurs again in `line`, after it was set in the line `first`; both are 0 if lines are not noted."""

    path: PathInside
    line: int
    first: int


@dataclass(frozen=True, slots=True)
class YamlDocument:
    """What a text holds; `lines` is empty if the dialect does not note them."""

    value: Any
    lines: LinesOf
    repeated: tuple[RepeatedKey, ...]


def read_yaml(text: str, dialect: YamlDialect) -> YamlDocument:
    """Read `text`. Raises YamlInvalid for what the dialect refuses, and yaml.YAMLError for what is no YAML."""
    builder = _Builder(dialect)
    parsed: Iterator[yaml.Event] = yaml.parse(text, Loader=LOADER)
    for event in parsed:
        if take := TAKEN.get(type(event)):
            take(builder, event)
    return YamlDocument(builder.value, builder.lines, tuple(builder.repeated))


def plain_scalar(text: str, dialect: YamlDialect) -> Any:
    """An unquoted scalar's value: null, bool, int, float or str. A number of absurd size stays text."""
    if text in CONSTANTS:
        return CONSTANTS[text]
    if text[0] not in "0123456789+-." or len(text) > dialect.most_digits:
        return text
    if (ZEROS_AND_INTEGER if dialect.leading_zeros else INTEGER).fullmatch(text):
        return int(text)
    if HEXADECIMAL.fullmatch(text):
        return int(text, 16)
    if DECIMAL.fullmatch(text):
        number = float(text)
        return text if number in (float("inf"), float("-inf")) else number
    return text


@dataclass(slots=True)
class _Frame:
    """A container being filled, which hangs `under` a key or index. `key` is the key that waits for its value."""

    container: Any
    under: str | int
    anchor: str | None
    values_before: int
    key: Any = NO_KEY
    line: int = 0
    lines: dict[str | int, int] = field(default_factory=dict)
    merged: list[Any] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Anchored:
    """What an anchor names: a value, the text that it is as a key, and how many values it holds."""

    value: Any
    text: str
    size: int


@dataclass(slots=True)
class _Builder:
    """Collects events into values."""

    dialect: YamlDialect
    value: Any = None
    lines: LinesOf = field(default_factory=dict)
    repeated: list[RepeatedKey] = field(default_factory=list)
    frames: list[_Frame] = field(default_factory=list)
    anchored: dict[str, _Anchored] = field(default_factory=dict)
    values: int = 0
    documents: int = 0

    def document(self, event: Any) -> None:
        """Begin a document."""
        self.documents += 1
        if self.documents > 1 and not self.dialect.later_documents:
            raise YamlInvalid(
                Sentence("the file holds several YAML documents; put everything in one"), line_of(event), "---"
            )

    def scalar(self, event: Any) -> None:
        """Put a scalar as a key or a value."""
        self.admit(event)
        text = event.value
        value = plain_scalar(text, self.dialect) if event.implicit[0] and not event.style else text
        if event.anchor:
            self.anchored[event.anchor] = _Anchored(value, text, 1)
        self.put(value, text, event)

    def alias(self, event: Any) -> None:
        """Put what an alias stands for."""
        if not self.dialect.aliases:
            raise YamlInvalid(
                Sentence("the alias *{anchor} is not accepted; write the value out", anchor=str(event.anchor)),
                line_of(event),
                f"*{event.anchor}",
            )
        meant = self.anchored.get(event.anchor)
        if meant is None:
            raise YamlInvalid(
                Sentence("the alias *{anchor} stands for nothing before it", anchor=str(event.anchor)),
                line_of(event),
                f"*{event.anchor}",
            )
        self.count(meant.size, event)
        self.put(meant.value, meant.text, event)

    def start(self, event: Any) -> None:
        """Open a mapping or a list."""
        before = self.values
        self.admit(event)
        if len(self.frames) >= self.dialect.most_levels:
            raise YamlInvalid(
                Sentence("nested deeper than {most} levels", most=self.dialect.most_levels),
                line_of(event),
                Sentence("a nested value"),
                Sentence("a flatter file"),
            )
        container: Any = {} if isinstance(event, yaml.MappingStartEvent) else []
        frame = self.frames[-1] if self.frames else None
        if frame is not None and awaits_key(frame) and not self.dialect.complex_keys:
            raise YamlInvalid(
                Sentence("a list or mapping cannot be a key"),
                line_of(event),
                Sentence("a complex key"),
                Sentence("a plain name"),
            )
        under = "" if frame is None else len(frame.container) if isinstance(frame.container, list) else frame.key
        self.put(container, "", event)
        self.anchored.pop(event.anchor, None)  # so that no value holds itself
        self.frames.append(_Frame(container, under, event.anchor, before))
        if self.dialect.lines:
            self.lines[id(container)] = self.frames[-1].lines

    def end(self, _event: Any) -> None:
        """Close the innermost container: its own keys count before those merged into it."""
        frame = self.frames.pop()
        for mapping in mappings(frame.merged):
            for name, value in mapping.items():
                frame.container.setdefault(name, value)
        if frame.anchor:
            self.anchored[frame.anchor] = _Anchored(frame.container, "", self.values - frame.values_before)

    def admit(self, event: Any) -> None:
        """Count a value, and refuse the anchor and the tag that the dialect does not know."""
        self.count(1, event)
        if event.anchor and not self.dialect.aliases:
            raise YamlInvalid(
                Sentence("the anchor &{anchor} is not accepted; write the value out", anchor=str(event.anchor)),
                line_of(event),
                f"&{event.anchor}",
            )
        if event.tag is not None and event.tag != "!" and not self.dialect.tags:
            raise YamlInvalid(
                Sentence("the tag {tag} is not accepted; leave it out", tag=event.tag),
                line_of(event),
                repr(event.tag)[:80],
                Sentence("a plain value"),
            )

    def count(self, values: int, event: Any) -> None:
        """Hold the bound on values."""
        self.values += values
        if self.values > self.dialect.most_values:
            raise YamlInvalid(
                Sentence("more than {most} values; split the file", most=f"{self.dialect.most_values:,}"),
                line_of(event),
            )

    def put(self, value: Any, text: str, event: Any) -> None:
        """Put a value where the innermost open container wants it; as a key it is its `text`."""
        frame = self.frames[-1] if self.frames else None
        if frame is None:
            self.value = value if self.documents == 1 else self.value
        elif isinstance(frame.container, list):
            if self.dialect.lines:
                frame.lines[len(frame.container)] = line_of(event)
            frame.container.append(value)
        elif frame.key is NO_KEY:
            frame.key = text
            if self.dialect.lines:
                frame.line = line_of(event)
        else:
            self.set(frame, value)

    def set(self, frame: _Frame, value: Any) -> None:
        """Give the key that waits its value."""
        key, frame.key = frame.key, NO_KEY
        if key == MERGE and self.dialect.aliases and isinstance(value, dict | list):
            frame.merged.append(value)
        elif key not in frame.container or self.dialect.repeated_keys:
            frame.container[key] = value
            if self.dialect.lines:
                frame.lines[key] = frame.line
        else:
            path = (*(one.under for one in self.frames[1:]), key)
            self.repeated.append(RepeatedKey(path, frame.line, frame.lines.get(key, 0)))


TAKEN: dict[type, Callable[[_Builder, Any], None]] = {
    yaml.DocumentStartEvent: _Builder.document,
    yaml.ScalarEvent: _Builder.scalar,
    yaml.AliasEvent: _Builder.alias,
    yaml.MappingStartEvent: _Builder.start,
    yaml.SequenceStartEvent: _Builder.start,
    yaml.MappingEndEvent: _Builder.end,
    yaml.SequenceEndEvent: _Builder.end,
}


def awaits_key(frame: _Frame) -> bool:
    """Whether the next value of a container is a key."""
    return isinstance(frame.container, dict) and frame.key is NO_KEY


def mappings(merged: list[Any]) -> Iterator[dict[str, Any]]:
    """The mappings that merge keys name, one each or a list; other values are left out."""
    for value in merged:
        yield from (one for one in (value if isinstance(value, list) else [value]) if isinstance(one, dict))


def line_of(event: Any) -> int:
    """The event's line, counted from 1."""
    return int(event.start_mark.line) + 1
