"""YAML text to plain values with line numbers, in one pass over the parser's events and within fixed bounds.

Scalars follow YAML 1.2's core schema (yes, no, on and 2026-01-01 stay text). Anchors, aliases, tags and several
documents are refused: without aliases no small file can grow.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import yaml

from registry.specfile.errors import Finding, Path, show

MAX_BYTES = 20_000_000
MAX_NODES = 1_000_000
MAX_DEPTH = 24
MAX_DIGITS = 40

LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
INTEGER = re.compile(r"[-+]?(0|[1-9][0-9]*)")
HEXADECIMAL = re.compile(r"0x[0-9a-fA-F]{1,16}")
DECIMAL = re.compile(r"[-+]?([0-9]+\.[0-9]*|\.[0-9]+|[0-9]+(?=[eE]))([eE][-+]?[0-9]{1,3})?")
CONSTANTS: dict[str, Any] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
NO_KEY = object()


class TextInvalid(Exception):
    """Text that is not acceptable YAML at all. `line` counts from 1, 0 if unknown."""

    def __init__(self, message: str, line: int = 0, given: str = "", expected: str = "a YAML file") -> None:
        super().__init__(message)
        self.line, self.given, self.expected = line, given, expected


@dataclass(frozen=True, slots=True)
class Tree:
    """A parsed file: its value, the line of every key and item (by the container's id), and what is wrong inside it."""

    value: Any
    lines: dict[int, dict[str | int, int]]
    findings: tuple[Finding, ...]

    def line(self, path: Path) -> int:
        """The line of the deepest part of `path` that exists."""
        node, line = self.value, 1
        for part in path:
            line = self.lines.get(id(node), {}).get(part, line)
            try:
                node = node[part]
            except (KeyError, IndexError, TypeError):
                break
        return line


@dataclass(slots=True)
class Frame:
    """A container being filled, which hangs `under` a key or index. `key` is the key that waits for its value."""

    container: Any
    lines: dict[str | int, int]
    under: str | int
    key: Any = NO_KEY
    line: int = 0


@dataclass(slots=True)
class Builder:
    """Collects events into values."""

    frames: list[Frame] = field(default_factory=list)
    lines: dict[int, dict[str | int, int]] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)
    nodes: int = 0
    documents: int = 0
    value: Any = None

    def take(self, event: yaml.Event) -> None:
        """Take the parser's next event; raises TextInvalid if a bound is passed."""
        if isinstance(event, yaml.ScalarEvent):
            self.scalar(event)
        elif isinstance(event, yaml.MappingStartEvent | yaml.SequenceStartEvent):
            self.start(event)
        elif isinstance(event, yaml.MappingEndEvent | yaml.SequenceEndEvent):
            self.frames.pop()
        elif isinstance(event, yaml.AliasEvent):
            raise TextInvalid(
                f"the alias *{event.anchor} is not accepted; write the value out", line_of(event), f"*{event.anchor}"
            )
        elif isinstance(event, yaml.DocumentStartEvent):
            self.document(event)

    def document(self, event: yaml.Event) -> None:
        """Allow one document a file."""
        self.documents += 1
        if self.documents > 1:
            raise TextInvalid(
                "the file holds several YAML documents; put all models in one list", line_of(event), "---"
            )

    def scalar(self, event: yaml.ScalarEvent) -> None:
        """Place a scalar as a key or a value."""
        self.count(event)
        frame = self.frames[-1] if self.frames else None
        if frame is not None and isinstance(frame.container, dict) and frame.key is NO_KEY:
            frame.key, frame.line = event.value, line_of(event)
            return
        plain = event.implicit[0] and not event.style
        self.place(resolve(event.value) if plain else event.value, line_of(event))

    def start(self, event: yaml.Event) -> None:
        """Open a mapping or a list."""
        self.count(event)
        line = line_of(event)
        if len(self.frames) >= MAX_DEPTH:
            raise TextInvalid(f"nested deeper than {MAX_DEPTH} levels", line, "a nested value", "a flatter file")
        container: Any = {} if isinstance(event, yaml.MappingStartEvent) else []
        frame = self.frames[-1] if self.frames else None
        if frame is not None and isinstance(frame.container, dict) and frame.key is NO_KEY:
            raise TextInvalid("a list or mapping cannot be a key", line, "a complex key", "a plain name")
        under = "" if frame is None else len(frame.container) if isinstance(frame.container, list) else frame.key
        self.place(container, line)
        lines: dict[str | int, int] = {}
        self.lines[id(container)] = lines
        self.frames.append(Frame(container, lines, under))

    def count(self, event: Any) -> None:
        """Hold the bounds on nodes and refuse anchors and tags."""
        self.nodes += 1
        if self.nodes > MAX_NODES:
            raise TextInvalid(f"more than {MAX_NODES:,} values; split the file", line_of(event))
        if event.anchor:
            raise TextInvalid(
                f"the anchor &{event.anchor} is not accepted; write the value out", line_of(event), f"&{event.anchor}"
            )
        if event.tag is not None and event.tag != "!":
            raise TextInvalid(
                f"the tag {event.tag} is not accepted; leave it out", line_of(event), show(event.tag), "a plain value"
            )

    def place(self, value: Any, line: int) -> None:
        """Put `value` where the innermost open container wants it."""
        if not self.frames:
            self.value = value
            return
        frame = self.frames[-1]
        if isinstance(frame.container, list):
            frame.lines[len(frame.container)] = line
            frame.container.append(value)
            return
        key, frame.key = frame.key, NO_KEY
        if key in frame.container:
            first = frame.lines[key]
            self.findings.append(
                Finding(
                    (*self.path(), key),
                    f"{key!r} twice"[:80],
                    "each key once",
                    f"the key {key[:40]!r} is already set in line {first}; remove one of the two",
                    frame.line,
                )
            )
            return
        frame.container[key] = value
        frame.lines[key] = frame.line

    def path(self) -> Path:
        """The path of the innermost open container."""
        return tuple(frame.under for frame in self.frames[1:])


def load(text: str | bytes) -> Tree:
    """Parse YAML `text` of at most 20 MB. Raises TextInvalid."""
    source = decoded(text)
    builder = Builder()
    try:
        for event in events(source):
            builder.take(event)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise TextInvalid(*explain(error, source, mark.line + 1 if mark else 0)) from error
    except yaml.YAMLError as error:
        position = getattr(error, "position", 0)
        line = source.count("\n", 0, position if isinstance(position, int) else 0) + 1
        raise TextInvalid("the file holds a control character; remove it", line, "a control character") from error
    return Tree(builder.value, builder.lines, tuple(builder.findings))


def events(source: str) -> Iterator[yaml.Event]:
    """The parser's events."""
    parsed: Iterator[yaml.Event] = yaml.parse(source, Loader=LOADER)
    return parsed


def decoded(text: str | bytes) -> str:
    """`text` as str. Raises TextInvalid if it is too large, not UTF-8 or holds NUL."""
    if len(text) > MAX_BYTES:
        raise TextInvalid(
            f"the file is larger than {MAX_BYTES // 1_000_000} MB, the most that is accepted; split it",
            given=f"{MAX_BYTES + 1} bytes or more",
            expected=f"at most {MAX_BYTES} bytes",
        )
    try:
        raw = text if isinstance(text, bytes) else text.encode()
        source = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise TextInvalid("the file is not UTF-8; save it as UTF-8", line, "other bytes", "UTF-8 text") from error
    except UnicodeEncodeError as error:
        raise TextInvalid("the text holds half a surrogate pair", 0, "a lone surrogate", "UTF-8 text") from error
    if "\0" in source:
        line = source.count("\n", 0, source.index("\0")) + 1
        raise TextInvalid("the file holds a NUL character; is it a binary file?", line, "NUL", "UTF-8 text")
    return source


def explain(error: yaml.MarkedYAMLError, source: str, line: int) -> tuple[str, int, str, str]:
    """Message, line, given and expected for a syntax error."""
    lines = source.splitlines()
    given = show(lines[line - 1].strip()) if 0 < line <= len(lines) else ""
    line = min(line, max(len(lines), 1))
    start = lines[line - 1][: len(lines[line - 1]) - len(lines[line - 1].lstrip())] if lines else ""
    if "\t" in start:
        return "a tab is used for indentation; YAML allows spaces only", line, given, "spaces"
    context = f"{error.context}: " if error.context else ""
    return f"not valid YAML: {context}{error.problem}", line, given, "valid YAML"


def line_of(event: Any) -> int:
    """The event's line, counted from 1."""
    return int(event.start_mark.line) + 1


def resolve(text: str) -> Any:
    """A plain scalar's value: null, bool, int, float or str. A number of absurd size stays text, of the wrong type."""
    if text in CONSTANTS:
        return CONSTANTS[text]
    if text[0] not in "0123456789+-." or len(text) > MAX_DIGITS:
        return text
    if INTEGER.fullmatch(text):
        return int(text)
    if HEXADECIMAL.fullmatch(text):
        return int(text, 16)
    if DECIMAL.fullmatch(text):
        number = float(text)
        return text if number in (float("inf"), float("-inf")) else number
    return text
